//! Which series say what of a thing: queries over the history, in PromQL. `$w` stands for
//! the time that one value is made of.
//!
//! What a VM takes is asked for by its id alone, and summed up or taken at its most: one that
//! moved has a series for each host. File systems that are images or live in memory are left
//! out, as the shipped alerts do: they are full by nature, or never.

use hostler_core::metrics::{Metric, OwnerLabel};

use super::Unit;

const MIB: f64 = 1_048_576.0;
/// File systems that say nothing about room.
const NO_ROOM: &str = "iso9660|udf|squashfs|erofs|tmpfs|devtmpfs|overlay";

/// What is looked at.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) resource: &'static str,
    pub(super) unit: Unit,
    /// Its values.
    pub(super) query: String,
    /// What it is full at.
    pub(super) limit: Option<String>,
    /// How busy something is: it has hours of the day. What fills has none.
    pub(super) is_activity: bool,
    /// A difference that matters to nobody, however unusual, is less than this.
    pub(super) matters: f64,
    /// Who tells it.
    pub(super) told_by: &'static str,
}

impl Plan {
    fn activity(resource: &'static str, unit: Unit, query: String) -> Self {
        let matters = match unit {
            Unit::Ratio => 0.02,
            Unit::Bytes => 64.0 * MIB,
            Unit::BytesPerSecond => MIB / 8.0,
            Unit::Count | Unit::CountPerSecond => 1.0,
        };
        let told_by = "it was never measured";
        Self { resource, unit, query, limit: None, is_activity: true, matters, told_by }
    }

    fn limited(self, limit: String) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// It fills, and is not busy.
    fn fills(self) -> Self {
        Self { is_activity: false, ..self }
    }

    fn told_by(self, told_by: &'static str) -> Self {
        Self { told_by, ..self }
    }
}

/// The same query for means of another time.
pub(super) fn over(query: &str, window: &str) -> String {
    query.replace("$w", window)
}

/// What is looked at to know whether a VM has the right size.
#[derive(Debug, Clone)]
pub(super) struct Sizes {
    /// Processors in use.
    pub(super) cpus_used: String,
    /// Processors online.
    pub(super) cpus: String,
    /// The share of the time that one waited for the host.
    pub(super) delay: String,
    pub(super) memory_used: String,
    /// Memory that the guest has.
    pub(super) memory: String,
    pub(super) swap_in: String,
    pub(super) major_faults: String,
}

fn mean(metric: Metric, labels: &str) -> String {
    format!("avg_over_time({}{labels}[$w])", metric.name())
}

fn rate(metric: Metric, labels: &str) -> String {
    format!("rate({}{labels}[$w])", metric.name())
}

fn max(of: &str) -> String {
    format!("max({of})")
}

fn sum(of: &str) -> String {
    format!("sum({of})")
}

/// What it is at present.
fn last(by: &str, metric: Metric, labels: &str) -> String {
    format!("max{by}(last_over_time({}{labels}[$w]))", metric.name())
}

