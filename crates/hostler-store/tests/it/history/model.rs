//! History against a table in memory: whatever is done in whatever order, both say the
//! same.

use std::collections::BTreeMap;

use hostler_core::metrics::series::{Matcher, Sample, SeriesKey};
use hostler_store::history::{Appended, Archive, Limits, Options, STALE_BITS, is_stale};
use proptest::prelude::*;

use super::{DAY, HOUR, MINUTE, SECOND, START, all, key, small};

#[derive(Debug, Clone)]
enum Step {
    /// Series, how much before now, value.
    Append(Vec<(usize, i64, f64)>),
    End(Vec<usize>, i64),
    Wait(i64),
    Sync,
    Checkpoint,
    Maintain,
    Reopen,
    Select(usize, i64, i64),
}

const SERIES: usize = 5;

fn step() -> impl Strategy<Value = Step> {
    let before = prop_oneof![
        4 => Just(0), 2 => 0..MINUTE, 1 => 0..2 * HOUR, 1 => -20 * MINUTE..0
    ];
    let value = prop_oneof![
        6 => (0_u32..1000).prop_map(f64::from), 1 => any::<f64>(), 1 => Just(f64::INFINITY)
    ];
    let sample = (0..SERIES, before, value);
    prop_oneof![
        8 => prop::collection::vec(sample, 1..20).prop_map(Step::Append),
        1 => (prop::collection::vec(0..SERIES, 1..3), 0..MINUTE)
            .prop_map(|(series, before)| Step::End(series, before)),
        6 => (SECOND..MINUTE).prop_map(Step::Wait),
        2 => (MINUTE..9 * HOUR).prop_map(Step::Wait),
        1 => Just(Step::Sync),
        2 => Just(Step::Checkpoint),
        2 => Just(Step::Maintain),
        1 => Just(Step::Reopen),
        2 => (0..SERIES, 0..3 * DAY, 0..DAY)
            .prop_map(|(series, before, length)| Step::Select(series, before, length)),
    ]
}

/// The rules of history, told plainly.
#[derive(Default)]
struct Model {
    series: BTreeMap<SeriesKey, Vec<Sample>>,
    /// What was ever the newest of a series.
    newest: BTreeMap<SeriesKey, Sample>,
    newest_ms: Option<i64>,
    closed_until_ms: Option<i64>,
}

impl Model {
    fn append(
        &mut self,
        options: &Options,
        now_ms: i64,
        batch: &[(SeriesKey, Sample)],
    ) -> Appended {
        let mut appended = Appended::default();
        let dropped = &mut appended.dropped;
        for (key, sample) in batch {
            let newest = self.newest_ms.map_or(now_ms, |newest| newest.max(now_ms));
            let before = self.newest.get(key).copied();
            let ended = |before: Sample| {
                is_stale(before.value) || before.at_ms < sample.at_ms - options.late_ms
            };
            if is_stale(sample.value) && before.is_none_or(ended) {
                dropped.not_running += 1;
            } else if sample.value.is_nan() && !is_stale(sample.value) {
                dropped.not_a_number += 1;
            } else if sample.at_ms > now_ms + options.ahead_ms {
                dropped.too_far_ahead += 1;
            } else if sample.at_ms < newest - options.late_ms
                || self.closed_until_ms.is_some_and(|closed| sample.at_ms < closed)
            {
                dropped.too_old += 1;
            } else if before.is_some_and(|before| before.at_ms == sample.at_ms) {
                dropped.duplicate += 1;
            } else if before.is_some_and(|before| before.at_ms > sample.at_ms) {
                dropped.too_old += 1;
            } else {
                self.series.entry(key.clone()).or_default().push(*sample);
                self.newest.insert(key.clone(), *sample);
                appended.written += 1;
            }
        }
        let newest = self.newest.values().map(|sample| sample.at_ms).max();
        self.newest_ms = self.newest_ms.max(newest);
        appended
    }
}

