//! The promises of [`crate::Snapshots`]. What is taken goes with the VM that the promise
//! made, at the latest.

use std::time::Duration;

use hostler_core::id::{OperationId, SnapshotId};
use hostler_core::snapshot::{
    Consistency, ObservedSnapshot, Quiesce, SnapshotContent, SnapshotSpec, SnapshotState,
};
use hostler_core::vm::PowerState;
use tokio::time::sleep;

use super::late::{POINTS, SETTLED, cut_off, says_nothing};
use super::trial::{Check, Made, Trial, check, disk, fail, refused, skip};
use crate::{
    Cx, DiskBinding, EnsureSnapshot, Kind, Result, Revert, Reverted, SnapshotHandle, SnapshotRef,
    StopMode, VolumeContent, VolumeRef,
};

/// Takes a snapshot under a fresh id.
pub(super) async fn take(t: &Trial<'_>, made: &Made, name: &str) -> Check<SnapshotHandle> {
    let (_, handle) = take_as(t, made, SnapshotSpec::new(name)).await?;
    Ok(handle?)
}

async fn take_as(
    t: &Trial<'_>,
    made: &Made,
    spec: SnapshotSpec,
) -> Check<(SnapshotId, Result<SnapshotHandle>)> {
    let id = t.setting.ids.next(SnapshotId::new);
    Ok((id, ensure(t, made, id, &spec).await?))
}

async fn ensure(
    t: &Trial<'_>,
    made: &Made,
    id: SnapshotId,
    spec: &SnapshotSpec,
) -> Check<Result<SnapshotHandle>> {
    let request = EnsureSnapshot { id, vm: &made.vm, spec };
    Ok(t.snapshots()?.ensure_snapshot(&t.cx(), &request).await)
}

async fn list(t: &Trial<'_>, made: &Made) -> Check<Vec<ObservedSnapshot>> {
    Ok(t.snapshots()?.list_snapshots(&t.cx(), &made.vm).await?)
}

async fn one(t: &Trial<'_>, made: &Made, name: &str) -> Check<ObservedSnapshot> {
    let all = list(t, made).await?;
    match all.into_iter().find(|seen| seen.name == name) {
        Some(found) => Ok(found),
        None => fail(format!("the snapshot {name} is not listed")),
    }
}

async fn count(t: &Trial<'_>, made: &Made, wanted: usize) -> Check {
    let all = list(t, made).await?;
    check(all.len() == wanted, || format!("it has {} snapshots, not {wanted}", all.len()))
}

pub(super) async fn revert(
    t: &Trial<'_>,
    made: &Made,
    to: &SnapshotRef,
) -> Check<Result<Reverted>> {
    let operation = t.setting.ids.next(OperationId::new);
    revert_for(t, operation, made, to).await
}

async fn revert_for(
    t: &Trial<'_>,
    operation: OperationId,
    made: &Made,
    to: &SnapshotRef,
) -> Check<Result<Reverted>> {
    let request = Revert { operation, vm: &made.vm, snapshot: to };
    let long = Cx::within(t.setting.call_within + t.setting.boot_within);
    Ok(t.snapshots()?.revert(&long, &request).await)
}

async fn stop(t: &Trial<'_>, made: &Made) -> Check {
    Ok(t.power()?.stop(&t.cx(), &made.vm, StopMode::Force).await?)
}

/// A running VM, where snapshots can be taken of such.
async fn live(t: &Trial<'_>) -> Check<Made> {
    if !t.snapshots()?.limits().live {
        return skip("its limits say that it takes snapshots of stopped VMs only");
    }
    t.running().await
}

pub(super) async fn a_new_vm_has_no_snapshots(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    count(t, &made, 0).await
}

