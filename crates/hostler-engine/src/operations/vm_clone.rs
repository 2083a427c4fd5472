//! `vm.clone`: make the seed, clone, start.
//!
//! The provider copies; what it makes bears the new VM's mark, and it alone tells apart
//! what is the clone's own. So undoing leaves that to it, and only the seed, which is made
//! here as for any new VM, is removed here.
//!
//! The source is claimed as well, so that nobody deletes it, puts it back or turns it on
//! and off meanwhile; it is not among what the operation is about, for it stays.

use std::time::Duration;

use async_trait::async_trait;
use hostler_core::Error;
use hostler_core::id::{HostId, ProviderId, VmId};
use hostler_core::operation::{Fate, Outcome, Resource};
use hostler_core::vm::check::SEED_DISK;
use hostler_core::vm::devices::VolumeFormat;
use hostler_core::vm::status::Phase;
use hostler_core::vm::{ObservedVm, VmSpec};
use hostler_provider::{
    CloneHandle, Clones, DiskBinding, EnsureClone, EnsureVolume, Group, Provider, SnapshotRef,
    StopMode, VmRef, VolumeContent, VolumeRef,
};
use hostler_store::Effect;
use serde::{Deserialize, Serialize};

use super::at_vm::look;
use super::rebound::{of_volume, resize};
use super::snapshot_create::BUDGET;
use super::{Leaves, News, Operation, StepCx, StepError, Undo, lacks};
use crate::bound::only_own;

/// Makes a VM of another one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct VmClone {
    pub(crate) vm: VmId,
    /// What the clone is asked to be.
    pub(crate) spec: VmSpec,
    pub(crate) source: Source,
    pub(crate) provider: ProviderId,
    /// The host that the source is at, as far as it is at one.
    pub(crate) host: Option<HostId>,
    /// Where the clone's seed goes, where its source has one that was made here.
    pub(crate) seed: Option<VolumeRef>,
    pub(crate) start: bool,
    /// Whether the source's devices are written down, and so the clone's.
    #[serde(default = "spoken")]
    pub(crate) is_spoken: bool,
}

/// As it was before that was noted.
const fn spoken() -> bool {
    true
}

/// What is cloned.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Source {
    pub(crate) vm: VmId,
    /// The VM's name.
    pub(crate) name: String,
    /// The provider's lasting name for it.
    pub(crate) external_ref: String,
    /// The snapshot; `None`: the VM as it is then.
    pub(crate) snapshot: Option<SnapshotRef>,
}

/// The steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    MakeSeed,
    Clone,
    Start,
}

/// What has been made.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct State {
    #[serde(default)]
    external_ref: Option<String>,
}

/// The group, or that the provider lacks it.
pub(crate) fn clones_of(provider: &dyn Provider) -> Result<&dyn Clones, Error> {
    provider.clones().ok_or_else(|| lacks(Group::Clones))
}

impl VmClone {
    async fn make_seed(&self, cx: &StepCx) -> Result<(), StepError> {
        let (Some(init), Some(volume)) = (&self.spec.cloud_init, &self.seed) else {
            return Ok(());
        };
        let provider = cx.provider(self.provider)?;
        let storage = provider.storage().ok_or_else(|| lacks(Group::Storage))?;
        // With an instance id of its own, so that cloud-init runs anew in the clone.
        let seed = init.seed(&self.vm.to_string(), &self.spec.name);
        let request = EnsureVolume {
            volume,
            capacity_bytes: 0,
            format: VolumeFormat::Raw,
            content: VolumeContent::Seed(&seed),
        };
        cx.cx().run("make seed", storage.ensure_volume(cx.cx(), &request)).await?;
        // Before there is a clone, so that deleting it finds the seed in any case.
        self.record_bindings(cx, Vec::new())
    }

