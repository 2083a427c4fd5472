//! What all connections share: the world under one lock, and the bell that rings when it changed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::Access;
use crate::console::Sessions;
use crate::counts::Counts;
use crate::faults::{Faults, Streams};
use crate::options::Options;
use crate::world::World;

/// What is under the lock.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) access: Access,
    pub(crate) faults: Faults,
    pub(crate) streams: Streams,
    pub(crate) counts: Counts,
    pub(crate) consoles: Sessions,
}

/// What connections, the controller's timer and the handle share.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    /// Rings when there may be something new to tell; its value says nothing.
    bell: watch::Sender<u64>,
    began: Instant,
    pub(crate) options: Options,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
}

impl Shared {
    pub(crate) fn new(options: Options, state: State) -> Self {
        Self {
            state: Mutex::new(state),
            bell: watch::Sender::new(0),
            began: Instant::now(),
            options,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        }
    }

    /// The time: where the world's began, and what passed since.
    pub(crate) fn now(&self) -> Timestamp {
        let passed = Duration::from_secs(self.began.elapsed().as_secs());
        self.options.begins_at.checked_add(passed).unwrap_or(self.options.begins_at)
    }

    /// The state, with the present time in it. Never held over an await.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.world.now = self.now();
        state
    }

    /// Changes something and rings the bell.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.bell.send_modify(|rung| *rung = rung.wrapping_add(1));
        result
    }

    pub(crate) fn bell(&self) -> watch::Receiver<u64> {
        self.bell.subscribe()
    }
}
