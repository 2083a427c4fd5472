//! `disk.detach`: take the disk off, write down that it is no more, and remove its volume
//! where that was asked for. Once the volume is being removed there is no way back.
//!
//! A disk that was taken off is not put back by itself: the guest has let go of it, and
//! would see another one. What is then is told.

use std::time::Duration;

use async_trait::async_trait;
use hostler_core::disk::DiskState;
use hostler_core::id::ProviderId;
use hostler_core::operation::{Fate, Outcome, Resource};
use hostler_core::{Code, Error};
use hostler_provider::{DiskRef, Disks, Group, VolumeRef};
use serde::{Deserialize, Serialize};

use super::disk_attach::{disks_of, listed, record};
use super::{AtVm, News, Operation, StepCx, StepError, Undo, lacks};
use crate::bound::{Went, bindings, detached, name_of};
use crate::taken::{in_use, owner_among};

/// How long a guest may take to give a disk up.
const DETACH_BUDGET: Duration = Duration::from_secs(120);

/// Takes a disk off a VM.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DiskDetach {
    #[serde(flatten)]
    pub(crate) at: AtVm,
    /// The disk as the provider names it.
    pub(crate) disk: DiskRef,
    /// Its name among what is asked of the VM.
    pub(crate) asked_as: String,
    /// The volume that goes with it.
    pub(crate) volume: Option<VolumeRef>,
    /// The volume behind it, as far as its provider tells.
    #[serde(default)]
    pub(crate) behind: Option<VolumeRef>,
    /// Whether the VM lacked it when it was asked for: then there is nothing to take off.
    #[serde(default)]
    pub(crate) lacking: bool,
}

/// The steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Detach,
    RemoveVolume,
}

impl DiskDetach {
    async fn detach(&self, cx: &StepCx) -> Result<(), StepError> {
        let provider = self.at.provider(cx).await?;
        let disks = disks_of(provider.as_ref())?;
        let (call, vm) = (cx.cx(), self.at.reference());
        if self.lacking {
            self.check_lacking(cx, disks).await?;
        } else {
            call.run("detach disk", disks.detach_disk(call, &vm, &self.disk)).await?;
        }
        self.record(cx).await
    }

    /// Refuses to forget a disk that has come to the VM since it was told to lack it.
    async fn check_lacking(&self, cx: &StepCx, disks: &dyn Disks) -> Result<(), StepError> {
        let listed = listed(cx, disks, &self.at).await?;
        let Some(row) = cx.engine.store.vm(self.at.vm).await? else { return Ok(()) };
        let bound = bindings(&row.bindings);
        if listed.iter().all(|seen| name_of(seen, &bound) != self.asked_as) {
            return Ok(());
        }
        let message = format!("the VM has a disk \"{}\" by now; look again", self.asked_as);
        let conflict = Error::new(Code::ProviderConflict, message);
        Err(StepError { surely_nothing: true, ..conflict.into() })
    }

    /// Writes down that it is no more.
    async fn record(&self, cx: &StepCx) -> Result<(), StepError> {
        let went = match &self.behind {
            _ if self.lacking => Went::Lacking,
            Some(volume) => Went::Of(volume),
            None => Went::Unknown,
        };
        let (name, deleted) = (&self.asked_as, self.volume.as_ref());
        record(cx, self.at.vm, name, None, |bound| detached(bound, name, &went, deleted)).await
    }

    async fn remove_volume(&self, cx: &StepCx) -> Result<(), StepError> {
        let Some(volume) = &self.volume else { return Ok(()) };
        let rows = cx.engine.store.vms().await?;
        if let Some(owner) = owner_among(rows.iter(), self.at.provider, &volume.pool, &volume.name)
        {
            return Err(in_use(&volume.name, &owner).into());
        }
        let used =
            cx.engine.used(self.at.vm, self.at.provider, std::slice::from_ref(volume)).await?;
        if let Some((_, owner)) = used.first() {
            return Err(in_use(&volume.name, owner).into());
        }
        let provider = cx.provider(self.at.provider)?;
        let storage = provider.storage().ok_or_else(|| lacks(Group::Storage))?;
        let doing = format!("remove volume {volume}");
        Ok(cx.cx().run(&doing, storage.remove_volume(cx.cx(), volume)).await?)
    }

    /// What is, where that is not known.
    async fn what_is(&self, cx: &StepCx) -> Result<Undo, StepError> {
        if cx.fate() == Fate::Refused {
            return Ok(Undo::nothing().for_good());
        }
        let provider = cx.provider(self.at.provider)?;
        let disks = disks_of(provider.as_ref())?;
        let listed = listed(cx, disks, &self.at).await?;
        match listed.iter().find(|seen| self.disk.is(seen)) {
            Some(there) if there.state == DiskState::Detaching => {
                Ok(Undo::kept("the guest may give the disk up yet"))
            }
            Some(_) => Ok(Undo::nothing()),
            None => {
                self.record(cx).await?;
                Ok(Undo::kept("the disk is detached"))
            }
        }
    }
}

#[async_trait]
impl Operation for DiskDetach {
    const KIND: &'static str = "disk.detach";
    type Step = Step;
    type State = ();

    fn provider(&self, (): &()) -> Option<ProviderId> {
        Some(self.at.provider)
    }

    fn plan(&self) -> Vec<Step> {
        let remove = self.volume.is_some().then_some(Step::RemoveVolume);
        [Step::Detach].into_iter().chain(remove).collect()
    }

    fn step_name(step: Step) -> &'static str {
        match step {
            Step::Detach => "detach",
            Step::RemoveVolume => "remove volume",
        }
    }

    fn no_return_from(&self) -> Option<u32> {
        self.volume.is_some().then_some(1)
    }

    fn budget(&self, step: Step) -> Duration {
        match step {
            Step::Detach => DETACH_BUDGET,
            Step::RemoveVolume => Duration::from_secs(600),
        }
    }

    async fn run(&self, step: Step, cx: &StepCx, (): &mut ()) -> Result<(), StepError> {
        match step {
            Step::Detach => self.detach(cx).await,
            Step::RemoveVolume => self.remove_volume(cx).await,
        }
    }

    async fn undo(&self, step: Step, cx: &StepCx, (): &()) -> Result<Undo, StepError> {
        match step {
            Step::Detach => self.what_is(cx).await,
            // Only what surely changed nothing comes here, from the point of no return.
            Step::RemoveVolume => Ok(Undo::nothing().for_good()),
        }
    }

    fn news(&self, outcome: Outcome) -> Option<News> {
        let (disk, vm) = (&self.asked_as, &self.at.name);
        let message = match &self.volume {
            None if self.lacking => format!("disk {disk}, which VM {vm} lacked, was forgotten"),
            Some(volume) if self.lacking => {
                format!(
                    "disk {disk}, which VM {vm} lacked, was forgotten, and volume {volume} deleted"
                )
            }
            Some(volume) => {
                format!("disk {disk} of VM {vm} was detached, and its volume {volume} deleted")
            }
            None => format!("disk {disk} of VM {vm} was detached"),
        };
        (outcome == Outcome::Succeeded).then(|| News {
            kind: "disk.detached",
            resource: Resource::Vm(self.at.vm),
            name: self.at.name.clone(),
            message,
        })
    }
}
