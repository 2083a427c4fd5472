//! Series of our own making in the history: what recording rules compute, and the
//! alerts themselves, under the names that Prometheus gives them.

use std::collections::BTreeSet;

use hostler_core::Timestamp;
use hostler_core::alert::rule::RecordRule;
use hostler_core::alert::state::{Instance, Sample};
use hostler_core::metrics::series::{Sample as Stored, SeriesKey};
use hostler_store::history::Archive;

use crate::Inner;
use crate::collect::record::keep;

/// The series that says of each alert that it is there.
const ALERTS: &str = "ALERTS";

/// Writes what a rule computed as of `at_ms`; gives how many samples were taken, and the keys of
/// its series from now on.
pub(super) fn write(
    (engine, archive): (&Inner, &Archive),
    rule: &RecordRule,
    samples: &[Sample],
    (at_ms, now): (i64, Timestamp),
    before: Vec<SeriesKey>,
) -> (Result<usize, String>, Vec<SeriesKey>) {
    match keyed(rule, samples, at_ms) {
        Ok(rows) => put((engine, archive), &rows, now, before),
        Err(why) => (Err(why), before),
    }
}

fn keyed(
    rule: &RecordRule,
    samples: &[Sample],
    at_ms: i64,
) -> Result<Vec<(SeriesKey, Stored)>, String> {
    if samples.len() > rule.limit {
        return Err(format!("it gives {} series; {} is the limit", samples.len(), rule.limit));
    }
    let mut seen = BTreeSet::new();
    let mut rows = Vec::with_capacity(samples.len());
    for sample in samples {
        let mut labels = sample.labels.clone();
        labels.remove("__name__");
        labels.extend(rule.labels.clone());
        let key = SeriesKey::new(rule.name.as_str(), labels).map_err(|fault| fault.to_string())?;
        if !seen.insert(key.clone()) {
            return Err(format!("two results would be written as {key}"));
        }
        rows.push((key, Stored { at_ms, value: sample.value }));
    }
    Ok(rows)
}

/// Writes that these alerts are there; gives the keys of their series.
pub(super) fn alerts(
    (engine, archive): (&Inner, &Archive),
    instances: &[Instance],
    now: Timestamp,
    before: Vec<SeriesKey>,
) -> (Result<usize, String>, Vec<SeriesKey>) {
    let rows = instances.iter().filter_map(|instance| {
        let state = if instance.is_firing() { "firing" } else { "pending" };
        let labels = instance.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let labels = labels.filter(|(name, _)| *name != "alertstate");
        // What makes no series, for example too many labels, is an alert all the same.
        let key = SeriesKey::new(ALERTS, labels.chain([("alertstate", state)])).ok()?;
        Some((key, Stored { at_ms: now.as_millis(), value: 1.0 }))
    });
    put((engine, archive), &rows.collect::<Vec<_>>(), now, before)
}

fn put(
    (engine, archive): (&Inner, &Archive),
    rows: &[(SeriesKey, Stored)],
    now: Timestamp,
    before: Vec<SeriesKey>,
) -> (Result<usize, String>, Vec<SeriesKey>) {
    let now_ms = now.as_millis();
    let present: BTreeSet<&SeriesKey> = rows.iter().map(|(key, _)| key).collect();
    let ended: Vec<SeriesKey> = before.into_iter().filter(|key| !present.contains(key)).collect();
    let done = keep(engine, archive, now_ms, rows, &ended);
    let done = done.map(|kept| usize::try_from(kept.written).unwrap_or(usize::MAX));
    let keys = rows.iter().map(|(key, _)| key.clone()).collect();
    (done.map_err(|error| format!("the history cannot be written: {error}")), keys)
}
