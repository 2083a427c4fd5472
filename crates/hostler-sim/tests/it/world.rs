//! The life of simulated VMs and volumes, and what is seen of it.

use std::time::Duration;

use hostler_core::vm::{PowerState, VmSpec};
use hostler_provider::{
    Change, Create, EnsureVm, Group, Kind, Power, Provider, StopMode, Storage, VolumeContent,
    Watch, groups,
};
use hostler_sim::{Guest, HostSetup, PoolSetup, Sim, Verb, When, World};
use tokio::time::Instant;

use crate::support::{
    MIB, NOW, Pattern, cx, ensure_vm, ensure_volume, fill_volume, id, small, spec, vm, volume,
    within,
};

const SLOW: Guest = Guest {
    start: Duration::from_secs(2),
    boot: Duration::from_secs(10),
    shutdown: Duration::from_secs(5),
    save: Duration::from_secs(3),
    obeys_acpi: true,
};

fn power(world: &World, name: &str) -> (PowerState, String) {
    let record = world.vm_named(name).unwrap();
    (record.power, record.reason)
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[tokio::test]
async fn what_was_made_is_in_the_inventory_with_its_tag_and_the_time_of_the_context() {
    let (_world, sim) = small();
    ensure_vm(&sim, id(1), "web").await.unwrap();
    let inventory = sim.inventory(&cx()).await.unwrap();
    let [seen] = inventory.vms.as_slice() else { panic!("{:?}", inventory.vms) };
    assert_eq!((seen.name.as_str(), seen.power), ("web", PowerState::Stopped));
    assert_eq!(seen.tag.as_ref().map(|tag| tag.vm), Some(id(1)));
    assert_eq!(seen.observed_at, NOW);
    let disk = &seen.disks.value().unwrap()[0];
    assert_eq!(disk.source.as_deref(), Some("default/web-root"));
    assert_eq!((disk.target.as_str(), disk.capacity_bytes), ("vda", Some(MIB)));
    assert_eq!((inventory.hosts.len(), inventory.pools.len(), inventory.networks.len()), (1, 1, 1));
    assert!(sim.is_simulated());
}

#[tokio::test]
async fn e8_a_guest_with_an_agent_says_what_it_is_while_it_runs() {
    let (_world, sim) = small();
    let guest = async || sim.inventory(&cx()).await.unwrap().vms.remove(0).guest;
    let made = ensure_vm(&sim, id(1), "web").await.unwrap();
    assert_eq!(guest().await.value(), None);
    assert_eq!(guest().await.reason(), Some("its guest tells it only while it runs"));
    sim.start(&cx(), &made.vm).await.unwrap();
    let told = guest().await;
    assert_eq!((told.source(), told.observed_at()), ("guest_agent", Some(NOW)));
    let info = told.value().unwrap();
    assert_eq!(info.host_name.as_deref(), Some("web"));
    assert!(info.system().unwrap().contains("made up"), "{info:?}");
}

/// A world is filled past all checks; emptied is a new one, which no test shares with another.
#[tokio::test]
async fn e21_a_world_is_seeded_with_vms_and_begun_anew_without_them() {
    let (world, sim) = small();
    let there = world.add_vm("h1", VmSpec::new("theirs", MIB), None, vec![]);
    let ours = world.add_vm("h1", VmSpec::new("ours", MIB), Some(id(1)), vec![]);
    let mut seen: Vec<_> =
        sim.inventory(&cx()).await.unwrap().vms.into_iter().map(|vm| vm.external_ref).collect();
    seen.sort();
    let mut seeded = [there.external_ref.clone(), ours.external_ref];
    seeded.sort();
    assert_eq!(seen, seeded);
    assert_eq!(sim.observe(&cx(), &there).await.unwrap().unwrap().name, "theirs");
    world.faults().fail_verb(Verb::Start, 9, When::Before, Kind::Denied);
    world.faults().reset();
    sim.start(&cx(), &there).await.unwrap();
    let (_anew, sim) = small();
    assert!(sim.inventory(&cx()).await.unwrap().vms.is_empty());
    assert!(sim.observe(&cx(), &there).await.unwrap().is_none());
}

#[tokio::test]
async fn e21_two_worlds_in_one_process_know_nothing_of_each_other() {
    let (one, sim) = small();
    let (other, _) = small();
    ensure_vm(&sim, id(1), "web").await.unwrap();
    assert_eq!((one.census().vms.len(), other.census().vms.len()), (1, 0));
}

#[tokio::test]
async fn the_same_seed_makes_the_same_references() {
    let ((_, first), (_, second)) = (small(), small());
    assert_eq!(vm(&first, 1, "web").await, vm(&second, 1, "web").await);
}

#[tokio::test(start_paused = true)]
async fn a_slow_guest_starts_and_shuts_down_in_its_time() {
    let (world, sim) = small();
    let vm = vm(&sim, 1, "web").await;
    world.set_guest(&vm, SLOW);
    let begun = Instant::now();
    sim.start(&cx(), &vm).await.unwrap();
    assert_eq!(begun.elapsed(), seconds(2));
    assert_eq!(power(&world, "web"), (PowerState::Running, "booted".into()));

    // It hears the power button only once it has booted.
    sim.stop(&cx(), &vm, StopMode::Graceful { within: seconds(20) }).await.unwrap();
    assert_eq!(begun.elapsed(), seconds(2 + 10 + 5));
    assert_eq!(power(&world, "web"), (PowerState::Stopped, "shutdown".into()));
}

#[tokio::test(start_paused = true)]
async fn a_guest_goes_on_shutting_down_when_nobody_waits_any_more() {
    let (world, sim) = small();
    let vm = vm(&sim, 1, "web").await;
    sim.start(&cx(), &vm).await.unwrap();
    world.set_guest(&vm, Guest { boot: Duration::ZERO, ..SLOW });
    let stop = StopMode::Graceful { within: seconds(60) };
    let error = sim.stop(&within(seconds(1)), &vm, stop).await.unwrap_err();
    assert_eq!((error.kind(), error.is_unknown()), (Kind::Timeout, true));
    assert_eq!(power(&world, "web").0, PowerState::Stopping);
    tokio::time::sleep(seconds(5)).await;
    assert_eq!(power(&world, "web").0, PowerState::Stopped);
}

#[tokio::test(start_paused = true)]
async fn c4_a_guest_that_ignores_the_power_button_keeps_running_until_forced() {
    let (world, sim) = small();
    let vm = vm(&sim, 1, "web").await;
    world.set_guest(&vm, Guest { obeys_acpi: false, ..Guest::default() });
    sim.start(&cx(), &vm).await.unwrap();
    let graceful = StopMode::Graceful { within: seconds(3) };
    let error = sim.stop(&cx(), &vm, graceful).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout);
    assert_eq!(error.message(), "the guest of \"web\" did not shut down within 3s");
    assert_eq!(power(&world, "web").0, PowerState::Running);
    let then_force = StopMode::GracefulThenForce { within: seconds(3) };
    sim.stop(&cx(), &vm, then_force).await.unwrap();
    assert_eq!(power(&world, "web"), (PowerState::Stopped, "destroyed".into()));
}

