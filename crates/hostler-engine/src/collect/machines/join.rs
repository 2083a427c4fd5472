//! Which machine that is measured from within is on which host of the fleet.
//!
//! ```text
//!  this server's own: the hosts of providers that it reaches on its own machine
//!  told by whoever configured it ─► what its hypervisor calls it ─► firmware's or
//!  installation's UUID ─► the kernel's, with the name ─► name
//!                                     (the first that finds any host decides)
//!
//!  hosts found   none ─► alone: told under its own name
//!                one, or one machine seen by several providers ─► that host
//!                several, or a UUID that contradicts the name ─► unclear: not told
//!
//!  machines at one host   one ─► it speaks for the host
//!                         several ─► this server itself, else the one that is
//!                                    configured for it, else none of them
//! ```
//!
//! A guess would put one machine's figures under another's name, and nobody would
//! notice; what is not told, with the reason, is noticed.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use hostler_core::id::HostId;
use tokio::time::Instant;

use super::index::Index;
use super::{MachineKey, Watched};
use crate::HostView;
use crate::fleet::snapshot::Snapshot;

/// Where a machine belongs.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// Nobody knows: it was never heard.
    Unheard,
    /// It is no host of the fleet.
    Alone,
    /// It is this host, as one or several providers see it; figures of the machine are
    /// the first one's.
    Hosts(Vec<Arc<HostView>>),
    /// It cannot be told, for this reason.
    Unclear(String),
    /// It is a host for which another speaks, in these words.
    Taken(String),
}

/// All of them, at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Joined {
    /// In the order in which they were set.
    pub(crate) places: BTreeMap<MachineKey, (Arc<str>, Place)>,
    /// Who speaks for each host; of those of one machine, the first bears its figures.
    by_host: HashMap<HostId, MachineKey>,
    /// How machines are told as who measured.
    own: Option<MachineKey>,
    names: HashMap<MachineKey, Arc<str>>,
}

impl Joined {
    /// The machine that is measured from within and is this host.
    pub(crate) fn at(&self, host: HostId) -> Option<MachineKey> {
        self.by_host.get(&host).copied()
    }

    /// The same, where its figures are told as this host's and not as those of another
    /// provider's view of it.
    pub(crate) fn bearer(&self, host: HostId) -> Option<MachineKey> {
        let key = self.at(host)?;
        let (_, Place::Hosts(hosts)) = self.places.get(&key)? else { return None };
        hosts.first().filter(|first| first.id == host).map(|_| key)
    }

    /// Whether it is this server's own.
    pub(crate) fn is_own(&self, key: MachineKey) -> bool {
        self.own == Some(key)
    }

    /// What it is called where it is configured.
    pub(crate) fn name(&self, key: MachineKey) -> Arc<str> {
        self.names.get(&key).cloned().unwrap_or_default()
    }

    /// The one that is configured by this name.
    pub(crate) fn named(&self, name: &str) -> Option<MachineKey> {
        self.names.iter().find(|(_, its)| &***its == name).map(|(key, _)| *key)
    }

    /// What the machine is called, in the fleet if it is known there.
    pub(crate) fn host_name(&self, key: MachineKey) -> Option<Arc<str>> {
        match self.places.get(&key)? {
            (_, Place::Unheard) => None,
            (_, Place::Hosts(hosts)) => hosts.first().map(|host| host.name.as_str().into()),
            (own, _) => Some(own.clone()),
        }
    }
}

/// How much a machine's claim to a host counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Found,
    Configured,
    Own,
}

pub(super) fn joined(
    machines: &BTreeMap<MachineKey, Watched>,
    snapshot: &Snapshot,
    now: Instant,
) -> Joined {
    if machines.is_empty() {
        return Joined::default();
    }
    let index = Index::of(snapshot);
    let mut places: BTreeMap<MachineKey, (Arc<str>, Place)> = machines
        .iter()
        .map(|(key, watched)| {
            let name = watched.identity.as_ref().map_or("", |heard| &heard.machine.name);
            let here = index.here(watched, snapshot);
            (*key, (name.into(), here.unwrap_or_else(|| index.place(watched))))
        })
        .collect();
    let mut claims: HashMap<HostId, Vec<MachineKey>> = HashMap::new();
    for (key, (_, place)) in &places {
        let Place::Hosts(hosts) = place else { continue };
        for host in hosts {
            claims.entry(host.id).or_default().push(*key);
        }
    }
    let mut by_host = HashMap::new();
    for (host, claimants) in claims {
        match judge(machines, &claimants, now) {
            Ok((winner, losers)) => {
                by_host.insert(host, winner);
                let by = name_of(machines, winner);
                for loser in losers {
                    let why = format!("{by} speaks for the same host");
                    places.entry(loser).and_modify(|(_, place)| *place = Place::Taken(why));
                }
            }
            Err(all) => {
                for key in &all {
                    let others = all.iter().filter(|other| *other != key);
                    let others: Vec<_> = others.map(|it| name_of(machines, *it)).collect();
                    let others = others.join(", ");
                    let why = format!(
                        "{others} says that it is the same host, and one machine cannot be told \
                         from the other; set `host` of the one that is right"
                    );
                    places.entry(*key).and_modify(|(_, place)| *place = Place::Taken(why));
                }
            }
        }
    }
    let own = machines.iter().find(|(_, it)| it.is_own).map(|(key, _)| *key);
    let names = machines.iter().map(|(key, it)| (*key, it.settings.name.as_str().into())).collect();
    // One that lost any host of its machine speaks for none of them.
    by_host.retain(|_, key| matches!(places.get(key), Some((_, Place::Hosts(_)))));
    Joined { places, by_host, own, names }
}

fn name_of(machines: &BTreeMap<MachineKey, Watched>, key: MachineKey) -> String {
    let watched = machines.get(&key);
    watched.map_or_else(String::new, |watched| match watched.is_own {
        true => "the server itself".to_owned(),
        false => format!("the agent {}", watched.settings.name),
    })
}

/// Who of these speaks for the host, and who does not; an error where nobody can say. Those
/// that are not heard do not count beside those that are.
fn judge(
    machines: &BTreeMap<MachineKey, Watched>,
    claimants: &[MachineKey],
    now: Instant,
) -> Result<(MachineKey, Vec<MachineKey>), Vec<MachineKey>> {
    let weight = |key: &MachineKey| {
        let watched = machines.get(key);
        let rank = watched.map(|watched| match (watched.is_own, &watched.settings.host) {
            (true, _) => Rank::Own,
            (false, Some(_)) => Rank::Configured,
            (false, None) => Rank::Found,
        });
        (watched.is_some_and(|watched| watched.is_live(now)), rank)
    };
    let best = claimants.iter().map(weight).max();
    let (winners, losers): (Vec<_>, Vec<_>) =
        claimants.iter().copied().partition(|key| Some(weight(key)) == best);
    match winners[..] {
        [winner] => Ok((winner, losers)),
        _ => Err(claimants.to_vec()),
    }
}

#[cfg(test)]
#[path = "join_tests.rs"]
mod tests;
