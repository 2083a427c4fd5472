//! Label and field selectors.

use serde_json::Value;

use crate::json;
use crate::kinds::Kind;
use crate::status::Refused;

/// What a list or a watch is narrowed to.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Selector {
    labels: Vec<(String, Test)>,
    fields: Vec<(&'static str, String, bool)>,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    In(Vec<String>),
    /// Also where the label is absent.
    NotIn(Vec<String>),
    Exists,
    Absent,
}

/// The fields that can be selected by beside name and namespace, which all kinds have.
const FIELDS: &[(&str, &str, &str)] = &[
    ("pods", "spec.nodeName", "/spec/nodeName"),
    ("pods", "spec.restartPolicy", "/spec/restartPolicy"),
    ("pods", "status.phase", "/status/phase"),
    ("events", "involvedObject.kind", "/involvedObject/kind"),
    ("events", "involvedObject.name", "/involvedObject/name"),
    ("events", "involvedObject.namespace", "/involvedObject/namespace"),
    ("events", "involvedObject.uid", "/involvedObject/uid"),
    ("events", "reason", "/reason"),
    ("events", "type", "/type"),
    ("secrets", "type", "/type"),
    ("namespaces", "status.phase", "/status/phase"),
];

impl Selector {
    /// Reads both; an empty text selects everything.
    ///
    /// # Errors
    /// 400 where one cannot be read, or a field is none that can be selected by.
    pub(crate) fn parse(kind: &Kind, labels: &str, fields: &str) -> Result<Self, Refused> {
        Ok(Self { labels: parse_labels(labels)?, fields: parse_fields(kind, fields)? })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        let labels = object.pointer("/metadata/labels");
        let by_label = self.labels.iter().all(|(name, test)| {
            let value = labels.and_then(|labels| labels.get(name)).and_then(Value::as_str);
            match test {
                Test::In(values) => value.is_some_and(|value| values.iter().any(|v| v == value)),
                Test::NotIn(values) => value.is_none_or(|value| values.iter().all(|v| v != value)),
                Test::Exists => value.is_some(),
                Test::Absent => value.is_none(),
            }
        });
        by_label
            && self
                .fields
                .iter()
                .all(|(pointer, value, equal)| (json::text(object, pointer) == value) == *equal)
    }
}

/// Splits at commas outside of parentheses.
fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut from) = (0_usize, 0);
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.extend(text.get(from..at));
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.extend(text.get(from..));
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn parse_labels(text: &str) -> Result<Vec<(String, Test)>, Refused> {
    parts(text)
        .into_iter()
        .map(|part| {
            parse_label(part).ok_or_else(|| {
                Refused::bad_request(format!("unable to parse requirement: found '{part}'"))
            })
        })
        .collect()
}

fn parse_label(part: &str) -> Option<(String, Test)> {
    let named = |name: &str, test| {
        let name = name.trim();
        let is_name = !name.is_empty()
            && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_./".contains(letter));
        is_name.then(|| (name.to_owned(), test))
    };
    if let Some(name) = part.strip_prefix('!') {
        return named(name, Test::Absent);
    }
    if let Some((name, value)) = part.split_once("!=") {
        return named(name, Test::NotIn(vec![value.trim().to_owned()]));
    }
    if let Some((name, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return named(name, Test::In(vec![value.trim().to_owned()]));
    }
    let Some((name, rest)) = part.split_once(char::is_whitespace) else {
        return named(part, Test::Exists);
    };
    let (word, values) = rest.trim().split_once('(')?;
    let values: Vec<String> =
        values.strip_suffix(')')?.split(',').map(|value| value.trim().to_owned()).collect();
    match word.trim() {
        "in" => named(name, Test::In(values)),
        "notin" => named(name, Test::NotIn(values)),
        _ => None,
    }
}

fn parse_fields(kind: &Kind, text: &str) -> Result<Vec<(&'static str, String, bool)>, Refused> {
    parts(text)
        .into_iter()
        .map(|part| {
            let (name, value, equal) = if let Some((name, value)) = part.split_once("!=") {
                (name, value, false)
            } else if let Some((name, value)) =
                part.split_once("==").or_else(|| part.split_once('='))
            {
                (name, value, true)
            } else {
                let words = format!("invalid selector: '{part}'; can't understand '{part}'");
                return Err(Refused::bad_request(words));
            };
            let pointer = pointer(kind, name.trim()).ok_or_else(|| {
                Refused::bad_request(format!("field label not supported: {}", name.trim()))
            })?;
            Ok((pointer, value.trim().to_owned(), equal))
        })
        .collect()
}

fn pointer(kind: &Kind, name: &str) -> Option<&'static str> {
    match name {
        "metadata.name" => Some("/metadata/name"),
        "metadata.namespace" => Some("/metadata/namespace"),
        _ => FIELDS
            .iter()
            .find(|(plural, field, _)| *plural == kind.plural && *field == name)
            .map(|(_, _, pointer)| *pointer),
    }
}

#[cfg(test)]
mod tests;
