//! Instance types and preferences, of a namespace and of the cluster.

use std::collections::BTreeMap;

use hostler_core::{Fact, Timestamp};

use super::source::INSTANCE_TYPE;
use super::{Incompatible, Names, arch, told};
use crate::objects::{
    InstanceTypeSpec, PreferenceSpec, VirtualMachineClusterInstancetype,
    VirtualMachineClusterPreference, VirtualMachineInstancetype, VirtualMachinePreference,
};
use crate::quantity::Quantity;

/// Names an instance type or a preference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeRef {
    /// Its namespace; `None` for those of the whole cluster.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

/// A size that VMs can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedInstanceType {
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
    /// `bios` or `uefi`.
    pub firmware: Option<&'static str>,
    /// The machine type.
    pub machine: Option<String>,
    /// The architecture, in Hostler's words.
    pub arch: Option<String>,
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
    Ok((in_namespace(names), instance_type(&object.spec, seen_at)))
}

/// An instance type of the cluster.
pub fn map_cluster_instance_type(
    object: &VirtualMachineClusterInstancetype,
    seen_at: Timestamp,
) -> Result<(TypeRef, MappedInstanceType), Incompatible> {
    let name = Names::name_of("VirtualMachineClusterInstancetype", &object.metadata)?;
    Ok((TypeRef { namespace: None, name }, instance_type(&object.spec, seen_at)))
}

/// A preference of one namespace.
pub fn map_preference(
    object: &VirtualMachinePreference,
) -> Result<(TypeRef, MappedPreference), Incompatible> {
    let names = Names::of("VirtualMachinePreference", &object.metadata)?;
    Ok((in_namespace(names), preference(&object.spec)))
}

/// A preference of the cluster.
pub fn map_cluster_preference(
    object: &VirtualMachineClusterPreference,
) -> Result<(TypeRef, MappedPreference), Incompatible> {
    let name = Names::name_of("VirtualMachineClusterPreference", &object.metadata)?;
    Ok((TypeRef { namespace: None, name }, preference(&object.spec)))
}

fn in_namespace(names: Names) -> TypeRef {
    TypeRef { namespace: Some(names.namespace), name: names.name }
}

fn instance_type(spec: &InstanceTypeSpec, at: Timestamp) -> MappedInstanceType {
    let fact = |value, reason| told(value, INSTANCE_TYPE, at, reason);
    let bytes = |amount: Option<Quantity>| amount.and_then(Quantity::round_up).filter(|b| *b > 0);
    let names = |devices: &[crate::objects::Device]| {
        devices.iter().filter_map(|device| device.device_name.owned()).collect()
    };
    MappedInstanceType {
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

fn preference(spec: &PreferenceSpec) -> MappedPreference {
    let firmware = &spec.firmware;
    let efi = firmware.preferred_efi.is_some() || firmware.preferred_use_efi.is_true();
    let kind = match (efi, firmware.preferred_use_bios.is_true()) {
        (true, false) => Some("uefi"),
        (false, true) => Some("bios"),
        // Both, or neither: no preference.
        _ => None,
    };
    MappedPreference {
        firmware: kind,
        machine: spec.machine.preferred_machine_type.owned(),
        arch: spec.preferred_architecture.text().map(arch),
    }
}
