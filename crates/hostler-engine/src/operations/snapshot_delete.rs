//! `snapshot.delete`: remove it. Once it is being removed there is no way back.

use std::time::Duration;

use async_trait::async_trait;
use hostler_core::id::ProviderId;
use hostler_core::operation::{Outcome, Resource};
use hostler_provider::SnapshotRef;
use serde::{Deserialize, Serialize};

use super::snapshot_create::{BUDGET, snapshots_of};
use super::{AtVm, News, Operation, StepCx, StepError, Undo};

/// Deletes a snapshot of a VM.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SnapshotDelete {
    #[serde(flatten)]
    pub(crate) at: AtVm,
    pub(crate) snapshot: SnapshotRef,
}

#[async_trait]
impl Operation for SnapshotDelete {
    const KIND: &'static str = "snapshot.delete";
    type Step = ();
    type State = ();

    fn provider(&self, (): &()) -> Option<ProviderId> {
        Some(self.at.provider)
    }

    fn plan(&self) -> Vec<()> {
        vec![()]
    }

    fn step_name((): ()) -> &'static str {
        "remove"
    }

    fn no_return_from(&self) -> Option<u32> {
        Some(0)
    }

    fn budget(&self, (): ()) -> Duration {
        BUDGET
    }

    async fn run(&self, (): (), cx: &StepCx, (): &mut ()) -> Result<(), StepError> {
        let provider = self.at.provider(cx).await?;
        let snapshots = snapshots_of(provider.as_ref())?;
        let vm = self.at.reference();
        let call = cx.cx();
        let removing = snapshots.remove_snapshot(call, &vm, &self.snapshot);
        Ok(call.run("remove snapshot", removing).await?)
    }

    async fn undo(&self, (): (), _: &StepCx, (): &()) -> Result<Undo, StepError> {
        // Only what surely changed nothing comes here, from the point of no return.
        Ok(Undo::nothing().for_good())
    }

    fn news(&self, outcome: Outcome) -> Option<News> {
        (outcome == Outcome::Succeeded).then(|| News {
            kind: "snapshot.deleted",
            resource: Resource::Vm(self.at.vm),
            name: self.at.name.clone(),
            message: format!("snapshot {} of VM {} was deleted", self.snapshot.name, self.at.name),
        })
    }
}
