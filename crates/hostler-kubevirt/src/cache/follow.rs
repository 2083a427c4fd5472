//! How a kind of object is followed: decides what to do next, and does nothing
//! itself. [`crate::watcher`] does what it says.
//!
//! ```text
//!              failed: pause, doubling                    ended, broken or silent:
//!               ┌────────┐                                pause, then from the last
//!               ▼        │                                version seen
//!  new ──────► listing ──┘                                  ┌────────┐
//!               ▲  │ listed: what is not there is gone      ▼        │
//!               │  └────────────────────────────────────► watching ──┘
//!               │                                           │
//!               └───────────────────────────────────────────┘
//!                 gone (410, in three forms) · cannot be read · too much to
//!                 remember · three attempts in a row that brought nothing ·
//!                 a long one that did not even bring a bookmark ·
//!                 not listed for a quarter of an hour
//! ```
//!
//! A watch that works brings a bookmark before it ends. One that ended in order and
//! brought nothing may be of a version that the server will only reach tomorrow, as
//! after etcd was restored from a backup: that is answered by 200 and silence.
//!
//! While it is not watched what is known is **stale since** the last moment at
//! which the cluster was heard, and is told so with everything that is read. A 410
//! marks it as **rebuilding** besides: then writes are refused until it is listed
//! (X26), because they would be decided by what is no longer so.

use std::time::Duration;

use hostler_core::Timestamp;
use serde_json::Value;

use super::{Cache, Decode, Delta, Object, Taken};
use crate::error::{Cause, Failure, Status, classify_event};

/// The first pause after a failure.
const FIRST: Duration = Duration::from_millis(500);
/// The pause after the cluster said that it does not know us, or that we may not,
/// or that there is no such kind: somebody has to change something first.
const HOPELESS: Duration = Duration::from_secs(30);
/// Attempts to watch in a row that bring nothing, before it is listed again: some
/// proxies answer a version that is too old with whatever they like.
const FRUITLESS: u32 = 3;
/// How long events alone are believed. After this a watch that ends in order is
/// followed by a list, which repairs whatever a stream out of order may have done.
pub const RELIST: Duration = Duration::from_secs(15 * 60);
/// A watch that ends sooner than this by itself has brought nothing.
const SHORTEST: Duration = Duration::from_secs(1);
/// A watch that lasted this long and brought nothing is followed by a list at once: a server
/// may have nothing to tell of a kind that nobody ever changed, not even a bookmark.
const QUIET: Duration = Duration::from_secs(30);

/// What to do next, after a pause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// List everything.
    List,
    /// Watch from this version. Events bear the number of this stream.
    Watch {
        /// The version.
        resource_version: String,
        /// The number.
        stream: u64,
    },
}

/// How far what is known can be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Freshness {
    /// Nothing is known yet.
    Unlisted {
        /// Why, if an attempt failed.
        reason: Option<String>,
    },
    /// It is followed.
    Fresh,
    /// It may have changed since.
    Stale {
        /// When the cluster was last heard.
        since: Timestamp,
        /// Why.
        reason: String,
        /// Since when changes were missed for certain, if they were: writes have to wait.
        rebuilding: Option<Timestamp>,
    },
}

/// An event of a watch.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// `ADDED` or `MODIFIED`.
    Put(Object),
    /// `DELETED`; also for one that no longer has the labels asked for.
    Deleted(Object),
    /// `BOOKMARK`: nothing happened up to this version.
    Bookmark(String),
    /// `ERROR`.
    Error(Box<Status>),
    /// What this version cannot read.
    Unreadable,
}

impl Event {
    /// From a line of a watch.
    pub fn read(line: &[u8]) -> Self {
        Self::parse(line).unwrap_or(Self::Unreadable)
    }

    fn parse(line: &[u8]) -> Option<Self> {
        let mut event: Value = serde_json::from_slice(line).ok()?;
        let document = event.get_mut("object").map(Value::take)?;
        match event.get("type")?.as_str()? {
            "ADDED" | "MODIFIED" => Object::read(document).map(Self::Put),
            "DELETED" => Object::read(document).map(Self::Deleted),
            "BOOKMARK" => {
                let version = document.pointer("/metadata/resourceVersion")?.as_str()?;
                Some(Self::Bookmark(version.to_owned()))
            }
            "ERROR" => Status::of_value(document).map(|status| Self::Error(Box::new(status))),
            _ => None,
        }
    }
}

/// How a watch ended.
#[derive(Debug)]
pub enum End {
    /// By itself, in order; it lasted this long.
    Closed(Duration),
    /// Nothing came for longer than the server lets it last.
    Silent,
    /// It failed, or did not begin.
    Failed(Failure),
}

