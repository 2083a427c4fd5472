//! A VM and its instance as one.

use std::fmt::Write as _;

use expect_test::expect;
use hostler_core::vm::GuestInfo;
use hostler_kubevirt::mapper::{
    LiveMigration, MADE_AS_ANNOTATION, MappedVm, Source, Surroundings, TAG_LABEL, VmKind, map_vm,
    map_vms,
};
use serde_json::{Value, json};

use crate::support::{alone, at, both, now, off, show, vm, vmi};

fn summary(mapped: &MappedVm) -> String {
    let vm = &mapped.vm;
    let mut out = String::new();
    writeln!(out, "{:?} {}/{} {}", mapped.kind, mapped.namespace, vm.name, vm.external_ref)
        .unwrap();
    writeln!(out, "{:?} ({}) on {:?}", vm.power, vm.power_reason, vm.host_ref).unwrap();
    writeln!(out, "persistent {}, autostart {}", show(&vm.persistent), show(&vm.autostart))
        .unwrap();
    writeln!(out, "cpus {} of {}", show(&vm.cpu_count), show(&vm.cpu_max)).unwrap();
    writeln!(out, "memory {} of {}", show(&vm.memory_bytes), show(&vm.memory_max_bytes)).unwrap();
    writeln!(out, "arch {}", show(&vm.arch)).unwrap();
    writeln!(out, "machine {}", show(&vm.machine)).unwrap();
    writeln!(out, "firmware {}", show(&vm.firmware)).unwrap();
    writeln!(out, "hypervisor {}", show(&vm.hypervisor)).unwrap();
    writeln!(out, "consoles {:?} {:?}", vm.consoles.value(), vm.consoles.reason()).unwrap();
    writeln!(out, "agent {}", show(&mapped.agent_connected)).unwrap();
    let system = vm.guest.clone().map(|guest| guest.system().unwrap_or_default());
    writeln!(out, "guest {}", show(&system)).unwrap();
    writeln!(out, "made {:?}", mapped.created_at).unwrap();
    let primary = mapped.primary_address.clone().map(|p| p.address.address);
    writeln!(out, "primary {}, described {:?}", show(&primary), vm.description).unwrap();
    for disk in vm.disks.value().into_iter().flatten() {
        writeln!(
            out,
            "disk {} {} {:?} {:?} {:?}",
            disk.target, disk.device, disk.bus, disk.source, disk.capacity_bytes
        )
        .unwrap();
    }
    for nic in vm.nics.value().into_iter().flatten() {
        let addresses: Vec<String> =
            nic.addresses.iter().map(|a| format!("{} by {}", a.address, a.source)).collect();
        writeln!(out, "nic {:?} {} {:?} {addresses:?}", nic.mac, nic.kind, nic.source).unwrap();
    }
    out
}

