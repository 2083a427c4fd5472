//! `disk.attach`: make the volume, where the disk asks for a new one; add the disk, and
//! write down that it was asked for.
//!
//! ```text
//!  make volume ─► attach ─► done: in the VM's specification and among its volumes
//!      │             └ undone: taken off by its mark, and out of both again
//!      └ undone: removed by its name, which ends with the mark
//! ```
//!
//! The attachment and the volume bear a mark that nothing else ever has, so that what a lost
//! answer left is found, even after the end, and nothing of anybody else's is touched.

use std::time::Duration;

use async_trait::async_trait;
use hostler_core::disk::{AttachedDisk, DiskMark};
use hostler_core::id::{ProviderId, VmId};
use hostler_core::operation::{Fate, Outcome, Resource};
use hostler_core::vm::devices::{DiskDevice, DiskSpec};
use hostler_provider::{AttachDisk, DiskBinding, DiskRef, Disks, Group, Kind, Provider, VolumeRef};
use hostler_store::Effect;
use serde::{Deserialize, Serialize};

use super::{AtVm, Leaves, News, Operation, StepCx, StepError, Undo, lacks, made};
use crate::bound::{attached, bindings, stored, unattached};
use crate::taken::{in_use, owner_among};

/// How long a guest may take to see a disk.
const ATTACH_BUDGET: Duration = Duration::from_secs(300);

/// Adds a disk to a VM.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DiskAttach {
    #[serde(flatten)]
    pub(crate) at: AtVm,
    pub(crate) mark: DiskMark,
    pub(crate) disk: DiskSpec,
    /// The volume behind it, there or to be made.
    pub(crate) volume: VolumeRef,
}

/// The steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    MakeVolume,
    Attach,
}

/// The group, or that the provider lacks it.
pub(crate) fn disks_of(provider: &dyn Provider) -> Result<&dyn Disks, hostler_core::Error> {
    provider.disks().ok_or_else(|| lacks(Group::Disks))
}

/// The disks that a VM has now.
pub(crate) async fn listed(
    cx: &StepCx,
    disks: &dyn Disks,
    at: &AtVm,
) -> Result<Vec<AttachedDisk>, StepError> {
    let call = cx.cx();
    match call.run("list disks", disks.list_disks(call, &at.reference())).await {
        // With the VM went what was of it alone.
        Err(error) if error.kind() == Kind::NotFound => Ok(Vec::new()),
        listed => Ok(listed?),
    }
}

/// Writes down which disk a VM has under this name from now on, or that it has none, with what
/// becomes of its volumes.
pub(crate) async fn record(
    cx: &StepCx,
    vm: VmId,
    name: &str,
    disk: Option<DiskSpec>,
    volumes: impl FnOnce(Vec<DiskBinding>) -> Vec<DiskBinding>,
) -> Result<(), StepError> {
    // One that was let go meanwhile is not ours to write about.
    let Some(row) = cx.engine.store.vm(vm).await? else { return Ok(()) };
    let bindings = stored(&volumes(bindings(&row.bindings)))?;
    let name = name.to_owned();
    cx.record(Effect::SetVmDisk { vm, name, disk: disk.map(Box::new) });
    cx.record(Effect::SetVmBindings { vm, bindings });
    Ok(())
}

/// Whether a guest can write to such a disk.
pub(crate) fn is_written(disk: &DiskSpec) -> bool {
    !disk.read_only && disk.device == DiskDevice::Disk
}

impl DiskAttach {
    async fn attach(&self, cx: &StepCx) -> Result<(), StepError> {
        let provider = self.at.provider(cx).await?;
        self.check_is_free(cx).await?;
        let disks = disks_of(provider.as_ref())?;
        let (mark, vm) = (&self.mark, &self.at.reference());
        let request = AttachDisk { mark, vm, disk: &self.disk, volume: &self.volume };
        cx.cx().run("attach disk", disks.attach_disk(cx.cx(), &request)).await?;
        let (disk, volume) = (self.disk.name.clone(), self.volume.clone());
        let binding = DiskBinding { disk, volume, owned: self.disk.source.makes_volume() };
        let spec = Some(self.disk.clone());
        record(cx, self.at.vm, &self.disk.name, spec, |bound| attached(bound, binding)).await
    }

