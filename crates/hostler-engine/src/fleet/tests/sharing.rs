//! Who else has a volume that was made for a VM of ours.

use super::*;
use crate::taken::other_user;

/// Who else has the volume of the VM of ours, which is on host `a`, when this is
/// seen, too.
fn shared_with(other: ObservedVm) -> Option<String> {
    let lab = Lab::new();
    let volume =
        VolumeRef { host_ref: "a".into(), pool: "local".into(), name: "ours-1-root".into() };
    lab.fleet.set(vm_id(1), Some(row(1, Some(1), Some("x"), Some(volume.clone()))), None);
    let ours = vm("x", Some("a"), Some(1), PowerState::Stopped, "/pool/ours-1-root");
    lab.see(1, inventory(vec![ours, other]));
    let snapshot = lab.fleet.snapshot();
    let view = snapshot.vms.get(&vm_id(1)).unwrap();
    assert_eq!(view.name, "ours-1");
    let state = lab.fleet.read();
    let rows: Vec<_> = state.rows.values().map(|row| VmRow::clone(row)).collect();
    let other = other_user(&snapshot, &rows, vm_id(1), provider(1), &volume, None);
    other.map(|(_, name)| name)
}

#[tokio::test]
async fn i5_another_vm_is_found_by_the_path_or_the_pool_that_both_were_seen_with() {
    let path = "/pool/ours-1-root";
    assert_eq!(shared_with(running("y", Some("a"), path)).as_deref(), Some("vm y"));
    assert_eq!(shared_with(running("y", Some("b"), path)), None, "a file of another host");
    assert_eq!(shared_with(running("y", None, path)).as_deref(), Some("vm y"), "it may be here");
    let by_pool = running("y", Some("a"), "local/ours-1-root");
    assert_eq!(shared_with(by_pool).as_deref(), Some("vm y"));
    assert_eq!(shared_with(running("y", Some("a"), "/pool/other")), None);
}

/// A volume that was left behind is none of the VM's disks, and one that is missing has none.
#[tokio::test]
async fn i5_another_vm_is_found_by_the_path_that_the_pool_tells() {
    let lab = Lab::new();
    let volume =
        VolumeRef { host_ref: "a".into(), pool: "local".into(), name: "ours-1-root".into() };
    lab.fleet.set(vm_id(1), Some(row(1, Some(1), Some("x"), None)), None);
    lab.see(1, inventory(vec![running("y", Some("a"), "/pool/ours-1-root")]));
    let snapshot = lab.fleet.snapshot();
    let other = |path| other_user(&snapshot, &[], vm_id(1), provider(1), &volume, path);
    assert_eq!(other(None), None, "nobody knows");
    let found = other(Some("/pool/ours-1-root")).map(|(_, name)| name);
    assert_eq!(found.as_deref(), Some("vm y"));
}
