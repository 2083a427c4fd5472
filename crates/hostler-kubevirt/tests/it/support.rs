//! Objects to test with, and facts written out.

use std::fmt::Display;

use hostler_core::{Fact, Timestamp};
use hostler_kubevirt::mapper::{MappedVm, Source, Surroundings, map_vm};
use hostler_kubevirt::objects::{self, Object, VirtualMachine, VirtualMachineInstance};
use serde_json::Value;

/// When everything is seen.
pub(crate) fn now() -> Timestamp {
    at("2026-11-21T02:40:00Z")
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// An object of `../objects`.
pub(crate) fn object(name: &str) -> Value {
    let text = match name {
        "vm" => include_str!("../objects/vm.json"),
        "vmi" => include_str!("../objects/vmi.json"),
        "migration" => include_str!("../objects/migration.json"),
        "snapshot" => include_str!("../objects/snapshot.json"),
        "restore" => include_str!("../objects/restore.json"),
        "instancetype" => include_str!("../objects/instancetype.json"),
        "preference" => include_str!("../objects/preference.json"),
        "kubevirt" => include_str!("../objects/kubevirt.json"),
        "node" => include_str!("../objects/node.json"),
        "claim" => include_str!("../objects/claim.json"),
        "storageclass" => include_str!("../objects/storageclass.json"),
        other => panic!("no object {other}"),
    };
    serde_json::from_str(text).unwrap()
}

/// The object with parts replaced; `null` removes (RFC 7396).
pub(crate) fn patched(name: &str, patch: Value) -> Value {
    let mut value = object(name);
    merge(&mut value, patch);
    value
}

pub(crate) fn merge(value: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *value = patch;
        return;
    };
    if !value.is_object() {
        *value = Value::Object(serde_json::Map::new());
    }
    let fields = value.as_object_mut().unwrap();
    for (key, patch) in patch {
        if patch.is_null() {
            fields.remove(&key);
        } else {
            merge(fields.entry(key).or_insert(Value::Null), patch);
        }
    }
}

pub(crate) fn read<T: Object>(name: &str, patch: Value) -> T {
    objects::read(patched(name, patch)).unwrap()
}

pub(crate) fn vm(patch: Value) -> VirtualMachine {
    read("vm", patch)
}

pub(crate) fn vmi(patch: Value) -> VirtualMachineInstance {
    read("vmi", patch)
}

/// A VM with its instance, each with parts replaced.
pub(crate) fn both(vm_patch: Value, vmi_patch: Value) -> MappedVm {
    map_vm(Source::Both(&vm(vm_patch), &vmi(vmi_patch)), &Surroundings::default(), now()).unwrap()
}

/// A VM that is off.
pub(crate) fn off(patch: Value) -> MappedVm {
    off_among(patch, &Surroundings::default())
}

pub(crate) fn off_among(patch: Value, around: &Surroundings) -> MappedVm {
    map_vm(Source::Off(&vm(patch)), around, now()).unwrap()
}

/// An instance without a VM.
pub(crate) fn alone(patch: Value) -> MappedVm {
    map_vm(Source::Alone(&vmi(patch)), &Surroundings::default(), now()).unwrap()
}

/// A fact as `value [quality source: reason]`.
pub(crate) fn show<T: Display>(fact: &Fact<T>) -> String {
    let value = fact.value().map_or("-".to_owned(), T::to_string);
    let reason = fact.reason().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("{value} [{} {}{reason}]", fact.quality().as_str(), fact.source())
}
