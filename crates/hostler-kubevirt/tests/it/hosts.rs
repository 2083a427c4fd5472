//! Nodes as hosts.

use hostler_kubevirt::mapper::{MappedHost, map_cluster, map_node};
use serde_json::{Value, json};

use crate::support::{now, read, show};

fn mapped(patch: Value) -> MappedHost {
    map_node(&read("node", patch), None, now()).unwrap()
}

#[test]
fn a_node_tells_what_it_can_give_and_from_where_that_is_known() {
    let told = mapped(json!({}));
    assert_eq!((told.host.external_ref.as_str(), told.host.name.as_str()), ("n1", "n1"));
    assert_eq!(show(&told.host.cpu_count), "3 [ok kubernetes node.status.allocatable]");
    assert_eq!(
        show(&told.host.memory_bytes),
        "16372264960 [ok kubernetes node.status.allocatable]"
    );
    assert_eq!(show(&told.installed_cpu_count), "4 [ok kubernetes node.status.capacity]");
    assert_eq!(
        show(&told.installed_memory_bytes),
        "16786681856 [ok kubernetes node.status.capacity]"
    );
    assert_eq!(show(&told.host.arch), "x86_64 [ok kubernetes node.status.nodeInfo]");
    assert_eq!(
        show(&told.host.cpu_model),
        "Cascadelake-Server [ok kubernetes node.metadata.labels]"
    );
    assert_eq!(told.kvm_devices.value(), Some(&1_000));
    assert_eq!(told.host.memory_free_bytes.value(), None, "what is free nobody tells");
    assert_eq!(told.closed, [] as [String; 0]);
    assert_eq!(told.clone().into_inventory().closed, None);
    assert_eq!(told.os.as_deref(), Some("Debian GNU/Linux 12 (bookworm)"));
    let ids = &told.host.ids;
    assert_eq!(ids.system.as_deref(), Some("4c4c4544-0039-3010-8056-b4c04f4d3233"));
    assert_eq!(ids.installation.as_deref(), Some("6dad91f5-27f6-4f4b-8b4c-0b1dd9ac1f11"));
    assert_eq!(ids.boot.as_deref(), Some("0c1e5a4e-6f0e-4d3a-9a64-5a9c7d0c1b22"));
}

#[test]
fn what_a_node_can_run_is_read_from_its_devices_and_labels() {
    let told = mapped(json!({}));
    assert_eq!(told.host.supports("x86_64", "kvm"), Some(true));
    assert_eq!(told.host.supports("x86_64", "qemu"), Some(false));
    assert_eq!(told.host.guests.value().unwrap()[0].machines, ["q35", "pc-q35-rhel9.6.0"]);
    let emulating = json!({ "spec": { "configuration": { "developerConfiguration": { "useEmulation": true } } } });
    let cluster = map_cluster(&read("kubevirt", emulating), now()).unwrap();
    let no_kvm = json!({ "status": { "allocatable": { "devices.kubevirt.io/kvm": "0" } } });
    let told = map_node(&read("node", no_kvm), Some(&cluster), now()).unwrap();
    assert_eq!(told.host.supports("x86_64", "kvm"), Some(false));
    assert_eq!(told.host.supports("x86_64", "qemu"), Some(true));
    assert_eq!(show(&told.host.hypervisor), "KubeVirt 1.8.0 [ok kubevirt installation]");
}

#[test]
fn x17_a_node_that_does_not_tell_what_it_runs_is_not_said_to_run_nothing() {
    for patch in [
        json!({ "metadata": { "labels": null } }),
        json!({ "status": { "allocatable": null } }),
        json!({ "status": { "nodeInfo": null } }),
    ] {
        let told = mapped(patch);
        assert_eq!(told.host.supports("x86_64", "kvm"), None);
        assert!(told.host.guests.reason().is_some());
    }
}

#[test]
fn every_reason_against_a_node_is_told() {
    let reasons = |patch: Value| mapped(patch).closed;
    let tainted = json!({ "spec": { "unschedulable": true, "taints": [
        { "key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule" },
        { "key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule" },
        { "key": "drain", "value": "now", "effect": "NoExecute" },
        { "key": "spot", "effect": "PreferNoSchedule" }, { "effect": "NoSchedule" }] } });
    assert_eq!(
        reasons(tainted),
        [
            "the node is cordoned",
            "the node is tainted: node-role.kubernetes.io/control-plane:NoSchedule",
            "the node is tainted: drain=now:NoExecute",
        ]
    );
    let unready = json!({ "status": { "conditions": [
        { "type": "Ready", "status": "Unknown", "message": "Kubelet stopped posting node status." }] } });
    assert_eq!(reasons(unready), ["the node is not ready: Kubelet stopped posting node status."]);
    let mute = json!({ "status": { "conditions": [{ "type": "Ready", "status": "False" }] } });
    assert_eq!(reasons(mute), ["the node is not ready: Kubernetes gives no reason"]);
    let silent = json!({ "metadata": { "annotations": { "kubevirt.io/heartbeat": "2026-11-21T02:34:00Z" } } });
    assert_eq!(reasons(silent), ["KubeVirt's part on the node has been silent for 360 s"]);
    let label =
        |value: Value| json!({ "metadata": { "labels": { "kubevirt.io/schedulable": value } } });
    assert_eq!(reasons(label(json!("false"))), ["KubeVirt places no VMs on the node"]);
    assert_eq!(reasons(label(json!(null))), ["KubeVirt does not run on the node"]);
    let gone = json!({ "metadata": { "deletionTimestamp": "2026-11-21T02:34:00Z" }, "status": { "conditions": null } });
    let told = mapped(gone).into_inventory().closed.unwrap();
    assert_eq!(told, "the node does not tell whether it is ready; the node is being deleted");
}

#[test]
fn e6_a_node_needs_a_name_and_no_namespace() {
    assert!(map_node(&read("node", json!({ "metadata": { "name": "" } })), None, now()).is_err());
}
