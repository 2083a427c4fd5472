//! Identities: which id of ours stands for which thing at a provider, so that
//! what was found once keeps its id when it is found again.

use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::id::ProviderId;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use crate::connection::query;
use crate::error::Result;
use crate::{NewEvent, Store, events, row, statements};

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
    /// For how long it has been missing.
    pub absence: Absence,
}

/// For how long a thing was shown to be missing. Zero: it is there, or nobody
/// has looked since it was there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Absence {
    /// The time that complete inventories without it vouch for; kept to the
    /// millisecond.
    pub vouched: Duration,
    /// How many complete inventories did not show it.
    pub inventories: u32,
}

/// A thing that is to be forgotten, and what is told about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Forgetting {
    /// The thing.
    pub key: ResourceKey,
    /// What is told if it is forgotten.
    pub event: NewEvent,
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

    /// Keeps for how long things have been missing. What is not known (any more)
    /// is passed over.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn set_absences(&self, absences: &[(ResourceKey, Absence)]) -> Result<()> {
        let mut tx = self.write().await?;
        for (key, absence) in absences {
            let millis = i64::try_from(absence.vouched.as_millis()).unwrap_or(i64::MAX);
            let set = query(statements::RESOURCE_SET_ABSENCE)
                .bind(key.kind.as_str())
                .bind(key.provider.to_string())
                .bind(key.external_ref.clone())
                .bind(millis)
                .bind(i64::from(absence.inventories));
            tx.execute(set).await?;
        }
        tx.commit().await
    }

    /// Forgets things that are missing, each with what is told about it. What is
    /// not noted as missing stays, and so does what a VM of ours is or was put
    /// on. Tells which were forgotten.
    ///
    /// # Errors
    /// When the database can't be written; then nothing was forgotten.
    pub async fn forget_absent(&self, things: &[Forgetting]) -> Result<Vec<ResourceKey>> {
        let mut tx = self.write().await?;
        let mut gone = Vec::new();
        for thing in things {
            let forget = query(statements::RESOURCE_FORGET_ABSENT)
                .bind(thing.key.kind.as_str())
                .bind(thing.key.provider.to_string())
                .bind(thing.key.external_ref.clone());
            if tx.execute(forget).await? > 0 {
                events::insert(&mut tx, std::slice::from_ref(&thing.event)).await?;
                gone.push(thing.key.clone());
            }
        }
        tx.commit().await?;
        Ok(gone)
    }
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
        absence: Absence {
            vouched: Duration::from_millis(row::unsigned(row, "absent_ms")?),
            inventories: u32::try_from(row::unsigned(row, "absent_inventories")?)
                .unwrap_or(u32::MAX),
        },
    })
}
