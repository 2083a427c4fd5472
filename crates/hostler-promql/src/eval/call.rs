//! Functions of instant vectors and numbers.

use hostler_core::metrics::series::{Matcher, VALUE_MAX};

use super::number::{larger, smaller};
use super::row::{Collect, Row};
use super::select::seconds;
use super::{Evaluation, Output, misplaced};
use crate::fault::{Error, Result};
use crate::function::{Each, Function};
use crate::grid::Grid;
use crate::labels::{LabelSet, NAME};
use crate::tree::{Call, Expr, Kind};

impl Evaluation<'_> {
    pub(super) fn call(&mut self, call: &Call, grid: Grid) -> Result<Output> {
        match (call.function, call.arguments.as_slice()) {
            (Function::Over(over), _) => self.over(over, call, grid),
            (Function::Each(each), [vector, numbers @ ..]) => {
                self.each(each, vector, numbers, grid)
            }
            (Function::Date(date), []) => {
                let values = grid.times().map(|time| Some(date.of(seconds(time).floor())));
                let row = Row { labels: LabelSet::empty(), values: values.collect() };
                Ok(Output::Vector(vec![row]))
            }
            (Function::Date(date), [vector, ..]) => {
                self.mapped(vector, grid, |value, _| Some(date.of(value)))
            }
            (Function::Absent, [vector]) => self.absent(vector, grid),
            (Function::AbsentOverTime, [matrix]) => {
                self.absent_over_time(matrix, absent_labels(matrix), grid)
            }
            (Function::HistogramQuantile, [share, vector]) => {
                let share = self.scalar(share, grid)?;
                let rows = self.vector(vector, grid)?;
                super::histogram::quantiles(&share, &rows, &mut self.meter).map(Output::Vector)
            }
            (Function::LabelJoin | Function::LabelReplace, [vector, texts @ ..]) => {
                let texts: Vec<&str> = texts.iter().filter_map(text).collect();
                self.relabelled(vector, grid, |labels| match &call.pattern {
                    Some(pattern) => replaced(labels, pattern, &texts),
                    None => joined(labels, &texts),
                })
            }
            (Function::Scalar, [vector]) => self.only_value(vector, grid),
            (Function::Sort, [vector]) => self.sorted(vector, grid, false),
            (Function::SortDescending, [vector]) => self.sorted(vector, grid, true),
            (Function::Time, []) => Ok(Output::Scalar(grid.times().map(seconds).collect())),
            (Function::Timestamp, [vector]) => self.timestamp(vector, grid),
            (Function::Vector, [number]) => {
                Ok(Output::Vector(vec![Row::of_numbers(self.scalar(number, grid)?)]))
            }
            // The number of arguments was checked when the query was read.
            _ => Err(misplaced(Kind::Scalar)),
        }
    }

    /// A function of each value and its step; a value that gives none is left out.
    fn mapped(
        &mut self,
        vector: &Expr,
        grid: Grid,
        of: impl Fn(f64, usize) -> Option<f64>,
    ) -> Result<Output> {
        let mut collect = Collect::new(grid.steps);
        for mut row in self.vector(vector, grid)? {
            self.meter.work(grid.steps)?;
            for (step, value) in row.values.iter_mut().enumerate() {
                *value = value.and_then(|value| of(value, step));
            }
            row.labels = row.labels.without_name();
            collect.row(row)?;
        }
        Ok(Output::Vector(collect.rows()))
    }

    fn each(&mut self, each: Each, vector: &Expr, numbers: &[Expr], grid: Grid) -> Result<Output> {
        let mut arguments = Vec::with_capacity(numbers.len());
        for number in numbers {
            arguments.push(self.scalar(number, grid)?);
        }
        let argument = |nth: usize, step: usize, default: f64| {
            arguments.get(nth).and_then(|it: &Vec<f64>| it.get(step)).copied().unwrap_or(default)
        };
        self.mapped(vector, grid, |value, step| {
            each.of(value, argument(0, step, 1.0), argument(1, step, f64::NAN))
        })
    }

    fn absent(&mut self, vector: &Expr, grid: Grid) -> Result<Output> {
        let mut values = vec![Some(1.0); grid.steps];
        for row in self.vector(vector, grid)? {
            for (absent, value) in values.iter_mut().zip(row.values) {
                *absent = absent.filter(|_| value.is_none());
            }
        }
        let mut collect = Collect::new(grid.steps);
        collect.row(Row { labels: absent_labels(vector), values })?;
        Ok(Output::Vector(collect.rows()))
    }

    /// The same values under other labels.
    fn relabelled(
        &mut self,
        vector: &Expr,
        grid: Grid,
        labels: impl Fn(&LabelSet) -> Result<LabelSet>,
    ) -> Result<Output> {
        let mut collect = Collect::new(grid.steps);
        for mut row in self.vector(vector, grid)? {
            self.meter.work(grid.steps)?;
            row.labels = labels(&row.labels)?;
            collect.row(row)?;
        }
        Ok(Output::Vector(collect.rows()))
    }

    /// The value where there is exactly one, NaN elsewhere.
    fn only_value(&mut self, vector: &Expr, grid: Grid) -> Result<Output> {
        let rows = self.vector(vector, grid)?;
        self.meter.work(rows.len().saturating_mul(grid.steps))?;
        let only = |step: usize| {
            let mut there = rows.iter().filter_map(|row| row.at(step));
            match (there.next(), there.next()) {
                (Some(value), None) => value,
                _ => f64::NAN,
            }
        };
        Ok(Output::Scalar((0..grid.steps).map(only).collect()))
    }

    /// When each value was measured; of computed ones, the time of the step.
    fn timestamp(&mut self, vector: &Expr, grid: Grid) -> Result<Output> {
        let Expr::Select(selector) = vector else {
            let times: Vec<f64> = grid.times().map(seconds).collect();
            return self.mapped(vector, grid, |_, step| times.get(step).copied());
        };
        let mut collect = Collect::new(grid.steps);
        for mut row in self.present_times(selector, grid)? {
            row.labels = row.labels.without_name();
            collect.row(row)?;
        }
        Ok(Output::Vector(collect.rows()))
    }
}

