//! Snapshots of simulated VMs. The rules are in [`crate::world::snapshots`].

use async_trait::async_trait;
use hostler_core::snapshot::{ObservedSnapshot, SnapshotLimits};
use hostler_provider::{
    Cx, EnsureSnapshot, Result, Revert, Reverted, SnapshotHandle, SnapshotRef, Snapshots, VmRef,
};

use crate::verb::Verb;
use crate::world::snapshots::LIMITS;
use crate::world::state::State;
use crate::{Sim, Target};

#[async_trait]
impl Snapshots for Sim {
    fn limits(&self) -> SnapshotLimits {
        LIMITS
    }

    async fn list_snapshots(&self, cx: &Cx, vm: &VmRef) -> Result<Vec<ObservedSnapshot>> {
        self.call(cx, Verb::Snapshots, Target::Vm(vm), async {
            self.world.read(|state| Ok(state.vm(vm)?.snapshots.observed(cx.now())))
        })
        .await
    }

    async fn ensure_snapshot(
        &self,
        cx: &Cx,
        request: &EnsureSnapshot<'_>,
    ) -> Result<SnapshotHandle> {
        let (identity, now) = (self.world.random(), cx.now());
        let (id, vm, spec) = (request.id, request.vm, request.spec);
        let (late_vm, late_spec) = (vm.clone(), spec.clone());
        // Nobody hears of a refusal any more.
        let landing = Box::new(move |state: &mut State| {
            drop(state.ensure_snapshot(identity, id, &late_vm, &late_spec, now));
        });
        let effect =
            async { self.world.change(|state| state.ensure_snapshot(identity, id, vm, spec, now)) };
        self.gate(cx, Verb::EnsureSnapshot, Target::Vm(vm), landing, effect).await
    }

    async fn revert(&self, cx: &Cx, request: &Revert<'_>) -> Result<Reverted> {
        let Revert { operation, vm, snapshot } = *request;
        let (late_vm, late_snapshot) = (vm.clone(), snapshot.clone());
        let landing = Box::new(move |state: &mut State| {
            drop(state.revert(operation, &late_vm, &late_snapshot));
        });
        let effect = async { self.world.change(|state| state.revert(operation, vm, snapshot)) };
        self.gate(cx, Verb::Revert, Target::Vm(vm), landing, effect).await
    }

    async fn remove_snapshot(&self, cx: &Cx, vm: &VmRef, snapshot: &SnapshotRef) -> Result<()> {
        let (late_vm, late_snapshot) = (vm.clone(), snapshot.clone());
        let landing = Box::new(move |state: &mut State| {
            drop(state.remove_snapshot(&late_vm, &late_snapshot));
        });
        let effect = async { self.world.change(|state| state.remove_snapshot(vm, snapshot)) };
        self.gate(cx, Verb::RemoveSnapshot, Target::Vm(vm), landing, effect).await
    }
}
