//! Instances: from pending to running on a node, and to their end.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{save, save_main, set_condition};
use crate::json;
use crate::kinds::{NODE, VMI};
use crate::store::Key;
use crate::verbs::volumes::is_hotpluggable;
use crate::world::{World, stamp};

/// Moves an instance on.
pub(super) fn reconcile(world: &mut World, key: &Key) {
    let Some(instance) = world.store.get(&VMI, key).cloned() else { return };
    let phase = json::text(&instance, "/status/phase");
    let mut next = (*instance).clone();
    if instance.pointer("/metadata/deletionTimestamp").is_some() {
        if matches!(phase, "Succeeded" | "Failed" | "" | "Pending" | "Scheduling") {
            json::remove(&mut next, "/metadata/finalizers");
            save_main(world, &VMI, &instance, next);
        } else if is_deaf(world, key, &instance) {
            world.touch(&VMI, key);
        } else {
            enter(world, &mut next, "Succeeded");
            let now = stamp(world.now);
            set_condition(&mut next, "Ready", Some(("False", "PodTerminating", "")), &now);
            save(world, &VMI, &instance, next);
        }
        return;
    }
    match phase {
        "" => enter(world, &mut next, "Pending"),
        "Pending" => enter(world, &mut next, "Scheduling"),
        "Scheduling" => place(world, &instance, &mut next),
        "Scheduled" => run(world, key, &mut next),
        "Running" if plug(world, key, &instance, &mut next) => {}
        _ => return,
    }
    save(world, &VMI, &instance, next);
}

/// Whether the guest goes on although it is to end, its grace period not being over.
fn is_deaf(world: &World, key: &Key, instance: &Value) -> bool {
    if !world.switches.deaf.contains(&key.name) {
        return false;
    }
    let grace = instance.pointer("/spec/terminationGracePeriodSeconds").and_then(Value::as_i64);
    let asked: Option<jiff::Timestamp> =
        json::text(instance, "/metadata/deletionTimestamp").parse().ok();
    asked.is_some_and(|asked| {
        world.now.as_second() < asked.as_second().saturating_add(grace.unwrap_or(30))
    })
}

fn enter(world: &World, instance: &mut Value, phase: &str) {
    json::set(instance, "/status/phase", phase.into());
    let mut times = json::list(instance, "/status/phaseTransitionTimestamps").to_vec();
    times.push(json!({ "phase": phase, "phaseTransitionTimestamp": stamp(world.now) }));
    json::set(instance, "/status/phaseTransitionTimestamps", times.into());
}

/// The nodes that take instances.
pub(crate) fn nodes(world: &World) -> Vec<String> {
    world
        .store
        .list(&NODE, None)
        .filter(|(_, node)| {
            json::text(node, "/metadata/labels/kubevirt.io~1schedulable") == "true"
                && node.pointer("/spec/unschedulable") != Some(&Value::Bool(true))
        })
        .map(|(key, _)| key.name.clone())
        .collect()
}

/// How many instances each node has is not weighed: the uid draws the lot.
fn place(world: &World, instance: &Value, next: &mut Value) {
    let now = stamp(world.now);
    let nodes = nodes(world);
    let wanted = json::text(instance, "/spec/nodeSelector/kubernetes.io~1hostname");
    let mut nodes: Vec<&String> =
        nodes.iter().filter(|name| wanted.is_empty() || *name == wanted).collect();
    if let Some(preferred) = nodes.iter().position(|name| prefers(instance, name)) {
        nodes = nodes.drain(preferred..=preferred).collect();
    }
    let lot: usize = json::text(instance, "/metadata/uid").bytes().map(usize::from).sum();
    let Some(node) = lot.checked_rem(nodes.len()).and_then(|at| nodes.get(at)) else {
        let words = "0 nodes are available for the virt-launcher pod.";
        set_condition(next, "PodScheduled", Some(("False", "Unschedulable", words)), &now);
        return;
    };
    set_condition(next, "PodScheduled", None, &now);
    let words = "Guest VM is not reported as running";
    set_condition(next, "Ready", Some(("False", "GuestNotRunning", words)), &now);
    json::set(next, "/status/nodeName", node.as_str().into());
    json::set(next, "/metadata/labels/kubevirt.io~1nodeName", node.as_str().into());
    let pod = format!("/status/activePods/{}", json::text(instance, "/metadata/uid"));
    json::set(next, &pod, node.as_str().into());
    enter(world, next, "Scheduled");
}

