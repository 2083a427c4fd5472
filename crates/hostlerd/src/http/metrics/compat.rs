//! The same figures under the names of the inovex exporter for libvirt, so that dashboards
//! and alerts that were made for it go on working. docs/reference/metrics-libvirt.md is this
//! table, made from it.
//!
//! What differs from that exporter, on purpose: each series bears `host` and `provider`
//! besides, since one server tells of many; what is not known has no series, where it tells
//! zero; seconds are seconds everywhere.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use hostler_core::metrics::exposition::{Format, Head, Writer};
use hostler_core::metrics::{Dropped, Metric, MetricKind, Point, SERIES_MAX};
use hostler_core::vm::PowerState;
use hostler_engine::{Collected, PassFigures, ProviderState, ProviderView, VmView};

/// How a metric of ours is told there.
struct Row {
    name: &'static str,
    of: Metric,
    kind: MetricKind,
    /// What the label of the device, interface or processor is called there.
    label: Option<&'static str>,
    /// Which of the values of our last label; each is another metric there.
    only: Option<&'static str>,
    factor: f64,
}

const fn row(name: &'static str, of: Metric, kind: MetricKind) -> Row {
    Row { name, of, kind, label: None, only: None, factor: 1.0 }
}

const fn by(label: &'static str, name: &'static str, of: Metric, kind: MetricKind) -> Row {
    Row { label: Some(label), ..row(name, of, kind) }
}

const fn job(part: &'static str, name: &'static str, of: Metric) -> Row {
    Row { only: Some(part), ..row(name, of, MetricKind::Gauge) }
}

use Metric as M;
use MetricKind::{Counter, Gauge, Info};

const DEVICE: &str = "target_device";

