//! Selectors: series loaded from the source, once for the whole grid.

use hostler_core::metrics::series::{Matcher, Sample};

use super::Evaluation;
use super::row::{Collect, Row};
use super::samples;
use crate::fault::{Error, Result};
use crate::grid::Grid;
use crate::is_stale;
use crate::labels::LabelSet;
use crate::limits::LOOKBACK_MS;
use crate::query::Series;
use crate::tree::{Expr, Selector, Shift};

/// A series as it was loaded, and windows on it.
pub(super) struct Windows {
    pub(super) tracks: Vec<Series>,
    /// Where each window begins, before its end; both ends belong to it.
    pub(super) range_ms: i64,
    /// Where the window of each step ends.
    pub(super) ends: Vec<i64>,
}

impl Windows {
    /// The first window alone, as a result.
    pub(super) fn matrix(mut self) -> Result<Vec<Series>> {
        let end = self.ends.first().copied().unwrap_or_default();
        let window = end - self.range_ms..=end;
        for track in &mut self.tracks {
            track.samples.retain(|sample| window.contains(&sample.at_ms));
        }
        self.tracks.retain(|track| !track.samples.is_empty());
        Ok(self.tracks)
    }
}

impl Evaluation<'_> {
    /// Loads series, sorted by their labels.
    fn load(&mut self, matchers: &[Matcher], (from_ms, to_ms): (i64, i64)) -> Result<Vec<Series>> {
        self.meter.work(1)?;
        let mut found = self.source.select(matchers, from_ms, to_ms).map_err(Error::Source)?;
        self.meter.series(found.len())?;
        self.meter.samples(found.iter().map(|series| series.samples.len()).sum())?;
        found.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        let series = |it: hostler_core::metrics::series::SeriesData| Series {
            labels: LabelSet::from(&it.key),
            samples: it.samples,
        };
        Ok(found.into_iter().map(series).collect())
    }

    /// The present value of each series at each step: the last one that is not too old, unless
    /// the series was ended since.
    pub(super) fn present(&mut self, selector: &Selector, grid: Grid) -> Result<Vec<Row>> {
        self.newest(selector, grid, |sample| sample.value)
    }

    /// As [`present`](Self::present), but the time of that value in seconds.
    pub(super) fn present_times(&mut self, selector: &Selector, grid: Grid) -> Result<Vec<Row>> {
        self.newest(selector, grid, |sample| seconds(sample.at_ms))
    }

    fn newest(
        &mut self,
        selector: &Selector,
        grid: Grid,
        value: impl Fn(Sample) -> f64,
    ) -> Result<Vec<Row>> {
        if grid.steps == 0 {
            return Ok(Vec::new());
        }
        let series = self.load(&selector.matchers, grid.needed(selector.shift, LOOKBACK_MS))?;
        let mut collect = Collect::new(grid.steps);
        for Series { labels, samples } in series {
            self.meter.points(grid.steps)?;
            self.meter.work(samples.len())?;
            let mut rest = samples.iter().peekable();
            let mut newest: Option<Sample> = None;
            let mut values = Vec::with_capacity(grid.steps);
            for time in grid.shifted(selector.shift) {
                while let Some(sample) = rest.next_if(|sample| sample.at_ms <= time) {
                    newest = Some(*sample);
                }
                let present =
                    newest.filter(|it| it.at_ms >= time - LOOKBACK_MS && !is_stale(it.value));
                values.push(present.map(&value));
            }
            collect.only_row(Row { labels, values })?;
        }
        Ok(collect.rows())
    }

    /// The samples that windows of a range selector or subquery are opened on.
    pub(super) fn windows(&mut self, expr: &Expr, grid: Grid) -> Result<Windows> {
        self.meter.steps(grid.steps)?;
        match expr {
            Expr::Window(selector, range_ms) => {
                let mut tracks = Vec::new();
                if grid.steps > 0 {
                    let needed = grid.needed(selector.shift, *range_ms);
                    tracks = self.load(&selector.matchers, needed)?;
                }
                for track in &mut tracks {
                    track.samples.retain(|sample| !is_stale(sample.value));
                }
                Ok(windows(tracks, *range_ms, grid, selector.shift))
            }
            Expr::Subquery(subquery) => {
                let (rows, inner) = self.subquery(subquery, grid)?;
                let track = |row: Row| Series { samples: samples(&row, inner), labels: row.labels };
                let mut tracks: Vec<Series> = rows.into_iter().map(track).collect();
                tracks.sort_unstable_by(|one, other| one.labels.cmp(&other.labels));
                Ok(windows(tracks, subquery.range_ms, grid, subquery.shift))
            }
            _ => Err(super::misplaced(expr.kind())),
        }
    }
}

fn windows(tracks: Vec<Series>, range_ms: i64, grid: Grid, shift: Shift) -> Windows {
    Windows { tracks, range_ms, ends: grid.shifted(shift).collect() }
}

/// Milliseconds as seconds, as all times are shown to a query.
#[expect(clippy::cast_precision_loss, reason = "times stay below 2^53 milliseconds")]
pub(super) fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}
