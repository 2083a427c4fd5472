//! Streams: consoles, channels, screenshots, uploads and downloads of volumes.
//!
//! ```text
//!             data ◄──► data                      finish
//!   open ───────────────────────► end of data ──────────────► confirmed
//!     │  abort, drop, overflow        │
//!     ▼                               ▼
//!   draining ── confirmation ──►    ended (also by the daemon's error, or the connection's end)
//! ```
//!
//! The daemon does not wait for our reading, so each stream has a buffer. When a reader is so slow
//! that it fills up, [`Overflow`] says what happens.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::connection::Connection;
use crate::error::{CloseReason, Error, RemoteError, Result};
use crate::frame::{Frame, Header, MessageType, STREAM_CHUNK, Status};
use crate::procedure::Procedure;

/// What an unread packet counts for beyond its data, so that many tiny ones are bounded as well.
const PACKET_COST: usize = 128;

/// What happens when a stream's reader is slower than the daemon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The stream is given up with [`Error::StreamOverflow`]; everything else on the connection
    /// goes on. Right for consoles and for data that fits into the buffer.
    #[default]
    AbortStream,
    /// The connection reads no more until there is room: replies, events and other streams on it
    /// wait as well. Right for large downloads over a connection of their own.
    PauseConnection,
}

/// How a stream is buffered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamOptions {
    /// How many bytes may be unread; each packet counts 128 more.
    pub buffer_bytes: usize,
    /// What happens when they are more.
    pub overflow: Overflow,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self { buffer_bytes: 8 * 1024 * 1024, overflow: Overflow::AbortStream }
    }
}

impl StreamOptions {
    /// For a stream that has a connection of its own: 1 MiB of buffer, and backpressure.
    pub fn dedicated() -> Self {
        Self { buffer_bytes: 1024 * 1024, overflow: Overflow::PauseConnection }
    }
}

/// How a stream ended.
#[derive(Clone, Debug)]
enum End {
    Confirmed,
    Error(Box<RemoteError>),
    Overflow,
    Closed(CloseReason),
}

/// What became of a data packet.
pub(crate) enum Accepted {
    Taken,
    Overflow,
    /// There is no room, and the stream asked to wait for it.
    Full(Bytes),
}

/// What a packet takes of the buffer.
fn cost(data: &Bytes) -> usize {
    data.len().saturating_add(PACKET_COST)
}

#[derive(Default)]
struct Buffer {
    chunks: VecDeque<Bytes>,
    bytes: usize,
    /// The daemon has no more data.
    is_complete: bool,
    /// The reader is gone or finishing: data is dropped.
    is_discarding: bool,
    end: Option<End>,
}

/// The part of a stream that the connection's reader fills.
pub(crate) struct StreamState {
    options: StreamOptions,
    buffer: Mutex<Buffer>,
    readable: Notify,
    room: Notify,
}

impl StreamState {
    pub(crate) fn new(options: StreamOptions) -> Arc<Self> {
        Arc::new(Self {
            options,
            buffer: Mutex::default(),
            readable: Notify::new(),
            room: Notify::new(),
        })
    }

    fn buffer(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a packet's data, if there is room.
    pub(crate) fn accept(&self, data: Bytes) -> Accepted {
        let mut buffer = self.buffer();
        if buffer.is_discarding || buffer.end.is_some() {
            return Accepted::Taken;
        }
        if data.is_empty() {
            // The daemon's way to say that the data ends here.
            buffer.is_complete = true;
        } else if buffer.bytes > 0
            && buffer.bytes.saturating_add(cost(&data)) > self.options.buffer_bytes
        {
            // An empty buffer takes any one packet, or a small buffer could never go on.
            if self.options.overflow == Overflow::PauseConnection {
                return Accepted::Full(data);
            }
            buffer.end = Some(End::Overflow);
            self.readable.notify_one();
            return Accepted::Overflow;
        } else {
            buffer.bytes += cost(&data);
            buffer.chunks.push_back(data);
        }
        self.readable.notify_one();
        Accepted::Taken
    }

    /// As [`StreamState::accept`], waiting for room.
    pub(crate) async fn accept_when_room(&self, mut data: Bytes) {
        loop {
            let room = self.room.notified();
            match self.accept(data) {
                Accepted::Taken | Accepted::Overflow => return,
                Accepted::Full(unaccepted) => data = unaccepted,
            }
            room.await;
        }
    }

    fn end(&self, end: End) {
        self.buffer().end.get_or_insert(end);
        self.readable.notify_one();
        self.room.notify_one();
    }

    pub(crate) fn end_confirmed(&self) {
        self.end(End::Confirmed);
    }

    pub(crate) fn end_error(&self, error: RemoteError) {
        self.end(End::Error(Box::new(error)));
    }

    pub(crate) fn end_closed(&self, reason: CloseReason) {
        self.end(End::Closed(reason));
    }

    /// Drops what is there and what comes.
    fn discard(&self) {
        let mut buffer = self.buffer();
        buffer.is_discarding = true;
        buffer.chunks.clear();
        buffer.bytes = 0;
        self.room.notify_one();
    }

    fn is_ended(&self) -> bool {
        self.buffer().end.is_some()
    }
}

/// An open stream. [`recv`](Stream::recv) and [`send`](Stream::send) may run at the same time, each
/// from one task. Dropped without [`finish`](Stream::finish), it is aborted.
#[must_use = "a stream that is dropped is aborted"]
pub struct Stream {
    connection: Connection,
    state: Arc<StreamState>,
    procedure: Procedure,
    serial: u32,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Stream({}, serial {})", self.procedure, self.serial)
    }
}

