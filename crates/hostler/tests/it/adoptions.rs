//! VMs that were made elsewhere: listing them, and deciding what becomes of them.

use expect_test::expect;
use hostler_client::testing::{Reply, TestServer};
use serde_json::{Value, json};

use crate::rig::run;

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
        let query = seen.line();
        let is_all = !query.contains("status");
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
        NAME    STATUS   ORIGIN   STATE    HOST  CPUS  MEMORY  RISKS  REASON              BY
        web     pending  foreign  running  h1    2     2 GiB   0      -                   -
        router  ignored  foreign  running  h1    2     2 GiB   1      the network team's  local:ada
        exit 0
    "#]]
    .assert_eq(&run(&server, &["adopt", "list", "--columns", columns]).all());
    expect![[r#"
        NAME    STATUS   ORIGIN   STATE    HOST  CPUS  MEMORY  RISKS  REASON              BY
        web     pending  foreign  running  h1    2     2 GiB   0      -                   -
        router  ignored  foreign  running  h1    2     2 GiB   1      the network team's  local:ada
        exit 0
    "#]]
    .assert_eq(&run(&server, &["adopt", "ls", "--all", "--columns", columns]).all());
}
