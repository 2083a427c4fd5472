//! A VM: what is wanted of it, and what its controller says of it.

use serde::Deserialize;

use super::Object;
use super::domain::InstanceSpec;
use super::meta::{Condition, ObjectMeta};
use super::part::{Many, Nest, Part};

/// `VirtualMachine` of `kubevirt.io`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct VirtualMachine {
    pub(crate) metadata: Nest<ObjectMeta>,
    pub(crate) spec: Nest<VmSpec>,
    pub(crate) status: Nest<VmStatus>,
}

impl Object for VirtualMachine {
    const KIND: &'static str = "VirtualMachine";
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct VmSpec {
    /// Deprecated; never set beside `run_strategy`.
    pub(crate) running: Part<bool>,
    pub(crate) run_strategy: Part<String>,
    pub(crate) instancetype: Part<TypeReference>,
    pub(crate) preference: Part<TypeReference>,
    pub(crate) template: Nest<Template>,
}

/// Names an instance type or a preference.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct TypeReference {
    pub(crate) kind: Part<String>,
    pub(crate) name: Part<String>,
    pub(crate) revision_name: Part<String>,
    pub(crate) controller_revision_ref: Nest<super::domain::Named>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Template {
    pub(crate) spec: Part<InstanceSpec>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct VmStatus {
    pub(crate) printable_status: Part<String>,
    pub(crate) conditions: Many<Condition>,
    pub(crate) run_strategy: Part<String>,
    pub(crate) snapshot_in_progress: Part<String>,
    pub(crate) restore_in_progress: Part<String>,
    pub(crate) instancetype_ref: Part<TypeReference>,
    pub(crate) preference_ref: Part<TypeReference>,
    pub(crate) start_failure: Part<StartFailure>,
    pub(crate) state_change_requests: Many<StateChangeRequest>,
    /// Up to which generation its controller has looked at it.
    pub(crate) observed_generation: Part<u64>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct StartFailure {
    pub(crate) consecutive_fail_count: Part<u32>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct StateChangeRequest {
    pub(crate) action: Part<String>,
}
