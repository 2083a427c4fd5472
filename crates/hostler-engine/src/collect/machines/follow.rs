//! Asks one agent at a steady pace, and holds what is new in what it says.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::metrics::Cost;
use hostler_provider::{Agent, AgentError, AgentTrouble, Asked, Batch, Cx, Report, ReportedPass};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{Heard, MachineKey};
use crate::Inner;
use crate::collect::PassNote;
use crate::collect::held::Origin;
use crate::collect::schedule::{deadline, jitter, paced};

/// A value may not be older than this by its agent's word: what is older was not
/// kept as it should have been.
const AGE_MAX: Duration = Duration::from_secs(3600);

/// By so much another time on the way is believed; what is more is a clock that was set.
const LATENCY_MAX: i64 = 2_000_000;
/// By so much clocks may drift apart from one report to the next.
const DRIFT_MAX: i64 = 1_000;

/// What is remembered of an agent from one report to the next.
#[derive(Default)]
struct Known {
    /// Which passes were held already: when each ended, by the machine's clock.
    passes: HashMap<(Asked, Cost), Timestamp>,
    /// By how many microseconds our clock is ahead of the machine's. A report comes later
    /// than it was made and never sooner, so the least of all that were seen is nearest to
    /// the truth; with that, two readings are as far apart here as they were there, however
    /// long each was on its way.
    ahead_micros: Option<i64>,
}

impl Known {
    fn clocks(&mut self, here: Timestamp, there: Timestamp) -> Clocks {
        let seen = here.as_micros().saturating_sub(there.as_micros());
        let ahead_micros = match self.ahead_micros {
            Some(before) if seen.abs_diff(before) <= LATENCY_MAX.unsigned_abs() => {
                seen.min(before.saturating_add(DRIFT_MAX))
            }
            _ => seen,
        };
        self.ahead_micros = Some(ahead_micros);
        Clocks { here, there, ahead_micros, arrived: Instant::now() }
    }
}

/// Asks until it is told to stop.
pub(super) async fn run(
    engine: Arc<Inner>,
    key: MachineKey,
    agent: Arc<dyn Agent>,
    stop: CancellationToken,
) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = ask_for_ever(&engine, key, agent) => {}
    }
}

async fn ask_for_ever(engine: &Inner, key: MachineKey, agent: Arc<dyn Agent>) {
    let Some(interval) = engine.machines.read().machines.get(&key).map(|it| it.settings.interval)
    else {
        return;
    };
    tokio::time::sleep(jitter(engine, interval.min(Duration::from_secs(1)))).await;
    let mut known = Known::default();
    loop {
        let Ok(turn) = engine.machines.asking.acquire().await else { return };
        let began = Instant::now();
        let told = ask(engine, agent.clone(), deadline(interval)).await;
        drop(turn);
        let next = paced(interval, began.elapsed());
        take(engine, key, told, next, &mut known);
        tokio::time::sleep_until(began + next).await;
    }
}

/// In a task of its own: one that panics was not heard, no more.
async fn ask(
    engine: &Inner,
    agent: Arc<dyn Agent>,
    within: Duration,
) -> Result<Report, AgentError> {
    let cx = Cx::within(within).with_clock(engine.clock.clone());
    let mut task = JoinSet::new();
    task.spawn(async move {
        match tokio::time::timeout(within, agent.report(&cx)).await {
            Ok(told) => told,
            Err(_) => {
                let message = format!("did not answer within {} s", within.as_secs_f64());
                Err(AgentError::new(AgentTrouble::Unreachable, message))
            }
        }
    });
    task.join_next().await.and_then(Result::ok).unwrap_or_else(|| {
        Err(AgentError::new(AgentTrouble::Invalid, "asking it failed here; this is a fault"))
    })
}

