//! Making VMs and deleting them.
//!
//! A VM bears our mark, a label with its id, from the first moment on, and is found by
//! it wherever it is. Where it goes is told by its disks, whose claims are used within
//! their own namespace only; one without disks goes where the provider makes VMs
//! ([`crate::storage`]).
//!
//! ```text
//!   ensure ─► found by mark? ─► finished, if it was half made ─► it
//!               │ no
//!               ▼
//!            node, claims and networks there? ─► document ─► create ─► apply ─► give up ─► seen
//!                                                              │ taken
//!                                                              └─► ours? it : conflict
//! ```

mod apply;
mod belongings;
mod change;
mod devices;
mod document;
mod merge;
mod refusals;
mod remove;
mod yaml;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hostler_core::id::VmId;
use hostler_core::vm::devices::{DiskDevice, DiskSource, NicSource};
use hostler_provider::{Create, Cx, EnsureVm, Error, Kind, Result, VmHandle, VmRef, VolumeRef};
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

pub(crate) use devices::{NO_UPLOADS, RAW_ONLY};
pub(crate) use document::{is_dns_label, quantity};

use crate::call::{CREATION_MANAGER, Caller, Selection, WriteOptions};
use crate::error::{Cause, Failure};
use crate::fleet::Age;
use crate::mapper::{MappedVm, POD_NETWORK, Source, Surroundings, TAG_LABEL, map_vm};
use crate::objects::{self, VirtualMachine};
use crate::provider::KubeVirt;
use crate::resource::{ObjectKey, Resource};
use crate::storage::{Pool, Users};
use document::{Plan, document, with_run_strategy};

/// How long it is waited for that what was done is followed, too. It is done anyway.
const SEEN_WITHIN: Duration = Duration::from_secs(10);
/// How soon it is looked again when nothing is told.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

#[async_trait]
impl Create for KubeVirt {
    /// They are objects of their own, and stay.
    fn ends_snapshots(&self) -> Option<bool> {
        Some(false)
    }

    async fn validate(&self, cx: &Cx, request: &EnsureVm<'_>) -> Result<()> {
        let making = Making::begin(self, cx, request, "make").await?;
        making.check_node().await?;
        let namespace = making.namespace()?;
        making.check_types().await?;
        making.check_networks(&namespace).await?;
        making.check_claims(&namespace, false).await?;
        let document = with_run_strategy(making.document(&namespace, false)?);
        let dry = WriteOptions { dry_run: true, ..MAKING };
        match making.create(&namespace, &document, dry).await {
            Ok(_) => Ok(()),
            Err(failure) if failure.cause == Cause::AlreadyExists => {
                making.whose(&namespace).await.map(drop)
            }
            Err(failure) => Err(making.failed(failure)),
        }
    }

    async fn ensure_vm(&self, cx: &Cx, request: &EnsureVm<'_>) -> Result<VmHandle> {
        let making = Making::begin(self, cx, request, "make").await?;
        if let Some(found) = making.find().await? {
            return making.finish(found, false).await;
        }
        making.check_node().await?;
        let namespace = making.namespace()?;
        making.check_types().await?;
        making.check_networks(&namespace).await?;
        making.check_claims(&namespace, true).await?;
        let document = with_run_strategy(making.document(&namespace, true)?);
        making.may_write()?;
        match making.create(&namespace, &document, MAKING).await {
            Ok(live) => {
                // It is there, whatever becomes of the rest.
                let found = Found::of(live, cx).map_err(Error::with_unknown_effect)?;
                let made = making.finish(found, true).await;
                made.map_err(Error::with_unknown_effect)
            }
            Err(failure) if failure.cause == Cause::AlreadyExists => {
                let found = making.whose(&namespace).await?;
                making.finish(found, false).await
            }
            Err(failure) => Err(making.failed(failure)),
        }
    }

    async fn find_vm(&self, cx: &Cx, vm: VmId) -> Result<Option<VmHandle>> {
        let caller = self.shared.link.caller(cx).await?;
        let Some(found) = self.find_marked(cx, &caller, vm).await? else { return Ok(None) };
        self.followed(cx, &found.mapped.vm.external_ref, true).await;
        Ok(Some(found.handle(false)))
    }

    async fn remove_vm(&self, cx: &Cx, vm: &VmRef) -> Result<()> {
        self.remove(cx, vm).await
    }

