//! A node of the cluster.

use serde::Deserialize;

use super::Object;
use super::meta::{Condition, ObjectMeta};
use super::part::{Many, Map, Nest, Part};
use crate::quantity::Quantity;

/// `Node` of Kubernetes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Node {
    pub(crate) metadata: Nest<ObjectMeta>,
    pub(crate) spec: Nest<NodeSpec>,
    pub(crate) status: Nest<NodeStatus>,
}

impl Object for Node {
    const KIND: &'static str = "Node";
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct NodeSpec {
    pub(crate) unschedulable: Part<bool>,
    pub(crate) taints: Many<Taint>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Taint {
    pub(crate) key: Part<String>,
    pub(crate) value: Part<String>,
    pub(crate) effect: Part<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct NodeStatus {
    pub(crate) capacity: Map<Quantity>,
    pub(crate) allocatable: Map<Quantity>,
    pub(crate) conditions: Many<Condition>,
    pub(crate) node_info: Nest<NodeInfo>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct NodeInfo {
    pub(crate) architecture: Part<String>,
    #[serde(rename = "systemUUID")]
    pub(crate) system_uuid: Part<String>,
    #[serde(rename = "machineID")]
    pub(crate) machine_id: Part<String>,
    #[serde(rename = "bootID")]
    pub(crate) boot_id: Part<String>,
    pub(crate) kernel_version: Part<String>,
    pub(crate) os_image: Part<String>,
}
