//! `vm.delete`: cut its power if asked to, remove it, remove its volumes,
//! forget it. Once it is removed there is no way back.
//!
//! What is removed is what bears our mark, not what bears its old name: somebody
//! may have put another VM in its place (I17). One that was adopted bears none; it is
//! known by its provider's lasting name for it.

use async_trait::async_trait;
use hostler_core::id::{ProviderId, VmId};
use hostler_core::operation::Outcome;
use hostler_core::vm::status::Phase;
use hostler_provider::{Group, Provider, StopMode, VmRef, VolumeRef};
use hostler_store::Effect;
use serde::{Deserialize, Serialize};

use super::vm_power::{is_off, what_is};
use super::{Operation, StepCx, StepError, Undo, lacks};

/// Deletes a VM.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct VmDelete {
    pub(crate) vm: VmId,
    pub(crate) name: String,
    /// Where it is; `None` for one that no provider has (any more).
    pub(crate) at: Option<At>,
    /// Whether its power is cut first.
    pub(crate) force: bool,
    /// The volumes of its disks that go with it, which are claimed.
    pub(crate) volumes: Vec<VolumeRef>,
    /// Those that nobody else can have, and that go in any case.
    #[serde(default)]
    pub(crate) seeds: Vec<VolumeRef>,
}

/// Where a VM is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct At {
    pub(crate) provider: ProviderId,
    /// The provider's lasting name for it, where it was adopted and bears no mark of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) adopted: Option<String>,
}

/// The steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    CutPower,
    Remove,
    RemoveVolumes,
}

impl VmDelete {
    /// The VM that bears our mark, if there is one; or the one that was adopted, which may be
    /// gone: to remove what is absent is success.
    async fn find(&self, cx: &StepCx, provider: &dyn Provider) -> Result<Option<VmRef>, StepError> {
        if let Some(external_ref) = self.at.as_ref().and_then(|at| at.adopted.clone()) {
            return Ok(Some(VmRef { external_ref, name: self.name.clone() }));
        }
        let create = provider.create().ok_or_else(|| lacks(Group::Create))?;
        let found = cx.cx().run("find VM", create.find_vm(cx.cx(), self.vm)).await?;
        Ok(found.map(|handle| handle.vm))
    }

    /// Refuses to begin when another VM has come to have one of its volumes since that was
    /// asked for: while it is there, nothing is lost.
    async fn check_volumes(&self, cx: &StepCx, provider: ProviderId) -> Result<(), StepError> {
        let refused = cx.engine.refuse_shared(self.vm, provider, &self.volumes).await;
        refused.map_err(|error| StepError { surely_nothing: true, ..error.into() })
    }

    /// Removes its volumes, but for those that somebody has by now: this may be tried again
    /// long after it was asked for. What stays is told.
    async fn remove_volumes(&self, cx: &StepCx, at: &At) -> Result<(), StepError> {
        let provider = cx.provider(at.provider)?;
        let storage = provider.storage().ok_or_else(|| lacks(Group::Storage))?;
        let used = cx.engine.used(self.vm, at.provider, &self.volumes).await?;
        for (volume, (_, other)) in &used {
            let message = format!("volume {volume} of VM {} stays: VM {other} has it", self.name);
            let vm = ("vm", self.vm.to_string(), self.name.as_str());
            let event = cx.engine.event("volume.kept", vm, message);
            cx.engine.store.append_events(&[event]).await?;
        }
        let free = |volume: &&VolumeRef| !used.iter().any(|(taken, _)| taken == *volume);
        for volume in self.volumes.iter().filter(free).chain(&self.seeds) {
            let doing = format!("remove volume {volume}");
            cx.cx().run(&doing, storage.remove_volume(cx.cx(), volume)).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Operation for VmDelete {
    const KIND: &'static str = "vm.delete";
    type Step = Step;
    type State = ();

    fn provider(&self, (): &()) -> Option<ProviderId> {
        self.at.as_ref().map(|at| at.provider)
    }

    fn plan(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.at.is_some() {
            if self.force {
                steps.push(Step::CutPower);
            }
            steps.push(Step::Remove);
            if !self.volumes.is_empty() || !self.seeds.is_empty() {
                steps.push(Step::RemoveVolumes);
            }
        }
        steps
    }

    fn step_name(step: Step) -> &'static str {
        match step {
            Step::CutPower => "cut power",
            Step::Remove => "remove",
            Step::RemoveVolumes => "remove volumes",
        }
    }

    fn no_return_from(&self) -> Option<u32> {
        let remove = self.plan().iter().position(|step| *step == Step::Remove)?;
        u32::try_from(remove).ok()
    }

    async fn run(&self, step: Step, cx: &StepCx, (): &mut ()) -> Result<(), StepError> {
        let Some(at) = &self.at else { return Ok(()) };
        cx.check_obeys(self.vm).await?;
        let provider = cx.provider(at.provider)?;
        let call = cx.cx();
        match step {
            Step::CutPower => {
                let power = provider.power().ok_or_else(|| lacks(Group::Power))?;
                let Some(vm) = self.find(cx, provider.as_ref()).await? else { return Ok(()) };
                self.check_volumes(cx, at.provider).await?;
                let stopped = call.run("stop VM", power.stop(call, &vm, StopMode::Force)).await;
                match stopped {
                    // It is gone already, which is where we want to be.
                    Err(e) if e.kind() == hostler_provider::Kind::NotFound => Ok(()),
                    other => Ok(other?),
                }
            }
            Step::Remove => {
                let create = provider.create().ok_or_else(|| lacks(Group::Create))?;
                let Some(vm) = self.find(cx, provider.as_ref()).await? else { return Ok(()) };
                self.check_volumes(cx, at.provider).await?;
                Ok(call.run("remove VM", create.remove_vm(call, &vm)).await?)
            }
            Step::RemoveVolumes => self.remove_volumes(cx, at).await,
        }
    }

    async fn undo(&self, step: Step, cx: &StepCx, (): &()) -> Result<Undo, StepError> {
        match (step, &self.at) {
            // Power that was cut is not turned on again: the guest was not asked either way.
            (Step::CutPower, Some(at)) => {
                let provider = cx.provider(at.provider)?;
                what_is(cx, provider.as_ref(), self.find(cx, provider.as_ref()), is_off).await
            }
            // Only what surely changed nothing comes here, from the point of no return.
            (Step::Remove | Step::RemoveVolumes, _) | (_, None) => Ok(Undo::nothing().for_good()),
        }
    }

    fn finished(&self, (): &(), outcome: Outcome) -> Vec<Effect> {
        match outcome {
            Outcome::Succeeded => vec![Effect::DeleteVm { vm: self.vm }],
            Outcome::Failed | Outcome::Cancelled => {
                vec![Effect::SetVmPhase { vm: self.vm, phase: Phase::Ready }]
            }
        }
    }
}
