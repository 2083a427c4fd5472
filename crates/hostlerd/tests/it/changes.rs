//! Changes to what others may change too: nobody's is lost (`If-Match`).

use bytes::Bytes;
use serde_json::{Value, json};

use crate::client::Answer;
use crate::fixture::Fixture;

const PATCH: &str = "application/merge-patch+json";

async fn patch(fixture: &Fixture, vm: &str, tag: Option<&str>, body: &Value, kind: &str) -> Answer {
    let client =
        tag.into_iter().fold(fixture.local(), |client, tag| client.header("if-match", tag));
    let body = Bytes::from(body.to_string());
    client.send("PATCH", &format!("/api/v1/vms/{vm}"), Some((kind, body))).await
}

#[tokio::test]
async fn a_change_needs_the_etag_of_what_was_read() {
    let fixture = Fixture::start().await;
    let vm = fixture.make_vm("web").await;
    let tag = fixture.local().get(&format!("/api/v1/vms/{vm}")).await.header("etag");
    let body = json!({ "description": "mine" });
    let missing = patch(&fixture, &vm, None, &body, PATCH).await;
    assert_eq!((missing.status, missing.code().as_str()), (428, "precondition_required"));
    for wrong in ["\"999\"", "*", "W/\"1\"", "1"] {
        let refused = patch(&fixture, &vm, Some(wrong), &body, PATCH).await;
        assert_eq!((refused.status, refused.code().as_str()), (412, "precondition_failed"));
    }
    let done = patch(&fixture, &vm, Some(&tag), &body, PATCH).await;
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(done.json()["description"], "mine");
    assert_ne!(done.header("etag"), tag);
    let lost = patch(&fixture, &vm, Some(&tag), &json!({ "description": "yours" }), PATCH).await;
    assert_eq!((lost.status, lost.code().as_str()), (412, "precondition_failed"));
}

#[tokio::test]
async fn only_what_was_read_is_deleted_where_the_client_says_what_that_is() {
    let fixture = Fixture::start().await;
    let vm = fixture.make_vm("web").await;
    let path = format!("/api/v1/vms/{vm}?force=true");
    let tag = fixture.local().get(&format!("/api/v1/vms/{vm}")).await.header("etag");
    let body = json!({ "description": "keep me" });
    assert_eq!(patch(&fixture, &vm, Some(&tag), &body, PATCH).await.status, 200);
    for old in [tag.as_str(), "*", "W/\"1\""] {
        let refused = fixture.local().header("if-match", old).delete(&path).await;
        assert_eq!((refused.status, refused.code().as_str()), (412, "precondition_failed"));
    }
    let tag = fixture.local().get(&format!("/api/v1/vms/{vm}")).await.header("etag");
    let taken = fixture.local().header("if-match", &tag).delete(&path).await;
    assert_eq!(taken.status, 202, "{}", taken.text());
}

#[tokio::test]
async fn a_merge_patch_removes_by_null_and_leaves_what_it_does_not_name() {
    let fixture = Fixture::start().await;
    let vm = fixture.make_vm("web").await;
    let body = json!({ "labels": { "tier": null, "env": "test" } });
    let done = patch(&fixture, &vm, Some("\"1\""), &body, PATCH).await.json();
    assert_eq!(done["labels"], json!({ "env": "test" }));
    assert_eq!(done["description"], "of a test");
}

#[tokio::test]
async fn a_patch_of_another_kind_is_refused() {
    let fixture = Fixture::start().await;
    let vm = fixture.make_vm("web").await;
    let refused = patch(&fixture, &vm, Some("\"1\""), &json!({}), "application/json").await;
    assert_eq!((refused.status, refused.code().as_str()), (415, "media_type_unsupported"));
    let odd = patch(&fixture, &vm, Some("\"1\""), &json!({ "memory": 1 }), PATCH).await;
    assert_eq!((odd.status, odd.code().as_str()), (400, "body_malformed"));
    assert_eq!(odd.json()["errors"][0]["pointer"], "/memory");
}

#[tokio::test]
async fn faults_of_a_specification_point_into_the_request() {
    let fixture = Fixture::start().await;
    let body = json!({ "spec": { "name": "..", "memory": { "bytes": 1 } }, "host": "h1" });
    let refused = fixture.local().post("/api/v1/vms", &body).await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "spec_invalid"));
    assert_eq!(refused.json()["errors"][0]["pointer"], "/host");
    let body = json!({ "spec": { "name": "..", "memory": { "bytes": 1 } } });
    let pointers: Vec<Value> = fixture.local().post("/api/v1/vms", &body).await.json()["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| fault["pointer"].clone())
        .collect();
    assert_eq!(pointers, ["/spec/name", "/spec/memory/bytes"]);
}

#[tokio::test]
async fn an_image_that_does_not_fit_its_disk_is_pointed_at() {
    let fixture = Fixture::start().await;
    let image = Some(("application/octet-stream", Bytes::from(vec![0_u8; 128 << 10])));
    let path = "/api/v1/images?name=tiny&format=raw";
    assert_eq!(fixture.local().send("POST", path, image).await.status, 201);
    let source = json!({ "image": { "image": "tiny", "size_bytes": 64 << 10, "format": "qcow2" } });
    let disks = json!([{ "name": "root", "source": source }]);
    let body = json!({ "spec": { "name": "web", "memory": { "bytes": 1 << 28 }, "disks": disks } });
    for path in ["/api/v1/vms", "/api/v1/vms/plan"] {
        let refused = fixture.local().post(path, &body).await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "spec_invalid"), "{path}");
        let faults = refused.json()["errors"].clone();
        assert_eq!(faults[0]["pointer"], "/spec/disks/0/source/image/format");
        assert_eq!(faults[0]["detail"], "image \"tiny\" is raw, not qcow2; ask for raw");
        assert_eq!(faults[1]["pointer"], "/spec/disks/0/source/image/size_bytes");
    }
    let operations = fixture.local().get("/api/v1/operations").await.json();
    assert_eq!(operations["items"], json!([]), "nothing was taken on");
}

