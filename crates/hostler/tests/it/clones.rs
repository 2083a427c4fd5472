//! Clones: what is sent, what is told, and the exit code.

use expect_test::expect;
use hostler_client::testing::{Reply, Seen, TestServer};
use hostler_core::Code;
use serde_json::{Value, json};

use crate::rig::{failed, fleet, id, operation, run};

fn answering(change: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> TestServer {
    TestServer::start(move |seen| match seen.method.as_str() {
        "GET" if seen.path.starts_with("/api/v1/vms") => fleet(seen),
        _ => change(seen),
    })
}

#[test]
fn e8_a_clone_sends_its_request() {
    let line = format!("POST /api/v1/vms/{}/clone", id(1));
    let body = |snapshot: Value, start: bool| json!({ "name": "web-9", "snapshot": snapshot, "start": start });
    let of_then: &[&str] = &["vm", "clone", "web-1", "web-9", "--snapshot", "s1", "--start"];
    for (arguments, sent) in [
        (&["vm", "clone", "web-1", "web-9"] as &[&str], body(Value::Null, false)),
        (of_then, body(json!("s1"), true)),
    ] {
        let server = answering(|_| Reply::Json(202, operation("vm.clone", "succeeded", 1)));
        let ended = run(&server, arguments);
        assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.err);
        assert!(ended.err.contains("VM \"web-1\" as \"web-9\" cloned"), "{}", ended.err);
        let seen = server.seen();
        let change = seen.iter().find(|seen| seen.method != "GET").unwrap();
        assert_eq!((change.line(), change.json()), (line.clone(), sent), "{arguments:?}");
    }
}

#[test]
fn e8_a_dry_run_says_what_the_server_says_and_sends_nothing() {
    let server = answering(|seen| panic!("{seen:?}"));
    let ended = run(&server, &["vm", "clone", "web-1", "web-9", "--dry-run"]);
    expect![[r"
        NAME   STATE    ACTION  POSSIBLE  REASON
        web-1  running  clone   no        the server does not know this action
        exit 5
    "]]
    .assert_eq(&ended.all());
}

#[test]
fn e8_a_name_that_is_taken_ends_with_the_code_of_a_conflict() {
    let server = answering(|_| {
        let message = "another VM named \"web-9\" exists";
        Reply::Json(202, failed("vm.clone", "failed", 1, Code::ProviderConflict, message))
    });
    let ended = run(&server, &["vm", "clone", "web-1", "web-9"]);
    assert_eq!(ended.code, 5, "{}", ended.err);
    assert!(ended.err.contains("another VM named \"web-9\" exists"), "{}", ended.err);
}
