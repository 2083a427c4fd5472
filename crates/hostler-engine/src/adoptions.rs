//! VMs that were made elsewhere: what waits for a decision, and deciding it.
//!
//! Nothing is asked of a provider here and nothing is changed there: a VM that is adopted
//! is written down, one that is ignored is written down as such, one that is released is
//! crossed out. What waits is not stored but is what is seen, neither managed nor ignored;
//! so it is there as soon as the VM is, and gone with it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use hostler_core::access::{self, Actor, Permission};
use hostler_core::error::Fault;
use hostler_core::id::VmId;
use hostler_core::query::{Field, ListRequest, Row, Value};
use hostler_core::vm::adoption::{self, Adopted, Origin, Review, Risk};
use hostler_core::vm::spec::DEFAULT_PROJECT;
use hostler_core::vm::status::Phase;
use hostler_core::vm::{Action, Denial, ObservedVm};
use hostler_core::{Code, Error, Result, Timestamp};
use hostler_store::{IgnoredVm, NewEvent, NewVm, VmRow};
use serde_json::json;

use crate::bound::unspoken;
use crate::fleet::snapshot::Snapshot;
use crate::reconcile::leftovers;
use crate::twins::{self, Managed};
use crate::{Inner, Listed, VmView, Vms};

/// The longest reason that is kept, in characters.
const REASON_MAX: usize = 512;

/// VMs that nobody manages here.
pub struct Adoptions<'a> {
    engine: &'a Arc<Inner>,
}

/// A VM that was made elsewhere: it waits for a decision, is left alone, or was adopted.
#[derive(Debug, Clone)]
pub struct PendingView {
    /// The VM, as it is seen.
    pub vm: Arc<VmView>,
    /// Why it is nobody's.
    pub origin: Origin,
    /// When it was first seen.
    pub first_seen_at: Timestamp,
    /// Who decided to leave it alone, if somebody did.
    pub ignored: Option<IgnoredVm>,
    /// How it came into care, where it was adopted.
    pub adopted: Option<Adopted>,
    /// What adopting it under its own name would write down, and what to know before. Of one
    /// that was adopted what is written down of it, and nothing else.
    pub review: Review,
}

/// How to adopt a VM.
#[derive(Debug, Clone, Default)]
pub struct AdoptRequest {
    /// Under which name; its own where not given.
    pub name: Option<String>,
    /// In which project; the default one where not given.
    pub project: Option<String>,
    /// Whether it is only looked at.
    pub read_only: bool,
    /// Why, for the record.
    pub reason: Option<String>,
}

impl PendingView {
    /// The fields that lists can be filtered and sorted by.
    pub const FIELDS: &'static [Field] = &[
        Field::text("name"),
        Field::text("vm"),
        Field::text("status"),
        Field::text("origin"),
        Field::text("provider"),
        Field::text("host"),
        Field::number("first_seen_at"),
    ];

    /// `pending`, `ignored` or `adopted`.
    pub const fn status(&self) -> &'static str {
        match (&self.adopted, &self.ignored) {
            (Some(_), _) => "adopted",
            (None, Some(_)) => "ignored",
            (None, None) => "pending",
        }
    }

    /// Whether it can be adopted under its own name.
    pub fn is_adoptable(&self) -> bool {
        self.adopted.is_none() && self.review.is_possible()
    }
}

impl Row for PendingView {
    fn id(&self) -> String {
        self.vm.id.to_string()
    }

    fn value(&self, field: &str) -> Value<'_> {
        match field {
            "status" => self.status().into(),
            "origin" => self.origin.as_str().into(),
            "vm" => self.vm.id.to_string().into(),
            "first_seen_at" => self.first_seen_at.as_micros().into(),
            other => self.vm.value(other),
        }
    }

    fn contains(&self, needle: &str) -> bool {
        self.vm.contains(needle)
    }
}

impl<'a> Adoptions<'a> {
    pub(crate) const fn new(engine: &'a Arc<Inner>) -> Self {
        Self { engine }
    }