/// Whether a watch goes on after an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// It does.
    On,
    /// It is of no more use.
    Stop,
}

/// When the cluster told something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times {
    /// When it was last listed.
    pub listed_at: Option<Timestamp>,
    /// When the cluster was last heard.
    pub heard_at: Option<Timestamp>,
}

/// Follows one kind of object.
#[derive(Debug)]
pub struct Follow<T> {
    /// What is known.
    pub cache: Cache<T>,
    times: Times,
    freshness: Freshness,
    version: Option<String>,
    stream: u64,
    pause: Duration,
    /// Failures in a row. A list does not end the row: each watch from it may fail again.
    failures: u32,
    /// Attempts to watch since anything was heard.
    fruitless: u32,
    /// Whether this stream has brought nothing yet.
    is_mute: bool,
    /// A list that failed although nothing else did does not hurry the next.
    max_pause: Duration,
}

impl<T> Follow<T> {
    /// Knows nothing yet. Pauses are at most `max_pause`, unless the cluster wishes
    /// for longer.
    pub fn new(decode: Decode<T>, max_pause: Duration) -> Self {
        Self {
            cache: Cache::new(decode),
            times: Times::default(),
            freshness: Freshness::Unlisted { reason: None },
            version: None,
            stream: 0,
            pause: Duration::ZERO,
            failures: 0,
            fruitless: 0,
            is_mute: true,
            max_pause,
        }
    }

    /// What to do now, and after what pause.
    pub fn next(&self) -> (Duration, Next) {
        let next = match &self.version {
            Some(version) => Next::Watch { resource_version: version.clone(), stream: self.stream },
            None => Next::List,
        };
        (self.pause, next)
    }

    /// How far what is known can be believed.
    pub const fn freshness(&self) -> &Freshness {
        &self.freshness
    }

    /// When the cluster told something.
    pub const fn times(&self) -> &Times {
        &self.times
    }

    /// It was listed. What came back is different from before.
    ///
    /// A list with something that is no object counts as failed: to leave it out
    /// would be to say that it is gone.
    pub fn listed(
        &mut self,
        now: Timestamp,
        listed: Vec<Option<Object<T>>>,
        version: String,
        jitter: f64,
    ) -> Vec<Delta<T>> {
        let objects: Option<Vec<_>> = listed.into_iter().collect();
        let Some(objects) = objects else {
            self.failed(jitter, None);
            self.spoil("the cluster lists something without a UID, name or version", None);
            return Vec::new();
        };
        let deltas = self.cache.replace(objects);
        self.times.listed_at = Some(now);
        self.watch_from(version);
        self.times.heard_at = Some(now);
        // What it can be watched from shows only when it is watched: the row of failures is
        // not over, or list and 410 would follow each other without end.
        (self.fruitless, self.pause) = (0, Duration::ZERO);
        self.freshness = Freshness::Fresh;
        deltas
    }

    /// It could not be listed.
    pub fn list_failed(&mut self, now: Timestamp, failure: &Failure, jitter: f64) {
        self.failed(jitter, Some(failure));
        self.spoil(failure.error.message(), failure.is_gone().then_some(now));
    }

    /// An event of a watch. One of another stream than the present is dropped.
    pub fn event(
        &mut self,
        now: Timestamp,
        stream: u64,
        event: Event,
        jitter: f64,
    ) -> (Flow, Vec<Delta<T>>) {
        if stream != self.stream || self.version.is_none() {
            return (Flow::Stop, Vec::new());
        }
        self.is_mute = false;
        let taken = match event {
            Event::Put(object) => {
                let version = object.version.clone();
                let taken = self.cache.put(object);
                self.object_event(version, taken)
            }
            Event::Deleted(object) => {
                let taken = self.cache.remove(&object.uid);
                self.object_event(object.version, taken)
            }
            Event::Bookmark(version) => {
                self.version = Some(version);
                Vec::new()
            }
            Event::Error(status) => {
                let failure = classify_event(&status, "the watch failed");
                self.list_again(now, &failure, jitter);
                return (Flow::Stop, Vec::new());
            }
            Event::Unreadable => {
                self.failed(jitter, None);
                self.forget("the cluster sent an event that cannot be read", Some(now));
                return (Flow::Stop, Vec::new());
            }
        };
        self.heard(now);
        // After a failure what is known is fresh again only once something is heard.
        self.freshness = Freshness::Fresh;
        if self.cache.is_crowded() {
            self.forget("so much happened that it is listed anew", None);
            return (Flow::Stop, taken);
        }
        (Flow::On, taken)
    }

