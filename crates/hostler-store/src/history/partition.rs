//! A partition: the chunks, or the roll-ups, of a span of days, in a database
//! directory of its own. Damage in one is nothing to the others, and retention is the
//! removal of a directory.
//!
//! ```text
//!  0 id u32             → the key of a series
//!  1 id u32 offset u32  → a chunk, or a day's roll-up; offset in ms from the start
//!  2 day u32            → that this day is rolled up here
//!  3                    → totals
//! ```
//!
//! Everything is written by ingestion: sorted tables that are synced and become part
//! of the database all at once or not at all. The engine's own journal stays empty.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use fjall::config::{BlockSizePolicy, FilterPolicy};
use fjall::{Database, Keyspace, KeyspaceCreateOptions};
use hostler_core::metrics::series::{Sample, SeriesKey};

use super::bits::{ByteReader, put_varint, unzigzag, zigzag};
use super::chunk;
use super::error::{Error, Fault};
use super::index::Index;
use super::wal::{put_key, read_key};

/// Milliseconds of a day.
pub(super) const DAY_MS: i64 = 86_400_000;

const SERIES: u8 = 0;
const BLOCK: u8 = 1;
const ROLLED: u8 = 2;
const TOTALS: u8 = 3;

/// What a partition may keep in memory of what it read, in bytes.
const CACHE_BYTES: u64 = 4 << 20;
/// Files that a partition keeps open.
const OPEN_FILES: usize = 32;
/// Larger than the engine's default: chunks are read one after another.
const BLOCK_BYTES: u32 = 16 << 10;

/// How fine the samples in a partition are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tier {
    /// As they were measured; a partition is a day.
    Raw,
    /// Rolled up by five minutes; a partition is eight days.
    FiveMinutes,
    /// Rolled up by the hour; a partition is 32 days.
    Hour,
}

impl Tier {
    pub(super) const ALL: [Self; 3] = [Self::Raw, Self::FiveMinutes, Self::Hour];

    /// How many days a partition spans. An offset within one fits 32 bits.
    pub(super) const fn days(self) -> i64 {
        match self {
            Self::Raw => 1,
            Self::FiveMinutes => 8,
            Self::Hour => 32,
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::FiveMinutes => "5m",
            Self::Hour => "1h",
        }
    }
}

/// Which partition: a tier and its first day, in days since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct PartitionId {
    pub(super) tier: Tier,
    pub(super) first_day: i64,
}

impl PartitionId {
    /// The one that a time belongs to.
    pub(super) const fn of(tier: Tier, at_ms: i64) -> Self {
        let day = at_ms.div_euclid(DAY_MS);
        Self { tier, first_day: day - day.rem_euclid(tier.days()) }
    }

    pub(super) const fn start_ms(self) -> i64 {
        self.first_day * DAY_MS
    }

    /// The first millisecond behind it.
    pub(super) const fn end_ms(self) -> i64 {
        (self.first_day + self.tier.days()) * DAY_MS
    }

    /// As its directory is called.
    pub(super) fn name(self) -> String {
        format!("{}-{}", self.tier.word(), self.first_day)
    }

    /// Undoes [`PartitionId::name`].
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (word, day) = name.split_once('-')?;
        let tier = Tier::ALL.into_iter().find(|tier| tier.word() == word)?;
        let first_day = day.parse::<i64>().ok().filter(|day| day.abs() < 100_000_000)?;
        (first_day.rem_euclid(tier.days()) == 0).then_some(Self { tier, first_day })
    }
}

/// What a partition holds in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Totals {
    /// Samples, or buckets of roll-ups.
    pub(super) samples: u64,
    /// The oldest and the newest time.
    pub(super) span: Option<(i64, i64)>,
    pub(super) series: u64,
}

impl Totals {
    pub(super) fn count(&mut self, samples: u64, from_ms: i64, to_ms: i64) {
        self.samples += samples;
        self.span = Some(match self.span {
            Some((oldest, newest)) => (oldest.min(from_ms), newest.max(to_ms)),
            None => (from_ms, to_ms),
        });
    }
}

/// Something to be written.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) key: SeriesKey,
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    /// How many samples it has more than when it was last written.
    pub(super) more: u64,
    pub(super) bytes: Vec<u8>,
}

/// A partition that is open.
pub(super) struct Partition {
    pub(super) id: PartitionId,
    // Before the database, which ends with it.
    data: Keyspace,
    _database: Database,
    index: RwLock<Index>,
    totals: RwLock<Totals>,
}

