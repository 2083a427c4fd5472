//! Sets of fields: which there are in an object, which differ between two, and how `managedFields`
//! writes them (`FieldsV1`).
//!
//! Lists are owned as a whole, as KubeVirt's definitions have them, but for `metadata.finalizers` (a
//! set) and `metadata.ownerReferences` (by uid). The few keyed lists deep within a VMI's template
//! (`topologySpreadConstraints`, `resourceClaims`, `utilityVolumes`) are taken as a whole too.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// The way to a field: `f:name` for a field, `v:"…"` for an item of a set, `k:{…}` for a keyed one.
pub(crate) type Path = Vec<String>;

/// A set of fields.
pub(crate) type Set = BTreeSet<Path>;

/// What nobody owns: who an object is, and what the server writes.
const UNOWNED: &[&str] = &[
    "name",
    "namespace",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// How the items of a list are owned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListKind {
    Whole,
    Set,
    ByUid,
}

pub(crate) fn list_kind(path: &[String]) -> ListKind {
    match path {
        [first, second] if first == "f:metadata" => match second.as_str() {
            "f:finalizers" => ListKind::Set,
            "f:ownerReferences" => ListKind::ByUid,
            _ => ListKind::Whole,
        },
        _ => ListKind::Whole,
    }
}

/// The segment of an item, where the list is one of items.
pub(crate) fn item_segment(kind: ListKind, item: &Value) -> String {
    match kind {
        ListKind::ByUid => format!("k:{}", json!({ "uid": item.get("uid") })),
        ListKind::Set | ListKind::Whole => format!("v:{item}"),
    }
}

fn is_unowned(path: &[String]) -> bool {
    match path {
        [only] => matches!(only.as_str(), "f:apiVersion" | "f:kind" | "f:metadata"),
        [first, second] if first == "f:metadata" => {
            second.strip_prefix("f:").is_some_and(|name| UNOWNED.contains(&name))
        }
        _ => false,
    }
}

fn below(path: &[String], segment: String) -> Path {
    let mut path = path.to_vec();
    path.push(segment);
    path
}

/// The children of a value that are fields of their own.
fn children<'v>(path: &[String], value: &'v Value) -> Option<Vec<(String, &'v Value)>> {
    match value {
        Value::Object(map) => {
            Some(map.iter().map(|(name, value)| (format!("f:{name}"), value)).collect())
        }
        Value::Array(items) => match list_kind(path) {
            ListKind::Whole => None,
            kind => Some(items.iter().map(|item| (item_segment(kind, item), item)).collect()),
        },
        _ => None,
    }
}

/// The fields that somebody who applies this object gives an opinion on: its leaves.
pub(crate) fn applied(object: &Value) -> Set {
    let mut set = Set::new();
    leaves(&[], object, &mut set);
    set
}

fn leaves(path: &[String], value: &Value, set: &mut Set) {
    let is_item = path.last().is_some_and(|segment| segment.starts_with("k:"));
    match children(path, value) {
        Some(children) if !children.is_empty() => {
            if is_item {
                set.insert(path.to_vec());
            }
            for (segment, child) in children {
                let path = below(path, segment);
                if path.len() > 2 || !is_unowned(&path) || path == ["f:metadata"] {
                    leaves(&path, child, set);
                }
            }
        }
        _ if path.is_empty() || is_unowned(path) => {}
        _ => {
            set.insert(path.to_vec());
        }
    }
}

/// What differs between two objects.
#[derive(Debug, Default)]
pub(crate) struct Difference {
    /// In the second alone, with the nodes above that are new.
    pub(crate) added: Set,
    /// In both, with other values.
    pub(crate) modified: Set,
    /// In the first alone.
    pub(crate) removed: Set,
}

impl Difference {
    pub(crate) fn between(before: &Value, after: &Value) -> Self {
        let mut difference = Self::default();
        difference.compare(&[], Some(before), Some(after));
        difference
    }

