//! The present picture, ready for lists: views of everything, indexed by id,
//! and the users of volumes. It never changes; the next one shares with it what
//! is the same.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use hostler_core::id::{HostId, NetworkId, PoolId, ProviderId, VmId};
use hostler_core::operation::Resource;
use hostler_core::vm::ObservedVm;
use hostler_core::vm::status::{self, Phase};
use hostler_core::{Fact, Timestamp, placement};
use hostler_provider::{Group, Stale, groups};
use hostler_store::VmRow;

use super::freshness::Freshness;
use super::shelf::Shelf;
use super::users::Users;
use super::views::{
    HostState, HostView, NetworkView, PoolView, ProviderState, ProviderView, VmView,
};
use super::{Entry, Reach, Seen, State};

/// Everything that is told, at one moment.
#[derive(Clone, Default)]
pub(crate) struct Snapshot {
    pub(crate) vms: Shelf<VmId, Arc<VmView>>,
    pub(crate) hosts: Shelf<HostId, Arc<HostView>>,
    pub(crate) pools: Shelf<PoolId, Arc<PoolView>>,
    pub(crate) networks: Shelf<NetworkId, Arc<NetworkView>>,
    pub(crate) providers: Shelf<ProviderId, Arc<ProviderView>>,
    /// Which VM uses which volume.
    pub(crate) users: Users,
    /// When the oldest part was seen.
    pub(crate) observed_at: Option<Timestamp>,
    /// Whether some provider or host does not answer, and since when.
    pub(crate) freshness: Freshness,
}

impl Snapshot {
    /// Says how old it is.
    pub(super) fn date(&mut self, state: &State) {
        let seen = state.providers.values().filter_map(|entry| entry.seen.as_ref());
        self.observed_at = seen.map(|seen| seen.oldest_at).min();
        let each = state.providers.values().map(Freshness::of_everything);
        self.freshness = each.fold(Freshness::Fresh, Freshness::and);
    }

    /// Takes over a provider with its hosts, pools and networks as they are now.
    /// The hosts whose VMs have to be counted go into `to_count`; those that are
    /// gone are returned.
    pub(super) fn places(
        &mut self,
        state: &State,
        provider: ProviderId,
        to_count: &mut BTreeSet<HostId>,
    ) -> Vec<HostId> {
        let hosts: Vec<_> =
            self.hosts.values().filter(|h| h.provider.0 == provider).map(|h| h.id).collect();
        let pools: Vec<_> =
            self.pools.values().filter(|p| p.provider.0 == provider).map(|p| p.id).collect();
        let networks: Vec<_> =
            self.networks.values().filter(|n| n.provider.0 == provider).map(|n| n.id).collect();
        hosts.iter().for_each(|id| drop(self.hosts.remove(id)));
        pools.iter().for_each(|id| drop(self.pools.remove(id)));
        networks.iter().for_each(|id| drop(self.networks.remove(id)));
        self.providers.remove(&provider);
        if let Some(entry) = state.providers.get(&provider) {
            self.add_provider(provider, entry);
            if let Some(seen) = &entry.seen {
                self.add_places(state, provider, entry, seen, to_count);
            }
        }
        hosts.into_iter().filter(|id| self.hosts.get(id).is_none()).collect()
    }

    fn add_provider(&mut self, id: ProviderId, entry: &Entry) {
        let seen = entry.seen.as_ref();
        let behind = seen.and_then(|seen| seen.stale.as_ref());
        let (state, reason, silent_since) = match (&entry.reach, behind) {
            (Reach::Connecting, _) => (ProviderState::Connecting, None, None),
            (Reach::Answering, None) => (ProviderState::Healthy, None, None),
            (Reach::Answering, Some(Stale { since, reason })) => {
                (ProviderState::Rebuilding, Some(reason.clone()), Some(*since))
            }
            (Reach::Silent { since, reason }, _) => {
                (ProviderState::Unreachable, Some(reason.clone()), Some(*since))
            }
        };
        let view = ProviderView {
            row: entry.row.clone(),
            kind: entry.provider.kind(),
            simulated: entry.provider.is_simulated(),
            state,
            reason,
            silent_since,
            freshness: Freshness::of_provider(entry),
            product: seen.map(|seen| seen.probe.product.clone()),
            observed_at: seen.map(|seen| seen.at),
            inventory_took: seen.map(|seen| seen.took),
            groups: groups(entry.provider.as_ref()).into(),
            volume_formats: entry.provider.storage().map_or(&[], |storage| storage.formats()),
            vm_count: seen.map(|seen| seen.vms.len()),
        };
        self.providers.insert(id, Arc::new(view));
    }

