//! What all parts of the engine share, and the few things they all do with it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hostler_core::clock::Clock;
use hostler_core::id::{IdSource, OperationId, ProviderId, VmId};
use hostler_core::operation::{Event, Journal, Resource};
use hostler_core::query::{ListRequest, Row};
use hostler_core::{Code, Error, Result};
use hostler_provider::{Cx, Provider, VmRef};
use hostler_store::history::Archive;
use hostler_store::{Append, Effect, Epoch, NewEvent, OperationRow, Store};
use serde_json::json;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use crate::adoptions::Ignored;
use crate::alerting::Alerting;
use crate::clusters::ClustersKnown;
use crate::collect::{CollectPace, Custom, Held, Machines, QUERIES_AT_ONCE, Recorded, Told};
use crate::events::Bus;
use crate::fleet::snapshot::Snapshot;
use crate::fleet::{Fleet, Identity, Kind};
use crate::migrations::Asking;
use crate::operations::view;
use crate::operations::{BEGUN_PER_PROVIDER_MAX, Bounds, Driving, Registry, registry};
use crate::outputs::Routes;
use crate::placing::Promises;
use crate::progress::ProgressBoard;
use crate::reconcile::Leftovers;
use crate::{EngineConfig, ImageStore, Listed, Pace, Sabotage, Side};

/// What all parts of the engine share.
pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: IdSource,
    pub(crate) holder: String,
    pub(crate) images: ImageStore,
    pub(crate) pace: Pace,
    pub(crate) sabotage: Option<Arc<Sabotage>>,
    pub(crate) fleet: Fleet,
    pub(crate) bus: Bus,
    pub(crate) progress: ProgressBoard,
    pub(crate) promises: Promises,
    pub(crate) driving: Driving,
    pub(crate) registry: Registry,
    pub(crate) leftovers: Leftovers,
    /// VMs that somebody decided to leave alone.
    pub(crate) ignored: Ignored,
    /// How clusters are.
    pub(crate) clusters: ClustersKnown,
    /// How often is measured; `None`: never.
    pub(crate) collect: Option<watch::Sender<CollectPace>>,
    /// A permit for each pass under way.
    pub(crate) collecting: Semaphore,
    pub(crate) figures: Held,
    /// Machines that are measured from within.
    pub(crate) machines: Machines,
    /// Where what was measured is kept; `None`: nowhere.
    pub(crate) history: Option<Archive>,
    pub(crate) recorded: Recorded,
    pub(crate) migrations: Asking,
    /// What users measure themselves.
    pub(crate) custom: Custom,
    /// Where it goes beside that.
    pub(crate) outputs: Routes,
    pub(crate) alerting: Alerting,
    /// What the server around the engine has told measuring.
    pub(crate) told: Told,
    /// A permit for each query of the history that is being answered.
    pub(crate) querying: Arc<Semaphore>,
    /// Whether operations may be driven.
    pub(crate) begun: watch::Sender<bool>,
    /// Wakes the recovery reconciler.
    pub(crate) recover: Notify,
    /// Grows when an operation moved here.
    pub(crate) moved: watch::Sender<u64>,
    /// Held while ids are given or forgotten.
    pub(crate) naming: tokio::sync::Mutex<()>,
    /// Held while the store is read into the fleet.
    refreshing: tokio::sync::Mutex<()>,
    /// Held while a template is changed.
    pub(crate) templating: tokio::sync::Mutex<()>,
    /// Whether such a reading failed.
    must_reread: AtomicBool,
    pub(crate) tasks: TaskTracker,
    pub(crate) stopping: CancellationToken,
}

