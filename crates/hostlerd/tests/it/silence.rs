//! What is told of things whose host or provider does not answer any more.

use std::time::Duration;

use hostler_core::Clock;
use hostler_provider::{Change, Kind};
use hostler_sim::{Verb, When};
use serde_json::{Value, json};

use crate::fixture::Fixture;

/// Facts that have a value, anywhere in a document.
fn facts(document: &Value) -> Vec<&Value> {
    match document {
        Value::Object(fields)
            if fields.contains_key("source") && fields.contains_key("quality") =>
        {
            Vec::from_iter(fields.get("value").filter(|value| !value.is_null()).map(|_| document))
        }
        Value::Object(fields) => fields.values().flat_map(facts).collect(),
        Value::Array(items) => items.iter().flat_map(facts).collect(),
        _ => Vec::new(),
    }
}

/// What is told of a VM, its host and its pool.
async fn told(fixture: &Fixture, vm: &str) -> [Value; 3] {
    let local = fixture.local();
    let vm = local.get(&format!("/api/v1/vms/{vm}")).await.json();
    let host = vm["host"]["id"].as_str().unwrap();
    let pools = local.get("/api/v1/pools").await.json();
    let host = local.get(&format!("/api/v1/hosts/{host}")).await.json();
    [vm["observed"].clone(), host, pools["items"][0].clone()]
}

/// How old is what is told: of a VM, its host and its pool, all pools and networks there are,
/// and of the lists that they are in. Each by its status, and since when it is stale.
async fn ages(fixture: &Fixture, vm: &str) -> Vec<(String, String, Option<String>)> {
    let local = fixture.local();
    let mut told =
        vec![("the vm".to_owned(), local.get(&format!("/api/v1/vms/{vm}")).await.json())];
    for list in ["vms", "hosts", "pools", "networks"] {
        let page = local.get(&format!("/api/v1/{list}")).await.json();
        let items = page["items"].as_array().unwrap().clone();
        assert!(!items.is_empty(), "{list}");
        told.extend(items.into_iter().map(|item| (format!("one of {list}"), item)));
        assert_eq!(page["stale"], page["cache_status"] == "stale", "{page:#}");
        told.push((list.to_owned(), page));
    }
    let age = |(what, it): (String, Value)| {
        let status = it["cache_status"].as_str().unwrap_or_else(|| panic!("{what}: {it:#}"));
        (what, status.to_owned(), it["stale_since"].as_str().map(str::to_owned))
    };
    told.into_iter().map(age).collect()
}

/// That everything is told as fresh, or as stale since then.
async fn all_are(fixture: &Fixture, vm: &str, status: &str, since: Option<String>) {
    for (what, told, told_since) in ages(fixture, vm).await {
        assert_eq!((told.as_str(), &told_since), (status, &since), "{what}");
    }
}

