//! What is known and told: providers that fall silent, changes from outside,
//! identity that survives renames and restarts.

use std::time::Duration;

use hostler_core::clock::SystemClock;
use hostler_core::id::HostId;
use hostler_core::query::ListRequest;
use hostler_core::vm::PowerState;
use hostler_core::vm::status::VmState;
use hostler_core::{Clock, Code, Quality};
use hostler_engine::{HostState, Pace, PowerVerb, ProviderState};
use hostler_provider::StopMode;
use hostler_sim::{EventFault, Verb, World};

use crate::world::{Lab, Tuning, admin, foreign, pace};

/// Longer than any test runs.
const FOR_EVER: Duration = Duration::from_secs(3600);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i6_a_silent_provider_makes_states_unknown_with_what_was_seen_last() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    lab.sees(vm, VmState::Running).await;
    lab.world.disconnect();
    lab.sees(vm, VmState::Unknown).await;
    let view = lab.engine.vms().get(vm).unwrap();
    assert_eq!(view.status.last_seen, Some(VmState::Running));
    assert_eq!(view.status.quality, Quality::Stale);
    let provider = lab.engine.providers().get(lab.provider).unwrap();
    assert_eq!(provider.state, ProviderState::Unreachable);
    assert!(provider.reason.is_some());
    let hosts = lab.engine.hosts().list(&ListRequest::first(10));
    assert!(
        hosts.freshness.is_stale() && hosts.items.iter().all(|h| h.state == HostState::Degraded)
    );
    lab.world.reconnect();
    lab.sees(vm, VmState::Running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e10_x26_nothing_is_changed_by_an_older_picture_and_what_is_gone_is_not_told_by_it() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    lab.sees(vm, VmState::Running).await;
    lab.world.fall_behind(SystemClock.now(), "it is being listed anew");
    let stale = || lab.engine.vms().list(&ListRequest::first(10)).freshness.is_stale();
    lab.until("it is told as old", stale).await;
    let view = lab.engine.vms().get(vm).unwrap();
    assert_eq!(
        (view.status.quality, view.status.last_seen),
        (Quality::Stale, Some(VmState::Running))
    );
    let force = PowerVerb::Stop(StopMode::Force);
    let stop = async || lab.engine.vms().power(&admin(), None, vm, force).await;
    let refused = stop().await.unwrap_err();
    assert_eq!(refused.code(), Code::ClusterRebuilding);
    assert!(refused.message().contains("listed anew"), "{}", refused.message());
    // A new one may go elsewhere, and is refused where it may not.
    let nowhere = lab.engine.vms().create(&admin(), None, lab.request("db")).await.unwrap_err();
    assert_eq!(nowhere.code(), Code::ClusterRebuilding);
    lab.world.catch_up();
    lab.sees(vm, VmState::Running).await;
    stop().await.unwrap();
    lab.sees(vm, VmState::Stopped).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f6_a_provider_that_hangs_does_not_hang_the_lists() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    lab.sees(vm, VmState::Running).await;
    lab.world.faults().hang();
    // Lists are answered from memory, whatever the provider does.
    let listed = lab.engine.vms().list(&ListRequest::first(10));
    assert_eq!(listed.items.len(), 1);
    lab.world.faults().unhang();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f7_a_hung_vm_delays_nobody_else() {
    let lab = Lab::new().await;
    let (stuck, well) = (lab.create("stuck").await, lab.create("well").await);
    lab.sees(well, VmState::Running).await;
    lab.world.faults().hang_vm("stuck");
    let record = lab.world.vm_of(well).unwrap();
    lab.world.set_power(&record.vm, PowerState::Paused, "user");
    lab.sees(well, VmState::Paused).await;
    lab.world.faults().unhang();
    lab.sees(stuck, VmState::Running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f20_lost_events_are_caught_up_with() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    lab.sees(vm, VmState::Running).await;
    let record = lab.world.vm_of(vm).unwrap();
    for fault in [EventFault::Drop, EventFault::Duplicate, EventFault::Reorder] {
        lab.world.faults().set_events(fault);
        lab.world.set_power(&record.vm, PowerState::Paused, "user");
        lab.sees(vm, VmState::Paused).await;
        lab.world.set_power(&record.vm, PowerState::Running, "unpaused");
        lab.sees(vm, VmState::Running).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x22_identity_survives_a_rename_and_a_restart() {
    let mut lab = Lab::new().await;
    let theirs = foreign(&lab.world, "theirs");
    let find = |lab: &Lab, name: &str| {
        let listed = lab.engine.vms().list(&ListRequest::first(100));
        listed.items.into_iter().find(|vm| vm.name == name).map(|vm| vm.id)
    };
    lab.until("it is shown", || find(&lab, "theirs").is_some()).await;
    let before = find(&lab, "theirs").unwrap();
    lab.world.rename_vm(&theirs, "renamed");
    lab.until("it is shown under its new name", || find(&lab, "renamed").is_some()).await;
    assert_eq!(find(&lab, "renamed"), Some(before));
    lab.restart().await;
    lab.until("it is shown after the restart", || find(&lab, "renamed").is_some()).await;
    assert_eq!(find(&lab, "renamed"), Some(before));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restart_states_are_unknown_until_seen_again() {
    let mut lab = Lab::new().await;
    let vm = lab.create("web").await;
    lab.world.disconnect();
    lab.restart().await;
    let view = lab.engine.vms().get(vm).unwrap();
    assert_eq!(view.status.state, VmState::Unknown);
    assert_eq!(view.status.observed_at, None, "nothing was seen since the start");
    lab.world.reconnect();
    lab.sees(vm, VmState::Running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_does_not_answer_keeps_its_vms_as_unknown() {
    let lab = Lab::new().await;
    lab.world.add_host(hostler_sim::HostSetup::new("h2"));
    let listed = || lab.engine.hosts().list(&ListRequest::first(10)).items;
    lab.until("the new host is shown", || listed().len() == 2).await;
    lab.world.add_vm("h2", hostler_core::vm::VmSpec::new("there", 64 << 20), None, vec![]);
    let there = || {
        let all = lab.engine.vms().list(&ListRequest::first(10)).items;
        all.into_iter().find(|vm| vm.name == "there")
    };
    lab.until("its VM is shown", || there().is_some()).await;
    lab.world.isolate_host("h2");
    lab.until("it is unknown", || there().is_some_and(|v| v.status.state == VmState::Unknown))
        .await;
    let h2: HostId = listed().iter().find(|h| h.name == "h2").unwrap().id;
    assert_eq!(lab.engine.hosts().get(h2).unwrap().state, HostState::Degraded);
    lab.world.restore_host("h2");
    lab.until("it is known again", || there().is_some_and(|v| v.status.state != VmState::Unknown))
        .await;
}

/// From now on inventories never end, and one is under way.
async fn hang_inventories(lab: &Lab) {
    let faults = lab.world.faults();
    let taken = || faults.calls().iter().filter(|verb| **verb == Verb::Inventory).count();
    // One that begins between these two lines ends, and the next one hangs.
    let before = taken();
    faults.set_verb_latency(Verb::Inventory, FOR_EVER);
    lab.until("an inventory hangs", || taken() > before).await;
}

/// So that only single looks can show anything.
fn patient() -> Tuning {
    let pace = Pace { inventory_deadline: FOR_EVER, ..pace() };
    Tuning { pace, ..Tuning::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x13_f8_a_change_is_seen_while_an_inventory_hangs() {
    let lab = Lab::tuned(World::small(1), None, patient()).await;
    let vm = lab.create("web").await;
    lab.sees(vm, VmState::Running).await;
    let record = lab.world.vm_of(vm).unwrap();
    hang_inventories(&lab).await;
    for _ in 0..3 {
        lab.world.set_power(&record.vm, PowerState::Paused, "user");
        lab.sees(vm, VmState::Paused).await;
        lab.world.set_power(&record.vm, PowerState::Running, "unpaused");
        lab.sees(vm, VmState::Running).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x13_f8_many_changes_at_once_are_seen_while_an_inventory_hangs() {
    let lab = Lab::tuned(World::small(1), None, patient()).await;
    let many: Vec<_> = (0..100).map(|n| foreign(&lab.world, &format!("vm-{n}"))).collect();
    let listed = || lab.engine.vms().list(&ListRequest::first(1000)).items;
    lab.until("they are shown", || listed().len() == many.len()).await;
    hang_inventories(&lab).await;
    many.iter().for_each(|vm| lab.world.set_power(vm, PowerState::Paused, "user"));
    lab.until("all are paused", || listed().iter().all(|v| v.status.state == VmState::Paused))
        .await;
}