    async fn definition(&self, cx: &Cx, vm: &VmRef) -> Result<String> {
        let doing = format!("cannot read the definition of {vm}");
        let missing = || Error::new(Kind::NotFound, format!("{doing}: it is not there"));
        let seen = self.look(cx, vm).await.map_err(|error| error.context(&doing))?;
        let seen = seen.ok_or_else(missing)?;
        let resource = remove::resource_of(seen.kind);
        let caller = self.shared.link.caller(cx).await?;
        let key = ObjectKey::in_namespace(&*seen.namespace, &*seen.vm.name);
        let mut object = match caller.get(cx, resource, &key).await {
            Ok(object) => object,
            Err(failure) if failure.cause == Cause::ObjectMissing => return Err(missing()),
            Err(failure) => return Err(self.shared.link.noted(failure).context(&doing)),
        };
        if seen.kind != crate::mapper::VmKind::Unseen
            && object.pointer("/metadata/uid").and_then(Value::as_str) != Some(&vm.external_ref)
        {
            return Err(missing());
        }
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
        Ok(yaml::write(&object))
    }
}

/// Under whose name a VM is made.
const MAKING: WriteOptions =
    WriteOptions { dry_run: false, force: false, manager: CREATION_MANAGER };

/// A VM that is there.
struct Found {
    live: Value,
    mapped: MappedVm,
}

impl Found {
    fn of(live: Value, cx: &Cx) -> Result<Self> {
        let vm: VirtualMachine = objects::read(live.clone())?;
        let mapped = map_vm(Source::Off(&vm), &Surroundings::default(), cx.now())?;
        Ok(Self { live, mapped })
    }

    fn handle(&self, created: bool) -> VmHandle {
        let (external_ref, name) =
            (self.mapped.vm.external_ref.clone(), self.mapped.vm.name.clone());
        VmHandle { vm: VmRef { external_ref, name }, created }
    }

    fn bears(&self, vm: VmId) -> bool {
        self.mapped.vm.tag.as_ref().is_some_and(|tag| tag.vm == vm)
    }

    fn is_ending(&self) -> bool {
        self.live.pointer("/metadata/deletionTimestamp").is_some()
    }
}

/// One VM that is to be made.
pub(crate) struct Making<'a> {
    pub(crate) provider: &'a KubeVirt,
    pub(crate) cx: &'a Cx,
    pub(crate) request: &'a EnsureVm<'a>,
    pub(crate) caller: Arc<Caller>,
    pub(crate) doing: String,
}

impl<'a> Making<'a> {
    async fn begin(
        provider: &'a KubeVirt,
        cx: &'a Cx,
        request: &'a EnsureVm<'a>,
        verb: &str,
    ) -> Result<Self> {
        let doing = format!("cannot {verb} \"{}\"", request.spec.name);
        if cx.is_cancelled() {
            return Err(Error::new(Kind::Cancelled, format!("{doing}: cancelled")));
        }
        let caller = provider.shared.link.caller(cx).await?;
        Ok(Self { provider, cx, request, caller, doing })
    }

    pub(crate) fn error(&self, kind: Kind, what: &str) -> Error {
        Error::new(kind, format!("{}: {what}", self.doing))
    }

    fn failed(&self, failure: Failure) -> Error {
        self.provider.shared.link.noted(failure).context(&self.doing)
    }

    fn may_write(&self) -> Result<()> {
        self.provider.shared.fleet.may_write().map_err(|error| error.context(&self.doing))
    }

    fn key(&self, namespace: &str) -> ObjectKey {
        ObjectKey::in_namespace(namespace, &*self.request.spec.name)
    }

    async fn find(&self) -> Result<Option<Found>> {
        let found = self.provider.find_marked(self.cx, &self.caller, self.request.vm).await;
        found.map_err(|error| error.context(&self.doing))
    }

    async fn create(
        &self,
        namespace: &str,
        document: &Value,
        options: WriteOptions,
    ) -> crate::call::Result<Value> {
        let made = self.caller.create(self.cx, Resource::VMS, Some(namespace), document, options);
        made.await
    }

    /// The VM of that name, if it is ours.
    ///
    /// # Errors
    /// `Conflict` where it is not.
    async fn whose(&self, namespace: &str) -> Result<Found> {
        let live = self.caller.get(self.cx, Resource::VMS, &self.key(namespace)).await;
        let found = Found::of(live.map_err(|failure| self.failed(failure))?, self.cx)?;
        if found.bears(self.request.vm) {
            return Ok(found);
        }
        let what = format!("the namespace {namespace} has another VM of that name");
        Err(self.error(Kind::Conflict, &what))
    }

    /// Goes on with a VM of ours wherever its making ended.
    async fn finish(&self, found: Found, created: bool) -> Result<VmHandle> {
        if found.is_ending() {
            let what = "it is being deleted; try again when it is gone";
            return Err(self.error(Kind::Unavailable, what));
        }
        let handle = found.handle(created);
        if apply::is_half_made(&found.live) {
            let document = self.document(&found.mapped.namespace, true)?;
            let taken = self.take_on(&found.mapped, found.live, &document).await;
            taken.map_err(|failure| self.failed(failure))?;
        }
        self.provider.followed(self.cx, &handle.vm.external_ref, true).await;
        Ok(handle)
    }

