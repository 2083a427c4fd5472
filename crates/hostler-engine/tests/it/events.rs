//! Events: one order, resumable, and a follower that is too slow is told.

use std::collections::BTreeSet;

use hostler_core::vm::status::VmState;
use hostler_core::{Code, Timestamp};
use hostler_engine::{DeleteOptions, Item};
use hostler_store::{EventFilter, NewEvent};

use crate::world::{Lab, admin};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i7_events_come_in_order_and_resume_without_gap_or_repeat() {
    let lab = Lab::new().await;
    let start = lab.engine.events().last_seq().await.unwrap();
    let mut live = lab.engine.events().subscribe(None).await.unwrap();
    let vm = lab.create("web").await;
    lab.sees(vm, VmState::Running).await;
    let end = lab.engine.events().last_seq().await.unwrap();
    assert!(end > start + 5, "a creation tells its steps");
    let mut followed = Vec::new();
    while followed.last() != Some(&end) {
        let Some(Item::Event(event)) = live.next().await else { panic!("no event") };
        followed.push(event.seq);
    }
    assert!(followed.windows(2).all(|pair| pair[0] < pair[1]));
    // Somebody who connects again from the middle gets exactly the rest.
    let middle = followed[followed.len() / 2];
    let mut resumed = lab.engine.events().subscribe(Some(middle)).await.unwrap();
    let mut rest = Vec::new();
    while rest.last() != Some(&end) {
        let Some(Item::Event(event)) = resumed.next().await else { panic!("no event") };
        rest.push(event.seq);
    }
    let expected: Vec<_> = followed.iter().copied().filter(|seq| *seq > middle).collect();
    assert_eq!(rest, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_are_no_longer_kept_cannot_be_resumed_from() {
    let lab = Lab::new().await;
    lab.create("web").await;
    let last = lab.engine.events().last_seq().await.unwrap();
    lab.store.trim_events(2).await.unwrap();
    let error = lab.engine.events().subscribe(Some(0)).await.map(drop).unwrap_err();
    assert_eq!(error.code(), Code::EventsExpired);
    let error = lab.engine.events().subscribe(Some(last + 1000)).await.map(drop).unwrap_err();
    assert_eq!(error.code(), Code::EventsExpired, "the future is not kept either");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c5_a_vms_whole_life_is_told() {
    let lab = Lab::new().await;
    let vm = lab.create("web").await;
    lab.sees(vm, VmState::Running).await;
    let options = DeleteOptions { disks: true, force: true, ..DeleteOptions::default() };
    let asked = lab.engine.vms().delete(&admin(), None, vm, options).await.unwrap();
    lab.end(&asked).await;
    let filter = EventFilter { resource: Some(vm.to_string()), ..EventFilter::default() };
    let history = lab.engine.events().history(None, &filter, 1000).await.unwrap();
    let kinds: BTreeSet<_> = history.iter().map(|event| event.kind.as_str()).collect();
    for kind in ["operation.changed", "vm.found", "vm.lost"] {
        assert!(kinds.contains(kind), "{kind} is not among {kinds:?}");
    }
    assert!(history.windows(2).all(|pair| pair[0].seq > pair[1].seq), "newest first");
}

/// Writes events as another server would: into the store, without a word here.
async fn write(lab: &Lab, count: u64) {
    let event = NewEvent {
        at: Timestamp::from_millis(1),
        kind: "test".into(),
        resource_kind: None,
        resource_id: None,
        resource_name: None,
        message: "something happened".into(),
        data: serde_json::Value::Null,
    };
    let events: Vec<_> = (0..count).map(|_| event.clone()).collect();
    lab.store.append_events(&events).await.unwrap();
}

/// What a follower is told until it has the event numbered `upto`; `None` for
/// "read the lists again".
async fn told(follower: &mut hostler_engine::Subscription, upto: u64) -> Vec<Option<u64>> {
    let mut told = Vec::new();
    while told.last() != Some(&Some(upto)) {
        told.push(match follower.next().await.expect("the engine runs") {
            Item::Event(event) => Some(event.seq),
            Item::Resync => None,
        });
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i7_a_follower_that_retention_overtakes_is_told_to_read_the_lists_again() {
    let lab = Lab::new().await;
    let since = lab.engine.events().last_seq().await.unwrap();
    write(&lab, 1500).await;
    let mut follower = lab.engine.events().subscribe(Some(since)).await.unwrap();
    assert_eq!(told(&mut follower, since + 1).await, [Some(since + 1)]);
    // The first reading brought 512; of the rest only the last ten are kept.
    lab.store.trim_events(10).await.unwrap();
    let last = lab.engine.events().last_seq().await.unwrap();
    let told = told(&mut follower, last).await;
    let lost: Vec<_> = told.iter().enumerate().filter(|(_, seq)| seq.is_none()).collect();
    assert_eq!(lost, [(511, &None)], "once, where the gap is");
    assert_eq!(told[512], Some(last - 9));
    assert_eq!(follower.position(), last);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_for_whom_nothing_is_left_is_told_so_too() {
    let lab = Lab::new().await;
    let since = lab.engine.events().last_seq().await.unwrap();
    write(&lab, 3).await;
    let mut follower = lab.engine.events().subscribe(Some(since)).await.unwrap();
    lab.store.trim_events(0).await.unwrap();
    assert!(matches!(follower.next().await, Some(Item::Resync)));
    write(&lab, 1).await;
    assert_eq!(told(&mut follower, since + 4).await, [Some(since + 4)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_that_is_far_too_slow_is_told_once_and_goes_on() {
    let lab = Lab::new().await;
    let mut follower = lab.engine.events().subscribe(None).await.unwrap();
    let first = follower.position();
    write(&lab, 6000).await;
    let mut other = lab.engine.events().subscribe(Some(first)).await.unwrap();
    // Once somebody else has them all, they have been handed out here.
    let last = first + 6000;
    told(&mut other, last).await;
    write(&lab, 1).await;
    assert_eq!(told(&mut other, last + 1).await, [Some(last + 1)]);
    let told = told(&mut follower, last + 1).await;
    assert_eq!(told.iter().filter(|seq| seq.is_none()).count(), 1);
    assert!(told.len() < 6000, "{} were told", told.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_server_wrote_is_delivered_without_being_told_of_it() {
    let lab = Lab::new().await;
    let second = lab.second().await;
    let mut here = second.events().subscribe(None).await.unwrap();
    let vm = lab.create("web").await;
    let filter = EventFilter { resource: Some(vm.to_string()), ..EventFilter::default() };
    let newest = lab.engine.events().history(None, &filter, 1).await.unwrap()[0].seq;
    let told = told(&mut here, newest).await;
    assert!(told.iter().all(Option::is_some), "none is missing");
    second.shutdown().await;
}
