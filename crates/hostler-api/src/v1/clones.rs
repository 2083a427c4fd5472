//! Clones: VMs made of others, or of their snapshots.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Operation, endpoint};

endpoint! {
    /// Clone a VM, as it is or as one of its snapshots holds it.
    ///
    /// The clone is a VM of its own, with disks and addresses of its own, where its source
    /// is. What it is asked to be is the source's specification under the new name.
    ///
    /// Answers with the operation at work, whose resource is the clone; send
    /// `Prefer: wait=30` to wait for its end.
    VmClone {
        id: "vm_clone", tag: "vms", POST "/api/v1/vms/{vm}/clone",
        needs: VmCreate,
        path: super::VmPath,
        body: Json VmCloneRequest,
        reply: Json Operation, status: ACCEPTED,
        errors: [IdInvalid, VmNotFound, VmExists, SpecInvalid, VmBusy, VmWrongState,
            VmStateUnknown, VmNotManaged, VmReadOnly, SnapshotNotFound, SnapshotExists,
            CapabilityMissing, IdempotencyMismatch, ProviderConflict, ProviderUnavailable,
            ProviderTimeout, ClusterRebuilding],
    }
}

/// A clone to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VmCloneRequest {
    /// Its name, unique among the VMs of its source's project.
    pub name: String,
    /// The snapshot that it is made of, by name; or by its reference, where several have the
    /// same name. Without one it is made of the VM as it is.
    #[serde(default)]
    pub snapshot: Option<String>,
    /// Whether it is started.
    #[serde(default)]
    pub start: bool,
}

/// What a provider's clones can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CloneLimits {
    /// Whether a VM that is on can be cloned as it is. Otherwise it has to be stopped first.
    pub live: bool,
    /// Whether one can be made of a snapshot, whatever the VM does now.
    pub snapshots: bool,
}
