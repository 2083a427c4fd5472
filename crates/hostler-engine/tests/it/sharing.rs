//! Volumes that were made for one VM and that another one has, too.

use std::time::Duration;

use hostler_core::Code;
use hostler_core::operation::{OperationState, Resource};
use hostler_core::vm::VmSpec;
use hostler_core::vm::devices::{DiskSource, DiskSpec};
use hostler_core::vm::status::VmState;
use hostler_engine::{DeleteOptions, VmCreateRequest};
use hostler_provider::{DiskBinding, VolumeRef};
use hostler_sim::Verb;

use crate::world::{Lab, admin, disk, vm_of};

const ALL: DeleteOptions = DeleteOptions { disks: true, force: true, generation: None };

/// A VM that has a volume which was made for another one; it only reads it, for it would not
/// get it otherwise.
fn with_disk_of_another(name: &str, volume: &VolumeRef) -> VmCreateRequest {
    let source = DiskSource::Volume { pool: volume.pool.clone(), volume: volume.name.clone() };
    let mut spec = VmSpec::new(name, 64 << 20);
    spec.disks = vec![DiskSpec { read_only: true, ..disk("root", source) }];
    VmCreateRequest { spec, wish: Default::default(), start: false }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i5_a_vm_is_not_deleted_with_a_disk_of_a_vm_in_the_making() {
    let lab = Lab::new().await;
    let vms = lab.engine.vms();
    let first = lab.create("first").await;
    let volume = lab.world.vm_of(first).unwrap().volumes[0].clone();
    // The second one is in the making until the test is over.
    lab.world.faults().set_verb_latency(Verb::EnsureVm, Duration::from_secs(3600));
    let request = with_disk_of_another("second", &volume);
    let asked = vms.create(&admin(), None, request).await.unwrap();
    let error = vms.delete(&admin(), None, first, ALL).await.unwrap_err();
    assert_eq!(error.code(), Code::VolumeInUse);
    let expected = format!("volume \"{}\" belongs to VM \"second\"", volume.name);
    assert_eq!(error.message(), expected);
    assert_eq!(error.details().get("vm"), Some(&vm_of(&asked.operation).to_string()));
    let claims = lab.store.claims().await.unwrap();
    assert!(!claims.contains_key(&Resource::Vm(first)), "nothing was taken on");
    lab.sees(first, VmState::Running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i5_a_vm_whose_disk_somebody_elses_vm_has_can_be_deleted_without_it() {
    let lab = Lab::new().await;
    let vms = lab.engine.vms();
    let ours = lab.create("ours").await;
    let volume = lab.world.vm_of(ours).unwrap().volumes[0].clone();
    let spec = with_disk_of_another("theirs", &volume).spec;
    let binding = DiskBinding { disk: "root".into(), volume: volume.clone(), owned: false };
    lab.world.add_vm("h1", spec, None, vec![binding]);
    let is_shown = || {
        let all = hostler_core::query::ListRequest::first(10);
        lab.engine.vms().list(&all).items.iter().any(|vm| vm.name == "theirs")
    };
    lab.until("theirs is shown", is_shown).await;
    let error = vms.delete(&admin(), None, ours, ALL).await.unwrap_err();
    assert_eq!(error.code(), Code::VolumeInUse);
    assert!(error.message().ends_with("belongs to VM \"theirs\""), "{error}");
    let alone = DeleteOptions { disks: false, force: true, ..DeleteOptions::default() };
    let asked = vms.delete(&admin(), None, ours, alone).await.unwrap();
    assert_eq!(lab.end(&asked).await.state(), OperationState::Succeeded);
    let left = lab.world.census().volumes;
    assert!(left.iter().any(|record| record.volume == volume), "{left:?}");
}
