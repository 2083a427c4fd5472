//! Templates: what VMs are made from again and again, in versions.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{TemplateDeployed, TemplateDeployment, TemplatePreviewed, endpoint};
use crate::problem::ProblemFault;
use crate::value::{Ref, Time};
use crate::{ListQuery, Nothing, Page};

endpoint! {
    /// List templates.
    ///
    /// Sorts and filters by `name`, `id`, `project`, `state` (of the default version, else of the
    /// newest), `created_by`, `versions`, `vm_count`, `created_at`, `updated_at` and `label.KEY`.
    TemplateList {
        id: "template_list", tag: "templates", GET "/api/v1/templates",
        needs: TemplateRead,
        query: ListQuery,
        reply: Json Page<Template>,
        errors: [QueryInvalid, CursorInvalid],
    }
}

endpoint! {
    /// Make a template.
    ///
    /// Its first version is a draft, which may have faults still; they are told with it. It is what
    /// `version` says, or what was asked of the VM `from_vm`, without what is that VM's own. Disks
    /// are not copied.
    TemplateCreate {
        id: "template_create", tag: "templates", POST "/api/v1/templates",
        needs: TemplateManage,
        body: Json TemplateRequest,
        reply: Json Template, status: CREATED,
        errors: [SpecInvalid, TemplateExists, TemplateLimitReached, VmNotFound, VmNotManaged,
            CapabilityMissing, IdempotencyMismatch],
    }
}

endpoint! {
    /// Show a template with what is told of its versions.
    TemplateShow {
        id: "template_show", tag: "templates", GET "/api/v1/templates/{template}",
        needs: TemplateRead,
        path: TemplatePath,
        reply: Json Template,
        errors: [IdInvalid, TemplateNotFound],
    }
}

endpoint! {
    /// Change a template's name, description or labels.
    ///
    /// A JSON merge patch; needs `If-Match` with the template's ETag. What it makes VMs of is in
    /// its versions.
    TemplateUpdate {
        id: "template_update", tag: "templates", PATCH "/api/v1/templates/{template}",
        needs: TemplateManage,
        path: TemplatePath,
        body: MergePatch TemplatePatch,
        reply: Json Template,
        errors: [IdInvalid, TemplateNotFound, SpecInvalid, TemplateExists, PreconditionRequired,
            PreconditionFailed],
    }
}

endpoint! {
    /// Delete a template with all its versions.
    ///
    /// VMs made from it stay, and go on naming it. Refused while a version is active.
    TemplateDelete {
        id: "template_delete", tag: "templates", DELETE "/api/v1/templates/{template}",
        needs: TemplateManage,
        path: TemplatePath,
        reply: Empty Nothing, status: NO_CONTENT,
        errors: [IdInvalid, TemplateNotFound, TemplateWrongState],
    }
}

endpoint! {
    /// Show what would be asked for with these parameters; nothing is made.
    ///
    /// Of the default version, or the one that the body names. Secrets are told as stars.
    TemplatePreview {
        id: "template_preview", tag: "templates", POST "/api/v1/templates/{template}/preview",
        needs: VmCreate,
        path: TemplatePath,
        body: Json TemplateDeployment,
        reply: Json TemplatePreviewed,
        errors: [IdInvalid, TemplateNotFound, TemplateVersionNotFound, TemplateWrongState,
            SpecInvalid],
    }
}

endpoint! {
    /// Make VMs from a template.
    ///
    /// From the default version, or the one that the body names. Each VM is made by an operation of
    /// its own. All are checked before the first is begun; a refusal means that nothing was made.
    /// Where a VM cannot be taken on all the same, because somebody took its name meanwhile, the
    /// answer says which. With `dry_run`, tells what would be done.
    TemplateDeploy {
        id: "template_deploy", tag: "templates", POST "/api/v1/templates/{template}/deploy",
        needs: VmCreate,
        path: TemplatePath,
        body: Json TemplateDeployment,
        reply: Json TemplateDeployed, status: ACCEPTED,
        errors: [IdInvalid, TemplateNotFound, TemplateVersionNotFound, TemplateWrongState,
            TemplateIncompatible, SpecInvalid, VmExists, ImageNotFound, VolumeBusy, HostNotFound,
            ProviderNotFound, NoHostFits, CapabilityMissing, InstanceTypeNotFound,
            PreferenceNotFound, ProviderRefused, IdempotencyMismatch, ClusterRebuilding],
    }
}

endpoint! {
    /// List the versions of a template.
    ///
    /// Sorts and filters by `number`, `state`, `created_by`, `created_at`.
    TemplateVersionList {
        id: "template_version_list", tag: "templates",
        GET "/api/v1/templates/{template}/versions",
        needs: TemplateRead,
        path: TemplatePath,
        query: ListQuery,
        reply: Json Page<TemplateVersionSummary>,
        errors: [IdInvalid, TemplateNotFound, QueryInvalid, CursorInvalid],
    }
}

