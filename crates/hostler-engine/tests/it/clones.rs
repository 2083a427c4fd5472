//! Clones of VMs: what they are, what is refused before anything is taken on, and what
//! comes late.

use hostler_core::Code;
use hostler_core::access::{Actor, Role};
use hostler_core::id::VmId;
use hostler_core::operation::OperationState;
use hostler_core::vm::devices::DiskSource;
use hostler_core::vm::status::VmState;
use hostler_core::vm::{Action, Admission, PowerState};
use hostler_engine::{CloneRequest, DeleteOptions, IdempotencyKey, PowerVerb};
use hostler_sim::{Late, Verb};

use crate::world::{Lab, admin, foreign, vm_of};

fn named(name: &str) -> CloneRequest {
    CloneRequest { name: name.into(), snapshot: None, start: false }
}

async fn clone(lab: &Lab, vm: VmId, request: CloneRequest) -> VmId {
    let accepted = lab.engine.clones().create(&admin(), None, vm, request).await.unwrap();
    let ended = lab.end(&accepted).await;
    assert_eq!(ended.state(), OperationState::Succeeded, "{:?}", ended.error());
    vm_of(&ended)
}

async fn refused(lab: &Lab, vm: VmId, request: CloneRequest) -> Code {
    lab.engine.clones().create(&admin(), None, vm, request).await.unwrap_err().code()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e8_a_clone_is_a_vm_like_any_other_and_can_be_deleted_with_its_disks() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    lab.snapshot(vm, "s1").await;
    let of_now = clone(&lab, vm, named("now")).await;
    let request = CloneRequest { snapshot: Some("s1".into()), ..named("then") };
    let of_then = clone(&lab, vm, request).await;
    for (id, name) in [(of_now, "now"), (of_then, "then")] {
        lab.sees(id, VmState::Stopped).await;
        let view = lab.engine.vms().get(id).unwrap();
        assert_eq!((view.name.as_str(), view.managed), (name, true));
        assert_eq!(view.operation, None);
    }
    assert_eq!(lab.engine.vms().get(vm).unwrap().operation, None, "the source is free again");
    assert_eq!(lab.world.vm_of(vm).unwrap().snapshots.len(), 1);
    for id in [of_now, of_then] {
        let options = DeleteOptions { disks: true, ..DeleteOptions::default() };
        let asked = lab.engine.vms().delete(&admin(), None, id, options).await.unwrap();
        assert_eq!(lab.end(&asked).await.state(), OperationState::Succeeded);
    }
    lab.assert_clean(&[vm], &[], "when the clones are gone, their volumes are");
    lab.engine.shutdown().await;
}

/// What only one VM can have is not the clone's: cloud-init is to take it for a new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e8_a_clone_has_a_seed_of_its_own() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    let copy = clone(&lab, vm, named("copy")).await;
    let seed = |id| {
        let record = lab.world.vm_of(id).unwrap();
        let volume = record.volumes.into_iter().find(|v| v.name.ends_with(".iso")).unwrap();
        let volumes = lab.world.census().volumes;
        volumes.into_iter().find(|seen| seen.volume == volume).unwrap()
    };
    let (theirs, own) = (seed(vm), seed(copy));
    assert_ne!(theirs.volume, own.volume);
    assert_ne!(theirs.checksum, own.checksum, "another instance, another name");
    lab.engine.shutdown().await;
}

/// A disk that was an existing volume is a copy of it in the clone, and its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e8_a_clone_of_a_vm_with_a_given_volume_names_its_own() {
    let lab = Lab::new().await;
    lab.create_volume("data").await;
    let mut request = lab.request("web");
    let source = hostler_core::vm::devices::DiskSource::Volume {
        pool: "default".into(),
        volume: "data".into(),
    };
    request.spec.disks = vec![crate::world::disk("data", source)];
    let asked = lab.engine.vms().create(&admin(), None, request).await.unwrap();
    let vm = vm_of(&lab.end(&asked).await);
    let copy = clone(&lab, vm, named("copy")).await;
    let row = lab.store.vm(copy).await.unwrap().unwrap();
    let hostler_core::vm::devices::DiskSource::Volume { volume, .. } = &row.spec.disks[0].source
    else {
        panic!("{:?}", row.spec.disks)
    };
    assert_ne!(volume, "data");
    let record = lab.world.vm_of(copy).unwrap();
    assert!(record.volumes.iter().any(|own| own.name == *volume), "{record:?}");
    lab.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e8_what_cannot_be_cloned_is_refused_before_it_is_taken_on() {
    let lab = Lab::new().await;
    let (vm, _) = (lab.create("web").await, lab.create("db").await);
    assert_eq!(refused(&lab, vm, named("db")).await, Code::VmExists);
    assert_eq!(refused(&lab, vm, named("web")).await, Code::VmExists);
    assert_eq!(refused(&lab, vm, named("../web")).await, Code::SpecInvalid);
    let of_none = CloneRequest { snapshot: Some("s9".into()), ..named("copy") };
    assert_eq!(refused(&lab, vm, of_none).await, Code::SnapshotNotFound);
    let reader = Actor { name: "reader".into(), role: Role::Reader };
    let denied = lab.engine.clones().create(&reader, None, vm, named("copy")).await.unwrap_err();
    assert_eq!(denied.code(), Code::PermissionDenied);
    let saved = lab.engine.vms().power(&admin(), None, vm, PowerVerb::Save).await.unwrap();
    lab.end(&saved).await;
    lab.sees(vm, VmState::Saved).await;
    assert_eq!(refused(&lab, vm, named("copy")).await, Code::VmWrongState);
    let theirs = foreign(&lab.world, "theirs");
    let find = || {
        let all = hostler_core::query::ListRequest::first(100);
        lab.engine.vms().list(&all).items.into_iter().find(|vm| vm.name == theirs.name)
    };
    lab.until("the foreign VM is shown", || find().is_some()).await;
    assert_eq!(refused(&lab, find().unwrap().id, named("copy")).await, Code::VmNotManaged);
    assert_eq!(lab.claims().await, 0);
    lab.engine.shutdown().await;
}

