//! qcow2, the format of QEMU: its header says whether it reads from other files.

use super::{Inspected, refuse};
use crate::error::Result;
use crate::vm::check::DISK_MAX_BYTES;
use crate::vm::devices::VolumeFormat;

/// Features of a qcow2 file that change only how it is read, not what else is read.
const HARMLESS_FEATURES: u64 = 1 // dirty: repaired on opening
    | 1 << 3 // compression type
    | 1 << 4; // extended L2 entries

pub(super) fn inspect(header: &[u8]) -> Result<Inspected> {
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
