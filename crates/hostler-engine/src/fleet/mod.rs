//! Everything that is known now, in memory: what providers were seen to hold,
//! what the store says is ours, and which operation works on what.
//!
//! ```text
//!  inventory, observe ──► State ◄── operations (rows, claims)
//!                           │ Changes
//!                           ▼
//!                        Picture ──► Snapshot   brought up to date when somebody looks,
//!                                               shared until the next change
//! ```
//!
//! Observed state lives only here and never in the store: after a restart it is
//! unknown until it has been seen again.

pub(crate) mod absence;
mod diff;
pub(crate) mod freshness;
mod groups;
mod identity;
mod memory;
mod picture;
mod seen;
mod shelf;
pub(crate) mod snapshot;
mod users;
pub(crate) mod views;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::id::{OperationId, ProviderId, VmId};
use hostler_core::operation::Resource;
use hostler_core::vm::ObservedVm;
use hostler_provider::{Provider, Stale};
use hostler_store::{NewEvent, ProviderRow, ResourceRow, VmRow};
use tokio::time::Instant;
use uuid::Uuid;

use absence::{Absences, Witness};
pub(crate) use identity::{Identity, Kind};
use identity::{Known, Names};
use picture::{Changes, Picture};
pub(crate) use seen::Seen;
use snapshot::Snapshot;

/// What is known of one provider.
pub(crate) struct Entry {
    pub(crate) row: ProviderRow,
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) reach: Reach,
    pub(crate) seen: Option<Seen>,
    witness: Witness,
}

impl Entry {
    /// A provider that has not answered yet.
    pub(crate) fn new(row: ProviderRow, provider: Arc<dyn Provider>) -> Self {
        Self { row, provider, reach: Reach::Connecting, seen: None, witness: Witness::default() }
    }
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

/// What the things of one provider are called for good.
pub(crate) struct KnownRefs {
    pub(crate) vms: HashSet<String>,
    pub(crate) hosts: HashSet<String>,
}

/// Everything that is known now.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) providers: BTreeMap<ProviderId, Entry>,
    pub(crate) rows: HashMap<VmId, Arc<VmRow>>,
    pub(crate) claims: HashMap<Resource, OperationId>,
    identities: HashMap<ProviderId, Names>,
    absences: HashMap<ProviderId, Absences>,
    /// What changed since the picture was brought up to date. Behind a lock of
    /// its own, so that whoever looks can take it without keeping others from
    /// looking.
    changes: Mutex<Changes>,
}

impl State {
    /// Notes what changed.
    fn changed(&mut self, note: impl FnOnce(&mut Changes)) {
        note(self.changes.get_mut().unwrap_or_else(PoisonError::into_inner));
    }
}

/// The shared, changing knowledge.
#[derive(Default)]
pub(crate) struct Fleet {
    state: RwLock<State>,
    picture: Mutex<Picture>,
}

