//! The objects of one kind, as a cluster last told of them.
//!
//! Events say what changed, and any of them may be lost, come twice, or come
//! after the one that followed it. What is kept here stays true by four rules:
//!
//! 1. **An object is its UID.** A UID is never used twice, so whatever is told of
//!    one that is gone comes from the past and is dropped: gone UIDs are kept until
//!    the next list. A deletion of another UID than the one that is here does not
//!    delete the new object of the same name.
//! 2. **A name has one object.** A new UID under a name means that the one before
//!    is gone, even if nobody said so.
//! 3. **Versions are only compared for equality**, because Kubernetes promises no
//!    order. The versions of an object that were seen since the last list are kept:
//!    one that comes again is an echo.
//! 4. **A list is the truth.** What is not in it is gone.
//!
//! What remains is a change of an object that overtakes another one of the same
//! object, both unseen: equality cannot tell which is newer. A watch is one ordered
//! stream, and events of an earlier stream are dropped by the number of the stream
//! ([`follow`]), so only a server or proxy that breaks that order could do it; then
//! nothing that is gone comes back, and the next list, within a quarter of an hour,
//! repairs the rest.

pub mod follow;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;

use crate::resource::ObjectKey;

/// Gone UIDs and past versions that are remembered, in all. More than this since
/// the last list means that it is listed again, which makes all of them useless.
pub const MAX_REMEMBERED: usize = 100_000;

/// Makes of a document what is kept.
pub type Decode<T> = fn(Value) -> T;

/// Keeps the document itself.
pub const fn as_it_is(document: Value) -> Value {
    document
}

/// An object as it came: who it is, and all of it, or what was made of that.
#[derive(Debug, Clone, PartialEq)]
pub struct Object<D = Value> {
    /// Its UID, which no other object ever has.
    pub uid: String,
    /// Its namespace and name.
    pub key: ObjectKey,
    /// Its version; says nothing of before and after.
    pub version: String,
    /// The document. Of `managedFields`, which are half of it, only who manages is kept, and
    /// of which subresource: by that the tools are known that look after a VM.
    pub document: D,
}

impl Object {
    /// From a document; `None` for what has no UID, name or version, and so is none.
    pub fn read(mut document: Value) -> Option<Self> {
        let metadata = document.get_mut("metadata")?.as_object_mut()?;
        if let Some(managed) = metadata.get_mut("managedFields").and_then(Value::as_array_mut) {
            for entry in managed.iter_mut().filter_map(Value::as_object_mut) {
                entry.retain(|key, _| matches!(key.as_str(), "manager" | "subresource"));
            }
        }
        let text =
            |field: &str| metadata.get(field).and_then(Value::as_str).filter(|it| !it.is_empty());
        let (uid, version) = (text("uid")?.to_owned(), text("resourceVersion")?.to_owned());
        let name = text("name")?.to_owned();
        let key = ObjectKey { namespace: text("namespace").map(str::to_owned), name };
        Some(Self { uid, key, version, document })
    }

    /// The same with what is made of its document.
    pub fn decoded<T>(self, decode: Decode<T>) -> Object<T> {
        let Self { uid, key, version, document } = self;
        Object { uid, key, version, document: decode(document) }
    }
}

/// What became different.
#[derive(Debug)]
pub enum Delta<T> {
    /// It is new, or different.
    Put {
        /// Its UID.
        uid: String,
        /// Its name.
        key: ObjectKey,
        /// What it is now.
        value: Arc<T>,
    },
    /// It is gone.
    Gone {
        /// The UID it had.
        uid: String,
        /// The name it had.
        key: ObjectKey,
        /// What it was when last seen.
        last: Arc<T>,
    },
}

impl<T> Delta<T> {
    /// The object's name.
    pub const fn key(&self) -> &ObjectKey {
        match self {
            Self::Put { key, .. } | Self::Gone { key, .. } => key,
        }
    }
}

/// The objects.
#[derive(Debug)]
pub struct Cache<T> {
    decode: Decode<T>,
    by_uid: HashMap<String, Entry<T>>,
    by_key: BTreeMap<ObjectKey, String>,
    gone: HashSet<String>,
    /// Past versions, of all objects together.
    past: usize,
}

#[derive(Debug)]
struct Entry<T> {
    key: ObjectKey,
    version: String,
    /// Versions before this one, since the last list.
    past: HashSet<String>,
    value: Arc<T>,
}

/// How an event was taken.
#[derive(Debug)]
pub enum Taken<T> {
    /// It made a difference, or two: a name may change hands.
    New(Vec<Delta<T>>),
    /// It told nothing new.
    Echo,
}

