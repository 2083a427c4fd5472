//! An operation as it is told, and what the world is told when it moves.

use hostler_core::Timestamp;
use hostler_core::operation::{Event, Failure, Journal, OperationState};
use hostler_provider::Progress;
use hostler_store::{NewEvent, OperationRow};
use serde_json::json;

/// An operation as it is told.
#[derive(Debug, Clone)]
pub struct OperationView {
    /// What is stored of it.
    pub row: OperationRow,
    /// What its journal amounts to.
    pub journal: Journal,
    /// How far the running step has come, if it runs here and tells.
    pub progress: Option<Progress>,
    /// The names of its resources, in their order, where known.
    pub resource_names: Vec<Option<String>>,
}

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepState {
    /// Not begun.
    Pending,
    /// At work.
    Running,
    /// Took effect.
    Done,
    /// Failed for good.
    Failed,
    /// Is being or will be undone.
    Undoing,
    /// Is undone.
    Undone,
}

impl StepState {
    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Undoing => "undoing",
            Self::Undone => "undone",
        }
    }
}

impl OperationView {
    /// Where it stands.
    pub fn state(&self) -> OperationState {
        self.journal.told()
    }

    /// Its steps, each with where it stands.
    pub fn steps(&self) -> Vec<(String, StepState)> {
        let Some(plan) = self.journal.plan() else { return Vec::new() };
        let numbered = plan.steps.iter().cloned().zip(0..);
        numbered.map(|(name, step)| (name, self.step_state(step))).collect()
    }

    fn step_state(&self, step: u32) -> StepState {
        let journal = &self.journal;
        let ended = journal.outcome().is_some();
        if journal.is_unwinding() && step < journal.started() {
            return match journal.undone() {
                Some(undone) if step >= undone => StepState::Undone,
                _ => StepState::Undoing,
            };
        }
        if step < journal.done() {
            StepState::Done
        } else if step < journal.started() {
            let failed = journal.stuck().is_some() || (ended && journal.failure().is_some());
            if failed { StepState::Failed } else { StepState::Running }
        } else {
            StepState::Pending
        }
    }

    /// The name of the step at work.
    pub fn phase(&self) -> Option<String> {
        let at_work = [StepState::Running, StepState::Undoing, StepState::Failed];
        if self.state().is_final() {
            return None;
        }
        self.steps().into_iter().rev().find(|(_, s)| at_work.contains(s)).map(|(name, _)| name)
    }

    /// Why it failed or needs attention.
    pub fn error(&self) -> Option<&Failure> {
        self.journal.stuck().or_else(|| self.journal.failure())
    }
}

/// Whether people want to hear of it: the inner life of a step is for those
/// who look at the operation itself.
pub(crate) fn is_worth_telling(event: &Event) -> bool {
    match event {
        Event::Checkpoint { .. } | Event::UndoStarted { .. } => false,
        Event::Planned(_)
        | Event::Started { .. }
        | Event::Retried { .. }
        | Event::Done { .. }
        | Event::Failed { .. }
        | Event::CancelRequested { .. }
        | Event::Undone { .. }
        | Event::UndoFailed { .. }
        | Event::UndoRetried { .. }
        | Event::Resolved { .. }
        | Event::Finished { .. } => true,
    }
}

/// The event that tells of an operation's move.
pub(crate) fn changed(row: &OperationRow, journal: &Journal, now: Timestamp) -> NewEvent {
    let told = journal.told();
    let mut message = format!("{} is {}", row.kind, told.as_str().replace('_', " "));
    if let Some(failure) = journal.stuck().or_else(|| journal.failure()) {
        message = format!("{message}: {}", failure.message);
    }
    let steps = journal.plan().map_or(0, |plan| plan.steps.len());
    let resource = row.resources.first();
    NewEvent {
        at: now,
        kind: "operation.changed".into(),
        resource_kind: resource.map(|r| r.kind().to_owned()),
        resource_id: resource.map(hostler_core::operation::Resource::id),
        resource_name: None,
        message,
        data: json!({
            "operation": row.id,
            "kind": row.kind,
            "state": told.as_str(),
            "steps_done": journal.done(),
            "steps_total": steps,
        }),
    }
}
