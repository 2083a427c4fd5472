//! Faults strike where they are aimed, and say truly what happened.

use std::time::Duration;

use hostler_core::vm::PowerState;
use hostler_provider::{Change, Create, Effect, Kind, Power, Provider, StopMode, Storage, Watch};
use hostler_sim::{EventFault, Late, Sim, Verb, When, World};
use tokio::time::Instant;

use crate::support::{cx, ensure_vm, ensure_volume, id, small, vm, volume, within};

/// A small operation: a volume, a VM with it, and its start.
async fn operate(sim: &Sim) -> hostler_provider::Result<()> {
    let made = ensure_vm(sim, id(1), "web").await?;
    sim.start(&cx(), &made.vm).await
}

/// The same thing undone, by what can be found.
async fn undo(sim: &Sim) {
    if let Some(found) = sim.find_vm(&cx(), id(1)).await.unwrap() {
        sim.stop(&cx(), &found.vm, StopMode::Force).await.unwrap();
        sim.remove_vm(&cx(), &found.vm).await.unwrap();
    }
    sim.remove_volume(&cx(), &volume("web-root")).await.unwrap();
}

#[tokio::test]
async fn i4_every_call_can_be_failed_at_every_point_and_undo_leaves_nothing() {
    let (world, sim) = small();
    operate(&sim).await.unwrap();
    let calls = world.faults().count_calls();
    assert_eq!(world.faults().calls(), [Verb::EnsureVolume, Verb::EnsureVm, Verb::Start]);
    for number in 0..calls {
        for when in When::ALL {
            let (world, sim) = small();
            world.faults().fail_call(number, *when);
            let error = operate(&sim).await.unwrap_err();
            assert!(!error.kind().is_transient());
            let effect = if *when == When::Before { Effect::None } else { Effect::Unknown };
            assert_eq!(error.effect(), effect);
            assert_eq!(world.faults().count_calls(), number + 1);
            undo(&sim).await;
            assert_eq!(world.leaks(&[], &[]), Vec::<String>::new(), "{number} {when:?}");
        }
    }
}

#[tokio::test]
async fn the_effect_is_there_after_and_not_before() {
    for (when, live) in [(When::Before, 0), (When::Midway, 1), (When::After, 1)] {
        let (world, sim) = small();
        let vm = vm(&sim, 1, "web").await;
        world.faults().fail_verb(Verb::Start, 1, when, Kind::Bug);
        sim.start(&cx(), &vm).await.unwrap_err();
        assert_eq!(world.live_count(id(1)), live, "{when:?}");
    }
}

#[tokio::test]
async fn f26_a_volume_failed_midway_is_half_filled_and_made_anew() {
    let (world, sim) = small();
    world.faults().fail_verb(Verb::EnsureVolume, 1, When::Midway, Kind::Unavailable);
    let error = ensure_volume(&sim, "disk").await.unwrap_err();
    assert_eq!(error.effect(), Effect::Unknown);
    assert_eq!(
        world.leaks(&[], &[]),
        ["volume default/disk is half filled", "volume default/disk belongs to nobody"]
    );
    assert!(ensure_volume(&sim, "disk").await.unwrap().created);
    assert!(!ensure_volume(&sim, "disk").await.unwrap().created);
    assert!(world.leaks(&[], &[volume("disk")]).is_empty());
}

