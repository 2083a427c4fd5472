//! API tokens: who they stand for and the hash of each secret. The secret
//! itself is shown once and kept nowhere.

use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::access::Role;
use hostler_core::id::TokenId;
use sqlx::sqlite::SqliteRow;

use crate::connection::query;
use crate::error::{Conflict, Error, Result};
use crate::{Store, row, statements};

/// How exactly the last use is known. Each note is a write that waits for the
/// disk, and a scraper uses its token every few seconds.
const TOUCH_EVERY: Duration = Duration::from_secs(60);

/// An API token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// Its identity, not its secret.
    pub id: TokenId,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// SHA-256 of its secret.
    pub secret_sha256: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// When it ends; `None`: never.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to within a minute; `None`: never.
    pub last_used_at: Option<Timestamp>,
    /// Whether it was taken back.
    pub revoked: bool,
}

impl TokenRow {
    /// Whether it opens anything at `now`.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        !self.revoked && self.expires_at.is_none_or(|end| now < end)
    }
}

impl Store {
    /// Every token, oldest first, revoked and expired ones too.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn tokens(&self) -> Result<Vec<TokenRow>> {
        let rows = self.read().await?.all(query(statements::TOKENS)).await?;
        rows.iter().map(read).collect()
    }

    /// The token whose secret has this hash; ask it whether it is valid.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn token_by_hash(&self, secret_sha256: &[u8; 32]) -> Result<Option<TokenRow>> {
        let query = query(statements::TOKEN_BY_HASH).bind(secret_sha256.to_vec());
        self.read().await?.optional(query).await?.as_ref().map(read).transpose()
    }

    /// Keeps a new token. Its name is what its holder acts under, so no other that is
    /// valid when this one is made has it.
    ///
    /// # Errors
    /// `Conflict::TokenExists` when the name is taken; when the database can't be
    /// written; `Full`.
    pub async fn insert_token(&self, token: &TokenRow) -> Result<()> {
        let mut tx = self.write_growing().await?;
        let named = query(statements::TOKEN_BY_NAME)
            .bind(token.name.clone())
            .bind(token.created_at.as_micros());
        if tx.optional(named).await?.is_some() {
            let message = format!("a token named {:?} is in use", token.name);
            return Err(Error::conflict(Conflict::TokenExists, message));
        }
        let insert = query(statements::TOKEN_INSERT)
            .bind(token.id.to_string())
            .bind(token.name.clone())
            .bind(token.role.as_str())
            .bind(token.secret_sha256.to_vec())
            .bind(token.created_at.as_micros())
            .bind(token.created_by.clone())
            .bind(token.expires_at.map(Timestamp::as_micros))
            .bind(token.last_used_at.map(Timestamp::as_micros))
            .bind(i64::from(token.revoked));
        tx.execute(insert).await?;
        tx.commit().await
    }

    /// Notes that a token was used. Writes at most once a minute.
    ///
    /// # Errors
    /// When the database can't be written; the request need not fail for it.
    pub async fn touch_token(&self, id: TokenId, now: Timestamp) -> Result<()> {
        let mut tx = self.write().await?;
        let touch = query(statements::TOKEN_TOUCH)
            .bind(id.to_string())
            .bind(now.as_micros())
            .bind(now.minus(TOUCH_EVERY).as_micros());
        if tx.execute(touch).await? == 0 {
            return Ok(()); // dropped without a commit: nothing waits for the disk
        }
        tx.commit().await
    }

    /// Takes a token back; tells whether it was there and not revoked before.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn revoke_token(&self, id: TokenId) -> Result<bool> {
        let mut tx = self.write().await?;
        let revoked = tx.execute(query(statements::TOKEN_REVOKE).bind(id.to_string())).await?;
        tx.commit().await?;
        Ok(revoked > 0)
    }
}

fn read(row: &SqliteRow) -> Result<TokenRow> {
    Ok(TokenRow {
        id: row::parsed(row, "id")?,
        name: row::text(row, "name")?,
        role: row::word(row, "role", Role::parse)?,
        secret_sha256: row::hash(row, "secret_sha256")?,
        created_at: row::time(row, "created_at")?,
        created_by: row::text(row, "created_by")?,
        expires_at: row::optional_time(row, "expires_at")?,
        last_used_at: row::optional_time(row, "last_used_at")?,
        revoked: row::int(row, "revoked")? != 0,
    })
}
