//! Deadlines, abandonment, saturation and keepalive, against a daemon that is frozen (F6).

use std::time::Duration;

use futures_util::FutureExt;
use hostler_libvirt_rpc::{CloseReason, Error};

use crate::daemon::{Daemon, eventually, quiet, watchful};

const SHORT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_call_that_misses_its_deadline_is_abandoned_and_the_connection_stays_usable() {
    let daemon = Daemon::start().await;
    let connection = daemon.open_test().await;
    daemon.freeze();
    let error = connection.with_timeout(SHORT).hostname().await.unwrap_err();
    assert!(matches!(error, Error::Timeout { after: SHORT, sent: true, .. }), "{error}");
    assert!(error.outcome_unknown());
    assert_eq!((connection.in_flight(), connection.abandoned()), (1, 1));
    assert!(!connection.saturated() && !connection.is_closed());

    daemon.thaw();
    // The late answer is dropped, gives the slot back, and does not reach the next caller.
    assert_eq!(connection.hypervisor_type().await.unwrap(), "TEST");
    eventually("the slot is back", || connection.in_flight() == 0).await;
}

#[tokio::test]
async fn abandoned_calls_hold_every_slot_until_they_are_answered() {
    let daemon = Daemon::start().await;
    let connection = daemon.open_test().await;
    daemon.freeze();
    let hasty = connection.with_timeout(SHORT);
    let lost = futures_util::future::join_all((0..4).map(|_| hasty.hostname())).await;
    assert!(lost.iter().all(|result| matches!(result, Err(Error::Timeout { sent: true, .. }))));
    assert!(connection.saturated());
    // The fifth never leaves: certainly not done.
    let error = hasty.hostname().await.unwrap_err();
    assert!(matches!(error, Error::Timeout { sent: false, .. }), "{error}");
    assert!(!error.outcome_unknown());

    daemon.thaw();
    assert_eq!(connection.hypervisor_type().await.unwrap(), "TEST");
    eventually("all slots are back", || connection.in_flight() == 0).await;
    assert!(!connection.saturated());
}

#[tokio::test]
async fn a_dropped_call_is_an_abandoned_call() {
    let daemon = Daemon::start().await;
    let connection = daemon.open_test().await;
    daemon.freeze();
    let mut call = Box::pin(connection.hostname());
    assert!(call.as_mut().now_or_never().is_none());
    drop(call);
    assert_eq!(connection.abandoned(), 1);
    daemon.thaw();
    assert_eq!(connection.hypervisor_type().await.unwrap(), "TEST");
    eventually("the slot is back", || connection.in_flight() == 0).await;
}

#[tokio::test]
async fn the_queue_for_slots_is_bounded() {
    let daemon = Daemon::start().await;
    let options = hostler_libvirt_rpc::Options { max_queued: 3, ..quiet() };
    let connection = daemon.open("test", "/default", options).await;
    daemon.freeze();
    let mut calls: Vec<_> = (0..7).map(|_| Box::pin(connection.hostname())).collect();
    for call in &mut calls {
        assert!(call.as_mut().now_or_never().is_none());
    }
    assert_eq!((connection.in_flight(), connection.queued()), (4, 3));
    let error = connection.hostname().await.unwrap_err();
    assert!(matches!(error, Error::QueueFull { limit: 3, .. }), "{error}");
    daemon.thaw();
    for result in futures_util::future::join_all(calls).await {
        result.unwrap();
    }
    assert_eq!((connection.in_flight(), connection.queued()), (0, 0));
}

#[tokio::test]
async fn silence_closes_the_connection_and_every_caller_is_told() {
    let daemon = Daemon::start().await;
    let connection = daemon.open("test", "/default", watchful(1_000, 3)).await;
    daemon.freeze();
    let error = connection.hostname().await.unwrap_err();
    let reason = CloseReason::KeepAlive { unanswered: 3 };
    assert!(
        matches!(&error, Error::Closed { sent: true, reason: told, .. } if *told == reason),
        "{error}"
    );
    assert!(error.outcome_unknown() && error.is_connection_lost());
    assert_eq!(connection.closed().await, reason);
    let error = connection.hostname().await.unwrap_err();
    assert!(matches!(error, Error::Closed { sent: false, .. }) && !error.outcome_unknown());
}

#[tokio::test]
async fn the_daemons_own_pings_are_answered() {
    // Eight pings unanswered and the daemon hangs up, after nine seconds. We send none ourselves.
    let lines = "keepalive_interval = 1\nkeepalive_count = 8\n";
    let daemon = Daemon::start_with(lines, &[]).await;
    let connection = daemon.open("test", "/default", watchful(3_600_000, 1)).await;
    let lasted = tokio::time::timeout(Duration::from_secs(12), connection.closed()).await;
    assert!(lasted.is_err(), "closed: {lasted:?}");
    connection.hostname().await.unwrap();
}

#[tokio::test]
async fn a_killed_daemon_is_noticed_at_once() {
    let daemon = Daemon::start().await;
    let connection = daemon.open_test().await;
    drop(daemon);
    assert!(matches!(
        connection.closed().await,
        CloseReason::EndOfStream { note: None } | CloseReason::Io { .. }
    ));
    assert!(connection.hostname().await.unwrap_err().is_connection_lost());
}

#[tokio::test]
async fn the_last_handle_closes_the_socket() {
    let daemon = Daemon::start().await;
    let connection = daemon.open_test().await;
    let (clone, mut events) = (connection.clone(), connection.subscribe(1));
    drop(connection);
    clone.hostname().await.unwrap();
    drop(clone);
    assert_eq!(events.recv().await, None);
}
