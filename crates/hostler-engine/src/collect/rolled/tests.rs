//! Answers from roll-ups against answers from samples: the same where windows begin with
//! buckets, and off by what is stated where they do not.

use hostler_core::metrics::series::SeriesKey;
use hostler_promql::{Limits as Asking, Query, Series, Source, SourceError};
use hostler_store::history::{Archive, Options};

use super::*;

const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// A day that begins at a multiple of everything.
const START_MS: i64 = 20_000 * DAY_MS;
const EVERY_MS: i64 = 20_000;

/// Samples as they are, or as roll-ups tell them.
struct Kept<'a> {
    archive: &'a Archive,
    rolled: bool,
    told: std::cell::RefCell<Told>,
}

impl Source for Kept<'_> {
    fn select(
        &self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<SeriesData>, SourceError> {
        Ok(self.archive.select(matchers, from_ms, to_ms, Limits::default())?)
    }

    fn fetch(
        &self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
        purpose: &Purpose,
    ) -> Result<Fetched, SourceError> {
        if !self.rolled {
            return self.select(matchers, from_ms, to_ms).map(Fetched::from);
        }
        let (span, told) = ((from_ms, to_ms), &mut self.told.borrow_mut());
        Ok(fetch(self.archive, matchers, span, purpose, Limits::default(), told)?)
    }
}

