//! How long to wait before the next attempt to connect.

use std::time::Duration;

/// Doubles from half a second up to a limit; each pause is drawn from the upper
/// half, so that many hosts lost at once do not come back at once.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    max: Duration,
}

const FIRST: Duration = Duration::from_millis(500);

impl Backoff {
    pub(crate) fn new(max: Duration) -> Self {
        Self { next: FIRST.min(max), max }
    }

    /// After a success the next failure waits only shortly.
    pub(crate) fn reset(&mut self) {
        self.next = FIRST.min(self.max);
    }

    /// The next pause.
    pub(crate) fn pause(&mut self) -> Duration {
        let pause = jittered(self.next, random());
        self.next = (self.next * 2).min(self.max);
        pause
    }
}

/// From half of `base` (at 0) up to all of it (at `u32::MAX`).
fn jittered(base: Duration, random: u32) -> Duration {
    let half = base / 2;
    half + half.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

fn random() -> u32 {
    let mut bytes = [0; 4];
    // Without randomness the pauses are merely less spread.
    if getrandom::fill(&mut bytes).is_err() {
        return u32::MAX;
    }
    u32::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_limit_and_start_over() {
        let mut backoff = Backoff::new(Duration::from_secs(3));
        for base in [500, 1000, 2000, 3000, 3000] {
            let base = Duration::from_millis(base);
            let pause = backoff.pause();
            assert!(pause >= base / 2 && pause <= base, "{pause:?} for {base:?}");
        }
        backoff.reset();
        assert!(backoff.pause() <= FIRST);
    }

    #[test]
    fn pauses_are_spread_over_the_upper_half() {
        let base = Duration::from_secs(2);
        assert_eq!(jittered(base, 0), Duration::from_secs(1));
        assert_eq!(jittered(base, u32::MAX), base);
    }
}
