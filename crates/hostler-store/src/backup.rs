//! Backup of a database at work, and restore of one that is stopped.
//!
//! ```text
//!  restore:  lock ─► copy beside the data ─► check the copy ─► make it safe ─► old file aside ─► rename
//!                                              │                    │
//!                                              ▼                    ▼
//!                                    refused, nothing changed   operations at work are stopped,
//!                                                               events begin a new count
//! ```
//!
//! A backup knows nothing of what happened after it. So nothing in it goes on
//! by itself: operations that were at work wait for a person, and clients that
//! follow events are told to read everything again (F15).

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use hostler_core::Timestamp;
use sqlx::sqlite::SqliteJournalMode;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::connection::{Connection, query};
use crate::error::{Error, Result, StoreErrorKind};
use crate::open::{beside, connect_options, full_check, lock, named, sync_directory};
use crate::operations::park_unfinished;
use crate::{Options, Store, row, schema, statements};

/// How far the count of events jumps at a restore: further than any server
/// could have counted since the backup.
const EVENT_JUMP: i64 = 1_000_000_000_000;

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Where the former file lies now, if there was one.
    pub kept_aside: Option<PathBuf>,
    /// How many operations wait for a person because they were at work.
    pub parked: u64,
}

impl Store {
    /// Writes a consistent copy of the database to a new file, while it is
    /// being used. The copy is one self-contained file, complete or not there.
    ///
    /// # Errors
    /// `Refused` when `to` exists; `Full`; when either file can't be used.
    pub async fn backup(&self, to: &Path) -> Result<()> {
        if to.symlink_metadata().is_ok() {
            return Err(exists(to));
        }
        let partial = beside(to, ".partial");
        // What an earlier, killed backup left.
        let _ = std::fs::remove_file(&partial);
        let result = self.copy_to(&partial).await.and_then(|()| {
            // A hard link, unlike a rename, never replaces what somebody has put there.
            std::fs::hard_link(&partial, to).map_err(|error| match error.kind() {
                std::io::ErrorKind::AlreadyExists => exists(to),
                _ => Error::io(format_args!("make {}", to.display()), error),
            })
        });
        let _ = std::fs::remove_file(&partial);
        result.and_then(|()| sync_directory(to))
    }

    async fn copy_to(&self, partial: &Path) -> Result<()> {
        let doing = || format!("write {}", partial.display());
        // Made here so that nobody else can read it; SQLite takes an empty file as it is.
        let file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(partial)
            .map_err(|error| Error::io(doing(), error))?;
        let Some(target) = partial.to_str() else {
            return Err(Error::refused(format!("{} is not valid UTF-8", partial.display())));
        };
        let vacuum = sqlx::query("VACUUM INTO $1").bind(target.to_owned());
        let copied = match &self.inner.file {
            // A connection of its own: readers may not write, and writers are not held up.
            Some(path) => {
                let mut connection = connect_options(path).connect().await.map_err(Error::from)?;
                let copied = vacuum.execute(&mut connection).await;
                connection.close().await.map_err(Error::from)?;
                copied
            }
            None => vacuum.execute(&self.inner.writer).await,
        };
        copied.map_err(|error| named(partial, error.into()))?;
        file.sync_all().map_err(|error| Error::io(doing(), error))
    }

    /// Puts a backup in the place of `data_file`, whose server is stopped. The
    /// former file is kept beside it as `….before-restore`. Operations that
    /// were at work when the backup was made wait for a person, as of `now`.
    ///
    /// # Errors
    /// `Refused` while a server has the file open, or when the backup is not
    /// Hostler's or of a newer version; `Corrupt` when it is damaged. The
    /// former file stays where it is then.
    pub async fn restore(backup: &Path, data_file: &Path, now: Timestamp) -> Result<Restored> {
        let lock = lock(data_file)?;
        let copy = beside(data_file, ".restoring");
        remove_database(&copy);
        let prepared = match copy_file(backup, &copy) {
            Ok(()) => prepare(&copy, now).await.map_err(|error| blamed(backup, &error)),
            Err(error) => Err(error),
        };
        let result = match prepared {
            Ok(parked) => put_in_place(&copy, data_file)
                .await
                .map(|kept_aside| Restored { kept_aside, parked }),
            Err(error) => Err(error),
        };
        if result.is_err() {
            remove_database(&copy);
        }
        drop(lock);
        result
    }
}

fn exists(path: &Path) -> Error {
    Error::refused(format!("{} exists and is not overwritten", path.display()))
}

/// An error that names the backup, not the copy that was looked at.
fn blamed(backup: &Path, error: &Error) -> Error {
    let message = format!("cannot restore {}: {error}", backup.display());
    Error::new(error.kind().clone(), message)
}

