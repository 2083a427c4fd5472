//! Lists: filters, orders, pages and cursors, as the wire promises them (C10).

use std::collections::BTreeSet;

use hostler_api::v1;
use serde_json::{Value, json};

use crate::fixture::Fixture;

async fn names(fixture: &Fixture, query: &str) -> Vec<String> {
    let page = fixture.local().get(&format!("/api/v1/vms?{query}")).await.json();
    let items = page["items"].as_array().unwrap_or_else(|| panic!("{page}"));
    items.iter().map(|vm| vm["name"].as_str().unwrap().to_owned()).collect()
}

async fn fleet(names: &[&str]) -> Fixture {
    let fixture = Fixture::start().await;
    for name in names {
        fixture.make_vm(name).await;
    }
    fixture
}

#[tokio::test]
async fn c10_pages_follow_each_other_without_gap_or_repetition() {
    let fixture = fleet(&["a-1", "a-2", "a-3", "b-1", "b-2"]).await;
    let local = fixture.local();
    let base = "/api/v1/vms?sort=-name&limit=2";
    let (mut seen, mut path) = (Vec::new(), base.to_owned());
    loop {
        let answer = local.get(&path).await;
        let page = answer.json();
        assert_eq!(page["approx_total"], 5);
        let link = answer.header("link");
        match page["next_cursor"].as_str() {
            // The same for clients that follow links.
            Some(cursor) => assert_eq!(link, format!("<{base}&cursor={cursor}>; rel=\"next\"")),
            None => assert_eq!(link, ""),
        }
        seen.extend(page["items"].as_array().unwrap().iter().map(|vm| vm["name"].to_string()));
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("{base}&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, ["\"b-2\"", "\"b-1\"", "\"a-3\"", "\"a-2\"", "\"a-1\""]);
    let unique: BTreeSet<_> = seen.iter().collect();
    assert_eq!(unique.len(), 5);
}

#[tokio::test]
async fn c10_filters_take_globs_labels_and_numbers() {
    let fixture = fleet(&["web-1", "web-2", "db-1"]).await;
    assert_eq!(names(&fixture, "filter=name=web-*&sort=name").await, ["web-1", "web-2"]);
    let query = "filter=name!=web-*%20AND%20state=running";
    assert_eq!(names(&fixture, query).await, ["db-1"]);
    assert_eq!(names(&fixture, "filter=label.tier=web&sort=name").await.len(), 3);
    assert_eq!(names(&fixture, "filter=memory_bytes%3E1073741824").await.len(), 0);
    assert_eq!(names(&fixture, "search=DB-").await, ["db-1"]);
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_list_and_question_only() {
    let fixture = fleet(&["a", "b", "c"]).await;
    let local = fixture.local();
    let page = local.get("/api/v1/vms?limit=1&sort=name").await.json();
    let cursor = page["next_cursor"].as_str().unwrap();
    assert_eq!(names(&fixture, &format!("limit=5&sort=name&cursor={cursor}")).await, ["b", "c"]);
    let tampered = format!("{}{}", if cursor.starts_with('A') { 'B' } else { 'A' }, &cursor[1..]);
    for path in [
        format!("/api/v1/vms?sort=-name&cursor={cursor}"),
        format!("/api/v1/vms?sort=name&filter=state=running&cursor={cursor}"),
        format!("/api/v1/hosts?sort=name&cursor={cursor}"),
        format!("/api/v1/vms?sort=name&cursor={tampered}"),
        format!("/api/v1/vms?sort=name&cursor={}", &cursor[..cursor.len() - 1]),
        "/api/v1/vms?cursor=AAAA".to_owned(),
        "/api/v1/operations?cursor=AAAA".to_owned(),
        "/api/v1/events/history?cursor=%F0%9F%92%A9".to_owned(),
    ] {
        let answer = local.get(&path).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "cursor_invalid"), "{path}");
    }
}

