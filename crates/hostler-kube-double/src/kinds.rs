//! The kinds that the double serves: groups, versions, scopes, and which have a status subresource.
//!
//! KubeVirt's are as its custom resource definitions say (main, August 2026); the rest is what a
//! provider reads beside them.

use std::collections::BTreeMap;

/// A kind of object.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// The group; empty for the core.
    pub group: &'static str,
    /// The versions that can be served, the preferred first.
    pub versions: &'static [&'static str],
    /// As in paths.
    pub plural: &'static str,
    /// As in bodies.
    pub kind: &'static str,
    /// Whether objects live in a namespace.
    pub namespaced: bool,
    /// Whether there is `/status`, and the main resource drops it.
    pub has_status: bool,
    /// Whether a custom resource definition makes it: then items of lists tell their kind, and there
    /// is no strategic merge.
    pub custom: bool,
}

impl Kind {
    /// `virtualmachines.kubevirt.io`, or `pods`.
    pub fn qualified(&self) -> String {
        match self.group {
            "" => self.plural.to_owned(),
            group => format!("{}.{group}", self.plural),
        }
    }

    /// `VirtualMachine.kubevirt.io`, or `Pod`.
    pub(crate) fn qualified_kind(&self) -> String {
        match self.group {
            "" => self.kind.to_owned(),
            group => format!("{}.{group}", self.kind),
        }
    }

    /// `kubevirt.io/v1`, or `v1`.
    pub(crate) fn api_version(&self, version: &str) -> String {
        match self.group {
            "" => version.to_owned(),
            group => format!("{group}/{version}"),
        }
    }
}

const fn custom(
    group: &'static str,
    versions: &'static [&'static str],
    plural: &'static str,
    kind: &'static str,
    has_status: bool,
) -> Kind {
    Kind { group, versions, plural, kind, namespaced: true, has_status, custom: true }
}

const fn cluster(kind: Kind) -> Kind {
    Kind { namespaced: false, ..kind }
}

const fn built_in(
    group: &'static str,
    plural: &'static str,
    kind: &'static str,
    has_status: bool,
) -> Kind {
    Kind { group, versions: &["v1"], plural, kind, namespaced: true, has_status, custom: false }
}

const VIRT: &[&str] = &["v1", "v1alpha3"];
const SNAPSHOT: &[&str] = &["v1beta1", "v1alpha1"];
const ONLY_V1BETA1: &[&str] = &["v1beta1"];

/// The virtual machine.
pub(crate) const VM: Kind = custom("kubevirt.io", VIRT, "virtualmachines", "VirtualMachine", true);
/// What runs of it. It has no status subresource.
pub(crate) const VMI: Kind =
    custom("kubevirt.io", VIRT, "virtualmachineinstances", "VirtualMachineInstance", false);
/// One live migration.
pub(crate) const VMIM: Kind = custom(
    "kubevirt.io",
    VIRT,
    "virtualmachineinstancemigrations",
    "VirtualMachineInstanceMigration",
    true,
);
/// The installation.
pub(crate) const KUBEVIRT: Kind = custom("kubevirt.io", VIRT, "kubevirts", "KubeVirt", true);
/// A snapshot of a virtual machine.
pub(crate) const SNAPSHOTS: Kind = custom(
    "snapshot.kubevirt.io",
    SNAPSHOT,
    "virtualmachinesnapshots",
    "VirtualMachineSnapshot",
    true,
);
/// A return to a snapshot.
pub(crate) const RESTORES: Kind = custom(
    "snapshot.kubevirt.io",
    SNAPSHOT,
    "virtualmachinerestores",
    "VirtualMachineRestore",
    true,
);
/// A machine that is made of another one.
pub(crate) const CLONES: Kind =
    custom("clone.kubevirt.io", SNAPSHOT, "virtualmachineclones", "VirtualMachineClone", true);
/// A namespace.
pub(crate) const NAMESPACE: Kind = cluster(built_in("", "namespaces", "Namespace", true));
/// A node.
pub(crate) const NODE: Kind = cluster(built_in("", "nodes", "Node", true));

