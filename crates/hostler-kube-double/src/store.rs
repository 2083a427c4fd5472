//! Objects with their history: one growing revision for all, a log of changes for each kind.
//!
//! ```text
//!   floor                revision
//!     │  e  e   e    e  e   │
//!  ───┴─────────────────────┴──►   a watch may begin, and a list may be told, anywhere in between;
//!   gone │    known         │      before the floor it is 410
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::Value;

use crate::json;
use crate::kinds::Kind;

/// The revision of a new world. What came before was compacted away, as on a server with a past.
pub(crate) const FIRST: u64 = 280;

/// Where an object is, within its kind. The namespace is empty for what has none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Key {
    pub(crate) fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// Of an object, by its metadata.
    pub(crate) fn of(object: &Value) -> Self {
        Self::new(json::text(object, "/metadata/namespace"), json::text(object, "/metadata/name"))
    }
}

/// One change. Without an object before it was added, without one after it was deleted.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) revision: u64,
    pub(crate) before: Option<Arc<Value>>,
    pub(crate) after: Option<Arc<Value>>,
}

/// A revision that was compacted away; the floor is told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooOld {
    pub(crate) floor: u64,
}

#[derive(Debug, Default)]
struct Table {
    objects: BTreeMap<Key, Arc<Value>>,
    log: VecDeque<Change>,
    /// The newest revision that is not known any more; zero: the store's first.
    floor: u64,
}

/// All objects.
#[derive(Debug)]
pub(crate) struct Store {
    revision: u64,
    tables: BTreeMap<(&'static str, &'static str), Table>,
    /// How many changes are kept for each kind.
    kept: usize,
}

impl Store {
    pub(crate) fn new(kept: usize) -> Self {
        Self { revision: FIRST, tables: BTreeMap::new(), kept }
    }

    /// The newest revision.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    pub(crate) fn get(&self, kind: &Kind, key: &Key) -> Option<&Arc<Value>> {
        self.table(kind)?.objects.get(key)
    }

    /// The objects of a kind, by namespace and name; of one namespace if it is told.
    pub(crate) fn list<'a>(
        &'a self,
        kind: &Kind,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a Key, &'a Arc<Value>)> {
        let from = Key::new(namespace.unwrap_or_default(), "");
        self.table(kind)
            .into_iter()
            .flat_map(move |table| table.objects.range(from.clone()..))
            .take_while(move |(key, _)| namespace.is_none_or(|name| key.namespace == name))
    }

    /// The objects as they were at a revision.
    pub(crate) fn list_at(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        revision: u64,
    ) -> Result<Vec<(Key, Arc<Value>)>, TooOld> {
        self.known(kind, revision)?;
        let mut objects: BTreeMap<Key, Arc<Value>> = self
            .list(kind, namespace)
            .map(|(key, object)| (key.clone(), Arc::clone(object)))
            .collect();
        let log = self.table(kind).into_iter().flat_map(|table| table.log.iter().rev());
        for change in log.take_while(|change| change.revision > revision) {
            let Some(object) = change.before.as_ref().or(change.after.as_ref()) else { continue };
            let key = Key::of(object);
            if namespace.is_some_and(|name| name != key.namespace) {
                continue;
            }
            match &change.before {
                Some(before) => objects.insert(key, Arc::clone(before)),
                None => objects.remove(&key),
            };
        }
        Ok(objects.into_iter().collect())
    }

    /// The changes after a revision, the oldest first, at most so many.
    pub(crate) fn changes_after(
        &self,
        kind: &Kind,
        revision: u64,
        most: usize,
    ) -> Result<Vec<Change>, TooOld> {
        self.known(kind, revision)?;
        let Some(table) = self.table(kind) else { return Ok(Vec::new()) };
        let from = table.log.partition_point(|change| change.revision <= revision);
        Ok(table.log.range(from..).take(most).cloned().collect())
    }

    /// The newest revision of a kind from which nothing can be told any more.
    pub(crate) fn floor(&self, kind: &Kind) -> u64 {
        self.table(kind).map_or(FIRST, |table| table.floor.max(FIRST))
    }

    fn known(&self, kind: &Kind, revision: u64) -> Result<(), TooOld> {
        let floor = self.floor(kind);
        if revision < floor { Err(TooOld { floor }) } else { Ok(()) }
    }

    /// Writes an object, new or not, under the next revision.
    pub(crate) fn put(&mut self, kind: &'static Kind, mut object: Value) -> Arc<Value> {
        self.revision += 1;
        json::set(&mut object, "/metadata/resourceVersion", self.revision.to_string().into());
        let object = Arc::new(object);
        let before = self.table_mut(kind).objects.insert(Key::of(&object), Arc::clone(&object));
        self.log(kind, before, Some(Arc::clone(&object)));
        object
    }

    /// Removes an object, under the next revision.
    pub(crate) fn remove(&mut self, kind: &'static Kind, key: &Key) -> Option<Arc<Value>> {
        let before = self.table_mut(kind).objects.remove(key)?;
        self.revision += 1;
        self.log(kind, Some(Arc::clone(&before)), None);
        Some(before)
    }

    /// Forgets what was before now, of every kind.
    pub(crate) fn compact(&mut self) {
        let revision = self.revision;
        for kind in crate::kinds::KINDS {
            let table = self.table_mut(kind);
            table.log.clear();
            table.floor = revision;
        }
    }

    fn log(&mut self, kind: &'static Kind, before: Option<Arc<Value>>, after: Option<Arc<Value>>) {
        let (revision, kept) = (self.revision, self.kept);
        let table = self.table_mut(kind);
        table.log.push_back(Change { revision, before, after });
        while table.log.len() > kept {
            table.floor = table.log.pop_front().map_or(table.floor, |change| change.revision);
        }
    }

    fn table(&self, kind: &Kind) -> Option<&Table> {
        self.tables.get(&(kind.group, kind.plural))
    }

    fn table_mut(&mut self, kind: &'static Kind) -> &mut Table {
        self.tables.entry((kind.group, kind.plural)).or_default()
    }
}
