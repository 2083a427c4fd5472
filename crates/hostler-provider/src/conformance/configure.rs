//! The promises of [`crate::Configure`]. Changes are of processors and memory, which every
//! place with the group has.

use hostler_core::Code;
use hostler_core::vm::change::{ChangePlan, Managed, Takes};
use hostler_core::vm::{ObservedVm, PowerState, VmSpec};
use tokio::time::sleep;

use super::late;
use super::trial::{Check, Made, Stop, Trial, check, disk, fail, refused, skip};
use crate::{ChangeVm, Cx, DiskBinding, Kind, Result, StopMode, VmRef, VolumeRef};

/// The same VM with twice the memory and one processor more.
fn larger(spec: &VmSpec) -> VmSpec {
    let mut larger = spec.clone();
    larger.memory.bytes *= 2;
    larger.cpu.count += 1;
    larger.cpu.max_count = larger.cpu.max_count.filter(|most| *most >= larger.cpu.count);
    larger
}

fn request<'a>(made: &'a Made, before: &'a VmSpec, spec: &'a VmSpec) -> ChangeVm<'a> {
    let (vm, at, disks) = (made.id, &made.vm, made.disks.as_slice());
    ChangeVm { vm, at, before, spec, disks, seed: None, take_over: &[], from_gitops: false }
}

async fn plan(t: &Trial<'_>, made: &Made, spec: &VmSpec) -> Check<ChangePlan> {
    Ok(t.configure()?.plan_change(&t.cx(), &request(made, &made.spec, spec)).await?)
}

async fn change(t: &Trial<'_>, made: &Made, spec: &VmSpec) -> Check<Result<ChangePlan>> {
    Ok(t.configure()?.change_vm(&t.cx(), &request(made, &made.spec, spec)).await)
}

fn paths(plan: &ChangePlan) -> Vec<&str> {
    plan.changes.iter().map(|change| change.field.path.as_str()).collect()
}

/// Whether a plan is that of [`larger`].
fn is_of_larger(plan: &ChangePlan) -> Check {
    let told = paths(plan);
    let wanted = ["/cpu/count", "/memory/bytes"];
    check(wanted.iter().all(|one| told.contains(one)), || format!("it tells {told:?}"))
}

async fn seen(t: &Trial<'_>, vm: &VmRef) -> Check<ObservedVm> {
    match t.listed(vm).await? {
        Some(seen) => Ok(seen),
        None => fail("it is not in the inventory"),
    }
}

/// The VM, which is off, is so large.
async fn is_as(t: &Trial<'_>, vm: &VmRef, spec: &VmSpec) -> Check {
    let seen = seen(t, vm).await?;
    let memory = seen.memory_max_bytes.value().or(seen.memory_bytes.value());
    check(memory == Some(&spec.memory.bytes), || {
        format!("its memory is {memory:?} instead of {}", spec.memory.bytes)
    })?;
    let cpus = seen.cpu_count.value();
    check(cpus == Some(&spec.cpu.count), || {
        format!("its processors are {cpus:?} instead of {}", spec.cpu.count)
    })
}

pub(super) async fn plan_change_tells_what_differs_and_touches_nothing(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    let wanted = larger(&made.spec);
    let plan = plan(t, &made, &wanted).await?;
    is_of_larger(&plan)?;
    check(plan.managed_by_others.is_empty(), || format!("{:?}", plan.managed_by_others))?;
    let before = plan.before(&wanted).map_err(|error| Stop::Failed(error.to_string()))?;
    check(before == made.spec, || format!("it leads from {before:?}"))?;
    is_as(t, &made.vm, &made.spec).await
}

pub(super) async fn plan_change_of_nothing_is_empty(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    let plan = plan(t, &made, &made.spec).await?;
    check(plan.is_empty(), || format!("it tells {:?}", paths(&plan)))
}

pub(super) async fn change_vm_makes_it_so(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    let wanted = larger(&made.spec);
    is_of_larger(&change(t, &made, &wanted).await??)?;
    is_as(t, &made.vm, &wanted).await?;
    t.is(&made.vm, PowerState::Stopped).await?;
    t.power()?.start(&t.cx(), &made.vm).await?;
    t.is(&made.vm, PowerState::Running).await
}

