//! Snapshots of one simulated VM: a tree, with what its volumes held and what it did.
//!
//! ```text
//!   s1 ──► s2 ──► s3      the VM's disks have grown from s3: it is current
//!    └──► s4              after going back to s1, and taking s4
//! ```

use std::collections::BTreeMap;

use hostler_core::Timestamp;
use hostler_core::disk::DiskMark;
use hostler_core::fact::Fact;
use hostler_core::id::{OperationId, SnapshotId};
use hostler_core::snapshot::{
    Consistency, ObservedSnapshot, Quiesce, SnapshotContent, SnapshotLimits, SnapshotSpec,
    SnapshotState,
};
use hostler_core::vm::PowerState;
use hostler_core::vm::devices::{DiskSource, DiskSpec};
use hostler_provider::{
    DiskBinding, Error, Kind, MovedDisk, Result, Reverted, SnapshotHandle, SnapshotRef, VmRef,
    VolumeRef,
};

use super::census::SnapshotRecord;
use super::guest::wrong_state;
use super::state::{SOURCE, State, Volume};
use super::vm::Vm;

/// What snapshots can do in a simulated world.
pub(crate) const LIMITS: SnapshotLimits = SnapshotLimits {
    live: true,
    memory: true,
    quiesce: true,
    tree: true,
    reverts_live: true,
    max_per_vm: Some(64),
};

/// All snapshots of a VM.
#[derive(Default)]
pub(crate) struct Snapshots {
    /// Oldest first.
    all: Vec<Taken>,
    /// The one that its disks have grown from.
    current: Option<String>,
    /// The operations that it was put back for, and what was told of each.
    reverted: BTreeMap<OperationId, Reverted>,
    reverts: u64,
}

/// A snapshot. The bytes of its volumes are not kept, as those of volumes are not.
struct Taken {
    external_ref: String,
    tag: Option<SnapshotId>,
    spec: SnapshotSpec,
    parent: Option<String>,
    consistency: Consistency,
    power: PowerState,
    at: Timestamp,
    volumes: Vec<Held>,
}

/// What a volume held.
#[derive(Clone)]
pub(crate) struct Held {
    pub(crate) disk: String,
    volume: VolumeRef,
    /// What the VM was asked to have, and the mark that it bore.
    spec: Option<DiskSpec>,
    mark: Option<DiskMark>,
    /// The volume as it was.
    whole: Volume,
    pub(crate) allocated_bytes: u64,
    pub(crate) checksum: u64,
}

impl Snapshots {
    pub(crate) fn records(&self) -> Vec<SnapshotRecord> {
        let record = |one: &Taken| SnapshotRecord { name: one.spec.name.clone(), tag: one.tag };
        self.all.iter().map(record).collect()
    }

    pub(crate) const fn reverts(&self) -> u64 {
        self.reverts
    }

    pub(crate) fn observed(&self, now: Timestamp) -> Vec<ObservedSnapshot> {
        self.all.iter().map(|one| one.observed(self.current.as_deref(), now)).collect()
    }

    /// What the volumes held when a snapshot was taken.
    pub(crate) fn held(&self, snapshot: &SnapshotRef) -> Option<&[Held]> {
        self.find(&snapshot.external_ref).map(|taken| &*taken.volumes)
    }

    fn find(&self, external_ref: &str) -> Option<&Taken> {
        self.all.iter().find(|one| one.external_ref == external_ref)
    }
}

impl Taken {
    fn reference(&self) -> SnapshotRef {
        SnapshotRef { external_ref: self.external_ref.clone(), name: self.spec.name.clone() }
    }

    fn observed(&self, current: Option<&str>, now: Timestamp) -> ObservedSnapshot {
        let disks = self.volumes.iter().map(|held| held.disk.clone()).collect();
        ObservedSnapshot {
            external_ref: self.external_ref.clone(),
            name: self.spec.name.clone(),
            tag: self.tag,
            state: SnapshotState::Ready,
            message: None,
            description: Some(self.spec.description.clone()).filter(|text| !text.is_empty()),
            parent: Fact::seen(self.parent.clone(), SOURCE, now),
            is_current: Fact::seen(current == Some(&*self.external_ref), SOURCE, now),
            content: Fact::seen(self.spec.content, SOURCE, now),
            consistency: Fact::seen(self.consistency, SOURCE, now),
            taken_at: Fact::seen(self.at, SOURCE, now),
            disks: Fact::seen(disks, SOURCE, now),
            disks_left_out: Fact::seen(Vec::new(), SOURCE, now),
            observed_at: now,
        }
    }
}

