//! `vm.create`: place, make the disks, make the seed, define, start.
//!
//! Everything it makes has a name that only this VM uses or bears its tag, so
//! each step can be repeated, and undone without knowing how far it came.
//!
//! To place it no provider is asked: until that is decided it works in nobody's
//! lane, and one that hangs would keep all creations waiting. The pool for disks
//! that name none is asked for in the first step that makes a volume, and noted
//! before there is one, so that it is found again.

use async_trait::async_trait;
use hostler_core::Error;
use hostler_core::id::{HostId, ProviderId, VmId};
use hostler_core::operation::{Fate, Outcome};
use hostler_core::placement::Wish;
use hostler_core::vm::VmSpec;
use hostler_core::vm::check::SEED_DISK;
use hostler_core::vm::devices::{DiskSource, DiskSpec, VolumeFormat};
use hostler_core::vm::status::Phase;
use hostler_provider::{
    DiskBinding, EnsureVm, EnsureVolume, Group, Provider, StopMode, VmRef, VolumeContent, VolumeRef,
};
use hostler_store::Effect;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::{Leaves, Operation, StepCx, StepError, Undo, lacks, made};

/// Makes a VM.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct VmCreate {
    pub(crate) vm: VmId,
    pub(crate) spec: VmSpec,
    pub(crate) wish: Wish,
    pub(crate) start: bool,
}

/// The steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Place,
    MakeDisks,
    MakeSeed,
    Define,
    Start,
}

/// Where things are, as far as they have been made.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct State {
    #[serde(default)]
    place: Option<Place>,
    #[serde(default)]
    bindings: Vec<DiskBinding>,
    #[serde(default)]
    seed: Option<VolumeRef>,
    #[serde(default)]
    external_ref: Option<String>,
}

/// The chosen host.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) provider: ProviderId,
    pub(crate) host: HostId,
    pub(crate) host_ref: String,
    /// The pool for disks that name none, once it is chosen.
    pub(crate) pool: Option<String>,
    /// How the provider stores volumes of which nobody says how; journals of before have none.
    #[serde(default)]
    pub(crate) format: VolumeFormat,
}

