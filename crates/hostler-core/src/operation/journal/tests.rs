//! The journal's rules, by table and by random histories.

use proptest::prelude::*;

use super::*;

fn planned(steps: u32, no_return_from: Option<u32>) -> Event {
    Event::Planned(Plan {
        steps: (0..steps).map(|n| format!("step-{n}")).collect(),
        no_return_from,
    })
}

fn done(step: u32) -> Event {
    Event::Done { step, state: Value::from(step), unsettled: false }
}

fn failure() -> Failure {
    Failure {
        code: "provider_timeout".into(),
        message: "h1 did not answer".into(),
        faults: Vec::new(),
        details: Default::default(),
        surely_nothing: false,
        unsettled: false,
        internal: None,
    }
}

fn failed(step: u32) -> Event {
    Event::Failed { step, failure: failure() }
}

fn undone(step: u32) -> Event {
    Event::Undone { step, trace: Trace::Removed }
}

fn cancel() -> Event {
    Event::CancelRequested { by: "local:root".into() }
}

#[test]
fn steps_run_in_order_and_then_it_is_finished() {
    let mut events = vec![planned(2, None)];
    assert_eq!(next(&events), Next::Run(0));
    events.extend([Event::Started { step: 0 }, done(0)]);
    assert_eq!(next(&events), Next::Run(1));
    events.extend([Event::Started { step: 1 }, done(1)]);
    assert_eq!(next(&events), Next::Finish(Outcome::Succeeded));
    events.push(Event::Finished { outcome: Outcome::Succeeded });
    assert_eq!(next(&events), Next::Nothing);
    assert_eq!(Journal::read(&events).told(), OperationState::Succeeded);
}

#[test]
fn a_step_interrupted_by_a_crash_runs_again() {
    assert_eq!(next(&[planned(2, None), Event::Started { step: 0 }]), Next::Run(0));
}

#[test]
fn a_failed_step_is_undone_too_and_then_those_before_it() {
    let mut events =
        vec![planned(3, None), Event::Started { step: 0 }, done(0), Event::Started { step: 1 }];
    events.push(failed(1));
    assert_eq!(next(&events), Next::Undo(1));
    assert_eq!(Journal::read(&events).told(), OperationState::Cancelling);
    events.extend([Event::UndoStarted { step: 1 }, undone(1)]);
    assert_eq!(next(&events), Next::Undo(0));
    events.extend([Event::UndoStarted { step: 0 }, undone(0)]);
    assert_eq!(next(&events), Next::Finish(Outcome::Failed));
}

#[test]
fn a_cancel_before_the_first_step_has_nothing_to_undo() {
    assert_eq!(next(&[planned(2, None), cancel()]), Next::Finish(Outcome::Cancelled));
}

#[test]
fn a_cancel_after_a_failure_stays_a_failure() {
    let events = [planned(1, None), Event::Started { step: 0 }, failed(0), cancel()];
    assert_eq!(next(&events), Next::Undo(0));
    assert!(!Journal::read(&events).can_cancel());
}

#[test]
fn past_the_point_of_no_return_there_is_only_forward() {
    let mut events = vec![planned(2, Some(1)), Event::Started { step: 0 }, done(0)];
    assert!(Journal::read(&events).can_cancel());
    events.push(Event::Started { step: 1 });
    assert!(!Journal::read(&events).can_cancel());
    events.push(cancel());
    assert_eq!(next(&events), Next::Run(1));
    events.push(failed(1));
    assert_eq!(next(&events), Next::Nothing);
    assert_eq!(Journal::read(&events).told(), OperationState::NeedsAttention);
    events.push(Event::UndoRetried { by: "local:root".into() });
    assert_eq!(next(&events), Next::Run(1));
}

