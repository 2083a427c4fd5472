//! The small language of lists: filter, sort, search and pages, as pure values.
//!
//! ```text
//! filter  = term { "AND" term }
//! term    = field op value
//! op      = "=" | "!=" | ">=" | "<=" | ">" | "<"
//! value   = bare word | "quoted text"      globs with `*` in = and !=
//! ```
//!
//! Every list declares its [`Field`]s; what is not declared is refused with the
//! position of the fault. Order is total, because the id breaks ties, so a page
//! begins after the last row of the page before and inserting rows meanwhile
//! neither skips nor repeats another.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::error::{Code, Error, Fault, Result};

mod filter;
mod page;
mod position;

pub use filter::{FILTER_MAX, Filter, Operator, TERMS_MAX, Term};
pub use page::Paged;
pub use position::Position;

/// A value that rows are filtered and sorted by; text is the row's own, because
/// a list looks at every row to find the few of a page.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value<'a> {
    /// There is none; sorts first, and no comparison with it holds.
    Absent,
    /// A number.
    Number(i128),
    /// Text, or a word of a closed set.
    Text(Cow<'a, str>),
}

impl Value<'_> {
    /// The same without the row.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Absent => Value::Absent,
            Self::Number(number) => Value::Number(number),
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
        }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<bool> for Value<'_> {
    fn from(truth: bool) -> Self {
        Self::from(if truth { "true" } else { "false" })
    }
}

impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Self::Number(i128::from(number))
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Number(i128::from(number))
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Into::into)
    }
}

/// A field that a list can be filtered or sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name; one that ends in `.` stands for a family, as `label.` does.
    pub name: &'static str,
    /// Whether its values are numbers.
    pub numeric: bool,
    /// Whether the list can be sorted by it.
    pub sortable: bool,
}

impl Field {
    /// A field of text.
    pub const fn text(name: &'static str) -> Self {
        Self { name, numeric: false, sortable: true }
    }

    /// A field of numbers.
    pub const fn number(name: &'static str) -> Self {
        Self { name, numeric: true, sortable: true }
    }

    /// A family of text fields that only filters take.
    pub const fn family(prefix: &'static str) -> Self {
        Self { name: prefix, numeric: false, sortable: false }
    }

    fn covers(&self, name: &str) -> bool {
        match self.name.strip_suffix('.') {
            Some(_) => name.len() > self.name.len() && name.starts_with(self.name),
            None => self.name == name,
        }
    }
}

/// A row of a list.
pub trait Row {
    /// What breaks ties: the id.
    fn id(&self) -> String;

    /// The value of a declared field.
    fn value(&self, field: &str) -> Value<'_>;

    /// Whether free text is found in what people see of it; `needle` is lower case.
    fn contains(&self, needle: &str) -> bool;

    /// How its id sorts beside another row's: as their texts do. Rows of long
    /// lists that keep no text of their ids say it without making one.
    fn compare_id(&self, other: &Self) -> Ordering
    where
        Self: Sized,
    {
        self.id().cmp(&other.id())
    }

    /// The same beside an id's text.
    fn compare_id_to(&self, text: &str) -> Ordering {
        self.id().as_str().cmp(text)
    }
}

impl<T: Row> Row for std::sync::Arc<T> {
    fn id(&self) -> String {
        self.as_ref().id()
    }

    fn value(&self, field: &str) -> Value<'_> {
        self.as_ref().value(field)
    }

    fn contains(&self, needle: &str) -> bool {
        self.as_ref().contains(needle)
    }

    fn compare_id(&self, other: &Self) -> Ordering {
        self.as_ref().compare_id(other)
    }

    fn compare_id_to(&self, text: &str) -> Ordering {
        self.as_ref().compare_id_to(text)
    }
}

/// A field to sort by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortKey {
    /// The field.
    pub field: String,
    /// Whether the largest comes first.
    pub descending: bool,
}

/// What is wanted of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRequest {
    /// Which rows.
    pub filter: Filter,
    /// In which order.
    pub sort: Vec<SortKey>,
    /// Text that has to be found, lower case.
    pub search: Option<String>,
    /// How many rows.
    pub limit: usize,
    /// The last row of the page before.
    pub after: Option<Position>,
}

/// What a caller says about a list, unread.
#[derive(Debug, Clone, Copy, Default)]
pub struct ListParams<'a> {
    /// How many rows.
    pub limit: Option<u32>,
    /// Fields to sort by, separated by commas.
    pub sort: Option<&'a str>,
    /// A filter.
    pub filter: Option<&'a str>,
    /// Free text.
    pub search: Option<&'a str>,
}

/// How many rows a page has when nobody says.
pub const LIMIT_DEFAULT: u32 = 100;
/// How many rows a page can have.
pub const LIMIT_MAX: u32 = 1000;
/// The longest search text, in bytes.
pub const SEARCH_MAX: usize = 256;

impl ListRequest {
    /// Everything, in the list's own order, `limit` rows of it.
    pub fn first(limit: usize) -> Self {
        Self { filter: Filter::default(), sort: Vec::new(), search: None, limit, after: None }
    }

    /// Reads what a caller said, against the fields of the list; all faults at once.
    pub fn parse(
        params: &ListParams<'_>,
        fields: &[Field],
        after: Option<Position>,
    ) -> Result<Self> {
        let mut faults = Vec::new();
        let limit = params.limit.unwrap_or(LIMIT_DEFAULT);
        if limit == 0 || limit > LIMIT_MAX {
            let detail = format!("must be from 1 to {LIMIT_MAX}");
            faults.push(Fault::new("limit", "out_of_range", detail));
        }
        let filter = match Filter::parse(params.filter.unwrap_or(""), fields) {
            Ok(filter) => filter,
            Err(fault) => {
                faults.push(fault);
                Filter::default()
            }
        };
        let sort = match parse_sort(params.sort.unwrap_or(""), fields) {
            Ok(sort) => sort,
            Err(fault) => {
                faults.push(fault);
                Vec::new()
            }
        };
        if params.search.is_some_and(|text| text.len() > SEARCH_MAX) {
            let detail = format!("is longer than {SEARCH_MAX} bytes");
            faults.push(Fault::new("search", "too_long", detail));
        }
        if !faults.is_empty() {
            return Err(Error::faults(Code::QueryInvalid, faults));
        }
        let search = params.search.filter(|text| !text.is_empty()).map(str::to_lowercase);
        Ok(Self { filter, sort, search, limit: limit as usize, after })
    }

    fn matches<R: Row>(&self, row: &R) -> bool {
        self.filter.matches(row) && self.search.as_deref().is_none_or(|text| row.contains(text))
    }
}

fn parse_sort(text: &str, fields: &[Field]) -> Result<Vec<SortKey>, Fault> {
    let mut keys = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (field, descending) = match part.strip_prefix('-') {
            Some(field) => (field, true),
            None => (part, false),
        };
        if !fields.iter().any(|f| f.sortable && f.covers(field)) {
            let known: Vec<_> = fields.iter().filter(|f| f.sortable).map(|f| f.name).collect();
            let detail = format!("cannot sort by `{}`; only by {}", cut(field), known.join(", "));
            return Err(Fault::new("sort", "unknown_field", detail));
        }
        keys.push(SortKey { field: field.to_owned(), descending });
    }
    if keys.len() > 8 {
        return Err(Fault::new("sort", "too_many", "has more than 8 fields"));
    }
    Ok(keys)
}

/// What a caller sent, short enough to be quoted back.
fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}

#[cfg(test)]
mod tests;
