//! Snapshots of VMs, and their being put back.

use serde::Deserialize;

use super::Object;
use super::meta::{Condition, ObjectMeta};
use super::part::{Many, Nest, Part, Time};

/// `VirtualMachineSnapshot` of `snapshot.kubevirt.io`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct VirtualMachineSnapshot {
    pub(crate) metadata: Nest<ObjectMeta>,
    pub(crate) spec: Nest<SnapshotSpec>,
    pub(crate) status: Nest<SnapshotStatus>,
}

impl Object for VirtualMachineSnapshot {
    const KIND: &'static str = "VirtualMachineSnapshot";
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct SnapshotSpec {
    pub(crate) source: Nest<ObjectReference>,
    pub(crate) deletion_policy: Part<String>,
    pub(crate) failure_deadline: Part<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ObjectReference {
    pub(crate) kind: Part<String>,
    pub(crate) name: Part<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct SnapshotStatus {
    pub(crate) phase: Part<String>,
    pub(crate) ready_to_use: Part<bool>,
    pub(crate) creation_time: Part<Time>,
    #[serde(rename = "sourceUID")]
    pub(crate) source_uid: Part<String>,
    pub(crate) indications: Many<String>,
    pub(crate) source_indications: Many<Indication>,
    pub(crate) snapshot_volumes: Part<SnapshotVolumes>,
    pub(crate) virtual_machine_snapshot_content_name: Part<String>,
    pub(crate) conditions: Many<Condition>,
    pub(crate) error: Nest<SnapshotError>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Indication {
    pub(crate) indication: Part<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct SnapshotVolumes {
    pub(crate) included_volumes: Many<String>,
    pub(crate) excluded_volumes: Many<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct SnapshotError {
    pub(crate) message: Part<String>,
}

/// `VirtualMachineRestore` of `snapshot.kubevirt.io`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct VirtualMachineRestore {
    pub(crate) metadata: Nest<ObjectMeta>,
    pub(crate) spec: Nest<RestoreSpec>,
    pub(crate) status: Nest<RestoreStatus>,
}

impl Object for VirtualMachineRestore {
    const KIND: &'static str = "VirtualMachineRestore";
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct RestoreSpec {
    pub(crate) target: Nest<ObjectReference>,
    pub(crate) virtual_machine_snapshot_name: Part<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct RestoreStatus {
    pub(crate) complete: Part<bool>,
    pub(crate) restores: Many<VolumeRestore>,
    pub(crate) conditions: Many<Condition>,
}

/// A volume of the VM, and the claim that is made of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct VolumeRestore {
    pub(crate) volume_name: Part<String>,
    pub(crate) persistent_volume_claim: Part<String>,
}
