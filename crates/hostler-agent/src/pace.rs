//! How often a pass is made: never so often that it takes more than a fifth of
//! the time (X21).
//!
//! ```text
//!             took > interval / 5
//!        ┌────────────────────────────► twice as long, up to FACTOR_MAX
//!  interval
//!        └────────────────────────────► half as long, down to what is configured
//!             took < half the interval / 10
//! ```
//! Between the two nothing changes, so that it does not swing.

use std::time::Duration;

/// The longest that an interval is stretched.
const FACTOR_MAX: u32 = 16;

/// How much longer than configured the interval is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    factor: u32,
}

impl Pace {
    /// As configured.
    pub(crate) const fn new() -> Self {
        Self { factor: 1 }
    }

    /// Time between two passes now.
    pub(crate) fn interval(self, configured: Duration) -> Duration {
        configured.saturating_mul(self.factor)
    }

    /// How long a pass may take: it has ended before the next begins.
    pub(crate) fn deadline(self, configured: Duration) -> Duration {
        self.interval(configured) * 4 / 5
    }

    /// The pace after a pass that took so long.
    #[must_use]
    pub(crate) fn after(self, took: Duration, configured: Duration) -> Self {
        let interval = self.interval(configured);
        let factor = if took.saturating_mul(5) > interval {
            (self.factor * 2).min(FACTOR_MAX)
        } else if took.saturating_mul(10) < interval / 2 {
            (self.factor / 2).max(1)
        } else {
            self.factor
        };
        Self { factor }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEN: Duration = Duration::from_secs(10);

    #[test]
    fn x21_a_pass_that_takes_more_than_a_fifth_is_made_half_as_often() {
        let pace = Pace::new().after(Duration::from_millis(2001), TEN);
        assert_eq!(pace.interval(TEN), Duration::from_secs(20));
        assert_eq!(Pace::new().after(Duration::from_secs(2), TEN), Pace::new());
    }

    #[test]
    fn x21_what_has_become_quick_again_returns_to_its_pace() {
        let slow = Pace::new().after(TEN, TEN).after(TEN, TEN);
        assert_eq!(slow.interval(TEN), Duration::from_secs(40));
        let quick = slow.after(Duration::ZERO, TEN).after(Duration::ZERO, TEN);
        assert_eq!(quick.after(Duration::ZERO, TEN), Pace::new());
    }

    proptest! {
        #[test]
        fn x21_a_steady_load_reaches_a_steady_pace(took in 0_u64..40_000) {
            let took = Duration::from_millis(took);
            let settled = (0..16).fold(Pace::new(), |pace, _| pace.after(took, TEN));
            prop_assert_eq!(settled.after(took, TEN), settled);
            prop_assert!(settled.deadline(TEN) < settled.interval(TEN));
            let is_within = took * 5 <= settled.interval(TEN);
            prop_assert!(is_within || settled.interval(TEN) == TEN * FACTOR_MAX);
        }
    }
}
