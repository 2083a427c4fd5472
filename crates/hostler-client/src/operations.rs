//! Waiting for operations, through short outages of the server too: an
//! operation survives them, so whoever waits should.

use std::time::Duration;

use hostler_api::{Nothing, v1};
use hostler_core::Kind;
use tokio::time::Instant;

use crate::answer::Answer;
use crate::client::{Client, Terms};
use crate::error::Result;

/// The longest time that a server waits before it answers, in seconds.
const WAIT_MAX_SECONDS: u64 = 60;
/// The shortest time between two questions, should the server not wait at all.
const PAUSE_MIN: Duration = Duration::from_millis(200);
/// The time between two attempts to reach a server that does not answer.
const PAUSE_AWAY: Duration = Duration::from_secs(1);

/// How to wait.
#[derive(Debug, Clone, Copy)]
pub struct Waiting {
    /// How often news are wanted while it runs.
    pub every: Duration,
    /// How long to wait in all; without limit when not given.
    pub timeout: Option<Duration>,
    /// How long the server may be away in between.
    pub patience: Duration,
}

impl Default for Waiting {
    fn default() -> Self {
        Self { every: Duration::from_secs(30), timeout: None, patience: Duration::from_secs(60) }
    }
}

/// How the waiting ended.
#[derive(Debug, Clone)]
pub enum Waited {
    /// The operation has ended or needs attention.
    Settled(Box<Answer<v1::Operation>>),
    /// The time is up and it still runs.
    Running(Box<Answer<v1::Operation>>),
}

/// Whether an operation in `state` does nothing any more by itself. A state
/// that this version does not know counts as running.
pub fn is_settled(state: &str) -> bool {
    matches!(state, "succeeded" | "failed" | "cancelled" | "needs_attention")
}

impl Client {
    /// Waits until the operation `id` has ended or needs attention, and gives
    /// each piece of news to `progress`.
    pub async fn wait_operation(
        &self,
        id: &str,
        waiting: Waiting,
        mut progress: impl FnMut(&v1::Operation),
    ) -> Result<Waited> {
        let path = v1::OperationPath { operation: id.to_owned() };
        let started = Instant::now();
        let mut away_since: Option<Instant> = None;
        loop {
            let left = waiting.timeout.map(|limit| limit.saturating_sub(started.elapsed()));
            let wait = left.unwrap_or(waiting.every).min(waiting.every);
            // Rounded up: a wait of 0 s would be a question without end.
            let seconds =
                (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).min(WAIT_MAX_SECONDS);
            let query = v1::OperationWait { wait: u32::try_from(seconds).ok().filter(|s| *s > 0) };
            let terms = Terms { patience: Duration::from_secs(seconds), ..Terms::default() };
            let asked = Instant::now();
            match self.ask::<v1::OperationShow>(&path, &query, &Nothing {}, &terms).await {
                Ok(answer) => {
                    away_since = None;
                    progress(&answer.value);
                    if is_settled(&answer.value.state) {
                        return Ok(Waited::Settled(Box::new(answer)));
                    }
                    if waiting.timeout.is_some_and(|limit| started.elapsed() >= limit) {
                        return Ok(Waited::Running(Box::new(answer)));
                    }
                    tokio::time::sleep_until(asked + PAUSE_MIN).await;
                }
                Err(error) => {
                    let since = *away_since.get_or_insert(asked);
                    let passes = matches!(error.kind(), Kind::Unavailable | Kind::Timeout);
                    if !passes || since.elapsed() >= waiting.patience {
                        return Err(error);
                    }
                    tokio::time::sleep(PAUSE_AWAY).await;
                }
            }
        }
    }
}
