//! Taking a clone away again, or what there is of it.
//!
//! What makes it has to rest first, or it would go on making. Claims are labelled with the id of the
//! clone before the VM goes that they are known by, so that whoever goes on after a crash finds them;
//! and no claim is touched that was not made for this very VM, or that another VM names by now.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hostler_core::id::VmId;
use hostler_provider::{Create, Cx, Error, Kind, Result, VmRef};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    CLONE_LABEL, RESTORE_ANNOTATION, claims, is_its_own, is_made_by, note, restore_of, text,
};
use crate::call::{Caller, Selection};
use crate::error::{Cause, Failure};
use crate::provider::KubeVirt;
use crate::resource::{ObjectKey, Resource};
use crate::snapshots::spoken;
use crate::versions;

/// How soon it is looked again whether something is gone.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// How often a claim is labelled anew because others wrote meanwhile.
const ATTEMPTS: usize = 8;

/// The removal of one clone.
pub(super) struct Removal<'a> {
    provider: &'a KubeVirt,
    cx: &'a Cx,
    vm: VmId,
    caller: Arc<Caller>,
    doing: String,
}

impl<'a> Removal<'a> {
    pub(super) async fn begin(provider: &'a KubeVirt, cx: &'a Cx, vm: VmId) -> Result<Self> {
        let doing = format!("cannot remove the clone {vm}");
        if cx.is_cancelled() {
            return Err(Error::new(Kind::Cancelled, format!("{doing}: cancelled")));
        }
        let caller = provider.shared.link.caller(cx).await?;
        Ok(Self { provider, cx, vm, caller, doing })
    }

    fn noted(&self, failure: Failure) -> Error {
        self.provider.shared.link.noted(failure).context(&self.doing)
    }

    fn may_write(&self) -> Result<()> {
        self.provider.shared.fleet.may_write().map_err(|error| error.context(&self.doing))
    }

    /// Removes what there is; whether there was anything.
    pub(super) async fn run(&self) -> Result<bool> {
        let objects = self.objects().await?;
        let mut vm = self.provider.marked(self.cx, &self.caller, self.vm).await?;
        for (_, object) in &objects {
            if vm.is_none() {
                vm = self.unmarked(object).await?;
            }
        }
        if let Some(vm) = &vm {
            self.check_off(vm).await?;
        }
        let mut found = !objects.is_empty() || vm.is_some();
        for (resource, object) in &objects {
            self.stop(*resource, object, vm.is_some()).await?;
        }
        // Made in the last moment.
        if vm.is_none() && !objects.is_empty() {
            vm = self.provider.marked(self.cx, &self.caller, self.vm).await?;
        }
        if let Some(vm) = &vm {
            self.label_claims(vm).await?;
            self.remove_vm(vm).await?;
        }
        found |= self.remove_labelled().await?;
        Ok(found)
    }

