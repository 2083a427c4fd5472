//! Which shared libraries a program names, read from its ELF dynamic section (ELF-64, gABI 4.1).
//!
//! `ldd` would run the program's loader and answer for this machine's libraries; the guest gets
//! those of the packages.

use crate::error::{Error, Result};

const PROGRAM_LOAD: u32 = 1;
const PROGRAM_DYNAMIC: u32 = 2;
const PROGRAM_INTERPRETER: u32 = 3;
const TAG_NEEDED: u64 = 1;
const TAG_STRING_TABLE: u64 = 5;
/// Bytes of one entry of the dynamic section: a tag and a value.
const DYNAMIC_ENTRY: usize = 16;

/// What a dynamically linked file names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Linked {
    /// Library file names, such as `libc.so.6`.
    pub(super) needed: Vec<String>,
    /// The loader's path, for programs.
    pub(super) interpreter: Option<String>,
}

struct Segment {
    kind: u32,
    offset: u64,
    address: u64,
    size: u64,
}

/// Reads what `file` names; a static program names nothing.
pub(super) fn linked(file: &[u8]) -> Result<Linked> {
    if !file.starts_with(b"\x7fELF\x02\x01") {
        return Err(Error::new("not a little-endian 64-bit ELF file"));
    }
    let segments = segments(file)?;
    let of_kind = |kind| segments.iter().find(move |segment| segment.kind == kind);
    let interpreter = match of_kind(PROGRAM_INTERPRETER) {
        Some(segment) => Some(text_at(file, segment.offset)?),
        None => None,
    };
    let Some(dynamic) = of_kind(PROGRAM_DYNAMIC) else {
        return Ok(Linked { needed: Vec::new(), interpreter });
    };
    let entries = slice(file, dynamic.offset, dynamic.size)?.chunks_exact(DYNAMIC_ENTRY);
    let entries = entries.map(|entry| Ok((u64_at(entry, 0)?, u64_at(entry, 8)?)));
    let entries = entries.collect::<Result<Vec<(u64, u64)>>>()?;
    let value_of = |tag| entries.iter().find(move |entry| entry.0 == tag).map(|entry| entry.1);
    let table = value_of(TAG_STRING_TABLE).ok_or_else(|| Error::new("no string table"))?;
    let strings = offset_of(&segments, table)?;
    let names = entries.iter().filter(|(tag, _)| *tag == TAG_NEEDED);
    let needed = names.map(|(_, at)| text_at(file, strings.saturating_add(*at)));
    Ok(Linked { needed: needed.collect::<Result<_>>()?, interpreter })
}

fn segments(file: &[u8]) -> Result<Vec<Segment>> {
    let table = u64_at(file, 0x20)?;
    let (size, count) = (u16_at(file, 0x36)?, u16_at(file, 0x38)?);
    let one = |index: u64| {
        let header = slice(file, table.saturating_add(index * u64::from(size)), 56)?;
        Ok(Segment {
            kind: u32_at(header, 0)?,
            offset: u64_at(header, 8)?,
            address: u64_at(header, 16)?,
            size: u64_at(header, 32)?,
        })
    };
    (0..u64::from(count)).map(one).collect()
}

/// Where in the file the byte is that will be at `address` in memory.
fn offset_of(segments: &[Segment], address: u64) -> Result<u64> {
    let holds = |segment: &&Segment| {
        segment.kind == PROGRAM_LOAD
            && (segment.address..segment.address.saturating_add(segment.size)).contains(&address)
    };
    let segment = segments.iter().find(holds);
    let segment = segment.ok_or_else(|| Error::new("an address outside every segment"))?;
    Ok(segment.offset.saturating_add(address - segment.address))
}

fn slice(file: &[u8], offset: u64, length: u64) -> Result<&[u8]> {
    let start = usize::try_from(offset).ok();
    let end = start.and_then(|start| start.checked_add(usize::try_from(length).ok()?));
    start
        .zip(end)
        .and_then(|(start, end)| file.get(start..end))
        .ok_or_else(|| Error::new("a table outside the file"))
}

fn text_at(file: &[u8], offset: u64) -> Result<String> {
    let rest = slice(file, offset, (file.len() as u64).saturating_sub(offset))?;
    let text = rest.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8(text.to_vec()).map_err(|_| Error::new("a name that is not text"))
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N]> {
    let found = bytes.get(at..at.saturating_add(N)).and_then(|part| part.try_into().ok());
    found.ok_or_else(|| Error::new("the file is cut short"))
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16> {
    array(bytes, at).map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Result<u64> {
    array(bytes, at).map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_test_program_names_the_c_library_and_its_loader() {
        let own = std::fs::read("/proc/self/exe").unwrap();
        let found = linked(&own).unwrap();
        assert!(found.needed.iter().any(|name| name.starts_with("libc.so")), "{found:?}");
        assert!(found.interpreter.unwrap().contains("ld-linux"));
    }

    #[test]
    fn damaged_files_are_refused_not_followed() {
        let own = std::fs::read("/proc/self/exe").unwrap();
        for length in [0, 4, 6, 0x30, 0x40, 100] {
            assert!(linked(own.get(..length).unwrap()).is_err(), "{length} bytes were accepted");
        }
    }
}
