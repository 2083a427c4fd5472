//! A connection at work: the one door through which statements reach SQLite.
//!
//! Here damage is noticed: after the first error that says the file or the disk
//! can't be trusted, the whole store stops writing.

use std::sync::Arc;

use sqlx::pool::PoolConnection;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Sqlite, Transaction};

use crate::error::{Error, Result, StoreErrorKind};
use crate::statements::Statement;
use crate::{Inner, row};

/// A statement with its values.
pub(crate) type Bound = Query<'static, Sqlite, SqliteArguments>;

/// A statement of the register, ready to take values.
pub(crate) fn query(statement: Statement) -> Bound {
    sqlx::query(statement.sql())
}

enum Access {
    Read(PoolConnection<Sqlite>),
    /// Reads in a transaction; there is nothing in it to be kept.
    Snapshot(Transaction<'static, Sqlite>),
    Write(Transaction<'static, Sqlite>),
}

/// A connection: for reading, or with a transaction open.
pub(crate) struct Connection {
    access: Access,
    inner: Arc<Inner>,
}

impl Connection {
    /// Begins a change; SQLite's write lock is taken at once, so that a change
    /// never fails half-way because somebody else wrote first.
    pub(crate) async fn begin(inner: &Arc<Inner>) -> Result<Self> {
        let transaction = inner
            .writer
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(|error| noticed(inner, error))?;
        Ok(Self { access: Access::Write(transaction), inner: Arc::clone(inner) })
    }

    /// A connection to read with.
    pub(crate) async fn acquire(inner: &Arc<Inner>) -> Result<Self> {
        let connection = inner.reader.acquire().await.map_err(|error| noticed(inner, error))?;
        Ok(Self { access: Access::Read(connection), inner: Arc::clone(inner) })
    }

    /// A connection to read with, for which the database stays as it is now.
    pub(crate) async fn snapshot(inner: &Arc<Inner>) -> Result<Self> {
        let transaction = inner.reader.begin().await.map_err(|error| noticed(inner, error))?;
        Ok(Self { access: Access::Snapshot(transaction), inner: Arc::clone(inner) })
    }

    fn raw(&mut self) -> &mut SqliteConnection {
        match &mut self.access {
            Access::Read(connection) => connection,
            Access::Snapshot(transaction) | Access::Write(transaction) => transaction,
        }
    }

    /// Runs a statement and tells how many rows it touched.
    pub(crate) async fn execute(&mut self, query: Bound) -> Result<u64> {
        let result = query.execute(self.raw()).await;
        Ok(result.map_err(|error| noticed(&self.inner, error))?.rows_affected())
    }

    /// Runs a statement and gives all its rows.
    pub(crate) async fn all(&mut self, query: Bound) -> Result<Vec<SqliteRow>> {
        query.fetch_all(self.raw()).await.map_err(|error| noticed(&self.inner, error))
    }

    /// Runs a statement and gives its row, if there is one.
    pub(crate) async fn optional(&mut self, query: Bound) -> Result<Option<SqliteRow>> {
        query.fetch_optional(self.raw()).await.map_err(|error| noticed(&self.inner, error))
    }

    /// Runs a statement that always has a row.
    pub(crate) async fn one(&mut self, query: Bound) -> Result<SqliteRow> {
        self.optional(query).await?.ok_or_else(|| Error::bug("a row that is always there is not"))
    }

    /// Runs a statement whose only column is a count called `count`.
    pub(crate) async fn count(&mut self, query: Bound) -> Result<u64> {
        row::unsigned(&self.one(query).await?, "count")
    }

    /// Keeps what was changed: when this returns, it survives a power cut.
    pub(crate) async fn commit(self) -> Result<()> {
        match self.access {
            Access::Read(_) | Access::Snapshot(_) => {
                Err(Error::bug("a reading connection has nothing to commit"))
            }
            Access::Write(transaction) => {
                transaction.commit().await.map_err(|error| noticed(&self.inner, error))
            }
        }
    }
}

/// Sorts an error, and stops all writing when the file can't be trusted.
fn noticed(inner: &Inner, error: sqlx::Error) -> Error {
    let error = Error::from(error);
    if *error.kind() == StoreErrorKind::Corrupt {
        let file = inner.file.as_ref().map(|path| path.display().to_string());
        let why = format!(
            "{error} ({}); stop the server, look at the disk and restore the latest backup",
            file.as_deref().unwrap_or("in memory"),
        );
        // The first reason is the one that matters.
        let _ = inner.broken.set(why);
    }
    error
}
