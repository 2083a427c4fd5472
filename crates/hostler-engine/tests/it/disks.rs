//! Disks of VMs that exist: what is listed, what is refused before anything is taken on,
//! what is written down, and what comes late.

use std::time::Duration;

use hostler_core::Code;
use hostler_core::access::{Actor, Role};
use hostler_core::id::VmId;
use hostler_core::operation::OperationState;
use hostler_core::vm::check::SEED_DISK;
use hostler_core::vm::devices::{DiskBus, DiskSource, DiskSpec};
use hostler_engine::{AdoptRequest, DeleteOptions, PowerVerb};
use hostler_provider::{Cx, DiskRef, Disks as _, Kind, StopMode, VmRef};
use hostler_sim::{Guest, Late, Sim, Verb, When};

use crate::world::{Lab, admin, disk, foreign};

/// The disks of a VM, by their names, with whether they were asked for and can be taken off.
async fn told(lab: &Lab, vm: VmId) -> Vec<(String, bool, bool)> {
    let all = lab.engine.disks().list(vm).await.unwrap();
    all.into_iter().map(|disk| (disk.name, disk.asked, disk.fixed.is_none())).collect()
}

fn volume_disk(name: &str, volume: &str) -> DiskSpec {
    disk(name, DiskSource::Volume { pool: "default".into(), volume: volume.into() })
}

