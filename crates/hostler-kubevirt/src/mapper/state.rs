//! What a VM is doing, from what its controller and its instance say (E5, F4).
//!
//! ```text
//!   no instance ──► the VM's printableStatus, in the table below; no status is stopped
//!
//!   instance ──► Pending · Scheduling · Scheduled ──► Running ──► Succeeded · Failed
//!                 starting                 │            │           stopped   failed
//!                 (failed where the        │            ├► migrating: memory is on its way
//!                  controller names        │            ├► paused:    condition Paused
//!                  an error)               │            └► running
//!                                          ▼
//!                being deleted, before its end: stopping
//! ```
//!
//! | printableStatus | state | reason |
//! |---|---|---|
//! | Stopped | stopped | `stopped` |
//! | Provisioning, WaitingForVolumeBinding | starting if it is to run, else stopped | the word |
//! | Starting | starting | `starting` |
//! | Running, Paused | unknown | `instance_not_seen` |
//! | Stopping, Terminating | stopping | the word |
//! | Migrating | unknown | `instance_not_seen` |
//! | WaitingForReceiver | migrating | `receiver` |
//! | Err…, Image…BackOff, Image…Error, CrashLoopBackOff, DataVolumeError | failed | the word |
//! | Unknown and words of the future | unknown | the word |
//!
//! The instance is nearer to the truth: the controller's word may be one look
//! behind. A VM whose controller says that it runs, while no instance was seen,
//! is neither running nor off: nobody may act on it until both agree.

use hostler_core::vm::PowerState;

use super::word;
use crate::objects::meta::Condition;
use crate::objects::{VirtualMachine, VirtualMachineInstance};

/// A state with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// What it is doing.
    pub power: PowerState,
    /// Why, in a cluster's word spelt like ours, or one of ours.
    pub reason: String,
}

impl State {
    fn new(power: PowerState, reason: impl Into<String>) -> Self {
        Self { power, reason: reason.into() }
    }
}

/// How a VM is to be run, as its owner wishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunStrategy {
    /// Started again whenever it is not running.
    Always,
    /// Off.
    Halted,
    /// Started and stopped by hand only.
    Manual,
    /// Started again after a failure, not after a shutdown.
    RerunOnFailure,
    /// Started once, never again.
    Once,
    /// Waits for the memory of a VM of another cluster.
    WaitAsReceiver,
}

impl RunStrategy {
    /// What the VM says. `running` is the older way to say it; with neither it
    /// is `Halted`, by definition of the API. `None`: a word not known here.
    pub fn of(vm: &VirtualMachine) -> Option<Self> {
        match (vm.spec.run_strategy.text(), *vm.spec.running) {
            (Some("Always"), _) | (None, Some(true)) => Some(Self::Always),
            (Some("Halted"), _) | (None, Some(false) | None) => Some(Self::Halted),
            (Some("Manual"), _) => Some(Self::Manual),
            (Some("RerunOnFailure"), _) => Some(Self::RerunOnFailure),
            (Some("Once"), _) => Some(Self::Once),
            (Some("WaitAsReceiver"), _) => Some(Self::WaitAsReceiver),
            (Some(_), _) => None,
        }
    }

    /// The word of the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::Halted => "Halted",
            Self::Manual => "Manual",
            Self::RerunOnFailure => "RerunOnFailure",
            Self::Once => "Once",
            Self::WaitAsReceiver => "WaitAsReceiver",
        }
    }

    /// Whether the cluster starts it without being asked.
    pub const fn starts_by_itself(self) -> bool {
        matches!(self, Self::Always | Self::RerunOnFailure | Self::Once)
    }
}

/// State and reason of a VM, of its instance, or of both together.
pub fn state(vm: Option<&VirtualMachine>, vmi: Option<&VirtualMachineInstance>) -> State {
    match vmi {
        Some(vmi) => instance(vm, vmi),
        None => without_instance(vm),
    }
}

fn without_instance(vm: Option<&VirtualMachine>) -> State {
    let Some(vm) = vm else { return State::new(PowerState::Unknown, "instance_not_seen") };
    if vm.metadata.is_being_deleted() {
        return State::new(PowerState::Stopping, "terminating");
    }
    let Some(status) = vm.status.printable_status.text() else {
        // Its controller has not looked at it yet; nothing of it runs.
        return State::new(PowerState::Stopped, "not_yet_handled");
    };
    if let Some(failed) = failure(status) {
        return failed;
    }
    match status {
        "Stopped" => State::new(PowerState::Stopped, "stopped"),
        "Provisioning" | "WaitingForVolumeBinding" => {
            let is_wanted = RunStrategy::of(vm).is_some_and(RunStrategy::starts_by_itself)
                || is_start_requested(vm);
            let power = if is_wanted { PowerState::Starting } else { PowerState::Stopped };
            State::new(power, word(status))
        }
        "Starting" => State::new(PowerState::Starting, "starting"),
        "Stopping" | "Terminating" => State::new(PowerState::Stopping, word(status)),
        "WaitingForReceiver" => State::new(PowerState::Migrating, "receiver"),
        "Running" | "Paused" | "Migrating" => State::new(PowerState::Unknown, "instance_not_seen"),
        other => State::new(PowerState::Unknown, word(other)),
    }
}

