//! libvirt's statistics of a VM as points: which of its fields is which metric,
//! and in which unit.
//!
//! libvirt counts in nanoseconds and KiB; the catalogue in seconds and bytes. A
//! field that libvirt does not give, or gives as negative, makes no point (X17).

use std::collections::HashSet;

use hostler_core::metrics::Metric::{self, *};
use hostler_core::metrics::{Labels, Point};
use hostler_libvirt_rpc::{DomainStats, TypedParam, TypedValue};

use crate::state::State;

/// From libvirt's unit to the catalogue's.
#[derive(Debug, Clone, Copy)]
enum Scale {
    Same,
    /// Nanoseconds to seconds.
    Nanoseconds,
    /// Milliseconds to seconds.
    Milliseconds,
    /// KiB to bytes.
    Kib,
    /// MiB to bytes.
    Mib,
}

impl Scale {
    fn of(self, value: f64) -> f64 {
        match self {
            Self::Same => value,
            Self::Nanoseconds => value / 1e9,
            Self::Milliseconds => value / 1e3,
            Self::Kib => value * 1024.0,
            Self::Mib => value * 1_048_576.0,
        }
    }
}

/// A field, its metric and its unit.
type Row = (&'static str, Metric, Scale);

/// Fields that a VM has once.
const PLAIN: &[Row] = &[
    ("cpu.time", VmCpuSecondsTotal, Scale::Nanoseconds),
    ("cpu.user", VmCpuUserSecondsTotal, Scale::Nanoseconds),
    ("cpu.system", VmCpuSystemSecondsTotal, Scale::Nanoseconds),
    ("vcpu.current", VmVcpus, Scale::Same),
    ("vcpu.maximum", VmVcpusMaximum, Scale::Same),
    ("balloon.maximum", VmMemoryMaximumBytes, Scale::Kib),
    ("balloon.current", VmMemoryBalloonBytes, Scale::Kib),
    ("balloon.rss", VmMemoryHostResidentBytes, Scale::Kib),
    ("balloon.available", VmMemoryGuestAvailableBytes, Scale::Kib),
    ("balloon.unused", VmMemoryGuestUnusedBytes, Scale::Kib),
    ("balloon.usable", VmMemoryGuestUsableBytes, Scale::Kib),
    ("balloon.disk_caches", VmMemoryGuestDiskCachesBytes, Scale::Kib),
    ("balloon.swap_in", VmMemorySwapInBytesTotal, Scale::Kib),
    ("balloon.swap_out", VmMemorySwapOutBytesTotal, Scale::Kib),
    ("balloon.major_fault", VmMemoryMajorFaultsTotal, Scale::Same),
    ("balloon.minor_fault", VmMemoryMinorFaultsTotal, Scale::Same),
    ("balloon.hugetlb_pgalloc", VmMemoryHugepageAllocationsTotal, Scale::Same),
    ("balloon.hugetlb_pgfail", VmMemoryHugepageFailuresTotal, Scale::Same),
];

/// Fields of each virtual processor, behind `vcpu.N.`.
const VCPU: &[Row] = &[
    ("time", VmVcpuSecondsTotal, Scale::Nanoseconds),
    ("wait", VmVcpuWaitSecondsTotal, Scale::Nanoseconds),
    ("delay", VmVcpuDelaySecondsTotal, Scale::Nanoseconds),
    ("halted", VmVcpuHalted, Scale::Same),
];

/// Fields of each disk, behind `block.N.`.
const DISK: &[Row] = &[
    ("rd.bytes", VmDiskReadBytesTotal, Scale::Same),
    ("wr.bytes", VmDiskWrittenBytesTotal, Scale::Same),
    ("rd.reqs", VmDiskReadsTotal, Scale::Same),
    ("wr.reqs", VmDiskWritesTotal, Scale::Same),
    ("fl.reqs", VmDiskFlushesTotal, Scale::Same),
    ("rd.times", VmDiskReadSecondsTotal, Scale::Nanoseconds),
    ("wr.times", VmDiskWriteSecondsTotal, Scale::Nanoseconds),
    ("fl.times", VmDiskFlushSecondsTotal, Scale::Nanoseconds),
    ("capacity", VmDiskCapacityBytes, Scale::Same),
    ("allocation", VmDiskAllocationBytes, Scale::Same),
    ("physical", VmDiskPhysicalBytes, Scale::Same),
];

/// Fields of each interface, behind `net.N.`.
const INTERFACE: &[Row] = &[
    ("rx.bytes", VmNetworkReceivedBytesTotal, Scale::Same),
    ("tx.bytes", VmNetworkSentBytesTotal, Scale::Same),
    ("rx.pkts", VmNetworkReceivedPacketsTotal, Scale::Same),
    ("tx.pkts", VmNetworkSentPacketsTotal, Scale::Same),
    ("rx.errs", VmNetworkReceiveErrorsTotal, Scale::Same),
    ("tx.errs", VmNetworkSendErrorsTotal, Scale::Same),
    ("rx.drop", VmNetworkReceiveDropsTotal, Scale::Same),
    ("tx.drop", VmNetworkSendDropsTotal, Scale::Same),
];

/// Fields of a job that it has once.
const JOB: &[Row] = &[
    ("time_elapsed", VmJobElapsedSeconds, Scale::Milliseconds),
    ("time_remaining", VmJobRemainingSeconds, Scale::Milliseconds),
    ("downtime", VmJobDowntimeSeconds, Scale::Milliseconds),
    ("memory_dirty_rate", VmJobDirtyPagesPerSecond, Scale::Same),
];

/// Fields of each part of a job, behind `memory_`, `disk_`, `data_`.
const JOB_PART: &[Row] = &[
    ("total", VmJobTotalBytes, Scale::Same),
    ("processed", VmJobProcessedBytes, Scale::Same),
    ("remaining", VmJobLeftBytes, Scale::Same),
];

/// What jobs there are, by libvirt's numbers.
const OPERATIONS: [&str; 11] = [
    "unknown",
    "start",
    "save",
    "restore",
    "migration_in",
    "migration_out",
    "snapshot",
    "snapshot_revert",
    "dump",
    "backup",
    "snapshot_delete",
];

/// `VIR_DOMAIN_DIRTYRATE_MEASURED`.
const DIRTY_RATE_MEASURED: i64 = 2;

fn find(table: &'static [Row], field: &str) -> Option<&'static Row> {
    table.iter().find(|row| row.0 == field)
}

pub(super) fn number(value: &TypedValue) -> Option<f64> {
    let whole = || value.as_u64().map(|number| number as f64);
    let truth = || value.as_bool().map(|truth| if truth { 1.0 } else { 0.0 });
    whole()
        .or_else(truth)
        .or_else(|| value.as_f64().filter(|number| number.is_finite() && *number >= 0.0))
}

/// The value of a field.
pub(crate) fn value<'a>(params: &'a [TypedParam], field: &str) -> Option<&'a TypedValue> {
    params.iter().find(|param| param.field == field).map(|param| &param.value)
}

