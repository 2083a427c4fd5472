//! The kinds of objects that this driver asks for, and the paths they live at.
//!
//! Names come from callers and from the cluster, so a path is only ever built
//! from names that were looked at: `..` or a slash in one would make it the path
//! of something else.

use std::fmt;

use hostler_provider::{Error, Kind, Result};

use crate::versions;

/// A kind of object, as the API server serves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Resource {
    /// Its API group; empty for the core group.
    pub group: &'static str,
    /// Its version; that of the groups whose version is chosen once per connection is another one
    /// where the cluster wants it so: see [`crate::call::Caller`].
    pub version: &'static str,
    /// Its name in paths: lower case, plural.
    pub plural: &'static str,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
}

const fn kubevirt(plural: &'static str) -> Resource {
    Resource { group: versions::KUBEVIRT.name, version: "v1", plural, namespaced: true }
}

const fn types(plural: &'static str, namespaced: bool) -> Resource {
    Resource { group: versions::INSTANCETYPE.name, version: "v1beta1", plural, namespaced }
}

const fn core(plural: &'static str, namespaced: bool) -> Resource {
    Resource { group: "", version: "v1", plural, namespaced }
}

impl Resource {
    /// Virtual machines: what is asked for.
    pub const VMS: Self = kubevirt("virtualmachines");
    /// Virtual machine instances: what runs.
    pub const VMIS: Self = kubevirt("virtualmachineinstances");
    /// Migrations of instances.
    pub const MIGRATIONS: Self = kubevirt("virtualmachineinstancemigrations");
    /// Installations of KubeVirt.
    pub const KUBEVIRTS: Self = kubevirt("kubevirts");
    /// Snapshots of VMs, in the version that is spoken.
    pub const fn snapshots(version: &'static str) -> Self {
        Self {
            group: versions::SNAPSHOT.name,
            version,
            plural: "virtualmachinesnapshots",
            namespaced: true,
        }
    }

    /// What snapshots hold, likewise.
    pub const fn snapshot_contents(version: &'static str) -> Self {
        Self { plural: "virtualmachinesnapshotcontents", ..Self::snapshots(version) }
    }

    /// VMs' being put back to snapshots, likewise.
    pub const fn restores(version: &'static str) -> Self {
        Self { plural: "virtualmachinerestores", ..Self::snapshots(version) }
    }

    /// VMs that are made of others, in the version that is spoken.
    pub const fn clones(version: &'static str) -> Self {
        Self {
            group: versions::CLONE.name,
            version,
            plural: "virtualmachineclones",
            namespaced: true,
        }
    }

    /// Sizes of VMs, of one namespace.
    pub const INSTANCE_TYPES: Self = types("virtualmachineinstancetypes", true);
    /// Sizes of VMs, for all namespaces.
    pub const CLUSTER_INSTANCE_TYPES: Self = types("virtualmachineclusterinstancetypes", false);
    /// What fills in what VMs do not say, of one namespace.
    pub const PREFERENCES: Self = types("virtualmachinepreferences", true);
    /// The same, for all namespaces.
    pub const CLUSTER_PREFERENCES: Self = types("virtualmachineclusterpreferences", false);
    /// Nodes of the cluster.
    pub const NODES: Self = core("nodes", false);
    /// Pods; the launchers of instances among them.
    pub const PODS: Self = core("pods", true);
    /// Secrets; the seeds of cloud-init among them.
    pub const SECRETS: Self = core("secrets", true);
    /// Networks beside that of the pods (Multus).
    pub const NETWORKS: Self = Self {
        group: versions::NETWORKS.name,
        version: "v1",
        plural: "network-attachment-definitions",
        namespaced: true,
    };
    /// Claims with what is to be in them (CDI).
    pub const DATA_VOLUMES: Self = Self {
        group: versions::CDI.name,
        version: "v1beta1",
        plural: "datavolumes",
        namespaced: true,
    };
    /// What CDI knows of each class of storage.
    pub const STORAGE_PROFILES: Self = Self {
        group: versions::CDI.name,
        version: "v1beta1",
        plural: "storageprofiles",
        namespaced: false,
    };
    /// Claims of volumes.
    pub const CLAIMS: Self = core("persistentvolumeclaims", true);
    /// Classes of storage, which are this driver's pools.
    pub const STORAGE_CLASSES: Self = Self {
        group: "storage.k8s.io",
        version: "v1",
        plural: "storageclasses",
        namespaced: false,
    };

    /// Its name with its group, as Kubernetes writes it in messages.
    pub fn full_name(&self) -> String {
        match self.group {
            "" => self.plural.to_owned(),
            group => format!("{}.{group}", self.plural),
        }
    }

    /// The path of all its objects, or of those of one namespace.
    ///
    /// # Errors
    /// `Invalid` where the namespace is no name of one.
    pub fn collection(&self, namespace: Option<&str>) -> Result<String> {
        under(self.group, self.version, self.plural, namespace)
    }

    /// The path of one object.
    ///
    /// # Errors
    /// `Invalid` where a name is none, or where the namespace is missing.
    pub fn object(&self, key: &ObjectKey) -> Result<String> {
        let namespace = self.namespace_of(key)?;
        Ok(format!("{}/{}", self.collection(namespace)?, name(&key.name)?))
    }

