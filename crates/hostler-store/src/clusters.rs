//! What is kept of clusters beside their providers' rows: the secret they are reached by,
//! sealed, and what administrators say of their hardware.
//!
//! The store neither seals nor opens: the key is not in the database (ADR 26).

use std::collections::BTreeMap;
use std::fmt;

use hostler_core::Timestamp;
use hostler_core::id::ProviderId;
use sqlx::sqlite::SqliteRow;

use crate::connection::{Bound, query};
use crate::error::{Conflict, Error, Missing, Result};
use crate::providers::values;
use crate::{NewEvent, ProviderRow, Store, StoredEvent, events, row, statements};

/// What a provider is reached by, sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedSecret {
    /// The key that it is sealed by.
    pub key_id: String,
    /// The sealed bytes.
    pub sealed: Vec<u8>,
    /// Who gave it.
    pub given_by: String,
    /// When.
    pub given_at: Timestamp,
}

impl fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key_id, sealed, given_by, given_at } = self;
        f.debug_struct("SealedSecret")
            .field("key_id", key_id)
            .field("bytes", &sealed.len())
            .field("given_by", given_by)
            .field("given_at", given_at)
            .finish()
    }
}

impl Store {
    /// The secret of a provider, where it has one.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn provider_secret(&self, id: ProviderId) -> Result<Option<SealedSecret>> {
        let query = query(statements::PROVIDER_SECRET).bind(id.to_string());
        self.read().await?.optional(query).await?.as_ref().map(read).transpose()
    }

    /// The keys that secrets are sealed by, each once.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn secret_key_ids(&self) -> Result<Vec<String>> {
        let rows = self.read().await?.all(query(statements::PROVIDER_SECRET_KEYS)).await?;
        rows.iter().map(|row| row::text(row, "key_id")).collect()
    }

    /// Adds a provider with its secret, and tells what happened in `public`.
    ///
    /// # Errors
    /// `Conflict::ProviderExists` when the name is taken; `Full`.
    pub async fn insert_provider_with_secret(
        &self,
        provider: &ProviderRow,
        secret: &SealedSecret,
        public: &[NewEvent],
    ) -> Result<Vec<StoredEvent>> {
        let mut tx = self.write_growing().await?;
        if tx.execute(values(statements::PROVIDER_INSERT, provider)).await? == 0 {
            let message = format!("a provider named {:?} exists", provider.name);
            return Err(Error::conflict(Conflict::ProviderExists, message));
        }
        tx.execute(sealed(provider.id, secret)).await?;
        let stored = events::insert(&mut tx, public).await?;
        tx.commit().await?;
        Ok(stored)
    }

    /// Gives a provider another secret, and the address that goes with it.
    ///
    /// # Errors
    /// `NotFound`; when the database can't be written.
    pub async fn replace_provider_secret(
        &self,
        id: ProviderId,
        uri: &str,
        secret: &SealedSecret,
        public: &[NewEvent],
    ) -> Result<Vec<StoredEvent>> {
        let mut tx = self.write().await?;
        let readdress =
            query(statements::PROVIDER_SET_URI).bind(id.to_string()).bind(uri.to_owned());
        if tx.execute(readdress).await? == 0 {
            return Err(Error::missing(Missing::Provider, id));
        }
        tx.execute(sealed(id, secret)).await?;
        let stored = events::insert(&mut tx, public).await?;
        tx.commit().await?;
        Ok(stored)
    }

    /// What administrators say of clusters' hardware.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn declared_hardware(&self) -> Result<BTreeMap<ProviderId, BTreeMap<String, bool>>> {
        let rows = self.read().await?.all(query(statements::DECLARED_HARDWARE)).await?;
        let mut all: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for one in &rows {
            let (id, name) = (row::parsed(one, "provider_id")?, row::text(one, "name")?);
            let is_there = row::int(one, "is_there")? != 0;
            all.entry(id).or_default().insert(name, is_there);
        }
        Ok(all)
    }

    /// Replaces what is said of a cluster's hardware.
    ///
    /// # Errors
    /// `NotFound` when there is no such provider; `Full`.
    pub async fn declare_hardware(
        &self,
        id: ProviderId,
        hardware: &BTreeMap<String, bool>,
        public: &[NewEvent],
    ) -> Result<Vec<StoredEvent>> {
        let mut tx = self.write_growing().await?;
        if tx.optional(query(statements::PROVIDER).bind(id.to_string())).await?.is_none() {
            return Err(Error::missing(Missing::Provider, id));
        }
        tx.execute(query(statements::HARDWARE_FORGET).bind(id.to_string())).await?;
        for (name, is_there) in hardware {
            let declare = query(statements::HARDWARE_DECLARE)
                .bind(id.to_string())
                .bind(name.clone())
                .bind(i64::from(*is_there));
            tx.execute(declare).await?;
        }
        let stored = events::insert(&mut tx, public).await?;
        tx.commit().await?;
        Ok(stored)
    }
}

fn sealed(id: ProviderId, secret: &SealedSecret) -> Bound {
    query(statements::PROVIDER_SECRET_SET)
        .bind(id.to_string())
        .bind(secret.key_id.clone())
        .bind(secret.sealed.clone())
        .bind(secret.given_by.clone())
        .bind(secret.given_at.as_micros())
}

fn read(row: &SqliteRow) -> Result<SealedSecret> {
    Ok(SealedSecret {
        key_id: row::text(row, "key_id")?,
        sealed: row::blob(row, "sealed")?,
        given_by: row::text(row, "given_by")?,
        given_at: row::time(row, "given_at")?,
    })
}