    async fn make(&self, cx: &StepCx, state: &mut State) -> Result<(), StepError> {
        cx.check_obeys(self.source.vm).await?;
        let provider = cx.provider(self.provider)?;
        let clones = clones_of(provider.as_ref())?;
        let source = VmRef {
            external_ref: self.source.external_ref.clone(),
            name: self.source.name.clone(),
        };
        let request = EnsureClone {
            vm: self.vm,
            name: &self.spec.name,
            source: &source,
            snapshot: self.source.snapshot.as_ref(),
            seed: self.seed.as_ref(),
        };
        let made = cx.cx().run("clone VM", clones.ensure_clone(cx.cx(), &request)).await?;
        cx.record(Effect::SetVmPlacement {
            vm: self.vm,
            provider: self.provider,
            host: self.host,
            external_ref: Some(made.vm.external_ref.clone()),
        });
        let seen = match &self.source.snapshot {
            // Its size is that of the snapshot, which may be another one than is asked for now.
            Some(_) => look(cx, provider.as_ref(), &made.vm).await?,
            None => None,
        };
        let (from, to) = (&self.spec, self.spec_of(&made, seen.as_ref()));
        if to != *from {
            let (from, to) = (Box::new(from.clone()), Box::new(to));
            cx.record(Effect::ChangeVmSpec { vm: self.vm, from, to });
        }
        state.external_ref = Some(made.vm.external_ref);
        self.record_bindings(cx, made.disks)
    }

    /// What is asked of the clone: disks that it has, each of a volume of its own. Its source
    /// may have got others since the snapshot was taken, and may have had others then.
    fn spec_of(&self, made: &CloneHandle, seen: Option<&ObservedVm>) -> VmSpec {
        let mut spec = self.spec.clone();
        only_own(&mut spec, &made.disks, |name| made.disks.iter().any(|own| own.disk == name));
        if self.is_spoken {
            let is_asked = |name: &str| self.spec.disks.iter().any(|asked| asked.name == name);
            let more = made.disks.iter().filter(|own| !is_asked(&own.disk));
            spec.disks.extend(more.map(|own| of_volume(own, false)));
        }
        if let Some(seen) = seen {
            resize(&mut spec, seen);
        }
        spec
    }

    /// Remembers which volumes belong to the clone, so that deleting it finds them all.
    fn record_bindings(&self, cx: &StepCx, mut disks: Vec<DiskBinding>) -> Result<(), StepError> {
        if let Some(volume) = self.seed.clone() {
            disks.push(DiskBinding { disk: SEED_DISK.to_owned(), volume, owned: true });
        }
        let bindings = serde_json::to_value(&disks)
            .map_err(|e| Error::bug(format!("bindings do not encode: {e}")))?;
        cx.record(Effect::SetVmBindings { vm: self.vm, bindings });
        Ok(())
    }

    async fn start(&self, cx: &StepCx, state: &State) -> Result<(), StepError> {
        let provider = cx.provider(self.provider)?;
        let power = provider.power().ok_or_else(|| lacks(Group::Power))?;
        let external_ref = state
            .external_ref
            .clone()
            .ok_or_else(|| Error::bug("vm.clone starts what it has not made"))?;
        let vm = VmRef { external_ref, name: self.spec.name.clone() };
        Ok(cx.cx().run("start VM", power.start(cx.cx(), &vm)).await?)
    }

    async fn stop(&self, cx: &StepCx) -> Result<Undo, StepError> {
        let provider = cx.provider(self.provider)?;
        let Some(create) = provider.create() else { return Ok(Undo::nothing()) };
        let found = cx.cx().run("find VM", create.find_vm(cx.cx(), self.vm)).await?;
        let Some(found) = found else { return Ok(Undo::nothing()) };
        let power = provider.power().ok_or_else(|| lacks(Group::Power))?;
        cx.cx().run("stop VM", power.stop(cx.cx(), &found.vm, StopMode::Force)).await?;
        Ok(if cx.fate() == Fate::Refused { Undo::nothing() } else { Undo::removed() })
    }

