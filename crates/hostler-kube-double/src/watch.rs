//! Watches: a stream of events from a revision on, read from the log at each listener's own pace.
//!
//! ```text
//!   begin ──► (what is now, as ADDED) ──► (BOOKMARK: the list ends) ──► events ──► BOOKMARK, end
//!     │ revision before the floor                                         │ fell behind the floor
//!     └──► 200, one ERROR event, end                                      └──► ERROR event, end
//! ```

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::faults::Streams;
use crate::json;
use crate::query::{Query, no_number};
use crate::respond::{self, Aborted, Body};
use crate::route::ObjectPath;
use crate::select::Selector;
use crate::shape::Shape;
use crate::shared::{Shared, State};
use crate::status::{Refused, Told};
use crate::store::{Change, Store};

/// How many changes are read at once.
const AT_ONCE: usize = 256;

/// Answers a watch with its stream.
///
/// # Errors
/// As the server refuses it; an expired revision is no refusal but an event.
pub(crate) fn answer(
    shared: Arc<Shared>,
    path: ObjectPath,
    query: &Query,
    shape: Shape,
) -> Result<Response<Body>, Refused> {
    query.check_options()?;
    let labels = query.text("labelSelector");
    // A watch on one name is one on a selection.
    let fields = match &path.name {
        Some(name) => format!("metadata.name={name}"),
        None => query.text("fieldSelector").to_owned(),
    };
    let selector = Selector::parse(path.kind, labels, &fields)?;
    let from = match query.text("resourceVersion") {
        "" | "0" => None,
        text => {
            let parsed = text.parse::<u64>();
            Some(parsed.map_err(|_| Refused::new(500, "", no_number(text), Value::Null))?)
        }
    };
    let lasts =
        query.number("timeoutSeconds").map_or(shared.options.watch_lasts, Duration::from_secs);
    let now = Instant::now();
    let bell = shared.bell();
    let streams = shared.lock().streams.clone();
    let mut watcher = Watcher {
        bell,
        path,
        shape,
        selector,
        cursor: 0,
        bookmarks: query.flag("allowWatchBookmarks"),
        waiting: VecDeque::new(),
        held: None,
        is_over: false,
        streams,
        ends_at: now + lasts,
        bookmark_at: now + shared.options.bookmark_every,
        shared,
    };
    watcher.begin(from, query);
    let stream = futures_util::stream::unfold(watcher, |mut watcher| async move {
        let next = watcher.next().await?;
        Some((next.map(Frame::data), watcher))
    });
    Ok(respond::stream(StreamBody::new(stream).boxed_unsync()))
}

/// One listener.
struct Watcher {
    shared: Arc<Shared>,
    bell: watch::Receiver<u64>,
    path: ObjectPath,
    shape: Shape,
    selector: Selector,
    /// The newest revision told or passed over.
    cursor: u64,
    bookmarks: bool,
    waiting: VecDeque<Bytes>,
    /// With reordering: the earlier event, which waits for the later one.
    held: Option<Bytes>,
    is_over: bool,
    /// What the switches were when it was looked at last.
    streams: Streams,
    ends_at: Instant,
    bookmark_at: Instant,
}

/// What to do after a look at the state.
enum Look {
    Tell,
    Wait,
    End,
    Break,
}

impl Watcher {
    fn begin(&mut self, from: Option<u64>, query: &Query) {
        let shared = Arc::clone(&self.shared);
        let state = shared.lock();
        let store = &state.world.store;
        let asks_list = query.flag("sendInitialEvents");
        if asks_list && state.world.switches.no_streaming_lists {
            let words = "a watch stream was requested by the client but the required storage \
                         feature RequestWatchProgress is disabled";
            self.fail(&Refused::new(500, "", words, Value::Null));
            return;
        }
        self.cursor = from.unwrap_or_else(|| store.revision());
        let declines_list = query.text("sendInitialEvents") == "false";
        if asks_list || (from.is_none() && !declines_list) {
            self.tell_all(store);
            if asks_list && self.bookmarks {
                self.bookmark(json!({ "k8s.io/initial-events-end": "true" }));
            }
        } else if self.cursor < store.floor(self.path.kind) {
            self.fail(&Refused::too_old(self.cursor, store.floor(self.path.kind)));
        }
    }

    fn tell_all(&mut self, store: &Store) {
        self.cursor = store.revision();
        let path = self.path.clone();
        for (_, object) in store.list(path.kind, path.namespace.as_deref()) {
            if self.selector.matches(object) {
                let line = self.line("ADDED", object);
                self.waiting.push_back(line);
            }
        }
    }

    async fn next(&mut self) -> Option<Result<Bytes, Aborted>> {
        loop {
            self.bell.borrow_and_update();
            match self.look() {
                Look::Tell => return self.waiting.pop_front().map(Ok),
                Look::End => return None,
                Look::Break => {
                    self.is_over = true;
                    self.waiting.clear();
                    return Some(Err(Aborted));
                }
                Look::Wait => {}
            }
            tokio::select! {
                rung = self.bell.changed() => if rung.is_err() { return None },
                () = self.shared.stop.cancelled() => return None,
                () = tokio::time::sleep_until(self.bookmark_at.min(self.ends_at)) => {}
            }
        }
    }