#[tokio::test]
async fn a_transient_fault_passes_after_its_times() {
    let (world, sim) = small();
    world.faults().fail_verb(Verb::Probe, 2, When::Before, Kind::Unavailable);
    for _ in 0..2 {
        assert!(sim.probe(&cx()).await.unwrap_err().kind().is_transient());
    }
    sim.probe(&cx()).await.unwrap();
    world.faults().fail_next(1, When::After, Kind::Timeout);
    assert!(sim.inventory(&cx()).await.unwrap_err().is_unknown());
    sim.inventory(&cx()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn f7_a_hung_vm_delays_nobody_else() {
    let (world, sim) = small();
    let (hung, fine) = (vm(&sim, 1, "hung").await, vm(&sim, 2, "fine").await);
    sim.start(&cx(), &hung).await.unwrap();
    world.faults().hang_vm("hung");
    let begun = Instant::now();
    let late = sim.observe(&within(Duration::from_secs(2)), &hung).await.unwrap_err();
    assert_eq!((late.kind(), begun.elapsed()), (Kind::Timeout, Duration::from_secs(2)));
    sim.start(&cx(), &fine).await.unwrap();
    let inventory = sim.inventory(&cx()).await.unwrap();
    let seen = inventory.vms.iter().find(|vm| vm.name == "hung").unwrap();
    assert_eq!(seen.memory_bytes.value(), None);
    assert_eq!(seen.memory_bytes.reason(), Some("the VM does not answer"));
    assert_eq!(begun.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn f6_what_hung_goes_on_when_let_loose() {
    let (world, sim) = small();
    world.faults().hang();
    let patient = cx();
    let (probed, ()) = tokio::join!(sim.probe(&patient), async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        world.faults().unhang();
    });
    probed.unwrap();
}

#[tokio::test(start_paused = true)]
async fn looks_that_come_between_give_no_call_another_number() {
    let (world, sim) = small();
    let vm = vm(&sim, 1, "web").await;
    world.faults().reset();
    world.faults().fail_call(0, When::Before);
    sim.inventory(&cx()).await.unwrap();
    sim.observe(&cx(), &vm).await.unwrap();
    sim.start(&cx(), &vm).await.unwrap_err();
    assert_eq!(world.faults().count_calls(), 1);
    assert_eq!(world.faults().calls(), [Verb::Inventory, Verb::Observe, Verb::Start]);
}

#[tokio::test(start_paused = true)]
async fn a_verb_hangs_once_so_many_calls_are_through_until_it_is_let_loose() {
    let (world, sim) = small();
    let (first, second) = (vm(&sim, 1, "first").await, vm(&sim, 2, "second").await);
    world.faults().hang_verb(Verb::Start, 1);
    sim.start(&cx(), &first).await.unwrap();
    let short = within(Duration::from_secs(2));
    assert_eq!(sim.start(&short, &second).await.unwrap_err().kind(), Kind::Timeout);
    assert_eq!(world.live_count(id(2)), 0, "it hangs before its effect");
    let patient = cx();
    let (started, ()) = tokio::join!(sim.start(&patient, &second), async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        world.faults().unhang();
    });
    started.unwrap();
    sim.stop(&cx(), &second, StopMode::Force).await.unwrap();
    sim.start(&cx(), &second).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn f6_a_hung_host_is_listed_as_unreachable_and_others_answer() {
    let (world, sim) = small();
    let vm = vm(&sim, 1, "web").await;
    world.faults().hang_host("h1");
    let inventory = sim.inventory(&cx()).await.unwrap();
    assert_eq!(inventory.unreachable, [("h1".to_owned(), "did not answer in time".to_owned())]);
    let error = sim.start(&within(Duration::from_secs(1)), &vm).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout);
}

#[tokio::test(start_paused = true)]
async fn f8_latency_is_paid_by_each_call_and_counts_towards_its_deadline() {
    let (world, sim) = small();
    world.faults().set_latency(Duration::from_secs(2));
    world.faults().set_verb_latency(Verb::Inventory, Duration::from_secs(7));
    let begun = Instant::now();
    sim.probe(&cx()).await.unwrap();
    assert_eq!(begun.elapsed(), Duration::from_secs(2));
    let error = sim.inventory(&within(Duration::from_secs(5))).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout);
}

#[tokio::test]
async fn f5_while_disconnected_nothing_happens_and_afterwards_watchers_know() {
    let (world, sim) = small();
    let vm = vm(&sim, 1, "web").await;
    let mut watcher = sim.subscribe().await.unwrap();
    world.disconnect();
    let error = sim.start(&cx(), &vm).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (Kind::Unavailable, Effect::None));
    world.kill_vm(&vm);
    assert!(watcher.try_recv().is_err());
    world.reconnect();
    assert!(matches!(watcher.try_recv(), Ok(Change::Lost { .. })));
    let seen = sim.observe(&cx(), &vm).await.unwrap().unwrap();
    assert_eq!(seen.power, PowerState::Failed);
}