#[tokio::test]
async fn a32_every_fault_of_a_query_is_told_and_none_is_guessed_around() {
    let fixture = Fixture::start().await;
    let faults = |answer: Value| {
        let faults = answer["errors"].as_array().unwrap().clone();
        faults.iter().map(|f| f["pointer"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for (query, pointers) in [
        ("limit=0", vec!["limit"]),
        ("limit=1001", vec!["limit"]),
        ("limit=many", vec!["limit"]),
        ("colour=red", vec!["colour"]),
        ("limit=1&limit=2", vec!["limit"]),
        ("limit=0&filter=x=1&sort=colour", vec!["limit", "filter", "sort"]),
        ("filter=name%20LIKE%20'%25'", vec!["filter"]),
    ] {
        let answer = fixture.local().get(&format!("/api/v1/vms?{query}")).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "query_invalid"), "{query}");
        assert_eq!(faults(answer.json()), pointers, "{query}");
    }
    for path in
        ["/api/v1?x=1", "/api/v1/operations?sort=kind", "/api/v1/operations?filter=state=odd"]
    {
        assert_eq!(fixture.local().get(path).await.code(), "query_invalid", "{path}");
    }
}

#[tokio::test]
async fn operations_are_found_by_state_kind_actor_and_vm() {
    let fixture = Fixture::start().await;
    let vm = fixture.make_vm("web").await;
    fixture.act(&vm, "pause", None).await;
    let local = fixture.local();
    let count = async |filter: &str| {
        let page = local.get(&format!("/api/v1/operations?filter={filter}")).await.json();
        page["items"].as_array().unwrap_or_else(|| panic!("{page}")).len()
    };
    assert_eq!(count(&format!("vm={vm}")).await, 2);
    assert_eq!(count("kind=vm.pause").await, 1);
    assert_eq!(count("state=succeeded").await, 2);
    assert_eq!(count("state=failed").await, 0);
    assert_eq!(count("actor=somebody").await, 0);
    let first = local.get("/api/v1/operations?limit=1").await.json();
    let next = first["next_cursor"].as_str().unwrap();
    let second = local.get(&format!("/api/v1/operations?limit=1&cursor={next}")).await.json();
    assert_eq!(first["items"][0]["kind"], "vm.pause", "newest first");
    assert_eq!(second["items"][0]["kind"], "vm.create");
    assert_eq!(second["next_cursor"], Value::Null);
}

#[tokio::test]
async fn a_list_can_have_only_what_is_asked_for() {
    let fixture = fleet(&["a-1", "b-1"]).await;
    let local = fixture.local();
    let answer = local.get("/api/v1/vms?fields=name,%20managed&sort=name&limit=1").await;
    let page = answer.json();
    assert_eq!(page["items"], json!([{ "name": "a-1", "managed": true }]));
    assert_eq!(page["approx_total"], 2);
    assert!(answer.header("link").contains("fields=name"), "{}", answer.header("link"));
    let refused = local.get("/api/v1/vms?fields=name,nmae").await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "query_invalid"));
    assert_eq!(refused.json()["errors"][0]["pointer"], "fields");
}

#[tokio::test]
async fn every_list_takes_fields() {
    let fixture = Fixture::remembering().await;
    fixture.make_vm("a-1").await;
    let lists = v1::endpoints().into_iter().filter(|endpoint| endpoint.id.ends_with("_list"));
    let mut asked = 0;
    for list in lists {
        // A list that hangs on something has it in its path, and is asked with nothing there.
        if list.path.contains('{') {
            continue;
        }
        // What the configuration or its user names has no other id.
        let one = match list.id {
            "event_list" | "alert_history" => "seq",
            "adoption_list" => "vm",
            "agent_list" | "output_list" | "alert_receiver_list" | "custom_metric_list" => "name",
            _ => "id",
        };
        let page = fixture.local().get(&format!("{}?fields={one}", list.path)).await;
        assert_eq!(page.status, 200, "{}: {}", list.id, page.text());
        for item in page.json()["items"].as_array().unwrap() {
            let names: Vec<_> = item.as_object().unwrap().keys().collect();
            assert_eq!(names, [one], "{}", list.id);
        }
        let refused = fixture.local().get(&format!("{}?fields=", list.path)).await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "query_invalid"));
        asked += 1;
    }
    assert!(asked >= 8, "{asked}");
}
