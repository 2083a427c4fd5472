//! Taking from the queue what is sent next, and what becomes of it.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::PoisonError;

use hostler_core::metrics::series::{Sample, SeriesKey};

use super::super::error::{Error, Result};
use super::super::wal::{self, EMPTY_BYTES, HEADER, Read};
use super::count::row_from;
use super::{Outbox, State};

/// How much is taken at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Take {
    /// The caller's clock, in milliseconds since 1970.
    pub now_ms: i64,
    /// No further row is added to this many samples; one row is always taken.
    pub samples: usize,
    /// Whether no series may be in it twice, so that sending it again, when nobody knows
    /// whether it arrived, never brings an older sample after a newer one.
    pub is_each_once: bool,
}

/// Samples that are sent together, in the order in which they were measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The samples; the end of a series is [`STALE_BITS`](super::super::STALE_BITS).
    pub samples: Vec<(SeriesKey, Sample)>,
    lent: Lent,
}

/// Why a batch is not worth sending any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// More waits than there is room for, and this is the oldest.
    Full,
    /// It waited too long.
    Old,
}

/// The rows of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lent {
    last_row: u64,
    newest_ms: i64,
    /// For each file: its number, how many samples, and where its last row ends.
    parts: Vec<(u64, u64, u64)>,
}

impl Lent {
    /// How many of its samples are in that file.
    pub(super) fn samples_in(&self, file: u64) -> u64 {
        self.parts.iter().filter(|part| part.0 == file).map(|part| part.1).sum()
    }
}

/// Where reading stands.
#[derive(Debug, Default)]
pub(super) struct Reader {
    open: Option<Open>,
    /// Rows up to this one were passed.
    after: Option<u64>,
}

/// A file that is being read.
#[derive(Debug)]
struct Open {
    number: u64,
    file: File,
    /// How much of the file is in `bytes` or before it.
    offset: u64,
    bytes: Vec<u8>,
    at: usize,
    names: HashMap<i64, SeriesKey>,
}

/// A row as it was read.
struct ReadRow {
    number: u64,
    samples: Vec<(SeriesKey, Sample)>,
    newest_ms: i64,
    /// Where it ends in `Open::bytes`, and in the file.
    end: (usize, u64),
}

/// A batch that is being put together.
#[derive(Default)]
struct Draft {
    samples: Vec<(SeriesKey, Sample)>,
    series: HashSet<SeriesKey>,
    lent: Option<Lent>,
}

impl Outbox {
    /// What is to be sent next; `None` when nothing waits. The same again while it was
    /// neither settled nor given up.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn take(&self, take: Take) -> Result<Option<Batch>> {
        let mut reader = self.parts.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let settled = {
            let mut state = self.state();
            state.lent = None;
            state.mark.row()
        };
        if reader.after != settled {
            *reader = Reader { open: None, after: settled };
        }
        let oldest_ms = take.now_ms.saturating_sub(self.parts.options.max_age_ms);
        let mut draft = Draft::default();
        loop {
            if !self.stand(&mut reader)? {
                break;
            }
            let Reader { open: Some(open), after } = &mut *reader else { break };
            let Some(row) = open.row(*after) else { continue };
            let is_old = row.newest_ms < oldest_ms;
            if is_old && draft.lent.is_none() {
                open.at = row.end.0;
                *after = Some(row.number);
                let lent = Lent::of(&row, open.number);
                let mut state = self.state();
                state.losses.old += state.settle(&lent);
                continue;
            }
            if is_old || !draft.takes(&row, take) {
                break;
            }
            open.at = row.end.0;
            *after = Some(row.number);
            draft.add(row, open.number);
        }
        let Draft { samples, lent: Some(lent), .. } = draft else { return Ok(None) };
        self.state().lent = Some(lent.clone());
        // Until it is settled, reading stands before it.
        Ok(Some(Batch { samples, lent }))
    }

    /// Opens or reads on until a whole row may be there; `false` when there is none.
    fn stand(&self, reader: &mut Reader) -> Result<bool> {
        let pieces = {
            let state = self.state();
            let of = |open: &Open| state.pieces.iter().find(|it| it.number == open.number).cloned();
            let current = reader.open.as_ref().and_then(of);
            let is_left = current.as_ref().is_some_and(|it| it.last_row > reader.after);
            match is_left {
                true => current,
                false => state.pieces.iter().find(|it| it.last_row > reader.after).cloned(),
            }
        };
        let Some(piece) = pieces else { return Ok(false) };
        let doing = || format!("read {}", piece.path.display());
        if reader.open.as_ref().is_none_or(|open| open.number != piece.number) {
            let file = match File::open(&piece.path) {
                Ok(file) => file,
                // Dropped just now: the next one is the oldest.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    let is_there = self.state().pieces.iter().any(|it| it.number == piece.number);
                    return match is_there {
                        true => Err(Error::io(doing(), &error)),
                        false => self.stand(reader),
                    };
                }
                Err(error) => return Err(Error::io(doing(), &error)),
            };
            let (bytes, names) = (Vec::new(), HashMap::new());
            let (offset, at) = (EMPTY_BYTES, 0);
            reader.open = Some(Open { number: piece.number, file, offset, bytes, at, names });
        }
        let Some(open) = &mut reader.open else { return Ok(false) };
        if open.offset < piece.bytes {
            open.read_to(piece.bytes).map_err(|error| Error::io(doing(), &error))?;
        }
        if row_from(&open.bytes, open.at).is_none() {
            // Its last rows are damaged: what is behind them comes next.
            reader.after = reader.after.max(piece.last_row);
            return self.stand(reader);
        }
        Ok(true)
    }

    /// It arrived, or nobody will ever take it: it needs nothing more.
    pub fn settle(&self, batch: &Batch) {
        self.state().settle(&batch.lent);
    }

    /// Whether it is not worth sending any more.
    pub fn is_gone(&self, batch: &Batch, now_ms: i64) -> Option<Gone> {
        let state = self.state();
        let first = batch.lent.parts.first()?.0;
        if state.pieces.front().is_some_and(|piece| piece.number > first) {
            return Some(Gone::Full);
        }
        let oldest_ms = now_ms.saturating_sub(self.parts.options.max_age_ms);
        (batch.lent.newest_ms < oldest_ms).then_some(Gone::Old)
    }

    /// Counts it as lost, except for `arrived` of its samples, and goes on with the next.
    pub fn give_up(&self, batch: &Batch, why: Gone, arrived: u64) {
        let mut state = self.state();
        state.settle(&batch.lent);
        let lost = (batch.samples.len() as u64).saturating_sub(arrived);
        match why {
            Gone::Full => state.losses.full += lost,
            Gone::Old => state.losses.old += lost,
        }
    }
}

