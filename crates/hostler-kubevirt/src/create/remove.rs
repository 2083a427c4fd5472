//! Deleting a VM: only that very object, only while it is off, and to its end.

use std::time::Duration;

use hostler_core::vm::PowerState;
use hostler_provider::{Cx, Error, Kind, Result, VmRef};
use serde_json::Value;
use tokio::time::sleep;

use super::apply::kept_by;
use super::belongings::Belongings;
use crate::call::{Caller, Dependents};
use crate::ending::Ending;
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
            let object = self.object(cx, &caller, vm, &seen).await;
            let Some(object) = object.map_err(|error| error.context(&doing))? else {
                return Ok(());
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
            let link = &self.shared.link;
            let own = Belongings::of(cx, link, &caller, &seen.namespace, &object).await;
            let own = own.map_err(|error| error.context(&doing))?;
            let (version, dependents) = (version.as_deref(), own.dependents);
            if let (Dependents::Stay, VmKind::Machine, Some(instance)) =
                (dependents, seen.kind, &now.instance_uid)
            {
                // It would stay too, and be a VM of its own.
                self.clear(cx, &caller, &key, instance, &doing).await?;
                continue;
            }
            let deleted = caller.delete_unchanged(cx, resource, &key, uid, version, dependents);
            match deleted.await {
                Ok(()) => {
                    self.gone(cx, &caller, vm, &now, &doing).await?;
                    let namespace = &seen.namespace;
                    return self.clear_state(cx, &caller, namespace, &own.state, &doing).await;
                }
                Err(failure) if failure.cause == Cause::ObjectMissing => return Ok(()),
                Err(failure) if failure.cause == Cause::Changed && attempt < ATTEMPTS => {
                    sleep(LOOK_AGAIN.min(cx.remaining())).await;
                }
                Err(failure) => return Err(self.shared.link.noted(failure).context(&doing)),
            }
        }
        Err(Error::new(Kind::Conflict, format!("{doing}: it changes all the time; try again")))
    }

    /// The VM's object; `None` where it is gone.
    async fn object(
        &self,
        cx: &Cx,
        caller: &Caller,
        vm: &VmRef,
        seen: &MappedVm,
    ) -> Result<Option<Value>> {
        let key = ObjectKey::in_namespace(&*seen.namespace, &*seen.vm.name);
        match caller.get(cx, resource_of(seen.kind), &key).await {
            Ok(object) => Ok(Some(object).filter(|object| is_that(object, vm, seen.kind))),
            Err(failure) if failure.cause == Cause::ObjectMissing => Ok(None),
            Err(failure) => Err(self.shared.link.noted(failure)),
        }
    }

    /// Deletes the instance of a VM that is off, by its UID, and waits until it is gone.
    ///
    /// # Errors
    /// As the deletion was refused; of unknown effect from then on.
    pub(crate) async fn clear(
        &self,
        cx: &Cx,
        caller: &Caller,
        key: &ObjectKey,
        uid: &str,
        doing: &str,
    ) -> Result<()> {
        let (link, resource, uid) = (&self.shared.link, Resource::VMIS, Some(uid));
        Ending { cx, link, caller, resource, key, uid, doing }.delete().await
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
        let key = &ObjectKey::in_namespace(&*seen.namespace, &*seen.vm.name);
        let (link, resource) = (&self.shared.link, resource_of(seen.kind));
        // An instance whose VM was not seen is named by that VM.
        let uid = (seen.kind != VmKind::Unseen).then_some(&*vm.external_ref);
        Ending { cx, link, caller, resource, key, uid, doing }.wait().await?;
        self.followed(cx, &vm.external_ref, false).await;
        Ok(())
    }

    /// Deletes what is of the VM alone and outlived it.
    async fn clear_state(
        &self,
        cx: &Cx,
        caller: &Caller,
        namespace: &str,
        state: &[(String, String)],
        doing: &str,
    ) -> Result<()> {
        for (name, uid) in state {
            let key = &ObjectKey::in_namespace(namespace, &**name);
            let (link, resource, uid) = (&self.shared.link, Resource::CLAIMS, Some(&**uid));
            let ended = Ending { cx, link, caller, resource, key, uid, doing }.delete().await;
            ended.map_err(Error::with_unknown_effect)?;
        }
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
