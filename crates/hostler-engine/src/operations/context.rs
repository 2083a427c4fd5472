//! What a step has at hand: the provider's call context, the engine, and where
//! to note what has to change in the store together with "done".

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hostler_core::id::{OperationId, ProviderId, VmId};
use hostler_core::operation::{Event, Fate};
use hostler_core::{Code, Error};
use hostler_provider::{Cx, Progress, ProgressSink, Provider};
use hostler_store::{Effect, Epoch, OperationRow};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::StepError;
use crate::Inner;

/// The context of one run of one step.
pub(crate) struct StepCx {
    pub(crate) operation: OperationId,
    pub(crate) engine: Arc<Inner>,
    cx: Cx,
    effects: Mutex<Vec<Effect>>,
    fate: Fate,
    is_after_the_end: bool,
}

impl StepCx {
    /// A context for `step`.
    pub(crate) fn new(
        engine: &Arc<Inner>,
        row: &Arc<OperationRow>,
        step: u32,
        epoch: Epoch,
        budget: Duration,
        cancelled: CancellationToken,
    ) -> Self {
        let sink = Sink { engine: engine.clone(), row: row.clone(), step, epoch };
        let cx = Cx::within(budget)
            .with_cancel(cancelled)
            .with_clock(engine.clock.clone())
            .with_sink(Arc::new(sink));
        Self { cx, is_after_the_end: false, ..Self::after_the_end(engine, row.id, budget) }
    }

    /// A context for undoing once more what an operation that has ended left
    /// behind; nothing is journaled any more.
    pub(crate) fn after_the_end(
        engine: &Arc<Inner>,
        operation: OperationId,
        budget: Duration,
    ) -> Self {
        let cx = Cx::within(budget).with_clock(engine.clock.clone());
        let (engine, effects, fate) = (engine.clone(), Mutex::default(), Fate::Unsettled);
        Self { operation, engine, cx, effects, fate, is_after_the_end: true }
    }

    /// The same, resuming with the note that an earlier run left.
    pub(crate) fn with_resumed(mut self, resumed: Option<Value>) -> Self {
        self.cx = self.cx.with_resumed(resumed);
        self
    }

    /// The same for undoing a step of which this is known.
    pub(crate) fn with_fate(mut self, fate: Fate) -> Self {
        self.fate = fate;
        self
    }

    /// While undoing: what is known of the step's effect.
    pub(crate) fn fate(&self) -> Fate {
        self.fate
    }

    /// Whether the operation has ended and holds no claim any more, so that what
    /// is there may have come into other hands.
    pub(crate) fn is_after_the_end(&self) -> bool {
        self.is_after_the_end
    }

    /// The context for calls to providers.
    pub(crate) fn cx(&self) -> &Cx {
        &self.cx
    }

    /// The provider, while it is configured.
    pub(crate) fn provider(&self, id: ProviderId) -> Result<Arc<dyn Provider>, Error> {
        self.engine.provider(id)
    }

    /// Refuses to change a VM that was let go, or is for reading only, since it was asked
    /// for. It cannot become so later: the operation claims it (X30).
    pub(crate) async fn check_obeys(&self, vm: VmId) -> Result<(), StepError> {
        let refused = match self.engine.store.vm(vm).await? {
            None => Error::new(Code::VmNotManaged, "Hostler let go of it meanwhile"),
            Some(row) if row.adopted.as_ref().is_some_and(|adopted| adopted.read_only) => {
                Error::new(Code::VmReadOnly, "it is for reading only meanwhile")
            }
            Some(_) => return Ok(()),
        };
        let (surely_nothing, in_flight) = (true, false);
        Err(StepError { surely_nothing, in_flight, ..StepError::lasting(refused) })
    }

    /// Changes the store in the same transaction that says "done".
    pub(crate) fn record(&self, effect: Effect) {
        self.effects.lock().unwrap_or_else(PoisonError::into_inner).push(effect);
    }

    /// What was recorded so far.
    pub(crate) fn take_effects(&self) -> Vec<Effect> {
        std::mem::take(&mut *self.effects.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Keeps progress in memory and checkpoints in the journal.
struct Sink {
    engine: Arc<Inner>,
    row: Arc<OperationRow>,
    step: u32,
    epoch: Epoch,
}

impl ProgressSink for Sink {
    fn progress(&self, progress: Progress) {
        self.engine.progress.set(self.row.id, progress);
    }

    fn checkpoint(
        &self,
        value: Value,
    ) -> Pin<Box<dyn Future<Output = hostler_provider::Result<()>> + Send + '_>> {
        Box::pin(async move {
            let event = Event::Checkpoint { step: self.step, value };
            self.engine.append(&self.row, self.epoch, None, event, &[], None).await.map_err(|e| {
                let message = format!("cannot note where the step is: {}", Error::from(e));
                hostler_provider::Error::new(hostler_provider::Kind::Unavailable, message)
            })
        })
    }
}
