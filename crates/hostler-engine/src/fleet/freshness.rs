//! Whether what is told is the newest there is to tell, and since when it is not (E10, X26).
//!
//! ```text
//!   a host does not answer ──────┐
//!   a provider is listed anew ───┼──► stale, since the first of them that lasts
//!   a provider does not answer ──┘
//!   it has not answered yet ────────► stale; since when, nobody knows
//! ```

use hostler_core::Timestamp;

use super::{Entry, Reach};

/// Whether what is told is the newest there is to tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Freshness {
    /// It is.
    #[default]
    Fresh,
    /// Newer should be there and is not.
    Stale {
        /// Since when; `None` where that is not known, as when nothing was heard yet since
        /// the server started.
        since: Option<Timestamp>,
    },
}

impl Freshness {
    /// Whether newer should be there.
    pub const fn is_stale(self) -> bool {
        matches!(self, Self::Stale { .. })
    }

    /// Since when; `None` also while it is fresh.
    pub const fn stale_since(self) -> Option<Timestamp> {
        match self {
            Self::Fresh => None,
            Self::Stale { since } => since,
        }
    }

    /// Of this and another together: stale where one is, since the earlier moment.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Fresh, one) | (one, Self::Fresh) => one,
            (Self::Stale { since }, Self::Stale { since: other }) => {
                Self::Stale { since: [since, other].into_iter().flatten().min() }
            }
        }
    }

    /// Of what is at a provider, and on `host` there where it is on one.
    pub(super) fn of(entry: &Entry, host: Option<&str>) -> Self {
        let seen = entry.seen.as_ref();
        let of_host = seen.zip(host).and_then(|(seen, host)| seen.unreachable_since(host));
        let of_host = of_host.map_or(Self::Fresh, |since| Self::Stale { since: Some(since) });
        Self::of_provider(entry).and(of_host)
    }

    /// Of a provider by itself.
    pub(super) fn of_provider(entry: &Entry) -> Self {
        let silent = match &entry.reach {
            Reach::Connecting => Self::Stale { since: None },
            Reach::Answering => Self::Fresh,
            Reach::Silent { since, .. } => Self::Stale { since: Some(*since) },
        };
        let behind = entry.seen.as_ref().and_then(|seen| seen.stale.as_ref());
        let behind = behind.map_or(Self::Fresh, |it| Self::Stale { since: Some(it.since) });
        silent.and(behind)
    }

    /// Of all that a provider shows, its hosts with it.
    pub(super) fn of_everything(entry: &Entry) -> Self {
        let hosts = entry.seen.iter().flat_map(|seen| seen.unreachable.keys());
        hosts.fold(Self::of_provider(entry), |all, host| all.and(Self::of(entry, Some(host))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e10_of_several_that_are_stale_the_earliest_moment_counts() {
        let stale = |millis| Freshness::Stale { since: Some(Timestamp::from_millis(millis)) };
        let unknown = Freshness::Stale { since: None };
        assert_eq!(Freshness::Fresh.and(Freshness::Fresh), Freshness::Fresh);
        for (one, other, both) in [
            (stale(5), Freshness::Fresh, stale(5)),
            (stale(5), stale(3), stale(3)),
            (unknown, stale(3), stale(3)),
            (unknown, Freshness::Fresh, unknown),
        ] {
            assert_eq!((one.and(other), other.and(one)), (both, both));
            assert!(both.is_stale());
        }
        assert_eq!(
            (stale(5).stale_since(), unknown.stale_since()),
            (Some(Timestamp::from_millis(5)), None)
        );
    }
}
