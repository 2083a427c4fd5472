//! When a thing that is not there any more is forgotten.
//!
//! ```text
//!  there ──► missing: counted, inventory by inventory ──► forgotten
//!    ▲                      │ seen again
//!    └──────────────────────┘
//! ```
//!
//! Only a complete inventory can show that a thing is missing. One that follows
//! a complete one vouches for the time in between, as timers measure it and no
//! more than two paces; an outage, a host that does not answer and a clock that
//! jumps vouch for nothing (F19, I14). So "unseen for a week" means a week of
//! looking, not a week between two readings of a clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hostler_store::Absence;
use tokio::time::Instant;

use super::Kind;

/// How long missing things are remembered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    /// The time that has to be vouched for.
    pub(crate) keep: Duration,
    /// The inventories that have to vouch.
    pub(crate) inventories: u32,
}

impl Rule {
    /// Whether a thing that is missing for so long is forgotten.
    pub(crate) fn forgets(&self, absence: Absence) -> bool {
        absence.vouched >= self.keep && absence.inventories >= self.inventories.max(1)
    }
}

/// When inventories of one provider vouch for the time between them.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    /// When the latest was taken, if it was complete.
    complete_at: Option<Instant>,
}

impl Witness {
    /// A complete inventory; tells the time it vouches for, `most` at most.
    pub(crate) fn complete(&mut self, now: Instant, most: Duration) -> Duration {
        let since = self.complete_at.replace(now);
        since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since)).min(most)
    }

    /// An inventory that failed or was not complete.
    pub(crate) fn interrupted(&mut self) {
        self.complete_at = None;
    }
}

/// A thing that is missing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Missing {
    /// For how long.
    pub(crate) absence: Absence,
    /// Its name when it was seen last, if that was since the server started.
    pub(crate) name: Option<String>,
}

/// What is missing at one provider, and what of that the store knows.
#[derive(Debug, Default)]
pub(crate) struct Absences {
    missing: BTreeMap<(Kind, String), Missing>,
    /// What the store holds for those whose absence it knows.
    stored: BTreeMap<(Kind, String), Absence>,
}

impl Absences {
    /// Takes over what the store knows.
    pub(crate) fn load(&mut self, kind: Kind, external_ref: &str, absence: Absence) {
        if absence != Absence::default() {
            let key = (kind, external_ref.to_owned());
            self.missing.insert(key.clone(), Missing { absence, name: None });
            self.stored.insert(key, absence);
        }
    }

    /// A complete inventory that vouches for `time` showed none of these.
    pub(crate) fn witness(
        &mut self,
        absent: BTreeSet<(Kind, String)>,
        time: Duration,
        name: impl Fn(Kind, &str) -> Option<String>,
    ) {
        self.missing.retain(|key, _| absent.contains(key));
        for key in absent {
            match self.missing.get_mut(&key) {
                Some(Missing { absence, .. }) => {
                    absence.vouched = absence.vouched.saturating_add(time);
                    absence.inventories = absence.inventories.saturating_add(1);
                }
                // It was there until now: no time is vouched for yet.
                None => {
                    let absence = Absence { vouched: Duration::ZERO, inventories: 1 };
                    let name = name(key.0, &key.1);
                    self.missing.insert(key, Missing { absence, name });
                }
            }
        }
    }

    /// An inventory that cannot tell what is missing showed these all the same.
    pub(crate) fn shown(&mut self, is_shown: impl Fn(Kind, &str) -> bool) {
        self.missing.retain(|(kind, name), _| !is_shown(*kind, name));
    }

    /// It is there.
    pub(crate) fn seen(&mut self, kind: Kind, external_ref: &str) {
        self.missing.remove(&(kind, external_ref.to_owned()));
    }

    /// What the store has to be told.
    pub(crate) fn unstored(&self) -> Vec<(Kind, String, Absence)> {
        let changed = self.missing.iter().filter(|(key, missing)| {
            self.stored.get(key).copied().unwrap_or_default() != missing.absence
        });
        let changed = changed.map(|((kind, name), m)| (*kind, name.clone(), m.absence));
        let back = self.stored.keys().filter(|key| !self.missing.contains_key(key));
        changed.chain(back.map(|(kind, name)| (*kind, name.clone(), Absence::default()))).collect()
    }