    /// The path of a verb or stream of one object, at KubeVirt's own server in this version:
    /// `start` of a VM, `console` of an instance.
    ///
    /// # Errors
    /// `Invalid` where a name is none, or where the namespace is missing.
    pub fn subresource(&self, version: &str, key: &ObjectKey, verb: &str) -> Result<String> {
        let namespace = self.namespace_of(key)?;
        let base = under(versions::SUBRESOURCES.name, version, self.plural, namespace)?;
        let words = verb.split('/').map(segment).collect::<Result<Vec<_>>>()?;
        Ok(format!("{base}/{}/{}", name(&key.name)?, words.join("/")))
    }

    fn namespace_of<'a>(&self, key: &'a ObjectKey) -> Result<Option<&'a str>> {
        match (self.namespaced, key.namespace.as_deref()) {
            (true, Some(namespace)) => Ok(Some(namespace)),
            (true, None) => {
                let message = format!("{} needs a namespace", self.plural);
                Err(Error::new(Kind::Invalid, message))
            }
            (false, _) => Ok(None),
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.plural)
    }
}

/// Whether KubeVirt's own server, and not Kubernetes, answers at this path. Its
/// answers mean other things: see [`crate::error`].
pub fn is_virt_api(path: &str) -> bool {
    path.starts_with("/apis/subresources.kubevirt.io/")
}

/// Names an object of a known kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// Its namespace; `None` for objects of the cluster.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl ObjectKey {
    /// An object in a namespace.
    pub fn in_namespace(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: Some(namespace.into()), name: name.into() }
    }

    /// An object of the cluster.
    pub fn of_cluster(name: impl Into<String>) -> Self {
        Self { namespace: None, name: name.into() }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}/{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

fn under(group: &str, version: &str, plural: &str, namespace: Option<&str>) -> Result<String> {
    let root = match group {
        "" => format!("/api/{version}"),
        group => format!("/apis/{group}/{version}"),
    };
    match namespace {
        Some(wanted) => Ok(format!("{root}/namespaces/{}/{plural}", namespace_name(wanted)?)),
        None => Ok(format!("{root}/{plural}")),
    }
}

/// The longest label of a DNS name, and so the longest name of a namespace.
const LABEL: usize = 63;
/// The longest DNS name, and so the longest name of an object.
const NAME: usize = 253;

/// A name of a namespace: a label of a DNS name.
pub(crate) fn namespace_name(text: &str) -> Result<&str> {
    if text.len() <= LABEL && is_label(text) {
        return Ok(text);
    }
    let remedy = "a namespace is named by up to 63 small letters, digits and hyphens";
    Err(Error::new(Kind::Invalid, format!("{:?} is no namespace: {remedy}", shown(text))))
}

/// A name of an object: labels with dots between.
pub(crate) fn name(text: &str) -> Result<&str> {
    if text.len() <= NAME && text.split('.').all(is_label) {
        return Ok(text);
    }
    let remedy = "an object is named by up to 253 small letters, digits, hyphens and dots";
    Err(Error::new(Kind::Invalid, format!("{:?} is no name: {remedy}", shown(text))))
}

/// A word of our own in a path, such as `start`, or a port.
fn segment(text: &str) -> Result<&str> {
    let fits = |c: u8| c.is_ascii_alphanumeric() || c == b'-';
    if !text.is_empty() && text.len() <= LABEL && text.bytes().all(fits) {
        return Ok(text);
    }
    Err(Error::new(Kind::Bug, format!("{:?} is no subresource", shown(text))))
}

/// Whether it is a label of a DNS name, in all but its length.
pub(crate) fn is_label(text: &str) -> bool {
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    !text.is_empty() && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

/// As much of a strange name as fits into a message.
fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e8_paths_are_those_of_the_api_server() {
        let vm = ObjectKey::in_namespace("default", "vm1");
        let path = |result: Result<String>| result.expect("names that are names");
        assert_eq!(
            path(Resource::VMS.object(&vm)),
            "/apis/kubevirt.io/v1/namespaces/default/virtualmachines/vm1"
        );
        assert_eq!(
            path(Resource::VMS.subresource("v1", &vm, "start")),
            "/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachines/vm1/start"
        );
        assert_eq!(
            path(Resource::VMIS.subresource("v1", &vm, "portforward/22")),
            "/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachineinstances/vm1/\
             portforward/22"
        );
        assert_eq!(path(Resource::VMS.collection(None)), "/apis/kubevirt.io/v1/virtualmachines");
        assert_eq!(path(Resource::NODES.object(&ObjectKey::of_cluster("n1"))), "/api/v1/nodes/n1");
    }

    #[test]
    fn a_name_cannot_lead_elsewhere() {
        for bad in ["", "..", "a/b", "a?x=1", "A", "-a", "a-", "a b", "a\n", "a%2e", "a..b"] {
            let named = Resource::VMS.object(&ObjectKey::in_namespace("default", bad));
            assert_eq!(named.unwrap_err().kind(), Kind::Invalid, "{bad:?}");
            let spaced = Resource::VMS.collection(Some(bad));
            assert_eq!(spaced.unwrap_err().kind(), Kind::Invalid, "{bad:?}");
        }
        let long = "a".repeat(NAME + 1);
        assert!(Resource::VMS.object(&ObjectKey::in_namespace("default", long)).is_err());
        assert!(Resource::VMS.object(&ObjectKey::of_cluster("vm1")).is_err(), "no namespace");
        assert!(
            Resource::VMS
                .subresource("v1", &ObjectKey::in_namespace("default", "vm1"), "../vm2/stop")
                .is_err()
        );
    }
}