    async fn check_node(&self) -> Result<()> {
        let shared = &self.provider.shared;
        shared.fleet.listed(self.cx, &shared.link, &self.caller).await?;
        if shared.fleet.has_node(self.request.host_ref) {
            return Ok(());
        }
        let what = format!("the cluster has no node \"{}\"", self.request.host_ref);
        Err(self.error(Kind::NotFound, &what))
    }

    /// The namespace that it goes to: that of its claims and types, else where VMs are made.
    fn namespace(&self) -> Result<String> {
        let mut found = BTreeSet::new();
        for volume in self.volumes() {
            found.insert(self.pool(volume)?.namespace);
        }
        let types = self.request.spec.instance_type.iter().chain(&self.request.spec.preference);
        found.extend(types.filter_map(|named| named.namespace.clone()));
        let mut found = found.into_iter();
        let namespace = match (found.next(), found.next()) {
            (None, _) => self.provider.home(&self.caller),
            (Some(namespace), None) => namespace,
            (Some(one), Some(other)) => {
                let what = format!(
                    "what it names is in the namespaces {one} and {other}; a VM uses volumes, \
                     instance types and preferences of its own namespace only, and those of the \
                     whole cluster"
                );
                return Err(self.error(Kind::Invalid, &what));
            }
        };
        if self.provider.shared.config.namespaces.contains(&namespace) {
            return Ok(namespace);
        }
        let what = format!("the namespace {namespace} is not among those of this provider");
        Err(self.error(Kind::Invalid, &what))
    }

    fn volumes(&self) -> impl Iterator<Item = &'a VolumeRef> {
        self.request.disks.iter().map(|disk| &disk.volume).chain(self.request.seed)
    }

    fn pool(&self, volume: &VolumeRef) -> Result<Pool> {
        Pool::named(&volume.pool).map_err(|error| error.context(&self.doing))
    }

    /// The claims that it names have to be there: else it would be made, and never start.
    /// And no other VM may have one that it would write to: the cluster lets both.
    async fn check_claims(&self, namespace: &str, with_made: bool) -> Result<()> {
        let mut written = Vec::new();
        for (spec, bound) in self.request.spec.disks.iter().filter_map(|spec| {
            let bound = self.request.disks.iter().find(|bound| bound.disk == spec.name)?;
            Some((spec, bound))
        }) {
            if with_made || matches!(spec.source, DiskSource::Volume { .. }) {
                let what = format!("disk \"{}\"", spec.name);
                self.check_there(Resource::CLAIMS, namespace, &bound.volume.name, &what).await?;
                if !spec.read_only && spec.device == DiskDevice::Disk {
                    written.push((what, &*bound.volume.name));
                }
            }
        }
        self.check_free(namespace, &written).await?;
        match self.request.seed.filter(|_| with_made) {
            Some(seed) => {
                self.check_there(Resource::SECRETS, namespace, &seed.name, "cloud-init's seed")
                    .await
            }
            None => Ok(()),
        }
    }

    /// Refuses claims that another VM has, whether it runs or not.
    async fn check_free(&self, namespace: &str, claims: &[(String, &str)]) -> Result<()> {
        if claims.is_empty() {
            return Ok(());
        }
        let (link, own) = (&self.provider.shared.link, Some(&*self.request.spec.name));
        let users = Users::of(self.cx, link, &self.caller, namespace).await;
        let users = users.map_err(|error| error.context(&self.doing))?;
        for (disk, claim) in claims {
            if let Some(user) = users.of_claim(claim, own) {
                let what = format!("{disk}: volume {claim} belongs to VM \"{}\"", user.name);
                return Err(self.error(Kind::Conflict, &what));
            }
        }
        Ok(())
    }

    async fn check_networks(&self, namespace: &str) -> Result<()> {
        for nic in &self.request.spec.nics {
            if let NicSource::Network(name) = &nic.source
                && name != POD_NETWORK
            {
                let what = format!("network \"{name}\"");
                self.check_there(Resource::NETWORKS, namespace, name, &what).await?;
            }
        }
        Ok(())
    }

    async fn check_there(
        &self,
        resource: Resource,
        namespace: &str,
        name: &str,
        what: &str,
    ) -> Result<()> {
        let key = ObjectKey::in_namespace(namespace, name);
        let Err(failure) = self.caller.get(self.cx, resource, &key).await else { return Ok(()) };
        match failure.cause {
            Cause::ObjectMissing | Cause::KindMissing => {
                let what = format!("{what} is not there: no {} {key}", resource.full_name());
                Err(self.error(Kind::Invalid, &what))
            }
            // Who may not look at it may use it all the same.
            Cause::Forbidden => Ok(()),
            _ => Err(self.failed(failure)),
        }
    }

    /// What it is made of; `for_real` wants every volume named.
    fn document(&self, namespace: &str, for_real: bool) -> Result<Value> {
        self.document_for(self.request, namespace, for_real)
    }

    fn document_for(
        &self,
        request: &EnsureVm<'_>,
        namespace: &str,
        for_real: bool,
    ) -> Result<Value> {
        let EnsureVm { vm, spec, host_ref, disks, seed } = request;
        let claims = spec.disks.iter().map(|disk| {
            let bound = disks.iter().find(|bound| bound.disk == disk.name);
            let made = bound.map(|bound| bound.volume.name.clone());
            // Before it is made, it has no name yet.
            made.or_else(|| (!for_real && disk.source.makes_volume()).then(|| disk.name.clone()))
        });
        let unmade = "cloud-init";
        let seed = seed.map(|seed| seed.name.as_str());
        let seed = seed.or_else(|| spec.cloud_init.as_ref().filter(|_| !for_real).map(|_| unmade));
        if spec.cloud_init.is_some() && seed.is_none() {
            return Err(self.error(Kind::Invalid, "/cloud_init: no seed was made of it"));
        }
        let plan = Plan {
            vm: *vm,
            spec,
            namespace,
            node: host_ref,
            claims: claims.collect(),
            seed,
            emulates: self.provider.shared.fleet.emulates(self.cx.now()),
        };
        document(&plan).map_err(|error| error.context(&self.doing))
    }
}

