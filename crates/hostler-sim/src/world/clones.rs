//! Clones in a simulated world: a VM of the same specification on the same host, with a
//! copy of each volume, as it is now or as a snapshot held it.

use hostler_core::clone::CloneLimits;
use hostler_core::id::VmId;
use hostler_core::vm::{PowerState, VmSpec};
use hostler_provider::{
    Change, CloneHandle, DiskBinding, EnsureClone, Error, Kind, Result, SnapshotRef, VmRef,
    VolumeRef,
};

use super::guest::wrong_state;
use super::state::{State, Volume};
use super::vm::Vm;

/// What clones can do in a simulated world.
pub(crate) const LIMITS: CloneLimits = CloneLimits { live: true, snapshots: true };

/// A request that outlives its caller.
#[derive(Clone)]
pub(crate) struct Wanted {
    vm: VmId,
    name: String,
    source: VmRef,
    snapshot: Option<SnapshotRef>,
    seed: Option<VolumeRef>,
}

impl Wanted {
    pub(crate) fn of(request: &EnsureClone<'_>) -> Self {
        Self {
            vm: request.vm,
            name: request.name.to_owned(),
            source: request.source.clone(),
            snapshot: request.snapshot.cloned(),
            seed: request.seed.cloned(),
        }
    }
}

impl State {
    /// Makes the clone unless there is one; `identity` is random and names it.
    pub(crate) fn ensure_clone(
        &mut self,
        identity: [u8; 16],
        wanted: &Wanted,
    ) -> Result<CloneHandle> {
        if let Some(there) = self.tagged(wanted.vm) {
            return Ok(CloneHandle { vm: there.vm_ref(), created: false, disks: owned(there) });
        }
        let Wanted { name, source, .. } = wanted;
        let found = self.vm(source)?;
        let rests = matches!(
            found.power,
            PowerState::Running | PowerState::Paused | PowerState::Stopped | PowerState::Failed
        );
        if wanted.snapshot.is_none() && !rests {
            return Err(wrong_state(source, found.power));
        }
        if self.vms.values().any(|vm| vm.name == *name) {
            let message = format!("another VM named \"{name}\" exists");
            return Err(Error::new(Kind::Conflict, message));
        }
        let host = found.host.clone();
        let mut spec = VmSpec { name: name.clone(), ..found.spec.clone() };
        spec.nics.iter_mut().for_each(|nic| nic.mac = None);
        let copies = self.copies(found, wanted)?;
        // A snapshot knows nothing of disks that came since.
        let came_since = |name: &str| {
            let is_it = |binding: &DiskBinding| binding.disk == name;
            found.disks.iter().any(is_it) && !copies.iter().any(|(disk, ..)| disk == name)
        };
        spec.disks.retain(|disk| !came_since(&disk.name));
        // What was added bears its mark in the copy, too.
        let mut marks = found.marks.clone();
        marks.retain(|disk, _| copies.iter().any(|(copied, ..)| copied == disk));
        if let Some(seed) = &wanted.seed {
            self.volume(seed)?;
        }
        let mut disks = Vec::new();
        for (disk, volume, copy) in copies {
            let pool = self.pool_mut(&volume.host_ref, &volume.pool)?;
            pool.volumes.insert(volume.name.clone(), copy);
            disks.push(DiskBinding { disk, volume, owned: true });
        }
        let (tag, seed) = (Some(wanted.vm), wanted.seed.clone());
        let mut clone = Vm::new(self, identity, &host, spec, tag, disks.clone(), seed);
        clone.marks = marks;
        let vm = clone.vm_ref();
        self.vms.insert(clone.external_ref.clone(), clone);
        self.set_power(&vm.external_ref, PowerState::Stopped, "cloned");
        self.told.push(Change::Inventory);
        Ok(CloneHandle { vm, created: true, disks })
    }

    /// A copy of each volume of the source, with the disk that it is for and its place.
    fn copies(&self, source: &Vm, wanted: &Wanted) -> Result<Vec<(String, VolumeRef, Volume)>> {
        let held = match &wanted.snapshot {
            None => None,
            Some(snapshot) => Some(source.snapshots.held(snapshot).ok_or_else(|| {
                let message = format!("VM {} has no snapshot {snapshot}", source.vm_ref());
                Error::new(Kind::NotFound, message)
            })?),
        };
        let mut copies = Vec::new();
        for binding in &source.disks {
            let mut copy = self.volume(&binding.volume)?.clone();
            copy.foreign = false;
            if let Some(held) = &held {
                // A disk that came since is none of the snapshot's.
                let Some(then) = held.iter().find(|then| then.disk == binding.disk) else {
                    continue;
                };
                (copy.allocated_bytes, copy.checksum) = (then.allocated_bytes, then.checksum);
            }
            let VolumeRef { host_ref, pool, .. } = binding.volume.clone();
            let tail = wanted.vm.as_uuid().simple();
            let name = format!("{}-{}-{tail}.{}", wanted.name, binding.disk, copy.format.as_str());
            if self.pool(&host_ref, &pool)?.available() < copy.allocated_bytes {
                let message =
                    format!("pool \"{pool}\" has no room for a copy of {}", binding.volume);
                return Err(Error::new(Kind::Exhausted, message));
            }
            copies.push((binding.disk.clone(), VolumeRef { host_ref, pool, name }, copy));
        }
        Ok(copies)
    }

    /// Takes away the clone of this tag with the volumes made for it; whether it was there.
    pub(crate) fn remove_clone(&mut self, id: VmId) -> Result<bool> {
        let Some(there) = self.tagged(id) else { return Ok(false) };
        let (vm, volumes) = (there.vm_ref(), owned(there));
        self.remove_vm(&vm)?;
        for DiskBinding { volume, .. } in volumes {
            if self.user_of(&volume).is_none() {
                self.pool_mut(&volume.host_ref, &volume.pool)?.volumes.remove(&volume.name);
            }
        }
        self.told.push(Change::Inventory);
        Ok(true)
    }
}

fn owned(vm: &Vm) -> Vec<DiskBinding> {
    vm.disks.iter().filter(|binding| binding.owned).cloned().collect()
}
