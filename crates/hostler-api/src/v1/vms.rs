//! Virtual machines.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ConsoleKind, Operation, VmAdopted, VmSpec, endpoint};
use crate::value::{CacheStatus, Fact, Ref, Time};
use crate::{ListQuery, Page};

mod parts;

pub use parts::{AddressObserved, DiskObserved, GuestObserved, NicObserved};

endpoint! {
    /// List VMs of all providers.
    ///
    /// Sorts by `name`, `state`, `host`, `provider`, `namespace`, `project`, `cpu_count`,
    /// `memory_bytes`, `created_at`; filters by the same, by `managed` and by
    /// `template` (an id), `template_version` and `label.KEY`. Names take globs: `name=web-*`.
    VmList {
        id: "vm_list", tag: "vms", GET "/api/v1/vms",
        needs: VmRead,
        query: ListQuery,
        reply: Json Page<VmSummary>,
        errors: [QueryInvalid, CursorInvalid],
    }
}

endpoint! {
    /// Make a VM.
    ///
    /// Answers with the operation at work; send `Prefer: wait=30` to wait for its end.
    VmCreate {
        id: "vm_create", tag: "vms", POST "/api/v1/vms",
        needs: VmCreate,
        body: Json VmRequest,
        reply: Json Operation, status: ACCEPTED,
        errors: [SpecInvalid, VmExists, ImageNotFound, VolumeBusy, VolumeInUse, HostNotFound,
            ProviderNotFound, NoHostFits, CapabilityMissing, InstanceTypeNotFound,
            PreferenceNotFound, IdempotencyMismatch, ProviderConflict, ProviderUnavailable,
            ProviderTimeout, ClusterRebuilding],
    }
}

endpoint! {
    /// Show what making a VM would do, without doing it.
    ///
    /// Runs the whole check and placement, and asks the provider where it can be asked.
    VmPlan {
        id: "vm_plan", tag: "vms", POST "/api/v1/vms/plan",
        needs: VmCreate,
        body: Json VmRequest,
        reply: Json VmPlanned,
        errors: [SpecInvalid, VmExists, ImageNotFound, VolumeBusy, VolumeInUse, HostNotFound,
            ProviderNotFound, NoHostFits, CapabilityMissing, InstanceTypeNotFound,
            PreferenceNotFound, ProviderRefused, ProviderConflict, ProviderUnavailable,
            ProviderTimeout, ClusterRebuilding],
    }
}

endpoint! {
    /// Show a VM.
    VmShow {
        id: "vm_show", tag: "vms", GET "/api/v1/vms/{vm}",
        needs: VmRead,
        path: VmPath,
        reply: Json Vm,
        errors: [IdInvalid, VmNotFound],
    }
}

endpoint! {
    /// Change a VM's description or labels.
    ///
    /// A JSON merge patch; needs `If-Match` with the VM's ETag.
    VmUpdate {
        id: "vm_update", tag: "vms", PATCH "/api/v1/vms/{vm}",
        needs: VmUpdate,
        path: VmPath,
        body: MergePatch VmPatch,
        reply: Json Vm,
        errors: [IdInvalid, VmNotFound, SpecInvalid, PreconditionRequired, PreconditionFailed,
            VmNotManaged, VmReadOnly, VmBusy],
    }
}

endpoint! {
    /// Delete a VM.
    ///
    /// Its firmware variables, TPM state, saved memory and, where its provider has it so,
    /// its snapshots go with it; its disks stay unless `disks` is true, which needs the
    /// permission `volume.manage` as well. With `If-Match`, only what you read is deleted.
    VmDelete {
        id: "vm_delete", tag: "vms", DELETE "/api/v1/vms/{vm}",
        needs: VmDelete,
        path: VmPath,
        query: VmDeleteQuery,
        reply: Json Operation, status: ACCEPTED,
        errors: [IdInvalid, VmNotFound, VmWrongState, VmStateUnknown, VmNotManaged, VmReadOnly,
            VmBusy, QueryInvalid, CapabilityMissing, PreconditionFailed, VolumeInUse, VolumeBusy,
            ProviderConflict, ProviderUnavailable, ProviderTimeout, ClusterRebuilding],
    }
}

endpoint! {
    /// Show the provider's own definition of a VM, unchanged.
    VmDefinition {
        id: "vm_definition", tag: "vms", GET "/api/v1/vms/{vm}/definition",
        needs: VmRaw,
        path: VmPath,
        reply: Text String,
        errors: [IdInvalid, VmNotFound, CapabilityMissing, ProviderUnavailable, ProviderTimeout],
    }
}

