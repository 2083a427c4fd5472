//! When a pass is made: at a steady pace from a random beginning, so that many
//! providers are not asked all at once; with a deadline shorter than the pace;
//! and more seldom where a pass takes more than a fifth of it (X21).

use std::sync::Arc;
use std::time::Duration;

use hostler_core::id::ProviderId;
use hostler_core::metrics::Cost;
use hostler_provider::{Batch, Cx, Error, Kind, Provider};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{debug, info};

use super::PassNote;
use crate::Inner;

/// The part of the pace that a pass may take.
const SHARE: u32 = 5;
/// How much more seldom than configured passes become at most.
const SLOWER_MAX: u32 = 30;
/// A pass may take this long even at a quick pace.
const DEADLINE_MIN: Duration = Duration::from_secs(2);

/// Makes one kind of pass over a provider until it is removed.
pub(super) async fn run(engine: Arc<Inner>, provider: ProviderId, pass: Cost) {
    let Some(mut pace) = engine.collect.as_ref().map(|pace| pace.subscribe()) else { return };
    let first = interval(&engine, provider, pass);
    tokio::time::sleep(jitter(&engine, first.min(Duration::from_secs(1)))).await;
    let mut slowed = None;
    while let Some(live) = engine.fleet.provider(provider) {
        let base = interval(&engine, provider, pass);
        let Ok(_turn) = engine.collecting.acquire().await else { return };
        let began = Instant::now();
        let made = make(&engine, live, pass, deadline(base)).await;
        let took = began.elapsed();
        drop(_turn);
        let next = paced(base, took);
        if slowed != Some(next) && next > base {
            info!(%provider, pass = pass.as_str(), ?took, every = ?next, "measuring more seldom");
        }
        slowed = Some(next);
        let note = PassNote { took, interval: next, ..PassNote::default() };
        take(&engine, provider, pass, made, note);
        tokio::select! {
            () = tokio::time::sleep_until(began + next) => {}
            // A new pace counts from now on, not after the old one.
            changed = pace.changed() => if changed.is_err() { return },
        }
    }
    engine.figures.forget(provider);
}

fn take(
    engine: &Inner,
    provider: ProviderId,
    pass: Cost,
    made: Result<Batch, Error>,
    note: PassNote,
) {
    match made {
        Ok(batch) => engine.figures.take(provider, pass, batch, note),
        Err(error) => {
            debug!(%provider, pass = pass.as_str(), %error, "a pass failed");
            engine.figures.fail(provider, pass, error.message(), note);
        }
    }
}

/// In a task of its own: a driver that panics has measured nothing, no more.
async fn make(
    engine: &Inner,
    provider: Arc<dyn Provider>,
    pass: Cost,
    deadline: Duration,
) -> Result<Batch, Error> {
    let cx = Cx::within(deadline).with_clock(engine.clock.clone());
    let mut task = JoinSet::new();
    task.spawn(async move {
        let Some(metrics) = provider.metrics() else {
            return Err(Error::new(Kind::Unsupported, "it cannot be measured"));
        };
        cx.run("measure", metrics.collect(&cx, pass)).await
    });
    match task.join_next().await {
        Some(Ok(made)) => made,
        Some(Err(panic)) => Err(Error::new(Kind::Bug, "the driver failed").with_raw(panic)),
        None => Err(Error::new(Kind::Bug, "the driver was not asked")),
    }
}

fn interval(engine: &Inner, provider: ProviderId, pass: Cost) -> Duration {
    let name = engine.fleet.read().providers.get(&provider).map(|entry| entry.row.name.clone());
    let pace = engine.collect.as_ref().map(|pace| pace.borrow().clone()).unwrap_or_default();
    pace.interval_of(&name.unwrap_or_default(), pass).max(Duration::from_millis(100))
}

pub(super) fn deadline(interval: Duration) -> Duration {
    (interval * 4 / 5).max(DEADLINE_MIN)
}

/// The time from one pass to the next, where the last one took so long.
pub(super) fn paced(base: Duration, took: Duration) -> Duration {
    base.max(took.saturating_mul(SHARE)).min(base.saturating_mul(SLOWER_MAX))
}

pub(crate) fn jitter(engine: &Inner, below: Duration) -> Duration {
    let random = u32::from_le_bytes(engine.ids.secret());
    below.mul_f64(f64::from(random) / (f64::from(u32::MAX) + 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x21_a_slow_pass_is_made_more_seldom_and_a_quick_one_as_configured() {
        let ms = Duration::from_millis;
        assert_eq!(paced(ms(10_000), ms(50)), ms(10_000));
        assert_eq!(paced(ms(10_000), ms(2_000)), ms(10_000));
        assert_eq!(paced(ms(10_000), ms(3_000)), ms(15_000));
        assert_eq!(paced(ms(10_000), ms(900_000)), ms(300_000), "but it is made");
    }

    #[test]
    fn a_pass_ends_before_the_next_is_due() {
        for seconds in [5, 10, 60] {
            let interval = Duration::from_secs(seconds);
            assert!(deadline(interval) < interval);
        }
    }
}
