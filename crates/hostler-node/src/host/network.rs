//! Network interfaces: `/proc/net/dev`, of the machine and of a container.
//!
//! Of the machine are told: interfaces with a device behind them, and those made
//! of such: bridges, bonds, VLANs. Not told are those that come and go with
//! guests (`vnet0`, `tap0`, `veth…`), whose traffic is told of the guest, and `lo`.

use hostler_core::metrics::Metric;

use crate::points::{Points, count};
use crate::tree::Tree;

/// Interfaces made of others, in the kernel's words.
const MADE_OF_OTHERS: [&str; 3] = ["bond", "bridge", "vlan"];

/// The columns of one interface.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Traffic {
    pub(crate) received_bytes: Option<u64>,
    received_packets: Option<u64>,
    receive_errors: Option<u64>,
    receive_drops: Option<u64>,
    pub(crate) sent_bytes: Option<u64>,
    sent_packets: Option<u64>,
    send_errors: Option<u64>,
    send_drops: Option<u64>,
}

/// Every interface but `lo`, with what passed it.
pub(crate) fn interfaces(text: &str) -> Vec<(&str, Traffic)> {
    let rows = text.lines().filter_map(|line| line.rsplit_once(':'));
    let named = rows.filter_map(|(name, columns)| {
        let name = name.trim();
        let columns: Vec<Option<u64>> =
            columns.split_whitespace().map(|column| column.parse().ok()).collect();
        let column = |at: usize| columns.get(at).copied().flatten();
        let traffic = Traffic {
            received_bytes: column(0),
            received_packets: column(1),
            receive_errors: column(2),
            receive_drops: column(3),
            sent_bytes: column(8),
            sent_packets: column(9),
            send_errors: column(10),
            send_drops: column(11),
        };
        (!name.is_empty() && name != "lo").then_some((name, traffic))
    });
    named.collect()
}

/// The machine's interfaces.
pub(super) fn of_host(text: &str, tree: &Tree, points: &mut Points) {
    // Without /sys nobody can say what is behind an interface.
    let knows = tree.has("sys/class/net");
    for (name, traffic) in interfaces(text) {
        if knows && !is_of_the_machine(tree, name) {
            continue;
        }
        let mut told = |metric, value: Option<u64>| {
            points.labelled(metric, &[name], value.map(count));
        };
        told(Metric::HostNetworkReceivedBytesTotal, traffic.received_bytes);
        told(Metric::HostNetworkReceivedPacketsTotal, traffic.received_packets);
        told(Metric::HostNetworkReceiveErrorsTotal, traffic.receive_errors);
        told(Metric::HostNetworkReceiveDropsTotal, traffic.receive_drops);
        told(Metric::HostNetworkSentBytesTotal, traffic.sent_bytes);
        told(Metric::HostNetworkSentPacketsTotal, traffic.sent_packets);
        told(Metric::HostNetworkSendErrorsTotal, traffic.send_errors);
        told(Metric::HostNetworkSendDropsTotal, traffic.send_drops);
    }
}

fn is_of_the_machine(tree: &Tree, name: &str) -> bool {
    let directory = format!("sys/class/net/{name}");
    if tree.has(format!("{directory}/device")) {
        return true;
    }
    let described = tree.text(format!("{directory}/uevent")).unwrap_or_default();
    let kind = described.lines().find_map(|line| line.strip_prefix("DEVTYPE="));
    kind.is_some_and(|kind| MADE_OF_OTHERS.contains(&kind.trim()))
}
