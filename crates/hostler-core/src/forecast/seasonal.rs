//! What the next hours or days look like, for series with days and weeks in them.
//!
//! ```text
//!  samples ──► grid ──► every model, from many points of the past ──► errors
//!                                                                       │
//!        refused, if to say "as now" was nearly as good ◄── the best ◄──┤
//!                                                           │           │
//!                                     values ahead, and around them ◄───┘
//! ```
//!
//! Which model is right is not guessed, but tried: each forecasts from points of
//! the past at which what came then is known (rolling origin). The interval is
//! made of the errors of those trials; how often it held is told, counted on
//! trials that it was not made from.

use std::time::Duration;

use super::stats::{median, number, sorted_quantile, thinned};
use super::{Interval, NotEnough, sound, span};
use crate::metrics::series::Sample;

/// The most steps that are looked back at, and the most ahead.
pub const STEPS_MAX: usize = 20_000;
/// The most trials.
pub const TRIALS_MAX: usize = 24;
/// The fewest trials that prove anything.
pub const TRIALS_MIN: usize = 8;
/// The share of the steps that has to be there.
pub const FILLED_MIN: f64 = 0.8;
/// What the interval is made to hold.
pub const HELD: f64 = 0.9;
/// About so many steps of each trial are judged by the others.
const JUDGED: usize = 24;
/// A model has to be better than "as now" by this: of several, one always is a
/// little, by chance.
const BETTER: f64 = 0.9;
const DAY_MS: i64 = 86_400_000;

/// How the values ahead are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Model {
    /// As now: what every other has to beat.
    Naive,
    /// A line through the past.
    Line,
    /// As a day ago.
    DayAgo,
    /// The usual day, and a line.
    Day,
    /// As a week ago.
    WeekAgo,
    /// The usual week, and a line.
    Week,
}

impl Model {
    /// The word for people and documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Naive => "naive",
            Self::Line => "line",
            Self::DayAgo => "day_ago",
            Self::Day => "day",
            Self::WeekAgo => "week_ago",
            Self::Week => "week",
        }
    }
}

/// How good the model was on the past.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BackTest {
    /// From how many points of the past it was tried.
    pub trials: usize,
    /// How far it was off on average.
    pub mean_error: f64,
    /// The same as a share of the values; `None` where some are 0 or nearly so.
    pub mean_share: Option<f64>,
    /// How often the interval held, from 0 to 1; it is made to hold [`HELD`].
    pub held: f64,
    /// How far off it is to say "as now".
    pub naive_error: f64,
}

/// A value ahead.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ahead {
    /// The end of the step, milliseconds since 1970.
    pub at_ms: i64,
    /// What is expected.
    pub value: f64,
    /// What holds [`HELD`] of the values.
    pub interval: Interval,
}

/// Values ahead, with how good such a forecast was on the past.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// What they are made by.
    pub model: Model,
    /// One for each step.
    pub ahead: Vec<Ahead>,
    /// How good that was on the past.
    pub back_test: BackTest,
}

/// A forecast of so many steps.
///
/// # Errors
/// When the samples do not reach back far enough or have too many gaps, and
/// when no model was better than to say "as now".
pub fn forecast(
    samples: &[Sample],
    step: Duration,
    steps_ahead: usize,
) -> Result<Forecast, NotEnough> {
    let samples = sound(samples);
    let grid =
        Grid::new(&samples, step).ok_or(NotEnough::Points { have: samples.len(), need: 2 })?;
    let ahead = steps_ahead.clamp(1, STEPS_MAX);
    let n = grid.values.len();
    let filled = number(grid.values.iter().flatten().count()) / number(n);
    if filled < FILLED_MIN {
        return Err(NotEnough::Gaps { have: filled, need: FILLED_MIN });
    }
    let stride = (ahead / 4).max(1);
    let needed = |learnt: usize| learnt + ahead + stride * (TRIALS_MIN - 1);
    let (day, week) = (grid.day, grid.day * 7);
    let mut models = vec![Model::Naive, Model::Line];
    // A step that does not divide a day has no days.
    let mut learnt = ahead.max(day.min(24)).max(10);
    if day > 1 {
        learnt = 3 * day;
        models.extend([Model::DayAgo, Model::Day]);
        if n >= needed(2 * week + 1) {
            learnt = 2 * week + 1;
            models.extend([Model::WeekAgo, Model::Week]);
        }
    }
    if n < needed(learnt) {
        let steps = u32::try_from(needed(learnt)).unwrap_or(u32::MAX);
        return Err(NotEnough::Span { have: span(&samples), need: step.saturating_mul(steps) });
    }
    let origins: Vec<usize> = (0..TRIALS_MAX)
        .map_while(|back| (n - ahead).checked_sub(back * stride))
        .take_while(|origin| *origin >= learnt)
        .collect();
    let tried = |model: &Model| Trials::run(&grid, *model, &origins, ahead);
    let trials: Vec<Trials> = models.iter().map(tried).collect();
    choose(&grid, trials, ahead)
}

