//! Making VMs and deleting them.

use async_trait::async_trait;
use hostler_core::id::VmId;
use hostler_core::vm::VmSpec;
use hostler_core::vm::cloud_init::Seed;

use super::storage::VolumeRef;
use crate::context::Cx;
use crate::error::Result;
use crate::inventory::VmRef;

/// Making VMs and deleting them.
#[async_trait]
pub trait Create: Send + Sync {
    /// Whether the provider would accept this VM on that host, as far as it can
    /// tell without making anything. An `Invalid` or `Unsupported` error names
    /// what it would refuse.
    async fn validate(&self, cx: &Cx, request: &EnsureVm<'_>) -> Result<()>;

    /// Makes the VM unless it exists, stopped. A VM with our tag for the same
    /// id is the same VM and success, whatever its state. A foreign VM of the
    /// same name is a `Conflict`.
    ///
    /// One that comes late, after its caller has given up, bears the tag from
    /// the first moment it can be seen, and is the same VM as one that is there.
    async fn ensure_vm(&self, cx: &Cx, request: &EnsureVm<'_>) -> Result<VmHandle>;

    /// Finds the VM that bears our tag for `vm`, if there is one: how an
    /// operation learns after a crash whether it had made it.
    async fn find_vm(&self, cx: &Cx, vm: VmId) -> Result<Option<VmHandle>>;

    /// Removes the VM and all that depends on it alone: firmware variables,
    /// TPM state, saved memory, snapshot metadata. Its volumes stay. Absent is
    /// success; a running VM is a `Conflict`.
    ///
    /// Absent is what the place says, asked now: a picture that the driver keeps may be older
    /// than the VM. Where the place cannot be asked that is an error, and the VM stays.
    async fn remove_vm(&self, cx: &Cx, vm: &VmRef) -> Result<()>;

    /// Whether the snapshots of a VM that is removed are gone with it; `None` where that is not
    /// said. Elsewhere they outlive it.
    fn ends_snapshots(&self) -> Option<bool> {
        None
    }

    /// The provider's own definition of the VM, unchanged, for people who know
    /// it: domain XML, for example.
    async fn definition(&self, cx: &Cx, vm: &VmRef) -> Result<String>;
}

/// A VM to be made.
#[derive(Debug, Clone)]
pub struct EnsureVm<'a> {
    /// Its identity, which becomes the tag.
    pub vm: VmId,
    /// What it should be, its size with it. One that names an instance type or a preference
    /// is for a provider that has the group [`crate::InstanceTypes`] alone.
    pub spec: &'a VmSpec,
    /// The host it goes to, in the provider's terms.
    pub host_ref: &'a str,
    /// Where the bytes of each disk are: for every disk of the spec that has
    /// any, in the spec's order.
    pub disks: &'a [DiskBinding],
    /// The seed for cloud-init, already made as a volume.
    pub seed: Option<&'a VolumeRef>,
}

/// A disk of the spec and the volume behind it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DiskBinding {
    /// The name of the disk in the spec.
    pub disk: String,
    /// The volume.
    pub volume: VolumeRef,
    /// Whether Hostler made the volume for this VM.
    pub owned: bool,
}

/// A seed for cloud-init, to be made as a volume.
#[derive(Clone)]
pub struct SeedDisk {
    /// The VM it is for.
    pub vm: VmId,
    /// The documents.
    pub seed: Seed,
}

/// A VM that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VmHandle {
    /// The provider's lasting name for it.
    pub vm: VmRef,
    /// Whether this call made it; `false` when it was there.
    pub created: bool,
}
