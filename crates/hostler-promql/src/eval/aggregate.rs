//! Aggregations: many series to one for each group of labels.

use std::collections::HashMap;

use super::number::{count, quantile};
use super::row::{Collect, Row};
use super::{Evaluation, Output};
use crate::fault::{Error, Result};
use crate::grid::Grid;
use crate::labels::LabelSet;
use crate::tree::{Aggregate, Aggregation, Expr};

/// A group: its labels, and which rows are in it.
struct Group {
    labels: LabelSet,
    members: Vec<usize>,
}

impl Evaluation<'_> {
    pub(super) fn aggregate(&mut self, aggregate: &Aggregate, grid: Grid) -> Result<Vec<Row>> {
        let parameter = match &aggregate.parameter {
            None | Some(Expr::Text(_)) => Vec::new(),
            Some(number) => self.scalar(number, grid)?,
        };
        let rows = self.vector(&aggregate.expr, grid)?;
        if let Some(Expr::Text(label)) = &aggregate.parameter {
            return self.count_values(aggregate, label, &rows, grid);
        }
        let groups = aggregate.groups(&rows);
        if matches!(aggregate.how, Aggregation::Top | Aggregation::Bottom) {
            return self.extremes(aggregate.how, &groups, &rows, &parameter, grid);
        }
        let mut collect = Collect::new(grid.steps);
        for group in groups {
            let members = || group.members.iter().filter_map(|at| rows.get(*at));
            self.meter.work(group.members.len().saturating_mul(grid.steps))?;
            let slot = collect.slot(&mut self.meter, group.labels.clone())?;
            for step in 0..grid.steps {
                let values = members().filter_map(|row| row.at(step));
                let parameter = parameter.get(step).copied().unwrap_or(f64::NAN);
                if let Some(value) = aggregate.how.of(values, parameter) {
                    collect.put(slot, step, value)?;
                }
            }
        }
        Ok(collect.rows())
    }

    /// The largest or smallest of each group, under their own labels.
    fn extremes(
        &mut self,
        how: Aggregation,
        groups: &[Group],
        rows: &[Row],
        parameter: &[f64],
        grid: Grid,
    ) -> Result<Vec<Row>> {
        let mut collect = Collect::new(grid.steps);
        for (step, wanted) in parameter.iter().enumerate() {
            let wanted = wanted_count(*wanted)?;
            if wanted == 0 {
                continue;
            }
            for group in groups {
                self.meter.work(group.members.len())?;
                let with_value = |at: &usize| {
                    let row = rows.get(*at)?;
                    Some((row, row.at(step)?))
                };
                let mut there: Vec<(&Row, f64)> =
                    group.members.iter().filter_map(with_value).collect();
                there.sort_by(|(_, one), (_, other)| match how {
                    Aggregation::Top => descending(*one, *other),
                    _ => ascending(*one, *other),
                });
                for (row, value) in there.into_iter().take(wanted) {
                    let slot = collect.slot(&mut self.meter, row.labels.clone())?;
                    collect.put(slot, step, value)?;
                }
            }
        }
        Ok(collect.rows())
    }

    fn count_values(
        &mut self,
        aggregate: &Aggregate,
        label: &str,
        rows: &[Row],
        grid: Grid,
    ) -> Result<Vec<Row>> {
        let mut by: Vec<Box<str>> = aggregate.labels.clone();
        if !aggregate.without {
            by.push(label.into());
        }
        let mut collect = Collect::new(grid.steps);
        for step in 0..grid.steps {
            self.meter.work(rows.len())?;
            let mut counts: Vec<(LabelSet, usize)> = Vec::new();
            let mut place: HashMap<LabelSet, usize> = HashMap::new();
            for (row, value) in rows.iter().filter_map(|row| Some((row, row.at(step)?))) {
                let labels = row.labels.with(label, &written(value));
                let labels = if aggregate.without { labels.without(&by) } else { labels.only(&by) };
                let at = *place.entry(labels.clone()).or_insert(counts.len());
                match counts.get_mut(at) {
                    Some((_, count)) => *count += 1,
                    None => counts.push((labels, 1)),
                }
            }
            for (labels, values) in counts {
                let slot = collect.slot(&mut self.meter, labels)?;
                collect.put(slot, step, count(values))?;
            }
        }
        Ok(collect.rows())
    }

    /// `sort` and `sort_desc`, which have a meaning only where there is one time.
    pub(super) fn sorted(&mut self, argument: &Expr, grid: Grid, down: bool) -> Result<Output> {
        let mut rows = self.vector(argument, grid)?;
        if grid.steps == 1 {
            rows.sort_by(|one, other| match (one.at(0), other.at(0)) {
                (Some(one), Some(other)) if down => descending(one, other),
                (Some(one), Some(other)) => ascending(one, other),
                (one, other) => other.is_some().cmp(&one.is_some()),
            });
        }
        Ok(Output::Vector(rows))
    }
}

