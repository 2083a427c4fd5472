//! `vm set` with a size: the plan that is shown, whose fields are taken, and the exit code.

use hostler_client::testing::{Reply, Seen, TestServer};
use hostler_core::Code;
use serde_json::{Value, json};

use crate::rig::{fleet, id, operation, run, whole_vm};

fn spec() -> Value {
    json!({
        "name": "web-1", "labels": {"tier": "web"}, "cpu": {"count": 2, "max_count": 2},
        "memory": {"bytes": 2147483648_u64},
    })
}

fn plan(managed: Value, kept_by: Value) -> Value {
    let change = |path: &str, from: Value, to: Value, takes: &str| {
        json!({"path": path, "from": from, "to": to, "takes": takes, "reason": null,
            "at_risk": null})
    };
    json!({
        "changes": [
            change("/cpu/count", json!(2), json!(4), "live"),
            change("/memory/bytes", json!(2147483648_u64), json!(4294967296_u64), "next_start"),
        ],
        "managed_by_others": managed, "kept_by": kept_by,
    })
}

fn others() -> Value {
    json!([{"field": ".spec.memory", "manager": "kubectl-edit"}])
}

/// A fleet whose VM `web-1` can be changed as this plan says.
fn answering(
    planned: Value,
    change: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
) -> TestServer {
    let path = format!("/api/v1/vms/{}", id(1));
    TestServer::start(move |seen| match seen.line() {
        line if line == format!("GET {path}") => {
            let mut vm = whole_vm(1, "web-1", "running");
            vm["spec"] = spec();
            Reply::JsonWith(200, vm, vec![("etag", "\"3\"".to_owned())])
        }
        line if line == format!("POST {path}/spec/plan") => Reply::Json(200, planned.clone()),
        line if line.starts_with("GET") => fleet(seen),
        _ => change(seen),
    })
}

fn accepting(planned: Value) -> TestServer {
    answering(planned, |_| Reply::Json(202, operation("vm.change", "succeeded", 1)))
}

fn puts(server: &TestServer) -> Vec<Seen> {
    server.seen().into_iter().filter(|seen| seen.method == "PUT").collect()
}

const LARGER: &[&str] = &["vm", "set", "web-1", "--cpus", "4", "--memory", "4G"];

#[test]
fn c20_the_plan_is_shown_and_sent_for_the_version_that_was_read() {
    let server = accepting(plan(json!([]), Value::Null));
    let ended = run(&server, LARGER);
    assert_eq!(ended.code, 0, "{}", ended.err);
    for line in [
        "~ vm \"web-1\": /cpu/count from 2 to 4, at once",
        "~ vm \"web-1\": /memory/bytes from 2 GiB to 4 GiB, at its next start",
        "vm \"web-1\" changed",
    ] {
        assert!(ended.err.contains(line), "{line}: {}", ended.err);
    }
    let [put] = puts(&server).try_into().unwrap();
    assert_eq!(put.line(), format!("PUT /api/v1/vms/{}/spec", id(1)));
    assert_eq!(put.header("if-match"), Some("\"3\""));
    let sent = put.json();
    assert_eq!(sent["spec"]["cpu"]["count"], 4);
    assert_eq!(sent["spec"]["cpu"]["max_count"], Value::Null, "more than there could be");
    assert_eq!(sent["spec"]["memory"]["bytes"], 4_294_967_296_u64);
    assert_eq!(sent["spec"]["labels"], json!({"tier": "web"}));
    assert_eq!(sent["from_gitops"], false);
}

#[test]
fn c20_a_dry_run_shows_the_plan_and_changes_nothing() {
    let server = accepting(plan(others(), Value::Null));
    let ended = run(&server, &[LARGER, &["--dry-run", "--description", "new"]].concat());
    assert_eq!((ended.code, ended.err.as_str()), (0, "nothing was done\n"));
    assert!(ended.out.contains("! vm \"web-1\": .spec.memory is managed by kubectl-edit"));
    assert_eq!(puts(&server).len(), 0);
    let seen = server.seen();
    let planned = seen.iter().find(|seen| seen.path.ends_with("/plan")).unwrap().json();
    assert_eq!(planned["spec"]["description"], "new");
}

#[test]
fn x25_fields_of_others_are_shown_and_not_taken_unasked() {
    let server = accepting(plan(others(), Value::Null));
    let ended = run(&server, LARGER);
    assert_eq!(ended.code, 2, "{}", ended.err);
    assert!(ended.err.contains(".spec.memory is managed by kubectl-edit"), "{}", ended.err);
    assert!(ended.err.contains("--take-over"), "{}", ended.err);
    assert_eq!(puts(&server).len(), 0);
    let ended = run(&server, &[LARGER, &["--take-over"]].concat());
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert_eq!(puts(&server)[0].json()["take_over"], others());
}

#[test]
fn x25_what_a_tool_keeps_has_to_be_meant() {
    let keeper = json!({"tool": "flux", "name": "apps", "evidence": "label x"});
    let server = accepting(plan(others(), keeper));
    let ended = run(&server, &[LARGER, &["--take-over"]].concat());
    assert_eq!(ended.code, 5, "{}", ended.err);
    assert!(ended.err.contains("kept by flux (apps), by its label x"), "{}", ended.err);
    let ended = run(&server, &[LARGER, &["--take-over", "--from-gitops"]].concat());
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert_eq!(puts(&server)[0].json()["from_gitops"], true);
}

#[test]
fn c20_what_is_so_already_is_success_and_a_refusal_has_the_code_of_its_kind() {
    let nothing = json!({"changes": [], "managed_by_others": [], "kept_by": null});
    let server = accepting(nothing);
    let ended = run(&server, LARGER);
    assert_eq!((ended.code, puts(&server).len()), (0, 0), "{}", ended.err);
    assert!(ended.err.contains("is so already"), "{}", ended.err);
    let refusing = answering(plan(json!([]), Value::Null), |_| {
        Reply::problem(Code::PreconditionFailed, "it was changed")
    });
    assert_eq!(run(&refusing, LARGER).code, 5);
    assert_eq!(run(&refusing, &["vm", "set", "web-1", "--cpus", "0"]).code, 2);
}
