//! Small values that many bodies share: a time, a fact, a reference.

use std::borrow::Cow;

use hostler_core::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point of time, as RFC 3339 in UTC: `2026-11-21T04:00:00.000000Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub Timestamp);

impl From<Timestamp> for Time {
    fn from(time: Timestamp) -> Self {
        Self(time)
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Time {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// Whether what is told is the newest there is to tell (E10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CacheStatus {
    /// It is.
    Fresh,
    /// It is not: what would tell newer does not answer, or answers with an older picture only.
    Stale,
}

impl CacheStatus {
    /// The one that is said so.
    pub const fn of(is_stale: bool) -> Self {
        if is_stale { Self::Stale } else { Self::Fresh }
    }
}

/// A value with its pedigree, or the reason why there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fact<T> {
    /// The value; null when there is none.
    pub value: Option<T>,
    /// `ok`, `partial`, `stale`, `unavailable` or `unsupported`.
    pub quality: String,
    /// Who said so.
    pub source: String,
    /// When it was seen; null when it never was.
    pub observed_at: Option<Time>,
    /// Why the value is missing or not fully good.
    pub reason: Option<String>,
}

impl<T> Fact<T> {
    /// The wire form of `fact`, its value converted by `f`.
    pub fn from_core<U>(fact: &hostler_core::Fact<U>, f: impl FnOnce(&U) -> T) -> Self {
        Self {
            value: fact.value().map(f),
            quality: fact.quality().as_str().to_owned(),
            source: fact.source().to_owned(),
            observed_at: fact.observed_at().map(Time),
            reason: fact.reason().map(str::to_owned),
        }
    }
}

impl<T: Clone> From<&hostler_core::Fact<T>> for Fact<T> {
    fn from(fact: &hostler_core::Fact<T>) -> Self {
        Self::from_core(fact, T::clone)
    }
}

/// A resource by id, with its name for people.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub struct Ref {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

impl Ref {
    /// A reference.
    pub fn new(id: impl ToString, name: impl Into<String>) -> Self {
        Self { id: id.to_string(), name: name.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_text_on_the_wire() {
        let time = Time(Timestamp::from_micros(1_700_000_000_123_456));
        let json = serde_json::to_string(&time).unwrap();
        assert_eq!(json, "\"2023-11-14T22:13:20.123456Z\"");
        assert_eq!(serde_json::from_str::<Time>(&json).unwrap(), time);
        assert!(serde_json::from_str::<Time>("\"yesterday\"").is_err());
    }

    #[test]
    fn x17_a_missing_value_is_null_with_a_reason() {
        let fact = hostler_core::Fact::<u64>::unavailable("libvirt", "no answer");
        let json = serde_json::to_value(Fact::from(&fact)).unwrap();
        assert_eq!(json["value"], serde_json::Value::Null);
        assert_eq!(json["quality"], "unavailable");
        assert_eq!(json["reason"], "no answer");
    }
}
