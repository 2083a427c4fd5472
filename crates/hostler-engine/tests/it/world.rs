//! A small world to test in: one simulated provider, one store, and an engine
//! that can be stopped and started again over both.

use std::sync::Arc;
use std::time::Duration;

use hostler_core::access::Actor;
use hostler_core::clock::SystemClock;
use hostler_core::id::{Entropy, HostId, PoolId, ProviderId, SeededEntropy, VmId};
use hostler_core::image::ImageFormat;
use hostler_core::operation::OperationState;
use hostler_core::snapshot::SnapshotSpec;
use hostler_core::vm::VmSpec;
use hostler_core::vm::cloud_init::CloudInit;
use hostler_core::vm::devices::{DiskDevice, DiskSource, DiskSpec, VolumeFormat};
use hostler_core::vm::status::VmState;
use hostler_core::{Clock, Result};
use hostler_engine::{
    Accepted, CollectPace, Engine, EngineConfig, ImageImport, ImageStore, NoConverter,
    OperationView, OutputSetup, Pace, Sabotage, VmCreateRequest, VolumeCreateRequest,
};
use hostler_provider::{VmRef, VolumeRef};
use hostler_sim::{HostSetup, NetworkSetup, Sim, Verb, World};
use hostler_store::history::Archive;
use hostler_store::{EventFilter, ProviderRow, Store};

/// How long a test waits for what has to happen; only a broken test waits so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A world, a store and the engine over them.
pub(crate) struct Lab {
    pub(crate) world: World,
    pub(crate) store: Store,
    pub(crate) engine: Engine,
    pub(crate) provider: ProviderId,
    dir: tempfile::TempDir,
    entropy: Arc<dyn Entropy>,
    tuning: Tuning,
}

/// What an engine goes by.
#[derive(Clone)]
pub(crate) struct Tuning {
    pub(crate) pace: Pace,
    pub(crate) clock: Arc<dyn Clock>,
    /// Nothing is measured but where that is what is tested.
    pub(crate) collect: Option<CollectPace>,
    /// Nothing is kept but where that is what is tested.
    pub(crate) history: Option<Archive>,
    /// Nothing is sent but where that is what is tested.
    pub(crate) outputs: Vec<OutputSetup>,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            pace: pace(),
            clock: Arc::new(SystemClock),
            collect: None,
            history: None,
            outputs: Vec::new(),
        }
    }
}

/// Paces for tests: everything soon.
pub(crate) fn pace() -> Pace {
    let ms = Duration::from_millis;
    Pace {
        inventory: ms(200),
        silent: ms(50),
        look: Duration::from_secs(2),
        debounce: ms(1),
        recovery: ms(50),
        lease: Duration::from_secs(2),
        retry: ms(1),
        settle: ms(100),
        settle_first: ms(4),
        leftovers: ms(20),
        events: ms(50),
        ..Pace::default()
    }
}

pub(crate) fn admin() -> Actor {
    Actor::system()
}

impl Lab {
    pub(crate) async fn new() -> Self {
        Self::with(World::small(1), None).await
    }

    pub(crate) async fn with(world: World, sabotage: Option<Arc<Sabotage>>) -> Self {
        Self::tuned(world, sabotage, Tuning::default()).await
    }

