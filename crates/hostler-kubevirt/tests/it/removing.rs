//! Deleting VMs: that very one, only while it is off, and not behind the back of who
//! keeps it.

use hostler_core::vm::PowerState;
use hostler_kube_double::{Fault, Options, Refusal, What};
use hostler_provider::{Kind, Provider, VmRef};
use serde_json::json;

use crate::create::{VMS, ensure, id, spec, stored};
use crate::place::{PATIENCE, Place, busy, cx, machine};

#[tokio::test]
async fn e8_a_vm_is_gone_when_it_is_told_to_be_deleted() {
    let place = Place::start(busy()).await;
    let made = ensure(&place, 1, &spec("web")).await.unwrap();
    place.create().remove_vm(&cx(), &made.vm).await.unwrap();
    assert_eq!(place.double.get(VMS, "default", "web"), None);
    assert_eq!(place.listed(&made.vm).await, None);
    // The cluster told that it is gone: nobody asks again.
    let lists = |place: &Place| place.double.counts().of("list", VMS);
    let before = lists(&place);
    assert!(place.seen(&made.vm).await.is_none());
    place.create().remove_vm(&cx(), &made.vm).await.unwrap();
    assert_eq!(lists(&place), before);
    // Its name is free at once.
    let other = ensure(&place, 2, &spec("web")).await.unwrap();
    assert!(other.created);
    // And the one that is gone is not that one.
    place.create().remove_vm(&cx(), &made.vm).await.unwrap();
    assert_eq!(place.listed(&other.vm).await, Some(PowerState::Stopped));
    let strange = VmRef { external_ref: "no-such".into(), name: "web".into() };
    place.create().remove_vm(&cx(), &strange).await.unwrap();
    assert!(place.double.get(VMS, "default", "web").is_some());
}

#[tokio::test]
async fn i17_volumes_from_a_vms_own_templates_stay_when_it_is_deleted() {
    let place = Place::start(busy()).await;
    let vm = place.made("web", "Halted", PowerState::Stopped).await;
    let template =
        json!({ "metadata": { "name": "web-root" }, "spec": { "source": { "blank": {} } } });
    let with = |machine: &mut serde_json::Value| {
        machine["spec"]["dataVolumeTemplates"] = json!([template]);
    };
    let volume = json!({
        "apiVersion": "cdi.kubevirt.io/v1beta1", "kind": "DataVolume",
        "metadata": { "name": "web-root", "namespace": "default", "ownerReferences": [{
            "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "name": "web",
            "uid": vm.external_ref, "controller": true,
        }] },
        "spec": { "source": { "blank": {} } },
    });
    place.double.put(volume).unwrap();
    place.double.edit(VMS, "default", "web", with).unwrap();
    // It is off again when its volume is there.
    place.double.settle();
    place.create().remove_vm(&cx(), &vm).await.unwrap();
    assert_eq!(place.double.get(VMS, "default", "web"), None);
    let left = place.double.get("datavolumes", "default", "web-root").unwrap();
    let owners = left["metadata"]["ownerReferences"].as_array();
    assert!(owners.is_none_or(Vec::is_empty), "{left:#}");
}

/// What shut itself down leaves its instance behind, which would be a VM of its own.
#[tokio::test]
async fn i17_with_volumes_of_its_own_a_vm_leaves_no_finished_instance_behind() {
    for strategy in ["Manual", "RerunOnFailure"] {
        let place = Place::start(busy()).await;
        place.double.put(machine("default", "web", strategy)).unwrap();
        let vm = place.vm("web");
        if strategy == "Manual" {
            place.until(&vm, PowerState::Stopped).await;
            place.power().start(&cx(), &vm).await.unwrap();
        }
        place.until(&vm, PowerState::Running).await;
        let ends = |one: &mut serde_json::Value| one["status"]["phase"] = json!("Succeeded");
        place.double.edit("virtualmachineinstances", "default", "web", ends).unwrap();
        place.until(&vm, PowerState::Stopped).await;
        let template =
            json!({ "metadata": { "name": "web-root" }, "spec": { "source": { "blank": {} } } });
        let with = |machine: &mut serde_json::Value| {
            machine["spec"]["dataVolumeTemplates"] = json!([template]);
        };
        place.double.edit(VMS, "default", "web", with).unwrap();
        // It is off again when its volume is there.
        place.double.settle();
        place.create().remove_vm(&cx(), &vm).await.unwrap();
        assert!(place.double.get(VMS, "default", "web").is_none());
        assert!(place.double.list("virtualmachineinstances").is_empty(), "{strategy}");
        let left = place.provider.inventory(&cx()).await.unwrap().vms;
        assert!(left.is_empty(), "{left:?}");
        assert!(place.double.get("datavolumes", "default", "web-root").is_some());
    }
}

#[tokio::test]
async fn x25_who_is_known_by_the_fields_it_writes_alone_keeps_its_vm_in_what_is_followed() {
    let place = Place::start(busy()).await;
    let vm = place.made("web", "Manual", PowerState::Stopped).await;
    let by = |object: &mut serde_json::Value| {
        object["metadata"]["managedFields"] = json!([
            { "manager": "argocd-controller", "operation": "Apply", "fieldsV1": { "f:spec": {} } },
        ]);
    };
    place.double.edit(VMS, "default", "web", by).unwrap();
    let refused = place.create().remove_vm(&cx(), &vm).await.unwrap_err();
    assert!(refused.message().contains("argocd"), "{refused}");
}

