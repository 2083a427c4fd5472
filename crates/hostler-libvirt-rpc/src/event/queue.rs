//! The bounded queue between the connection's reader and one subscriber. The reader never waits:
//! what does not fit is counted, and the count stands in the queue at the place of the gap.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::Event;

/// Most bytes of unread events, whatever their number: an event may carry long strings.
const BYTES_MAX: usize = 16 * 1024 * 1024;

#[derive(Default)]
struct Queue {
    /// Events with the bytes they took on the wire.
    events: VecDeque<(Event, usize)>,
    bytes: usize,
    is_closed: bool,
}

/// The shared part.
pub(crate) struct EventQueue {
    capacity: usize,
    queue: Mutex<Queue>,
    filled: Notify,
}

impl EventQueue {
    pub(crate) fn new(capacity: usize) -> Arc<Self> {
        let capacity = capacity.max(1);
        Arc::new(Self { capacity, queue: Mutex::default(), filled: Notify::new() })
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an event, or counts it as lost.
    pub(crate) fn push(&self, event: Event, bytes: usize) {
        let mut queue = self.queue();
        let has_room =
            queue.events.len() < self.capacity && queue.bytes.saturating_add(bytes) <= BYTES_MAX;
        if has_room {
            queue.bytes += bytes;
            queue.events.push_back((event, bytes));
        } else if let Some((Event::Lost { count }, _)) = queue.events.back_mut() {
            *count += 1;
        } else {
            // The one place above the capacity, so that the gap is always marked.
            queue.events.push_back((Event::Lost { count: 1 }, 0));
        }
        self.filled.notify_one();
    }

    pub(crate) fn close(&self) {
        self.queue().is_closed = true;
        self.filled.notify_one();
    }
}

/// A subscription to a connection's events.
pub struct Events {
    queue: Arc<EventQueue>,
}

impl std::fmt::Debug for Events {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Events({} unread)", self.queue.queue().events.len())
    }
}

impl Events {
    pub(crate) fn new(queue: Arc<EventQueue>) -> Self {
        Self { queue }
    }

    /// The next event, or `None` when the connection has ended and all are read. Cancel-safe.
    pub async fn recv(&mut self) -> Option<Event> {
        loop {
            let filled = self.queue.filled.notified();
            {
                let mut queue = self.queue.queue();
                if let Some((event, bytes)) = queue.events.pop_front() {
                    queue.bytes -= bytes;
                    return Some(event);
                }
                if queue.is_closed {
                    return None;
                }
            }
            filled.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(reason: i32) -> Event {
        Event::ConnectionClosed { reason }
    }

    #[tokio::test]
    async fn a_gap_is_marked_where_it_is_and_counted() {
        let queue = EventQueue::new(2);
        (0..5).for_each(|reason| queue.push(event(reason), 4));
        let mut events = Events::new(queue.clone());
        assert_eq!(events.recv().await, Some(event(0)));
        // One place is not enough: the mark itself has taken it.
        queue.push(event(5), 4);
        assert_eq!(events.recv().await, Some(event(1)));
        queue.push(event(6), 4);
        assert_eq!(events.recv().await, Some(Event::Lost { count: 4 }));
        assert_eq!(events.recv().await, Some(event(6)));
        queue.close();
        assert_eq!(events.recv().await, None);
    }

    #[tokio::test]
    async fn few_events_with_many_bytes_are_bounded_as_well() {
        let queue = EventQueue::new(100);
        queue.push(event(0), BYTES_MAX);
        queue.push(event(1), 1);
        let mut events = Events::new(queue);
        assert_eq!(events.recv().await, Some(event(0)));
        assert_eq!(events.recv().await, Some(Event::Lost { count: 1 }));
    }
}
