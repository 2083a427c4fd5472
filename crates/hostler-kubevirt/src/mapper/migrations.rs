//! Migrations of instances between nodes: how far, since when, and how they
//! ended.
//!
//! ```text
//!   new ─► pending ─► scheduling ─► scheduled ─► preparing_target ─► target_ready ─► running
//!                                                                                      │
//!            waiting_for_sync ⇄ synchronizing (between clusters)            succeeded ◄┴► failed
//! ```
//!
//! The API tells phases and times. How many bytes were sent it does not tell;
//! that is a measurement of the hypervisor.

use hostler_core::Timestamp;

use super::{Incompatible, Names, message};
use crate::objects::part::Many;
use crate::objects::{
    MigrationState, PhaseTransition, VirtualMachineInstance, VirtualMachineInstanceMigration,
};
use crate::quantity::Quantity;

/// How far a migration is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MigrationPhase {
    /// Nobody has looked at it yet.
    New,
    /// It waits for its turn.
    Pending,
    /// A place at the target is looked for.
    Scheduling,
    /// A place was found.
    Scheduled,
    /// The target is made ready.
    PreparingTarget,
    /// The target is ready.
    TargetReady,
    /// Memory is being sent.
    Running,
    /// It waits for the other cluster.
    WaitingForSync,
    /// The two clusters agree on what is sent.
    Synchronizing,
    /// The VM runs at the target.
    Succeeded,
    /// It is over; the VM runs at the source, unless it failed there too.
    Failed,
    /// A word that this driver does not know.
    Unknown,
}

impl MigrationPhase {
    fn of(word: Option<&str>) -> Self {
        match word {
            None => Self::New,
            Some("Pending") => Self::Pending,
            Some("Scheduling") => Self::Scheduling,
            Some("Scheduled") => Self::Scheduled,
            Some("PreparingTarget") => Self::PreparingTarget,
            Some("TargetReady") => Self::TargetReady,
            Some("Running") => Self::Running,
            Some("WaitingForSync") => Self::WaitingForSync,
            Some("Synchronizing") => Self::Synchronizing,
            Some("Succeeded") => Self::Succeeded,
            Some("Failed") => Self::Failed,
            Some(_) => Self::Unknown,
        }
    }
}

/// How a migration ended, or that it has not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is not over.
    UnderWay,
    /// The VM runs at the target.
    Succeeded,
    /// It failed; the cluster's reason, where it gives one.
    Failed(Option<String>),
    /// Somebody ended it.
    Aborted,
    /// Neither object tells.
    Unknown,
}

/// A migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedMigration {
    /// Its namespace, which is the VM's.
    pub namespace: String,
    /// Its name; `None` where only its instance tells of it.
    pub name: Option<String>,
    /// Its UID.
    pub uid: Option<String>,
    /// The instance that moves.
    pub vm_name: Option<String>,
    /// How far it is; `None` where only its instance tells of it.
    pub phase: Option<MigrationPhase>,
    /// How it ended.
    pub outcome: Outcome,
    /// `PreCopy`, `PostCopy`, `Paused`, as the cluster says.
    pub mode: Option<String>,
    /// The node that it leaves.
    pub source_node: Option<String>,
    /// The node that it goes to.
    pub target_node: Option<String>,
    /// The pod that it leaves.
    pub source_pod: Option<String>,
    /// The pod that it goes to.
    pub target_pod: Option<String>,
    /// When it was asked for.
    pub requested_at: Option<Timestamp>,
    /// When memory began to be sent.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// When each phase was entered, as far as told.
    pub phases: Vec<(MigrationPhase, Timestamp)>,
    /// Whether somebody asked to end it: by deleting it, or through the API.
    pub is_abort_requested: bool,
    /// How far the ending is: `Aborting`, `Succeeded`, `Failed`, as the cluster says.
    pub abort_status: Option<String>,
    /// The policy that it follows, where one applies.
    pub policy: Option<String>,
    /// Who goes first: `system-critical`, `user-triggered`, `system-maintenance`.
    pub priority: Option<String>,
    /// Whether it leaves or enters the cluster, rather than changing nodes in it.
    pub is_between_clusters: bool,
    /// The most that it may send, in bytes a second; `None` where there is no
    /// limit, or none is told.
    pub bandwidth_limit_bytes_per_second: Option<u64>,
    /// How long it may take for each GiB of the VM, in seconds.
    pub timeout_seconds_per_gib: Option<u64>,
    /// How long it may make no progress, in seconds.
    pub progress_timeout_seconds: Option<u64>,
}

