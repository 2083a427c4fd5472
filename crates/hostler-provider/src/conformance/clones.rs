//! The promises of [`crate::Clones`].

use std::time::Duration;

use hostler_core::id::{SnapshotId, VmId};
use hostler_core::snapshot::SnapshotSpec;
use hostler_core::vm::devices::{NicModel, NicSource, NicSpec};
use hostler_core::vm::observed::ObservedNic;
use hostler_core::vm::{ObservedVm, PowerState, VmSpec};

use super::late::{POINTS, cut_off, looked_for, says_nothing};
use super::trial::{Check, Made, Trial, check, disk, fail, refused, skip};
use crate::{
    CloneHandle, Cx, DiskBinding, EnsureClone, EnsureSnapshot, Kind, Result, SnapshotRef,
    VolumeContent, VolumeRef,
};

/// The size of the source's disk.
const DISK_BYTES: u64 = 1 << 20;

/// A clone to be made, under a fresh id and name.
pub(super) struct Wanted {
    pub(super) id: VmId,
    name: String,
}

fn wanted(t: &Trial<'_>) -> Wanted {
    Wanted { id: t.clone_id(), name: t.name() }
}

async fn ensure(
    t: &Trial<'_>,
    source: &Made,
    wanted: &Wanted,
    snapshot: Option<&SnapshotRef>,
) -> Check<Result<CloneHandle>> {
    let (vm, name, source) = (wanted.id, &*wanted.name, &source.vm);
    let request = EnsureClone { vm, name, source, snapshot, seed: None };
    Ok(t.clones()?.ensure_clone(&t.patient(), &request).await)
}

/// Clones a VM as it is now, under a fresh id and name.
pub(super) async fn clone(t: &Trial<'_>, source: &Made) -> Check<(Wanted, CloneHandle)> {
    let wanted = wanted(t);
    let handle = ensure(t, source, &wanted, None).await??;
    Ok((wanted, handle))
}

async fn seen(t: &Trial<'_>, handle: &CloneHandle) -> Check<ObservedVm> {
    match t.listed(&handle.vm).await? {
        Some(seen) => Ok(seen),
        None => fail("the clone is not in the inventory"),
    }
}

async fn count(t: &Trial<'_>, name: &str, wanted: usize) -> Check {
    let inventory = t.provider.inventory(&t.cx()).await?;
    let found = inventory.vms.iter().filter(|vm| vm.name == name).count();
    check(found == wanted, || format!("there are {found} VMs of that name, not {wanted}"))
}

/// A stopped VM with one disk.
async fn with_disk(t: &Trial<'_>) -> Check<Made> {
    let volume = t.volume().await?;
    t.ensure_volume(&volume, DISK_BYTES, VolumeContent::Empty).await??;
    let mut spec = t.spec();
    spec.disks.push(disk("root", &volume));
    t.make(spec, vec![DiskBinding { disk: "root".to_owned(), volume, owned: true }]).await
}

async fn is_there(t: &Trial<'_>, volume: &VolumeRef) -> Check<bool> {
    let listed = t.storage()?.volumes(&t.cx(), &volume.host_ref, &volume.pool).await?;
    Ok(listed.iter().any(|seen| seen.name == volume.name))
}

pub(super) async fn ensure_clone_makes_a_stopped_vm_with_its_tag(t: &Trial<'_>) -> Check {
    let source = t.vm().await?;
    let (wanted, handle) = clone(t, &source).await?;
    check(handle.created, || "a fresh id had a clone already".to_owned())?;
    check(handle.vm.external_ref != source.vm.external_ref, || "it is its source".to_owned())?;
    let seen = seen(t, &handle).await?;
    check(seen.name == wanted.name, || format!("its name is {}", seen.name))?;
    let tag = seen.tag.as_ref().map(|tag| tag.vm);
    check(tag == Some(wanted.id), || format!("its tag is {tag:?}"))?;
    check(seen.power == PowerState::Stopped, || format!("it is {:?}", seen.power))?;
    let found = t.create()?.find_vm(&t.cx(), wanted.id).await?.map(|found| found.vm);
    check(found.as_ref() == Some(&handle.vm), || format!("by its tag {found:?} is found"))
}

