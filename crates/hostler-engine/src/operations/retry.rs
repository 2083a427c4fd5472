//! How often and how soon a step that failed in passing is tried again.

use std::time::Duration;

use hostler_core::id::IdSource;

/// How often a step is tried again before it has failed for good: some eight
/// seconds. There is a way back, and the user waits.
pub(crate) const RETRIES_MAX: u32 = 4;
/// How often is tried what has no way back: undoing, and steps past the point of
/// no return. Some half an hour; then a person has to look.
pub(crate) const RETRIES_MAX_NO_WAY_BACK: u32 = 64;
/// The longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// The pause before try number `retries + 1`: doubling from `first`, with
/// jitter so that many operations do not knock at once, and never shorter than
/// the provider asked for.
pub(crate) fn pause(
    first: Duration,
    retries: u32,
    wanted: Option<Duration>,
    ids: &IdSource,
) -> Duration {
    let base = first.saturating_mul(1 << retries.min(6));
    let [byte] = ids.secret::<1>();
    let jitter = base.mul_f64(f64::from(byte) / 255.0 / 2.0);
    (base + jitter).min(PAUSE_MAX).max(wanted.unwrap_or_default().min(PAUSE_MAX))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hostler_core::Timestamp;
    use hostler_core::clock::ManualClock;
    use hostler_core::id::SeededEntropy;

    use super::*;

    #[test]
    fn pauses_grow_are_bounded_and_respect_the_provider() {
        let clock = ManualClock::at(Timestamp::from_millis(0));
        let ids = IdSource::new(Arc::new(clock), Arc::new(SeededEntropy::new(1)));
        let ms = Duration::from_millis;
        for (retries, low) in [(0, 500), (1, 1000), (3, 4000)] {
            let pause = pause(ms(500), retries, None, &ids);
            assert!(pause >= ms(low) && pause <= ms(low * 3 / 2), "{retries}: {pause:?}");
        }
        assert_eq!(pause(ms(500), 60, None, &ids), PAUSE_MAX);
        assert!(pause(ms(500), 0, Some(ms(7_000)), &ids) >= ms(7_000));
        assert_eq!(pause(ms(500), 0, Some(ms(7_000_000)), &ids), PAUSE_MAX);
    }
}
