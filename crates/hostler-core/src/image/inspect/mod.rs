//! Looks at an uploaded file before anything else does, and refuses what would make a
//! hypervisor, or a tool that converts it, read other files of the host (A4–A7).
//!
//! Nothing is guessed from a name, and the format declared by the uploader has
//! to be the one found. A "raw" file that begins like another format is refused
//! too: whoever probes it later would be misled.
//!
//! A volume that a guest could write to is looked at as well before another VM
//! gets it: a guest owns every byte of a raw disk, so also those that make it
//! look like a file with a backing file.

mod iso;
mod qcow2;
mod source;
mod vdi;
mod vhdx;
mod vmdk;

use self::source::Reader;
pub use self::source::Source;
use super::ImageFormat;
use crate::error::{Code, Error, Result};
use crate::vm::check::DISK_MAX_BYTES;
use crate::vm::devices::VolumeFormat;

/// How many bytes of the file have to be given, or all of a shorter one.
pub const HEADER_BYTES: usize = 4096;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inspected {
    /// The format, or that into which it has to be converted.
    pub format: VolumeFormat,
    /// The size a guest sees, in bytes.
    pub virtual_bytes: u64,
}

/// Checks that an uploaded `file` is what the uploader `declared`, that it is one file alone, and
/// that its disk is of a possible size.
///
/// # Errors
/// `ImageUnsafe` with what is wrong; `StoreUnavailable` when it cannot be read.
pub fn inspect_image(declared: ImageFormat, file: &mut dyn Source) -> Result<Inspected> {
    let mut reader = Reader::new(file, declared.name());
    let header = reader.head(HEADER_BYTES)?;
    let found = magic(&header);
    let virtual_bytes = match (declared, found) {
        (ImageFormat::Qcow2, _) => return inspect(VolumeFormat::Qcow2, &header, reader.size()),
        (ImageFormat::Raw, _) => return inspect(VolumeFormat::Raw, &header, reader.size()),
        // A CD may begin with anything that boots, but with nothing that names files.
        (ImageFormat::Iso, None) => iso::inspect(&mut reader)?,
        (ImageFormat::Vmdk, Some("vmdk")) => vmdk::inspect(&mut reader)?,
        (ImageFormat::Vmdk, Some("a vmdk descriptor")) => {
            return Err(reader.refused("is a text that names other files of the host"));
        }
        (ImageFormat::Vdi, Some("vdi")) => vdi::inspect(&mut reader)?,
        (ImageFormat::Vhdx, Some("vhdx")) => vhdx::inspect(&mut reader)?,
        (_, found) => {
            let is = found.unwrap_or("not");
            return Err(refuse(format!(
                "the file was declared as {} but is {is}",
                declared.name()
            )));
        }
    };
    if virtual_bytes == 0 || virtual_bytes > DISK_MAX_BYTES {
        return Err(refuse(format!("a disk of {virtual_bytes} bytes is not possible")));
    }
    Ok(Inspected { format: declared.kept_as(), virtual_bytes })
}

/// Checks that a file of `file_bytes` bytes, beginning with `header`, is what
/// the uploader `declared`, and safe to give to a hypervisor.
pub fn inspect(declared: VolumeFormat, header: &[u8], file_bytes: u64) -> Result<Inspected> {
    let found = magic(header);
    match (declared, found) {
        (VolumeFormat::Qcow2, Some("qcow2")) => qcow2::inspect(header),
        (VolumeFormat::Qcow2, found) => {
            Err(refuse(format!("the file was declared as qcow2 but is {}", found.unwrap_or("not"))))
        }
        (VolumeFormat::Raw, Some(found)) => Err(refuse(format!(
            "the file was declared as raw but begins like {found}; declare its true format, or \
             convert it"
        ))),
        (VolumeFormat::Raw, None) => raw(file_bytes),
    }
}

/// Checks that a volume kept as `declared`, beginning with `header`, reads from
/// nothing but itself, whatever its last user wrote there.
///
/// Gentler than [`inspect`] with raw volumes: a guest may well have put an
/// archive or an encrypted file system directly on its disk. Refused is only
/// what could name other files once somebody guesses the format.
pub fn inspect_volume(declared: VolumeFormat, header: &[u8]) -> Result<()> {
    match (declared, magic(header)) {
        (VolumeFormat::Qcow2, Some("qcow2")) => qcow2::inspect(header).map(drop),
        (VolumeFormat::Qcow2, found) => {
            Err(refuse(format!("the volume is kept as qcow2 but is {}", found.unwrap_or("not"))))
        }
        (VolumeFormat::Raw, Some(found)) if !SELF_CONTAINED.contains(&found) => {
            // The worse of the two things there are to say.
            if found == "qcow2" {
                qcow2::inspect(header)?;
            }
            Err(refuse(format!(
                "the volume is kept as raw but begins like {found}, which its last user may have \
                 written; refresh the pool if that is its true format"
            )))
        }
        (VolumeFormat::Raw, _) => Ok(()),
    }
}

/// Formats that have no way to name another file.
const SELF_CONTAINED: &[&str] = &["luks", "gzip", "xz", "zstd", "bzip2", "zip"];

fn refuse(message: impl Into<String>) -> Error {
    Error::new(Code::ImageUnsafe, message)
}

/// Formats that tools recognise by their first bytes.
fn magic(header: &[u8]) -> Option<&'static str> {
    const MAGICS: &[(usize, &[u8], &str)] = &[
        (0, b"QFI\xfb", "qcow2"),
        (0, b"KDMV", "vmdk"),
        (0, b"COWD", "vmdk"),
        (0, b"# Disk DescriptorFile", "a vmdk descriptor"),
        (0, b"vhdxfile", "vhdx"),
        (0, b"conectix", "vhd"),
        (0x40, b"\x7f\x10\xda\xbe", "vdi"),
        (0, b"QED\0", "qed"),
        (0, b"LUKS\xba\xbe", "luks"),
        (0, b"WithoutFreeSpace", "parallels"),
        (0, b"WithouFreSpacExt", "parallels"),
        (0, b"\x1f\x8b", "gzip"),
        (0, b"\xfd7zXZ\0", "xz"),
        (0, b"\x28\xb5\x2f\xfd", "zstd"),
        (0, b"BZh", "bzip2"),
        (0, b"PK\x03\x04", "zip"),
    ];
    MAGICS
        .iter()
        .find(|(at, bytes, _)| header.get(*at..at + bytes.len()) == Some(*bytes))
        .map(|(_, _, name)| *name)
}

fn raw(file_bytes: u64) -> Result<Inspected> {
    if file_bytes == 0 || !file_bytes.is_multiple_of(512) {
        let message =
            format!("a raw image is a whole number of 512-byte sectors, not {file_bytes} bytes");
        return Err(refuse(message));
    }
    Ok(Inspected { format: VolumeFormat::Raw, virtual_bytes: file_bytes })
}

#[cfg(test)]
mod tests;
