//! VHDX, the format of Hyper-V: headers and tables of regions in pairs, of which either may be read.
//!
//! Layout: MS-VHDX. What tools may choose between, both copies of it, is looked at.

use super::source::Reader;
use crate::error::Result;

const HEADERS: [u64; 2] = [64 << 10, 128 << 10];
const REGION_TABLES: [u64; 2] = [192 << 10, 256 << 10];
/// As many entries as a table can have.
const ENTRIES_MAX: u32 = 2047;

/// 8B7CA206-4790-4B9A-B8FE-575F050F886E, as it is written.
const METADATA: [u8; 16] = guid(0x8b7c_a206, 0x4790, 0x4b9a, 0xb8fe_575f_050f_886e);
/// CAA16737-FA36-4D43-B3B6-33F0AA44E76B: block size and flags.
const FILE_PARAMETERS: [u8; 16] = guid(0xcaa1_6737, 0xfa36, 0x4d43, 0xb3b6_33f0_aa44_e76b);
/// 2FA54224-CD1B-4876-B211-5DBED83BF4B8.
const VIRTUAL_SIZE: [u8; 16] = guid(0x2fa5_4224, 0xcd1b, 0x4876, 0xb211_5dbe_d83b_f4b8);
/// A8D35F2D-B30B-454D-ABF7-D3D84834AB0C: the paths of the file that this one is a change of.
const PARENT_LOCATOR: [u8; 16] = guid(0xa8d3_5f2d, 0xb30b, 0x454d, 0xabf7_d3d8_4834_ab0c);

/// The size that a guest sees, in bytes.
pub(super) fn inspect(file: &mut Reader<'_>) -> Result<u64> {
    for at in HEADERS {
        // A copy without its mark is not read by anybody.
        if file.array(at)? == *b"head" && file.array::<16>(at + 48)? != [0; 16] {
            return Err(
                file.refused("was not closed cleanly: what is in its log is not in the disk")
            );
        }
    }
    let mut size = None;
    for at in REGION_TABLES {
        if file.array(at)? != *b"regi" {
            continue;
        }
        let found = table(file, at)?;
        if size.is_some_and(|size| size != found) {
            return Err(file.refused("contradicts itself about its size"));
        }
        size = Some(found);
    }
    size.ok_or_else(|| file.refused("has no table of regions"))
}

/// The size, by the metadata that one table of regions leads to.
fn table(file: &mut Reader<'_>, at: u64) -> Result<u64> {
    let count = file.u32(at + 8)?;
    if count > ENTRIES_MAX {
        return Err(file.refused("has an impossible table of regions"));
    }
    for index in 0..u64::from(count) {
        let entry = at + 16 + index * 32;
        if file.array(entry)? == METADATA {
            let region = file.u64(entry + 16)?;
            return metadata(file, region);
        }
    }
    Err(file.refused("does not say how large its disk is"))
}

fn metadata(file: &mut Reader<'_>, region: u64) -> Result<u64> {
    if region > file.size() || file.array(region)? != *b"metadata" {
        return Err(file.refused("has no metadata where it says"));
    }
    let mut size = None;
    for index in 0..u64::from(file.u16(region + 10)?) {
        let entry = region + 32 + index * 32;
        let place = region + u64::from(file.u32(entry + 16)?);
        match file.array(entry)? {
            PARENT_LOCATOR => return Err(file.refused("holds only what differs from another file")),
            // The second bit of the flags: there is a parent.
            FILE_PARAMETERS if file.u32(place + 4)? & 2 != 0 => {
                return Err(file.refused("holds only what differs from another file"));
            }
            VIRTUAL_SIZE => size = Some(file.u64(place)?),
            _ => {}
        }
    }
    size.ok_or_else(|| file.refused("does not say how large its disk is"))
}

/// A GUID as it stands in files: the first three parts with the least byte first.
const fn guid(a: u32, b: u16, c: u16, d: u64) -> [u8; 16] {
    let ([a0, a1, a2, a3], [b0, b1], [c0, c1]) =
        (a.to_le_bytes(), b.to_le_bytes(), c.to_le_bytes());
    let [d0, d1, d2, d3, d4, d5, d6, d7] = d.to_be_bytes();
    [a0, a1, a2, a3, b0, b1, c0, c1, d0, d1, d2, d3, d4, d5, d6, d7]
}
