//! Roll-ups, retention and room.

use hostler_core::metrics::series::{Matcher, Sample};
use hostler_store::history::{Archive, Bucket, FindingKind, Limits, Options, Rolled, Stats, Tier};

use super::fleet::Numbers;
use super::{DAY, HOUR, MINUTE, START, all, at, key, open, small};

const CPU: &str = "hostler_vm_cpu_seconds_total";
const RSS: &str = "hostler_vm_memory_rss_bytes";

fn ask(archive: &Archive, name: &str, from: i64, to: i64, step: i64) -> Rolled {
    archive.select_rolled(&[Matcher::named(name)], from, to, step, Limits::default()).unwrap()
}

/// Measures every five minutes less a bit, with gaps and with counters that begin anew.
fn measure(archive: &Archive, days: i64) -> (Vec<Sample>, Vec<Sample>) {
    let (cpu, rss) = (key(CPU, 0), key(RSS, 0));
    let mut numbers = Numbers::new(5);
    let (mut counter, mut counted, mut gauged) = (0.0, Vec::new(), Vec::new());
    let mut at_ms = START + 3 * MINUTE;
    while at_ms < START + days * DAY {
        counter = if numbers.below(100) == 0 { 0.5 } else { counter + numbers.below(50) as f64 };
        let gauge = numbers.below(1000) as f64;
        let batch = [at(&cpu, at_ms, counter), at(&rss, at_ms, gauge)];
        assert_eq!(archive.append(at_ms, &batch).unwrap().written, 2);
        counted.push(batch[0].1);
        gauged.push(batch[1].1);
        if numbers.below(40) == 0 {
            archive.maintain(at_ms).unwrap();
        }
        at_ms += MINUTE + numbers.below(4 * MINUTE as u64) as i64;
        if numbers.below(150) == 0 {
            at_ms += 3 * HOUR;
        }
    }
    (counted, gauged)
}

/// Buckets by looking at all samples for each; growth over more than an hour is not told.
fn naive(samples: &[Sample], counter: bool, from: i64, to: i64, step: i64) -> Vec<Bucket> {
    let mut buckets = Vec::new();
    let mut start_ms = from;
    while start_ms <= to {
        let mut of = Vec::new();
        let mut grown = 0.0;
        for (place, sample) in samples.iter().enumerate() {
            if sample.at_ms < start_ms || sample.at_ms >= start_ms + step {
                continue;
            }
            of.push(sample.value);
            if let Some(before) = place.checked_sub(1).map(|place| samples[place])
                && sample.at_ms - before.at_ms <= HOUR
            {
                let back = sample.value < before.value;
                grown += if back { sample.value } else { sample.value - before.value };
            }
        }
        if let Some(last) = of.last() {
            buckets.push(Bucket {
                start_ms,
                width_ms: step,
                count: of.len() as u64,
                min: of.iter().copied().fold(f64::INFINITY, f64::min),
                max: of.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                sum: of.iter().sum(),
                last: *last,
                increase: counter.then_some(grown),
            });
        }
        start_ms += step;
    }
    buckets
}

