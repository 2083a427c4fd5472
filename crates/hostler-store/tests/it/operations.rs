//! Submitting and appending: everything or nothing, one writer per resource.

use hostler_core::Code;
use hostler_core::id::{HostId, ImageId, OperationId, ProviderId, VmId};
use hostler_core::operation::{Event, Journal, OperationState, Outcome, Resource};
use hostler_core::vm::status::Phase;
use hostler_store::{
    Append, Conflict, Effect, Epoch, EventFilter, Missing, NewEvent, OperationFilter, Store,
    StoreErrorKind, Submitted,
};
use serde_json::json;
use std::time::Duration;

use crate::common::{
    World, done, failure, finished, fresh, key, on_both, plain, silent, started, story,
};

const TTL: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_submitted_operation_is_there_with_all_it_brings() {
    on_both(|store| async move {
        let world = World::new();
        let new = world.create("web");
        let events = fresh(store.submit(&new).await.unwrap());
        assert_eq!(events.iter().map(|event| event.seq).collect::<Vec<_>>(), [1]);

        let row = store.operation(new.id).await.unwrap().unwrap();
        assert_eq!((row.state, row.journal_len), (OperationState::Pending, 1));
        assert_eq!((row.params, row.actor.as_str()), (new.params.clone(), "token:ci"));
        assert_eq!((row.resources, row.lease), (new.resources.clone(), None));
        assert_eq!(story(&store, new.id).await, [Event::Planned(new.plan.clone())]);
        let vm = new.vm.unwrap();
        assert_eq!(store.claims().await.unwrap()[&Resource::Vm(vm.id)], new.id);
        let kept = store.vm(vm.id).await.unwrap().unwrap();
        assert_eq!((kept.phase, kept.generation), (Phase::Creating, 1));
        assert_eq!((kept.spec, kept.bindings), (vm.spec, vm.bindings));
    })
    .await;
}

#[tokio::test]
async fn the_loser_of_a_claim_is_told_the_operation_in_its_way() {
    on_both(|store| async move {
        let world = World::new();
        let vm = Resource::Vm(world.ids.next(VmId::new));
        let first = world.operation(std::slice::from_ref(&vm));
        store.submit(&first).await.unwrap();
        let mut second =
            world.operation(&[Resource::Host(world.ids.next(HostId::new)), vm.clone()]);
        second.events = vec![world.event("vm.started", "x")];
        let error = store.submit(&second).await.unwrap_err();
        let busy = Conflict::Busy { resource: vm, operation: first.id };
        assert_eq!(*error.kind(), StoreErrorKind::Conflict(busy));
        let told = hostler_core::Error::from(error);
        assert_eq!(told.code(), Code::VmBusy);
        assert_eq!(told.details()["operation"], first.id.to_string());
        // And nothing of it was kept: no claim of the other resource, no event.
        assert_eq!(store.claims().await.unwrap().len(), 1);
        assert_eq!(store.operation(second.id).await.unwrap(), None);
        assert_eq!(store.first_and_last_seq().await.unwrap(), (1, 0));
    })
    .await;
}

#[tokio::test]
async fn of_many_conflicting_operations_at_once_exactly_one_is_accepted_f32() {
    on_both(|store| async move {
        let world = World::new();
        let vm = Resource::Vm(world.ids.next(VmId::new));
        let mut tasks = tokio::task::JoinSet::new();
        // All of them wait for the one writer, whose patience has an end.
        for _ in 0..100 {
            let (store, new) = (store.clone(), world.operation(std::slice::from_ref(&vm)));
            tasks.spawn(async move { store.submit(&new).await });
        }
        let results = tasks.join_all().await;
        let accepted = results.iter().filter(|result| result.is_ok()).count();
        let busy = results.iter().flat_map(|result| result.as_ref().err());
        let busy = busy.filter(|error| {
            matches!(error.kind(), StoreErrorKind::Conflict(Conflict::Busy { .. }))
        });
        assert_eq!((accepted, busy.count()), (1, 99));
    })
    .await;
}

