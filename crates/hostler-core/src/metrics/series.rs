//! Series: a name, labels, and values over time. This is how history keeps what
//! was measured and how queries and outputs speak of it, whatever measured it:
//! a metric of the catalogue, a recording rule, or a user's own.

use std::fmt;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};

/// A label's name and value.
pub type Label = (Box<str>, Box<str>);

/// The longest name of a series or label, in bytes.
pub const NAME_MAX: usize = 256;
/// The longest value of a label, in bytes.
pub const VALUE_MAX: usize = 4096;
/// The most labels of a series.
pub const LABELS_MAX: usize = 64;
/// The longest pattern of a matcher, in bytes.
pub const PATTERN_MAX: usize = 1024;
/// What a pattern may take when compiled, in bytes.
const PATTERN_SIZE_MAX: usize = 1 << 20;

/// What makes a series that series. Cheap to clone and to share.
///
/// Labels are sorted by name; each name comes once, none is empty or begins with
/// `__`, and none has an empty value: to Prometheus, an empty label and a label
/// that is not there are the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesKey(Arc<Key>);

#[derive(Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Key {
    name: Box<str>,
    labels: Box<[Label]>,
}

/// Why something is no series.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeriesFault {
    /// The name is none that Prometheus takes: `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    #[error("{0:?} is no name of a series")]
    Name(String),
    /// The name is none that Prometheus takes, or it begins with `__`.
    #[error("{0:?} is no name of a label")]
    LabelName(String),
    /// A name comes twice.
    #[error("the label {0:?} comes twice")]
    Twice(String),
    /// More than [`LABELS_MAX`] labels.
    #[error("more than {LABELS_MAX} labels")]
    TooManyLabels,
    /// More than [`VALUE_MAX`] bytes.
    #[error("the value of the label {0:?} is longer than {VALUE_MAX} bytes")]
    TooLong(String),
}

impl SeriesKey {
    /// A series of this name and these labels, in any order; empty values are left out.
    ///
    /// # Errors
    /// See [`SeriesFault`].
    pub fn new<N, V>(
        name: impl Into<Box<str>>,
        labels: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, SeriesFault>
    where
        N: Into<Box<str>>,
        V: Into<Box<str>>,
    {
        let name = name.into();
        if !is_metric_name(&name) {
            return Err(SeriesFault::Name(name.into()));
        }
        let mut all: Vec<Label> = Vec::new();
        for (label, value) in labels {
            let (label, value) = (label.into(), value.into());
            if !is_label_name(&label) || label.starts_with("__") {
                return Err(SeriesFault::LabelName(label.into()));
            }
            if value.len() > VALUE_MAX {
                return Err(SeriesFault::TooLong(label.into()));
            }
            if !value.is_empty() {
                all.push((label, value));
            }
            if all.len() > LABELS_MAX {
                return Err(SeriesFault::TooManyLabels);
            }
        }
        all.sort_unstable();
        if let Some(pair) = all.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(SeriesFault::Twice(pair[0].0.to_string()));
        }
        Ok(Self(Arc::new(Key { name, labels: all.into() })))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Its labels, sorted by name.
    pub fn labels(&self) -> &[Label] {
        &self.0.labels
    }

    /// The value of a label; empty where it has none. `__name__` is its name.
    pub fn label(&self, name: &str) -> &str {
        if name == "__name__" {
            return self.name();
        }
        let found = self.0.labels.binary_search_by(|(label, _)| (**label).cmp(name));
        found.ok().and_then(|at| self.0.labels.get(at)).map_or("", |(_, value)| value)
    }

    /// Whether all of these fit.
    pub fn fits(&self, matchers: &[Matcher]) -> bool {
        matchers.iter().all(|matcher| matcher.fits(self.label(&matcher.label)))
    }
}

/// As Prometheus writes it: `name{label="value"}`.
impl fmt::Display for SeriesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        for (at, (label, value)) in self.labels().iter().enumerate() {
            let open = if at == 0 { '{' } else { ',' };
            write!(f, "{open}{label}=\"{}\"", super::exposition::Escaped(value))?;
        }
        if self.labels().is_empty() { Ok(()) } else { f.write_str("}") }
    }
}

