//! Disks of VMs that exist, read from the provider when somebody asks: its list is the
//! truth, beside what was asked of the VM. Each change is checked here and done by an
//! operation that claims the VM, and the volume where it is one that was there.

use std::sync::Arc;

use hostler_core::access::{self, Actor, Permission};
use hostler_core::disk::{self, AttachedDisk, DiskLimits, DiskMark};
use hostler_core::error::Fault;
use hostler_core::id::{OperationId, PoolId, VmId};
use hostler_core::storage::VolumeKey;
use hostler_core::vm::check::{MEMORY_MIN_BYTES, SEED_DISK};
use hostler_core::vm::devices::{DiskSource, DiskSpec};
use hostler_core::vm::{Action, Admission, Denial, VmSpec};
use hostler_core::{Code, Error, Result};
use hostler_provider::{Cx, DiskBinding, DiskRef, Group, VolumeRef};
use hostler_store::{AsRead, IdempotencyKey};

use crate::asked::Asked;
use crate::bound::{bindings, name_of, own_volume};
use crate::operations::disk_attach::{DiskAttach, disks_of, is_written};
use crate::operations::disk_detach::DiskDetach;
use crate::operations::{Operation, Submission, lacks, made_as};
use crate::taken::in_use;
use crate::vms::{Accepted, told};
use crate::{Inner, PoolView, VmView};

/// Disks of VMs that exist.
pub struct Disks<'a> {
    engine: &'a Arc<Inner>,
}

/// A disk as it is told.
#[derive(Debug, Clone)]
pub struct DiskView {
    /// Its name: as it was asked for, else as the provider has it.
    pub name: String,
    /// What its provider says of it; `None` where it was asked for and the VM lacks it.
    pub seen: Option<AttachedDisk>,
    /// Whether it is among what was asked of the VM.
    pub asked: bool,
    /// The volume that Hostler made for this VM and that is behind it.
    pub own_volume: Option<VolumeRef>,
    /// Why it cannot be taken off now, if so.
    pub fixed: Option<Denial>,
}

/// What a change of a VM's disks would do.
#[derive(Debug, Clone)]
pub struct DiskPlan {
    /// The steps it would take.
    pub steps: Vec<String>,
    /// What would be there afterwards, a line each.
    pub changes: Vec<String>,
}

/// What is asked of the VM; nothing of one that is not ours.
fn spec_of(asked: &Asked) -> VmSpec {
    let row = asked.vm.row.as_ref();
    row.map_or_else(|| VmSpec::new(&asked.vm.name, MEMORY_MIN_BYTES), |row| row.spec.clone())
}

fn bindings_of(asked: &Asked) -> Vec<DiskBinding> {
    asked.vm.row.as_ref().map(|row| bindings(&row.bindings)).unwrap_or_default()
}

impl<'a> Disks<'a> {
    pub(crate) fn new(engine: &'a Arc<Inner>) -> Self {
        Self { engine }
    }

    /// What can be done about a VM's disks, as far as its provider knows without being
    /// asked; `None` where it has nothing of that, or is not there.
    pub fn limits(&self, vm: &VmView) -> Option<DiskLimits> {
        let (provider, _) = vm.provider.as_ref()?;
        let provider = self.engine.provider(*provider).ok()?;
        provider.disks().map(|disks| disks.limits())
    }

    /// All disks of a VM in the order that it has them, and then those that it lacks.
    pub async fn list(&self, vm: VmId) -> Result<Vec<DiskView>> {
        let asked = Asked::of(self.engine, vm)?;
        let seen = self.read(&asked).await?;
        Ok(views(&asked, &seen))
    }

    /// Adds a disk.
    pub async fn attach(
        &self,
        actor: &Actor,
        key: Option<IdempotencyKey>,
        vm: VmId,
        disk: DiskSpec,
    ) -> Result<Accepted> {
        may_attach(actor, &disk)?;
        let prepare = async {
            let (operation, claimed) = self.prepare_attach(vm, disk).await?;
            self.submission(actor, vm, &operation.at.name, &operation, claimed)
        };
        self.engine.take_on(actor, key, prepare).await
    }

    /// What adding a disk would do, without doing it.
    pub async fn plan_attach(&self, actor: &Actor, vm: VmId, disk: DiskSpec) -> Result<DiskPlan> {
        may_attach(actor, &disk)?;
        let (operation, _) = self.prepare_attach(vm, disk).await?;
        let (name, volume) = (&operation.disk.name, &operation.volume);
        let made = operation.disk.source.makes_volume().then(|| format!("+ volume {volume}"));
        let added = format!("+ disk \"{name}\" of VM \"{}\", volume {volume}", operation.at.name);
        Ok(DiskPlan {
            steps: steps(&operation),
            changes: made.into_iter().chain([added]).collect(),
        })
    }