    fn look(&mut self) -> Look {
        let shared = Arc::clone(&self.shared);
        let state = shared.lock();
        let streams = state.streams.clone();
        let before = std::mem::replace(&mut self.streams, streams.clone());
        if streams.dropped != before.dropped {
            return Look::Break;
        }
        if self.is_over && self.waiting.is_empty() {
            return Look::End;
        }
        if streams.silent && !self.is_over {
            // Not even an end: what is silent says nothing at all.
            self.bookmark_at = Instant::now() + shared.options.bookmark_every;
            self.ends_at = self.ends_at.max(self.bookmark_at);
            return Look::Wait;
        }
        if !self.waiting.is_empty() {
            return Look::Tell;
        }
        if streams.ended != before.ended {
            return Look::End;
        }
        if streams.expired != before.expired {
            self.fail(&Refused::too_old(self.cursor, state.world.store.revision()));
            return Look::Tell;
        }
        self.read(&state);
        if self.waiting.is_empty() {
            self.pass_time(&state);
        }
        if self.waiting.is_empty() { self.rest() } else { Look::Tell }
    }

    fn rest(&self) -> Look {
        if self.is_over { Look::End } else { Look::Wait }
    }

    fn read(&mut self, state: &State) {
        let store = &state.world.store;
        match store.changes_after(self.path.kind, self.cursor, AT_ONCE) {
            Err(too_old) => self.fail(&Refused::too_old(self.cursor, too_old.floor)),
            Ok(changes) => {
                for change in changes {
                    self.cursor = change.revision;
                    if let Some(line) = self.event(&change) {
                        self.queue(line, &state.streams);
                    }
                }
            }
        }
    }

    /// Puts an event in line, as the switches will have it.
    fn queue(&mut self, line: Bytes, streams: &Streams) {
        let mut lines = vec![line];
        if streams.reorder {
            match self.held.take() {
                Some(earlier) => lines.push(earlier),
                None => {
                    self.held = lines.pop();
                    return;
                }
            }
        } else {
            lines.splice(0..0, self.held.take());
        }
        for line in lines {
            if streams.duplicate {
                self.waiting.push_back(line.clone());
            }
            self.waiting.push_back(line);
        }
    }

    /// What a change is to this listener: an object that leaves the selection is deleted for it.
    fn event(&self, change: &Change) -> Option<Bytes> {
        let here =
            |object: &Option<Arc<Value>>| {
                object.clone().filter(|object| {
                    self.path.namespace.as_ref().is_none_or(|namespace| {
                        json::text(object, "/metadata/namespace") == namespace
                    }) && self.selector.matches(object)
                })
            };
        match (here(&change.before), here(&change.after)) {
            (None, None) => None,
            (None, Some(after)) => Some(self.line("ADDED", &after)),
            (Some(_), Some(after)) => Some(self.line("MODIFIED", &after)),
            (Some(before), None) => {
                // As it was last seen, under the version that took it away.
                let mut last = (*before).clone();
                let revision = change.revision.to_string();
                json::set(&mut last, "/metadata/resourceVersion", revision.into());
                Some(self.line("DELETED", &last))
            }
        }
    }

    fn pass_time(&mut self, state: &State) {
        let now = Instant::now();
        let is_end = now >= self.ends_at;
        if self.bookmarks && (is_end || now >= self.bookmark_at) {
            self.bookmark_at = now + self.shared.options.bookmark_every;
            // A watch from the future has seen nothing yet.
            if self.cursor <= state.world.store.revision() {
                self.cursor = state.world.store.revision();
                self.bookmark(Value::Null);
            }
        } else if now >= self.bookmark_at {
            self.bookmark_at = now + self.shared.options.bookmark_every;
        }
        self.is_over |= is_end;
    }

    fn bookmark(&mut self, annotations: Value) {
        let mut object = json!({
            "kind": self.path.kind.kind,
            "apiVersion": self.path.kind.api_version(&self.path.version),
            "metadata": { "resourceVersion": self.cursor.to_string() },
        });
        if !annotations.is_null() {
            json::set(&mut object, "/metadata/annotations", annotations);
        }
        self.waiting.push_back(line("BOOKMARK", &object.to_string()));
    }

    /// Tells an error, after which the stream ends.
    fn fail(&mut self, refused: &Refused) {
        if let Told::Status(body) = &refused.body {
            self.waiting.push_back(line("ERROR", &body.to_string()));
        }
        self.is_over = true;
    }

    fn line(&self, kind: &str, object: &Value) -> Bytes {
        line(kind, &self.shape.text(self.path.kind, &self.path.version, object))
    }
}

fn line(kind: &str, object: &str) -> Bytes {
    Bytes::from(format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n"))
}
