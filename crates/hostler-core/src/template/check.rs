//! Whether a version can be activated: all its faults at once, each with its place.
//!
//! A draft may have any of these, for it is being written; it is told with them. Only its shape
//! is checked before it is kept: that it is not too much, and an object where one is needed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::parameter::{Given, Parameter, Values};
use super::placeholder::{Piece, VM_NAMES, is_parameter_name, pieces};
use super::{
    Content, NOTES_MAX_BYTES, PARAMETERS_MAX, REQUIRED_MAX, REQUIRED_NAME_MAX, SPEC_MAX_BYTES,
    fill, within,
};
use crate::error::{Code, Error, Fault, Result};
use crate::name;
use crate::vm::VmSpec;

/// The places into which secrets may be put: all others are shown.
const SECRET_PLACES: &[&str] = &["/cloud_init/user_data", "/cloud_init/network_config"];
/// How deep a specification may be.
const DEPTH_MAX: usize = 16;

/// Whether it can be kept at all.
///
/// # Errors
/// `spec_invalid` with its faults.
pub fn check_shape(content: &Content) -> Result<()> {
    let mut faults = Vec::new();
    let mut add = |pointer: &str, code: &str, detail: String| {
        faults.push(Fault::new(pointer, code, detail));
    };
    if !content.spec.is_object() {
        add("/spec", "wrong_kind", "must be an object: a VM's specification".to_owned());
    } else if depth(&content.spec) > DEPTH_MAX {
        add("/spec", "too_deep", format!("has more than {DEPTH_MAX} levels"));
    } else if content.spec.to_string().len() > SPEC_MAX_BYTES {
        add("/spec", "too_long", format!("is longer than {SPEC_MAX_BYTES} bytes"));
    }
    if content.parameters.len() > PARAMETERS_MAX {
        add("/parameters", "too_many", format!("are more than {PARAMETERS_MAX}"));
    }
    if content.notes.len() > NOTES_MAX_BYTES || !name::is_plain_text(&content.notes) {
        let detail = format!("are longer than {NOTES_MAX_BYTES} bytes or have control characters");
        add("/notes", "bad_text", detail);
    }
    let required = [
        ("/required_features", &content.required_features),
        ("/required_hardware", &content.required_hardware),
    ];
    for (pointer, names) in required {
        if names.len() > REQUIRED_MAX {
            add(pointer, "too_many", format!("are more than {REQUIRED_MAX}"));
        }
        for (index, name) in names.iter().enumerate() {
            let is_good = !name.is_empty() && name.len() <= REQUIRED_NAME_MAX;
            let plain = |c: char| c.is_ascii_graphic() && c != ',';
            if !is_good || !name.chars().all(plain) {
                let detail = format!("must be 1 to {REQUIRED_NAME_MAX} letters, digits and signs");
                add(&format!("{pointer}/{index}"), "bad_name", detail);
            } else if names.iter().take(index).any(|other| other == name) {
                add(&format!("{pointer}/{index}"), "duplicate", "is named twice".to_owned());
            }
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(Error::faults(Code::SpecInvalid, faults)) }
}

/// Whether a template can be called and described so.
///
/// # Errors
/// `spec_invalid` with its faults.
pub fn check_about(
    name: &str,
    project: &str,
    description: &str,
    labels: &BTreeMap<String, String>,
) -> Result<()> {
    // The rules are those for a VM, whose check tells the places.
    let mut like = VmSpec::new(name, 1 << 30);
    project.clone_into(&mut like.project);
    description.clone_into(&mut like.description);
    like.labels.clone_from(labels);
    like.check()
}

/// What keeps it from being activated.
pub fn check(content: &Content) -> Vec<Fault> {
    if let Err(error) = check_shape(content) {
        return error.fault_list().to_vec();
    }
    let mut faults = parameters(&content.parameters);
    let mut places = Vec::new();
    collect(&content.spec, String::new(), &mut places);
    faults.extend(placeholders(content, &places));
    faults.extend(within("/spec", &own(&content.spec)));
    if faults.is_empty() {
        faults.extend(tried(content, &places));
    }
    faults
}

fn parameters(all: &[Parameter]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, parameter) in all.iter().enumerate() {
        let at = format!("/parameters/{index}");
        faults.extend(within(&at, &parameter.faults()));
        if !seen.insert(parameter.name.as_str()) {
            faults.push(Fault::new(format!("{at}/name"), "duplicate", "is another one's name"));
        }
    }
    faults
}

