//! The client: sends requests, repeats those that may be repeated, and turns
//! answers into types or errors.
//!
//! ```text
//!            ┌──────────── not sent: idle connection was closed ───────────┐
//!            ▼                                                             │
//! prepare ─► connect ─► send ─► head ─► body ─► Answer │ Problem           │
//!            │           │       └──────┴─ lost ─► repeatable? ─► wait ────┤
//!            ▼           ▼                          └ no ─► Error::Lost    │
//!      Unreachable    TimedOut                 server_draining ─► wait ────┘
//! ```

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hostler_api::{Endpoint, Nothing, ReplyKind};
use http::header::{AUTHORIZATION, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio_util::task::TaskTracker;

use crate::address::Address;
use crate::answer::Answer;
use crate::connect::{Connection, Connector};
use crate::decode::draining;
use crate::error::{Error, Result};
use crate::hyper_io::HyperIo;
use crate::request::{Prepared, RawRequest, prepare};
use crate::token::Token;
use crate::trace::Trace;

/// The largest JSON or text answer that is read, in bytes.
const ANSWER_MAX_BYTES: usize = 64 * 1024 * 1024;
/// How long to wait before each repetition; as many repetitions as there are.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(100), Duration::from_millis(500), Duration::from_secs(2)];
/// Idle connections kept for later requests.
const IDLE_MAX: usize = 4;

/// The body of every request.
pub(crate) type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// How to reach a server.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it is.
    pub address: Address,
    /// Who we are; not needed on a Unix socket.
    pub token: Option<Token>,
    /// The only authority whose certificates are accepted (PEM); the system's
    /// when not given.
    pub ca_file: Option<PathBuf>,
    /// How long a connection may take to open.
    pub connect_timeout: Duration,
    /// How long an answer may take, besides the time the server is asked to wait.
    pub request_timeout: Duration,
    /// Receives the exchange for debugging.
    pub trace: Option<Trace>,
    /// What to send as `User-Agent`.
    pub user_agent: String,
}

impl Options {
    /// The server at `address`, with common time limits and without a token.
    pub fn new(address: Address) -> Self {
        Self {
            address,
            token: None,
            ca_file: None,
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(60),
            trace: None,
            user_agent: concat!("hostler-client/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }

    /// The server of this machine, on its Unix socket.
    pub fn local() -> Self {
        Self::new(Address::default())
    }
}

/// What applies to one call besides its parameters.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// Do it only if the resource still has this ETag.
    pub if_match: Option<String>,
    /// The key of a POST; a random one when not given.
    pub idempotency_key: Option<String>,
    /// How much longer than usual the answer may take, because the server was
    /// asked to wait.
    pub patience: Duration,
}

/// A client of one server; cheap to clone, clones share their connections.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    connector: Connector,
    token: Option<Token>,
    request_timeout: Duration,
    user_agent: HeaderValue,
    trace: Option<Trace>,
    idle: Mutex<Vec<SendRequest<Body>>>,
    /// Drives the connections.
    tasks: TaskTracker,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Client({})", self.0.connector.address)
    }
}

/// An attempt that gave no answer.
enum Failed {
    /// Nothing was sent; try at once on another connection.
    NotSent,
    /// It may have been carried out.
    Lost(String),
    /// There is no point in trying again.
    Final(Error),
}

impl Client {
    /// A client; nothing is sent yet. Fails when the CA file or the name of the
    /// server cannot be used.
    pub fn new(options: Options) -> Result<Self> {
        let connector =
            Connector::new(options.address, options.ca_file.as_deref(), options.connect_timeout)?;
        let user_agent = HeaderValue::from_str(&options.user_agent).map_err(|_| {
            Error::setup("the user agent cannot be sent in a header", "use printable ASCII only")
        })?;
        Ok(Self(Arc::new(Inner {
            connector,
            token: options.token,
            request_timeout: options.request_timeout,
            user_agent,
            trace: options.trace,
            idle: Mutex::default(),
            tasks: TaskTracker::new(),
        })))
    }

    /// Where the server is.
    pub fn address(&self) -> &Address {
        &self.0.connector.address
    }

    /// Calls `E` and gives the body of its answer.
    pub async fn call<E: Endpoint>(
        &self,
        path: &E::Path,
        query: &E::Query,
        body: &E::Body,
    ) -> Result<E::Reply> {
        Ok(self.ask::<E>(path, query, body, &Terms::default()).await?.value)
    }

    /// Calls `E` on `terms` and gives the whole answer.
    pub async fn ask<E: Endpoint>(
        &self,
        path: &E::Path,
        query: &E::Query,
        body: &E::Body,
        terms: &Terms,
    ) -> Result<Answer<E::Reply>> {
        let prepared = prepare::<E>(path, query, body, terms)?;
        let (status, headers, bytes) = self.exchange(&prepared, terms.patience).await?;
        self.decode(&prepared, E::REPLY, status, headers, &bytes)
    }

