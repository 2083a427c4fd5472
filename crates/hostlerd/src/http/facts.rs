//! Facts as they are told. A driver says how good a fact was when it read it;
//! that nobody has answered since, only the engine knows. So what is told of a
//! thing whose provider or host is silent is told as stale (C5, X17).

use hostler_api::{CacheStatus, Time};
use hostler_core::Fact;
use hostler_engine::Freshness;

/// How facts of one thing are told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Telling<'a> {
    stale: Option<&'a str>,
}

impl<'a> Telling<'a> {
    /// Of a thing of which everything is `stale` for this reason, or fresh.
    pub(super) const fn of(stale: Option<&'a str>) -> Self {
        Self { stale }
    }

    /// A fact whose value is told as it is.
    pub(super) fn fact<T: Clone>(self, fact: &Fact<T>) -> hostler_api::Fact<T> {
        self.fact_as(fact, T::clone)
    }

    /// A fact whose value is told in other words.
    pub(super) fn fact_as<T: Clone, U>(
        self,
        fact: &Fact<T>,
        as_told: impl FnOnce(&T) -> U,
    ) -> hostler_api::Fact<U> {
        match self.stale {
            Some(reason) => hostler_api::Fact::from_core(&fact.clone().into_stale(reason), as_told),
            None => hostler_api::Fact::from_core(fact, as_told),
        }
    }
}

/// Whether it is the newest there is to tell (E10).
pub(super) const fn cache_status(freshness: Freshness) -> Option<CacheStatus> {
    Some(CacheStatus::of(freshness.is_stale()))
}

/// Since when it is not.
pub(super) fn stale_since(freshness: Freshness) -> Option<Time> {
    freshness.stale_since().map(Time)
}

#[cfg(test)]
mod tests {
    use hostler_core::Timestamp;

    use super::*;

    #[test]
    fn x17_what_nobody_answers_for_any_more_is_stale_and_what_was_absent_stays_so() {
        let at = Timestamp::from_millis(1);
        let silent = Telling::of(Some("it does not answer"));
        let told = silent.fact_as(&Fact::seen(4_u32, "test", at), |n| n + 1);
        assert_eq!((told.value, told.quality.as_str()), (Some(5), "stale"));
        assert_eq!(told.reason.as_deref(), Some("it does not answer"));
        assert!(told.observed_at.is_some(), "when it was seen is still true");
        let absent = silent.fact(&Fact::<u32>::unsupported("test", "has none"));
        assert_eq!(
            (absent.quality.as_str(), absent.reason.as_deref()),
            ("unsupported", Some("has none"))
        );
        let fresh = Telling::of(None).fact(&Fact::seen(4_u32, "test", at));
        assert_eq!((fresh.quality.as_str(), fresh.reason), ("ok", None));
    }
}
