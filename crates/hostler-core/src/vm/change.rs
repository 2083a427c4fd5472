//! What changing a VM's specification would do, field by field, before anything is done
//! (C20, X25).
//!
//! ```text
//!   spec as it is ─┐
//!                  ├─► differences ─► each: live · at the next start · refused, why
//!   spec as wanted ┘                   └─► data at risk is named
//! ```
//!
//! Here is decided what differs and what can never be changed. What takes effect while the
//! VM runs, and who else manages a field, only its provider knows.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::spec::VmSpec;
use crate::error::{Code, Error, Fault, Result};

/// A field that is not as it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// A JSON pointer into the specification: `/cpu/count`.
    pub path: String,
    /// What it is; `None` where there is nothing. Of cloud-init's documents never told.
    pub from: Option<Value>,
    /// What it is to be; `None` where there is to be nothing.
    pub to: Option<Value>,
}

/// What becomes of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Takes {
    /// It takes effect at once, also in a VM that runs.
    Live,
    /// It takes effect when the VM starts next; one that runs has to be stopped first.
    NextStart,
    /// It is not made; why not, and what to do instead.
    Refused(String),
}

impl Takes {
    /// The word used on the wire.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::NextStart => "next_start",
            Self::Refused(_) => "refused",
        }
    }
}

/// One change, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which field, and what is to become of it.
    pub field: Difference,
    /// When it takes effect.
    pub takes: Takes,
    /// Which data may be lost by it.
    pub at_risk: Option<&'static str>,
}

/// A field that somebody else manages, in the provider's terms.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Managed {
    /// The field: `.spec.template.spec.domain.memory.guest`.
    pub field: String,
    /// Who, as they call themselves: `kubectl-edit`.
    pub manager: String,
}

/// A tool that will put back what it has written down somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keeper {
    /// The tool: `argocd`, `flux`.
    pub tool: String,
    /// What it calls the thing that the VM belongs to, where it says so.
    pub name: Option<String>,
    /// By what it was recognised.
    pub evidence: String,
}

impl std::fmt::Display for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.tool)?;
        match &self.name {
            Some(name) => write!(f, " ({name})"),
            None => Ok(()),
        }
    }
}

/// What changing a VM would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangePlan {
    /// Every field that would change, by their paths.
    pub changes: Vec<Change>,
    /// Fields among them that others manage: they are changed for whoever saw them here
    /// and gives them back.
    pub managed_by_others: Vec<Managed>,
    /// Who keeps the VM as it is written down elsewhere, and will put back what is changed here.
    pub kept_by: Option<Keeper>,
}

impl ChangePlan {
    /// What turns one specification into another. `takes` says what becomes of a change
    /// that can be made at all.
    pub fn of(
        before: &VmSpec,
        after: &VmSpec,
        mut takes: impl FnMut(&Difference) -> Takes,
    ) -> Self {
        let changes = differences(before, after).into_iter().map(|field| {
            let takes = match fixed(&field.path).or_else(|| of_type(before, &field.path)) {
                Some(why) => Takes::Refused(why.to_owned()),
                // Nobody but Hostler knows its labels.
                None if is_within(&field.path, "/labels") => Takes::Live,
                None => takes(&field),
            };
            let at_risk = at_risk(&field).filter(|_| !matches!(takes, Takes::Refused(_)));
            Change { field, takes, at_risk }
        });
        Self { changes: changes.collect(), ..Self::default() }
    }

    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Whether something of it waits for the VM's next start.
    pub fn waits_for_start(&self) -> bool {
        self.changes.iter().any(|change| change.takes == Takes::NextStart)
    }

    /// The specification that `after` would be made from.
    ///
    /// # Errors
    /// A bug, where the changes are not those that led to `after`.
    pub fn before(&self, after: &VmSpec) -> Result<VmSpec> {
        let mut document = encoded(after);
        for change in &self.changes {
            put(&mut document, &change.field.path, change.field.from.clone());
        }
        serde_json::from_value(document)
            .map_err(|error| Error::bug(format!("a change plan does not lead back: {error}")))
    }

