//! `kill -9` in the midst of appending, checkpoints and roll-ups: what was confirmed is
//! there, nothing is there that was not measured (F1, I5).

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use hostler_core::metrics::series::{Sample, SeriesKey};
use hostler_store::history::{Archive, FindingKind, Options, Tier};

use super::fleet::Numbers;
use super::{DAY, HOUR, START, all, key, open, small};

/// Names the directory to a child.
const PLACE: &str = "HOSTLER_HISTORY_CRASH_PLACE";
const ROUNDS: u64 = 8;
const SERIES: usize = 20;
/// Passes come fast, so that a few hundred of them cross days.
const PACE: i64 = 20 * 60_000;

fn options() -> Options {
    Options { raw_ms: 1_000 * DAY, checkpoint_ms: 6 * HOUR, ..small() }
}

/// What a series is at a time, so that nothing has to be remembered.
fn value(series: usize, at_ms: i64) -> f64 {
    ((at_ms / PACE) * (series as i64 + 1)) as f64 / 8.0
}

fn batch(at_ms: i64) -> Vec<(SeriesKey, Sample)> {
    let one = |series| {
        let sample = Sample { at_ms, value: value(series, at_ms) };
        (key("hostler_vm_cpu_seconds_total", series), sample)
    };
    (0..SERIES).map(one).collect()
}

/// Everything that is there was measured and is in order; answers the newest time.
fn check(archive: &Archive, confirmed_ms: i64) -> i64 {
    let found = all(archive);
    assert_eq!(found.len(), SERIES);
    let mut newest_ms = i64::MAX;
    for data in &found {
        let series: usize = data.key.label("vm").strip_prefix("vm-").unwrap().parse().unwrap();
        let mut expected_ms = START;
        for sample in &data.samples {
            assert_eq!(sample.at_ms, expected_ms, "{}: a gap or a doubling", data.key);
            assert_eq!(sample.value.to_bits(), value(series, sample.at_ms).to_bits());
            expected_ms += PACE;
        }
        newest_ms = newest_ms.min(expected_ms - PACE);
    }
    assert!(newest_ms >= confirmed_ms, "{} passes lost", (confirmed_ms - newest_ms) / PACE);
    newest_ms
}

#[test]
fn f1_what_was_confirmed_survives_kill_9() {
    if let Some(place) = std::env::var_os(PLACE) {
        return measure_for_ever(Path::new(&place));
    }
    let directory = tempfile::tempdir().unwrap();
    let mut confirmed_ms = START;
    for round in 0..ROUNDS {
        confirmed_ms = confirmed_ms.max(run_and_kill(directory.path(), round));
        let archive = open(directory.path(), &options());
        check(&archive, confirmed_ms);
        let (findings, _) = archive.findings();
        assert!(findings.iter().all(|finding| finding.kind == FindingKind::CutOff), "{findings:?}");
    }
    assert!(confirmed_ms > START + 3 * DAY, "the children have hardly written");
    let archive = open(directory.path(), &options());
    archive.maintain(confirmed_ms).unwrap();
    let rolled = archive.select_rolled(&[], START, confirmed_ms, DAY, super::Limits::default());
    let rolled = rolled.unwrap();
    assert_eq!(rolled.tier, Tier::Hour);
    let full = DAY / PACE;
    // Roll-ups that were cut off and done again count each sample once.
    for series in &rolled.series {
        let counts: Vec<u64> = series.buckets.iter().map(|bucket| bucket.count).collect();
        assert!(counts[..3].iter().all(|count| *count == full as u64), "{counts:?}");
    }
}

/// The child: goes on where the last one ended, and says what is confirmed.
#[expect(clippy::print_stdout, reason = "the parent reads what was confirmed")]
fn measure_for_ever(place: &Path) {
    let archive = open(place, &options());
    let newest =
        all(&archive).iter().filter_map(|data| data.samples.last()).map(|at| at.at_ms).min();
    let mut at_ms = newest.map_or(START, |newest| newest + PACE);
    let mut numbers = Numbers::new(at_ms as u64);
    loop {
        // A pass may be there for some series: a row is whole or not at all, so it is not.
        assert_eq!(archive.append(at_ms, &batch(at_ms)).unwrap().written, SERIES as u64);
        if numbers.below(3) == 0 {
            archive.sync().unwrap();
            println!("\nconfirmed {at_ms}");
        }
        if numbers.below(20) == 0 {
            archive.maintain(at_ms).unwrap();
        }
        at_ms += PACE;
    }
}