    /// How many VMs a provider holds now.
    pub(super) fn count_vms(&mut self, state: &State, provider: ProviderId) {
        let seen = state.providers.get(&provider).and_then(|entry| entry.seen.as_ref());
        let vm_count = seen.map(|seen| seen.vms.len());
        let Some(view) = self.providers.get(&provider) else { return };
        if view.vm_count != vm_count {
            let counted = ProviderView { vm_count, ..(**view).clone() };
            self.providers.insert(provider, Arc::new(counted));
        }
    }

    fn add_places(
        &mut self,
        state: &State,
        provider: ProviderId,
        entry: &Entry,
        seen: &Seen,
        to_count: &mut BTreeSet<HostId>,
    ) {
        let named = (provider, entry.row.name.clone());
        let simulated = entry.provider.is_simulated();
        let stale = |host: &Option<String>| {
            let unreachable = host.as_ref().and_then(|host| seen.unreachable.get(host));
            match reach(entry, unreachable) {
                status::Reach::Silent { reason, .. } => Some(reason.to_owned()),
                status::Reach::Answering { .. } => None,
            }
        };
        for (external_ref, host) in &seen.hosts {
            let Some(id) = state.host_id(provider, external_ref) else { continue };
            let (host_state, reason) = host_state(entry, seen, external_ref, host.closed.as_ref());
            let view = HostView {
                id,
                name: host.host.name.clone(),
                provider: named.clone(),
                simulated,
                state: host_state,
                reason,
                freshness: Freshness::of(entry, Some(external_ref)),
                observed: host.clone(),
                // Counted when it is known which VMs are on it.
                vm_count: 0,
                vm_running_count: 0,
            };
            to_count.insert(id);
            self.hosts.insert(id, Arc::new(view));
        }
        for (external_ref, pool) in &seen.pools {
            let Some(id) = state.pool_id(provider, external_ref) else { continue };
            let host = pool.host_ref.as_ref().and_then(|r| host_name(state, provider, seen, r));
            let (provider, observed) = (named.clone(), pool.clone());
            let stale = stale(&pool.host_ref);
            let freshness = Freshness::of(entry, pool.host_ref.as_deref());
            let view = PoolView { id, provider, host, simulated, stale, freshness, observed };
            self.pools.insert(id, Arc::new(view));
        }
        for (external_ref, network) in &seen.networks {
            let Some(id) = state.network_id(provider, external_ref) else { continue };
            let host = network.host_ref.as_ref().and_then(|r| host_name(state, provider, seen, r));
            let (provider, observed) = (named.clone(), network.clone());
            let stale = stale(&network.host_ref);
            let freshness = Freshness::of(entry, network.host_ref.as_deref());
            let view = NetworkView { id, provider, host, simulated, stale, freshness, observed };
            self.networks.insert(id, Arc::new(view));
        }
    }
}

fn host_name(
    state: &State,
    provider: ProviderId,
    seen: &Seen,
    external_ref: &str,
) -> Option<(HostId, String)> {
    let host = seen.hosts.get(external_ref)?;
    Some((state.host_id(provider, external_ref)?, host.host.name.clone()))
}