/// What belongs to the things of a kind that a VM has several of, each named by
/// its field `name`: `block.0.name` is `vda`.
fn named<'a>(
    params: &'a [TypedParam],
    group: &str,
) -> impl Iterator<Item = (&'a str, &'a str, &'a TypedValue)> {
    let mut seen = HashSet::new();
    // Two of one name cannot be told apart: the first one is told.
    let mut names: Vec<(&str, &str)> = Vec::new();
    for (number, rest, value) in indexed(params, group) {
        if let ("name", Some(name)) = (rest, value.as_str())
            && !name.is_empty()
            && seen.insert(name)
        {
            names.push((number, name));
        }
    }
    indexed(params, group).filter_map(move |(number, rest, value)| {
        let (_, name) = names.iter().find(|(of, _)| *of == number)?;
        Some((*name, rest, value))
    })
}

/// Fields like `group.N.rest`, as number, rest and value.
fn indexed<'a>(
    params: &'a [TypedParam],
    group: &str,
) -> impl Iterator<Item = (&'a str, &'a str, &'a TypedValue)> {
    params.iter().filter_map(move |param| {
        let behind = param.field.strip_prefix(group)?.strip_prefix('.')?;
        let (number, rest) = behind.split_once('.')?;
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then_some((number, rest, &param.value))
    })
}

/// Labels of which the same ones come many times in a row.
#[derive(Default)]
struct Shared {
    last: Option<(String, Labels)>,
}

impl Shared {
    fn of(&mut self, name: &str) -> Labels {
        match &self.last {
            Some((last, labels)) if last == name => labels.clone(),
            _ => {
                let labels = Labels::one(name);
                self.last = Some((name.to_owned(), labels.clone()));
                labels
            }
        }
    }
}

