//! What a provider tells about itself and all it holds.

use hostler_core::Timestamp;
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
    /// Why its hosts and VMs are an older picture and not the present one, if so: it is
    /// told as old, it shows nothing to be gone, and nothing is changed by it (E10, X26).
    pub stale: Option<Stale>,
}

/// A driver that knows only an older picture, for example while it lists a cluster anew
/// that has forgotten its version. It does not last: a driver that cannot end it within a
/// minute or so fails instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    /// When the provider was last heard: until then the picture was the present one.
    pub since: Timestamp,
    /// Why there is no newer one, for people.
    pub reason: String,
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
