//! Whether there was anything to compute an alert with: which series a query
//! found, and whether they are still being measured.
//!
//! A series counts as seen while its newest sample is not older than three times
//! the distance to the one before, and a minute in any case. When measuring stops,
//! a rate over five minutes sinks long before it is gone, since it is of fewer and
//! fewer samples: that it sank is then no news of what is measured. And a sample
//! alone says nothing yet: rates need two.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use hostler_core::alert::LabelSet;
use hostler_core::metrics::series::{Matcher, Sample, SeriesData, SeriesKey};
use hostler_promql::{Source, SourceError};
use hostler_store::history::is_stale;

/// So old may a newest sample be in any case, in milliseconds.
const FRESH_MS: i64 = 60_000;
/// And so many times as old as it is from the one before.
const FRESH_GAPS: i64 = 3;

/// A source that remembers what it gave.
pub(super) struct Watched<S> {
    inner: S,
    seen: RefCell<Vec<SeriesKey>>,
}

impl<S> Watched<S> {
    pub(super) fn over(inner: S) -> Self {
        Self { inner, seen: RefCell::default() }
    }

    pub(super) fn into_seen(self) -> Seen {
        let mut series = self.seen.into_inner();
        series.sort_unstable();
        series.dedup();
        Seen { series, shown: RefCell::default() }
    }
}

impl<S: Source> Source for Watched<S> {
    fn select(
        &self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<SeriesData>, SourceError> {
        let found = self.inner.select(matchers, from_ms, to_ms)?;
        let fresh = found.iter().filter(|series| is_fresh(&series.samples, to_ms));
        self.seen.borrow_mut().extend(fresh.map(|series| series.key.clone()));
        Ok(found)
    }
}

fn is_fresh(samples: &[Sample], to_ms: i64) -> bool {
    // What is more recent than what was asked for does no harm, and says nothing.
    let end = samples.partition_point(|sample| sample.at_ms <= to_ms);
    let Some((newest, rest)) = samples.get(..end).unwrap_or_default().split_last() else {
        return false;
    };
    if is_stale(newest.value) {
        return false;
    }
    let Some(before) = rest.last() else { return false };
    let gap = newest.at_ms.saturating_sub(before.at_ms);
    let patience = gap.saturating_mul(FRESH_GAPS).max(FRESH_MS);
    to_ms.saturating_sub(newest.at_ms) <= patience
}

/// Names of labels, and values in the same order.
type Names = Vec<Box<str>>;
type Shown = HashMap<Names, HashSet<Names>>;

/// The series that a query found and that are being measured.
#[derive(Debug, Default)]
pub(super) struct Seen {
    series: Vec<SeriesKey>,
    /// For labels that alerts bear, what series have there; made when first asked.
    shown: RefCell<HashMap<Names, Shown>>,
}

impl Seen {
    pub(super) fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// Whether there is a series that agrees with these labels, in those that both have.
    pub(super) fn agrees_with(&self, labels: &LabelSet) -> bool {
        let names: Names = labels.keys().map(|name| name.as_str().into()).collect();
        let mut shown = self.shown.borrow_mut();
        let shown = shown.entry(names).or_insert_with_key(|names| self.show(names));
        shown.iter().any(|(names, values)| {
            let own = names.iter().map(|name| labels.get(&**name).map_or("", String::as_str));
            values.contains(&own.map(Box::from).collect::<Names>())
        })
    }

    /// What the series have of these labels. Mostly all have the same ones.
    fn show(&self, names: &Names) -> Shown {
        let mut shown = Shown::new();
        for key in &self.series {
            let some = key.labels().iter().filter(|(name, _)| names.contains(name));
            let (names, values) = some.cloned().unzip();
            shown.entry(names).or_default().insert(values);
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use hostler_store::history::STALE_BITS;

    use super::*;

    fn samples(at: &[i64]) -> Vec<Sample> {
        at.iter().map(|at| Sample { at_ms: at * 1000, value: 1.0 }).collect()
    }

    #[test]
    fn a_series_is_seen_for_three_times_its_own_pace_and_a_minute_at_least() {
        for (at, to, is_seen) in [
            (&[0, 10, 20][..], 80, true),
            (&[0, 10, 20], 81, false),
            (&[0, 60], 240, true),
            (&[0, 60], 241, false),
            // Measured again after a gap: no rate can be computed yet.
            (&[5], 6, false),
            // What came later than what was asked for does not count.
            (&[0, 10, 500], 70, true),
            (&[0, 10, 500], 71, false),
            (&[], 0, false),
        ] {
            assert_eq!(is_fresh(&samples(at), to * 1000), is_seen, "{at:?} at {to}");
        }
        let mut ended = samples(&[0, 10]);
        ended.push(Sample { at_ms: 11_000, value: f64::from_bits(STALE_BITS) });
        assert!(!is_fresh(&ended, 12_000));
    }

    #[test]
    fn series_agree_with_an_alert_in_the_labels_that_both_have() {
        let key = |labels: &[(&str, &str)]| SeriesKey::new("x", labels.iter().copied()).unwrap();
        let series = vec![
            key(&[("vm", "a"), ("host", "h1"), ("disk", "vda")]),
            key(&[("vm", "b"), ("host", "h1")]),
        ];
        let seen = Seen { series, shown: RefCell::default() };
        let agrees = |labels: &[(&str, &str)]| {
            let labels = labels.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
            seen.agrees_with(&labels.collect())
        };
        assert!(agrees(&[("vm", "a")]) && agrees(&[("vm", "b"), ("disk", "vdb")]));
        assert!(!agrees(&[("vm", "a"), ("disk", "vdb")]), "another disk");
        assert!(!agrees(&[("vm", "c")]));
        assert!(agrees(&[("host", "h1")]) && !agrees(&[("host", "h2")]));
        assert!(agrees(&[]) && agrees(&[("team", "db")]), "an alert over all of them");
        assert!(!Seen::default().agrees_with(&LabelSet::new()));
    }
}
