//! What all objects have: names, identity, marks, owners and conditions.

use std::ops::Deref;

use serde::{Deserialize, Deserializer};

use super::part::{Many, Map, Part, Time};

/// The copy of the whole object that `kubectl apply` leaves behind. It holds
/// whatever was in the file, cloud-init's secrets too.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// `metadata` of any object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ObjectMeta {
    pub(crate) name: Part<String>,
    pub(crate) namespace: Part<String>,
    pub(crate) uid: Part<String>,
    pub(crate) creation_timestamp: Part<Time>,
    pub(crate) deletion_timestamp: Part<Time>,
    pub(crate) labels: Map<String>,
    pub(crate) annotations: Annotations,
    pub(crate) owner_references: Many<OwnerReference>,
    pub(crate) managed_fields: Many<ManagedFields>,
}

impl ObjectMeta {
    /// Whether somebody deleted it and it is on its way out.
    pub(crate) fn is_being_deleted(&self) -> bool {
        self.deletion_timestamp.is_some()
    }

    /// A label's value, if it says anything.
    pub(crate) fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// An annotation's value, if it says anything.
    pub(crate) fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The one that made it and looks after it.
    pub(crate) fn controller(&self) -> Option<&OwnerReference> {
        self.owner_references.iter().find(|owner| owner.controller.is_true())
    }
}

/// Annotations, less the one that copies the object with its secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Annotations(std::collections::BTreeMap<String, String>);

impl Deref for Annotations {
    type Target = std::collections::BTreeMap<String, String>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Annotations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut all = (*Map::<String>::deserialize(deserializer)?).clone();
        all.remove(LAST_APPLIED);
        Ok(Self(all))
    }
}

/// One that an object belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct OwnerReference {
    pub(crate) kind: Part<String>,
    pub(crate) name: Part<String>,
    pub(crate) uid: Part<String>,
    pub(crate) controller: Part<bool>,
}

/// Who wrote fields of an object, and how; which fields is not read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ManagedFields {
    pub(crate) manager: Part<String>,
    pub(crate) subresource: Part<String>,
}

/// Something that is so, is not, or is not known, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Condition {
    #[serde(rename = "type")]
    pub(crate) kind: Part<String>,
    pub(crate) status: Part<String>,
    pub(crate) reason: Part<String>,
    pub(crate) message: Part<String>,
    pub(crate) last_transition_time: Part<Time>,
}

impl Condition {
    /// Whether it is so; `None` when that is not known.
    pub(crate) fn holds(&self) -> Option<bool> {
        match self.status.text() {
            Some("True") => Some(true),
            Some("False") => Some(false),
            _ => None,
        }
    }

    /// Why, in the cluster's words: message, else reason.
    pub(crate) fn why(&self) -> Option<&str> {
        self.message.text().or_else(|| self.reason.text())
    }
}

impl Many<Condition> {
    /// The condition of this kind.
    pub(crate) fn of(&self, kind: &str) -> Option<&Condition> {
        self.iter().find(|condition| condition.kind.text() == Some(kind))
    }

    /// Whether it is told to be so.
    pub(crate) fn is_true(&self, kind: &str) -> bool {
        self.of(kind).and_then(Condition::holds) == Some(true)
    }
}
