//! Clones with real files: each holds what its source held, and nothing of it is anybody else's.

use hostler_core::id::VmId;
use hostler_core::vm::cloud_init::CloudInit;
use hostler_core::vm::devices::*;
use hostler_core::vm::spec::FirmwareKind;
use hostler_provider::*;

use super::snapshots::{files, holds, list, long, qemu_io, take, top, two_disks, volume, write};
use super::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn e8_clones_hold_what_their_source_held_and_share_nothing() {
    let world = World::new("clones").await;
    let vm = two_disks(&world, "web").await;
    write(&world, &vm, 1).await;
    let snapshot = take(&world, &vm, "one").await;
    write(&world, &vm, 2).await;
    let clones = world.libvirt.clones().unwrap();
    let as_now = clone(&world, "as-now", &vm, None).await;
    world.power().start(&cx(), &vm).await.unwrap();
    // The files of a snapshot are not being written, whatever its VM does.
    let as_then = clone(&world, "as-then", &vm, Some(&snapshot)).await;
    holds(&world, &as_now.1.vm, 2).await;
    holds(&world, &as_then.1.vm, 1).await;
    for (_, handle) in [&as_now, &as_then] {
        let disks: Vec<_> = handle.disks.iter().map(|d| d.disk.as_str()).collect();
        assert_eq!(disks, ["root", "data"]);
        let definition = world.libvirt.create().unwrap().definition(&cx(), &handle.vm).await;
        assert!(!definition.unwrap().contains("web-"), "nothing of its source's");
    }
    assert_eq!(list(&world, &vm).await.len(), 1);
    assert!(clones.remove_clone(&long(), as_now.0).await.unwrap());
    assert!(!clones.remove_clone(&long(), as_now.0).await.unwrap());
    holds(&world, &as_then.1.vm, 1).await;
    // A clone has snapshots of its own, which go with it.
    take(&world, &as_then.1.vm, "own").await;
    assert!(clones.remove_clone(&long(), as_then.0).await.unwrap());
    assert!(!files(&world).iter().any(|name| name.contains("-clone-")), "{:?}", files(&world));
    world.power().stop(&cx(), &vm, StopMode::Force).await.unwrap();
    holds(&world, &vm, 2).await;
}

async fn clone(
    world: &World,
    name: &str,
    source: &VmRef,
    snapshot: Option<&SnapshotRef>,
) -> (VmId, CloneHandle) {
    let vm = ids().next(VmId::new);
    let request = EnsureClone { vm, name, source, snapshot, seed: None };
    let made = world.libvirt.clones().unwrap().ensure_clone(&long(), &request).await.unwrap();
    assert!(made.created);
    (vm, made)
}

#[tokio::test(flavor = "multi_thread")]
async fn a4_a_disk_that_its_guest_made_look_like_another_is_not_cloned() {
    let world = World::new("clone-forged").await;
    let vm = two_disks(&world, "web").await;
    // A guest writes what looks like a qcow2 with a file of the host behind it.
    let disk = world.lab.images_dir().join("web-data");
    let forged = world.lab.images_dir().join("forged");
    std::fs::write(world.lab.images_dir().join("secret"), vec![7; 65536]).unwrap();
    let mut make = world.lab.command_within("qemu-img");
    make.args(["create", "-q", "-f", "qcow2", "-F", "raw", "-b"]);
    make.args(["/var/lib/libvirt/images/secret", "/var/lib/libvirt/images/forged", "64k"]);
    assert!(make.status().unwrap().success());
    let mut bytes = std::fs::read(&forged).unwrap();
    bytes.resize(1 << 20, 0);
    std::fs::write(&disk, bytes).unwrap();
    world.lab.virsh(["pool-refresh", "default"]).unwrap();
    let request = EnsureClone {
        vm: ids().next(VmId::new),
        name: "copy",
        source: &vm,
        snapshot: None,
        seed: None,
    };
    let clones = world.libvirt.clones().unwrap();
    let error = clones.ensure_clone(&long(), &request).await.unwrap_err();
    assert_eq!((error.kind(), error.is_unknown()), (Kind::Invalid, false), "{error}");
    assert!(!files(&world).iter().any(|name| name.contains("-clone-")), "{:?}", files(&world));
    // Under a snapshot's file it is read as what it is.
    take(&world, &vm, "one").await;
    let (_, made) = clone(&world, "copy", &vm, None).await;
    let (path, format) = top(&world, &made.vm, "vdb").await;
    qemu_io(&world, &format, &path, "read -P 0x51 0 1"); // as its guest wrote it: "QFI"
}

#[tokio::test(flavor = "multi_thread")]
async fn e8_a_clone_has_a_seed_variables_and_an_identity_of_its_own() {
    let world = World::new("clone-seed").await;
    let mut spec = guest_spec("web");
    spec.firmware.kind = FirmwareKind::Uefi;
    let init = CloudInit { hostname: Some("web".into()), ..CloudInit::default() };
    let documents = init.seed("i-1", "web");
    spec.cloud_init = Some(init);
    let mut seeds = Vec::new();
    for name in ["web-seed", "copy-seed"] {
        let seed = world.volume(name);
        let content = VolumeContent::Seed(&documents);
        let (format, capacity_bytes) = (VolumeFormat::Raw, 0);
        let request = EnsureVolume { volume: &seed, capacity_bytes, format, content };
        world.libvirt.storage().unwrap().ensure_volume(&cx(), &request).await.unwrap();
        seeds.push(seed);
    }
    let root = volume(&world, "web-root", 1 << 20, VolumeFormat::Qcow2).await;
    let (vm, disks) = (ids().next(VmId::new), [bound("root", &root)]);
    let (spec, seed) = (&spec, Some(&seeds[0]));
    let request = EnsureVm { vm, spec, host_ref: &world.host, disks: &disks, seed };
    let create = world.libvirt.create().unwrap();
    let source = create.ensure_vm(&cx(), &request).await.unwrap().vm;
    // Then it has variables of its own.
    world.power().start(&cx(), &source).await.unwrap();
    let clones = world.libvirt.clones().unwrap();
    let vm = ids().next(VmId::new);
    let seed = Some(&seeds[1]);
    let request = EnsureClone { vm, name: "copy", source: &source, snapshot: None, seed };
    let error = clones.ensure_clone(&long(), &request).await.unwrap_err();
    assert_eq!((error.kind(), error.is_unknown()), (Kind::Conflict, false), "{error}");
    world.power().stop(&cx(), &source, StopMode::Force).await.unwrap();
    let made = clones.ensure_clone(&long(), &request).await.unwrap();
    let xml = create.definition(&cx(), &made.vm).await.unwrap();
    assert!(xml.contains("images/copy-seed") && !xml.contains("web"), "{xml}");
    assert_eq!(made.disks.len(), 1, "the seed is the giver's: {made:?}");
    world.power().start(&cx(), &source).await.unwrap();
    world.power().start(&cx(), &made.vm).await.unwrap();
    assert_eq!(std::fs::read_dir(world.lab.lib_dir().join("qemu/nvram")).unwrap().count(), 2);
}
