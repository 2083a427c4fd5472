//! Quantities as Kubernetes writes them: `1Gi`, `100m`, `1e3`, `1.5`. Read
//! exactly, since a rounded size is another size.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Longer texts are no quantities; the longest that a server writes has about 30.
const MAX_CHARS: usize = 64;
/// The finest step that Kubernetes keeps, as digits after the point.
const DECIMALS: i64 = 9;
/// Exponents beyond these are no sizes of anything.
const MAX_EXPONENT: i64 = 99;

/// An amount without a unit: bytes, processors, devices. Kept in billionths,
/// the finest step of Kubernetes; what is finer is rounded away from zero, as
/// its servers do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity {
    billionths: i128,
}

/// The text is not a quantity, or one too large to be held.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a quantity; quantities look like 2, 1.5Gi, 100m or 1e3")]
pub struct ParseQuantityError(String);

impl Quantity {
    /// This many, in billionths.
    pub const fn from_billionths(billionths: i128) -> Self {
        Self { billionths }
    }

    /// The amount in billionths, exactly.
    pub const fn billionths(self) -> i128 {
        self.billionths
    }

    /// The smallest whole number that is not less, as Kubernetes takes it for
    /// processors and bytes; `None` when negative or beyond 64 bits.
    pub fn round_up(self) -> Option<u64> {
        let (whole, rest) = self.split()?;
        if rest == 0 { Some(whole) } else { whole.checked_add(1) }
    }

    /// The largest whole number that is not more: what can be given out of it.
    /// `None` when negative or beyond 64 bits.
    pub fn round_down(self) -> Option<u64> {
        self.split().map(|(whole, _)| whole)
    }

    /// Whether there is anything of it.
    pub const fn is_positive(self) -> bool {
        self.billionths > 0
    }

    fn split(self) -> Option<(u64, i128)> {
        let one = 1_000_000_000;
        let whole = u64::try_from(self.billionths.div_euclid(one)).ok()?;
        Some((whole, self.billionths.rem_euclid(one)))
    }
}

/// What stands behind the digits: a power of two and one of ten.
struct Scale {
    twos: u32,
    tens: i64,
}

impl Scale {
    fn of(suffix: &str) -> Option<Self> {
        let decimal = |tens| Some(Self { twos: 0, tens });
        let binary = |twos| Some(Self { twos, tens: 0 });
        match suffix {
            "" => decimal(0),
            "n" => decimal(-9),
            "u" => decimal(-6),
            "m" => decimal(-3),
            "k" => decimal(3),
            "M" => decimal(6),
            "G" => decimal(9),
            "T" => decimal(12),
            "P" => decimal(15),
            "E" => decimal(18),
            "Ki" => binary(10),
            "Mi" => binary(20),
            "Gi" => binary(30),
            "Ti" => binary(40),
            "Pi" => binary(50),
            "Ei" => binary(60),
            // `E` alone is a suffix, with a number behind it an exponent.
            _ => {
                let exponent: i64 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
                (-MAX_EXPONENT..=MAX_EXPONENT).contains(&exponent).then_some(())?;
                decimal(exponent)
            }
        }
    }
}

fn parse(text: &str) -> Option<Quantity> {
    if text.len() > MAX_CHARS {
        return None;
    }
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at_checked(end)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.contains('.') || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let scale = Scale::of(suffix)?;
    // Zeros at the end of the fraction say nothing and would only take room.
    let fraction = fraction.trim_end_matches('0');
    let digits = format!("0{whole}{fraction}");
    let mantissa: i128 = digits.parse().ok()?;
    let tens = scale.tens + DECIMALS - i64::try_from(fraction.len()).ok()?;
    let billionths = scaled(mantissa, scale.twos, tens)?;
    Some(Quantity { billionths: if negative { -billionths } else { billionths } })
}

/// `mantissa` × 2^`twos` × 10^`tens`, rounded up.
fn scaled(mantissa: i128, twos: u32, tens: i64) -> Option<i128> {
    if mantissa == 0 {
        return Some(0);
    }
    let numerator = mantissa.checked_mul(1_i128.checked_shl(twos)?)?;
    let power = 10_i128.checked_pow(u32::try_from(tens.unsigned_abs()).ok()?);
    if tens >= 0 {
        return numerator.checked_mul(power?);
    }
    match power {
        Some(power) => {
            let exact = numerator.rem_euclid(power) == 0;
            Some(numerator / power + i128::from(!exact))
        }
        // A divisor beyond 128 bits is greater than any numerator.
        None => Some(1),
    }
}

impl FromStr for Quantity {
    type Err = ParseQuantityError;

    fn from_str(text: &str) -> Result<Self, ParseQuantityError> {
        parse(text).ok_or_else(|| ParseQuantityError(text.chars().take(MAX_CHARS).collect()))
    }
}

impl<'de> Deserialize<'de> for Quantity {
    /// From a text or a number: the schema calls them "int or string".
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => text.parse().map_err(D::Error::custom),
            Value::Number(number) => number.to_string().parse().map_err(D::Error::custom),
            _ => Err(D::Error::custom("a quantity is a text or a number")),
        }
    }
}

impl fmt::Display for Quantity {
    /// As a plain decimal number, exactly.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.billionths < 0 { "-" } else { "" };
        let magnitude = self.billionths.unsigned_abs();
        let (whole, rest) = (magnitude / 1_000_000_000, magnitude % 1_000_000_000);
        if rest == 0 {
            return write!(f, "{sign}{whole}");
        }
        let fraction = format!("{rest:09}");
        write!(f, "{sign}{whole}.{}", fraction.trim_end_matches('0'))
    }
}