impl State {
    /// Takes a snapshot unless one bears the tag; `identity` is random and names it.
    pub(crate) fn ensure_snapshot(
        &mut self,
        identity: [u8; 16],
        id: SnapshotId,
        vm: &VmRef,
        spec: &SnapshotSpec,
        now: Timestamp,
    ) -> Result<SnapshotHandle> {
        let found = self.vm(vm)?;
        let all = &found.snapshots.all;
        if let Some(there) = all.iter().find(|one| one.tag == Some(id)) {
            return Ok(SnapshotHandle { snapshot: there.reference(), created: false });
        }
        if all.iter().any(|one| one.spec.name == spec.name) {
            let message = format!("VM {vm} has a snapshot named \"{}\" already", spec.name);
            return Err(Error::new(Kind::Conflict, message));
        }
        can_be_taken(found, vm, spec)?;
        let taken = Taken {
            external_ref: uuid::Builder::from_random_bytes(identity).into_uuid().to_string(),
            tag: Some(id),
            spec: spec.clone(),
            parent: found.snapshots.current.clone(),
            consistency: consistency(found, vm, spec)?,
            power: found.power,
            at: now,
            volumes: self.held(found),
        };
        let snapshot = taken.reference();
        let held = &mut self.vm_mut(vm)?.snapshots;
        held.current = Some(taken.external_ref.clone());
        held.all.push(taken);
        self.told.push(hostler_provider::Change::Vm(vm.clone()));
        Ok(SnapshotHandle { snapshot, created: true })
    }

    fn held(&self, vm: &Vm) -> Vec<Held> {
        let held = vm.disks.iter().filter_map(|disk| {
            let volume = self.volume(&disk.volume).ok()?;
            let spec = vm.spec.disks.iter().find(|spec| spec.name == disk.disk).cloned();
            Some(Held {
                disk: disk.disk.clone(),
                volume: disk.volume.clone(),
                spec,
                mark: vm.marks.get(&disk.disk).cloned(),
                whole: volume.clone(),
                allocated_bytes: volume.allocated_bytes,
                checksum: volume.checksum,
            })
        });
        held.collect()
    }

    /// Puts a VM back, unless that was done for this operation.
    pub(crate) fn revert(
        &mut self,
        operation: OperationId,
        vm: &VmRef,
        snapshot: &SnapshotRef,
    ) -> Result<Reverted> {
        let found = self.vm(vm)?;
        if let Some(told) = found.snapshots.reverted.get(&operation) {
            return Ok(told.clone());
        }
        let Some(taken) = found.snapshots.find(&snapshot.external_ref) else {
            let message = format!("VM {vm} has no snapshot {snapshot}");
            return Err(Error::new(Kind::NotFound, message));
        };
        let moves = matches!(
            found.power,
            PowerState::Starting | PowerState::Stopping | PowerState::Saving | PowerState::Saved
        );
        if moves {
            return Err(wrong_state(vm, found.power));
        }
        let goes_on = taken.spec.content == SnapshotContent::DisksAndMemory;
        let power = if goes_on { taken.power } else { PowerState::Stopped };
        let wanted = taken.volumes.clone();
        let told = match self.disks_move_on_revert {
            true => self.move_back(operation, vm, wanted)?,
            false => self.put_back(wanted)?,
        };
        let held = &mut self.vm_mut(vm)?.snapshots;
        held.current = Some(snapshot.external_ref.clone());
        held.reverted.insert(operation, told.clone());
        held.reverts += 1;
        self.set_power(&vm.external_ref, power, "from_snapshot");
        Ok(told)
    }

    /// Gives volumes what they held.
    fn put_back(&mut self, wanted: Vec<Held>) -> Result<Reverted> {
        for held in &wanted {
            self.volume(&held.volume)?;
        }
        for held in wanted {
            let pool = self.pool_mut(&held.volume.host_ref, &held.volume.pool)?;
            if let Some(there) = pool.volumes.get_mut(&held.volume.name) {
                (there.allocated_bytes, there.checksum) = (held.allocated_bytes, held.checksum);
            }
        }
        Ok(Reverted::default())
    }