fn text(expr: &Expr) -> Option<&str> {
    if let Expr::Text(text) = expr { Some(text) } else { None }
}

/// What a series that is not there would have been labelled with, as far as a selector says it.
fn absent_labels(expr: &Expr) -> LabelSet {
    let (Expr::Select(selector) | Expr::Window(selector, _)) = expr else {
        return LabelSet::empty();
    };
    let others = || selector.matchers.iter().filter(|matcher| matcher.label() != NAME);
    let is_only =
        |matcher: &&Matcher| others().filter(|other| other.label() == matcher.label()).count() == 1;
    let exact = others().filter(is_only);
    exact.filter_map(|matcher| Some((matcher.label(), matcher.exact()?))).collect()
}

/// `label_replace`: the destination, the replacement, the source.
fn replaced(labels: &LabelSet, pattern: &regex::Regex, texts: &[&str]) -> Result<LabelSet> {
    let [destination, replacement, source, ..] = texts else { return Ok(labels.clone()) };
    let Some(found) = pattern.captures(labels.get(source)) else { return Ok(labels.clone()) };
    let mut value = String::new();
    found.expand(replacement, &mut value);
    set(labels, destination, &value)
}

/// `label_join`: the destination, the separator, the sources.
fn joined(labels: &LabelSet, texts: &[&str]) -> Result<LabelSet> {
    let [destination, separator, sources @ ..] = texts else { return Ok(labels.clone()) };
    let values: Vec<&str> = sources.iter().map(|source| labels.get(source)).collect();
    set(labels, destination, &values.join(separator))
}

/// Calls within each other could double a value every time.
fn set(labels: &LabelSet, destination: &str, value: &str) -> Result<LabelSet> {
    if value.len() > VALUE_MAX {
        let what = format!("the label {destination} gets a value longer than {VALUE_MAX} bytes");
        return Err(Error::Data(what));
    }
    Ok(labels.with(destination, value))
}

impl Each {
    fn of(self, value: f64, one: f64, other: f64) -> Option<f64> {
        Some(match self {
            Each::Absolute => value.abs(),
            Each::Ceiling => value.ceil(),
            // Between nothing and nothing nothing fits.
            Each::Clamp if other < one => return None,
            Each::Clamp => larger(one, smaller(other, value)),
            Each::ClampMax => smaller(one, value),
            Each::ClampMin => larger(one, value),
            Each::Exponential => value.exp(),
            Each::Floor => value.floor(),
            Each::Logarithm => value.ln(),
            Each::Logarithm2 => value.log2(),
            Each::Logarithm10 => value.log10(),
            // By the inverse, which loses fewer digits where the unit is a fraction.
            Each::Round => (value * (1.0 / one) + 0.5).floor() / (1.0 / one),
            Each::Sign if value == 0.0 || value.is_nan() => value,
            Each::Sign => value.signum(),
            Each::SquareRoot => value.sqrt(),
        })
    }
}