#[tokio::test]
async fn i5_a_volume_in_use_is_refused_with_its_user() {
    let fixture = Fixture::start().await;
    let local = fixture.local().header("prefer", "wait=30");
    let pools = local.get("/api/v1/pools").await.json();
    let path = format!("/api/v1/pools/{}/volumes", pools["items"][0]["id"].as_str().unwrap());
    let body = json!({ "name": "data", "capacity_bytes": 1 << 20 });
    let made = local.post(&path, &body).await.json();
    assert_eq!(made["state"], "succeeded", "{made:#}");
    assert_eq!(made["resources"][0]["kind"], "volume");
    let source = json!({ "volume": { "pool": "default", "volume": "data" } });
    let disks = json!([{ "name": "data", "source": source }]);
    let spec = json!({ "name": "web", "memory": { "bytes": 1 << 28 }, "disks": disks });
    let vm = local.post("/api/v1/vms", &json!({ "spec": spec, "start": false })).await.json();
    assert_eq!(vm["state"], "succeeded", "{vm:#}");
    let refused = local.send("DELETE", &format!("{path}/data"), None).await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "volume_in_use"));
    assert_eq!(refused.json()["detail"], "volume \"data\" belongs to VM \"web\"");
    assert_eq!(refused.json()["details"]["vm"], vm["resources"][0]["id"]);
    let absent = local.send("DELETE", &format!("{path}/more"), None).await;
    assert_eq!((absent.status, absent.code().as_str()), (404, "volume_not_found"));
}

#[tokio::test]
async fn what_readers_may_not_do_is_not_offered_to_them() {
    let fixture = Fixture::start().await;
    let vm = fixture.make_vm("web").await;
    let reader = fixture.token(hostler_core::access::Role::Reader).await;
    let shown = reader.get(&format!("/api/v1/vms/{vm}")).await.json();
    for (action, verdict) in shown["actions"].as_object().unwrap() {
        assert_eq!(verdict["allowed"], false, "{action}");
        assert_eq!(verdict["code"], "permission_denied", "{action}");
    }
}

#[tokio::test]
async fn only_administrators_see_a_providers_own_words() {
    let fixture = Fixture::start().await;
    let vm = fixture.make_vm("web").await;
    let faults = fixture.world.faults();
    faults.fail_verb(
        hostler_sim::Verb::Pause,
        9,
        hostler_sim::When::Before,
        hostler_provider::Kind::Denied,
    );
    let failed = fixture.act(&vm, "pause", None).await;
    assert_eq!(failed["state"], "failed");
    let path = format!("/api/v1/operations/{}", failed["id"].as_str().unwrap());
    let reader = fixture.token(hostler_core::access::Role::Reader).await;
    let shown = reader.get(&path).await.json();
    assert_eq!(shown["error"]["code"], failed["error"]["code"]);
    assert!(shown.get("error_raw").is_none(), "{shown:#}");
}

#[tokio::test]
async fn an_action_that_would_change_nothing_says_so_and_may_be_asked_for() {
    let fixture = Fixture::start().await;
    let vm = fixture.make_vm("web").await;
    let actions = fixture.local().get(&format!("/api/v1/vms/{vm}")).await.json()["actions"].clone();
    assert_eq!(actions["start"], json!({ "allowed": true, "already": true }));
    assert_eq!(actions["stop"], json!({ "allowed": true }));
    assert_eq!(actions["delete"]["allowed"], false);
    assert_eq!(actions["delete"].get("already"), None);
    let done = fixture.act(&vm, "start", None).await;
    assert_eq!((&done["state"], &done["note"]), (&json!("succeeded"), &json!("already running")));
    // Who may not is not told that it is so already: they could not ask for it.
    let reader = fixture.token(hostler_core::access::Role::Reader).await;
    let seen = reader.get(&format!("/api/v1/vms/{vm}")).await.json();
    assert_eq!(seen["actions"]["start"]["allowed"], false);
    assert_eq!(seen["actions"]["start"].get("already"), None);
}

#[tokio::test]
async fn what_was_deleted_is_still_told_by_its_name() {
    let fixture = Fixture::start().await;
    let vm = fixture.make_vm("web").await;
    fixture.act(&vm, "stop", Some(&json!({ "mode": "force" }))).await;
    let local = fixture.local().header("prefer", "wait=30");
    let gone = local.delete(&format!("/api/v1/vms/{vm}?disks=true")).await.json();
    assert_eq!(gone["state"], "succeeded", "{gone:#}");
    assert_eq!(fixture.local().get(&format!("/api/v1/vms/{vm}")).await.status, 404);
    let operations =
        fixture.local().get(&format!("/api/v1/operations?filter=vm={vm}")).await.json();
    let kinds: Vec<_> =
        operations["items"].as_array().unwrap().iter().map(|one| &one["kind"]).collect();
    assert_eq!(kinds, ["vm.delete", "vm.force_stop", "vm.create"]);
    for operation in operations["items"].as_array().unwrap() {
        assert_eq!(operation["resources"][0]["name"], "web", "{operation:#}");
    }
    let path = format!("/api/v1/events/history?limit=1000&filter=resource={vm}");
    let events = fixture.local().get(&path).await.json();
    let events = events["items"].as_array().unwrap();
    assert!(events.len() > 6, "{}", events.len());
    for event in events {
        assert_eq!(event["resource"]["name"], "web", "{event:#}");
    }
}
