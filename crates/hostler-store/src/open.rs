//! How a database file is opened, and what is refused instead of being opened.
//!
//! ```text
//!  lock ─► header ─► open (WAL, FULL) ─► quick_check ─► migrate ─► end old leases ─► ready
//!    │        │             │                 │            │
//!    ▼        ▼             ▼                 ▼            ▼
//!  another  not SQLite   no access          damaged     newer or edited schema
//! ```
//!
//! A damaged file is never used "as far as possible": the message names the
//! file and the way back (F16).

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use crate::connection::query;
use crate::error::{Error, Result, StoreErrorKind};
use crate::{Inner, Store, schema, statements};

/// How long a call waits for a connection before it is told that the database
/// does not answer.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long SQLite waits for a lock, for example of somebody's `sqlite3` shell.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections that read. WAL lets them work beside the writer.
const READERS: u32 = 4;

/// The first bytes of every SQLite file.
const HEADER: &[u8; 16] = b"SQLite format 3\0";

/// Limits of a database file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How large the file may become, in bytes; `None`: as large as the disk.
    pub max_bytes: Option<u64>,
    /// Room on the file system that only operations at work may use, in bytes,
    /// so that what has begun can be ended or undone on a full disk (F17).
    pub reserve_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_bytes: None, reserve_bytes: 32 << 20 }
    }
}

impl Store {
    /// Opens the database at `path`, makes it if there is none, and brings its
    /// schema up to date. Leases in it are ended: whoever held them is dead,
    /// since one process at a time opens the file.
    ///
    /// # Errors
    /// `Refused` when another process has it open, when it is not Hostler's or
    /// of a newer version; `Corrupt` when it is damaged; `Full`; `Unavailable`
    /// when it can't be read or written.
    pub async fn open(path: &Path) -> Result<Self> {
        Self::open_with(path, &Options::default()).await
    }

    /// As [`Store::open`], with limits.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_with(path: &Path, options: &Options) -> Result<Self> {
        let lock = lock(path)?;
        prepare_file(path)?;
        let named = |error| named(path, error);
        let mut connect = connect_options(path);
        if let Some(max_bytes) = options.max_bytes {
            connect = connect.pragma("max_page_count", (max_bytes / 4096).max(1).to_string());
        }
        let mut connection = connect.connect().await.map_err(|error| named(error.into()))?;
        quick_check(&mut connection).await.map_err(named)?;
        schema::migrate(&mut connection).await.map_err(named)?;
        query(statements::LEASES_END)
            .execute(&mut connection)
            .await
            .map_err(|error| named(error.into()))?;
        connection.close().await.map_err(|error| named(error.into()))?;

        let writer = pool(1).after_release(|connection, _| Box::pin(is_clean(connection)));
        let writer = writer.connect_with(connect.clone()).await;
        let writer = writer.map_err(|error| named(error.into()))?;
        let reader = pool(READERS).connect_with(connect.pragma("query_only", "ON")).await;
        let reader = reader.map_err(|error| named(error.into()))?;
        Ok(Self::new(writer, reader, Some(path.to_owned()), options.reserve_bytes, Some(lock)))
    }

    /// A database in memory, gone with its last clone: for tests and the demo.
    ///
    /// # Errors
    /// When there is no memory left.
    pub async fn in_memory() -> Result<Self> {
        // One connection for everything: each connection to memory would be a database of
        // its own.
        let options = SqliteConnectOptions::new().foreign_keys(true).disable_statement_logging();
        let pool = pool(1).connect_with(options).await?;
        schema::migrate(&mut *pool.acquire().await?).await?;
        Ok(Self::new(pool.clone(), pool, None, 0, None))
    }

    fn new(
        writer: SqlitePool,
        reader: SqlitePool,
        file: Option<PathBuf>,
        reserve_bytes: u64,
        lock: Option<File>,
    ) -> Self {
        let broken = OnceLock::new();
        let lock = Mutex::new(lock);
        Self { inner: Arc::new(Inner { writer, reader, broken, file, reserve_bytes, lock }) }
    }
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .min_connections(1)
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // A file does not go away as a server does: connections live as long as the store.
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

/// Whether the writer can be used again. When a disk is full, SQLite rolls back
/// by itself; the rollback that follows then fails, and sqlx goes on to count a
/// transaction that is not there, in which no other could ever begin. Such a
/// connection is replaced.
async fn is_clean(connection: &mut SqliteConnection) -> sqlx::Result<bool> {
    // After this, a rollback that was only asked for is done.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

/// How every connection to a file is opened.
pub(crate) fn connect_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        // NORMAL would lose the last transactions in a power cut.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("trusted_schema", "OFF")
        // A log that a long reader made grow does not keep its size for ever.
        .pragma("journal_size_limit", "67108864")
        .pragma("cell_size_check", "ON")
        .disable_statement_logging()
}