/// Whether Prometheus takes it as the name of a series.
pub fn is_metric_name(name: &str) -> bool {
    name.len() <= NAME_MAX
        && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':')
}

/// Whether Prometheus takes it as the name of a label.
pub fn is_label_name(name: &str) -> bool {
    is_metric_name(name) && !name.contains(':')
}

/// A value at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Milliseconds since 1970, as Prometheus counts time.
    pub at_ms: i64,
    /// The value; may be NaN or infinite in what a query computed.
    pub value: f64,
}

/// A series with values, oldest first, no two of one time.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesData {
    /// Which.
    pub key: SeriesKey,
    /// Its values, oldest first.
    pub samples: Vec<Sample>,
}

/// What a label has to be. `__name__` stands for the name of the series; a label
/// that a series does not have is empty.
#[derive(Debug, Clone)]
pub struct Matcher {
    label: Box<str>,
    value: Box<str>,
    how: How,
}

#[derive(Debug, Clone)]
enum How {
    Equal,
    NotEqual,
    Fits(Regex),
    FitsNot(Regex),
}

/// How a label is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`, a regular expression for the whole value.
    Matches,
    /// `!~`
    MatchesNot,
}

/// Why a matcher's pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the pattern {pattern:?} cannot be used: {why}")]
pub struct PatternFault {
    /// The pattern as given.
    pub pattern: String,
    /// What is wrong with it.
    pub why: String,
}

impl Matcher {
    /// A matcher.
    ///
    /// # Errors
    /// When it has a pattern that is none, is longer than [`PATTERN_MAX`] or would
    /// take too much memory.
    pub fn new(
        label: impl Into<Box<str>>,
        comparison: Comparison,
        value: impl Into<Box<str>>,
    ) -> Result<Self, PatternFault> {
        let (label, value) = (label.into(), value.into());
        let how = match comparison {
            Comparison::Equal => How::Equal,
            Comparison::NotEqual => How::NotEqual,
            Comparison::Matches => How::Fits(compile(&value)?),
            Comparison::MatchesNot => How::FitsNot(compile(&value)?),
        };
        Ok(Self { label, value, how })
    }

    /// The series of this name.
    pub fn named(name: impl Into<Box<str>>) -> Self {
        Self { label: "__name__".into(), value: name.into(), how: How::Equal }
    }

    /// The label it looks at.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The value that the label has to have, where it has to have exactly one.
    pub fn exact(&self) -> Option<&str> {
        matches!(self.how, How::Equal).then_some(&*self.value)
    }

    /// The comparison.
    pub fn comparison(&self) -> Comparison {
        match self.how {
            How::Equal => Comparison::Equal,
            How::NotEqual => Comparison::NotEqual,
            How::Fits(_) => Comparison::Matches,
            How::FitsNot(_) => Comparison::MatchesNot,
        }
    }

    /// Whether a label of this value fits.
    pub fn fits(&self, value: &str) -> bool {
        match &self.how {
            How::Equal => *self.value == *value,
            How::NotEqual => *self.value != *value,
            How::Fits(pattern) => pattern.is_match(value),
            How::FitsNot(pattern) => !pattern.is_match(value),
        }
    }
}

/// As in a query: `label="value"`.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.comparison() {
            Comparison::Equal => "=",
            Comparison::NotEqual => "!=",
            Comparison::Matches => "=~",
            Comparison::MatchesNot => "!~",
        };
        write!(f, "{}{sign}\"{}\"", self.label, super::exposition::Escaped(&self.value))
    }
}

