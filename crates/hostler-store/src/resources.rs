//! Identities: which id of ours stands for which thing at a provider, so that
//! what was found once keeps its id when it is found again.

use hostler_core::Timestamp;
use hostler_core::id::ProviderId;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use crate::connection::{Connection, query};
use crate::error::Result;
use crate::{Store, row, statements};

/// The kinds of things that are found at providers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceKind {
    /// A virtual machine.
    Vm,
    /// A machine that runs them.
    Host,
    /// A storage pool.
    Pool,
    /// A virtual network.
    Network,
}

impl ResourceKind {
    const ALL: [Self; 4] = [Self::Vm, Self::Host, Self::Pool, Self::Network];

    /// The word used in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vm => "vm",
            Self::Host => "host",
            Self::Pool => "pool",
            Self::Network => "network",
        }
    }

    /// The kind written as `text`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// How a thing is known at its provider.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceKey {
    /// What it is.
    pub kind: ResourceKind,
    /// Where it is.
    pub provider: ProviderId,
    /// How the provider names it for ever.
    pub external_ref: String,
}

/// A thing and the id that stands for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceRow {
    /// How it is known at its provider.
    pub key: ResourceKey,
    /// Our id.
    pub id: Uuid,
    /// When it was found first.
    pub first_seen_at: Timestamp,
}

impl Store {
    /// Everything that was ever found at a provider and not forgotten.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn resources(&self, provider: ProviderId) -> Result<Vec<ResourceRow>> {
        let query = query(statements::RESOURCES_OF_PROVIDER).bind(provider.to_string());
        self.read().await?.all(query).await?.iter().map(read).collect()
    }

    /// Keeps identities, all or none. A thing that is known already keeps the
    /// id it has; the ids that hold are returned, in the same order.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn remember(&self, found: &[ResourceRow]) -> Result<Vec<Uuid>> {
        let mut tx = self.write().await?;
        let mut ids = Vec::with_capacity(found.len());
        for resource in found {
            let remember = query(statements::RESOURCE_REMEMBER)
                .bind(resource.key.kind.as_str())
                .bind(resource.key.provider.to_string())
                .bind(resource.key.external_ref.clone())
                .bind(resource.id.hyphenated().to_string())
                .bind(resource.first_seen_at.as_micros());
            ids.push(row::parsed(&tx.one(remember).await?, "id")?);
        }
        tx.commit().await?;
        Ok(ids)
    }

    /// Forgets everything that was found at a provider; tells how much it was.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn forget(&self, provider: ProviderId) -> Result<u64> {
        let mut tx = self.write().await?;
        let gone =
            tx.execute(query(statements::RESOURCES_FORGET).bind(provider.to_string())).await?;
        tx.commit().await?;
        Ok(gone)
    }

    /// Forgets one thing; tells whether it was known.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn forget_resource(&self, key: &ResourceKey) -> Result<bool> {
        let mut tx = self.write().await?;
        let gone = forget(&mut tx, key).await?;
        tx.commit().await?;
        Ok(gone)
    }
}

/// Forgets one thing as part of a change.
pub(crate) async fn forget(tx: &mut Connection, key: &ResourceKey) -> Result<bool> {
    let forget = query(statements::RESOURCE_FORGET)
        .bind(key.kind.as_str())
        .bind(key.provider.to_string())
        .bind(key.external_ref.clone());
    Ok(tx.execute(forget).await? > 0)
}

fn read(row: &SqliteRow) -> Result<ResourceRow> {
    Ok(ResourceRow {
        key: ResourceKey {
            kind: row::word(row, "kind", ResourceKind::parse)?,
            provider: row::parsed(row, "provider_id")?,
            external_ref: row::text(row, "external_ref")?,
        },
        id: row::parsed(row, "id")?,
        first_seen_at: row::time(row, "first_seen_at")?,
    })
}
