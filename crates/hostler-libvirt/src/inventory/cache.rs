//! What the VMs' configurations said when they were last read, so that an
//! inventory of a thousand VMs reads only those that changed.
//!
//! An entry is believed until an event touches it, the domain starts or stops
//! (its number changes), or it gets old. No event is trusted to come, so age
//! alone is enough to be read again.
//!
//! Whoever only measures needs little of a configuration: its [`Gist`]. The whole is
//! kept from the first inventory on, so that an agent, which takes none, stays small.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_libvirt_rpc::{Domain as Reference, Uuid};
use tokio::time::Instant;

use crate::xml::domain::read::Domain;

/// A configuration and when it was read.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// What it said.
    pub(crate) domain: Arc<Domain>,
    /// When it was read.
    pub(crate) at: Timestamp,
}

impl Known {
    /// Whether the domain of that UUID is ours: it is the VM whose mark it bears.
    pub(crate) fn is_of(&self, uuid: Uuid) -> bool {
        self.domain.tag.as_ref().is_some_and(|tag| *tag.vm.as_uuid().as_bytes() == uuid.0)
    }
}

/// What of a configuration is needed to measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gist {
    /// `kvm`, `qemu`, `lxc`, `test` …
    pub(crate) kind: Option<Arc<str>>,
    /// Whether it hands QEMU an accelerator past its type (X4).
    pub(crate) has_own_accelerator: bool,
    /// Whether its guest agent is connected; `None` when it has no channel or is off.
    pub(crate) agent_connected: Option<bool>,
    /// Whether it is the VM whose mark it bears.
    pub(crate) is_ours: bool,
}

impl Gist {
    /// Of the domain of that UUID.
    pub(crate) fn of(known: &Known, uuid: Uuid) -> Self {
        Self {
            kind: known.domain.kind.as_deref().map(Arc::from),
            has_own_accelerator: known.domain.has_own_accelerator,
            agent_connected: known.domain.agent_connected,
            is_ours: known.is_of(uuid),
        }
    }
}

struct Entry {
    gist: Gist,
    /// `None` where nobody takes inventories.
    known: Option<Known>,
    /// The domain's number when it was read; -1 while it is off.
    id: i32,
    name: String,
    read: Instant,
    /// The time on the cache's own clock when reading began.
    ticket: u64,
}

#[derive(Default)]
struct State {
    entries: HashMap<Uuid, Entry>,
    /// When each domain was last touched.
    touched: HashMap<Uuid, u64>,
    /// Ticks at each ticket and touch, so that of two one is always the earlier.
    clock: u64,
    /// When all was forgotten.
    cleared: u64,
}

impl State {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }
}

/// The configurations of a host's VMs.
pub(crate) struct Cache {
    recheck: Duration,
    /// Whether anybody takes inventories.
    keeps_all: AtomicBool,
    state: Mutex<State>,
}

/// Taken before reading, given back with the result: what is touched in
/// between does not count as read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticket(u64);

