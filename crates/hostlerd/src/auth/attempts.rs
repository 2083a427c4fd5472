//! How often anybody may try to log in, and what they are told about it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// Within this time …
pub const WINDOW: Duration = Duration::from_secs(60);
/// … an address may try this often.
pub const PER_ADDRESS: u32 = 10;
/// Addresses remembered; when there are more, everybody waits rather than nobody.
const ADDRESSES_MAX: usize = 10_000;

/// Where somebody stands after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whether the attempt may be made.
    pub is_allowed: bool,
    /// How many more may be made.
    pub remaining: u32,
    /// In how many seconds all of them may be made again.
    pub reset_seconds: u64,
}

/// Counts attempts to log in.
#[derive(Debug, Default)]
pub struct Attempts(Mutex<HashMap<Option<IpAddr>, (Instant, u32)>>);

impl Attempts {
    /// Counts one more.
    pub fn count(&self, address: Option<IpAddr>) -> Standing {
        let now = Instant::now();
        let mut windows = self.0.lock().expect("nothing panics while it holds this lock");
        if windows.len() >= ADDRESSES_MAX {
            windows.retain(|_, (start, _)| now.duration_since(*start) < WINDOW);
            if windows.len() >= ADDRESSES_MAX && !windows.contains_key(&address) {
                let reset_seconds = WINDOW.as_secs();
                return Standing { is_allowed: false, remaining: 0, reset_seconds };
            }
        }
        let (start, count) = windows.entry(address).or_insert((now, 0));
        if now.duration_since(*start) >= WINDOW {
            (*start, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        Standing {
            is_allowed: *count <= PER_ADDRESS,
            remaining: PER_ADDRESS.saturating_sub(*count),
            reset_seconds: WINDOW.saturating_sub(now.duration_since(*start)).as_secs().max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a26_an_address_that_guesses_has_to_wait_and_others_do_not() {
        let attempts = Attempts::default();
        let one = Some("192.0.2.1".parse().unwrap());
        let left: Vec<_> = (0..10).map(|_| attempts.count(one)).collect();
        assert!(left.iter().all(|standing| standing.is_allowed));
        assert_eq!((left[0].remaining, left[9].remaining), (9, 0));
        tokio::time::advance(Duration::from_secs(20)).await;
        let over = Standing { is_allowed: false, remaining: 0, reset_seconds: 40 };
        assert_eq!(attempts.count(one), over);
        assert!(attempts.count(Some("192.0.2.2".parse().unwrap())).is_allowed);
        tokio::time::advance(Duration::from_secs(41)).await;
        assert_eq!(attempts.count(one).remaining, 9);
    }
}
