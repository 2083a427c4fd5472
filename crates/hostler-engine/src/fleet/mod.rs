//! Everything that is known now, in memory: what providers were seen to hold,
//! what the store says is ours, and which operation works on what.
//!
//! ```text
//!  inventory, observe ──► State ◄── operations (rows, claims)
//!                           │ version + 1
//!                           ▼
//!                        Snapshot   built when somebody looks, shared until the next change
//! ```
//!
//! Observed state lives only here and never in the store: after a restart it is
//! unknown until it has been seen again.

mod diff;
mod identity;
pub(crate) mod snapshot;
pub(crate) mod views;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::id::{OperationId, ProviderId, VmId};
use hostler_core::network::ObservedNetwork;
use hostler_core::operation::Resource;
use hostler_core::storage::ObservedPool;
use hostler_core::vm::ObservedVm;
use hostler_provider::{HostInventory, Inventory, Probe, Provider};
use hostler_store::{NewEvent, ProviderRow, VmRow};
use uuid::Uuid;

pub(crate) use identity::{Identity, Kind};
use snapshot::Snapshot;

/// What is known of one provider.
pub(crate) struct Entry {
    pub(crate) row: ProviderRow,
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) reach: Reach,
    pub(crate) seen: Option<Seen>,
}

/// Whether a provider answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It has not answered yet since the server started.
    Connecting,
    /// Its latest inventory succeeded.
    Answering,
    /// Its latest inventory failed.
    Silent { since: Timestamp, reason: String },
}

/// The latest inventory of a provider, kept up to date by single looks.
pub(crate) struct Seen {
    pub(crate) at: Timestamp,
    /// When the inventory was begun.
    began_at: Timestamp,
    pub(crate) took: Duration,
    /// VMs that single looks found gone, and when.
    gone: BTreeMap<String, Timestamp>,
    pub(crate) probe: Probe,
    pub(crate) hosts: BTreeMap<String, Arc<HostInventory>>,
    pub(crate) vms: BTreeMap<String, Arc<ObservedVm>>,
    pub(crate) pools: BTreeMap<String, Arc<ObservedPool>>,
    pub(crate) networks: BTreeMap<String, Arc<ObservedNetwork>>,
    pub(crate) unreachable: BTreeMap<String, String>,
}

impl Seen {
    /// What an inventory showed at `at`, that was begun at and took `took`.
    pub(crate) fn new(
        inventory: Inventory,
        probe: Probe,
        at: Timestamp,
        (began_at, took): (Timestamp, Duration),
    ) -> Self {
        let vms = inventory.vms.into_iter().map(|vm| (vm.external_ref.clone(), Arc::new(vm)));
        let hosts = inventory.hosts.into_iter().map(|h| (h.host.external_ref.clone(), Arc::new(h)));
        let pools = inventory.pools.into_iter().map(|p| (p.external_ref.clone(), Arc::new(p)));
        let networks =
            inventory.networks.into_iter().map(|n| (n.external_ref.clone(), Arc::new(n)));
        Self {
            at,
            began_at,
            took,
            gone: BTreeMap::new(),
            probe,
            hosts: hosts.collect(),
            vms: vms.collect(),
            pools: pools.collect(),
            networks: networks.collect(),
            unreachable: inventory.unreachable.into_iter().collect(),
        }
    }

    /// Keeps what single looks saw after this inventory was begun: an inventory
    /// takes a while, and must not bring back what it read before them (I7).
    fn keep_newer(&mut self, before: &Self) {
        for (external_ref, vm) in &before.vms {
            let here = self.vms.get(external_ref);
            let newer = here
                .map_or(vm.observed_at >= self.began_at, |now| vm.observed_at > now.observed_at);
            if newer {
                self.vms.insert(external_ref.clone(), vm.clone());
            }
        }
        for (external_ref, gone_at) in &before.gone {
            if *gone_at >= self.began_at {
                self.vms.remove(external_ref);
                self.gone.insert(external_ref.clone(), *gone_at);
            }
        }
    }

    /// Keeps what belongs to hosts that did not answer this time: it is not gone.
    fn keep_unreachable(&mut self, before: &Self) {
        let silent = |host: Option<&String>| host.is_some_and(|h| self.unreachable.contains_key(h));
        let vms: Vec<_> = before.vms.values().filter(|v| silent(v.host_ref.as_ref())).collect();
        let pools: Vec<_> = before.pools.values().filter(|p| silent(p.host_ref.as_ref())).collect();
        let networks: Vec<_> =
            before.networks.values().filter(|n| silent(n.host_ref.as_ref())).collect();
        let hosts: Vec<_> = before.hosts.iter().filter(|(h, _)| silent(Some(h))).collect();
        for (external_ref, host) in hosts {
            self.hosts.entry(external_ref.clone()).or_insert_with(|| host.clone());
        }
        for vm in vms {
            self.vms.entry(vm.external_ref.clone()).or_insert_with(|| vm.clone());
        }
        for pool in pools {
            self.pools.entry(pool.external_ref.clone()).or_insert_with(|| pool.clone());
        }
        for network in networks {
            self.networks.entry(network.external_ref.clone()).or_insert_with(|| network.clone());
        }
    }
}

