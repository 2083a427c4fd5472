//! Deleting VMs: what goes with one is told before, and nothing else goes.

use hostler_core::access::{self, Actor, Permission};
use hostler_core::id::{ProviderId, VmId};
use hostler_core::storage::VolumeKey;
use hostler_core::vm::check::SEED_DISK;
use hostler_core::vm::status::Phase;
use hostler_core::vm::{Action, Admission};
use hostler_core::{Code, Error, Result};
use hostler_provider::{DiskBinding, VolumeRef};
use hostler_store::IdempotencyKey;

use crate::VmView;
use crate::bound::{LEFT_BEHIND, bindings};
use crate::operations::vm_delete::{At, VmDelete};
use crate::operations::{AtVm, Operation, Submission};
use crate::taken::in_use;
use crate::vms::{Accepted, Vms, place_of, told};

/// How to delete a VM.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeleteOptions {
    /// Whether the volumes made for it go too, with the data on them.
    pub disks: bool,
    /// Whether its power is cut first if it runs.
    pub force: bool,
    /// The generation that was read before; where it has changed since, nothing is deleted.
    pub generation: Option<u64>,
}

/// What deleting a VM would take with it.
#[derive(Debug, Clone)]
pub struct VmDeletion {
    /// What is remembered of its volumes; of one that was adopted, those that Hostler made.
    pub volumes: Vec<BoundVolume>,
    /// Disks that it is seen to have besides, by the words of its provider: they stay.
    pub others: Vec<String>,
    /// Whether its snapshots go with it; `None` where its provider does not say.
    pub ends_snapshots: Option<bool>,
}

/// A volume of a VM.
#[derive(Debug, Clone)]
pub struct BoundVolume {
    /// The volume.
    pub volume: VolumeRef,
    /// The disk that it is behind, as it was asked for.
    pub disk: Option<String>,
    /// How it is the VM's.
    pub kind: VolumeKind,
    /// Whether it goes, as it was asked for.
    pub goes: bool,
    /// The other VM that has it, where it was asked for with its disks: then the VM is not
    /// deleted, but for what was left behind, which stays.
    pub used_by: Option<(VmId, String)>,
}

/// How a volume is a VM's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VolumeKind {
    /// Made for a disk of it; goes if that is asked for.
    Disk,
    /// Made for it, and of none of its disks any more, since it was put back; goes like it.
    LeftBehind,
    /// The seed of cloud-init, which is of no use without it, and goes in any case.
    Seed,
    /// Not made for it; never goes.
    Given,
}

impl VolumeKind {
    fn of(binding: &DiskBinding) -> Self {
        match (binding.owned, binding.disk.as_str()) {
            (false, _) => Self::Given,
            (true, SEED_DISK) => Self::Seed,
            (true, LEFT_BEHIND) => Self::LeftBehind,
            (true, _) => Self::Disk,
        }
    }
}

