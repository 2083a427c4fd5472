//! Which series there are, and which fit: for each label and value the ids of the
//! series that have it, in order, so that a question reads only what it names.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use hostler_core::metrics::series::{Matcher, SeriesKey};

/// The name under which a series' own name is found.
const NAME: &str = "__name__";

/// Series by id, by key, and by label.
#[derive(Debug, Default)]
pub(super) struct Index {
    by_key: HashMap<SeriesKey, u32>,
    by_id: BTreeMap<u32, SeriesKey>,
    postings: HashMap<Box<str>, BTreeMap<Box<str>, BTreeSet<u32>>>,
}

impl Index {
    /// Adds a series under an id that none has yet.
    pub(super) fn add(&mut self, id: u32, key: &SeriesKey) {
        self.by_key.insert(key.clone(), id);
        self.by_id.insert(id, key.clone());
        let name = std::iter::once((NAME, key.name()));
        let labels = key.labels().iter().map(|(label, value)| (&**label, &**value));
        for (label, value) in name.chain(labels) {
            let values = match self.postings.get_mut(label) {
                Some(values) => values,
                None => self.postings.entry(label.into()).or_default(),
            };
            match values.get_mut(value) {
                Some(ids) => ids.insert(id),
                None => values.entry(value.into()).or_default().insert(id),
            };
        }
    }

    pub(super) fn id(&self, key: &SeriesKey) -> Option<u32> {
        self.by_key.get(key).copied()
    }

    pub(super) fn key(&self, id: u32) -> Option<&SeriesKey> {
        self.by_id.get(&id)
    }

    /// The id for one more series.
    pub(super) fn next_id(&self) -> u32 {
        self.by_id.last_key_value().map_or(0, |(id, _)| id.saturating_add(1))
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The series that fit, in the order of their ids.
    pub(super) fn fitting(&self, matchers: &[Matcher]) -> Vec<u32> {
        // A matcher that an empty value fits says nothing about who has the label.
        let positive = matchers.iter().filter(|matcher| !matcher.fits(""));
        let mut positive: Vec<&Matcher> = positive.collect();
        // Those that name one value first: they leave the fewest to look at.
        positive.sort_by_key(|matcher| matcher.exact().is_none());
        let mut found: Option<BTreeSet<u32>> = None;
        for matcher in positive {
            let Some(values) = self.postings.get(matcher.label()) else { return Vec::new() };
            let having = match matcher.exact() {
                Some(value) => values.get(value).cloned().unwrap_or_default(),
                None => {
                    let fit = values.iter().filter(|(value, _)| matcher.fits(value));
                    fit.flat_map(|(_, ids)| ids.iter().copied()).collect()
                }
            };
            found = Some(match found {
                Some(found) => found.intersection(&having).copied().collect(),
                None => having,
            });
        }
        let fits = |id: &u32| self.key(*id).is_some_and(|key| key.fits(matchers));
        match found {
            Some(found) => found.into_iter().filter(fits).collect(),
            None => self.by_id.keys().copied().filter(fits).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hostler_core::metrics::series::Comparison;
    use proptest::prelude::*;

    fn comparison() -> impl Strategy<Value = Comparison> {
        prop::sample::select(vec![
            Comparison::Equal,
            Comparison::NotEqual,
            Comparison::Matches,
            Comparison::MatchesNot,
        ])
    }

    proptest! {
        /// What the index finds is what looking at every series finds.
        #[test]
        fn d22_the_index_finds_what_fits_and_nothing_else(
            series in prop::collection::btree_set(("[ab]", "[ab]?", "[ab]?"), 0..20),
            asked in prop::collection::vec(
                (prop::sample::select(vec![NAME, "x", "y", "z"]), comparison(), "[ab]?|a\\|b|\\.\\*"),
                0..4,
            ),
        ) {
            let mut index = Index::default();
            let mut keys = Vec::new();
            for (name, x, y) in series {
                let key = SeriesKey::new(name, [("x", x), ("y", y)]).unwrap();
                index.add(index.next_id(), &key);
                keys.push(key);
            }
            let matchers: Vec<Matcher> = asked
                .into_iter()
                .map(|(label, how, value)| Matcher::new(label, how, value).unwrap())
                .collect();
            let found: Vec<&SeriesKey> =
                index.fitting(&matchers).into_iter().filter_map(|id| index.key(id)).collect();
            let fitting: Vec<&SeriesKey> = keys.iter().filter(|key| key.fits(&matchers)).collect();
            prop_assert_eq!(found, fitting);
        }
    }
}
