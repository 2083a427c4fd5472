//! What was measured last, ready to be copied by whoever asks.
//!
//! ```text
//!  put ─► sound? within limits? ─► + what silent VMs told before ─► Arc ─┐
//!                                                                        ▼
//!  copy ◄──────── Arcs, never the values ◄─────────────── one slot a pass and source
//! ```
//!
//! A VM that does not answer keeps what it told last, with its time, until that is
//! stale; what is no longer among those asked is gone at once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::metrics::rate::{per_second, seconds_between};
use hostler_core::metrics::{Cost, Labels, Metric, Point, own};
use hostler_provider::{Batch, ContainerRef, Measured, VmRef};
use tokio::time::Instant;

use crate::sources::Kind;

/// The most points that one pass over one source may bring.
pub(crate) const POINTS_MAX: usize = 100_000;
/// The longest value of a label, in bytes.
const LABEL_MAX: usize = 1024;
/// A value is stale after so many intervals without a new one …
const STALE_INTERVALS: u32 = 3;
/// … and not earlier than this, since a pass may just be late.
const STALE_MIN: Duration = Duration::from_secs(15);

/// One pass over one source.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pass {
    pub(crate) source: &'static str,
    pub(crate) kind: Kind,
    pub(crate) cost: Cost,
    /// Time to the next one.
    pub(crate) interval: Duration,
    pub(crate) took: Duration,
}

/// What is known of one kind of pass over one source.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    /// The last one, whatever came of it.
    pub(crate) pass: Pass,
    /// Why it failed, if it did.
    pub(crate) error: Option<String>,
    /// What the last one that succeeded brought.
    pub(crate) good: Option<Good>,
}

/// What a pass brought.
#[derive(Debug, Clone)]
pub(crate) struct Good {
    /// When it ended, by the machine's clock.
    pub(crate) at: Timestamp,
    /// The same by a clock that nobody sets.
    ended: Instant,
    pub(crate) took: Duration,
    pub(crate) batch: Arc<Batch>,
    /// What was computed from that and the one before: a server computes it anew.
    pub(crate) own: Arc<Batch>,
}

impl Slot {
    /// How long ago the last good pass ended.
    pub(crate) fn age(&self) -> Option<Duration> {
        self.good.as_ref().map(|good| good.ended.elapsed())
    }

    /// What is not stale by now as a whole.
    pub(crate) fn fresh(&self) -> Option<&Good> {
        self.good.as_ref().filter(|good| good.ended.elapsed() <= self.stale_after())
    }

    /// The age from which on a value is not told any more.
    pub(crate) fn stale_after(&self) -> Duration {
        (self.pass.interval * STALE_INTERVALS).max(STALE_MIN)
    }
}

/// Why a series was left out, as `hostler_series_dropped_total` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LeftOut {
    TooMany,
    ValueInvalid,
    Twice,
}

impl LeftOut {
    /// The word used on the wire.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::TooMany => "too_many",
            Self::ValueInvalid => "value_invalid",
            Self::Twice => "twice",
        }
    }
}

/// What was measured last of everything.
#[derive(Debug, Default)]
pub(crate) struct Shelf(Mutex<Inside>);

#[derive(Debug, Default)]
struct Inside {
    slots: BTreeMap<(&'static str, Cost), Slot>,
    dropped: BTreeMap<LeftOut, u64>,
}

impl Inside {
    /// Every pass over a source.
    fn of(&self, source: &'static str) -> impl Iterator<Item = &Slot> {
        self.slots.values().filter(move |slot| slot.pass.source == source)
    }
}

/// A copy of the shelf, to be written at leisure.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) slots: Vec<Slot>,
    pub(crate) dropped: BTreeMap<LeftOut, u64>,
}

impl Shelf {
    /// Takes what a pass brought. `true`: no pass over the source had succeeded before.
    pub(crate) fn put(&self, pass: Pass, mut batch: Batch, at: Timestamp) -> bool {
        let ended = Instant::now();
        let mut dropped = BTreeMap::new();
        sift(&mut batch, &mut dropped);
        let key = (pass.source, pass.cost);
        let before = self.lock().slots.get(&key).cloned();
        let earlier = before.as_ref().and_then(|slot| slot.good.as_ref());
        if let (Some(slot), Some(earlier)) = (&before, earlier) {
            keep_silent(&mut batch, &earlier.batch, at, slot.stale_after());
        }
        let nothing = Batch::default();
        let (earlier, passed) = match earlier {
            Some(earlier) => (&*earlier.batch, ended.duration_since(earlier.ended)),
            None => (&nothing, Duration::ZERO),
        };
        let good = Good {
            at,
            ended,
            took: pass.took,
            own: Arc::new(computed(earlier, &batch, passed)),
            batch: Arc::new(batch),
        };
        let mut inside = self.lock();
        for (reason, count) in dropped {
            *inside.dropped.entry(reason).or_default() += count;
        }
        let was_silent = !inside.of(pass.source).any(|slot| slot.error.is_none());
        inside.slots.insert(key, Slot { pass, error: None, good: Some(good) });
        was_silent
    }