#[test]
fn a_persons_retry_of_a_step_begins_anew_and_that_of_an_undo_keeps_the_reason() {
    let retry = || Event::UndoRetried { by: "a".into() };
    let retried = || Event::Retried { step: 0, failure: failure() };
    let begun = |no_return_from| {
        let mut events = vec![planned(1, no_return_from), Event::Started { step: 0 }];
        events.extend([retried(), retried(), failed(0)]);
        events
    };
    let mut forward = begun(Some(0));
    assert_eq!(Journal::read(&forward).stuck(), Some(&failure()));
    forward.push(retry());
    let again = Journal::read(&forward);
    assert_eq!((again.next(), again.told()), (Next::Run(0), OperationState::Running));
    assert_eq!((again.retries(), again.failed_step(), again.failure()), (0, None, None));
    let mut back = begun(None);
    back.extend([
        Event::UndoStarted { step: 0 },
        Event::UndoFailed { step: 0, failure: failure() },
    ]);
    back.push(retry());
    let again = Journal::read(&back);
    assert_eq!((again.next(), again.told()), (Next::Undo(0), OperationState::Cancelling));
    assert_eq!((again.failed_step(), again.failure()), (Some(0), Some(&failure())));
}

#[test]
fn a_refusal_at_the_point_of_no_return_that_changed_nothing_is_a_failure() {
    let refused = Failure { surely_nothing: true, ..failure() };
    let edge = |step| {
        let failure = refused.clone();
        let mut events = vec![planned(3, Some(1)), Event::Started { step: 0 }, done(0)];
        events.extend((1..=step).map(|step| Event::Started { step }));
        events.push(Event::Failed { step, failure });
        Journal::read(&events).told()
    };
    assert_eq!(edge(1), OperationState::Cancelling);
    assert_eq!(edge(2), OperationState::NeedsAttention);
}

#[test]
fn what_cannot_be_undone_needs_attention_until_a_person_decides() {
    let mut events = vec![planned(1, None), Event::Started { step: 0 }, failed(0)];
    events.push(Event::UndoFailed { step: 0, failure: failure() });
    assert_eq!(next(&events), Next::Nothing);
    let mut retried = events.clone();
    retried.push(Event::UndoRetried { by: "a".into() });
    assert_eq!(next(&retried), Next::Undo(0));
    events.push(Event::Resolved { by: "a".into(), note: "removed by hand".into() });
    assert_eq!(next(&events), Next::Finish(Outcome::Failed));
}

#[test]
fn what_was_settled_by_hand_is_not_told_as_undone() {
    let mut events = vec![planned(2, None), Event::Started { step: 0 }, done(0)];
    events.extend([Event::Started { step: 1 }, failed(1), Event::UndoStarted { step: 1 }]);
    events.push(Event::UndoFailed { step: 1, failure: failure() });
    events.push(Event::Resolved { by: "a".into(), note: "removed by hand".into() });
    let journal = Journal::read(&events);
    assert_eq!(journal.next(), Next::Finish(Outcome::Failed));
    assert!(journal.is_settled_by_hand());
    assert_eq!((journal.trace(0), journal.trace(1)), (None, None));
    assert_eq!((journal.failed_step(), journal.undo_failed_step()), (Some(1), Some(1)));
}

#[test]
fn f23_a_step_is_unsettled_once_a_call_of_it_was_not_answered() {
    let lost = Failure { unsettled: true, ..failure() };
    let begun = [planned(2, None), Event::Started { step: 0 }];
    let fate = |more: &[Event]| Journal::read(begun.iter().chain(more)).fate(0);
    assert_eq!(fate(&[failed(0)]), Fate::Refused);
    assert_eq!(fate(&[done(0)]), Fate::Done);
    assert_eq!(fate(&[Event::Failed { step: 0, failure: lost.clone() }]), Fate::Unsettled);
    // A lost call may come after the one that was seen to succeed.
    let retried = Event::Retried { step: 0, failure: lost };
    assert_eq!(fate(&[retried, done(0)]), Fate::Unsettled);
    let after_crash = Event::Done { step: 0, state: Value::Null, unsettled: true };
    assert_eq!(fate(&[after_crash]), Fate::Unsettled);
    // Cancelled while nobody drove it: what the crash cut off is not known.
    assert_eq!(fate(&[cancel(), Event::UndoStarted { step: 0 }]), Fate::Unsettled);
    assert!(!Journal::read(&begun).has_unsettled(), "it runs, and its answer may come");
}

#[test]
fn what_undoing_found_is_kept_for_each_step() {
    let kept = Trace::Kept("the VM is stopped".into());
    let mut events =
        vec![planned(2, None), Event::Started { step: 0 }, done(0), Event::Started { step: 1 }];
    events.extend([cancel(), failed(1), Event::UndoStarted { step: 1 }]);
    events.push(Event::Undone { step: 1, trace: Trace::None });
    events.push(Event::Undone { step: 0, trace: kept.clone() });
    let journal = Journal::read(&events);
    assert_eq!((journal.trace(1), journal.trace(0)), (Some(&Trace::None), Some(&kept)));
    assert_eq!(journal.failed_step(), None, "it ended because of the cancel");
}

