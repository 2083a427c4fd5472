//! The ring of frames, and who wants what.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hostler_api::v1::LiveTopic;
use tokio::sync::broadcast;

use super::frame::Frame;

/// So many frames wait for slow clients, for all of them together. With the frames' size
/// that is 32 MiB at most.
pub(super) const RING_FRAMES: usize = 512;

/// What the live stream's clients share. Cheap to clone; all clones are the same.
#[derive(Debug, Clone)]
pub struct Live(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    ring: broadcast::Sender<Arc<Frame>>,
    /// The number of the newest frame.
    last: AtomicU64,
    /// How often clients were told that they lost something.
    resyncs: AtomicU64,
    /// How many want each topic.
    wanted: Mutex<BTreeMap<LiveTopic, usize>>,
}

impl Default for Live {
    fn default() -> Self {
        Self(Arc::new(Shared {
            ring: broadcast::Sender::new(RING_FRAMES),
            last: AtomicU64::new(0),
            resyncs: AtomicU64::new(0),
            wanted: Mutex::default(),
        }))
    }
}

impl Live {
    /// How many clients there are.
    pub fn clients(&self) -> usize {
        self.0.ring.receiver_count()
    }

    /// How many frames were made: once each, for however many clients.
    pub fn frames(&self) -> u64 {
        self.0.last.load(Ordering::Acquire)
    }

    /// How many frames are kept at present, since some client has not got them yet.
    pub fn waiting(&self) -> usize {
        self.0.ring.len()
    }

    /// How often clients were told that they lost something.
    pub fn resyncs(&self) -> u64 {
        self.0.resyncs.load(Ordering::Relaxed)
    }

    pub(super) fn count_resync(&self) {
        self.0.resyncs.fetch_add(1, Ordering::Relaxed);
    }

    /// Tells a frame to all. There is one task that does; so numbers grow one by one.
    pub(super) fn tell(&self, make: impl FnOnce(u64) -> Option<Frame>) {
        let seq = self.frames() + 1;
        let Some(frame) = make(seq) else { return };
        // First the number: whoever begins anew in between counts the frame as lost and leaves
        // it out, which is true; the other way round it would be told twice.
        self.0.last.store(seq, Ordering::Release);
        let _ = self.0.ring.send(Arc::new(frame));
    }

    /// A place in the ring, from now on, and the number of the last frame before.
    pub(super) fn join(&self) -> (broadcast::Receiver<Arc<Frame>>, u64) {
        let place = self.0.ring.subscribe();
        (place, self.frames())
    }

    /// Whether somebody wants that topic.
    pub(super) fn is_wanted(&self, topic: LiveTopic) -> bool {
        self.wanted().get(&topic).is_some_and(|count| *count > 0)
    }

    /// Notes that one client more, or less, wants these topics.
    pub(super) fn want<'a>(&self, topics: impl Iterator<Item = &'a LiveTopic>, is_more: bool) {
        let mut wanted = self.wanted();
        for topic in topics {
            let count = wanted.entry(*topic).or_default();
            *count = if is_more { count.saturating_add(1) } else { count.saturating_sub(1) };
        }
    }

    fn wanted(&self) -> MutexGuard<'_, BTreeMap<LiveTopic, usize>> {
        // Counts are changed one by one, so a panic leaves none half done.
        self.0.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
