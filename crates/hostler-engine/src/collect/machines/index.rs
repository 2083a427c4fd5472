//! Hosts by what a machine may say of itself.
//!
//! Names are no proof where several providers tell of hosts: two clusters may well call
//! a node the same. So hosts that are called the same are one machine only where an
//! identity says so, and a machine is none whose identities contradict its own.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use hostler_core::host::MachineIds;

use super::Watched;
use super::join::Place;
use crate::HostView;
use crate::fleet::snapshot::Snapshot;

type Hosts<'a> = Vec<&'a Arc<HostView>>;

/// Hosts by what a machine may say of itself.
pub(super) struct Index<'a> {
    hosts: Hosts<'a>,
    by_uuid: HashMap<String, Hosts<'a>>,
    by_boot: HashMap<&'a str, Hosts<'a>>,
    by_name: HashMap<String, Hosts<'a>>,
    by_short_name: HashMap<String, Hosts<'a>>,
}

impl<'a> Index<'a> {
    pub(super) fn of(snapshot: &'a Snapshot) -> Self {
        // What is made up is no machine, whatever it is called (X17).
        let hosts: Vec<_> = snapshot.hosts.values().filter(|host| !host.simulated).collect();
        Self::of_hosts(hosts)
    }

    pub(super) fn of_hosts(mut hosts: Hosts<'a>) -> Self {
        hosts.sort_by(|a, b| (&a.provider.1, a.id).cmp(&(&b.provider.1, b.id)));
        let mut index = Self {
            by_uuid: HashMap::new(),
            by_boot: HashMap::new(),
            by_name: HashMap::new(),
            by_short_name: HashMap::new(),
            hosts: Vec::new(),
        };
        for host in &hosts {
            let seen = &host.observed.host;
            for reference in references(host) {
                index.by_uuid.entry(reference).or_default().push(host);
            }
            if let Some(boot) = &seen.ids.boot {
                index.by_boot.entry(boot).or_default().push(host);
            }
            index.by_name.entry(seen.name.to_lowercase()).or_default().push(host);
            index.by_short_name.entry(short(&seen.name)).or_default().push(host);
        }
        index.hosts = hosts;
        index
    }

    /// The hosts of providers that are reached on this server's own machine: they are it,
    /// whatever they call it.
    pub(super) fn here(&self, watched: &Watched, snapshot: &Snapshot) -> Option<Place> {
        let is_here = watched.is_here?;
        let address =
            |host: &HostView| Some(snapshot.providers.get(&host.provider.0)?.row.uri.as_str());
        let found = self.hosts.iter().filter(|host| address(host).is_some_and(is_here));
        let found: Vec<_> = found.map(|host| Arc::clone(host)).collect();
        Some(found).filter(|found| !found.is_empty()).map(Place::Hosts)
    }

    pub(super) fn place(&self, watched: &Watched) -> Place {
        let Some(heard) = &watched.identity else { return Place::Unheard };
        if let Some(wanted) = &watched.settings.host {
            let is_it = |host: &&&Arc<HostView>| {
                host.id.to_string() == *wanted || host.name.eq_ignore_ascii_case(wanted)
            };
            let found: Vec<_> = self.hosts.iter().filter(is_it).copied().collect();
            // Where there is one, whoever configured it knows better than any identity.
            let unlike = |it: &&Arc<HostView>| contradiction(it, &heard.machine.ids).is_some();
            let (_, alike): (Hosts<'_>, Hosts<'_>) = found.iter().copied().partition(unlike);
            let meant = if alike.is_empty() { found } else { alike };
            return decide(&meant, &format!("is called {wanted}"));
        }
        let machine = &heard.machine;
        let uuids = [&machine.ids.system, &machine.ids.installation];
        for reference in heard.hypervisor_ref.iter().chain(uuids.into_iter().flatten()) {
            let Some(found) = self.by_uuid.get(&reference.to_lowercase()) else { continue };
            // Some firmware gives every machine the same UUID.
            let named = called(found, &machine.name);
            return match (found.len(), named.len()) {
                (2.., 1..) => decide(&named, "is it"),
                _ => decide(found, &format!("has the UUID {reference}")),
            };
        }
        // Containers have their machine's kernel, and names of their own.
        let booted = machine.ids.boot.as_deref().and_then(|boot| self.by_boot.get(boot));
        let booted = booted.map(|found| called(found, &machine.name)).unwrap_or_default();
        if !booted.is_empty() {
            return decide(&booted, &format!("is called {}", machine.name));
        }
        self.named(&machine.name, &machine.ids)
    }

