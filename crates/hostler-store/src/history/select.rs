//! Questions: which series there are, and what they were. What is in memory and what
//! is in partitions is one answer.
//!
//! The head is looked at before the partitions: a checkpoint in between then shows
//! samples twice, which is seen by their times, rather than never.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hostler_core::metrics::series::{Matcher, Sample, SeriesData, SeriesKey};

use super::Archive;
use super::chunk;
use super::error::{Error, Result};
use super::partition::{Partition, Tier};

/// How much of an answer a question may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most series.
    pub series: usize,
    /// The most samples, or buckets, of all series together.
    pub samples: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { series: 10_000, samples: 5_000_000 }
    }
}

impl Limits {
    pub(super) fn check_series(self, series: usize) -> Result<()> {
        if series <= self.series {
            return Ok(());
        }
        let remedy = "name more labels, or ask for a part of it";
        Err(Error::TooMuch { what: "series", limit: self.series, remedy })
    }

    pub(super) fn check_samples(self, samples: usize) -> Result<()> {
        if samples <= self.samples {
            return Ok(());
        }
        let remedy = "ask for a shorter time, a longer step, or fewer series";
        Err(Error::TooMuch { what: "samples", limit: self.samples, remedy })
    }
}

/// Where the samples of a series are.
#[derive(Debug, Default)]
struct Places {
    /// Partitions, by their place in [`Gathered`], and the series' id in each.
    partitions: Vec<(usize, u32)>,
    head: Vec<(i64, Arc<[u8]>)>,
}

/// Takes a block and its start, or says why it makes no sense.
type Each<'a> = &'a mut dyn FnMut(i64, &[u8]) -> Result<(), String>;

/// The series that fit, and where their samples are.
pub(super) struct Gathered {
    partitions: Vec<Arc<Partition>>,
    series: BTreeMap<SeriesKey, Places>,
}

impl Gathered {
    pub(super) fn keys(&self) -> impl Iterator<Item = &SeriesKey> {
        self.series.keys()
    }
}

impl Archive {
    /// The samples of `[from_ms, to_ms]` of all series that fit all matchers, as they were
    /// measured, with the marks of their ends (see [`is_stale`](super::is_stale)). Series
    /// without samples in that time are not in the answer, which is sorted by key.
    ///
    /// # Errors
    /// `TooMuch` beyond the limits; otherwise when the file system fails.
    pub fn select(
        &self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
        limits: Limits,
    ) -> Result<Vec<SeriesData>> {
        let gathered = self.gather(Tier::Raw, matchers, from_ms, to_ms)?;
        let mut answer = Vec::new();
        let mut count = 0;
        for key in gathered.keys() {
            let samples = self.samples(&gathered, key, from_ms, to_ms)?;
            if samples.is_empty() {
                continue;
            }
            count += samples.len();
            limits.check_samples(count)?;
            limits.check_series(answer.len() + 1)?;
            answer.push(SeriesData { key: key.clone(), samples });
        }
        Ok(answer)
    }

    /// The series that fit and were measured on a day that `[from_ms, to_ms]` touches, sorted;
    /// of days of which only roll-ups are left, on a few days around.
    ///
    /// # Errors
    /// `TooMuch` for more than `limit`; otherwise when the file system fails.
    pub fn series(
        &self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
        limit: usize,
    ) -> Result<Vec<SeriesKey>> {
        let mut found = BTreeSet::new();
        let limits = Limits { series: limit, samples: 0 };
        for tier in Tier::ALL {
            for key in self.gather(tier, matchers, from_ms, to_ms)?.series.into_keys() {
                found.insert(key);
                limits.check_series(found.len())?;
            }
        }
        Ok(found.into_iter().collect())
    }

    /// The names of the labels that these series have, `__name__` among them, sorted.
    ///
    /// # Errors
    /// As [`Archive::series`]; `limit` is of series that are looked at.
    pub fn label_names(
        &self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
        limit: usize,
    ) -> Result<Vec<String>> {
        let mut names = BTreeSet::new();
        for key in self.series(matchers, from_ms, to_ms, limit)? {
            names.insert("__name__".to_owned());
            names.extend(key.labels().iter().map(|(name, _)| name.to_string()));
        }
        Ok(names.into_iter().collect())
    }

