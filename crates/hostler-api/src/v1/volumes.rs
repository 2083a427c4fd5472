//! Volumes of a pool, read from the provider when asked, and changed by operations.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Operation, endpoint};
use crate::{ListQuery, Page};

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
    ///
    /// Answers with the operation at work; send `Prefer: wait=30` to wait for its end.
    VolumeCreate {
        id: "volume_create", tag: "volumes", POST "/api/v1/pools/{pool}/volumes",
        needs: VolumeManage,
        path: super::PoolPath,
        body: Json VolumeRequest,
        reply: Json Operation, status: ACCEPTED,
        errors: [IdInvalid, PoolNotFound, SpecInvalid, VolumeExists, VolumeBusy, CapabilityMissing,
            IdempotencyMismatch, ProviderUnavailable, ProviderTimeout, ClusterRebuilding],
    }
}

endpoint! {
    /// Show what making a volume would do, without doing it.
    VolumePlan {
        id: "volume_plan", tag: "volumes", POST "/api/v1/pools/{pool}/volume-plan",
        needs: VolumeManage,
        path: super::PoolPath,
        body: Json VolumeRequest,
        reply: Json VolumePlanned,
        errors: [IdInvalid, PoolNotFound, SpecInvalid, VolumeExists, VolumeBusy, CapabilityMissing,
            ProviderUnavailable, ProviderTimeout, ClusterRebuilding],
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
        reply: Json Operation, status: ACCEPTED,
        errors: [IdInvalid, PoolNotFound, VolumeNotFound, VolumeInUse, VolumeBusy, VmBusy,
            CapabilityMissing, ProviderUnavailable, ProviderTimeout, ClusterRebuilding],
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
    /// How it is stored; unset: as the provider does by itself, which is qcow2 with libvirt and
    /// raw with KubeVirt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<super::VolumeFormat>,
}

/// What making a volume would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VolumePlanned {
    /// The pool it would be in.
    pub pool: crate::Ref,
    /// That pool's provider.
    pub provider: crate::Ref,
    /// The steps it would take.
    pub steps: Vec<String>,
    /// What would be there afterwards, a line each: `+ volume default/data: 20480 MiB, empty, raw`.
    pub changes: Vec<String>,
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
