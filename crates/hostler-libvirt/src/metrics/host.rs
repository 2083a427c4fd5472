//! Figures of the host itself, as far as libvirt tells them of one that may be
//! far away. Load, disks and pressure it does not tell; an agent on the host does.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hostler_core::metrics::Metric::*;
use hostler_core::metrics::{Labels, Point};
use hostler_libvirt_rpc::NamedStat;
use hostler_provider::{Cx, Kind, Measured, Result};
use tokio::time::Instant;

use super::is_of_host;
use crate::Libvirt;
use crate::xml::capabilities::{Capabilities, Cell};

/// How long the sizes of huge page pools are believed. They change when an
/// administrator changes them, and the document that tells them is long.
const BELIEVED: Duration = Duration::from_secs(60);

/// The host's memory nodes, as last read.
#[derive(Default)]
pub(super) struct Pages(Mutex<Option<(Instant, Arc<Vec<Cell>>)>>);

impl Libvirt {
    /// What the host has.
    pub(super) async fn measure_host_size(&self, cx: &Cx) -> Result<Measured<String>> {
        let of = self.link.host(cx).await?.reference.clone();
        let doing = "cannot measure the host";
        let node = self.link.look(cx, doing, |c| async move { c.node_info().await }).await;
        let mut points = Vec::new();
        if let Some(node) = unless_of_host(node)? {
            let whole = |count: i32| u32::try_from(count).ok().filter(|count| *count > 0);
            points.extend(whole(node.cpus).map(|cpus| Point::plain(HostCpus, f64::from(cpus))));
            let bytes = Some(node.memory_kib).filter(|kib| *kib > 0).map(|kib| kib as f64 * 1024.0);
            points.extend(bytes.map(|bytes| Point::plain(HostMemoryTotalBytes, bytes)));
        }
        Ok(Measured { of, at: cx.now(), points })
    }

    /// What of it is used.
    pub(super) async fn measure_host_usage(&self, cx: &Cx) -> Result<Measured<String>> {
        let of = self.link.host(cx).await?.reference.clone();
        let doing = "cannot measure the host";
        let link = &self.link;
        let (cpu, memory) = tokio::join!(
            link.look(cx, doing, |c| async move { c.node_cpu_stats(-1).await }),
            link.look(cx, doing, |c| async move { c.node_memory_stats(-1).await }),
        );
        let mut points = processors(&unless_of_host(cpu)?.unwrap_or_default());
        points.extend(memory_use(&unless_of_host(memory)?.unwrap_or_default()));
        for cell in self.cells(cx).await?.iter() {
            points.extend(self.measure_cell(cx, cell).await?);
        }
        Ok(Measured { of, at: cx.now(), points })
    }

    /// The host's memory nodes.
    async fn cells(&self, cx: &Cx) -> Result<Arc<Vec<Cell>>> {
        {
            let kept = self.measuring.pages.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((read, cells)) = &*kept
                && read.elapsed() < BELIEVED
            {
                return Ok(cells.clone());
            }
        }
        let doing = "cannot read the host's memory nodes";
        let xml = self.link.look(cx, doing, |c| async move { c.capabilities().await }).await;
        let read = unless_of_host(xml)?.and_then(|xml| Capabilities::read(&xml).ok());
        let cells = Arc::new(read.map(|read| read.cells).unwrap_or_default());
        let mut kept = self.measuring.pages.0.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some((Instant::now(), cells.clone()));
        Ok(cells)
    }

