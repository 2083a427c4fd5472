//! The list of places that may break a tidy rule, each with its reason; it may only shrink.
//!
//! A line of `xtask/tidy-exceptions.txt` is `RULE PATH REASON…`, and for `long-file`
//! `long-file PATH LINES REASON…`, where LINES is as long as the file may be. A line that is not
//! needed any more is itself a finding, so the list cannot keep what was repaired.

use hostler_lab::{Error, Result};

use super::Finding;

/// Where the list is.
pub(super) const PATH: &str = "xtask/tidy-exceptions.txt";

/// One line of the list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Exception {
    rule: String,
    path: String,
    /// For rules that measure: the most that is allowed.
    limit: Option<usize>,
    used: bool,
}

/// The list, which remembers what was needed.
#[derive(Debug, Default)]
pub(super) struct Exceptions {
    entries: Vec<Exception>,
}

impl Exceptions {
    /// Reads the list.
    ///
    /// # Errors
    /// When a line lacks a part; the reason above all.
    pub(super) fn parse(text: &str) -> Result<Exceptions> {
        let mut entries = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let bad = || Error::new(format!("{PATH}:{}: want RULE PATH REASON", index + 1));
            let mut words = line.split_whitespace();
            let rule = words.next().ok_or_else(bad)?.to_owned();
            let path = words.next().ok_or_else(bad)?.to_owned();
            let mut reason: Vec<&str> = words.collect();
            let limit = match rule == "long-file" {
                true if !reason.is_empty() => Some(reason.remove(0).parse().map_err(|_| bad())?),
                _ => None,
            };
            if reason.is_empty() {
                return Err(bad());
            }
            entries.push(Exception { rule, path, limit, used: false });
        }
        Ok(Exceptions { entries })
    }

    /// Whether `path` may break `rule`, by as much as `size` where the rule measures.
    pub(super) fn allow(&mut self, rule: &str, path: &str, size: usize) -> bool {
        let fits = |entry: &&mut Exception| {
            entry.rule == rule
                && entry.path == path
                && entry.limit.is_none_or(|limit| size <= limit)
        };
        match self.entries.iter_mut().find(fits) {
            Some(entry) => {
                entry.used = true;
                true
            }
            None => false,
        }
    }

    /// The lines that nothing needed.
    pub(super) fn unused(&self) -> Vec<Finding> {
        let unused = self.entries.iter().filter(|entry| !entry.used);
        let finding = |entry: &Exception| Finding {
            place: PATH.into(),
            what: format!("`{} {}` is not needed any more", entry.rule, entry.path),
            remedy: "the list may only shrink: delete the line",
        };
        unused.map(finding).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_needs_a_reason() {
        assert!(Exceptions::parse("no-doc a.rs because it is made by a tool").is_ok());
        assert!(Exceptions::parse("no-doc a.rs").is_err());
        assert!(Exceptions::parse("long-file a.rs 600").is_err());
        assert!(Exceptions::parse("long-file a.rs many reasons").is_err());
    }

    #[test]
    fn a_long_file_may_not_grow_beyond_its_line() {
        let mut list = Exceptions::parse("long-file a.rs 600 one table").unwrap();
        assert!(!list.allow("long-file", "a.rs", 601));
        assert!(list.allow("long-file", "a.rs", 600));
    }

    #[test]
    fn what_is_not_needed_any_more_is_found() {
        let mut list = Exceptions::parse("# why\n\nno-doc a.rs x\nno-doc b.rs x\n").unwrap();
        assert!(list.allow("no-doc", "a.rs", 0));
        let unused = list.unused();
        assert_eq!(unused.len(), 1);
        assert!(unused.iter().all(|finding| finding.what.contains("b.rs")));
    }
}
