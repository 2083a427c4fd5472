//! Who is told: a tree of routes as in Alertmanager's configuration.
//!
//! ```text
//!  root (receiver ops)
//!   ├── severity="critical"  → pager, continue      both, when the alert
//!   ├── team=~"db.*"         → db                   fits both
//!   └── …                                           none fits: the root's own
//! ```
//!
//! The deepest that fits decides; what a route does not say it has from the one
//! above it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::group::{GroupKey, Timing};
use super::matcher::{LabelMatcher, fits_all};
use super::{LabelSet, Period};
use crate::error::Fault;
use crate::metrics::series::is_label_name;

/// The most routes of a tree.
pub const ROUTES_MAX: usize = 1000;
/// The deepest tree.
pub const DEPTH_MAX: usize = 16;
/// What `group_by` holds to make each alert a group of its own.
pub const BY_ALL: &str = "...";

/// A route with those below it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Who is told; the root needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receiver: Option<String>,
    /// Alerts that agree in these labels go out together; [`BY_ALL`] for each alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_by: Option<Vec<String>>,
    /// How long a change waits for others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_wait: Option<Period>,
    /// The least time between two notices of a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_interval: Option<Period>,
    /// After what time the same is told again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat_interval: Option<Period>,
    /// Which alerts; the root takes all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matchers: Vec<LabelMatcher>,
    /// Whether the routes after it are asked as well when it fits.
    #[serde(rename = "continue", default, skip_serializing_if = "std::ops::Not::not")]
    pub goes_on: bool,
    /// Those below it, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Self>,
}

/// A sound tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routes(Node);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    matchers: Vec<LabelMatcher>,
    goes_on: bool,
    settings: Settings,
    /// The matchers from the root to here, which names the route.
    path: String,
    below: Vec<Self>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Settings {
    receiver: String,
    /// `None` is each alert alone.
    group_by: Option<BTreeSet<String>>,
    timing: Timing,
}

/// Where an alert goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The group that it belongs to; the receiver is part of it.
    pub group: GroupKey,
    /// When that group is sent.
    pub timing: Timing,
}

/// Checks a tree against the receivers that there are.
///
/// # Errors
/// All faults at once.
pub fn check(root: &Route, receivers: &BTreeSet<String>) -> Result<Routes, Vec<Fault>> {
    let mut checker = Checker { receivers, faults: Vec::new(), count: 0, names: BTreeSet::new() };
    if root.receiver.is_none() {
        checker.add("/route/receiver", "missing", "the root needs one, so that no alert is lost");
    }
    if !root.matchers.is_empty() {
        checker.add("/route/matchers", "not_allowed", "the root takes every alert");
    }
    if root.goes_on {
        checker.add("/route/continue", "not_allowed", "nothing comes after the root");
    }
    let settings = Settings {
        receiver: String::new(),
        group_by: Some(BTreeSet::new()),
        timing: Timing::default(),
    };
    let node = checker.node("/route", root, &settings, "", 0);
    if checker.faults.is_empty() { Ok(Routes(node)) } else { Err(checker.faults) }
}

struct Checker<'a> {
    receivers: &'a BTreeSet<String>,
    faults: Vec<Fault>,
    count: usize,
    names: BTreeSet<(String, String)>,
}

