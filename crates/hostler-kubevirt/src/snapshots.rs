//! Snapshots of VMs by objects of `snapshot.kubevirt.io`, in the version that the cluster
//! prefers among those known here.
//!
//! ```text
//!   ensure: ─► VirtualMachineSnapshot, our label ─► InProgress ─► Succeeded, ready ─► done
//!                                                        └─► Failed ─► deleted, told why
//!   revert: stopped? ─► what is left of its instance goes ─► VirtualMachineRestore, named by the
//!           operation ─► complete ─► done, and its disks are in other claims
//! ```
//!
//! * **Names.** An object's name has to be the only one in its namespace, so it is made
//!   of the VM's and of our id; the name that people gave is an annotation. The same
//!   request finds the same object, however often it is made.
//! * **No owner.** Like KubeVirt itself, nothing here makes the VM own its snapshots:
//!   they outlive it, and can be restored by the cluster's own means when it is gone.
//!   Restores are what the cluster makes of them: it lets the VM own them. Claims that they make
//!   it lets the VM own too, unless it is told otherwise, which it understands from 1.7 on:
//!   deleting the VM looks for such (`create`).
//! * **The guest is brought to rest by the cluster** where its agent is connected, and
//!   not at all where none is; there is no asking for it. Where it is required, that is
//!   looked at before and after.

mod job;
mod left_out;
mod restoring;

use async_trait::async_trait;
use hostler_core::snapshot::{
    Consistency, ObservedSnapshot, Quiesce, SnapshotLimits, SnapshotState,
};
use hostler_provider::{
    Cx, EnsureSnapshot, Error, Kind, Result, Revert, Reverted, SnapshotHandle, SnapshotRef,
    Snapshots, VmRef,
};

use crate::link::without_effect;
use crate::mapper::MappedVm;
use crate::provider::KubeVirt;
use job::Job;
pub(crate) use job::{closed_gate, spoken};

/// What KubeVirt's snapshots can do. How many there can be is up to the storage.
const LIMITS: SnapshotLimits = SnapshotLimits {
    live: true,
    memory: false,
    quiesce: true,
    tree: false,
    reverts_live: false,
    max_per_vm: None,
};

#[async_trait]
impl Snapshots for KubeVirt {
    fn limits(&self) -> SnapshotLimits {
        LIMITS
    }

    async fn list_snapshots(&self, cx: &Cx, vm: &VmRef) -> Result<Vec<ObservedSnapshot>> {
        let doing = format!("cannot list snapshots of {vm}");
        let listed = cx.run(&doing, async {
            let job = Job::begin(self, cx, vm, doing.clone()).await?;
            let at = cx.now();
            Ok(job.all().await?.into_iter().map(|one| one.into_observed(at)).collect())
        });
        listed.await.map_err(without_effect)
    }

    async fn ensure_snapshot(
        &self,
        cx: &Cx,
        request: &EnsureSnapshot<'_>,
    ) -> Result<SnapshotHandle> {
        let doing = format!("cannot take a snapshot of {}", request.vm);
        let job = Job::begin(self, cx, request.vm, doing).await?;
        let all = job.all().await?;
        let there = all.iter().find(|one| one.tag == Some(request.id));
        let mut is_there = there.is_some();
        if let Some(there) = there {
            // What failed, or is on its way out, is taken anew.
            let state = there.clone().into_observed(cx.now()).state;
            if matches!(state, SnapshotState::Failed | SnapshotState::Deleting) {
                job.delete_snapshot(there).await?;
                is_there = false;
            }
        } else {
            job.may_be_taken(request.spec, &all)?;
        }
        let created = if is_there { false } else { job.take(request).await? };
        let taken = job.until_ready(request.id).await?;
        let at = cx.now();
        let consistency = taken.consistency(at).value().copied();
        if request.spec.quiesce == Quiesce::Required
            && !consistency.is_some_and(Consistency::is_at_rest)
        {
            // It is there until it is deleted, however sure it is that it was not.
            job.delete_snapshot(&taken).await.map_err(Error::with_unknown_effect)?;
            return Err(job.wrong("the guest was not brought to rest, as it was required to be"));
        }
        let seen = taken.into_observed(at);
        let snapshot = SnapshotRef { external_ref: seen.external_ref, name: seen.name };
        Ok(SnapshotHandle { snapshot, created })
    }

    async fn revert(&self, cx: &Cx, request: &Revert<'_>) -> Result<Reverted> {
        let doing = format!("cannot put {} back to {}", request.vm, request.snapshot);
        let job = Job::begin(self, cx, request.vm, doing).await?;
        let begun = job.begun(request.operation).await?;
        if let Some(Some(told)) = begun {
            return Ok(told);
        }
        if begun.is_none() {
            let snapshot = job.find(request.snapshot).await?;
            let Some(snapshot) = snapshot else {
                return Err(job.error(Kind::NotFound, "the snapshot is not there"));
            };
            match snapshot.clone().into_observed(cx.now()).state {
                SnapshotState::Ready => {}
                other => return Err(job.wrong(&format!("the snapshot is {}", other.as_str()))),
            }
            if let Some(denial) = LIMITS.refuses_revert(job.seen.vm.power) {
                return Err(job.wrong(&denial.message));
            }
            let machine = job.machine().await?;
            job.check_version(&machine).await?;
            job.check_left_out(&machine, &snapshot).await?;
            let was_there = job.clear_instance().await?;
            job.restore(request.operation, &snapshot, &machine, was_there).await?;
        }
        job.until_restored(request.operation).await
    }

    async fn remove_snapshot(&self, cx: &Cx, vm: &VmRef, snapshot: &SnapshotRef) -> Result<()> {
        let doing = format!("cannot delete the snapshot {snapshot} of {vm}");
        let job = match Job::begin(self, cx, vm, doing).await {
            // What is left of it is not the VM's any more.
            Err(error) if error.kind() == Kind::NotFound => return Ok(()),
            begun => begun?,
        };
        match job.find(snapshot).await? {
            Some(found) => job.delete_snapshot(&found).await,
            None => Ok(()),
        }
    }
}

impl KubeVirt {
    /// The name of the object of a snapshot that a VM can be made of.
    ///
    /// # Errors
    /// `NotFound` where it is not there, `Conflict` where it is not ready.
    pub(crate) async fn snapshot_object(
        &self,
        cx: &Cx,
        vm: &VmRef,
        snapshot: &SnapshotRef,
        doing: &str,
    ) -> Result<String> {
        let job = Job::begin(self, cx, vm, doing.to_owned()).await?;
        let found = job.find(snapshot).await?;
        let found = found.ok_or_else(|| job.error(Kind::NotFound, "the snapshot is not there"))?;
        match found.clone().into_observed(cx.now()).state {
            SnapshotState::Ready => Ok(found.name),
            other => Err(job.wrong(&format!("the snapshot is {}", other.as_str()))),
        }
    }
}

/// Whether the guest agent of a VM is connected, as far as that is known.
fn hears(seen: &MappedVm) -> bool {
    seen.agent_connected.value() == Some(&true)
}

impl From<hostler_core::vm::lifecycle::Denial> for job::Refusal {
    fn from(denial: hostler_core::vm::lifecycle::Denial) -> Self {
        let kind = match denial.code {
            hostler_core::Code::CapabilityMissing => Kind::Unsupported,
            _ => Kind::Conflict,
        };
        Self(Error::new(kind, denial.message).with_code(denial.code))
    }
}
