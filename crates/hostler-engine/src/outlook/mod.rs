//! What will be of things, by the history of what was measured: where they tend, when they
//! are full, what is unusual now, and which VMs have the wrong size.
//!
//! ```text
//!  plan: which series ──► read: the history, in equal steps ──► judge: hostler_core::forecast
//!  (queries in PromQL)     (roll-ups, bounded, in its turn)       │           size: of VMs
//!                                                                 ▼
//!                       an answer, or what it lacks: never a figure that the data does not carry
//! ```
//!
//! Nothing is kept of it: it is computed when somebody asks. Each resource bears the query
//! that its values are from, so that whoever doubts can look.

mod judge;
mod plan;
mod read;
mod size;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hostler_core::forecast::anomaly::Finding;
use hostler_core::forecast::seasonal::Forecast;
use hostler_core::forecast::sizing::{Figures, Size};
use hostler_core::forecast::trend::{Arrival, BackTest, Trend};
use hostler_core::forecast::{Interval, NotEnough};
use hostler_core::{Code, Error, Result, Timestamp};

use crate::collect::{history, in_turn};
use crate::{HostView, Inner, PoolView, VmView};
use plan::Plan;
use read::Reader;

/// How far ahead is looked where nobody says.
pub const HORIZON: Duration = Duration::from_secs(7 * 86_400);
/// The nearest and the furthest that can be looked ahead.
pub const HORIZONS: [Duration; 2] = [Duration::from_secs(3600), Duration::from_secs(90 * 86_400)];
/// The most series of a resource that are looked at: a guest may tell of any number of file
/// systems.
pub const RESOURCES_MAX: usize = 64;

/// What will be of a thing, as far as its history says.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlook {
    /// When this was computed.
    pub at: Timestamp,
    /// How far ahead it looks.
    pub horizon: Duration,
    /// Each thing that is used up or kept busy.
    pub resources: Vec<ResourceOutlook>,
    /// How many series there are beyond [`RESOURCES_MAX`].
    pub left_out: usize,
    /// Whether it has the right size; only of VMs.
    pub sizes: Vec<SizeOutlook>,
}

/// What will be of one resource.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceOutlook {
    /// Which: `cpu`, `memory`, `filesystem` …
    pub resource: &'static str,
    /// Which of several, for example the mount point.
    pub labels: BTreeMap<String, String>,
    /// What its values are counted in.
    pub unit: Unit,
    /// The query that its values are from, in PromQL.
    pub query: String,
    /// The mean of the last quarter of an hour; none when nothing was measured then.
    pub recent: Option<f64>,
    /// What it is full at; none where it never is, or that is not known.
    pub limit: Option<f64>,
    /// What was looked back at.
    pub past: Past,
    /// Where it tends.
    pub trend: Result<Trend, Missing>,
    /// When it is full; `None` where it has no limit.
    pub full: Option<Result<Full, Missing>>,
    /// What is ahead, up to the horizon.
    pub forecast: Result<Forecast, Missing>,
    /// What is unusual, and where that could not be told.
    pub unusual: Vec<(Look, Result<Option<Finding>, Missing>)>,
}

/// What values are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A share of the whole, from 0 to 1.
    Ratio,
    /// Bytes.
    Bytes,
    /// Bytes in a second.
    BytesPerSecond,
    /// Things.
    Count,
    /// Things in a second.
    CountPerSecond,
}

impl Unit {
    /// The word for documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ratio => "ratio",
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "bytes_per_second",
            Self::Count => "count",
            Self::CountPerSecond => "count_per_second",
        }
    }
}

/// What was looked back at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past {
    /// How many values there are, each the mean of a step.
    pub values: usize,
    /// The first and the last of them; none where there is none.
    pub reach: Option<(Timestamp, Timestamp)>,
    /// From one to the next.
    pub step: Duration,
    /// The longest time that was summed up to one value before anybody asked; `None` where
    /// all is from samples as they were measured.
    pub resolution: Option<Duration>,
}

/// When something is full, and how good such lines were on its past.
#[derive(Debug, Clone, PartialEq)]
pub struct Full {
    /// When.
    pub arrival: Arrival,
    /// How good such lines were.
    pub back_test: Result<BackTest, Missing>,
}

/// In which way it was looked for what is unusual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Other than at this hour of other days.
    HourOfDay,
    /// The level changed, and stayed.
    Level,
}

