//! Objects with random parts: whatever a cluster sends, nothing panics, names
//! are needed, and every fact is absent or in the object.

use std::collections::BTreeSet;

use hostler_core::{Fact, Quality};
use hostler_kubevirt::mapper::instance_types::{map_cluster_instance_type, map_cluster_preference};
use hostler_kubevirt::mapper::{
    MappedVm, Source, Surroundings, map_claim, map_cluster, map_migration, map_node, map_restore,
    map_snapshot, map_storage_class, map_vm, map_vms,
};
use hostler_kubevirt::objects::{self, VirtualMachine, VirtualMachineInstance};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use crate::support::{now, object};

/// Something that does not belong where it will be put.
fn anything() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!([])),
        Just(json!({})),
        Just(json!("")),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[ -~]{0,12}".prop_map(Value::from),
        ".{0,4}".prop_map(|text| json!([text, { "name": text }])),
        ".{0,4}".prop_map(|text| json!({ "name": text, "": [null] })),
    ]
}

/// What is done to one place of an object.
#[derive(Debug, Clone)]
enum Change {
    Remove,
    Replace(Value),
    Unknown(Value),
}

fn changes() -> impl Strategy<Value = Vec<(Index, Change)>> {
    let change = prop_oneof![
        Just(Change::Remove),
        anything().prop_map(Change::Replace),
        anything().prop_map(Change::Unknown),
    ];
    prop::collection::vec((any::<Index>(), change), 0..12)
}

/// Every place in an object, as JSON pointers.
fn places(value: &Value, at: &str, out: &mut Vec<String>) {
    let mut child = |key: String, value: &Value| {
        let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
        out.push(at.clone());
        places(value, &at, out);
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| child(key.clone(), value)),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(index, value)| child(index.to_string(), value));
        }
        _ => {}
    }
}

/// The object with each change made at a place of it, other than its kind.
fn changed(name: &str, changes: &[(Index, Change)]) -> Value {
    let mut value = object(name);
    for (index, change) in changes {
        let mut all = Vec::new();
        places(&value, "", &mut all);
        all.retain(|place| place != "/kind");
        if all.is_empty() {
            break;
        }
        let place = index.get(&all);
        match change {
            Change::Replace(other) => *value.pointer_mut(place).unwrap() = other.clone(),
            Change::Unknown(other) => {
                if let Some(Value::Object(fields)) = value.pointer_mut(place) {
                    fields.insert("zzUnknown".into(), other.clone());
                }
            }
            Change::Remove => {
                let (parent, key) = place.rsplit_once('/').unwrap();
                let key = key.replace("~1", "/").replace("~0", "~");
                match value.pointer_mut(parent) {
                    Some(Value::Object(fields)) => drop(fields.remove(&key)),
                    Some(Value::Array(list)) => drop(list.remove(key.parse().unwrap())),
                    _ => {}
                }
            }
        }
    }
    value
}

fn named(value: &Value) -> bool {
    let has = |field: &str| value["metadata"][field].as_str().is_some_and(|text| !text.is_empty());
    has("name") && has("namespace")
}

/// All texts and numbers in the objects, and what texts say in other spellings.
fn said(objects: &[&Value]) -> BTreeSet<String> {
    fn collect(value: &Value, out: &mut BTreeSet<String>) {
        match value {
            Value::String(text) => drop(out.insert(text.to_ascii_lowercase())),
            Value::Number(number) => drop(out.insert(number.to_string())),
            Value::Array(list) => list.iter().for_each(|value| collect(value, out)),
            Value::Object(fields) => fields.iter().for_each(|(key, value)| {
                out.insert(key.to_ascii_lowercase());
                collect(value, out);
            }),
            Value::Bool(_) | Value::Null => {}
        }
    }
    let mut out = BTreeSet::new();
    objects.iter().for_each(|value| collect(value, &mut out));
    out
}

/// A fact without a value says why; one that is not whole, too.
fn has_pedigree<T>(fact: &Fact<T>) -> bool {
    let has_reason = fact.reason().is_some_and(|reason| !reason.is_empty());
    match fact.quality() {
        Quality::Ok => fact.value().is_some() && fact.observed_at() == Some(now()),
        Quality::Partial => fact.value().is_some() && has_reason,
        Quality::Stale => false,
        Quality::Unavailable | Quality::Unsupported => fact.value().is_none() && has_reason,
    }
}

