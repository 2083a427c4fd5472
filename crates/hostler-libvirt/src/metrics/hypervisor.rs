//! What VMs run by, from their documents (A4, A5): read once for each change of
//! a VM, and remembered in between (B8).

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hostler_core::metrics::Metric::VmHypervisorInfo;
use hostler_core::metrics::hypervisor::{Confidence, DetectionResult, Reading, detect};
use hostler_core::metrics::{Labels, Point};
use hostler_libvirt_rpc::{Domain, Uuid};
use hostler_provider::{Cx, Kind};
use tokio::time::Instant;

use crate::Libvirt;
use crate::inventory::cache::Gist;

/// How long one document may take to be read.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a document that could not be read is left alone, unless it changes.
const AGAIN: Duration = Duration::from_secs(30);
/// Who says so.
const SOURCE: &str = "libvirt";

/// What could not be found out, and what has been logged.
#[derive(Default)]
pub(super) struct Detected(Mutex<State>);

#[derive(Default)]
struct State {
    failed: HashMap<Uuid, Failed>,
    /// What was logged last of a VM: once, not with every pass (X4).
    logged: HashMap<Uuid, String>,
}

struct Failed {
    id: i32,
    at: Instant,
    result: DetectionResult,
}

impl Detected {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets VMs that are not there any more.
    pub(super) fn retain(&self, present: &HashSet<Uuid>) {
        let mut state = self.lock();
        state.failed.retain(|uuid, _| present.contains(uuid));
        state.logged.retain(|uuid, _| present.contains(uuid));
    }

    fn failed(&self, domain: &Domain) -> Option<DetectionResult> {
        let state = self.lock();
        let failed = state.failed.get(&domain.uuid)?;
        let holds = failed.id == domain.id && failed.at.elapsed() < AGAIN;
        holds.then(|| failed.result.clone())
    }

    /// Whether this is news of that VM.
    fn is_news(&self, uuid: Uuid, error: &str) -> bool {
        let mut state = self.lock();
        let is_news = state.logged.get(&uuid).is_none_or(|logged| logged != error);
        if is_news {
            state.logged.insert(uuid, error.to_owned());
        }
        is_news
    }
}

impl Libvirt {
    /// What a running VM runs by; `None` when it is gone.
    pub(super) async fn detect(&self, cx: &Cx, domain: &Domain) -> Option<DetectionResult> {
        let detected = &self.measuring.detected;
        let known = match self.link.cache.settled(domain) {
            Some(known) => Ok(known),
            None => match detected.failed(domain) {
                Some(failed) => return Some(failed),
                None => {
                    let read = self.link.read(&cx.at_most(PATIENCE), domain).await;
                    read.map(|known| Gist::of(&known, domain.uuid))
                }
            },
        };
        let result = match &known {
            Ok(known) => detect(reading(known)),
            Err(error) => match error.kind() {
                Kind::NotFound => detect(Reading::NotFound),
                Kind::Bug => detect(Reading::Malformed(error.message())),
                _ => detect(Reading::Unavailable(error.message())),
            },
        }?;
        if let Some(error) = &result.error
            && detected.is_news(domain.uuid, error)
        {
            match &known {
                Ok(_) => tracing::warn!(vm = %domain.name, error, "unknown hypervisor"),
                Err(why) => {
                    let raw = why.raw();
                    tracing::error!(vm = %domain.name, error, raw, "hypervisor not detected");
                }
            }
        }
        let mut state = detected.lock();
        match known {
            Ok(_) => drop(state.failed.remove(&domain.uuid)),
            Err(_) => {
                let failed = Failed { id: domain.id, at: Instant::now(), result: result.clone() };
                state.failed.insert(domain.uuid, failed);
            }
        }
        Some(result)
    }
}

fn reading(known: &Gist) -> Reading<'_> {
    Reading::Domain {
        domain_type: known.kind.as_deref(),
        has_own_accelerator: known.has_own_accelerator,
    }
}

/// The same as a point.
pub(super) fn point(result: &DetectionResult) -> Point {
    // What was not found out has no source.
    let source = if result.confidence == Confidence::Unknown { "none" } else { SOURCE };
    let (hypervisor, accelerator) = (result.hypervisor_word(), result.accelerator());
    let labels = Labels::new([hypervisor, accelerator, source, result.confidence.as_str()]);
    Point::labelled(VmHypervisorInfo, labels, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::cache::Known;
    use crate::xml::domain::read::Domain as Document;

    fn of(xml: &str) -> Vec<String> {
        let domain = std::sync::Arc::new(Document::read(xml).unwrap());
        let known = Known { domain, at: hostler_core::Timestamp::from_millis(1) };
        let gist = Gist::of(&known, hostler_libvirt_rpc::Uuid([0; 16]));
        let point = point(&detect(reading(&gist)).unwrap());
        assert!(point.is_sound());
        point.labels.values().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a4_a5_a10_b9_x2_x4_a_domains_document_alone_tells_hypervisor_and_confidence() {
        let plain = |kind: &str| of(&format!("<domain type='{kind}'><name>a</name></domain>"));
        assert_eq!(plain("kvm"), ["kvm", "kvm", "libvirt", "high"]);
        assert_eq!(plain("qemu"), ["qemu", "tcg", "libvirt", "high"]);
        assert_eq!(plain("xen"), ["xen", "unknown", "libvirt", "high"]);
        assert_eq!(plain("test"), ["test", "unknown", "libvirt", "high"]);
        assert_eq!(plain("quantum"), ["quantum", "unknown", "none", "unknown"]);
        let untyped = of("<domain><name>a</name></domain>");
        assert_eq!(untyped, ["unknown", "unknown", "none", "unknown"]);
    }

    #[test]
    fn x4_arguments_of_its_own_make_the_accelerator_less_certain() {
        let with = |arguments: &[&str]| {
            let arguments: String =
                arguments.iter().map(|value| format!("<q:arg value='{value}'/>")).collect();
            of(&format!(
                "<domain type='qemu' xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'>\
                 <name>a</name><q:commandline>{arguments}</q:commandline></domain>"
            ))
        };
        for arguments in [&["-accel", "hvf"][..], &["-enable-kvm"], &["-machine", "accel=kvm:tcg"]]
        {
            assert_eq!(with(arguments), ["qemu", "tcg", "libvirt", "low"], "{arguments:?}");
        }
        assert_eq!(with(&["-set", "device.x.y=z"]), ["qemu", "tcg", "libvirt", "high"]);
    }

    #[test]
    fn x4_an_unknown_type_is_logged_once_for_each_vm() {
        let detected = Detected::default();
        let (one, other) = (Uuid([1; 16]), Uuid([2; 16]));
        assert!(detected.is_news(one, "bad") && detected.is_news(other, "bad"));
        assert!(!detected.is_news(one, "bad"));
        assert!(detected.is_news(one, "worse"));
        detected.retain(&HashSet::from([other]));
        assert!(detected.is_news(one, "worse"), "another VM of that id");
        assert!(!detected.is_news(other, "bad"));
    }
}
