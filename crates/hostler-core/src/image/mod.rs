//! Disk images in Hostler's own catalogue, from which VMs are made.

pub mod inspect;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::ImageId;
use crate::vm::devices::VolumeFormat;

/// An image of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Its identity.
    pub id: ImageId,
    /// Its name, unique in the catalogue.
    pub name: String,
    /// Free text for people.
    pub description: String,
    /// How it is stored; found by inspection and never guessed later (A6).
    pub format: VolumeFormat,
    /// The bytes of the file.
    pub file_bytes: u64,
    /// The size a guest sees, in bytes.
    pub virtual_bytes: u64,
    /// SHA-256 of the file, in lower-case hex.
    pub sha256: String,
    /// When it was imported.
    pub created_at: Timestamp,
}
