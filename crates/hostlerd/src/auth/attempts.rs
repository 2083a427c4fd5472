//! How often anybody may try to log in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// Within this time …
const WINDOW: Duration = Duration::from_secs(60);
/// … an address may try this often.
const PER_ADDRESS: u32 = 10;
/// Addresses remembered; when there are more, everybody waits rather than nobody.
const ADDRESSES_MAX: usize = 10_000;

/// Counts attempts to log in.
#[derive(Debug, Default)]
pub struct Attempts(Mutex<HashMap<Option<IpAddr>, (Instant, u32)>>);

impl Attempts {
    /// Counts one more; `Err` with the seconds to wait when there were too many.
    pub fn count(&self, address: Option<IpAddr>) -> Result<(), u64> {
        let now = Instant::now();
        let mut windows = self.0.lock().expect("nothing panics while it holds this lock");
        if windows.len() >= ADDRESSES_MAX {
            windows.retain(|_, (start, _)| now.duration_since(*start) < WINDOW);
            if windows.len() >= ADDRESSES_MAX && !windows.contains_key(&address) {
                return Err(WINDOW.as_secs());
            }
        }
        let (start, count) = windows.entry(address).or_insert((now, 0));
        if now.duration_since(*start) >= WINDOW {
            (*start, *count) = (now, 0);
        }
        *count += 1;
        if *count > PER_ADDRESS {
            return Err((WINDOW - now.duration_since(*start)).as_secs().max(1));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a26_an_address_that_guesses_has_to_wait_and_others_do_not() {
        let attempts = Attempts::default();
        let one = Some("192.0.2.1".parse().unwrap());
        assert!((0..10).all(|_| attempts.count(one).is_ok()));
        assert_eq!(attempts.count(one), Err(60));
        assert!(attempts.count(Some("192.0.2.2".parse().unwrap())).is_ok());
        tokio::time::advance(Duration::from_secs(61)).await;
        assert!(attempts.count(one).is_ok());
    }
}
