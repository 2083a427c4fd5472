//! Roll-ups: what a series was over a span, in a few numbers that can be put together
//! to those of a longer span without a loss.
//!
//! ```text
//!  sample ─► bucket of its five minutes ─► bucket of its hour
//!              count, least, greatest, sum, last; of a counter: by how much it grew
//! ```
//!
//! A counter grows from sample to sample; where it is less than before it began anew at
//! zero. Growth from the sample before is told in the bucket of the later sample, so
//! that buckets add up. After more than [`LOOK_BACK_MS`] without a sample nobody can say
//! when it grew, or how often it began anew: that growth is in no bucket.

use hostler_core::metrics::series::Sample;

use super::bits::{ByteReader, put_varint};
use super::chunk;
use super::head::is_stale;

/// How far back the sample before may be for growth to be told.
pub(super) const LOOK_BACK_MS: i64 = 3_600_000;

/// What a series was over a span of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Its first millisecond.
    pub start_ms: i64,
    /// How long it is, in milliseconds: samples are of `start_ms` and before
    /// `start_ms + width_ms`.
    pub width_ms: i64,
    /// How many samples it has; none has no bucket.
    pub count: u64,
    /// The least of them.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// Their sum.
    pub sum: f64,
    /// The newest.
    pub last: f64,
    /// By how much a counter grew; `None` for what is no counter.
    pub increase: Option<f64>,
}

impl Bucket {
    /// The mean of its samples.
    pub fn mean(&self) -> f64 {
        self.sum / self.count as f64
    }

    /// Takes in a later one.
    fn add(&mut self, later: &Self) {
        self.count += later.count;
        self.min = self.min.min(later.min);
        self.max = self.max.max(later.max);
        self.sum += later.sum;
        self.last = later.last;
        self.increase = match (self.increase, later.increase) {
            (Some(one), Some(other)) => Some(one + other),
            (one, other) => one.or(other),
        };
    }
}

/// Whether a series of this name counts up, as Prometheus names those that do.
pub(super) fn is_counter(name: &str) -> bool {
    ["_total", "_count", "_sum", "_bucket"].iter().any(|end| name.ends_with(end))
}

/// Samples, oldest first, as buckets of a width. Samples before `from_ms` are in none; growth
/// is told from them on.
pub(super) fn roll(samples: &[Sample], counter: bool, from_ms: i64, width_ms: i64) -> Vec<Bucket> {
    let mut buckets: Vec<Bucket> = Vec::new();
    let mut before: Option<Sample> = None;
    for sample in samples.iter().filter(|sample| !is_stale(sample.value)) {
        let near = before.filter(|before| sample.at_ms - before.at_ms <= LOOK_BACK_MS);
        let grown = near.map_or(0.0, |before| match sample.value >= before.value {
            true => sample.value - before.value,
            false => sample.value,
        });
        before = Some(*sample);
        if sample.at_ms >= from_ms {
            let value = sample.value;
            let one = Bucket {
                start_ms: sample.at_ms - sample.at_ms.rem_euclid(width_ms),
                width_ms,
                count: 1,
                min: value,
                max: value,
                sum: value,
                last: value,
                increase: counter.then_some(grown),
            };
            put(&mut buckets, one);
        }
    }
    buckets
}

/// Buckets, oldest first, as wider ones. One that is wider itself stays as it is.
pub(super) fn widen(buckets: impl IntoIterator<Item = Bucket>, width_ms: i64) -> Vec<Bucket> {
    let mut wide = Vec::new();
    for bucket in buckets {
        let width_ms = width_ms.max(bucket.width_ms);
        let start_ms = bucket.start_ms - bucket.start_ms.rem_euclid(width_ms);
        put(&mut wide, Bucket { start_ms, width_ms, ..bucket });
    }
    wide
}

fn put(buckets: &mut Vec<Bucket>, bucket: Bucket) {
    match buckets.last_mut() {
        Some(last) if last.start_ms == bucket.start_ms && last.width_ms == bucket.width_ms => {
            last.add(&bucket);
        }
        _ => buckets.push(bucket),
    }
}

/// The buckets of a series and a day as bytes: column by column, each a chunk whose times are
/// the buckets' starts.
pub(super) fn encode(day_start_ms: i64, buckets: &[Bucket]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let Some(first) = buckets.first() else { return bytes };
    put_varint(&mut bytes, first.start_ms.wrapping_sub(day_start_ms) as u64);
    let mut column = |value: &dyn Fn(&Bucket) -> f64| {
        let sample = |bucket: &Bucket| Sample { at_ms: bucket.start_ms, value: value(bucket) };
        let samples: Vec<Sample> = buckets.iter().map(sample).collect();
        let chunk = chunk::encode(&samples).unwrap_or_default();
        put_varint(&mut bytes, chunk.len() as u64);
        bytes.extend_from_slice(&chunk);
    };
    column(&|bucket| bucket.count as f64);
    column(&|bucket| bucket.min);
    column(&|bucket| bucket.max);
    column(&|bucket| bucket.sum);
    column(&|bucket| bucket.last);
    if first.increase.is_some() {
        column(&|bucket| bucket.increase.unwrap_or_default());
    }
    bytes
}

/// Undoes [`encode`]; `None` for what it did not write.
pub(super) fn decode(day_start_ms: i64, width_ms: i64, bytes: &[u8]) -> Option<Vec<Bucket>> {
    let mut reader = ByteReader(bytes);
    let start_ms = day_start_ms.wrapping_add(reader.varint()? as i64);
    let mut column = || chunk::decode(start_ms, reader.sized()?).ok();
    let (count, min, max, sum, last) = (column()?, column()?, column()?, column()?, column()?);
    let increase = if reader.0.is_empty() { None } else { Some(column_of(start_ms, reader)?) };
    let columns = [&min, &max, &sum, &last];
    let lengths = columns.into_iter().chain(increase.iter()).map(Vec::len);
    if lengths.into_iter().any(|length| length != count.len()) {
        return None;
    }
    let bucket = |place: usize| {
        let value = |column: &[Sample]| column.get(place).map(|sample| sample.value);
        Some(Bucket {
            start_ms: count.get(place)?.at_ms,
            width_ms,
            count: value(&count)? as u64,
            min: value(&min)?,
            max: value(&max)?,
            sum: value(&sum)?,
            last: value(&last)?,
            increase: increase.as_deref().and_then(value),
        })
    };
    (0..count.len()).map(bucket).collect()
}

fn column_of(start_ms: i64, mut reader: ByteReader<'_>) -> Option<Vec<Sample>> {
    chunk::decode(start_ms, reader.sized()?).ok()
}

#[cfg(test)]
mod tests;
