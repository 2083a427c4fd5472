//! `hostler explain vm.disks.bus`: what a field means, which values it takes,
//! and what holds when it is not given.
//!
//! The answer comes from the types of the API that this program was built with,
//! so it needs no server and cannot say anything that the program does not do.

mod schema;

use clap::Args as ClapArgs;
use serde::Serialize;

use crate::app::App;
use crate::complete::Names;
use crate::failure::{Failure, Result};
use crate::output::{Column, opt, render, text};
use crate::terminal::Tone;
use crate::text::{either, similar};
use schema::{Choice, Field, Inner, Miss, Schemas};

/// A document that speaks of a noun.
#[derive(Debug)]
struct Document {
    schema: &'static str,
    /// Where it is met.
    place: &'static str,
    /// Whether people write it; then it matters what is so by default.
    is_written: bool,
}

const fn written(schema: &'static str, place: &'static str) -> Document {
    Document { schema, place, is_written: true }
}

const fn shown(schema: &'static str, place: &'static str) -> Document {
    Document { schema, place, is_written: false }
}

/// Each noun with its documents.
const NOUNS: &[(&str, &[Document])] = &[
    (
        "vm",
        &[
            written("VmSpec", "asked for by `hostler vm create --file`"),
            shown("Vm", "shown by `hostler vm show -o json`"),
        ],
    ),
    ("host", &[shown("Host", "shown by `hostler host show -o json`")]),
    ("pool", &[shown("Pool", "shown by `hostler pool show -o json`")]),
    ("volume", &[shown("Volume", "shown by `hostler volume list -o json`")]),
    ("image", &[shown("Image", "shown by `hostler image show -o json`")]),
    (
        "template",
        &[
            written("TemplateContent", "asked for by `hostler template create --file`"),
            shown("Template", "shown by `hostler template show -o json`"),
        ],
    ),
    ("network", &[shown("Network", "shown by `hostler network show -o json`")]),
    ("op", &[shown("Operation", "shown by `hostler op show -o json`")]),
    ("event", &[shown("Event", "shown by `hostler event list -o json`")]),
    ("provider", &[shown("Provider", "shown by `hostler provider show -o json`")]),
    ("token", &[shown("Token", "shown by `hostler token list -o json`")]),
    ("problem", &[shown("Problem", "what the API answers when it refuses")]),
];

/// The longest default that is shown in a table, in characters.
const DEFAULT_MAX_CHARS: usize = 16;
/// How many levels of fields are offered to the shell.
const OFFERED_LEVELS: usize = 5;

/// Which field.
#[derive(Debug, Clone, ClapArgs)]
#[command(after_long_help = examples!(
    "hostler explain vm",
    "hostler explain vm.disks.bus",
    "hostler explain host.memory_bytes -o json"
))]
pub(crate) struct Args {
    /// A noun, then fields, separated by dots, for example vm.disks.bus.
    #[arg(value_name = "PATH", add = Names::Field)]
    path: String,
}

/// A field in one document.
#[derive(Debug, Serialize)]
struct Explained {
    path: String,
    /// Where the document is met.
    document: &'static str,
    #[serde(skip)]
    is_written: bool,
    #[serde(flatten)]
    field: Field,
}

pub(crate) fn run(app: &App, args: &Args) -> Result {
    let schemas = Schemas::new();
    let found = explained(&schemas, &args.path)?;
    let view = app.view()?;
    if !view.is_for_people() {
        let json = serde_json::to_value(&found)
            .map_err(|error| Failure::new(70, format!("it cannot be shown: {error}")))?;
        return view.document(&json);
    }
    let texts: Vec<String> = found.iter().map(|one| for_people(app, one)).collect::<Result<_>>()?;
    app.terminal.write(&texts.join("\n"))
}

/// The field in every document of its noun that has it; never none.
fn explained(schemas: &Schemas, path: &str) -> Result<Vec<Explained>> {
    // Flags are written with hyphens, fields with underscores; both are meant.
    let normal = path.to_lowercase().replace('-', "_");
    let mut names = normal.split('.');
    let noun = names.next().unwrap_or_default();
    let noun = if noun == "operation" { "op" } else { noun };
    let Some((_, documents)) = NOUNS.iter().find(|(name, _)| *name == noun) else {
        let nouns: Vec<&str> = NOUNS.iter().map(|(name, _)| *name).collect();
        let near = similar(noun, nouns.iter().copied());
        let hint = if near.is_empty() {
            format!("there are {}", nouns.join(", "))
        } else {
            format!("did you mean {}?", either(&near))
        };
        return Err(Failure::usage(format!("nothing is known of `{noun}`")).with_hint(hint));
    };
    let names: Vec<&str> = names.collect();
    let mut found = Vec::new();
    let mut missed = Vec::new();
    for document in *documents {
        match schemas.field(document.schema, &names) {
            Ok(field) => found.push(Explained {
                path: normal.clone(),
                document: document.place,
                is_written: document.is_written,
                field,
            }),
            Err(miss) => missed.push(miss),
        }
    }
    if found.is_empty() { Err(no_field(noun, &names, &missed)) } else { Ok(found) }
}

