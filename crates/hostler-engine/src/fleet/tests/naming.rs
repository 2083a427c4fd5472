//! Which things get an id of their own when they are seen.

use super::*;

/// The same VM as it is shown before its configuration could be read.
fn unread(vm: ObservedVm) -> ObservedVm {
    let disks = Fact::unavailable("test", "the host is slow");
    ObservedVm { tag: None, disks, ..vm }
}

#[tokio::test]
async fn x17_a_vm_in_the_making_that_could_not_be_read_is_not_shown_as_a_stranger() {
    let lab = Lab::new();
    lab.fleet.set(vm_id(1), Some(row(1, Some(1), None, None)), None);
    let named = |mark| {
        let made = vm("x", Some("a"), mark, PowerState::Stopped, "/pool/x");
        ObservedVm { name: "ours-1".into(), ..made }
    };
    let strangers =
        |lab: &Lab| lab.fleet.snapshot().vms.keys().filter(|id| **id != vm_id(1)).count();
    lab.see(1, inventory(vec![unread(named(Some(1)))]));
    assert_eq!(strangers(&lab), 0, "it may be ours");
    lab.see(1, inventory(vec![named(Some(1))]));
    assert_eq!(strangers(&lab), 0);
    assert!(lab.fleet.snapshot().vms.get(&vm_id(1)).unwrap().observed.is_some(), "it is ours");

    // Read and without our mark, it is somebody else's of the same name.
    let lab = Lab::new();
    lab.fleet.set(vm_id(1), Some(row(1, Some(1), None, None)), None);
    lab.see(1, inventory(vec![named(None)]));
    assert_eq!(strangers(&lab), 1);
    // And what bears another name is nobody's in the making.
    let lab = Lab::new();
    lab.fleet.set(vm_id(1), Some(row(1, Some(1), None, None)), None);
    lab.see(1, inventory(vec![unread(vm("y", Some("a"), None, PowerState::Stopped, "/pool/y"))]));
    assert_eq!(strangers(&lab), 1);
}
