//! What deployers of a template fill in: names, kinds and bounds, and which values are good.

use std::collections::BTreeMap;

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::placeholder::is_parameter_name;
use crate::error::Fault;
use crate::name::is_plain_text;

/// The longest value of a text, in bytes.
pub const VALUE_MAX_BYTES: usize = 4096;
/// The longest pattern, in bytes.
pub const PATTERN_MAX_BYTES: usize = 256;
/// The most choices of one parameter.
pub const CHOICES_MAX: usize = 64;
/// The largest number: beyond it not every program reads JSON's numbers exactly.
const NUMBER_MAX: i64 = 1 << 53;

/// Something that deployers fill in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// How it is called within `${…}`: `a-z`, then `a-z 0-9 _`, at most 63.
    pub name: String,
    /// What its values are.
    pub kind: ParameterKind,
    /// What it is for, for people.
    #[serde(default)]
    pub description: String,
    /// The value where none is given; none of a secret.
    #[serde(default)]
    pub default: Option<Value>,
    /// Whether one has to be given, or be there by default. What is neither is left out.
    #[serde(default)]
    pub required: bool,
    /// The least value of an integer or a size (in bytes), the shortest text in characters.
    #[serde(default)]
    pub min: Option<i64>,
    /// The greatest value of an integer or a size (in bytes), the longest text in characters.
    #[serde(default)]
    pub max: Option<i64>,
    /// A regular expression that the whole of a text has to match.
    #[serde(default)]
    pub pattern: Option<String>,
    /// What can be chosen from.
    #[serde(default)]
    pub choices: Vec<String>,
}

/// What a parameter's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterKind {
    /// A text of one or more lines.
    String,
    /// A whole number.
    Integer,
    /// True or false.
    Boolean,
    /// One of the choices.
    Enum,
    /// An amount of bytes: a number, or `4G`, `512MiB` (both by 1024).
    Size,
    /// A text that is shown nowhere and goes only into cloud-init documents.
    Secret,
}

/// A value that was checked.
#[derive(Clone, PartialEq, Eq)]
pub enum Given {
    /// A text.
    Text(String),
    /// A text that nobody is shown.
    Secret(String),
    /// A number.
    Number(i64),
    /// A truth.
    Truth(bool),
}

/// The values of all parameters that have one, by name.
pub type Values = BTreeMap<String, Given>;

impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Secret(_) => f.write_str("Secret"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Truth(truth) => write!(f, "{truth}"),
        }
    }
}

impl Given {
    /// As a field of its own.
    pub(super) fn json(&self) -> Value {
        match self {
            Self::Text(text) | Self::Secret(text) => Value::String(text.clone()),
            Self::Number(number) => (*number).into(),
            Self::Truth(truth) => (*truth).into(),
        }
    }

    /// Within a text.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Text(text) | Self::Secret(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Truth(truth) => truth.to_string(),
        }
    }
}

impl Parameter {
    /// Whether its values are shown nowhere.
    pub fn is_secret(&self) -> bool {
        self.kind == ParameterKind::Secret
    }

    const fn is_number(&self) -> bool {
        matches!(self.kind, ParameterKind::Integer | ParameterKind::Size)
    }

