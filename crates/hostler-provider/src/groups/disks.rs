//! Disks of VMs that exist: adding them and taking them off, while the VM runs where the
//! provider can.
//!
//! ```text
//!  attach ──► attaching ──► attached ──► detach ──► detaching ──► gone; the volume stays
//!                 └──► failed: taken off again, and the error says why
//! ```
//!
//! What is done holds for the guest that runs and for the VM's next start alike, or is an
//! error. An attachment that Hostler makes bears a mark that no other one ever has; what is
//! taken off is that attachment, never a newer one that has come to bear its name (F30).

use async_trait::async_trait;
use hostler_core::disk::{AttachedDisk, DiskLimits, DiskMark};
use hostler_core::vm::devices::DiskSpec;

use super::storage::VolumeRef;
use crate::context::Cx;
use crate::error::Result;
use crate::inventory::VmRef;

/// Disks of VMs that exist.
#[async_trait]
pub trait Disks: Send + Sync {
    /// What they can do here, whichever VM it is. Says nothing of whether a disk can be
    /// added now: only adding it tells.
    fn limits(&self) -> DiskLimits;

    /// All disks of a VM in the order that it has them, whoever made them, those on their
    /// way among them. Complete, or an error. A VM that is not there is `NotFound`.
    async fn list_disks(&self, cx: &Cx, vm: &VmRef) -> Result<Vec<AttachedDisk>>;

    /// Where a volume for a disk of this VM has to be: in the pool of that name, else in the
    /// one that new volumes go to when nobody names one. A VM or a pool that is not there is
    /// `NotFound`; a pool that the VM does not reach is `Invalid`.
    async fn place_for(&self, cx: &Cx, vm: &VmRef, pool: Option<&str>) -> Result<VolumePlace>;

    /// Adds a disk unless it is there, and returns when the guest can see it, or when the
    /// VM is off and will have it. It stays over the VM's next start.
    ///
    /// One with our mark is the same one and success; where it is on its way still, that is
    /// waited for. So is one of this name with this very volume, whoever added it. One of
    /// this name with another volume, and a volume that another VM may write to, are a
    /// `Conflict`; a volume that is not there is `NotFound`. What the limits exclude is
    /// `Unsupported`, or a `Conflict` where the VM's state is in the way.
    ///
    /// An error without unknown effect leaves nothing behind. One that comes late bears its
    /// mark from the first moment it can be seen.
    async fn attach_disk(&self, cx: &Cx, request: &AttachDisk<'_>) -> Result<DiskHandle>;

    /// Takes a disk off, and returns when the guest has given it up. Its volume stays, and
    /// so do all other disks. It stays off over the VM's next start.
    ///
    /// Absent is success, and so is an absent VM; so is one of this name that has another
    /// volume or another mark, which is left alone: the one that is meant is gone. A guest
    /// that does not give it up is a `Timeout` or a `Conflict`, whose effect is unknown
    /// where it may give it up yet. One that cannot be taken off in the VM's state is a
    /// `Conflict`.
    async fn detach_disk(&self, cx: &Cx, vm: &VmRef, disk: &DiskRef) -> Result<()>;

    /// Makes a disk at least so large, in bytes, and returns how large it is: when the guest
    /// that runs has been told of it, or when the VM is off and will see it. What is on the
    /// disk stays as it is; file systems on it are the guest's to grow.
    ///
    /// One that is as large or larger is left as it is, and success: a disk never becomes
    /// smaller. A VM or a disk that is not there is `NotFound`; so is another disk that has
    /// come to bear its name. What the limits exclude is `Unsupported`, or a `Conflict` where
    /// the VM's state is in the way; so is a disk whose bytes something else needs as they are.
    async fn grow_disk(
        &self,
        cx: &Cx,
        vm: &VmRef,
        disk: &DiskRef,
        capacity_bytes: u64,
    ) -> Result<u64>;
}

/// Where a volume has to be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VolumePlace {
    /// The host whose pool it is, in the provider's terms.
    pub host_ref: String,
    /// The name of the pool.
    pub pool: String,
}

/// A disk to be added.
#[derive(Debug, Clone)]
pub struct AttachDisk<'a> {
    /// What no other attachment ever bears.
    pub mark: &'a DiskMark,
    /// To which VM.
    pub vm: &'a VmRef,
    /// What it should be.
    pub disk: &'a DiskSpec,
    /// The volume behind it, which is there.
    pub volume: &'a VolumeRef,
}

/// Names an attachment towards its provider.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct DiskRef {
    /// The provider's lasting name for it, among those of its VM.
    pub external_ref: String,
    /// Its name for people, for messages only.
    pub name: String,
    /// Our mark, if it bears one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<DiskMark>,
    /// Where its bytes are, in the words in which the provider lists it: what tells it from
    /// a newer one that the provider has given the same name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<String>,
}

impl DiskRef {
    /// The reference to a disk as it was listed.
    pub fn of(seen: &AttachedDisk) -> Self {
        Self {
            external_ref: seen.external_ref.clone(),
            name: seen.name.clone(),
            mark: seen.mark.clone(),
            bytes: bytes_of(seen),
        }
    }

    /// Whether what is listed is the attachment that is meant.
    pub fn is(&self, seen: &AttachedDisk) -> bool {
        self.external_ref == seen.external_ref
            && self.mark == seen.mark
            && self.bytes == bytes_of(seen)
    }
}

/// Where the bytes of a disk are, in one word. The source first: whether a volume is known
/// behind it may change with what the provider knows at the time.
fn bytes_of(seen: &AttachedDisk) -> Option<String> {
    let volume = || seen.volume.as_ref().map(|at| format!("{}/{}", at.pool, at.volume));
    seen.source.clone().or_else(volume)
}

impl std::fmt::Display for DiskRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{}\"", self.name)
    }
}

/// A disk that the VM has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskHandle {
    /// The provider's lasting name for it.
    pub disk: DiskRef,
    /// Whether this call added it; `false` when it was there.
    pub created: bool,
}
