//! Where a page ends, so that the next one begins after it.

use super::{Row, SortKey, Value};

/// The place of a row in a sorted list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    pub(super) keys: Vec<Value<'static>>,
    pub(super) id: String,
}

impl Position {
    /// The place of `row` in a list sorted by `sort`.
    pub fn of<R: Row + ?Sized>(row: &R, sort: &[SortKey]) -> Self {
        let keys = sort.iter().map(|key| row.value(&key.field).into_owned());
        Self { keys: keys.collect(), id: row.id() }
    }

    /// As text. Not meant to be read by anybody; whoever hands it out signs it.
    pub fn encode(&self) -> String {
        let keys: Vec<serde_json::Value> = self
            .keys
            .iter()
            .map(|key| match key {
                Value::Absent => serde_json::Value::Null,
                // As text: JSON numbers do not reach as far.
                Value::Number(number) => serde_json::json!({ "n": number.to_string() }),
                Value::Text(text) => serde_json::Value::from(text.as_ref()),
            })
            .collect();
        serde_json::json!([self.id, keys]).to_string()
    }

    /// Reads what [`Position::encode`] wrote; `None` for anything else.
    pub fn decode(text: &str) -> Option<Self> {
        let (id, keys): (String, Vec<serde_json::Value>) = serde_json::from_str(text).ok()?;
        let keys = keys
            .into_iter()
            .map(|key| match key {
                serde_json::Value::Null => Some(Value::Absent),
                serde_json::Value::String(text) => Some(Value::from(text)),
                serde_json::Value::Object(map) => {
                    map.get("n")?.as_str()?.parse().ok().map(Value::Number)
                }
                _ => None,
            })
            .collect::<Option<_>>()?;
        Some(Self { keys, id })
    }
}
