//! Volumes: whole, half and in use.

use std::sync::Once;
use std::time::Duration;

use hostler_core::vm::devices::VolumeFormat;
use hostler_provider::*;

use super::support::*;

async fn ensure(
    world: &World,
    name: &str,
    content: VolumeContent<'_>,
    capacity: u64,
) -> Result<VolumeInfo> {
    let volume = world.volume(name);
    let request = EnsureVolume {
        volume: &volume,
        capacity_bytes: capacity,
        format: VolumeFormat::Qcow2,
        content,
    };
    world.libvirt.storage().unwrap().ensure_volume(&cx(), &request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn i5_a_volume_that_anything_needs_is_not_deleted() {
    let world = World::new("in-use").await;
    let spec = guest_spec("user");
    world.make(&spec).await;
    let storage = world.libvirt.storage().unwrap();
    let error = storage.remove_volume(&cx(), &world.volume("user-root")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict, "even though the VM is off");
    assert!(error.message().contains("\"user\" uses it"), "{error}");

    needed_later(&world).await;
    ensure(&world, "base", VolumeContent::Empty, 1 << 20).await.unwrap();
    let images = world.lab.images_dir();
    let made = std::process::Command::new("qemu-img")
        .args(["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b"])
        .arg("/var/lib/libvirt/images/base")
        .args(["-u", "overlay", "1M"])
        .current_dir(&images)
        .status()
        .unwrap();
    assert!(made.success());
    world.lab.virsh(["pool-refresh", "default"]).unwrap();
    let error = storage.remove_volume(&cx(), &world.volume("base")).await.unwrap_err();
    assert!(error.message().contains("default/overlay lies on it"), "{error}");
    storage.remove_volume(&cx(), &world.volume("overlay")).await.unwrap();
    storage.remove_volume(&cx(), &world.volume("base")).await.unwrap();
    storage.remove_volume(&cx(), &world.volume("base")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn i5_a_base_whose_overlay_is_in_another_pool_is_not_deleted() {
    let world = World::new("two-pools").await;
    ensure(&world, "base", VolumeContent::Empty, 1 << 20).await.unwrap();
    let second = world.lab.lib_dir().join("second");
    std::fs::create_dir(&second).unwrap();
    let made = std::process::Command::new("qemu-img")
        .args(["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b"])
        .arg("/var/lib/libvirt/images/base")
        .args(["-u", "overlay", "1M"])
        .current_dir(&second)
        .status()
        .unwrap();
    assert!(made.success());
    let define = ["pool-define-as", "second", "dir", "--target", "/var/lib/libvirt/second"];
    world.lab.virsh(define).unwrap();
    world.lab.virsh(["pool-start", "second"]).unwrap();
    let (storage, base) = (world.libvirt.storage().unwrap(), world.volume("base"));
    let error = storage.remove_volume(&cx(), &base).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict, "{error}");
    assert!(error.message().contains("second/overlay lies on it"), "{error}");
    let overlay = VolumeRef { pool: "second".into(), ..world.volume("overlay") };
    storage.remove_volume(&cx(), &overlay).await.unwrap();
    storage.remove_volume(&cx(), &base).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vm_whose_disk_was_taken_away_says_which_file_is_missing() {
    let world = World::new("gone").await;
    let vm = world.make(&guest_spec("bare")).await;
    std::fs::remove_file(world.lab.images_dir().join("bare-root")).unwrap();
    let error = world.power().start(&cx(), &vm).await.unwrap_err();
    assert_eq!((error.kind(), error.is_unknown()), (Kind::Conflict, false), "{error}");
    let file = "its file /var/lib/libvirt/images/bare-root is not there";
    assert!(error.message().contains(file), "{error}: {:?}", error.raw());
    assert!(world.observe(&vm).await.is_some(), "the VM itself is there");
    // A volume that is not there any more is as good as deleted.
    let storage = world.libvirt.storage().unwrap();
    storage.remove_volume(&cx(), &world.volume("bare-root")).await.unwrap();
    world.libvirt.create().unwrap().remove_vm(&cx(), &vm).await.unwrap();
}

/// Disks that a running VM will have only after its next start, and what it
/// boots from without a disk.
async fn needed_later(world: &World) {
    let storage = world.libvirt.storage().unwrap();
    for name in ["later", "kernel"] {
        ensure(world, name, VolumeContent::Empty, 1 << 20).await.unwrap();
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    let xml = "<domain type='qemu'><name>direct</name><memory unit='MiB'>32</memory>\
        <os><type arch='x86_64' machine='pc'>hvm</type>\
        <kernel>/var/lib/libvirt/images/kernel</kernel></os></domain>";
    std::fs::write(file.path(), xml).unwrap();
    world.lab.virsh(["define", file.path().to_str().unwrap()]).unwrap();
    let mut spec = guest_spec("grows");
    spec.disks.clear();
    spec.memory.bytes = 48 << 20;
    let vm = world.make_on(&spec, &[]).await;
    world.power().start(&cx(), &vm).await.unwrap();
    let source = "/var/lib/libvirt/images/later";
    world.lab.virsh(["attach-disk", "grows", source, "vdx", "--config"]).unwrap();
    for (volume, user) in [("later", "grows"), ("kernel", "direct")] {
        let error = storage.remove_volume(&cx(), &world.volume(volume)).await.unwrap_err();
        assert!(error.message().contains(&format!("\"{user}\" uses it")), "{error}");
    }
    world.power().stop(&cx(), &vm, StopMode::Force).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn f1_an_upload_cut_off_by_a_dying_daemon_is_made_anew() {
    let world = World::new("half").await;
    let reader = FileReader::open(&images().disk_qcow2);
    let slow = Slow { reader: &reader, lab: &world.lab, killed: Once::new() };
    let error = ensure(&world, "image", VolumeContent::Upload(&slow), guest_disk_bytes()).await;
    assert!(error.is_err(), "the daemon died while it was uploaded");
    world.lab.start_libvirtd().unwrap();
    let again = eventually("the upload is repeated", Duration::from_secs(60), || async {
        ensure(&world, "image", VolumeContent::Upload(&reader), guest_disk_bytes()).await.ok()
    });
    assert!(again.await.created, "what was half was not taken for whole");
    let stored = std::fs::read(world.lab.images_dir().join("image")).unwrap();
    let sent = std::fs::read(&images().disk_qcow2).unwrap();
    assert!(stored[..sent.len()] == sent[..], "every byte is there");
    let info = ensure(&world, "image", VolumeContent::Upload(&reader), guest_disk_bytes()).await;
    assert!(!info.unwrap().created, "and what is whole is not made again");
    let all = world.libvirt.storage().unwrap();
    let all = all.volumes(&cx(), &world.host, "default").await.unwrap();
    assert_eq!(all.iter().map(|v| v.name.as_str()).collect::<Vec<_>>(), ["image"]);
    let files = std::fs::read_dir(world.lab.images_dir()).unwrap().count();
    assert_eq!(files, 1, "no marker is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn i5_a_file_that_libvirt_has_not_seen_is_not_taken_for_a_left_over() {
    let world = World::new("unseen").await;
    let file = world.lab.images_dir().join("data");
    std::fs::write(&file, "somebody's work").unwrap();
    let info = ensure(&world, "data", VolumeContent::Empty, 1 << 20).await.unwrap();
    assert!(!info.created, "it is whole, since no marker says otherwise");
    assert_eq!(std::fs::read(&file).unwrap(), b"somebody's work");
    let files = std::fs::read_dir(world.lab.images_dir()).unwrap().count();
    assert_eq!(files, 1, "no marker is left");
    let error = ensure(&world, "a.hostler-partial", VolumeContent::Empty, 1 << 20).await;
    assert_eq!(error.unwrap_err().kind(), Kind::Invalid, "nobody would ever see it");
}

#[tokio::test(flavor = "multi_thread")]
async fn c2_an_uploaded_image_is_grown_as_its_own_header_tells() {
    let world = World::new("grow").await;
    let reader = FileReader::open(&images().disk_qcow2);
    let wanted = guest_disk_bytes() + (64 << 20);
    let info = ensure(&world, "image", VolumeContent::Upload(&reader), wanted).await.unwrap();
    assert_eq!(info.capacity_bytes, wanted);
    let file = world.lab.images_dir().join("image");
    let mut told = std::process::Command::new("qemu-img");
    let told = told.args(["info", "--output=json"]).arg(file).output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains(&format!("\"virtual-size\": {wanted}")), "{told}");

    let error = ensure(&world, "small", VolumeContent::Upload(&reader), 1 << 20).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    let raw = FileReader::open(&images().disk_raw);
    let error = ensure(&world, "raw", VolumeContent::Upload(&raw), wanted).await.unwrap_err();
    assert!(error.message().contains("declared as qcow2"), "{error}");
    let files = std::fs::read_dir(world.lab.images_dir()).unwrap().count();
    assert_eq!(files, 1, "what was refused left nothing");
}

/// Kills the daemon in the middle.
struct Slow<'a> {
    reader: &'a FileReader,
    lab: &'a hostler_lab::Lab,
    killed: Once,
}

#[async_trait::async_trait]
impl VolumeReader for Slow<'_> {
    fn len(&self) -> u64 {
        self.reader.len()
    }

    async fn read_at(&self, offset: u64, max: usize) -> std::io::Result<bytes::Bytes> {
        if offset > self.len() / 2 {
            // More may be read before the death is noticed.
            self.killed.call_once(|| self.lab.kill_libvirtd().unwrap());
        }
        self.reader.read_at(offset, max.min(64 * 1024)).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn x17_a_pool_that_is_not_active_has_no_figures() {
    let world = World::new("pools").await;
    world.lab.virsh(["pool-destroy", "default"]).unwrap();
    let inventory = world.libvirt.inventory(&cx()).await.unwrap();
    let pool = &inventory.pools[0];
    assert!(!pool.active && pool.capacity_bytes.value().is_none());
    assert_eq!(pool.capacity_bytes.reason(), Some("the pool is not active"));
    let error = ensure(&world, "v", VolumeContent::Empty, 1 << 20).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict);
    let storage = world.libvirt.storage().unwrap();
    let error = storage.default_pool(&cx(), &world.host).await.unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
}
