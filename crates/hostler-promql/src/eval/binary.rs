//! Operators between two expressions.
//!
//! Which series of the two sides belong together is found once: series with the same
//! signature (the labels that matching goes by) are a group. Which of them are there
//! is another question at each step.

use std::collections::HashMap;

use super::row::{Collect, Row};
use super::{Evaluation, Output};
use crate::fault::{Error, Result};
use crate::grid::Grid;
use crate::labels::LabelSet;
use crate::limits::Meter;
use crate::tree::{Binary, Many, Matching, Operator};

impl Evaluation<'_> {
    pub(super) fn binary(&mut self, binary: &Binary, grid: Grid) -> Result<Output> {
        let left = self.output(&binary.left, grid)?;
        let right = self.output(&binary.right, grid)?;
        Ok(match (left, right) {
            (Output::Scalar(left), Output::Scalar(right)) => {
                let pairs = left.into_iter().zip(right);
                Output::Scalar(pairs.map(|(one, other)| binary.of_numbers(one, other)).collect())
            }
            (Output::Vector(rows), Output::Scalar(numbers)) => {
                Output::Vector(self.with_numbers(binary, rows, &numbers, false)?)
            }
            (Output::Scalar(numbers), Output::Vector(rows)) => {
                Output::Vector(self.with_numbers(binary, rows, &numbers, true)?)
            }
            (Output::Vector(left), Output::Vector(right)) if binary.operator.is_set() => {
                Output::Vector(self.set(binary, left, right, grid)?)
            }
            (Output::Vector(left), Output::Vector(right)) => {
                Output::Vector(Join::new(binary, left, right).run(&mut self.meter, grid)?)
            }
        })
    }

    fn with_numbers(
        &mut self,
        binary: &Binary,
        rows: Vec<Row>,
        numbers: &[f64],
        number_is_left: bool,
    ) -> Result<Vec<Row>> {
        let mut collect = Collect::new(numbers.len());
        for mut row in rows {
            self.meter.work(numbers.len())?;
            for (value, number) in row.values.iter_mut().zip(numbers) {
                let Some(element) = *value else { continue };
                let (one, other) =
                    if number_is_left { (*number, element) } else { (element, *number) };
                let (result, is_kept) = binary.operator.apply(one, other);
                *value = match (binary.gives_bool, is_kept) {
                    (true, _) => Some(f64::from(u8::from(is_kept))),
                    (false, false) => None,
                    // What is left over is the series' value, on whichever side it stands.
                    (false, true) if binary.operator.is_comparison() => Some(element),
                    (false, true) => Some(result),
                };
            }
            if binary.drops_name() {
                row.labels = row.labels.without_name();
            }
            collect.row(row)?;
        }
        Ok(collect.rows())
    }

    /// `and`, `or`, `unless`
    fn set(
        &mut self,
        binary: &Binary,
        left: Vec<Row>,
        right: Vec<Row>,
        grid: Grid,
    ) -> Result<Vec<Row>> {
        let mut groups = Groups::default();
        let left_groups = groups.of(&left, &binary.matching);
        let right_groups = groups.of(&right, &binary.matching);
        let left_there =
            presence(&left, &left_groups, groups.0.len(), grid.steps, &mut self.meter)?;
        let right_there =
            presence(&right, &right_groups, groups.0.len(), grid.steps, &mut self.meter)?;
        let mut collect = Collect::new(grid.steps);
        let mut keep = |rows: Vec<Row>, of: &[usize], there: &[Vec<bool>], with: bool| {
            for (mut row, group) in rows.into_iter().zip(of) {
                let there = there.get(*group).map(Vec::as_slice).unwrap_or_default();
                for (value, there) in row.values.iter_mut().zip(there) {
                    *value = value.filter(|_| *there == with);
                }
                collect.row(row)?;
            }
            Ok::<(), Error>(())
        };
        match binary.operator {
            Operator::And => keep(left, &left_groups, &right_there, true)?,
            Operator::Unless => keep(left, &left_groups, &right_there, false)?,
            _ => {
                let everywhere = vec![vec![true; grid.steps]; groups.0.len()];
                keep(left, &left_groups, &everywhere, true)?;
                keep(right, &right_groups, &left_there, false)?;
            }
        }
        Ok(collect.rows())
    }
}

/// For each group and step, whether any of its rows has a value.
fn presence(
    rows: &[Row],
    groups: &[usize],
    count: usize,
    steps: usize,
    meter: &mut Meter<'_>,
) -> Result<Vec<Vec<bool>>> {
    meter.points(count.saturating_mul(steps))?;
    let mut there = vec![vec![false; steps]; count];
    for (row, group) in rows.iter().zip(groups) {
        let Some(there) = there.get_mut(*group) else { continue };
        for (there, value) in there.iter_mut().zip(&row.values) {
            *there |= value.is_some();
        }
    }
    Ok(there)
}

/// Numbers for signatures.
#[derive(Default)]
struct Groups(HashMap<LabelSet, usize>);

impl Groups {
    /// The group of each row.
    fn of(&mut self, rows: &[Row], matching: &Matching) -> Vec<usize> {
        let group = |row: &Row| {
            let next = self.0.len();
            *self.0.entry(matching.signature(&row.labels)).or_insert(next)
        };
        rows.iter().map(group).collect()
    }
}

impl Matching {
    fn signature(&self, labels: &LabelSet) -> LabelSet {
        if self.on { labels.only(&self.labels) } else { labels.without(&self.labels) }
    }
}

impl Binary {
    fn drops_name(&self) -> bool {
        self.gives_bool || self.operator.is_arithmetic()
    }

