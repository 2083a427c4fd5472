//! Taking operations on, looking at them, and what people may do to them.

use std::sync::Arc;
use std::time::Duration;

use hostler_core::access::{self, Actor, Permission};
use hostler_core::id::{OperationId, VmId};
use hostler_core::operation::{Event, Journal, OperationState, Resource};
use hostler_core::storage::VolumeKey;
use hostler_core::vm::status::Phase;
use hostler_core::{Code, Error, Result};
use hostler_store::{
    AsRead, Conflict, IdempotencyKey, JournalEntry, NewEvent, NewOperation, NewVm, OperationFilter,
    OperationRow, StoreErrorKind, Submitted,
};

use super::Operation;
use super::runner::plan_of;
use super::view::{self, OperationView};
use crate::Inner;
use crate::vms::Accepted;

/// An operation that is about to be taken on.
pub(crate) struct Submission(NewOperation);

impl Submission {
    /// The VM it works on and claims.
    pub(crate) fn on_vm(self, vm: VmId, name: &str) -> Self {
        self.on(Resource::Vm(vm), name, &format!("VM {name}"))
    }

    /// The volume it works on and claims; of one to be made, the name.
    pub(crate) fn on_volume(self, key: &VolumeKey, pool: &str) -> Self {
        let called = format!("volume {pool}/{}", key.name);
        self.on(Resource::Volume(key.clone()), &key.name, &called)
    }

    fn on(mut self, resource: Resource, name: &str, called: &str) -> Self {
        let (kind, id) = (&self.0.kind, self.0.id);
        self.0.events.push(NewEvent {
            at: self.0.created_at,
            kind: "operation.changed".into(),
            resource_kind: Some(resource.kind().to_owned()),
            resource_id: Some(resource.id()),
            resource_name: Some(name.to_owned()),
            message: format!("{kind} of {called} asked for by {}", self.0.actor),
            data: serde_json::json!({ "operation": id, "kind": kind, "state": "pending" }),
        });
        self.0.resources.push(resource.clone());
        self.0.claims.push(resource);
        self
    }

    /// A VM that it is not about, and that nobody else may change meanwhile.
    pub(crate) fn claiming_vm(mut self, vm: VmId) -> Self {
        self.0.claims.push(Resource::Vm(vm));
        self
    }

    /// The VM it makes.
    pub(crate) fn making(mut self, vm: NewVm) -> Self {
        self.0.vm = Some(vm);
        self
    }

    /// The phase that the VM enters with it.
    pub(crate) fn in_phase(mut self, vm: VmId, phase: Phase) -> Self {
        self.0.phase = Some((vm, phase));
        self
    }

    /// What it was prepared from, which has to be so still when it is taken on.
    pub(crate) fn on_what_was_read(mut self, read: Option<AsRead>) -> Self {
        self.0.as_read = read;
        self
    }

    /// A volume that it is not about, and that nobody else may take meanwhile.
    pub(crate) fn claiming_volume(mut self, key: VolumeKey) -> Self {
        self.0.claims.push(Resource::Volume(key));
        self
    }

    /// Something worth saying about it.
    pub(crate) fn noting(mut self, note: String) -> Self {
        self.0.note = Some(note);
        self
    }
}

impl Inner {
    /// Prepares an operation of this kind.
    pub(crate) fn submission<O: Operation>(
        &self,
        kind: &str,
        operation: &O,
        actor: &Actor,
    ) -> Result<Submission> {
        let params = serde_json::to_value(operation)
            .map_err(|e| Error::bug(format!("parameters of {kind} do not encode: {e}")))?;
        Ok(Submission(NewOperation {
            id: self.ids.next(OperationId::new),
            kind: kind.to_owned(),
            params,
            actor: actor.name.clone(),
            resources: Vec::new(),
            claims: Vec::new(),
            plan: plan_of(operation),
            idempotency: None,
            note: None,
            created_at: self.clock.now(),
            vm: None,
            phase: None,
            as_read: None,
            provider: operation.provider(&O::State::default()),
            events: Vec::new(),
        }))
    }

    /// Takes a request on. One that is repeated is answered by what it did, whatever has
    /// changed since; another is what `prepare` makes of it. What that refuses may have been
    /// refused because the same request was taken on while it looked around: then that is the
    /// answer.
    pub(crate) async fn take_on(
        self: &Arc<Self>,
        actor: &Actor,
        key: Option<IdempotencyKey>,
        prepare: impl Future<Output = Result<Submission>> + Send,
    ) -> Result<Accepted> {
        if let Some(replay) = self.replay(actor, key.as_ref()).await? {
            return Ok(replay);
        }
        match prepare.await {
            Ok(mut submission) => {
                submission.0.idempotency = key;
                self.submit(submission).await
            }
            Err(refused) => self.replay(actor, key.as_ref()).await?.ok_or(refused),
        }
    }

