//! A disk that is really full: the kernel's answers, not SQLite's own limit
//! (F17).

use std::path::Path;
use std::process::Command;

use hostler_core::Code;
use hostler_core::metrics::series::Sample;
use hostler_store::history::{Archive, Error, Limits};
use hostler_store::{Options, Store, StoreErrorKind};

use crate::common::World;
use crate::history::{SECOND, START, key, small};

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

/// F17: what history took is there, what it refused can be given again, and it goes on by itself
/// once there is room.
#[test]
fn f17_history_on_a_full_disk_loses_nothing_that_it_took() {
    let disk = SmallDisk::mount("6m");
    let place = disk.path().join("history");
    let archive = Archive::open(&place, small()).unwrap();
    let ballast = disk.path().join("ballast");
    std::fs::write(&ballast, vec![1; 5 << 20]).unwrap();
    let pass = |number: i64| {
        let sample = |vm: usize| {
            // Nothing that could be made small.
            let value =
                f64::from_bits(0x3ff0_0000_0000_0000 | (number as u64 * 7919) << 20 | vm as u64);
            (key("up", vm), Sample { at_ms: START + number * SECOND, value })
        };
        (0..50).map(sample).collect::<Vec<_>>()
    };
    let append =
        |archive: &Archive, number: i64| archive.append(START + number * SECOND, &pass(number));
    let mut number = 0;
    let error = loop {
        match append(&archive, number) {
            Ok(appended) => assert_eq!(appended.written, 50),
            Err(error) => break error,
        }
        number += 1;
        assert!(number < 20_000, "the disk does not fill up");
    };
    assert!(matches!(error, Error::Full { .. }), "{error}");
    let count = |archive: &Archive| {
        let found = archive.select(&[], i64::MIN, i64::MAX, Limits::default()).unwrap();
        assert_eq!(found.len(), 50);
        for data in &found {
            for (place, sample) in data.samples.iter().enumerate() {
                assert_eq!(sample.at_ms, START + place as i64 * SECOND, "a gap");
            }
        }
        found.iter().map(|data| data.samples.len()).min().unwrap() as i64
    };
    assert_eq!(count(&archive), number);
    assert!(append(&archive, number).is_err());
    // Whoever is started now can be asked, too.
    drop(archive);
    let rest = disk.path().join("rest");
    let _ = std::fs::write(&rest, vec![1; 1 << 20]);
    let archive = Archive::open(&place, small()).unwrap();
    assert_eq!(count(&archive), number);
    // Opening frees what a checkpoint left unfinished: there may be room for a row again.
    match append(&archive, number) {
        Ok(appended) => number += appended.written as i64 / 50,
        Err(error) => assert!(matches!(error, Error::Full { .. }), "{error}"),
    }

    std::fs::remove_file(&ballast).unwrap();
    std::fs::remove_file(&rest).unwrap();
    for number in number..number + 500 {
        assert_eq!(append(&archive, number).unwrap().written, 50);
    }
    archive.sync().unwrap();
    archive.checkpoint().unwrap();
    assert_eq!(count(&archive), number + 500);
    drop(archive);
    let archive = Archive::open(&place, small()).unwrap();
    assert_eq!(count(&archive), number + 500);
    assert_eq!(archive.findings(), (vec![], 0));
}