    /// Gets a resource that has only a path.
    pub async fn show<E>(&self, path: &E::Path) -> Result<Answer<E::Reply>>
    where
        E: Endpoint<Query = Nothing, Body = Nothing>,
    {
        self.ask::<E>(path, &Nothing {}, &Nothing {}, &Terms::default()).await
    }

    /// Sends `request` as it is and gives the answer's bytes, also those of a
    /// problem: only a missing answer is an error.
    pub async fn raw(&self, request: RawRequest) -> Result<Answer<Bytes>> {
        let patience = request.terms.patience;
        let prepared = request.prepare()?;
        let (status, headers, bytes) = self.exchange(&prepared, patience).await?;
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(Answer { value: bytes, json, status: status.as_u16(), headers })
    }

    /// Sends `prepared`, again where that is safe, and reads the whole answer.
    async fn exchange(
        &self,
        prepared: &Prepared,
        patience: Duration,
    ) -> Result<(StatusCode, HeaderMap, Bytes)> {
        let limit = self.0.request_timeout + patience;
        let mut pauses = PAUSES.into_iter();
        loop {
            let attempt = tokio::time::timeout(limit, self.attempt(prepared)).await;
            let failed = match attempt {
                Ok(Ok(answer)) => {
                    let wait = draining(&answer).filter(|_| prepared.repeatable);
                    match wait.and_then(|wait| Some(wait.max(pauses.next()?))) {
                        Some(pause) => {
                            self.note(&format!("* the server is stopping; again in {pause:?}"));
                            tokio::time::sleep(pause).await;
                            continue;
                        }
                        None => return Ok(answer),
                    }
                }
                Ok(Err(failed)) => failed,
                Err(_) => {
                    return Err(Error::TimedOut {
                        address: self.address().to_string(),
                        request: prepared.name(),
                        seconds: limit.as_secs(),
                    });
                }
            };
            match failed {
                Failed::NotSent => {}
                Failed::Final(error) => return Err(error),
                Failed::Lost(cause) => match pauses.next().filter(|_| prepared.repeatable) {
                    Some(pause) => {
                        self.note(&format!("* connection lost ({cause}); again in {pause:?}"));
                        tokio::time::sleep(pause).await;
                    }
                    None => {
                        return Err(Error::Lost {
                            address: self.address().to_string(),
                            request: prepared.name(),
                            cause,
                            changes: !prepared.method.is_safe(),
                        });
                    }
                },
            }
        }
    }

    /// Sends once and reads the whole answer.
    async fn attempt(&self, prepared: &Prepared) -> Result<(StatusCode, HeaderMap, Bytes), Failed> {
        // The server may close a kept connection at any moment, and then nobody knows whether the
        // request was read: what must not be sent twice gets a connection of its own.
        let kept = if prepared.repeatable { self.take_idle() } else { None };
        let (mut sender, is_reused) = match kept {
            Some(sender) => (sender, true),
            None => (self.open().await.map_err(Failed::Final)?, false),
        };
        let full = Full::new(prepared.body.clone()).map_err(|never| match never {});
        let request = self.request(prepared, full.boxed_unsync()).map_err(Failed::Final)?;
        self.trace_request(prepared, &request);
        let response = match sender.try_send_request(request).await {
            Ok(response) => response,
            // hyper gives the request back when none of it was sent.
            Err(mut error) => {
                return Err(if is_reused && error.take_message().is_some() {
                    Failed::NotSent
                } else {
                    Failed::Lost(error.into_error().to_string())
                });
            }
        };
        let (head, body) = response.into_parts();
        let bytes = self.collect(prepared, head.status, body).await?;
        self.trace_answer(prepared, head.status, &head.headers, &bytes);
        if !sender.is_closed() {
            self.keep_idle(sender);
        }
        Ok((head.status, head.headers, bytes))
    }

