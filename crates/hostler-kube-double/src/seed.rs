//! What is there at the beginning, and fleets of machines made quickly.

use serde_json::{Value, json};

use crate::controller::{self, instances};
use crate::json;
use crate::kinds::{KUBEVIRT, NAMESPACE, NODE, VM, VMI};
use crate::options::Options;
use crate::status::Refused;
use crate::store::Key;
use crate::world::{World, Write, stamp};

/// The installation as the double is told to show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Installation {
    /// No object of kind `KubeVirt`, though its groups are served.
    Absent,
    /// Deployed and available, in this version.
    Deployed(String),
    /// Deployed in this version, and degraded for this reason.
    Degraded(String, String),
    /// On its way from one version to another.
    Updating(String, String),
}

/// Namespaces, nodes, a storage class and the installation.
pub(crate) fn world(world: &mut World, options: &Options) -> Result<(), Refused> {
    for name in ["default", "kube-system", "kubevirt"] {
        let object = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name },
        });
        let write = Write::controller(world.now, &NAMESPACE).by_manager("kube-apiserver").on_main();
        world.create(&NAMESPACE, "", object, &write)?;
    }
    for number in 1..=options.nodes {
        let node = node(world, &format!("n{number}"));
        let write = Write::controller(world.now, &NODE).by_manager("kubelet").on_main();
        world.create(&NODE, "", node, &write)?;
    }
    if let Some(classes) = crate::kinds::Catalog::of_plural("storageclasses") {
        let write = Write::controller(world.now, classes).by_manager("kube-apiserver").on_main();
        let object = json!({
            "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
            "metadata": { "name": "standard", "annotations": {
                "storageclass.kubernetes.io/is-default-class": "true",
            } },
            "provisioner": "hostpath.csi.k8s.io", "allowVolumeExpansion": true,
            "reclaimPolicy": "Delete", "volumeBindingMode": "Immediate",
        });
        world.create(classes, "", object, &write)?;
    }
    install(world, &Installation::Deployed(options.kubevirt_version.clone()))
}

fn node(world: &World, name: &str) -> Value {
    let now = stamp(world.now);
    let resources = json!({
        "cpu": "16", "memory": "65536Mi", "pods": "110", "devices.kubevirt.io/kvm": "1k",
    });
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": { "name": name, "labels": {
            "kubernetes.io/hostname": name, "kubernetes.io/arch": "amd64",
            "kubernetes.io/os": "linux", "kubevirt.io/schedulable": "true",
            "cpu-vendor.node.kubevirt.io/Intel": "true",
        }, "annotations": { "kubevirt.io/heartbeat": now } },
        "spec": {},
        "status": {
            "capacity": resources, "allocatable": resources,
            "conditions": [{
                "type": "Ready", "status": "True", "reason": "KubeletReady",
                "message": "kubelet is posting ready status", "lastHeartbeatTime": now,
                "lastTransitionTime": now,
            }],
            "addresses": [{ "type": "Hostname", "address": name }],
            "nodeInfo": {
                "architecture": "amd64", "operatingSystem": "linux", "kubeletVersion": "v1.36.2",
                "osImage": "Debian GNU/Linux 12 (bookworm)", "kernelVersion": "6.1.0-31-amd64",
                "containerRuntimeVersion": "containerd://2.1.0",
            },
        },
    })
}

/// Makes the installation's object as told.
pub(crate) fn install(world: &mut World, installation: &Installation) -> Result<(), Refused> {
    let key = Key::new("kubevirt", "kubevirt");
    let (version, target, degraded) = match installation {
        Installation::Absent => {
            world.store.remove(&KUBEVIRT, &key);
            return Ok(());
        }
        Installation::Deployed(version) => (version, version, None),
        Installation::Degraded(version, reason) => (version, version, Some(reason.as_str())),
        Installation::Updating(from, to) => (from, to, None),
    };
    let write = Write::controller(world.now, &KUBEVIRT).by_manager("virt-operator").on_main();
    if world.store.get(&KUBEVIRT, &key).is_none() {
        let object = json!({
            "apiVersion": "kubevirt.io/v1", "kind": "KubeVirt", "metadata": { "name": key.name },
            "spec": { "configuration": { "developerConfiguration": { "featureGates": [] } } },
        });
        world.create(&KUBEVIRT, &key.namespace, object, &write)?;
    }
    let current = world.find(&KUBEVIRT, &key)?;
    let mut next = (*current).clone();
    let is_updating = version != target;
    let now = stamp(world.now);
    let phase = if is_updating { "Deploying" } else { "Deployed" };
    json::set(
        &mut next,
        "/status",
        json!({
            "phase": phase, "observedKubeVirtVersion": version, "targetKubeVirtVersion": target,
            "operatorVersion": target, "defaultArchitecture": "amd64",
        }),
    );
    let truth = |is: bool| if is { "True" } else { "False" };
    let reason = degraded.unwrap_or("AllComponentsReady");
    for (kind, is, reason) in [
        ("Available", degraded.is_none(), reason),
        ("Progressing", is_updating, if is_updating { "UpdateInProgress" } else { reason }),
        ("Degraded", degraded.is_some() || is_updating, reason),
        ("Created", true, "AllResourcesCreated"),
    ] {
        controller::set_condition(&mut next, kind, Some((truth(is), reason, "")), &now);
    }
    let write = Write::controller(world.now, &KUBEVIRT).by_manager("virt-operator");
    world.update(&KUBEVIRT, &current, next, &write)?;
    Ok(())
}

