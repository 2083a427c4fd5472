//! The installation of KubeVirt itself, as its operator keeps it.

use serde::Deserialize;

use super::Object;
use super::domain::Named;
use super::meta::{Condition, ObjectMeta};
use super::part::{Many, Nest, Part};

/// `KubeVirt` of `kubevirt.io`. Its name and namespace differ by distribution.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct KubeVirt {
    pub(crate) metadata: Nest<ObjectMeta>,
    pub(crate) spec: Nest<KubeVirtSpec>,
    pub(crate) status: Nest<KubeVirtStatus>,
}

impl Object for KubeVirt {
    const KIND: &'static str = "KubeVirt";
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct KubeVirtSpec {
    pub(crate) configuration: Part<Configuration>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Configuration {
    pub(crate) developer_configuration: Nest<DeveloperConfiguration>,
    pub(crate) hypervisors: Many<Named>,
    #[serde(rename = "vmRolloutStrategy")]
    pub(crate) vm_rollout_strategy: Part<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct DeveloperConfiguration {
    pub(crate) use_emulation: Part<bool>,
    pub(crate) feature_gates: Many<String>,
    pub(crate) disabled_feature_gates: Many<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct KubeVirtStatus {
    pub(crate) phase: Part<String>,
    pub(crate) conditions: Many<Condition>,
    #[serde(rename = "observedKubeVirtVersion")]
    pub(crate) observed_kube_virt_version: Part<String>,
    #[serde(rename = "targetKubeVirtVersion")]
    pub(crate) target_kube_virt_version: Part<String>,
    pub(crate) operator_version: Part<String>,
    pub(crate) default_architecture: Part<String>,
}
