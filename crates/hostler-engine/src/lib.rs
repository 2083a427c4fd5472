//! The application: what users want and what has to stay true, without HTTP,
//! SQL or any vendor. [`Engine`] is the only public door.
//!
//! ```text
//!   users ──► vms, images, providers … ──► operations ──► providers
//!                       │                      │
//!                       ▼                      ▼
//!                     fleet ◄── reconcile    store (journal, claims, events)
//!              (what is known now)
//! ```
//!
//! A user's change is an **operation**: it ends, and says how. What has to stay
//! true is a **reconciler**: inventory, recovery of operations, retention.

mod adoptions;
mod alerting;
mod asked;
mod bound;
mod changes;
mod clones;
mod clusters;
mod collect;
mod deletions;
mod disks;
mod events;
mod fleet;
mod images;
mod inner;
mod instance_types;
mod lists;
mod migrations;
mod operations;
mod outlook;
mod outputs;
mod placing;
mod progress;
mod providers;
mod reconcile;
mod rounds;
mod sabotage;
mod snapshots;
mod taken;
mod templates;
mod twins;
mod vms;
mod volumes;

use std::sync::Arc;
use std::time::Duration;

use hostler_core::clock::Clock;
use hostler_core::id::Entropy;
use hostler_core::query::Position;
use hostler_core::{Result, Timestamp};
use hostler_store::Store;
use hostler_store::history::Archive;

pub use adoptions::{AdoptRequest, Adoptions, PendingView};
pub use alerting::{
    AlertReceiver, AlertView, AlertingConfig, Alerts, Deliver, NewSilence, ReceiverView,
    RuleHealth, RuleSource, RuleView, SilenceView, SilencedFor, check_rules,
};
pub use changes::{Changes, SpecChange};
pub use clones::{CloneRequest, Clones};
pub use clusters::{ClusterSource, ClusterView, Clusters, Given, Wanted};
pub use collect::{
    AgentJoin, AgentSettings, AgentSource, AgentState, AgentView, Agents, Answer, Answered,
    CollectPace, Collected, ContainerFigures, ContainerView, CustomMetrics, CustomOf, CustomPush,
    CustomSample, CustomSettings, CustomView, Figures, HistoryCounts, MachineView, MeasuredBy,
    Metrics, OWN_MACHINE, OwnMachine, OwnSource, PassFigures, ProviderFigures, ProviderPass,
    Reading, Said, Stored, Tick, Ticks, When,
};
pub use deletions::{BoundVolume, DeleteOptions, VmDeletion, VolumeKind};
pub use disks::{DiskPlan, DiskView, Disks};
pub use events::{Events, Item, Subscription};
pub use fleet::freshness::Freshness;
pub use fleet::views::{
    HostState, HostView, NetworkView, PoolView, ProviderState, ProviderView, VmView,
};
pub use hostler_store::IdempotencyKey;
pub use images::{Conversion, ImageConverter, ImageImport, ImageStore, Images, NoConverter};
pub use instance_types::{InstanceTypes, OfferView, ToldOffers};
pub use lists::{Hosts, Networks, Pools};
pub use migrations::{
    DestinationView, DestinationsView, MigrationView, Migrations, SilentProvider, ToldBy,
    ToldMigrations,
};
pub use operations::Operations;
pub use operations::view::{OperationView, StepState, StepView};
pub use operations::vm_power::PowerVerb;
pub use outlook::{
    Full, HORIZON, HORIZONS, Look, Missing, Outlook, Outlooks, Past, RESOURCES_MAX,
    ResourceOutlook, SizeOutlook, Unit, Verdict,
};
pub use outputs::{
    Again, NotSent, Output, OutputCounts, OutputPace, OutputRefusal, OutputSetup, OutputState,
    OutputView, Sent,
};
pub use providers::Providers;
pub use sabotage::{Sabotage, Side};
pub use snapshots::Snapshots;
pub use templates::{
    Deployed, DeployedAs, DeployedVm, Deployment, NewTemplate, NewVersion, Previewed,
    TemplateChange, TemplateView, Templates, VersionContent,
};
pub use vms::{Accepted, VmChange, VmCreateRequest, VmPlan, Vms};
pub use volumes::{VolumeCreateRequest, VolumePlan, VolumeView, Volumes};

pub(crate) use inner::{Inner, vm_among};

/// What answers to queries are made of.
pub mod promql {
    pub use hostler_promql::{LabelSet, Point, Series, Value};
}

/// What an engine is made of.
pub struct EngineConfig {
    /// Where it keeps what must survive.
    pub store: Store,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where ids and secrets come from.
    pub entropy: Arc<dyn Entropy>,
    /// This server's name in leases; another one at each start.
    pub holder: String,
    /// Where image files are kept, and what they go through.
    pub images: ImageStore,
    /// How often and how long.
    pub pace: Pace,
    /// How often is measured; `None`: never.
    pub collect: Option<CollectPace>,
    /// Where what was measured is kept; `None`: nowhere.
    pub history: Option<Archive>,
    /// Where it goes beside that.
    pub outputs: Vec<OutputSetup>,
    /// Faults for proofs; `None` in production.
    pub sabotage: Option<Arc<Sabotage>>,
}

