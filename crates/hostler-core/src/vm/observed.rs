//! What was seen of a virtual machine. Only providers make these, from what
//! they read; nothing here is asked, remembered or guessed.

use std::net::IpAddr;

use super::change::Keeper;
use super::guest::GuestInfo;
use super::instance_type::TypeRef;
use super::lifecycle::Action;
use crate::clock::Timestamp;
use crate::fact::{Fact, Quality};
use crate::id::VmId;

/// What a virtual machine is doing, as its hypervisor says (C5, X8). Absent is
/// no state: a VM that is not there is not in the inventory.
///
/// ```text
///   stopped ──► starting ──► running ◄──► paused
///      ▲                      │  │ ▲        │
///      │        stopping ◄────┘  │ └ suspended (guest sleeps)
///      │            │            ├──► migrating · saving · snapshotting · dumping
///      ├────────────┘            └──► crashed (guest panicked, still held)
///      ├── saved (memory on disk; start resumes it)
///      └── failed (ended by an error, not by anybody's wish)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PowerState {
    /// Its processors run.
    Running,
    /// Held by somebody or by an error; the reason says which.
    Paused,
    /// Being started.
    Starting,
    /// Asked to shut down; still running.
    Stopping,
    /// Off.
    Stopped,
    /// Its memory is on disk; starting it resumes it.
    Saved,
    /// The guest put itself to sleep.
    Suspended,
    /// Its memory is being written to disk.
    Saving,
    /// A memory dump is being written.
    Dumping,
    /// A snapshot is being taken.
    Snapshotting,
    /// On its way from or to another host.
    Migrating,
    /// The guest panicked; the VM is still held for inspection.
    Crashed,
    /// Off because something went wrong.
    Failed,
    /// The hypervisor itself does not know.
    Unknown,
}

impl PowerState {
    /// Whether a hypervisor process holds the VM, so that its resources are in use.
    pub const fn is_live(self) -> bool {
        !matches!(self, Self::Stopped | Self::Saved | Self::Failed | Self::Unknown)
    }
}

/// Our mark on a resource that we made, read back from the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// The VM it was made for.
    pub vm: VmId,
}

/// A virtual machine as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedVm {
    /// How the provider names it for ever, for example a domain's UUID (X22).
    pub external_ref: String,
    /// The host it is on, in the provider's terms; `None` when it is on none.
    pub host_ref: Option<String>,
    /// Its present name there. Names change; identity does not.
    pub name: String,
    /// The namespace in which that name is unique; `None` where the provider has none.
    pub namespace: Option<String>,
    /// What it belongs to, as its provider's labels say.
    pub governance: Governance,
    /// Our mark, if it bears one; says nothing unless [`ObservedVm::is_read`].
    pub tag: Option<Tag>,
    /// What it is doing.
    pub power: PowerState,
    /// Why, in the hypervisor's words: `booted`, `user`, `io_error` …
    pub power_reason: String,
    /// What is wrong with it, in the provider's own words; `None` where it says nothing.
    pub message: Option<String>,
    /// When state and reason were read.
    pub observed_at: Timestamp,
    /// Whether it outlives being stopped.
    pub persistent: Fact<bool>,
    /// Whether it starts with the host.
    pub autostart: Fact<bool>,
    /// The instance type that it is of, as its provider says; `None` where it is of none.
    pub instance_type: Option<TypeRef>,
    /// The preference that it is of, likewise.
    pub preference: Option<TypeRef>,
    /// Processors online now.
    pub cpu_count: Fact<u32>,
    /// Processors that can be online.
    pub cpu_max: Fact<u32>,
    /// Memory the guest has now, in bytes.
    pub memory_bytes: Fact<u64>,
    /// Memory the guest can have, in bytes.
    pub memory_max_bytes: Fact<u64>,
    /// Its processor architecture.
    pub arch: Fact<String>,
    /// Its machine type.
    pub machine: Fact<String>,
    /// How it runs: `kvm`, `qemu` (emulated), `lxc`, `test` …, as the hypervisor says.
    pub hypervisor: Fact<String>,
    /// Which firmware it boots with: `bios`, `uefi`.
    pub firmware: Fact<String>,
    /// Its disks.
    pub disks: Fact<Vec<ObservedDisk>>,
    /// Its network interfaces.
    pub nics: Fact<Vec<ObservedNic>>,
    /// Which of its addresses it is to be reached under, where the provider has a rule for that.
    pub primary_address: Option<ObservedAddress>,
    /// The consoles it has now.
    pub consoles: Fact<Vec<ConsoleKind>>,
    /// Whether something of it that was changed waits for its next start.
    pub needs_restart: Fact<bool>,
    /// What its guest says of itself; shown, and never used to decide anything (A43).
    pub guest: Fact<GuestInfo>,
    /// Free text the provider holds about it.
    pub description: Option<String>,
    /// What cannot be done with this one, whatever its state.
    pub blocked: Vec<Blocked>,
    /// Who keeps it as it is written down elsewhere, and puts back what is changed here (X25).
    pub kept_by: Vec<Keeper>,
    /// What can be done with it, and will not be all that comes of it.
    pub cautions: Vec<Caution>,
}

