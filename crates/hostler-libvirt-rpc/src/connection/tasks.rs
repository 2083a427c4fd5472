//! The three tasks of a connection. They share [`Core`] and end when it is closed.
//!
//! ```text
//!             socket ──► reader ──► replies, events, stream data   (never waits for a consumer,
//!                          │                                        except where a stream asks
//!                          │ pongs owed                             for it: Overflow)
//!                          ▼
//!   callers ──► queues ──► writer ──► socket
//!                          ▲
//!               pings owed │
//!                       keepalive timer ──► closes the connection after too much silence
//! ```
//!
//! The reader does not write and the writer does not read, so neither can wait for the other: a
//! daemon that reads nothing stops our writes, and still its replies are taken.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, ReadBuf};
use tokio::task::JoinSet;
use tokio::time::{Duration, MissedTickBehavior};

use super::KeepAlive;
use super::core::{Core, Outgoing};
use crate::error::{CloseReason, RemoteError};
use crate::event::Event;
use crate::frame::{Frame, MessageType, ReadError, Status, read_frame};
use crate::procedure::{KEEPALIVE_PING, KEEPALIVE_PROGRAM};
use crate::stream::Accepted;
use crate::transport::{Io, Note};
use crate::xdr::from_bytes;

/// How long a closed TLS session may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// Starts the tasks. Dropping the set stops them.
pub(super) fn start(
    io: impl Io,
    note: Option<Note>,
    core: &Arc<Core>,
    out: Outgoing,
) -> JoinSet<()> {
    let (read, write) = tokio::io::split(io);
    let mut tasks = JoinSet::new();
    tasks.spawn(reader(read, note.clone(), core.clone()));
    tasks.spawn(writer(write, note, core.clone(), out));
    if let Some(keepalive) = core.options.keepalive {
        tasks.spawn(keepalive_timer(keepalive, core.clone()));
    }
    tasks
}

async fn reader(source: impl AsyncRead + Unpin, note: Option<Note>, core: Arc<Core>) {
    let source = Watched { source, core: core.clone() };
    let mut source = BufReader::with_capacity(64 * 1024, source);
    let reason = loop {
        let frame = tokio::select! {
            biased;
            reason = core.closed() => break reason,
            frame = read_frame(&mut source) => frame,
        };
        match frame {
            Ok(frame) => {
                if let Err(detail) = dispatch(&core, frame).await {
                    break CloseReason::Protocol { detail };
                }
            }
            Err(ReadError::EndOfStream) => {
                break CloseReason::EndOfStream { note: last_words(note.as_ref()).await };
            }
            Err(ReadError::Io(error)) => break broken(&error, note.as_ref()).await,
            Err(ReadError::Malformed(error)) => {
                break CloseReason::Protocol { detail: error.to_string() };
            }
        }
    };
    core.close(reason);
}

/// A socket of which every byte is a sign of life: a great reply over a slow line holds up the
/// pongs behind it.
struct Watched<S> {
    source: S,
    core: Arc<Core>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let poll = Pin::new(&mut self.source).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.core.heard.store(true, Ordering::Relaxed);
        }
        poll
    }
}

/// What the ssh process complained about, if the connection is one.
async fn last_words(note: Option<&Note>) -> Option<String> {
    match note {
        Some(note) => note.text().await,
        None => None,
    }
}

/// Why the socket failed: a process's own words say more than that its pipe is broken.
async fn broken(error: &std::io::Error, note: Option<&Note>) -> CloseReason {
    match last_words(note).await {
        Some(note) => CloseReason::EndOfStream { note: Some(note) },
        None => CloseReason::Io { detail: error.to_string() },
    }
}

/// Hands one packet to whom it belongs.
async fn dispatch(core: &Core, frame: Frame) -> Result<(), String> {
    let header = frame.header;
    if header.version != 1 {
        return Err(format!("version {} of {}", header.version, header.procedure()));
    }
    match header.kind {
        MessageType::Reply => core.on_reply(frame),
        MessageType::Message if header.program == KEEPALIVE_PROGRAM => {
            // A pong needs nothing: that it came is what counts.
            if header.procedure() == KEEPALIVE_PING {
                core.owe_pong();
            }
            Ok(())
        }
        MessageType::Message => {
            let event = Event::decode(header.procedure(), &frame.payload);
            core.on_event(&event, frame.payload.len());
            Ok(())
        }
        MessageType::Stream => on_stream(core, frame).await,
        MessageType::Call
        | MessageType::CallWithFds
        | MessageType::ReplyWithFds
        | MessageType::StreamHole => {
            Err(format!("a {:?} packet, which nobody asked for", header.kind))
        }
    }
}

/// Puts stream data into its buffer. Only a stream that asked for it can make this wait.
async fn on_stream(core: &Core, frame: Frame) -> Result<(), String> {
    let header = frame.header;
    let Some(stream) = core.stream_of(&header) else { return Ok(()) };
    match header.status {
        Status::Ok => stream.end_confirmed(),
        Status::Error => {
            let error = from_bytes::<RemoteError>(&frame.payload)
                .map_err(|error| format!("the error of a stream: {error}"))?;
            stream.end_error(error);
        }
        Status::Continue => match stream.accept(frame.payload) {
            Accepted::Taken => {}
            Accepted::Overflow => core.abort_stream(header.serial),
            Accepted::Full(payload) => {
                core.paused.store(true, Ordering::Relaxed);
                tokio::select! {
                    _ = core.closed() => {}
                    () = stream.accept_when_room(payload) => {}
                }
                core.heard.store(true, Ordering::Relaxed);
                core.paused.store(false, Ordering::Relaxed);
            }
        },
    }
    Ok(())
}

async fn writer(
    mut sink: impl AsyncWrite + Unpin,
    note: Option<Note>,
    core: Arc<Core>,
    mut out: Outgoing,
) {
    loop {
        let next = tokio::select! {
            biased;
            _ = core.closed() => break,
            () = core.control.notified() => core.take_control(),
            Some(call) = out.calls.recv() => call,
            Some(data) = out.data.recv() => data,
        };
        if next.is_empty() {
            continue;
        }
        let written = tokio::select! {
            biased;
            _ = core.closed() => break,
            written = write(&mut sink, &next) => written,
        };
        if let Err(error) = written {
            core.close(broken(&error, note.as_ref()).await);
            break;
        }
    }
    // The other side may be gone: this is courtesy, with a limit.
    let _: Result<_, _> = tokio::time::timeout(GOODBYE, sink.shutdown()).await;
}

async fn write(sink: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> std::io::Result<()> {
    sink.write_all(bytes).await?;
    sink.flush().await
}

/// Pings in every interval, and counts the intervals in which nothing at all came.
async fn keepalive_timer(keepalive: KeepAlive, core: Arc<Core>) {
    let mut interval = tokio::time::interval(keepalive.interval.max(Duration::from_millis(1)));
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval.tick().await;
    let mut unanswered = 0;
    loop {
        tokio::select! {
            biased;
            _ = core.closed() => return,
            _ = interval.tick() => {}
        }
        if core.heard.swap(false, Ordering::Relaxed) || core.paused.load(Ordering::Relaxed) {
            unanswered = 0;
        }
        if unanswered >= keepalive.max_unanswered {
            core.close(CloseReason::KeepAlive { unanswered });
            return;
        }
        core.owe_ping();
        unanswered += 1;
    }
}
