//! How sending the history elsewhere goes, as metrics.

use crate::outputs::{OutputState, OutputView};
use hostler_core::Timestamp;
use hostler_core::metrics::{Labels, Metric, Point};

/// All outputs, the samples of a metric beside each other.
pub(super) fn points(outputs: &[OutputView], now: Timestamp) -> Vec<Point> {
    outputs.iter().flat_map(|output| of(output, now)).collect()
}

fn of(output: &OutputView, now: Timestamp) -> Vec<Point> {
    let (waiting, counts) = (&output.waiting, &output.counts);
    let failing = match output.state {
        OutputState::Untried => None,
        OutputState::Ok => Some(0.0),
        OutputState::Failing { .. } => Some(1.0),
    };
    let age = waiting
        .oldest_ms
        .map(|at| now.since(Timestamp::from_millis(at)).as_secs_f64())
        .map(super::said::millis);
    let plain = [
        (Metric::OutputSamplesSentTotal, Some(counts.sent as f64)),
        (Metric::OutputTriesFailedTotal, Some(counts.failed_tries as f64)),
        (Metric::OutputFailing, failing),
        (Metric::OutputQueueSamples, Some(waiting.samples as f64)),
        (Metric::OutputQueueBytes, Some(waiting.bytes as f64)),
        (Metric::OutputOldestAgeSeconds, age),
    ];
    let point = |(metric, value): (Metric, Option<f64>)| {
        Some(Point::labelled(metric, Labels::one(output.name.as_str()), value?))
    };
    let mut points: Vec<Point> = plain.into_iter().filter_map(point).collect();
    for (reason, count) in [
        ("full", waiting.losses.full),
        ("old", waiting.losses.old),
        ("disk", waiting.losses.disk),
        ("refused", counts.refused),
        ("unsupported", counts.left_out),
    ] {
        let labels = Labels::new([output.name.as_str(), reason]);
        points.push(Point::labelled(Metric::OutputSamplesDroppedTotal, labels, count as f64));
    }
    points
}
