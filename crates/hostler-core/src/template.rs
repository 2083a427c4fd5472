//! Templates: what virtual machines are made from again and again (C19), in versions of which
//! one that was activated never changes ([ADR 31](../../../docs/adr/0031-templates.md)).
//!
//! ```text
//!            activate           deprecate
//!   draft ────────────► active ───────────► deprecated
//!   (edited)  │         (deployed) ◄──────── (deployed, with a warning)
//!      │      │            │      activate        │
//!      │ archive           │ archive              │ archive
//!      ▼                   ▼                      ▼
//!   archived: kept as a record, deployed and changed no more
//! ```
//!
//! What is deployed where no version is named is the **default**: the newest that is active.
//!
//! | to learn about | read |
//! |---|---|
//! | what deployers fill in | [`parameter`] |
//! | how values get into the specification, and never further | [`fill`] |
//! | what of a VM can be a template's | [`skeleton`] |
//! | how several VMs are named | [`naming`] |

mod check;
mod document;
pub mod fill;
pub mod naming;
pub mod parameter;
mod placeholder;
pub mod skeleton;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Timestamp;
use crate::error::{Code, Error, Fault, Result};
use crate::id::{TemplateId, VmId};

pub use check::{check, check_about, check_shape};
pub use fill::{Filled, fill};
pub use naming::NamePattern;
pub use parameter::{Parameter, ParameterKind, Values};

/// The most templates that are kept.
pub const TEMPLATES_MAX: usize = 1000;
/// The most versions of one template.
pub const VERSIONS_MAX: u32 = 200;
/// The most VMs that one request makes.
pub const COUNT_MAX: u32 = 100;
/// The most parameters of a version.
pub const PARAMETERS_MAX: usize = 64;
/// The largest specification of a version, as JSON, in bytes.
pub const SPEC_MAX_BYTES: usize = 256 * 1024;
/// The longest notes, in bytes.
pub const NOTES_MAX_BYTES: usize = 16 * 1024;
/// The most features, and the most hardware, that a version requires.
pub const REQUIRED_MAX: usize = 64;
/// The longest name of a feature or of hardware, in bytes.
pub const REQUIRED_NAME_MAX: usize = 253;

/// A template, without its versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Its identity.
    pub id: TemplateId,
    /// Unique within the project.
    pub name: String,
    /// The project it belongs to; VMs made from it belong to that, unless another is named.
    pub project: String,
    /// Free text for people.
    pub description: String,
    /// Free key-value pairs to select by; of the template, not of its VMs.
    pub labels: BTreeMap<String, String>,
    /// Grows by every change of the above; the first is 1.
    pub generation: u64,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the above changed last.
    pub updated_at: Timestamp,
}

/// What a version is, of which an active one's never changes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// The specification of a VM without name and project, in the form of
    /// [`crate::vm::VmSpec`], with `${parameter}` within its strings.
    pub spec: Value,
    /// What deployers fill in.
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// Features that a cluster needs, in its product's words.
    #[serde(default)]
    pub required_features: Vec<String>,
    /// Hardware that a cluster needs.
    #[serde(default)]
    pub required_hardware: Vec<String>,
    /// What is to be known of this version, for people.
    #[serde(default)]
    pub notes: String,
}

impl Content {
    /// Whether it can go only where features or hardware are told of.
    pub fn requires_anything(&self) -> bool {
        !self.required_features.is_empty() || !self.required_hardware.is_empty()
    }
}

/// The VM that a version was made from, and what of it is not in the version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MadeFrom {
    /// The VM.
    pub vm: VmId,
    /// Its name then.
    pub name: String,
    /// What is its own, by its place in the specification.
    pub left_out: Vec<Fault>,
}

/// What is told of a version without what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionHead {
    /// Counted from 1 within the template, never used twice.
    pub number: u32,
    /// Where its life stands.
    pub state: VersionState,
    /// Grows by every change; the first is 1.
    pub generation: u64,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was activated last.
    pub activated_at: Option<Timestamp>,
    /// When it was deprecated last.
    pub deprecated_at: Option<Timestamp>,
    /// When it was archived.
    pub archived_at: Option<Timestamp>,
}

/// A version.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// What lists tell of it.
    pub head: VersionHead,
    /// What it is.
    pub content: Content,
    /// The VM it was made from, if it was.
    pub made_from: Option<MadeFrom>,
}

