//! The promises of [`crate::Disks`]. What is added goes with the VM that the promise made,
//! and its volume with the trial, at the latest.

use std::time::Duration;

use hostler_core::disk::{AttachedDisk, DiskMark, DiskState};
use hostler_core::id::OperationId;
use hostler_core::vm::PowerState;
use hostler_core::vm::devices::{DiskBus, DiskSpec};
use tokio::time::sleep;

use super::late::{POINTS, SETTLED, cut_off, says_nothing};
use super::trial::{Check, Made, Trial, check, disk, fail, refused, skip};
use crate::{
    AttachDisk, Cx, DiskBinding, DiskHandle, DiskRef, Kind, Result, StopMode, VolumeContent,
    VolumeRef,
};

/// The size of each volume.
const BYTES: u64 = 1 << 20;

pub(super) fn mark(t: &Trial<'_>) -> DiskMark {
    DiskMark::of(t.setting.ids.next(OperationId::new).as_uuid())
}

/// An empty volume that is there.
pub(super) async fn volume(t: &Trial<'_>) -> Check<VolumeRef> {
    let volume = t.volume().await?;
    t.ensure_volume(&volume, BYTES, VolumeContent::Empty).await??;
    Ok(volume)
}

/// A disk as it can be added to a VM that is on.
fn live_disk(t: &Trial<'_>, name: &str, volume: &VolumeRef) -> Check<DiskSpec> {
    let bus = t.disks()?.limits().live_buses.first().copied();
    Ok(DiskSpec { bus, ..disk(name, volume) })
}

pub(super) async fn a_volume_goes_where_the_vm_reaches_it(t: &Trial<'_>) -> Check {
    let (made, disks) = (any(t).await?, t.disks()?);
    let place = disks.place_for(&t.cx(), &made.vm, None).await?;
    check(!place.pool.is_empty(), || "the pool has no name".to_owned())?;
    let named = disks.place_for(&t.cx(), &made.vm, Some(&place.pool)).await?;
    check(named == place, || format!("{place:?} became {named:?}"))?;
    let volume = VolumeRef { host_ref: place.host_ref, pool: place.pool, name: t.name() };
    t.ensure_volume(&volume, BYTES, VolumeContent::Empty).await??;
    t.removes(volume.clone());
    attach(t, &made, "data", &volume).await?;
    let refused_pool = disks.place_for(&t.cx(), &made.vm, Some("no-such-pool")).await;
    refused(refused_pool, &[Kind::NotFound, Kind::Invalid]).map(drop)
}

async fn attach_as(
    t: &Trial<'_>,
    made: &Made,
    mark: &DiskMark,
    name: &str,
    volume: &VolumeRef,
) -> Check<Result<DiskHandle>> {
    let disk = &live_disk(t, name, volume)?;
    let long = Cx::within(t.setting.call_within + t.setting.boot_within);
    let request = AttachDisk { mark, vm: &made.vm, disk, volume };
    Ok(t.disks()?.attach_disk(&long, &request).await)
}

pub(super) async fn attach(
    t: &Trial<'_>,
    made: &Made,
    name: &str,
    volume: &VolumeRef,
) -> Check<DiskRef> {
    let handle = attach_as(t, made, &mark(t), name, volume).await??;
    check(handle.created, || "a fresh mark was borne by a disk already".to_owned())?;
    Ok(handle.disk)
}

/// Takes a disk off, as soon as the guest is ready to give it up.
pub(super) async fn detach(t: &Trial<'_>, made: &Made, disk: &DiskRef) -> Check {
    let disks = t.disks()?;
    Ok(t.persist(|| async { disks.detach_disk(&t.cx(), &made.vm, disk).await }).await?)
}

pub(super) async fn list(t: &Trial<'_>, made: &Made) -> Check<Vec<AttachedDisk>> {
    Ok(t.disks()?.list_disks(&t.cx(), &made.vm).await?)
}

/// The disk of that name, where there is one.
pub(super) async fn find(t: &Trial<'_>, made: &Made, name: &str) -> Check<Option<AttachedDisk>> {
    let mut named: Vec<_> = list(t, made).await?;
    named.retain(|seen| seen.name == name);
    check(named.len() <= 1, || format!("there are {} disks {name}", named.len()))?;
    Ok(named.pop())
}

