//! Questions over long times, answered from roll-ups: which may be, and what they are to
//! a query. What is answered so is told.
//!
//! ```text
//!   step ≥ an hour, 5 minutes, and   times and ranges are its multiples ──► buckets, exactly
//!                                    else, ranges are 12 times as long  ──► buckets, shifted by
//!                                                                           half of one at most
//!   otherwise ──► samples, where they are left; before that buckets as wide as they are
//! ```
//!
//! Two things are not exact even then: a sample on the very end of a window is in the next
//! bucket, and growth is what there was and not what would have been up to the edges of
//! the window, which is where Prometheus guesses. See ADR 14.

use std::collections::BTreeMap;

use hostler_core::metrics::series::{Matcher, Sample, SeriesData, SeriesKey};
use hostler_promql::{Coarse, Face, Fetched, Purpose};
use hostler_store::history::{Archive, Bucket, Limits, Result};

const MINUTE_MS: i64 = 60_000;
/// The widths of buckets, widest first.
const WIDTHS_MS: [i64; 2] = [60 * MINUTE_MS, 5 * MINUTE_MS];
/// Where windows do not begin with buckets, they have to be so many times as long.
const UNALIGNED: i64 = 12;

/// What was not answered from samples as they were measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// The widest bucket that was used.
    pub(super) width_ms: Option<i64>,
    /// Before this, samples are gone, and buckets were used for want of them.
    pub(super) gone_before_ms: Option<i64>,
    /// Before this, samples are gone, and nothing else would do.
    pub(super) empty_before_ms: Option<i64>,
}

impl Told {
    fn used(&mut self, width_ms: i64) {
        self.width_ms = self.width_ms.max(Some(width_ms));
    }
}

/// The widest buckets that are good enough for it.
fn width(purpose: &Purpose) -> Option<i64> {
    if purpose.steps < 2 || matches!(purpose.face, Face::Samples | Face::Trend) {
        return None;
    }
    let span = if purpose.range_ms > 0 { purpose.range_ms } else { purpose.step_ms };
    let fits = |width: &i64| {
        let is_aligned = [purpose.first_ms, purpose.step_ms, purpose.range_ms]
            .iter()
            .all(|time| time.rem_euclid(*width) == 0);
        let long = if is_aligned { *width } else { *width * UNALIGNED };
        purpose.step_ms >= *width && span >= long
    };
    WIDTHS_MS.into_iter().find(fits)
}

/// Answers a selector.
pub(super) fn fetch(
    archive: &Archive,
    matchers: &[Matcher],
    (from_ms, to_ms): (i64, i64),
    purpose: &Purpose,
    limits: Limits,
    told: &mut Told,
) -> Result<Fetched> {
    if let Some(width_ms) = width(purpose) {
        // The bucket that the first window begins in counts where its middle is within.
        let rolled =
            archive.select_rolled(matchers, from_ms - width_ms, to_ms, width_ms, limits)?;
        let all = rolled.series.into_iter().map(|it| (it.key, it.buckets));
        return Ok(summed(all, purpose.face, to_ms, Vec::new(), told));
    }
    let since_ms = archive.measured_from(from_ms, to_ms)?;
    if since_ms <= from_ms {
        return Ok(archive.select(matchers, from_ms, to_ms, limits)?.into());
    }
    let measured = archive.select(matchers, since_ms, to_ms, limits)?;
    if purpose.face == Face::Samples {
        told.empty_before_ms = told.empty_before_ms.max(Some(since_ms));
        return Ok(measured.into());
    }
    told.gone_before_ms = told.gone_before_ms.max(Some(since_ms));
    let until_ms = to_ms.min(since_ms - 1);
    let back_ms = WIDTHS_MS.into_iter().max().unwrap_or_default();
    let rolled = archive.select_rolled(matchers, from_ms - back_ms, until_ms, 1, limits)?;
    let all = rolled.series.into_iter().map(|it| (it.key, it.buckets));
    Ok(summed(all, purpose.face, until_ms, measured, told))
}

