//! A container's figures as points: from the kernel's files, or as its engine
//! counts them.

use hostler_core::metrics::Metric;
use hostler_core::metrics::Point;

use super::api::Statistics;
use super::cgroup::{Group, Usage};
use crate::host::{interfaces, machine_memory_bytes, online_cpus};
use crate::points::{Points, count};
use crate::tree::Tree;

/// The machine that the containers run on.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    tree: Tree,
}

impl Machine {
    pub(super) const fn new(tree: Tree) -> Self {
        Self { tree }
    }

    /// The figures of the container `id` by its process. `None`: the process is not
    /// of this container (any more), or nothing is counted that can be read here.
    pub(super) fn of_files(&self, id: &str, pid: u32) -> Option<Vec<Point>> {
        let text = self.tree.text(format!("proc/{pid}/cgroup"))?;
        let usage = Group::of(&text, id)?.usage(&self.tree);
        if usage == Usage::default() {
            return None;
        }
        let mut points = self.usage(&usage);
        // A container in the machine's own network would show the machine's traffic.
        if self.has_own_network(pid)
            && let Some(text) = self.tree.text(format!("proc/{pid}/net/dev"))
        {
            for (name, traffic) in interfaces(&text) {
                network(&mut points, name, traffic.received_bytes, traffic.sent_bytes);
            }
        }
        Some(points.0)
    }

    /// The figures as the engine counts them.
    pub(super) fn of_engine(&self, told: &Statistics) -> Vec<Point> {
        let spent = told.cpu_stats.as_ref().and_then(|cpu| cpu.cpu_usage.as_ref()?.total_usage);
        let memory = told.memory_stats.as_ref();
        let parts = memory.and_then(|memory| memory.stats.as_ref());
        let reclaimable = parts.and_then(|parts| parts.total_inactive_file.or(parts.inactive_file));
        let used = memory.and_then(|memory| memory.usage);
        let blocks = told.blkio_stats.as_ref();
        let blocks = blocks.and_then(|blocks| blocks.io_service_bytes_recursive.as_ref());
        let moved = |operation: &str| {
            let of = blocks?.iter().filter(|one| one.op.eq_ignore_ascii_case(operation));
            Some(of.fold(0_u64, |sum, one| sum.saturating_add(one.value)))
        };
        let mut points = self.usage(&Usage {
            cpu_seconds: spent.map(|nanoseconds| count(nanoseconds) / 1e9),
            cpu_limit: None,
            // Caches that nobody tells cannot be taken off, and with them it is another figure.
            memory_bytes: used.zip(reclaimable).map(|(used, cache)| used.saturating_sub(cache)),
            memory_limit_bytes: memory.and_then(|memory| memory.limit),
            read_bytes: moved("read"),
            written_bytes: moved("write"),
        });
        // Whether there is a limit is not told there; a wrong number of processors
        // would make a wrong share of them.
        points.0.retain(|point| point.metric != Metric::ContainerCpus);
        for (name, traffic) in told.networks.iter().flatten() {
            network(&mut points, name, traffic.rx_bytes, traffic.tx_bytes);
        }
        points.0
    }

    fn usage(&self, usage: &Usage) -> Points {
        let mut points = Points::default();
        let online = online_cpus(&self.tree).map(count);
        let cpus = match (usage.cpu_limit, online) {
            (Some(limit), Some(online)) => Some(limit.min(online)),
            (limit, online) => limit.or(online),
        };
        // Engines and kernels write the machine's memory or more where there is no limit.
        let memory = machine_memory_bytes(&self.tree);
        let is_limit = |limit: &u64| memory.is_some_and(|memory| *limit < memory);
        let limit = usage.memory_limit_bytes.filter(is_limit);
        points.plain(Metric::ContainerCpuSecondsTotal, usage.cpu_seconds);
        points.plain(Metric::ContainerCpus, cpus);
        points.plain(Metric::ContainerMemoryUsedBytes, usage.memory_bytes.map(count));
        points.plain(Metric::ContainerMemoryLimitBytes, limit.map(count));
        points.plain(Metric::ContainerDiskReadBytesTotal, usage.read_bytes.map(count));
        points.plain(Metric::ContainerDiskWrittenBytesTotal, usage.written_bytes.map(count));
        points
    }

    fn has_own_network(&self, pid: u32) -> bool {
        let of = |process: &str| self.tree.link(format!("proc/{process}/ns/net"));
        let own = of(&pid.to_string());
        own.is_some() && own != of("self") && own != of("1")
    }
}

fn network(points: &mut Points, name: &str, received: Option<u64>, sent: Option<u64>) {
    points.labelled(Metric::ContainerNetworkReceivedBytesTotal, &[name], received.map(count));
    points.labelled(Metric::ContainerNetworkSentBytesTotal, &[name], sent.map(count));
}
