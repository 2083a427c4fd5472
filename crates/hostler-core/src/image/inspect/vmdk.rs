//! VMDK, the format of VMware: either a text that names other files, which is refused, or one file with
//! that text within.
//!
//! ```text
//! header ─► descriptor (text: kind, its one extent) ─► grain tables ─► grains [─► footer: header again]
//! ```
//!
//! Layout: VMware's "Virtual Disk Format 5.0", `block/vmdk.c` of QEMU.

use super::source::Reader;
use crate::error::Result;

const SECTOR: u64 = 512;
/// A descriptor is a page of text.
const DESCRIPTOR_MAX: u64 = 64 << 10;
/// In place of the directory's sector: it is told by the header's copy at the end.
const AT_THE_END: u64 = u64::MAX;
/// From the end of the file: marker, the header again, end marker, a sector each.
const FOOTER_BYTES: u64 = 3 * SECTOR;
/// Kinds that are one file.
const KINDS: [&str; 2] = ["monolithicsparse", "streamoptimized"];
/// In place of the id of a disk that this one would be a change of.
const NO_PARENT: &str = "ffffffff";

/// The size that a guest sees, in bytes.
pub(super) fn inspect(file: &mut Reader<'_>) -> Result<u64> {
    if file.array(0)? != *b"KDMV" {
        return Err(file.refused("is of a kind that names other files of the host, or too old"));
    }
    if !(1..=3).contains(&file.u32(4)?) {
        return Err(file.refused("has a version that is not known"));
    }
    let capacity = file.u64(12)?;
    // Without a size of its own, tools read it by the files that its descriptor names.
    if capacity == 0 {
        return Err(file.refused("names other files of the host"));
    }
    if file.u64(56)? == AT_THE_END {
        footer(file, capacity)?;
    }
    let (place, length) = (file.u64(28)?, file.u64(36)?);
    let bytes = length.saturating_mul(SECTOR);
    if place == 0 || bytes == 0 || bytes > DESCRIPTOR_MAX {
        return Err(file.refused("does not say of what kind it is"));
    }
    let count = usize::try_from(bytes).unwrap_or_default();
    let text = file.bytes(place.saturating_mul(SECTOR), count)?;
    descriptor(file, &text, capacity)?;
    Ok(capacity.saturating_mul(SECTOR))
}

/// Tools go by the header's copy where there is one: it has to say the same.
fn footer(file: &mut Reader<'_>, capacity: u64) -> Result<()> {
    let at = file.size().saturating_sub(FOOTER_BYTES) + SECTOR;
    if file.array(at)? != *b"KDMV" || file.u64(at + 12)? != capacity {
        return Err(file.refused("ends in another header than it begins with, or is cut short"));
    }
    Ok(())
}

/// Judges the text within: one extent, which is this file, and no parent.
fn descriptor(file: &Reader<'_>, text: &[u8], capacity: u64) -> Result<()> {
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    let text = String::from_utf8_lossy(text.get(..end).unwrap_or_default());
    let mut kind = None;
    let mut extents = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some((key, value)) = line.split_once('=') {
            let value = value.trim().trim_matches('"').to_ascii_lowercase();
            match key.trim().to_ascii_lowercase().as_str() {
                "createtype" => kind = Some(value),
                "parentcid" if value != NO_PARENT => {
                    return Err(file.refused("holds only what differs from another file"));
                }
                "parentfilenamehint" => {
                    return Err(file.refused("holds only what differs from another file"));
                }
                _ => {}
            }
        } else if is_extent(line) {
            extents.push(line);
        }
    }
    if !kind.is_some_and(|kind| KINDS.contains(&kind.as_str())) {
        return Err(file.refused("is not of a kind that is one file alone"));
    }
    match extents.as_slice() {
        [only] if is_this_file(only, capacity) => Ok(()),
        _ => Err(file.refused("names other files of the host")),
    }
}

fn is_extent(line: &str) -> bool {
    line.split_whitespace().next().is_some_and(|word| matches!(word, "RW" | "RDONLY" | "NOACCESS"))
}

/// `RW 2048 SPARSE "disk.vmdk"`, with a name alone and as many sectors as the header says.
fn is_this_file(extent: &str, capacity: u64) -> bool {
    let Some((before, name)) = extent.split_once('"') else { return false };
    let mut words = before.split_whitespace();
    let is_sparse = words.next() == Some("RW")
        && words.next().and_then(|sectors| sectors.parse().ok()) == Some(capacity)
        && words.next() == Some("SPARSE")
        && words.next().is_none();
    let name = name.trim_end().strip_suffix('"').unwrap_or_default();
    is_sparse && !name.is_empty() && !name.contains(['/', '\\', '"', ':'])
}