    fn object_event(&mut self, version: String, taken: Taken<T>) -> Vec<Delta<T>> {
        match taken {
            Taken::New(deltas) => {
                self.version = Some(version);
                deltas
            }
            // An echo's version lies behind us: to go on from it would bring more echoes.
            Taken::Echo => Vec::new(),
        }
    }

    /// A watch has ended.
    pub fn watch_ended(&mut self, now: Timestamp, stream: u64, end: End, jitter: f64) {
        // It ended because of an event, which has decided already.
        if stream != self.stream || self.version.is_none() {
            return;
        }
        match end {
            End::Closed(lasted) if self.is_mute && lasted >= QUIET => {
                // Nothing was heard, so nobody knows; the list tells, however long it takes.
                self.failures = 0;
                self.forget("the watch ended without a word", None);
            }
            End::Closed(lasted) if self.is_mute && lasted >= SHORTEST => {
                self.fruitless("the watch ended without bringing anything", None, jitter);
            }
            End::Closed(lasted) if lasted >= SHORTEST => {
                // To end in order is to be heard: up to now all was told.
                self.next_stream();
                self.heard(now);
                self.freshness = Freshness::Fresh;
                if self.times.listed_at.is_none_or(|at| now.since(at) >= RELIST) {
                    self.version = None;
                }
            }
            End::Closed(_) => self.fruitless("the cluster ends each watch at once", None, jitter),
            End::Silent => {
                self.fruitless("the watch fell silent", None, jitter);
            }
            End::Failed(failure) => {
                if failure.is_gone() {
                    self.list_again(now, &failure, jitter);
                } else {
                    let reason = failure.error.message().to_owned();
                    self.fruitless(&reason, Some(&failure), jitter);
                }
            }
        }
    }

    /// Another attempt from the same version; or a list, if that never helps.
    fn fruitless(&mut self, reason: &str, failure: Option<&Failure>, jitter: f64) {
        self.failed(jitter, failure);
        self.next_stream();
        if failure.is_none_or(|failure| failure.cause != Cause::LeftAlone) {
            self.fruitless += 1;
        }
        if self.fruitless >= FRUITLESS {
            self.forget(reason, None);
        } else {
            self.spoil(reason, None);
        }
    }

    fn list_again(&mut self, now: Timestamp, failure: &Failure, jitter: f64) {
        self.failed(jitter, Some(failure));
        self.forget(failure.error.message(), failure.is_gone().then_some(now));
    }

    /// The next thing to do is to list.
    fn forget(&mut self, reason: &str, rebuilding: Option<Timestamp>) {
        self.version = None;
        self.next_stream();
        self.spoil(reason, rebuilding);
    }

    fn watch_from(&mut self, version: String) {
        self.version = Some(version);
        self.next_stream();
    }

    fn next_stream(&mut self) {
        self.stream += 1;
        self.is_mute = true;
    }

    fn heard(&mut self, now: Timestamp) {
        self.times.heard_at = Some(now);
        (self.failures, self.fruitless, self.pause) = (0, 0, Duration::ZERO);
    }

    /// Once rebuilding it stays so until it is listed.
    fn spoil(&mut self, reason: &str, rebuilding: Option<Timestamp>) {
        let reason = reason.to_owned();
        let was = match self.freshness {
            Freshness::Stale { rebuilding, .. } => rebuilding,
            Freshness::Fresh | Freshness::Unlisted { .. } => None,
        };
        self.freshness = match (self.times.listed_at, self.times.heard_at) {
            (None, _) | (_, None) => Freshness::Unlisted { reason: Some(reason) },
            (Some(_), Some(since)) => {
                Freshness::Stale { since, reason, rebuilding: was.or(rebuilding) }
            }
        };
    }

    /// Doubles the pause; each is drawn from its upper half, so that many clusters and
    /// kinds lost at once do not come back at once (F4).
    fn failed(&mut self, jitter: f64, failure: Option<&Failure>) {
        let doubled = FIRST.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        let hopeless = failure.is_some_and(|failure| {
            matches!(failure.cause, Cause::AuthFailed | Cause::Forbidden | Cause::KindMissing)
        });
        let base = if hopeless { HOPELESS } else { doubled }.min(self.max_pause);
        let half = base / 2;
        let drawn = half + half.mul_f64(jitter.clamp(0.0, 1.0));
        let wished = failure.and_then(|failure| failure.error.retry_after());
        // A wish is exceeded, never cut; all who were told the same are spread.
        self.pause = match wished {
            Some(wished) => wished.max(drawn) + FIRST.mul_f64(jitter.clamp(0.0, 1.0)),
            None => drawn,
        };
    }
}

#[cfg(test)]
mod tests;
