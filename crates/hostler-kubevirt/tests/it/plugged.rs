//! Disks that came later, together with snapshots, clones and changes; and claims that two VMs
//! are to have.

use hostler_core::disk::DiskMark;
use hostler_core::snapshot::SnapshotSpec;
use hostler_core::vm::devices::{BootDevice, DiskSpec};
use hostler_core::vm::{PowerState, VmSpec};
use hostler_kube_double::{Fault, Installation, Refusal, What};
use hostler_provider::{
    AttachDisk, DiskRef, EnsureClone, EnsureVm, Kind, MovedDisk, Provider, VmRef, VolumeRef,
};
use serde_json::{Value, json};

use crate::create::{VMS, disk, empty, request, spec, volume};
use crate::place::{Place, busy, cx, machine};
use crate::taking_over::Asked;

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

/// A VM with a disk of storage without snapshots, a snapshot of it, and that disk taken off since.
async fn without_theirs(place: &Place) -> (VmRef, VolumeRef, hostler_provider::SnapshotRef) {
    place.double.set_unsnapshotted("standard");
    let (vm, data) = with_data(place).await;
    let snapshot = place.take(&vm, 1, &SnapshotSpec::new("s1")).await.unwrap().snapshot;
    // What it has still is not brought to it.
    place.revert(&vm, 1, &snapshot).await.unwrap();
    let disks = place.provider.disks().unwrap();
    let all = disks.list_disks(&cx(), &vm).await.unwrap();
    assert_eq!(all[0].volume.as_ref().unwrap().volume, "web-data", "left out, and left alone");
    disks.detach_disk(&cx(), &vm, &DiskRef::of(&all[0])).await.unwrap();
    (vm, data, snapshot)
}

#[tokio::test]
async fn c14_a_disk_that_another_vm_has_by_now_is_not_brought_back() {
    let place = Place::start(busy()).await;
    let (vm, data, snapshot) = without_theirs(&place).await;
    let other = place.made("other", "Manual", PowerState::Stopped).await;
    add(&place, &other, "0123456789ab", &data).await;
    let refused = place.revert(&vm, 2, &snapshot).await.unwrap_err();
    assert_eq!((refused.kind(), refused.is_unknown()), (Kind::Conflict, false), "{refused}");
    assert_eq!(refused.code(), hostler_core::Code::VolumeInUse);
    for words in ["disk \"data\"", "volume web-data", "VM \"other\""] {
        assert!(refused.message().contains(words), "{refused}");
    }
    assert_eq!(place.count(RESTORES), 1, "nothing was asked for again");
    let disks = place.provider.disks().unwrap();
    let theirs = disks.list_disks(&cx(), &other).await.unwrap();
    disks.detach_disk(&cx(), &other, &DiskRef::of(&theirs[0])).await.unwrap();
    place.revert(&vm, 2, &snapshot).await.unwrap();
    let back = disks.list_disks(&cx(), &vm).await.unwrap();
    assert_eq!(back[0].volume.as_ref().unwrap().volume, "web-data");
}

#[tokio::test]
async fn c14_a_disk_whose_volume_is_gone_is_not_brought_back() {
    let place = Place::start(busy()).await;
    let (vm, data, snapshot) = without_theirs(&place).await;
    place.storage().remove_volume(&cx(), &data).await.unwrap();
    let refused = place.revert(&vm, 2, &snapshot).await.unwrap_err();
    assert_eq!((refused.kind(), refused.is_unknown()), (Kind::Conflict, false), "{refused}");
    assert!(refused.message().contains("web-data, which is not there any more"), "{refused}");
    assert_eq!(place.count(RESTORES), 1);
}

#[tokio::test]
async fn c14_who_may_not_look_with_which_volumes_disks_come_back_is_told_what_to_allow() {
    let place = Place::start(busy()).await;
    let (vm, _, snapshot) = without_theirs(&place).await;
    let contents = "virtualmachinesnapshotcontents";
    place.double.refuse(Refusal::of("get", "snapshot.kubevirt.io", contents));
    let refused = place.revert(&vm, 2, &snapshot).await.unwrap_err();
    assert_eq!((refused.kind(), refused.is_unknown()), (Kind::Denied, false), "{refused}");
    assert!(refused.message().contains(contents), "{refused}");
}

/// A cluster of that version, with the gates of snapshots and of plugging in open.
async fn older(version: &str) -> Place {
    let place = Place::start(busy()).await;
    place.double.set_installation(&Installation::Deployed(version.to_owned())).unwrap();
    let open = |one: &mut Value| {
        one["spec"]["configuration"]["developerConfiguration"]["featureGates"] =
            json!(["Snapshot", "HotplugVolumes"]);
    };
    place.double.edit("kubevirts", "kubevirt", "kubevirt", open).unwrap();
    place.double.set_clone_patches(false);
    place
}

