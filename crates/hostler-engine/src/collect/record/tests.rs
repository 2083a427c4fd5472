//! Which series a pass goes on with, begins and ends.

use hostler_core::Timestamp;
use tokio::time::Instant;

use super::*;

fn reading(at_ms: i64, devices: &[&str]) -> Reading {
    let read =
        |device: &&str| Point::labelled(Metric::VmDiskReadBytesTotal, Labels::one(*device), 1.0);
    let points: Vec<Point> = devices.iter().map(read).collect();
    let rates = vec![None; points.len()];
    let at = Timestamp::from_millis(at_ms);
    Reading { at, arrived: Instant::now(), points, rates, own: Vec::new() }
}

/// What a pass is made into: what is written, and what ends.
fn pass(before: Known, vm: &str, reading: &Reading) -> (Known, Vec<String>, Vec<String>) {
    let mut draft = Draft::default();
    let known = draft.read(before, &[("vm", vm)], reading, true);
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
    let known = draft.read(known, &[("vm", "web")], &reading(1, &["vda"]), false);
    assert!(draft.samples.is_empty() && draft.ended.is_empty());
    let (_, written, ended) = pass(known, "web", &reading(2, &["vda"]));
    assert_eq!((written.len(), ended.len()), (1, 0));
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