pub(super) async fn change_vm_twice_changes_it_once(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    let wanted = larger(&made.spec);
    change(t, &made, &wanted).await??;
    let again = change(t, &made, &wanted).await??;
    check(again.is_empty(), || format!("it changes {:?} again", paths(&again)))?;
    is_as(t, &made.vm, &wanted).await
}

pub(super) async fn change_vm_back_makes_it_what_it_was(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    let wanted = larger(&made.spec);
    change(t, &made, &wanted).await??;
    t.configure()?.change_vm(&t.cx(), &request(&made, &wanted, &made.spec)).await?;
    is_as(t, &made.vm, &made.spec).await
}

pub(super) async fn change_vm_changes_the_description(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    let mut wanted = made.spec.clone();
    wanted.description = "what it is for: <&> \"now\"".to_owned();
    change(t, &made, &wanted).await??;
    let told = seen(t, &made.vm).await?.description;
    check(told.as_deref() == Some(&wanted.description), || format!("it became {told:?}"))
}

pub(super) async fn change_vm_of_a_running_vm_leaves_it_running(t: &Trial<'_>) -> Check {
    let made = t.running().await?;
    is_of_larger(&change(t, &made, &larger(&made.spec)).await??)?;
    t.is(&made.vm, PowerState::Running).await?;
    t.power()?.stop(&t.cx(), &made.vm, StopMode::Force).await?;
    t.is(&made.vm, PowerState::Stopped).await?;
    is_as(t, &made.vm, &larger(&made.spec)).await
}

/// What a running VM is told to have is what it has; what it will have is told as waiting.
pub(super) async fn change_vm_tells_what_waits_for_the_next_start(t: &Trial<'_>) -> Check {
    let made = t.running().await?;
    let mut wanted = made.spec.clone();
    wanted.rng = !wanted.rng;
    let told = change(t, &made, &wanted).await??;
    check(paths(&told) == ["/rng"], || format!("it tells {:?}", paths(&told)))?;
    let waits = told.changes.first().is_some_and(|one| one.takes == Takes::NextStart);
    let needs = seen(t, &made.vm).await?.needs_restart;
    check(needs.value() == Some(&waits), || {
        format!("the change waits: {waits}; the VM needs a restart: {needs:?}")
    })?;
    t.power()?.stop(&t.cx(), &made.vm, StopMode::Force).await?;
    t.power()?.start(&t.cx(), &made.vm).await?;
    let needs = seen(t, &made.vm).await?.needs_restart;
    check(needs.value() != Some(&true), || "it needs a restart after its restart".to_owned())
}

pub(super) async fn a_change_of_disks_is_refused_with_what_to_do(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    let pool = t.setting.pool.clone().unwrap_or_else(|| "default".to_owned());
    let volume = VolumeRef { host_ref: t.setting.host_ref.clone(), pool, name: "none".to_owned() };
    let mut wanted = made.spec.clone();
    wanted.disks.push(disk("more", &volume));
    let disks = [DiskBinding { disk: "more".to_owned(), volume, owned: false }];
    let request = ChangeVm { disks: &disks, ..request(&made, &made.spec, &wanted) };
    let error = refused(t.configure()?.change_vm(&t.cx(), &request).await, &[Kind::Invalid])?;
    check(error.message().contains("attach"), || format!("no remedy: {error}"))?;
    check(!error.is_unknown(), || "it is unsure whether it changed anything".to_owned())
}

pub(super) async fn a_change_that_is_refused_changes_nothing(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    let mut wanted = larger(&made.spec);
    wanted.name.push_str("-else");
    refused(change(t, &made, &wanted).await?, &[Kind::Invalid])?;
    is_as(t, &made.vm, &made.spec).await
}

