//! Being told of changes. No stream of events is complete: a consumer lists
//! again when told that something was lost, and at its own pace anyway.

use async_trait::async_trait;
use hostler_core::vm::ObservedVm;
use tokio::sync::mpsc;

use crate::context::Cx;
use crate::error::Result;
use crate::inventory::VmRef;

/// Something changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// This VM changed, appeared or went; look at it.
    Vm(VmRef),
    /// Pools, networks or hosts changed; take the inventory again.
    Inventory,
    /// Events were lost, or the connection was; take the inventory again.
    Lost {
        /// Why, for the log.
        reason: String,
    },
}

/// Being told of changes.
#[async_trait]
pub trait Watch: Send + Sync {
    /// Changes from now on. The channel is bounded; what does not fit is
    /// replaced by one [`Change::Lost`]. The channel closes only when the
    /// provider is dropped: reconnecting is the driver's business.
    async fn subscribe(&self) -> Result<mpsc::Receiver<Change>>;

    /// Looks at one VM now; `None` when it is not there.
    async fn observe(&self, cx: &Cx, vm: &VmRef) -> Result<Option<ObservedVm>>;
}