impl VmCreate {
    fn place<'a>(&self, state: &'a State) -> Result<&'a Place, Error> {
        state.place.as_ref().ok_or_else(|| Error::bug("vm.create runs a step before it was placed"))
    }

    /// Whether volumes have to be made for it.
    pub(crate) fn needs_pool(&self) -> bool {
        self.spec.cloud_init.is_some() || self.spec.disks.iter().any(|d| d.source.makes_volume())
    }

    fn volume_name(&self, part: &str, suffix: &str) -> String {
        volume_name(&self.spec.name, self.vm, part, suffix)
    }

    /// The volume of its cloud-init seed, if it has one.
    pub(crate) fn seed_volume(&self, place: &Place) -> Option<VolumeRef> {
        self.spec.cloud_init.as_ref()?;
        let pool = place.pool.clone()?;
        let name = seed_volume_name(&self.spec.name, self.vm);
        Some(VolumeRef { host_ref: place.host_ref.clone(), pool, name })
    }

    /// The volumes of its disks: made ones by their names, given ones as given.
    pub(crate) fn bindings(&self, place: &Place) -> Vec<DiskBinding> {
        let host_ref = &place.host_ref;
        let made = |disk: &DiskSpec, pool: &Option<String>, format: VolumeFormat| {
            let pool = pool.clone().or_else(|| place.pool.clone())?;
            let name = self.volume_name(&disk.name, format.as_str());
            let volume = VolumeRef { host_ref: host_ref.clone(), pool, name };
            Some(DiskBinding { disk: disk.name.clone(), volume, owned: true })
        };
        let binding = |disk: &DiskSpec| match &disk.source {
            DiskSource::Empty { pool, format, .. } | DiskSource::Image { pool, format, .. } => {
                made(disk, pool, format.unwrap_or(place.format))
            }
            DiskSource::Volume { pool, volume } => Some(DiskBinding {
                disk: disk.name.clone(),
                volume: VolumeRef {
                    host_ref: host_ref.clone(),
                    pool: pool.clone(),
                    name: volume.clone(),
                },
                owned: false,
            }),
            DiskSource::NoMedia {} => None,
        };
        self.spec.disks.iter().filter_map(binding).collect()
    }

    async fn choose(&self, cx: &StepCx, state: &mut State) -> Result<(), StepError> {
        if state.place.is_some() {
            return Ok(());
        }
        let chosen = cx.engine.place(cx.operation, &self.spec, &self.wish).await?;
        let provider = cx.provider(chosen.provider)?;
        if self.needs_pool() && provider.storage().is_none() {
            return Err(lacks(Group::Storage).into());
        }
        cx.record(Effect::SetVmPlacement {
            vm: self.vm,
            provider: chosen.provider,
            host: Some(chosen.host),
            external_ref: None,
        });
        let format = provider.storage().map_or_else(VolumeFormat::default, made::made_as);
        state.place = Some(Place { format, ..chosen });
        Ok(())
    }

    /// The place with the pool that an earlier step, or this one, has chosen.
    async fn with_pool(&self, cx: &StepCx, place: &Place) -> Result<Place, StepError> {
        let mut place = place.clone();
        if place.pool.is_none() {
            let journal = cx.engine.journal(cx.operation).await?;
            place.pool = journal.checkpoint().and_then(|note| note.as_str()).map(str::to_owned);
        }
        Ok(place)
    }

    /// Chooses the pool, unless that was done.
    async fn choose_pool(&self, cx: &StepCx, state: &mut State) -> Result<Place, StepError> {
        let mut place = self.with_pool(cx, self.place(state)?).await?;
        if place.pool.is_none() {
            let provider = cx.provider(place.provider)?;
            let storage = provider.storage().ok_or_else(|| lacks(Group::Storage))?;
            let call = storage.default_pool(cx.cx(), &place.host_ref);
            let pool = cx.cx().run("choose a pool", call).await?;
            cx.cx().checkpoint(serde_json::json!(pool)).await?;
            place.pool = Some(pool);
        }
        state.place = Some(place.clone());
        Ok(place)
    }

    async fn make_disks(&self, cx: &StepCx, state: &mut State) -> Result<(), StepError> {
        let place = self.choose_pool(cx, state).await?;
        let bindings = self.bindings(&place);
        let provider = cx.provider(place.provider)?;
        for disk in &self.spec.disks {
            let Some(binding) = bindings.iter().find(|b| b.disk == disk.name && b.owned) else {
                continue;
            };
            self.make_disk(cx, &provider, disk, binding)
                .await
                .map_err(|e| e.context(&format!("cannot make disk \"{}\"", disk.name)))?;
        }
        state.bindings = bindings;
        self.record_bindings(cx, state)
    }

    /// Remembers which volumes belong to the VM, the seed among them, so that
    /// deleting it finds them all.
    fn record_bindings(&self, cx: &StepCx, state: &State) -> Result<(), StepError> {
        let mut bindings = state.bindings.clone();
        if let Some(volume) = state.seed.clone() {
            bindings.push(DiskBinding { disk: SEED_DISK.to_owned(), volume, owned: true });
        }
        let bindings = serde_json::to_value(&bindings)
            .map_err(|e| Error::bug(format!("bindings do not encode: {e}")))?;
        cx.record(Effect::SetVmBindings { vm: self.vm, bindings });
        Ok(())
    }

    async fn make_disk(
        &self,
        cx: &StepCx,
        provider: &Arc<dyn Provider>,
        disk: &DiskSpec,
        binding: &DiskBinding,
    ) -> Result<(), StepError> {
        made::make_volume(cx, provider, disk, &binding.volume).await
    }

    async fn make_seed(&self, cx: &StepCx, state: &mut State) -> Result<(), StepError> {
        let place = self.choose_pool(cx, state).await?;
        let (Some(init), Some(volume)) = (&self.spec.cloud_init, self.seed_volume(&place)) else {
            return Ok(());
        };
        let provider = cx.provider(place.provider)?;
        let storage = provider.storage().ok_or_else(|| lacks(Group::Storage))?;
        let seed = init.seed(&self.vm.to_string(), &self.spec.name);
        let request = EnsureVolume {
            volume: &volume,
            capacity_bytes: 0,
            format: VolumeFormat::Raw,
            content: VolumeContent::Seed(&seed),
        };
        cx.cx().run("make seed", storage.ensure_volume(cx.cx(), &request)).await?;
        state.seed = Some(volume);
        self.record_bindings(cx, state)
    }

    async fn define(&self, cx: &StepCx, state: &mut State) -> Result<(), StepError> {
        // A volume that somebody deletes may have been free when this was asked for.
        cx.engine.check_volumes(&self.spec).await?;
        let place = self.place(state)?.clone();
        // Nor has somebody taken it since.
        let at = (place.provider, place.host_ref.as_str());
        cx.engine.refuse_given(self.vm, at, &self.spec).await?;
        let provider = cx.provider(place.provider)?;
        let create = provider.create().ok_or_else(|| lacks(Group::Create))?;
        let request = EnsureVm {
            vm: self.vm,
            spec: &self.spec,
            host_ref: &place.host_ref,
            disks: &state.bindings,
            seed: state.seed.as_ref(),
        };
        let made = cx.cx().run("define VM", create.ensure_vm(cx.cx(), &request)).await?;
        cx.record(Effect::SetVmPlacement {
            vm: self.vm,
            provider: place.provider,
            host: Some(place.host),
            external_ref: Some(made.vm.external_ref.clone()),
        });
        state.external_ref = Some(made.vm.external_ref);
        Ok(())
    }

    async fn start(&self, cx: &StepCx, state: &State) -> Result<(), StepError> {
        let place = self.place(state)?;
        let provider = cx.provider(place.provider)?;
        let power = provider.power().ok_or_else(|| lacks(Group::Power))?;
        let external_ref = state
            .external_ref
            .clone()
            .ok_or_else(|| Error::bug("vm.create starts what it has not defined"))?;
        let vm = VmRef { external_ref, name: self.spec.name.clone() };
        Ok(cx.cx().run("start VM", power.start(cx.cx(), &vm)).await?)
    }

    /// The VM of ours at the provider, if it is there, known or not.
    async fn find(&self, cx: &StepCx, state: &State) -> Result<Option<VmRef>, StepError> {
        let Some(place) = &state.place else { return Ok(None) };
        let provider = cx.provider(place.provider)?;
        let Some(create) = provider.create() else { return Ok(None) };
        let found = cx.cx().run("find VM", create.find_vm(cx.cx(), self.vm)).await?;
        Ok(found.map(|handle| handle.vm))
    }

    async fn undefine(&self, cx: &StepCx, state: &State) -> Result<Undo, StepError> {
        let (Some(place), Some(vm)) = (&state.place, self.find(cx, state).await?) else {
            return Ok(Undo::nothing());
        };
        let provider = cx.provider(place.provider)?;
        let create = provider.create().ok_or_else(|| lacks(Group::Create))?;
        cx.cx().run("remove VM", create.remove_vm(cx.cx(), &vm)).await?;
        Ok(Undo::removed())
    }

    async fn stop(&self, cx: &StepCx, state: &State) -> Result<Undo, StepError> {
        let (Some(place), Some(vm)) = (&state.place, self.find(cx, state).await?) else {
            return Ok(Undo::nothing());
        };
        let provider = cx.provider(place.provider)?;
        let power = provider.power().ok_or_else(|| lacks(Group::Power))?;
        cx.cx().run("stop VM", power.stop(cx.cx(), &vm, StopMode::Force)).await?;
        Ok(if cx.fate() == Fate::Refused { Undo::nothing() } else { Undo::removed() })
    }

    async fn remove(
        &self,
        cx: &StepCx,
        place: &Place,
        volumes: Vec<VolumeRef>,
    ) -> Result<Undo, StepError> {
        let provider = cx.provider(place.provider)?;
        made::remove_volumes(cx, &provider, &volumes).await
    }
}

