//! Questions about what was measured, in PromQL, answered from the history.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hostler_core::metrics::series::{Matcher, SeriesData};
use hostler_core::{Code, Error, Result, Timestamp};
use hostler_promql::{Fetched, Limits, Purpose, Query, Series, Source, SourceError, Value};
use hostler_store::history::{self, Archive};
use tokio::time::Instant;

use super::{Metrics, rolled};
use crate::Inner;

/// The most series of an answer.
pub(crate) const SERIES_MAX: usize = 10_000;
/// The most samples that a question may read.
pub(crate) const SAMPLES_MAX: usize = 5_000_000;
/// How many questions are answered at once: each may hold what it has read.
pub(crate) const AT_ONCE: usize = 4;
/// How long a question may take, waiting for its turn included.
const PATIENCE: Duration = Duration::from_secs(20);

/// When a question is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At one time.
    At(Timestamp),
    /// At several, from the first to the last.
    Range {
        /// The first.
        start: Timestamp,
        /// The last, or just before it.
        end: Timestamp,
        /// From one to the next.
        step: Duration,
    },
}

/// What a question gave.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// At one time.
    Instant(Value),
    /// At several.
    Range(Vec<Series>),
}

/// What a question gave, and from what.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// What it gave.
    pub answer: Answer,
    /// The longest time that was summed up to one value before the question was
    /// asked; `None` where all is from samples as they were measured.
    pub resolution: Option<Duration>,
    /// What whoever reads the answer has to know, for people.
    pub warnings: Vec<String>,
}

impl Metrics<'_> {
    /// Asks the history, and gives the answer alone.
    ///
    /// # Errors
    /// See [`ask`](Self::ask).
    pub async fn query(&self, text: &str, when: When) -> Result<Answer> {
        self.ask(text, when).await.map(|answered| answered.answer)
    }

    /// Asks the history. Over long times it answers from roll-ups.
    ///
    /// # Errors
    /// `query_invalid` where the question is none, `limit_exceeded` where it takes too
    /// much, `capability_missing` where no history is kept.
    pub async fn ask(&self, text: &str, when: When) -> Result<Answered> {
        let engine = self.engine();
        // Without a history nothing is asked of it, however it is put.
        let archive = archive(engine)?;
        let query = parsed(text)?;
        in_turn(engine, archive, move |asking| asking.answer(&query, when)).await
    }
}

fn parsed(text: &str) -> Result<Query> {
    Query::parse(text)
        .map_err(|fault| Error::new(Code::QueryInvalid, format!("the query: {fault}")))
}

/// The history, where one is kept.
pub(crate) fn archive(engine: &Inner) -> Result<Archive> {
    engine.history.clone().ok_or_else(|| {
        let message = "no history is kept: `history.enabled` is off in the configuration, \
                       or it could not be opened, which the server's log says";
        Error::new(Code::CapabilityMissing, message)
    })
}

/// Whoever may ask the history just now, in a thread of its own.
pub(crate) struct Asking {
    archive: Archive,
    deadline: Instant,
}

/// Does `work`, which asks the history, when its turn has come: beside the threads that
/// answer others, of few at once, and within a time.
pub(crate) async fn in_turn<T: Send + 'static>(
    engine: &Inner,
    archive: Archive,
    work: impl FnOnce(&Asking) -> Result<T> + Send + 'static,
) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    let turn = tokio::time::timeout_at(deadline, engine.querying.clone().acquire_owned());
    let Ok(Ok(turn)) = turn.await else {
        let message = "too many queries are being answered; ask again later";
        return Err(Error::new(Code::LimitExceeded, message));
    };
    let asked = tokio::task::spawn_blocking(move || {
        // Kept until the end, also of one that nobody waits for any more.
        let _turn = turn;
        work(&Asking { archive, deadline })
    });
    asked.await.map_err(|e| Error::bug(format!("a query failed: {e}")))?
}

impl Asking {
    /// Asks, as [`Metrics::ask`] does.
    pub(crate) fn ask(&self, text: &str, when: When) -> Result<Answered> {
        self.answer(&parsed(text)?, when)
    }