pub(super) async fn snapshots_of_an_absent_vm_are_not_found(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    t.create()?.remove_vm(&t.cx(), &made.vm).await?;
    refused(t.snapshots()?.list_snapshots(&t.cx(), &made.vm).await, &[Kind::NotFound])?;
    let (_, taken) = take_as(t, &made, SnapshotSpec::new("s1")).await?;
    let error = refused(taken, &[Kind::NotFound])?;
    check(!error.is_unknown(), || "it is unsure whether it took one".to_owned())
}

pub(super) async fn ensure_snapshot_makes_it_ready_and_lists_it_with_its_tag(
    t: &Trial<'_>,
) -> Check {
    let made = t.vm().await?;
    let description = "before <the> upgrade & \"so on\"".to_owned();
    let spec = SnapshotSpec { description, ..SnapshotSpec::new("s1") };
    let (id, taken) = take_as(t, &made, spec.clone()).await?;
    let handle = taken?;
    check(handle.created, || "a fresh id had a snapshot already".to_owned())?;
    let seen = one(t, &made, "s1").await?;
    check(seen.external_ref == handle.snapshot.external_ref, || format!("it is {seen:?}"))?;
    check(seen.tag == Some(id), || format!("its tag is {:?}", seen.tag))?;
    check(seen.state == SnapshotState::Ready, || format!("it is {:?}", seen.state))?;
    check(seen.taken_at.value().is_some(), || "it does not tell when it was taken".to_owned())?;
    let content = seen.content.value();
    check(content == Some(&SnapshotContent::Disks), || format!("it holds {content:?}"))?;
    let text = seen.description.as_deref();
    check(text == Some(&spec.description), || format!("the description became {text:?}"))?;
    t.is(&made.vm, PowerState::Stopped).await
}

pub(super) async fn ensure_snapshot_twice_makes_one_snapshot(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    let spec = SnapshotSpec::new("s1");
    let (id, first) = take_as(t, &made, spec.clone()).await?;
    let first = first?;
    let again = ensure(t, &made, id, &spec).await??;
    check(!again.created, || "the second call says that it took it".to_owned())?;
    check(again.snapshot == first.snapshot, || format!("{first:?} became {again:?}"))?;
    count(t, &made, 1).await
}

pub(super) async fn another_snapshot_of_the_same_name_is_a_conflict(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    take(t, &made, "s1").await?;
    let (_, second) = take_as(t, &made, SnapshotSpec::new("s1")).await?;
    let error = refused(second, &[Kind::Conflict])?;
    check(!error.is_unknown(), || "it is unsure whether it took one".to_owned())?;
    count(t, &made, 1).await?;
    // Another VM's names are its own.
    let other = t.vm().await?;
    take(t, &other, "s1").await?;
    count(t, &made, 1).await
}

pub(super) async fn a_snapshot_of_a_stopped_vm_is_offline(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    let spec = SnapshotSpec { quiesce: Quiesce::Required, ..SnapshotSpec::new("s1") };
    take_as(t, &made, spec).await?.1?;
    let seen = one(t, &made, "s1").await?;
    let consistency = seen.consistency.value();
    check(consistency == Some(&Consistency::Offline), || format!("it is {consistency:?}"))
}

pub(super) async fn a_snapshot_of_a_running_vm_leaves_it_running(t: &Trial<'_>) -> Check {
    if !t.snapshots()?.limits().live {
        let made = t.running().await?;
        let (_, taken) = take_as(t, &made, SnapshotSpec::new("s1")).await?;
        refused(taken, &[Kind::Conflict])?;
        return t.is(&made.vm, PowerState::Running).await;
    }
    let made = live(t).await?;
    take(t, &made, "s1").await?;
    let seen = one(t, &made, "s1").await?;
    let consistency = seen.consistency.value().copied();
    let fits = !matches!(consistency, Some(Consistency::Offline | Consistency::Memory));
    check(fits, || format!("it ran, and the snapshot is {consistency:?}"))?;
    t.is(&made.vm, PowerState::Running).await
}