/// A name that no other VM's volume has, and that people can read.
fn volume_name(name: &str, vm: VmId, part: &str, suffix: &str) -> String {
    format!("{name}-{part}-{}.{suffix}", tail(vm))
}

/// The name of the volume with the seed of this VM.
pub(crate) fn seed_volume_name(name: &str, vm: VmId) -> String {
    volume_name(name, vm, "seed", "iso")
}

/// The part of a VM's id that the names of its volumes end with.
fn tail(vm: VmId) -> String {
    let id = vm.as_uuid().simple().to_string();
    id.get(20..).unwrap_or(&id).to_owned()
}

/// Whether a volume of this name is made for the VM.
pub(crate) fn is_made_for(vm: VmId, volume: &str) -> bool {
    volume.rsplit_once('.').is_some_and(|(stem, _)| stem.ends_with(&format!("-{}", tail(vm))))
}

#[async_trait]
impl Operation for VmCreate {
    const KIND: &'static str = "vm.create";
    // The VM bears its id, and each volume's name ends with it.
    const LEAVES: Leaves = Leaves::TheVm;
    type Step = Step;
    type State = State;

    fn provider(&self, state: &State) -> Option<ProviderId> {
        state.place.as_ref().map(|place| place.provider).or(self.wish.provider)
    }

