//! What every verb on snapshots does with the cluster: finding the VM's, making objects,
//! waiting for their end.

use std::time::Duration;

use hostler_core::id::SnapshotId;
use hostler_core::snapshot::{Quiesce, SnapshotSpec};
use hostler_provider::{Cx, EnsureSnapshot, Error, Kind, Result, SnapshotRef, VmRef};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{LIMITS, hears};
use crate::call::{Caller, Selection, WriteOptions};
use crate::ending::Ending;
use crate::error::{Cause, Failure};
use crate::mapper::snapshots::{
    DESCRIPTION_ANNOTATION, NAME_ANNOTATION, SNAPSHOT_LABEL, SnapshotPhase,
};
use crate::mapper::{MappedSnapshot, MappedVm, map_snapshot};
use crate::objects;
use crate::provider::KubeVirt;
use crate::resource::{ObjectKey, Resource};
use crate::versions;

/// How soon an object is looked at again, at first and at the latest.
pub(super) const LOOK_AGAIN: (Duration, Duration) =
    (Duration::from_millis(50), Duration::from_secs(1));

/// One verb on the snapshots of one VM.
pub(super) struct Job<'a> {
    pub(super) provider: &'a KubeVirt,
    pub(super) cx: &'a Cx,
    pub(super) caller: std::sync::Arc<Caller>,
    /// The version that is spoken.
    pub(super) version: &'static str,
    pub(super) doing: String,
    pub(super) seen: MappedVm,
}

/// Why a snapshot cannot be taken.
pub(super) struct Refusal(pub(super) Error);

impl<'a> Job<'a> {
    pub(super) async fn begin(
        provider: &'a KubeVirt,
        cx: &'a Cx,
        vm: &VmRef,
        doing: String,
    ) -> Result<Self> {
        let seen = provider.vm_proper(cx, vm, &doing, "and snapshots are of VMs").await?;
        let caller = provider.shared.link.caller(cx).await?;
        let version = spoken(provider, cx, &caller, versions::SNAPSHOT, &doing).await?;
        Ok(Self { provider, cx, caller, version, doing, seen })
    }

    pub(super) fn error(&self, kind: Kind, what: &str) -> Error {
        Error::new(kind, format!("{}: {what}", self.doing))
    }

    pub(super) fn wrong(&self, what: &str) -> Error {
        self.error(Kind::Conflict, what)
    }

    /// A failure as callers are told it; one of the gate with its remedy.
    pub(super) fn noted(&self, failure: Failure) -> Error {
        closed_gate(self.provider.shared.link.noted(failure), &self.doing)
    }

    pub(super) fn key(&self, name: &str) -> ObjectKey {
        ObjectKey::in_namespace(&*self.seen.namespace, name)
    }

    pub(super) fn may_write(&self) -> Result<()> {
        self.provider.shared.fleet.may_write().map_err(|error| error.context(&self.doing))
    }

    /// All snapshots of the VM, oldest first.
    pub(super) async fn all(&self) -> Result<Vec<MappedSnapshot>> {
        let namespace = Some(self.seen.namespace.clone());
        let selection = Selection::all(Resource::snapshots(self.version), namespace);
        let page = self.caller.list(self.cx, &selection).await.map_err(|f| self.noted(f))?;
        let at = self.cx.now();
        let mut all = Vec::new();
        for document in page.items {
            let mapped = map_snapshot(&objects::read(document)?, at)?;
            if mapped.is_of(&self.seen.vm.name, &self.seen.vm.external_ref) {
                all.push(mapped);
            }
        }
        all.sort_by(|a, b| (a.requested_at, &a.name).cmp(&(b.requested_at, &b.name)));
        Ok(all)
    }

    pub(super) async fn find(&self, snapshot: &SnapshotRef) -> Result<Option<MappedSnapshot>> {
        let all = self.all().await?;
        Ok(all.into_iter().find(|one| one.uid.as_deref() == Some(&*snapshot.external_ref)))
    }

