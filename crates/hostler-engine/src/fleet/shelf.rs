//! A map whose copies share what has not changed, so that a picture of ten
//! thousand things with one of them changed costs one drawer and not ten
//! thousand entries.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// How many drawers there are: a copy after a change costs this many pointers
/// and one drawer's entries, which is least around the square root of the size.
const DRAWERS: usize = 256;

/// A map in drawers. Its order means nothing.
pub(crate) struct Shelf<K, V> {
    drawers: Arc<Vec<Arc<BTreeMap<K, V>>>>,
    len: usize,
}

impl<K, V> Clone for Shelf<K, V> {
    fn clone(&self) -> Self {
        Self { drawers: self.drawers.clone(), len: self.len }
    }
}

impl<K, V> Default for Shelf<K, V> {
    fn default() -> Self {
        Self { drawers: Arc::new(vec![Arc::default(); DRAWERS]), len: 0 }
    }
}

impl<K: Ord + Hash + Clone, V: Clone> Shelf<K, V> {
    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// What is kept under `key`.
    pub(crate) fn get<Q: Ord + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.drawers.get(drawer(key))?.get(key)
    }

    /// Keeps `value` under `key`; copies made before keep what they have.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        let index = drawer(&key);
        if let Some(drawer) = Arc::make_mut(&mut self.drawers).get_mut(index)
            && Arc::make_mut(drawer).insert(key, value).is_none()
        {
            self.len += 1;
        }
    }

    /// Removes what is kept under `key`.
    pub(crate) fn remove<Q: Ord + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.get(key)?;
        let drawer = Arc::make_mut(&mut self.drawers).get_mut(drawer(key))?;
        let removed = Arc::make_mut(drawer).remove(key);
        self.len -= usize::from(removed.is_some());
        removed
    }

    /// All keys.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.drawers.iter().flat_map(|drawer| drawer.keys())
    }

    /// All values.
    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.drawers.iter().flat_map(|drawer| drawer.values())
    }
}

fn drawer<Q: Hash + ?Sized>(key: &Q) -> usize {
    // Whoever chose keys that all fall into one drawer would have a slow drawer.
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    usize::try_from(hasher.finish() % DRAWERS as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map_and_copies_do_not_change(
            steps in prop::collection::vec((0..600_u16, any::<bool>()), 0..400),
        ) {
            let (mut shelf, mut map) = (Shelf::default(), BTreeMap::new());
            let mut copies = Vec::new();
            for (n, (key, put)) in steps.into_iter().enumerate() {
                if put {
                    shelf.insert(key, n);
                    map.insert(key, n);
                } else {
                    prop_assert_eq!(shelf.remove(&key), map.remove(&key));
                }
                if n % 100 == 0 {
                    copies.push((shelf.clone(), map.clone()));
                }
            }
            copies.push((shelf, map));
            for (shelf, map) in copies {
                prop_assert_eq!(shelf.len(), map.len());
                prop_assert!(map.iter().all(|(key, value)| shelf.get(key) == Some(value)));
                let mut keys: Vec<_> = shelf.keys().copied().collect();
                keys.sort_unstable();
                prop_assert!(keys.iter().eq(map.keys()));
                prop_assert_eq!(shelf.values().count(), map.len());
            }
        }
    }
}
