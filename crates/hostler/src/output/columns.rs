//! Columns and cells. A cell without a value says so by having none; it is
//! never filled with a zero or an empty text.

use hostler_api::{Fact, Ref, Time};
use hostler_core::Timestamp;

use crate::terminal::Tone;
use crate::text::{show_duration, show_size};

/// One column of a kind of resource.
pub(crate) struct Column<T: 'static> {
    /// Its name, as `--columns` takes it.
    pub(crate) key: &'static str,
    /// Whether it is shown only on demand.
    pub(crate) wide: bool,
    /// Its value for a row.
    pub(crate) cell: fn(&T, Timestamp) -> Cell,
}

impl<T> Column<T> {
    /// A column that is always shown.
    pub(crate) const fn new(key: &'static str, cell: fn(&T, Timestamp) -> Cell) -> Self {
        Self { key, wide: false, cell }
    }

    /// A column of wide tables.
    pub(crate) const fn wide(key: &'static str, cell: fn(&T, Timestamp) -> Cell) -> Self {
        Self { key, wide: true, cell }
    }
}

/// One value of a row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    /// For people; `None` is shown as `-`.
    pub(crate) text: Option<String>,
    /// For programs, in CSV: whole, in the API's units.
    pub(crate) raw: Option<String>,
    /// Its colour.
    pub(crate) tone: Tone,
}

impl Cell {
    /// The same cell in a colour.
    pub(crate) fn toned(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }
}

/// A text; an empty one is no value.
pub(crate) fn text(text: impl Into<String>) -> Cell {
    let text = Some(text.into()).filter(|text| !text.is_empty());
    Cell { raw: text.clone(), text, tone: Tone::Plain }
}

/// A text that may be absent.
pub(crate) fn opt<S: ToString>(value: Option<S>) -> Cell {
    value.map(|value| text(value.to_string())).unwrap_or_default()
}

/// A number.
pub(crate) fn count(number: impl ToString) -> Cell {
    text(number.to_string())
}

/// An amount of bytes.
pub(crate) fn bytes(bytes: Option<u64>) -> Cell {
    Cell {
        text: bytes.map(show_size),
        raw: bytes.map(|bytes| bytes.to_string()),
        tone: Tone::Plain,
    }
}

/// Several texts.
pub(crate) fn list<S: AsRef<str>>(items: &[S]) -> Cell {
    let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    text(items.join(","))
}

/// Another resource, by name.
pub(crate) fn reference(reference: Option<&Ref>) -> Cell {
    opt(reference.map(|reference| &reference.name))
}

/// How long ago a time was.
pub(crate) fn age(time: Option<Time>, now: Timestamp) -> Cell {
    Cell {
        text: time.map(|time| show_duration(now.since(time.0))),
        raw: time.map(|time| time.to_string()),
        tone: Tone::Plain,
    }
}

/// A fact: its value, marked where it is not fully good, or `-` (X17).
pub(crate) fn fact<T>(fact: &Fact<T>, show: impl FnOnce(&T) -> Cell) -> Cell {
    let Some(value) = &fact.value else { return Cell::default() };
    let mut cell = show(value);
    if fact.quality != "ok" {
        cell.text = cell.text.map(|text| format!("{text} ({})", fact.quality));
        cell.tone = Tone::Warn;
    }
    cell
}
