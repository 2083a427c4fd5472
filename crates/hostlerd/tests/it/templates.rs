//! Templates over the wire: what is told to whom, and clusters by what a template requires
//! (C19, E16).

use hostler_core::access::Role;
use serde_json::{Value, json};

use crate::client::Answer;
use crate::fixture::Fixture;

const USER_DATA: &str = "#cloud-config\npassword: in-clear\n";

async fn make(fixture: &Fixture, name: &str, version: Value) -> String {
    let body = json!({ "name": name, "version": version });
    let answer = fixture.local().post("/api/v1/templates", &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["id"].as_str().unwrap().to_owned()
}

async fn turn(fixture: &Fixture, id: &str, number: u32, verb: &str) -> Answer {
    let path = format!("/api/v1/templates/{id}/versions/{number}/{verb}");
    fixture.local().send("POST", &path, None).await
}

fn refused(answer: &Answer) -> (u16, String) {
    (answer.status, answer.code())
}

#[tokio::test]
async fn c19_who_may_only_look_sees_no_cloud_init_and_changes_nothing() {
    let fixture = Fixture::start().await;
    let version = json!({ "spec": { "memory": { "bytes": 1 << 30 },
        "cloud_init": { "user_data": USER_DATA } } });
    let id = make(&fixture, "web", version).await;
    let path = format!("/api/v1/templates/{id}/versions/1");
    let mine = fixture.local().get(&path).await.json();
    assert_eq!(mine["content"]["spec"]["cloud_init"]["user_data"], USER_DATA);
    assert_eq!(mine["cloud_init_hidden"], false);
    let reader = fixture.token(Role::Reader).await;
    let theirs = reader.get(&path).await;
    assert!(!theirs.text().contains("in-clear"), "{}", theirs.text());
    assert_eq!(theirs.json()["cloud_init_hidden"], true);
    let deploy = json!({ "name": "x" });
    for (path, body) in [
        (format!("/api/v1/templates/{id}/preview"), deploy.clone()),
        (format!("/api/v1/templates/{id}/deploy"), deploy),
        (format!("{path}/activate"), json!({})),
    ] {
        let answer = reader.post(&path, &body).await;
        assert_eq!(refused(&answer), (403, "permission_denied".into()), "{path}");
    }
}

#[tokio::test]
async fn c19_faults_come_with_places_in_what_was_sent() {
    let fixture = Fixture::start().await;
    let version = json!({ "spec": { "description": "${nobody}" },
        "parameters": [{ "name": "a", "kind": "string" }] });
    let id = make(&fixture, "web", version).await;
    let answer = turn(&fixture, &id, 1, "activate").await;
    assert_eq!(refused(&answer), (400, "spec_invalid".into()));
    let told = answer.json();
    let pointers: Vec<_> =
        told["errors"].as_array().unwrap().iter().map(|it| it["pointer"].clone()).collect();
    assert_eq!(pointers, ["/spec/description", "/parameters/0/name"]);
    let shown = fixture.local().get(&format!("/api/v1/templates/{id}/versions/1")).await.json();
    assert_eq!(shown["faults"], told["errors"], "a draft is told with what keeps it back");

    for (body, pointer) in [
        (json!({ "name": "x" }), "/version"),
        (json!({ "name": "x", "version": { "spec": 7 } }), "/version/spec"),
        (json!({ "name": "a/b", "version": { "spec": {} } }), "/name"),
        (json!({ "name": "x", "from_vm": "web" }), "/from_vm"),
        (json!({ "name": "x", "version": { "spec": {} }, "copy_disks": true }), "/copy_disks"),
    ] {
        let answer = fixture.local().post("/api/v1/templates", &body).await;
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{}", answer.text());
    }
}

#[tokio::test]
async fn c19_the_disks_of_a_vm_are_not_copied_and_that_is_said() {
    let fixture = Fixture::start().await;
    let vm = fixture.make_vm("web").await;
    let body = json!({ "name": "like-web", "from_vm": vm, "copy_disks": true });
    let answer = fixture.local().post("/api/v1/templates", &body).await;
    assert_eq!(refused(&answer), (422, "capability_missing".into()), "{}", answer.text());
    let body = json!({ "name": "like-web", "from_vm": vm });
    let made = fixture.local().post("/api/v1/templates", &body).await.json();
    let id = made["id"].as_str().unwrap();
    assert_eq!(turn(&fixture, id, 1, "activate").await.status, 200);
    let deploy = json!({ "name": "web-{n}", "count": 2 });
    let path = format!("/api/v1/templates/{id}/deploy");
    let client = fixture.local().header("prefer", "wait=30").header("idempotency-key", "once");
    let done = client.post(&path, &deploy).await;
    assert_eq!(done.status, 202, "{}", done.text());
    let again = client.post(&path, &deploy).await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.json(), done.json());
    let other = client.post(&path, &json!({ "name": "db-{n}", "count": 2 })).await;
    assert_eq!(refused(&other), (409, "idempotency_mismatch".into()), "{}", other.text());
    let listed =
        fixture.local().get(&format!("/api/v1/vms?filter=template={id}&sort=name")).await.json();
    assert_eq!(listed["approx_total"], 2, "{listed}");
    let one = listed["items"][0]["id"].as_str().unwrap();
    let one = fixture.local().get(&format!("/api/v1/vms/{one}")).await.json();
    assert_eq!(one["template"]["template"]["name"], "like-web");
    assert_eq!(one["template"]["version"], 1);
}

