//! What waits to be sent elsewhere: a queue of samples on the disk, one for each place
//! they go to. It has a bound in bytes and in age; what is over it is dropped, the oldest
//! first, and counted.
//!
//! ```text
//!  append ──► row ──► the newest file ─┐
//!                                      ▼            sent: the mark moves
//!   oldest file … … … newest file ──► take ──► Batch ──► settle
//!        │ too many bytes                        │ over the bound meanwhile
//!        ▼                                       ▼
//!     dropped (full)                          give_up
//! ```
//!
//! Files and rows are those of the history's log (`wal.rs`). A row's number is its place
//! in the queue; the mark (`mark.rs`) is the number of the last row that needs nothing
//! more. One batch is out at a time, so that the order of each series is kept, and a batch
//! that was not settled when the process died is taken again: each sample is sent at least
//! once, or counted.

mod count;
mod mark;
mod take;

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hostler_core::metrics::series::{Sample, SeriesKey};

use super::error::{Error, Result};
use super::wal::{self, Row, Segment};

pub use count::{OutboxFigures, OutboxLosses};
pub use take::{Batch, Gone, Take};

use count::Ages;
use mark::Mark;
use take::{Lent, Reader};

/// Samples in one row: what is sent and refused together at least.
const ROW_SAMPLES: usize = 2000;
/// A file is ended at this size, or at a sixteenth of all that may wait.
const FILE_BYTES: u64 = 8 << 20;
/// So many files at most make up a queue that is full.
const FILES: u64 = 16;

/// How much may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutboxOptions {
    /// The most room it takes, in bytes, give or take one pass.
    pub max_bytes: u64,
    /// The oldest sample that is still sent, in milliseconds.
    pub max_age_ms: i64,
}

impl Default for OutboxOptions {
    /// A quarter of a gibibyte, a week.
    fn default() -> Self {
        Self { max_bytes: 256 << 20, max_age_ms: 7 * 86_400_000 }
    }
}

/// A queue of samples. Clones are cheap and share it; all calls block on the disk: in
/// asynchronous code, through `spawn_blocking`.
#[derive(Clone)]
pub struct Outbox {
    parts: Arc<Parts>,
}

struct Parts {
    options: OutboxOptions,
    path: PathBuf,
    /// Taken before `state`.
    reader: Mutex<Reader>,
    state: Mutex<State>,
    /// No second process opens it while this is held.
    _lock: File,
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox").field("path", &self.parts.path).finish_non_exhaustive()
    }
}

struct State {
    /// The files, oldest first; the last is the one that is written.
    pieces: VecDeque<Piece>,
    writing: Segment,
    /// Series that the file being written has named.
    names: HashMap<SeriesKey, u32>,
    next_row: u64,
    mark: Mark,
    /// The batch that is out.
    lent: Option<Lent>,
    ages: Ages,
    losses: OutboxLosses,
}

/// A file of the queue.
#[derive(Debug, Clone)]
struct Piece {
    number: u64,
    path: PathBuf,
    bytes: u64,
    /// Bytes at its beginning that need nothing more.
    settled_bytes: u64,
    first_row: Option<u64>,
    last_row: Option<u64>,
    /// Samples that wait, with those of the batch that is out.
    waiting: u64,
}

impl Piece {
    fn of(segment: &Segment) -> Self {
        let found = segment.found();
        Self {
            number: found.number,
            path: found.path,
            bytes: found.bytes,
            settled_bytes: found.bytes,
            first_row: None,
            last_row: None,
            waiting: 0,
        }
    }
}

