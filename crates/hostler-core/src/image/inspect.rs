//! Looks at the first bytes of an uploaded file before anything else does, and
//! refuses what would make a hypervisor read other files of the host (A4–A7).
//!
//! Nothing is guessed from a name, and the format declared by the uploader has
//! to be the one found. A "raw" file that begins like another format is refused
//! too: whoever probes it later would be misled.
//!
//! A volume that a guest could write to is looked at as well before another VM
//! gets it: a guest owns every byte of a raw disk, so also those that make it
//! look like a file with a backing file.

use crate::error::{Code, Error, Result};
use crate::vm::check::DISK_MAX_BYTES;
use crate::vm::devices::VolumeFormat;

/// How many bytes of the file have to be given, or all of a shorter one.
pub const HEADER_BYTES: usize = 4096;

/// What the first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inspected {
    /// The format.
    pub format: VolumeFormat,
    /// The size a guest sees, in bytes.
    pub virtual_bytes: u64,
}

/// Checks that a file of `file_bytes` bytes, beginning with `header`, is what
/// the uploader `declared`, and safe to give to a hypervisor.
pub fn inspect(declared: VolumeFormat, header: &[u8], file_bytes: u64) -> Result<Inspected> {
    let found = magic(header);
    match (declared, found) {
        (VolumeFormat::Qcow2, Some("qcow2")) => qcow2(header),
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
        (VolumeFormat::Qcow2, Some("qcow2")) => qcow2(header).map(drop),
        (VolumeFormat::Qcow2, found) => {
            Err(refuse(format!("the volume is kept as qcow2 but is {}", found.unwrap_or("not"))))
        }
        (VolumeFormat::Raw, Some(found)) if !SELF_CONTAINED.contains(&found) => {
            // The worse of the two things there are to say.
            if found == "qcow2" {
                qcow2(header)?;
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

/// Features of a qcow2 file that change only how it is read, not what else is read.
const HARMLESS_FEATURES: u64 = 1 // dirty: repaired on opening
    | 1 << 3 // compression type
    | 1 << 4; // extended L2 entries

fn qcow2(header: &[u8]) -> Result<Inspected> {
    let u32_at = |at: usize| {
        let bytes = header.get(at..at + 4).and_then(|b| b.try_into().ok());
        bytes.map(u32::from_be_bytes).ok_or_else(|| refuse("the qcow2 header is cut short"))
    };
    let u64_at = |at: usize| {
        let bytes = header.get(at..at + 8).and_then(|b| b.try_into().ok());
        bytes.map(u64::from_be_bytes).ok_or_else(|| refuse("the qcow2 header is cut short"))
    };
    let version = u32_at(4)?;
    if !matches!(version, 2 | 3) {
        return Err(refuse(format!("qcow2 version {version} is not known")));
    }
    if u64_at(8)? != 0 || u32_at(16)? != 0 {
        return Err(refuse("the qcow2 file has a backing file, which is another file of the host"));
    }
    if !(9..=21).contains(&u32_at(20)?) {
        return Err(refuse("the qcow2 file has an impossible cluster size"));
    }
    if u32_at(32)? != 0 {
        return Err(refuse("the qcow2 file is encrypted"));
    }
    if version == 3 {
        let features = u64_at(72)?;
        if features & (1 << 2) != 0 {
            let message = "the qcow2 file keeps its data in another file of the host";
            return Err(refuse(message));
        }
        if features & (1 << 1) != 0 {
            return Err(refuse("the qcow2 file says that it is corrupt"));
        }
        if features & !HARMLESS_FEATURES != 0 {
            return Err(refuse("the qcow2 file needs features that are not known"));
        }
    }
    let virtual_bytes = u64_at(24)?;
    if virtual_bytes == 0 || virtual_bytes > DISK_MAX_BYTES {
        return Err(refuse(format!("a disk of {virtual_bytes} bytes is not possible")));
    }
    Ok(Inspected { format: VolumeFormat::Qcow2, virtual_bytes })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A version 3 header of a plain 1 GiB image, as `qemu-img create` writes it.
    fn header() -> Vec<u8> {
        let mut header = vec![0; 512];
        header[..4].copy_from_slice(b"QFI\xfb");
        header[7] = 3;
        header[23] = 16;
        header[24..32].copy_from_slice(&(1_u64 << 30).to_be_bytes());
        header[103] = 104;
        header
    }

    fn refusal(declared: VolumeFormat, header: &[u8]) -> String {
        let error = inspect(declared, header, 4096).unwrap_err();
        assert_eq!(error.code(), Code::ImageUnsafe);
        error.to_string()
    }

    #[test]
    fn a_plain_qcow2_file_passes_with_its_size() {
        let inspected = inspect(VolumeFormat::Qcow2, &header(), 196_616).unwrap();
        assert_eq!(inspected.virtual_bytes, 1 << 30);
    }

    #[test]
    fn a4_a_backing_file_is_refused() {
        let mut bytes = header();
        bytes[15] = 200;
        bytes[19] = 7;
        assert!(refusal(VolumeFormat::Qcow2, &bytes).contains("backing file"));
    }

    #[test]
    fn a5_an_external_data_file_is_refused() {
        let mut bytes = header();
        bytes[79] = 1 << 2;
        assert!(refusal(VolumeFormat::Qcow2, &bytes).contains("another file of the host"));
    }

    #[test]
    fn a6_a_raw_file_that_is_something_else_is_refused() {
        assert!(refusal(VolumeFormat::Raw, &header()).contains("begins like qcow2"));
        assert!(refusal(VolumeFormat::Qcow2, &[0; 512]).contains("is not"));
    }

    #[test]
    fn a7_a_vmdk_descriptor_is_refused() {
        let text = b"# Disk DescriptorFile\nRW 1 FLAT \"/etc/shadow\" 0\n";
        assert!(refusal(VolumeFormat::Raw, text).contains("vmdk descriptor"));
    }

    #[test]
    fn unknown_features_encryption_and_impossible_sizes_are_refused() {
        for (at, value) in [(72, 0x80), (35, 1), (7, 9), (23, 40), (24, 0xff), (79, 2)] {
            let mut bytes = header();
            bytes[at] = value;
            refusal(VolumeFormat::Qcow2, &bytes);
        }
    }

    fn volume_refusal(declared: VolumeFormat, header: &[u8]) -> String {
        let error = inspect_volume(declared, header).unwrap_err();
        assert_eq!(error.code(), Code::ImageUnsafe);
        error.to_string()
    }

    #[test]
    fn a4_a_volume_whose_guest_wrote_a_backing_file_into_it_is_refused_however_it_is_kept() {
        let mut bytes = header();
        bytes[15] = 200;
        bytes[19] = 7;
        for declared in [VolumeFormat::Qcow2, VolumeFormat::Raw] {
            assert!(volume_refusal(declared, &bytes).contains("backing file"));
        }
        let mut bytes = header();
        bytes[79] = 1 << 2;
        for declared in [VolumeFormat::Qcow2, VolumeFormat::Raw] {
            assert!(volume_refusal(declared, &bytes).contains("another file of the host"));
        }
    }

    #[test]
    fn a6_a_volume_is_what_it_is_kept_as() {
        inspect_volume(VolumeFormat::Qcow2, &header()).unwrap();
        assert!(volume_refusal(VolumeFormat::Raw, &header()).contains("begins like qcow2"));
        assert!(volume_refusal(VolumeFormat::Qcow2, &[0; 512]).contains("is not"));
        assert!(volume_refusal(VolumeFormat::Qcow2, &[]).contains("is not"));
        let cut = &header()[..40];
        assert!(volume_refusal(VolumeFormat::Qcow2, cut).contains("cut short"));
    }

    #[test]
    fn a7_a_raw_volume_may_hold_anything_that_names_no_other_file() {
        for harmless in
            [&b""[..], &[0; 512], b"LUKS\xba\xbe\0\x02", b"\x1f\x8b\x08", b"\xeb\x63\x90"]
        {
            inspect_volume(VolumeFormat::Raw, harmless).unwrap();
        }
        for other in [&b"KDMV"[..], b"# Disk DescriptorFile\n", b"QED\0", b"vhdxfile", b"conectix"]
        {
            volume_refusal(VolumeFormat::Raw, other);
        }
    }

    #[test]
    fn a_raw_file_is_whole_sectors() {
        assert_eq!(inspect(VolumeFormat::Raw, &[0; 512], 1024).unwrap().virtual_bytes, 1024);
        assert!(inspect(VolumeFormat::Raw, &[0; 100], 100).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_inspector_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut with_magic = b"QFI\xfb\0\0\0\x03".to_vec();
            with_magic.extend(&bytes);
            let _ = inspect(VolumeFormat::Qcow2, &with_magic, 1);
            let _ = inspect(VolumeFormat::Raw, &bytes, bytes.len() as u64);
            let _ = inspect_volume(VolumeFormat::Qcow2, &with_magic);
            let _ = inspect_volume(VolumeFormat::Raw, &bytes);
        }
    }
}
