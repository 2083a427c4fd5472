//! Builds NoCloud seeds: an ISO 9660 image with the label `cidata` and up to
//! three files in its root, in memory.
//!
//! The format is ECMA-119 with Joliet (long names for Windows) and Rock Ridge
//! (long names for Unix), in one fixed layout of 2048-byte sectors:
//!
//! ```text
//!  0–15  system area, zeros        21  path table, Joliet, little-endian
//!    16  primary descriptor        22  path table, Joliet, big-endian
//!    17  Joliet descriptor         23  root directory, primary
//!    18  end of descriptors        24  root directory, Joliet
//!    19  path table, little-endian 25… the files, each from a new sector
//!    20  path table, big-endian       and then padding
//! ```
//!
//! ISO and not FAT, because a CD-ROM drive has sectors of 2048 bytes, which
//! FAT images do not; and by own code, because it is a page of constants and
//! the same documents must always give the same bytes: an interrupted upload
//! is repeated, not merged.

use hostler_core::vm::cloud_init::Seed;

const SECTOR: usize = 2048;
const LABEL: &str = "cidata";
/// Descriptors, path tables and directories come before the first file.
const FIRST_FILE: u32 = 25;
const PATH_TABLE_BYTES: u32 = 10;
/// Empty sectors at the end: readers that look ahead, and probes for other file
/// systems (busybox), give up on a disk that ends too early.
const PADDING: u32 = 150;

/// One file of the image.
struct File<'a> {
    /// Its name for Joliet and Rock Ridge.
    name: &'static str,
    /// Its name for readers that know neither.
    short: &'static str,
    data: &'a [u8],
    sector: u32,
}

/// The image.
pub(crate) fn image(seed: &Seed) -> Vec<u8> {
    // In the order of their names, as directories have to be.
    let mut documents = vec![("meta-data", "METADATA.;1", seed.meta_data.as_bytes())];
    if let Some(network) = &seed.network_config {
        documents.push(("network-config", "NETWORKC.;1", network.as_bytes()));
    }
    documents.push(("user-data", "USERDATA.;1", seed.user_data.as_bytes()));
    let mut sector = FIRST_FILE;
    let mut files = Vec::new();
    for (name, short, data) in documents {
        files.push(File { name, short, data, sector });
        sector += sectors(data.len());
    }
    let total = sector + PADDING;
    let mut image = vec![0; 16 * SECTOR];
    push_sector(&mut image, &descriptor(Charset::Primary, total));
    push_sector(&mut image, &descriptor(Charset::Joliet, total));
    push_sector(&mut image, &[b"\xffCD001\x01".as_slice()].concat());
    for root in [23, 24] {
        push_sector(&mut image, &path_table(u32::to_le_bytes(root), u16::to_le_bytes(1)));
        push_sector(&mut image, &path_table(u32::to_be_bytes(root), u16::to_be_bytes(1)));
    }
    push_sector(&mut image, &directory(Charset::Primary, &files));
    push_sector(&mut image, &directory(Charset::Joliet, &files));
    for file in &files {
        image.extend_from_slice(file.data);
        image.resize(image.len().next_multiple_of(SECTOR), 0);
    }
    debug_assert_eq!(image.len(), sector as usize * SECTOR, "layout and bytes agree");
    image.resize(total as usize * SECTOR, 0);
    image
}

fn sectors(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(SECTOR)).expect("documents have at most 64 KiB each")
}

fn push_sector(image: &mut Vec<u8>, bytes: &[u8]) {
    debug_assert!(bytes.len() <= SECTOR, "every structure fits its sector");
    image.extend_from_slice(bytes);
    image.resize(image.len().next_multiple_of(SECTOR), 0);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Charset {
    Primary,
    Joliet,
}

impl Charset {
    /// The sector of the little-endian path table; the other one follows.
    const fn path_table(self) -> u32 {
        match self {
            Self::Primary => 19,
            Self::Joliet => 21,
        }
    }

    const fn root(self) -> u32 {
        match self {
            Self::Primary => 23,
            Self::Joliet => 24,
        }
    }

    /// A text field, padded with blanks to `length` bytes.
    fn field(self, text: &str, length: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = match self {
            Self::Primary => text.bytes().collect(),
            Self::Joliet => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        };
        while bytes.len() < length {
            match self {
                Self::Primary => bytes.push(b' '),
                // Fields of odd length end with a byte that belongs to no character.
                Self::Joliet if length - bytes.len() == 1 => bytes.push(0),
                Self::Joliet => bytes.extend_from_slice(&[0, b' ']),
            }
        }
        bytes
    }
}

/// A number as both byte orders, the way this format likes it.
fn both32(value: u32) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&value.to_le_bytes());
    bytes[4..].copy_from_slice(&value.to_be_bytes());
    bytes
}

