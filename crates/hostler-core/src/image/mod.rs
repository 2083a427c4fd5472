//! Disk images in Hostler's own catalogue, from which VMs are made.

pub mod inspect;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::ImageId;
use crate::vm::devices::VolumeFormat;

/// What a file that is imported can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageFormat {
    /// QEMU's copy-on-write format; kept as it is.
    Qcow2,
    /// The plain bytes of a disk; kept as they are.
    Raw,
    /// What a CD holds; kept as its plain bytes.
    Iso,
    /// VMware's; converted to qcow2.
    Vmdk,
    /// `VirtualBox`'s; converted to qcow2.
    Vdi,
    /// Hyper-V's; converted to qcow2.
    Vhdx,
}

impl ImageFormat {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Qcow2, Self::Raw, Self::Iso, Self::Vmdk, Self::Vdi, Self::Vhdx];

    /// How the catalogue keeps one.
    pub const fn kept_as(self) -> VolumeFormat {
        match self {
            Self::Qcow2 | Self::Vmdk | Self::Vdi | Self::Vhdx => VolumeFormat::Qcow2,
            Self::Raw | Self::Iso => VolumeFormat::Raw,
        }
    }

    /// The format to convert from, as `qemu-img` calls it; none for those kept as they are.
    pub const fn converted_from(self) -> Option<&'static str> {
        match self {
            Self::Qcow2 | Self::Raw | Self::Iso => None,
            Self::Vmdk => Some("vmdk"),
            Self::Vdi => Some("vdi"),
            Self::Vhdx => Some("vhdx"),
        }
    }

    /// Its name in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Qcow2 => "qcow2",
            Self::Raw => "raw",
            Self::Iso => "ISO",
            Self::Vmdk => "VMDK",
            Self::Vdi => "VDI",
            Self::Vhdx => "VHDX",
        }
    }
}

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
