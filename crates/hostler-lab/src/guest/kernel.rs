//! Unpacking a kernel image, so that QEMU can start it without the guest unpacking it first.
//!
//! Under emulation the kernel's own unpacking costs seconds of every boot. The layout of the image
//! is Linux's `Documentation/arch/x86/boot.rst`; LZ4's is its block format description.

use std::fs;
use std::path::Path;

use crate::error::{Context, Error, Result};
use crate::process::{program, run_quietly};

/// Number of 512-byte sectors of real-mode code, less the boot sector.
const SETUP_SECTORS: usize = 0x1f1;
/// Where the packed kernel begins, from the start of the protected-mode code.
const PAYLOAD_OFFSET: usize = 0x248;
/// Its length, with four bytes at the end that tell the unpacked size.
const PAYLOAD_LENGTH: usize = 0x24c;
const SECTOR: usize = 512;

const LZ4_LEGACY: [u8; 4] = [0x02, 0x21, 0x4c, 0x18];
const GZIP: [u8; 2] = [0x1f, 0x8b];
const XZ: [u8; 4] = [0xfd, b'7', b'z', b'X'];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Writes the ELF kernel within the image `from` to `to`.
pub(super) fn unpack(from: &Path, to: &Path) -> Result<()> {
    let image = fs::read(from).context(|| format!("cannot read {}", from.display()))?;
    let payload = payload(&image)?;
    let (packed, size) = payload.split_at(payload.len().saturating_sub(4));
    let size = u32_at(size, 0)? as usize;
    let unpacked = if let Some(blocks) = packed.strip_prefix(&LZ4_LEGACY) {
        lz4_legacy(blocks, size)?
    } else {
        by_program(packed, &to.with_extension("packed"))?
    };
    if unpacked.len() != size || !unpacked.starts_with(b"\x7fELF") {
        return Err(Error::new(format!(
            "the kernel unpacked to {} bytes that are not the {size} of an ELF file",
            unpacked.len()
        )));
    }
    fs::write(to, unpacked).context(|| format!("cannot write {}", to.display()))
}

fn payload(image: &[u8]) -> Result<&[u8]> {
    let short = || Error::new("the kernel image is cut short");
    if image.get(0x202..0x206) != Some(b"HdrS") {
        return Err(Error::new("not a Linux kernel image"));
    }
    let setup = usize::from(*image.get(SETUP_SECTORS).ok_or_else(short)?);
    let start = (setup + 1) * SECTOR + u32_at(image, PAYLOAD_OFFSET)? as usize;
    let length = u32_at(image, PAYLOAD_LENGTH)? as usize;
    image.get(start..start.saturating_add(length)).ok_or_else(short)
}

fn by_program(packed: &[u8], scratch: &Path) -> Result<Vec<u8>> {
    let known = [(&GZIP[..], "gzip"), (&XZ[..], "xz"), (&ZSTD[..], "zstd")];
    let name = known.iter().find(|(magic, _)| packed.starts_with(magic)).map(|(_, name)| *name);
    let name = name.ok_or_else(|| Error::new("the kernel is packed in a way we do not know"))?;
    fs::write(scratch, packed)?;
    let output = run_quietly(program(name).arg("-dc").arg(scratch))?;
    fs::remove_file(scratch)?;
    Ok(output.stdout)
}

/// LZ4's legacy frame: blocks of a 32-bit length and a block each.
fn lz4_legacy(mut blocks: &[u8], size: usize) -> Result<Vec<u8>> {
    /// Each block of the legacy frame unpacks to this, except the last.
    const BLOCK: usize = 8 << 20;
    let mut out = Vec::with_capacity(size.min(256 << 20));
    while out.len() < size {
        let length = u32_at(blocks, 0)? as usize;
        let block = blocks.get(4..4 + length).ok_or_else(broken)?;
        let limit = out.len() + BLOCK;
        lz4_block(block, &mut out, limit)?;
        blocks = blocks.get(4 + length..).unwrap_or_default();
    }
    Ok(out)
}

/// One LZ4 block: sequences of literals and a copy of earlier output; the last has literals only.
fn lz4_block(block: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<()> {
    let mut input = block;
    loop {
        let token = take(&mut input, 1)?.first().copied().unwrap_or_default();
        let literals = length(token >> 4, &mut input)?;
        out.extend_from_slice(take(&mut input, literals)?);
        if input.is_empty() {
            return if out.len() <= limit { Ok(()) } else { Err(broken()) };
        }
        let distance =
            take(&mut input, 2)?.iter().rev().fold(0, |all, byte| (all << 8) | usize::from(*byte));
        let count = length(token & 0x0f, &mut input)? + 4;
        if distance == 0 || distance > out.len() || out.len() + count > limit {
            return Err(broken());
        }
        copy_within(out, distance, count);
    }
}

/// Repeats the bytes `distance` back, `count` of them; the copy may overlap what it writes.
fn copy_within(out: &mut Vec<u8>, distance: usize, mut count: usize) {
    while count > 0 {
        let start = out.len() - distance;
        let run = count.min(distance);
        out.extend_from_within(start..start + run);
        count -= run;
    }
}

/// Four bits, continued in bytes of 255.
fn length(nibble: u8, input: &mut &[u8]) -> Result<usize> {
    let mut total = usize::from(nibble);
    if nibble == 15 {
        loop {
            let more = take(input, 1)?.first().copied().unwrap_or_default();
            total += usize::from(more);
            if more != 255 {
                break;
            }
        }
    }
    Ok(total)
}

fn take<'a>(input: &mut &'a [u8], count: usize) -> Result<&'a [u8]> {
    let (taken, rest) = input.split_at_checked(count).ok_or_else(broken)?;
    *input = rest;
    Ok(taken)
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32> {
    let part = bytes.get(at..at.saturating_add(4)).and_then(|part| part.try_into().ok());
    part.map(u32::from_le_bytes).ok_or_else(broken)
}

fn broken() -> Error {
    Error::new("the packed kernel is damaged")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(block: &[u8], limit: usize) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        lz4_block(block, &mut out, limit).map(|()| out)
    }

    #[test]
    fn literals_and_overlapping_copies_are_undone() {
        // "ab", then 7 bytes from 2 back, then "!".
        let block = [0x23, b'a', b'b', 2, 0, 0x10, b'!'];
        assert_eq!(unpacked(&block, 100).unwrap(), b"ababababa!");
    }

    #[test]
    fn long_lengths_are_continued() {
        let mut block = vec![0xf0, 255, 30];
        block.extend([b'x'; 300]);
        assert_eq!(unpacked(&block, 1000).unwrap().len(), 300);
    }

    #[test]
    fn a_damaged_block_is_refused() {
        for block in [&[][..], &[0xf0], &[0x10], &[0x03, 1, 0], &[0x13, b'a', 9, 0, 0x00]] {
            assert!(unpacked(block, 100).is_err(), "{block:?} was accepted");
        }
        assert!(unpacked(&[0x23, b'a', b'b', 2, 0, 0x10, b'!'], 5).is_err(), "over the limit");
    }

    #[test]
    fn something_else_than_a_kernel_is_refused() {
        assert!(payload(&[0; 4096]).is_err());
        assert!(payload(b"MZ").is_err());
    }
}