/// NaN last.
fn ascending(one: f64, other: f64) -> std::cmp::Ordering {
    one.partial_cmp(&other).unwrap_or_else(|| one.is_nan().cmp(&other.is_nan()))
}

/// NaN last here, too.
fn descending(one: f64, other: f64) -> std::cmp::Ordering {
    other.partial_cmp(&one).unwrap_or_else(|| one.is_nan().cmp(&other.is_nan()))
}

/// How many `topk` is to give.
fn wanted_count(wanted: f64) -> Result<usize> {
    // What an i64 holds.
    let limit = 9_223_372_036_854_775_807_f64;
    if wanted.is_nan() || wanted.abs() >= limit {
        return Err(Error::Data(format!("{} is no number of series", written(wanted))));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked above, and below zero is none"
    )]
    let wanted = wanted.max(0.0) as usize;
    Ok(wanted)
}

/// A value as the value of a label: as short as it can be told from all others, never with an
/// exponent.
fn written(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        value if value.is_nan() => "NaN".to_owned(),
        value => value.to_string(),
    }
}

impl Aggregate {
    fn groups(&self, rows: &[Row]) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        let mut place: HashMap<LabelSet, usize> = HashMap::new();
        for (at, row) in rows.iter().enumerate() {
            let labels = match self.without {
                true => row.labels.without(&self.labels),
                false => row.labels.only(&self.labels),
            };
            let group = *place.entry(labels.clone()).or_insert(groups.len());
            match groups.get_mut(group) {
                Some(group) => group.members.push(at),
                None => groups.push(Group { labels, members: vec![at] }),
            }
        }
        groups
    }
}

impl Aggregation {
    /// Of the values of a group at a step; none of none.
    fn of(self, mut values: impl Iterator<Item = f64>, parameter: f64) -> Option<f64> {
        let first = values.next()?;
        let value = match self {
            Aggregation::Sum => values.fold(first, |sum, it| sum + it),
            Aggregation::Max => {
                values.fold(first, |most, it| if most < it || most.is_nan() { it } else { most })
            }
            Aggregation::Min => values
                .fold(first, |least, it| if least > it || least.is_nan() { it } else { least }),
            Aggregation::Average => average(first, values),
            Aggregation::Count => count(values.count() + 1),
            Aggregation::Variance => variance(first, values),
            Aggregation::Deviation => variance(first, values).sqrt(),
            Aggregation::Group => 1.0,
            Aggregation::Quantile => {
                quantile(parameter, std::iter::once(first).chain(values).collect())
            }
            // These give more than one value, each in a way of its own.
            Aggregation::Top | Aggregation::Bottom | Aggregation::CountValues => return None,
        };
        Some(value)
    }
}

/// Kept as a mean all along: a sum could overflow.
fn average(first: f64, values: impl Iterator<Item = f64>) -> f64 {
    let mut mean = first;
    for (before, value) in values.enumerate() {
        let seen = count(before + 2);
        let same = value.is_infinite() && (mean > 0.0) == (value > 0.0);
        if mean.is_infinite() && (same || value.is_finite()) {
            continue;
        }
        mean += value / seen - mean / seen;
    }
    mean
}

fn variance(first: f64, values: impl Iterator<Item = f64>) -> f64 {
    let (mut mean, mut squares, mut seen) = (first, 0.0, 1.0);
    for value in values {
        seen += 1.0;
        let delta = value - mean;
        mean += delta / seen;
        squares += delta * (value - mean);
    }
    squares / seen
}
