//! Storage pools.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::endpoint;
use crate::value::{CacheStatus, Fact, Ref, Time};
use crate::{ListQuery, Page};

endpoint! {
    /// List storage pools.
    PoolList {
        id: "pool_list", tag: "pools", GET "/api/v1/pools",
        needs: InfraRead,
        query: ListQuery,
        reply: Json Page<Pool>,
        errors: [QueryInvalid, CursorInvalid],
    }
}

endpoint! {
    /// Show a storage pool.
    PoolShow {
        id: "pool_show", tag: "pools", GET "/api/v1/pools/{pool}",
        needs: InfraRead,
        path: PoolPath,
        reply: Json Pool,
        errors: [IdInvalid, PoolNotFound],
    }
}

/// Names a pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PoolPath {
    /// The pool's id.
    pub pool: String,
}

/// A place that holds volumes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pool {
    /// Its id.
    pub id: String,
    /// Its name, unique within the host.
    pub name: String,
    /// The provider it belongs to.
    pub provider: Ref,
    /// The host it belongs to; null when it is shared.
    pub host: Option<Ref>,
    /// Whether its data is made up.
    pub simulated: bool,
    /// What it is made of: `dir`, `logical`, `rbd` …
    pub kind: String,
    /// Whether it can be used now.
    pub active: bool,
    /// Its size in bytes.
    pub capacity_bytes: Fact<u64>,
    /// Bytes in use.
    pub allocated_bytes: Fact<u64>,
    /// Bytes that can still be written.
    pub available_bytes: Fact<u64>,
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
