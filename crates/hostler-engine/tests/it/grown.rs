//! Disks that are made larger: what is refused, and that each end is told as it is.

use hostler_core::Code;
use hostler_core::id::VmId;
use hostler_core::operation::OperationState;
use hostler_core::vm::devices::DiskSource;
use hostler_engine::PowerVerb;
use hostler_provider::StopMode;
use hostler_sim::Verb;

use crate::world::{Lab, admin};

/// What a disk is grown to.
pub(crate) const BYTES: u64 = 3 << 20;
/// What it has before.
const BEFORE: u64 = 1 << 20;

/// The size that is told of a disk, and the one that is asked for.
async fn sizes(lab: &Lab, vm: VmId, name: &str) -> (Option<u64>, Option<u64>) {
    let listed = lab.engine.disks().list(vm).await.unwrap();
    let disk = listed.into_iter().find(|disk| disk.name == name).unwrap();
    let row = lab.store.vm(vm).await.unwrap().unwrap();
    let asked = row.spec.disks.iter().find(|disk| disk.name == name);
    let asked = asked.and_then(|disk| match disk.source {
        DiskSource::Empty { size_bytes, .. } => Some(size_bytes),
        DiskSource::Image { size_bytes, .. } => size_bytes,
        _ => None,
    });
    (disk.seen.and_then(|seen| seen.capacity_bytes), asked)
}

/// Checks what came of making the disk `more` larger.
pub(crate) async fn check(lab: &Lab, vm: VmId, done: bool, how: &str) {
    lab.assert_clean(&[vm], &[], how);
    let bytes = if done { BYTES } else { BEFORE };
    assert_eq!(sizes(lab, vm, "more").await, (Some(bytes), Some(bytes)), "{how}");
    assert_eq!(lab.told("disk.grown").await, usize::from(done), "{how}: told");
}

#[tokio::test]
async fn c7_a_disk_grows_and_never_shrinks() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    lab.attach_disk(vm, "more").await;
    let disks = lab.engine.disks();
    let grow = async |bytes| disks.grow(&admin(), None, vm, "more", bytes).await;
    let ended = lab.end(&grow(BYTES).await.unwrap()).await;
    assert_eq!(ended.state(), OperationState::Succeeded, "{:?}", ended.error());
    check(&lab, vm, true, "on").await;
    // As large as it is: success, and nothing happens to it.
    let ended = lab.end(&grow(BYTES).await.unwrap()).await;
    assert_eq!(ended.state(), OperationState::Succeeded);
    let refused = grow(BEFORE).await.unwrap_err();
    let fault = &refused.fault_list()[0];
    assert_eq!((fault.pointer.as_str(), fault.code.as_str()), ("/capacity_bytes", "shrinks"));
    let refused = grow(u64::MAX).await.unwrap_err();
    assert_eq!(refused.fault_list()[0].code, "too_large");
    let refused = disks.grow(&admin(), None, vm, "none", BYTES).await.unwrap_err();
    assert_eq!(refused.code(), Code::DiskNotFound);
    assert_eq!(sizes(&lab, vm, "more").await, (Some(BYTES), Some(BYTES)));
}

#[tokio::test]
async fn c7_a_saved_vms_disks_stay_as_its_memory_knows_them() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    lab.attach_disk(vm, "more").await;
    for verb in [PowerVerb::Save, PowerVerb::Start, PowerVerb::Stop(StopMode::Force)] {
        if verb == PowerVerb::Start {
            let refused = lab.engine.disks().grow(&admin(), None, vm, "more", BYTES).await;
            assert_eq!(refused.unwrap_err().code(), Code::VmWrongState);
            assert!(!lab.world.faults().calls().contains(&Verb::GrowDisk));
        }
        let asked = lab.engine.vms().power(&admin(), None, vm, verb).await.unwrap();
        lab.end(&asked).await;
    }
    let asked = lab.engine.disks().grow(&admin(), None, vm, "more", BYTES).await.unwrap();
    assert_eq!(lab.end(&asked).await.state(), OperationState::Succeeded);
    assert_eq!(sizes(&lab, vm, "more").await.0, Some(BYTES));
}