impl Inner {
    /// Loads what the store holds.
    pub(crate) async fn load(config: EngineConfig) -> Result<Arc<Self>> {
        let store = config.store;
        let fleet = Fleet::default();
        {
            let (rows, claims) = (store.vms().await?, store.claims().await?);
            fleet.load(rows, on_vms(claims));
        }
        let alerting = Alerting::load(&store).await?;
        let ignored = Ignored::of(store.ignored_vms().await?);
        let (_, last_seq) = store.first_and_last_seq().await?;
        tokio::fs::create_dir_all(&config.images.dir).await.map_err(|error| {
            let message = format!("cannot make the folder for images: {error}");
            Error::new(Code::StoreUnavailable, message)
        })?;
        Ok(Arc::new(Self {
            store,
            ids: IdSource::new(config.clock.clone(), config.entropy),
            clock: config.clock,
            holder: config.holder,
            images: config.images,
            pace: config.pace,
            sabotage: config.sabotage,
            fleet,
            bus: Bus::starting_after(last_seq),
            progress: ProgressBoard::default(),
            promises: Promises::default(),
            driving: Driving::new(Bounds {
                overall: config.pace.operations_max,
                per_lane: config.pace.operations_per_provider,
                begun_per_lane: BEGUN_PER_PROVIDER_MAX,
            }),
            registry: registry(),
            leftovers: Leftovers::default(),
            migrations: Asking::default(),
            ignored,
            clusters: ClustersKnown::default(),
            collecting: Semaphore::new(config.collect.as_ref().map_or(1, |pace| pace.at_once)),
            collect: config.collect.map(watch::Sender::new),
            figures: Held::default(),
            machines: Machines::default(),
            history: config.history,
            recorded: Recorded::default(),
            custom: Custom::default(),
            outputs: Routes::new(config.outputs),
            alerting,
            told: Told::default(),
            querying: Arc::new(Semaphore::new(QUERIES_AT_ONCE)),
            begun: watch::Sender::new(false),
            recover: Notify::new(),
            moved: watch::Sender::new(0),
            naming: tokio::sync::Mutex::default(),
            refreshing: tokio::sync::Mutex::default(),
            templating: tokio::sync::Mutex::default(),
            must_reread: AtomicBool::new(false),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
        }))
    }

