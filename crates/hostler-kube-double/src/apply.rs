//! Who owns which field: server-side apply with its conflicts, and what plain writes take over.
//!
//! ```text
//!   apply by a:  merge onto what is live → take back what a applied before and leaves out now
//!                → fields that change and belong to others: conflict, or theirs no more (force)
//!   plain write: what it changes is the writer's, and nobody else's
//! ```

use serde_json::{Value, json};

use crate::fields::{self, Difference, ListKind, Path, Set};
use crate::json;
use crate::status::{Refused, cause};

/// How a manager came to own its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    Apply,
    Update,
}

impl Operation {
    fn as_str(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

/// Who writes.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    pub(crate) manager: String,
    pub(crate) operation: Operation,
    /// `status`, or empty.
    pub(crate) subresource: String,
    pub(crate) api_version: String,
    pub(crate) time: String,
}

impl Writer {
    fn as_update(&self) -> Self {
        Self { operation: Operation::Update, ..self.clone() }
    }
}

/// An entry of `managedFields`.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    manager: String,
    operation: Operation,
    subresource: String,
    api_version: String,
    time: String,
    set: Set,
}

impl Entry {
    fn is_of(&self, writer: &Writer) -> bool {
        self.manager == writer.manager
            && self.operation == writer.operation
            && self.subresource == writer.subresource
            // Who applies has one entry, in whichever version it came last.
            && (writer.operation == Operation::Apply || self.api_version == writer.api_version)
    }

    fn shown(&self) -> String {
        let mut text = Value::from(self.manager.as_str()).to_string();
        if !self.subresource.is_empty() {
            text.push_str(&format!(" with subresource {}", Value::from(&*self.subresource)));
        }
        if self.operation == Operation::Update {
            text.push_str(&format!(" using {}", self.api_version));
        }
        text
    }

    fn write(&self) -> Value {
        let mut entry = json!({
            "manager": self.manager, "operation": self.operation.as_str(),
            "apiVersion": self.api_version, "time": self.time, "fieldsType": "FieldsV1",
            "fieldsV1": fields::to_v1(&self.set),
        });
        if !self.subresource.is_empty() {
            json::set(&mut entry, "/subresource", self.subresource.as_str().into());
        }
        entry
    }
}

fn entries(object: &Value) -> Vec<Entry> {
    json::list(object, "/metadata/managedFields")
        .iter()
        .map(|entry| Entry {
            manager: json::text(entry, "/manager").to_owned(),
            operation: match json::text(entry, "/operation") {
                "Apply" => Operation::Apply,
                _ => Operation::Update,
            },
            subresource: json::text(entry, "/subresource").to_owned(),
            api_version: json::text(entry, "/apiVersion").to_owned(),
            time: json::text(entry, "/time").to_owned(),
            set: entry.get("fieldsV1").map(fields::from_v1).unwrap_or_default(),
        })
        .collect()
}

fn set_entries(object: &mut Value, mut entries: Vec<Entry>) {
    entries.retain(|entry| !entry.set.is_empty());
    entries.sort_by(|a, b| {
        (a.operation, &a.time, &a.manager).cmp(&(b.operation, &b.time, &b.manager))
    });
    let entries: Vec<Value> = entries.iter().map(Entry::write).collect();
    json::set(object, "/metadata/managedFields", entries.into());
}

/// Gives the writer what a plain write changed from one object to the other; the second carries the
/// entries of the first.
pub(crate) fn own_changes(before: &Value, after: &mut Value, writer: &Writer) {
    let difference = Difference::between(before, after);
    let written = difference.written();
    if written.is_empty() && difference.removed.is_empty() {
        return;
    }
    let writer = writer.as_update();
    let mut entries = entries(after);
    let mut has_one = false;
    for entry in &mut entries {
        let old = entry.set.clone();
        entry.set.retain(|path| !difference.removed.contains(path));
        if entry.is_of(&writer) {
            has_one = true;
            entry.set.extend(written.iter().cloned());
        } else {
            entry.set.retain(|path| !written.contains(path));
        }
        if entry.is_of(&writer) && entry.set != old {
            entry.time.clone_from(&writer.time);
        }
    }
    if !has_one {
        entries.push(entry_of(&writer, written));
    }
    set_entries(after, entries);
}

fn entry_of(writer: &Writer, set: Set) -> Entry {
    Entry {
        manager: writer.manager.clone(),
        operation: writer.operation,
        subresource: writer.subresource.clone(),
        api_version: writer.api_version.clone(),
        time: writer.time.clone(),
        set,
    }
}