pub(super) async fn a_guest_that_has_to_be_at_rest_is_or_there_is_no_snapshot(
    t: &Trial<'_>,
) -> Check {
    let made = live(t).await?;
    let spec = SnapshotSpec { quiesce: Quiesce::Required, ..SnapshotSpec::new("s1") };
    let (_, taken) = take_as(t, &made, spec).await?;
    match taken {
        Ok(_) => {
            let consistency = one(t, &made, "s1").await?.consistency.value().copied();
            let rests = consistency == Some(Consistency::Quiesced);
            check(rests, || format!("it had to be at rest, and is {consistency:?}"))?;
        }
        error => {
            refused(error, &[Kind::Conflict, Kind::Unsupported])?;
            count(t, &made, 0).await?;
        }
    }
    t.is(&made.vm, PowerState::Running).await
}

fn with_memory(name: &str) -> SnapshotSpec {
    SnapshotSpec { content: SnapshotContent::DisksAndMemory, ..SnapshotSpec::new(name) }
}

pub(super) async fn memory_is_held_where_limits_say_so_and_refused_elsewhere(
    t: &Trial<'_>,
) -> Check {
    let made = t.running().await?;
    let (_, taken) = take_as(t, &made, with_memory("s1")).await?;
    if !t.snapshots()?.limits().memory {
        refused(taken, &[Kind::Unsupported])?;
        return count(t, &made, 0).await;
    }
    taken?;
    let seen = one(t, &made, "s1").await?;
    let told = (seen.content.value().copied(), seen.consistency.value().copied());
    let wanted = (Some(SnapshotContent::DisksAndMemory), Some(Consistency::Memory));
    check(told == wanted, || format!("it is {told:?}"))?;
    t.is(&made.vm, PowerState::Running).await?;
    stop(t, &made).await?;
    let (_, taken) = take_as(t, &made, with_memory("s2")).await?;
    refused(taken, &[Kind::Conflict, Kind::Unsupported])?;
    count(t, &made, 1).await
}

pub(super) async fn a_snapshot_grows_from_the_one_before_where_there_is_a_tree(
    t: &Trial<'_>,
) -> Check {
    let made = t.vm().await?;
    let first = take(t, &made, "s1").await?.snapshot;
    take(t, &made, "s2").await?;
    let (one, two) = (one(t, &made, "s1").await?, one(t, &made, "s2").await?);
    if !t.snapshots()?.limits().tree {
        let told = two.parent.value().is_some() || two.is_current.value().is_some();
        return check(!told, || "it tells of a tree that its limits deny".to_owned());
    }
    check(one.parent.value() == Some(&None), || format!("the first: {:?}", one.parent))?;
    let parent = two.parent.value().cloned().flatten();
    check(parent == Some(first.external_ref.clone()), || format!("the second: {parent:?}"))?;
    let current = (one.is_current.value().copied(), two.is_current.value().copied());
    check(current == (Some(false), Some(true)), || format!("current: {current:?}"))?;
    revert(t, &made, &first).await??;
    take(t, &made, "s3").await?;
    let three = self::one(t, &made, "s3").await?.parent.value().cloned().flatten();
    check(three == Some(first.external_ref), || format!("after going back: {three:?}"))
}

pub(super) async fn revert_leaves_a_stopped_vm_stopped(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    let snapshot = take(t, &made, "s1").await?.snapshot;
    revert(t, &made, &snapshot).await??;
    t.is(&made.vm, PowerState::Stopped).await?;
    let seen = one(t, &made, "s1").await?;
    check(seen.state == SnapshotState::Ready, || format!("it is {:?} now", seen.state))
}

