//! `snapshot.revert`: put the VM back. What its disks held is gone with it, so there is
//! no way back; and it happens once, since the provider knows it by this operation.
//!
//! ```text
//!   asked ─┬─ done ──────────────────────► succeeded
//!          ├─ refused, nothing happened ─► failed, the VM is as it was
//!          └─ no answer ─► asked again, for the same operation
//! ```

use std::time::Duration;

use async_trait::async_trait;
use hostler_core::id::ProviderId;
use hostler_core::operation::{Outcome, Resource};
use hostler_provider::{Revert, SnapshotRef};
use serde::{Deserialize, Serialize};

use super::snapshot_create::{BUDGET, snapshots_of};
use super::{AtVm, News, Operation, StepCx, StepError, Undo, rebound};

/// Puts a VM back to a snapshot.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SnapshotRevert {
    #[serde(flatten)]
    pub(crate) at: AtVm,
    pub(crate) snapshot: SnapshotRef,
}

#[async_trait]
impl Operation for SnapshotRevert {
    const KIND: &'static str = "snapshot.revert";
    type Step = ();
    type State = ();

    fn provider(&self, (): &()) -> Option<ProviderId> {
        Some(self.at.provider)
    }

    fn plan(&self) -> Vec<()> {
        vec![()]
    }

    fn step_name((): ()) -> &'static str {
        "put back"
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
        let request = Revert { operation: cx.operation, vm: &vm, snapshot: &self.snapshot };
        let call = cx.cx();
        let reverted = call.run("put VM back", snapshots.revert(call, &request)).await?;
        rebound::rebind(cx, &self.at, provider.as_ref(), &reverted.moved).await
    }

    async fn undo(&self, (): (), _: &StepCx, (): &()) -> Result<Undo, StepError> {
        // Only what surely changed nothing comes here, from the point of no return.
        Ok(Undo::nothing().for_good())
    }

    fn news(&self, outcome: Outcome) -> Option<News> {
        (outcome == Outcome::Succeeded).then(|| News {
            kind: "snapshot.reverted",
            resource: Resource::Vm(self.at.vm),
            name: self.at.name.clone(),
            message: format!("VM {} was put back to snapshot {}", self.at.name, self.snapshot.name),
        })
    }
}
