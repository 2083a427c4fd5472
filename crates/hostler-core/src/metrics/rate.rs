//! How fast counters grow. A counter that is smaller than before began again at
//! zero at an unknown moment, so what it grew by is not known: no rate is told
//! for that once, and none for what was not there before.

use std::collections::HashMap;
use std::time::Duration;

use super::{Labels, Metric, MetricKind, Point};
use crate::clock::Timestamp;

/// How much two clocks may disagree about the time between two looks, as a share
/// of it, before the rates between them are not told.
const DISAGREEMENT_MAX: f64 = 0.1;

/// The seconds between two looks: by the time that the source told (`before`,
/// `now`), which is when it read; `None` when that does not fit the time that
/// passed here (`passed`), since then somebody set a clock.
pub fn seconds_between(before: Timestamp, now: Timestamp, passed: Duration) -> Option<f64> {
    let told = (now.as_micros() - before.as_micros()) as f64 / 1e6;
    let passed = passed.as_secs_f64();
    let slack = (passed * DISAGREEMENT_MAX).max(1.0);
    (told > 0.0 && (told - passed).abs() <= slack).then_some(told)
}

/// The growth in a second of each point of `now` since `before`, `seconds` ago;
/// `None` for gauges, for what is new, and for counters that began again.
pub fn per_second(before: &[Point], now: &[Point], seconds: f64) -> Vec<Option<f64>> {
    if !(seconds > 0.0 && seconds.is_finite()) {
        return vec![None; now.len()];
    }
    // A source tells the same points in the same order again and again, so the
    // index is only made when that is not so.
    let mut index: Option<HashMap<(Metric, &Labels), f64>> = None;
    let mut find = |at: usize, point: &Point| {
        let same = |other: &&Point| (other.metric, &other.labels) == (point.metric, &point.labels);
        if let Some(other) = before.get(at).filter(same) {
            return Some(other.value);
        }
        let index = index.get_or_insert_with(|| {
            before.iter().map(|point| ((point.metric, &point.labels), point.value)).collect()
        });
        index.get(&(point.metric, &point.labels)).copied()
    };
    let rates = now.iter().enumerate().map(|(at, point)| {
        if point.metric.family().kind != MetricKind::Counter {
            return None;
        }
        let earlier = find(at, point)?;
        (point.value >= earlier).then(|| (point.value - earlier) / seconds)
    });
    rates.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(device: &str, value: f64) -> Point {
        Point::labelled(Metric::VmDiskReadBytesTotal, Labels::one(device), value)
    }

    #[test]
    fn d9_a_counter_grows_by_what_it_grew_over_the_time() {
        let before = [read("vda", 100.0), Point::plain(Metric::VmVcpus, 1.0)];
        let now = [read("vda", 300.0), Point::plain(Metric::VmVcpus, 2.0), read("vdb", 5.0)];
        assert_eq!(per_second(&before, &now, 10.0), [Some(20.0), None, None]);
    }

    #[test]
    fn a_counter_that_began_again_has_no_rate_once() {
        let rates = per_second(&[read("vda", 100.0)], &[read("vda", 40.0)], 10.0);
        assert_eq!(rates, [None]);
        assert_eq!(per_second(&[read("vda", 40.0)], &[read("vda", 40.0)], 10.0), [Some(0.0)]);
    }

    #[test]
    fn another_order_finds_the_same() {
        let before = [read("vda", 1.0), read("vdb", 2.0)];
        let now = [read("vdb", 4.0), read("vda", 2.0)];
        assert_eq!(per_second(&before, &now, 1.0), [Some(2.0), Some(1.0)]);
    }

    #[test]
    fn no_time_gives_no_rate() {
        for seconds in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(per_second(&[read("a", 1.0)], &[read("a", 2.0)], seconds), [None]);
        }
    }

    #[test]
    fn f19_a_clock_that_was_set_gives_no_rate() {
        let at = Timestamp::from_millis;
        let ten = Duration::from_secs(10);
        assert_eq!(seconds_between(at(5_000), at(15_100), ten), Some(10.1));
        assert_eq!(seconds_between(at(5_000), at(4_000), ten), None, "put back");
        assert_eq!(seconds_between(at(5_000), at(3_605_000), ten), None, "put forward");
        assert_eq!(seconds_between(at(5_000), at(5_000), Duration::ZERO), None);
    }

    proptest! {
        #[test]
        fn a_rate_is_never_negative(
            before in prop::collection::vec(("[ab]", 0.0..1e12_f64), 0..5),
            now in prop::collection::vec(("[ab]", 0.0..1e12_f64), 0..5),
        ) {
            let points = |given: &[(String, f64)]| -> Vec<Point> {
                given.iter().map(|(device, value)| read(device, *value)).collect()
            };
            for rate in per_second(&points(&before), &points(&now), 10.0).into_iter().flatten() {
                prop_assert!(rate >= 0.0 && rate.is_finite());
            }
        }
    }
}
