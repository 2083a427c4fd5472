//! Changing VMs by server-side apply (X25).
//!
//! ```text
//!   what it is (processors, memory and description as they are now, else as last asked for)
//!      │ differs from what is wanted
//!      ▼
//!   document: what differs as wanted, everything else as it is (`merge`)
//!      │ applied for show ─► fields of others · what the cluster would refuse
//!      ▼
//!   applied ─► read back: kept? ─► its controller has looked: does it need a restart?
//! ```
//!
//! Only what differs is asked for anew, so that nobody's edit of something else stands in the
//! way or is lost: not what was plugged in, nor what a policy of the cluster has set. How it
//! is to be run is in no document of ours.
//!
//! What takes effect in a VM that runs, KubeVirt decides: sockets and memory up to the
//! instance's maximum where changes are rolled out live, and everything else at its next
//! start. Memory never goes below what it started with, nor sockets below what they are.

use std::ops::RangeInclusive;
use std::time::Duration;

use async_trait::async_trait;
use hostler_core::vm::VmSpec;
use hostler_core::vm::change::{ChangePlan, Difference, Keeper, Managed, Takes};
use hostler_provider::{ChangeVm, Configure, Cx, EnsureVm, Error, Kind, Result};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::apply::name_exactly;
use super::merge::{merged, name_as_live};
use super::{Found, Making, SEEN_WITHIN};
use crate::call::WriteOptions;
use crate::error::{Cause, Owned};
use crate::installation;
use crate::mapper::MappedVm;
use crate::objects::domain::DomainSpec;
use crate::objects::{self, VirtualMachine, VirtualMachineInstance};
use crate::provider::KubeVirt;
use crate::resource::Resource;

/// Where its description is.
const DESCRIPTION: &str = "/metadata/annotations/kubernetes.io~1description";
/// Under these every one of KubeVirt's own paths in a document begins.
const TEMPLATE: &str = "/spec/template/spec";

#[async_trait]
impl Configure for KubeVirt {
    async fn plan_change(&self, cx: &Cx, request: &ChangeVm<'_>) -> Result<ChangePlan> {
        let asked = request_of(request);
        let changing = Changing::begin(self, cx, request, &asked).await?;
        changing.tried().await
    }

    async fn change_vm(&self, cx: &Cx, request: &ChangeVm<'_>) -> Result<ChangePlan> {
        let asked = request_of(request);
        let changing = Changing::begin(self, cx, request, &asked).await?;
        let plan = changing.tried().await?;
        request.check(&plan).map_err(|error| error.context(&changing.making.doing))?;
        if plan.changes.iter().all(|change| change.field.path.starts_with("/labels")) {
            return Ok(plan);
        }
        changing.made(plan).await
    }
}

/// The same for what makes documents. Where it runs stays as it is.
fn request_of<'a>(request: &ChangeVm<'a>) -> EnsureVm<'a> {
    let ChangeVm { vm, spec, disks, seed, .. } = *request;
    EnsureVm { vm, spec, host_ref: "", disks, seed }
}

/// One VM that is to be changed.
struct Changing<'a> {
    making: Making<'a>,
    request: &'a ChangeVm<'a>,
    found: Found,
    /// What it is.
    is: VmSpec,
    /// What of it could change while it runs; `None` where nothing could.
    live: Option<Room>,
}

/// How far a VM that runs can be changed.
#[derive(Debug, Default)]
struct Room {
    sockets: Option<RangeInclusive<u32>>,
    of_socket: u32,
    memory: Option<RangeInclusive<u64>>,
}

impl<'a> Changing<'a> {
    async fn begin(
        provider: &'a KubeVirt,
        cx: &'a Cx,
        request: &'a ChangeVm<'a>,
        asked: &'a EnsureVm<'a>,
    ) -> Result<Self> {
        let making = Making::begin(provider, cx, asked, "change").await?;
        let missing = || making.error(Kind::NotFound, "it is not there");
        let found = making.find().await?.ok_or_else(missing)?;
        // Another one that was made under its mark since is not meant.
        if found.mapped.vm.external_ref != request.at.external_ref || found.is_ending() {
            return Err(missing());
        }
        let vm: VirtualMachine = objects::read(found.live.clone())?;
        let template = vm.spec.template.spec.as_ref();
        let domain = template.and_then(|it| it.domain.as_ref());
        let text = found.live.pointer(DESCRIPTION).and_then(Value::as_str);
        let is = as_seen(request.before, domain, text);
        let live = room(&making, &found, domain).await?;
        Ok(Self { making, request, found, is, live })
    }

