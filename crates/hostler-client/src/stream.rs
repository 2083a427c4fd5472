//! A stream of server-sent events that is read, and what to do when it breaks.

use std::time::Duration;

use hostler_api::{Endpoint, Nothing};
use hostler_core::Kind;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::client::{Client, Terms};
use crate::error::{Error, Result};
use crate::request::prepare;
use crate::sse::{Frame, SseParser};

/// A server says something at least every 30 s; somewhat more than that is silence.
const SILENCE_MAX: Duration = Duration::from_secs(45);
/// How long the server may be away before following ends with an error.
const PATIENCE: Duration = Duration::from_secs(300);
/// The first pause before a new attempt; doubled up to the last.
const PAUSE_FIRST: Duration = Duration::from_millis(250);
const PAUSE_LAST: Duration = Duration::from_secs(10);

/// A stream; without a connection at first, and after each break.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) client: Client,
    path: &'static str,
    body: Option<Incoming>,
    parser: SseParser,
}

impl Stream {
    /// Of the endpoint with this path.
    pub(crate) fn new(client: &Client, path: &'static str) -> Self {
        Self { client: client.clone(), path, body: None, parser: SseParser::new() }
    }

    pub(crate) const fn is_open(&self) -> bool {
        self.body.is_some()
    }

    /// The events in the next piece of the stream; a break only forgets the connection.
    /// Dropping the future loses nothing.
    pub(crate) async fn read(&mut self) -> Result<Vec<Frame>> {
        let Some(body) = &mut self.body else { return Ok(Vec::new()) };
        let frame = tokio::time::timeout(SILENCE_MAX, body.frame()).await;
        let Ok(Some(Ok(frame))) = frame else {
            self.body = None;
            return Ok(Vec::new());
        };
        let Ok(data) = frame.into_data() else { return Ok(Vec::new()) };
        self.parser.feed(&data).map_err(|cause| self.malformed(cause))
    }

    /// Connects once, after the event with the id `last`.
    pub(crate) async fn connect<E>(&mut self, query: &E::Query, last: Option<u64>) -> Result<()>
    where
        E: Endpoint<Path = Nothing, Body = Nothing>,
    {
        let mut prepared = prepare::<E>(&Nothing {}, query, &Nothing {}, &Terms::default())?;
        prepared.headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        if let Some(last) = last {
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

    pub(crate) fn malformed(&self, cause: String) -> Error {
        Error::Malformed {
            address: self.client.address().to_string(),
            request: format!("GET {}", self.path),
            cause,
            status: 200,
        }
    }
}

/// How long somebody goes on trying to connect again.
pub(crate) struct Patience {
    began: Instant,
    pause: Duration,
}

impl Patience {
    pub(crate) fn begin() -> Self {
        Self { began: Instant::now(), pause: PAUSE_FIRST }
    }

    /// Waits before an attempt; longer before each.
    pub(crate) async fn pause(&mut self) {
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(PAUSE_LAST);
    }

    /// The next attempt follows soon.
    pub(crate) const fn hurry(&mut self) {
        self.pause = PAUSE_FIRST;
    }

    /// Whether it may pass by itself, and has not lasted too long.
    pub(crate) fn endures(&self, error: &Error) -> bool {
        let passes = matches!(error.kind(), Kind::Unavailable | Kind::Timeout);
        passes && self.began.elapsed() < PATIENCE
    }
}