fn both16(value: u16) -> [u8; 4] {
    let [a, b] = value.to_le_bytes();
    let [c, d] = value.to_be_bytes();
    [a, b, c, d]
}

/// A volume descriptor.
fn descriptor(charset: Charset, total_sectors: u32) -> Vec<u8> {
    let mut d = Vec::with_capacity(SECTOR);
    d.push(if charset == Charset::Primary { 1 } else { 2 });
    d.extend_from_slice(b"CD001\x01\0");
    d.extend(charset.field("", 32)); // system
    d.extend(charset.field(LABEL, 32));
    d.extend_from_slice(&[0; 8]);
    d.extend_from_slice(&both32(total_sectors));
    let mut escapes = [0; 32];
    if charset == Charset::Joliet {
        escapes[..3].copy_from_slice(b"%/E"); // UCS-2 level 3
    }
    d.extend_from_slice(&escapes);
    d.extend_from_slice(&both16(1)); // volumes in the set
    d.extend_from_slice(&both16(1)); // which of them
    d.extend_from_slice(&both16(2048));
    d.extend_from_slice(&both32(PATH_TABLE_BYTES));
    d.extend_from_slice(&charset.path_table().to_le_bytes());
    d.extend_from_slice(&[0; 4]);
    d.extend_from_slice(&(charset.path_table() + 1).to_be_bytes());
    d.extend_from_slice(&[0; 4]);
    d.extend(record(&[0], charset.root(), SECTOR, true, &[]));
    d.extend(charset.field("", 128)); // volume set
    d.extend(charset.field("HOSTLER", 128)); // publisher
    d.extend(charset.field("HOSTLER", 128)); // preparer
    d.extend(charset.field("HOSTLER", 128)); // application
    d.extend(charset.field("", 3 * 37)); // copyright, abstract, bibliography
    for _ in 0..4 {
        d.extend_from_slice(b"0000000000000000\0"); // no time: the same bytes every time
    }
    d.push(1);
    d
}

/// The path table of a volume whose only directory is the root.
fn path_table(root: [u8; 4], parent: [u8; 2]) -> Vec<u8> {
    let mut table = vec![1, 0];
    table.extend_from_slice(&root);
    table.extend_from_slice(&parent);
    table.extend_from_slice(&[0, 0]); // the root's name, and its padding
    table
}