/// Puts the file's name and the remedy into an error.
pub(crate) fn named(path: &Path, error: Error) -> Error {
    let remedy = match error.kind() {
        StoreErrorKind::Corrupt => {
            "; restore the latest backup with `hostlerd restore`, which keeps this file aside"
        }
        StoreErrorKind::Full => "; make room on that disk",
        _ => "",
    };
    let told = format!("cannot use {}: {error}{remedy}", path.display());
    Error::new(error.kind().clone(), told).with_source(error)
}

/// Takes the lock that says who has the file open. It lies beside the file:
/// closing any handle on the file itself would drop SQLite's own locks.
pub(crate) fn lock(path: &Path) -> Result<File> {
    let beside = beside(path, ".lock");
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&beside)
        .map_err(|error| Error::io(format_args!("open {}", beside.display()), error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(Error::refused(format!(
            "{} is open in another process; stop that server first",
            path.display()
        ))),
        Err(std::fs::TryLockError::Error(error)) => {
            Err(Error::io(format_args!("lock {}", beside.display()), error))
        }
    }
}

/// The path with something appended to the file's name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Makes the file readable by its owner alone, made if it is not there, and
/// refuses what is not a database.
fn prepare_file(path: &Path) -> Result<()> {
    let doing = || format!("open {}", path.display());
    // Made here rather than by SQLite: it would be readable by others for a moment.
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|error| Error::io(doing(), error))?;
    let metadata = file.metadata().map_err(|error| Error::io(doing(), error))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        file.set_permissions(std::fs::Permissions::from_mode(0o600))
            .map_err(|error| Error::io(doing(), error))?;
    }
    if metadata.len() == 0 {
        return sync_directory(path);
    }
    let mut header = [0; HEADER.len()];
    let is_database = file.read_exact(&mut header).is_ok() && header == *HEADER;
    if is_database {
        Ok(())
    } else {
        let error = Error::corrupt("the file does not begin as a SQLite database does");
        Err(named(path, error))
    }
}

/// Makes the directory's entry for `path` survive a power cut.
pub(crate) fn sync_directory(path: &Path) -> Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(directory)
        .and_then(|handle| handle.sync_all())
        .map_err(|error| Error::io(format_args!("sync {}", directory.display()), error))
}

/// Looks for damage: every page's structure, not every index entry.
async fn quick_check(connection: &mut SqliteConnection) -> Result<()> {
    report(sqlx::query("PRAGMA quick_check(3)").fetch_all(connection).await?)
}

/// Looks for damage thoroughly: for files that come from elsewhere.
pub(crate) async fn full_check(connection: &mut SqliteConnection) -> Result<()> {
    report(sqlx::query("PRAGMA integrity_check(3)").fetch_all(&mut *connection).await?)?;
    let broken = sqlx::query("PRAGMA foreign_key_check").fetch_all(&mut *connection).await?;
    match broken.len() {
        0 => Ok(()),
        count => Err(Error::corrupt(format!("{count} rows refer to rows that are not there"))),
    }
}

fn report(rows: Vec<sqlx::sqlite::SqliteRow>) -> Result<()> {
    let lines: Vec<String> = rows.iter().filter_map(|row| row.try_get(0).ok()).collect();
    if lines == ["ok"] {
        return Ok(());
    }
    Err(Error::corrupt(format!("the database file is damaged: {}", lines.join("; "))))
}

/// Refuses growth while the file system has less room than is kept back.
pub(crate) fn check_reserve(file: Option<&Path>, reserve_bytes: u64) -> Result<()> {
    let Some(file) = file else { return Ok(()) };
    let doing = || format!("see how much room is left for {}", file.display());
    let stat = rustix::fs::statvfs(file).map_err(|error| Error::io(doing(), error.into()))?;
    let free_bytes = stat.f_bavail.saturating_mul(stat.f_frsize);
    if free_bytes >= reserve_bytes {
        return Ok(());
    }
    Err(Error::new(
        StoreErrorKind::Full,
        format!(
            "the disk that holds {} has {free_bytes} bytes left, of which {reserve_bytes} are \
             kept for operations at work",
            file.display()
        ),
    ))
}