async fn falls_silent(silence: impl FnOnce(&Fixture), reason: &str) {
    let fixture = Fixture::start().await;
    let vm = fixture.make_vm("web").await;
    for thing in told(&fixture, &vm).await {
        let facts = facts(&thing);
        assert!(facts.len() > 2 && facts.iter().all(|fact| fact["quality"] == "ok"), "{thing:#}");
    }
    all_are(&fixture, &vm, "fresh", None).await;
    fixture.clock.advance(Duration::from_secs(7));
    silence(&fixture);
    let path = format!("/api/v1/vms/{vm}");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while fixture.local().get(&path).await.json()["status"]["state"] != "unknown" {
        assert!(tokio::time::Instant::now() < deadline, "its silence is never noticed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for thing in told(&fixture, &vm).await {
        let facts = facts(&thing);
        assert!(facts.len() > 2, "what was seen is still told: {thing:#}");
        for fact in facts {
            assert_eq!(fact["quality"], "stale", "{thing:#}");
            assert!(fact["reason"].as_str().unwrap().contains(reason), "{fact:#}");
            assert!(fact["observed_at"].is_string(), "{fact:#}");
        }
    }
    // Since it was silent first, however often it is asked again.
    let since = fixture.clock.now().to_string();
    fixture.clock.advance(Duration::from_secs(60));
    fixture.world.emit(Change::Inventory);
    all_are(&fixture, &vm, "stale", Some(since)).await;
}

#[tokio::test]
async fn c5_x17_facts_of_a_silent_host_are_told_as_stale() {
    falls_silent(|fixture| fixture.world.isolate_host("h1"), "no route to host").await;
}

#[tokio::test]
async fn c5_x17_facts_of_a_silent_provider_are_told_as_stale() {
    let silence = |fixture: &Fixture| {
        let faults = fixture.world.faults();
        faults.fail_verb(Verb::Probe, u32::MAX, When::Before, Kind::Unavailable);
        fixture.world.emit(Change::Inventory);
    };
    falls_silent(silence, "simulated").await;
}

/// Waits until a list says whether it is stale.
async fn until_stale(fixture: &Fixture, path: &str, stale: bool) -> Value {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        let listed = fixture.local().get(path).await.json();
        if listed["stale"] == stale {
            return listed;
        }
        assert!(tokio::time::Instant::now() < deadline, "{path} never has stale {stale}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn e10_x26_while_a_provider_is_listed_anew_reads_are_stale_and_writes_are_refused() {
    let fixture = Fixture::start().await;
    let (local, vm) = (fixture.local(), fixture.make_vm("web").await);
    let path = format!("/api/v1/vms/{vm}");
    let seen_at = until_stale(&fixture, "/api/v1/vms", false).await["observed_at"].clone();
    all_are(&fixture, &vm, "fresh", None).await;
    fixture.clock.advance(Duration::from_secs(7));
    let since = fixture.clock.now().to_string();
    fixture.world.fall_behind(fixture.clock.now(), "its version was forgotten");
    let listed = until_stale(&fixture, "/api/v1/vms", true).await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "what is known is kept");
    assert_eq!(listed["observed_at"], seen_at);
    all_are(&fixture, &vm, "stale", Some(since.clone())).await;
    for thing in told(&fixture, &vm).await {
        for fact in facts(&thing) {
            assert_eq!(fact["quality"], "stale", "{thing:#}");
            assert!(fact["reason"].as_str().unwrap().contains("forgotten"), "{fact:#}");
        }
    }
    let provider = local.get("/api/v1/providers").await.json()["items"][0].clone();
    assert_eq!(provider["state"], "rebuilding");
    assert!(provider["reason"].as_str().unwrap().contains("forgotten"));
    assert_eq!(
        (&provider["cache_status"], &provider["stale_since"]),
        (&json!("stale"), &json!(since))
    );

    let operations = || async { local.get("/api/v1/operations").await.json()["items"].clone() };
    let before = operations().await;
    let pool = local.get("/api/v1/pools").await.json()["items"][0]["id"].clone();
    let pool = pool.as_str().unwrap();
    let spec = json!({ "spec": { "name": "db", "memory": { "bytes": 256 << 20 } } });
    let volume = json!({ "name": "data", "capacity_bytes": 1 << 20 });
    let refused = [
        local.post(&format!("{path}/stop"), &json!({})).await,
        local.delete(&path).await,
        local.post("/api/v1/vms", &spec).await,
        local.post(&format!("{path}/migrate"), &json!({})).await,
        local.post(&format!("{path}/snapshots"), &json!({ "name": "s" })).await,
        local.post(&format!("/api/v1/pools/{pool}/volumes"), &volume).await,
    ];
    for answer in refused {
        let told = (answer.status, answer.code());
        assert_eq!(told, (503, "cluster_rebuilding".to_owned()), "{}", answer.text());
        assert_eq!(answer.header("retry-after"), "5");
    }
    assert_eq!(operations().await, before, "nothing was taken on");

    fixture.world.catch_up();
    until_stale(&fixture, "/api/v1/vms", false).await;
    all_are(&fixture, &vm, "fresh", None).await;
    let accepted = local.post(&format!("{path}/stop"), &json!({})).await;
    assert_eq!(accepted.status, 202, "{}", accepted.text());
}