/// Goes on only if the VM has that disk of that volume.
pub(super) async fn has(
    t: &Trial<'_>,
    made: &Made,
    name: &str,
    volume: &VolumeRef,
) -> Check<AttachedDisk> {
    let Some(seen) = find(t, made, name).await? else {
        return fail(format!("the disk {name} is not listed"));
    };
    check(seen.state == DiskState::Attached, || format!("it is {:?}", seen.state))?;
    let at = seen.volume.as_ref().map(|at| (at.pool.as_str(), at.volume.as_str()));
    let wanted = Some((volume.pool.as_str(), volume.name.as_str()));
    check(at == wanted, || format!("its volume is {at:?}, not {wanted:?}"))?;
    Ok(seen)
}

pub(super) async fn lacks(t: &Trial<'_>, made: &Made, name: &str) -> Check {
    let seen = find(t, made, name).await?;
    check(seen.is_none(), || format!("the disk {name} is still listed: {seen:?}"))
}

pub(super) async fn is_volume_there(t: &Trial<'_>, volume: &VolumeRef) -> Check<bool> {
    let listed = t.storage()?.volumes(&t.cx(), &volume.host_ref, &volume.pool).await?;
    Ok(listed.iter().any(|seen| seen.name == volume.name))
}

async fn stop(t: &Trial<'_>, made: &Made) -> Check {
    Ok(t.power()?.stop(&t.cx(), &made.vm, StopMode::Force).await?)
}

async fn start(t: &Trial<'_>, made: &Made) -> Check {
    Ok(t.power()?.start(&t.cx(), &made.vm).await?)
}

/// A stopped VM, where its disks can be changed.
pub(super) async fn off(t: &Trial<'_>) -> Check<Made> {
    if !t.disks()?.limits().offline {
        return skip("its limits say that it changes disks of running VMs only");
    }
    t.vm().await
}

/// A running VM with a guest that gives disks up, where they can be changed.
async fn on(t: &Trial<'_>) -> Check<Made> {
    if t.disks()?.limits().live_buses.is_empty() {
        return skip("its limits say that it changes disks of stopped VMs only");
    }
    match t.setting.boot {
        Some(_) => Ok(t.booted().await?.0),
        None => t.running().await,
    }
}

/// A VM in any state in which its disks can be changed.
pub(super) async fn any(t: &Trial<'_>) -> Check<Made> {
    if t.disks()?.limits().offline { off(t).await } else { on(t).await }
}

pub(super) async fn a_new_vm_has_the_disks_it_was_made_with(t: &Trial<'_>) -> Check {
    let volume = volume(t).await?;
    let mut spec = t.spec();
    spec.disks.push(disk("root", &volume));
    let bound = DiskBinding { disk: "root".to_owned(), volume: volume.clone(), owned: true };
    let made = t.make(spec, vec![bound]).await?;
    let all = list(t, &made).await?;
    check(all.len() <= 1, || format!("it has {} disks, not one", all.len()))?;
    let Some(seen) = all.first() else { return fail("it has no disk") };
    check(seen.mark.is_none(), || format!("it bears the mark {:?}", seen.mark))?;
    let at = seen.volume.as_ref().map(|at| (at.pool.as_str(), at.volume.as_str()));
    let wanted = Some((volume.pool.as_str(), volume.name.as_str()));
    check(at == wanted, || format!("its volume is {at:?}, not {wanted:?}"))
}

pub(super) async fn disks_of_an_absent_vm_are_not_found(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    let volume = volume(t).await?;
    t.create()?.remove_vm(&t.cx(), &made.vm).await?;
    refused(t.disks()?.list_disks(&t.cx(), &made.vm).await, &[Kind::NotFound])?;
    let added = attach_as(t, &made, &mark(t), "data", &volume).await?;
    let error = refused(added, &[Kind::NotFound])?;
    check(!error.is_unknown(), || "it is unsure whether it added one".to_owned())
}

pub(super) async fn a_disk_added_to_a_stopped_vm_is_there_and_stays_over_its_start(
    t: &Trial<'_>,
) -> Check {
    let (made, volume) = (off(t).await?, volume(t).await?);
    let mark = mark(t);
    let handle = attach_as(t, &made, &mark, "data", &volume).await??;
    check(handle.created, || "a fresh mark was borne by a disk already".to_owned())?;
    let seen = has(t, &made, "data", &volume).await?;
    check(seen.mark.as_ref() == Some(&mark), || format!("its mark is {:?}", seen.mark))?;
    check(handle.disk.is(&seen), || format!("{:?} is not {seen:?}", handle.disk))?;
    t.is(&made.vm, PowerState::Stopped).await?;
    start(t, &made).await?;
    t.is(&made.vm, PowerState::Running).await?;
    has(t, &made, "data", &volume).await.map(drop)
}

