//! The newest reading of each thing for each kind of pass.
//!
//! A pass that ended tells of all things of its provider: what it read replaces
//! what was there; what was asked and did not answer keeps what it has, which
//! grows old; what was not there any more loses it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::id::ProviderId;
use hostler_core::metrics::{Cost, Point, own, rate};
use hostler_provider::{Batch, ContainerRef, Measured};
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use super::Reading;

/// A thing, as its provider calls it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Thing {
    Vm(String),
    Host(String),
    Pool { host: Option<String>, name: String },
    Container(ContainerRef),
}

/// What is held of a thing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept {
    pub(crate) readings: BTreeMap<Cost, Arc<Reading>>,
    /// Why it did not answer the latest pass of a kind.
    pub(crate) silent: BTreeMap<Cost, Arc<str>>,
}

/// How the latest pass of a kind over a provider went.
#[derive(Debug, Clone, Default)]
pub(crate) struct PassNote {
    pub(crate) took: Duration,
    /// The time to the next one.
    pub(crate) interval: Duration,
    /// When one last succeeded.
    pub(crate) succeeded: Option<Instant>,
    /// Why the latest failed.
    pub(crate) failure: Option<String>,
    /// How many VMs did not answer the latest that succeeded.
    pub(crate) silent: usize,
}

/// What is held of a provider.
#[derive(Debug, Clone, Default)]
pub(crate) struct OfProvider {
    pub(crate) things: HashMap<Thing, Kept>,
    pub(crate) passes: BTreeMap<Cost, PassNote>,
}

/// Everything that is held.
pub(crate) struct Held {
    providers: RwLock<HashMap<ProviderId, OfProvider>>,
    /// Grows with each pass that ended.
    passes: watch::Sender<u64>,
    /// Tells of each of them.
    ended: broadcast::Sender<(ProviderId, Cost)>,
    /// How many values were none, or had labels that are not those of their metric.
    unsound: AtomicU64,
}

/// So many passes may have ended before whoever follows them has looked.
const ENDED_MAX: usize = 256;

impl Default for Held {
    fn default() -> Self {
        Self {
            providers: RwLock::default(),
            passes: watch::Sender::new(0),
            ended: broadcast::Sender::new(ENDED_MAX),
            unsound: AtomicU64::new(0),
        }
    }
}

