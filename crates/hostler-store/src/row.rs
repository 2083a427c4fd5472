//! Reads columns into the types they were written from. What can't be read is
//! an error that names table-side column and value's kind, never a default.

use std::fmt::Display;
use std::str::FromStr;

use hostler_core::Timestamp;
use serde_json::Value;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::error::{Error, Result};

fn unreadable(column: &str, why: impl Display) -> Error {
    Error::bug(format!("column {column} can't be read: {why}"))
}

/// An integer.
pub(crate) fn int(row: &SqliteRow, column: &str) -> Result<i64> {
    row.try_get(column).map_err(|error| unreadable(column, error))
}

/// An integer or nothing.
pub(crate) fn optional_int(row: &SqliteRow, column: &str) -> Result<Option<i64>> {
    row.try_get(column).map_err(|error| unreadable(column, error))
}

/// An integer that can't be negative.
pub(crate) fn unsigned(row: &SqliteRow, column: &str) -> Result<u64> {
    u64::try_from(int(row, column)?).map_err(|error| unreadable(column, error))
}

/// A point of time.
pub(crate) fn time(row: &SqliteRow, column: &str) -> Result<Timestamp> {
    int(row, column).map(Timestamp::from_micros)
}

/// A point of time or nothing.
pub(crate) fn optional_time(row: &SqliteRow, column: &str) -> Result<Option<Timestamp>> {
    Ok(optional_int(row, column)?.map(Timestamp::from_micros))
}

/// A text.
pub(crate) fn text(row: &SqliteRow, column: &str) -> Result<String> {
    row.try_get(column).map_err(|error| unreadable(column, error))
}

/// A text or nothing.
pub(crate) fn optional_text(row: &SqliteRow, column: &str) -> Result<Option<String>> {
    row.try_get(column).map_err(|error| unreadable(column, error))
}

/// Bytes.
pub(crate) fn blob(row: &SqliteRow, column: &str) -> Result<Vec<u8>> {
    row.try_get(column).map_err(|error| unreadable(column, error))
}

/// A SHA-256.
pub(crate) fn hash(row: &SqliteRow, column: &str) -> Result<[u8; 32]> {
    <[u8; 32]>::try_from(blob(row, column)?)
        .map_err(|bytes| unreadable(column, format!("{} bytes instead of 32", bytes.len())))
}

/// Something written as text, such as an id.
pub(crate) fn parsed<T: FromStr<Err: Display>>(row: &SqliteRow, column: &str) -> Result<T> {
    text(row, column)?.parse().map_err(|error| unreadable(column, error))
}

/// Something written as text, or nothing.
pub(crate) fn optional_parsed<T: FromStr<Err: Display>>(
    row: &SqliteRow,
    column: &str,
) -> Result<Option<T>> {
    optional_text(row, column)?
        .map(|text| text.parse().map_err(|error| unreadable(column, error)))
        .transpose()
}

/// One word of a closed set.
pub(crate) fn word<T>(
    row: &SqliteRow,
    column: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T> {
    let text = text(row, column)?;
    parse(&text).ok_or_else(|| unreadable(column, format!("unknown word {text:?}")))
}

/// Any JSON.
pub(crate) fn json(row: &SqliteRow, column: &str) -> Result<Value> {
    document(row, column)
}

/// A JSON document of a known type.
pub(crate) fn document<T: serde::de::DeserializeOwned>(row: &SqliteRow, column: &str) -> Result<T> {
    serde_json::from_str(&text(row, column)?).map_err(|error| unreadable(column, error))
}

/// The JSON document of a known type, where there is one.
pub(crate) fn optional_document<T: serde::de::DeserializeOwned>(
    row: &SqliteRow,
    column: &str,
) -> Result<Option<T>> {
    if optional_text(row, column)?.is_none() {
        return Ok(None);
    }
    document(row, column).map(Some)
}

/// How a document is written.
pub(crate) fn to_json(document: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(document)
        .map_err(|error| Error::bug(format!("a document can't be written as JSON: {error}")))
}

/// How a number is written that can't be negative; the database knows signed
/// ones only, and no count of ours comes near their end.
pub(crate) fn to_int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