/// Takes the disk `more` off as somebody else would; with what that took.
async fn take_off_past_hostler(lab: &Lab, vm: VmId) -> (Sim, VmRef, Cx) {
    let (sim, at) = (Sim::new(&lab.world), lab.world.vm_of(vm).unwrap().vm);
    let cx = Cx::within(Duration::from_secs(5));
    let there = sim.list_disks(&cx, &at).await.unwrap();
    let more = there.iter().find(|one| one.name == "more").unwrap();
    sim.detach_disk(&cx, &at, &DiskRef::of(more)).await.unwrap();
    (sim, at, cx)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e8_a_disk_comes_and_goes_while_the_vm_runs() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    let volume = lab.attach_disk(vm, "more").await;
    let row = lab.store.vm(vm).await.unwrap().unwrap();
    assert_eq!(row.spec.disks.len(), 3, "root, data, more");
    let name = |text: &str| text.to_owned();
    let expected = [
        (name("root"), true, false), // it booted from it
        (name("data"), true, true),
        (name("more"), true, true),
        (name(SEED_DISK), true, false),
    ];
    assert_eq!(told(&lab, vm).await, expected);
    let accepted = lab.engine.disks().detach(&admin(), None, vm, "more", false).await.unwrap();
    assert_eq!(lab.end(&accepted).await.state(), OperationState::Succeeded);
    assert_eq!(told(&lab, vm).await.len(), 3);
    let row = lab.store.vm(vm).await.unwrap().unwrap();
    assert_eq!(row.spec.disks.len(), 2);
    lab.assert_clean(&[vm], std::slice::from_ref(&volume), "its volume stays");
    // It can be had again, and is nobody's own then.
    let again = volume_disk("again", &volume.name);
    let accepted = lab.engine.disks().attach(&admin(), None, vm, again).await.unwrap();
    assert_eq!(lab.end(&accepted).await.state(), OperationState::Succeeded);
    let kept = lab.engine.disks().detach(&admin(), None, vm, "again", true).await.unwrap_err();
    assert_eq!(kept.code(), Code::VolumeNotItsOwn);
    lab.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e8_deleting_a_vm_with_its_disks_takes_those_that_came_later_too() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    lab.attach_disk(vm, "more").await;
    let options = DeleteOptions { disks: true, force: true, ..DeleteOptions::default() };
    let accepted = lab.engine.vms().delete(&admin(), None, vm, options).await.unwrap();
    assert_eq!(lab.end(&accepted).await.state(), OperationState::Succeeded);
    lab.assert_clean(&[], &[], "in the end");
    lab.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c7_what_cannot_be_attached_is_refused_before_anything_is_taken_on() {
    let lab = Lab::new().await;
    let (web, db) = (lab.create("web").await, lab.create("db").await);
    lab.create_volume("data").await;
    let disks = lab.engine.disks();
    let refused =
        async |vm, spec: DiskSpec| disks.attach(&admin(), None, vm, spec).await.unwrap_err().code();
    let accepted = disks.attach(&admin(), None, web, volume_disk("v", "data")).await.unwrap();
    assert_eq!(lab.end(&accepted).await.state(), OperationState::Succeeded);
    let nobodys = foreign(&lab.world, "theirs");
    lab.until("it is seen", || lab.engine.vms().list(&first()).items.len() == 3).await;
    let all = lab.engine.vms().list(&first()).items;
    let theirs = all.iter().find(|vm| vm.name == nobodys.name).unwrap().id;
    let (plain, sata) = (Lab::new_disk("x"), Some(DiskBus::Sata));
    let in_pool =
        |pool: &str| disk("x", DiskSource::Volume { pool: pool.into(), volume: "data".into() });
    for (vm, spec, code) in [
        (web, Lab::new_disk("data"), Code::DiskExists),
        (web, Lab::new_disk("../etc"), Code::SpecInvalid),
        (web, Lab::new_disk(SEED_DISK), Code::SpecInvalid),
        (web, DiskSpec { bus: sata, ..plain.clone() }, Code::CapabilityMissing),
        (web, volume_disk("x", "data"), Code::VolumeInUse),
        (db, volume_disk("x", "data"), Code::VolumeInUse),
        (db, volume_disk("x", "none"), Code::VolumeNotFound),
        (theirs, plain.clone(), Code::VmNotManaged),
    ] {
        assert_eq!(refused(vm, spec.clone()).await, code, "{spec:?}");
    }
    assert!(disks.attach(&admin(), None, db, in_pool("none")).await.is_err());
    let reader = Actor { name: "token:reader".into(), role: Role::Reader };
    let denied = disks.attach(&reader, None, web, plain).await.unwrap_err();
    assert_eq!(denied.code(), Code::PermissionDenied);
    assert_eq!(lab.claims().await, 0);
    lab.engine.shutdown().await;
}

fn first() -> hostler_core::query::ListRequest {
    hostler_core::query::ListRequest::first(9)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e8_the_disk_that_a_guest_runs_from_and_its_seed_stay() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    let disks = lab.engine.disks();
    for (name, says) in [("root", "boots from it"), (SEED_DISK, "cloud-init")] {
        let refused = disks.detach(&admin(), None, vm, name, false).await.unwrap_err();
        assert_eq!(refused.code(), Code::DiskNeeded, "{name}");
        assert!(refused.message().contains(says), "{refused}");
    }
    let absent = disks.detach(&admin(), None, vm, "none", false).await.unwrap_err();
    assert_eq!(absent.code(), Code::DiskNotFound);
    let off = PowerVerb::Stop(StopMode::Force);
    let accepted = lab.engine.vms().power(&admin(), None, vm, off).await.unwrap();
    lab.end(&accepted).await;
    // Off it can be taken away, and its volume is still there.
    let accepted = disks.detach(&admin(), None, vm, "root", false).await.unwrap();
    assert_eq!(lab.end(&accepted).await.state(), OperationState::Succeeded);
    assert_eq!(lab.world.vm_of(vm).unwrap().disks, ["data"]);
    lab.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e8_a_plan_changes_nothing_and_says_what_would_come() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    let disks = lab.engine.disks();
    let plan = disks.plan_attach(&admin(), vm, Lab::new_disk("more")).await.unwrap();
    assert_eq!(plan.steps, ["make volume", "attach"]);
    assert!(plan.changes[0].starts_with("+ volume default/web-more-"), "{plan:?}");
    assert_eq!(lab.world.vm_of(vm).unwrap().disks.len(), 2);
    lab.engine.shutdown().await;
}

/// X30: to add a disk is a change that the user asked for; what the VM had stays as it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e17_disks_of_an_adopted_vm_come_and_go() {
    let lab = Lab::new().await;
    foreign(&lab.world, "theirs");
    lab.until("it is seen", || !lab.engine.vms().list(&first()).items.is_empty()).await;
    let vm = lab.engine.vms().list(&first()).items[0].id;
    let adoptions = lab.engine.adoptions();
    adoptions.adopt(&admin(), vm, &AdoptRequest::default()).await.unwrap();
    lab.attach_disk(vm, "more").await;
    assert_eq!(lab.world.vm_named("theirs").unwrap().disks, ["more"]);
    let accepted = lab.engine.disks().detach(&admin(), None, vm, "more", true).await.unwrap();
    assert_eq!(lab.end(&accepted).await.state(), OperationState::Succeeded);
    assert!(lab.world.vm_named("theirs").unwrap().disks.is_empty());
    lab.assert_clean(&[], &[], "in the end");
    lab.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i4_a_disk_that_comes_after_its_operation_ended_is_taken_off_with_its_volume() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    lab.world.faults().reset();
    lab.world.faults().late_verb(Verb::AttachDisk, 1, Late::held());
    // Of a volume that is there: one that was made is gone by then.
    lab.create_volume("data").await;
    let spec = volume_disk("more", "data");
    let accepted = lab.engine.disks().attach(&admin(), None, vm, spec).await.unwrap();
    lab.arrives(Verb::AttachDisk).await;
    let id = accepted.operation.row.id;
    lab.engine.operations().cancel(&admin(), id).await.unwrap();
    assert_eq!(lab.ended(id).await.unwrap().state(), OperationState::Cancelled);
    assert_eq!(lab.world.land(), 1);
    let is_off = || lab.world.vm_of(vm).unwrap().disks.len() == 2;
    lab.until("what came late is taken off", is_off).await;
    lab.assert_clean(&[vm], &[lab.volume("data")], "the volume was there before");
    lab.engine.shutdown().await;
}

