//! Snapshots of VMs, and their being put back (E5).

use hostler_core::id::SnapshotId;
use hostler_core::snapshot::{Consistency, ObservedSnapshot, SnapshotContent, SnapshotState};
use hostler_core::{Fact, Timestamp};

use super::{Incompatible, Names, message, told};
use crate::objects::meta::Condition;
use crate::objects::part::Many;
use crate::objects::{VirtualMachineRestore, VirtualMachineSnapshot};

const SNAPSHOT: &str = "kubevirt snapshot.status";
const RESTORE: &str = "kubevirt restore.status";

/// The label that marks a snapshot that Hostler took: its id, a UUID.
pub const SNAPSHOT_LABEL: &str = "hostler.io/snapshot-id";
/// The annotation with its name among those of its VM: the object's own name has to be
/// the only one in the namespace.
pub const NAME_ANNOTATION: &str = "hostler.io/snapshot-name";
/// The annotation with free text about it.
pub const DESCRIPTION_ANNOTATION: &str = "hostler.io/description";
/// The label that marks a restore: the id of the operation that it is for.
pub const OPERATION_LABEL: &str = "hostler.io/operation-id";

/// The annotation with how a VM was run, on what makes it or another one anew.
pub const STRATEGY_ANNOTATION: &str = "hostler.io/run-strategy";

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
    /// Its id, if Hostler took it.
    pub tag: Option<SnapshotId>,
    /// Its name among those of its VM, if Hostler took it.
    pub given_name: Option<String>,
    /// Free text about it.
    pub description: Option<String>,
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
    /// The name of the object with its contents.
    pub content: Option<String>,
    /// What becomes of its contents when it is deleted: `Delete`, `Retain`.
    pub deletion_policy: Option<String>,
    /// How long it may take, as it is written: `5m`.
    pub failure_deadline: Option<String>,
    /// Why it failed or is not ready, in the cluster's words.
    pub message: Option<String>,
}

/// Where a restore stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RestoreStands {
    /// Something is being done, or nobody has looked at it yet.
    GoesOn,
    /// Something is in the way, and is tried again until it is not.
    Waits,
    /// It failed for good.
    Failed,
    /// It is done.
    Complete,
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
    /// Where it stands.
    pub stands: RestoreStands,
    /// Each volume of the VM that it makes anew, and the claim that it makes of it.
    pub restores: Vec<(String, String)>,
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
    let tag = object.metadata.label(SNAPSHOT_LABEL).and_then(|id| id.parse().ok());
    let noted = |key| object.metadata.annotation(key).map(message);
    Ok(MappedSnapshot {
        uid: object.metadata.uid.owned(),
        tag,
        given_name: noted(NAME_ANNOTATION).filter(|_| tag.is_some()),
        description: noted(DESCRIPTION_ANNOTATION),
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
        content: status.virtual_machine_snapshot_content_name.owned(),
        deletion_policy: spec.deletion_policy.owned(),
        failure_deadline: spec.failure_deadline.owned(),
        message: status.error.message.text().map(message).or_else(|| failure(&status.conditions)),
        namespace: names.namespace,
        name: names.name,
    })
}

impl MappedSnapshot {
    /// Whether it is of the VM of this name and UID. What is not looked at yet by the
    /// cluster tells the name alone.
    pub fn is_of(&self, vm: &str, uid: &str) -> bool {
        let same_name = self.vm_name.value().is_some_and(|name| name == vm);
        same_name && self.vm_uid.as_deref().is_none_or(|of| of == uid)
    }

    /// How consistent it came out. Freezing a guest that is paused does nothing, and one
    /// whose agent did not answer in time was not frozen.
    pub fn consistency(&self, seen_at: Timestamp) -> Fact<Consistency> {
        if self.phase != SnapshotPhase::Succeeded {
            return Fact::unavailable(SNAPSHOT, "it is not taken");
        }
        let says = |word: &str| self.indications.iter().any(|one| one == word);
        let quiesced = says("GuestAgent") && !says("QuiesceTimeout") && !says("Paused");
        let consistency = match (says("Online"), quiesced) {
            (false, _) => Consistency::Offline,
            (true, true) => Consistency::Quiesced,
            (true, false) => Consistency::Crash,
        };
        Fact::seen(consistency, SNAPSHOT, seen_at)
    }

    /// In the words of the boundary.
    pub fn into_observed(self, seen_at: Timestamp) -> ObservedSnapshot {
        let flat = "KubeVirt's snapshots do not know what they grew from";
        let is_ready = self.is_ready.value() == Some(&true);
        let state = match self.phase {
            SnapshotPhase::Succeeded if is_ready => SnapshotState::Ready,
            SnapshotPhase::InProgress | SnapshotPhase::Succeeded => SnapshotState::Creating,
            SnapshotPhase::Failed => SnapshotState::Failed,
            SnapshotPhase::Deleting => SnapshotState::Deleting,
            SnapshotPhase::Unknown => SnapshotState::Unknown,
        };
        ObservedSnapshot {
            consistency: self.consistency(seen_at),
            external_ref: self.uid.unwrap_or_else(|| format!("{}/{}", self.namespace, self.name)),
            name: self.given_name.unwrap_or(self.name),
            tag: self.tag,
            state,
            message: self.message.filter(|_| state != SnapshotState::Ready),
            description: self.description,
            parent: Fact::unsupported(SNAPSHOT, flat),
            is_current: Fact::unsupported(SNAPSHOT, flat),
            // Memory is never in them, by definition of the API.
            content: Fact::seen(SnapshotContent::Disks, SNAPSHOT, seen_at),
            taken_at: told(self.taken_at, SNAPSHOT, seen_at, "it is not taken"),
            disks: self.included_volumes,
            disks_left_out: self.excluded_volumes,
            observed_at: seen_at,
        }
    }
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
        stands: stands(object),
        restores: status
            .restores
            .iter()
            .filter_map(|one| {
                Some((one.volume_name.owned()?, one.persistent_volume_claim.owned()?))
            })
            .collect(),
        message: failure(&status.conditions),
        namespace: names.namespace,
        name: names.name,
    })
}

fn stands(object: &VirtualMachineRestore) -> RestoreStands {
    let status = &object.status;
    let holds = |kind| status.conditions.of(kind).and_then(Condition::holds);
    if status.complete.is_true() {
        RestoreStands::Complete
    } else if holds("Failure") == Some(true) {
        RestoreStands::Failed
    } else if holds("Progressing") == Some(false) {
        RestoreStands::Waits
    } else {
        RestoreStands::GoesOn
    }
}

/// The cluster's words for a failure: the condition of that name, else why it
/// is not ready.
fn failure(conditions: &Many<Condition>) -> Option<String> {
    let failed = conditions.of("Failure").filter(|failure| failure.holds() == Some(true));
    let unready = conditions.of("Ready").filter(|ready| ready.holds() == Some(false));
    failed.or(unready).and_then(Condition::why).map(message)
}
