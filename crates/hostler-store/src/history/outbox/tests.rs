//! What waits arrives once and in order, whatever was killed, full or damaged.

use proptest::prelude::*;

use super::super::STALE_BITS;
use super::*;

fn key(name: &str) -> SeriesKey {
    SeriesKey::new("m", [("vm", name)]).unwrap()
}

/// A pass: the value of each of these at that time.
fn pass(names: &[&str], at_ms: i64) -> Vec<(SeriesKey, Sample)> {
    names.iter().map(|name| (key(name), Sample { at_ms, value: at_ms as f64 })).collect()
}

const ALL: Take = Take { now_ms: 0, samples: 1000, is_each_once: false };

fn open(directory: &tempfile::TempDir, options: OutboxOptions) -> Outbox {
    Outbox::open(&directory.path().join("queue"), options).unwrap()
}

fn times(batch: &Batch) -> Vec<i64> {
    batch.samples.iter().map(|(_, sample)| sample.at_ms).collect()
}

/// Takes and settles all that waits.
fn drain(outbox: &Outbox, take: Take) -> Vec<(SeriesKey, Sample)> {
    let mut all = Vec::new();
    while let Some(batch) = outbox.take(take).unwrap() {
        all.extend(batch.samples.iter().cloned());
        outbox.settle(&batch);
    }
    all
}

#[test]
fn what_was_not_settled_is_taken_again_also_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let outbox = open(&directory, OutboxOptions::default());
    for at_ms in 1..=3 {
        outbox.append(&pass(&["a", "b"], at_ms)).unwrap();
    }
    let take = Take { samples: 2, ..ALL };
    let first = outbox.take(take).unwrap().unwrap();
    assert_eq!(times(&first), [1, 1]);
    assert_eq!(outbox.take(take).unwrap().unwrap(), first);
    outbox.settle(&first);
    let second = outbox.take(take).unwrap().unwrap();
    assert_eq!(times(&second), [2, 2]);
    assert_eq!((outbox.figures().samples, outbox.figures().oldest_ms), (4, Some(2)));
    drop(outbox);
    let outbox = open(&directory, OutboxOptions::default());
    assert_eq!((outbox.figures().samples, outbox.figures().oldest_ms), (4, Some(2)));
    outbox.append(&pass(&["b", "c"], 4)).unwrap();
    let rest = drain(&outbox, take);
    assert_eq!(rest.iter().map(|it| it.1.at_ms).collect::<Vec<_>>(), [2, 2, 3, 3, 4, 4]);
    assert_eq!(rest.last().unwrap().0, key("c"));
    let figures = outbox.figures();
    assert_eq!((figures.samples, figures.bytes, figures.oldest_ms), (0, 0, None));
    drop(outbox);
    assert_eq!(open(&directory, OutboxOptions::default()).take(ALL).unwrap(), None);
}

#[test]
fn a_batch_has_each_series_once_where_that_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let outbox = open(&directory, OutboxOptions::default());
    outbox.append(&pass(&["a", "b"], 1)).unwrap();
    outbox.append(&pass(&["c"], 1)).unwrap();
    outbox.append(&pass(&["a"], 2)).unwrap();
    outbox.append(&pass(&["b"], 3)).unwrap();
    let take = Take { is_each_once: true, ..ALL };
    for expected in [vec![1, 1, 1], vec![2, 3]] {
        let batch = outbox.take(take).unwrap().unwrap();
        assert_eq!(times(&batch), expected);
        outbox.settle(&batch);
    }
    assert_eq!(outbox.take(take).unwrap(), None);
}

#[test]
fn the_oldest_goes_first_when_there_is_no_room_and_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let max_bytes = 16 << 10;
    let outbox = open(&directory, OutboxOptions { max_bytes, ..OutboxOptions::default() });
    outbox.append(&pass(&["a"], 0)).unwrap();
    let out = outbox.take(ALL).unwrap().unwrap();
    for at_ms in 1..=1000 {
        outbox.append(&pass(&["a"], at_ms)).unwrap();
        let used: u64 = std::fs::read_dir(&outbox.parts.path)
            .unwrap()
            .map(|entry| entry.unwrap().metadata().unwrap().len())
            .sum();
        assert!(used <= max_bytes + 1024, "{used}");
    }
    assert_eq!(outbox.is_gone(&out, 0), Some(Gone::Full));
    outbox.give_up(&out, Gone::Full, 0);
    let figures = outbox.figures();
    assert!(figures.losses.full > 100, "{figures:?}");
    assert_eq!(figures.samples + figures.losses.full, 1001);
    let rest = drain(&outbox, ALL);
    assert_eq!(rest.len() as u64, figures.samples);
    // The newest, without a gap.
    let expected = (1001 - rest.len() as i64)..=1000;
    assert!(rest.iter().map(|it| it.1.at_ms).eq(expected));
    assert_eq!(figures.oldest_ms, Some(rest[0].1.at_ms));
}