    /// Runs `task` until it ends or the engine stops.
    pub(crate) fn spawn(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        let stopping = self.stopping.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = stopping.cancelled() => {}
                () = task => {}
            }
        });
    }

    /// Runs a reconciler until it ends or the engine stops. One that panics is
    /// begun anew after a pause: a fault in it must not make what it keeps true
    /// false for ever (F40).
    pub(crate) fn supervise<F>(
        self: &Arc<Self>,
        name: &'static str,
        make: impl Fn(Arc<Self>) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let engine = self.clone();
        self.spawn(async move {
            loop {
                let mut task = tokio::task::JoinSet::new();
                task.spawn(make(engine.clone()));
                match task.join_next().await {
                    Some(Err(panic)) => warn!(name, %panic, "a reconciler failed; it begins anew"),
                    Some(Ok(())) | None => return,
                }
                tokio::time::sleep(engine.pace.silent).await;
            }
        });
    }

    /// The provider, while it is configured.
    pub(crate) fn provider(&self, id: ProviderId) -> Result<Arc<dyn Provider>> {
        self.fleet.provider(id).ok_or_else(|| {
            let message = format!("provider {id} is not configured (any more)");
            Error::new(Code::ProviderUnavailable, message)
        })
    }

    /// Refuses to change anything at a provider while only an older picture of it is known:
    /// the change would be decided by what is no longer so (E10, X26).
    pub(crate) fn may_change(&self, provider: ProviderId) -> Result<()> {
        let Some(stale) = self.fleet.behind(provider) else { return Ok(()) };
        let name = self.fleet.provider_name(provider).unwrap_or_default();
        Err(crate::placing::rebuilding(&name, &stale))
    }

    /// The same for the provider that a VM is at.
    pub(crate) fn may_change_vm(&self, vm: &crate::VmView) -> Result<()> {
        vm.provider.as_ref().map_or(Ok(()), |(provider, _)| self.may_change(*provider))
    }

    /// Connections to places where VMs run.
    pub(crate) fn providers(self: &Arc<Self>) -> crate::Providers<'_> {
        crate::Providers::new(self)
    }

    /// A page of some views of the present picture.
    pub(crate) fn list<'a, T: Row + 'a>(
        snapshot: &'a Snapshot,
        views: impl Iterator<Item = &'a Arc<T>>,
        request: &ListRequest,
    ) -> Listed<Arc<T>> {
        let page = request.page(views);
        Listed {
            items: page.rows.into_iter().cloned().collect(),
            next: page.next,
            total: page.total,
            observed_at: snapshot.observed_at,
            freshness: snapshot.freshness,
        }
    }

    /// Where a VM is, in its provider's terms.
    pub(crate) fn locate(&self, vm: VmId) -> Option<(ProviderId, String, String)> {
        let snapshot = self.fleet.snapshot();
        let from_view = snapshot.vms.get(&vm).and_then(|view| {
            let (provider, _) = view.provider.as_ref()?;
            Some((*provider, view.external_ref()?.to_owned(), view.name.clone()))
        });
        from_view.or_else(|| {
            let state = self.fleet.read();
            let row = state.rows.get(&vm)?;
            Some((row.provider?, row.external_ref.clone()?, row.spec.name.clone()))
        })
    }

    /// Looks at one VM and takes what was seen into account. Best effort.
    pub(crate) async fn look(&self, provider: ProviderId, vm: &VmRef, cx: &Cx) {
        let Some(live) = self.fleet.provider(provider) else { return };
        let Some(watch) = live.watch() else { return };
        let began = Instant::now();
        match cx.run("look at VM", watch.observe(cx, vm)).await {
            Ok(seen) => {
                if let Some(seen) = &seen {
                    self.remember_vm(provider, seen).await;
                }
                let events = self.fleet.apply_vm(provider, &vm.external_ref, seen, began);
                self.publish(events).await;
            }
            Err(error) => {
                tracing::debug!(vm = %vm, %error, "cannot look at the VM now");
            }
        }
    }

    /// Gives a VM that was seen for the first time its id.
    async fn remember_vm(&self, provider: ProviderId, vm: &hostler_core::vm::ObservedVm) {
        let needs_id = self.fleet.read().needs_id(provider, vm);
        if needs_id {
            let identity = Identity::new(Kind::Vm, provider, &vm.external_ref);
            self.remember(vec![identity]).await;
        }
    }

    /// Stores ids for things seen for the first time.
    pub(crate) async fn remember(&self, things: Vec<Identity>) {
        if things.is_empty() {
            return;
        }
        // What is forgotten at the same time must not be kept under its old id.
        let _one_at_a_time = self.naming.lock().await;
        let now = self.clock.now();
        let ids: Vec<_> = things
            .into_iter()
            .map(|identity| (identity, self.ids.next(VmId::new).as_uuid(), now))
            .collect();
        let rows: Vec<_> = ids.iter().map(|(i, id, at)| i.row(*id, *at)).collect();
        match self.store.remember(&rows).await {
            Ok(kept) => {
                // Another look may have stored an id first; that one counts.
                let kept = ids.into_iter().zip(kept).map(|((i, _, at), id)| (i, id, at));
                self.fleet.identify(&kept.collect::<Vec<_>>());
            }
            // Without a stored id the thing is not shown: an id that changes with
            // the next start would be a lie. The next inventory tries again.
            Err(error) => warn!(%error, "cannot store the ids of new things"),
        }
    }

    /// Stores events and has them delivered. Losing one loses a line of history, never a state.
    pub(crate) async fn publish(&self, events: Vec<NewEvent>) {
        if events.is_empty() {
            return;
        }
        match self.store.append_events(&events).await {
            Ok(_) => self.bus.poke(),
            Err(error) => warn!(%error, "cannot store events"),
        }
    }

    /// The pause before a step is tried again.
    pub(crate) fn pause(&self, retries: u32, wanted: Option<Duration>) -> Duration {
        crate::operations::pause(self.pace.retry, retries, wanted, &self.ids)
    }

    /// What an operation's events amount to.
    pub(crate) async fn journal(&self, id: OperationId) -> Result<Journal, hostler_store::Error> {
        let events = self.store.journal(id).await?;
        Ok(Journal::read(events.iter().map(|entry| &entry.event)))
    }

    /// Takes the lease on an operation; `None` while another server has it.
    pub(crate) async fn acquire(
        &self,
        id: OperationId,
    ) -> Result<Option<Epoch>, hostler_store::Error> {
        self.store.acquire_lease(id, &self.holder, self.pace.lease, self.clock.now()).await
    }

    /// Renews the lease; `false` when it was lost.
    pub(crate) async fn renew(
        &self,
        id: OperationId,
        epoch: Epoch,
    ) -> Result<bool, hostler_store::Error> {
        let now = self.clock.now();
        self.store.renew_lease(id, &self.holder, epoch, self.pace.lease, now).await
    }

    /// Appends one event to an operation's journal, with what changes in the
    /// store and what the world is told (`news` besides the event itself), in one
    /// transaction. With `expected_len` only if nobody appended meanwhile.
    pub(crate) async fn append(
        self: &Arc<Self>,
        row: &OperationRow,
        epoch: Epoch,
        expected_len: Option<u64>,
        event: Event,
        effects: &[Effect],
        news: Option<NewEvent>,
    ) -> Result<(), hostler_store::Error> {
        let now = self.clock.now();
        let is_told = view::is_worth_telling(&event);
        let tell = |journal: &Journal| {
            let changed = is_told.then(|| view::changed(row, journal, now));
            news.iter().cloned().chain(changed).collect()
        };
        let events = &[event];
        let append = Append { expected_len, events, effects, tell: &tell, now };
        Sabotage::at_write(self.sabotage.as_deref(), Side::Before).await;
        let appended = self.store.append(row.id, epoch, &append).await?;
        Sabotage::at_write(self.sabotage.as_deref(), Side::After).await;
        let mut vms: Vec<VmId> = effects.iter().filter_map(vm_of).collect();
        if appended.state.is_final() {
            vms.extend(row.resources.iter().filter_map(vm_among));
            // What it had claimed beside them is free again, too.
            vms.extend(self.fleet.claimed_by(row.id));
        }
        vms.sort_unstable();
        vms.dedup();
        self.wrote(vms).await;
        Ok(())
    }

    /// Brings the fleet up to date after a write that touched these VMs, and tells followers. In a
    /// task of its own: whoever wrote may be dropped, and the fleet would go on telling the past.
    pub(crate) async fn wrote(self: &Arc<Self>, vms: Vec<VmId>) {
        let engine = self.clone();
        let told = self.tasks.spawn(async move {
            if !vms.is_empty() {
                engine.refresh(&vms).await;
            }
            engine.bus.poke();
            engine.moved.send_modify(|count| *count += 1);
        });
        let _ = told.await;
    }

    /// Reads these VMs in the store anew. One at a time: an older reading replaces no newer one.
    pub(crate) async fn refresh(&self, vms: &[VmId]) {
        let _one_at_a_time = self.refreshing.lock().await;
        let read = async {
            let claims = self.store.claims().await?;
            for vm in vms {
                let row = self.store.vm(*vm).await?;
                self.fleet.set(*vm, row, claims.get(&Resource::Vm(*vm)).copied());
            }
            Ok::<(), hostler_store::Error>(())
        };
        if let Err(error) = read.await {
            // The recovery reconciler reads everything again.
            warn!(%error, "cannot read what was just written");
            self.must_reread.store(true, Ordering::Release);
        }
    }

    /// Reads all rows and claims again, if an earlier reading failed.
    pub(crate) async fn reread(&self) -> Result<(), hostler_store::Error> {
        if !self.must_reread.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let _one_at_a_time = self.refreshing.lock().await;
        let read = async { Ok((self.store.vms().await?, self.store.claims().await?)) };
        match read.await {
            Ok((rows, claims)) => {
                self.fleet.load(rows, on_vms(claims));
                Ok(())
            }
            Err(error) => {
                self.must_reread.store(true, Ordering::Release);
                Err(error)
            }
        }
    }

    /// Tells the world about something that no operation did.
    pub(crate) fn event(
        &self,
        kind: &str,
        resource: (&str, String, &str),
        message: String,
    ) -> NewEvent {
        let (resource_kind, id, name) = resource;
        NewEvent {
            at: self.clock.now(),
            kind: kind.to_owned(),
            resource_kind: Some(resource_kind.to_owned()),
            resource_id: Some(id),
            resource_name: Some(name.to_owned()),
            message,
            data: json!({}),
        }
    }
}