/// Copies the backup to the data's own file system; the backup itself is only
/// read.
fn copy_file(backup: &Path, copy: &Path) -> Result<()> {
    let mut from = File::open(backup)
        .map_err(|error| Error::io(format_args!("open {}", backup.display()), error))?;
    let doing = || format!("write {}", copy.display());
    let mut to = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(copy)
        .map_err(|error| Error::io(doing(), error))?;
    std::io::copy(&mut from, &mut to).map_err(|error| Error::io(doing(), error))?;
    to.sync_all().map_err(|error| Error::io(doing(), error))
}

/// Checks a copy thoroughly, brings its schema up to date and makes it safe to
/// start from.
async fn prepare(copy: &Path, now: Timestamp) -> Result<u64> {
    // One file while it is moved about: no write-ahead log beside it.
    let options = connect_options(copy).journal_mode(SqliteJournalMode::Delete);
    let mut connection = options.connect().await.map_err(Error::from)?;
    full_check(&mut connection).await?;
    if schema::check(&mut connection).await? == 0 {
        return Err(Error::refused("it is an empty database"));
    }
    connection.close().await.map_err(Error::from)?;

    // Opened as a store of its own from here on, so that the rules are those of every store.
    let store = Store::open_with(copy, &Options { max_bytes: None, reserve_bytes: 0 }).await?;
    let mut tx = store.write().await?;
    let parked = park_unfinished(&mut tx, now).await?;
    start_new_count(&mut tx).await?;
    tx.commit().await?;
    store.close().await;

    let mut connection = options.connect().await.map_err(Error::from)?;
    sqlx::query("PRAGMA journal_mode = DELETE")
        .execute(&mut connection)
        .await
        .map_err(Error::from)?;
    connection.close().await.map_err(Error::from)?;
    File::open(copy)
        .and_then(|file| file.sync_all())
        .map_err(|error| Error::io(format_args!("sync {}", copy.display()), error))?;
    Ok(parked)
}

/// Numbers that clients have seen after the backup was made are not given
/// again, and may not be resumed from.
async fn start_new_count(tx: &mut Connection) -> Result<()> {
    let take = query(statements::COUNTER_TAKE).bind("event").bind(EVENT_JUMP);
    let last = row::int(&tx.one(take).await?, "value")?;
    tx.execute(query(statements::COUNTER_SET).bind("event_floor").bind(last)).await?;
    Ok(())
}

/// Moves the former file aside and the copy into its place.
async fn put_in_place(copy: &Path, data_file: &Path) -> Result<Option<PathBuf>> {
    let kept_aside = if data_file.symlink_metadata().is_ok() {
        // What its log still holds goes into the file first, so that a crash between the
        // steps below can't part the two. A damaged file is kept as it is.
        if let Ok(mut connection) = connect_options(data_file).connect().await {
            let _ = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await;
            let _ = connection.close().await;
        }
        let aside = free_name(&beside(data_file, ".before-restore"))?;
        for suffix in ["-wal", "-shm"] {
            move_aside(&beside(data_file, suffix), &beside(&aside, suffix))?;
        }
        // A second name rather than a rename: at no moment is there no file under the name
        // that a server opens, or it would begin with an empty database.
        if std::fs::hard_link(data_file, &aside).is_err() {
            move_aside(data_file, &aside)?;
        }
        Some(aside)
    } else {
        None
    };
    std::fs::rename(copy, data_file)
        .map_err(|error| Error::io(format_args!("rename {}", copy.display()), error))?;
    let _ = std::fs::remove_file(beside(copy, ".lock"));
    sync_directory(data_file)?;
    Ok(kept_aside)
}

/// Renames a file, if it is there.
fn move_aside(from: &Path, to: &Path) -> Result<()> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io(format_args!("rename {}", from.display()), error))
        }
        _ => Ok(()),
    }
}

/// The first of `name`, `name.1`, `name.2` … that is not taken.
fn free_name(name: &Path) -> Result<PathBuf> {
    std::iter::once(name.to_owned())
        .chain((1..1000).map(|number| beside(name, &format!(".{number}"))))
        .find(|path| path.symlink_metadata().is_err())
        .ok_or_else(|| {
            Error::new(
                StoreErrorKind::Refused,
                format!("there are too many files named {}…; remove some", name.display()),
            )
        })
}

/// Removes a half-made copy with everything beside it.
fn remove_database(path: &Path) {
    for suffix in ["", "-wal", "-shm", "-journal", ".lock"] {
        let _ = std::fs::remove_file(beside(path, suffix));
    }
}