/// Buckets, and what was measured after them, as samples.
fn summed(
    rolled: impl Iterator<Item = (SeriesKey, Vec<Bucket>)>,
    face: Face,
    until_ms: i64,
    measured: Vec<SeriesData>,
    told: &mut Told,
) -> Fetched {
    let mut all: BTreeMap<SeriesKey, (Vec<Sample>, Vec<f64>)> = BTreeMap::new();
    let mut width_ms = 0;
    for (key, buckets) in rolled {
        width_ms = buckets.iter().map(|bucket| bucket.width_ms).fold(width_ms, i64::max);
        let pairs = faces(face, &buckets, until_ms);
        all.insert(key, pairs.into_iter().unzip());
    }
    for series in measured {
        let (samples, weights) = all.entry(series.key).or_default();
        weights.extend(series.samples.iter().map(|_| 1.0));
        samples.extend(series.samples);
    }
    let coarse = (width_ms > 0).then_some(Coarse { until_ms, width_ms });
    coarse.iter().for_each(|coarse| told.used(coarse.width_ms));
    let (mut series, mut weights) = (Vec::new(), Vec::new());
    for (key, (samples, weighing)) in all {
        series.push(SeriesData { key, samples });
        // Only a mean asks for how much each weighs.
        weights.push(if face == Face::Mean { weighing } else { Vec::new() });
    }
    Fetched { series, weights, coarse }
}

/// What buckets are to a query, each sample with its weight; none is after `until_ms`.
fn faces(face: Face, buckets: &[Bucket], until_ms: i64) -> Vec<(Sample, f64)> {
    // What one that is cut ends with, or how much of its growth was before, nobody knows.
    let whole = buckets.partition_point(|it| it.start_ms + it.width_ms <= until_ms + 1);
    let whole = buckets.get(..whole).unwrap_or_default();
    let middle = |bucket: &Bucket| bucket.start_ms + bucket.width_ms / 2;
    let end = |bucket: &Bucket| (bucket.start_ms + bucket.width_ms).min(until_ms);
    let of = |at_ms: i64, value: f64, weight: u64| (Sample { at_ms, value }, weight as f64);
    let each =
        |made: &dyn Fn(&Bucket) -> (Sample, f64)| -> Vec<_> { buckets.iter().map(made).collect() };
    let last = |it: &Bucket| of(end(it) - 1, it.last, 1);
    match face {
        // Just before its end, since it is no value of what begins there.
        Face::Newest | Face::Trend => whole.iter().map(last).collect(),
        Face::Least => each(&|it| of(middle(it), it.min, 1)),
        Face::Greatest => each(&|it| of(middle(it), it.max, 1)),
        Face::Sum => each(&|it| of(middle(it), it.sum, 1)),
        Face::Mean => each(&|it| of(middle(it), it.mean(), it.count)),
        Face::Growth => growth(whole, until_ms).into_iter().map(|it| (it, 1.0)).collect(),
        Face::Samples => Vec::new(),
    }
}

/// A counter that grew as much in each bucket, and ends where it was: what was measured
/// afterwards goes on from there. Nothing for what is no counter.
fn growth(buckets: &[Bucket], until_ms: i64) -> Vec<Sample> {
    let grown: Option<Vec<f64>> = buckets.iter().map(|bucket| bucket.increase).collect();
    let (Some(grown), Some(last)) = (grown, buckets.last()) else { return Vec::new() };
    let mut value = last.last - grown.iter().sum::<f64>();
    let mut samples: Vec<Sample> = Vec::with_capacity(buckets.len() + 1);
    for (bucket, grown) in buckets.iter().zip(grown) {
        // After a gap nothing is known of it: what grew, grew within the bucket.
        if samples.last().is_none_or(|last| last.at_ms < bucket.start_ms) {
            samples.push(Sample { at_ms: bucket.start_ms, value });
        }
        value += grown;
        let at_ms = (bucket.start_ms + bucket.width_ms).min(until_ms);
        if samples.last().is_none_or(|last| last.at_ms < at_ms) {
            samples.push(Sample { at_ms, value });
        }
    }
    samples
}

#[cfg(test)]
mod tests;
