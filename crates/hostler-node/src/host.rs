//! The machine itself, as its kernel tells it in `/proc` and `/sys`.

mod cpu;
mod disk;
mod hugepages;
mod memory;
mod network;
mod pressure;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use hostler_core::host::MachineIds;
use hostler_core::metrics::{Cost, Metric, Point};
use hostler_provider::{Batch, Cx, Error, Kind, Machine, Measured, Metrics, Result};
use tokio::sync::Semaphore;

use crate::points::{Points, count};
use crate::tree::Tree;

pub(crate) use cpu::listed as listed_cpus;
pub(crate) use network::interfaces;

/// This machine.
#[derive(Debug)]
pub struct Node {
    host: String,
    tree: Tree,
    units: Units,
    /// One reading at a time: a file that the kernel never lets be read holds one
    /// thread and no more.
    gate: Arc<Semaphore>,
}

/// In what the kernel counts.
#[derive(Debug, Clone, Copy)]
struct Units {
    ticks_per_second: f64,
    page_bytes: f64,
}

impl Node {
    /// The machine whose files are below `root` (`/`, or what another kernel wrote),
    /// told of as the host `host`.
    pub fn new(root: impl Into<PathBuf>, host: impl Into<String>) -> Self {
        let units = Units {
            ticks_per_second: count(rustix::param::clock_ticks_per_second().max(1)),
            page_bytes: rustix::param::page_size() as f64,
        };
        let gate = Arc::new(Semaphore::new(1));
        Self { host: host.into(), tree: Tree::new(root.into()), units, gate }
    }

    /// Which machine it is that has its files below `root` and is called `name`: what
    /// cannot be read, or tells machines from nothing, is absent.
    pub fn machine(root: impl Into<PathBuf>, name: impl Into<String>) -> Machine {
        let tree = Tree::new(root.into());
        let uuid = |path: &str| MachineIds::uuid(&tree.text(path)?);
        Machine {
            name: name.into(),
            ids: MachineIds {
                // For root alone.
                system: uuid("sys/class/dmi/id/product_uuid"),
                installation: uuid("etc/machine-id"),
                boot: uuid("proc/sys/kernel/random/boot_id"),
            },
        }
    }

    /// The name that the machine gives itself.
    pub fn host_name(root: impl Into<PathBuf>) -> Option<String> {
        let text = Tree::new(root.into()).text("proc/sys/kernel/hostname")?;
        Some(text.trim().to_owned()).filter(|name| !name.is_empty())
    }
}

#[async_trait]
impl Metrics for Node {
    fn passes(&self) -> &'static [Cost] {
        &[Cost::State, Cost::Stats]
    }

    async fn collect(&self, cx: &Cx, pass: Cost) -> Result<Batch> {
        let read: fn(&Tree, Units) -> Vec<Point> = match pass {
            Cost::State => lasting,
            Cost::Stats => moving,
            _ => return Err(Error::new(Kind::Unsupported, "the machine has no such pass")),
        };
        let (tree, units, gate) = (self.tree.clone(), self.units, Arc::clone(&self.gate));
        let read = async {
            // The gate is never closed, so that a permit comes or the deadline does.
            let permit = gate.acquire_owned().await;
            let reading = tokio::task::spawn_blocking(move || {
                let points = read(&tree, units);
                drop(permit);
                points
            });
            reading.await.map_err(|error| {
                Error::new(Kind::Bug, "the machine's figures: the reading failed").with_raw(error)
            })
        };
        let points = cx.run("the machine's figures", read).await?;
        if points.is_empty() {
            let message = "the machine's figures: nothing can be read below /proc and /sys";
            return Err(Error::new(Kind::Unavailable, message));
        }
        let measured = Measured { of: self.host.clone(), at: cx.now(), points };
        Ok(Batch { hosts: vec![measured], ..Batch::default() })
    }
}

/// What stays as it is for long.
fn lasting(tree: &Tree, _: Units) -> Vec<Point> {
    let mut points = Points::default();
    let kernel = tree.text("proc/sys/kernel/osrelease").unwrap_or_default();
    let cpuinfo = tree.text("proc/cpuinfo").unwrap_or_default();
    let model = cpu::model(&cpuinfo).unwrap_or_default();
    if !kernel.trim().is_empty() {
        points.labelled(Metric::HostInfo, &[kernel.trim(), model], Some(1.0));
    }
    points.plain(Metric::HostCpus, online_cpus(tree).map(count));
    points.plain(Metric::HostMemoryTotalBytes, machine_memory_bytes(tree).map(count));
    points.0
}

/// Processors online.
pub(crate) fn online_cpus(tree: &Tree) -> Option<u64> {
    let online = tree.text("sys/devices/system/cpu/online");
    online.as_deref().and_then(cpu::listed).or_else(|| {
        // Where /sys is not mounted, the lines of those that are online tell.
        tree.text("proc/stat").as_deref().and_then(cpu::lines)
    })
}

/// The machine's memory.
pub(crate) fn machine_memory_bytes(tree: &Tree) -> Option<u64> {
    memory::bytes(&tree.text("proc/meminfo")?, "MemTotal")
}

/// What changes all the time.
fn moving(tree: &Tree, units: Units) -> Vec<Point> {
    let mut points = Points::default();
    if let Some(text) = tree.text("proc/stat") {
        cpu::times(&text, units.ticks_per_second, &mut points);
        points.plain(Metric::HostBootTimeSeconds, cpu::booted(&text).map(count));
    }
    if let Some(text) = tree.text("proc/loadavg") {
        cpu::load(&text, &mut points);
    }
    if let Some(text) = tree.text("proc/meminfo") {
        memory::gauges(&text, &mut points);
    }
    if let Some(text) = tree.text("proc/vmstat") {
        memory::swapping(&text, units.page_bytes, &mut points);
    }
    hugepages::read(tree, &mut points);
    for resource in ["cpu", "memory", "io"] {
        if let Some(text) = tree.text(format!("proc/pressure/{resource}")) {
            pressure::waiting(&text, resource, &mut points);
        }
    }
    if let Some(text) = tree.text("proc/diskstats") {
        disk::transfers(&text, &mut points);
    }
    if let Some(text) = tree.text("proc/net/dev") {
        network::of_host(&text, tree, &mut points);
    }
    points.0
}

#[cfg(test)]
mod tests;
