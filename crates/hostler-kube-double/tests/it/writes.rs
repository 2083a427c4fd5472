//! Creates, replacements, patches and deletes.

use serde_json::{Value, json};

use crate::client::{Ask, VMIS, VMS, failure, start, vm, vmi};

fn about(name: &str) -> Option<Value> {
    Some(json!({ "name": name, "group": "kubevirt.io", "kind": "virtualmachines" }))
}

#[tokio::test]
async fn a_create_is_201_with_what_the_server_fills_in() {
    let (double, client) = start().await;
    let made = client.post(VMS, &vm("vm1")).await;
    let body = made.json();
    assert_eq!(made.status, 201);
    assert_eq!(body["metadata"]["generation"], 1);
    assert_eq!(body["metadata"]["namespace"], "default");
    assert_eq!(body["metadata"]["resourceVersion"], double.revision().to_string());
    assert_eq!(body["metadata"]["uid"].as_str().unwrap().len(), 36);
    let entry = &body["metadata"]["managedFields"][0];
    assert_eq!((&entry["manager"], &entry["operation"]), (&json!("curl"), &json!("Update")));
    assert!(entry["fieldsV1"]["f:spec"]["f:runStrategy"].is_object());
    // As virt-api's webhook does.
    let spec = &body["spec"]["template"]["spec"];
    assert_eq!(spec["architecture"], "amd64");
    assert_eq!(spec["domain"]["machine"]["type"], "q35");
    assert_eq!(spec["domain"]["firmware"]["uuid"].as_str().unwrap().len(), 36);
    assert_eq!(client.get(format!("{VMS}/vm1")).await.json(), body);
}

#[tokio::test]
async fn versions_grow_with_each_write_of_any_kind() {
    let (double, client) = start().await;
    let before = double.revision();
    client.post(VMS, &vm("a")).await;
    client.post(VMIS, &vmi("b", "a")).await;
    client.delete(format!("{VMS}/a")).await;
    assert_eq!(double.revision(), before + 3);
}

#[tokio::test]
async fn a_machine_without_a_template_is_422_with_its_field() {
    let (_double, client) = start().await;
    let bad = json!({
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "metadata": { "name": "bad" },
        "spec": { "runStrategy": "Halted" },
    });
    let unchecked = "Invalid value: null: some validation rules were not checked because the object \
                     was invalid; correct the existing errors to complete validation";
    let words = format!(
        "VirtualMachine.kubevirt.io \"bad\" is invalid: [spec.template: Required value, <nil>: \
         {unchecked}]"
    );
    let details = json!({ "name": "bad", "group": "kubevirt.io", "kind": "VirtualMachine", "causes": [
        { "reason": "FieldValueRequired", "message": "Required value", "field": "spec.template" },
        { "reason": "FieldValueInvalid", "message": unchecked, "field": "<nil>" },
    ] });
    client.post(VMS, &bad).await.is(422, &failure(422, "Invalid", &words, Some(details)));
}

#[tokio::test]
async fn an_unknown_field_is_201_with_a_warning() {
    let (_double, client) = start().await;
    let mut machine = vm("vm2");
    machine["spec"]["bogus"] = true.into();
    let answer = client.post(VMS, &machine).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("warning"), r#"299 - "unknown field \"spec.bogus\"""#);
    assert!(answer.json()["spec"].get("bogus").is_none());
    machine["metadata"]["name"] = "vm3".into();
    let quiet = client.post(format!("{VMS}?fieldValidation=Ignore"), &machine).await;
    assert_eq!((quiet.status, quiet.header("warning")), (201, ""));
}

#[tokio::test]
async fn an_unknown_field_is_400_when_strict() {
    let (double, client) = start().await;
    let mut machine = vm("vm2");
    machine["spec"]["bogus"] = true.into();
    let words = "VirtualMachine in version \"v1\" cannot be handled as a VirtualMachine: strict \
                 decoding error: unknown field \"spec.bogus\"";
    client
        .post(format!("{VMS}?fieldValidation=Strict"), &machine)
        .await
        .is(400, &failure(400, "BadRequest", words, None));
    assert_eq!(double.list("virtualmachines").len(), 0);
}

#[tokio::test]
async fn a_second_create_is_409_already_exists() {
    let (_double, client) = start().await;
    client.post(VMS, &vm("vm1")).await;
    let words = "virtualmachines.kubevirt.io \"vm1\" already exists";
    let body = failure(409, "AlreadyExists", words, about("vm1"));
    client.post(VMS, &vm("vm1")).await.is(409, &body);
}

