//! Follows one kind of object: does what [`crate::cache::follow`] decides, and
//! lets others read what is known.
//!
//! A watch lasts until the server ends it, as it was asked to. One that has been
//! silent for a few seconds longer is dead, however alive its connection looks:
//! a firewall that forgot it says nothing.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use hostler_core::Timestamp;
use hostler_core::clock::Clock;
use hostler_provider::{Change, Cx, Error, Hub, Kind};
use http_body_util::BodyExt;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use crate::cache::follow::{End, Event, Flow, Follow, Freshness, Next};
use crate::cache::{Decode, Delta, Object};
use crate::call::transport::jitter;
use crate::call::{Caller, Selection, garbled};
use crate::error::{Cause, Failure, Verb};
use crate::resource::ObjectKey;

/// How much longer than the server was asked to let a watch last it may be silent.
pub const GRACE: Duration = Duration::from_secs(5);
/// How long a list may take, with all its pages.
const LIST_TIMEOUT: Duration = Duration::from_secs(120);
/// The longest line of a watch: an object, which etcd keeps below 1.5 MiB.
const MAX_LINE: usize = 8 << 20;
/// Changes that a list brings which are told one by one.
const TOLD: usize = 64;
/// When writes that have to wait are worth another attempt.
const WRITES_LATER: Duration = Duration::from_secs(5);

/// How one kind of object is followed.
pub struct Settings<T> {
    /// Which objects.
    pub selection: Selection,
    /// What is kept of each.
    pub decode: Decode<T>,
    /// What is told of a change; `None` where nobody needs to know.
    pub tell: fn(&Delta<T>) -> Option<Change>,
    /// How long the server lets a watch last.
    pub watch_timeout: Duration,
    /// How much longer it may be silent before it is held for dead: [`GRACE`].
    pub grace: Duration,
    /// The longest pause between two attempts.
    pub max_backoff: Duration,
    /// Tells the time for what is observed.
    pub clock: Arc<dyn Clock>,
}

/// One kind of object, as it is followed. Shared by its watcher and its readers.
pub struct Watched<T> {
    settings: Settings<T>,
    follow: RwLock<Follow<T>>,
    /// Counts the attempts to list, for those who wait for the first.
    attempts: watch::Sender<u64>,
}

/// How an object is known.
#[derive(Debug)]
pub struct Known<V> {
    /// What is known.
    pub value: V,
    /// How far it can be believed.
    pub freshness: Freshness,
}

