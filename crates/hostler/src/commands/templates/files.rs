//! What files say of templates: YAML or JSON.

use std::io::Read;
use std::path::Path;

use hostler_api::v1;
use serde_json::{Map, Value};

use crate::failure::{Failure, Result};
use crate::text::parse_yaml;

/// The largest document that is read, in bytes.
const DOCUMENT_MAX_BYTES: u64 = 1024 * 1024;

/// What flags say of a template.
#[derive(Debug, Default)]
pub(super) struct About {
    pub(super) name: String,
    pub(super) project: Option<String>,
    pub(super) description: Option<String>,
    pub(super) labels: Vec<String>,
}

impl About {
    /// Puts it in the place of what the file says.
    pub(super) fn onto(self, request: &mut v1::TemplateRequest) -> Result {
        request.name = self.name;
        if let Some(project) = self.project {
            request.project = project;
        }
        if let Some(description) = self.description {
            request.description = description;
        }
        for label in self.labels {
            let (key, value) = label
                .split_once('=')
                .ok_or_else(|| Failure::usage(format!("--label {label}: needs KEY=VALUE")))?;
            request.labels.insert(key.to_owned(), value.to_owned());
        }
        Ok(())
    }
}

/// A whole template, or the content of its first version alone.
pub(super) fn template(file: &Path) -> Result<v1::TemplateRequest> {
    let mut document = read(file)?;
    if !document.contains_key("version") {
        document = Map::from_iter([("version".to_owned(), Value::Object(document))]);
    }
    // The command line says it, and always has to.
    document.insert("name".to_owned(), Value::String(String::new()));
    typed(file, document)
}

/// What a version is; of a whole template, its version's.
pub(super) fn content(file: &Path) -> Result<v1::TemplateContent> {
    let mut document = read(file)?;
    match document.remove("version") {
        Some(Value::Object(version)) => typed(file, version),
        Some(_) => Err(Failure::usage(format!("{}: `version` is no object", file.display()))),
        None => typed(file, document),
    }
}

/// The text of a parameter's value, without the line end that editors add.
pub(super) fn value(file: &Path) -> Result<String> {
    let text = text(file)?;
    Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
}

fn typed<T: serde::de::DeserializeOwned>(file: &Path, document: Map<String, Value>) -> Result<T> {
    serde_json::from_value(Value::Object(document))
        .map_err(|error| Failure::usage(format!("{}: {error}", file.display())))
}

fn read(file: &Path) -> Result<Map<String, Value>> {
    let text = text(file)?;
    let failed = |why: String| Failure::usage(format!("{}: {why}", file.display()));
    let document: Value = match text.trim_start().starts_with('{') {
        true => serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?,
        false => parse_yaml(&text).map_err(&failed)?,
    };
    match document {
        Value::Object(document) => Ok(document),
        _ => Err(failed("the description is no object".into())),
    }
}

fn text(file: &Path) -> Result<String> {
    let failed = |why: String| Failure::usage(format!("cannot read {}: {why}", file.display()));
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().take(DOCUMENT_MAX_BYTES + 1).read_to_string(&mut text)
    } else {
        let handle = std::fs::File::open(file).map_err(|error| failed(error.to_string()))?;
        handle.take(DOCUMENT_MAX_BYTES + 1).read_to_string(&mut text)
    };
    read.map_err(|error| failed(error.to_string()))?;
    match text.len() as u64 > DOCUMENT_MAX_BYTES {
        true => Err(failed(format!("it is larger than {DOCUMENT_MAX_BYTES} bytes"))),
        false => Ok(text),
    }
}