/// In the order in which they are told; one of ours may be there under several names.
const ROWS: &[Row] = &[
    row("libvirt_domain_info_maximum_memory_bytes", M::VmMemoryMaximumBytes, Gauge),
    row("libvirt_domain_info_memory_usage_bytes", M::VmMemoryBalloonBytes, Gauge),
    row("libvirt_domain_info_virtual_cpus", M::VmVcpus, Gauge),
    row("libvirt_domain_info_cpu_time_seconds_total", M::VmCpuSecondsTotal, Counter),
    row("libvirt_domain_job_info_time_elapsed_seconds", M::VmJobElapsedSeconds, Gauge),
    row("libvirt_domain_job_info_time_remaining_seconds", M::VmJobRemainingSeconds, Gauge),
    job("data", "libvirt_domain_job_info_data_total_bytes", M::VmJobTotalBytes),
    job("data", "libvirt_domain_job_info_data_processed_bytes", M::VmJobProcessedBytes),
    job("data", "libvirt_domain_job_info_data_remaining_bytes", M::VmJobLeftBytes),
    job("memory", "libvirt_domain_job_info_memory_total_bytes", M::VmJobTotalBytes),
    job("memory", "libvirt_domain_job_info_memory_processed_bytes", M::VmJobProcessedBytes),
    job("memory", "libvirt_domain_job_info_memory_remaining_bytes", M::VmJobLeftBytes),
    job("disk", "libvirt_domain_job_info_file_total_bytes", M::VmJobTotalBytes),
    job("disk", "libvirt_domain_job_info_file_processed_bytes", M::VmJobProcessedBytes),
    job("disk", "libvirt_domain_job_info_file_remaining_bytes", M::VmJobLeftBytes),
    row("libvirt_domain_memory_stats_swap_in_bytes", M::VmMemorySwapInBytesTotal, Gauge),
    row("libvirt_domain_memory_stats_swap_out_bytes", M::VmMemorySwapOutBytesTotal, Gauge),
    row("libvirt_domain_memory_stats_unused_bytes", M::VmMemoryGuestUnusedBytes, Gauge),
    row("libvirt_domain_memory_stats_available_bytes", M::VmMemoryGuestAvailableBytes, Gauge),
    row("libvirt_domain_memory_stats_usable_bytes", M::VmMemoryGuestUsableBytes, Gauge),
    row("libvirt_domain_memory_stats_rss_bytes", M::VmMemoryHostResidentBytes, Gauge),
    // Its versions differ in what they call the balloon.
    row("libvirt_domain_memory_stats_actual_balloon_bytes", M::VmMemoryBalloonBytes, Gauge),
    row("libvirt_domain_memory_stats_current_balloon_bytes", M::VmMemoryBalloonBytes, Gauge),
    row("libvirt_domain_memory_stats_maximum_bytes", M::VmMemoryMaximumBytes, Gauge),
    row("libvirt_domain_memory_stats_major_fault_total", M::VmMemoryMajorFaultsTotal, Counter),
    row("libvirt_domain_memory_stats_minor_fault_total", M::VmMemoryMinorFaultsTotal, Counter),
    Row {
        factor: 100.0,
        ..row("libvirt_domain_memory_stats_used_percent", M::VmMemoryGuestUsedRatio, Gauge)
    },
    row(
        "libvirt_domain_memory_stats_last_update_timestamp_seconds",
        M::VmMemoryBalloonUpdateTimeSeconds,
        Gauge,
    ),
    row("libvirt_domain_memory_stats_disk_caches_bytes", M::VmMemoryGuestDiskCachesBytes, Gauge),
    row(
        "libvirt_domain_memory_stats_hugetlb_pgalloc_total",
        M::VmMemoryHugepageAllocationsTotal,
        Counter,
    ),
    row(
        "libvirt_domain_memory_stats_hugetlb_pgfail_total",
        M::VmMemoryHugepageFailuresTotal,
        Counter,
    ),
    by(DEVICE, "libvirt_domain_block_stats_read_bytes_total", M::VmDiskReadBytesTotal, Counter),
    by(DEVICE, "libvirt_domain_block_stats_read_requests_total", M::VmDiskReadsTotal, Counter),
    by(DEVICE, "libvirt_domain_block_stats_write_bytes_total", M::VmDiskWrittenBytesTotal, Counter),
    by(DEVICE, "libvirt_domain_block_stats_write_requests_total", M::VmDiskWritesTotal, Counter),
    by(
        DEVICE,
        "libvirt_domain_block_stats_read_time_seconds_total",
        M::VmDiskReadSecondsTotal,
        Counter,
    ),
    by(
        DEVICE,
        "libvirt_domain_block_stats_write_time_seconds_total",
        M::VmDiskWriteSecondsTotal,
        Counter,
    ),
    by(DEVICE, "libvirt_domain_block_stats_flush_requests_total", M::VmDiskFlushesTotal, Counter),
    by(
        DEVICE,
        "libvirt_domain_block_stats_flush_time_seconds_total",
        M::VmDiskFlushSecondsTotal,
        Counter,
    ),
    by(DEVICE, "libvirt_domain_block_stats_capacity_bytes", M::VmDiskCapacityBytes, Gauge),
    by(
        DEVICE,
        "libvirt_domain_interface_stats_receive_bytes_total",
        M::VmNetworkReceivedBytesTotal,
        Counter,
    ),
    by(
        DEVICE,
        "libvirt_domain_interface_stats_receive_packets_total",
        M::VmNetworkReceivedPacketsTotal,
        Counter,
    ),
    by(
        DEVICE,
        "libvirt_domain_interface_stats_receive_errors_total",
        M::VmNetworkReceiveErrorsTotal,
        Counter,
    ),
    by(
        DEVICE,
        "libvirt_domain_interface_stats_receive_drops_total",
        M::VmNetworkReceiveDropsTotal,
        Counter,
    ),
    by(
        DEVICE,
        "libvirt_domain_interface_stats_transmit_bytes_total",
        M::VmNetworkSentBytesTotal,
        Counter,
    ),
    by(
        DEVICE,
        "libvirt_domain_interface_stats_transmit_packets_total",
        M::VmNetworkSentPacketsTotal,
        Counter,
    ),
    by(
        DEVICE,
        "libvirt_domain_interface_stats_transmit_errors_total",
        M::VmNetworkSendErrorsTotal,
        Counter,
    ),
    by(
        DEVICE,
        "libvirt_domain_interface_stats_transmit_drops_total",
        M::VmNetworkSendDropsTotal,
        Counter,
    ),
    row("libvirt_domain_vcpu_current", M::VmVcpus, Gauge),
    row("libvirt_domain_vcpu_maximum", M::VmVcpusMaximum, Gauge),
    by("vcpu", "libvirt_domain_vcpu_time_seconds_total", M::VmVcpuSecondsTotal, Counter),
    by("vcpu", "libvirt_domain_vcpu_wait_seconds_total", M::VmVcpuWaitSecondsTotal, Counter),
    by("vcpu", "libvirt_domain_vcpu_delay_seconds_total", M::VmVcpuDelaySecondsTotal, Counter),
    row("libvirt_storage_pool_capacity_bytes", M::PoolCapacityBytes, Gauge),
    row("libvirt_storage_pool_allocation_bytes", M::PoolAllocatedBytes, Gauge),
    row("libvirt_storage_pool_available_bytes", M::PoolAvailableBytes, Gauge),
];

