//! How templates and their parts are shown.

use hostler_api::v1;

use crate::output::{Cell, Column, Resource, View, age, count, list, opt, render, text};
use crate::terminal::Tone;

impl Resource for v1::Template {
    const NOUN: &'static str = "template";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("name", |template, _| text(template.name.as_str())),
        Column::new("state", |template, _| state(&template.state)),
        Column::new("default", |template, _| opt(template.default_version)),
        Column::new("versions", |template, _| count(template.versions.len())),
        Column::new("vms", |template, _| count(template.vm_count)),
        Column::new("age", |template, now| age(Some(template.created_at), now)),
        Column::new("description", |template, _| text(template.description.as_str())),
        Column::wide("project", |template, _| text(template.project.as_str())),
        Column::wide("by", |template, _| text(template.created_by.as_str())),
        Column::wide("id", |template, _| text(template.id.as_str())),
    ];

    fn id(&self) -> String {
        self.id.clone()
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn details(&self, view: &View<'_>) -> Vec<(&'static str, String)> {
        vec![("Versions", table(VERSIONS, &self.versions, view))]
    }
}

impl Resource for v1::TemplateVersion {
    const NOUN: &'static str = "version";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("template", |version, _| text(version.template.name.as_str())),
        Column::new("version", |version, _| count(version.summary.number)),
        Column::new("state", |version, _| state(&version.summary.state)),
        Column::new("features", |version, _| list(&version.content.required_features)),
        Column::new("hardware", |version, _| list(&version.content.required_hardware)),
        Column::new("faults", |version, _| count(version.faults.len())),
        Column::new("age", |version, now| age(Some(version.summary.created_at), now)),
        Column::new("notes", |version, _| text(version.content.notes.as_str())),
    ];

    fn id(&self) -> String {
        format!("{}@{}", self.template.id, self.summary.number)
    }

    fn name(&self) -> String {
        format!("{}@{}", self.template.name, self.summary.number)
    }

    fn details(&self, view: &View<'_>) -> Vec<(&'static str, String)> {
        let mut tables = Vec::new();
        if !self.content.parameters.is_empty() {
            tables.push(("Parameters", table(PARAMETERS, &self.content.parameters, view)));
        }
        if !self.faults.is_empty() {
            tables.push(("Faults", table(FAULTS, &self.faults, view)));
        }
        tables
    }
}

const VERSIONS: &[Column<v1::TemplateVersionSummary>] = &[
    Column::new("version", |version, _| count(version.number)),
    Column::new("state", |version, _| state(&version.state)),
    Column::new("default", |version, _| text(if version.default { "yes" } else { "" })),
    Column::new("by", |version, _| text(version.created_by.as_str())),
    Column::new("age", |version, now| age(Some(version.created_at), now)),
];

const PARAMETERS: &[Column<v1::TemplateParameter>] = &[
    Column::new("name", |parameter, _| text(parameter.name.as_str())),
    Column::new("kind", |parameter, _| text(kind(parameter.kind))),
    Column::new("required", |parameter, _| text(if parameter.required { "yes" } else { "" })),
    Column::new("default", |parameter, _| {
        opt(parameter.default.as_ref().map(|it| match it {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        }))
    }),
    Column::new("choices", |parameter, _| list(&parameter.choices)),
    Column::new("description", |parameter, _| text(parameter.description.as_str())),
];

const FAULTS: &[Column<hostler_api::ProblemFault>] = &[
    Column::new("place", |fault, _| text(fault.pointer.as_str())),
    Column::new("fault", |fault, _| text(fault.detail.as_str())),
];

fn table<T: 'static>(columns: &'static [Column<T>], rows: &[T], view: &View<'_>) -> String {
    render(&columns.iter().collect::<Vec<_>>(), rows.iter(), view)
}

fn state(word: &str) -> Cell {
    let tone = match word {
        "active" => Tone::Good,
        "deprecated" => Tone::Warn,
        "archived" => Tone::Weak,
        _ => Tone::Plain,
    };
    text(word).toned(tone)
}

const fn kind(kind: v1::TemplateParameterKind) -> &'static str {
    match kind {
        v1::TemplateParameterKind::String => "string",
        v1::TemplateParameterKind::Integer => "integer",
        v1::TemplateParameterKind::Boolean => "boolean",
        v1::TemplateParameterKind::Enum => "enum",
        v1::TemplateParameterKind::Size => "size",
        v1::TemplateParameterKind::Secret => "secret",
    }
}
