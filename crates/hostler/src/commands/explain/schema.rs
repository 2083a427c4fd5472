//! Walks the JSON Schemas of the API's description.
//!
//! A path does not mention what lies between two names of fields: references,
//! items of lists, values of maps and "or null" are passed through.

use serde::Serialize;
use serde_json::{Map, Value};

/// How many references are followed at one place before giving up.
const HOPS_MAX: usize = 16;

/// The schemas by their names.
#[derive(Debug)]
pub(super) struct Schemas(Map<String, Value>);

/// What is known of a field.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Field {
    pub(super) description: String,
    /// Its type, in words.
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// The value when it is not given.
    pub(super) default: Option<Value>,
    /// Whether it must be given; nothing for whole documents.
    pub(super) required: Option<bool>,
    /// What it may be, where that is listed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) values: Vec<Choice>,
    /// The fields in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) fields: Vec<Inner>,
}

/// A value that a field may have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) description: String,
}

/// A field within another, in short.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Inner {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) default: Option<Value>,
    pub(super) required: bool,
    pub(super) description: String,
}

/// A field where it stands.
struct Found<'a> {
    name: &'a str,
    schema: &'a Value,
    is_required: bool,
    description: String,
}

/// Where a path ends too early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Miss {
    /// How many names were found.
    pub(super) depth: usize,
    /// What there is instead of the next.
    pub(super) fields: Vec<String>,
}

impl Schemas {
    /// The schemas of every type of the API.
    pub(super) fn new() -> Self {
        let mut document = hostler_api::openapi::document(&hostler_api::v1::endpoints());
        let schemas = document.pointer_mut("/components/schemas").map(Value::take);
        Self(match schemas {
            Some(Value::Object(schemas)) => schemas,
            _ => Map::new(),
        })
    }