pub(super) async fn a_disk_added_to_a_running_vm_is_there_and_leaves_it_running(
    t: &Trial<'_>,
) -> Check {
    let (made, volume) = (on(t).await?, volume(t).await?);
    let before = list(t, &made).await?.len();
    let mark = mark(t);
    let handle = attach_as(t, &made, &mark, "data", &volume).await??;
    let seen = has(t, &made, "data", &volume).await?;
    check(seen.mark.as_ref() == Some(&mark), || format!("its mark is {:?}", seen.mark))?;
    check(handle.disk.is(&seen), || format!("{:?} is not {seen:?}", handle.disk))?;
    let bus = t.disks()?.limits().live_buses.first().copied().map(DiskBus::as_str);
    check(seen.bus.as_deref() == bus, || format!("its bus is {:?}", seen.bus))?;
    let after = list(t, &made).await?.len();
    check(after == before + 1, || format!("{before} disks became {after}"))?;
    t.is(&made.vm, PowerState::Running).await
}

pub(super) async fn a_disk_added_while_it_ran_is_there_after_it_was_off(t: &Trial<'_>) -> Check {
    let (made, volume) = (on(t).await?, volume(t).await?);
    attach(t, &made, "data", &volume).await?;
    stop(t, &made).await?;
    has(t, &made, "data", &volume).await?;
    start(t, &made).await?;
    has(t, &made, "data", &volume).await.map(drop)
}

pub(super) async fn the_inventory_shows_an_added_disk(t: &Trial<'_>) -> Check {
    let (made, volume) = (any(t).await?, volume(t).await?);
    let count = async || -> Check<usize> {
        let seen = t.listed(&made.vm).await?;
        Ok(seen.and_then(|vm| vm.disks.value().map(Vec::len)).unwrap_or(0))
    };
    let before = count().await?;
    let disk = attach(t, &made, "data", &volume).await?;
    let after = count().await?;
    check(after == before + 1, || format!("{before} disks became {after}"))?;
    detach(t, &made, &disk).await?;
    let after = count().await?;
    check(after == before, || format!("{before} disks became {after} in the end"))
}

pub(super) async fn attach_twice_adds_one_disk(t: &Trial<'_>) -> Check {
    let (made, volume) = (any(t).await?, volume(t).await?);
    let mark = mark(t);
    let first = attach_as(t, &made, &mark, "data", &volume).await??;
    let again = attach_as(t, &made, &mark, "data", &volume).await??;
    check(!again.created, || "the second call says that it added it".to_owned())?;
    check(again.disk == first.disk, || format!("{first:?} became {again:?}"))?;
    has(t, &made, "data", &volume).await.map(drop)
}

pub(super) async fn attach_of_what_is_there_under_that_name_succeeds(t: &Trial<'_>) -> Check {
    let (made, volume) = (any(t).await?, volume(t).await?);
    let first = attach(t, &made, "data", &volume).await?;
    let again = attach_as(t, &made, &mark(t), "data", &volume).await??;
    check(!again.created, || "the second call says that it added it".to_owned())?;
    check(again.disk == first, || format!("{first:?} became {again:?}"))?;
    has(t, &made, "data", &volume).await.map(drop)
}

pub(super) async fn another_volume_under_the_same_name_is_a_conflict(t: &Trial<'_>) -> Check {
    let (made, first, second) = (any(t).await?, volume(t).await?, volume(t).await?);
    attach(t, &made, "data", &first).await?;
    let added = attach_as(t, &made, &mark(t), "data", &second).await?;
    let error = refused(added, &[Kind::Conflict])?;
    check(!error.is_unknown(), || "it is unsure whether it added it".to_owned())?;
    has(t, &made, "data", &first).await.map(drop)
}

pub(super) async fn a_volume_that_another_vm_has_is_a_conflict(t: &Trial<'_>) -> Check {
    let (one, other, volume) = (any(t).await?, any(t).await?, volume(t).await?);
    attach(t, &one, "data", &volume).await?;
    let error = refused(attach_as(t, &other, &mark(t), "data", &volume).await?, &[Kind::Conflict])?;
    check(!error.is_unknown(), || "it is unsure whether it added it".to_owned())?;
    lacks(t, &other, "data").await
}

