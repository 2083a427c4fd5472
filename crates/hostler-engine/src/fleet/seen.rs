//! What was seen of one provider: its latest inventory, kept up to date by
//! single looks at VMs.
//!
//! ```text
//!   the inventory         ├──────────────┤      read each VM at some moment in between
//!   an older look    ├──────────┤               the inventory knows at least as much
//!   a newer look               ├──┤ or ├──┤     knows what changed since it was begun
//! ```
//!
//! Of two looks at a thing the one that was begun later counts, whichever ended
//! first (I7): whatever it missed changed after it was begun, and that change
//! causes a look of its own. When a look was begun timers say and not the clock,
//! which may be put back (F19, I14).

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::network::ObservedNetwork;
use hostler_core::storage::ObservedPool;
use hostler_core::vm::ObservedVm;
use hostler_provider::{HostInventory, Inventory, Probe, Stale};
use tokio::time::Instant;

/// The latest inventory of a provider, kept up to date by single looks.
pub(crate) struct Seen {
    /// When the inventory was there.
    pub(crate) at: Timestamp,
    /// When the oldest part of what is shown was seen, or earlier: it may have been
    /// looked at once more since.
    pub(crate) oldest_at: Timestamp,
    /// When it was begun.
    began: Instant,
    pub(crate) took: Duration,
    /// Single looks that were begun after it.
    looks: BTreeMap<String, Look>,
    /// Hosts that it could not show, and when the inventory that did was begun.
    carried: BTreeMap<String, Instant>,
    pub(crate) probe: Probe,
    pub(crate) hosts: BTreeMap<String, Arc<HostInventory>>,
    pub(crate) vms: BTreeMap<String, Arc<ObservedVm>>,
    pub(crate) pools: BTreeMap<String, Arc<ObservedPool>>,
    pub(crate) networks: BTreeMap<String, Arc<ObservedNetwork>>,
    pub(crate) unreachable: BTreeMap<String, String>,
    /// Since when each of them does not answer.
    unreachable_since: BTreeMap<String, Timestamp>,
    /// Why all of it is old, while its provider answers and has nothing newer (E10).
    pub(crate) stale: Option<Stale>,
}

/// A single look at a VM, which is among the others if it was found.
#[derive(Debug, Clone)]
struct Look {
    began: Instant,
    /// What the VM was called when it was last there.
    name: Option<String>,
}

impl Seen {
    /// What an inventory that was begun at `began` showed.
    pub(crate) fn new(inventory: Inventory, probe: Probe, at: Timestamp, began: Instant) -> Self {
        let vms = inventory.vms.into_iter().map(|vm| (vm.external_ref.clone(), Arc::new(vm)));
        let hosts = inventory.hosts.into_iter().map(|h| (h.host.external_ref.clone(), Arc::new(h)));
        let pools = inventory.pools.into_iter().map(|p| (p.external_ref.clone(), Arc::new(p)));
        let networks =
            inventory.networks.into_iter().map(|n| (n.external_ref.clone(), Arc::new(n)));
        let since = inventory.unreachable.iter().map(|(host, _)| (host.clone(), at));
        let mut seen = Self {
            at,
            oldest_at: at,
            began,
            took: began.elapsed(),
            looks: BTreeMap::new(),
            carried: BTreeMap::new(),
            probe,
            hosts: hosts.collect(),
            vms: vms.collect(),
            pools: pools.collect(),
            networks: networks.collect(),
            unreachable_since: since.collect(),
            unreachable: inventory.unreachable.into_iter().collect(),
            stale: inventory.stale,
        };
        seen.oldest_at = seen.seen_at().fold(at, Timestamp::min);
        seen
    }

    /// Whether it can show that something is gone.
    pub(crate) fn is_complete(&self) -> bool {
        self.unreachable.is_empty() && self.stale.is_none()
    }

    /// Since when a host does not answer, while it does not.
    pub(super) fn unreachable_since(&self, host: &str) -> Option<Timestamp> {
        self.unreachable_since.get(host).copied()
    }

    /// When each thing was seen.
    fn seen_at(&self) -> impl Iterator<Item = Timestamp> {
        let hosts = self.hosts.values().map(|host| host.host.observed_at);
        let vms = self.vms.values().map(|vm| vm.observed_at);
        let pools = self.pools.values().map(|pool| pool.observed_at);
        hosts.chain(vms).chain(pools).chain(self.networks.values().map(|net| net.observed_at))
    }

    /// When the look was begun that showed a host as it is known.
    pub(crate) fn host_look_began(&self, host: &str) -> Instant {
        self.carried.get(host).copied().unwrap_or(self.began)
    }

    /// Whether a look at a VM that was begun at `began` can tell anything new.
    pub(super) fn is_news(&self, external_ref: &str, began: Instant) -> bool {
        // What is carried over from a host that did not answer is as old as that look.
        let of_host = || {
            let host = self.vms.get(external_ref).and_then(|vm| vm.host_ref.as_deref());
            host.map_or(self.began, |host| self.host_look_began(host))
        };
        began >= self.looks.get(external_ref).map_or_else(of_host, |look| look.began)
    }

    /// Takes over what a single look found; gives what was known before.
    pub(super) fn look(
        &mut self,
        external_ref: &str,
        found: Option<ObservedVm>,
        began: Instant,
    ) -> Option<Arc<ObservedVm>> {
        let before = match found {
            Some(vm) => self.vms.insert(external_ref.to_owned(), Arc::new(vm)),
            None => self.vms.remove(external_ref),
        };
        let last = self.vms.get(external_ref).or(before.as_ref());
        let name = last.map(|vm| vm.name.clone()).or_else(|| self.name_of_gone(external_ref));
        self.looks.insert(external_ref.to_owned(), Look { began, name });
        before
    }

    /// What a VM that a single look found gone was called.
    pub(super) fn name_of_gone(&self, external_ref: &str) -> Option<String> {
        self.looks.get(external_ref)?.name.clone()
    }

    /// Keeps what single looks found that were begun after this inventory was.
    pub(super) fn keep_newer(&mut self, before: &Self) {
        for (external_ref, look) in before.looks.iter().filter(|(_, l)| l.began >= self.began) {
            match before.vms.get(external_ref) {
                Some(vm) => drop(self.vms.insert(external_ref.clone(), vm.clone())),
                None => drop(self.vms.remove(external_ref)),
            }
            self.looks.insert(external_ref.clone(), look.clone());
        }
    }

    /// Keeps what belongs to hosts that did not answer this time: it is not gone.
    pub(super) fn keep_unreachable(&mut self, before: &Self) {
        for (host, since) in &mut self.unreachable_since {
            if let Some(earlier) = before.unreachable_since.get(host) {
                *since = (*since).min(*earlier);
            }
        }
        let silent = |host: Option<&String>| host.is_some_and(|h| self.unreachable.contains_key(h));
        let vms: Vec<_> = before.vms.values().filter(|v| silent(v.host_ref.as_ref())).collect();
        let pools: Vec<_> = before.pools.values().filter(|p| silent(p.host_ref.as_ref())).collect();
        let networks: Vec<_> =
            before.networks.values().filter(|n| silent(n.host_ref.as_ref())).collect();
        let hosts: Vec<_> = before.hosts.iter().filter(|(h, _)| silent(Some(h))).collect();
        for (external_ref, host) in hosts {
            if let Entry::Vacant(place) = self.hosts.entry(external_ref.clone()) {
                place.insert(host.clone());
                self.carried.insert(external_ref.clone(), before.host_look_began(external_ref));
            }
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
        self.oldest_at = self.seen_at().fold(self.at, Timestamp::min);
    }
}
