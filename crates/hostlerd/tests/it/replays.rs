//! `Idempotency-Key`: the same key gives the same answer, whatever was asked for.

use std::time::Duration;

use bytes::Bytes;
use hostler_sim::Verb;
use serde_json::json;

use crate::fixture::Fixture;

fn spec(name: &str) -> serde_json::Value {
    json!({ "spec": { "name": name, "memory": { "bytes": 256 << 20 } }, "start": false })
}

#[tokio::test]
async fn an_operation_is_taken_on_once_for_a_key() {
    let fixture = Fixture::start().await;
    let local = fixture.local().header("idempotency-key", "k1");
    let first = local.post("/api/v1/vms", &spec("web")).await;
    assert_eq!((first.status, first.header("idempotent-replayed").as_str()), (202, ""));
    let again = local.post("/api/v1/vms", &spec("web")).await;
    assert_eq!((again.status, again.header("idempotent-replayed").as_str()), (202, "true"));
    assert_eq!(first.json()["id"], again.json()["id"]);
    assert_eq!(first.header("location"), again.header("location"));
    let other = local.post("/api/v1/vms", &spec("db")).await;
    assert_eq!((other.status, other.code().as_str()), (409, "idempotency_mismatch"));
    let verb = local.send("POST", "/api/v1/vms/0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e/start", None);
    assert_eq!(verb.await.code(), "idempotency_mismatch");
}

#[tokio::test]
async fn how_a_document_is_written_does_not_matter() {
    let fixture = Fixture::start().await;
    let local = fixture.local().header("idempotency-key", "k1");
    let body = |text: &'static str| Some(("application/json", Bytes::from_static(text.as_bytes())));
    let first = body(r#"{"spec":{"name":"web","memory":{"bytes":268435456}},"start":false}"#);
    let again =
        body(r#"{ "start": false, "spec": {"memory": {"bytes": 268435456}, "name": "web"} }"#);
    let first = local.send("POST", "/api/v1/vms", first).await.json();
    assert_eq!(local.send("POST", "/api/v1/vms", again).await.json()["id"], first["id"]);
}

#[tokio::test]
async fn a_thing_that_is_made_at_once_is_made_once_for_a_key() {
    let fixture = Fixture::start().await;
    let local = fixture.local().header("idempotency-key", "p1");
    let path = "/api/v1/providers";
    let body =
        |name: &str| json!({ "name": name, "uri": "test+unix:///default?socket=/nonexistent" });
    let first = local.post(path, &body("far")).await;
    assert_eq!(first.status, 201, "{}", first.text());
    let again = local.post(path, &body("far")).await;
    assert_eq!((again.status, again.header("idempotent-replayed").as_str()), (201, "true"));
    assert_eq!(again.body, first.body);
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(local.post(path, &body("farther")).await.code(), "idempotency_mismatch");
    let fresh = fixture.local().post(path, &body("far")).await;
    assert_eq!((fresh.status, fresh.code().as_str()), (409, "provider_conflict"));
}

#[tokio::test]
async fn a_volume_is_made_once_for_a_key_and_then_it_is_there() {
    let fixture = Fixture::start().await;
    let local = fixture.local().header("idempotency-key", "v1").header("prefer", "wait=30");
    let path = format!("{}/volumes", pool(&fixture).await);
    let body = json!({ "name": "data", "capacity_bytes": 1 << 20 });
    let first = local.post(&path, &body).await;
    assert_eq!((first.status, first.json()["state"].clone()), (202, json!("succeeded")));
    let again = local.post(&path, &body).await;
    assert_eq!((again.status, again.header("idempotent-replayed").as_str()), (202, "true"));
    assert_eq!(again.json()["id"], first.json()["id"]);
    let location = format!("/api/v1/operations/{}", first.json()["id"].as_str().unwrap());
    assert_eq!((first.header("location"), again.header("location")), (location.clone(), location));
    let other = json!({ "name": "more", "capacity_bytes": 1 << 20 });
    assert_eq!(local.post(&path, &other).await.code(), "idempotency_mismatch");
    let fresh = fixture.local().post(&path, &body).await;
    assert_eq!((fresh.status, fresh.code().as_str()), (409, "volume_exists"));
    assert_eq!(fresh.json()["details"]["capacity_bytes"], "1048576");
    let gone = local.send("DELETE", &format!("{path}/data"), None).await;
    assert_eq!(gone.code(), "idempotency_mismatch", "the key was for making it");
}

/// The address of the only pool.
async fn pool(fixture: &Fixture) -> String {
    let pools = fixture.local().get("/api/v1/pools").await.json();
    format!("/api/v1/pools/{}", pools["items"][0]["id"].as_str().unwrap())
}

#[tokio::test]
async fn a36_a_secret_is_given_again_but_never_stored() {
    let fixture = Fixture::start().await;
    let local = fixture.local().header("idempotency-key", "t1");
    let body = json!({ "name": "ci", "role": "reader" });
    let first = local.post("/api/v1/tokens", &body).await;
    let again = local.post("/api/v1/tokens", &body).await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(first.body, again.body);
    assert_eq!(fixture.store.tokens().await.unwrap().len(), 1);
    let other = json!({ "name": "cd", "role": "reader" });
    assert_eq!(local.post("/api/v1/tokens", &other).await.code(), "idempotency_mismatch");
    let key = hostler_store::IdempotencyKey { key: "t1".into(), body_hash: [0; 32] };
    let kept = fixture.store.reply(&fixture.user().await, &key).await.unwrap();
    assert_eq!(kept, None, "nothing of it is in the database");
}

#[tokio::test]
async fn of_many_at_once_with_one_key_only_the_first_makes_anything() {
    let fixture = Fixture::start().await;
    let local = fixture.local().header("idempotency-key", "same");
    let body = json!({ "name": "ci", "role": "reader" });
    let posts = (0..16).map(|_| local.post("/api/v1/tokens", &body));
    let answers = futures_util::future::join_all(posts).await;
    let replayed = answers.iter().filter(|a| a.header("idempotent-replayed") == "true").count();
    assert_eq!((answers.len(), replayed), (16, 15));
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));
    assert_eq!(fixture.store.tokens().await.unwrap().len(), 1);
}