fn take(
    engine: &Inner,
    key: MachineKey,
    told: Result<Report, AgentError>,
    interval: Duration,
    known: &mut Known,
) {
    let (name, before) = {
        let state = engine.machines.read();
        let Some(watched) = state.machines.get(&key) else { return };
        (watched.settings.name.clone(), watched.clone())
    };
    match told {
        Ok(report) => {
            if before.error.is_some() || before.identity.is_none() {
                let (host, version) = (&report.machine.name, &report.version);
                info!(agent = name, host, version, "the agent answers");
            }
            hold(engine, key, report, interval, known);
        }
        Err(error) => {
            if before.error.as_ref().map(|it| it.trouble) != Some(error.trouble) {
                let state = error.trouble.as_str();
                warn!(agent = name, state, why = error.message, "the agent is not heard");
            }
            debug!(agent = name, %error, "the agent is not heard");
            for (asked, pass) in known.passes.keys() {
                let note = PassNote { interval, ..PassNote::default() };
                engine.figures.fail(Origin::Machine(key, *asked), *pass, &error.message, note);
            }
            engine.machines.change(key, |watched| {
                watched.error = Some(error);
                watched.interval = interval;
            });
        }
    }
}

/// Holds what an agent said.
fn hold(engine: &Inner, key: MachineKey, report: Report, interval: Duration, known: &mut Known) {
    let clocks = known.clocks(engine.clock.now(), report.now);
    let hypervisor_ref = report.passes.iter().find_map(hypervisor_ref);
    let asked: BTreeSet<Asked> = report.passes.iter().map(|it| it.asked).collect();
    let left_out: BTreeMap<_, _> = report.left_out.iter().copied().collect();
    let heard = Heard {
        machine: report.machine,
        hypervisor_ref,
        version: report.version,
        started_at: report.started_at,
        at: clocks.here,
        arrived: clocks.arrived,
        ahead_seconds: (clocks.there.as_micros() - clocks.here.as_micros()) as f64 / 1e6,
    };
    let mut gone = Vec::new();
    let mut is_other = false;
    engine.machines.change(key, |watched| {
        gone.extend(watched.asked.difference(&asked).copied());
        watched.asked.clone_from(&asked);
        // The hypervisor is asked more seldom than the rest, and does not always answer.
        let before = watched.identity.take();
        let known = before.as_ref().and_then(|before| before.hypervisor_ref.clone());
        let now = Heard { hypervisor_ref: heard.hypervisor_ref.clone().or(known), ..heard };
        is_other = before.is_none_or(|before| {
            (before.machine, before.hypervisor_ref)
                != (now.machine.clone(), now.hypervisor_ref.clone())
        });
        watched.identity = Some(now);
        watched.error = None;
        watched.interval = interval;
        for (reason, count) in left_out {
            *watched.left_out.entry(reason).or_default() += count;
        }
    });
    if is_other {
        engine.machines.is_other();
    }
    for asked in gone {
        known.passes.retain(|(of, _), _| *of != asked);
        engine.figures.forget(Origin::Machine(key, asked));
    }
    for pass in report.passes {
        hold_pass(engine, key, pass, &clocks, interval, known);
    }
    if !engine.machines.read().machines.contains_key(&key) {
        // It was removed meanwhile, and what was held of it with it.
        asked.iter().for_each(|asked| engine.figures.forget(Origin::Machine(key, *asked)));
    }
}

fn hold_pass(
    engine: &Inner,
    key: MachineKey,
    told: ReportedPass,
    clocks: &Clocks,
    interval: Duration,
    known: &mut Known,
) {
    let origin = Origin::Machine(key, told.asked);
    let interval = told.interval.max(interval);
    let note = PassNote { took: told.took, interval, ..PassNote::default() };
    let place = (told.asked, told.pass);
    if let Some(ended_at) = told.ended_at
        && known.passes.get(&place) != Some(&ended_at)
    {
        known.passes.insert(place, ended_at);
        let note = PassNote { succeeded: Some(clocks.instant(ended_at)), ..note.clone() };
        let batch = clocks.to_here(told.batch);
        let arrived = |at: Timestamp| clocks.arrived_at(at);
        engine.figures.keep(origin, told.pass, batch, note, arrived);
    }
    if let Some(failure) = told.failure {
        known.passes.entry(place).or_insert(Timestamp::from_micros(i64::MIN));
        engine.figures.fail(origin, told.pass, &failure, note);
    }
}