pub(super) async fn revert_of_a_running_vm_is_as_limits_say(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    let snapshot = take(t, &made, "s1").await?.snapshot;
    t.power()?.start(&t.cx(), &made.vm).await?;
    let reverted = revert(t, &made, &snapshot).await?;
    if t.snapshots()?.limits().reverts_live {
        reverted?;
        return t.is(&made.vm, PowerState::Stopped).await;
    }
    let error = refused(reverted, &[Kind::Conflict])?;
    check(!error.is_unknown(), || "it is unsure whether it put it back".to_owned())?;
    t.is(&made.vm, PowerState::Running).await
}

pub(super) async fn revert_with_memory_goes_on(t: &Trial<'_>) -> Check {
    if !t.snapshots()?.limits().memory {
        return skip("its limits say that snapshots hold no memory");
    }
    let made = live(t).await?;
    let snapshot = take_as(t, &made, with_memory("s1")).await?.1?.snapshot;
    stop(t, &made).await?;
    revert(t, &made, &snapshot).await??;
    t.is(&made.vm, PowerState::Running).await
}

pub(super) async fn revert_for_one_operation_happens_once(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    let snapshot = take(t, &made, "s1").await?.snapshot;
    let operation = t.setting.ids.next(OperationId::new);
    revert_for(t, operation, &made, &snapshot).await??;
    t.power()?.start(&t.cx(), &made.vm).await?;
    revert_for(t, operation, &made, &snapshot).await??;
    t.is(&made.vm, PowerState::Running).await
}

/// The VM's volume, and each that a revert moves its disk to: all of them are there after the VM.
pub(super) async fn the_volumes_of_a_vm_that_was_put_back_outlive_it(t: &Trial<'_>) -> Check {
    let volume = t.volume().await?;
    t.ensure_volume(&volume, 1 << 20, VolumeContent::Empty).await??;
    let mut spec = t.spec();
    spec.disks.push(disk("data", &volume));
    let bound = DiskBinding { disk: "data".to_owned(), volume: volume.clone(), owned: true };
    let made = t.make(spec, vec![bound]).await?;
    let snapshot = take(t, &made, "s1").await?.snapshot;
    let mut all = vec![volume.clone()];
    for _ in 0..2 {
        let operation = t.setting.ids.next(OperationId::new);
        let told = revert_for(t, operation, &made, &snapshot).await??;
        let again = revert_for(t, operation, &made, &snapshot).await??;
        check(told == again, || format!("for one operation {told:?} became {again:?}"))?;
        for moved in told.moved {
            check(moved.disk == "data", || format!("it has no disk {:?}", moved.disk))?;
            let new = VolumeRef { name: moved.volume, ..volume.clone() };
            t.removes(new.clone());
            check(!all.contains(&new), || format!("{new} was there before"))?;
            all.push(new);
        }
    }
    t.create()?.remove_vm(&t.cx(), &made.vm).await?;
    // What a cluster clears away behind a VM goes a moment later.
    sleep(SETTLED).await;
    let listed = t.storage()?.volumes(&t.cx(), &volume.host_ref, &volume.pool).await?;
    let gone = all.iter().find(|wanted| !listed.iter().any(|seen| seen.name == wanted.name));
    check(gone.is_none(), || format!("volumes went with the VM: {gone:?}"))
}

pub(super) async fn revert_to_an_absent_snapshot_is_not_found(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    let snapshot = take(t, &made, "s1").await?.snapshot;
    t.snapshots()?.remove_snapshot(&t.cx(), &made.vm, &snapshot).await?;
    let error = refused(revert(t, &made, &snapshot).await?, &[Kind::NotFound])?;
    check(!error.is_unknown(), || "it is unsure whether it put it back".to_owned())
}

pub(super) async fn remove_snapshot_takes_it_off_the_list(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    let snapshot = take(t, &made, "s1").await?.snapshot;
    t.snapshots()?.remove_snapshot(&t.cx(), &made.vm, &snapshot).await?;
    count(t, &made, 0).await?;
    t.is(&made.vm, PowerState::Stopped).await
}