/// Whether the instance would rather be on this node, named by itself.
fn prefers(instance: &Value, node: &str) -> bool {
    let terms = "/spec/affinity/nodeAffinity/preferredDuringSchedulingIgnoredDuringExecution";
    json::list(instance, terms).iter().any(|term| {
        json::list(term, "/preference/matchFields").iter().any(|one| {
            json::text(one, "/key") == "metadata.name"
                && json::text(one, "/operator") == "In"
                && json::list(one, "/values").iter().any(|value| value == node)
        })
    })
}

fn run(world: &World, key: &Key, next: &mut Value) {
    enter(world, next, "Running");
    let uid = json::text(next, "/metadata/uid").to_owned();
    let running = running(next, key, &uid);
    for (field, value) in running.as_object().into_iter().flatten() {
        json::set(next, &format!("/status/{field}"), value.clone());
    }
    let now = stamp(world.now);
    set_condition(next, "Ready", Some(("True", "", "")), &now);
    set_condition(next, "LiveMigratable", Some(("True", "", "")), &now);
    set_condition(next, "AgentConnected", Some(("True", "", "")), &now);
    if json::text(next, "/spec/startStrategy") == "Paused" {
        let paused = ("True", "PausedByUser", "VMI was paused by user");
        set_condition(next, "Paused", Some(paused), &now);
    }
}

/// Moves on what is plugged in or out, each volume by a step; whether there was any.
fn plug(world: &World, key: &Key, instance: &Value, next: &mut Value) -> bool {
    let wanted = json::list(instance, "/spec/volumes");
    let told = json::list(instance, "/status/volumeStatus");
    let is_deaf = world.switches.deaf.contains(&key.name);
    let mut now: Vec<Value> = Vec::new();
    for status in told {
        let is_wanted =
            wanted.iter().any(|one| json::text(one, "/name") == json::text(status, "/name"));
        let mut status = status.clone();
        let is_plugged = status.get("hotplugVolume").is_some();
        let phase = match (json::text(&status, "/phase"), is_wanted) {
            ("Pending", true) => "AttachedToNode",
            ("AttachedToNode", true) => "MountedToPod",
            ("MountedToPod", true) => "Ready",
            ("UnMountedFromPod", false) => continue,
            (_, false) if is_plugged && !is_deaf => "UnMountedFromPod",
            _ => {
                now.push(status);
                continue;
            }
        };
        json::set(&mut status, "/phase", phase.into());
        if phase == "Ready" {
            json::set(&mut status, "/reason", "VolumeReady".into());
            json::set(&mut status, "/target", "sda".into());
        }
        now.push(status);
    }
    for volume in wanted.iter().filter(|volume| is_hotpluggable(volume)) {
        let name = json::text(volume, "/name");
        if !now.iter().any(|status| json::text(status, "/name") == name) {
            now.push(plugged(volume, "Pending"));
        }
    }
    if now == told {
        return false;
    }
    json::set(next, "/status/volumeStatus", now.into());
    true
}

/// What is told of a volume that is plugged in.
fn plugged(volume: &Value, phase: &str) -> Value {
    let name = json::text(volume, "/name");
    let claim = match json::text(volume, "/persistentVolumeClaim/claimName") {
        "" => json::text(volume, "/dataVolume/name"),
        claim => claim,
    };
    json!({
        "name": name, "phase": phase, "target": "",
        "hotplugVolume": { "attachPodName": format!("hp-volume-{name}") },
        "persistentVolumeClaimInfo": { "claimName": claim },
    })
}