endpoint! {
    /// Add a version, a draft.
    ///
    /// It is what `content` says, what another version is, or what was asked of a VM.
    TemplateVersionCreate {
        id: "template_version_create", tag: "templates",
        POST "/api/v1/templates/{template}/versions",
        needs: TemplateManage,
        path: TemplatePath,
        body: Json TemplateVersionRequest,
        reply: Json TemplateVersion, status: CREATED,
        errors: [IdInvalid, TemplateNotFound, TemplateVersionNotFound, SpecInvalid,
            TemplateLimitReached, VmNotFound, VmNotManaged, CapabilityMissing, IdempotencyMismatch],
    }
}

endpoint! {
    /// Show a version of a template, with what keeps a draft from being activated.
    ///
    /// Its cloud-init documents are left out for who may not manage templates.
    TemplateVersionShow {
        id: "template_version_show", tag: "templates",
        GET "/api/v1/templates/{template}/versions/{version}",
        needs: TemplateRead,
        path: TemplateVersionPath,
        reply: Json TemplateVersion,
        errors: [IdInvalid, TemplateNotFound, TemplateVersionNotFound],
    }
}

endpoint! {
    /// Write a draft anew, whole.
    ///
    /// With `If-Match`, only what you read is replaced. A version that is no draft never changes.
    TemplateVersionWrite {
        id: "template_version_write", tag: "templates",
        PUT "/api/v1/templates/{template}/versions/{version}",
        needs: TemplateManage,
        path: TemplateVersionPath,
        body: Json TemplateContent,
        reply: Json TemplateVersion,
        errors: [IdInvalid, TemplateNotFound, TemplateVersionNotFound, TemplateWrongState,
            SpecInvalid, PreconditionFailed],
    }
}

macro_rules! turn {
    ($(#[doc = $doc:literal])+ $name:ident $id:literal $path:literal) => {
        endpoint! {
            $(#[doc = $doc])+
            $name {
                id: $id, tag: "templates", POST $path,
                needs: TemplateManage,
                path: TemplateVersionPath,
                reply: Json TemplateVersion,
                errors: [IdInvalid, TemplateNotFound, TemplateVersionNotFound, TemplateWrongState,
                    SpecInvalid],
            }
        }
    };
}

turn! {
    /// Let a version be deployed; from then on it never changes. Active is success.
    ///
    /// Of a draft, all faults are told and nothing changes. A deprecated one is taken back by it.
    TemplateVersionActivate "template_version_activate"
        "/api/v1/templates/{template}/versions/{version}/activate"
}
turn! {
    /// Advise against a version; it can be deployed still, with a warning. Deprecated is success.
    TemplateVersionDeprecate "template_version_deprecate"
        "/api/v1/templates/{template}/versions/{version}/deprecate"
}
turn! {
    /// Let a version be deployed no more, for good. Archived is success.
    TemplateVersionArchive "template_version_archive"
        "/api/v1/templates/{template}/versions/{version}/archive"
}

endpoint! {
    /// Show what would be asked for of this version; nothing is made.
    TemplateVersionPreview {
        id: "template_version_preview", tag: "templates",
        POST "/api/v1/templates/{template}/versions/{version}/preview",
        needs: VmCreate,
        path: TemplateVersionPath,
        body: Json TemplateDeployment,
        reply: Json TemplatePreviewed,
        errors: [IdInvalid, TemplateNotFound, TemplateVersionNotFound, SpecInvalid],
    }
}

endpoint! {
    /// Make VMs from this version of a template.
    TemplateVersionDeploy {
        id: "template_version_deploy", tag: "templates",
        POST "/api/v1/templates/{template}/versions/{version}/deploy",
        needs: VmCreate,
        path: TemplateVersionPath,
        body: Json TemplateDeployment,
        reply: Json TemplateDeployed, status: ACCEPTED,
        errors: [IdInvalid, TemplateNotFound, TemplateVersionNotFound, TemplateWrongState,
            TemplateIncompatible, SpecInvalid, VmExists, ImageNotFound, VolumeBusy, HostNotFound,
            ProviderNotFound, NoHostFits, CapabilityMissing, InstanceTypeNotFound,
            PreferenceNotFound, ProviderRefused, IdempotencyMismatch, ClusterRebuilding],
    }
}

/// Names a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TemplatePath {
    /// The template's id.
    pub template: String,
}

/// Names a version of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TemplateVersionPath {
    /// The template's id.
    pub template: String,
    /// The version's number.
    pub version: String,
}

/// A template to be made. Its first version is either `version` or `from_vm`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateRequest {
    /// Unique within the project; letters, digits, `.`, `_` and `-`, at most 63.
    pub name: String,
    /// The project it belongs to; VMs made from it belong to that, unless another is named.
    #[serde(default = "default_project")]
    pub project: String,
    /// Free text for people.
    #[serde(default)]
    pub description: String,
    /// Free key-value pairs to select by; of the template, not of its VMs.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// What its first version is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<TemplateContent>,
    /// Instead of `version`: the id of a VM that Hostler manages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_vm: Option<String>,
    /// Whether what is on that VM's disks is to be copied. It is refused: disks are not copied yet.
    #[serde(default)]
    pub copy_disks: bool,
}

fn default_project() -> String {
    "default".to_owned()
}