impl Stream {
    pub(crate) fn new(
        connection: Connection,
        state: Arc<StreamState>,
        procedure: Procedure,
        serial: u32,
    ) -> Self {
        Self { connection, state, procedure, serial }
    }

    /// The next data, or `None` at their end. Waits without limit: a console may be silent for
    /// days. Cancel-safe.
    ///
    /// # Errors
    /// The daemon's error, the connection's end, or an overflow; each after the data that came
    /// before it.
    pub async fn recv(&self) -> Result<Option<Bytes>> {
        loop {
            let readable = self.state.readable.notified();
            {
                let mut buffer = self.state.buffer();
                if let Some(chunk) = buffer.chunks.pop_front() {
                    buffer.bytes -= cost(&chunk);
                    self.state.room.notify_one();
                    return Ok(Some(chunk));
                }
                if buffer.is_complete || matches!(buffer.end, Some(End::Confirmed)) {
                    return Ok(None);
                }
                if let Some(end) = &buffer.end {
                    return Err(self.failure(end));
                }
            }
            readable.await;
        }
    }

    /// Everything up to the end of the data.
    ///
    /// # Errors
    /// As [`Stream::recv`], and [`Error::StreamOverflow`] when it is more than `limit` bytes.
    pub async fn read_to_end(&self, limit: usize) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        while let Some(chunk) = self.recv().await? {
            if all.len() + chunk.len() > limit {
                let procedure = self.procedure;
                return Err(Error::StreamOverflow { procedure, limit_bytes: limit });
            }
            all.extend_from_slice(&chunk);
        }
        Ok(all)
    }

    /// Sends data, in as many packets as they need. Waits while the daemon does not read, each
    /// packet at most for the connection's timeout. Not cancel-safe: a dropped call may have sent
    /// a part.
    ///
    /// # Errors
    /// The daemon's error (of earlier data, too), the connection's end, or the timeout.
    pub async fn send(&self, data: &[u8]) -> Result<()> {
        for chunk in data.chunks(STREAM_CHUNK) {
            self.send_packet(Status::Continue, chunk).await?;
        }
        Ok(())
    }

    async fn send_packet(&self, status: Status, data: &[u8]) -> Result<()> {
        let procedure = self.procedure;
        if let Some(end) = self.state.buffer().end.as_ref() {
            return Err(self.failure(end));
        }
        let header = Header::new(procedure, MessageType::Stream, self.serial, status);
        let packet = Frame::encode(&header, data)
            .map_err(|error| Error::Argument { procedure, detail: error.to_string() })?;
        let after = self.connection.timeout();
        let core = self.connection.core();
        match timeout(after, core.data.send(packet)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(self.failure(&End::Closed(core.ended()))),
            Err(_) => Err(Error::Timeout { procedure, after, sent: true }),
        }
    }

    /// Ends the stream and waits until the daemon confirms that all went well: only then is an
    /// upload done. Data not yet received is dropped.
    ///
    /// # Errors
    /// The daemon's error, the connection's end, or no confirmation within the timeout.
    pub async fn finish(self) -> Result<()> {
        self.state.discard();
        self.send_packet(Status::Ok, &[]).await?;
        self.ended(self.connection.timeout()).await
    }

    /// Gives the stream up and waits until the daemon has noticed. Dropping does the same without
    /// waiting.
    ///
    /// # Errors
    /// The connection's end, or no confirmation within the timeout.
    pub async fn abort(self) -> Result<()> {
        self.state.discard();
        if self.state.is_ended() {
            return Ok(());
        }
        self.send_packet(Status::Error, &[]).await?;
        match self.ended(self.connection.timeout()).await {
            // The daemon answers an abort with an error that says so.
            Ok(()) | Err(Error::Remote { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn ended(&self, after: std::time::Duration) -> Result<()> {
        let wait = async {
            loop {
                let readable = self.state.readable.notified();
                if let Some(end) = self.state.buffer().end.clone() {
                    return end;
                }
                readable.await;
            }
        };
        match timeout(after, wait).await {
            Ok(End::Confirmed) => Ok(()),
            Ok(end) => Err(self.failure(&end)),
            Err(_) => Err(Error::Timeout { procedure: self.procedure, after, sent: true }),
        }
    }

    fn failure(&self, end: &End) -> Error {
        let procedure = self.procedure;
        match end {
            End::Confirmed => Error::StreamEnded { procedure },
            End::Error(error) => Error::Remote { procedure, error: error.clone() },
            End::Overflow => {
                Error::StreamOverflow { procedure, limit_bytes: self.state.options.buffer_bytes }
            }
            End::Closed(reason) => {
                Error::Closed { procedure: Some(procedure), reason: reason.clone(), sent: true }
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // A reader that waits for room in this buffer must go on.
        self.state.discard();
        // Does nothing when the stream has ended, however it did.
        self.connection.core().abort_stream(self.serial);
    }
}
