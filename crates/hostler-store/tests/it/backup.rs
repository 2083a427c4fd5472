//! Backup while the store is used; restore, and what it makes safe.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use hostler_core::Code;
use hostler_core::operation::{Event, Journal, Next, OperationState, Outcome, Resource};
use hostler_store::{OperationFilter, Store, StoreErrorKind};

use crate::common::{World, finished, on_both, open, place, plain, started, story};

#[tokio::test]
async fn a_backup_is_a_consistent_file_of_its_own() {
    on_both(|store| async move {
        let world = World::new();
        let (directory, data) = place();
        let to = directory.path().join("backup.db");
        let new = world.create("web");
        store.submit(&new).await.unwrap();
        store.backup(&to).await.unwrap();
        store.submit(&world.create("after")).await.unwrap();
        assert_eq!(to.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let beside: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
        assert_eq!(beside.len(), 1, "{beside:?}");

        let restored = Store::restore(&to, &data, world.now()).await.unwrap();
        assert_eq!((restored.kept_aside, restored.parked), (None, 1));
        let restored = open(&data).await;
        let names: Vec<_> = restored.vms().await.unwrap().into_iter().map(|vm| vm.name).collect();
        assert_eq!(names, ["web"]);
        restored.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_backup_never_replaces_a_file() {
    on_both(|store| async move {
        let (directory, _) = place();
        let to = directory.path().join("backup.db");
        std::fs::write(&to, b"precious").unwrap();
        let error = store.backup(&to).await.unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::Refused);
        assert_eq!(std::fs::read(&to).unwrap(), b"precious");
        let error = store.backup(&directory.path().join("no/backup.db")).await.unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::Unavailable);
    })
    .await;
}

#[tokio::test]
async fn a_backup_made_while_others_write_holds_whole_transactions() {
    let (directory, path) = place();
    let store = open(&path).await;
    let writer = store.clone();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopped = stop.clone();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        let world = World::new();
        let mut number = 0;
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            writer.submit(&world.create(&format!("vm-{number}"))).await.unwrap();
            number += 1;
        }
    });
    for number in 0..5 {
        let to = directory.path().join(format!("backup-{number}.db"));
        store.backup(&to).await.unwrap();
        let data = directory.path().join(format!("data-{number}.db"));
        Store::restore(&to, &data, World::new().now()).await.unwrap();
        let copy = open(&data).await;
        let vms = copy.vms().await.unwrap().len();
        let count = copy.count_operations(&OperationFilter::default()).await.unwrap();
        assert_eq!(count, vms as u64);
        assert_eq!(copy.events_after(0, u32::MAX).await.unwrap().len(), vms);
        assert_eq!(copy.claims().await.unwrap().len(), vms);
        copy.close().await;
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    tasks.join_all().await;
    store.close().await;
}

#[tokio::test]
async fn nothing_goes_on_by_itself_after_a_restore_f15() {
    let (directory, path) = place();
    let backup = directory.path().join("backup.db");
    let world = World::new();
    let store = open(&path).await;
    let vm = Resource::Vm(world.ids.next(hostler_core::id::VmId::new));
    let (at_work, ended, waiting) =
        (world.operation(std::slice::from_ref(&vm)), world.operation(&[]), world.operation(&[]));
    for new in [&at_work, &ended, &waiting] {
        store.submit(new).await.unwrap();
    }
    let ttl = Duration::from_secs(30);
    let epoch = store.acquire_lease(at_work.id, "a", ttl, world.now()).await.unwrap().unwrap();
    let begun = [started(0)];
    store.append(at_work.id, epoch, &plain(&begun, &[], world.now())).await.unwrap();
    let other = store.acquire_lease(ended.id, "a", ttl, world.now()).await.unwrap().unwrap();
    let end = [finished(Outcome::Succeeded)];
    store.append(ended.id, other, &plain(&end, &[], world.now())).await.unwrap();
    let seen = store.append_events(&[world.event("vm.state", "a")]).await.unwrap()[0].seq;
    store.backup(&backup).await.unwrap();
    // What clients see after the backup was made will never have happened.
    let lost = store.append_events(&[world.event("vm.state", "a")]).await.unwrap()[0].seq;
    store.close().await;

    let restored = Store::restore(&backup, &path, world.now()).await.unwrap();
    assert_eq!(restored.parked, 2);
    let store = open(&path).await;
    assert!(store.queued(10, 10).await.unwrap().is_empty());
    let state = async |id| store.operation(id).await.unwrap().unwrap().state;
    assert_eq!(state(at_work.id).await, OperationState::NeedsAttention);
    assert_eq!(state(waiting.id).await, OperationState::NeedsAttention);
    assert_eq!(state(ended.id).await, OperationState::Succeeded);
    // Its resource stays claimed, its old driver is out, and a person can let it go on.
    assert_eq!(store.claims().await.unwrap()[&vm], at_work.id);
    let append = plain(&begun, &[], world.now());
    assert!(store.append(at_work.id, epoch, &append).await.unwrap_err().is_lost());
    let events = story(&store, at_work.id).await;
    let stuck = Journal::read(&events).stuck().cloned().unwrap();
    assert_eq!(hostler_core::Error::from(&stuck).code(), Code::ProviderConflict);
    let retry = Event::UndoRetried { by: "local:root".into() };
    let len = events.len() as u64;
    store.append_unleased(at_work.id, &retry, len, &|_| Vec::new(), world.now()).await.unwrap();
    let events = story(&store, at_work.id).await;
    assert_eq!(Journal::read(&events).next(), Next::Run(0));

    // No client may resume over the restore, and no number is given twice.
    let (first, last) = store.first_and_last_seq().await.unwrap();
    assert!(first - 1 > lost && last > lost, "{first} {last}");
    let next = store.append_events(&[world.event("vm.state", "a")]).await.unwrap()[0].seq;
    assert!(next > lost);
    // What the backup knows of the past can still be read.
    assert!(store.events_after(0, 9).await.unwrap().iter().any(|event| event.seq == seen));
    store.close().await;
}