impl<T: Send + Sync + 'static> Watched<T> {
    /// Knows nothing yet; [`Watched::run`] changes that.
    pub fn new(settings: Settings<T>) -> Self {
        let follow = Follow::new(settings.decode, settings.max_backoff);
        Self { settings, follow: RwLock::new(follow), attempts: watch::Sender::new(0) }
    }

    /// Which objects these are.
    pub const fn selection(&self) -> &Selection {
        &self.settings.selection
    }

    /// The time, by the clock that what is observed is told by.
    pub fn now(&self) -> Timestamp {
        self.settings.clock.now()
    }

    /// The object of that name, and how far it can be believed. That there is none
    /// means nothing while it is [`Freshness::Unlisted`].
    pub fn get(&self, key: &ObjectKey) -> Known<Option<Arc<T>>> {
        let follow = self.read();
        Known { value: follow.cache.get(key), freshness: follow.freshness().clone() }
    }

    /// The object of that UID; see [`Watched::get`].
    pub fn by_uid(&self, uid: &str) -> Known<Option<Arc<T>>> {
        let follow = self.read();
        Known { value: follow.cache.by_uid(uid), freshness: follow.freshness().clone() }
    }

    /// All objects, by name; see [`Watched::get`].
    pub fn all(&self) -> Known<Vec<Arc<T>>> {
        let follow = self.read();
        let value = follow.cache.all().map(|(_, value)| value.clone()).collect();
        Known { value, freshness: follow.freshness().clone() }
    }

    /// Whether the cluster told that the object of that UID is gone.
    pub fn was_told_gone(&self, uid: &str) -> bool {
        self.read().cache.was_told_gone(uid)
    }

    /// How far what is known can be believed.
    pub fn freshness(&self) -> Freshness {
        self.read().freshness().clone()
    }

    /// How long ago the cluster was last heard; `None` if never. A watch that works
    /// is heard at least once in the time that it lasts.
    pub fn lag(&self, now: Timestamp) -> Option<Duration> {
        self.read().times().heard_at.map(|heard| now.since(heard))
    }

    /// Whether what is known is good enough to change something by it (X26).
    ///
    /// # Errors
    /// `Unavailable` while it is rebuilt.
    pub fn may_write(&self) -> Result<(), Error> {
        match self.read().freshness() {
            Freshness::Stale { rebuilding: Some(_), .. } => {
                let what = self.settings.selection.resource;
                let message = format!("{what} are being listed anew; try again in a moment");
                Err(Error::new(Kind::Unavailable, message).with_retry_after(WRITES_LATER))
            }
            Freshness::Stale { .. } | Freshness::Fresh | Freshness::Unlisted { .. } => Ok(()),
        }
    }

    /// Waits until there was an attempt to list, if there was none yet.
    ///
    /// # Errors
    /// Where the deadline passes, or where the attempt failed.
    pub async fn listed(&self, cx: &Cx) -> Result<(), Error> {
        let what = self.settings.selection.resource;
        let doing = format!("cannot list {}", what.full_name());
        let mut attempts = self.attempts.subscribe();
        let waited = cx.run(&doing, async {
            attempts.wait_for(|count| *count > 0).await.map(drop).map_err(|_| {
                Error::new(Kind::Unavailable, format!("{doing}: nobody follows them any more"))
            })
        });
        // To wait has no effect, however it ends.
        waited.await.map_err(|error| Error::new(error.kind(), error.message()))?;
        match self.freshness() {
            Freshness::Unlisted { reason } => {
                let reason = reason.unwrap_or_else(|| doing.clone());
                Err(Error::new(Kind::Unavailable, reason))
            }
            Freshness::Fresh | Freshness::Stale { .. } => Ok(()),
        }
    }

    /// Follows the objects until it is dropped. Whoever runs it anew has other
    /// credentials: what was hopeless before is tried at once.
    pub async fn run(&self, caller: &Caller, hub: &Hub) {
        let mut is_first = true;
        loop {
            let (pause, next) = self.read().next();
            if !pause.is_zero() && !is_first {
                sleep(pause).await;
            }
            is_first = false;
            let was = self.freshness();
            match next {
                Next::List => self.list(caller, hub).await,
                Next::Watch { resource_version, stream } => {
                    let end = self.watch(caller, hub, &resource_version, stream).await;
                    let now = self.settings.clock.now();
                    self.write().watch_ended(now, stream, end, jitter());
                }
            }
            self.tell_of_turn(hub, &was);
            hub.flush();
        }
    }

    async fn list(&self, caller: &Caller, hub: &Hub) {
        let cx = Cx::within(LIST_TIMEOUT).with_clock(self.settings.clock.clone());
        let decode = self.settings.decode;
        let read = |document| Object::read(document).map(|object| object.decoded(decode));
        match caller.list_once(&cx, &self.settings.selection, read).await {
            Ok(page) => {
                let now = self.settings.clock.now();
                let deltas = self.write().listed(now, page.items, page.resource_version, jitter());
                self.tell_of_list(hub, &deltas);
            }
            Err(failure) => {
                let now = self.settings.clock.now();
                self.write().list_failed(now, &failure, jitter());
            }
        }
        self.attempts.send_modify(|count| *count += 1);
    }

    async fn watch(&self, caller: &Caller, hub: &Hub, version: &str, stream: u64) -> End {
        let lasts = self.settings.watch_timeout;
        let cx = Cx::within(lasts + self.settings.grace).with_clock(self.settings.clock.clone());
        let began = Instant::now();
        let response = match caller.watch(&cx, &self.settings.selection, version, lasts).await {
            Ok(response) => response,
            Err(failure) => return End::Failed(failure),
        };
        let end = self.read_stream(hub, response.into_body(), stream).await;
        end.unwrap_or_else(|| End::Closed(began.elapsed()))
    }

    /// Reads until the end; `None` for one in order.
    async fn read_stream(
        &self,
        hub: &Hub,
        mut body: kube::client::Body,
        stream: u64,
    ) -> Option<End> {
        let mut lines = Lines::default();
        loop {
            let silent_at = Instant::now() + self.settings.watch_timeout + self.settings.grace;
            let Ok(frame) = timeout_at(silent_at, body.frame()).await else {
                return Some(End::Silent);
            };
            match frame {
                None => return None,
                Some(Err(error)) => {
                    let error = Error::new(Kind::Unavailable, "the watch was cut off")
                        .with_raw(crate::connect::chain(&error));
                    return Some(End::Failed(Failure { error, cause: Cause::Transport }));
                }
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    lines.add(&data);
                }
            }
            while let Some(line) = lines.next() {
                if self.take(hub, stream, &line) == Flow::Stop {
                    return None;
                }
            }
            if lines.is_too_long() {
                let what = "an event of the watch is too large";
                return Some(End::Failed(garbled(what, Verb::Watch)));
            }
        }
    }

    fn take(&self, hub: &Hub, stream: u64, line: &[u8]) -> Flow {
        let event = Event::read(line);
        let now = self.settings.clock.now();
        let (flow, deltas) = self.write().event(now, stream, event, jitter());
        for change in deltas.iter().filter_map(self.settings.tell) {
            hub.publish(&change);
        }
        flow
    }

    /// Few changes are told one by one, and many by the word to look at all.
    fn tell_of_list(&self, hub: &Hub, deltas: &[Delta<T>]) {
        let changes: Vec<Change> = deltas.iter().filter_map(self.settings.tell).collect();
        if changes.len() > TOLD {
            let what = self.settings.selection.resource;
            hub.publish(&Change::Lost { reason: format!("{what} were listed anew") });
        } else {
            changes.iter().for_each(|change| hub.publish(change));
        }
    }

    /// Told once: whoever looks then is told how old what they see is; and, after it was
    /// rebuilt, that it is so now, whether or not anything changed meanwhile.
    fn tell_of_turn(&self, hub: &Hub, was: &Freshness) {
        let what = self.settings.selection.resource;
        match (was, self.freshness()) {
            (Freshness::Fresh, Freshness::Stale { reason, .. }) => {
                tracing::warn!(%what, reason, "the cluster is not followed");
                hub.publish(&Change::Lost { reason });
            }
            (Freshness::Stale { rebuilding: Some(_), .. }, Freshness::Fresh) => {
                hub.publish(&Change::Inventory);
            }
            _ => {}
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Follow<T>> {
        self.follow.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Follow<T>> {
        self.follow.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Cuts what comes in pieces into lines.
#[derive(Debug, Default)]
struct Lines {
    buffer: BytesMut,
    /// Up to here there is no end of a line.
    searched: usize,
}

impl Lines {
    fn add(&mut self, data: &[u8]) {
        self.buffer.extend_from_slice(data);
    }

    /// The next line, without its end. Empty ones are left out.
    fn next(&mut self) -> Option<BytesMut> {
        loop {
            let unsearched = self.buffer.get(self.searched..).unwrap_or_default();
            let Some(found) = unsearched.iter().position(|byte| *byte == b'\n') else {
                self.searched = self.buffer.len();
                return None;
            };
            let line = self.buffer.split_to(self.searched + found);
            self.buffer.advance(1);
            self.searched = 0;
            if !line.trim_ascii().is_empty() {
                return Some(line);
            }
        }
    }

    fn is_too_long(&self) -> bool {
        self.buffer.len() > MAX_LINE
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn e9_however_a_stream_is_cut_the_lines_are_the_same(
            wanted in proptest::collection::vec("[a-z{}\"]{1,40}", 0..20),
            size in 1usize..60,
        ) {
            let text: String = wanted.iter().map(|line| format!("{line}\n\n")).collect();
            let (mut lines, mut seen) = (Lines::default(), Vec::new());
            for piece in text.as_bytes().chunks(size) {
                lines.add(piece);
                while let Some(line) = lines.next() {
                    seen.push(String::from_utf8(line.to_vec()).unwrap());
                }
            }
            prop_assert_eq!(seen, wanted);
            prop_assert!(!lines.is_too_long());
        }
    }

    #[test]
    fn e9_a_line_without_end_is_noticed() {
        let mut lines = Lines::default();
        lines.add(&vec![b'x'; MAX_LINE + 1]);
        assert!(lines.next().is_none() && lines.is_too_long());
    }
}
