//! Volumes in pools: making, filling, listing and removing them.

use async_trait::async_trait;
use bytes::Bytes;
use hostler_core::storage::ObservedVolume;
use hostler_core::vm::cloud_init::Seed;
use hostler_core::vm::devices::VolumeFormat;

use crate::context::Cx;
use crate::error::Result;

/// Names a volume towards its provider.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct VolumeRef {
    /// The host whose pool it is in, in the provider's terms.
    pub host_ref: String,
    /// The name of the pool.
    pub pool: String,
    /// The name of the volume.
    pub name: String,
}

impl std::fmt::Display for VolumeRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.pool, self.name)
    }
}

/// Reads the bytes to fill a volume with, piece by piece.
#[async_trait]
pub trait VolumeReader: Send + Sync {
    /// How many bytes there are in all.
    fn len(&self) -> u64;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Up to `max` bytes from `offset`; empty at the end. May be called again
    /// for the same offset, when a transfer starts over.
    async fn read_at(&self, offset: u64, max: usize) -> std::io::Result<Bytes>;
}

/// What a new volume holds.
pub enum VolumeContent<'a> {
    /// Zeros.
    Empty,
    /// These bytes, which are already in the volume's format; the volume is then
    /// grown to the capacity.
    Upload(&'a dyn VolumeReader),
    /// A full copy of a volume of the same pool, grown to the capacity.
    CopyOf(&'a VolumeRef),
    /// The documents of a NoCloud seed as a disk that cloud-init finds; the
    /// provider chooses the file system. Capacity and format are its choice too.
    Seed(&'a Seed),
}

/// A volume to be made.
pub struct EnsureVolume<'a> {
    /// Its name and place.
    pub volume: &'a VolumeRef,
    /// The size a guest sees, in bytes; with `CopyOf` and `Upload` at least the
    /// original's.
    pub capacity_bytes: u64,
    /// How it is stored.
    pub format: VolumeFormat,
    /// What it holds.
    pub content: VolumeContent<'a>,
}

/// A volume that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeInfo {
    /// The volume.
    pub volume: VolumeRef,
    /// The size a guest sees, in bytes.
    pub capacity_bytes: u64,
    /// Whether this call made it; `false` when it was there, complete.
    pub created: bool,
}

/// Volumes in pools.
#[async_trait]
pub trait Storage: Send + Sync {
    /// In which formats volumes are made; the first is taken where none is asked for.
    fn formats(&self) -> &'static [VolumeFormat];

    /// The pool that new volumes go to when nobody names one: the one called
    /// `default`, else the active one with most room. `NotFound` when there is none.
    async fn default_pool(&self, cx: &Cx, host_ref: &str) -> Result<String>;

    /// Makes the volume unless it is there, complete; one that is complete is
    /// never touched, whoever made it. A volume that an interrupted call left
    /// half-filled is made anew.
    async fn ensure_volume(&self, cx: &Cx, request: &EnsureVolume<'_>) -> Result<VolumeInfo>;

    /// Deletes the volume. Absent is success; one in use is a `Conflict` where
    /// the provider can tell.
    async fn remove_volume(&self, cx: &Cx, volume: &VolumeRef) -> Result<()>;

    /// The volumes of a pool, sorted by name.
    async fn volumes(&self, cx: &Cx, host_ref: &str, pool: &str) -> Result<Vec<ObservedVolume>>;
}