#[tokio::test]
async fn e16_clusters_are_listed_and_compared_by_what_a_template_requires() {
    let fixture = Fixture::start().await;
    let body = json!({ "name": "eu", "kubeconfig": crate::clusters::KUBECONFIG });
    let cluster = fixture.local().post("/api/v1/clusters", &body).await.json();
    let cluster = format!("/api/v1/clusters/{}", cluster["id"].as_str().unwrap());
    crate::clusters::seen(&fixture, &cluster).await;
    let spec = json!({ "memory": { "bytes": 1 << 30 } });
    let requiring = |features: Value, hardware: Value| json!({ "spec": spec, "required_features": features, "required_hardware": hardware });
    let fits = make(&fixture, "fits", requiring(json!(["GPU"]), json!(["kvm"]))).await;
    let lacks = make(&fixture, "lacks", requiring(json!(["GPU"]), json!(["fpga"]))).await;
    let compatible = async |template: &str| {
        let path = format!("/api/v1/clusters?compatible_with_template={template}");
        fixture.local().get(&path).await
    };
    let draft = compatible(&fits).await;
    assert_eq!(refused(&draft), (409, "template_wrong_state".into()), "none is active");
    // Its word is heard when it is given another kubeconfig.
    let body = json!({ "kubeconfig": crate::clusters::KUBECONFIG }).to_string();
    let body = Some(("application/json", body.into()));
    let rotated = fixture.local().send("PUT", &format!("{cluster}/kubeconfig"), body).await;
    assert_eq!(rotated.status, 200, "{}", rotated.text());
    assert_eq!(compatible(&format!("{fits}@1")).await.json()["approx_total"], 1);
    assert_eq!(turn(&fixture, &fits, 1, "activate").await.status, 200);
    assert_eq!(compatible(&fits).await.json()["items"][0]["fits"], true);
    assert_eq!(compatible(&format!("{lacks}@1")).await.json()["approx_total"], 0);
    let compared = fixture.local().get(&format!("{cluster}?template={lacks}@1")).await.json();
    assert_eq!((&compared["fits"], &compared["lacks"][0]["name"]), (&json!(false), &json!("fpga")));
    let both = format!("{cluster}?template={lacks}@1&features=Sidecar");
    assert_eq!(fixture.local().get(&both).await.json()["lacks"].as_array().unwrap().len(), 2);
    for (wrong, status, code) in [
        ("web".to_owned(), 400, "query_invalid"),
        (format!("{fits}@x"), 400, "query_invalid"),
        (format!("{fits}@9"), 404, "template_version_not_found"),
        ("0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e".to_owned(), 404, "template_not_found"),
    ] {
        assert_eq!(refused(&compatible(&wrong).await), (status, code.into()), "{wrong}");
    }
}
