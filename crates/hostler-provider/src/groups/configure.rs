//! Changing what a VM is: processors, memory, devices.
//!
//! ```text
//!   plan_change ─► what differs, when each takes effect, who else manages it   (touches nothing)
//!        │  shown to whoever asks
//!        ▼
//!   change_vm ─► fields of others among it, not given back? ─ yes ─► refused, with all of them
//!        │ no
//!        └─► made ─► read back ─► what takes effect when, as the place says
//! ```
//!
//! How a VM is run (whether it is on, and whether it starts by itself again) is never
//! written here: that is [`crate::Power`]'s alone (X25). Nor are its disks.

use async_trait::async_trait;
use hostler_core::id::VmId;
use hostler_core::vm::VmSpec;
use hostler_core::vm::change::{ChangePlan, Managed};

use super::create::DiskBinding;
use super::storage::VolumeRef;
use crate::context::Cx;
use crate::error::{Error, Kind, Result};
use crate::inventory::VmRef;

/// Changing what VMs are.
#[async_trait]
pub trait Configure: Send + Sync {
    /// What changing it would do. Touches nothing; where the place can try a change
    /// without making it, it is tried.
    ///
    /// The plan leads from what the VM is to what is wanted, as far as the place can tell
    /// what it is: what others have changed is among it.
    ///
    /// # Errors
    /// `NotFound`: there is no such VM. `Invalid` or `Unsupported`: the place cannot have
    /// what is wanted, by the fields' names.
    async fn plan_change(&self, cx: &Cx, request: &ChangeVm<'_>) -> Result<ChangePlan>;

    /// Makes it so, and tells what was changed and when each takes effect, as the place
    /// says afterwards. A VM that is as wanted is success, with an empty plan.
    ///
    /// A setting that the place takes and does not keep is an error.
    ///
    /// # Errors
    /// As [`Configure::plan_change`]. `Invalid`: a change that is refused, with its remedy
    /// ([`ChangePlan::check`]). `Conflict` with the code `vm_fields_managed`: others manage
    /// fields that would change, and not all of them were given back, or a tool keeps them.
    async fn change_vm(&self, cx: &Cx, request: &ChangeVm<'_>) -> Result<ChangePlan>;
}

/// A VM to be changed.
#[derive(Debug, Clone)]
pub struct ChangeVm<'a> {
    /// Its identity, whose tag it has to bear.
    pub vm: VmId,
    /// Where it is.
    pub at: &'a VmRef,
    /// What it was last asked to be. Where the place can tell what it is, that counts.
    pub before: &'a VmSpec,
    /// What it is to be.
    pub spec: &'a VmSpec,
    /// Where the bytes of each disk are, as at its making.
    pub disks: &'a [DiskBinding],
    /// The seed for cloud-init, if it was made with one.
    pub seed: Option<&'a VolumeRef>,
    /// Fields of others to be taken over, as a plan showed them. Others stay refused.
    pub take_over: &'a [Managed],
    /// Also from a tool that puts back what it has written down elsewhere.
    pub from_gitops: bool,
}

impl ChangeVm<'_> {
    /// Fails with what cannot be changed, and with fields of others that were not shown.
    ///
    /// # Errors
    /// See [`Configure::change_vm`].
    pub fn check(&self, plan: &ChangePlan) -> Result<()> {
        let refused = |kind, error: hostler_core::Error| {
            let detail = error.fault_list().iter().map(|f| format!("{} {}", f.pointer, f.detail));
            let told = match kind {
                Kind::Invalid => detail.collect::<Vec<_>>().join("; "),
                _ => error.message().to_owned(),
            };
            Error::new(kind, told).with_code(error.code())
        };
        plan.check().map_err(|error| refused(Kind::Invalid, error))?;
        let taken = plan.check_taken(self.take_over, self.from_gitops);
        taken.map_err(|error| refused(Kind::Conflict, error))
    }
}
