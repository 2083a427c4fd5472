//! Volumes of a pool, read from the provider when asked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::endpoint;
use crate::{ListQuery, Nothing, Page};

endpoint! {
    /// List the volumes of a pool.
    VolumeList {
        id: "volume_list", tag: "volumes", GET "/api/v1/pools/{pool}/volumes",
        needs: InfraRead,
        path: super::PoolPath,
        query: ListQuery,
        reply: Json Page<Volume>,
        errors: [IdInvalid, PoolNotFound, QueryInvalid, CursorInvalid, CapabilityMissing,
            ProviderUnavailable, ProviderTimeout],
    }
}

endpoint! {
    /// Make an empty volume.
    VolumeCreate {
        id: "volume_create", tag: "volumes", POST "/api/v1/pools/{pool}/volumes",
        needs: VolumeManage,
        path: super::PoolPath,
        body: Json VolumeRequest,
        reply: Json Volume, status: CREATED,
        errors: [IdInvalid, PoolNotFound, SpecInvalid, VolumeExists, CapabilityMissing,
            ProviderExhausted, ProviderUnavailable, ProviderTimeout],
    }
}

endpoint! {
    /// Delete a volume and the data on it.
    ///
    /// Refused while a VM that Hostler knows uses it.
    VolumeDelete {
        id: "volume_delete", tag: "volumes", DELETE "/api/v1/pools/{pool}/volumes/{volume}",
        needs: VolumeManage,
        path: VolumePath,
        reply: Empty Nothing, status: NO_CONTENT,
        errors: [IdInvalid, PoolNotFound, VolumeNotFound, VolumeInUse, CapabilityMissing,
            ProviderUnavailable, ProviderTimeout],
    }
}

/// Names a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VolumePath {
    /// The pool's id.
    pub pool: String,
    /// The volume's name.
    pub volume: String,
}

/// A volume to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VolumeRequest {
    /// Its name, unique within the pool.
    pub name: String,
    /// The size a guest sees, in bytes.
    pub capacity_bytes: u64,
    /// How it is stored.
    #[serde(default)]
    pub format: super::VolumeFormat,
}

/// A volume, as the provider tells it now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Volume {
    /// Its name, unique within the pool.
    pub name: String,
    /// How it is stored, as the provider says.
    pub format: Option<String>,
    /// The size a guest sees, in bytes.
    pub capacity_bytes: u64,
    /// The bytes it takes in the pool.
    pub allocated_bytes: u64,
    /// Where it is, as the host names it.
    pub path: Option<String>,
    /// The volume it is an overlay of, where it is one.
    pub backing: Option<String>,
    /// The VM that uses it, where Hostler knows one.
    pub used_by: Option<crate::Ref>,
}
