//! Series of the history in equal steps, as wide as the horizon needs.
//!
//! | looks ahead   | a value each | looks back                          |
//! |---------------|--------------|-------------------------------------|
//! | up to a day   | 5 minutes    | three weeks                         |
//! | up to 14 days | hour         | six times as far, three weeks least |
//! | further       | 6 hours      | six times as far                    |
//!
//! A step that is not over yet is not in it. All steps are multiples of those of the
//! roll-ups, so that these answer, and old days cost little.

use std::collections::BTreeMap;
use std::time::Duration;

use hostler_core::metrics::series::Sample;
use hostler_core::{Code, Result, Timestamp};
use hostler_promql::{LabelSet, Value};

use super::{Missing, plan};
use crate::collect::{Answer, Answered, Asking, When};

/// What was measured in this time is so at present; guest agents may be asked every few
/// minutes only.
pub(super) const RECENT: Duration = Duration::from_secs(900);
const WEEKS: Duration = Duration::from_secs(21 * 86_400);

/// In which steps, and how far back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) step: Duration,
    pub(super) back: Duration,
}

impl Span {
    /// For what is unusual now, and for sizes: short peaks have to be in it.
    pub(super) const FINE: Self = Self { step: Duration::from_secs(300), back: WEEKS };

    pub(super) fn ahead(horizon: Duration) -> Self {
        const DAY: u64 = 86_400;
        let step = match horizon.as_secs().div_ceil(DAY) {
            0..=1 => return Self::FINE,
            2..=14 => 3600,
            _ => 6 * 3600,
        };
        Self { step: Duration::from_secs(step), back: WEEKS.max(horizon * 6) }
    }
}

/// The labels that tell series of a query apart.
pub(super) type Own = BTreeMap<String, String>;
/// Series by their labels.
pub(super) type Found = BTreeMap<Own, Vec<Sample>>;

/// What was read, and from what.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) series: Found,
    pub(super) resolution: Option<Duration>,
}

/// Reads what is asked for as of one moment.
pub(super) struct Reader<'a> {
    asking: &'a Asking,
    now: Timestamp,
}

impl<'a> Reader<'a> {
    pub(super) fn new(asking: &'a Asking, now: Timestamp) -> Self {
        Self { asking, now }
    }

    /// The means of each step, each at the middle of its step.
    pub(super) fn steps(&self, query: &str, span: Span) -> Result<Result<Read, Missing>> {
        let step_ms = i64::try_from(span.step.as_millis()).unwrap_or(i64::MAX);
        let end = Timestamp::from_millis(
            self.now.as_millis().div_euclid(step_ms).saturating_mul(step_ms),
        );
        let when = When::Range { start: end.minus(span.back), end, step: span.step };
        let text = plan::over(query, &window(span.step));
        let answered = match self.ask(&text, when)? {
            Ok(answered) => answered,
            Err(missing) => return Ok(Err(missing)),
        };
        let Answer::Range(found) = answered.answer else { return Ok(Ok(Read::default())) };
        let middle =
            |it: &Sample| Sample { at_ms: it.at_ms.saturating_sub(step_ms / 2), value: it.value };
        let series =
            found.into_iter().map(|it| (own(&it.labels), it.samples.iter().map(middle).collect()));
        Ok(Ok(Read { series: series.collect(), resolution: answered.resolution }))
    }

    /// What it was over the last [`RECENT`].
    pub(super) fn recent(&self, query: &str) -> Result<Result<BTreeMap<Own, f64>, Missing>> {
        let text = plan::over(query, &window(RECENT));
        let answered = self.ask(&text, When::At(self.now))?;
        Ok(answered.map(|answered| match answered.answer {
            Answer::Instant(Value::Vector(points)) => {
                let points = points.into_iter().filter(|it| it.value.is_finite());
                points.map(|it| (own(&it.labels), it.value)).collect()
            }
            _ => BTreeMap::new(),
        }))
    }
}

impl Reader<'_> {
    /// The moment as of which it reads.
    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// # Errors
    /// `limit_exceeded` when the time for all of it is over.
    pub(super) fn check_time(&self) -> Result<()> {
        self.asking.check_time()
    }

    fn ask(&self, text: &str, when: When) -> Result<Result<Answered, Missing>> {
        self.asking.check_time()?;
        match self.asking.ask(text, when) {
            Ok(answered) => Ok(Ok(answered)),
            // One that takes too much leaves the others alone, unless it took the time.
            Err(error) if error.code() == Code::LimitExceeded => {
                self.asking.check_time()?;
                Ok(Err(Missing::Refused(error.message().to_owned())))
            }
            Err(error) => Err(error),
        }
    }
}

/// The time that a value is made of, as queries write it.
pub(super) fn window(step: Duration) -> String {
    format!("{}s", step.as_secs())
}

fn own(labels: &LabelSet) -> Own {
    labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The means of each hour of values that are closer.
pub(super) fn hourly(samples: &[Sample]) -> Vec<Sample> {
    const HOUR_MS: i64 = 3_600_000;
    let hour = |it: &Sample| it.at_ms.div_euclid(HOUR_MS);
    let chunks = samples.chunk_by(|one, other| hour(one) == hour(other));
    let mean = |part: &[Sample]| {
        let at_ms = part.first()?.at_ms.div_euclid(HOUR_MS) * HOUR_MS + HOUR_MS / 2;
        let sum: f64 = part.iter().map(|it| it.value).sum();
        #[expect(clippy::cast_precision_loss, reason = "a handful")]
        let value = sum / part.len() as f64;
        Some(Sample { at_ms, value })
    };
    chunks.filter_map(mean).collect()
}

/// The values that are no older than this before the last.
pub(super) fn newest(samples: &[Sample], back: Duration) -> &[Sample] {
    let Some(last) = samples.last() else { return samples };
    let back = i64::try_from(back.as_millis()).unwrap_or(i64::MAX);
    let from = samples.partition_point(|it| it.at_ms < last.at_ms.saturating_sub(back));
    samples.get(from..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_as_wide_as_the_horizon_needs() {
        let days = |days: u64| Duration::from_secs(days * 86_400);
        assert_eq!(Span::ahead(days(1)), Span::FINE);
        let week = Span { step: Duration::from_secs(3600), back: days(42) };
        assert_eq!(Span::ahead(days(7)), week);
        let season = Span { step: Duration::from_secs(6 * 3600), back: days(540) };
        assert_eq!(Span::ahead(days(90)), season);
        assert_eq!(Span::ahead(days(2)).back, WEEKS);
    }

    #[test]
    fn hours_are_means_of_what_is_in_them() {
        let sample = |minute: i64, value| Sample { at_ms: minute * 60_000, value };
        let hours = hourly(&[sample(0, 1.0), sample(59, 3.0), sample(120, 7.0)]);
        assert_eq!(hours, [sample(30, 2.0), sample(150, 7.0)]);
        let last = newest(&hours, Duration::from_secs(3600));
        assert_eq!(last, [sample(150, 7.0)]);
        assert_eq!(newest(&hours, Duration::MAX), hours);
    }
}
