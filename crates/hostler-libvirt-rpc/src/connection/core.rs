//! What a connection's tasks and handles share: the table of calls in flight, the slots they hold,
//! the open streams, and why it all ended.
//!
//! A call's life, and where its slot is:
//!
//! ```text
//!   waiting for a slot ──► in flight ──── reply ────► answered           slot free
//!        │ deadline           │ deadline or dropped
//!        ▼                    ▼
//!     never sent          abandoned ──── late reply, dropped ──►         slot free
//!                         (slot still taken: the daemon's worker is still at it)
//! ```
//!
//! The mutex is held for table look-ups only, never across an await.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use super::Options;
use crate::error::{CloseReason, Error, Result};
use crate::event::{Event, EventQueue};
use crate::frame::{Frame, Header, MessageType, Status};
use crate::procedure::{KEEPALIVE_PING, KEEPALIVE_PONG, Procedure};
use crate::stream::StreamState;

/// Most streams open at once on a connection.
pub(crate) const STREAMS_MAX: usize = 64;
/// Most event subscribers of a connection.
const SUBSCRIBERS_MAX: usize = 64;
/// Most pongs owed at once; more pings than that in a row are answered by fewer pongs.
const PONGS_MAX: u32 = 16;
/// Encoded calls handed to the writer and not yet written.
const CALL_QUEUE: usize = 16;
/// Stream packets handed to the writer and not yet written. Few, so that an upload never puts much
/// between a call and the wire.
const DATA_QUEUE: usize = 4;

/// A call that has been sent and not answered.
struct Pending {
    procedure: Procedure,
    /// `None` once the caller has given up.
    waiter: Option<oneshot::Sender<Frame>>,
    /// Freed by the reply only: see the picture above.
    _slot: OwnedSemaphorePermit,
}

/// A stream in the table.
enum StreamEntry {
    /// Somebody reads it.
    Open(Arc<StreamState>),
    /// Given up; what still comes is dropped until the daemon confirms.
    Draining,
}

#[derive(Default)]
struct State {
    serial: u32,
    pending: HashMap<u32, Pending>,
    streams: HashMap<u32, (Procedure, StreamEntry)>,
    /// Streams for which an abort is to be written.
    aborts: Vec<(Procedure, u32)>,
    pongs: u32,
    ping: bool,
    subscribers: Vec<Weak<EventQueue>>,
}

/// The two queues the writer reads.
pub(crate) struct Outgoing {
    /// Calls.
    pub(crate) calls: mpsc::Receiver<Vec<u8>>,
    /// Stream data, written when no call waits.
    pub(crate) data: mpsc::Receiver<Vec<u8>>,
}

/// The shared part of a connection.
pub(crate) struct Core {
    state: Mutex<State>,
    pub(crate) slots: Arc<Semaphore>,
    pub(crate) options: Options,
    closed: watch::Sender<Option<CloseReason>>,
    pub(crate) calls: mpsc::Sender<Vec<u8>>,
    pub(crate) data: mpsc::Sender<Vec<u8>>,
    /// Wakes the writer for pings, pongs and aborts.
    pub(crate) control: Notify,
    pub(crate) queued: AtomicUsize,
    /// Set by every byte that comes, cleared by the keepalive timer.
    pub(crate) heard: AtomicBool,
    /// The reader stands still for a slow stream of its own accord, so silence proves nothing.
    pub(crate) paused: AtomicBool,
}

impl Core {
    pub(crate) fn new(options: Options) -> (Arc<Self>, Outgoing) {
        let (call_sender, calls) = mpsc::channel(CALL_QUEUE);
        let (data_sender, data) = mpsc::channel(DATA_QUEUE);
        let core = Self {
            state: Mutex::default(),
            slots: Arc::new(Semaphore::new(options.max_in_flight.max(1))),
            options,
            closed: watch::Sender::new(None),
            calls: call_sender,
            data: data_sender,
            control: Notify::new(),
            queued: AtomicUsize::new(0),
            heard: AtomicBool::new(false),
            paused: AtomicBool::new(false),
        };
        (Arc::new(core), Outgoing { calls, data })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics while it holds the lock; a poisoned table would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a call into the table under a fresh serial number.
    pub(crate) fn register(
        self: &Arc<Self>,
        procedure: Procedure,
        slot: OwnedSemaphorePermit,
        stream: Option<&Arc<StreamState>>,
    ) -> Result<(InFlight, oneshot::Receiver<Frame>)> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.state();
        // Checked under the lock that `close` clears the table under: no call slips in after it.
        if let Some(reason) = self.close_reason() {
            return Err(Error::Closed { procedure: Some(procedure), reason, sent: false });
        }
        if stream.is_some() && state.streams.len() >= STREAMS_MAX {
            return Err(Error::TooManyStreams { procedure, limit: STREAMS_MAX });
        }
        let mut serial = state.serial.wrapping_add(1);
        while serial == 0
            || state.pending.contains_key(&serial)
            || state.streams.contains_key(&serial)
        {
            serial = serial.wrapping_add(1);
        }
        state.serial = serial;
        let pending = Pending { procedure, waiter: Some(sender), _slot: slot };
        state.pending.insert(serial, pending);
        if let Some(stream) = stream {
            // Data may follow the reply at once, so the stream is known before the call is sent.
            state.streams.insert(serial, (procedure, StreamEntry::Open(stream.clone())));
        }
        drop(state);
        Ok((InFlight { core: self.clone(), serial, settled: false }, receiver))
    }