#[tokio::test]
async fn what_is_missing_is_404() {
    let (_double, client) = start().await;
    let words = "virtualmachines.kubevirt.io \"nope\" not found";
    let body = failure(404, "NotFound", words, about("nope"));
    client.get(format!("{VMS}/nope")).await.is(404, &body);
    client.delete(format!("{VMS}/nope")).await.is(404, &body);
    client.merge(format!("{VMS}/nope"), &json!({})).await.is(404, &body);
}

#[tokio::test]
async fn an_unknown_resource_is_a_text() {
    let (_double, client) = start().await;
    client.get("/apis/kubevirt.io/v1/bogus").await.is_text(404, "404 page not found\n");
}

#[tokio::test]
async fn a_namespace_that_is_not_there_takes_nothing() {
    let (_double, client) = start().await;
    let answer = client.post(VMS.replace("default", "nowhere"), &vm("a")).await;
    assert_eq!(
        (answer.status, &answer.json()["message"]),
        (404, &json!("namespaces \"nowhere\" not found"))
    );
}

#[tokio::test]
async fn status_sent_to_the_machine_itself_is_dropped_silently() {
    let (_double, client) = start().await;
    client.post(VMS, &vm("vm1")).await;
    let path = format!("{VMS}/vm1");
    let answer = client.merge(&path, &json!({ "status": { "ready": true } })).await;
    assert_eq!((answer.status, answer.header("warning")), (200, ""));
    assert!(answer.json().get("status").is_none());
    assert_eq!(answer.json()["metadata"]["generation"], 1);
}

#[tokio::test]
async fn the_status_of_a_machine_is_its_own_subresource() {
    let (_double, client) = start().await;
    client.post(VMS, &vm("vm1")).await;
    let patch = json!({
        "spec": { "runStrategy": "Always" },
        "status": { "printableStatus": "Running", "ready": true },
    });
    let body = client.merge(format!("{VMS}/vm1/status"), &patch).await.json();
    assert_eq!(body["status"], json!({ "printableStatus": "Running", "ready": true }));
    assert_eq!(body["spec"]["runStrategy"], "Halted");
    assert_eq!(body["metadata"]["generation"], 1);
}

#[tokio::test]
async fn an_instance_takes_its_status_with_it_and_has_no_status_subresource() {
    let (_double, client) = start().await;
    let made = client.post(VMIS, &vmi("vm1", "a")).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.json()["status"], json!({ "nodeName": "n1", "phase": "Running" }));
    // The answer is the one for an object that is not there.
    let words = "virtualmachineinstances.kubevirt.io \"vm1\" not found";
    let details = json!({
        "name": "vm1", "group": "kubevirt.io", "kind": "virtualmachineinstances",
    });
    let body = failure(404, "NotFound", words, Some(details));
    client.merge(format!("{VMIS}/vm1/status"), &json!({ "status": {} })).await.is(404, &body);
    client.get(format!("{VMIS}/vm1/status")).await.is(404, &body);
}

#[tokio::test]
async fn a_stale_replacement_is_409_conflict_with_a_name_and_no_causes() {
    let (_double, client) = start().await;
    let old = client.post(VMS, &vm("vm1")).await.json();
    let path = format!("{VMS}/vm1");
    client.merge(&path, &json!({ "metadata": { "labels": { "a": "b" } } })).await;
    let words = "Operation cannot be fulfilled on virtualmachines.kubevirt.io \"vm1\": the object \
                 has been modified; please apply your changes to the latest version and try again";
    client.put(&path, &old).await.is(409, &failure(409, "Conflict", words, about("vm1")));
    let mut fresh = client.get(&path).await.json();
    fresh["spec"]["runStrategy"] = "Manual".into();
    let done = client.put(&path, &fresh).await;
    assert_eq!((done.status, &done.json()["metadata"]["generation"]), (200, &json!(2)));
    assert_eq!(done.json()["metadata"]["labels"], json!({ "a": "b" }));
}