macro_rules! verb {
    ($(#[doc = $doc:literal])+ $name:ident $id:literal $path:literal $(body: $body:ty)?) => {
        endpoint! {
            $(#[doc = $doc])+
            $name {
                id: $id, tag: "vms", POST $path,
                needs: VmPower,
                path: VmPath,
                $(body: Json $body,)?
                reply: Json Operation, status: ACCEPTED,
                errors: [IdInvalid, VmNotFound, VmWrongState, VmStateUnknown, VmNotManaged,
                    VmReadOnly, VmBusy, CapabilityMissing, IdempotencyMismatch, ClusterRebuilding],
            }
        }
    };
}

verb! {
    /// Start a VM; a saved one resumes. Running is success.
    VmStart "vm_start" "/api/v1/vms/{vm}/start"
}
verb! {
    /// Stop a VM. Off is success.
    VmStop "vm_stop" "/api/v1/vms/{vm}/stop" body: VmStopRequest
}
verb! {
    /// Ask the guest to reboot.
    VmReboot "vm_reboot" "/api/v1/vms/{vm}/reboot"
}
verb! {
    /// Press the reset button.
    VmReset "vm_reset" "/api/v1/vms/{vm}/reset"
}
verb! {
    /// Stop a VM's processors. Paused is success.
    VmPause "vm_pause" "/api/v1/vms/{vm}/pause"
}
verb! {
    /// Let a VM's processors run again. Running is success.
    VmResume "vm_resume" "/api/v1/vms/{vm}/resume"
}
verb! {
    /// Write a VM's memory to disk and turn it off. Saved is success.
    VmSave "vm_save" "/api/v1/vms/{vm}/save"
}

/// Names a VM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VmPath {
    /// The VM's id.
    pub vm: String,
}

/// A VM to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VmRequest {
    /// What it should be.
    pub spec: VmSpec,
    /// Only on hosts of the provider with this id.
    #[serde(default)]
    pub provider: Option<String>,
    /// Only on the host with this id.
    #[serde(default)]
    pub host: Option<String>,
    /// Whether it is started.
    #[serde(default = "yes")]
    pub start: bool,
}

const fn yes() -> bool {
    true
}

/// What making a VM would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VmPlanned {
    /// The host it would go to.
    pub host: Ref,
    /// That host's provider.
    pub provider: Ref,
    /// Hosts that could take it too, best first.
    pub alternatives: Vec<Ref>,
    /// Hosts that could not, and why.
    pub refused: Vec<HostRefusal>,
    /// The steps it would take.
    pub steps: Vec<String>,
    /// What would be there afterwards, a line each: `+ volume default/web-root (10 GiB)`.
    pub changes: Vec<String>,
}

/// A host that cannot take a VM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HostRefusal {
    /// The host.
    pub host: Ref,
    /// Every reason against it.
    pub reasons: Vec<String>,
}

/// Changes to a VM: what is not given stays; null removes a label.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VmPatch {
    /// Free text for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Labels to set, or to remove by null.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, Option<String>>,
}

/// How to delete a VM.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VmDeleteQuery {
    /// Whether the volumes made for it are deleted, with the data on them.
    #[serde(default)]
    pub disks: bool,
    /// Whether its power is cut first if it runs.
    #[serde(default)]
    pub force: bool,
}

/// How to stop a VM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VmStopRequest {
    /// How.
    #[serde(default)]
    pub mode: VmStopMode,
    /// How long the guest has to obey, in seconds; 90 when not given, at most 3600.
    #[serde(default = "stop_timeout")]
    pub timeout_seconds: u32,
}

impl Default for VmStopRequest {
    fn default() -> Self {
        Self { mode: VmStopMode::Graceful, timeout_seconds: stop_timeout() }
    }
}

const fn stop_timeout() -> u32 {
    90
}

/// How to stop a VM.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VmStopMode {
    /// Ask the guest; fail when it does not obey.
    #[default]
    Graceful,
    /// Ask the guest; cut its power when it does not obey.
    GracefulThenForce,
    /// Cut its power now.
    Force,
}

/// The state of a VM, with its pedigree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VmStatus {
    /// `creating deleting running paused starting stopping stopped saved suspended saving dumping
    /// snapshotting migrating crashed failed missing unknown`; more may come.
    pub state: String,
    /// Why, as the provider says.
    pub reason: String,
    /// What is wrong with it, in the provider's own words; left out where it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How far it can be trusted: `ok`, `stale`, `unavailable`.
    pub quality: String,
    /// When it was seen; null: never.
    pub observed_at: Option<Time>,
    /// The last state seen, when the present one is unknown.
    pub last_seen: Option<String>,
}

