//! Values within cloud-init documents, which are YAML within a string: a value could end its
//! field there and begin another one.
//!
//! The text stays as its author wrote it, for cloud-init reads another YAML than we do (`yes`,
//! `0644`), and writing it anew would change what it says. So a value is put into the text, and
//! then it is proved that nothing else became otherwise:
//!
//! ```text
//!   text ─┬─ a mark for each place ─► parsed ─► marks replaced by values ─► expected ─┐
//!         └─ values in their places ─► parsed ──────────────────────────► found ──────┴─ the same?
//! ```

use std::collections::BTreeMap;

use serde_json::Value;

use super::parameter::Values;
use super::placeholder::{Piece, pieces};
use crate::vm::cloud_init::DOCUMENT_MAX_BYTES;

/// The lists of commands: their texts are read by a shell, their lists are not.
const COMMANDS: &[&str] = &["runcmd", "bootcmd"];

/// A fault of a document: a word, and what is wrong with it, for people.
pub(super) type Wrong = (&'static str, String);

/// `text` with `values` in their places. One that is `user_data` may be no YAML at all.
pub(super) fn filled(text: &str, is_user_data: bool, values: &Values) -> Result<String, Wrong> {
    let pieces = pieces(text).map_err(|why| ("bad_placeholder", why))?;
    if !pieces.iter().any(|piece| matches!(piece, Piece::Put(_))) {
        return Ok(plain(&pieces));
    }
    let first = text.lines().next().unwrap_or_default().trim_end();
    if is_user_data && first != "#cloud-config" {
        let why = "takes parameters only where its first line is #cloud-config: of anything else \
                   nobody can tell what a value would do there";
        return Err(("not_cloud_config", why.to_owned()));
    }
    let mark = mark(text);
    let (mut marked, mut text, mut put) = (String::new(), String::new(), BTreeMap::new());
    for (at, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Text(piece) => {
                marked.push_str(piece);
                text.push_str(piece);
            }
            Piece::Put(name) => {
                let value =
                    values.get(*name).map(super::parameter::Given::text).unwrap_or_default();
                one_line(name, &value)?;
                let mark = format!("{mark}{at}x");
                marked.push_str(&mark);
                text.push_str(&value);
                put.insert(mark, value);
            }
        }
        if text.len() > DOCUMENT_MAX_BYTES {
            return Err(("too_long", format!("is longer than {DOCUMENT_MAX_BYTES} bytes")));
        }
    }
    let mut expected = parsed(&marked)?;
    replace(&mut expected, &put, &mut Vec::new())?;
    let found = parsed(&text).ok().filter(|found| is_same(&expected, found));
    match found {
        Some(_) => Ok(text),
        None => Err((
            "escapes",
            "would be read as more, or as less, than the values that are put into it; put the \
             ${…} of a free text between double quotes, or restrict what it may be by a pattern"
                .to_owned(),
        )),
    }
}

/// `text` with stars in the place of secrets; nothing is proved of it.
pub(super) fn masked(text: &str, values: &Values) -> String {
    let shown = |piece: &Piece<'_>| match piece {
        Piece::Text(text) => (*text).to_owned(),
        Piece::Put(name) => match values.get(*name) {
            Some(super::parameter::Given::Secret(_)) => "********".to_owned(),
            Some(value) => value.text(),
            None => String::new(),
        },
    };
    pieces(text).map_or_else(|_| String::new(), |pieces| pieces.iter().map(shown).collect())
}

fn plain(pieces: &[Piece<'_>]) -> String {
    let texts = pieces.iter().map(|piece| match piece {
        Piece::Text(text) | Piece::Put(text) => *text,
    });
    texts.collect()
}

/// Line ends of YAML 1.1, by which cloud-init reads, are more than those of 1.2.
fn one_line(name: &str, value: &str) -> Result<(), Wrong> {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}');
    match value.contains(breaks) {
        true => Err(("not_one_line", format!("gets {name}, which is not of one line"))),
        false => Ok(()),
    }
}

/// A word that `text` does not have.
fn mark(text: &str) -> String {
    let mut mark = "hstmark".to_owned();
    while text.contains(&mark) {
        mark.push('q');
    }
    mark
}

fn parsed(text: &str) -> Result<Value, Wrong> {
    serde_saphyr::from_str::<Value>(text).map_err(|error| {
        let told = error.to_string();
        let line = told.lines().next().unwrap_or_default();
        let line = line.strip_prefix("error: ").unwrap_or(line);
        // It may quote the text, which may hold a secret: only where it is.
        let place = line.split(": ").next().filter(|it| it.starts_with("line")).unwrap_or("");
        ("not_yaml", format!("is no YAML that can be read {place}").trim_end().to_owned())
    })
}

/// Puts values in the place of marks; none may be in a name, nor in a command for a shell.
fn replace(
    tree: &mut Value,
    put: &BTreeMap<String, String>,
    path: &mut Vec<String>,
) -> Result<(), Wrong> {
    match tree {
        Value::Object(fields) => {
            for (key, value) in fields {
                if put.keys().any(|mark| key.contains(mark.as_str())) {
                    let why = "has a ${…} in the name of a field; only values take parameters";
                    return Err(("in_a_name", why.to_owned()));
                }
                path.push(key.clone());
                replace(value, put, path)?;
                path.pop();
            }
        }
        Value::Array(items) => {
            path.push(String::new());
            for item in items {
                replace(item, put, path)?;
            }
            path.pop();
        }
        Value::String(text) => {
            let is_marked = put.keys().any(|mark| text.contains(mark.as_str()));
            let is_command = path.first().is_some_and(|it| COMMANDS.contains(&it.as_str()));
            if is_marked && is_command && path.len() <= 2 {
                let why = "puts a parameter into a command that a shell reads; write the command \
                           as a list: [echo, \"${…}\"]";
                return Err(("shell_command", why.to_owned()));
            }
            for (mark, value) in put {
                *text = text.replace(mark.as_str(), value);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(())
}

/// Whether two documents say the same; a text is the same as the number or truth that is
/// written so.
fn is_same(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, value)| b.get(key).is_some_and(|it| is_same(value, it)))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (Value::String(text), Value::Number(number)) => *text == number.to_string(),
        (Value::String(text), Value::Bool(truth)) => *text == truth.to_string(),
        // A place that is left out leaves an empty field.
        (Value::String(text), Value::Null) => text.is_empty(),
        (expected, found) => expected == found,
    }
}
