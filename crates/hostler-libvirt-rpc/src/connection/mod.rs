//! A connection: one socket, shared by cheap handles, with every call's deadline kept.

mod auth;
mod core;
mod tasks;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use self::core::{Core, InFlight};
use crate::error::{CloseReason, Error, RemoteError, Result};
use crate::event::{EventQueue, Events};
use crate::frame::{Frame, Header, MessageType, Status};
use crate::procedure::{CONNECT_CLOSE, CONNECT_OPEN, CONNECT_SUPPORTS_FEATURE, Procedure};
use crate::stream::{Stream, StreamOptions, StreamState};
use crate::transport::{self, Dialled, Io};
use crate::uri::ConnectUri;
use crate::xdr::{Decode, Encode, from_bytes, to_bytes};

/// `VIR_CONNECT_RO`.
const OPEN_READ_ONLY: u32 = 1;
/// `VIR_DRV_FEATURE_PROGRAM_KEEPALIVE`; asking for it makes the daemon send pings of its own.
const FEATURE_KEEPALIVE: i32 = 10;

/// When silence is taken for death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// How often a ping is sent.
    pub interval: Duration,
    /// How many intervals without any packet from the daemon close the connection.
    pub max_unanswered: u32,
}

/// How a connection behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long a call may take unless [`Connection::with_timeout`] says otherwise.
    pub call_timeout: Duration,
    /// How long opening may take: dialling, TLS, authentication and `CONNECT_OPEN` together.
    pub connect_timeout: Duration,
    /// How many calls may be with the daemon at once. It reads five requests of a client and then
    /// stops reading, keepalives included, so the default is four.
    pub max_in_flight: usize,
    /// How many further calls may wait for one of those slots.
    pub max_queued: usize,
    /// Pings, or `None` for none of our own (the daemon's are always answered).
    pub keepalive: Option<KeepAlive>,
    /// Open for reading only.
    pub read_only: bool,
    /// What `XDG_RUNTIME_DIR` is, for `qemu:///session`: this crate reads no environment.
    pub runtime_dir: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            call_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            max_in_flight: 4,
            max_queued: 256,
            keepalive: Some(KeepAlive { interval: Duration::from_secs(5), max_unanswered: 5 }),
            read_only: false,
            runtime_dir: None,
        }
    }
}

/// Lives as long as one handle does; its end stops the tasks.
struct Inner {
    core: Arc<Core>,
    _tasks: JoinSet<()>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.core.close(CloseReason::Dropped);
    }
}

/// A handle of a connection to one libvirt daemon. Clones share the socket; when the last one (and
/// the last [`Stream`]) is dropped, it is closed.
///
/// Calls are pipelined: up to [`Options::max_in_flight`] are with the daemon, the rest wait in
/// order. A call that misses its deadline, or whose future is dropped, is abandoned: its answer
/// will be thrown away, but its slot stays taken until then, because the daemon is still at it.
/// When abandoned calls hold all slots, the connection is [`saturated`](Connection::saturated) and
/// should be replaced.
#[derive(Clone)]
pub struct Connection {
    inner: Arc<Inner>,
    timeout: Duration,
}

/// Knows a connection without keeping it open.
pub(crate) struct Known(Weak<Inner>);

impl Known {
    /// Whether anybody has it and it has not ended.
    pub(crate) fn is_open(&self) -> bool {
        self.0.upgrade().is_some_and(|inner| inner.core.close_reason().is_none())
    }

