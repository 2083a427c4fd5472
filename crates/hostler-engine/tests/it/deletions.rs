//! What goes with a VM that is deleted: told before, looked at again, and nothing else.

use hostler_core::id::VmId;
use hostler_core::operation::OperationState;
use hostler_core::query::ListRequest;
use hostler_core::vm::devices::{DiskSource, VolumeFormat};
use hostler_core::vm::status::VmState;
use hostler_core::vm::{PowerState, VmSpec};
use hostler_core::{Code, Result};
use hostler_engine::{Accepted, AdoptRequest, DeleteOptions, VolumeKind};
use hostler_provider::{DiskBinding, Kind, VolumeRef};
use hostler_sim::{Verb, When};

use crate::world::{Lab, admin, disk};

fn with_disks() -> DeleteOptions {
    DeleteOptions { disks: true, force: true, ..DeleteOptions::default() }
}

async fn delete(lab: &Lab, vm: VmId, options: DeleteOptions) -> Result<Accepted> {
    lab.engine.vms().delete(&admin(), None, vm, options).await
}

fn there(lab: &Lab, volume: &VolumeRef) -> bool {
    lab.world.census().volumes.iter().any(|one| one.volume == *volume)
}

async fn put_back(lab: &Lab, vm: VmId) {
    let accepted = lab.engine.snapshots().revert(&admin(), None, vm, "s1").await.unwrap();
    assert_eq!(lab.end(&accepted).await.state(), OperationState::Succeeded);
    lab.sees(vm, VmState::Stopped).await;
}

/// A VM that was put back, with the volume of its root that was left behind.
async fn put_back_once(lab: &Lab) -> (VmId, VolumeRef) {
    lab.world.move_disks_on_revert();
    let vm = lab.create("web").await;
    let volumes = lab.world.vm_of(vm).unwrap().volumes;
    let root = volumes.into_iter().find(|one| one.name.contains("root")).unwrap();
    lab.snapshot(vm, "s1").await;
    put_back(lab, vm).await;
    (vm, root)
}