/// For the whole value, as Prometheus does it; `.` is any character, line ends too.
fn compile(pattern: &str) -> Result<Regex, PatternFault> {
    let fault = |why: String| PatternFault { pattern: pattern.into(), why };
    if pattern.len() > PATTERN_MAX {
        return Err(fault(format!("it is longer than {PATTERN_MAX} bytes")));
    }
    // Alone first: `)|(` would be sound within the group below.
    let alone = RegexBuilder::new(pattern).size_limit(PATTERN_SIZE_MAX).build();
    alone.map_err(|error| fault(error.to_string()))?;
    RegexBuilder::new(&format!("^(?s:{pattern})$"))
        .size_limit(PATTERN_SIZE_MAX)
        .build()
        .map_err(|error| fault(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(labels: &[(&str, &str)]) -> Result<SeriesKey, SeriesFault> {
        SeriesKey::new("up", labels.iter().copied())
    }

    #[test]
    fn labels_are_sorted_and_empty_ones_are_none() {
        let one = key(&[("b", "2"), ("a", "1"), ("c", "")]).unwrap();
        assert_eq!(one, key(&[("a", "1"), ("b", "2")]).unwrap());
        assert_eq!(one.to_string(), "up{a=\"1\",b=\"2\"}");
        assert_eq!((one.label("a"), one.label("c"), one.label("__name__")), ("1", "", "up"));
        assert_eq!(key(&[]).unwrap().to_string(), "up");
        assert_eq!(key(&[("a", "q\"\\\n")]).unwrap().to_string(), r#"up{a="q\"\\\n"}"#);
    }

    #[test]
    fn a7_what_prometheus_would_not_take_is_no_series() {
        for name in ["", "1up", "up-time", "up time", "üp", &"x".repeat(257)] {
            assert_eq!(
                SeriesKey::new(name, [("a", "1")]).unwrap_err(),
                SeriesFault::Name(name.to_owned())
            );
        }
        for label in ["", "1", "a:b", "a b", "__name__"] {
            assert_eq!(key(&[(label, "1")]).unwrap_err(), SeriesFault::LabelName(label.into()));
        }
        assert_eq!(key(&[("a", "1"), ("a", "2")]).unwrap_err(), SeriesFault::Twice("a".into()));
        let long = "x".repeat(VALUE_MAX + 1);
        assert_eq!(key(&[("a", &long)]).unwrap_err(), SeriesFault::TooLong("a".into()));
        let many = (0..=LABELS_MAX).map(|at| (format!("l{at}"), "1"));
        assert_eq!(SeriesKey::new("up", many).unwrap_err(), SeriesFault::TooManyLabels);
    }

    #[test]
    fn a_pattern_fits_the_whole_value() {
        let fits =
            |how, pattern: &str, value| Matcher::new("vm", how, pattern).unwrap().fits(value);
        assert!(fits(Comparison::Matches, "web|db", "db"));
        assert!(!fits(Comparison::Matches, "web|db", "db-1"));
        assert!(fits(Comparison::Matches, "a.*", "a\nb"));
        assert!(fits(Comparison::MatchesNot, "web-.+", "web-"));
        assert!(fits(Comparison::NotEqual, "", "x"));
        assert!(Matcher::new("vm", Comparison::Matches, ")|(").is_err());
        assert!(Matcher::new("vm", Comparison::Matches, "a{1000}{1000}").is_err());
        assert!(Matcher::new("vm", Comparison::Matches, "x".repeat(PATTERN_MAX + 1)).is_err());
    }

    #[test]
    fn a_series_fits_when_all_do() {
        let series = key(&[("vm", "web-1"), ("host", "h1")]).unwrap();
        let vm = Matcher::new("vm", Comparison::Matches, "web-.*").unwrap();
        let absent = Matcher::new("pool", Comparison::Equal, "").unwrap();
        assert!(series.fits(&[Matcher::named("up"), vm.clone(), absent]));
        assert!(!series.fits(&[Matcher::named("down"), vm]));
    }
}
