//! What is told of each step when things went wrong: whether it failed, was
//! undone, or cannot be undone.

use hostler_core::operation::OperationState;
use hostler_engine::{OperationView, PowerVerb, StepState};
use hostler_provider::{Kind, StopMode};
use hostler_sim::{Late, Verb, When};
use std::time::Duration;

use crate::subject::Subject;
use crate::world::{Lab, admin};

fn states(view: &OperationView) -> Vec<(String, StepState)> {
    view.steps().into_iter().map(|step| (step.name, step.state)).collect()
}

fn told(names: &[(&str, StepState)]) -> Vec<(String, StepState)> {
    names.iter().map(|(name, state)| ((*name).to_owned(), *state)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_start_is_told_as_failed() {
    let lab = Lab::new().await;
    let subject = Subject::Power(PowerVerb::Start);
    let vm = subject.prepare(&lab).await;
    lab.world.faults().fail_verb(Verb::Start, 9, When::Before, Kind::Denied);
    let ended = lab.end(&subject.submit(&lab, vm).await).await;
    assert_eq!(ended.state(), OperationState::Failed);
    assert_eq!(states(&ended), told(&[("power", StepState::Failed)]));
    assert_eq!(ended.steps()[0].note, None, "nothing happened");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_did_something_and_failed_is_told_as_failed_and_undone() {
    let lab = Lab::new().await;
    lab.world.faults().fail_verb(Verb::EnsureVm, 99, When::After, Kind::Denied);
    let ended = lab.end(&Subject::Create.submit(&lab, None).await).await;
    let expected = [
        ("place", StepState::Undone),
        ("make disks", StepState::Undone),
        ("make seed", StepState::Undone),
        ("define", StepState::FailedUndone),
        ("start", StepState::Pending),
    ];
    assert_eq!(states(&ended), told(&expected));
    assert_eq!(ended.phase(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_did_nothing_and_failed_is_told_as_failed() {
    let lab = Lab::new().await;
    lab.world.faults().fail_verb(Verb::EnsureVolume, 99, When::Before, Kind::Denied);
    let ended = lab.end(&Subject::Create.submit(&lab, None).await).await;
    let (name, state) = states(&ended).swap_remove(1);
    assert_eq!((name.as_str(), state), ("make disks", StepState::Failed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn power_that_was_cut_is_told_as_not_undone() {
    for subject in [Subject::Delete, Subject::Power(PowerVerb::Stop(StopMode::Force))] {
        let lab = Lab::new().await;
        let vm = subject.prepare(&lab).await;
        lab.world.faults().reset();
        // It is off at once, only nobody hears of it.
        lab.world.faults().late_verb(Verb::Stop, 1, Late::silent(Duration::ZERO));
        let asked = subject.submit(&lab, vm).await;
        lab.until("it is off", || lab.world.live_count(vm.unwrap()) == 0).await;
        let id = asked.operation.row.id;
        lab.engine.operations().cancel(&admin(), id).await.unwrap();
        let ended = lab.ended(id).await.unwrap();
        assert_eq!(ended.state(), OperationState::Cancelled);
        let step = &ended.steps()[0];
        assert_eq!(step.state, StepState::NotUndone, "{subject:?}");
        assert_eq!(step.note.as_deref(), Some("the VM is stopped"), "{subject:?}");
        let filter = hostler_store::EventFilter::default();
        let events = lab.engine.events().history(None, &filter, 100).await.unwrap();
        let ends = |message: &str| {
            message.contains("is cancelled") && message.ends_with("; the VM is stopped")
        };
        assert!(events.iter().any(|event| ends(&event.message)), "{subject:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_cannot_be_undone_though_it_should_is_told_so_until_it_is_settled() {
    let lab = Lab::new().await;
    lab.world.faults().fail_verb(Verb::EnsureVm, 99, When::Before, Kind::Denied);
    lab.world.faults().fail_verb(Verb::RemoveVolume, 99, When::Before, Kind::Denied);
    let stuck = lab.end(&Subject::Create.submit(&lab, None).await).await;
    assert_eq!(stuck.state(), OperationState::NeedsAttention);
    let mut expected = [
        ("place", StepState::Undoing),
        ("make disks", StepState::Undoing),
        ("make seed", StepState::UndoFailed),
        ("define", StepState::Failed),
        ("start", StepState::Pending),
    ];
    assert_eq!(states(&stuck), told(&expected));
    assert_eq!(stuck.phase().as_deref(), Some("make seed"));
    let operations = lab.engine.operations();
    operations.resolve(&admin(), stuck.row.id, "looked").await.unwrap();
    let ended = lab.ended(stuck.row.id).await.unwrap();
    // What nobody undid is not told as undone.
    expected[0].1 = StepState::Done;
    expected[1].1 = StepState::Done;
    assert_eq!(states(&ended), told(&expected));
}
