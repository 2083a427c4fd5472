//! Lies about snapshots.

use async_trait::async_trait;
use hostler_core::id::{OperationId, SnapshotId};
use hostler_core::snapshot::{ObservedSnapshot, Quiesce, SnapshotLimits, SnapshotSpec};
use hostler_provider::{
    Cx, EnsureSnapshot, Result, Revert, Reverted, SnapshotHandle, SnapshotRef, Snapshots, VmRef,
};

use super::{Liar, Lie};
use crate::support::NOW;

#[async_trait]
impl Snapshots for Liar {
    fn limits(&self) -> SnapshotLimits {
        self.sim.limits()
    }

    async fn list_snapshots(&self, cx: &Cx, vm: &VmRef) -> Result<Vec<ObservedSnapshot>> {
        Snapshots::list_snapshots(&self.sim, cx, vm).await
    }

    async fn ensure_snapshot(
        &self,
        cx: &Cx,
        request: &EnsureSnapshot<'_>,
    ) -> Result<SnapshotHandle> {
        let mut spec: SnapshotSpec = request.spec.clone();
        let mut id = request.id;
        match self.lie {
            Lie::TakesTwice => {
                let count = Snapshots::list_snapshots(&self.sim, cx, request.vm).await?.len();
                id = SnapshotId::new(NOW, [u8::try_from(count).unwrap(); 10]);
                spec.name = format!("{}-{count}", spec.name);
            }
            Lie::SettlesForLess => spec.quiesce = Quiesce::Wanted,
            _ => {}
        }
        let request = EnsureSnapshot { id, vm: request.vm, spec: &spec };
        self.sim.ensure_snapshot(cx, &request).await.map_err(|error| self.too_sure(error))
    }

    async fn revert(&self, cx: &Cx, request: &Revert<'_>) -> Result<Reverted> {
        let mut request = request.clone();
        if self.tells(Lie::RevertsAgain) {
            let random = self.sim.world().census().vms.iter().map(|vm| vm.reverts).sum::<u64>();
            request.operation = OperationId::new(NOW, [u8::try_from(random).unwrap(); 10]);
        }
        let mut told = self.sim.revert(cx, &request).await?;
        if self.tells(Lie::TellsMarks) {
            told.moved.iter_mut().for_each(|moved| moved.disk.push_str("-5f6a7b8c9d0e"));
        }
        Ok(told)
    }

    async fn remove_snapshot(&self, cx: &Cx, vm: &VmRef, snapshot: &SnapshotRef) -> Result<()> {
        match self.lie {
            Lie::KeepsSnapshots => Ok(()),
            Lie::RemovesChildren => {
                for seen in Snapshots::list_snapshots(&self.sim, cx, vm).await? {
                    let (external_ref, name) = (seen.external_ref, seen.name);
                    let one = SnapshotRef { external_ref, name };
                    self.sim.remove_snapshot(cx, vm, &one).await?;
                }
                Ok(())
            }
            _ => self.sim.remove_snapshot(cx, vm, snapshot).await,
        }
    }
}
