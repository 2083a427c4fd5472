//! What a driver's tests bring along: a connection, what may be used, and what
//! cannot be brought about here.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hostler_core::id::IdSource;
use hostler_core::vm::VmSpec;
use hostler_core::vm::devices::VolumeFormat;

use crate::{Provider, Result, VmRef, VolumeReader};

/// Brings a provider to the suite.
#[async_trait]
pub trait Harness: Send + Sync {
    /// A connection for one promise. May be a new one each time, or clones of
    /// one; may lead to a fresh world or to a shared one.
    async fn connect(&self) -> Result<Arc<dyn Provider>>;

    /// What may be used; asked once for a run.
    fn setting(&self) -> Setting;

    /// The smallest VM that can be made and started here, without disks.
    fn spec(&self, name: &str) -> VmSpec {
        VmSpec::new(name, self.setting().memory_bytes)
    }

    /// Makes a stopped VM that does not bear our tag, past the driver; `None`
    /// where that cannot be done.
    async fn make_foreign_vm(&self, _name: &str) -> Option<VmRef> {
        None
    }

    /// The same without waiting until the driver has seen it: what a driver that follows the
    /// place does not know yet.
    async fn make_unseen_vm(&self, name: &str) -> Option<VmRef> {
        self.make_foreign_vm(name).await
    }

    /// Removes what [`Harness::make_foreign_vm`] made.
    async fn remove_foreign_vm(&self, _vm: &VmRef) {}

    /// Sees to it that the guest of this VM, which has no disks, does not obey
    /// the power button. `false` where that cannot be done; `true` without
    /// doing anything where a VM without disks is deaf anyway.
    async fn deafen(&self, _vm: &VmRef) -> bool {
        false
    }

    /// Gives a stopped VM so much memory in the name of somebody else, past the driver, where
    /// the place knows who manages a field. `false` where that cannot be done.
    async fn edit_memory(&self, _vm: &VmRef, _bytes: u64) -> bool {
        false
    }

    /// Lets the next change that is asked of the place take effect so much
    /// later, whoever still waits for it. `false` where that cannot be done.
    async fn delay(&self, _effect: Duration) -> bool {
        false
    }

    /// Lets the place stop answering (connections stay open), or answer again.
    /// `false` where that cannot be done.
    async fn hang(&self, _hung: bool) -> bool {
        false
    }

    /// Sees to it that the driver has nothing but an older picture of the place, which answers
    /// all the same; or lets it catch up. `false` where that cannot be done, as with a driver
    /// that asks each time and keeps no picture.
    async fn fall_behind(&self, _behind: bool) -> bool {
        false
    }
}

/// What a run of the suite may use.
#[derive(Clone)]
pub struct Setting {
    /// What the name of everything begins with that the suite makes, for
    /// example `conformance-`; a valid beginning of a VM's name.
    pub prefix: String,
    /// Makes the ids; must not repeat those of an earlier run on the same host.
    pub ids: IdSource,
    /// The host that VMs are made on, in the provider's terms.
    pub host_ref: String,
    /// The pool that volumes are made in; `None`: the default pool.
    pub pool: Option<String>,
    /// A network that VMs can be connected to.
    pub network: Option<String>,
    /// The memory of each VM in bytes.
    pub memory_bytes: u64,
    /// A small image whose guest boots, obeys the power button and speaks on
    /// its serial line.
    pub boot: Option<BootImage>,
    /// How long one ordinary call may take.
    pub call_within: Duration,
    /// How long a guest may take to boot; also the patience with events.
    pub boot_within: Duration,
    /// How long a guest may take to shut down.
    pub stop_within: Duration,
    /// How long one promise may take in all.
    pub promise_within: Duration,
    /// Promises that cannot be kept here, with the reason.
    pub limits: Vec<Limit>,
}

impl Setting {
    /// The reason why a promise cannot be kept here, if it was declared.
    pub(super) fn limit(&self, promise: &str) -> Option<&str> {
        self.limits.iter().find(|limit| limit.promise == promise).map(|limit| limit.reason)
    }
}

/// A promise that cannot be kept, for example because the place knows no
/// volumes in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The name of the promise.
    pub promise: &'static str,
    /// Why it cannot be kept, for people.
    pub reason: &'static str,
}

/// An image with a guest in it.
#[derive(Clone)]
pub struct BootImage {
    /// Its bytes.
    pub bytes: Arc<dyn VolumeReader>,
    /// How they are stored.
    pub format: VolumeFormat,
    /// The size the guest sees, in bytes.
    pub capacity_bytes: u64,
    /// What the guest says on its serial line once it is up.
    pub says: String,
}
