//! What is taken and what is dropped, and what questions are answered.

use std::sync::atomic::{AtomicBool, Ordering};

use hostler_core::metrics::series::{Comparison, Matcher, SeriesKey};
use hostler_store::history::{Archive, Dropped, Error, Limits, Options, is_stale};

use super::{HOUR, MINUTE, SECOND, START, all, at, key, of, open, small};

fn world() -> (tempfile::TempDir, Archive) {
    let directory = tempfile::tempdir().unwrap();
    let archive = open(directory.path(), &small());
    (directory, archive)
}

#[test]
fn c25_what_is_dropped_is_counted_by_its_reason() {
    let (_directory, archive) = world();
    let (up, now) = (key("up", 0), START + HOUR * 2);
    let batch = [
        at(&up, now, 1.0),
        at(&up, now, 2.0),
        at(&up, now - SECOND, 1.0),
        at(&up, now - 2 * HOUR, 1.0),
        at(&up, now + 11 * MINUTE, 1.0),
        at(&up, now + SECOND, f64::NAN),
        at(&up, now + SECOND, f64::INFINITY),
    ];
    let appended = archive.append(now, &batch).unwrap();
    let dropped = Dropped {
        too_old: 2,
        duplicate: 1,
        too_far_ahead: 1,
        not_a_number: 1,
        ..Dropped::default()
    };
    assert_eq!((appended.written, appended.dropped), (2, dropped));
    assert_eq!(appended.dropped.total(), 5);
    assert_eq!(of(&archive, "up"), [(now, 1.0), (now + SECOND, f64::INFINITY)]);
}

/// A33, I12: labels made up at will do not take memory at will.
#[test]
fn a33_series_beyond_the_cap_are_dropped_until_others_end() {
    let directory = tempfile::tempdir().unwrap();
    let archive = open(directory.path(), &Options { series_max: 10, ..small() });
    for vm in 0..1_000 {
        archive.append(START, &[at(&key("up", vm), START, 1.0)]).unwrap();
    }
    assert_eq!(all(&archive).len(), 10);
    let again =
        archive.append(START + SECOND, &[at(&key("up", 999), START + SECOND, 1.0)]).unwrap();
    assert_eq!(again.dropped, Dropped { over_cap: 1, ..Dropped::default() });
    // One goes on; the nine others are not measured any more.
    let later = START + 2 * HOUR;
    archive.append(later, &[at(&key("up", 0), later, 2.0)]).unwrap();
    archive.maintain(later).unwrap();
    assert_eq!(archive.stats().active_series, 1);
    for vm in 100..109 {
        let written = archive.append(later, &[at(&key("up", vm), later, 1.0)]).unwrap().written;
        assert_eq!(written, 1);
    }
    assert_eq!(all(&archive).len(), 19);
}

#[test]
fn d22_a_series_that_ended_says_so_and_may_begin_again() {
    let (directory, archive) = world();
    let (up, gone) = (key("up", 0), key("up", 1));
    archive.append(START, &[at(&up, START, 1.0)]).unwrap();
    let ends = [up.clone(), gone];
    let ended = archive.end(START, &ends, START + SECOND).unwrap();
    assert_eq!((ended.written, ended.dropped.not_running), (1, 1));
    // Again, also after a restart: nothing.
    assert_eq!(archive.end(START, &ends, START + 2 * SECOND).unwrap().dropped.not_running, 2);
    archive.checkpoint().unwrap();
    drop(archive);
    let archive = open(directory.path(), &small());
    assert_eq!(archive.end(START, &ends, START + 2 * SECOND).unwrap().dropped.not_running, 2);
    archive.append(START, &[at(&up, START + MINUTE, 1.0)]).unwrap();
    let found = all(&archive);
    let stale: Vec<bool> = found[0].samples.iter().map(|sample| is_stale(sample.value)).collect();
    assert_eq!(stale, [false, true, false]);
    assert_eq!(found.len(), 1);
}

#[test]
fn x17_a_series_ends_after_its_last_sample_also_where_that_lies_ahead() {
    let (_directory, archive) = world();
    let (ahead, now) = (key("up", 0), key("up", 1));
    let last = START + 5 * SECOND;
    archive.append(START, &[at(&ahead, last, 1.0), at(&now, START, 1.0)]).unwrap();
    let ended = archive.end(START, &[ahead, now], START).unwrap();
    assert_eq!((ended.written, ended.dropped.total()), (2, 0), "{ended:?}");
    let ends = all(&archive).into_iter().map(|series| {
        let mark = *series.samples.last().unwrap();
        assert!(is_stale(mark.value), "{series:?}");
        mark.at_ms
    });
    assert_eq!(ends.collect::<Vec<_>>(), [last + 1, START + 1]);
}

