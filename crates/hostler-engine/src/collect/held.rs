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
use hostler_provider::{Asked, Batch, ContainerRef, Measured};
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use super::Reading;
use super::machines::MachineKey;

/// Who told what is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Origin {
    Provider(ProviderId),
    /// A machine that is measured from within, and whom it asked there.
    Machine(MachineKey, Asked),
}

impl From<ProviderId> for Origin {
    fn from(id: ProviderId) -> Self {
        Self::Provider(id)
    }
}

/// A thing, as who tells of it calls it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Thing {
    Vm(String),
    /// By the provider's name for it; of a machine that tells of itself, by none.
    Host(String),
    Pool {
        host: Option<String>,
        name: String,
    },
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

/// What one origin told.
#[derive(Debug, Clone, Default)]
pub(crate) struct OfOrigin {
    pub(crate) things: HashMap<Thing, Kept>,
    pub(crate) passes: BTreeMap<Cost, PassNote>,
}

/// Everything that is held.
pub(crate) struct Held {
    origins: RwLock<HashMap<Origin, OfOrigin>>,
    /// Grows with each pass that ended.
    passes: watch::Sender<u64>,
    /// Tells of each of them.
    ended: broadcast::Sender<(Origin, Cost)>,
    /// How many values were none, or had labels that are not those of their metric.
    unsound: AtomicU64,
}

/// So many passes may have ended before whoever follows them has looked: those of all agents
/// that there may be, when a new configuration takes them away at once.
const ENDED_MAX: usize = 8192;

impl Default for Held {
    fn default() -> Self {
        Self {
            origins: RwLock::default(),
            passes: watch::Sender::new(0),
            ended: broadcast::Sender::new(ENDED_MAX),
            unsound: AtomicU64::new(0),
        }
    }
}

impl Held {
    /// Reads; keep it short, and never across an await.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, HashMap<Origin, OfOrigin>> {
        // Changes replace whole values, so a panic leaves none half done.
        self.origins.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<Origin, OfOrigin>> {
        self.origins.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many values that were told so far were left out, since they are none.
    pub(crate) fn unsound(&self) -> u64 {
        self.unsound.load(Ordering::Relaxed)
    }

    /// How many passes have ended.
    pub(crate) fn passes(&self) -> watch::Receiver<u64> {
        self.passes.subscribe()
    }

    /// Passes that ended, from now on; of an origin that was removed each kind once more.
    pub(crate) fn ended(&self) -> broadcast::Receiver<(Origin, Cost)> {
        self.ended.subscribe()
    }

    /// Takes what a pass measured just now. The one pass of its kind over the origin
    /// that is under way, so nobody else changes the readings that it compares with.
    pub(crate) fn take(
        &self,
        origin: impl Into<Origin>,
        pass: Cost,
        batch: Batch,
        mut note: PassNote,
    ) {
        let arrived = Instant::now();
        note.succeeded = Some(arrived);
        self.keep(origin.into(), pass, batch, note, |_| arrived);
    }

    /// The same of what was measured a while ago, by the times in it: `arrived` says
    /// when that was by the clock here that nobody sets.
    pub(crate) fn keep(
        &self,
        origin: Origin,
        pass: Cost,
        batch: Batch,
        mut note: PassNote,
        arrived: impl Fn(Timestamp) -> Instant,
    ) {
        let (things, unsound) = batch_things(batch);
        self.unsound.fetch_add(unsound, Ordering::Relaxed);
        let read = self.compare(origin, pass, things, arrived);
        let Compared { readings, silent } = read;
        note.silent = silent.len();
        let mut origins = self.write();
        let held = origins.entry(origin).or_default();
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
        drop(origins);
        self.tell(origin, pass);
    }

    fn tell(&self, origin: Origin, pass: Cost) {
        self.passes.send_modify(|count| *count += 1);
        // Nobody follows where no history is kept.
        let _ = self.ended.send((origin, pass));
    }

    /// Notes a pass that measured nothing: what is held grows old.
    pub(crate) fn fail(
        &self,
        origin: impl Into<Origin>,
        pass: Cost,
        why: &str,
        mut note: PassNote,
    ) {
        let origin = origin.into();
        let mut origins = self.write();
        let held = origins.entry(origin).or_default();
        let before = held.passes.get(&pass);
        note.succeeded = before.and_then(|before| before.succeeded);
        note.failure = Some(why.to_owned());
        held.passes.insert(pass, note);
        drop(origins);
        self.tell(origin, pass);
    }

    /// Forgets an origin that was removed.
    pub(crate) fn forget(&self, origin: impl Into<Origin>) {
        let origin = origin.into();
        let held = self.write().remove(&origin).unwrap_or_default();
        held.passes.keys().for_each(|pass| self.tell(origin, *pass));
    }

    /// Rates and shares, worked out while nobody has to wait.
    fn compare(
        &self,
        origin: Origin,
        pass: Cost,
        things: Things,
        arrived: impl Fn(Timestamp) -> Instant,
    ) -> Compared {
        let before: Vec<Option<Arc<Reading>>> = {
            let origins = self.read();
            let held = origins.get(&origin);
            let of = |thing: &Thing| held?.things.get(thing)?.readings.get(&pass).cloned();
            things.read.iter().map(|(thing, ..)| of(thing)).collect()
        };
        let pairs = things.read.into_iter().zip(before);
        let readings = pairs.map(|((thing, at, points), before)| {
            (thing, Arc::new(reading(before.as_deref(), at, points, arrived(at))))
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
