//! What is told about a virtual machine: the one state that API, CLI, UI and
//! metrics show, computed from what is asked and what was seen.
//!
//! Three sentences rule this file. Absent is not stopped. Unknown is not
//! stopped. What cannot be seen now is told as unknown, with what was seen last
//! and when.

use super::observed::{ObservedVm, PowerState};
use crate::clock::Timestamp;
use crate::fact::Quality;

/// The state that is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VmState {
    /// An operation is making it.
    Creating,
    /// An operation is deleting it.
    Deleting,
    /// Its processors run.
    Running,
    /// Held; the reason says by whom.
    Paused,
    /// Being started.
    Starting,
    /// Shutting down.
    Stopping,
    /// Off.
    Stopped,
    /// Off, its memory on disk.
    Saved,
    /// The guest sleeps.
    Suspended,
    /// Memory is being written to disk.
    Saving,
    /// A dump is being written.
    Dumping,
    /// A snapshot is being taken.
    Snapshotting,
    /// On its way between hosts.
    Migrating,
    /// The guest panicked; still held.
    Crashed,
    /// Off because something went wrong.
    Failed,
    /// The provider was asked and does not have it.
    Missing,
    /// Nobody can tell at present.
    Unknown,
}

impl VmState {
    /// Every state, for filters and documents.
    pub const ALL: &'static [Self] = &[
        Self::Creating,
        Self::Deleting,
        Self::Running,
        Self::Paused,
        Self::Starting,
        Self::Stopping,
        Self::Stopped,
        Self::Saved,
        Self::Suspended,
        Self::Saving,
        Self::Dumping,
        Self::Snapshotting,
        Self::Migrating,
        Self::Crashed,
        Self::Failed,
        Self::Missing,
        Self::Unknown,
    ];

    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Deleting => "deleting",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Starting => "starting",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Saved => "saved",
            Self::Suspended => "suspended",
            Self::Saving => "saving",
            Self::Dumping => "dumping",
            Self::Snapshotting => "snapshotting",
            Self::Migrating => "migrating",
            Self::Crashed => "crashed",
            Self::Failed => "failed",
            Self::Missing => "missing",
            Self::Unknown => "unknown",
        }
    }

    /// The state written as `text`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|state| state.as_str() == text)
    }
}

impl From<PowerState> for VmState {
    fn from(power: PowerState) -> Self {
        match power {
            PowerState::Running => Self::Running,
            PowerState::Paused => Self::Paused,
            PowerState::Starting => Self::Starting,
            PowerState::Stopping => Self::Stopping,
            PowerState::Stopped => Self::Stopped,
            PowerState::Saved => Self::Saved,
            PowerState::Suspended => Self::Suspended,
            PowerState::Saving => Self::Saving,
            PowerState::Dumping => Self::Dumping,
            PowerState::Snapshotting => Self::Snapshotting,
            PowerState::Migrating => Self::Migrating,
            PowerState::Crashed => Self::Crashed,
            PowerState::Failed => Self::Failed,
            PowerState::Unknown => Self::Unknown,
        }
    }
}

/// Where the life of a VM that Hostler manages stands; stored with the VM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// An operation is making it.
    Creating,
    /// It has been made.
    Ready,
    /// An operation is deleting it.
    Deleting,
}

impl Phase {
    /// The word used in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Ready => "ready",
            Self::Deleting => "deleting",
        }
    }

    /// The phase written as `text`.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Creating, Self::Ready, Self::Deleting].into_iter().find(|p| p.as_str() == text)
    }
}

/// Whether the provider that should know can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach<'a> {
    /// Its latest inventory is of this time.
    Answering {
        /// When.
        at: Timestamp,
    },
    /// It does not answer.
    Silent {
        /// When it answered last; `None`: never since this server started.
        last_at: Option<Timestamp>,
        /// Why, for people.
        reason: &'a str,
    },
}

