//! Migrations over the wire: who does not tell any is named.

use hostler_provider::Kind;
use hostler_sim::{Verb, When};
use serde_json::Value;

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