    fn takes(&self, field: &Difference) -> Takes {
        let wanted = self.request.spec;
        let sized_by = self.found.mapped.vm.instance_type.as_ref();
        let is_size = field.path.starts_with("/cpu/") || field.path.starts_with("/memory/");
        if let Some(kind) = sized_by.filter(|_| is_size) {
            let why = format!("its size is that of the instance type \"{}\"", kind.name);
            return Takes::Refused(why);
        }
        let within = self.live.as_ref().is_some_and(|room| match field.path.as_str() {
            "/cpu/count" => {
                let sockets = wanted.cpu.count / room.of_socket.max(1);
                room.sockets.as_ref().is_some_and(|range| range.contains(&sockets))
            }
            "/memory/bytes" => {
                room.memory.as_ref().is_some_and(|range| range.contains(&wanted.memory.bytes))
            }
            _ => false,
        });
        // It is an annotation, and no part of what runs.
        if within || field.path == "/description" { Takes::Live } else { Takes::NextStart }
    }

    fn document_of(&self, spec: &VmSpec) -> Result<Value> {
        let EnsureVm { vm, disks, seed, .. } = *self.making.request;
        let asked = EnsureVm { vm, spec, host_ref: "", disks, seed };
        let namespace = &self.found.mapped.namespace;
        self.making.document_for(&asked, namespace, true)
    }

    /// What is to be applied.
    fn document(&self) -> Result<Value> {
        let mut wanted = self.document_of(self.request.spec)?;
        // What others made of it may be nothing that is made here; then all is asked for anew.
        let mut was = self.document_of(&self.is).unwrap_or_default();
        let live = &self.found.live;
        name_as_live(&mut was, live);
        name_as_live(&mut wanted, live);
        let mut document = merged(&was, &wanted, live);
        set_affinity(&mut document, live);
        name_exactly(&mut document, &self.found.mapped);
        Ok(document)
    }

    /// The plan, tried where the cluster keeps it, and nothing kept.
    async fn tried(&self) -> Result<ChangePlan> {
        let mut plan = ChangePlan::of(&self.is, self.request.spec, |field| self.takes(field));
        plan.kept_by = self.found.mapped.owners.first().cloned().map(Keeper::from);
        if plan.is_empty() || plan.check().is_err() {
            return Ok(plan);
        }
        let document = self.document()?;
        let dry = WriteOptions { dry_run: true, ..WriteOptions::default() };
        match self.making.put(&self.found.mapped, &document, dry).await {
            Ok(tried) => {
                self.kept(&document, &tried)?;
                if is_same(&self.found.live, &tried) {
                    // All that is left is what only Hostler knows.
                    plan.changes.retain(|change| change.field.path.starts_with("/labels"));
                }
            }
            Err(failure) => match failure.cause {
                Cause::Owned(owned) => plan.managed_by_others = managed(owned),
                _ => return Err(self.making.failed(failure)),
            },
        }
        Ok(plan)
    }

