//! What a promise works with: a connection, fresh names, and a list of what it
//! made, so that all of it is removed whatever happens.

use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hostler_core::id::VmId;
use hostler_core::vm::devices::{DiskDevice, DiskSource, DiskSpec, VolumeFormat};
use hostler_core::vm::{ObservedVm, PowerState, VmSpec};

use super::harness::{BootImage, Harness, Setting};
use crate::{
    Clones, Cluster, Configure, Console, Create, Cx, DiskBinding, Disks, EnsureVm, EnsureVolume,
    Error, InstanceTypes, Kind, Metrics, Migrate, Power, Provider, Result, Snapshots, StopMode,
    Storage, VmHandle, VmRef, VolumeContent, VolumeInfo, VolumeRef, Watch,
};

/// Why a promise ended before its end.
#[derive(Debug)]
pub(super) enum Stop {
    /// It is broken, and how.
    Failed(String),
    /// It cannot be checked here, and why.
    Skipped(String),
}

/// How a promise ends.
pub(super) type Check<T = ()> = std::result::Result<T, Stop>;

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(format!("unexpected error: {}", whole(&error)))
    }
}

/// All that an error says: who reads a report has no log of that run.
fn whole(error: &Error) -> String {
    let raw = error.raw().map(|raw| format!(" ({raw})")).unwrap_or_default();
    format!("{:?}: {error}{raw}", error.kind())
}

/// The end of a promise that is broken.
pub(super) fn fail<T>(what: impl Display) -> Check<T> {
    Err(Stop::Failed(what.to_string()))
}

/// The end of a promise that cannot be checked here.
pub(super) fn skip<T>(why: impl Display) -> Check<T> {
    Err(Stop::Skipped(why.to_string()))
}

/// Goes on only if `holds`.
pub(super) fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(Stop::Failed(otherwise())) }
}

/// Goes on only if the call was refused with one of these kinds, in a message
/// that can be shown: not empty, no full stop.
pub(super) fn refused<T>(result: Result<T>, kinds: &[Kind]) -> Check<Error> {
    let Err(error) = result else { return fail(format!("succeeded instead of {kinds:?}")) };
    check(kinds.contains(&error.kind()), || format!("instead of {kinds:?}: {}", whole(&error)))?;
    let message = error.message();
    check(!message.is_empty() && !message.ends_with('.'), || {
        format!("the message cannot be shown: `{message}`")
    })?;
    Ok(error)
}

/// A VM that a promise made.
pub(super) struct Made {
    pub(super) id: VmId,
    pub(super) spec: VmSpec,
    pub(super) disks: Vec<DiskBinding>,
    pub(super) vm: VmRef,
}

#[derive(Default)]
struct Left {
    vms: Vec<VmId>,
    /// Before the VMs that they were made of.
    clones: Vec<VmId>,
    foreign: Vec<VmRef>,
    volumes: Vec<VolumeRef>,
    hung: bool,
    behind: bool,
}

/// What a promise works with.
pub(super) struct Trial<'h> {
    pub(super) harness: &'h dyn Harness,
    pub(super) setting: &'h Setting,
    pub(super) provider: Arc<dyn Provider>,
    left: Mutex<Left>,
}

impl<'h> Trial<'h> {
    pub(super) fn new(
        harness: &'h dyn Harness,
        setting: &'h Setting,
        provider: Arc<dyn Provider>,
    ) -> Self {
        Self { harness, setting, provider, left: Mutex::default() }
    }

    fn left(&self) -> MutexGuard<'_, Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The context of an ordinary call.
    pub(super) fn cx(&self) -> Cx {
        Cx::within(self.setting.call_within)
    }

    /// The context of a call that ends with the guest shut down.
    pub(super) fn patient(&self) -> Cx {
        Cx::within(self.setting.call_within + self.setting.stop_within)
    }

    pub(super) fn create(&self) -> Check<&dyn Create> {
        self.provider.create().map_or_else(|| skip("the provider has no group create"), Ok)
    }