    /// Takes note that a pass failed. `true`: none over the source had failed before.
    pub(crate) fn fail(&self, pass: Pass, error: String) -> bool {
        let mut inside = self.lock();
        let is_news = inside.of(pass.source).all(|slot| slot.error.is_none());
        let empty = Slot { pass, error: None, good: None };
        let slot = inside.slots.entry((pass.source, pass.cost)).or_insert(empty);
        (slot.pass, slot.error) = (pass, Some(error));
        is_news
    }

    /// Forgets a pass over a source that is not there.
    pub(crate) fn remove(&self, source: &'static str, cost: Cost) {
        self.lock().slots.remove(&(source, cost));
    }

    /// Whether every one of these has been tried.
    pub(crate) fn has_tried(&self, mut passes: impl Iterator<Item = (&'static str, Cost)>) -> bool {
        let inside = self.lock();
        passes.all(|key| inside.slots.contains_key(&key))
    }

    /// What is known now.
    pub(crate) fn copy(&self) -> Snapshot {
        let inside = self.lock();
        Snapshot {
            slots: inside.slots.values().cloned().collect(),
            dropped: inside.dropped.clone(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inside> {
        // Whoever panicked had written whole entries or none.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leaves out what cannot be told, and what is too much (A7, X17). What stays is as small as it
/// can be (X6): the same labels, such as names of devices, are there once for all VMs.
fn sift(batch: &mut Batch, dropped: &mut BTreeMap<LeftOut, u64>) {
    let mut room = POINTS_MAX;
    let mut shared: HashSet<Labels> = HashSet::new();
    let mut sift = |points: &mut Vec<Point>| {
        let mut seen: HashSet<(Metric, Labels)> = HashSet::new();
        points.retain(|point| {
            let reason = if !is_told(point) {
                LeftOut::ValueInvalid
            } else if room == 0 {
                LeftOut::TooMany
            } else if !seen.insert((point.metric, point.labels.clone())) {
                LeftOut::Twice
            } else {
                room -= 1;
                return true;
            };
            *dropped.entry(reason).or_default() += 1;
            false
        });
        for point in points.iter_mut() {
            match shared.get(&point.labels) {
                Some(same) => point.labels.clone_from(same),
                None => drop(shared.insert(point.labels.clone())),
            }
        }
        points.shrink_to_fit();
    };
    batch.hosts.iter_mut().for_each(|one| sift(&mut one.points));
    batch.pools.iter_mut().for_each(|one| sift(&mut one.points));
    batch.containers.iter_mut().for_each(|one| sift(&mut one.points));
    batch.vms.iter_mut().for_each(|one| sift(&mut one.points));
    batch.vms.shrink_to_fit();
}

fn is_told(point: &Point) -> bool {
    point.is_sound() && point.labels.values().iter().all(|value| value.len() <= LABEL_MAX)
}

/// What follows from two passes, the second of them `passed` after the first (D9).
fn computed(earlier: &Batch, later: &Batch, passed: Duration) -> Batch {
    let id = |of: &VmRef| of.external_ref.clone();
    let container = |of: &ContainerRef| (of.engine, of.id.clone());
    Batch {
        vms: computed_of(&earlier.vms, &later.vms, passed, id),
        hosts: computed_of(&earlier.hosts, &later.hosts, passed, String::clone),
        containers: computed_of(&earlier.containers, &later.containers, passed, container),
        ..Batch::default()
    }
}

fn computed_of<R: Clone, K: Eq + Hash>(
    earlier: &[Measured<R>],
    later: &[Measured<R>],
    passed: Duration,
    key: impl Fn(&R) -> K,
) -> Vec<Measured<R>> {
    let known: HashMap<K, &Measured<R>> = earlier.iter().map(|one| (key(&one.of), one)).collect();
    let computed = later.iter().map(|after| {
        let seconds = |before: &Measured<R>| seconds_between(before.at, after.at, passed);
        let between =
            known.get(&key(&after.of)).and_then(|before| Some((before, seconds(before)?)));
        let rates = match between {
            Some((before, seconds)) => per_second(&before.points, &after.points, seconds),
            None => vec![None; after.points.len()],
        };
        let mut points = own(&after.points, &rates, after.at);
        points.shrink_to_fit();
        Measured { of: after.of.clone(), at: after.at, points }
    });
    computed.filter(|one| !one.points.is_empty()).collect()
}

/// Puts back what VMs told before that did not answer this time.
fn keep_silent(batch: &mut Batch, earlier: &Batch, now: Timestamp, stale_after: Duration) {
    if batch.silent.is_empty() {
        return;
    }
    let known: HashMap<&str, &Measured<VmRef>> =
        earlier.vms.iter().map(|one| (one.of.external_ref.as_str(), one)).collect();
    let answered: HashSet<String> =
        batch.vms.iter().map(|one| one.of.external_ref.clone()).collect();
    for silent in &batch.silent {
        let id = silent.vm.external_ref.as_str();
        if let Some(before) = known.get(id).filter(|_| !answered.contains(id))
            && now.since(before.at) <= stale_after
        {
            batch.vms.push((*before).clone());
        }
    }
}

#[cfg(test)]
mod tests;