#[tokio::test]
async fn a_replacement_without_a_version_is_422() {
    let (_double, client) = start().await;
    client.post(VMS, &vm("vm1")).await;
    let what = "Invalid value: 0: must be specified for an update";
    let words =
        format!("virtualmachines.kubevirt.io \"vm1\" is invalid: metadata.resourceVersion: {what}");
    let details = json!({ "name": "vm1", "group": "kubevirt.io", "kind": "virtualmachines",
        "causes": [{
            "reason": "FieldValueInvalid", "message": what, "field": "metadata.resourceVersion",
        }] });
    client
        .put(format!("{VMS}/vm1"), &vm("vm1"))
        .await
        .is(422, &failure(422, "Invalid", &words, Some(details)));
}

#[tokio::test]
async fn a_failed_test_of_a_json_patch_is_422_with_empty_details() {
    let (_double, client) = start().await;
    client.post(VMS, &vm("vm1")).await;
    let path = format!("{VMS}/vm1");
    let wrong = json!([{ "op": "test", "path": "/spec/runStrategy", "value": "Always" }]);
    let words = "the server rejected our request due to an error in our request";
    let body = failure(422, "Invalid", words, Some(json!({})));
    client.json_patch(&path, &wrong).await.is(422, &body);
    let right = json!([
        { "op": "test", "path": "/spec/runStrategy", "value": "Halted" },
        { "op": "replace", "path": "/spec/runStrategy", "value": "Manual" },
    ]);
    assert_eq!(client.json_patch(&path, &right).await.json()["spec"]["runStrategy"], "Manual");
}

#[tokio::test]
async fn a_strategic_patch_on_a_custom_resource_is_415() {
    let (_double, client) = start().await;
    client.post(VMS, &vm("vm1")).await;
    let kind = "application/strategic-merge-patch+json";
    let ask = Ask { kind, body: "{}".into(), ..Ask::new("PATCH", format!("{VMS}/vm1")) };
    let words = "the body of the request was in an unknown format - accepted media types include: \
                 application/json-patch+json, application/merge-patch+json, \
                 application/apply-patch+yaml";
    let mut expected = failure(415, "UnsupportedMediaType", words, None);
    expected.as_object_mut().unwrap().remove("details");
    client.send(ask).await.is(415, &expected);
}

#[tokio::test]
async fn a_merge_patch_with_a_stale_version_is_409() {
    let (_double, client) = start().await;
    let made = client.post(VMS, &vm("vm1")).await.json();
    let path = format!("{VMS}/vm1");
    let patch = |label: &str| {
        json!({ "metadata": {
            "resourceVersion": made["metadata"]["resourceVersion"], "labels": { "a": label },
        } })
    };
    assert_eq!(client.merge(&path, &patch("b")).await.status, 200);
    assert_eq!(client.merge(&path, &patch("c")).await.status, 409);
}

#[tokio::test]
async fn a_patch_that_changes_nothing_writes_nothing() {
    let (double, client) = start().await;
    client.post(VMS, &vm("vm1")).await;
    let before = double.revision();
    let patch = json!({ "spec": { "runStrategy": "Halted" } });
    assert_eq!(client.merge(format!("{VMS}/vm1"), &patch).await.status, 200);
    assert_eq!(double.revision(), before);
}

#[tokio::test]
async fn a_dry_run_answers_and_does_nothing() {
    let (double, client) = start().await;
    client.post(VMS, &vm("vm1")).await;
    let before = double.revision();
    assert_eq!(client.post(format!("{VMS}?dryRun=All"), &vm("vm2")).await.status, 201);
    let patch = json!({ "spec": { "runStrategy": "Always" } });
    let patched = client.merge(format!("{VMS}/vm1?dryRun=All"), &patch).await;
    assert_eq!(patched.json()["spec"]["runStrategy"], "Always");
    assert_eq!(client.delete(format!("{VMS}/vm1?dryRun=All")).await.status, 200);
    assert_eq!(client.post(format!("{VMS}?dryRun=Some"), &vm("vm2")).await.status, 422);
    assert_eq!(double.revision(), before);
    assert_eq!(double.list("virtualmachines").len(), 1);
}

#[tokio::test]
async fn a_delete_tells_what_it_deleted() {
    let (_double, client) = start().await;
    let made = client.post(VMIS, &vmi("p1", "a")).await.json();
    let expected = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
        "details": {
            "name": "p1", "group": "kubevirt.io", "kind": "virtualmachineinstances",
            "uid": made["metadata"]["uid"],
        },
    });
    client.delete(format!("{VMIS}/p1")).await.is(200, &expected);
}