/// Whether an action is possible now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ActionVerdict {
    /// Whether it is.
    pub allowed: bool,
    /// Whether the VM is already as the action would make it: it may be asked for,
    /// and nothing would happen. Left out when it is not.
    #[serde(default, skip_serializing_if = "is_false")]
    pub already: bool,
    /// Why not, as a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why not, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What to know before, though it is possible: that a tool which keeps the VM turns it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// A VM in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VmSummary {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The project it belongs to; null for VMs that Hostler only observes.
    pub project: Option<String>,
    /// The provider it is at; null until it has been placed.
    pub provider: Option<Ref>,
    /// The host it is on; null when it is on none.
    pub host: Option<Ref>,
    /// The namespace in which its name is unique there; null where the provider has none.
    pub namespace: Option<String>,
    /// What it belongs to, as labels at its provider say.
    #[serde(default)]
    pub governance: Governance,
    /// Whether Hostler manages it, or only observes it.
    pub managed: bool,
    /// Whether its data is made up, because it belongs to a demo; null while it is at
    /// no provider that could tell.
    pub simulated: Option<bool>,
    /// What it is doing.
    pub status: VmStatus,
    /// `stale` while its provider or host does not answer, or answers with an older picture only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_status: Option<CacheStatus>,
    /// Since when; left out while it is fresh, and where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_since: Option<Time>,
    /// Processors: seen, else asked for; null when neither is known.
    pub cpu_count: Option<u32>,
    /// Memory in bytes: seen, else asked for; null when neither is known.
    pub memory_bytes: Option<u64>,
    /// Its addresses, as far as known.
    pub addresses: Vec<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The operation at work on it.
    pub operation: Option<String>,
    /// Each action and whether it is possible now.
    pub actions: BTreeMap<String, ActionVerdict>,
    /// When Hostler made it or first saw it.
    pub created_at: Time,
}

/// What a VM belongs to, as labels at its provider say: for KubeVirt
/// `app.kubernetes.io/part-of`, `…/name` and `…/instance`, or Shepherd's where one is missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Governance {
    /// The system that it is a part of; null where nothing says so.
    pub system: Option<String>,
    /// The service within that; null where nothing says so.
    pub service: Option<String>,
    /// The instance of that service; null where nothing says so.
    pub instance: Option<String>,
}

/// A VM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Vm {
    /// What lists show of it.
    #[serde(flatten)]
    pub summary: VmSummary,
    /// Free text about it.
    pub description: String,
    /// Its lasting name at the provider, for example a domain's UUID.
    pub external_ref: Option<String>,
    /// Grows with every change of what is asked; also the ETag.
    pub generation: u64,
    /// What is asked of it; null for VMs that Hostler only observes. Cloud-init
    /// documents are left out: they hold secrets.
    pub spec: Option<VmSpec>,
    /// What was seen of it; null when it was never seen.
    pub observed: Option<VmObserved>,
    /// Consoles that can be opened now.
    pub consoles: Vec<ConsoleKind>,
    /// How it came into care; null for VMs that Hostler made or only observes.
    pub adopted: Option<VmAdopted>,
    /// Which version of which template it was made from; null for others.
    #[serde(default)]
    pub template: Option<super::VmTemplate>,
    /// What snapshots of it can do; null where its provider has none.
    pub snapshot_limits: Option<super::SnapshotLimits>,
    /// What clones of it can do; null where its provider makes none.
    pub clone_limits: Option<super::CloneLimits>,
    /// What can be done about its disks; null where its provider can do nothing about those
    /// of VMs that exist.
    pub disk_limits: Option<super::DiskLimits>,
    /// What there is to know before one of its consoles is opened; null where its provider has
    /// none.
    #[serde(default)]
    pub console_limits: Option<super::ConsoleLimits>,
}

/// What was seen of a VM, each value with its pedigree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VmObserved {
    /// Its name at the provider.
    pub name: String,
    /// When it was seen.
    pub observed_at: Time,
    /// Whether it outlives being stopped.
    pub persistent: Fact<bool>,
    /// Whether it starts with the host.
    pub autostart: Fact<bool>,
    /// The instance type that it is of, as its provider says; left out where it is of none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_type: Option<super::TypeRef>,
    /// The preference that it is of, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preference: Option<super::TypeRef>,
    /// Processors online.
    pub cpu_count: Fact<u32>,
    /// Processors that can be online.
    pub cpu_max: Fact<u32>,
    /// Memory the guest has now, in bytes.
    pub memory_bytes: Fact<u64>,
    /// Memory the guest can have, in bytes.
    pub memory_max_bytes: Fact<u64>,
    /// Its processor architecture.
    pub arch: Fact<String>,
    /// Its machine type.
    pub machine: Fact<String>,
    /// How it runs: `kvm`, `qemu` (emulated) …
    pub hypervisor: Fact<String>,
    /// How sure that is, as the metric has it: `high` where the hypervisor said so itself, `low`
    /// where it was concluded from something else, `unknown` where it is not seen any more; null
    /// where it is not told.
    #[serde(default)]
    pub hypervisor_confidence: Option<String>,
    /// Its firmware.
    pub firmware: Fact<String>,
    /// Its disks.
    pub disks: Fact<Vec<DiskObserved>>,
    /// Its network interfaces.
    pub nics: Fact<Vec<NicObserved>>,
    /// Which of its addresses it is to be reached under; left out where its provider has no rule
    /// for that, or it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_address: Option<AddressObserved>,
    /// Whether something of it that was changed waits for its next start; left out by servers
    /// that do not tell it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs_restart: Option<Fact<bool>>,
    /// What its guest says of itself; left out by servers that do not tell it. The guest's own
    /// word (`source` is `guest_agent`): nothing is decided by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest: Option<Fact<GuestObserved>>,
    /// Tools that keep it as it is written down elsewhere, and put back what is changed here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept_by: Vec<super::VmKeeper>,
}
