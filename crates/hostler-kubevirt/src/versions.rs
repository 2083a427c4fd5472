//! Which version of an API group is spoken: what a cluster serves differs by
//! KubeVirt's version, so it is asked and never assumed.

use serde_json::Value;

/// An API group that this driver speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// Its name, as in `/apis/NAME`.
    pub name: &'static str,
    /// The versions whose fields this driver knows, best first.
    pub known: &'static [&'static str],
}

/// Machines, instances, migrations and installations.
pub const KUBEVIRT: Group = Group { name: "kubevirt.io", known: &["v1"] };

/// The verbs and streams of machines and instances, by KubeVirt's own server. They are the same
/// in both.
pub const SUBRESOURCES: Group =
    Group { name: "subresources.kubevirt.io", known: &["v1", "v1alpha3"] };

/// Instance types and preferences. They are only read, field by field: where a cluster prefers
/// `v1`, it is read as `v1beta1` is, and what is not in it is told as absent. Where it does not say,
/// the older is asked for, which all of these versions of KubeVirt serve.
pub const INSTANCETYPE: Group =
    Group { name: "instancetype.kubevirt.io", known: &["v1beta1", "v1"] };

/// What CDI does for volumes.
pub const CDI: Group = Group { name: "cdi.kubevirt.io", known: &["v1beta1"] };

/// Networks beside that of the pods (Multus).
pub const NETWORKS: Group = Group { name: "k8s.cni.cncf.io", known: &["v1"] };

/// Those whose version is chosen once per connection; the others are asked for where they are
/// used.
const OF_A_CONNECTION: [Group; 5] = [KUBEVIRT, SUBRESOURCES, INSTANCETYPE, CDI, NETWORKS];

/// The group of that name, where its version is chosen once per connection.
pub fn of_group(name: &str) -> Option<Group> {
    OF_A_CONNECTION.into_iter().find(|group| group.name == name)
}

/// Of a group's discovery document: the version that the cluster prefers, and all that it serves.
pub fn told(group: &Value) -> (Option<&str>, Vec<&str>) {
    let preferred = group.pointer("/preferredVersion/version").and_then(Value::as_str);
    let versions = group.get("versions").and_then(Value::as_array).into_iter().flatten();
    let served = versions.filter_map(|one| one.get("version").and_then(Value::as_str));
    (preferred, served.collect())
}

/// Snapshots and restores.
pub const SNAPSHOT: Group = Group { name: "snapshot.kubevirt.io", known: &["v1beta1", "v1alpha1"] };

/// Clones of VMs. The fields that are used are the same in both.
pub const CLONE: Group = Group { name: "clone.kubevirt.io", known: &["v1beta1", "v1alpha1"] };

impl Group {
    /// The best version known here: what is spoken where the cluster does not tell.
    pub fn best(&self) -> &'static str {
        self.known.first().copied().unwrap_or_default()
    }

    /// The version to speak: what the cluster prefers if it is known here, else
    /// the best known one that it serves. `None` when there is none: then this
    /// driver cannot use the group, whatever else works.
    ///
    /// `preferred` is `preferredVersion.version` of the group's discovery
    /// document, `served` its `versions[].version`.
    pub fn choose(&self, preferred: Option<&str>, served: &[&str]) -> Option<&'static str> {
        let known = |wanted: &str| self.known.iter().copied().find(|version| *version == wanted);
        let served_preferred = preferred.filter(|version| served.contains(version));
        served_preferred
            .and_then(known)
            .or_else(|| self.known.iter().copied().find(|version| served.contains(version)))
    }
}
