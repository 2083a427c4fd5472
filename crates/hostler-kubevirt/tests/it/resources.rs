//! Processors, memory, firmware and machine: from where they are told.

use std::sync::Arc;

use hostler_core::Quality;
use hostler_core::metrics::hypervisor::Confidence;
use hostler_kubevirt::mapper::instance_types::{
    map_cluster_instance_type, map_cluster_preference, map_instance_type, map_preference,
};
use hostler_kubevirt::mapper::{MappedVm, Source, Surroundings, TypeRef, map_cluster, map_vm};
use serde_json::{Value, json};

use crate::support::{both, now, object, off, off_among, read, show, vm, vmi};

/// A VM that is off, with this domain in the place of its own.
fn domain(fields: Value) -> MappedVm {
    let mut value = object("vm");
    value["spec"]["template"]["spec"]["domain"] = fields;
    let read = hostler_kubevirt::objects::read(value).unwrap();
    map_vm(Source::Off(&read), &Surroundings::default(), now()).unwrap()
}

#[test]
fn processors_are_the_product_of_the_topology() {
    let count = |cpu: Value| domain(json!({ "cpu": cpu })).vm.cpu_count.value().copied();
    assert_eq!(count(json!({ "sockets": 2, "cores": 3, "threads": 2 })), Some(12));
    assert_eq!(count(json!({ "cores": 3 })), Some(3), "what is not said is one");
    assert_eq!(count(json!({ "cores": 3, "sockets": 0 })), Some(3), "0 is not said");
    assert_eq!(count(json!({ "sockets": 70_000, "cores": 70_000 })), None, "no number");
    assert_eq!(count(json!({ "model": "host-model" })), None);
}

#[test]
fn without_a_topology_the_limit_or_the_request_counts() {
    let count =
        |resources: Value| domain(json!({ "resources": resources })).vm.cpu_count.value().copied();
    assert_eq!(count(json!({ "limits": { "cpu": "3" }, "requests": { "cpu": "1" } })), Some(3));
    assert_eq!(count(json!({ "requests": { "cpu": "1500m" } })), Some(2));
    assert_eq!(count(json!({ "requests": { "cpu": 2 } })), Some(2));
    assert_eq!(count(json!({ "requests": { "cpu": "0" } })), None);
    assert_eq!(count(json!({ "requests": { "cpu": "many" } })), None);
}

#[test]
fn x17_what_only_defaults_would_decide_is_absent() {
    let bare = domain(json!({}));
    assert_eq!(
        show(&bare.vm.cpu_count),
        "- [unavailable kubevirt vm.spec: its template does not tell its processors; the cluster \
         decides at its start]"
    );
    for fact in [show(&bare.vm.memory_bytes), show(&bare.vm.firmware), show(&bare.vm.machine)] {
        assert!(fact.contains("the cluster decides at its start"), "{fact}");
    }
    assert_eq!(bare.vm.cpu_max.value(), None);
    assert_eq!(bare.vm.memory_max_bytes.value(), None);
}

#[test]
fn memory_is_the_guests_then_the_request_then_the_limit() {
    let bytes = |fields: Value| domain(fields).vm.memory_bytes.value().copied();
    let all = json!({ "requests": { "memory": "2Gi" }, "limits": { "memory": "3Gi" } });
    assert_eq!(bytes(json!({ "memory": { "guest": "1Gi" }, "resources": all })), Some(1 << 30));
    assert_eq!(bytes(json!({ "resources": all })), Some(2 << 30));
    assert_eq!(bytes(json!({ "resources": { "limits": { "memory": "3Gi" } } })), Some(3 << 30));
    assert_eq!(bytes(json!({ "memory": { "guest": 1_000_000 } })), Some(1_000_000));
    assert_eq!(bytes(json!({ "memory": { "guest": "0" } })), None);
}

#[test]
fn memory_and_processors_plugged_in_are_those_of_the_status() {
    let mapped = both(json!({}), json!({ "status": { "currentCPUTopology": { "sockets": 3 } } }));
    assert_eq!(show(&mapped.vm.cpu_count), "6 [ok kubevirt vmi.status]");
    assert_eq!(show(&mapped.vm.cpu_max), "16 [ok kubevirt vmi.spec]");
    assert_eq!(show(&mapped.vm.memory_bytes), "3221225472 [ok kubevirt vmi.status]");
    assert_eq!(show(&mapped.vm.memory_max_bytes), "8589934592 [ok kubevirt vmi.spec]");
    let older = both(
        json!({}),
        json!({ "status": { "memory": null, "currentCPUTopology": null },
        "spec": { "domain": { "cpu": { "maxSockets": null }, "memory": { "maxGuest": null } } } }),
    );
    assert_eq!(show(&older.vm.memory_bytes), "2147483648 [ok kubevirt vmi.spec]");
    assert_eq!(show(&older.vm.memory_max_bytes), "2147483648 [ok kubevirt vmi.spec]");
    assert_eq!(show(&older.vm.cpu_max), "4 [ok kubevirt vmi.spec]", "no room for more");
}