#[test]
fn two_looks_find_what_either_found_and_keep_the_later_words() {
    let kept = |what: &str| Trace::Kept(what.into());
    assert_eq!(Trace::Removed.and_then(Trace::None), Trace::Removed);
    assert_eq!(Trace::None.and_then(Trace::Removed), Trace::Removed);
    assert_eq!(Trace::None.and_then(Trace::None), Trace::None);
    assert_eq!(
        kept("the VM is running").and_then(kept("the VM is stopped")),
        kept("the VM is stopped")
    );
}

#[test]
fn a_checkpoint_lasts_as_long_as_its_step() {
    let mut events = vec![planned(2, None), Event::Started { step: 0 }];
    events.push(Event::Checkpoint { step: 0, value: Value::from("task-7") });
    assert_eq!(Journal::read(&events).checkpoint(), Some(&Value::from("task-7")));
    events.push(done(0));
    assert_eq!(Journal::read(&events).checkpoint(), None);
}

#[test]
fn old_journals_still_decode() {
    let golden = include_str!("golden.json");
    let events: Vec<Event> = serde_json::from_str(golden).unwrap();
    assert_eq!(next(&events), Next::Nothing);
    assert_eq!(
        serde_json::to_value(&events).unwrap(),
        serde_json::from_str::<Value>(golden).unwrap()
    );
}

/// Plays an operation whose steps fail, retry and are cancelled at random,
/// obeying `next`, and keeps a model of which effects exist.
fn play(steps: u32, no_return: Option<u32>, choices: &[u8]) -> (Vec<Event>, Vec<bool>) {
    let mut events = vec![planned(steps, no_return)];
    let mut effects = vec![false; steps as usize];
    let mut choices = choices.iter().copied();
    for _ in 0..200 {
        let choice = choices.next().unwrap_or(0);
        match next(&events) {
            Next::Run(step) => {
                events.push(Event::Started { step });
                match choice % 6 {
                    0..3 => {
                        effects[step as usize] = true;
                        events.push(done(step));
                    }
                    3 => effects[step as usize] = true, // crash after the effect, before the record
                    4 => events.push(failed(step)),
                    _ => {
                        effects[step as usize] = true; // failed after taking effect
                        events.push(failed(step));
                    }
                }
                if choice >= 200 && Journal::read(&events).can_cancel() {
                    events.push(cancel());
                }
            }
            Next::Undo(step) => {
                events.push(Event::UndoStarted { step });
                if choice % 4 == 3 {
                    events.push(Event::UndoFailed { step, failure: failure() });
                } else {
                    effects[step as usize] = false;
                    events.push(undone(step));
                }
            }
            Next::Finish(outcome) => events.push(Event::Finished { outcome }),
            Next::Nothing => match Journal::read(&events).told() {
                OperationState::NeedsAttention => {
                    events.push(Event::UndoRetried { by: "a".into() });
                }
                _ => break,
            },
        }
    }
    (events, effects)
}

proptest! {
    #[test]
    fn i2_every_operation_ends_and_i4_leaves_all_or_nothing(
        steps in 1_u32..6,
        no_return in proptest::option::of(0_u32..6),
        choices in proptest::collection::vec(any::<u8>(), 0..120),
    ) {
        let (events, effects) = play(steps, no_return, &choices);
        let journal = Journal::read(&events);
        match journal.outcome() {
            Some(Outcome::Succeeded) => prop_assert!(effects.iter().all(|e| *e)),
            Some(_) => prop_assert!(effects.iter().all(|e| !*e), "leaked: {effects:?} {events:?}"),
            None => prop_assert!(false, "never ended: {events:?}"),
        }
    }

    #[test]
    fn folding_step_by_step_equals_folding_at_once(
        steps in 1_u32..5,
        choices in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let (events, _) = play(steps, None, &choices);
        let mut journal = Journal::default();
        for event in &events {
            journal.apply(event);
        }
        prop_assert_eq!(journal, Journal::read(&events));
    }
}
