//! The reference provider: a place where virtual machines run, held in memory.
//! It is what tests, the demo and the user interface's development run on, and
//! what the author of a driver reads first.
//!
//! ```text
//!   Sim ── implements ──► hostler_provider::{Provider, Create, Power, …}
//!    │  every call passes `Sim::call`, where the FaultPlan may strike
//!    ▼
//!   World ── hosts, pools, volumes, networks, VMs; lives on by itself
//! ```
//!
//! * [`World`] is a cheap handle; clones share one world, and one process may
//!   hold many. It has its own life: a guest that was asked to shut down does so
//!   whether or not the caller still waits.
//! * [`Sim`] is one connection to a world. Several may share it, as two servers
//!   share a real host.
//! * [`FaultPlan`] decides which call fails, when, and how.
//! * Nothing reads the wall clock or real randomness: times come from
//!   [`Cx::now`], durations from tokio's timers (which tests pause), and
//!   identities from the world's seed.
//!
//! Everything it tells is made up and says so ([`Provider::is_simulated`]).

mod clones;
pub mod cluster;
mod configure;
mod console;
mod create;
pub mod demo;
mod disks;
mod faults;
mod instance_types;
mod late;
mod metrics;
mod migrate;
mod power;
mod snapshots;
mod storage;
mod verb;
mod watch;
mod world;

use std::future::Future;

use async_trait::async_trait;
use hostler_provider::{
    Clones, Cluster, Configure, Console, Create, Cx, Disks, Group, InstanceTypes, Inventory,
    Metrics, Migrate, Power, Probe, Provider, Result, Snapshots, Storage, VmRef, Watch,
};

pub use faults::{EventFault, FaultPlan, When};
pub use instance_types::Size;
pub use late::Late;
pub use verb::Verb;
pub use world::World;
pub use world::census::{Census, SnapshotRecord, VmRecord, VolumeRecord};
pub use world::setup::{HostSetup, NetworkSetup, PoolSetup};
pub use world::vm::Guest;

use late::Landing;

/// A connection to a [`World`].
#[derive(Clone)]
pub struct Sim {
    world: World,
    groups: Vec<Group>,
}

impl Sim {
    /// A connection that can do everything a simulated world can. It is a cluster only while
    /// its world is ([`World::set_cluster`]).
    pub fn new(world: &World) -> Self {
        Self { world: world.clone(), groups: Group::ALL.to_vec() }
    }

    /// The same, but only with these groups: `&[]` is a read-only provider.
    #[must_use]
    pub fn with_groups(mut self, groups: &[Group]) -> Self {
        self.groups = groups.to_vec();
        self
    }

    /// The world behind it.
    pub const fn world(&self) -> &World {
        &self.world
    }

    fn has(&self, group: Group) -> Option<&Self> {
        self.groups.contains(&group).then_some(self)
    }

    /// The one gate of every call: within the context's deadline, the call
    /// arrives (late, never, or to a refusal, as the fault plan says), takes
    /// effect, and is answered (or the answer is lost).
    async fn call<T>(
        &self,
        cx: &Cx,
        verb: Verb,
        target: Target<'_>,
        effect: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        self.gate(cx, verb, target, Box::new(|_| {}), effect).await
    }

    /// The same for a call that changes something: `landing` is its effect, for
    /// the case that it comes after the caller has given up.
    async fn gate<T>(
        &self,
        cx: &Cx,
        verb: Verb,
        target: Target<'_>,
        landing: Landing,
        effect: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let call = self.world.faults().enter(verb, self.place(target));
        cx.run(&call.doing(), async {
            call.arrive().await?;
            self.world.answers(call.host())?;
            if let Some(late) = call.late() {
                self.world.land_late(late.after, landing);
                return call.give_up(late).await;
            }
            let value = effect.await?;
            call.answer(value)
        })
        .await
    }

    /// Which VM and which host a call is about.
    fn place(&self, target: Target<'_>) -> faults::Place {
        match target {
            Target::Everything => faults::Place::default(),
            Target::Host(host) => faults::Place { host: Some(host.to_owned()), vm: None },
            Target::Vm(vm) => faults::Place { host: self.world.host_of(vm), vm: Some(vm.clone()) },
        }
    }
}

/// What a call is about.
#[derive(Clone, Copy)]
enum Target<'a> {
    Everything,
    Host(&'a str),
    Vm(&'a VmRef),
}

#[async_trait]
impl Provider for Sim {
    fn kind(&self) -> &'static str {
        "sim"
    }

    fn is_simulated(&self) -> bool {
        true
    }

    async fn probe(&self, cx: &Cx) -> Result<Probe> {
        self.call(cx, Verb::Probe, Target::Everything, async {
            Ok(Probe {
                product: "Hostler simulator (nothing here is real)".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            })
        })
        .await
    }

    async fn inventory(&self, cx: &Cx) -> Result<Inventory> {
        self.call(cx, Verb::Inventory, Target::Everything, async {
            Ok(self.world.inventory(cx.now()))
        })
        .await
    }

    fn create(&self) -> Option<&dyn Create> {
        self.has(Group::Create).map(|sim| sim as &dyn Create)
    }

    fn power(&self) -> Option<&dyn Power> {
        self.has(Group::Power).map(|sim| sim as &dyn Power)
    }

    fn storage(&self) -> Option<&dyn Storage> {
        self.has(Group::Storage).map(|sim| sim as &dyn Storage)
    }

    fn console(&self) -> Option<&dyn Console> {
        self.has(Group::Console).map(|sim| sim as &dyn Console)
    }

    fn metrics(&self) -> Option<&dyn Metrics> {
        self.has(Group::Metrics).map(|sim| sim as &dyn Metrics)
    }

    fn cluster(&self) -> Option<&dyn Cluster> {
        self.has(Group::Cluster).filter(|sim| sim.world.is_cluster()).map(|sim| sim as &dyn Cluster)
    }

    fn snapshots(&self) -> Option<&dyn Snapshots> {
        self.has(Group::Snapshots).map(|sim| sim as &dyn Snapshots)
    }

    fn clones(&self) -> Option<&dyn Clones> {
        self.has(Group::Clones).map(|sim| sim as &dyn Clones)
    }

    fn disks(&self) -> Option<&dyn Disks> {
        self.has(Group::Disks).map(|sim| sim as &dyn Disks)
    }

    fn migrate(&self) -> Option<&dyn Migrate> {
        self.has(Group::Migrate).map(|sim| sim as &dyn Migrate)
    }

    fn configure(&self) -> Option<&dyn Configure> {
        self.has(Group::Configure).map(|sim| sim as &dyn Configure)
    }

    fn instance_types(&self) -> Option<&dyn InstanceTypes> {
        self.has(Group::InstanceTypes).map(|sim| sim as &dyn InstanceTypes)
    }

    fn watch(&self) -> Option<&dyn Watch> {
        self.has(Group::Watch).map(|sim| sim as &dyn Watch)
    }
}
