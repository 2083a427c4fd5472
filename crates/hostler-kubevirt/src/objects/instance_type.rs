//! Instance types, which size VMs, and preferences, which fill in what a VM
//! does not say. Each has a form for one namespace and one for the cluster.

use serde::Deserialize;

use super::Object;
use super::meta::ObjectMeta;
use super::part::{Many, Nest, Part};
use crate::quantity::Quantity;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident($spec:ty);)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
        #[serde(default, rename_all = "camelCase")]
        pub struct $name {
            pub(crate) metadata: Nest<ObjectMeta>,
            pub(crate) spec: Nest<$spec>,
        }

        impl Object for $name {
            const KIND: &'static str = stringify!($name);
        }
    )*};
}

kinds! {
    /// `VirtualMachineInstancetype` of `instancetype.kubevirt.io`: in one namespace.
    VirtualMachineInstancetype(InstanceTypeSpec);
    /// `VirtualMachineClusterInstancetype` of `instancetype.kubevirt.io`: for all namespaces.
    VirtualMachineClusterInstancetype(InstanceTypeSpec);
    /// `VirtualMachinePreference` of `instancetype.kubevirt.io`: in one namespace.
    VirtualMachinePreference(PreferenceSpec);
    /// `VirtualMachineClusterPreference` of `instancetype.kubevirt.io`: for all namespaces.
    VirtualMachineClusterPreference(PreferenceSpec);
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct InstanceTypeSpec {
    pub(crate) cpu: Nest<TypeCpu>,
    pub(crate) memory: Nest<TypeMemory>,
    pub(crate) gpus: Many<Device>,
    pub(crate) host_devices: Many<Device>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct TypeCpu {
    pub(crate) guest: Part<u32>,
    #[serde(rename = "dedicatedCPUPlacement")]
    pub(crate) dedicated_cpu_placement: Part<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct TypeMemory {
    pub(crate) guest: Part<Quantity>,
    pub(crate) max_guest: Part<Quantity>,
    pub(crate) overcommit_percent: Part<u32>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Device {
    pub(crate) device_name: Part<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct PreferenceSpec {
    pub(crate) firmware: Nest<PreferredFirmware>,
    pub(crate) machine: Nest<PreferredMachine>,
    pub(crate) preferred_architecture: Part<String>,
    pub(crate) devices: Nest<PreferredDevices>,
    pub(crate) requirements: Nest<RequiredSize>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct PreferredDevices {
    pub(crate) preferred_disk_bus: Part<String>,
    pub(crate) preferred_interface_model: Part<String>,
}

/// What a VM needs to be of a preference.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct RequiredSize {
    pub(crate) cpu: Nest<RequiredCpu>,
    pub(crate) memory: Nest<RequiredMemory>,
    pub(crate) architecture: Part<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct RequiredCpu {
    pub(crate) guest: Part<u32>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct RequiredMemory {
    pub(crate) guest: Part<Quantity>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct PreferredFirmware {
    pub(crate) preferred_efi: Part<super::part::Present>,
    /// Deprecated for `preferred_efi`.
    pub(crate) preferred_use_efi: Part<bool>,
    pub(crate) preferred_use_bios: Part<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct PreferredMachine {
    pub(crate) preferred_machine_type: Part<String>,
}