pub(super) async fn ensure_clone_twice_makes_one_vm(t: &Trial<'_>) -> Check {
    let source = with_disk(t).await?;
    let (wanted, first) = clone(t, &source).await?;
    let again = ensure(t, &source, &wanted, None).await??;
    check(!again.created, || "the second call says that it made it".to_owned())?;
    check(again.vm == first.vm, || format!("{first:?} became {again:?}"))?;
    check(again.disks == first.disks, || format!("{first:?} became {again:?}"))?;
    count(t, &wanted.name, 1).await
}

pub(super) async fn ensure_clone_leaves_its_source_as_it_was(t: &Trial<'_>) -> Check {
    let source = with_disk(t).await?;
    clone(t, &source).await?;
    let Some(seen) = t.listed(&source.vm).await? else { return fail("the source is gone") };
    let tag = seen.tag.as_ref().map(|tag| tag.vm);
    check(tag == Some(source.id), || format!("the source's tag is {tag:?}"))?;
    check(seen.power == PowerState::Stopped, || format!("the source is {:?}", seen.power))?;
    if let Some(snapshots) = t.provider.snapshots() {
        let left = snapshots.list_snapshots(&t.cx(), &source.vm).await?;
        check(left.is_empty(), || format!("the source has snapshots now: {left:?}"))?;
    }
    for binding in &source.disks {
        check(is_there(t, &binding.volume).await?, || "the source lost its volume".to_owned())?;
    }
    Ok(())
}

pub(super) async fn a_clone_of_a_name_that_is_taken_is_a_conflict(t: &Trial<'_>) -> Check {
    let (source, other) = (t.vm().await?, t.vm().await?);
    for taken in [&source, &other] {
        let wanted = Wanted { id: t.clone_id(), name: taken.spec.name.clone() };
        let error = refused(ensure(t, &source, &wanted, None).await?, &[Kind::Conflict])?;
        check(!error.is_unknown(), || "it is unsure whether it made one".to_owned())?;
        count(t, &taken.spec.name, 1).await?;
        let found = t.create()?.find_vm(&t.cx(), wanted.id).await?;
        check(found.is_none(), || format!("{found:?} was made"))?;
    }
    Ok(())
}

pub(super) async fn a_clone_of_an_absent_vm_is_not_found(t: &Trial<'_>) -> Check {
    let source = t.vm().await?;
    t.create()?.remove_vm(&t.cx(), &source.vm).await?;
    let wanted = wanted(t);
    let error = refused(ensure(t, &source, &wanted, None).await?, &[Kind::NotFound])?;
    check(!error.is_unknown(), || "it is unsure whether it made one".to_owned())?;
    count(t, &wanted.name, 0).await
}

pub(super) async fn a_clone_has_disks_of_its_own(t: &Trial<'_>) -> Check {
    let source = with_disk(t).await?;
    let (_, handle) = clone(t, &source).await?;
    let [copy] = handle.disks.as_slice() else {
        return fail(format!("its disks are {:?}", handle.disks));
    };
    check(copy.disk == "root" && copy.owned, || format!("its disk is {copy:?}"))?;
    let theirs = source.disks.iter().any(|binding| binding.volume == copy.volume);
    check(!theirs, || format!("it shares {}", copy.volume))?;
    check(is_there(t, &copy.volume).await?, || format!("{} is not there", copy.volume))?;
    // As when a VM is deleted with its disks.
    t.create()?.remove_vm(&t.cx(), &handle.vm).await?;
    t.storage()?.remove_volume(&t.cx(), &copy.volume).await?;
    check(!is_there(t, &copy.volume).await?, || format!("{} stayed", copy.volume))?;
    for binding in &source.disks {
        check(is_there(t, &binding.volume).await?, || "the source lost its volume".to_owned())?;
    }
    Ok(())
}

fn macs(seen: &ObservedVm) -> Vec<String> {
    let nics = seen.nics.value().into_iter().flatten();
    nics.filter_map(|nic: &ObservedNic| nic.mac.clone()).collect()
}

