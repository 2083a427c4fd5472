//! How far the queue needs nothing more, on the disk: two places that are written in
//! turn, so that a write which a power cut tears apart leaves the one before.
//!
//! ```text
//!  slot 0: row + 1 u64 │ crc u32 │ 0 u32      slot 1: the same
//! ```

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::super::error::{Error, Result};
use super::super::wal::crc;

const SLOT: usize = 16;

#[derive(Debug)]
pub(super) struct Mark {
    file: File,
    row: Option<u64>,
    /// Where the next is written.
    slot: u64,
}

impl Mark {
    /// Opens it; one that cannot be understood is none, so that what waits is sent again.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let doing = || format!("open {}", path.display());
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|error| Error::io(doing(), &error))?;
        let slots = [0, 1].map(|slot| read(&file, slot));
        let row = slots.into_iter().flatten().max();
        let slot = u64::from(row.is_some() && slots[0] == row);
        Ok(Self { file, row, slot })
    }

    /// The last row that needs nothing more.
    pub(super) const fn row(&self) -> Option<u64> {
        self.row
    }

    /// Moves it forward. One that could not be written costs sending some of it again
    /// after a crash.
    pub(super) fn set(&mut self, row: u64) {
        if self.row.is_some_and(|before| before >= row) {
            return;
        }
        self.row = Some(row);
        let mut bytes = [0; SLOT];
        let next = row.wrapping_add(1);
        bytes[..8].copy_from_slice(&next.to_le_bytes());
        bytes[8..12].copy_from_slice(&crc(next, &[]).to_le_bytes());
        let _ = self.file.write_all_at(&bytes, self.slot * SLOT as u64);
        self.slot = 1 - self.slot;
    }
}

fn read(file: &File, slot: u64) -> Option<u64> {
    let mut bytes = [0; SLOT];
    file.read_exact_at(&mut bytes, slot * SLOT as u64).ok()?;
    let next = u64::from_le_bytes(bytes[..8].try_into().ok()?);
    let sum = u32::from_le_bytes(bytes[8..12].try_into().ok()?);
    (sum == crc(next, &[])).then_some(next)?.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_row_is_there_again_and_a_torn_one_costs_itself() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sent");
        let mut mark = Mark::open(&path).unwrap();
        assert_eq!(mark.row(), None);
        for row in [0, 1, 7, 5] {
            mark.set(row);
        }
        drop(mark);
        assert_eq!(Mark::open(&path).unwrap().row(), Some(7));
        // 0 and 7 are in the first place, 1 is in the second.
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(&[0xff; 4], 2).unwrap();
        let mut mark = Mark::open(&path).unwrap();
        assert_eq!(mark.row(), Some(1));
        mark.set(9);
        drop(mark);
        assert_eq!(Mark::open(&path).unwrap().row(), Some(9));
        file.set_len(3).unwrap();
        assert_eq!(Mark::open(&path).unwrap().row(), None);
    }
}
