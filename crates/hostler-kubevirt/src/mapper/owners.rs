//! Who else looks after an object (X25): a tool that keeps it as it is written
//! down somewhere, or a controller that made it. Hostler does not fight them:
//! these are data, on which it is decided elsewhere what is left alone.

use hostler_core::vm::Governance;
use hostler_core::vm::change::Keeper;

use super::message;
use crate::objects::meta::ObjectMeta;

/// One that will put back what is changed behind its back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    /// The tool: `argocd`, `flux`, `helm`; or the kind of a controller, for
    /// example `VirtualMachinePool`.
    pub tool: String,
    /// What it calls the thing that this belongs to, where it says so.
    pub name: Option<String>,
    /// By what it was recognised, for people: `label app.kubernetes.io/managed-by`.
    pub evidence: String,
}

impl From<Owner> for Keeper {
    fn from(Owner { tool, name, evidence }: Owner) -> Self {
        Self { tool, name, evidence }
    }
}

/// Marks by which tools are recognised: in labels or annotations, and whether
/// the value names what it belongs to.
const MARKS: &[(&str, &str, bool)] = &[
    ("argocd", "argocd.argoproj.io/tracking-id", true),
    ("argocd", "argocd.argoproj.io/instance", true),
    ("flux", "kustomize.toolkit.fluxcd.io/name", true),
    ("flux", "helm.toolkit.fluxcd.io/name", true),
    ("helm", "meta.helm.sh/release-name", true),
];
/// Names under which tools write fields. Server-side apply leaves them even
/// where the tool leaves no mark.
const MANAGERS: &[(&str, &str)] = &[
    ("argocd-controller", "argocd"),
    ("argocd-application-controller", "argocd"),
    ("kustomize-controller", "flux"),
    ("helm-controller", "flux"),
    ("helm", "helm"),
];

/// What it belongs to, by the labels that Kubernetes recommends for it (E19), each of which
/// stands for itself; where one is missing, by that of Shepherd, which keeps VMs by the same
/// three words and may have made this one.
pub(super) fn governance(meta: &ObjectMeta) -> Governance {
    let label = |key: &str, older: &str| meta.label(key).or_else(|| meta.label(older)).map(message);
    Governance {
        system: label("app.kubernetes.io/part-of", "kubevirt-shepherd.io/system"),
        service: label("app.kubernetes.io/name", "kubevirt-shepherd.io/service"),
        instance: label("app.kubernetes.io/instance", "kubevirt-shepherd.io/instance"),
    }
}

/// All owners of an object, without repetition.
pub(super) fn owners(meta: &ObjectMeta) -> Vec<Owner> {
    let mut found: Vec<Owner> = Vec::new();
    let mut add = |tool: &str, name: Option<&str>, evidence: String| {
        if !found.iter().any(|owner| owner.tool == tool) {
            found.push(Owner { tool: message(tool), name: name.map(message), evidence });
        }
    };
    for (tool, key, names) in MARKS {
        for (place, value) in [("annotation", meta.annotation(key)), ("label", meta.label(key))] {
            if let Some(value) = value {
                add(tool, names.then_some(value), format!("{place} {key}"));
            }
        }
    }
    let managed_by = "app.kubernetes.io/managed-by";
    if meta.label(managed_by) == Some("Helm") {
        add("helm", None, format!("label {managed_by}"));
    }
    for fields in meta.managed_fields.iter().filter(|fields| fields.subresource.text().is_none()) {
        let manager = fields.manager.text().unwrap_or_default();
        if let Some((_, tool)) = MANAGERS.iter().find(|(name, _)| *name == manager) {
            add(tool, None, format!("field manager {manager}"));
        }
    }
    if let Some(controller) = meta.controller() {
        let kind = controller.kind.text().unwrap_or("unknown");
        // An instance's VM is the VM itself, nobody else.
        if kind != "VirtualMachine" {
            add(kind, controller.name.text(), "owner reference".to_owned());
        }
    }
    found
}
