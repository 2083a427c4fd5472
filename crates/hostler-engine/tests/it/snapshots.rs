//! Snapshots of VMs: what is listed, what is refused before anything is taken on, and
//! what comes late.

use hostler_core::Code;
use hostler_core::access::{Actor, Role};
use hostler_core::operation::OperationState;
use hostler_core::snapshot::{Consistency, Quiesce, SnapshotContent, SnapshotSpec};
use hostler_core::vm::PowerState;
use hostler_core::vm::status::VmState;
use hostler_engine::{DeleteOptions, IdempotencyKey, PowerVerb, SpecChange};
use hostler_provider::{Kind, StopMode};
use hostler_sim::{Guest, Late, Verb, When};

use crate::world::{Lab, admin, foreign};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c14_a_vm_goes_back_and_forth_among_its_snapshots() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    let snapshots = lab.engine.snapshots();
    lab.snapshot(vm, "s1").await;
    lab.snapshot(vm, "s2").await;
    let all = snapshots.list(vm).await.unwrap();
    let told: Vec<_> = all.iter().map(|one| (one.name.as_str(), one.tag.is_some())).collect();
    assert_eq!(told, [("s1", true), ("s2", true)]);
    assert_eq!(all[1].parent.value(), Some(&Some(all[0].external_ref.clone())));
    assert_eq!(all[0].consistency.value(), Some(&Consistency::Quiesced));
    // By the provider's reference as well as by name.
    let accepted = snapshots.revert(&admin(), None, vm, &all[0].external_ref).await.unwrap();
    assert_eq!(lab.end(&accepted).await.state(), OperationState::Succeeded);
    assert_eq!(lab.world.vm_of(vm).unwrap().power, PowerState::Stopped);
    let accepted = snapshots.delete(&admin(), None, vm, "s2").await.unwrap();
    assert_eq!(lab.end(&accepted).await.state(), OperationState::Succeeded);
    let left = snapshots.list(vm).await.unwrap();
    assert_eq!(left.len(), 1);
    let gone = snapshots.delete(&admin(), None, vm, "s2").await.unwrap_err();
    assert_eq!(gone.code(), Code::SnapshotNotFound);
    lab.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c14_what_cannot_be_is_refused_before_it_is_taken_on() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    let snapshots = lab.engine.snapshots();
    lab.snapshot(vm, "s1").await;
    let create = async |spec: SnapshotSpec| {
        snapshots.create(&admin(), None, vm, spec).await.unwrap_err().code()
    };
    assert_eq!(create(SnapshotSpec::new("s1")).await, Code::SnapshotExists);
    assert_eq!(create(SnapshotSpec::new("../s")).await, Code::SpecInvalid);
    let stop = PowerVerb::Stop(StopMode::Force);
    let stopped = lab.engine.vms().power(&admin(), None, vm, stop).await.unwrap();
    lab.end(&stopped).await;
    let memory =
        SnapshotSpec { content: SnapshotContent::DisksAndMemory, ..SnapshotSpec::new("s2") };
    assert_eq!(create(memory).await, Code::VmWrongState);
    let reader = Actor { name: "reader".into(), role: Role::Reader };
    let denied = snapshots.delete(&reader, None, vm, "s1").await.unwrap_err();
    assert_eq!(denied.code(), Code::PermissionDenied);
    let theirs = foreign(&lab.world, "theirs");
    let find = || {
        let all = hostler_core::query::ListRequest::first(100);
        lab.engine.vms().list(&all).items.into_iter().find(|vm| vm.name == theirs.name)
    };
    lab.until("the foreign VM is shown", || find().is_some()).await;
    let spec = SnapshotSpec::new("s1");
    let id = find().unwrap().id;
    let refused = snapshots.create(&admin(), None, id, spec).await.unwrap_err();
    assert_eq!(refused.code(), Code::VmNotManaged);
    assert_eq!(snapshots.list(id).await.unwrap(), [], "it can be looked at");
    lab.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c14_a_guest_that_has_to_be_at_rest_and_is_not_leaves_no_snapshot() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    let of_world = lab.world.vm_of(vm).unwrap().vm;
    lab.world.set_guest(&of_world, Guest { obeys_acpi: false, ..Guest::default() });
    let spec = SnapshotSpec { quiesce: Quiesce::Required, ..SnapshotSpec::new("s1") };
    let accepted = lab.engine.snapshots().create(&admin(), None, vm, spec).await.unwrap();
    let ended = lab.end(&accepted).await;
    assert_eq!(ended.state(), OperationState::Failed);
    assert!(ended.error().unwrap().message.contains("cannot be brought to rest"));
    assert_eq!(lab.world.vm_of(vm).unwrap().snapshots, []);
    lab.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_takes_one_snapshot() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    let key = || Some(IdempotencyKey { key: "k".into(), body_hash: [1; 32] });
    let ask = async || {
        let spec = SnapshotSpec::new("s1");
        lab.engine.snapshots().create(&admin(), key(), vm, spec).await.unwrap()
    };
    let first = ask().await;
    lab.end(&first).await;
    let again = ask().await;
    assert!(!first.replayed && again.replayed);
    assert_eq!(lab.world.vm_of(vm).unwrap().snapshots.len(), 1);
    lab.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i4_a_snapshot_that_comes_after_its_operation_ended_is_removed() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    lab.world.faults().reset();
    lab.world.faults().late_verb(Verb::EnsureSnapshot, 1, Late::held());
    let spec = SnapshotSpec::new("s1");
    let accepted = lab.engine.snapshots().create(&admin(), None, vm, spec).await.unwrap();
    lab.arrives(Verb::EnsureSnapshot).await;
    let id = accepted.operation.row.id;
    lab.engine.operations().cancel(&admin(), id).await.unwrap();
    assert_eq!(lab.ended(id).await.unwrap().state(), OperationState::Cancelled);
    assert_eq!(lab.world.land(), 1);
    let is_gone = || lab.world.vm_of(vm).unwrap().snapshots.is_empty();
    lab.until("what came late is removed", is_gone).await;
    lab.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f6_a_vm_whose_answer_was_lost_is_put_back_once() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    lab.snapshot(vm, "s1").await;
    lab.world.faults().fail_verb(Verb::Revert, 2, When::After, Kind::Timeout);
    let accepted = lab.engine.snapshots().revert(&admin(), None, vm, "s1").await.unwrap();
    let ended = lab.end(&accepted).await;
    assert_eq!(ended.state(), OperationState::Succeeded, "{:?}", ended.error());
    assert_eq!(lab.world.vm_of(vm).unwrap().reverts, 1);
    lab.engine.shutdown().await;
}

