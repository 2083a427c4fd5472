//! Disks that come to real guests and go again, seen from within and by another client.

use std::time::Duration;

use hostler_core::disk::{AttachedDisk, DiskMark, DiskState};
use hostler_core::id::OperationId;
use hostler_core::vm::PowerState;
use hostler_core::vm::VmSpec;
use hostler_core::vm::devices::*;
use hostler_lab::guest::BANNER;
use hostler_lab::{Lab, LabOptions};
use hostler_libvirt_rpc::procedure::DOMAIN_DETACH_DEVICE_ALIAS;
use hostler_provider::*;
use tokio_util::sync::CancellationToken;

use super::relay::Relay;
use super::support::*;

fn mark() -> DiskMark {
    DiskMark::of(ids().next(OperationId::new).as_uuid())
}

/// An empty volume, and the disk that asks for it.
async fn fresh(world: &World, name: &str, bus: DiskBus) -> (DiskSpec, VolumeRef) {
    let volume = world.volume(&format!("vol-{name}"));
    let format = VolumeFormat::Qcow2;
    let request = EnsureVolume {
        volume: &volume,
        capacity_bytes: 1 << 20,
        format,
        content: VolumeContent::Empty,
    };
    world.libvirt.storage().unwrap().ensure_volume(&cx(), &request).await.unwrap();
    let source = DiskSource::Empty { size_bytes: 1 << 20, pool: None, format };
    let disk = DiskSpec { name: name.into(), bus: Some(bus), source, ..root_disk() };
    (disk, volume)
}

async fn attach_as(
    world: &World,
    vm: &VmRef,
    mark: &DiskMark,
    (disk, volume): &(DiskSpec, VolumeRef),
) -> Result<DiskHandle> {
    let request = AttachDisk { mark, vm, disk, volume };
    world.libvirt.disks().unwrap().attach_disk(&cx(), &request).await
}

async fn attach(world: &World, vm: &VmRef, one: &(DiskSpec, VolumeRef)) -> DiskRef {
    let handle = attach_as(world, vm, &mark(), one).await.unwrap();
    assert!(handle.created);
    handle.disk
}

async fn detach(world: &World, vm: &VmRef, disk: &DiskRef) {
    let long = Cx::within(PATIENCE);
    world.libvirt.disks().unwrap().detach_disk(&long, vm, disk).await.unwrap();
}

async fn list(world: &World, vm: &VmRef) -> Vec<AttachedDisk> {
    world.libvirt.disks().unwrap().list_disks(&cx(), vm).await.unwrap()
}

async fn named(world: &World, vm: &VmRef, name: &str) -> Option<AttachedDisk> {
    list(world, vm).await.into_iter().find(|disk| disk.name == name)
}

