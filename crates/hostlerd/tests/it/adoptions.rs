//! VMs that were made elsewhere, over the wire (E18–E20).

use hostler_core::access::Role;
use hostler_core::id::VmId;
use hostler_core::vm::VmSpec;
use serde_json::{Value, json};

use crate::fixture::Fixture;

const PENDING: &str = "/api/v1/admin/pending-adoptions";

/// With VMs of these names that somebody else made.
async fn with(names: &[&str]) -> Fixture {
    let fixture = Fixture::start().await;
    for name in names {
        fixture.world.add_vm("h1", VmSpec::new(*name, 64 << 20), None, Vec::new());
    }
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    while list(&fixture, "").await.len() < names.len() {
        assert!(tokio::time::Instant::now() < deadline, "they are never seen");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    fixture
}

async fn list(fixture: &Fixture, query: &str) -> Vec<Value> {
    let page = fixture.local().get(&format!("{PENDING}?{query}")).await.json();
    page["items"].as_array().unwrap_or_else(|| panic!("{page}")).clone()
}

async fn id(fixture: &Fixture, name: &str) -> String {
    let found = list(fixture, "limit=100").await;
    let found = found.iter().find(|it| it["vm"]["name"] == name).unwrap();
    found["vm"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn e19_e20_what_waits_is_listed_reviewed_adopted_and_let_go() {
    let fixture = with(&["theirs", "other"]).await;
    let local = fixture.local();
    let found = list(&fixture, "sort=-name&filter=status=pending").await;
    let names: Vec<_> = found.iter().map(|it| it["vm"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["theirs", "other"]);
    let one = &found[0];
    assert_eq!((&one["status"], &one["origin"]), (&json!("pending"), &json!("foreign")));
    assert_eq!((&one["adoptable"], &one["ignored"]), (&json!(true), &Value::Null));
    assert_eq!(one["memory_bytes"], 64 << 20);
    assert_eq!(one["host"]["name"], "h1");
    assert!(one["external_ref"].is_string() && one["first_seen_at"].is_string());

    let vm = one["vm"]["id"].as_str().unwrap();
    let body = json!({ "name": "ours", "reason": "moved" });
    let plan = local.post(&format!("{PENDING}/{vm}/plan"), &body).await;
    assert_eq!((plan.status, plan.json()["adoptable"].clone()), (200, json!(true)));
    assert_eq!(plan.json()["spec"]["name"], "ours");
    assert_eq!(list(&fixture, "").await.len(), 2, "a plan changes nothing");
    let adopted = local.post(&format!("{PENDING}/{vm}/adopt"), &body).await;
    assert_eq!(adopted.status, 200, "{}", adopted.text());
    let adopted = adopted.json();
    assert_eq!((&adopted["managed"], &adopted["name"]), (&json!(true), &json!("ours")));
    assert_eq!(adopted["adopted"]["reason"], "moved");
    assert_eq!(adopted["adopted"]["read_only"], false);
    assert_eq!(adopted["observed"]["name"], "theirs");
    let item = local.get(&format!("{PENDING}/{vm}")).await.json();
    assert_eq!((&item["status"], &item["adopted"]), (&json!("adopted"), &adopted["adopted"]));
    assert!(item["adopted"]["by"].as_str().unwrap().starts_with("local:"));
    assert!(item["adopted"]["at"].is_string());
    assert_eq!((&item["vm"]["name"], &item["adoptable"]), (&json!("ours"), &json!(false)));
    assert_eq!(item["first_seen_at"], one["first_seen_at"]);
    assert_eq!(list(&fixture, "filter=status=adopted").await, [item]);
    assert_eq!(list(&fixture, "").await.len(), 2, "it stays in the list of all");
    assert_eq!(list(&fixture, "filter=status=pending").await.len(), 1);
    let again = local.post(&format!("{PENDING}/{vm}/adopt"), &body).await;
    assert_eq!((again.status, again.code().as_str()), (409, "vm_wrong_state"));

    let released = local.send("POST", &format!("/api/v1/vms/{vm}/release"), None).await;
    assert_eq!(released.status, 204, "{}", released.text());
    let shown = local.get(&format!("/api/v1/vms/{vm}")).await.json();
    assert_eq!((&shown["managed"], &shown["adopted"]), (&json!(false), &Value::Null));
    let item = local.get(&format!("{PENDING}/{vm}")).await.json();
    assert_eq!((&item["status"], &item["adopted"]), (&json!("pending"), &Value::Null));

    let spec = json!({ "spec": { "name": "made", "memory": { "bytes": 64 << 20 } } });
    let made = local.post("/api/v1/vms", &spec).await.json();
    let made = made["resources"][0]["id"].as_str().unwrap();
    let answer = local.get(&format!("{PENDING}/{made}")).await;
    assert_eq!((answer.status, answer.code().as_str()), (409, "vm_wrong_state"), "made here");
}

#[tokio::test]
async fn e17_e19_what_is_lost_is_told_so_and_what_a_vm_belongs_to() {
    let fixture = Fixture::start().await;
    let nobody: VmId = "0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e".parse().unwrap();
    let vm = fixture.world.add_vm("h1", VmSpec::new("web", 64 << 20), Some(nobody), Vec::new());
    fixture.world.put_in(&vm, "prod");
    fixture.world.belongs_to(&vm, "shop", "carts", "carts-7");
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    let belongs = json!({ "system": "shop", "service": "carts", "instance": "carts-7" });
    let found = loop {
        let found = list(&fixture, "filter=origin=lost").await;
        if found.first().is_some_and(|it| it["governance"] == belongs) {
            break found[0].clone();
        }
        assert!(tokio::time::Instant::now() < deadline, "{found:#?}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    assert_eq!((&found["status"], &found["namespace"]), (&json!("pending"), &json!("prod")));
    assert_eq!(found["external_ref"], vm.external_ref, "the lasting name that it has there");
    let risks = found["risks"].as_array().unwrap();
    let marked: Vec<_> = risks.iter().filter(|it| it["code"] == "marked").collect();
    assert!(matches!(marked.as_slice(), [risk] if risk["forbids"] == false), "{risks:?}");
    let path = format!("{PENDING}/{}", found["vm"]["id"].as_str().unwrap());
    assert_eq!(fixture.local().get(&path).await.json(), found);
}

#[tokio::test]
async fn x31_what_is_ignored_says_who_and_why_until_it_is_offered_again() {
    let fixture = with(&["theirs"]).await;
    let (local, vm) = (fixture.local(), id(&fixture, "theirs").await);
    let path = format!("{PENDING}/{vm}/ignore");
    let refused = local.post(&path, &json!({ "reason": "" })).await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "spec_invalid"));
    assert_eq!(refused.json()["errors"][0]["pointer"], "/reason");
    let ignored = local.post(&path, &json!({ "reason": "not ours" })).await.json();
    assert_eq!(ignored["status"], "ignored");
    assert_eq!(ignored["ignored"]["reason"], "not ours");
    assert!(ignored["ignored"]["by"].as_str().unwrap().starts_with("local:"));
    assert_eq!(list(&fixture, "filter=status=pending").await, Vec::<Value>::new());
    assert_eq!(list(&fixture, "filter=status=ignored").await.len(), 1);
    let offered = local.send("POST", &format!("{PENDING}/{vm}/offer"), None).await;
    assert_eq!(offered.json()["status"], "pending");
}

#[tokio::test]
async fn many_are_decided_about_each_by_itself() {
    let fixture = with(&["one", "two", "Not A Name!"]).await;
    let local = fixture.local();
    let ids = [id(&fixture, "one").await, id(&fixture, "Not A Name!").await];
    let nobody = "0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e";
    let body = json!({ "action": "adopt_read_only", "vms": [ids[0], ids[1], nobody, "x"] });
    let decided = local.post(PENDING, &body).await;
    assert_eq!(decided.status, 200, "{}", decided.text());
    let results = decided.json()["results"].as_array().unwrap().clone();
    let told: Vec<_> = results.iter().map(|it| (it["done"].clone(), it["code"].clone())).collect();
    assert_eq!(
        told,
        [
            (json!(true), Value::Null),
            (json!(false), json!("vm_not_adoptable")),
            (json!(false), json!("vm_not_found")),
            (json!(false), json!("id_invalid")),
        ]
    );
    let shown = local.get(&format!("/api/v1/vms/{}", ids[0])).await.json();
    assert_eq!(shown["adopted"]["read_only"], true);
    let started = local.send("POST", &format!("/api/v1/vms/{}/reset", ids[0]), None).await;
    assert_eq!(started.code(), "vm_read_only");
    let many: Vec<_> = std::iter::repeat_n(nobody, 101).collect();
    let refused = local.post(PENDING, &json!({ "action": "adopt", "vms": many })).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json()["errors"][0]["pointer"], "/vms");
    let reader = fixture.token(Role::Reader).await;
    assert_eq!(reader.post(PENDING, &body).await.status, 403);
    assert_eq!(reader.get(PENDING).await.status, 200);
}
