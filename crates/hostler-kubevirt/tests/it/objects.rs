//! How objects are read: what is wrong in one costs itself and no more.

use hostler_core::{Code, Quality};
use hostler_kubevirt::mapper::{Source, Surroundings, map_vm};
use hostler_kubevirt::objects::{self, Node, VirtualMachine, VirtualMachineInstance};
use hostler_provider::Kind;
use serde_json::{Value, json};

use crate::support::{both, now, object, off, vm, vmi};

#[test]
fn e4_what_is_no_object_is_refused() {
    for value in [json!(null), json!([]), json!("vm"), json!(7)] {
        let error = objects::read::<VirtualMachine>(value).unwrap_err();
        assert_eq!((error.kind(), error.what()), ("VirtualMachine", "it is not a JSON object"));
    }
}

#[test]
fn e4_an_object_of_another_kind_is_refused() {
    let error = objects::read::<Node>(object("vm")).unwrap_err();
    assert_eq!(error.what(), "it says that it is a VirtualMachine");
    let mut listed = object("vm");
    listed.as_object_mut().unwrap().remove("kind");
    assert!(objects::read::<VirtualMachine>(listed).is_ok(), "lists leave it out");
}

#[test]
fn e4_a_refusal_is_a_bug_of_the_answer_and_names_the_remedy() {
    let error = objects::read::<Node>(json!(1)).unwrap_err();
    let error = hostler_provider::Error::from(error);
    assert_eq!(error.kind(), Kind::Bug);
    assert_eq!(error.code(), Code::IncompatibleSchema);
    assert!(error.message().contains("compare the cluster's KubeVirt version"));
}

#[test]
fn e4_a_part_of_the_wrong_type_is_absent_and_the_rest_stays() {
    let wrong = json!({ "spec": { "template": { "spec": { "domain": {
        "cpu": "four", "memory": [], "machine": 7, "firmware": true, "devices": { "interfaces": {} } } } } } });
    let mapped = off(wrong);
    assert_eq!(mapped.vm.name, "web");
    assert_eq!(mapped.vm.arch.value().map(String::as_str), Some("x86_64"));
    assert_eq!(mapped.vm.disks.value().unwrap().len(), 4);
    assert_eq!(mapped.vm.machine.value(), None);
    assert!(mapped.vm.cpu_count.reason().unwrap().contains("does not tell its processors"));
    // What stands there is not a list, so that there may be interfaces.
    assert_eq!(mapped.vm.nics.quality(), Quality::Partial);
}

#[test]
fn e4_an_element_that_cannot_be_read_is_counted() {
    let wrong = json!({ "spec": { "template": { "spec": { "domain": { "devices": {
        "disks": [{ "name": "root", "disk": {} }, 5, ["root"], null] } } } } } });
    let mapped = off(wrong);
    assert_eq!(mapped.vm.disks.quality(), Quality::Partial);
    assert_eq!(mapped.vm.disks.reason(), Some("3 of its disks or volumes could not be read"));
    assert!(mapped.vm.is_read());
}

#[test]
fn x17_devices_that_are_not_told_are_not_none() {
    for domain in [json!(null), json!(5), json!({ "devices": null })] {
        let mut value = object("vm");
        value["spec"]["template"]["spec"]["domain"] = domain;
        let read: VirtualMachine = objects::read(value).unwrap();
        let mapped = map_vm(Source::Off(&read), &Surroundings::default(), now()).unwrap();
        assert!(!mapped.vm.is_read());
        assert_eq!(mapped.vm.nics.quality(), Quality::Unavailable);
        assert_eq!(mapped.vm.disks.reason(), Some("its devices are not told"));
    }
}

#[test]
fn a_list_in_the_place_of_an_object_is_not_taken_for_its_fields() {
    let read = vm(json!({ "spec": ["a", "b"] }));
    assert_eq!(read, vm(json!({ "spec": null })));
}

#[test]
fn a_time_that_is_none_is_absent() {
    for time in [json!("0001-01-01T00:00:00Z"), json!("yesterday"), json!(5), json!(null)] {
        let mapped = off(json!({ "metadata": { "creationTimestamp": time } }));
        assert_eq!(mapped.created_at, None);
    }
}

#[test]
fn secrets_are_not_held() {
    let told = format!("{:?}", (vm(json!({})), vmi(json!({})), both(json!({}), json!({}))));
    assert!(object("vm").to_string().contains("hunter2"), "they were sent");
    assert!(!told.contains("hunter2"));
}

#[test]
fn unknown_fields_are_harmless_everywhere() {
    fn litter(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.values_mut().for_each(litter);
                fields.insert("zzFuture".into(), json!({ "deep": [1, { "x": null }] }));
            }
            Value::Array(elements) => elements.iter_mut().for_each(litter),
            _ => {}
        }
    }
    for part in ["spec", "status"] {
        let (mut a, mut b) = (object("vm"), object("vmi"));
        litter(&mut a[part]);
        litter(&mut b[part]);
        assert_eq!(objects::read::<VirtualMachine>(a).unwrap(), vm(json!({})));
        assert_eq!(objects::read::<VirtualMachineInstance>(b).unwrap(), vmi(json!({})));
    }
}
