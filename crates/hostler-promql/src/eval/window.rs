//! Functions of the values of a series in a window: rates, averages over time, trends.

use hostler_core::metrics::series::Sample;

use super::number::{Sum, count, quantile, regression};
use super::row::{Collect, Row};
use super::select::{Track, Windows, seconds};
use super::{Evaluation, Output};
use crate::fault::{Error, Result};
use crate::function::Over;
use crate::grid::Grid;
use crate::labels::LabelSet;
use crate::purpose::{Coarse, Face};
use crate::tree::{Call, Expr, Kind};

/// What is seen of a series at a step; never empty.
struct Window<'s> {
    samples: &'s [Sample],
    /// For how many samples each stands; empty where each stands for itself.
    weights: &'s [f64],
    /// Which of them are summaries.
    coarse: Option<Coarse>,
    first: Sample,
    last: Sample,
    range_ms: i64,
    end_ms: i64,
    /// The time of the step itself.
    at_ms: i64,
    /// The number arguments at this step.
    numbers: [f64; 2],
}

impl Evaluation<'_> {
    /// One of the functions, of all series at all steps.
    pub(super) fn over(&mut self, over: Over, call: &Call, grid: Grid) -> Result<Output> {
        let (windows, numbers) = self.window_arguments(&call.arguments, grid, over.face())?;
        let mut collect = Collect::new(grid.steps);
        for track in &windows.tracks {
            self.meter.points(grid.steps)?;
            let mut values = vec![None; grid.steps];
            self.slide(&windows, track, grid, &numbers, |step, window| {
                if let (Some(place), Some(value)) = (values.get_mut(step), over.value(window)?) {
                    *place = Some(value);
                }
                Ok(())
            })?;
            if values.iter().any(Option::is_some) {
                // It is still that metric, only looked at from elsewhere.
                let keeps_name = over == Over::Last;
                let labels = &track.labels;
                let labels = if keeps_name { labels.clone() } else { labels.without_name() };
                collect.only_row(Row { labels, values })?;
            }
        }
        Ok(Output::Vector(collect.rows()))
    }

    /// 1 at each step at which no series has a value in its window.
    pub(super) fn absent_over_time(
        &mut self,
        argument: &Expr,
        labels: LabelSet,
        grid: Grid,
    ) -> Result<Output> {
        let windows = self.windows(argument, grid, Face::Newest)?;
        let mut values = vec![Some(1.0); grid.steps];
        for track in &windows.tracks {
            self.slide(&windows, track, grid, &[], |step, _| {
                values.iter_mut().skip(step).take(1).for_each(|value| *value = None);
                Ok(())
            })?;
        }
        let mut collect = Collect::new(grid.steps);
        collect.row(Row { labels, values })?;
        Ok(Output::Vector(collect.rows()))
    }

    fn window_arguments(
        &mut self,
        arguments: &[Expr],
        grid: Grid,
        face: Face,
    ) -> Result<(Windows, Vec<Vec<f64>>)> {
        let mut windows = None;
        let mut numbers = Vec::new();
        for argument in arguments {
            match argument.kind() {
                Kind::Matrix => windows = Some(self.windows(argument, grid, face)?),
                _ => numbers.push(self.scalar(argument, grid)?),
            }
        }
        Ok((windows.ok_or_else(|| super::misplaced(Kind::Scalar))?, numbers))
    }

    /// Moves along a series, calling `see` with each window that is not empty.
    fn slide(
        &mut self,
        windows: &Windows,
        track: &Track,
        grid: Grid,
        numbers: &[Vec<f64>],
        mut see: impl FnMut(usize, &Window<'_>) -> Result<()>,
    ) -> Result<()> {
        let Track { samples, weights, .. } = track;
        let (mut begin, mut end) = (0, 0);
        let count_while = |from: usize, within: &dyn Fn(&Sample) -> bool| {
            samples.get(from..).unwrap_or_default().iter().take_while(|it| within(it)).count()
        };
        for (step, (at_ms, end_ms)) in grid.times().zip(windows.ends.iter().copied()).enumerate() {
            // Windows end ever later, so neither edge ever moves back.
            let begin_ms = end_ms - windows.range_ms;
            begin += count_while(begin, &|sample| sample.at_ms < begin_ms);
            end = end.max(begin);
            end += count_while(end, &|sample| sample.at_ms <= end_ms);
            let inside = samples.get(begin..end).unwrap_or_default();
            self.meter.work(inside.len() + 1)?;
            let (Some(first), Some(last)) = (inside.first(), inside.last()) else { continue };
            let number = |nth: usize| {
                numbers.get(nth).and_then(|it: &Vec<f64>| it.get(step)).copied().unwrap_or(f64::NAN)
            };
            see(
                step,
                &Window {
                    samples: inside,
                    weights: weights.get(begin..end).unwrap_or_default(),
                    coarse: windows.coarse,
                    first: *first,
                    last: *last,
                    range_ms: windows.range_ms,
                    end_ms,
                    at_ms,
                    numbers: [number(0), number(1)],
                },
            )?;
        }
        Ok(())
    }
}

