//! The installation of KubeVirt in a cluster: its version, how it is, and what
//! it was told to do (X28, X29).

use hostler_core::{Fact, Timestamp};

use super::source::CLUSTER;
use super::{Incompatible, Names, arch, message, told};
use crate::objects::KubeVirt;
use crate::objects::meta::Condition;

/// An installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedCluster {
    /// The namespace of its object, which differs by distribution.
    pub namespace: String,
    /// The name of its object, likewise.
    pub name: String,
    /// The version that runs, for example `v1.8.0`.
    pub version: Fact<String>,
    /// The version that it is being brought to, where that is another one.
    pub target_version: Option<String>,
    /// `Deploying`, `Deployed`, `Deleting`, `Deleted`, as its operator says.
    pub phase: Option<String>,
    /// Why it is not healthy, in its operator's words; `None`: it is deployed,
    /// available and not degraded (X28).
    pub trouble: Option<String>,
    /// Whether VMs are emulated on nodes without KVM.
    pub uses_emulation: Fact<bool>,
    /// Hypervisors that it was told to use; empty: KVM.
    pub hypervisors: Vec<String>,
    /// Feature gates that were opened. Which are open by themselves depends on
    /// the version.
    pub feature_gates: Vec<String>,
    /// Feature gates that were closed.
    pub disabled_feature_gates: Vec<String>,
    /// The architecture of VMs that name none, in Hostler's words.
    pub default_arch: Option<String>,
}

/// Maps an installation, received at `seen_at`.
pub fn map_cluster(object: &KubeVirt, seen_at: Timestamp) -> Result<MappedCluster, Incompatible> {
    let names = Names::of("KubeVirt", &object.metadata)?;
    let status = &object.status;
    let version = status.observed_kube_virt_version.owned();
    let configuration = object.spec.configuration.as_ref();
    let developer = configuration.map(|c| &c.developer_configuration);
    let words = |list: Option<&[String]>| list.unwrap_or_default().to_vec();
    Ok(MappedCluster {
        target_version: status
            .target_kube_virt_version
            .owned()
            .filter(|target| Some(target) != version.as_ref()),
        phase: status.phase.owned(),
        trouble: trouble(object),
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
        feature_gates: words(developer.map(|developer| &*developer.feature_gates)),
        disabled_feature_gates: words(developer.map(|d| &*d.disabled_feature_gates)),
        default_arch: status.default_architecture.text().map(arch),
        version: told(version, CLUSTER, seen_at, "its operator has not told the version yet"),
        namespace: names.namespace,
        name: names.name,
    })
}

/// Of several installations the one that counts: the only one that is deployed. Where
/// that cannot be told there is none.
pub(crate) fn the_one(mut all: Vec<MappedCluster>) -> Option<MappedCluster> {
    if all.len() > 1 {
        all.retain(|it| it.phase.as_deref() == Some("Deployed"));
    }
    let one = all.pop();
    one.filter(|_| all.is_empty())
}

fn trouble(object: &KubeVirt) -> Option<String> {
    let status = &object.status;
    match status.phase.text() {
        Some("Deployed") => {}
        Some(phase) => return Some(format!("it is in phase {}", message(phase))),
        None => return Some("its operator has not handled it yet".to_owned()),
    }
    let said = |kind: &str, condition: Option<&Condition>| {
        let why = condition.and_then(Condition::why).unwrap_or("its operator gives no reason");
        Some(format!("{kind}: {}", message(why)))
    };
    let available = status.conditions.of("Available");
    if available.and_then(Condition::holds) != Some(true) {
        return said("it is not available", available);
    }
    if status.conditions.is_true("Degraded") {
        return said("it is degraded", status.conditions.of("Degraded"));
    }
    None
}
