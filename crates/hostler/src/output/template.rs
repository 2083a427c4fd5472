//! `-o 'template=…'`: each resource in the caller's own words.
//!
//! A template sees one document of the API and nothing else: it can load no
//! file and call no command. A field that the document does not have is an
//! error that names it, never an empty text: a script must not mistake a typing
//! error for "no value". Its work and its output are limited.

use std::io::{self, Write};

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior};
use serde_json::Value;

use crate::failure::{Failure, Result};
use crate::text::{either, printable, show_size, similar};

/// The most bytes that all documents together may become.
const OUTPUT_MAX_BYTES: usize = 16 * 1024 * 1024;
/// How many steps one document may take; a loop over all disks takes hundreds.
const FUEL: u64 = 100_000;

/// The lines that `template` makes of `documents`.
pub(super) fn lines<'d>(
    template: &str,
    documents: impl Iterator<Item = &'d Value>,
) -> Result<String> {
    let environment = environment();
    let compiled = environment
        .template_from_named_str("template", template)
        .map_err(|error| failure(template, &Value::Null, &error))?;
    let mut sink = Capped::default();
    for document in documents {
        let rendered = compiled.render_captured_to(Serde(document), &mut sink);
        if sink.is_full {
            return Err(Failure::usage(format!(
                "the template makes more than {}",
                show_size(OUTPUT_MAX_BYTES as u64)
            )));
        }
        rendered.map_err(|error| failure(template, document, &error))?;
        if !sink.bytes.ends_with(b"\n") {
            sink.bytes.push(b'\n');
        }
    }
    String::from_utf8(sink.bytes)
        .map_err(|error| Failure::new(70, format!("the template made no text: {error}")))
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    environment.set_formatter(show);
    // Without it an error has no position.
    environment.set_debug(true);
    environment.add_filter("size", |bytes: u64| show_size(bytes));
    environment
}

/// Writes a value: texts as they are but for what acts on a terminal, all else as JSON.
fn show(output: &mut Output, _: &mut State, value: &minijinja::Value) -> Result<(), Error> {
    let text = match value.as_str() {
        Some(text) => printable(text),
        None => serde_json::to_string(value).map(|json| printable(&json)).map_err(|error| {
            Error::new(ErrorKind::BadSerialization, format!("it cannot be shown: {error}"))
        })?,
    };
    output.write_str(&text).map_err(Error::from)
}

/// Takes bytes up to the limit.
#[derive(Default)]
struct Capped {
    bytes: Vec<u8>,
    is_full: bool,
}

