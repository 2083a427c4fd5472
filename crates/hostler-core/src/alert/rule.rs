//! Rules as Prometheus' rule files hold them, and the check that makes them
//! usable. The documents are Prometheus' own, so that `promtool` takes what we
//! write and users bring what they have; reading the YAML is the edge's.
//!
//! What Prometheus does not know, what to do without data, stands in annotations
//! that begin with [`OWN_PREFIX`]: Prometheus ignores them, we leave them out of
//! notices.
//!
//! ```yaml
//! annotations:
//!   hostler_no_data: keep   # keep (the default), ok, or firing
//! ```

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::template::Template;
use super::{ALERT_NAME, LabelSet, Period};
use crate::error::Fault;
use crate::metrics::series::{LABELS_MAX, NAME_MAX, is_label_name, is_metric_name};

/// The most groups of a file.
pub const GROUPS_MAX: usize = 1000;
/// The most rules of a group.
pub const RULES_MAX: usize = 1000;
/// The longest expression, in bytes.
pub const EXPRESSION_MAX: usize = 16 * 1024;
/// The most instances of a rule where its group sets no limit.
pub const INSTANCES_MAX: usize = 10_000;
/// What annotations of ours begin with.
pub const OWN_PREFIX: &str = "hostler_";
/// The annotation that says what to do without data.
pub const NO_DATA: &str = "hostler_no_data";
/// How often a group is evaluated that does not say.
pub const INTERVAL: Period = Period::seconds(60);

/// A rule file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleFile {
    /// The groups.
    #[serde(default)]
    pub groups: Vec<RuleGroup>,
}

/// Rules that are evaluated one after the other, at one time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleGroup {
    /// Its name, once in a file.
    pub name: String,
    /// How often; [`INTERVAL`] if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Period>,
    /// How far in the past, so that late samples have arrived. Written only when
    /// set: Prometheus knows it since 2.53.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_offset: Option<Period>,
    /// The most instances of each rule; 0 or not said is [`INSTANCES_MAX`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The rules, in order.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

/// A rule: either `record` or `alert` is set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The series to write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// The alert to raise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<String>,
    /// The expression.
    pub expr: String,
    /// How long it has to hold before the alert fires.
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Period>,
    /// How long the alert goes on firing when it does not hold any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_firing_for: Option<Period>,
    /// Labels to add; templates in alerts.
    #[serde(default, skip_serializing_if = "LabelSet::is_empty")]
    pub labels: LabelSet,
    /// Texts for people; templates. Only of alerts.
    #[serde(default, skip_serializing_if = "LabelSet::is_empty")]
    pub annotations: LabelSet,
}

/// What happens to an alert when there is nothing to compute its expression with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoData {
    /// A firing alert stays, for at most [`super::state::NO_DATA_MAX`]: not to
    /// know is not to be well. A pending one ends.
    #[default]
    Keep,
    /// As Prometheus does it: no data, no alert.
    Ok,
    /// As if the expression held.
    Firing,
}

impl NoData {
    /// The word in a rule file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Ok => "ok",
            Self::Firing => "firing",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Keep, Self::Ok, Self::Firing].into_iter().find(|one| one.as_str() == text)
    }
}

/// A group whose rules are sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedGroup {
    /// Its name.
    pub name: String,
    /// How often it is evaluated.
    pub interval: Period,
    /// How far in the past.
    pub query_offset: Period,
    /// The rules, in order.
    pub rules: Vec<CheckedRule>,
}

/// A sound rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckedRule {
    /// Writes a series.
    Record(RecordRule),
    /// Raises an alert.
    Alert(AlertRule),
}

/// A sound rule that writes a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordRule {
    /// The series' name.
    pub name: String,
    /// The expression.
    pub expression: String,
    /// Labels that every sample gets.
    pub labels: LabelSet,
    /// The most series that it may write.
    pub limit: usize,
}

/// A sound rule that raises an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRule {
    /// The alert's name.
    pub name: String,
    /// The expression.
    pub expression: String,
    /// How often it is evaluated: time beyond that between two evaluations was
    /// not watched and counts for nothing.
    pub interval: Period,
    /// How long the expression has to hold.
    pub hold: Period,
    /// How long the alert goes on firing afterwards.
    pub keep_firing_for: Period,
    /// What to do without data.
    pub no_data: NoData,
    /// Labels that every instance gets.
    pub labels: Vec<(String, Template)>,
    /// Texts for people.
    pub annotations: Vec<(String, Template)>,
    /// The most instances.
    pub limit: usize,
}

