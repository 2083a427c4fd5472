//! Hardware for guests: what nodes can give to pods, and what an administrator says
//! beside that (E15, X29).
//!
//! | in `status.allocatable` | told as |
//! |---|---|
//! | `devices.kubevirt.io/kvm` | `kvm` |
//! | `hugepages-1Gi` | the same |
//! | `nvidia.com/TU104GL`, any other with a slash | the same |
//! | `cpu`, `memory`, `pods` … | nothing: every node has some |
//!
//! `kvm`, `tun` and `vhost-net` are told even where no node has them: KubeVirt itself
//! asks for them.

use std::collections::{BTreeMap, BTreeSet};

use hostler_core::cluster::Hardware;

use crate::error::word;
use crate::objects::Node;

/// What stands before the names of KubeVirt's own devices.
const OF_KUBEVIRT: &str = "devices.kubevirt.io/";
/// Devices of KubeVirt that are told even where nobody has them.
const ALWAYS: [&str; 3] = ["kvm", "tun", "vhost-net"];
/// Kinds of hardware that are told of a cluster.
const MAX_KINDS: usize = 500;

/// Hardware by name. `nodes` are all nodes, or why they are not known.
pub fn hardware(nodes: Result<&[Node], &str>) -> Vec<Hardware> {
    let mut counted: BTreeMap<String, u32> = BTreeMap::new();
    if let Ok(nodes) = nodes {
        for node in nodes {
            for (name, has_some) in of_node(node) {
                *counted.entry(name).or_default() += u32::from(has_some);
            }
        }
    }
    let always = ALWAYS.iter().map(|name| (*name).to_owned());
    let seen = counted.keys().take(MAX_KINDS).cloned();
    let names: BTreeSet<String> = always.chain(seen).collect();
    let one = |name: String| told(name, nodes, &counted);
    names.into_iter().map(one).collect()
}

fn told(name: String, nodes: Result<&[Node], &str>, counted: &BTreeMap<String, u32>) -> Hardware {
    let hosts = counted.get(&name).copied();
    let looked = match nodes {
        Ok(nodes) => format!("allocatable of {} nodes", nodes.len()),
        Err(why) => format!("the nodes are not known: {why}"),
    };
    // A kind that no node names is on none of them.
    let hosts = nodes.is_ok().then(|| hosts.unwrap_or(0));
    Hardware { name, is_there: hosts.map(|hosts| hosts > 0), hosts, source: looked }
}

/// What a node names, once each, and whether it has any of it.
fn of_node(node: &Node) -> BTreeMap<String, bool> {
    let mut all = BTreeMap::new();
    for (key, amount) in node.status.allocatable.iter() {
        let name = match key.strip_prefix(OF_KUBEVIRT) {
            Some(device) if !device.is_empty() => device,
            _ if key.starts_with("hugepages-") || key.contains('/') => key,
            _ => continue,
        };
        *all.entry(word(name)).or_insert(false) |= amount.is_positive();
    }
    all
}

#[cfg(test)]
mod tests;