    async fn prepare_attach(
        &self,
        vm: VmId,
        disk: DiskSpec,
    ) -> Result<(DiskAttach, Option<Claimed>)> {
        let asked = Asked::of(self.engine, vm)?;
        self.engine.may_change(asked.at.provider)?;
        admitted(&asked.vm, Action::AttachDisk)?;
        let existing = self.read(&asked).await?;
        disk::check_addition(&spec_of(&asked), &existing, &disk)?;
        let limits = disks_of(asked.provider.as_ref())?.limits();
        if let Some(denial) = limits.refuses(&disk, asked.power(), existing.len()) {
            return Err(told(&asked.vm, Action::AttachDisk, denial.into()));
        }
        let mut alone = VmSpec::new(&asked.vm.name, MEMORY_MIN_BYTES);
        alone.disks.push(disk);
        self.engine.check_images(&mut alone).await.map_err(of_disk)?;
        self.engine.check_volumes(&alone).await?;
        let disk = alone.disks.pop().ok_or_else(|| Error::bug("a disk was lost"))?;
        let mark = DiskMark::of(self.engine.ids.next(OperationId::new).as_uuid());
        let volume = self.volume_for(&asked, &disk, &mark).await?;
        let claimed = match disk.source.makes_volume() {
            true => None,
            false => self.check_volume(&asked, &disk, &volume, &existing).await?,
        };
        Ok((DiskAttach { at: asked.at, mark, disk, volume }, claimed))
    }

    /// The volume behind a disk: as it is named, or a name that nothing else has.
    async fn volume_for(
        &self,
        asked: &Asked,
        disk: &DiskSpec,
        mark: &DiskMark,
    ) -> Result<VolumeRef> {
        let (pool, name) = match &disk.source {
            DiskSource::Volume { pool, volume } => (Some(pool), volume.clone()),
            DiskSource::Empty { pool, format, .. } | DiskSource::Image { pool, format, .. } => {
                let storage = asked.provider.storage().ok_or_else(|| lacks(Group::Storage))?;
                let format = format.unwrap_or_else(|| made_as(storage));
                let name = format!("{}-{}-{mark}.{}", asked.vm.name, disk.name, format.as_str());
                (pool.as_ref(), name)
            }
            DiskSource::NoMedia {} => return Err(Error::bug("an empty drive was let through")),
        };
        let disks = disks_of(asked.provider.as_ref())?;
        let cx = self.cx();
        let vm = asked.at.reference();
        let asking = disks.place_for(&cx, &vm, pool.map(String::as_str));
        let place = cx.run("find a place for the volume", asking).await?;
        Ok(VolumeRef { host_ref: place.host_ref, pool: place.pool, name })
    }

    /// Whether a volume that is there can be had, and what is claimed of it.
    async fn check_volume(
        &self,
        asked: &Asked,
        disk: &DiskSpec,
        volume: &VolumeRef,
        existing: &[AttachedDisk],
    ) -> Result<Option<Claimed>> {
        let storage = asked.provider.storage().ok_or_else(|| lacks(Group::Storage))?;
        let cx = self.cx();
        let listing = storage.volumes(&cx, &volume.host_ref, &volume.pool);
        let listed = cx.run("list volumes", listing).await?;
        let Some(found) = listed.into_iter().find(|seen| seen.name == volume.name) else {
            let message = format!("pool \"{}\" has no volume \"{}\"", volume.pool, volume.name);
            return Err(Error::new(Code::VolumeNotFound, message));
        };
        let is_it = |seen: &&AttachedDisk| {
            let at = seen.volume.as_ref();
            at.is_some_and(|at| at.pool == volume.pool && at.volume == volume.name)
        };
        if let Some(there) = existing.iter().find(is_it) {
            let message = format!(
                "VM \"{}\" has volume {volume} already, as disk \"{}\"",
                asked.vm.name, there.name
            );
            return Err(Error::new(Code::VolumeInUse, message));
        }
        let Some(pool) = self.pool_of(asked, volume) else { return Ok(None) };
        if is_written(disk) {
            let snapshot = self.engine.fleet.snapshot();
            let paths = found.path.as_deref();
            let users =
                snapshot.users.all_of(asked.at.provider, &pool.observed, &volume.name, paths);
            let other = users.filter(|user| *user != asked.vm.id).min();
            if let Some(other) = other.and_then(|other| snapshot.vms.get(&other)) {
                return Err(in_use(&volume.name, &(other.id, other.name.clone())));
            }
        }
        Ok(Some(Claimed::of(&pool, &volume.name)))
    }