    fn of_numbers(&self, left: f64, right: f64) -> f64 {
        let (value, is_kept) = self.operator.apply(left, right);
        if self.operator.is_comparison() { f64::from(u8::from(is_kept)) } else { value }
    }

    /// The labels of what comes of two series.
    fn labels(&self, many: &LabelSet, one: &LabelSet) -> LabelSet {
        let Matching { on, labels, many: side, include } = &self.matching;
        let mut result = if self.drops_name() { many.without_name() } else { many.clone() };
        if *side == Many::Neither {
            result = match on {
                true => result.only(labels),
                false => result.kept(|name| !labels.iter().any(|it| **it == *name)),
            };
        }
        for name in include {
            result = result.with(name, one.get(name));
        }
        result
    }
}

impl Operator {
    /// The value, and whether a comparison holds. Set operators have neither.
    fn apply(self, left: f64, right: f64) -> (f64, bool) {
        match self {
            Operator::Add => (left + right, true),
            Operator::Subtract => (left - right, true),
            Operator::Multiply => (left * right, true),
            Operator::Divide => (left / right, true),
            Operator::Modulo => (left % right, true),
            Operator::Power => (left.powf(right), true),
            Operator::Equal => (left, left == right),
            Operator::NotEqual => (left, left != right),
            Operator::Greater => (left, left > right),
            Operator::Less => (left, left < right),
            Operator::GreaterOrEqual => (left, left >= right),
            Operator::LessOrEqual => (left, left <= right),
            Operator::And | Operator::Or | Operator::Unless => (f64::NAN, false),
        }
    }
}

/// An operator between two vectors: every value of the side with many finds the one of the other
/// side in its group.
struct Join<'b> {
    binary: &'b Binary,
    many: Vec<Row>,
    one: Vec<Row>,
    many_groups: Vec<usize>,
    /// The rows of the one side in each group.
    one_of: Vec<Vec<usize>>,
    /// Where the result of a pair of rows goes.
    slots: HashMap<(usize, usize), usize>,
}

impl<'b> Join<'b> {
    fn new(binary: &'b Binary, left: Vec<Row>, right: Vec<Row>) -> Self {
        let is_swapped = binary.matching.many == Many::Right;
        let (many, one) = if is_swapped { (right, left) } else { (left, right) };
        let mut groups = Groups::default();
        let many_groups = groups.of(&many, &binary.matching);
        let one_groups = groups.of(&one, &binary.matching);
        let mut one_of = vec![Vec::new(); groups.0.len()];
        for (row, group) in one_groups.into_iter().enumerate() {
            if let Some(rows) = one_of.get_mut(group) {
                rows.push(row);
            }
        }
        Self { binary, many, one, many_groups, one_of, slots: HashMap::new() }
    }

    fn run(mut self, meter: &mut Meter<'_>, grid: Grid) -> Result<Vec<Row>> {
        let mut collect = Collect::new(grid.steps);
        for step in 0..grid.steps {
            meter.work(self.many.len() + self.one.len())?;
            let is_there = |rows: &[Row]| rows.iter().any(|row| row.at(step).is_some());
            // Where nothing can match, nothing can match twice either.
            if is_there(&self.many) && is_there(&self.one) {
                self.step(step, meter, &mut collect)?;
            }
        }
        Ok(collect.rows())
    }

    fn step(&mut self, step: usize, meter: &mut Meter<'_>, collect: &mut Collect) -> Result<()> {
        let ones = self.ones(step)?;
        let mut matched = vec![false; ones.len()];
        for (at, row) in self.many.iter().enumerate() {
            let Some(value) = row.at(step) else { continue };
            let Some(&group) = self.many_groups.get(at) else { continue };
            let Some((one_at, other)) = ones.get(group).copied().flatten() else { continue };
            let is_swapped = self.binary.matching.many == Many::Right;
            let (left, right) = if is_swapped { (other, value) } else { (value, other) };
            let (mut result, is_kept) = self.binary.operator.apply(left, right);
            if self.binary.gives_bool {
                result = f64::from(u8::from(is_kept));
            } else if !is_kept {
                continue;
            }
            let is_second = matched.get_mut(group).is_some_and(|it| std::mem::replace(it, true));
            if is_second && self.binary.matching.many == Many::Neither {
                let what = format!(
                    "several series on the left fit one on the right: {}; say group_left if \
                     that is meant",
                    row.labels
                );
                return Err(Error::Data(what));
            }
            let slot = match self.slots.get(&(at, one_at)) {
                Some(slot) => *slot,
                None => {
                    let empty = LabelSet::empty();
                    let one = self.one.get(one_at).map_or(&empty, |row| &row.labels);
                    let slot = collect.slot(meter, self.binary.labels(&row.labels, one))?;
                    self.slots.insert((at, one_at), slot);
                    slot
                }
            };
            collect.put(slot, step, result)?;
        }
        Ok(())
    }

    /// The one row, with its value, that is there in each group.
    fn ones(&self, step: usize) -> Result<Vec<Option<(usize, f64)>>> {
        let mut ones = Vec::with_capacity(self.one_of.len());
        for rows in &self.one_of {
            let there = |at: &usize| {
                let value = self.one.get(*at).and_then(|row| row.at(step));
                value.map(|value| (*at, value))
            };
            let mut there = rows.iter().filter_map(there);
            let first = there.next();
            if let (Some((first, _)), Some((second, _))) = (first, there.next()) {
                let side = if self.binary.matching.many == Many::Right { "left" } else { "right" };
                let name = |at: usize| {
                    self.one.get(at).map_or(String::new(), |row| row.labels.to_string())
                };
                return Err(Error::Data(format!(
                    "several series on the {side} fit the same on the other side: {} and {}",
                    name(first),
                    name(second)
                )));
            }
            ones.push(first);
        }
        Ok(ones)
    }
}
