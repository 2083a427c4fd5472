//! An operation's journal and what it says has to happen next.
//!
//! ```text
//!  Planned ─► Started(i) ─► Done(i) ─► Started(i+1) … ─► Finished(Succeeded)
//!                │  ▲ │
//!                │  └─┘ Retried(i)                 transient failure, tried again
//!                │
//!                │ Failed(i) · CancelRequested
//!                ▼
//!             UndoStarted(i) ─► Undone(i) ─► … Undone(0) ─► Finished(Failed | Cancelled)
//!                │ UndoFailed(i)
//!                ▼
//!             needs attention ── UndoRetried: undo again · Resolved: Finished(Failed)
//! ```
//!
//! Two rules make this small. **Undo runs for every step that started**, the
//! failed one included, and tolerates a step that never took effect; so there
//! is no state in which something may exist that nobody will clean up. **From
//! the point of no return on there is only forward**: a failure there needs
//! attention, and a retry runs the same step again. Only when the very step that
//! leads there surely changed nothing, it fails like any other.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Failure, OperationState, Outcome};

/// What happened. Stored one by one, in order, never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event {
    /// The steps were decided.
    Planned(Plan),
    /// A step began; written before its first effect.
    Started {
        /// Its index.
        step: u32,
    },
    /// A driver noted something it must find again after a crash.
    Checkpoint {
        /// The step's index.
        step: u32,
        /// The driver's note.
        value: Value,
    },
    /// A step failed in a way that passes, and will be tried again.
    Retried {
        /// Its index.
        step: u32,
        /// Why.
        failure: Failure,
    },
    /// A step took effect.
    Done {
        /// Its index.
        step: u32,
        /// The operation's state after it.
        state: Value,
    },
    /// A step failed for good.
    Failed {
        /// Its index.
        step: u32,
        /// Why.
        failure: Failure,
    },
    /// Somebody asked to cancel.
    CancelRequested {
        /// Who.
        by: String,
    },
    /// Undoing a step began.
    UndoStarted {
        /// Its index.
        step: u32,
    },
    /// A step is undone.
    Undone {
        /// Its index.
        step: u32,
    },
    /// A step could not be undone; a person has to look.
    UndoFailed {
        /// Its index.
        step: u32,
        /// Why.
        failure: Failure,
    },
    /// A person asked to try again what is stuck.
    UndoRetried {
        /// Who.
        by: String,
    },
    /// A person declared the matter settled by hand.
    Resolved {
        /// Who.
        by: String,
        /// Their words.
        note: String,
    },
    /// The end.
    Finished {
        /// How.
        outcome: Outcome,
    },
}

/// The steps of an operation, decided once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Each step's name, for people.
    pub steps: Vec<String>,
    /// From this step on there is no way back; `None`: there always is.
    #[serde(default)]
    pub no_return_from: Option<u32>,
}

/// What has to happen next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Run this step.
    Run(u32),
    /// Undo this step.
    Undo(u32),
    /// Write the end.
    Finish(Outcome),
    /// Nothing: it ended, or a person has to look.
    Nothing,
}

/// What the events so far amount to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Journal {
    plan: Option<Plan>,
    /// Steps `0..started` have begun.
    started: u32,
    /// Steps `0..done` took effect.
    done: u32,
    /// While unwinding: steps `undone..started` are undone.
    undone: Option<u32>,
    unwinding: Option<Outcome>,
    cancelled_by: Option<String>,
    stuck: Option<Failure>,
    failure: Option<Failure>,
    outcome: Option<Outcome>,
    state: Option<Value>,
    checkpoint: Option<Value>,
    retries: u32,
}

/// What has to happen next after these events: the whole recovery policy.
pub fn next<'a>(events: impl IntoIterator<Item = &'a Event>) -> Next {
    Journal::read(events).next()
}

