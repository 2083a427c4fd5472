//! Which volume is behind which disk of a VM, as its row remembers it, and what becomes of that
//! when disks come and go. Pure.
//!
//! ```text
//!   attached ─► "data" ─► web-data ──┬─ detached ───────────────────► forgotten
//!                                    └─ put back, or another volume
//!                                       came in its place ──► (no disk) ─► web-data
//! ```
//!
//! A volume is known by its pool and its name, never by the name of the disk: that may be of
//! another volume by now. One that was made for the VM and is of no disk is remembered still:
//! deleting the VM with its disks removes it, and without says that it is kept.

use hostler_core::disk::{AttachedDisk, VolumeName};
use hostler_core::vm::VmSpec;
use hostler_core::vm::check::SEED_DISK;
use hostler_core::vm::devices::DiskSource;
use hostler_provider::{DiskBinding, MovedDisk, VolumeRef};

#[cfg(test)]
mod tests;

/// The disk of a volume that was made for a VM and is of none of its disks any more: no disk
/// has that name, and no disk is ever told by it.
pub(crate) const LEFT_BEHIND: &str = "";

/// The volumes of a VM, as its row remembers them.
pub(crate) fn bindings(stored: &serde_json::Value) -> Vec<DiskBinding> {
    serde_json::from_value(stored.clone()).unwrap_or_default()
}

/// The same as a row remembers them.
pub(crate) fn stored(bindings: &[DiskBinding]) -> Result<serde_json::Value, hostler_core::Error> {
    serde_json::to_value(bindings)
        .map_err(|error| hostler_core::Error::bug(format!("bindings do not encode: {error}")))
}

/// Whether they are the same volume of one VM's provider.
pub(crate) fn is_same(one: &VolumeRef, other: &VolumeRef) -> bool {
    one.pool == other.pool && one.name == other.name
}

fn is_at(binding: &DiskBinding, at: &VolumeName) -> bool {
    binding.volume.pool == at.pool && binding.volume.name == at.volume
}

fn is_of_a_disk(binding: &&DiskBinding) -> bool {
    binding.disk != LEFT_BEHIND
}

/// The name under which a disk was asked for, which its provider may not know.
pub(crate) fn name_of(seen: &AttachedDisk, bound: &[DiskBinding]) -> String {
    let asked = seen.volume.as_ref().and_then(|at| {
        let mut of_disks = bound.iter().filter(is_of_a_disk);
        of_disks.find(|binding| is_at(binding, at))
    });
    asked.map_or_else(|| seen.name.clone(), |binding| binding.disk.clone())
}

/// The volume that was made for the VM and is behind a disk: the very one that is seen behind
/// it, or, where the VM lacks the disk, the one that was.
pub(crate) fn own_volume(
    seen: Option<&AttachedDisk>,
    name: &str,
    bound: &[DiskBinding],
) -> Option<VolumeRef> {
    let mut own = bound.iter().filter(|binding| binding.owned);
    let found = match seen {
        Some(seen) => own.find(|one| seen.volume.as_ref().is_some_and(|at| is_at(one, at))),
        None => own.filter(is_of_a_disk).find(|one| one.disk == name),
    };
    found.map(|binding| binding.volume.clone())
}

/// With a disk that was attached. What was left behind of the VM is of a disk again, and
/// whose it was it stays.
pub(crate) fn attached(bound: Vec<DiskBinding>, mut new: DiskBinding) -> Vec<DiskBinding> {
    let mut after = Vec::with_capacity(bound.len() + 1);
    for before in bound {
        if is_same(&before.volume, &new.volume) {
            new.owned |= before.owned;
        } else {
            after.extend(let_go(before, &new.disk));
        }
    }
    after.push(new);
    after
}

/// Without the attachment of this volume, which is undone: one that was made by it goes, one
/// that was left behind before is so again.
pub(crate) fn unattached(
    bound: Vec<DiskBinding>,
    name: &str,
    volume: &VolumeRef,
    was_made: bool,
) -> Vec<DiskBinding> {
    let undone = |binding: DiskBinding| match binding.disk == name {
        true if is_same(&binding.volume, volume) && was_made => None,
        true => let_go(binding, name),
        false => Some(binding),
    };
    bound.into_iter().filter_map(undone).collect()
}

/// Which disk went.
pub(crate) enum Went<'a> {
    /// One that this volume was behind.
    Of(&'a VolumeRef),
    /// One of whose volume its provider says nothing.
    Unknown,
    /// None: the VM lacked it.
    Lacking,
}

