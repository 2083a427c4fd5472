//! Lists: a page at a time, by opaque cursor.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::Time;

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
    /// Whether a source did not answer, so that part of it is old.
    pub stale: bool,
    /// How many items there are in all, as far as known.
    pub approx_total: Option<u64>,
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
}
