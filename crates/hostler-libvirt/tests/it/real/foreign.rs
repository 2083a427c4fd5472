//! What others made: read as far as it is known, and left as it is.

use std::collections::HashSet;
use std::time::Duration;

use hostler_core::Quality;
use hostler_core::vm::PowerState;
use hostler_lab::TestDaemon;
use hostler_libvirt::Libvirt;
use hostler_provider::*;
use tokio::time::Instant;

use super::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn d10_a_thousand_domains_are_listed_whole_and_stay_byte_for_byte() {
    let daemon = TestDaemon::start("libvirt-thousand", 1000).unwrap();
    let libvirt = Libvirt::new(patient(daemon.uri()));
    let first = libvirt.inventory(&cx()).await.unwrap();
    assert_eq!(first.vms.len(), 1000);
    let names: HashSet<_> = first.vms.iter().map(|vm| vm.name.as_str()).collect();
    assert!(names.contains("vm1") && names.contains("vm1000"));
    assert!(first.vms.iter().all(|vm| vm.tag.is_none()));
    assert!(first.vms.iter().all(|vm| vm.power == PowerState::Running));
    assert!(first.vms.iter().all(|vm| vm.memory_bytes.quality() == Quality::Ok));
    assert_eq!(first.vms[0].hypervisor.value().map(String::as_str), Some("test"));

    let create = libvirt.create().unwrap();
    let vm = reference(&first.vms[7]);
    let before = create.definition(&cx(), &vm).await.unwrap();
    assert_eq!(before, daemon_xml(&daemon, &vm.name), "exactly what the daemon says");
    let since = Instant::now();
    for _ in 0..3 {
        let again = libvirt.inventory(&cx()).await.unwrap();
        assert_eq!(again.vms.len(), 1000);
        libvirt.watch().unwrap().observe(&cx(), &vm).await.unwrap().unwrap();
    }
    eprintln!("three inventories of 1000, unchanged: {:?}", since.elapsed());
    assert_eq!(create.definition(&cx(), &vm).await.unwrap(), before);
    // Its numbers are never made up: what this driver does not tell is absent.
    let host = &first.hosts[0].host;
    assert!(host.memory_bytes.value().is_some());
    assert_ne!(host.memory_free_bytes.value(), Some(&0));
}

fn daemon_xml(daemon: &TestDaemon, name: &str) -> String {
    let output = daemon.lab().virsh(["-c", &daemon.uri(), "dumpxml", name]).unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn reference(vm: &hostler_core::vm::ObservedVm) -> VmRef {
    VmRef { external_ref: vm.external_ref.clone(), name: vm.name.clone() }
}

#[tokio::test(flavor = "multi_thread")]
async fn i15_looking_at_a_foreign_vm_changes_nothing_of_it() {
    let world = World::new("foreign").await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let xml = "<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\
        <name>theirs</name><title>a &amp; b</title><memory unit='MiB'>32</memory>\
        <metadata><app:x xmlns:app='urn:app' y='1'>text</app:x></metadata>\
        <os><type arch='x86_64' machine='pc'>hvm</type></os>\
        <devices><serial type='pty'/><graphics type='vnc' passwd='hunter2'/></devices>\
        <qemu:commandline><qemu:env name='A' value='b'/></qemu:commandline></domain>";
    std::fs::write(file.path(), xml).unwrap();
    world.lab.virsh(["define", file.path().to_str().unwrap()]).unwrap();
    let dump = || world.lab.virsh(["dumpxml", "--security-info", "theirs"]).unwrap().stdout;
    let before = dump();
    let all = world.libvirt.inventory(&cx()).await.unwrap();
    let vm = all.vms.iter().find(|vm| vm.name == "theirs").unwrap();
    assert_eq!(vm.tag, None);
    let vm = reference(vm);
    world.power().start(&cx(), &vm).await.unwrap();
    world.power().pause(&cx(), &vm).await.unwrap();
    let definition = world.libvirt.create().unwrap().definition(&cx(), &vm).await.unwrap();
    assert!(definition.contains("app:x") && !definition.contains("hunter2"));
    world.power().stop(&cx(), &vm, StopMode::Force).await.unwrap();
    assert_eq!(dump(), before);

    // It has a name that we want: that is a conflict, and it is still theirs.
    let spec = guest_spec("theirs");
    let request = EnsureVm {
        vm: ids().next(hostler_core::id::VmId::new),
        spec: &spec,
        host_ref: &world.host,
        disks: &[],
        seed: None,
    };
    let error = world.libvirt.create().unwrap().ensure_vm(&cx(), &request).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict);
    assert_eq!(dump(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_at_one_vm_among_a_thousand_takes_no_list() {
    let daemon = TestDaemon::start("libvirt-one", 1000).unwrap();
    let libvirt = Libvirt::new(patient(daemon.uri()));
    let since = Instant::now();
    let all = libvirt.inventory(&cx()).await.unwrap();
    let list = since.elapsed();
    let mut quickest = Duration::MAX;
    for vm in all.vms.iter().take(50) {
        let since = Instant::now();
        let seen = libvirt.watch().unwrap().observe(&cx(), &reference(vm)).await.unwrap();
        assert_eq!(seen.map(|seen| seen.power), Some(vm.power));
        quickest = quickest.min(since.elapsed());
    }
    eprintln!("a list: {list:?}, the quickest of 50 looks: {quickest:?}");
    // However busy the machine is: not all of them were disturbed that much.
    assert!(quickest * 10 < list, "{quickest:?} against {list:?}");
}