#[tokio::test]
async fn keys_belong_to_whoever_sent_them() {
    let fixture = Fixture::start().await;
    let body = json!({ "name": "ci", "role": "reader" });
    let local = fixture.local().header("idempotency-key", "mine");
    let first = local.post("/api/v1/tokens", &body).await;
    let admin = fixture.token(hostler_core::access::Role::Admin).await;
    let admin = admin.header("idempotency-key", "mine");
    let taken = admin.post("/api/v1/tokens", &body).await;
    assert_eq!((taken.status, taken.code().as_str()), (409, "token_exists"));
    let body = json!({ "name": "cd", "role": "reader" });
    let other = admin.post("/api/v1/tokens", &body).await;
    assert_eq!((other.status, other.header("idempotent-replayed").as_str()), (201, ""));
    assert_ne!(other.body, first.body);
}

#[tokio::test]
async fn a_refusal_is_not_remembered() {
    let fixture = Fixture::start().await;
    let local = fixture.local().header("idempotency-key", "later");
    let wrong = json!({ "name": "..", "role": "reader" });
    assert_eq!(local.post("/api/v1/tokens", &wrong).await.status, 400);
    let right = json!({ "name": "ci", "role": "reader" });
    assert_eq!(local.post("/api/v1/tokens", &right).await.status, 201);
    let odd = fixture.local().header("idempotency-key", &"k".repeat(300));
    assert_eq!(odd.post("/api/v1/tokens", &right).await.code(), "query_invalid");
}

