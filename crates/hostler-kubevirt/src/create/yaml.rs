//! Writes an object as YAML, as people who know Kubernetes read it. Every text that
//! could be read as something else is quoted, in the form that JSON has too.

use std::fmt::Write as _;

use serde_json::Value;

/// Deeper objects are written on one line: nobody reads them, and nothing overflows.
const MAX_DEPTH: usize = 64;

/// The document, ending with a line end.
pub(super) fn write(value: &Value) -> String {
    let mut out = String::new();
    block(&mut out, value, 0, 0);
    out
}

/// A value that begins at the present place of the line, and whose further lines are
/// indented.
fn block(out: &mut String, value: &Value, indent: usize, depth: usize) {
    match value {
        Value::Object(fields) if !fields.is_empty() && depth < MAX_DEPTH => {
            // In the order in which kubectl writes them, however they are kept.
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(key, _)| *key);
            for (index, (key, value)) in fields.into_iter().enumerate() {
                if index > 0 {
                    pad(out, indent);
                }
                out.push_str(&text(key));
                out.push(':');
                // Lists stand below their name, not further in, as kubectl writes them.
                let further = if value.is_array() { indent } else { indent + 2 };
                nested(out, value, further, depth);
            }
        }
        Value::Array(items) if !items.is_empty() && depth < MAX_DEPTH => {
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    pad(out, indent);
                }
                out.push_str("- ");
                block(out, item, indent + 2, depth + 1);
            }
        }
        Value::String(plain) => {
            out.push_str(&text(plain));
            out.push('\n');
        }
        other => {
            out.push_str(&escaped(&other.to_string()));
            out.push('\n');
        }
    }
}

/// A value after `name:`.
fn nested(out: &mut String, value: &Value, indent: usize, depth: usize) {
    let is_block = match value {
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if is_block && depth + 1 < MAX_DEPTH {
        out.push('\n');
        pad(out, indent);
    } else {
        out.push(' ');
    }
    block(out, value, indent, depth + 1);
}

fn pad(out: &mut String, indent: usize) {
    // Writing to a string cannot fail.
    let _: std::fmt::Result = write!(out, "{:indent$}", "");
}

/// A text, plain where nobody could take it for a number, a truth, a date or an
/// indicator.
fn text(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let word = text.to_ascii_lowercase();
    let means = ["true", "false", "yes", "no", "on", "off", "y", "n", "null"];
    if begins && text.chars().all(fits) && !means.contains(&word.as_str()) {
        return text.to_owned();
    }
    escaped(&Value::from(text).to_string())
}

/// JSON whose few characters that end a line in YAML are escaped.
fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '\u{7f}'..='\u{9f}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{feff}'
            | '\u{fffe}'
            | '\u{ffff}' => {
                let _: std::fmt::Result = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_is_written_as_people_know_it() {
        let object = json!({
            "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine",
            "metadata": { "name": "web", "annotations": {}, "labels": { "a.io/b": "true" } },
            "spec": { "disks": [{ "name": "root", "bootOrder": 1 }, { "name": "1" }], "l": [[1, 2]] },
        });
        let expected = "apiVersion: kubevirt.io/v1\nkind: VirtualMachine\nmetadata:\n  annotations: \
                        {}\n  labels:\n    a.io/b: \"true\"\n  name: web\nspec:\n  disks:\n  - \
                        bootOrder: 1\n    name: root\n  - name: \"1\"\n  l:\n  - - 1\n    - 2\n";
        assert_eq!(write(&object), expected);
    }

    #[test]
    fn no_text_is_taken_for_something_else() {
        for (given, written) in [
            ("web", "web"),
            ("NO", "\"NO\""),
            ("1e3", "\"1e3\""),
            ("", "\"\""),
            ("- a", "\"- a\""),
            ("a: b", "\"a: b\""),
            ("a #b", "\"a #b\""),
            ("*a", "\"*a\""),
            ("a\nb", "\"a\\nb\""),
            ("a\u{85}b", "\"a\\u0085b\""),
            ("2026-11-22", "\"2026-11-22\""),
        ] {
            assert_eq!(write(&json!(given)), format!("{written}\n"), "{given:?}");
        }
    }

    #[test]
    fn a_document_without_end_is_written_on_one_line() {
        let mut value = json!(1);
        for _ in 0..200 {
            value = json!([value]);
        }
        assert!(write(&value).lines().count() < 200);
    }
}
