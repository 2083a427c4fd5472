//! Snapshots of a VM, read from its provider when asked, and changed by operations.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Operation, endpoint};
use crate::{Fact, ListQuery, Page, Time};

endpoint! {
    /// List the snapshots of a VM.
    ///
    /// All of them, whoever took them, oldest first unless another order is asked for.
    SnapshotList {
        id: "snapshot_list", tag: "snapshots", GET "/api/v1/vms/{vm}/snapshots",
        needs: VmRead,
        path: super::VmPath,
        query: ListQuery,
        reply: Json Page<Snapshot>,
        errors: [IdInvalid, VmNotFound, VmStateUnknown, QueryInvalid, CursorInvalid,
            CapabilityMissing, ProviderConflict, ProviderUnavailable, ProviderTimeout],
    }
}

endpoint! {
    /// Take a snapshot of a VM.
    ///
    /// Answers with the operation at work; send `Prefer: wait=30` to wait for its end.
    SnapshotCreate {
        id: "snapshot_create", tag: "snapshots", POST "/api/v1/vms/{vm}/snapshots",
        needs: VmSnapshot,
        path: super::VmPath,
        body: Json SnapshotRequest,
        reply: Json Operation, status: ACCEPTED,
        errors: [IdInvalid, VmNotFound, SpecInvalid, VmBusy, VmWrongState, VmStateUnknown,
            VmNotManaged, VmReadOnly, SnapshotExists, SnapshotLimitReached, CapabilityMissing,
            IdempotencyMismatch, ProviderConflict, ProviderUnavailable, ProviderTimeout,
            ClusterRebuilding],
    }
}

endpoint! {
    /// Put a VM back to a snapshot.
    ///
    /// What was written since is lost. A VM that is on has its power cut where its
    /// provider allows that, and is refused elsewhere.
    SnapshotRevert {
        id: "snapshot_revert", tag: "snapshots",
        POST "/api/v1/vms/{vm}/snapshots/{snapshot}/revert",
        needs: VmSnapshot,
        path: SnapshotPath,
        reply: Json Operation, status: ACCEPTED,
        errors: [IdInvalid, VmNotFound, SnapshotNotFound, SnapshotExists, VmBusy, VmWrongState,
            VmStateUnknown, VmNotManaged, VmReadOnly, CapabilityMissing, IdempotencyMismatch,
            ProviderConflict, ProviderUnavailable, ProviderTimeout, ClusterRebuilding],
    }
}

endpoint! {
    /// Delete a snapshot of a VM.
    ///
    /// The VM stays as it is; snapshots that grew from it stay as well.
    SnapshotDelete {
        id: "snapshot_delete", tag: "snapshots",
        DELETE "/api/v1/vms/{vm}/snapshots/{snapshot}",
        needs: VmSnapshot,
        path: SnapshotPath,
        reply: Json Operation, status: ACCEPTED,
        errors: [IdInvalid, VmNotFound, SnapshotNotFound, SnapshotExists, VmBusy, VmWrongState,
            VmStateUnknown, VmNotManaged, VmReadOnly, CapabilityMissing, IdempotencyMismatch,
            ProviderConflict, ProviderUnavailable, ProviderTimeout, ClusterRebuilding],
    }
}

/// Names a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SnapshotPath {
    /// The VM's id.
    pub vm: String,
    /// The snapshot's name; or its reference, where several have the same name.
    pub snapshot: String,
}

/// A snapshot to be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SnapshotRequest {
    /// Its name, unique among those of the VM.
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

/// What a snapshot holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotContent {
    /// The disks: going back to it leaves the VM off.
    #[default]
    Disks,
    /// The disks and the memory: going back to it goes on where it was.
    DisksAndMemory,
}

/// Whether the guest's file systems are to be brought to rest while it is taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Quiesce {
    /// If it can be; what came of it is told.
    #[default]
    Wanted,
    /// It has to be: there is no snapshot otherwise.
    Required,
}

/// How well the disks of a snapshot fit together, as it truly came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotConsistency {
    /// The VM was off.
    Offline,
    /// The guest's file systems were at rest.
    Quiesced,
    /// As after a power cut.
    Crash,
    /// Its memory belongs to it.
    Memory,
}

/// How far a snapshot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
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

/// A snapshot, as the provider tells it now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Snapshot {
    /// Its id, if Hostler took it.
    pub id: Option<String>,
    /// How the provider names it for ever.
    pub reference: String,
    /// Its name.
    pub name: String,
    /// How far it is.
    pub state: SnapshotState,
    /// Why it failed or is not ready, in the provider's words.
    pub message: Option<String>,
    /// Free text about it.
    pub description: Option<String>,
    /// The reference of the one that it grew from; null for the first, and where the
    /// provider has no tree, which `is_current` says.
    pub parent: Option<String>,
    /// Whether the VM's disks have grown from it.
    pub is_current: Fact<bool>,
    /// What it holds.
    pub content: Fact<SnapshotContent>,
    /// How well its disks fit together, as it truly came out.
    pub consistency: Fact<SnapshotConsistency>,
    /// The moment that its disks are of.
    pub taken_at: Fact<Time>,
    /// The disks that are in it.
    pub disks: Fact<Vec<String>>,
    /// Disks of the VM that are not in it.
    pub disks_left_out: Fact<Vec<String>>,
}

/// What a provider's snapshots can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SnapshotLimits {
    /// Whether one can be taken of a VM that is on.
    pub live: bool,
    /// Whether one can hold the memory of a VM that is on.
    pub memory: bool,
    /// Whether a running guest can be brought to rest, if it has what that needs.
    pub quiesce: bool,
    /// Whether they know what they grew from.
    pub tree: bool,
    /// Whether a VM that is on can be put back to one; its power is cut by it. Otherwise it
    /// has to be stopped first.
    pub reverts_live: bool,
    /// How many a VM can have; null: as many as there is room for.
    pub max_per_vm: Option<u32>,
}