    /// The objects that make it, with their kind; none where the group is not served, or our
    /// account may not look: what it may not look for it never made.
    async fn objects(&self) -> Result<Vec<(Resource, Value)>> {
        let version = spoken(self.provider, self.cx, &self.caller, versions::CLONE, &self.doing);
        let version = match version.await {
            Ok(version) => version,
            Err(error) if error.kind() == Kind::Unsupported => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let resource = Resource::clones(version);
        let mut objects = Vec::new();
        for namespace in self.provider.shared.config.namespaces.scopes() {
            let listed = self.listed(resource, namespace).await?;
            objects.extend(listed.into_iter().map(|object| (resource, object)));
        }
        Ok(objects)
    }

    /// What bears the clone's id, of one kind.
    async fn listed(&self, resource: Resource, namespace: Option<String>) -> Result<Vec<Value>> {
        let labels = Some(format!("{CLONE_LABEL}={}", self.vm));
        let selection = Selection { labels, ..Selection::all(resource, namespace) };
        match self.caller.list(self.cx, &selection).await {
            Ok(listed) => Ok(listed.items),
            Err(failure) if matches!(failure.cause, Cause::Forbidden | Cause::KindMissing) => {
                Ok(Vec::new())
            }
            Err(failure) => Err(self.noted(failure)),
        }
    }

    /// A VM that this object made and that was not marked yet.
    async fn unmarked(&self, object: &Value) -> Result<Option<Value>> {
        let (Some(namespace), Some(name), Some(restore)) = (
            text(object, "/metadata/namespace"),
            text(object, "/spec/target/name"),
            restore_of(object),
        ) else {
            return Ok(None);
        };
        let key = ObjectKey::in_namespace(namespace, name);
        let vm = self.get(Resource::VMS, &key).await?;
        Ok(vm.filter(|vm| is_made_by(vm, &restore)))
    }

    async fn get(&self, resource: Resource, key: &ObjectKey) -> Result<Option<Value>> {
        match self.caller.get(self.cx, resource, key).await {
            Ok(found) => Ok(Some(found)),
            Err(failure) if matches!(failure.cause, Cause::ObjectMissing | Cause::KindMissing) => {
                Ok(None)
            }
            Err(failure) => Err(self.noted(failure)),
        }
    }

    /// Nothing of a VM that runs is taken away.
    async fn check_off(&self, vm: &Value) -> Result<()> {
        let Some(key) = key_of(vm) else { return Ok(()) };
        let instance = self.get(Resource::VMIS, &key).await?;
        let is_over =
            |one: &Value| matches!(text(one, "/status/phase"), Some("Succeeded" | "Failed"));
        if instance.is_some_and(|one| !is_over(&one)) {
            let message = format!("{}: it is running; stop it first", self.doing);
            return Err(Error::new(Kind::Conflict, message));
        }
        Ok(())
    }

    /// Deletes what makes it, with its restore before it, so that it makes no more; and without a VM
    /// the claims that were made so far.
    async fn stop(&self, resource: Resource, object: &Value, has_vm: bool) -> Result<()> {
        self.may_write()?;
        let Some(key) = key_of(object) else { return Ok(()) };
        if !has_vm && let Some(restore) = restore_of(object) {
            self.stop_restore(&key, &restore).await?;
            self.label_made_by(&key, &restore).await?;
            self.delete(resource, &key, text(object, "/metadata/uid")).await?;
            // It may have begun it anew in between.
            self.stop_restore(&key, &restore).await?;
            return self.label_made_by(&key, &restore).await;
        }
        self.delete(resource, &key, text(object, "/metadata/uid")).await
    }

    async fn stop_restore(&self, near: &ObjectKey, restore: &str) -> Result<()> {
        let group = versions::SNAPSHOT;
        let version = spoken(self.provider, self.cx, &self.caller, group, &self.doing).await?;
        let resource = Resource::restores(version);
        let key = ObjectKey { namespace: near.namespace.clone(), name: restore.to_owned() };
        match self.get(resource, &key).await? {
            Some(found) => self.delete(resource, &key, text(&found, "/metadata/uid")).await,
            None => Ok(()),
        }
    }

    /// Labels the claims that a restore made for a VM that never came.
    async fn label_made_by(&self, near: &ObjectKey, restore: &str) -> Result<()> {
        let selection = Selection::all(Resource::CLAIMS, near.namespace.clone());
        let listed = self.caller.list(self.cx, &selection).await.map_err(|f| self.noted(f))?;
        for claim in listed.items {
            if note(&claim, "annotations", RESTORE_ANNOTATION) == Some(restore) {
                self.label(&claim).await?;
            }
        }
        Ok(())
    }

    /// Labels the claims that were made for this VM.
    async fn label_claims(&self, vm: &Value) -> Result<()> {
        let Some(near) = key_of(vm) else { return Ok(()) };
        for (_, name) in claims(vm) {
            let key = ObjectKey { namespace: near.namespace.clone(), name };
            if let Some(claim) = self.get(Resource::CLAIMS, &key).await?
                && is_its_own(&claim, vm)
            {
                self.label(&claim).await?;
            }
        }
        Ok(())
    }

    async fn label(&self, claim: &Value) -> Result<()> {
        let Some(key) = key_of(claim) else { return Ok(()) };
        let mut claim = claim.clone();
        for attempt in 1..=ATTEMPTS {
            if note(&claim, "labels", CLONE_LABEL).is_some() {
                return Ok(());
            }
            let labels = claim.pointer("/metadata/labels").and_then(Value::as_object);
            let mut labels = labels.cloned().unwrap_or_default();
            labels.insert(CLONE_LABEL.to_owned(), self.vm.to_string().into());
            let patch = json!([
                { "op": "test", "path": "/metadata/uid", "value": text(&claim, "/metadata/uid") },
                { "op": "add", "path": "/metadata/labels", "value": labels },
            ]);
            self.may_write()?;
            match self.caller.patch(self.cx, Resource::CLAIMS, &key, &patch).await {
                Ok(_) => return Ok(()),
                Err(failure) if failure.cause == Cause::ObjectMissing => return Ok(()),
                Err(failure) if failure.cause == Cause::Changed && attempt < ATTEMPTS => {
                    let Some(found) = self.get(Resource::CLAIMS, &key).await? else {
                        return Ok(());
                    };
                    claim = found;
                }
                Err(failure) => return Err(self.noted(failure)),
            }
        }
        Ok(())
    }

    async fn remove_vm(&self, vm: &Value) -> Result<()> {
        let (Some(uid), Some(name)) = (text(vm, "/metadata/uid"), text(vm, "/metadata/name"))
        else {
            return Ok(());
        };
        let vm = VmRef { external_ref: uid.to_owned(), name: name.to_owned() };
        self.provider.remove_vm(self.cx, &vm).await
    }

    /// Deletes the claims that bear the clone's id, but those that a VM names.
    async fn remove_labelled(&self) -> Result<bool> {
        let mut found = false;
        for namespace in self.provider.shared.config.namespaces.scopes() {
            let labelled = self.listed(Resource::CLAIMS, namespace.clone()).await?;
            if labelled.is_empty() {
                continue;
            }
            let used = self.used(namespace).await?;
            for claim in &labelled {
                let Some(key) = key_of(claim) else { continue };
                if used.contains(&key) {
                    tracing::info!(claim = %key, "another VM uses what was made for a clone: it stays");
                    continue;
                }
                self.may_write()?;
                self.delete(Resource::CLAIMS, &key, text(claim, "/metadata/uid")).await?;
                found = true;
            }
        }
        Ok(found)
    }

    /// The claims that VMs name.
    async fn used(&self, namespace: Option<String>) -> Result<BTreeSet<ObjectKey>> {
        let selection = Selection::all(Resource::VMS, namespace);
        let listed = self.caller.list(self.cx, &selection).await.map_err(|f| self.noted(f))?;
        let used = listed.items.iter().flat_map(|vm| {
            let namespace = text(vm, "/metadata/namespace").map(str::to_owned);
            claims(vm)
                .into_iter()
                .map(move |(_, name)| ObjectKey { namespace: namespace.clone(), name })
        });
        Ok(used.collect())
    }

    /// Deletes that very object, and waits until it is gone.
    async fn delete(&self, resource: Resource, key: &ObjectKey, uid: Option<&str>) -> Result<()> {
        match self.caller.delete(self.cx, resource, key, uid).await {
            Ok(()) => {}
            Err(failure) if matches!(failure.cause, Cause::ObjectMissing | Cause::Changed) => {
                return Ok(());
            }
            Err(failure) => return Err(self.noted(failure)),
        }
        loop {
            let left = self.get(resource, key).await.map_err(Error::with_unknown_effect)?;
            if left.is_none_or(|left| text(&left, "/metadata/uid") != uid) {
                return Ok(());
            }
            if self.cx.remaining().is_zero() {
                let message = format!("{}: {key} is being deleted", self.doing);
                return Err(Error::new(Kind::Timeout, message).with_unknown_effect());
            }
            tokio::select! {
                () = sleep(LOOK_AGAIN.min(self.cx.remaining())) => {}
                () = self.cx.cancellation().cancelled() => {
                    let message = format!("{}: cancelled", self.doing);
                    return Err(Error::new(Kind::Cancelled, message).with_unknown_effect());
                }
            }
        }
    }
}

fn key_of(object: &Value) -> Option<ObjectKey> {
    let (namespace, name) = (text(object, "/metadata/namespace")?, text(object, "/metadata/name")?);
    Some(ObjectKey::in_namespace(namespace, name))
}
