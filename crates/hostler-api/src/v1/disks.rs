//! Disks of a VM that exists, read from its provider when asked, and changed by operations.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DiskBus, DiskSpec, Operation, endpoint};
use crate::{ListQuery, Page};

endpoint! {
    /// List the disks of a VM.
    ///
    /// All of them, whoever made them, in the order that the VM has them, unless another one
    /// is asked for; those that were asked for and that the VM lacks come last.
    DiskList {
        id: "disk_list", tag: "disks", GET "/api/v1/vms/{vm}/disks",
        needs: VmRead,
        path: super::VmPath,
        query: ListQuery,
        reply: Json Page<VmDisk>,
        errors: [IdInvalid, VmNotFound, VmStateUnknown, QueryInvalid, CursorInvalid,
            CapabilityMissing, ProviderConflict, ProviderUnavailable, ProviderTimeout],
    }
}

endpoint! {
    /// Attach a disk to a VM, also while it runs.
    ///
    /// A new volume is made first where the disk's source asks for one, which needs the
    /// permission `volume.manage` as well. Answers with the operation at work; send
    /// `Prefer: wait=30` to wait for its end.
    DiskAttach {
        id: "disk_attach", tag: "disks", POST "/api/v1/vms/{vm}/disks",
        needs: VmUpdate,
        path: super::VmPath,
        body: Json DiskSpec,
        reply: Json Operation, status: ACCEPTED,
        errors: [IdInvalid, VmNotFound, SpecInvalid, LimitExceeded, VmBusy, VmWrongState,
            VmStateUnknown, VmNotManaged, VmReadOnly, DiskExists, ImageNotFound, VolumeNotFound,
            VolumeInUse, VolumeBusy, CapabilityMissing, IdempotencyMismatch, ProviderConflict,
            ProviderUnavailable, ProviderTimeout, ClusterRebuilding],
    }
}

endpoint! {
    /// Show what attaching a disk would do, without doing it.
    DiskPlan {
        id: "disk_plan", tag: "disks", POST "/api/v1/vms/{vm}/disk-plan",
        needs: VmUpdate,
        path: super::VmPath,
        body: Json DiskSpec,
        reply: Json DiskPlanned,
        errors: [IdInvalid, VmNotFound, SpecInvalid, LimitExceeded, VmWrongState, VmStateUnknown,
            VmNotManaged, VmReadOnly, DiskExists, ImageNotFound, VolumeNotFound, VolumeInUse,
            VolumeBusy, CapabilityMissing, ProviderConflict, ProviderUnavailable, ProviderTimeout,
            ClusterRebuilding],
    }
}

endpoint! {
    /// Detach a disk from a VM, also while it runs.
    ///
    /// Its volume stays, unless `delete_volume` is true and it was made for this VM; that
    /// needs the permission `volume.manage` as well. A guest that does not give the disk up
    /// fails the operation, which then says what is.
    DiskDetach {
        id: "disk_detach", tag: "disks", DELETE "/api/v1/vms/{vm}/disks/{disk}",
        needs: VmUpdate,
        path: DiskPath,
        query: DiskDetachQuery,
        reply: Json Operation, status: ACCEPTED,
        errors: [IdInvalid, VmNotFound, DiskNotFound, DiskExists, DiskNeeded, VolumeNotItsOwn,
            VolumeInUse, VolumeBusy, VmBusy, VmWrongState, VmStateUnknown, VmNotManaged,
            VmReadOnly, QueryInvalid, CapabilityMissing, ProviderConflict, ProviderUnavailable,
            ProviderTimeout, ClusterRebuilding],
    }
}

/// Names a disk of a VM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DiskPath {
    /// The VM's id.
    pub vm: String,
    /// The disk's name; or its reference, where several have the same name.
    pub disk: String,
}

/// What goes with a disk that is detached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiskDetachQuery {
    /// Whether its volume is deleted, with the data on it.
    #[serde(default)]
    pub delete_volume: bool,
}

/// How far a disk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DiskState {
    /// The guest does not have it yet.
    Attaching,
    /// The guest has it; or the VM is off, and will have it when it starts.
    Attached,
    /// The guest was asked to give it up, and has not yet.
    Detaching,
    /// It could not be attached.
    Failed,
    /// It was asked for, and the VM does not have it.
    Missing,
    /// The provider does not tell.
    Unknown,
}

/// A disk of a VM, as its provider tells it now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VmDisk {
    /// Its name: as it was asked for, else as the provider has it.
    pub name: String,
    /// How the provider names it, among those of its VM; null for one that is missing.
    pub reference: Option<String>,
    /// Whether it is among what was asked of the VM.
    pub asked: bool,
    /// How far it is.
    pub state: DiskState,
    /// Why it failed or waits, in the provider's words.
    pub message: Option<String>,
    /// `disk`, `cdrom`, `lun` …, as the provider says.
    pub device: Option<String>,
    /// The bus the guest sees, where the provider says it.
    pub bus: Option<String>,
    /// The pool that its volume is in, where it has one.
    pub pool: Option<String>,
    /// Its volume's name there: the one that is behind it, or was behind one that is missing.
    pub volume: Option<String>,
    /// Where its bytes are: a path, an URL without secrets.
    pub source: Option<String>,
    /// The size the guest sees, in bytes.
    pub capacity_bytes: Option<u64>,
    /// Whether the guest may only read; null for one that is missing.
    pub read_only: Option<bool>,
    /// Whether Hostler made that very volume for this VM, so that it can be deleted with it.
    pub own_volume: bool,
    /// Whether it can be detached now.
    pub detach: super::ActionVerdict,
}

/// What attaching a disk would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DiskPlanned {
    /// The steps it would take.
    pub steps: Vec<String>,
    /// What would be there afterwards, a line each.
    pub changes: Vec<String>,
}

/// What can be done about the disks of a VM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DiskLimits {
    /// On which buses a disk can be attached while the VM is on, and detached; the first is
    /// taken where none is asked for. Empty: the VM has to be stopped.
    pub live_buses: Vec<DiskBus>,
    /// Whether a CD-ROM drive can be attached while the VM is on.
    pub live_cdrom: bool,
    /// Whether disks can be attached and detached while the VM is off.
    pub offline: bool,
    /// On which buses a disk can be attached while the VM is off; the first is taken where none
    /// is asked for.
    #[serde(default)]
    pub offline_buses: Vec<DiskBus>,
    /// Whether a CD-ROM drive can be attached while the VM is off.
    #[serde(default)]
    pub offline_cdrom: bool,
    /// How many disks a VM can have.
    pub max_per_vm: u32,
    /// In which formats volumes are made for disks; the first is taken where none is asked for.
    #[serde(default)]
    pub formats: Vec<super::VolumeFormat>,
    /// Whether a volume can be made of an image of the catalogue.
    #[serde(default)]
    pub images: bool,
    /// Which ways of caching can be asked for.
    #[serde(default)]
    pub caches: Vec<super::CacheMode>,
    /// Whether it can be asked that what the guest discards is freed.
    #[serde(default)]
    pub discard: bool,
    /// Whether a volume that another VM has can be attached for reading only.
    #[serde(default)]
    pub shares: bool,
}
