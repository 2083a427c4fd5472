//! Volumes whose last user may have written anything into them: none of it
//! makes a hypervisor open another file of the host for the next VM.

use std::path::{Path, PathBuf};
use std::process::Command;

use hostler_core::Code;
use hostler_core::id::VmId;
use hostler_core::vm::VmSpec;
use hostler_core::vm::devices::{DiskDevice, DiskSource, VolumeFormat};
use hostler_provider::*;

use super::support::*;

/// A VM with a volume that exists as its only disk.
fn on_volume(name: &str, volume: &str, device: DiskDevice) -> VmSpec {
    let mut spec = guest_spec(name);
    let disk = &mut spec.disks[0];
    disk.source = DiskSource::Volume { pool: "default".into(), volume: volume.into() };
    disk.device = device;
    spec
}

async fn attempt(world: &World, spec: &VmSpec, volume: &str) -> Result<VmHandle> {
    let disks = [DiskBinding { owned: false, ..bound("root", &world.volume(volume)) }];
    let vm = ids().next(VmId::new);
    let request = EnsureVm { vm, spec, host_ref: &world.host, disks: &disks, seed: None };
    world.libvirt.create().unwrap().ensure_vm(&cx(), &request).await
}

async fn copy(world: &World, of: &str, format: VolumeFormat) -> Result<VolumeInfo> {
    let (volume, original) = (world.volume("copy"), world.volume(of));
    let content = VolumeContent::CopyOf(&original);
    let request = EnsureVolume { volume: &volume, capacity_bytes: 64 << 20, format, content };
    world.libvirt.storage().unwrap().ensure_volume(&cx(), &request).await
}

fn refresh(world: &World) {
    world.lab.virsh(["pool-refresh", "default"]).unwrap();
}

/// The bytes of a qcow2 file; `options` as `qemu-img create` takes them.
fn qcow2(options: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("qemu-img");
    command.args(["create", "-q", "-f", "qcow2"]).args(options).args(["file", "4M"]);
    assert!(command.current_dir(folder.path()).status().unwrap().success());
    std::fs::read(folder.path().join("file")).unwrap()
}

/// What guests write to get at a file of the host.
fn tricks() -> [Vec<u8>; 2] {
    let options = ["-u", "-b", "/etc/passwd", "-F", "raw"];
    [qcow2(&options), qcow2(&["-o", "data_file=outside"])]
}

/// A raw volume that the pool has seen while it was full of zeros.
fn raw_volume(world: &World, name: &str) -> PathBuf {
    let path = world.lab.images_dir().join(name);
    std::fs::File::create(&path).unwrap().set_len(4 << 20).unwrap();
    refresh(world);
    path
}

/// As the guest that has it as its raw disk.
fn write_into(path: &Path, bytes: &[u8]) {
    use std::os::unix::fs::FileExt;
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(bytes, 0).unwrap();
}

fn assert_unsafe<T: std::fmt::Debug>(ended: Result<T>) {
    let error = ended.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Invalid, Code::ImageUnsafe), "{error}");
    assert_eq!(error.effect(), Effect::None);
    assert!(error.message().contains("another file"), "{error}");
    assert!(!error.message().contains("passwd"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a4_what_a_guest_wrote_into_its_raw_disk_opens_no_file_for_the_next_vm() {
    let world = World::new("untrusted").await;
    let path = raw_volume(&world, "given");
    for (number, trick) in tricks().iter().enumerate() {
        write_into(&path, trick);
        for device in [DiskDevice::Disk, DiskDevice::Cdrom] {
            // The pool takes it for raw at first, and then for what it looks like.
            let spec = on_volume(&format!("next-{number}"), "given", device);
            assert_unsafe(attempt(&world, &spec, "given").await);
            assert_unsafe(copy(&world, "given", VolumeFormat::Raw).await);
            assert_unsafe(copy(&world, "given", VolumeFormat::Qcow2).await);
            refresh(&world);
        }
        write_into(&path, &vec![0; trick.len()]);
        refresh(&world);
    }
    assert!(world.libvirt.inventory(&cx()).await.unwrap().vms.is_empty());
    let files = std::fs::read_dir(world.lab.images_dir()).unwrap().count();
    assert_eq!(files, 1, "no copy and no marker was left");

    copy(&world, "given", VolumeFormat::Raw).await.unwrap();
    let made = attempt(&world, &on_volume("next", "given", DiskDevice::Disk), "given").await;
    let definition = definition(&world, &made.unwrap().vm).await;
    assert!(definition.contains("type='raw'") && definition.contains("<backingStore/>"));
}

async fn definition(world: &World, vm: &VmRef) -> String {
    world.libvirt.create().unwrap().definition(&cx(), vm).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a4_a_flat_volume_is_given_in_its_format_with_its_chain_ended_and_to_one_vm() {
    let world = World::new("flat").await;
    world.upload("flat").await;
    let first = on_volume("first", "flat", DiskDevice::Disk);
    let made = attempt(&world, &first, "flat").await.unwrap();
    let told = definition(&world, &made.vm).await;
    assert!(told.contains("type='qcow2'") && told.contains("<backingStore/>"), "{told}");

    // Whoever has it could write to it between the look at it and the start.
    let second = on_volume("second", "flat", DiskDevice::Disk);
    let error = attempt(&world, &second, "flat").await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (Kind::Conflict, Effect::None));
    assert!(error.message().contains("\"first\" uses it"), "{error}");
    let reader = on_volume("reader", "flat", DiskDevice::Cdrom);
    assert_eq!(attempt(&world, &reader, "flat").await.unwrap_err().kind(), Kind::Conflict);

    // An installation medium is for everybody.
    raw_volume(&world, "medium.iso");
    for name in ["one", "two"] {
        attempt(&world, &on_volume(name, "medium.iso", DiskDevice::Cdrom), "medium.iso")
            .await
            .unwrap();
    }
    let writer = on_volume("three", "medium.iso", DiskDevice::Disk);
    let error = attempt(&world, &writer, "medium.iso").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict);

    world.power().start(&cx(), &made.vm).await.unwrap();
    world.hears(&made.vm, hostler_lab::guest::BANNER).await;
    let error = copy(&world, "flat", VolumeFormat::Qcow2).await.unwrap_err();
    assert!(error.message().contains("\"first\" uses it"), "{error}");
    world.power().stop(&cx(), &made.vm, StopMode::Force).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a4_an_upload_that_names_other_files_leaves_nothing() {
    let world = World::new("upload").await;
    let file = tempfile::NamedTempFile::new().unwrap();
    for trick in tricks() {
        std::fs::write(file.path(), trick).unwrap();
        let (volume, reader) = (world.volume("sent"), FileReader::open(file.path()));
        for format in [VolumeFormat::Qcow2, VolumeFormat::Raw] {
            let content = VolumeContent::Upload(&reader);
            let request =
                EnsureVolume { volume: &volume, capacity_bytes: 4 << 20, format, content };
            assert_unsafe(world.libvirt.storage().unwrap().ensure_volume(&cx(), &request).await);
        }
    }
    assert_eq!(std::fs::read_dir(world.lab.images_dir()).unwrap().count(), 0);
}
