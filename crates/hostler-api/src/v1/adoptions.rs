//! VMs that were made elsewhere: what waits for a decision, and deciding it. None of it
//! changes anything at the provider.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Governance, Vm, VmPath, VmSpec, endpoint};
use crate::value::{Ref, Time};
use crate::{ListQuery, Nothing, Page};

endpoint! {
    /// List VMs that were made elsewhere, with what was decided about them.
    ///
    /// Sorts by `name`, `status` (`pending`, `ignored`, `adopted`), `origin` (`foreign`, `lost`),
    /// `provider`, `host`, `first_seen_at`; filters by the same and by `vm`. What waits is there as
    /// soon as it is seen; what waits alone is asked for by `filter=status=pending`.
    AdoptionList {
        id: "adoption_list", tag: "adoption", GET "/api/v1/admin/pending-adoptions",
        needs: VmRead,
        query: ListQuery,
        reply: Json Page<PendingAdoption>,
        errors: [QueryInvalid, CursorInvalid],
    }
}

endpoint! {
    /// Show a VM that waits for a decision, is left alone or was adopted.
    AdoptionShow {
        id: "adoption_show", tag: "adoption", GET "/api/v1/admin/pending-adoptions/{vm}",
        needs: VmRead,
        path: VmPath,
        reply: Json PendingAdoption,
        errors: [IdInvalid, VmNotFound, VmWrongState],
    }
}

endpoint! {
    /// Show what adopting a VM would write down, without doing it.
    AdoptionPlan {
        id: "adoption_plan", tag: "adoption", POST "/api/v1/admin/pending-adoptions/{vm}/plan",
        needs: VmAdopt,
        path: VmPath,
        body: Json AdoptionRequest,
        reply: Json AdoptionPlanned,
        errors: [IdInvalid, VmNotFound, VmWrongState, VmStateUnknown, VmExists],
    }
}

endpoint! {
    /// Adopt a VM: Hostler manages it from now on.
    ///
    /// Nothing of the VM changes: it gets no mark, no other name and no restart. Its volumes are
    /// not Hostler's and stay when it is deleted. `POST /api/v1/vms/{vm}/release` undoes it.
    AdoptionAdopt {
        id: "adoption_adopt", tag: "adoption", POST "/api/v1/admin/pending-adoptions/{vm}/adopt",
        needs: VmAdopt,
        path: VmPath,
        body: Json AdoptionRequest,
        reply: Json Vm,
        errors: [IdInvalid, VmNotFound, VmWrongState, VmStateUnknown, VmExists, VmNotAdoptable,
            SpecInvalid],
    }
}

endpoint! {
    /// Leave a VM alone until somebody decides otherwise.
    ///
    /// It stays in the list with who decided it and why. A VM that is made anew, even of the same
    /// name, is another one and waits for a decision of its own.
    AdoptionIgnore {
        id: "adoption_ignore", tag: "adoption", POST "/api/v1/admin/pending-adoptions/{vm}/ignore",
        needs: VmAdopt,
        path: VmPath,
        body: Json AdoptionIgnoreRequest,
        reply: Json PendingAdoption,
        errors: [IdInvalid, VmNotFound, VmWrongState, VmStateUnknown, SpecInvalid],
    }
}

endpoint! {
    /// Let a VM that is left alone wait for a decision again.
    AdoptionOffer {
        id: "adoption_offer", tag: "adoption", POST "/api/v1/admin/pending-adoptions/{vm}/offer",
        needs: VmAdopt,
        path: VmPath,
        reply: Json PendingAdoption,
        errors: [IdInvalid, VmNotFound, VmWrongState],
    }
}

endpoint! {
    /// Decide about many VMs at once.
    ///
    /// Each is decided by itself: what is refused of one changes nothing for the others, and is
    /// told in its place.
    AdoptionDecide {
        id: "adoption_decide", tag: "adoption", POST "/api/v1/admin/pending-adoptions",
        needs: VmAdopt,
        body: Json AdoptionDecisions,
        reply: Json AdoptionDecided,
        errors: [SpecInvalid],
    }
}

endpoint! {
    /// Let go of a VM that was adopted: Hostler only observes it again.
    ///
    /// Nothing of the VM changes. Its description, labels and project are forgotten.
    VmRelease {
        id: "vm_release", tag: "adoption", POST "/api/v1/vms/{vm}/release",
        needs: VmAdopt,
        path: VmPath,
        reply: Empty Nothing, status: NO_CONTENT,
        errors: [IdInvalid, VmNotFound, VmWrongState, VmBusy],
    }
}

