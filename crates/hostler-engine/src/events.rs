//! Events: durable, numbered, delivered in order to whoever follows them.
//!
//! The store numbers events in the transaction that makes them true. One task
//! reads what is new and hands it out, so that everybody sees the same order,
//! whichever server wrote it.
//!
//! Numbers have no gaps. So a follower that is about to skip one has missed
//! something, whatever the cause, and is told to read the lists again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

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
    /// How many of them are no clients.
    own: AtomicUsize,
}

impl Bus {
    /// A bus on which everything up to `seq` is old.
    pub(crate) fn starting_after(seq: u64) -> Self {
        let (followers, _) = broadcast::channel(BACKLOG_MAX);
        Self {
            wake: Notify::new(),
            delivered: AtomicU64::new(seq),
            followers,
            own: AtomicUsize::new(0),
        }
    }

    /// How many clients follow; the server's own live stream is none.
    pub(crate) fn followed(&self) -> usize {
        let own = self.own.load(Ordering::Acquire);
        self.followers.receiver_count().saturating_sub(own)
    }

    /// There may be new events in the store.
    pub(crate) fn poke(&self) {
        self.wake.notify_one();
    }
}

/// Delivers new events for as long as the engine runs: at once when this server
/// wrote them, and soon when another did, which can wake nobody here.
pub(crate) async fn deliver(engine: Arc<Inner>) {
    loop {
        tokio::select! {
            () = engine.bus.wake.notified() => {}
            () = tokio::time::sleep(engine.pace.events) => {}
        }
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
    /// The number of the last event that was handed out or told as lost.
    after: u64,
    /// Events up to this number are read from the store.
    catch_up_to: u64,
    /// What comes next, in order.
    backlog: VecDeque<Arc<StoredEvent>>,
    live: broadcast::Receiver<Arc<StoredEvent>>,
    /// Whether this is no client.
    is_own: bool,
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
        Ok(Subscription {
            engine,
            after,
            catch_up_to: last,
            backlog: VecDeque::new(),
            live,
            is_own: false,
        })
    }

    /// Follows events from now on, for the server itself: it is not counted as a client.
    pub async fn subscribe_own(&self) -> Result<Subscription> {
        let mut subscription = self.subscribe(None).await?;
        subscription.is_own = true;
        self.engine.bus.own.fetch_add(1, Ordering::AcqRel);
        Ok(subscription)
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
        self.engine.bus.followed()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if self.is_own {
            self.engine.bus.own.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Subscription {
    /// The next event; `None` when the engine stops.
    pub async fn next(&mut self) -> Option<Item> {
        loop {
            if let Some(event) = self.backlog.front() {
                if self.skips_to(event.seq) {
                    self.after = event.seq - 1;
                    return Some(Item::Resync);
                }
                let event = self.backlog.pop_front()?;
                self.after = event.seq;
                return Some(Item::Event(event));
            }
            if self.after < self.catch_up_to {
                if let Some(lost) = self.catch_up().await {
                    return Some(lost);
                }
                continue;
            }
            let received = tokio::select! {
                () = self.engine.stopping.cancelled() => return None,
                received = self.live.recv() => received,
            };
            match received {
                // What the store brought already.
                Ok(event) if event.seq <= self.after => {}
                Ok(event) => self.backlog.push_back(event),
                // The next one that is left shows the gap.
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    /// Whether events lie between the last one and this.
    fn skips_to(&self, seq: u64) -> bool {
        seq > self.after.saturating_add(1)
    }

    /// Reads what is to be caught up with; tells if it cannot be (any more).
    async fn catch_up(&mut self) -> Option<Item> {
        match self.engine.store.events_after(self.after, READ_MAX).await {
            Ok(events) if !events.is_empty() => {
                self.backlog.extend(events.into_iter().map(Arc::new));
                None
            }
            // There were some when this began: they are not kept any longer.
            Ok(_) => {
                self.after = self.catch_up_to;
                Some(Item::Resync)
            }
            Err(error) => {
                warn!(%error, "cannot read past events");
                self.after = self.catch_up_to;
                Some(Item::Resync)
            }
        }
    }

    /// The number of the last event handed out, or told as lost.
    pub fn position(&self) -> u64 {
        self.after
    }
}
