//! The labels of a result. Unlike a [`SeriesKey`], a result may have no name: most
//! operations take it away, since what they give is no longer that metric.

use std::fmt;
use std::sync::Arc;

use hostler_core::metrics::series::{Label, SeriesFault, SeriesKey};

/// The label that holds the name of a series.
pub const NAME: &str = "__name__";

/// Labels of a series of a result, sorted by name, none empty; the series' own name,
/// where it has one, is the label `__name__`. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LabelSet(Arc<[Label]>);

impl LabelSet {
    /// No labels at all.
    pub fn empty() -> Self {
        Self(Arc::from([]))
    }

    /// Sorted by name, none of them twice.
    fn sorted(labels: Vec<Label>) -> Self {
        Self(labels.into())
    }

    /// The name of the series, if it has one.
    pub fn name(&self) -> Option<&str> {
        Some(self.get(NAME)).filter(|name| !name.is_empty())
    }

    /// The value of a label; empty where there is none.
    pub fn get(&self, name: &str) -> &str {
        let found = self.0.binary_search_by(|(label, _)| (**label).cmp(name));
        found.ok().and_then(|at| self.0.get(at)).map_or("", |(_, value)| value)
    }

    /// All, sorted by name, `__name__` included.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These with one label set, or taken away where `value` is empty.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut labels: Vec<Label> = self.0.to_vec();
        match labels.binary_search_by(|(label, _)| (**label).cmp(name)) {
            Ok(at) if value.is_empty() => drop(labels.remove(at)),
            Ok(at) => labels.iter_mut().skip(at).take(1).for_each(|label| label.1 = value.into()),
            Err(_) if value.is_empty() => return self.clone(),
            Err(at) => labels.insert(at, (name.into(), value.into())),
        }
        Self::sorted(labels)
    }

    /// These without the name of the series.
    #[must_use]
    pub fn without_name(&self) -> Self {
        self.without(&[])
    }

    /// These without the ones named, and without the name of the series.
    pub(crate) fn without(&self, names: &[Box<str>]) -> Self {
        self.kept(|name| name != NAME && !names.iter().any(|it| **it == *name))
    }

    /// Those named alone.
    pub(crate) fn only(&self, names: &[Box<str>]) -> Self {
        self.kept(|name| names.iter().any(|it| **it == *name))
    }

    /// Those of which `keep` says yes.
    pub(crate) fn kept(&self, keep: impl Fn(&str) -> bool) -> Self {
        if self.0.iter().all(|(name, _)| keep(name)) {
            return self.clone();
        }
        Self::sorted(self.0.iter().filter(|(name, _)| keep(name)).cloned().collect())
    }

    /// The key under which these can be kept in the history again.
    ///
    /// # Errors
    /// Where there is no name, or a label that begins with `__`, or too many.
    pub fn key(&self) -> Result<SeriesKey, SeriesFault> {
        let labels = self.0.iter().filter(|(name, _)| **name != *NAME).cloned();
        SeriesKey::new(self.get(NAME), labels)
    }
}

impl From<&SeriesKey> for LabelSet {
    fn from(key: &SeriesKey) -> Self {
        let mut labels = Vec::with_capacity(key.labels().len() + 1);
        labels.extend_from_slice(key.labels());
        let at = labels.partition_point(|(label, _)| **label < *NAME);
        labels.insert(at, (NAME.into(), key.name().into()));
        Self::sorted(labels)
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for LabelSet {
    /// In any order; of two values of one name the last counts.
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(labels: I) -> Self {
        labels.into_iter().fold(Self::empty(), |set, (name, value)| set.with(name, value))
    }
}

/// As Prometheus writes it: `name{label="value"}`, and `{}` for none.
impl fmt::Display for LabelSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use hostler_core::metrics::exposition::Escaped;
        f.write_str(self.get(NAME))?;
        let mut open = '{';
        for (name, value) in self.iter().filter(|(name, _)| *name != NAME) {
            write!(f, "{open}{name}=\"{}\"", Escaped(value))?;
            open = ',';
        }
        match (open, self.name()) {
            (',', _) => f.write_str("}"),
            (_, Some(_)) => Ok(()),
            (_, None) => f.write_str("{}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_set_taken_away_and_written_as_prometheus_does() {
        let key = SeriesKey::new("up", [("vm", "web"), ("A", "1")]).unwrap();
        let set = LabelSet::from(&key);
        assert_eq!(set.to_string(), "up{A=\"1\",vm=\"web\"}");
        assert_eq!(set.key().unwrap(), key);
        assert_eq!(set.with("vm", "").with("b", "2").to_string(), "up{A=\"1\",b=\"2\"}");
        assert_eq!(set.with("vm", "db").get("vm"), "db");
        assert_eq!(set.without_name().to_string(), "{A=\"1\",vm=\"web\"}");
        assert_eq!(set.only(&["vm".into()]), [("vm", "web")].into_iter().collect());
        assert_eq!((set.name(), set.without_name().name()), (Some("up"), None));
        assert_eq!(LabelSet::empty().to_string(), "{}");
        assert_eq!(LabelSet::empty().with(NAME, "up").to_string(), "up");
        assert!(set.without_name().key().is_err());
    }
}
