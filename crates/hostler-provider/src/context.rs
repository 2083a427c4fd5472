//! What every call to a provider carries: how long it may take, whether it was
//! cancelled, where to tell progress, and what to remember across a crash.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::clock::{Clock, SystemClock};
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Kind, Result};

/// How far a long call has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// From 0 to 1; `None` when it cannot be told.
    pub fraction: Option<f64>,
    /// What is being done, for people.
    pub note: String,
    /// Bytes moved so far, for transfers.
    pub bytes_done: Option<u64>,
    /// Bytes to move in all, for transfers.
    pub bytes_total: Option<u64>,
}

/// Takes what a call has to tell while it runs.
pub trait ProgressSink: Send + Sync {
    /// Takes a progress report; may drop it.
    fn progress(&self, progress: Progress);

    /// Stores a note durably. When this returns `Ok`, [`Cx::resumed`] gives the
    /// note back to the same step after a crash.
    fn checkpoint(&self, value: Value) -> futures::BoxFuture<'_, Result<()>>;
}

mod futures {
    //! One alias, so that no futures crate is needed for it.

    /// A boxed future that can be sent between threads.
    pub(crate) type BoxFuture<'a, T> =
        std::pin::Pin<Box<dyn std::future::Future<Output = T> + Send + 'a>>;
}

/// Forgets everything; for calls outside of operations.
struct NoSink;

impl ProgressSink for NoSink {
    fn progress(&self, _: Progress) {}

    fn checkpoint(&self, _: Value) -> futures::BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) })
    }
}

/// The context of one call.
#[derive(Clone)]
pub struct Cx {
    deadline: Instant,
    budget: Duration,
    cancelled: CancellationToken,
    sink: Arc<dyn ProgressSink>,
    resumed: Option<Arc<Value>>,
    clock: Arc<dyn Clock>,
}

impl Cx {
    /// A context whose calls have to end within `budget`.
    pub fn within(budget: Duration) -> Self {
        Self {
            deadline: Instant::now() + budget,
            budget,
            cancelled: CancellationToken::new(),
            sink: Arc::new(NoSink),
            resumed: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// The same with a token that cancels it.
    #[must_use]
    pub fn with_cancel(mut self, token: CancellationToken) -> Self {
        self.cancelled = token;
        self
    }

    /// The same with somebody who listens to progress and keeps checkpoints.
    #[must_use]
    pub fn with_sink(mut self, sink: Arc<dyn ProgressSink>) -> Self {
        self.sink = sink;
        self
    }

    /// The same with the note that an earlier run of this step left.
    #[must_use]
    pub fn with_resumed(mut self, value: Option<Value>) -> Self {
        self.resumed = value.map(Arc::new);
        self
    }

    /// The same with another clock, for stamping what is observed.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The same, to end within `budget` at the latest, and never later than before.
    #[must_use]
    pub fn at_most(&self, budget: Duration) -> Self {
        let mut cx = self.clone();
        cx.deadline = cx.deadline.min(Instant::now() + budget);
        cx.budget = cx.budget.min(budget);
        cx
    }

    /// When the call has to have ended.
    pub const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// How long is left; zero when the deadline has passed.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// The present wall-clock time, for `observed_at`.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whether somebody cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.is_cancelled()
    }

    /// The token that cancels it.
    pub const fn cancellation(&self) -> &CancellationToken {
        &self.cancelled
    }

    /// Tells how far the call has come.
    pub fn progress(&self, fraction: Option<f64>, note: impl Into<String>) {
        let note = note.into();
        self.sink.progress(Progress { fraction, note, bytes_done: None, bytes_total: None });
    }

    /// Tells how many bytes have been moved.
    pub fn transferred(&self, done: u64, total: Option<u64>, note: impl Into<String>) {
        let fraction = total.filter(|t| *t > 0).map(|t| (done as f64 / t as f64).min(1.0));
        let (bytes_done, bytes_total) = (Some(done), total);
        self.sink.progress(Progress { fraction, note: note.into(), bytes_done, bytes_total });
    }

    /// Stores a note durably, for [`Cx::resumed`] after a crash.
    pub async fn checkpoint(&self, value: Value) -> Result<()> {
        self.sink.checkpoint(value).await
    }

    /// The note that an earlier run of this step left.
    pub fn resumed(&self) -> Option<&Value> {
        self.resumed.as_deref()
    }

    /// Runs `future` until it ends, the deadline passes or somebody cancels.
    /// `doing` names the call in the error. The error's effect is unknown, since
    /// the call may have reached the provider and may take effect after this
    /// returned; unless it was cancelled before it began.
    ///
    /// An answer that is there when the cancel or the deadline comes counts: what
    /// is known is never given up for what is not. So a driver that runs its own
    /// calls by this may say more exactly how far it came.
    pub async fn run<T>(&self, doing: &str, future: impl Future<Output = Result<T>>) -> Result<T> {
        let cancelled = || Error::new(Kind::Cancelled, format!("{doing}: cancelled"));
        if self.is_cancelled() {
            return Err(cancelled());
        }
        tokio::select! {
            biased;
            ended = tokio::time::timeout_at(self.deadline, future) => match ended {
                Ok(result) => result,
                Err(_) => {
                    let message = format!("{doing}: no answer within {:?}", self.budget);
                    Err(Error::new(Kind::Timeout, message).with_unknown_effect())
                }
            },
            () = self.cancelled.cancelled() => Err(cancelled().with_unknown_effect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn f6_a_call_that_never_answers_ends_at_its_deadline_with_unknown_effect() {
        let cx = Cx::within(Duration::from_secs(2));
        let error = cx.run("list", std::future::pending::<Result<()>>()).await.unwrap_err();
        assert_eq!((error.kind(), error.is_unknown()), (Kind::Timeout, true));
        assert_eq!(error.message(), "list: no answer within 2s");
        assert_eq!(cx.remaining(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancelled_call_ends_at_once() {
        let token = CancellationToken::new();
        let cx = Cx::within(Duration::from_secs(2)).with_cancel(token.clone());
        token.cancel();
        let error = cx.run("list", std::future::pending::<Result<()>>()).await.unwrap_err();
        assert_eq!((error.kind(), error.is_unknown()), (Kind::Cancelled, false));
    }

    #[tokio::test(start_paused = true)]
    async fn f23_a_call_that_is_cancelled_on_its_way_has_an_unknown_effect() {
        let token = CancellationToken::new();
        let cx = Cx::within(Duration::from_secs(2)).with_cancel(token.clone());
        let call = cx.run("start", std::future::pending::<Result<()>>());
        let (ended, ()) = tokio::join!(call, async { token.cancel() });
        let error = ended.unwrap_err();
        assert_eq!((error.kind(), error.is_unknown()), (Kind::Cancelled, true));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_comes_with_the_cancel_counts() {
        let token = CancellationToken::new();
        let cx = Cx::within(Duration::from_secs(2)).with_cancel(token.clone());
        let knows = Error::new(Kind::Cancelled, "start: cancelled before it was asked");
        let inner = async {
            token.cancelled().await;
            Err::<(), _>(knows)
        };
        let (ended, ()) = tokio::join!(cx.run("start", inner), async { token.cancel() });
        assert!(!ended.unwrap_err().is_unknown());
    }

    #[tokio::test(start_paused = true)]
    async fn a_narrower_context_never_outlives_the_wider_one() {
        let cx = Cx::within(Duration::from_secs(2));
        assert_eq!(cx.at_most(Duration::from_secs(9)).remaining(), Duration::from_secs(2));
        assert_eq!(cx.at_most(Duration::from_secs(1)).remaining(), Duration::from_secs(1));
    }
}
