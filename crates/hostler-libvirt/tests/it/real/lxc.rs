//! Containers that libvirt really runs (LXC), beside a VM of the same daemon: each is told as
//! what it is.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use hostler_core::metrics::{Cost, Metric, Point};
use hostler_lab::{Lab, LabOptions, lxc};
use hostler_libvirt::Libvirt;
use hostler_provider::*;

use super::support::*;

/// A root file system with nothing but a shell that computes.
fn make_root(root: &Path) {
    std::fs::create_dir_all(root.join("bin")).unwrap();
    std::fs::copy("/usr/bin/busybox", root.join("bin/busybox")).unwrap();
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(root.join("bin/busybox"), mode).unwrap();
}

fn domain(name: &str, uuid: &str, root: &Path) -> String {
    format!(
        "<domain type='lxc'><name>{name}</name><uuid>{uuid}</uuid><memory unit='MiB'>64</memory>\
         <vcpu>1</vcpu><os><type>exe</type><init>/bin/busybox</init><initarg>sh</initarg>\
         <initarg>-c</initarg><initarg>while :; do :; done</initarg></os>\
         <devices><filesystem type='mount'><source dir='{}'/><target dir='/'/></filesystem>\
         <interface type='network'><source network='default'/></interface>\
         <console type='pty'/></devices></domain>",
        root.display()
    )
}

fn virsh(lab: &Lab, words: &[&str]) -> String {
    let uri = lab.containers_uri();
    let output = lab.virsh([&["-c", uri.as_str()], words].concat()).unwrap();
    String::from_utf8(output.stdout).unwrap()
}

async fn collect(libvirt: &Libvirt, pass: Cost) -> Batch {
    libvirt.metrics().unwrap().collect(&cx(), pass).await.unwrap()
}

fn value(points: &[Point], metric: Metric) -> Option<f64> {
    points.iter().find(|point| point.metric == metric).map(|point| point.value)
}

#[tokio::test(flavor = "multi_thread")]
async fn d3_x16_an_lxc_container_is_measured_as_a_container_and_is_never_a_vm() {
    let options = LabOptions::throwaway("lxc").with_containers(lxc::need_driver());
    let lab = Lab::start(&options).unwrap();
    let root = lab.lib_dir().join("root");
    make_root(&root);
    // As the lab's libvirtd sees it; and the id is one that a VM has too.
    let uuid = "6444cc32-d55f-4e14-a634-ad1b0614ee50";
    let file = lab.lib_dir().join("box.xml");
    std::fs::write(&file, domain("box", uuid, Path::new("/var/lib/libvirt/root"))).unwrap();
    virsh(&lab, &["define", file.to_str().unwrap()]);
    let vm = format!(
        "<domain type='qemu'><name>web</name><uuid>{uuid}</uuid><memory>65536</memory>\
         <os><type>hvm</type></os></domain>"
    );
    std::fs::write(&file, vm).unwrap();
    lab.virsh(["define", file.to_str().unwrap()]).unwrap();

    let containers = Libvirt::new(patient(lab.containers_uri()));
    let vms = Libvirt::new(patient(lab.uri()));
    let inventory = containers.inventory(&cx()).await.unwrap();
    assert!(inventory.vms.is_empty(), "{:?}", inventory.vms);
    let groups = groups(&containers);
    assert_eq!(groups, [Group::Metrics], "nothing can be done to a container here");
    let seen = vms.inventory(&cx()).await.unwrap();
    assert_eq!(seen.vms.iter().map(|vm| vm.name.as_str()).collect::<Vec<_>>(), ["web"]);
    assert_eq!(inventory.hosts[0].host.external_ref, seen.hosts[0].host.external_ref, "one host");

    let state = |batch: &Batch| {
        assert!(batch.vms.is_empty() && batch.silent.is_empty(), "{batch:?}");
        let [one] = &batch.containers[..] else { panic!("{batch:?}") };
        assert_eq!((one.of.engine, one.of.id.as_str(), one.of.name.as_str()), {
            ("libvirt-lxc", uuid, "box")
        });
        let info = one.points.iter().find(|point| point.metric == Metric::ContainerInfo).unwrap();
        info.labels.values()[1].to_string()
    };
    assert_eq!(state(&collect(&containers, Cost::State).await), "shut off");
    assert!(collect(&containers, Cost::Stats).await.containers.is_empty(), "it does not run");

    virsh(&lab, &["start", "box"]);
    assert_eq!(state(&collect(&containers, Cost::State).await), "running");
    let before = collect(&containers, Cost::Stats).await;
    let [first] = &before.containers[..] else { panic!("{before:?}") };
    assert!(before.vms.is_empty());
    let limit = value(&first.points, Metric::ContainerMemoryLimitBytes);
    assert_eq!(limit, Some(64.0 * 1024.0 * 1024.0));
    let used = value(&first.points, Metric::ContainerMemoryUsedBytes);
    assert!(used.zip(limit).is_some_and(|(used, limit)| used > 0.0 && used <= limit), "{used:?}");
    assert!(value(&first.points, Metric::ContainerDiskReadBytesTotal).is_some());
    let device = virsh(&lab, &["domiflist", "box"]);
    let device = device.split_whitespace().find(|word| word.starts_with("vnet")).unwrap();
    let received = first.points.iter().find(|point| {
        point.metric == Metric::ContainerNetworkReceivedBytesTotal
            && &*point.labels.values()[0] == device
    });
    assert!(received.is_some(), "{device}: {:?}", first.points);
    // It computes: its processor time grows, and nobody else has it.
    let cpu = value(&first.points, Metric::ContainerCpuSecondsTotal).unwrap();
    eventually("it takes processor time", std::time::Duration::from_secs(60), || async {
        let batch = collect(&containers, Cost::Stats).await;
        value(&batch.containers[0].points, Metric::ContainerCpuSecondsTotal)
            .filter(|now| *now > cpu)
    })
    .await;
    let of_vms = collect(&vms, Cost::Stats).await;
    assert!(of_vms.containers.is_empty() && of_vms.vms.is_empty(), "{of_vms:?}");
    virsh(&lab, &["destroy", "box"]);
    assert_eq!(state(&collect(&containers, Cost::State).await), "shut off");
}
