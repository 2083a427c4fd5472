//! The connections to places where VMs run, as they were configured.

use hostler_core::Timestamp;
use hostler_core::id::ProviderId;
use sqlx::sqlite::SqliteRow;

use crate::connection::query;
use crate::error::{Conflict, Error, Missing, Result};
use crate::{NewEvent, Store, StoredEvent, events, row, statements};

/// A configured provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderRow {
    /// Its identity.
    pub id: ProviderId,
    /// Its name, unique.
    pub name: String,
    /// Where it is; holds no secrets.
    pub uri: String,
    /// Whether the server's configuration names it, rather than somebody added
    /// it at run time.
    pub from_config: bool,
    /// When it was added.
    pub created_at: Timestamp,
}

impl Store {
    /// Every provider, by name.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn providers(&self) -> Result<Vec<ProviderRow>> {
        let rows = self.read().await?.all(query(statements::PROVIDERS)).await?;
        rows.iter().map(read).collect()
    }

    /// One provider.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn provider(&self, id: ProviderId) -> Result<Option<ProviderRow>> {
        let query = query(statements::PROVIDER).bind(id.to_string());
        self.read().await?.optional(query).await?.as_ref().map(read).transpose()
    }

    /// The provider of that name.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn provider_by_name(&self, name: &str) -> Result<Option<ProviderRow>> {
        let query = query(statements::PROVIDER_BY_NAME).bind(name.to_owned());
        self.read().await?.optional(query).await?.as_ref().map(read).transpose()
    }

    /// Adds a provider, and tells what happened in `public`.
    ///
    /// # Errors
    /// `Conflict::ProviderExists` when the name is taken; `Full`.
    pub async fn insert_provider(
        &self,
        provider: &ProviderRow,
        public: &[NewEvent],
    ) -> Result<Vec<StoredEvent>> {
        let mut tx = self.write_growing().await?;
        if tx.execute(values(statements::PROVIDER_INSERT, provider)).await? == 0 {
            let message = format!("a provider named {:?} exists", provider.name);
            return Err(Error::conflict(Conflict::ProviderExists, message));
        }
        let stored = events::insert(&mut tx, public).await?;
        tx.commit().await?;
        Ok(stored)
    }

    /// Adds a provider, or gives the one of that name a new address: how the
    /// configuration is taken over at start. Tells the row there is then, whose
    /// id and `created_at` are the earlier one's.
    ///
    /// # Errors
    /// `Conflict::ProviderExists` where one of that name is reached by a secret: with another
    /// address nobody could open that any more. When the database can't be written.
    pub async fn upsert_provider(&self, provider: &ProviderRow) -> Result<ProviderRow> {
        let mut tx = self.write().await?;
        let row = tx.one(values(statements::PROVIDER_UPSERT, provider)).await?;
        let kept = read(&row)?;
        let secret = query(statements::PROVIDER_SECRET).bind(kept.id.to_string());
        if tx.optional(secret).await?.is_some() {
            let message = format!("a cluster named {:?} is reached by a secret", provider.name);
            return Err(Error::conflict(Conflict::ProviderExists, message));
        }
        tx.commit().await?;
        Ok(kept)
    }

    /// Forgets a provider and the identities of what was found there. Nothing
    /// at the provider is touched.
    ///
    /// # Errors
    /// `Conflict::ProviderInUse` while VMs are managed there; `NotFound`.
    pub async fn delete_provider(
        &self,
        id: ProviderId,
        public: &[NewEvent],
    ) -> Result<Vec<StoredEvent>> {
        let mut tx = self.write().await?;
        let vms = tx.count(query(statements::VMS_OF_PROVIDER).bind(id.to_string())).await?;
        if vms > 0 {
            let message =
                format!("{vms} VMs are managed at this provider; delete or release them first");
            return Err(Error::conflict(Conflict::ProviderInUse { vms }, message));
        }
        tx.execute(query(statements::RESOURCES_FORGET).bind(id.to_string())).await?;
        tx.execute(query(statements::IGNORED_VMS_TIDY)).await?;
        if tx.execute(query(statements::PROVIDER_DELETE).bind(id.to_string())).await? == 0 {
            return Err(Error::missing(Missing::Provider, id));
        }
        let stored = events::insert(&mut tx, public).await?;
        tx.commit().await?;
        Ok(stored)
    }
}

pub(crate) fn values(
    statement: statements::Statement,
    provider: &ProviderRow,
) -> crate::connection::Bound {
    query(statement)
        .bind(provider.id.to_string())
        .bind(provider.name.clone())
        .bind(provider.uri.clone())
        .bind(i64::from(provider.from_config))
        .bind(provider.created_at.as_micros())
}

fn read(row: &SqliteRow) -> Result<ProviderRow> {
    Ok(ProviderRow {
        id: row::parsed(row, "id")?,
        name: row::text(row, "name")?,
        uri: row::text(row, "uri")?,
        from_config: row::int(row, "from_config")? != 0,
        created_at: row::time(row, "created_at")?,
    })
}
