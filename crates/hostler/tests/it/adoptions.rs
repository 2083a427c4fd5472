//! VMs that were made elsewhere: listing them, and deciding what becomes of them.

use expect_test::expect;
use hostler_client::testing::{Reply, TestServer};
use hostler_core::Code;
use serde_json::{Value, json};

use crate::rig::{fleet_and, id, run, whole_vm};

const ID: &str = "0192d0c4-0000-7000-8000-000000000007";

fn pending(name: &str, changes: &Value) -> Value {
    let mut row = json!({
        "vm": {"id": ID, "name": name}, "status": "pending", "origin": "foreign",
        "provider": {"id": "p", "name": "lab"}, "host": {"id": "h", "name": "h1"},
        "external_ref": "uuid", "state": "running", "cpu_count": 2, "memory_bytes": 2_147_483_648_u64,
        "first_seen_at": "2026-11-21T04:00:00.000000Z", "simulated": false, "adoptable": true,
        "risks": [], "ignored": null,
    });
    for (key, value) in changes.as_object().unwrap() {
        row[key] = value.clone();
    }
    row
}

#[test]
fn e18_what_waits_is_listed_and_what_is_left_alone_when_asked() {
    let server = TestServer::start(|seen| {
        let is_all = seen.param("filter").is_none();
        let mut rows = vec![pending("web", &json!({}))];
        if is_all {
            let ignored = json!({"by": "local:ada", "at": "2026-11-21T05:00:00.000000Z",
                "reason": "the network team's"});
            let changes = json!({"status": "ignored", "ignored": ignored, "adoptable": false,
                "risks": [{"code": "not_read", "detail": "x", "forbids": true}]});
            rows.push(pending("router", &changes));
        }
        Reply::page(rows)
    });
    let columns = "name,status,origin,state,host,cpus,memory,risks,reason,by";
    expect![[r#"
        NAME  STATUS   ORIGIN   STATE    HOST  CPUS  MEMORY  RISKS  REASON  BY
        web   pending  foreign  running  h1    2     2 GiB   0      -       -
        exit 0
    "#]]
    .assert_eq(&run(&server, &["adopt", "list", "--columns", columns]).all());
    assert_eq!(server.seen()[0].param("filter"), Some("status=pending"));
    run(&server, &["adopt", "list", "--filter", "host=h1"]);
    let filter = server.seen().last().unwrap().param("filter").map(str::to_owned);
    assert_eq!(filter.as_deref(), Some("status=pending AND host=h1"));
    expect![[r#"
        NAME    STATUS   ORIGIN   STATE    HOST  CPUS  MEMORY  RISKS  REASON              BY
        web     pending  foreign  running  h1    2     2 GiB   0      -                   -
        router  ignored  foreign  running  h1    2     2 GiB   1      the network team's  local:ada
        exit 0
    "#]]
    .assert_eq(&run(&server, &["adopt", "ls", "--all", "--columns", columns]).all());
}

/// A fleet of which `web-1` and `db` wait, `twin` is left alone and `web-2` is managed.
fn undecided() -> TestServer {
    let list = "/api/v1/admin/pending-adoptions";
    fleet_and(move |seen| {
        if seen.line() == format!("GET {list}") {
            let numbers: &[u32] = match seen.param("filter") {
                Some("status=pending") => &[1, 3],
                Some("status=ignored") => &[4],
                Some("status=adopted") => &[],
                other => panic!("{other:?}"),
            };
            let row = |n: &u32| pending("x", &json!({"vm": {"id": id(*n), "name": "x"}}));
            return Reply::page(numbers.iter().map(row).collect());
        }
        if seen.line() == format!("POST {list}/{}/adopt", id(1)) {
            return Reply::problem(Code::VmNotAdoptable, "it could not be read");
        }
        Reply::JsonWith(200, whole_vm(3, "db", "stopped"), vec![("etag", "\"3\"".into())])
    })
}

fn changes(server: &TestServer) -> Vec<String> {
    let seen = server.seen();
    seen.iter().filter(|seen| seen.method != "GET").map(|seen| seen.line()).collect()
}

#[test]
fn what_is_refused_of_one_is_told_and_changes_nothing_for_the_others() {
    let server = undecided();
    let ended = run(&server, &["adopt", "take", "web-1", "db"]);
    assert_eq!(ended.code, 1, "{}", ended.all());
    for told in [
        "cannot adopt vm \"web-1\": it could not be read [vm_not_adoptable]",
        "vm \"db\" is managed from now on",
        "1 of 2 failed",
    ] {
        assert!(ended.err.contains(told), "{}", ended.all());
    }
    assert_eq!(run(&server, &["adopt", "take", "web-1"]).code, 5);
}

#[test]
fn x31_a_pattern_is_about_those_that_the_verb_is_for() {
    let server = undecided();
    run(&server, &["adopt", "take", "--all", "--read-only"]);
    let at = |number: u32, verb: &str| {
        format!("POST /api/v1/admin/pending-adoptions/{}/{verb}", id(number))
    };
    assert_eq!(changes(&server), [at(1, "adopt"), at(3, "adopt")], "neither managed nor ignored");
    // None of these was adopted.
    let server = undecided();
    let ended = run(&server, &["adopt", "release", "web-*"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, "no VM fits\n"));
    assert_eq!(changes(&server), Vec::<String>::new());
}

#[test]
fn e19_what_was_adopted_is_listed_by_its_status_with_who_and_why() {
    let server = TestServer::start(|_| {
        let adopted = json!({"by": "local:ada", "at": "2026-11-21T05:00:00.000000Z",
            "read_only": true, "reason": "moved"});
        let changes = json!({"status": "adopted", "adopted": adopted, "adoptable": false});
        Reply::page(vec![pending("web", &changes)])
    });
    let columns = "name,status,origin,risks,reason,by,read-only";
    expect![[r#"
        NAME  STATUS   ORIGIN   RISKS  REASON  BY         READ-ONLY
        web   adopted  foreign  -      moved   local:ada  yes
        exit 0
    "#]]
    .assert_eq(
        &run(&server, &["adopt", "list", "--status", "adopted", "--columns", columns]).all(),
    );
    assert_eq!(server.seen()[0].param("filter"), Some("status=adopted"));
    let told = run(&server, &["adopt", "list", "--status", "adopted", "-o", "json"]);
    let told: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(told[0]["adopted"]["by"], "local:ada");
    let both = run(&server, &["adopt", "list", "--all", "--status", "ignored"]);
    assert_eq!(both.code, 2, "{}", both.all());
}
