//! The world: hosts with pools, networks and virtual machines, and a life of
//! its own. [`crate::Sim`] looks at it and acts on it as a driver does;
//! tests build it and play fate with the methods here.
//!
//! All state is behind one lock, taken for moments only. Every change goes
//! through [`World::change`], which tells watchers, starts the timers of what
//! is under way and wakes those who wait.

pub(crate) mod census;
pub(crate) mod change;
pub(crate) mod clones;
pub(crate) mod disks;
mod fate;
pub(crate) mod guest;
pub(crate) mod migration;
pub(crate) mod setup;
pub(crate) mod snapshots;
pub(crate) mod state;
pub(crate) mod vm;
mod watchers;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::cluster::Report;
use hostler_core::id::{Entropy, SeededEntropy};
use hostler_provider::{Change, Error, HostInventory, Inventory, Kind, Result, Stale, VmRef};
use tokio::sync::{mpsc, watch};
use tokio_util::task::TaskTracker;

use self::state::{Due, State};
use self::vm::Vm;
use crate::faults::FaultPlan;
use crate::late::Landing;

/// A cheap handle of a simulated world; clones share it.
#[derive(Clone)]
pub struct World {
    inner: Arc<Inner>,
}

struct Inner {
    state: Mutex<State>,
    /// Bumped after every change, for those who wait for a state.
    revision: watch::Sender<u64>,
    /// What is under way: guests that boot or shut down, open consoles.
    tasks: TaskTracker,
    entropy: SeededEntropy,
    faults: FaultPlan,
    /// Effects that wait for [`World::land`].
    held: Mutex<Vec<Landing>>,
    /// What it tells as a cluster, where it is one.
    cluster: Mutex<Option<Report>>,
    /// The picture that it tells while it is behind.
    behind: Mutex<Option<Inventory>>,
}