/// How often reconcilers work and how long they wait.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Between two inventories of a provider.
    pub inventory: Duration,
    /// Between two tries while a provider does not answer.
    pub silent: Duration,
    /// How long an inventory may take.
    pub inventory_deadline: Duration,
    /// How long a look at one VM may take.
    pub look: Duration,
    /// Between two questions to a cluster how it is.
    pub cluster: Duration,
    /// How long its answer may take.
    pub cluster_deadline: Duration,
    /// Between two questions to a provider which migrations it remembers, to keep what is over.
    pub migrations: Duration,
    /// How soon after a change the next look at the same thing may follow.
    pub debounce: Duration,
    /// Between two searches for operations that nobody drives.
    pub recovery: Duration,
    /// How long a lease on an operation lasts without being renewed.
    pub lease: Duration,
    /// The first pause before a step that failed in passing is tried again.
    pub retry: Duration,
    /// How long an operation that undoes a step of which a call was not answered
    /// goes on looking for its effect.
    pub settle: Duration,
    /// How soon the second of these looks follows; then ever more seldom.
    pub settle_first: Duration,
    /// Between two searches for what ended operations left behind.
    pub leftovers: Duration,
    /// How long after its end an operation's leftovers are removed; those that
    /// come later are left alone and told.
    pub leftovers_within: Duration,
    /// How many operations work at once; a provider where nothing is at work
    /// gets one all the same.
    pub operations_max: usize,
    /// How many of them at one provider.
    pub operations_per_provider: usize,
    /// Between two looks for events that another server wrote.
    pub events: Duration,
    /// Between two clean-ups.
    pub retention: Duration,
    /// How many events are kept.
    pub events_keep: u64,
    /// How long ended operations are kept.
    pub operations_keep: Duration,
    /// How many migrations that are over are kept.
    pub migrations_keep: u64,
    /// How long they are.
    pub migrations_keep_for: Duration,
    /// How long the id of a thing that is missing is kept: the time that
    /// complete inventories vouch for, however clocks jump.
    pub missing_keep: Duration,
    /// And how many complete inventories must not have shown it.
    pub missing_inventories: u32,
}

impl Default for Pace {
    fn default() -> Self {
        let secs = Duration::from_secs;
        Self {
            inventory: secs(10),
            silent: secs(2),
            inventory_deadline: secs(30),
            look: secs(5),
            cluster: secs(60),
            cluster_deadline: secs(30),
            migrations: secs(120),
            debounce: Duration::from_millis(20),
            recovery: secs(2),
            lease: secs(15),
            retry: Duration::from_millis(500),
            settle: secs(10),
            settle_first: Duration::from_millis(250),
            leftovers: secs(15),
            leftovers_within: secs(24 * 3600),
            operations_max: 64,
            operations_per_provider: 16,
            events: secs(1),
            retention: secs(600),
            events_keep: 100_000,
            operations_keep: secs(30 * 24 * 3600),
            migrations_keep: 10_000,
            migrations_keep_for: secs(90 * 24 * 3600),
            missing_keep: secs(7 * 24 * 3600),
            missing_inventories: 100,
        }
    }
}

/// A page of a list, with its age.
#[derive(Debug, Clone)]
pub struct Listed<T> {
    /// The items, in order.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<Position>,
    /// How many items there are on all pages.
    pub total: usize,
    /// When the oldest part was seen; `None` when nothing was.
    pub observed_at: Option<Timestamp>,
    /// Whether some provider does not answer, so that part of it is old, and since when.
    pub freshness: Freshness,
}

/// Whether the engine can do its work.
#[derive(Debug, Clone)]
pub struct Health {
    /// Whether the store answers; the reason where it does not.
    pub store: Result<(), String>,
    /// How many providers are configured.
    pub providers_total: usize,
    /// How many of them answer.
    pub providers_answering: usize,
    /// Whether it is stopping.
    pub draining: bool,
    /// How many operations are at work here.
    pub operations_running: usize,
}

/// The application. Cheap to clone; all clones are the same engine.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

impl Engine {
    /// Loads what the store holds and starts the reconcilers. Providers are
    /// attached afterwards, by [`Providers::attach`]; then [`Engine::begin`]
    /// lets operations go on.
    pub async fn start(config: EngineConfig) -> Result<Self> {
        let inner = Inner::load(config).await?;
        // Before anybody can import: no upload is under way.
        inner.sweep_images().await?;
        reconcile::start(&inner);
        collect::start(&inner);
        outputs::start(&inner);
        alerting::start(&inner);
        Ok(Self { inner })
    }

    /// Lets operations be driven, new ones and those that an earlier server
    /// left, as soon as each attached provider has answered or failed to: one
    /// that is driven before would see an empty world.
    pub fn begin(&self) {
        self.inner.begun.send_replace(true);
    }

