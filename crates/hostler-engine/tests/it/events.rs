//! Events: one order, resumable, and a follower that is too slow is told.

use std::collections::BTreeSet;

use hostler_core::Code;
use hostler_core::vm::status::VmState;
use hostler_engine::{DeleteOptions, Item};
use hostler_store::EventFilter;

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
    let options = DeleteOptions { disks: true, force: true };
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
