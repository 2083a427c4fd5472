//! Disks that came later, together with snapshots, clones and changes; and claims that two VMs
//! are to have.

use hostler_core::disk::DiskMark;
use hostler_core::snapshot::SnapshotSpec;
use hostler_core::vm::PowerState;
use hostler_core::vm::devices::DiskSpec;
use hostler_provider::{
    AttachDisk, DiskRef, EnsureVm, Kind, MovedDisk, Provider, VmRef, VolumeRef,
};
use serde_json::{Value, json};

use crate::create::{VMS, disk, empty, request, spec, volume};
use crate::place::{Place, busy, cx, machine};

const POOL: &str = "default.standard";
const MARK: &str = "5f6a7b8c9d0e";
const RESTORES: &str = "virtualmachinerestores";

/// A VM that is off, with a disk `data` that was added to it.
async fn with_data(place: &Place) -> (VmRef, VolumeRef) {
    let vm = place.made("web", "Manual", PowerState::Stopped).await;
    let data = volume(POOL, "web-data");
    empty(place, &data).await;
    add(place, &vm, MARK, &data).await;
    (vm, data)
}

async fn add(place: &Place, vm: &VmRef, mark: &str, volume: &VolumeRef) {
    let mark = &DiskMark::parse(mark).unwrap();
    let request = AttachDisk { mark, vm, disk: &disk("data", volume).0, volume };
    place.provider.disks().unwrap().attach_disk(&cx(), &request).await.unwrap();
}

/// The volume of the template that ends with our mark.
fn plugged(place: &Place) -> Value {
    let vm = place.double.get(VMS, "default", "web").unwrap();
    let volumes = vm["spec"]["template"]["spec"]["volumes"].as_array().unwrap().clone();
    let name = format!("data-{MARK}");
    volumes.into_iter().find(|one| one["name"] == json!(name)).unwrap()
}

#[tokio::test]
async fn c14_an_added_disk_is_told_by_its_name_whoever_tells_what_a_revert_did() {
    let place = Place::start(busy()).await;
    let (vm, _) = with_data(&place).await;
    let snapshot = place.take(&vm, 1, &SnapshotSpec::new("s1")).await.unwrap().snapshot;
    let told = place.revert(&vm, 1, &snapshot).await.unwrap();
    let there = plugged(&place);
    let volume = there["persistentVolumeClaim"]["claimName"].as_str().unwrap().to_owned();
    assert_ne!(volume, "web-data");
    assert_eq!(there["persistentVolumeClaim"]["hotpluggable"], true, "it can be taken off again");
    assert_eq!(told.moved, [MovedDisk { disk: "data".into(), volume }]);
    // By the restore, which is over; and by the mark on the VM alone.
    assert_eq!(place.revert(&vm, 1, &snapshot).await.unwrap(), told);
    let name = place.double.list(RESTORES)[0]["metadata"]["name"].as_str().unwrap().to_owned();
    place.double.remove(RESTORES, "default", &name).unwrap();
    place.double.settle();
    assert_eq!(place.revert(&vm, 1, &snapshot).await.unwrap(), told);
    let disks = place.provider.disks().unwrap();
    let all = disks.list_disks(&cx(), &vm).await.unwrap();
    disks.detach_disk(&cx(), &vm, &DiskRef::of(&all[0])).await.unwrap();
    assert!(disks.list_disks(&cx(), &vm).await.unwrap().is_empty());
}

/// What somebody plugged in under a name of their own keeps it.
#[tokio::test]
async fn c14_a_name_that_only_looks_like_one_with_a_mark_is_told_as_it_is() {
    let place = Place::start(busy()).await;
    empty(&place, &volume(POOL, "theirs")).await;
    let mut theirs = machine("default", "web", "Manual");
    let name = format!("data-{MARK}");
    let template = &mut theirs["spec"]["template"]["spec"];
    template["volumes"] =
        json!([{ "name": name, "persistentVolumeClaim": { "claimName": "theirs" } }]);
    template["domain"]["devices"]["disks"] = json!([{ "name": name, "disk": {} }]);
    place.double.put(theirs).unwrap();
    let vm = place.vm("web");
    place.until(&vm, PowerState::Stopped).await;
    place.followed(&vm).await;
    let snapshot = place.take(&vm, 1, &SnapshotSpec::new("s1")).await.unwrap().snapshot;
    let told = place.revert(&vm, 1, &snapshot).await.unwrap();
    assert_eq!(told.moved[0].disk, name, "it was made with the VM, and bears no mark");
}

/// A VM made by others, and off: nobody but its template tells that it has the claim.
async fn with_rescue(place: &Place) -> VolumeRef {
    let root = volume(POOL, "web-root");
    empty(place, &root).await;
    let mut rescue = machine("default", "rescue", "Halted");
    let template = &mut rescue["spec"]["template"]["spec"];
    template["volumes"] =
        json!([{ "name": "a", "persistentVolumeClaim": { "claimName": "web-root" } }]);
    template["domain"]["devices"]["disks"] = json!([{ "name": "a", "disk": {} }]);
    place.double.put(rescue).unwrap();
    root
}

#[tokio::test]
async fn i17_a_claim_that_a_vm_of_others_has_is_not_deleted_though_that_is_off() {
    let place = Place::start(busy()).await;
    let root = with_rescue(&place).await;
    let refused = place.storage().remove_volume(&cx(), &root).await.unwrap_err();
    assert_eq!((refused.kind(), refused.is_unknown()), (Kind::Conflict, false), "{refused}");
    assert!(refused.message().contains("\"rescue\", which is off"), "{refused}");
    assert!(place.double.get("persistentvolumeclaims", "default", "web-root").is_some());
    place.double.remove(VMS, "default", "rescue").unwrap();
    place.double.settle();
    place.storage().remove_volume(&cx(), &root).await.unwrap();
}

/// The cluster would let both write to it.
#[tokio::test]
async fn i17_a_vm_is_not_made_on_a_claim_that_another_one_has_unless_it_only_reads() {
    let place = Place::start(busy()).await;
    let root = with_rescue(&place).await;
    let (plain, bound) = disk("root", &root);
    for (read_only, is_let) in [(false, false), (true, true)] {
        let mut web = spec("web");
        web.disks.push(DiskSpec { read_only, ..plain.clone() });
        let disks = [bound.clone()];
        let wanted = EnsureVm { disks: &disks, ..request(1, &web) };
        let tried = place.create().validate(&cx(), &wanted).await;
        let made = place.create().ensure_vm(&cx(), &wanted).await;
        assert_eq!((tried.is_ok(), made.is_ok()), (is_let, is_let), "{tried:?} {made:?}");
        for refused in [tried.err(), made.err()].into_iter().flatten() {
            assert_eq!((refused.kind(), refused.is_unknown()), (Kind::Conflict, false));
            assert!(refused.message().contains("belongs to VM \"rescue\""), "{refused}");
        }
    }
}
