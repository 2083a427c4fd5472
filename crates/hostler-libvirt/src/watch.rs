//! Being told of changes, and looking at one VM.

use std::time::Duration;

use async_trait::async_trait;
use hostler_core::vm::ObservedVm;
use hostler_libvirt_rpc::Uuid;
use hostler_provider::{Change, Cx, Result, VmRef, Watch};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::Libvirt;
use crate::connection::Link;

/// How soon a VM is looked at again while one waits for it.
pub(crate) const POLL: Duration = Duration::from_millis(200);

#[async_trait]
impl Watch for Libvirt {
    async fn subscribe(&self) -> Result<mpsc::Receiver<Change>> {
        Ok(self.link.hub.subscribe())
    }

    async fn observe(&self, cx: &Cx, vm: &VmRef) -> Result<Option<ObservedVm>> {
        self.link.observe_vm(cx, vm).await
    }
}

impl Link {
    /// Until something about the VM may have changed, or it is time to look anyway. Other
    /// VMs' changes wake nobody: a thousand VMs that start at once would all look at each
    /// other's.
    pub(crate) async fn until_touched(
        &self,
        cx: &Cx,
        doing: &str,
        vm: Uuid,
        changes: &mut mpsc::Receiver<Change>,
        deadline: Instant,
    ) -> Result<()> {
        let own = vm.to_string();
        let told = async {
            loop {
                match changes.recv().await {
                    Some(Change::Vm(vm)) if vm.external_ref != own => {}
                    Some(Change::Inventory) => {}
                    Some(Change::Vm(_) | Change::Lost { .. }) | None => return,
                }
            }
        };
        let wait = async {
            tokio::select! {
                () = told => {}
                () = sleep_until((Instant::now() + POLL).min(deadline)) => {}
            }
            Ok(())
        };
        cx.run(doing, wait).await
    }
}
