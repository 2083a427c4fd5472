//! Writes what was measured into the history: each pass as it ends, as one row.
//!
//! ```text
//!  pass ended ──► join with the picture ──► keys (kept from pass to pass) ──► append
//!                                                │ a series that was there and is not
//!                                                ▼
//!                                         the mark of its end
//!  as often ──► what we say ourselves ──► the same way
//!  every few seconds ──► sync        every minute ──► maintain
//! ```
//!
//! The history is written beside the threads that answer others, since it waits
//! for disks. When it cannot keep up, passes are left out and counted; nobody
//! waits for it (A15).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::metrics::series::{Label, Sample, SeriesKey};
use hostler_core::metrics::{Cost, Labels, Metric, OwnerLabel, Point};
use hostler_store::history::{Appended, Archive, Error};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, MissedTickBehavior};
use tracing::{error, info, warn};

use super::held::Origin;
use super::{CollectPace, Collected, PassFigures, Reading, Said};
use crate::Inner;

/// Between two times at which what was taken is on the disk for sure.
const SYNC: Duration = Duration::from_secs(5);
/// Between two times at which old days are rolled up and dropped.
const MAINTAIN: Duration = Duration::from_secs(60);

/// What became of what was measured.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    samples: AtomicU64,
    dropped: AtomicU64,
    passes_missed: AtomicU64,
}

/// How writing the history goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HistoryCounts {
    /// Samples written since the server started.
    pub samples: u64,
    /// Samples that were not: too old, twice, or of one series too many.
    pub dropped: u64,
    /// Passes that were not written, since the history did not keep up.
    pub passes_missed: u64,
}

impl Recorded {
    pub(crate) fn counts(&self) -> HistoryCounts {
        HistoryCounts {
            samples: self.samples.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            passes_missed: self.passes_missed.load(Ordering::Relaxed),
        }
    }
}

/// Writes until the engine stops.
pub(crate) async fn run(engine: Arc<Inner>) {
    let Some(archive) = engine.history.clone() else { return };
    let mut ended = engine.figures.ended();
    let (mut known, mut said) = (HashMap::new(), OfPass::new());
    let mut next = Instant::now() + interval(&engine);
    let [mut writing, mut syncing, mut maintaining] = WORK.map(Trouble::with);
    let (mut sync, mut maintain) = (tokio::time::interval(SYNC), tokio::time::interval(MAINTAIN));
    sync.set_missed_tick_behavior(MissedTickBehavior::Delay);
    maintain.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            pass = ended.recv() => match pass {
                Ok((origin, pass)) => {
                    let of = known.remove(&(origin, pass)).unwrap_or_default();
                    let written = write(&engine, &archive, origin, pass, of).await;
                    if let Some(of) = writing.tell(written).filter(|of| !of.is_empty()) {
                        known.insert((origin, pass), of);
                    }
                }
                Err(RecvError::Lagged(count)) => {
                    engine.recorded.passes_missed.fetch_add(count, Ordering::Relaxed);
                    warn!(count, "the history does not keep up; passes are not in it");
                }
                Err(RecvError::Closed) => return,
            },
            () = tokio::time::sleep_until(next) => {
                next = Instant::now() + interval(&engine);
                let written = write_said(&engine, &archive, std::mem::take(&mut said)).await;
                said = writing.tell(written).unwrap_or_default();
            }
            _ = sync.tick() => {
                let serving = engine.clone();
                let work = move |archive: &Archive| {
                    serving.outputs.sync();
                    archive.sync()
                };
                syncing.tell(aside(&archive, work).await);
            }
            _ = maintain.tick() => {
                let now = millis(&engine);
                maintaining.tell(aside(&archive, move |it| it.maintain(now).map(drop)).await);
            }
        }
    }
}

/// The series of a thing, as they were written last.
#[derive(Debug, Default)]
struct Known {
    owner: Vec<Label>,
    series: Vec<(Metric, Labels, SeriesKey)>,
}

