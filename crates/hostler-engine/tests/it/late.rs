//! Effects that come after their call was given up (F23): during the settling
//! window, after the operation's end, after a restart, and never twice.

use std::sync::Arc;
use std::time::Duration;

use hostler_core::clock::SystemClock;
use hostler_core::operation::OperationState;
use hostler_core::query::ListRequest;
use hostler_core::vm::PowerState;
use hostler_core::vm::VmSpec;
use hostler_core::vm::adoption::Adopted;
use hostler_core::vm::status::Phase;
use hostler_core::{Clock, Code};
use hostler_engine::{
    Accepted, AdoptRequest, DeleteOptions, OperationView, PendingView, PowerVerb, StepState,
};
use hostler_provider::{Kind, StopMode};
use hostler_sim::{Late, Verb, When};
use hostler_store::{EventFilter, NewVm};

use crate::subject::{GRACEFUL, Subject, THEN_FORCE};
use crate::world::{Lab, PATIENCE, admin, vm_of};

/// Well within the settling window.
const SOON: Duration = Duration::from_millis(15);

const SUBJECTS: [Subject; 10] = [
    Subject::Delete,
    Subject::Migrate,
    Subject::Power(PowerVerb::Start),
    Subject::Power(PowerVerb::Stop(GRACEFUL)),
    Subject::Power(PowerVerb::Stop(THEN_FORCE)),
    Subject::Power(PowerVerb::Stop(StopMode::Force)),
    Subject::Power(PowerVerb::Reset),
    Subject::Power(PowerVerb::Pause),
    Subject::Power(PowerVerb::Resume),
    Subject::Power(PowerVerb::Save),
];

/// Cancels an operation as soon as this call of it has come.
async fn cancel_at(lab: &Lab, accepted: &Accepted, verb: Verb) -> OperationView {
    let id = accepted.operation.row.id;
    lab.arrives(verb).await;
    lab.engine.operations().cancel(&admin(), id).await.unwrap();
    let ended = lab.ended(id).await.unwrap();
    assert_eq!(ended.state(), OperationState::Cancelled, "{:?}", ended.error());
    ended
}

/// What people were told of leftovers.
async fn told(lab: &Lab) -> Vec<String> {
    let filter = EventFilter { kind: Some("vm.leftover".into()), ..EventFilter::default() };
    let events = lab.engine.events().history(None, &filter, 100).await.unwrap();
    events.into_iter().map(|event| event.message).collect()
}

/// Waits until people were told of a leftover.
async fn is_told(lab: &Lab) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while told(lab).await.is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "nobody was told");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A creation that was cancelled while this call was on its way, and has ended
/// without the effect, which is held back.
async fn cancelled_creation(lab: &Lab, verb: Verb) -> OperationView {
    lab.world.faults().reset();
    lab.world.faults().late_verb(verb, 1, Late::held());
    let mut request = lab.request("web");
    if verb == Verb::EnsureVm {
        // Without its volumes it could not come any more.
        (request.spec.disks, request.spec.cloud_init) = (Vec::new(), None);
    }
    let accepted = lab.engine.vms().create(&admin(), None, request).await.unwrap();
    let ended = cancel_at(lab, &accepted, verb).await;
    lab.assert_clean(&[], &[], "at the end");
    ended
}