/// What is put together otherwise: name, kind, help.
const OTHERS: &[(&str, MetricKind, &str)] = &[
    ("libvirt_up", Gauge, "Whether the provider answers: 1 or 0"),
    ("libvirt_domains", Gauge, "VMs of the provider"),
    ("libvirt_domain_info", Info, "Architecture and machine type of the VM"),
    ("libvirt_domain_info_state", Gauge, "The state as libvirt numbers it, in words in a label"),
    ("libvirt_domain_timed_out", Gauge, "1 while the VM does not answer when it is measured"),
    ("libvirt_domain_vcpu_state", Gauge, "0 offline, 1 running, 2 blocked"),
    ("libvirt_domain_block_stats_info", Info, "What a disk of the VM is"),
    ("libvirt_domain_interface_stats_info", Info, "What an interface of the VM is"),
    (
        "libvirt_storage_pool_state",
        Gauge,
        "0 inactive, 1 building, 2 running, 3 degraded, 4 inaccessible",
    ),
];

/// What a page tells.
pub(super) struct Told {
    pub(super) collected: Collected,
    pub(super) providers: Vec<Arc<ProviderView>>,
    pub(super) vms: Vec<Arc<VmView>>,
}

type Labels = Vec<(&'static str, String)>;

/// The series of each family.
#[derive(Default)]
struct Families {
    of: BTreeMap<&'static str, Vec<(Labels, f64)>>,
    count: usize,
    dropped: Dropped,
}

impl Families {
    fn add(&mut self, name: &'static str, labels: Labels, value: f64) {
        if self.count == SERIES_MAX {
            self.dropped.too_many += 1;
            return;
        }
        self.count += 1;
        self.of.entry(name).or_default().push((labels, value));
    }

    fn write(&mut self, writer: &mut Writer, head: &Head<'_>) {
        let Some(series) = self.of.remove(head.name) else { return };
        writer.family(head);
        let mut seen = HashSet::with_capacity(series.len());
        for (labels, value) in &series {
            if !seen.insert(labels) {
                self.dropped.twice += 1;
                continue;
            }
            writer.sample(head.name, labels.iter().map(|(name, text)| (*name, &**text)), *value);
        }
    }
}

/// The page without its end, and what was left out of it.
pub(super) fn page(told: &Told, format: Format) -> (String, Dropped) {
    let mut families = Families::default();
    told.providers.iter().for_each(|view| provider(&mut families, view, &told.vms));
    told.vms.iter().for_each(|view| present(&mut families, view));
    for figures in &told.collected.vms {
        let owner = owner(&figures.of);
        measured(&mut families, &owner, &figures.passes);
        let is_silent = figures.passes.iter().any(|pass| pass.silent.is_some());
        families.add("libvirt_domain_timed_out", owner, if is_silent { 1.0 } else { 0.0 });
    }
    for figures in &told.collected.pools {
        let pool = &figures.of;
        let host = pool.host.as_ref().map_or("", |(_, name)| name.as_str());
        let mut owner =
            vec![("storage_pool", pool.observed.name.clone()), ("host", host.to_owned())];
        owner.push(("provider", pool.provider.1.clone()));
        owner.extend(made_up(pool.simulated));
        measured(&mut families, &owner, &figures.passes);
    }
    let mut writer = Writer::new(format);
    for (name, kind, help) in OTHERS {
        families.write(&mut writer, &Head { name, kind: *kind, unit: "", help });
    }
    for row in ROWS {
        let family = row.of.family();
        let unit = if row.factor == 1.0 { family.unit.as_str() } else { "" };
        let head = Head { name: row.name, kind: row.kind, unit, help: family.help };
        families.write(&mut writer, &head);
    }
    (writer.into_part(), families.dropped)
}

fn owner(view: &VmView) -> Labels {
    // As libvirt calls it, and not as we may.
    let name = view.observed.as_ref().map_or(&view.name, |seen| &seen.name);
    let host = view.host.as_ref().map(|(_, name)| name.clone()).unwrap_or_default();
    let provider = view.provider.as_ref().map(|(_, name)| name.clone()).unwrap_or_default();
    let mut labels = vec![("domain", name.clone()), ("host", host), ("provider", provider)];
    labels.extend(made_up(view.simulated));
    labels
}

/// Made-up data bears a label, so that no dashboard can mistake it (X17).
fn made_up(is: bool) -> Option<(&'static str, String)> {
    is.then(|| ("simulated", "true".to_owned()))
}

fn with(owner: &Labels, more: impl IntoIterator<Item = (&'static str, String)>) -> Labels {
    owner.iter().cloned().chain(more).collect()
}

fn provider(families: &mut Families, view: &ProviderView, vms: &[Arc<VmView>]) {
    let mut owner = vec![("provider", view.row.name.clone())];
    owner.extend(made_up(view.simulated));
    let Some(answers) = view.state.answers() else { return };
    families.add("libvirt_up", owner.clone(), f64::from(u8::from(answers)));
    if view.state == ProviderState::Healthy {
        let is_here = |vm: &&Arc<VmView>| {
            vm.observed.is_some() && vm.provider.as_ref().is_some_and(|(id, _)| *id == view.row.id)
        };
        families.add("libvirt_domains", owner, vms.iter().filter(is_here).count() as f64);
    }
}

/// What is told of a VM whether it is measured or not, while its provider is heard.
fn present(families: &mut Families, view: &VmView) {
    let Some(seen) = &view.observed else { return };
    let Some((code, word)) = state(seen.power).filter(|_| view.stale().is_none()) else { return };
    let owner = owner(view);
    let state = with(&owner, [("state_desc", word.to_owned())]);
    families.add("libvirt_domain_info_state", state, f64::from(code));
    let fact = |fact: &hostler_core::Fact<String>| fact.value().cloned().unwrap_or_default();
    let (arch, machine) = (fact(&seen.arch), fact(&seen.machine));
    let info = with(&owner, [("os_type_arch", arch), ("os_type_machine", machine)]);
    families.add("libvirt_domain_info", info, 1.0);
    if !seen.power.is_live() {
        return;
    }
    for disk in seen.disks.value().into_iter().flatten() {
        if matches!(disk.device.as_str(), "cdrom" | "floppy") {
            continue;
        }
        let told = [
            ("target_bus", disk.bus.clone()),
            ("driver_type", disk.format.clone()),
            ("source_file", disk.source.clone()),
            (DEVICE, Some(disk.target.clone())),
        ];
        let told = told.map(|(label, word)| (label, word.unwrap_or_default()));
        families.add("libvirt_domain_block_stats_info", with(&owner, told), 1.0);
    }
    for nic in seen.nics.value().into_iter().flatten() {
        let Some(device) = &nic.host_device else { continue };
        let bridge = nic.source.clone().filter(|_| nic.kind == "bridge");
        let told = [
            ("interface_type", Some(nic.kind.clone())),
            ("source_bridge", bridge),
            (DEVICE, Some(device.clone())),
            ("mac_address", nic.mac.clone()),
            ("model_type", nic.model.clone()),
        ];
        let told = told.map(|(label, word)| (label, word.unwrap_or_default()));
        families.add("libvirt_domain_interface_stats_info", with(&owner, told), 1.0);
    }
}

/// libvirt's number of a state with that exporter's words. Of one in which libvirt may say
/// either of two, nothing is told.
fn state(power: PowerState) -> Option<(u8, &'static str)> {
    Some(match power {
        PowerState::Running => (1, "the domain is running"),
        PowerState::Paused => (3, "the domain is paused by user"),
        PowerState::Stopping => (4, "the domain is being shut down"),
        PowerState::Stopped | PowerState::Saved | PowerState::Failed => {
            (5, "the domain is shut off")
        }
        PowerState::Crashed => (6, "the domain is crashed"),
        PowerState::Suspended => (7, "the domain is suspended by guest power management"),
        PowerState::Starting
        | PowerState::Saving
        | PowerState::Dumping
        | PowerState::Snapshotting
        | PowerState::Migrating
        | PowerState::Unknown => return None,
    })
}

fn measured(families: &mut Families, owner: &Labels, passes: &[PassFigures]) {
    for point in passes.iter().flat_map(PassFigures::points) {
        for row in ROWS.iter().filter(|row| row.of == point.metric) {
            if let Some(labels) = row.labels(owner, point) {
                families.add(row.name, labels, point.value * row.factor);
            }
        }
        let word = point.labels.values().last().map_or("", |word| word);
        let is_it = point.value > 0.0;
        match (point.metric, word) {
            (Metric::PoolState, word) if is_it => {
                let states = ["inactive", "building", "running", "degraded", "inaccessible"];
                if let Some(code) = states.iter().position(|state| *state == word) {
                    families.add("libvirt_storage_pool_state", owner.clone(), code as f64);
                }
            }
            (Metric::VmVcpuState, word) if is_it => {
                let states = ["offline", "running", "blocked"];
                let vcpu = point.labels.values().first().map_or("", |vcpu| vcpu);
                if let Some(code) = states.iter().position(|state| *state == word) {
                    let labels = with(owner, [("vcpu", vcpu.to_owned())]);
                    families.add("libvirt_domain_vcpu_state", labels, code as f64);
                }
            }
            _ => {}
        }
    }
}

impl Row {
    /// The labels of a point's series; `None` where it is another metric there.
    fn labels(&self, owner: &Labels, point: &Point) -> Option<Labels> {
        let values = point.labels.values();
        if let Some(only) = self.only {
            return values.last().is_some_and(|part| **part == *only).then(|| owner.clone());
        }
        let label = self.label.zip(values.first());
        Some(with(owner, label.map(|(label, value)| (label, value.to_string()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page of the reference that shows the table.
    fn documented() -> String {
        let mut text = String::from("| there | here | remark |\n|---|---|---|\n");
        for (name, _, help) in OTHERS {
            text.push_str(&format!("| `{name}` | | {help} |\n"));
        }
        for row in ROWS {
            let part = row.only.map(|part| format!("`part=\"{part}\"`")).unwrap_or_default();
            let percent = if row.factor == 1.0 { "" } else { "times 100" };
            let of = row.of.family().name;
            text.push_str(&format!("| `{}` | `{of}` | {part}{percent} |\n", row.name));
        }
        text
    }

    #[test]
    fn the_reference_shows_the_table_that_is_used() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/metrics-libvirt.md");
        let text = std::fs::read_to_string(path).unwrap();
        let wanted = documented();
        assert!(text.contains(&wanted), "docs/reference/metrics-libvirt.md lacks:\n{wanted}");
    }

    #[test]
    fn names_are_there_once_and_say_their_kind_and_unit() {
        let mut seen = HashSet::new();
        for row in ROWS {
            assert!(seen.insert(row.name), "{} is there twice", row.name);
            assert_eq!(row.kind == Counter, row.name.ends_with("_total"), "{}", row.name);
            let unit = row.of.family().unit.as_str();
            let stem = row.name.trim_end_matches("_total");
            let is_same = unit.is_empty() || stem.ends_with(&format!("_{unit}"));
            assert!(is_same || row.factor != 1.0, "{} is not in {unit}", row.name);
        }
        for (name, kind, _) in OTHERS {
            assert!(seen.insert(name), "{name} is there twice");
            assert_eq!(*kind == Info, name.ends_with("_info"), "{name}");
        }
    }

    #[test]
    fn x16_a_job_s_part_is_a_metric_of_its_own_there() {
        let labels = hostler_core::metrics::Labels::new(["migration_out", "disk"]);
        let point = Point::labelled(Metric::VmJobLeftBytes, labels, 7.0);
        let owner = vec![("domain", "web".to_owned())];
        let told: Vec<&str> = ROWS
            .iter()
            .filter(|row| row.of == point.metric && row.labels(&owner, &point).is_some())
            .map(|row| row.name)
            .collect();
        assert_eq!(told, ["libvirt_domain_job_info_file_remaining_bytes"]);
    }
}
