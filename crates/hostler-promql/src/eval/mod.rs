//! Evaluation: a tree, a grid of times and a source give rows of values.
//!
//! Every node is evaluated once for the whole grid, not once for each time: a
//! selector is loaded once, a window slides along its samples, and which series
//! belong together is found once. Only what depends on which values are there at a
//! time (matching, top k, duplicates) looks at each step by itself.

mod aggregate;
mod binary;
mod calendar;
mod call;
mod histogram;
mod number;
mod row;
mod select;
#[cfg(test)]
pub(crate) mod tests;
mod window;

use row::{Collect, Row};

use crate::fault::{Error, Result};
use crate::grid::Grid;
use crate::limits::{Limits, Meter};
use crate::purpose::Face;
use crate::query::{Point, Series, Source, Value};
use crate::tree::{Expr, Kind, Subquery};
use hostler_core::metrics::series::Sample;

/// What a node gives: for each step a number, or for each step and series a value or none.
enum Output {
    Scalar(Vec<f64>),
    Vector(Vec<Row>),
}

/// One evaluation of a query.
pub(crate) struct Evaluation<'a> {
    source: &'a dyn Source,
    meter: Meter<'a>,
}

impl<'a> Evaluation<'a> {
    pub(crate) fn new(source: &'a dyn Source, limits: &Limits<'a>) -> Self {
        Self { source, meter: Meter::new(*limits) }
    }

    /// At the one time of the grid.
    pub(crate) fn instant(&mut self, expr: &Expr, grid: Grid) -> Result<Value> {
        match expr {
            Expr::Text(text) => return Ok(Value::String(text.clone())),
            Expr::Window(..) | Expr::Subquery(_) => {
                return self.windows(expr, grid, Face::Samples)?.matrix().map(Value::Matrix);
            }
            _ => {}
        }
        Ok(match self.output(expr, grid)? {
            Output::Scalar(values) => Value::Scalar(values.first().copied().unwrap_or(f64::NAN)),
            Output::Vector(rows) => {
                let first = |row: Row| {
                    let value = row.values.first().copied().flatten();
                    value.map(|value| Point { labels: row.labels, value })
                };
                Value::Vector(rows.into_iter().filter_map(first).collect())
            }
        })
    }

    /// At all times of the grid.
    pub(crate) fn range(&mut self, expr: &Expr, grid: Grid) -> Result<Vec<Series>> {
        let rows = match self.output(expr, grid)? {
            Output::Scalar(values) => vec![Row::of_numbers(values)],
            Output::Vector(rows) => rows,
        };
        let mut series: Vec<Series> = rows
            .into_iter()
            .map(|row| Series { samples: samples(&row, grid), labels: row.labels })
            .filter(|series| !series.samples.is_empty())
            .collect();
        series.sort_unstable_by(|one, other| one.labels.cmp(&other.labels));
        Ok(series)
    }

    fn output(&mut self, expr: &Expr, grid: Grid) -> Result<Output> {
        self.meter.steps(grid.steps)?;
        // Every node holds something for each step, whatever it finds.
        self.meter.points(grid.steps)?;
        match expr {
            Expr::Number(number) => Ok(Output::Scalar(vec![*number; grid.steps])),
            Expr::Select(selector) => self.present(selector, grid).map(Output::Vector),
            Expr::Negate(inner) => self.negate(inner, grid),
            Expr::Binary(binary) => self.binary(binary, grid),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate, grid).map(Output::Vector),
            Expr::Call(call) => self.call(call, grid),
            // The kinds of all operands were checked when the query was read.
            Expr::Text(_) | Expr::Window(..) | Expr::Subquery(_) => Err(misplaced(expr.kind())),
        }
    }

    fn scalar(&mut self, expr: &Expr, grid: Grid) -> Result<Vec<f64>> {
        match self.output(expr, grid)? {
            Output::Scalar(values) => Ok(values),
            Output::Vector(_) => Err(misplaced(Kind::Vector)),
        }
    }

    fn vector(&mut self, expr: &Expr, grid: Grid) -> Result<Vec<Row>> {
        match self.output(expr, grid)? {
            Output::Vector(rows) => Ok(rows),
            Output::Scalar(_) => Err(misplaced(Kind::Scalar)),
        }
    }

    fn negate(&mut self, inner: &Expr, grid: Grid) -> Result<Output> {
        Ok(match self.output(inner, grid)? {
            Output::Scalar(values) => Output::Scalar(values.iter().map(|value| -value).collect()),
            Output::Vector(rows) => {
                let mut collect = Collect::new(grid.steps);
                for row in rows {
                    let values = row.values.into_iter().map(|it| it.map(|value| -value));
                    collect
                        .row(Row { labels: row.labels.without_name(), values: values.collect() })?;
                }
                Output::Vector(collect.rows())
            }
        })
    }

    /// The values of a subquery's inner expression, over all the time its windows cover.
    fn subquery(&mut self, subquery: &Subquery, grid: Grid) -> Result<(Vec<Row>, Grid)> {
        let inner = grid.of_subquery(subquery, self.meter.limits().subquery_step_ms);
        // A range may have as many steps as its points allow: it is not what is shown.
        if inner.steps > self.meter.limits().points {
            return Err(Error::TooMuch { what: "points", most: self.meter.limits().points });
        }
        let steps = self.meter.limits().steps;
        self.meter.set_steps(self.meter.limits().points);
        let rows = self.vector(&subquery.expr, inner);
        self.meter.set_steps(steps);
        Ok((rows?, inner))
    }
}

fn misplaced(kind: Kind) -> Error {
    Error::Data(format!("{} stands where none can", kind.name()))
}

/// The values of a row that are there, with their times.
fn samples(row: &Row, grid: Grid) -> Vec<Sample> {
    let values = grid.times().zip(&row.values);
    values.filter_map(|(at_ms, value)| value.map(|value| Sample { at_ms, value })).collect()
}
