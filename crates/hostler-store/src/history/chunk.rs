//! A chunk: some samples of one series, small. Times as the change of their
//! distance, values either as what differs from the value before (after the paper
//! on Gorilla, VLDB 2015) or, where every value is a decimal number, by the steps
//! of its digits, whichever is smaller.
//!
//! ```text
//!  kind u8 │ count varint │ end − start varint │ what the kind needs │ bits
//!
//!  by difference:  time: 0 │ 10 4 │ 110 7 │ 1110 12 │ 11110 20 │ 11111 64
//!                  value: 0 │ 10 window as before │ 11 leading 5, length 6, bits
//!  by steps:       see `steps`
//!  by digits:      exponent u8; time as above, value: 0 │ 10 6 │ 110 14 │ 1110 24 │
//!                  11110 34 │ 11111 64. Not written any more.
//! ```
//!
//! The start of a chunk is its key and not written again. Any 64 bits of a value and
//! any time come back as they were; any bytes are decoded or refused, never a panic.

mod code;
mod steps;

use hostler_core::metrics::series::Sample;

use super::bits::{BitReader, BitWriter, ByteReader, put_varint, unzigzag, zigzag};
use code::{Code, Widths};

/// Values by what differs in their bits.
const BY_DIFFERENCE: u8 = 1;
/// Values by the change of their digits; only read.
const BY_DIGITS: u8 = 2;
/// Values by the steps of their digits.
const BY_STEPS: u8 = 3;

const TIME_WIDTHS: Widths = [0, 4, 7, 12, 20, 64];
const DIGIT_WIDTHS: Widths = [0, 6, 14, 24, 34, 64];

/// The most digits behind the point: nanoseconds, told as seconds.
const EXPONENT_MAX: u8 = 9;
/// Up to here an `f64` counts every whole number.
const DIGITS_MAX: f64 = 9_007_199_254_740_992.0;

/// Bytes that are no chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("these bytes are no chunk of samples")]
pub(super) struct NoChunk;

/// A chunk that grows, sample by sample.
#[derive(Debug, Clone)]
pub(super) struct OpenChunk {
    bits: BitWriter,
    count: u32,
    start_ms: i64,
    times: Times,
    values: Values,
}

impl OpenChunk {
    pub(super) fn new(first: Sample) -> Self {
        let mut bits = BitWriter::default();
        bits.bits(first.value.to_bits(), 64);
        let times = Times { last: first.at_ms, delta: 0 };
        let values = Values { last: first.value.to_bits(), leading: 0, length: 0 };
        Self { bits, count: 1, start_ms: first.at_ms, times, values }
    }

    pub(super) fn push(&mut self, sample: Sample) {
        self.times.write(&mut self.bits, sample.at_ms);
        self.values.write(&mut self.bits, sample.value.to_bits());
        self.count += 1;
    }

    pub(super) const fn count(&self) -> u32 {
        self.count
    }

    pub(super) const fn start_ms(&self) -> i64 {
        self.start_ms
    }

    pub(super) const fn end_ms(&self) -> i64 {
        self.times.last
    }

    /// The chunk so far.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = header(BY_DIFFERENCE, self.count, self.start_ms, self.times.last);
        bytes.extend_from_slice(self.bits.bytes());
        bytes
    }
}

/// What stands before the bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) count: usize,
    pub(super) end_ms: i64,
    kind: u8,
}

fn header(kind: u8, count: u32, start_ms: i64, end_ms: i64) -> Vec<u8> {
    let mut bytes = vec![kind];
    put_varint(&mut bytes, u64::from(count));
    put_varint(&mut bytes, end_ms.wrapping_sub(start_ms) as u64);
    bytes
}

fn read_header<'a>(start_ms: i64, bytes: &'a [u8]) -> Option<(Header, ByteReader<'a>)> {
    let mut reader = ByteReader(bytes);
    let [kind] = reader.array()?;
    let count = usize::try_from(reader.varint()?).ok()?;
    let end_ms = start_ms.wrapping_add(reader.varint()? as i64);
    // Each sample takes two bits at least, so that a few bytes cannot ask for much memory.
    let sound = count > 0 && count <= reader.0.len().saturating_mul(4) + 1;
    sound.then_some((Header { count, end_ms, kind }, reader))
}

/// How many samples a chunk has and when it ends, without reading them.
pub(super) fn peek(start_ms: i64, bytes: &[u8]) -> Result<Header, NoChunk> {
    read_header(start_ms, bytes).map(|(header, _)| header).ok_or(NoChunk)
}

/// The samples of a chunk that starts at `start_ms`.
pub(super) fn decode(start_ms: i64, bytes: &[u8]) -> Result<Vec<Sample>, NoChunk> {
    let (header, reader) = read_header(start_ms, bytes).ok_or(NoChunk)?;
    match header.kind {
        BY_DIFFERENCE => by_difference(start_ms, header.count, reader.0),
        BY_DIGITS => by_digits(start_ms, header.count, reader),
        BY_STEPS => steps::decode(start_ms, header.count, reader),
        _ => None,
    }
    .filter(|samples| samples.last().is_some_and(|last| last.at_ms == header.end_ms))
    .ok_or(NoChunk)
}