impl<T> Cache<T> {
    /// An empty one.
    pub fn new(decode: Decode<T>) -> Self {
        let (by_uid, by_key, gone) = (HashMap::new(), BTreeMap::new(), HashSet::new());
        Self { decode, by_uid, by_key, gone, past: 0 }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_uid.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_uid.is_empty()
    }

    /// The object of that name.
    pub fn get(&self, key: &ObjectKey) -> Option<Arc<T>> {
        self.by_uid(self.by_key.get(key)?)
    }

    /// The object of that UID.
    pub fn by_uid(&self, uid: &str) -> Option<Arc<T>> {
        self.by_uid.get(uid).map(|entry| entry.value.clone())
    }

    /// Whether the cluster told, since the last list, that the object of that UID is gone. That it
    /// is not here says less: it may never have been told of.
    pub fn was_told_gone(&self, uid: &str) -> bool {
        self.gone.contains(uid)
    }

    /// All of them, by name.
    pub fn all(&self) -> impl Iterator<Item = (&ObjectKey, &Arc<T>)> {
        let entry = |uid| self.by_uid.get(uid).map(|entry: &Entry<T>| (&entry.key, &entry.value));
        self.by_key.values().filter_map(move |uid: &String| entry(uid))
    }

    /// Whether so much happened that it should be listed again.
    pub fn is_crowded(&self) -> bool {
        self.gone.len() + self.past > MAX_REMEMBERED
    }

    /// Takes an object that was added or changed.
    pub fn put(&mut self, object: Object) -> Taken<T> {
        if self.gone.contains(&object.uid) {
            return Taken::Echo;
        }
        if let Some(entry) = self.by_uid.get(&object.uid)
            && (entry.version == object.version || entry.past.contains(&object.version))
        {
            return Taken::Echo;
        }
        let object = object.decoded(self.decode);
        let mut deltas: Vec<_> = self.evict(&object).into_iter().collect();
        deltas.push(self.insert(object));
        Taken::New(deltas)
    }

    /// Takes an object that was deleted.
    pub fn remove(&mut self, uid: &str) -> Taken<T> {
        self.gone.insert(uid.to_owned());
        match self.take(uid) {
            Some(delta) => Taken::New(vec![delta]),
            None => Taken::Echo,
        }
    }

    /// Takes all objects there are. What is not among them is gone.
    pub fn replace(&mut self, objects: Vec<Object<T>>) -> Vec<Delta<T>> {
        let present: HashSet<&str> = objects.iter().map(|object| object.uid.as_str()).collect();
        let absent: Vec<String> =
            self.by_uid.keys().filter(|uid| !present.contains(uid.as_str())).cloned().collect();
        let mut deltas: Vec<_> = absent.iter().filter_map(|uid| self.take(uid)).collect();
        for object in objects {
            let same = self
                .by_uid
                .get(&object.uid)
                .is_some_and(|entry| entry.version == object.version && entry.key == object.key);
            if !same {
                // Whoever has the name by now has it rightly: the list says so.
                deltas.extend(self.evict(&object));
                deltas.push(self.insert(object));
            }
        }
        // From here on nothing of before this list can come in any more.
        self.gone.clear();
        self.by_uid.values_mut().for_each(|entry| entry.past.clear());
        self.past = 0;
        deltas
    }

    /// Who has the name of this object and is another one, is gone.
    fn evict(&mut self, object: &Object<T>) -> Option<Delta<T>> {
        let before = self.by_key.get(&object.key).filter(|uid| **uid != object.uid)?.clone();
        self.gone.insert(before.clone());
        self.take(&before)
    }

    fn insert(&mut self, object: Object<T>) -> Delta<T> {
        let Object { uid, key, version, document } = object;
        let value = Arc::new(document);
        let mut past = HashSet::new();
        if let Some(before) = self.by_uid.remove(&uid) {
            past = before.past;
            // Kubernetes renames nothing; were it to, the old name would be free.
            if before.key != key {
                self.by_key.remove(&before.key);
            }
            self.past += usize::from(past.insert(before.version));
        }
        self.by_key.insert(key.clone(), uid.clone());
        let entry = Entry { key: key.clone(), version, past, value: value.clone() };
        self.by_uid.insert(uid.clone(), entry);
        Delta::Put { uid, key, value }
    }

    fn take(&mut self, uid: &str) -> Option<Delta<T>> {
        let Entry { key, value, past, .. } = self.by_uid.remove(uid)?;
        self.past -= past.len();
        if self.by_key.get(&key).is_some_and(|holder| holder == uid) {
            self.by_key.remove(&key);
        }
        Some(Delta::Gone { uid: uid.to_owned(), key, last: value })
    }
}

#[cfg(test)]
mod tests;
