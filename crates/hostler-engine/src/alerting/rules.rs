//! Rules as they are evaluated: read, named, with their queries understood.

use std::collections::BTreeMap;
use std::sync::Arc;

use hostler_core::alert::rule::{CheckedGroup, CheckedRule, RuleFile, check};
use hostler_core::alert::{Identity, LabelSet, Period};
use hostler_core::error::Fault;
use hostler_promql::Query;

use super::short_hash;

/// Rules that come from one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSource {
    /// Where they come from, for people: `shipped`, `preset`, or a file.
    pub name: String,
    /// The rules.
    pub groups: Vec<CheckedGroup>,
}

/// Checks a file of rules, its expressions included.
///
/// # Errors
/// All faults at once, each with its place.
pub fn check_rules(file: &RuleFile) -> Result<Vec<CheckedGroup>, Vec<Fault>> {
    check(file, &|text| query(text).map(drop))
}

fn query(text: &str) -> Result<Query, String> {
    let query = Query::parse(text).map_err(|fault| fault.to_string())?;
    if query.has_range() {
        return Ok(query);
    }
    Err("a rule needs a number or an instant vector".to_owned())
}

/// A group that is evaluated.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) source: String,
    pub(super) name: String,
    pub(super) interval: Period,
    pub(super) query_offset: Period,
    pub(super) rules: Vec<Arc<Ready>>,
}

/// A rule that is evaluated.
#[derive(Debug)]
pub(super) struct Ready {
    /// The same as long as its source, group, name and labels are.
    pub(super) id: String,
    pub(super) source: String,
    pub(super) group: String,
    pub(super) interval: Period,
    pub(super) rule: CheckedRule,
    pub(super) query: Query,
}

impl Ready {
    pub(super) fn name(&self) -> &str {
        match &self.rule {
            CheckedRule::Alert(rule) => &rule.name,
            CheckedRule::Record(rule) => &rule.name,
        }
    }

    pub(super) fn expression(&self) -> &str {
        match &self.rule {
            CheckedRule::Alert(rule) => &rule.expression,
            CheckedRule::Record(rule) => &rule.expression,
        }
    }

    /// The labels that it adds, as written.
    pub(super) fn labels(&self) -> LabelSet {
        match &self.rule {
            CheckedRule::Record(rule) => rule.labels.clone(),
            CheckedRule::Alert(rule) => {
                let labels = rule.labels.iter();
                labels.map(|(name, text)| (name.clone(), text.source().to_owned())).collect()
            }
        }
    }
}

/// The groups of all sources, ready. What cannot be read was refused before.
pub(super) fn ready(sources: &[RuleSource]) -> Vec<Arc<Group>> {
    let groups = sources.iter().flat_map(|source| {
        source.groups.iter().map(|group| Arc::new(ready_group(&source.name, group)))
    });
    groups.collect()
}

/// The series that recording rules write under names that users could push, too: their names,
/// and for people where the rule is.
pub(crate) type Recorded = BTreeMap<String, String>;

/// Those of all groups. Names with a colon are for recording rules, and nobody may push them.
pub(super) fn recorded(groups: &[Arc<Group>]) -> Recorded {
    let rules = groups.iter().flat_map(|group| &group.rules);
    let records = rules.filter(|rule| matches!(rule.rule, CheckedRule::Record(_)));
    let pushable = records.filter(|rule| !rule.name().contains(':'));
    let place = |rule: &Arc<Ready>| format!("group {:?} of {}", rule.group, rule.source);
    pushable.map(|rule| (rule.name().to_owned(), place(rule))).collect()
}

fn ready_group(source: &str, group: &CheckedGroup) -> Group {
    let rules = group.rules.iter().filter_map(|rule| {
        let (kind, name, expression) = match rule {
            CheckedRule::Alert(rule) => ("alert", &rule.name, &rule.expression),
            CheckedRule::Record(rule) => ("record", &rule.name, &rule.expression),
        };
        let query = query(expression).ok()?;
        let mut ready = Ready {
            id: String::new(),
            source: source.to_owned(),
            group: group.name.clone(),
            interval: group.interval,
            rule: rule.clone(),
            query,
        };
        let labels = Identity::of(&ready.labels());
        // Not the expression: a threshold that is tuned goes on with the alerts there are.
        let key = [source, &group.name, kind, name, labels.as_str()].join("\u{0}");
        ready.id = short_hash(&key);
        Some(Arc::new(ready))
    });
    Group {
        source: source.to_owned(),
        name: group.name.clone(),
        interval: group.interval,
        query_offset: group.query_offset,
        rules: rules.collect(),
    }
}
