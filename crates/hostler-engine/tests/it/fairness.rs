//! One provider that is in trouble keeps waiting those only that wait for it (F6).

use std::time::Duration;

use hostler_core::id::VmId;
use hostler_core::operation::OperationState;
use hostler_core::query::ListRequest;
use hostler_core::vm::status::VmState;
use hostler_engine::{Accepted, Pace, PowerVerb};
use hostler_provider::{Kind, StopMode};
use hostler_sim::{Verb, When, World};

use crate::world::{Lab, PATIENCE, Tuning, admin, pace};

const OFF: PowerVerb = PowerVerb::Stop(StopMode::Force);

async fn lab(pace: Pace) -> Lab {
    Lab::tuned(World::small(1), None, Tuning { pace, ..Tuning::default() }).await
}

async fn turn_off(lab: &Lab, vm: VmId) -> Accepted {
    lab.engine.vms().power(&admin(), None, vm, OFF).await.unwrap()
}

async fn state(lab: &Lab, asked: &Accepted) -> OperationState {
    lab.engine.operations().get(asked.operation.row.id).await.unwrap().state()
}

/// As many small VMs as asked for, made at once.
async fn vms(lab: &Lab, names: impl Iterator<Item = String>) -> Vec<VmId> {
    let mut asked = Vec::new();
    for name in names {
        let mut request = lab.request(&name);
        request.spec.disks.clear();
        request.spec.cloud_init = None;
        request.spec.memory.bytes = 64 << 20;
        asked.push(lab.engine.vms().create(&admin(), None, request).await.unwrap());
    }
    let mut made = Vec::new();
    for accepted in asked {
        let ended = lab.end(&accepted).await;
        assert_eq!(ended.state(), OperationState::Succeeded, "{:?}", ended.error());
        made.push(crate::world::vm_of(&ended));
    }
    made
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f6_fifty_operations_at_a_provider_that_hangs_do_not_delay_another_providers() {
    let lab = lab(Pace { operations_max: 4, operations_per_provider: 4, ..pace() }).await;
    let hanging = vms(&lab, (0..50).map(|n| format!("a-{n}"))).await;
    // The second provider's host is the only one that takes the next VM.
    let other = World::small(2);
    is_closed(&lab).await;
    lab.attach("other", &other).await;
    let well = vms(&lab, std::iter::once("b".to_owned())).await[0];
    lab.sees(well, VmState::Running).await;
    lab.world.faults().hang();
    let mut queued = Vec::new();
    for vm in &hanging {
        queued.push(turn_off(&lab, *vm).await);
    }
    let hung = || lab.world.faults().calls().iter().filter(|verb| **verb == Verb::Stop).count();
    lab.until("all places there are taken", || hung() == 4).await;
    let asked = turn_off(&lab, well).await;
    assert_eq!(lab.end(&asked).await.state(), OperationState::Succeeded);
    for accepted in &queued {
        assert!(!state(&lab, accepted).await.is_final(), "the other provider still hangs");
    }
    // A cancel of one that waits in the queue needs no place either.
    let last = queued.pop().unwrap();
    lab.engine.operations().cancel(&admin(), last.operation.row.id).await.unwrap();
    assert_eq!(lab.end(&last).await.state(), OperationState::Cancelled);
    lab.world.faults().unhang();
    for accepted in &queued {
        assert_eq!(lab.end(accepted).await.state(), OperationState::Succeeded);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f6_creations_placed_at_a_provider_that_hangs_do_not_stop_those_placed_elsewhere() {
    let lab = lab(Pace { operations_max: 2, operations_per_provider: 2, ..pace() }).await;
    // The first question that a creation has for its provider.
    lab.world.faults().hang_verb(Verb::DefaultPool, 0);
    let mut held = Vec::new();
    for n in 0..4 {
        let request = lab.request(&format!("a-{n}"));
        held.push(lab.engine.vms().create(&admin(), None, request).await.unwrap());
    }
    for accepted in &held {
        is_placed(&lab, accepted).await;
    }
    is_closed(&lab).await;
    let other = lab.attach("other", &World::small(2)).await;
    let elsewhere = lab.engine.vms().create(&admin(), None, lab.request("b")).await.unwrap();
    let ended = lab.end(&elsewhere).await;
    assert_eq!(ended.state(), OperationState::Succeeded, "{:?}", ended.error());
    assert_eq!(ended.row.provider, Some(other));
    for accepted in &held {
        assert!(!state(&lab, accepted).await.is_final(), "that provider still hangs");
    }
    lab.world.faults().unhang();
    for accepted in &held {
        assert_eq!(lab.end(accepted).await.state(), OperationState::Succeeded);
    }
}

/// Waits until it is decided where an operation works.
async fn is_placed(lab: &Lab, accepted: &Accepted) {
    let id = accepted.operation.row.id;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while lab.engine.operations().get(id).await.unwrap().row.provider.is_none() {
        assert!(tokio::time::Instant::now() < deadline, "it was never placed");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits until the first provider's host takes no more VMs.
async fn is_closed(lab: &Lab) {
    lab.world.close_host("h1", Some("full"));
    lab.until("its host is closed", || {
        let hosts = lab.engine.hosts().list(&ListRequest::first(9));
        hosts.items.iter().all(|host| host.reason.is_some())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f6_an_operation_that_pauses_before_another_try_lets_others_work() {
    // One place in all, and pauses of half a minute, the longest there are.
    let pace = Pace {
        operations_max: 1,
        operations_per_provider: 1,
        retry: Duration::from_secs(30),
        ..pace()
    };
    let lab = lab(pace).await;
    let made = vms(&lab, ["ill", "well"].into_iter().map(str::to_owned)).await;
    let [ill, well] = made.as_slice() else { panic!("two were made") };
    lab.sees(*ill, VmState::Running).await;
    lab.sees(*well, VmState::Running).await;
    // Each try fails, so that it still pauses however long the other one takes.
    lab.world.faults().fail_verb(Verb::Pause, 99, When::Before, Kind::Unavailable);
    let pausing = lab.engine.vms().power(&admin(), None, *ill, PowerVerb::Pause).await.unwrap();
    lab.arrives(Verb::Pause).await;
    let asked = turn_off(&lab, *well).await;
    assert_eq!(lab.end(&asked).await.state(), OperationState::Succeeded);
    assert_eq!(state(&lab, &pausing).await, OperationState::Running);
    lab.engine.operations().cancel(&admin(), pausing.operation.row.id).await.unwrap();
    assert_eq!(lab.end(&pausing).await.state(), OperationState::Cancelled);
}