pub(super) async fn remove_of_absent_snapshot_succeeds(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    let snapshot = take(t, &made, "s1").await?.snapshot;
    let snapshots = t.snapshots()?;
    snapshots.remove_snapshot(&t.cx(), &made.vm, &snapshot).await?;
    snapshots.remove_snapshot(&t.cx(), &made.vm, &snapshot).await?;
    t.create()?.remove_vm(&t.cx(), &made.vm).await?;
    Ok(snapshots.remove_snapshot(&t.cx(), &made.vm, &snapshot).await?)
}

pub(super) async fn remove_of_a_parent_leaves_its_children(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    let first = take(t, &made, "s1").await?.snapshot;
    let second = take(t, &made, "s2").await?.snapshot;
    t.snapshots()?.remove_snapshot(&t.cx(), &made.vm, &first).await?;
    let two = one(t, &made, "s2").await?;
    check(two.state == SnapshotState::Ready, || format!("the child is {:?} now", two.state))?;
    if t.snapshots()?.limits().tree {
        check(two.parent.value() == Some(&None), || format!("it grows from {:?}", two.parent))?;
    }
    revert(t, &made, &second).await??;
    Ok(())
}

pub(super) async fn a_vm_with_snapshots_can_be_removed(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    take(t, &made, "s1").await?;
    t.create()?.remove_vm(&t.cx(), &made.vm).await?;
    check(t.listed(&made.vm).await?.is_none(), || "it is still listed".to_owned())
}

/// A snapshot whose taking was cut off; whether it is there in the end. On the way no
/// look may show it without its tag.
async fn half_taken(t: &Trial<'_>, made: &Made, point: Duration) -> Check<(SnapshotId, bool)> {
    let id = t.setting.ids.next(SnapshotId::new);
    let (spec, snapshots) = (SnapshotSpec::new("s1"), t.snapshots()?);
    let request = &EnsureSnapshot { id, vm: &made.vm, spec: &spec };
    let call = |cx: Cx| async move { snapshots.ensure_snapshot(&cx, request).await.map(drop) };
    let ended = cut_off(t, point, call).await;
    sleep(SETTLED).await;
    let all = list(t, made).await?;
    check(all.iter().all(|seen| seen.tag == Some(id)), || format!("it came as {all:?}"))?;
    if says_nothing(&ended) && !all.is_empty() {
        return fail("it said that nothing happened, and took the snapshot");
    }
    check(ended.is_err() || !all.is_empty(), || "it said that it took it".to_owned())?;
    Ok((id, !all.is_empty()))
}

pub(super) async fn a_look_after_a_cancelled_ensure_snapshot_tells_the_truth(
    t: &Trial<'_>,
) -> Check {
    for point in POINTS {
        let made = t.vm().await?;
        let (_, is_there) = half_taken(t, &made, point).await?;
        if is_there {
            let seen = one(t, &made, "s1").await?;
            let reference = SnapshotRef { external_ref: seen.external_ref, name: seen.name };
            t.snapshots()?.remove_snapshot(&t.cx(), &made.vm, &reference).await?;
            sleep(SETTLED).await;
            count(t, &made, 0).await?;
        }
    }
    Ok(())
}

pub(super) async fn ensure_snapshot_after_a_cancelled_one_takes_one_snapshot(
    t: &Trial<'_>,
) -> Check {
    for point in POINTS {
        let made = t.vm().await?;
        let (id, _) = half_taken(t, &made, point).await?;
        let spec = SnapshotSpec::new("s1");
        t.persist(|| async {
            match ensure(t, &made, id, &spec).await {
                Ok(ended) => ended.map(drop),
                Err(_) => Ok(()), // the group is there, as the first call has shown
            }
        })
        .await?;
        sleep(SETTLED).await;
        count(t, &made, 1).await?;
        let seen = one(t, &made, "s1").await?;
        check(seen.state == SnapshotState::Ready, || format!("it is {:?}", seen.state))?;
    }
    Ok(())
}
