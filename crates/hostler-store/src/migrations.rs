//! Live migrations that are over, as their providers told them: these remember few of them,
//! and tell none while they are silent.
//!
//! One is kept once, under its provider's name for it, and stays as it was told; only one that
//! was kept without its end takes a later word that has it.

use std::collections::BTreeSet;

use hostler_core::fact::Quality;
use hostler_core::id::{HostId, OperationId, ProviderId, VmId};
use hostler_core::migration::{Migration, MigrationMode, MigrationPhase};
use hostler_core::{Fact, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;

use crate::connection::query;
use crate::error::{Error, Result};
use crate::{Store, row, statements};

/// So many of one VM are kept, the latest: one that is moved all the time does not push out
/// those of all others.
pub const MIGRATIONS_PER_VM: u32 = 100;

/// A migration that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptMigration {
    /// The provider that told it.
    pub provider: ProviderId,
    /// The VM as it is known here; it may be gone since.
    pub vm: VmId,
    /// The host that the VM left, where it was known here, with its name then.
    pub source: Option<(HostId, String)>,
    /// The host that it went to, where it was known here, with its name then.
    pub target: Option<(HostId, String)>,
    /// What the provider told, as of `observed_at`.
    pub told: Migration,
}

impl Store {
    /// Keeps what is over, each once; the latest `most` of all stay, and the latest
    /// [`MIGRATIONS_PER_VM`] of each VM.
    ///
    /// # Errors
    /// When one is of a provider that is not configured any more; `Full`.
    pub async fn keep_migrations(&self, all: &[KeptMigration], most: u64) -> Result<()> {
        if all.is_empty() {
            return Ok(());
        }
        let mut tx = self.write_growing().await?;
        for kept in all {
            let told = &kept.told;
            let keep = query(statements::VM_MIGRATION_KEEP)
                .bind(kept.provider.to_string())
                .bind(told.external_ref.clone())
                .bind(kept.vm.to_string())
                .bind(told.vm_ref.clone())
                .bind(told.observed_at.as_micros())
                .bind(told.ended_at.map(Timestamp::as_micros))
                .bind(row::to_json(&Document::of(kept))?);
            tx.execute(keep).await?;
        }
        let vms: BTreeSet<_> = all.iter().map(|kept| (kept.provider, &kept.told.vm_ref)).collect();
        for (provider, vm) in vms {
            let trim = query(statements::VM_MIGRATIONS_TRIM_VM)
                .bind(provider.to_string())
                .bind(vm.clone())
                .bind(i64::from(MIGRATIONS_PER_VM));
            tx.execute(trim).await?;
        }
        tx.execute(query(statements::VM_MIGRATIONS_TRIM).bind(row::to_int(most))).await?;
        tx.commit().await
    }

    /// Those that are kept, the latest first.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn kept_migrations(&self) -> Result<Vec<KeptMigration>> {
        self.kept(None, None).await
    }

    /// Those of one VM: by its id, and by what its provider calls it, where it has one.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn kept_migrations_of(
        &self,
        vm: VmId,
        place: Option<(ProviderId, &str)>,
    ) -> Result<Vec<KeptMigration>> {
        self.kept(Some(vm), place).await
    }

    async fn kept(
        &self,
        vm: Option<VmId>,
        place: Option<(ProviderId, &str)>,
    ) -> Result<Vec<KeptMigration>> {
        let all = query(statements::VM_MIGRATIONS)
            .bind(vm.map(|vm| vm.to_string()))
            .bind(place.map(|(provider, _)| provider.to_string()))
            .bind(place.map(|(_, vm)| vm.to_owned()));
        self.read().await?.all(all).await?.iter().map(read).collect()
    }

    /// Forgets those that were over before `before`; tells how many.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn delete_migrations_before(&self, before: Timestamp) -> Result<u64> {
        let mut tx = self.write().await?;
        let delete = query(statements::VM_MIGRATIONS_DELETE_BEFORE).bind(before.as_micros());
        let gone = tx.execute(delete).await?;
        tx.commit().await?;
        Ok(gone)
    }
}