    /// Ends it for whoever has it.
    pub(crate) fn close(&self, reason: CloseReason) {
        if let Some(inner) = self.0.upgrade() {
            inner.core.close(reason);
        }
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Connection")
            .field("in_flight", &self.in_flight())
            .field("abandoned", &self.abandoned())
            .field("closed", &self.close_reason())
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Dials, authenticates and opens the driver that `uri` names.
    ///
    /// # Errors
    /// Whatever prevents it, within [`Options::connect_timeout`].
    pub async fn open(uri: &ConnectUri, options: Options) -> Result<Self> {
        let after = options.connect_timeout;
        let opening = async {
            let dialled = transport::dial(uri, &options).await?;
            let note = dialled.note.clone();
            match Self::start(dialled, options).login(uri.name()).await {
                Ok(connection) => Ok(connection),
                Err(error) => Err(transport::explain(uri, note.as_ref(), error).await),
            }
        };
        match timeout(after, opening).await {
            Ok(result) => result,
            Err(_) => Err(Error::Timeout { procedure: CONNECT_OPEN, after, sent: false }),
        }
    }

    /// Authenticates and opens the driver `name` (such as `qemu:///system`) over a socket that is
    /// already there.
    ///
    /// # Errors
    /// As [`Connection::open`].
    pub async fn open_over(io: impl Io, name: &str, options: Options) -> Result<Self> {
        let after = options.connect_timeout;
        match timeout(after, Self::over(io, options).login(name)).await {
            Ok(result) => result,
            Err(_) => Err(Error::Timeout { procedure: CONNECT_OPEN, after, sent: false }),
        }
    }

    /// Speaks the protocol over a socket, without authenticating or opening a driver. Must be
    /// called in a tokio runtime, as it starts tasks.
    pub fn over(io: impl Io, options: Options) -> Self {
        Self::start(Dialled { io: Box::new(io), note: None }, options)
    }

    fn start(dialled: Dialled, options: Options) -> Self {
        let timeout = options.call_timeout;
        let (core, outgoing) = Core::new(options);
        let tasks = tasks::start(dialled.io, dialled.note, &core, outgoing);
        Self { inner: Arc::new(Inner { core, _tasks: tasks }), timeout }
    }

    /// What comes before the first ordinary call.
    async fn login(self, name: &str) -> Result<Self> {
        let opening = self.with_timeout(self.core().options.connect_timeout);
        auth::authenticate(&opening).await?;
        if self.core().options.keepalive.is_some() {
            // Our own pings are answered either way (since 0.9.8, 2011): what the daemon says to
            // this, be it an error, does not matter. That it answers at all does.
            let asked = opening.call::<_, bool>(CONNECT_SUPPORTS_FEATURE, &FEATURE_KEEPALIVE).await;
            if let Err(error) = asked
                && error.remote().is_none()
            {
                return Err(error);
            }
        }
        let flags = if self.core().options.read_only { OPEN_READ_ONLY } else { 0 };
        opening.call::<_, ()>(CONNECT_OPEN, &(Some(name), flags)).await?;
        Ok(self)
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.inner.core
    }

    /// The connection, to be known and not kept open.
    pub(crate) fn known(&self) -> Known {
        Known(Arc::downgrade(&self.inner))
    }

    /// The same connection with another deadline for each call.
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { inner: self.inner.clone(), timeout }
    }

    /// How long each call of this handle may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Whether abandoned calls hold every slot: nothing will be answered until one of them is.
    pub fn saturated(&self) -> bool {
        self.abandoned() >= self.core().options.max_in_flight.max(1)
    }

    /// Calls that the daemon has and has not answered, abandoned ones included.
    pub fn in_flight(&self) -> usize {
        self.core().in_flight()
    }

    /// Calls nobody waits for any more, each holding a slot.
    pub fn abandoned(&self) -> usize {
        self.core().abandoned()
    }

    /// Calls that wait for a slot.
    pub fn queued(&self) -> usize {
        self.core().queued()
    }

    /// Streams that are open, or given up and not yet confirmed so.
    pub fn open_streams(&self) -> usize {
        self.core().open_streams()
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.close_reason().is_some()
    }

