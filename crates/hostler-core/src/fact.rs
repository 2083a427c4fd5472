//! A value with its pedigree: what was learnt, from where, when, and how good
//! it is. The type that keeps Hostler from inventing things (X17).
//!
//! A [`Fact`] without a value always says why. There is no default value: code
//! that wants a number has to face that there may be none.

use std::borrow::Cow;
use std::time::Duration;

use crate::clock::Timestamp;

/// How far a value can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Quality {
    /// Seen whole, by the source named, at the time named.
    Ok,
    /// Seen, but something that belongs to it could not be read.
    Partial,
    /// Seen once; newer information should be there and is not.
    Stale,
    /// Should exist but could not be read.
    Unavailable,
    /// The source cannot tell this at all.
    Unsupported,
}

impl Quality {
    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Partial => "partial",
            Self::Stale => "stale",
            Self::Unavailable => "unavailable",
            Self::Unsupported => "unsupported",
        }
    }
}

/// A value with source, time and quality; or the reason why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact<T> {
    value: Option<T>,
    quality: Quality,
    source: Cow<'static, str>,
    observed_at: Option<Timestamp>,
    reason: Option<String>,
}

impl<T> Fact<T> {
    /// A value seen whole.
    pub fn seen(value: T, source: impl Into<Cow<'static, str>>, at: Timestamp) -> Self {
        Self {
            value: Some(value),
            quality: Quality::Ok,
            source: source.into(),
            observed_at: Some(at),
            reason: None,
        }
    }

    /// A value of which a part could not be read, and why.
    pub fn partial(
        value: T,
        source: impl Into<Cow<'static, str>>,
        at: Timestamp,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            quality: Quality::Partial,
            reason: Some(reason.into()),
            ..Self::seen(value, source, at)
        }
    }

    /// A value that should be readable and was not, and why.
    pub fn unavailable(source: impl Into<Cow<'static, str>>, reason: impl Into<String>) -> Self {
        Self {
            value: None,
            quality: Quality::Unavailable,
            source: source.into(),
            observed_at: None,
            reason: Some(reason.into()),
        }
    }

    /// A value that this source cannot tell, and why.
    pub fn unsupported(source: impl Into<Cow<'static, str>>, reason: impl Into<String>) -> Self {
        Self { quality: Quality::Unsupported, ..Self::unavailable(source, reason) }
    }

    /// The same value, marked as no longer fresh. Absence stays absence.
    #[must_use]
    pub fn into_stale(mut self, reason: impl Into<String>) -> Self {
        if self.value.is_some() {
            self.quality = Quality::Stale;
            self.reason = Some(reason.into());
        }
        self
    }

    /// The value, where there is one.
    pub const fn value(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// How far the value can be trusted.
    pub const fn quality(&self) -> Quality {
        self.quality
    }

    /// Who said so, for example `libvirt` or `guest-agent`.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// When it was seen; `None` when it never was.
    pub const fn observed_at(&self) -> Option<Timestamp> {
        self.observed_at
    }

    /// Why the value is missing or not fully good.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// How old the value is at `now`; `None` when it was never seen.
    pub fn age(&self, now: Timestamp) -> Option<Duration> {
        self.observed_at.map(|at| now.since(at))
    }

    /// The same pedigree around a value computed from this one.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Fact<U> {
        Fact {
            value: self.value.map(f),
            quality: self.quality,
            source: self.source,
            observed_at: self.observed_at,
            reason: self.reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_000);

    #[test]
    fn x17_a_missing_value_always_says_why() {
        let missing = Fact::<u64>::unavailable("libvirt", "host h1 did not answer");
        assert_eq!(missing.value(), None);
        assert_eq!(missing.reason(), Some("host h1 did not answer"));
        assert_eq!(missing.age(AT), None);
    }

    #[test]
    fn x17_staleness_keeps_the_value_and_its_time() {
        let stale = Fact::seen(7, "libvirt", AT).into_stale("connection lost");
        assert_eq!(stale.value(), Some(&7));
        assert_eq!(stale.quality(), Quality::Stale);
        assert_eq!(stale.age(AT.plus(Duration::from_secs(40))), Some(Duration::from_secs(40)));
    }

    #[test]
    fn x17_absence_never_turns_into_a_value() {
        let absent = Fact::<u64>::unsupported("test driver", "has no statistics");
        assert_eq!(absent.clone().into_stale("later").value(), None);
        assert_eq!(absent.map(|n| n + 1).quality(), Quality::Unsupported);
    }
}