fn host_state(
    entry: &Entry,
    seen: &Seen,
    external_ref: &str,
    closed: Option<&String>,
) -> (HostState, Option<String>) {
    if let Reach::Silent { reason, .. } = &entry.reach {
        return (HostState::Degraded, Some(reason.clone()));
    }
    let of_host = seen.unreachable.get(external_ref);
    if let Some(reason) = of_host.or_else(|| seen.stale.as_ref().map(|stale| &stale.reason)) {
        return (HostState::Degraded, Some(reason.clone()));
    }
    match closed {
        Some(reason) => (HostState::Closed, Some(reason.clone())),
        None => (HostState::Ready, None),
    }
}

fn tell(
    row: Option<&Arc<VmRow>>,
    vm: Option<&Arc<ObservedVm>>,
    entry: &Entry,
    unreachable: Option<&String>,
) -> status::VmStatus {
    status::tell(row.map(|row| row.phase), vm.map(AsRef::as_ref), reach(entry, unreachable))
}

/// Whether anything new can be told of what is at a provider, or on a host there
/// that is `unreachable` for this reason.
fn reach<'a>(entry: &'a Entry, unreachable: Option<&'a String>) -> status::Reach<'a> {
    let last_at = entry.seen.as_ref().map(|seen| seen.at);
    let behind = entry.seen.as_ref().and_then(|seen| seen.stale.as_ref());
    match (&entry.reach, unreachable, last_at) {
        (_, Some(reason), last_at) => status::Reach::Silent { last_at, reason },
        (Reach::Silent { reason, .. }, None, last_at) => status::Reach::Silent { last_at, reason },
        (Reach::Answering, None, Some(at)) => match behind {
            None => status::Reach::Answering { at },
            // It answers with what is old, which is told as that of a silent one (E10).
            Some(Stale { reason, .. }) => status::Reach::Silent { last_at, reason },
        },
        (Reach::Answering | Reach::Connecting, None, last_at) => {
            status::Reach::Silent { last_at, reason: "its provider has not answered yet" }
        }
    }
}

/// The host that a VM of ours was placed on, and why it does not answer, if it does not.
/// Where the host is not known, any that is silent may have it.
fn silent_host<'a>(
    state: &State,
    entry: &'a Entry,
    row: &VmRow,
) -> Option<(&'a String, &'a String)> {
    let unreachable = &entry.seen.as_ref()?.unreachable;
    let mut silent = unreachable.iter().filter(|(external_ref, _)| {
        let id = state.host_id(entry.row.id, external_ref);
        row.host.is_none() || id.is_none() || id == row.host
    });
    silent.next()
}

/// A VM as it was seen under a name at a provider.
pub(super) fn vm_seen(
    state: &State,
    snapshot: &Snapshot,
    id: VmId,
    provider: ProviderId,
    name: &str,
) -> Option<VmView> {
    let entry = state.providers.get(&provider)?;
    let seen = entry.seen.as_ref()?;
    let vm = seen.vms.get(name)?;
    let row = state.rows.get(&id);
    let created_at = row
        .map(|row| row.created_at)
        .or_else(|| state.first_seen_at(provider, vm))
        .unwrap_or(vm.observed_at);
    let unreachable = vm.host_ref.as_ref().and_then(|host| seen.unreachable.get(host));
    Some(VmView {
        id,
        name: row.map_or_else(|| vm.name.clone(), |row| row.spec.name.clone()),
        project: row.map(|row| row.spec.project.clone()),
        provider: Some((provider, entry.row.name.clone())),
        host: vm.host_ref.as_ref().and_then(|r| host_name(state, provider, seen, r)),
        managed: row.is_some(),
        simulated: entry.provider.is_simulated(),
        status: tell(row, Some(vm), entry, unreachable),
        freshness: Freshness::of(entry, vm.host_ref.as_deref()),
        row: row.cloned(),
        observed: Some(vm.clone()),
        operation: state.claims.get(&Resource::Vm(id)).copied(),
        created_at,
        groups: groups_of(snapshot, provider),
    })
}

/// What a provider can do.
fn groups_of(snapshot: &Snapshot, provider: ProviderId) -> Arc<[Group]> {
    snapshot.providers.get(&provider).map_or_else(|| Arc::from([]), |view| view.groups.clone())
}