/// What a watcher hears of one VM starting and another one being paused.
async fn heard(fault: EventFault) -> Vec<String> {
    let (world, sim): (World, Sim) = small();
    let (a, b) = (vm(&sim, 1, "a").await, vm(&sim, 2, "b").await);
    let mut watcher = sim.subscribe().await.unwrap();
    world.faults().set_events(fault);
    world.set_power(&a, PowerState::Running, "booted");
    world.set_power(&b, PowerState::Running, "booted");
    let mut names = Vec::new();
    while let Ok(Change::Vm(vm)) = watcher.try_recv() {
        names.push(vm.name);
    }
    names
}

#[tokio::test]
async fn f20_events_can_be_lost_doubled_and_reordered() {
    assert_eq!(heard(EventFault::None).await, ["a", "b"]);
    assert_eq!(heard(EventFault::Drop).await, Vec::<String>::new());
    assert_eq!(heard(EventFault::Duplicate).await, ["a", "a", "b", "b"]);
    assert_eq!(heard(EventFault::Reorder).await, ["b", "a"]);
}

#[tokio::test]
async fn i1_two_vms_with_one_tag_are_found() {
    let (world, _sim) = small();
    for name in ["one", "two"] {
        let vm = world.add_vm("h1", crate::support::spec(name), Some(id(1)), vec![]);
        world.set_power(&vm, PowerState::Running, "booted");
    }
    assert_eq!(world.live_count(id(1)), 2);
    assert_eq!(world.leaks(&[id(1)], &[]), [format!("2 VMs are tagged {}", id(1))]);
}

#[tokio::test(start_paused = true)]
async fn f23_an_effect_comes_after_its_caller_has_given_up() {
    let (world, sim) = small();
    let vm = vm(&sim, 1, "web").await;
    let late = Late::silent(Duration::from_secs(5));
    world.faults().late_verb(Verb::Start, 1, late);
    let error = sim.start(&within(Duration::from_secs(2)), &vm).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (Kind::Timeout, Effect::Unknown));
    assert_eq!(world.live_count(id(1)), 0, "not yet");
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(world.live_count(id(1)), 1);

    world.faults().late_verb(Verb::Stop, 1, late.answered(Kind::Unavailable));
    let began = Instant::now();
    let error = sim.stop(&cx(), &vm, StopMode::Force).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (Kind::Unavailable, Effect::Unknown));
    assert_eq!(began.elapsed(), Duration::ZERO, "told at once");
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(world.live_count(id(1)), 0);
}

#[tokio::test]
async fn i3_what_comes_late_finds_what_is_there_meanwhile() {
    let (world, sim) = small();
    let held = Late::held().answered(Kind::Timeout);
    for verb in [Verb::EnsureVolume, Verb::EnsureVm] {
        world.faults().late_verb(verb, 1, held);
    }
    ensure_volume(&sim, "web-root").await.unwrap_err();
    ensure_volume(&sim, "web-root").await.unwrap();
    ensure_vm(&sim, id(1), "web").await.unwrap_err();
    ensure_vm(&sim, id(1), "web").await.unwrap();
    assert_eq!(world.land(), 2);
    assert_eq!(world.leaks(&[id(1)], &[]), Vec::<String>::new());
    assert_eq!(world.land(), 0, "each comes once");
}

#[tokio::test]
async fn f26_an_upload_that_comes_late_is_half_filled() {
    let (world, sim) = small();
    world.faults().late_verb(Verb::EnsureVolume, 1, Late::held().answered(Kind::Timeout));
    let bytes = crate::support::Pattern { bytes: 4096, fails_at: None };
    let content = hostler_provider::VolumeContent::Upload(&bytes);
    crate::support::fill_volume(&sim, "disk", content).await.unwrap_err();
    assert_eq!(world.census().volumes.len(), 0);
    world.land();
    assert!(!world.census().volumes[0].is_complete);
    sim.remove_volume(&cx(), &volume("disk")).await.unwrap();
    assert_eq!(world.leaks(&[], &[]), Vec::<String>::new());
}
