//! Deleting a VM: only that very object, only while it is off, and to its end.

use std::time::Duration;

use hostler_core::vm::PowerState;
use hostler_provider::{Cx, Error, Kind, Result, VmRef};
use serde_json::Value;
use tokio::time::sleep;

use super::apply::kept_by;
use crate::call::{Caller, Dependents};
use crate::error::Cause;
use crate::mapper::{MappedVm, VmKind};
use crate::provider::KubeVirt;
use crate::resource::{ObjectKey, Resource};

/// How soon it is looked again whether it is gone.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// How often a VM is looked at anew because it changed between the look and the call.
const ATTEMPTS: usize = 5;

/// What a VM is kept as.
pub(super) const fn resource_of(kind: VmKind) -> Resource {
    match kind {
        VmKind::Machine => Resource::VMS,
        VmKind::Instance | VmKind::Unseen => Resource::VMIS,
    }
}

impl KubeVirt {
    /// Deletes a VM that is off. Absent is success.
    ///
    /// # Errors
    /// `Conflict` where it runs, or is kept by a tool that would make it anew.
    pub(super) async fn remove(&self, cx: &Cx, vm: &VmRef) -> Result<()> {
        let doing = format!("cannot delete {vm}");
        if cx.is_cancelled() {
            return Err(Error::new(Kind::Cancelled, format!("{doing}: cancelled")));
        }
        let caller = self.shared.link.caller(cx).await?;
        for attempt in 1..=ATTEMPTS {
            let Some(seen) = self.at_hand(cx, &caller, vm).await.map_err(|e| e.context(&doing))?
            else {
                return Ok(());
            };
            let key = ObjectKey::in_namespace(&*seen.namespace, &*seen.vm.name);
            let resource = resource_of(seen.kind);
            // The version before the state: who starts it in between makes another one.
            let object = match caller.get(cx, resource, &key).await {
                Ok(object) if is_that(&object, vm, seen.kind) => object,
                Ok(_) => return Ok(()),
                Err(failure) if failure.cause == Cause::ObjectMissing => return Ok(()),
                Err(failure) => return Err(self.shared.link.noted(failure).context(&doing)),
            };
            if text(&object, "deletionTimestamp").is_some() {
                return self.gone(cx, &caller, vm, &seen, &doing).await;
            }
            let now = self
                .shared
                .fleet
                .ask_at(cx, &self.shared.link, &caller, &key, &vm.external_ref)
                .await;
            let Some(now) = now.map_err(|error| error.context(&doing))? else { return Ok(()) };
            let version = text(&object, "resourceVersion");
            check(&now, &doing)?;
            self.shared.fleet.may_write().map_err(|error| error.context(&doing))?;
            let uid = Some(vm.external_ref.as_str());
            let (version, dependents) = (version.as_deref(), dependents(&object));
            if let (Dependents::Stay, Some(instance)) = (dependents, &now.instance_uid) {
                // It would stay too, and be a VM of its own.
                self.clear(cx, &caller, &key, instance, &doing).await?;
                continue;
            }
            let deleted = caller.delete_unchanged(cx, resource, &key, uid, version, dependents);
            match deleted.await {
                Ok(()) => return self.gone(cx, &caller, vm, &now, &doing).await,
                Err(failure) if failure.cause == Cause::ObjectMissing => return Ok(()),
                Err(failure) if failure.cause == Cause::Changed && attempt < ATTEMPTS => {
                    sleep(LOOK_AGAIN.min(cx.remaining())).await;
                }
                Err(failure) => return Err(self.shared.link.noted(failure).context(&doing)),
            }
        }
        Err(Error::new(Kind::Conflict, format!("{doing}: it changes all the time; try again")))
    }