/// Each text of the specification with its place, also the names of its fields.
fn collect<'a>(value: &'a Value, at: String, into: &mut Vec<(String, &'a str, bool)>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let place = format!("{at}{}", fill::step(key));
                into.push((place.clone(), key, true));
                collect(value, place, into);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, format!("{at}/{index}"), into);
            }
        }
        Value::String(text) => into.push((at, text, false)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether every place names a parameter, and every parameter has a place.
fn placeholders(content: &Content, places: &[(String, &str, bool)]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut used = BTreeSet::new();
    for (at, text, is_key) in places {
        let mut add = |code: &str, detail: String| {
            faults.push(Fault::new(format!("/spec{at}"), code, detail));
        };
        let pieces = match pieces(text) {
            Ok(pieces) => pieces,
            Err(why) => {
                add("bad_placeholder", why);
                continue;
            }
        };
        for piece in pieces {
            let Piece::Put(name) = piece else { continue };
            if *is_key {
                add("in_a_name", "has a ${…} in the name of a field".to_owned());
                continue;
            }
            used.insert(name);
            match content.parameters.iter().find(|parameter| parameter.name == name) {
                None if VM_NAMES.contains(&name) => {}
                None => add(
                    "unknown_parameter",
                    format!("names no parameter: `{name}`; write $${{{name}}} for the text itself"),
                ),
                Some(parameter)
                    if parameter.is_secret() && !SECRET_PLACES.contains(&at.as_str()) =>
                {
                    let detail = "puts a secret where everybody can read it; secrets go only into \
                                  cloud-init documents";
                    add("secret_shown", detail.to_owned());
                }
                Some(_) => {}
            }
        }
    }
    for (index, parameter) in content.parameters.iter().enumerate() {
        let name = parameter.name.as_str();
        if is_parameter_name(name) && !used.contains(name) {
            let pointer = format!("/parameters/{index}/name");
            let detail =
                format!("is put nowhere: no text of the specification has ${{{}}}", parameter.name);
            faults.push(Fault::new(pointer, "unused", detail));
        }
    }
    faults
}

/// What is one VM's own, and so none of a template's.
fn own(spec: &Value) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut add = |pointer: String, detail: &str| {
        faults.push(Fault::new(pointer, "own", detail));
    };
    for field in ["name", "project"] {
        if spec.get(field).is_some_and(|it| !it.is_null()) {
            add(format!("/{field}"), "is said when VMs are made from the template");
        }
    }
    let items = |field: &str| spec.get(field).and_then(Value::as_array).into_iter().flatten();
    for (index, nic) in items("nics").enumerate() {
        if nic.get("mac").is_some_and(|it| !it.is_null()) {
            add(format!("/nics/{index}/mac"), "is one VM's own; leave it out to get a fresh one");
        }
    }
    for (index, disk) in items("disks").enumerate() {
        if disk.get("serial").is_some_and(|it| !it.is_null()) {
            add(format!("/disks/{index}/serial"), "is one VM's own; leave it out");
        }
        if disk.pointer("/source/volume").is_some() {
            let detail = "is one VM's own volume; name an image, or an empty disk";
            add(format!("/disks/{index}/source/volume"), detail);
        }
    }
    faults
}

/// What a VM made from it would be faulty in, as far as that is sure before its parameters have
/// values.
fn tried(content: &Content, places: &[(String, &str, bool)]) -> Vec<Fault> {
    let mut values = Values::new();
    let mut unsure = BTreeSet::new();
    for parameter in &content.parameters {
        let (sample, is_unsure) = parameter.sample();
        if is_unsure {
            unsure.insert(parameter.name.as_str());
        }
        values.insert(parameter.name.clone(), sample);
    }
    // Names and numbers are given by whoever deploys.
    values.insert("vm.name".to_owned(), Given::Text("sample".to_owned()));
    values.insert("vm.number".to_owned(), Given::Number(1));
    values.insert("vm.project".to_owned(), Given::Text("default".to_owned()));
    let vm = fill::ForVm { name: "sample", number: 1, project: "default" };
    let Err(error) = fill::fill(content, &values, vm) else { return Vec::new() };
    let depends = |text: &str| {
        let puts = |piece: &Piece<'_>| match piece {
            Piece::Put(name) => unsure.contains(name) || *name == "vm.number",
            Piece::Text(_) => false,
        };
        pieces(text).is_ok_and(|pieces| pieces.iter().any(puts))
    };
    let is_sure = |fault: &&Fault| {
        // One of a group may be about any field within it.
        let below = |place: &str| format!("/spec{place}").starts_with(fault.pointer.as_str());
        let is_document = SECRET_PLACES.iter().any(|it| fault.pointer == format!("/spec{it}"));
        is_document || !places.iter().any(|(at, text, _)| below(at) && depends(text))
    };
    error.fault_list().iter().filter(is_sure).cloned().collect()
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}
