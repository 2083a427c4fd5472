//! What is written down of a VM after it was put back: where its disks are, which it has, and how
//! large it is.
//!
//! ```text
//!   before                     the provider tells            after
//!   root ─► web-root           root ─► restored-1            root ─► restored-1
//!   new  ─► web-new            data ─► restored-2            data ─► restored-2
//!                                                            (no disk) ─► web-root, web-new
//! ```
//!
//! A snapshot may hold more than disks: then the VM has the size and the devices of that time. What
//! its provider tells of it is asked of it from now on; what it does not tell stays as it was
//! written down, and nobody is told that it is so.

use hostler_core::disk::AttachedDisk;
use hostler_core::vm::check::SEED_DISK;
use hostler_core::vm::devices::{DiskDevice, DiskSource, DiskSpec};
use hostler_core::vm::{ObservedVm, VmSpec};
use hostler_provider::{DiskBinding, MovedDisk, Provider, VolumeRef};
use hostler_store::{Effect, VmRow};
use tracing::warn;

use super::disk_attach::listed;
use super::{AtVm, StepCx, StepError};
use crate::bound::{bindings, name_of, only_own, rebound, stored, unspoken, with_disks};

/// Writes down, together with "done", what a VM is since it was put back.
pub(super) async fn rebind(
    cx: &StepCx,
    at: &AtVm,
    provider: &dyn Provider,
    moved: &[MovedDisk],
) -> Result<(), StepError> {
    let Some(row) = cx.engine.store.vm(at.vm).await? else { return Ok(()) };
    let disks = match provider.disks() {
        Some(disks) => if_told(listed(cx, disks, at).await)?,
        None => None,
    };
    let seen = if_told(at.look(cx, provider).await)?.flatten();
    let before = bindings(&row.bindings);
    let found = match &disks {
        Some(disks) => {
            if_told(found(cx, at, provider, &row, moved, disks).await)?.unwrap_or_default()
        }
        None => Vec::new(),
    };
    let mut bound = rebound(before, moved, found);
    let mut spec = row.spec.clone();
    if let Some(disks) = &disks {
        let names: Vec<String> = disks.iter().map(|disk| name_of(disk, &bound)).collect();
        let has = |name: &str| names.iter().any(|one| one == name);
        bound = with_disks(bound, has);
        only_own(&mut spec, &bound, has);
        // Where nothing is written down of its devices, it stays so.
        if row.adopted.is_none() && unspoken(&row.bindings, &row.spec).is_none() {
            add_bound(&mut spec, &bound, disks);
        }
    }
    if let Some(seen) = &seen {
        resize(&mut spec, seen);
    }
    cx.record(Effect::SetVmBindings { vm: at.vm, bindings: stored(&bound)? });
    // Also where that is the same: whoever has read the VM before does not know what it is now.
    let (from, to) = (Box::new(row.spec), Box::new(spec));
    cx.record(Effect::ChangeVmSpec { vm: at.vm, from, to });
    Ok(())
}

/// What a provider told after the VM was put back. A failure that passes is tried again, with what
/// has been done; where the place does not tell at all, what it moved is written down all the same.
fn if_told<T>(asked: Result<T, StepError>) -> Result<Option<T>, StepError> {
    match asked {
        Ok(told) => Ok(Some(told)),
        Err(error) if error.is_transient => Err(StepError { surely_nothing: false, ..error }),
        Err(error) => {
            warn!(error = %error.error, "what a VM is since it was put back is not told");
            Ok(None)
        }
    }
}

/// The volumes of disks that have moved and of which nothing is remembered: the snapshot holds
/// disks that were taken off since. They were made by putting the VM back, so they are its own;
/// but of a VM that was adopted nothing is that it had before (ADR 21).
async fn found(
    cx: &StepCx,
    at: &AtVm,
    provider: &dyn Provider,
    row: &VmRow,
    moved: &[MovedDisk],
    disks: &[AttachedDisk],
) -> Result<Vec<DiskBinding>, StepError> {
    let bound = bindings(&row.bindings);
    let is_known = |one: &MovedDisk| {
        bound.iter().any(|binding| binding.disk == one.disk || binding.volume.name == one.volume)
    };
    let mut found = Vec::new();
    for one in moved.iter().filter(|one| !is_known(one)) {
        let mut places = disks.iter().filter_map(|disk| disk.volume.as_ref());
        let Some(place) = places.find(|place| place.volume == one.volume) else { continue };
        let Some(group) = provider.disks() else { continue };
        let (call, vm) = (cx.cx(), at.reference());
        let asking = group.place_for(call, &vm, Some(&place.pool));
        let host_ref = call.run("find the place of a volume", asking).await?.host_ref;
        let (pool, name) = (place.pool.clone(), place.volume.clone());
        let volume = VolumeRef { host_ref, pool, name };
        found.push(DiskBinding { disk: one.disk.clone(), volume, owned: row.adopted.is_none() });
    }
    Ok(found)
}

/// Writes down disks that the VM has a volume for and that are not asked of it.
fn add_bound(spec: &mut VmSpec, bound: &[DiskBinding], disks: &[AttachedDisk]) {
    for disk in disks {
        let name = name_of(disk, bound);
        let binding = bound.iter().find(|one| one.disk == name);
        let is_asked = name == SEED_DISK || spec.disks.iter().any(|asked| asked.name == name);
        if let (Some(binding), false) = (binding, is_asked) {
            spec.disks.push(of_volume(binding, disk.read_only));
        }
    }
}

/// A disk of a volume that is there, as it is asked of a VM.
pub(super) fn of_volume(binding: &DiskBinding, read_only: bool) -> DiskSpec {
    let VolumeRef { pool, name, .. } = binding.volume.clone();
    DiskSpec {
        name: binding.disk.clone(),
        device: DiskDevice::Disk,
        bus: None,
        source: DiskSource::Volume { pool, volume: name },
        read_only,
        cache: None,
        discard: false,
        serial: None,
    }
}

/// Makes a specification say how large a VM was seen to be. The size of one that has an instance
/// type is the type's.
pub(super) fn resize(spec: &mut VmSpec, seen: &ObservedVm) {
    if spec.instance_type.is_some() {
        return;
    }
    if let Some(count) = seen.cpu_count.value().copied().filter(|count| *count > 0) {
        spec.cpu.count = count;
        spec.cpu.max_count = spec.cpu.max_count.filter(|most| *most >= count);
    }
    let memory = seen.memory_max_bytes.value().or_else(|| seen.memory_bytes.value());
    if let Some(bytes) = memory.copied().filter(|bytes| *bytes > 0) {
        spec.memory.bytes = bytes;
    }
}
