//! Operations with their types erased, so that the driver can run whatever a
//! journal names.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hostler_core::id::ProviderId;
use hostler_core::operation::{Outcome, Plan};
use hostler_core::{Error, Result};
use hostler_store::Effect;
use serde_json::Value;

use super::disk_attach::DiskAttach;
use super::disk_detach::DiskDetach;
use super::disk_grow::DiskGrow;
use super::snapshot_create::SnapshotCreate;
use super::snapshot_delete::SnapshotDelete;
use super::snapshot_revert::SnapshotRevert;
use super::vm_change::VmChange;
use super::vm_clone::VmClone;
use super::vm_create::VmCreate;
use super::vm_delete::VmDelete;
use super::vm_migrate::VmMigrate;
use super::vm_power::VmPower;
use super::volume_create::VolumeCreate;
use super::volume_delete::VolumeDelete;
use super::{Leaves, News, Operation, StepCx, StepError, Undo};

/// Every kind of operation this version can run.
pub(crate) fn registry() -> Registry {
    let mut kinds = HashMap::from([
        entry::<VmClone>(),
        entry::<VmCreate>(),
        entry::<VmChange>(),
        entry::<VmDelete>(),
        entry::<VmMigrate>(),
        entry::<VolumeCreate>(),
        entry::<VolumeDelete>(),
        entry::<SnapshotCreate>(),
        entry::<SnapshotDelete>(),
        entry::<SnapshotRevert>(),
        entry::<DiskAttach>(),
        entry::<DiskDetach>(),
        entry::<DiskGrow>(),
    ]);
    // One operation for all power verbs, under the name of each.
    for kind in POWER_KINDS {
        kinds.insert(kind, Arc::new(Typed::<VmPower>(PhantomData)));
    }
    Registry(kinds)
}

/// What power operations are called in journals and lists.
const POWER_KINDS: [&str; 8] = [
    "vm.start",
    "vm.stop",
    "vm.force_stop",
    "vm.reboot",
    "vm.reset",
    "vm.pause",
    "vm.resume",
    "vm.save",
];

fn entry<O: Operation>() -> (&'static str, Arc<dyn Runner>) {
    (O::KIND, Arc::new(Typed::<O>(PhantomData)))
}

/// The kinds of operations, by name.
pub(crate) struct Registry(HashMap<&'static str, Arc<dyn Runner>>);

impl Registry {
    /// What runs operations of this kind.
    pub(crate) fn runner(&self, kind: &str) -> Result<Arc<dyn Runner>> {
        self.0
            .get(kind)
            .cloned()
            .ok_or_else(|| Error::bug(format!("this version cannot run operations of kind {kind}")))
    }
}

/// The plan of an operation, as it is journaled.
pub(crate) fn plan_of<O: Operation>(operation: &O) -> Plan {
    Plan {
        steps: operation.plan().into_iter().map(|s| O::step_name(s).to_owned()).collect(),
        no_return_from: operation.no_return_from(),
    }
}

/// An operation with its types erased.
#[async_trait]
pub(crate) trait Runner: Send + Sync {
    /// The provider that the next step works at, as far as that is decided.
    fn provider(&self, params: &Value, state: Option<&Value>) -> Result<Option<ProviderId>>;

    /// How long a step may take.
    fn budget(&self, params: &Value, plan: &Plan, step: u32) -> Result<Duration>;

    /// Does a step; gives the state after it.
    async fn run(&self, request: &StepRequest, cx: &StepCx) -> Result<Value, StepError>;

    /// Undoes a step.
    async fn undo(&self, request: &StepRequest, cx: &StepCx) -> Result<Undo, StepError>;

    /// Whether it may be undone once more after it has ended.
    fn leaves(&self) -> Leaves;

    /// What changes in the store together with the end, and what is told of it.
    fn finished(
        &self,
        params: &Value,
        state: Option<&Value>,
        outcome: Outcome,
    ) -> Result<(Vec<Effect>, Option<News>)>;
}

/// Which step, of what.
pub(crate) struct StepRequest {
    pub(crate) params: Value,
    pub(crate) plan: Plan,
    pub(crate) state: Option<Value>,
    pub(crate) step: u32,
}

struct Typed<O>(PhantomData<fn() -> O>);

impl<O: Operation> Typed<O> {
    fn read(params: &Value) -> Result<O> {
        serde_json::from_value(params.clone())
            .map_err(|e| Error::bug(format!("parameters of {} do not decode: {e}", O::KIND)))
    }

    fn state(state: Option<&Value>) -> Result<O::State> {
        let Some(state) = state else { return Ok(O::State::default()) };
        serde_json::from_value(state.clone())
            .map_err(|e| Error::bug(format!("state of {} does not decode: {e}", O::KIND)))
    }

    /// The step that the journal means. A plan of another version may differ;
    /// then nothing is run on a guess.
    fn step(operation: &O, plan: &Plan, index: u32) -> Result<O::Step> {
        let steps = operation.plan();
        let names: Vec<_> = steps.iter().map(|step| O::step_name(*step)).collect();
        if names != plan.steps {
            let message = format!("{} was planned as {:?}, now {names:?}", O::KIND, plan.steps);
            return Err(Error::bug(message));
        }
        steps
            .get(index as usize)
            .copied()
            .ok_or_else(|| Error::bug(format!("{} has no step {index}", O::KIND)))
    }
}

#[async_trait]
impl<O: Operation> Runner for Typed<O> {
    fn provider(&self, params: &Value, state: Option<&Value>) -> Result<Option<ProviderId>> {
        Ok(Self::read(params)?.provider(&Self::state(state)?))
    }

    fn budget(&self, params: &Value, plan: &Plan, step: u32) -> Result<Duration> {
        let operation = Self::read(params)?;
        Ok(operation.budget(Self::step(&operation, plan, step)?))
    }

    async fn run(&self, request: &StepRequest, cx: &StepCx) -> Result<Value, StepError> {
        let operation = Self::read(&request.params)?;
        let mut state = Self::state(request.state.as_ref())?;
        let step = Self::step(&operation, &request.plan, request.step)?;
        operation.run(step, cx, &mut state).await?;
        serde_json::to_value(&state)
            .map_err(|e| Error::bug(format!("state of {} does not encode: {e}", O::KIND)).into())
    }

    async fn undo(&self, request: &StepRequest, cx: &StepCx) -> Result<Undo, StepError> {
        let operation = Self::read(&request.params)?;
        let state = Self::state(request.state.as_ref())?;
        let step = Self::step(&operation, &request.plan, request.step)?;
        operation.undo(step, cx, &state).await
    }

    fn leaves(&self) -> Leaves {
        O::LEAVES
    }

    fn finished(
        &self,
        params: &Value,
        state: Option<&Value>,
        outcome: Outcome,
    ) -> Result<(Vec<Effect>, Option<News>)> {
        let operation = Self::read(params)?;
        Ok((operation.finished(&Self::state(state)?, outcome), operation.news(outcome)))
    }
}
