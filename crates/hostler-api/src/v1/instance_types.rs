//! Instance types and preferences: sizes that providers offer for VMs, and what they fill in
//! where a VM says nothing.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::endpoint;
use crate::{Fact, ListQuery, Page, Ref, Time};

endpoint! {
    /// List the instance types that VMs can be of.
    ///
    /// They are read from the providers when asked for. Sorts by `name`, `namespace`,
    /// `provider`, `class`, `vendor`, `cpu_count`, `memory_bytes`, and filters by the same; those
    /// of a whole provider have no namespace. `stale` and `missing` say what could not be read.
    /// A provider without any such thing, as libvirt is, tells none: `groups` of
    /// `GET /api/v1/providers` says who has them.
    InstanceTypeList {
        id: "instance_type_list", tag: "instance-types", GET "/api/v1/instance-types",
        needs: InfraRead,
        query: ListQuery,
        reply: Json Page<InstanceType>,
        errors: [QueryInvalid, CursorInvalid],
    }
}

endpoint! {
    /// List the preferences that VMs can be of.
    ///
    /// They are read from the providers when asked for. Sorts by `name`, `namespace`,
    /// `provider`, `class`, `vendor`, `firmware`, `arch`, and filters by the same. `stale` and
    /// `missing` say what could not be read.
    PreferenceList {
        id: "preference_list", tag: "instance-types", GET "/api/v1/preferences",
        needs: InfraRead,
        query: ListQuery,
        reply: Json Page<Preference>,
        errors: [QueryInvalid, CursorInvalid],
    }
}

/// Names an instance type or a preference towards its provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TypeRef {
    /// Its name.
    pub name: String,
    /// The namespace that it is of; null or left out for those of the whole provider.
    #[serde(default)]
    pub namespace: Option<String>,
}

/// What is said of an instance type or a preference.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TypeText {
    /// How it is called for people; null where nothing says so.
    pub display_name: Option<String>,
    /// What it is for; null where nothing says so.
    pub description: Option<String>,
    /// Its class: `general.purpose`, `memory.intensive` …; null where nothing says so.
    pub class: Option<String>,
    /// Who made it; null where nothing says so.
    pub vendor: Option<String>,
    /// Its labels at its provider.
    pub labels: BTreeMap<String, String>,
}

/// A size that VMs can have, as its provider tells it now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InstanceType {
    /// `PROVIDER/NAME` or `PROVIDER/NAMESPACE/NAME`, where PROVIDER is the provider's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The namespace whose VMs can be of it; null for those of the whole provider.
    pub namespace: Option<String>,
    /// Its provider.
    pub provider: Ref,
    /// What is said of it.
    #[serde(flatten)]
    pub text: TypeText,
    /// Processors of a VM of it.
    pub cpu_count: Fact<u32>,
    /// Memory of a VM of it, in bytes.
    pub memory_bytes: Fact<u64>,
    /// The most memory that such a VM can be given while it runs, in bytes; null where it sets
    /// none.
    pub memory_max_bytes: Option<u64>,
    /// By how much less memory than the guest has is taken of its host, in percent; null where
    /// it says nothing.
    pub overcommit_percent: Option<u32>,
    /// Whether its processors are its VMs' alone.
    pub dedicated_cpus: bool,
    /// The graphics devices that it passes through, in the provider's words.
    pub gpus: Vec<String>,
    /// The other devices that it passes through.
    pub host_devices: Vec<String>,
    /// When this was seen.
    pub observed_at: Time,
    /// Whether it is made up.
    pub simulated: bool,
}

/// What is filled in where a VM says nothing, as its provider tells it now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Preference {
    /// `PROVIDER/NAME` or `PROVIDER/NAMESPACE/NAME`, where PROVIDER is the provider's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The namespace whose VMs can be of it; null for those of the whole provider.
    pub namespace: Option<String>,
    /// Its provider.
    pub provider: Ref,
    /// What is said of it.
    #[serde(flatten)]
    pub text: TypeText,
    /// `bios` or `uefi`; null where it prefers none.
    pub firmware: Option<String>,
    /// The machine type; null where it prefers none.
    pub machine: Option<String>,
    /// The architecture; null where it prefers none.
    pub arch: Option<String>,
    /// The bus of disks; null where it prefers none.
    pub disk_bus: Option<String>,
    /// The model of network interfaces; null where it prefers none.
    pub nic_model: Option<String>,
    /// What a VM needs to be of it.
    pub requires: TypeRequirements,
    /// When this was seen.
    pub observed_at: Time,
    /// Whether it is made up.
    pub simulated: bool,
}

/// What a preference asks of a VM.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TypeRequirements {
    /// The fewest processors; null where it asks for none.
    pub cpu_count: Option<u32>,
    /// The least memory in bytes; null where it asks for none.
    pub memory_bytes: Option<u64>,
    /// The architecture; null where it asks for none.
    pub arch: Option<String>,
}
