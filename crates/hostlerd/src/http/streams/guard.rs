//! Who may listen, and for how long.

use std::sync::Arc;
use std::time::Duration;

use hostler_core::Code;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Interval, MissedTickBehavior};

use crate::app::App;
use crate::auth::Caller;
use crate::http::error::{Refusal, Result};

/// Somebody who listens: one of so many, and only for as long as they may.
pub(in crate::http) struct Guard {
    app: App,
    caller: Caller,
    beat: Interval,
    ended: watch::Receiver<u64>,
    _permit: OwnedSemaphorePermit,
}

/// What has to be done besides telling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Sign {
    /// Nothing was said for a while, or not much: show that the connection is alive, and see
    /// whether they may still listen.
    Beat,
    /// Somebody's credentials were ended: see whether it was theirs.
    Ended,
    /// The server stops.
    Stopping,
}

impl Guard {
    /// Takes one of the `places`.
    pub(in crate::http) fn admit(
        app: App,
        caller: Caller,
        places: &Arc<Semaphore>,
        what: &str,
        beat: Duration,
    ) -> Result<Self> {
        let permit = places.clone().try_acquire_owned().map_err(|_| {
            let message = format!("too many clients follow {what}");
            Refusal::new(Code::RateLimited, message).retry_after(30)
        })?;
        let ended = app.auth.ended();
        let mut beat = tokio::time::interval(beat);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beat.reset();
        Ok(Self { app, caller, beat, ended, _permit: permit })
    }

    /// Who listens.
    pub(in crate::http) const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The next sign. Dropping the future loses nothing; what was given has to be acted on.
    pub(in crate::http) async fn sign(&mut self) -> Sign {
        tokio::select! {
            () = self.app.draining.cancelled() => Sign::Stopping,
            _ = self.beat.tick() => Sign::Beat,
            // Its sender lives as long as the application, which this holds.
            _ = self.ended.changed() => Sign::Ended,
        }
    }

    /// Whether they may go on listening: whoever was let in may have been thrown out since.
    pub(in crate::http) async fn may_stay(&self) -> bool {
        self.app.auth.is_still_valid(&self.caller).await
    }
}