    /// A page of what waits for a decision, is left alone or was adopted; fields are
    /// [`PendingView::FIELDS`].
    pub fn list(&self, request: &ListRequest) -> Listed<Arc<PendingView>> {
        let snapshot = self.engine.fleet.snapshot();
        let names: HashSet<_> = names(&snapshot).collect();
        let managed = Managed::of(&snapshot);
        let pending =
            |vm| self.pending(&snapshot, vm, |vm| managed.risk(vm), |name| names.contains(name));
        let pending = snapshot
            .vms
            .values()
            .filter_map(|vm| self.adopted(&snapshot, vm).or_else(|| pending(vm)));
        let pending: Vec<_> = pending.map(Arc::new).collect();
        Inner::list(&snapshot, pending.iter(), request)
    }

    /// One of them.
    ///
    /// # Errors
    /// `vm_not_found`; `vm_wrong_state` where it was made by Hostler.
    pub fn get(&self, id: VmId) -> Result<PendingView> {
        let vm = self.vms().get(id)?;
        match self.adopted(&self.engine.fleet.snapshot(), &vm) {
            Some(adopted) => Ok(adopted),
            None => self.undecided(id),
        }
    }

    /// One that nobody manages.
    fn undecided(&self, id: VmId) -> Result<PendingView> {
        let vm = self.vms().get(id)?;
        let snapshot = self.engine.fleet.snapshot();
        let is_taken = |name: &str| names(&snapshot).any(|taken| taken == name);
        let risk = |vm: &VmView| twins::risk_of_one(&snapshot, vm);
        self.pending(&snapshot, &vm, risk, is_taken).ok_or_else(|| {
            let message = format!("VM \"{}\" is managed already", vm.name);
            Error::new(Code::VmWrongState, message)
        })
    }

    /// What adopting it would write down, without doing so.
    ///
    /// # Errors
    /// `vm_not_found`; `vm_wrong_state` where it is managed; `permission_denied`; `vm_exists`
    /// where the name is taken.
    pub async fn review(&self, actor: &Actor, id: VmId, request: &AdoptRequest) -> Result<Review> {
        access::may(actor, Permission::VmAdopt)?;
        let PendingView { vm, .. } = self.undecided(id)?;
        let seen = seen(&vm)?;
        let name = request.name.as_deref().unwrap_or(&seen.name);
        let project = request.project.as_deref().unwrap_or(DEFAULT_PROJECT);
        let mut review = look(&vm, seen, name, project);
        self.vms().check_name_is_free(&review.spec)?;
        review.risks.splice(0..0, twins::risk_of_one(&self.engine.fleet.snapshot(), &vm));
        if let Some(tag) = &seen.tag
            && let Some(operation) = leftovers::remover(self.engine, tag.vm).await?
        {
            let detail = format!(
                "operation {operation} made it and was undone, and for a day after its end what \
                 it left is removed; adopt it when that is over"
            );
            review.risks.insert(0, Risk { code: "leftover", detail, forbids: true });
        }
        Ok(review)
    }