#[tokio::test]
async fn a_delete_with_another_uid_is_409() {
    let (_double, client) = start().await;
    client.post(VMS, &vm("vm1")).await;
    let body = json!({ "preconditions": { "uid": "x" } }).to_string();
    let answer = client.send(Ask { body, ..Ask::new("DELETE", format!("{VMS}/vm1")) }).await;
    assert_eq!((answer.status, &answer.json()["reason"]), (409, &json!("Conflict")));
    assert_eq!(client.get(format!("{VMS}/vm1")).await.status, 200);
}

#[tokio::test]
async fn finalizers_hold_an_object_until_they_are_taken_away() {
    let (_double, client) = start().await;
    let mut machine = vm("vm1");
    machine["metadata"]["finalizers"] = json!(["x.io/mine"]);
    client.post(VMS, &machine).await;
    let path = format!("{VMS}/vm1");
    let marked = client.delete(&path).await.json();
    assert_eq!(marked["kind"], "VirtualMachine");
    assert!(marked["metadata"]["deletionTimestamp"].is_string());
    assert_eq!(client.get(&path).await.status, 200);
    client.merge(&path, &json!({ "metadata": { "finalizers": null } })).await;
    assert_eq!(client.get(&path).await.status, 404);
}

#[tokio::test]
async fn a_selection_is_deleted_at_once() {
    let (double, client) = start().await;
    for (name, group) in [("p1", "a"), ("p2", "b"), ("p3", "a")] {
        client.post(VMIS, &vmi(name, group)).await;
    }
    let list = client.delete(format!("{VMIS}?labelSelector=g%3Da")).await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    assert_eq!(double.list("virtualmachineinstances").len(), 1);
}

#[tokio::test]
async fn a_validator_denies_with_422_and_fields() {
    let (_double, client) = start().await;
    let mut machine = vm("bad");
    machine["spec"]["running"] = true.into();
    machine["spec"]["template"]["spec"]["domain"]["devices"]["disks"] =
        json!([{ "name": "zz", "disk": {} }]);
    let (disk, both) = (
        "spec.template.spec.domain.devices.disks[0].Name 'zz' not found.",
        "Running and RunStrategy are mutually exclusive. Note that Running is deprecated, please use \
         RunStrategy instead",
    );
    let words = format!(
        "admission webhook \"virtualmachine-validator.kubevirt.io\" denied the request: {disk}, {both}"
    );
    let details = json!({ "causes": [
        {
            "reason": "FieldValueInvalid", "message": disk,
            "field": "spec.template.spec.domain.devices.disks[0].name",
        },
        { "reason": "FieldValueInvalid", "message": both, "field": "spec.running" },
    ] });
    client.post(VMS, &machine).await.is(422, &failure(422, "Invalid", &words, Some(details)));
}

#[tokio::test]
async fn the_specification_of_an_instance_cannot_be_changed_by_users() {
    let (_double, client) = start().await;
    client.post(VMIS, &vmi("p1", "a")).await;
    let patch = json!({ "spec": { "terminationGracePeriodSeconds": 1 } });
    let answer = client.merge(format!("{VMIS}/p1"), &patch).await;
    assert_eq!(answer.status, 422);
    assert_eq!(
        answer.json()["message"],
        "admission webhook \"virtualmachineinstances-update-validator.kubevirt.io\" denied the \
         request: update of VMI object is restricted"
    );
}

#[tokio::test]
async fn names_are_generated() {
    let (_double, client) = start().await;
    let mut machine = vm("");
    machine["metadata"] = json!({ "generateName": "vm-" });
    let (a, b) = (client.post(VMS, &machine).await.json(), client.post(VMS, &machine).await.json());
    let (a, b) = (a["metadata"]["name"].clone(), b["metadata"]["name"].clone());
    assert_eq!(a.as_str().unwrap().len(), 8);
    assert_ne!(a, b);
    machine["metadata"] = json!({});
    assert_eq!(client.post(VMS, &machine).await.status, 422);
}

#[tokio::test]
async fn a_body_too_large_is_413() {
    let (_double, client) = start().await;
    let mut machine = vm("vm1");
    machine["metadata"]["annotations"] = json!({ "a": "x".repeat(4 << 20) });
    let answer = client.post(VMS, &machine).await;
    assert_eq!(answer.status, 413);
}