    /// The operation that was taken on under this key before, if there is one.
    /// The same key with another request is refused.
    pub(crate) async fn replay(
        &self,
        actor: &Actor,
        key: Option<&IdempotencyKey>,
    ) -> Result<Option<Accepted>> {
        let Some(key) = key else { return Ok(None) };
        match self.store.operation_by_key(&actor.name, key).await? {
            None => Ok(None),
            Some(id) => {
                Ok(Some(Accepted { operation: self.operation_view(id).await?, replayed: true }))
            }
        }
    }

    /// Takes an operation on: one transaction for everything, then it runs.
    async fn submit(self: &Arc<Self>, submission: Submission) -> Result<Accepted> {
        if self.stopping.is_cancelled() {
            return Err(Error::new(Code::ServerDraining, "the server is stopping"));
        }
        let new = submission.0;
        let submitted = self.store.submit(&new).await.map_err(|error| {
            let is_asked = new.as_read.as_ref().is_some_and(|read| read.generation.is_some());
            match error.kind() {
                // Nobody said as what it was read: it was read here, and is another one by now.
                StoreErrorKind::Conflict(Conflict::Changed { .. }) if !is_asked => {
                    let message = format!("{error}; it was changed while this was looked at");
                    Error::new(Code::VmBusy, message)
                }
                _ => error.into(),
            }
        })?;
        match submitted {
            Submitted::Replay(id) => {
                Ok(Accepted { operation: self.operation_view(id).await?, replayed: true })
            }
            Submitted::New(_) => {
                self.wrote(new.claims.iter().filter_map(crate::vm_among).collect()).await;
                self.recover.notify_one();
                Ok(Accepted { operation: self.operation_view(new.id).await?, replayed: false })
            }
        }
    }

    /// An operation as it is told.
    pub(crate) async fn operation_view(&self, id: OperationId) -> Result<OperationView> {
        let (row, entries) = self.operation_record(id).await?;
        Ok(self.view_of(row, &entries))
    }

    /// What is kept of an operation, all of one moment: a row from before the
    /// journal's last event would tell an end without a time.
    async fn operation_record(&self, id: OperationId) -> Result<(OperationRow, Vec<JournalEntry>)> {
        self.store.operation_with_journal(id).await?.ok_or_else(|| {
            let message = format!("there is no operation with the id {id}");
            Error::new(Code::OperationNotFound, message)
        })
    }

    fn view_of(&self, row: OperationRow, entries: &[JournalEntry]) -> OperationView {
        let journal = Journal::read(entries.iter().map(|entry| &entry.event));
        let progress = self.progress.get(row.id);
        let snapshot = self.fleet.snapshot();
        let names = row.resources.iter().map(|resource| match resource {
            Resource::Vm(vm) => {
                let present = snapshot.vms.get(vm).map(|view| view.name.clone());
                present.or_else(|| view::subject(&row))
            }
            Resource::Volume(key) => Some(key.name.clone()),
            Resource::Host(_)
            | Resource::Provider(_)
            | Resource::Pool(_)
            | Resource::Network(_)
            | Resource::Image(_) => None,
        });
        let resource_names = names.collect();
        OperationView { row, journal, progress, resource_names }
    }
}

/// Operations.
pub struct Operations<'a> {
    engine: &'a Arc<Inner>,
}

impl<'a> Operations<'a> {
    pub(crate) fn new(engine: &'a Arc<Inner>) -> Self {
        Self { engine }
    }

    /// Operations that fit `filter`, newest first, at most `filter.limit`; and
    /// whether there are more.
    pub async fn list(&self, filter: &OperationFilter) -> Result<(Vec<OperationView>, bool)> {
        let wanted = filter.limit;
        let one_more = OperationFilter { limit: wanted.saturating_add(1), ..filter.clone() };
        let mut records = self.engine.store.operations_with_journals(&one_more).await?;
        let more = records.len() > wanted as usize;
        records.truncate(wanted as usize);
        let views = records.into_iter().map(|(row, entries)| self.engine.view_of(row, &entries));
        Ok((views.collect(), more))
    }