    pub(super) fn configure(&self) -> Check<&dyn Configure> {
        self.provider.configure().map_or_else(|| skip("the provider has no group configure"), Ok)
    }

    pub(super) fn power(&self) -> Check<&dyn Power> {
        self.provider.power().map_or_else(|| skip("the provider has no group power"), Ok)
    }

    pub(super) fn storage(&self) -> Check<&dyn Storage> {
        self.provider.storage().map_or_else(|| skip("the provider has no group storage"), Ok)
    }

    pub(super) fn console(&self) -> Check<&dyn Console> {
        self.provider.console().map_or_else(|| skip("the provider has no group console"), Ok)
    }

    pub(super) fn metrics(&self) -> Check<&dyn Metrics> {
        self.provider.metrics().map_or_else(|| skip("the provider has no group metrics"), Ok)
    }

    pub(super) fn watch(&self) -> Check<&dyn Watch> {
        self.provider.watch().map_or_else(|| skip("the provider has no group watch"), Ok)
    }

    pub(super) fn migrate(&self) -> Check<&dyn Migrate> {
        self.provider.migrate().map_or_else(|| skip("the provider has no group migrate"), Ok)
    }

    pub(super) fn cluster(&self) -> Check<&dyn Cluster> {
        self.provider.cluster().map_or_else(|| skip("the provider has no group cluster"), Ok)
    }

    pub(super) fn snapshots(&self) -> Check<&dyn Snapshots> {
        self.provider.snapshots().map_or_else(|| skip("the provider has no group snapshots"), Ok)
    }

    pub(super) fn clones(&self) -> Check<&dyn Clones> {
        self.provider.clones().map_or_else(|| skip("the provider has no group clone"), Ok)
    }

    /// A fresh id; a clone made for it is removed at the end, with its volumes.
    pub(super) fn clone_id(&self) -> VmId {
        let id = self.setting.ids.next(VmId::new);
        self.left().clones.push(id);
        id
    }

    pub(super) fn instance_types(&self) -> Check<&dyn InstanceTypes> {
        let types = self.provider.instance_types();
        types.map_or_else(|| skip("the provider has no group instance_types"), Ok)
    }

    pub(super) fn disks(&self) -> Check<&dyn Disks> {
        self.provider.disks().map_or_else(|| skip("the provider has no group disks"), Ok)
    }

    /// A fresh id; a VM made for it is removed at the end.
    pub(super) fn id(&self) -> VmId {
        let id = self.setting.ids.next(VmId::new);
        self.left().vms.push(id);
        id
    }

