//! Memory nodes and huge pages, from `/sys`.

use hostler_core::metrics::Metric;

use super::memory;
use crate::points::{Points, count};
use crate::tree::Tree;

const NODES: &str = "sys/devices/system/node";
/// Where huge pages are counted on a machine whose kernel knows no memory nodes.
const WHOLE: &str = "sys/kernel/mm/hugepages";

pub(super) fn read(tree: &Tree, points: &mut Points) {
    let names = tree.names(NODES);
    let nodes: Vec<&str> = names.iter().filter_map(|name| number_after(name, "node")).collect();
    for node in &nodes {
        if let Some(text) = tree.text(format!("{NODES}/node{node}/meminfo")) {
            let total = memory::bytes(&text, "MemTotal");
            let free = memory::bytes(&text, "MemFree");
            points.labelled(Metric::HostNumaMemoryTotalBytes, &[node], total.map(count));
            points.labelled(Metric::HostNumaMemoryFreeBytes, &[node], free.map(count));
        }
        of_directory(tree, &format!("{NODES}/node{node}/hugepages"), node, points);
    }
    if nodes.is_empty() {
        of_directory(tree, WHOLE, "", points);
    }
}

fn of_directory(tree: &Tree, directory: &str, node: &str, points: &mut Points) {
    for name in tree.names(directory) {
        let Some(size) = size_bytes(&name).map(|size| size.to_string()) else { continue };
        let all = tree.number(format!("{directory}/{name}/nr_hugepages"));
        let free = tree.number(format!("{directory}/{name}/free_hugepages"));
        points.labelled(Metric::HostHugepages, &[&size, node], all.map(count));
        points.labelled(Metric::HostHugepagesFree, &[&size, node], free.map(count));
    }
}

/// What `hugepages-2048kB` says.
pub(super) fn size_bytes(name: &str) -> Option<u64> {
    let kibibytes = name.strip_prefix("hugepages-")?.strip_suffix("kB")?;
    kibibytes.parse::<u64>().ok()?.checked_mul(1024)
}

/// The number in `node12`; beside the nodes there are files such as `online`.
fn number_after<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let number = name.strip_prefix(prefix)?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(number)
}