    /// Fails with every change that cannot be made.
    ///
    /// # Errors
    /// [`Code::SpecInvalid`] with a fault for each.
    pub fn check(&self) -> Result<()> {
        let faults = self.changes.iter().filter_map(|change| match &change.takes {
            Takes::Refused(why) => {
                Some(Fault::new(change.field.path.as_str(), "not_changeable", why.as_str()))
            }
            Takes::Live | Takes::NextStart => None,
        });
        let faults: Vec<_> = faults.collect();
        if faults.is_empty() { Ok(()) } else { Err(Error::faults(Code::SpecInvalid, faults)) }
    }

    /// Fails where fields of others would be taken from them without having been shown, or
    /// from a tool that puts them back, without that being meant.
    ///
    /// # Errors
    /// [`Code::VmFieldsManaged`] with a fault for each field: where it is, and who manages it.
    pub fn check_taken(&self, shown: &[Managed], from_gitops: bool) -> Result<()> {
        let not_shown = self.managed_by_others.iter().any(|one| !shown.contains(one));
        let keeper = self.kept_by.as_ref().filter(|_| !self.managed_by_others.is_empty());
        let keeper = keeper.filter(|_| !from_gitops);
        if !not_shown && keeper.is_none() {
            return Ok(());
        }
        let faults = self
            .managed_by_others
            .iter()
            .map(|one| Fault::new(one.field.as_str(), "managed_by_others", one.manager.as_str()));
        let mut message = listed(&self.managed_by_others);
        if let Some(keeper) = keeper {
            message.push_str(&format!("; it is kept by {keeper}, by its {}", keeper.evidence));
        }
        let error = Error::new(Code::VmFieldsManaged, message).with_faults(faults.collect());
        Err(match keeper {
            Some(keeper) => error.with_detail("kept_by", keeper),
            None => error,
        })
    }
}

/// The most fields that a message names.
const NAMED: usize = 8;

/// Fields of others, for people.
pub fn listed(fields: &[Managed]) -> String {
    let named = fields.iter().take(NAMED).map(|one| format!("{} ({})", one.field, one.manager));
    let named: Vec<String> = named.collect();
    let more = fields.len().saturating_sub(named.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("others manage these fields: {}{more}", named.join(", "))
}

/// Every field in which two specifications differ, by their paths. A list of
/// another length is one field, and so is whatever is another kind of thing.
pub fn differences(before: &VmSpec, after: &VmSpec) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(&encoded(before), &encoded(after), String::new(), &mut found);
    found
}

fn compare(before: &Value, after: &Value, path: String, found: &mut Vec<Difference>) {
    if before == after {
        return;
    }
    match (before, after) {
        _ if path == "/cloud_init" => found.push(Difference { path, from: None, to: None }),
        (Value::Object(was), Value::Object(is)) if path == "/labels" || same_keys(was, is) => {
            let mut keys: Vec<_> = was.keys().chain(is.keys()).collect();
            keys.sort_unstable();
            keys.dedup();
            let at = |fields: &serde_json::Map<String, Value>, key| {
                fields.get(key).cloned().unwrap_or_default()
            };
            for key in keys {
                compare(&at(was, key), &at(is, key), format!("{path}/{}", escaped(key)), found);
            }
        }
        (Value::Array(was), Value::Array(is)) if was.len() == is.len() => {
            for (index, (was, is)) in was.iter().zip(is).enumerate() {
                compare(was, is, format!("{path}/{index}"), found);
            }
        }
        _ => found.push(Difference { path, from: told(before), to: told(after) }),
    }
}

fn same_keys(one: &serde_json::Map<String, Value>, other: &serde_json::Map<String, Value>) -> bool {
    one.len() == other.len() && one.keys().all(|key| other.contains_key(key))
}

fn told(value: &Value) -> Option<Value> {
    Some(value.clone()).filter(|value| !value.is_null())
}

/// What is asked of a VM once a change from `before` to `after` was made: what the change is
/// about as it has it, and all else as it is in `now`, where others wrote meanwhile. Labels
/// are merged one by one.
///
/// # Errors
/// A bug, where the three do not make a specification.
pub fn merged(before: &VmSpec, after: &VmSpec, now: &VmSpec) -> Result<VmSpec> {
    let (was, to, is) = (encoded(before), encoded(after), encoded(now));
    let whole = |found: Option<Value>| {
        let found = found.ok_or_else(|| Error::bug("a merged specification is empty"))?;
        serde_json::from_value(found)
            .map_err(|error| Error::bug(format!("a merged specification does not read: {error}")))
    };
    whole(three_way(Some(&was), Some(&to), Some(&is), 0))
}

