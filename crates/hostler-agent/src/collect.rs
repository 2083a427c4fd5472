//! One task for each pass of each source, so that none waits for another.
//!
//! ```text
//!  jitter ─► present? ─► collect within a deadline ─► shelf ─► sleep ─┐
//!              ▲  no: off the shelf                                   │
//!              └──────────────────────────────────────────────────────┘
//!                        (new intervals wake it at once)
//! ```

use std::sync::Arc;
use std::time::Duration;

use hostler_core::clock::Clock;
use hostler_core::metrics::Cost;
use hostler_provider::{Cx, Error, Kind as ErrorKind};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::Intervals;
use crate::pace::Pace;
use crate::shelf::{Pass, Shelf};
use crate::sources::{Kind, Source};

/// Guest agents are asked more seldom than hypervisors: each answer is work for a guest.
const GUEST_TIMES: u32 = 3;
/// How much longer than its deadline a pass may take before it is given up from outside.
const GRACE: Duration = Duration::from_millis(500);

/// What a collecting task shares with the others.
#[derive(Clone)]
pub(crate) struct Collector {
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) intervals: watch::Receiver<Intervals>,
    pub(crate) stop: CancellationToken,
}

impl Collector {
    /// Makes one kind of pass over one source until told to stop.
    pub(crate) async fn keep(mut self, source: Arc<Source>, cost: Cost, jitter: Duration) {
        let stop = self.stop.clone();
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.run(&source, cost, jitter) => {}
        }
    }

    async fn run(&mut self, source: &Source, cost: Cost, jitter: Duration) {
        let mut pace = Pace::new();
        tokio::time::sleep(jitter).await;
        loop {
            let started = Instant::now();
            let configured = self.configured(source.kind, cost);
            if source.is_present() {
                pace = self.pass(source, cost, pace, configured).await;
            } else {
                self.shelf.remove(source.name, cost);
            }
            let next = tokio::time::sleep_until(started + pace.interval(configured));
            tokio::select! {
                () = next => {}
                // New intervals; an error would come again and again without a pause.
                changed = self.intervals.changed() => if changed.is_err() { return },
            }
        }
    }

    fn configured(&mut self, kind: Kind, cost: Cost) -> Duration {
        let intervals = *self.intervals.borrow_and_update();
        let interval = match kind {
            Kind::Node => intervals.node,
            Kind::Containers => intervals.containers,
            Kind::Vms => intervals.vms,
        };
        match cost {
            Cost::Guest => interval * GUEST_TIMES,
            _ => interval,
        }
    }

    async fn pass(&self, source: &Source, cost: Cost, pace: Pace, configured: Duration) -> Pace {
        let deadline = pace.deadline(configured);
        let cx =
            Cx::within(deadline).with_cancel(self.stop.clone()).with_clock(Arc::clone(&self.clock));
        let started = Instant::now();
        let collected = match source.metrics() {
            Some(metrics) => {
                let collecting = metrics.collect(&cx, cost);
                tokio::time::timeout(deadline + GRACE, collecting).await.unwrap_or_else(|_| {
                    let message = format!("{}: no answer within {deadline:?}", source.name);
                    Err(Error::new(ErrorKind::Timeout, message))
                })
            }
            None => Err(Error::new(ErrorKind::Unsupported, "it cannot measure")),
        };
        let took = started.elapsed();
        let next = pace.after(took, configured);
        let pass = Pass {
            source: source.name,
            kind: source.kind,
            cost,
            interval: next.interval(configured),
            took,
        };
        match collected {
            Ok(batch) => {
                if self.shelf.put(pass, batch, self.clock.now()) {
                    recovered(source);
                }
            }
            Err(error) => {
                if self.shelf.fail(pass, error.to_string()) {
                    failed(source, &error);
                }
            }
        }
        next
    }
}

/// Said once, when a source answers that had not (D1).
fn recovered(source: &Source) {
    match source.kind {
        Kind::Vms => {
            tracing::info!("Connected to {} ({}) for VM metrics", source.name, source.address)
        }
        _ => tracing::info!(source = source.name, address = source.address, "measured"),
    }
}

/// Said once, when a source does not answer that had (D1, D10).
fn failed(source: &Source, error: &Error) {
    let raw = error.raw().unwrap_or_default();
    match source.kind {
        Kind::Vms => tracing::warn!(
            raw,
            "Failed to connect to {} ({}): {error} - VMs have no metrics until it answers",
            source.name,
            source.address
        ),
        _ => tracing::warn!(
            source = source.name,
            address = source.address,
            raw,
            "not measured: {error}; there are no metrics of it until it answers"
        ),
    }
}