#[tokio::test(start_paused = true)]
async fn cutting_the_power_wins_over_a_shutdown_under_way() {
    let (world, sim) = small();
    let vm = vm(&sim, 1, "web").await;
    sim.start(&cx(), &vm).await.unwrap();
    world.set_guest(&vm, Guest { boot: Duration::ZERO, ..SLOW });
    let graceful = StopMode::Graceful { within: seconds(60) };
    let patient = cx();
    let (asked, forced) = tokio::join!(sim.stop(&patient, &vm, graceful), async {
        tokio::time::sleep(seconds(1)).await;
        sim.stop(&cx(), &vm, StopMode::Force).await?;
        sim.start(&cx(), &vm).await
    });
    asked.unwrap();
    forced.unwrap();
    // The shutdown's timer belongs to a life that is over.
    tokio::time::sleep(seconds(30)).await;
    assert_eq!(power(&world, "web").0, PowerState::Running);
}

#[tokio::test(start_paused = true)]
async fn c4_pause_resume_save_and_restore_tell_their_reasons() {
    let (world, sim) = small();
    let vm = vm(&sim, 1, "web").await;
    world.set_guest(&vm, SLOW);
    sim.start(&cx(), &vm).await.unwrap();
    sim.pause(&cx(), &vm).await.unwrap();
    assert_eq!(power(&world, "web"), (PowerState::Paused, "user".into()));
    let refused = sim.start(&cx(), &vm).await.unwrap_err();
    assert_eq!((refused.kind(), refused.message()), (Kind::Conflict, "VM \"web\" is paused"));
    sim.resume(&cx(), &vm).await.unwrap();
    assert_eq!(power(&world, "web"), (PowerState::Running, "unpaused".into()));
    sim.save(&cx(), &vm).await.unwrap();
    assert_eq!(power(&world, "web"), (PowerState::Saved, "saved".into()));
    sim.start(&cx(), &vm).await.unwrap();
    assert_eq!(power(&world, "web"), (PowerState::Running, "restored".into()));
    world.crash_guest(&vm);
    sim.reset(&cx(), &vm).await.unwrap();
    assert_eq!(power(&world, "web").0, PowerState::Running);
}

