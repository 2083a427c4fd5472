//! Being told of changes, and looking at one VM.

use async_trait::async_trait;
use hostler_core::vm::ObservedVm;
use hostler_provider::{Change, Cx, Result, VmRef, Watch};
use tokio::sync::mpsc;

use crate::Libvirt;

#[async_trait]
impl Watch for Libvirt {
    async fn subscribe(&self) -> Result<mpsc::Receiver<Change>> {
        Ok(self.link.hub.subscribe())
    }

    async fn observe(&self, cx: &Cx, vm: &VmRef) -> Result<Option<ObservedVm>> {
        self.link.observe_vm(cx, vm).await
    }
}