/// Every number here is a multiple of a half below 2^53: sums are exact in any order.
#[test]
fn d22_roll_ups_are_what_the_samples_were_at_any_step() {
    let directory = tempfile::tempdir().unwrap();
    let archive = open(directory.path(), &small());
    let (counted, gauged) = measure(&archive, 4);
    let end = START + 4 * DAY;
    let check = |archive: &Archive, steps: &[i64]| {
        for step in steps {
            for (from, to) in [(START, end), (START + 10 * HOUR, START + 50 * HOUR)] {
                // Both are multiples of every step or not: buckets begin at multiples.
                let first = from + (step - from.rem_euclid(*step)) % step;
                for (name, samples, counter) in [(CPU, &counted, true), (RSS, &gauged, false)] {
                    let rolled = ask(archive, name, from, to, *step);
                    assert_eq!(rolled.step_ms, *step);
                    let expected = naive(samples, counter, first, to, *step);
                    // None where not one bucket begins in that time.
                    let found = rolled.series.first().map(|series| series.buckets.clone());
                    assert_eq!(found.unwrap_or_default(), expected, "{name} by {step}");
                }
            }
        }
    };
    let rolled_steps = [5 * MINUTE, 15 * MINUTE, 55 * MINUTE, HOUR, 7 * HOUR, DAY, 3 * DAY];
    check(&archive, &[MINUTE, 4 * MINUTE]);
    check(&archive, &rolled_steps);
    assert_eq!(ask(&archive, CPU, START, end, 7 * MINUTE).step_ms, 5 * MINUTE);
    assert_eq!(ask(&archive, CPU, START, end, 7 * HOUR).tier, Tier::Hour);
    // After all days are over, in all partitions and after a restart, they are the same.
    let done = archive.maintain(end + 2 * HOUR).unwrap();
    assert!(!done.rolled_up_ms.is_empty());
    check(&archive, &rolled_steps);
    assert_eq!(archive.maintain(end + 2 * HOUR).unwrap().rolled_up_ms, [] as [i64; 0]);
    drop(archive);
    let archive = open(directory.path(), &small());
    check(&archive, &rolled_steps);
    // And where the raw samples are gone.
    let days: Vec<i64> = (0..4).map(|day| START / DAY + day).collect();
    drop(archive);
    for day in &days {
        std::fs::remove_dir_all(directory.path().join(format!("raw-{day}"))).unwrap();
    }
    let archive = open(directory.path(), &small());
    assert!(all(&archive).is_empty());
    check(&archive, &rolled_steps);
    // A step that is too fine is answered as finely as is left, and says so.
    let coarse = ask(&archive, RSS, START, end, MINUTE);
    let expected = naive(&gauged, false, START, end, 5 * MINUTE);
    assert_eq!(coarse.series[0].buckets, expected);
    assert_eq!(archive.findings(), (vec![], 0));
}

#[test]
fn d22_each_tier_is_kept_as_long_as_it_says_and_then_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let options =
        Options { raw_ms: 3 * DAY, five_minutes_ms: 10 * DAY, hour_ms: 40 * DAY, ..small() };
    let archive = open(directory.path(), &options);
    let mut expired = Vec::new();
    let days = 75;
    for hour in 0..days * 4 {
        let at_ms = START + hour * 6 * HOUR;
        archive.append(at_ms, &[at(&key(CPU, 0), at_ms, hour as f64)]).unwrap();
        expired.extend(archive.maintain(at_ms).unwrap().expired);
    }
    let now = START + (days * 4 - 1) * 6 * HOUR;
    let stats = archive.stats();
    let raw = all(&archive);
    let oldest = raw[0].samples[0].at_ms;
    // No less than was promised, and no more than a partition beyond it.
    assert!(now - oldest >= options.raw_ms && now - oldest <= options.raw_ms + 2 * DAY);
    let oldest_bucket = |step| ask(&archive, CPU, START, now, step).series[0].buckets[0].start_ms;
    let minutes = now - oldest_bucket(5 * MINUTE);
    // Where five minutes are gone, hours answer.
    assert!(minutes >= options.hour_ms, "{minutes}");
    assert!(now - oldest_bucket(HOUR) <= options.hour_ms + 34 * DAY);
    assert_eq!(expired.iter().filter(|name| name.starts_with("raw-")).count(), 71);
    assert!(expired.iter().any(|name| name.starts_with("5m-")));
    assert!(expired.iter().any(|name| name.starts_with("1h-")));
    assert_eq!(stats.samples, raw[0].samples.len() as u64);
    assert!(stats.oldest_ms.unwrap() > START);
    // Nothing of what was dropped lies about.
    let left = std::fs::read_dir(directory.path()).unwrap().flatten();
    assert!(
        left.map(|entry| entry.file_name().into_string().unwrap())
            .all(|name| !name.contains("gone"))
    );
    drop(archive);
    let again = open(directory.path(), &options);
    assert_eq!(again.stats().samples, stats.samples);
    assert_eq!(all(&again), raw);
}

