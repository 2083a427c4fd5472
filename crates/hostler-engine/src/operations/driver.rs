//! Drives one operation: does what its journal says, and appends what happened.
//!
//! ```text
//!  lease ─► read journal ─► next? ─ Run(i) ──► run, append Done | Failed ─┐
//!             ▲                   ├ Undo(i) ─► undo, append Undone | UndoFailed  (unwind.rs)
//!             │                   ├ Finish ──► append Finished, release claims ─► end
//!             └───────────────────┴─ Nothing ─► end
//! ```
//!
//! The lease's epoch goes into every append; one of an older epoch is refused
//! by the store and ends the drive at once, so two servers never both write.

mod unwind;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hostler_core::operation::{Event, Failure, Journal, Next, Outcome, Plan};
use hostler_core::vm::status::Phase;
use hostler_core::{Code, Error};
use hostler_provider::{Cx, VmRef};
use hostler_store::{Effect, Epoch, NewEvent, OperationRow, StoreErrorKind};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, info, warn};

use super::runner::{Runner, StepRequest};
use super::{Leaves, StepCx, StepError, retry, view};
use crate::Inner;

/// How long a step that was cancelled has to notice it.
const CANCEL_GRACE: Duration = Duration::from_secs(10);

/// Why a drive ended before its operation did.
enum Stop {
    /// Another server drives it now.
    Lost,
    /// Too many have begun where it works; it comes again.
    Later,
    /// The store does not answer; the recovery reconciler tries again.
    Store(hostler_store::Error),
}

impl From<hostler_store::Error> for Stop {
    fn from(error: hostler_store::Error) -> Self {
        match error.kind() {
            StoreErrorKind::Lost => Self::Lost,
            _ => Self::Store(error),
        }
    }
}

/// Drives `row` until it ends, needs a person, or is taken over. `false` when it
/// cannot be driven here now.
pub(crate) async fn drive(
    engine: &Arc<Inner>,
    row: OperationRow,
    cancelled: CancellationToken,
) -> bool {
    let span = tracing::info_span!("operation", op_id = %row.id, kind = %row.kind);
    let row = Arc::new(row);
    let id = row.id;
    let driven = async {
        let leased = engine.acquire(id).await?;
        let Some(epoch) = leased else { return Ok(false) };
        let unwinding_since = OnceLock::new();
        let drive = Drive { engine, row: &row, epoch, cancelled, unwinding_since };
        let ended = tokio::select! {
            ended = drive.until_the_end() => ended,
            lost = drive.keep_lease() => lost,
        };
        if !matches!(ended, Err(Stop::Lost)) {
            // Best effort: an unreleased lease runs out by itself.
            let _ = engine.store.release_lease(id, epoch).await;
        }
        ended.map(|()| true)
    };
    match driven.instrument(span).await {
        Ok(driven) => return driven,
        Err(Stop::Lost) => info!(op_id = %id, "another server drives this operation now"),
        Err(Stop::Later) => debug!(op_id = %id, "there is no room where the operation works"),
        Err(Stop::Store(error)) => {
            warn!(op_id = %id, %error, "the store does not answer; the operation is parked");
        }
    }
    false
}

struct Drive<'a> {
    engine: &'a Arc<Inner>,
    row: &'a Arc<OperationRow>,
    epoch: Epoch,
    cancelled: CancellationToken,
    /// When this drive began to undo: no call is begun after it.
    unwinding_since: OnceLock<tokio::time::Instant>,
}