/// A machine that says little and can migrate.
pub(crate) fn machine(name: &str, strategy: &str) -> Value {
    let digest = "0".repeat(64);
    json!({
        "apiVersion": "kubevirt.io/v1", "kind": VM.kind,
        "metadata": { "name": name, "labels": { "app": "seeded" } },
        "spec": { "runStrategy": strategy, "template": {
            "metadata": { "labels": { "kubevirt.io/domain": name } },
            "spec": {
                "domain": {
                    "cpu": { "cores": 2 },
                    "memory": { "guest": "1Gi" },
                    "devices": {
                        "disks": [{ "name": "root", "disk": { "bus": "virtio" } }],
                        "interfaces": [{ "name": "default", "masquerade": {} }],
                    },
                },
                "networks": [{ "name": "default", "pod": {} }],
                "volumes": [{ "name": "root", "containerDisk": {
                    "image": format!("quay.io/containerdisks/debian@sha256:{digest}"),
                } }],
            },
        } },
    })
}

/// Makes machines of which the first goes the ordinary way, and the rest are its like.
pub(crate) fn fleet(
    world: &mut World,
    count: usize,
    strategy: &str,
) -> Result<Vec<String>, Refused> {
    let taken = world.store.list(&VM, Some("default")).count();
    let names: Vec<String> = (taken..taken + count).map(|at| format!("vm-{at:05}")).collect();
    let Some(first) = names.first() else { return Ok(names) };
    let mut write = Write::controller(world.now, &VM).on_main().by_manager("seed");
    write.by_user = true;
    world.create(&VM, "default", machine(first, strategy), &write)?;
    controller::settle(world);
    let key = Key::new("default", first);
    let machine = world.find(&VM, &key)?;
    let instance = world.store.get(&VMI, &key).cloned();
    let nodes = instances::nodes(world);
    for (at, name) in names.iter().enumerate().skip(1) {
        let key = Key::new("default", name);
        let mut machine = (*machine).clone();
        rename(world, &mut machine, name);
        let domain = "/spec/template/metadata/labels/kubevirt.io~1domain";
        json::set(&mut machine, domain, name.as_str().into());
        for part in ["uuid", "serial"] {
            let uid = world.ids.uid();
            let pointer = format!("/spec/template/spec/domain/firmware/{part}");
            json::set(&mut machine, &pointer, uid.into());
        }
        let machine = world.store.put(&VM, machine);
        let Some(instance) = &instance else { continue };
        let mut instance = (**instance).clone();
        rename(world, &mut instance, name);
        json::set(&mut instance, "/metadata/labels/kubevirt.io~1domain", name.as_str().into());
        let uid = json::text(&machine, "/metadata/uid");
        json::set(&mut instance, "/metadata/ownerReferences", controller::owned_by(&machine));
        let node = at.checked_rem(nodes.len()).and_then(|at| nodes.get(at));
        let node = node.map(String::as_str).unwrap_or_default();
        json::set(&mut instance, "/status/nodeName", node.into());
        json::set(&mut instance, "/metadata/labels/kubevirt.io~1nodeName", node.into());
        let own = json::text(&instance, "/metadata/uid").to_owned();
        json::set(&mut instance, "/status/activePods", json!({ own: node }));
        let running = instances::running(&instance, &key, uid);
        // What differs between two that were made from the same.
        for field in ["interfaces", "virtualMachineRevisionName"] {
            if let Some(value) = running.get(field) {
                json::set(&mut instance, &format!("/status/{field}"), value.clone());
            }
        }
        world.store.put(&VMI, instance);
    }
    Ok(names)
}

fn rename(world: &mut World, object: &mut Value, name: &str) {
    json::set(object, "/metadata/name", name.into());
    let uid = world.ids.uid();
    json::set(object, "/metadata/uid", uid.into());
}