impl Known {
    /// Forgets the series that fresh passes of others tell now.
    fn leave_to(&mut self, owner: &[OwnerLabel<'_>], others: &[PassFigures]) {
        let same = self.owner.iter().map(|(name, value)| (&**name, &**value));
        if same.eq(owner.iter().copied()) {
            let is_told = |metric, labels: &Labels| {
                let mut points = others.iter().flat_map(PassFigures::points);
                points.any(|it| (it.metric, &it.labels) == (metric, labels))
            };
            self.series.retain(|(metric, labels, _)| !is_told(*metric, labels));
        }
    }
}

/// Those of all things of a pass, by their labels.
type OfPass = HashMap<String, Known>;

async fn write(
    engine: &Arc<Inner>,
    archive: &Archive,
    origin: Origin,
    pass: Cost,
    known: OfPass,
) -> Result<OfPass, Error> {
    let (serving, now) = (engine.clone(), millis(engine));
    let work = move |archive: &Archive| {
        let metrics = super::Metrics::new(&serving);
        // Of things of which nobody tells any more who did, others may go on to tell.
        let is_held = serving.figures.read().contains_key(&origin);
        let collected = if is_held { metrics.collected_at(origin) } else { metrics.collected() };
        let draft = draft(&collected, (origin, pass), known);
        keep(&serving, archive, now, &draft.samples, &draft.ended)?;
        Ok(draft.known)
    };
    aside(archive, work).await
}

/// How often what we say ourselves is written: as often as is measured.
fn interval(engine: &Inner) -> Duration {
    let pace = engine.collect.as_ref().map(|pace| pace.borrow().interval);
    pace.unwrap_or_else(|| CollectPace::default().interval).max(Duration::from_millis(100))
}

/// Writes what nobody measures: states, and how measuring and serving go.
async fn write_said(
    engine: &Arc<Inner>,
    archive: &Archive,
    known: OfPass,
) -> Result<OfPass, Error> {
    let (serving, now) = (engine.clone(), millis(engine));
    let stored = super::Metrics::new(engine).stored().await;
    let work = move |archive: &Archive| {
        let metrics = super::Metrics::new(&serving);
        let said = metrics.said(&metrics.collected(), &stored);
        let mut draft = draft_said(&said, now, known);
        let also = metrics.also().into_iter();
        draft.samples.extend(also.map(|(key, value)| (key, Sample { at_ms: now, value })));
        keep(&serving, archive, now, &draft.samples, &draft.ended)?;
        Ok(draft.known)
    };
    aside(archive, work).await
}

/// Writes samples and ends of series into the history, and puts what it took into the
/// queues of all outputs. Blocks on the disk. A series has one writer, so that its samples
/// are everywhere in their order. Gives what became of the samples.
pub(crate) fn keep(
    engine: &Inner,
    archive: &Archive,
    now_ms: i64,
    samples: &[(SeriesKey, Sample)],
    ended: &[SeriesKey],
) -> Result<Appended, Error> {
    let mut taken = Vec::new();
    let is_sent = !engine.outputs.is_empty();
    let mut tell = |key: &SeriesKey, sample: Sample| {
        if is_sent {
            taken.push((key.clone(), sample));
        }
    };
    let written = archive.append_telling(now_ms, samples, &mut tell);
    let ended = match &written {
        Ok(_) if !ended.is_empty() => archive.end_telling(now_ms, ended, now_ms, &mut tell),
        _ => Ok(Appended::default()),
    };
    // Also what was taken before an error.
    engine.outputs.offer(&taken);
    let (written, _) = (written?, ended?);
    engine.recorded.samples.fetch_add(written.written, Ordering::Relaxed);
    engine.recorded.dropped.fetch_add(written.dropped.total(), Ordering::Relaxed);
    Ok(written)
}

#[derive(Default)]
struct Draft {
    samples: Vec<(SeriesKey, Sample)>,
    /// Series that were written before and are not any more.
    ended: Vec<SeriesKey>,
    known: OfPass,
}

/// What a pass is to the history; `known` is what the one before was.
fn draft(collected: &Collected, of: (Origin, Cost), mut known: OfPass) -> Draft {
    let mut draft = Draft::default();
    let mut add = |name: String, owner: Vec<OwnerLabel<'_>>, passes: &[PassFigures]| {
        let is_it = |it: &&PassFigures| (it.origin, it.pass) == of && it.is_fresh;
        let figures = passes.iter().find(is_it).filter(|it| it.reading.is_some());
        let Some(figures) = figures else {
            // It is ended below, but for what another goes on with.
            if let Some(before) = known.get_mut(&name) {
                before.leave_to(&owner, passes);
            }
            return;
        };
        let before = known.remove(&name).unwrap_or_default();
        let of = draft.read(before, &owner, figures);
        draft.known.insert(name, of);
    };
    for it in &collected.vms {
        let id = it.of.id.to_string();
        add(format!("vm {id}"), it.of.metric_labels(&id), &it.passes);
    }
    for it in &collected.hosts {
        add(format!("host {}", it.of.id), it.of.metric_labels(), &it.passes);
    }
    for it in &collected.pools {
        add(format!("pool {}", it.of.id), it.of.metric_labels(), &it.passes);
    }
    for it in &collected.containers {
        let name = format!("container {} on {}", it.of.container.id, it.of.host);
        add(name, it.of.metric_labels(), &it.passes);
    }
    for it in &collected.machines {
        add(format!("machine {}", it.of.agent), it.of.metric_labels(), &it.passes);
    }
    draft.end(known);
    draft
}

/// What is said at one time is to the history; `known` is what was said before.
fn draft_said(said: &[Said], now: i64, mut known: OfPass) -> Draft {
    let mut draft = Draft::default();
    for it in said {
        let name = it.name();
        let before = known.remove(&name).unwrap_or_default();
        let (owner, at) = (it.owner(), Timestamp::from_millis(now));
        let of = draft.thing(before, &owner, at, it.points.iter(), |_| true);
        draft.known.insert(name, of);
    }
    draft.end(known);
    draft
}

