//! The present picture, ready for lists: views of everything, indexed by id.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use hostler_core::id::{HostId, NetworkId, PoolId, ProviderId, VmId};
use hostler_core::operation::Resource;
use hostler_core::vm::ObservedVm;
use hostler_core::vm::status::{self, Phase};
use hostler_core::{Fact, Timestamp, placement};
use hostler_provider::{Group, groups};
use hostler_store::VmRow;

use super::views::{
    HostState, HostView, NetworkView, PoolView, ProviderState, ProviderView, VmView,
};
use super::{Entry, Reach, Seen, State};

/// Everything that is told, at one moment.
pub(crate) struct Snapshot {
    pub(crate) version: u64,
    pub(crate) vms: Vec<Arc<VmView>>,
    pub(crate) vm_index: HashMap<VmId, Arc<VmView>>,
    pub(crate) hosts: BTreeMap<HostId, Arc<HostView>>,
    pub(crate) pools: BTreeMap<PoolId, Arc<PoolView>>,
    pub(crate) networks: BTreeMap<NetworkId, Arc<NetworkView>>,
    pub(crate) providers: BTreeMap<ProviderId, Arc<ProviderView>>,
    /// When the oldest part was seen.
    pub(crate) observed_at: Option<Timestamp>,
    /// Whether some provider does not answer.
    pub(crate) stale: bool,
}

impl Snapshot {
    /// Puts together what is known.
    pub(crate) fn build(state: &State) -> Self {
        let mut snapshot = Self {
            version: state.version,
            vms: Vec::new(),
            vm_index: HashMap::new(),
            hosts: BTreeMap::new(),
            pools: BTreeMap::new(),
            networks: BTreeMap::new(),
            providers: BTreeMap::new(),
            observed_at: state.providers.values().filter_map(|e| Some(e.seen.as_ref()?.at)).min(),
            stale: state.providers.values().any(|e| {
                let silent = e.seen.as_ref().is_some_and(|seen| !seen.unreachable.is_empty());
                silent || e.reach != Reach::Answering
            }),
        };
        let mut placed = BTreeSet::new();
        for (id, entry) in &state.providers {
            let groups: Arc<[Group]> = groups(entry.provider.as_ref()).into();
            snapshot.add_provider(*id, entry, &groups);
            let Some(seen) = &entry.seen else { continue };
            snapshot.add_vms(state, *id, entry, seen, &groups, &mut placed);
            snapshot.add_places(state, *id, entry, seen);
        }
        for row in state.rows.values().filter(|row| !placed.contains(&row.id)) {
            snapshot.push(vm_not_seen(state, row));
        }
        snapshot
    }

    fn push(&mut self, vm: VmView) {
        let vm = Arc::new(vm);
        self.vm_index.insert(vm.id, vm.clone());
        self.vms.push(vm);
    }

    fn add_provider(&mut self, id: ProviderId, entry: &Entry, groups: &Arc<[Group]>) {
        let (state, reason, silent_since) = match &entry.reach {
            Reach::Connecting => (ProviderState::Connecting, None, None),
            Reach::Answering => (ProviderState::Healthy, None, None),
            Reach::Silent { since, reason } => {
                (ProviderState::Unreachable, Some(reason.clone()), Some(*since))
            }
        };
        let seen = entry.seen.as_ref();
        let view = ProviderView {
            row: entry.row.clone(),
            kind: entry.provider.kind(),
            simulated: entry.provider.is_simulated(),
            state,
            reason,
            silent_since,
            product: seen.map(|seen| seen.probe.product.clone()),
            observed_at: seen.map(|seen| seen.at),
            inventory_took: seen.map(|seen| seen.took),
            groups: groups.clone(),
            vm_count: seen.map(|seen| seen.vms.len()),
        };
        self.providers.insert(id, Arc::new(view));
    }

    fn add_vms(
        &mut self,
        state: &State,
        provider: ProviderId,
        entry: &Entry,
        seen: &Seen,
        groups: &Arc<[Group]>,
        placed: &mut BTreeSet<VmId>,
    ) {
        for vm in seen.vms.values() {
            // Without an id yet: between being seen and being stored, for a moment.
            let Some(id) = state.vm_id(provider, vm) else { continue };
            let row = state.rows.get(&id);
            if row.is_some() {
                placed.insert(id);
            }
            let created_at = row
                .map(|row| row.created_at)
                .or_else(|| state.first_seen_at(provider, vm))
                .unwrap_or(vm.observed_at);
            let unreachable = vm.host_ref.as_ref().and_then(|host| seen.unreachable.get(host));
            let view = VmView {
                id,
                name: row.map_or_else(|| vm.name.clone(), |row| row.spec.name.clone()),
                project: row.map(|row| row.spec.project.clone()),
                provider: Some((provider, entry.row.name.clone())),
                host: vm.host_ref.as_ref().and_then(|r| host_name(state, provider, seen, r)),
                managed: row.is_some(),
                simulated: entry.provider.is_simulated(),
                status: tell(row, Some(vm), entry, unreachable),
                row: row.cloned(),
                observed: Some(vm.clone()),
                operation: state.claims.get(&Resource::Vm(id)).copied(),
                created_at,
                groups: groups.clone(),
            };
            self.push(view);
        }
    }