async fn becomes_clean(lab: &Lab, what: &str) {
    lab.until(what, || lab.world.leaks(&[], &[]).is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i4_what_comes_within_the_window_is_gone_at_the_end() {
    for verb in Subject::Create.changes() {
        let lab = Lab::new().await;
        lab.world.faults().late_verb(verb, 1, Late::silent(SOON));
        let accepted = Subject::Create.submit(&lab, None).await;
        let ended = cancel_at(&lab, &accepted, verb).await;
        Subject::Create.check(&lab, &ended, &format!("{verb:?} came late")).await;
        assert_eq!(told(&lab).await, Vec::<String>::new(), "it was settled in time");
        lab.engine.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i4_what_comes_after_the_end_is_removed_and_told() {
    for verb in [Verb::EnsureVolume, Verb::EnsureVm] {
        let lab = Lab::new().await;
        let ended = cancelled_creation(&lab, verb).await;
        let cut_off = ended.steps().into_iter().find(|step| step.note.is_some()).unwrap();
        assert!(cut_off.note.unwrap().starts_with("a call was not answered"), "{verb:?}");
        assert_eq!(lab.world.land(), 1);
        // It came, and may be gone by now: that it was there is told.
        is_told(&lab).await;
        becomes_clean(&lab, "what came late is removed").await;
        lab.engine.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i4_what_comes_after_a_restart_is_removed() {
    for verb in [Verb::EnsureVolume, Verb::EnsureVm] {
        let mut lab = Lab::new().await;
        cancelled_creation(&lab, verb).await;
        lab.restart().await;
        assert_eq!(lab.world.land(), 1);
        is_told(&lab).await;
        becomes_clean(&lab, "what came late is removed by the next server").await;
        lab.engine.shutdown().await;
    }
}

/// Every try of the call is given up as unknown, and all of them come in the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i3_tries_that_all_come_late_leave_nothing_and_make_nothing_twice() {
    for verb in Subject::Create.changes() {
        for late in [Late::silent(SOON), Late::held()] {
            let lab = Lab::new().await;
            let how = format!("every {verb:?} is {late:?}");
            lab.world.faults().late_verb(verb, 99, late.answered(Kind::Timeout));
            let ended = lab.end(&Subject::Create.submit(&lab, None).await).await;
            assert_eq!(ended.state(), OperationState::Failed, "{how}: {:?}", ended.error());
            lab.world.faults().reset();
            lab.world.land();
            becomes_clean(&lab, &how).await;
            lab.engine.shutdown().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i3_a_lost_try_that_comes_after_its_repetition_changes_nothing() {
    for subject in [Subject::Create, Subject::Clone, Subject::Change, Subject::DiskDetach(false)]
        .into_iter()
        .chain(SUBJECTS)
    {
        for verb in subject.changes() {
            if matches!(subject, Subject::Power(PowerVerb::Reset | PowerVerb::Stop(GRACEFUL))) {
                continue; // is not repeated
            }
            let lab = Lab::new().await;
            let vm = subject.prepare(&lab).await;
            let how = format!("{subject:?}, the first {verb:?} came after the second");
            lab.world.faults().reset();
            lab.world.faults().late_verb(verb, 1, Late::held().answered(Kind::Unavailable));
            let ended = lab.end(&subject.submit(&lab, vm).await).await;
            assert_eq!(ended.state(), OperationState::Succeeded, "{how}: {:?}", ended.error());
            assert_eq!(lab.world.land(), 1, "{how}");
            subject.check(&lab, &ended, &how).await;
            lab.engine.shutdown().await;
        }
    }
}

/// The end of a power verb tells what it left, whether its effect came or not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c4_a_power_verb_cut_off_on_its_way_tells_what_is() {
    for subject in SUBJECTS {
        for late in [Late::silent(SOON), Late::held()] {
            let lab = Lab::new().await;
            let vm = subject.prepare(&lab).await;
            let verb = subject.last_cancellable();
            lab.world.faults().reset();
            lab.world.faults().late_verb(verb, 1, late);
            let ended = cancel_at(&lab, &subject.submit(&lab, vm).await, verb).await;
            let step = &ended.steps()[0];
            // A migration that has not come by then is undone: its VM is where it was.
            let stays = matches!(subject, Subject::Migrate) && step.state == StepState::Undone;
            assert!(stays || step.state == StepState::NotUndone, "{subject:?}: {step:?}");
            subject.check(&lab, &ended, &format!("{subject:?}, {late:?}")).await;
            lab.engine.shutdown().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i17_a_deleted_vm_that_comes_back_is_left_alone_and_told_once() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    let options = DeleteOptions { disks: true, force: true, ..DeleteOptions::default() };
    let asked = lab.engine.vms().delete(&admin(), None, vm, options).await.unwrap();
    assert_eq!(lab.end(&asked).await.state(), OperationState::Succeeded);
    // Somebody defined it again from a copy of its description, mark and all.
    let back = lab.world.add_vm("h1", VmSpec::new("web", 64 << 20), Some(vm), Vec::new());
    lab.world.emit(hostler_provider::Change::Inventory);
    is_told(&lab).await;
    let before = lab.inventories();
    lab.until("it was looked at again", || lab.inventories() > before + 3).await;
    let messages = told(&lab).await;
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(messages[0].contains("it was deleted, and came back; it is left alone"));
    assert!(lab.world.vm_named("web").is_some_and(|record| record.vm == back));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i17_a_vm_with_the_mark_of_another_installation_is_left_alone() {
    let lab = Lab::new().await;
    let theirs = "0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e".parse().unwrap();
    lab.world.add_vm("h1", VmSpec::new("theirs", 64 << 20), Some(theirs), Vec::new());
    lab.world.emit(hostler_provider::Change::Inventory);
    let before = lab.inventories();
    lab.until("it was looked at", || lab.inventories() > before + 3).await;
    assert!(lab.world.vm_named("theirs").is_some());
    assert_eq!(told(&lab).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i17_what_was_settled_by_hand_is_left_alone() {
    let lab = Lab::new().await;
    lab.world.faults().fail_verb(Verb::Start, 99, When::Before, Kind::Denied);
    lab.world.faults().fail_verb(Verb::RemoveVm, 99, When::Before, Kind::Denied);
    let asked = Subject::Create.submit(&lab, None).await;
    let stuck = lab.end(&asked).await;
    assert_eq!(stuck.state(), OperationState::NeedsAttention);
    lab.world.faults().reset();
    let operations = lab.engine.operations();
    operations.resolve(&admin(), stuck.row.id, "it is kept").await.unwrap();
    assert_eq!(lab.ended(stuck.row.id).await.unwrap().state(), OperationState::Failed);
    is_told(&lab).await;
    assert!(told(&lab).await[0].contains("settled by hand; it is left alone"));
    assert!(lab.world.vm_named("web").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i5_what_came_late_and_is_in_use_is_left_alone() {
    let lab = Lab::new().await;
    cancelled_creation(&lab, Verb::EnsureVm).await;
    // It comes, and somebody starts it before anybody else has seen it.
    lab.world.faults().fail_verb(Verb::FindVm, 99, When::Before, Kind::Unavailable);
    lab.world.land();
    let record = lab.world.vm_named("web").unwrap();
    lab.world.set_power(&record.vm, PowerState::Running, "booted");
    lab.world.faults().reset();
    is_told(&lab).await;
    assert!(told(&lab).await[0].contains("it is in use all the same; it is left alone"));
    assert!(lab.world.vm_named("web").is_some_and(|record| record.power.is_live()));
}

/// The same where the creation had come as far as starting it: that must not be
/// undone by cutting the power of somebody else's work.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i5_what_came_late_and_is_in_use_keeps_its_power() {
    let lab = Lab::new().await;
    let faults = lab.world.faults();
    // The first try of the making is lost and comes in the end; the second is answered.
    faults.late_verb(Verb::EnsureVm, 1, Late::held().answered(Kind::Unavailable));
    faults.hang_verb(Verb::Start, 0);
    let mut request = lab.request("web");
    (request.spec.disks, request.spec.cloud_init) = (Vec::new(), None);
    let accepted = lab.engine.vms().create(&admin(), None, request).await.unwrap();
    cancel_at(&lab, &accepted, Verb::Start).await;
    lab.assert_clean(&[], &[], "at the end");
    faults.fail_verb(Verb::FindVm, 99, When::Before, Kind::Unavailable);
    assert_eq!(lab.world.land(), 1);
    let record = lab.world.vm_named("web").unwrap();
    lab.world.set_power(&record.vm, PowerState::Running, "booted");
    faults.reset();
    is_told(&lab).await;
    let told = told(&lab).await;
    assert!(told[0].contains("it is in use all the same; it is left alone"), "{told:?}");
    assert!(lab.world.vm_named("web").is_some_and(|record| record.power.is_live()));
}

/// What a creation that was undone left behind, as it is shown while nobody can look for it.
async fn left_behind(lab: &Lab) -> (OperationView, Arc<PendingView>) {
    let ended = cancelled_creation(lab, Verb::EnsureVm).await;
    lab.world.faults().fail_verb(Verb::FindVm, 100_000, When::Before, Kind::Unavailable);
    assert_eq!(lab.world.land(), 1);
    let waiting = || lab.engine.adoptions().list(&ListRequest::first(9)).items;
    lab.until("it waits for a decision", || !waiting().is_empty()).await;
    (ended, waiting().remove(0))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i17_what_is_being_removed_is_not_adopted() {
    let lab = Lab::new().await;
    let (_, left) = left_behind(&lab).await;
    assert_eq!(left.origin.as_str(), "lost");
    let (adoptions, request) = (lab.engine.adoptions(), AdoptRequest::default());
    let plan = adoptions.review(&admin(), left.vm.id, &request).await.unwrap();
    assert!(!plan.is_possible());
    assert_eq!(plan.risks[0].code, "leftover");
    let refused = adoptions.adopt(&admin(), left.vm.id, &request).await.unwrap_err();
    assert_eq!(refused.code(), Code::VmNotAdoptable);
    lab.world.faults().reset();
    becomes_clean(&lab, "what came late is removed").await;
}

/// As it may be where a clock was put back after it was adopted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i17_what_was_adopted_is_not_removed_for_the_mark_it_bears() {
    let mut lab = Lab::new().await;
    let (ended, left) = left_behind(&lab).await;
    let seen = left.vm.observed.clone().unwrap();
    let vm = NewVm {
        id: left.vm.id,
        provider: Some(lab.provider),
        host: None,
        external_ref: Some(seen.external_ref.clone()),
        phase: Phase::Ready,
        spec: VmSpec::new("web", 64 << 20),
        bindings: serde_json::json!([]),
        template: None,
    };
    let adopted = Adopted {
        by: "local:root".into(),
        at: SystemClock.now(),
        read_only: true,
        reason: None,
        mark: Some(vm_of(&ended)),
    };
    lab.store.adopt_vm(&vm, &adopted, &[]).await.unwrap();
    lab.restart().await;
    lab.world.faults().reset();
    let before = lab.inventories();
    lab.until("it was looked at again", || lab.inventories() > before + 3).await;
    assert!(lab.world.vm_named("web").is_some(), "it is somebody's now");
    assert!(lab.engine.vms().get(vm.id).unwrap().managed);
    assert_eq!(told(&lab).await, Vec::<String>::new());
}
