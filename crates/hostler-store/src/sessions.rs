//! Browser sessions and the one-time codes of login links: hashes only, so that
//! a stolen backup opens nothing.

use hostler_core::Timestamp;
use hostler_core::access::Role;
use sqlx::sqlite::SqliteRow;

use crate::connection::query;
use crate::error::Result;
use crate::{Store, row, statements};

/// A browser session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// SHA-256 of the cookie's value.
    pub id_sha256: [u8; 32],
    /// Who it stands for, as audit records name it.
    pub actor: String,
    /// What it may do.
    pub role: Role,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Store {
    /// The session of this hash, unless it has ended.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn session(
        &self,
        id_sha256: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<SessionRow>> {
        let query = query(statements::SESSION).bind(id_sha256.to_vec()).bind(now.as_micros());
        self.read().await?.optional(query).await?.as_ref().map(read).transpose()
    }

    /// Keeps a new session.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn insert_session(&self, session: &SessionRow) -> Result<()> {
        let mut tx = self.write().await?;
        let insert = query(statements::SESSION_INSERT)
            .bind(session.id_sha256.to_vec())
            .bind(session.actor.clone())
            .bind(session.role.as_str())
            .bind(session.created_at.as_micros())
            .bind(session.expires_at.as_micros());
        tx.execute(insert).await?;
        tx.commit().await
    }

    /// Lets a session end later; tells whether there was one.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn extend_session(
        &self,
        id_sha256: &[u8; 32],
        expires_at: Timestamp,
    ) -> Result<bool> {
        let mut tx = self.write().await?;
        let extend =
            query(statements::SESSION_EXTEND).bind(id_sha256.to_vec()).bind(expires_at.as_micros());
        let extended = tx.execute(extend).await?;
        tx.commit().await?;
        Ok(extended > 0)
    }

    /// Ends a session; tells whether there was one.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn delete_session(&self, id_sha256: &[u8; 32]) -> Result<bool> {
        let mut tx = self.write().await?;
        let delete = query(statements::SESSION_DELETE).bind(id_sha256.to_vec());
        let gone = tx.execute(delete).await?;
        tx.commit().await?;
        Ok(gone > 0)
    }

    /// Forgets sessions and login codes that have ended; tells how many.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn delete_expired_sessions(&self, now: Timestamp) -> Result<u64> {
        let mut tx = self.write().await?;
        let sessions = tx.execute(query(statements::SESSIONS_EXPIRE).bind(now.as_micros())).await?;
        let codes = tx.execute(query(statements::LOGIN_CODES_EXPIRE).bind(now.as_micros())).await?;
        tx.commit().await?;
        Ok(sessions + codes)
    }

    /// Keeps the hash of a login code that can be used once before `expires_at`.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn insert_login_code(
        &self,
        code_sha256: &[u8; 32],
        expires_at: Timestamp,
    ) -> Result<()> {
        let mut tx = self.write().await?;
        let insert = query(statements::LOGIN_CODE_INSERT)
            .bind(code_sha256.to_vec())
            .bind(expires_at.as_micros());
        tx.execute(insert).await?;
        tx.commit().await
    }

    /// Uses a login code: true for exactly one of those who try, and only
    /// before it ends.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn consume_login_code(&self, code_sha256: &[u8; 32], now: Timestamp) -> Result<bool> {
        let mut tx = self.write().await?;
        let consume =
            query(statements::LOGIN_CODE_CONSUME).bind(code_sha256.to_vec()).bind(now.as_micros());
        let used = tx.execute(consume).await?;
        tx.commit().await?;
        Ok(used > 0)
    }
}

fn read(row: &SqliteRow) -> Result<SessionRow> {
    Ok(SessionRow {
        id_sha256: row::hash(row, "id_sha256")?,
        actor: row::text(row, "actor")?,
        role: row::word(row, "role", Role::parse)?,
        created_at: row::time(row, "created_at")?,
        expires_at: row::time(row, "expires_at")?,
    })
}
