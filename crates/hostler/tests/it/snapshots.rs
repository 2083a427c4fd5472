//! Snapshots: what is sent, what is told, and the exit code.

use expect_test::expect;
use hostler_client::testing::{Reply, Seen, TestServer};
use hostler_core::Code;
use serde_json::{Value, json};

use crate::rig::{failed, fleet, id, operation, run, whole_vm};

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
            format!("POST {all}/ref-1/revert"),
            Value::Null,
        ),
        (
            &["snapshot", "delete", "web-1", "s1", "--yes"],
            format!("DELETE {all}/ref-1"),
            Value::Null,
        ),
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

/// A VM `web-1` with these snapshots, in a state, where power can be cut or not.
fn with(all: Vec<Value>, state: &'static str, reverts_live: bool) -> TestServer {
    let list = format!("GET /api/v1/vms/{}/snapshots", id(1));
    let one = format!("GET /api/v1/vms/{}", id(1));
    TestServer::start(move |seen| match seen.line().as_str() {
        line if line == list => Reply::page(all.clone()),
        line if line == one => {
            let mut vm = whole_vm(1, "web-1", state);
            vm["snapshot_limits"] = json!({ "live": true, "memory": true, "quiesce": true,
                "tree": false, "reverts_live": reverts_live, "max_per_vm": null });
            Reply::Json(200, vm)
        }
        _ if seen.method == "GET" => fleet(seen),
        _ => Reply::Json(202, operation("snapshot.x", "succeeded", 1)),
    })
}

#[test]
fn c14_what_is_told_of_is_what_is_changed_whatever_else_has_that_word() {
    // The one's name is the other's reference: the server takes the reference.
    let both = || vec![snapshot("ref-2", "ref-1"), snapshot("s2", "ref-2")];
    let changed = |server: &TestServer| {
        let seen = server.seen();
        seen.iter().filter(|seen| seen.method != "GET").map(Seen::line).collect::<Vec<_>>()
    };
    for verb in ["revert", "delete"] {
        let server = with(both(), "running", true);
        let ended = run(&server, &["snapshot", verb, "web-1", "ref-2", "--yes"]);
        assert_eq!(ended.code, 0, "{}", ended.all());
        assert!(ended.err.contains("snapshot \"s2\""), "{}", ended.err);
        assert!(changed(&server)[0].contains("/snapshots/ref-2"), "{:?}", changed(&server));
        let twins = vec![snapshot("nightly", "ref-1"), snapshot("nightly", "ref-2")];
        let server = with(twins, "running", true);
        let ended = run(&server, &["snapshot", verb, "web-1", "nightly", "--yes"]);
        assert_eq!((ended.code, changed(&server).len()), (5, 0), "{}", ended.all());
        assert!(ended.err.contains("(ref-1)") && ended.err.contains("(ref-2)"), "{}", ended.err);
    }
}