    /// Takes a VM into care. Nothing of it changes.
    ///
    /// # Errors
    /// As [`Self::review`]; `vm_not_adoptable` with what stands in the way.
    pub async fn adopt(
        &self,
        actor: &Actor,
        id: VmId,
        request: &AdoptRequest,
    ) -> Result<Arc<VmView>> {
        let given = request.reason.as_deref().filter(|given| !given.trim().is_empty());
        let reason = given.map(reason).transpose()?;
        let _one_at_a_time = self.engine.ignored.deciding().await;
        let review = self.review(actor, id, request).await?;
        if !review.is_possible() {
            let in_the_way: Vec<_> = review.risks.iter().filter(|risk| risk.forbids).collect();
            let details: Vec<_> = in_the_way.iter().map(|risk| risk.detail.as_str()).collect();
            return Err(Error::new(Code::VmNotAdoptable, details.join("; ")));
        }
        let PendingView { vm, .. } = self.undecided(id)?;
        let seen = seen(&vm)?;
        let (provider, _) = vm.provider.clone().ok_or_else(|| nowhere(&vm))?;
        let (by, at, read_only) = (actor.name.clone(), self.engine.clock.now(), request.read_only);
        let mark = seen.tag.as_ref().map(|tag| tag.vm);
        let adopted = Adopted { by, at, read_only, reason, mark };
        let new = NewVm {
            id,
            provider: Some(provider),
            host: vm.host.as_ref().map(|(host, _)| *host),
            external_ref: Some(seen.external_ref.clone()),
            phase: Phase::Ready,
            spec: review.spec,
            // None of its volumes is Hostler's: none goes with it when it is deleted.
            bindings: json!([]),
            template: None,
        };
        let how = if read_only { " for reading only" } else { "" };
        let message = format!("VM {} was adopted{how} by {actor}", new.spec.name);
        let data = json!({
            "by": actor.name, "read_only": read_only, "reason": adopted.reason,
            "external_ref": new.external_ref,
            "risks": review.risks.iter().map(|risk| risk.code).collect::<Vec<_>>(),
        });
        let event = self.event("vm.adopted", &vm, message, data);
        self.engine.store.adopt_vm(&new, &adopted, &[event]).await?;
        self.engine.ignored.remove(id);
        self.decided(id).await
    }

    /// Leaves a VM alone until somebody decides otherwise. Nothing of it changes.
    ///
    /// # Errors
    /// `permission_denied`; `spec_invalid` without a reason; `vm_not_found`; `vm_wrong_state`
    /// where it is managed.
    pub async fn ignore(&self, actor: &Actor, id: VmId, why: &str) -> Result<PendingView> {
        access::may(actor, Permission::VmAdopt)?;
        let why = reason(why)?;
        let _one_at_a_time = self.engine.ignored.deciding().await;
        let PendingView { vm, .. } = self.undecided(id)?;
        let (provider, _) = vm.provider.clone().ok_or_else(|| nowhere(&vm))?;
        let ignored = IgnoredVm {
            id,
            provider,
            external_ref: seen(&vm)?.external_ref.clone(),
            name: vm.name.clone(),
            by: actor.name.clone(),
            at: self.engine.clock.now(),
            reason: why,
        };
        let message =
            format!("VM {} is left alone, as {actor} decided: {}", vm.name, ignored.reason);
        let data = json!({ "by": ignored.by, "reason": ignored.reason });
        let event = self.event("vm.ignored", &vm, message, data);
        self.engine.store.ignore_vm(&ignored, &[event]).await?;
        self.engine.ignored.insert(ignored);
        self.engine.bus.poke();
        self.get(id)
    }

    /// Lets a VM that was left alone wait for a decision again.
    ///
    /// # Errors
    /// `permission_denied`; `vm_not_found`; `vm_wrong_state` where it was not left alone.
    pub async fn offer(&self, actor: &Actor, id: VmId) -> Result<PendingView> {
        access::may(actor, Permission::VmAdopt)?;
        let _one_at_a_time = self.engine.ignored.deciding().await;
        let pending = self.undecided(id)?;
        if pending.ignored.is_none() {
            let message = format!("VM \"{}\" waits for a decision already", pending.vm.name);
            return Err(Error::new(Code::VmWrongState, message));
        }
        let message =
            format!("VM {} waits for a decision again, as {actor} wanted", pending.vm.name);
        let event = self.event("vm.offered", &pending.vm, message, json!({ "by": actor.name }));
        self.engine.store.offer_vm(id, &[event]).await?;
        self.engine.ignored.remove(id);
        self.engine.bus.poke();
        self.get(id)
    }