/// Points of the things of a kind.
fn of_each(params: &[TypedParam], group: &str, table: &'static [Row], points: &mut Vec<Point>) {
    let mut labels = Shared::default();
    for (name, rest, value) in named(params, group) {
        if let (Some((_, metric, scale)), Some(number)) = (find(table, rest), number(value)) {
            points.push(Point::labelled(*metric, labels.of(name), scale.of(number)));
        }
    }
}

/// State and reason, where they are told.
pub(crate) fn state(stats: &DomainStats) -> Option<State> {
    let number = |field| i32::try_from(value(&stats.params, field)?.as_i64()?).ok();
    Some(State::of(number("state.state")?, number("state.reason").unwrap_or(0)))
}

/// Whether its processors run, whatever else is going on.
pub(crate) fn is_running(stats: &DomainStats) -> bool {
    use crate::state::number::{BLOCKED, RUNNING};
    let state = value(&stats.params, "state.state").and_then(TypedValue::as_i64);
    state.is_some_and(|state| [RUNNING, BLOCKED].map(i64::from).contains(&state))
}

/// Whether its hypervisor was asked. libvirt leaves out what only a hypervisor
/// knows, without a word, when something else holds the VM; the memory that the
/// process holds is told behind that door though libvirt could see it itself.
pub(crate) fn is_whole(params: &[TypedParam]) -> bool {
    value(params, "balloon.current").is_none() || value(params, "balloon.rss").is_some()
}

/// Counters of network interfaces.
pub(crate) fn network(params: &[TypedParam]) -> Vec<Point> {
    let mut points = Vec::new();
    of_each(params, "net", INTERFACE, &mut points);
    points
}

/// What a running VM uses: processors, memory, disks.
pub(crate) fn usage(params: &[TypedParam]) -> Vec<Point> {
    let mut points = Vec::with_capacity(params.len());
    for param in params {
        if let (Some((_, metric, scale)), Some(number)) =
            (find(PLAIN, &param.field), number(&param.value))
        {
            points.push(Point::plain(*metric, scale.of(number)));
        }
    }
    // 0: the guest's balloon driver never told anything.
    if let Some(at) = value(params, "balloon.last-update").and_then(number).filter(|at| *at > 0.0) {
        points.push(Point::plain(VmMemoryBalloonUpdateTimeSeconds, at));
    }
    // Without a measurement there is a 0 in the field, which is no rate.
    let measured = value(params, "dirtyrate.calc_status").and_then(TypedValue::as_i64);
    if measured == Some(DIRTY_RATE_MEASURED)
        && let Some(rate) = value(params, "dirtyrate.megabytes_per_second").and_then(number)
    {
        points.push(Point::plain(VmMemoryDirtyBytesPerSecond, Scale::Mib.of(rate)));
    }
    vcpus(params, &mut points);
    of_each(params, "block", DISK, &mut points);
    points
}

fn vcpus(params: &[TypedParam], points: &mut Vec<Point>) {
    let mut labels = Shared::default();
    for (vcpu, rest, value) in indexed(params, "vcpu") {
        if rest == "state" {
            let state = match value.as_i64() {
                Some(0) => "offline",
                Some(1) => "running",
                Some(2) => "blocked",
                _ => continue,
            };
            points.push(Point::labelled(VmVcpuState, Labels::new([vcpu, state]), 1.0));
        } else if let (Some((_, metric, scale)), Some(number)) = (find(VCPU, rest), number(value)) {
            points.push(Point::labelled(*metric, labels.of(vcpu), scale.of(number)));
        }
    }
}

/// How far a job has come.
pub(crate) fn job(params: &[TypedParam]) -> Vec<Point> {
    let operation = value(params, "operation")
        .and_then(TypedValue::as_u64)
        .and_then(|number| OPERATIONS.get(usize::try_from(number).ok()?))
        .copied()
        .unwrap_or("unknown");
    let mut points = Vec::new();
    for param in params {
        let Some(number) = number(&param.value) else { continue };
        if let Some((_, metric, scale)) = find(JOB, &param.field) {
            points.push(Point::labelled(*metric, Labels::one(operation), scale.of(number)));
            continue;
        }
        for part in ["memory", "disk", "data"] {
            let rest = param.field.strip_prefix(part).and_then(|rest| rest.strip_prefix('_'));
            if let Some((_, metric, scale)) = rest.and_then(|rest| find(JOB_PART, rest)) {
                let labels = Labels::new([operation, part]);
                points.push(Point::labelled(*metric, labels, scale.of(number)));
            }
        }
    }
    points
}

#[cfg(test)]
#[path = "stats_tests.rs"]
mod tests;
