//! What `-o` and HOSTLER_OUTPUT take: a format's word, or `template=…`.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Arg, Command, ValueEnum};

use crate::failure::{Failure, Result};

/// What precedes a template.
const TEMPLATE: &str = "template=";

/// How to show a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// For people, with more columns.
    Wide,
    /// The API's documents.
    Json,
    /// The API's documents as YAML.
    Yaml,
    /// Names only.
    Name,
    /// Comma-separated values, in full (RFC 4180).
    Csv,
    /// Ids only; the same as -q.
    Id,
    /// A line for each document, as a template words it.
    #[value(skip)]
    Template,
}

/// A format, and the template where it is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) format: Format,
    /// The template's text; nothing for other formats.
    pub(crate) template: Option<String>,
}

impl From<Format> for Output {
    fn from(format: Format) -> Self {
        Self { format, template: None }
    }
}

impl Output {
    /// The format, and the template's text.
    pub(crate) fn parts(&self) -> (Format, &str) {
        (self.format, self.template.as_deref().unwrap_or_default())
    }
}

/// The format that HOSTLER_OUTPUT names, and the template's text.
pub(crate) fn of_environment(word: &str) -> Result<(Format, &str)> {
    if let Some(template) = word.strip_prefix(TEMPLATE) {
        return Ok((Format::Template, template));
    }
    <Format as ValueEnum>::from_str(word, true).map(|format| (format, "")).map_err(|_| {
        Failure::usage(format!("HOSTLER_OUTPUT is `{word}`, which is no output format"))
            .with_hint("table, wide, json, yaml, name, csv, id or template=TEMPLATE")
    })
}

/// Reads the value of `-o`.
#[derive(Debug, Clone)]
pub(crate) struct OutputParser;

impl TypedValueParser for OutputParser {
    type Value = Output;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Output, clap::Error> {
        if let Some(template) = value.to_str().and_then(|word| word.strip_prefix(TEMPLATE)) {
            let template = Some(template.to_owned());
            return Ok(Output { format: Format::Template, template });
        }
        // It makes the message that every wrong word gets.
        let words = PossibleValuesParser::new(possible_values());
        let word = words.parse_ref(command, arg, value)?;
        let format = <Format as ValueEnum>::from_str(&word, false);
        Ok(Output::from(format.unwrap_or(Format::Table)))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(possible_values().into_iter()))
    }
}

/// The words, for help and completion.
fn possible_values() -> Vec<PossibleValue> {
    let words = Format::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    let template = PossibleValue::new(TEMPLATE)
        .help("A line for each document, for example template='{{ name }} {{ status.state }}'");
    words.chain(std::iter::once(template)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(word: &str) -> Result<Output, clap::Error> {
        OutputParser.parse_ref(&Command::new("x"), None, OsStr::new(word))
    }

    #[test]
    fn every_word_of_the_help_is_understood() {
        for format in Format::value_variants() {
            let word = format.to_possible_value().unwrap();
            assert_eq!(parsed(word.get_name()).unwrap(), Output::from(*format));
            assert_eq!(of_environment(word.get_name()).unwrap(), (*format, ""));
        }
        assert!(parsed("xml").is_err() && parsed("template").is_err());
        assert_eq!(of_environment("xml").unwrap_err().exit_code(), 2);
    }

    #[test]
    fn a_template_is_taken_as_it_is() {
        for template in ["", "{{ name }}", "a=b table"] {
            let word = format!("template={template}");
            assert_eq!(parsed(&word).unwrap().parts(), (Format::Template, template));
            assert_eq!(of_environment(&word).unwrap(), (Format::Template, template));
        }
    }
}
