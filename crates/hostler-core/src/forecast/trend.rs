//! The direction of a series, and when it arrives somewhere.
//!
//! The line is Theil and Sen's: the median of the slopes between all pairs of
//! points. A third of the values may be wild and it stays where it was. How sure
//! the slope is follows from the ranks of those slopes (Sen 1968), widened where
//! neighbours resemble each other, as measured values do.

use std::time::Duration;

use super::stats::{median, number, seconds, spread, thinned};
use super::{Interval, NotEnough, sound, span};
use crate::metrics::series::Sample;

/// The most points that a line is drawn through; more are stood for by medians.
pub const POINTS_MAX: usize = 300;
/// How much further than it looked back a trend may look ahead.
pub const AHEAD_MAX: u32 = 4;
/// How many times the line is tried on the past.
pub const TRIALS: usize = 8;
/// The most points of a line that is tried: there are several.
const TRIED_POINTS_MAX: usize = 100;
/// So many usual distances from the line have left it.
const LEFT: f64 = 4.0;
const DAY: Duration = Duration::from_secs(86_400);
/// The standard deviations that hold 95 %.
const Z95: f64 = 1.96;

/// What a trend needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Needs {
    /// So many values.
    pub points: usize,
    /// So far back.
    pub span: Duration,
}

impl Default for Needs {
    /// 30 values over 6 hours.
    fn default() -> Self {
        Self { points: 30, span: Duration::from_secs(6 * 3600) }
    }
}

/// A line through a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trend {
    /// The middle of the time that was looked at, milliseconds since 1970.
    pub centre_ms: i64,
    /// The end of it.
    pub end_ms: i64,
    /// The line's value at the centre.
    pub level: f64,
    /// How much it rises in a second.
    pub slope: f64,
    /// What holds the true slope 95 times of 100.
    pub slope_interval: Interval,
    /// How far values usually are from the line.
    pub spread: f64,
    /// How many values it goes by.
    pub points: usize,
    /// How far back they reach.
    pub span: Duration,
}

/// Where a series may not go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Threshold {
    /// It must not rise to this.
    Above(f64),
    /// It must not fall to this.
    Below(f64),
}

/// When a trend arrives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Arrival {
    /// It is there already.
    Reached,
    /// Then, if it goes on as it did. Milliseconds since 1970.
    At {
        /// Hardly before.
        earliest_ms: i64,
        /// Most likely.
        likely_ms: i64,
        /// Hardly after; `None` where it may as well not arrive within the horizon.
        latest_ms: Option<i64>,
    },
    /// Not within the horizon, and that is sure.
    NotWithin,
}

/// How good such lines were on the past.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BackTest {
    /// From how many points of the past it was tried.
    pub trials: usize,
    /// How far ahead of these points.
    pub ahead: Duration,
    /// How far the line was off there, on average.
    pub mean_error: f64,
    /// How far off it is to say "as now".
    pub naive_error: f64,
}

/// The line through these samples.
///
/// # Errors
/// When there are too few or they do not reach back far enough.
pub fn trend(samples: &[Sample], needs: Needs) -> Result<Trend, NotEnough> {
    let samples = sound(samples);
    let (points, reaches) = (samples.len(), span(&samples));
    if points < needs.points.max(3) {
        return Err(NotEnough::Points { have: points, need: needs.points.max(3) });
    }
    if reaches < needs.span || reaches.is_zero() {
        let need = needs.span.max(Duration::from_secs(1));
        return Err(NotEnough::Span { have: reaches, need });
    }
    let thin = thinned(&samples, POINTS_MAX);
    let missing = NotEnough::Points { have: points, need: needs.points };
    let (Some(first), Some(last)) = (thin.first(), thin.last()) else { return Err(missing) };
    let centre_ms = i64::midpoint(first.at_ms, last.at_ms);
    let end_ms = samples.last().map_or(last.at_ms, |sample| sample.at_ms);

    let mut slopes = slopes(&thin);
    slopes.sort_by(f64::total_cmp);
    let slope = median(&slopes).ok_or(missing.clone())?;
    let rests: Vec<f64> =
        thin.iter().map(|at| at.value - slope * seconds(centre_ms, at.at_ms)).collect();
    let level = median(&rests).ok_or(missing.clone())?;
    let off: Vec<f64> = rests.iter().map(|rest| rest - level).collect();
    let spread = spread(&off).ok_or(missing)?;
    let slope_interval = interval(&slopes, thin.len(), resemblance(&off), slope);
    Ok(Trend { centre_ms, end_ms, level, slope, slope_interval, spread, points, span: reaches })
}