impl Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > OUTPUT_MAX_BYTES {
            self.is_full = true;
            return Err(io::Error::other("too long"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is wrong with the template, and where.
fn failure(template: &str, document: &Value, error: &Error) -> Failure {
    let range = error.range().unwrap_or_default();
    let expression = template.get(range.clone()).unwrap_or_default().trim();
    let place = place(template, range.start, error.line());
    let what = match error.kind() {
        ErrorKind::UndefinedError => format!("there is no field `{expression}`"),
        ErrorKind::OutOfFuel => "the template does not come to an end".to_owned(),
        kind => match error.detail() {
            Some(detail) => detail.to_owned(),
            None => kind.to_string(),
        },
    };
    let failure = Failure::usage(format!("{what} (template, {place})"));
    match error.kind() {
        ErrorKind::UndefinedError => match known_fields(document, expression) {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        },
        _ => failure
            .with_hint("write fields as {{ name }}, for example 'template={{ name }} {{ id }}'"),
    }
}

/// Line and column, both counted from one.
fn place(template: &str, offset: usize, line: Option<usize>) -> String {
    let before = template.get(..offset).unwrap_or_default();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    match line {
        Some(line) => format!("line {line}, column {column}"),
        None => format!("column {column}"),
    }
}

/// What there is in the place of the part of `expression` that is not there.
fn known_fields(document: &Value, expression: &str) -> Option<String> {
    let mut at = document;
    for name in expression.split('.') {
        let name = name.trim();
        let fields = at.as_object()?;
        if let Some(inner) = fields.get(name) {
            at = inner;
            continue;
        }
        let near = similar(name, fields.keys().map(String::as_str));
        if !near.is_empty() {
            return Some(format!("did you mean {}?", either(&near)));
        }
        let names: Vec<&str> = fields.keys().map(String::as_str).collect();
        return Some(format!("there are {}", names.join(", ")));
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn vm() -> Value {
        json!({
            "name": "web", "cpu_count": 2, "memory_bytes": 2147483648_u64, "host": null,
            "managed": true, "addresses": ["10.0.0.5", "fe80::1"],
            "status": {"state": "running"}, "labels": {"tier": "web"},
        })
    }

    fn rendered(template: &str) -> Result<String> {
        lines(template, std::iter::once(&vm()))
    }

    fn complaint(template: &str) -> String {
        let failure = rendered(template).unwrap_err();
        assert_eq!(failure.exit_code(), 2, "{failure:?}");
        failure.lines().into_iter().map(|(word, text)| format!("{word}: {text}\n")).collect()
    }

    #[test]
    fn each_document_becomes_a_line() {
        let documents = [json!({"name": "a"}), json!({"name": "b"})];
        assert_eq!(lines("{{ name }}", documents.iter()).unwrap(), "a\nb\n");
        assert_eq!(lines("{{ name }}\n", documents.iter()).unwrap(), "a\nb\n");
        assert_eq!(lines("{{ name }}", [].iter()).unwrap(), "");
    }

    #[test]
    fn values_are_texts_or_json() {
        assert_eq!(
            rendered("{{ name }}/{{ status.state }} {{ cpu_count }} {{ host }} {{ managed }}")
                .unwrap(),
            "web/running 2 null true\n"
        );
        assert_eq!(
            rendered("{{ addresses }} {{ labels }} {{ addresses[0] }}").unwrap(),
            "[\"10.0.0.5\",\"fe80::1\"] {\"tier\":\"web\"} 10.0.0.5\n"
        );
        assert_eq!(
            rendered("{% for a in addresses %}{{ a }};{% endfor %}{{ memory_bytes | size }}")
                .unwrap(),
            "10.0.0.5;fe80::1;2 GiB\n"
        );
        assert_eq!(rendered("{{ labels.owner | default('-') }}").unwrap(), "-\n");
    }

    #[test]
    fn an_unknown_field_is_named_with_its_place() {
        assert_eq!(
            complaint("{{ name }} {{ status.stat }}"),
            "error: there is no field `status.stat` (template, line 1, column 15)\n\
             hint: did you mean state?\n"
        );
        assert_eq!(
            complaint("é\n  {{ nmae }}"),
            "error: there is no field `nmae` (template, line 2, column 6)\n\
             hint: did you mean name?\n"
        );
        assert!(complaint("{{ status.colour }}").contains("hint: there are state\n"));
    }

    #[test]
    fn a_template_that_is_none_is_told_with_its_place() {
        let told = complaint("{{ name }");
        assert!(told.contains("(template, line 1, column ") && told.contains("hint: "), "{told}");
        assert!(complaint("{{ name | nonsense }}").contains("nonsense"));
        assert!(complaint("{{ name | size }}").contains("column"));
    }

    #[test]
    fn work_and_output_have_limits() {
        let endless =
            "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}";
        assert!(complaint(endless).contains("does not come to an end"));
        let long = "{% for a in range(200) %}{{ 'x' * 100000 }}{% endfor %}";
        assert!(complaint(long).contains("more than 16 MiB"), "{}", complaint(long));
    }

    #[test]
    fn a_template_can_load_nothing() {
        for template in
            ["{% include '/etc/passwd' %}", "{% import 'x' as y %}", "{{ env('HOME') }}"]
        {
            assert_eq!(rendered(template).unwrap_err().exit_code(), 2, "{template}");
        }
    }

    #[test]
    fn a_hostile_name_cannot_act_on_the_terminal() {
        let hostile = json!({"name": "\u{1b}]0;x\u{7}", "list": ["\u{9b}1m"]});
        let shown = lines("{{ name }}{{ list }}", std::iter::once(&hostile)).unwrap();
        assert!(shown.trim_end().chars().all(|c| !c.is_control()), "{shown:?}");
    }

    proptest! {
        #[test]
        fn no_template_makes_it_panic(template in "[{}%# a-z.'|()0-9\\n]{0,40}") {
            let _ = rendered(&template);
        }
    }
}
