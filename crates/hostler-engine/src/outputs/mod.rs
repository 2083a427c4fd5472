//! Where the history goes beside our own disk. What is recorded is put into a queue on the
//! disk for each output, and a task of its own sends from there: what is slow or away costs
//! itself, and neither those who measure nor the other outputs (A15).
//!
//! ```text
//!  record ──► history
//!     └─────► Outbox ──► sender ──► Output (a server of somebody else)
//!             on the disk,   one batch at a time, in order; again after a pause,
//!             bounded        in halves where something in it is refused
//! ```
//!
//! | to learn about | read |
//! |---|---|
//! | the queue | `hostler_store::history::Outbox` |
//! | one batch, sent until it needs nothing more | `sender.rs` |
//! | what is told of an output | `route.rs` |

mod route;
mod sender;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hostler_core::metrics::series::{Sample, SeriesKey};
use hostler_store::history::Outbox;

pub use route::{OutputCounts, OutputRefusal, OutputState, OutputView};

pub(crate) use route::Route;

use crate::Inner;

/// A place that samples are sent to.
#[async_trait]
pub trait Output: Send + Sync + 'static {
    /// Whether a batch may have a series only once.
    fn wants_each_once(&self) -> bool;

    /// Sends samples, once. To send the same again must change nothing.
    ///
    /// # Errors
    /// When they were not taken, or nobody knows.
    async fn send(&self, samples: &[(SeriesKey, Sample)]) -> Result<Sent, NotSent>;
}

/// What became of samples of which none was refused. What is neither, ends of series for example,
/// needs no telling there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sent {
    /// So many arrived. None: nobody was asked.
    pub taken: u64,
    /// So many the output cannot tell.
    pub left_out: u64,
}

/// Why samples were not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotSent {
    /// When the same may be sent again.
    pub again: Again,
    /// Why, for people; without secrets.
    pub told: String,
}

/// When what was not taken may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// Later, and not before this time has passed.
    After(Duration),
    /// Never as it is; parts of it may be taken.
    Never,
}

/// An output, and how it is sent to.
#[derive(Clone)]
pub struct OutputSetup {
    /// Its name, one of its kind.
    pub name: String,
    /// What it is, for example `remote_write`.
    pub kind: &'static str,
    /// Where it is, for people; without secrets.
    pub target: String,
    /// The place itself.
    pub output: Arc<dyn Output>,
    /// What waits for it.
    pub outbox: Outbox,
    /// How it is sent to.
    pub pace: OutputPace,
}

/// How an output is sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputPace {
    /// The most samples of a batch, give or take one row of the queue.
    pub batch: usize,
    /// How long more is waited for when something comes.
    pub linger: Duration,
    /// The pause after a try that failed; each is twice as long as the one before.
    pub first_pause: Duration,
    /// The longest of these pauses.
    pub longest_pause: Duration,
    /// A try that takes longer has failed.
    pub deadline: Duration,
}

impl Default for OutputPace {
    fn default() -> Self {
        Self {
            batch: 5000,
            linger: Duration::from_secs(1),
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(60),
            deadline: Duration::from_secs(120),
        }
    }
}

/// All outputs.
#[derive(Default)]
pub(crate) struct Routes(Vec<Arc<Route>>);

impl Routes {
    pub(crate) fn new(setups: Vec<OutputSetup>) -> Self {
        Self(setups.into_iter().map(|setup| Arc::new(Route::new(setup))).collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts what was recorded into each queue. Blocks on the disk.
    pub(crate) fn offer(&self, taken: &[(SeriesKey, Sample)]) {
        if taken.is_empty() {
            return;
        }
        for route in &self.0 {
            route.offer(taken);
        }
    }

    /// What was offered before survives a power cut from here on. Blocks on the disk.
    pub(crate) fn sync(&self) {
        for route in &self.0 {
            route.sync();
        }
    }

    pub(crate) fn views(&self) -> Vec<OutputView> {
        self.0.iter().map(|route| route.view()).collect()
    }
}

/// Starts sending.
pub(crate) fn start(engine: &Arc<Inner>) {
    for route in &engine.outputs.0 {
        let route = route.clone();
        engine.supervise("sending the history", move |engine| sender::run(engine, route.clone()));
    }
}
