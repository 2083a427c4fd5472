//! An output as the engine keeps it: what it is, what waits for it, and how it goes.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hostler_core::Timestamp;
use hostler_core::metrics::series::{Sample, SeriesKey};
use hostler_store::history::{Error, OutboxFigures};
use tokio::sync::Notify;
use tokio::time::{Duration, Instant};
use tracing::{error, info, warn};

use super::{OutputSetup, Sent};

/// A reason that changes with each refusal is told this often.
const REFUSALS_TOLD_EVERY: Duration = Duration::from_secs(60);

/// How an output does.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputView {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: &'static str,
    /// Where it is, for people.
    pub target: String,
    /// How the last try went.
    pub state: OutputState,
    /// When something last arrived there, since the server started.
    pub sent_at: Option<Timestamp>,
    /// What waits, and what of that was lost.
    pub waiting: OutboxFigures,
    /// What became of samples since the server started.
    pub counts: OutputCounts,
    /// The latest samples that it would not take.
    pub refusal: Option<OutputRefusal>,
    /// Why nothing can be put into its queue at present.
    pub queue_error: Option<String>,
}

/// How the last try went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutputState {
    /// There was none since the server started.
    Untried,
    /// What was sent arrived, or was refused for good.
    Ok,
    /// It failed and is tried again.
    Failing {
        /// Why.
        told: String,
        /// Since when none went well.
        since: Timestamp,
        /// When the next one begins.
        next_at: Timestamp,
    },
}

/// What became of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutputCounts {
    /// They arrived.
    pub sent: u64,
    /// They were refused for good.
    pub refused: u64,
    /// The protocol cannot tell them: infinite values in line protocol.
    pub left_out: u64,
    /// Tries (not samples) that failed and were made again.
    pub failed_tries: u64,
}

/// Samples that an output would not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputRefusal {
    /// When.
    pub at: Timestamp,
    /// Why, in its words.
    pub told: String,
    /// How many were refused together with them.
    pub samples: u64,
}

pub(crate) struct Route {
    pub(super) setup: OutputSetup,
    /// Something waits.
    pub(super) news: Notify,
    going: Mutex<Going>,
}

struct Going {
    state: OutputState,
    sent_at: Option<Timestamp>,
    counts: OutputCounts,
    refusal: Option<OutputRefusal>,
    refusal_told: Option<Instant>,
    queue_error: Option<String>,
}

impl Route {
    pub(super) fn new(setup: OutputSetup) -> Self {
        let going = Going {
            state: OutputState::Untried,
            sent_at: None,
            counts: OutputCounts::default(),
            refusal: None,
            refusal_told: None,
            queue_error: None,
        };
        Self { setup, news: Notify::new(), going: Mutex::new(going) }
    }

    fn going(&self) -> MutexGuard<'_, Going> {
        self.going.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn offer(&self, taken: &[(SeriesKey, Sample)]) {
        let offered = self.setup.outbox.append(taken);
        self.tell_queue(offered);
        self.news.notify_one();
    }

    pub(super) fn sync(&self) {
        // After an error the next append begins another file, and tells what it meets.
        if let Err(error) = self.setup.outbox.sync() {
            self.tell_queue(Err(error));
        }
    }

    /// Tells when the queue begins to fail, changes its reason, and is well again.
    pub(super) fn tell_queue(&self, done: Result<(), Error>) {
        let now = done.err().map(|error| error.to_string());
        let mut going = self.going();
        if going.queue_error == now {
            return;
        }
        let output = &self.setup.name;
        match &now {
            Some(error) => error!(output, error, "what is to be sent cannot be kept"),
            None => info!(output, "what is to be sent is kept again"),
        }
        going.queue_error = now;
    }

    pub(super) fn arrived(&self, at: Timestamp, Sent { taken, left_out }: Sent) {
        let mut going = self.going();
        going.counts.sent += taken;
        going.counts.left_out += left_out;
        if taken == 0 {
            // Nobody was asked, so nobody knows whether it is well.
            return;
        }
        going.sent_at = Some(at);
        self.well(&mut going);
    }

    /// It answered, and will never take these.
    pub(super) fn refused(&self, at: Timestamp, samples: u64, told: String) {
        let mut going = self.going();
        going.counts.refused += samples;
        let is_new = going.refusal.as_ref().is_none_or(|before| before.told != told);
        let is_quiet = going.refusal_told.is_none_or(|at| at.elapsed() >= REFUSALS_TOLD_EVERY);
        if is_new && is_quiet {
            going.refusal_told = Some(Instant::now());
            let output = &self.setup.name;
            warn!(output, told, samples, "an output refuses samples; they are dropped");
        }
        going.refusal = Some(OutputRefusal { at, told, samples });
        self.well(&mut going);
    }

    pub(super) fn failed(&self, at: Timestamp, told: String, next_at: Timestamp) {
        let mut going = self.going();
        going.counts.failed_tries += 1;
        let since = match &going.state {
            OutputState::Failing { since, told: before, .. } => {
                if *before != told {
                    warn!(output = self.setup.name, told, "an output still takes nothing");
                }
                *since
            }
            _ => {
                warn!(output = self.setup.name, told, "an output takes nothing; it is tried again");
                at
            }
        };
        going.state = OutputState::Failing { told, since, next_at };
    }

    fn well(&self, going: &mut Going) {
        if matches!(going.state, OutputState::Failing { .. }) {
            info!(output = self.setup.name, "an output takes samples again");
        }
        going.state = OutputState::Ok;
    }

    pub(super) fn view(&self) -> OutputView {
        let waiting = self.setup.outbox.figures();
        let going = self.going();
        OutputView {
            name: self.setup.name.clone(),
            kind: self.setup.kind,
            target: self.setup.target.clone(),
            state: going.state.clone(),
            sent_at: going.sent_at,
            waiting,
            counts: going.counts,
            refusal: going.refusal.clone(),
            queue_error: going.queue_error.clone(),
        }
    }
}
