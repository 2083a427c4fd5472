//! What nodes and administrators say, together.

use serde_json::json;

use super::*;

fn node(allocatable: serde_json::Value) -> Node {
    let object = json!({ "metadata": { "name": "n" }, "status": { "allocatable": allocatable } });
    crate::objects::read(object).unwrap()
}

fn show(all: &[Hardware]) -> Vec<String> {
    let one = |it: &Hardware| {
        let hosts = it.hosts.map_or("-".to_owned(), |hosts| hosts.to_string());
        let is_there = it.is_there.map_or("?".to_owned(), |is| is.to_string());
        format!("{} {is_there} {hosts}", it.name)
    };
    all.iter().map(one).collect()
}

#[test]
fn e15_x29_hardware_is_what_nodes_can_give_counted_by_node() {
    let nodes = [
        node(json!({ "cpu": "4", "memory": "8Gi", "pods": "110", "ephemeral-storage": "9",
            "devices.kubevirt.io/kvm": "1k", "devices.kubevirt.io/tun": "1k",
            "hugepages-1Gi": "4Gi", "hugepages-2Mi": "0", "nvidia.com/TU104GL": "2" })),
        node(json!({ "cpu": "4", "devices.kubevirt.io/kvm": "1k", "nvidia.com/TU104GL": "0",
            "openshift.io/sriov": "8" })),
        node(json!({ "devices.kubevirt.io/kvm": "0" })),
    ];
    let told = hardware(Ok(&nodes));
    assert_eq!(
        show(&told),
        [
            "hugepages-1Gi true 1",
            "hugepages-2Mi false 0",
            "kvm true 2",
            "nvidia.com/TU104GL true 1",
            "openshift.io/sriov true 1",
            "tun true 1",
            "vhost-net false 0",
        ]
    );
    assert!(told.iter().all(|it| it.source == "allocatable of 3 nodes"));
}

#[test]
fn e15_where_nodes_are_not_known_nothing_is_said_to_be_missing() {
    let told = hardware(Err("forbidden"));
    assert_eq!(show(&told), ["kvm ? -", "tun ? -", "vhost-net ? -"]);
    assert!(told[0].source.contains("not known: forbidden"), "{}", told[0].source);
}

#[test]
fn e15_what_a_node_says_is_bounded() {
    let many: serde_json::Map<String, serde_json::Value> =
        (0..5_000).map(|n| (format!("a.b/{n}"), json!("1"))).collect();
    let told = hardware(Ok(&[node(many.into())]));
    assert!(told.len() <= MAX_KINDS + ALWAYS.len());
}