/// A VM of somebody else's that uses a volume of the pool, by its path, and is off.
async fn rescue(lab: &Lab, name: &str, volume: &VolumeRef) -> VmId {
    let source = DiskSource::Volume { pool: volume.pool.clone(), volume: volume.name.clone() };
    let mut spec = VmSpec::new(name, 64 << 20);
    spec.disks = vec![disk("root", source)];
    let bound = DiskBinding { disk: "root".into(), volume: volume.clone(), owned: false };
    let made = lab.world.add_vm("h1", spec, None, vec![bound]);
    lab.world.set_power(&made, PowerState::Stopped, "by hand");
    let find = || {
        let all = lab.engine.vms().list(&ListRequest::first(9)).items;
        let found = all.into_iter().find(|vm| vm.name == name)?;
        (found.status.state == VmState::Stopped).then_some(found.id)
    };
    lab.until("the other VM is seen", || find().is_some()).await;
    find().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i17_what_is_told_before_is_what_goes_with_a_vm_and_nothing_else() {
    let lab = Lab::new().await;
    let (vm, left) = put_back_once(&lab).await;
    lab.create_volume("given").await;
    let source = DiskSource::Volume { pool: "default".into(), volume: "given".into() };
    let spec = disk("extra", source);
    let accepted = lab.engine.disks().attach(&admin(), None, vm, spec).await.unwrap();
    assert_eq!(lab.end(&accepted).await.state(), OperationState::Succeeded);
    let told = lab.engine.vms().deletion(vm, true).await.unwrap();
    let kind = |wanted| move |one: &&hostler_engine::BoundVolume| one.kind == wanted;
    assert_eq!(told.volumes.iter().filter(kind(VolumeKind::LeftBehind)).count(), 2);
    assert_eq!(told.volumes.iter().filter(kind(VolumeKind::Disk)).count(), 2);
    assert_eq!(told.volumes.iter().filter(kind(VolumeKind::Seed)).count(), 1);
    assert!(told.volumes.iter().any(|one| one.volume == left && one.disk.is_none() && one.goes));
    let kept: Vec<_> = told.volumes.iter().filter(|one| !one.goes).collect();
    let [given] = kept.as_slice() else { panic!("{kept:?}") };
    assert_eq!((given.volume.name.as_str(), given.kind), ("given", VolumeKind::Given));
    assert_eq!((told.others.as_slice(), told.ends_snapshots), (&[] as &[String], Some(true)));
    let without = lab.engine.vms().deletion(vm, false).await.unwrap();
    let gone: Vec<_> = without.volumes.iter().filter(|one| one.goes).collect();
    assert!(gone.len() == 1 && gone[0].kind == VolumeKind::Seed, "{gone:?}");
    let ended = lab.end(&delete(&lab, vm, with_disks()).await.unwrap()).await;
    assert_eq!(ended.state(), OperationState::Succeeded, "{:?}", ended.error());
    for one in &told.volumes {
        assert_eq!(there(&lab, &one.volume), !one.goes, "{one:?}");
    }
    assert_eq!(ended.row.note.as_deref(), Some("keeps default/given"));
    lab.engine.shutdown().await;
}

/// What Hostler made for a disk of an adopted VM is Hostler's own: it is told, and goes; what the
/// VM had before stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e17_of_an_adopted_vm_only_what_hostler_made_goes_and_that_is_told() {
    for disks in [false, true] {
        let lab = Lab::new().await;
        lab.world.add_volume(&lab.volume("theirs"), 1 << 20, VolumeFormat::Raw);
        let vm = rescue(&lab, "rescue", &lab.volume("theirs")).await;
        let adoptions = lab.engine.adoptions();
        adoptions.adopt(&admin(), vm, &AdoptRequest::default()).await.unwrap();
        let made = lab.attach_disk(vm, "more").await;
        let shown = || {
            let vm = lab.engine.vms().get(vm).unwrap();
            vm.observed.as_ref().and_then(|seen| seen.disks.value()).map_or(0, Vec::len)
        };
        lab.until("both disks are seen", || shown() == 2).await;
        let told = lab.engine.vms().deletion(vm, disks).await.unwrap();
        let [only] = told.volumes.as_slice() else { panic!("{told:?}") };
        assert_eq!((&only.volume, only.kind, only.goes), (&made, VolumeKind::Disk, disks));
        assert!(told.others.len() == 1 && told.others[0].ends_with("theirs"), "{told:?}");
        let options = DeleteOptions { disks, ..with_disks() };
        let ended = lab.end(&delete(&lab, vm, options).await.unwrap()).await;
        assert_eq!(ended.state(), OperationState::Succeeded, "{:?}", ended.error());
        assert_eq!((there(&lab, &made), there(&lab, &lab.volume("theirs"))), (!disks, true));
        assert_eq!(ended.row.note.is_some(), !disks);
        lab.engine.shutdown().await;
    }
}

/// Its pool knows the path of a volume that the VM does not have any more, and of a VM that is
/// not there itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i5_a_volume_that_a_vm_of_others_uses_by_its_path_stays() {
    let lab = Lab::new().await;
    let (vm, left) = put_back_once(&lab).await;
    let other = rescue(&lab, "rescue", &left).await;
    let told = lab.engine.vms().deletion(vm, true).await.unwrap();
    let one = told.volumes.iter().find(|one| one.volume == left).unwrap();
    assert_eq!((one.goes, one.used_by.as_ref().map(|(id, _)| *id)), (false, Some(other)));
    let ended = lab.end(&delete(&lab, vm, with_disks()).await.unwrap()).await;
    assert_eq!(ended.state(), OperationState::Succeeded, "{:?}", ended.error());
    assert!(there(&lab, &left) && ended.row.note.unwrap().contains(&left.name));

    let missing = lab.create("gone").await;
    let record = lab.world.vm_of(missing).unwrap();
    let root = record.volumes.iter().find(|one| one.name.contains("root")).unwrap().clone();
    lab.world.vanish_vm(&record.vm);
    lab.sees(missing, VmState::Missing).await;
    rescue(&lab, "again", &root).await;
    let refused = delete(&lab, missing, with_disks()).await.unwrap_err();
    assert_eq!(refused.code(), Code::VolumeInUse, "{refused}");
    assert!(there(&lab, &root));
    lab.engine.shutdown().await;
}

