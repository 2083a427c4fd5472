//! Instance types and preferences, as KubeVirt applies them: what virt-api refuses of a machine
//! that names one, and what its instance becomes.
//!
//! As KubeVirt's main of August 2026 (`pkg/instancetype`): one that is not there is let in, and
//! keeps the machine from starting; one that contradicts the machine is refused.

use serde_json::{Value, json};

use crate::json;
use crate::kinds::{Catalog, Kind};
use crate::status::{Refused, cause};
use crate::store::{Key, Store};

/// Who refuses machines.
const WEBHOOK: &str = "virtualmachine-validator.kubevirt.io";
/// The pointer to what an instance is made of.
const SPEC: &str = "/spec/template/spec";

/// The field of a machine that names one, and the kinds it can be of: the cluster's, and those
/// of a namespace.
const MATCHERS: [(&str, &str, &str, &str); 2] = [
    (
        "instancetype",
        "virtualmachineclusterinstancetypes",
        "virtualmachineinstancetypes",
        "InstancetypeMatcher",
    ),
    (
        "preference",
        "virtualmachineclusterpreferences",
        "virtualmachinepreferences",
        "PreferenceMatcher",
    ),
];

/// What a machine names, where it is there.
struct Named<'a> {
    instance_type: Option<&'a Value>,
    preference: Option<&'a Value>,
}

fn kind_of(matcher: &Value, cluster: &str, namespaced: &str) -> Option<&'static Kind> {
    let told = json::text(matcher, "/kind").to_lowercase();
    // As KubeVirt reads it: singular or plural, and the cluster's where nothing is told.
    let is = |plural: &str| told == plural || told == plural.trim_end_matches('s');
    match (told.is_empty() || is(cluster), is(namespaced)) {
        (true, _) => Catalog::of_plural(cluster),
        (_, true) => Catalog::of_plural(namespaced),
        _ => None,
    }
}

fn find<'a>(machine: &Value, store: &'a Store, which: usize) -> Option<&'a Value> {
    let (field, cluster, namespaced, _) = MATCHERS.get(which)?;
    let matcher = machine.pointer(&format!("/spec/{field}"))?;
    let kind = kind_of(matcher, cluster, namespaced)?;
    let namespace = if kind.namespaced { json::text(machine, "/metadata/namespace") } else { "" };
    store.get(kind, &Key::new(namespace, json::text(matcher, "/name"))).map(|found| &**found)
}

fn named<'a>(machine: &Value, store: &'a Store) -> Named<'a> {
    Named { instance_type: find(machine, store, 0), preference: find(machine, store, 1) }
}

/// The machine type and architecture that a preference has for a machine that tells none.
pub(crate) fn prefer(machine: &mut Value, store: &Store) {
    let Some(preference) = named(machine, store).preference else { return };
    let told = [
        ("/spec/machine/preferredMachineType", "/domain/machine/type"),
        ("/spec/preferredArchitecture", "/architecture"),
    ];
    let told = told.map(|(from, to)| (preference.pointer(from).cloned(), format!("{SPEC}{to}")));
    for (value, to) in told {
        if let Some(value) = value
            && machine.pointer(&to).is_none()
        {
            json::set(machine, &to, value);
        }
    }
}

/// Judges what a machine says beside the type and the preference that it names.
///
/// # Errors
/// The denial.
pub(crate) fn judge(machine: &Value, store: &Store) -> Result<(), Refused> {
    let mut causes = Vec::new();
    for (field, _, _, matcher) in MATCHERS {
        let pointer = format!("/spec/{field}");
        let Some(told) = machine.pointer(&pointer).filter(|told| !told.is_null()) else { continue };
        if json::text(told, "/name").is_empty() && json::text(told, "/inferFromVolume").is_empty() {
            let message =
                format!("Either Name or InferFromVolume should be provided within the {matcher}");
            causes.push(cause("FieldValueNotFound", &message, &format!("spec.{field}")));
        }
    }
    let Named { instance_type, preference } = named(machine, store);
    if instance_type.is_some() {
        causes.extend(conflicts(machine));
    }
    if !causes.is_empty() {
        return Err(Refused::denied_fields(WEBHOOK, causes));
    }
    let Some(preference) = preference else { return Ok(()) };
    match lacks(machine, instance_type, preference) {
        None => Ok(()),
        Some((what, field)) => {
            let message = format!("failure checking preference requirements: {what}");
            let cause = cause("FieldValueNotFound", &message, field);
            Err(Refused::denied_fields(WEBHOOK, vec![cause]))
        }
    }
}

/// The fields that are an instance type's to say.
fn conflicts(machine: &Value) -> Vec<Value> {
    let fields = [
        "domain.resources.requests.cpu",
        "domain.resources.limits.cpu",
        "domain.cpu.sockets",
        "domain.cpu.cores",
        "domain.cpu.threads",
        "domain.memory.guest",
        "domain.resources.requests.memory",
        "domain.resources.limits.memory",
    ];
    let is_told = |field: &&str| {
        let value = machine.pointer(&format!("{SPEC}/{}", field.replace('.', "/")));
        value.is_some_and(|value| !value.is_null() && value.as_u64() != Some(0))
    };
    let conflict = |field: &str| {
        let field = format!("spec.template.spec.{field}");
        let message = format!("VM field(s) {field} conflicts with selected instance type");
        cause("FieldValueInvalid", &message, &field)
    };
    fields.iter().filter(|field| is_told(field)).map(|field| conflict(field)).collect()
}

