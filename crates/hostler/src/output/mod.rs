//! How results are shown. JSON and YAML are the API's own documents, whole;
//! tables are for people and never the other way round.

mod columns;
mod format;
mod table;
mod template;

use hostler_client::Item;
use hostler_core::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(crate) use columns::{Cell, Column, age, bytes, count, fact, list, opt, reference, text};
pub(crate) use format::{Format, Output, OutputParser, of_environment};
pub(crate) use table::{render, render_csv};

use crate::failure::{Failure, Result};
use crate::terminal::{Terminal, Tone};
use crate::text::printable_lines;

/// Something that can be shown as a row or by itself.
pub(crate) trait Resource: DeserializeOwned + Send + 'static {
    /// The word for it in messages.
    const NOUN: &'static str;
    /// What is said where a list of these is not wholly of the present.
    const STALE: &'static str = "note: a provider does not answer; part of this is old";
    /// Its columns, in order.
    const COLUMNS: &'static [Column<Self>];
    /// Its id.
    fn id(&self) -> String;
    /// Its name; the id where it has none.
    fn name(&self) -> String {
        self.id()
    }
    /// Whether it is made up, because it belongs to a demo.
    fn is_simulated(&self) -> bool {
        false
    }
    /// Further tables below its fields when it is shown by itself.
    fn details(&self, _view: &View<'_>) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

/// How and where to show results.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) format: Format,
    /// The template; of use for [`Format::Template`] alone.
    pub(crate) template: &'a str,
    pub(crate) columns: &'a [String],
    pub(crate) headers: bool,
    pub(crate) terminal: &'a Terminal,
    pub(crate) now: Timestamp,
}