fn by_difference(start_ms: i64, count: usize, bytes: &[u8]) -> Option<Vec<Sample>> {
    let mut bits = BitReader::new(bytes);
    let mut samples = Vec::with_capacity(count);
    let first = bits.bits(64)?;
    let mut times = Times { last: start_ms, delta: 0 };
    let mut values = Values { last: first, leading: 0, length: 0 };
    samples.push(Sample { at_ms: start_ms, value: f64::from_bits(first) });
    for _ in 1..count {
        let at_ms = times.read(&mut bits)?;
        let value = f64::from_bits(values.read(&mut bits)?);
        samples.push(Sample { at_ms, value });
    }
    Some(samples)
}

fn by_digits(start_ms: i64, count: usize, mut reader: ByteReader<'_>) -> Option<Vec<Sample>> {
    let [exponent] = reader.array()?;
    let scale = scale_of(exponent)?;
    let mut bits = BitReader::new(reader.0);
    let mut samples = Vec::with_capacity(count);
    let mut times = Times { last: start_ms, delta: 0 };
    let mut digits = bits.bits(64)? as i64;
    samples.push(Sample { at_ms: start_ms, value: digits as f64 / scale });
    for _ in 1..count {
        let at_ms = times.read(&mut bits)?;
        digits = digits.wrapping_add(unzigzag(Code::Widths(DIGIT_WIDTHS).read(&mut bits)?));
        samples.push(Sample { at_ms, value: digits as f64 / scale });
    }
    Some(samples)
}

/// Samples as a chunk, in the smaller of both ways; the start is not in it. `None` for none.
pub(super) fn encode(samples: &[Sample]) -> Option<Vec<u8>> {
    let (first, rest) = samples.split_first()?;
    let mut open = OpenChunk::new(*first);
    rest.iter().for_each(|sample| open.push(*sample));
    let plain = open.bytes();
    Some(match steps::encode(samples, open.end_ms()) {
        Some(steps) if steps.len() < plain.len() => steps,
        _ => plain,
    })
}

/// What a value is multiplied with to be digits alone.
fn scale_of(exponent: u8) -> Option<f64> {
    (exponent <= EXPONENT_MAX).then(|| 10_f64.powi(i32::from(exponent)))
}

/// The number which, divided by `scale`, is `value` to the bit.
fn digits_of(value: f64, scale: f64) -> Option<i64> {
    let digits = (value * scale).round();
    // NaN is not less; and minus zero has no digits of its own.
    let number = (digits.abs() < DIGITS_MAX).then_some(digits as i64)?;
    (((number as f64) / scale).to_bits() == value.to_bits()).then_some(number)
}

/// Times: what is written is the change of their change.
#[derive(Debug, Clone, Copy)]
struct Times {
    last: i64,
    delta: i64,
}

impl Times {
    /// What is to be written of the next.
    fn change(&mut self, at: i64) -> i64 {
        let delta = at.wrapping_sub(self.last);
        let change = delta.wrapping_sub(self.delta);
        *self = Self { last: at, delta };
        change
    }

    /// The next, by what was written of it.
    fn after(&mut self, change: i64) -> i64 {
        self.delta = self.delta.wrapping_add(change);
        self.last = self.last.wrapping_add(self.delta);
        self.last
    }

    fn write(&mut self, bits: &mut BitWriter, at: i64) {
        let change = self.change(at);
        Code::Widths(TIME_WIDTHS).write(bits, zigzag(change));
    }

    fn read(&mut self, bits: &mut BitReader<'_>) -> Option<i64> {
        let change = Code::Widths(TIME_WIDTHS).read(bits)?;
        Some(self.after(unzigzag(change)))
    }
}

/// Values by what differs in their bits. A length of zero: no window was given yet.
#[derive(Debug, Clone, Copy)]
struct Values {
    last: u64,
    leading: u32,
    length: u32,
}

impl Values {
    fn write(&mut self, bits: &mut BitWriter, value: u64) {
        let changed = value ^ self.last;
        self.last = value;
        if changed == 0 {
            return bits.bits(0, 1);
        }
        let leading = changed.leading_zeros().min(31);
        let trailing = changed.trailing_zeros();
        let length = 64 - leading - trailing;
        let window_ends = 64 - self.leading - self.length;
        if self.length > 0
            && leading >= self.leading
            && trailing >= window_ends
            // A window that was once wide is left again when that pays.
            && self.length <= length + 11
        {
            bits.bits(0b10, 2);
            bits.bits(changed >> window_ends, self.length);
        } else {
            bits.bits(0b11, 2);
            bits.bits(u64::from(leading), 5);
            bits.bits(u64::from(length - 1), 6);
            bits.bits(changed >> trailing, length);
            (self.leading, self.length) = (leading, length);
        }
    }

    fn read(&mut self, bits: &mut BitReader<'_>) -> Option<u64> {
        if bits.bits(1)? == 1 {
            if bits.bits(1)? == 1 {
                self.leading = bits.bits(5)? as u32;
                self.length = bits.bits(6)? as u32 + 1;
            }
            let window_ends = 64_u32.checked_sub(self.leading + self.length)?;
            if self.length == 0 {
                return None;
            }
            self.last ^= bits.bits(self.length)? << window_ends;
        }
        Some(self.last)
    }
}

#[cfg(test)]
mod tests;
