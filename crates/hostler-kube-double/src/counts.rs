//! How often was asked for what, so that tests can hold a client to a number of calls.

use std::collections::{BTreeMap, VecDeque};

/// How many requests are remembered one by one.
const REMEMBERED: usize = 1_000;

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// `GET`, …
    pub method: String,
    /// With the query.
    pub path: String,
    /// As Kubernetes names it: `get`, `list`, `watch`, `create`, `update`, `patch`, `apply`,
    /// `delete`, `deletecollection`.
    pub verb: String,
    /// What was asked for: `virtualmachines`, `virtualmachines/start`, `discovery`, `version`,
    /// `healthz`, `selfsubjectaccessreviews`, `selfsubjectrulesreviews`, or `unknown`.
    pub class: String,
}

/// Requests by verb and class, refused and broken ones among them.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    by_class: BTreeMap<(String, String), u64>,
    recent: VecDeque<Seen>,
}

impl Counts {
    pub(crate) fn add(&mut self, seen: Seen) {
        *self.by_class.entry((seen.verb.clone(), seen.class.clone())).or_default() += 1;
        self.recent.push_back(seen);
        while self.recent.len() > REMEMBERED {
            self.recent.pop_front();
        }
    }

    /// How many with this verb, for this class.
    pub fn of(&self, verb: &str, class: &str) -> u64 {
        self.by_class.get(&(verb.to_owned(), class.to_owned())).copied().unwrap_or_default()
    }

    /// How many at all.
    pub fn total(&self) -> u64 {
        self.by_class.values().sum()
    }

    /// All of them: verb, class, how many.
    pub fn each(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        self.by_class.iter().map(|((verb, class), count)| (verb.as_str(), class.as_str(), *count))
    }

    /// The newest requests, at most a thousand, the oldest first.
    pub fn recent(&self) -> impl Iterator<Item = &Seen> {
        self.recent.iter()
    }
}