#[tokio::test]
async fn a_restore_keeps_the_former_file_each_time() {
    let (directory, path) = place();
    let backup = directory.path().join("backup.db");
    let world = World::new();
    let store = open(&path).await;
    store.backup(&backup).await.unwrap();
    store.submit(&world.create("web")).await.unwrap();
    store.close().await;

    let restored = Store::restore(&backup, &path, world.now()).await.unwrap();
    let aside = directory.path().join("hostler.db.before-restore");
    assert_eq!(restored.kept_aside.as_deref(), Some(aside.as_path()));
    let again = Store::restore(&backup, &path, world.now()).await.unwrap();
    let second = directory.path().join("hostler.db.before-restore.1");
    assert_eq!(again.kept_aside.as_deref(), Some(second.as_path()));
    let former = open(&aside).await;
    assert_eq!(former.vms().await.unwrap().len(), 1);
    former.close().await;
    let store = open(&path).await;
    assert_eq!(store.vms().await.unwrap(), []);
    store.close().await;
    let left: Vec<_> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("restoring"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_damaged_data_file_is_replaced_and_kept() {
    let (directory, path) = place();
    let backup = directory.path().join("backup.db");
    let world = World::new();
    let store = open(&path).await;
    store.submit(&world.create("web")).await.unwrap();
    store.backup(&backup).await.unwrap();
    store.close().await;
    std::fs::write(&path, b"not a database any more").unwrap();
    let restored = Store::restore(&backup, &path, world.now()).await.unwrap();
    let aside = restored.kept_aside.unwrap();
    assert_eq!(std::fs::read(aside).unwrap(), b"not a database any more");
    let store = open(&path).await;
    assert_eq!(store.vms().await.unwrap().len(), 1);
    store.close().await;
}

#[tokio::test]
async fn a_restore_is_refused_while_a_server_has_the_file_open() {
    let (directory, path) = place();
    let backup = directory.path().join("backup.db");
    let world = World::new();
    let store = open(&path).await;
    store.backup(&backup).await.unwrap();
    let error = Store::restore(&backup, &path, world.now()).await.unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::Refused);
    store.check().await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn a_bad_backup_is_refused_and_changes_nothing() {
    let (directory, path) = place();
    let backup = directory.path().join("backup.db");
    let world = World::new();
    let store = open(&path).await;
    store.submit(&world.create("web")).await.unwrap();
    store.backup(&backup).await.unwrap();
    store.close().await;
    let whole = std::fs::read(&backup).unwrap();
    let mut damaged = whole.clone();
    damaged[5000..9000].fill(0xff);
    let bad: [(&[u8], StoreErrorKind); 4] = [
        (&damaged, StoreErrorKind::Corrupt),
        (&whole[..whole.len() / 2], StoreErrorKind::Corrupt),
        (b"hello", StoreErrorKind::Corrupt),
        (b"", StoreErrorKind::Refused),
    ];
    let before = std::fs::read(&path).unwrap();
    for (content, expected) in bad {
        std::fs::write(&backup, content).unwrap();
        let error = Store::restore(&backup, &path, world.now()).await.unwrap_err();
        assert_eq!(*error.kind(), expected, "{error}");
        assert!(error.to_string().contains("backup.db"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
        assert_eq!(std::fs::read(&backup).unwrap(), content);
    }
    let missing = directory.path().join("missing.db");
    let error = Store::restore(&missing, &path, world.now()).await.unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::Unavailable);
    let store = open(&path).await;
    assert_eq!(store.vms().await.unwrap().len(), 1);
    store.close().await;
}