/// What a machine lacks of what a preference requires.
fn lacks(
    machine: &Value,
    instance_type: Option<&Value>,
    preference: &Value,
) -> Option<(String, &'static str)> {
    let given = |by_type: &str, own: u64| match instance_type {
        Some(found) => found.pointer(by_type).map_or(0, amount),
        None => own,
    };
    let (provider, at) = match instance_type {
        Some(_) => ("instance type", "spec.instancetype"),
        None => ("VirtualMachine", "spec.template.spec.domain"),
    };
    let cores = ["sockets", "cores", "threads"].iter().map(|part| {
        let told = machine.pointer(&format!("{SPEC}/domain/cpu/{part}"));
        told.and_then(Value::as_u64).unwrap_or(1).max(1)
    });
    let cpus = given("/spec/cpu/guest", cores.product());
    let least = preference.pointer("/spec/requirements/cpu/guest").map_or(0, amount);
    if cpus < least {
        let what = format!(
            "insufficient CPU resources of {cpus} vCPU provided by {provider}, preference requires \
             {least} vCPU"
        );
        return Some((what, at));
    }
    let own = machine.pointer(&format!("{SPEC}/domain/memory/guest")).map_or(0, amount);
    let memory = given("/spec/memory/guest", own);
    let least = preference.pointer("/spec/requirements/memory/guest").map_or(0, amount);
    (memory < least).then(|| {
        let what = format!(
            "insufficient Memory resources of {memory} provided by {provider}, preference requires \
             {least}"
        );
        (what, at)
    })
}

/// A number, or a quantity in the units that the tests write.
fn amount(value: &Value) -> u64 {
    let Some(text) = value.as_str() else { return value.as_u64().unwrap_or(0) };
    let units = [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40)];
    let found = units.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)));
    let (digits, shift) = found.unwrap_or((text, 0));
    digits.parse::<u64>().unwrap_or(0) << shift
}

/// What a machine names and is not there: reason and message, as its condition `Failure` has them.
pub(crate) fn missing(machine: &Value, store: &Store) -> Option<(&'static str, String)> {
    let reasons = ["FailedFindInstancetype", "FailedFindPreference"];
    (0..MATCHERS.len()).zip(reasons).find_map(|(which, reason)| {
        let (field, cluster, namespaced, _) = MATCHERS.get(which)?;
        let matcher = machine.pointer(&format!("/spec/{field}")).filter(|it| !it.is_null())?;
        if find(machine, store, which).is_some() {
            return None;
        }
        let kind = kind_of(matcher, cluster, namespaced)?;
        let name = json::text(matcher, "/name");
        Some((reason, format!("{} \"{name}\" not found", kind.qualified())))
    })
}

/// What an instance of a machine is made of, with all that its type and preference say.
pub(crate) fn expand(machine: &Value, store: &Store, spec: &mut Value) {
    let Named { instance_type, preference } = named(machine, store);
    if let Some(found) = instance_type {
        let cpus = found.pointer("/spec/cpu/guest").cloned().unwrap_or_else(|| 1.into());
        let preferred = preference.map(|one| json::text(one, "/spec/cpu/preferredCPUTopology"));
        let field = match preferred.unwrap_or_default() {
            "cores" | "preferCores" => "cores",
            "threads" | "preferThreads" => "threads",
            _ => "sockets",
        };
        for part in ["sockets", "cores", "threads"] {
            let count = if part == field { cpus.clone() } else { 1.into() };
            json::set(spec, &format!("/domain/cpu/{part}"), count);
        }
        if let Some(memory) = found.pointer("/spec/memory/guest") {
            json::set(spec, "/domain/memory/guest", memory.clone());
        }
    }
    let efi = preference.and_then(|one| one.pointer("/spec/firmware/preferredEfi")).cloned();
    if let Some(efi) = efi
        && spec.pointer("/domain/firmware/bootloader").is_none()
    {
        json::set(spec, "/domain/firmware/bootloader", json!({ "efi": efi }));
    }
}

/// The revision that a machine is bound to, as KubeVirt writes it into its status: the field, and
/// what is there.
pub(crate) fn bound(machine: &Value, store: &Store) -> Vec<(String, Value)> {
    let one = |(which, (field, ..)): (usize, (&str, &str, &str, &str))| {
        let found = find(machine, store, which)?;
        let text = |pointer: &str| json::text(found, pointer);
        let (vm, name) = (json::text(machine, "/metadata/name"), text("/metadata/name"));
        let uid = text("/metadata/uid");
        let generation = found.pointer("/metadata/generation").and_then(Value::as_u64).unwrap_or(1);
        let revision = format!("{vm}-{name}-v1beta1-{uid}-{generation}");
        let told = json!({
            "name": name, "kind": text("/kind"),
            "controllerRevisionRef": { "name": revision },
        });
        Some((format!("/status/{field}Ref"), told))
    };
    MATCHERS.into_iter().enumerate().filter_map(one).collect()
}