#[test]
fn c25_a_question_beyond_its_limits_is_refused_with_what_to_change() {
    let (_directory, archive) = world();
    for pass in 0..10 {
        let at_ms = START + pass * SECOND;
        let batch: Vec<_> = (0..4).map(|vm| at(&key("up", vm), at_ms, 1.0)).collect();
        archive.append(at_ms, &batch).unwrap();
    }
    let ask =
        |series, samples| archive.select(&[], START, START + HOUR, Limits { series, samples });
    assert_eq!(ask(4, 40).unwrap().len(), 4);
    let error = ask(3, 40).unwrap_err();
    assert!(matches!(error, Error::TooMuch { what: "series", limit: 3, .. }));
    assert_eq!(
        error.to_string(),
        "more than 3 series fit; name more labels, or ask for a part of it"
    );
    let error = ask(4, 39).unwrap_err();
    assert_eq!(
        error.to_string(),
        "more than 39 samples fit; ask for a shorter time, a longer step, or fewer series"
    );
    let rolled =
        archive.select_rolled(&[], START, START + HOUR, SECOND, Limits { series: 4, samples: 39 });
    assert!(matches!(rolled, Err(Error::TooMuch { what: "samples", .. })));
    assert!(archive.series(&[], START, START + HOUR, 3).is_err());
}

#[test]
fn c11_series_and_labels_can_be_browsed() {
    let (_directory, archive) = world();
    let disk = SeriesKey::new("disk", [("vm", "vm-1"), ("device", "vda")]).unwrap();
    archive.append(START, &[at(&key("up", 0), START, 1.0), at(&disk, START, 2.0)]).unwrap();
    archive.checkpoint().unwrap();
    archive.append(START + SECOND, &[at(&key("up", 2), START + SECOND, 1.0)]).unwrap();
    let (from, to) = (START, START + MINUTE);
    let names = archive.label_names(&[], from, to, 100).unwrap();
    assert_eq!(names, ["__name__", "device", "host", "vm"]);
    let vms = archive.label_values("vm", &[Matcher::named("up")], from, to, 100).unwrap();
    assert_eq!(vms, ["vm-0", "vm-2"]);
    assert_eq!(archive.label_values("__name__", &[], from, to, 100).unwrap(), ["disk", "up"]);
    let not = Matcher::new("device", Comparison::NotEqual, "vda").unwrap();
    let series = archive.series(&[not], from, to, 100).unwrap();
    assert_eq!(series, [key("up", 0), key("up", 2)]);
    assert_eq!(archive.series(&[], from - 40 * super::DAY, from - 35 * super::DAY, 9).unwrap(), []);
}

#[test]
fn what_was_taken_can_be_asked_for_at_once_and_after_a_restart_without_sync() {
    let (directory, archive) = world();
    let up = key("up", 0);
    let expected: Vec<(i64, f64)> = (0..30).map(|n| (START + n * SECOND, n as f64)).collect();
    for (at_ms, value) in &expected {
        archive.append(*at_ms, &[at(&up, *at_ms, *value)]).unwrap();
        assert_eq!(of(&archive, "up").last(), Some(&(*at_ms, *value)));
    }
    drop(archive);
    let archive = open(directory.path(), &small());
    assert_eq!(of(&archive, "up"), expected);
    // Of a time that is there: dropped, whether it is in the log or in a partition.
    let again = archive.append(START + MINUTE, &[at(&up, expected[29].0, 0.0)]).unwrap();
    assert_eq!(again.dropped.duplicate, 1);
    archive.checkpoint().unwrap();
    drop(archive);
    let archive = open(directory.path(), &small());
    let again = archive.append(START + MINUTE, &[at(&up, expected[29].0, 0.0)]).unwrap();
    assert_eq!(again.dropped.duplicate, 1);
    assert_eq!(of(&archive, "up"), expected);
}

/// I12: the log takes twice its size at most, by itself.
#[test]
fn i12_the_log_stays_small_without_maintenance() {
    let (directory, archive) = world();
    for pass in 0..2_000 {
        let at_ms = START + pass * SECOND;
        let batch: Vec<_> = (0..20).map(|vm| at(&key("up", vm), at_ms, pass as f64)).collect();
        archive.append(at_ms, &batch).unwrap();
        assert!(archive.stats().log_bytes <= 2 * small().log_bytes);
    }
    drop(archive);
    assert_eq!(all(&open(directory.path(), &small()))[7].samples.len(), 2_000);
}

/// What a question finds is a whole beginning of each series, however many checkpoints go on.
#[test]
fn c25_questions_are_answered_while_it_is_written_to() {
    let (_directory, archive) = world();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for pass in 0..1_500_i64 {
                let at_ms = START + pass * MINUTE;
                let batch: Vec<_> =
                    (0..5).map(|vm| at(&key("up", vm), at_ms, pass as f64)).collect();
                archive.append(at_ms, &batch).unwrap();
                if pass % 100 == 99 {
                    archive.checkpoint().unwrap();
                }
                if pass % 300 == 299 {
                    archive.maintain(at_ms).unwrap();
                }
            }
            done.store(true, Ordering::SeqCst);
        });
        for _ in 0..2 {
            scope.spawn(|| {
                let mut longest = 0;
                while !done.load(Ordering::SeqCst) {
                    let mut shortest = usize::MAX;
                    for data in all(&archive) {
                        let numbers = data.samples.iter().map(|sample| sample.value as usize);
                        assert!(numbers.eq(0..data.samples.len()), "a gap in {}", data.key);
                        shortest = shortest.min(data.samples.len());
                    }
                    assert!(shortest >= longest, "samples were there and are not");
                    longest = if shortest == usize::MAX { 0 } else { shortest };
                }
            });
        }
    });
    assert_eq!(all(&archive)[4].samples.len(), 1_500);
    assert_eq!(archive.findings(), (vec![], 0));
}
