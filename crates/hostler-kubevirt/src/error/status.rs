//! The document in which an API server says why not.
//!
//! Every field may be missing, and every text comes from outside: it is cut and
//! cleaned before it may stand in a message of ours.

use serde::Deserialize;
use serde_json::Value;

/// The longest text of the server that is kept for administrators, in bytes.
const RAW: usize = 4096;
/// The longest word of the server in a message of ours, in characters.
const WORD: usize = 120;
/// How much of one of its sentences.
const SENTENCE: usize = 400;

/// Why not, in the server's words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Status {
    /// For people.
    #[serde(deserialize_with = "or_default")]
    pub message: String,
    /// One word for machines: `Conflict`, `Expired` …; empty for many a failure.
    #[serde(deserialize_with = "or_default")]
    pub reason: String,
    /// The HTTP status, which an event of a watch has here only.
    #[serde(deserialize_with = "or_default")]
    pub code: u16,
    /// What it is about.
    #[serde(deserialize_with = "or_default")]
    pub details: Details,
    /// Holds the token to go on with after a list has expired.
    #[serde(deserialize_with = "or_default")]
    pub metadata: ListMeta,
}

/// What a failure is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Details {
    /// The object's name; empty where the kind as a whole is meant.
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    /// The kind, in one of several spellings.
    #[serde(deserialize_with = "or_default")]
    pub kind: String,
    /// The single faults.
    #[serde(deserialize_with = "or_default")]
    pub causes: Vec<StatusCause>,
    /// When to ask again, in seconds.
    #[serde(deserialize_with = "or_default")]
    pub retry_after_seconds: u64,
}

/// One fault of several.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct StatusCause {
    /// One word: `FieldManagerConflict`, `FieldValueInvalid` …
    #[serde(deserialize_with = "or_default")]
    pub reason: String,
    /// For people.
    #[serde(deserialize_with = "or_default")]
    pub message: String,
    /// The path of the field.
    #[serde(deserialize_with = "or_default")]
    pub field: String,
}

/// What is told about a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ListMeta {
    /// Names the next page; empty on the last.
    #[serde(rename = "continue", deserialize_with = "or_default")]
    pub next: String,
    /// The version that a watch goes on from.
    #[serde(deserialize_with = "or_default")]
    pub resource_version: String,
}

/// What is null, or of another type, is as if it were missing.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + serde::de::DeserializeOwned,
{
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

impl Status {
    /// From the body of an answer, if it is such a document.
    pub fn of_body(body: &[u8]) -> Option<Self> {
        // Cheaper than to find out by parsing a whole list.
        if body.len() > 1 << 20 {
            return None;
        }
        Self::of_value(serde_json::from_slice(body).ok()?)
    }

    /// From a document, if it is one.
    pub fn of_value(value: Value) -> Option<Self> {
        if value.get("kind").and_then(Value::as_str) != Some("Status") {
            return None;
        }
        serde_json::from_value(value).ok()
    }
}

/// A word of the server, so that it can stand in a message of ours.
pub(crate) fn word(text: &str) -> String {
    cut(text, WORD)
}

/// A sentence of the server, in the same way.
pub(crate) fn sentence(text: &str) -> String {
    cut(text, SENTENCE)
}

fn cut(text: &str, chars: usize) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut cut: String = clean.take(chars).collect();
    if text.chars().count() > chars {
        cut.push('…');
    }
    cut
}

/// The server's text for administrators: readable, and not without end.
pub(crate) fn raw(body: &[u8]) -> String {
    let cut = body.get(..RAW).unwrap_or(body);
    String::from_utf8_lossy(cut).trim().to_owned()
}
