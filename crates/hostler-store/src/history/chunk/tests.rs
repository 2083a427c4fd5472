//! Of chunks: what goes in comes out, to the bit, and no bytes make it panic.

use proptest::prelude::*;

use super::*;

fn bits(samples: &[Sample]) -> Vec<(i64, u64)> {
    samples.iter().map(|sample| (sample.at_ms, sample.value.to_bits())).collect()
}

fn open(samples: &[Sample]) -> OpenChunk {
    let mut open = OpenChunk::new(samples[0]);
    samples[1..].iter().for_each(|sample| open.push(*sample));
    open
}

/// Any bits, numbers as they are measured, and those with a meaning of their own.
fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        (0_u32..1_000_000).prop_map(f64::from),
        (0_i64..1_000_000_000_000).prop_map(|nanoseconds| nanoseconds as f64 / 1e9),
        prop::sample::select(vec![
            0.0,
            -0.0,
            f64::NAN,
            f64::from_bits(0x7ff0_0000_0000_0002),
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MIN_POSITIVE,
            f64::from_bits(1),
            DIGITS_MAX,
            -DIGITS_MAX,
        ]),
    ]
}

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), 1_700_000_000_000_i64..1_700_000_100_000, Just(i64::MIN)]
}

fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let sample = (time(), value()).prop_map(|(at_ms, value)| Sample { at_ms, value });
    prop::collection::vec(sample, 1..300)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn c11_any_times_and_any_values_come_back_to_the_bit(samples in samples()) {
        let start = samples[0].at_ms;
        let small = encode(&samples).unwrap();
        prop_assert_eq!(bits(&decode(start, &small).unwrap()), bits(&samples));
        let open = open(&samples);
        prop_assert_eq!(bits(&decode(start, &open.bytes()).unwrap()), bits(&samples));
        let header = peek(start, &small).unwrap();
        prop_assert_eq!((header.count, header.end_ms), (samples.len(), open.end_ms()));
        prop_assert!(small.len() <= open.bytes().len());
    }

    #[test]
    fn d22_counters_come_back_by_steps(
        steps in prop::collection::vec(0_i64..100_000_000_000, 1..300), exponent in 0_i32..=9,
    ) {
        let mut digits = 0;
        let mut samples = Vec::new();
        for (at, step) in steps.iter().enumerate() {
            digits += step;
            let value = digits as f64 / 10_f64.powi(exponent);
            samples.push(Sample { at_ms: at as i64 * 10_000, value });
        }
        prop_assert_eq!(bits(&decode(0, &encode(&samples).unwrap()).unwrap()), bits(&samples));
    }

    #[test]
    fn i12_any_bytes_are_decoded_or_refused(
        start in any::<i64>(), mut bytes in prop::collection::vec(any::<u8>(), 0..400),
        kind in 0_u8..5,
    ) {
        let _ = decode(start, &bytes);
        if let Some(first) = bytes.first_mut() {
            *first = kind;
        }
        let _ = decode(start, &bytes);
        let _ = peek(start, &bytes);
    }

    #[test]
    fn i12_a_damaged_chunk_is_decoded_or_refused(
        samples in samples(), at in any::<prop::sample::Index>(), bit in 0_u8..8, cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = encode(&samples).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let _ = decode(samples[0].at_ms, &bytes);
        bytes.truncate(cut.index(bytes.len()));
        let _ = decode(samples[0].at_ms, &bytes);
    }
}

#[test]
fn i12_a_few_bytes_cannot_ask_for_much_memory() {
    let mut bytes = vec![BY_DIFFERENCE];
    put_varint(&mut bytes, u64::MAX);
    put_varint(&mut bytes, 0);
    bytes.extend([0; 16]);
    assert_eq!(decode(0, &bytes), Err(NoChunk));
    assert_eq!(decode(0, &[]), Err(NoChunk));
}

#[test]
fn what_stays_as_it_is_takes_two_bits() {
    let samples: Vec<Sample> =
        (0..240).map(|at| Sample { at_ms: at * 10_000, value: 0.1 + 0.2 }).collect();
    // Time once 20 bits, then one bit each.
    assert!(encode(&samples).unwrap().len() < 80, "{}", encode(&samples).unwrap().len());
}

#[test]
fn d22_steps_of_pages_cost_what_their_growth_wavers() {
    // 4 KiB pages, of which 300 to 330 come each time: 5 bits of chance, and a bit of time.
    let waver = |at: u64| at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 59;
    let mut written = 0;
    let samples: Vec<Sample> = (0..360)
        .map(|at| {
            written += (300 + waver(at)) * 4096;
            Sample { at_ms: at as i64 * 10_000, value: written as f64 }
        })
        .collect();
    let chunk = encode(&samples).unwrap();
    assert_eq!(chunk[0], BY_STEPS);
    assert!(chunk.len() * 8 < 360 * 8, "{} bytes", chunk.len());
    assert_eq!(bits(&decode(0, &chunk).unwrap()), bits(&samples));
}

#[test]
fn c11_what_was_written_by_digits_is_still_read() {
    let mut chunk = header(BY_DIGITS, 3, 1_000, 21_000);
    chunk.push(2);
    let mut written = BitWriter::default();
    written.bits(1_050, 64);
    // 10 s each; then 0.05 more, and 10.55 less.
    for (time, change) in [(10_000, 5), (0, -1_055)] {
        Code::Widths(TIME_WIDTHS).write(&mut written, zigzag(time));
        Code::Widths(DIGIT_WIDTHS).write(&mut written, zigzag(change));
    }
    chunk.extend_from_slice(written.bytes());
    let wanted = [(1_000, 10.5), (11_000, 10.55), (21_000, 0.0)];
    let wanted = wanted.map(|(at_ms, value)| Sample { at_ms, value });
    assert_eq!(decode(1_000, &chunk).unwrap(), wanted);
}