/// The state that is told, with its pedigree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VmStatus {
    /// The state.
    pub state: VmState,
    /// Why, as a short stable word where the provider gives one, else a sentence.
    pub reason: String,
    /// What is wrong with it, in the provider's own words, where it says anything.
    pub message: Option<String>,
    /// How far it can be trusted.
    pub quality: Quality,
    /// When it was seen; `None` when it was never seen.
    pub observed_at: Option<Timestamp>,
    /// The last state seen, when the present one is unknown.
    pub last_seen: Option<VmState>,
}

/// Computes what is told from what is known.
pub fn tell(phase: Option<Phase>, seen: Option<&ObservedVm>, reach: Reach<'_>) -> VmStatus {
    let status = match (reach, seen) {
        (Reach::Silent { last_at, reason }, seen) => VmStatus {
            state: VmState::Unknown,
            reason: reason.to_owned(),
            message: None,
            quality: if seen.is_some() { Quality::Stale } else { Quality::Unavailable },
            observed_at: seen.map(|vm| vm.observed_at).or(last_at),
            last_seen: seen.map(|vm| vm.power.into()),
        },
        (Reach::Answering { .. }, Some(vm)) => VmStatus {
            state: vm.power.into(),
            reason: vm.power_reason.clone(),
            message: vm.message.clone(),
            quality: Quality::Ok,
            observed_at: Some(vm.observed_at),
            last_seen: None,
        },
        (Reach::Answering { at }, None) => VmStatus {
            state: VmState::Missing,
            reason: "the provider does not have it".to_owned(),
            message: None,
            quality: Quality::Ok,
            observed_at: Some(at),
            last_seen: None,
        },
    };
    match phase {
        // While an operation makes or unmakes it, what is seen is a half-built thing.
        Some(Phase::Creating) => VmStatus { state: VmState::Creating, ..status },
        Some(Phase::Deleting) => VmStatus { state: VmState::Deleting, ..status },
        Some(Phase::Ready) | None => status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::observed::tests_support::vm;

    const AT: Timestamp = Timestamp::from_millis(1_000);

    #[test]
    fn c5_state_and_reason_are_both_told() {
        let mut seen = vm("web", PowerState::Paused);
        seen.power_reason = "io_error".into();
        seen.message = Some("/dev/sdb: no such device".into());
        let status = tell(Some(Phase::Ready), Some(&seen), Reach::Answering { at: AT });
        assert_eq!(status.message, seen.message);
        assert_eq!((status.state, status.reason.as_str()), (VmState::Paused, "io_error"));
        assert_eq!(status.quality, Quality::Ok);
    }

    #[test]
    fn x8_absent_is_missing_and_not_stopped() {
        let status = tell(Some(Phase::Ready), None, Reach::Answering { at: AT });
        assert_eq!(status.state, VmState::Missing);
        assert_eq!(status.observed_at, Some(AT));
    }

    #[test]
    fn i6_a_silent_provider_makes_states_unknown_and_keeps_what_was_seen() {
        let seen = vm("web", PowerState::Running);
        let reach = Reach::Silent { last_at: Some(AT), reason: "no answer for 40 s" };
        let status = tell(Some(Phase::Ready), Some(&seen), reach);
        assert_eq!(status.state, VmState::Unknown);
        assert_eq!(status.last_seen, Some(VmState::Running));
        assert_eq!(status.quality, Quality::Stale);
        assert_eq!(status.observed_at, Some(seen.observed_at));
    }

    #[test]
    fn x17_what_was_never_seen_has_no_time_and_no_value() {
        let reach = Reach::Silent { last_at: None, reason: "not yet asked" };
        let status = tell(None, None, reach);
        assert_eq!((status.state, status.observed_at), (VmState::Unknown, None));
        assert_eq!(status.quality, Quality::Unavailable);
    }

    #[test]
    fn a_vm_in_the_making_is_creating_whatever_is_seen() {
        let seen = vm("web", PowerState::Stopped);
        for seen in [None, Some(&seen)] {
            let status = tell(Some(Phase::Creating), seen, Reach::Answering { at: AT });
            assert_eq!(status.state, VmState::Creating);
        }
    }

    #[test]
    fn every_state_has_its_own_word() {
        for state in VmState::ALL {
            assert_eq!(VmState::parse(state.as_str()), Some(*state));
        }
        assert_eq!(VmState::parse("halted"), None);
    }
}
