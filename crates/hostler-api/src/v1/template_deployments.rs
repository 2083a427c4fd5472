//! What is made from a template: the request, what it would ask for, and what became of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Operation, VmPlanned, VmSpec};
use crate::value::Ref;

/// What is to be made from a template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateDeployment {
    /// The version's number; the default one where not given. Not where the path names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// How the VMs are called: `web`, `web-{n}`, `web-{n:03}`.
    pub name: String,
    /// How many: 1 to 100.
    #[serde(default = "one")]
    pub count: u32,
    /// The number of the first.
    #[serde(default = "one")]
    pub first: u32,
    /// Their project; the template's where not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// What the parameters are, by name: in their kind, or as text.
    #[serde(default)]
    pub parameters: BTreeMap<String, Value>,
    /// Only on hosts of the provider with this id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Only on the host with this id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Whether they are started.
    #[serde(default = "yes")]
    pub start: bool,
    /// Whether only to tell what would be done; it makes nothing, and is ignored by previews.
    #[serde(default)]
    pub dry_run: bool,
}

const fn one() -> u32 {
    1
}

const fn yes() -> bool {
    true
}

/// What would be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TemplatePreviewed {
    /// The template.
    pub template: Ref,
    /// The version's number.
    pub version: u32,
    /// What is to be noticed.
    pub warnings: Vec<String>,
    /// Each VM.
    pub vms: Vec<TemplatePreviewedVm>,
}

/// What would be asked for of one VM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TemplatePreviewedVm {
    /// Its specification, with stars in the place of secrets.
    pub spec: VmSpec,
    /// What the guest is given at its first boot; null where it gets no seed.
    pub cloud_init: Option<TemplateSeed>,
}

/// The documents of a cloud-init seed, with stars in the place of secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TemplateSeed {
    /// `user-data`.
    pub user_data: String,
    /// `meta-data`; `ID` stands for the id that the VM will have.
    pub meta_data: String,
    /// `network-config`; null where none is given.
    pub network_config: Option<String>,
}

/// What was taken on, or would be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TemplateDeployed {
    /// The template.
    pub template: Ref,
    /// The version's number.
    pub version: u32,
    /// What is to be noticed.
    pub warnings: Vec<String>,
    /// Each VM, in the order of their numbers.
    pub vms: Vec<TemplateDeployedVm>,
}

/// What became of one VM: one of `operation`, `plan` and `error`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TemplateDeployedVm {
    /// Its name.
    pub name: String,
    /// The operation that makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// What would be done, of a dry run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<VmPlanned>,
    /// Why it was not taken on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<TemplateRefusal>,
}

/// Why a VM was not taken on although it could be a moment before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TemplateRefusal {
    /// Why, as a code.
    pub code: String,
    /// Why, for people.
    pub detail: String,
}

/// Which version of which template a VM was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VmTemplate {
    /// The template with the name that it had then; it may be gone since.
    pub template: Ref,
    /// The version's number.
    pub version: u32,
}
