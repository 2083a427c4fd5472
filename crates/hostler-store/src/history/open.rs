//! How history is opened, whatever the last process left behind.
//!
//! ```text
//!  lock ─► format ─► partitions (damaged ones put aside) ─► log (damage skipped) ─► new file
//!    │        │
//!    ▼        ▼
//!  another  newer version: refused, nothing touched
//! ```
//!
//! A sample of the log that is in a partition already is known by its time: within a
//! series, a checkpoint takes samples in order.

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use hostler_core::metrics::series::{Sample, SeriesKey};

use super::error::{Error, FindingKind, Result};
use super::head::Head;
use super::partition::{DAY_MS, PartitionId, Tier};
use super::partitions::Partitions;
use super::wal::{self, Found, Read, Segment};
use super::{Archive, Inner};

/// What the directory says it is. The version is in it twice, so that a damaged one is not
/// taken for a newer one.
const FORMAT: &str = "hostler history 1 1\n";

/// How much is kept, for how long, in how much room. Times are in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How long samples are kept as they were measured. A partition goes as a whole once all
    /// of it is older, so that up to one day more is kept.
    pub raw_ms: i64,
    /// How long the roll-ups by five minutes are kept; up to eight days more.
    pub five_minutes_ms: i64,
    /// How long the roll-ups by the hour are kept; up to 32 days more.
    pub hour_ms: i64,
    /// The room all of it may take. Beyond it the oldest raw days go first, then the oldest
    /// roll-ups by five minutes, then by the hour; never the newest partition of a tier.
    pub max_bytes: u64,
    /// The most series that are measured at a time; samples of more are dropped and counted.
    pub series_max: usize,
    /// The most samples of a chunk.
    pub chunk_samples: u32,
    /// The size of the log at which a checkpoint is made. Twice that is the most it takes.
    pub log_bytes: u64,
    /// The age at which a checkpoint is made by maintenance.
    pub checkpoint_ms: i64,
    /// How much older than now a sample may be; at most half a day. A day is rolled up this
    /// long after its end.
    pub late_ms: i64,
    /// How far ahead of now a sample may be.
    pub ahead_ms: i64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            raw_ms: 15 * DAY_MS,
            five_minutes_ms: 90 * DAY_MS,
            hour_ms: 730 * DAY_MS,
            max_bytes: 20 << 30,
            series_max: 200_000,
            chunk_samples: 240,
            log_bytes: 32 << 20,
            checkpoint_ms: 2 * 3_600_000,
            late_ms: 3_600_000,
            ahead_ms: 600_000,
        }
    }
}

impl Options {
    /// Within what the rest relies on.
    fn bounded(mut self) -> Self {
        self.late_ms = self.late_ms.clamp(0, DAY_MS / 2);
        self.ahead_ms = self.ahead_ms.clamp(0, DAY_MS);
        self.chunk_samples = self.chunk_samples.clamp(2, 10_000);
        self.log_bytes = self.log_bytes.max(64 << 10);
        self.raw_ms = self.raw_ms.max(DAY_MS);
        self
    }
}

impl Archive {
    /// Opens the history in a directory, and begins one where there is none. What is damaged
    /// is told by [`Archive::findings`] and left out.
    ///
    /// # Errors
    /// `Refused` when another process has it open, or it is of a newer version; otherwise when
    /// the file system does.
    pub fn open(path: &Path, options: Options) -> Result<Self> {
        let options = options.bounded();
        let begin = |error| Error::io(format_args!("open {}", path.display()), &error);
        std::fs::create_dir_all(path.join("wal")).map_err(begin)?;
        let lock = lock(path)?;
        check_format(path)?;
        let findings = Arc::new(Mutex::default());
        let partitions = Partitions::open(path.to_owned(), Arc::clone(&findings))?;
        let log = path.join("wal");
        let mut before = wal::segments(&log)?;
        let number = before.last().map_or(0, |found| found.number + 1);
        // Nothing was ever written to these; a process that dies often would leave many.
        before.retain(|found| {
            found.bytes > wal::EMPTY_BYTES || std::fs::remove_file(&found.path).is_err()
        });
        // On a full disk what there is can still be asked for.
        let segment = match Segment::create(&log, number) {
            Err(Error::Full { .. }) => Segment::none(&log, number),
            segment => segment?,
        };
        let head = Head::new(segment, partitions.newest_ms());
        let archive = Self {
            inner: Arc::new(Inner {
                options,
                path: path.to_owned(),
                writing: Mutex::default(),
                head: Mutex::new(head),
                partitions,
                findings,
                _lock: lock,
            }),
        };
        archive.replay(before)?;
        archive.head().closed_until_ms = archive.rolled_until()?;
        Ok(archive)
    }

