//! Snapshots of VMs, and their being put back (E5).

use hostler_core::{Fact, Timestamp};

use super::{Incompatible, Names, message, told};
use crate::objects::meta::Condition;
use crate::objects::part::Many;
use crate::objects::{VirtualMachineRestore, VirtualMachineSnapshot};

const SNAPSHOT: &str = "kubevirt snapshot.status";
const RESTORE: &str = "kubevirt restore.status";

/// How far a snapshot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SnapshotPhase {
    /// It is being taken, or nobody has looked at it yet.
    InProgress,
    /// It was taken.
    Succeeded,
    /// It could not be taken.
    Failed,
    /// It is being deleted.
    Deleting,
    /// The cluster does not know, or says a word that this driver does not.
    Unknown,
}

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedSnapshot {
    /// Its namespace, which is the VM's.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: Option<String>,
    /// The VM that it is of; absent where it is of something else.
    pub vm_name: Fact<String>,
    /// The UID of that VM: another VM of the name is not what it is of.
    pub vm_uid: Option<String>,
    /// How far it is.
    pub phase: SnapshotPhase,
    /// Whether it can be put back.
    pub is_ready: Fact<bool>,
    /// When it was asked for.
    pub requested_at: Option<Timestamp>,
    /// The time that its contents are of.
    pub taken_at: Option<Timestamp>,
    /// Under what conditions it was taken, as the cluster says: `Online`,
    /// `GuestAgent`, `NoGuestAgent`, `QuiesceTimeout`, `Paused`, `PartialSnapshot`.
    pub indications: Vec<String>,
    /// Volumes that are in it; absent while that is not told.
    pub included_volumes: Fact<Vec<String>>,
    /// Volumes of the VM that are not in it; absent while that is not told.
    pub excluded_volumes: Fact<Vec<String>>,
    /// What becomes of its contents when it is deleted: `Delete`, `Retain`.
    pub deletion_policy: Option<String>,
    /// How long it may take, as it is written: `5m`.
    pub failure_deadline: Option<String>,
    /// Why it failed or is not ready, in the cluster's words.
    pub message: Option<String>,
}

/// A snapshot's being put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedRestore {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: Option<String>,
    /// The snapshot.
    pub snapshot: Option<String>,
    /// The VM that becomes what the snapshot is of.
    pub vm_name: Option<String>,
    /// Whether it is done.
    pub is_complete: Fact<bool>,
    /// When it was done.
    pub restored_at: Option<Timestamp>,
    /// Why it failed or does not go on, in the cluster's words.
    pub message: Option<String>,
}

/// Maps a snapshot, received at `seen_at`.
pub fn map_snapshot(
    object: &VirtualMachineSnapshot,
    seen_at: Timestamp,
) -> Result<MappedSnapshot, Incompatible> {
    let names = Names::of("VirtualMachineSnapshot", &object.metadata)?;
    let (spec, status) = (&object.spec, &object.status);
    let is_vm = spec.source.kind.text() == Some("VirtualMachine");
    let phase = match status.phase.text() {
        _ if object.metadata.is_being_deleted() => SnapshotPhase::Deleting,
        None | Some("InProgress") => SnapshotPhase::InProgress,
        Some("Succeeded") => SnapshotPhase::Succeeded,
        Some("Failed") => SnapshotPhase::Failed,
        Some("Deleting") => SnapshotPhase::Deleting,
        Some(_) => SnapshotPhase::Unknown,
    };
    // Newer servers tell both; the older list is the one that is going away.
    let mut indications: Vec<String> =
        status.source_indications.iter().filter_map(|i| i.indication.owned()).collect();
    if indications.is_empty() {
        indications = status.indications.to_vec();
    }
    let volumes = status.snapshot_volumes.as_ref();
    let list = |of: Option<&Many<String>>| {
        let reason = "the cluster has not told its volumes";
        told(of.map(|names| names.to_vec()), SNAPSHOT, seen_at, reason)
    };
    Ok(MappedSnapshot {
        uid: object.metadata.uid.owned(),
        vm_name: told(
            spec.source.name.owned().filter(|_| is_vm),
            "kubevirt snapshot.spec",
            seen_at,
            "it does not name a VM as what it is of",
        ),
        vm_uid: status.source_uid.owned(),
        phase,
        is_ready: told(
            *status.ready_to_use,
            SNAPSHOT,
            seen_at,
            "the cluster has not told whether it can be used",
        ),
        requested_at: object.metadata.creation_timestamp.at(),
        taken_at: status.creation_time.at(),
        indications,
        included_volumes: list(volumes.map(|volumes| &volumes.included_volumes)),
        excluded_volumes: list(volumes.map(|volumes| &volumes.excluded_volumes)),
        deletion_policy: spec.deletion_policy.owned(),
        failure_deadline: spec.failure_deadline.owned(),
        message: status.error.message.text().map(message).or_else(|| failure(&status.conditions)),
        namespace: names.namespace,
        name: names.name,
    })
}

/// Maps a restore, received at `seen_at`.
pub fn map_restore(
    object: &VirtualMachineRestore,
    seen_at: Timestamp,
) -> Result<MappedRestore, Incompatible> {
    let names = Names::of("VirtualMachineRestore", &object.metadata)?;
    let status = &object.status;
    let reason = "the cluster has not told whether it is done";
    Ok(MappedRestore {
        uid: object.metadata.uid.owned(),
        snapshot: object.spec.virtual_machine_snapshot_name.owned(),
        vm_name: object
            .spec
            .target
            .name
            .owned()
            .filter(|_| object.spec.target.kind.text() == Some("VirtualMachine")),
        is_complete: told(*status.complete, RESTORE, seen_at, reason),
        restored_at: status.restore_time.at(),
        message: failure(&status.conditions),
        namespace: names.namespace,
        name: names.name,
    })
}

/// The cluster's words for a failure: the condition of that name, else why it
/// is not ready.
fn failure(conditions: &Many<Condition>) -> Option<String> {
    let failed = conditions.of("Failure").filter(|failure| failure.holds() == Some(true));
    let unready = conditions.of("Ready").filter(|ready| ready.holds() == Some(false));
    failed.or(unready).and_then(Condition::why).map(message)
}
