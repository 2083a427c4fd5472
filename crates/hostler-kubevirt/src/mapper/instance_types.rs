//! Instance types and preferences, of a namespace and of the cluster.

use std::collections::BTreeMap;

use hostler_core::vm::instance_type::{Requirements, TypeText};
use hostler_core::vm::{InstanceType, Preference, TypeRef};
use hostler_core::{Fact, Timestamp};

use super::source::INSTANCE_TYPE;
use super::{Incompatible, Names, arch, message, told};
use crate::objects::meta::ObjectMeta;
use crate::objects::{
    InstanceTypeSpec, PreferenceSpec, VirtualMachineClusterInstancetype,
    VirtualMachineClusterPreference, VirtualMachineInstancetype, VirtualMachinePreference,
};
use crate::quantity::Quantity;

/// A size that VMs can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedInstanceType {
    /// What is said of it.
    pub text: TypeText,
    /// Processors of a VM of it.
    pub cpu_count: Fact<u32>,
    /// Memory of a VM of it, in bytes.
    pub memory_bytes: Fact<u64>,
    /// The most memory that a VM of it can be given, in bytes.
    pub memory_max_bytes: Fact<u64>,
    /// By how much less memory than the guest has is asked of the cluster, in
    /// percent; `None` where nothing is said.
    pub overcommit_percent: Option<u32>,
    /// Whether its processors are its VMs' alone.
    pub has_dedicated_cpus: bool,
    /// The graphics devices that it passes through, by the cluster's name for them.
    pub gpus: Vec<String>,
    /// The other devices that it passes through.
    pub host_devices: Vec<String>,
}

/// What is preferred where a VM says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MappedPreference {
    /// What is said of it.
    pub text: TypeText,
    /// `bios` or `uefi`.
    pub firmware: Option<&'static str>,
    /// The machine type.
    pub machine: Option<String>,
    /// The architecture, in Hostler's words.
    pub arch: Option<String>,
    /// The bus of disks.
    pub disk_bus: Option<String>,
    /// The model of network interfaces.
    pub nic_model: Option<String>,
    /// What a VM needs to be of it.
    pub requires: Requirements,
}

impl MappedInstanceType {
    /// As every provider tells it, seen at `at`.
    pub fn into_offered(self, id: TypeRef, at: Timestamp) -> InstanceType {
        InstanceType {
            id,
            text: self.text,
            cpu_count: self.cpu_count,
            memory_bytes: self.memory_bytes,
            memory_max_bytes: self.memory_max_bytes.value().copied(),
            overcommit_percent: self.overcommit_percent,
            has_dedicated_cpus: self.has_dedicated_cpus,
            gpus: self.gpus,
            host_devices: self.host_devices,
            observed_at: at,
        }
    }
}

impl MappedPreference {
    /// As every provider tells it, seen at `at`.
    pub fn into_offered(self, id: TypeRef, at: Timestamp) -> Preference {
        Preference {
            id,
            text: self.text,
            firmware: self.firmware.map(str::to_owned),
            machine: self.machine,
            arch: self.arch,
            disk_bus: self.disk_bus,
            nic_model: self.nic_model,
            requires: self.requires,
            observed_at: at,
        }
    }
}

/// Those that VMs name, as far as they were read, and of the others why not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Types {
    /// Instance types.
    pub instance_types: BTreeMap<TypeRef, MappedInstanceType>,
    /// Preferences.
    pub preferences: BTreeMap<TypeRef, MappedPreference>,
    /// Why instance types were not read.
    pub no_instance_type: BTreeMap<TypeRef, String>,
    /// Why preferences were not.
    pub no_preference: BTreeMap<TypeRef, String>,
}

/// An instance type of one namespace.
pub fn map_instance_type(
    object: &VirtualMachineInstancetype,
    seen_at: Timestamp,
) -> Result<(TypeRef, MappedInstanceType), Incompatible> {
    let names = Names::of("VirtualMachineInstancetype", &object.metadata)?;
    Ok((in_namespace(names), instance_type(&object.metadata, &object.spec, seen_at)))
}

