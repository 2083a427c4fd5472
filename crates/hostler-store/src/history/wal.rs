//! The write-ahead log: what was measured and is in no partition yet. One row for
//! each pass, in files that are deleted once a checkpoint has put their samples into
//! partitions.
//!
//! ```text
//!  file:  HWAL0001  row  row  row …
//!  row:   mark 4 │ length u32 │ crc u32 │ number u64 │ payload
//!  payload: series that this file has not named yet: count, (ref, key)…
//!           samples: base time, count, (ref change, time − base, bits 8)…
//! ```
//!
//! Rows are numbered, so that a row that is damaged or missing is noticed, and begin
//! with a mark, so that reading goes on behind damage. A file explains itself: its
//! refs mean nothing in another.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hostler_core::metrics::series::{Sample, SeriesKey};

use super::bits::{ByteReader, put_text, put_varint, unzigzag, zigzag};
use super::error::{Error, Result};

const MAGIC: &[u8; 8] = b"HWAL0001";
/// The length of a file that has no row.
pub(super) const EMPTY_BYTES: u64 = MAGIC.len() as u64;
const MARK: [u8; 4] = [0xc5, 0x48, 0x72, 0x9d];
/// What stands before a row's payload, in bytes.
pub(super) const HEADER: usize = 20;
/// The longest payload of a row, in bytes.
pub(super) const ROW_MAX: usize = 16 << 20;

/// The file that is being written.
#[derive(Debug)]
pub(super) struct Segment {
    number: u64,
    path: PathBuf,
    /// `None` where the disk had no room to begin it.
    file: Option<Arc<File>>,
    bytes: u64,
    /// Whether something is written that the disk has not confirmed.
    unsynced: bool,
    /// Whether a write failed in a way that could not be undone.
    broken: bool,
}

/// A row to be written.
#[derive(Debug, Default)]
pub(super) struct Row {
    series: Vec<u8>,
    series_count: u64,
    samples: Vec<u8>,
    samples_count: u64,
    base_ms: Option<i64>,
    last_ref: i64,
}

impl Row {
    /// Names a series that the file does not know yet.
    pub(super) fn name(&mut self, reference: u32, key: &SeriesKey) {
        put_varint(&mut self.series, u64::from(reference));
        put_key(&mut self.series, key);
        self.series_count += 1;
    }

    pub(super) fn sample(&mut self, reference: u32, sample: Sample) {
        let base_ms = *self.base_ms.get_or_insert(sample.at_ms);
        let reference = i64::from(reference);
        put_varint(&mut self.samples, zigzag(reference - self.last_ref));
        put_varint(&mut self.samples, zigzag(sample.at_ms.wrapping_sub(base_ms)));
        self.samples.extend_from_slice(&sample.value.to_bits().to_le_bytes());
        self.last_ref = reference;
        self.samples_count += 1;
    }

    pub(super) const fn len(&self) -> usize {
        self.series.len() + self.samples.len() + 40
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.samples_count == 0
    }

    fn bytes(&self, number: u64) -> Vec<u8> {
        let mut payload = Vec::with_capacity(self.len());
        put_varint(&mut payload, self.series_count);
        payload.extend_from_slice(&self.series);
        put_varint(&mut payload, zigzag(self.base_ms.unwrap_or_default()));
        put_varint(&mut payload, self.samples_count);
        payload.extend_from_slice(&self.samples);
        let mut bytes = Vec::with_capacity(HEADER + payload.len());
        bytes.extend_from_slice(&MARK);
        bytes.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&crc(number, &payload).to_le_bytes());
        bytes.extend_from_slice(&number.to_le_bytes());
        bytes.extend_from_slice(&payload);
        bytes
    }
}

/// Appends a key: its name, how many labels, and the labels.
pub(super) fn put_key(bytes: &mut Vec<u8>, key: &SeriesKey) {
    put_text(bytes, key.name());
    put_varint(bytes, key.labels().len() as u64);
    for (label, value) in key.labels() {
        put_text(bytes, label);
        put_text(bytes, value);
    }
}

/// Reads what [`put_key`] appended.
pub(super) fn read_key(reader: &mut ByteReader<'_>) -> Option<SeriesKey> {
    let name = reader.text()?;
    let count = reader.varint()?;
    let mut labels = Vec::new();
    for _ in 0..count {
        labels.push((reader.text()?, reader.text()?));
    }
    SeriesKey::new(name, labels).ok()
}