impl World {
    /// An empty world whose identities follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self {
            inner: Arc::new(Inner {
                state: Mutex::default(),
                revision: watch::Sender::new(0),
                tasks: TaskTracker::new(),
                entropy: SeededEntropy::new(seed),
                faults: FaultPlan::new(),
                held: Mutex::default(),
                cluster: Mutex::default(),
                behind: Mutex::default(),
            }),
        }
    }

    /// A world with one host `h1` (8 processors, 32 GiB), one pool `default`
    /// (100 GiB) and one network `default`: enough for most tests.
    pub fn small(seed: u64) -> Self {
        let world = Self::new(seed);
        world.add_host(setup::HostSetup::new("h1"));
        world.add_pool(setup::PoolSetup::new("h1", "default"));
        world.add_network(setup::NetworkSetup::new("h1", "default"));
        world
    }

    /// The faults of this world.
    pub fn faults(&self) -> &FaultPlan {
        &self.inner.faults
    }

    pub(crate) fn cluster_slot(&self) -> MutexGuard<'_, Option<Report>> {
        self.inner.cluster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.inner.tasks
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock())
    }

    /// Changes the state: the only way to do so.
    pub(crate) fn change<T>(&self, alter: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let result = alter(&mut state);
        for told in std::mem::take(&mut state.told) {
            for change in self.inner.faults.shape(told) {
                state.watchers.tell(&change);
            }
        }
        let due = std::mem::take(&mut state.due);
        drop(state);
        for due in due {
            self.later(due);
        }
        self.inner.revision.send_modify(|n| *n += 1);
        result
    }

    /// Lets something come true after its time, whoever still waits for it.
    fn later(&self, due: Due) {
        self.after(due.after, move |world| world.change(|state| state.come_true(&due)));
    }

    /// Does something after a while, if the world is still there.
    pub(crate) fn after(&self, pause: Duration, then: impl FnOnce(&Self) + Send + 'static) {
        // Weak: a timer must not keep alive a world that nobody holds.
        let world: Weak<Inner> = Arc::downgrade(&self.inner);
        self.inner.tasks.spawn(async move {
            tokio::time::sleep(pause).await;
            if let Some(inner) = world.upgrade() {
                then(&Self { inner });
            }
        });
    }

    /// Keeps an effect until [`World::land`].
    pub(crate) fn hold(&self, landing: Landing) {
        self.held().push(landing);
    }

    pub(crate) fn take_held(&self) -> Vec<Landing> {
        std::mem::take(&mut *self.held())
    }

    fn held(&self) -> MutexGuard<'_, Vec<Landing>> {
        self.inner.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `look` finds what it looks for.
    pub(crate) async fn wait_for<T>(&self, mut look: impl FnMut(&State) -> Option<T>) -> T {
        let mut revision = self.inner.revision.subscribe();
        loop {
            revision.borrow_and_update();
            if let Some(found) = look(&self.lock()) {
                return found;
            }
            revision.changed().await.expect("the world, which owns the sender, is borrowed");
        }
    }

    /// Tells whenever anything changed.
    pub(crate) fn revisions(&self) -> watch::Receiver<u64> {
        self.inner.revision.subscribe()
    }

    pub(crate) fn subscribe(&self) -> mpsc::Receiver<Change> {
        self.lock().watchers.subscribe()
    }

    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.inner.entropy.fill(&mut bytes);
        bytes
    }

    pub(crate) fn host_of(&self, vm: &VmRef) -> Option<String> {
        self.read(|state| Some(state.vms.get(&vm.external_ref)?.host.clone()))
    }

    /// Whether a host answers.
    pub(crate) fn answers(&self, host: Option<&str>) -> Result<()> {
        let down = |state: &State| state.hosts.get(host?)?.down.clone();
        match self.read(down) {
            None => Ok(()),
            Some(why) => {
                let message = format!("host {} does not answer", host.unwrap_or("?"));
                Err(Error::new(Kind::Unavailable, message).with_raw(why))
            }
        }
    }

    /// Whether every host answers.
    pub(crate) fn all_answer(&self) -> Result<()> {
        let silent = self.read(|state| {
            state.hosts.keys().find(|host| self.silence(state, host).is_some()).cloned()
        });
        match silent {
            None => Ok(()),
            Some(host) => {
                let message = format!("host {host} does not answer");
                Err(Error::new(Kind::Unavailable, message))
            }
        }
    }

    /// Why a host is not heard of, if it is not.
    fn silence(&self, state: &State, host: &str) -> Option<String> {
        if self.faults().is_host_hung(host) {
            return Some("did not answer in time".to_owned());
        }
        state.hosts.get(host)?.down.clone()
    }

    /// Falls behind, as a cluster does that has forgotten the version its changes were followed
    /// from: until [`World::catch_up`] inventories tell the world as it is now, marked as old
    /// for this `reason`, whatever becomes of it (E10). It goes on taking calls.
    pub fn fall_behind(&self, now: Timestamp, reason: &str) {
        let mut picture = self.present(now);
        picture.stale = Some(Stale { since: now, reason: reason.to_owned() });
        *self.behind() = Some(picture);
        self.emit(Change::Lost { reason: reason.to_owned() });
    }

    /// Inventories tell the world as it is again.
    pub fn catch_up(&self) {
        *self.behind() = None;
        self.emit(Change::Inventory);
    }

    fn behind(&self) -> MutexGuard<'_, Option<Inventory>> {
        self.inner.behind.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn inventory(&self, now: Timestamp) -> Inventory {
        let behind = self.behind().clone();
        behind.unwrap_or_else(|| self.present(now))
    }

    fn present(&self, now: Timestamp) -> Inventory {
        self.read(|state| {
            let mut inventory = Inventory::default();
            for (name, host) in &state.hosts {
                match self.silence(state, name) {
                    Some(why) => inventory.unreachable.push((name.clone(), why)),
                    None => inventory.hosts.push(HostInventory {
                        host: host.observed(name, state.live_memory(name), now),
                        closed: host.closed.clone(),
                    }),
                }
            }
            let heard = |host: &str| self.silence(state, host).is_none();
            let vms = state.vms.values().filter(|vm| heard(&vm.host));
            inventory.vms = vms.map(|vm| self.observed(state, vm, now)).collect();
            let pools = state.reachable().filter(|((host, _), _)| heard(host));
            inventory.pools = pools.map(|((host, name), p)| p.observed(host, name, now)).collect();
            let networks = state.networks.iter().filter(|((host, _), _)| heard(host));
            inventory.networks =
                networks.map(|((host, name), n)| n.observed(host, name, now)).collect();
            inventory
        })
    }

    pub(crate) fn observed(
        &self,
        state: &State,
        vm: &Vm,
        now: Timestamp,
    ) -> hostler_core::vm::ObservedVm {
        let hung = self.faults().is_vm_hung(&vm.external_ref, &vm.name);
        vm.observed(state, now, hung)
    }
}