/// F30 (CloudStack #14214): the straggler of an older detach meets a newer attachment of
/// the same volume under the same name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f30_a_detach_that_comes_late_leaves_a_newer_disk_alone() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    lab.create_volume("data").await;
    let attach = async || {
        let spec = volume_disk("more", "data");
        let accepted = lab.engine.disks().attach(&admin(), None, vm, spec).await.unwrap();
        assert_eq!(lab.end(&accepted).await.state(), OperationState::Succeeded);
    };
    attach().await;
    lab.world.faults().reset();
    let lost = Late::held().answered(Kind::Unavailable);
    lab.world.faults().late_verb(Verb::DetachDisk, 1, lost);
    let accepted = lab.engine.disks().detach(&admin(), None, vm, "more", false).await.unwrap();
    assert_eq!(lab.end(&accepted).await.state(), OperationState::Succeeded);
    attach().await;
    assert_eq!(lab.world.land(), 1, "the first try of the detach");
    assert_eq!(lab.world.vm_of(vm).unwrap().disks.last().unwrap(), "more");
    lab.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c7_a_guest_that_keeps_its_disk_is_told_and_can_be_let_be() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    let volume = lab.attach_disk(vm, "more").await;
    let record = lab.world.vm_of(vm).unwrap();
    lab.world.set_guest(&record.vm, Guest { obeys_acpi: false, ..Guest::default() });
    let accepted = lab.engine.disks().detach(&admin(), None, vm, "more", true).await.unwrap();
    lab.arrives(Verb::DetachDisk).await;
    let id = accepted.operation.row.id;
    lab.engine.operations().cancel(&admin(), id).await.unwrap();
    let ended = lab.ended(id).await.unwrap();
    assert_eq!(ended.state(), OperationState::Cancelled);
    assert_eq!(lab.world.vm_of(vm).unwrap().disks.len(), 3, "it has it still");
    assert!(lab.world.census().volumes.iter().any(|found| found.volume == volume));
    assert!(lab.store.vm(vm).await.unwrap().unwrap().spec.disks.len() == 3);
    lab.engine.shutdown().await;
}

/// What somebody else took off can be forgotten, and what was written down says so before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e8_a_disk_that_somebody_else_took_off_is_told_as_missing_and_can_be_forgotten() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    lab.attach_disk(vm, "more").await;
    take_off_past_hostler(&lab, vm).await;
    let all = lab.engine.disks().list(vm).await.unwrap();
    let missing = all.iter().find(|disk| disk.name == "more").unwrap();
    assert!(missing.asked && missing.seen.is_none());
    let accepted = lab.engine.disks().detach(&admin(), None, vm, "more", true).await.unwrap();
    assert_eq!(lab.end(&accepted).await.state(), OperationState::Succeeded);
    assert_eq!(told(&lab, vm).await.len(), 3);
    lab.assert_clean(&[vm], &[], "its volume went, as was asked");
    lab.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f6_a_disk_whose_answer_was_lost_is_added_once() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    lab.world.faults().fail_verb(Verb::AttachDisk, 2, When::After, Kind::Timeout);
    lab.attach_disk(vm, "more").await;
    assert_eq!(lab.world.vm_of(vm).unwrap().disks, ["root", "data", "more"]);
    lab.engine.shutdown().await;
}

/// A VM that was put back by moving its disks, off; with the volume that its `data` had before.
async fn put_back(lab: &Lab) -> (hostler_core::id::VmId, hostler_provider::VolumeRef) {
    lab.world.move_disks_on_revert();
    let vm = lab.create("web").await;
    let volumes = lab.world.vm_of(vm).unwrap().volumes;
    let data = volumes.into_iter().find(|one| one.name.contains("data")).unwrap();
    lab.snapshot(vm, "s1").await;
    let accepted = lab.engine.snapshots().revert(&admin(), None, vm, "s1").await.unwrap();
    assert_eq!(lab.end(&accepted).await.state(), OperationState::Succeeded);
    lab.sees(vm, hostler_core::vm::status::VmState::Stopped).await;
    (vm, data)
}

fn is_there(lab: &Lab, volume: &hostler_provider::VolumeRef) -> bool {
    lab.world.census().volumes.iter().any(|one| one.volume == *volume)
}