#[tokio::test]
async fn a_host_without_memory_for_it_starts_no_vm() {
    let world = World::new(1);
    world.add_host(HostSetup { memory_bytes: 300 * MIB, ..HostSetup::new("h1") });
    world.add_pool(PoolSetup::new("h1", "default"));
    let sim = Sim::new(&world);
    let (first, second) = (vm(&sim, 1, "one").await, vm(&sim, 2, "two").await);
    sim.start(&cx(), &first).await.unwrap();
    let error = sim.start(&cx(), &second).await.unwrap_err();
    assert_eq!((error.kind(), error.is_unknown()), (Kind::Exhausted, false));
    assert_eq!(power(&world, "two").0, PowerState::Stopped);
}

#[tokio::test]
async fn a_request_the_world_cannot_fulfil_is_refused_before_anything_is_made() {
    let (world, sim) = small();
    let mut spec = spec("web");
    let request = EnsureVm { vm: id(1), spec: &spec, host_ref: "h1", disks: &[], seed: None };
    let error = sim.validate(&cx(), &request).await.unwrap_err();
    assert_eq!(error.message(), "no volume was given for disk \"root\"");
    spec.disks.clear();
    spec.machine.arch = Some("s390x".into());
    let request = EnsureVm { vm: id(1), spec: &spec, host_ref: "h1", disks: &[], seed: None };
    let error = sim.ensure_vm(&cx(), &request).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (Kind::Unsupported, "host h1 runs x86_64 only"));
    assert!(world.census().vms.is_empty());
}

#[tokio::test]
async fn i5_a_volume_of_a_vm_is_not_removed() {
    let (world, sim) = small();
    vm(&sim, 1, "web").await;
    let error = sim.remove_volume(&cx(), &volume("web-root")).await.unwrap_err();
    assert_eq!(error.message(), "volume default/web-root belongs to VM \"web\"");
    assert!(world.leaks(&[id(1)], &[]).is_empty());
}

#[tokio::test]
async fn i5_a_copy_leaves_its_original_as_it_was() {
    let (world, sim) = small();
    let source = Pattern { bytes: 700_000, fails_at: None };
    fill_volume(&sim, "image", VolumeContent::Upload(&source)).await.unwrap();
    let before = world.census().volumes;
    fill_volume(&sim, "copy", VolumeContent::CopyOf(&volume("image"))).await.unwrap();
    let after = world.census().volumes;
    assert!(after.contains(&before[0]));
    assert_eq!(after[0].checksum, after[1].checksum);
    assert_ne!(after[0].checksum, 0);
}

