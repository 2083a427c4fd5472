//! Undoing a step, and making sure of it.
//!
//! A call that was given up (cancelled, timed out, cut off by a crash) may take
//! effect after everybody has looked. So a step of which a call was never
//! answered is undone not once but until the settling window is over:
//!
//! ```text
//!  UndoStarted ─► undo ─┬─ every call was answered, or nothing can come ─► Undone(trace)
//!                       │
//!                       └─ a call was not answered
//!                             │   pause ◄─────┐
//!                             └─► undo again ─┴─ window over ────────────► Undone(trace)
//!                                     └─ fails for good ─► UndoFailed: needs attention
//!
//!  Finished ─► what comes still later is found by the leftovers reconciler, and undone
//! ```
//!
//! The window begins when the unwinding does: no call is begun after that. After
//! a crash it begins anew. Its length is data, in [`crate::Pace`].

use std::sync::Arc;
use std::time::Duration;

use hostler_core::operation::{Event, Failure, Journal, Plan};
use hostler_store::Effect;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Drive, Stop, step_name};
use crate::operations::runner::Runner;
use crate::operations::{StepError, Undo, retry};

/// The longest pause between two looks of a settling window.
const PAUSE_MAX: Duration = Duration::from_secs(2);

impl Drive<'_> {
    pub(super) async fn undo(
        &self,
        runner: &Arc<dyn Runner>,
        plan: &Plan,
        journal: &Journal,
        step: u32,
    ) -> Result<(), Stop> {
        let mut window = Window {
            until: *self.unwinding_since.get_or_init(Instant::now) + self.engine.pace.settle,
            pause: self.engine.pace.settle_first,
        };
        self.append(Event::UndoStarted { step }, Vec::new()).await?;
        // What this very event tells: a crash may have cut the step off.
        let mut journal = journal.clone();
        journal.apply(&Event::UndoStarted { step });
        let (mut found, mut effects) = match self.undo_once(runner, plan, &journal, step).await? {
            Ok(undone) => undone,
            Err(error) => return self.cannot_undo(plan, step, &error).await,
        };
        while journal.is_unsettled(step)
            && !found.is_final
            && let Some(pause) = window.next_pause(Instant::now())
        {
            self.rest(tokio::time::sleep(pause)).await?;
            match self.undo_once(runner, plan, &journal, step).await? {
                Ok((again, more)) => {
                    effects.extend(more);
                    found = found.and_then(again);
                }
                Err(error) => return self.cannot_undo(plan, step, &error).await,
            }
        }
        info!(step = %step_name(plan, step), found = ?found.trace, "step is undone");
        self.append(Event::Undone { step, trace: found.trace }, effects).await
    }

    async fn cannot_undo(&self, plan: &Plan, step: u32, error: &StepError) -> Result<(), Stop> {
        let failure = Failure::from(&error.error);
        warn!(step = %step_name(plan, step), error = %error.error,
            "step cannot be undone; the operation needs attention");
        self.append(Event::UndoFailed { step, failure }, Vec::new()).await
    }

    /// Undoes a step, trying again what fails in passing.
    async fn undo_once(
        &self,
        runner: &Arc<dyn Runner>,
        plan: &Plan,
        journal: &Journal,
        step: u32,
    ) -> Result<Result<(Undo, Vec<Effect>), StepError>, Stop> {
        let mut retries = 0;
        loop {
            let attempt = self.try_to_undo(runner, plan, journal, step).await;
            let attempt = match (attempt, &self.engine.sabotage) {
                (Ok((found, effects)), Some(sabotage)) if sabotage.repeats_steps() => {
                    let again = self.try_to_undo(runner, plan, journal, step).await;
                    again.map(|(again, _)| (found.and_then(again), effects))
                }
                (attempt, _) => attempt,
            };
            match attempt {
                Err(error) if error.is_transient && retries < retry::RETRIES_MAX_NO_WAY_BACK => {
                    let pause = self.engine.pause(retries, error.retry_after);
                    self.rest(tokio::time::sleep(pause)).await?;
                    retries += 1;
                }
                ended => return Ok(ended),
            }
        }
    }

    async fn try_to_undo(
        &self,
        runner: &Arc<dyn Runner>,
        plan: &Plan,
        journal: &Journal,
        step: u32,
    ) -> Result<(Undo, Vec<Effect>), StepError> {
        // Undoing is not interrupted by the cancel that caused it.
        let token = CancellationToken::new();
        let cx = self.step_cx(runner, plan, step, &token)?.with_fate(journal.fate(step));
        let request = self.request(plan, journal, step);
        let runner = runner.clone();
        let undo = async move {
            let found = runner.undo(&request, &cx).await?;
            Ok((found, cx.take_effects()))
        };
        self.in_a_task(step_name(plan, step), token, undo).await
    }
}

/// A time in which effects may still come.
#[derive(Debug)]
struct Window {
    until: Instant,
    pause: Duration,
}

impl Window {
    /// How long to wait before the next look; `None` when the last one was made
    /// at the end of the window or after it.
    fn next_pause(&mut self, now: Instant) -> Option<Duration> {
        let left = self.until.checked_duration_since(now).filter(|left| !left.is_zero())?;
        let pause = self.pause.min(left);
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When looks are made in a window of so long.
    async fn looks(window: Duration, first: Duration) -> Vec<Duration> {
        let began = Instant::now();
        let mut window = Window { until: began + window, pause: first };
        let mut looks = vec![Duration::ZERO];
        while let Some(pause) = window.next_pause(Instant::now()) {
            tokio::time::sleep(pause).await;
            looks.push(began.elapsed());
        }
        looks
    }

    #[tokio::test(start_paused = true)]
    async fn a_window_is_looked_at_ever_more_seldom_and_for_the_last_time_at_its_end() {
        let secs = Duration::from_secs_f64;
        let looked = looks(secs(10.0), secs(0.25)).await;
        assert_eq!(looked, [0.0, 0.25, 0.75, 1.75, 3.75, 5.75, 7.75, 9.75, 10.0].map(secs));
        assert_eq!(looks(secs(0.1), secs(0.25)).await, [0.0, 0.1].map(secs));
        assert_eq!(looks(Duration::ZERO, secs(0.25)).await, [Duration::ZERO]);
    }
}
