//! What goes wrong with daemons and guests, and what then has to hold: guests
//! run on, nobody else waits, and what is told is true again afterwards.

use std::time::Duration;

use hostler_core::vm::PowerState;
use hostler_lab::{Lab, LabOptions};
use hostler_libvirt::{ConnectionState, LibvirtConfig};
use hostler_provider::*;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::support::*;

const PATIENCE: Duration = Duration::from_secs(60);

/// A running VM without a disk: quick to make, and it stays as it is.
pub(crate) async fn idle(world: &World, name: &str) -> VmRef {
    let mut spec = guest_spec(name);
    spec.disks.clear();
    spec.memory.bytes = 48 << 20;
    let vm = world.make_on(&spec, &[]).await;
    world.power().start(&cx(), &vm).await.unwrap();
    vm
}

/// Waits for a change that is wanted.
pub(crate) async fn told(changes: &mut mpsc::Receiver<Change>, wanted: impl Fn(&Change) -> bool) {
    let heard = async {
        loop {
            if wanted(&changes.recv().await.expect("the driver lives")) {
                return;
            }
        }
    };
    timeout(PATIENCE, heard).await.expect("no such change was told");
}

#[tokio::test(flavor = "multi_thread")]
async fn c5_what_others_do_is_told_though_nobody_looks() {
    let world = World::new("events").await;
    let vm = idle(&world, "watched").await;
    let mut changes = world.libvirt.watch().unwrap().subscribe().await.unwrap();
    for (command, power) in [
        ("suspend", PowerState::Paused),
        ("resume", PowerState::Running),
        ("destroy", PowerState::Stopped),
    ] {
        while changes.try_recv().is_ok() {}
        world.lab.virsh([command, "watched"]).unwrap();
        let since = Instant::now();
        told(&mut changes, |change| *change == Change::Vm(vm.clone())).await;
        eprintln!("{command} was told after {:?}", since.elapsed());
        assert_eq!(world.state(&vm).await.0, power);
    }
    while changes.try_recv().is_ok() {}
    world.lab.virsh(["net-destroy", "default"]).unwrap();
    told(&mut changes, |change| *change == Change::Inventory).await;
    let inventory = world.libvirt.inventory(&cx()).await.unwrap();
    assert!(!inventory.networks[0].active);
}

#[tokio::test(flavor = "multi_thread")]
async fn f5_a_killed_daemon_is_noticed_and_found_again_and_guests_run_on() {
    let world = World::new("f5").await;
    let vm = idle(&world, "survivor").await;
    let process = world.lab.qemu_pid("survivor").unwrap();
    let mut changes = world.libvirt.watch().unwrap().subscribe().await.unwrap();
    world.lab.kill_libvirtd().unwrap();
    told(&mut changes, |change| matches!(change, Change::Lost { .. })).await;
    let error = world.libvirt.inventory(&cx()).await.unwrap_err();
    assert_eq!((error.kind(), error.is_unknown()), (Kind::Unavailable, false), "{error}");
    let error = world.power().pause(&cx(), &vm).await.unwrap_err();
    assert_eq!((error.kind(), error.is_unknown()), (Kind::Unavailable, false), "never sent");
    assert!(matches!(world.libvirt.connection(), ConnectionState::Lost { .. }));

    world.lab.start_libvirtd().unwrap();
    told(&mut changes, |change| matches!(change, Change::Lost { .. })).await;
    let inventory = world.libvirt.inventory(&cx()).await.unwrap();
    assert_eq!(inventory.vms[0].power, PowerState::Running);
    assert_eq!(world.lab.qemu_pid("survivor").unwrap(), process, "the same guest");
    while changes.try_recv().is_ok() {}
    world.lab.virsh(["suspend", "survivor"]).unwrap();
    told(&mut changes, |change| *change == Change::Vm(vm.clone())).await;
    assert_eq!(world.state(&vm).await.0, PowerState::Paused);
}

#[tokio::test(flavor = "multi_thread")]
async fn f6_a_hung_daemon_costs_each_call_its_deadline_and_recovers() {
    let lab = Lab::start(&LabOptions::throwaway("f6")).unwrap();
    // Given up after three silent intervals, long after the first calls have ended.
    let config = LibvirtConfig { keepalive: Duration::from_secs(6), ..patient(lab.uri()) };
    let world = World::with(lab, config).await;
    let vm = idle(&world, "waiting").await;
    world.lab.pause_libvirtd().unwrap();
    let since = Instant::now();
    let short = Cx::within(Duration::from_secs(1));
    let calls = (0..50).map(|_| world.libvirt.inventory(&short));
    for result in futures_util::future::join_all(calls).await {
        let error = result.unwrap_err();
        assert_eq!((error.kind(), error.is_unknown()), (Kind::Timeout, false), "{error}");
    }
    let paused = world.power().pause(&Cx::within(Duration::from_secs(1)), &vm).await;
    assert_eq!(paused.unwrap_err().kind(), Kind::Timeout);
    // One after the other they would take as many seconds as there are calls.
    assert!(since.elapsed() < Duration::from_secs(25), "{:?}", since.elapsed());
    eventually("the hung daemon is given up", PATIENCE, || async {
        matches!(world.libvirt.connection(), ConnectionState::Lost { .. }).then_some(())
    })
    .await;
    let since = Instant::now();
    assert_eq!(world.libvirt.inventory(&cx()).await.unwrap_err().kind(), Kind::Unavailable);
    assert!(since.elapsed() < Duration::from_secs(20), "told at once, not at the deadline");

    world.lab.resume_libvirtd().unwrap();
    eventually("the daemon is connected to again", PATIENCE, || async {
        world.libvirt.inventory(&cx()).await.ok()
    })
    .await;
    world.power().pause(&cx(), &vm).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn f7_a_hung_guest_delays_nobody_else() {
    let world = World::new("f7").await;
    let hung = idle(&world, "hung").await;
    let well = idle(&world, "well").await;
    let process = world.lab.qemu_pid("hung").unwrap();
    world.lab.signal(process, 19).unwrap();
    // More calls than one connection has slots, all of which the guest swallows.
    for _ in 0..6 {
        let short = Cx::within(Duration::from_millis(400));
        let error = world.power().pause(&short, &hung).await.unwrap_err();
        assert!(matches!(error.kind(), Kind::Timeout), "{error}");
    }
    for _ in 0..5 {
        let since = Instant::now();
        let inventory = world.libvirt.inventory(&cx()).await.unwrap();
        assert_eq!(inventory.vms.len(), 2);
        world.power().pause(&cx(), &well).await.unwrap();
        world.power().resume(&cx(), &well).await.unwrap();
        // Whoever waits for the hung guest waits for half a minute, as libvirt does.
        assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
    }
    // Cutting its power works on a guest that answers nothing.
    world.power().stop(&Cx::within(PATIENCE), &hung, StopMode::Force).await.unwrap();
    assert_eq!(world.state(&hung).await.0, PowerState::Stopped);
}