    /// Refuses a volume that another VM has, or is about to have. From the store, and after
    /// the claim was taken: a VM whose row is not there yet will find the claim.
    async fn check_is_free(&self, cx: &StepCx) -> Result<(), StepError> {
        if !is_written(&self.disk) || self.disk.source.makes_volume() {
            return Ok(());
        }
        let rows = cx.engine.store.vms().await?;
        let others = rows.iter().filter(|row| row.id != self.at.vm);
        match owner_among(others, self.at.provider, &self.volume.pool, &self.volume.name) {
            Some(owner) => Err(in_use(&self.volume.name, &owner).into()),
            None => Ok(()),
        }
    }

    /// Takes off what bears our mark.
    async fn take_off(&self, cx: &StepCx) -> Result<Undo, StepError> {
        if cx.fate() == Fate::Refused {
            return Ok(Undo::nothing().for_good());
        }
        let provider = cx.provider(self.at.provider)?;
        let disks = disks_of(provider.as_ref())?;
        let (call, vm) = (cx.cx(), self.at.reference());
        let listed = listed(cx, disks, &self.at).await?;
        let ours = listed.iter().find(|seen| seen.mark.as_ref() == Some(&self.mark));
        if let Some(ours) = ours {
            let disk = DiskRef::of(ours);
            call.run("detach disk", disks.detach_disk(call, &vm, &disk)).await?;
        }
        if !cx.is_after_the_end() {
            let (name, was_made) = (&self.disk.name, self.disk.source.makes_volume());
            let undone = |bound| unattached(bound, name, &self.volume, was_made);
            record(cx, self.at.vm, name, None, undone).await?;
        }
        Ok(if ours.is_some() { Undo::removed() } else { Undo::nothing() })
    }
}

#[async_trait]
impl Operation for DiskAttach {
    const KIND: &'static str = "disk.attach";
    type Step = Step;
    type State = ();

    const LEAVES: Leaves = Leaves::Marked;

    fn provider(&self, (): &()) -> Option<ProviderId> {
        Some(self.at.provider)
    }

    fn plan(&self) -> Vec<Step> {
        let make = self.disk.source.makes_volume().then_some(Step::MakeVolume);
        make.into_iter().chain([Step::Attach]).collect()
    }

    fn step_name(step: Step) -> &'static str {
        match step {
            Step::MakeVolume => "make volume",
            Step::Attach => "attach",
        }
    }

    fn budget(&self, step: Step) -> Duration {
        match step {
            Step::MakeVolume => Duration::from_secs(600),
            Step::Attach => ATTACH_BUDGET,
        }
    }

    async fn run(&self, step: Step, cx: &StepCx, (): &mut ()) -> Result<(), StepError> {
        match step {
            Step::MakeVolume => {
                let provider = cx.provider(self.at.provider)?;
                made::make_volume(cx, &provider, &self.disk, &self.volume).await
            }
            Step::Attach => self.attach(cx).await,
        }
    }

    async fn undo(&self, step: Step, cx: &StepCx, (): &()) -> Result<Undo, StepError> {
        match step {
            Step::MakeVolume => {
                let provider = cx.provider(self.at.provider)?;
                made::remove_volumes(cx, &provider, std::slice::from_ref(&self.volume)).await
            }
            Step::Attach => self.take_off(cx).await,
        }
    }

    fn news(&self, outcome: Outcome) -> Option<News> {
        (outcome == Outcome::Succeeded).then(|| News {
            kind: "disk.attached",
            resource: Resource::Vm(self.at.vm),
            name: self.at.name.clone(),
            message: format!("disk {} was attached to VM {}", self.disk.name, self.at.name),
        })
    }
}
