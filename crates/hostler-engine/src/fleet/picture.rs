//! Keeps the snapshot up to date change by change: what one VM's change costs
//! does not grow with the fleet, and an inventory costs what it shows.
//!
//! ```text
//!  State ── Changes ──► Picture ── views, counts, users ──► Snapshot (shared)
//! ```
//!
//! Which VM a sight is (a provider's VM under its lasting name) depends on rows,
//! tags and identities, so the picture remembers what each sight was taken for.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use hostler_core::id::{HostId, ProviderId, VmId};

use super::State;
use super::snapshot::{self, Snapshot};
use super::views::{HostView, VmView};

/// What changed since the picture was brought up to date.
#[derive(Default)]
pub(crate) struct Changes {
    /// Everything may have.
    pub(crate) everything: bool,
    /// All that these providers show, and whether they answer.
    pub(crate) providers: BTreeSet<ProviderId>,
    /// What was seen under these names, and which VM it is.
    pub(crate) sights: BTreeSet<(ProviderId, String)>,
    /// What is asked of these VMs, and who works on them.
    pub(crate) vms: BTreeSet<VmId>,
}

impl Changes {
    fn is_empty(&self) -> bool {
        !self.everything
            && self.providers.is_empty()
            && self.sights.is_empty()
            && self.vms.is_empty()
    }
}

/// What a VM at a provider was taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sight {
    /// The VM it is; `None` while it has no id.
    vm: Option<VmId>,
    /// The VM whose mark it bears, rightly or not.
    marked: Option<VmId>,
}

type SightRef = (ProviderId, Arc<str>);

/// How much is on a host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Load {
    vms: u32,
    running: u32,
}

/// The present picture, and what it takes to keep it.
#[derive(Default)]
pub(crate) struct Picture {
    /// What is handed out, until something changes.
    shown: Option<Arc<Snapshot>>,
    next: Snapshot,
    sights: HashMap<ProviderId, HashMap<Arc<str>, Sight>>,
    /// Where a VM was seen; normally in one place.
    places: HashMap<VmId, BTreeSet<SightRef>>,
    /// Who bears a VM's mark.
    marks: HashMap<VmId, BTreeSet<SightRef>>,
    loads: HashMap<HostId, Load>,
}

/// What has to be looked at again in one go.
#[derive(Default)]
struct Work {
    vms: BTreeSet<VmId>,
    hosts: BTreeSet<HostId>,
    providers: BTreeSet<ProviderId>,
}

impl Picture {
    /// The picture after these changes.
    pub(crate) fn after(&mut self, state: &State, changes: Changes) -> Arc<Snapshot> {
        if let Some(shown) = self.shown.as_ref().filter(|_| changes.is_empty()) {
            return shown.clone();
        }
        let mut work = Work { vms: changes.vms, ..Work::default() };
        let mut providers = changes.providers;
        if changes.everything {
            providers.extend(state.providers.keys().chain(self.sights.keys()));
            work.vms.extend(state.rows.keys().chain(self.next.vms.keys()));
        }
        // A row that comes or goes decides which VM bears its mark.
        let marked: Vec<SightRef> =
            work.vms.iter().filter_map(|vm| self.marks.get(vm)).flatten().cloned().collect();
        for (provider, external_ref) in marked {
            self.look_at(state, provider, &external_ref, &mut work);
        }
        for provider in &providers {
            self.look_at_provider(state, *provider, &mut work);
        }
        for (provider, external_ref) in changes.sights {
            if !providers.contains(&provider) {
                self.look_at(state, provider, &external_ref, &mut work);
            }
        }
        for vm in std::mem::take(&mut work.vms) {
            self.show(state, vm, &mut work);
        }
        for host in std::mem::take(&mut work.hosts) {
            self.count(host);
        }
        for provider in std::mem::take(&mut work.providers) {
            self.next.count_vms(state, provider);
        }
        self.next.date(state);
        let shown = Arc::new(self.next.clone());
        self.shown = Some(shown.clone());
        shown
    }

