//! Which version of an API group is spoken: what a cluster serves differs by
//! KubeVirt's version, so it is asked and never assumed.

/// An API group that this driver speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// Its name, as in `/apis/NAME`.
    pub name: &'static str,
    /// The versions whose fields this driver knows, best first.
    pub known: &'static [&'static str],
}

/// Snapshots and restores.
pub const SNAPSHOT: Group = Group { name: "snapshot.kubevirt.io", known: &["v1beta1", "v1alpha1"] };

/// Clones of VMs. The fields that are used are the same in both.
pub const CLONE: Group = Group { name: "clone.kubevirt.io", known: &["v1beta1", "v1alpha1"] };

impl Group {
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
