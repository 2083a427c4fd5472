//! What a frame tells of each thing.

use std::collections::BTreeMap;
use std::sync::Arc;

use hostler_api::v1::{LiveJob, LiveNode, LiveVm};
use hostler_core::metrics::{Cost, Metric, Point};
use hostler_engine::{Figures, HostView, VmView};

use super::figures::{Fresh, Worth};
use super::frame::Entry;

/// What is told of a VM.
pub(super) fn vm(figures: &Figures<Arc<VmView>>) -> Option<Entry> {
    let (of, fresh) = (&figures.of, Fresh::of(&figures.passes));
    let Worth { quality, reason, age_seconds } = fresh.worth();
    let told = LiveVm {
        vm_id: of.id.to_string(),
        name: of.name.clone(),
        project: of.project.clone(),
        host: of.host.as_ref().map(|(_, name)| name.clone()),
        simulated: of.simulated,
        quality,
        reason,
        age_seconds,
        cpu_usage_ratio: fresh.value(Metric::VmCpuUsageRatio),
        memory_host_resident_bytes: fresh.value(Metric::VmMemoryHostResidentBytes),
        memory_balloon_bytes: fresh.value(Metric::VmMemoryBalloonBytes),
        memory_guest_used_ratio: fresh.value(Metric::VmMemoryGuestUsedRatio),
        disk_read_bytes_per_second: fresh.speed(Metric::VmDiskReadBytesTotal),
        disk_written_bytes_per_second: fresh.speed(Metric::VmDiskWrittenBytesTotal),
        disk_reads_per_second: fresh.speed(Metric::VmDiskReadsTotal),
        disk_writes_per_second: fresh.speed(Metric::VmDiskWritesTotal),
        network_received_bytes_per_second: fresh.speed(Metric::VmNetworkReceivedBytesTotal),
        network_sent_bytes_per_second: fresh.speed(Metric::VmNetworkSentBytesTotal),
    };
    let text = serde_json::to_string(&told).ok()?;
    Some(Entry { id: told.vm_id, project: told.project, text })
}

/// What is told of a host.
pub(super) fn node(figures: &Figures<Arc<HostView>>) -> Option<Entry> {
    let (of, fresh) = (&figures.of, Fresh::of(&figures.passes));
    let Worth { quality, reason, age_seconds } = fresh.worth();
    let told = LiveNode {
        node_id: of.id.to_string(),
        name: of.name.clone(),
        simulated: of.simulated,
        quality,
        reason,
        age_seconds,
        cpu_usage_ratio: fresh.value(Metric::HostCpuUsageRatio),
        memory_total_bytes: fresh.value(Metric::HostMemoryTotalBytes),
        memory_available_bytes: fresh.value(Metric::HostMemoryAvailableBytes),
        load_1m: fresh.labelled(Metric::HostLoad, "1m"),
        load_5m: fresh.labelled(Metric::HostLoad, "5m"),
        load_15m: fresh.labelled(Metric::HostLoad, "15m"),
    };
    let text = serde_json::to_string(&told).ok()?;
    Some(Entry { id: told.node_id, project: None, text })
}

/// How far a VM's job is; `None` where it has none that is known now.
pub(super) fn job(figures: &Figures<Arc<VmView>>) -> Option<Entry> {
    let of = &figures.of;
    let pass = figures.passes.iter().find(|it| it.pass == Cost::Job && it.is_reached)?;
    let points: Vec<&Point> = pass.points().collect();
    let told = progress((of.id.to_string(), of.name.clone(), of.simulated), &points)?;
    let text = serde_json::to_string(&told).ok()?;
    Some(Entry { id: told.vm_id, project: of.project.clone(), text })
}

fn progress(
    (vm_id, name, simulated): (String, String, bool),
    points: &[&Point],
) -> Option<LiveJob> {
    let elapsed = points.iter().find(|point| point.metric == Metric::VmJobElapsedSeconds)?;
    let plain = |metric| points.iter().find(|point| point.metric == metric).map(|it| it.value);
    let parts = |metric| -> BTreeMap<String, f64> {
        let some = points.iter().filter(|point| point.metric == metric);
        // The operation is the first label, the part the second.
        some.filter_map(|it| Some((it.labels.values().get(1)?.to_string(), it.value))).collect()
    };
    Some(LiveJob {
        vm_id,
        name,
        simulated,
        operation: elapsed.labels.values().first()?.to_string(),
        elapsed_seconds: Some(elapsed.value),
        remaining_seconds: plain(Metric::VmJobRemainingSeconds),
        total_bytes: parts(Metric::VmJobTotalBytes),
        processed_bytes: parts(Metric::VmJobProcessedBytes),
        left_bytes: parts(Metric::VmJobLeftBytes),
        downtime_seconds: plain(Metric::VmJobDowntimeSeconds),
    })
}

#[cfg(test)]
mod tests {
    use hostler_core::metrics::Labels;

    use super::*;

    #[test]
    fn d21_a_migrations_progress_is_told_by_part_and_what_is_not_known_is_null() {
        let of = || ("id".to_owned(), "web".to_owned(), false);
        let point = |metric, labels: &[&str], value| {
            Point::labelled(metric, Labels::new(labels.iter().copied()), value)
        };
        let points = [
            point(Metric::VmJobElapsedSeconds, &["migration_out"], 12.5),
            point(Metric::VmJobTotalBytes, &["migration_out", "memory"], 100.0),
            point(Metric::VmJobTotalBytes, &["migration_out", "disk"], 7.0),
            point(Metric::VmJobLeftBytes, &["migration_out", "memory"], 40.0),
        ];
        let told = progress(of(), &points.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!((told.operation.as_str(), told.elapsed_seconds), ("migration_out", Some(12.5)));
        let total = BTreeMap::from([("memory".to_owned(), 100.0), ("disk".to_owned(), 7.0)]);
        assert_eq!((told.total_bytes, told.left_bytes.get("memory")), (total, Some(&40.0)));
        assert_eq!((told.remaining_seconds, told.downtime_seconds), (None, None));
        assert!(told.processed_bytes.is_empty());
        assert_eq!(progress(of(), &[]), None, "a VM without a job is not told");
    }
}