pub(super) async fn a_clone_has_addresses_of_its_own(t: &Trial<'_>) -> Check {
    let Some(network) = t.setting.network.clone() else {
        return skip("the harness has no network");
    };
    let (source, model) = (NicSource::Network(network), NicModel::default());
    let mac = Some("52:54:00:c1:0e:01".to_owned());
    let nics = vec![NicSpec { source, model, mac, link_up: true }];
    let source = t.make(VmSpec { nics, ..t.spec() }, Vec::new()).await?;
    let (_, handle) = clone(t, &source).await?;
    let Some(of_source) = t.listed(&source.vm).await? else { return fail("the source is gone") };
    let (theirs, own) = (macs(&of_source), macs(&seen(t, &handle).await?));
    check(!theirs.is_empty(), || "the source shows no address".to_owned())?;
    check(own.iter().all(|mac| !theirs.contains(mac)), || format!("{own:?} and {theirs:?}"))
}

pub(super) async fn a_clone_of_a_running_vm_is_as_limits_say(t: &Trial<'_>) -> Check {
    let source = t.running().await?;
    let wanted = wanted(t);
    let made = ensure(t, &source, &wanted, None).await?;
    if t.clones()?.limits().live {
        let handle = made?;
        t.is(&handle.vm, PowerState::Stopped).await?;
    } else {
        refused(made, &[Kind::Conflict])?;
        count(t, &wanted.name, 0).await?;
    }
    t.is(&source.vm, PowerState::Running).await
}

/// Takes a snapshot under a fresh id.
async fn take(t: &Trial<'_>, made: &Made) -> Check<SnapshotRef> {
    let id = t.setting.ids.next(SnapshotId::new);
    let request = EnsureSnapshot { id, vm: &made.vm, spec: &SnapshotSpec::new("s1") };
    Ok(t.snapshots()?.ensure_snapshot(&t.cx(), &request).await?.snapshot)
}

pub(super) async fn a_clone_of_a_snapshot_is_as_limits_say(t: &Trial<'_>) -> Check {
    let source = with_disk(t).await?;
    let snapshot = take(t, &source).await?;
    let wanted = wanted(t);
    let made = ensure(t, &source, &wanted, Some(&snapshot)).await?;
    if !t.clones()?.limits().snapshots {
        refused(made, &[Kind::Unsupported])?;
        return count(t, &wanted.name, 0).await;
    }
    let handle = made?;
    t.is(&handle.vm, PowerState::Stopped).await?;
    let own = handle.disks.iter().all(|copy| source.disks.iter().all(|b| b.volume != copy.volume));
    check(own && handle.disks.len() == 1, || format!("its disks are {:?}", handle.disks))?;
    let left = t.snapshots()?.list_snapshots(&t.cx(), &source.vm).await?;
    check(left.len() == 1, || format!("the source has {} snapshots", left.len()))
}

pub(super) async fn a_clone_of_an_absent_snapshot_is_not_found(t: &Trial<'_>) -> Check {
    if !t.clones()?.limits().snapshots {
        return skip("its limits say that it clones no snapshots");
    }
    let source = t.vm().await?;
    let snapshot = take(t, &source).await?;
    t.snapshots()?.remove_snapshot(&t.cx(), &source.vm, &snapshot).await?;
    let wanted = wanted(t);
    let made = ensure(t, &source, &wanted, Some(&snapshot)).await?;
    let error = refused(made, &[Kind::NotFound])?;
    check(!error.is_unknown(), || "it is unsure whether it made one".to_owned())?;
    count(t, &wanted.name, 0).await
}

pub(super) async fn a_clone_runs_beside_its_source(t: &Trial<'_>) -> Check {
    let source = with_disk(t).await?;
    let (_, handle) = clone(t, &source).await?;
    t.power()?.start(&t.cx(), &source.vm).await?;
    t.power()?.start(&t.cx(), &handle.vm).await?;
    t.is(&source.vm, PowerState::Running).await?;
    t.is(&handle.vm, PowerState::Running).await
}