/// How good lines were that ended at points of the past, each looking back as far as
/// this and ahead to the horizon, or both a third of what there is.
///
/// # Errors
/// When there are too few samples, or too many are missing where it is tried.
pub fn back_test(
    samples: &[Sample],
    back: Duration,
    horizon: Duration,
) -> Result<BackTest, NotEnough> {
    let samples = sound(samples);
    let need = Needs::default().points;
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
        return Err(NotEnough::Points { have: 0, need });
    };
    if samples.len() < need {
        return Err(NotEnough::Points { have: samples.len(), need });
    }
    let third = span(&samples) / 3;
    let (ahead, back) = (horizon.min(third), back.min(third));
    let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    let from_ms = first.at_ms.saturating_add(millis(back));
    let room = i128::from(last.at_ms.saturating_sub(millis(ahead))) - i128::from(from_ms);
    let mut off = Vec::with_capacity(TRIALS);
    for trial in 0..TRIALS {
        let part = room * i128::try_from(trial).unwrap_or(0) / (TRIALS as i128 - 1);
        let origin_ms = from_ms.saturating_add(i64::try_from(part).unwrap_or(0));
        off.extend(tried(&samples, origin_ms, millis(back), millis(ahead)));
    }
    if off.len() * 2 < TRIALS {
        return Err(NotEnough::Gaps { have: number(off.len()) / number(TRIALS), need: 0.5 });
    }
    let mean = |errors: &mut dyn Iterator<Item = f64>| errors.sum::<f64>() / number(off.len());
    Ok(BackTest {
        trials: off.len(),
        ahead,
        mean_error: mean(&mut off.iter().map(|(line, _)| *line)),
        naive_error: mean(&mut off.iter().map(|(_, naive)| *naive)),
    })
}

/// How far a line that ends at `origin_ms` is off `ahead_ms` later, and how far its last
/// value is; none where values are missing.
fn tried(samples: &[Sample], origin_ms: i64, back_ms: i64, ahead_ms: i64) -> Option<(f64, f64)> {
    let since_ms = origin_ms.saturating_sub(back_ms);
    let goal_ms = origin_ms.saturating_add(ahead_ms);
    let at = |ms: i64| samples.partition_point(|it| it.at_ms <= ms);
    let past = samples.get(at(since_ms.saturating_sub(1))..at(origin_ms))?;
    let came = samples.get(at(goal_ms).checked_sub(1)?)?;
    // What came long before is not what came then.
    if came.at_ms <= goal_ms.saturating_sub((ahead_ms / 10).max(1)) {
        return None;
    }
    let needs = Needs { points: 5, span: Duration::ZERO };
    let line = trend(&thinned(past, TRIED_POINTS_MAX), needs).ok()?;
    let last = past.last()?;
    Some(((line.value_at(came.at_ms) - came.value).abs(), (last.value - came.value).abs()))
}

fn slopes(points: &[Sample]) -> Vec<f64> {
    let mut slopes = Vec::with_capacity(points.len() * points.len() / 2);
    for (at, one) in points.iter().enumerate() {
        for other in points.iter().skip(at + 1) {
            slopes.push((other.value - one.value) / seconds(one.at_ms, other.at_ms));
        }
    }
    slopes
}

/// How much each value resembles the one before, from 0 to almost 1.
fn resemblance(off: &[f64]) -> f64 {
    let total: f64 = off.iter().map(|value| value * value).sum();
    let pairs: f64 = off.windows(2).map(|pair| pair.iter().product::<f64>()).sum();
    if total > 0.0 { (pairs / total).clamp(0.0, 0.95) } else { 0.0 }
}