fn bits<'a>(
    series: impl IntoIterator<Item = (&'a SeriesKey, &'a Vec<Sample>)>,
) -> Vec<(String, Vec<(i64, u64)>)> {
    let one = |(key, samples): (&SeriesKey, &Vec<Sample>)| {
        let bits = samples.iter().map(|sample| (sample.at_ms, sample.value.to_bits()));
        (key.to_string(), bits.collect())
    };
    series.into_iter().filter(|(_, samples)| !samples.is_empty()).map(one).collect()
}

fn keys() -> Vec<SeriesKey> {
    (0..SERIES).map(|vm| key("hostler_vm_cpu_seconds_total", vm)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn c25_history_says_what_a_plain_table_says(steps in prop::collection::vec(step(), 1..60)) {
        let directory = tempfile::tempdir().unwrap();
        let options = Options { raw_ms: 2 * DAY, ..small() };
        let mut archive = Archive::open(directory.path(), options.clone()).unwrap();
        let mut model = Model::default();
        let keys = keys();
        let mut now_ms = START + 20 * HOUR;
        for step in steps {
            match step {
                Step::Append(samples) => {
                    let sample = |(series, before, value): (usize, i64, f64)| {
                        (keys[series].clone(), Sample { at_ms: now_ms - before, value })
                    };
                    let batch: Vec<_> = samples.into_iter().map(sample).collect();
                    let appended = archive.append(now_ms, &batch).unwrap();
                    prop_assert_eq!(appended, model.append(&options, now_ms, &batch));
                }
                Step::End(series, before) => {
                    let ended: Vec<_> = series.iter().map(|series| keys[*series].clone()).collect();
                    let at_ms = now_ms - before;
                    // A series is looked at once, as it was before.
                    let mut once = ended.clone();
                    once.sort();
                    once.dedup();
                    let mark = |key: &SeriesKey| {
                        // Never before the last sample.
                        let last = model.newest.get(key).filter(|last| !is_stale(last.value));
                        let at_ms = last.map_or(at_ms, |last| at_ms.max(last.at_ms + 1));
                        (key.clone(), Sample { at_ms, value: f64::from_bits(STALE_BITS) })
                    };
                    let batch: Vec<_> = once.iter().map(mark).collect();
                    let appended = archive.end(now_ms, &once, at_ms).unwrap();
                    prop_assert_eq!(appended, model.append(&options, now_ms, &batch));
                }
                Step::Wait(ms) => now_ms += ms,
                Step::Sync => archive.sync().unwrap(),
                Step::Checkpoint => archive.checkpoint().unwrap(),
                Step::Maintain => {
                    let done = archive.maintain(now_ms).unwrap();
                    let closed = done.rolled_up_ms.last().map(|day| day + DAY);
                    model.closed_until_ms = model.closed_until_ms.max(closed);
                    for name in done.expired.iter().filter_map(|name| name.strip_prefix("raw-")) {
                        let from = name.parse::<i64>().unwrap() * DAY;
                        prop_assert!(from + DAY <= now_ms - options.raw_ms);
                        for samples in model.series.values_mut() {
                            samples.retain(|sample| !(from..from + DAY).contains(&sample.at_ms));
                        }
                    }
                }
                Step::Reopen => {
                    drop(archive);
                    archive = Archive::open(directory.path(), options.clone()).unwrap();
                }
                Step::Select(series, before, length) => {
                    let (from, to) = (now_ms - before, now_ms - before + length);
                    let vm = Matcher::new("vm", hostler_core::metrics::series::Comparison::Equal, format!("vm-{series}")).unwrap();
                    let found = archive.select(&[vm], from, to, Limits::default()).unwrap();
                    let within: Vec<Sample> = model.series.get(&keys[series]).into_iter().flatten()
                        .filter(|sample| (from..=to).contains(&sample.at_ms)).copied().collect();
                    prop_assert_eq!(
                        bits(found.iter().map(|data| (&data.key, &data.samples))),
                        bits([(&keys[series], &within)])
                    );
                }
            }
        }
        let found = all(&archive);
        prop_assert_eq!(bits(found.iter().map(|data| (&data.key, &data.samples))), bits(&model.series));
        prop_assert_eq!(archive.findings(), (vec![], 0));
        let count: usize = model.series.values().map(Vec::len).sum();
        prop_assert_eq!(archive.stats().samples, count as u64);
    }
}