/// How deep fields are merged by themselves: those of a specification, and labels.
const MERGED_DEPTH: usize = 2;

fn three_way(
    was: Option<&Value>,
    to: Option<&Value>,
    is: Option<&Value>,
    depth: usize,
) -> Option<Value> {
    if was == to {
        return is.cloned();
    }
    match (was, to, is) {
        (Some(Value::Object(was)), Some(Value::Object(to)), Some(Value::Object(is)))
            if depth < MERGED_DEPTH && was != is =>
        {
            let mut keys: Vec<&String> = was.keys().chain(to.keys()).chain(is.keys()).collect();
            keys.sort_unstable();
            keys.dedup();
            let fields = keys.into_iter().filter_map(|key| {
                let at = |fields: &'_ serde_json::Map<String, Value>| fields.get(key).cloned();
                let (was, to, is) = (at(was), at(to), at(is));
                let left = three_way(was.as_ref(), to.as_ref(), is.as_ref(), depth + 1)?;
                Some((key.clone(), left))
            });
            Some(Value::Object(fields.collect()))
        }
        _ => to.cloned(),
    }
}

/// A key within a JSON pointer (RFC 6901).
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// A specification as a document: texts, numbers, lists and maps by texts, which always encode.
fn encoded(spec: &VmSpec) -> Value {
    serde_json::to_value(spec).unwrap_or_default()
}

/// Sets a field of a document, or takes it out.
fn put(document: &mut Value, path: &str, value: Option<Value>) {
    let Some((parent, key)) = path.rsplit_once('/') else { return };
    let key = key.replace("~1", "/").replace("~0", "~");
    match (document.pointer_mut(parent), value) {
        (Some(Value::Object(fields)), Some(value)) => drop(fields.insert(key, value)),
        (Some(Value::Object(fields)), None) => drop(fields.remove(&key)),
        (Some(Value::Array(list)), value) => {
            if let Some(place) = key.parse().ok().and_then(|index: usize| list.get_mut(index)) {
                *place = value.unwrap_or_default();
            }
        }
        _ => {}
    }
}

fn is_within(path: &str, field: &str) -> bool {
    path.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Why a field can never be changed, and what to do instead.
fn fixed(path: &str) -> Option<&'static str> {
    const FIXED: &[(&str, &str)] = &[
        ("/name", "a VM keeps the name that it was made under; make another one"),
        ("/project", "a VM stays in its project; make another one"),
        ("/disks", "disks are not changed by the specification; attach or detach them instead"),
        ("/cloud_init", "the guest has read it at its first boot; change it within the guest"),
        ("/instance_type", "a VM keeps the type that it was made of; make another one"),
        ("/preference", "a VM keeps the preference that it was made by; make another one"),
        ("/machine/arch", "the guest is made for its architecture; make another VM"),
    ];
    FIXED.iter().find(|(field, _)| is_within(path, field)).map(|(_, why)| *why)
}

/// Why the size of a VM that has an instance type is not changed by itself.
fn of_type(before: &VmSpec, path: &str) -> Option<&'static str> {
    let is_size = is_within(path, "/cpu") || is_within(path, "/memory");
    (before.instance_type.is_some() && is_size)
        .then_some("its size is that of its instance type; make another VM of another type")
}

/// Which data may be lost by a change.
fn at_risk(field: &Difference) -> Option<&'static str> {
    match field.path.as_str() {
        "/tpm" if field.to.is_none() => {
            Some("what the TPM keeps is lost, keys of encrypted disks among it")
        }
        "/tpm/model" => Some("the guest may not find what the TPM keeps, keys of disks among it"),
        "/firmware/kind" => {
            Some("the firmware's variables are left behind, and the guest may not boot")
        }
        "/firmware/secure_boot" | "/machine/kind" => Some("the guest may not boot"),
        _ => None,
    }
}