    /// Reads a body to its end, within the limit.
    async fn collect(
        &self,
        prepared: &Prepared,
        status: StatusCode,
        mut body: Incoming,
    ) -> Result<Bytes, Failed> {
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| Failed::Lost(error.to_string()))?;
            if let Ok(data) = frame.into_data() {
                bytes.extend_from_slice(&data);
            }
            if bytes.len() > ANSWER_MAX_BYTES {
                let cause = format!("it is larger than {ANSWER_MAX_BYTES} bytes");
                return Err(Failed::Final(self.malformed(prepared, status, cause)));
            }
        }
        Ok(bytes.freeze())
    }

    /// Sends a request once on a connection of its own and gives the answer's
    /// head as soon as it is there; for streams.
    pub(crate) async fn stream(
        &self,
        prepared: &Prepared,
        body: Body,
    ) -> Result<Response<Incoming>> {
        let mut sender = self.open().await?;
        let request = self.request(prepared, body)?;
        self.trace_request(prepared, &request);
        let response = sender.send_request(request).await.map_err(|error| Error::Lost {
            address: self.address().to_string(),
            request: prepared.name(),
            cause: error.to_string(),
            changes: !prepared.method.is_safe(),
        })?;
        if let Some(trace) = &self.0.trace {
            trace.line(&format!("< {}", response.status()));
            trace.headers('<', response.headers());
        }
        Ok(response)
    }

    /// Reads the rest of `response`, which may not be a stream after all.
    pub(crate) async fn finish<T: DeserializeOwned>(
        &self,
        prepared: &Prepared,
        response: Response<Incoming>,
    ) -> Result<Answer<T>> {
        let (head, body) = response.into_parts();
        match self.collect(prepared, head.status, body).await {
            Ok(bytes) => self.decode(prepared, ReplyKind::Json, head.status, head.headers, &bytes),
            Err(Failed::Final(error)) => Err(error),
            Err(Failed::Lost(_) | Failed::NotSent) => Err(Error::Lost {
                address: self.address().to_string(),
                request: prepared.name(),
                cause: "the answer ended too early".into(),
                changes: !prepared.method.is_safe(),
            }),
        }
    }

    /// A connection for a protocol other than HTTP, after its handshake.
    pub(crate) async fn connection(&self) -> Result<Connection> {
        self.0.connector.connect().await
    }

    pub(crate) fn request_timeout(&self) -> Duration {
        self.0.request_timeout
    }

    /// Opens a connection and drives it in the background.
    async fn open(&self) -> Result<SendRequest<Body>> {
        let connection = self.0.connector.connect().await?;
        let (sender, driver) =
            http1::handshake(HyperIo(connection)).await.map_err(|error| Error::Unreachable {
                address: self.address().to_string(),
                cause: error.to_string(),
                remedy: "check that hostlerd runs there".into(),
            })?;
        // Whoever waits for the answer learns of the driver's error from there.
        self.0.tasks.spawn(async move {
            let _ = driver.await;
        });
        Ok(sender)
    }

    /// A kept connection that still seems alive.
    fn take_idle(&self) -> Option<SendRequest<Body>> {
        let mut idle = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|sender| !sender.is_closed());
        let at = idle.iter().position(SendRequest::is_ready)?;
        Some(idle.swap_remove(at))
    }

    /// Keeps a connection for the next request.
    fn keep_idle(&self, sender: SendRequest<Body>) {
        let mut idle = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push(sender);
        }
    }

    /// The request with what only this client knows: host, agent, token.
    fn request(&self, prepared: &Prepared, body: Body) -> Result<Request<Body>> {
        let address = self.address();
        let mut request = Request::builder()
            .method(prepared.method.clone())
            .uri(format!("{}{}", address.prefix(), prepared.target))
            .body(body)
            .map_err(|error| Error::setup(format!("cannot be sent: {error}"), "report it"))?;
        *request.headers_mut() = prepared.headers.clone();
        let host = HeaderValue::from_str(&address.authority())
            .map_err(|_| Error::setup(format!("`{address}` has no host"), "check the URL"))?;
        request.headers_mut().insert(HOST, host);
        request.headers_mut().insert(USER_AGENT, self.0.user_agent.clone());
        self.authorize(request.headers_mut());
        Ok(request)
    }

    /// Says who we are.
    pub(crate) fn authorize(&self, headers: &mut HeaderMap) {
        if let Some(token) = &self.0.token {
            headers.insert(AUTHORIZATION, token.header());
        }
    }

    fn note(&self, line: &str) {
        if let Some(trace) = &self.0.trace {
            trace.line(line);
        }
    }

    fn trace_request(&self, prepared: &Prepared, request: &Request<Body>) {
        if let Some(trace) = &self.0.trace {
            trace.line(&format!("> {} {} ({})", prepared.method, request.uri(), self.address()));
            trace.headers('>', request.headers());
            trace.body('>', &prepared.target, &prepared.body);
        }
    }

    fn trace_answer(
        &self,
        prepared: &Prepared,
        status: StatusCode,
        headers: &HeaderMap,
        bytes: &[u8],
    ) {
        if let Some(trace) = &self.0.trace {
            trace.line(&format!("< {status}"));
            trace.headers('<', headers);
            trace.body('<', &prepared.target, bytes);
        }
    }
}
