//! How much waits and since when, and what was lost.

use std::collections::{HashMap, VecDeque};

use super::super::error::{Error, Result};
use super::super::wal::{self, EMPTY_BYTES, Found, HEADER, Read};
use super::{Outbox, Piece};

/// Places in the queue of which the time is remembered.
const AGES_MAX: usize = 4096;

/// What waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutboxFigures {
    /// Samples that wait, with those that are being sent.
    pub samples: u64,
    /// The room they take on the disk, in bytes.
    pub bytes: u64,
    /// The time of the oldest of them, in milliseconds since 1970; of a very long queue
    /// that of one shortly before it.
    pub oldest_ms: Option<i64>,
    /// What was lost since it was opened.
    pub losses: OutboxLosses,
}

/// Samples that were lost, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutboxLosses {
    /// More waited than there is room for.
    pub full: u64,
    /// They waited too long.
    pub old: u64,
    /// The disk did not take them.
    pub disk: u64,
    /// Rows (not samples) that were found damaged.
    pub damaged_rows: u64,
}

impl Outbox {
    /// What waits, and what was lost.
    pub fn figures(&self) -> OutboxFigures {
        let state = self.state();
        let waiting = || state.pieces.iter().filter(|piece| piece.waiting > 0);
        let samples = waiting().map(|piece| piece.waiting).sum();
        let bytes = waiting().map(|piece| piece.bytes.saturating_sub(piece.settled_bytes)).sum();
        let first = state.mark.row().map_or(0, |row| row + 1);
        // What was dropped is before the first file that is there.
        let first =
            waiting().next().and_then(|piece| piece.first_row).map_or(first, |it| it.max(first));
        let oldest_ms = state.ages.at(first).filter(|_| samples > 0);
        OutboxFigures { samples, bytes, oldest_ms, losses: state.losses }
    }
}

/// The times of rows; of many, those of some.
#[derive(Debug, Default)]
pub(super) struct Ages {
    times: VecDeque<(u64, i64)>,
}

impl Ages {
    pub(super) fn add(&mut self, row: u64, at_ms: i64) {
        self.times.push_back((row, at_ms));
        if self.times.len() > AGES_MAX {
            let mut is_odd = false;
            self.times.retain(|_| {
                is_odd = !is_odd;
                is_odd
            });
        }
    }

    /// The time of that row, or of the one remembered before it.
    fn at(&self, row: u64) -> Option<i64> {
        let after = self.times.partition_point(|(it, _)| *it <= row);
        self.times.get(after.saturating_sub(1)).map(|(_, at_ms)| *at_ms)
    }

    /// Rows up to that one are asked for no more.
    pub(super) fn forget(&mut self, settled: u64) {
        while self.times.get(1).is_some_and(|(row, _)| *row <= settled + 1) {
            self.times.pop_front();
        }
    }
}

/// What a file was found to be.
pub(super) struct Seen {
    pub(super) piece: Piece,
    pub(super) damaged_rows: u64,
}

/// Reads a file through: what of it waits, when rows up to `settled` need nothing more.
pub(super) fn look_through(
    found: &Found,
    last: Option<u64>,
    settled: Option<u64>,
    ages: &mut Ages,
) -> Result<Seen> {
    let bytes = std::fs::read(&found.path)
        .map_err(|error| Error::io(format_args!("read {}", found.path.display()), &error))?;
    let mut piece = Piece {
        number: found.number,
        path: found.path.clone(),
        bytes: bytes.len() as u64,
        settled_bytes: EMPTY_BYTES,
        first_row: None,
        last_row: None,
        waiting: 0,
    };
    let (mut damaged_rows, mut names, mut at) = (0, HashMap::new(), EMPTY_BYTES as usize);
    while let Some((begin, row, payload)) = row_from(&bytes, at) {
        at = begin + HEADER + payload.len();
        let before = piece.last_row.or(last);
        damaged_rows += before.map_or(0, |before| row.saturating_sub(before + 1));
        let (mut samples, mut first_ms) = (0, None);
        let read = wal::read_row(payload, &mut names, &mut |it| {
            if let Read::Sample(_, sample) = it {
                samples += 1;
                first_ms = first_ms.or(Some(sample.at_ms));
            }
        });
        damaged_rows += u64::from(read.is_none());
        piece.first_row = piece.first_row.or(Some(row));
        piece.last_row = Some(row);
        match settled >= Some(row) {
            true => piece.settled_bytes = at as u64,
            false => {
                piece.waiting += samples;
                ages.add(row, first_ms.unwrap_or_default());
            }
        }
    }
    Ok(Seen { piece, damaged_rows })
}

/// The next row from that place on: where it begins, its number and payload. What is no row
/// is passed over.
pub(super) fn row_from(bytes: &[u8], mut at: usize) -> Option<(usize, u64, &[u8])> {
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        if let Some((number, payload)) = wal::row_at(rest) {
            return Some((at, number, payload));
        }
        at += 1;
    }
    None
}
