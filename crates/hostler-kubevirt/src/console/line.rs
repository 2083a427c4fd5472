//! The life of a console that is open: carries bytes, and decides what a broken stream
//! means.
//!
//! ```text
//!            whoever opened it drops it · somebody takes it over here ·
//!            the VM is off · the provider is gone
//!   carried ─────────────────────────────────────────────────────────────► over
//!    │   ▲                                                                  ▲
//!    │   │ opened there                              the VM stopped meanwhile │
//!    │   └──────────────── moving ────────────────────────────────────────────┤
//!    │ the stream broke      ▲                                                │
//!    └──► (the VM is asked) ─┴──► cut off, or a screen moved: a failure ──────┘
//! ```
//!
//! Pings keep the connection from being closed by what stands between: load balancers
//! close what says nothing for a while. Virt-handler answers them.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hostler_core::vm::observed::ConsoleKind;
use hostler_provider::{Change, CutOff, Cx, VmRef};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, ReadHalf, WriteHalf,
};
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::after::{After, after, has_ended};
use super::holders::{Consoles, Held};
use super::subresource;
use crate::call::Socket;
use crate::error::Cause;
use crate::fleet::{Age, Shared};
use crate::resource::ObjectKey;

/// Bytes between the stream and the reader, each way. A reader that is slower makes the
/// cluster wait.
const BUFFER: usize = 64 * 1024;
/// The most that is sent in one frame; KubeVirt's buffers hold 10 KiB.
const CHUNK: usize = 4 * 1024;
/// How often a stream is asked whether it is there.
const PING: Duration = Duration::from_secs(10);
/// A stream that gives no sign of life for this long is gone.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// How long the last words of a VM that is off may take.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How long the other side may take to accept that it is over.
const FAREWELL: Duration = Duration::from_secs(1);
/// How long a VM that moves is waited for.
const MOVES_WITHIN: Duration = Duration::from_secs(60);
/// How soon it is looked at again meanwhile.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How long one look or one attempt may take.
const LOOK_WITHIN: Duration = Duration::from_secs(10);

/// What a console is of.
pub(super) struct Line {
    /// Gone with the provider.
    pub(super) shared: Weak<Shared>,
    pub(super) vm: VmRef,
    /// How the cluster names it.
    pub(super) key: ObjectKey,
    pub(super) kind: ConsoleKind,
    /// The UID of the instance that it was opened to.
    pub(super) run: String,
    /// The node that this was on.
    pub(super) node: Option<String>,
    pub(super) held: Held,
}

/// Why the console failed, when it did not end by itself.
type Failure = Arc<Mutex<Option<Lost>>>;

/// How it failed.
#[derive(Debug, Clone)]
enum Lost {
    /// It runs where it ran: somebody else has it, or may have.
    CutOff(CutOff),
    /// For another reason.
    Failed(String),
}

impl Lost {
    fn why(&self) -> &str {
        match self {
            Self::CutOff(CutOff(why)) | Self::Failed(why) => why,
        }
    }
}

impl From<String> for Lost {
    fn from(why: String) -> Self {
        Self::Failed(why)
    }
}

impl From<Lost> for io::Error {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::CutOff(cut_off) => cut_off.into(),
            Lost::Failed(why) => Self::other(why),
        }
    }
}

/// Why bytes are carried no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stopped {
    /// On our side.
    Here,
    /// The stream broke off.
    Broke,
}

/// Carries bytes until one side ends; `first` was heard already.
pub(super) fn carry(consoles: &Consoles, line: Line, socket: Socket, first: &[u8]) -> Near {
    let (ours, theirs) = tokio::io::duplex(BUFFER);
    let (failure, closed) = (Failure::default(), CancellationToken::new());
    let near = Near { bytes: ours, failure: failure.clone(), _closed: closed.clone().drop_guard() };
    let first = first.to_vec();
    consoles.tasks.spawn(async move {
        let (mut from_us, mut to_us) = tokio::io::split(theirs);
        if to_us.write_all(&first).await.is_err() {
            return;
        }
        // Told before its end can be read.
        if let Err(lost) = line.live(socket, &mut from_us, &mut to_us, &closed).await {
            let (kind, why) = (line.kind.as_str(), lost.why());
            tracing::debug!(vm = %line.vm, kind, why, "a console failed");
            *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(lost);
        }
    });
    near
}

