//! How much a query may be and take. A query comes from anybody who may read
//! metrics, so nothing about it is without an end.

use crate::fault::{Error, Result};

/// The longest text of a query, in bytes.
pub const TEXT_MAX: usize = 16 * 1024;
/// The most words and signs of a query.
pub const TOKENS_MAX: usize = 4096;
/// The most brackets within each other. With [`OPERATORS_MAX`] it bounds how deep
/// the tree can be, and so the stack that walking it takes.
pub const DEPTH_MAX: usize = 32;
/// The most operators of a query, signs before a number included.
pub const OPERATORS_MAX: usize = 128;
/// The longest range or offset, in milliseconds: a hundred years.
pub const DURATION_MAX_MS: i64 = 100 * 365 * 86_400_000;
/// The last moment that is counted in, in milliseconds from 1970; its negative is
/// the first. Sums of times and durations stay far from the ends of an `i64`.
pub const TIME_MAX_MS: i64 = 1 << 52;
/// How far back a value still counts as the present one.
pub const LOOKBACK_MS: i64 = 5 * 60_000;

/// What evaluating one query may take.
#[derive(Clone, Copy)]
pub struct Limits<'a> {
    /// The most steps of the range that is asked for.
    pub steps: usize,
    /// The most series that one selector may find, or one operation may give.
    pub series: usize,
    /// The most samples loaded from the history, all selectors together.
    pub samples: usize,
    /// The most values computed, all operations together: series times steps.
    pub points: usize,
    /// The step of a subquery that names none, in milliseconds; what Prometheus
    /// calls the global evaluation interval.
    pub subquery_step_ms: i64,
    /// Asked now and then; once it says true, the query ends as cancelled. This is
    /// where a deadline goes.
    pub is_cancelled: &'a dyn Fn() -> bool,
}

impl Default for Limits<'static> {
    fn default() -> Self {
        Self {
            steps: 11_000,
            series: 20_000,
            samples: 10_000_000,
            points: 10_000_000,
            subquery_step_ms: 60_000,
            is_cancelled: &|| false,
        }
    }
}

impl std::fmt::Debug for Limits<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limits")
            .field("steps", &self.steps)
            .field("series", &self.series)
            .field("samples", &self.samples)
            .field("points", &self.points)
            .field("subquery_step_ms", &self.subquery_step_ms)
            .finish_non_exhaustive()
    }
}

/// How many samples are looked at between two looks at the caller's wish.
const WORK_BETWEEN_LOOKS: usize = 1 << 16;

/// Counts what an evaluation took.
#[derive(Debug)]
pub(crate) struct Meter<'a> {
    limits: Limits<'a>,
    samples: usize,
    points: usize,
    work: usize,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(limits: Limits<'a>) -> Self {
        // Full, so that the first look comes with the first work.
        Self { limits, samples: 0, points: 0, work: WORK_BETWEEN_LOOKS }
    }

    pub(crate) fn limits(&self) -> &Limits<'a> {
        &self.limits
    }

    /// Before a range of so many steps.
    pub(crate) fn steps(&self, steps: usize) -> Result<()> {
        at_most("steps", steps, self.limits.steps)
    }

    /// Other steps from here on.
    pub(crate) fn set_steps(&mut self, steps: usize) {
        self.limits.steps = steps;
    }

    /// For so many series of one selector or operation.
    pub(crate) fn series(&self, series: usize) -> Result<()> {
        at_most("series", series, self.limits.series)
    }

    /// For samples loaded.
    pub(crate) fn samples(&mut self, samples: usize) -> Result<()> {
        self.samples = self.samples.saturating_add(samples);
        at_most("samples", self.samples, self.limits.samples)
    }

    /// Before values are computed and kept.
    pub(crate) fn points(&mut self, points: usize) -> Result<()> {
        self.points = self.points.saturating_add(points);
        at_most("points", self.points, self.limits.points)?;
        self.work(points)
    }

    /// For samples or values looked at.
    pub(crate) fn work(&mut self, work: usize) -> Result<()> {
        self.work = self.work.saturating_add(work);
        if self.work < WORK_BETWEEN_LOOKS {
            return Ok(());
        }
        self.work = 0;
        if (self.limits.is_cancelled)() { Err(Error::Cancelled) } else { Ok(()) }
    }
}

fn at_most(what: &'static str, count: usize, most: usize) -> Result<()> {
    if count > most { Err(Error::TooMuch { what, most }) } else { Ok(()) }
}