fn is_start_requested(vm: &VirtualMachine) -> bool {
    vm.status.state_change_requests.iter().any(|request| request.action.text() == Some("Start"))
}

/// The errors that a controller names in `printableStatus`: by how they are built, since newer
/// versions name more of them, and one that is not known by name is an error all the same.
fn failure(status: &str) -> Option<State> {
    let is_of_image =
        status.starts_with("Image") && (status.ends_with("BackOff") || status.ends_with("Error"));
    let is_failure = status.starts_with("Err")
        || is_of_image
        || matches!(status, "CrashLoopBackOff" | "DataVolumeError");
    is_failure.then(|| State::new(PowerState::Failed, word(status)))
}

fn instance(vm: Option<&VirtualMachine>, vmi: &VirtualMachineInstance) -> State {
    let leaves =
        vmi.metadata.is_being_deleted() || vm.is_some_and(|vm| vm.metadata.is_being_deleted());
    let printable = vm.and_then(|vm| vm.status.printable_status.text());
    match vmi.status.phase.text() {
        Some("Running") if leaves => State::new(PowerState::Stopping, leaving(vm)),
        Some("Running") => live(vmi),
        None | Some("Pending" | "Scheduling" | "Scheduled") if leaves => {
            State::new(PowerState::Stopping, leaving(vm))
        }
        // Its pod runs, so that a hypervisor may hold it already: not failed, whatever is said.
        Some("Scheduled") => State::new(PowerState::Starting, "scheduled"),
        None => coming(vmi, printable, "pending"),
        Some("Pending") => coming(vmi, printable, "pending"),
        Some("Scheduling") => coming(vmi, printable, "scheduling"),
        Some("WaitingForSync") => State::new(PowerState::Migrating, "waiting_for_sync"),
        Some("Succeeded") => printable
            .and_then(failure)
            .unwrap_or_else(|| State::new(PowerState::Stopped, "shutdown")),
        Some("Failed") => printable.and_then(failure).unwrap_or_else(|| {
            let reason = vmi.status.reason.text().map_or_else(|| "failed".to_owned(), word);
            State::new(PowerState::Failed, reason)
        }),
        // Its node does not answer: it may run or not.
        Some("Unknown") => State::new(PowerState::Unknown, "node_silent"),
        Some(other) => State::new(PowerState::Unknown, word(other)),
    }
}

/// Why an instance goes: with its VM, or as somebody stopped it.
fn leaving(vm: Option<&VirtualMachine>) -> &'static str {
    match vm {
        Some(vm) if !vm.metadata.is_being_deleted() => "stopping",
        _ => "terminating",
    }
}

/// An instance that no hypervisor holds yet.
fn coming(vmi: &VirtualMachineInstance, printable: Option<&str>, phase: &str) -> State {
    if let Some(failed) = printable.and_then(failure) {
        return failed;
    }
    match printable {
        Some("WaitingForReceiver") => return State::new(PowerState::Migrating, "receiver"),
        Some(status @ ("Provisioning" | "WaitingForVolumeBinding")) => {
            return State::new(PowerState::Starting, word(status));
        }
        _ => {}
    }
    let scheduled = vmi.status.conditions.of("PodScheduled");
    if scheduled
        .is_some_and(|c| c.holds() == Some(false) && c.reason.text() == Some("Unschedulable"))
    {
        return State::new(PowerState::Failed, "error_unschedulable");
    }
    State::new(PowerState::Starting, phase)
}

/// An instance that a hypervisor holds.
fn live(vmi: &VirtualMachineInstance) -> State {
    let migration = vmi.status.migration_state.as_ref();
    if let Some(migration) = migration.filter(|migration| migration.is_under_way()) {
        let reason = match migration.mode.text() {
            Some("PostCopy") => "postcopy",
            _ => "migration",
        };
        return State::new(PowerState::Migrating, reason);
    }
    match vmi.status.conditions.of("Paused") {
        Some(paused) if paused.holds() == Some(true) => {
            State::new(PowerState::Paused, pause_reason(paused))
        }
        _ => match migration {
            Some(m) if m.failed.is_true() => State::new(PowerState::Running, "migration_failed"),
            Some(m) if m.completed.is_true() => State::new(PowerState::Running, "migrated"),
            _ => State::new(PowerState::Running, "running"),
        },
    }
}

/// The words that the libvirt driver uses for the same thing.
fn pause_reason(paused: &Condition) -> String {
    match paused.reason.text() {
        Some("PausedByUser") => "user".to_owned(),
        Some("PausedIOError") => "io_error".to_owned(),
        Some("PausedByMigrationMonitor") => "migration".to_owned(),
        Some(other) => word(other),
        None => "unknown".to_owned(),
    }
}