    /// Lets go of a VM that was adopted: it waits for a decision again. Nothing of it changes.
    ///
    /// # Errors
    /// `permission_denied`; `vm_not_found`; `vm_wrong_state` where it was not adopted, or an
    /// operation works on it.
    pub async fn release(&self, actor: &Actor, id: VmId) -> Result<()> {
        access::may(actor, Permission::VmAdopt)?;
        let _one_at_a_time = self.engine.ignored.deciding().await;
        let vm = self.vms().get(id)?;
        if vm.adopted().is_none() {
            let message = match vm.managed {
                true => {
                    format!("VM \"{}\" was made by Hostler; delete it to be rid of it", vm.name)
                }
                false => format!("VM \"{}\" is not managed", vm.name),
            };
            return Err(Error::new(Code::VmWrongState, message));
        }
        let message = format!("VM {} was let go by {actor}", vm.name);
        let event = self.event("vm.released", &vm, message, json!({ "by": actor.name }));
        self.engine.store.release_vm(id, &[event]).await?;
        self.engine.refresh(&[id]).await;
        self.engine.bus.poke();
        Ok(())
    }

    fn vms(&self) -> Vms<'_> {
        Vms::new(self.engine)
    }

    /// The VM after a decision.
    async fn decided(&self, id: VmId) -> Result<Arc<VmView>> {
        self.engine.refresh(&[id]).await;
        self.engine.bus.poke();
        self.vms().get(id)
    }

    /// What is told of a VM that nobody manages; `is_taken` says whether a name of the
    /// default project is.
    fn pending(
        &self,
        snapshot: &Snapshot,
        vm: &Arc<VmView>,
        twin: impl Fn(&VmView) -> Option<Risk>,
        is_taken: impl Fn(&str) -> bool,
    ) -> Option<PendingView> {
        let seen = vm.observed.as_ref().filter(|_| !vm.managed)?;
        let mut review = look(vm, seen, &seen.name, DEFAULT_PROJECT);
        if is_taken(&seen.name) {
            let detail = "name is that of another VM of Hostler's; give it another name, which \
                          changes nothing at its host";
            let detail = detail.to_owned();
            review.risks.insert(0, Risk { code: "not_possible", detail, forbids: true });
        }
        review.risks.splice(0..0, twin(vm));
        let is_managed = |id: VmId| snapshot.vms.get(&id).is_some_and(|vm| vm.managed);
        let origin = Origin::of(seen, is_managed);
        Some(PendingView {
            vm: vm.clone(),
            origin,
            first_seen_at: vm.created_at,
            ignored: self.engine.ignored.get(vm.id),
            adopted: None,
            review,
        })
    }

    /// What is told of a VM that was adopted.
    fn adopted(&self, snapshot: &Snapshot, vm: &Arc<VmView>) -> Option<PendingView> {
        let row = vm.row.as_ref()?;
        let adopted = row.adopted.clone()?;
        let is_managed = |id: VmId| snapshot.vms.get(&id).is_some_and(|vm| vm.managed);
        // The row is as old as the decision, and the VM was seen before.
        let place = row.provider.zip(row.external_ref.as_deref());
        let state = self.engine.fleet.read();
        let first = place.and_then(|(provider, name)| state.first_seen_as(provider, name));
        Some(PendingView {
            vm: vm.clone(),
            origin: Origin::of_mark(adopted.mark, is_managed),
            first_seen_at: first.unwrap_or(vm.created_at),
            ignored: None,
            adopted: Some(adopted),
            review: Review { spec: row.spec.clone(), risks: Vec::new() },
        })
    }

    fn event(&self, kind: &str, vm: &VmView, message: String, data: serde_json::Value) -> NewEvent {
        NewEvent { data, ..self.engine.event(kind, ("vm", vm.id.to_string(), &vm.name), message) }
    }
}

/// Why an action is not for a VM that was adopted so.
pub(crate) fn of_adopted(how: &Adopted, action: Action) -> Option<Denial> {
    if how.read_only {
        let message = "it was adopted for reading only; release it and adopt it again to change it";
        return Some(Denial::new(Code::VmReadOnly, message));
    }
    (action == Action::Change).then(|| {
        let message = "it was adopted, and Hostler has nothing written down of its devices; change \
                       it where it was made";
        Denial::new(Code::CapabilityMissing, message)
    })
}

