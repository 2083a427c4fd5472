//! Nodes as hosts.
//!
//! A node is named by its name: that is what instances, pods and claims refer
//! to, and its UID changes when it joins again.

use std::time::Duration;

use hostler_core::host::{GuestSupport, MachineIds, ObservedHost};
use hostler_core::{Fact, Timestamp};
use hostler_provider::HostInventory;

use super::source::{CLUSTER, NODE_ALLOCATABLE, NODE_CAPACITY, NODE_INFO, NODE_LABELS};
use super::{Incompatible, MappedCluster, Names, arch, message, told};
use crate::objects::Node;
use crate::objects::meta::Condition;
use crate::objects::part::Map;
use crate::quantity::Quantity;

/// Set to `true` by KubeVirt where it can place VMs.
const SCHEDULABLE: &str = "kubevirt.io/schedulable";
/// When KubeVirt's part on the node was last alive.
const HEARTBEAT: &str = "kubevirt.io/heartbeat";
/// KubeVirt itself gives a node up after this long.
const HEARTBEAT_PATIENCE: Duration = Duration::from_secs(300);
/// The resource that a VM with hardware acceleration takes one of.
const KVM: &str = "devices.kubevirt.io/kvm";
const MACHINE_TYPE: &str = "machine-type.node.kubevirt.io/";
const HOST_MODEL: &str = "host-model-cpu.node.kubevirt.io/";

/// A node in Hostler's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedHost {
    /// What every provider tells. Processors and memory are what the node can
    /// give to pods, as the sources of their facts say.
    pub host: ObservedHost,
    /// Every reason why no new VM should go there; empty: none.
    pub closed: Vec<String>,
    /// Processors that are built in, those kept for the system included.
    pub installed_cpu_count: Fact<u32>,
    /// Memory that is built in, in bytes, what is kept for the system included.
    pub installed_memory_bytes: Fact<u64>,
    /// How many VMs can be accelerated there at once; zero: none.
    pub kvm_devices: Fact<u64>,
    /// The operating system, for people.
    pub os: Option<String>,
    /// The kernel's version.
    pub kernel: Option<String>,
}

impl MappedHost {
    /// As the inventory tells it.
    pub fn into_inventory(self) -> HostInventory {
        let closed = (!self.closed.is_empty()).then(|| self.closed.join("; "));
        HostInventory { host: self.host, closed }
    }
}

/// How many VMs a node can accelerate at once, where it tells.
pub(crate) fn kvm_of(object: &Node) -> Option<u64> {
    object.status.allocatable.get(KVM).copied().and_then(Quantity::round_down)
}

/// Maps a node, received at `seen_at`.
pub fn map_node(
    object: &Node,
    cluster: Option<&MappedCluster>,
    seen_at: Timestamp,
) -> Result<MappedHost, Incompatible> {
    let name = Names::name_of("Node", &object.metadata)?;
    let (status, info) = (&object.status, &object.status.node_info);
    let whole =
        |from: &Map<Quantity>, key: &str| from.get(key).copied().and_then(Quantity::round_down);
    let cpus = |from| whole(from, "cpu").and_then(|count| u32::try_from(count).ok());
    let (given, built_in) = (&status.allocatable, &status.capacity);
    let fact = |value, source, what: &str| {
        told(value, source, seen_at, &format!("the node does not tell {what}"))
    };
    let kvm = kvm_of(object);
    Ok(MappedHost {
        closed: closed(object, seen_at),
        installed_cpu_count: told(
            cpus(built_in),
            NODE_CAPACITY,
            seen_at,
            "the node does not tell its processors",
        ),
        installed_memory_bytes: fact(whole(built_in, "memory"), NODE_CAPACITY, "its memory"),
        kvm_devices: fact(kvm, NODE_ALLOCATABLE, "whether it has KVM"),
        os: info.os_image.text().map(message),
        kernel: info.kernel_version.text().map(message),
        host: ObservedHost {
            external_ref: name.clone(),
            name,
            ids: MachineIds {
                system: info.system_uuid.text().and_then(MachineIds::uuid),
                installation: info.machine_id.text().and_then(MachineIds::uuid),
                boot: info.boot_id.text().and_then(MachineIds::uuid),
            },
            observed_at: seen_at,
            arch: told(
                info.architecture.text().map(arch),
                NODE_INFO,
                seen_at,
                "the node does not tell its architecture",
            ),
            cpu_model: told(
                labelled(object, HOST_MODEL).next().map(str::to_owned),
                NODE_LABELS,
                seen_at,
                "KubeVirt has not labelled the node with its processors' model",
            ),
            cpu_count: told(
                cpus(given),
                NODE_ALLOCATABLE,
                seen_at,
                "the node does not tell its processors",
            ),
            memory_bytes: fact(whole(given, "memory"), NODE_ALLOCATABLE, "its memory"),
            memory_free_bytes: Fact::unsupported(
                NODE_ALLOCATABLE,
                "Kubernetes tells what pods asked for, not what is free",
            ),
            hypervisor: hypervisor(cluster, seen_at),
            guests: guests(object, kvm, cluster, seen_at),
        },
    })
}