/// `{name="value",…}`, with whatever a name may hold.
fn selector(labels: &[OwnerLabel<'_>], more: &str) -> String {
    let mut text = String::from("{");
    for (name, value) in labels {
        text.push_str(name);
        text.push_str("=\"");
        for char in value.chars() {
            match char {
                '\\' | '"' => text.extend(['\\', char]),
                '\n' => text.push_str("\\n"),
                other => text.push(other),
            }
        }
        text.push_str("\",");
    }
    text.push_str(more);
    let mut text = text.trim_end_matches(',').to_owned();
    text.push('}');
    text
}

/// The labels of a thing that is known by its name: what is made up and what is not may
/// have had the same.
fn named(owner: &[OwnerLabel<'_>], more: &str) -> String {
    let is_made_up = owner.iter().any(|(name, _)| *name == "simulated");
    let real = (!is_made_up).then_some(("simulated", ""));
    let labels: Vec<OwnerLabel<'_>> = owner.iter().copied().chain(real).collect();
    selector(&labels, more)
}

fn memory_used(labels: &str) -> String {
    let share = mean(Metric::VmMemoryGuestUsedRatio, labels);
    let has = mean(Metric::VmMemoryGuestAvailableBytes, labels);
    max(&format!("{share} * {has}"))
}

pub(super) fn of_vm(id: &str) -> Vec<Plan> {
    let s = &selector(&[("vm_id", id)], "");
    let by = " by (mountpoint, filesystem) ";
    let files = &selector(&[("vm_id", id)], &format!("filesystem!~\"{NO_ROOM}\""));
    let used = mean(Metric::VmGuestFilesystemUsedBytes, files);
    let bytes =
        |resource, metric| Plan::activity(resource, Unit::BytesPerSecond, sum(&rate(metric, s)));
    vec![
        Plan::activity("cpu", Unit::Ratio, max(&mean(Metric::VmCpuUsageRatio, s))),
        Plan::activity("cpu_delay", Unit::Ratio, max(&rate(Metric::VmVcpuDelaySecondsTotal, s)))
            .told_by("its hypervisor does not tell how long processors waited for the host"),
        Plan::activity("memory", Unit::Bytes, memory_used(s))
            .limited(last(" ", Metric::VmMemoryGuestAvailableBytes, s))
            .told_by(
                "the guest's balloon driver tells it, and only what it told lately counts; what \
                 the host holds for the VM is not what the guest uses",
            ),
        Plan::activity("filesystem", Unit::Bytes, format!("max{by}({used})"))
            .limited(last(by, Metric::VmGuestFilesystemSizeBytes, files))
            .fills()
            .told_by("the guest agent tells it"),
        bytes("disk_read", Metric::VmDiskReadBytesTotal),
        bytes("disk_written", Metric::VmDiskWrittenBytesTotal),
        bytes("network_received", Metric::VmNetworkReceivedBytesTotal),
        bytes("network_sent", Metric::VmNetworkSentBytesTotal),
    ]
}

pub(super) fn sizes(id: &str) -> Sizes {
    let s = &selector(&[("vm_id", id)], "");
    let (share, cpus) = (mean(Metric::VmCpuUsageRatio, s), mean(Metric::VmVcpus, s));
    Sizes {
        cpus_used: max(&format!("{share} * {cpus}")),
        cpus: last(" ", Metric::VmVcpus, s),
        delay: max(&rate(Metric::VmVcpuDelaySecondsTotal, s)),
        memory_used: memory_used(s),
        memory: last(" ", Metric::VmMemoryBalloonBytes, s),
        swap_in: max(&rate(Metric::VmMemorySwapInBytesTotal, s)),
        major_faults: max(&rate(Metric::VmMemoryMajorFaultsTotal, s)),
    }
}

pub(super) fn of_host(owner: &[OwnerLabel<'_>]) -> Vec<Plan> {
    let s = &named(owner, "");
    let total = || last(" ", Metric::HostMemoryTotalBytes, s);
    let (all, free) =
        (mean(Metric::HostMemoryTotalBytes, s), mean(Metric::HostMemoryAvailableBytes, s));
    let pressure = |resource, of: &str, share: &str| {
        let labels = named(owner, &format!("resource=\"{of}\",share=\"{share}\""));
        let query = max(&rate(Metric::HostPressureWaitingSecondsTotal, &labels));
        Plan::activity(resource, Unit::Ratio, query)
            .told_by("the host's own kernel tells it, through an agent there")
    };
    vec![
        Plan::activity("cpu", Unit::Ratio, max(&mean(Metric::HostCpuUsageRatio, s))),
        Plan::activity("memory", Unit::Bytes, max(&format!("{all} - {free}")))
            .limited(total())
            .told_by("the host's own kernel tells it, through an agent there"),
        Plan::activity(
            "memory_assigned",
            Unit::Bytes,
            max(&mean(Metric::HostMemoryAssignedBytes, s)),
        )
        .limited(total())
        .fills(),
        Plan::activity("vcpus_assigned", Unit::Count, max(&mean(Metric::HostVcpusAssigned, s)))
            .fills(),
        pressure("pressure_cpu", "cpu", "some"),
        pressure("pressure_memory", "memory", "some"),
        pressure("pressure_io", "io", "full"),
    ]
}

pub(super) fn of_pool(owner: &[OwnerLabel<'_>]) -> Vec<Plan> {
    let s = &named(owner, "");
    vec![
        Plan::activity("pool", Unit::Bytes, max(&mean(Metric::PoolAllocatedBytes, s)))
            .limited(last(" ", Metric::PoolCapacityBytes, s))
            .fills(),
    ]
}

#[cfg(test)]
mod tests {
    use hostler_promql::Query;

    use super::*;

    #[test]
    fn every_query_is_one() {
        let owner = [("host", "a \"b\\\n{c}"), ("provider", "p"), ("simulated", "true")];
        let sizes = sizes("id");
        let all = [of_vm("id"), of_host(&owner), of_pool(&owner)].concat();
        let queries = all.iter().flat_map(|plan| [Some(&plan.query), plan.limit.as_ref()]);
        let sizing = [
            &sizes.cpus_used,
            &sizes.cpus,
            &sizes.delay,
            &sizes.memory_used,
            &sizes.memory,
            &sizes.swap_in,
            &sizes.major_faults,
        ];
        for query in queries.flatten().chain(sizing) {
            let query = over(query, "5m");
            assert!(Query::parse(&query).is_ok(), "{query}");
        }
    }

    #[test]
    fn x17_what_is_made_up_and_what_is_not_are_told_apart() {
        assert_eq!(named(&[("host", "h1")], ""), "{host=\"h1\",simulated=\"\"}");
        let made_up = [("host", "h1"), ("simulated", "true")];
        assert_eq!(
            named(&made_up, "share=\"some\""),
            "{host=\"h1\",simulated=\"true\",share=\"some\"}"
        );
    }
}
