//! Calls that the daemon carries out after their caller has given up: what they
//! leave is never taken for what it is not.

use std::time::Duration;

use hostler_core::vm::devices::VolumeFormat;
use hostler_lab::{Lab, LabOptions};
use hostler_libvirt_rpc::procedure::STORAGE_VOL_CREATE_XML;
use hostler_provider::*;
use tokio_util::sync::CancellationToken;

use super::relay::{Held, Relay};
use super::support::*;

const PATIENCE: Duration = Duration::from_secs(90);

pub(super) async fn relayed(name: &str) -> (World, Relay) {
    let lab = Lab::start(&LabOptions::throwaway(name)).unwrap();
    let relay = Relay::before(&lab);
    let uri = relay.uri();
    (World::over(lab, uri).await, relay)
}

/// Uploads the sample guest's disk.
async fn upload(world: &World, cx: &Cx, name: &str) -> Result<VolumeInfo> {
    let (volume, reader) = (world.volume(name), FileReader::open(&images().disk_qcow2));
    let request = EnsureVolume {
        volume: &volume,
        capacity_bytes: guest_disk_bytes(),
        format: VolumeFormat::Qcow2,
        content: VolumeContent::Upload(&reader),
    };
    world.libvirt.storage().unwrap().ensure_volume(cx, &request).await
}

/// Begins an upload and cancels it once the held call is on its way.
async fn cut_off(world: &World, name: &str, held: &mut Held) {
    let token = CancellationToken::new();
    let cx = cx().with_cancel(token.clone());
    let (ended, ()) = tokio::join!(upload(world, &cx, name), async {
        held.came().await;
        token.cancel();
    });
    let error = ended.unwrap_err();
    assert_eq!((error.kind(), error.is_unknown()), (Kind::Cancelled, true), "{error}");
}

async fn appears(world: &World, name: &str) {
    let file = world.lab.images_dir().join(name);
    let is_there = || async { file.exists().then_some(()) };
    eventually("what was held back is made", PATIENCE, is_there).await;
}

fn is_whole(world: &World, name: &str) -> bool {
    let stored = std::fs::read(world.lab.images_dir().join(name)).unwrap();
    let sent = std::fs::read(&images().disk_qcow2).unwrap();
    stored.get(..sent.len()) == Some(&sent[..])
}

fn files(world: &World) -> usize {
    std::fs::read_dir(world.lab.images_dir()).unwrap().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn f6_a_volume_that_comes_after_its_upload_was_given_up_is_not_taken_for_whole() {
    let (world, relay) = relayed("late-volume").await;
    let mut held = relay.hold(STORAGE_VOL_CREATE_XML, "<name>image</name>");
    cut_off(&world, "image", &mut held).await;
    held.release();
    appears(&world, "image").await;
    let info = upload(&world, &cx(), "image").await.unwrap();
    assert!(info.created, "what came late was empty");
    assert!(is_whole(&world, "image"));
    assert_eq!(files(&world), 1, "no marker is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn i5_a_marker_that_comes_late_costs_nobody_a_volume_in_use() {
    let (world, relay) = relayed("late-marker").await;
    let marker = "user-root.hostler-partial";
    let mut held = relay.hold(STORAGE_VOL_CREATE_XML, &format!("<name>{marker}</name>"));
    cut_off(&world, "user-root", &mut held).await;
    let vm = world.make(&guest_spec("user")).await;
    held.release();
    appears(&world, marker).await;
    let error = upload(&world, &cx(), "user-root").await.unwrap_err();
    assert_eq!((error.kind(), error.is_unknown()), (Kind::Conflict, false), "{error}");
    assert!(error.message().contains("\"user\" uses it"), "{error}");
    assert!(error.message().contains(marker), "{error}");
    assert!(is_whole(&world, "user-root"));

    // What nobody uses nobody has written to: it is made anew as it was.
    world.libvirt.create().unwrap().remove_vm(&cx(), &vm).await.unwrap();
    assert!(upload(&world, &cx(), "user-root").await.unwrap().created);
    assert!(is_whole(&world, "user-root"));
    assert_eq!(files(&world), 1, "no marker is left");
}