impl Vms<'_> {
    /// What deleting a VM, with its disks or without, would take with it. Nothing is done.
    ///
    /// # Errors
    /// `vm_not_managed`; with disks where their pools cannot be read: then nobody knows who
    /// else has them.
    pub async fn deletion(&self, id: VmId, disks: bool) -> Result<VmDeletion> {
        let vm = self.get(id)?;
        if vm.row.is_none() {
            let message = "Hostler only observes this VM; adopt it before changing it";
            return Err(told(&vm, Action::Delete, Error::new(Code::VmNotManaged, message)));
        }
        let volumes = self.bound(&vm, disks).await?;
        let seen = vm.observed.as_ref().and_then(|seen| seen.disks.value());
        let sources = seen.into_iter().flatten().filter_map(|disk| disk.source.as_deref());
        let others = sources.filter(|source| !volumes.iter().any(|one| stands_for(source, one)));
        let others = others.map(str::to_owned).collect();
        let provider = place_of(&vm).ok().and_then(|at| self.engine().provider(at.provider).ok());
        let ends_snapshots = provider.and_then(|it| it.create()?.ends_snapshots());
        Ok(VmDeletion { volumes, others, ends_snapshots })
    }

    /// What becomes of a VM's volumes.
    async fn bound(&self, vm: &VmView, disks: bool) -> Result<Vec<BoundVolume>> {
        let bindings = vm.row.as_ref().map(|row| bindings(&row.bindings)).unwrap_or_default();
        // Of one that was never made, or whose provider is not configured, nothing is removed.
        let provider = place_of(vm).ok().map(|at| at.provider);
        let asked = bindings.iter().filter(|one| {
            disks && matches!(VolumeKind::of(one), VolumeKind::Disk | VolumeKind::LeftBehind)
        });
        let asked: Vec<_> = asked.map(|one| one.volume.clone()).collect();
        let used = match provider {
            Some(provider) => self.engine().used(vm.id, provider, &asked).await?,
            None => Vec::new(),
        };
        let of = |one: DiskBinding| {
            let kind = VolumeKind::of(&one);
            let other = used.iter().find(|(volume, _)| *volume == one.volume);
            let used_by = other.map(|(_, other)| other.clone());
            let goes = provider.is_some()
                && match kind {
                    VolumeKind::Seed => true,
                    VolumeKind::Disk => disks,
                    VolumeKind::LeftBehind => disks && used_by.is_none(),
                    VolumeKind::Given => false,
                };
            let disk = Some(one.disk).filter(|disk| disk != LEFT_BEHIND);
            BoundVolume { volume: one.volume, disk, kind, goes, used_by }
        };
        Ok(bindings.into_iter().map(of).collect())
    }

    /// Deletes a VM.
    pub async fn delete(
        &self,
        actor: &Actor,
        key: Option<IdempotencyKey>,
        id: VmId,
        options: DeleteOptions,
    ) -> Result<Accepted> {
        access::may(actor, Permission::VmDelete)?;
        if options.disks {
            access::may(actor, Permission::VolumeManage)?;
        }
        let prepare = self.prepare_deletion(actor, id, &options);
        self.engine().take_on(actor, key, prepare).await
    }

    async fn prepare_deletion(
        &self,
        actor: &Actor,
        id: VmId,
        options: &DeleteOptions,
    ) -> Result<Submission> {
        let vm = self.get(id)?;
        self.engine().may_change_vm(&vm)?;
        if options.generation.is_some_and(|read| read != vm.generation()) {
            let message = format!("{} was changed since you read it", vm.name);
            return Err(Error::new(Code::PreconditionFailed, message));
        }
        self.refuse_twins(&vm)?;
        let cuts_power = cuts_power(&vm, options)?;
        let at = place_of(&vm).ok();
        let bound = self.bound(&vm, options.disks).await?;
        let (gone, kept): (Vec<_>, Vec<_>) = bound.into_iter().partition(|one| one.goes);
        if let Some((one, other)) = gone.iter().find_map(|one| Some((one, one.used_by.as_ref()?))) {
            return Err(in_use(&one.volume.name, other));
        }
        let (seeds, gone): (Vec<_>, Vec<_>) =
            gone.into_iter().partition(|one| one.kind == VolumeKind::Seed);
        let refs = |all: Vec<BoundVolume>| all.into_iter().map(|one| one.volume).collect();
        let (volumes, seeds): (Vec<VolumeRef>, _) = (refs(gone), refs(seeds));
        let claimed = at.as_ref().map(|at| self.keys(at.provider, &volumes)).unwrap_or_default();
        let name = vm.name.clone();
        let at = at.map(|AtVm { provider, external_ref, .. }| At {
            provider,
            adopted: vm.adopted().map(|_| external_ref),
        });
        let operation = VmDelete { vm: id, name, at, force: cuts_power, volumes, seeds };
        let submission = self.engine().submission(VmDelete::KIND, &operation, actor)?;
        let submission = submission.on_vm(id, &vm.name).in_phase(id, Phase::Deleting);
        let submission = submission.on_what_was_read(vm.as_read(options.generation));
        let submission =
            claimed.into_iter().fold(submission, |taken, key| taken.claiming_volume(key));
        if kept.is_empty() {
            return Ok(submission);
        }
        let names: Vec<_> = kept.iter().map(|one| one.volume.to_string()).collect();
        Ok(submission.noting(format!("keeps {}", names.join(", "))))
    }

    /// The volumes as they are claimed, where their pools are known.
    fn keys(&self, provider: ProviderId, volumes: &[VolumeRef]) -> Vec<VolumeKey> {
        let snapshot = self.engine().fleet.snapshot();
        let key = |volume: &VolumeRef| {
            let pool = snapshot.pools.values().find(|pool| {
                let on = pool.observed.host_ref.as_ref();
                pool.provider.0 == provider
                    && pool.observed.name == volume.pool
                    && on.is_none_or(|host| *host == volume.host_ref)
            })?;
            Some(VolumeKey { pool: pool.id, name: volume.name.clone() })
        };
        volumes.iter().filter_map(key).collect()
    }

    /// Refuses to delete a VM when something else, ours or not, bears its mark or its
    /// lasting name: its volumes may be that one's (I17).
    fn refuse_twins(&self, vm: &VmView) -> Result<()> {
        let snapshot = self.engine().fleet.snapshot();
        let provider = vm.provider.as_ref().map(|(id, _)| *id);
        let twin = snapshot.vms.values().find(|other| {
            let Some(seen) = other.observed.as_ref().filter(|_| other.id != vm.id) else {
                return false;
            };
            let same_mark = seen.tag.as_ref().is_some_and(|tag| tag.vm == vm.id);
            let same_place = other.provider.as_ref().map(|(id, _)| *id) == provider
                && vm.external_ref() == Some(seen.external_ref.as_str());
            same_mark || same_place
        });
        match twin {
            None => Ok(()),
            Some(twin) => {
                let whose = if twin.managed { "" } else { ", which Hostler does not manage" };
                let message = format!(
                    "VM \"{}\" may live on as \"{}\"{whose}; look at that one first",
                    vm.name, twin.name
                );
                Err(Error::new(Code::VmWrongState, message).with_detail("vm", twin.id))
            }
        }
    }
}

/// Whether its power has to be cut first; refused where it can't be deleted.
fn cuts_power(vm: &VmView, options: &DeleteOptions) -> Result<bool> {
    match vm.admit(Action::Delete) {
        Admission::Start | Admission::AlreadyThere => Ok(false),
        Admission::Denied(_)
            if options.force && matches!(vm.admit(Action::ForceStop), Admission::Start) =>
        {
            Ok(true)
        }
        Admission::Denied(denial) => Err(told(vm, Action::Delete, denial.into())),
    }
}

/// Whether a disk's words are those of a volume: `pool/name`, or a path that ends with it.
fn stands_for(source: &str, one: &BoundVolume) -> bool {
    source == one.volume.to_string() || source.rsplit('/').next() == Some(one.volume.name.as_str())
}
