//! Snapshots of virtual machines (C14, E5): what is asked of one, what was seen of one,
//! and whether one can be taken at all. Pure; taking it is a driver's business.
//!
//! ```text
//!  asked: disks, or memory too · at rest: off, wanted, required
//!    │ limits of the provider, pure: SnapshotLimits::refuses
//!    ▼
//!  creating ──► ready ──► deleting ──► gone
//!      └──────► failed ──────┘
//! ```
//!
//! How consistent a snapshot is, is told as it truly came out, never as it was asked for.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::error::{Code, Error, Fault, Result};
use crate::fact::Fact;
use crate::id::SnapshotId;
use crate::name;
use crate::vm::PowerState;
use crate::vm::lifecycle::Denial;

/// The longest free text about a snapshot, in characters.
pub const DESCRIPTION_MAX: usize = 1024;

/// What a snapshot holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotContent {
    /// The disks: going back to it leaves the VM off.
    #[default]
    Disks,
    /// The disks, the memory and the processors: going back to it goes on where it was.
    DisksAndMemory,
}

impl SnapshotContent {
    /// Both.
    pub const ALL: &'static [Self] = &[Self::Disks, Self::DisksAndMemory];

    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disks => "disks",
            Self::DisksAndMemory => "disks_and_memory",
        }
    }
}

/// Whether the guest's file systems are to be brought to rest while it is taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quiesce {
    /// If it can be, and without it otherwise; what came of it is told.
    #[default]
    Wanted,
    /// It has to be: there is no snapshot otherwise.
    Required,
}

impl Quiesce {
    /// Both.
    pub const ALL: &'static [Self] = &[Self::Wanted, Self::Required];

    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wanted => "wanted",
            Self::Required => "required",
        }
    }
}

/// How well the disks of a snapshot fit together, as it truly came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Consistency {
    /// The VM was off: nothing was being written.
    Offline,
    /// The guest's file systems were at rest.
    Quiesced,
    /// As after a power cut: file systems have to repair themselves, and what the guest
    /// had not written is not there.
    Crash,
    /// Its memory belongs to it, so that the guest goes on and notices nothing.
    Memory,
}

impl Consistency {
    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Quiesced => "quiesced",
            Self::Crash => "crash",
            Self::Memory => "memory",
        }
    }

    /// Whether it is as good as one that was required to be at rest.
    pub const fn is_at_rest(self) -> bool {
        !matches!(self, Self::Crash)
    }
}

/// How far a snapshot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SnapshotState {
    /// It is being taken.
    Creating,
    /// It can be gone back to.
    Ready,
    /// It could not be taken.
    Failed,
    /// It is being deleted.
    Deleting,
    /// The provider does not know.
    Unknown,
}

impl SnapshotState {
    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Deleting => "deleting",
            Self::Unknown => "unknown",
        }
    }
}

/// What is asked of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotSpec {
    /// Its name, unique among those of its VM.
    pub name: String,
    /// Free text for people.
    #[serde(default)]
    pub description: String,
    /// What it is to hold.
    #[serde(default)]
    pub content: SnapshotContent,
    /// Whether the guest has to be brought to rest.
    #[serde(default)]
    pub quiesce: Quiesce,
}

impl SnapshotSpec {
    /// A snapshot of the disks.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            description: String::new(),
            content: SnapshotContent::default(),
            quiesce: Quiesce::default(),
        }
    }

    /// Checks what can be known without a provider.
    ///
    /// # Errors
    /// `spec_invalid` with all faults at once.
    pub fn check(&self) -> Result<()> {
        let mut faults = Vec::new();
        if let Err(bad) = name::check_vm(&self.name) {
            faults.push(Fault::new("/name", "bad_name", bad.to_string()));
        }
        if self.description.chars().count() > DESCRIPTION_MAX {
            let detail = format!("is longer than {DESCRIPTION_MAX} characters");
            faults.push(Fault::new("/description", "too_long", detail));
        }
        if !name::is_plain_text(&self.description) {
            let detail = "contains control characters";
            faults.push(Fault::new("/description", "bad_text", detail));
        }
        if faults.is_empty() { Ok(()) } else { Err(Error::faults(Code::SpecInvalid, faults)) }
    }
}

/// A snapshot as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedSnapshot {
    /// How the provider names it for ever, among those of its VM.
    pub external_ref: String,
    /// Its name for people: what was asked for, else the provider's own.
    pub name: String,
    /// Our mark, if it bears one: Hostler took it.
    pub tag: Option<SnapshotId>,
    /// How far it is.
    pub state: SnapshotState,
    /// Why it failed or is not ready, in the provider's words.
    pub message: Option<String>,
    /// Free text the provider holds about it.
    pub description: Option<String>,
    /// The `external_ref` of the one that it grew from; inside, `None` for the first.
    /// Unsupported where the provider has no tree.
    pub parent: Fact<Option<String>>,
    /// Whether the VM's disks have grown from it. Unsupported where there is no tree.
    pub is_current: Fact<bool>,
    /// What it holds.
    pub content: Fact<SnapshotContent>,
    /// How well its disks fit together.
    pub consistency: Fact<Consistency>,
    /// The moment that its disks are of.
    pub taken_at: Fact<Timestamp>,
    /// The disks that are in it, by the names that the VM has for them.
    pub disks: Fact<Vec<String>>,
    /// Disks of the VM that are not in it: going back to it leaves them as they are, or
    /// empty, as the provider has it.
    pub disks_left_out: Fact<Vec<String>>,
    /// When all this was read.
    pub observed_at: Timestamp,
}