/// A version to be added: exactly one of `content`, `from_version` and `from_vm`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateVersionRequest {
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<TemplateContent>,
    /// The number of a version of this template that it begins as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_version: Option<u32>,
    /// The id of a VM that Hostler manages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_vm: Option<String>,
    /// Whether what is on that VM's disks is to be copied. It is refused: disks are not copied yet.
    #[serde(default)]
    pub copy_disks: bool,
}

/// What a version is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateContent {
    /// A VM's specification without name and project: the shape of `VmSpec`, in which texts may
    /// hold `${parameter}`, `${vm.name}`, `${vm.number}` and `${vm.project}`. A text that is
    /// nothing else becomes the value in its own kind. `$${` stands for `${`. At most 256 KiB.
    #[schemars(with = "BTreeMap<String, Value>")]
    pub spec: Value,
    /// What deployers fill in, at most 64.
    #[serde(default)]
    pub parameters: Vec<TemplateParameter>,
    /// Features that a cluster needs, at most 64; see `GET /api/v1/clusters?features=`.
    #[serde(default)]
    pub required_features: Vec<String>,
    /// Hardware that a cluster needs, at most 64.
    #[serde(default)]
    pub required_hardware: Vec<String>,
    /// What is to be known of this version, at most 16 KiB.
    #[serde(default)]
    pub notes: String,
}

/// Something that deployers fill in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateParameter {
    /// How it is called within `${…}`: `a-z`, then `a-z 0-9 _`, at most 63.
    pub name: String,
    /// What its values are.
    pub kind: TemplateParameterKind,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// The value where none is given; none of a secret.
    #[serde(default)]
    pub default: Option<Value>,
    /// Whether one has to be given, or be there by default.
    #[serde(default)]
    pub required: bool,
    /// The least value of an integer or a size (in bytes), the shortest text in characters.
    #[serde(default)]
    pub min: Option<i64>,
    /// The greatest value of an integer or a size (in bytes), the longest text in characters.
    #[serde(default)]
    pub max: Option<i64>,
    /// A regular expression that the whole of a text has to match.
    #[serde(default)]
    pub pattern: Option<String>,
    /// What can be chosen from, for `enum`.
    #[serde(default)]
    pub choices: Vec<String>,
}

/// What a parameter's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TemplateParameterKind {
    /// A text.
    String,
    /// A whole number.
    Integer,
    /// True or false.
    Boolean,
    /// One of the choices.
    Enum,
    /// An amount of bytes: a number, or `4G`, `512MiB` (both by 1024).
    Size,
    /// A text that is shown nowhere and goes only into cloud-init documents.
    Secret,
}

/// Changes to a template: what is not given stays; null removes a label.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplatePatch {
    /// Another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Free text for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Labels to set, or to remove by null.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, Option<String>>,
}

/// A template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Template {
    /// Its id.
    pub id: String,
    /// Its name, unique within the project.
    pub name: String,
    /// The project it belongs to.
    pub project: String,
    /// Free text about it.
    pub description: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// `active` where a version is, else the state of the newest.
    pub state: String,
    /// The number of the version that is deployed where none is named: the newest that is active;
    /// null where none is.
    pub default_version: Option<u32>,
    /// Its versions, by number.
    pub versions: Vec<TemplateVersionSummary>,
    /// How many VMs that are managed now were made from it.
    pub vm_count: u32,
    /// Grows with every change of name, description and labels; also the ETag.
    pub generation: u64,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Time,
    /// When name, description or labels changed last.
    pub updated_at: Time,
}

/// What is told of a version without what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TemplateVersionSummary {
    /// Counted from 1, never used twice.
    pub number: u32,
    /// `draft`, `active`, `deprecated` or `archived`.
    pub state: String,
    /// Whether it is the one that is deployed where none is named.
    pub default: bool,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Time,
    /// When it was activated last; null: never.
    pub activated_at: Option<Time>,
    /// When it was deprecated last; null: never.
    pub deprecated_at: Option<Time>,
    /// When it was archived; null: not.
    pub archived_at: Option<Time>,
}

/// A version of a template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TemplateVersion {
    /// What lists tell of it.
    #[serde(flatten)]
    pub summary: TemplateVersionSummary,
    /// The template.
    pub template: Ref,
    /// Grows with every change; also the ETag.
    pub generation: u64,
    /// What it is.
    pub content: TemplateContent,
    /// Whether its cloud-init documents are left out here, because you may not manage templates.
    pub cloud_init_hidden: bool,
    /// What keeps it from being activated; empty for one that was.
    pub faults: Vec<ProblemFault>,
    /// The VM that it was made from; null where it was from none.
    pub made_from: Option<TemplateMadeFrom>,
}

/// The VM that a version was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TemplateMadeFrom {
    /// The VM; it may be gone since.
    pub vm: Ref,
    /// What of it was not taken over, by its place in the VM's specification: `own` (is that VM's
    /// alone), `replace` (has to be replaced by something else), `not_copied` (what was written to
    /// the disk is not in the template).
    pub left_out: Vec<ProblemFault>,
}
