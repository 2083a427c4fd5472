//! Making one clone: asking for it, waiting for its end, finishing what was made.

use std::sync::Arc;
use std::time::Duration;

use hostler_core::clone::OWN_LABELS;
use hostler_provider::{
    CloneHandle, Cx, DiskBinding, EnsureClone, Error, Kind, Result, VmRef, VolumeRef,
};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};

use super::removal::Removal;
use super::{CLONE_LABEL, claims, is_its_own, note, text};
use crate::call::{Caller, Selection, WriteOptions};
use crate::error::{Cause, Failure};
use crate::mapper::snapshots::STRATEGY_ANNOTATION;
use crate::mapper::{MADE_AS_ANNOTATION, TAG_LABEL, VmKind};
use crate::provider::KubeVirt;
use crate::resource::{ObjectKey, Resource};
use crate::snapshots::{closed_gate, spoken};
use crate::storage::Pool;
use crate::versions;

/// How soon an object is looked at again, at first and at the latest.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// How long a clone may wait to begin: what it waits for then does not come by itself.
const PENDING_FOR: Duration = Duration::from_secs(15);
/// How long it is waited for that all volumes are bound, after all is done.
const BOUND_WITHIN: Duration = Duration::from_secs(5);
/// Where a VM says how it is to be run.
const RUN_STRATEGY: &str = "/spec/runStrategy";
/// As it is put: what VMs of Hostler's making say.
const MANUAL: &str = "Manual";
/// How often a VM is patched anew because others wrote meanwhile.
const ATTEMPTS: usize = 8;

/// One clone.
pub(super) struct Job<'a> {
    provider: &'a KubeVirt,
    cx: &'a Cx,
    request: &'a EnsureClone<'a>,
    caller: Arc<Caller>,
    clones: Resource,
    /// The version of the group that is spoken.
    version: &'static str,
    doing: String,
}

impl<'a> Job<'a> {
    pub(super) async fn begin(
        provider: &'a KubeVirt,
        cx: &'a Cx,
        request: &'a EnsureClone<'a>,
    ) -> Result<Self> {
        let doing = format!("cannot clone {} as \"{}\"", request.source, request.name);
        if cx.is_cancelled() {
            return Err(Error::new(Kind::Cancelled, format!("{doing}: cancelled")));
        }
        let caller = provider.shared.link.caller(cx).await?;
        let version = spoken(provider, cx, &caller, versions::CLONE, &doing).await?;
        let clones = Resource::clones(version);
        Ok(Self { provider, cx, request, caller, clones, version, doing })
    }

    fn error(&self, kind: Kind, what: &str) -> Error {
        Error::new(kind, format!("{}: {what}", self.doing))
    }

    fn noted(&self, failure: Failure) -> Error {
        closed_gate(self.provider.shared.link.noted(failure), &self.doing)
    }

    fn may_write(&self) -> Result<()> {
        self.provider.shared.fleet.may_write().map_err(|error| error.context(&self.doing))
    }

    /// The VM that bears our mark.
    pub(super) async fn marked(&self) -> Result<Option<Value>> {
        let found = self.provider.marked(self.cx, &self.caller, self.request.vm).await;
        match found.map_err(|error| error.context(&self.doing))? {
            Some(vm) if vm.pointer("/metadata/deletionTimestamp").is_some() => {
                Err(self.error(Kind::Unavailable, "it is being deleted; try again when it is gone"))
            }
            found => Ok(found),
        }
    }

