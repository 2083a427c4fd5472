//! One VM, asked for: by its name where it is known, and by a list where it is not.
//!
//! What is followed proves that a VM is there, never that it is not: a watch whose connection
//! died in silence counts as fresh for a minute, and whatever was made meanwhile is missing. So
//! the cluster is asked before anybody is told that there is none; unless it said so itself, of
//! that very UID, which is never used again.

use hostler_core::Timestamp;
use hostler_provider::{Cx, Error, Kind, Result, VmRef};

use super::{Age, Fleet, Pair};
use crate::call::{Caller, Selection};
use crate::link::Link;
use crate::mapper::MappedVm;
use crate::objects::{self, VirtualMachine, VirtualMachineInstance};
use crate::resource::{ObjectKey, Resource};

impl Fleet {
    /// Asks the cluster for one VM; `None` when it is not there.
    ///
    /// # Errors
    /// As the cluster could not be asked; `Unavailable` for a VM of which nothing is known while
    /// VMs are not followed.
    pub(crate) async fn ask(
        &self,
        cx: &Cx,
        link: &Link,
        caller: &Caller,
        vm: &VmRef,
    ) -> Result<Option<MappedVm>> {
        let Some(known) = self.find(&vm.external_ref, cx.now())? else {
            if self.was_told_gone(&vm.external_ref) {
                return Ok(None);
            }
            let why = match self.age(false) {
                Age::Now => return self.seek(cx, link, caller, vm).await,
                Age::NotKnown(why) => why,
                Age::Rebuilding(_) => "VMs are being listed anew".to_owned(),
            };
            let message = format!("cannot tell whether {vm} is there: {why}");
            return Err(Error::new(Kind::Unavailable, message));
        };
        let key = ObjectKey::in_namespace(known.namespace, known.vm.name);
        self.ask_at(cx, link, caller, &key, &vm.external_ref).await
    }

    /// The same of one whose namespace and name the caller knows.
    ///
    /// # Errors
    /// As the cluster could not be asked.
    pub(crate) async fn ask_at(
        &self,
        cx: &Cx,
        link: &Link,
        caller: &Caller,
        key: &ObjectKey,
        uid: &str,
    ) -> Result<Option<MappedVm>> {
        let at = cx.now();
        let machine: Option<VirtualMachine> = get(cx, link, caller, Resource::VMS, key).await?;
        let instance: Option<VirtualMachineInstance> =
            get(cx, link, caller, Resource::VMIS, key).await?;
        let mapped = self.map_one(machine, instance, at)?;
        // Another one may bear the name by now.
        Ok(mapped.filter(|mapped| mapped.vm.external_ref == uid))
    }

    /// Whether the cluster told that a VM is gone.
    pub(crate) fn was_told_gone(&self, uid: &str) -> bool {
        let told =
            |scope: &super::Scope| scope.vms.was_told_gone(uid) || scope.vmis.was_told_gone(uid);
        self.scopes.iter().any(told)
    }

    /// Looks for a VM that is not followed in the cluster itself, by the name that it had when it
    /// was last seen: a VM keeps its name for as long as it is that VM.
    ///
    /// # Errors
    /// As the cluster could not be asked.
    pub(crate) async fn seek(
        &self,
        cx: &Cx,
        link: &Link,
        caller: &Caller,
        vm: &VmRef,
    ) -> Result<Option<MappedVm>> {
        if crate::resource::name(&vm.name).is_err() {
            // Nothing in a cluster bears it.
            return Ok(None);
        }
        let at = cx.now();
        for scope in &self.scopes {
            let namespace = scope.vms.selection().namespace.clone();
            let named = Selection::named(Resource::VMS, namespace.clone(), &vm.name);
            let machines: Vec<VirtualMachine> = listed(cx, link, caller, &named).await?;
            let named = Selection::named(Resource::VMIS, namespace, &vm.name);
            let mut instances: Vec<VirtualMachineInstance> =
                listed(cx, link, caller, &named).await?;
            for machine in machines {
                let home = machine.metadata.namespace.text();
                let is_its = |one: &VirtualMachineInstance| one.metadata.namespace.text() == home;
                let position = instances.iter().position(is_its);
                let instance = position.map(|position| instances.swap_remove(position));
                let mapped = self.map_one(Some(machine), instance, at)?;
                if let Some(found) = mapped.filter(|one| one.vm.external_ref == vm.external_ref) {
                    return Ok(Some(found));
                }
            }
            for instance in instances {
                let mapped = self.map_one(None, Some(instance), at)?;
                if let Some(found) = mapped.filter(|one| one.vm.external_ref == vm.external_ref) {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }

    fn map_one(
        &self,
        machine: Option<VirtualMachine>,
        instance: Option<VirtualMachineInstance>,
        at: Timestamp,
    ) -> Result<Option<MappedVm>> {
        let pair = Pair::of(machine, instance);
        pair.map(|pair| pair.map(&self.around(at), at)).transpose()
    }
}

pub(crate) async fn get<T: objects::Object>(
    cx: &Cx,
    link: &Link,
    caller: &Caller,
    resource: Resource,
    key: &ObjectKey,
) -> Result<Option<T>> {
    match caller.get(cx, resource, key).await {
        Ok(document) => Ok(Some(objects::read(document)?)),
        Err(failure) if failure.cause == crate::error::Cause::ObjectMissing => Ok(None),
        Err(failure) => Err(link.noted(failure)),
    }
}

async fn listed<T: objects::Object>(
    cx: &Cx,
    link: &Link,
    caller: &Caller,
    selection: &Selection,
) -> Result<Vec<T>> {
    let listed = caller.list(cx, selection).await.map_err(|failure| link.noted(failure))?;
    listed.items.into_iter().map(|document| Ok(objects::read(document)?)).collect()
}
