//! Questions over long times: answered in buckets, from the coarsest samples that are
//! fine enough and are there.
//!
//! ```text
//!  step     from the tier   a day that is not rolled up yet   a day whose raw samples are gone
//!  < 5 min  raw                                               5m buckets, or 1h, as wide as they are
//!  < 1 h    5m              rolled up as it is read           1h buckets, if those are left
//!  ≥ 1 h    1h              rolled up as it is read
//! ```

use std::collections::BTreeMap;

use hostler_core::metrics::series::{Matcher, SeriesKey};

use super::Archive;
use super::error::Result;
use super::partition::{DAY_MS, PartitionId, Tier};
use super::roll::{self, Bucket, LOOK_BACK_MS};
use super::select::Limits;

/// The widths of the roll-ups.
pub(super) const FIVE_MINUTES_MS: i64 = 300_000;
pub(super) const HOUR_MS: i64 = 3_600_000;

impl Tier {
    /// How long a bucket of it is.
    pub(super) const fn width_ms(self) -> i64 {
        match self {
            Self::Raw => 1,
            Self::FiveMinutes => FIVE_MINUTES_MS,
            Self::Hour => HOUR_MS,
        }
    }

    /// The coarsest that is fine enough for a step.
    const fn for_step(step_ms: i64) -> Self {
        match step_ms {
            HOUR_MS.. => Self::Hour,
            FIVE_MINUTES_MS.. => Self::FiveMinutes,
            _ => Self::Raw,
        }
    }
}

/// An answer in buckets.
#[derive(Debug, Clone, PartialEq)]
pub struct Rolled {
    /// The step as it was used: a multiple of what the tier has, no longer than was asked for.
    pub step_ms: i64,
    /// The tier that the step is answered from.
    pub tier: Tier,
    /// The series, sorted by key.
    pub series: Vec<RolledSeries>,
}

/// A series in buckets.
#[derive(Debug, Clone, PartialEq)]
pub struct RolledSeries {
    /// Which.
    pub key: SeriesKey,
    /// Its buckets, oldest first; none where there were no samples. A bucket is wider than
    /// the step where only coarser ones are left.
    pub buckets: Vec<Bucket>,
}

impl Archive {
    /// What the series that fit were, in buckets of a step that begin in `[from_ms, to_ms]`;
    /// buckets begin at multiples of the step since 1970.
    ///
    /// # Errors
    /// `TooMuch` beyond the limits; otherwise when the file system fails.
    pub fn select_rolled(
        &self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
        step_ms: i64,
        limits: Limits,
    ) -> Result<Rolled> {
        let step_ms = step_ms.max(1);
        let tier = Tier::for_step(step_ms);
        let step_ms = step_ms - step_ms % tier.width_ms();
        let mut all: BTreeMap<SeriesKey, Vec<Bucket>> = BTreeMap::new();
        let mut count = 0;
        for (source, from, to) in self.spans(tier, from_ms, to_ms, step_ms)? {
            let gathered = self.gather(source, matchers, from.saturating_sub(LOOK_BACK_MS), to)?;
            for key in gathered.keys() {
                let buckets = if source == Tier::Raw {
                    let back = from.saturating_sub(LOOK_BACK_MS);
                    let samples = self.samples(&gathered, key, back, to)?;
                    roll::roll(&samples, roll::is_counter(key.name()), from, step_ms)
                } else {
                    self.buckets(source, &gathered, key, from, to)?
                };
                if buckets.is_empty() {
                    continue;
                }
                let so_far = all.entry(key.clone()).or_default();
                count -= so_far.len();
                so_far.extend(buckets);
                // A step may be longer than a day: its buckets are put together of several.
                *so_far = roll::widen(std::mem::take(so_far), step_ms);
                count += so_far.len();
                limits.check_samples(count)?;
                limits.check_series(all.len())?;
            }
        }
        let series = all.into_iter().map(|(key, buckets)| RolledSeries { key, buckets });
        Ok(Rolled { step_ms, tier, series: series.collect() })
    }

    /// From when on all of `[from_ms, to_ms]` that was kept is there as it was measured;
    /// `from_ms` where all of it is. Of days before that only roll-ups are left.
    ///
    /// # Errors
    /// When the file system fails.
    pub fn measured_from(&self, from_ms: i64, to_ms: i64) -> Result<i64> {
        let Some((first, last)) = self.days(from_ms, to_ms) else { return Ok(from_ms) };
        let mut rolled = RolledDays::default();
        for day in (first..=last).rev() {
            if self.source(Tier::Raw, day, &mut rolled)? != Tier::Raw {
                return Ok(from_ms.max((day + 1) * DAY_MS));
            }
        }
        Ok(from_ms)
    }

