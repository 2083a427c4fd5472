//! Files: whose they are, what is refused, what happens when there is no room
//! left or something is damaged.

use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use expect_test::expect_file;
use hostler_core::Code;
use hostler_core::operation::Outcome;
use hostler_store::{Options, Store, StoreErrorKind, portable_statements};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection as _, Executor as _, Row as _, SqlSafeStr as _};

use crate::common::{World, finished, open, place, plain};

async fn raw(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    SqliteConnection::connect_with(&options).await.unwrap()
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn the_schema_is_the_sum_of_the_migrations() {
    let (_directory, path) = place();
    open(&path).await.close().await;
    let mut connection = raw(&path).await;
    let rows =
        sqlx::query("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type DESC, name")
            .fetch_all(&mut connection)
            .await
            .unwrap();
    let mut schema = String::from("-- What the migrations add up to; written by a test.\n");
    for row in rows {
        schema += &format!("\n{};\n", row.get::<String, _>(0));
    }
    expect_file!["../../schema.sql"].assert_eq(&schema);
}

#[tokio::test]
async fn every_statement_is_one_that_sqlite_prepares() {
    let (_directory, path) = place();
    open(&path).await.close().await;
    let mut connection = raw(&path).await;
    let mut count = 0;
    for (name, sql) in portable_statements() {
        let prepared = connection.prepare(sql.into_sql_str()).await;
        assert!(prepared.is_ok(), "{name}: {:?}", prepared.err());
        count += 1;
    }
    assert!(count > 60, "the register has {count} statements");
}

#[tokio::test]
async fn the_files_are_their_owners_alone() {
    let (_directory, path) = place();
    let store = open(&path).await;
    store.check().await.unwrap();
    for suffix in ["", "-wal", "-shm", ".lock"] {
        let file = path.with_file_name(format!("hostler.db{suffix}"));
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    store.close().await;
    // A file that somebody has opened to others is closed to them again.
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    open(&path).await.close().await;
    assert_eq!(mode(&path), 0o600);
}

#[tokio::test]
async fn a_file_is_open_in_one_process_at_a_time_f12() {
    let (_directory, path) = place();
    let store = open(&path).await;
    let clone = store.clone();
    let error = Store::open(&path).await.unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::Refused);
    assert!(error.to_string().contains("hostler.db is open in another process"), "{error}");
    store.close().await;
    let second = open(&path).await;
    // The clone that lives on is of no use any more, and does no harm.
    assert_eq!(*clone.check().await.unwrap_err().kind(), StoreErrorKind::Unavailable);
    drop(second);
    open(&path).await.close().await;
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused_and_left_alone() {
    let (_directory, path) = place();
    open(&path).await.close().await;
    let mut connection = raw(&path).await;
    let insert = "INSERT INTO schema_migrations (version, name, sha256) VALUES (99, 'next', '')";
    connection.execute(insert).await.unwrap();
    connection.close().await.unwrap();
    let error = Store::open(&path).await.unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::Refused);
    let told = error.to_string();
    assert!(told.contains("hostler.db") && told.contains("schema is 99 (next)"), "{told}");
}

#[tokio::test]
async fn a_file_whose_migrations_were_edited_is_refused() {
    let (_directory, path) = place();
    open(&path).await.close().await;
    let mut connection = raw(&path).await;
    connection.execute("UPDATE schema_migrations SET sha256 = 'other'").await.unwrap();
    connection.close().await.unwrap();
    let error = Store::open(&path).await.unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::Refused);
}

#[tokio::test]
async fn another_programs_database_is_refused_and_left_alone() {
    let (_directory, path) = place();
    let mut connection = raw(&path).await;
    connection.execute("CREATE TABLE customers (name TEXT)").await.unwrap();
    connection.close().await.unwrap();
    let error = Store::open(&path).await.unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::Refused);
    assert!(error.to_string().contains("not one of Hostler's"), "{error}");
    let mut connection = raw(&path).await;
    let tables = sqlx::query("SELECT name FROM sqlite_schema").fetch_all(&mut connection).await;
    assert_eq!(tables.unwrap().len(), 1);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_with_its_name_and_the_way_back_f16() {
    let (_directory, path) = place();
    for content in [&b"hello"[..], &[0; 8192]] {
        std::fs::write(&path, content).unwrap();
        let error = Store::open(&path).await.unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::Corrupt);
        let told = error.to_string();
        assert!(told.contains("hostler.db") && told.contains("hostlerd restore"), "{told}");
        assert_eq!(std::fs::read(&path).unwrap(), content);
    }
}

/// Overwrites everything but the first page, which holds the list of tables.
fn damage(path: &Path) {
    let mut file = std::fs::File::options().write(true).open(path).unwrap();
    let len = file.metadata().unwrap().len();
    file.seek(SeekFrom::Start(4096)).unwrap();
    file.write_all(&vec![0xff; usize::try_from(len).unwrap() - 4096]).unwrap();
}

