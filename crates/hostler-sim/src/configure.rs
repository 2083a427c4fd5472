//! Changing simulated VMs. The rules are in [`crate::world::change`].

use async_trait::async_trait;
use hostler_core::id::VmId;
use hostler_core::vm::VmSpec;
use hostler_core::vm::change::{ChangePlan, Managed};
use hostler_provider::{ChangeVm, Configure, Cx, DiskBinding, Result, VmRef};

use crate::verb::Verb;
use crate::world::state::State;
use crate::{Sim, Target};

#[async_trait]
impl Configure for Sim {
    async fn plan_change(&self, cx: &Cx, request: &ChangeVm<'_>) -> Result<ChangePlan> {
        self.call(cx, Verb::PlanChange, Target::Vm(request.at), async {
            self.world.read(|state| state.plan_change(request))
        })
        .await
    }

    async fn change_vm(&self, cx: &Cx, request: &ChangeVm<'_>) -> Result<ChangePlan> {
        let owned = Owned::of(request);
        // Nobody hears of a refusal any more.
        let landing = Box::new(move |state: &mut State| {
            drop(state.change_vm(&owned.request()));
        });
        let effect = async { self.world.change(|state| state.change_vm(request)) };
        self.gate(cx, Verb::ChangeVm, Target::Vm(request.at), landing, effect).await
    }
}

/// A request that outlives its caller.
struct Owned {
    vm: VmId,
    at: VmRef,
    before: VmSpec,
    spec: VmSpec,
    disks: Vec<DiskBinding>,
    take_over: Vec<Managed>,
    from_gitops: bool,
}

impl Owned {
    fn of(request: &ChangeVm<'_>) -> Self {
        Self {
            vm: request.vm,
            at: request.at.clone(),
            before: request.before.clone(),
            spec: request.spec.clone(),
            disks: request.disks.to_vec(),
            take_over: request.take_over.to_vec(),
            from_gitops: request.from_gitops,
        }
    }

    fn request(&self) -> ChangeVm<'_> {
        ChangeVm {
            vm: self.vm,
            at: &self.at,
            before: &self.before,
            spec: &self.spec,
            disks: &self.disks,
            seed: None,
            take_over: &self.take_over,
            from_gitops: self.from_gitops,
        }
    }
}