    /// The store was told.
    pub(crate) fn stored(&mut self, told: Vec<(Kind, String, Absence)>) {
        for (kind, name, absence) in told {
            if absence == Absence::default() {
                self.stored.remove(&(kind, name));
            } else {
                self.stored.insert((kind, name), absence);
            }
        }
    }

    /// What this rule forgets, longest missing first.
    pub(crate) fn forgettable(&self, rule: Rule) -> Vec<(Kind, &str, &Missing)> {
        let old = self.missing.iter().filter(|(_, missing)| rule.forgets(missing.absence));
        let mut old: Vec<_> = old.map(|((kind, name), m)| (*kind, name.as_str(), m)).collect();
        old.sort_by_key(|(_, _, missing)| std::cmp::Reverse(missing.absence.vouched));
        old
    }

    /// It is forgotten; the store knows.
    pub(crate) fn forget(&mut self, kind: Kind, external_ref: &str) {
        let key = (kind, external_ref.to_owned());
        self.missing.remove(&key);
        self.stored.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const RULE: Rule = Rule { keep: Duration::from_secs(600), inventories: 5 };

    fn thing(name: &str) -> (Kind, String) {
        (Kind::Vm, name.to_owned())
    }

    fn witness(absences: &mut Absences, absent: &[&str], time: Duration) {
        let absent = absent.iter().map(|name| thing(name)).collect();
        absences.witness(absent, time, |_, name| Some(format!("name of {name}")));
    }

    fn forgets(absences: &Absences) -> Vec<&str> {
        absences.forgettable(RULE).into_iter().map(|(_, name, _)| name).collect()
    }

    #[test]
    fn what_is_missing_long_enough_is_forgotten_and_not_before() {
        let mut absences = Absences::default();
        for n in 0..=10 {
            assert_eq!(forgets(&absences), [""; 0], "after {n} minutes");
            witness(&mut absences, &["a"], MINUTE);
        }
        assert_eq!(forgets(&absences), ["a"]);
        let (_, _, missing) = absences.forgettable(RULE)[0];
        assert_eq!(missing.name.as_deref(), Some("name of a"));
    }

    #[test]
    fn few_inventories_do_not_suffice_however_long_they_vouch() {
        let mut absences = Absences::default();
        for _ in 0..4 {
            witness(&mut absences, &["a"], MINUTE * 1000);
        }
        assert_eq!(forgets(&absences), [""; 0]);
        witness(&mut absences, &["a"], MINUTE);
        assert_eq!(forgets(&absences), ["a"]);
    }

    #[test]
    fn what_is_seen_again_begins_anew() {
        let mut absences = Absences::default();
        for _ in 0..20 {
            witness(&mut absences, &["a", "b"], MINUTE);
        }
        absences.seen(Kind::Vm, "a");
        witness(&mut absences, &["a"], MINUTE);
        assert_eq!(forgets(&absences), [""; 0], "b was in that inventory, a just before it");
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_vouches_for_nothing_and_a_long_pause_for_little() {
        let mut witness = Witness::default();
        assert_eq!(witness.complete(Instant::now(), MINUTE), Duration::ZERO);
        tokio::time::advance(MINUTE / 2).await;
        assert_eq!(witness.complete(Instant::now(), MINUTE), MINUTE / 2);
        tokio::time::advance(MINUTE * 100).await;
        assert_eq!(witness.complete(Instant::now(), MINUTE), MINUTE);
        witness.interrupted();
        tokio::time::advance(MINUTE).await;
        assert_eq!(witness.complete(Instant::now(), MINUTE), Duration::ZERO);
    }

    #[test]
    fn the_store_is_told_what_it_does_not_know_and_no_more() {
        let mut absences = Absences::default();
        let known = Absence { vouched: MINUTE, inventories: 3 };
        absences.load(Kind::Host, "h", known);
        absences.load(Kind::Host, "there", Absence::default());
        assert_eq!(absences.unstored(), []);
        witness(&mut absences, &["a"], MINUTE);
        let first = Absence { vouched: Duration::ZERO, inventories: 1 };
        let told = absences.unstored();
        let expected =
            [(Kind::Vm, "a".to_owned(), first), (Kind::Host, "h".to_owned(), Absence::default())];
        assert_eq!(told, expected, "the host is back");
        absences.stored(told);
        assert_eq!(absences.unstored(), []);
    }
}
