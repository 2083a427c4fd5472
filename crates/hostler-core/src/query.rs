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

use std::cmp::Ordering;

use crate::error::{Code, Error, Fault, Result};

mod filter;
mod position;

pub use filter::{FILTER_MAX, Filter, Operator, TERMS_MAX, Term};
pub use position::Position;

/// A value that rows are filtered and sorted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// There is none; sorts first, and no comparison with it holds.
    Absent,
    /// A number.
    Number(i128),
    /// Text, or a word of a closed set.
    Text(String),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::from(if truth { "true" } else { "false" })
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(i128::from(number))
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(i128::from(number))
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
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
    fn value(&self, field: &str) -> Value;

    /// Whether free text is found in what people see of it; `needle` is lower case.
    fn contains(&self, needle: &str) -> bool;
}

impl<T: Row + ?Sized> Row for std::sync::Arc<T> {
    fn id(&self) -> String {
        self.as_ref().id()
    }

    fn value(&self, field: &str) -> Value {
        self.as_ref().value(field)
    }

    fn contains(&self, needle: &str) -> bool {
        self.as_ref().contains(needle)
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

    /// The rows of the page, where the next one begins, and how many rows there
    /// are on all pages.
    pub fn page<'a, R: Row + 'a>(&self, rows: impl Iterator<Item = &'a R>) -> Paged<&'a R> {
        let mut kept: Vec<(Position, &R)> = rows
            .filter(|row| self.matches(*row))
            .map(|row| (Position::of(row, &self.sort), row))
            .collect();
        let total = kept.len();
        if let Some(after) = &self.after {
            kept.retain(|(position, _)| self.compare(position, after) == Ordering::Greater);
        }
        let more = kept.len() > self.limit;
        if more && self.limit > 0 {
            // Only the page itself has to be in order: n rows cost n, not n log n.
            kept.select_nth_unstable_by(self.limit - 1, |(a, _), (b, _)| self.compare(a, b));
            kept.truncate(self.limit);
        }
        kept.sort_unstable_by(|(a, _), (b, _)| self.compare(a, b));
        let next = if more { kept.last().map(|(position, _)| position.clone()) } else { None };
        Paged { rows: kept.into_iter().map(|(_, row)| row).collect(), next, total }
    }

    fn matches<R: Row>(&self, row: &R) -> bool {
        self.filter.matches(row) && self.search.as_deref().is_none_or(|text| row.contains(text))
    }

    fn compare(&self, a: &Position, b: &Position) -> Ordering {
        for (index, key) in self.sort.iter().enumerate() {
            let ordering = a.keys.get(index).cmp(&b.keys.get(index));
            let ordering = if key.descending { ordering.reverse() } else { ordering };
            if ordering != Ordering::Equal {
                return ordering;
            }
        }
        a.id.cmp(&b.id)
    }
}

/// A page of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paged<T> {
    /// The rows, in order.
    pub rows: Vec<T>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<Position>,
    /// How many rows there are on all pages.
    pub total: usize,
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