    /// The values that a label has with these series, sorted.
    ///
    /// # Errors
    /// As [`Archive::series`]; `limit` is of series that are looked at.
    pub fn label_values(
        &self,
        label: &str,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
        limit: usize,
    ) -> Result<Vec<String>> {
        let series = self.series(matchers, from_ms, to_ms, limit)?;
        let values: BTreeSet<&str> = series.iter().map(|key| key.label(label)).collect();
        Ok(values.into_iter().filter(|value| !value.is_empty()).map(String::from).collect())
    }

    /// Finds the series of a tier that fit, and holds the partitions they are in open. The head
    /// is of the raw tier.
    pub(super) fn gather(
        &self,
        tier: Tier,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Gathered> {
        let mut series: BTreeMap<SeriesKey, Places> = BTreeMap::new();
        if tier == Tier::Raw {
            let head = self.head();
            for id in head.index.fitting(matchers) {
                let Some(found) = head.series.get(id as usize) else { continue };
                let chunks = found.chunks(from_ms, to_ms);
                if !chunks.is_empty() {
                    series.entry(found.key.clone()).or_default().head = chunks;
                }
            }
        }
        let partitions = self.inner.partitions.within(tier, from_ms, to_ms)?;
        for (place, partition) in partitions.iter().enumerate() {
            let index = partition.index();
            for id in index.fitting(matchers) {
                let Some(key) = index.key(id) else { continue };
                series.entry(key.clone()).or_default().partitions.push((place, id));
            }
        }
        Ok(Gathered { partitions, series })
    }

    /// The samples of a series that was gathered.
    pub(super) fn samples(
        &self,
        gathered: &Gathered,
        key: &SeriesKey,
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<Sample>> {
        let mut samples = Vec::new();
        let mut take = |start_ms: i64, bytes: &[u8]| -> Result<(), chunk::NoChunk> {
            if chunk::peek(start_ms, bytes)?.end_ms >= from_ms {
                let decoded = chunk::decode(start_ms, bytes)?;
                let within = |sample: &Sample| (from_ms..=to_ms).contains(&sample.at_ms);
                samples.extend(decoded.into_iter().filter(within));
            }
            Ok(())
        };
        self.blocks(gathered, key, from_ms, to_ms, &mut |start_ms, bytes| {
            take(start_ms, bytes).map_err(|no| no.to_string())
        })?;
        for (start_ms, bytes) in gathered.series.get(key).iter().flat_map(|places| &places.head) {
            // It was made in memory.
            let _ = take(*start_ms, bytes);
        }
        if samples.windows(2).any(|pair| matches!(pair, [a, b] if a.at_ms >= b.at_ms)) {
            samples.sort_by_key(|sample: &Sample| sample.at_ms);
            samples.dedup_by_key(|sample| sample.at_ms);
        }
        Ok(samples)
    }

    /// The blocks of a series that was gathered, partition by partition. What cannot be read
    /// is told and left out.
    pub(super) fn blocks(
        &self,
        gathered: &Gathered,
        key: &SeriesKey,
        from_ms: i64,
        to_ms: i64,
        each: Each<'_>,
    ) -> Result<()> {
        for (place, id) in gathered.series.get(key).iter().flat_map(|places| &places.partitions) {
            let Some(partition) = gathered.partitions.get(*place) else { continue };
            match partition.blocks(*id, from_ms, to_ms) {
                Ok(blocks) => {
                    for (start_ms, bytes) in blocks {
                        if let Err(why) = each(start_ms, &bytes) {
                            self.inner.partitions.tell_damaged_chunk(partition.id, &why);
                        }
                    }
                }
                Err(fault) => self.told(partition.id, fault)?,
            }
        }
        Ok(())
    }
}
