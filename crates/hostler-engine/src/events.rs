//! Events: durable, numbered, delivered in order to whoever follows them.
//!
//! The store numbers events in the transaction that makes them true. One task
//! reads what is new and hands it out, so that everybody sees the same order,
//! whichever server wrote it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hostler_core::{Code, Error, Result};
use hostler_store::{EventFilter, StoredEvent};
use tokio::sync::{Notify, broadcast};
use tracing::warn;

use crate::Inner;

/// How many events wait for a slow follower before it is told to start over.
const BACKLOG_MAX: usize = 4096;
/// How many events are read from the store at once.
const READ_MAX: u32 = 512;

/// Hands out new events.
pub(crate) struct Bus {
    wake: Notify,
    delivered: AtomicU64,
    followers: broadcast::Sender<Arc<StoredEvent>>,
}

impl Bus {
    /// A bus on which everything up to `seq` is old.
    pub(crate) fn starting_after(seq: u64) -> Self {
        let (followers, _) = broadcast::channel(BACKLOG_MAX);
        Self { wake: Notify::new(), delivered: AtomicU64::new(seq), followers }
    }

    /// There may be new events in the store.
    pub(crate) fn poke(&self) {
        self.wake.notify_one();
    }
}

/// Delivers new events for as long as the engine runs.
pub(crate) async fn deliver(engine: Arc<Inner>) {
    loop {
        engine.bus.wake.notified().await;
        loop {
            let after = engine.bus.delivered.load(Ordering::Acquire);
            match engine.store.events_after(after, READ_MAX).await {
                Ok(events) if events.is_empty() => break,
                Ok(events) => {
                    for event in events {
                        engine.bus.delivered.store(event.seq, Ordering::Release);
                        // An error only says that nobody follows at present.
                        let _ = engine.bus.followers.send(Arc::new(event));
                    }
                }
                Err(error) => {
                    warn!(%error, "cannot read new events");
                    tokio::time::sleep(engine.pace.silent).await;
                }
            }
        }
    }
}

/// Events.
pub struct Events<'a> {
    engine: &'a Arc<Inner>,
}

/// What a follower gets.
#[derive(Debug, Clone)]
pub enum Item {
    /// An event.
    Event(Arc<StoredEvent>),
    /// Some were lost: read the lists again.
    Resync,
}

/// Follows events, from some point on.
pub struct Subscription {
    engine: Arc<Inner>,
    after: u64,
    backlog: std::collections::VecDeque<StoredEvent>,
    catching_up: bool,
    live: broadcast::Receiver<Arc<StoredEvent>>,
}

impl<'a> Events<'a> {
    pub(crate) fn new(engine: &'a Arc<Inner>) -> Self {
        Self { engine }
    }

    /// Follows events after `since`, or from now on. Fails with
    /// `events_expired` when events after `since` are no longer kept.
    pub async fn subscribe(&self, since: Option<u64>) -> Result<Subscription> {
        // Subscribed before the store is read, so that nothing falls in between.
        let live = self.engine.bus.followers.subscribe();
        let (first, last) = self.engine.store.first_and_last_seq().await?;
        let after = match since {
            None => last,
            Some(since) if since > last || since + 1 < first => {
                let message =
                    format!("events after {since} are not kept; there are {first} to {last}");
                return Err(Error::new(Code::EventsExpired, message)
                    .with_detail("first_seq", first)
                    .with_detail("last_seq", last));
            }
            Some(since) => since,
        };
        let engine = self.engine.clone();
        let (backlog, catching_up) = (std::collections::VecDeque::new(), after < last);
        Ok(Subscription { engine, after, backlog, catching_up, live })
    }

    /// Past events that fit `filter`, newest first, from before `before`.
    pub async fn history(
        &self,
        before: Option<u64>,
        filter: &EventFilter,
        limit: u32,
    ) -> Result<Vec<StoredEvent>> {
        Ok(self.engine.store.events_before(before, filter, limit).await?)
    }

    /// The number of the newest event.
    pub async fn last_seq(&self) -> Result<u64> {
        Ok(self.engine.store.first_and_last_seq().await?.1)
    }

    /// How many follow events now.
    pub fn followers(&self) -> usize {
        self.engine.bus.followers.receiver_count()
    }
}

impl Subscription {
    /// The next event; `None` when the engine stops.
    pub async fn next(&mut self) -> Option<Item> {
        loop {
            if let Some(event) = self.backlog.pop_front() {
                self.after = event.seq;
                return Some(Item::Event(Arc::new(event)));
            }
            if self.catching_up {
                match self.engine.store.events_after(self.after, READ_MAX).await {
                    Ok(events) => {
                        self.catching_up = events.len() == READ_MAX as usize;
                        self.backlog.extend(events);
                    }
                    Err(error) => {
                        warn!(%error, "cannot read past events");
                        self.catching_up = false;
                        return Some(Item::Resync);
                    }
                }
                continue;
            }
            let received = tokio::select! {
                () = self.engine.stopping.cancelled() => return None,
                received = self.live.recv() => received,
            };
            match received {
                // What the backlog brought already.
                Ok(event) if event.seq <= self.after => {}
                Ok(event) => {
                    self.after = event.seq;
                    return Some(Item::Event(event));
                }
                Err(broadcast::error::RecvError::Lagged(_)) => return Some(Item::Resync),
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    /// The number of the last event handed out.
    pub fn position(&self) -> u64 {
        self.after
    }
}