impl Segment {
    /// Begins a file; one of this number must not be there.
    pub(super) fn create(directory: &Path, number: u64) -> Result<Self> {
        let path = directory.join(format!("{number:016}.wal"));
        let begin = || {
            let mut file = OpenOptions::new().append(true).create_new(true).open(&path)?;
            file.write_all(MAGIC)?;
            file.sync_all()?;
            File::open(directory)?.sync_all()?;
            Ok(file)
        };
        let file = begin().map_err(|error| {
            // Half a file would be in the way of the next try.
            let _ = std::fs::remove_file(&path);
            Error::io(format_args!("begin {}", path.display()), &error)
        })?;
        let file = Some(Arc::new(file));
        Ok(Self { number, path, file, bytes: EMPTY_BYTES, unsynced: false, broken: false })
    }

    /// A file that could not be begun: it takes nothing, so that another is tried first.
    pub(super) fn none(directory: &Path, number: u64) -> Self {
        let path = directory.join(format!("{number:016}.wal"));
        Self { number, path, file: None, bytes: 0, unsynced: false, broken: true }
    }

    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// As a file that is written no more.
    pub(super) fn found(&self) -> Found {
        Found { number: self.number, path: self.path.clone(), bytes: self.bytes }
    }

    /// Whether it takes no more rows.
    pub(super) const fn is_broken(&self) -> bool {
        self.broken
    }

    /// Writes a row. After an error, nothing of it is there.
    pub(super) fn append(&mut self, number: u64, row: &Row) -> Result<()> {
        let bytes = row.bytes(number);
        let Some(mut file) = self.file.as_deref() else {
            let doing = format!("write {}", self.path.display());
            return Err(Error::Unavailable { doing, why: "it could not be begun".into() });
        };
        if let Err(error) = file.write_all(&bytes) {
            self.broken = file.set_len(self.bytes).is_err();
            return Err(Error::io(format_args!("write {}", self.path.display()), &error));
        }
        self.bytes += bytes.len() as u64;
        self.unsynced = true;
        Ok(())
    }

    /// What was written survives a power cut from here on.
    pub(super) fn sync(&mut self) -> Result<()> {
        match self.to_sync() {
            Some(unsynced) => {
                let done = unsynced.sync();
                self.synced(&unsynced, done)
            }
            None => Ok(()),
        }
    }

    /// What has to be synced, so that it can be done while more is written.
    pub(super) fn to_sync(&self) -> Option<Unsynced> {
        let (number, bytes) = (self.number, self.bytes);
        let file = self.file.clone().filter(|_| self.unsynced)?;
        Some(Unsynced { number, bytes, file })
    }

    /// Notes what came of syncing.
    pub(super) fn synced(&mut self, what: &Unsynced, done: std::io::Result<()>) -> Result<()> {
        let is_this = what.number == self.number;
        if let Err(error) = done {
            // The kernel may have dropped what it could not write: a later success would
            // prove nothing about these rows. They are still in memory for the checkpoint.
            self.broken |= is_this;
            return Err(Error::io(format_args!("sync {}", self.path.display()), &error));
        }
        if is_this && what.bytes == self.bytes {
            self.unsynced = false;
        }
        Ok(())
    }
}

/// Rows that the disk has to confirm.
#[derive(Debug)]
pub(super) struct Unsynced {
    number: u64,
    bytes: u64,
    file: Arc<File>,
}

impl Unsynced {
    pub(super) fn sync(&self) -> std::io::Result<()> {
        self.file.sync_data()
    }
}

/// A file as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
}

/// The files of the log, oldest first.
pub(super) fn segments(directory: &Path) -> Result<Vec<Found>> {
    let doing = || format!("read {}", directory.display());
    let list = std::fs::read_dir(directory).map_err(|error| Error::io(doing(), &error))?;
    let mut found = Vec::new();
    for entry in list {
        let entry = entry.map_err(|error| Error::io(doing(), &error))?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".wal")?.parse().ok());
        if let Some(number) = number {
            let bytes = entry.metadata().map_err(|error| Error::io(doing(), &error))?.len();
            found.push(Found { number, path: entry.path(), bytes });
        }
    }
    found.sort_by_key(|found| found.number);
    Ok(found)
}

