//! Events of the test driver, and what a slow subscriber is told.

use hostler_libvirt_rpc::{DomainEventKind, Event, Events, StoragePoolEventKind};
use tokio::time::timeout;

use crate::daemon::{Daemon, PATIENCE};

async fn next(events: &mut Events) -> Event {
    timeout(PATIENCE, events.recv()).await.expect("an event in time").expect("an open connection")
}

#[tokio::test]
async fn suspend_and_resume_are_told_with_domain_and_reason() {
    let daemon = Daemon::start().await;
    let connection = daemon.open_test().await;
    let mut events = connection.subscribe(16);
    let id = connection.register_domain_event(DomainEventKind::Lifecycle, None).await.unwrap();
    let domain = connection.domain_lookup_by_name("test").await.unwrap();
    connection.domain_suspend(&domain).await.unwrap();
    connection.domain_resume(&domain).await.unwrap();
    let expected = Event::Lifecycle { domain: domain.clone(), event: 3, detail: 0 };
    assert_eq!(next(&mut events).await, expected);
    assert_eq!(
        next(&mut events).await,
        Event::Lifecycle { domain: domain.clone(), event: 4, detail: 0 }
    );

    connection.deregister_domain_event(id).await.unwrap();
    connection.domain_suspend(&domain).await.unwrap();
    connection.close().await.unwrap();
    assert_eq!(events.recv().await, None);
}

#[tokio::test]
async fn events_of_networks_and_pools_are_told() {
    let daemon = Daemon::start().await;
    let connection = daemon.open_test().await;
    let mut events = connection.subscribe(16);
    connection.register_network_event(None).await.unwrap();
    for kind in StoragePoolEventKind::ALL {
        connection.register_storage_pool_event(*kind, None).await.unwrap();
    }
    let network = connection.network_lookup_by_name("default").await.unwrap();
    connection.network_destroy(&network).await.unwrap();
    assert_eq!(next(&mut events).await, Event::NetworkLifecycle { network, event: 3, detail: 0 });
    let pool = connection.storage_pool_lookup_by_name("default-pool").await.unwrap();
    connection.storage_pool_refresh(&pool, 0).await.unwrap();
    assert_eq!(next(&mut events).await, Event::StoragePoolRefresh { pool: pool.clone() });
    connection.storage_pool_destroy(&pool).await.unwrap();
    assert_eq!(next(&mut events).await, Event::StoragePoolLifecycle { pool, event: 3, detail: 0 });
}

#[tokio::test]
async fn every_kind_of_domain_event_can_be_registered() {
    let daemon = Daemon::start().await;
    let connection = daemon.open("qemu", "/session", crate::daemon::quiet()).await;
    let ids = connection.register_domain_events(DomainEventKind::ALL).await.unwrap();
    assert_eq!(ids.len(), DomainEventKind::ALL.len());
}

#[tokio::test]
async fn a_slow_subscriber_is_told_how_much_it_missed_and_others_miss_nothing() {
    let daemon = Daemon::start().await;
    let connection = daemon.open_test().await;
    let (mut slow, mut quick) = (connection.subscribe(4), connection.subscribe(100));
    connection.register_domain_event(DomainEventKind::Lifecycle, None).await.unwrap();
    let domain = connection.domain_lookup_by_name("test").await.unwrap();
    for _ in 0..10 {
        connection.domain_suspend(&domain).await.unwrap();
        connection.domain_resume(&domain).await.unwrap();
    }
    for _ in 0..20 {
        assert!(matches!(next(&mut quick).await, Event::Lifecycle { .. }));
    }
    for _ in 0..4 {
        assert!(matches!(next(&mut slow).await, Event::Lifecycle { .. }));
    }
    assert_eq!(next(&mut slow).await, Event::Lost { count: 16 });
}
