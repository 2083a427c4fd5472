//! What users measure themselves and push: held as it is now, told beside what is
//! measured, and kept in the history (C25e, D22).
//!
//! ```text
//!  push ──► sound? room? ──► the history ──► held ──► ttl ──► stale ──► 2 ttl ──► gone
//!             no: nothing      (by turns)     │         │
//!             of it is taken                  ▼         ▼
//!                                        told, with   told no more, and ended
//!                                        its age      in the history
//! ```
//!
//! A push is taken as a whole or not at all, and is in the history when it is answered.
//! Each sample is written once, at its own time: nothing is carried forward (X17). What is
//! held is in memory alone, so after a restart it is unknown until pushed again.
//!
//! A series of a VM or host is held by the thing, and bears the labels of its present
//! picture: one that is renamed or migrated is told by its new ones, and goes on in the
//! history by those when it is pushed again; of one that is gone nothing is told (X22).
//! What a recording rule computes nobody may push: a series has one source.

mod handover;
mod push;
mod state;
pub(super) mod tidy;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use hostler_core::access::{Actor, Permission, may};
use hostler_core::error::Fault;
use hostler_core::id::{HostId, VmId};
use hostler_core::metrics::custom::{Pushed, SizeLimits};
use hostler_core::metrics::series::SeriesKey;
use hostler_core::metrics::{Labels, Metric, MetricKind, OwnerLabel, Point};
use hostler_core::{Code, Error, Result, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::fleet::snapshot::Snapshot;
use crate::{HostView, Inner, VmView};
use state::State;

pub(crate) use handover::Handover;

/// How long a push waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether and how much may be pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomSettings {
    /// Whether anything is taken.
    pub enabled: bool,
    /// For how long a value is told.
    pub ttl: Duration,
    /// The most series of all users together.
    pub series_max: usize,
    /// The most series of one user or token.
    pub series_per_user_max: usize,
    /// The most samples of a push.
    pub samples_per_push_max: usize,
    /// How long texts and how many labels are taken.
    pub sizes: SizeLimits,
}

impl Default for CustomSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            ttl: Duration::from_secs(300),
            series_max: 10_000,
            series_per_user_max: 1000,
            samples_per_push_max: 1000,
            sizes: SizeLimits { labels: 10, name_bytes: 128, value_bytes: 256 },
        }
    }
}

/// A sample to be pushed.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomSample {
    /// What it says.
    pub sample: Pushed,
    /// Of which VM: its id, or its name where no other has it.
    pub vm: Option<String>,
    /// Of which host, in the same way.
    pub host: Option<String>,
}

/// What became of a push that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CustomPush {
    /// How many samples were taken.
    pub accepted: u64,
    /// How many of them the history took; `None` where none is kept.
    pub kept: Option<u64>,
    /// How many series are held of who pushed.
    pub series: usize,
    /// How many they may have.
    pub series_max: usize,
}

/// What a series is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Of {
    Nothing,
    Vm(VmId),
    Host(HostId),
}

/// The same with its present picture.
#[derive(Debug, Clone)]
pub enum CustomOf {
    /// Nothing that Hostler knows.
    Nothing,
    /// A VM, and its id as text.
    Vm(Arc<VmView>, String),
    /// A host.
    Host(Arc<HostView>),
}

/// A series that is pushed, as it is now.
#[derive(Debug, Clone)]
pub struct CustomView {
    /// Its name and own labels.
    pub key: SeriesKey,
    /// What it is of.
    pub of: CustomOf,
    /// How its value behaves.
    pub kind: MetricKind,
    /// The newest value.
    pub value: f64,
    /// When that was so.
    pub at: Timestamp,
    /// How long ago that is.
    pub age: Duration,
    /// Whether that is not too long ago to be told as present.
    pub is_fresh: bool,
    /// Who pushed it.
    pub by: Arc<str>,
}

impl CustomOf {
    /// `None` where the thing is gone.
    fn find(of: Of, snapshot: &Snapshot) -> Option<Self> {
        Some(match of {
            Of::Nothing => Self::Nothing,
            Of::Vm(id) => Self::Vm(snapshot.vms.get(&id)?.clone(), id.to_string()),
            Of::Host(id) => Self::Host(snapshot.hosts.get(&id)?.clone()),
        })
    }

    /// The labels that its series bear beside their own.
    pub fn owner(&self) -> Vec<OwnerLabel<'_>> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Vm(view, id) => view.metric_labels(id),
            Self::Host(view) => view.metric_labels(),
        }
    }

    /// A series of it, as the history names it; `None` for what makes none.
    fn series(&self, key: &SeriesKey) -> Option<SeriesKey> {
        let own = key.labels().iter().map(|(name, value)| (&**name, &**value));
        SeriesKey::new(key.name(), self.owner().into_iter().chain(own)).ok()
    }
}

/// What users push.
pub struct CustomMetrics<'a> {
    engine: &'a Arc<Inner>,
}

impl<'a> CustomMetrics<'a> {
    pub(crate) const fn new(engine: &'a Arc<Inner>) -> Self {
        Self { engine }
    }

