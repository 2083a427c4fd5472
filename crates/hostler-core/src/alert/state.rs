//! When an alert fires and when it is over.
//!
//! ```text
//!                     holds                    held for `for`
//!   (inactive) ───────────────► pending ─────────────────────────► firing ◄─┐ holds again
//!       ▲  ▲                       │                                  │     │ (told nobody)
//!       │  └─ does not hold, or ───┘                not for           ▼     │
//!       │     nothing to see it by          `keep_firing_for` ◄── does not hold
//!       └──────────────── resolved ◄───────────────────┘
//! ```
//!
//! **Time counts only while it is watched.** Between two evaluations at most one
//! interval counts, and none where the clock went back: a clock that jumps, or a
//! server that was off for an hour, neither fires nor resolves an alert early.
//! What was counted is stored, so that a restart does not begin anew.
//!
//! **Not to know is not to be well.** Whether there was anything to compute with
//! is an argument, and the rule says what then ([`NoData`]). An evaluation that
//! fails changes nothing but the rule's health.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::rule::{AlertRule, NoData};
use super::{ALERT_NAME, LabelSet};
use crate::clock::Timestamp;

/// How long a firing alert is kept without data, in watched time.
pub const NO_DATA_MAX: Duration = Duration::from_secs(3600);
/// The label of the alert that stands for a rule without any data.
pub const NO_DATA_LABEL: &str = "no_data";

/// What an expression gave: one sample for each instance for which it holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its labels; a name (`__name__`) is left out of the alert's.
    pub labels: LabelSet,
    /// Its value.
    pub value: f64,
}

/// What there was to compute with.
#[derive(Clone, Copy)]
pub enum Data<'a> {
    /// All that the expression asks for.
    There,
    /// Nothing: not one of its selectors found a series.
    Absent,
    /// Something, but for an alert with these labels nothing, where this says so.
    AbsentFor(&'a dyn Fn(&LabelSet) -> bool),
}

/// The alerts of a rule. Stored; the default is a rule never evaluated.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RuleState {
    /// Its pending and firing instances, sorted by labels.
    #[serde(default)]
    pub instances: Vec<Instance>,
    /// When it was last evaluated, whatever came of it.
    #[serde(default)]
    pub evaluated_at: Option<Timestamp>,
    /// How the last evaluation went.
    #[serde(default)]
    pub health: Health,
}

/// How the last evaluation of a rule went. All but [`Health::Ok`] leave the
/// instances as they were.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Health {
    /// Not evaluated yet.
    #[default]
    New,
    /// It went well.
    Ok,
    /// The expression could not be computed.
    Failed {
        /// Why, for people.
        reason: String,
    },
    /// More instances than the rule may have.
    TooMany {
        /// So many.
        found: usize,
        /// The most it may have.
        limit: usize,
    },
    /// Two samples gave the same alert.
    Duplicate {
        /// The labels of both.
        labels: LabelSet,
    },
}

/// An alert that is pending or fires.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// Its labels, those of the rule and `alertname` among them.
    pub labels: LabelSet,
    /// The texts for people, as of the last time the expression held.
    pub annotations: LabelSet,
    /// The value, as of the last time the expression held.
    #[serde(with = "number")]
    pub value: f64,
    /// Since when the expression holds, by the clock of then.
    pub active_since: Timestamp,
    /// When it began to fire; none while it is pending.
    pub firing_since: Option<Timestamp>,
    /// When the expression last held.
    pub held_at: Timestamp,
    /// Since when the expression is known not to hold, while it goes on firing.
    pub over_since: Option<Timestamp>,
    /// Since when there is no data for it.
    pub no_data_since: Option<Timestamp>,
    /// Watched time counted towards the next change: towards `for` while pending,
    /// towards the end while it fires and the expression does not hold.
    counted_micros: u64,
}

impl Instance {
    /// Whether it fires.
    pub const fn is_firing(&self) -> bool {
        self.firing_since.is_some()
    }

    fn count(&mut self, watched: Duration) -> Duration {
        let micros = u64::try_from(watched.as_micros()).unwrap_or(u64::MAX);
        self.counted_micros = self.counted_micros.saturating_add(micros);
        Duration::from_micros(self.counted_micros)
    }
}