fn choose(grid: &Grid, trials: Vec<Trials>, ahead: usize) -> Result<Forecast, NotEnough> {
    let naive_error = trials.first().map_or(f64::INFINITY, Trials::mean_error);
    let best = trials
        .into_iter()
        .skip(1)
        .min_by(|one, other| one.mean_error().total_cmp(&other.mean_error()));
    let Some(best) = best else { return Err(NotEnough::Noise) };
    let error = best.mean_error();
    // What never changes is forecast rightly by all.
    let is_exact = error == 0.0 && naive_error == 0.0;
    if !is_exact && (error.is_nan() || error > naive_error * BETTER) {
        return Err(NotEnough::NoModel { error, naive_error });
    }
    let Some(values) = grid.predict(best.model, grid.values.len(), ahead) else {
        return Err(NotEnough::NoModel { error, naive_error });
    };
    let all: Vec<&Trial> = best.trials.iter().collect();
    let ahead = values
        .into_iter()
        .enumerate()
        .map(|(at, value)| {
            let around = around(&all, at, ahead);
            let interval = Interval { low: value + around.low, high: value + around.high };
            Ahead { at_ms: grid.end_of(grid.values.len() + at), value, interval }
        })
        .collect();
    let back_test = BackTest {
        trials: best.trials.len(),
        mean_error: error,
        mean_share: best.mean_share(),
        held: best.held(),
        naive_error,
    };
    Ok(Forecast { model: best.model, ahead, back_test })
}

/// The samples in equal steps: the median of each, none where there is none.
struct Grid {
    values: Vec<Option<f64>>,
    /// The number of the first step since 1970.
    first: i64,
    step_ms: i64,
    /// Steps in a day; 1 where they do not fit.
    day: usize,
}

impl Grid {
    fn new(samples: &[Sample], step: Duration) -> Option<Self> {
        let step_ms = i64::try_from(step.as_millis()).ok()?.max(1);
        let last = samples.last()?.at_ms.div_euclid(step_ms);
        let most = i64::try_from(STEPS_MAX).ok()?;
        let first = samples.first()?.at_ms.div_euclid(step_ms).max(last.saturating_sub(most - 1));
        let length = usize::try_from(last - first).ok()? + 1;
        let mut parts: Vec<Vec<f64>> = vec![Vec::new(); length];
        for sample in samples {
            let at = sample.at_ms.div_euclid(step_ms).checked_sub(first);
            let at = at.and_then(|at| usize::try_from(at).ok());
            if let Some(part) = at.and_then(|at| parts.get_mut(at)) {
                part.push(sample.value);
            }
        }
        let values = parts.iter().map(|part| median(part)).collect();
        let fits = DAY_MS % step_ms == 0;
        let day = if fits { usize::try_from(DAY_MS / step_ms).ok()? } else { 1 };
        Some(Self { values, first, step_ms, day })
    }

    fn end_of(&self, at: usize) -> i64 {
        let at = i64::try_from(at).unwrap_or(i64::MAX);
        self.first.saturating_add(at).saturating_add(1).saturating_mul(self.step_ms)
    }

    fn get(&self, at: usize) -> Option<f64> {
        self.values.get(at).copied().flatten()
    }

    /// What the model says at `origin`, knowing only what lies before.
    fn predict(&self, model: Model, origin: usize, ahead: usize) -> Option<Vec<f64>> {
        let week = self.day * 7;
        match model {
            Model::Naive => {
                let last = (0..origin).rev().find_map(|at| self.get(at))?;
                Some(vec![last; ahead])
            }
            Model::Line => self.line(origin, ahead),
            Model::DayAgo => self.ago(self.day, origin, ahead),
            Model::WeekAgo => self.ago(week, origin, ahead),
            Model::Day => self.season(self.day, origin, ahead),
            Model::Week => self.season(week, origin, ahead),
        }
    }

    fn line(&self, origin: usize, ahead: usize) -> Option<Vec<f64>> {
        // Steps stand for milliseconds: only their distance matters.
        let point = |at: usize| {
            Some(Sample {
                at_ms: i64::try_from(at).ok()?.saturating_mul(1000),
                value: self.get(at)?,
            })
        };
        let points: Vec<Sample> = (0..origin).filter_map(point).collect();
        let needs = super::trend::Needs { points: 3, span: Duration::from_secs(1) };
        let line = super::trend::trend(&thinned(&points, 60), needs).ok()?;
        let at = |step: usize| {
            let at = i64::try_from(origin + step).unwrap_or(i64::MAX);
            line.value_at(at.saturating_mul(1000))
        };
        Some((0..ahead).map(at).collect())
    }