pub(super) async fn plan_and_change_of_an_absent_vm_are_not_found(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    t.create()?.remove_vm(&t.cx(), &made.vm).await?;
    let wanted = larger(&made.spec);
    let request = request(&made, &made.spec, &wanted);
    refused(t.configure()?.plan_change(&t.cx(), &request).await, &[Kind::NotFound])?;
    refused(t.configure()?.change_vm(&t.cx(), &request).await, &[Kind::NotFound])?;
    Ok(())
}

/// A VM whose memory somebody else has set.
async fn edited(t: &Trial<'_>) -> Check<(Made, u64)> {
    let made = t.vm().await?;
    let bytes = made.spec.memory.bytes * 4;
    if !t.harness.edit_memory(&made.vm, bytes).await {
        return skip("the harness cannot edit a VM in the name of somebody else");
    }
    Ok((made, bytes))
}

pub(super) async fn fields_of_others_are_shown_and_left_alone(t: &Trial<'_>) -> Check {
    let (made, bytes) = edited(t).await?;
    let shown = plan(t, &made, &made.spec).await?;
    check(paths(&shown) == ["/memory/bytes"], || format!("it tells {:?}", paths(&shown)))?;
    let [only] = shown.managed_by_others.as_slice() else {
        return fail(format!("it shows {:?}", shown.managed_by_others));
    };
    let error = refused(change(t, &made, &made.spec).await?, &[Kind::Conflict])?;
    check(error.code() == Code::VmFieldsManaged, || format!("its code is {}", error.code()))?;
    for word in [&only.field, &only.manager] {
        check(error.message().contains(word.as_str()), || format!("no {word}: {error}"))?;
    }
    let theirs = seen(t, &made.vm).await?;
    let memory = theirs.memory_max_bytes.value().or(theirs.memory_bytes.value()).copied();
    check(memory == Some(bytes), || format!("its memory became {memory:?}"))
}

pub(super) async fn fields_of_others_are_taken_over_as_they_were_shown(t: &Trial<'_>) -> Check {
    let (made, _) = edited(t).await?;
    let shown = plan(t, &made, &made.spec).await?.managed_by_others;
    let request = ChangeVm { take_over: &shown, ..request(&made, &made.spec, &made.spec) };
    t.configure()?.change_vm(&t.cx(), &request).await?;
    is_as(t, &made.vm, &made.spec).await?;
    let left = plan(t, &made, &larger(&made.spec)).await?.managed_by_others;
    check(left.is_empty(), || format!("others manage {left:?} still"))
}

pub(super) async fn fields_of_others_that_were_not_shown_stay_theirs(t: &Trial<'_>) -> Check {
    let (made, _) = edited(t).await?;
    let shown = plan(t, &made, &made.spec).await?.managed_by_others;
    let Some(one) = shown.first() else { return fail("nothing is shown") };
    let other = Managed { field: format!("{}.else", one.field), manager: one.manager.clone() };
    let (take_over, from_gitops) = (std::slice::from_ref(&other), true);
    let request = ChangeVm { take_over, from_gitops, ..request(&made, &made.spec, &made.spec) };
    refused(t.configure()?.change_vm(&t.cx(), &request).await, &[Kind::Conflict])?;
    Ok(())
}

/// A call that is cut off on its way says that nothing happened only if that is true for
/// ever; and asked again, it is as wanted.
pub(super) async fn change_vm_after_a_cancelled_one_makes_it_so(t: &Trial<'_>) -> Check {
    for point in late::POINTS {
        let made = t.vm().await?;
        let wanted = larger(&made.spec);
        let (configure, request) = (t.configure()?, request(&made, &made.spec, &wanted));
        let asked = &request;
        let call = |cx: Cx| async move { configure.change_vm(&cx, asked).await };
        let ended = late::cut_off(t, point, call).await;
        sleep(late::SETTLED).await;
        if late::says_nothing(&ended) {
            is_as(t, &made.vm, &made.spec).await?;
        }
        t.persist(|| async { configure.change_vm(&t.cx(), asked).await.map(drop) }).await?;
        is_as(t, &made.vm, &wanted).await?;
    }
    Ok(())
}
