//! Storage: classes as pools, and claims to a piece of them.
//!
//! A claim is no `ObservedVolume`: that one tells how many bytes it takes, and
//! Kubernetes does not.

use hostler_core::storage::ObservedPool;
use hostler_core::{Fact, Timestamp};

use super::{Incompatible, Names, told};
use crate::objects::{PersistentVolumeClaim, StorageClass};
use crate::quantity::Quantity;

const CLAIM: &str = "kubernetes claim.status";
const CLASS: &str = "kubernetes storageclass";

/// A claim: a disk, as the cluster keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedClaim {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: Option<String>,
    /// The class it is of.
    pub storage_class: Option<String>,
    /// `Pending`, `Bound`, `Lost`, as the cluster says.
    pub phase: Option<String>,
    /// Whether it is a block device, rather than a file system with a file in
    /// it; `None` where that is not told.
    pub is_block: Option<bool>,
    /// What it holds, in bytes; absent until it is bound.
    pub capacity_bytes: Fact<u64>,
    /// What was asked for, in bytes.
    pub requested_bytes: Option<u64>,
    /// How many nodes may use it: `ReadWriteOnce`, `ReadWriteMany` …
    pub access_modes: Vec<String>,
    /// The volume that it is bound to.
    pub volume: Option<String>,
}

/// A class of storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedStorageClass {
    /// What every provider tells; `kind` is the provisioner.
    pub pool: ObservedPool,
    /// Whether claims that name no class get this one.
    pub is_default: bool,
    /// Whether disks of VMs that name no class get this one.
    pub is_default_for_vms: bool,
    /// Whether its claims can grow; `None` where that is not told.
    pub can_grow: Option<bool>,
    /// When a claim is bound: `Immediate`, `WaitForFirstConsumer`.
    pub binding: Option<String>,
    /// What becomes of a volume whose claim is deleted: `Delete`, `Retain`.
    pub reclaim_policy: Option<String>,
}

/// Maps a claim, received at `seen_at`.
pub fn map_claim(
    object: &PersistentVolumeClaim,
    seen_at: Timestamp,
) -> Result<MappedClaim, Incompatible> {
    let names = Names::of("PersistentVolumeClaim", &object.metadata)?;
    let (spec, status) = (&object.spec, &object.status);
    let bytes = |quantity: Option<&Quantity>| quantity.copied().and_then(Quantity::round_down);
    let is_block = match spec.volume_mode.text() {
        Some("Block") => Some(true),
        Some("Filesystem") => Some(false),
        _ => None,
    };
    // What it got counts; before it got anything, what it asked for.
    let modes =
        if status.access_modes.is_empty() { &spec.access_modes } else { &status.access_modes };
    Ok(MappedClaim {
        uid: object.metadata.uid.owned(),
        storage_class: spec.storage_class_name.owned(),
        phase: status.phase.owned(),
        is_block,
        capacity_bytes: told(
            bytes(status.capacity.get("storage")),
            CLAIM,
            seen_at,
            "it is not bound to a volume yet, or the cluster does not tell its size",
        ),
        requested_bytes: bytes(spec.resources.requests.get("storage")),
        access_modes: modes.to_vec(),
        volume: spec.volume_name.owned(),
        namespace: names.namespace,
        name: names.name,
    })
}

/// Maps a class, received at `seen_at`. How much room it has is not told by
/// Kubernetes.
pub fn map_storage_class(
    object: &StorageClass,
    seen_at: Timestamp,
) -> Result<MappedStorageClass, Incompatible> {
    let name = Names::name_of("StorageClass", &object.metadata)?;
    fn sizes() -> Fact<u64> {
        Fact::unsupported(CLASS, "Kubernetes does not tell how much room a storage class has")
    }
    let says = |key| object.metadata.annotation(key) == Some("true");
    Ok(MappedStorageClass {
        is_default: says("storageclass.kubernetes.io/is-default-class"),
        is_default_for_vms: says("storageclass.kubevirt.io/is-default-virt-class"),
        can_grow: *object.allow_volume_expansion,
        binding: object.volume_binding_mode.owned(),
        reclaim_policy: object.reclaim_policy.owned(),
        pool: ObservedPool {
            external_ref: name.clone(),
            host_ref: None,
            name,
            kind: object.provisioner.owned().unwrap_or_else(|| "unknown".to_owned()),
            active: !object.metadata.is_being_deleted(),
            observed_at: seen_at,
            capacity_bytes: sizes(),
            allocated_bytes: sizes(),
            available_bytes: sizes(),
        },
    })
}