    /// The pool that a volume is in, as it is known.
    fn pool_of(&self, asked: &Asked, volume: &VolumeRef) -> Option<Arc<PoolView>> {
        let snapshot = self.engine.fleet.snapshot();
        let is_it = |pool: &&Arc<PoolView>| {
            let on = pool.observed.host_ref.as_ref();
            pool.provider.0 == asked.at.provider
                && pool.observed.name == volume.pool
                && on.is_none_or(|host| *host == volume.host_ref)
        };
        snapshot.pools.values().find(is_it).cloned()
    }

    /// Takes a disk off, given by its name or by the provider's reference.
    pub async fn detach(
        &self,
        actor: &Actor,
        key: Option<IdempotencyKey>,
        vm: VmId,
        disk: &str,
        delete_volume: bool,
    ) -> Result<Accepted> {
        may_detach(actor, delete_volume)?;
        let prepare = async {
            let (operation, claimed, read) = self.prepare_detach(vm, disk, delete_volume).await?;
            let name = &operation.at.name;
            Ok(self.submission(actor, vm, name, &operation, claimed)?.on_what_was_read(read))
        };
        self.engine.take_on(actor, key, prepare).await
    }

    async fn prepare_detach(
        &self,
        vm: VmId,
        wanted: &str,
        delete_volume: bool,
    ) -> Result<(DiskDetach, Option<Claimed>, Option<AsRead>)> {
        let asked = Asked::of(self.engine, vm)?;
        self.engine.may_change(asked.at.provider)?;
        admitted(&asked.vm, Action::DetachDisk)?;
        let seen = self.read(&asked).await?;
        let view = find(views(&asked, &seen), &asked, wanted)?;
        if let Some(denial) = view.fixed {
            return Err(told(&asked.vm, Action::DetachDisk, denial.into()));
        }
        let asked_as = view.name;
        let volume = match (delete_volume, view.own_volume) {
            (false, _) => None,
            (true, Some(volume)) => {
                let ours = std::slice::from_ref(&volume);
                self.engine.refuse_shared(asked.vm.id, asked.at.provider, ours).await?;
                Some(volume)
            }
            (true, None) => {
                let is_told = view.seen.as_ref().is_none_or(|seen| seen.volume.is_some());
                let why = match is_told {
                    true => format!("was not made for VM \"{}\"", asked.vm.name),
                    false => "is not told by its provider".to_owned(),
                };
                let message = format!(
                    "the volume of disk \"{asked_as}\" {why}; detach it without deleting its \
                     volume"
                );
                return Err(Error::new(Code::VolumeNotItsOwn, message));
            }
        };
        // One that the VM lacks is absent for its provider, too, which is success.
        let absent = || DiskRef {
            external_ref: asked_as.clone(),
            name: asked_as.clone(),
            mark: None,
            bytes: None,
        };
        let disk = view.seen.as_ref().map_or_else(absent, DiskRef::of);
        let pool = volume.as_ref().and_then(|volume| self.pool_of(&asked, volume));
        let claimed = pool.zip(volume.as_ref()).map(|(pool, v)| Claimed::of(&pool, &v.name));
        let at = view.seen.as_ref().and_then(|seen| seen.volume.as_ref());
        let behind = at.map(|at| VolumeRef {
            host_ref: volume.as_ref().map(|own| own.host_ref.clone()).unwrap_or_default(),
            pool: at.pool.clone(),
            name: at.volume.clone(),
        });
        let (lacking, read) = (view.seen.is_none(), asked.vm.as_read(None));
        let operation = DiskDetach { at: asked.at, disk, asked_as, volume, behind, lacking };
        Ok((operation, claimed, read))
    }

    fn submission<O: Operation>(
        &self,
        actor: &Actor,
        vm: VmId,
        name: &str,
        operation: &O,
        claimed: Option<Claimed>,
    ) -> Result<Submission> {
        let submission = self.engine.submission(O::KIND, operation, actor)?.on_vm(vm, name);
        Ok(match claimed {
            Some(claimed) => submission.on_volume(&claimed.key, &claimed.pool),
            None => submission,
        })
    }

    fn cx(&self) -> Cx {
        Cx::within(self.engine.pace.inventory_deadline).with_clock(self.engine.clock.clone())
    }