/// While it is copied nobody deletes it, and a second clone of it waits its turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e8_the_source_is_claimed_until_the_clone_is_made() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    lab.world.faults().hang_verb(Verb::EnsureClone, 0);
    let accepted = lab.engine.clones().create(&admin(), None, vm, named("copy")).await.unwrap();
    lab.arrives(Verb::EnsureClone).await;
    let options = DeleteOptions { disks: true, force: true, ..DeleteOptions::default() };
    let deleted = lab.engine.vms().delete(&admin(), None, vm, options).await.unwrap_err();
    assert_eq!(deleted.code(), Code::VmBusy);
    assert_eq!(refused(&lab, vm, named("copy-2")).await, Code::VmBusy);
    let copy = vm_of(&accepted.operation);
    assert_eq!(lab.engine.vms().get(copy).unwrap().status.state, VmState::Creating);
    lab.world.faults().unhang();
    assert_eq!(lab.end(&accepted).await.state(), OperationState::Succeeded);
    assert_eq!(lab.engine.vms().get(vm).unwrap().operation, None);
    lab.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_makes_one_clone() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    let key = || Some(IdempotencyKey { key: "k".into(), body_hash: [1; 32] });
    let ask =
        async || lab.engine.clones().create(&admin(), key(), vm, named("copy")).await.unwrap();
    let first = ask().await;
    lab.end(&first).await;
    let again = ask().await;
    assert!(!first.replayed && again.replayed);
    assert_eq!(lab.world.census().vms.len(), 2);
    lab.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i4_a_clone_that_comes_after_its_operation_ended_is_removed_with_its_volumes() {
    for restarts in [false, true] {
        let mut lab = Lab::new().await;
        let mut request = lab.request("web");
        // Without its seed the clone could not come any more.
        request.spec.cloud_init = None;
        let asked = lab.engine.vms().create(&admin(), None, request).await.unwrap();
        let vm = vm_of(&lab.end(&asked).await);
        lab.world.faults().reset();
        lab.world.faults().late_verb(Verb::EnsureClone, 1, Late::held());
        let clones = lab.engine.clones();
        let accepted = clones.create(&admin(), None, vm, named("copy")).await.unwrap();
        lab.arrives(Verb::EnsureClone).await;
        let id = accepted.operation.row.id;
        lab.engine.operations().cancel(&admin(), id).await.unwrap();
        assert_eq!(lab.ended(id).await.unwrap().state(), OperationState::Cancelled);
        lab.assert_clean(&[vm], &[], "at the end");
        if restarts {
            lab.restart().await;
        }
        assert_eq!(lab.world.land(), 1);
        let is_clean = || lab.world.leaks(&[vm], &[]).is_empty();
        lab.until("what came late is removed, volumes and all", is_clean).await;
        lab.engine.shutdown().await;
    }
}

