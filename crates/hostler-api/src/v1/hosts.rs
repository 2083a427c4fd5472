//! Hosts: machines that run VMs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::endpoint;
use crate::value::{CacheStatus, Fact, Ref, Time};
use crate::{ListQuery, Page};

endpoint! {
    /// List hosts.
    ///
    /// Sorts by `name`, `state`, `provider`; filters by the same.
    HostList {
        id: "host_list", tag: "hosts", GET "/api/v1/hosts",
        needs: InfraRead,
        query: ListQuery,
        reply: Json Page<Host>,
        errors: [QueryInvalid, CursorInvalid],
    }
}

endpoint! {
    /// Show a host.
    HostShow {
        id: "host_show", tag: "hosts", GET "/api/v1/hosts/{host}",
        needs: InfraRead,
        path: HostPath,
        reply: Json Host,
        errors: [IdInvalid, HostNotFound],
    }
}

/// Names a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HostPath {
    /// The host's id.
    pub host: String,
}

/// A machine that runs VMs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Host {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The provider it belongs to.
    pub provider: Ref,
    /// Whether its data is made up, because it belongs to a demo.
    pub simulated: bool,
    /// `ready`, `degraded` (does not answer; what is shown is old) or `closed` (takes no new VMs).
    pub state: String,
    /// Why it is not ready.
    pub reason: Option<String>,
    /// When it was last seen.
    pub observed_at: Option<Time>,
    /// `stale` while its provider or host does not answer, or answers with an older picture only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_status: Option<CacheStatus>,
    /// Since when; left out while it is fresh, and where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_since: Option<Time>,
    /// Its processor architecture.
    pub arch: Fact<String>,
    /// The model of its processors.
    pub cpu_model: Fact<String>,
    /// Logical processors online.
    pub cpu_count: Fact<u32>,
    /// Installed memory, in bytes.
    pub memory_bytes: Fact<u64>,
    /// Memory not in use now, in bytes.
    pub memory_free_bytes: Fact<u64>,
    /// The hypervisor and its version.
    pub hypervisor: Fact<String>,
    /// What it can run.
    pub guests: Fact<Vec<GuestSupport>>,
    /// How many VMs are on it.
    pub vm_count: u32,
    /// How many of them run.
    pub vm_running_count: u32,
}

/// One kind of guest that a host can run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GuestSupport {
    /// The guest's architecture.
    pub arch: String,
    /// How it would run: `kvm`, `qemu` (emulated), `lxc` …
    pub hypervisors: Vec<String>,
    /// The machine types there are; the first is the default.
    pub machines: Vec<String>,
}
