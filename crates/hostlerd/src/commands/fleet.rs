//! The demo's fleet: simulated worlds, and a store that looks as if Hostler had
//! made most of their VMs. All of it is made up, and marked as simulated.

use std::sync::Arc;
use std::time::Duration;

use hostler_core::access::Actor;
use hostler_core::id::{HostId, IdSource, OperationId, ProviderId, VmId};
use hostler_core::operation::{Event, Outcome, Plan, Resource};
use hostler_core::placement::Wish;
use hostler_core::query::{ListParams, ListRequest};
use hostler_core::vm::devices::{DiskDevice, DiskSource, DiskSpec, VolumeFormat};
use hostler_core::vm::status::Phase;
use hostler_core::vm::{ObservedVm, VmSpec};
use hostler_core::{Clock, Timestamp};
use hostler_engine::{PowerVerb, VmCreateRequest, VmView};
use hostler_provider::{Create, Cx, DiskBinding, Provider, StopMode, VmRef};
use hostler_sim::Sim;
use hostler_sim::demo;
use hostler_store::{Append, NewOperation, NewVm, ProviderRow, Store};
use tokio::task::JoinSet;

use crate::app::App;
use crate::failure::{Failure, Result};

/// How often something happens in the fleet.
const LIFE_STEP: Duration = Duration::from_secs(3);
/// How long a simulated world may take to answer.
const ANSWER: Duration = Duration::from_secs(2);
/// How long the one who asks in vain goes on waiting.
const PATIENCE: Duration = Duration::from_secs(3600);
/// Whom the demo's past is told of.
const WHO: &str = "demo";

/// A fleet whose past is stored.
pub(super) struct Fleet(Vec<(ProviderRow, Sim)>);

impl Fleet {
    pub(super) fn providers(&self) -> Vec<(ProviderRow, Arc<dyn Provider>)> {
        let attached = |(row, sim): &(ProviderRow, Sim)| {
            (row.clone(), Arc::new(sim.clone()) as Arc<dyn Provider>)
        };
        self.0.iter().map(attached).collect()
    }

    /// Lets it move until the result is dropped.
    pub(super) fn live(&self, seed: u64) -> JoinSet<()> {
        let mut lives = JoinSet::new();
        for (_, sim) in &self.0 {
            lives.spawn(demo::live(sim.world().clone(), seed, LIFE_STEP));
        }
        lives
    }
}

/// Makes the fleet of `seed` with `count` VMs, and stores what a Hostler that made it would have stored.
pub(super) async fn furnish(
    store: &Store,
    ids: &IdSource,
    clock: &dyn Clock,
    (seed, count): (u64, usize),
) -> Result<Fleet> {
    let now = clock.now();
    let mut fleet = Vec::new();
    for (name, sim) in demo::fleet_of(count, seed, now) {
        let row = ProviderRow {
            id: ids.next(ProviderId::new),
            uri: format!("sim:{name}"),
            name,
            from_config: true,
            created_at: now,
        };
        let row = store.upsert_provider(&row).await.map_err(failed)?;
        let cx = Cx::within(ANSWER);
        let seen = sim.inventory(&cx).await.map_err(hostler_core::Error::from)?;
        for vm in seen.vms {
            remember(store, ids, &row, &sim, &vm, now).await?;
        }
        fleet.push((row, sim));
    }
    super::furnished::templates(store, ids, now, WHO).await?;
    Ok(Fleet(fleet))
}

/// Stores a VM that bears our tag, with the operation that would have made it.
async fn remember(
    store: &Store,
    ids: &IdSource,
    provider: &ProviderRow,
    sim: &Sim,
    vm: &ObservedVm,
    now: Timestamp,
) -> Result<()> {
    let Some(tag) = &vm.tag else { return Ok(()) };
    let at = VmRef { external_ref: vm.external_ref.clone(), name: vm.name.clone() };
    let text = Create::definition(sim, &Cx::within(ANSWER), &at)
        .await
        .map_err(hostler_core::Error::from)?;
    let spec: VmSpec = serde_json::from_str(&text)
        .map_err(|error| Failure::new(format!("a simulated definition is odd: {error}")))?;
    let host: Option<HostId> = None; // known from the first inventory on
    let new_vm = NewVm {
        id: tag.vm,
        provider: Some(provider.id),
        host,
        external_ref: Some(vm.external_ref.clone()),
        phase: Phase::Ready,
        bindings: bindings(&spec, vm)?,
        spec,
        template: None,
    };
    // Its id says when it was made; so does the operation that made it.
    let made_at = made_at(tag.vm).unwrap_or(now);
    let id = OperationId::new(made_at, ids.secret());
    let plan = Plan { steps: vec!["place".into(), "make_vm".into()], no_return_from: None };
    let operation = NewOperation {
        id,
        kind: "vm.create".into(),
        params: serde_json::Value::Null, // it has ended: nobody will drive it
        actor: WHO.into(),
        resources: vec![Resource::Vm(tag.vm)],
        claims: Vec::new(),
        plan,
        idempotency: None,
        note: Some("part of the simulated fleet".into()),
        created_at: made_at,
        vm: Some(new_vm),
        phase: None,
        as_read: None,
        provider: Some(provider.id),
        events: Vec::new(),
    };
    store.submit(&operation).await.map_err(failed)?;
    finish(store, id, made_at).await
}