/// Why a VM cannot be changed that has devices of which nothing is written down.
pub(crate) fn of_unspoken(row: &VmRow) -> Option<Denial> {
    let disk = unspoken(&row.bindings, &row.spec)?;
    let message = format!(
        "Hostler has nothing written down of its devices, as of its disk \"{disk}\": it is a clone \
         of a VM that was adopted; change it with the tools of its provider"
    );
    Some(Denial::new(Code::CapabilityMissing, message))
}

/// The names that are taken in the default project.
fn names(snapshot: &Snapshot) -> impl Iterator<Item = &str> {
    let managed = snapshot.vms.values().filter(|vm| vm.project.as_deref() == Some(DEFAULT_PROJECT));
    managed.map(|vm| vm.name.as_str())
}

/// What adopting a VM would write down, and that what is seen of it is old if it is.
fn look(vm: &VmView, seen: &ObservedVm, name: &str, project: &str) -> Review {
    let mut review = adoption::review(seen, name, project);
    let is_told = review.risks.iter().any(|risk| risk.code == "state_unknown");
    if let Some(why) = vm.stale().filter(|_| !is_told) {
        let detail = format!("what is seen of it is old, and it may be gone: {why}");
        review.risks.push(Risk { code: "state_unknown", detail, forbids: false });
    }
    review
}

fn seen(vm: &VmView) -> Result<&ObservedVm> {
    vm.observed.as_deref().ok_or_else(|| nowhere(vm))
}

fn nowhere(vm: &VmView) -> Error {
    Error::new(Code::VmStateUnknown, format!("VM \"{}\" is not seen at any provider", vm.name))
}

/// A reason as it is kept.
fn reason(given: &str) -> Result<String> {
    let given = given.trim();
    let fault = |code, detail: String| {
        Err(Error::faults(Code::SpecInvalid, vec![Fault::new("/reason", code, detail)]))
    };
    match given.chars().count() {
        0 => fault("missing", "is needed: who reads it later wants to know why".to_owned()),
        long if long > REASON_MAX => {
            fault("too_long", format!("is longer than {REASON_MAX} characters"))
        }
        _ if given.chars().any(char::is_control) => {
            fault("not_text", "has control characters".to_owned())
        }
        _ => Ok(given.to_owned()),
    }
}

/// VMs that are left alone, as they are stored.
#[derive(Default)]
pub(crate) struct Ignored {
    by_id: RwLock<HashMap<VmId, IgnoredVm>>,
    deciding: tokio::sync::Mutex<()>,
}

impl Ignored {
    pub(crate) fn of(stored: Vec<IgnoredVm>) -> Self {
        let by_id = RwLock::new(stored.into_iter().map(|it| (it.id, it)).collect());
        Self { by_id, ..Self::default() }
    }

    /// Waits for whoever is deciding about a VM: what is stored and what is known here change
    /// together, and nobody takes a VM over that another one is leaving alone.
    async fn deciding(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.deciding.lock().await
    }

    fn get(&self, id: VmId) -> Option<IgnoredVm> {
        self.by_id.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    fn insert(&self, ignored: IgnoredVm) {
        self.by_id.write().unwrap_or_else(PoisonError::into_inner).insert(ignored.id, ignored);
    }

    fn remove(&self, id: VmId) {
        self.by_id.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn x31_who_decides_about_a_vm_waits_for_who_is_deciding() {
        let engine = crate::inner::bare().await;
        let (adoptions, by) = (Adoptions::new(&engine), Actor::system());
        let (id, request) = (engine.ids.next(VmId::new), AdoptRequest::default());
        let _deciding = engine.ignored.deciding().await;
        let soon = Duration::from_millis(50);
        let adopting = tokio::time::timeout(soon, adoptions.adopt(&by, id, &request));
        assert!(adopting.await.is_err());
        assert!(tokio::time::timeout(soon, adoptions.ignore(&by, id, "no")).await.is_err());
        assert!(tokio::time::timeout(soon, adoptions.offer(&by, id)).await.is_err());
        assert!(tokio::time::timeout(soon, adoptions.release(&by, id)).await.is_err());
    }
}