impl Line {
    /// # Errors
    /// Why it failed.
    async fn live(
        &self,
        mut socket: Socket,
        from_us: &mut ReadHalf<DuplexStream>,
        to_us: &mut WriteHalf<DuplexStream>,
        closed: &CancellationToken,
    ) -> Result<(), Lost> {
        let Some(mut changes) = self.shared.upgrade().map(|shared| shared.hub.subscribe()) else {
            return Ok(());
        };
        let mut node = self.node.clone();
        loop {
            let stopped = tokio::select! {
                biased;
                () = self.ended(&mut changes, closed) => Stopped::Here,
                stopped = exchange(&mut socket, from_us, to_us) => stopped,
            };
            if stopped == Stopped::Here {
                // Who takes no farewell finds the connection closed all the same.
                let _ = timeout(FAREWELL, socket.close(None)).await;
                return Ok(());
            }
            drop(socket);
            (socket, node) = tokio::select! {
                biased;
                () = self.ended(&mut changes, closed) => return Ok(()),
                again = self.again(node.as_deref()) => match again? {
                    Some(again) => again,
                    None => return Ok(()),
                },
            };
        }
    }

    /// Waits until the console is over, whatever its stream says.
    async fn ended(&self, changes: &mut Receiver<Change>, closed: &CancellationToken) {
        tokio::select! {
            () = closed.cancelled() => {}
            () = self.held.taken_over() => {}
            () = self.off(changes) => {}
        }
    }

    /// Waits until the VM is seen to be off, or nobody looks at it any more.
    async fn off(&self, changes: &mut Receiver<Change>) {
        loop {
            match changes.recv().await {
                None => return,
                Some(Change::Vm(vm)) if vm.external_ref != self.vm.external_ref => continue,
                Some(_) => {}
            }
            let Some(shared) = self.shared.upgrade() else { return };
            // What is known for certain only: who lists anew may know nothing for a moment.
            let now = shared.config.clock.now();
            if shared.fleet.age(false) == Age::Now
                && let Ok(seen) = shared.fleet.find(&self.vm.external_ref, now)
                && has_ended(&self.run, seen.as_ref())
            {
                drop(shared);
                return sleep(LAST_WORDS).await;
            }
        }
    }

    /// Finds out why the stream broke off, and opens it again where the VM runs on. `None`
    /// when it is over.
    ///
    /// # Errors
    /// Why it failed.
    async fn again(&self, node: Option<&str>) -> Result<Option<(Socket, Option<String>)>, Lost> {
        // Whoever is taking it over broke it off, and tells so when they are done.
        drop(self.held.place().turn().await);
        let by = Instant::now() + MOVES_WITHIN;
        let mut why = "it was being moved to another node".to_owned();
        while Instant::now() < by {
            let Some(shared) = self.shared.upgrade() else { return Ok(None) };
            match self.look(&shared, node).await {
                Ok(After::Over) => return Ok(None),
                Ok(After::CutOff) => {
                    let why = "somebody else opened it, or the connection to it broke";
                    return Err(Lost::CutOff(CutOff(why.to_owned())));
                }
                Ok(After::Moved(_)) if self.kind != ConsoleKind::Serial => {
                    let why = "the VM was moved to another node; open it again";
                    return Err(why.to_owned().into());
                }
                Ok(After::Moved(to)) => match self.reopen(&shared).await {
                    Ok(Some(socket)) => return Ok(Some((socket, to))),
                    Ok(None) => {}
                    Err(refused) => return Err(refused.into()),
                },
                Ok(After::Moving) => {}
                Err(unknown) => why = unknown,
            }
            drop(shared);
            sleep(LOOK_AGAIN).await;
        }
        Err(why.into())
    }

