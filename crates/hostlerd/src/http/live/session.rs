//! A client of the live stream: what it wants, and its place in the ring.
//!
//! ```text
//!  begun ──subscribe──► following ──► … ──► over: stopping, thrown out, too talkative
//!    │ nothing wanted for 10 s               │ the ring passed it
//!    └──► over                               └──► resync, and on with what is new
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::Utf8Bytes;
use hostler_api::LIVE_PROTOCOL;
use hostler_api::v1::{
    LiveError, LiveLost, LivePing, LiveRequest, LiveSelection, LiveSubscribed, LiveTold, LiveTopic,
};
use hostler_core::{Code, Error};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use super::frame::{self, Frame, Scope};
use super::topics;
use crate::app::App;
use crate::auth::Caller;
use crate::http::error::Result;
use crate::http::streams::{Follow, Guard, Said, Sign};

/// From one ping to the next.
const PING: Duration = Duration::from_secs(30);
/// A client that follows nothing for so long is sent away.
const SUBSCRIBE_MAX: Duration = Duration::from_secs(10);
/// So many messages a client may send from one ping to the next.
const MESSAGES_MAX: usize = 100;

/// A client of the live stream.
pub(super) struct Session {
    app: App,
    guard: Guard,
    /// What was signed and is not done yet.
    due: Option<Sign>,
    place: broadcast::Receiver<Arc<Frame>>,
    /// All frames up to this one were told, or told as lost.
    position: u64,
    wanted: BTreeMap<LiveTopic, Scope>,
    /// Until when something has to be wanted.
    idle_until: Option<Instant>,
    /// What is told next.
    ready: VecDeque<Said>,
    /// How many messages were heard since the last ping.
    heard: usize,
}

impl Session {
    /// Begins; nothing is wanted yet.
    pub(super) fn begin(app: App, caller: Caller) -> Result<Self> {
        let guard = Guard::admit(app.clone(), caller, &app.streams.live, "the live stream", PING)?;
        let (place, position) = app.live.join();
        Ok(Self {
            app,
            guard,
            due: None,
            place,
            position,
            wanted: BTreeMap::new(),
            idle_until: Some(Instant::now() + SUBSCRIBE_MAX),
            ready: VecDeque::new(),
            heard: 0,
        })
    }

    /// Follows these besides what it follows.
    pub(super) fn subscribe(&mut self, selection: &LiveSelection) -> Result<(), Error> {
        self.take(LiveRequest::Subscribe(selection.clone()))
    }

    fn take(&mut self, request: LiveRequest) -> Result<(), Error> {
        let mut wanted = self.wanted.clone();
        match request {
            LiveRequest::Unsubscribe(topics) => wanted.retain(|topic, _| !topics.contains(topic)),
            LiveRequest::Replace(selection) => {
                wanted.clear();
                self.add(&mut wanted, &selection)?;
            }
            LiveRequest::Subscribe(selection) => self.add(&mut wanted, &selection)?,
        }
        // First those to come: a topic that stays is wanted all the time.
        self.app.live.want(wanted.keys(), true);
        self.app.live.want(self.wanted.keys(), false);
        self.wanted = wanted;
        if !self.wanted.is_empty() {
            self.idle_until = None;
        }
        let topics = self.wanted.keys().copied().collect();
        self.say(LiveTold::Subscribed(LiveSubscribed { topics }));
        Ok(())
    }

    fn add(
        &self,
        wanted: &mut BTreeMap<LiveTopic, Scope>,
        selection: &LiveSelection,
    ) -> Result<(), Error> {
        topics::check(&self.guard.caller().actor, &selection.topics)?;
        let scope = Scope::of(selection);
        wanted.extend(selection.topics.iter().map(|topic| (*topic, scope.clone())));
        Ok(())
    }

    /// Says something to this client alone.
    fn say(&mut self, told: LiveTold) {
        let text = frame::write(self.position, self.app.clock.now(), told);
        self.ready.extend(text.map(|text| Said::message(text.into())));
    }

    /// What of a frame is for this client.
    fn hand_over(&mut self, frame: &Frame) -> Option<Utf8Bytes> {
        // What was lost already is not told after all.
        if frame.seq <= self.position {
            return None;
        }
        let Some(topic) = frame.topic else {
            self.lost(frame.seq);
            return None;
        };
        self.position = frame.seq;
        frame.text(self.wanted.get(&topic)?)
    }

    /// Tells that all up to `to` was lost.
    fn lost(&mut self, to: u64) {
        let from = self.position + 1;
        self.position = to;
        self.app.live.count_resync();
        self.say(LiveTold::Resync(LiveLost { from, to }));
    }

    /// Acts on a sign; what is said of it.
    async fn act(&mut self, sign: Sign) -> Option<Said> {
        if sign == Sign::Stopping {
            return Some(Said::STOPPING);
        }
        if !self.guard.may_stay().await {
            return Some(Said::THROWN_OUT);
        }
        self.due = None;
        if sign == Sign::Ended {
            return None;
        }
        self.heard = 0;
        // Once for the connection, which answers, and once for pages, which see messages only.
        self.say(LiveTold::Ping(LivePing {}));
        Some(Said::Alive)
    }
}

impl Follow for Session {
    const PROTOCOL: &'static str = LIVE_PROTOCOL;
    // A thousand ids and as many projects.
    const MESSAGE_BYTES_MAX: usize = 128 * 1024;
    const IDLE_MAX: Duration = Duration::from_secs(75);

    async fn next(&mut self) -> Said {
        loop {
            if let Some(said) = self.ready.pop_front() {
                return said;
            }
            if self.heard > MESSAGES_MAX {
                return Said::End(1008, "you send too many messages");
            }
            if let Some(sign) = self.due {
                match self.act(sign).await {
                    Some(said) => return said,
                    None => continue,
                }
            }
            let got = tokio::select! {
                sign = self.guard.sign() => {
                    self.due = Some(sign);
                    continue;
                }
                () = late(self.idle_until) => {
                    return Said::End(1008, "say within 10 seconds what you want to follow");
                }
                got = self.place.recv() => got,
            };
            match got {
                Ok(frame) => {
                    if let Some(text) = self.hand_over(&frame) {
                        return Said::message(text);
                    }
                }
                Err(RecvError::Lagged(_)) => {
                    let (place, last) = self.app.live.join();
                    self.place = place;
                    self.lost(last);
                }
                Err(RecvError::Closed) => return Said::STOPPING,
            }
        }
    }

    fn hear(&mut self, text: &str) {
        self.heard += 1;
        if self.heard > MESSAGES_MAX {
            return; // which ends it
        }
        let read = LiveRequest::parse(text).map_err(|why| Error::new(Code::QueryInvalid, why));
        if let Err(error) = read.and_then(|request| self.take(request)) {
            let (code, message) = (error.code().as_str().to_owned(), error.message().to_owned());
            self.say(LiveTold::Error(LiveError { code, message }));
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.app.live.want(self.wanted.keys(), false);
    }
}

/// Ends then; never, where there is no such time.
async fn late(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}