    pub(crate) async fn tuned(
        world: World,
        sabotage: Option<Arc<Sabotage>>,
        tuning: Tuning,
    ) -> Self {
        let store = Store::in_memory().await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(7));
        let row = store.upsert_provider(&provider_row("sim", 1)).await.unwrap();
        let place = (&store, &dir, &entropy, &tuning);
        let engine = start(&world, place, &row, "first", sabotage).await;
        let lab = Self { world, store, engine, provider: row.id, dir, entropy, tuning };
        lab.import("tiny").await;
        lab
    }

    /// Adds another place where VMs run.
    pub(crate) async fn attach(&self, name: &str, world: &World) -> ProviderId {
        // Added while the server runs, so that it can be removed again.
        let row = ProviderRow { from_config: false, ..provider_row(name, 2) };
        let row = self.store.upsert_provider(&row).await.unwrap();
        let id = row.id;
        self.engine.providers().attach(row, Arc::new(Sim::new(world))).await.unwrap();
        self.engine.providers().first_look(PATIENCE).await;
        id
    }

    /// Another engine over the same store, as another server would be, without
    /// any provider of its own.
    pub(crate) async fn second(&self) -> Engine {
        let place = (&self.store, &self.dir, &self.entropy, &self.tuning);
        Engine::start(config(place, "second", None)).await.unwrap()
    }

    /// Stops the engine as a crash would, and starts another over the same world
    /// and store.
    pub(crate) async fn restart(&mut self) {
        self.restart_with(None).await;
    }

    pub(crate) async fn restart_with(&mut self, sabotage: Option<Arc<Sabotage>>) {
        self.engine.shutdown().await;
        let row = self.store.provider(self.provider).await.unwrap().unwrap();
        let place = (&self.store, &self.dir, &self.entropy, &self.tuning);
        self.engine = start(&self.world, place, &row, "next", sabotage).await;
    }

    /// How often the inventory was taken lately.
    pub(crate) fn inventories(&self) -> usize {
        self.world.faults().calls().iter().filter(|verb| **verb == Verb::Inventory).count()
    }

    async fn import(&self, name: &str) {
        let import = ImageImport {
            name: name.into(),
            description: String::new(),
            format: ImageFormat::Raw,
            sha256: None,
        };
        let bytes = vec![7_u8; 64 << 10];
        self.engine.images().import(&admin(), import, bytes.as_slice()).await.unwrap();
    }

    /// A request for a VM with every kind of disk that has to be made.
    pub(crate) fn request(&self, name: &str) -> VmCreateRequest {
        let mut spec = VmSpec::new(name, 256 << 20);
        let image = DiskSource::Image {
            image: "tiny".into(),
            size_bytes: Some(128 << 10),
            pool: None,
            format: Some(VolumeFormat::Raw),
        };
        let format = Some(VolumeFormat::Qcow2);
        let empty = DiskSource::Empty { size_bytes: 1 << 20, pool: None, format };
        spec.disks = vec![disk("root", image), disk("data", empty)];
        spec.cloud_init = Some(CloudInit::default());
        VmCreateRequest { spec, wish: Default::default(), start: true }
    }

    pub(crate) async fn create(&self, name: &str) -> VmId {
        let accepted = self.engine.vms().create(&admin(), None, self.request(name)).await.unwrap();
        let ended = self.end(&accepted).await;
        assert_eq!(ended.state(), OperationState::Succeeded, "{:?}", ended.error());
        vm_of(&ended)
    }

    /// Adds a host that reaches the pool of `h1`, so that VMs can go there.
    pub(crate) async fn second_host(&self) {
        self.world.add_host(HostSetup::new("h2"));
        self.world.add_network(NetworkSetup::new("h2", "default"));
        self.world.share_pool("h1", "default", "h2");
        self.until("h2 is seen", || self.hosts().iter().any(|(name, _)| name == "h2")).await;
    }

    fn hosts(&self) -> Vec<(String, HostId)> {
        let hosts = self.engine.hosts().list(&hostler_core::query::ListRequest::first(9)).items;
        hosts.iter().map(|host| (host.name.clone(), host.id)).collect()
    }

    pub(crate) fn host(&self, name: &str) -> HostId {
        let hosts = self.hosts();
        hosts.into_iter().find(|(host, _)| host == name).map(|(_, id)| id).unwrap()
    }

    /// The pool of the host `h1`.
    pub(crate) fn pool(&self) -> PoolId {
        let pools = self.engine.pools().list(&hostler_core::query::ListRequest::first(9)).items;
        let is_it = |host: &Option<String>| host.as_deref() == Some("h1");
        pools.iter().find(|pool| is_it(&pool.observed.host_ref)).unwrap().id
    }

    /// A volume of that pool, in the provider's terms.
    pub(crate) fn volume(&self, name: &str) -> VolumeRef {
        VolumeRef { host_ref: "h1".into(), pool: "default".into(), name: name.into() }
    }

    /// A request for a volume in that pool.
    pub(crate) fn volume_request(&self, name: &str) -> VolumeCreateRequest {
        VolumeCreateRequest {
            pool: self.pool(),
            name: name.into(),
            capacity_bytes: 1 << 20,
            format: Some(VolumeFormat::Raw),
        }
    }

    pub(crate) async fn create_volume(&self, name: &str) {
        let request = self.volume_request(name);
        let accepted = self.engine.volumes().create(&admin(), None, &request).await.unwrap();
        let ended = self.end(&accepted).await;
        assert_eq!(ended.state(), OperationState::Succeeded, "{:?}", ended.error());
    }

    /// A disk of a new, empty volume.
    pub(crate) fn new_disk(name: &str) -> DiskSpec {
        let (size_bytes, pool, format) = (1 << 20, None, Some(VolumeFormat::Raw));
        disk(name, DiskSource::Empty { size_bytes, pool, format })
    }

    /// Adds a disk of a new volume to a VM; gives the volume.
    pub(crate) async fn attach_disk(&self, vm: VmId, name: &str) -> VolumeRef {
        let spec = Self::new_disk(name);
        let accepted = self.engine.disks().attach(&admin(), None, vm, spec).await.unwrap();
        let ended = self.end(&accepted).await;
        assert_eq!(ended.state(), OperationState::Succeeded, "{:?}", ended.error());
        let disks = self.engine.disks().list(vm).await.unwrap();
        let added = disks.into_iter().find(|disk| disk.name == name).unwrap();
        added.own_volume.unwrap()
    }

    /// Takes a snapshot of a VM.
    pub(crate) async fn snapshot(&self, vm: VmId, name: &str) {
        let spec = SnapshotSpec::new(name);
        let accepted = self.engine.snapshots().create(&admin(), None, vm, spec).await.unwrap();
        let ended = self.end(&accepted).await;
        assert_eq!(ended.state(), OperationState::Succeeded, "{:?}", ended.error());
    }

    /// How many events of this kind there were.
    pub(crate) async fn told(&self, kind: &str) -> usize {
        let filter = EventFilter { kind: Some(kind.into()), resource: None };
        self.store.events_before(None, &filter, 1000).await.unwrap().len()
    }

    /// The operation when it has ended or is stuck.
    pub(crate) async fn end(&self, accepted: &Accepted) -> OperationView {
        self.ended(accepted.operation.row.id).await.unwrap()
    }

    pub(crate) async fn ended(&self, id: hostler_core::id::OperationId) -> Result<OperationView> {
        let view = self.engine.operations().wait(id, PATIENCE).await?;
        let state = view.state();
        assert!(state.is_final() || state == OperationState::NeedsAttention, "still {state:?}");
        Ok(view)
    }

    /// Waits until the VM is told to be in this state.
    pub(crate) async fn sees(&self, vm: VmId, state: VmState) {
        self.until(&format!("VM is {state:?}"), || {
            self.engine.vms().get(vm).is_ok_and(|view| view.status.state == state)
        })
        .await;
    }

    /// Waits until such a call has come.
    pub(crate) async fn arrives(&self, verb: Verb) {
        self.until(&format!("{verb:?} arrives"), || self.world.faults().calls().contains(&verb))
            .await;
    }

    /// Waits until something is so.
    pub(crate) async fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !is_so() {
            assert!(tokio::time::Instant::now() < deadline, "never came true: {what}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Nothing exists that no VM in `wanted` owns, nothing twice (I1, I3, I4).
    pub(crate) fn assert_clean(&self, wanted: &[VmId], kept: &[VolumeRef], after: &str) {
        let leaks = self.world.leaks(wanted, kept);
        assert!(leaks.is_empty(), "{after}: {leaks:#?}");
    }

    /// Whether anything claims anything.
    pub(crate) async fn claims(&self) -> usize {
        self.store.claims().await.unwrap().len()
    }
}

fn provider_row(name: &str, number: u8) -> ProviderRow {
    ProviderRow {
        id: ProviderId::new(SystemClock.now(), [number; 10]),
        name: name.into(),
        uri: format!("sim:{name}"),
        from_config: true,
        created_at: SystemClock.now(),
    }
}

/// Where an engine keeps things, and what it goes by.
type Place<'a> = (&'a Store, &'a tempfile::TempDir, &'a Arc<dyn Entropy>, &'a Tuning);

fn config(
    (store, dir, entropy, tuning): Place<'_>,
    holder: &str,
    sabotage: Option<Arc<Sabotage>>,
) -> EngineConfig {
    EngineConfig {
        store: store.clone(),
        clock: tuning.clock.clone(),
        entropy: entropy.clone(),
        holder: holder.into(),
        images: ImageStore {
            dir: dir.path().join("images"),
            max_bytes: 1 << 30,
            converter: Arc::new(NoConverter),
        },
        pace: tuning.pace,
        collect: tuning.collect.clone(),
        history: tuning.history.clone(),
        outputs: tuning.outputs.clone(),
        sabotage,
    }
}

async fn start(
    world: &World,
    place: Place<'_>,
    row: &ProviderRow,
    holder: &str,
    sabotage: Option<Arc<Sabotage>>,
) -> Engine {
    let engine = Engine::start(config(place, holder, sabotage)).await.unwrap();
    engine.providers().attach(row.clone(), Arc::new(Sim::new(world))).await.unwrap();
    engine.begin();
    engine.providers().first_look(PATIENCE).await;
    engine
}

pub(crate) fn disk(name: &str, source: DiskSource) -> DiskSpec {
    DiskSpec {
        name: name.into(),
        device: DiskDevice::Disk,
        bus: None,
        source,
        read_only: false,
        cache: None,
        discard: false,
        serial: None,
    }
}

/// The VM that an operation works on.
pub(crate) fn vm_of(view: &OperationView) -> VmId {
    let vms = view.row.resources.iter().filter_map(|resource| match resource {
        hostler_core::operation::Resource::Vm(vm) => Some(*vm),
        _ => None,
    });
    match vms.collect::<Vec<_>>().as_slice() {
        [vm] => *vm,
        other => panic!("not one VM: {other:?}"),
    }
}

/// A VM that somebody else made.
pub(crate) fn foreign(world: &World, name: &str) -> VmRef {
    world.add_vm("h1", VmSpec::new(name, 64 << 20), None, Vec::new())
}
