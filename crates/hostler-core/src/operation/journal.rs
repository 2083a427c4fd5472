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
//!
//!  a try of step i:  began ─┬─ answered ─────────────────────► settled
//!                           └─ given up, lost, crashed ──────► unsettled: it may still
//!                                                              take effect, later
//! ```
//!
//! Two rules make this small. **Undo runs for every step that started**, the
//! failed one included, and tolerates a step that never took effect; so there
//! is no state in which something may exist that nobody will clean up. **From
//! the point of no return on there is only forward**: a failure there needs
//! attention, and a retry runs the same step again. Only when the very step that
//! leads there surely changed nothing, it fails like any other.
//!
//! The fold also keeps what people are told of each step: whether it failed,
//! what undoing it found ([`Trace`]), and whether a call of it was never
//! answered ([`Journal::is_unsettled`]).

use std::collections::{BTreeMap, BTreeSet};

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
        /// Whether a try before this one was cut off by a crash, so that a call
        /// of it may still take effect.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unsettled: bool,
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
        /// What was found of it.
        #[serde(default, skip_serializing_if = "Trace::is_removed")]
        trace: Trace,
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

/// What was found of a step when it was undone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trace {
    /// Nothing: it had not taken effect.
    None,
    /// Something, or it could not be told; nothing of it is left.
    #[default]
    Removed,
    /// It cannot be undone. What is now, for people, as a clause: `the VM is
    /// stopped`.
    Kept(String),
}

impl Trace {
    const fn is_removed(&self) -> bool {
        matches!(self, Self::Removed)
    }

    /// What two looks found together, of which `later` was the second.
    #[must_use]
    pub fn and_then(self, later: Self) -> Self {
        match (self, later) {
            (_, Self::Kept(what)) => Self::Kept(what),
            (Self::Removed, _) | (_, Self::Removed) => Self::Removed,
            (_, Self::None) => Self::None,
        }
    }
}

/// What is known of a step's effect when it is about to be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was seen to take effect, and nothing of it is under way.
    Done,
    /// It was refused, and nothing of it is under way.
    Refused,
    /// A call of it was never answered: it may have taken effect, or may yet.
    Unsettled,
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
    /// The step that began and has not ended.
    open: Option<u32>,
    /// Steps of which a call was never answered.
    unsettled: BTreeSet<u32>,
    /// What was found of steps that are undone.
    traces: BTreeMap<u32, Trace>,
    /// The step that failed by itself, not because of a cancel.
    failed: Option<u32>,
    /// The step whose undoing failed.
    undo_failed: Option<u32>,
    settled_by_hand: bool,
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
                self.open = Some(*step);
            }
            Event::Checkpoint { value, .. } => self.checkpoint = Some(value.clone()),
            Event::Retried { step, failure } => {
                self.retries += 1;
                self.note_try(*step, failure.unsettled);
            }
            Event::Done { step, state, unsettled } => {
                self.done = self.done.max(step + 1);
                self.state = Some(state.clone());
                self.checkpoint = None;
                self.open = None;
                self.note_try(*step, *unsettled);
                // What failed before a person had it tried again has been made good.
                (self.failed, self.failure) = (None, None);
            }
            Event::Failed { step, failure } => {
                self.open = None;
                self.note_try(*step, failure.unsettled);
                self.fail(*step, failure);
            }
            Event::CancelRequested { by } => self.cancel(by),
            // A crash cut it off, and the cancel came before it could run again.
            Event::UndoStarted { step } => {
                let cut_off = self.open.take() == Some(*step);
                self.note_try(*step, cut_off);
            }
            Event::Undone { step, trace } => {
                self.undone = Some(*step);
                self.traces.insert(*step, trace.clone());
            }
            Event::UndoFailed { step, failure } => {
                self.stuck = Some(failure.clone());
                self.undo_failed = Some(*step);
            }
            Event::UndoRetried { .. } => {
                (self.stuck, self.undo_failed) = (None, None);
                // A step that runs again is tried as often as at first, and has not
                // failed while it does. What is undone stays undone for its reason.
                if self.unwinding.is_none() {
                    (self.retries, self.failed, self.failure) = (0, None, None);
                }
            }
            Event::Resolved { .. } => {
                self.stuck = None;
                self.settled_by_hand = true;
                self.unwinding = Some(self.unwinding.unwrap_or(Outcome::Failed));
            }
            Event::Finished { outcome } => self.outcome = Some(*outcome),
        }
    }

    fn note_try(&mut self, step: u32, unsettled: bool) {
        if unsettled {
            self.unsettled.insert(step);
        }
    }

    fn fail(&mut self, step: u32, failure: &Failure) {
        self.failure = Some(failure.clone());
        if self.unwinding.is_none() {
            self.failed = Some(step);
        }
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
            if self.settled_by_hand {
                return Next::Finish(outcome);
            }
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

    /// What was found of a step when it was undone; `None` while it is not.
    pub fn trace(&self, step: u32) -> Option<&Trace> {
        self.traces.get(&step)
    }

    /// The step that failed by itself, not because of a cancel.
    pub const fn failed_step(&self) -> Option<u32> {
        self.failed
    }

    /// The step whose undoing failed, until a person has it tried again.
    pub const fn undo_failed_step(&self) -> Option<u32> {
        self.undo_failed
    }

    /// Whether a person declared the matter settled.
    pub const fn is_settled_by_hand(&self) -> bool {
        self.settled_by_hand
    }

    /// Whether a call of this step was never answered, so that it may take
    /// effect later than anybody looks.
    pub fn is_unsettled(&self, step: u32) -> bool {
        self.unsettled.contains(&step)
    }

    /// Whether [`Journal::is_unsettled`] is so for any step.
    pub fn has_unsettled(&self) -> bool {
        !self.unsettled.is_empty()
    }

    /// What is known of a step's effect.
    pub fn fate(&self, step: u32) -> Fate {
        match (self.is_unsettled(step), step < self.done) {
            (true, _) => Fate::Unsettled,
            (false, true) => Fate::Done,
            (false, false) => Fate::Refused,
        }
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
