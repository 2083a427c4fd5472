//! The head: the series that are being measured, with the samples that are in no
//! partition yet. All of it is in the write-ahead log, too.
//!
//! ```text
//!  sample ──► row of the log ──► open chunk ──full, or a new day──► full chunk
//!                                    └──────── checkpoint ──────────────┴──► partition
//! ```

use std::sync::Arc;

use hostler_core::metrics::series::{Sample, SeriesKey};

use super::chunk::{self, OpenChunk};
use super::index::Index;
use super::partition::{Block, DAY_MS};
use super::wal::{Found, Segment};

/// What marks the end of a series, to the bit, as Prometheus writes it. It is a NaN that
/// nothing measures.
pub const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;

/// Whether a value marks the end of a series.
pub const fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_BITS
}

/// A chunk that takes no more samples and is in no partition yet.
#[derive(Debug, Clone)]
struct FullChunk {
    start_ms: i64,
    end_ms: i64,
    count: u32,
    /// How many of its samples were in a partition already, as an open chunk.
    persisted: u32,
    bytes: Arc<[u8]>,
}

/// A series that is being measured.
#[derive(Debug)]
pub(super) struct HeadSeries {
    pub(super) key: SeriesKey,
    /// Its newest sample; of a partition, when none came since.
    pub(super) last: Option<Sample>,
    /// The time that a row being written gives it.
    pub(super) pending_ms: Option<i64>,
    /// The file of the log that names it, and as what.
    pub(super) named: Option<(u64, u32)>,
    full: Vec<FullChunk>,
    open: Option<OpenChunk>,
    /// How many samples of the open chunk are in a partition.
    persisted: u32,
}

/// A chunk that a checkpoint takes to a partition.
#[derive(Debug)]
pub(super) struct Piece {
    /// Its series' place in the head.
    pub(super) place: usize,
    pub(super) block: Block,
    /// How many samples it has.
    count: u32,
}

impl HeadSeries {
    pub(super) const fn new(key: SeriesKey, last: Option<Sample>) -> Self {
        Self {
            key,
            last,
            pending_ms: None,
            named: None,
            full: Vec::new(),
            open: None,
            persisted: 0,
        }
    }

    /// The newest time, with what is being written.
    pub(super) fn newest_ms(&self) -> Option<i64> {
        self.pending_ms.or_else(|| self.last.map(|last| last.at_ms))
    }

    /// Takes a sample that is newer than all before it.
    pub(super) fn push(&mut self, sample: Sample, chunk_samples: u32) {
        let day = |at_ms: i64| at_ms.div_euclid(DAY_MS);
        self.last = Some(sample);
        if let Some(open) = &mut self.open
            && open.count() < chunk_samples
            && day(open.start_ms()) == day(sample.at_ms)
        {
            return open.push(sample);
        }
        if let Some(open) = self.open.replace(OpenChunk::new(sample)) {
            self.full.push(FullChunk {
                start_ms: open.start_ms(),
                end_ms: open.end_ms(),
                count: open.count(),
                persisted: std::mem::take(&mut self.persisted),
                bytes: open.bytes().into(),
            });
        }
    }

    /// The chunks that touch a span of time, with their starts; oldest first.
    pub(super) fn chunks(&self, from_ms: i64, to_ms: i64) -> Vec<(i64, Arc<[u8]>)> {
        let touches = |start_ms: i64, end_ms: i64| start_ms <= to_ms && from_ms <= end_ms;
        let full = self.full.iter().filter(|full| touches(full.start_ms, full.end_ms));
        let mut chunks: Vec<_> = full.map(|full| (full.start_ms, full.bytes.clone())).collect();
        if let Some(open) = &self.open
            && touches(open.start_ms(), open.end_ms())
        {
            chunks.push((open.start_ms(), open.bytes().into()));
        }
        chunks
    }

    /// What is in no partition yet.
    fn pieces(&self, place: usize) -> Vec<Piece> {
        let piece = |start_ms, end_ms, count: u32, persisted: u32, bytes: Vec<u8>| {
            let more = u64::from(count - persisted);
            let block = Block { key: self.key.clone(), start_ms, end_ms, more, bytes };
            Piece { place, block, count }
        };
        let full = self.full.iter().map(|full| {
            piece(full.start_ms, full.end_ms, full.count, full.persisted, full.bytes.to_vec())
        });
        let open = self.open.iter().filter(|open| open.count() > self.persisted).map(|open| {
            piece(open.start_ms(), open.end_ms(), open.count(), self.persisted, open.bytes())
        });
        full.chain(open).collect()
    }