/// A change of an alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// What happened to it.
    pub change: Change,
    /// The alert, as it is after the change or, when it is over, as it was last.
    pub instance: Instance,
    /// When.
    pub at: Timestamp,
}

/// What happened to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The expression began to hold; it waits for `for`.
    Pending,
    /// It never fired, and does not wait any more.
    Dropped,
    /// It fires.
    Firing,
    /// It fired, and is over.
    Resolved(Cause),
}

/// Why an alert is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The expression was computed and does not hold.
    Over,
    /// There is nothing to compute it with; nobody knows whether it is over.
    NoData,
    /// The rule is not there any more, or was changed.
    RuleGone,
}

/// The state after an evaluation at `now`, and what changed.
pub fn step(
    state: RuleState,
    rule: &AlertRule,
    samples: &[Sample],
    data: Data<'_>,
    now: Timestamp,
) -> (RuleState, Vec<Transition>) {
    let mut present = match present(rule, samples) {
        Ok(present) => present,
        Err(health) => return (unchanged(state, health, now), Vec::new()),
    };
    let is_blind = matches!(data, Data::Absent) && rule.no_data == NoData::Firing;
    let is_standing_in = |instance: &Instance| instance.labels.contains_key(NO_DATA_LABEL);
    if is_blind && present.is_empty() && state.instances.iter().all(is_standing_in) {
        present.insert(standing_in(rule), Present { value: f64::NAN, is_data: false });
    }
    let watched = watched(state.evaluated_at, rule, now);
    let mut step = Step { rule, now, watched, instances: Vec::new(), transitions: Vec::new() };
    let mut before: BTreeMap<LabelSet, Instance> =
        state.instances.into_iter().map(|instance| (instance.labels.clone(), instance)).collect();
    for (labels, value) in present {
        let known = before.remove(&labels);
        step.present(labels, value, known);
    }
    for instance in before.into_values() {
        let is_unknown = match data {
            Data::There => false,
            Data::Absent => true,
            Data::AbsentFor(is_absent) => is_absent(&instance.labels),
        };
        match (is_unknown, rule.no_data) {
            (false, _) => step.over(instance, Cause::Over),
            (true, NoData::Ok) => step.over(instance, Cause::NoData),
            (true, NoData::Keep) => step.unknown(instance),
            (true, NoData::Firing) => {
                let (labels, value) = (instance.labels.clone(), instance.value);
                step.present(labels, Present { value, is_data: false }, Some(instance));
            }
        }
    }
    let Step { mut instances, transitions, .. } = step;
    instances.sort_by(|one, other| one.labels.cmp(&other.labels));
    (RuleState { instances, evaluated_at: Some(now), health: Health::Ok }, transitions)
}

/// The state after an evaluation that failed: the alerts are as they were, and
/// the time that was not watched counts for nothing.
pub fn failed(state: RuleState, reason: &str, now: Timestamp) -> RuleState {
    unchanged(state, Health::Failed { reason: reason.chars().take(500).collect() }, now)
}

/// What is over because the rule is gone.
pub fn removed(state: RuleState, now: Timestamp) -> Vec<Transition> {
    let ended = state.instances.into_iter();
    ended.map(|instance| ending(instance, Cause::RuleGone, now)).collect()
}

fn unchanged(state: RuleState, health: Health, now: Timestamp) -> RuleState {
    RuleState { health, evaluated_at: Some(now), ..state }
}

/// The time that counts: at most one interval, none where the clock went back.
fn watched(before: Option<Timestamp>, rule: &AlertRule, now: Timestamp) -> Duration {
    before.map_or(Duration::ZERO, |before| now.since(before).min(rule.interval.duration()))
}

fn ending(instance: Instance, cause: Cause, at: Timestamp) -> Transition {
    let change = if instance.is_firing() { Change::Resolved(cause) } else { Change::Dropped };
    Transition { change, instance, at }
}

/// An alert for which the expression holds.
struct Present {
    value: f64,
    /// False when it is there only because nothing is known.
    is_data: bool,
}