/// What reading a file tells.
#[derive(Debug, PartialEq)]
pub(super) enum Read {
    /// A sample, in the order of writing.
    Sample(SeriesKey, Sample),
    /// Bytes in the middle that are no row, or rows that are no longer there.
    Damaged {
        /// How many rows are missing, as far as their numbers tell.
        rows: u64,
        /// How many bytes were skipped.
        bytes: usize,
    },
    /// Bytes at the end that are no row.
    CutOff {
        /// How many.
        bytes: usize,
    },
    /// Samples whose series was named in a row that is lost.
    Nameless(u64),
}

/// Reads a file. Answers the number of the last row, which is `last` if there is none.
pub(super) fn read(
    path: &Path,
    last: Option<u64>,
    tell: &mut dyn FnMut(Read),
) -> Result<Option<u64>> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .map_err(|error| Error::io(format_args!("read {}", path.display()), &error))?;
    Ok(read_bytes(&bytes, last, tell))
}

fn read_bytes(bytes: &[u8], mut last: Option<u64>, tell: &mut dyn FnMut(Read)) -> Option<u64> {
    let mut names = HashMap::new();
    let mut at = if bytes.starts_with(MAGIC) { MAGIC.len() } else { 0 };
    let mut skipped = 0;
    while at < bytes.len() {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some((number, payload)) = row_at(rest).filter(|(number, _)| last < Some(*number))
        else {
            at += 1;
            skipped += 1;
            continue;
        };
        let missing = last.map_or(0, |last| number - last - 1);
        if skipped > 0 || missing > 0 {
            tell(Read::Damaged { rows: missing, bytes: skipped });
            skipped = 0;
        }
        if read_row(payload, &mut names, tell).is_none() {
            tell(Read::Damaged { rows: 1, bytes: 0 });
        }
        last = Some(number);
        at += HEADER + payload.len();
    }
    if skipped > 0 {
        tell(Read::CutOff { bytes: skipped });
    }
    last
}

/// The row that begins here, if one does.
pub(super) fn row_at(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut reader = ByteReader(bytes.strip_prefix(&MARK)?);
    let length = u32::from_le_bytes(reader.array()?) as usize;
    let sum = u32::from_le_bytes(reader.array()?);
    let number = u64::from_le_bytes(reader.array()?);
    let payload = reader.take(length).filter(|_| length <= ROW_MAX)?;
    (crc(number, payload) == sum).then_some((number, payload))
}

/// Reads the payload of a row; `names` are those that its file has named before.
pub(super) fn read_row(
    payload: &[u8],
    names: &mut HashMap<i64, SeriesKey>,
    tell: &mut dyn FnMut(Read),
) -> Option<()> {
    let mut reader = ByteReader(payload);
    for _ in 0..reader.varint()? {
        let reference = i64::try_from(reader.varint()?).ok()?;
        names.insert(reference, read_key(&mut reader)?);
    }
    let base_ms = unzigzag(reader.varint()?);
    let mut reference = 0_i64;
    let mut nameless = 0;
    for _ in 0..reader.varint()? {
        reference = reference.wrapping_add(unzigzag(reader.varint()?));
        let at_ms = base_ms.wrapping_add(unzigzag(reader.varint()?));
        let value = f64::from_bits(u64::from_le_bytes(reader.array()?));
        match names.get(&reference) {
            Some(key) => tell(Read::Sample(key.clone(), Sample { at_ms, value })),
            None => nameless += 1,
        }
    }
    if nameless > 0 {
        tell(Read::Nameless(nameless));
    }
    Some(())
}

/// CRC-32 as of zip and Ethernet, over the number and the payload.
pub(super) fn crc(number: u64, payload: &[u8]) -> u32 {
    let bytes = number.to_le_bytes();
    let sum = bytes.iter().chain(payload).fold(u32::MAX, |sum, byte| {
        let place = (sum ^ u32::from(*byte)) & 0xff;
        CRC_TABLE.get(place as usize).copied().unwrap_or_default() ^ (sum >> 8)
    });
    !sum
}

const CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let mut value = at as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { 0xedb8_8320 ^ (value >> 1) } else { value >> 1 };
            bit += 1;
        }
        table[at] = value;
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests;