impl Checker<'_> {
    fn add(&mut self, place: impl Into<String>, code: &str, detail: impl Into<String>) {
        self.faults.push(Fault::new(place, code, detail));
    }

    fn node(
        &mut self,
        place: &str,
        route: &Route,
        above: &Settings,
        path: &str,
        depth: usize,
    ) -> Node {
        self.count += 1;
        let settings = self.settings(place, route, above);
        let matchers: Vec<String> = route.matchers.iter().map(ToString::to_string).collect();
        let path = match depth {
            0 => "{}".to_owned(),
            _ => format!("{path}/{{{}}}", matchers.join(",")),
        };
        // Their groups would be the same, and each would undo what the other stored.
        if !self.names.insert((settings.receiver.clone(), path.clone())) {
            let detail = "a route with these matchers and this receiver is above";
            self.add(place, "duplicate", detail);
        }
        let mut below = Vec::new();
        if depth >= DEPTH_MAX && !route.routes.is_empty() {
            self.add(place, "too_deep", format!("deeper than {DEPTH_MAX} routes"));
        } else {
            for (at, child) in route.routes.iter().enumerate() {
                if self.count >= ROUTES_MAX {
                    self.add(place, "too_many", format!("more than {ROUTES_MAX} routes"));
                    break;
                }
                let place = format!("{place}/routes/{at}");
                below.push(self.node(&place, child, &settings, &path, depth + 1));
            }
        }
        let (matchers, goes_on) = (route.matchers.clone(), route.goes_on);
        Node { matchers, goes_on, settings, path, below }
    }

    fn settings(&mut self, place: &str, route: &Route, above: &Settings) -> Settings {
        let receiver = route.receiver.as_ref().unwrap_or(&above.receiver);
        if route.receiver.is_some() && !self.receivers.contains(receiver) {
            let detail = format!("there is no receiver {receiver:?}");
            self.add(format!("{place}/receiver"), "unknown", detail);
        }
        let group_by = match &route.group_by {
            None => above.group_by.clone(),
            Some(names) if names.iter().any(|name| name == BY_ALL) => {
                if names.len() > 1 {
                    let detail = format!("{BY_ALL} stands alone");
                    self.add(format!("{place}/group_by"), "invalid", detail);
                }
                None
            }
            Some(names) => {
                for name in names.iter().filter(|name| !is_label_name(name)) {
                    let detail = format!("{name:?} is no name of a label");
                    self.add(format!("{place}/group_by"), "invalid", detail);
                }
                Some(names.iter().cloned().collect())
            }
        };
        let positive =
            [("group_interval", route.group_interval), ("repeat_interval", route.repeat_interval)];
        for (name, _) in positive.iter().filter(|(_, said)| *said == Some(Period::ZERO)) {
            self.add(format!("{place}/{name}"), "too_small", "it has to be more than 0");
        }
        let timing = Timing {
            group_wait: route.group_wait.unwrap_or(above.timing.group_wait),
            group_interval: route.group_interval.unwrap_or(above.timing.group_interval),
            repeat_interval: route.repeat_interval.unwrap_or(above.timing.repeat_interval),
        };
        Settings { receiver: receiver.clone(), group_by, timing }
    }
}

impl Routes {
    /// Where an alert with these labels goes: at least one place.
    pub fn destinations(&self, labels: &LabelSet) -> Vec<Destination> {
        let mut found = Vec::new();
        self.0.collect(labels, &mut found);
        found
    }

    /// Everything that an alert may be sent to, for showing.
    pub fn receivers(&self) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        let mut open = vec![&self.0];
        while let Some(node) = open.pop() {
            found.insert(node.settings.receiver.as_str());
            open.extend(&node.below);
        }
        found
    }
}

impl Node {
    /// Adds where the alert goes; says whether it fits here.
    fn collect(&self, labels: &LabelSet, found: &mut Vec<Destination>) -> bool {
        if !fits_all(&self.matchers, labels) {
            return false;
        }
        let mut is_taken = false;
        for node in &self.below {
            if node.collect(labels, found) {
                is_taken = true;
                if !node.goes_on {
                    break;
                }
            }
        }
        if !is_taken {
            found.push(self.destination(labels));
        }
        true
    }