    /// A piece is in its partition.
    fn is_kept(&mut self, start_ms: i64, count: u32) {
        self.full.retain(|full| full.start_ms != start_ms || full.count != count);
        if let Some(full) = self.full.iter_mut().find(|full| full.start_ms == start_ms) {
            full.persisted = count;
        } else if self.open.as_ref().is_some_and(|open| open.start_ms() == start_ms) {
            self.persisted = count;
        }
    }

    /// How many of its samples are in no partition yet.
    fn unpersisted(&self) -> u64 {
        let full: u32 = self.full.iter().map(|full| full.count - full.persisted).sum();
        let open = self.open.as_ref().map_or(0, |open| open.count() - self.persisted);
        u64::from(full) + u64::from(open)
    }

    /// The oldest time that is in no partition yet.
    fn oldest_unpersisted_ms(&self) -> Option<i64> {
        let open = self.open.as_ref().filter(|open| open.count() > self.persisted);
        self.full.first().map(|full| full.start_ms).or(open.map(OpenChunk::start_ms))
    }
}

impl Piece {
    /// Makes it as small as it can be, which takes a while.
    pub(super) fn shrink(&mut self) {
        let samples = chunk::decode(self.block.start_ms, &self.block.bytes).unwrap_or_default();
        if let Some(bytes) = chunk::encode(&samples) {
            self.block.bytes = bytes;
        }
    }
}

/// All of it.
#[derive(Debug)]
pub(super) struct Head {
    /// A series' id is its place in `series`.
    pub(super) index: Index,
    pub(super) series: Vec<HeadSeries>,
    pub(super) segment: Segment,
    /// How many series the segment has named.
    pub(super) names: u32,
    /// Files before it whose samples may be in no partition yet.
    pub(super) before: Vec<Found>,
    pub(super) next_row: u64,
    /// Whether rows are written that the disk refused to confirm.
    pub(super) unconfirmed: bool,
    /// The newest time of any sample.
    pub(super) newest_ms: Option<i64>,
    /// Days before this are rolled up: nothing is added to them.
    pub(super) closed_until_ms: i64,
}

impl Head {
    /// A head that measures nothing yet.
    pub(super) fn new(segment: Segment, newest_ms: Option<i64>) -> Self {
        Self {
            index: Index::default(),
            series: Vec::new(),
            segment,
            names: 0,
            before: Vec::new(),
            next_row: 0,
            unconfirmed: false,
            newest_ms,
            closed_until_ms: i64::MIN,
        }
    }

    /// The place of a series that is being measured.
    pub(super) fn place(&self, key: &SeriesKey) -> Option<usize> {
        self.index.id(key).map(|id| id as usize)
    }

    pub(super) fn add(&mut self, key: &SeriesKey, last: Option<Sample>) -> usize {
        let place = self.series.len();
        self.index.add(place as u32, key);
        self.series.push(HeadSeries::new(key.clone(), last));
        place
    }

    pub(super) fn push(&mut self, place: usize, sample: Sample, chunk_samples: u32) {
        self.newest_ms = self.newest_ms.max(Some(sample.at_ms));
        if let Some(series) = self.series.get_mut(place) {
            series.pending_ms = None;
            series.push(sample, chunk_samples);
        }
    }

    /// The bytes of the log.
    pub(super) fn log_bytes(&self) -> u64 {
        self.before.iter().map(|found| found.bytes).sum::<u64>() + self.segment.bytes()
    }

    pub(super) fn pieces(&self) -> Vec<Piece> {
        self.series.iter().enumerate().flat_map(|(place, series)| series.pieces(place)).collect()
    }

    /// How many samples are in no partition yet.
    pub(super) fn unpersisted(&self) -> u64 {
        self.series.iter().map(HeadSeries::unpersisted).sum()
    }

    pub(super) fn are_kept(&mut self, kept: &[(usize, i64, u32)]) {
        for (place, start_ms, count) in kept {
            if let Some(series) = self.series.get_mut(*place) {
                series.is_kept(*start_ms, *count);
            }
        }
    }

    pub(super) fn oldest_unpersisted_ms(&self) -> Option<i64> {
        self.series.iter().filter_map(HeadSeries::oldest_unpersisted_ms).min()
    }

    /// Lets go of series that got nothing after `since_ms` and are in a partition.
    pub(super) fn forget(&mut self, since_ms: i64) {
        let forgettable = |series: &HeadSeries| {
            series.unpersisted() == 0 && series.newest_ms().is_none_or(|newest| newest <= since_ms)
        };
        if !self.series.iter().any(forgettable) {
            return;
        }
        self.series.retain(|series| !forgettable(series));
        self.index = Index::default();
        for (place, series) in self.series.iter().enumerate() {
            self.index.add(place as u32, &series.key);
        }
    }
}

impl Piece {
    /// What the head is told once it is kept.
    pub(super) const fn receipt(&self) -> (usize, i64, u32) {
        (self.place, self.block.start_ms, self.count)
    }
}