fn directory(charset: Charset, files: &[File<'_>]) -> Vec<u8> {
    let rock_ridge = charset == Charset::Primary;
    let mut bytes = Vec::new();
    let own = if rock_ridge {
        [share_protocol(), attributes(0o040_555, 2), extension()].concat()
    } else {
        Vec::new()
    };
    let parent = if rock_ridge { attributes(0o040_555, 2) } else { Vec::new() };
    bytes.extend(record(&[0], charset.root(), SECTOR, true, &own));
    bytes.extend(record(&[1], charset.root(), SECTOR, true, &parent));
    for file in files {
        let (name, system) = if rock_ridge {
            let system = [attributes(0o100_444, 1), long_name(file.name)].concat();
            (file.short.as_bytes().to_vec(), system)
        } else {
            (charset.field(file.name, 0), Vec::new())
        };
        bytes.extend(record(&name, file.sector, file.data.len(), false, &system));
    }
    bytes
}

/// A directory record.
fn record(name: &[u8], sector: u32, bytes: usize, is_directory: bool, system: &[u8]) -> Vec<u8> {
    let bytes = u32::try_from(bytes).expect("documents have at most 64 KiB each");
    let mut r = vec![0, 0];
    r.extend_from_slice(&both32(sector));
    r.extend_from_slice(&both32(bytes));
    r.extend_from_slice(&[0; 7]); // no time
    r.push(if is_directory { 2 } else { 0 });
    r.extend_from_slice(&[0, 0]); // not interleaved
    r.extend_from_slice(&both16(1));
    r.push(u8::try_from(name.len()).expect("names are short constants"));
    r.extend_from_slice(name);
    r.resize(r.len().next_multiple_of(2), 0);
    r.extend_from_slice(system);
    r.resize(r.len().next_multiple_of(2), 0);
    r[0] = u8::try_from(r.len()).expect("records are short");
    r
}

/// `SP`: says that system use areas follow the sharing protocol.
fn share_protocol() -> Vec<u8> {
    b"SP\x07\x01\xbe\xef\0".to_vec()
}

/// `PX`: mode, links, owner and group.
fn attributes(mode: u32, links: u32) -> Vec<u8> {
    let mut px = b"PX\x24\x01".to_vec();
    for value in [mode, links, 0, 0] {
        px.extend_from_slice(&both32(value));
    }
    px
}

/// `ER`: says that the areas hold Rock Ridge.
fn extension() -> Vec<u8> {
    b"ER\x12\x01\x0a\0\0\x01RRIP_1991A".to_vec()
}

/// `NM`: the name.
fn long_name(name: &str) -> Vec<u8> {
    let length = u8::try_from(name.len() + 5).expect("names are short constants");
    let mut nm = vec![b'N', b'M', length, 1, 0];
    nm.extend_from_slice(name.as_bytes());
    nm
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn seed() -> Seed {
        Seed {
            meta_data: "instance-id: i-1\nlocal-hostname: web\n".into(),
            user_data: format!("#cloud-config\n# {}\n", "x".repeat(5000)),
            network_config: Some("version: 2\n".into()),
        }
    }

    /// Runs a tool of the system on the image; `None` where it is not installed.
    fn tool(program: &str, arguments: &[&str]) -> Option<String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), image(&seed())).unwrap();
        let path = file.path().to_str().unwrap();
        let arguments = arguments.iter().map(|a| if *a == "IMAGE" { path } else { *a });
        let output = match Command::new(program).args(arguments).output() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            output => output.unwrap(),
        };
        assert!(output.status.success(), "{program}: {output:?}");
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    #[test]
    fn c2_the_label_is_the_one_cloud_init_looks_for() {
        // util-linux is on every machine that can build this.
        let blkid = ["blkid", "/usr/sbin/blkid", "/sbin/blkid"];
        let found = blkid
            .iter()
            .find_map(|p| tool(p, &["-p", "-o", "export", "IMAGE"]))
            .expect("blkid is part of util-linux");
        assert!(found.contains("TYPE=iso9660") && found.contains("LABEL=cidata"), "{found}");
    }

    #[test]
    fn c2_the_files_are_where_their_records_say() {
        let seed = seed();
        let image = image(&seed);
        let long = |name: &str| {
            let at = image.windows(name.len() + 2).position(|w| &w[2..] == name.as_bytes());
            at.is_some()
        };
        assert!(long("meta-data") && long("user-data") && long("network-config"));
        let at = FIRST_FILE as usize * SECTOR;
        assert_eq!(&image[at..at + seed.meta_data.len()], seed.meta_data.as_bytes());
        let last = image.len() - (3 + PADDING as usize) * SECTOR;
        assert_eq!(&image[last..last + seed.user_data.len()], seed.user_data.as_bytes());
        assert_eq!(image.len() % SECTOR, 0);
    }

    #[test]
    fn the_same_documents_give_the_same_bytes() {
        assert_eq!(image(&seed()), image(&seed()));
        let mut other = seed();
        other.network_config = None;
        assert_ne!(image(&seed()), image(&other));
    }

    #[test]
    fn c2_other_readers_read_the_same_files() {
        let extract = ["-osirrox", "on", "-indev", "IMAGE", "-find", "/", "-exec", "lsdl", "--"];
        let Some(listing) = tool("xorriso", &extract) else { return };
        for (name, bytes) in [("meta-data", 37), ("network-config", 11), ("user-data", 5017)] {
            let line = listing.lines().find(|l| l.contains(name)).expect(name);
            assert!(line.contains(&bytes.to_string()), "{line}");
        }
    }
}
