//! Lengths of time as Prometheus writes them: `1h30m`, `15s`, `500ms`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The longest period: what fits milliseconds in an `i64`, less than Prometheus' own limit.
pub const PERIOD_MAX: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Each unit with its milliseconds, largest first: the order in which they have to come.
const UNITS: &[(&str, u64)] = &[
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// A length of time, in whole milliseconds, at most [`PERIOD_MAX`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Period(Duration);

impl Period {
    /// No time at all.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// Of so many seconds.
    pub const fn seconds(seconds: u32) -> Self {
        Self(Duration::from_secs(seconds as u64))
    }

    /// As a duration.
    pub const fn duration(self) -> Duration {
        self.0
    }
}

/// Why a text is no period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no length of time; write it as 30s, 5m or 1h30m")]
pub struct BadPeriod(String);

impl FromStr for Period {
    type Err = BadPeriod;

    fn from_str(text: &str) -> Result<Self, BadPeriod> {
        if text == "0" {
            return Ok(Self::ZERO);
        }
        let bad = || BadPeriod(text.chars().take(64).collect());
        let mut rest = text;
        let mut units = UNITS.iter();
        let mut millis: u64 = 0;
        if rest.is_empty() {
            return Err(bad());
        }
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, after) = rest.split_at(digits);
            let letters = after.bytes().take_while(u8::is_ascii_lowercase).count();
            let (unit, after) = after.split_at(letters);
            // Units that were passed over do not come again: 1m1h is none.
            let (_, size) = units.find(|(name, _)| *name == unit).ok_or_else(bad)?;
            let part = number.parse::<u64>().ok().and_then(|number| number.checked_mul(*size));
            millis = part.and_then(|part| millis.checked_add(part)).ok_or_else(bad)?;
            rest = after;
        }
        let duration = Duration::from_millis(millis);
        if duration > PERIOD_MAX { Err(bad()) } else { Ok(Self(duration)) }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if left == 0 {
            return f.write_str("0s");
        }
        for (name, size) in UNITS {
            // As Prometheus: years and weeks only when nothing else is left, since
            // nobody reads 1y1w2d.
            let whole_only = matches!(*name, "y" | "w");
            if left >= *size && (!whole_only || left.is_multiple_of(*size)) {
                write!(f, "{}{name}", left / size)?;
                left %= size;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Period {
    type Error = BadPeriod;

    fn try_from(text: String) -> Result<Self, BadPeriod> {
        text.parse()
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        period.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_period_is_written_as_prometheus_does() {
        for (text, millis) in [
            ("0", 0),
            ("15s", 15_000),
            ("1h30m", 5_400_000),
            ("1d12h", 129_600_000),
            ("1w", 604_800_000),
            ("500ms", 500),
            ("1m500ms", 60_500),
            ("90s", 90_000),
        ] {
            let period: Period = text.parse().unwrap();
            assert_eq!(period.duration(), Duration::from_millis(millis), "{text}");
        }
        let shown = |text: &str| text.parse::<Period>().unwrap().to_string();
        assert_eq!(
            (shown("90s"), shown("0"), shown("8d")),
            ("1m30s".into(), "0s".into(), "8d".into())
        );
        assert_eq!((shown("14d"), shown("365d")), ("2w".into(), "1y".into()));
    }

    #[test]
    fn what_is_no_period_is_refused() {
        for text in
            ["", "5", "m", "-5m", "5 m", "1m1h", "1m1m", "1.5h", "5M", "ten", "1h30", "101y", "5µs"]
        {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
        assert!("99999999999999999999s".parse::<Period>().is_err());
    }

    proptest! {
        #[test]
        fn a_period_is_read_back_as_written(millis in 0_u64..3_153_600_000_000) {
            let period = Period(Duration::from_millis(millis));
            prop_assert_eq!(period.to_string().parse::<Period>().unwrap(), period);
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = text.parse::<Period>();
        }
    }
}