impl Journal {
    /// Folds events into what they amount to.
    pub fn read<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut journal = Self::default();
        for event in events {
            journal.apply(event);
        }
        journal
    }

    /// Takes one more event into account.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Planned(plan) => self.plan = Some(plan.clone()),
            Event::Started { step } => {
                self.started = self.started.max(step + 1);
                self.checkpoint = None;
                self.retries = 0;
            }
            Event::Checkpoint { value, .. } => self.checkpoint = Some(value.clone()),
            Event::Retried { .. } => self.retries += 1,
            Event::Done { step, state } => {
                self.done = self.done.max(step + 1);
                self.state = Some(state.clone());
                self.checkpoint = None;
            }
            Event::Failed { step, failure } => self.fail(*step, failure),
            Event::CancelRequested { by } => self.cancel(by),
            Event::UndoStarted { .. } => {}
            Event::Undone { step } => self.undone = Some(*step),
            Event::UndoFailed { failure, .. } => self.stuck = Some(failure.clone()),
            Event::UndoRetried { .. } => self.stuck = None,
            Event::Resolved { .. } => {
                self.stuck = None;
                self.undone = Some(0);
                self.unwinding = Some(self.unwinding.unwrap_or(Outcome::Failed));
            }
            Event::Finished { outcome } => self.outcome = Some(*outcome),
        }
    }

    fn fail(&mut self, step: u32, failure: &Failure) {
        self.failure = Some(failure.clone());
        let is_edge = self.plan.as_ref().is_some_and(|plan| plan.no_return_from == Some(step));
        if self.is_past_return(step) && !(is_edge && failure.surely_nothing) {
            self.stuck = Some(failure.clone());
        } else if self.unwinding.is_none() {
            self.unwinding = Some(Outcome::Failed);
        }
    }

    fn cancel(&mut self, by: &str) {
        self.cancelled_by = Some(by.to_owned());
        // Refused by `can_cancel` before it is written; tolerated here, since two
        // servers may have written at once.
        if self.unwinding.is_none() && !self.has_passed_return() {
            self.unwinding = Some(Outcome::Cancelled);
        }
    }

    /// What has to happen next.
    pub fn next(&self) -> Next {
        let Some(plan) = &self.plan else { return Next::Nothing };
        if self.outcome.is_some() || self.stuck.is_some() {
            return Next::Nothing;
        }
        if let Some(outcome) = self.unwinding {
            // Everything that started is undone, last first.
            return match self.undone.unwrap_or(self.started) {
                0 => Next::Finish(outcome),
                step => Next::Undo(step - 1),
            };
        }
        if self.done as usize >= plan.steps.len() {
            return Next::Finish(Outcome::Succeeded);
        }
        Next::Run(self.done)
    }

    /// Where the operation stands, as told.
    pub fn told(&self) -> OperationState {
        match (self.outcome, &self.stuck, self.unwinding) {
            (Some(Outcome::Succeeded), ..) => OperationState::Succeeded,
            (Some(Outcome::Failed), ..) => OperationState::Failed,
            (Some(Outcome::Cancelled), ..) => OperationState::Cancelled,
            (None, Some(_), _) => OperationState::NeedsAttention,
            (None, None, Some(_)) => OperationState::Cancelling,
            (None, None, None) if self.started == 0 => OperationState::Pending,
            (None, None, None) => OperationState::Running,
        }
    }

    /// Whether a cancel would still be obeyed.
    pub fn can_cancel(&self) -> bool {
        self.outcome.is_none()
            && self.stuck.is_none()
            && self.unwinding.is_none()
            && !self.has_passed_return()
    }

    /// The plan, once there is one.
    pub const fn plan(&self) -> Option<&Plan> {
        self.plan.as_ref()
    }

    /// How many steps took effect.
    pub const fn done(&self) -> u32 {
        self.done
    }

    /// How many steps have begun.
    pub const fn started(&self) -> u32 {
        self.started
    }

    /// Whether a person has to look, and why.
    pub const fn stuck(&self) -> Option<&Failure> {
        self.stuck.as_ref()
    }

    /// Why it failed, if it did.
    pub const fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// Who cancelled it, if somebody did.
    pub fn cancelled_by(&self) -> Option<&str> {
        self.cancelled_by.as_deref()
    }

    /// How it ended, if it did.
    pub const fn outcome(&self) -> Option<Outcome> {
        self.outcome
    }

    /// Whether steps are being undone.
    pub const fn is_unwinding(&self) -> bool {
        self.unwinding.is_some()
    }

    /// While unwinding: steps from this one on are undone already.
    pub const fn undone(&self) -> Option<u32> {
        self.undone
    }

    /// The operation's state after its last step that took effect.
    pub const fn state(&self) -> Option<&Value> {
        self.state.as_ref()
    }

    /// What the driver noted in the step that is running.
    pub const fn checkpoint(&self) -> Option<&Value> {
        self.checkpoint.as_ref()
    }

    /// How often the running step was tried again.
    pub const fn retries(&self) -> u32 {
        self.retries
    }

    fn is_past_return(&self, step: u32) -> bool {
        self.plan.as_ref().and_then(|plan| plan.no_return_from).is_some_and(|from| step >= from)
    }

    fn has_passed_return(&self) -> bool {
        self.started > 0 && self.is_past_return(self.started - 1)
    }
}

#[cfg(test)]
mod tests;
