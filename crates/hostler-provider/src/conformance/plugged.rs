//! More promises of [`crate::Disks`]: what its limits say holds for whoever believes them, and what
//! was added goes by the name it was asked for under wherever it is told of; and whose volumes
//! nobody else gets.

use hostler_core::vm::devices::{CacheMode, DiskBus, DiskDevice, DiskSpec, VolumeFormat};

use super::disks::{attach, detach, find, lacks, list, mark, off, volume};
use super::trial::{Check, Made, Trial, check, disk, refused, skip};
use super::{clones, snapshots};
use crate::{
    AttachDisk, DiskBinding, EnsureVolume, Kind, Reverted, VmRef, VolumeContent, VolumeRef,
};

/// The size of each volume.
const BYTES: u64 = 1 << 20;

pub(super) async fn volumes_are_made_in_the_formats_of_the_limits_and_no_other(
    t: &Trial<'_>,
) -> Check {
    let (storage, formats) = (t.storage()?, t.disks()?.limits().formats);
    check(!formats.is_empty(), || "it names no format".to_owned())?;
    let by_storage = storage.formats();
    check(by_storage == formats, || {
        format!("of volumes it names {by_storage:?}, not {formats:?}")
    })?;
    for format in [VolumeFormat::Raw, VolumeFormat::Qcow2] {
        let volume = &t.volume().await?;
        let content = VolumeContent::Empty;
        let request = EnsureVolume { volume, capacity_bytes: BYTES, format, content };
        let made = storage.ensure_volume(&t.cx(), &request).await;
        match formats.contains(&format) {
            true => drop(made?),
            false => drop(refused(made, &[Kind::Unsupported])?),
        }
    }
    Ok(())
}

pub(super) async fn what_limits_exclude_is_refused_of_a_stopped_vm(t: &Trial<'_>) -> Check {
    let (made, volume) = (off(t).await?, volume(t).await?);
    let limits = t.disks()?.limits();
    let plain = disk("data", &volume);
    let buses = [DiskBus::Virtio, DiskBus::Scsi, DiskBus::Sata, DiskBus::Ide, DiskBus::Usb];
    let buses = buses.into_iter().filter(|bus| !limits.offline_buses.contains(bus));
    let caches = CacheMode::ALL.into_iter().filter(|cache| !limits.caches.contains(cache));
    let drive = (!limits.offline_cdrom).then(|| DiskSpec {
        device: DiskDevice::Cdrom,
        read_only: true,
        ..plain.clone()
    });
    let excluded: Vec<_> = buses
        .map(|bus| DiskSpec { bus: Some(bus), ..plain.clone() })
        .chain(caches.map(|cache| DiskSpec { cache: Some(cache), ..plain.clone() }))
        .chain((!limits.discard).then(|| DiskSpec { discard: true, ..plain.clone() }))
        .chain(drive)
        .collect();
    if excluded.is_empty() {
        return skip("its limits exclude nothing");
    }
    for disk in &excluded {
        let request = AttachDisk { mark: &mark(t), vm: &made.vm, disk, volume: &volume };
        let added = t.disks()?.attach_disk(&t.cx(), &request).await;
        let error = refused(added, &[Kind::Unsupported])?;
        check(!error.is_unknown(), || "it is unsure whether it added it".to_owned())?;
        lacks(t, &made, "data").await?;
    }
    Ok(())
}

/// A VM that is off, with a disk that it was made with and one that was added.
async fn with_added(t: &Trial<'_>) -> Check<(Made, VolumeRef)> {
    if !t.disks()?.limits().offline {
        return skip("its limits say that it changes disks of running VMs only");
    }
    let (root, data) = (volume(t).await?, volume(t).await?);
    let mut spec = t.spec();
    spec.disks.push(disk("root", &root));
    let bound = DiskBinding { disk: "root".to_owned(), volume: root, owned: true };
    let made = t.make(spec, vec![bound]).await?;
    attach(t, &made, "data", &data).await?;
    Ok((made, data))
}

/// Goes on only if what came of a revert is what the VM has, each disk by its name.
async fn told_as_listed(t: &Trial<'_>, made: &Made, told: Reverted, old: &VolumeRef) -> Check {
    for moved in &told.moved {
        t.removes(VolumeRef { name: moved.volume.clone(), ..old.clone() });
    }
    for moved in &told.moved {
        let seen = find(t, made, &moved.disk).await?;
        let at = seen.and_then(|seen| seen.volume).map(|at| at.volume);
        let wanted = Some(&moved.volume);
        check(at.as_ref() == wanted, || {
            format!("disk {:?} is told to be in {wanted:?}, and is in {at:?}", moved.disk)
        })?;
    }
    let mut names: Vec<_> = told.moved.iter().map(|moved| moved.disk.as_str()).collect();
    names.sort_unstable();
    let all: &[&str] = if names.is_empty() { &[] } else { &["data", "root"] };
    check(names == all, || format!("the disks data and root were moved as {names:?}"))
}