/// The alerts that the samples stand for.
fn present(rule: &AlertRule, samples: &[Sample]) -> Result<BTreeMap<LabelSet, Present>, Health> {
    if samples.len() > rule.limit {
        return Err(Health::TooMany { found: samples.len(), limit: rule.limit });
    }
    let mut present = BTreeMap::new();
    for sample in samples {
        let mut labels = sample.labels.clone();
        labels.remove("__name__");
        for (name, template) in &rule.labels {
            labels.insert(name.clone(), template.expand(&sample.labels, sample.value));
        }
        labels.insert(ALERT_NAME.into(), rule.name.clone());
        labels.retain(|_, value| !value.is_empty());
        let is_first =
            present.insert(labels.clone(), Present { value: sample.value, is_data: true });
        if is_first.is_some() {
            return Err(Health::Duplicate { labels });
        }
    }
    Ok(present)
}

/// The labels of the alert that stands for a rule without any data.
fn standing_in(rule: &AlertRule) -> LabelSet {
    let mut labels: LabelSet =
        [(ALERT_NAME.into(), rule.name.clone()), (NO_DATA_LABEL.into(), "true".into())].into();
    for (name, template) in &rule.labels {
        labels.insert(name.clone(), template.expand(&LabelSet::new(), f64::NAN));
    }
    labels.retain(|_, value| !value.is_empty());
    labels
}

struct Step<'a> {
    rule: &'a AlertRule,
    now: Timestamp,
    watched: Duration,
    instances: Vec<Instance>,
    transitions: Vec<Transition>,
}

impl Step<'_> {
    fn tell(&mut self, change: Change, instance: &Instance) {
        self.transitions.push(Transition { change, instance: instance.clone(), at: self.now });
    }

    fn present(&mut self, labels: LabelSet, seen: Present, known: Option<Instance>) {
        let is_new = known.is_none();
        let mut instance = known.unwrap_or_else(|| Instance {
            labels,
            annotations: LabelSet::new(),
            value: seen.value,
            active_since: self.now,
            firing_since: None,
            held_at: self.now,
            over_since: None,
            no_data_since: None,
            counted_micros: 0,
        });
        instance.no_data_since =
            if seen.is_data { None } else { instance.no_data_since.or(Some(self.now)) };
        instance.held_at = self.now;
        instance.over_since = None;
        if seen.is_data || is_new {
            instance.value = seen.value;
            let texts = self.rule.annotations.iter();
            instance.annotations = texts
                .map(|(name, text)| (name.clone(), text.expand(&instance.labels, seen.value)))
                .collect();
        }
        if instance.is_firing() {
            instance.counted_micros = 0;
        } else {
            let held = if is_new { Duration::ZERO } else { instance.count(self.watched) };
            if held >= self.rule.hold.duration() {
                instance.firing_since = Some(self.now);
                instance.counted_micros = 0;
                self.tell(Change::Firing, &instance);
            } else if is_new {
                self.tell(Change::Pending, &instance);
            }
        }
        self.instances.push(instance);
    }

    /// The expression does not hold any more.
    fn over(&mut self, mut instance: Instance, cause: Cause) {
        instance.no_data_since = None;
        let counted = if instance.over_since.is_none() {
            instance.over_since = Some(self.now);
            instance.counted_micros = 0;
            Duration::ZERO
        } else {
            instance.count(self.watched)
        };
        self.keep_until(instance, cause, counted, self.rule.keep_firing_for.duration());
    }

    /// Nobody can tell whether the expression holds, and the rule says to keep the alert.
    fn unknown(&mut self, mut instance: Instance) {
        instance.over_since = None;
        let counted = if instance.no_data_since.is_none() {
            instance.no_data_since = Some(self.now);
            instance.counted_micros = 0;
            Duration::ZERO
        } else {
            instance.count(self.watched)
        };
        self.keep_until(instance, Cause::NoData, counted, NO_DATA_MAX);
    }

    /// Only what fires is kept: to wait for `for` is to hold all the while. What
    /// is kept never takes the place of what holds now.
    fn keep_until(&mut self, instance: Instance, cause: Cause, counted: Duration, end: Duration) {
        if instance.is_firing() && counted < end && self.instances.len() < self.rule.limit {
            self.instances.push(instance);
        } else {
            self.transitions.push(ending(instance, cause, self.now));
        }
    }
}

/// A value that may be NaN or infinite, which JSON's numbers cannot be: as text,
/// like in Prometheus' API.
pub(super) mod number {
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    pub(in crate::alert) fn serialize<S: Serializer>(
        value: &f64,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(in crate::alert) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<f64, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
