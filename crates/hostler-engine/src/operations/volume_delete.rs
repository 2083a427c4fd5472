//! `volume.delete`: look that no VM needs it, remove it. Once it is being
//! removed there is no way back.
//!
//! Who else uses it the provider says, which refuses to remove what one of its
//! VMs has; the check is for VMs that Hostler is only about to make there.

use async_trait::async_trait;
use hostler_core::id::{ProviderId, VmId};
use hostler_core::operation::{Outcome, Resource};
use hostler_core::storage::VolumeKey;
use hostler_provider::{Group, VolumeRef};
use hostler_store::Effect;
use serde::{Deserialize, Serialize};

use super::{News, Operation, StepCx, StepError, Undo, lacks};
use crate::bound::{bindings, stored, without_left_behind};
use crate::taken::{in_use, owner_among};

/// Deletes a volume.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct VolumeDelete {
    pub(crate) key: VolumeKey,
    pub(crate) provider: ProviderId,
    /// The volume in the provider's terms.
    pub(crate) volume: VolumeRef,
    /// The VMs that have left it behind, and are claimed.
    #[serde(default)]
    pub(crate) left_by: Vec<VmId>,
}

/// The steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Check,
    Remove,
}

impl VolumeDelete {
    /// Another volume of that name is not the one that was left behind.
    async fn forget(&self, cx: &StepCx) -> Result<(), StepError> {
        for vm in &self.left_by {
            let Some(row) = cx.engine.store.vm(*vm).await? else { continue };
            let left = without_left_behind(bindings(&row.bindings), &self.volume);
            let bindings = stored(&left)?;
            cx.record(Effect::SetVmBindings { vm: *vm, bindings });
        }
        Ok(())
    }
}

#[async_trait]
impl Operation for VolumeDelete {
    const KIND: &'static str = "volume.delete";
    type Step = Step;
    type State = ();

    fn provider(&self, _: &()) -> Option<ProviderId> {
        Some(self.provider)
    }

    fn plan(&self) -> Vec<Step> {
        vec![Step::Check, Step::Remove]
    }

    fn step_name(step: Step) -> &'static str {
        match step {
            Step::Check => "check",
            Step::Remove => "remove",
        }
    }

    fn no_return_from(&self) -> Option<u32> {
        Some(1)
    }

    async fn run(&self, step: Step, cx: &StepCx, (): &mut ()) -> Result<(), StepError> {
        match step {
            Step::Check => {
                // From the store, and after the claim was taken: a VM whose row is not
                // there yet will find the claim, and leave the volume alone.
                let rows = cx.engine.store.vms().await?;
                match owner_among(rows.iter(), self.provider, &self.volume.pool, &self.key.name) {
                    Some(owner) => Err(in_use(&self.key.name, &owner).into()),
                    None => Ok(()),
                }
            }
            Step::Remove => {
                let provider = cx.provider(self.provider)?;
                let storage = provider.storage().ok_or_else(|| lacks(Group::Storage))?;
                let call = storage.remove_volume(cx.cx(), &self.volume);
                cx.cx().run("delete volume", call).await?;
                self.forget(cx).await
            }
        }
    }

    async fn undo(&self, _: Step, _: &StepCx, (): &()) -> Result<Undo, StepError> {
        // Looking changed nothing, and from removing on there is no way back.
        Ok(Undo::nothing().for_good())
    }

    fn news(&self, outcome: Outcome) -> Option<News> {
        (outcome == Outcome::Succeeded).then(|| News {
            kind: "volume.deleted",
            resource: Resource::Volume(self.key.clone()),
            name: self.key.name.clone(),
            message: format!("volume {} was deleted", self.volume),
        })
    }
}
