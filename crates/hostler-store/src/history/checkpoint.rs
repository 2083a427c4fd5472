//! A checkpoint: what is only in the log and in memory goes to partitions, and the
//! log begins anew.
//!
//! ```text
//!  new file of the log ─► what is in no partition ─► partition by partition ─► old files go
//!         │                                                 │
//!         ▼ cut off here: the log has it all                ▼ here: partitions have some of it
//! ```
//!
//! Wherever it is cut off, the old files are still there and are read again; what is in
//! a partition already is then known by its time. An open chunk is written as far as it
//! goes, and replaced by its longer self at the next checkpoint.

use std::collections::BTreeMap;

use super::error::{Error, Fault, Result};
use super::head::Piece;
use super::partition::{PartitionId, Tier};
use super::wal::Found;
use super::{Archive, Writing};

impl Archive {
    /// Puts everything into partitions, and begins the log anew. Done by itself as the log
    /// grows and by [`Archive::maintain`]; a process that ends well may do it to begin the
    /// next time faster.
    ///
    /// # Errors
    /// When the disk is full or fails; then everything is still in the log.
    pub fn checkpoint(&self) -> Result<()> {
        self.checkpoint_with(&mut self.writing())
    }

    pub(super) fn checkpoint_with(&self, _writing: &mut Writing) -> Result<()> {
        let (pieces, log, unconfirmed) = {
            let mut head = self.head();
            self.next_segment(&mut head)?;
            (head.pieces(), head.before.clone(), std::mem::take(&mut head.unconfirmed))
        };
        let kept = self.keep_all(pieces, &log);
        // Partitions are synced: whatever the disk refused of the log, it has in them.
        self.head().unconfirmed |= unconfirmed && kept.is_err();
        kept
    }

    fn keep_all(&self, pieces: Vec<Piece>, log: &[Found]) -> Result<()> {
        let mut by_day: BTreeMap<PartitionId, Vec<Piece>> = BTreeMap::new();
        for piece in pieces {
            let id = PartitionId::of(Tier::Raw, piece.block.start_ms);
            by_day.entry(id).or_default().push(piece);
        }
        // The oldest day first: a series' samples get there in their order.
        for (id, pieces) in by_day {
            self.keep(id, pieces)?;
        }
        for found in log {
            match std::fs::remove_file(&found.path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::io(format_args!("remove {}", found.path.display()), &error));
                }
                _ => {}
            }
        }
        self.head().before.retain(|found| !log.contains(found));
        Ok(())
    }

    fn keep(&self, id: PartitionId, mut pieces: Vec<Piece>) -> Result<()> {
        pieces.iter_mut().for_each(Piece::shrink);
        let receipts: Vec<_> = pieces.iter().map(Piece::receipt).collect();
        let blocks = pieces.into_iter().map(|piece| piece.block).collect();
        let partition = self.inner.partitions.get_or_begin(id)?;
        if let Err(fault) = partition.write(blocks, None) {
            drop(partition);
            self.inner.partitions.close(id);
            return Err(unwritten(id, fault));
        }
        self.head().are_kept(&receipts);
        Ok(())
    }

    /// Damage met while reading is told, and reading goes on without it.
    pub(super) fn told(&self, id: PartitionId, fault: Fault) -> Result<()> {
        match fault {
            Fault::Passing(error) => Err(error),
            Fault::Damaged(why) => {
                self.inner.partitions.tell_damaged_chunk(id, &why);
                Ok(())
            }
        }
    }
}

/// A fault while writing.
pub(super) fn unwritten(id: PartitionId, fault: Fault) -> Error {
    match fault {
        Fault::Passing(error) => error,
        Fault::Damaged(why) => Error::Unavailable {
            doing: format!("write to the history's partition {}", id.name()),
            why,
        },
    }
}
