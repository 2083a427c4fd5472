//! Of roll-ups: they add up, they come back, and no bytes make them panic.

use proptest::prelude::*;

use super::super::head::STALE_BITS;
use super::*;

fn samples(values: &[(i64, f64)]) -> Vec<Sample> {
    values.iter().map(|(at_ms, value)| Sample { at_ms: *at_ms, value: *value }).collect()
}

#[test]
fn d22_a_bucket_tells_count_least_greatest_sum_and_last() {
    let rolled = roll(&samples(&[(0, 4.0), (10, 1.0), (99, 3.0), (100, 7.0)]), false, 0, 100);
    let expected = Bucket {
        start_ms: 0,
        width_ms: 100,
        count: 3,
        min: 1.0,
        max: 4.0,
        sum: 8.0,
        last: 3.0,
        increase: None,
    };
    assert_eq!(rolled[0], expected);
    assert_eq!((rolled.len(), rolled[1].start_ms, rolled[1].count), (2, 100, 1));
}

#[test]
fn a_counter_that_begins_anew_grows_from_zero() {
    let counted = samples(&[(0, 10.0), (10, 15.0), (20, 2.0), (30, 3.0)]);
    let rolled = roll(&counted, true, 0, 100);
    assert_eq!(rolled[0].increase, Some(5.0 + 2.0 + 1.0));
    // From the sample before the span, which is in no bucket.
    let rolled = roll(&counted, true, 10, 100);
    assert_eq!((rolled[0].count, rolled[0].increase), (3, Some(8.0)));
}

#[test]
fn the_mark_of_an_end_is_no_value_and_growth_across_a_long_gap_is_not_told() {
    let stale = f64::from_bits(STALE_BITS);
    let counted = samples(&[(0, 10.0), (10, stale), (20, 12.0), (LOOK_BACK_MS + 21, 50.0)]);
    let rolled = roll(&counted, true, 0, LOOK_BACK_MS * 2);
    assert_eq!((rolled[0].count, rolled[0].increase), (3, Some(2.0)));
    assert!(roll(&samples(&[(0, stale)]), true, 0, 100).is_empty());
}

fn series() -> impl Strategy<Value = Vec<Sample>> {
    prop::collection::vec((1_i64..500_000, -1000_i32..1000), 1..200).prop_map(|steps| {
        let mut at_ms = 0;
        let sample = |(step, value): (i64, i32)| {
            at_ms += step;
            Sample { at_ms, value: f64::from(value) }
        };
        steps.into_iter().map(sample).collect()
    })
}

proptest! {
    #[test]
    fn d22_hours_put_together_of_minutes_are_hours_of_samples(series in series(), counter: bool) {
        let minutes = roll(&series, counter, 0, 300_000);
        prop_assert_eq!(widen(minutes.clone(), 3_600_000), roll(&series, counter, 0, 3_600_000));
        let count: u64 = minutes.iter().map(|bucket| bucket.count).sum();
        prop_assert_eq!(count, series.len() as u64);
    }

    #[test]
    fn d22_roll_ups_come_back(series in series(), counter: bool) {
        let rolled = roll(&series, counter, 0, 300_000);
        prop_assert_eq!(decode(0, 300_000, &encode(0, &rolled)), Some(rolled));
    }

    #[test]
    fn i12_any_bytes_are_decoded_or_refused(
        series in series(), junk in prop::collection::vec(any::<u8>(), 0..200),
        at in any::<prop::sample::Index>(), bit in 0_u8..8,
    ) {
        let _ = decode(0, 300_000, &junk);
        let mut bytes = encode(0, &roll(&series, true, 0, 300_000));
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let _ = decode(0, 300_000, &bytes);
    }
}
