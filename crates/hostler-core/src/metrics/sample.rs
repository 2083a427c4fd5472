//! A measured value with its labels.

use std::sync::Arc;

use super::Metric;

/// The values of a metric's own labels, in the catalogue's order.
///
/// Shared, since the same device names come again with every pass.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Labels(Option<Arc<[Box<str>]>>);

impl Labels {
    /// For a metric without labels of its own.
    pub const NONE: Self = Self(None);

    /// These values, in the catalogue's order.
    pub fn new<I>(values: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<Box<str>>,
    {
        let values: Arc<[Box<str>]> = values.into_iter().map(Into::into).collect();
        if values.is_empty() { Self::NONE } else { Self(Some(values)) }
    }

    /// The value of the only label.
    pub fn one(value: impl Into<Box<str>>) -> Self {
        Self::new([value.into()])
    }

    /// The values, in the catalogue's order.
    pub fn values(&self) -> &[Box<str>] {
        self.0.as_deref().unwrap_or_default()
    }
}

/// One measured value. When and of what it was measured is told around it.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Which metric.
    pub metric: Metric,
    /// As many as the metric has labels of its own.
    pub labels: Labels,
    /// In the metric's unit. Counters of bytes are exact up to 2^53.
    pub value: f64,
}

impl Point {
    /// A value of a metric without labels of its own.
    pub const fn plain(metric: Metric, value: f64) -> Self {
        Self { metric, labels: Labels::NONE, value }
    }

    /// A value of a metric with labels of its own.
    pub const fn labelled(metric: Metric, labels: Labels, value: f64) -> Self {
        Self { metric, labels, value }
    }

    /// Whether it has as many labels as its metric and a value that can be told.
    pub fn is_sound(&self) -> bool {
        self.labels.values().len() == self.metric.family().labels.len() && self.value.is_finite()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_needs_the_labels_of_its_metric_and_a_finite_value() {
        let bytes = Metric::VmDiskReadBytesTotal;
        assert!(Point::labelled(bytes, Labels::one("vda"), 1.0).is_sound());
        assert!(!Point::plain(bytes, 1.0).is_sound());
        assert!(!Point::labelled(bytes, Labels::one("vda"), f64::NAN).is_sound());
        assert!(Point::plain(Metric::VmVcpus, 2.0).is_sound());
    }
}
