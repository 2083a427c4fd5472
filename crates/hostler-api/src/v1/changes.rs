//! Changing what a VM is: planned first, with who else manages what would change, and made by
//! an operation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Operation, VmPath, VmSpec, endpoint};

endpoint! {
    /// Change what a VM is.
    ///
    /// The whole specification, as `GET` shows it with what is to be otherwise; needs
    /// `If-Match` with the VM's ETag. Without documents for cloud-init it keeps those that it
    /// has. Disks are attached and detached by themselves. Where others manage fields that
    /// would change, it is refused with all of them in `errors`, unless they are given back.
    VmChange {
        id: "vm_change", tag: "vms", PUT "/api/v1/vms/{vm}/spec",
        needs: VmUpdate,
        path: VmPath,
        body: Json VmChangeRequest,
        reply: Json Operation, status: ACCEPTED,
        errors: [IdInvalid, VmNotFound, SpecInvalid, PreconditionRequired, PreconditionFailed,
            VmNotManaged, VmReadOnly, VmBusy, VmWrongState, VmStateUnknown, VmFieldsManaged,
            CapabilityMissing, ProviderRefused, ProviderConflict, ProviderUnavailable,
            ProviderTimeout, IdempotencyMismatch, ClusterRebuilding],
    }
}

endpoint! {
    /// Show what changing a VM would do, without doing it.
    ///
    /// Leads from what the VM is, as far as its provider can tell, to what is wanted: what
    /// others have changed is among it. Where the provider can try a change without making
    /// it, it is tried.
    VmChangePlan {
        id: "vm_change_plan", tag: "vms", POST "/api/v1/vms/{vm}/spec/plan",
        needs: VmUpdate,
        path: VmPath,
        body: Json VmChangeRequest,
        reply: Json VmChangePlanned,
        errors: [IdInvalid, VmNotFound, SpecInvalid, VmNotManaged, VmReadOnly, VmBusy,
            VmWrongState, VmStateUnknown, CapabilityMissing, ProviderRefused, ProviderConflict,
            ProviderUnavailable, ProviderTimeout, ClusterRebuilding],
    }
}

/// What a VM is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VmChangeRequest {
    /// The whole specification.
    pub spec: VmSpec,
    /// Fields of others to be taken over, as a plan or a refusal showed them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub take_over: Vec<ManagedField>,
    /// Whether also from a tool that puts back what it has written down elsewhere.
    #[serde(default)]
    pub from_gitops: bool,
}

/// A field that somebody else manages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManagedField {
    /// The field, in its provider's words: `.spec.template.spec.domain.memory.guest`.
    pub field: String,
    /// Who manages it, as they call themselves there.
    pub manager: String,
}

/// What changing a VM would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VmChangePlanned {
    /// Every field that would change.
    pub changes: Vec<FieldChange>,
    /// Fields among them that others manage; in the provider's words.
    pub managed_by_others: Vec<ManagedField>,
    /// Who keeps the VM as it is written down elsewhere, and puts back what is changed here;
    /// null where nobody is known to.
    pub kept_by: Option<VmKeeper>,
}

/// A field that would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldChange {
    /// A JSON pointer into the specification: `/cpu/count`.
    pub path: String,
    /// What it is; null where there is nothing, and for cloud-init's documents.
    pub from: Value,
    /// What it would be; null where there would be nothing, and for cloud-init's documents.
    pub to: Value,
    /// When it takes effect.
    pub takes: TakesEffect,
    /// Why it is not made, and what to do instead; null where it can be.
    pub reason: Option<String>,
    /// Which data may be lost by it; null where none is known to be.
    pub at_risk: Option<String>,
}

/// When a change takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TakesEffect {
    /// At once, also in a VM that runs.
    Live,
    /// When the VM starts next; one that runs has to be stopped first.
    NextStart,
    /// Never: it cannot be changed.
    Refused,
}

/// A tool that puts back what it has written down elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VmKeeper {
    /// The tool: `argocd`, `flux`, `helm`, or the kind of a controller.
    pub tool: String,
    /// What it calls the thing that the VM belongs to; null where it does not say.
    pub name: Option<String>,
    /// By what it was recognised.
    pub evidence: String,
}