/// What was read and computed. A VM's state is told from the present picture, not from passes.
fn measured(reading: &Reading) -> impl Iterator<Item = &Point> {
    let all = reading.points.iter().chain(&reading.own);
    all.filter(|point| point.metric != Metric::VmState)
}

impl Draft {
    /// Ends things that are gone, or do not answer for so long that they have no values.
    fn end(&mut self, gone: OfPass) {
        self.ended.extend(gone.into_values().flat_map(|of| of.series).map(|(_, _, key)| key));
    }

    /// Adds what was read of a thing, if it was read in this pass: what did not answer
    /// neither goes on nor ends.
    fn read(&mut self, before: Known, owner: &[OwnerLabel<'_>], figures: &PassFigures) -> Known {
        match figures.reading.as_ref().filter(|_| figures.is_reached) {
            Some(reading) => {
                let is_told = |metric| figures.tells(metric);
                self.thing(before, owner, reading.at, measured(reading), is_told)
            }
            None => before,
        }
    }

    /// Adds what is true of a thing. Its series are kept from the pass before where
    /// they are the same, which they mostly are.
    fn thing<'p>(
        &mut self,
        mut before: Known,
        owner: &[OwnerLabel<'_>],
        at: Timestamp,
        points: impl Iterator<Item = &'p Point>,
        is_told: impl Fn(Metric) -> bool,
    ) -> Known {
        let same = before.owner.iter().map(|(name, value)| (&**name, &**value));
        if !same.eq(owner.iter().copied()) {
            self.ended.extend(before.series.drain(..).map(|(_, _, key)| key));
            before.owner = owner.iter().map(|(n, v)| (Box::from(*n), Box::from(*v))).collect();
        }
        let at_ms = at.as_micros().div_euclid(1000);
        let mut series = Vec::with_capacity(before.series.len());
        let mut old = before.series.into_iter();
        let mut rest: Vec<(Metric, Labels, SeriesKey)> = Vec::new();
        for point in points {
            let is_it =
                |it: &(Metric, Labels, SeriesKey)| it.0 == point.metric && it.1 == point.labels;
            let next = old.next();
            let found = match next {
                Some(it) if is_it(&it) => Some(it),
                other => {
                    rest.extend(other);
                    rest.iter().position(is_it).map(|at| rest.swap_remove(at))
                }
            };
            if !is_told(point.metric) {
                continue; // another goes on with it, so it does not end
            }
            let Some(it) = found.or_else(|| new_series(owner, point)) else { continue };
            self.samples.push((it.2.clone(), Sample { at_ms, value: point.value }));
            series.push(it);
        }
        self.ended.extend(old.chain(rest).map(|(_, _, key)| key));
        Known { owner: before.owner, series }
    }
}

/// `None` for what makes no series, for example a name that is too long.
fn new_series(owner: &[OwnerLabel<'_>], point: &Point) -> Option<(Metric, Labels, SeriesKey)> {
    let family = point.metric.family();
    let own = family.labels.iter().copied();
    let own = own.zip(point.labels.values().iter().map(|value| &**value));
    let key = SeriesKey::new(family.name, owner.iter().copied().chain(own)).ok()?;
    Some((point.metric, point.labels.clone(), key))
}

fn millis(engine: &Inner) -> i64 {
    engine.clock.now().as_micros().div_euclid(1000)
}

/// Runs something that waits for disks where nobody else waits.
async fn aside<T: Send + 'static>(
    archive: &Archive,
    work: impl FnOnce(&Archive) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let archive = archive.clone();
    match tokio::task::spawn_blocking(move || work(&archive)).await {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// What is done with the history, for the log.
const WORK: [&str; 3] = ["write", "sync", "maintain"];

/// What keeps one kind of work from being done: told when it begins, changes and ends,
/// and not each time.
#[derive(Debug)]
pub(super) struct Trouble {
    work: &'static str,
    error: Option<String>,
}

impl Trouble {
    pub(super) const fn with(work: &'static str) -> Self {
        Self { work, error: None }
    }

    /// Tells how it went this time; what came of it.
    pub(super) fn tell<T>(&mut self, outcome: Result<T, Error>) -> Option<T> {
        let (done, error) = match outcome {
            Ok(done) => (Some(done), None),
            Err(error) => (None, Some(error.to_string())),
        };
        match (&self.error, &error) {
            (before, Some(now)) if before.as_ref() != Some(now) => {
                error!(work = self.work, error = now, "the history cannot be kept");
            }
            (Some(_), None) => info!(work = self.work, "the history is kept again"),
            _ => {}
        }
        self.error = error;
        done
    }
}

#[cfg(test)]
mod tests;