    async fn made(&self, mut plan: ChangePlan) -> Result<ChangePlan> {
        let mut document = self.document()?;
        self.making.may_write()?;
        let force = !plan.managed_by_others.is_empty();
        if force {
            // Fields that somebody takes from now on were not shown to anybody.
            name_version(&mut document, &self.found.live);
        }
        let options = WriteOptions { force, ..WriteOptions::default() };
        let live = match self.making.put(&self.found.mapped, &document, options).await {
            Ok(live) => live,
            Err(failure) => {
                let owned = match failure.cause {
                    Cause::Owned(owned) => owned,
                    // Its controller writes its state, too: the next look may do.
                    Cause::Changed => {
                        let what = "it was changed at the same time; try again";
                        return Err(self.making.error(Kind::Unavailable, what));
                    }
                    _ => return Err(self.making.failed(failure)),
                };
                plan.managed_by_others = managed(owned);
                return match self.request.check(&plan) {
                    Err(refused) => Err(refused.context(&self.making.doing)),
                    Ok(()) => {
                        let what = "others changed it at the same time; look at the plan again";
                        Err(self.making.error(Kind::Conflict, what))
                    }
                };
            }
        };
        self.kept(&document, &live).map_err(Error::with_unknown_effect)?;
        if self.needs_restart(&live).await {
            for change in &mut plan.changes {
                let path = change.field.path.as_str();
                if path != "/description" && !path.starts_with("/labels") {
                    // Once it needs a restart for one thing, nothing else is brought to it.
                    change.takes = Takes::NextStart;
                }
            }
        }
        self.seen(&live).await;
        Ok(plan)
    }

    /// Fails where the cluster has taken fields and given them other values.
    fn kept(&self, document: &Value, live: &Value) -> Result<()> {
        let mut lost = Vec::new();
        let at = |object: &Value| object.pointer(TEMPLATE).cloned().unwrap_or_default();
        compare(&at(document), &at(live), TEMPLATE.to_owned(), &mut lost);
        let Some(first) = lost.first() else { return Ok(()) };
        let what = format!(
            "a policy of the cluster does not let it be so: {first}{}",
            if lost.len() > 1 { format!(" and {} more", lost.len() - 1) } else { String::new() }
        );
        Err(self.making.error(Kind::Invalid, &what))
    }

    /// Waits until what is followed shows the change, and that its controller has looked at it.
    async fn seen(&self, live: &Value) {
        let Some(wanted) = generation(live) else { return };
        let uid = &self.found.mapped.vm.external_ref;
        let is_so = |found: Option<&MappedVm>| {
            found.is_none_or(|vm| vm.observed_generation.is_some_and(|seen| seen >= wanted))
        };
        self.making.provider.followed_until(self.making.cx, uid, is_so).await;
    }

    /// Whether its controller says, once it has looked at the change, that it needs a restart.
    /// Older ones do not say so; then what was planned is told.
    async fn needs_restart(&self, live: &Value) -> bool {
        let Some(wanted) = generation(live) else { return false };
        let Making { cx, caller, .. } = &self.making;
        let key = self.making.key(&self.found.mapped.namespace);
        let until = cx.deadline().min(Instant::now() + SEEN_WITHIN);
        loop {
            let asked = caller.get(cx, Resource::VMS, &key).await;
            let vm = asked.ok().and_then(|live| objects::read::<VirtualMachine>(live).ok());
            if let Some(vm) = vm
                && vm.status.observed_generation.is_some_and(|seen| seen >= wanted)
            {
                let needs = vm.status.conditions.of("RestartRequired");
                return needs.is_some_and(|one| one.holds() == Some(true));
            }
            if Instant::now() + LOOK_SOON >= until || cx.is_cancelled() {
                return false;
            }
            sleep(LOOK_SOON).await;
        }
    }
}

/// How soon it is looked whether its controller has come to it.
const LOOK_SOON: Duration = Duration::from_millis(100);

