//! What every endpoint refuses, whatever it is for: the list is the API's own, so
//! that no endpoint can be forgotten (A37).

use bytes::Bytes;
use hostler_api::{BodyKind, Described, ReplyKind, v1};
use hostler_core::Code;
use serde_json::json;

use crate::client::{Answer, Client};
use crate::fixture::Fixture;

/// An id that nothing has.
const NO_ID: &str = "0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e";
/// As much as a document may be, and one byte more.
const TOO_LARGE: usize = (1 << 20) + 1;

/// The endpoint's address with `word` in each place of its path.
fn path(endpoint: &Described, word: &str) -> String {
    let parts = endpoint.path.split('/').map(|part| match part.starts_with('{') {
        true => word,
        false => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

/// The content type that an endpoint reads; `None` where it reads none.
fn media(endpoint: &Described) -> Option<&'static str> {
    match endpoint.body {
        BodyKind::None => None,
        BodyKind::Json => Some("application/json"),
        BodyKind::MergePatch => Some("application/merge-patch+json"),
        BodyKind::Text => Some("text/plain"),
        BodyKind::Bytes => Some("application/octet-stream"),
    }
}

fn reads_documents(endpoint: &Described) -> bool {
    matches!(endpoint.body, BodyKind::Json | BodyKind::MergePatch)
}

async fn ask(client: &Client, endpoint: &Described, path: &str, body: &str) -> Answer {
    let body = media(endpoint).map(|kind| (kind, Bytes::from(body.to_owned())));
    client.send(endpoint.method.as_str(), path, body).await
}

/// A client that says which generation it has read, where the endpoint looks at it.
fn client(fixture: &Fixture, endpoint: &Described) -> Client {
    match endpoint.errors.contains(&Code::PreconditionFailed) {
        true => fixture.local().header("if-match", "\"1\""),
        false => fixture.local(),
    }
}

fn refused(endpoint: &Described, answer: &Answer, status: u16, code: &str) {
    let id = endpoint.id;
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{id} {}", answer.text());
}

#[tokio::test]
async fn a37_a_parameter_that_nobody_knows_is_refused_by_every_endpoint() {
    let fixture = Fixture::start().await;
    for endpoint in v1::endpoints() {
        let path = format!("{}?nonsense=1", path(&endpoint, NO_ID));
        let answer = ask(&fixture.local(), &endpoint, &path, "{}").await;
        refused(&endpoint, &answer, 400, "query_invalid");
        assert_eq!(answer.json()["errors"][0]["pointer"], "nonsense", "{}", endpoint.id);
    }
}

#[tokio::test]
async fn a37_a_word_that_is_no_id_is_refused_wherever_one_is_read() {
    let fixture = Fixture::remembering().await;
    let long = "x".repeat(4096);
    let words = ["0", "..%2f..%2fetc", "%00", "%ff%fe", "'%20OR%201=1--", "%F0%9F%92%A9", &long];
    let endpoints = v1::endpoints();
    let mut asked = 0;
    // Agents have the names that the configuration gives them, and no ids.
    let of_ids =
        |endpoint: &&Described| endpoint.path.contains('{') && !endpoint.path.contains("{agent}");
    for endpoint in endpoints.iter().filter(of_ids) {
        for word in words {
            let client = client(&fixture, endpoint);
            let body = match endpoint.id {
                "console_open" => json!({ "kind": "serial" }),
                "operation_resolve" => json!({ "note": "done" }),
                "adoption_ignore" => json!({ "reason": "not ours" }),
                "vm_clone" => json!({ "name": "a" }),
                "snapshot_create" => json!({ "name": "a" }),
                "disk_attach" | "disk_plan" => {
                    json!({ "name": "a", "source": { "empty": { "size_bytes": 1 << 20 } } })
                }
                "volume_create" | "volume_plan" => {
                    json!({ "name": "a", "capacity_bytes": 1 << 20 })
                }
                "disk_grow" => json!({ "capacity_bytes": 1 << 20 }),
                "vm_change" | "vm_change_plan" => {
                    json!({ "spec": { "name": "a", "memory": { "bytes": 1 << 20 } } })
                }
                "cluster_rotate" => json!({ "kubeconfig": "" }),
                "cluster_declare" => json!({ "hardware": {} }),
                "template_version_write" => json!({ "spec": {} }),
                "template_preview"
                | "template_deploy"
                | "template_version_preview"
                | "template_version_deploy" => json!({ "name": "a" }),
                _ => json!({}),
            };
            let answer = ask(&client, endpoint, &path(endpoint, word), &body.to_string()).await;
            refused(endpoint, &answer, 400, "id_invalid");
            asked += 1;
        }
    }
    assert!(asked > 100, "{asked}");
}

#[tokio::test]
async fn a37_documents_are_bounded_in_size_depth_and_fields_by_every_endpoint() {
    let fixture = Fixture::start().await;
    let large = format!("{{\"nonsense\":\"{}\"}}", "x".repeat(TOO_LARGE));
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    let mut asked = 0;
    for endpoint in v1::endpoints().iter().filter(|endpoint| reads_documents(endpoint)) {
        let (path, client) = (path(endpoint, NO_ID), client(&fixture, endpoint));
        refused(endpoint, &ask(&client, endpoint, &path, &large).await, 413, "body_too_large");
        let answer = ask(&client, endpoint, &path, &deep).await;
        refused(endpoint, &answer, 400, "body_malformed");
        assert_eq!(answer.json()["errors"][0]["code"], "too_deep", "{}", endpoint.id);
        for odd in ["", "{", "[]", "7", "null", "{\"nonsense\":1}", "\u{feff}{}"] {
            let answer = ask(&client, endpoint, &path, odd).await;
            refused(endpoint, &answer, 400, "body_malformed");
        }
        asked += 1;
    }
    assert!(asked > 5, "{asked}");
}

#[tokio::test]
async fn a22_a_body_of_another_kind_is_refused_by_every_endpoint() {
    let fixture = Fixture::start().await;
    let forms = ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain", ""];
    for endpoint in v1::endpoints() {
        for form in forms {
            if endpoint.body == BodyKind::Text && form == "text/plain" {
                continue; // which pages of others cannot use: see custom_metrics.rs
            }
            let body = Some((form, Bytes::from_static(b"a=b")));
            let query = if endpoint.id == "metrics_query" { "?query=1" } else { "" };
            let (method, path) = (endpoint.method.as_str(), path(&endpoint, NO_ID) + query);
            let answer = fixture.local().send(method, &path, body).await;
            // An upload says first what else is missing of its address.
            let says_more = endpoint.body == BodyKind::Bytes && answer.status == 400;
            if !says_more {
                refused(&endpoint, &answer, 415, "media_type_unsupported");
            }
        }
    }
}

#[tokio::test]
async fn a37_lists_have_a_limit_that_is_refused_and_not_cut() {
    let fixture = Fixture::remembering().await;
    let pools = fixture.local().get("/api/v1/pools").await.json();
    let pool = pools["items"][0]["id"].as_str().unwrap();
    let vm = fixture.make_vm("web").await;
    let body = json!({ "name": "web", "version": { "spec": {} } });
    let template = fixture.local().post("/api/v1/templates", &body).await.json();
    let template = template["id"].as_str().unwrap();
    let mut asked = 0;
    for endpoint in v1::endpoints().iter().filter(|endpoint| endpoint.id.ends_with("_list")) {
        let owner = match endpoint.id {
            "snapshot_list" | "disk_list" => vm.as_str(),
            "template_version_list" => template,
            _ => pool,
        };
        let path = path(endpoint, owner);
        for limit in ["0", "1001", "-1", "1e3", "4294967296", ""] {
            let answer = fixture.local().get(&format!("{path}?limit={limit}")).await;
            refused(endpoint, &answer, 400, "query_invalid");
            assert_eq!(answer.json()["errors"][0]["pointer"], "limit", "{}", endpoint.id);
        }
        let long = "x".repeat(4097);
        for (name, code) in [("filter", "query_invalid"), ("cursor", "cursor_invalid")] {
            let answer = fixture.local().get(&format!("{path}?{name}={long}")).await;
            refused(endpoint, &answer, 400, code);
        }
        let most = fixture.local().get(&format!("{path}?limit=1000")).await;
        assert_eq!(most.status, 200, "{} {}", endpoint.id, most.text());
        asked += 1;
    }
    assert!(asked > 8, "{asked}");
}

#[tokio::test]
async fn a37_a_key_of_odd_length_or_letters_is_refused_by_every_change() {
    let fixture = Fixture::start().await;
    let long = "k".repeat(256);
    let changes = v1::endpoints()
        .into_iter()
        .filter(|endpoint| !endpoint.method.is_safe() && endpoint.reply != ReplyKind::WebSocket);
    for endpoint in changes {
        for key in ["", long.as_str()] {
            let client = fixture.local().header("idempotency-key", key);
            let query = if endpoint.body == BodyKind::Bytes { "?name=a&format=raw" } else { "" };
            let path = format!("{}{query}", path(&endpoint, NO_ID));
            let answer = ask(&client, &endpoint, &path, "{}").await;
            refused(&endpoint, &answer, 400, "query_invalid");
            assert_eq!(answer.json()["errors"][0]["pointer"], "Idempotency-Key");
        }
    }
}

#[tokio::test]
async fn a37_numbers_and_texts_of_single_endpoints_are_bounded() {
    let fixture = Fixture::start().await;
    let vm = fixture.make_vm("web").await;
    let local = fixture.local();
    let stop = format!("/api/v1/vms/{vm}/stop");
    for seconds in [0, 3601] {
        let answer = local.post(&stop, &json!({ "timeout_seconds": seconds })).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "spec_invalid"));
        assert_eq!(answer.json()["errors"][0]["pointer"], "/timeout_seconds");
    }
    let operations = local.get("/api/v1/operations").await.json();
    let operation =
        format!("/api/v1/operations/{}", operations["items"][0]["id"].as_str().unwrap());
    let answer = local.get(&format!("{operation}?wait=61")).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "query_invalid"));
    assert_eq!(answer.json()["errors"][0]["pointer"], "wait");
    for note in [String::new(), " ".to_owned(), "x".repeat(4097)] {
        let answer = local.post(&format!("{operation}/resolve"), &json!({ "note": note })).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "spec_invalid"));
        assert_eq!(answer.json()["errors"][0]["pointer"], "/note");
    }
    let types = "vm.state,".repeat(65);
    let answer = local.get(&format!("/api/v1/events?types={types}")).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "query_invalid"));
    let answer = local.get(&format!("/api/v1/vms?search={}", "x".repeat(257))).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "query_invalid"));
}