impl View<'_> {
    /// Shows a list.
    pub(crate) fn list<T: Resource>(&self, items: &[Item<T>]) -> Result {
        let text = self.render_list(items)?;
        self.terminal.write(&text)?;
        if matches!(self.format, Format::Table | Format::Wide) {
            if items.is_empty() {
                self.terminal.say(&format!("there is no {}", T::NOUN));
            }
            self.mark_simulated(items.iter().any(|item| item.value.is_simulated()));
        }
        Ok(())
    }

    /// The list as text.
    pub(crate) fn render_list<T: Resource>(&self, items: &[Item<T>]) -> Result<String> {
        let columns = self.choose::<T>()?;
        let lines = |line: fn(&T) -> String| {
            items.iter().map(|item| crate::text::printable(&line(&item.value)) + "\n").collect()
        };
        match self.format {
            Format::Json => {
                let array: Vec<&Value> = items.iter().map(|item| &item.json).collect();
                self.json(&array)
            }
            Format::Yaml => yaml(&items.iter().map(|item| &item.json).collect::<Vec<_>>()),
            Format::Template => self.templated(items.iter().map(|item| &item.json)),
            Format::Name => Ok(lines(T::name)),
            Format::Id => Ok(lines(T::id)),
            Format::Csv => {
                Ok(render_csv(&columns, items.iter().map(|i| &i.value), self.headers, self.now))
            }
            Format::Table | Format::Wide => {
                Ok(render(&columns, items.iter().map(|item| &item.value), self))
            }
        }
    }

    /// Shows one resource by itself.
    pub(crate) fn one<T: Resource>(&self, item: &Item<T>) -> Result {
        let text = match self.format {
            Format::Json => self.json(&item.json)?,
            Format::Yaml => yaml(&item.json)?,
            Format::Name | Format::Id | Format::Csv | Format::Template => {
                self.render_list(std::slice::from_ref(item))?
            }
            Format::Table | Format::Wide if !self.columns.is_empty() => {
                self.render_list(std::slice::from_ref(item))?
            }
            Format::Table | Format::Wide => self.describe(&item.value),
        };
        self.terminal.write(&text)?;
        if matches!(self.format, Format::Table | Format::Wide) {
            self.mark_simulated(item.value.is_simulated());
        }
        Ok(())
    }

    /// All fields of a resource, a line each, and its tables.
    fn describe<T: Resource>(&self, value: &T) -> String {
        let width = T::COLUMNS.iter().map(|column| column.key.len()).max().unwrap_or(0) + 2;
        let mut text = String::new();
        for column in T::COLUMNS {
            let cell = (column.cell)(value, self.now);
            let label = self.terminal.paint(Tone::Weak, &format!("{:<width$}", column.key));
            let shown = crate::text::printable(cell.text.as_deref().unwrap_or("-"));
            text.push_str(&format!("{label}{}\n", self.terminal.paint(cell.tone, &shown)));
        }
        for (title, table) in value.details(self) {
            text.push_str(&format!("\n{}\n", self.terminal.paint(Tone::Title, title)));
            for line in table.lines() {
                text.push_str(&format!("  {line}\n"));
            }
        }
        text
    }

    /// Shows a document that is no resource.
    pub(crate) fn document(&self, json: &Value) -> Result {
        let text = match self.format {
            Format::Yaml => yaml(json)?,
            Format::Template => self.templated(std::iter::once(json))?,
            _ => self.json(json)?,
        };
        self.terminal.write(&text)
    }

    /// A line for each document, as the template words it.
    pub(crate) fn templated<'d>(
        &self,
        documents: impl Iterator<Item = &'d Value>,
    ) -> Result<String> {
        template::lines(self.template, documents)
    }

    /// Whether the result is the API's documents, whole or as a template shows them.
    pub(crate) fn is_document(&self) -> bool {
        matches!(self.format, Format::Json | Format::Yaml | Format::Template)
    }

    /// Whether results are for people.
    pub(crate) fn is_for_people(&self) -> bool {
        matches!(self.format, Format::Table | Format::Wide)
    }

    /// The columns that are wanted.
    fn choose<T: Resource>(&self) -> Result<Vec<&'static Column<T>>> {
        if self.columns.is_empty() {
            let all = matches!(self.format, Format::Wide | Format::Csv);
            return Ok(T::COLUMNS.iter().filter(|column| all || !column.wide).collect());
        }
        let find = |name: &String| {
            T::COLUMNS.iter().find(|column| column.key == name.to_lowercase()).ok_or_else(|| {
                let keys: Vec<&str> = T::COLUMNS.iter().map(|column| column.key).collect();
                Failure::usage(format!("a {} has no column `{name}`", T::NOUN))
                    .with_hint(format!("there are {}", keys.join(", ")))
            })
        };
        self.columns.iter().map(find).collect()
    }

    /// Nobody may take a demo for the real thing.
    fn mark_simulated(&self, is_simulated: bool) {
        if is_simulated {
            self.terminal.say("note: this is a demo; what it shows is made up");
        }
    }

    /// A document as JSON: indented, and on a line of its own where each is an event.
    pub(crate) fn json(&self, value: &impl serde::Serialize) -> Result<String> {
        let text = serde_json::to_string_pretty(value).map_err(unshowable)?;
        Ok(safe_json(&text) + "\n")
    }
}

/// A document on one line, for streams.
pub(crate) fn json_line(value: &Value) -> String {
    safe_json(&value.to_string()) + "\n"
}

/// JSON escapes the ASCII control characters; the others, which terminals obey
/// too, are escaped here. They stand only within strings, so nothing changes.
fn safe_json(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{7f}'..='\u{9f}' => safe.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => safe.push(c),
        }
    }
    safe
}

fn yaml(value: &impl serde::Serialize) -> Result<String> {
    let text = serde_saphyr::to_string(value).map_err(unshowable)?;
    let text = printable_lines(&text);
    Ok(if text.ends_with('\n') { text } else { text + "\n" })
}

fn unshowable(error: impl std::fmt::Display) -> Failure {
    Failure::new(70, format!("the result cannot be shown: {error}"))
}

#[cfg(test)]
mod tests;