#[tokio::test]
async fn e8_one_that_is_started_between_the_look_and_the_call_stays() {
    let place = Place::start(busy()).await;
    let made = ensure(&place, 1, &spec("web")).await.unwrap();
    // The call is held up, and meanwhile somebody turns it on.
    let slow = What::Slow(std::time::Duration::from_millis(500));
    place.double.fault(Fault::new(slow).verb("delete").class(VMS).times(1));
    let started = async {
        while place.double.counts().of("delete", VMS) == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        place.power().start(&cx(), &made.vm).await.unwrap();
    };
    let cx = cx();
    let (removed, ()) = tokio::join!(place.create().remove_vm(&cx, &made.vm), started);
    let refused = removed.unwrap_err();
    assert_eq!((refused.kind(), refused.is_unknown()), (Kind::Conflict, false), "{refused}");
    assert_eq!(place.listed(&made.vm).await, Some(PowerState::Running));
}

#[tokio::test]
async fn x25_what_a_tool_would_make_anew_is_not_deleted() {
    let rows = [
        (
            json!({ "annotations": { "argocd.argoproj.io/tracking-id": "shop:vm" } }),
            "argocd (shop:vm)",
        ),
        (json!({ "labels": { "kustomize.toolkit.fluxcd.io/name": "apps" } }), "flux (apps)"),
        (
            json!({ "ownerReferences": [{
                "apiVersion": "pool.kubevirt.io/v1beta1", "kind": "VirtualMachinePool",
                "name": "pool", "uid": "1", "controller": true,
            }] }),
            "VirtualMachinePool (pool)",
        ),
    ];
    for (metadata, words) in rows {
        let place = Place::start(busy()).await;
        let mut object = machine("default", "web", "Halted");
        for (key, value) in metadata.as_object().unwrap() {
            object["metadata"][key] = value.clone();
        }
        place.double.put(object).unwrap();
        let vm = place.vm("web");
        place.until(&vm, PowerState::Stopped).await;
        let refused = place.create().remove_vm(&cx(), &vm).await.unwrap_err();
        assert_eq!((refused.kind(), refused.is_unknown()), (Kind::Conflict, false));
        assert!(refused.message().contains(words), "{refused}");
        assert!(place.double.get(VMS, "default", "web").is_some());
    }
}

#[tokio::test]
async fn e8_an_instance_without_a_vm_is_deleted_when_it_is_over() {
    let place = Place::start(busy()).await;
    let mut alone = machine("default", "alone", "Always");
    alone["kind"] = json!("VirtualMachineInstance");
    alone["spec"] = alone["spec"]["template"]["spec"].clone();
    let made = place.double.put(alone).unwrap();
    let external_ref = made["metadata"]["uid"].as_str().unwrap().to_owned();
    let vm = VmRef { external_ref, name: "alone".into() };
    place.until(&vm, PowerState::Running).await;
    let text = place.create().definition(&cx(), &vm).await.unwrap();
    assert!(text.contains("kind: VirtualMachineInstance\n"), "{text}");
    let refused = place.create().remove_vm(&cx(), &vm).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Conflict, "{refused}");
    let ends = |instance: &mut serde_json::Value| instance["status"]["phase"] = json!("Succeeded");
    place.double.edit("virtualmachineinstances", "default", "alone", ends).unwrap();
    place.until(&vm, PowerState::Stopped).await;
    place.create().remove_vm(&cx(), &vm).await.unwrap();
    assert!(place.double.list("virtualmachineinstances").is_empty());
}

#[tokio::test]
async fn e8_a_deletion_that_is_refused_or_lost_says_so() {
    let place = Place::start(busy()).await;
    let made = ensure(&place, 1, &spec("web")).await.unwrap();
    place.double.fault(Fault::new(What::LoseAnswer).verb("delete").class(VMS).times(1));
    let lost = place.create().remove_vm(&cx(), &made.vm).await.unwrap_err();
    assert_eq!((lost.kind(), lost.is_unknown()), (Kind::Unavailable, true), "{lost}");
    place.create().remove_vm(&cx(), &made.vm).await.unwrap();
    assert!(place.create().find_vm(&cx(), id(1)).await.unwrap().is_none());
    let made = ensure(&place, 2, &spec("web")).await.unwrap();
    place.double.refuse(Refusal::of("delete", "kubevirt.io", VMS));
    let denied = place.create().remove_vm(&cx(), &made.vm).await.unwrap_err();
    assert_eq!((denied.kind(), denied.is_unknown()), (Kind::Denied, false), "{denied}");
    assert_eq!(stored(&place, "web")["metadata"]["uid"], made.vm.external_ref);
}

/// Its controller does not work, so that nothing takes its finalizer away.
#[tokio::test]
async fn e8_one_that_does_not_go_is_a_timeout_of_unknown_effect() {
    let place = Place::start(Options::default()).await;
    place.double.seed_stopped_vms(1).unwrap();
    let vm = place.vm("vm-00000");
    place.until(&vm, PowerState::Stopped).await;
    let cx = hostler_provider::Cx::within(std::time::Duration::from_secs(1));
    let late = place.create().remove_vm(&cx, &vm).await.unwrap_err();
    assert!(late.is_unknown() && late.kind() == Kind::Timeout, "{late}");
    place.double.settle();
    let wide = hostler_provider::Cx::within(PATIENCE);
    place.create().remove_vm(&wide, &vm).await.unwrap();
}
