//! What is told of what was measured: the newest readings, joined with the
//! fleet's present picture.

use std::sync::Arc;
use std::time::Duration;

use hostler_core::metrics::{Cost, Metric, Point};
use tokio::sync::watch;
use tokio::time::Instant;

use super::gathering::Gathering;
use super::held::{Kept, OfOrigin, Origin, Thing};
use super::labels::ContainerView;
use super::machines::MachineView;
use super::sharing::{Elsewhere, MeasuredBy};
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
    /// Who made it.
    pub by: MeasuredBy,
    pub(crate) origin: Origin,
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
    pub(crate) elsewhere: Elsewhere,
}

impl PassFigures {
    /// Its points, read and computed, while they are fresh; without those of metrics
    /// that another tells of the same thing.
    pub fn points(&self) -> impl Iterator<Item = &Point> {
        let reading = self.reading.as_ref().filter(|_| self.is_fresh);
        let points = reading.into_iter().flat_map(|it| it.points.iter().chain(&it.own));
        points.filter(|point| self.tells(point.metric))
    }

    /// Whether this metric is told from here, and not by another who measured it too.
    pub fn tells(&self, metric: Metric) -> bool {
        self.elsewhere.as_ref().is_none_or(|elsewhere| !elsewhere.contains(&metric))
    }
}

/// What was measured of a container.
pub type ContainerFigures = Figures<ContainerView>;

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
    /// Of machines that are measured from within and are no hosts of a provider.
    pub machines: Vec<Figures<MachineView>>,
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

    /// Everything that is told of the things of which one origin tells, in no order.
    pub(super) fn collected_at(&self, origin: Origin) -> Collected {
        self.join(|it| it == origin)
    }

    fn join(&self, is_wanted: impl Fn(Origin) -> bool) -> Collected {
        let snapshot = self.engine.fleet.snapshot();
        let joined = self.engine.machines.joined(&snapshot);
        let held = self.engine.figures.read();
        let at = Gathering { held: &held, joined: &joined, now: Instant::now() };
        // What nobody who is wanted tells of is left out; of the rest, all is told.
        let gather = |tellers: Vec<(Origin, Thing)>| {
            let is_any = tellers.iter().any(|(origin, thing)| {
                is_wanted(*origin)
                    && held.get(origin).is_some_and(|it| it.things.contains_key(thing))
            });
            Some(at.of(tellers)).filter(|passes| is_any && !passes.is_empty())
        };
        let mut all = Collected::default();
        for vm in snapshot.vms.values().filter(|vm| at.is_vm_wanted(vm, &is_wanted)) {
            let found = at.tellers_of_vm(vm).and_then(gather);
            all.vms.extend(found.map(|passes| Figures { of: vm.clone(), passes }));
        }
        for host in snapshot.hosts.values() {
            let found = gather(at.tellers_of_host(host));
            all.hosts.extend(found.map(|passes| Figures { of: host.clone(), passes }));
        }
        for pool in snapshot.pools.values() {
            let found = gather(at.tellers_of_pool(pool));
            all.pools.extend(found.map(|passes| Figures { of: pool.clone(), passes }));
        }
        for (of, tellers) in at.tellers_of_machines() {
            all.machines.extend(gather(tellers).map(|passes| Figures { of, passes }));
        }
        for (of, tellers) in at.tellers_of_containers(&snapshot, &is_wanted) {
            all.containers.extend(gather(tellers).map(|passes| Figures { of, passes }));
        }
        for provider in snapshot.providers.values() {
            let origin = Origin::Provider(provider.row.id);
            let Some(held) = held.get(&origin).filter(|_| is_wanted(origin)) else { continue };
            let passes = notes(held, at.now);
            all.providers.push(ProviderFigures { of: provider.clone(), passes });
        }
        all
    }

    /// How many values that providers told were left out, since they are none.
    pub fn unsound(&self) -> u64 {
        self.engine.figures.unsound()
    }

    /// What was measured of one VM; nothing where it is not measured.
    pub fn of_vm(&self, vm: &VmView) -> Vec<PassFigures> {
        self.gather(|at| at.tellers_of_vm(vm).unwrap_or_default())
    }

    /// The same of a host.
    pub fn of_host(&self, host: &HostView) -> Vec<PassFigures> {
        self.gather(|at| at.tellers_of_host(host))
    }

    fn gather(
        &self,
        tellers: impl FnOnce(&Gathering<'_>) -> Vec<(Origin, Thing)>,
    ) -> Vec<PassFigures> {
        let snapshot = self.engine.fleet.snapshot();
        let joined = self.engine.machines.joined(&snapshot);
        let held = self.engine.figures.read();
        let at = Gathering { held: &held, joined: &joined, now: Instant::now() };
        at.of(tellers(&at))
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
        self.containers.sort_unstable_by(|a, b| {
            let (a, b) = (&a.of, &b.of);
            (&a.container.name, &a.container.id).cmp(&(&b.container.name, &b.container.id))
        });
        self.machines.sort_unstable_by(|a, b| a.of.agent.cmp(&b.of.agent));
        self.providers.sort_unstable_by(|a, b| a.of.row.name.cmp(&b.of.row.name));
    }
}

/// For how long a reading is told as present, where passes are so far apart.
pub(super) fn fresh_for(interval: Duration) -> Duration {
    interval.saturating_mul(FRESH_INTERVALS).max(FRESH_MIN)
}

pub(super) fn passes(
    (origin, by): (Origin, &MeasuredBy),
    held: &OfOrigin,
    kept: &Kept,
    now: Instant,
) -> Vec<PassFigures> {
    let of = |(pass, note): (&Cost, &super::PassNote)| {
        let reading = kept.readings.get(pass).cloned();
        let silent = kept.silent.get(pass).cloned();
        if reading.is_none() && silent.is_none() {
            return None;
        }
        let age = reading.as_ref().map_or(Duration::MAX, |reading| reading.age(now));
        Some(PassFigures {
            pass: *pass,
            by: by.clone(),
            origin,
            age,
            is_fresh: age <= fresh_for(note.interval),
            is_reached: silent.is_none() && note.failure.is_none(),
            reading,
            silent,
            elsewhere: None,
        })
    };
    held.passes.iter().filter_map(of).collect()
}

fn notes(held: &OfOrigin, now: Instant) -> Vec<ProviderPass> {
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
