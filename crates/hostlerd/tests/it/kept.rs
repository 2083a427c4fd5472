//! VMs that a tool keeps as they are written down elsewhere, over the wire (X25).

use std::time::Duration;

use hostler_core::vm::VmSpec;
use hostler_core::vm::change::Keeper;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::fixture::Fixture;

const PENDING: &str = "/api/v1/admin/pending-adoptions";

/// What waits for a decision, once `is_so` holds of it.
async fn pending(fixture: &Fixture, is_so: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let page = fixture.local().get(PENDING).await.json();
        if is_so(&page["items"][0]) {
            return page["items"][0].clone();
        }
        assert!(Instant::now() < deadline, "never so: {page}");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn x25_who_keeps_a_vm_is_a_risk_before_it_is_adopted_and_a_warning_afterwards() {
    let fixture = Fixture::start().await;
    let vm = fixture.world.add_vm("h1", VmSpec::new("web", 64 << 20), None, Vec::new());
    pending(&fixture, |one| one["vm"]["name"] == "web").await;
    let name = Some("shop:web".to_owned());
    let evidence = "annotation x".to_owned();
    fixture.world.keep_vm(&vm, Keeper { tool: "argocd".to_owned(), name, evidence });
    let is_kept = |one: &Value| {
        one["risks"].as_array().is_some_and(|all| all.iter().any(|it| it["code"] == "kept_by"))
    };
    let one = pending(&fixture, is_kept).await;
    assert_eq!(one["adoptable"], true, "it forbids nothing: {one}");

    let id = one["vm"]["id"].as_str().unwrap();
    let adopted = fixture.local().post(&format!("{PENDING}/{id}/adopt"), &json!({})).await;
    assert_eq!(adopted.status, 200, "{}", adopted.text());
    let shown = fixture.local().get(&format!("/api/v1/vms/{id}")).await.json();
    let keeper = json!({ "tool": "argocd", "name": "shop:web", "evidence": "annotation x" });
    assert_eq!(shown["observed"]["kept_by"], json!([keeper]));
    let start = &shown["actions"]["start"];
    assert_eq!(start["allowed"], true, "{start}");
    let warning = start["warning"].as_str().unwrap();
    assert!(warning.contains("kept by argocd (shop:web)"), "{warning}");
    assert_eq!(shown["actions"]["delete"].get("warning"), None, "of what nobody puts back");
    assert_eq!(shown["actions"]["stop"].get("warning"), None, "it is off already");
}
