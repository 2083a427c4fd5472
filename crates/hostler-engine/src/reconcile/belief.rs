//! What time clean-ups go by. A clock that jumps forward a year must not make
//! everything a year old (F19), so clean-ups believe it only as far as timers
//! bear it out: twice as fast as they, so that what was slept through or
//! switched off is caught up with, and by a day at each start.
//!
//! ```text
//!   clock      ────────────────╱ (a jump)
//!   believed   ────────────────··──··──··   catches up, two seconds a second
//! ```
//!
//! A clock that was put back only makes things younger, which deletes nothing.

use std::time::Duration;

use hostler_core::Timestamp;

/// How far a start may bring the time forward.
const START: Duration = Duration::from_secs(24 * 3600);

/// No clean-up was ever done before this: 2025-01-01. A machine without a clock
/// of its own begins in 1970, and must not be believed to do so for decades.
const EARLIEST: Timestamp = Timestamp::from_millis(1_735_689_600_000);

/// The latest time that was believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Belief(Timestamp);

impl Belief {
    /// What to believe at a start, given what was believed before it.
    pub(super) fn start(kept: Option<Timestamp>, now: Timestamp) -> Self {
        match kept.filter(|kept| *kept >= EARLIEST) {
            None => Self(now),
            Some(kept) => Self(kept).later(now, START),
        }
    }

    /// What to believe after timers measured `elapsed`.
    pub(super) fn after(self, now: Timestamp, elapsed: Duration) -> Self {
        if self.0 < EARLIEST {
            return Self(now);
        }
        self.later(now, elapsed.saturating_mul(2))
    }

    fn later(self, now: Timestamp, most: Duration) -> Self {
        Self(now.min(self.0.plus(most)).max(self.0))
    }

    /// The time to go by when the clock shows `now`.
    pub(super) fn now(self, now: Timestamp) -> Timestamp {
        now.min(self.0)
    }

    /// As it is kept for the next start.
    pub(super) fn to_bytes(self) -> [u8; 8] {
        self.0.as_micros().to_be_bytes()
    }

    /// What was kept, if it can be read.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Timestamp> {
        Some(Timestamp::from_micros(i64::from_be_bytes(bytes.try_into().ok()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

    fn today() -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000)
    }

    #[test]
    fn a_clock_that_goes_right_is_believed() {
        let belief =
            Belief::start(Some(today()), today().plus(HOUR)).after(today().plus(HOUR * 2), HOUR);
        assert_eq!(belief.now(today().plus(HOUR * 2)), today().plus(HOUR * 2));
    }

    #[test]
    fn f19_a_jump_of_a_year_is_believed_no_faster_than_twice_the_time() {
        let (before, jumped) = (Belief::start(None, today()), today().plus(YEAR));
        let after = before.after(jumped, HOUR);
        assert_eq!(after.now(jumped), today().plus(HOUR * 2));
        // Across a restart it is a day at most.
        let kept = Belief::from_bytes(&after.to_bytes());
        let restarted = Belief::start(kept, jumped);
        assert_eq!(restarted.now(jumped), today().plus(HOUR * 26));
        // And when the clock is put right, that is the time at once.
        assert_eq!(restarted.after(today(), HOUR).now(today()), today());
    }

    #[test]
    fn f19_a_glitch_into_the_past_does_not_hold_clean_ups_up_for_years() {
        let belief = Belief::start(None, today());
        let past = Timestamp::from_millis(0);
        let glitched = belief.after(past, HOUR);
        assert_eq!(glitched.now(past), past);
        assert_eq!(glitched.after(today(), HOUR).now(today()), today());
        // A first start without any clock at all.
        let none = Belief::start(None, past);
        assert_eq!(none.after(today(), HOUR).now(today()), today());
        assert_eq!(Belief::start(Some(past), today()).now(today()), today());
        assert_eq!(Belief::from_bytes(b"short"), None);
    }
}