fn read(row: &SqliteRow) -> Result<KeptMigration> {
    let kept: Document = row::document(row, "document")?;
    let phase = MigrationPhase::parse(&kept.phase)
        .ok_or_else(|| Error::bug(format!("unknown phase {:?} of a migration", kept.phase)))?;
    let place = |place: Option<Place>| place.map(|Place { id, name }| (id, name));
    Ok(KeptMigration {
        provider: row::parsed(row, "provider_id")?,
        vm: row::parsed(row, "vm_id")?,
        source: place(kept.source),
        target: place(kept.target),
        told: Migration {
            external_ref: row::text(row, "external_ref")?,
            operation: kept.operation,
            vm_ref: row::text(row, "vm_ref")?,
            vm_name: kept.vm_name,
            phase,
            phase_said: kept.phase_said,
            source_host_ref: kept.source_ref,
            target_host_ref: kept.target_ref,
            mode: kept.mode.map(ModeWord::mode),
            requested_at: kept.requested_at,
            started_at: kept.started_at,
            ended_at: row::optional_time(row, "ended_at")?,
            bytes_done: kept.bytes_done.fact()?,
            bytes_total: kept.bytes_total.fact()?,
            is_cancel_requested: kept.is_cancel_requested,
            reason: kept.reason,
            observed_at: row::time(row, "told_at")?,
        },
    })
}

/// What is told of one, but for what stands in columns. Stored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    vm_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operation: Option<OperationId>,
    phase: String,
    phase_said: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source_ref: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<Place>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target_ref: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<Place>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mode: Option<ModeWord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    requested_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    started_at: Option<Timestamp>,
    bytes_done: Bytes,
    bytes_total: Bytes,
    is_cancel_requested: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Document {
    fn of(kept: &KeptMigration) -> Self {
        let told = &kept.told;
        let place = |place: &Option<(HostId, String)>| {
            place.as_ref().map(|(id, name)| Place { id: *id, name: name.clone() })
        };
        Self {
            vm_name: told.vm_name.clone(),
            operation: told.operation,
            phase: told.phase.as_str().to_owned(),
            phase_said: told.phase_said.clone(),
            source_ref: told.source_host_ref.clone(),
            source: place(&kept.source),
            target_ref: told.target_host_ref.clone(),
            target: place(&kept.target),
            mode: told.mode.map(ModeWord::of),
            requested_at: told.requested_at,
            started_at: told.started_at,
            bytes_done: Bytes::of(&told.bytes_done),
            bytes_total: Bytes::of(&told.bytes_total),
            is_cancel_requested: told.is_cancel_requested,
            reason: told.reason.clone(),
        }
    }
}

/// A host with its name then.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    id: HostId,
    name: String,
}

/// How memory was sent.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ModeWord {
    PreCopy,
    PostCopy,
    Paused,
}

impl ModeWord {
    const fn of(mode: MigrationMode) -> Self {
        match mode {
            MigrationMode::PreCopy => Self::PreCopy,
            MigrationMode::PostCopy => Self::PostCopy,
            MigrationMode::Paused => Self::Paused,
        }
    }

    const fn mode(self) -> MigrationMode {
        match self {
            Self::PreCopy => MigrationMode::PreCopy,
            Self::PostCopy => MigrationMode::PostCopy,
            Self::Paused => MigrationMode::Paused,
        }
    }
}

/// A number of bytes with its pedigree, or why there is none.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bytes {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<u64>,
    quality: String,
    source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    observed_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Bytes {
    fn of(fact: &Fact<u64>) -> Self {
        Self {
            value: fact.value().copied(),
            quality: fact.quality().as_str().to_owned(),
            source: fact.source().to_owned(),
            observed_at: fact.observed_at(),
            reason: fact.reason().map(str::to_owned),
        }
    }

    /// The fact that it was made of.
    fn fact(self) -> Result<Fact<u64>> {
        let Self { value, quality, source, observed_at, reason } = self;
        let reason = || reason.unwrap_or_default();
        let is = |one: Quality| quality == one.as_str();
        match (value, observed_at) {
            (Some(value), Some(at)) if is(Quality::Ok) => Ok(Fact::seen(value, source, at)),
            (Some(value), Some(at)) if is(Quality::Partial) => {
                Ok(Fact::partial(value, source, at, reason()))
            }
            (Some(value), Some(at)) if is(Quality::Stale) => {
                Ok(Fact::seen(value, source, at).into_stale(reason()))
            }
            (None, _) if is(Quality::Unavailable) => Ok(Fact::unavailable(source, reason())),
            (None, _) if is(Quality::Unsupported) => Ok(Fact::unsupported(source, reason())),
            _ => Err(Error::bug(format!("bytes of quality {quality:?} can't be read"))),
        }
    }
}