impl Over {
    fn value(self, window: &Window<'_>) -> Result<Option<f64>> {
        let Window { samples, first, last, .. } = *window;
        let values = || samples.iter().map(|sample| sample.value);
        Ok(Some(match self {
            Over::Average if !window.weights.is_empty() => weighed(samples, window.weights),
            Over::Average => average(samples),
            Over::Changes => {
                count(pairs(samples, |one, next| next != one && !(next.is_nan() && one.is_nan())))
            }
            Over::Count if !window.weights.is_empty() => window.weights.iter().sum(),
            Over::Count => count(samples.len()),
            Over::Delta => return Ok(extrapolated(window, false, false)),
            Over::Increase => return Ok(extrapolated(window, true, false)),
            Over::Rate => return Ok(extrapolated(window, true, true)),
            Over::Derivative if samples.len() < 2 => return Ok(None),
            // From a time nearby, so that large times do not eat up the digits.
            Over::Derivative => regression(samples, first.at_ms).0,
            Over::Deviation => variance(samples).sqrt(),
            Over::Variance => variance(samples),
            Over::InstantDelta => return Ok(instant(samples, false)),
            Over::InstantRate => return Ok(instant(samples, true)),
            Over::Last => last.value,
            Over::Max => values()
                .fold(f64::NAN, |most, it| if it > most || most.is_nan() { it } else { most }),
            Over::Min => values()
                .fold(f64::NAN, |least, it| if it < least || least.is_nan() { it } else { least }),
            Over::PredictLinear if samples.len() < 2 => return Ok(None),
            Over::PredictLinear => {
                let (slope, now) = regression(samples, window.at_ms);
                slope * window.numbers[0] + now
            }
            Over::Present => 1.0,
            Over::Quantile => quantile(window.numbers[0], values().collect()),
            Over::Resets => count(pairs(samples, |one, next| next < one)),
            Over::Smoothing => return smoothed(samples, window.numbers),
            Over::Sum => values().fold(Sum::default(), Sum::add).total(),
        }))
    }
}

fn pairs(samples: &[Sample], counts: impl Fn(f64, f64) -> bool) -> usize {
    let is = |pair: &&[Sample]| matches!(pair, [one, next] if counts(one.value, next.value));
    samples.windows(2).filter(is).count()
}

