//! A pod: the launcher of an instance is one.

use serde::Deserialize;

use super::Object;
use super::domain::Resources;
use super::meta::ObjectMeta;
use super::part::{Many, Nest, Part};

/// `Pod` of Kubernetes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Pod {
    pub(crate) metadata: Nest<ObjectMeta>,
    pub(crate) spec: Nest<PodSpec>,
    pub(crate) status: Nest<PodStatus>,
}

impl Object for Pod {
    const KIND: &'static str = "Pod";
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct PodSpec {
    pub(crate) node_name: Part<String>,
    pub(crate) containers: Many<Container>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Container {
    pub(crate) resources: Nest<Resources>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct PodStatus {
    pub(crate) phase: Part<String>,
}
