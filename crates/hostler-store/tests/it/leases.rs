//! Leases: the epoch decides who is right, the clock only who may try.

use std::time::Duration;

use hostler_core::operation::OperationState;
use hostler_store::{Epoch, Missing, StoreErrorKind};

use crate::common::{World, on_both, open, place, plain, started, story};

const TTL: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_paused_driver_that_wakes_up_writes_nothing_f12() {
    on_both(|store| async move {
        let world = World::new();
        let new = world.operation(&[]);
        store.submit(&new).await.unwrap();
        let old = store.acquire_lease(new.id, "a", TTL, world.now()).await.unwrap().unwrap();
        assert_eq!(store.acquire_lease(new.id, "b", TTL, world.now()).await.unwrap(), None);
        world.clock.advance(TTL);
        let epoch = store.acquire_lease(new.id, "b", TTL, world.now()).await.unwrap().unwrap();
        assert!(epoch > old);
        let events = [started(0)];
        let append = plain(&events, &[], world.now());
        let error = store.append(new.id, old, &append).await.unwrap_err();
        assert!(error.is_lost(), "{error}");
        assert!(!store.renew_lease(new.id, "a", old, TTL, world.now()).await.unwrap());
        store.release_lease(new.id, old).await.unwrap();
        assert_eq!(story(&store, new.id).await.len(), 1);
        store.append(new.id, epoch, &append).await.unwrap();
        let row = store.operation(new.id).await.unwrap().unwrap();
        assert_eq!(row.lease.unwrap().epoch, epoch);
    })
    .await;
}

#[tokio::test]
async fn a_lease_whose_time_is_over_still_holds_until_another_takes_it() {
    // Nothing is lost by a clock that jumps forward: only an epoch ends an epoch.
    on_both(|store| async move {
        let world = World::new();
        let new = world.operation(&[]);
        store.submit(&new).await.unwrap();
        let epoch = store.acquire_lease(new.id, "a", TTL, world.now()).await.unwrap().unwrap();
        world.clock.advance(Duration::from_secs(3600));
        let events = [started(0)];
        let append = plain(&events, &[], world.now());
        let appended = store.append(new.id, epoch, &append).await.unwrap();
        assert_eq!(appended.state, OperationState::Running);
        assert!(store.renew_lease(new.id, "a", epoch, TTL, world.now()).await.unwrap());
        assert_eq!(store.acquire_lease(new.id, "b", TTL, world.now()).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_lease_from_the_far_future_is_not_waited_for_f19() {
    on_both(|store| async move {
        let world = World::new();
        let new = world.operation(&[]);
        store.submit(&new).await.unwrap();
        let real = world.now();
        let ahead = real.plus(Duration::from_secs(10 * 365 * 86_400));
        store.acquire_lease(new.id, "a", TTL, ahead).await.unwrap().unwrap();
        // The clock was put right, and the holder is dead.
        assert!(store.acquire_lease(new.id, "b", TTL, real).await.unwrap().is_some());
        // A clock that is a little behind the holder's does not steal its lease.
        let behind = real.minus(TTL / 2);
        assert_eq!(store.acquire_lease(new.id, "a", TTL, behind).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_lease_that_was_given_back_is_over_and_free() {
    on_both(|store| async move {
        let world = World::new();
        let new = world.operation(&[]);
        store.submit(&new).await.unwrap();
        let first = store.acquire_lease(new.id, "a", TTL, world.now()).await.unwrap().unwrap();
        store.release_lease(new.id, first).await.unwrap();
        let append = plain(&[], &[], world.now());
        assert!(store.append(new.id, first, &append).await.unwrap_err().is_lost());
        let second = store.acquire_lease(new.id, "b", TTL, world.now()).await.unwrap().unwrap();
        assert!(second > first);
        // Nobody drives by an epoch that was never given.
        for epoch in [Epoch(0), Epoch(99)] {
            assert!(store.append(new.id, epoch, &append).await.unwrap_err().is_lost());
        }
        let unknown = world.operation(&[]).id;
        let error = store.acquire_lease(unknown, "a", TTL, world.now()).await.unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::NotFound(Missing::Operation));
    })
    .await;
}

#[tokio::test]
async fn opening_a_file_ends_the_leases_of_the_process_that_died() {
    let (_directory, path) = place();
    let world = World::new();
    let new = world.operation(&[]);
    let store = open(&path).await;
    store.submit(&new).await.unwrap();
    let first = store.acquire_lease(new.id, "a", TTL, world.now()).await.unwrap().unwrap();
    store.close().await;
    let store = open(&path).await;
    assert_eq!(store.operation(new.id).await.unwrap().unwrap().lease, None);
    let second = store.acquire_lease(new.id, "b", TTL, world.now()).await.unwrap().unwrap();
    assert!(second > first);
}