#[tokio::test]
async fn a_damaged_file_is_refused_with_its_name_and_the_way_back_f16() {
    let (_directory, path) = place();
    let store = open(&path).await;
    store.submit(&World::new().create("web")).await.unwrap();
    store.close().await;
    damage(&path);
    let error = Store::open(&path).await.unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::Corrupt);
    let told = error.to_string();
    assert!(told.contains("hostler.db") && told.contains("hostlerd restore"), "{told}");
    let core = hostler_core::Error::from(error);
    assert_eq!(core.code(), Code::StoreUnavailable);
    assert!(core.internal().unwrap().contains("hostler.db"));
}

#[tokio::test]
async fn damage_that_is_noticed_at_work_stops_all_writing_f16() {
    let (_directory, path) = place();
    open(&path).await.close().await;
    let store = open(&path).await;
    store.check().await.unwrap();
    damage(&path);
    let error = store.images().await.unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::Corrupt, "{error}");
    // The page that this would change is whole; it is not written all the same.
    let error = store.check().await.unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::Corrupt);
    assert!(error.to_string().contains("hostler.db"), "{error}");
}

#[tokio::test]
async fn a_full_database_is_told_as_full_stays_readable_and_recovers_f17() {
    let (_directory, path) = place();
    let options = Options { max_bytes: Some(600 << 10), reserve_bytes: 0 };
    let store = Store::open_with(&path, &options).await.unwrap();
    let world = World::new();
    let events: Vec<_> = (0..50).map(|_| world.event("vm.state", "a")).collect();
    let mut kept = 0;
    let error = loop {
        match store.append_events(&events).await {
            Ok(_) => kept += 50,
            Err(error) => break error,
        }
    };
    assert_eq!(*error.kind(), StoreErrorKind::Full);
    assert_eq!(hostler_core::Error::from(error).code(), Code::StoreFull);
    // Nothing of the batch that did not fit is there, and what is there can be read.
    assert_eq!(store.first_and_last_seq().await.unwrap(), (1, kept));
    assert_eq!(store.events_after(kept - 1, 10).await.unwrap().len(), 1);
    // Room is made, and all goes on.
    store.trim_events(10).await.unwrap();
    store.append_events(&events).await.unwrap();
    store.submit(&world.create("web")).await.unwrap();
}

#[tokio::test]
async fn the_last_room_on_the_disk_is_kept_for_operations_at_work_f17() {
    let (_directory, path) = place();
    let world = World::new();
    let new = world.operation(&[]);
    let store = open(&path).await;
    store.submit(&new).await.unwrap();
    store.close().await;

    let options = Options { max_bytes: None, reserve_bytes: u64::MAX };
    let store = Store::open_with(&path, &options).await.unwrap();
    let error = store.submit(&world.create("web")).await.unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::Full);
    // What has begun can be ended.
    let now = world.now();
    let epoch = store.acquire_lease(new.id, "a", Duration::from_secs(9), now).await.unwrap();
    let end = [finished(Outcome::Succeeded)];
    store.append(new.id, epoch.unwrap(), &plain(&end, &[], now)).await.unwrap();
    store.check().await.unwrap();
}

#[tokio::test]
async fn a_place_that_can_not_be_written_is_told_by_name() {
    let error = Store::open(Path::new("/nonexistent/hostler.db")).await.unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::Unavailable);
    assert!(error.to_string().contains("/nonexistent/hostler.db"), "{error}");
}

#[tokio::test]
async fn a_call_whose_future_is_dropped_leaves_the_store_usable_a46() {
    let (_directory, path) = place();
    for store in [Store::in_memory().await.unwrap(), open(&path).await] {
        let world = World::new();
        for round in 0..60_u32 {
            let new = world.create(&format!("vm-{round}"));
            let mut submit = Box::pin(store.submit(&new));
            // Dropped at a different point of its work in each round.
            for _ in 0..round {
                let waker = std::task::Waker::noop();
                let mut context = std::task::Context::from_waker(waker);
                if submit.as_mut().poll(&mut context).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            drop(submit);
            // A commit that was already on its way may still land: the next writer comes
            // after it, so that what is read from here on is decided.
            store.set_setting("round", b"decided").await.unwrap();
            // Completely or not at all, and nothing is held.
            let operation = store.operation(new.id).await.unwrap();
            let vm = store.vm(new.vm.unwrap().id).await.unwrap();
            let journal = store.journal(new.id).await.unwrap();
            assert_eq!(operation.is_some(), vm.is_some());
            assert_eq!(operation.is_some(), journal.len() == 1);
            store.check().await.unwrap();
        }
        store.close().await;
    }
}