/// Without a disk that was detached, and without the volume that was deleted with it. Another
/// volume that was remembered for the disk is left behind, and nothing else is touched.
pub(crate) fn detached(
    bound: Vec<DiskBinding>,
    name: &str,
    went: &Went<'_>,
    deleted: Option<&VolumeRef>,
) -> Vec<DiskBinding> {
    let is_deleted = |at: &VolumeRef| deleted.is_some_and(|deleted| is_same(deleted, at));
    let without = |binding: DiskBinding| {
        if is_deleted(&binding.volume) {
            return None;
        }
        let of_it = match went {
            Went::Of(volume) => is_of_a_disk(&&binding) && is_same(&binding.volume, volume),
            Went::Lacking => is_of_a_disk(&&binding) && binding.disk == name,
            Went::Unknown => false,
        };
        if of_it { None } else { let_go(binding, name) }
    };
    bound.into_iter().filter_map(without).collect()
}

/// A binding whose disk is another one from now on, or none, where it is the one of `name`.
fn let_go(mut binding: DiskBinding, name: &str) -> Option<DiskBinding> {
    if binding.disk == name && binding.disk != LEFT_BEHIND {
        LEFT_BEHIND.clone_into(&mut binding.disk);
        return binding.owned.then_some(binding);
    }
    Some(binding)
}

/// After disks have moved to other volumes, since the VM was put back. `found` are those of disks
/// that nothing was remembered of. Whose volume a disk was stays whose it is: what somebody
/// gave is not deleted with the VM, and neither is what was made of it.
pub(crate) fn rebound(
    before: Vec<DiskBinding>,
    moved: &[MovedDisk],
    found: Vec<DiskBinding>,
) -> Vec<DiskBinding> {
    let mut after: Vec<DiskBinding> = Vec::with_capacity(before.len() + moved.len());
    for mut binding in before {
        let to = moved.iter().find(|moved| moved.disk == binding.disk);
        if let Some(to) = to.filter(|to| to.volume != binding.volume.name) {
            let left = DiskBinding { disk: LEFT_BEHIND.to_owned(), ..binding.clone() };
            if left.owned {
                after.push(left);
            }
            binding.volume.name.clone_from(&to.volume);
        }
        after.push(binding);
    }
    for new in found {
        if !after.iter().any(|known| is_same(&known.volume, &new.volume)) {
            after.push(new);
        }
    }
    after
}

/// The same, with what was remembered for disks that the VM does not have any more left behind.
pub(crate) fn with_disks(bound: Vec<DiskBinding>, has: impl Fn(&str) -> bool) -> Vec<DiskBinding> {
    let kept = |binding: DiskBinding| {
        let stays = binding.disk == SEED_DISK || has(&binding.disk);
        let name = binding.disk.clone();
        if stays { Some(binding) } else { let_go(binding, &name) }
    };
    bound.into_iter().filter_map(kept).collect()
}

/// Without what was remembered of a volume that was left behind and is no more.
pub(crate) fn without_left_behind(
    mut bound: Vec<DiskBinding>,
    volume: &VolumeRef,
) -> Vec<DiskBinding> {
    bound.retain(|one| one.disk != LEFT_BEHIND || !is_same(&one.volume, volume));
    bound
}

/// A disk that a VM has a volume for and of which its specification says nothing. It has one
/// where nothing of its devices is written down: a clone of one that was adopted (ADR 29).
pub(crate) fn unspoken(stored: &serde_json::Value, spec: &VmSpec) -> Option<String> {
    // Not decoded: this is asked of every VM of each list.
    let disks = stored.as_array()?.iter().filter_map(|one| one.get("disk")?.as_str());
    let mut disks = disks.filter(|disk| *disk != LEFT_BEHIND && *disk != SEED_DISK);
    let unspoken = disks.find(|disk| !spec.disks.iter().any(|asked| asked.name == **disk))?;
    Some(unspoken.to_owned())
}

/// Makes the disks of a specification name volumes of the VM's own, and only those that it has:
/// `names` says of each disk whether the VM has one of that name.
pub(crate) fn only_own(spec: &mut VmSpec, bound: &[DiskBinding], has: impl Fn(&str) -> bool) {
    let lacking = spec.disks.iter().filter(|disk| match disk.source {
        DiskSource::NoMedia {} => false,
        DiskSource::Empty { .. } | DiskSource::Image { .. } | DiskSource::Volume { .. } => {
            !has(&disk.name)
        }
    });
    let lacking: Vec<String> = lacking.map(|disk| disk.name.clone()).collect();
    lacking.iter().for_each(|name| spec.without_disk(name));
    for disk in &mut spec.disks {
        let DiskSource::Volume { pool, volume } = &mut disk.source else { continue };
        if let Some(own) = bound.iter().find(|binding| binding.disk == disk.name) {
            (*pool, *volume) = (own.volume.pool.clone(), own.volume.name.clone());
        }
    }
}
