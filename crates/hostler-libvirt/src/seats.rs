//! Calls that may never be answered, and how many of them there may be.
//!
//! ```text
//!   waits ──► place ── answer in time ──────────────────────────► told
//!               │ patience is over: the caller goes on without it
//!               └──► bench ── answer, or the connection's end ──► free, and that is told
//! ```
//!
//! A call that hangs occupies one of the daemon's twenty workers until its guest
//! answers, whether somebody waits for it or not. So none is given up: there
//! would be no way to know how many there are, nor when a guest answers again.
//! While a bench is full its late calls keep their places, and when those are
//! all taken too, nobody is asked.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// What became of a call.
#[derive(Debug)]
pub(crate) enum Told<T> {
    /// It was answered.
    Answer(T),
    /// It was made and has not been answered yet.
    Late,
    /// It was not made: too many hang already.
    NotAsked,
}

/// The calls of one kind.
pub(crate) struct Seats {
    places: Arc<Semaphore>,
    bench: Arc<Semaphore>,
    /// Dropped, it ends them all.
    calls: Mutex<JoinSet<()>>,
}

impl Seats {
    /// So many at once, and so many more that hang.
    pub(crate) fn new(places: usize, bench: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places)),
            bench: Arc::new(Semaphore::new(bench)),
            calls: Mutex::default(),
        }
    }

    /// Makes a call and waits for it for so long. What the call owns is dropped
    /// when it is answered, be it late.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        patience: Duration,
        call: impl Future<Output = T> + Send + 'static,
    ) -> Told<T> {
        let place = match timeout(patience, self.places.clone().acquire_owned()).await {
            Ok(Ok(place)) => place,
            // Nobody closes it.
            Ok(Err(_)) | Err(_) => return Told::NotAsked,
        };
        let (sender, answer) = oneshot::channel();
        let bench = self.bench.clone();
        {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            while calls.try_join_next().is_some() {}
            calls.spawn(async move {
                // Nobody may be waiting for it any more.
                let _: std::result::Result<(), T> =
                    sender.send(seated(place, bench, patience, call).await);
            });
        }
        match timeout(patience, answer).await {
            Ok(Ok(answer)) => Told::Answer(answer),
            Ok(Err(_)) | Err(_) => Told::Late,
        }
    }
}

/// Runs a call in its place, and once patience is over on the bench.
pub(crate) async fn seated<T>(
    place: OwnedSemaphorePermit,
    bench: Arc<Semaphore>,
    patience: Duration,
    call: impl Future<Output = T>,
) -> T {
    let mut call = pin!(call);
    let seat = async {
        sleep(patience).await;
        bench.acquire_owned().await
    };
    let seat = tokio::select! {
        biased;
        ended = &mut call => return ended,
        seat = seat => seat,
    };
    drop(place);
    let ended = call.await;
    drop(seat);
    ended
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(2);

    #[tokio::test(start_paused = true)]
    async fn f7_calls_that_hang_are_few_and_leave_room_for_others() {
        let seats = Seats::new(1, 2);
        let (end, ended) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
        let hang = async || {
            let (end, ended) = (end.clone(), ended.clone());
            let call = async move {
                end.notified().await;
                ended.fetch_add(1, Ordering::SeqCst);
            };
            seats.ask(PATIENCE, call).await
        };
        for _ in 0..2 {
            assert!(matches!(hang().await, Told::Late));
            // Others are asked beside it.
            tokio::time::sleep(PATIENCE).await;
            assert!(matches!(seats.ask(PATIENCE, async { 7 }).await, Told::Answer(7)));
        }
        assert!(matches!(hang().await, Told::Late), "it keeps its place");
        assert!(matches!(seats.ask(PATIENCE, async { 7 }).await, Told::NotAsked));
        assert_eq!(ended.load(Ordering::SeqCst), 0, "none was given up");

        end.notify_one();
        tokio::time::sleep(PATIENCE).await;
        assert_eq!(ended.load(Ordering::SeqCst), 1);
        assert!(matches!(seats.ask(PATIENCE, async { 7 }).await, Told::Answer(7)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pass_that_is_given_up_ends_no_call_and_loses_no_place() {
        let seats = Seats::new(1, 1);
        let given_up = seats.ask(PATIENCE, sleep(PATIENCE / 4));
        timeout(PATIENCE / 8, given_up).await.unwrap_err();
        assert!(matches!(seats.ask(PATIENCE, async { 7 }).await, Told::Answer(7)));
    }
}