    /// Takes this much from now on; what is held already stays until it is too old.
    pub fn configure(&self, settings: CustomSettings) {
        *self.engine.custom.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    /// Whether and how much may be pushed.
    pub fn settings(&self) -> CustomSettings {
        self.engine.custom.settings()
    }

    /// Takes samples, all or none; none where reading them had `faults`. When this returns they
    /// are in the history, if one is kept.
    ///
    /// # Errors
    /// `spec_invalid` with every fault and its place; `limit_exceeded` naming the limit and
    /// its key; `metric_conflict`; `capability_missing` where pushing is off; `rate_limited`;
    /// those of the history.
    pub async fn push(
        &self,
        actor: &Actor,
        samples: Vec<CustomSample>,
        faults: Vec<Fault>,
    ) -> Result<CustomPush> {
        may(actor, Permission::MetricsWrite)?;
        let (custom, count) = (&self.engine.custom, (samples.len() + faults.len()) as u64);
        let outcome = match faults.is_empty() {
            true => self.take(actor, samples).await,
            false => Err(Error::faults(Code::SpecInvalid, faults)),
        };
        match &outcome {
            Ok(_) => custom.taken.fetch_add(count, Ordering::Relaxed),
            Err(error) => custom.refused(error.code()).fetch_add(count, Ordering::Relaxed),
        };
        outcome
    }

    async fn take(&self, actor: &Actor, samples: Vec<CustomSample>) -> Result<CustomPush> {
        let settings = self.settings();
        if !settings.enabled {
            let message = "no metrics can be pushed: `metrics.custom.enabled` is off in the \
                           configuration";
            return Err(Error::new(Code::CapabilityMissing, message));
        }
        let most = settings.samples_per_push_max;
        if samples.len() > most {
            // A text is read no further than to where it is too much.
            let what = "this push has more samples than that";
            return Err(limit("max_samples_per_push", most, what));
        }
        let turn = self.engine.custom.turn().await?;
        let (engine, by) = (self.engine.clone(), Arc::from(actor.name.as_str()));
        let work = move || {
            // Kept until the end, also of one that nobody waits for any more.
            let _turn = turn;
            push::run(&engine, &settings, &by, &samples)
        };
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|error| Error::bug(format!("a push failed: {error}")))?
    }

    /// What is held, by name and labels; also what is too old to be told.
    pub fn list(&self) -> Vec<CustomView> {
        let (custom, snapshot) = (&self.engine.custom, self.engine.fleet.snapshot());
        let (ttl, now) = (custom.settings().ttl, Instant::now());
        let state = custom.state();
        let held = state.all().filter_map(|(series, held)| {
            let age = held.age(now);
            Some(CustomView {
                key: series.key.clone(),
                of: CustomOf::find(series.of, &snapshot)?,
                kind: held.kind,
                value: held.value,
                at: held.at,
                age,
                is_fresh: age <= ttl,
                by: held.by.clone(),
            })
        });
        held.collect()
    }
}

/// What users push, and how that goes.
pub(crate) struct Custom {
    settings: RwLock<CustomSettings>,
    /// Never held while the disk is waited for.
    state: Mutex<State>,
    /// For who writes: a series has one writer at a time.
    turn: Arc<Semaphore>,
    taken: AtomicU64,
    /// By [`REASONS`].
    refused: [AtomicU64; REASONS.len()],
}

/// Why samples are not taken.
const REASONS: [&str; 6] = ["invalid", "limit", "conflict", "off", "busy", "failed"];

impl Default for Custom {
    fn default() -> Self {
        Self {
            settings: RwLock::default(),
            state: Mutex::default(),
            turn: Arc::new(Semaphore::new(1)),
            taken: AtomicU64::new(0),
            refused: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}

impl Custom {
    fn settings(&self) -> CustomSettings {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Of who pushes: to write is for one at a time, and whoever waits too long is told so.
    async fn turn(&self) -> Result<OwnedSemaphorePermit> {
        let turn = tokio::time::timeout(PATIENCE, self.turn.clone().acquire_owned()).await;
        turn.ok().and_then(std::result::Result::ok).ok_or_else(|| {
            let seconds = PATIENCE.as_secs();
            let message = format!("pushes have to wait for longer than {seconds} s");
            Error::new(Code::RateLimited, message)
        })
    }

    /// The turn of rules, which are patient: pushes must not keep a configuration from being
    /// taken. Each push before it waits for no longer than its own patience.
    async fn turn_of_rules(&self) -> Result<OwnedSemaphorePermit> {
        let turn = self.turn.clone().acquire_owned().await;
        turn.map_err(|_| Error::bug("the turn of pushes was closed"))
    }

    fn refused(&self, code: Code) -> &AtomicU64 {
        let [invalid, limit, conflict, off, busy, failed] = &self.refused;
        match code {
            Code::SpecInvalid => invalid,
            Code::LimitExceeded => limit,
            Code::MetricConflict => conflict,
            Code::CapabilityMissing => off,
            Code::RateLimited => busy,
            _ => failed,
        }
    }

    /// How it goes, as metrics.
    pub(super) fn points(&self) -> Vec<Point> {
        let refused = REASONS.iter().zip(&self.refused).map(|(reason, count)| {
            let count = count.load(Ordering::Relaxed) as f64;
            Point::labelled(Metric::CustomSamplesRefusedTotal, Labels::one(*reason), count)
        });
        let taken = self.taken.load(Ordering::Relaxed) as f64;
        let mut points = vec![
            Point::plain(Metric::CustomSeries, self.state().len() as f64),
            Point::plain(Metric::CustomSamplesTotal, taken),
        ];
        points.extend(refused);
        points
    }
}

/// A limit was reached: which, and where it is set.
fn limit(key: &str, most: usize, what: &str) -> Error {
    let key = format!("metrics.custom.{key}");
    Error::new(Code::LimitExceeded, format!("{key} allows {most}: {what}"))
        .with_detail("key", key)
        .with_detail("limit", most)
}

#[cfg(test)]
mod tests;