/// A VM of ours that no inventory shows.
pub(super) fn vm_not_seen(state: &State, snapshot: &Snapshot, row: &Arc<VmRow>) -> VmView {
    let entry = row.provider.and_then(|id| state.providers.get(&id));
    let (status, freshness) = match (entry, row.phase) {
        (Some(entry), _) => {
            let silent = silent_host(state, entry, row);
            let status = tell(Some(row), None, entry, silent.map(|(_, reason)| reason));
            (status, Freshness::of(entry, silent.map(|(host, _)| host.as_str())))
        }
        (None, phase) => {
            let (reason, freshness) = match phase {
                // There is nobody yet who could tell anything newer.
                Phase::Creating => ("it has not been placed yet", Freshness::Fresh),
                Phase::Ready | Phase::Deleting => {
                    ("its provider is not configured any more", Freshness::Stale { since: None })
                }
            };
            let reach = status::Reach::Silent { last_at: None, reason };
            (status::tell(Some(phase), None, reach), freshness)
        }
    };
    let host = row.host.and_then(|id| {
        let host = snapshot.hosts.get(&id).filter(|host| Some(host.provider.0) == row.provider)?;
        Some((id, host.name.clone()))
    });
    VmView {
        id: row.id,
        name: row.spec.name.clone(),
        project: Some(row.spec.project.clone()),
        provider: entry.map(|entry| (entry.row.id, entry.row.name.clone())),
        host,
        managed: true,
        simulated: entry.is_some_and(|entry| entry.provider.is_simulated()),
        status,
        freshness,
        row: Some(row.clone()),
        observed: None,
        operation: state.claims.get(&Resource::Vm(row.id)).copied(),
        created_at: row.created_at,
        groups: entry.map_or_else(|| Arc::from([]), |entry| groups_of(snapshot, entry.row.id)),
    }
}

/// The hosts that a VM may be placed on. `promised` is memory of VMs that are
/// still being made, by host.
pub(crate) fn candidates(
    state: &State,
    promised: &HashMap<HostId, u64>,
) -> Vec<placement::Candidate> {
    let mut candidates = Vec::new();
    for (provider, entry) in &state.providers {
        let Some(seen) = &entry.seen else { continue };
        for (external_ref, host) in &seen.hosts {
            let Some(id) = state.host_id(*provider, external_ref) else { continue };
            let (host_state, reason) = host_state(entry, seen, external_ref, host.closed.as_ref());
            let mut closed = (host_state != HostState::Ready)
                .then(|| reason.unwrap_or_else(|| host_state.as_str().to_owned()));
            if entry.provider.create().is_none() {
                closed = Some("belongs to a provider that cannot make VMs".into());
            }
            candidates.push(candidate(id, *provider, external_ref, host, seen, closed, promised));
        }
    }
    candidates
}

fn candidate(
    id: HostId,
    provider: ProviderId,
    external_ref: &str,
    host: &hostler_provider::HostInventory,
    seen: &Seen,
    closed: Option<String>,
    promised: &HashMap<HostId, u64>,
) -> placement::Candidate {
    let here = |host_ref: &Option<String>| host_ref.as_deref().is_none_or(|r| r == external_ref);
    let promised = promised.get(&id).copied().unwrap_or(0);
    let free: Fact<u64> =
        host.host.memory_free_bytes.clone().map(|free| free.saturating_sub(promised));
    let guests = host.host.guests.value().map(Vec::as_slice).unwrap_or_default();
    let guests = guests
        .iter()
        .flat_map(|g| g.hypervisors.iter().map(|kind| (g.arch.clone(), kind.clone())))
        .collect();
    let pools = seen.pools.values().filter(|pool| pool.active && here(&pool.host_ref));
    let networks = seen.networks.values().filter(|net| net.active && here(&net.host_ref));
    placement::Candidate {
        host: id,
        provider,
        name: host.host.name.clone(),
        closed,
        memory_available_bytes: free,
        cpu_count: host.host.cpu_count.clone(),
        guests,
        pools: pools.map(|pool| pool.name.clone()).collect(),
        networks: networks.map(|net| net.name.clone()).collect(),
    }
}
