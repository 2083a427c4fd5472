//! What came out of a run of the suite, for people and for a test to end with.

use std::fmt;

use crate::Group;

/// What came of one promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The driver keeps it.
    Kept,
    /// It could not be checked, and why.
    Skipped(String),
    /// The driver breaks it, and how.
    Failed(String),
}

/// One promise and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The name of the promise.
    pub promise: &'static str,
    /// The group it belongs to; `None` for what every provider promises.
    pub group: Option<Group>,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of all promises, in the order in which they were checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    verdicts: Vec<Verdict>,
}

impl Report {
    pub(super) fn add(&mut self, promise: &'static str, group: Option<Group>, outcome: Outcome) {
        self.verdicts.push(Verdict { promise, group, outcome });
    }

    /// One report of several, each of some of the promises, in the order of all of them: so can
    /// promises be checked at once, each in a place of its own.
    pub fn of(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut verdicts: Vec<_> = parts.into_iter().flat_map(|part| part.verdicts).collect();
        let position = |verdict: &Verdict| super::promises().position(|it| it == verdict.promise);
        verdicts.sort_by_key(position);
        // What is wrong with the setting is found by each part.
        verdicts.dedup();
        Self { verdicts }
    }

    /// Every promise with its outcome.
    pub fn verdicts(&self) -> &[Verdict] {
        &self.verdicts
    }

    /// The names of the promises that were kept.
    pub fn kept(&self) -> Vec<&'static str> {
        self.names(|outcome| *outcome == Outcome::Kept)
    }

    /// The names of the promises that could not be checked.
    pub fn skipped(&self) -> Vec<&'static str> {
        self.names(|outcome| matches!(outcome, Outcome::Skipped(_)))
    }

    /// The names of the promises that were broken.
    pub fn failed(&self) -> Vec<&'static str> {
        self.names(|outcome| matches!(outcome, Outcome::Failed(_)))
    }

    fn names(&self, wanted: impl Fn(&Outcome) -> bool) -> Vec<&'static str> {
        self.verdicts.iter().filter(|v| wanted(&v.outcome)).map(|v| v.promise).collect()
    }

    /// Ends a test: fine when no promise was broken and one was kept at least.
    ///
    /// # Panics
    ///
    /// With the whole report, otherwise. A run that skipped everything has
    /// shown nothing and is no success.
    pub fn assert_passed(&self) {
        assert!(self.failed().is_empty() && !self.kept().is_empty(), "\n{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for verdict in &self.verdicts {
            let (word, why) = match &verdict.outcome {
                Outcome::Kept => ("kept", ""),
                Outcome::Skipped(why) => ("skipped", why.as_str()),
                Outcome::Failed(what) => ("FAILED", what.as_str()),
            };
            let group = verdict.group.map_or("-", Group::as_str);
            write!(f, "{word:8} {group:8} {}", verdict.promise)?;
            if !why.is_empty() {
                write!(f, ": {why}")?;
            }
            writeln!(f)?;
        }
        let (kept, skipped, failed) =
            (self.kept().len(), self.skipped().len(), self.failed().len());
        write!(f, "{kept} kept, {skipped} skipped, {failed} failed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(outcomes: Vec<Outcome>) -> Report {
        let mut report = Report::default();
        for outcome in outcomes {
            report.add("start_makes_it_run", Some(Group::Power), outcome);
        }
        report
    }

    #[test]
    fn what_was_skipped_is_told_with_the_reason() {
        let report = report(vec![Outcome::Kept, Outcome::Skipped("no image".into())]);
        let text = report.to_string();
        assert!(text.contains("skipped  power    start_makes_it_run: no image\n"), "{text}");
        assert!(text.ends_with("1 kept, 1 skipped, 0 failed"), "{text}");
        report.assert_passed();
    }

    #[test]
    #[should_panic(expected = "FAILED   power    start_makes_it_run: it is stopped")]
    fn a_broken_promise_fails_the_test_and_is_named() {
        report(vec![Outcome::Kept, Outcome::Failed("it is stopped".into())]).assert_passed();
    }

    #[test]
    #[should_panic(expected = "0 kept, 1 skipped, 0 failed")]
    fn a_run_that_skipped_everything_is_no_success() {
        report(vec![Outcome::Skipped("no host".into())]).assert_passed();
    }
}