fn check(mapped: &MappedVm, said: &BTreeSet<String>) -> Result<(), TestCaseError> {
    let vm = &mapped.vm;
    let told = |text: &str| said.contains(&text.to_ascii_lowercase());
    prop_assert!(told(&vm.name) && told(&mapped.namespace));
    let own = format!("{}/{}", mapped.namespace, vm.name);
    prop_assert!(told(&vm.external_ref) || vm.external_ref == own);
    prop_assert!(vm.host_ref.as_deref().is_none_or(told));
    let arch = vm.arch.value().map(|arch| arch.replace("x86_64", "amd64"));
    prop_assert!(arch.as_deref().is_none_or(told));
    prop_assert!(vm.machine.value().is_none_or(|machine| told(machine)));
    prop_assert!(vm.firmware.value().is_none_or(|f| f == "uefi" || f == "bios"));
    prop_assert!(!vm.power_reason.is_empty());
    for disk in vm.disks.value().into_iter().flatten() {
        prop_assert!(told(&disk.target));
        prop_assert!(disk.bus.as_deref().is_none_or(told));
    }
    let nics = vm.nics.value().map_or(0, Vec::len);
    prop_assert_eq!(nics, mapped.nics.len());
    for nic in vm.nics.value().into_iter().flatten() {
        prop_assert!(nic.mac.as_deref().is_none_or(told));
        prop_assert!(nic.source.as_deref().is_none_or(|source| told(source) || source == "pod"));
        for address in &nic.addresses {
            let is_told = |text: &String| text.trim().parse() == Ok(address.address);
            prop_assert!(said.iter().any(is_told));
        }
    }
    if let Some(primary) = mapped.primary_address.value() {
        let all = vm.nics.value().into_iter().flatten().flat_map(|nic| &nic.addresses);
        prop_assert!(all.clone().any(|address| *address == primary.address));
    }
    for whole in [
        has_pedigree(&vm.persistent),
        has_pedigree(&vm.autostart),
        has_pedigree(&vm.cpu_count),
        has_pedigree(&vm.cpu_max),
        has_pedigree(&vm.memory_bytes),
        has_pedigree(&vm.memory_max_bytes),
        has_pedigree(&vm.arch),
        has_pedigree(&vm.machine),
        has_pedigree(&vm.hypervisor),
        has_pedigree(&vm.firmware),
        has_pedigree(&vm.disks),
        has_pedigree(&vm.nics),
        has_pedigree(&vm.consoles),
        has_pedigree(&mapped.primary_address),
        has_pedigree(&mapped.live_migration),
    ] {
        prop_assert!(whole);
    }
    Ok(())
}

proptest! {
    #[test]
    fn e6_any_vm_is_told_by_what_it_says_or_refused_for_its_names(changes in changes()) {
        let value = changed("vm", &changes);
        let vm: VirtualMachine = objects::read(value.clone()).unwrap();
        match map_vm(Source::Off(&vm), &Surroundings::default(), now()) {
            Ok(mapped) => {
                prop_assert!(named(&value));
                check(&mapped, &said(&[&value]))?;
            }
            Err(_) => prop_assert!(!named(&value)),
        }
    }

    #[test]
    fn e6_any_instance_is_told_by_what_it_says_or_refused_for_its_names(changes in changes()) {
        let value = changed("vmi", &changes);
        let vmi: VirtualMachineInstance = objects::read(value.clone()).unwrap();
        match map_vm(Source::Alone(&vmi), &Surroundings::default(), now()) {
            Ok(mapped) => {
                prop_assert!(named(&value));
                check(&mapped, &said(&[&value]))?;
            }
            Err(_) => prop_assert!(!named(&value)),
        }
    }

    #[test]
    fn e5_any_two_are_merged_or_told_apart(one in changes(), other in changes()) {
        let (a, b) = (changed("vm", &one), changed("vmi", &other));
        let vm: VirtualMachine = objects::read(a.clone()).unwrap();
        let vmi: VirtualMachineInstance = objects::read(b.clone()).unwrap();
        let all = map_vms(std::slice::from_ref(&vm), std::slice::from_ref(&vmi),
            &Surroundings::default(), now());
        let merged = all.vms.iter().any(|mapped| mapped.instance_uid.is_some());
        prop_assert_eq!(all.refused.len(), usize::from(!named(&a)) + usize::from(!named(&b)));
        prop_assert!(!all.vms.is_empty() || (!named(&a) && !named(&b)));
        prop_assert!(merged || b["metadata"]["uid"].as_str().is_none_or(str::is_empty) || !named(&b));
        let said = said(&[&a, &b]);
        for mapped in &all.vms {
            check(mapped, &said)?;
        }
    }

    #[test]
    fn any_other_object_is_mapped_or_refused(changes in changes()) {
        let value = |name| changed(name, &changes);
        let read = objects::read(value("kubevirt")).unwrap();
        let cluster = map_cluster(&read, now()).ok();
        let _ = map_node(&objects::read(value("node")).unwrap(), cluster.as_ref(), now());
        let _ = map_migration(&objects::read(value("migration")).unwrap());
        let _ = map_snapshot(&objects::read(value("snapshot")).unwrap(), now());
        let _ = map_restore(&objects::read(value("restore")).unwrap(), now());
        let _ = map_claim(&objects::read(value("claim")).unwrap(), now());
        let _ = map_storage_class(&objects::read(value("storageclass")).unwrap(), now());
        let _ = map_cluster_instance_type(&objects::read(value("instancetype")).unwrap(), now());
        let _ = map_cluster_preference(&objects::read(value("preference")).unwrap());
    }

    #[test]
    fn any_json_is_read_or_refused(value in anything()) {
        let is_object = value.is_object();
        prop_assert_eq!(objects::read::<VirtualMachine>(value).is_ok(), is_object);
    }
}