/// All of them.
pub const KINDS: &[Kind] = &[
    NAMESPACE,
    NODE,
    built_in("", "pods", "Pod", true),
    built_in("", "persistentvolumeclaims", "PersistentVolumeClaim", true),
    cluster(built_in("", "persistentvolumes", "PersistentVolume", true)),
    built_in("", "events", "Event", false),
    built_in("", "secrets", "Secret", false),
    built_in("", "configmaps", "ConfigMap", false),
    built_in("", "services", "Service", true),
    cluster(built_in("storage.k8s.io", "storageclasses", "StorageClass", false)),
    custom(
        "k8s.cni.cncf.io",
        &["v1"],
        "network-attachment-definitions",
        "NetworkAttachmentDefinition",
        false,
    ),
    custom("cdi.kubevirt.io", ONLY_V1BETA1, "datavolumes", "DataVolume", true),
    custom("cdi.kubevirt.io", ONLY_V1BETA1, "datasources", "DataSource", true),
    cluster(custom("cdi.kubevirt.io", ONLY_V1BETA1, "storageprofiles", "StorageProfile", true)),
    VM,
    VMI,
    VMIM,
    KUBEVIRT,
    SNAPSHOTS,
    custom(
        "snapshot.kubevirt.io",
        SNAPSHOT,
        "virtualmachinesnapshotcontents",
        "VirtualMachineSnapshotContent",
        true,
    ),
    RESTORES,
    CLONES,
    custom(
        "instancetype.kubevirt.io",
        ONLY_V1BETA1,
        "virtualmachineinstancetypes",
        "VirtualMachineInstancetype",
        false,
    ),
    cluster(custom(
        "instancetype.kubevirt.io",
        ONLY_V1BETA1,
        "virtualmachineclusterinstancetypes",
        "VirtualMachineClusterInstancetype",
        false,
    )),
    custom(
        "instancetype.kubevirt.io",
        ONLY_V1BETA1,
        "virtualmachinepreferences",
        "VirtualMachinePreference",
        false,
    ),
    cluster(custom(
        "instancetype.kubevirt.io",
        ONLY_V1BETA1,
        "virtualmachineclusterpreferences",
        "VirtualMachineClusterPreference",
        false,
    )),
    cluster(custom(
        "migrations.kubevirt.io",
        &["v1alpha1"],
        "migrationpolicies",
        "MigrationPolicy",
        true,
    )),
];

/// Which groups are served now, in which versions, the preferred first.
#[derive(Debug, Clone)]
pub(crate) struct Catalog(BTreeMap<String, Vec<String>>);

impl Default for Catalog {
    fn default() -> Self {
        let mut served = BTreeMap::new();
        for kind in KINDS {
            let versions = kind.versions.iter().map(|&version| version.to_owned()).collect();
            served.insert(kind.group.to_owned(), versions);
        }
        Self(served)
    }
}

impl Catalog {
    /// Serves a group in these versions alone; in none: not at all.
    pub(crate) fn serve(&mut self, group: &str, versions: &[&str]) {
        if versions.is_empty() {
            self.0.remove(group);
        } else {
            let versions = versions.iter().map(|&version| version.to_owned()).collect();
            self.0.insert(group.to_owned(), versions);
        }
    }

    /// The groups but the core, with their versions.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0
            .iter()
            .filter(|(group, _)| !group.is_empty())
            .map(|(group, versions)| (group.as_str(), versions.as_slice()))
    }

    /// The versions of a group; none where it is not served.
    pub(crate) fn versions(&self, group: &str) -> &[String] {
        self.0.get(group).map_or(&[], Vec::as_slice)
    }

    /// The kind at a path.
    pub(crate) fn find(&self, group: &str, version: &str, plural: &str) -> Option<&'static Kind> {
        self.versions(group).iter().find(|one| *one == version)?;
        KINDS.iter().find(|kind| kind.group == group && kind.plural == plural)
    }

    /// The kinds of a group.
    pub(crate) fn of_group(&self, group: &str) -> Vec<&'static Kind> {
        match self.versions(group) {
            [] => Vec::new(),
            _ => KINDS.iter().filter(|kind| kind.group == group).collect(),
        }
    }

    /// The kind that a body names.
    pub(crate) fn of_body(api_version: &str, kind: &str) -> Option<(&'static Kind, String)> {
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
        let kind = KINDS.iter().find(|one| one.group == group && one.kind == kind)?;
        Some((kind, version.to_owned()))
    }

    /// The kind of a plural name, for those who look from inside.
    pub(crate) fn of_plural(plural: &str) -> Option<&'static Kind> {
        KINDS.iter().find(|kind| kind.plural == plural)
    }
}
