//! Where disks come from: classes of storage, and claims to a piece of it.

use serde::Deserialize;

use super::Object;
use super::meta::ObjectMeta;
use super::part::{Many, Map, Nest, Part};
use crate::quantity::Quantity;

/// `StorageClass` of `storage.k8s.io`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct StorageClass {
    pub(crate) metadata: Nest<ObjectMeta>,
    pub(crate) provisioner: Part<String>,
    pub(crate) reclaim_policy: Part<String>,
    pub(crate) volume_binding_mode: Part<String>,
    pub(crate) allow_volume_expansion: Part<bool>,
}

impl Object for StorageClass {
    const KIND: &'static str = "StorageClass";
}

/// `PersistentVolumeClaim` of Kubernetes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PersistentVolumeClaim {
    pub(crate) metadata: Nest<ObjectMeta>,
    pub(crate) spec: Nest<ClaimSpec>,
    pub(crate) status: Nest<ClaimStatus>,
}

impl Object for PersistentVolumeClaim {
    const KIND: &'static str = "PersistentVolumeClaim";
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ClaimSpec {
    pub(crate) storage_class_name: Part<String>,
    pub(crate) volume_mode: Part<String>,
    pub(crate) volume_name: Part<String>,
    pub(crate) access_modes: Many<String>,
    pub(crate) resources: Nest<super::domain::Resources>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ClaimStatus {
    pub(crate) phase: Part<String>,
    pub(crate) capacity: Map<Quantity>,
    pub(crate) access_modes: Many<String>,
}