    /// What is wrong with its description, each at its field.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut add = |field: &str, code: &str, detail: &str| {
            faults.push(Fault::new(format!("/{field}"), code, detail));
        };
        if !is_parameter_name(&self.name) {
            add("name", "bad_name", "must be a-z, then a-z, 0-9 or _, at most 63 of them");
        }
        if self.description.len() > VALUE_MAX_BYTES || !is_plain_text(&self.description) {
            add("description", "bad_text", "is longer than 4096 bytes or has control characters");
        }
        if self.min.zip(self.max).is_some_and(|(min, max)| min > max) {
            add("max", "too_small", "is less than min");
        }
        let bounded = !matches!(self.kind, ParameterKind::Boolean | ParameterKind::Enum);
        if !bounded && (self.min.is_some() || self.max.is_some()) {
            add("min", "useless", "bounds nothing of this kind");
        }
        if let Some(pattern) = &self.pattern {
            let is_text = matches!(self.kind, ParameterKind::String | ParameterKind::Secret);
            match () {
                () if !is_text => add("pattern", "useless", "is for texts only"),
                () if whole(pattern).is_none() => {
                    add("pattern", "bad_pattern", "is no regular expression of a sensible size");
                }
                () => {}
            }
        }
        let is_enum = self.kind == ParameterKind::Enum;
        if is_enum && (self.choices.is_empty() || self.choices.len() > CHOICES_MAX) {
            add("choices", "bad_count", "must be 1 to 64 texts to choose from");
        }
        if !is_enum && !self.choices.is_empty() {
            add("choices", "useless", "are for the kind enum only");
        }
        if self.choices.iter().any(|choice| !is_value(choice)) {
            add("choices", "bad_text", "have one that is too long or has control characters");
        }
        if let Some(default) = &self.default {
            match self.value(default) {
                _ if self.is_secret() => {
                    add("default", "secret", "cannot be given: everybody could read it here");
                }
                Err((code, detail)) => add("default", code, &detail),
                Ok(_) => {}
            }
        }
        faults
    }

    /// The value that `given` stands for; else a word for the fault, and the fault for people,
    /// in which a secret is not repeated.
    pub(super) fn value(&self, given: &Value) -> Result<Given, (&'static str, String)> {
        let wrong = |what: &str| ("wrong_kind", format!("must be {what}"));
        let given = match (self.kind, given) {
            (ParameterKind::String, Value::String(text)) => Given::Text(text.clone()),
            (ParameterKind::Secret, Value::String(text)) => Given::Secret(text.clone()),
            (ParameterKind::String | ParameterKind::Secret, _) => return Err(wrong("a text")),
            (ParameterKind::Enum, given) => {
                let chosen = given.as_str().filter(|it| self.choices.iter().any(|one| one == it));
                let told =
                    || ("not_a_choice", format!("must be one of {}", self.choices.join(", ")));
                Given::Text(chosen.ok_or_else(told)?.to_owned())
            }
            (ParameterKind::Boolean, Value::Bool(truth)) => Given::Truth(*truth),
            (ParameterKind::Boolean, Value::String(text)) if text == "true" => Given::Truth(true),
            (ParameterKind::Boolean, Value::String(text)) if text == "false" => Given::Truth(false),
            (ParameterKind::Boolean, _) => return Err(wrong("true or false")),
            (ParameterKind::Integer, given) => {
                let number = given.as_i64().or_else(|| given.as_str()?.parse().ok());
                Given::Number(number.ok_or_else(|| wrong("a whole number"))?)
            }
            (ParameterKind::Size, given) => {
                let size = given.as_i64().or_else(|| size(given.as_str()?));
                let size = size.filter(|size| *size >= 0);
                Given::Number(size.ok_or_else(|| wrong("an amount of bytes, as 4GiB"))?)
            }
        };
        self.bound(&given)?;
        Ok(given)
    }

    fn bound(&self, given: &Given) -> Result<(), (&'static str, String)> {
        let (measure, unit) = match given {
            Given::Number(number) => (*number, if self.is_number() { "" } else { " characters" }),
            Given::Text(text) | Given::Secret(text) => {
                if !is_value(text) {
                    let detail = format!(
                        "must be at most {VALUE_MAX_BYTES} bytes, without control characters"
                    );
                    return Err(("bad_text", detail));
                }
                (i64::try_from(text.chars().count()).unwrap_or(i64::MAX), " characters")
            }
            Given::Truth(_) => return Ok(()),
        };
        if measure.saturating_abs() > NUMBER_MAX {
            return Err(("too_large", format!("must be within ±{NUMBER_MAX}")));
        }
        if let Some(min) = self.min.filter(|min| measure < *min) {
            return Err(("too_small", format!("must be at least {min}{unit}")));
        }
        if let Some(max) = self.max.filter(|max| measure > *max) {
            return Err(("too_large", format!("must be at most {max}{unit}")));
        }
        if let (Some(pattern), Given::Text(text) | Given::Secret(text)) = (&self.pattern, given)
            && !whole(pattern).is_some_and(|it| it.is_match(text))
        {
            return Err(("no_match", format!("must match {pattern}")));
        }
        Ok(())
    }

    /// Some value of it, to try the specification with; and whether it says nothing of others.
    pub(super) fn sample(&self) -> (Given, bool) {
        if let Some(Ok(given)) = self.default.as_ref().map(|default| self.value(default)) {
            return (given, false);
        }
        let within = |wanted: i64| {
            let low = self.min.unwrap_or(i64::MIN).max(wanted);
            Given::Number(low.min(self.max.unwrap_or(i64::MAX)))
        };
        match self.kind {
            ParameterKind::Boolean => (Given::Truth(true), false),
            ParameterKind::Enum => {
                (Given::Text(self.choices.first().cloned().unwrap_or_default()), false)
            }
            ParameterKind::Integer => (within(1), true),
            ParameterKind::Size => (within(1 << 30), true),
            ParameterKind::String => (Given::Text("sample".to_owned()), true),
            ParameterKind::Secret => (Given::Secret("sample".to_owned()), true),
        }
    }
}

/// The values of `parameters` that `given` has or that are there by default.
///
/// # Errors
/// All faults, each at `/parameters/NAME`.
pub fn values(
    parameters: &[Parameter],
    given: &BTreeMap<String, Value>,
) -> Result<Values, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut values = Values::new();
    let mut add = |name: &str, code: &str, detail: String| {
        let name: String = name.chars().take(64).collect();
        let name = name.replace('~', "~0").replace('/', "~1");
        faults.push(Fault::new(format!("/parameters/{name}"), code, detail));
    };
    for name in given.keys() {
        if !parameters.iter().any(|parameter| parameter.name == *name) {
            let known: Vec<&str> = parameters.iter().map(|it| it.name.as_str()).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            add(name, "unknown", format!("is no parameter of this version; there are: {known}"));
        }
    }
    for parameter in parameters {
        let given = given.get(&parameter.name).filter(|given| !given.is_null());
        match given.or(parameter.default.as_ref()).map(|value| parameter.value(value)) {
            Some(Ok(value)) => {
                values.insert(parameter.name.clone(), value);
            }
            Some(Err((code, detail))) => add(&parameter.name, code, detail),
            None if parameter.required => {
                let what = match parameter.description.as_str() {
                    "" => "is required".to_owned(),
                    text => format!("is required: {text}"),
                };
                add(&parameter.name, "required", what);
            }
            None => {}
        }
    }
    if faults.is_empty() { Ok(values) } else { Err(faults) }
}

fn is_value(text: &str) -> bool {
    text.len() <= VALUE_MAX_BYTES && is_plain_text(text)
}

/// The expression that matches what `pattern` matches wholly. Its engine is linear in the text.
fn whole(pattern: &str) -> Option<Regex> {
    if pattern.len() > PATTERN_MAX_BYTES {
        return None;
    }
    RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(1 << 18).build().ok()
}

/// The bytes that `4G`, `512MiB` or `1024` stand for.
fn size(text: &str) -> Option<i64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim_start() {
        "" | "B" => 0,
        "K" | "KiB" => 10,
        "M" | "MiB" => 20,
        "G" | "GiB" => 30,
        "T" | "TiB" => 40,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(1 << shift)
}