    /// A name that nobody else uses.
    pub(super) fn name(&self) -> String {
        let bytes: [u8; 6] = self.setting.ids.secret();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}{hex}", self.setting.prefix)
    }

    /// A volume with a name that nobody else uses, not yet made; whatever
    /// comes to bear the name is removed at the end.
    pub(super) async fn volume(&self) -> Check<VolumeRef> {
        let host_ref = self.setting.host_ref.clone();
        let pool = match &self.setting.pool {
            Some(pool) => pool.clone(),
            None => self.storage()?.default_pool(&self.cx(), &host_ref).await?,
        };
        let volume = VolumeRef { host_ref, pool, name: self.name() };
        self.left().volumes.push(volume.clone());
        Ok(volume)
    }

    /// Has a volume that came to be removed at the end.
    pub(super) fn removes(&self, volume: VolumeRef) {
        self.left().volumes.push(volume);
    }

    /// Makes a volume in the format that every provider has.
    pub(super) async fn ensure_volume(
        &self,
        volume: &VolumeRef,
        capacity_bytes: u64,
        content: VolumeContent<'_>,
    ) -> Check<Result<VolumeInfo>> {
        let format = VolumeFormat::Raw;
        let request = EnsureVolume { volume, capacity_bytes, format, content };
        Ok(self.storage()?.ensure_volume(&self.cx(), &request).await)
    }

    /// A spec of the smallest VM, under a fresh name.
    pub(super) fn spec(&self) -> VmSpec {
        self.harness.spec(&self.name())
    }

    /// Makes the VM of this id on the harness's host.
    pub(super) async fn ensure(
        &self,
        id: VmId,
        spec: &VmSpec,
        disks: &[DiskBinding],
    ) -> Check<Result<VmHandle>> {
        let host_ref = &self.setting.host_ref;
        let request = EnsureVm { vm: id, spec, host_ref, disks, seed: None };
        Ok(self.create()?.ensure_vm(&self.cx(), &request).await)
    }

    /// Makes a VM as it is specified.
    pub(super) async fn make(&self, spec: VmSpec, disks: Vec<DiskBinding>) -> Check<Made> {
        let id = self.id();
        let handle = self.ensure(id, &spec, &disks).await??;
        check(handle.created, || "a fresh id had a VM already".to_owned())?;
        Ok(Made { id, spec, disks, vm: handle.vm })
    }

    /// The smallest VM, stopped.
    pub(super) async fn vm(&self) -> Check<Made> {
        self.make(self.spec(), Vec::new()).await
    }

    /// The smallest VM, running.
    pub(super) async fn running(&self) -> Check<Made> {
        let made = self.vm().await?;
        self.power()?.start(&self.cx(), &made.vm).await?;
        Ok(made)
    }

    /// A running VM with the harness's guest in it.
    pub(super) async fn booted(&self) -> Check<(Made, BootImage)> {
        let Some(image) = self.setting.boot.clone() else {
            return skip("the harness has no image that boots");
        };
        let (capacity_bytes, format) = (image.capacity_bytes, image.format);
        let volume = self.volume().await?;
        let content = VolumeContent::Upload(&*image.bytes);
        let request = EnsureVolume { volume: &volume, capacity_bytes, format, content };
        self.storage()?.ensure_volume(&self.patient(), &request).await?;
        let mut spec = self.spec();
        spec.disks.push(disk("root", &volume));
        let disks = vec![DiskBinding { disk: "root".to_owned(), volume, owned: true }];
        let made = self.make(spec, disks).await?;
        self.power()?.start(&self.cx(), &made.vm).await?;
        Ok((made, image))
    }

    /// A VM that is not ours, of this name.
    pub(super) async fn foreign(&self, name: &str) -> Check<VmRef> {
        let Some(vm) = self.harness.make_foreign_vm(name).await else {
            return skip("the harness cannot make a foreign VM");
        };
        self.left().foreign.push(vm.clone());
        Ok(vm)
    }

    /// The same, of which the driver has seen nothing yet.
    pub(super) async fn unseen(&self, name: &str) -> Check<VmRef> {
        let Some(vm) = self.harness.make_unseen_vm(name).await else {
            return skip("the harness cannot make a foreign VM");
        };
        self.left().foreign.push(vm.clone());
        Ok(vm)
    }

    /// What is gone already needs no removing.
    pub(super) fn is_gone(&self, vm: &VmRef) {
        self.left().foreign.retain(|one| one != vm);
    }

    /// Hangs the place, until the promise ends at the latest.
    pub(super) async fn hang(&self) -> Check {
        if !self.harness.hang(true).await {
            return skip("the harness cannot hang the provider");
        }
        self.left().hung = true;
        Ok(())
    }

    pub(super) async fn unhang(&self) {
        self.left().hung = false;
        self.harness.hang(false).await;
    }

    /// Leaves the driver with an older picture, until the promise ends at the latest.
    pub(super) async fn fall_behind(&self) -> Check {
        if !self.harness.fall_behind(true).await {
            return skip("the harness cannot leave the driver behind");
        }
        self.left().behind = true;
        Ok(())
    }

    pub(super) async fn catch_up(&self) {
        self.left().behind = false;
        self.harness.fall_behind(false).await;
    }

    /// The VM as the inventory shows it.
    pub(super) async fn listed(&self, vm: &VmRef) -> Check<Option<ObservedVm>> {
        let inventory = self.provider.inventory(&self.cx()).await?;
        Ok(inventory.vms.into_iter().find(|seen| seen.external_ref == vm.external_ref))
    }

    /// Goes on only if the inventory shows the VM in this state.
    pub(super) async fn is(&self, vm: &VmRef, wanted: PowerState) -> Check {
        match self.listed(vm).await? {
            None => fail(format!("it is not in the inventory instead of {wanted:?}")),
            Some(seen) => check(seen.power == wanted, || {
                format!("it is {:?} ({}) instead of {wanted:?}", seen.power, seen.power_reason)
            }),
        }
    }

    /// Removes everything that was made, and says what would not go.
    pub(super) async fn clean_up(&self) -> std::result::Result<(), String> {
        let left = std::mem::take(&mut *self.left());
        if left.hung {
            self.harness.hang(false).await;
        }
        if left.behind {
            self.harness.fall_behind(false).await;
        }
        let mut stayed = Vec::new();
        for id in left.clones {
            if let Err(error) = self.persist(|| self.remove_clone(id)).await {
                stayed.push(format!("the clone of {id}: {}", whole(&error)));
            }
        }
        for id in left.vms {
            if let Err(error) = self.persist(|| self.remove(id)).await {
                stayed.push(format!("the VM of {id}: {}", whole(&error)));
            }
        }
        for vm in left.foreign {
            self.harness.remove_foreign_vm(&vm).await;
        }
        if let Some(storage) = self.provider.storage() {
            for volume in left.volumes {
                let remove = || async { storage.remove_volume(&self.cx(), &volume).await };
                if let Err(error) = self.persist(remove).await {
                    stayed.push(format!("volume {volume}: {}", whole(&error)));
                }
            }
        }
        if stayed.is_empty() { Ok(()) } else { Err(stayed.join("; ")) }
    }

    async fn remove_clone(&self, id: VmId) -> Result<()> {
        let Some(clones) = self.provider.clones() else { return Ok(()) };
        if let (Some(create), Some(power)) = (self.provider.create(), self.provider.power())
            && let Some(found) = create.find_vm(&self.cx(), id).await?
        {
            power.stop(&self.cx(), &found.vm, StopMode::Force).await?;
        }
        clones.remove_clone(&self.patient(), id).await.map(drop)
    }

    async fn remove(&self, id: VmId) -> Result<()> {
        let Some(create) = self.provider.create() else { return Ok(()) };
        let Some(found) = create.find_vm(&self.cx(), id).await? else { return Ok(()) };
        if let Some(power) = self.provider.power() {
            power.stop(&self.cx(), &found.vm, StopMode::Force).await?;
        }
        create.remove_vm(&self.cx(), &found.vm).await?;
        match create.find_vm(&self.cx(), id).await? {
            None => Ok(()),
            Some(_) => Err(Error::new(Kind::Bug, "it is still found after it was removed")),
        }
    }

    /// Repeats a call while it fails with what passes by itself, as after a
    /// hang, within the patience of a boot.
    pub(super) async fn persist<F>(&self, call: impl Fn() -> F) -> Result<()>
    where
        F: Future<Output = Result<()>>,
    {
        let until = tokio::time::Instant::now() + self.setting.boot_within;
        loop {
            match call().await {
                Err(error)
                    if error.kind().is_transient() && tokio::time::Instant::now() < until =>
                {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                ended => return ended,
            }
        }
    }
}

/// A disk of the spec that is a volume which exists.
pub(super) fn disk(name: &str, volume: &VolumeRef) -> DiskSpec {
    let source = DiskSource::Volume { pool: volume.pool.clone(), volume: volume.name.clone() };
    DiskSpec {
        name: name.to_owned(),
        device: DiskDevice::Disk,
        bus: None,
        source,
        read_only: false,
        cache: None,
        discard: false,
        serial: None,
    }
}