/// Checks a file; `expression` says what is wrong with an expression, if
/// anything is.
///
/// # Errors
/// All faults at once, each with its place.
pub fn check(
    file: &RuleFile,
    expression: &dyn Fn(&str) -> Result<(), String>,
) -> Result<Vec<CheckedGroup>, Vec<Fault>> {
    let mut checker = Checker { faults: Vec::new(), expression };
    if file.groups.len() > GROUPS_MAX {
        checker.add("/groups", "too_many", format!("more than {GROUPS_MAX} groups"));
        return Err(checker.faults);
    }
    let mut names = BTreeSet::new();
    let mut groups = Vec::new();
    for (at, group) in file.groups.iter().enumerate() {
        let place = format!("/groups/{at}");
        if !names.insert(&group.name) {
            let name = &group.name;
            checker.add(format!("{place}/name"), "duplicate", format!("a group {name:?} is above"));
        }
        groups.push(checker.group(&place, group));
    }
    if checker.faults.is_empty() { Ok(groups) } else { Err(checker.faults) }
}

struct Checker<'a> {
    faults: Vec<Fault>,
    expression: &'a dyn Fn(&str) -> Result<(), String>,
}

impl Checker<'_> {
    fn add(&mut self, place: impl Into<String>, code: &str, detail: impl Into<String>) {
        self.faults.push(Fault::new(place, code, detail));
    }

    fn group(&mut self, place: &str, group: &RuleGroup) -> CheckedGroup {
        if group.name.is_empty() || group.name.len() > NAME_MAX {
            let detail = format!("a group needs a name of at most {NAME_MAX} bytes");
            self.add(format!("{place}/name"), "invalid", detail);
        }
        let interval = group.interval.unwrap_or(INTERVAL);
        if interval < Period::seconds(1) {
            self.add(format!("{place}/interval"), "too_small", "the least interval is 1s");
        }
        if group.rules.len() > RULES_MAX {
            self.add(format!("{place}/rules"), "too_many", format!("more than {RULES_MAX} rules"));
        }
        let limit = match group.limit {
            None | Some(0) => INSTANCES_MAX,
            Some(limit) => usize::try_from(limit).unwrap_or(INSTANCES_MAX).min(INSTANCES_MAX),
        };
        let mut seen = BTreeSet::new();
        let mut rules = Vec::new();
        for (at, rule) in group.rules.iter().take(RULES_MAX).enumerate() {
            let place = format!("{place}/rules/{at}");
            // Two rules of one name and labels would write the same series (`ALERTS`).
            if !seen.insert((&rule.record, &rule.alert, &rule.labels)) {
                let detail = "a rule of this name and these labels is above in the group";
                self.add(place.clone(), "duplicate", detail);
            }
            rules.extend(self.rule(&place, rule, interval, limit));
        }
        CheckedGroup {
            name: group.name.clone(),
            interval,
            query_offset: group.query_offset.unwrap_or_default(),
            rules,
        }
    }

    fn rule(
        &mut self,
        place: &str,
        rule: &Rule,
        interval: Period,
        limit: usize,
    ) -> Option<CheckedRule> {
        self.expression(place, &rule.expr);
        match (&rule.record, &rule.alert) {
            (Some(name), None) => Some(CheckedRule::Record(self.record(place, name, rule, limit))),
            (None, Some(name)) => {
                let mut checked = self.alert(place, name, rule);
                (checked.interval, checked.limit) = (interval, limit);
                Some(CheckedRule::Alert(checked))
            }
            (Some(_), Some(_)) => {
                self.add(place, "ambiguous", "a rule has either record or alert, not both");
                None
            }
            (None, None) => {
                self.add(place, "missing", "a rule needs record or alert");
                None
            }
        }
    }

    fn expression(&mut self, place: &str, expression: &str) {
        let place = format!("{place}/expr");
        if expression.trim().is_empty() {
            self.add(place, "missing", "a rule needs an expression");
        } else if expression.len() > EXPRESSION_MAX {
            self.add(place, "too_long", format!("longer than {EXPRESSION_MAX} bytes"));
        } else if let Err(what) = (self.expression)(expression) {
            self.add(place, "invalid", what);
        }
    }

    fn record(&mut self, place: &str, name: &str, rule: &Rule, limit: usize) -> RecordRule {
        if !is_metric_name(name) {
            let detail = format!("{name:?} is no name of a series");
            self.add(format!("{place}/record"), "invalid", detail);
        }
        let no_alert = "only an alert has it";
        if rule.hold.is_some() {
            self.add(format!("{place}/for"), "not_allowed", no_alert);
        }
        if rule.keep_firing_for.is_some() {
            self.add(format!("{place}/keep_firing_for"), "not_allowed", no_alert);
        }
        if !rule.annotations.is_empty() {
            self.add(format!("{place}/annotations"), "not_allowed", no_alert);
        }
        self.label_names(place, &rule.labels);
        RecordRule {
            name: name.into(),
            expression: rule.expr.clone(),
            labels: rule.labels.clone(),
            limit,
        }
    }

    fn alert(&mut self, place: &str, name: &str, rule: &Rule) -> AlertRule {
        if name.trim().is_empty() || name.len() > NAME_MAX {
            let detail = format!("an alert needs a name of at most {NAME_MAX} bytes");
            self.add(format!("{place}/alert"), "invalid", detail);
        }
        self.label_names(place, &rule.labels);
        if rule.labels.contains_key(ALERT_NAME) {
            let detail = format!("{ALERT_NAME} is the alert's own name");
            self.add(format!("{place}/labels/{ALERT_NAME}"), "reserved", detail);
        }
        let labels = self.templates(&format!("{place}/labels"), &rule.labels);
        let no_data = self.own_annotations(place, &rule.annotations);
        let texts = rule.annotations.iter().filter(|(name, _)| !name.starts_with(OWN_PREFIX));
        let texts = texts.map(|(name, text)| (name.clone(), text.clone())).collect();
        let annotations = self.templates(&format!("{place}/annotations"), &texts);
        AlertRule {
            name: name.into(),
            expression: rule.expr.clone(),
            interval: INTERVAL,
            hold: rule.hold.unwrap_or_default(),
            keep_firing_for: rule.keep_firing_for.unwrap_or_default(),
            no_data,
            labels,
            annotations,
            limit: INSTANCES_MAX,
        }
    }

    fn label_names(&mut self, place: &str, labels: &LabelSet) {
        if labels.len() > LABELS_MAX {
            let detail = format!("more than {LABELS_MAX} labels");
            self.add(format!("{place}/labels"), "too_many", detail);
        }
        for name in labels.keys() {
            let place = format!("{place}/labels/{name}");
            if !is_label_name(name) {
                self.add(place, "invalid", format!("{name:?} is no name of a label"));
            } else if name.starts_with("__") {
                self.add(place, "reserved", "names that begin with __ are Prometheus' own");
            }
        }
    }

    fn own_annotations(&mut self, place: &str, annotations: &LabelSet) -> NoData {
        let mut no_data = NoData::default();
        for (name, value) in annotations {
            let place = format!("{place}/annotations/{name}");
            if !is_label_name(name) {
                self.add(place, "invalid", format!("{name:?} is no name of an annotation"));
            } else if name == NO_DATA {
                match NoData::parse(value) {
                    Some(said) => no_data = said,
                    None => self.add(place, "invalid", "it is one of keep, ok and firing"),
                }
            } else if name.starts_with(OWN_PREFIX) {
                // A word of ours with a typing error would do nothing and look as if it did.
                let detail = format!("of those that begin with {OWN_PREFIX} there is {NO_DATA}");
                self.add(place, "unknown", detail);
            }
        }
        no_data
    }

    fn templates(&mut self, place: &str, texts: &LabelSet) -> Vec<(String, Template)> {
        let mut templates = Vec::new();
        for (name, text) in texts {
            let (template, faults) = Template::read(text);
            for fault in faults {
                self.add(format!("{place}/{name}"), "template", fault.to_string());
            }
            templates.push((name.clone(), template));
        }
        templates
    }
}

#[cfg(test)]
mod tests;