    /// The field that `names` lead to in the document `root`.
    pub(super) fn field(&self, root: &str, names: &[&str]) -> Result<Field, Miss> {
        let nothing = Value::Null;
        let mut at = self.0.get(root).unwrap_or(&nothing);
        let (mut required, mut description) = (None, self.description(at));
        for (depth, name) in names.iter().enumerate() {
            let fields = self.fields(at);
            let Some(found) = fields.iter().find(|field| field.name == *name) else {
                let fields = fields.into_iter().map(|field| field.name.to_owned()).collect();
                return Err(Miss { depth, fields });
            };
            at = found.schema;
            required = Some(found.is_required);
            description.clone_from(&found.description);
        }
        let inner = |found: Found<'_>| Inner {
            name: found.name.to_owned(),
            kind: self.kind(found.schema),
            default: found.schema.get("default").cloned(),
            required: found.is_required,
            description: first_paragraph(&found.description),
        };
        Ok(Field {
            description,
            kind: self.kind(at),
            default: at.get("default").cloned(),
            required,
            values: self.choices(at),
            fields: self.fields(at).into_iter().map(inner).collect(),
        })
    }

    /// `schema` without what a path passes through.
    fn open<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let mut at = schema;
        for _ in 0..HOPS_MAX {
            if let Some(named) = at.get("$ref").and_then(Value::as_str) {
                let name = named.rsplit('/').next().unwrap_or_default();
                match self.0.get(name) {
                    Some(next) => at = next,
                    None => return at,
                }
            } else if let Some(only) = sole_variant(at) {
                at = only;
            } else if let Some(items) = at.get("items") {
                at = items;
            } else if let Some(values) =
                at.get("additionalProperties").filter(|values| values.is_object())
            {
                at = values;
            } else {
                break;
            }
        }
        at
    }

    /// The fields in `schema`. Variants that carry something are fields as well:
    /// that is how they are written.
    fn fields<'a>(&'a self, schema: &'a Value) -> Vec<Found<'a>> {
        let schema = self.open(schema);
        let mut fields = Vec::new();
        for (part, is_variant) in
            std::iter::once((schema, false)).chain(variants(schema).map(|part| (part, true)))
        {
            let required = part.get("required").and_then(Value::as_array);
            let is_required = |name: &str| {
                !is_variant && required.is_some_and(|names| names.iter().any(|other| other == name))
            };
            let properties = part.get("properties").and_then(Value::as_object);
            for (name, inner) in properties.into_iter().flatten() {
                let own = self.description(inner);
                let description = if is_variant { text_of(part, "description") } else { own };
                fields.push(Found {
                    name,
                    schema: inner,
                    is_required: is_required(name),
                    description,
                });
            }
        }
        fields
    }

    /// The values that are listed for `schema`.
    fn choices(&self, schema: &Value) -> Vec<Choice> {
        let mut choices = Vec::new();
        let schema = self.open(schema);
        for part in variants(schema) {
            let description = text_of(part, "description");
            if let Some(value) = part.get("const") {
                choices.push(Choice { value: plain(value), description });
                continue;
            }
            let listed = part.get("enum").and_then(Value::as_array).into_iter().flatten();
            for value in listed {
                choices.push(Choice { value: plain(value), description: description.clone() });
            }
            let properties = part.get("properties").and_then(Value::as_object);
            for name in properties.into_iter().flatten().map(|(name, _)| name) {
                choices.push(Choice { value: name.clone(), description: description.clone() });
            }
        }
        let listed = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
        choices
            .extend(listed.map(|value| Choice { value: plain(value), description: String::new() }));
        choices
    }

    /// The type in words.
    fn kind(&self, schema: &Value) -> String {
        let (schema, or_null) = match sole_variant(schema) {
            Some(only) => (only, true),
            None => (schema, false),
        };
        let mut kind = self.plain_kind(schema);
        if or_null {
            kind.push_str(if kind.contains(", ") { "; or null" } else { " or null" });
        }
        kind
    }

    fn plain_kind(&self, schema: &Value) -> String {
        if let Some(items) = schema.get("items") {
            return format!("list of {}", self.kind(items));
        }
        if let Some(values) = schema.get("additionalProperties").filter(|v| v.is_object()) {
            return format!("map of {}", self.kind(values));
        }
        let choices = self.choices(schema);
        if !choices.is_empty() {
            let values: Vec<&str> = choices.iter().map(|choice| choice.value.as_str()).collect();
            return format!("one of {}", values.join(", "));
        }
        let schema = self.open(schema);
        let word = match schema.get("type") {
            Some(Value::String(word)) => word.clone(),
            Some(Value::Array(words)) => words.iter().map(plain).collect::<Vec<_>>().join(" or "),
            // A schema without a type allows everything.
            _ => "any".to_owned(),
        };
        match schema.get("format").and_then(Value::as_str) {
            Some("date-time") => word.replacen("string", "time (RFC 3339)", 1),
            _ => word,
        }
    }

    /// The nearest description: the field's own, else its type's.
    fn description(&self, schema: &Value) -> String {
        let own = text_of(schema, "description");
        if own.is_empty() { text_of(self.open(schema), "description") } else { own }
    }
}

/// The only variant of `anyOf [X, null]`.
fn sole_variant(schema: &Value) -> Option<&Value> {
    let variants = schema.get("anyOf")?.as_array()?;
    let is_null = |variant: &Value| variant.get("type").is_some_and(|kind| kind == "null");
    let mut others = variants.iter().filter(|variant| !is_null(variant));
    let only = others.next()?;
    (others.next().is_none() && variants.len() > 1).then_some(only)
}

/// The variants of `oneOf` or `anyOf`.
fn variants(schema: &Value) -> impl Iterator<Item = &Value> {
    let of = |word: &str| schema.get(word).and_then(Value::as_array);
    of("oneOf").into_iter().chain(of("anyOf")).flatten()
}

/// The first paragraph on one line.
fn first_paragraph(text: &str) -> String {
    let lines = text.lines().map(str::trim).take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ")
}

fn text_of(schema: &Value, name: &str) -> String {
    schema.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A value as it is typed.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
