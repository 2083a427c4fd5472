//! Disks of VMs that exist: what the cluster is asked for, what it says, and what is made of it.

use hostler_core::disk::{AttachedDisk, DiskMark, DiskState};
use hostler_core::vm::PowerState;
use hostler_core::vm::devices::{CacheMode, DiskBus, DiskSource, DiskSpec, VolumeFormat};
use hostler_provider::{
    AttachDisk, DiskHandle, DiskRef, EnsureVolume, Kind, Provider, Result, VmRef, VolumeContent,
    VolumeRef,
};
use serde_json::json;

use crate::create::{disk, volume};
use crate::place::{Place, busy, cx, machine};

const POOL: &str = "default.standard";

/// A VM that runs, and a claim.
async fn running() -> (Place, VmRef, VolumeRef) {
    let place = Place::start(busy()).await;
    place.double.put(machine("default", "web", "Manual")).unwrap();
    let (vm, data) = (place.vm("web"), volume(POOL, "data"));
    place.until(&vm, PowerState::Stopped).await;
    claim(&place, &data).await;
    place.power().start(&cx(), &vm).await.unwrap();
    (place, vm, data)
}

async fn claim(place: &Place, volume: &VolumeRef) {
    let (format, content) = (VolumeFormat::Raw, VolumeContent::Empty);
    let request = EnsureVolume { volume, capacity_bytes: 1 << 20, format, content };
    place.storage().ensure_volume(&cx(), &request).await.unwrap();
}

fn mark(text: &str) -> DiskMark {
    DiskMark::parse(text).unwrap()
}

async fn attach(
    place: &Place,
    vm: &VmRef,
    spec: &DiskSpec,
    volume: &VolumeRef,
) -> Result<DiskHandle> {
    let mark = &mark("5f6a7b8c9d0e");
    let request = AttachDisk { mark, vm, disk: spec, volume };
    place.provider.disks().unwrap().attach_disk(&cx(), &request).await
}

async fn list(place: &Place, vm: &VmRef) -> Vec<AttachedDisk> {
    place.provider.disks().unwrap().list_disks(&cx(), vm).await.unwrap()
}

#[tokio::test]
async fn e8_a_claim_is_plugged_in_under_a_name_with_the_mark_and_out_again() {
    let (place, vm, data) = running().await;
    let spec = disk("more", &data).0;
    let added = attach(&place, &vm, &spec, &data).await.unwrap();
    assert!(added.created);
    assert_eq!(added.disk.external_ref, "more-5f6a7b8c9d0e");
    let machine = place.double.get("virtualmachines", "default", "web").unwrap();
    let template = &machine["spec"]["template"]["spec"];
    let disks = template["domain"]["devices"]["disks"].as_array().unwrap();
    assert_eq!(
        disks.last(),
        Some(&json!({
            "name": "more-5f6a7b8c9d0e", "disk": { "bus": "scsi" }, "serial": "more",
        }))
    );
    assert_eq!(
        template["volumes"].as_array().unwrap().last().unwrap()["persistentVolumeClaim"],
        json!({ "claimName": "data", "hotpluggable": true })
    );
    let seen = list(&place, &vm).await.into_iter().find(|seen| seen.name == "more").unwrap();
    assert_eq!((seen.state, seen.bus.as_deref()), (DiskState::Attached, Some("scsi")));
    let at = seen.volume.clone().unwrap();
    assert_eq!((at.pool.as_str(), at.volume.as_str()), (POOL, "data"));
    let disks = place.provider.disks().unwrap();
    disks.detach_disk(&cx(), &vm, &DiskRef::of(&seen)).await.unwrap();
    assert!(list(&place, &vm).await.iter().all(|seen| seen.name != "more"));
    let instance = place.double.get("virtualmachineinstances", "default", "web").unwrap();
    let told = instance["status"]["volumeStatus"].to_string();
    assert!(!told.contains("more-"), "the node has let go: {told}");
    assert!(place.double.get("persistentvolumeclaims", "default", "data").is_some());
}

#[tokio::test]
async fn x29_a_closed_gate_is_told_with_the_remedy_and_changes_nothing() {
    let (place, vm, data) = running().await;
    let close = |one: &mut serde_json::Value| {
        one["status"]["observedKubeVirtVersion"] = json!("v1.5.0");
        one["spec"]["configuration"] = json!({ "developerConfiguration": { "featureGates": [] } });
    };
    let (namespace, name) = ("kubevirt", "kubevirt");
    place.double.edit("kubevirts", namespace, name, close).unwrap();
    let spec = disk("more", &data).0;
    let refused = attach(&place, &vm, &spec, &data).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Unsupported, "{refused}");
    assert!(refused.message().contains("DeclarativeHotplugVolumes"), "{refused}");
    assert!(!refused.is_unknown());
    let open = |one: &mut serde_json::Value| {
        one["spec"]["configuration"]["developerConfiguration"]["featureGates"] =
            json!(["HotplugVolumes"]);
    };
    place.double.edit("kubevirts", namespace, name, open).unwrap();
    attach(&place, &vm, &spec, &data).await.unwrap();
}

