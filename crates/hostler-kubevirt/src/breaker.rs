//! Leaves a cluster alone that does not answer (E11, X27, F4).
//!
//! ```text
//!                  5 failures in a row
//!   ┌──► closed ─────────────────────────► open, for 60 s and a bit
//!   │      ▲                                │  ▲
//!   │      │ answered                  over │  │ failed
//!   │      │                                ▼  │
//!   │      └───────────────────────────  half-open: exactly one call is let
//!   │                                       │       through, and tells
//!   └── (a Retry-After keeps it closed      │ given up, or silent for a minute:
//!        and lets nothing through until     ▼ the next call is the one
//!        then)                           half-open
//! ```
//!
//! There is one for each cluster and class of calls, because they fail apart:
//! with virt-api down every write fails and every read succeeds.
//!
//! Only what speaks against the cluster's health counts: transport errors, 429
//! and 5xx; see [`crate::error::Failure::counts`]. Any other answer, a refusal
//! and 410 too, shows that it answers, and ends the row of failures. What was
//! cancelled or never sent shows nothing.
//!
//! Pure: `now` and the jitter are passed in. Instants are monotonic.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Failure, MAX_RETRY_AFTER, Verb};

/// Failures in a row that open it.
pub const FAILURES: u32 = 5;
/// How long it stays open, at least.
pub const OPEN: Duration = Duration::from_secs(60);
/// How much longer at most, so that many callers do not come back at once.
pub const SPREAD: Duration = Duration::from_secs(6);
/// How long the one call may be out before another is let through.
pub const PROBE: Duration = Duration::from_secs(60);

/// Calls that fail together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Looking.
    Read,
    /// Changing.
    Write,
    /// Following changes.
    Watch,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Watch];

    /// The class of a verb.
    pub const fn of(verb: Verb) -> Self {
        match verb {
            Verb::Read => Self::Read,
            Verb::Watch => Self::Watch,
            // The last is a look, but at virt-api, which fails with what changes.
            Verb::Write | Verb::JsonPatch | Verb::Subresource | Verb::Stream => Self::Write,
        }
    }

    /// The word for it, for messages and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Watch => "watch",
        }
    }
}

/// What a call showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// The cluster answers.
    Answers,
    /// It does not, or cannot; and when it wants to be asked again.
    Fails(Option<Duration>),
    /// Nothing.
    Nothing,
}

impl Shown {
    /// What a failed call showed.
    pub fn by(failure: &Failure) -> Self {
        use crate::error::Cause;
        match &failure.cause {
            Cause::LeftAlone | Cause::Cancelled | Cause::Ours => Self::Nothing,
            _ if failure.counts() => Self::Fails(failure.error.retry_after()),
            _ => Self::Answers,
        }
    }
}

/// Where a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Calls are made.
    Closed,
    /// No calls are made.
    Open,
    /// One call is made, or may be.
    HalfOpen,
}

/// The leave to make a call. Whoever has one tells how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Permit {
    era: u64,
}

/// One breaker.
#[derive(Debug, Default)]
pub struct Breaker {
    phase: Phase,
    /// Counts changes of the phase: an answer to a call of an earlier era comes too
    /// late to mean anything.
    era: u64,
    /// What the server asked for by `Retry-After` while closed.
    not_before: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Closed { failures: u32 },
    Open { until: Instant },
    HalfOpen { since: Instant },
}

impl Default for Phase {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl Breaker {
    /// Asks for leave to make a call.
    ///
    /// # Errors
    /// How long there will be none, at least.
    pub fn admit(&mut self, now: Instant) -> Result<Permit, Duration> {
        match self.wait(now) {
            Some(wait) => Err(wait),
            None => {
                if !matches!(self.phase, Phase::Closed { .. }) {
                    self.enter(Phase::HalfOpen { since: now });
                }
                Ok(Permit { era: self.era })
            }
        }
    }

    /// How long no call will be let through, if none is now.
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        let until = match self.phase {
            Phase::Closed { .. } => self.not_before?,
            Phase::Open { until } => until,
            Phase::HalfOpen { since } => since + PROBE,
        };
        Some(until.saturating_duration_since(now)).filter(|wait| !wait.is_zero())
    }

    /// Takes what a call showed. `jitter` is from 0 to 1.
    pub fn tell(&mut self, permit: Permit, shown: Shown, now: Instant, jitter: f64) {
        if permit.era != self.era {
            return;
        }
        match (self.phase, shown) {
            (Phase::Closed { .. }, Shown::Answers) => {
                self.phase = Phase::Closed { failures: 0 };
            }
            (Phase::Closed { failures }, Shown::Fails(after)) => {
                if failures + 1 >= FAILURES {
                    self.open(now, after, jitter);
                } else {
                    self.phase = Phase::Closed { failures: failures + 1 };
                    self.obey(now, after);
                }
            }
            (Phase::HalfOpen { .. }, Shown::Answers) => self.enter(Phase::default()),
            (Phase::HalfOpen { .. }, Shown::Fails(after)) => self.open(now, after, jitter),
            // The next call is the one. Open since now: over at once.
            (Phase::HalfOpen { .. }, Shown::Nothing) => self.enter(Phase::Open { until: now }),
            (Phase::Closed { .. }, Shown::Nothing) | (Phase::Open { .. }, _) => {}
        }
    }

    /// Where it stands.
    pub fn state(&self, now: Instant) -> State {
        match self.phase {
            Phase::Closed { .. } => State::Closed,
            Phase::Open { until } if until > now => State::Open,
            Phase::Open { .. } | Phase::HalfOpen { .. } => State::HalfOpen,
        }
    }

    fn obey(&mut self, now: Instant, after: Option<Duration>) {
        if let Some(after) = after {
            let until = now + after.min(MAX_RETRY_AFTER);
            self.not_before = Some(self.not_before.map_or(until, |earlier| earlier.max(until)));
        }
    }

    fn open(&mut self, now: Instant, after: Option<Duration>, jitter: f64) {
        let wished = after.unwrap_or_default().min(MAX_RETRY_AFTER);
        let pause = wished.max(OPEN) + SPREAD.mul_f64(jitter.clamp(0.0, 1.0));
        self.enter(Phase::Open { until: now + pause });
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.era += 1;
        self.not_before = None;
    }
}

/// The breakers of one cluster.
#[derive(Debug, Default)]
pub struct Breakers {
    read: Breaker,
    write: Breaker,
    watch: Breaker,
}

impl Breakers {
    /// The one of a class.
    pub const fn of(&self, class: Class) -> &Breaker {
        match class {
            Class::Read => &self.read,
            Class::Write => &self.write,
            Class::Watch => &self.watch,
        }
    }

    /// The one of a class.
    pub const fn of_mut(&mut self, class: Class) -> &mut Breaker {
        match class {
            Class::Read => &mut self.read,
            Class::Write => &mut self.write,
            Class::Watch => &mut self.watch,
        }
    }
}

#[cfg(test)]
mod tests;