/// Starts a child, lets it write for a while, kills it, and tells what it confirmed.
fn run_and_kill(place: &Path, round: u64) -> i64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "history::crash::f1_what_was_confirmed_survives_kill_9", "--nocapture"])
        .env(PLACE, place)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Another moment of the cycle in each round.
    let enough = 8 + round * 17 % 60;
    let (mut confirmed_ms, mut count) = (0, 0);
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let Some(rest) = line.strip_prefix("confirmed ") else { continue };
        confirmed_ms = rest.parse().unwrap();
        count += 1;
        if count == enough {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(count >= enough, "the child ended by itself after {count} confirmations");
    confirmed_ms
}

/// The newest file of the log, and its length.
fn log(place: &Path) -> (std::path::PathBuf, u64) {
    let files = std::fs::read_dir(place.join("wal")).unwrap();
    let newest = files.map(|entry| entry.unwrap().path()).max().unwrap();
    let length = newest.metadata().unwrap().len();
    (newest, length)
}

/// A power cut may take what was not confirmed, in part and in any order.
#[test]
fn f1_a_log_that_lost_what_was_not_confirmed_loses_no_more() {
    let directory = tempfile::tempdir().unwrap();
    let copies = tempfile::tempdir().unwrap();
    let mut numbers = Numbers::new(99);
    let mut archive = open(directory.path(), &options());
    let (mut confirmed_ms, mut confirmed_length) = (START, 0);
    for pass in 0..260 {
        let at_ms = START + pass * PACE;
        archive.append(at_ms, &batch(at_ms)).unwrap();
        if pass == 0 || numbers.below(6) == 0 {
            archive.sync().unwrap();
            (confirmed_ms, confirmed_length) = (at_ms, log(directory.path()).1);
        }
        if numbers.below(50) == 0 {
            archive.maintain(at_ms).unwrap();
            archive.sync().unwrap();
            (confirmed_ms, confirmed_length) = (at_ms, log(directory.path()).1);
        }
        if numbers.below(5) > 0 {
            continue;
        }
        // Nothing is written when it is dropped, so the copy is what a kill leaves.
        drop(archive);
        let copy = copies.path().join(pass.to_string());
        super::damage::copy(directory.path(), &copy);
        let (newest, length) = log(&copy);
        // A checkpoint began another file by itself, and what is in partitions is confirmed.
        let confirmed = confirmed_length.min(length);
        if confirmed < length && log(directory.path()).1 >= confirmed_length {
            let at = confirmed + numbers.below(length - confirmed);
            let mut bytes = std::fs::read(&newest).unwrap();
            match numbers.below(2) {
                0 => bytes.truncate(at as usize),
                _ => bytes[at as usize] ^= 1 << numbers.below(8),
            }
            std::fs::write(&newest, bytes).unwrap();
        }
        check_some(&open(&copy, &options()), confirmed_ms);
        archive = open(directory.path(), &options());
        // Opening began another file; the old one is all confirmed or not as it was.
        archive.sync().unwrap();
        archive.checkpoint().unwrap();
        (confirmed_ms, confirmed_length) = (at_ms, log(directory.path()).1);
    }
}

/// As [`check`], but rows beyond what was confirmed may be missing in the middle.
fn check_some(archive: &Archive, confirmed_ms: i64) {
    for data in all(archive) {
        let series: usize = data.key.label("vm").strip_prefix("vm-").unwrap().parse().unwrap();
        for sample in &data.samples {
            assert_eq!(sample.value.to_bits(), value(series, sample.at_ms).to_bits());
        }
        let confirmed = data.samples.iter().filter(|sample| sample.at_ms <= confirmed_ms).count();
        assert_eq!(confirmed as i64, (confirmed_ms - START) / PACE + 1, "{}", data.key);
    }
}
