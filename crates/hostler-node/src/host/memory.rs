//! Memory: what there is, what is left, and swapping.

use hostler_core::metrics::Metric;

use crate::points::{Points, count};

const GAUGES: [(&str, Metric); 6] = [
    // Kernels before 3.14 do not tell it, and guessing it is worse than not knowing.
    ("MemAvailable", Metric::HostMemoryAvailableBytes),
    ("MemFree", Metric::HostMemoryFreeBytes),
    ("Cached", Metric::HostMemoryCachedBytes),
    ("Buffers", Metric::HostMemoryBuffersBytes),
    ("SwapTotal", Metric::HostSwapTotalBytes),
    ("SwapFree", Metric::HostSwapFreeBytes),
];

/// A line of a `meminfo`, in bytes: `MemTotal: 123 kB`, which for a memory node
/// has `Node 0` before it.
pub(super) fn bytes(text: &str, key: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(said, _)| said.split_whitespace().next_back() == Some(key))?;
    let mut words = value.split_whitespace();
    let number: u64 = words.next()?.parse().ok()?;
    match words.next() {
        Some("kB") => number.checked_mul(1024),
        _ => None,
    }
}

/// `/proc/meminfo`.
pub(super) fn gauges(text: &str, points: &mut Points) {
    for (key, metric) in GAUGES {
        points.plain(metric, bytes(text, key).map(count));
    }
}

/// `/proc/vmstat`, which counts pages.
pub(super) fn swapping(text: &str, page_bytes: f64, points: &mut Points) {
    let of = |key: &str| -> Option<u64> {
        let mut lines = text.lines().filter_map(|line| line.split_once(' '));
        lines.find(|(said, _)| *said == key)?.1.trim().parse().ok()
    };
    let pages = |key| of(key).map(|pages| count(pages) * page_bytes);
    points.plain(Metric::HostSwapInBytesTotal, pages("pswpin"));
    points.plain(Metric::HostSwapOutBytesTotal, pages("pswpout"));
    points.plain(Metric::HostMemoryMajorFaultsTotal, of("pgmajfault").map(count));
}
