//! Kubeconfigs of clusters: given, given anew, and how they are used.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::secret::Secret;
use crate::value::Time;

/// The most questions that can be asked for to be put to a cluster at once.
pub const AT_ONCE_MAX: u32 = 200;

/// A kubeconfig, and how it is to be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterKubeconfig {
    /// The kubeconfig's text, at most 256 KiB. Files have to be within it:
    /// `kubectl config view --raw --flatten --minify`.
    pub kubeconfig: Secret,
    /// The context of the kubeconfig; its current one where not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// The namespaces that are looked at, at most 64; all where not given, which needs rights in
    /// the whole cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Vec<String>>,
    /// How many questions are put to the cluster at once, from 1 to 200; 20 where not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 200))]
    pub at_once: Option<u32>,
    /// Whether the server may run the command that the kubeconfig gets its credentials by. Only
    /// who administers the server's machine may say so, and on that machine.
    #[serde(default)]
    pub allow_exec: bool,
}

/// Another kubeconfig for a cluster. What is not said of how it is used stays as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterRotateRequest {
    /// The kubeconfig's text, at most 256 KiB. Files have to be within it:
    /// `kubectl config view --raw --flatten --minify`.
    pub kubeconfig: Secret,
    /// The context of the kubeconfig; where not given, the one that was used before if this
    /// kubeconfig has it, else its current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// The namespaces that are looked at, at most 64; an empty list for all of them, which needs
    /// rights in the whole cluster; where not given, those that were looked at before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Vec<String>>,
    /// How many questions are put to the cluster at once, from 1 to 200; as before where not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 200))]
    pub at_once: Option<u32>,
    /// Whether the server may run the command that the kubeconfig gets its credentials by. Only
    /// who administers the server's machine may say so, and on that machine. It has to be said
    /// each time.
    #[serde(default)]
    pub allow_exec: bool,
}

/// How a cluster's kubeconfig is used. Of the kubeconfig itself nothing is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterKubeconfigUse {
    /// The server that it names.
    pub server: String,
    /// The context of it that is used.
    pub context: String,
    /// The namespaces that are looked at; null: all of them.
    pub namespaces: Option<Vec<String>>,
    /// How many questions are put to it at once; left out where nobody said so, and then 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_once: Option<u32>,
    /// Whether the command may be run that it gets its credentials by.
    pub allow_exec: bool,
    /// When it was given.
    pub given_at: Time,
    /// Who gave it.
    pub given_by: String,
}