    /// Those that are called like it, and are not known to be other machines.
    fn named(&self, name: &str, ids: &MachineIds) -> Place {
        let found = self.by_name.get(&name.to_lowercase());
        // One of them may be told with its domain and the other without.
        let found = found.or_else(|| {
            let similar = self.by_short_name.get(&short(name))?;
            similar.iter().all(|it| is_called(it, name)).then_some(similar)
        });
        let Some(found) = found else { return Place::Alone };
        let (others, may_be): (Hosts<'_>, Hosts<'_>) =
            found.iter().copied().partition(|host| contradiction(host, ids).is_some());
        match others.first().and_then(|host| contradiction(host, ids)) {
            Some((what, its, own)) if may_be.is_empty() => Place::Unclear(format!(
                "it is called like the host {name}, whose {what} is {its}, and its own is {own}; \
                 if it is that host all the same, set its `host`"
            )),
            _ => decide(&may_be, &format!("is called {name}")),
        }
    }
}

/// The references and UUIDs by which a host is known whatever it is called, in lower case.
fn references(host: &HostView) -> BTreeSet<String> {
    let seen = &host.observed.host;
    let ids = [&seen.ids.system, &seen.ids.installation].into_iter().flatten();
    let all = ids.chain([&seen.external_ref]).map(|id| id.to_lowercase());
    // Where a host is referred to by its name, that is no more than a name.
    all.filter(|id| *id != seen.name.to_lowercase()).collect()
}

/// What a host is known by and a machine knows otherwise: what it is, the host's, the
/// machine's.
fn contradiction<'a>(
    host: &'a HostView,
    ids: &'a MachineIds,
) -> Option<(&'static str, &'a str, &'a str)> {
    let seen = &host.observed.host;
    let reference = Some(&seen.external_ref).filter(|it| MachineIds::uuid(it).is_some());
    let both = [
        ("UUID", seen.ids.system.as_ref().or(reference), &ids.system),
        ("machine id", seen.ids.installation.as_ref(), &ids.installation),
        ("kernel's boot id", seen.ids.boot.as_ref(), &ids.boot),
    ];
    both.into_iter().find_map(|(what, its, own)| {
        let (its, own) = (its?, own.as_ref()?);
        (!its.eq_ignore_ascii_case(own)).then_some((what, its.as_str(), own.as_str()))
    })
}

fn decide(found: &[&Arc<HostView>], what: &str) -> Place {
    let Some(first) = found.first() else { return Place::Alone };
    // Several providers may well see one machine.
    if found.iter().all(|host| host.id == first.id || is_same_machine(host, first)) {
        return Place::Hosts(found.iter().map(|host| Arc::clone(host)).collect());
    }
    let of = |host: &&Arc<HostView>| format!("{} of {}", host.name, host.provider.1);
    let all: Vec<_> = found.iter().map(of).collect();
    Place::Unclear(format!(
        "more than one host {what}: {}; set its `host` to the id of the right one",
        all.join(", ")
    ))
}

/// Whether two providers tell of one machine: it is called the same, and something that is
/// its alone is the same.
fn is_same_machine(one: &HostView, other: &HostView) -> bool {
    let (a, b) = (&one.observed.host, &other.observed.host);
    let is_same_boot = a.ids.boot.is_some() && a.ids.boot == b.ids.boot;
    let is_same = is_same_boot || !references(one).is_disjoint(&references(other));
    is_same && is_called(one, &b.name)
}

/// Those of them that are called so.
fn called<'a>(found: &Hosts<'a>, name: &str) -> Hosts<'a> {
    found.iter().copied().filter(|host| is_called(host, name)).collect()
}

fn short(name: &str) -> String {
    name.split('.').next().unwrap_or_default().to_lowercase()
}

/// Whether a host's name is this one, where either may lack its domain.
fn is_called(host: &HostView, name: &str) -> bool {
    let its = &host.observed.host.name;
    let is_short = !its.contains('.') || !name.contains('.');
    its.eq_ignore_ascii_case(name) || (is_short && short(its) == short(name))
}