impl Partition {
    /// Opens what is there or begins a new one.
    pub(super) fn open(directory: &Path, id: PartitionId) -> Result<Self, Fault> {
        let path = directory.join(id.name());
        discard_unfinished(&path)?;
        let is_new = !path.exists();
        let doing = format!("open the history's partition {}", id.name());
        let (database, data) = Fault::catch(&doing, || {
            let database = Database::builder(&path)
                .cache_size(CACHE_BYTES)
                .max_cached_files(Some(OPEN_FILES))
                .worker_threads(1)
                .manual_journal_persist(true)
                .open()?;
            let data = database.keyspace("data", options)?;
            Ok((database, data))
        })?;
        if is_new {
            // The engine syncs what is in its directory, not that the directory is there.
            let synced = std::fs::File::open(directory).and_then(|parent| parent.sync_all());
            synced.map_err(|error| Fault::Passing(Error::io(&doing, &error)))?;
        }
        let mut index = Index::default();
        scan(&doing, &data, &[SERIES], |key, value| {
            let id = ByteReader(key.get(1..)?).array().map(u32::from_be_bytes)?;
            index.add(id, &read_key(&mut ByteReader(value))?);
            Some(())
        })?;
        let mut totals = Totals::default();
        scan(&doing, &data, &[TOTALS], |_, value| {
            totals = read_totals(value)?;
            Some(())
        })?;
        totals.series = index.len() as u64;
        let (index, totals) = (RwLock::new(index), RwLock::new(totals));
        Ok(Self { id, data, _database: database, index, totals })
    }

    pub(super) fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn totals(&self) -> Totals {
        *self.totals.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The days that are rolled up here.
    pub(super) fn rolled_days(&self) -> Result<Vec<i64>, Fault> {
        let mut days = Vec::new();
        scan("read what is rolled up", &self.data, &[ROLLED], |key, _| {
            let offset = ByteReader(key.get(1..)?).array().map(u32::from_be_bytes)?;
            days.push(self.id.first_day + i64::from(offset));
            Some(())
        })?;
        Ok(days)
    }

    /// The blocks of a series that begin in `[from_ms, to_ms]`, and the one before them, which
    /// may reach in.
    pub(super) fn blocks(
        &self,
        id: u32,
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<(i64, fjall::Slice)>, Fault> {
        let (from, to) = (self.offset(from_ms), self.offset(to_ms));
        Fault::catch("read chunks", || {
            let mut blocks = Vec::new();
            let before = self.data.range(block_key(id, 0)..block_key(id, from)).next_back();
            let within = self.data.range(block_key(id, from)..=block_key(id, to));
            for guard in before.into_iter().chain(within) {
                let (key, value) = guard.into_inner()?;
                blocks.push((self.start_of(&key), value));
            }
            Ok(blocks)
        })
    }

    /// The newest sample of a series of the raw tier.
    pub(super) fn last(&self, key: &SeriesKey) -> Result<Option<Sample>, Fault> {
        let Some(id) = self.index().id(key) else { return Ok(None) };
        let found = Fault::catch("read the newest chunk", || {
            let last = self.data.range(block_key(id, 0)..=block_key(id, u32::MAX)).next_back();
            last.map(fjall::Guard::into_inner).transpose()
        })?;
        let Some((key, value)) = found else { return Ok(None) };
        let samples = chunk::decode(self.start_of(&key), &value);
        let samples = samples.map_err(|no| Fault::Damaged(no.to_string()))?;
        Ok(samples.last().copied())
    }

    /// Writes blocks, and that a day is rolled up, all at once. Blocks of a series and a start
    /// that are there already are replaced. One writer at a time.
    /// `rolled` is the day that is rolled up with this, and how many buckets it has.
    pub(super) fn write(
        &self,
        blocks: Vec<Block>,
        rolled: Option<(i64, u64)>,
    ) -> Result<(), Fault> {
        let mut totals = self.totals();
        let mut new: HashMap<SeriesKey, u32> = HashMap::new();
        let mut sorted: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        for block in blocks {
            let known = self.index().id(&block.key).or_else(|| new.get(&block.key).copied());
            let id = known.unwrap_or_else(|| {
                let id = self.index().next_id().saturating_add(new.len() as u32);
                let mut bytes = Vec::new();
                put_key(&mut bytes, &block.key);
                sorted.insert(numbered(SERIES, id), bytes);
                new.insert(block.key.clone(), id);
                id
            });
            totals.count(block.more, block.start_ms, block.end_ms);
            sorted.insert(block_key(id, self.offset(block.start_ms)).to_vec(), block.bytes);
        }
        if let Some((day, buckets)) = rolled {
            totals.samples += buckets;
            sorted.insert(numbered(ROLLED, (day - self.id.first_day) as u32), Vec::new());
        }
        totals.series += new.len() as u64;
        sorted.insert(vec![TOTALS], put_totals(&totals));
        Fault::catch(&format!("write to the history's partition {}", self.id.name()), || {
            let mut ingestion = self.data.start_ingestion()?;
            for (key, value) in sorted {
                ingestion.write(key, value)?;
            }
            ingestion.finish()
        })?;
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        new.iter().for_each(|(key, id)| index.add(*id, key));
        drop(index);
        *self.totals.write().unwrap_or_else(PoisonError::into_inner) = totals;
        Ok(())
    }

    /// Forgets that days from a time on are rolled up here.
    pub(super) fn forget_rolled(&self, from_ms: i64) -> Result<(), Fault> {
        let days = self.rolled_days()?;
        let later = days.into_iter().filter(|day| day * DAY_MS >= from_ms);
        let keys: Vec<_> = later.map(|day| (day - self.id.first_day) as u32).collect();
        Fault::catch("forget what is rolled up", || {
            let mut ingestion = self.data.start_ingestion()?;
            for day in keys {
                ingestion.write_tombstone(numbered(ROLLED, day))?;
            }
            ingestion.finish()
        })
    }

    /// Frees what was replaced.
    pub(super) fn compact(&self) -> Result<(), Fault> {
        Fault::catch("compact a partition", || self.data.major_compact())
    }

    /// A time as an offset, at the border where it lies beyond.
    fn offset(&self, at_ms: i64) -> u32 {
        let at_ms = at_ms.clamp(self.id.start_ms(), self.id.end_ms() - 1);
        (at_ms - self.id.start_ms()) as u32
    }

    fn start_of(&self, key: &[u8]) -> i64 {
        let offset = key.get(5..).and_then(|offset| ByteReader(offset).array());
        self.id.start_ms() + i64::from(offset.map(u32::from_be_bytes).unwrap_or_default())
    }
}

fn options() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .data_block_size_policy(BlockSizePolicy::all(BLOCK_BYTES))
        // Series are looked up in the index, which is in memory: what is read is there.
        .filter_policy(FilterPolicy::disabled())
        .expect_point_read_hits(true)
        .max_memtable_size(1 << 20)
        .manual_journal_persist(true)
}

/// A directory whose making was cut off has nothing in it and would be in the way.
fn discard_unfinished(path: &Path) -> Result<(), Fault> {
    let doing = "begin a partition of the history";
    let is_there =
        |path: PathBuf| path.try_exists().map_err(|error| Fault::Passing(Error::io(doing, &error)));
    if !is_there(path.to_owned())? || is_there(path.join("version"))? {
        return Ok(());
    }
    if is_there(path.join("keyspaces").join("1"))? {
        return Err(Fault::Damaged("its version marker is gone".into()));
    }
    std::fs::remove_dir_all(path).map_err(|error| Fault::Passing(Error::io(doing, &error)))
}

/// Reads all keys with a prefix; `None` from `each` is damage.
fn scan(
    doing: &str,
    data: &Keyspace,
    prefix: &[u8],
    mut each: impl FnMut(&[u8], &[u8]) -> Option<()>,
) -> Result<(), Fault> {
    let sound = Fault::catch(doing, || {
        for guard in data.prefix(prefix) {
            let (key, value) = guard.into_inner()?;
            if each(&key, &value).is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    })?;
    if sound { Ok(()) } else { Err(Fault::Damaged("a row of it makes no sense".into())) }
}

fn numbered(kind: u8, number: u32) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend_from_slice(&number.to_be_bytes());
    key
}

fn block_key(id: u32, offset: u32) -> [u8; 9] {
    let mut key = [BLOCK; 9];
    let bytes = id.to_be_bytes().into_iter().chain(offset.to_be_bytes());
    key.iter_mut().skip(1).zip(bytes).for_each(|(place, byte)| *place = byte);
    key
}

fn put_totals(totals: &Totals) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_varint(&mut bytes, totals.samples);
    if let Some((oldest, newest)) = totals.span {
        put_varint(&mut bytes, zigzag(oldest));
        put_varint(&mut bytes, zigzag(newest));
    }
    bytes
}

