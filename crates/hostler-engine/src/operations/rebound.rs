//! What a VM's row remembers of its volumes after it was put back.
//!
//! ```text
//!   before                     the provider tells            after
//!   root ─► web-root           root ─► restored-1            root ─► restored-1
//!                                                            (no disk) ─► web-root
//! ```
//!
//! A volume that was made for the VM and is of no disk any more is remembered still: deleting the
//! VM with its volumes removes it, and without says that it is kept.

use hostler_core::Error;
use hostler_core::id::VmId;
use hostler_provider::{DiskBinding, MovedDisk};
use hostler_store::Effect;

use super::{StepCx, StepError};
use crate::vms::{LEFT_BEHIND, bindings};

/// Remembers, together with "done", where a VM's disks are from now on.
pub(super) async fn rebind(cx: &StepCx, vm: VmId, moved: &[MovedDisk]) -> Result<(), StepError> {
    if moved.is_empty() {
        return Ok(());
    }
    let Some(row) = cx.engine.store.vm(vm).await? else { return Ok(()) };
    let bindings = serde_json::to_value(rebound(bindings(&row.bindings), moved))
        .map_err(|e| Error::bug(format!("bindings do not encode: {e}")))?;
    cx.record(Effect::SetVmBindings { vm, bindings });
    Ok(())
}

/// Whose volume a disk was stays whose it is: what somebody gave is not deleted with the VM, and
/// neither is what was made of it.
fn rebound(before: Vec<DiskBinding>, moved: &[MovedDisk]) -> Vec<DiskBinding> {
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
    after
}

#[cfg(test)]
mod tests {
    use hostler_provider::VolumeRef;

    use super::*;

    fn bound(disk: &str, name: &str, owned: bool) -> DiskBinding {
        let volume =
            VolumeRef { host_ref: "h1".into(), pool: "default".into(), name: name.to_owned() };
        DiskBinding { disk: disk.to_owned(), volume, owned }
    }

    fn moved(disk: &str, volume: &str) -> MovedDisk {
        MovedDisk { disk: disk.to_owned(), volume: volume.to_owned() }
    }

    #[test]
    fn c14_disks_that_moved_are_remembered_where_they_are_and_where_they_were() {
        let before = vec![bound("root", "web-root", true), bound("seed", "web-seed", true)];
        let once = rebound(before, &[moved("root", "r1"), moved("strange", "r2")]);
        let wanted = [
            bound("", "web-root", true),
            bound("root", "r1", true),
            bound("seed", "web-seed", true),
        ];
        assert_eq!(once, wanted);
        // Told again, as after a lost answer, it is the same.
        assert_eq!(rebound(once.clone(), &[moved("root", "r1")]), wanted);
        let twice = rebound(once, &[moved("root", "r3")]);
        let wanted = [
            bound("", "web-root", true),
            bound("", "r1", true),
            bound("root", "r3", true),
            bound("seed", "web-seed", true),
        ];
        assert_eq!(twice, wanted);
    }

    #[test]
    fn i17_what_somebody_gave_stays_theirs() {
        let after = rebound(vec![bound("data", "theirs", false)], &[moved("data", "r1")]);
        assert_eq!(after, [bound("data", "r1", false)]);
    }
}
