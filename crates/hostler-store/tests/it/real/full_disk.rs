//! A disk that is really full: the kernel's answers, not SQLite's own limit
//! (F17).

use std::path::Path;
use std::process::Command;

use hostler_core::Code;
use hostler_store::{Options, Store, StoreErrorKind};

use crate::common::World;

/// A file system of its own, gone with this value.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(size: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(directory.path())
            .status()
            .unwrap();
        assert!(mounted.success(), "mounting needs root");
        Self(directory)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_is_told_as_full_and_all_goes_on_when_there_is_room_again() {
    let disk = SmallDisk::mount("4m");
    let world = World::new();
    let options = Options { max_bytes: None, reserve_bytes: 0 };
    let path = disk.path().join("hostler.db");
    let store = Store::open_with(&path, &options).await.unwrap();
    let ballast = disk.path().join("ballast");
    std::fs::write(&ballast, vec![1; 2 << 20]).unwrap();

    let events: Vec<_> = (0..200).map(|_| world.event("vm.state", "a")).collect();
    let mut kept = 0;
    let error = loop {
        match store.append_events(&events).await {
            Ok(_) => kept += 200,
            Err(error) => break error,
        }
    };
    assert_eq!(*error.kind(), StoreErrorKind::Full, "{error:?}");
    assert_eq!(hostler_core::Error::from(error).code(), Code::StoreFull);
    assert_eq!(store.first_and_last_seq().await.unwrap(), (1, kept));
    let error = store.backup(&disk.path().join("backup.db")).await.unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::Full, "{error:?}");
    assert!(!disk.path().join("backup.db").exists());

    std::fs::remove_file(&ballast).unwrap();
    store.append_events(&events).await.unwrap();
    store.close().await;
    let store = Store::open_with(&path, &options).await.unwrap();
    assert_eq!(store.first_and_last_seq().await.unwrap(), (1, kept + 200));
    store.close().await;
}