#[tokio::test]
async fn a_repeated_request_is_answered_with_its_operation_f3() {
    on_both(|store| async move {
        let world = World::new();
        let mut new = world.create("web");
        new.idempotency = key("k1", 7);
        store.submit(&new).await.unwrap();
        // The repetition would itself be busy and its name taken: it is a replay all the same.
        let mut again = new.clone();
        again.id = world.create("other").id;
        assert_eq!(store.submit(&again).await.unwrap(), Submitted::Replay(new.id));

        again.idempotency = key("k1", 8);
        let error = store.submit(&again).await.unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::Conflict(Conflict::IdempotencyMismatch));
        // Another actor's key of the same name is another key.
        let mut others = world.create("db");
        (others.actor, others.idempotency) = ("token:other".into(), key("k1", 7));
        fresh(store.submit(&others).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_taken_name_is_refused_until_its_vm_is_deleted() {
    on_both(|store| async move {
        let world = World::new();
        let first = world.create("web");
        store.submit(&first).await.unwrap();
        let second = world.create("web");
        let error = store.submit(&second).await.unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::Conflict(Conflict::VmExists));
        assert_eq!(store.claims().await.unwrap().len(), 1);

        let vm = first.vm.unwrap().id;
        let epoch = store.acquire_lease(first.id, "a", TTL, world.now()).await.unwrap().unwrap();
        let effects = [Effect::DeleteVm { vm }];
        let append = plain(&[], &effects, world.now());
        store.append(first.id, epoch, &append).await.unwrap();
        assert_eq!(store.vm(vm).await.unwrap(), None);
        fresh(store.submit(&second).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_phase_of_a_vm_that_is_gone_can_not_be_changed() {
    on_both(|store| async move {
        let world = World::new();
        let mut new = world.operation(&[]);
        new.phase = Some((world.ids.next(VmId::new), Phase::Deleting));
        let error = store.submit(&new).await.unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::NotFound(Missing::Vm));
        assert_eq!(store.operation(new.id).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn steps_effects_and_events_are_kept_together_and_the_end_frees_the_claims() {
    on_both(|store| async move {
        let world = World::new();
        let new = world.create("web");
        store.submit(&new).await.unwrap();
        let provider = crate::inventory::add_provider(&store, &world, "lab").await;
        let (vm, host) = (new.vm.unwrap().id, world.ids.next(HostId::new));
        let epoch = store.acquire_lease(new.id, "a", TTL, world.now()).await.unwrap().unwrap();

        let events = [started(0), done(0), started(1)];
        let effects = [
            Effect::SetVmPlacement {
                vm,
                provider,
                host: Some(host),
                external_ref: Some("u-1".into()),
            },
            Effect::SetVmBindings { vm, bindings: json!(["disk-1"]) },
            Effect::SetVmPhase { vm, phase: Phase::Ready },
        ];
        let placed = world.event("vm.placed", &vm.to_string());
        let append = Append {
            expected_len: Some(1),
            events: &events,
            effects: &effects,
            tell: &|_| vec![placed.clone()],
            now: world.now(),
        };
        let appended = store.append(new.id, epoch, &append).await.unwrap();
        assert_eq!((appended.journal_len, appended.state), (4, OperationState::Running));
        assert_eq!(appended.events.len(), 1);
        let row = store.vm(vm).await.unwrap().unwrap();
        assert_eq!((row.provider, row.host), (Some(provider), Some(host)));
        assert_eq!((row.phase, row.bindings), (Phase::Ready, json!(["disk-1"])));
        let row = store.operation(new.id).await.unwrap().unwrap();
        assert_eq!(row.provider, Some(provider), "it works where it put the VM");

        let end = [done(1), finished(Outcome::Succeeded)];
        let append = plain(&end, &[], world.now());
        let ended = store.append(new.id, epoch, &append).await.unwrap();
        assert_eq!(ended.state, OperationState::Succeeded);
        let row = store.operation(new.id).await.unwrap().unwrap();
        assert_eq!((row.finished_at, row.lease), (Some(append.now), None));
        assert!(store.claims().await.unwrap().is_empty());
        assert!(store.queued(10, 10).await.unwrap().is_empty());
        // The epoch ended with it.
        assert!(store.append(new.id, epoch, &append).await.unwrap_err().is_lost());
    })
    .await;
}

#[tokio::test]
async fn an_effect_that_fails_takes_the_event_with_it() {
    on_both(|store| async move {
        let world = World::new();
        let new = world.operation(&[]);
        store.submit(&new).await.unwrap();
        let epoch = store.acquire_lease(new.id, "a", TTL, world.now()).await.unwrap().unwrap();
        let effects = [Effect::SetVmPhase { vm: world.ids.next(VmId::new), phase: Phase::Ready }];
        let events = [started(0)];
        let append = plain(&events, &effects, world.now());
        let error = store.append(new.id, epoch, &append).await.unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::NotFound(Missing::Vm));
        assert_eq!(story(&store, new.id).await.len(), 1);
        assert_eq!(store.operation(new.id).await.unwrap().unwrap().journal_len, 1);
    })
    .await;
}

#[tokio::test]
async fn a_cancel_that_slips_in_is_not_overlooked_by_the_driver() {
    on_both(|store| async move {
        let world = World::new();
        let new = world.operation(&[]);
        store.submit(&new).await.unwrap();
        let epoch = store.acquire_lease(new.id, "a", TTL, world.now()).await.unwrap().unwrap();
        let cancel = Event::CancelRequested { by: "token:ci".into() };
        let appended =
            store.append_unleased(new.id, &cancel, 1, &silent, world.now()).await.unwrap();
        assert_eq!(appended.state, OperationState::Cancelling);
        // The driver has read one event and wants to begin.
        let events = [started(0)];
        let append = Append { expected_len: Some(1), ..plain(&events, &[], world.now()) };
        let error = store.append(new.id, epoch, &append).await.unwrap_err();
        let grew = Conflict::JournalGrew { expected: 1, found: 2 };
        assert_eq!(*error.kind(), StoreErrorKind::Conflict(grew));
        assert!(error.is_journal_grew());
        // A result is noted whatever happened, and tells that something did: both who
        // wrote it and whoever follows the events.
        let told = world.event("operation.changed", "x");
        let tell = |journal: &Journal| {
            let state = json!(journal.told().as_str());
            vec![NewEvent { data: state, ..told.clone() }]
        };
        let append = Append { tell: &tell, ..plain(&events, &[], world.now()) };
        let appended = store.append(new.id, epoch, &append).await.unwrap();
        assert_eq!((appended.journal_len, appended.state), (3, OperationState::Cancelling));
        assert_eq!(appended.events[0].data, json!("cancelling"));
        // Two who cancel at once: the second has to look again.
        let error =
            store.append_unleased(new.id, &cancel, 1, &silent, world.now()).await.unwrap_err();
        assert!(error.is_journal_grew());
    })
    .await;
}

#[tokio::test]
async fn what_needs_attention_keeps_its_claims_and_goes_on_when_asked() {
    on_both(|store| async move {
        let world = World::new();
        let vm = Resource::Vm(world.ids.next(VmId::new));
        let new = world.operation(std::slice::from_ref(&vm));
        store.submit(&new).await.unwrap();
        let epoch = store.acquire_lease(new.id, "a", TTL, world.now()).await.unwrap().unwrap();
        let events = [
            started(0),
            Event::Failed { step: 0, failure: failure() },
            Event::UndoStarted { step: 0 },
            Event::UndoFailed { step: 0, failure: failure() },
        ];
        let stuck = store.append(new.id, epoch, &plain(&events, &[], world.now())).await.unwrap();
        assert_eq!(stuck.state, OperationState::NeedsAttention);
        assert!(store.queued(10, 10).await.unwrap().is_empty());
        assert_eq!(store.claims().await.unwrap()[&vm], new.id);
        // Retention does not touch it, however old it is.
        let later = world.now().plus(Duration::from_secs(1 << 30));
        assert_eq!(store.delete_operations_before(later).await.unwrap(), 0);

        let retry = Event::UndoRetried { by: "local:root".into() };
        let again = store.append_unleased(new.id, &retry, 5, &silent, world.now()).await.unwrap();
        assert_eq!(again.state, OperationState::Cancelling);
        assert_eq!(store.queued(10, 10).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn an_ended_operation_takes_no_more_events() {
    on_both(|store| async move {
        let world = World::new();
        let new = world.operation(&[]);
        store.submit(&new).await.unwrap();
        let epoch = store.acquire_lease(new.id, "a", TTL, world.now()).await.unwrap().unwrap();
        let end = [finished(Outcome::Succeeded)];
        store.append(new.id, epoch, &plain(&end, &[], world.now())).await.unwrap();
        let cancel = Event::CancelRequested { by: "x".into() };
        let error =
            store.append_unleased(new.id, &cancel, 2, &silent, world.now()).await.unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::Conflict(Conflict::Finished));
        let unknown = world.operation(&[]).id;
        let error = store.append_unleased(unknown, &cancel, 1, &silent, world.now()).await;
        assert_eq!(*error.unwrap_err().kind(), StoreErrorKind::NotFound(Missing::Operation));
        let error = store.append(unknown, Epoch(1), &plain(&end, &[], world.now())).await;
        assert_eq!(*error.unwrap_err().kind(), StoreErrorKind::NotFound(Missing::Operation));
    })
    .await;
}

#[tokio::test]
async fn lists_are_filtered_and_paged_newest_first() {
    on_both(|store| async move {
        let world = World::new();
        let vm = Resource::Vm(world.ids.next(VmId::new));
        let mut ids = Vec::new();
        for number in 0..5 {
            let mut new = world.operation(&[]);
            new.kind = if number % 2 == 0 { "vm.start".into() } else { "vm.stop".into() };
            if number == 3 {
                new.resources = vec![vm.clone()];
            }
            if number == 4 {
                new.actor = "local:root".into();
            }
            store.submit(&new).await.unwrap();
            ids.push(new.id);
        }
        let epoch = store.acquire_lease(ids[0], "a", TTL, world.now()).await.unwrap().unwrap();
        let end = [finished(Outcome::Failed)];
        store.append(ids[0], epoch, &plain(&end, &[], world.now())).await.unwrap();

        let all = OperationFilter::default();
        let cases = [
            (all.clone(), vec![4, 3, 2, 1, 0]),
            (OperationFilter { limit: 2, before: Some(ids[3]), ..all.clone() }, vec![2, 1]),
            (OperationFilter { kind: Some("vm.stop".into()), ..all.clone() }, vec![3, 1]),
            (OperationFilter { actor: Some("local:root".into()), ..all.clone() }, vec![4]),
            (OperationFilter { resource: Some(vm), ..all.clone() }, vec![3]),
            (OperationFilter { states: vec![OperationState::Failed], ..all.clone() }, vec![0]),
            (
                OperationFilter {
                    states: vec![OperationState::Failed, OperationState::Pending],
                    kind: Some("vm.start".into()),
                    ..all.clone()
                },
                vec![4, 2, 0],
            ),
            (OperationFilter { states: vec![OperationState::Running], ..all.clone() }, vec![]),
        ];
        for (filter, expected) in cases {
            let found = store.operations(&filter).await.unwrap();
            let found: Vec<_> = found.iter().map(|row| row.id).collect();
            assert_eq!(found, expected.iter().map(|n| ids[*n]).collect::<Vec<_>>(), "{filter:?}");
        }
        let page = OperationFilter { limit: 2, before: Some(ids[3]), ..all };
        assert_eq!(store.count_operations(&page).await.unwrap(), 5);
    })
    .await;
}

#[tokio::test]
async fn journals_of_many_operations_are_read_at_once() {
    on_both(|store| async move {
        let world = World::new();
        let mut ids = Vec::new();
        for _ in 0..35 {
            let new = world.operation(&[]);
            store.submit(&new).await.unwrap();
            ids.push(new.id);
        }
        let epoch = store.acquire_lease(ids[20], "a", TTL, world.now()).await.unwrap().unwrap();
        let events = [started(0)];
        store.append(ids[20], epoch, &plain(&events, &[], world.now())).await.unwrap();
        let all = OperationFilter::default();
        let read = store.operations_with_journals(&all).await.unwrap();
        let newest_first = ids.iter().rev().copied();
        assert!(read.iter().map(|(row, _)| row.id).eq(newest_first));
        for (row, journal) in &read {
            assert_eq!(*journal, store.journal(row.id).await.unwrap());
            let one = store.operation_with_journal(row.id).await.unwrap().unwrap();
            assert_eq!(one, (row.clone(), journal.clone()));
        }
        let none = OperationFilter { limit: 0, ..all };
        assert!(store.operations_with_journals(&none).await.unwrap().is_empty());
        let unknown = world.operation(&[]).id;
        assert_eq!(store.operation_with_journal(unknown).await.unwrap(), None);
    })
    .await;
}

/// What is read beside a writer is of one moment: the row says what the journal says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_and_its_journal_never_disagree_however_much_is_written_meanwhile() {
    on_both(|store| async move {
        let world = World::new();
        let new = world.operation(&[]);
        store.submit(&new).await.unwrap();
        let epoch = store.acquire_lease(new.id, "a", TTL, world.now()).await.unwrap().unwrap();
        let mut readers = tokio::task::JoinSet::new();
        for is_list in [false, true] {
            let store = store.clone();
            readers.spawn(async move { read_until_it_ends(&store, new.id, is_list).await });
        }
        for _ in 0..200 {
            store.append(new.id, epoch, &plain(&[started(0)], &[], world.now())).await.unwrap();
        }
        let end = [finished(Outcome::Succeeded)];
        store.append(new.id, epoch, &plain(&end, &[], world.now())).await.unwrap();
        readers.join_all().await;
    })
    .await;
}

async fn read_until_it_ends(store: &Store, id: OperationId, is_list: bool) {
    loop {
        let (row, journal) = if is_list {
            let all = OperationFilter::default();
            store.operations_with_journals(&all).await.unwrap().remove(0)
        } else {
            store.operation_with_journal(id).await.unwrap().unwrap()
        };
        let state = Journal::read(journal.iter().map(|entry| &entry.event)).told();
        assert_eq!((row.journal_len, row.state), (journal.len() as u64, state));
        assert_eq!(row.finished_at.is_some(), state.is_final());
        if state.is_final() {
            return;
        }
    }
}

#[tokio::test]
async fn old_ended_operations_are_forgotten_with_their_journals_and_keys() {
    on_both(|store| async move {
        let world = World::new();
        let mut old = world.operation(&[Resource::Image(world.ids.next(ImageId::new))]);
        old.idempotency = key("k", 1);
        let at_work = world.operation(&[]);
        store.submit(&old).await.unwrap();
        store.submit(&at_work).await.unwrap();
        let epoch = store.acquire_lease(old.id, "a", TTL, world.now()).await.unwrap().unwrap();
        let end = [finished(Outcome::Cancelled)];
        let ended_at = world.now();
        store.append(old.id, epoch, &plain(&end, &[], ended_at)).await.unwrap();

        assert_eq!(store.delete_operations_before(ended_at).await.unwrap(), 0);
        assert_eq!(store.delete_operations_before(world.now()).await.unwrap(), 1);
        assert_eq!(store.operation(old.id).await.unwrap(), None);
        assert!(store.journal(old.id).await.unwrap().is_empty());
        assert!(store.operation(at_work.id).await.unwrap().is_some());
        // Its key is free: the request is new again.
        fresh(store.submit(&old).await.unwrap());
        let events = store.events_before(None, &EventFilter::default(), 10).await.unwrap();
        assert!(events.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_provider_that_is_not_there_can_not_hold_a_vm() {
    on_both(|store| async move {
        let world = World::new();
        let mut new = world.create("web");
        let nowhere = world.ids.next(ProviderId::new);
        new.vm.as_mut().unwrap().provider = Some(nowhere);
        let error = store.submit(&new).await.unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::Bug);
        assert_eq!(store.operation(new.id).await.unwrap(), None);
    })
    .await;
}
