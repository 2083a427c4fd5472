//! Putting values into a version's specification.
//!
//! The specification is a tree. A value takes the place of `${name}` within one text of it, and
//! never is anything else: it is not read again, makes no field, and ends none.
//!
//! | the text is | it becomes |
//! |---|---|
//! | `${name}` and nothing else | the value as what it is: text, number or truth; nothing given: the field is left out |
//! | `web of ${name}` | a text that holds the value; nothing given: holds nothing there |
//! | a cloud-init document | see `document.rs`: proved to be read as the same with the value in it |
//!
//! What comes out is decoded and checked as any specification is.

use serde_json::{Map, Value};

use super::document;
use super::parameter::{Given, Values};
use super::placeholder::{Piece, pieces};
use super::{Content, within};
use crate::error::{Code, Error, Fault, Result};
use crate::vm::VmSpec;

/// The largest specification that comes out, as the sum of its texts, in bytes (A31).
const OUTPUT_MAX_BYTES: usize = 1 << 20;

/// The VM that is made.
#[derive(Debug, Clone, Copy)]
pub struct ForVm<'a> {
    /// Its name, `${vm.name}`.
    pub name: &'a str,
    /// Its number among those of its request, `${vm.number}`.
    pub number: u32,
    /// Its project, `${vm.project}`.
    pub project: &'a str,
}

/// A specification, and the same for people's eyes.
#[derive(Debug, Clone, PartialEq)]
pub struct Filled {
    /// What is asked for.
    pub spec: VmSpec,
    /// The same with stars in the place of secrets.
    pub shown: VmSpec,
}

/// The specification of one VM.
///
/// # Errors
/// `spec_invalid` with all faults, each by its place below `/spec`.
pub fn fill(content: &Content, values: &Values, vm: ForVm<'_>) -> Result<Filled> {
    let mut values = values.clone();
    values.insert("vm.name".to_owned(), Given::Text(vm.name.to_owned()));
    values.insert("vm.number".to_owned(), Given::Number(vm.number.into()));
    values.insert("vm.project".to_owned(), Given::Text(vm.project.to_owned()));
    let mut tree = tree(content, &values).map_err(|faults| failed(&faults))?;
    if let Value::Object(fields) = &mut tree {
        fields.insert("name".to_owned(), vm.name.into());
        fields.insert("project".to_owned(), vm.project.into());
    }
    let spec = decode(tree)?;
    spec.check().map_err(|error| failed(error.fault_list()))?;
    let mut shown = spec.clone();
    if let Some(init) = &mut shown.cloud_init {
        let text = |field: &str| content.spec.pointer(&format!("/cloud_init/{field}"))?.as_str();
        let masked = |field: &str| text(field).map(|text| document::masked(text, &values));
        init.user_data = init.user_data.take().and_then(|_| masked("user_data"));
        init.network_config = init.network_config.take().and_then(|_| masked("network_config"));
    }
    Ok(Filled { spec, shown })
}

fn failed(faults: &[Fault]) -> Error {
    Error::faults(Code::SpecInvalid, within("/spec", faults))
}

/// The tree with the values in it; faults by their places in it.
pub(super) fn tree(content: &Content, values: &Values) -> std::result::Result<Value, Vec<Fault>> {
    let mut filler = Filler { values, faults: Vec::new(), left: OUTPUT_MAX_BYTES };
    let tree = filler.value(&content.spec, "");
    if filler.left == 0 {
        let detail = format!("becomes longer than {OUTPUT_MAX_BYTES} bytes");
        filler.faults.push(Fault::new("", "too_long", detail));
    }
    match filler.faults.is_empty() {
        true => Ok(tree.unwrap_or(Value::Null)),
        false => Err(filler.faults),
    }
}

/// What a tree says, which a request may leave to an instance type as any may (see
/// [`crate::vm::instance_type`]).
pub(super) fn decode(mut tree: Value) -> Result<VmSpec> {
    if let Value::Object(fields) = &mut tree {
        let is_by_type = fields.get("instance_type").is_some_and(|it| !it.is_null());
        let mut leave = |group: &str, field: &str, size: u64| {
            let group = fields.entry(group).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(group) = group {
                let said = group.entry(field).or_insert(Value::Null);
                if said.is_null() {
                    *said = size.into();
                }
            }
        };
        leave("memory", "bytes", 0);
        leave("cpu", "count", if is_by_type { 0 } else { 1 });
    }
    serde_path_to_error::deserialize::<_, VmSpec>(tree).map_err(|error| {
        let pointer = pointer(error.path());
        let detail = error.into_inner().to_string();
        failed(&[Fault::new(pointer, "unreadable", detail)])
    })
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } | Segment::Enum { variant: key } => pointer.push_str(&step(key)),
            Segment::Unknown => {}
        }
    }
    pointer
}

/// A step of a JSON pointer.
pub(super) fn step(key: &str) -> String {
    let key: String = key.chars().take(128).collect();
    format!("/{}", key.replace('~', "~0").replace('/', "~1"))
}

struct Filler<'a> {
    values: &'a Values,
    faults: Vec<Fault>,
    /// How many bytes of text may still come out.
    left: usize,
}

impl Filler<'_> {
    /// The value that takes the place of `value`; `None`: it is left out.
    fn value(&mut self, value: &Value, at: &str) -> Option<Value> {
        Some(match value {
            Value::Object(fields) => {
                let filled = fields.iter().filter_map(|(key, value)| {
                    Some((key.clone(), self.value(value, &format!("{at}{}", step(key)))?))
                });
                Value::Object(filled.collect())
            }
            Value::Array(items) => {
                let filled = items.iter().enumerate();
                let filled = filled.filter_map(|(n, item)| self.value(item, &format!("{at}/{n}")));
                Value::Array(filled.collect())
            }
            Value::String(text) => {
                let filled = match at {
                    "/cloud_init/user_data" => self.document(text, true, at)?,
                    "/cloud_init/network_config" => self.document(text, false, at)?,
                    _ => self.text(text, at)?,
                };
                self.left = self.left.saturating_sub(filled.as_str().map_or(8, str::len));
                filled
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        })
    }

    fn document(&mut self, text: &str, is_user_data: bool, at: &str) -> Option<Value> {
        if let Ok(Some(only)) = pieces(text).map(|pieces| whole(&pieces).map(str::to_owned)) {
            // The document is the value, whatever that is: there is nothing around it.
            return self.values.get(&only).map(Given::json);
        }
        match document::filled(text, is_user_data, self.values) {
            Ok(text) => Some(Value::String(text)),
            Err((code, detail)) => {
                self.faults.push(Fault::new(at, code, detail));
                None
            }
        }
    }

    fn text(&mut self, text: &str, at: &str) -> Option<Value> {
        let pieces = match pieces(text) {
            Ok(pieces) => pieces,
            Err(why) => {
                self.faults.push(Fault::new(at, "bad_placeholder", why));
                return None;
            }
        };
        if let Some(only) = whole(&pieces) {
            return self.values.get(only).map(Given::json);
        }
        let mut filled = String::new();
        for piece in &pieces {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Put(name) => {
                    filled.push_str(&self.values.get(*name).map(Given::text).unwrap_or_default());
                }
            }
            if filled.len() > self.left {
                self.left = 0;
                return None;
            }
        }
        Some(Value::String(filled))
    }
}

/// The name, where a text is `${name}` and nothing else.
fn whole<'a>(pieces: &[Piece<'a>]) -> Option<&'a str> {
    match pieces {
        [Piece::Put(name)] => Some(name),
        _ => None,
    }
}