    fn add_places(&mut self, state: &State, provider: ProviderId, entry: &Entry, seen: &Seen) {
        let named = (provider, entry.row.name.clone());
        let simulated = entry.provider.is_simulated();
        let stale = |host: &Option<String>| {
            let silent = host.as_ref().is_some_and(|h| seen.unreachable.contains_key(h));
            silent || entry.reach != Reach::Answering
        };
        for (external_ref, host) in &seen.hosts {
            let Some(id) = state.host_id(provider, external_ref) else { continue };
            let (host_state, reason) = host_state(entry, seen, external_ref, host.closed.as_ref());
            let on_it = seen.vms.values().filter(|vm| vm.host_ref.as_ref() == Some(external_ref));
            let (count, running) = on_it
                .fold((0, 0), |(all, live), vm| (all + 1, live + u32::from(vm.power.is_live())));
            let view = HostView {
                id,
                name: host.host.name.clone(),
                provider: named.clone(),
                simulated,
                state: host_state,
                reason,
                observed: host.clone(),
                vm_count: count,
                vm_running_count: running,
            };
            self.hosts.insert(id, Arc::new(view));
        }
        for (external_ref, pool) in &seen.pools {
            let Some(id) = state.pool_id(provider, external_ref) else { continue };
            let host = pool.host_ref.as_ref().and_then(|r| host_name(state, provider, seen, r));
            let (provider, observed) = (named.clone(), pool.clone());
            let stale = stale(&pool.host_ref);
            let view = PoolView { id, provider, host, simulated, stale, observed };
            self.pools.insert(id, Arc::new(view));
        }
        for (external_ref, network) in &seen.networks {
            let Some(id) = state.network_id(provider, external_ref) else { continue };
            let host = network.host_ref.as_ref().and_then(|r| host_name(state, provider, seen, r));
            let (provider, observed) = (named.clone(), network.clone());
            let stale = stale(&network.host_ref);
            let view = NetworkView { id, provider, host, simulated, stale, observed };
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
    if let Some(reason) = seen.unreachable.get(external_ref) {
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
    let last_at = entry.seen.as_ref().map(|seen| seen.at);
    let reach = match (&entry.reach, unreachable, last_at) {
        (_, Some(reason), last_at) => status::Reach::Silent { last_at, reason },
        (Reach::Silent { reason, .. }, _, last_at) => status::Reach::Silent { last_at, reason },
        (Reach::Answering, _, Some(at)) => status::Reach::Answering { at },
        (Reach::Answering | Reach::Connecting, _, last_at) => {
            status::Reach::Silent { last_at, reason: "its provider has not answered yet" }
        }
    };
    status::tell(row.map(|row| row.phase), vm.map(AsRef::as_ref), reach)
}

/// Why the host that a VM of ours was placed on does not answer, if it does not.
/// Where the host is not known, any that is silent may have it.
fn silent_host<'a>(state: &State, entry: &'a Entry, row: &VmRow) -> Option<&'a String> {
    let unreachable = &entry.seen.as_ref()?.unreachable;
    let mut silent = unreachable.iter().filter(|(external_ref, _)| {
        let id = state.host_id(entry.row.id, external_ref);
        row.host.is_none() || id.is_none() || id == row.host
    });
    silent.next().map(|(_, reason)| reason)
}

/// A VM of ours that no inventory shows.
fn vm_not_seen(state: &State, row: &Arc<VmRow>) -> VmView {
    let entry = row.provider.and_then(|id| state.providers.get(&id));
    let status = match (entry, row.phase) {
        (Some(entry), _) => tell(Some(row), None, entry, silent_host(state, entry, row)),
        (None, phase) => {
            let reason = match phase {
                Phase::Creating => "it has not been placed yet",
                Phase::Ready | Phase::Deleting => "its provider is not configured any more",
            };
            let reach = status::Reach::Silent { last_at: None, reason };
            status::tell(Some(phase), None, reach)
        }
    };
    let host = row.host.and_then(|id| {
        let entry = entry?;
        let seen = entry.seen.as_ref()?;
        let provider = row.provider?;
        seen.hosts.iter().find_map(|(external_ref, host)| {
            let known = state.host_id(provider, external_ref)?;
            (known == id).then(|| (id, host.host.name.clone()))
        })
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
        row: Some(row.clone()),
        observed: None,
        operation: state.claims.get(&Resource::Vm(row.id)).copied(),
        created_at: row.created_at,
        groups: entry.map_or_else(|| Arc::from([]), |e| groups(e.provider.as_ref()).into()),
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