    /// One of them.
    pub async fn get(&self, id: OperationId) -> Result<OperationView> {
        self.engine.operation_view(id).await
    }

    /// How many operations are in each state that is not final.
    pub async fn open_by_state(&self) -> Result<Vec<(OperationState, u64)>> {
        let mut counted = Vec::new();
        for state in OperationState::ALL.iter().filter(|state| !state.is_final()) {
            let filter = OperationFilter { states: vec![*state], ..OperationFilter::default() };
            counted.push((*state, self.engine.store.count_operations(&filter).await?));
        }
        Ok(counted)
    }

    /// The operation when it has ended or needs attention, or as it is after `patience`.
    pub async fn wait(&self, id: OperationId, patience: Duration) -> Result<OperationView> {
        let deadline = tokio::time::Instant::now() + patience;
        let mut moved = self.engine.moved.subscribe();
        loop {
            moved.borrow_and_update();
            let view = self.get(id).await?;
            let state = view.state();
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            let at_rest = match state {
                OperationState::NeedsAttention => true,
                // Whoever waited for the end may act at once: the picture has to be
                // that of after the end, too.
                state => state.is_final() && !self.engine.fleet.is_at_work(id),
            };
            if at_rest || left.is_zero() {
                return Ok(view);
            }
            // Operations driven by another server move without telling us.
            let nap = left.min(Duration::from_secs(1));
            tokio::select! {
                _ = moved.changed() => {}
                () = tokio::time::sleep(nap) => {}
                () = self.engine.stopping.cancelled() => return Ok(view),
            }
        }
    }

    /// Cancels an operation: what it did is undone.
    pub async fn cancel(&self, actor: &Actor, id: OperationId) -> Result<OperationView> {
        access::may(actor, Permission::OperationManage)?;
        let event = Event::CancelRequested { by: actor.name.clone() };
        let view = self
            .intervene(id, event, |journal| {
                if journal.outcome().is_some() {
                    return Err(Error::new(Code::OperationFinished, "the operation has ended"));
                }
                if !journal.can_cancel() {
                    let message = if journal.stuck().is_some() {
                        "the operation needs attention; retry or resolve it"
                    } else if journal.is_unwinding() {
                        "the operation is being undone already"
                    } else {
                        "the operation has passed the point of no return"
                    };
                    return Err(Error::new(Code::OperationNotCancellable, message));
                }
                Ok(())
            })
            .await?;
        self.engine.driving.interrupt(id);
        Ok(view)
    }

    /// Tries again what an operation that needs attention could not do.
    pub async fn retry(&self, actor: &Actor, id: OperationId) -> Result<OperationView> {
        access::may(actor, Permission::OperationManage)?;
        let event = Event::UndoRetried { by: actor.name.clone() };
        self.intervene(id, event, must_be_stuck).await
    }

    /// Declares settled by hand what an operation that needs attention could not do.
    pub async fn resolve(
        &self,
        actor: &Actor,
        id: OperationId,
        note: &str,
    ) -> Result<OperationView> {
        access::may(actor, Permission::OperationManage)?;
        let event = Event::Resolved { by: actor.name.clone(), note: note.to_owned() };
        self.intervene(id, event, must_be_stuck).await
    }

    /// Appends a person's event, if the journal still allows it when it is written.
    async fn intervene(
        &self,
        id: OperationId,
        event: Event,
        allowed: impl Fn(&Journal) -> Result<()>,
    ) -> Result<OperationView> {
        // The driver may append meanwhile; then look again. It moves a bounded
        // number of times, so a few tries always suffice.
        for _ in 0..64 {
            let (row, entries) = self.engine.operation_record(id).await?;
            allowed(&Journal::read(entries.iter().map(|entry| &entry.event)))?;
            let (seen, now) = (entries.len() as u64, self.engine.clock.now());
            let tell = |journal: &Journal| vec![view::changed(&row, journal, now)];
            match self.engine.store.append_unleased(id, &event, seen, &tell, now).await {
                Ok(_) => {
                    self.engine.wrote(Vec::new()).await;
                    self.engine.recover.notify_one();
                    return self.get(id).await;
                }
                Err(error) if error.is_journal_grew() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::new(Code::StoreUnavailable, "the operation moves too fast; try again"))
    }
}

fn must_be_stuck(journal: &Journal) -> Result<()> {
    if journal.stuck().is_some() && journal.outcome().is_none() {
        return Ok(());
    }
    Err(Error::new(Code::OperationNotStuck, "the operation does not need attention"))
}