/// The slopes between which the true one lies, by their ranks.
fn interval(sorted: &[f64], points: usize, resemblance: f64, slope: f64) -> Interval {
    let n = number(points);
    let pairs = number(sorted.len());
    let spread = (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt();
    // Values that resemble each other are worth fewer.
    let widened = Z95 * spread * ((1.0 + resemblance) / (1.0 - resemblance)).sqrt();
    let share = |rank: f64| super::stats::sorted_quantile(sorted, rank / pairs);
    let low = share((pairs - widened) / 2.0).unwrap_or(slope);
    let high = share((pairs + widened) / 2.0).unwrap_or(slope);
    Interval { low, high }
}

impl Trend {
    /// The line's value at a time.
    pub fn value_at(&self, at_ms: i64) -> f64 {
        self.level + self.slope * seconds(self.centre_ms, at_ms)
    }

    /// Whether the newest values still lie along it. A line by medians does not bend for
    /// values that have just begun to go elsewhere, so that without this it would go on as
    /// if they were not. The newest are those of a day, so that the shape of a day is no
    /// turn; where it looked back less than three, a tenth.
    ///
    /// # Errors
    /// [`NotEnough::Turned`] when they have left it.
    pub fn still_holds(&self, samples: &[Sample]) -> Result<(), NotEnough> {
        let newest = if self.span < 3 * DAY { self.span / 10 } else { DAY };
        let newest = i64::try_from(newest.as_millis()).unwrap_or(i64::MAX);
        let since_ms = self.end_ms.saturating_sub(newest);
        let samples = sound(samples);
        let of_it = samples.iter().filter(|it| (since_ms..=self.end_ms).contains(&it.at_ms));
        let off: Vec<f64> = of_it.map(|it| it.value - self.value_at(it.at_ms)).collect();
        let off = median(&off).unwrap_or(0.0).abs();
        // A last digit that flickers is no turn.
        let usual = self.spread.max(self.level.abs() * 1e-6);
        if off > LEFT * usual { Err(NotEnough::Turned { off, usual }) } else { Ok(()) }
    }

    /// When it arrives at a threshold, looking as far ahead as the horizon.
    ///
    /// # Errors
    /// [`NotEnough::Span`] when the horizon is further than [`AHEAD_MAX`] times
    /// what was looked back at, and [`NotEnough::Noise`] when it may arrive
    /// within the horizon and may as well go the other way.
    pub fn time_to(&self, threshold: Threshold, horizon: Duration) -> Result<Arrival, NotEnough> {
        let need = horizon / AHEAD_MAX;
        if self.span < need {
            return Err(NotEnough::Span { have: self.span, need });
        }
        // Turned so that the threshold lies above.
        let (goal, level, slope, steep, flat) = match threshold {
            Threshold::Above(goal) => {
                let Interval { low, high } = self.slope_interval;
                (goal, self.level, self.slope, high, low)
            }
            Threshold::Below(goal) => {
                let Interval { low, high } = self.slope_interval;
                (-goal, -self.level, -self.slope, -low, -high)
            }
        };
        let to_end = seconds(self.centre_ms, self.end_ms);
        if level + slope * to_end >= goal {
            return Ok(Arrival::Reached);
        }
        // Seconds after the centre at which a line of this slope is there.
        let crossing = |from: f64, slope: f64| (slope > 0.0).then(|| (goal - from) / slope);
        let last = to_end + horizon.as_secs_f64();
        let within = |at: Option<f64>| at.filter(|at| *at <= last);
        let at_ms = |at: f64| {
            #[expect(clippy::cast_possible_truncation, reason = "within the horizon")]
            let millis = (at.max(to_end) * 1000.0) as i64;
            self.centre_ms.saturating_add(millis)
        };
        // A value may be above the line by as much as values are.
        let Some(earliest) = within(crossing(level + self.spread, steep)) else {
            return Ok(Arrival::NotWithin);
        };
        let latest = within(crossing(level - self.spread, flat));
        match within(crossing(level, slope)) {
            // It has to rise for sure; how fast may be unsure.
            Some(likely) if flat > 0.0 => Ok(Arrival::At {
                earliest_ms: at_ms(earliest),
                likely_ms: at_ms(likely),
                latest_ms: latest.map(at_ms),
            }),
            _ => Err(NotEnough::Noise),
        }
    }
}

#[cfg(test)]
mod tests;
