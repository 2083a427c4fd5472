//! Control groups of both versions: where a container's group is, and what the
//! kernel counts in it. On a machine with both, each controller is in one of them.

use crate::host::listed_cpus;
use crate::points::count;
use crate::tree::Tree;

const MOUNT: &str = "sys/fs/cgroup";
/// Beside groups of version 1, where the other version is mounted by systemd.
const UNIFIED: &str = "sys/fs/cgroup/unified";

/// The group of one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    /// Each hierarchy's controllers (none: version 2) and the path in it.
    paths: Vec<(Vec<String>, String)>,
}

/// What is counted in a group; what the kernel does not tell is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Usage {
    pub(super) cpu_seconds: Option<f64>,
    /// How many processors it may use, where that is told.
    pub(super) cpu_limit: Option<f64>,
    /// Without file caches that can be given back.
    pub(super) memory_bytes: Option<u64>,
    /// Where there is a limit. Version 1 writes a huge number for none.
    pub(super) memory_limit_bytes: Option<u64>,
    pub(super) read_bytes: Option<u64>,
    pub(super) written_bytes: Option<u64>,
}

impl Group {
    /// The group of the container `id`, from its process's `/proc/PID/cgroup`.
    /// `None` where no group bears the id: the process may be another's by now,
    /// and then its figures would be shown as the container's.
    pub(super) fn of(text: &str, id: &str) -> Option<Self> {
        let mut paths = Vec::new();
        for line in text.lines() {
            let mut fields = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
            // What runs within a container may have made groups of its own below.
            let mut whole = String::new();
            let mut is_found = false;
            for part in path.split('/').filter(|part| !part.is_empty()) {
                whole.push('/');
                whole.push_str(part);
                if part.contains(id) {
                    is_found = true;
                    break;
                }
            }
            if is_found {
                let controllers = controllers.split(',').filter(|name| !name.is_empty());
                paths.push((controllers.map(str::to_owned).collect(), whole));
            }
        }
        (!paths.is_empty()).then_some(Self { paths })
    }

    /// What is counted in it.
    pub(super) fn usage(&self, tree: &Tree) -> Usage {
        let mut usage = Usage::default();
        if let Some((_, path)) = self.paths.iter().find(|(controllers, _)| controllers.is_empty()) {
            for mount in [MOUNT, UNIFIED] {
                let directory = format!("{mount}{path}");
                usage = usage.or(second(&|file| tree.text(format!("{directory}/{file}"))));
            }
        }
        usage.or(first(&|controller, file| self.text(tree, controller, file)))
    }

    /// A file of the group of a controller of version 1.
    fn text(&self, tree: &Tree, controller: &str, file: &str) -> Option<String> {
        let has = |(controllers, _): &&(Vec<String>, String)| {
            controllers.iter().any(|name| name == controller)
        };
        let (controllers, path) = self.paths.iter().find(has)?;
        // Mounted together and named together, mostly with a link for each.
        let mounts = [controller.to_owned(), controllers.join(",")];
        mounts.iter().find_map(|mount| tree.text(format!("{MOUNT}/{mount}{path}/{file}")))
    }
}

impl Usage {
    /// These values, and of the other what is missing here.
    fn or(self, other: Self) -> Self {
        // A limit belongs to the version that counts what it limits.
        let cpu = if self.cpu_seconds.is_some() { self } else { other };
        let memory = if self.memory_bytes.is_some() { self } else { other };
        let blocks = if self.read_bytes.is_some() { self } else { other };
        Self {
            cpu_seconds: cpu.cpu_seconds,
            cpu_limit: cpu.cpu_limit,
            memory_bytes: memory.memory_bytes,
            memory_limit_bytes: memory.memory_limit_bytes,
            read_bytes: blocks.read_bytes,
            written_bytes: blocks.written_bytes,
        }
    }
}

/// Version 2.
fn second(file: &dyn Fn(&str) -> Option<String>) -> Usage {
    let text = |name| file(name).unwrap_or_default();
    let cpu_max = text("cpu.max");
    let used = number(&text("memory.current"));
    let reclaimable = keyed(&text("memory.stat"), "inactive_file");
    let blocks = file("io.stat");
    let moved = |key: &str| blocks.as_deref().map(|text| labelled_sum(text, key));
    Usage {
        cpu_seconds: keyed(&text("cpu.stat"), "usage_usec").map(|spent| count(spent) / 1e6),
        cpu_limit: smaller(
            quotient(cpu_max.split_whitespace()),
            listed_cpus(&text("cpuset.cpus.effective")),
        ),
        memory_bytes: without(used, reclaimable),
        // `max` is no number, and no limit.
        memory_limit_bytes: number(&text("memory.max")),
        read_bytes: moved("rbytes"),
        written_bytes: moved("wbytes"),
    }
}

/// Version 1.
fn first(file: &dyn Fn(&str, &str) -> Option<String>) -> Usage {
    let text = |controller, name| file(controller, name).unwrap_or_default();
    let quota = text("cpu", "cpu.cfs_quota_us");
    let period = text("cpu", "cpu.cfs_period_us");
    let used = number(&text("memory", "memory.usage_in_bytes"));
    let reclaimable = keyed(&text("memory", "memory.stat"), "total_inactive_file");
    let blocks = ["blkio.throttle.io_service_bytes_recursive", "blkio.throttle.io_service_bytes"];
    let blocks = blocks.iter().find_map(|name| file("blkio", name));
    let moved = |operation: &str| blocks.as_deref().map(|text| operation_sum(text, operation));
    Usage {
        cpu_seconds: number(&text("cpuacct", "cpuacct.usage")).map(|spent| count(spent) / 1e9),
        cpu_limit: smaller(
            quotient([quota.trim(), period.trim()].into_iter()),
            listed_cpus(&text("cpuset", "cpuset.effective_cpus")),
        ),
        memory_bytes: without(used, reclaimable),
        memory_limit_bytes: number(&text("memory", "memory.limit_in_bytes")),
        read_bytes: moved("Read"),
        written_bytes: moved("Write"),
    }
}

fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// The value in a line `key value`.
fn keyed(text: &str, key: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    number(lines.find(|(said, _)| *said == key)?.1)
}

/// Memory without what can be given back; unknown while either is.
fn without(used: Option<u64>, reclaimable: Option<u64>) -> Option<u64> {
    Some(used?.saturating_sub(reclaimable?))
}

/// A quota over its period. Without a limit the quota is `max` or -1.
fn quotient<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<f64> {
    let (quota, period) = (number(words.next()?)?, number(words.next()?)?);
    (quota > 0 && period > 0).then(|| count(quota) / count(period))
}

/// The smaller of a share of processors and the processors it may be taken on.
fn smaller(share: Option<f64>, cpus: Option<u64>) -> Option<f64> {
    let cpus = cpus.map(count);
    share.map(|share| cpus.map_or(share, |cpus| share.min(cpus))).or(cpus)
}

/// The sum over all devices of `8:0 rbytes=1 wbytes=2`.
fn labelled_sum(text: &str, key: &str) -> u64 {
    let words = text.split_whitespace().filter_map(|word| word.split_once('='));
    let values = words.filter(|(said, _)| *said == key).filter_map(|(_, value)| number(value));
    values.fold(0, u64::saturating_add)
}

/// The sum over all devices of `8:0 Read 1`.
fn operation_sum(text: &str, operation: &str) -> u64 {
    let values = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        (words.next()? == operation).then_some(number(words.next()?)?)
    });
    values.fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests;
