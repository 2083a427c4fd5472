//! When VMs were seen to start. libvirt does not tell when a domain was started, but it
//! gives it another number each time; so a start is seen where the number changes.
//!
//! ```text
//!   first seen ──► off ──► number 4: started now ──► number 4: the same start
//!       │           ▲           │
//!       │           └───────────┴──► number 5: started anew, however short it was off
//!       └──► running already: nobody saw when
//! ```

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use hostler_core::Timestamp;
use hostler_core::metrics::Metric::VmStartTimeSeconds;
use hostler_core::metrics::Point;
use hostler_libvirt_rpc::{Domain, Uuid};

/// What each VM was seen to do.
#[derive(Default)]
pub(super) struct Starts(Mutex<HashMap<Uuid, Start>>);

struct Start {
    /// The domain's number; -1 while it is off.
    id: i32,
    /// `None` where nobody saw it.
    at: Option<Timestamp>,
}

impl Starts {
    /// When the VM was seen to start, while it is on; `reason` is why it is in its state.
    pub(super) fn seen(&self, domain: &Domain, reason: &str, now: Timestamp) -> Option<Point> {
        let mut starts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = starts.get(&domain.uuid);
        let at = match known {
            Some(known) if known.id == domain.id => known.at,
            // One that came from another host started there.
            Some(_) if domain.id >= 0 && reason != "migrated" => Some(now),
            _ => None,
        };
        starts.insert(domain.uuid, Start { id: domain.id, at });
        let at = at.filter(|_| domain.id >= 0)?;
        Some(Point::plain(VmStartTimeSeconds, at.as_millis() as f64 / 1e3))
    }

    /// Forgets VMs that are not there any more.
    pub(super) fn retain(&self, present: &HashSet<Uuid>) {
        let mut starts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        starts.retain(|uuid, _| present.contains(uuid));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x17_a_start_is_told_where_it_was_seen_and_stays_the_same() {
        let starts = Starts::default();
        let mut domain = Domain::by_uuid(Uuid([1; 16]));
        let mut seen = |id: i32, reason: &str, now_ms: i64| {
            domain.id = id;
            let point = starts.seen(&domain, reason, Timestamp::from_millis(now_ms));
            point.map(|point| point.value)
        };
        assert_eq!(seen(3, "booted", 1000), None, "it ran before it was first seen");
        assert_eq!(seen(3, "booted", 2000), None);
        assert_eq!(seen(-1, "user", 3000), None);
        assert_eq!(seen(4, "booted", 4500), Some(4.5));
        assert_eq!(seen(4, "user", 5000), Some(4.5));
        assert_eq!(seen(5, "booted", 6000), Some(6.0), "off for too short to be seen");
        assert_eq!(seen(6, "migrated", 7000), None, "it started on another host");
        assert_eq!(seen(6, "migrated", 8000), None);
        starts.retain(&HashSet::new());
        assert_eq!(seen(7, "booted", 9000), None, "another VM of that id");
    }
}