    async fn measure_cell(&self, cx: &Cx, cell: &Cell) -> Result<Vec<Point>> {
        let doing = "cannot measure a memory node";
        let Ok(number) = i32::try_from(cell.id) else { return Ok(Vec::new()) };
        let told = self.link.look(cx, doing, |c| async move { c.node_memory_stats(number).await });
        let stats = unless_of_host(told.await)?.unwrap_or_default();
        let node = cell.id.to_string();
        let mut points = Vec::new();
        for (field, metric) in
            [("total", HostNumaMemoryTotalBytes), ("free", HostNumaMemoryFreeBytes)]
        {
            let bytes = kib(&stats, field);
            let labels = || Labels::one(node.as_str());
            points.extend(bytes.map(|bytes| Point::labelled(metric, labels(), bytes)));
        }
        let huge: Vec<_> = cell.huge_pages().collect();
        let sizes: Vec<u32> = huge.iter().filter_map(|p| u32::try_from(p.size_kib).ok()).collect();
        if huge.is_empty() || sizes.len() != huge.len() {
            return Ok(points);
        }
        let of = &sizes;
        let told =
            self.link.look(cx, doing, |c| async move { c.node_free_pages(of, number, 1, 0).await });
        let free = unless_of_host(told.await)?.unwrap_or_default();
        for (index, pages) in huge.iter().enumerate() {
            let bytes = pages.size_kib.saturating_mul(1024).to_string();
            let labels = Labels::new([bytes.as_str(), node.as_str()]);
            points.push(Point::labelled(HostHugepages, labels.clone(), pages.count as f64));
            let free = free.get(index).filter(|_| free.len() == huge.len());
            points
                .extend(free.map(|free| Point::labelled(HostHugepagesFree, labels, *free as f64)));
        }
        Ok(points)
    }
}

/// What one call could not tell is absent; that the host is gone is an error.
fn unless_of_host<T>(told: Result<T>) -> Result<Option<T>> {
    match told {
        Ok(value) => Ok(Some(value)),
        Err(error) if is_of_host(&error) || error.kind() == Kind::Timeout => Err(error),
        Err(_) => Ok(None),
    }
}

fn kib(stats: &[NamedStat], field: &str) -> Option<f64> {
    stats.iter().find(|stat| stat.field == field).map(|stat| stat.value as f64 * 1024.0)
}

/// Time by what processors did. libvirt knows four kinds: its `kernel` has
/// interrupts in it, its `user` the nice; so they are not called as the kernel's
/// own `system` and `user` are, which an agent tells.
fn processors(stats: &[NamedStat]) -> Vec<Point> {
    let mode = |field: &str| match field {
        "kernel" => Some("kernel"),
        "user" => Some("user_nice"),
        "idle" => Some("idle"),
        "iowait" => Some("iowait"),
        _ => None,
    };
    let point = |stat: &NamedStat| {
        let labels = Labels::one(mode(&stat.field)?);
        Some(Point::labelled(HostCpuSecondsTotal, labels, stat.value as f64 / 1e9))
    };
    stats.iter().filter_map(point).collect()
}

fn memory_use(stats: &[NamedStat]) -> Vec<Point> {
    let fields = [
        ("free", HostMemoryFreeBytes),
        ("cached", HostMemoryCachedBytes),
        ("buffers", HostMemoryBuffersBytes),
    ];
    let point = |(field, metric)| kib(stats, field).map(|bytes| Point::plain(metric, bytes));
    fields.into_iter().filter_map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(field: &str, value: u64) -> NamedStat {
        NamedStat { field: field.into(), value }
    }

    #[test]
    fn x17_a_hosts_figures_are_those_that_libvirt_gave_in_seconds_and_bytes() {
        let told = processors(&[stat("kernel", 1_500_000_000), stat("user", 2), stat("new", 3)]);
        let [kernel, user] = &told[..] else { panic!("{told:?}") };
        assert_eq!((&*kernel.labels.values()[0], kernel.value), ("kernel", 1.5));
        assert_eq!((&*user.labels.values()[0], user.value), ("user_nice", 2e-9));
        let told = memory_use(&[stat("total", 9), stat("free", 2), stat("cached", 3)]);
        let told: Vec<_> = told.iter().map(|point| (point.metric, point.value)).collect();
        assert_eq!(told, [(HostMemoryFreeBytes, 2048.0), (HostMemoryCachedBytes, 3072.0)]);
    }
}