/// As clusters have it: the disk of a VM that was put back is another volume, and the one that it
/// was is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i17_a_vm_that_was_put_back_is_deleted_with_the_volumes_that_it_has_then_or_keeps_them() {
    for disks in [false, true] {
        let lab = Lab::new().await;
        lab.world.move_disks_on_revert();
        let vm = lab.create("web").await;
        let volumes = || {
            let all = lab.world.vm_of(vm).unwrap().volumes.into_iter();
            all.filter(|one| !one.name.contains("seed")).collect::<Vec<_>>()
        };
        let before = volumes();
        lab.snapshot(vm, "s1").await;
        // Its answer is lost once: it is told again.
        lab.world.faults().fail_verb(Verb::Revert, 1, When::After, Kind::Timeout);
        let accepted = lab.engine.snapshots().revert(&admin(), None, vm, "s1").await.unwrap();
        assert_eq!(lab.end(&accepted).await.state(), OperationState::Succeeded);
        let after = volumes();
        assert_eq!((before.len(), after.len()), (2, 2));
        assert!(after.iter().all(|one| !before.contains(one)), "{after:?}");
        lab.sees(vm, VmState::Stopped).await;
        let options = DeleteOptions { disks, ..DeleteOptions::default() };
        let accepted = lab.engine.vms().delete(&admin(), None, vm, options).await.unwrap();
        let ended = lab.end(&accepted).await;
        assert_eq!(ended.state(), OperationState::Succeeded, "{:?}", ended.error());
        let left: Vec<_> = lab.world.census().volumes.into_iter().map(|one| one.volume).collect();
        for volume in before.iter().chain(&after) {
            assert_eq!(left.contains(volume), !disks, "{volume}");
            let note = ended.row.note.clone().unwrap_or_default();
            assert_eq!(note.contains(&volume.name), !disks, "{note}");
        }
        lab.engine.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c14_the_volume_that_a_vm_left_behind_can_be_deleted_and_the_one_that_it_has_not() {
    let lab = Lab::new().await;
    lab.world.move_disks_on_revert();
    let vm = lab.create("web").await;
    let root = || {
        let mut all = lab.world.vm_of(vm).unwrap().volumes.into_iter();
        all.find(|one| one.name.contains("root")).unwrap()
    };
    let before = root();
    lab.snapshot(vm, "s1").await;
    let accepted = lab.engine.snapshots().revert(&admin(), None, vm, "s1").await.unwrap();
    assert_eq!(lab.end(&accepted).await.state(), OperationState::Succeeded);
    lab.sees(vm, VmState::Stopped).await;
    let (volumes, pool) = (lab.engine.volumes(), lab.pool());
    let refused = volumes.delete(&admin(), None, pool, &root().name).await.unwrap_err();
    assert_eq!(refused.code(), Code::VolumeInUse);
    let accepted = volumes.delete(&admin(), None, pool, &before.name).await.unwrap();
    assert_eq!(lab.end(&accepted).await.state(), OperationState::Succeeded);
    lab.engine.shutdown().await;
}

/// What is asked of a VM that was put back is what its provider tells of it then; of what it does
/// not tell nobody says that it is as wanted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c14_after_a_vm_was_put_back_its_specification_says_what_it_is() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    lab.snapshot(vm, "s1").await;
    let before = lab.engine.vms().get(vm).unwrap().generation();
    // As a place has it that puts the size back, too.
    let at = lab.world.vm_of(vm).unwrap().vm;
    lab.world.edit_vm(&at, "kubectl-edit", |spec| spec.memory.bytes = 128 << 20);
    let accepted = lab.engine.snapshots().revert(&admin(), None, vm, "s1").await.unwrap();
    assert_eq!(lab.end(&accepted).await.state(), OperationState::Succeeded);
    let row = lab.store.vm(vm).await.unwrap().unwrap();
    assert_eq!(row.spec.memory.bytes, 128 << 20);
    assert!(row.generation > before, "who read it before has to read it again");
    assert_eq!(row.spec.disks.len(), 2);
    let same = async || {
        let view = lab.engine.vms().get(vm).unwrap();
        let spec = view.row.as_ref().unwrap().spec.clone();
        let change = SpecChange { spec, take_over: Vec::new(), from_gitops: false };
        let changes = lab.engine.changes();
        let taken = changes.make(&admin(), None, vm, view.generation(), change).await.unwrap();
        lab.end(&taken).await.row.note
    };
    let note = same().await.unwrap_or_default();
    assert!(note.contains("put back to a snapshot"), "{note}");
    assert_eq!(same().await, None, "it was changed since");
    lab.engine.shutdown().await;
}