/// Which version of which template a VM was made from; stored with the VM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FromTemplate {
    /// The template; it may be gone since.
    pub template: TemplateId,
    /// Its name then.
    pub name: String,
    /// The version's number.
    pub version: u32,
}

/// Where the life of a version stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VersionState {
    /// It is being written.
    Draft,
    /// It can be deployed and never changes.
    Active,
    /// It can be deployed still, and something newer should be.
    Deprecated,
    /// It is a record.
    Archived,
}

/// What is done to a version's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// Let it be deployed.
    Activate,
    /// Advise against it.
    Deprecate,
    /// Let it be deployed no more.
    Archive,
}

impl VersionState {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Draft, Self::Active, Self::Deprecated, Self::Archived];

    /// The word used on the wire and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Active => "active",
            Self::Deprecated => "deprecated",
            Self::Archived => "archived",
        }
    }

    /// The state written as `text`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|state| state.as_str() == text)
    }

    /// Whether VMs can be made from it.
    pub const fn is_deployable(self) -> bool {
        matches!(self, Self::Active | Self::Deprecated)
    }

    /// The state after `transition`; the same one where it is there already, `None` where that
    /// is not allowed.
    pub const fn after(self, transition: Transition) -> Option<Self> {
        match (self, transition) {
            (Self::Draft | Self::Active | Self::Deprecated, Transition::Activate) => {
                Some(Self::Active)
            }
            (Self::Active | Self::Deprecated, Transition::Deprecate) => Some(Self::Deprecated),
            (_, Transition::Archive) => Some(Self::Archived),
            (Self::Archived, Transition::Activate)
            | (Self::Draft | Self::Archived, Transition::Deprecate) => None,
        }
    }
}

impl Transition {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Activate, Self::Deprecate, Self::Archive];

    /// The verb used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Activate => "activate",
            Self::Deprecate => "deprecate",
            Self::Archive => "archive",
        }
    }
}

impl Version {
    /// The same after `transition`; `None` where it is there already.
    ///
    /// # Errors
    /// `template_wrong_state` where that is not allowed; with all its faults where one that is
    /// to be activated has any.
    pub fn after(&self, transition: Transition, now: Timestamp) -> Result<Option<Self>> {
        let head = &self.head;
        let Some(state) = head.state.after(transition) else {
            let message = format!(
                "cannot {} version {}: it is {}{}",
                transition.as_str(),
                head.number,
                head.state.as_str(),
                match head.state {
                    VersionState::Draft => "; only what was active can be deprecated",
                    _ => ", and stays so; make a new version of it",
                }
            );
            return Err(Error::new(Code::TemplateWrongState, message)
                .with_detail("state", head.state.as_str()));
        };
        if state == head.state {
            return Ok(None);
        }
        if transition == Transition::Activate {
            let faults = check(&self.content);
            if !faults.is_empty() {
                return Err(Error::faults(Code::SpecInvalid, faults));
            }
        }
        let mut next = self.clone();
        next.head.state = state;
        next.head.generation += 1;
        let at = match transition {
            Transition::Activate => &mut next.head.activated_at,
            Transition::Deprecate => &mut next.head.deprecated_at,
            Transition::Archive => &mut next.head.archived_at,
        };
        *at = Some(now);
        Ok(Some(next))
    }

    /// The same draft with another content.
    ///
    /// # Errors
    /// `template_wrong_state` for what is no draft any more; the faults of its shape.
    pub fn with_content(&self, content: Content) -> Result<Self> {
        let VersionHead { number, state, .. } = self.head;
        if state != VersionState::Draft {
            let message = format!(
                "version {number} is {} and never changes; make a new version of it",
                state.as_str()
            );
            return Err(
                Error::new(Code::TemplateWrongState, message).with_detail("state", state.as_str())
            );
        }
        check_shape(&content)?;
        let mut next = Self { content, ..self.clone() };
        next.head.generation += 1;
        Ok(next)
    }
}

/// The version that is deployed where none is named: the newest that is active.
pub fn default_version(heads: &[VersionHead]) -> Option<u32> {
    let active = heads.iter().filter(|head| head.state == VersionState::Active);
    active.map(|head| head.number).max()
}

/// The same with `prefix` before each pointer.
pub(crate) fn within(prefix: &str, faults: &[Fault]) -> Vec<Fault> {
    let moved = |fault: &Fault| {
        Fault::new(format!("{prefix}{}", fault.pointer), fault.code.as_str(), fault.detail.as_str())
    };
    faults.iter().map(moved).collect()
}

#[cfg(test)]
mod tests;
