//! An operation as it is told, and what the world is told when it moves.

use hostler_core::Timestamp;
use hostler_core::operation::{Event, Failure, Journal, OperationState, Trace};
use hostler_provider::Progress;
use hostler_store::{NewEvent, OperationRow};
use serde_json::json;

use super::News;

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

/// A step as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepView {
    /// What it does.
    pub name: String,
    /// Where it stands.
    pub state: StepState,
    /// What else has to be said, as a clause: `the VM is stopped`.
    pub note: Option<String>,
}

/// Where a step stands.
///
/// ```text
///   pending ─► running ─┬─► done ────────┐
///                       └─► failed ──────┤
///                                        ▼
///                                     undoing ─┬─► undone          it was done, or cut off
///                                              ├─► failed          and had done nothing
///                                              ├─► failed_undone   and what it had done is gone
///                                              ├─► not_undone      it cannot be undone
///                                              └─► undo_failed     a person has to look
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepState {
    /// Not begun.
    Pending,
    /// At work.
    Running,
    /// Took effect.
    Done,
    /// Failed for good, and nothing is left of it that could be undone.
    Failed,
    /// Failed for good, and what it had done is undone.
    FailedUndone,
    /// Is being or will be undone.
    Undoing,
    /// Is undone.
    Undone,
    /// Took effect, or may have, and cannot be undone; the note says what is.
    NotUndone,
    /// Could not be undone, though it can be; a person has to look.
    UndoFailed,
}

impl StepState {
    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::FailedUndone => "failed_undone",
            Self::Undoing => "undoing",
            Self::Undone => "undone",
            Self::NotUndone => "not_undone",
            Self::UndoFailed => "undo_failed",
        }
    }
}

impl OperationView {
    /// Where it stands.
    pub fn state(&self) -> OperationState {
        self.journal.told()
    }

    /// Its steps, each with where it stands.
    pub fn steps(&self) -> Vec<StepView> {
        let Some(plan) = self.journal.plan() else { return Vec::new() };
        let numbered = plan.steps.iter().cloned().zip(0..);
        let told = |(name, step)| StepView {
            name,
            state: step_state(&self.journal, step),
            note: note(&self.journal, step),
        };
        numbered.map(told).collect()
    }

    /// The name of the step at work.
    pub fn phase(&self) -> Option<String> {
        if self.state().is_final() {
            return None;
        }
        let steps = self.steps();
        let latest = |states: &[StepState]| {
            let mut steps = steps.iter().rev();
            steps.find(|step| states.contains(&step.state)).map(|step| step.name.clone())
        };
        // A failed step stays one while those before it are undone.
        latest(&[StepState::Running, StepState::Undoing, StepState::UndoFailed])
            .or_else(|| latest(&[StepState::Failed]))
    }

    /// Why it failed or needs attention.
    pub fn error(&self) -> Option<&Failure> {
        self.journal.stuck().or_else(|| self.journal.failure())
    }
}

fn step_state(journal: &Journal, step: u32) -> StepState {
    if step >= journal.started() {
        return StepState::Pending;
    }
    let has_failed = journal.failed_step() == Some(step);
    if journal.undo_failed_step() == Some(step) {
        return StepState::UndoFailed;
    }
    if let Some(trace) = journal.trace(step) {
        return match (trace, has_failed) {
            // What a failed verb left is said by its note.
            (Trace::None | Trace::Kept(_), true) => StepState::Failed,
            (Trace::Removed, true) => StepState::FailedUndone,
            (Trace::None | Trace::Removed, false) => StepState::Undone,
            (Trace::Kept(_), false) => StepState::NotUndone,
        };
    }
    if journal.is_unwinding() && !journal.is_settled_by_hand() {
        return StepState::Undoing;
    }
    if step < journal.done() {
        StepState::Done
    } else if has_failed || journal.is_settled_by_hand() {
        StepState::Failed
    } else {
        StepState::Running
    }
}

fn note(journal: &Journal, step: u32) -> Option<String> {
    match journal.trace(step)? {
        Trace::Kept(what) => Some(what.clone()),
        Trace::None | Trace::Removed if journal.is_unsettled(step) => {
            Some("a call was not answered; when last looked at, nothing of it was there".into())
        }
        Trace::None | Trace::Removed => None,
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

/// The event that tells what an operation came to, for people.
pub(crate) fn news(row: &OperationRow, news: News, now: Timestamp) -> NewEvent {
    NewEvent {
        at: now,
        kind: news.kind.to_owned(),
        resource_kind: Some(news.resource.kind().to_owned()),
        resource_id: Some(news.resource.id()),
        resource_name: Some(news.name),
        message: format!("{} by {}", news.message, row.actor),
        data: json!({ "operation": row.id }),
    }
}

/// The name of what an operation works on, as it was when that was asked for:
/// what has been deleted since is told by name all the same.
pub(crate) fn subject(row: &OperationRow) -> Option<String> {
    // Every kind of operation writes it down; creations within what they make.
    let name = row.params.get("name").or_else(|| row.params.pointer("/spec/name"))?;
    name.as_str().map(str::to_owned)
}

/// The event that tells of an operation's move.
pub(crate) fn changed(row: &OperationRow, journal: &Journal, now: Timestamp) -> NewEvent {
    let told = journal.told();
    let mut message = format!("{} is {}", row.kind, told.as_str().replace('_', " "));
    if let Some(failure) = journal.stuck().or_else(|| journal.failure()) {
        message = format!("{message}: {}", failure.message);
    }
    let steps = journal.plan().map_or(0, |plan| plan.steps.len());
    if journal.outcome().is_some() {
        // An end that left something must not sound as if it had not.
        let traces = (0..journal.started()).filter_map(|step| journal.trace(step));
        for trace in traces {
            if let Trace::Kept(what) = trace {
                message = format!("{message}; {what}");
            }
        }
    }
    let resource = row.resources.first();
    NewEvent {
        at: now,
        kind: "operation.changed".into(),
        resource_kind: resource.map(|r| r.kind().to_owned()),
        resource_id: resource.map(hostler_core::operation::Resource::id),
        resource_name: subject(row),
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
