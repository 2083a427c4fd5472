//! What snapshots hold in a simulated world, seen from above as no driver can.

use hostler_core::id::{OperationId, SnapshotId};
use hostler_core::snapshot::{Consistency, SnapshotSpec};
use hostler_provider::{
    EnsureSnapshot, Kind, Power, Revert, Reverted, SnapshotRef, Snapshots, VmRef,
};
use hostler_sim::{Guest, Sim, World};

use crate::support::{NOW, cx, small, vm, volume};

async fn take(sim: &Sim, vm: &VmRef, n: u8, name: &str) -> hostler_provider::Result<SnapshotRef> {
    let (id, spec) = (SnapshotId::new(NOW, [n; 10]), SnapshotSpec::new(name));
    let request = EnsureSnapshot { id, vm, spec: &spec };
    Ok(sim.ensure_snapshot(&cx(), &request).await?.snapshot)
}

async fn revert(
    sim: &Sim,
    vm: &VmRef,
    n: u8,
    to: &SnapshotRef,
) -> hostler_provider::Result<Reverted> {
    let operation = OperationId::new(NOW, [n; 10]);
    sim.revert(&cx(), &Revert { operation, vm, snapshot: to }).await
}

fn checksum(world: &World) -> u64 {
    let volumes = world.census().volumes;
    volumes.iter().find(|found| found.volume == volume("web-root")).unwrap().checksum
}

#[tokio::test(start_paused = true)]
async fn c14_going_back_brings_back_what_the_disks_held() {
    let (world, sim) = small();
    let web = vm(&sim, 1, "web").await;
    let before = checksum(&world);
    let snapshot = take(&sim, &web, 1, "s1").await.unwrap();
    world.write_volume(&volume("web-root"), 7);
    assert_ne!(checksum(&world), before);
    revert(&sim, &web, 1, &snapshot).await.unwrap();
    assert_eq!(checksum(&world), before);
    let record = world.vm_named("web").unwrap();
    assert_eq!((record.reverts, record.snapshots.len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn c14_where_disks_move_the_old_volumes_are_left_and_the_same_is_told_again() {
    let (world, sim) = small();
    world.move_disks_on_revert();
    let web = vm(&sim, 1, "web").await;
    let before = checksum(&world);
    let snapshot = take(&sim, &web, 1, "s1").await.unwrap();
    world.write_volume(&volume("web-root"), 7);
    let told = revert(&sim, &web, 1, &snapshot).await.unwrap();
    assert_eq!(told, revert(&sim, &web, 1, &snapshot).await.unwrap());
    let [moved] = told.moved.as_slice() else { panic!("{told:?}") };
    assert_ne!(checksum(&world), before, "the old one is as it was");
    let volumes = world.census().volumes;
    let new = volumes.iter().find(|found| found.volume.name == moved.volume).unwrap();
    assert_eq!((new.checksum, new.used_by.len()), (before, 1));
    assert_eq!(world.vm_named("web").unwrap().volumes, [volume(&moved.volume)]);
}

#[tokio::test(start_paused = true)]
async fn c14_only_a_guest_that_hears_is_brought_to_rest() {
    let (world, sim) = small();
    let web = vm(&sim, 1, "web").await;
    sim.start(&cx(), &web).await.unwrap();
    take(&sim, &web, 1, "hears").await.unwrap();
    world.set_guest(&web, Guest { obeys_acpi: false, ..Guest::default() });
    take(&sim, &web, 2, "deaf").await.unwrap();
    let all = Snapshots::list_snapshots(&sim, &cx(), &web).await.unwrap();
    let told: Vec<_> = all.iter().map(|one| one.consistency.value().copied()).collect();
    assert_eq!(told, [Some(Consistency::Quiesced), Some(Consistency::Crash)]);
}

#[tokio::test(start_paused = true)]
async fn c14_a_vm_has_so_many_snapshots_and_no_more() {
    let (_, sim) = small();
    let web = vm(&sim, 1, "web").await;
    let max = u8::try_from(sim.limits().max_per_vm.unwrap()).unwrap();
    for n in 0..max {
        take(&sim, &web, n, &format!("s{n}")).await.unwrap();
    }
    let refused = take(&sim, &web, max, "one-more").await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Conflict);
    assert_eq!(refused.code(), hostler_core::Code::SnapshotLimitReached);
}
