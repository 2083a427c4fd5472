//! Who may have measured a thing, in the order in which they tell of it (the table
//! is in [`super::sharing`]), and what they did.
//!
//! An agent speaks for the machine that it is on and for what is there: for VMs of
//! other hosts it is not among those who are asked here, whatever it tells.

use std::collections::{BTreeMap, HashMap, HashSet};

use hostler_core::metrics::hypervisor::namespace_name;
use hostler_provider::{Asked, ContainerRef};
use tokio::time::Instant;

use super::PassFigures;
use super::held::{OfOrigin, Origin, Thing};
use super::labels::ContainerView;
use super::machines::{Joined, MachineKey, MachineView, Place};
use super::sharing::{MeasuredBy, settle};
use super::told::passes;
use crate::fleet::snapshot::Snapshot;
use crate::{HostView, PoolView, VmView};

/// What a machine that tells of itself is called.
fn itself() -> Thing {
    Thing::Host(String::new())
}

/// One moment.
pub(super) struct Gathering<'a> {
    pub(super) held: &'a HashMap<Origin, OfOrigin>,
    pub(super) joined: &'a Joined,
    pub(super) now: Instant,
}

impl Gathering<'_> {
    /// What these measured, each metric told by one of them.
    pub(super) fn of(&self, tellers: Vec<(Origin, Thing)>) -> Vec<PassFigures> {
        let mut all = Vec::new();
        for (origin, thing) in &tellers {
            let Some(held) = self.held.get(origin) else { continue };
            let Some(kept) = held.things.get(thing) else { continue };
            all.extend(passes((*origin, &self.by(*origin)), held, kept, self.now));
        }
        settle(&mut all);
        all
    }

    fn by(&self, origin: Origin) -> MeasuredBy {
        match origin {
            Origin::Provider(_) => MeasuredBy::Provider,
            Origin::Machine(key, _) if self.joined.is_own(key) => MeasuredBy::Own,
            Origin::Machine(key, _) => MeasuredBy::Agent(self.joined.name(key)),
        }
    }

    pub(super) fn tellers_of_vm(&self, vm: &VmView) -> Option<Vec<(Origin, Thing)>> {
        let (provider, _) = vm.provider.as_ref()?;
        let thing = Thing::Vm(vm.external_ref()?.to_owned());
        let agent = vm.host.as_ref().and_then(|(host, _)| self.joined.at(*host));
        let by = |asked, thing| Some((Origin::Machine(agent?, asked), thing));
        let hypervisor = by(Asked::Hypervisor, thing.clone());
        let process = domain(vm).and_then(|domain| by(Asked::Launchers, Thing::Vm(domain)));
        let provider = (Origin::Provider(*provider), thing);
        Some([Some(provider), hypervisor, process].into_iter().flatten().collect())
    }

    pub(super) fn tellers_of_host(&self, host: &HostView) -> Vec<(Origin, Thing)> {
        let thing = Thing::Host(host.observed.host.external_ref.clone());
        let provider = (Origin::Provider(host.provider.0), thing);
        match self.joined.bearer(host.id) {
            None => vec![provider],
            Some(key) => vec![
                (Origin::Machine(key, Asked::Kernel), itself()),
                provider,
                (Origin::Machine(key, Asked::Hypervisor), itself()),
            ],
        }
    }

    pub(super) fn tellers_of_pool(&self, pool: &PoolView) -> Vec<(Origin, Thing)> {
        let seen = &pool.observed;
        let thing = Thing::Pool { host: seen.host_ref.clone(), name: seen.name.clone() };
        let mut tellers = vec![(Origin::Provider(pool.provider.0), thing)];
        let agent = pool.host.as_ref().and_then(|(host, _)| self.joined.at(*host));
        tellers.extend(agent.map(|key| {
            let thing = Thing::Pool { host: None, name: seen.name.clone() };
            (Origin::Machine(key, Asked::Hypervisor), thing)
        }));
        tellers
    }

    /// Machines that are no hosts of a provider.
    pub(super) fn tellers_of_machines(&self) -> Vec<(MachineView, Vec<(Origin, Thing)>)> {
        let alone = self.joined.places.iter();
        let alone = alone.filter(|(_, (_, place))| matches!(place, Place::Alone));
        let told = alone.map(|(key, (name, _))| {
            let of =
                MachineView { agent: self.joined.name(*key).to_string(), host: name.to_string() };
            (of, Self::tellers_of_machine(*key))
        });
        told.collect()
    }

    /// What a machine tells of itself.
    pub(super) fn tellers_of_machine(key: MachineKey) -> Vec<(Origin, Thing)> {
        let asked = [Asked::Kernel, Asked::Hypervisor];
        asked.map(|asked| (Origin::Machine(key, asked), itself())).to_vec()
    }

    /// Containers of machines of which one that is wanted tells any, with those who tell of
    /// each: the same engine of the same machine, and the same id there, is the same container.
    pub(super) fn tellers_of_containers(
        &self,
        snapshot: &Snapshot,
        is_wanted: impl Fn(Origin) -> bool,
    ) -> Vec<(ContainerView, Vec<(Origin, Thing)>)> {
        let mut origins = Vec::new();
        let mut hosts = HashSet::new();
        for (origin, held) in self.held {
            let Some((host, simulated)) = self.place(*origin, held, snapshot) else { continue };
            if is_wanted(*origin) {
                hosts.insert(host.clone());
            }
            origins.push((self.rank(*origin), *origin, held, host, simulated));
        }
        origins.retain(|(_, _, _, host, _)| hosts.contains(host));
        origins.sort_by_key(|(rank, ..)| *rank);
        let mut found: BTreeMap<(&str, &str, &str), (ContainerView, Vec<_>)> = BTreeMap::new();
        for (_, origin, held, host, simulated) in &origins {
            for (thing, of) in containers(held) {
                let key = (host.as_str(), of.engine, of.id.as_str());
                let (_, tellers) = found.entry(key).or_insert_with(|| {
                    let (host, simulated) = (host.clone(), *simulated);
                    (ContainerView { container: of.clone(), host, simulated }, Vec::new())
                });
                tellers.push((*origin, thing.clone()));
            }
        }
        found.into_values().collect()
    }

    fn rank(&self, origin: Origin) -> (u8, Option<MachineKey>, Origin) {
        match origin {
            Origin::Machine(key, _) if self.joined.is_own(key) => (0, Some(key), origin),
            Origin::Machine(key, _) => (1, Some(key), origin),
            Origin::Provider(_) => (2, None, origin),
        }
    }

    /// What the machine is called whose containers an origin tells of, if it does, and
    /// whether they are made up.
    fn place(
        &self,
        origin: Origin,
        held: &OfOrigin,
        snapshot: &Snapshot,
    ) -> Option<(String, bool)> {
        // A provider of VMs may hold thousands of things, none of which is one.
        let may_have = match origin {
            Origin::Machine(_, asked) => asked != Asked::Kernel,
            Origin::Provider(_) => true,
        };
        if !may_have || containers(held).next().is_none() {
            return None;
        }
        match origin {
            Origin::Machine(key, _) => Some((self.joined.host_name(key)?.to_string(), false)),
            Origin::Provider(id) => {
                let provider = snapshot.providers.get(&id)?;
                // One that has a single host means that one.
                let mut hosts = snapshot.hosts.values().filter(|host| host.provider.0 == id);
                let host = match (hosts.next(), hosts.next()) {
                    (Some(host), None) => host.name.clone(),
                    _ => provider.row.name.clone(),
                };
                Some((host, provider.simulated))
            }
        }
    }

    /// Whether any of those who may tell of a VM is wanted.
    pub(super) fn is_vm_wanted(&self, vm: &VmView, is_wanted: &impl Fn(Origin) -> bool) -> bool {
        let provider = vm.provider.as_ref().map(|(id, _)| Origin::Provider(*id));
        let agent = vm.host.as_ref().and_then(|(host, _)| self.joined.at(*host));
        let asked = [Asked::Hypervisor, Asked::Launchers];
        let agent = agent.into_iter().flat_map(|key| asked.map(|it| Origin::Machine(key, it)));
        provider.into_iter().chain(agent).any(is_wanted)
    }
}

/// What a VM of a cluster is called where its process is: `namespace_name` (X3). Those who see
/// processes know neither the provider's ids nor ours.
fn domain(vm: &VmView) -> Option<String> {
    let seen = vm.observed.as_ref()?;
    match &seen.namespace {
        Some(namespace) => Some(format!("{namespace}_{}", seen.name)),
        None => namespace_name(&seen.name).map(|_| seen.name.clone()),
    }
}

/// The containers of which an origin tells.
fn containers(held: &OfOrigin) -> impl Iterator<Item = (&Thing, &ContainerRef)> {
    held.things.keys().filter_map(|thing| match thing {
        Thing::Container(of) => Some((thing, of)),
        Thing::Vm(_) | Thing::Host(_) | Thing::Pool { .. } => None,
    })
}