fn read_totals(bytes: &[u8]) -> Option<Totals> {
    let mut reader = ByteReader(bytes);
    let samples = reader.varint()?;
    let mut span = None;
    if !reader.0.is_empty() {
        span = Some((unzigzag(reader.varint()?), unzigzag(reader.varint()?)));
    }
    Some(Totals { samples, span, series: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_found_by_its_name() {
        for tier in Tier::ALL {
            for at_ms in [0, -1, DAY_MS * 33 + 5, 1_700_000_000_000] {
                let id = PartitionId::of(tier, at_ms);
                assert_eq!(PartitionId::parse(&id.name()), Some(id));
                assert!(id.start_ms() <= at_ms && at_ms < id.end_ms());
                assert!(u32::try_from(id.end_ms() - id.start_ms()).is_ok());
            }
        }
        for name in
            ["raw", "raw-", "raw-x", "5m-1", "2m-8", "raw-99999999999999999999", "lost+found"]
        {
            assert_eq!(PartitionId::parse(name), None, "{name}");
        }
    }

    #[test]
    fn totals_come_back() {
        let mut totals = Totals::default();
        assert_eq!(read_totals(&put_totals(&totals)), Some(totals));
        totals.count(3, -5, 9);
        totals.count(1, 10, 10);
        assert_eq!(totals.span, Some((-5, 10)));
        assert_eq!(read_totals(&put_totals(&totals)), Some(totals));
        assert_eq!(read_totals(&[]), None);
    }
}