/// Whether something has the right size.
#[derive(Debug, Clone, PartialEq)]
pub struct SizeOutlook {
    /// Of what.
    pub of: Size,
    /// What it has now; none when that was not measured just now.
    pub has: Option<u64>,
    /// What would fit.
    pub verdict: Result<Verdict, Missing>,
    /// What that goes by, by name; those there is enough of.
    pub figures: Vec<(&'static str, Unit, Figures)>,
    /// From one value to the next.
    pub step: Duration,
}

/// What would fit.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// What it has.
    Fits,
    /// More would not help: the host is what is short. With the share of the time that is
    /// waited.
    HostShort(f64),
    /// So much, and why.
    Change {
        /// So much.
        to: u64,
        /// The reason, in words and figures.
        reason: String,
    },
}

/// Why there is no answer. `Display` says it in words.
#[derive(Debug, Clone, PartialEq)]
pub enum Missing {
    /// The history has nothing of it at all. With who would tell it.
    NotMeasured(&'static str),
    /// It was measured once, and not lately: what was then says nothing of what comes.
    Stale(Option<Timestamp>),
    /// It is measured again, and was not for so long that what was says nothing of what
    /// comes. With when that ended.
    Returned(Timestamp),
    /// What it is full at is not known.
    NoLimit,
    /// The history could not be read for this.
    Refused(String),
    /// The data does not carry it.
    NotEnough(NotEnough),
}

impl From<NotEnough> for Missing {
    fn from(missing: NotEnough) -> Self {
        Self::NotEnough(missing)
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotMeasured(who) => write!(f, "the history has nothing of it: {who}"),
            Self::Stale(last) => {
                let minutes = read::RECENT.as_secs() / 60;
                write!(f, "nothing was measured of it in the last {minutes} minutes")?;
                last.map_or(Ok(()), |last| write!(f, ", and last at {last}"))
            }
            Self::Returned(last) => {
                write!(f, "it is measured again only lately, and was not from {last} until then")
            }
            Self::NoLimit => f.write_str("how much there is of it was not measured lately"),
            Self::Refused(why) => write!(f, "the history was not read: {why}"),
            Self::NotEnough(missing) => missing.fmt(f),
        }
    }
}

/// What will be of things.
pub struct Outlooks<'a> {
    engine: &'a Arc<Inner>,
}

impl<'a> Outlooks<'a> {
    pub(crate) const fn new(engine: &'a Arc<Inner>) -> Self {
        Self { engine }
    }

    /// Of a VM.
    ///
    /// # Errors
    /// `query_invalid` where the horizon is too near or too far, `capability_missing` where
    /// no history is kept, `limit_exceeded` where too many ask or it takes too long.
    pub async fn of_vm(&self, vm: &VmView, horizon: Duration) -> Result<Outlook> {
        let id = vm.id.to_string();
        self.of(plan::of_vm(&id), Some(plan::sizes(&id)), horizon).await
    }

    /// Of a host.
    ///
    /// # Errors
    /// See [`of_vm`](Self::of_vm).
    pub async fn of_host(&self, host: &HostView, horizon: Duration) -> Result<Outlook> {
        self.of(plan::of_host(&host.metric_labels()), None, horizon).await
    }

    /// Of a storage pool.
    ///
    /// # Errors
    /// See [`of_vm`](Self::of_vm).
    pub async fn of_pool(&self, pool: &PoolView, horizon: Duration) -> Result<Outlook> {
        self.of(plan::of_pool(&pool.metric_labels()), None, horizon).await
    }

    async fn of(
        &self,
        plans: Vec<Plan>,
        sizes: Option<plan::Sizes>,
        horizon: Duration,
    ) -> Result<Outlook> {
        check(horizon)?;
        let (archive, at) = (history(self.engine)?, self.engine.clock.now());
        in_turn(self.engine, archive, move |asking| {
            let reader = Reader::new(asking, at);
            let (mut resources, mut left_out) = (Vec::new(), 0);
            for plan in &plans {
                let (found, beyond) = judge::resource(&reader, plan, horizon)?;
                resources.extend(found);
                left_out += beyond;
            }
            let sizes = sizes.map(|sizes| size::all(&reader, &sizes)).transpose()?;
            Ok(Outlook { at, horizon, resources, left_out, sizes: sizes.unwrap_or_default() })
        })
        .await
    }
}

fn check(horizon: Duration) -> Result<()> {
    let [least, most] = HORIZONS;
    if (least..=most).contains(&horizon) {
        return Ok(());
    }
    let (given, least, most) = (horizon.as_secs(), least.as_secs(), most.as_secs());
    let message = format!(
        "the horizon has to be from {least} (an hour) to {most} seconds (90 days), and is {given}"
    );
    Err(Error::new(Code::QueryInvalid, message))
}

/// What is possible: nothing is less than none, and a share is never more than all.
fn possible(interval: Interval, unit: Unit) -> Interval {
    let Interval { low, high } = interval;
    let most = if unit == Unit::Ratio { 1.0 } else { f64::INFINITY };
    Interval { low: low.clamp(0.0, most), high: high.clamp(0.0, most) }
}
