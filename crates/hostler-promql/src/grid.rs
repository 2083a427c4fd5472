//! The times at which an expression is evaluated, and which part of the history that
//! takes. Evaluation and [`Query::needs`](crate::Query::needs) use the same rules
//! here, so that what was fetched before is what is asked for then.

use hostler_core::metrics::series::Matcher;

use crate::limits::LOOKBACK_MS;
use crate::purpose::{Face, Purpose};
use crate::tree::{At, Expr, Shift, Subquery};

/// Evenly spaced times; may be none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    pub(crate) start_ms: i64,
    pub(crate) step_ms: i64,
    pub(crate) steps: usize,
    /// The first and last time of the whole query, which `@ start()` and `@ end()` mean.
    pub(crate) whole: (i64, i64),
}

impl Grid {
    /// One time alone.
    pub(crate) fn instant(at_ms: i64) -> Self {
        Self { start_ms: at_ms, step_ms: 1, steps: 1, whole: (at_ms, at_ms) }
    }

    /// From `start_ms` on, up to `end_ms` and with it where a step falls there.
    pub(crate) fn range(start_ms: i64, end_ms: i64, step_ms: i64) -> Self {
        let steps = count(start_ms, end_ms, step_ms);
        Self { start_ms, step_ms, steps, whole: (start_ms, end_ms) }
    }

    pub(crate) fn times(&self) -> impl Iterator<Item = i64> + use<> {
        let (mut next, step_ms) = (self.start_ms, self.step_ms);
        (0..self.steps).map(move |_| {
            let time = next;
            next = next.saturating_add(step_ms);
            time
        })
    }

    /// The last of the times; the first where there are none.
    fn last_ms(&self) -> i64 {
        let after_first = i64::try_from(self.steps.saturating_sub(1)).unwrap_or(i64::MAX);
        self.start_ms.saturating_add(self.step_ms.saturating_mul(after_first))
    }

    /// For each of these times, the one that a selector looks from.
    pub(crate) fn shifted(&self, shift: Shift) -> impl Iterator<Item = i64> + use<> {
        let fixed = self.fixed(shift);
        self.times().map(move |time| fixed.unwrap_or(time) - shift.offset_ms)
    }

    /// What a selector looks at the history for.
    pub(crate) fn purpose(&self, shift: Shift, range_ms: i64, face: Face) -> Purpose {
        let (first_ms, _) = self.span(shift);
        // Where all look from the same time there is one window.
        let steps = if self.fixed(shift).is_some() { self.steps.min(1) } else { self.steps };
        Purpose { face, first_ms, step_ms: self.step_ms, steps, range_ms }
    }

    fn fixed(&self, shift: Shift) -> Option<i64> {
        shift.at.map(|at| match at {
            At::Start => self.whole.0,
            At::End => self.whole.1,
            At::Time(time) => time,
        })
    }

    /// The first and last time a selector looks from.
    fn span(&self, shift: Shift) -> (i64, i64) {
        let (first, last) = match self.fixed(shift) {
            Some(time) => (time, time),
            None => (self.start_ms, self.last_ms()),
        };
        (first - shift.offset_ms, last - shift.offset_ms)
    }

    /// The part of the history a selector needs that looks back so far.
    pub(crate) fn needed(&self, shift: Shift, back_ms: i64) -> (i64, i64) {
        let (first, last) = self.span(shift);
        (first - back_ms, last)
    }

    /// The times at which the inner expression is evaluated: multiples of its step, so that the
    /// values do not depend on when the query is asked.
    pub(crate) fn of_subquery(&self, subquery: &Subquery, default_step_ms: i64) -> Self {
        let step_ms = subquery.step_ms.unwrap_or(default_step_ms).max(1);
        let (first, last) = self.needed(subquery.shift, subquery.range_ms);
        let remainder = first.rem_euclid(step_ms);
        let start_ms = if remainder == 0 { first } else { first - remainder + step_ms };
        let steps = if self.steps == 0 { 0 } else { count(start_ms, last, step_ms) };
        Self { start_ms, step_ms, steps, whole: self.whole }
    }
}

/// How many steps there are from start to end.
fn count(start_ms: i64, end_ms: i64, step_ms: i64) -> usize {
    if end_ms < start_ms {
        return 0;
    }
    let after_first = end_ms.saturating_sub(start_ms) / step_ms.max(1);
    usize::try_from(after_first).unwrap_or(usize::MAX).saturating_add(1)
}

/// A part of the history that a query will ask for.
#[derive(Debug, Clone)]
pub struct Need {
    /// Which series.
    pub matchers: Vec<Matcher>,
    /// From this time on, in milliseconds since 1970.
    pub from_ms: i64,
    /// Up to this time and with it.
    pub to_ms: i64,
}

/// Everything an expression asks for, in the order in which it does.
pub(crate) fn needs(expr: &Expr, grid: Grid, subquery_step_ms: i64, found: &mut Vec<Need>) {
    let mut selector = |matchers: &[Matcher], (from_ms, to_ms): (i64, i64)| {
        if grid.steps > 0 {
            found.push(Need { matchers: matchers.to_vec(), from_ms, to_ms });
        }
    };
    match expr {
        Expr::Number(_) | Expr::Text(_) => {}
        Expr::Select(it) => selector(&it.matchers, grid.needed(it.shift, LOOKBACK_MS)),
        Expr::Window(it, range_ms) => selector(&it.matchers, grid.needed(it.shift, *range_ms)),
        Expr::Subquery(it) => {
            needs(&it.expr, grid.of_subquery(it, subquery_step_ms), subquery_step_ms, found);
        }
        Expr::Negate(inner) => needs(inner, grid, subquery_step_ms, found),
        Expr::Binary(binary) => {
            needs(&binary.left, grid, subquery_step_ms, found);
            needs(&binary.right, grid, subquery_step_ms, found);
        }
        Expr::Aggregate(aggregate) => {
            for expr in aggregate.parameter.iter().chain([&aggregate.expr]) {
                needs(expr, grid, subquery_step_ms, found);
            }
        }
        Expr::Call(call) => {
            for argument in &call.arguments {
                needs(argument, grid, subquery_step_ms, found);
            }
        }
    }
}
