//! What Hostler keeps: operations with their journals, the VMs that were asked
//! for, identities of what was found, events, images, providers, tokens and
//! settings. The only crate that knows SQL. And what was measured, which is not in
//! SQLite: see [`history`], which is a store of its own.
//!
//! One SQLite file, written by one process at a time (a lock beside the file
//! sees to that), by one connection (the writer), and read by a few others. WAL
//! with `synchronous=FULL`: what a call has answered survives `kill -9` and a
//! power cut. State, event, idempotency key and claim of one decision are
//! written in one transaction or not at all.
//!
//! | to learn about | read |
//! |---|---|
//! | the tables | `migrations/`, their sum in `schema.sql` |
//! | every SQL statement | `statements/` |
//! | how a file is opened, and what is refused | `open.rs` |
//! | one writer per resource, journals, leases | `operations/` |
//! | backup and restore | `backup.rs` |
//!
//! **A dropped future decides nothing.** When the future of a writing call is
//! dropped, the change is either made completely or not at all, and nobody is
//! told which: callers that care let it run to its end.

mod adoptions;
mod alerts;
mod backup;
mod clusters;
mod connection;
mod error;
mod events;
pub mod history;
mod images;
mod migrations;
mod open;
mod operations;
mod providers;
mod replies;
mod resources;
mod row;
mod schema;
mod sessions;
mod settings;
mod statements;
mod templates;
mod tokens;
mod vms;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use sqlx::SqlitePool;

use connection::Connection;

pub use adoptions::IgnoredVm;
pub use alerts::{
    AlertChange, AlertChangeFilter, AlertChangeRow, AlertEffect, ChangeTold, EndedAlert,
    NOTICES_MAX, NewAlertChange, StoredAlerts, WaitingNotice,
};
pub use backup::Restored;
pub use clusters::SealedSecret;
pub use error::{Conflict, Error, Missing, Result, StoreErrorKind};
pub use events::{EventFilter, NewEvent, StoredEvent};
pub use migrations::{KeptMigration, MIGRATIONS_PER_VM};
pub use open::Options;
pub use operations::{
    Append, Appended, AsRead, Effect, Epoch, IdempotencyKey, JournalEntry, Lease, NewOperation,
    NewVm, OperationFilter, OperationRow, Submitted, Tell,
};
pub use providers::ProviderRow;
pub use replies::Reply;
pub use resources::{Absence, Forgetting, ResourceKey, ResourceKind, ResourceRow};
pub use sessions::SessionRow;
pub use statements::portable_statements;
pub use templates::NewTemplateVersion;
pub use tokens::TokenRow;
pub use vms::VmRow;

/// The database. Clones are cheap and share it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    /// One connection: writers queue here rather than collide in SQLite.
    writer: SqlitePool,
    /// Connections that can't write. In memory it is the writer itself.
    reader: SqlitePool,
    /// Why nothing may be written any more, once that is so.
    broken: OnceLock<String>,
    /// Where the data lies; `None` in memory.
    file: Option<PathBuf>,
    /// Room on the file system that only operations at work may use, in bytes.
    reserve_bytes: u64,
    /// Held while the file is open, so that no second process opens it.
    lock: Mutex<Option<std::fs::File>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("file", &self.inner.file).finish_non_exhaustive()
    }
}

impl Store {
    /// Whether it can be written and read, by doing both: for readiness.
    ///
    /// # Errors
    /// What every write would end with at present.
    pub async fn check(&self) -> Result<()> {
        let mut tx = self.write().await?;
        let written: i64 = {
            let query = connection::query(statements::COUNTER_TAKE).bind("check").bind(1_i64);
            row::int(&tx.one(query).await?, "value")?
        };
        tx.commit().await?;
        let mut connection = self.read().await?;
        let query = connection::query(statements::COUNTER).bind("check");
        let read: i64 = row::int(&connection.one(query).await?, "value")?;
        if read >= written {
            Ok(())
        } else {
            Err(Error::corrupt(format!(
                "what was written ({written}) is not what is read ({read})"
            )))
        }
    }

    /// Ends all connections, after what they are doing, and lets another
    /// process open the file. Every later call of any clone is refused.
    pub async fn close(&self) {
        self.inner.reader.close().await;
        self.inner.writer.close().await;
        if let Ok(mut lock) = self.inner.lock.lock() {
            lock.take();
        }
    }

    /// Begins a change. Nothing is kept unless it is committed.
    async fn write(&self) -> Result<Connection> {
        if let Some(why) = self.inner.broken.get() {
            return Err(Error::corrupt(why.clone()));
        }
        Connection::begin(&self.inner).await
    }

    /// Begins a change that makes the database grow at a user's wish: refused
    /// while the room kept for operations at work is touched (F17).
    async fn write_growing(&self) -> Result<Connection> {
        open::check_reserve(self.inner.file.as_deref(), self.inner.reserve_bytes)?;
        self.write().await
    }

    /// A connection to read with.
    async fn read(&self) -> Result<Connection> {
        Connection::acquire(&self.inner).await
    }

    /// A connection to read several things of one moment with.
    async fn snapshot(&self) -> Result<Connection> {
        Connection::snapshot(&self.inner).await
    }
}