#[tokio::test]
async fn an_upload_is_not_read_again_for_its_key() {
    let fixture = Fixture::start().await;
    let local = fixture.local().header("idempotency-key", "i1");
    let body = || Some(("application/octet-stream", Bytes::from(vec![0_u8; 4096])));
    let path = "/api/v1/images?name=tiny&format=raw";
    let first = local.send("POST", path, body()).await;
    assert_eq!(first.status, 201, "{}", first.text());
    let again = local.send("POST", path, body()).await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.body, first.body);
    let other = local.send("POST", "/api/v1/images?name=other&format=raw", body()).await;
    assert_eq!(other.code(), "idempotency_mismatch");
}

#[tokio::test]
async fn what_was_begun_is_done_even_if_its_client_hangs_up() {
    let fixture = Fixture::start().await;
    let local = fixture.local().header("idempotency-key", "gone");
    let path = format!("{}/volumes", pool(&fixture).await);
    let body = json!({ "name": "data", "capacity_bytes": 1 << 20 });
    let faults = fixture.world.faults();
    faults.set_verb_latency(Verb::Volumes, Duration::from_secs(2));
    let before = faults.calls().len();
    let is_begun = async {
        while !faults.calls().iter().skip(before).any(|verb| *verb == Verb::Volumes) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let text = bytes::Bytes::from(body.to_string());
    let asked = local.stream("POST", &path, Some(("application/json", text)));
    // Hangs up while the provider is still asked whether the name is free.
    tokio::select! {
        _ = asked => panic!("it answered before the provider did"),
        () = is_begun => {}
    }
    let again = local.post(&path, &body).await;
    assert_eq!((again.status, again.header("idempotent-replayed").as_str()), (202, "true"));
}

#[tokio::test]
async fn what_was_deleted_under_a_key_is_not_missing_the_second_time() {
    let fixture = Fixture::start().await;
    let token = json!({ "name": "ci", "role": "reader" });
    let path = fixture.local().post("/api/v1/tokens", &token).await.header("location");
    let local = fixture.local().header("idempotency-key", "d1");
    let first = local.delete(&path).await;
    assert_eq!((first.status, first.header("idempotent-replayed").as_str()), (204, ""));
    let again = local.delete(&path).await;
    assert_eq!((again.status, again.header("idempotent-replayed").as_str()), (204, "true"));
    assert!(again.body.is_empty());
    assert_eq!(fixture.local().delete(&path).await.status, 404, "without the key it is another");
    let other = "/api/v1/tokens/0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e";
    assert_eq!(local.delete(other).await.code(), "idempotency_mismatch");
}

#[tokio::test]
async fn a_vm_is_deleted_once_for_a_key() {
    let fixture = Fixture::start().await;
    let vm = fixture.make_vm("web").await;
    let local = fixture.local().header("idempotency-key", "d2").header("prefer", "wait=30");
    let path = format!("/api/v1/vms/{vm}?disks=true&force=true");
    let first = local.delete(&path).await;
    assert_eq!((first.status, &first.json()["state"]), (202, &json!("succeeded")));
    let again = local.delete(&path).await;
    assert_eq!((again.status, again.header("idempotent-replayed").as_str()), (202, "true"));
    assert_eq!(first.json()["id"], again.json()["id"]);
}

#[tokio::test]
async fn an_operation_is_cancelled_once_for_a_key() {
    let fixture = Fixture::start().await;
    let slow = std::time::Duration::from_secs(30);
    fixture.world.faults().set_verb_latency(hostler_sim::Verb::EnsureVolume, slow);
    let begun = fixture.local().post("/api/v1/vms", &with_disk("web")).await.json();
    let path = format!("/api/v1/operations/{}/cancel", begun["id"].as_str().unwrap());
    let local = fixture.local().header("idempotency-key", "c1");
    let first = local.send("POST", &path, None).await;
    assert_eq!(first.status, 202, "{}", first.text());
    let again = local.send("POST", &path, None).await;
    assert_eq!((again.status, again.header("idempotent-replayed").as_str()), (202, "true"));
    assert_eq!(again.body, first.body);
}

fn with_disk(name: &str) -> serde_json::Value {
    let source = json!({ "empty": { "size_bytes": 1 << 20 } });
    let mut body = spec(name);
    body["spec"]["disks"] = json!([{ "name": "data", "source": source }]);
    body
}