/// Somebody comes to have it between the question and the deed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i5_volumes_are_looked_at_again_before_the_vm_goes_and_before_they_do() {
    let lab = Lab::new().await;
    let (vm, left) = put_back_once(&lab).await;
    lab.world.faults().reset();
    lab.world.faults().hang_verb(Verb::FindVm, 0);
    let accepted = delete(&lab, vm, with_disks()).await.unwrap();
    lab.arrives(Verb::FindVm).await;
    rescue(&lab, "rescue", &left).await;
    lab.world.faults().unhang();
    let ended = lab.end(&accepted).await;
    assert_eq!(ended.state(), OperationState::Failed, "{:?}", ended.row);
    assert_eq!(ended.error().unwrap().code, "volume_in_use");
    assert!(lab.world.vm_of(vm).is_some() && there(&lab, &left), "nothing was lost");

    // And once more where the volumes are removed long after the VM was.
    lab.world.vanish_vm(&lab.world.vm_named("rescue").unwrap().vm);
    let alone = || {
        let all = lab.engine.vms().list(&ListRequest::first(9)).items;
        all.iter().all(|one| one.id == vm || one.status.state == VmState::Missing)
    };
    lab.until("it is not seen", alone).await;
    lab.world.faults().fail_verb(Verb::RemoveVolume, 1, When::Before, Kind::Denied);
    let accepted = delete(&lab, vm, with_disks()).await.unwrap();
    let stuck = lab.end(&accepted).await;
    assert_eq!(stuck.state(), OperationState::NeedsAttention, "{:?}", stuck.error());
    let volumes = lab.engine.vms().deletion(vm, true).await.unwrap().volumes;
    let is_left = |one: &&hostler_engine::BoundVolume| {
        one.kind != VolumeKind::Seed && there(&lab, &one.volume)
    };
    let kept = volumes.iter().rev().find(is_left).unwrap().volume.clone();
    rescue(&lab, "again", &kept).await;
    lab.engine.operations().retry(&admin(), accepted.operation.row.id).await.unwrap();
    lab.until("it is deleted", || lab.engine.vms().get(vm).is_err()).await;
    assert!(there(&lab, &kept));
    assert_eq!(lab.told("volume.kept").await, 1);
    lab.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i5_volumes_of_a_vm_that_is_being_deleted_are_claimed() {
    let lab = Lab::new().await;
    let (vm, left) = put_back_once(&lab).await;
    let db = lab.create("db").await;
    lab.world.faults().reset();
    lab.world.faults().hang_verb(Verb::RemoveVm, 0);
    let accepted = delete(&lab, vm, with_disks()).await.unwrap();
    lab.arrives(Verb::RemoveVm).await;
    let source = DiskSource::Volume { pool: left.pool.clone(), volume: left.name.clone() };
    let taken = lab.engine.disks().attach(&admin(), None, db, disk("old", source)).await;
    assert_eq!(taken.unwrap_err().code(), Code::VolumeBusy);
    lab.world.faults().unhang();
    assert_eq!(lab.end(&accepted).await.state(), OperationState::Succeeded);
    lab.engine.shutdown().await;
}

/// The other way round: the volume is being attached to another VM.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i5_a_vm_is_not_deleted_with_a_volume_that_is_being_attached_elsewhere() {
    let lab = Lab::new().await;
    let (vm, left) = put_back_once(&lab).await;
    let db = lab.create("db").await;
    lab.world.faults().reset();
    lab.world.faults().hang_verb(Verb::AttachDisk, 0);
    let source = DiskSource::Volume { pool: left.pool.clone(), volume: left.name.clone() };
    let spec = disk("old", source);
    let attaching = lab.engine.disks().attach(&admin(), None, db, spec).await.unwrap();
    lab.arrives(Verb::AttachDisk).await;
    let refused = delete(&lab, vm, with_disks()).await.unwrap_err();
    assert_eq!(refused.code(), Code::VolumeBusy, "{refused}");
    lab.world.faults().unhang();
    assert_eq!(lab.end(&attaching).await.state(), OperationState::Succeeded);
    lab.engine.shutdown().await;
}

/// I17: a volume that is made under its name later is not the VM's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i17_a_volume_that_was_left_behind_and_deleted_is_forgotten() {
    let lab = Lab::new().await;
    let (vm, left) = put_back_once(&lab).await;
    let gone = lab.engine.volumes().delete(&admin(), None, lab.pool(), &left.name).await.unwrap();
    assert_eq!(lab.end(&gone).await.state(), OperationState::Succeeded);
    lab.create_volume(&left.name).await;
    let told = lab.engine.vms().deletion(vm, true).await.unwrap();
    assert!(told.volumes.iter().all(|one| one.volume != left), "{told:?}");
    let ended = lab.end(&delete(&lab, vm, with_disks()).await.unwrap()).await;
    assert_eq!(ended.state(), OperationState::Succeeded, "{:?}", ended.error());
    assert!(there(&lab, &left));
    lab.engine.shutdown().await;
}
