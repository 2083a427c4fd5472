//! A query: read once, asked as often as one likes.

use hostler_core::metrics::series::{Matcher, Sample, SeriesData};

use crate::eval::Evaluation;
use crate::fault::{Error, Fault, Result, SourceError};
use crate::grid::{self, Grid, Need};
use crate::labels::LabelSet;
use crate::limits::{Limits, TIME_MAX_MS};
use crate::parse;
use crate::purpose::{Fetched, Purpose};
use crate::tree::{Expr, Kind};

/// Where the history comes from.
pub trait Source {
    /// The series that fit all matchers, each once, with their samples from `from_ms` up to
    /// `to_ms`, both included, oldest first. A sample may be a stale marker
    /// ([`STALE`](crate::STALE)). More samples on either side do no harm.
    ///
    /// # Errors
    /// Whatever keeps it from reading; the query fails with it.
    fn select(
        &self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<SeriesData>, SourceError>;

    /// The same from a source that may have summaries of long times instead, which serve
    /// the purpose.
    ///
    /// # Errors
    /// As [`select`](Self::select).
    fn fetch(
        &self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
        _purpose: &Purpose,
    ) -> Result<Fetched, SourceError> {
        self.select(matchers, from_ms, to_ms).map(Fetched::from)
    }
}

/// A series of a result.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its labels, with its name where it still has one.
    pub labels: LabelSet,
    /// Its values, oldest first; gaps are gaps.
    pub samples: Vec<Sample>,
}

/// A series of a result at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Its labels, with its name where it still has one.
    pub labels: LabelSet,
    /// Its value.
    pub value: f64,
}

/// What a query gives at one time.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number.
    Scalar(f64),
    /// A value for each of some series; in the order that `sort` or `topk` gave, if one did.
    Vector(Vec<Point>),
    /// Values over time for each of some series, as of `up[5m]`.
    Matrix(Vec<Series>),
    /// A string.
    String(String),
}

/// A query that has been read.
#[derive(Debug, Clone)]
pub struct Query {
    text: String,
    tree: Expr,
}

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// Where it is none, is too large, or uses what is not supported.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        Ok(Self { tree: parse::parse(text)?, text: text.to_owned() })
    }

    /// The text it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What each of its selectors looks for, in the order of evaluation.
    pub fn selectors(&self) -> Vec<Vec<Matcher>> {
        self.needs(0, 0, 1, &Limits::default()).into_iter().map(|need| need.matchers).collect()
    }

    /// Whether it can be asked over a range: whether it gives a number or an instant vector.
    pub fn has_range(&self) -> bool {
        matches!(self.tree.kind(), Kind::Scalar | Kind::Vector)
    }

    /// What [`range`](Self::range) with the same arguments would ask its source for, so that it
    /// can be fetched before. For [`instant`](Self::instant), `start_ms` and `end_ms` are the
    /// one time, and any step will do.
    pub fn needs(
        &self,
        start_ms: i64,
        end_ms: i64,
        step_ms: i64,
        limits: &Limits<'_>,
    ) -> Vec<Need> {
        let mut found = Vec::new();
        if check(start_ms, end_ms, step_ms).is_ok() {
            let grid = Grid::range(start_ms, end_ms, step_ms);
            grid::needs(&self.tree, grid, limits.subquery_step_ms, &mut found);
        }
        found
    }

    /// What it gives at one time.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn instant(&self, source: &dyn Source, at_ms: i64, limits: &Limits<'_>) -> Result<Value> {
        check(at_ms, at_ms, 1)?;
        Evaluation::new(source, limits).instant(&self.tree, Grid::instant(at_ms))
    }

    /// What it gives at `start_ms` and every `step_ms` from there up to `end_ms`; series are
    /// sorted by their labels. A number is one series without labels.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn range(
        &self,
        source: &dyn Source,
        start_ms: i64,
        end_ms: i64,
        step_ms: i64,
        limits: &Limits<'_>,
    ) -> Result<Vec<Series>> {
        check(start_ms, end_ms, step_ms)?;
        if !self.has_range() {
            let what = format!(
                "a range is of a number or an instant vector, not of {}",
                self.tree.kind().name()
            );
            return Err(Error::Data(what));
        }
        let grid = Grid::range(start_ms, end_ms, step_ms);
        Evaluation::new(source, limits).range(&self.tree, grid)
    }
}

fn check(start_ms: i64, end_ms: i64, step_ms: i64) -> Result<()> {
    let times = -TIME_MAX_MS..=TIME_MAX_MS;
    if !times.contains(&start_ms) || !times.contains(&end_ms) {
        return Err(Error::Times("the time is too far away".into()));
    }
    if end_ms < start_ms {
        return Err(Error::Times("the range ends before it starts".into()));
    }
    if !(1..=TIME_MAX_MS).contains(&step_ms) {
        return Err(Error::Times("the step has to be a millisecond or more".into()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_can_be_shared_by_threads() {
        fn is_shared<T: Send + Sync + Clone>(_: &T) {}
        let query = Query::parse("up{host=~\"h.*\"}").unwrap();
        is_shared(&query);
        assert_eq!(query.text(), "up{host=~\"h.*\"}");
    }
}
