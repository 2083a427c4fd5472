//! What a cluster says is wrong with a VM: its conditions, and those of its
//! volumes, picked out for people (F4).

use super::message;
use crate::objects::meta::Condition;
use crate::objects::part::Many;
use crate::objects::{VirtualMachine, VirtualMachineInstance};

/// Something that a cluster says is not as it should be, or needs somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Which condition or volume says so: `Synchronized`, `volume data`.
    pub about: String,
    /// The cluster's word for it; empty where it gives none.
    pub reason: String,
    /// The cluster's message, at most 1,000 characters; the word where it gives none.
    pub message: String,
}

/// Conditions that are trouble when they hold, worst first.
const BAD_WHEN_TRUE: &[&str] = &[
    "Failure",
    "ManualRecoveryRequired",
    "DecentralizedLiveMigrationFailure",
    "AgentVersionNotSupported",
    "RestartRequired",
    "MigrationRequired",
    "EvictionRequested",
];
/// Conditions that are trouble when they do not hold.
const BAD_WHEN_FALSE: &[&str] =
    &["Synchronized", "PodScheduled", "DataVolumesReady", "AccessCredentialsSynchronized", "Ready"];
/// Reasons for which something is not ready that are no trouble: it is off, or
/// its controller has not come to it.
const QUIET: &[&str] =
    &["VMINotExists", "VMIConditionMissing", "GuestNotRunning", "PodConditionMissing"];

/// All troubles of a VM, the worst first.
pub(super) fn troubles(
    vm: Option<&VirtualMachine>,
    vmi: Option<&VirtualMachineInstance>,
) -> Vec<Trouble> {
    let vm_conditions = vm.map(|vm| &vm.status.conditions);
    let vmi_conditions = vmi.map(|vmi| &vmi.status.conditions);
    let mut found = Vec::new();
    for (kinds, bad) in [(BAD_WHEN_TRUE, true), (BAD_WHEN_FALSE, false)] {
        for kind in kinds {
            // The instance knows more of itself than its VM repeats.
            for conditions in [vmi_conditions, vm_conditions].into_iter().flatten() {
                found.extend(trouble(conditions, kind, bad));
            }
        }
    }
    if let Some(count) = vm.and_then(failed_starts) {
        found.push(count);
    }
    if let Some(vmi) = vmi {
        found.extend(vmi.status.volume_status.iter().filter_map(|volume| {
            // A volume that is ready says so in its message, too.
            let is_ready = volume.phase.text() == Some("Ready");
            let text = volume.message.text().filter(|_| !is_ready)?;
            Some(Trouble {
                about: format!("volume {}", message(volume.name.text().unwrap_or("without name"))),
                reason: volume.reason.owned().unwrap_or_default(),
                message: message(text),
            })
        }));
    }
    found.dedup_by(|later, earlier| later.message == earlier.message);
    found
}

fn trouble(conditions: &Many<Condition>, kind: &str, bad: bool) -> Option<Trouble> {
    let condition = conditions.of(kind).filter(|condition| condition.holds() == Some(bad))?;
    let reason = condition.reason.text().unwrap_or_default();
    if QUIET.contains(&reason) {
        return None;
    }
    let text = condition.why().unwrap_or(kind);
    Some(Trouble { about: kind.to_owned(), reason: message(reason), message: message(text) })
}

fn failed_starts(vm: &VirtualMachine) -> Option<Trouble> {
    let failure = vm.status.start_failure.as_ref()?;
    let count = failure.consecutive_fail_count.filter(|count| *count > 0)?;
    let message = format!("it failed to start {count} times in a row");
    Some(Trouble { about: "startFailure".into(), reason: "CrashLoopBackOff".into(), message })
}