pub(super) async fn a_volume_that_is_not_there_is_not_found(t: &Trial<'_>) -> Check {
    let (made, never_made) = (any(t).await?, t.volume().await?);
    let error =
        refused(attach_as(t, &made, &mark(t), "data", &never_made).await?, &[Kind::NotFound])?;
    check(!error.is_unknown(), || "it is unsure whether it added it".to_owned())?;
    lacks(t, &made, "data").await
}

pub(super) async fn what_limits_exclude_is_refused(t: &Trial<'_>) -> Check {
    let (made, volume) = (on(t).await?, volume(t).await?);
    let limits = t.disks()?.limits();
    let all = [DiskBus::Virtio, DiskBus::Scsi, DiskBus::Sata, DiskBus::Ide, DiskBus::Usb];
    let Some(bus) = all.into_iter().find(|bus| !limits.live_buses.contains(bus)) else {
        return skip("its limits exclude no bus");
    };
    let disk = &DiskSpec { bus: Some(bus), ..disk("data", &volume) };
    let request = AttachDisk { mark: &mark(t), vm: &made.vm, disk, volume: &volume };
    let added = t.disks()?.attach_disk(&t.cx(), &request).await;
    let error = refused(added, &[Kind::Unsupported, Kind::Conflict])?;
    check(!error.is_unknown(), || "it is unsure whether it added it".to_owned())?;
    lacks(t, &made, "data").await
}

pub(super) async fn detach_takes_it_off_and_leaves_its_volume(t: &Trial<'_>) -> Check {
    let (made, first, second) = (on(t).await?, volume(t).await?, volume(t).await?);
    let disk = attach(t, &made, "data", &first).await?;
    attach(t, &made, "more", &second).await?;
    detach(t, &made, &disk).await?;
    lacks(t, &made, "data").await?;
    has(t, &made, "more", &second).await?;
    check(is_volume_there(t, &first).await?, || "its volume went with it".to_owned())?;
    t.is(&made.vm, PowerState::Running).await
}

pub(super) async fn detach_of_a_stopped_vms_disk_takes_it_off(t: &Trial<'_>) -> Check {
    let (made, volume) = (off(t).await?, volume(t).await?);
    let disk = attach(t, &made, "data", &volume).await?;
    detach(t, &made, &disk).await?;
    lacks(t, &made, "data").await?;
    check(is_volume_there(t, &volume).await?, || "its volume went with it".to_owned())?;
    start(t, &made).await?;
    lacks(t, &made, "data").await
}

pub(super) async fn a_disk_taken_off_while_it_ran_stays_off(t: &Trial<'_>) -> Check {
    let (made, volume) = (on(t).await?, volume(t).await?);
    let disk = attach(t, &made, "data", &volume).await?;
    detach(t, &made, &disk).await?;
    stop(t, &made).await?;
    lacks(t, &made, "data").await?;
    start(t, &made).await?;
    lacks(t, &made, "data").await
}

pub(super) async fn detach_of_an_absent_disk_succeeds(t: &Trial<'_>) -> Check {
    let (made, volume) = (any(t).await?, volume(t).await?);
    let disk = attach(t, &made, "data", &volume).await?;
    detach(t, &made, &disk).await?;
    detach(t, &made, &disk).await?;
    stop(t, &made).await?;
    t.create()?.remove_vm(&t.cx(), &made.vm).await?;
    Ok(t.disks()?.detach_disk(&t.cx(), &made.vm, &disk).await?)
}

/// F30: what was to take off an older disk comes late, and meets a newer one.
pub(super) async fn detach_leaves_a_newer_disk_of_that_name_alone(t: &Trial<'_>) -> Check {
    let (made, first, second) = (any(t).await?, volume(t).await?, volume(t).await?);
    let older = attach(t, &made, "data", &first).await?;
    detach(t, &made, &older).await?;
    // Another volume under the name, and then the very same one again.
    for volume in [&second, &first] {
        let newer = attach(t, &made, "data", volume).await?;
        t.disks()?.detach_disk(&t.cx(), &made.vm, &older).await?;
        has(t, &made, "data", volume).await?;
        detach(t, &made, &newer).await?;
    }
    lacks(t, &made, "data").await
}