/// Applies a configuration onto what is live, and tells the object that results.
///
/// # Errors
/// The conflict, where fields of others would change and it is not forced.
pub(crate) fn apply(
    live: &Value,
    config: &Value,
    writer: &Writer,
    force: bool,
) -> Result<Value, Refused> {
    let set = fields::applied(config);
    let mut merged = live.clone();
    merge(&[], &mut merged, config);
    let mut entries = entries(live);
    let last = entries.iter().find(|entry| entry.is_of(writer)).map(|entry| entry.set.clone());
    let others: Vec<&Set> =
        entries.iter().filter(|entry| !entry.is_of(writer)).map(|entry| &entry.set).collect();
    take_back(&mut merged, &last.clone().unwrap_or_default(), &set, &others);

    let changed = Difference::between(live, &merged).written();
    let conflicts = conflicts(&entries, &changed, writer);
    if !conflicts.is_empty() && !force {
        return Err(conflict(&conflicts));
    }
    for entry in entries.iter_mut().filter(|entry| !entry.is_of(writer)) {
        entry.set.retain(|path| !changed.contains(path));
    }
    if last.as_ref() != Some(&set) {
        entries.retain(|entry| !entry.is_of(writer));
        entries.push(entry_of(writer, set));
    }
    set_entries(&mut merged, entries);
    Ok(merged)
}

fn conflicts(entries: &[Entry], changed: &Set, writer: &Writer) -> Vec<(String, Vec<Path>)> {
    entries
        .iter()
        .filter(|entry| !entry.is_of(writer))
        .map(|entry| (entry.shown(), entry.set.intersection(changed).cloned().collect()))
        .filter(|(_, paths): &(_, Vec<Path>)| !paths.is_empty())
        .collect()
}

fn conflict(conflicts: &[(String, Vec<Path>)]) -> Refused {
    let count: usize = conflicts.iter().map(|(_, paths)| paths.len()).sum();
    let text = match conflicts {
        [(manager, paths)] if paths.len() == 1 => {
            let path: String = paths.iter().map(|path| fields::shown(path)).collect();
            format!("conflict with {manager}: {path}")
        }
        _ => {
            let each = conflicts.iter().map(|(manager, paths)| {
                let paths: String =
                    paths.iter().map(|path| format!("\n- {}", fields::shown(path))).collect();
                format!("conflicts with {manager}:{paths}")
            });
            each.collect::<Vec<_>>().join("\n")
        }
    };
    let causes: Vec<Value> = conflicts
        .iter()
        .flat_map(|(manager, paths)| {
            let message = format!("conflict with {manager}");
            paths
                .iter()
                .map(move |path| cause("FieldManagerConflict", &message, &fields::shown(path)))
        })
        .collect();
    let plural = if count == 1 { "" } else { "s" };
    let words = format!("Apply failed with {count} conflict{plural}: {text}");
    Refused::new(409, "Conflict", words, json!({ "causes": causes }))
}

fn merge(path: &[String], live: &mut Value, config: &Value) {
    let below = |segment: String| {
        let mut path = path.to_vec();
        path.push(segment);
        path
    };
    match config {
        Value::Object(new) => {
            let old = json::object(live);
            for (name, value) in new {
                let at = old.entry(name.clone()).or_insert(Value::Null);
                merge(&below(format!("f:{name}")), at, value);
            }
        }
        Value::Array(new) if fields::list_kind(path) != ListKind::Whole => {
            let kind = fields::list_kind(path);
            let old = json::array(live);
            for item in new {
                let segment = fields::item_segment(kind, item);
                let found = old.iter_mut().find(|one| fields::item_segment(kind, one) == segment);
                match found {
                    Some(one) => merge(&below(segment), one, item),
                    None => old.push(item.clone()),
                }
            }
        }
        _ => live.clone_from(config),
    }
}

/// Removes what was applied before, is not now, and belongs to nobody else.
fn take_back(merged: &mut Value, last: &Set, now: &Set, others: &[&Set]) {
    let held = |path: &Path| {
        let holds = |set: &Set| set.iter().any(|one| one.starts_with(path));
        holds(now) || others.iter().any(|set| holds(set))
    };
    for path in last {
        if held(path) {
            continue;
        }
        remove(merged, path);
        // What was made only to hold it goes with it.
        let mut parent = path.clone();
        while parent.pop().is_some() && parent.len() > 1 {
            if held(&parent) || !is_empty_at(merged, &parent) {
                break;
            }
            remove(merged, &parent);
        }
    }
}

fn step<'a>(value: &'a mut Value, segment: &str) -> Option<&'a mut Value> {
    match segment.split_once(':')? {
        ("f", name) => value.get_mut(name),
        (_, _) => {
            let index = position(value, segment)?;
            value.get_mut(index)
        }
    }
}

fn position(value: &Value, segment: &str) -> Option<usize> {
    let kind = if segment.starts_with("k:") { ListKind::ByUid } else { ListKind::Set };
    value.as_array()?.iter().position(|item| fields::item_segment(kind, item) == segment)
}

fn is_empty_at(value: &mut Value, path: &[String]) -> bool {
    let found = path.iter().try_fold(value, |at, segment| step(at, segment));
    match found {
        Some(Value::Object(map)) => map.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        _ => false,
    }
}

fn remove(value: &mut Value, path: &[String]) {
    let Some((last, parents)) = path.split_last() else { return };
    let Some(parent) = parents.iter().try_fold(value, |at, segment| step(at, segment)) else {
        return;
    };
    match (last.strip_prefix("f:"), parent) {
        (Some(name), Value::Object(map)) => {
            map.remove(name);
        }
        (None, parent) => {
            if let (Some(index), Some(items)) = (position(parent, last), parent.as_array_mut()) {
                items.remove(index);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