/// F19: a clock that is ahead for a while takes no history along, is told, and once it is
/// right again there is a way back.
#[test]
fn f19_a_clock_that_was_ahead_does_not_empty_history_nor_stop_it() {
    for ahead in [2 * DAY, 3650 * DAY] {
        let directory = tempfile::tempdir().unwrap();
        let archive = open(directory.path(), &small());
        let (counted, _) = measure(&archive, 2);
        let before = all(&archive);
        let (cpu, now) = (key(CPU, 0), START + 2 * DAY + HOUR);
        archive.append(now + ahead, &[at(&cpu, now + ahead, 1.0)]).unwrap();
        let done = archive.maintain(now + ahead + HOUR).unwrap();
        assert_eq!(done.expired, [] as [String; 0]);
        assert_eq!(archive.findings(), (vec![], 0));
        // The clock is right again.
        let late = archive.append(now, &[at(&cpu, now, 5.0)]).unwrap();
        assert_eq!(late.dropped.too_old, 1);
        archive.maintain(now).unwrap();
        let (findings, _) = archive.findings();
        assert_eq!(findings[0].kind, FindingKind::AheadOfClock, "{findings:?}");
        let gone = archive.forget_after(now).unwrap();
        assert!(gone.contains(&format!("raw-{}", (now + ahead).div_euclid(DAY))), "{gone:?}");
        assert_eq!(all(&archive), before);
        assert_eq!(archive.append(now, &[at(&cpu, now, 5.0)]).unwrap().written, 1);
        drop(archive);
        // Days that were rolled up too early are rolled up again when they are over.
        let archive = open(directory.path(), &small());
        let later = now + ahead;
        archive.append(later, &[at(&cpu, later, 9.0)]).unwrap();
        archive.maintain(later + 2 * DAY).unwrap();
        let expected: Vec<Sample> = counted
            .iter()
            .copied()
            .chain([Sample { at_ms: now, value: 5.0 }, Sample { at_ms: later, value: 9.0 }])
            .collect();
        let from = now - 3 * DAY;
        for (from, to) in [(from - from.rem_euclid(HOUR), now), (later - later % HOUR, later)] {
            let rolled = ask(&archive, CPU, from, to, HOUR);
            assert_eq!(rolled.series[0].buckets, naive(&expected, true, from, to, HOUR));
        }
    }
}

#[test]
fn i12_beyond_its_room_the_oldest_days_go_first_and_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let archive = open(directory.path(), &small());
    measure(&archive, 6);
    let now = START + 6 * DAY + 2 * HOUR;
    archive.maintain(now).unwrap();
    let samples = all(&archive);
    drop(archive);
    let Stats { bytes, .. } = open(directory.path(), &small()).stats();
    // Less than a day takes, more than opening it again may change.
    let limit = bytes - (8 << 10);
    let archive = open(directory.path(), &Options { max_bytes: limit, ..small() });
    let done = archive.maintain(now).unwrap();
    assert_eq!(done.over_budget, [format!("raw-{}", START / DAY)]);
    assert!(archive.stats().bytes <= limit);
    let (findings, _) = archive.findings();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].kind, FindingKind::OverBudget);
    assert!(findings[0].lost.contains("max_bytes"), "{}", findings[0]);
    // Only that day, and its roll-ups answer for it.
    for (data, before) in all(&archive).iter().zip(&samples) {
        let left = before.samples.iter().filter(|sample| sample.at_ms >= START + DAY);
        assert!(data.samples.iter().eq(left));
    }
    assert_eq!(ask(&archive, CPU, START, now, DAY).series[0].buckets.len(), 6);
    drop(archive);
    // Far too little: the newest of each tier stays, and it is said that it is not enough.
    let archive = open(directory.path(), &Options { max_bytes: 1, ..small() });
    archive.maintain(now).unwrap();
    assert!(!all(&archive).is_empty());
    assert!(archive.findings().0.iter().any(|finding| finding.lost.starts_with("nothing yet")));
}

/// A day whose roll-up was cut off is rolled up again, and counts once.
#[test]
fn f1_a_roll_up_that_was_cut_off_is_done_again() {
    let directory = tempfile::tempdir().unwrap();
    let archive = open(directory.path(), &small());
    let (counted, _) = measure(&archive, 2);
    let now = START + 2 * DAY + 2 * HOUR;
    archive.maintain(now).unwrap();
    drop(archive);
    // Of both roll-ups the hours were written, the minutes were not.
    std::fs::remove_dir_all(directory.path().join(format!("5m-{}", START / DAY))).unwrap();
    let archive = open(directory.path(), &small());
    assert_eq!(archive.maintain(now).unwrap().rolled_up_ms, [START, START + DAY]);
    for step in [5 * MINUTE, HOUR] {
        let expected = naive(&counted, true, START, now, step);
        assert_eq!(ask(&archive, CPU, START, now, step).series[0].buckets, expected);
    }
}
