//! Real guests through their whole life.

use std::time::Duration;

use hostler_core::vm::PowerState;
use hostler_core::vm::cloud_init::CloudInit;
use hostler_core::vm::devices::*;
use hostler_core::vm::observed::ConsoleKind;
use hostler_core::vm::spec::*;
use hostler_lab::guest::BANNER;
use hostler_provider::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::support::*;

const PATIENCE: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread")]
async fn c2_c4_a_guest_is_made_booted_driven_by_every_verb_and_deleted() {
    let world = World::new("life").await;
    let mut spec = guest_spec("life");
    spec.graphics = Some(GraphicsSpec::Vnc);
    spec.nics.push(NicSpec {
        source: NicSource::Network("default".into()),
        model: NicModel::Virtio,
        mac: Some("52:54:00:00:00:07".into()),
        link_up: true,
    });
    let vm = world.make(&spec).await;
    assert_eq!(world.state(&vm).await, (PowerState::Stopped, "unknown".into()));

    let power = world.power();
    power.start(&cx(), &vm).await.unwrap();
    power.start(&cx(), &vm).await.unwrap();
    assert_eq!(world.state(&vm).await, (PowerState::Running, "booted".into()));
    drop(world.hears(&vm, BANNER).await);
    sees_screen(&world, &vm).await;
    has_addresses(&world, &vm).await;

    power.pause(&cx(), &vm).await.unwrap();
    power.pause(&cx(), &vm).await.unwrap();
    assert_eq!(world.state(&vm).await, (PowerState::Paused, "user".into()));
    let stop = StopMode::Graceful { within: Duration::from_secs(1) };
    assert_eq!(power.stop(&cx(), &vm, stop).await.unwrap_err().kind(), Kind::Conflict);
    power.resume(&cx(), &vm).await.unwrap();
    assert_eq!(world.state(&vm).await, (PowerState::Running, "unpaused".into()));

    power.save(&cx(), &vm).await.unwrap();
    power.save(&cx(), &vm).await.unwrap();
    assert_eq!(world.state(&vm).await, (PowerState::Saved, "saved".into()));
    power.start(&cx(), &vm).await.unwrap();
    assert_eq!(world.state(&vm).await, (PowerState::Running, "restored".into()));

    power.reset(&cx(), &vm).await.unwrap();
    drop(world.hears(&vm, BANNER).await);
    power.reboot(&cx(), &vm).await.unwrap();
    drop(world.hears(&vm, BANNER).await);

    let stop = StopMode::Graceful { within: PATIENCE };
    power.stop(&Cx::within(PATIENCE), &vm, stop).await.unwrap();
    assert_eq!(world.state(&vm).await, (PowerState::Stopped, "shutdown".into()));
    for verb in ["reset", "reboot", "pause", "resume", "save"] {
        let error = match verb {
            "reset" => power.reset(&cx(), &vm).await,
            "reboot" => power.reboot(&cx(), &vm).await,
            "pause" => power.pause(&cx(), &vm).await,
            "resume" => power.resume(&cx(), &vm).await,
            _ => power.save(&cx(), &vm).await,
        };
        let error = error.unwrap_err();
        assert_eq!(error.kind(), Kind::Conflict, "{verb}: {error}");
        assert!(error.message().contains("stopped"), "{error}");
    }
    world.libvirt.create().unwrap().remove_vm(&cx(), &vm).await.unwrap();
    world.libvirt.create().unwrap().remove_vm(&cx(), &vm).await.unwrap();
    assert!(world.observe(&vm).await.is_none());
}

/// RFB: the server speaks first; we choose no authentication; it agrees.
async fn sees_screen(world: &World, vm: &VmRef) {
    let console = world.libvirt.console().unwrap();
    let mut screen = console.open(&cx(), vm, ConsoleKind::Vnc, false).await.unwrap();
    let mut version = [0; 12];
    screen.read_exact(&mut version).await.unwrap();
    assert_eq!(&version, b"RFB 003.008\n");
    screen.write_all(&version).await.unwrap();
    let mut kinds = [0; 2];
    screen.read_exact(&mut kinds).await.unwrap();
    assert_eq!(kinds, [1, 1], "one kind of authentication: none");
    screen.write_all(&[1]).await.unwrap();
    let mut verdict = [9; 4];
    screen.read_exact(&mut verdict).await.unwrap();
    assert_eq!(verdict, [0; 4]);
}

