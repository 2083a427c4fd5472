//! Disks of one simulated VM: those it was made with, and those that came later.

use hostler_core::disk::{AttachedDisk, DiskLimits, DiskMark, DiskState, VolumeName};
use hostler_core::vm::PowerState;
use hostler_core::vm::check::SEED_DISK;
use hostler_core::vm::devices::{CacheMode, DiskBus, DiskSpec};
use hostler_provider::{
    AttachDisk, DiskBinding, DiskHandle, DiskRef, Error, Kind, Result, VmRef, VolumeRef,
};

use super::guest::wrong_state;
use super::state::State;
use super::vm::Vm;
use crate::storage::FORMATS;

/// What can be done about disks in a simulated world.
pub(crate) fn limits() -> DiskLimits {
    DiskLimits {
        live_buses: vec![DiskBus::Virtio, DiskBus::Scsi],
        live_cdrom: false,
        offline: true,
        // Like the machines of today: no IDE.
        offline_buses: vec![DiskBus::Virtio, DiskBus::Scsi, DiskBus::Sata, DiskBus::Usb],
        offline_cdrom: true,
        max_per_vm: 16,
        formats: FORMATS.to_vec(),
        images: true,
        caches: CacheMode::ALL.to_vec(),
        discard: true,
        shares: false,
    }
}

/// A request that outlives its caller.
pub(crate) struct OwnedDisk {
    mark: DiskMark,
    vm: VmRef,
    disk: DiskSpec,
    volume: VolumeRef,
}

impl OwnedDisk {
    pub(crate) fn of(request: &AttachDisk<'_>) -> Self {
        Self {
            mark: request.mark.clone(),
            vm: request.vm.clone(),
            disk: request.disk.clone(),
            volume: request.volume.clone(),
        }
    }

    pub(crate) fn request(&self) -> AttachDisk<'_> {
        AttachDisk { mark: &self.mark, vm: &self.vm, disk: &self.disk, volume: &self.volume }
    }
}

impl Vm {
    /// Its disks, and the seed as the last.
    pub(crate) fn attached(&self, state: &State) -> Vec<AttachedDisk> {
        let seen = self.observed_disks(state);
        let names = self.spec.disks.iter().map(|disk| Some(disk.name.as_str()));
        let disks = seen.into_iter().zip(names.chain([None])).map(|(seen, name)| {
            let bound = |name| self.disks.iter().find(|b| b.disk == name).map(|b| &b.volume);
            let (volume, fixed) = match name {
                Some(name) => (bound(name), None),
                None => (self.seed.as_ref(), Some("it holds what cloud-init reads".to_owned())),
            };
            let name = name.unwrap_or(SEED_DISK);
            let mark = self.marks.get(name).cloned();
            AttachedDisk {
                external_ref: match &mark {
                    Some(mark) => format!("{name}@{mark}"),
                    None => name.to_owned(),
                },
                name: name.to_owned(),
                mark,
                state: DiskState::Attached,
                message: None,
                device: seen.device,
                bus: seen.bus,
                volume: volume.map(|v| VolumeName { pool: v.pool.clone(), volume: v.name.clone() }),
                source: seen.source,
                capacity_bytes: seen.capacity_bytes,
                read_only: seen.read_only,
                fixed,
            }
        });
        disks.collect()
    }
}

impl State {
    /// Adds a disk unless it is there.
    pub(crate) fn attach_disk(&mut self, request: &AttachDisk<'_>) -> Result<DiskHandle> {
        let AttachDisk { mark, vm, disk, volume } = *request;
        let found = self.vm(vm)?;
        let all = found.attached(self);
        let same_volume = |seen: &&AttachedDisk| {
            seen.name == disk.name && seen.source.as_deref() == Some(&*volume.to_string())
        };
        let marked = all.iter().find(|seen| seen.mark.as_ref() == Some(mark));
        if let Some(there) = marked.or_else(|| all.iter().find(same_volume)) {
            return Ok(DiskHandle { disk: DiskRef::of(there), created: false });
        }
        let conflict = |message: String| Err(Error::new(Kind::Conflict, message));
        if all.iter().any(|seen| seen.name == disk.name) {
            return conflict(format!("VM {vm} has another disk \"{}\"", disk.name));
        }
        if let Some(denial) = limits().refuses(disk, found.power, found.spec.disks.len()) {
            let kind = match denial.code {
                hostler_core::Code::VmWrongState => Kind::Conflict,
                _ => Kind::Unsupported,
            };
            let message = format!("cannot add disk \"{}\" to {vm}: {}", disk.name, denial.message);
            return Err(Error::new(kind, message).with_code(denial.code));
        }
        if !rests(found.power) {
            return Err(wrong_state(vm, found.power));
        }
        if !self.volume(volume)?.complete {
            return conflict(format!("volume {volume} is half filled"));
        }
        if let Some(user) = self.user_of(volume) {
            return conflict(format!("volume {volume} belongs to VM {}", user.vm_ref()));
        }
        let found = self.vm_mut(vm)?;
        found.spec.disks.push(disk.clone());
        let (name, volume) = (disk.name.clone(), volume.clone());
        found.disks.push(DiskBinding { disk: name.clone(), volume, owned: true });
        found.marks.insert(name.clone(), mark.clone());
        self.told.push(hostler_provider::Change::Vm(vm.clone()));
        let added = self.vm(vm)?.attached(self).into_iter().find(|seen| seen.name == name);
        let added = added.ok_or_else(|| Error::new(Kind::Bug, "an added disk is not there"))?;
        Ok(DiskHandle { disk: DiskRef::of(&added), created: true })
    }

    /// Whether asking for a disk would come to an end: nobody holds it, or nobody ever will
    /// give it up in the VM's state.
    pub(crate) fn lets_go(&self, vm: &VmRef, disk: &DiskRef) -> bool {
        let Ok(found) = self.vm(vm) else { return true };
        let is_deaf = found.power == PowerState::Running && !found.guest.obeys_acpi;
        !is_deaf || !found.attached(self).iter().any(|seen| disk.is(seen))
    }

    /// Takes a disk off. Absent is success, and so is another one of its name.
    pub(crate) fn detach_disk(&mut self, vm: &VmRef, disk: &DiskRef) -> Result<()> {
        let Ok(found) = self.vm(vm) else { return Ok(()) };
        let Some(seen) = found.attached(self).into_iter().find(|seen| disk.is(seen)) else {
            return Ok(());
        };
        if let Some(why) = seen.fixed {
            let message = format!("cannot take disk {disk} off {vm}: {why}");
            return Err(Error::new(Kind::Conflict, message));
        }
        if !rests(found.power) || found.power == PowerState::Paused {
            return Err(wrong_state(vm, found.power));
        }
        if !self.lets_go(vm, disk) {
            let message = format!("the guest of {vm} does not give disk {disk} up");
            return Err(Error::new(Kind::Conflict, message));
        }
        let found = self.vm_mut(vm)?;
        found.spec.without_disk(&seen.name);
        found.disks.retain(|bound| bound.disk != seen.name);
        found.marks.remove(&seen.name);
        self.told.push(hostler_provider::Change::Vm(vm.clone()));
        Ok(())
    }
}

/// Whether its devices can change in this state.
fn rests(power: PowerState) -> bool {
    matches!(
        power,
        PowerState::Running | PowerState::Paused | PowerState::Stopped | PowerState::Failed
    )
}