    fn plan(&self) -> Vec<Step> {
        let mut steps = vec![Step::Place];
        if self.spec.disks.iter().any(|disk| disk.source.makes_volume()) {
            steps.push(Step::MakeDisks);
        }
        if self.spec.cloud_init.is_some() {
            steps.push(Step::MakeSeed);
        }
        steps.push(Step::Define);
        if self.start {
            steps.push(Step::Start);
        }
        steps
    }

    fn step_name(step: Step) -> &'static str {
        match step {
            Step::Place => "place",
            Step::MakeDisks => "make disks",
            Step::MakeSeed => "make seed",
            Step::Define => "define",
            Step::Start => "start",
        }
    }

    async fn run(&self, step: Step, cx: &StepCx, state: &mut State) -> Result<(), StepError> {
        match step {
            Step::Place => self.choose(cx, state).await,
            Step::MakeDisks => self.make_disks(cx, state).await,
            Step::MakeSeed => self.make_seed(cx, state).await,
            Step::Define => {
                if state.bindings.is_empty() {
                    // No disk had to be made; those that exist are bound all the same.
                    state.bindings = self.bindings(self.place(state)?);
                    self.record_bindings(cx, state)?;
                }
                self.define(cx, state).await
            }
            Step::Start => self.start(cx, state).await,
        }
    }

    async fn undo(&self, step: Step, cx: &StepCx, state: &State) -> Result<Undo, StepError> {
        // Before it was placed it asked nobody for anything.
        let Some(place) = &state.place else { return Ok(Undo::nothing().for_good()) };
        match step {
            Step::Place => Ok(Undo::nothing().for_good()),
            Step::MakeDisks => {
                let place = &self.with_pool(cx, place).await?;
                let owned = self.bindings(place).into_iter().filter(|b| b.owned);
                self.remove(cx, place, owned.map(|b| b.volume).collect()).await
            }
            Step::MakeSeed => {
                let place = &self.with_pool(cx, place).await?;
                self.remove(cx, place, self.seed_volume(place).into_iter().collect()).await
            }
            Step::Define => self.undefine(cx, state).await,
            // Whoever started it then must not have the power cut: a VM that runs is
            // in use, which undefining it will find.
            Step::Start if cx.is_after_the_end() => Ok(Undo::nothing()),
            Step::Start => self.stop(cx, state).await,
        }
    }

    fn finished(&self, _: &State, outcome: Outcome) -> Vec<Effect> {
        match outcome {
            Outcome::Succeeded => {
                vec![Effect::SetVmPhase { vm: self.vm, phase: Phase::Ready }]
            }
            Outcome::Failed | Outcome::Cancelled => vec![Effect::DeleteVm { vm: self.vm }],
        }
    }
}
