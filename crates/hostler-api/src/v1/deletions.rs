//! What deleting a VM takes with it, to be shown before anybody says yes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::endpoint;
use crate::Ref;

endpoint! {
    /// Show what deleting a VM would take with it, without doing it.
    ///
    /// Every volume that Hostler remembers of it, and whether it would go: with `disks`
    /// those made for it, without only the seed of cloud-init. Send the ETag of the VM, read
    /// before this, as `If-Match` of the deletion: then nothing else goes.
    VmDeletionShow {
        id: "vm_deletion_show", tag: "vms", GET "/api/v1/vms/{vm}/deletion",
        needs: VmRead,
        path: super::VmPath,
        query: VmDeletionQuery,
        reply: Json VmDeletion,
        errors: [IdInvalid, VmNotFound, VmNotManaged, QueryInvalid, CapabilityMissing,
            ProviderConflict, ProviderUnavailable, ProviderTimeout],
    }
}

/// How it would be deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VmDeletionQuery {
    /// Whether the volumes made for it would be deleted, with the data on them.
    #[serde(default)]
    pub disks: bool,
}

/// What deleting a VM would take with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VmDeletion {
    /// The volumes that Hostler remembers of it; of a VM that was adopted those that Hostler
    /// made for it since.
    pub volumes: Vec<VmVolume>,
    /// Disks that it is seen to have besides, by the words of its provider. They stay.
    pub others: Vec<String>,
    /// Whether its snapshots go with it; null where its provider does not say.
    pub ends_snapshots: Option<bool>,
}

/// A volume of a VM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VmVolume {
    /// The pool it is in.
    pub pool: String,
    /// Its name there.
    pub volume: String,
    /// The disk that it is behind, as it was asked for; null for one that was left behind.
    pub disk: Option<String>,
    /// How it is the VM's.
    pub kind: VmVolumeKind,
    /// Whether it would be deleted, with the data on it.
    pub goes: bool,
    /// The other VM that has it. Where it would go all the same, the VM is not deleted.
    pub used_by: Option<Ref>,
}

/// How a volume is a VM's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VmVolumeKind {
    /// Made for a disk of it.
    Disk,
    /// Made for it, and of none of its disks any more, since it was put back to a snapshot.
    LeftBehind,
    /// The seed of cloud-init, which goes in any case.
    Seed,
    /// Not made for it; it never goes.
    Given,
}