fn virsh(world: &World, arguments: &[&str]) -> String {
    let output = world.lab.virsh(arguments).unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Devices and aliases of the disks that libvirt tells another client of.
fn told(world: &World, vm: &VmRef, options: &[&str]) -> Vec<String> {
    let arguments = [&["dumpxml", &vm.name], options].concat();
    let xml = virsh(world, &arguments);
    let document = roxmltree::Document::parse(&xml).unwrap();
    let disks = document.descendants().filter(|n| n.has_tag_name("disk"));
    let child = |disk: roxmltree::Node<'_, '_>, name: &str, attribute: &str| {
        let found = disk.children().find(|n| n.has_tag_name(name));
        found.and_then(|n| n.attribute(attribute).map(str::to_owned)).unwrap_or_default()
    };
    let line = |disk| {
        let alias = child(disk, "alias", "name");
        let alias = if alias.starts_with("ua-") { alias } else { String::new() };
        let format = child(disk, "driver", "type");
        format!("{} {format} {alias}", child(disk, "target", "dev"))
    };
    disks.map(line).collect()
}

/// Both documents have the same disks.
fn agree(world: &World, vm: &VmRef) {
    assert_eq!(told(world, vm, &[]), told(world, vm, &["--inactive"]));
}

/// A VM without a disk: its firmware waits for ever.
async fn bare(world: &World, name: &str) -> VmRef {
    let mut spec: VmSpec = guest_spec(name);
    spec.disks.clear();
    spec.memory.bytes = 64 << 20;
    world.make_on(&spec, &[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn c7_a_running_guest_sees_a_disk_come_and_go() {
    let world = World::new("hotplug").await;
    let vm = world.make(&guest_spec("hotplug")).await;
    world.power().start(&cx(), &vm).await.unwrap();
    let mut line = world.hears(&vm, BANNER).await;
    let before = told(&world, &vm, &[]);

    let disk = attach(&world, &vm, &fresh(&world, "data", DiskBus::Virtio).await).await;
    agree(&world, &vm);
    let seen = named(&world, &vm, "data").await.unwrap();
    assert!(disk.is(&seen), "{disk:?} {seen:?}");
    assert_eq!((seen.state, seen.capacity_bytes), (DiskState::Attached, Some(1 << 20)));
    let line_of = told(&world, &vm, &[]).pop().unwrap();
    assert!(line_of.starts_with("vdb qcow2 ua-hostler-data-"), "{line_of}");
    // What is typed comes back as an echo, so the words are the shell's to put together.
    guest_says(&mut line, "cat /sys/block/vdb/size | sed s/^/size=/", "size=2048").await;

    detach(&world, &vm, &disk).await;
    agree(&world, &vm);
    assert_eq!(told(&world, &vm, &[]), before);
    guest_says(&mut line, "test -e /sys/block/vdb || echo is-$((40+2))-gone", "is-42-gone").await;
    assert_eq!(world.state(&vm).await.0, PowerState::Running);
}

#[tokio::test(flavor = "multi_thread")]
async fn c7_each_bus_is_plugged_as_far_as_qemu_can_and_stays_over_a_restart() {
    let world = World::new("buses").await;
    let vm = bare(&world, "buses").await;
    world.power().start(&cx(), &vm).await.unwrap();
    // There is no SCSI controller yet: it comes with the first disk that needs it.
    let mut disks = Vec::new();
    for (name, bus) in [("one", DiskBus::Scsi), ("two_b", DiskBus::Scsi), ("key", DiskBus::Usb)] {
        disks.push(attach(&world, &vm, &fresh(&world, name, bus).await).await);
    }
    let (mut drive, volume) = fresh(&world, "c.d", DiskBus::Scsi).await;
    (drive.device, drive.bus) = (DiskDevice::Cdrom, None);
    drive.source = DiskSource::Volume { pool: "default".into(), volume: volume.name.clone() };
    let drive = attach(&world, &vm, &(drive, volume)).await;
    agree(&world, &vm);
    assert!(named(&world, &vm, "c.d").await.unwrap().read_only);
    let sata = fresh(&world, "late", DiskBus::Sata).await;
    let error = attach_as(&world, &vm, &mark(), &sata).await.unwrap_err();
    assert_eq!((error.kind(), error.is_unknown()), (Kind::Unsupported, false), "{error}");

    world.power().stop(&cx(), &vm, StopMode::Force).await.unwrap();
    let sata = attach(&world, &vm, &sata).await;
    world.power().start(&cx(), &vm).await.unwrap();
    agree(&world, &vm);
    let names: Vec<_> = list(&world, &vm).await.into_iter().map(|disk| disk.name).collect();
    assert_eq!(names.len(), 5, "{names:?}");
    for name in ["one", "two_b", "key", "c.d", "late"] {
        assert!(names.iter().any(|there| there == name), "{names:?}");
    }
    let disks_of = world.libvirt.disks().unwrap();
    let error = disks_of.detach_disk(&cx(), &vm, &sata).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict, "{error}");
    assert!(error.message().contains("stop it first"), "{error}");
    // SCSI and USB need no answer of the guest.
    for disk in disks.iter().chain([&drive]) {
        detach(&world, &vm, disk).await;
    }
    agree(&world, &vm);
    assert_eq!(list(&world, &vm).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn c7_without_a_free_slot_the_remedy_is_told_and_works() {
    let world = World::new("slots").await;
    let vm = bare(&world, "slots").await;
    world.power().start(&cx(), &vm).await.unwrap();
    let mut attached = 0;
    let (error, refused) = loop {
        let one = fresh(&world, &format!("d{attached}"), DiskBus::Virtio).await;
        match attach_as(&world, &vm, &mark(), &one).await {
            Ok(_) => attached += 1,
            Err(error) => break (error, one),
        }
        assert!(attached < 32, "there is no end to its slots");
    };
    assert!(attached >= 8, "only {attached} slots were spare");
    assert_eq!((error.kind(), error.is_unknown()), (Kind::Exhausted, false), "{error}");
    assert!(error.message().contains("stop it first"), "{error}");
    assert_eq!(list(&world, &vm).await.len(), attached);
    world.power().stop(&cx(), &vm, StopMode::Force).await.unwrap();
    attach(&world, &vm, &refused).await;
    world.power().start(&cx(), &vm).await.unwrap();
    assert_eq!(list(&world, &vm).await.len(), attached + 1);
    agree(&world, &vm);
}

#[tokio::test(flavor = "multi_thread")]
async fn c7_what_a_guest_keeps_is_told_as_detaching_until_it_is_off() {
    let world = World::new("stuck").await;
    let vm = bare(&world, "stuck").await;
    world.power().start(&cx(), &vm).await.unwrap();
    let disk = attach(&world, &vm, &fresh(&world, "data", DiskBus::Virtio).await).await;
    let disks = world.libvirt.disks().unwrap();
    // Longer than it takes until the guest is asked again.
    let short = Cx::within(Duration::from_secs(8));
    let error = disks.detach_disk(&short, &vm, &disk).await.unwrap_err();
    assert_eq!((error.kind(), error.is_unknown()), (Kind::Timeout, true), "{error}");
    assert!(error.message().contains("next start"), "{error}");
    let seen = named(&world, &vm, "data").await.unwrap();
    assert!(disk.is(&seen));
    assert_eq!(seen.state, DiskState::Detaching);
    // Its name is taken as long as it is there.
    let again = fresh(&world, "data", DiskBus::Virtio).await;
    let error = attach_as(&world, &vm, &mark(), &again).await.unwrap_err();
    assert_eq!((error.kind(), error.is_unknown()), (Kind::Conflict, false), "{error}");

    world.power().pause(&cx(), &vm).await.unwrap();
    let error = disks.detach_disk(&cx(), &vm, &disk).await.unwrap_err();
    assert!(error.kind() == Kind::Conflict && error.message().contains("resume it"), "{error}");
    world.power().stop(&cx(), &vm, StopMode::Force).await.unwrap();
    assert_eq!(named(&world, &vm, "data").await, None);
    detach(&world, &vm, &disk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c7_an_attachment_that_others_halved_is_told_and_made_whole() {
    let world = World::new("halved").await;
    let vm = bare(&world, "halved").await;
    world.power().start(&cx(), &vm).await.unwrap();
    let (one, mark) = (fresh(&world, "data", DiskBus::Scsi).await, mark());
    let first = attach_as(&world, &vm, &mark, &one).await.unwrap();
    let alias = first.disk.external_ref.as_str();
    let is = async |wanted: DiskState| {
        let is_so = || async {
            let seen = named(&world, &vm, "data").await?;
            (seen.state == wanted).then_some(())
        };
        eventually(wanted.as_str(), PATIENCE, is_so).await;
    };
    for (side, told_as) in [("--live", DiskState::Attaching), ("--config", DiskState::Detaching)] {
        virsh(&world, &["detach-device-alias", &vm.name, alias, side]);
        is(told_as).await;
        attach_as(&world, &vm, &mark, &one).await.unwrap();
        is(DiskState::Attached).await;
        agree(&world, &vm);
    }
    let again = attach_as(&world, &vm, &mark, &one).await.unwrap();
    assert_eq!((again.created, &again.disk), (false, &first.disk));
}

#[tokio::test(flavor = "multi_thread")]
async fn c7_disks_of_what_others_made_come_and_go_like_any_other() {
    let world = World::new("theirs").await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = world.lab.images_dir().join("outside.img");
    std::fs::File::create(&path).unwrap().set_len(1 << 20).unwrap();
    let xml = format!(
        "<domain type='qemu'><name>theirs</name><memory unit='MiB'>64</memory>\
         <os><type arch='x86_64' machine='pc'>hvm</type></os><devices>\
         <disk type='file' device='disk'><driver name='qemu' type='raw'/>\
         <source file='{}'/><target dev='vda' bus='virtio'/></disk>\
         <disk type='file' device='disk'><driver name='qemu' type='raw'/>\
         <source file='{}.usb'/><target dev='sda' bus='usb'/></disk></devices></domain>",
        path.display(),
        path.display()
    );
    std::fs::copy(&path, path.with_extension("img.usb")).unwrap();
    std::fs::write(file.path(), xml).unwrap();
    virsh(&world, &["define", file.path().to_str().unwrap()]);
    let external_ref = virsh(&world, &["domuuid", "theirs"]).trim().to_owned();
    let vm = VmRef { external_ref, name: "theirs".into() };
    let mine = fresh(&world, "data", DiskBus::Virtio).await;
    let added = attach(&world, &vm, &mine).await;
    let [theirs, ours, stick] = list(&world, &vm).await.try_into().unwrap();
    assert_eq!((theirs.name.as_str(), theirs.mark.as_ref()), ("vda", None));
    assert_eq!((ours.name.as_str(), ours.mark.is_some()), ("data", true));
    world.power().start(&cx(), &vm).await.unwrap();
    // A disk without a mark goes from a guest that runs as well.
    detach(&world, &vm, &DiskRef::of(&stick)).await;
    agree(&world, &vm);
    assert_eq!(list(&world, &vm).await.len(), 2);
    world.power().stop(&cx(), &vm, StopMode::Force).await.unwrap();
    detach(&world, &vm, &added).await;
    // Theirs bears no mark: it is known by its device and its bytes.
    let stale = DiskRef { bytes: Some("/elsewhere".into()), ..DiskRef::of(&theirs) };
    detach(&world, &vm, &stale).await;
    assert_eq!(list(&world, &vm).await.len(), 1);
    detach(&world, &vm, &DiskRef::of(&theirs)).await;
    assert_eq!(list(&world, &vm).await.len(), 0);
    assert!(path.exists(), "its bytes stay");
}

/// The request to take an older disk off reaches the daemon when a newer one has its name.
#[tokio::test(flavor = "multi_thread")]
async fn f30_a_detach_that_comes_late_leaves_the_newer_disk_alone() {
    let lab = Lab::start(&LabOptions::throwaway("late-detach")).unwrap();
    let relay = Relay::before(&lab);
    let uri = relay.uri();
    let world = World::over(lab, uri).await;
    let vm = bare(&world, "late-detach").await;
    world.power().start(&cx(), &vm).await.unwrap();
    let (volume, disks) =
        (fresh(&world, "data", DiskBus::Scsi).await, world.libvirt.disks().unwrap());
    let older = attach(&world, &vm, &volume).await;
    let mut held = relay.hold(DOMAIN_DETACH_DEVICE_ALIAS, &older.external_ref);
    let token = CancellationToken::new();
    let cut = cx().with_cancel(token.clone());
    let (ended, ()) = tokio::join!(disks.detach_disk(&cut, &vm, &older), async {
        held.came().await;
        token.cancel();
    });
    let error = ended.unwrap_err();
    assert_eq!((error.kind(), error.is_unknown()), (Kind::Cancelled, true), "{error}");

    // Asked again it is gone, and another one comes to its name, device and volume.
    detach(&world, &vm, &older).await;
    let newer = attach(&world, &vm, &volume).await;
    assert_ne!(newer, older);
    held.release();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let seen = named(&world, &vm, "data").await.unwrap();
    assert!(newer.is(&seen), "{seen:?}");
    assert_eq!(seen.state, DiskState::Attached);
    agree(&world, &vm);
}