/// Deterministic, and between 0 and 1.
fn noise(seed: u64, nth: i64) -> f64 {
    let mut state = seed ^ (nth as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((state ^ (state >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Days of a gauge that swings and a counter that begins anew now and then, every 20 s, just
/// beside round times, with hours in which there is nothing.
fn filled(days: i64, options: Options) -> (tempfile::TempDir, Archive) {
    let directory = tempfile::tempdir().unwrap();
    let archive = Archive::open(directory.path(), options).unwrap();
    let key = |name: &str, vm: &str| SeriesKey::new(name, [("vm", vm)]).unwrap();
    let series = ["a", "b"].map(|vm| (key("load", vm), key("bytes_total", vm)));
    let mut counts = [0.0; 2];
    for nth in 0..days * DAY_MS / EVERY_MS {
        let at_ms = START_MS + nth * EVERY_MS + 7_000;
        let hour = at_ms / (60 * MINUTE_MS);
        let mut rows = Vec::new();
        for (seed, ((load, bytes), count)) in series.iter().zip(&mut counts).enumerate() {
            if noise(seed as u64 + 9, hour) < 0.1 {
                continue;
            }
            let swing = (nth as f64 / 2000.0).sin() * 10.0 + noise(seed as u64, nth);
            *count = if noise(seed as u64 + 5, nth) < 0.0005 { 0.0 } else { *count };
            *count += (noise(seed as u64 + 3, nth) * 100.0).floor();
            rows.push((load.clone(), Sample { at_ms, value: swing }));
            rows.push((bytes.clone(), Sample { at_ms, value: *count }));
        }
        archive.append(at_ms, &rows).unwrap();
        if nth % 1000 == 0 {
            archive.maintain(at_ms).unwrap();
        }
    }
    // Long enough after for all days to be rolled up.
    archive.maintain(START_MS + days * DAY_MS + DAY_MS).unwrap();
    (directory, archive)
}

fn ask(
    archive: &Archive,
    text: &str,
    rolled: bool,
    (start_ms, end_ms, step_ms): (i64, i64, i64),
) -> (Vec<Series>, Told) {
    let kept = Kept { archive, rolled, told: std::cell::RefCell::default() };
    let query = Query::parse(text).unwrap();
    let found = query.range(&kept, start_ms, end_ms, step_ms, &Asking::default()).unwrap();
    (found, kept.told.into_inner())
}

/// The greatest difference, over the greatest value; both have the same series and times.
fn difference(text: &str, one: &[Series], other: &[Series]) -> f64 {
    assert!(!one.is_empty(), "{text}: nothing to compare");
    let shape = |all: &[Series]| -> Vec<(String, Vec<i64>)> {
        let times = |it: &Series| it.samples.iter().map(|sample| sample.at_ms).collect();
        all.iter().map(|it| (format!("{:?}", it.labels), times(it))).collect()
    };
    assert_eq!(shape(one), shape(other), "{text}");
    let pairs = one.iter().zip(other).flat_map(|(a, b)| a.samples.iter().zip(&b.samples));
    let (most, off) = pairs.fold((0.0_f64, 0.0_f64), |(most, off), (a, b)| {
        (most.max(a.value.abs()), off.max((a.value - b.value).abs()))
    });
    off / most
}

#[test]
fn where_windows_begin_with_buckets_the_answer_is_that_of_samples() {
    let (_directory, archive) = filled(3, Options::default());
    let (hour, minutes) = (60 * MINUTE_MS, 5 * MINUTE_MS);
    // The first window begins where the first day does, so that nothing is cut off.
    let first = START_MS + 6 * hour;
    for (step, range) in [(minutes, "5m"), (minutes, "30m"), (hour, "1h"), (6 * hour, "6h")] {
        let times = (first, START_MS + 3 * DAY_MS, step);
        for function in ["avg", "min", "max", "sum", "count", "last", "present"] {
            let text = format!("{function}_over_time(load[{range}])");
            let (raw, _) = ask(&archive, &text, false, times);
            let (rolled, told) = ask(&archive, &text, true, times);
            assert!(told.width_ms.is_some_and(|width| width <= step), "{text}: {told:?}");
            let off = difference(&text, &raw, &rolled);
            assert!(off < 1e-9, "{text} by {step}: off by {off}");
        }
    }
}

#[test]
fn growth_is_that_of_samples_but_for_what_is_guessed_at_the_edges() {
    let (_directory, archive) = filled(2, Options::default());
    let hour = 60 * MINUTE_MS;
    let times = (START_MS + 6 * hour, START_MS + 2 * DAY_MS, hour);
    for text in ["increase(bytes_total[6h])", "rate(bytes_total[6h])"] {
        let (raw, _) = ask(&archive, text, false, times);
        let (rolled, told) = ask(&archive, text, true, times);
        assert_eq!(told.width_ms, Some(hour));
        let off = difference(text, &raw, &rolled);
        // Prometheus guesses up to two samples at each edge of a thousand, and each gap.
        assert!(off < 0.01, "{text}: off by {off}");
    }
    // Added up over everything, nothing is lost: the growth itself is exact.
    let whole = format!("increase(bytes_total[{}h])", 42);
    let times = (START_MS + 48 * hour, START_MS + 48 * hour + 1, 1);
    let (raw, _) = ask(&archive, &whole, false, times);
    let times = (START_MS + 47 * hour, START_MS + 48 * hour, hour);
    let (rolled, told) = ask(&archive, &whole, true, times);
    assert_eq!(told.width_ms, Some(hour));
    for (one, other) in raw.iter().zip(&rolled) {
        let (one, other) = (one.samples[0].value, other.samples.last().unwrap().value);
        assert!((one - other).abs() / one < 0.01, "{one} {other}");
    }
}

#[test]
fn windows_that_begin_elsewhere_are_off_by_half_a_bucket_of_twelve_at_most() {
    let (_directory, archive) = filled(3, Options::default());
    let hour = 60 * MINUTE_MS;
    let times = (START_MS + 13 * hour + 1_234_567, START_MS + 3 * DAY_MS, hour);
    let (raw, _) = ask(&archive, "avg_over_time(load[12h])", false, times);
    let (rolled, told) = ask(&archive, "avg_over_time(load[12h])", true, times);
    assert_eq!(told.width_ms, Some(hour));
    // It swings by ten around zero: half an hour of twelve is at most a twelfth of that.
    let off = difference("avg", &raw, &rolled);
    assert!(off < 2.0 / 12.0, "off by {off}");
    // Too short for it: those are samples.
    for text in ["avg_over_time(load[11h])", "load", "quantile_over_time(0.5, load[12h])"] {
        let (raw, _) = ask(&archive, text, false, times);
        let (rolled, told) = ask(&archive, text, true, times);
        assert!(told.width_ms != Some(hour), "{text}");
        if told.width_ms.is_none() {
            assert_eq!(raw, rolled, "{text}");
        }
    }
}

#[test]
fn values_at_steps_are_those_of_samples_where_steps_begin_with_buckets() {
    let (_directory, archive) = filled(2, Options::default());
    let hour = 60 * MINUTE_MS;
    let times = (START_MS + hour, START_MS + 2 * DAY_MS - hour, hour);
    let (raw, _) = ask(&archive, "load", false, times);
    let (rolled, told) = ask(&archive, "load", true, times);
    assert_eq!(told.width_ms, Some(hour));
    assert!(difference("load", &raw, &rolled) < f64::EPSILON);
}

#[test]
fn x17_where_samples_are_gone_buckets_answer_and_it_is_told() {
    let options = Options { raw_ms: DAY_MS, ..Options::default() };
    let (_directory, archive) = filled(4, options);
    let end_ms = START_MS + 4 * DAY_MS;
    archive.maintain(end_ms + DAY_MS / 2).unwrap();
    let since_ms = archive.measured_from(START_MS, end_ms).unwrap();
    assert!(since_ms > START_MS && since_ms <= end_ms, "{since_ms}");
    // Fine steps over all of it: what is left of the old days, and all of the young ones.
    let times = (START_MS + 60 * MINUTE_MS, end_ms, 60_000);
    for text in ["load", "avg_over_time(load[10m])", "rate(bytes_total[15m])", "deriv(load[1h])"] {
        let (found, told) = ask(&archive, text, true, times);
        assert_eq!((told.gone_before_ms, told.empty_before_ms), (Some(since_ms), None), "{text}");
        assert!(told.width_ms.is_some(), "{text}");
        for series in &found {
            let old = series.samples.iter().filter(|it| it.at_ms < since_ms - 60 * MINUTE_MS);
            assert!(old.count() > 1000, "{text}: there is nothing of the old days");
            let young = series.samples.iter().filter(|it| it.at_ms > since_ms);
            assert!(young.count() > 100, "{text}");
            if text.starts_with("rate") {
                // Where buckets end and samples begin the counter goes on: 50 each 20 s.
                let most = series.samples.iter().map(|it| it.value).fold(0.0, f64::max);
                assert!(most < 10.0, "{text}: {most}");
            }
        }
    }
    let (found, told) = ask(&archive, "changes(load[10m])", true, times);
    assert_eq!((told.gone_before_ms, told.empty_before_ms), (None, Some(since_ms)));
    assert!(found.iter().all(|it| it.samples.iter().all(|it| it.at_ms >= since_ms)));
    // Of young days alone nothing is said.
    let (_, told) = ask(&archive, "load", true, (since_ms + 60 * MINUTE_MS, end_ms, 60_000));
    assert_eq!(told, Told::default());
}
