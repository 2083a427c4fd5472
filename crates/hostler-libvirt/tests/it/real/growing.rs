//! Disks of real guests that are made larger, read back from the guest and from `qemu-img`.

use std::time::Duration;

use hostler_core::disk::{AttachedDisk, DiskMark};
use hostler_core::id::OperationId;
use hostler_core::vm::devices::*;
use hostler_lab::guest::BANNER;
use hostler_provider::*;

use super::support::*;

const MIB: u64 = 1 << 20;

/// A VM's disk of 1 MiB, of a new volume.
async fn with_disk(world: &World, vm: &VmRef, format: VolumeFormat) -> AttachedDisk {
    let volume = world.volume(&format!("{}-data", vm.name));
    let content = VolumeContent::Empty;
    let request = EnsureVolume { volume: &volume, capacity_bytes: MIB, format, content };
    world.libvirt.storage().unwrap().ensure_volume(&cx(), &request).await.unwrap();
    let source = DiskSource::Volume { pool: volume.pool.clone(), volume: volume.name.clone() };
    let disk = DiskSpec { name: "data".into(), source, bus: None, ..root_disk() };
    let mark = DiskMark::of(ids().next(OperationId::new).as_uuid());
    let request = AttachDisk { mark: &mark, vm, disk: &disk, volume: &volume };
    let disks = world.libvirt.disks().unwrap();
    disks.attach_disk(&cx(), &request).await.unwrap();
    told(world, vm).await
}

async fn told(world: &World, vm: &VmRef) -> AttachedDisk {
    let all = world.libvirt.disks().unwrap().list_disks(&cx(), vm).await.unwrap();
    all.into_iter().find(|disk| disk.name == "data").unwrap()
}

async fn grow(world: &World, vm: &VmRef, disk: &AttachedDisk, bytes: u64) -> Result<u64> {
    let disks = world.libvirt.disks().unwrap();
    disks.grow_disk(&Cx::within(Duration::from_secs(60)), vm, &DiskRef::of(disk), bytes).await
}

/// What `qemu-img` says of the file.
fn virtual_size(world: &World, disk: &AttachedDisk) -> u64 {
    let path = disk.source.as_deref().unwrap();
    let arguments = ["info", "--force-share", path];
    let output = world.lab.command_within("qemu-img").args(arguments).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let line = told.lines().find(|line| line.starts_with("virtual size:")).unwrap();
    let bytes = line.split_once('(').unwrap().1.split(' ').next().unwrap();
    bytes.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn c7_a_running_guest_sees_its_disk_become_larger() {
    let world = World::new("growing").await;
    let vm = world.make(&guest_spec("growing")).await;
    world.power().start(&cx(), &vm).await.unwrap();
    let mut line = world.hears(&vm, BANNER).await;
    let disk = with_disk(&world, &vm, VolumeFormat::Qcow2).await;
    let size = "cat /sys/block/vdb/size | sed s/^/size=/";
    guest_says(&mut line, size, "size=2048").await;
    assert_eq!(grow(&world, &vm, &disk, 3 * MIB).await.unwrap(), 3 * MIB);
    guest_says(&mut line, size, "size=6144").await;
    assert_eq!(told(&world, &vm).await.capacity_bytes, Some(3 * MIB));
    assert_eq!(virtual_size(&world, &disk), 3 * MIB);
    // It never becomes smaller, whatever is asked.
    assert_eq!(grow(&world, &vm, &disk, MIB).await.unwrap(), 3 * MIB);
    guest_says(&mut line, size, "size=6144").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c7_a_disk_of_a_vm_that_is_off_becomes_larger_unless_another_one_runs_with_it() {
    let world = World::new("growing-off").await;
    for format in [VolumeFormat::Raw, VolumeFormat::Qcow2] {
        let mut spec = guest_spec(&format!("off-{}", format.as_str()));
        spec.disks.clear();
        spec.memory.bytes = 64 << 20;
        let vm = world.make_on(&spec, &[]).await;
        let disk = with_disk(&world, &vm, format).await;
        assert_eq!(grow(&world, &vm, &disk, 4 * MIB).await.unwrap(), 4 * MIB);
        assert_eq!(told(&world, &vm).await.capacity_bytes, Some(4 * MIB));
        assert_eq!(virtual_size(&world, &disk), 4 * MIB);

        // Somebody else's VM runs with the same file.
        let xml = format!(
            "<domain type='qemu'><name>other-{0}</name><memory unit='MiB'>32</memory>\
             <os><type arch='x86_64'>hvm</type></os><devices><disk type='file' device='disk'>\
             <driver name='qemu' type='{0}'/><source file='{1}'/><target dev='vda'/></disk>\
             </devices></domain>",
            format.as_str(),
            disk.source.as_deref().unwrap()
        );
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), xml).unwrap();
        let other = format!("other-{}", format.as_str());
        world.lab.virsh(["create", "--paused", file.path().to_str().unwrap()]).unwrap();
        let error = grow(&world, &vm, &disk, 8 * MIB).await.unwrap_err();
        assert_eq!((error.kind(), error.is_unknown()), (Kind::Conflict, false), "{error}");
        assert!(error.message().contains(&other), "{error}");
        world.lab.virsh(["destroy", &other]).unwrap();
        assert_eq!(virtual_size(&world, &disk), 4 * MIB);
    }
}
