//! What is remembered of things that are missing, and what leaves: the part of
//! the fleet's knowledge that [`absence`](super::absence) decides about.
//!
//! A thing that a VM of ours is or is on is never forgotten, nor one that an
//! operation works on (I17), nor anything while its provider does not answer or
//! could not show all of it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::id::ProviderId;
use hostler_store::{Absence, Forgetting, NewEvent, ResourceKey};
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use super::absence::{Missing, Rule};
use super::identity::Known;
use super::{Fleet, Kind, Reach, Seen, State};

/// How many things of one provider are forgotten at once. The longest missing
/// go first; the others follow.
const FORGET_AT_ONCE: usize = 256;

/// What kinds of things there are to forget.
const KINDS: [Kind; 4] = [Kind::Vm, Kind::Host, Kind::Pool, Kind::Network];

/// A thing that has been forgotten here and is about to be in the store.
pub(crate) struct Leaving {
    key: ResourceKey,
    known: Known,
    missing: Missing,
}

impl Leaving {
    /// What the store is asked, and what the world is told.
    pub(crate) fn told(&self, now: Timestamp) -> Forgetting {
        let kind = self.key.kind.as_str();
        let name = self.missing.name.as_deref().unwrap_or(&self.key.external_ref);
        let absence = self.missing.absence;
        let event = NewEvent {
            at: now,
            kind: format!("{kind}.forgotten"),
            resource_kind: Some(kind.to_owned()),
            resource_id: Some(self.known.id.to_string()),
            resource_name: Some(name.to_owned()),
            message: format!(
                "{kind} {name} was forgotten: {} complete inventories in a row did not show it",
                absence.inventories
            ),
            data: json!({
                "external_ref": self.key.external_ref,
                "provider": self.key.provider,
                "inventories": absence.inventories,
                "missing_seconds": absence.vouched.as_secs(),
            }),
        };
        Forgetting { key: self.key.clone(), event }
    }
}

impl Seen {
    fn shows(&self, kind: Kind, external_ref: &str) -> bool {
        match kind {
            Kind::Vm => self.vms.contains_key(external_ref),
            Kind::Host => self.hosts.contains_key(external_ref),
            Kind::Pool => self.pools.contains_key(external_ref),
            Kind::Network => self.networks.contains_key(external_ref),
        }
    }

    fn name_of(&self, kind: Kind, external_ref: &str) -> Option<String> {
        match kind {
            Kind::Vm => match self.vms.get(external_ref) {
                Some(vm) => Some(vm.name.clone()),
                None => self.name_of_gone(external_ref),
            },
            Kind::Host => self.hosts.get(external_ref).map(|host| host.host.name.clone()),
            Kind::Pool => self.pools.get(external_ref).map(|pool| pool.name.clone()),
            Kind::Network => self.networks.get(external_ref).map(|network| network.name.clone()),
        }
    }
}

impl State {
    /// Counts what the inventory that was just taken did not show, if it is one
    /// that can tell.
    pub(super) fn note_absent(
        &mut self,
        provider: ProviderId,
        before: Option<&Seen>,
        now: Instant,
        vouch_max: Duration,
    ) {
        let Some(entry) = self.providers.get_mut(&provider) else { return };
        let Some(seen) = &entry.seen else { return };
        if !seen.is_complete() {
            entry.witness.interrupted();
            if let Some(absences) = self.absences.get_mut(&provider) {
                absences.shown(|kind, name| seen.shows(kind, name));
            }
            return;
        }
        let time = entry.witness.complete(now, vouch_max);
        let Some(names) = self.identities.get(&provider) else { return };
        let mut absent = BTreeSet::new();
        for kind in KINDS {
            let missing = names.of(kind).keys().filter(|name| !seen.shows(kind, name));
            absent.extend(missing.map(|name| (kind, name.clone())));
        }
        let absences = self.absences.entry(provider).or_default();
        absences.witness(absent, time, |kind, name| before?.name_of(kind, name));
    }