/// What a VM left behind when it was put back can be looked into, and goes or stays by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i17_a_volume_that_was_left_behind_is_attached_under_its_name_and_no_other_goes_with_it() {
    for deletes in [false, true] {
        let lab = Lab::new().await;
        let (vm, before) = put_back(&lab).await;
        let spec = volume_disk("old", &before.name);
        let accepted = lab.engine.disks().attach(&admin(), None, vm, spec).await.unwrap();
        assert_eq!(lab.end(&accepted).await.state(), OperationState::Succeeded);
        let all = lab.engine.disks().list(vm).await.unwrap();
        let names: Vec<_> = all.iter().map(|one| (one.name.as_str(), one.seen.is_some())).collect();
        let wanted = [("root", true), ("data", true), ("old", true), (SEED_DISK, true)];
        assert_eq!(names, wanted);
        let old = all.iter().find(|one| one.name == "old").unwrap();
        assert_eq!(old.own_volume.as_ref(), Some(&before), "it was made for this VM");
        // As the browser has it: by its reference.
        let by_ref = old.seen.as_ref().unwrap().external_ref.clone();
        let disks = lab.engine.disks();
        let accepted = disks.detach(&admin(), None, vm, &by_ref, deletes).await.unwrap();
        assert_eq!(lab.end(&accepted).await.state(), OperationState::Succeeded);
        assert_eq!(lab.world.vm_of(vm).unwrap().disks, ["root", "data"]);
        let row = lab.store.vm(vm).await.unwrap().unwrap();
        assert_eq!(row.spec.disks.len(), 2);
        assert_eq!(is_there(&lab, &before), !deletes);
        let told = lab.engine.vms().deletion(vm, true).await.unwrap();
        let left = told.volumes.iter().filter(|one| one.disk.is_none()).count();
        assert_eq!(left, 1, "that of the root is remembered still");
        lab.engine.shutdown().await;
    }
}

/// Somebody has put another volume in its place, past Hostler.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i17_a_volume_goes_with_a_disk_only_where_it_is_the_one_behind_it() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    let made = lab.attach_disk(vm, "more").await;
    let (sim, at, cx) = take_off_past_hostler(&lab, vm).await;
    let theirs = lab.volume("theirs");
    let format = hostler_core::vm::devices::VolumeFormat::Raw;
    lab.world.add_volume(&theirs, 1 << 20, format);
    let mark = hostler_core::disk::DiskMark::of(vm.as_uuid());
    let spec = volume_disk("more", "theirs");
    let request =
        hostler_provider::AttachDisk { mark: &mark, vm: &at, disk: &spec, volume: &theirs };
    sim.attach_disk(&cx, &request).await.unwrap();
    let disks = lab.engine.disks();
    let kept = disks.detach(&admin(), None, vm, "more", true).await.unwrap_err();
    assert_eq!(kept.code(), Code::VolumeNotItsOwn, "{kept}");
    let accepted = disks.detach(&admin(), None, vm, "more", false).await.unwrap();
    assert_eq!(lab.end(&accepted).await.state(), OperationState::Succeeded);
    assert!(is_there(&lab, &made) && is_there(&lab, &theirs));
    let told = lab.engine.vms().deletion(vm, true).await.unwrap();
    assert!(told.volumes.iter().any(|one| one.volume == made && one.goes), "not forgotten");
    assert!(told.volumes.iter().all(|one| one.volume != theirs));
    lab.engine.shutdown().await;
}

/// It is gone already: nothing is taken off, and that is what is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e8_a_disk_that_a_vm_lacks_is_forgotten_and_not_called_detached() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    let made = lab.attach_disk(vm, "more").await;
    take_off_past_hostler(&lab, vm).await;
    let disks = lab.engine.disks();
    let all = disks.list(vm).await.unwrap();
    let lacking = all.iter().find(|one| one.name == "more").unwrap();
    assert_eq!((lacking.seen.is_some(), lacking.own_volume.as_ref()), (false, Some(&made)));
    lab.world.faults().reset();
    let accepted = disks.detach(&admin(), None, vm, "more", true).await.unwrap();
    assert_eq!(lab.end(&accepted).await.state(), OperationState::Succeeded);
    assert!(!lab.world.faults().calls().contains(&Verb::DetachDisk), "there was nothing to do");
    assert!(!is_there(&lab, &made));
    let filter = hostler_store::EventFilter { kind: Some("disk.detached".into()), resource: None };
    let told = lab.store.events_before(None, &filter, 9).await.unwrap();
    assert!(told[0].message.contains("lacked"), "{told:?}");
    lab.engine.shutdown().await;
}
