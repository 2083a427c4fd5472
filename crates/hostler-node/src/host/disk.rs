//! Disks: what they transferred and how long it took.

use hostler_core::metrics::Metric;

use crate::points::{Points, count};

/// What `/proc/diskstats` counts transfers in, whatever the disk's own sectors.
const SECTOR_BYTES: f64 = 512.0;

/// Not disks of the machine: memory, files, and media that come and go.
const LEFT_OUT: [&str; 5] = ["loop", "ram", "zram", "sr", "fd"];

/// `/proc/diskstats`: every whole disk. A partition is part of a disk that is told.
pub(super) fn transfers(text: &str, points: &mut Points) {
    let rows: Vec<Vec<&str>> =
        text.lines().map(|line| line.split_whitespace().skip(2).collect()).collect();
    let names: Vec<&str> = rows.iter().filter_map(|row: &Vec<&str>| row.first().copied()).collect();
    for row in &rows {
        let Some((name, fields)) = row.split_first() else { continue };
        if is_left_out(name) || names.iter().any(|disk| is_partition_of(name, disk)) {
            continue;
        }
        let field = |at: usize| fields.get(at).and_then(|field| field.parse().ok()).map(count);
        let mut told = |metric, at, unit: f64| {
            points.labelled(metric, &[name], field(at).map(|value| value * unit));
        };
        told(Metric::HostDiskReadsTotal, 0, 1.0);
        told(Metric::HostDiskReadBytesTotal, 2, SECTOR_BYTES);
        told(Metric::HostDiskReadSecondsTotal, 3, 1e-3);
        told(Metric::HostDiskWritesTotal, 4, 1.0);
        told(Metric::HostDiskWrittenBytesTotal, 6, SECTOR_BYTES);
        told(Metric::HostDiskWriteSecondsTotal, 7, 1e-3);
        told(Metric::HostDiskBusySecondsTotal, 9, 1e-3);
    }
}

fn is_left_out(name: &str) -> bool {
    let is_number = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_digit());
    LEFT_OUT.iter().any(|kind| name.strip_prefix(kind).is_some_and(is_number))
}

/// Whether `name` is a partition of `disk`, as the kernel names them: `sda1` of
/// `sda`, and with a `p` between where the disk's name ends with a digit.
fn is_partition_of(name: &str, disk: &str) -> bool {
    let Some(rest) = name.strip_prefix(disk).filter(|rest| !rest.is_empty()) else { return false };
    let number = match disk.ends_with(|c: char| c.is_ascii_digit()) {
        true => rest.strip_prefix('p').unwrap_or_default(),
        false => rest,
    };
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}