/// Maps a migration. How it goes until it is over its instance tells: see
/// [`super::MappedVm::migration`].
pub fn map_migration(
    object: &VirtualMachineInstanceMigration,
) -> Result<MappedMigration, Incompatible> {
    let names = Names::of("VirtualMachineInstanceMigration", &object.metadata)?;
    let uid = object.metadata.uid.owned();
    let state = object.status.migration_state.as_ref();
    let phase = MigrationPhase::of(object.status.phase.text());
    let said = || {
        let failure = object.status.conditions.iter().find(|condition| {
            condition
                .kind
                .text()
                .is_some_and(|kind| kind.contains("Fail") || kind.contains("Abort"))
                && condition.holds() == Some(true)
        });
        failure.and_then(|condition| condition.why()).map(message)
    };
    let outcome = match phase {
        MigrationPhase::Succeeded => Outcome::Succeeded,
        MigrationPhase::Failed => match state.map(ended) {
            Some(Outcome::Aborted) => Outcome::Aborted,
            Some(Outcome::Failed(Some(reason))) => Outcome::Failed(Some(reason)),
            _ => Outcome::Failed(said()),
        },
        MigrationPhase::Unknown => state.map_or(Outcome::Unknown, ended),
        _ => Outcome::UnderWay,
    };
    let told = from_state(state, names.namespace);
    Ok(MappedMigration {
        name: Some(names.name),
        vm_name: object.spec.vmi_name.owned(),
        phase: Some(phase),
        outcome,
        requested_at: object.metadata.creation_timestamp.at(),
        phases: phases(&object.status.phase_transition_timestamps),
        is_abort_requested: told.is_abort_requested || object.metadata.is_being_deleted(),
        priority: object.spec.priority.owned(),
        is_between_clusters: object.spec.send_to.is_some() || object.spec.receive.is_some(),
        uid,
        ..told
    })
}

/// The migration that an instance tells of, by that alone.
pub(super) fn of_instance(vmi: &VirtualMachineInstance, names: &Names) -> Option<MappedMigration> {
    let state = vmi.status.migration_state.as_ref()?;
    let told = from_state(Some(state), names.namespace.clone());
    Some(MappedMigration { vm_name: Some(names.name.clone()), ..told })
}

/// How it ended, by its state alone.
fn ended(state: &MigrationState) -> Outcome {
    // Both may be set: it is over, and it failed.
    if state.failed.is_true() {
        return match state.abort_status.text() {
            Some("Succeeded") => Outcome::Aborted,
            _ => Outcome::Failed(state.failure_reason.text().map(message)),
        };
    }
    if state.completed.is_true() {
        return Outcome::Succeeded;
    }
    match state.end_timestamp.at() {
        Some(_) => Outcome::Unknown,
        None => Outcome::UnderWay,
    }
}

fn from_state(state: Option<&MigrationState>, namespace: String) -> MappedMigration {
    let nothing = MigrationState::default();
    let outcome = state.map_or(Outcome::Unknown, ended);
    let state = state.unwrap_or(&nothing);
    let configuration = &state.migration_configuration;
    // 0 is how KubeVirt writes that there is no limit.
    let bandwidth = configuration.bandwidth_per_migration.and_then(Quantity::round_up);
    MappedMigration {
        namespace,
        name: None,
        uid: state.migration_uid.owned(),
        vm_name: None,
        phase: None,
        outcome,
        mode: state.mode.owned(),
        source_node: state.source_node.owned(),
        target_node: state.target_node.owned(),
        source_pod: state.source_pod.owned(),
        target_pod: state.target_pod.owned(),
        requested_at: None,
        started_at: state.start_timestamp.at(),
        ended_at: state.end_timestamp.at(),
        phases: Vec::new(),
        is_abort_requested: state.abort_requested.is_true(),
        abort_status: state.abort_status.owned(),
        policy: state.migration_policy_name.owned(),
        priority: None,
        is_between_clusters: false,
        bandwidth_limit_bytes_per_second: bandwidth.filter(|limit| *limit > 0),
        timeout_seconds_per_gib: *configuration.completion_timeout_per_gi_b,
        progress_timeout_seconds: *configuration.progress_timeout,
    }
}

fn phases(entries: &Many<PhaseTransition>) -> Vec<(MigrationPhase, Timestamp)> {
    let phase = |entry: &PhaseTransition| {
        let at = entry.phase_transition_timestamp.at()?;
        Some((MigrationPhase::of(entry.phase.text()), at))
    };
    entries.iter().filter_map(phase).collect()
}
