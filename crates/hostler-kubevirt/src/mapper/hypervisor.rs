//! How an instance runs, as far as the API of Kubernetes lets one conclude (X2). The
//! process is not looked at, and so nothing here is certain.
//!
//! | what is seen, the first that holds | the word |
//! |---|---|
//! | the condition `SoftwareEmulation` of the instance | `qemu` |
//! | its launcher, the pod around it, was given `/dev/kvm` | `kvm` |
//! | its launcher was given `/dev/mshv` | `hyperv` |
//! | its launcher was given neither | `qemu` |
//! | no emulation is allowed, and its node has KVM, or does not tell | `kvm` |
//! | emulation is allowed, and its node has no KVM | `qemu` |
//! | anything else | none, with the reason |
//!
//! KubeVirt asks for the device unless emulation is allowed, and emulates where a
//! launcher has none. A launcher was made when its instance was; the installation may
//! have been changed since, which is why the launcher counts more.

use hostler_core::metrics::hypervisor::{Confidence, DetectionResult, Reading, detect};
use hostler_core::{Fact, Timestamp};

use super::source::{CLUSTER, POD_SPEC, VMI_STATUS};
use super::{Surroundings, told};
use crate::objects::VirtualMachineInstance;

/// What a launcher was given to run a guest by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// `/dev/kvm`.
    Kvm,
    /// `/dev/mshv`, Hyper-V's.
    Mshv,
    /// Neither.
    Nothing,
}

/// A word, or why there is none.
pub(super) struct Conclusion {
    word: Result<&'static str, &'static str>,
    source: &'static str,
    /// What it was concluded from; `None` where the cluster itself says so.
    how: Option<&'static str>,
}

/// Concludes of an instance that is not over; `None` without one.
pub(super) fn conclude(
    vmi: Option<&VirtualMachineInstance>,
    around: &Surroundings,
) -> Option<Conclusion> {
    let vmi = vmi.filter(|vmi| !vmi.is_over())?;
    if vmi.status.conditions.is_true("SoftwareEmulation") {
        return Some(Conclusion { word: Ok("qemu"), source: VMI_STATUS, how: None });
    }
    let node = vmi.status.node_name.text();
    let launcher =
        vmi.metadata.uid.text().zip(node).and_then(|(uid, node)| {
            around.launchers.get(&(uid.to_owned(), node.to_owned())).copied()
        });
    if let Some(given) = launcher {
        let (word, how) = match given {
            Given::Kvm => ("kvm", "concluded from its launcher, which was given /dev/kvm"),
            Given::Mshv => ("hyperv", "concluded from its launcher, which was given /dev/mshv"),
            Given::Nothing => ("qemu", "concluded from its launcher, which was given no /dev/kvm"),
        };
        return Some(Conclusion { word: Ok(word), source: POD_SPEC, how: Some(how) });
    }
    let kvm = node.and_then(|node| around.kvm_by_node.get(node).copied());
    Some(by_installation(around, kvm))
}

/// Where nothing of its launcher was read.
fn by_installation(around: &Surroundings, kvm: Option<u64>) -> Conclusion {
    let none = |reason| Conclusion { word: Err(reason), source: CLUSTER, how: None };
    let some = |word, how| Conclusion { word: Ok(word), source: CLUSTER, how: Some(how) };
    let Some(cluster) = &around.cluster else {
        return none("the installation, which tells what it may be, was not read");
    };
    let has_own = cluster.hypervisors.iter().any(|name| name != "kvm");
    match (cluster.uses_emulation.value(), has_own, kvm) {
        (_, true, _) => none("the installation names hypervisors of its own"),
        (Some(false), false, Some(0)) => {
            none("the installation allows no emulation, and its node tells of no KVM")
        }
        (Some(false), false, _) => some(
            "kvm",
            "concluded from the installation's configuration, which allows no emulation; the \
             process was not looked at",
        ),
        (Some(true), false, Some(0)) => some(
            "qemu",
            "concluded from its node, which has no KVM, where the installation allows emulation",
        ),
        (Some(true), false, _) => none("the installation allows emulation where there is no KVM"),
        (None, false, _) => none("the installation does not tell whether it allows emulation"),
    }
}

/// The same as a fact.
pub(super) fn fact(conclusion: Option<Conclusion>, at: Timestamp) -> Fact<String> {
    let Some(Conclusion { word, source, how }) = conclusion else {
        return Fact::unavailable(VMI_STATUS, "it is off, and told only of an instance");
    };
    match (word, how) {
        (Err(reason), _) => Fact::unavailable(source, reason),
        (Ok(word), Some(how)) => Fact::partial(word.to_owned(), source, at, how),
        (Ok(word), None) => told(Some(word.to_owned()), source, at, ""),
    }
}

/// The same as a detection: `low`, since none of it is seen (A10).
pub(super) fn detection(conclusion: Conclusion) -> Option<DetectionResult> {
    let found = match conclusion.word {
        Err(reason) => return detect(Reading::Unavailable(reason)),
        Ok(word) => detect(Reading::Domain { domain_type: Some(word), has_own_accelerator: false }),
    };
    found.map(|found| DetectionResult { confidence: Confidence::Low, ..found })
}
