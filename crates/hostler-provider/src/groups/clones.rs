//! Clones: VMs that are made of others, or of their snapshots.
//!
//! ```text
//!   ensure_clone ──► being made ──► a VM like any other, off, with our tag
//!                        └──► failed: taken away again, and the error says why
//!   remove_clone: what there is of it is gone, its own volumes too
//! ```
//!
//! A clone shares nothing with its source that either could harm: its volumes, addresses
//! and marks are its own. How a driver copies is its business; what it cannot is data:
//! [`Clones::limits`].

use async_trait::async_trait;
use hostler_core::clone::CloneLimits;
use hostler_core::id::VmId;

use super::create::DiskBinding;
use super::snapshots::SnapshotRef;
use super::storage::VolumeRef;
use crate::context::Cx;
use crate::error::Result;
use crate::inventory::VmRef;

/// Making VMs of others.
#[async_trait]
pub trait Clones: Send + Sync {
    /// What they can do here, whichever VM it is. Says nothing of whether this VM can be
    /// cloned now: only doing it tells.
    fn limits(&self) -> CloneLimits;

    /// Makes the clone unless it exists, and returns when it is a VM that can be started.
    /// It is off, where its source is, with volumes, addresses and an identity (UUID,
    /// serial number) of its own. The source goes on as it was.
    ///
    /// A VM with our tag for the same id is the same one and success, whatever its state;
    /// one that is being made is waited for, and one that was given up halfway is followed
    /// on or made anew. Another VM of the same name is a `Conflict`. A source or a
    /// snapshot that is not there is `NotFound`. What the limits exclude is `Unsupported`,
    /// or a `Conflict` where the VM's state is in the way.
    ///
    /// An error without unknown effect leaves nothing behind. A clone that comes late bears
    /// the tag from the first moment it can be seen, or is not shown before it does.
    async fn ensure_clone(&self, cx: &Cx, request: &EnsureClone<'_>) -> Result<CloneHandle>;

    /// Takes away the clone that was made for `vm`, or what there is of it, with the
    /// volumes that were made for it; never one that its source or anybody else uses, and
    /// not the seed that it was given. Tells whether there was anything. Absent is success;
    /// a clone that runs is a `Conflict`.
    async fn remove_clone(&self, cx: &Cx, vm: VmId) -> Result<bool>;
}

/// A clone to be made.
#[derive(Debug, Clone)]
pub struct EnsureClone<'a> {
    /// The identity of the new VM, which becomes its tag.
    pub vm: VmId,
    /// Its name.
    pub name: &'a str,
    /// The VM that it is made of.
    pub source: &'a VmRef,
    /// The snapshot of that VM that it is made of; `None`: of the VM as it is now.
    pub snapshot: Option<&'a SnapshotRef>,
    /// The seed for cloud-init that it gets in place of its source's, already made as a
    /// volume. Given wherever Hostler made the source's.
    pub seed: Option<&'a VolumeRef>,
}

/// A clone that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloneHandle {
    /// The provider's lasting name for it.
    pub vm: VmRef,
    /// Whether this call made it; `false` when it was there.
    pub created: bool,
    /// The volumes that were made for it, by the names that its source has for the disks,
    /// without the seed. Each is its own.
    pub disks: Vec<DiskBinding>,
}