    /// The buckets of a series that a tier has.
    fn buckets(
        &self,
        tier: Tier,
        gathered: &super::select::Gathered,
        key: &SeriesKey,
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<Bucket>> {
        let mut buckets = Vec::new();
        let within = |bucket: &Bucket| (from_ms..=to_ms).contains(&bucket.start_ms);
        // A block is a day: the first begins before the span.
        let day_ms = from_ms - from_ms.rem_euclid(DAY_MS);
        self.blocks(gathered, key, day_ms, to_ms, &mut |start_ms, bytes| {
            let day = roll::decode(start_ms, tier.width_ms(), bytes);
            buckets.extend(day.ok_or("these bytes are no roll-up")?.into_iter().filter(within));
            Ok(())
        })?;
        Ok(buckets)
    }

    /// Which tier answers for which span, day by day, days of one tier put together.
    fn spans(
        &self,
        tier: Tier,
        from_ms: i64,
        to_ms: i64,
        step_ms: i64,
    ) -> Result<Vec<(Tier, i64, i64)>> {
        let mut spans: Vec<(Tier, i64, i64)> = Vec::new();
        // The first bucket begins at a multiple of the step.
        let from_ms = match from_ms.rem_euclid(step_ms) {
            0 => from_ms,
            over => from_ms.saturating_add(step_ms - over),
        };
        // Buckets that begin by `to_ms` are told as a whole.
        let to_ms = to_ms - to_ms.rem_euclid(step_ms);
        let to_ms = to_ms.saturating_add(step_ms - 1);
        let Some((first, last)) = self.days(from_ms, to_ms) else { return Ok(spans) };
        let mut rolled = RolledDays::default();
        for day in first..=last {
            let from = from_ms.max(day * DAY_MS);
            let to = to_ms.min((day + 1) * DAY_MS - 1);
            let source = self.source(tier, day, &mut rolled)?;
            match spans.last_mut() {
                Some((last, _, end)) if *last == source => *end = to,
                _ => spans.push((source, from, to)),
            }
        }
        Ok(spans)
    }

    /// The first and the last day of a span on which anything may be.
    fn days(&self, from_ms: i64, to_ms: i64) -> Option<(i64, i64)> {
        let ids = Tier::ALL.into_iter().flat_map(|tier| self.inner.partitions.ids(tier));
        let spans = ids.map(|id| (id.start_ms(), id.end_ms() - 1));
        let head = self.head();
        let unpersisted = head.oldest_unpersisted_ms().zip(head.newest_ms);
        drop(head);
        let (oldest, newest) = spans
            .chain(unpersisted)
            .reduce(|(from, to), (start, end)| (from.min(start), to.max(end)))?;
        let (from, to) = (from_ms.max(oldest), to_ms.min(newest));
        (from <= to).then(|| (from.div_euclid(DAY_MS), to.div_euclid(DAY_MS)))
    }

    /// The tier that answers for a day.
    fn source(&self, tier: Tier, day: i64, rolled: &mut RolledDays) -> Result<Tier> {
        let raw = PartitionId::of(Tier::Raw, day * DAY_MS);
        let raw_is_there = self.inner.partitions.ids(Tier::Raw).contains(&raw);
        let candidates = match tier {
            Tier::Raw if raw_is_there => return Ok(Tier::Raw),
            Tier::Raw | Tier::FiveMinutes => [Tier::FiveMinutes, Tier::Hour].as_slice(),
            Tier::Hour => [Tier::Hour, Tier::FiveMinutes].as_slice(),
        };
        for candidate in candidates {
            // Coarser than was asked for only where nothing finer is left.
            if raw_is_there && *candidate > tier {
                continue;
            }
            if self.is_rolled(*candidate, day, rolled)? {
                return Ok(*candidate);
            }
        }
        Ok(Tier::Raw)
    }

    fn is_rolled(&self, tier: Tier, day: i64, known: &mut RolledDays) -> Result<bool> {
        let id = PartitionId::of(tier, day * DAY_MS);
        if let Some(days) = known.get(&id) {
            return Ok(days.contains(&day));
        }
        let days = match self.inner.partitions.get(id)?.map(|partition| partition.rolled_days()) {
            Some(Ok(days)) => days,
            Some(Err(fault)) => {
                self.told(id, fault)?;
                Vec::new()
            }
            None => Vec::new(),
        };
        Ok(known.entry(id).or_insert(days).contains(&day))
    }

    /// Whether both roll-ups of a day are there.
    pub(super) fn is_rolled_up(&self, day: i64) -> Result<bool> {
        let mut known = RolledDays::default();
        let minutes = self.is_rolled(Tier::FiveMinutes, day, &mut known)?;
        Ok(minutes && self.is_rolled(Tier::Hour, day, &mut known)?)
    }
}

type RolledDays = BTreeMap<PartitionId, Vec<i64>>;
