//! Snapshots of VMs: taking, listing, going back, deleting.
//!
//! ```text
//!  ensure_snapshot ──► creating ──► ready ──► remove_snapshot ──► gone
//!                          └──► failed: taken away again, and the error says why
//!  revert: the VM is as it was then; with memory it goes on, without it is off
//! ```
//!
//! A driver may hold snapshots inside of disks, in files beside them, or as objects of a
//! cluster; whether they form a tree, hold memory, and what they ask of the VM is data:
//! [`Snapshots::limits`].
//!
//! Taking and deleting leave the VM's volumes what they are. Going back does so where disks are put
//! back in place; where it makes other volumes of them, it says which ([`Reverted`]). Either way
//! the volumes are the VM's own business no more than before: deleting the VM keeps them.

use async_trait::async_trait;
use hostler_core::id::{OperationId, SnapshotId};
use hostler_core::snapshot::{ObservedSnapshot, SnapshotLimits, SnapshotSpec};

use crate::context::Cx;
use crate::error::Result;
use crate::inventory::VmRef;

/// Snapshots of VMs.
#[async_trait]
pub trait Snapshots: Send + Sync {
    /// What they can do here, whichever VM it is. Says nothing of whether one can be
    /// taken now: only taking it tells.
    fn limits(&self) -> SnapshotLimits;

    /// All snapshots of a VM, whoever took them, oldest first; a parent stands before
    /// its children. Complete, or an error. A VM that is not there is `NotFound`.
    async fn list_snapshots(&self, cx: &Cx, vm: &VmRef) -> Result<Vec<ObservedSnapshot>>;

    /// Takes the snapshot unless it is there, and returns when it can be gone back to.
    /// The VM goes on as it was.
    ///
    /// One with our tag for the same id is the same one and success; where it is being
    /// taken still, that is waited for; one that failed is taken anew. Another one of
    /// the same name is a `Conflict`. What the limits exclude is `Unsupported`, or a
    /// `Conflict` where the VM's state is in the way.
    ///
    /// Where the guest had to be brought to rest and was not, there is no snapshot and a
    /// `Conflict` that says why. An error without unknown effect leaves nothing behind.
    /// One that comes late bears its tag from the first moment it can be seen.
    async fn ensure_snapshot(
        &self,
        cx: &Cx,
        request: &EnsureSnapshot<'_>,
    ) -> Result<SnapshotHandle>;

    /// Puts the VM back to a snapshot: its disks, and what else the snapshot holds. What
    /// was written since is lost, and snapshots that were taken since stay where the
    /// provider has a tree, and where it says nothing to the contrary.
    ///
    /// A VM that is on has its power cut where [`SnapshotLimits::reverts_live`] says so,
    /// and is a `Conflict` elsewhere. Afterwards it is off, or goes on (running or paused
    /// as it was) where the snapshot holds its memory. A snapshot that is not there is
    /// `NotFound`, one that is not ready a `Conflict`.
    ///
    /// What was done for an operation is not done again for it: the VM may have been used
    /// since. It is told again, the same.
    async fn revert(&self, cx: &Cx, request: &Revert<'_>) -> Result<Reverted>;

    /// Deletes a snapshot; those that grew from it grow from its parent then. The VM's
    /// disks stay as they are. Absent is success, and so is an absent VM.
    async fn remove_snapshot(&self, cx: &Cx, vm: &VmRef, snapshot: &SnapshotRef) -> Result<()>;
}

/// Names a snapshot towards its provider.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct SnapshotRef {
    /// The provider's lasting name for it, among those of its VM.
    pub external_ref: String,
    /// Its name for people, for messages only.
    pub name: String,
}

impl std::fmt::Display for SnapshotRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{}\"", self.name)
    }
}

/// A snapshot to be taken.
#[derive(Debug, Clone)]
pub struct EnsureSnapshot<'a> {
    /// Its identity, which becomes the tag.
    pub id: SnapshotId,
    /// Of which VM.
    pub vm: &'a VmRef,
    /// What it should be.
    pub spec: &'a SnapshotSpec,
}

/// A VM to be put back.
#[derive(Debug, Clone)]
pub struct Revert<'a> {
    /// For which operation: what makes a repeated call the same one.
    pub operation: OperationId,
    /// Which VM.
    pub vm: &'a VmRef,
    /// To which snapshot.
    pub snapshot: &'a SnapshotRef,
}

/// What came of a VM's being put back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reverted {
    /// Disks whose bytes are in another volume from now on; none where disks are put back in
    /// place. The volumes that they were in are there still, and used by nobody.
    pub moved: Vec<MovedDisk>,
}

/// A disk that is in another volume from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedDisk {
    /// The name of the disk, as in the VM's specification.
    pub disk: String,
    /// The name of the volume, in the pool that the disk was in before.
    pub volume: String,
}

/// A snapshot that can be gone back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotHandle {
    /// The provider's lasting name for it.
    pub snapshot: SnapshotRef,
    /// Whether this call took it; `false` when it was there.
    pub created: bool,
}