impl Drive<'_> {
    async fn keep_lease(&self) -> Result<(), Stop> {
        let mut renewed = tokio::time::Instant::now();
        loop {
            tokio::time::sleep(self.engine.pace.lease / 3).await;
            match self.engine.renew(self.row.id, self.epoch).await {
                Ok(true) => renewed = tokio::time::Instant::now(),
                // An operation that has ended has no lease to renew; the drive ends by itself.
                Ok(false) if self.has_ended().await => std::future::pending().await,
                Ok(false) => return Err(Stop::Lost),
                // The lease is ours until it runs out, whether the store answers or not.
                Err(error) if renewed.elapsed() < self.engine.pace.lease => {
                    warn!(%error, "cannot renew the lease now");
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn has_ended(&self) -> bool {
        let row = self.engine.store.operation(self.row.id).await;
        row.is_ok_and(|row| row.is_some_and(|row| row.state.is_final()))
    }

    async fn until_the_end(&self) -> Result<(), Stop> {
        let runner = self.engine.registry.runner(&self.row.kind);
        loop {
            let entries = self.engine.store.journal(self.row.id).await?;
            let journal = Journal::read(entries.iter().map(|entry| &entry.event));
            let Some(plan) = journal.plan().cloned() else { return Ok(()) };
            let seen = entries.len() as u64;
            let next = journal.next();
            let runner = match (next, &runner) {
                (Next::Nothing, _) => return Ok(()),
                (Next::Finish(outcome), runner) => {
                    if self.finish(runner.as_ref(), &journal, seen, outcome).await? {
                        return Ok(());
                    }
                    continue; // somebody appended
                }
                (Next::Run(_) | Next::Undo(_), Ok(runner)) => runner,
                (Next::Run(_) | Next::Undo(_), Err(error)) => return self.give_up(error).await,
            };
            if !self.has_turn(runner, &journal).await? {
                continue; // it has waited, and the journal may have grown
            }
            match next {
                // After a crash the step has begun already, and its checkpoint counts.
                Next::Run(step) if step >= journal.started() && !self.begin(step, seen).await? => {}
                Next::Run(step) => self.run(runner, &plan, &journal, step).await?,
                Next::Undo(step) => self.undo(runner, &plan, &journal, step).await?,
                Next::Finish(_) | Next::Nothing => {}
            }
        }
    }

    /// Whether it is its turn to work where its next step works. Where it is not,
    /// waits until it is, or until it is cancelled.
    async fn has_turn(&self, runner: &Arc<dyn Runner>, journal: &Journal) -> Result<bool, Stop> {
        let lane = runner.provider(&self.row.params, journal.state());
        // What cannot be read fails in the step itself.
        let Ok(lane) = lane else { return Ok(true) };
        let (engine, id) = (self.engine, self.row.id);
        if engine.driving.has_turn(id, lane) {
            return Ok(true);
        }
        self.leave();
        tokio::select! {
            turn = engine.driving.turn(id, Some(lane)) => turn.map_err(|_| Stop::Later)?,
            () = self.cancelled.cancelled(), if !self.was_cancelled() => {}
        }
        Ok(false)
    }

    /// Lets others work during a pause: a provider that is down must not fill
    /// all places with operations that wait for it (F6).
    async fn rest(&self, pause: impl Future<Output = ()>) -> Result<(), Stop> {
        self.leave();
        pause.await;
        self.engine.driving.turn(self.row.id, None).await.map_err(|_| Stop::Later)
    }

    /// Gives the place back.
    fn leave(&self) {
        if self.engine.driving.rest(self.row.id) {
            self.engine.recover.notify_one();
        }
    }

    async fn append(&self, event: Event, effects: Vec<Effect>) -> Result<(), Stop> {
        Ok(self.engine.append(self.row, self.epoch, None, event, &effects, None).await?)
    }

    /// Writes that a step begins, unless somebody appended since the journal was
    /// read: a step past the point of no return must not begin after a cancel.
    async fn begin(&self, step: u32, seen: u64) -> Result<bool, Stop> {
        self.append_if(seen, Event::Started { step }, &[], None).await
    }

    async fn append_if(
        &self,
        seen: u64,
        event: Event,
        effects: &[Effect],
        news: Option<NewEvent>,
    ) -> Result<bool, Stop> {
        match self.engine.append(self.row, self.epoch, Some(seen), event, effects, news).await {
            Ok(()) => Ok(true),
            Err(error) if error.is_journal_grew() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn run(
        &self,
        runner: &Arc<dyn Runner>,
        plan: &Plan,
        journal: &Journal,
        step: u32,
    ) -> Result<(), Stop> {
        let most = match plan.no_return_from {
            Some(from) if step >= from => retry::RETRIES_MAX_NO_WAY_BACK,
            _ => retry::RETRIES_MAX,
        };
        let mut retries = journal.retries();
        let mut resumed = journal.checkpoint().cloned();
        // What an earlier try did before a crash is not known, nor whether it is over.
        let was_cut_off = step < journal.started();
        let mut surely_nothing = !was_cut_off && retries == 0;
        loop {
            let attempt = self.run_once(runner, plan, journal, step, resumed.take()).await;
            let attempt = match (attempt, &self.engine.sabotage) {
                (Ok(_), Some(sabotage)) if sabotage.repeats_steps() => {
                    self.run_once(runner, plan, journal, step, None).await
                }
                (attempt, _) => attempt,
            };
            let error = match attempt {
                Ok((state, effects)) => {
                    let done = Event::Done { step, state, unsettled: was_cut_off };
                    return self.append(done, effects).await;
                }
                Err(error) => error,
            };
            surely_nothing &= error.surely_nothing;
            let unsettled = error.in_flight || was_cut_off;
            let failure = Failure { surely_nothing, unsettled, ..Failure::from(&error.error) };
            if !error.is_transient || retries >= most || self.was_cancelled() {
                warn!(step = %step_name(plan, step), error = %error.error, raw = failure.internal,
                    "step failed");
                return self.append(Event::Failed { step, failure }, Vec::new()).await;
            }
            info!(step = %step_name(plan, step), error = %error.error, "step is tried again");
            self.append(Event::Retried { step, failure }, Vec::new()).await?;
            let pause = self.engine.pause(retries, error.retry_after);
            self.rest(async {
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = self.cancelled.cancelled() => {}
                }
            })
            .await?;
            retries += 1;
        }
    }

    async fn run_once(
        &self,
        runner: &Arc<dyn Runner>,
        plan: &Plan,
        journal: &Journal,
        step: u32,
        resumed: Option<serde_json::Value>,
    ) -> Result<(serde_json::Value, Vec<Effect>), StepError> {
        let token = self.cancelled.clone();
        let cx = self.step_cx(runner, plan, step, &token)?.with_resumed(resumed);
        let request = self.request(plan, journal, step);
        let runner = runner.clone();
        let run = async move {
            let state = runner.run(&request, &cx).await?;
            Ok((state, cx.take_effects()))
        };
        self.in_a_task(step_name(plan, step), token, run).await
    }

    fn step_cx(
        &self,
        runner: &Arc<dyn Runner>,
        plan: &Plan,
        step: u32,
        token: &CancellationToken,
    ) -> Result<StepCx, Error> {
        let budget = runner.budget(&self.row.params, plan, step)?;
        Ok(StepCx::new(self.engine, self.row, step, self.epoch, budget, token.clone()))
    }

    fn request(&self, plan: &Plan, journal: &Journal, step: u32) -> StepRequest {
        let (params, state) = (self.row.params.clone(), journal.state().cloned());
        StepRequest { params, plan: plan.clone(), state, step }
    }

    /// One run or undo of one step, in a task of its own, so that a panic in it
    /// is a failure of the step and of nothing else (F40).
    async fn in_a_task<T: Send + 'static>(
        &self,
        name: &str,
        token: CancellationToken,
        work: impl Future<Output = Result<T, StepError>> + Send + 'static,
    ) -> Result<T, StepError> {
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(work.in_current_span());
        let patience = async {
            token.cancelled().await;
            tokio::time::sleep(CANCEL_GRACE).await;
        };
        let ended = tokio::select! {
            ended = tasks.join_next() => ended,
            () = patience => None,
        };
        self.engine.progress.clear(self.row.id);
        match ended {
            Some(Ok(result)) => result,
            Some(Err(panic)) => {
                let message = format!("step {name} panicked: {panic}");
                Err(StepError::lasting(Error::bug(message)))
            }
            None => {
                let message = format!("step {name} was cancelled");
                Err(StepError::lasting(Error::new(Code::OperationCancelled, message)))
            }
        }
    }

    fn was_cancelled(&self) -> bool {
        self.cancelled.is_cancelled()
    }

    /// This version cannot go on with it: a person has to look.
    async fn give_up(&self, error: &Error) -> Result<(), Stop> {
        warn!(internal = error.internal(), "cannot go on; the operation needs attention");
        let failure = Failure::from(error);
        self.append(Event::UndoFailed { step: 0, failure }, Vec::new()).await
    }

    /// Writes the end, unless somebody appended meanwhile: a cancel that was
    /// accepted is obeyed, even after the last step.
    async fn finish(
        &self,
        runner: Result<&Arc<dyn Runner>, &Error>,
        journal: &Journal,
        seen: u64,
        outcome: Outcome,
    ) -> Result<bool, Stop> {
        let ending = runner
            .map_err(Error::clone)
            .and_then(|runner| runner.finished(&self.row.params, journal.state(), outcome));
        let (effects, news) = match ending {
            Ok(ending) => ending,
            // What this version cannot run a person has seen to: it ends all the same.
            Err(_) if journal.is_settled_by_hand() => (self.let_go().await?, None),
            Err(error) => return self.give_up(&error).await.map(|()| true),
        };
        self.look_at_vms().await;
        let news = news.map(|news| view::news(self.row, news, self.engine.clock.now()));
        let ended = self.append_if(seen, Event::Finished { outcome }, &effects, news).await?;
        if ended {
            self.engine.promises.release(self.row.id);
            let leaves = runner.is_ok_and(|runner| runner.leaves() != Leaves::Nothing);
            if outcome != Outcome::Succeeded && leaves && journal.has_unsettled() {
                self.engine.leftovers.watch(self.row.id, self.engine.pace.leftovers);
            }
            info!(outcome = outcome.as_str(), "operation ended");
        }
        Ok(ended)
    }

    /// What has to change with an end of which only that is known: no VM may stay
    /// "being made" or "being deleted" by nobody.
    async fn let_go(&self) -> Result<Vec<Effect>, Stop> {
        let mut effects = Vec::new();
        for vm in self.row.resources.iter().filter_map(crate::vm_among) {
            let row = self.engine.store.vm(vm).await?;
            if row.is_some_and(|row| row.phase != Phase::Ready) {
                effects.push(Effect::SetVmPhase { vm, phase: Phase::Ready });
            }
        }
        Ok(effects)
    }

    /// Looks at the VMs worked on, so that whoever waited for the end sees its
    /// effect and not the picture from before. Best effort: inventories follow.
    async fn look_at_vms(&self) {
        for vm in self.row.resources.iter().filter_map(crate::vm_among) {
            let found = self.engine.locate(vm);
            let Some((provider, external_ref, name)) = found else { continue };
            let cx = Cx::within(self.engine.pace.look).with_clock(self.engine.clock.clone());
            self.engine.look(provider, &VmRef { external_ref, name }, &cx).await;
        }
    }
}

fn step_name(plan: &Plan, step: u32) -> &str {
    plan.steps.get(step as usize).map_or("?", String::as_str)
}