    /// The last value that is there at this place of the season.
    fn ago(&self, season: usize, origin: usize, ahead: usize) -> Option<Vec<f64>> {
        let value = |step: usize| {
            let mut at = origin + step;
            loop {
                at = at.checked_sub(season)?;
                if at < origin
                    && let Some(value) = self.get(at)
                {
                    return Some(value);
                }
            }
        };
        (0..ahead).map(value).collect()
    }

    /// The usual season, on a line, at the level of the last one.
    fn season(&self, season: usize, origin: usize, ahead: usize) -> Option<Vec<f64>> {
        let differences: Vec<f64> = (season..origin)
            .filter_map(|at| Some(self.get(at)? - self.get(at - season)?))
            .collect();
        let slope = median(&differences)? / number(season);
        let flat = |at: usize| Some(self.get(at)? - slope * number(at));
        let usual = |place: usize| {
            let values: Vec<f64> = (place..origin).step_by(season).filter_map(flat).collect();
            median(&values)
        };
        let usual: Vec<Option<f64>> = (0..season).map(usual).collect();
        let usual_at = |at: usize| usual.get(at % season).copied().flatten();
        let last: Vec<f64> = (origin.saturating_sub(season)..origin)
            .filter_map(|at| Some(flat(at)? - usual_at(at)?))
            .collect();
        let level = median(&last)?;
        let value = |step: usize| {
            let at = origin + step;
            Some(usual_at(at)? + level + slope * number(at))
        };
        (0..ahead).map(value).collect()
    }
}

/// A model, tried on the past.
struct Trials {
    model: Model,
    trials: Vec<Trial>,
}

struct Trial {
    origin: usize,
    /// By how much the truth was more than the forecast, and the truth.
    off: Vec<Option<(f64, f64)>>,
}

impl Trials {
    fn run(grid: &Grid, model: Model, origins: &[usize], ahead: usize) -> Self {
        let trial = |origin: &usize| {
            let values = grid.predict(model, *origin, ahead)?;
            let off = values.into_iter().enumerate().map(|(at, value)| {
                let truth = grid.get(origin + at)?;
                Some((truth - value, truth))
            });
            Some(Trial { origin: *origin, off: off.collect() })
        };
        Self { model, trials: origins.iter().filter_map(trial).collect() }
    }

    fn all(&self) -> impl Iterator<Item = (f64, f64)> {
        self.trials.iter().flat_map(|trial| trial.off.iter().copied().flatten())
    }

    /// Infinite where it could not be tried often enough.
    fn mean_error(&self) -> f64 {
        if self.trials.len() < TRIALS_MIN {
            return f64::INFINITY;
        }
        self.all().map(|(off, _)| off.abs()).sum::<f64>() / number(self.all().count().max(1))
    }

    fn mean_share(&self) -> Option<f64> {
        let largest = self.all().map(|(_, truth)| truth.abs()).fold(0.0, f64::max);
        let is_small = |truth: f64| truth.abs() <= largest * 1e-3;
        if largest == 0.0 || self.all().any(|(_, truth)| is_small(truth)) {
            return None;
        }
        let total: f64 = self.all().map(|(off, truth)| (off / truth).abs()).sum();
        Some(total / number(self.all().count().max(1)))
    }

    /// How often the interval made of the other trials held. Those that look at
    /// the same time as the one that is judged are left out.
    fn held(&self) -> f64 {
        let (mut held, mut all) = (0, 0);
        for trial in &self.trials {
            let ahead = trial.off.len();
            let apart = |other: &&Trial| other.origin.abs_diff(trial.origin) >= ahead;
            let others: Vec<&Trial> = self.trials.iter().filter(apart).collect();
            if others.is_empty() {
                continue;
            }
            // Neighbours are judged by much the same errors: some stand for all.
            let every = (ahead / JUDGED).max(1);
            for (at, off) in trial.off.iter().enumerate().step_by(every) {
                let Some((off, _)) = off else { continue };
                all += 1;
                held += usize::from(around(&others, at, ahead).holds(*off));
            }
        }
        if all == 0 { 0.0 } else { number(held) / number(all) }
    }
}

/// What holds [`HELD`] of the errors about this step ahead.
fn around(trials: &[&Trial], at: usize, ahead: usize) -> Interval {
    // A single step has few errors: its neighbours' are much the same.
    let near = (ahead / 6).max(1);
    let (from, to) = (at.saturating_sub(near), (at + near + 1).min(ahead));
    let errors = trials.iter().flat_map(|trial| trial.off.get(from..to).unwrap_or_default());
    let mut errors: Vec<f64> = errors.flatten().map(|(off, _)| *off).collect();
    errors.sort_by(f64::total_cmp);
    // A little outside, since what is to come is one more beside those.
    let more = (number(errors.len()) + 1.0) / number(errors.len().max(1));
    let high = 0.5 + HELD / 2.0 * more;
    let share = |share: f64| sorted_quantile(&errors, share).unwrap_or(0.0);
    Interval { low: share(1.0 - high), high: share(high) }
}

#[cfg(test)]
mod tests;