/// What an instance that runs tells of itself beside its phase and conditions.
pub(crate) fn running(instance: &Value, key: &Key, uid: &str) -> Value {
    let [a, b, c] = address(key);
    let memory = instance
        .pointer("/spec/domain/memory/guest")
        .or_else(|| instance.pointer("/spec/domain/resources/requests/memory"))
        .cloned()
        .unwrap_or_else(|| "128Mi".into());
    let cpu = |part: &str| {
        let pointer = format!("/spec/domain/cpu/{part}");
        instance.pointer(&pointer).and_then(Value::as_u64).unwrap_or(1)
    };
    let volumes: Vec<Value> = json::list(instance, "/spec/volumes")
        .iter()
        .zip('a'..='z')
        .map(|(volume, letter)| {
            if is_hotpluggable(volume) {
                return plugged(volume, "Ready");
            }
            json!({ "name": json::text(volume, "/name"), "target": format!("vd{letter}") })
        })
        .collect();
    json!({
        "interfaces": interfaces(instance, [a, b, c]),
        "guestOSInfo": {
            "id": "debian", "name": "Debian GNU/Linux", "prettyName": "Debian GNU/Linux 12",
            "version": "12 (bookworm)", "versionId": "12", "kernelRelease": "6.1.0-31-amd64",
            "machine": "x86_64",
        },
        "machine": { "type": "pc-q35-rhel9.6.0" },
        "currentCPUTopology": {
            "cores": cpu("cores"), "sockets": cpu("sockets"), "threads": cpu("threads"),
        },
        "memory": { "guestAtBoot": memory, "guestCurrent": memory, "guestRequested": memory },
        "migrationMethod": "LiveMigration", "migrationTransport": "Unix", "qosClass": "Burstable",
        "runtimeUser": 107, "launcherContainerImageVersion": "quay.io/kubevirt/virt-launcher",
        "virtualMachineRevisionName": format!("revision-start-vm-{uid}-1"),
        "volumeStatus": volumes,
    })
}

/// The interfaces of an instance that runs; one that names none has one on the network of the pods,
/// unless it says that it wants none.
fn interfaces(instance: &Value, [a, b, c]: [u8; 3]) -> Vec<Value> {
    let devices = "/spec/domain/devices";
    let told = json::list(instance, &format!("{devices}/interfaces"));
    let wants_none =
        instance.pointer(&format!("{devices}/autoattachPodInterface")) == Some(&Value::Bool(false));
    let default = [json!({ "name": "default" })];
    let all = if told.is_empty() && !wants_none { &default[..] } else { told };
    let interface = |(index, one): (usize, &Value)| {
        let a = a.wrapping_add(u8::try_from(index).unwrap_or(u8::MAX));
        let mac = match json::text(one, "/macAddress") {
            "" => format!("02:00:00:{a:02x}:{b:02x}:{c:02x}"),
            mac => mac.to_owned(),
        };
        let device = format!("eth{index}");
        json!({
            "name": json::text(one, "/name"), "interfaceName": device, "podInterfaceName": device,
            "ipAddress": format!("10.{a}.{b}.{c}"), "ipAddresses": [format!("10.{a}.{b}.{c}")],
            "mac": mac, "infoSource": "domain, guest-agent", "queueCount": 1, "linkState": "up",
        })
    };
    all.iter().enumerate().map(interface).collect()
}

/// Three bytes by the name, for addresses that differ.
fn address(key: &Key) -> [u8; 3] {
    let mut sum: u32 = 0x811c_9dc5;
    for byte in key.namespace.bytes().chain(*b"/").chain(key.name.bytes()) {
        sum = (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    let [_, a, b, c] = sum.to_be_bytes();
    [a, b, c]
}

/// The volumes of an instance that are container disks without a digest.
pub(super) fn floating_disks(instance: &Arc<Value>) -> bool {
    json::list(instance, "/spec/volumes").iter().any(|volume| {
        let image = json::text(volume, "/containerDisk/image");
        !image.is_empty() && !image.contains("@sha256:")
    })
}