/// No document has the field: where the path ends, and what may have been meant.
fn no_field(noun: &str, names: &[&str], missed: &[Miss]) -> Failure {
    // Where the path leads furthest is where it was meant to lead.
    let depth = missed.iter().map(|miss| miss.depth).max().unwrap_or(0);
    let furthest = missed.iter().filter(|miss| miss.depth == depth);
    let mut fields: Vec<&str> =
        furthest.flat_map(|miss| &miss.fields).map(String::as_str).collect();
    fields.sort_unstable();
    fields.dedup();
    let parents = std::iter::once(noun).chain(names.iter().take(depth).copied());
    let parent = parents.collect::<Vec<_>>().join(".");
    let name = names.get(depth).copied().unwrap_or_default();
    let near = similar(name, fields.iter().copied());
    let hint = if fields.is_empty() {
        format!("it has no fields; see `hostler explain {parent}`")
    } else if near.is_empty() {
        format!("there are {}", fields.join(", "))
    } else {
        let near: Vec<String> = near.iter().map(|name| format!("{parent}.{name}")).collect();
        format!("did you mean {}?", either(&near))
    };
    Failure::usage(format!("`{parent}` has no field `{name}`")).with_hint(hint)
}

/// A field as a page: what it is, its type and default, its values or fields.
fn for_people(app: &App, explained: &Explained) -> Result<String> {
    let field = &explained.field;
    let paint = |tone, text: &str| app.terminal.paint(tone, text);
    let mut page = format!("{} ({})\n", paint(Tone::Title, &explained.path), explained.document);
    for line in field.description.lines() {
        page.push_str(&format!("  {}\n", line.trim()));
    }
    let mut fact = |name: &str, value: &str| {
        page.push_str(&format!("{} {value}\n", paint(Tone::Weak, &format!("{name:<9}"))));
    };
    fact("type:", &field.kind);
    match (&field.default, field.required) {
        _ if !explained.is_written => {}
        (Some(default), _) => fact("default:", &default.to_string()),
        (None, Some(required)) => fact("required:", if required { "yes" } else { "no" }),
        (None, None) => {}
    }
    let view = app.view()?;
    if !field.values.is_empty() {
        page.push_str(&format!("\n{}\n", paint(Tone::Title, "Values")));
        let columns: Vec<&Column<Choice>> = VALUES.iter().collect();
        page.push_str(&indent(&render(&columns, field.values.iter(), &view)));
    }
    if !field.fields.is_empty() {
        page.push_str(&format!("\n{}\n", paint(Tone::Title, "Fields")));
        let is_wanted = |column: &&Column<Inner>| explained.is_written || column.key != "default";
        let columns: Vec<&Column<Inner>> = FIELDS.iter().filter(is_wanted).collect();
        page.push_str(&indent(&render(&columns, field.fields.iter(), &view)));
    }
    Ok(page)
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

const VALUES: &[Column<Choice>] = &[
    Column::new("value", |choice, _| text(choice.value.as_str())),
    Column::new("meaning", |choice, _| text(choice.description.as_str())),
];

const FIELDS: &[Column<Inner>] = &[
    Column::new("name", |inner, _| text(inner.name.as_str())),
    Column::new("type", |inner, _| text(inner.kind.as_str())),
    Column::new("default", |inner, _| match (&inner.default, inner.required) {
        // A long one is shown by itself, where its field is explained.
        (Some(default), _) => match default.to_string() {
            long if long.chars().count() > DEFAULT_MAX_CHARS => text("..."),
            short => text(short),
        },
        (None, true) => text("required"),
        (None, false) => opt::<&str>(None),
    }),
    Column::new("meaning", |inner, _| text(inner.description.as_str())),
];

/// Every path that begins with `word`, one level further, for the shell.
pub(crate) fn paths(word: &str) -> impl Iterator<Item = String> {
    let word = word.to_lowercase();
    let (parent, _) = word.rsplit_once('.').unwrap_or_default();
    let mut found: Vec<String> = match parent {
        "" => NOUNS.iter().map(|(noun, _)| (*noun).to_owned()).collect(),
        _ if parent.matches('.').count() >= OFFERED_LEVELS => Vec::new(),
        _ => {
            let explained = explained(&Schemas::new(), parent).unwrap_or_default();
            let names = explained.iter().flat_map(|one| &one.field.fields);
            names.map(|inner| format!("{parent}.{}", inner.name)).collect()
        }
    };
    found.sort();
    found.dedup();
    found.into_iter().filter(move |path| path.starts_with(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(path: &str) -> Explained {
        let mut found = explained(&Schemas::new(), path).unwrap();
        assert_eq!(found.len(), 1, "{path}");
        found.remove(0)
    }

    fn complaint(path: &str) -> String {
        let failure = explained(&Schemas::new(), path).unwrap_err();
        assert_eq!(failure.exit_code(), 2, "{path}");
        failure.lines().into_iter().map(|(word, text)| format!("{word}: {text}\n")).collect()
    }

    #[test]
    fn a_field_is_told_with_type_default_and_values() {
        let bus = one("vm.disks.bus").field;
        assert_eq!(bus.kind, "one of virtio, scsi, sata, ide, usb; or null");
        assert_eq!(bus.default, Some(serde_json::Value::Null));
        assert_eq!(bus.required, Some(false));
        assert!(bus.description.contains("SATA for CD-ROM"));
        let scsi = bus.values.iter().find(|choice| choice.value == "scsi").unwrap();
        assert!(scsi.description.contains("controller"));
        assert_eq!(
            one("vm.memory.bytes").field.required,
            Some(false),
            "an instance type may say it"
        );
        assert_eq!(one("VM.Guest-Agent").field.default, Some(serde_json::json!(true)));
    }

    #[test]
    fn a_noun_shows_what_is_asked_and_what_is_shown() {
        let found = explained(&Schemas::new(), "vm").unwrap();
        let has = |at: usize, name: &str| found[at].field.fields.iter().any(|f| f.name == name);
        assert!(has(0, "disks") && !has(0, "status"));
        assert!(has(1, "status") && !has(1, "disks"));
        assert_eq!(explained(&Schemas::new(), "vm.labels").unwrap().len(), 2);
    }

    #[test]
    fn choices_that_carry_more_can_be_looked_into() {
        let source = one("vm.disks.source");
        assert!(source.field.values.iter().any(|choice| choice.value == "empty"), "{source:?}");
        assert_eq!(one("vm.disks.source.empty.size_bytes").field.kind, "integer");
        assert_eq!(one("host.memory_bytes.value").field.kind, "integer or null");
    }

    #[test]
    fn what_is_not_known_is_told_with_what_is_meant() {
        assert_eq!(
            complaint("vm.disks.bsu"),
            "error: `vm.disks` has no field `bsu`\nhint: did you mean vm.disks.bus?\n"
        );
        assert_eq!(complaint("vmm"), "error: nothing is known of `vmm`\nhint: did you mean vm?\n");
        assert!(complaint("vm.diks").ends_with("did you mean vm.disks?\n"));
        assert!(complaint("vm.name.first").contains("it has no fields"));
        assert!(complaint("vm.").contains("there are "));
        assert!(complaint("").contains("there are vm, host"));
    }

    #[test]
    fn every_field_of_every_noun_can_be_explained() {
        let schemas = Schemas::new();
        let mut todo: Vec<String> = NOUNS.iter().map(|(noun, _)| (*noun).to_owned()).collect();
        let mut count = 0;
        while let Some(path) = todo.pop() {
            for one in explained(&schemas, &path).unwrap() {
                count += 1;
                assert!(
                    !one.field.kind.is_empty() && !one.field.kind.contains("unknown"),
                    "{path}"
                );
                assert!(!one.field.description.is_empty(), "{path} says nothing");
                if path.matches('.').count() < OFFERED_LEVELS {
                    todo.extend(
                        one.field.fields.iter().map(|inner| format!("{path}.{}", inner.name)),
                    );
                }
            }
        }
        assert!(count > 200, "{count}");
    }

    #[test]
    fn the_shell_is_offered_the_next_level() {
        let of = |word: &str| paths(word).collect::<Vec<_>>();
        assert_eq!(of("ho"), ["host"]);
        assert_eq!(of("vm.dis"), ["vm.disk_limits", "vm.disks"]);
        assert!(of("vm.disks.").contains(&"vm.disks.bus".to_owned()));
        assert_eq!(of("nothing.x"), Vec::<String>::new());
    }
}