    /// How the VM is, as the cluster says when asked: what is followed lags behind.
    async fn look(&self, shared: &Shared, node: Option<&str>) -> Result<After, String> {
        let cx = &Cx::within(LOOK_WITHIN);
        let caller = shared.link.caller(cx).await.map_err(|error| error.to_string())?;
        let asked = shared.fleet.ask(cx, &shared.link, &caller, &self.vm).await;
        // A VM that is not known any more was deleted, or made anew.
        let seen = asked.map_err(|error| error.to_string())?;
        Ok(after(&self.run, node, seen.as_ref()))
    }

    /// Opens it again; `None` when it may do better in a moment.
    async fn reopen(&self, shared: &Shared) -> Result<Option<Socket>, String> {
        let Some(what) = subresource(self.kind) else { return Ok(None) };
        let cx = &Cx::within(LOOK_WITHIN);
        let caller = shared.link.caller(cx).await.map_err(|error| error.to_string())?;
        let _turn = self.held.place().turn().await;
        let doing = format!("cannot go on with the console of {}", self.vm);
        match caller.stream(cx, &self.key, what, false, &doing).await {
            Ok(socket) => {
                tracing::info!(vm = %self.vm, "a console goes on at another node");
                Ok(Some(socket))
            }
            Err(failure) => {
                let passes = failure.error.kind().is_transient()
                    || matches!(failure.cause, Cause::WrongState(_) | Cause::ObjectMissing);
                let error = shared.link.noted(failure);
                if passes { Ok(None) } else { Err(error.to_string()) }
            }
        }
    }
}

/// Carries bytes both ways until one side ends. Neither way waits for the other, so a
/// guest that reads nothing is still heard.
async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
    from_us: &mut ReadHalf<DuplexStream>,
    to_us: &mut WriteHalf<DuplexStream>,
) -> Stopped {
    let (mut sink, mut stream) = socket.split();
    let inward = async {
        let mut tick = interval(PING);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tick.tick().await;
        let mut buffer = vec![0; CHUNK];
        loop {
            let message = tokio::select! {
                read = from_us.read(&mut buffer) => match read {
                    Ok(count @ 1..) => {
                        let typed = buffer.get(..count).unwrap_or_default();
                        Message::binary(typed.to_vec())
                    }
                    Ok(_) | Err(_) => return Stopped::Here,
                },
                _ = tick.tick() => Message::Ping(Bytes::new()),
            };
            if sink.send(message).await.is_err() {
                return Stopped::Broke;
            }
        }
    };
    let outward = async {
        loop {
            match timeout(SILENCE_MAX, stream.next()).await {
                Ok(Some(Ok(Message::Binary(bytes)))) => {
                    if to_us.write_all(&bytes).await.is_err() {
                        return Stopped::Here;
                    }
                }
                Ok(Some(Ok(Message::Close(_)) | Err(_)) | None) | Err(_) => return Stopped::Broke,
                // Signs of life; text is no guest's.
                Ok(Some(Ok(_))) => {}
            }
        }
    };
    tokio::select! {
        stopped = inward => stopped,
        stopped = outward => stopped,
    }
}

/// The near end. Dropping it closes the console.
pub(super) struct Near {
    bytes: DuplexStream,
    failure: Failure,
    _closed: DropGuard,
}

impl AsyncRead for Near {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.bytes).poll_read(cx, buffer))?;
        let is_end = buffer.filled().len() == before && buffer.remaining() > 0;
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match failure {
            Some(failure) if is_end => Poll::Ready(Err(failure.into())),
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Near {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.bytes).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.bytes).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.bytes).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
