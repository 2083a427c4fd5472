//! What happened, for people and subscribers: numbered, durable, resumable.
//!
//! The numbers come from a row that every writer has to change, so they are
//! given in the order of commits: who has seen event 6 has seen everything
//! before it.

use hostler_core::Timestamp;
use serde_json::Value;
use sqlx::sqlite::SqliteRow;

use crate::connection::{Connection, query};
use crate::error::Result;
use crate::{Store, row, statements};

/// Something that happened, not yet numbered.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// When.
    pub at: Timestamp,
    /// What, for example `vm.created`.
    pub kind: String,
    /// The kind of thing it happened to, for example `vm`.
    pub resource_kind: Option<String>,
    /// That thing's id.
    pub resource_id: Option<String>,
    /// That thing's name at the time.
    pub resource_name: Option<String>,
    /// One line for people.
    pub message: String,
    /// More, by kind of event; `null` for nothing.
    pub data: Value,
}

/// Something that happened, with its number.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvent {
    /// Grows by every event, and is never given twice.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// What, for example `vm.created`.
    pub kind: String,
    /// The kind of thing it happened to, for example `vm`.
    pub resource_kind: Option<String>,
    /// That thing's id.
    pub resource_id: Option<String>,
    /// That thing's name at the time.
    pub resource_name: Option<String>,
    /// One line for people.
    pub message: String,
    /// More, by kind of event; `null` for nothing.
    pub data: Value,
}

/// Which events; everything that is not given does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// A kind, or with `.*` at its end a family of kinds.
    pub kind: Option<String>,
    /// The id of what it happened to.
    pub resource: Option<String>,
}

impl NewEvent {
    fn numbered(&self, seq: u64) -> StoredEvent {
        let event = self.clone();
        StoredEvent {
            seq,
            at: event.at,
            kind: event.kind,
            resource_kind: event.resource_kind,
            resource_id: event.resource_id,
            resource_name: event.resource_name,
            message: event.message,
            data: event.data,
        }
    }
}

impl Store {
    /// Keeps events, and tells their numbers.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn append_events(&self, events: &[NewEvent]) -> Result<Vec<StoredEvent>> {
        let mut tx = self.write().await?;
        let stored = insert(&mut tx, events).await?;
        tx.commit().await?;
        Ok(stored)
    }

    /// At most `limit` events after number `seq`, oldest first.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn events_after(&self, seq: u64, limit: u32) -> Result<Vec<StoredEvent>> {
        let query = query(statements::EVENTS_AFTER).bind(row::to_int(seq)).bind(i64::from(limit));
        self.read().await?.all(query).await?.iter().map(read).collect()
    }

    /// At most `limit` events before number `before`, or of all, newest first.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn events_before(
        &self,
        before: Option<u64>,
        filter: &EventFilter,
        limit: u32,
    ) -> Result<Vec<StoredEvent>> {
        let (kind, family) = match filter.kind.as_deref() {
            // The dot stays: `vm.*` is not to take `vmware.added`.
            Some(kind) if kind.ends_with(".*") => (None, kind.strip_suffix('*').map(str::to_owned)),
            kind => (kind.map(str::to_owned), None),
        };
        let query = query(statements::EVENTS_BEFORE)
            .bind(before.map_or(i64::MAX, row::to_int))
            .bind(kind)
            .bind(family)
            .bind(filter.resource.clone())
            .bind(i64::from(limit));
        self.read().await?.all(query).await?.iter().map(read).collect()
    }

    /// The number of the oldest event that is kept and may be resumed from, and
    /// of the latest that was given: who has seen `first - 1` or later misses
    /// nothing. `(last + 1, last)` when none is kept.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn first_and_last_seq(&self) -> Result<(u64, u64)> {
        let row = self.read().await?.one(query(statements::EVENT_FIRST_AND_LAST)).await?;
        let last = row::unsigned(&row, "issued")?;
        let oldest = match row::optional_int(&row, "oldest")? {
            Some(seq) => u64::try_from(seq).unwrap_or(0),
            None => last + 1,
        };
        // After a restore, old numbers mean another history: see `backup`.
        Ok((oldest.max(row::unsigned(&row, "floor")? + 1), last))
    }

    /// Forgets all but the latest `keep` numbers' events; tells how many went.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn trim_events(&self, keep: u64) -> Result<u64> {
        let mut tx = self.write().await?;
        let last =
            row::unsigned(&tx.one(query(statements::COUNTER).bind("event")).await?, "value")?;
        let upto = row::to_int(last.saturating_sub(keep));
        let gone = tx.execute(query(statements::EVENTS_TRIM).bind(upto)).await?;
        tx.commit().await?;
        Ok(gone)
    }
}

/// Numbers and keeps events as part of a change.
pub(crate) async fn insert(tx: &mut Connection, events: &[NewEvent]) -> Result<Vec<StoredEvent>> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let count = events.len() as u64;
    let take = query(statements::COUNTER_TAKE).bind("event").bind(row::to_int(count));
    let last = row::unsigned(&tx.one(take).await?, "value")?;
    let mut stored = Vec::with_capacity(events.len());
    for (event, seq) in events.iter().zip(last - count + 1..) {
        let insert = query(statements::EVENT_INSERT)
            .bind(row::to_int(seq))
            .bind(event.at.as_micros())
            .bind(event.kind.clone())
            .bind(event.resource_kind.clone())
            .bind(event.resource_id.clone())
            .bind(event.resource_name.clone())
            .bind(event.message.clone())
            .bind(event.data.to_string());
        tx.execute(insert).await?;
        stored.push(event.numbered(seq));
    }
    Ok(stored)
}

fn read(row: &SqliteRow) -> Result<StoredEvent> {
    Ok(StoredEvent {
        seq: row::unsigned(row, "seq")?,
        at: row::time(row, "at")?,
        kind: row::text(row, "kind")?,
        resource_kind: row::optional_text(row, "resource_kind")?,
        resource_id: row::optional_text(row, "resource_id")?,
        resource_name: row::optional_text(row, "resource_name")?,
        message: row::text(row, "message")?,
        data: row::json(row, "data")?,
    })
}