#[test]
fn c14_going_back_says_first_all_that_it_costs() {
    let revert = ["snapshot", "revert", "web-1", "s1"];
    let dry = [&revert[..], &["--dry-run"]].concat();
    let server = with(vec![snapshot("s1", "ref-1")], "running", true);
    expect![[r#"
        ~ VM "web-1" goes back to snapshot "s1" of 2026-11-21T04:00:00.000000Z (ref-1)
          VM "web-1" loses all that was written since 2026-11-21T04:00:00.000000Z
          it is running: its power is cut
          it is off afterwards
          not in the snapshot, so that they stay as they are or are empty afterwards, as the provider has it: seed
          where its provider keeps more than disks in it, its size, its devices and disks that were attached since go back, too
        nothing was done
        exit 0
    "#]]
    .assert_eq(&run(&server, &dry).all());
    let asked = run(&server, &revert).err;
    assert!(asked.contains("its power is cut") && asked.contains("off afterwards"), "{asked}");
    let mut dark = snapshot("s1", "ref-1");
    dark["content"] = fact(Value::Null);
    dark["disks_left_out"] = fact(Value::Null);
    dark["taken_at"] = fact(Value::Null);
    expect![[r#"
        ~ VM "web-1" goes back to snapshot "s1" (ref-1)
          VM "web-1" loses all that was written since it was taken
          whether it is off afterwards is not known: it has no tree
          which disks are not in the snapshot is not known: it has no tree
          where its provider keeps more than disks in it, its size, its devices and disks that were attached since go back, too
        nothing was done
        exit 0
    "#]]
    .assert_eq(&run(&with(vec![dark], "failed", true), &dry).all());
}

#[test]
fn nobody_is_asked_for_what_is_refused_anyhow() {
    let one = || vec![snapshot("s1", "ref-1")];
    expect![[r#"
        error: cannot revert to snapshot "s1" of VM "web-1": the VM is crashed
        hint: its provider puts back stopped VMs only: `hostler stop web-1`
        exit 5
    "#]]
    .assert_eq(&run(&with(one(), "crashed", false), &["snapshot", "revert", "web-1", "s1"]).all());
    let off = with(one(), "stopped", false);
    let ended = run(&off, &["snapshot", "revert", "web-1", "s1", "--yes"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
}

#[test]
fn a_dry_run_of_a_snapshot_changes_nothing_and_says_what_stands_in_the_way() {
    let denied = || {
        let list = format!("GET /api/v1/vms/{}/snapshots", id(1));
        TestServer::start(move |seen| {
            assert_eq!(seen.method, "GET", "{}", seen.line());
            if seen.line() == list {
                return Reply::page(vec![snapshot("s1", "ref-1")]);
            }
            let no = json!({ "allowed": false, "code": "vm_not_managed", "reason": "only seen" });
            let actions = json!({ "snapshot": no, "revert": no, "update": no });
            match fleet(seen) {
                Reply::Json(status, mut page) => {
                    page["items"][0]["actions"] = actions;
                    Reply::Json(status, page)
                }
                other => other,
            }
        })
    };
    let free = || answering(|seen| panic!("{seen:?}"));
    let mut shown = String::new();
    for line in [
        "snapshot create web-1 s2 --dry-run",
        "snapshot create web-1 s2 --memory --dry-run",
        "snapshot create web-1 s2 --quiesce required --dry-run=client",
        "snapshot create web-1 s1 --dry-run",
        "snapshot delete web-1 s1 --dry-run",
        "snapshot delete web-1 s1 --dry-run=server",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        shown.push_str(&format!("$ hostler {line}\n{}", run(&free(), &words).all()));
    }
    for line in [
        "snapshot create web-1 s2 --dry-run",
        "snapshot revert web-1 s1 --dry-run",
        "snapshot delete web-1 s1 --dry-run",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let ended = run(&denied(), &words);
        assert!(ended.err.contains("only seen"), "{}", ended.all());
        assert_ne!(ended.code, 0, "{}", ended.all());
    }
    expect![[r#"
        $ hostler snapshot create web-1 s2 --dry-run
        + snapshot "s2" of VM "web-1": disks, the guest at rest if it can be
        nothing was done
        exit 0
        $ hostler snapshot create web-1 s2 --memory --dry-run
        + snapshot "s2" of VM "web-1": disks and memory
        nothing was done
        exit 0
        $ hostler snapshot create web-1 s2 --quiesce required --dry-run=client
        + snapshot "s2" of VM "web-1": disks, the guest at rest
        nothing was done
        exit 0
        $ hostler snapshot create web-1 s1 --dry-run
        error: cannot take snapshot "s1" of VM "web-1": there is one already
        exit 5
        $ hostler snapshot delete web-1 s1 --dry-run
        - snapshot "s1" of 2026-11-21T04:00:00.000000Z (ref-1) of VM "web-1"
        nothing was done
        exit 0
        $ hostler snapshot delete web-1 s1 --dry-run=server
        error: the server makes no plan for this
        hint: --dry-run=client says what would be asked of it
        exit 6
    "#]]
    .assert_eq(&shown);
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
