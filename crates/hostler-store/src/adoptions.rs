//! Decisions about VMs that were made elsewhere: taken into care, left alone, let go.
//!
//! What waits for a decision is not stored: it is what is seen and neither managed nor
//! left alone.

use hostler_core::Timestamp;
use hostler_core::id::{ProviderId, VmId};
use hostler_core::operation::Resource;
use hostler_core::vm::adoption::Adopted;
use sqlx::sqlite::SqliteRow;

use crate::connection::query;
use crate::error::{Conflict, Error, Missing, Result};
use crate::operations::{busy, claim_holder};
use crate::vms::{find, name_taken};
use crate::{NewEvent, NewVm, Store, StoredEvent, events, row, statements};

/// A VM that somebody decided to leave alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoredVm {
    /// Its identity.
    pub id: VmId,
    /// Where it is.
    pub provider: ProviderId,
    /// How the provider names it.
    pub external_ref: String,
    /// Its name when that was decided.
    pub name: String,
    /// Who decided it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

impl Store {
    /// Keeps a VM that exists as managed, and tells what happened in `public`.
    ///
    /// # Errors
    /// `Conflict::VmExists` when it is managed already, or its name is taken; `Full`.
    pub async fn adopt_vm(
        &self,
        vm: &NewVm,
        adopted: &Adopted,
        public: &[NewEvent],
    ) -> Result<Vec<StoredEvent>> {
        let mut tx = self.write_growing().await?;
        if find(&mut tx, vm.id).await?.is_some() {
            let message = format!("VM {:?} is managed already", vm.spec.name);
            return Err(Error::conflict(Conflict::VmExists, message));
        }
        let insert = query(statements::VM_ADOPT)
            .bind(vm.id.to_string())
            .bind(vm.provider.map(|id| id.to_string()))
            .bind(vm.host.map(|id| id.to_string()))
            .bind(vm.external_ref.clone())
            .bind(vm.spec.project.clone())
            .bind(vm.spec.name.clone())
            .bind(vm.phase.as_str())
            .bind(row::to_json(&vm.spec)?)
            .bind(vm.bindings.to_string())
            .bind(adopted.at.as_micros())
            .bind(row::to_json(adopted)?);
        if tx.execute(insert).await? == 0 {
            return Err(name_taken(&vm.spec));
        }
        tx.execute(query(statements::IGNORED_VM_DELETE).bind(vm.id.to_string())).await?;
        let stored = events::insert(&mut tx, public).await?;
        tx.commit().await?;
        Ok(stored)
    }

    /// Forgets that an adopted VM is managed. Nothing at its provider is touched.
    ///
    /// # Errors
    /// `NotFound`, also where it was not adopted; `Conflict::Busy` while an operation works on it.
    pub async fn release_vm(&self, id: VmId, public: &[NewEvent]) -> Result<Vec<StoredEvent>> {
        let mut tx = self.write().await?;
        let resource = Resource::Vm(id);
        if let Some(operation) = claim_holder(&mut tx, &resource).await? {
            return Err(busy(resource, operation));
        }
        if tx.execute(query(statements::VM_RELEASE).bind(id.to_string())).await? == 0 {
            return Err(Error::missing(Missing::Vm, id));
        }
        let stored = events::insert(&mut tx, public).await?;
        tx.commit().await?;
        Ok(stored)
    }

    /// Notes that a VM is left alone; a later word replaces an earlier one.
    ///
    /// # Errors
    /// `Conflict::VmExists` when it is managed; `Full`; when the database can't be written.
    pub async fn ignore_vm(
        &self,
        ignored: &IgnoredVm,
        public: &[NewEvent],
    ) -> Result<Vec<StoredEvent>> {
        let mut tx = self.write_growing().await?;
        if find(&mut tx, ignored.id).await?.is_some() {
            let message = format!("VM {:?} is managed, and so not left alone", ignored.name);
            return Err(Error::conflict(Conflict::VmExists, message));
        }
        tx.execute(query(statements::IGNORED_VMS_TIDY)).await?;
        let set = query(statements::IGNORED_VM_SET)
            .bind(ignored.id.to_string())
            .bind(ignored.provider.to_string())
            .bind(ignored.external_ref.clone())
            .bind(ignored.name.clone())
            .bind(ignored.by.clone())
            .bind(ignored.at.as_micros())
            .bind(ignored.reason.clone());
        tx.execute(set).await?;
        let stored = events::insert(&mut tx, public).await?;
        tx.commit().await?;
        Ok(stored)
    }

    /// Lets a VM that was left alone wait for a decision again.
    ///
    /// # Errors
    /// `NotFound` where it was not left alone.
    pub async fn offer_vm(&self, id: VmId, public: &[NewEvent]) -> Result<Vec<StoredEvent>> {
        let mut tx = self.write().await?;
        if tx.execute(query(statements::IGNORED_VM_DELETE).bind(id.to_string())).await? == 0 {
            return Err(Error::missing(Missing::Vm, id));
        }
        let stored = events::insert(&mut tx, public).await?;
        tx.commit().await?;
        Ok(stored)
    }

    /// All that are left alone.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn ignored_vms(&self) -> Result<Vec<IgnoredVm>> {
        let rows = self.read().await?.all(query(statements::IGNORED_VMS)).await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &SqliteRow) -> Result<IgnoredVm> {
    Ok(IgnoredVm {
        id: row::parsed(row, "id")?,
        provider: row::parsed(row, "provider_id")?,
        external_ref: row::text(row, "external_ref")?,
        name: row::text(row, "name")?,
        by: row::text(row, "ignored_by")?,
        at: row::time(row, "ignored_at")?,
        reason: row::text(row, "reason")?,
    })
}
