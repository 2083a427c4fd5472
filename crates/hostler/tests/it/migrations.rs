//! Migrations: which providers say nothing, and what a plan says of the host that was named.

use expect_test::expect;
use hostler_client::testing::{Reply, Seen, TestServer};
use hostler_core::Code;
use serde_json::{Value, json};

use crate::rig::{fleet, id, run, vm};

#[test]
fn who_does_not_tell_its_migrations_is_named_with_the_reason() {
    let server = TestServer::start(|seen| {
        assert_eq!(seen.line(), "GET /api/v1/migrations");
        let reason = "grant `list` of virtualmachineinstancemigrations";
        Reply::Json(
            200,
            json!({ "items": [], "next_cursor": null, "observed_at": null, "stale": true,
                "silent": [{ "provider": { "id": id(900), "name": "eu" }, "reason": reason }],
                "approx_total": 0 }),
        )
    });
    expect![[r#"
        there is no migration
        note: provider "eu" does not tell its migrations: grant `list` of virtualmachineinstancemigrations
        exit 0
    "#]]
    .assert_eq(&run(&server, &["migration", "list"]).all());
}

#[test]
fn what_was_kept_says_so_and_as_of_when() {
    let server = TestServer::start(|_| {
        let fact = json!({ "value": null, "quality": "unsupported", "source": "kubevirt",
            "observed_at": null, "reason": "not told" });
        let one = json!({ "id": "u1", "told_by": "history", "vm": { "id": id(1), "name": "web" },
            "provider": { "id": id(900), "name": "eu" }, "operation": null, "phase": "succeeded",
            "phase_said": "Succeeded", "source": null, "target": null, "mode": null,
            "requested_at": null, "started_at": null, "ended_at": "2026-01-01T00:00:00Z",
            "bytes_done": fact, "bytes_total": fact, "cancel_requested": false, "reason": null,
            "observed_at": "2026-01-01T00:01:00Z", "simulated": false });
        Reply::Json(
            200,
            json!({ "items": [one], "next_cursor": null, "observed_at": null, "stale": true,
                "silent": [{ "provider": { "id": id(900), "name": "eu" }, "reason": "no answer" }],
                "approx_total": 1 }),
        )
    });
    let words = ["migration", "list", "--columns", "vm,phase,told-by,provider"];
    expect![[r#"
        VM   PHASE      TOLD-BY  PROVIDER
        web  succeeded  history  eu
        note: provider "eu" does not tell its migrations: no answer
        exit 0
    "#]]
    .assert_eq(&run(&server, &words).all());
    let words = ["migration", "list", "-o", "json"];
    assert!(run(&server, &words).all().contains(r#""observed_at": "2026-01-01T00:01:00Z""#));
}

fn host(number: u32, name: &str) -> Value {
    let fact = json!({ "value": null, "quality": "unavailable", "source": "x",
        "observed_at": null, "reason": "not told" });
    json!({ "id": id(number), "name": name, "provider": { "id": id(900), "name": "lab" },
        "simulated": false, "state": "healthy", "reason": null, "observed_at": null,
        "arch": fact, "cpu_model": fact, "cpu_count": fact, "memory_bytes": fact,
        "memory_free_bytes": fact, "hypervisor": fact, "guests": fact, "vm_count": 0,
        "vm_running_count": 0 })
}

/// A fleet in which `web-1` and `db` can be moved, and what is told of where to.
fn places(destinations: Value) -> TestServer {
    TestServer::start(move |seen: &Seen| {
        assert_eq!(seen.method, "GET", "{}", seen.line());
        if seen.path.ends_with("/destinations") {
            return match &destinations {
                Value::Null => Reply::problem(Code::CapabilityMissing, "it moves nothing"),
                told => Reply::Json(200, told.clone()),
            };
        }
        if seen.path == "/api/v1/hosts" {
            let mut far = host(802, "h9");
            far["provider"] = json!({ "id": id(901), "name": "far" });
            return Reply::page(vec![host(800, "h1"), host(801, "h2"), far]);
        }
        match fleet(seen) {
            Reply::Json(status, page) if page["items"].is_array() => {
                let mut page = page;
                for item in page["items"].as_array_mut().unwrap() {
                    item["actions"]["migrate"] = match item["name"] == "web-1" {
                        true => json!({ "allowed": true }),
                        false => json!({ "allowed": false, "code": "vm_wrong_state",
                            "reason": "it does not run" }),
                    };
                }
                Reply::Json(status, page)
            }
            other => other,
        }
    })
}

#[test]
fn a_plan_says_what_the_host_that_was_named_would_do() {
    let told = json!({ "blocked": null, "chosen_by_provider": true, "hosts": [
        { "host": { "id": id(801), "name": "h2" }, "refused": "its disk is on h1" },
    ] });
    let nowhere = json!({ "blocked": null, "chosen_by_provider": false, "hosts": [] });
    let blocked = json!({ "blocked": "it has a host's device", "chosen_by_provider": true,
        "hosts": [{ "host": { "id": id(801), "name": "h2" }, "refused": null }] });
    let mut free = blocked.clone();
    free["blocked"] = Value::Null;
    let mut shown = String::new();
    for (destinations, line) in [
        (&told, "vm migrate web-1 --host h2 --dry-run"),
        (&told, "vm migrate web-1 --host h1 --dry-run"),
        (&told, "vm migrate web-1 --host h9 --dry-run"),
        (&told, "vm migrate web-1 --dry-run"),
        (&nowhere, "vm migrate web-1 --dry-run"),
        (&blocked, "vm migrate web-1 --host h2 --dry-run"),
        (&Value::Null, "vm migrate web-1 --host h2 --dry-run"),
        (&free, "vm migrate web-1 db --host h2 --dry-run"),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let ended = run(&places(destinations.clone()), &words).all();
        shown.push_str(&format!("$ hostler {line}\n{ended}"));
    }
    assert_eq!(vm(1, "web-1", "running")["host"]["id"], id(800), "h1 is where it is");
    expect![[r#"
        $ hostler vm migrate web-1 --host h2 --dry-run
        NAME   STATE    ACTION         POSSIBLE  REASON
        web-1  running  migrate to h2  no        h2: its disk is on h1
        exit 7
        $ hostler vm migrate web-1 --host h1 --dry-run
        NAME   STATE    ACTION         POSSIBLE  REASON
        web-1  running  migrate to h1  yes       it is there already
        exit 0
        $ hostler vm migrate web-1 --host h9 --dry-run
        NAME   STATE    ACTION         POSSIBLE  REASON
        web-1  running  migrate to h9  no        h9 is of provider far; a running VM stays with its own
        exit 6
        $ hostler vm migrate web-1 --dry-run
        NAME   STATE    ACTION   POSSIBLE  REASON
        web-1  running  migrate  no        h2: its disk is on h1
        exit 7
        $ hostler vm migrate web-1 --dry-run
        NAME   STATE    ACTION   POSSIBLE  REASON
        web-1  running  migrate  no        its provider chooses no host by itself; name one by --host
        exit 6
        $ hostler vm migrate web-1 --host h2 --dry-run
        NAME   STATE    ACTION         POSSIBLE  REASON
        web-1  running  migrate to h2  no        it has a host's device
        exit 6
        $ hostler vm migrate web-1 --host h2 --dry-run
        NAME   STATE    ACTION         POSSIBLE  REASON
        web-1  running  migrate to h2  no        it moves nothing
        exit 6
        $ hostler vm migrate web-1 db --host h2 --dry-run
        NAME   STATE    ACTION         POSSIBLE  REASON
        web-1  running  migrate to h2  yes       -
        db     stopped  migrate to h2  no        it does not run
        exit 5
    "#]].assert_eq(&shown);
}
