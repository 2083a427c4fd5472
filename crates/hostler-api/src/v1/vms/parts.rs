//! Parts of what was seen of a VM: its disks, interfaces and addresses, and what its guest says.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A disk as it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DiskObserved {
    /// The device name in the provider's configuration.
    pub target: String,
    /// `disk`, `cdrom` …
    pub device: String,
    /// The bus the guest sees.
    pub bus: Option<String>,
    /// Where its bytes are; null when empty.
    pub source: Option<String>,
    /// How it is stored.
    pub format: Option<String>,
    /// The size the guest sees, in bytes.
    pub capacity_bytes: Option<u64>,
    /// Whether the guest may only read.
    pub read_only: bool,
}

/// A network interface as it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NicObserved {
    /// Its MAC address.
    pub mac: Option<String>,
    /// `network`, `bridge`, `direct`, `user` …
    pub kind: String,
    /// What it is connected to.
    pub source: Option<String>,
    /// The device the guest sees.
    pub model: Option<String>,
    /// The host's side of it.
    pub host_device: Option<String>,
    /// Its addresses.
    pub addresses: Vec<AddressObserved>,
}

/// An address of a guest, and who said so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AddressObserved {
    /// The address.
    pub address: String,
    /// `dhcp_lease`, `guest_agent` (the guest's own word), `arp`; of KubeVirt also `pod_network`
    /// (the address of the pod around it) and `multus_status` (its network plugin's word).
    pub source: String,
}

/// What a guest says of itself, by the agent in it; each is null where the guest does not say it,
/// or its provider does not pass it on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GuestObserved {
    /// Name and version of its system for people: `Debian GNU/Linux 12 (bookworm)`.
    #[serde(default)]
    pub system: Option<String>,
    /// The system's short name: `debian`.
    #[serde(default)]
    pub os_id: Option<String>,
    /// The system's name: `Debian GNU/Linux`.
    #[serde(default)]
    pub os_name: Option<String>,
    /// The system's version: `12 (bookworm)`.
    #[serde(default)]
    pub os_version: Option<String>,
    /// The kernel's release: `6.1.0-31-amd64`.
    #[serde(default)]
    pub kernel_release: Option<String>,
    /// The kernel's version, as the guest writes it.
    #[serde(default)]
    pub kernel_version: Option<String>,
    /// The architecture of its kernel: `x86_64`.
    #[serde(default)]
    pub machine: Option<String>,
    /// The name that it gives itself.
    #[serde(default)]
    pub host_name: Option<String>,
    /// The agent's version.
    #[serde(default)]
    pub agent_version: Option<String>,
}
