//! VMs of KubeVirt by their processes: nodes as their kernel shows them.

use std::path::Path;
use std::time::Duration;

use hostler_core::metrics::Cost;
use hostler_node::Launchers;
use hostler_provider::{Batch, Cx, Kind, Metrics, Result};

use crate::write;

/// A node of which the agent sees all processes.
struct Node(tempfile::TempDir);

impl Node {
    fn new() -> Self {
        let node = Self(tempfile::tempdir().unwrap());
        write(node.path(), &[("proc/2/comm", "kthreadd\n"), ("proc/2/cmdline", "")]);
        write(node.path(), &[("proc/uptime", "1 1\n"), ("proc/sys/kernel/x", "1\n")]);
        node.process(1, 0, "/usr/lib/systemd/systemd --switched-root");
        node.process(900, 1, "/usr/bin/containerd-shim-runc-v2 -namespace k8s.io");
        node
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn process(&self, pid: u32, parent: u32, arguments: &str) {
        let cmdline: String = arguments.split(' ').flat_map(|it| [it, "\0"]).collect();
        let stat = format!("{pid} (a) b (c)) S {parent} {pid} 1 0 -1\n");
        let of = |file: &str| format!("proc/{pid}/{file}");
        write(self.path(), &[(&of("cmdline"), &cmdline), (&of("stat"), &stat)]);
    }

    /// A launcher at `pid` and its QEMU at `pid + 1`, as KubeVirt starts both.
    fn vm(&self, pid: u32, namespace: &str, name: &str, accelerator: &str) {
        let launcher = format!(
            "/usr/bin/virt-launcher-monitor --qemu-timeout 277s --name {name} --uid 1234 \
             --namespace {namespace} --kubevirt-share-dir /var/run/kubevirt"
        );
        self.process(pid, 900, &launcher);
        let qemu = format!(
            "/usr/libexec/qemu-kvm -name guest={namespace}_{name},debug-threads=on -S {accelerator}"
        );
        self.process(pid + 1, pid, &qemu);
    }

    fn opens(&self, pid: u32, files: &[&str]) {
        let directory = self.path().join(format!("proc/{pid}/fd"));
        std::fs::create_dir_all(&directory).unwrap();
        for (number, file) in files.iter().enumerate() {
            std::os::unix::fs::symlink(file, directory.join(number.to_string())).unwrap();
        }
    }

    async fn collect(&self) -> Result<Batch> {
        let cx = Cx::within(Duration::from_secs(60));
        Launchers::new(self.path()).collect(&cx, Cost::State).await
    }

    /// Each VM as `id (name): labels`.
    async fn told(&self) -> Vec<String> {
        let batch = self.collect().await.unwrap();
        assert!(batch.hosts.is_empty() && batch.containers.is_empty() && batch.silent.is_empty());
        let told = batch.vms.iter().map(|vm| {
            let [point] = &vm.points[..] else { panic!("one fact for each VM: {vm:?}") };
            assert_eq!(point.metric.name(), "hostler_vm_hypervisor_info");
            assert!(point.is_sound(), "A7, B6: {point:?}");
            let labels: Vec<&str> = point.labels.values().iter().map(AsRef::as_ref).collect();
            format!("{} ({}): {}", vm.of.external_ref, vm.of.name, labels.join(" "))
        });
        told.collect()
    }
}

#[tokio::test]
async fn x2_a1_a5_each_vm_of_kubevirt_is_told_once_with_what_its_process_shows() {
    let node = Node::new();
    node.vm(1000, "shop", "web", "-machine pc-q35-rhel9.2.0,usb=off -accel kvm -cpu host");
    node.vm(1010, "shop", "old", "-machine pc,accel=tcg");
    // The same name in another namespace is another VM.
    node.vm(1020, "lab", "web", "-accel kvm -accel tcg");
    node.opens(1021, &["/dev/null", "socket:[7]", "/dev/kvm", "anon_inode:kvm-vm"]);
    node.vm(1030, "lab", "slow", "-machine pc,accel=kvm:tcg");
    node.opens(1031, &["/dev/null", "socket:[7]"]);
    assert_eq!(
        node.told().await,
        [
            "lab_slow (slow): qemu tcg process high",
            "lab_web (web): kvm kvm process high",
            "shop_old (old): qemu tcg process high",
            "shop_web (web): kvm kvm process high",
        ]
    );
}

#[tokio::test]
async fn a10_a11_where_only_open_files_could_tell_and_are_not_shown_it_is_unknown() {
    let node = Node::new();
    node.vm(1000, "lab", "web", "-accel kvm -accel tcg");
    node.vm(1010, "lab", "odd", "-accel tcg");
    node.opens(1011, &["anon_inode:kvm-vcpu:0"]);
    let wanted =
        ["lab_odd (odd): qemu tcg process low", "lab_web (web): unknown unknown none unknown"];
    assert_eq!(node.told().await, wanted);
}

#[tokio::test]
async fn x3_the_first_underscore_separates_and_the_launcher_has_to_be_of_the_same_vm() {
    let node = Node::new();
    // No name of Kubernetes has one, but nothing is split at a later one either.
    node.vm(1000, "a-b", "c-d_e", "-accel kvm");
    // Its launcher is of another VM: somebody calls theirs like this one.
    node.vm(1010, "lab", "web", "-accel kvm");
    node.process(1011, 1010, "qemu-kvm -name guest=shop_db -accel tcg");
    assert_eq!(node.told().await, ["a-b_c-d_e (c-d_e): kvm kvm process high"]);
}

#[tokio::test]
async fn a16_what_is_broken_vanishes_or_is_no_vm_of_kubevirt_is_no_error() {
    let node = Node::new();
    node.vm(1000, "lab", "web", "-accel kvm");
    // libvirt's own, on the same machine, whatever it is called.
    node.process(2000, 1, "/usr/bin/qemu-system-x86_64 -name guest=lab_other -accel kvm");
    node.process(2001, 1, "/usr/bin/qemu-system-x86_64 -name guest=plain -accel kvm");
    // One that asks what it could do, a name that is none, a daemon beside a VM.
    node.process(1002, 1000, "/usr/libexec/qemu-kvm -S -machine none,accel=kvm:tcg");
    node.process(1003, 1000, "/usr/libexec/qemu-kvm -name guest=_web -accel kvm");
    node.process(1004, 1000, "/usr/bin/swtpm socket --ctrl path=/run/lab_web-swtpm.sock");
    // Gone between the list and the look; a zombie; text that is none; no parents; a ring.
    std::fs::create_dir_all(node.path().join("proc/3000")).unwrap();
    node.process(3001, 1000, "");
    std::fs::write(node.path().join("proc/3001/stat"), [0xff, b'(', 0, 0xfe]).unwrap();
    write(node.path(), &[("proc/3002/cmdline", "qemu-kvm\0-name\0guest=lab_lost\0-accel\0kvm\0")]);
    node.process(3003, 3004, "qemu-kvm -name guest=lab_ring -accel kvm");
    node.process(3004, 3003, "sh");
    write(node.path(), &[("proc/3005/stat", "3005"), ("proc/99999999999/cmdline", "x")]);
    let long = format!("qemu-kvm -name guest=lab_{} -accel kvm", "x".repeat(400));
    node.process(1005, 1000, &long);
    assert_eq!(node.told().await, ["lab_web (web): kvm kvm process high"]);
}

#[tokio::test]
async fn x35_two_processes_of_one_vm_are_one_series_and_a_contradiction_is_unknown() {
    let node = Node::new();
    node.vm(1000, "lab", "web", "-accel kvm");
    node.vm(1010, "lab", "web", "-accel kvm");
    assert_eq!(node.told().await, ["lab_web (web): kvm kvm process high"]);
    node.vm(1010, "lab", "web", "-accel tcg");
    assert_eq!(node.told().await, ["lab_web (web): unknown unknown none unknown"]);
}

#[tokio::test]
async fn a_launcher_below_a_small_init_is_found() {
    let node = Node::new();
    node.process(1000, 900, "/usr/bin/tini -- /usr/bin/virt-launcher-monitor --name web");
    node.process(1001, 1000, "/usr/bin/virt-launcher --name web --namespace lab");
    node.process(1002, 1001, "/usr/sbin/virtqemud -f /etc/libvirt/virtqemud.conf");
    node.process(1003, 1002, "/usr/libexec/qemu-kvm -name guest=lab_web -accel kvm");
    assert_eq!(node.told().await, ["lab_web (web): kvm kvm process high"]);
}

#[tokio::test]
async fn a2_a8_x5_a_vm_that_ended_has_no_series() {
    let node = Node::new();
    node.vm(1000, "lab", "web", "-accel kvm");
    assert_eq!(node.told().await.len(), 1);
    std::fs::remove_dir_all(node.path().join("proc/1001")).unwrap();
    assert_eq!(node.told().await, Vec::<String>::new());
}

#[tokio::test]
async fn x17_where_processes_are_hidden_no_vm_is_not_told_as_none() {
    // A container's own namespace: its second process is one of its own.
    let node = Node::new();
    write(node.path(), &[("proc/2/comm", "sh\n")]);
    let error = node.collect().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.message().contains("hostPID: true"), "{error}");
    std::fs::remove_dir_all(node.path().join("proc/2")).unwrap();
    assert_eq!(node.collect().await.unwrap_err().kind(), Kind::Unavailable);
}

#[tokio::test]
async fn a14_a_thousand_vms_among_other_processes_are_told_in_one_pass() {
    let node = Node::new();
    for at in 0..1000 {
        node.vm(10_000 + at * 3, "lab", &format!("vm-{at}"), "-accel kvm");
        node.process(10_002 + at * 3, 900, "/usr/bin/sleep infinity");
    }
    let told = node.told().await;
    assert_eq!(told.len(), 1000);
    assert!(told.iter().all(|it| it.ends_with("kvm kvm process high")));
}
