//! VDI, the format of `VirtualBox`: a header, a map of blocks, the blocks.
//!
//! Layout: `Storage/VDICore.h` of `VirtualBox`, `block/vdi.c` of QEMU.

use super::source::Reader;
use crate::error::Result;

/// The version of the layout that all known writers use.
const VERSION: u32 = 0x0001_0001;
/// Grows with use.
const DYNAMIC: u32 = 1;
/// Has all its blocks.
const STATIC: u32 = 2;
/// Where the ids of the disks stand that this one would be a change of.
const LINKS: [u64; 2] = [0x1a8, 0x1b8];

/// The size that a guest sees, in bytes.
pub(super) fn inspect(file: &mut Reader<'_>) -> Result<u64> {
    if file.u32(0x44)? != VERSION {
        return Err(file.refused("has a version that is not known"));
    }
    if !matches!(file.u32(0x4c)?, DYNAMIC | STATIC) {
        return Err(file.refused("holds only what differs from another file"));
    }
    for link in LINKS {
        if file.array::<16>(link)? != [0; 16] {
            return Err(file.refused("holds only what differs from another file"));
        }
    }
    let (sector, block, blocks) = (file.u32(0x168)?, file.u32(0x178)?, file.u32(0x180)?);
    let size = file.u64(0x170)?;
    if sector != 512 || block != 1 << 20 || u64::from(blocks) * u64::from(block) < size {
        return Err(file.refused("contradicts itself about its size"));
    }
    Ok(size)
}
