//! Migrations over the wire: who does not tell any is named, and what was kept is told as that.

use std::time::Duration;

use hostler_provider::Kind;
use hostler_sim::{HostSetup, NetworkSetup, Verb, When};
use serde_json::{Value, json};

use crate::fixture::Fixture;

#[tokio::test]
async fn x17_a_provider_that_does_not_tell_its_migrations_is_named_with_why() {
    let fixture = Fixture::start().await;
    let path = "/api/v1/migrations";
    let well = fixture.local().get(path).await.json();
    assert_eq!((&well["stale"], &well["silent"]), (&Value::Bool(false), &Value::Null), "{well}");
    // It is well, and this alone is refused, as where an account lacks one right.
    fixture.world.faults().fail_verb(Verb::Migrations, 1, When::Before, Kind::Denied);
    let told = fixture.local().get(path).await.json();
    assert_eq!(told["stale"], true, "{told}");
    let silent = told["silent"].as_array().unwrap();
    assert_eq!(silent.len(), 1, "{told}");
    assert_eq!(silent[0]["provider"]["name"], "lab", "{told}");
    let providers = fixture.local().get("/api/v1/providers").await.json();
    let lab = providers["items"].as_array().unwrap().iter().find(|it| it["name"] == "lab");
    assert_eq!(silent[0]["provider"]["id"], lab.unwrap()["id"]);
    assert_eq!(lab.unwrap()["state"], "healthy", "so that nothing else would say why");
    assert!(!silent[0]["reason"].as_str().unwrap().is_empty(), "{told}");
}

#[tokio::test]
async fn e8_x17_what_a_silent_provider_told_is_told_with_where_it_is_from_and_its_time() {
    let fixture = Fixture::start().await;
    let vm = fixture.make_vm("web").await;
    fixture.world.add_host(HostSetup::new("h2"));
    fixture.world.add_network(NetworkSetup::new("h2", "default"));
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    let local = fixture.local();
    while local.get("/api/v1/hosts?filter=name=h2").await.json()["items"][0].is_null() {
        assert!(tokio::time::Instant::now() < deadline, "h2 is never seen");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    fixture.act(&vm, "migrate", Some(&json!({}))).await;
    let path = "/api/v1/migrations";
    let live = local.get(path).await.json();
    assert_eq!((&live["items"][0]["told_by"], &live["stale"]), (&json!("provider"), &json!(false)));

    fixture.clock.advance(Duration::from_secs(3600));
    fixture.world.faults().fail_verb(Verb::Migrations, 9, When::Before, Kind::Unavailable);
    for path in [path.to_owned(), format!("{path}?filter=vm={vm}")] {
        let told = local.get(&path).await.json();
        let items = told["items"].as_array().unwrap();
        assert_eq!(items.len(), 1, "{told:#}");
        assert_eq!(told["silent"][0]["provider"]["name"], "lab", "{told:#}");
        // All that was told then, and nothing that was not.
        let mut expected = live["items"][0].clone();
        expected["told_by"] = json!("history");
        assert_eq!(items[0], expected);
    }
    let kept = format!("{path}?filter=told_by=history&fields=told_by,observed_at");
    let kept = local.get(&kept).await.json();
    assert_eq!(kept["items"][0]["observed_at"], live["items"][0]["observed_at"], "{kept:#}");
}