    fn destination(&self, labels: &LabelSet) -> Destination {
        let Settings { receiver, group_by, timing } = &self.settings;
        let is_wanted = |name: &String| group_by.as_ref().is_none_or(|names| names.contains(name));
        let shared = labels.iter().filter(|(name, _)| is_wanted(name));
        let labels = shared.map(|(name, value)| (name.clone(), value.clone())).collect();
        let group = GroupKey { receiver: receiver.clone(), route: self.path.clone(), labels };
        Destination { group, timing: *timing }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::alert::tests_support::set;

    const TREE: &str = r#"
receiver: ops
group_by: [alertname, host]
group_wait: 10s
routes:
  - receiver: pager
    matchers: ['severity="critical"']
    continue: true
    repeat_interval: 1h
  - matchers: ['team=~"db.*"']
    receiver: db
    group_by: ['...']
    routes:
      - matchers: [team=db-night]
        receiver: night
  - matchers: [team=quiet]
"#;

    fn read(text: &str) -> Route {
        serde_saphyr::from_str(text).unwrap()
    }

    fn receivers() -> BTreeSet<String> {
        ["ops", "pager", "db", "night"].into_iter().map(Into::into).collect()
    }

    fn goes_to(labels: &[(&str, &str)]) -> Vec<String> {
        let routes = check(&read(TREE), &receivers()).unwrap();
        let found = routes.destinations(&set(labels)).into_iter();
        found.map(|to| to.group.receiver).collect()
    }

    #[test]
    fn the_deepest_route_that_fits_decides() {
        for (labels, to) in [
            (&[("severity", "info")] as &[_], vec!["ops"]),
            (&[("severity", "critical")], vec!["pager"]),
            (&[("severity", "critical"), ("team", "db-1")], vec!["pager", "db"]),
            (&[("team", "db-night")], vec!["night"]),
            (&[("team", "quiet")], vec!["ops"]),
        ] {
            assert_eq!(goes_to(labels), to, "{labels:?}");
        }
    }

    #[test]
    fn what_a_route_does_not_say_it_has_from_above() {
        let routes = check(&read(TREE), &receivers()).unwrap();
        let labels = set(&[("alertname", "A"), ("vm", "a"), ("severity", "critical")]);
        let found = routes.destinations(&labels);
        let [pager] = &*found else { panic!("{found:?}") };
        assert_eq!(pager.group.labels, set(&[("alertname", "A")]), "host is not there");
        assert_eq!(pager.timing.group_wait, Period::seconds(10));
        assert_eq!(pager.timing.group_interval, Period::seconds(300));
        assert_eq!(pager.timing.repeat_interval, Period::seconds(3600));
        assert_eq!(pager.group.to_string(), "pager:{}/{severity=\"critical\"}:{alertname=\"A\"}");
        let alone = routes.destinations(&set(&[("team", "db-night"), ("vm", "a")]));
        assert_eq!(alone[0].group.labels.len(), 2, "each alone");
        assert_eq!(routes.receivers().len(), 4);
    }

    #[test]
    fn all_faults_of_a_tree_are_told_at_once() {
        let text = r#"
matchers: [a=b]
continue: true
routes:
  - receiver: nobody
    group_by: ['...', host]
    repeat_interval: 0s
  - {matchers: [x=y], group_by: [a-b]}
  - {matchers: [x=y], group_interval: 0s}
"#;
        let faults = check(&read(text), &receivers()).unwrap_err();
        let told: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        for place in [
            "/route/receiver",
            "/route/matchers",
            "/route/continue",
            "/route/routes/0/receiver",
            "/route/routes/0/group_by",
            "/route/routes/0/repeat_interval",
            "/route/routes/1/group_by",
            "/route/routes/2/group_interval",
            "/route/routes/2",
        ] {
            assert!(told.contains(&place), "{place} is not in {told:#?}");
        }
        assert_eq!(told.len(), 9);
        assert!(serde_saphyr::from_str::<Route>("mute_time_intervals: [night]").is_err());
    }

    #[test]
    fn a_tree_too_deep_or_too_large_is_refused() {
        let named = |at: usize, routes| Route {
            matchers: vec![format!("a=b{at}").parse().unwrap()],
            routes,
            ..Route::default()
        };
        let root = |routes| Route { receiver: Some("ops".into()), routes, ..Route::default() };
        let deep = (0..=DEPTH_MAX).fold(Vec::new(), |below, at| vec![named(at, below)]);
        assert_eq!(check(&root(deep), &receivers()).unwrap_err()[0].code, "too_deep");
        let wide = (0..=ROUTES_MAX).map(|at| named(at, Vec::new())).collect();
        assert_eq!(check(&root(wide), &receivers()).unwrap_err()[0].code, "too_many");
    }

    proptest! {
        #[test]
        fn every_alert_goes_somewhere_and_nowhere_twice(
            labels in proptest::collection::btree_map("team|severity|vm", "critical|db-night|db1|x", 0..4),
        ) {
            let routes = check(&read(TREE), &receivers()).unwrap();
            let found = routes.destinations(&labels);
            prop_assert!(!found.is_empty());
            let keys: BTreeSet<&GroupKey> = found.iter().map(|to| &to.group).collect();
            prop_assert_eq!(keys.len(), found.len());
        }
    }
}
