//! Asks guest agents in the background, few at a time, so that a guest whose
//! agent does not answer delays neither a look at its VM nor other guests.
//!
//! ```text
//!   queue ──► place (2) ── 8 s without an answer ──► bench (1) ── answer, or the end ──► free
//!               └──────────── answer ─────────────────────────────────────────────────────┘
//! ```
//!
//! libvirt may wait for an agent for ever, with one of the twenty workers that
//! it has for all its clients, and we with one of the eight calls that look. Such
//! a call is not given up here, or nobody would know how many there are; while
//! they take all seats, nobody is asked.

use std::sync::Arc;
use std::time::Duration;

use hostler_libvirt_rpc::Domain;
use hostler_provider::{Change, Cx};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::connection::{SharedLink, reference};
use crate::seats::seated;

/// Agents asked at once.
const AT_ONCE: usize = 2;
/// Agents that are waited for besides, since they did not answer. Together they leave a
/// call of each connection free, so that none can be full of agents for good.
const BENCH: usize = 1;
/// How long an agent may take before others are asked beside it.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long an answer is waited for at all; longer than most connections live.
const LONGEST: Duration = Duration::from_secs(6 * 3600);
/// Guests that wait to be asked.
pub(crate) const QUEUE: usize = 256;

/// Runs until it is dropped.
pub(crate) async fn ask(link: SharedLink, mut queue: mpsc::Receiver<Domain>) {
    let (places, bench) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::new(Semaphore::new(BENCH)));
    let mut asking = JoinSet::new();
    while let Some(domain) = queue.recv().await {
        // Neither is ever closed.
        let Ok(place) = places.clone().acquire_owned().await else { return };
        while asking.try_join_next().is_some() {}
        let (link, bench) = (link.clone(), bench.clone());
        asking.spawn(async move {
            let cx = Cx::within(LONGEST).with_clock(link.config.clock.clone());
            if seated(place, bench, PATIENCE, link.ask_agent(&cx, &domain)).await {
                link.hub.publish(&Change::Vm(reference(&domain)));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;
    use tokio::time::sleep;

    use super::*;

    /// Seats calls of which each ends once it is notified.
    struct Hall {
        places: Arc<Semaphore>,
        bench: Arc<Semaphore>,
        calls: JoinSet<()>,
        begun: Arc<AtomicUsize>,
        end_one: Arc<Notify>,
    }

    impl Hall {
        fn new() -> Self {
            Self {
                places: Arc::new(Semaphore::new(AT_ONCE)),
                bench: Arc::new(Semaphore::new(BENCH)),
                calls: JoinSet::new(),
                begun: Arc::default(),
                end_one: Arc::default(),
            }
        }

        fn call(&mut self) {
            let (places, bench) = (self.places.clone(), self.bench.clone());
            let (begun, end_one) = (self.begun.clone(), self.end_one.clone());
            self.calls.spawn(async move {
                let place = places.acquire_owned().await.unwrap();
                begun.fetch_add(1, Ordering::SeqCst);
                seated(place, bench, PATIENCE, end_one.notified()).await;
            });
        }

        fn begun(&self) -> usize {
            self.begun.load(Ordering::SeqCst)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn f7_agents_that_never_answer_hold_few_of_the_daemons_workers() {
        let mut hall = Hall::new();
        for _ in 0..20 {
            hall.call();
        }
        sleep(PATIENCE / 2).await;
        assert_eq!(hall.begun(), AT_ONCE);
        sleep(PATIENCE).await;
        assert_eq!(hall.begun(), AT_ONCE + BENCH, "another is asked beside those that hang");
        sleep(100 * PATIENCE).await;
        assert_eq!(hall.begun(), AT_ONCE + BENCH, "and no more than so many");
        // One that answers after all makes room for another one.
        hall.end_one.notify_one();
        hall.calls.join_next().await;
        sleep(PATIENCE).await;
        assert_eq!(hall.begun(), AT_ONCE + BENCH + 1);
    }
}
