//! Starting, stopping and pausing VMs. Each verb is success when the VM is
//! already as wanted, and returns when the effect was seen.

use std::time::Duration;

use async_trait::async_trait;

use crate::context::Cx;
use crate::error::Result;
use crate::inventory::VmRef;

/// How to stop a VM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopMode {
    /// Ask the guest and wait until it is off; a guest that does not obey
    /// within the time is a `Timeout` error and keeps running.
    Graceful {
        /// How long the guest has.
        within: Duration,
    },
    /// Ask the guest; cut its power when it does not obey within the time.
    GracefulThenForce {
        /// How long the guest has.
        within: Duration,
    },
    /// Cut its power now.
    Force,
}

/// Starting, stopping and pausing VMs.
#[async_trait]
pub trait Power: Send + Sync {
    /// Makes it run. A saved VM resumes. Running is success.
    async fn start(&self, cx: &Cx, vm: &VmRef) -> Result<()>;

    /// Turns it off and returns when it is off. Off is success.
    async fn stop(&self, cx: &Cx, vm: &VmRef, mode: StopMode) -> Result<()>;

    /// Asks the guest to reboot; returns when it was asked.
    async fn reboot(&self, cx: &Cx, vm: &VmRef) -> Result<()>;

    /// Presses the reset button.
    async fn reset(&self, cx: &Cx, vm: &VmRef) -> Result<()>;

    /// Stops its processors. Paused is success.
    async fn pause(&self, cx: &Cx, vm: &VmRef) -> Result<()>;

    /// Lets its processors run again, or wakes a sleeping guest. Running is success.
    async fn resume(&self, cx: &Cx, vm: &VmRef) -> Result<()>;

    /// Writes its memory to disk and turns it off; starting it resumes it.
    /// Saved is success.
    async fn save(&self, cx: &Cx, vm: &VmRef) -> Result<()>;
}