/// Everything that is known now.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) version: u64,
    pub(crate) providers: BTreeMap<ProviderId, Entry>,
    pub(crate) rows: HashMap<VmId, Arc<VmRow>>,
    pub(crate) identities: HashMap<Identity, (Uuid, Timestamp)>,
    pub(crate) claims: HashMap<Resource, OperationId>,
}

/// The shared, changing knowledge.
#[derive(Default)]
pub(crate) struct Fleet {
    state: RwLock<State>,
    snapshot: Mutex<Option<Arc<Snapshot>>>,
}

impl Fleet {
    /// Reads; keep it short, and never across an await.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, State> {
        // A panic while the lock was held cannot leave half a change: every
        // change replaces whole values. So a poisoned lock is still good.
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes; everybody who looks afterwards sees it.
    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, State> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.version += 1;
        state
    }

    /// The present picture, ready for lists. Built once for each change.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        let mut cached = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.read();
        if let Some(snapshot) = cached.as_ref()
            && snapshot.version == state.version
        {
            return snapshot.clone();
        }
        let snapshot = Arc::new(Snapshot::build(&state));
        *cached = Some(snapshot.clone());
        snapshot
    }

    /// The provider, while it is configured.
    pub(crate) fn provider(&self, id: ProviderId) -> Option<Arc<dyn Provider>> {
        self.read().providers.get(&id).map(|entry| entry.provider.clone())
    }

    /// Takes what the store says of a VM now: its row and who works on it.
    pub(crate) fn set(&self, vm: VmId, row: Option<VmRow>, holder: Option<OperationId>) {
        let mut state = self.write();
        match row {
            Some(row) => state.rows.insert(vm, Arc::new(row)),
            None => state.rows.remove(&vm),
        };
        match holder {
            Some(operation) => state.claims.insert(Resource::Vm(vm), operation),
            None => state.claims.remove(&Resource::Vm(vm)),
        };
    }

    /// Whether the operation still holds a claim.
    pub(crate) fn is_at_work(&self, operation: OperationId) -> bool {
        self.read().claims.values().any(|holder| *holder == operation)
    }

    /// Whether some provider has neither answered nor failed to since it was attached.
    pub(crate) fn is_connecting(&self) -> bool {
        self.read().providers.values().any(|entry| entry.reach == Reach::Connecting)
    }

    /// Things of `seen` that have no id yet.
    pub(crate) fn unidentified(&self, provider: ProviderId, seen: &Seen) -> Vec<Identity> {
        let state = self.read();
        identity::unidentified(&state, provider, seen)
    }

    /// Takes ids that have been stored.
    pub(crate) fn identify(&self, ids: &[(Identity, Uuid, Timestamp)]) {
        let mut state = self.write();
        for (identity, id, first_seen_at) in ids {
            state.identities.entry(identity.clone()).or_insert((*id, *first_seen_at));
        }
    }

    /// Replaces what was seen of a provider; tells what changed.
    pub(crate) fn apply(&self, provider: ProviderId, mut seen: Seen) -> Vec<NewEvent> {
        let mut state = self.write();
        let Some(entry) = state.providers.get_mut(&provider) else { return Vec::new() };
        if let Some(before) = &entry.seen {
            seen.keep_unreachable(before);
            seen.keep_newer(before);
        }
        let mut events = Vec::new();
        if entry.reach != Reach::Answering {
            events.push(diff::provider_answers(&entry.row, &seen));
        }
        entry.reach = Reach::Answering;
        let before = entry.seen.replace(seen);
        let state = &*state;
        if let (Some(before), Some(entry)) = (before, state.providers.get(&provider))
            && let Some(after) = &entry.seen
        {
            events.extend(diff::vms(state, provider, &before, after));
        }
        events
    }

    /// Notes that a provider did not answer; tells it once.
    pub(crate) fn silence(
        &self,
        provider: ProviderId,
        reason: &str,
        now: Timestamp,
    ) -> Option<NewEvent> {
        let mut state = self.write();
        let entry = state.providers.get_mut(&provider)?;
        let since = match &entry.reach {
            Reach::Silent { since, .. } => *since,
            Reach::Connecting | Reach::Answering => now,
        };
        let first = !matches!(entry.reach, Reach::Silent { .. });
        entry.reach = Reach::Silent { since, reason: reason.to_owned() };
        first.then(|| diff::provider_silent(&entry.row, reason, now))
    }

    /// Takes a single look at a VM into account; tells what changed.
    pub(crate) fn apply_vm(
        &self,
        provider: ProviderId,
        external_ref: &str,
        vm: Option<ObservedVm>,
        now: Timestamp,
    ) -> Vec<NewEvent> {
        let mut state = self.write();
        let Some(seen) = state.providers.get_mut(&provider).and_then(|e| e.seen.as_mut()) else {
            return Vec::new(); // before the first inventory there is nothing to update
        };
        let before = match vm {
            Some(vm) => {
                seen.gone.remove(external_ref);
                seen.vms.insert(external_ref.to_owned(), Arc::new(vm))
            }
            None => {
                seen.gone.insert(external_ref.to_owned(), now);
                seen.vms.remove(external_ref)
            }
        };
        let state = &*state;
        let after = state
            .providers
            .get(&provider)
            .and_then(|entry| entry.seen.as_ref())
            .and_then(|seen| seen.vms.get(external_ref));
        diff::vm(state, provider, before.as_ref(), after).into_iter().collect()
    }
}
