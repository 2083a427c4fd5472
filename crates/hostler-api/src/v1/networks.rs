//! Networks that VMs can be connected to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::endpoint;
use crate::value::{CacheStatus, Ref, Time};
use crate::{ListQuery, Page};

endpoint! {
    /// List networks.
    NetworkList {
        id: "network_list", tag: "networks", GET "/api/v1/networks",
        needs: InfraRead,
        query: ListQuery,
        reply: Json Page<Network>,
        errors: [QueryInvalid, CursorInvalid],
    }
}

endpoint! {
    /// Show a network.
    NetworkShow {
        id: "network_show", tag: "networks", GET "/api/v1/networks/{network}",
        needs: InfraRead,
        path: NetworkPath,
        reply: Json Network,
        errors: [IdInvalid, NetworkNotFound],
    }
}

/// Names a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NetworkPath {
    /// The network's id.
    pub network: String,
}

/// A network that VMs can be connected to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Network {
    /// Its id.
    pub id: String,
    /// Its name, unique within the host.
    pub name: String,
    /// The provider it belongs to.
    pub provider: Ref,
    /// The host it belongs to; null when it spans hosts.
    pub host: Option<Ref>,
    /// Whether its data is made up.
    pub simulated: bool,
    /// How it reaches the world: `nat`, `route`, `bridge`, `isolated` …
    pub forward: String,
    /// The host's bridge behind it.
    pub bridge: Option<String>,
    /// Whether it can be used now.
    pub active: bool,
    /// Whether it starts with the host.
    pub autostart: bool,
    /// Its subnets in CIDR form.
    pub subnets: Vec<String>,
    /// When it was seen.
    pub observed_at: Time,
    /// Whether its provider does not answer, so that this is old.
    pub stale: bool,
    /// `stale` while its provider or host does not answer, or answers with an older picture only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_status: Option<CacheStatus>,
    /// Since when; left out while it is fresh, and where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_since: Option<Time>,
}