/// KubeVirt before 1.6 makes `Halted` of it, of which the next start would make `Always`.
#[tokio::test]
async fn x25_a_vm_that_was_put_back_is_run_as_before() {
    for (version, before) in [("v1.5.2", "Manual"), ("v1.5.2", "Halted"), ("v1.6.0", "Manual")] {
        let place = older(version).await;
        let vm = place.made("web", before, PowerState::Stopped).await;
        let snapshot = place.take(&vm, 1, &SnapshotSpec::new("s1")).await.unwrap().snapshot;
        // The answer to what puts it right is lost, once.
        if (version, before) == ("v1.5.2", "Manual") {
            place.double.fault(Fault::new(What::Drop).verb("patch").class(VMS).times(1));
            let lost = place.revert(&vm, 1, &snapshot).await.unwrap_err();
            assert!(lost.is_unknown(), "{lost}");
            assert_eq!(place.strategy("web"), "Halted");
        }
        place.revert(&vm, 1, &snapshot).await.unwrap();
        assert_eq!(place.strategy("web"), before, "{version}");
    }
}

#[tokio::test]
async fn c14_what_an_old_cluster_would_only_wait_with_is_refused_at_once() {
    let place = older("v1.4.0").await;
    let vm = place.made("web", "Manual", PowerState::Stopped).await;
    let snapshot = place.take(&vm, 1, &SnapshotSpec::new("s1")).await.unwrap().snapshot;
    let refused = place.revert(&vm, 1, &snapshot).await.unwrap_err();
    assert_eq!((refused.kind(), refused.is_unknown()), (Kind::Conflict, false), "{refused}");
    for words in ["KubeVirt 1.4", "is Manual", "Halted"] {
        assert!(refused.message().contains(words), "{refused}");
    }
    assert_eq!(place.count(RESTORES), 0);
    let halt = |vm: &mut Value| vm["spec"]["runStrategy"] = json!("Halted");
    place.double.edit(VMS, "default", "web", halt).unwrap();
    place.revert(&vm, 1, &snapshot).await.unwrap();
    assert_eq!(place.strategy("web"), "Halted");
}

#[tokio::test]
async fn x25_a_clone_is_run_as_its_source_where_the_cluster_cannot_be_told() {
    for (source, clone) in [("Manual", "Manual"), ("Halted", "Halted"), ("Always", "Halted")] {
        let place = older("v1.5.2").await;
        let power = if source == "Always" { PowerState::Running } else { PowerState::Stopped };
        let vm = place.made("web", source, power).await;
        let request = EnsureClone {
            vm: crate::create::id(2),
            name: "copy",
            source: &vm,
            snapshot: None,
            seed: None,
        };
        place.provider.clones().unwrap().ensure_clone(&cx(), &request).await.unwrap();
        assert_eq!(place.strategy("copy"), clone, "of {source}");
    }
}

/// The order of booting names disks as they were asked for; the cluster knows them with marks.
#[tokio::test]
async fn x25_the_boot_order_of_a_vm_with_an_added_disk_can_be_changed() {
    let place = Place::start(busy()).await;
    let (root, data) = (volume(POOL, "web-root"), volume(POOL, "web-data"));
    empty(&place, &root).await;
    empty(&place, &data).await;
    let ((root, bound), (data_disk, data_bound)) = (disk("root", &root), disk("data", &data));
    let mut before = spec("web");
    before.disks.push(root);
    let disks = [bound.clone()];
    let wanted = EnsureVm { disks: &disks, ..request(1, &before) };
    let at = place.create().ensure_vm(&cx(), &wanted).await.unwrap().vm;
    add(&place, &at, MARK, &data).await;
    before.disks.push(data_disk);
    // Somebody else plugs one in, too.
    let theirs = |vm: &mut Value| {
        let spec = &mut vm["spec"]["template"]["spec"];
        let claim = json!({ "claimName": "theirs", "hotpluggable": true });
        let volume = json!({ "name": "theirs", "persistentVolumeClaim": claim });
        spec["volumes"].as_array_mut().unwrap().push(volume);
        let disk = json!({ "name": "theirs", "disk": { "bus": "scsi", "readonly": true } });
        spec["domain"]["devices"]["disks"].as_array_mut().unwrap().push(disk);
    };
    place.double.edit(VMS, "default", "web", theirs).unwrap();
    let (disks, mut asked) = (vec![bound, data_bound], Asked::of(&place, at, before.clone()));
    asked.disks = disks;
    let boot = ["data", "root"].map(|name| BootDevice::Disk(name.to_owned())).to_vec();
    let wanted = VmSpec { boot, ..before };
    let plan = asked.plan(&wanted).await.unwrap();
    assert_eq!(plan.changes.len(), 1, "{plan:?}");
    asked.take_over = plan.managed_by_others;
    asked.change(&wanted).await.unwrap();
    let vm = place.double.get(VMS, "default", "web").unwrap();
    let disks = &vm["spec"]["template"]["spec"]["domain"]["devices"]["disks"];
    assert_eq!(
        disks,
        &json!([
            { "name": "root", "disk": { "bus": "virtio" }, "bootOrder": 2 },
            { "name": format!("data-{MARK}"), "disk": { "bus": "scsi" }, "serial": "data",
              "bootOrder": 1 },
            { "name": "theirs", "disk": { "bus": "scsi", "readonly": true } },
        ])
    );
    assert_eq!(plugged(&place)["persistentVolumeClaim"]["hotpluggable"], true);
}
