//! Which series a pass goes on with, begins and ends.

use hostler_core::Timestamp;
use hostler_core::id::ProviderId;
use tokio::time::Instant;

use super::*;
use crate::collect::{MeasuredBy, Reading};

fn reading(at_ms: i64, devices: &[&str]) -> PassFigures {
    let read =
        |device: &&str| Point::labelled(Metric::VmDiskReadBytesTotal, Labels::one(*device), 1.0);
    let points: Vec<Point> = devices.iter().map(read).collect();
    let rates = vec![None; points.len()];
    let at = Timestamp::from_millis(at_ms);
    let reading = Reading { at, arrived: Instant::now(), points, rates, own: Vec::new() };
    PassFigures {
        pass: Cost::Stats,
        by: MeasuredBy::Provider,
        origin: ProviderId::new(Timestamp::from_millis(1), [1; 10]).into(),
        reading: Some(Arc::new(reading)),
        age: Duration::ZERO,
        is_fresh: true,
        silent: None,
        is_reached: true,
        elsewhere: None,
    }
}

/// What a pass is made into: what is written, and what ends.
fn pass(before: Known, vm: &str, reading: &PassFigures) -> (Known, Vec<String>, Vec<String>) {
    let mut draft = Draft::default();
    let known = draft.read(before, &[("vm", vm)], reading);
    let written = draft.samples.iter().map(|(key, _)| key.to_string()).collect();
    let mut ended: Vec<String> = draft.ended.iter().map(SeriesKey::to_string).collect();
    ended.sort();
    (known, written, ended)
}

fn series(vm: &str, device: &str) -> String {
    format!("hostler_vm_disk_read_bytes_total{{device=\"{device}\",vm=\"{vm}\"}}")
}

#[tokio::test]
async fn what_is_the_same_goes_on_and_what_is_gone_ends() {
    let (known, written, ended) = pass(Known::default(), "web", &reading(1, &["vda", "vdb"]));
    assert_eq!((written.len(), ended.len()), (2, 0));
    // In another order, with one that is new and one that is gone.
    let (known, written, ended) = pass(known, "web", &reading(2, &["vdc", "vda"]));
    assert_eq!(written, [series("web", "vdc"), series("web", "vda")]);
    assert_eq!(ended, [series("web", "vdb")]);
    let (_, written, ended) = pass(known, "web", &reading(3, &[]));
    assert!(written.is_empty());
    assert_eq!(ended, [series("web", "vda"), series("web", "vdc")]);
}

#[tokio::test]
async fn x22_what_is_renamed_ends_under_its_old_name() {
    let (known, ..) = pass(Known::default(), "web", &reading(1, &["vda"]));
    let (_, written, ended) = pass(known, "www", &reading(2, &["vda"]));
    assert_eq!((written, ended), (vec![series("www", "vda")], vec![series("web", "vda")]));
}

#[tokio::test]
async fn f7_what_did_not_answer_neither_goes_on_nor_ends() {
    let (known, ..) = pass(Known::default(), "web", &reading(1, &["vda"]));
    let mut draft = Draft::default();
    let silent = PassFigures { is_reached: false, ..reading(1, &["vda"]) };
    let known = draft.read(known, &[("vm", "web")], &silent);
    assert!(draft.samples.is_empty() && draft.ended.is_empty());
    let (_, written, ended) = pass(known, "web", &reading(2, &["vda"]));
    assert_eq!((written.len(), ended.len()), (1, 0));
}

#[tokio::test]
async fn x35_what_another_goes_on_with_is_not_written_here_and_does_not_end() {
    let (known, ..) = pass(Known::default(), "web", &reading(1, &["vda"]));
    let told_there = Some(Arc::new([Metric::VmDiskReadBytesTotal].into()));
    let handed_over = PassFigures { elsewhere: told_there, ..reading(2, &["vda"]) };
    let (known, written, ended) = pass(known, "web", &handed_over);
    assert!(written.is_empty() && ended.is_empty(), "{written:?} {ended:?}");
    let (_, written, ended) = pass(known, "web", &reading(3, &["vda"]));
    assert_eq!((written, ended.len()), (vec![series("web", "vda")], 0));
}

#[tokio::test]
async fn x35_what_falls_silent_ends_but_for_what_others_go_on_to_tell() {
    let (mut known, ..) = pass(Known::default(), "web", &reading(1, &["vda", "vdb"]));
    let other = PassFigures { by: MeasuredBy::Own, ..reading(2, &["vda"]) };
    let stale = PassFigures { is_fresh: false, ..reading(2, &["vdb"]) };
    known.leave_to(&[("vm", "www")], std::slice::from_ref(&other));
    assert_eq!(known.series.len(), 2, "that is another thing");
    known.leave_to(&[("vm", "web")], &[other, stale]);
    let mut draft = Draft::default();
    draft.end(OfPass::from([("vm".to_owned(), known)]));
    let ended: Vec<String> = draft.ended.iter().map(SeriesKey::to_string).collect();
    assert_eq!(ended, [series("web", "vdb")]);
}

#[test]
fn trouble_is_told_as_a_word_and_what_was_done_is_given_back() {
    let mut trouble = Trouble::with("write");
    let full = || Err::<(), _>(Error::Full { doing: "append".into() });
    assert_eq!(trouble.tell(full()), None);
    assert!(trouble.error.is_some());
    assert_eq!(trouble.tell(Ok(7)), Some(7));
    assert!(trouble.error.is_none());
}
