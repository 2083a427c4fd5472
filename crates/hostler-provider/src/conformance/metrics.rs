//! The promises of [`crate::Metrics`]: what is told was measured, belongs to
//! what it is told of, and is told once.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::clock::ManualClock;
use hostler_core::metrics::{Cost, Labels, Metric, MetricKind, Point, Resource};
use tokio_util::sync::CancellationToken;

use super::trial::{Check, Trial, check, fail, refused, skip};
use crate::{Batch, Cx, Kind, Measured, VmRef};

/// As for the other calls.
const SHORT: Duration = Duration::from_secs(1);
const GRACE: Duration = Duration::from_secs(30);

/// Makes a pass. Skips where the provider makes no such pass.
async fn pass(t: &Trial<'_>, cost: Cost) -> Check<Batch> {
    let metrics = t.metrics()?;
    if !metrics.passes().contains(&cost) {
        return skip(format!("the provider makes no pass {}", cost.as_str()));
    }
    Ok(metrics.collect(&t.cx(), cost).await?)
}

/// Every pass that the provider makes.
async fn passes(t: &Trial<'_>) -> Check<Vec<(Cost, Batch)>> {
    let mut all = Vec::new();
    for cost in t.metrics()?.passes() {
        all.push((*cost, pass(t, *cost).await?));
    }
    Ok(all)
}

/// All that a batch has, each with its name and what it is a measurement of.
fn each(batch: &Batch) -> impl Iterator<Item = (String, Resource, Timestamp, &[Point])> {
    fn of<'a, R>(
        list: &'a [Measured<R>],
        resource: Resource,
        name: impl Fn(&R) -> String + 'a,
    ) -> impl Iterator<Item = (String, Resource, Timestamp, &'a [Point])> {
        list.iter().map(move |one| (name(&one.of), resource, one.at, &*one.points))
    }
    of(&batch.vms, Resource::Vm, |vm| vm.external_ref.clone())
        .chain(of(&batch.hosts, Resource::Host, Clone::clone))
        .chain(of(&batch.pools, Resource::Pool, |pool| format!("{pool:?}")))
        .chain(of(&batch.containers, Resource::Container, |one| one.id.clone()))
}

fn find<'a>(batch: &'a Batch, vm: &VmRef) -> Option<&'a Measured<VmRef>> {
    batch.vms.iter().find(|one| one.of.external_ref == vm.external_ref)
}

