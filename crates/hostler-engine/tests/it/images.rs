//! Images: what comes in is inspected, what fails leaves nothing.

use hostler_core::Code;
use hostler_core::image::ImageFormat;
use hostler_core::operation::OperationState;
use hostler_core::vm::devices::{DiskSource, VolumeFormat};
use hostler_engine::ImageImport;
use hostler_sim::Verb;

use crate::world::{Lab, admin};

fn import(name: &str, format: ImageFormat) -> ImageImport {
    ImageImport { name: name.into(), description: String::new(), format, sha256: None }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_has_the_hash_and_size_of_its_file() {
    let lab = Lab::new().await;
    let image = lab.engine.images().by_name("tiny").await.unwrap();
    assert_eq!(image.file_bytes, 64 << 10);
    assert_eq!(image.virtual_bytes, 64 << 10);
    assert_eq!(image.sha256.len(), 64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a4_an_unsafe_image_is_refused_and_leaves_no_file() {
    let lab = Lab::new().await;
    let images = lab.engine.images();
    let mut evil = vec![0_u8; 4096];
    evil[..4].copy_from_slice(b"QFI\xfb");
    evil[7] = 2;
    evil[15] = 200; // a backing file
    let error = images
        .import(&admin(), import("evil", ImageFormat::Qcow2), evil.as_slice())
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::ImageUnsafe);
    let wrong = ImageImport { sha256: Some("0".repeat(64)), ..import("wrong", ImageFormat::Raw) };
    let error = images.import(&admin(), wrong, [0_u8; 512].as_slice()).await.unwrap_err();
    assert!(error.to_string().contains("has the SHA-256"), "{error}");
    assert_eq!(images.list().await.unwrap().len(), 1, "only the lab's own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_its_image_does_not_fit_is_refused_before_anything_is_made() {
    let lab = Lab::new().await;
    let mut request = lab.request("web");
    let bytes = vec![7_u8; 128 << 10];
    let big = import("big", ImageFormat::Raw);
    lab.engine.images().import(&admin(), big, bytes.as_slice()).await.unwrap();
    let source = |size_bytes, format| DiskSource::Image {
        image: "big".into(),
        size_bytes,
        pool: None,
        format: Some(format),
    };
    request.spec.disks[0].source = source(Some(64 << 10), VolumeFormat::Qcow2);
    request.spec.disks[1].source = source(None, VolumeFormat::Raw);
    let vms = lab.engine.vms();
    for error in [
        vms.create(&admin(), None, request.clone()).await.unwrap_err(),
        vms.plan(&admin(), &request).await.unwrap_err(),
    ] {
        assert_eq!(error.code(), Code::SpecInvalid);
        let faults = error.fault_list().iter().map(|f| (f.pointer.as_str(), f.code.as_str()));
        let expected = [
            ("/disks/0/source/image/format", "other_format"),
            ("/disks/0/source/image/size_bytes", "too_small"),
        ];
        assert_eq!(faults.collect::<Vec<_>>(), expected);
    }
    assert_eq!(lab.store.vms().await.unwrap(), [], "no row, so no operation");
    request.spec.disks[0].source = source(Some(128 << 10), VolumeFormat::Raw);
    let asked = vms.create(&admin(), None, request).await.unwrap();
    assert_eq!(lab.end(&asked).await.state(), OperationState::Succeeded, "just large enough");
    // Where nobody says how it is stored, as the image is, and as the provider does by itself.
    let mut unsaid = lab.request("unsaid");
    for disk in &mut unsaid.spec.disks {
        match &mut disk.source {
            DiskSource::Image { format, .. } | DiskSource::Empty { format, .. } => *format = None,
            DiskSource::Volume { .. } | DiskSource::NoMedia {} => panic!("it makes volumes"),
        }
    }
    let changes = vms.plan(&admin(), &unsaid).await.unwrap().changes;
    assert!(changes[1].ends_with(", raw") && changes[2].ends_with(", qcow2"), "{changes:?}");
    let asked = vms.create(&admin(), None, unsaid).await.unwrap();
    assert_eq!(lab.end(&asked).await.state(), OperationState::Succeeded);
    let mut made: Vec<_> = lab.engine.volumes().list(lab.pool()).await.unwrap();
    made.retain(|volume| volume.observed.name.starts_with("unsaid-"));
    let made = made.iter().map(|volume| {
        let (name, format) = (&volume.observed.name, volume.observed.format.as_deref());
        (name.split('-').nth(1).unwrap_or_default(), format, name.rsplit('.').next())
    });
    let of_disks: Vec<_> = made.filter(|(part, ..)| ["root", "data"].contains(part)).collect();
    let (raw, qcow2) = (Some("raw"), Some("qcow2"));
    assert_eq!(of_disks, [("data", qcow2, qcow2), ("root", raw, raw)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_is_taken_once_and_an_image_in_use_stays() {
    let lab = Lab::new().await;
    let images = lab.engine.images();
    let again = import("tiny", ImageFormat::Raw);
    let error = images.import(&admin(), again, [0_u8; 512].as_slice()).await.unwrap_err();
    assert_eq!(error.code(), Code::ImageExists);
    lab.world.faults().hang_verb(Verb::EnsureVolume, 0);
    let asked = lab.engine.vms().create(&admin(), None, lab.request("web")).await.unwrap();
    let image = images.by_name("tiny").await.unwrap();
    let error = images.delete(&admin(), image.id).await.unwrap_err();
    assert_eq!(error.code(), Code::ImageInUse);
    lab.world.faults().unhang();
    lab.end(&asked).await;
    images.delete(&admin(), image.id).await.unwrap();
    assert_eq!(images.get(image.id).await.unwrap_err().code(), Code::ImageNotFound);
}
