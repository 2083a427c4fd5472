//! Numbers as bits, in whichever of two ways takes fewer of all of them.
//!
//! ```text
//!  rice k:   u >> k as so many ones │ 0 │ the lowest k bits
//!            from 20 ones on: 20 ones │ 64 bits
//!  widths:   0 │ 10 6 │ 110 14 │ 1110 24 │ 11110 34 │ 11111 64
//! ```
//!
//! The first is for numbers that are all about as large, the second for many that are
//! zero beside some that are large.

use super::super::bits::{BitReader, BitWriter};

/// The widths a number is written in: as many ones before it as its place in here.
pub(super) type Widths = [u32; 6];

/// Of so many ones no zero ends them, and the number is written as it is.
const ONES_MAX: u32 = 20;
/// The most bits that are written as they are.
const RICE_MAX: u8 = 62;
/// The byte that says "by widths".
const BY_WIDTHS: u8 = 63;

/// How numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    Rice(u8),
    Widths(Widths),
}

impl Code {
    /// The one of the fewest bits for these numbers, where `widths` is the other way; and
    /// how many bits.
    pub(super) fn best(numbers: &[u64], widths: Widths) -> (Self, u64) {
        let by = |code: Self| (code, numbers.iter().map(|number| code.cost(*number)).sum());
        let sum: u128 = numbers.iter().map(|number| u128::from(*number)).sum();
        let mean = sum / (numbers.len().max(1) as u128);
        // The best is near the mean's own length.
        let length = (u128::BITS - mean.leading_zeros()).min(u32::from(RICE_MAX)) as u8;
        let near = length.saturating_sub(3)..=length.min(RICE_MAX);
        let all = near.map(Self::Rice).chain([Self::Widths(widths)]);
        all.map(by).min_by_key(|(_, bits)| *bits).unwrap_or((Self::Rice(0), u64::MAX))
    }

    /// The byte that names it.
    pub(super) const fn byte(self) -> u8 {
        match self {
            Self::Rice(kept) => kept,
            Self::Widths(_) => BY_WIDTHS,
        }
    }

    /// The one that a byte names; `widths` as when it was written.
    pub(super) const fn of_byte(byte: u8, widths: Widths) -> Option<Self> {
        match byte {
            0..=RICE_MAX => Some(Self::Rice(byte)),
            BY_WIDTHS => Some(Self::Widths(widths)),
            _ => None,
        }
    }

    fn cost(self, number: u64) -> u64 {
        u64::from(match self {
            Self::Rice(kept) => match number >> kept {
                ones if ones < u64::from(ONES_MAX) => ones as u32 + 1 + u32::from(kept),
                _ => ONES_MAX + u64::BITS,
            },
            Self::Widths(widths) => {
                let (ones, width) = place(number, widths);
                (ones + 1).min(5) + width
            }
        })
    }

    pub(super) fn write(self, bits: &mut BitWriter, number: u64) {
        match self {
            Self::Rice(kept) => match number >> kept {
                ones if ones < u64::from(ONES_MAX) => {
                    let ones = ones as u32;
                    bits.bits((1 << (ones + 1)) - 2, ones + 1);
                    bits.bits(number, u32::from(kept));
                }
                _ => {
                    bits.bits((1 << ONES_MAX) - 1, ONES_MAX);
                    bits.bits(number, u64::BITS);
                }
            },
            Self::Widths(widths) => {
                let (ones, width) = place(number, widths);
                match ones {
                    5 => bits.bits(0b1_1111, 5),
                    _ => bits.bits((1 << (ones + 1)) - 2, ones + 1),
                }
                bits.bits(number, width);
            }
        }
    }

    pub(super) fn read(self, bits: &mut BitReader<'_>) -> Option<u64> {
        match self {
            Self::Rice(kept) => match bits.ones(ONES_MAX)? {
                ONES_MAX => bits.bits(u64::BITS),
                ones => {
                    let low = bits.bits(u32::from(kept))?;
                    u64::from(ones).checked_shl(u32::from(kept)).map(|high| high | low)
                }
            },
            Self::Widths(widths) => {
                let width = *widths.get(bits.ones(5)? as usize)?;
                bits.bits(width)
            }
        }
    }
}

/// Which of the widths a number takes.
fn place(number: u64, widths: Widths) -> (u32, u32) {
    let needed = u64::BITS - number.leading_zeros();
    let ones = widths.iter().position(|width| needed <= *width).unwrap_or(5);
    (ones as u32, widths.get(ones).copied().unwrap_or(u64::BITS))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WIDTHS: Widths = [0, 6, 14, 24, 34, 64];

    proptest! {
        #[test]
        fn numbers_come_back_in_as_many_bits_as_was_said(
            numbers in prop::collection::vec((any::<u64>(), 0_u32..64).prop_map(|(n, by)| n >> by), 0..200),
        ) {
            let (best, cost) = Code::best(&numbers, WIDTHS);
            for code in (0..=RICE_MAX).map(Code::Rice).chain([Code::Widths(WIDTHS), best]) {
                prop_assert_eq!(Code::of_byte(code.byte(), WIDTHS), Some(code));
                let mut bits = BitWriter::default();
                numbers.iter().for_each(|number| code.write(&mut bits, *number));
                let took: u64 = numbers.iter().map(|number| code.cost(*number)).sum();
                prop_assert_eq!(bits.bytes().len() as u64, took.div_ceil(8));
                let mut bits = BitReader::new(bits.bytes());
                for number in &numbers {
                    prop_assert_eq!(code.read(&mut bits), Some(*number), "{:?}", code);
                }
                prop_assert!(code != best || took == cost);
            }
        }
    }

    #[test]
    fn what_is_all_as_large_takes_rice_and_what_is_mostly_nothing_widths() {
        let alike: Vec<u64> = (0..100).map(|at| 1000 + at * 7 % 64).collect();
        assert!(matches!(Code::best(&alike, WIDTHS).0, Code::Rice(8..=10)));
        let rare: Vec<u64> = (0..100).map(|at| if at % 30 == 0 { 1 << 20 } else { 0 }).collect();
        assert_eq!(Code::best(&rare, WIDTHS).0, Code::Widths(WIDTHS));
        assert_eq!(Code::best(&[0; 50], WIDTHS).1, 50);
        assert_eq!(Code::of_byte(64, WIDTHS), None);
    }
}
