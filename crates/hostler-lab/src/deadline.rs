//! Waiting for real processes, which have no clock we could turn.
//!
//! The rest of the project takes its time from outside; a daemon that is starting does not. This is
//! the only file of the crate that looks at a clock, and it never asserts on what it sees.

use std::thread;
use std::time::{Duration, Instant};

/// How often [`poll_until`] looks. Short against the fastest thing waited for (a socket, 0.1 s).
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Calls `ready` until it gives something or `limit` has passed; always calls it at least once.
///
/// # Errors
/// What `ready` last failed with, when the time is over.
pub fn poll_until<T, E>(limit: Duration, mut ready: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    let started_at = now();
    loop {
        match ready() {
            Ok(value) => return Ok(value),
            Err(error) if started_at.elapsed() >= limit => return Err(error),
            Err(_) => thread::sleep(POLL_INTERVAL),
        }
    }
}

/// Runs `work` and tells how long it took, for printing only.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let started_at = now();
    let value = work();
    (value, started_at.elapsed())
}

/// Tells how long ago it was started, for printing only.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts one.
    pub fn start() -> Self {
        Self(now())
    }

    /// Since the start.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

#[expect(clippy::disallowed_methods, reason = "waits for outside processes; see the module's note")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polling_looks_at_least_once_and_gives_the_last_error() {
        let mut looks = 0;
        let outcome: Result<(), &str> = poll_until(Duration::ZERO, || {
            looks += 1;
            Err("not there")
        });
        assert_eq!((outcome, looks), (Err("not there"), 1));
    }

    #[test]
    fn polling_stops_as_soon_as_there_is_something() {
        let mut looks = 0;
        let outcome = poll_until(Duration::from_secs(60), || {
            looks += 1;
            if looks == 3 { Ok(looks) } else { Err(()) }
        });
        assert_eq!(outcome, Ok(3));
    }
}
