//! Containers that libvirt runs (LXC). They are a kind of workload of their own: what is told of
//! one is never told of a VM (D3, X16). The driver has no statistics of all together, so each is
//! asked for; it reads control groups, and waits for no hypervisor.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use hostler_core::metrics::Metric::*;
use hostler_core::metrics::{Labels, Point};
use hostler_libvirt_rpc::{Domain, DomainInfo, InterfaceStats, TypedParam};
use hostler_provider::{Batch, ContainerRef, Cx, Error, Measured, Result};

use super::{is_of_host, stats};
use crate::Libvirt;
use crate::inventory::PARALLEL;
use crate::xml::domain::read;

/// How long questions about one container may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// The engine's word.
const ENGINE: &str = "libvirt-lxc";

impl Libvirt {
    /// The pass `state`.
    pub(super) async fn measure_container_states(&self, cx: &Cx) -> Result<Batch> {
        let host = self.measure_host_size(cx).await?;
        let all = self
            .link
            .look(cx, "cannot list containers", |c| async move { c.list_all_domains(0).await });
        let told = stream::iter(all.await?).map(|domain| async move {
            let doing = format!("cannot read the state of \"{}\"", domain.name);
            let (cx, of) = (cx.at_most(PATIENCE), &domain);
            let told = self.link.look(&cx, &doing, |c| async move { c.domain_state(of).await });
            let info = |word: &str| Point::labelled(ContainerInfo, Labels::new(["", word]), 1.0);
            let points = unless_of_host(told.await)?.and_then(|told| word(told.state)).map(info);
            Ok(measured(&domain, &cx, points.into_iter().collect()))
        });
        let containers = told.buffered(PARALLEL).collect::<Vec<_>>().await;
        let containers = containers.into_iter().collect::<Result<_>>()?;
        Ok(Batch { containers, hosts: vec![host], ..Batch::default() })
    }

    /// The pass `stats`.
    pub(super) async fn measure_container_use(&self, cx: &Cx) -> Result<Batch> {
        let active = self.active(cx).await?;
        let told = stream::iter(active).map(|domain| async move {
            let cx = cx.at_most(PATIENCE);
            Ok(measured(&domain, &cx, self.container_points(&cx, &domain).await?))
        });
        let containers = told.buffered(PARALLEL).collect::<Vec<Result<_>>>().await;
        let containers = containers.into_iter().collect::<Result<_>>()?;
        let host = self.measure_host_usage(cx).await?;
        Ok(Batch { containers, hosts: vec![host], ..Batch::default() })
    }

    /// What one of them uses, as far as it can be read.
    async fn container_points(&self, cx: &Cx, domain: &Domain) -> Result<Vec<Point>> {
        let doing = format!("cannot measure \"{}\"", domain.name);
        let link = &self.link;
        let (info, disks, xml) = tokio::join!(
            link.look(cx, &doing, |c| async move { c.domain_info(domain).await }),
            // No name: all its devices together.
            link.look(cx, &doing, |c| async move { c.domain_block_stats(domain, "", 0).await }),
            link.look(cx, &doing, |c| async move { c.domain_xml(domain, 0).await }),
        );
        let mut points = unless_of_host(info)?.map(used).unwrap_or_default();
        points.extend(transfers(&unless_of_host(disks)?.unwrap_or_default()));
        let document = unless_of_host(xml)?.and_then(|xml| read::Domain::read(&xml).ok());
        let nics = document.map(|document| document.nics).unwrap_or_default();
        for device in nics.into_iter().filter_map(|nic| nic.host_device) {
            let name = device.as_str();
            let told = link
                .look(cx, &doing, |c| async move { c.domain_interface_stats(domain, name).await });
            let told = unless_of_host(told.await)?;
            points.extend(told.into_iter().flat_map(|told| traffic(name, told)));
        }
        Ok(points)
    }
}

fn measured(domain: &Domain, cx: &Cx, points: Vec<Point>) -> Measured<ContainerRef> {
    let (id, name) = (domain.uuid.to_string(), domain.name.clone());
    Measured { of: ContainerRef { id, name, engine: ENGINE }, at: cx.now(), points }
}

/// What could not be told of one is absent; that the host is gone is an error.
fn unless_of_host<T>(told: Result<T, Error>) -> Result<Option<T>> {
    match told {
        Ok(value) => Ok(Some(value)),
        Err(error) if is_of_host(&error) => Err(error),
        Err(_) => Ok(None),
    }
}

/// libvirt's word for a state; `None` for none.
fn word(state: i32) -> Option<&'static str> {
    match state {
        1 | 2 => Some("running"),
        3 => Some("paused"),
        4 => Some("in shutdown"),
        5 => Some("shut off"),
        6 => Some("crashed"),
        _ => None,
    }
}

/// Processor time and memory. How many processors it may use is nowhere here, so no share is.
fn used(info: DomainInfo) -> Vec<Point> {
    let kib = |kib: u64| kib as f64 * 1024.0;
    vec![
        Point::plain(ContainerCpuSecondsTotal, info.cpu_time_ns as f64 / 1e9),
        Point::plain(ContainerMemoryUsedBytes, kib(info.memory_kib)),
        Point::plain(ContainerMemoryLimitBytes, kib(info.max_memory_kib)),
    ]
}

fn transfers(params: &[TypedParam]) -> Vec<Point> {
    let fields =
        [("rd_bytes", ContainerDiskReadBytesTotal), ("wr_bytes", ContainerDiskWrittenBytesTotal)];
    let point = |(field, metric)| {
        let value = stats::value(params, field).and_then(stats::number);
        value.map(|value| Point::plain(metric, value))
    };
    fields.into_iter().filter_map(point).collect()
}

fn traffic(device: &str, told: InterfaceStats) -> Vec<Point> {
    let fields = [
        (told.rx_bytes, ContainerNetworkReceivedBytesTotal),
        (told.tx_bytes, ContainerNetworkSentBytesTotal),
    ];
    let counted = fields.into_iter().filter(|(bytes, _)| *bytes >= 0);
    counted
        .map(|(bytes, metric)| Point::labelled(metric, Labels::one(device), bytes as f64))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d3_a_containers_figures_are_those_that_libvirt_gave_in_seconds_and_bytes() {
        let info = DomainInfo {
            state: 1,
            max_memory_kib: 65_536,
            memory_kib: 464,
            vcpus: 1,
            cpu_time_ns: 1_500_000_000,
        };
        let told: Vec<_> = used(info).iter().map(|it| (it.metric, it.value)).collect();
        assert_eq!(
            told,
            [
                (ContainerCpuSecondsTotal, 1.5),
                (ContainerMemoryUsedBytes, 464.0 * 1024.0),
                (ContainerMemoryLimitBytes, 65_536.0 * 1024.0),
            ]
        );
        let told = InterfaceStats {
            rx_bytes: 7,
            rx_packets: 1,
            rx_errors: 0,
            rx_drops: 0,
            tx_bytes: -1,
            tx_packets: -1,
            tx_errors: -1,
            tx_drops: -1,
        };
        let [received] = &traffic("vnet0", told)[..] else { panic!("what is not counted is told") };
        assert_eq!((received.metric, received.value), (ContainerNetworkReceivedBytesTotal, 7.0));
        assert_eq!(word(0), None);
    }
}