#[test]
fn firmware_is_what_the_boot_loader_says() {
    let firmware = |loader: Value| {
        domain(json!({ "firmware": { "bootloader": loader } })).vm.firmware.value().cloned()
    };
    assert_eq!(firmware(json!({ "efi": {} })).as_deref(), Some("uefi"));
    assert_eq!(firmware(json!({ "bios": { "useSerial": true } })).as_deref(), Some("bios"));
    assert_eq!(firmware(json!({ "efi": {}, "bios": {} })), None, "it contradicts itself");
    let running = |arch: Value| {
        let spec = json!({ "architecture": arch, "domain": { "firmware": null } });
        both(json!({}), json!({ "spec": spec })).vm.firmware.value().cloned()
    };
    assert_eq!(running(json!("amd64")).as_deref(), Some("bios"));
    assert_eq!(running(json!("s390x")), None);
    assert_eq!(running(json!(null)), None);
}

fn around() -> Surroundings {
    let mut around = Surroundings::default();
    let (name, kind) = map_cluster_instance_type(&read("instancetype", json!({})), now()).unwrap();
    Arc::make_mut(&mut around.types).instance_types.insert(name, kind);
    let (name, preference) = map_cluster_preference(&read("preference", json!({}))).unwrap();
    Arc::make_mut(&mut around.types).preferences.insert(name, preference);
    around
}

fn sized_by(reference: Value, revision: Value) -> MappedVm {
    off_among(
        json!({ "spec": {
                    "instancetype": reference,
                    "preference": { "name": "windows.11" },
                    "template": { "spec": { "architecture": null, "domain": {
                        "cpu": null, "memory": null, "resources": null, "machine": null, "firmware": null } } } },
                "status": { "instancetypeRef": { "controllerRevisionRef": revision },
                            "preferenceRef": { "controllerRevisionRef": revision } } }),
        &around(),
    )
}

#[test]
fn f1_an_instance_type_sizes_a_vm_that_says_nothing() {
    let mapped = sized_by(json!({ "name": "u1.medium" }), json!(null));
    assert_eq!(show(&mapped.vm.cpu_count), "3 [ok kubevirt instancetype]");
    assert_eq!(show(&mapped.vm.memory_bytes), "4294967296 [ok kubevirt instancetype]");
    assert_eq!(show(&mapped.vm.memory_max_bytes), "17179869184 [ok kubevirt instancetype]");
    assert_eq!(show(&mapped.vm.firmware), "uefi [ok kubevirt preference]");
    assert_eq!(show(&mapped.vm.machine), "pc-q35-9.0 [ok kubevirt preference]");
    assert_eq!(show(&mapped.vm.arch), "x86_64 [ok kubevirt preference]");
    let cluster = TypeRef { namespace: None, name: "u1.medium".into() };
    assert_eq!(mapped.vm.instance_type, Some(cluster));
}

#[test]
fn x17_a_revision_that_was_not_read_makes_it_partial() {
    let mapped = sized_by(json!({ "name": "u1.medium" }), json!({ "name": "web-u1.medium-1" }));
    assert_eq!(
        show(&mapped.vm.cpu_count),
        "3 [partial kubevirt instancetype: the processors of its instance type \"u1.medium\" now; \
         it is bound to the revision \"web-u1.medium-1\", which was not read]"
    );
    assert_eq!(mapped.vm.firmware.quality(), Quality::Partial);
    let named = json!({ "name": "u1.medium", "revisionName": "r" });
    assert_eq!(sized_by(named, json!(null)).vm.cpu_count.quality(), Quality::Partial);
}

#[test]
fn x17_an_instance_type_that_was_not_read_sizes_nothing() {
    let other = json!({ "name": "u1.medium", "kind": "VirtualMachineInstancetype" });
    let mapped = sized_by(other, json!(null));
    assert_eq!(mapped.vm.cpu_count.reason(), Some("its instance type \"u1.medium\" was not read"));
    assert_eq!(mapped.vm.instance_type.unwrap().namespace.as_deref(), Some("shop"));
    let nothing = Surroundings::default();
    let preferring = json!({ "spec": { "preference": { "name": "p" },
        "template": { "spec": { "architecture": null, "domain": { "firmware": null } } } } });
    let reason = off_among(preferring, &nothing).vm.firmware.reason().map(str::to_owned);
    assert_eq!(reason.as_deref(), Some("its preference \"p\", which may tell it, was not read"));
}