/// The increase over the whole window, taken from the part of it that has samples. Where the
/// samples begin or end near an edge of the window, as they do when the series goes on beyond it,
/// it is stretched to the edge; otherwise by half the time between two samples, since the series
/// then began or ended somewhere there. A counter is not stretched to before it was zero.
fn extrapolated(window: &Window<'_>, is_counter: bool, is_rate: bool) -> Option<f64> {
    let Window { samples, first, last, .. } = *window;
    if samples.len() < 2 {
        return None;
    }
    let mut increase = last.value - first.value;
    if is_counter {
        // Where it fell it had begun again from zero: what it had reached is added.
        increase = samples.windows(2).fold(increase, |increase, pair| match pair {
            [one, next] if next.value < one.value => increase + one.value,
            _ => increase,
        });
    }
    let sampled = seconds(last.at_ms - first.at_ms);
    let between = sampled / count(samples.len() - 1);
    let mut to_start = seconds(first.at_ms - (window.end_ms - window.range_ms));
    let to_end = seconds(window.end_ms - last.at_ms);
    if is_counter && increase > 0.0 && first.value >= 0.0 {
        let since_zero = sampled * (first.value / increase);
        to_start = if since_zero < to_start { since_zero } else { to_start };
    }
    let is_near = |distance: f64| distance < between * 1.1;
    let stretch =
        |sample: Sample, distance: f64| match window.coarse {
            // What a summary says is complete: only one that the edge goes through is cut.
            Some(coarse) if sample.at_ms <= coarse.until_ms => {
                if distance < seconds(coarse.width_ms) { distance } else { 0.0 }
            }
            _ if is_near(distance) => distance,
            _ => between / 2.0,
        };
    let mut factor = (sampled + stretch(first, to_start) + stretch(last, to_end)) / sampled;
    if is_rate {
        factor /= seconds(window.range_ms);
    }
    Some(increase * factor)
}

/// From the last two samples alone.
fn instant(samples: &[Sample], is_rate: bool) -> Option<f64> {
    let [.., one, last] = samples else { return None };
    if !is_rate {
        return Some(last.value - one.value);
    }
    let has_fallen = last.value < one.value;
    let increase = if has_fallen { last.value } else { last.value - one.value };
    Some(increase / seconds(last.at_ms - one.at_ms))
}

/// The mean, kept as a mean all along: a sum could overflow.
fn average(samples: &[Sample]) -> f64 {
    let mut mean = Sum::default();
    for (before, sample) in samples.iter().enumerate() {
        let (seen, value) = (count(before + 1), sample.value);
        if mean.sum.is_infinite() {
            // A value that is finite, or as infinite, changes nothing; taking the mean off it
            // would give NaN.
            let same = value.is_infinite() && (mean.sum > 0.0) == (value > 0.0);
            if same || value.is_finite() {
                continue;
            }
        }
        mean = mean.add(value / seen - mean.sum / seen);
    }
    mean.total()
}

/// The mean of samples that stand for several each.
fn weighed(samples: &[Sample], weights: &[f64]) -> f64 {
    let pairs = samples.iter().zip(weights);
    let sum = pairs.fold(Sum::default(), |sum, (it, weight)| sum.add(it.value * weight));
    sum.total() / weights.iter().sum::<f64>()
}

fn variance(samples: &[Sample]) -> f64 {
    let (mut mean, mut squares) = (Sum::default(), Sum::default());
    for (before, sample) in samples.iter().enumerate() {
        let delta = sample.value - mean.exact();
        mean = mean.add(delta / count(before + 1));
        squares = squares.add(delta * (sample.value - mean.exact()));
    }
    squares.exact() / count(samples.len())
}

/// Holt's linear method: a level and a trend, each following its own factor.
fn smoothed(samples: &[Sample], [smoothing, trending]: [f64; 2]) -> Result<Option<f64>> {
    for (name, factor) in [("smoothing", smoothing), ("trend", trending)] {
        // NaN is let through, as Prometheus does, and gives NaN.
        if factor <= 0.0 || factor >= 1.0 {
            let what = format!("the {name} factor has to be between 0 and 1, and is {factor}");
            return Err(Error::Data(what));
        }
    }
    let [first, second, ..] = samples else { return Ok(None) };
    let (mut before, mut level) = (first.value, first.value);
    let mut trend = second.value - first.value;
    for (nth, sample) in samples.iter().skip(1).enumerate() {
        if nth > 0 {
            trend = trending * (level - before) + (1.0 - trending) * trend;
        }
        before = level;
        level = smoothing * sample.value + (1.0 - smoothing) * (level + trend);
    }
    Ok(Some(level))
}
