//! Who else looks after a VM.

use hostler_core::vm::{Action, Governance};
use hostler_kubevirt::mapper::MappedVm;
use serde_json::{Value, json};

use crate::support::{alone, both, off};

fn told(mapped: &MappedVm) -> Vec<String> {
    let owner = |o: &hostler_kubevirt::mapper::Owner| {
        format!("{} {} by {}", o.tool, o.name.as_deref().unwrap_or("-"), o.evidence)
    };
    mapped.owners.iter().map(owner).collect()
}

fn with(metadata: Value) -> Vec<String> {
    told(&off(json!({ "metadata": metadata })))
}

#[test]
fn e19_the_namespace_and_what_a_vm_belongs_to_are_told() {
    let named = |metadata: Value| off(json!({ "metadata": metadata })).vm;
    let vm = named(json!({ "namespace": "shop", "labels": {
        "app.kubernetes.io/part-of": "webshop", "app.kubernetes.io/name": "cart",
        "app.kubernetes.io/instance": "cart-7", "app": "other",
    } }));
    assert_eq!(vm.namespace.as_deref(), Some("shop"));
    let word = |word: &str| Some(word.to_owned());
    let told =
        Governance { system: word("webshop"), service: word("cart"), instance: word("cart-7") };
    assert_eq!(vm.governance, told);
    let silent = named(json!({ "labels": { "app.kubernetes.io/name": "" } }));
    assert_eq!(silent.governance, Governance::default());
}

#[test]
fn e19_what_shepherd_wrote_is_read_where_nothing_else_says_it() {
    let named = |labels: Value| off(json!({ "metadata": { "labels": labels } })).vm.governance;
    let word = |word: &str| Some(word.to_owned());
    let shepherds = json!({ "kubevirt-shepherd.io/system": "webshop",
        "kubevirt-shepherd.io/service": "cart", "kubevirt-shepherd.io/instance": "01" });
    let told = Governance { system: word("webshop"), service: word("cart"), instance: word("01") };
    assert_eq!(named(shepherds), told);
    let both =
        named(json!({ "kubevirt-shepherd.io/system": "old", "kubevirt-shepherd.io/service": "",
        "app.kubernetes.io/part-of": "webshop", "app.kubernetes.io/instance": "" }));
    assert_eq!(both, Governance { system: word("webshop"), service: None, instance: None });
}

#[test]
fn x25_tools_that_keep_a_vm_as_written_are_recognised_by_their_marks() {
    assert_eq!(with(json!({})), [] as [&str; 0]);
    assert_eq!(
        with(json!({ "annotations": { "argocd.argoproj.io/tracking-id": "shop:web" } })),
        ["argocd shop:web by annotation argocd.argoproj.io/tracking-id"]
    );
    assert_eq!(
        with(json!({ "labels": { "kustomize.toolkit.fluxcd.io/name": "shop" } })),
        ["flux shop by label kustomize.toolkit.fluxcd.io/name"]
    );
    assert_eq!(
        with(json!({ "labels": { "app.kubernetes.io/managed-by": "Helm" },
                     "annotations": { "meta.helm.sh/release-name": "shop" } })),
        ["helm shop by annotation meta.helm.sh/release-name"]
    );
    assert_eq!(
        with(json!({ "labels": { "app.kubernetes.io/managed-by": "Helm" } })),
        ["helm - by label app.kubernetes.io/managed-by"]
    );
    assert_eq!(with(json!({ "labels": { "app.kubernetes.io/managed-by": "me" } })).len(), 0);
}

#[test]
fn x25_what_a_tool_will_turn_back_is_said_before_and_nothing_else() {
    let argocd = json!({ "annotations": { "argocd.argoproj.io/tracking-id": "shop:web" } });
    let cautions = |mapped: &MappedVm| -> Vec<(Action, String)> {
        mapped.vm.cautions.iter().map(|it| (it.action, it.text.clone())).collect()
    };
    let runs = |strategy: &str, metadata: &Value| {
        both(json!({ "metadata": metadata, "spec": { "runStrategy": strategy } }), json!({}))
    };
    let is_off = |strategy: &str, metadata: &Value| {
        off(json!({ "metadata": metadata, "spec": { "runStrategy": strategy },
                    "status": { "printableStatus": "Stopped" } }))
    };
    let kept = runs("Always", &argocd);
    let [keeper] = kept.vm.kept_by.as_slice() else { panic!("{:?}", kept.vm.kept_by) };
    assert_eq!(keeper.to_string(), "argocd (shop:web)");
    let text = "it is kept by argocd (shop:web), by its annotation argocd.argoproj.io/tracking-id: \
                this makes its run strategy Halted, and once argocd puts back what is written down \
                there it is Always and starts again; change it there";
    let told = |action: Action| (action, text.to_owned());
    assert_eq!(cautions(&kept), [told(Action::Stop), told(Action::ForceStop)]);
    let told = cautions(&is_off("Halted", &argocd));
    let [(Action::Start, start)] = told.as_slice() else { panic!("{told:?}") };
    assert!(start.contains("its run strategy Always") && start.contains("stops again"), "{start}");
    for strategy in ["Manual", "RerunOnFailure", "Once"] {
        assert_eq!(cautions(&runs(strategy, &argocd)), [], "{strategy} stays as it is");
        assert_eq!(cautions(&is_off(strategy, &argocd)), [], "{strategy} stays as it is");
    }
    assert_eq!(cautions(&runs("Always", &json!({}))), [], "nobody keeps it");
    assert_eq!(cautions(&is_off("Halted", &json!({}))), [], "nobody keeps it");
}

#[test]
fn x25_and_by_the_fields_they_write() {
    let managed = |fields: Value| with(json!({ "managedFields": fields }));
    let by = json!([{ "manager": "argocd-controller", "operation": "Apply" }]);
    assert_eq!(managed(by), ["argocd - by field manager argocd-controller"]);
    let status = json!([{ "manager": "kustomize-controller", "subresource": "status" }]);
    assert_eq!(managed(status).len(), 0, "who writes the status owns nothing");
    assert_eq!(managed(json!([{ "manager": "kubectl" }, {}, 5])).len(), 0);
}

#[test]
fn x25_a_controller_that_made_it_owns_it() {
    let pool =
        json!([{ "kind": "VirtualMachinePool", "name": "p", "uid": "1", "controller": true }]);
    assert_eq!(
        with(json!({ "ownerReferences": pool })),
        ["VirtualMachinePool p by owner reference"]
    );
    let garbage = json!([{ "kind": "Thing", "name": "p", "uid": "1" }]);
    assert_eq!(with(json!({ "ownerReferences": garbage })).len(), 0, "no controller");
    assert_eq!(told(&alone(json!({}))).len(), 0, "an instance's VM is itself");
}
