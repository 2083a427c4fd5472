//! What the labels of an alert have to be, as Alertmanager writes it:
//! `severity="critical"`, `vm=~"web-.*"`, also without quotes: `team=db`.
//!
//! Stored and written in files as one text, so that it can be pasted from one
//! place into another; compared as compiled.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{LabelSet, label};
use crate::metrics::series::{Comparison, Matcher, is_label_name};

/// The longest matcher as it is written, quotes and escapes with it, in bytes: what is
/// accepted can be read back.
pub const MATCHER_MAX: usize = 2048;

/// A condition on one label. A label that is not there is empty.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LabelMatcher(Matcher);

/// Why a text is no matcher.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadMatcher {
    /// No `=`, `!=`, `=~` or `!~` after a label's name.
    #[error("{0:?} is no matcher; write it as severity=\"critical\" or vm=~\"web-.*\"")]
    Shape(String),
    /// The name before it is none of a label.
    #[error("{0:?} is no name of a label")]
    Label(String),
    /// The quotes do not end, or something comes after them.
    #[error("the quotes in {0:?} are not right")]
    Quotes(String),
    /// It is longer than one may be.
    #[error("{0:?}… is longer than {MATCHER_MAX} bytes with its quotes")]
    Long(String),
    /// The pattern is none.
    #[error(transparent)]
    Pattern(#[from] crate::metrics::series::PatternFault),
}

impl LabelMatcher {
    /// A matcher of exactly this value.
    ///
    /// # Errors
    /// When the name is none of a label, or the value is too long.
    pub fn equal(name: &str, value: &str) -> Result<Self, BadMatcher> {
        Self::new(name, Comparison::Equal, value)
    }

    /// A matcher.
    ///
    /// # Errors
    /// When the name is none of a label, it is too long, or the pattern cannot be used.
    pub fn new(name: &str, comparison: Comparison, value: &str) -> Result<Self, BadMatcher> {
        if !is_label_name(name) {
            return Err(BadMatcher::Label(shortened(name)));
        }
        let matcher = Self(Matcher::new(name, comparison, value)?);
        let written = matcher.to_string();
        if written.len() > MATCHER_MAX {
            return Err(BadMatcher::Long(shortened(&written)));
        }
        Ok(matcher)
    }

    /// Whether an alert with these labels fits.
    pub fn fits(&self, labels: &LabelSet) -> bool {
        self.0.fits(label(labels, self.0.label()))
    }

    /// Whether it fits an alert that has no such label: alone it would fit nearly everything.
    pub fn fits_absent(&self) -> bool {
        self.0.fits("")
    }

    /// The label it looks at.
    pub fn label(&self) -> &str {
        self.0.label()
    }
}

/// Whether an alert with these labels fits all of them.
pub fn fits_all(matchers: &[LabelMatcher], labels: &LabelSet) -> bool {
    matchers.iter().all(|matcher| matcher.fits(labels))
}

impl FromStr for LabelMatcher {
    type Err = BadMatcher;

    fn from_str(text: &str) -> Result<Self, BadMatcher> {
        let shape = || BadMatcher::Shape(shortened(text));
        // Bare ones grow when they are written; longer ones cannot shrink below it.
        if text.len() > 2 * MATCHER_MAX {
            return Err(BadMatcher::Long(shortened(text)));
        }
        let at = text.find(['=', '!']).ok_or_else(shape)?;
        let (name, rest) = text.split_at(at);
        let operators = [
            ("=~", Comparison::Matches),
            ("!~", Comparison::MatchesNot),
            ("!=", Comparison::NotEqual),
            ("=", Comparison::Equal),
        ];
        let found = operators
            .iter()
            .find_map(|(sign, comparison)| Some((rest.strip_prefix(sign)?, *comparison)));
        let (value, comparison) = found.ok_or_else(shape)?;
        Self::new(name.trim(), comparison, &unquoted(value.trim())?)
    }
}