    /// Takes a reply.
    ///
    /// # Errors
    /// When it answers nothing that was asked.
    pub(crate) fn on_reply(&self, frame: Frame) -> std::result::Result<(), String> {
        let Header { serial, status, .. } = frame.header;
        let mut state = self.state();
        let Some(pending) = state.pending.remove(&serial) else {
            return Err(format!("a reply to serial {serial}, which was not called"));
        };
        let (asked, told) = (pending.procedure, frame.header.procedure());
        let broken = match status {
            _ if asked != told => Some(format!("a reply of {told} to a call of {asked}")),
            Status::Continue => Some(format!("a reply to {asked} that is to be continued")),
            Status::Ok => None,
            Status::Error => {
                // No stream was opened.
                state.streams.remove(&serial);
                None
            }
        };
        if let Some(detail) = broken {
            drop(state);
            // Before `pending` is dropped, which wakes the caller: it has to find the reason.
            self.close(CloseReason::Protocol { detail: detail.clone() });
            return Err(detail);
        }
        let unwanted = match pending.waiter {
            Some(waiter) => waiter.send(frame).is_err(),
            None => true,
        };
        if unwanted {
            // The caller is gone, but the daemon has opened its stream.
            self.abort_stream_in(&mut state, serial);
        }
        Ok(())
    }

    /// Gives up a call: the slot stays taken until the daemon answers.
    fn abandon(&self, serial: u32) {
        let mut state = self.state();
        match state.pending.get_mut(&serial) {
            Some(pending) => pending.waiter = None,
            // Answered in the meantime.
            None => self.abort_stream_in(&mut state, serial),
        }
    }

    /// Removes a call that was never handed to the writer.
    fn forget(&self, serial: u32) {
        let mut state = self.state();
        state.pending.remove(&serial);
        state.streams.remove(&serial);
    }

    /// Gives up a stream, if it is open: tells the daemon, drops what still comes.
    pub(crate) fn abort_stream(&self, serial: u32) {
        self.abort_stream_in(&mut self.state(), serial);
    }

    fn abort_stream_in(&self, state: &mut State, serial: u32) {
        if let Some((procedure, entry @ StreamEntry::Open(_))) = state.streams.get_mut(&serial) {
            let procedure = *procedure;
            *entry = StreamEntry::Draining;
            state.aborts.push((procedure, serial));
            self.control.notify_one();
        }
    }

    /// The stream a packet belongs to, when somebody still reads it. A confirmation or error ends
    /// the stream's entry.
    pub(crate) fn stream_of(&self, header: &Header) -> Option<Arc<StreamState>> {
        let mut state = self.state();
        let is_end = header.status != Status::Continue;
        let entry = if is_end {
            state.streams.remove(&header.serial).map(|(_, entry)| entry)
        } else {
            match state.streams.get(&header.serial) {
                Some((_, StreamEntry::Open(stream))) => Some(StreamEntry::Open(stream.clone())),
                _ => None,
            }
        };
        match entry {
            Some(StreamEntry::Open(stream)) => Some(stream),
            // Packets sent before the daemon saw our abort; the protocol says to ignore them.
            Some(StreamEntry::Draining) | None => None,
        }
    }

    /// Pings, pongs and aborts that are due, encoded.
    pub(crate) fn take_control(&self) -> Vec<u8> {
        let mut state = self.state();
        let ping = std::mem::take(&mut state.ping);
        let pongs = std::mem::take(&mut state.pongs);
        let aborts = std::mem::take(&mut state.aborts);
        drop(state);
        let keepalive = |procedure| Header::new(procedure, MessageType::Message, 0, Status::Ok);
        let headers = (0..pongs)
            .map(|_| keepalive(KEEPALIVE_PONG))
            .chain(ping.then(|| keepalive(KEEPALIVE_PING)))
            .chain(aborts.into_iter().map(|(procedure, serial)| {
                Header::new(procedure, MessageType::Stream, serial, Status::Error)
            }));
        headers.filter_map(|header| Frame::encode(&header, &[]).ok()).flatten().collect()
    }