#[tokio::test]
async fn f17_an_upload_into_a_full_pool_fails_and_takes_its_rest_away() {
    let (world, sim) = small();
    world.leave_room("h1", "default", 500_000);
    let source = Pattern { bytes: 700_000, fails_at: None };
    let error = fill_volume(&sim, "image", VolumeContent::Upload(&source)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Exhausted);
    assert!(world.census().volumes.is_empty());
    world.fill_pool("h1", "default");
    assert_eq!(ensure_volume(&sim, "empty").await.unwrap_err().kind(), Kind::Exhausted);
}

#[tokio::test]
async fn f27_a_source_that_closes_early_leaves_no_volume() {
    let (world, sim) = small();
    let source = Pattern { bytes: 700_000, fails_at: Some(300_000) };
    let error = fill_volume(&sim, "image", VolumeContent::Upload(&source)).await.unwrap_err();
    assert_eq!(error.raw(), Some("the source closed"));
    assert!(world.census().volumes.is_empty());
}

#[tokio::test]
async fn f9_a_crashed_host_is_unreachable_and_its_vms_are_not_told_as_gone() {
    let (world, sim) = small();
    world.add_host(HostSetup::new("h2"));
    let vm = vm(&sim, 1, "web").await;
    sim.start(&cx(), &vm).await.unwrap();
    world.crash_host("h1");
    let inventory = sim.inventory(&cx()).await.unwrap();
    assert!(inventory.vms.is_empty());
    assert_eq!(inventory.unreachable.len(), 1);
    let error = sim.start(&cx(), &vm).await.unwrap_err();
    assert_eq!((error.kind(), error.is_unknown()), (Kind::Unavailable, false));
    // Whether an id has a VM cannot be told while a host is silent.
    let error = sim.find_vm(&cx(), id(9)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    world.restore_host("h1");
    assert_eq!(power(&world, "web"), (PowerState::Stopped, "unknown".into()));
    assert!(sim.find_vm(&cx(), id(9)).await.unwrap().is_none());
}

#[tokio::test]
async fn each_change_is_told_to_everybody_who_watches() {
    let (world, sim) = small();
    let (mut first, mut second) = (sim.subscribe().await.unwrap(), sim.subscribe().await.unwrap());
    let vm = vm(&sim, 1, "web").await;
    world.io_error(&vm);
    for watcher in [&mut first, &mut second] {
        let mut told = Vec::new();
        while let Ok(change) = watcher.try_recv() {
            told.push(change);
        }
        assert_eq!(told.iter().filter(|c| **c == Change::Vm(vm.clone())).count(), 2, "{told:?}");
    }
    let seen = sim.observe(&cx(), &vm).await.unwrap().unwrap();
    assert_eq!((seen.power, seen.power_reason.as_str()), (PowerState::Paused, "io_error"));
}

#[tokio::test]
async fn a_group_that_is_left_out_is_not_there() {
    let (_, sim) = small();
    assert_eq!(groups(&sim.clone().with_groups(&[])), []);
    let some = [Group::Power, Group::Watch];
    assert_eq!(groups(&sim.with_groups(&some)), some);
}

#[tokio::test]
async fn the_definition_keeps_the_secrets_of_cloud_init() {
    let (_, sim) = small();
    let mut spec = spec("web");
    spec.disks.clear();
    let user_data = Some("password: hunter2".to_owned());
    spec.cloud_init =
        Some(hostler_core::vm::cloud_init::CloudInit { user_data, ..Default::default() });
    let request = EnsureVm { vm: id(1), spec: &spec, host_ref: "h1", disks: &[], seed: None };
    let made = sim.ensure_vm(&cx(), &request).await.unwrap();
    let text = sim.definition(&cx(), &made.vm).await.unwrap();
    assert!(text.contains("\"web\"") && !text.contains("hunter2"), "{text}");
}
