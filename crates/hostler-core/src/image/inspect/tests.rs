//! What is let in, and what is refused with which words.

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
    for harmless in [&b""[..], &[0; 512], b"LUKS\xba\xbe\0\x02", b"\x1f\x8b\x08", b"\xeb\x63\x90"] {
        inspect_volume(VolumeFormat::Raw, harmless).unwrap();
    }
    for other in [&b"KDMV"[..], b"# Disk DescriptorFile\n", b"QED\0", b"vhdxfile", b"conectix"] {
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

/// A monolithicSparse file of 1 MiB, as far as it is looked at.
fn vmdk(descriptor: &str) -> Vec<u8> {
    let mut bytes = vec![0; 64 << 10];
    bytes[..4].copy_from_slice(b"KDMV");
    bytes[4] = 1;
    bytes[12..20].copy_from_slice(&2048_u64.to_le_bytes());
    bytes[28..36].copy_from_slice(&1_u64.to_le_bytes());
    bytes[36..44].copy_from_slice(&20_u64.to_le_bytes());
    bytes[56..64].copy_from_slice(&26_u64.to_le_bytes());
    bytes[512..512 + descriptor.len()].copy_from_slice(descriptor.as_bytes());
    bytes
}

const DESCRIPTOR: &str = "# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\n\
    createType=\"monolithicSparse\"\nRW 2048 SPARSE \"disk.vmdk\"\nddb.adapterType = \"ide\"\n";

fn looked(declared: ImageFormat, bytes: &[u8]) -> Result<Inspected> {
    let mut source = bytes;
    inspect_image(declared, &mut source)
}

fn words(declared: ImageFormat, bytes: &[u8]) -> String {
    let error = looked(declared, bytes).unwrap_err();
    assert_eq!(error.code(), Code::ImageUnsafe);
    error.to_string()
}

#[test]
fn a7_a_vmdk_is_one_file_alone() {
    let found = looked(ImageFormat::Vmdk, &vmdk(DESCRIPTOR)).unwrap();
    assert_eq!(found, Inspected { format: VolumeFormat::Qcow2, virtual_bytes: 1 << 20 });
    for (from, to) in [
        ("monolithicSparse", "monolithicFlat"),
        ("RW 2048 SPARSE \"disk.vmdk\"", "RW 2048 FLAT \"/etc/shadow\" 0"),
        ("RW 2048 SPARSE \"disk.vmdk\"", "RW 2048 SPARSE \"/etc/shadow\""),
        ("RW 2048 SPARSE \"disk.vmdk\"", "RW 2048 SPARSE \"nbd:host\""),
        ("RW 2048 SPARSE \"disk.vmdk\"", "RW 4096 SPARSE \"disk.vmdk\""),
        ("ddb", "RW 2048 SPARSE \"more.vmdk\"\nddb"),
        ("parentCID=ffffffff", "parentCID=12345678"),
        ("CID=1\n", "parentFileNameHint=\"base.vmdk\"\n"),
    ] {
        words(ImageFormat::Vmdk, &vmdk(&DESCRIPTOR.replace(from, to)));
    }
    // Without a size, tools take the descriptor for a list of files.
    let mut sizeless = vmdk(DESCRIPTOR);
    sizeless[12..20].fill(0);
    assert!(words(ImageFormat::Vmdk, &sizeless).contains("names other files"));
    // The header's copy at the end has to say the same.
    let mut footed = vmdk(DESCRIPTOR);
    footed[56..64].fill(0xff);
    assert!(words(ImageFormat::Vmdk, &footed).contains("another header"));
    let at = footed.len() - 1024;
    footed.copy_within(..512, at);
    looked(ImageFormat::Vmdk, &footed).unwrap();
}

fn vdi() -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    bytes[0x40..0x44].copy_from_slice(b"\x7f\x10\xda\xbe");
    for (at, value) in
        [(0x44, 0x0001_0001_u32), (0x4c, 1), (0x168, 512), (0x178, 1 << 20), (0x180, 2)]
    {
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    bytes[0x170..0x178].copy_from_slice(&(2_u64 << 20).to_le_bytes());
    bytes
}

#[test]
fn a4_a_vdi_holds_a_whole_disk() {
    assert_eq!(looked(ImageFormat::Vdi, &vdi()).unwrap().virtual_bytes, 2 << 20);
    for (at, value) in [(0x4c, 4), (0x1a8, 1), (0x1b8, 1), (0x44, 2), (0x180, 1), (0x169, 4)] {
        let mut bytes = vdi();
        bytes[at] = value;
        words(ImageFormat::Vdi, &bytes);
    }
    assert!(words(ImageFormat::Vdi, &vdi()[..0x100]).contains("cut short"));
}

fn vhdx() -> Vec<u8> {
    let mut bytes = vec![0; 2 << 20];
    let mut put = |at: usize, what: &[u8]| bytes[at..at + what.len()].copy_from_slice(what);
    put(0, b"vhdxfile");
    for (header, table) in [(64 << 10, 192 << 10), (128 << 10, 256 << 10)] {
        put(header, b"head");
        put(table, b"regi");
        put(table + 8, &1_u32.to_le_bytes());
        put(table + 16, &[6, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b]);
        put(table + 24, &[0xb8, 0xfe, 0x57, 0x5f, 5, 0x0f, 0x88, 0x6e]);
        put(table + 32, &(1_u64 << 20).to_le_bytes());
    }
    let metadata = 1 << 20;
    put(metadata, b"metadata");
    put(metadata + 10, &2_u16.to_le_bytes());
    put(metadata + 32, &[0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d]);
    put(metadata + 40, &[0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b]);
    put(metadata + 48, &(64_u32 << 10).to_le_bytes());
    put(metadata + 64, &[0x24, 0x42, 0xa5, 0x2f, 0x1b, 0xcd, 0x76, 0x48]);
    put(metadata + 72, &[0xb2, 0x11, 0x5d, 0xbe, 0xd8, 0x3b, 0xf4, 0xb8]);
    put(metadata + 80, &((64_u32 << 10) + 8).to_le_bytes());
    put(metadata + (64 << 10) + 8, &(3_u64 << 20).to_le_bytes());
    bytes
}

#[test]
fn a4_a_vhdx_holds_a_whole_disk_whichever_of_its_copies_is_read() {
    assert_eq!(looked(ImageFormat::Vhdx, &vhdx()).unwrap().virtual_bytes, 3 << 20);
    let parent = (1 << 20) + (64 << 10) + 4;
    for (at, says) in [
        (parent, "differs from another file"),
        ((64 << 10) + 48, "not closed cleanly"),
        ((128 << 10) + 48, "not closed cleanly"),
    ] {
        let mut bytes = vhdx();
        bytes[at] = 2;
        let said = words(ImageFormat::Vhdx, &bytes);
        assert!(said.contains(says), "{said}");
    }
    // The second table leads elsewhere.
    let mut bytes = vhdx();
    bytes[(256 << 10) + 32 + 1] = 1;
    words(ImageFormat::Vhdx, &bytes);
    let mut bytes = vhdx();
    bytes[192 << 10] = 0;
    bytes[256 << 10] = 0;
    assert!(words(ImageFormat::Vhdx, &bytes).contains("no table of regions"));
}

#[test]
fn an_iso_is_kept_as_its_bytes() {
    let mut bytes = vec![0; 20 * 2048];
    bytes[16 * 2048 + 1..16 * 2048 + 6].copy_from_slice(b"CD001");
    bytes[16 * 2048 + 80] = 20;
    bytes[16 * 2048 + 129] = 8;
    let found = looked(ImageFormat::Iso, &bytes).unwrap();
    assert_eq!(found, Inspected { format: VolumeFormat::Raw, virtual_bytes: 20 * 2048 });
    assert!(words(ImageFormat::Iso, &bytes[..19 * 2048]).contains("cut short"));
    assert!(words(ImageFormat::Iso, &[0; 4096]).contains("is none"));
    // One that could mislead whoever probes it is none.
    bytes[..4].copy_from_slice(b"QFI\xfb");
    assert!(words(ImageFormat::Iso, &bytes).contains("is qcow2"));
}

#[test]
fn a6_each_format_is_only_what_it_is_declared_as() {
    for (is, bytes) in [
        (ImageFormat::Vmdk, vmdk(DESCRIPTOR)),
        (ImageFormat::Vdi, vdi()),
        (ImageFormat::Vhdx, vhdx()),
        (ImageFormat::Qcow2, header()),
    ] {
        for declared in ImageFormat::ALL.into_iter().filter(|declared| *declared != is) {
            words(declared, &bytes);
        }
    }
    words(ImageFormat::Vmdk, b"# Disk DescriptorFile\nRW 1 FLAT \"/etc/shadow\" 0\n");
}

proptest! {
    #[test]
    fn no_change_of_a_file_makes_the_inspector_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        length in any::<prop::sample::Index>(),
    ) {
        for (declared, mut bytes) in [
            (ImageFormat::Vmdk, vmdk(DESCRIPTOR)),
            (ImageFormat::Vdi, vdi()),
            (ImageFormat::Vhdx, vhdx()),
        ] {
            // Near the places that say something.
            for (at, value) in &changes {
                let near = at.index(0x400);
                for base in [0, 64 << 10, 192 << 10, 1 << 20] {
                    if let Some(byte) = bytes.get_mut(base + near) { *byte = *value }
                }
            }
            let _ = looked(declared, &bytes);
            let _ = looked(declared, &bytes[..length.index(bytes.len())]);
        }
    }
}
