//! Volumes: what is sent, what is told, and the exit code.

use expect_test::expect;
use hostler_client::testing::{Reply, Seen, TestServer};
use hostler_core::Code;
use serde_json::{Value, json};

use crate::rig::{failed, id, operation, run};

fn pool() -> Value {
    let fact = |value: Value| json!({"value": value, "quality": "ok", "source": "x", "observed_at": null, "reason": null});
    json!({
        "id": id(700), "name": "default", "provider": {"id": id(900), "name": "lab"},
        "host": {"id": id(800), "name": "h1"}, "simulated": false, "kind": "dir", "active": true,
        "capacity_bytes": fact(json!(1)), "allocated_bytes": fact(json!(0)),
        "available_bytes": fact(Value::Null), "observed_at": "2026-11-21T04:00:00Z", "stale": false,
    })
}

fn volume(name: &str, used_by: Value) -> Value {
    json!({"name": name, "format": "qcow2", "capacity_bytes": 21474836480_u64,
        "allocated_bytes": 0, "path": "/a", "backing": null, "used_by": used_by})
}

/// An operation on the volume `data`.
fn at_work(kind: &str, state: &str) -> Value {
    let mut operation = operation(kind, state, 1);
    operation["resources"] =
        json!([{"kind": "volume", "id": format!("{}/data", id(700)), "name": "data"}]);
    operation
}

