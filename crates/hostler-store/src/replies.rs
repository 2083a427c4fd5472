//! Replies to requests that are not operations, kept by Idempotency-Key so that
//! a client that lost the answer gets the same one again.
//!
//! Replies are kept as they were sent: one that holds a secret must not be
//! given here.

use hostler_core::Timestamp;

use crate::connection::{Connection, query};
use crate::error::Result;
use crate::operations::{IdempotencyKey, KeyHolder, key_holder, key_mismatch};
use crate::{Store, row, statements};

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body, as it was sent.
    pub body: String,
}

impl Store {
    /// What was answered under this key, if anything was.
    ///
    /// # Errors
    /// `Conflict::IdempotencyMismatch` when the key stands for another request.
    pub async fn reply(&self, actor: &str, key: &IdempotencyKey) -> Result<Option<Reply>> {
        find(&mut self.read().await?, actor, key).await
    }

    /// Keeps what was answered under this key. If something was kept meanwhile,
    /// that stays and is returned: send that.
    ///
    /// # Errors
    /// `Conflict::IdempotencyMismatch` when the key stands for another request.
    pub async fn put_reply(
        &self,
        actor: &str,
        key: &IdempotencyKey,
        reply: &Reply,
        now: Timestamp,
    ) -> Result<Reply> {
        let mut tx = self.write().await?;
        let insert = query(statements::IDEMPOTENCY_REPLY_INSERT)
            .bind(actor.to_owned())
            .bind(key.key.clone())
            .bind(key.body_hash.to_vec())
            .bind(i64::from(reply.status))
            .bind(reply.body.clone())
            .bind(now.as_micros());
        tx.execute(insert).await?;
        let kept = find(&mut tx, actor, key).await?;
        tx.commit().await?;
        Ok(kept.unwrap_or_else(|| reply.clone()))
    }

    /// Forgets replies given before `before`; tells how many. Keys of
    /// operations stay as long as their operation.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn delete_replies_before(&self, before: Timestamp) -> Result<u64> {
        let mut tx = self.write().await?;
        let forget = query(statements::IDEMPOTENCY_REPLIES_FORGET).bind(before.as_micros());
        let gone = tx.execute(forget).await?;
        tx.commit().await?;
        Ok(gone)
    }
}

async fn find(
    connection: &mut Connection,
    actor: &str,
    key: &IdempotencyKey,
) -> Result<Option<Reply>> {
    match key_holder(connection, actor, key).await? {
        None => Ok(None),
        Some(KeyHolder::Reply(reply)) => Ok(Some(reply)),
        Some(KeyHolder::Operation(_)) => Err(key_mismatch(key)),
    }
}

/// Reads the reply of an idempotency row.
pub(crate) fn read(row: &sqlx::sqlite::SqliteRow) -> Result<Reply> {
    Ok(Reply {
        status: u16::try_from(row::int(row, "status")?).unwrap_or(500),
        body: row::text(row, "body")?,
    })
}
