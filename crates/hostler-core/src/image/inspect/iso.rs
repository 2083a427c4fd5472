//! ISO 9660: what a CD holds; kept as its plain bytes.

use super::source::Reader;
use crate::error::Result;

/// Where the first descriptor of a volume is: the sixteenth sector of a CD.
const DESCRIPTOR: u64 = 16 * 2048;

/// Whether it begins like one.
pub(super) fn is_one(file: &mut Reader<'_>) -> bool {
    file.array(DESCRIPTOR + 1).is_ok_and(|mark| mark == *b"CD001")
}

/// The size that a guest sees, in bytes: that of the file.
pub(super) fn inspect(file: &mut Reader<'_>) -> Result<u64> {
    if !is_one(file) {
        return Err(file.refused("is none: it has no descriptor of a volume"));
    }
    let (blocks, block) = (file.u32(DESCRIPTOR + 80)?, file.u16(DESCRIPTOR + 128)?);
    if u64::from(blocks) * u64::from(block) > file.size() {
        return Err(file.refused("is cut short"));
    }
    Ok(file.size())
}
