//! Operations: changes to the world that survive crashes, can be undone, and
//! say what they did.
//!
//! *An operation is a struct (parameters), an enum (steps) and two matches.*
//! What the journal says decides what happens next
//! ([`hostler_core::operation::journal`]); the driver does it; the files beside
//! this one say how.
//!
//! To add one: a file here with the struct, a line in [`registry`], and the
//! four generic proofs in `tests/it/proofs.rs`.

pub(crate) mod at_vm;
pub(crate) mod context;
pub(crate) mod disk_attach;
pub(crate) mod disk_detach;
mod driver;
mod driving;
mod made;
mod rebound;
mod requests;
mod retry;
mod runner;
pub(crate) mod snapshot_create;
pub(crate) mod snapshot_delete;
pub(crate) mod snapshot_revert;
mod turns;
pub(crate) mod view;
pub(crate) mod vm_change;
pub(crate) mod vm_clone;
pub(crate) mod vm_create;
pub(crate) mod vm_delete;
pub(crate) mod vm_migrate;
pub(crate) mod vm_power;
pub(crate) mod volume_create;
pub(crate) mod volume_delete;

use std::time::Duration;

use async_trait::async_trait;
use hostler_core::error::Kind;
use hostler_core::id::ProviderId;
use hostler_core::operation::{Outcome, Resource, Trace};
use hostler_core::{Code, Error};
use hostler_store::Effect;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use at_vm::AtVm;
pub(crate) use context::StepCx;
pub(crate) use driver::drive;
pub(crate) use driving::{Begin, Driving};
pub(crate) use made::made_as;
pub use requests::Operations;
pub(crate) use requests::Submission;
pub(crate) use retry::pause;
pub(crate) use runner::{Registry, StepRequest, registry};
pub(crate) use turns::Bounds;

/// How many operations may have begun at one provider: those at work, and those
/// that pause before another try. Each has a lease to be renewed.
pub(crate) const BEGUN_PER_PROVIDER_MAX: usize = 64;

/// What may be undone once more after an operation has ended undone: it bears a mark that
/// no other operation can ever use, so that what is found then was made by a call that
/// came late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaves {
    /// Nothing that could be told from what others make.
    Nothing,
    /// The VM that it is about. Where that is managed, or adopted, it is somebody's.
    TheVm,
    /// Something with a mark of its own, of a VM that goes on.
    Marked,
}

/// A durable change to the world.
#[async_trait]
pub(crate) trait Operation:
    Serialize + DeserializeOwned + Clone + Send + Sync + 'static
{
    /// Its name in the journal, for ever.
    const KIND: &'static str;
    /// Its steps.
    type Step: Copy + PartialEq + Send + Sync;
    /// What later steps need of earlier ones; stored with each step that is done.
    type State: Serialize + DeserializeOwned + Default + Send + Sync;

    /// What a call of it that comes after its end may leave behind.
    const LEAVES: Leaves = Leaves::Nothing;

    /// The provider that its next step works at, as far as that is decided:
    /// whoever waits for a provider keeps others waiting only there.
    fn provider(&self, state: &Self::State) -> Option<ProviderId>;

    /// Its steps, in order. Decided by the parameters alone.
    fn plan(&self) -> Vec<Self::Step>;

    /// A step's name in the journal and for people.
    fn step_name(step: Self::Step) -> &'static str;

    /// From this step on there is no way back.
    fn no_return_from(&self) -> Option<u32> {
        None
    }

    /// How long a step may take.
    fn budget(&self, _step: Self::Step) -> Duration {
        Duration::from_secs(600)
    }

    /// Does a step. It may have been done before, whole or in part.
    async fn run(
        &self,
        step: Self::Step,
        cx: &StepCx,
        state: &mut Self::State,
    ) -> Result<(), StepError>;

    /// Undoes a step, which may have taken effect whole, in part or not at all,
    /// and says what it found. Repeated while a late effect may come.
    async fn undo(
        &self,
        step: Self::Step,
        cx: &StepCx,
        state: &Self::State,
    ) -> Result<Undo, StepError>;

    /// What changes in the store together with the end.
    fn finished(&self, _state: &Self::State, _outcome: Outcome) -> Vec<Effect> {
        Vec::new()
    }

    /// What people are told together with the end, where the operation's own
    /// events and what is seen of the world do not say it.
    fn news(&self, _outcome: Outcome) -> Option<News> {
        None
    }
}

