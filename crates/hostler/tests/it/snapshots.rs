//! Snapshots: what is sent, what is told, and the exit code.

use expect_test::expect;
use hostler_client::testing::{Reply, Seen, TestServer};
use hostler_core::Code;
use serde_json::{Value, json};

use crate::rig::{failed, fleet, id, operation, run};

fn fact(value: Value) -> Value {
    let quality = if value.is_null() { "unsupported" } else { "ok" };
    let reason = if value.is_null() { json!("it has no tree") } else { Value::Null };
    json!({"value": value, "quality": quality, "source": "x", "observed_at": null, "reason": reason})
}

fn snapshot(name: &str, reference: &str) -> Value {
    json!({
        "id": id(600), "reference": reference, "name": name, "state": "ready", "message": null,
        "description": "as it was", "parent": null, "is_current": fact(Value::Null),
        "content": fact(json!("disks")), "consistency": fact(json!("quiesced")),
        "taken_at": fact(json!("2026-11-21T04:00:00.000000Z")),
        "disks": fact(json!(["root"])), "disks_left_out": fact(json!(["seed"])),
    })
}

/// A fleet whose VM `web-1` has the snapshot `s1`.
fn answering(change: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> TestServer {
    let list = format!("GET /api/v1/vms/{}/snapshots", id(1));
    TestServer::start(move |seen| match seen.method.as_str() {
        "GET" if seen.line() == list => Reply::page(vec![snapshot("s1", "ref-1")]),
        "GET" if seen.path.starts_with("/api/v1/vms") => fleet(seen),
        _ => change(seen),
    })
}

#[test]
fn c14_a_list_tells_how_consistent_each_came_out() {
    let server = answering(|seen| panic!("{seen:?}"));
    let columns = ["--columns", "name,state,holds,consistency,current,left-out,reference"];
    let ended = run(&server, &[&["snapshot", "list", "web-1"] as &[&str], &columns].concat());
    expect![[r"
        NAME  STATE  HOLDS  CONSISTENCY  CURRENT  LEFT-OUT  REFERENCE
        s1    ready  disks  quiesced     -        seed      ref-1
        exit 0
    "]]
    .assert_eq(&ended.all());
}

#[test]
fn c14_every_verb_sends_its_request() {
    let all = format!("/api/v1/vms/{}/snapshots", id(1));
    let body = |content: &str, quiesce: &str| json!({"name": "s2", "description": "", "content": content, "quiesce": quiesce});
    let create: &[&str] = &["snapshot", "create", "web-1", "s2"];
    let memory: &[&str] = &["snapshot", "create", "web-1", "s2", "--memory"];
    let rests: &[&str] = &["snapshot", "create", "web-1", "s2", "--quiesce", "required"];
    for (arguments, line, sent) in [
        (create, format!("POST {all}"), body("disks", "wanted")),
        (memory, format!("POST {all}"), body("disks_and_memory", "wanted")),
        (rests, format!("POST {all}"), body("disks", "required")),
        (
            &["snapshot", "revert", "web-1", "s1", "--yes"],
            format!("POST {all}/s1/revert"),
            Value::Null,
        ),
        (&["snapshot", "delete", "web-1", "s1", "--yes"], format!("DELETE {all}/s1"), Value::Null),
    ] {
        let server = answering(|_| Reply::Json(202, operation("snapshot.x", "succeeded", 1)));
        let ended = run(&server, arguments);
        assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.err);
        let seen = server.seen();
        let change = seen.iter().find(|seen| seen.method != "GET").unwrap();
        assert_eq!((change.line(), change.json()), (line, sent), "{arguments:?}");
    }
}

#[test]
fn c14_what_loses_data_is_not_done_unasked() {
    let server = answering(|seen| panic!("{seen:?}"));
    for verb in ["revert", "delete"] {
        let ended = run(&server, &["snapshot", verb, "web-1", "s1"]);
        assert_eq!(ended.code, 2, "{}", ended.err);
    }
    let lost = run(&server, &["snapshot", "revert", "web-1", "s1"]).err;
    assert!(lost.contains("loses all that was written since 2026-11-21"), "{lost}");
    let missing = run(&server, &["snapshot", "revert", "web-1", "s9", "--yes"]);
    assert_eq!(missing.code, 4, "{}", missing.err);
    assert!(missing.err.contains("hostler snapshot list web-1"), "{}", missing.err);
    let fine = run(&server, &["snapshot", "delete", "web-1", "s9", "--yes", "--if-exists"]);
    assert_eq!(fine.code, 0, "{}", fine.err);
}

#[test]
fn a_snapshot_that_fails_ends_with_the_code_of_its_reason() {
    let server = answering(|_| {
        let message = "the guest cannot be brought to rest";
        Reply::Json(202, failed("snapshot.create", "failed", 1, Code::ProviderConflict, message))
    });
    let ended = run(&server, &["snapshot", "create", "web-1", "s2"]);
    assert_eq!(ended.code, 5, "{}", ended.err);
    assert!(ended.err.contains("cannot be brought to rest"), "{}", ended.err);
}
