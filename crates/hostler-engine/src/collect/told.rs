//! What is told of what was measured: the newest readings, joined with the
//! fleet's present picture.

use std::sync::Arc;
use std::time::Duration;

use hostler_core::id::ProviderId;
use hostler_core::metrics::{Cost, Point};
use hostler_provider::ContainerRef;
use tokio::sync::watch;
use tokio::time::Instant;

use super::held::{Kept, OfProvider, Thing};
use super::{HistoryCounts, Reading};
use crate::{HostView, Inner, PoolView, ProviderView, VmView};

/// A reading is told as present for so many of its pass's intervals.
const FRESH_INTERVALS: u32 = 3;
/// And at least for so long, whatever the pace.
const FRESH_MIN: Duration = Duration::from_secs(15);

/// What was measured of a thing.
#[derive(Debug, Clone)]
pub struct Figures<T> {
    /// Of what.
    pub of: T,
    /// The newest of each kind of pass, cheapest first.
    pub passes: Vec<PassFigures>,
}

/// The newest reading of one kind of pass.
#[derive(Debug, Clone)]
pub struct PassFigures {
    /// Which.
    pub pass: Cost,
    /// What was read; `None` when it never answered.
    pub reading: Option<Arc<Reading>>,
    /// How long ago that arrived.
    pub age: Duration,
    /// Whether that is not too long ago to be told as present.
    pub is_fresh: bool,
    /// Why the latest pass has none of it: it did not answer.
    pub silent: Option<Arc<str>>,
    /// Whether the latest pass reached the thing.
    pub is_reached: bool,
}

impl PassFigures {
    /// Its points, read and computed, while they are fresh.
    pub fn points(&self) -> impl Iterator<Item = &Point> {
        let reading = self.reading.as_ref().filter(|_| self.is_fresh);
        reading.into_iter().flat_map(|reading| reading.points.iter().chain(&reading.own))
    }
}

/// What was measured of a container.
pub type ContainerFigures = Figures<(Arc<ProviderView>, ContainerRef)>;

/// How measuring a provider goes.
#[derive(Debug, Clone)]
pub struct ProviderFigures {
    /// Which.
    pub of: Arc<ProviderView>,
    /// Each kind of pass that was made.
    pub passes: Vec<ProviderPass>,
}

/// How one kind of pass over a provider goes.
#[derive(Debug, Clone)]
pub struct ProviderPass {
    /// Which.
    pub pass: Cost,
    /// How long ago one last succeeded; `None` when none ever did.
    pub age: Option<Duration>,
    /// How long the latest took.
    pub took: Duration,
    /// The time from one to the next.
    pub interval: Duration,
    /// Why the latest failed, if it did.
    pub failure: Option<String>,
    /// How many VMs did not answer the latest that succeeded.
    pub silent: usize,
}

/// Everything that was measured, at one moment.
#[derive(Debug, Clone, Default)]
pub struct Collected {
    /// Of virtual machines, by name.
    pub vms: Vec<Figures<Arc<VmView>>>,
    /// Of hosts, by name.
    pub hosts: Vec<Figures<Arc<HostView>>>,
    /// Of storage pools, by name.
    pub pools: Vec<Figures<Arc<PoolView>>>,
    /// Of containers, by name.
    pub containers: Vec<ContainerFigures>,
    /// Of providers, by name.
    pub providers: Vec<ProviderFigures>,
}

/// What is measured.
pub struct Metrics<'a> {
    engine: &'a Arc<Inner>,
}

impl<'a> Metrics<'a> {
    pub(crate) const fn new(engine: &'a Arc<Inner>) -> Self {
        Self { engine }
    }

    pub(super) const fn engine(&self) -> &Arc<Inner> {
        self.engine
    }

    /// How writing the history goes; `None` where none is kept.
    pub fn history(&self) -> Option<HistoryCounts> {
        self.engine.history.as_ref().map(|_| self.engine.recorded.counts())
    }

    /// Changes with each pass that ended; what was collected is the same until then,
    /// but for its age and the things it is of.
    pub fn passes(&self) -> watch::Receiver<u64> {
        self.engine.figures.passes()
    }

    /// Everything that was measured, as it is told now, sorted by name.
    pub fn collected(&self) -> Collected {
        let mut all = self.join(|_| true);
        all.sort();
        all
    }

    /// What was measured at one provider, in no order.
    pub(super) fn collected_at(&self, provider: ProviderId) -> Collected {
        self.join(|id| id == provider)
    }