/// C10: addresses, each with who said so.
async fn has_addresses(world: &World, vm: &VmRef) {
    let found = eventually("an address by lease and by agent", PATIENCE, || async {
        let seen = world.observe(vm).await?;
        let addresses = seen.nics.value()?.first()?.addresses.clone();
        let by = |source| addresses.iter().any(|a| a.source == source);
        (by("dhcp_lease") && by("guest_agent")).then_some(addresses)
    });
    let lease = found.await.into_iter().find(|a| a.source == "dhcp_lease").unwrap();
    assert!(lease.address.to_string().starts_with("192.168.122."), "{lease:?}");
    let all = world.libvirt.inventory(&cx()).await.unwrap();
    let vm = all.vms.iter().find(|v| v.external_ref == vm.external_ref).unwrap();
    assert!(vm.nics.value().unwrap()[0].addresses.contains(&lease), "also in the inventory");
}

#[tokio::test(flavor = "multi_thread")]
async fn c4_a_deaf_guest_keeps_running_unless_force_is_asked_for() {
    let world = World::new("deaf").await;
    // Without a disk the firmware waits for ever and hears no power button.
    let mut spec = guest_spec("deaf");
    spec.disks.clear();
    let vm = world.make_on(&spec, &[]).await;
    world.power().start(&cx(), &vm).await.unwrap();
    let within = Duration::from_secs(1);
    let error = world.power().stop(&cx(), &vm, StopMode::Graceful { within }).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout);
    assert_eq!(world.state(&vm).await.0, PowerState::Running);
    world.power().stop(&cx(), &vm, StopMode::GracefulThenForce { within }).await.unwrap();
    assert_eq!(world.state(&vm).await, (PowerState::Stopped, "destroyed".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn c2_a_seed_tells_the_guest_its_name() {
    let world = World::new("seed").await;
    let mut spec = guest_spec("seeded");
    let init = CloudInit { hostname: Some("told-by-seed".into()), ..CloudInit::default() };
    let documents = init.seed("i-1", "seeded");
    spec.cloud_init = Some(init);
    let (root, seed) = (world.upload("seeded-root").await, world.volume("seeded-seed"));
    let request = EnsureVolume {
        volume: &seed,
        capacity_bytes: 0,
        format: VolumeFormat::Raw,
        content: VolumeContent::Seed(&documents),
    };
    world.libvirt.storage().unwrap().ensure_volume(&cx(), &request).await.unwrap();
    let vm = ids().next(hostler_core::id::VmId::new);
    let disks = [bound("root", &root)];
    let request =
        EnsureVm { vm, spec: &spec, host_ref: &world.host, disks: &disks, seed: Some(&seed) };
    let made = world.libvirt.create().unwrap().ensure_vm(&cx(), &request).await.unwrap();
    world.power().start(&cx(), &made.vm).await.unwrap();
    world.hears(&made.vm, "told-by-seed").await;
}

fn files(directory: &std::path::Path) -> usize {
    std::fs::read_dir(directory).map(Iterator::count).unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn c4_deleting_takes_saved_memory_with_it() {
    let world = World::new("delete-saved").await;
    let mut spec = guest_spec("saved");
    // Nothing but memory, and no emulated TPM: this libvirt saves none with one.
    spec.disks.clear();
    spec.memory.bytes = 48 << 20;
    let vm = world.make_on(&spec, &[]).await;
    world.power().start(&cx(), &vm).await.unwrap();
    world.power().save(&cx(), &vm).await.unwrap();
    let save = world.lab.lib_dir().join("qemu/save");
    assert_eq!(files(&save), 1);
    world.libvirt.create().unwrap().remove_vm(&cx(), &vm).await.unwrap();
    assert_eq!(files(&save), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn c4_deleting_takes_with_it_all_that_depends_on_the_vm_alone() {
    let world = World::new("delete").await;
    let mut spec = guest_spec("uefi");
    spec.memory.bytes = 256 << 20;
    spec.firmware.kind = FirmwareKind::Uefi;
    let has_tpm = hostler_lab::find_program("swtpm").is_some();
    spec.tpm = has_tpm.then_some(TpmSpec { model: TpmModel::Crb });
    let vm = world.make(&spec).await;
    let seen = world.observe(&vm).await.unwrap();
    assert_eq!(seen.firmware.value().map(String::as_str), Some("uefi"));
    world.power().start(&cx(), &vm).await.unwrap();
    let lib = world.lab.lib_dir();
    let (nvram, tpm) = (lib.join("qemu/nvram"), lib.join("swtpm"));
    assert_eq!(files(&nvram), 1, "variables of its own");
    assert_eq!(files(&tpm), usize::from(has_tpm));
    let error = world.libvirt.create().unwrap().remove_vm(&cx(), &vm).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict, "{error}");
    world.power().stop(&cx(), &vm, StopMode::Force).await.unwrap();
    world.libvirt.create().unwrap().remove_vm(&cx(), &vm).await.unwrap();
    assert_eq!((files(&nvram), files(&tpm)), (0, 0));
    let volumes = world.libvirt.storage().unwrap();
    let left = volumes.volumes(&cx(), &world.host, "default").await.unwrap();
    assert!(left.iter().any(|v| v.name == "uefi-root"), "disks stay");
}

#[tokio::test(flavor = "multi_thread")]
async fn c1_the_daemon_accepts_every_device_there_is() {
    let world = World::new("devices").await;
    let mut spec = guest_spec("devices");
    let disk = |name: &str, bus| DiskSpec { name: name.into(), bus: Some(bus), ..root_disk() };
    spec.disks = vec![
        disk("a", DiskBus::Virtio),
        disk("b", DiskBus::Scsi),
        disk("c", DiskBus::Sata),
        disk("d", DiskBus::Usb),
        DiskSpec {
            device: DiskDevice::Cdrom,
            source: DiskSource::NoMedia {},
            bus: None,
            ..root_disk()
        },
    ];
    spec.cpu = CpuSpec {
        count: 2,
        max_count: Some(4),
        topology: Some(CpuTopology { sockets: 2, dies: 1, cores: 2, threads: 1 }),
        mode: CpuMode::Maximum,
        features: vec![],
    };
    for model in [NicModel::Virtio, NicModel::E1000e, NicModel::E1000, NicModel::Rtl8139] {
        spec.nics.push(NicSpec { source: NicSource::User {}, model, mac: None, link_up: false });
    }
    spec.boot = vec![BootDevice::Nic(0), BootDevice::Disk("b".into())];
    spec.graphics = Some(GraphicsSpec::Vnc);
    spec.watchdog =
        Some(WatchdogSpec { model: WatchdogModel::I6300esb, action: WatchdogAction::Pause });
    spec.panic = Some(PanicModel::Isa);
    let mut bindings = Vec::new();
    for name in ["a", "b", "c", "d"] {
        let volume = world.volume(&format!("devices-{name}"));
        let request = EnsureVolume {
            volume: &volume,
            capacity_bytes: 1 << 20,
            format: VolumeFormat::Qcow2,
            content: VolumeContent::Empty,
        };
        world.libvirt.storage().unwrap().ensure_volume(&cx(), &request).await.unwrap();
        bindings.push(bound(name, &volume));
    }
    refuses_what_it_is_too_old_for(&world, &spec, &bindings).await;
    let vm = world.make_on(&spec, &bindings).await;
    world.power().start(&cx(), &vm).await.unwrap();
    let seen = world.observe(&vm).await.unwrap();
    assert_eq!(seen.disks.value().unwrap().len(), 5);
    assert_eq!(seen.nics.value().unwrap().len(), 4);
    assert_eq!((seen.cpu_count.value(), seen.cpu_max.value()), (Some(&2), Some(&4)));
    assert_eq!(seen.hypervisor.value().map(String::as_str), Some("qemu"));
}

/// A device that came with libvirt 9.1: refused by name before, accepted since.
async fn refuses_what_it_is_too_old_for(world: &World, spec: &VmSpec, disks: &[DiskBinding]) {
    let action = WatchdogAction::Reset;
    let mut spec = spec.clone();
    spec.watchdog = Some(WatchdogSpec { model: WatchdogModel::Itco, action });
    let vm = ids().next(hostler_core::id::VmId::new);
    let request = EnsureVm { vm, spec: &spec, host_ref: &world.host, disks, seed: None };
    let validated = world.libvirt.create().unwrap().validate(&cx(), &request).await;
    let version = world.libvirt.probe(&cx()).await.unwrap().version;
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap());
    if (numbers.next(), numbers.next()) >= (Some(9), Some(1)) {
        validated.unwrap();
    } else {
        let error = validated.unwrap_err();
        assert_eq!(error.kind(), Kind::Unsupported, "{error}");
        assert!(error.message().contains("libvirt 9.1"), "{error}");
    }
}