fn hypervisor(cluster: Option<&MappedCluster>, at: Timestamp) -> Fact<String> {
    let version = cluster.and_then(|cluster| cluster.version.value());
    let named = version.map(|version| format!("KubeVirt {}", version.trim_start_matches('v')));
    told(named, CLUSTER, at, "KubeVirt's version was not read")
}

/// What a node can run: its own architecture, by KVM where it has some, and
/// emulated where the installation allows that.
fn guests(
    object: &Node,
    kvm: Option<u64>,
    cluster: Option<&MappedCluster>,
    at: Timestamp,
) -> Fact<Vec<GuestSupport>> {
    if object.metadata.label(SCHEDULABLE).is_none() {
        return Fact::unavailable(NODE_LABELS, "KubeVirt has not labelled the node");
    }
    let Some(word) = object.status.node_info.architecture.text() else {
        return Fact::unavailable(NODE_INFO, "the node does not tell its architecture");
    };
    let Some(kvm) = kvm else {
        return Fact::unavailable(NODE_ALLOCATABLE, "the node does not tell whether it has KVM");
    };
    let mut hypervisors = Vec::new();
    if kvm > 0 {
        hypervisors.push("kvm".to_owned());
    }
    if cluster.and_then(|cluster| cluster.uses_emulation.value()) == Some(&true) {
        hypervisors.push("qemu".to_owned());
    }
    let mut machines: Vec<String> = labelled(object, MACHINE_TYPE).map(str::to_owned).collect();
    // The aliases that KubeVirt takes by default come first, the rest by name.
    machines.sort_by_key(|machine| {
        (!matches!(machine.as_str(), "q35" | "virt" | "s390-ccw-virtio"), machine.clone())
    });
    let support = GuestSupport { arch: arch(word), hypervisors, machines };
    Fact::seen(vec![support], NODE_LABELS, at)
}

/// What follows `prefix` in the labels that say `true`.
fn labelled<'a>(object: &'a Node, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    let labels = object.metadata.labels.iter();
    labels
        .filter(|(_, value)| *value == "true")
        .filter_map(move |(key, _)| key.strip_prefix(prefix))
}

/// Every reason against a new VM there.
fn closed(object: &Node, now: Timestamp) -> Vec<String> {
    let mut reasons = Vec::new();
    let ready = object.status.conditions.of("Ready");
    match (ready, ready.and_then(Condition::holds)) {
        (_, Some(true)) => {}
        (Some(ready), _) => {
            let why = ready.why().unwrap_or("Kubernetes gives no reason");
            reasons.push(format!("the node is not ready: {}", message(why)));
        }
        (None, _) => reasons.push("the node does not tell whether it is ready".to_owned()),
    }
    if object.metadata.is_being_deleted() {
        reasons.push("the node is being deleted".to_owned());
    }
    if object.spec.unschedulable.is_true() {
        reasons.push("the node is cordoned".to_owned());
    }
    match object.metadata.label(SCHEDULABLE) {
        Some("true") => {}
        Some(_) => reasons.push("KubeVirt places no VMs on the node".to_owned()),
        None => reasons.push("KubeVirt does not run on the node".to_owned()),
    }
    let heartbeat: Option<Timestamp> =
        object.metadata.annotation(HEARTBEAT).and_then(|text| text.parse().ok());
    if let Some(silent) = heartbeat.map(|at| now.since(at)).filter(|age| *age > HEARTBEAT_PATIENCE)
    {
        let seconds = silent.as_secs();
        reasons.push(format!("KubeVirt's part on the node has been silent for {seconds} s"));
    }
    for taint in object.spec.taints.iter() {
        let effect = taint.effect.text().unwrap_or_default();
        // A cordon is written as a taint, too; it was told already.
        let key = taint.key.text().filter(|key| *key != "node.kubernetes.io/unschedulable");
        if let (Some(key), "NoSchedule" | "NoExecute") = (key, effect) {
            let value = taint.value.text().map(|value| format!("={value}")).unwrap_or_default();
            reasons.push(format!(
                "the node is tainted: {}",
                message(&format!("{key}{value}:{effect}"))
            ));
        }
    }
    reasons
}
