//! Appending to a journal: the driver by its lease's epoch, anybody else by
//! what they have read.

use hostler_core::id::OperationId;
use hostler_core::operation::{Event, Failure, Journal, OperationState};
use hostler_core::{Code, Timestamp};
use sqlx::sqlite::SqliteRow;

use super::read::{entries, find};
use super::{Append, Appended, Effect, Epoch, Tell};
use crate::connection::{Connection, query};
use crate::error::{Conflict, Error, Missing, Result, StoreErrorKind};
use crate::{Store, events, row, statements, vms};

impl Store {
    /// Appends what the driver of an operation did, with all that changes by
    /// it. When the operation has ended by it, its claims and its lease are
    /// free.
    ///
    /// # Errors
    /// `Lost` when `epoch` is not that of the present lease: stop at once;
    /// `Conflict::JournalGrew` when the journal is not as long as expected:
    /// read it and decide again; `Conflict::Finished`; `NotFound`.
    pub async fn append(
        &self,
        id: OperationId,
        epoch: Epoch,
        append: &Append<'_>,
    ) -> Result<Appended> {
        let mut tx = self.write().await?;
        let grow = query(statements::JOURNAL_GROW_LEASED)
            .bind(id.to_string())
            .bind(row::to_int(epoch.0))
            .bind(row::to_int(append.events.len() as u64));
        let Some(grown) = tx.optional(grow).await? else {
            return Err(why_not(&mut tx, id, Some(epoch)).await?);
        };
        finish(tx, id, &grown, append).await
    }

    /// Appends what somebody who does not drive the operation wants of it:
    /// `CancelRequested`, `UndoRetried` or `Resolved`.
    ///
    /// # Errors
    /// `Conflict::JournalGrew` when the journal is not as long as when it was
    /// read: read it and decide again; `Conflict::Finished`; `NotFound`.
    pub async fn append_unleased(
        &self,
        id: OperationId,
        event: &Event,
        expected_len: u64,
        tell: &Tell<'_>,
        now: Timestamp,
    ) -> Result<Appended> {
        let mut tx = self.write().await?;
        let grow = query(statements::JOURNAL_GROW_UNLEASED).bind(id.to_string()).bind(1_i64);
        let Some(grown) = tx.optional(grow).await? else {
            return Err(why_not(&mut tx, id, None).await?);
        };
        let events = std::slice::from_ref(event);
        let expected_len = Some(expected_len);
        finish(tx, id, &grown, &Append { expected_len, events, effects: &[], tell, now }).await
    }
}

/// Why a journal could not be made longer.
async fn why_not(tx: &mut Connection, id: OperationId, epoch: Option<Epoch>) -> Result<Error> {
    let Some(row) = find(tx, id).await? else {
        return Ok(Error::missing(Missing::Operation, id));
    };
    // A driver whose epoch is over is told that first: it has nothing more to do here,
    // whatever became of the operation.
    let lost = epoch.filter(|epoch| row.lease.as_ref().is_none_or(|held| held.epoch != *epoch));
    Ok(match (lost, row.finished_at) {
        (Some(epoch), _) => Error::new(
            StoreErrorKind::Lost,
            format!("the lease of operation {id} with epoch {} is over", epoch.0),
        ),
        (None, Some(_)) => Error::conflict(Conflict::Finished, format!("operation {id} has ended")),
        (None, None) => Error::bug("a journal could not be made longer for no known reason"),
    })
}

/// Writes what there is room for now.
async fn finish(
    mut tx: Connection,
    id: OperationId,
    grown: &SqliteRow,
    append: &Append<'_>,
) -> Result<Appended> {
    let journal_len = row::unsigned(grown, "journal_len")?;
    let found = journal_len.saturating_sub(append.events.len() as u64);
    if let Some(expected) = append.expected_len.filter(|expected| *expected != found) {
        return Err(Error::conflict(
            Conflict::JournalGrew { expected, found },
            format!("operation {id} moved on meanwhile; look at it again"),
        ));
    }
    for (event, seq) in append.events.iter().zip(found..) {
        insert(&mut tx, id, seq, append.now, event).await?;
    }
    for effect in append.effects {
        apply(&mut tx, effect, append.now).await?;
        if let Effect::SetVmPlacement { provider, .. } = effect {
            let set = query(statements::OPERATION_SET_PROVIDER)
                .bind(id.to_string())
                .bind(provider.to_string());
            tx.execute(set).await?;
        }
    }
    let journal = settle(&mut tx, id, append.now).await?;
    let events = events::insert(&mut tx, &(append.tell)(&journal)).await?;
    tx.commit().await?;
    Ok(Appended { journal_len, state: journal.told(), events })
}

