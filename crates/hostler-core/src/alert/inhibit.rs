//! Inhibition: while a greater fault is known, its consequences are not told.
//! A host that is down explains every VM on it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::matcher::{LabelMatcher, fits_all};
use super::{Identity, LabelSet, label};
use crate::error::Fault;
use crate::metrics::series::is_label_name;

/// The most rules.
pub const RULES_MAX: usize = 200;

/// While an alert that fits the source fires, those that fit the target and
/// agree in some labels are not told. As in Alertmanager's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InhibitRule {
    /// The greater fault.
    pub source_matchers: Vec<LabelMatcher>,
    /// Its consequence.
    pub target_matchers: Vec<LabelMatcher>,
    /// Labels in which both have to agree; one that neither has agrees.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub equal: Vec<String>,
}

/// Checks the rules.
///
/// # Errors
/// All faults at once.
pub fn check(rules: &[InhibitRule]) -> Result<(), Vec<Fault>> {
    let mut faults = Vec::new();
    if rules.len() > RULES_MAX {
        let detail = format!("more than {RULES_MAX} rules");
        faults.push(Fault::new("/inhibit_rules", "too_many", detail));
    }
    for (at, rule) in rules.iter().enumerate() {
        let place = format!("/inhibit_rules/{at}");
        let sides = [("source", &rule.source_matchers), ("target", &rule.target_matchers)];
        for (side, matchers) in sides {
            // One that fits everything would let any alert silence all others.
            if matchers.iter().all(LabelMatcher::fits_absent) {
                let detail = "one matcher at least has to ask for a label that is not empty";
                faults.push(Fault::new(format!("{place}/{side}_matchers"), "too_wide", detail));
            }
        }
        for name in rule.equal.iter().filter(|name| !is_label_name(name)) {
            let detail = format!("{name:?} is no name of a label");
            faults.push(Fault::new(format!("{place}/equal"), "invalid", detail));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// What inhibits, looked up fast: made once for all alerts of a moment.
#[derive(Debug)]
pub struct Inhibitor<'a>(Vec<Sources<'a>>);

#[derive(Debug)]
struct Sources<'a> {
    rule: &'a InhibitRule,
    /// For each set of equal values: a source that is no target itself, and one that is.
    firing: BTreeMap<Vec<String>, Found>,
}

#[derive(Debug, Default)]
struct Found {
    only_source: Option<Identity>,
    also_target: Option<Identity>,
}

impl<'a> Inhibitor<'a> {
    /// Of these rules, while alerts with these labels fire.
    pub fn new(
        rules: &'a [InhibitRule],
        firing: impl IntoIterator<Item = &'a LabelSet> + Clone,
    ) -> Self {
        let of_rule = |rule: &'a InhibitRule| {
            let mut found: BTreeMap<Vec<String>, Found> = BTreeMap::new();
            let sources = firing.clone().into_iter();
            for labels in sources.filter(|labels| fits_all(&rule.source_matchers, labels)) {
                let found = found.entry(values(rule, labels)).or_default();
                let place = if fits_all(&rule.target_matchers, labels) {
                    &mut found.also_target
                } else {
                    &mut found.only_source
                };
                place.get_or_insert_with(|| Identity::of(labels));
            }
            Sources { rule, firing: found }
        };
        Self(rules.iter().map(of_rule).collect())
    }

    /// The alert that inhibits one with these labels, if any. An alert that is
    /// source and target of a rule is not inhibited by another such: they would
    /// silence each other.
    pub fn by(&self, labels: &LabelSet) -> Option<&Identity> {
        self.0.iter().find_map(|sources| {
            let rule = sources.rule;
            if !fits_all(&rule.target_matchers, labels) {
                return None;
            }
            let found = sources.firing.get(&values(rule, labels))?;
            let other = || match fits_all(&rule.source_matchers, labels) {
                true => None,
                false => found.also_target.as_ref(),
            };
            found.only_source.as_ref().or_else(other)
        })
    }
}

fn values(rule: &InhibitRule, labels: &LabelSet) -> Vec<String> {
    rule.equal.iter().map(|name| label(labels, name).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::alert::tests_support::set;

    fn rule(source: &str, target: &str, equal: &[&str]) -> InhibitRule {
        InhibitRule {
            source_matchers: vec![source.parse().unwrap()],
            target_matchers: vec![target.parse().unwrap()],
            equal: equal.iter().map(|name| (*name).into()).collect(),
        }
    }

    #[test]
    fn a_greater_fault_hides_its_consequences_and_no_others() {
        let rules = [rule("alertname=HostDown", "vm=~\".+\"", &["host"])];
        let firing = [
            set(&[("alertname", "HostDown"), ("host", "h1")]),
            set(&[("alertname", "VmSlow"), ("vm", "a"), ("host", "h1")]),
        ];
        let inhibitor = Inhibitor::new(&rules, &firing);
        assert_eq!(inhibitor.by(&firing[1]), Some(&Identity::of(&firing[0])));
        assert_eq!(inhibitor.by(&firing[0]), None);
        assert_eq!(inhibitor.by(&set(&[("vm", "a"), ("host", "h2")])), None);
        assert_eq!(inhibitor.by(&set(&[("vm", "a")])), None, "no host is not h1");
        assert_eq!(Inhibitor::new(&rules, []).by(&firing[1]), None);
    }

    #[test]
    fn labels_that_neither_has_agree() {
        let rules = [rule("severity=critical", "severity=warning", &["vm", "pool"])];
        let firing = [set(&[("severity", "critical"), ("vm", "a")])];
        let inhibitor = Inhibitor::new(&rules, &firing);
        assert!(inhibitor.by(&set(&[("severity", "warning"), ("vm", "a")])).is_some());
        assert!(
            inhibitor.by(&set(&[("severity", "warning"), ("vm", "a"), ("pool", "p")])).is_none()
        );
    }

    #[test]
    fn alerts_do_not_silence_each_other() {
        let rules = [rule("host=~\".+\"", "host=~\".+\"", &["host"])];
        let firing = [set(&[("host", "h1"), ("n", "1")]), set(&[("host", "h1"), ("n", "2")])];
        let inhibitor = Inhibitor::new(&rules, &firing);
        assert!(firing.iter().all(|labels| inhibitor.by(labels).is_none()));
    }

    #[test]
    fn a_rule_that_would_hide_everything_is_refused() {
        assert_eq!(check(&[rule("a=b", "c=d", &["vm"])]), Ok(()));
        let mut wide = rule("a!=b", "c=~\".*\"", &["a-b"]);
        assert_eq!(check(&[wide.clone()]).unwrap_err().len(), 3);
        wide.source_matchers.clear();
        assert_eq!(check(&[wide]).unwrap_err()[0].pointer, "/inhibit_rules/0/source_matchers");
    }

    proptest! {
        #[test]
        fn some_alert_of_those_that_fire_is_always_told(
            alerts in proptest::collection::btree_set(("[ab]", "[ab]", "[ab]"), 1..8),
        ) {
            // Whatever one rule hides, its source is not hidden by the same rule.
            let rules = [rule("x=a", "y=a", &["z"])];
            let firing: Vec<LabelSet> = alerts.iter()
                .map(|(x, y, z)| set(&[("x", x), ("y", y), ("z", z)])).collect();
            let inhibitor = Inhibitor::new(&rules, &firing);
            prop_assert!(firing.iter().any(|labels| inhibitor.by(labels).is_none()));
        }
    }
}