    pub(crate) fn owe_pong(&self) {
        let mut state = self.state();
        state.pongs = state.pongs.saturating_add(1).min(PONGS_MAX);
        self.control.notify_one();
    }

    pub(crate) fn owe_ping(&self) {
        self.state().ping = true;
        self.control.notify_one();
    }

    pub(crate) fn subscribe(&self, queue: &Arc<EventQueue>) {
        let mut state = self.state();
        state.subscribers.retain(|subscriber| subscriber.strong_count() > 0);
        if self.close_reason().is_some() || state.subscribers.len() >= SUBSCRIBERS_MAX {
            queue.close();
        } else {
            state.subscribers.push(Arc::downgrade(queue));
        }
    }

    /// Hands an event to every subscriber, without waiting for any.
    pub(crate) fn on_event(&self, event: &Event, bytes: usize) {
        for subscriber in &self.state().subscribers {
            if let Some(queue) = subscriber.upgrade() {
                queue.push(event.clone(), bytes);
            }
        }
    }

    /// Ends the connection; the first reason is kept.
    pub(crate) fn close(&self, reason: CloseReason) {
        let mut state = self.state();
        let first = self.closed.send_if_modified(|closed| match closed {
            Some(_) => false,
            None => {
                *closed = Some(reason.clone());
                true
            }
        });
        if !first {
            return;
        }
        tracing::debug!(%reason, "libvirt connection closed");
        let taken = std::mem::take(&mut *state);
        drop(state);
        self.slots.close();
        for (_, entry) in taken.streams.into_values() {
            if let StreamEntry::Open(stream) = entry {
                stream.end_closed(reason.clone());
            }
        }
        for queue in taken.subscribers.iter().filter_map(Weak::upgrade) {
            queue.close();
        }
        // Dropping the waiters wakes every caller, who then finds the reason.
        drop(taken.pending);
    }

    pub(crate) fn close_reason(&self) -> Option<CloseReason> {
        self.closed.borrow().clone()
    }

    /// Why the connection ended, for a caller that has seen it end.
    pub(crate) fn ended(&self) -> CloseReason {
        self.close_reason().unwrap_or(CloseReason::Dropped)
    }

    /// Waits for the end.
    pub(crate) async fn closed(&self) -> CloseReason {
        let mut receiver = self.closed.subscribe();
        let reason =
            receiver.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
        reason.unwrap_or(CloseReason::Dropped)
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.state().pending.len()
    }

    pub(crate) fn abandoned(&self) -> usize {
        self.state().pending.values().filter(|pending| pending.waiter.is_none()).count()
    }

    pub(crate) fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    pub(crate) fn open_streams(&self) -> usize {
        self.state().streams.len()
    }
}

/// A call that somebody waits for. Dropped early, it becomes an abandoned one.
pub(crate) struct InFlight {
    core: Arc<Core>,
    pub(crate) serial: u32,
    settled: bool,
}

impl InFlight {
    /// The reply is in the caller's hands.
    pub(crate) fn settle(mut self) -> u32 {
        self.settled = true;
        self.serial
    }

    /// The request never reached the writer.
    pub(crate) fn unsent(mut self) {
        self.settled = true;
        self.core.forget(self.serial);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if !self.settled {
            self.core.abandon(self.serial);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::procedure::{CONNECT_GET_HOSTNAME, CONNECT_GET_TYPE};

    #[test]
    fn whoever_got_a_wrong_answer_finds_the_reason_when_it_wakes() {
        for (told, status) in
            [(CONNECT_GET_TYPE, Status::Ok), (CONNECT_GET_HOSTNAME, Status::Continue)]
        {
            let (core, _outgoing) = Core::new(Options::default());
            let slot = core.slots.clone().try_acquire_owned().unwrap();
            let (in_flight, mut answer) = core.register(CONNECT_GET_HOSTNAME, slot, None).unwrap();
            let header = Header::new(told, MessageType::Reply, in_flight.serial, status);
            let detail = core.on_reply(Frame { header, payload: Bytes::new() }).unwrap_err();
            // The waiter is gone, so its caller may be awake already.
            assert_eq!(answer.try_recv().unwrap_err(), oneshot::error::TryRecvError::Closed);
            assert_eq!(core.close_reason(), Some(CloseReason::Protocol { detail }));
        }
    }
}