    /// Deletes the instance of a VM that is off, by its UID, and waits until it is gone.
    async fn clear(
        &self,
        cx: &Cx,
        caller: &Caller,
        key: &ObjectKey,
        uid: &str,
        doing: &str,
    ) -> Result<()> {
        let noted = |failure| self.shared.link.noted(failure).context(doing);
        match caller.delete(cx, Resource::VMIS, key, Some(uid)).await {
            Ok(()) => {}
            Err(failure) if matches!(failure.cause, Cause::ObjectMissing | Cause::Changed) => {}
            Err(failure) => return Err(noted(failure)),
        }
        loop {
            match caller.get(cx, Resource::VMIS, key).await {
                Ok(object) if text(&object, "uid").as_deref() == Some(uid) => {}
                Ok(_) => return Ok(()),
                Err(failure) if failure.cause == Cause::ObjectMissing => return Ok(()),
                Err(failure) => return Err(noted(failure)),
            }
            sleep(LOOK_AGAIN.min(cx.remaining())).await;
        }
    }

    /// A VM by its UID; `None` where it is certain that there is none: the cluster said so of that
    /// UID, or a list that it gave now does.
    async fn at_hand(&self, cx: &Cx, caller: &Caller, vm: &VmRef) -> Result<Option<MappedVm>> {
        let shared = &self.shared;
        shared.fleet.listed(cx, &shared.link, caller).await?;
        if let Some(found) = shared.fleet.find(&vm.external_ref, cx.now())? {
            return Ok(Some(found));
        }
        if shared.fleet.was_told_gone(&vm.external_ref) {
            return Ok(None);
        }
        let all = shared.fleet.list(cx, &shared.link, caller).await?.vms;
        Ok(all.into_iter().find(|one| one.vm.external_ref == vm.external_ref))
    }

    /// Waits until it is gone: before, its name is taken, and its claims are in use.
    async fn gone(
        &self,
        cx: &Cx,
        caller: &Caller,
        vm: &VmRef,
        seen: &MappedVm,
        doing: &str,
    ) -> Result<()> {
        let key = ObjectKey::in_namespace(&*seen.namespace, &*seen.vm.name);
        let resource = resource_of(seen.kind);
        loop {
            match caller.get(cx, resource, &key).await {
                Ok(object) if is_that(&object, vm, seen.kind) => {}
                Ok(_) => break,
                Err(failure) if failure.cause == Cause::ObjectMissing => break,
                Err(failure)
                    if failure.error.kind().is_transient() && !cx.remaining().is_zero() => {}
                Err(failure) => {
                    let error = self.shared.link.noted(failure).context(doing);
                    return Err(error.with_unknown_effect());
                }
            }
            sleep(LOOK_AGAIN.min(cx.remaining())).await;
        }
        self.followed(cx, &vm.external_ref, false).await;
        Ok(())
    }
}

fn text(object: &Value, field: &str) -> Option<String> {
    object.pointer("/metadata")?.get(field)?.as_str().map(str::to_owned)
}

/// Whether an object is that VM, and not another one of its name. An instance whose VM
/// was not seen is named by that VM.
fn is_that(object: &Value, vm: &VmRef, kind: VmKind) -> bool {
    kind == VmKind::Unseen || text(object, "uid").as_deref() == Some(&vm.external_ref)
}

/// Volumes that KubeVirt made from the VM's own templates belong to the VM object and
/// would go with it; a VM's volumes stay, so then everything stays that belongs to it.
fn dependents(object: &Value) -> Dependents {
    let templates = object.pointer("/spec/dataVolumeTemplates").and_then(Value::as_array);
    match templates.is_some_and(|templates| !templates.is_empty()) {
        true => Dependents::Stay,
        false => Dependents::Go,
    }
}

/// Whether it may be deleted.
fn check(seen: &MappedVm, doing: &str) -> Result<()> {
    let conflict = |what: &str| Err(Error::new(Kind::Conflict, format!("{doing}: {what}")));
    if seen.kind == VmKind::Unseen {
        let what = "its VM was deleted, or not seen yet; try again in a moment";
        return Err(Error::new(Kind::Unavailable, format!("{doing}: {what}")));
    }
    if let Some(owner) = seen.owners.iter().find(|owner| owner.tool != "helm") {
        return conflict(&kept_by(owner));
    }
    match seen.vm.power {
        PowerState::Stopped | PowerState::Failed => Ok(()),
        PowerState::Running => conflict("it is running; stop it first"),
        _ => conflict(&format!("it is not off ({}); stop it first", seen.vm.power_reason)),
    }
}