    /// The object that makes it, if that was asked for.
    pub(super) async fn begun(&self) -> Result<Option<Value>> {
        for namespace in self.provider.shared.config.namespaces.scopes() {
            let labels = Some(format!("{CLONE_LABEL}={}", self.request.vm));
            let selection = Selection { labels, ..Selection::all(self.clones, namespace) };
            let listed = self.caller.list(self.cx, &selection).await;
            if let Some(found) = listed.map_err(|f| self.noted(f))?.items.into_iter().next() {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Asks for the clone; gives the object that makes it, and whether it is new.
    pub(super) async fn ask(&self) -> Result<(Value, bool)> {
        let EnsureClone { vm, name, source, snapshot, seed } = *self.request;
        let seen = self.provider.look(self.cx, source).await.map_err(|e| e.context(&self.doing))?;
        let missing = || self.error(Kind::NotFound, "the VM is not there any more");
        let seen = seen.ok_or_else(missing)?;
        if seen.kind != VmKind::Machine {
            let what = "it is an instance without a VM, and clones are of VMs";
            return Err(self.error(Kind::Unsupported, what));
        }
        crate::resource::name(name).map_err(|error| error.context(&self.doing))?;
        let namespace = &*seen.namespace;
        if let Some(seed) = seed
            && Pool::named(&seed.pool)?.namespace != namespace
        {
            let what = "its seed is in another namespace than its source";
            return Err(self.error(Kind::Invalid, what));
        }
        let live = self.vm(namespace, &seen.vm.name).await?.ok_or_else(missing)?;
        if self.vm(namespace, name).await?.is_some() {
            let what = format!("the namespace {namespace} has another VM of that name");
            return Err(self.error(Kind::Conflict, &what));
        }
        let of = match snapshot {
            None => json!({
                "apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": seen.vm.name,
            }),
            Some(snapshot) => json!({
                "apiGroup": versions::SNAPSHOT.name, "kind": "VirtualMachineSnapshot",
                "name": self.provider.snapshot_object(self.cx, source, snapshot, &self.doing).await?,
            }),
        };
        let filters = json!(["*", format!("!{OWN_LABELS}*")]);
        let strategy = match text(&live, RUN_STRATEGY) {
            Some(MANUAL) => json!({ STRATEGY_ANNOTATION: MANUAL }),
            _ => json!({}),
        };
        let object = json!({
            "apiVersion": format!("{}/{}", versions::CLONE.name, self.version),
            "kind": "VirtualMachineClone",
            "metadata": {
                "name": format!("clone-{vm}"), "namespace": namespace,
                "labels": { CLONE_LABEL: vm.to_string() },
                "annotations": strategy,
            },
            "spec": {
                "source": of,
                "target": { "apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": name },
                "labelFilters": filters, "annotationFilters": filters,
                "patches": self.patches(namespace, &live),
            },
        });
        self.may_write()?;
        self.make(namespace, object).await
    }

    async fn make(&self, namespace: &str, mut object: Value) -> Result<(Value, bool)> {
        let options = WriteOptions::default();
        let make = |object: Value| async move {
            self.caller.create(self.cx, self.clones, Some(namespace), &object, options).await
        };
        let mut made = make(object.clone()).await;
        if made.as_ref().is_err_and(knows_no_patches)
            && let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut)
        {
            // Then it is marked when it is finished.
            spec.remove("patches");
            made = make(object).await;
        }
        match made {
            Ok(object) => Ok((object, true)),
            // The same request was made before, and is not listed yet.
            Err(failure) if failure.cause == Cause::AlreadyExists => {
                let key = ObjectKey::in_namespace(namespace, format!("clone-{}", self.request.vm));
                let there = self.caller.get(self.cx, self.clones, &key).await;
                Ok((there.map_err(|f| self.noted(f))?, false))
            }
            Err(failure) => Err(self.noted(failure)),
        }
    }

    /// What is to be otherwise than at the source, in the words of RFC 6902, each in a text of its own.
    /// The labels are told whole: a VM that has none has no member to add one to.
    fn patches(&self, namespace: &str, source: &Value) -> Vec<String> {
        let made_as = MADE_AS_ANNOTATION.replace('/', "~1");
        let made_as = json!({
            "op": "add", "path": format!("/metadata/annotations/{made_as}"),
            "value": format!("{namespace}/{}", self.request.name),
        });
        let labels = json!({
            "op": "add", "path": "/metadata/labels", "value": self.labels(source),
        });
        // A VM of ours stays as it is put; KubeVirt would make one that is not to run at all.
        let manual = json!({ "op": "add", "path": RUN_STRATEGY, "value": MANUAL });
        let is_manual = text(source, RUN_STRATEGY) == Some(MANUAL);
        let patches = [Some(labels), Some(made_as), is_manual.then_some(manual)];
        patches.iter().flatten().map(Value::to_string).collect()
    }

    fn labels(&self, of: &Value) -> Map<String, Value> {
        let all = of.pointer("/metadata/labels").and_then(Value::as_object);
        let mut labels = all.cloned().unwrap_or_default();
        labels.retain(|key, _| !key.starts_with(OWN_LABELS));
        labels.insert(TAG_LABEL.to_owned(), self.request.vm.to_string().into());
        labels
    }

    async fn vm(&self, namespace: &str, name: &str) -> Result<Option<Value>> {
        let key = ObjectKey::in_namespace(namespace, name);
        match self.caller.get(self.cx, Resource::VMS, &key).await {
            Ok(vm) => Ok(Some(vm)),
            Err(failure) if failure.cause == Cause::ObjectMissing => Ok(None),
            Err(failure) => Err(self.noted(failure)),
        }
    }

    /// Waits until the VM is there, whole. A clone that failed is taken away again.
    pub(super) async fn until_made(&self, object: &Value) -> Result<Value> {
        let namespace = text(object, "/metadata/namespace").unwrap_or_default().to_owned();
        let key = ObjectKey::in_namespace(
            &*namespace,
            text(object, "/metadata/name").unwrap_or_default(),
        );
        let (mut pause, mut pending) = (LOOK_AGAIN.0, None);
        loop {
            let mut why = "the cluster takes its time".to_owned();
            match self.caller.get(self.cx, self.clones, &key).await {
                Ok(found) => {
                    let reason = reason(&found, "Ready");
                    match text(&found, "/status/phase") {
                        Some("Succeeded") => return self.made(&namespace).await,
                        Some("Failed") => return Err(self.failed("it could not", reason).await),
                        _ => {}
                    }
                    if is_pending(&found) {
                        let since = *pending.get_or_insert_with(Instant::now);
                        if since.elapsed() >= PENDING_FOR {
                            return Err(self.failed("it does not begin", reason).await);
                        }
                    } else {
                        pending = None;
                    }
                    why = reason.unwrap_or(why);
                }
                // With a VM that is deleted its clone object goes.
                Err(failure) if failure.cause == Cause::ObjectMissing => {
                    return match self.marked().await {
                        Ok(Some(vm)) => Ok(vm),
                        Ok(None) => {
                            let what = "it was deleted while it was made";
                            Err(self.error(Kind::Conflict, what).with_unknown_effect())
                        }
                        Err(error) => Err(error.with_unknown_effect()),
                    };
                }
                Err(failure) => self.passes(failure)?,
            }
            self.pause(&mut pause, &why).await?;
        }
    }

    async fn made(&self, namespace: &str) -> Result<Value> {
        let vm = self.vm(namespace, self.request.name).await.map_err(Error::with_unknown_effect)?;
        vm.ok_or_else(|| {
            let what = "it was made, and is gone already";
            self.error(Kind::Conflict, what).with_unknown_effect()
        })
    }

    /// Takes away what there is, so that the failure is all that is left.
    async fn failed(&self, what: &str, why: Option<String>) -> Error {
        let why = why.unwrap_or_else(|| "the cluster gives no reason".to_owned());
        let told = format!("{what}: {}", crate::error::word(&why).trim_end_matches('.'));
        let error = self.error(Kind::Conflict, &told).with_raw(why);
        let removed =
            async { Removal::begin(self.provider, self.cx, self.request.vm).await?.run().await };
        match removed.await {
            Ok(_) => error,
            // It is there still, and by its mark it is found.
            Err(_) => error.with_unknown_effect(),
        }
    }

    /// Makes what was made the clone that was asked for, and tells its volumes.
    /// It is run by the strategy that its source was, where that can be and is known.
    pub(super) async fn finish(
        &self,
        vm: Value,
        strategy: Option<&str>,
        created: bool,
    ) -> Result<CloneHandle> {
        let vm = self.amend(vm, strategy).await?;
        let namespace = text(&vm, "/metadata/namespace").unwrap_or_default().to_owned();
        let mut disks = Vec::new();
        for (disk, claim) in claims(&vm) {
            let key = ObjectKey::in_namespace(&*namespace, &*claim);
            let found = match self.caller.get(self.cx, Resource::CLAIMS, &key).await {
                Ok(found) => found,
                Err(failure) if failure.cause == Cause::ObjectMissing => continue,
                Err(failure) => return Err(self.noted(failure)),
            };
            let class = text(&found, "/spec/storageClassName").unwrap_or_default().to_owned();
            if is_its_own(&found, &vm) {
                let pool = Pool { namespace: namespace.clone(), class }.to_string();
                // Storage of a cluster is of no host.
                let volume = VolumeRef { host_ref: String::new(), pool, name: claim };
                disks.push(DiskBinding { disk, volume, owned: true });
            }
        }
        self.clear().await?;
        let external_ref = text(&vm, "/metadata/uid").unwrap_or_default().to_owned();
        self.provider.followed(self.cx, &external_ref, true).await;
        let vm = VmRef { external_ref, name: self.request.name.to_owned() };
        Ok(CloneHandle { vm, created, disks })
    }

    /// Gives it what the clone object could not: its mark where that could not be told, its own
    /// host name, and its own seed.
    async fn amend(&self, mut vm: Value, strategy: Option<&str>) -> Result<Value> {
        let namespace = text(&vm, "/metadata/namespace").unwrap_or_default().to_owned();
        let key = ObjectKey::in_namespace(&*namespace, self.request.name);
        let mut attempt = 1;
        loop {
            let steps = self.steps(&namespace, &vm, strategy);
            if steps.is_empty() {
                return Ok(vm);
            }
            self.may_write()?;
            let uid = json!({
                "op": "test", "path": "/metadata/uid", "value": text(&vm, "/metadata/uid"),
            });
            let patch: Vec<Value> = std::iter::once(uid).chain(steps).collect();
            match self.caller.patch(self.cx, Resource::VMS, &key, &patch.into()).await {
                Ok(amended) => return Ok(amended),
                Err(failure) if failure.cause == Cause::Changed && attempt < ATTEMPTS => {
                    attempt += 1;
                    vm = self.made(&namespace).await?;
                }
                Err(failure) => return Err(self.noted(failure)),
            }
        }
    }

    fn steps(&self, namespace: &str, vm: &Value, strategy: Option<&str>) -> Vec<Value> {
        let mut steps = Vec::new();
        // Where that could not be patched, KubeVirt made one that is not to run at all.
        if strategy == Some(MANUAL) && text(vm, RUN_STRATEGY) == Some("Halted") {
            steps.push(json!({ "op": "test", "path": RUN_STRATEGY, "value": "Halted" }));
            steps.push(json!({ "op": "replace", "path": RUN_STRATEGY, "value": MANUAL }));
        }
        let made_as = format!("{namespace}/{}", self.request.name);
        let mark = note(vm, "labels", TAG_LABEL);
        if mark != Some(&*self.request.vm.to_string()) {
            steps.push(json!({
                "op": "add", "path": "/metadata/labels", "value": self.labels(vm),
            }));
        }
        if note(vm, "annotations", MADE_AS_ANNOTATION) != Some(&*made_as) {
            let mut notes = vm.pointer("/metadata/annotations").cloned().unwrap_or(json!({}));
            if let Some(notes) = notes.as_object_mut() {
                notes.insert(MADE_AS_ANNOTATION.to_owned(), made_as.into());
            }
            steps.push(json!({ "op": "add", "path": "/metadata/annotations", "value": notes }));
        }
        let spec = "/spec/template/spec";
        // Without one the guest is called as the VM is.
        if text(vm, &format!("{spec}/hostname")).is_some_and(|it| it != self.request.name) {
            steps.push(json!({ "op": "remove", "path": format!("{spec}/hostname") }));
        }
        let Some(seed) = self.request.seed else { return steps };
        let volumes = vm.pointer(&format!("{spec}/volumes")).and_then(Value::as_array);
        for (at, volume) in volumes.into_iter().flatten().enumerate() {
            for part in ["secretRef", "networkDataSecretRef"] {
                let name = format!("/cloudInitNoCloud/{part}/name");
                if text(volume, &name).is_some_and(|it| it != seed.name) {
                    let path = format!("{spec}/volumes/{at}{name}");
                    steps.push(json!({ "op": "replace", "path": path, "value": seed.name }));
                }
            }
        }
        steps
    }

    /// Deletes the object that made it, once nothing is filled from what it works with. It stays
    /// where that takes longer: KubeVirt deletes it with the VM.
    async fn clear(&self) -> Result<()> {
        let by = self.cx.deadline().min(Instant::now() + BOUND_WITHIN);
        let mut pause = LOOK_AGAIN.0;
        while let Some(object) = self.begun().await? {
            let is_bound = text(&object, "/status/restoreName").is_none();
            if is_bound {
                let name = text(&object, "/metadata/name").unwrap_or_default();
                let namespace = text(&object, "/metadata/namespace").unwrap_or_default();
                let key = ObjectKey::in_namespace(namespace, name);
                let uid = text(&object, "/metadata/uid");
                return match self.caller.delete(self.cx, self.clones, &key, uid).await {
                    Err(failure)
                        if !matches!(failure.cause, Cause::ObjectMissing | Cause::Changed) =>
                    {
                        Err(self.noted(failure))
                    }
                    _ => Ok(()),
                };
            }
            if Instant::now() + pause >= by {
                return Ok(());
            }
            self.pause(&mut pause, "its volumes wait to be bound").await?;
        }
        Ok(())
    }

    /// What passes by itself is waited for; nothing else is.
    fn passes(&self, failure: Failure) -> Result<()> {
        let error = self.noted(failure);
        match error.kind().is_transient() && self.cx.remaining() > Duration::ZERO {
            true => Ok(()),
            false => Err(error.with_unknown_effect()),
        }
    }

    /// Waits a little longer each time; the end of patience has an unknown effect.
    async fn pause(&self, pause: &mut Duration, why: &str) -> Result<()> {
        let now = Instant::now();
        self.cx.progress(None, why);
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

/// Whether a clone was refused because the cluster does not know that it can be patched.
fn knows_no_patches(failure: &Failure) -> bool {
    let raw = failure.error.raw().unwrap_or_default();
    raw.contains("unknown field") && raw.contains("patches")
}

/// The reason of a condition.
fn reason(clone: &Value, kind: &str) -> Option<String> {
    let conditions = clone.pointer("/status/conditions")?.as_array()?;
    let found = conditions.iter().find(|one| text(one, "/type") == Some(kind))?;
    text(found, "/reason").filter(|why| *why != "Still processing").map(str::to_owned)
}

/// Whether it waits for something before it begins.
fn is_pending(clone: &Value) -> bool {
    reason(clone, "Progressing").as_deref() == Some("Pending")
}