impl Outbox {
    /// Opens the queue in a directory, which is made if it is not there. What waits from
    /// before is read through once.
    ///
    /// # Errors
    /// When another process has it open, or the disk fails.
    pub fn open(path: &Path, options: OutboxOptions) -> Result<Self> {
        std::fs::create_dir_all(path)
            .map_err(|error| Error::io(format_args!("make {}", path.display()), &error))?;
        let lock = super::open::lock(path)?;
        let mark = Mark::open(&path.join("sent"))?;
        let mut ages = Ages::default();
        let mut losses = OutboxLosses::default();
        let mut pieces = VecDeque::new();
        let (mut last, mut number) = (None, 0);
        for found in wal::segments(path)? {
            number = found.number + 1;
            let seen = count::look_through(&found, last, mark.row(), &mut ages)?;
            losses.damaged_rows += seen.damaged_rows;
            last = seen.piece.last_row.or(last);
            match seen.piece.waiting {
                0 => remove(&seen.piece),
                _ => pieces.push_back(seen.piece),
            }
        }
        let writing = Segment::create(path, number).unwrap_or_else(|_| Segment::none(path, number));
        pieces.push_back(Piece::of(&writing));
        let next_row = last.max(mark.row()).map_or(0, |row| row + 1);
        let names = HashMap::new();
        let lent = None;
        let state = State { pieces, writing, names, next_row, mark, lent, ages, losses };
        let parts = Parts {
            options,
            path: path.to_owned(),
            reader: Mutex::default(),
            state: Mutex::new(state),
            _lock: lock,
        };
        Ok(Self { parts: Arc::new(parts) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.parts.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes samples, in this order: there after `kill -9` when this returns, and after a
    /// power cut once [`Outbox::sync`] has confirmed them.
    ///
    /// # Errors
    /// When the disk is full or fails. What was not taken is counted as lost.
    pub fn append(&self, samples: &[(SeriesKey, Sample)]) -> Result<()> {
        let mut state = self.state();
        let mut rest = samples.len();
        for row in samples.chunks(ROW_SAMPLES) {
            if let Err(error) = self.append_row(&mut state, row) {
                state.losses.disk += rest as u64;
                return Err(error);
            }
            rest -= row.len();
        }
        Ok(())
    }

    fn append_row(&self, state: &mut State, samples: &[(SeriesKey, Sample)]) -> Result<()> {
        let full = (self.parts.options.max_bytes / FILES).clamp(1, FILE_BYTES);
        if state.writing.is_broken() || state.writing.bytes() >= full {
            self.next_file(state)?;
        }
        let mut row = Row::default();
        let known = state.names.len() as u32;
        for (key, sample) in samples {
            let reference = match state.names.get(key) {
                Some(reference) => *reference,
                None => {
                    let reference = state.names.len() as u32;
                    row.name(reference, key);
                    state.names.insert(key.clone(), reference);
                    reference
                }
            };
            row.sample(reference, *sample);
        }
        let number = state.next_row;
        if let Err(error) = state.writing.append(number, &row) {
            // The file does not know what this row would have named.
            state.names.retain(|_, reference| *reference < known);
            return Err(error);
        }
        state.next_row += 1;
        let bytes = state.writing.bytes();
        if let Some(piece) = state.pieces.back_mut() {
            piece.bytes = bytes;
            piece.first_row = piece.first_row.or(Some(number));
            piece.last_row = Some(number);
            piece.waiting += samples.len() as u64;
        }
        if let Some((_, first)) = samples.first() {
            state.ages.add(number, first.at_ms);
        }
        self.make_room(state);
        Ok(())
    }

    fn next_file(&self, state: &mut State) -> Result<()> {
        let number = state.writing.number() + 1;
        let next = Segment::create(&self.parts.path, number)?;
        // What is not on the disk by now is lost by a power cut only.
        let _ = state.writing.sync();
        state.writing = next;
        state.names.clear();
        state.pieces.push_back(Piece::of(&state.writing));
        state.tidy();
        Ok(())
    }

    /// Drops the oldest files while there is too much.
    fn make_room(&self, state: &mut State) {
        let all = |state: &State| state.pieces.iter().map(|piece| piece.bytes).sum::<u64>();
        while state.pieces.len() > 1 && all(state) > self.parts.options.max_bytes {
            let Some(piece) = state.pieces.pop_front() else { return };
            remove(&piece);
            // The batch that is out may still arrive; its holder counts it.
            let out = state.lent.as_ref().map_or(0, |lent| lent.samples_in(piece.number));
            state.losses.full += piece.waiting.saturating_sub(out);
        }
    }

    /// What was appended before survives a power cut from here on.
    ///
    /// # Errors
    /// When the disk does not confirm it.
    pub fn sync(&self) -> Result<()> {
        let unsynced = self.state().writing.to_sync();
        if let Some(unsynced) = unsynced {
            // Without the lock: a slow disk must not keep others from appending.
            let done = unsynced.sync();
            self.state().writing.synced(&unsynced, done)?;
        }
        Ok(())
    }
}

impl State {
    /// Removes files of which nothing waits.
    fn tidy(&mut self) {
        let writing = self.writing.number();
        self.pieces.retain(|piece| {
            let is_kept = piece.waiting > 0 || piece.number == writing;
            if !is_kept {
                remove(piece);
            }
            is_kept
        });
    }
}

/// A file that cannot be removed is read again at the next start, and its rows are before
/// the mark or are sent once more.
fn remove(piece: &Piece) {
    let _ = std::fs::remove_file(&piece.path);
}

#[cfg(test)]
mod tests;
