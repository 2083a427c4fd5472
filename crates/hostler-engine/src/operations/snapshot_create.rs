//! `snapshot.create`: take it. It bears our mark, so that what a lost answer left is
//! found: the same try finds it done, and undoing takes it away.

use std::time::Duration;

use async_trait::async_trait;
use hostler_core::id::{ProviderId, SnapshotId};
use hostler_core::operation::{Fate, Outcome, Resource};
use hostler_core::snapshot::SnapshotSpec;
use hostler_provider::{EnsureSnapshot, Group, Kind, Provider, SnapshotRef, Snapshots};
use serde::{Deserialize, Serialize};

use super::{AtVm, Leaves, News, Operation, StepCx, StepError, Undo, lacks};

/// Taking a snapshot may copy all that a VM has.
pub(crate) const BUDGET: Duration = Duration::from_secs(1800);

/// Takes a snapshot of a VM.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SnapshotCreate {
    #[serde(flatten)]
    pub(crate) at: AtVm,
    pub(crate) id: SnapshotId,
    pub(crate) spec: SnapshotSpec,
}

/// The group, or that the provider lacks it.
pub(crate) fn snapshots_of(provider: &dyn Provider) -> Result<&dyn Snapshots, hostler_core::Error> {
    provider.snapshots().ok_or_else(|| lacks(Group::Snapshots))
}

impl SnapshotCreate {
    /// The snapshot that bears our mark, if there is one.
    async fn find(
        &self,
        cx: &StepCx,
        snapshots: &dyn Snapshots,
    ) -> Result<Option<SnapshotRef>, StepError> {
        let vm = self.at.reference();
        let listed = cx.cx().run("list snapshots", snapshots.list_snapshots(cx.cx(), &vm)).await;
        let all = match listed {
            // With the VM went what was of it alone.
            Err(error) if error.kind() == Kind::NotFound => return Ok(None),
            listed => listed?,
        };
        let ours = all.into_iter().find(|one| one.tag == Some(self.id));
        Ok(ours.map(|one| SnapshotRef { external_ref: one.external_ref, name: one.name }))
    }
}

#[async_trait]
impl Operation for SnapshotCreate {
    const KIND: &'static str = "snapshot.create";
    type Step = ();
    type State = ();

    const LEAVES: Leaves = Leaves::Marked;

    fn provider(&self, (): &()) -> Option<ProviderId> {
        Some(self.at.provider)
    }

    fn plan(&self) -> Vec<()> {
        vec![()]
    }

    fn step_name((): ()) -> &'static str {
        "take"
    }

    fn budget(&self, (): ()) -> Duration {
        BUDGET
    }

    async fn run(&self, (): (), cx: &StepCx, (): &mut ()) -> Result<(), StepError> {
        let provider = self.at.provider(cx).await?;
        let snapshots = snapshots_of(provider.as_ref())?;
        let request = EnsureSnapshot { id: self.id, vm: &self.at.reference(), spec: &self.spec };
        let call = cx.cx();
        call.run("take snapshot", snapshots.ensure_snapshot(call, &request)).await?;
        Ok(())
    }

    async fn undo(&self, (): (), cx: &StepCx, (): &()) -> Result<Undo, StepError> {
        if cx.fate() == Fate::Refused {
            return Ok(Undo::nothing().for_good());
        }
        let provider = cx.provider(self.at.provider)?;
        let snapshots = snapshots_of(provider.as_ref())?;
        let Some(found) = self.find(cx, snapshots).await? else { return Ok(Undo::nothing()) };
        let (call, vm) = (cx.cx(), self.at.reference());
        call.run("remove snapshot", snapshots.remove_snapshot(call, &vm, &found)).await?;
        Ok(Undo::removed())
    }

    fn news(&self, outcome: Outcome) -> Option<News> {
        (outcome == Outcome::Succeeded).then(|| News {
            kind: "snapshot.created",
            resource: Resource::Vm(self.at.vm),
            name: self.at.name.clone(),
            message: format!("snapshot {} of VM {} was taken", self.spec.name, self.at.name),
        })
    }
}