async fn insert(
    tx: &mut Connection,
    id: OperationId,
    seq: u64,
    at: Timestamp,
    event: &Event,
) -> Result<()> {
    let insert = query(statements::JOURNAL_INSERT)
        .bind(id.to_string())
        .bind(row::to_int(seq))
        .bind(at.as_micros())
        .bind(row::to_json(event)?);
    tx.execute(insert).await.map(drop)
}

/// Makes the row say what the journal amounts to, and gives that.
async fn settle(tx: &mut Connection, id: OperationId, now: Timestamp) -> Result<Journal> {
    let rows = tx.all(query(statements::JOURNAL).bind(id.to_string())).await?;
    let journal = Journal::read(entries(&rows)?.iter().map(|entry| &entry.event));
    let state = journal.told();
    let statement =
        if state.is_final() { statements::OPERATION_FINISH } else { statements::OPERATION_MOVE };
    let change = query(statement).bind(id.to_string()).bind(state.as_str()).bind(now.as_micros());
    tx.execute(change).await?;
    if state.is_final() {
        tx.execute(query(statements::CLAIMS_RELEASE).bind(id.to_string())).await?;
    }
    Ok(journal)
}

async fn apply(tx: &mut Connection, effect: &Effect, now: Timestamp) -> Result<()> {
    match effect {
        Effect::SetVmPlacement { vm, provider, host, external_ref } => {
            let change = query(statements::VM_SET_PLACEMENT)
                .bind(vm.to_string())
                .bind(provider.to_string())
                .bind(host.map(|id| id.to_string()))
                .bind(external_ref.clone())
                .bind(now.as_micros());
            vms::touched(tx.execute(change).await?, *vm)
        }
        Effect::SetVmBindings { vm, bindings } => {
            let change = query(statements::VM_SET_BINDINGS)
                .bind(vm.to_string())
                .bind(bindings.to_string())
                .bind(now.as_micros());
            vms::touched(tx.execute(change).await?, *vm)
        }
        Effect::SetVmSpec { vm, spec } => vms::set_spec(tx, *vm, spec, now).await,
        Effect::ChangeVmSpec { vm, from, to } => vms::change_spec(tx, *vm, from, to, now).await,
        Effect::SetVmDisk { vm, name, disk } => {
            vms::set_disk(tx, *vm, name, disk.as_deref(), now).await
        }
        Effect::SetVmPhase { vm, phase } => {
            let change = query(statements::VM_SET_PHASE)
                .bind(vm.to_string())
                .bind(phase.as_str())
                .bind(now.as_micros());
            vms::touched(tx.execute(change).await?, *vm)
        }
        Effect::DeleteVm { vm } => {
            tx.execute(query(statements::VM_DELETE).bind(vm.to_string())).await.map(drop)
        }
    }
}

/// Stops every operation that is at work, until a person has looked (F15): a
/// restored database does not know what they have done since, and going on
/// could delete what it does not know. Tells how many.
pub(crate) async fn park_unfinished(tx: &mut Connection, now: Timestamp) -> Result<u64> {
    let failure = Failure::from(&hostler_core::Error::new(
        Code::ProviderConflict,
        "the database was restored from a backup while this operation was at work, and what it \
         has done since is not known; look at its resources, then retry it or mark it as resolved",
    ));
    let mut parked = 0;
    loop {
        let unfinished = query(statements::OPERATIONS_UNFINISHED).bind(256_i64);
        let rows = tx.all(unfinished).await?;
        if rows.is_empty() {
            return Ok(parked);
        }
        for row in &rows {
            let id: OperationId = row::parsed(row, "id")?;
            let journal = tx.all(query(statements::JOURNAL).bind(id.to_string())).await?;
            let journal = entries(&journal)?;
            let started = Journal::read(journal.iter().map(|entry| &entry.event)).started();
            let event =
                Event::UndoFailed { step: started.saturating_sub(1), failure: failure.clone() };
            let grow = query(statements::JOURNAL_GROW_UNLEASED).bind(id.to_string()).bind(1_i64);
            tx.execute(grow).await?;
            insert(tx, id, journal.len() as u64, now, &event).await?;
            if settle(tx, id, now).await?.told() != OperationState::NeedsAttention {
                return Err(Error::bug(format!("operation {id} can't be stopped")));
            }
            parked += 1;
        }
    }
}