/// What a provider's snapshots can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotLimits {
    /// Whether one can be taken of a VM that runs or is paused.
    pub live: bool,
    /// Whether one can hold the memory of a VM that runs or is paused.
    pub memory: bool,
    /// Whether a running guest can be brought to rest, if it has what that needs.
    pub quiesce: bool,
    /// Whether they know what they grew from.
    pub tree: bool,
    /// Whether a VM that is on can be put back to one; its power is cut by it, and what
    /// it had not written is lost. Otherwise it has to be stopped first.
    pub reverts_live: bool,
    /// How many a VM can have; `None`: as many as there is room for.
    pub max_per_vm: Option<u32>,
}

impl SnapshotLimits {
    /// Why such a snapshot cannot be taken of a VM in this state that has so many of
    /// them, if so.
    pub fn refuses(
        &self,
        spec: &SnapshotSpec,
        power: PowerState,
        existing: usize,
    ) -> Option<Denial> {
        let lacks = |message: &str| Some(Denial::new(Code::CapabilityMissing, message));
        if let Some(max) = self.max_per_vm
            && existing >= max as usize
        {
            let message = format!("the VM has {existing} snapshots, and can have {max}");
            return Some(Denial::new(Code::SnapshotLimitReached, message));
        }
        let wants_memory = spec.content == SnapshotContent::DisksAndMemory;
        if wants_memory && !self.memory {
            return lacks("its provider's snapshots hold disks only; ask for one of the disks");
        }
        if !power.is_live() {
            return wants_memory.then(|| {
                let message = "the VM is off and has no memory; ask for a snapshot of the disks";
                Denial::new(Code::VmWrongState, message)
            });
        }
        if !self.live {
            let message = "its provider takes snapshots of stopped VMs only; stop it first";
            return Some(Denial::new(Code::VmWrongState, message));
        }
        if spec.quiesce == Quiesce::Required && !self.quiesce && !wants_memory {
            return lacks(
                "its provider cannot bring a running guest to rest; stop the VM, or do not \
                 require it",
            );
        }
        None
    }

    /// Why a VM in this state cannot be put back to a snapshot, if so.
    pub fn refuses_revert(&self, power: PowerState) -> Option<Denial> {
        (power.is_live() && !self.reverts_live).then(|| {
            let message = "its provider puts back stopped VMs only; stop it first";
            Denial::new(Code::VmWrongState, message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: SnapshotLimits = SnapshotLimits {
        live: true,
        memory: true,
        quiesce: true,
        tree: true,
        reverts_live: true,
        max_per_vm: Some(2),
    };

    fn code(limits: SnapshotLimits, spec: &SnapshotSpec, power: PowerState) -> Option<Code> {
        limits.refuses(spec, power, 1).map(|denial| denial.code)
    }

    #[test]
    fn c14_what_a_provider_cannot_is_refused_before_it_is_asked() {
        use PowerState::{Paused, Running, Stopped};
        let disks = SnapshotSpec::new("a");
        let memory = SnapshotSpec { content: SnapshotContent::DisksAndMemory, ..disks.clone() };
        let required = SnapshotSpec { quiesce: Quiesce::Required, ..disks.clone() };
        let (missing, state) = (Some(Code::CapabilityMissing), Some(Code::VmWrongState));
        for (limits, spec, power, refused) in [
            (ALL, &disks, Running, None),
            (ALL, &disks, Stopped, None),
            (ALL, &memory, Paused, None),
            (ALL, &memory, Stopped, state),
            (SnapshotLimits { memory: false, ..ALL }, &memory, Running, missing),
            (SnapshotLimits { live: false, ..ALL }, &disks, Running, state),
            (SnapshotLimits { live: false, ..ALL }, &disks, Stopped, None),
            (SnapshotLimits { quiesce: false, ..ALL }, &required, Running, missing),
            (SnapshotLimits { quiesce: false, ..ALL }, &required, Stopped, None),
        ] {
            assert_eq!(code(limits, spec, power), refused, "{limits:?} {spec:?} {power:?}");
        }
        let full = ALL.refuses(&disks, Stopped, 2).unwrap();
        assert_eq!(full.code, Code::SnapshotLimitReached);
        assert_eq!(full.message, "the VM has 2 snapshots, and can have 2");
        assert_eq!(ALL.refuses_revert(Running), None);
        let stopped_only = SnapshotLimits { reverts_live: false, ..ALL };
        assert_eq!(stopped_only.refuses_revert(Stopped), None);
        assert_eq!(stopped_only.refuses_revert(Paused).unwrap().code, Code::VmWrongState);
    }

    #[test]
    fn a_snapshot_with_faults_is_refused_with_all_of_them() {
        let description = format!("{}\u{7}", "x".repeat(DESCRIPTION_MAX));
        let spec = SnapshotSpec { description, ..SnapshotSpec::new("../etc") };
        assert_eq!(spec.check().unwrap_err().code(), Code::SpecInvalid);
        assert_eq!(SnapshotSpec::new("before-upgrade").check(), Ok(()));
    }

    /// Journals hold these.
    #[test]
    fn what_is_asked_is_read_as_it_was_written() {
        let spec = SnapshotSpec {
            name: "a".into(),
            description: "b".into(),
            content: SnapshotContent::DisksAndMemory,
            quiesce: Quiesce::Required,
        };
        let text =
            r#"{"name":"a","description":"b","content":"disks_and_memory","quiesce":"required"}"#;
        assert_eq!(serde_json::to_string(&spec).unwrap(), text);
        assert_eq!(serde_json::from_str::<SnapshotSpec>(text).unwrap(), spec);
        let short: SnapshotSpec = serde_json::from_str(r#"{"name":"a"}"#).unwrap();
        assert_eq!(short, SnapshotSpec::new("a"));
    }
}