impl ObservedVm {
    /// Whether its configuration was read, now or earlier. Where it was not, its
    /// disks are unavailable like everything else that it tells, and that it
    /// bears no tag does not say that it has none.
    pub fn is_read(&self) -> bool {
        self.disks.quality() != Quality::Unavailable
    }

    /// What to know before `action`, if anything.
    pub fn caution(&self, action: Action) -> Option<&str> {
        let caution = self.cautions.iter().find(|caution| caution.action == action)?;
        Some(&caution.text)
    }
}

/// Which larger thing a VM belongs to, by labels that its makers gave it (E19). Each is
/// `None` where nothing says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Governance {
    /// The system that it is a part of.
    pub system: Option<String>,
    /// The service within that.
    pub service: Option<String>,
    /// The instance of that service.
    pub instance: Option<String>,
}

/// An action that this VM cannot take part in, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// The action.
    pub action: Action,
    /// Why not, for people.
    pub reason: String,
}

/// An action that this VM can take part in, and what to know before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caution {
    /// The action.
    pub action: Action,
    /// What to know, for people.
    pub text: String,
}

/// A disk as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedDisk {
    /// The device name in the provider's configuration, for example `vda`.
    pub target: String,
    /// `disk`, `cdrom`, `floppy`, `lun`, as the provider says.
    pub device: String,
    /// The bus the guest sees, where the provider says it.
    pub bus: Option<String>,
    /// Where its bytes are: a path, `pool/volume`, an URL without secrets; `None` when empty.
    pub source: Option<String>,
    /// How it is stored: `qcow2`, `raw` …
    pub format: Option<String>,
    /// The size the guest sees, in bytes.
    pub capacity_bytes: Option<u64>,
    /// Whether the guest may only read.
    pub read_only: bool,
}

/// A network interface as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedNic {
    /// Its MAC address, lower case with colons.
    pub mac: Option<String>,
    /// What kind of connection it is: `network`, `bridge`, `direct`, `user` …
    pub kind: String,
    /// The network, bridge or interface it is connected to.
    pub source: Option<String>,
    /// The device the guest sees.
    pub model: Option<String>,
    /// The host's side of it, for example `vnet3`, while it runs.
    pub host_device: Option<String>,
    /// Addresses, each with who said so.
    pub addresses: Vec<ObservedAddress>,
}

/// An address of a guest, and who said so. What the guest itself reports is
/// shown, and never used to decide anything (A43).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedAddress {
    /// The address.
    pub address: IpAddr,
    /// `dhcp_lease`, `guest_agent`, `arp`; of KubeVirt also `pod_network` (the address of
    /// the pod around it) and `multus_status` (what its network plugin gave it).
    pub source: &'static str,
}

/// A console that can be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConsoleKind {
    /// Bytes of a serial line.
    Serial,
    /// The screen, as RFB.
    Vnc,
    /// The screen, as SPICE.
    Spice,
}

impl ConsoleKind {
    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Serial => "serial",
            Self::Vnc => "vnc",
            Self::Spice => "spice",
        }
    }
}

#[cfg(test)]
pub(crate) mod tests_support {
    //! A VM as a provider that reads little would report it.

    use super::*;

    /// A VM of this name and state, everything else unavailable.
    pub(crate) fn vm(name: &str, power: PowerState) -> ObservedVm {
        fn none<T>() -> Fact<T> {
            Fact::unsupported("test", "not read")
        }
        ObservedVm {
            external_ref: format!("ref-{name}"),
            host_ref: Some("h1".into()),
            name: name.into(),
            namespace: None,
            governance: Governance::default(),
            tag: None,
            power,
            power_reason: "booted".into(),
            message: None,
            observed_at: Timestamp::from_millis(500),
            persistent: none(),
            autostart: none(),
            instance_type: None,
            preference: None,
            cpu_count: none(),
            cpu_max: none(),
            memory_bytes: none(),
            memory_max_bytes: none(),
            arch: none(),
            machine: none(),
            hypervisor: none(),
            firmware: none(),
            disks: none(),
            nics: none(),
            primary_address: None,
            consoles: none(),
            needs_restart: none(),
            guest: none(),
            description: None,
            blocked: Vec::new(),
            kept_by: Vec::new(),
            cautions: Vec::new(),
        }
    }
}
