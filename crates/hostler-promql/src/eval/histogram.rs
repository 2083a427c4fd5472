//! Quantiles of classic histograms: series that count what was at most `le`.

use std::collections::HashMap;

use super::row::{Collect, Row};
use crate::fault::Result;
use crate::labels::{LabelSet, NAME};
use crate::limits::Meter;

const BOUND: &str = "le";

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// The most that is counted here.
    bound: f64,
    count: f64,
}

/// The quantile of each histogram at each step. A series without a bound is no bucket and left
/// out.
pub(super) fn quantiles(share: &[f64], rows: &[Row], meter: &mut Meter<'_>) -> Result<Vec<Row>> {
    let mut histograms: Vec<(LabelSet, Vec<(f64, &Row)>)> = Vec::new();
    let mut place: HashMap<LabelSet, usize> = HashMap::new();
    for row in rows {
        let Ok(bound) = row.labels.get(BOUND).parse::<f64>() else { continue };
        // By its name, too: two histograms do not mix, even though the result is nameless.
        let labels = row.labels.kept(|name| name != BOUND);
        let at = *place.entry(labels.clone()).or_insert(histograms.len());
        match histograms.get_mut(at) {
            Some((_, buckets)) => buckets.push((bound, row)),
            None => histograms.push((labels, vec![(bound, row)])),
        }
    }
    let mut collect = Collect::new(share.len());
    for (labels, mut buckets) in histograms {
        buckets.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        let slot = collect.slot(meter, labels.kept(|name| name != NAME))?;
        for (step, share) in share.iter().enumerate() {
            meter.work(buckets.len())?;
            let there = buckets.iter().filter_map(|(bound, row)| {
                row.at(step).map(|count| Bucket { bound: *bound, count })
            });
            let there: Vec<Bucket> = there.collect();
            if !there.is_empty() {
                collect.put(slot, step, quantile(*share, there))?;
            }
        }
    }
    Ok(collect.rows())
}

/// Of buckets sorted by bound.
fn quantile(share: f64, buckets: Vec<Bucket>) -> f64 {
    if share.is_nan() {
        return f64::NAN;
    }
    if share < 0.0 {
        return f64::NEG_INFINITY;
    }
    if share > 1.0 {
        return f64::INFINITY;
    }
    let buckets = mended(buckets);
    let [.., below, last] = buckets.as_slice() else { return f64::NAN };
    if last.bound != f64::INFINITY || last.count == 0.0 {
        return f64::NAN;
    }
    let rank = share * last.count;
    let found = buckets.iter().position(|bucket| bucket.count >= rank);
    let Some(at) = found.filter(|at| at + 1 < buckets.len()) else {
        // Above the last bound that is a number: that bound is all that can be said.
        return below.bound;
    };
    let Some(bucket) = buckets.get(at) else { return f64::NAN };
    let before = at.checked_sub(1).and_then(|at| buckets.get(at));
    match before {
        None if bucket.bound <= 0.0 => bucket.bound,
        // Below the first bound everything is taken to be above zero.
        None => bucket.bound * (rank / bucket.count),
        Some(before) => {
            let share = (rank - before.count) / (bucket.count - before.count);
            before.bound + (bucket.bound - before.bound) * share
        }
    }
}

/// Buckets of one bound made one, and none smaller than the one before: a scrape is not of one
/// moment, nor is a rate.
fn mended(buckets: Vec<Bucket>) -> Vec<Bucket> {
    let mut mended: Vec<Bucket> = Vec::with_capacity(buckets.len());
    for bucket in buckets {
        match mended.last_mut() {
            Some(last) if last.bound == bucket.bound => last.count += bucket.count,
            _ => mended.push(bucket),
        }
    }
    let mut buckets = mended.iter_mut();
    let mut most = buckets.next().map_or(f64::NAN, |first| first.count);
    for bucket in buckets {
        if bucket.count < most {
            bucket.count = most;
        } else if bucket.count > most {
            most = bucket.count;
        }
    }
    mended
}