#[test]
fn a_reference_may_be_written_in_several_ways() {
    for (kind, is_cluster) in [
        (json!(null), true),
        (json!("virtualmachineclusterinstancetype"), true),
        (json!("VirtualMachineClusterInstancetypes"), true),
        (json!("virtualmachineinstancetypes"), false),
        (json!("VirtualMachineInstancetype"), false),
    ] {
        let mapped = sized_by(json!({ "name": "x", "kind": kind }), json!(null));
        assert_eq!(mapped.vm.instance_type.unwrap().namespace.is_none(), is_cluster, "{kind}");
    }
    assert_eq!(sized_by(json!({ "name": "" }), json!(null)).vm.instance_type, None);
}

#[test]
fn f1_instance_types_and_preferences_of_a_namespace() {
    let mut object = object("instancetype");
    object["kind"] = json!("VirtualMachineInstancetype");
    object["metadata"]["namespace"] = json!("shop");
    let (name, kind) =
        map_instance_type(&hostler_kubevirt::objects::read(object.clone()).unwrap(), now())
            .unwrap();
    assert_eq!(name, TypeRef { namespace: Some("shop".into()), name: "u1.medium".into() });
    assert!(kind.has_dedicated_cpus);
    assert_eq!(kind.overcommit_percent, Some(50));
    assert_eq!(
        (kind.gpus, kind.host_devices),
        (vec!["nvidia.com/A16".into()], vec!["example.com/nic".into()])
    );
    object["metadata"]["namespace"] = json!("");
    let nowhere = hostler_kubevirt::objects::read(object).unwrap();
    assert!(map_instance_type(&nowhere, now()).is_err());

    let firmware = |fields: Value| {
        let object = json!({ "metadata": { "name": "p", "namespace": "shop" }, "spec": { "firmware": fields } });
        map_preference(&hostler_kubevirt::objects::read(object).unwrap()).unwrap().1.firmware
    };
    assert_eq!(firmware(json!({ "preferredUseEfi": true })), Some("uefi"));
    assert_eq!(firmware(json!({ "preferredUseBios": true })), Some("bios"));
    assert_eq!(firmware(json!({ "preferredUseBios": true, "preferredEfi": {} })), None);
    assert_eq!(firmware(json!({})), None);
    assert!(
        map_cluster_preference(&read("preference", json!({ "metadata": { "name": null } })))
            .is_err()
    );
}

#[test]
fn x2_how_it_runs_is_never_told_as_seen_unless_it_was() {
    let told = |configuration: Value, conditions: Value| {
        let cluster = read("kubevirt", json!({ "spec": { "configuration": configuration } }));
        let around = Surroundings {
            cluster: Some(map_cluster(&cluster, now()).unwrap()),
            ..Surroundings::default()
        };
        let instance = vmi(json!({ "status": { "conditions": conditions } }));
        show(
            &map_vm(Source::Both(&vm(json!({})), &instance), &around, now()).unwrap().vm.hypervisor,
        )
    };
    let emulation = |on: bool| json!({ "developerConfiguration": { "useEmulation": on } });
    assert!(told(emulation(false), json!([])).starts_with("kvm [partial kubevirt installation"));
    assert!(told(emulation(true), json!([])).contains("- [unavailable"));
    assert!(told(json!(null), json!([])).contains("does not tell whether it allows emulation"));
    let own = json!({ "hypervisors": [{ "name": "hyperv-direct" }] });
    assert!(told(own, json!([])).contains("names hypervisors of its own"));
    let at_node = |on: bool, kvm: u64| {
        let configuration = json!({ "spec": { "configuration": emulation(on) } });
        let node = object("vmi")["status"]["nodeName"].as_str().unwrap().to_owned();
        let around = Surroundings {
            cluster: Some(map_cluster(&read("kubevirt", configuration), now()).unwrap()),
            kvm_by_node: [(node, kvm)].into(),
            ..Surroundings::default()
        };
        let mapped = map_vm(Source::Both(&vm(json!({})), &vmi(json!({}))), &around, now()).unwrap();
        (show(&mapped.vm.hypervisor), mapped.runs_by.unwrap().confidence)
    };
    assert!(at_node(false, 1_000).0.starts_with("kvm [partial"));
    let (word, confidence) = at_node(true, 0);
    assert!(word.starts_with("qemu [partial") && confidence == Confidence::Low, "{word}");
    let (word, confidence) = at_node(false, 0);
    assert!(word.contains("tells of no KVM") && confidence == Confidence::Unknown, "{word}");
    assert!(at_node(true, 1_000).0.contains("where there is no KVM"));
    assert_eq!(off(json!({})).runs_by, None, "it is off");
    let emulated = json!([{ "type": "SoftwareEmulation", "status": "True" }]);
    assert_eq!(told(emulation(true), emulated), "qemu [ok kubevirt vmi.status]");
    assert!(show(&both(json!({}), json!({})).vm.hypervisor).contains("was not read"));
    assert!(show(&off(json!({})).vm.hypervisor).contains("it is off"));
}
