//! What is asked of a virtual machine: the document a user writes, an operation
//! journals and a driver turns into the provider's own form (C1).
//!
//! Sizes are bytes. Unset options mean "the driver's well-known default", which
//! the observed VM then shows. Documents of older versions keep decoding: new
//! fields have serde defaults, and golden files prove it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cloud_init::CloudInit;
use super::devices::{
    BootDevice, DiskSpec, GraphicsSpec, NicSpec, PanicModel, TpmSpec, VideoModel, WatchdogSpec,
};
use super::instance_type::TypeRef;

/// A virtual machine as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VmSpec {
    /// Unique within the project; see [`crate::name::check_vm`].
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
    /// The size that its provider offers, of which it is to be. Its processors and memory are
    /// then the type's: a request says the same, or nothing, and what is stored says it.
    #[serde(default)]
    pub instance_type: Option<TypeRef>,
    /// What its provider fills in where nothing is said here.
    #[serde(default)]
    pub preference: Option<TypeRef>,
    /// Virtual processors.
    #[serde(default)]
    pub cpu: CpuSpec,
    /// Guest memory.
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

impl VmSpec {
    /// The smallest useful specification: a name and an amount of memory.
    pub fn new(name: impl Into<String>, memory_bytes: u64) -> Self {
        Self {
            name: name.into(),
            project: default_project(),
            description: String::new(),
            labels: BTreeMap::new(),
            instance_type: None,
            preference: None,
            cpu: CpuSpec::default(),
            memory: MemorySpec { bytes: memory_bytes, hugepages: false },
            machine: MachineSpec::default(),
            firmware: FirmwareSpec::default(),
            boot: Vec::new(),
            disks: Vec::new(),
            nics: Vec::new(),
            graphics: None,
            video: None,
            serial_console: true,
            rng: true,
            balloon: true,
            guest_agent: true,
            tpm: None,
            watchdog: None,
            panic: None,
            cloud_init: None,
            autostart: false,
        }
    }
}

/// The project of resources that name none.
pub const DEFAULT_PROJECT: &str = "default";

fn default_project() -> String {
    DEFAULT_PROJECT.to_owned()
}

const fn yes() -> bool {
    true
}

/// Virtual processors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CpuSpec {
    /// How many are online at boot. 0 in a request that leaves it to its instance type, and
    /// nowhere else.
    #[serde(default = "one")]
    pub count: u32,
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

impl Default for CpuSpec {
    fn default() -> Self {
        Self { count: 1, max_count: None, topology: None, mode: CpuMode::Default, features: vec![] }
    }
}

const fn one() -> u32 {
    1
}

/// How virtual processors are arranged; the product is the maximum count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CpuFeature {
    /// Its name as the hypervisor knows it, for example `vmx`.
    pub name: String,
    /// Whether the guest gets it.
    pub policy: CpuFeaturePolicy,
}

/// What to do with a processor feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemorySpec {
    /// How much the guest has, in bytes; rounded up to a whole KiB. 0 in a request that leaves
    /// it to its instance type, and nowhere else.
    pub bytes: u64,
    /// Whether it is backed by huge pages of the host.
    #[serde(default)]
    pub hugepages: bool,
}

/// Architecture, machine type and accelerator.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FirmwareKind {
    /// The machine type's own: SeaBIOS on x86.
    #[default]
    Bios,
    /// UEFI with a variable store of the VM's own.
    Uefi,
}