#[tokio::test]
async fn e8_what_kubevirt_cannot_plug_in_is_refused_with_what_it_can() {
    let (place, vm, data) = running().await;
    let plain = disk("more", &data).0;
    let elsewhere = volume("other.standard", "data");
    let on_sata = DiskSpec { bus: Some(DiskBus::Sata), ..plain.clone() };
    let misnamed = DiskSpec { name: "More_Data".into(), ..plain.clone() };
    let endless = DiskSpec { name: "a".repeat(51), ..plain.clone() };
    let unsafely = DiskSpec { cache: Some(CacheMode::Unsafe), ..plain.clone() };
    let format = Some(VolumeFormat::Qcow2);
    let made = DiskSource::Empty { size_bytes: 1 << 20, pool: None, format };
    let made = DiskSpec { source: made, ..plain.clone() };
    for (spec, volume, kind) in [
        (&on_sata, &data, Kind::Unsupported),
        (&unsafely, &data, Kind::Unsupported),
        (&made, &data, Kind::Unsupported),
        (&misnamed, &data, Kind::Invalid),
        (&endless, &data, Kind::Invalid),
        (&plain, &elsewhere, Kind::Invalid),
        (&plain, &crate::create::volume(POOL, "none"), Kind::NotFound),
    ] {
        let refused = attach(&place, &vm, spec, volume).await.unwrap_err();
        assert_eq!(refused.kind(), kind, "{refused}");
        assert!(!refused.is_unknown(), "{refused}");
    }
    assert_eq!(place.asked("virtualmachines/addvolume"), 0);
}

/// What was written down as asked is so: nothing of it is dropped on the way.
#[tokio::test]
async fn e8_how_a_disk_is_cached_is_asked_of_the_cluster() {
    let (place, vm, data) = running().await;
    let cache = Some(CacheMode::Writethrough);
    let spec = DiskSpec { cache, discard: true, ..disk("more", &data).0 };
    attach(&place, &vm, &spec, &data).await.unwrap();
    let machine = place.double.get("virtualmachines", "default", "web").unwrap();
    let disks = &machine["spec"]["template"]["spec"]["domain"]["devices"]["disks"];
    assert_eq!(disks.as_array().unwrap().last().unwrap()["cache"], "writethrough");
}

#[tokio::test]
async fn f6_an_answer_that_was_lost_is_found_by_the_mark() {
    use hostler_kube_double::{Fault, What};
    let (place, vm, data) = running().await;
    let spec = disk("more", &data).0;
    let lost = Fault::new(What::LoseAnswer).class("virtualmachines/addvolume").times(1);
    place.double.fault(lost);
    let error = attach(&place, &vm, &spec, &data).await.unwrap_err();
    assert!(error.is_unknown(), "{error}");
    let again = attach(&place, &vm, &spec, &data).await.unwrap();
    assert!(!again.created);
    assert_eq!(list(&place, &vm).await.iter().filter(|seen| seen.name == "more").count(), 1);
}

/// It was asked for, and comes: who gives up waiting for it does not know.
#[tokio::test]
async fn e8_an_attach_that_is_given_up_while_it_is_waited_for_may_have_happened() {
    use hostler_kube_double::{Fault, What};
    let (place, vm, data) = running().await;
    let (spec, mark) = (disk("more", &data).0, mark("5f6a7b8c9d0e"));
    let request = AttachDisk { mark: &mark, vm: &vm, disk: &spec, volume: &data };
    let slow = What::Slow(std::time::Duration::from_millis(200));
    place.double.fault(Fault::new(slow).class("virtualmachines/addvolume").times(1));
    let token = tokio_util::sync::CancellationToken::new();
    let gives_up = async {
        while place.asked("virtualmachines/addvolume") == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        // From now on no look ends.
        place.double.fault(Fault::new(What::Silence).verb("get"));
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
        token.cancel();
    };
    let cx = cx().with_cancel(token.clone());
    let disks = place.provider.disks().unwrap();
    let (ended, ()) = tokio::join!(disks.attach_disk(&cx, &request), gives_up);
    let error = ended.unwrap_err();
    assert_eq!((error.kind(), error.is_unknown()), (Kind::Cancelled, true), "{error}");
    place.double.clear_faults();
    assert!(!attach(&place, &vm, &spec, &data).await.unwrap().created, "it was there");
}

/// Somebody plugs in a claim by `virtctl`: it bears no mark, and can be taken off.
#[tokio::test]
async fn e8_what_others_plugged_in_is_listed_and_what_was_there_stays() {
    let (place, vm, _) = running().await;
    for resource in ["virtualmachines", "virtualmachineinstances"] {
        let plug = |one: &mut serde_json::Value| {
            let spec = if resource == "virtualmachines" { "/spec/template/spec" } else { "/spec" };
            let spec = one.pointer_mut(spec).unwrap();
            let disk = json!({ "name": "theirs", "disk": { "bus": "scsi" } });
            let claim = json!({ "claimName": "data", "hotpluggable": true });
            let volume = json!({ "name": "theirs", "persistentVolumeClaim": claim });
            for (pointer, item) in [("/domain/devices/disks", disk), ("/volumes", volume)] {
                match spec.pointer_mut(pointer).and_then(|list| list.as_array_mut()) {
                    Some(list) => list.push(item),
                    None if pointer == "/volumes" => spec["volumes"] = json!([item]),
                    None => spec["domain"]["devices"]["disks"] = json!([item]),
                }
            }
        };
        place.double.edit(resource, "default", "web", plug).unwrap();
    }
    let all = list(&place, &vm).await;
    let theirs = all.iter().find(|seen| seen.name == "theirs").unwrap();
    assert_eq!((theirs.mark.clone(), theirs.fixed.clone()), (None, None));
    for made_with in all.iter().filter(|seen| seen.name != "theirs") {
        assert!(made_with.fixed.as_deref().unwrap().contains("what was plugged in"));
    }
    let disks = place.provider.disks().unwrap();
    disks.detach_disk(&cx(), &vm, &DiskRef::of(theirs)).await.unwrap();
    assert!(list(&place, &vm).await.iter().all(|seen| seen.name != "theirs"));
}
