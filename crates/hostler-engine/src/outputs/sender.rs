//! Sends what waits for one output, one batch after the other.
//!
//! ```text
//!             ┌────────── arrived ───────────┐
//!             ▼                              │
//!  take ──► batch ──► try ──► later ──► pause ──► try …   until it is too old, or
//!             ▲        │                                  there is no room for it
//!             │        └─► never ──► its halves, each as a batch; a single sample,
//!             │                      or one too many of these, is refused for good
//!             └── settled
//! ```

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_store::history::{Batch, Outbox, Take};

use super::route::Route;
use super::{Again, NotSent, Sent};
use crate::Inner;

/// Halvings of one batch: some samples that are refused are found each by itself, and a
/// place that refuses everything is not asked thousands of times.
const HALVINGS_MAX: usize = 64;

/// Sends until the engine stops.
pub(super) async fn run(engine: Arc<Inner>, route: Arc<Route>) {
    let pace = route.setup.pace;
    loop {
        let take = Take {
            now_ms: millis(engine.clock.now()),
            samples: pace.batch,
            is_each_once: route.setup.output.wants_each_once(),
        };
        match aside(&route, move |outbox| outbox.take(take)).await {
            Ok(Some(batch)) => deliver(&engine, &route, batch).await,
            Ok(None) => {
                route.news.notified().await;
                // What is measured together is sent together.
                tokio::time::sleep(pace.linger).await;
            }
            Err(error) => {
                route.tell_queue(Err(error));
                tokio::time::sleep(pace.longest_pause).await;
            }
        }
    }
}

/// Sends a batch until it needs nothing more.
async fn deliver(engine: &Inner, route: &Arc<Route>, batch: Batch) {
    let batch = Arc::new(batch);
    // What is left of it, the first part last.
    let mut parts: Vec<Range<usize>> = Vec::new();
    parts.push(0..batch.samples.len());
    let (mut halvings, mut done) = (0, 0);
    let mut pause = route.setup.pace.first_pause;
    while let Some(part) = parts.pop() {
        let count = part.len() as u64;
        let tried = attempt(route, &batch, part.clone()).await;
        let now = engine.clock.now();
        match tried {
            Ok(sent) => {
                route.arrived(now, sent);
                done += count;
                pause = route.setup.pace.first_pause;
            }
            Err(NotSent { again: Again::Never, told }) => {
                if part.len() > 1 && halvings < HALVINGS_MAX {
                    halvings += 1;
                    let middle = part.start + part.len() / 2;
                    parts.extend([middle..part.end, part.start..middle]);
                } else {
                    route.refused(now, count, told);
                    done += count;
                }
            }
            Err(NotSent { again: Again::After(asked), told }) => {
                parts.push(part);
                let wait = pause.max(asked);
                pause = (pause * 2).min(route.setup.pace.longest_pause);
                route.failed(now, told, now.plus(wait));
                tokio::time::sleep(wait).await;
                if is_given_up(engine, route, &batch, done).await {
                    return;
                }
            }
        }
    }
    let of = batch.clone();
    aside(route, move |outbox| outbox.settle(&of)).await;
}

/// One try.
async fn attempt(route: &Route, batch: &Batch, part: Range<usize>) -> Result<Sent, NotSent> {
    let samples = batch.samples.get(part).unwrap_or_default();
    let deadline = route.setup.pace.deadline;
    let sending = route.setup.output.send(samples);
    tokio::time::timeout(deadline, sending).await.unwrap_or_else(|_| {
        let told = format!("nothing was answered within {} s", deadline.as_secs_f64());
        Err(NotSent { again: Again::After(Duration::ZERO), told })
    })
}

/// Gives a batch up that is not worth sending any more.
async fn is_given_up(engine: &Inner, route: &Arc<Route>, batch: &Arc<Batch>, done: u64) -> bool {
    let (now_ms, batch) = (millis(engine.clock.now()), batch.clone());
    let work = move |outbox: &Outbox| {
        let gone = outbox.is_gone(&batch, now_ms);
        if let Some(why) = gone {
            outbox.give_up(&batch, why, done);
        }
        gone.is_some()
    };
    aside(route, work).await
}

fn millis(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(1000)
}

/// Runs something that waits for disks where nobody else waits.
async fn aside<T: Send + 'static>(
    route: &Arc<Route>,
    work: impl FnOnce(&Outbox) -> T + Send + 'static,
) -> T {
    let outbox = route.setup.outbox.clone();
    match tokio::task::spawn_blocking(move || work(&outbox)).await {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}