    async fn read(&self, asked: &Asked) -> Result<Vec<AttachedDisk>> {
        let disks = disks_of(asked.provider.as_ref())?;
        let cx = self.cx();
        Ok(cx.run("list disks", disks.list_disks(&cx, &asked.at.reference())).await?)
    }
}

/// A volume that an operation claims.
struct Claimed {
    key: VolumeKey,
    /// The name of its pool.
    pool: String,
}

impl Claimed {
    fn of(pool: &PoolView, volume: &str) -> Self {
        let id: PoolId = pool.id;
        let key = VolumeKey { pool: id, name: volume.to_owned() };
        Self { key, pool: pool.observed.name.clone() }
    }
}

fn may_attach(actor: &Actor, disk: &DiskSpec) -> Result<()> {
    access::may(actor, Permission::VmUpdate)?;
    match disk.source.makes_volume() {
        true => access::may(actor, Permission::VolumeManage),
        false => Ok(()),
    }
}

fn may_detach(actor: &Actor, delete_volume: bool) -> Result<()> {
    access::may(actor, Permission::VmUpdate)?;
    if delete_volume { access::may(actor, Permission::VolumeManage) } else { Ok(()) }
}

fn admitted(vm: &VmView, action: Action) -> Result<()> {
    match vm.admit(action) {
        Admission::Start | Admission::AlreadyThere => Ok(()),
        Admission::Denied(denial) => Err(told(vm, action, denial.into())),
    }
}

fn steps<O: Operation>(operation: &O) -> Vec<String> {
    operation.plan().into_iter().map(|step| O::step_name(step).to_owned()).collect()
}

/// Faults of a VM with one disk as faults of that disk.
fn of_disk(error: Error) -> Error {
    if error.fault_list().is_empty() {
        return error;
    }
    let faults = error.fault_list().iter().map(|fault| {
        let pointer = fault.pointer.strip_prefix("/disks/0").unwrap_or(&fault.pointer);
        Fault::new(pointer, &fault.code, fault.detail.clone())
    });
    Error::faults(error.code(), faults.collect::<Vec<_>>())
}

/// All disks of a VM, seen and asked for.
fn views(asked: &Asked, seen: &[AttachedDisk]) -> Vec<DiskView> {
    let (spec, bindings) = (spec_of(asked), bindings_of(asked));
    let limits = asked.provider.disks().map(|disks| disks.limits());
    let stays = limits.and_then(|limits| limits.refuses_in(asked.power()));
    let first = seen.first().map(|disk| name_of(disk, &bindings));
    let is_asked = |name: &str| {
        spec.disks.iter().any(|disk| disk.name == name)
            || bindings.iter().any(|bound| bound.disk == name)
            || (name == SEED_DISK && spec.cloud_init.is_some())
    };
    let of_seen = seen.iter().map(|disk| {
        let name = name_of(disk, &bindings);
        let by_provider = disk.fixed.clone().map(|why| Denial::new(Code::DiskNeeded, why));
        let needed = disk::needed(&spec, &name, first.as_deref(), asked.power());
        let fixed = by_provider.or(needed).or_else(|| stays.clone());
        let own_volume = own_volume(Some(disk), &name, &bindings);
        let asked = is_asked(&name);
        DiskView { seen: Some(disk.clone()), asked, own_volume, fixed, name }
    });
    let has = |name: &str| seen.iter().any(|disk| name_of(disk, &bindings) == name);
    let missing = spec.disks.iter().filter(|disk| !has(&disk.name)).map(|disk| DiskView {
        name: disk.name.clone(),
        seen: None,
        asked: true,
        own_volume: own_volume(None, &disk.name, &bindings),
        fixed: None,
    });
    of_seen.chain(missing).collect()
}

/// The disk of that reference, else the one of that name.
fn find(views: Vec<DiskView>, asked: &Asked, wanted: &str) -> Result<DiskView> {
    let by_ref =
        |view: &DiskView| view.seen.as_ref().is_some_and(|seen| seen.external_ref == wanted);
    let mut named: Vec<_> = views.iter().filter(|view| view.name == wanted).cloned().collect();
    if let Some(exact) = views.into_iter().find(by_ref) {
        return Ok(exact);
    }
    let vm = &asked.vm.name;
    match (named.pop(), named.len()) {
        (Some(only), 0) => Ok(only),
        (Some(_), others) => {
            let count = others + 1;
            let message =
                format!("VM \"{vm}\" has {count} disks \"{wanted}\"; name it by its reference");
            Err(Error::new(Code::DiskExists, message))
        }
        (None, _) => {
            let message = format!("VM \"{vm}\" has no disk \"{wanted}\"");
            Err(Error::new(Code::DiskNotFound, message))
        }
    }
}