/// Waits until the VM is measured by that pass: a first pass may find it busy.
async fn until_measured(t: &Trial<'_>, cost: Cost, vm: &VmRef) -> Check<Measured<VmRef>> {
    let until = tokio::time::Instant::now() + t.setting.boot_within;
    loop {
        let batch = pass(t, cost).await?;
        if let Some(found) = find(&batch, vm) {
            return Ok(found.clone());
        }
        let silent = batch.silent.iter().find(|one| one.vm.external_ref == vm.external_ref);
        if tokio::time::Instant::now() >= until {
            let why = silent.map_or("nothing was told of it", |silent| &silent.reason);
            return fail(format!("the pass {} never measured it: {why}", cost.as_str()));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

pub(super) async fn every_declared_pass_can_be_made(t: &Trial<'_>) -> Check {
    let declared = t.metrics()?.passes();
    check(!declared.is_empty(), || "it measures and makes no pass".to_owned())?;
    check(!declared.contains(&Cost::Own), || "what is computed is no pass".to_owned())?;
    let different: HashSet<_> = declared.iter().collect();
    check(different.len() == declared.len(), || format!("a pass twice: {declared:?}"))?;
    passes(t).await.map(drop)
}

pub(super) async fn points_are_sound_and_belong_to_their_pass(t: &Trial<'_>) -> Check {
    for (cost, batch) in passes(t).await? {
        for (name, resource, _, points) in each(&batch) {
            let mut told = HashSet::new();
            for point in points {
                let family = point.metric.family();
                let belongs = family.resource == resource && family.cost == cost;
                let is_info = family.kind == MetricKind::Info;
                let is_counter = family.kind == MetricKind::Counter;
                let is_possible = (!is_info || (point.value - 1.0).abs() < f64::EPSILON)
                    && (!is_counter || point.value >= 0.0);
                check(point.is_sound() && belongs && is_possible, || {
                    format!("pass {} tells of {name}: {point:?}", cost.as_str())
                })?;
                check(told.insert((point.metric, point.labels.clone())), || {
                    format!("pass {} tells of {name} twice: {point:?}", cost.as_str())
                })?;
            }
        }
    }
    Ok(())
}

pub(super) async fn nothing_is_measured_twice_in_a_pass(t: &Trial<'_>) -> Check {
    for (cost, batch) in passes(t).await? {
        let silent = batch.silent.iter().map(|one| (one.vm.external_ref.clone(), Resource::Vm));
        let measured = each(&batch).map(|(name, resource, _, _)| (name, resource));
        let mut told = HashSet::new();
        for (name, resource) in measured.chain(silent) {
            check(told.insert((name.clone(), resource)), || {
                format!("pass {}: {} {name} twice", cost.as_str(), resource.as_str())
            })?;
        }
    }
    Ok(())
}

pub(super) async fn what_is_measured_is_in_the_inventory(t: &Trial<'_>) -> Check {
    let inventory = t.provider.inventory(&t.cx()).await?;
    let vms: HashSet<_> = inventory.vms.iter().map(|vm| vm.external_ref.as_str()).collect();
    let hosts: HashSet<_> =
        inventory.hosts.iter().map(|host| host.host.external_ref.as_str()).collect();
    let pools: HashSet<_> =
        inventory.pools.iter().map(|pool| (pool.host_ref.as_deref(), &*pool.name)).collect();
    for (cost, batch) in passes(t).await? {
        let word = cost.as_str();
        for one in &batch.vms {
            let is_known = vms.contains(&*one.of.external_ref);
            check(is_known, || format!("pass {word}: there is no VM {}", one.of))?;
        }
        for one in &batch.hosts {
            check(hosts.contains(&*one.of), || format!("pass {word}: no host {}", one.of))?;
        }
        for one in &batch.pools {
            let is_known = pools.contains(&(one.of.host_ref.as_deref(), &*one.of.name));
            check(is_known, || format!("pass {word}: there is no pool {:?}", one.of))?;
        }
    }
    Ok(())
}

pub(super) async fn measurements_bear_the_time_of_the_context(t: &Trial<'_>) -> Check {
    let now = Timestamp::from_millis(1_234_567_890_000);
    let cx = t.cx().with_clock(Arc::new(ManualClock::at(now)));
    for cost in t.metrics()?.passes() {
        let batch = t.metrics()?.collect(&cx, *cost).await?;
        for (name, _, at, _) in each(&batch) {
            check(at == now, || format!("{name} was measured at {at}, not at {now}"))?;
        }
    }
    Ok(())
}

/// Goes on only if the VM is told to be in this state, where states are told at all:
/// the inventory tells them, too.
fn is_in(measured: &Measured<VmRef>, wanted: &str) -> Check {
    let states = measured.points.iter().filter(|point| point.metric == Metric::VmState);
    let told: Vec<_> = states.filter(|point| point.value > 0.0).collect();
    let is_wanted = |point: &Point| point.labels.values().first().is_some_and(|s| **s == *wanted);
    let is_right = match told.as_slice() {
        [] => measured.points.iter().all(|point| point.metric != Metric::VmState),
        [one] => is_wanted(one),
        _ => false,
    };
    check(is_right, || format!("it is told to be in {told:?} instead of {wanted}"))
}

pub(super) async fn a_vm_is_measured_in_the_state_it_is_in(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    is_in(&until_measured(t, Cost::State, &made.vm).await?, "stopped")?;
    t.power()?.start(&t.cx(), &made.vm).await?;
    is_in(&until_measured(t, Cost::State, &made.vm).await?, "running")?;
    t.power()?.pause(&t.cx(), &made.vm).await?;
    is_in(&until_measured(t, Cost::State, &made.vm).await?, "paused")
}

pub(super) async fn only_a_running_vm_uses_a_processor(t: &Trial<'_>) -> Check {
    let (running, stopped) = (t.running().await?, t.vm().await?);
    let measured = until_measured(t, Cost::Stats, &running.vm).await?;
    let uses = |one: &Measured<VmRef>| {
        one.points.iter().any(|point| point.metric == Metric::VmCpuSecondsTotal)
    };
    check(uses(&measured), || format!("a running VM uses none: {:?}", measured.points))?;
    let batch = pass(t, Cost::Stats).await?;
    check(!find(&batch, &stopped.vm).is_some_and(uses), || {
        "a stopped VM is told to use a processor".to_owned()
    })?;
    check(batch.silent.iter().all(|one| one.vm.external_ref != stopped.vm.external_ref), || {
        "a stopped VM is told not to answer".to_owned()
    })?;
    t.power()?.stop(&t.cx(), &running.vm, crate::StopMode::Force).await?;
    let batch = pass(t, Cost::Stats).await?;
    check(!find(&batch, &running.vm).is_some_and(uses), || {
        "it was stopped and is told to use a processor".to_owned()
    })
}

pub(super) async fn counters_of_a_running_vm_only_grow(t: &Trial<'_>) -> Check {
    let made = t.running().await?;
    let counters = |measured: Measured<VmRef>| -> BTreeMap<(Metric, Labels), f64> {
        let is_counter = |p: &Point| p.metric.family().kind == MetricKind::Counter;
        let points = measured.points.into_iter().filter(is_counter);
        points.map(|point| ((point.metric, point.labels), point.value)).collect()
    };
    let first = counters(until_measured(t, Cost::Stats, &made.vm).await?);
    check(!first.is_empty(), || "a running VM has no counters".to_owned())?;
    let second = counters(until_measured(t, Cost::Stats, &made.vm).await?);
    for (key, value) in &first {
        check(second.get(key).is_none_or(|later| later >= value), || {
            format!("{key:?} was {value} and then {:?}", second.get(key))
        })?;
    }
    Ok(())
}

pub(super) async fn a_deleted_vm_is_measured_no_more(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    until_measured(t, Cost::State, &made.vm).await?;
    t.create()?.remove_vm(&t.cx(), &made.vm).await?;
    for (cost, batch) in passes(t).await? {
        let is_silent = batch.silent.iter().any(|one| one.vm.external_ref == made.vm.external_ref);
        check(find(&batch, &made.vm).is_none() && !is_silent, || {
            format!("pass {} still tells of it", cost.as_str())
        })?;
    }
    Ok(())
}

pub(super) async fn a_pass_obeys_cancel(t: &Trial<'_>) -> Check {
    let token = CancellationToken::new();
    token.cancel();
    let cx = t.cx().with_cancel(token);
    for cost in t.metrics()?.passes() {
        refused(t.metrics()?.collect(&cx, *cost).await, &[Kind::Cancelled])?;
    }
    passes(t).await.map(drop)
}

pub(super) async fn a_pass_keeps_its_deadline(t: &Trial<'_>) -> Check {
    passes(t).await?;
    t.hang().await?;
    for cost in t.metrics()?.passes() {
        let cx = Cx::within(SHORT);
        let collected = t.metrics()?.collect(&cx, *cost);
        match tokio::time::timeout(SHORT + GRACE, collected).await {
            Ok(ended) => drop(refused(ended, &[Kind::Timeout, Kind::Unavailable])?),
            Err(_) => return fail(format!("pass {} outlived its deadline", cost.as_str())),
        }
    }
    t.unhang().await;
    for cost in t.metrics()?.passes() {
        let metrics = t.metrics()?;
        t.persist(|| async { metrics.collect(&t.cx(), *cost).await.map(drop) }).await?;
    }
    Ok(())
}
