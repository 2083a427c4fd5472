//! What a provider tells about itself and all it holds.

use hostler_core::host::ObservedHost;
use hostler_core::network::ObservedNetwork;
use hostler_core::storage::ObservedPool;
use hostler_core::vm::ObservedVm;

/// A provider's own word that it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// What answered, for people: `libvirt 9.0.0, QEMU 7.2.22`.
    pub product: String,
    /// The version of its interface, for people.
    pub version: String,
}

/// Everything that exists at a provider now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Its hosts.
    pub hosts: Vec<HostInventory>,
    /// All its VMs, whoever made them.
    pub vms: Vec<ObservedVm>,
    /// Its pools.
    pub pools: Vec<ObservedPool>,
    /// Its networks.
    pub networks: Vec<ObservedNetwork>,
    /// Hosts that should have answered and did not, with the reason; what they
    /// hold is not in the other lists and is not gone.
    pub unreachable: Vec<(String, String)>,
}

/// A host, with what belongs to it as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostInventory {
    /// The host as it was seen.
    pub host: ObservedHost,
    /// Why no new VM should go there, in the provider's words, if so.
    pub closed: Option<String>,
}

/// Names a VM towards its provider.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VmRef {
    /// The provider's lasting name for it, for example a domain's UUID.
    pub external_ref: String,
    /// Its name when last seen, for messages only.
    pub name: String,
}

impl std::fmt::Display for VmRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{}\"", self.name)
    }
}