#[test]
fn what_waited_too_long_is_not_sent_and_counted() {
    let directory = tempfile::tempdir().unwrap();
    let outbox = open(&directory, OutboxOptions { max_age_ms: 10, ..OutboxOptions::default() });
    for at_ms in [1, 2, 30] {
        outbox.append(&pass(&["a", "b"], at_ms)).unwrap();
    }
    let first = outbox.take(Take { now_ms: 11, samples: 1, ..ALL }).unwrap().unwrap();
    assert_eq!(outbox.is_gone(&first, 11), None);
    assert_eq!(outbox.is_gone(&first, 12), Some(Gone::Old));
    outbox.give_up(&first, Gone::Old, 1);
    assert_eq!(outbox.figures().losses.old, 1);
    let batch = outbox.take(Take { now_ms: 35, ..ALL }).unwrap().unwrap();
    assert_eq!(times(&batch), [30, 30]);
    assert_eq!((outbox.figures().losses.old, outbox.figures().samples), (3, 2));
}

#[test]
fn damage_costs_what_is_damaged() {
    let directory = tempfile::tempdir().unwrap();
    let outbox = open(&directory, OutboxOptions::default());
    for at_ms in 1..=9 {
        outbox.append(&pass(&["a"], at_ms)).unwrap();
    }
    let path = outbox.state().pieces[0].path.clone();
    drop(outbox);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    bytes.truncate(bytes.len() - 1);
    std::fs::write(&path, bytes).unwrap();
    let outbox = open(&directory, OutboxOptions::default());
    let figures = outbox.figures();
    assert_eq!((figures.samples, figures.losses.damaged_rows), (7, 1));
    outbox.append(&pass(&["a"], 10)).unwrap();
    let found: Vec<i64> = drain(&outbox, ALL).iter().map(|it| it.1.at_ms).collect();
    assert_eq!(found.len(), 8);
    assert!(found.is_sorted() && found.last() == Some(&10), "{found:?}");
}

#[test]
fn two_processes_do_not_share_a_queue() {
    let directory = tempfile::tempdir().unwrap();
    let _first = open(&directory, OutboxOptions::default());
    assert!(Outbox::open(&directory.path().join("queue"), OutboxOptions::default()).is_err());
}

/// What is done to a queue.
#[derive(Debug, Clone)]
enum Deed {
    /// How many series, and whether they end.
    Append(u8, bool),
    Take(usize, bool),
    Settle,
    Restart,
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = prop_oneof![
        4 => (1..6_u8, any::<bool>()).prop_map(|(count, ends)| Deed::Append(count, ends)),
        4 => (1..8_usize, any::<bool>()).prop_map(|(samples, once)| Deed::Take(samples, once)),
        3 => Just(Deed::Settle),
        1 => Just(Deed::Restart),
    ];
    proptest::collection::vec(deed, 1..60)
}

proptest! {
    /// Against a plain list: nothing is lost, twice, out of order or of other bits, however
    /// small the files are and whenever it is opened again.
    #[test]
    fn a_queue_is_a_queue(deeds in deeds()) {
        let directory = tempfile::tempdir().unwrap();
        // Files of about five rows; never full.
        let options = OutboxOptions { max_bytes: 1 << 40, ..OutboxOptions::default() };
        let mut outbox = Some(open(&directory, options));
        let (mut model, mut out) = (VecDeque::new(), None);
        let bits = |batch: &[(SeriesKey, Sample)]| -> Vec<_> {
            batch.iter().map(|(key, it)| (key.clone(), it.at_ms, it.value.to_bits())).collect()
        };
        for (at, deed) in deeds.into_iter().enumerate() {
            let queue = outbox.as_ref().unwrap();
            match deed {
                Deed::Append(count, ends) => {
                    let value = if ends { f64::from_bits(STALE_BITS) } else { at as f64 };
                    let sample = Sample { at_ms: at as i64, value };
                    let row: Vec<_> =
                        (0..count).map(|n| (key(&n.to_string()), sample)).collect();
                    queue.append(&row).unwrap();
                    if at % 5 == 4 {
                        let mut state = queue.state();
                        queue.next_file(&mut state).unwrap();
                    }
                    model.push_back(bits(&row));
                }
                Deed::Take(samples, is_each_once) => {
                    let batch = queue.take(Take { now_ms: 0, samples, is_each_once }).unwrap();
                    let Some(batch) = batch else {
                        prop_assert!(model.is_empty());
                        continue;
                    };
                    let (mut expected, mut rows) = (Vec::new(), 0);
                    while expected.len() < batch.samples.len() {
                        expected.extend(model[rows].iter().cloned());
                        rows += 1;
                    }
                    prop_assert_eq!(bits(&batch.samples), expected);
                    prop_assert!(rows == 1 || batch.samples.len() <= samples);
                    out = Some((batch, rows));
                }
                Deed::Settle => {
                    if let Some((batch, rows)) = out.take() {
                        queue.settle(&batch);
                        model.drain(..rows);
                    }
                }
                Deed::Restart => {
                    out = None;
                    // Before the next one opens it.
                    drop(outbox.take());
                    outbox = Some(open(&directory, options));
                }
            }
            let waiting = outbox.as_ref().unwrap().figures().samples;
            prop_assert_eq!(waiting, model.iter().map(|row| row.len() as u64).sum::<u64>());
        }
    }
}
