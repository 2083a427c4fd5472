//! Measures this server's own machine, as an agent there would: one task for
//! each kind of pass, so that an engine that hangs delays nothing else.

use std::sync::Arc;
use std::time::Duration;

use hostler_core::metrics::Cost;
use hostler_provider::{Asked, Batch, Cx, Error, Kind, Machine, Metrics};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::{Heard, MachineKey};
use crate::Inner;
use crate::collect::PassNote;
use crate::collect::held::Origin;
use crate::collect::schedule::{deadline, jitter, paced};

/// One kind of pass.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    pub(super) key: MachineKey,
    pub(super) asked: Asked,
    pub(super) pass: Cost,
    pub(super) interval: Duration,
}

/// What is known of this machine from the start.
pub(super) fn heard(engine: &Inner, machine: Machine) -> Heard {
    let now = engine.clock.now();
    Heard {
        machine,
        hypervisor_ref: None,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: now,
        at: now,
        arrived: Instant::now(),
        ahead_seconds: 0.0,
    }
}

/// Makes one kind of pass for as long as the server runs.
pub(super) async fn run(engine: Arc<Inner>, turn: Turn, metrics: Arc<dyn Metrics>) {
    let Turn { key, asked, pass, interval } = turn;
    let origin = Origin::Machine(key, asked);
    tokio::time::sleep(jitter(&engine, interval.min(Duration::from_secs(1)))).await;
    let mut failing = None;
    loop {
        let began = Instant::now();
        let made = make(&engine, metrics.clone(), pass, deadline(interval)).await;
        let took = began.elapsed();
        let next = paced(interval, took);
        let note = PassNote { took, interval: next, ..PassNote::default() };
        match made {
            Ok(mut batch) => {
                failing = None;
                // It is the machine itself, whatever it is called.
                batch.hosts.iter_mut().for_each(|host| host.of.clear());
                engine.figures.take(origin, pass, batch, note);
                let (now, arrived) = (engine.clock.now(), Instant::now());
                engine.machines.change(key, |watched| {
                    if let Some(heard) = &mut watched.identity {
                        (heard.at, heard.arrived) = (now, arrived);
                    }
                });
            }
            Err(error) => {
                if failing != Some(error.kind()) {
                    let asked = asked.as_str();
                    warn!(asked, why = error.message(), "this machine is not measured");
                }
                debug!(asked = asked.as_str(), %error, "a pass failed");
                failing = Some(error.kind());
                engine.figures.fail(origin, pass, error.message(), note);
            }
        }
        tokio::time::sleep_until(began + next).await;
    }
}

/// In a task of its own: one that panics has measured nothing, no more.
async fn make(
    engine: &Inner,
    metrics: Arc<dyn Metrics>,
    pass: Cost,
    within: Duration,
) -> Result<Batch, Error> {
    let cx = Cx::within(within).with_clock(engine.clock.clone());
    let mut task = JoinSet::new();
    task.spawn(async move { cx.run("measure", metrics.collect(&cx, pass)).await });
    let made = task.join_next().await.and_then(Result::ok);
    made.unwrap_or_else(|| Err(Error::new(Kind::Bug, "measuring failed")))
}