pub(super) async fn remove_clone_takes_its_volumes_and_no_other(t: &Trial<'_>) -> Check {
    let source = with_disk(t).await?;
    let ((one, first), (_, second)) = (clone(t, &source).await?, clone(t, &source).await?);
    let removed = t.clones()?.remove_clone(&t.patient(), one.id).await?;
    check(removed, || "it says that there was nothing".to_owned())?;
    count(t, &one.name, 0).await?;
    for copy in &first.disks {
        check(!is_there(t, &copy.volume).await?, || format!("{} stayed", copy.volume))?;
    }
    for kept in source.disks.iter().chain(&second.disks) {
        check(is_there(t, &kept.volume).await?, || format!("{} is gone", kept.volume))?;
    }
    t.is(&source.vm, PowerState::Stopped).await?;
    t.is(&second.vm, PowerState::Stopped).await
}

pub(super) async fn remove_clone_of_what_was_never_made_succeeds(t: &Trial<'_>) -> Check {
    let (id, bystander) = (t.clone_id(), t.vm().await?);
    let removed = t.clones()?.remove_clone(&t.cx(), id).await?;
    check(!removed, || "it says that there was something".to_owned())?;
    t.is(&bystander.vm, PowerState::Stopped).await
}

pub(super) async fn remove_clone_of_a_running_vm_is_a_conflict(t: &Trial<'_>) -> Check {
    let source = with_disk(t).await?;
    let (wanted, handle) = clone(t, &source).await?;
    t.power()?.start(&t.cx(), &handle.vm).await?;
    refused(t.clones()?.remove_clone(&t.patient(), wanted.id).await, &[Kind::Conflict])?;
    t.is(&handle.vm, PowerState::Running).await?;
    for copy in &handle.disks {
        check(is_there(t, &copy.volume).await?, || format!("{} is gone", copy.volume))?;
    }
    Ok(())
}

/// A clone whose making was cut off: what is known of it, and how the call ended.
async fn half_made(t: &Trial<'_>, source: &Made, point: Duration) -> Check<(Made, Result<()>)> {
    let (id, name) = (t.clone_id(), t.name());
    let clones = t.clones()?;
    let request =
        EnsureClone { vm: id, name: &name, source: &source.vm, snapshot: None, seed: None };
    let request = &request;
    let call = |cx: Cx| async move { clones.ensure_clone(&cx, request).await.map(drop) };
    let ended = cut_off(t, point, call).await;
    let vm = crate::VmRef { external_ref: String::new(), name: name.clone() };
    let spec = VmSpec { name, ..source.spec.clone() };
    Ok((Made { id, spec, disks: Vec::new(), vm }, ended))
}

pub(super) async fn a_look_after_a_cancelled_ensure_clone_tells_the_truth(t: &Trial<'_>) -> Check {
    for point in POINTS {
        let source = t.vm().await?;
        let (made, ended) = half_made(t, &source, point).await?;
        let is_there = looked_for(t, &made).await?;
        if says_nothing(&ended) && is_there {
            return fail("it said that nothing happened, and made the clone");
        }
        check(ended.is_err() || is_there, || "it said that it made it, and did not".to_owned())?;
    }
    Ok(())
}

pub(super) async fn ensure_clone_after_a_cancelled_one_makes_one_vm(t: &Trial<'_>) -> Check {
    for point in POINTS {
        let source = t.vm().await?;
        let (made, _) = half_made(t, &source, point).await?;
        let wanted = Wanted { id: made.id, name: made.spec.name.clone() };
        t.persist(|| async {
            match ensure(t, &source, &wanted, None).await {
                Ok(ended) => ended.map(drop),
                Err(_) => Ok(()), // the group is there, as the first call has shown
            }
        })
        .await?;
        check(looked_for(t, &made).await?, || "it is not there".to_owned())?;
    }
    Ok(())
}

pub(super) async fn what_a_cancelled_ensure_clone_made_is_removed_for_good(t: &Trial<'_>) -> Check {
    for point in POINTS {
        let source = t.vm().await?;
        let (made, _) = half_made(t, &source, point).await?;
        looked_for(t, &made).await?;
        let clones = t.clones()?;
        t.persist(|| async { clones.remove_clone(&t.patient(), made.id).await.map(drop) }).await?;
        check(!looked_for(t, &made).await?, || "it came back".to_owned())?;
    }
    Ok(())
}