impl State {
    /// Moves the mark behind these rows; how many samples waited in them.
    fn settle(&mut self, lent: &Lent) -> u64 {
        let mut settled = 0;
        for (file, samples, end) in &lent.parts {
            settled += samples;
            if let Some(piece) = self.pieces.iter_mut().find(|piece| piece.number == *file) {
                piece.waiting = piece.waiting.saturating_sub(*samples);
                piece.settled_bytes = piece.settled_bytes.max(*end);
            }
        }
        self.mark.set(lent.last_row);
        self.ages.forget(lent.last_row);
        self.lent = None;
        self.tidy();
        settled
    }
}

impl Lent {
    fn of(row: &ReadRow, file: u64) -> Self {
        let parts = vec![(file, row.samples.len() as u64, row.end.1)];
        Self { last_row: row.number, newest_ms: row.newest_ms, parts }
    }
}

impl Draft {
    fn takes(&self, row: &ReadRow, take: Take) -> bool {
        if self.lent.is_none() {
            return true;
        }
        let is_twice = || row.samples.iter().any(|(key, _)| self.series.contains(key));
        self.samples.len() + row.samples.len() <= take.samples && !(take.is_each_once && is_twice())
    }

    fn add(&mut self, row: ReadRow, file: u64) {
        let new = Lent::of(&row, file);
        match &mut self.lent {
            None => self.lent = Some(new),
            Some(lent) => {
                lent.last_row = new.last_row;
                lent.newest_ms = lent.newest_ms.max(new.newest_ms);
                match lent.parts.last_mut().filter(|part| part.0 == file) {
                    Some(part) => (part.1, part.2) = (part.1 + row.samples.len() as u64, row.end.1),
                    None => lent.parts.extend(new.parts),
                }
            }
        }
        self.series.extend(row.samples.iter().map(|(key, _)| key.clone()));
        self.samples.extend(row.samples);
    }
}

impl Open {
    /// Reads what was written meanwhile.
    fn read_to(&mut self, end: u64) -> std::io::Result<()> {
        self.bytes.drain(..self.at.min(self.bytes.len()));
        self.at = 0;
        let (old, more) = (self.bytes.len(), end.saturating_sub(self.offset));
        self.bytes.resize(old + usize::try_from(more).unwrap_or(0), 0);
        let Some(fresh) = self.bytes.get_mut(old..) else { return Ok(()) };
        if let Err(error) = self.file.read_exact_at(fresh, self.offset) {
            self.bytes.truncate(old);
            return Err(error);
        }
        self.offset = end;
        Ok(())
    }

    /// The next row behind `after`, which stays the next; those before it only name series.
    fn row(&mut self, after: Option<u64>) -> Option<ReadRow> {
        loop {
            let (begin, number, payload) = row_from(&self.bytes, self.at)?;
            let end = begin + HEADER + payload.len();
            let mut samples = Vec::new();
            let mut newest_ms = i64::MIN;
            // What cannot be read was counted as damaged, or is by nobody's fault here.
            let _ = wal::read_row(payload, &mut self.names, &mut |it| {
                if let Read::Sample(key, sample) = it {
                    newest_ms = newest_ms.max(sample.at_ms);
                    samples.push((key, sample));
                }
            });
            if after < Some(number) {
                let left = (self.bytes.len() - end) as u64;
                let end = (end, self.offset - left);
                return Some(ReadRow { number, samples, newest_ms, end });
            }
            self.at = end;
        }
    }
}
