//! Being told of changes, and looking at one VM.

use async_trait::async_trait;
use hostler_core::vm::ObservedVm;
use hostler_provider::{Change, Cx, Error, Kind, Result, VmRef, Watch};
use tokio::sync::mpsc;

use crate::fleet::Age;
use crate::link::without_effect;
use crate::mapper::{MappedVm, VmKind};
use crate::provider::KubeVirt;

impl KubeVirt {
    /// A VM as it is followed, or as the cluster tells when asked while it is not;
    /// `None` when it is not there, which only the cluster itself is believed.
    pub(crate) async fn look(&self, cx: &Cx, vm: &VmRef) -> Result<Option<MappedVm>> {
        let shared = &self.shared;
        let caller = shared.link.caller(cx).await?;
        shared.fleet.listed(cx, &shared.link, &caller).await?;
        match shared.fleet.age(false) {
            Age::Now => match shared.fleet.find(&vm.external_ref, cx.now())? {
                Some(found) => Ok(Some(found)),
                None if shared.fleet.was_told_gone(&vm.external_ref) => Ok(None),
                None => shared.fleet.seek(cx, &shared.link, &caller, vm).await,
            },
            Age::Rebuilding(_) | Age::NotKnown(_) => {
                shared.fleet.ask(cx, &shared.link, &caller, vm).await
            }
        }
    }

    /// A VM that something is to be done with that an instance alone cannot bear, for the
    /// reason `alone`.
    ///
    /// # Errors
    /// `Cancelled`; `NotFound` where it is not there; `Unsupported` for an instance alone.
    pub(crate) async fn vm_proper(
        &self,
        cx: &Cx,
        vm: &VmRef,
        doing: &str,
        alone: &str,
    ) -> Result<MappedVm> {
        let error = |kind, what: &str| Error::new(kind, format!("{doing}: {what}"));
        if cx.is_cancelled() {
            return Err(error(Kind::Cancelled, "cancelled"));
        }
        match self.look(cx, vm).await {
            Ok(Some(seen)) if seen.kind == VmKind::Instance => {
                let what = format!("it is an instance without a VM, {alone}");
                Err(error(Kind::Unsupported, &what))
            }
            Ok(Some(seen)) => Ok(seen),
            Ok(None) => Err(error(Kind::NotFound, "the VM is not there any more")),
            Err(error) => Err(error.context(doing)),
        }
    }
}

#[async_trait]
impl Watch for KubeVirt {
    async fn subscribe(&self) -> Result<mpsc::Receiver<Change>> {
        Ok(self.shared.hub.subscribe())
    }

    async fn observe(&self, cx: &Cx, vm: &VmRef) -> Result<Option<ObservedVm>> {
        let looked = cx.run(&format!("cannot look at {vm}"), self.look(cx, vm)).await;
        Ok(looked.map_err(without_effect)?.map(|mapped| mapped.vm))
    }
}
