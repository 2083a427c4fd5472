//! Being told of changes in a simulated world, and looking at one VM.

use async_trait::async_trait;
use hostler_core::vm::ObservedVm;
use hostler_provider::{Change, Cx, Result, VmRef, Watch};
use tokio::sync::mpsc;

use crate::faults::Place;
use crate::verb::Verb;
use crate::{Sim, Target};

#[async_trait]
impl Watch for Sim {
    async fn subscribe(&self) -> Result<mpsc::Receiver<Change>> {
        let call = self.world.faults().enter(Verb::Subscribe, Place::default());
        call.arrive().await?;
        call.answer(self.world.subscribe())
    }

    async fn observe(&self, cx: &Cx, vm: &VmRef) -> Result<Option<ObservedVm>> {
        self.call(cx, Verb::Observe, Target::Vm(vm), async {
            Ok(self.world.read(|state| {
                let found = state.vms.get(&vm.external_ref)?;
                Some(self.world.observed(state, found, cx.now()))
            }))
        })
        .await
    }
}
