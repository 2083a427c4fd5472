//! From KubeVirt's objects to Hostler's words (E4, E5): the layer behind which
//! nobody knows how a cluster spells anything.
//!
//! Every function here is pure. What an object does not say is told as absent,
//! with a reason; nothing is filled in by what KubeVirt would probably do. The
//! time of a fact is `seen_at`: when the object was received.
//!
//! The only error is [`Incompatible`]: an object without name or namespace (E6).

mod blocked;
mod cautions;
pub mod claims;
pub mod cluster;
mod consoles;
mod disks;
mod error;
mod guest;
pub mod hosts;
mod hypervisor;
pub mod instance_types;
pub mod migrations;
mod nics;
pub mod owners;
mod resources;
pub mod snapshots;
pub mod state;
mod troubles;
pub mod vms;

use std::collections::BTreeMap;
use std::sync::Arc;

use hostler_core::{Fact, Timestamp};

pub use claims::{MappedClaim, MappedStorageClass, map_claim, map_storage_class};
pub use cluster::{MappedCluster, map_cluster};
pub use disks::MappedVolume;
pub use error::Incompatible;
pub use hostler_core::vm::TypeRef;
pub use hosts::{MappedHost, map_node};
pub use hypervisor::Given;
pub use instance_types::{MappedInstanceType, MappedPreference, Types};
pub use migrations::{MappedMigration, MigrationPhase, Outcome, map_migration};
pub use nics::{MappedNic, PrimaryAddress};
pub use owners::Owner;
pub use snapshots::{MappedRestore, MappedSnapshot, map_restore, map_snapshot};
pub use troubles::Trouble;
pub use vms::{LiveMigration, MappedVm, MappedVms, Source, VmKind, map_vm, map_vms};

use crate::objects::meta::ObjectMeta;

/// The label that marks what Hostler made for a VM: its id, a UUID. Label
/// selectors find it, before anything is made twice.
pub const TAG_LABEL: &str = "hostler.io/vm-id";
/// The annotation beside it: `NAMESPACE/NAME` as it was made. A clone copies
/// labels and annotations, but cannot have the same name there: where the two
/// differ, the mark is another VM's. Absent, the label stands alone.
pub const MADE_AS_ANNOTATION: &str = "hostler.io/made-as";
/// The network that all pods have, in the words of specifications and inventories.
pub const POD_NETWORK: &str = "pod";
/// The label of what was made for one operation: its id, a UUID.
pub const OPERATION_LABEL: &str = "hostler.io/operation-id";

/// Where a fact comes from.
mod source {
    pub(super) const VM_SPEC: &str = "kubevirt vm.spec";
    pub(super) const VMI_SPEC: &str = "kubevirt vmi.spec";
    pub(super) const VMI_STATUS: &str = "kubevirt vmi.status";
    pub(super) const POD_SPEC: &str = "kubernetes pod.spec";
    pub(super) const INSTANCE_TYPE: &str = "kubevirt instancetype";
    pub(super) const PREFERENCE: &str = "kubevirt preference";
    pub(super) const CLUSTER: &str = "kubevirt installation";
    pub(super) const NODE_ALLOCATABLE: &str = "kubernetes node.status.allocatable";
    pub(super) const NODE_CAPACITY: &str = "kubernetes node.status.capacity";
    pub(super) const NODE_INFO: &str = "kubernetes node.status.nodeInfo";
    pub(super) const NODE_LABELS: &str = "kubernetes node.metadata.labels";
}

/// What a VM refers to, as far as it was read. Whatever is not in here is told
/// as not read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Instance types and preferences.
    pub types: Arc<Types>,
    /// Claims by namespace and name.
    pub claims: BTreeMap<(String, String), MappedClaim>,
    /// The installation.
    pub cluster: Option<MappedCluster>,
    /// How many VMs each node can accelerate at once, by its name.
    pub kvm_by_node: BTreeMap<String, u64>,
    /// What launchers were given, by the UID of their instance and their node.
    pub launchers: Arc<BTreeMap<(String, String), Given>>,
}

/// The names that an object must have (E6).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Names {
    namespace: String,
    name: String,
}

impl Names {
    fn of(kind: &'static str, meta: &ObjectMeta) -> Result<Self, Incompatible> {
        let name = Self::name_of(kind, meta)?;
        match meta.namespace.owned() {
            Some(namespace) => Ok(Self { namespace, name }),
            None => Err(Incompatible::new(kind, format!("\"{name}\" has no namespace"))),
        }
    }

    /// For objects of the whole cluster, which have no namespace.
    fn name_of(kind: &'static str, meta: &ObjectMeta) -> Result<String, Incompatible> {
        meta.name.owned().ok_or_else(|| Incompatible::new(kind, "it has no name"))
    }
}

/// A value from `source`, or why there is none.
fn told<T>(value: Option<T>, source: &'static str, at: Timestamp, reason: &str) -> Fact<T> {
    match value {
        Some(value) => Fact::seen(value, source, at),
        None => Fact::unavailable(source, reason),
    }
}

/// How long words and messages of a cluster may be where they are told on.
const MAX_MESSAGE_CHARS: usize = 1_000;
const MAX_WORD_CHARS: usize = 64;

/// A cluster's message, cut to what a person reads.
pub(crate) fn message(text: &str) -> String {
    text.chars().take(MAX_MESSAGE_CHARS).collect()
}

/// A cluster's `CamelCase` word in our spelling: `ErrImagePull` is `err_image_pull`.
fn word(text: &str) -> String {
    let mut out = String::new();
    let mut was_lower = false;
    for c in text.chars().take(MAX_WORD_CHARS) {
        if !c.is_ascii_alphanumeric() {
            out.push('_');
            was_lower = false;
            continue;
        }
        if c.is_ascii_uppercase() && was_lower {
            out.push('_');
        }
        was_lower = !c.is_ascii_uppercase();
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// An architecture in the words that Hostler and QEMU use; Kubernetes uses Go's.
fn arch(word: &str) -> String {
    match word {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        other => other,
    }
    .to_owned()
}

#[cfg(test)]
mod tests;
