//! How far what is followed can be believed, all kinds together.
//!
//! ```text
//!   now ──410──► rebuilding, told as old ──listed──► now
//!                     │ a minute of lists that fail
//!                     ▼
//!                 not known: whoever looks lists for themselves, or is told why not
//! ```

use std::time::Duration;

use hostler_core::Timestamp;
use hostler_provider::Stale;

use super::Fleet;
use crate::cache::follow::Freshness;

/// How long an older picture is told while its kinds are listed anew. After that the cluster
/// has failed to list them, which is not to be hidden behind what once was (E10).
const REBUILDING_MAX: Duration = Duration::from_secs(60);

/// How far what is known can be believed, all of it together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Age {
    /// It is followed.
    Now,
    /// It is being listed anew; before that, it was so then.
    Rebuilding(Stale),
    /// Nobody knows, and why.
    NotKnown(String),
}

impl Age {
    /// Of these together with another kind that is that fresh.
    fn with(self, one: Freshness, now: Timestamp) -> Self {
        match (self, one) {
            (Self::NotKnown(why), _) => Self::NotKnown(why),
            (age, Freshness::Fresh) => age,
            (_, Freshness::Unlisted { reason }) => {
                Self::NotKnown(reason.unwrap_or_else(|| "it was not listed yet".to_owned()))
            }
            (_, Freshness::Stale { reason, rebuilding: None, .. }) => Self::NotKnown(reason),
            (_, Freshness::Stale { reason, rebuilding: Some(began), .. })
                if now.since(began) >= REBUILDING_MAX =>
            {
                Self::NotKnown(reason)
            }
            (Self::Rebuilding(other), Freshness::Stale { since, .. }) => {
                Self::Rebuilding(Stale { since: other.since.min(since), ..other })
            }
            (Self::Now, Freshness::Stale { since, reason, .. }) => {
                let reason = format!("the cluster is being listed anew: {reason}");
                Self::Rebuilding(Stale { since, reason })
            }
        }
    }
}

impl Fleet {
    /// How far VMs and instances can be believed; with nodes, if asked.
    pub(crate) fn age(&self, with_nodes: bool) -> Age {
        let now = self.nodes.now();
        let scopes = self.scopes.iter();
        let all = scopes.flat_map(|scope| [scope.vms.freshness(), scope.vmis.freshness()]);
        let nodes = with_nodes.then(|| self.nodes.freshness());
        all.chain(nodes).fold(Age::Now, |age, one| age.with(one, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1000)
    }

    fn stale(since: i64, rebuilding: Option<i64>) -> Freshness {
        Freshness::Stale {
            since: at(since),
            reason: "too old".to_owned(),
            rebuilding: rebuilding.map(at),
        }
    }

    fn age(all: &[Freshness], now: i64) -> Age {
        all.iter().cloned().fold(Age::Now, |age, one| age.with(one, at(now)))
    }

    #[test]
    fn e10_it_is_as_old_as_the_oldest_kind_and_says_why() {
        assert_eq!(age(&[Freshness::Fresh, Freshness::Fresh], 50), Age::Now);
        let all = [stale(20, Some(30)), Freshness::Fresh, stale(10, Some(31))];
        let Age::Rebuilding(told) = age(&all, 50) else { panic!("{:?}", age(&all, 50)) };
        assert_eq!(told.since, at(10));
        assert!(told.reason.contains("too old"), "{}", told.reason);
        let cut = [stale(20, Some(30)), stale(40, None)];
        assert_eq!(age(&cut, 50), Age::NotKnown("too old".to_owned()));
    }

    #[test]
    fn e10_an_older_picture_is_told_for_a_minute_of_failing_lists_and_no_longer() {
        // It was silent for long before it was found to be too old: that is not what counts.
        let all = [Freshness::Fresh, stale(-500, Some(30))];
        assert!(matches!(age(&all, 89), Age::Rebuilding(_)));
        assert_eq!(age(&all, 90), Age::NotKnown("too old".to_owned()));
    }
}
