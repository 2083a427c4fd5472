//! What is asked of a VM, on the wire: the same shape as the stored document
//! today, and free to differ tomorrow (see `convert.rs`).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TypeRef;
use super::devices::*;

/// A virtual machine as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VmSpec {
    /// Unique within the project; letters, digits, `.`, `_` and `-`, at most 63.
    pub name: String,
    /// The project it belongs to.
    #[serde(default = "default_project")]
    pub project: String,
    /// Free text for people.
    #[serde(default)]
    pub description: String,
    /// Free key-value pairs to select by.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The size that its provider offers, of which it is to be: see
    /// `GET /api/v1/instance-types`. Processors and memory are then the type's; leave them out,
    /// or say the same. It goes to the provider that has the type.
    #[serde(default)]
    pub instance_type: Option<TypeRef>,
    /// What its provider fills in where nothing is said here: see `GET /api/v1/preferences`.
    #[serde(default)]
    pub preference: Option<TypeRef>,
    /// Virtual processors.
    #[serde(default)]
    pub cpu: CpuSpec,
    /// Guest memory.
    #[serde(default)]
    pub memory: MemorySpec,
    /// Architecture, machine type and accelerator.
    #[serde(default)]
    pub machine: MachineSpec,
    /// BIOS or UEFI.
    #[serde(default)]
    pub firmware: FirmwareSpec,
    /// In which order devices are tried at boot; empty: disks in their order.
    #[serde(default)]
    pub boot: Vec<BootDevice>,
    /// Disks and CD-ROM drives.
    #[serde(default)]
    pub disks: Vec<DiskSpec>,
    /// Network interfaces.
    #[serde(default)]
    pub nics: Vec<NicSpec>,
    /// The display; `None` for a headless VM.
    #[serde(default)]
    pub graphics: Option<GraphicsSpec>,
    /// The video card; unset: what fits the display.
    #[serde(default)]
    pub video: Option<VideoModel>,
    /// Whether there is a serial console.
    #[serde(default = "yes")]
    pub serial_console: bool,
    /// Whether the guest gets random numbers from the host.
    #[serde(default = "yes")]
    pub rng: bool,
    /// Whether there is a memory balloon, which also tells guest memory use.
    #[serde(default = "yes")]
    pub balloon: bool,
    /// Whether there is a channel for the guest agent.
    #[serde(default = "yes")]
    pub guest_agent: bool,
    /// A virtual TPM.
    #[serde(default)]
    pub tpm: Option<TpmSpec>,
    /// A watchdog device.
    #[serde(default)]
    pub watchdog: Option<WatchdogSpec>,
    /// A device by which the guest reports a kernel panic.
    #[serde(default)]
    pub panic: Option<PanicModel>,
    /// First-boot configuration, given to the guest as a NoCloud seed.
    #[serde(default)]
    pub cloud_init: Option<CloudInit>,
    /// Whether the provider starts it together with the host.
    #[serde(default)]
    pub autostart: bool,
}

/// Virtual processors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CpuSpec {
    /// How many are online at boot. Left out of a request: those of its instance type, or 1
    /// without any. Always told of what is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// How many can be made online without a restart; unset: `count`.
    #[serde(default)]
    pub max_count: Option<u32>,
    /// How they are arranged; unset: one socket each.
    #[serde(default)]
    pub topology: Option<CpuTopology>,
    /// Which processor the guest sees.
    #[serde(default)]
    pub mode: CpuMode,
    /// Single features, on top of the mode.
    #[serde(default)]
    pub features: Vec<CpuFeature>,
}

/// How virtual processors are arranged; the product is the maximum count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CpuTopology {
    /// Sockets.
    pub sockets: u32,
    /// Dies of a socket.
    #[serde(default = "one")]
    pub dies: u32,
    /// Cores of a die.
    pub cores: u32,
    /// Threads of a core.
    #[serde(default = "one")]
    pub threads: u32,
}

/// Which processor the guest sees.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CpuMode {
    /// The hypervisor's default model.
    #[default]
    Default,
    /// The host's, exactly; migrates only to equal hosts.
    HostPassthrough,
    /// The nearest named model of the host, with its features.
    HostModel,
    /// Everything this hypervisor can offer.
    Maximum,
    /// A named model such as `Skylake-Server`.
    Named(String),
}

/// One processor feature and what to do with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CpuFeature {
    /// Its name as the hypervisor knows it, for example `vmx`.
    pub name: String,
    /// Whether the guest gets it.
    pub policy: CpuFeaturePolicy,
}

/// What to do with a processor feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CpuFeaturePolicy {
    /// Offer it; refuse to start where the host lacks it.
    Require,
    /// Offer it where the host has it.
    Optional,
    /// Hide it.
    Disable,
    /// Refuse to start where the host has it.
    Forbid,
}

/// Guest memory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemorySpec {
    /// How much the guest has, in bytes; rounded up to a whole KiB. A request says it, or an
    /// instance type. Always told of what is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Whether it is backed by huge pages of the host.
    #[serde(default)]
    pub hugepages: bool,
}

/// Architecture, machine type and accelerator.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MachineSpec {
    /// The guest's architecture as the hypervisor names it; unset: the host's.
    #[serde(default)]
    pub arch: Option<String>,
    /// The machine type, for example `q35` or `virt`; unset: the modern default.
    #[serde(default)]
    pub kind: Option<String>,
    /// Hardware virtualisation or emulation.
    #[serde(default)]
    pub accelerator: Accelerator,
}

/// Hardware virtualisation or emulation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Accelerator {
    /// Hardware where the host has it for this architecture, else emulation;
    /// which one it became is told by the observed VM.
    #[default]
    Auto,
    /// Hardware, or no start.
    Kvm,
    /// Emulation.
    Tcg,
}

/// BIOS or UEFI.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FirmwareSpec {
    /// Which firmware.
    #[serde(default)]
    pub kind: FirmwareKind,
    /// Whether only signed boot loaders run; needs UEFI.
    #[serde(default)]
    pub secure_boot: bool,
}

/// Which firmware the guest boots with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FirmwareKind {
    /// The machine type's own: SeaBIOS on x86.
    #[default]
    Bios,
    /// UEFI with a variable store of the VM's own.
    Uefi,
}

/// First-boot configuration of a guest.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CloudInit {
    /// The `user-data` document; unset: made from `ssh_keys` and `hostname`.
    #[serde(default)]
    pub user_data: Option<String>,
    /// The `network-config` document, version 2.
    #[serde(default)]
    pub network_config: Option<String>,
    /// The guest's host name; unset: the VM's name.
    #[serde(default)]
    pub hostname: Option<String>,
    /// Public SSH keys for the default user.
    #[serde(default)]
    pub ssh_keys: Vec<String>,
}

fn default_project() -> String {
    hostler_core::vm::spec::DEFAULT_PROJECT.to_owned()
}

const fn yes() -> bool {
    true
}

const fn one() -> u32 {
    1
}

impl Default for CpuSpec {
    fn default() -> Self {
        Self {
            count: None,
            max_count: None,
            topology: None,
            mode: CpuMode::Default,
            features: vec![],
        }
    }
}

impl std::fmt::Debug for CloudInit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The documents hold passwords more often than not.
        f.debug_struct("CloudInit").field("hostname", &self.hostname).finish_non_exhaustive()
    }
}
