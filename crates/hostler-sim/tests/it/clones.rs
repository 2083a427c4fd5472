//! What clones hold in a simulated world, seen from above as no driver can.

use hostler_core::id::{SnapshotId, VmId};
use hostler_core::snapshot::SnapshotSpec;
use hostler_provider::{Clones, EnsureClone, EnsureSnapshot, Kind, SnapshotRef, Snapshots};
use hostler_sim::World;

use crate::support::{NOW, cx, small, vm, volume};

fn checksum(world: &World, name: &str) -> u64 {
    let record = world.vm_named(name).unwrap();
    let volumes = world.census().volumes;
    volumes.iter().find(|found| found.volume == record.volumes[0]).unwrap().checksum
}

fn id(n: u8) -> VmId {
    VmId::new(NOW, [n; 10])
}

#[tokio::test(start_paused = true)]
async fn e8_a_clone_holds_what_its_source_held_then() {
    let (world, sim) = small();
    let web = vm(&sim, 1, "web").await;
    let spec = SnapshotSpec::new("s1");
    let request = EnsureSnapshot { id: SnapshotId::new(NOW, [1; 10]), vm: &web, spec: &spec };
    let s1: SnapshotRef = sim.ensure_snapshot(&cx(), &request).await.unwrap().snapshot;
    let then = checksum(&world, "web");
    world.write_volume(&volume("web-root"), 7);
    let now = checksum(&world, "web");
    assert_ne!(now, then);
    for (n, name, snapshot, holds) in
        [(2, "from-now", None, now), (3, "from-then", Some(&s1), then)]
    {
        let request = EnsureClone { vm: id(n), name, source: &web, snapshot, seed: None };
        sim.ensure_clone(&cx(), &request).await.unwrap();
        assert_eq!(checksum(&world, name), holds, "{name}");
    }
    // What is written into a clone is its own.
    let copy = world.vm_named("from-now").unwrap().volumes[0].clone();
    world.write_volume(&copy, 9);
    assert_eq!(checksum(&world, "web"), now);
}

#[tokio::test(start_paused = true)]
async fn e8_a_clone_for_which_there_is_no_room_is_not_begun() {
    let (world, sim) = small();
    let web = vm(&sim, 1, "web").await;
    world.fill_pool("h1", "default");
    let request =
        EnsureClone { vm: id(2), name: "web-2", source: &web, snapshot: None, seed: None };
    let refused = sim.ensure_clone(&cx(), &request).await.unwrap_err();
    assert_eq!((refused.kind(), refused.is_unknown()), (Kind::Exhausted, false));
    assert_eq!(world.census().vms.len(), 1);
}