    fn answer(&self, query: &Query, when: When) -> Result<Answered> {
        answer(query, &self.archive, when, self.deadline).map_err(told)
    }

    /// # Errors
    /// `limit_exceeded` when the time is over.
    pub(crate) fn check_time(&self) -> Result<()> {
        if Instant::now() >= self.deadline {
            Err(told(hostler_promql::Error::Cancelled))
        } else {
            Ok(())
        }
    }
}

fn answer(
    query: &Query,
    archive: &Archive,
    when: When,
    deadline: Instant,
) -> hostler_promql::Result<Answered> {
    let source = Kept::of(archive);
    let is_late = || Instant::now() >= deadline;
    let limits = Limits {
        series: SERIES_MAX,
        samples: SAMPLES_MAX,
        is_cancelled: &is_late,
        ..Limits::default()
    };
    let ms = |at: Timestamp| at.as_micros().div_euclid(1000);
    let answer = match when {
        When::At(at) => Answer::Instant(query.instant(&source, ms(at), &limits)?),
        When::Range { start, end, step } => {
            let step = i64::try_from(step.as_millis()).unwrap_or(i64::MAX);
            Answer::Range(query.range(&source, ms(start), ms(end), step, &limits)?)
        }
    };
    let told = source.told.into_inner().unwrap_or_else(PoisonError::into_inner);
    let millis = |ms: i64| Duration::from_millis(ms.unsigned_abs());
    Ok(Answered { answer, resolution: told.width_ms.map(millis), warnings: warnings(&told) })
}

fn warnings(told: &rolled::Told) -> Vec<String> {
    let day = |ms: i64| Timestamp::from_millis(ms).to_string();
    let gone = told.gone_before_ms.map(|ms| {
        format!(
            "samples as they were measured are kept from {} on; before that the answer is from \
             averages, extremes and sums of 5 minutes or an hour",
            day(ms)
        )
    });
    let empty = told.empty_before_ms.map(|ms| {
        format!(
            "samples as they were measured are kept from {} on; before that a part of the query \
             finds nothing, since it needs each of them",
            day(ms)
        )
    });
    gone.into_iter().chain(empty).collect()
}

/// What went wrong, as the person who asked is told.
fn told(error: hostler_promql::Error) -> Error {
    use hostler_promql::Error as Told;
    match error {
        Told::Data(_) | Told::Times(_) => Error::new(Code::QueryInvalid, error.to_string()),
        Told::TooMuch { .. } => {
            let remedy = "ask for fewer series, a shorter time or a longer step";
            Error::new(Code::LimitExceeded, format!("{error}; {remedy}"))
        }
        Told::Cancelled => {
            let seconds = PATIENCE.as_secs();
            let message = format!("the query took longer than {seconds} s; ask for less");
            Error::new(Code::LimitExceeded, message)
        }
        Told::Source(source) => match source.downcast::<history::Error>() {
            Ok(error) => (*error).into(),
            Err(other) => Error::bug(format!("the history cannot be read: {other}")),
        },
        other => Error::new(Code::QueryInvalid, other.to_string()),
    }
}

/// The history as queries see it.
pub(crate) struct Kept {
    archive: Archive,
    told: Mutex<rolled::Told>,
}

impl Kept {
    const LIMITS: history::Limits = history::Limits { series: SERIES_MAX, samples: SAMPLES_MAX };

    /// This history.
    pub(crate) fn of(archive: &Archive) -> Self {
        Self { archive: archive.clone(), told: Mutex::default() }
    }
}

impl Source for Kept {
    fn select(
        &self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<SeriesData>, SourceError> {
        Ok(self.archive.select(matchers, from_ms, to_ms, Self::LIMITS)?)
    }

    fn fetch(
        &self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
        purpose: &Purpose,
    ) -> Result<Fetched, SourceError> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let span = (from_ms, to_ms);
        Ok(rolled::fetch(&self.archive, matchers, span, purpose, Self::LIMITS, &mut told)?)
    }
}
