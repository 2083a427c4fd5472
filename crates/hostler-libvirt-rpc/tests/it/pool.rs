//! The pool: roles apart, saturated connections replaced, never more than allowed (F7).

use std::time::Duration;

use futures_util::future::{FutureExt, join_all};
use hostler_libvirt_rpc::{CloseReason, Connection, Error, Pool, PoolOptions, Role};

use crate::daemon::{Daemon, eventually, quiet, watchful};

const SHORT: Duration = Duration::from_millis(100);

fn pool(daemon: &Daemon, options: PoolOptions) -> Pool {
    let uri = daemon.uri("test", "/default").parse().unwrap();
    Pool::new(uri, PoolOptions { connection: quiet(), ..options })
}

/// Fills a connection's slots with calls that nobody waits for.
async fn saturate(connection: &Connection) {
    let hasty = connection.with_timeout(SHORT);
    join_all((0..4).map(|_| hasty.hostname())).await;
    assert!(connection.saturated());
}

#[tokio::test]
async fn each_role_has_connections_of_its_own_opened_on_demand() {
    let daemon = Daemon::start().await;
    let pool = pool(&daemon, PoolOptions::default());
    assert_eq!(pool.counts().open, 0);
    pool.get(Role::Mutate).await.unwrap().hostname().await.unwrap();
    pool.get(Role::Mutate).await.unwrap().hostname().await.unwrap();
    assert_eq!(pool.counts().open, 1);
    // Callers at the same time share what one of them opens.
    let several = join_all((0..10).map(|_| pool.get(Role::Events))).await;
    assert!(several.iter().all(Result::is_ok));
    assert_eq!((pool.counts().open, pool.counts().opened_total), (2, 2));
}

#[tokio::test]
async fn a_saturated_connection_is_replaced_and_still_counts() {
    let daemon = Daemon::start().await;
    let pool = pool(&daemon, PoolOptions { max_total: 2, ..PoolOptions::default() });
    let first = pool.get(Role::Collect).await.unwrap();
    // Another, opened while the daemon still answers.
    let second = pool.get(Role::Mutate).await.unwrap();
    daemon.freeze();
    saturate(&first).await;
    saturate(&second).await;
    let counts = pool.counts();
    assert_eq!((counts.open, counts.retired, counts.replaced_total), (0, 2, 2));
    let error = pool.get(Role::Collect).await.unwrap_err();
    assert!(matches!(error, Error::PoolExhausted { role: Role::Collect, limit: 2 }), "{error}");

    daemon.thaw();
    eventually("the retired ones are answered", || pool.counts().retired == 0).await;
    pool.get(Role::Collect).await.unwrap().hostname().await.unwrap();
    assert_eq!(pool.counts().opened_total, 3);
}

#[tokio::test]
async fn a_busy_connection_serves_where_no_further_one_may_be_opened() {
    let daemon = Daemon::start().await;
    // Two for changes were allowed, if there were not so many in all.
    let pool = pool(&daemon, PoolOptions { max_total: 2, mutate: 2, ..PoolOptions::default() });
    let only = pool.get(Role::Mutate).await.unwrap();
    pool.get(Role::Events).await.unwrap();
    daemon.freeze();
    let busy = only.hostname();
    tokio::pin!(busy);
    assert!(busy.as_mut().now_or_never().is_none());
    let shared = pool.get(Role::Mutate).await.expect("the busy one, with slots to spare");
    let second = shared.hostname();
    daemon.thaw();
    let (first, second) = tokio::join!(busy, second);
    assert_eq!((first.unwrap(), only.in_flight()), (second.unwrap(), 0));
    assert_eq!(pool.counts().opened_total, 2);
}

#[tokio::test]
async fn a_closed_connection_is_replaced() {
    let daemon = Daemon::start().await;
    let pool = pool(&daemon, PoolOptions::default());
    pool.get(Role::Mutate).await.unwrap().close().await.unwrap();
    pool.get(Role::Mutate).await.unwrap().hostname().await.unwrap();
    assert_eq!(pool.counts().replaced_total, 1);
    pool.close().await;
    assert!(matches!(pool.get(Role::Mutate).await, Err(Error::PoolExhausted { .. })));
}

#[tokio::test]
async fn a_stream_has_a_connection_to_itself_until_it_is_dropped() {
    let daemon = Daemon::start().await;
    let pool = pool(&daemon, PoolOptions { stream: 2, ..PoolOptions::default() });
    let (first, second) = tokio::join!(pool.get(Role::Stream), pool.get(Role::Stream));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!((pool.counts().open, pool.counts().opened_total), (2, 2));
    let error = pool.get(Role::Stream).await.unwrap_err();
    assert!(matches!(error, Error::PoolExhausted { role: Role::Stream, limit: 2 }), "{error}");
    pool.get(Role::Events).await.expect("others have room of their own");
    drop(first);
    let third = pool.get(Role::Stream).await.unwrap();
    third.hostname().await.unwrap();

    let reason = CloseReason::KeepAlive { unanswered: 3 };
    pool.close_streams(&reason);
    assert_eq!((second.closed().await, third.closed().await), (reason.clone(), reason));
    assert_eq!(pool.counts().open, 1);
    pool.get(Role::Stream).await.unwrap().hostname().await.unwrap();
}

#[tokio::test]
async fn the_silence_of_a_streams_connection_proves_nothing() {
    let daemon = Daemon::start().await;
    let uri = daemon.uri("test", "/default").parse().unwrap();
    let options = PoolOptions { connection: watchful(1_000, 3), ..PoolOptions::default() };
    let pool = Pool::new(uri, options);
    let stream = pool.get(Role::Stream).await.unwrap();
    let events = pool.get(Role::Events).await.unwrap();
    daemon.freeze();
    assert_eq!(events.closed().await, CloseReason::KeepAlive { unanswered: 3 });
    daemon.thaw();
    stream.hostname().await.unwrap();
}

#[tokio::test]
async fn a_failed_opening_is_told_and_counted() {
    let uri = "qemu+unix:///system?socket=/nonexistent/socket".parse().unwrap();
    let pool = Pool::new(uri, PoolOptions::default());
    assert!(matches!(pool.get(Role::Events).await, Err(Error::Io { .. })));
    assert_eq!(pool.counts().failed_total, 1);
}

#[tokio::test(start_paused = true)]
async fn many_callers_of_a_silent_daemon_wait_no_longer_than_one() {
    let pool = Pool::with_connector(PoolOptions::default(), |_| std::future::pending().boxed());
    let start = tokio::time::Instant::now();
    for result in join_all((0..20).map(|_| pool.get(Role::Collect))).await {
        assert!(matches!(result, Err(Error::Timeout { sent: false, .. })));
    }
    assert_eq!(start.elapsed(), PoolOptions::default().connection.connect_timeout);
}