/// The most VMs that are decided about at once.
pub const DECISIONS_MAX: usize = 100;

/// A VM that was made elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PendingAdoption {
    /// Its id and its name at the provider; the one that it has here where it was adopted.
    pub vm: Ref,
    /// `pending`, `ignored` where somebody decided to leave it alone, or `adopted`.
    pub status: String,
    /// `foreign`: made elsewhere; `lost`: it bears a mark of Hostler's and no record of it is left.
    pub origin: String,
    /// The provider it is at.
    pub provider: Option<Ref>,
    /// The host it is on; null when it is on none.
    pub host: Option<Ref>,
    /// Its lasting name at the provider, for example a domain's UUID.
    pub external_ref: Option<String>,
    /// The namespace in which its name is unique there; null where the provider has none.
    pub namespace: Option<String>,
    /// What it belongs to, as labels at its provider say.
    #[serde(default)]
    pub governance: Governance,
    /// What it is doing: one of the states of VMs.
    pub state: String,
    /// Processors that are seen; null when that was not read.
    pub cpu_count: Option<u32>,
    /// Memory that is seen, in bytes; null when that was not read.
    pub memory_bytes: Option<u64>,
    /// When it was first seen.
    pub first_seen_at: Time,
    /// Whether its data is made up, because it belongs to a demo.
    pub simulated: bool,
    /// Whether it can be adopted under its own name.
    pub adoptable: bool,
    /// What to know before it is adopted; nothing where it was.
    pub risks: Vec<AdoptionRisk>,
    /// Who decided to leave it alone; null while it waits.
    pub ignored: Option<AdoptionIgnored>,
    /// Who adopted it, when and why; null while it is not managed.
    #[serde(default)]
    pub adopted: Option<VmAdopted>,
}

/// Something to know before a VM is adopted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AdoptionRisk {
    /// `not_read`, `not_possible`, `leftover`, `managed_elsewhere`, `size_unknown`,
    /// `description_left_out`, `transient`, `marked`, `kept_by`, `at_fault`, `state_unknown`, `emulated`, `blocked`.
    pub code: String,
    /// The same for people, and what it means.
    pub detail: String,
    /// Whether it cannot be adopted because of it.
    pub forbids: bool,
}

/// Who decided to leave a VM alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AdoptionIgnored {
    /// Who.
    pub by: String,
    /// When.
    pub at: Time,
    /// Why.
    pub reason: String,
}

/// How to adopt a VM.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdoptionRequest {
    /// Under which name, unique in the project; its own at the provider where not given. The name
    /// at the provider stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// In which project; `default` where not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Whether it is only looked at: nothing that changes it is offered, but for its consoles.
    #[serde(default)]
    pub read_only: bool,
    /// Why, for the record; up to 512 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What adopting a VM would write down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AdoptionPlanned {
    /// Whether it can be adopted so.
    pub adoptable: bool,
    /// What is written down as asked; of its devices nothing, which stay as they are.
    pub spec: VmSpec,
    /// What to know before.
    pub risks: Vec<AdoptionRisk>,
}

/// Why to leave a VM alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdoptionIgnoreRequest {
    /// Why; up to 512 characters, needed.
    pub reason: String,
}

/// A decision about VMs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AdoptionAction {
    /// Adopt them.
    Adopt,
    /// Adopt them for reading only.
    AdoptReadOnly,
    /// Leave them alone.
    Ignore,
}

/// A decision about many VMs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdoptionDecisions {
    /// What is decided.
    pub action: AdoptionAction,
    /// Their ids, at most 100.
    pub vms: Vec<String>,
    /// In which project those are that are adopted; `default` where not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Why; needed to leave them alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What became of each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AdoptionDecided {
    /// In the order in which they were given.
    pub results: Vec<AdoptionResult>,
}

/// What became of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AdoptionResult {
    /// Its id as given.
    pub vm: String,
    /// Whether it was done.
    pub done: bool,
    /// The code of what refused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How a VM came into care that was made elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VmAdopted {
    /// Who decided it.
    pub by: String,
    /// When.
    pub at: Time,
    /// Whether it is only looked at.
    pub read_only: bool,
    /// Why, where somebody said so.
    pub reason: Option<String>,
}