/// How far it can be changed while it runs; `None` where it is off, or changes are not rolled
/// out live. Where the installation does not say which, the instance shows it: KubeVirt gives
/// it a maximum of memory only where it can grow.
async fn room(
    making: &Making<'_>,
    found: &Found,
    template: Option<&DomainSpec>,
) -> Result<Option<Room>> {
    let key = making.key(&found.mapped.namespace);
    let vmi: VirtualMachineInstance = match making.caller.get(making.cx, Resource::VMIS, &key).await
    {
        Ok(vmi) => objects::read(vmi)?,
        Err(failure) if failure.cause == Cause::ObjectMissing => return Ok(None),
        Err(failure) => return Err(making.failed(failure)),
    };
    let Some(domain) = vmi.spec.as_ref().and_then(|spec| spec.domain.as_ref()) else {
        return Ok(None);
    };
    if vmi.is_over() {
        return Ok(None);
    }
    let max_guest = domain.memory.max_guest.and_then(|quantity| quantity.round_up());
    // Who may not look at it has to take the instance's word.
    let told = installation::look(&making.caller, making.cx).await.ok().flatten();
    let rolls_out = told.and_then(|it| it.rolls_out_live).unwrap_or(max_guest.is_some());
    if !rolls_out {
        return Ok(None);
    }
    let now = (*domain.cpu.sockets).unwrap_or(1);
    let sockets = domain.cpu.max_sockets.map(|most| now..=most);
    // What it started with is at least what it is asked to have now, or it was grown since.
    let guest = domain.memory.guest.and_then(|quantity| quantity.round_up());
    let memory = guest.zip(max_guest).map(|(now, most)| now..=most);
    let of_socket = template.map_or(1, |it| {
        (*it.cpu.cores).unwrap_or(1).saturating_mul((*it.cpu.threads).unwrap_or(1))
    });
    Ok(Some(Room { sockets, of_socket, memory }))
}

/// What it was last asked to be, with what is seen of it now.
fn as_seen(before: &VmSpec, domain: Option<&DomainSpec>, description: Option<&str>) -> VmSpec {
    let mut is = before.clone();
    description.unwrap_or_default().clone_into(&mut is.description);
    let Some(domain) = domain else { return is };
    if let Some(bytes) = domain.memory.guest.and_then(|quantity| quantity.round_up())
        // What was asked for is rounded up when it is written.
        && bytes != before.memory.bytes.next_multiple_of(1 << 10)
    {
        is.memory.bytes = bytes;
    }
    let parts = [*domain.cpu.sockets, *domain.cpu.cores, *domain.cpu.threads];
    if domain.cpu.sockets.is_some() {
        is.cpu.count = parts.iter().fold(1, |all: u32, part| all.saturating_mul(part.unwrap_or(1)));
    }
    is
}

/// Where it is to run is nobody's wish any more once it was made; what is there stays.
fn set_affinity(document: &mut Value, live: &Value) {
    let template = document.pointer_mut(TEMPLATE).and_then(Value::as_object_mut);
    let Some(template) = template else { return };
    match live.pointer(&format!("{TEMPLATE}/affinity")) {
        Some(affinity) => drop(template.insert("affinity".to_owned(), affinity.clone())),
        None => drop(template.remove("affinity")),
    }
}

/// Only that very version is meant.
fn name_version(document: &mut Value, live: &Value) {
    let version = live.pointer("/metadata/resourceVersion").cloned();
    if let (Some(version), Some(metadata)) =
        (version, document.get_mut("metadata").and_then(Value::as_object_mut))
    {
        metadata.insert("resourceVersion".to_owned(), version);
    }
}

/// What of a document is otherwise in an object; lists may have been completed.
fn compare(wanted: &Value, live: &Value, path: String, lost: &mut Vec<String>) {
    match (wanted, live) {
        (Value::Object(wanted), Value::Object(live)) => {
            for (key, wanted) in wanted {
                let there = live.get(key).unwrap_or(&Value::Null);
                compare(wanted, there, format!("{path}/{key}"), lost);
            }
        }
        (Value::Array(wanted), Value::Array(live)) if wanted.len() <= live.len() => {
            for (index, (wanted, live)) in wanted.iter().zip(live).enumerate() {
                compare(wanted, live, format!("{path}/{index}"), lost);
            }
        }
        _ if wanted == live => {}
        _ => lost.push(format!("{path} is {live} instead of {wanted}")),
    }
}

fn generation(live: &Value) -> Option<u64> {
    live.pointer("/metadata/generation")?.as_u64()
}

/// Whether nothing of an object would be otherwise that anybody asked for.
fn is_same(live: &Value, tried: &Value) -> bool {
    ["/spec", "/metadata/annotations", "/metadata/labels"]
        .iter()
        .all(|part| live.pointer(part) == tried.pointer(part))
}

fn managed(owned: Vec<Owned>) -> Vec<Managed> {
    owned.into_iter().map(|Owned { manager, field }| Managed { field, manager }).collect()
}
