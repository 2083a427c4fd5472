//! Selectors: series loaded from the source, once for the whole grid.

use hostler_core::metrics::series::{Matcher, Sample, SeriesData};

use super::Evaluation;
use super::row::{Collect, Row};
use super::samples;
use crate::fault::{Error, Result};
use crate::grid::Grid;
use crate::is_stale;
use crate::labels::LabelSet;
use crate::limits::LOOKBACK_MS;
use crate::purpose::{Coarse, Face, Purpose};
use crate::query::Series;
use crate::tree::{Expr, Selector, Shift};

/// A series as it was loaded.
pub(super) struct Track {
    pub(super) labels: LabelSet,
    pub(super) samples: Vec<Sample>,
    /// For how many samples each stands; empty where each stands for itself.
    pub(super) weights: Vec<f64>,
}

/// Series as they were loaded, and windows on them.
pub(super) struct Windows {
    pub(super) tracks: Vec<Track>,
    /// The part of them that is summaries.
    pub(super) coarse: Option<Coarse>,
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
        let series = |track: Track| Series { labels: track.labels, samples: track.samples };
        Ok(self.tracks.into_iter().map(series).collect())
    }
}

impl Evaluation<'_> {
    /// Loads series, sorted by their labels.
    fn load(
        &mut self,
        matchers: &[Matcher],
        (from_ms, to_ms): (i64, i64),
        purpose: &Purpose,
    ) -> Result<(Vec<Track>, Option<Coarse>)> {
        self.meter.work(1)?;
        let found = self.source.fetch(matchers, from_ms, to_ms, purpose).map_err(Error::Source)?;
        self.meter.series(found.series.len())?;
        self.meter.samples(found.series.iter().map(|series| series.samples.len()).sum())?;
        let weights = found.weights.into_iter().chain(std::iter::repeat(Vec::new()));
        let mut found_series: Vec<(SeriesData, Vec<f64>)> =
            found.series.into_iter().zip(weights).collect();
        found_series.sort_unstable_by(|(one, _), (other, _)| one.key.cmp(&other.key));
        let track = |(it, weights): (SeriesData, Vec<f64>)| Track {
            labels: LabelSet::from(&it.key),
            samples: it.samples,
            weights,
        };
        Ok((found_series.into_iter().map(track).collect(), found.coarse))
    }

    /// The present value of each series at each step: the last one that is not too old, unless
    /// the series was ended since.
    pub(super) fn present(&mut self, selector: &Selector, grid: Grid) -> Result<Vec<Row>> {
        self.newest(selector, grid, Face::Newest, |sample| sample.value)
    }

    /// As [`present`](Self::present), but the time of that value in seconds.
    pub(super) fn present_times(&mut self, selector: &Selector, grid: Grid) -> Result<Vec<Row>> {
        self.newest(selector, grid, Face::Samples, |sample| seconds(sample.at_ms))
    }

    fn newest(
        &mut self,
        selector: &Selector,
        grid: Grid,
        face: Face,
        value: impl Fn(Sample) -> f64,
    ) -> Result<Vec<Row>> {
        if grid.steps == 0 {
            return Ok(Vec::new());
        }
        let needed = grid.needed(selector.shift, LOOKBACK_MS);
        let purpose = grid.purpose(selector.shift, 0, face);
        let (tracks, coarse) = self.load(&selector.matchers, needed, &purpose)?;
        // A summary says nothing of when in it its last value was: it counts up to the next.
        let back_ms = |at_ms: i64| match coarse {
            Some(coarse) if at_ms <= coarse.until_ms => coarse.width_ms.max(LOOKBACK_MS),
            _ => LOOKBACK_MS,
        };
        let mut collect = Collect::new(grid.steps);
        for Track { labels, samples, .. } in tracks {
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
                    newest.filter(|it| it.at_ms >= time - back_ms(it.at_ms) && !is_stale(it.value));
                values.push(present.map(&value));
            }
            collect.only_row(Row { labels, values })?;
        }
        Ok(collect.rows())
    }

    /// The samples that windows of a range selector or subquery are opened on.
    pub(super) fn windows(&mut self, expr: &Expr, grid: Grid, face: Face) -> Result<Windows> {
        self.meter.steps(grid.steps)?;
        match expr {
            Expr::Window(selector, range_ms) => {
                let (mut tracks, mut coarse) = (Vec::new(), None);
                if grid.steps > 0 {
                    let needed = grid.needed(selector.shift, *range_ms);
                    let purpose = grid.purpose(selector.shift, *range_ms, face);
                    (tracks, coarse) = self.load(&selector.matchers, needed, &purpose)?;
                }
                tracks.iter_mut().for_each(Track::forget_ends);
                Ok(Windows { coarse, ..windows(tracks, *range_ms, grid, selector.shift) })
            }
            Expr::Subquery(subquery) => {
                let (rows, inner) = self.subquery(subquery, grid)?;
                let track = |row: Row| Track {
                    samples: samples(&row, inner),
                    labels: row.labels,
                    weights: Vec::new(),
                };
                let mut tracks: Vec<Track> = rows.into_iter().map(track).collect();
                tracks.sort_unstable_by(|one, other| one.labels.cmp(&other.labels));
                Ok(windows(tracks, subquery.range_ms, grid, subquery.shift))
            }
            _ => Err(super::misplaced(expr.kind())),
        }
    }
}

impl Track {
    /// Without the marks of ends, which are no values.
    fn forget_ends(&mut self) {
        let samples = &self.samples;
        let mut is_value =
            samples.iter().map(|it| !is_stale(it.value)).collect::<Vec<_>>().into_iter();
        self.weights.retain(|_| is_value.next().unwrap_or_default());
        self.samples.retain(|sample| !is_stale(sample.value));
    }
}

fn windows(tracks: Vec<Track>, range_ms: i64, grid: Grid, shift: Shift) -> Windows {
    Windows { tracks, coarse: None, range_ms, ends: grid.shifted(shift).collect() }
}

/// Milliseconds as seconds, as all times are shown to a query.
#[expect(clippy::cast_precision_loss, reason = "times stay below 2^53 milliseconds")]
pub(super) fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}