pub(super) async fn a_guest_that_does_not_give_it_up_is_told(t: &Trial<'_>) -> Check {
    if t.disks()?.limits().live_buses.is_empty() {
        return skip("its limits say that it changes disks of stopped VMs only");
    }
    let (made, volume) = (t.running().await?, volume(t).await?);
    if !t.harness.deafen(&made.vm).await {
        return skip("the harness cannot make a guest ignore requests");
    }
    let disk = attach(t, &made, "data", &volume).await?;
    let short = Cx::within(Duration::from_secs(2));
    let asked = t.disks()?.detach_disk(&short, &made.vm, &disk).await;
    let error = refused(asked, &[Kind::Timeout, Kind::Conflict])?;
    if !error.is_unknown() {
        has(t, &made, "data", &volume).await?;
    }
    check(is_volume_there(t, &volume).await?, || "its volume is gone".to_owned())?;
    // Nobody holds it when the power is cut.
    stop(t, &made).await?;
    detach(t, &made, &disk).await?;
    lacks(t, &made, "data").await
}

pub(super) async fn a_volume_that_is_attached_cannot_be_removed(t: &Trial<'_>) -> Check {
    let (made, volume) = (on(t).await?, volume(t).await?);
    let disk = attach(t, &made, "data", &volume).await?;
    refused(t.storage()?.remove_volume(&t.cx(), &volume).await, &[Kind::Conflict])?;
    detach(t, &made, &disk).await?;
    t.storage()?.remove_volume(&t.cx(), &volume).await?;
    check(!is_volume_there(t, &volume).await?, || "it is still there".to_owned())
}

/// A disk whose adding was cut off; whether it is there in the end.
async fn half_added(
    t: &Trial<'_>,
    made: &Made,
    mark: &DiskMark,
    volume: &VolumeRef,
    point: Duration,
) -> Check<Option<AttachedDisk>> {
    let (disk, disks) = (live_disk(t, "data", volume)?, t.disks()?);
    let request = &AttachDisk { mark, vm: &made.vm, disk: &disk, volume };
    let call = |cx: Cx| async move { disks.attach_disk(&cx, request).await.map(drop) };
    let ended = cut_off(t, point, call).await;
    sleep(SETTLED).await;
    let found = find(t, made, "data").await?;
    if let Some(seen) = &found {
        check(seen.mark.as_ref() == Some(mark), || format!("it came as {seen:?}"))?;
    }
    if says_nothing(&ended) && found.is_some() {
        return fail("it said that nothing happened, and added the disk");
    }
    check(ended.is_err() || found.is_some(), || "it said that it added it".to_owned())?;
    Ok(found)
}

pub(super) async fn a_look_after_a_cancelled_attach_tells_the_truth(t: &Trial<'_>) -> Check {
    for point in POINTS {
        let (made, volume) = (any(t).await?, volume(t).await?);
        if let Some(seen) = half_added(t, &made, &mark(t), &volume, point).await? {
            detach(t, &made, &DiskRef::of(&seen)).await?;
            sleep(SETTLED).await;
            lacks(t, &made, "data").await?;
        }
    }
    Ok(())
}

pub(super) async fn attach_after_a_cancelled_one_adds_one_disk(t: &Trial<'_>) -> Check {
    for point in POINTS {
        let (made, volume) = (any(t).await?, volume(t).await?);
        let mark = mark(t);
        half_added(t, &made, &mark, &volume, point).await?;
        t.persist(|| async {
            match attach_as(t, &made, &mark, "data", &volume).await {
                Ok(ended) => ended.map(drop),
                Err(_) => Ok(()), // the group is there, as the first call has shown
            }
        })
        .await?;
        sleep(SETTLED).await;
        has(t, &made, "data", &volume).await?;
    }
    Ok(())
}

pub(super) async fn what_a_cancelled_detach_did_is_told_and_repeated(t: &Trial<'_>) -> Check {
    for point in POINTS {
        let (made, volume) = (any(t).await?, volume(t).await?);
        let disk = &attach(t, &made, "data", &volume).await?;
        let (disks, vm) = (t.disks()?, &made.vm);
        let call = |cx: Cx| async move { disks.detach_disk(&cx, vm, disk).await };
        let ended = cut_off(t, point, call).await;
        sleep(SETTLED).await;
        let found = find(t, &made, "data").await?;
        if says_nothing(&ended) && found.is_none() {
            return fail("it said that nothing happened, and took the disk off");
        }
        check(ended.is_err() || found.is_none(), || "it said that it took it off".to_owned())?;
        detach(t, &made, disk).await?;
        lacks(t, &made, "data").await?;
    }
    Ok(())
}
