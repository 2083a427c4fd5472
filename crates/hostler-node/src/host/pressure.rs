//! Pressure stall information: for how long tasks waited.

use hostler_core::metrics::Metric;

use crate::points::{Points, count};

/// A file of `/proc/pressure`: `some avg10=0.00 … total=123`, in microseconds.
pub(super) fn waiting(text: &str, resource: &str, points: &mut Points) {
    for share in ["some", "full"] {
        // For a whole machine the kernel does not know when all tasks wait for a
        // processor; it writes 0 there, which is not a measurement.
        if (resource, share) == ("cpu", "full") {
            continue;
        }
        let mut lines = text.lines().filter_map(|line| line.split_once(' '));
        let line = lines.find(|(said, _)| *said == share).map(|(_, line)| line);
        let words = line.unwrap_or_default().split_whitespace();
        let total = words.filter_map(|word| word.strip_prefix("total=")).next();
        let seconds = total.and_then(|total| total.parse().ok()).map(|total| count(total) / 1e6);
        points.labelled(Metric::HostPressureWaitingSecondsTotal, &[resource, share], seconds);
    }
}