pub(super) async fn a_revert_tells_an_added_disk_by_the_name_it_was_asked_for(
    t: &Trial<'_>,
) -> Check {
    t.snapshots()?;
    let (made, data) = with_added(t).await?;
    let snapshot = snapshots::take(t, &made, "s1").await?.snapshot;
    let told = snapshots::revert(t, &made, &snapshot).await??;
    told_as_listed(t, &made, told, &data).await?;
    let Some(seen) = find(t, &made, "data").await? else { return lacks(t, &made, "data").await };
    // It is as it was: what was added can be taken off.
    detach(t, &made, &crate::DiskRef::of(&seen)).await?;
    lacks(t, &made, "data").await
}

pub(super) async fn a_revert_to_before_a_disk_was_taken_off_tells_it_by_its_name(
    t: &Trial<'_>,
) -> Check {
    t.snapshots()?;
    let (made, data) = with_added(t).await?;
    let snapshot = snapshots::take(t, &made, "s1").await?.snapshot;
    let Some(seen) = find(t, &made, "data").await? else { return skip("it lists no disk") };
    detach(t, &made, &crate::DiskRef::of(&seen)).await?;
    let told = snapshots::revert(t, &made, &snapshot).await??;
    told_as_listed(t, &made, told, &data).await
}

pub(super) async fn a_clone_of_a_vm_with_an_added_disk_has_it_by_its_name(t: &Trial<'_>) -> Check {
    t.clones()?;
    let (source, _) = with_added(t).await?;
    let (wanted, handle) = clones::clone(t, &source).await?;
    let mut names: Vec<_> = handle.disks.iter().map(|bound| bound.disk.as_str()).collect();
    names.sort_unstable();
    check(names == ["data", "root"], || format!("its disks are {names:?}"))?;
    let vm: VmRef = handle.vm.clone();
    let clone = Made { id: wanted.id, spec: t.spec(), disks: handle.disks.clone(), vm };
    for bound in &handle.disks {
        let seen = find(t, &clone, &bound.disk).await?;
        let at = seen.and_then(|seen| seen.volume).map(|at| at.volume);
        check(at.as_ref() == Some(&bound.volume.name), || {
            format!("disk {:?} is told to be in {}, and is in {at:?}", bound.disk, bound.volume)
        })?;
    }
    let all = list(t, &clone).await?;
    check(all.len() == 2, || format!("it has {} disks", all.len()))
}

/// The other VM is off, which no place knows of unless it looks.
pub(super) async fn a_volume_that_a_vm_has_makes_no_second_vm(t: &Trial<'_>) -> Check {
    let volume = t.volume().await?;
    t.ensure_volume(&volume, BYTES, VolumeContent::Empty).await??;
    let bound = DiskBinding { disk: "data".to_owned(), volume: volume.clone(), owned: true };
    let mut spec = t.spec();
    spec.disks.push(disk("data", &volume));
    let one = t.make(spec, vec![bound.clone()]).await?;
    for runs in [false, true] {
        if runs {
            t.power()?.start(&t.cx(), &one.vm).await?;
        }
        let mut spec = t.spec();
        spec.disks.push(disk("data", &volume));
        let id = t.id();
        let theirs = DiskBinding { owned: false, ..bound.clone() };
        let error = refused(t.ensure(id, &spec, &[theirs]).await?, &[Kind::Conflict])?;
        check(!error.is_unknown(), || "it is unsure whether it made one".to_owned())?;
        let found = t.create()?.find_vm(&t.cx(), id).await?;
        check(found.is_none(), || format!("{found:?} was made"))?;
    }
    Ok(())
}

pub(super) async fn a_volume_of_a_stopped_vm_is_a_conflict(t: &Trial<'_>) -> Check {
    t.create()?;
    let volume = t.volume().await?;
    t.ensure_volume(&volume, BYTES, VolumeContent::Empty).await??;
    let bound = DiskBinding { disk: "data".to_owned(), volume: volume.clone(), owned: true };
    let mut spec = t.spec();
    spec.disks.push(disk("data", &volume));
    t.make(spec, vec![bound]).await?;
    let storage = t.storage()?;
    refused(storage.remove_volume(&t.cx(), &volume).await, &[Kind::Conflict])?;
    let listed = storage.volumes(&t.cx(), &volume.host_ref, &volume.pool).await?;
    let is_there = listed.iter().any(|seen| seen.name == volume.name);
    check(is_there, || "it is gone all the same".to_owned())
}
