//! Operations that need a person: what a retry tells, and that each of them can
//! be settled by hand, whatever this version makes of it.

use hostler_core::Clock;
use hostler_core::clock::SystemClock;
use hostler_core::id::{OperationId, VmId};
use hostler_core::operation::{OperationState, Plan, Resource};
use hostler_core::vm::status::{Phase, VmState};
use hostler_engine::{DeleteOptions, PowerVerb, StepState};
use hostler_provider::{Kind, StopMode};
use hostler_sim::{Verb, When};
use hostler_store::NewOperation;

use crate::world::{Lab, admin};

/// Leaves an operation on a VM as another version might have.
async fn leave(lab: &Lab, kind: &str, vm: VmId) -> OperationId {
    let (created_at, works_on) = (SystemClock.now(), vec![Resource::Vm(vm)]);
    let id = OperationId::new(created_at, [9; 10]);
    let left = NewOperation {
        id,
        kind: kind.into(),
        params: serde_json::json!({ "words": "of another version" }),
        actor: "local:root".into(),
        resources: works_on.clone(),
        claims: works_on,
        plan: Plan { steps: vec!["move".into()], no_return_from: None },
        idempotency: None,
        note: None,
        created_at,
        vm: None,
        phase: Some((vm, Phase::Deleting)),
        as_read: None,
        provider: None,
        events: Vec::new(),
    };
    lab.store.submit(&left).await.unwrap();
    id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_this_version_cannot_run_can_be_settled_by_hand_and_holds_nothing_then() {
    // A kind that is not known, and two whose parameters cannot be read.
    for kind in ["vm.migrate", "vm.stop", "vm.create"] {
        let lab = Lab::new().await;
        let vm = lab.create("web").await;
        lab.sees(vm, VmState::Running).await;
        let id = leave(&lab, kind, vm).await;
        let state = |view: hostler_engine::OperationView| view.state();
        assert_eq!(lab.ended(id).await.map(state).unwrap(), OperationState::NeedsAttention);
        let operations = lab.engine.operations();
        operations.retry(&admin(), id).await.unwrap();
        assert_eq!(lab.ended(id).await.map(state).unwrap(), OperationState::NeedsAttention);
        assert_eq!(lab.claims().await, 1, "{kind}");
        operations.resolve(&admin(), id, "moved by hand").await.unwrap();
        let ended = lab.ended(id).await.unwrap();
        assert_eq!(ended.state(), OperationState::Failed, "{kind}");
        assert!(ended.row.finished_at.is_some() && lab.claims().await == 0, "{kind}");
        // It is a VM like any other again.
        lab.sees(vm, VmState::Running).await;
        let off = PowerVerb::Stop(StopMode::Force);
        let asked = lab.engine.vms().power(&admin(), None, vm, off).await.unwrap();
        assert_eq!(lab.end(&asked).await.state(), OperationState::Succeeded, "{kind}");
        lab.engine.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_a_person_has_tried_again_is_not_told_with_its_old_failure() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    lab.sees(vm, VmState::Running).await;
    lab.world.faults().fail_verb(Verb::RemoveVolume, 1, When::Before, Kind::Denied);
    let options = DeleteOptions { disks: true, force: true, ..DeleteOptions::default() };
    let asked = lab.engine.vms().delete(&admin(), None, vm, options).await.unwrap();
    let stuck = lab.end(&asked).await;
    assert_eq!(stuck.state(), OperationState::NeedsAttention);
    assert_eq!(stuck.error().unwrap().code, "provider_denied");
    lab.world.faults().reset();
    lab.world.faults().hang_verb(Verb::RemoveVolume, 0);
    let operations = lab.engine.operations();
    operations.retry(&admin(), stuck.row.id).await.unwrap();
    lab.arrives(Verb::RemoveVolume).await;
    let again = operations.get(stuck.row.id).await.unwrap();
    assert_eq!((again.state(), again.error()), (OperationState::Running, None));
    let step = again.steps().pop().unwrap();
    assert_eq!((step.name.as_str(), step.state), ("remove volumes", StepState::Running));
    lab.world.faults().unhang();
    assert_eq!(lab.end(&asked).await.state(), OperationState::Succeeded);
}