    /// Takes what the log has and no partition does into the head.
    fn replay(&self, before: Vec<Found>) -> Result<()> {
        let mut head = self.head();
        let mut last = None;
        for found in &before {
            let mut failed = None;
            let piece = format!("wal/{:016}.wal", found.number);
            last = wal::read(&found.path, last, &mut |read| match read {
                Read::Sample(key, sample) => {
                    if failed.is_none()
                        && let Err(error) = self.replay_sample(&mut head, key, sample)
                    {
                        failed = Some(error);
                    }
                }
                other => self.tell_read(&piece, &other),
            })?;
            if let Some(error) = failed {
                return Err(error);
            }
        }
        head.next_row = last.map_or(0, |last| last + 1);
        head.before = before;
        Ok(())
    }

    fn replay_sample(&self, head: &mut Head, key: SeriesKey, sample: Sample) -> Result<()> {
        let place = match head.place(&key) {
            Some(place) => place,
            None => {
                let last = self.last_in_partitions(&key, sample.at_ms)?;
                head.add(&key, last)
            }
        };
        let newest = head.series.get(place).and_then(super::head::HeadSeries::newest_ms);
        if newest.is_none_or(|newest| newest < sample.at_ms) {
            head.push(place, sample, self.inner.options.chunk_samples);
        }
        Ok(())
    }

    fn tell_read(&self, piece: &str, read: &Read) {
        match read {
            Read::Sample(..) => {}
            // Rows that were there behind it are missed by their numbers, in the next file.
            Read::CutOff { bytes } => {
                let lost = format!("the row that was being written is lost, {bytes} bytes of it");
                self.tell(FindingKind::CutOff, piece, lost);
            }
            Read::Damaged { rows, bytes } => {
                let lost =
                    format!("{rows} passes are lost, {bytes} bytes are not as they were written");
                self.tell(FindingKind::DamagedLog, piece, lost);
            }
            Read::Nameless(samples) => {
                let lost = format!(
                    "{samples} samples of a pass are lost: the name of their series was in a row \
                     that is damaged"
                );
                self.tell(FindingKind::DamagedLog, piece, lost);
            }
        }
    }

    /// The newest sample of a series in the partitions of `at_ms` and later.
    pub(super) fn last_in_partitions(&self, key: &SeriesKey, at_ms: i64) -> Result<Option<Sample>> {
        let from = PartitionId::of(Tier::Raw, at_ms);
        let ids = self.inner.partitions.ids(Tier::Raw);
        for id in ids.into_iter().rev().take_while(|id| *id >= from) {
            let Some(partition) = self.inner.partitions.get(id)? else { continue };
            match partition.last(key) {
                Ok(Some(last)) => return Ok(Some(last)),
                Ok(None) => {}
                Err(fault) => self.told(id, fault)?,
            }
        }
        Ok(None)
    }

    /// Until when days are rolled up.
    pub(super) fn rolled_until(&self) -> Result<i64> {
        let ids = self.inner.partitions.ids(Tier::FiveMinutes);
        for id in ids.into_iter().rev() {
            let Some(partition) = self.inner.partitions.get(id)? else { continue };
            match partition.rolled_days() {
                Ok(days) if days.is_empty() => {}
                Ok(days) => return Ok(days.last().map_or(i64::MIN, |day| (day + 1) * DAY_MS)),
                Err(fault) => self.told(id, fault)?,
            }
        }
        Ok(i64::MIN)
    }
}

pub(super) fn lock(path: &Path) -> Result<File> {
    let file = path.join("lock");
    let doing = || format!("open {}", file.display());
    let mut options = File::options();
    let options = options.create(true).truncate(false).write(true);
    let file = options.open(&file).map_err(|error| Error::io(doing(), &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(Error::refused(path, "another process has it open; stop it first"))
        }
        Err(TryLockError::Error(error)) => Err(Error::io(doing(), &error)),
    }
}

/// Says what the directory is, or reads that it is what we know.
fn check_format(path: &Path) -> Result<()> {
    let file = path.join("format");
    let found = match std::fs::read(&file) {
        Ok(found) => found,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(Error::io(format_args!("open {}", file.display()), &error)),
    };
    if found == FORMAT.as_bytes() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&found).trim().to_owned();
    match words.split(' ').collect::<Vec<_>>().as_slice() {
        ["hostler", "history", one, other] if one == other && *one != "1" => {
            let why = format!("its format is {one}, this version of hostler knows 1");
            Err(Error::refused(path, why))
        }
        // Not there, cut off when it was first written, or damaged: the rest tells by itself.
        _ => write_format(path),
    }
}

fn write_format(path: &Path) -> Result<()> {
    let write = || {
        let mut file = File::create(path.join("format"))?;
        file.write_all(FORMAT.as_bytes())?;
        file.sync_all()?;
        File::open(path)?.sync_all()
    };
    let written: std::io::Result<()> = write();
    written.map_err(|error| Error::io(format_args!("begin {}", path.display()), &error))
}
