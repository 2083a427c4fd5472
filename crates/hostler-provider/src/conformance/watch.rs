//! The promises of [`crate::Watch`]. An event is a hint to look again, so
//! being told too often is fine, and being told that something was lost is too.

use hostler_core::Timestamp;
use hostler_core::clock::ManualClock;
use tokio::sync::mpsc;

use super::trial::{Check, Trial, check, fail};
use crate::{Change, VmRef};

/// Waits until the VM, or the whole inventory, has to be looked at.
async fn told(t: &Trial<'_>, changes: &mut mpsc::Receiver<Change>, vm: &VmRef) -> Check {
    let hearing = async {
        while let Some(change) = changes.recv().await {
            match change {
                Change::Vm(told) if told.external_ref == vm.external_ref => return true,
                Change::Lost { .. } => return true,
                Change::Vm(_) | Change::Inventory => {}
            }
        }
        false
    };
    match tokio::time::timeout(t.setting.boot_within, hearing).await {
        Ok(true) => Ok(()),
        Ok(false) => fail("the channel closed"),
        Err(_) => fail("nothing was told"),
    }
}

/// Forgets what was told so far.
fn forget(changes: &mut mpsc::Receiver<Change>) {
    while changes.try_recv().is_ok() {}
}

pub(super) async fn observe_agrees_with_the_inventory(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    let clock = std::sync::Arc::new(ManualClock::at(Timestamp::from_millis(1_234_567_890_000)));
    let cx = t.cx().with_clock(clock);
    let inventory = t.provider.inventory(&cx).await?;
    let listed = inventory.vms.into_iter().find(|vm| vm.external_ref == made.vm.external_ref);
    let observed = t.watch()?.observe(&cx, &made.vm).await?;
    check(listed.is_some() && listed == observed, || {
        format!("the inventory shows {listed:#?}, looking at it {observed:#?}")
    })
}

pub(super) async fn observe_of_absent_vm_is_none(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    t.create()?.remove_vm(&t.cx(), &made.vm).await?;
    let seen = t.watch()?.observe(&t.cx(), &made.vm).await?;
    check(seen.is_none(), || format!("it is seen as {seen:?}"))
}

pub(super) async fn a_change_is_told_after_it_was_made(t: &Trial<'_>) -> Check {
    let mut changes = t.watch()?.subscribe().await?;
    let made = t.vm().await?;
    told(t, &mut changes, &made.vm).await
}

pub(super) async fn a_change_is_told_after_start(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    let mut changes = t.watch()?.subscribe().await?;
    forget(&mut changes);
    t.power()?.start(&t.cx(), &made.vm).await?;
    told(t, &mut changes, &made.vm).await
}

pub(super) async fn a_change_is_told_after_it_was_removed(t: &Trial<'_>) -> Check {
    let made = t.vm().await?;
    let mut changes = t.watch()?.subscribe().await?;
    forget(&mut changes);
    t.create()?.remove_vm(&t.cx(), &made.vm).await?;
    told(t, &mut changes, &made.vm).await
}

pub(super) async fn every_watcher_is_told(t: &Trial<'_>) -> Check {
    let mut first = t.watch()?.subscribe().await?;
    let mut second = t.watch()?.subscribe().await?;
    let made = t.vm().await?;
    told(t, &mut first, &made.vm).await?;
    told(t, &mut second, &made.vm).await
}
