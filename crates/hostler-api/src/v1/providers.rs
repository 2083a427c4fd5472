//! Providers: configured connections to places where VMs run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::endpoint;
use crate::value::{CacheStatus, Time};
use crate::{ListQuery, Nothing, Page};

endpoint! {
    /// List providers.
    ProviderList {
        id: "provider_list", tag: "providers", GET "/api/v1/providers",
        needs: InfraRead,
        query: ListQuery,
        reply: Json Page<Provider>,
        errors: [QueryInvalid, CursorInvalid],
    }
}

endpoint! {
    /// Show a provider: what it can do and whether it answers.
    ProviderShow {
        id: "provider_show", tag: "providers", GET "/api/v1/providers/{provider}",
        needs: InfraRead,
        path: ProviderPath,
        reply: Json Provider,
        errors: [IdInvalid, ProviderNotFound],
    }
}

endpoint! {
    /// Add a provider.
    ///
    /// It need not answer yet; it is asked from then on.
    ProviderCreate {
        id: "provider_create", tag: "providers", POST "/api/v1/providers",
        needs: ProviderManage,
        body: Json ProviderRequest,
        reply: Json Provider, status: CREATED,
        errors: [SpecInvalid, ProviderConflict, IdempotencyMismatch],
    }
}

endpoint! {
    /// Remove a provider.
    ///
    /// Nothing at the provider is touched. Refused while Hostler manages VMs there.
    ProviderDelete {
        id: "provider_delete", tag: "providers", DELETE "/api/v1/providers/{provider}",
        needs: ProviderManage,
        path: ProviderPath,
        reply: Empty Nothing, status: NO_CONTENT,
        errors: [IdInvalid, ProviderNotFound, ProviderConflict],
    }
}

/// Names a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProviderPath {
    /// The provider's id.
    pub provider: String,
}

/// A provider to be added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderRequest {
    /// Its name, unique.
    pub name: String,
    /// Where it is, for example `qemu:///system` or `qemu+ssh://root@h2/system`.
    pub uri: String,
}

/// A configured connection to a place where VMs run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Provider {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The word for its kind, for example `libvirt`.
    pub kind: String,
    /// Where it is, without secrets.
    pub uri: String,
    /// Whether its data is made up.
    pub simulated: bool,
    /// `connecting`, `healthy`, `rebuilding` (it answers, and only an older picture of it is
    /// known: all that is told of it is stale, and changes are refused with
    /// `cluster_rebuilding`) or `unreachable`.
    pub state: String,
    /// Why it is not healthy.
    pub reason: Option<String>,
    /// What answered, for people.
    pub product: Option<String>,
    /// When its latest inventory was taken; null: never since the server started.
    pub observed_at: Option<Time>,
    /// `stale` while it does not answer, has not answered yet, or answers with an older picture only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_status: Option<CacheStatus>,
    /// Since when; left out while it is fresh, and where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_since: Option<Time>,
    /// How long the latest inventory took, in seconds.
    pub inventory_seconds: Option<f64>,
    /// What it can do.
    pub groups: Vec<String>,
    /// In which formats it makes volumes; the first is taken where none is asked for. Empty where
    /// it makes none, or was not reached yet.
    #[serde(default)]
    pub volume_formats: Vec<super::VolumeFormat>,
    /// How many VMs it holds; null before the first inventory.
    pub vm_count: Option<u32>,
    /// Whether it was given in the server's configuration and so cannot be removed here.
    pub from_config: bool,
}
