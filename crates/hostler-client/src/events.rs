//! Following events: the stream is resumed where it broke, and gaps are told.
//!
//! ```text
//!  connect(Last-Event-ID) ─► reading ─► Event | Resync
//!        ▲                      │ ended, broken, silent for 45 s
//!        └──── pause ◄──────────┘ 410 ─► Resync, and from now on
//! ```

use std::collections::VecDeque;
use std::time::Duration;

use hostler_api::{Nothing, v1};
use hostler_core::{Code, Kind};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::answer::Item;
use crate::client::{Client, Terms};
use crate::error::{Error, Result};
use crate::request::prepare;
use crate::sse::{Frame, SseParser};

/// A server says something every 15 s; three times that is silence.
const SILENCE_MAX: Duration = Duration::from_secs(45);
/// How long the server may be away before following ends with an error.
const PATIENCE: Duration = Duration::from_secs(300);
/// The first pause before a new attempt; doubled up to the last.
const PAUSE_FIRST: Duration = Duration::from_millis(250);
const PAUSE_LAST: Duration = Duration::from_secs(10);

/// What comes while following.
#[derive(Debug, Clone, PartialEq)]
pub enum Followed {
    /// Something happened.
    Event(Box<Item<v1::Event>>),
    /// Events may be missing here: read the lists again.
    Resync,
}

/// A stream of events.
#[derive(Debug)]
pub struct Events {
    client: Client,
    query: v1::EventQuery,
    body: Option<Incoming>,
    parser: SseParser,
    ready: VecDeque<Followed>,
    /// The sequence number of the last event that was given.
    last: Option<u64>,
}

impl Client {
    /// Follows events. Fails when the first connection does; later ones are
    /// tried again for five minutes.
    pub async fn events(&self, query: v1::EventQuery) -> Result<Events> {
        let last = query.since;
        let mut events = Events {
            client: self.clone(),
            query,
            body: None,
            parser: SseParser::new(),
            ready: VecDeque::new(),
            last,
        };
        events.connect().await?;
        Ok(events)
    }
}

impl Events {
    /// What comes next. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Result<Followed> {
        loop {
            if let Some(followed) = self.ready.pop_front() {
                return Ok(followed);
            }
            if self.body.is_none() {
                self.reconnect().await?;
                continue;
            }
            self.read().await?;
        }
    }

    /// Reads one piece of the stream; a break only forgets the connection.
    async fn read(&mut self) -> Result<()> {
        let Some(body) = &mut self.body else { return Ok(()) };
        let frame = tokio::time::timeout(SILENCE_MAX, body.frame()).await;
        let Ok(Some(Ok(frame))) = frame else {
            self.body = None;
            return Ok(());
        };
        let Ok(data) = frame.into_data() else { return Ok(()) };
        match self.parser.feed(&data) {
            Ok(frames) => frames.into_iter().try_for_each(|frame| self.take(&frame)),
            Err(cause) => Err(self.malformed(cause)),
        }
    }

    /// Takes over one frame; an event that was given before is dropped.
    fn take(&mut self, frame: &Frame) -> Result<()> {
        if frame.event == "resync" {
            self.ready.push_back(Followed::Resync);
            return Ok(());
        }
        let event = serde_json::from_str(&frame.data)
            .and_then(Item::<v1::Event>::from_json)
            .map_err(|error| self.malformed(format!("an event cannot be read: {error}")))?;
        let seq = event.value.seq;
        // After a resumption the server may begin earlier than asked.
        if self.last.is_none_or(|last| seq > last) {
            self.last = Some(seq);
            self.ready.push_back(Followed::Event(Box::new(event)));
        }
        Ok(())
    }

    /// Connects again after the last event, and tells the gap where there is one.
    async fn reconnect(&mut self) -> Result<()> {
        let began = Instant::now();
        let mut pause = PAUSE_FIRST;
        let was_blind = self.last.is_none();
        loop {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_LAST);
            match self.connect().await {
                Ok(()) => break,
                Err(error) if error.code() == Code::EventsExpired.as_str() => {
                    // What was missed is not kept any more: say so and go on from now.
                    self.last = None;
                    self.query.since = None;
                    self.ready.push_back(Followed::Resync);
                    pause = PAUSE_FIRST;
                }
                Err(error) => {
                    let passes = matches!(error.kind(), Kind::Unavailable | Kind::Timeout);
                    if !passes || began.elapsed() >= PATIENCE {
                        return Err(error);
                    }
                }
            }
        }
        if was_blind {
            // Without a number to resume after, the time of the break is unseen.
            self.ready.push_back(Followed::Resync);
        }
        Ok(())
    }

    /// Connects once, after the last event that was given.
    async fn connect(&mut self) -> Result<()> {
        let query = v1::EventQuery { since: None, ..self.query.clone() };
        let mut prepared =
            prepare::<v1::EventStream>(&Nothing {}, &query, &Nothing {}, &Terms::default())?;
        prepared.headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        if let Some(last) = self.last {
            let name = HeaderName::from_static("last-event-id");
            prepared.headers.insert(name, HeaderValue::from(last));
        }
        let empty = Empty::new().map_err(|never| match never {}).boxed_unsync();
        let sent = self.client.stream(&prepared, empty);
        let response = match tokio::time::timeout(SILENCE_MAX, sent).await {
            Ok(response) => response?,
            Err(_) => {
                return Err(Error::TimedOut {
                    address: self.client.address().to_string(),
                    request: prepared.name(),
                    seconds: SILENCE_MAX.as_secs(),
                });
            }
        };
        if response.status() != StatusCode::OK {
            // Reading it as an answer turns it into the error that it is.
            let status = response.status();
            self.client.finish::<serde_json::Value>(&prepared, response).await?;
            return Err(self.client.malformed(&prepared, status, format!("status {status}")));
        }
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if !kind.is_some_and(|kind| kind.starts_with("text/event-stream")) {
            return Err(self.malformed("the answer is no stream of events".into()));
        }
        self.parser = SseParser::new();
        self.body = Some(response.into_body());
        Ok(())
    }

    fn malformed(&self, cause: String) -> Error {
        Error::Malformed {
            address: self.client.address().to_string(),
            request: format!("GET {}", <v1::EventStream as hostler_api::Endpoint>::PATH),
            cause,
            status: 200,
        }
    }
}