impl Fleet {
    /// Reads; keep it short, and never across an await.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, State> {
        // A panic while the lock was held cannot leave half a change: every
        // change replaces whole values. So a poisoned lock is still good.
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes; everybody who looks afterwards sees what is noted as changed.
    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The present picture, ready for lists.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        let mut picture = match self.picture.lock() {
            Ok(picture) => picture,
            // A panic in the middle of bringing it up to date: begin it anew.
            Err(poisoned) => {
                self.picture.clear_poison();
                let mut picture = poisoned.into_inner();
                *picture = Picture::default();
                self.write().changed(|changes| changes.everything = true);
                picture
            }
        };
        let state = self.read();
        let changes =
            std::mem::take(&mut *state.changes.lock().unwrap_or_else(PoisonError::into_inner));
        picture.after(&state, changes)
    }

    /// The provider, while it is configured.
    pub(crate) fn provider(&self, id: ProviderId) -> Option<Arc<dyn Provider>> {
        self.read().providers.get(&id).map(|entry| entry.provider.clone())
    }

    /// Why a provider knows only an older picture of itself, if so.
    pub(crate) fn behind(&self, id: ProviderId) -> Option<Stale> {
        let state = self.read();
        let entry = state.providers.get(&id).filter(|entry| entry.reach == Reach::Answering)?;
        entry.seen.as_ref()?.stale.clone()
    }

    /// What a provider is called, while it is configured.
    pub(crate) fn provider_name(&self, id: ProviderId) -> Option<String> {
        self.read().providers.get(&id).map(|entry| entry.row.name.clone())
    }

    /// Whether this is the connection to a provider at present.
    pub(crate) fn is_connected_by(&self, id: ProviderId, provider: &Arc<dyn Provider>) -> bool {
        let state = self.read();
        state.providers.get(&id).is_some_and(|entry| Arc::ptr_eq(&entry.provider, provider))
    }

    /// What hosts and VMs of a provider are called for good, as far as they were ever seen or
    /// made, also before the server started.
    pub(crate) fn known_refs(&self, id: ProviderId) -> KnownRefs {
        let state = self.read();
        let of = |kind| {
            let names = state.identities.get(&id).into_iter();
            names.flat_map(move |names| names.of(kind).keys().cloned())
        };
        let ours = state.rows.values().filter(|row| row.provider == Some(id));
        let ours = ours.filter_map(|row| row.external_ref.clone());
        KnownRefs { vms: of(Kind::Vm).chain(ours).collect(), hosts: of(Kind::Host).collect() }
    }

    /// Reaches a provider by another connection from now on; all that is known stays.
    pub(crate) fn reconnect(&self, id: ProviderId, uri: &str, provider: Arc<dyn Provider>) {
        let mut state = self.write();
        let Some(entry) = state.providers.get_mut(&id) else { return };
        uri.clone_into(&mut entry.row.uri);
        entry.provider = provider;
        entry.witness.interrupted();
        state.changed(|changes| {
            changes.providers.insert(id);
        });
    }

    /// Takes over what the store says of all VMs.
    pub(crate) fn load(&self, rows: Vec<VmRow>, claims: HashMap<Resource, OperationId>) {
        let mut state = self.write();
        state.rows = rows.into_iter().map(|row| (row.id, Arc::new(row))).collect();
        state.claims = claims;
        state.changed(|changes| changes.everything = true);
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
        state.changed(|changes| {
            changes.vms.insert(vm);
        });
    }

    /// Adds a provider, with what is known of its things from earlier.
    pub(crate) fn attach(&self, entry: Entry, known: Vec<ResourceRow>) {
        let (id, mut names, mut absences) = (entry.row.id, Names::default(), Absences::default());
        for resource in known {
            let key = resource.key;
            absences.load(key.kind, &key.external_ref, resource.absence);
            let known = Known { id: resource.id, first_seen_at: resource.first_seen_at };
            names.of_mut(key.kind).insert(key.external_ref, known);
        }
        let mut state = self.write();
        state.identities.insert(id, names);
        state.absences.insert(id, absences);
        state.providers.insert(id, entry);
        state.changed(|changes| {
            changes.providers.insert(id);
        });
    }

    /// Removes a provider.
    pub(crate) fn detach(&self, id: ProviderId) {
        let mut state = self.write();
        state.providers.remove(&id);
        state.identities.remove(&id);
        state.absences.remove(&id);
        state.changed(|changes| {
            changes.providers.insert(id);
        });
    }

    /// The VMs that an operation has claimed, in this picture.
    pub(crate) fn claimed_by(&self, operation: OperationId) -> Vec<VmId> {
        let state = self.read();
        let claimed = state.claims.iter().filter(|(_, holder)| **holder == operation);
        claimed.filter_map(|(resource, _)| crate::vm_among(resource)).collect()
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
            let Identity { kind, provider, external_ref } = identity.clone();
            let known = Known { id: *id, first_seen_at: *first_seen_at };
            let names = state.identities.entry(provider).or_default();
            names.of_mut(kind).entry(external_ref.clone()).or_insert(known);
            state.changed(|changes| match kind {
                Kind::Vm => drop(changes.sights.insert((provider, external_ref))),
                // VMs are told with their hosts' names.
                Kind::Host | Kind::Pool | Kind::Network => {
                    changes.providers.insert(provider);
                }
            });
        }
    }

    /// Replaces what was seen of a provider; tells what changed. If the
    /// inventory is complete it vouches for `vouch_max` at most of the time since
    /// the one before.
    pub(crate) fn apply(
        &self,
        provider: ProviderId,
        mut seen: Seen,
        vouch_max: Duration,
    ) -> Vec<NewEvent> {
        let now = Instant::now();
        let mut state = self.write();
        let Some(entry) = state.providers.get_mut(&provider) else { return Vec::new() };
        if let Some(before) = &entry.seen {
            seen.keep_unreachable(before);
            seen.keep_newer(before);
        }
        let mut events = Vec::new();
        let was_behind = entry.seen.as_ref().map(|known| known.stale.is_some());
        let told = (entry.reach == Reach::Answering).then_some(was_behind).flatten();
        if told != Some(seen.stale.is_some()) {
            events.push(diff::provider_answers(&entry.row, &seen));
        }
        entry.reach = Reach::Answering;
        if let (Some(known), Some(_)) = (&mut entry.seen, &seen.stale) {
            // What is known is at least as new as the picture of a provider that is behind, and
            // single looks may have shown more since (E10).
            known.stale = seen.stale;
            entry.witness.interrupted();
            state.changed(|changes| {
                changes.providers.insert(provider);
            });
            return events;
        }
        let before = entry.seen.replace(seen);
        state.note_absent(provider, before.as_ref(), now, vouch_max);
        state.changed(|changes| {
            changes.providers.insert(provider);
        });
        if let (Some(before), Some(entry)) = (before, state.providers.get(&provider))
            && let Some(after) = &entry.seen
        {
            events.extend(diff::vms(&state, provider, &before, after));
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
        entry.witness.interrupted();
        let since = match &entry.reach {
            Reach::Silent { since, .. } => *since,
            Reach::Connecting | Reach::Answering => now,
        };
        let first = !matches!(entry.reach, Reach::Silent { .. });
        let reach = Reach::Silent { since, reason: reason.to_owned() };
        let told = first.then(|| diff::provider_silent(&entry.row, reason, now));
        if entry.reach != reach {
            entry.reach = reach;
            state.changed(|changes| {
                changes.providers.insert(provider);
            });
        }
        told
    }

    /// Takes a single look at a VM into account, unless something newer is known;
    /// tells what changed.
    pub(crate) fn apply_vm(
        &self,
        provider: ProviderId,
        external_ref: &str,
        vm: Option<ObservedVm>,
        began: Instant,
    ) -> Vec<NewEvent> {
        let mut state = self.write();
        let Some(seen) = state.providers.get_mut(&provider).and_then(|e| e.seen.as_mut()) else {
            return Vec::new(); // before the first inventory there is nothing to update
        };
        if !seen.is_news(external_ref, began) {
            return Vec::new();
        }
        let is_there = vm.is_some();
        let before = seen.look(external_ref, vm, began);
        if let Some(absences) = state.absences.get_mut(&provider).filter(|_| is_there) {
            absences.seen(Kind::Vm, external_ref);
        }
        state.changed(|changes| {
            changes.sights.insert((provider, external_ref.to_owned()));
        });
        let after = state
            .providers
            .get(&provider)
            .and_then(|entry| entry.seen.as_ref())
            .and_then(|seen| seen.vms.get(external_ref));
        diff::vm(&state, provider, before.as_ref(), after).into_iter().collect()
    }
}

#[cfg(test)]
mod tests;
