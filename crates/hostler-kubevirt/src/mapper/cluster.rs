//! The installation of KubeVirt in a cluster, as far as hosts and VMs depend on what it was
//! told to do (X29).

use hostler_core::{Fact, Timestamp};

use super::source::CLUSTER;
use super::{Incompatible, Names, arch, told};
use crate::installation::{Installation, choose};
use crate::objects::KubeVirt;

/// An installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedCluster {
    /// What its object tells, as its health is judged by.
    pub installation: Installation,
    /// The version that runs, for example `v1.8.0`.
    pub version: Fact<String>,
    /// Whether VMs are emulated on nodes without KVM.
    pub uses_emulation: Fact<bool>,
    /// Hypervisors that it was told to use; empty: KVM.
    pub hypervisors: Vec<String>,
    /// The architecture of VMs that name none, in Hostler's words.
    pub default_arch: Option<String>,
}

/// Maps an installation, received at `seen_at`.
pub fn map_cluster(object: &KubeVirt, seen_at: Timestamp) -> Result<MappedCluster, Incompatible> {
    Names::of("KubeVirt", &object.metadata)?;
    let installation = Installation::of(object);
    let version = installation.version.clone();
    let configuration = object.spec.configuration.as_ref();
    let developer = configuration.map(|c| &c.developer_configuration);
    Ok(MappedCluster {
        // Where there is a configuration that does not name it, it is off, by
        // definition of the API.
        uses_emulation: told(
            developer.map(|developer| developer.use_emulation.is_true()),
            CLUSTER,
            seen_at,
            "the installation does not tell its configuration",
        ),
        hypervisors: configuration
            .map(|c| c.hypervisors.iter().filter_map(|h| h.name.owned()).collect())
            .unwrap_or_default(),
        default_arch: object.status.default_architecture.text().map(arch),
        version: told(version, CLUSTER, seen_at, "its operator has not told the version yet"),
        installation,
    })
}

/// Of several installations the one that counts. Where that cannot be told there is none.
pub(crate) fn the_one(all: Vec<MappedCluster>) -> Option<MappedCluster> {
    let chosen = choose(all, |it| &it.installation)?;
    (!chosen.is_ambiguous).then_some(chosen.one)
}