    /// VMs that were made elsewhere, and deciding what becomes of them.
    pub fn adoptions(&self) -> Adoptions<'_> {
        Adoptions::new(&self.inner)
    }

    /// Virtual machines.
    pub fn vms(&self) -> Vms<'_> {
        Vms::new(&self.inner)
    }

    /// Hosts.
    pub fn hosts(&self) -> Hosts<'_> {
        Hosts::new(&self.inner)
    }

    /// Storage pools.
    pub fn pools(&self) -> Pools<'_> {
        Pools::new(&self.inner)
    }

    /// Volumes of pools.
    pub fn volumes(&self) -> Volumes<'_> {
        Volumes::new(&self.inner)
    }

    /// Disks of VMs that exist.
    pub fn disks(&self) -> Disks<'_> {
        Disks::new(&self.inner)
    }

    /// Snapshots of VMs.
    pub fn snapshots(&self) -> Snapshots<'_> {
        Snapshots::new(&self.inner)
    }

    /// Clones of VMs.
    pub fn clones(&self) -> Clones<'_> {
        Clones::new(&self.inner)
    }

    /// Changes of what VMs are.
    pub fn changes(&self) -> Changes<'_> {
        Changes::new(&self.inner)
    }

    /// Live migrations of VMs.
    pub fn migrations(&self) -> Migrations<'_> {
        Migrations::new(&self.inner)
    }

    /// Instance types and preferences.
    pub fn instance_types(&self) -> InstanceTypes<'_> {
        InstanceTypes::new(&self.inner)
    }

    /// Templates.
    pub fn templates(&self) -> Templates<'_> {
        Templates::new(&self.inner)
    }

    /// Networks.
    pub fn networks(&self) -> Networks<'_> {
        Networks::new(&self.inner)
    }

    /// Images.
    pub fn images(&self) -> Images<'_> {
        Images::new(&self.inner)
    }

    /// Providers.
    pub fn providers(&self) -> Providers<'_> {
        Providers::new(&self.inner)
    }

    /// Providers that are clusters.
    pub fn clusters(&self) -> Clusters<'_> {
        Clusters::new(&self.inner)
    }

    /// What is measured.
    pub fn metrics(&self) -> Metrics<'_> {
        Metrics::new(&self.inner)
    }

    /// What users measure themselves.
    pub fn custom_metrics(&self) -> CustomMetrics<'_> {
        CustomMetrics::new(&self.inner)
    }

    /// What will be of things, by what was measured of them.
    pub fn outlooks(&self) -> Outlooks<'_> {
        Outlooks::new(&self.inner)
    }

    /// Machines that are measured from within.
    pub fn agents(&self) -> Agents<'_> {
        Agents::new(&self.inner)
    }

    /// Measures at another pace from now on; without effect where nothing is measured.
    pub fn set_collect_pace(&self, pace: CollectPace) {
        if let Some(current) = &self.inner.collect {
            current.send_replace(pace);
        }
    }

    /// How each place does that the history is sent to. Waits for a queue that is being
    /// written just now.
    pub fn outputs(&self) -> Vec<OutputView> {
        self.inner.outputs.views()
    }

    /// Alerts. Nothing is evaluated before the first [`Alerts::configure`].
    pub fn alerts(&self) -> Alerts<'_> {
        Alerts::new(&self.inner)
    }

    /// Operations.
    pub fn operations(&self) -> Operations<'_> {
        Operations::new(&self.inner)
    }

    /// Events.
    pub fn events(&self) -> Events<'_> {
        Events::new(&self.inner)
    }

    /// Whether anything shown is made up (X17).
    pub fn simulated(&self) -> bool {
        self.inner.fleet.snapshot().providers.values().any(|provider| provider.simulated)
    }

    /// Whether it can do its work.
    pub async fn health(&self) -> Health {
        let snapshot = self.inner.fleet.snapshot();
        let providers = snapshot.providers.values();
        let answering = providers.filter(|p| p.state.answers() == Some(true)).count();
        Health {
            store: self.inner.store.check().await.map_err(|error| error.to_string()),
            providers_total: snapshot.providers.len(),
            providers_answering: answering,
            draining: self.inner.stopping.is_cancelled(),
            operations_running: self.inner.driving.count(),
        }
    }

    /// Stops: parks operations where they are and ends all tasks. What was
    /// parked goes on at the next start.
    pub async fn shutdown(&self) {
        self.inner.stopping.cancel();
        self.inner.tasks.close();
        // Tasks end at their next await; one that does not is left to the runtime.
        let _ = tokio::time::timeout(Duration::from_secs(10), self.inner.tasks.wait()).await;
        if let Some(history) = self.inner.history.clone() {
            let inner = self.inner.clone();
            let sync = move || {
                inner.outputs.sync();
                history.sync()
            };
            let synced = tokio::task::spawn_blocking(sync).await;
            if let Ok(Err(error)) = synced {
                tracing::error!(%error, "the last of the history may not be on the disk");
            }
        }
    }
}