    /// Refuses what the limits, the VM's state, or another of the same name exclude.
    pub(super) fn may_be_taken(&self, spec: &SnapshotSpec, all: &[MappedSnapshot]) -> Result<()> {
        let power = self.seen.vm.power;
        if let Some(denial) = LIMITS.refuses(spec, power, all.len()) {
            let Refusal(error) = denial.into();
            return Err(error.context(&self.doing));
        }
        if spec.quiesce == Quiesce::Required && power.is_live() && !hears(&self.seen) {
            return Err(self.wrong(
                "no guest agent is connected, which would bring the guest to rest; install \
                 qemu-guest-agent in it, stop the VM, or do not require it",
            ));
        }
        let has_name =
            |one: &MappedSnapshot| one.given_name.as_deref().unwrap_or(&one.name) == spec.name;
        if all.iter().any(has_name) {
            let what = format!("it has a snapshot named \"{}\" already", spec.name);
            return Err(self.wrong(&what).with_code(hostler_core::Code::SnapshotExists));
        }
        Ok(())
    }

    /// Asks for the snapshot; says whether it was not there.
    pub(super) async fn take(&self, request: &EnsureSnapshot<'_>) -> Result<bool> {
        self.may_write()?;
        let spec = request.spec;
        let mut annotations = json!({ NAME_ANNOTATION: spec.name });
        if !spec.description.is_empty()
            && let Some(all) = annotations.as_object_mut()
        {
            all.insert(DESCRIPTION_ANNOTATION.to_owned(), json!(spec.description));
        }
        // The cluster gives up when the caller does.
        let seconds = self.cx.remaining().as_secs().max(1);
        let object = json!({
            "apiVersion": format!("{}/{}", versions::SNAPSHOT.name, self.version),
            "kind": "VirtualMachineSnapshot",
            "metadata": {
                "name": self.object_name(request.id),
                "namespace": self.seen.namespace,
                "labels": { SNAPSHOT_LABEL: request.id.to_string() },
                "annotations": annotations,
            },
            "spec": { "source": self.this_vm(), "failureDeadline": format!("{seconds}s") },
        });
        self.make(Resource::snapshots(self.version), &object).await
    }

    async fn make(&self, resource: Resource, object: &Value) -> Result<bool> {
        let (namespace, options) = (Some(&*self.seen.namespace), WriteOptions::default());
        match self.caller.create(self.cx, resource, namespace, object, options).await {
            Ok(_) => Ok(true),
            // The same request was made before.
            Err(failure) if failure.cause == Cause::AlreadyExists => Ok(false),
            Err(failure) => Err(self.noted(failure)),
        }
    }

    pub(super) fn this_vm(&self) -> Value {
        json!({ "apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": self.seen.vm.name })
    }

    pub(super) fn object_name(&self, id: impl std::fmt::Display) -> String {
        format!("{}-{id}", self.seen.vm.name)
    }

    /// Deletes a snapshot and waits until it is gone.
    pub(super) async fn delete_snapshot(&self, snapshot: &MappedSnapshot) -> Result<()> {
        self.may_write()?;
        let (cx, link, caller) = (self.cx, &self.provider.shared.link, &*self.caller);
        let (resource, key) = (Resource::snapshots(self.version), &self.key(&snapshot.name));
        let (uid, doing) = (snapshot.uid.as_deref(), &*self.doing);
        Ending { cx, link, caller, resource, key, uid, doing }.delete().await
    }