/// Something that people are told together with the end of an operation.
pub(crate) struct News {
    /// For example `volume.created`.
    pub(crate) kind: &'static str,
    pub(crate) resource: Resource,
    /// The resource's name.
    pub(crate) name: String,
    /// One line, to which "by WHOM" is added.
    pub(crate) message: String,
}

/// What undoing a step found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Undo {
    pub(crate) trace: Trace,
    /// Whether a later look would find the same, though a call of the step was
    /// never answered.
    pub(crate) is_final: bool,
}

impl Undo {
    /// There was nothing to undo.
    pub(crate) fn nothing() -> Self {
        Self { trace: Trace::None, is_final: false }
    }

    /// What there was, if anything, is gone.
    pub(crate) fn removed() -> Self {
        Self { trace: Trace::Removed, is_final: false }
    }

    /// It cannot be undone; what is now, as a clause.
    pub(crate) fn kept(what: impl Into<String>) -> Self {
        Self { trace: Trace::Kept(what.into()), is_final: false }
    }

    /// The same, and no later look would find anything else.
    pub(crate) fn for_good(self) -> Self {
        Self { is_final: true, ..self }
    }

    /// What this look and a later one found.
    pub(crate) fn and_then(self, later: Self) -> Self {
        Self { trace: self.trace.and_then(later.trace), is_final: later.is_final }
    }
}

/// A step that was not seen to succeed.
#[derive(Debug)]
pub(crate) struct StepError {
    pub(crate) error: Error,
    /// Whether trying again may help: the failure passes, or it is not known
    /// whether there was one and steps can be repeated.
    pub(crate) is_transient: bool,
    /// Whether the step surely changed nothing.
    pub(crate) surely_nothing: bool,
    /// Whether a call was not answered, so that it may take effect yet.
    pub(crate) in_flight: bool,
    pub(crate) retry_after: Option<Duration>,
}

impl StepError {
    /// A failure that lasts, after which nobody knows how far the step came.
    pub(crate) fn lasting(error: Error) -> Self {
        let (is_transient, surely_nothing, in_flight) = (false, false, true);
        Self { error, is_transient, surely_nothing, in_flight, retry_after: None }
    }

    /// Puts what was being done before the message.
    pub(crate) fn context(mut self, doing: &str) -> Self {
        let error = &self.error;
        let mut told = Error::new(error.code(), format!("{doing}: {}", error.message()));
        for (key, value) in error.details() {
            told = told.with_detail(key, value);
        }
        if let Some(internal) = error.internal() {
            told = told.with_internal(internal);
        }
        self.error = told;
        self
    }
}

impl From<hostler_provider::Error> for StepError {
    fn from(error: hostler_provider::Error) -> Self {
        let is_cancelled = error.kind() == hostler_provider::Kind::Cancelled;
        let is_transient = !is_cancelled && (error.kind().is_transient() || error.is_unknown());
        let (in_flight, retry_after) = (error.is_unknown(), error.retry_after());
        let surely_nothing = !in_flight;
        Self { is_transient, surely_nothing, in_flight, retry_after, error: error.into() }
    }
}

impl From<Error> for StepError {
    fn from(error: Error) -> Self {
        let is_transient = matches!(error.kind(), Kind::Unavailable | Kind::Timeout);
        // Our own: no provider was asked.
        let (surely_nothing, in_flight) = (false, false);
        Self { error, is_transient, surely_nothing, in_flight, retry_after: None }
    }
}

impl From<hostler_store::Error> for StepError {
    fn from(error: hostler_store::Error) -> Self {
        Error::from(error).into()
    }
}

/// The provider lacks the group of abilities that was asked for.
pub(crate) fn lacks(group: hostler_provider::Group) -> Error {
    let message = match group {
        // The word is no verb.
        hostler_provider::Group::InstanceTypes => {
            "the provider has no instance types and preferences; leave them out, and say a size"
                .to_owned()
        }
        other => format!("the provider cannot {}", other.as_str()),
    };
    Error::new(Code::CapabilityMissing, message)
}
