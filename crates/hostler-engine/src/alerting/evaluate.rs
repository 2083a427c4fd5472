//! Asks the history for what rules say, one rule after the other, so that a rule
//! may use what one before it wrote.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::alert::rule::CheckedRule;
use hostler_core::alert::state::Sample;
use hostler_core::metrics::series::SeriesKey;
use hostler_promql::{Limits, Value};
use hostler_store::history::Archive;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::record;
use super::rules::{Group, Ready};
use super::seen::{Seen, Watched};
use crate::Inner;
use crate::collect::{Kept, QUERY_SAMPLES_MAX, QUERY_SERIES_MAX};

/// How long one rule may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What came of a rule.
pub(super) struct Outcome {
    pub(super) rule: Arc<Ready>,
    pub(super) took: Duration,
    /// Why it failed, where it did.
    pub(super) answer: Result<Answered, String>,
}

/// What a rule's expression gave.
pub(super) struct Answered {
    /// Of an alert; empty for one that records.
    pub(super) samples: Vec<Sample>,
    pub(super) seen: Seen,
    /// Whether the expression asks for any series at all.
    pub(super) has_selectors: bool,
    /// Of a rule that records.
    pub(super) written: usize,
}

/// What rules wrote before, by the rule's id: what is not written any more has ended.
pub(super) type Written = BTreeMap<String, Vec<SeriesKey>>;

/// Evaluates a group as of `now`. Blocks: to be called where nobody else waits.
pub(super) fn group(
    group: &Group,
    (engine, archive): (&Inner, &Archive),
    now: Timestamp,
    written: &mut Written,
) -> Vec<Outcome> {
    let stopping = &engine.stopping;
    let mut outcomes = Vec::with_capacity(group.rules.len());
    let at_ms = now.minus(group.query_offset.duration()).as_millis();
    // Others wait for their turn: one that takes longer than it is asked for gives it up.
    let longest = group.interval.duration().max(PATIENCE);
    let until = Instant::now() + longest;
    for rule in &group.rules {
        if stopping.is_cancelled() {
            break;
        }
        let began = Instant::now();
        let mut answer = match began < until {
            true => ask(rule, archive, at_ms, stopping),
            false => Err(format!(
                "it was left out: the rules before it in the group {} took {} s",
                group.name,
                longest.as_secs()
            )),
        };
        if let (CheckedRule::Record(to), Ok(answered)) = (&rule.rule, &mut answer) {
            let samples = std::mem::take(&mut answered.samples);
            let before = written.remove(&rule.id).unwrap_or_default();
            let (recorded, keys) =
                record::write((engine, archive), to, &samples, (at_ms, now), before);
            match recorded {
                Ok(count) => answered.written = count,
                Err(why) => answer = Err(why),
            }
            written.insert(rule.id.clone(), keys);
        }
        outcomes.push(Outcome { rule: Arc::clone(rule), took: began.elapsed(), answer });
    }
    outcomes
}

fn ask(
    rule: &Ready,
    archive: &Archive,
    at_ms: i64,
    stopping: &CancellationToken,
) -> Result<Answered, String> {
    let deadline = Instant::now() + PATIENCE;
    let is_late = || Instant::now() >= deadline || stopping.is_cancelled();
    let limits = Limits {
        series: QUERY_SERIES_MAX,
        samples: QUERY_SAMPLES_MAX,
        is_cancelled: &is_late,
        ..Limits::default()
    };
    let source = Watched::over(Kept::of(archive));
    let value = rule.query.instant(&source, at_ms, &limits).map_err(|error| match error {
        hostler_promql::Error::Cancelled => {
            format!("it took longer than {} s; ask for less", PATIENCE.as_secs())
        }
        other => other.to_string(),
    })?;
    let samples = match value {
        Value::Scalar(value) => vec![Sample { labels: BTreeMap::new(), value }],
        Value::Vector(points) => points
            .into_iter()
            .map(|point| {
                let labels = point.labels.iter();
                let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
                Sample { labels: labels.collect(), value: point.value }
            })
            .collect(),
        Value::Matrix(_) | Value::String(_) => {
            return Err("it gives neither a number nor an instant vector".to_owned());
        }
    };
    let has_selectors = !rule.query.selectors().is_empty();
    Ok(Answered { samples, seen: source.into_seen(), has_selectors, written: 0 })
}
