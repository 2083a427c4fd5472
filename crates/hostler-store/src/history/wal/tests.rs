//! Of the log: what was written is read, damage is told and read around.

use proptest::prelude::*;

use super::*;

fn key(number: u32) -> SeriesKey {
    SeriesKey::new("up", [("n", number.to_string())]).unwrap()
}

/// A file of this many rows, each of which names a series and has samples of all so far;
/// and where each row ends.
fn file(rows: u32) -> (Vec<u8>, Vec<usize>) {
    let mut bytes = MAGIC.to_vec();
    let mut ends = Vec::new();
    for number in 0..rows {
        let mut row = Row::default();
        row.name(number, &key(number));
        for reference in (0..=number).rev() {
            let at_ms = i64::from(number) * 10_000 + i64::from(reference);
            row.sample(reference, Sample { at_ms, value: f64::from(number) });
        }
        bytes.extend(row.bytes(u64::from(number)));
        ends.push(bytes.len());
    }
    (bytes, ends)
}

fn read_all(bytes: &[u8]) -> Vec<Read> {
    let mut all = Vec::new();
    read_bytes(bytes, None, &mut |read| all.push(read));
    all
}

fn samples(read: &[Read]) -> Vec<(SeriesKey, i64)> {
    let sample = |read: &Read| match read {
        Read::Sample(key, sample) => Some((key.clone(), sample.at_ms)),
        _ => None,
    };
    read.iter().filter_map(sample).collect()
}

fn told(read: Vec<Read>) -> Vec<Read> {
    read.into_iter().filter(|read| !matches!(read, Read::Sample(..))).collect()
}

#[test]
fn the_sum_is_the_one_of_zip() {
    // The check value of the algorithm, over "123456789".
    assert_eq!(crc(u64::from_le_bytes(*b"12345678"), b"9"), 0xcbf4_3926);
}

#[test]
fn d22_what_was_written_is_read() {
    let (bytes, _) = file(4);
    let read = read_all(&bytes);
    assert_eq!(samples(&read).len(), 1 + 2 + 3 + 4);
    assert_eq!(samples(&read).last(), Some(&(key(0), 30_000)));
    assert_eq!(told(read), []);
}

#[test]
fn a_row_with_a_flipped_bit_is_told_and_the_next_are_read() {
    let (mut bytes, ends) = file(4);
    bytes[ends[0] + HEADER + 3] ^= 1;
    let lost = ends[1] - ends[0];
    let read = read_all(&bytes);
    assert_eq!(samples(&read).len(), 1 + 2 + 3);
    // The series that the lost row named is not known in the rows behind it.
    let expected = [Read::Damaged { rows: 1, bytes: lost }, Read::Nameless(1), Read::Nameless(1)];
    assert_eq!(told(read), expected);
}

proptest! {
    #[test]
    fn f1_a_file_cut_off_anywhere_gives_every_whole_row(at in any::<prop::sample::Index>()) {
        let (bytes, ends) = file(6);
        let at = at.index(bytes.len());
        let whole = ends.iter().filter(|end| **end <= at).count();
        let read = read_all(&bytes[..at]);
        prop_assert_eq!(samples(&read).len(), whole * (whole + 1) / 2);
        let cut = ends[..whole].last().map_or(MAGIC.len(), |end| *end);
        let expected = if at == cut || at == 0 { vec![] } else { vec![Read::CutOff { bytes: at.saturating_sub(if at < MAGIC.len() { 0 } else { cut }) }] };
        prop_assert_eq!(told(read), expected);
    }

    #[test]
    fn f1_damage_loses_no_row_but_the_one_it_hits_and_invents_none(
        at in any::<prop::sample::Index>(), bit in 0_u8..8,
    ) {
        let (mut bytes, ends) = file(6);
        let before = samples(&read_all(&bytes));
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let read = read_all(&bytes);
        let found = samples(&read);
        prop_assert!(found.iter().all(|sample| before.contains(sample)));
        let hit = ends.iter().filter(|end| **end <= at).count();
        // What the damaged row named is lost, too, in the rows behind it.
        let whole = before.iter().filter(|(series, at_ms)| {
            let row = at_ms / 10_000;
            at < MAGIC.len() || (row != hit as i64 && (row < hit as i64 || *series != key(hit as u32)))
        });
        prop_assert_eq!(found.len(), whole.count());
    }

    #[test]
    fn i12_any_bytes_are_read_or_told(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let read = read_all(&bytes);
        prop_assert!(samples(&read).is_empty());
        let mut row = MARK.to_vec();
        row.extend((bytes.len() as u32).to_le_bytes());
        row.extend(crc(1, &bytes).to_le_bytes());
        row.extend(1_u64.to_le_bytes());
        row.extend(&bytes);
        read_all(&row);
    }
}
