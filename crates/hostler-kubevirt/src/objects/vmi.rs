//! A running instance: of a VM, or without one.

use serde::Deserialize;

use super::Object;
use super::domain::{Cpu, InstanceSpec, Machine};
use super::meta::{Condition, ObjectMeta};
use super::migration::MigrationState;
use super::part::{Many, Map, Nest, Part, Present};
use crate::quantity::Quantity;

/// `VirtualMachineInstance` of `kubevirt.io`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct VirtualMachineInstance {
    pub(crate) metadata: Nest<ObjectMeta>,
    pub(crate) spec: Part<InstanceSpec>,
    pub(crate) status: Nest<InstanceStatus>,
}

impl VirtualMachineInstance {
    /// Whether it has ended: it stays for a while, and so does what it told.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.status.phase.text(), Some("Succeeded" | "Failed"))
    }
}

impl Object for VirtualMachineInstance {
    const KIND: &'static str = "VirtualMachineInstance";
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct InstanceStatus {
    pub(crate) phase: Part<String>,
    pub(crate) reason: Part<String>,
    pub(crate) node_name: Part<String>,
    pub(crate) conditions: Many<Condition>,
    pub(crate) interfaces: Many<InterfaceStatus>,
    pub(crate) volume_status: Many<VolumeStatus>,
    #[serde(rename = "currentCPUTopology")]
    pub(crate) current_cpu_topology: Part<Cpu>,
    pub(crate) memory: Nest<MemoryStatus>,
    pub(crate) machine: Nest<Machine>,
    pub(crate) migration_state: Part<MigrationState>,
    pub(crate) migration_method: Part<String>,
    #[serde(rename = "guestOSInfo")]
    pub(crate) guest_os_info: Nest<GuestOsInfo>,
}

/// What the guest's agent said of the system; the whole is empty without one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct GuestOsInfo {
    pub(crate) id: Part<String>,
    pub(crate) name: Part<String>,
    pub(crate) pretty_name: Part<String>,
    pub(crate) version: Part<String>,
    pub(crate) version_id: Part<String>,
    pub(crate) kernel_release: Part<String>,
    pub(crate) kernel_version: Part<String>,
    pub(crate) machine: Part<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct InterfaceStatus {
    pub(crate) name: Part<String>,
    pub(crate) mac: Part<String>,
    pub(crate) ip_address: Part<String>,
    pub(crate) ip_addresses: Many<String>,
    pub(crate) info_source: Part<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct VolumeStatus {
    pub(crate) name: Part<String>,
    pub(crate) target: Part<String>,
    pub(crate) phase: Part<String>,
    pub(crate) reason: Part<String>,
    pub(crate) message: Part<String>,
    pub(crate) hotplug_volume: Part<Present>,
    pub(crate) persistent_volume_claim_info: Nest<ClaimInfo>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ClaimInfo {
    pub(crate) claim_name: Part<String>,
    pub(crate) capacity: Map<Quantity>,
    pub(crate) volume_mode: Part<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct MemoryStatus {
    pub(crate) guest_current: Part<Quantity>,
}
