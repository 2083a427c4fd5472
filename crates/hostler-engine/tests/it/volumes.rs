//! Volumes: who gets a name, whose data is safe, and what is told.

use std::sync::Arc;

use hostler_core::Code;
use hostler_core::access::{Actor, Role};
use hostler_core::operation::{OperationState, Resource};
use hostler_core::storage::VolumeKey;
use hostler_core::vm::VmSpec;
use hostler_core::vm::devices::{DiskSource, VolumeFormat};
use hostler_engine::{DeleteOptions, IdempotencyKey, VmCreateRequest, VolumeCreateRequest};
use hostler_provider::Kind;
use hostler_sim::{Verb, When};

use crate::world::{Lab, admin, disk, vm_of};

fn key(text: &str, body: u8) -> IdempotencyKey {
    IdempotencyKey { key: text.into(), body_hash: [body; 32] }
}

/// A VM whose only disk is the volume `data`.
fn uses_data(name: &str) -> VmCreateRequest {
    let mut spec = VmSpec::new(name, 64 << 20);
    let source = DiskSource::Volume { pool: "default".into(), volume: "data".into() };
    spec.disks = vec![disk("data", source)];
    VmCreateRequest { spec, wish: Default::default(), start: false }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_volume_is_made_and_deleted_by_operations_that_say_so() {
    let lab = Lab::new().await;
    let volumes = lab.engine.volumes();
    let asked = volumes.create(&admin(), None, &lab.volume_request("data")).await.unwrap();
    let made = lab.end(&asked).await;
    assert_eq!(
        (made.state(), made.row.kind.as_str()),
        (OperationState::Succeeded, "volume.create")
    );
    let volume = VolumeKey { pool: lab.pool(), name: "data".into() };
    assert_eq!(made.row.resources, [Resource::Volume(volume)]);
    assert_eq!(made.resource_names, [Some("data".to_owned())]);
    let listed = volumes.list(lab.pool()).await.unwrap();
    let seen = &listed[0].observed;
    assert_eq!((seen.name.as_str(), seen.capacity_bytes), ("data", 1 << 20));
    assert_eq!(seen.format.as_deref(), Some("raw"));
    // Where nobody says how, as its provider does by itself.
    let unsaid = VolumeCreateRequest { format: None, ..lab.volume_request("unsaid") };
    let plan = volumes.plan(&admin(), &unsaid).await.unwrap();
    assert!(plan.changes[0].ends_with(", qcow2"), "{:?}", plan.changes);
    let asked = volumes.delete(&admin(), None, lab.pool(), "data").await.unwrap();
    assert_eq!(lab.end(&asked).await.state(), OperationState::Succeeded);
    assert!(volumes.list(lab.pool()).await.unwrap().is_empty());
    assert_eq!((lab.told("volume.created").await, lab.told("volume.deleted").await), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f3_the_same_key_gives_the_same_operation_and_another_request_hears_what_is_there() {
    let lab = Lab::new().await;
    let volumes = lab.engine.volumes();
    let request = lab.volume_request("data");
    let first = volumes.create(&admin(), Some(key("k", 1)), &request).await.unwrap();
    lab.end(&first).await;
    let again = volumes.create(&admin(), Some(key("k", 1)), &request).await.unwrap();
    assert!(again.replayed && first.operation.row.id == again.operation.row.id);
    let other = volumes.create(&admin(), Some(key("k", 2)), &request).await.unwrap_err();
    assert_eq!(other.code(), Code::IdempotencyMismatch);
    for error in [
        volumes.create(&admin(), None, &request).await.unwrap_err(),
        volumes.plan(&admin(), &request).await.unwrap_err(),
    ] {
        assert_eq!(error.code(), Code::VolumeExists);
        let told =
            "pool \"default\" has a volume \"data\" already, of 1048576 bytes and format raw";
        assert_eq!(error.message(), told);
        assert_eq!(error.details().get("capacity_bytes").unwrap(), "1048576");
    }
    let gone = volumes.delete(&admin(), Some(key("d", 1)), lab.pool(), "data").await.unwrap();
    lab.end(&gone).await;
    let again = volumes.delete(&admin(), Some(key("d", 1)), lab.pool(), "data").await.unwrap();
    assert_eq!(again.operation.row.id, gone.operation.row.id, "though there is none any more");
    let error = volumes.delete(&admin(), None, lab.pool(), "data").await.unwrap_err();
    assert_eq!(error.code(), Code::VolumeNotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f32_of_many_who_want_the_same_name_one_gets_it() {
    let lab = Arc::new(Lab::new().await);
    lab.world.faults().hang_verb(Verb::EnsureVolume, 0);
    let mut asking = tokio::task::JoinSet::new();
    for size in 1..=20_u64 {
        let lab = lab.clone();
        asking.spawn(async move {
            let capacity_bytes = size << 20;
            let request = VolumeCreateRequest { capacity_bytes, ..lab.volume_request("data") };
            lab.engine.volumes().create(&admin(), None, &request).await
        });
    }
    let answers = asking.join_all().await;
    let taken: Vec<_> = answers.iter().filter_map(|a| a.as_ref().ok()).collect();
    assert_eq!(taken.len(), 1);
    let id = taken[0].operation.row.id.to_string();
    for refused in answers.iter().filter_map(|a| a.as_ref().err()) {
        assert_eq!(refused.code(), Code::VolumeBusy, "{refused}");
        assert_eq!(refused.details().get("operation"), Some(&id));
    }
    // Nor can it be deleted, or given to a VM, before it is there.
    let volumes = lab.engine.volumes();
    let error = volumes.delete(&admin(), None, lab.pool(), "data").await.unwrap_err();
    assert_eq!(error.code(), Code::VolumeBusy);
    let error = lab.engine.vms().create(&admin(), None, uses_data("web")).await.unwrap_err();
    assert_eq!((error.code(), error.details().get("operation")), (Code::VolumeBusy, Some(&id)));
    lab.world.faults().unhang();
    lab.end(taken[0]).await;
    assert_eq!(lab.world.census().volumes.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i5_a_volume_in_use_stays_and_its_user_is_named() {
    let lab = Lab::new().await;
    lab.create_volume("data").await;
    let volumes = lab.engine.volumes();
    // A VM that is only being made has it already.
    lab.world.faults().hang_verb(Verb::EnsureVm, 0);
    let asked = lab.engine.vms().create(&admin(), None, uses_data("web")).await.unwrap();
    let refused = |error: hostler_core::Error| {
        assert_eq!(error.code(), Code::VolumeInUse);
        assert_eq!(error.message(), "volume \"data\" belongs to VM \"web\"");
        assert_eq!(error.details().get("vm"), Some(&vm_of(&asked.operation).to_string()));
    };
    refused(volumes.delete(&admin(), None, lab.pool(), "data").await.unwrap_err());
    lab.world.faults().unhang();
    let ended = lab.end(&asked).await;
    assert_eq!(ended.state(), OperationState::Succeeded, "{:?}", ended.error());
    refused(volumes.delete(&admin(), None, lab.pool(), "data").await.unwrap_err());
    // The VM's deletion leaves what was not made for it.
    let options = DeleteOptions { disks: true, force: true, ..DeleteOptions::default() };
    let vm = vm_of(&asked.operation);
    let gone = lab.engine.vms().delete(&admin(), None, vm, options).await.unwrap();
    assert_eq!(lab.end(&gone).await.state(), OperationState::Succeeded);
    let asked = volumes.delete(&admin(), None, lab.pool(), "data").await.unwrap();
    assert_eq!(lab.end(&asked).await.state(), OperationState::Succeeded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i5_a_disk_of_a_vm_in_the_making_is_not_deleted_under_it() {
    let lab = Lab::new().await;
    // The second disk is held up, and nothing is noted of the first one yet.
    lab.world.faults().hang_verb(Verb::EnsureVolume, 1);
    let asked = lab.engine.vms().create(&admin(), None, lab.request("web")).await.unwrap();
    lab.until("a disk is made", || !lab.world.census().volumes.is_empty()).await;
    let name = lab.world.census().volumes[0].volume.name.clone();
    let error = lab.engine.volumes().delete(&admin(), None, lab.pool(), &name).await.unwrap_err();
    assert_eq!(error.code(), Code::VolumeInUse);
    lab.world.faults().unhang();
    assert_eq!(lab.end(&asked).await.state(), OperationState::Succeeded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i17_what_somebody_else_made_meanwhile_is_neither_taken_nor_undone() {
    for format in [VolumeFormat::Raw, VolumeFormat::Qcow2] {
        let lab = Lab::new().await;
        lab.world.faults().hang_verb(Verb::EnsureVolume, 0);
        let request = lab.volume_request("data");
        let asked = lab.engine.volumes().create(&admin(), None, &request).await.unwrap();
        // It has looked and is on its way: and here they come.
        lab.arrives(Verb::EnsureVolume).await;
        lab.world.add_volume(&lab.volume("data"), 1 << 20, format);
        lab.world.faults().unhang();
        let ended = lab.end(&asked).await;
        assert_eq!(ended.state(), OperationState::Failed, "even one that is just alike");
        assert_eq!(ended.error().unwrap().code, "volume_exists");
        let theirs = lab.world.census().volumes;
        assert!(theirs.len() == 1 && theirs[0].is_foreign, "{theirs:?}");
        assert_eq!(lab.told("volume.created").await, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i5_what_the_provider_knows_to_be_in_use_stays() {
    let lab = Lab::new().await;
    lab.create_volume("data").await;
    lab.world.faults().fail_verb(Verb::RemoveVolume, 1, When::Before, Kind::Conflict);
    let asked = lab.engine.volumes().delete(&admin(), None, lab.pool(), "data").await.unwrap();
    let ended = lab.end(&asked).await;
    assert_eq!(ended.state(), OperationState::Failed, "nothing happened: no person has to look");
    assert_eq!(lab.world.census().volumes.len(), 1);
    assert_eq!(lab.told("volume.deleted").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_says_what_would_be_made_and_makes_nothing() {
    let lab = Lab::new().await;
    let volumes = lab.engine.volumes();
    let plan = volumes.plan(&admin(), &lab.volume_request("data")).await.unwrap();
    assert_eq!(plan.steps, ["check", "make"]);
    assert_eq!(plan.changes, ["+ volume default/data: 1 MiB, empty, raw"]);
    assert_eq!(plan.pool.observed.name, "default");
    assert!(lab.world.census().volumes.is_empty());
    let wrong =
        VolumeCreateRequest { name: "a/b".into(), capacity_bytes: 0, ..lab.volume_request("") };
    for error in [
        volumes.plan(&admin(), &wrong).await.unwrap_err(),
        volumes.create(&admin(), None, &wrong).await.unwrap_err(),
    ] {
        let pointers = error.fault_list().iter().map(|fault| fault.pointer.as_str());
        assert_eq!(pointers.collect::<Vec<_>>(), ["/name", "/capacity_bytes"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_changes_no_volume() {
    let lab = Lab::new().await;
    lab.create_volume("data").await;
    let reader = Actor { name: "token:r".into(), role: Role::Reader };
    let volumes = lab.engine.volumes();
    for answer in [
        volumes.create(&reader, None, &lab.volume_request("more")).await.map(drop),
        volumes.plan(&reader, &lab.volume_request("more")).await.map(drop),
        volumes.delete(&reader, None, lab.pool(), "data").await.map(drop),
    ] {
        assert_eq!(answer.unwrap_err().code(), Code::PermissionDenied);
    }
}

/// What a VM has is not given to another one, whatever its provider would let through.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i5_no_vm_is_made_on_a_volume_that_another_one_writes_to() {
    let lab = Lab::new().await;
    lab.create_volume("data").await;
    let vm = lab.create("web").await;
    let spec = uses_data("x").spec.disks[0].clone();
    let spec = hostler_core::vm::devices::DiskSpec { name: "more".into(), ..spec };
    let asked = lab.engine.disks().attach(&admin(), None, vm, spec).await.unwrap();
    assert_eq!(lab.end(&asked).await.state(), OperationState::Succeeded);
    let refused = lab.engine.vms().create(&admin(), None, uses_data("db")).await.unwrap_err();
    assert_eq!(refused.code(), Code::VolumeInUse);
    let refused = lab.engine.vms().plan(&admin(), &uses_data("db")).await.unwrap_err();
    assert_eq!(refused.code(), Code::VolumeInUse);
    lab.engine.shutdown().await;
}
