//! The VM that an operation is at: where it was when it was asked for. What is done to
//! that VM is done only while it is still ours to change (X30).

use std::sync::Arc;

use hostler_core::id::{ProviderId, VmId};
use hostler_core::vm::ObservedVm;
use hostler_provider::{Provider, VmRef};
use serde::{Deserialize, Serialize};

use super::{StepCx, StepError};

/// A VM at its provider. Journals have these fields among those of the operation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AtVm {
    pub(crate) vm: VmId,
    /// The VM's name.
    pub(crate) name: String,
    pub(crate) provider: ProviderId,
    /// The provider's lasting name for the VM.
    pub(crate) external_ref: String,
}

impl AtVm {
    /// The VM in its provider's terms.
    pub(crate) fn reference(&self) -> VmRef {
        VmRef { external_ref: self.external_ref.clone(), name: self.name.clone() }
    }

    /// Its provider, to change the VM.
    ///
    /// # Errors
    /// Where somebody let go of the VM, or adopted it for reading only, since it was
    /// asked for: asking takes as long as its provider needs to answer, and only what is
    /// taken on claims the VM.
    pub(crate) async fn provider(&self, cx: &StepCx) -> Result<Arc<dyn Provider>, StepError> {
        cx.check_obeys(self.vm).await?;
        Ok(cx.provider(self.provider)?)
    }

    /// How it is now; `None` when it is not there.
    pub(crate) async fn look(
        &self,
        cx: &StepCx,
        provider: &dyn Provider,
    ) -> Result<Option<ObservedVm>, StepError> {
        look(cx, provider, &self.reference()).await
    }
}

/// How a VM is now; `None` when it is not there.
pub(crate) async fn look(
    cx: &StepCx,
    provider: &dyn Provider,
    vm: &VmRef,
) -> Result<Option<ObservedVm>, StepError> {
    let call = &cx.cx().at_most(cx.engine.pace.look);
    Ok(match provider.watch() {
        Some(watch) => call.run("look at VM", watch.observe(call, vm)).await?,
        None => {
            let inventory = call.run("inventory", provider.inventory(call)).await?;
            inventory.vms.into_iter().find(|seen| seen.external_ref == vm.external_ref)
        }
    })
}