/// Somebody started what came late: it is in use, and stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i17_a_late_clone_that_somebody_runs_is_left_alone() {
    let lab = Lab::new().await;
    let mut request = lab.request("web");
    request.spec.cloud_init = None;
    let asked = lab.engine.vms().create(&admin(), None, request).await.unwrap();
    let vm = vm_of(&lab.end(&asked).await);
    lab.world.faults().reset();
    lab.world.faults().late_verb(Verb::EnsureClone, 1, Late::held());
    let accepted = lab.engine.clones().create(&admin(), None, vm, named("copy")).await.unwrap();
    lab.arrives(Verb::EnsureClone).await;
    let id = accepted.operation.row.id;
    lab.engine.operations().cancel(&admin(), id).await.unwrap();
    lab.ended(id).await.unwrap();
    // No look for leftovers comes in between.
    lab.world.faults().hang_verb(Verb::RemoveClone, 0);
    lab.world.land();
    let late = lab.world.vm_named("copy").unwrap().vm;
    lab.world.set_power(&late, PowerState::Running, "by hand");
    lab.world.faults().unhang();
    let before = lab.inventories();
    lab.until("it was looked at again", || lab.inventories() > before + 3).await;
    let record = lab.world.vm_named("copy").unwrap();
    assert_eq!((record.power, record.volumes.len()), (PowerState::Running, 2));
    lab.engine.shutdown().await;
}

/// What it is asked to have is what it has: disks of the snapshot, each of a volume of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e8_a_clone_of_an_older_snapshot_is_not_asked_to_have_disks_that_came_since() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    lab.snapshot(vm, "s1").await;
    lab.create_volume("given").await;
    let source = DiskSource::Volume { pool: "default".into(), volume: "given".into() };
    let spec = crate::world::disk("more", source);
    let accepted = lab.engine.disks().attach(&admin(), None, vm, spec).await.unwrap();
    assert_eq!(lab.end(&accepted).await.state(), OperationState::Succeeded);
    let names = async |id| {
        let row = lab.store.vm(id).await.unwrap().unwrap();
        let bound: Vec<hostler_provider::DiskBinding> =
            serde_json::from_value(row.bindings).unwrap();
        for disk in &row.spec.disks {
            assert!(bound.iter().any(|one| one.disk == disk.name), "{} has no volume", disk.name);
            if let DiskSource::Volume { volume, .. } = &disk.source {
                assert!(bound.iter().any(|one| one.volume.name == *volume && one.owned));
            }
        }
        row.spec.disks.into_iter().map(|disk| disk.name).collect::<Vec<_>>()
    };
    let request = CloneRequest { snapshot: Some("s1".into()), ..named("then") };
    let then = clone(&lab, vm, request).await;
    assert_eq!(names(then).await, ["root", "data"]);
    let now = clone(&lab, vm, named("now")).await;
    assert_eq!(names(now).await, ["root", "data", "more"]);
    // The source's volume is not the clones': it can be had by others when the source lets go.
    let gone = lab.engine.disks().detach(&admin(), None, vm, "more", false).await.unwrap();
    assert_eq!(lab.end(&gone).await.state(), OperationState::Succeeded);
    let deleted = lab.engine.volumes().delete(&admin(), None, lab.pool(), "given").await.unwrap();
    assert_eq!(lab.end(&deleted).await.state(), OperationState::Succeeded);
    lab.engine.shutdown().await;
}

/// ADR 29: nothing is written down of the devices of an adopted VM, nor of its clones'.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x25_a_clone_of_an_adopted_vm_is_not_changed_and_its_disks_are_its_own() {
    let lab = Lab::new().await;
    let volume = lab.volume("theirs");
    let format = hostler_core::vm::devices::VolumeFormat::Raw;
    lab.world.add_volume(&volume, 1 << 20, format);
    let mut spec = hostler_core::vm::VmSpec::new("theirs", 64 << 20);
    let source = DiskSource::Volume { pool: "default".into(), volume: "theirs".into() };
    spec.disks = vec![crate::world::disk("root", source)];
    let bound = hostler_provider::DiskBinding { disk: "root".into(), volume, owned: false };
    lab.world.add_vm("h1", spec, None, vec![bound]);
    let find = || {
        let all = hostler_core::query::ListRequest::first(100);
        lab.engine.vms().list(&all).items.into_iter().find(|vm| vm.name == "theirs")
    };
    lab.until("the foreign VM is shown", || find().is_some()).await;
    let vm = find().unwrap().id;
    let request = hostler_engine::AdoptRequest::default();
    lab.engine.adoptions().adopt(&admin(), vm, &request).await.unwrap();
    let copy = clone(&lab, vm, named("copy")).await;
    let second = clone(&lab, copy, named("copy-2")).await;
    for id in [copy, second] {
        let all = lab.engine.disks().list(id).await.unwrap();
        let [only] = all.as_slice() else { panic!("{all:?}") };
        assert!(only.asked && only.own_volume.is_some(), "{only:?}");
        lab.attach_disk(id, "more").await;
        let view = lab.engine.vms().get(id).unwrap();
        let Admission::Denied(denial) = view.admit(Action::Change) else { panic!("changed") };
        assert_eq!(denial.code, Code::CapabilityMissing);
        assert!(denial.message.contains("\"root\""), "{}", denial.message);
    }
    lab.engine.shutdown().await;
}