/// The claims on VMs, which the fleet shows and keeps up to date; who has claimed
/// anything else the store is asked.
fn on_vms(mut claims: HashMap<Resource, OperationId>) -> HashMap<Resource, OperationId> {
    claims.retain(|resource, _| vm_among(resource).is_some());
    claims
}

/// The VM whose row an effect changes.
fn vm_of(effect: &Effect) -> Option<VmId> {
    match effect {
        Effect::SetVmPlacement { vm, .. }
        | Effect::SetVmBindings { vm, .. }
        | Effect::SetVmSpec { vm, .. }
        | Effect::ChangeVmSpec { vm, .. }
        | Effect::SetVmDisk { vm, .. }
        | Effect::SetVmPhase { vm, .. }
        | Effect::DeleteVm { vm } => Some(*vm),
    }
}

/// The VM, where a resource is one.
pub(crate) fn vm_among(resource: &Resource) -> Option<VmId> {
    match resource {
        Resource::Vm(vm) => Some(*vm),
        Resource::Host(_)
        | Resource::Provider(_)
        | Resource::Pool(_)
        | Resource::Volume(_)
        | Resource::Network(_)
        | Resource::Image(_) => None,
    }
}

/// One over nothing, for tests of what is decided before anything is looked up.
#[cfg(test)]
pub(crate) async fn bare() -> Arc<Inner> {
    let (dir, converter) = (std::env::temp_dir(), Arc::new(crate::NoConverter));
    let config = EngineConfig {
        store: Store::in_memory().await.unwrap(),
        clock: Arc::new(hostler_core::clock::SystemClock),
        entropy: Arc::new(hostler_core::id::SeededEntropy::new(7)),
        holder: "test".into(),
        images: ImageStore { dir, max_bytes: 1, converter },
        pace: Pace::default(),
        collect: None,
        history: None,
        outputs: Vec::new(),
        sabotage: None,
    };
    Inner::load(config).await.unwrap()
}