/// A pool with the volumes `data`, which is free, and `disk`, which `web` uses.
fn answering(change: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> TestServer {
    let volumes = format!("GET /api/v1/pools/{}/volumes", id(700));
    TestServer::start(move |seen| match seen.line() {
        line if line == "GET /api/v1/pools" => Reply::page(vec![pool()]),
        line if line == volumes => {
            let web = json!({"id": id(1), "name": "web"});
            Reply::page(vec![volume("data", Value::Null), volume("disk", web)])
        }
        _ => change(seen),
    })
}

const CREATE: &[&str] = &["volume", "create", "default", "data", "--size", "20G"];

#[test]
fn a_volume_is_created_by_an_operation_that_is_waited_for() {
    let server = answering(|seen| match seen.method.as_str() {
        "POST" => {
            assert_eq!(seen.path, format!("/api/v1/pools/{}/volumes", id(700)));
            assert!(seen.header("idempotency-key").is_some());
            let body = json!({"name": "data", "capacity_bytes": 21474836480_u64, "format": "raw"});
            assert_eq!(seen.json(), body);
            Reply::Json(202, at_work("volume.create", "running"))
        }
        _ => {
            assert_eq!(seen.line(), format!("GET /api/v1/operations/{}", id(501)));
            Reply::Json(200, at_work("volume.create", "succeeded"))
        }
    });
    let raw = [CREATE, &["--format", "raw"]].concat();
    expect![[r#"
        volume "data" of pool "default" created
        exit 0
    "#]]
    .assert_eq(&run(&server, &raw).all());
    assert_eq!(run(&server, &[&raw as &[&str], &["-o", "name"]].concat()).out, "data\n");
    let ended = run(&server, &[&raw as &[&str], &["-o", "json"]].concat());
    assert_eq!(ended.json(), at_work("volume.create", "succeeded"));
    let reads = server.lines().len();
    let ended = run(&server, &[&raw as &[&str], &["--no-wait"]].concat());
    assert_eq!((ended.code, ended.out), (0, format!("{}\n", id(501))));
    assert_eq!(server.lines().len(), reads + 2, "the pool and the change, no waiting");
}

#[test]
fn a_failed_creation_ends_with_the_code_of_its_reason() {
    let server = answering(|_| {
        let message = "pool \"default\" has a volume \"data\" already";
        Reply::Json(202, failed("volume.create", "failed", 1, Code::VolumeExists, message))
    });
    let ended = run(&server, CREATE);
    assert_eq!(ended.code, 5, "{}", ended.err);
    let told = "cannot create volume \"data\" of pool \"default\": pool \"default\" has";
    assert!(ended.err.contains(told), "{}", ended.err);
    let server = answering(|_| Reply::problem(Code::ProviderUnavailable, "the host is silent"));
    assert_eq!(run(&server, CREATE).code, 8);
}

#[test]
fn a_creation_that_takes_longer_than_one_waits_goes_on() {
    let server = answering(|seen| match seen.method.as_str() {
        "POST" => Reply::Json(202, at_work("volume.create", "running")),
        _ => Reply::Json(200, at_work("volume.create", "running")),
    });
    let ended = run(&server, &[CREATE, &["--timeout", "1s"]].concat());
    assert_eq!(ended.code, 8, "{}", ended.err);
    assert!(ended.err.contains("hostler op wait"), "{}", ended.err);
}

#[test]
fn a_plan_is_made_here_or_by_the_server_and_nothing_is_done() {
    let server = answering(|seen| {
        assert_eq!(seen.line(), format!("POST /api/v1/pools/{}/volume-plan", id(700)));
        Reply::Json(
            200,
            json!({
                "pool": {"id": id(700), "name": "default"},
                "provider": {"id": id(900), "name": "lab"}, "steps": ["check", "make"],
                "changes": ["+ volume default/data: 20480 MiB, empty, qcow2"],
            }),
        )
    });
    let here = run(&server, &[CREATE, &["--dry-run=client"]].concat());
    assert_eq!(here.json()["capacity_bytes"], 21474836480_u64);
    assert!(server.seen().is_empty());
    expect![[r#"
        volume "data" of pool "default" would be made at provider lab
          + volume default/data: 20480 MiB, empty, qcow2
        steps: check, make
        nothing was done
        exit 0
    "#]]
    .assert_eq(&run(&server, &[CREATE, &["--dry-run"]].concat()).all());
    let delete = |name: &'static str| ["volume", "delete", "default", name, "--dry-run"];
    expect![[r#"
        - volume "data" of pool "default" (20 GiB)
        nothing was done
        exit 0
    "#]]
    .assert_eq(&run(&server, &delete("data")).all());
    expect![[r#"
        error: cannot delete volume "disk" of pool "default": VM "web" uses it
        exit 5
    "#]]
    .assert_eq(&run(&server, &delete("disk")).all());
    let ended = run(&server, &[&delete("disk") as &[&str], &["-o", "json"]].concat());
    assert_eq!((ended.code, &ended.json()["code"]), (5, &json!("volume_in_use")));
}

#[test]
fn a_volume_is_deleted_after_a_question_and_waited_for() {
    let server = answering(|seen| match seen.method.as_str() {
        "DELETE" => {
            assert_eq!(seen.path, format!("/api/v1/pools/{}/volumes/data", id(700)));
            Reply::Json(202, at_work("volume.delete", "pending"))
        }
        _ => Reply::Json(200, at_work("volume.delete", "succeeded")),
    });
    let delete = ["volume", "delete", "default", "data"];
    expect![[r#"
        volume "data" of pool "default" (20 GiB) and all data on it
        error: nobody can be asked here
        hint: --yes does it unasked
        exit 2
    "#]]
    .assert_eq(&run(&server, &delete).all());
    assert!(server.lines().iter().all(|line| line.starts_with("GET")), "nothing was done");
    expect![[r#"
        volume "data" of pool "default" deleted
        exit 0
    "#]]
    .assert_eq(&run(&server, &[&delete as &[&str], &["-y"]].concat()).all());
    let absent = ["volume", "delete", "default", "more", "-y"];
    expect![[r#"
        error: there is no volume "more" of pool "default"
        hint: `hostler volume list default` shows those there are
        exit 4
    "#]]
    .assert_eq(&run(&server, &absent).all());
    expect![[r#"
        there is no volume "more" of pool "default"
        exit 0
    "#]]
    .assert_eq(&run(&server, &[&absent as &[&str], &["--if-exists"]].concat()).all());
}
