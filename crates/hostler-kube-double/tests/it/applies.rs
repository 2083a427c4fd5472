//! Server-side apply.

use serde_json::{Value, json};

use crate::client::{VMS, failure, start, vm};

fn machine(strategy: &str) -> Value {
    let mut machine = vm("ssa");
    machine["spec"]["runStrategy"] = strategy.into();
    machine
}

fn only_strategy(strategy: &str) -> Value {
    json!({
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "metadata": { "name": "ssa" },
        "spec": { "runStrategy": strategy },
    })
}

fn by(manager: &str) -> String {
    format!("{VMS}/ssa?fieldManager={manager}")
}

#[tokio::test]
async fn an_apply_creates_with_201_and_the_same_again_is_200_without_a_write() {
    let (double, client) = start().await;
    let made = client.apply(by("a"), &machine("Halted")).await;
    assert_eq!(made.status, 201);
    let before = double.revision();
    let again = client.apply(by("a"), &machine("Halted")).await;
    assert_eq!(again.status, 200);
    assert_eq!(again.json(), made.json());
    assert_eq!(double.revision(), before);
}

#[tokio::test]
async fn a_conflict_is_409_with_causes_and_without_a_name() {
    let (_double, client) = start().await;
    client.apply(by("a"), &machine("Halted")).await;
    let words = "Apply failed with 1 conflict: conflict with \"a\": .spec.runStrategy";
    let details = json!({ "causes": [{
        "reason": "FieldManagerConflict", "message": "conflict with \"a\"",
        "field": ".spec.runStrategy",
    }] });
    client
        .apply(by("b"), &only_strategy("Always"))
        .await
        .is(409, &failure(409, "Conflict", words, Some(details)));
}

#[tokio::test]
async fn force_takes_the_field() {
    let (_double, client) = start().await;
    client.apply(by("a"), &machine("Halted")).await;
    let forced = client.apply(format!("{}&force=true", by("b")), &only_strategy("Always")).await;
    assert_eq!((forced.status, &forced.json()["spec"]["runStrategy"]), (200, &json!("Always")));
    // Now it is a who is in conflict.
    let answer = client.apply(by("a"), &machine("Halted")).await;
    assert_eq!(answer.json()["details"]["causes"][0]["message"], "conflict with \"b\"");
}

#[tokio::test]
async fn two_managers_in_the_way_are_both_named() {
    let (_double, client) = start().await;
    client.apply(by("b"), &machine("Halted")).await;
    assert_eq!(client.apply(by("c"), &only_strategy("Halted")).await.status, 200);
    let answer = client.apply(by("d"), &only_strategy("Always")).await;
    let words = "Apply failed with 2 conflicts: conflicts with \"b\":\n- .spec.runStrategy\n\
                 conflicts with \"c\":\n- .spec.runStrategy";
    assert_eq!((answer.status, &answer.json()["message"]), (409, &json!(words)));
    assert_eq!(answer.json()["details"]["causes"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_apply_without_a_manager_is_422() {
    let (_double, client) = start().await;
    let words = "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required \
                 for apply patch";
    let details = json!({ "group": "meta.k8s.io", "kind": "PatchOptions", "causes": [{
        "reason": "FieldValueRequired", "message": "Required value: is required for apply patch",
        "field": "fieldManager",
    }] });
    client
        .apply(format!("{VMS}/ssa"), &machine("Halted"))
        .await
        .is(422, &failure(422, "Invalid", words, Some(details)));
}

#[tokio::test]
async fn managed_fields_in_the_body_are_400() {
    let (_double, client) = start().await;
    let mut body = machine("Halted");
    body["metadata"]["managedFields"] = json!([]);
    let words = "metadata.managedFields must be nil";
    client.apply(by("a"), &body).await.is(400, &failure(400, "BadRequest", words, None));
}

#[tokio::test]
async fn what_webhooks_fill_in_stays_when_it_is_applied_again() {
    let (_double, client) = start().await;
    let made = client.apply(by("a"), &machine("Halted")).await.json();
    let next = client.apply(by("a"), &machine("Manual")).await.json();
    let firmware = |body: &Value| body["spec"]["template"]["spec"]["domain"]["firmware"].clone();
    assert!(firmware(&made).is_object());
    assert_eq!(firmware(&made), firmware(&next));
    assert_eq!(next["metadata"]["generation"], 2);
}

#[tokio::test]
async fn what_is_no_longer_applied_goes() {
    let (_double, client) = start().await;
    let mut labelled = machine("Halted");
    labelled["metadata"]["labels"] = json!({ "a": "1", "b": "2" });
    client.apply(by("a"), &labelled).await;
    labelled["metadata"]["labels"] = json!({ "a": "1" });
    let next = client.apply(by("a"), &labelled).await.json();
    assert_eq!(next["metadata"]["labels"], json!({ "a": "1" }));
}

#[tokio::test]
async fn virt_api_takes_the_strategy_that_it_writes() {
    let (double, client) = start().await;
    client.apply(by("a"), &machine("Halted")).await;
    double.settle();
    client.call("virtualmachines/ssa/start").await.is_accepted();
    let answer = client.apply(by("a"), &machine("Halted")).await;
    assert_eq!(
        answer.json()["message"],
        "Apply failed with 1 conflict: conflict with \"virt-api\" using kubevirt.io/v1: \
         .spec.runStrategy"
    );
}

#[tokio::test]
async fn a_dry_apply_tells_the_conflict_and_keeps_nothing() {
    let (double, client) = start().await;
    let dry = |manager| format!("{}&dryRun=All", by(manager));
    assert_eq!(client.apply(dry("a"), &machine("Halted")).await.status, 201);
    assert_eq!(double.list("virtualmachines").len(), 0);
    client.apply(by("a"), &machine("Halted")).await;
    assert_eq!(client.apply(dry("b"), &only_strategy("Always")).await.status, 409);
}
