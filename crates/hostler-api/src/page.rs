//! Lists: a page at a time, by opaque cursor.

use std::collections::BTreeSet;

use schemars::{JsonSchema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::value::{CacheStatus, Ref, Time};

/// How many items a page has when nobody says.
pub const LIMIT_DEFAULT: u32 = 100;
/// How many items a page can have; more is refused, not cut.
pub const LIMIT_MAX: u32 = 1000;

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Gives the next page when sent as `cursor`; null on the last page.
    pub next_cursor: Option<String>,
    /// When the oldest part of what is shown was seen.
    pub observed_at: Option<Time>,
    /// Whether a source did not answer, so that part of it is old, or missing where `silent`
    /// names the source.
    pub stale: bool,
    /// The same as a word: `fresh`, or `stale` while newer should be there and is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_status: Option<CacheStatus>,
    /// Since when part of it is old: the earliest moment of all its parts. Left out while it is
    /// fresh, and where that moment is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_since: Option<Time>,
    /// The sources that did not answer, or not wholly, and what is missing for that reason. Only
    /// lists that are read from providers when asked for have any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub silent: Vec<SilentSource>,
    /// How many items there are in all, as far as known.
    pub approx_total: Option<u64>,
}

impl<T> Page<T> {
    /// The same, of which a part is old since then, or nothing is.
    #[must_use]
    pub fn aged(self, status: CacheStatus, stale_since: Option<Time>) -> Self {
        let stale = status == CacheStatus::Stale;
        Self { stale, cache_status: Some(status), stale_since, ..self }
    }
}

/// A source that did not answer, or not wholly: what it would tell is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SilentSource {
    /// The provider.
    pub provider: Ref,
    /// What did not come, and why, for people.
    pub reason: String,
}

/// The parameters that every list takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// How many items at most: 1 to 1000, 100 when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Fields to sort by, separated by commas; `-` before a name for descending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort: Option<String>,
    /// Which items: terms like `state=running`, `name=web-*`, `label.tier!=db`,
    /// `memory_bytes>=1073741824`, joined by `AND`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Free text that the name or another shown text has to contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// The members that each item is to have, separated by commas: `id,name,status`. The
    /// items then lack all others, also those that they always have otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<String>,
}

/// A query of a list: that of every list, or one with more to say.
pub trait PageQuery: From<ListQuery> {
    /// Which page is meant; `None` for the first.
    fn cursor(&self) -> Option<&String>;

    /// The same for another page.
    fn turn_to(&mut self, cursor: Option<String>);
}

impl PageQuery for ListQuery {
    fn cursor(&self) -> Option<&String> {
        self.cursor.as_ref()
    }

    fn turn_to(&mut self, cursor: Option<String>) {
        self.cursor = cursor;
    }
}

/// The names that can stand in [`ListQuery::fields`] of a list that answers `P`: the
/// members of its items, by their schema. Empty when `P` is no page.
pub fn item_members<P: JsonSchema>() -> BTreeSet<String> {
    let mut generator = SchemaGenerator::default();
    let page = P::json_schema(&mut generator);
    let item = page.as_value().pointer("/properties/items/items/$ref").and_then(Value::as_str);
    let name = item.and_then(|reference| reference.rsplit('/').next()).unwrap_or_default();
    let schema = generator.definitions().get(name).and_then(|item| item.get("properties"));
    schema.and_then(Value::as_object).map(|map| map.keys().cloned().collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1;

    #[test]
    fn members_are_those_of_the_schema() {
        let known = item_members::<Page<v1::VmSummary>>();
        assert!(["id", "name", "status"].iter().all(|name| known.contains(*name)), "{known:?}");
        assert!(!known.contains("items"));
        assert!(item_members::<v1::Vm>().is_empty());
    }
}
