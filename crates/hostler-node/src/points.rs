//! Gathers points. What a source did not tell is not gathered (X17).

use hostler_core::metrics::{Labels, Metric, Point};

/// The points of one thing.
#[derive(Debug, Default)]
pub(crate) struct Points(pub(crate) Vec<Point>);

impl Points {
    /// A value of a metric without labels of its own, where there is one.
    pub(crate) fn plain(&mut self, metric: Metric, value: Option<f64>) {
        self.labelled(metric, &[], value);
    }

    /// A value with its own labels, where there is one.
    pub(crate) fn labelled(&mut self, metric: Metric, labels: &[&str], value: Option<f64>) {
        if let Some(value) = value {
            let labels = Labels::new(labels.iter().copied());
            self.0.push(Point::labelled(metric, labels, value));
        }
    }
}

/// A count as metrics have it: exact up to 2^53.
pub(crate) fn count(value: u64) -> f64 {
    value as f64
}
