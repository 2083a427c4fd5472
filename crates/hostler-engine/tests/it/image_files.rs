//! The files of images: none is lost that may be needed, none stays that is not.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hostler_core::Code;
use hostler_core::clock::SystemClock;
use hostler_core::id::SeededEntropy;
use hostler_core::image::ImageFormat;
use hostler_engine::{Engine, EngineConfig, ImageImport, ImageStore, NoConverter};
use hostler_store::Store;
use tokio::io::AsyncWriteExt as _;

use crate::world::{admin, pace};

/// An engine that has its images in a folder, and no provider.
async fn engine(images_dir: &Path) -> Engine {
    let config = EngineConfig {
        store: Store::in_memory().await.unwrap(),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SeededEntropy::new(3)),
        holder: "test".into(),
        images: ImageStore {
            dir: images_dir.to_owned(),
            max_bytes: 1 << 20,
            converter: Arc::new(NoConverter),
        },
        pace: pace(),
        collect: None,
        history: None,
        outputs: Vec::new(),
        sabotage: None,
    };
    Engine::start(config).await.unwrap()
}

fn raw(name: &str) -> ImageImport {
    let (name, description) = (name.into(), String::new());
    ImageImport { name, description, format: ImageFormat::Raw, sha256: None }
}

fn files(images_dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        std::fs::read_dir(images_dir).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

#[tokio::test]
async fn f15_i17_a_start_with_an_older_database_deletes_no_image() {
    let dir = tempfile::tempdir().unwrap();
    let first = engine(dir.path()).await;
    first.images().import(&admin(), raw("kept"), [1_u8; 512].as_slice()).await.unwrap();
    first.shutdown().await;
    std::fs::write(dir.path().join("cut-off.part"), b"half of it").unwrap();
    let before = files(dir.path());
    assert_eq!(before.len(), 2);
    // Its database is one from before the import.
    let restored = engine(dir.path()).await;
    assert_eq!(restored.images().list().await.unwrap(), []);
    let (left, is_image) = (files(dir.path()), |p: &&PathBuf| p.extension().unwrap() == "image");
    assert_eq!(left, before.iter().filter(is_image).cloned().collect::<Vec<_>>());
    assert_eq!(std::fs::read(&left[0]).unwrap(), [1_u8; 512]);
}

#[tokio::test]
async fn f32_who_imports_a_name_too_late_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(dir.path()).await;
    let images = engine.images();
    let (actor, (mut upload, body)) = (admin(), tokio::io::duplex(64));
    let slow = images.import(&actor, raw("same"), body);
    let quick = async {
        // More than fits on the way: some of it was read, so the name was free then.
        upload.write_all(&[2; 512]).await.unwrap();
        images.import(&actor, raw("same"), [1_u8; 512].as_slice()).await.unwrap();
        drop(upload);
    };
    let (slow, ()) = tokio::join!(slow, quick);
    assert_eq!(slow.unwrap_err().code(), Code::ImageExists);
    let left = files(dir.path());
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(std::fs::read(&left[0]).unwrap(), [1_u8; 512]);
}

#[tokio::test]
async fn an_image_whose_file_cannot_be_removed_is_deleted_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(dir.path()).await;
    let images = engine.images();
    let image = images.import(&admin(), raw("stuck"), [1_u8; 512].as_slice()).await.unwrap();
    // A folder in its place is no file that could be removed, whoever tries.
    let file = files(dir.path()).remove(0);
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    images.delete(&admin(), image.id).await.unwrap();
    assert_eq!(images.list().await.unwrap(), []);
    assert_eq!(images.delete(&admin(), image.id).await.unwrap_err().code(), Code::ImageNotFound);
}