    /// Added or modified.
    pub(crate) fn written(&self) -> Set {
        self.added.union(&self.modified).cloned().collect()
    }

    fn compare(&mut self, path: &[String], before: Option<&Value>, after: Option<&Value>) {
        if is_unowned(path) && path != ["f:metadata"] {
            return;
        }
        match (before, after) {
            (Some(before), Some(after)) if before == after => {}
            (Some(before), Some(after)) => self.compare_both(path, before, after),
            (None, Some(after)) => nodes(path, after, &mut self.added),
            (Some(before), None) => nodes(path, before, &mut self.removed),
            (None, None) => {}
        }
    }

    fn compare_both<'v>(&mut self, path: &[String], before: &'v Value, after: &'v Value) {
        let (Some(old), Some(new)) = (children(path, before), children(path, after)) else {
            self.modified.insert(path.to_vec());
            for (segment, child) in children(path, before).unwrap_or_default() {
                nodes(&below(path, segment), child, &mut self.removed);
            }
            for (segment, child) in children(path, after).unwrap_or_default() {
                nodes(&below(path, segment), child, &mut self.added);
            }
            return;
        };
        let find = |list: &[(String, &'v Value)], name: &str| {
            list.iter().find(|(segment, _)| segment == name).map(|(_, value)| *value)
        };
        for (segment, child) in &old {
            let after = find(&new, segment);
            // Most of an object is as it was: of that not even the place is put together.
            if after != Some(*child) {
                self.compare(&below(path, segment.clone()), Some(child), after);
            }
        }
        for (segment, child) in &new {
            if find(&old, segment).is_none() {
                self.compare(&below(path, segment.clone()), None, Some(child));
            }
        }
    }
}

/// A value with all that is below it.
fn nodes(path: &[String], value: &Value, set: &mut Set) {
    if !path.is_empty() && !is_unowned(path) {
        set.insert(path.to_vec());
    }
    if is_unowned(path) && path != ["f:metadata"] {
        return;
    }
    for (segment, child) in children(path, value).unwrap_or_default() {
        nodes(&below(path, segment), child, set);
    }
}

/// As `fieldsV1`: a tree, in which `.` says that a node with children is in the set itself.
pub(crate) fn to_v1(set: &Set) -> Value {
    let mut root = Map::new();
    for path in set {
        let mut at = &mut root;
        for segment in path {
            let next = at.entry(segment.clone()).or_insert_with(|| json!({}));
            at = crate::json::object(next);
        }
        at.insert(".".to_owned(), json!({}));
    }
    let mut root = Value::Object(root);
    drop_lone_dots(&mut root);
    root
}

fn drop_lone_dots(value: &mut Value) {
    let Some(map) = value.as_object_mut() else { return };
    if map.len() == 1 {
        map.remove(".");
    }
    for child in map.values_mut() {
        drop_lone_dots(child);
    }
}

/// Reads `fieldsV1`.
pub(crate) fn from_v1(value: &Value) -> Set {
    let mut set = Set::new();
    read(&[], value, &mut set);
    set
}

fn read(path: &[String], value: &Value, set: &mut Set) {
    let Some(map) = value.as_object() else { return };
    if map.is_empty() && !path.is_empty() {
        set.insert(path.to_vec());
    }
    for (segment, child) in map {
        if segment == "." {
            set.insert(path.to_vec());
        } else {
            read(&below(path, segment.clone()), child, set);
        }
    }
}

/// As messages write it: `.spec.runStrategy`, `.metadata.finalizers[="x"]`.
pub(crate) fn shown(path: &[String]) -> String {
    path.iter()
        .map(|segment| match segment.split_once(':') {
            Some(("f", name)) => format!(".{name}"),
            Some(("v", value)) => format!("[={value}]"),
            Some(("k", keys)) => {
                let keys: Value = serde_json::from_str(keys).unwrap_or_default();
                let keys: Vec<String> = keys
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                format!("[{}]", keys.join(","))
            }
            _ => segment.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests;