/// What its hypervisor calls the machine.
fn hypervisor_ref(pass: &ReportedPass) -> Option<String> {
    let host = pass.batch.hosts.first().filter(|_| pass.asked == Asked::Hypervisor)?;
    Some(host.of.clone())
}

/// The machine's clock and ours at the moment at which a report came.
struct Clocks {
    here: Timestamp,
    there: Timestamp,
    ahead_micros: i64,
    arrived: Instant,
}

impl Clocks {
    /// How long ago a time of the machine's clock was: never in the future, and never
    /// so long ago that it could not be.
    fn age(&self, at: Timestamp) -> Duration {
        self.there.since(at).min(AGE_MAX)
    }

    fn instant(&self, at: Timestamp) -> Instant {
        self.arrived.checked_sub(self.age(at)).unwrap_or(self.arrived)
    }

    /// The same time by our clock: never in the future, nor too long ago.
    fn time(&self, at: Timestamp) -> Timestamp {
        let here = Timestamp::from_micros(at.as_micros().saturating_add(self.ahead_micros));
        here.max(self.here.minus(AGE_MAX)).min(self.here)
    }

    /// When a time of our clock was, by the one that nobody sets.
    fn arrived_at(&self, at: Timestamp) -> Instant {
        self.arrived.checked_sub(self.here.since(at)).unwrap_or(self.arrived)
    }

    /// A batch in times of our clock. Hosts in it are the machine itself.
    fn to_here(&self, mut batch: Batch) -> Batch {
        batch.vms.iter_mut().for_each(|it| it.at = self.time(it.at));
        batch.pools.iter_mut().for_each(|it| it.at = self.time(it.at));
        batch.containers.iter_mut().for_each(|it| it.at = self.time(it.at));
        for host in &mut batch.hosts {
            host.at = self.time(host.at);
            host.of.clear();
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_machine_whose_clock_is_wrong_is_as_old_as_it_says_and_never_of_the_future() {
        tokio::time::advance(Duration::from_secs(7200)).await;
        let second = |n: i64| Timestamp::from_millis(n * 1000);
        let clocks = Known::default().clocks(second(1_000_000), second(5_000));
        assert_eq!(clocks.time(second(4_997)), second(999_997));
        assert_eq!(clocks.time(second(6_000)), second(1_000_000));
        assert_eq!(clocks.time(second(-90_000)), second(1_000_000 - 3600));
        let age = |at| clocks.arrived - clocks.arrived_at(clocks.time(at));
        assert_eq!(age(second(4_997)), Duration::from_secs(3));
        assert_eq!(clocks.arrived - clocks.instant(second(4_990)), Duration::from_secs(10));
    }

    #[tokio::test(start_paused = true)]
    async fn readings_are_as_far_apart_as_they_were_made_however_long_they_were_under_way() {
        let milli = Timestamp::from_millis;
        let mut known = Known::default();
        // Read at 0 s and 5 s by its clock; the answers take 50 ms, 1,500 ms and 10 ms.
        let first = known.clocks(milli(1_000_050), milli(0)).time(milli(0));
        let slow = known.clocks(milli(1_006_500), milli(5_000)).time(milli(5_000));
        let apart = slow.since(first);
        assert!(apart.abs_diff(Duration::from_secs(5)) <= Duration::from_millis(1), "{apart:?}");
        let quick = known.clocks(milli(1_010_010), milli(10_000)).time(milli(10_000));
        let apart = quick.since(slow);
        assert!(apart.abs_diff(Duration::from_secs(5)) < Duration::from_millis(50), "{apart:?}");
        // Somebody set its clock back by a minute: what it says now is of now.
        let set = known.clocks(milli(1_015_020), milli(-45_000)).time(milli(-45_000));
        assert_eq!(set, milli(1_015_020));
    }
}
