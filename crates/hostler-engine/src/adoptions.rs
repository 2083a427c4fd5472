//! VMs that were made elsewhere: what waits for a decision, and deciding it.
//!
//! Nothing is asked of a provider here and nothing is changed there: a VM that is adopted
//! is written down, one that is ignored is written down as such, one that is released is
//! crossed out. What waits is not stored but is what is seen, neither managed nor ignored;
//! so it is there as soon as the VM is, and gone with it.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use hostler_core::access::{self, Actor, Permission};
use hostler_core::error::Fault;
use hostler_core::id::VmId;
use hostler_core::query::{Field, ListRequest, Row, Value};
use hostler_core::vm::ObservedVm;
use hostler_core::vm::adoption::{self, Adopted, Origin, Review};
use hostler_core::vm::spec::DEFAULT_PROJECT;
use hostler_core::vm::status::Phase;
use hostler_core::{Code, Error, Result};
use hostler_store::{IgnoredVm, NewEvent, NewVm};
use serde_json::json;

use crate::{Inner, Listed, VmView, Vms};

/// The longest reason that is kept, in characters.
const REASON_MAX: usize = 512;

/// VMs that nobody manages here.
pub struct Adoptions<'a> {
    engine: &'a Arc<Inner>,
}

/// A VM that waits for a decision, or was decided to be left alone.
#[derive(Debug, Clone)]
pub struct PendingView {
    /// The VM, as it is seen.
    pub vm: Arc<VmView>,
    /// Why it is nobody's.
    pub origin: Origin,
    /// Who decided to leave it alone, if somebody did.
    pub ignored: Option<IgnoredVm>,
    /// What adopting it under its own name would write down, and what to know before.
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

    /// `pending` or `ignored`.
    pub const fn status(&self) -> &'static str {
        if self.ignored.is_some() { "ignored" } else { "pending" }
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
            "first_seen_at" => self.vm.created_at.as_micros().into(),
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

    /// A page of what waits for a decision or is left alone; fields are
    /// [`PendingView::FIELDS`].
    pub fn list(&self, request: &ListRequest) -> Listed<Arc<PendingView>> {
        let snapshot = self.engine.fleet.snapshot();
        let pending: Vec<_> =
            snapshot.vms.values().filter_map(|vm| self.pending(vm)).map(Arc::new).collect();
        Inner::list(&snapshot, pending.iter(), request)
    }

    /// One of them.
    ///
    /// # Errors
    /// `vm_not_found`; `vm_wrong_state` where it is managed.
    pub fn get(&self, id: VmId) -> Result<PendingView> {
        let vm = self.vms().get(id)?;
        self.pending(&vm).ok_or_else(|| {
            let message = format!("VM \"{}\" is managed already", vm.name);
            Error::new(Code::VmWrongState, message)
        })
    }

    /// What adopting it would write down, without doing so.
    ///
    /// # Errors
    /// As [`Self::get`]; `permission_denied`; `vm_exists` where the name is taken.
    pub fn review(&self, actor: &Actor, id: VmId, request: &AdoptRequest) -> Result<Review> {
        access::may(actor, Permission::VmAdopt)?;
        let pending = self.get(id)?;
        let seen = seen(&pending.vm)?;
        let name = request.name.as_deref().unwrap_or(&seen.name);
        let project = request.project.as_deref().unwrap_or(DEFAULT_PROJECT);
        let review = adoption::review(seen, name, project);
        self.vms().check_name_is_free(&review.spec)?;
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
        let reason = request.reason.as_deref().map(reason).transpose()?;
        let review = self.review(actor, id, request)?;
        if !review.is_possible() {
            let in_the_way: Vec<_> = review.risks.iter().filter(|risk| risk.forbids).collect();
            let details: Vec<_> = in_the_way.iter().map(|risk| risk.detail.as_str()).collect();
            return Err(Error::new(Code::VmNotAdoptable, details.join("; ")));
        }
        let pending = self.get(id)?;
        let (provider, _) = pending.vm.provider.clone().ok_or_else(|| nowhere(&pending.vm))?;
        let now = self.engine.clock.now();
        let read_only = request.read_only;
        let adopted = Adopted { by: actor.name.clone(), at: now, read_only, reason };
        let new = NewVm {
            id,
            provider: Some(provider),
            host: pending.vm.host.as_ref().map(|(host, _)| *host),
            external_ref: Some(seen(&pending.vm)?.external_ref.clone()),
            phase: Phase::Ready,
            spec: review.spec,
            // None of its volumes is Hostler's: none goes with it when it is deleted.
            bindings: json!([]),
        };
        let how = if read_only { " for reading only" } else { "" };
        let message = format!("VM {} was adopted{how} by {actor}", new.spec.name);
        let data = json!({
            "by": actor.name, "read_only": read_only, "reason": adopted.reason,
            "external_ref": new.external_ref,
            "risks": review.risks.iter().map(|risk| risk.code).collect::<Vec<_>>(),
        });
        let event = self.event("vm.adopted", &pending.vm, message, data);
        self.engine.store.adopt_vm(&new, &adopted, &[event]).await?;
        self.engine.ignored.remove(id);
        self.decided(id).await
    }

    /// Leaves a VM alone until somebody decides otherwise. Nothing of it changes.
    ///
    /// # Errors
    /// `permission_denied`; `spec_invalid` without a reason; as [`Self::get`].
    pub async fn ignore(&self, actor: &Actor, id: VmId, why: &str) -> Result<PendingView> {
        access::may(actor, Permission::VmAdopt)?;
        let why = reason(why)?;
        let PendingView { vm, .. } = self.get(id)?;
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
    /// `permission_denied`; as [`Self::get`]; `vm_wrong_state` where it was not left alone.
    pub async fn offer(&self, actor: &Actor, id: VmId) -> Result<PendingView> {
        access::may(actor, Permission::VmAdopt)?;
        let pending = self.get(id)?;
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

    fn pending(&self, vm: &Arc<VmView>) -> Option<PendingView> {
        let seen = vm.observed.as_ref().filter(|_| !vm.managed)?;
        Some(PendingView {
            vm: vm.clone(),
            origin: Origin::of(seen),
            ignored: self.engine.ignored.get(vm.id),
            review: adoption::review(seen, &seen.name, DEFAULT_PROJECT),
        })
    }

    fn event(&self, kind: &str, vm: &VmView, message: String, data: serde_json::Value) -> NewEvent {
        NewEvent { data, ..self.engine.event(kind, ("vm", vm.id.to_string(), &vm.name), message) }
    }
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
pub(crate) struct Ignored(RwLock<HashMap<VmId, IgnoredVm>>);

impl Ignored {
    pub(crate) fn of(stored: Vec<IgnoredVm>) -> Self {
        Self(RwLock::new(stored.into_iter().map(|it| (it.id, it)).collect()))
    }

    fn get(&self, id: VmId) -> Option<IgnoredVm> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    fn insert(&self, ignored: IgnoredVm) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(ignored.id, ignored);
    }

    fn remove(&self, id: VmId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}