    /// A provider's inventory, or whether it answers.
    fn look_at_provider(&mut self, state: &State, provider: ProviderId, work: &mut Work) {
        let gone = self.next.places(state, provider, &mut work.hosts);
        for host in gone {
            self.loads.remove(&host);
        }
        let known = self.sights.get(&provider).into_iter().flat_map(HashMap::keys).cloned();
        let mut names: BTreeSet<Arc<str>> = known.collect();
        let seen = state.providers.get(&provider).and_then(|entry| entry.seen.as_ref());
        for name in seen.into_iter().flat_map(|seen| seen.vms.keys()) {
            if !names.contains(name.as_str()) {
                names.insert(Arc::from(name.as_str()));
            }
        }
        for name in names {
            self.look_at(state, provider, &name, work);
        }
        // What is told of a VM that is not seen depends on whether its provider answers.
        let rows = state.rows.values().filter(|row| row.provider == Some(provider));
        work.vms.extend(rows.map(|row| row.id));
    }

    /// What is seen under a name: which VM it is now.
    fn look_at(&mut self, state: &State, provider: ProviderId, name: &str, work: &mut Work) {
        work.providers.insert(provider);
        let seen = state.providers.get(&provider).and_then(|entry| entry.seen.as_ref());
        let now = seen.and_then(|seen| seen.vms.get(name)).map(|vm| Sight {
            vm: state.vm_id(provider, vm),
            marked: vm.tag.as_ref().map(|tag| tag.vm),
        });
        let sights = self.sights.entry(provider).or_default();
        let before = sights.get(name).copied();
        work.vms.extend(before.and_then(|sight| sight.vm));
        work.vms.extend(now.and_then(|sight| sight.vm));
        if before != now {
            let name = sights.get_key_value(name).map_or_else(|| name.into(), |(n, _)| n.clone());
            match now {
                Some(sight) => sights.insert(name.clone(), sight),
                None => sights.remove(&name),
            };
            let at = (provider, name);
            let vm = |sight: Option<Sight>| sight.and_then(|sight| sight.vm);
            let marked = |sight: Option<Sight>| sight.and_then(|sight| sight.marked);
            transfer(&mut self.places, &at, vm(before), vm(now));
            transfer(&mut self.marks, &at, marked(before), marked(now));
        }
        if self.sights.get(&provider).is_some_and(HashMap::is_empty) {
            self.sights.remove(&provider);
        }
    }

    /// What is told of a VM now.
    fn show(&mut self, state: &State, vm: VmId, work: &mut Work) {
        let before = self.next.vms.get(&vm).cloned();
        let place = self.places.get(&vm).and_then(BTreeSet::first);
        let seen = place
            .and_then(|(provider, name)| snapshot::vm_seen(state, &self.next, vm, *provider, name));
        let after = seen
            .or_else(|| Some(snapshot::vm_not_seen(state, &self.next, state.rows.get(&vm)?)))
            .map(Arc::new);
        self.next.users.change(before.as_deref(), after.as_deref());
        for (view, comes) in [(&before, false), (&after, true)] {
            let Some((host, running)) = view.as_deref().and_then(on_host) else { continue };
            let load = self.loads.entry(host).or_default();
            let add = |count: u32, by: u32| {
                if comes { count.saturating_add(by) } else { count.saturating_sub(by) }
            };
            load.vms = add(load.vms, 1);
            load.running = add(load.running, u32::from(running));
            work.hosts.insert(host);
        }
        match after {
            Some(view) => self.next.vms.insert(vm, view),
            None => drop(self.next.vms.remove(&vm)),
        }
    }

    /// How much is on a host now.
    fn count(&mut self, host: HostId) {
        let load = self.loads.get(&host).copied().unwrap_or_default();
        if load == Load::default() {
            self.loads.remove(&host);
        }
        let Some(view) = self.next.hosts.get(&host) else { return };
        if (view.vm_count, view.vm_running_count) != (load.vms, load.running) {
            let counted =
                HostView { vm_count: load.vms, vm_running_count: load.running, ..(**view).clone() };
            self.next.hosts.insert(host, Arc::new(counted));
        }
    }
}

/// The host that a VM was seen on, and whether it runs there.
fn on_host(view: &VmView) -> Option<(HostId, bool)> {
    let seen = view.observed.as_ref()?;
    let (host, _) = view.host.as_ref()?;
    Some((*host, seen.power.is_live()))
}

fn transfer(
    index: &mut HashMap<VmId, BTreeSet<SightRef>>,
    at: &SightRef,
    from: Option<VmId>,
    to: Option<VmId>,
) {
    if from == to {
        return;
    }
    if let Some(vm) = from
        && let Some(places) = index.get_mut(&vm)
    {
        places.remove(at);
        if places.is_empty() {
            index.remove(&vm);
        }
    }
    if let Some(vm) = to {
        index.entry(vm).or_default().insert(at.clone());
    }
}