impl Cache {
    pub(crate) fn new(recheck: Duration) -> Self {
        Self { recheck, keeps_all: AtomicBool::new(false), state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on the whole of each configuration is kept: inventories are taken.
    pub(crate) fn keep_all(&self) {
        self.keeps_all.store(true, Ordering::Relaxed);
    }

    /// What is known in whole and still believed.
    pub(crate) fn fresh(&self, domain: &Reference) -> Option<Known> {
        let state = self.lock();
        let entry = state.entries.get(&domain.uuid)?;
        let touched = state.touched.get(&domain.uuid).is_some_and(|at| *at > entry.ticket);
        let same = entry.id == domain.id && entry.name == domain.name;
        let young = entry.read.elapsed() < self.patience(domain.uuid);
        (same && young && !touched).then(|| entry.known.clone())?
    }

    /// What is known and holds as long as events can be trusted, however old it is:
    /// good enough for what is only measured.
    pub(crate) fn settled(&self, domain: &Reference) -> Option<Gist> {
        let state = self.lock();
        let entry = state.entries.get(&domain.uuid)?;
        let touched = state.touched.get(&domain.uuid).is_some_and(|at| *at > entry.ticket);
        let same = entry.id == domain.id && entry.name == domain.name;
        (same && !touched).then(|| entry.gist.clone())
    }

    /// What was last known, believed or not.
    pub(crate) fn last(&self, uuid: Uuid) -> Option<Known> {
        self.lock().entries.get(&uuid).and_then(|entry| entry.known.clone())
    }

    /// Spread by identity, or all VMs would be read again at the same time.
    fn patience(&self, uuid: Uuid) -> Duration {
        let last = uuid.0.last().copied().unwrap_or_default();
        self.recheck.mul_f64(0.5 + f64::from(last) / 512.0)
    }

    /// To be taken before reading.
    pub(crate) fn ticket(&self) -> Ticket {
        Ticket(self.lock().tick())
    }

    /// Keeps what was read.
    pub(crate) fn put(&self, ticket: Ticket, domain: &Reference, known: Known) {
        let mut state = self.lock();
        if state.cleared > ticket.0 {
            return; // read over a connection that is gone
        }
        let entry = Entry {
            gist: Gist::of(&known, domain.uuid),
            known: self.keeps_all.load(Ordering::Relaxed).then_some(known),
            id: domain.id,
            name: domain.name.clone(),
            read: Instant::now(),
            ticket: ticket.0,
        };
        state.entries.insert(domain.uuid, entry);
    }

    /// Something happened to that domain.
    pub(crate) fn touch(&self, uuid: Uuid) {
        let mut state = self.lock();
        let now = state.tick();
        state.touched.insert(uuid, now);
    }

    /// Nothing is believed any more.
    pub(crate) fn clear(&self) {
        let mut state = self.lock();
        state.cleared = state.tick();
        state.entries.clear();
        state.touched.clear();
    }

    /// The same as [`Self::retain`] where nobody takes inventories, which would do it
    /// by better lists.
    pub(crate) fn retain_measured(&self, before: Ticket, present: &HashSet<Uuid>) {
        if !self.keeps_all.load(Ordering::Relaxed) {
            self.retain(before, present);
        }
    }

    /// Forgets domains that are not in a list which was asked for after `before`
    /// was taken. The list says nothing of what was made since: what was read or
    /// touched later stays, or a configuration that changed while it was read
    /// would be believed.
    pub(crate) fn retain(&self, before: Ticket, present: &HashSet<Uuid>) {
        let mut state = self.lock();
        state.entries.retain(|uuid, entry| present.contains(uuid) || entry.ticket > before.0);
        state.touched.retain(|uuid, at| present.contains(uuid) || *at > before.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(id: i32) -> Reference {
        Reference { name: "a".into(), id, ..Reference::by_uuid(Uuid([0; 16])) }
    }

    fn known() -> Known {
        let domain = Domain::read("<domain><name>a</name></domain>").unwrap();
        Known { domain: Arc::new(domain), at: Timestamp::from_millis(1) }
    }

    fn filled() -> Cache {
        let cache = Cache::new(Duration::from_secs(60));
        cache.keep_all();
        cache.put(cache.ticket(), &domain(1), known());
        cache
    }

    #[tokio::test(start_paused = true)]
    async fn x6_without_inventories_only_what_measuring_needs_is_kept() {
        let cache = Cache::new(Duration::from_secs(60));
        cache.put(cache.ticket(), &domain(1), known());
        assert!(cache.settled(&domain(1)).is_some());
        assert!(cache.last(domain(1).uuid).is_none());
        let before = cache.ticket();
        cache.retain_measured(before, &HashSet::from([domain(1).uuid]));
        assert!(cache.settled(&domain(1)).is_some());
        cache.retain_measured(before, &HashSet::new());
        assert!(cache.settled(&domain(1)).is_none(), "what is gone takes no room");
        // An inventory reads it again, once.
        cache.keep_all();
        assert!(cache.fresh(&domain(1)).is_none());
        cache.put(cache.ticket(), &domain(1), known());
        cache.retain_measured(cache.ticket(), &HashSet::new());
        assert!(cache.fresh(&domain(1)).is_some() && cache.last(domain(1).uuid).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn an_entry_is_believed_until_touched_restarted_renamed_or_old() {
        assert!(filled().fresh(&domain(1)).is_some());
        assert!(filled().fresh(&domain(-1)).is_none(), "it was stopped");
        let renamed = Reference { name: "b".into(), ..domain(1) };
        assert!(filled().fresh(&renamed).is_none());
        let cache = filled();
        cache.touch(domain(1).uuid);
        assert!(cache.fresh(&domain(1)).is_none());
        assert!(cache.last(domain(1).uuid).is_some(), "still good enough to be told as stale");
        let cache = filled();
        tokio::time::advance(Duration::from_secs(61)).await;
        assert!(cache.fresh(&domain(1)).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn b8_b11_an_entry_is_settled_until_touched_restarted_or_renamed_and_however_old() {
        let cache = filled();
        tokio::time::advance(Duration::from_secs(6000)).await;
        assert!(cache.settled(&domain(1)).is_some());
        assert!(cache.settled(&domain(-1)).is_none(), "it was stopped");
        let renamed = Reference { name: "b".into(), ..domain(1) };
        assert!(cache.settled(&renamed).is_none());
        cache.touch(domain(1).uuid);
        assert!(cache.settled(&domain(1)).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_touched_while_it_is_read_is_read_again() {
        let cache = filled();
        let ticket = cache.ticket();
        cache.touch(domain(1).uuid);
        cache.put(ticket, &domain(1), known());
        assert!(cache.fresh(&domain(1)).is_none());
        cache.put(cache.ticket(), &domain(1), known());
        assert!(cache.fresh(&domain(1)).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_read_over_a_lost_connection_is_not_kept() {
        let cache = filled();
        let ticket = cache.ticket();
        cache.clear();
        cache.put(ticket, &domain(1), known());
        assert!(cache.last(domain(1).uuid).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn domains_that_are_gone_are_forgotten() {
        let cache = filled();
        let before = cache.ticket();
        cache.retain(before, &HashSet::from([domain(1).uuid]));
        assert!(cache.last(domain(1).uuid).is_some());
        cache.retain(before, &HashSet::new());
        assert!(cache.last(domain(1).uuid).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn x17_a_list_from_before_a_domain_was_made_forgets_nothing_of_it() {
        let cache = Cache::new(Duration::from_secs(60));
        cache.keep_all();
        let before = cache.ticket();
        // Listed without it; then it is made, looked at, and changed meanwhile.
        let reading = cache.ticket();
        cache.touch(domain(1).uuid);
        cache.retain(before, &HashSet::new());
        cache.put(reading, &domain(1), known());
        assert!(cache.fresh(&domain(1)).is_none(), "it changed since");
        cache.retain(before, &HashSet::new());
        assert!(cache.last(domain(1).uuid).is_some(), "it was read since");
    }
}