impl KubeVirt {
    /// The object of the VM that bears our mark, wherever it is.
    ///
    /// # Errors
    /// `Conflict` where several do.
    pub(crate) async fn marked(&self, cx: &Cx, caller: &Caller, vm: VmId) -> Result<Option<Value>> {
        Ok(self.find_marked(cx, caller, vm).await?.map(|found| found.live))
    }

    /// The VM that bears our mark, wherever it is.
    ///
    /// # Errors
    /// `Conflict` where several do.
    async fn find_marked(&self, cx: &Cx, caller: &Caller, vm: VmId) -> Result<Option<Found>> {
        let mut found: Option<Found> = None;
        for namespace in self.shared.config.namespaces.scopes() {
            let labels = Some(format!("{TAG_LABEL}={vm}"));
            let selection = Selection { labels, ..Selection::all(Resource::VMS, namespace) };
            let listed = caller.list(cx, &selection).await;
            for live in listed.map_err(|failure| self.shared.link.noted(failure))?.items {
                let one = Found::of(live, cx)?;
                if !one.bears(vm) {
                    continue;
                }
                if let Some(other) = &found {
                    let (one, other) = (&one.mapped, &other.mapped);
                    let message = format!(
                        "{}/{} and {}/{} both bear the mark of one VM; remove the label \
                         {TAG_LABEL} of the one that was copied",
                        other.namespace, other.vm.name, one.namespace, one.vm.name
                    );
                    return Err(Error::new(Kind::Conflict, message));
                }
                found = Some(one);
            }
        }
        Ok(found)
    }

    /// Waits until what is followed shows a VM, or does not any more. That it was made
    /// or deleted is known already, so that nothing fails here.
    pub(crate) async fn followed(&self, cx: &Cx, uid: &str, is_there: bool) {
        let is_so = |found: Option<&MappedVm>| match found {
            // Its controller has a first look at it in a moment.
            Some(found) => is_there && found.vm.power_reason != "not_yet_handled",
            None => !is_there,
        };
        self.followed_until(cx, uid, is_so).await;
    }

    /// Waits until what is followed of a VM is so, and not for ever.
    async fn followed_until(
        &self,
        cx: &Cx,
        uid: &str,
        is_so: impl Fn(Option<&MappedVm>) -> bool + Send,
    ) {
        let shared = &self.shared;
        let mut changes = shared.hub.subscribe();
        let by = cx.deadline().min(Instant::now() + SEEN_WITHIN);
        while Instant::now() < by {
            // What is not followed is asked for when it is looked at.
            if shared.fleet.age(false) != Age::Now {
                return;
            }
            match shared.fleet.find(uid, cx.now()) {
                Ok(found) if is_so(found.as_ref()) => return,
                Ok(_) => {}
                Err(_) => return,
            }
            tokio::select! {
                _ = changes.recv() => while changes.try_recv().is_ok() {},
                () = sleep_until(by.min(Instant::now() + LOOK_AGAIN)) => {}
                () = cx.cancellation().cancelled() => return,
            }
        }
    }
}