impl Held {
    /// Reads; keep it short, and never across an await.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, HashMap<ProviderId, OfProvider>> {
        // Changes replace whole values, so a panic leaves none half done.
        self.providers.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<ProviderId, OfProvider>> {
        self.providers.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many values that were told so far were left out, since they are none.
    pub(crate) fn unsound(&self) -> u64 {
        self.unsound.load(Ordering::Relaxed)
    }

    /// How many passes have ended.
    pub(crate) fn passes(&self) -> watch::Receiver<u64> {
        self.passes.subscribe()
    }

    /// Passes that ended, from now on; of a provider that was removed each kind once more.
    pub(crate) fn ended(&self) -> broadcast::Receiver<(ProviderId, Cost)> {
        self.ended.subscribe()
    }

    /// Takes what a pass measured. The one pass of its kind over the provider that
    /// is under way, so nobody else changes the readings that it compares with.
    pub(crate) fn take(&self, provider: ProviderId, pass: Cost, batch: Batch, mut note: PassNote) {
        let arrived = Instant::now();
        let (things, unsound) = batch_things(batch);
        self.unsound.fetch_add(unsound, Ordering::Relaxed);
        let read = self.compare(provider, pass, things, arrived);
        let Compared { readings, silent } = read;
        note.succeeded = Some(arrived);
        note.silent = silent.len();
        let mut providers = self.write();
        let held = providers.entry(provider).or_default();
        let seen: HashSet<&Thing> = readings.iter().map(|(thing, _)| thing).collect();
        held.things.retain(|thing, kept| {
            if !seen.contains(thing) && !silent.contains_key(thing) {
                kept.readings.remove(&pass);
            }
            kept.silent.remove(&pass);
            let is_told = !kept.readings.is_empty() || !kept.silent.is_empty();
            is_told || seen.contains(thing) || silent.contains_key(thing)
        });
        for (thing, reading) in readings {
            held.things.entry(thing).or_default().readings.insert(pass, reading);
        }
        for (thing, reason) in silent {
            held.things.entry(thing).or_default().silent.insert(pass, reason);
        }
        held.passes.insert(pass, note);
        drop(providers);
        self.tell(provider, pass);
    }

    fn tell(&self, provider: ProviderId, pass: Cost) {
        self.passes.send_modify(|count| *count += 1);
        // Nobody follows where no history is kept.
        let _ = self.ended.send((provider, pass));
    }

    /// Notes a pass that measured nothing: what is held grows old.
    pub(crate) fn fail(&self, provider: ProviderId, pass: Cost, why: &str, mut note: PassNote) {
        let mut providers = self.write();
        let held = providers.entry(provider).or_default();
        let before = held.passes.get(&pass);
        note.succeeded = before.and_then(|before| before.succeeded);
        note.failure = Some(why.to_owned());
        held.passes.insert(pass, note);
        drop(providers);
        self.tell(provider, pass);
    }

    /// Forgets a provider that was removed.
    pub(crate) fn forget(&self, provider: ProviderId) {
        self.write().remove(&provider);
        Cost::PASSES.iter().for_each(|pass| self.tell(provider, *pass));
    }

    /// Rates and shares, worked out while nobody has to wait.
    fn compare(
        &self,
        provider: ProviderId,
        pass: Cost,
        things: Things,
        arrived: Instant,
    ) -> Compared {
        let before: Vec<Option<Arc<Reading>>> = {
            let providers = self.read();
            let held = providers.get(&provider);
            let of = |thing: &Thing| held?.things.get(thing)?.readings.get(&pass).cloned();
            things.read.iter().map(|(thing, ..)| of(thing)).collect()
        };
        let pairs = things.read.into_iter().zip(before);
        let readings = pairs.map(|((thing, at, points), before)| {
            (thing, Arc::new(reading(before.as_deref(), at, points, arrived)))
        });
        Compared { readings: readings.collect(), silent: things.silent }
    }
}

struct Compared {
    readings: Vec<(Thing, Arc<Reading>)>,
    silent: HashMap<Thing, Arc<str>>,
}

fn reading(
    before: Option<&Reading>,
    at: Timestamp,
    points: Vec<Point>,
    arrived: Instant,
) -> Reading {
    let rates = before.and_then(|before| {
        let seconds = rate::seconds_between(before.at, at, before.age(arrived))?;
        Some(rate::per_second(&before.points, &points, seconds))
    });
    let rates = rates.unwrap_or_else(|| vec![None; points.len()]);
    let own = own(&points, &rates, at);
    Reading { at, arrived, points, rates, own }
}

/// A batch without the kinds of its things.
struct Things {
    read: Vec<(Thing, Timestamp, Vec<Point>)>,
    silent: HashMap<Thing, Arc<str>>,
}

/// The same, and how many of its values were unsound and are left out.
fn batch_things(batch: Batch) -> (Things, u64) {
    let mut unsound = 0;
    let mut read = Vec::new();
    let mut add = |thing: Thing, at: Timestamp, mut points: Vec<Point>| {
        let told = points.len();
        points.retain(Point::is_sound);
        unsound += (told - points.len()) as u64;
        read.push((thing, at, points));
    };
    for Measured { of, at, points } in batch.vms {
        add(Thing::Vm(of.external_ref), at, points);
    }
    for Measured { of, at, points } in batch.hosts {
        add(Thing::Host(of), at, points);
    }
    for Measured { of, at, points } in batch.pools {
        add(Thing::Pool { host: of.host_ref, name: of.name }, at, points);
    }
    for Measured { of, at, points } in batch.containers {
        add(Thing::Container(of), at, points);
    }
    let silent = batch.silent.into_iter();
    let silent = silent.map(|it| (Thing::Vm(it.vm.external_ref), it.reason.into())).collect();
    (Things { read, silent }, unsound)
}

#[cfg(test)]
mod tests;
