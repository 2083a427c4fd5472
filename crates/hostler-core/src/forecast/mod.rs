//! What will be, and how sure that is: trends, seasonal forecasts, what is
//! unusual, and which VMs have the wrong size. Pure, over samples of history.
//!
//! One rule holds for all of it: **where the data does not carry an answer there
//! is none**. [`NotEnough`] says what is missing, and no number stands beside
//! it. What is told bears its error, measured on the past.
//!
//! | to learn | ask |
//! |---|---|
//! | when something is full | [`trend`] |
//! | what a day or week ahead looks like | [`seasonal`] |
//! | what is not as it always was | [`anomaly`] |
//! | which VM is too large or too small | [`sizing`] |

use std::fmt;
use std::time::Duration;

use crate::metrics::series::Sample;

pub mod anomaly;
pub mod seasonal;
pub mod sizing;
mod stats;
pub mod trend;

/// From the least to the most that is to be expected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The least.
    pub low: f64,
    /// The most.
    pub high: f64,
}

impl Interval {
    /// Whether a value lies within.
    pub fn holds(self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

/// Why there is no answer. `Display` says what is missing.
#[derive(Debug, Clone, PartialEq)]
pub enum NotEnough {
    /// Too few values.
    Points {
        /// So many there are.
        have: usize,
        /// So many are needed.
        need: usize,
    },
    /// They do not reach back far enough.
    Span {
        /// So far they reach.
        have: Duration,
        /// So far they have to.
        need: Duration,
    },
    /// Too many are missing in between.
    Gaps {
        /// The share that is there, from 0 to 1.
        have: f64,
        /// The share that is needed.
        need: f64,
    },
    /// They scatter so much that they say neither one thing nor the other: the direction
    /// may be either, or it rises and may arrive just before or just after the horizon.
    Noise,
    /// They do not change at all: nothing can be called unusual.
    Constant,
    /// The newest of them have left the line that goes by all of them, and there
    /// are too few for another.
    Turned {
        /// How far they are from it.
        off: f64,
        /// How far values usually are.
        usual: f64,
    },
    /// On the past, no model was better than to say that all stays as it is.
    NoModel {
        /// The mean error of the best one.
        error: f64,
        /// The mean error of saying that all stays as it is.
        naive_error: f64,
    },
}

impl fmt::Display for NotEnough {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not enough data: ")?;
        match self {
            Self::Points { have, need } => write!(f, "{have} values, and {need} are needed"),
            Self::Span { have, need } => {
                write!(f, "it reaches back {}, and {} are needed", Hours(*have), Hours(*need))
            }
            Self::Gaps { have, need } => {
                let (have, need) = (have * 100.0, need * 100.0);
                write!(f, "{have:.0} % of the time is there, and {need:.0} % are needed")
            }
            Self::Noise => f.write_str("the values scatter too much to say either way"),
            Self::Constant => f.write_str("the values never changed"),
            Self::Turned { off, usual } => write!(
                f,
                "the newest values are off their line by {off:.4} where {usual:.4} is usual, and \
                 too few for a new one"
            ),
            Self::NoModel { error, naive_error } => write!(
                f,
                "on the past the best forecast was off by {error:.4}, and to expect no change by \
                 {naive_error:.4}"
            ),
        }
    }
}

impl std::error::Error for NotEnough {}

/// A duration for a sentence.
struct Hours(Duration);

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hours = self.0.as_secs_f64() / 3600.0;
        if hours < 48.0 { write!(f, "{hours:.1} h") } else { write!(f, "{:.1} d", hours / 24.0) }
    }
}

/// The samples that are numbers, by time, one for each time.
fn sound(samples: &[Sample]) -> Vec<Sample> {
    let mut sound: Vec<Sample> =
        samples.iter().filter(|sample| sample.value.is_finite()).copied().collect();
    sound.sort_by_key(|sample| sample.at_ms);
    sound.dedup_by_key(|sample| sample.at_ms);
    sound
}

/// From the first to the last.
fn span(samples: &[Sample]) -> Duration {
    match (samples.first(), samples.last()) {
        (Some(first), Some(last)) => {
            let millis = last.at_ms.saturating_sub(first.at_ms);
            Duration::from_millis(u64::try_from(millis).unwrap_or(0))
        }
        _ => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests_support;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d22_what_is_missing_is_said_in_words() {
        let day = Duration::from_secs(86_400);
        for (missing, words) in [
            (NotEnough::Points { have: 3, need: 10 }, "3 values, and 10 are needed"),
            (NotEnough::Span { have: day, need: 7 * day }, "back 24.0 h, and 7.0 d are needed"),
            (NotEnough::Gaps { have: 0.5, need: 0.8 }, "50 % of the time is there, and 80 %"),
            (NotEnough::Noise, "scatter too much"),
            (NotEnough::Constant, "never changed"),
            (NotEnough::Turned { off: 9.0, usual: 2.0 }, "off their line by 9.0000"),
            (NotEnough::NoModel { error: 2.0, naive_error: 1.0 }, "off by 2.0000"),
        ] {
            let said = missing.to_string();
            assert!(said.starts_with("not enough data: ") && said.contains(words), "{said}");
        }
    }

    #[test]
    fn what_is_no_number_is_left_out_and_time_is_put_in_order() {
        let sample = |at_ms, value| Sample { at_ms, value };
        let mixed = [sample(5, 1.0), sample(3, f64::NAN), sample(2, 2.0), sample(5, 9.0)];
        assert_eq!(sound(&mixed), [sample(2, 2.0), sample(5, 1.0)]);
        assert_eq!(span(&sound(&mixed)), Duration::from_millis(3));
        assert_eq!(span(&[]), Duration::ZERO);
        let far = [sample(i64::MIN, 0.0), sample(i64::MAX, 0.0)];
        assert!(span(&far) > Duration::ZERO, "no overflow");
    }
}
