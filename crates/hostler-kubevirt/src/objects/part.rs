//! Parts of objects that may be missing or wrong without harm to the rest.

use std::collections::BTreeMap;
use std::ops::Deref;

use hostler_core::Timestamp;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A value, or nothing where it is missing, `null` or not what was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<T>(Option<T>);

impl<T> Default for Part<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Deref for Part<T> {
    type Target = Option<T>;

    fn deref(&self) -> &Option<T> {
        &self.0
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Part<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(lenient(Value::deserialize(deserializer)?)))
    }
}

fn lenient<T: DeserializeOwned>(value: Value) -> Option<T> {
    match value {
        // serde's structs would take a list too, as their fields in order.
        Value::Null | Value::Array(_) => None,
        value => serde_json::from_value(value).ok(),
    }
}

impl Part<String> {
    /// The text, if it says anything: servers write what is not set as `""`, too.
    pub fn text(&self) -> Option<&str> {
        self.as_deref().filter(|text| !text.is_empty())
    }

    /// The same, owned.
    pub fn owned(&self) -> Option<String> {
        self.text().map(str::to_owned)
    }
}

impl Part<bool> {
    /// Whether it is told to be so; silence is no.
    pub fn is_true(&self) -> bool {
        **self == Some(true)
    }

    /// Whether it is told not to be so; silence is no.
    pub fn is_false(&self) -> bool {
        **self == Some(false)
    }
}

impl Part<Time> {
    /// The time.
    pub fn at(&self) -> Option<Timestamp> {
        self.as_ref().map(|time| time.0)
    }
}

/// A struct whose absence is the same as all its fields' being absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nest<T>(T);

impl<T> Deref for Nest<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'de, T: DeserializeOwned + Default> Deserialize<'de> for Nest<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(lenient(Value::deserialize(deserializer)?).unwrap_or_default()))
    }
}

/// A list, less the elements that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Many<T> {
    items: Vec<T>,
    unreadable: usize,
}

impl<T> Many<T> {
    /// How many elements could not be read; 1 where there is something else
    /// than a list.
    pub const fn unreadable(&self) -> usize {
        self.unreadable
    }
}

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self { items: Vec::new(), unreadable: 0 }
    }
}

impl<T> Deref for Many<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.items
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let elements = match Value::deserialize(deserializer)? {
            Value::Null => Vec::new(),
            Value::Array(elements) => elements,
            _ => return Ok(Self { items: Vec::new(), unreadable: 1 }),
        };
        let there = elements.len();
        let items: Vec<T> = elements.into_iter().filter_map(lenient).collect();
        let unreadable = there - items.len();
        Ok(Self { items, unreadable })
    }
}

/// Values by key, less those that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Map<V>(BTreeMap<String, V>);

impl<V> Default for Map<V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<V> Deref for Map<V> {
    type Target = BTreeMap<String, V>;

    fn deref(&self) -> &BTreeMap<String, V> {
        &self.0
    }
}

impl<'de, V: DeserializeOwned> Deserialize<'de> for Map<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Value::Object(entries) = Value::deserialize(deserializer)? else {
            return Ok(Self::default());
        };
        let read = |(key, value)| Some((key, lenient(value)?));
        Ok(Self(entries.into_iter().filter_map(read).collect()))
    }
}

/// An object of which only its being there counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Present {}

/// A time as Kubernetes writes it. Go's zero time, which some controllers write
/// for "never", is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time(Timestamp);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let time: Timestamp =
            String::deserialize(deserializer)?.parse().map_err(D::Error::custom)?;
        if time.as_micros() <= 0 {
            return Err(D::Error::custom("a time before there were computers is none"));
        }
        Ok(Self(time))
    }
}