    async fn remove(&self, cx: &StepCx) -> Result<Undo, StepError> {
        let provider = cx.provider(self.provider)?;
        let clones = clones_of(provider.as_ref())?;
        let removed = cx.cx().run("remove clone", clones.remove_clone(cx.cx(), self.vm)).await?;
        Ok(if removed { Undo::removed() } else { Undo::nothing() })
    }

    async fn remove_seed(&self, cx: &StepCx) -> Result<Undo, StepError> {
        let Some(volume) = &self.seed else { return Ok(Undo::nothing().for_good()) };
        let provider = cx.provider(self.provider)?;
        let storage = provider.storage().ok_or_else(|| lacks(Group::Storage))?;
        // Only for what is told: what is half a volume is not listed everywhere.
        let listing = storage.volumes(cx.cx(), &volume.host_ref, &volume.pool);
        let is_there = match cx.cx().run("list volumes", listing).await {
            Ok(listed) => listed.iter().any(|seen| seen.name == volume.name),
            Err(_) => true,
        };
        cx.cx().run("remove volume", storage.remove_volume(cx.cx(), volume)).await?;
        Ok(if is_there { Undo::removed() } else { Undo::nothing() })
    }
}

#[async_trait]
impl Operation for VmClone {
    const KIND: &'static str = "vm.clone";
    // The clone bears its id, and its seed's name ends with it.
    const LEAVES: Leaves = Leaves::TheVm;
    type Step = Step;
    type State = State;

    fn provider(&self, _: &State) -> Option<ProviderId> {
        Some(self.provider)
    }

    fn plan(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.seed.is_some() {
            steps.push(Step::MakeSeed);
        }
        steps.push(Step::Clone);
        if self.start {
            steps.push(Step::Start);
        }
        steps
    }

    fn step_name(step: Step) -> &'static str {
        match step {
            Step::MakeSeed => "make seed",
            Step::Clone => "clone",
            Step::Start => "start",
        }
    }

    fn budget(&self, step: Step) -> Duration {
        match step {
            // It may copy all that a VM has, as a snapshot may.
            Step::Clone => BUDGET,
            Step::MakeSeed | Step::Start => Duration::from_secs(600),
        }
    }

    async fn run(&self, step: Step, cx: &StepCx, state: &mut State) -> Result<(), StepError> {
        match step {
            Step::MakeSeed => self.make_seed(cx).await,
            Step::Clone => self.make(cx, state).await,
            Step::Start => self.start(cx, state).await,
        }
    }

    async fn undo(&self, step: Step, cx: &StepCx, _: &State) -> Result<Undo, StepError> {
        match step {
            Step::MakeSeed => self.remove_seed(cx).await,
            Step::Clone => self.remove(cx).await,
            // Whoever started it then must not have the power cut: a VM that runs is in
            // use, which removing it will find.
            Step::Start if cx.is_after_the_end() => Ok(Undo::nothing()),
            Step::Start => self.stop(cx).await,
        }
    }

    fn finished(&self, _: &State, outcome: Outcome) -> Vec<Effect> {
        match outcome {
            Outcome::Succeeded => vec![Effect::SetVmPhase { vm: self.vm, phase: Phase::Ready }],
            Outcome::Failed | Outcome::Cancelled => vec![Effect::DeleteVm { vm: self.vm }],
        }
    }

    fn news(&self, outcome: Outcome) -> Option<News> {
        let of = match &self.source.snapshot {
            Some(snapshot) => format!("snapshot {} of VM {}", snapshot.name, self.source.name),
            None => format!("VM {}", self.source.name),
        };
        // Of the source: what became of the clone, the operation's own events say.
        (outcome == Outcome::Succeeded).then(|| News {
            kind: "vm.cloned",
            resource: Resource::Vm(self.source.vm),
            name: self.source.name.clone(),
            message: format!("{of} was cloned as {}", self.spec.name),
        })
    }
}