    /// Makes other volumes with what those of the VM held, and leaves those as they are. The VM
    /// has the disks of then: what was added since is not its any more, and what was taken off
    /// is back.
    fn move_back(
        &mut self,
        operation: OperationId,
        vm: &VmRef,
        wanted: Vec<Held>,
    ) -> Result<Reverted> {
        let mut told = Reverted::default();
        let (mut disks, mut marks, mut specs) = (Vec::new(), BTreeMap::new(), Vec::new());
        for held in wanted {
            let Held { disk, volume, spec, mark, mut whole, .. } = held;
            (whole.allocated_bytes, whole.checksum) = (held.allocated_bytes, held.checksum);
            let name = format!("restored-{operation}-{disk}");
            self.pool_mut(&volume.host_ref, &volume.pool)?.volumes.insert(name.clone(), whole);
            let owned = self.vm(vm)?.disks.iter().find(|now| now.disk == disk);
            let owned = owned.is_none_or(|now| now.owned);
            let volume = VolumeRef { name: name.clone(), ..volume };
            disks.push(DiskBinding { disk: disk.clone(), volume, owned });
            specs.extend(spec);
            marks.extend(mark.map(|mark| (disk.clone(), mark)));
            told.moved.push(MovedDisk { disk, volume: name });
        }
        let found = self.vm_mut(vm)?;
        let is_volume = |spec: &DiskSpec| !matches!(spec.source, DiskSource::NoMedia {});
        let drives = found.spec.disks.iter().filter(|spec| !is_volume(spec)).cloned();
        specs.extend(drives);
        (found.disks, found.marks, found.spec.disks) = (disks, marks, specs);
        Ok(told)
    }

    /// Deletes a snapshot; its children grow from its parent then. Absent is success.
    pub(crate) fn remove_snapshot(&mut self, vm: &VmRef, snapshot: &SnapshotRef) -> Result<()> {
        let Ok(found) = self.vm_mut(vm) else { return Ok(()) };
        let held = &mut found.snapshots;
        let gone = &snapshot.external_ref;
        let Some(at) = held.all.iter().position(|one| one.external_ref == *gone) else {
            return Ok(());
        };
        let removed = held.all.remove(at);
        for child in held.all.iter_mut().filter(|one| one.parent.as_ref() == Some(gone)) {
            child.parent.clone_from(&removed.parent);
        }
        if held.current.as_ref() == Some(gone) {
            held.current = removed.parent;
        }
        self.told.push(hostler_provider::Change::Vm(vm.clone()));
        Ok(())
    }
}

/// Whether its state and the limits allow it.
fn can_be_taken(found: &Vm, vm: &VmRef, spec: &SnapshotSpec) -> Result<()> {
    let rests = matches!(
        found.power,
        PowerState::Running | PowerState::Paused | PowerState::Stopped | PowerState::Failed
    );
    if !rests {
        return Err(wrong_state(vm, found.power));
    }
    match LIMITS.refuses(spec, found.power, found.snapshots.all.len()) {
        None => Ok(()),
        Some(denial) => {
            let kind = match denial.code {
                hostler_core::Code::CapabilityMissing => Kind::Unsupported,
                _ => Kind::Conflict,
            };
            let message = format!("cannot take a snapshot of {vm}: {}", denial.message);
            Err(Error::new(kind, message).with_code(denial.code))
        }
    }
}

/// How consistent it comes out. Who hears the power button hears this too.
fn consistency(found: &Vm, vm: &VmRef, spec: &SnapshotSpec) -> Result<Consistency> {
    if !found.power.is_live() {
        return Ok(Consistency::Offline);
    }
    if spec.content == SnapshotContent::DisksAndMemory {
        return Ok(Consistency::Memory);
    }
    let hears = found.power == PowerState::Running && found.is_booted() && found.guest.obeys_acpi;
    match (hears, spec.quiesce) {
        (true, _) => Ok(Consistency::Quiesced),
        (false, Quiesce::Wanted) => Ok(Consistency::Crash),
        (false, Quiesce::Required) => {
            let message = format!(
                "the guest of {vm} cannot be brought to rest; stop it, or do not require it"
            );
            Err(Error::new(Kind::Conflict, message))
        }
    }
}
