//! The figures that most look for, out of all that was measured of a thing. What is not
//! fresh is not there; how good the whole is stands beside it (X17).

use hostler_core::metrics::{Cost, Metric, Point};
use hostler_engine::PassFigures;

use crate::http::measured::quality;

/// What was measured of one thing.
pub(super) struct Fresh<'a>(Vec<&'a PassFigures>);

/// How good figures are.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Worth {
    pub(super) quality: String,
    pub(super) reason: Option<String>,
    pub(super) age_seconds: Option<f64>,
}

/// The passes that the figures told here come from.
pub(super) const fn is_told(pass: Cost) -> bool {
    matches!(pass, Cost::State | Cost::Stats)
}

impl<'a> Fresh<'a> {
    pub(super) fn of(passes: &'a [PassFigures]) -> Self {
        Self(passes.iter().filter(|figures| is_told(figures.pass)).collect())
    }

    fn points(&self) -> impl Iterator<Item = &'a Point> {
        self.0.iter().flat_map(|figures| figures.points())
    }

    /// The value of a metric without labels of its own.
    pub(super) fn value(&self, metric: Metric) -> Option<f64> {
        self.points().find(|point| point.metric == metric).map(|point| point.value)
    }

    /// The value of a metric with one label.
    pub(super) fn labelled(&self, metric: Metric, label: &str) -> Option<f64> {
        let is_it = |point: &&Point| {
            point.metric == metric && point.labels.values().iter().any(|value| **value == *label)
        };
        self.points().find(is_it).map(|point| point.value)
    }

    /// How fast a counter of all devices grows together; nothing where one is not known.
    pub(super) fn speed(&self, metric: Metric) -> Option<f64> {
        let told = self.0.iter().filter(|it| it.is_fresh && it.tells(metric));
        let readings = told.filter_map(|figures| figures.reading.as_deref());
        let rates = readings.flat_map(|reading| reading.points.iter().zip(&reading.rates));
        let mut rates = rates.filter(|(point, _)| point.metric == metric).map(|(_, rate)| *rate);
        let first = rates.next()??;
        rates.try_fold(first, |sum, rate| Some(sum + rate?))
    }

    /// How good all of it is together.
    pub(super) fn worth(&self) -> Worth {
        let ages = self.0.iter().filter(|it| it.reading.is_some()).map(|it| it.age.as_secs_f64());
        let age_seconds = ages.reduce(f64::max);
        let judged: Vec<_> = self.0.iter().map(|figures| quality(figures)).collect();
        let bad = judged.iter().find(|(quality, _)| *quality != "ok");
        let has = |wanted: &str| judged.iter().any(|(quality, _)| *quality == wanted);
        let quality = match bad {
            None if judged.is_empty() => "unavailable",
            None => "ok",
            Some(_) if has("ok") => "partial",
            Some(_) if has("stale") => "stale",
            Some(_) => "unavailable",
        };
        let reason = match bad {
            Some((_, reason)) => reason.map(str::to_owned),
            None => judged.is_empty().then(|| "it was not measured yet".to_owned()),
        };
        Worth { quality: quality.to_owned(), reason, age_seconds }
    }
}