    /// Why the connection ended, if it has.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.core().close_reason()
    }

    /// Waits until the connection ends, and tells why.
    pub async fn closed(&self) -> CloseReason {
        self.core().closed().await
    }

    /// Says goodbye to the daemon and closes the connection for every handle, in any case.
    ///
    /// # Errors
    /// When the daemon did not answer the goodbye.
    pub async fn close(&self) -> Result<()> {
        let goodbye = self.call::<_, ()>(CONNECT_CLOSE, &()).await;
        self.core().close(CloseReason::Requested);
        goodbye
    }

    /// Every event of this connection from now on, of which `capacity` may be unread. Subscribe
    /// before registering for events, so that none is missed.
    pub fn subscribe(&self, capacity: usize) -> Events {
        let queue = EventQueue::new(capacity);
        self.core().subscribe(&queue);
        Events::new(queue)
    }

    /// Calls any procedure; the typed methods are made of this.
    ///
    /// # Errors
    /// Every kind of [`Error`] that belongs to a call.
    pub async fn call<A, R>(&self, procedure: Procedure, arguments: &A) -> Result<R>
    where
        A: Encode + ?Sized,
        R: Decode,
    {
        let (_, reply) = self.transact(procedure, arguments, None).await?;
        decode_reply(procedure, &reply)
    }

    /// Calls a procedure that opens a stream.
    pub(crate) async fn call_stream<A, R>(
        &self,
        procedure: Procedure,
        arguments: &A,
        options: StreamOptions,
    ) -> Result<(R, Stream)>
    where
        A: Encode + ?Sized,
        R: Decode,
    {
        let state = StreamState::new(options);
        let (serial, reply) = self.transact(procedure, arguments, Some(&state)).await?;
        // From here on dropping the stream aborts it, also when the reply cannot be read.
        let stream = Stream::new(self.clone(), state, procedure, serial);
        Ok((decode_reply(procedure, &reply)?, stream))
    }

    /// Sends a call and waits for its reply until the deadline.
    async fn transact<A: Encode + ?Sized>(
        &self,
        procedure: Procedure,
        arguments: &A,
        stream: Option<&Arc<StreamState>>,
    ) -> Result<(u32, Frame)> {
        let payload = to_bytes(arguments)
            .map_err(|error| Error::Argument { procedure, detail: error.to_string() })?;
        let after = self.timeout;
        let sent = AtomicBool::new(false);
        let exchange = async {
            let (in_flight, answer) = self.send(procedure, &payload, stream).await?;
            sent.store(true, Ordering::Relaxed);
            match answer.await {
                Ok(frame) => Ok((in_flight.settle(), frame)),
                Err(_) => {
                    let reason = self.core().ended();
                    Err(Error::Closed { procedure: Some(procedure), reason, sent: true })
                }
            }
        };
        let outcome = timeout(after, exchange).await;
        outcome.unwrap_or_else(|_| {
            Err(Error::Timeout { procedure, after, sent: sent.load(Ordering::Relaxed) })
        })
    }

    /// Waits for a slot and for room before the writer; then the call is registered and handed
    /// over in one step, so that dropping this future leaves nothing half done.
    async fn send(
        &self,
        procedure: Procedure,
        payload: &[u8],
        stream: Option<&Arc<StreamState>>,
    ) -> Result<(InFlight, tokio::sync::oneshot::Receiver<Frame>)> {
        let core = self.core();
        let closed = || {
            let reason = core.ended();
            Error::Closed { procedure: Some(procedure), reason, sent: false }
        };
        let slot = match core.slots.clone().try_acquire_owned() {
            Ok(slot) => slot,
            Err(_) => {
                let _place = Place::take(core, procedure)?;
                core.slots.clone().acquire_owned().await.map_err(|_| closed())?
            }
        };
        let room = core.calls.reserve().await.map_err(|_| closed())?;
        let (in_flight, answer) = core.register(procedure, slot, stream)?;
        let header = Header::new(procedure, MessageType::Call, in_flight.serial, Status::Ok);
        match Frame::encode(&header, payload) {
            Ok(frame) => {
                room.send(frame);
                Ok((in_flight, answer))
            }
            Err(error) => {
                in_flight.unsent();
                Err(Error::Argument { procedure, detail: error.to_string() })
            }
        }
    }
}

/// A place in the queue for slots, given back when dropped.
struct Place<'a>(&'a Core);

impl<'a> Place<'a> {
    fn take(core: &'a Core, procedure: Procedure) -> Result<Self> {
        let limit = core.options.max_queued;
        let taken = core.queued.fetch_add(1, Ordering::Relaxed);
        let place = Self(core);
        if taken >= limit { Err(Error::QueueFull { procedure, limit }) } else { Ok(place) }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.queued.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Reads a reply, or the error in it.
fn decode_reply<R: Decode>(procedure: Procedure, reply: &Frame) -> Result<R> {
    let broken = |error: crate::xdr::XdrError| Error::Protocol {
        procedure: Some(procedure),
        detail: format!("the reply cannot be read: {error}"),
    };
    if reply.header.status == Status::Ok {
        return from_bytes(&reply.payload).map_err(broken);
    }
    let error = from_bytes::<RemoteError>(&reply.payload).map_err(broken)?;
    Err(Error::Remote { procedure, error: Box::new(error) })
}