    /// The things that VMs of ours are or are on, and that operations work on.
    fn needed(&self, provider: ProviderId) -> (HashSet<Uuid>, HashSet<&str>) {
        let mut ids: HashSet<Uuid> =
            self.claims.keys().filter_map(|resource| resource.id().parse().ok()).collect();
        let mut refs = HashSet::new();
        for row in self.rows.values() {
            ids.insert(row.id.as_uuid());
            ids.extend(row.host.map(|host| host.as_uuid()));
            if row.provider == Some(provider) {
                refs.extend(row.external_ref.as_deref());
            }
        }
        (ids, refs)
    }

    fn forgettable(&self, provider: ProviderId, rule: Rule) -> Vec<(Kind, String)> {
        let sure = self.providers.get(&provider).is_some_and(|entry| {
            let complete = entry.seen.as_ref().is_some_and(Seen::is_complete);
            entry.reach == Reach::Answering && complete
        });
        let Some(absences) = self.absences.get(&provider).filter(|_| sure) else {
            return Vec::new();
        };
        let (ids, refs) = self.needed(provider);
        let is_needed = |kind: Kind, name: &str| {
            let known = self.known(kind, provider, name);
            known.is_some_and(|known| ids.contains(&known.id))
                || (kind == Kind::Vm && refs.contains(name))
        };
        let old = absences.forgettable(rule).into_iter();
        let free = old.filter(|(kind, name, _)| !is_needed(*kind, name));
        free.map(|(kind, name, _)| (kind, name.to_owned())).take(FORGET_AT_ONCE).collect()
    }
}

impl Fleet {
    /// The providers there are.
    pub(crate) fn provider_ids(&self) -> Vec<ProviderId> {
        self.read().providers.keys().copied().collect()
    }

    /// What the store has to be told of what is missing at a provider.
    pub(crate) fn unstored_absences(&self, provider: ProviderId) -> Vec<(Kind, String, Absence)> {
        self.read().absences.get(&provider).map(super::Absences::unstored).unwrap_or_default()
    }

    /// The store was told.
    pub(crate) fn absences_stored(&self, provider: ProviderId, told: Vec<(Kind, String, Absence)>) {
        if let Some(absences) = self.write().absences.get_mut(&provider) {
            absences.stored(told);
        }
    }

    /// Forgets what this rule forgets at a provider. From now on it would be new.
    pub(crate) fn leave(&self, provider: ProviderId, rule: Rule) -> Vec<Leaving> {
        let mut state = self.write();
        let old = state.forgettable(provider, rule);
        let missing: BTreeMap<_, _> = match state.absences.get(&provider) {
            Some(absences) => absences
                .forgettable(rule)
                .into_iter()
                .map(|(kind, name, missing)| ((kind, name.to_owned()), missing.clone()))
                .collect(),
            None => return Vec::new(),
        };
        let Some(names) = state.identities.get_mut(&provider) else { return Vec::new() };
        let leaving = old.into_iter().filter_map(|(kind, external_ref)| {
            let known = names.of_mut(kind).remove(&external_ref)?;
            let missing = missing.get(&(kind, external_ref.clone()))?.clone();
            Some(Leaving { key: ResourceKey { kind, provider, external_ref }, known, missing })
        });
        leaving.collect()
    }

    /// The store has forgotten `gone` of them; the others stay known.
    pub(crate) fn left(&self, leaving: Vec<Leaving>, gone: &[ResourceKey]) {
        let mut state = self.write();
        for Leaving { key, known, .. } in leaving {
            if gone.contains(&key) {
                if let Some(absences) = state.absences.get_mut(&key.provider) {
                    absences.forget(key.kind, &key.external_ref);
                }
            } else if let Some(names) = state.identities.get_mut(&key.provider) {
                names.of_mut(key.kind).entry(key.external_ref).or_insert(known);
            }
        }
    }
}