    fn join(&self, is_wanted: impl Fn(ProviderId) -> bool) -> Collected {
        let now = Instant::now();
        let snapshot = self.engine.fleet.snapshot();
        let held = self.engine.figures.read();
        let of = |provider: ProviderId, thing: &Thing| {
            let held = held.get(&provider).filter(|_| is_wanted(provider))?;
            Some(passes(held, held.things.get(thing)?, now))
        };
        let mut all = Collected::default();
        for vm in snapshot.vms.values() {
            let Some((provider, _)) = vm.provider.as_ref().filter(|(id, _)| is_wanted(*id)) else {
                continue;
            };
            let thing = vm.external_ref().map(|name| Thing::Vm(name.to_owned()));
            let found = thing.and_then(|thing| of(*provider, &thing));
            all.vms.extend(found.map(|passes| Figures { of: vm.clone(), passes }));
        }
        for host in snapshot.hosts.values() {
            let name = host.observed.host.external_ref.clone();
            let found = of(host.provider.0, &Thing::Host(name));
            all.hosts.extend(found.map(|passes| Figures { of: host.clone(), passes }));
        }
        for pool in snapshot.pools.values() {
            let seen = &pool.observed;
            let thing = Thing::Pool { host: seen.host_ref.clone(), name: seen.name.clone() };
            let found = of(pool.provider.0, &thing);
            all.pools.extend(found.map(|passes| Figures { of: pool.clone(), passes }));
        }
        for provider in snapshot.providers.values().filter(|it| is_wanted(it.row.id)) {
            let Some(held) = held.get(&provider.row.id) else { continue };
            all.providers.push(ProviderFigures { of: provider.clone(), passes: notes(held, now) });
            let containers = held.things.iter().filter_map(|(thing, kept)| match thing {
                Thing::Container(of) => Some((of, kept)),
                Thing::Vm(_) | Thing::Host(_) | Thing::Pool { .. } => None,
            });
            all.containers.extend(containers.map(|(of, kept)| Figures {
                of: (provider.clone(), of.clone()),
                passes: passes(held, kept, now),
            }));
        }
        all
    }

    /// How many values that providers told were left out, since they are none.
    pub fn unsound(&self) -> u64 {
        self.engine.figures.unsound()
    }

    /// What was measured of one VM; nothing where it is not measured.
    pub fn of_vm(&self, vm: &VmView) -> Vec<PassFigures> {
        let place = vm.provider.as_ref().zip(vm.external_ref());
        let found = place.map(|((id, _), name)| self.of(*id, &Thing::Vm(name.to_owned())));
        found.unwrap_or_default()
    }

    /// The same of a host.
    pub fn of_host(&self, host: &HostView) -> Vec<PassFigures> {
        let name = host.observed.host.external_ref.clone();
        self.of(host.provider.0, &Thing::Host(name))
    }

    fn of(&self, provider: ProviderId, thing: &Thing) -> Vec<PassFigures> {
        let held = self.engine.figures.read();
        let found = held
            .get(&provider)
            .and_then(|held| Some(passes(held, held.things.get(thing)?, Instant::now())));
        found.unwrap_or_default()
    }
}

impl Collected {
    /// The same order each time, so that what is written of it is, too.
    pub(super) fn sort(&mut self) {
        self.vms.sort_unstable_by(|a, b| (&a.of.name, a.of.id).cmp(&(&b.of.name, b.of.id)));
        self.hosts.sort_unstable_by(|a, b| (&a.of.name, a.of.id).cmp(&(&b.of.name, b.of.id)));
        self.pools.sort_unstable_by(|a, b| {
            (&a.of.observed.name, a.of.id).cmp(&(&b.of.observed.name, b.of.id))
        });
        self.containers
            .sort_unstable_by(|a, b| (&a.of.1.name, &a.of.1.id).cmp(&(&b.of.1.name, &b.of.1.id)));
        self.providers.sort_unstable_by(|a, b| a.of.row.name.cmp(&b.of.row.name));
    }
}

fn passes(held: &OfProvider, kept: &Kept, now: Instant) -> Vec<PassFigures> {
    let of = |(pass, note): (&Cost, &super::PassNote)| {
        let reading = kept.readings.get(pass).cloned();
        let silent = kept.silent.get(pass).cloned();
        if reading.is_none() && silent.is_none() {
            return None;
        }
        let age = reading.as_ref().map_or(Duration::MAX, |reading| reading.age(now));
        let fresh = note.interval.saturating_mul(FRESH_INTERVALS).max(FRESH_MIN);
        Some(PassFigures {
            pass: *pass,
            age,
            is_fresh: age <= fresh,
            is_reached: silent.is_none() && note.failure.is_none(),
            reading,
            silent,
        })
    };
    held.passes.iter().filter_map(of).collect()
}

fn notes(held: &OfProvider, now: Instant) -> Vec<ProviderPass> {
    let told = held.passes.iter().map(|(pass, note)| ProviderPass {
        pass: *pass,
        age: note.succeeded.map(|at| now.saturating_duration_since(at)),
        took: note.took,
        interval: note.interval,
        failure: note.failure.clone(),
        silent: note.silent,
    });
    told.collect()
}