/// When a time-ordered id was made.
fn made_at(id: VmId) -> Option<Timestamp> {
    let (seconds, nanos) = id.as_uuid().get_timestamp()?.to_unix();
    let millis = i64::try_from(seconds).ok()?.checked_mul(1000)? + i64::from(nanos / 1_000_000);
    Some(Timestamp::from_millis(millis))
}

async fn finish(store: &Store, id: OperationId, now: Timestamp) -> Result<()> {
    let epoch = store.acquire_lease(id, WHO, ANSWER, now).await.map_err(failed)?;
    let epoch = epoch.ok_or_else(|| Failure::new("somebody else drives the demo's past"))?;
    let step = |step: u32| {
        let state = serde_json::Value::Null;
        [Event::Started { step }, Event::Done { step, state, unsettled: false }]
    };
    let end = [Event::Finished { outcome: Outcome::Succeeded }];
    let events: Vec<Event> = step(0).into_iter().chain(step(1)).chain(end).collect();
    let append =
        Append { expected_len: None, events: &events, effects: &[], tell: &|_| Vec::new(), now };
    store.append(id, epoch, &append).await.map_err(failed).map(drop)
}

/// The volumes made for a VM, in the form in which the engine keeps them.
fn bindings(spec: &VmSpec, vm: &ObservedVm) -> Result<serde_json::Value> {
    let host_ref = vm.host_ref.clone().unwrap_or_default();
    let volumes = spec.disks.iter().filter_map(|disk| match &disk.source {
        DiskSource::Volume { pool, volume } => {
            let volume = hostler_provider::VolumeRef {
                host_ref: host_ref.clone(),
                pool: pool.clone(),
                name: volume.clone(),
            };
            Some(DiskBinding { disk: disk.name.clone(), volume, owned: true })
        }
        DiskSource::Empty { .. } | DiskSource::Image { .. } | DiskSource::NoMedia {} => None,
    });
    serde_json::to_value(volumes.collect::<Vec<_>>())
        .map_err(|error| Failure::new(format!("bindings are no JSON: {error}")))
}

/// Begins operations, so that there are some to watch: one that ends soon, and one
/// that whoever comes later still finds at work.
pub(super) async fn begin_some_work(app: &App, fleet: &Fleet) -> Result<()> {
    make_a_newcomer(app).await?;
    ask_in_vain(app, fleet).await
}

async fn make_a_newcomer(app: &App) -> Result<()> {
    let mut spec = VmSpec::new("newcomer", 2 << 30);
    spec.description = "made when the demo began".into();
    spec.disks.push(DiskSpec {
        name: "root".into(),
        device: DiskDevice::Disk,
        bus: None,
        source: DiskSource::Empty {
            size_bytes: 20 << 30,
            pool: None,
            format: Some(VolumeFormat::Qcow2),
        },
        read_only: false,
        cache: None,
        discard: true,
        serial: None,
    });
    let request = VmCreateRequest { spec, wish: Wish::default(), start: true };
    match app.engine.vms().create(&Actor::system(), None, request).await {
        Ok(_) => Ok(()),
        // A demo that keeps its state has it already.
        Err(error) if error.code() == hostler_core::Code::VmExists => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Asks a guest that does not listen to shut down. It is the last of its kind by name, so
/// that nobody who plays with the first ones meets it.
async fn ask_in_vain(app: &App, fleet: &Fleet) -> Result<()> {
    let params = ListParams {
        limit: Some(1),
        sort: Some("-name"),
        filter: Some("state=running AND managed=true"),
        search: None,
    };
    let request = ListRequest::parse(&params, VmView::FIELDS, None)?;
    for vm in app.engine.vms().list(&request).items {
        let of_provider = |(row, sim): &(ProviderRow, Sim)| {
            let is_its = vm.provider.as_ref().is_some_and(|(id, _)| *id == row.id);
            is_its.then(|| sim.world().clone())
        };
        let (Some(world), Some(seen)) = (fleet.0.iter().find_map(of_provider), &vm.observed) else {
            continue;
        };
        let at = VmRef { external_ref: seen.external_ref.clone(), name: vm.name.clone() };
        world.set_guest(&at, demo::DEAF_GUEST);
        let verb = PowerVerb::Stop(StopMode::Graceful { within: PATIENCE });
        // The demo is as good without it.
        if let Err(error) = app.engine.vms().power(&Actor::system(), None, vm.id, verb).await {
            tracing::warn!(%error, "the demo begins with an operation less");
        }
    }
    Ok(())
}

fn failed(error: hostler_store::Error) -> Failure {
    hostler_core::Error::from(error).into()
}
