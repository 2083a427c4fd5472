//! Lies about changes.

use async_trait::async_trait;
use hostler_core::vm::change::ChangePlan;
use hostler_provider::{ChangeVm, Configure, Cx, Result};

use super::{Liar, Lie};

#[async_trait]
impl Configure for Liar {
    async fn plan_change(&self, cx: &Cx, request: &ChangeVm<'_>) -> Result<ChangePlan> {
        if self.tells(Lie::PlansForReal) {
            return self.sim.change_vm(cx, request).await;
        }
        self.sim.plan_change(cx, request).await
    }

    async fn change_vm(&self, cx: &Cx, request: &ChangeVm<'_>) -> Result<ChangePlan> {
        if self.tells(Lie::ChangesNothing) {
            return self.sim.plan_change(cx, request).await;
        }
        let mut taken = Vec::new();
        let mut request = request.clone();
        if self.tells(Lie::TakesFields) {
            taken = self.sim.plan_change(cx, &request).await?.managed_by_others;
            request.from_gitops = true;
        } else {
            taken.extend_from_slice(request.take_over);
        }
        request.take_over = &taken;
        self.sim.change_vm(cx, &request).await.map_err(|error| self.too_sure(error))
    }
}