#[test]
fn e5_a_vm_that_runs_is_told_by_its_instance() {
    expect![[r#"
        Machine shop/web 539b3a36-bc5e-43e3-9f7f-695d51e1209e
        Running (running) on Some("n1")
        persistent true [ok kubevirt vm.spec], autostart true [ok kubevirt vm.spec]
        cpus 4 [ok kubevirt vmi.status] of 16 [ok kubevirt vmi.spec]
        memory 3221225472 [ok kubevirt vmi.status] of 8589934592 [ok kubevirt vmi.spec]
        arch x86_64 [ok kubevirt vmi.spec]
        machine pc-q35-rhel9.6.0 [ok kubevirt vmi.status]
        firmware uefi [ok kubevirt vmi.spec]
        hypervisor - [unavailable kubevirt installation: the installation, which tells what it may be, was not read]
        consoles Some([Serial, Vnc]) None
        agent true [ok kubevirt vmi.status]
        guest Debian GNU/Linux 12 (bookworm) [ok guest_agent]
        made Some(2026-11-21T02:33:21.000000Z)
        primary 10.244.0.104 [ok kubevirt vmi.status], described Some("the shop's front")
        disk root disk Some("virtio") Some("pvc://shop/web-root") Some(10737418240)
        disk data disk Some("scsi") Some("pvc://shop/web-data") None
        disk tools cdrom Some("sata") Some("image://registry.example/tools@sha256:0123") None
        disk seed disk Some("virtio") None None
        nic Some("02:42:ac:00:00:01") masquerade Some("pod") ["10.244.0.104 by pod_network", "fd10:244::68 by pod_network"]
        nic Some("02:42:ac:00:00:02") bridge Some("shop/backnet") ["192.168.7.5 by guest_agent", "fe80::1 by guest_agent"]
        nic Some("02:42:9b:1e:00:03") guest None ["172.17.0.1 by guest_agent"]
    "#]].assert_eq(&summary(&both(json!({}), json!({}))));
}

#[test]
fn e5_a_vm_that_is_off_is_told_by_its_template() {
    let stopped = json!({ "spec": { "runStrategy": "Halted" },
        "status": { "printableStatus": "Stopped", "conditions": [
            { "type": "Ready", "status": "False", "reason": "VMINotExists", "message": "VMI does not exist" }] } });
    let mapped = off(stopped);
    assert_eq!(mapped.vm.message, None, "being off is no trouble");
    expect![[r#"
        Machine shop/web 539b3a36-bc5e-43e3-9f7f-695d51e1209e
        Stopped (stopped) on None
        persistent true [ok kubevirt vm.spec], autostart false [ok kubevirt vm.spec]
        cpus 4 [ok kubevirt vm.spec] of - [unavailable kubevirt vm.spec: its template does not tell how many processors it can have; the cluster decides at its start]
        memory 2147483648 [ok kubevirt vm.spec] of - [unavailable kubevirt vm.spec: its template does not tell how much memory it can have; the cluster decides at its start]
        arch x86_64 [ok kubevirt vm.spec]
        machine q35 [ok kubevirt vm.spec]
        firmware uefi [ok kubevirt vm.spec]
        hypervisor - [unavailable kubevirt vmi.status: it is off, and told only of an instance]
        consoles Some([]) None
        agent - [unavailable kubevirt vmi.status: it is told only of a running instance]
        guest - [unavailable guest_agent: its guest tells it only while it runs]
        made Some(2026-11-21T02:33:21.000000Z)
        primary - [unavailable kubevirt vmi.status: it is off, and has addresses only while it runs], described Some("the shop's front")
        disk root disk Some("virtio") Some("pvc://shop/web-root") None
        disk data disk Some("scsi") Some("pvc://shop/web-data") None
        disk tools cdrom Some("sata") Some("image://registry.example/tools@sha256:0123") None
        disk seed disk Some("virtio") None None
        nic Some("02:42:ac:00:00:01") masquerade Some("pod") []
        nic None bridge Some("shop/backnet") []
    "#]].assert_eq(&summary(&mapped));
}

#[test]
fn e8_what_a_guest_says_of_itself_is_told_as_its_own_words() {
    let told = |status: Value| both(json!({}), json!({ "status": status })).vm.guest;
    let guest = told(json!({}));
    assert_eq!((guest.source(), guest.observed_at()), ("guest_agent", Some(now())));
    let word = |word: &str| Some(word.to_owned());
    let debian = GuestInfo {
        os_id: word("debian"),
        os_name: word("Debian GNU/Linux"),
        os_pretty_name: word("Debian GNU/Linux 12 (bookworm)"),
        os_version: word("12 (bookworm)"),
        kernel_release: word("6.1.0"),
        machine: word("x86_64"),
        ..GuestInfo::default()
    };
    assert_eq!(guest.value(), Some(&debian));
    // A number where there is no more, and nothing that a terminal would act upon.
    let other = told(json!({ "guestOSInfo": { "version": null, "versionId": "12",
        "prettyName": "\u{1b}[2Jhi\nthere", "kernelVersion": ["#1"], "machine": 5 } }));
    let other = other.value().expect("the rest stays");
    assert_eq!((&other.os_version, &other.os_pretty_name), (&word("12"), &word("[2Jhithere")));
    assert_eq!((&other.kernel_version, &other.machine), (&None, &None));
}

#[test]
fn x17_a_guest_that_does_not_tell_is_told_with_the_reason() {
    let why = |status: Value| {
        let guest = both(json!({}), json!({ "status": status })).vm.guest;
        assert_eq!(guest.value(), None);
        guest.reason().expect("why there is none").to_owned()
    };
    assert_eq!(why(json!({ "conditions": [] })), "no guest agent is connected");
    assert_eq!(why(json!({ "guestOSInfo": null })), "its guest agent has not told it yet");
    assert_eq!(why(json!({ "guestOSInfo": "linux" })), "its guest agent has not told it yet");
    assert_eq!(why(json!({ "phase": "Scheduled" })), "its guest tells it only while it runs");
}

#[test]
fn e5_an_instance_without_a_vm_is_a_vm_of_its_own_kind() {
    let mapped = alone(json!({ "metadata": { "ownerReferences": null } }));
    assert_eq!(mapped.kind, VmKind::Instance);
    assert_eq!(mapped.vm.external_ref, "604e8d7a-2915-4b59-b356-45726e52c261");
    assert_eq!(mapped.vm.persistent.value(), Some(&false));
    assert_eq!(mapped.vm.autostart.reason(), Some("an instance without a VM is not started again"));
    assert_eq!(mapped.run_strategy.value(), None);
    assert_eq!(mapped.vm.cpu_count.value(), Some(&4));
}

#[test]
fn e5_an_instance_whose_vm_was_not_seen_has_that_vms_identity() {
    let label = json!({ TAG_LABEL: "0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e" });
    let mapped = alone(json!({ "metadata": { "labels": label } }));
    assert_eq!(mapped.kind, VmKind::Unseen);
    assert_eq!(mapped.vm.external_ref, both(json!({}), json!({})).vm.external_ref);
    assert_eq!(mapped.vm.tag, None, "the label is its template's");
    let unseen = Some("the VM that it is an instance of was not seen");
    assert_eq!(mapped.vm.persistent.reason(), unseen);
    assert_eq!(mapped.run_strategy.reason(), unseen);
    let bare = json!([{ "kind": "VirtualMachine", "name": "web", "controller": true }]);
    let mapped = alone(json!({ "metadata": { "ownerReferences": bare } }));
    assert_eq!(mapped.vm.external_ref, "604e8d7a-2915-4b59-b356-45726e52c261");
}

#[test]
fn e6_a_vm_without_name_or_namespace_is_refused() {
    for field in ["name", "namespace"] {
        for wrong in [json!(null), json!(""), json!(5), json!(["web"])] {
            let mut patch = json!({ "metadata": {} });
            patch["metadata"][field] = wrong;
            let around = Surroundings::default();
            let (broken, instance) = (vm(patch.clone()), vmi(patch));
            let error = map_vm(Source::Off(&broken), &around, now()).unwrap_err();
            assert!(error.what().contains(field), "{error}");
            assert_eq!(error.kind(), "VirtualMachine");
            let told = hostler_core::Error::from(hostler_provider::Error::from(error));
            assert_eq!(told.code(), hostler_core::Code::IncompatibleSchema);
            assert!(told.message().contains("VirtualMachine that cannot be read"), "{told}");
            let error = map_vm(Source::Alone(&instance), &around, now()).unwrap_err();
            assert_eq!(error.kind(), "VirtualMachineInstance");
            assert!(map_vm(Source::Both(&vm(json!({})), &instance), &around, now()).is_err());
            assert!(map_vm(Source::Both(&broken, &vmi(json!({}))), &around, now()).is_err());
        }
    }
}

#[test]
fn e6_everything_else_is_optional() {
    for kind in [VmKind::Machine, VmKind::Instance] {
        let object = json!({ "metadata": { "name": "bare", "namespace": "ns" } });
        let around = Surroundings::default();
        let mapped = match kind {
            VmKind::Machine => {
                let vm = hostler_kubevirt::objects::read(object).unwrap();
                map_vm(Source::Off(&vm), &around, now()).unwrap()
            }
            VmKind::Instance | VmKind::Unseen => {
                let vmi = hostler_kubevirt::objects::read(object).unwrap();
                map_vm(Source::Alone(&vmi), &around, now()).unwrap()
            }
        };
        assert_eq!(mapped.kind, kind);
        assert_eq!(mapped.vm.external_ref, "ns/bare");
        for missing in [
            mapped.vm.cpu_count.reason(),
            mapped.vm.memory_bytes.reason(),
            mapped.vm.arch.reason(),
            mapped.vm.machine.reason(),
            mapped.vm.firmware.reason(),
            mapped.vm.hypervisor.reason(),
            mapped.vm.disks.reason(),
            mapped.vm.nics.reason(),
            mapped.primary_address.reason(),
        ] {
            assert!(!missing.unwrap().is_empty());
        }
    }
}

#[test]
fn e6_an_instance_of_another_name_is_not_merged() {
    let other = vmi(json!({ "metadata": { "name": "db" } }));
    let error = map_vm(Source::Both(&vm(json!({})), &other), &Surroundings::default(), now());
    assert_eq!(error.unwrap_err().what(), "its name is another than that of its VM");
}

#[test]
fn f4_all_vms_are_joined_with_their_instances() {
    let named = |name: &str| json!({ "metadata": { "name": name, "uid": format!("uid-{name}") } });
    let owned = |name: &str, owner: &str| {
        let mut patch = named(name);
        patch["metadata"]["ownerReferences"] =
            json!([{ "kind": "VirtualMachine", "name": name, "uid": owner, "controller": true }]);
        patch
    };
    let elsewhere =
        json!({ "metadata": { "name": "a", "namespace": "other", "ownerReferences": null } });
    let vms =
        [vm(named("a")), vm(named("b")), vm(named("c")), vm(json!({ "metadata": { "name": "" } }))];
    let vmis = [
        vmi(owned("a", "uid-a")),
        // Left behind by a VM of the name that was there before.
        vmi(owned("b", "uid-older")),
        vmi(elsewhere),
        vmi(json!({ "metadata": { "namespace": null } })),
    ];
    let all = map_vms(&vms, &vmis, &Surroundings::default(), now());
    let told: Vec<String> = all
        .vms
        .iter()
        .map(|m| format!("{:?} {}/{} {:?}", m.kind, m.namespace, m.vm.name, m.instance_uid))
        .collect();
    expect![[r#"
        Machine shop/a Some("uid-a")
        Machine shop/b None
        Machine shop/c None
        Instance other/a Some("604e8d7a-2915-4b59-b356-45726e52c261")
        Unseen shop/b Some("uid-b")"#]]
    .assert_eq(&told.join("\n"));
    let refused: Vec<String> = all.refused.iter().map(ToString::to_string).collect();
    assert_eq!(refused.len(), 2, "{refused:?}");
}

fn marked(label: Value, made_as: Value) -> Option<String> {
    let patch = json!({ "metadata": {
        "labels": { TAG_LABEL: label }, "annotations": { MADE_AS_ANNOTATION: made_as } } });
    off(patch).vm.tag.map(|tag| tag.vm.to_string())
}

#[test]
fn e17_our_mark_is_read_from_its_label() {
    let id = "0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e";
    assert_eq!(marked(json!(id), json!(null)).as_deref(), Some(id));
    assert_eq!(marked(json!(id), json!("shop/web")).as_deref(), Some(id));
    assert_eq!(marked(json!("web"), json!(null)), None, "not an id");
    assert_eq!(marked(json!(null), json!("shop/web")), None);
    assert!(
        TAG_LABEL.split_once('/').is_some_and(|(domain, name)| domain.contains('.')
            && name.len() <= 63
            && id.len() <= 63)
    );
}

#[test]
fn e17_a_copied_mark_is_not_ours() {
    let id = "0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e";
    assert_eq!(marked(json!(id), json!("shop/original")), None);
    // A label that the template hands on to instances marks no instance's VM.
    let mapped = both(json!({}), json!({ "metadata": { "labels": { TAG_LABEL: id } } }));
    assert_eq!(mapped.vm.tag, None);
}

#[test]
fn consoles_are_there_unless_they_are_detached() {
    let with = |devices: Value| {
        let mapped = both(json!({}), json!({ "spec": { "domain": { "devices": devices } } }));
        mapped.vm.consoles.value().unwrap().iter().map(|kind| kind.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(with(json!({})), ["serial", "vnc"]);
    assert_eq!(with(json!({ "autoattachSerialConsole": false })), ["vnc"]);
    assert_eq!(with(json!({ "autoattachGraphicsDevice": false })), ["serial"]);
    assert_eq!(with(json!({ "autoattachGraphicsDevice": true })), ["serial", "vnc"]);
    let off = off(json!({ "status": { "printableStatus": "Stopped" } }));
    assert_eq!(off.vm.consoles.value(), Some(&Vec::new()), "only while it runs");
    let silent = alone(json!({ "status": { "phase": "Unknown" } }));
    assert_eq!(silent.vm.consoles.reason(), Some("its state is unknown"));
    let bare = alone(json!({ "spec": null }));
    assert_eq!(bare.vm.consoles.reason(), Some("the instance does not tell its devices"));
}

#[test]
fn whether_it_can_migrate_is_told_with_the_reason() {
    let told = |condition: Value| {
        let mapped = both(json!({}), json!({ "status": { "conditions": [condition] } }));
        (mapped.live_migration.value().cloned(), mapped.live_migration.reason().map(str::to_owned))
    };
    let blocked = json!({ "type": "LiveMigratable", "status": "False", "reason": "DisksNotLiveMigratable",
        "message": "cannot migrate VMI: PVC web-root is not shared" });
    let why = "cannot migrate VMI: PVC web-root is not shared".to_owned();
    assert_eq!(told(blocked).0, Some(LiveMigration::Blocked(why)));
    let silent = json!({ "type": "LiveMigratable", "status": "False" });
    let why = "the cluster gives no reason".to_owned();
    assert_eq!(told(silent).0, Some(LiveMigration::Blocked(why)));
    let yes = json!({ "type": "LiveMigratable", "status": "True" });
    assert_eq!(told(yes).0, Some(LiveMigration::Possible));
    let unknown = json!({ "type": "LiveMigratable", "status": "Unknown" });
    assert_eq!(told(unknown).1.as_deref(), Some("the cluster has not found out yet"));
}

#[test]
fn a_node_is_told_only_while_the_vm_may_be_there() {
    let on = |phase: &str| both(json!({}), json!({ "status": { "phase": phase } })).vm.host_ref;
    assert_eq!(on("Running").as_deref(), Some("n1"));
    assert_eq!(on("Scheduled").as_deref(), Some("n1"));
    assert_eq!(on("Unknown").as_deref(), Some("n1"), "it may still run there");
    assert_eq!(on("Succeeded"), None);
    assert_eq!(on("Failed"), None);
}

#[test]
fn a_migration_is_told_by_the_instance_too() {
    let state = json!({ "migrationUid": "u", "sourceNode": "n1", "targetNode": "n2",
        "startTimestamp": "2026-11-21T02:39:00Z" });
    let mapped = both(json!({}), json!({ "status": { "migrationState": state } }));
    let migration = mapped.migration.unwrap();
    assert_eq!(migration.vm_name.as_deref(), Some("web"));
    assert_eq!(migration.started_at, Some(at("2026-11-21T02:39:00Z")));
    assert_eq!(migration.name, None);
}
