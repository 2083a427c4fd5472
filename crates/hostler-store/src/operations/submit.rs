//! Submitting: one transaction that holds everything a new operation means, or
//! nothing. Once it has answered, the operation survives any crash.

use hostler_core::id::OperationId;
use hostler_core::operation::{Event, OperationState};

use super::{
    IdempotencyKey, KeyHolder, NewOperation, Submitted, busy, claim_holder, key_holder,
    key_mismatch,
};
use crate::connection::{Connection, query};
use crate::error::{Error, Result};
use crate::{NewVm, Store, events, row, statements, vms};

impl Store {
    /// Keeps a new operation, with its claims, its VM, its idempotency key and
    /// the events that tell of it.
    ///
    /// # Errors
    /// `Conflict::Busy` when something it claims is claimed,
    /// `Conflict::VmExists` when its VM's name is taken,
    /// `Conflict::IdempotencyMismatch` when its key stands for another request;
    /// `Conflict::Changed` when the VM is not any more what it was prepared from;
    /// `NotFound` when the VM whose phase it changes is gone; `Full`.
    pub async fn submit(&self, new: &NewOperation) -> Result<Submitted> {
        let mut tx = self.write_growing().await?;
        // First of all: a repeated request is answered by what it did, also when its own
        // claims and its own VM's name would now be in its way (F3).
        if let Some(key) = &new.idempotency {
            match key_holder(&mut tx, &new.actor, key).await? {
                None => {}
                Some(KeyHolder::Operation(operation)) => return Ok(Submitted::Replay(operation)),
                Some(KeyHolder::Reply(_)) => return Err(key_mismatch(key)),
            }
        }
        insert_operation(&mut tx, new).await?;
        if let Some(read) = &new.as_read {
            vms::check_unchanged(&mut tx, read).await?;
        }
        if let Some(vm) = &new.vm {
            insert_vm(&mut tx, vm, new).await?;
        }
        if let Some((vm, phase)) = new.phase {
            let change = query(statements::VM_SET_PHASE)
                .bind(vm.to_string())
                .bind(phase.as_str())
                .bind(new.created_at.as_micros());
            vms::touched(tx.execute(change).await?, vm)?;
        }
        let stored = events::insert(&mut tx, &new.events).await?;
        tx.commit().await?;
        Ok(Submitted::New(stored))
    }

    /// The operation that was submitted under this key before, if there is one:
    /// a repeated request is answered by it before anything is checked anew.
    ///
    /// # Errors
    /// `Conflict::IdempotencyMismatch` when the key stands for another request.
    pub async fn operation_by_key(
        &self,
        actor: &str,
        key: &IdempotencyKey,
    ) -> Result<Option<OperationId>> {
        match key_holder(&mut self.read().await?, actor, key).await? {
            None => Ok(None),
            Some(KeyHolder::Operation(operation)) => Ok(Some(operation)),
            Some(KeyHolder::Reply(_)) => Err(key_mismatch(key)),
        }
    }
}

async fn insert_operation(tx: &mut Connection, new: &NewOperation) -> Result<()> {
    let id = new.id.to_string();
    let insert = query(statements::OPERATION_INSERT)
        .bind(id.clone())
        .bind(new.kind.clone())
        .bind(new.params.to_string())
        .bind(new.actor.clone())
        .bind(row::to_json(&new.resources)?)
        .bind(OperationState::Pending.as_str())
        .bind(new.note.clone())
        .bind(new.created_at.as_micros())
        .bind(new.provider.map(|id| id.to_string()));
    tx.execute(insert).await?;
    for resource in &new.claims {
        let take = query(statements::CLAIM_TAKE).bind(resource.to_string()).bind(id.clone());
        if tx.execute(take).await? > 0 {
            continue;
        }
        match claim_holder(tx, resource).await? {
            // Named twice in one list: held by itself.
            Some(holder) if holder == new.id => {}
            Some(holder) => return Err(busy(resource.clone(), holder)),
            None => return Err(Error::bug("a claim is neither free nor taken")),
        }
    }
    for resource in &new.resources {
        let insert = query(statements::OPERATION_RESOURCE_INSERT)
            .bind(resource.to_string())
            .bind(id.clone());
        tx.execute(insert).await?;
    }
    if let Some(key) = &new.idempotency {
        let insert = query(statements::IDEMPOTENCY_OPERATION_INSERT)
            .bind(new.actor.clone())
            .bind(key.key.clone())
            .bind(key.body_hash.to_vec())
            .bind(id.clone())
            .bind(new.created_at.as_micros());
        if tx.execute(insert).await? == 0 {
            return Err(Error::bug("an idempotency key was taken inside the transaction"));
        }
    }
    let planned = query(statements::JOURNAL_INSERT)
        .bind(id)
        .bind(0_i64)
        .bind(new.created_at.as_micros())
        .bind(row::to_json(&Event::Planned(new.plan.clone()))?);
    tx.execute(planned).await?;
    Ok(())
}

async fn insert_vm(tx: &mut Connection, vm: &NewVm, new: &NewOperation) -> Result<()> {
    let insert = query(statements::VM_INSERT)
        .bind(vm.id.to_string())
        .bind(vm.provider.map(|id| id.to_string()))
        .bind(vm.host.map(|id| id.to_string()))
        .bind(vm.external_ref.clone())
        .bind(vm.spec.project.clone())
        .bind(vm.spec.name.clone())
        .bind(vm.phase.as_str())
        .bind(row::to_json(&vm.spec)?)
        .bind(vm.bindings.to_string())
        .bind(new.created_at.as_micros())
        .bind(vm.template.as_ref().map(row::to_json).transpose()?);
    if tx.execute(insert).await? == 0 {
        return Err(vms::name_taken(&vm.spec));
    }
    Ok(())
}