/// An instance type of the cluster.
pub fn map_cluster_instance_type(
    object: &VirtualMachineClusterInstancetype,
    seen_at: Timestamp,
) -> Result<(TypeRef, MappedInstanceType), Incompatible> {
    let name = Names::name_of("VirtualMachineClusterInstancetype", &object.metadata)?;
    Ok((TypeRef { namespace: None, name }, instance_type(&object.metadata, &object.spec, seen_at)))
}

/// A preference of one namespace.
pub fn map_preference(
    object: &VirtualMachinePreference,
) -> Result<(TypeRef, MappedPreference), Incompatible> {
    let names = Names::of("VirtualMachinePreference", &object.metadata)?;
    Ok((in_namespace(names), preference(&object.metadata, &object.spec)))
}

/// A preference of the cluster.
pub fn map_cluster_preference(
    object: &VirtualMachineClusterPreference,
) -> Result<(TypeRef, MappedPreference), Incompatible> {
    let name = Names::name_of("VirtualMachineClusterPreference", &object.metadata)?;
    Ok((TypeRef { namespace: None, name }, preference(&object.metadata, &object.spec)))
}

fn in_namespace(names: Names) -> TypeRef {
    TypeRef { namespace: Some(names.namespace), name: names.name }
}

fn instance_type(meta: &ObjectMeta, spec: &InstanceTypeSpec, at: Timestamp) -> MappedInstanceType {
    let fact = |value, reason| told(value, INSTANCE_TYPE, at, reason);
    let names = |devices: &[crate::objects::Device]| {
        devices.iter().filter_map(|device| device.device_name.owned()).collect()
    };
    MappedInstanceType {
        text: text(meta),
        cpu_count: told(
            spec.cpu.guest.filter(|count| *count > 0),
            INSTANCE_TYPE,
            at,
            "the instance type does not tell its processors",
        ),
        memory_bytes: fact(bytes(*spec.memory.guest), "the instance type does not tell its memory"),
        memory_max_bytes: fact(
            bytes(*spec.memory.max_guest),
            "the instance type names no most of memory",
        ),
        overcommit_percent: *spec.memory.overcommit_percent,
        has_dedicated_cpus: spec.cpu.dedicated_cpu_placement.is_true(),
        gpus: names(&spec.gpus),
        host_devices: names(&spec.host_devices),
    }
}

fn preference(meta: &ObjectMeta, spec: &PreferenceSpec) -> MappedPreference {
    let firmware = &spec.firmware;
    let efi = firmware.preferred_efi.is_some() || firmware.preferred_use_efi.is_true();
    let kind = match (efi, firmware.preferred_use_bios.is_true()) {
        (true, false) => Some("uefi"),
        (false, true) => Some("bios"),
        // Both, or neither: no preference.
        _ => None,
    };
    let asks = &spec.requirements;
    MappedPreference {
        text: text(meta),
        firmware: kind,
        machine: spec.machine.preferred_machine_type.owned(),
        arch: spec.preferred_architecture.text().map(arch),
        disk_bus: spec.devices.preferred_disk_bus.owned(),
        nic_model: spec.devices.preferred_interface_model.owned(),
        requires: Requirements {
            cpu_count: asks.cpu.guest.filter(|count| *count > 0),
            memory_bytes: bytes(*asks.memory.guest),
            arch: asks.architecture.text().map(arch),
        },
    }
}

fn bytes(amount: Option<Quantity>) -> Option<u64> {
    amount.and_then(Quantity::round_up).filter(|bytes| *bytes > 0)
}

/// What is said of it, under the keys of KubeVirt's own instance types, and of consoles.
fn text(meta: &ObjectMeta) -> TypeText {
    let said = |keys: &[&str]| {
        let said = keys.iter().find_map(|key| meta.annotation(key).or_else(|| meta.label(key)));
        said.map(message)
    };
    TypeText {
        display_name: said(&["instancetype.kubevirt.io/displayName", "openshift.io/display-name"]),
        description: said(&[
            "instancetype.kubevirt.io/description",
            "kubernetes.io/description",
            "description",
        ]),
        class: said(&["instancetype.kubevirt.io/class"]),
        vendor: said(&["instancetype.kubevirt.io/vendor"]),
        labels: (*meta.labels).clone(),
    }
}