    /// Waits until the snapshot can be put back. One that failed is taken away again.
    pub(super) async fn until_ready(&self, id: SnapshotId) -> Result<MappedSnapshot> {
        let (resource, key) = (Resource::snapshots(self.version), self.key(&self.object_name(id)));
        let (mut pause, at) = (LOOK_AGAIN.0, self.cx.now());
        loop {
            let mut last = None;
            match self.caller.get(self.cx, resource, &key).await {
                Ok(found) => {
                    let seen = objects::read(found).and_then(|found| map_snapshot(&found, at));
                    // It is there, whether or not it can be read.
                    let seen = seen.map_err(|e| Error::from(e).with_unknown_effect())?;
                    match seen.phase {
                        SnapshotPhase::Succeeded if seen.is_ready.value() == Some(&true) => {
                            return Ok(seen);
                        }
                        SnapshotPhase::Failed => return Err(self.failed(seen).await),
                        SnapshotPhase::Deleting => {
                            return Err(self.wrong("it was deleted while it was taken"));
                        }
                        _ => last = seen.message,
                    }
                }
                Err(failure) if failure.cause == Cause::ObjectMissing => {
                    return Err(self.wrong("it was deleted while it was taken"));
                }
                Err(failure) => self.passes(failure)?,
            }
            let why = last.unwrap_or_else(|| "the cluster takes its time".to_owned());
            self.pause(&mut pause, &why).await?;
        }
    }

    async fn failed(&self, seen: MappedSnapshot) -> Error {
        let words =
            seen.message.clone().unwrap_or_else(|| "the cluster gives no reason".to_owned());
        let error = self.wrong("the cluster could not take it").with_raw(words);
        match self.delete_snapshot(&seen).await {
            Ok(()) => error,
            // It is there still, and by its mark it is found.
            Err(_) => error.with_unknown_effect(),
        }
    }

    /// What passes by itself is waited for; nothing else is.
    pub(super) fn passes(&self, failure: Failure) -> Result<()> {
        let error = self.noted(failure);
        match error.kind().is_transient() && self.cx.remaining() > Duration::ZERO {
            true => Ok(()),
            false => Err(error.with_unknown_effect()),
        }
    }

    /// Waits a little longer each time; the end of patience has an unknown effect.
    pub(super) async fn pause(&self, pause: &mut Duration, why: &str) -> Result<()> {
        let now = Instant::now();
        if now >= self.cx.deadline() {
            let what = format!("it was asked for, and is not done: {why}");
            return Err(self.error(Kind::Timeout, &what).with_unknown_effect());
        }
        let nap = (*pause).min(self.cx.deadline() - now);
        *pause = (*pause * 2).min(LOOK_AGAIN.1);
        tokio::select! {
            () = sleep(nap) => Ok(()),
            () = self.cx.cancellation().cancelled() => {
                Err(self.error(Kind::Cancelled, "cancelled").with_unknown_effect())
            }
        }
    }
}

/// A failure with what was being done; one of the gate with its remedy.
pub(crate) fn closed_gate(error: Error, doing: &str) -> Error {
    let is_gate = error.raw().is_some_and(|raw| {
        raw.contains("feature gate") && (raw.contains("not enabled") || raw.contains("disabled"))
    });
    if !is_gate {
        return error.context(doing);
    }
    let remedy = "the feature gate Snapshot of the cluster's KubeVirt is closed; add Snapshot to \
                  spec.configuration.developerConfiguration.featureGates of its KubeVirt object";
    let told = Error::new(Kind::Unsupported, format!("{doing}: {remedy}"));
    match error.raw() {
        Some(raw) => told.with_raw(raw),
        None => told,
    }
}

/// The version of a group to speak.
pub(crate) async fn spoken(
    provider: &KubeVirt,
    cx: &Cx,
    caller: &Caller,
    group: versions::Group,
    doing: &str,
) -> Result<&'static str> {
    let missing = || {
        let message = format!(
            "{doing}: the cluster does not serve {} in a version that is known here; is KubeVirt \
             installed, and not too old?",
            group.name
        );
        Error::new(Kind::Unsupported, message)
    };
    let reply = match caller.get_path(cx, &format!("/apis/{}", group.name)).await {
        Ok(reply) => reply,
        Err(failure) if matches!(failure.cause, Cause::KindMissing | Cause::ObjectMissing) => {
            return Err(missing());
        }
        Err(failure) => return Err(provider.shared.link.noted(failure).context(doing)),
    };
    let told: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let (preferred, served) = versions::told(&told);
    group.choose(preferred, &served).ok_or_else(missing)
}
