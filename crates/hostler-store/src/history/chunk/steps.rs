//! Values that are decimal numbers, by their steps: what the digits change by, above the
//! least change and in parts of what divides all of them. A counter of bytes in pages of
//! 4 KiB that always grows by about as much costs what its growth wavers.
//!
//! ```text
//!  exponent u8 │ how times u8 │ how steps u8 │ first zigzag │ least zigzag │ divisor │ bits
//!
//!  how steps: 64 where a step may go down as well as up and is written by its zigzag;
//!             the rest of it, and how times: see `Code`
//!  bits:      of each sample after the first, its time's change of change, and its step
//! ```

use hostler_core::metrics::series::Sample;

use super::super::bits::{BitReader, BitWriter, ByteReader, put_varint, unzigzag, zigzag};
use super::code::Code;
use super::{
    BY_STEPS, DIGIT_WIDTHS, EXPONENT_MAX, TIME_WIDTHS, Times, digits_of, header, scale_of,
};

/// Says that steps go up and down.
const BOTH_WAYS: u8 = 64;

/// Where every value is a decimal number that comes back to the bit.
pub(super) fn encode(samples: &[Sample], end_ms: i64) -> Option<Vec<u8>> {
    let (exponent, digits) = all_digits(samples)?;
    let (first, first_digits) = (samples.first()?, *digits.first()?);
    let mut times = Times { last: first.at_ms, delta: 0 };
    let times: Vec<u64> =
        samples.iter().skip(1).map(|sample| zigzag(times.change(sample.at_ms))).collect();
    let after = digits.iter().skip(1);
    let steps: Vec<i64> = digits.iter().zip(after).map(|(one, next)| next - one).collect();
    let plan = Plan::best(&steps);
    let by_time = Code::best(&times, TIME_WIDTHS).0;

    let count = u32::try_from(samples.len()).ok()?;
    let mut bytes = header(BY_STEPS, count, first.at_ms, end_ms);
    let both = if plan.both_ways { BOTH_WAYS } else { 0 };
    bytes.extend([exponent, by_time.byte(), both | plan.code.byte()]);
    put_varint(&mut bytes, zigzag(first_digits));
    put_varint(&mut bytes, zigzag(plan.least));
    put_varint(&mut bytes, plan.divisor);
    let mut bits = BitWriter::default();
    for (time, step) in times.iter().zip(&steps) {
        by_time.write(&mut bits, *time);
        plan.code.write(&mut bits, plan.number(*step));
    }
    bytes.extend_from_slice(bits.bytes());
    Some(bytes)
}

pub(super) fn decode(
    start_ms: i64,
    count: usize,
    mut reader: ByteReader<'_>,
) -> Option<Vec<Sample>> {
    let [exponent, by_time, how] = reader.array()?;
    let scale = scale_of(exponent)?;
    let by_time = Code::of_byte(by_time, TIME_WIDTHS)?;
    let code = Code::of_byte(how & !BOTH_WAYS, DIGIT_WIDTHS)?;
    let mut digits = unzigzag(reader.varint()?);
    let (least, divisor) = (unzigzag(reader.varint()?), reader.varint()?);
    let plan = Plan { both_ways: how & BOTH_WAYS != 0, least, divisor, code };
    let mut bits = BitReader::new(reader.0);
    let mut times = Times { last: start_ms, delta: 0 };
    let mut samples = Vec::with_capacity(count);
    samples.push(Sample { at_ms: start_ms, value: digits as f64 / scale });
    for _ in 1..count {
        let at_ms = times.after(unzigzag(by_time.read(&mut bits)?));
        digits = digits.wrapping_add(plan.step(code.read(&mut bits)?));
        samples.push(Sample { at_ms, value: digits as f64 / scale });
    }
    Some(samples)
}

/// The digits of all values, with the fewest behind the point that all need.
fn all_digits(samples: &[Sample]) -> Option<(u8, Vec<i64>)> {
    (0..=EXPONENT_MAX).find_map(|exponent| {
        let scale = scale_of(exponent)?;
        let digits: Option<Vec<i64>> =
            samples.iter().map(|sample| digits_of(sample.value, scale)).collect();
        Some((exponent, digits?))
    })
}

/// How steps become numbers, and these bits.
struct Plan {
    both_ways: bool,
    /// The least step; nothing where steps go both ways.
    least: i64,
    /// What divides all of them.
    divisor: u64,
    code: Code,
}

impl Plan {
    fn best(steps: &[i64]) -> Self {
        let least = steps.iter().copied().min().unwrap_or(0);
        let [up, both] = [(false, least), (true, 0)].map(|(both_ways, least)| {
            // Digits are below 2^53, so that no difference of steps overflows.
            let from_least = steps.iter().map(|step| (step - least).unsigned_abs());
            let divisor = from_least.fold(0, common_divisor).max(1);
            let mut plan = Self { both_ways, least, divisor, code: Code::Rice(0) };
            let numbers: Vec<u64> = steps.iter().map(|step| plan.number(*step)).collect();
            let (code, bits) = Code::best(&numbers, DIGIT_WIDTHS);
            plan.code = code;
            (plan, bits)
        });
        if both.1 < up.1 { both.0 } else { up.0 }
    }

    fn number(&self, step: i64) -> u64 {
        let divisor = i64::try_from(self.divisor).unwrap_or(i64::MAX);
        let part = (step - self.least) / divisor;
        if self.both_ways { zigzag(part) } else { part.unsigned_abs() }
    }

    /// Undoes [`Plan::number`]; of bytes that nobody wrote so, some number.
    fn step(&self, number: u64) -> i64 {
        let part = if self.both_ways { unzigzag(number) } else { number as i64 };
        part.wrapping_mul(self.divisor as i64).wrapping_add(self.least)
    }
}

fn common_divisor(mut one: u64, mut other: u64) -> u64 {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}