/// The value without its quotes and escapes; a bare one is taken as it is.
fn unquoted(text: &str) -> Result<String, BadMatcher> {
    let bad = || BadMatcher::Quotes(shortened(text));
    let Some(inner) = text.strip_prefix('"') else {
        return if text.contains('"') { Err(bad()) } else { Ok(text.into()) };
    };
    let mut value = String::new();
    let mut characters = inner.chars();
    loop {
        match characters.next().ok_or_else(bad)? {
            '"' => break,
            '\\' => match characters.next().ok_or_else(bad)? {
                'n' => value.push('\n'),
                escaped @ ('"' | '\\') => value.push(escaped),
                // A pattern's own escape: `\d` stays one.
                other => value.extend(['\\', other]),
            },
            plain => value.push(plain),
        }
    }
    if characters.next().is_some() { Err(bad()) } else { Ok(value) }
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

impl fmt::Display for LabelMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for LabelMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for LabelMatcher {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for LabelMatcher {}

impl TryFrom<String> for LabelMatcher {
    type Error = BadMatcher;

    fn try_from(text: String) -> Result<Self, BadMatcher> {
        text.parse()
    }
}

impl From<LabelMatcher> for String {
    fn from(matcher: LabelMatcher) -> Self {
        matcher.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::alert::tests_support::set;

    fn matcher(text: &str) -> LabelMatcher {
        text.parse().unwrap()
    }

    #[test]
    fn a_matcher_is_written_as_for_alertmanager() {
        let labels = set(&[("vm", "web-1"), ("severity", "critical")]);
        for text in
            ["vm=web-1", "vm = \"web-1\"", "vm=~\"web-.*\"", "vm!=db", "pool=\"\"", "vm=~web-\\d"]
        {
            assert!(matcher(text).fits(&labels), "{text}");
        }
        for text in ["vm=web", "vm=~\"web\"", "vm!~\"web-.+\"", "pool!=\"\""] {
            assert!(!matcher(text).fits(&labels), "{text}");
        }
        assert_eq!(matcher("vm=web").to_string(), "vm=\"web\"");
        assert!(matcher("pool=~\".*\"").fits_absent());
    }

    #[test]
    fn what_is_no_matcher_is_refused_with_its_reason() {
        for (text, why) in [
            ("", "is no matcher"),
            ("vm", "is no matcher"),
            ("vm!web", "is no matcher"),
            ("1vm=web", "no name of a label"),
            ("=web", "no name of a label"),
            ("vm=\"web", "the quotes"),
            ("vm=\"web\"x", "the quotes"),
            ("vm=we\"b", "the quotes"),
            ("vm=~\"(\"", "cannot be used"),
        ] {
            let error = text.parse::<LabelMatcher>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
        let long = format!("vm={}", "x".repeat(MATCHER_MAX)).parse::<LabelMatcher>();
        assert!(long.unwrap_err().to_string().contains("longer than 2048 bytes"));
    }

    proptest! {
        #[test]
        fn a_matcher_is_read_back_as_written(value in "[ -~\n]{0,30}") {
            let matcher = LabelMatcher::equal("vm", &value).unwrap();
            let back: LabelMatcher = matcher.to_string().parse().unwrap();
            prop_assert!(back.fits(&set(&[("vm", &value)])) || value.is_empty());
            prop_assert_eq!(back, matcher);
        }

        /// What is stored is what was written: to the limit, and with all that grows.
        #[test]
        fn what_is_accepted_is_read_back(
            value in "[\\\\\"\n]{0,1100}",
            bare in any::<bool>(),
        ) {
            let given = match bare {
                true => format!("vm={}", value.replace('"', "")).parse::<LabelMatcher>(),
                false => LabelMatcher::equal("vm", &value),
            };
            if let Ok(matcher) = given {
                let back: LabelMatcher = matcher.to_string().parse().unwrap();
                prop_assert_eq!(back, matcher);
            }
        }

        #[test]
        fn no_text_panics(text in ".{0,60}") {
            let _ = text.parse::<LabelMatcher>();
        }
    }
}