#[tokio::test]
async fn a_client_that_cannot_read_the_answer_is_told_so_before_anything_is_done() {
    let fixture = Fixture::start().await;
    for endpoint in v1::endpoints() {
        let client = client(&fixture, &endpoint).header("accept", "image/png, */*;q=0");
        let answer = ask(&client, &endpoint, &path(&endpoint, NO_ID), "{}").await;
        match endpoint.reply {
            ReplyKind::Empty | ReplyKind::WebSocket => assert_ne!(answer.status, 406),
            _ => refused(&endpoint, &answer, 406, "not_acceptable"),
        }
    }
}

#[tokio::test]
async fn a_condition_that_nobody_looks_at_is_refused() {
    let fixture = Fixture::start().await;
    let (mut refusals, mut looked_at) = (0, Vec::new());
    for endpoint in v1::endpoints().iter().filter(|endpoint| !endpoint.method.is_safe()) {
        let client = fixture.local().header("if-match", "\"77\"");
        let answer = ask(&client, endpoint, &path(endpoint, NO_ID), "{}").await;
        match endpoint.errors.contains(&Code::PreconditionFailed) {
            true => looked_at.push(endpoint.id),
            false => {
                refused(endpoint, &answer, 412, "precondition_failed");
                refusals += 1;
            }
        }
    }
    let all = ["vm_update", "vm_change", "vm_delete", "template_update", "template_version_write"];
    assert_eq!(looked_at, all);
    assert!(refusals > 10, "{refusals}");
}
