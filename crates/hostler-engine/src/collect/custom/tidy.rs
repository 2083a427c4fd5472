//! What has to be done while nobody pushes: what is too old ends in the history and is
//! forgotten later, what is of a thing that is gone at once. What is of a thing that has
//! other labels now ends under the old ones; the next push begins it under the new ones,
//! since nobody measured anything under those yet.

use std::sync::Arc;
use std::time::Duration;

use hostler_core::metrics::series::SeriesKey;
use hostler_store::history::Error;
use tokio::time::Instant;

use super::state::{Series, State};
use super::{CustomOf, CustomSettings};
use crate::Inner;
use crate::collect::record::{self, Trouble};
use crate::fleet::snapshot::Snapshot;

/// Looks so often within the time for which a value is told.
const LOOKS: u32 = 10;
/// And at least so often.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Works until the engine stops.
pub(crate) async fn run(engine: Arc<Inner>) {
    let mut trouble = Trouble::with("write what is pushed");
    loop {
        let pause = engine.custom.settings().ttl / LOOKS;
        tokio::time::sleep(pause.clamp(Duration::from_millis(20), PAUSE_MAX)).await;
        let Ok(turn) = engine.custom.turn().await else { continue };
        let working = engine.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            once(&working)
        });
        match done.await {
            Ok(done) => drop(trouble.tell(done)),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
}

fn once(engine: &Inner) -> Result<(), Error> {
    let (snapshot, settings) = (engine.fleet.snapshot(), engine.custom.settings());
    let work = Work::of(&engine.custom.state(), &snapshot, &settings, Instant::now());
    if let Some(archive) = &engine.history
        && !work.ended.is_empty()
    {
        let now = engine.clock.now().as_millis();
        // What is not written now is at the next look.
        record::keep(engine, archive, now, &[], &work.ended)?;
    }
    work.done(&mut engine.custom.state());
    Ok(())
}

/// What is to be done.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) ended: Vec<SeriesKey>,
    /// Series that are held and, until they are pushed again, not in the history.
    paused: Vec<Series>,
    /// Series that are not held any more.
    gone: Vec<Series>,
}

impl Work {
    pub(super) fn of(
        state: &State,
        snapshot: &Snapshot,
        settings: &CustomSettings,
        now: Instant,
    ) -> Self {
        let mut work = Self::default();
        for (series, held) in state.all() {
            let age = held.age(now);
            let of = CustomOf::find(series.of, snapshot);
            if of.is_none() || age > settings.ttl.saturating_mul(2) {
                work.ended.extend(held.written.clone());
                work.gone.push(series.clone());
                continue;
            }
            // Nothing is written where no history is kept, or what was has ended.
            let Some(written) = &held.written else { continue };
            let present = of.filter(|_| age <= settings.ttl);
            let present = present.and_then(|of| of.series(&series.key));
            if present.as_ref() != Some(written) {
                work.ended.push(written.clone());
                work.paused.push(series.clone());
            }
        }
        work
    }

    pub(super) fn done(self, state: &mut State) {
        for series in &self.paused {
            if let Some(held) = state.get_mut(series) {
                held.written = None;
            }
        }
        for series in &self.gone {
            state.remove(series);
        }
    }
}
