//! Whether a refusal is one that its endpoint declares. Every answer that a test reads is looked
//! at, so that a code that the document does not know fails whichever test meets it.

use hostler_api::{Described, PROBLEM_JSON, openapi, v1};
use hostler_core::Code;

use crate::client::Answer;

/// What is wrong with an answer, if it refuses by a code that its endpoint does not declare.
/// Answers of what is no endpoint, and of no problem document, are none of its business.
pub(crate) fn fault(method: &str, path: &str, answer: &Answer) -> Option<String> {
    if answer.status < 400 || answer.header("content-type") != PROBLEM_JSON {
        return None;
    }
    let endpoint = endpoint_of(method, path)?;
    undeclared(&endpoint, &answer.code())
}

fn undeclared(endpoint: &Described, code: &str) -> Option<String> {
    match Code::parse(code) {
        Some(known) if openapi::codes(endpoint).contains(&known) => None,
        _ => Some(format!("{} answered {code}, which it does not declare", endpoint.id)),
    }
}

/// The endpoint at an address; of several that fit, the one that names it most exactly.
fn endpoint_of(method: &str, path: &str) -> Option<Described> {
    let path = path.split('?').next()?;
    let fits = |endpoint: &Described| {
        let (mut parts, mut asked) = (endpoint.path.split('/'), path.split('/'));
        endpoint.method == method
            && loop {
                match (parts.next(), asked.next()) {
                    (None, None) => break true,
                    (Some(part), Some(_)) if part.starts_with('{') => {}
                    (Some(part), Some(word)) if part == word => {}
                    _ => break false,
                }
            }
    };
    let all = v1::endpoints().into_iter().filter(fits);
    all.min_by_key(|endpoint| endpoint.path.matches('{').count())
}

#[test]
fn a_code_that_an_endpoint_does_not_declare_is_found() {
    let endpoint = endpoint_of("DELETE", "/api/v1/vms/x/snapshots/y?z=1").unwrap();
    assert_eq!(endpoint.id, "snapshot_delete");
    assert_eq!(undeclared(&endpoint, "vm_state_unknown"), None);
    for wrong in ["image_not_found", "no_code_at_all"] {
        let fault = undeclared(&endpoint, wrong).unwrap();
        assert!(fault.contains("snapshot_delete") && fault.contains(wrong), "{fault}");
    }
    assert_eq!(endpoint_of("POST", "/api/v1/clusters/test").unwrap().id, "cluster_test");
    assert!(endpoint_of("GET", "/metrics").is_none());
}

#[tokio::test]
async fn what_a_snapshots_deletion_is_refused_for_is_declared() {
    let fixture = crate::fixture::Fixture::start().await;
    // Nobody has seen it yet: it is only being made.
    let faults = fixture.world.faults().clone();
    faults.set_verb_latency(hostler_sim::Verb::EnsureVm, std::time::Duration::from_secs(60));
    let spec = serde_json::json!({ "name": "slow", "memory": { "bytes": 268_435_456 } });
    let body = serde_json::json!({ "spec": spec });
    let operation = fixture.local().post("/api/v1/vms", &body).await.json();
    let vm = operation["resources"][0]["id"].as_str().unwrap();
    let answer = fixture.local().delete(&format!("/api/v1/vms/{vm}/snapshots/s1")).await;
    assert_eq!(answer.code(), "vm_state_unknown", "{}", answer.text());
}
