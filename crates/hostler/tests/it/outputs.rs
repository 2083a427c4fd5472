//! Outputs: what is shown of each.

use expect_test::expect;
use hostler_client::testing::{Reply, TestServer};
use serde_json::{Value, json};

use crate::rig::run;

fn output(name: &str, state: &str, changes: &Value) -> Value {
    let mut output = json!({
        "name": name, "kind": "remote_write", "target": "https://far.example", "state": state,
        "reason": null, "failing_since": null, "next_try_at": null, "sent_at": null,
        "waiting": {"samples": 0, "bytes": 0, "oldest_at": null, "oldest_age_seconds": null},
        "sent": 0, "failed_tries": 0, "last_refusal": null, "of_a_later_version": 1,
        "dropped": {"full": 0, "old": 0, "disk": 0, "refused": 0, "unsupported": 0},
    });
    for (key, value) in changes.as_object().unwrap() {
        output[key] = value.clone();
    }
    output
}

#[test]
fn d22_outputs_are_listed_with_what_waits_and_what_is_lost() {
    let server = TestServer::start(|seen| {
        assert_eq!(seen.line(), "GET /api/v1/outputs");
        let failing = json!({
            "reason": "it answered 401 \u{1b}[31mUnauthorized", "failed_tries": 17,
            "failing_since": "2026-11-21T04:00:00.000000Z",
            "waiting": {"samples": 48210, "bytes": 581_022, "oldest_age_seconds": 312.4,
                "oldest_at": "2026-11-21T04:00:00.000000Z"},
            "dropped": {"full": 7, "old": 1, "disk": 0, "refused": 2, "unsupported": 5},
        });
        let fine = json!({"sent": 900, "sent_at": "2026-11-21T04:01:00.000000Z"});
        Reply::page(vec![
            output("central", "failing", &failing),
            output("influx", "ok", &fine),
            output("new", "untried", &json!({})),
        ])
    });
    expect![[r#"
        NAME     STATE    SENT  WAITING  OLDEST  LOST  REASON
        central  failing  0     48210    5m      10    it answered 401 \x1b[31mUnauthorized
        influx   ok       900   0        -       0     -
        new      untried  0     0        -       0     -
        exit 0
    "#]]
    .assert_eq(&run(&server, &["output", "list"]).all());
    expect![[r#"
        NAME     STATE    SENT  WAITING  OLDEST  LOST  REASON                                KIND          TARGET               ARRIVED                      FAILING-SINCE                SIZE       FAILED-TRIES  UNSUPPORTED
        central  failing  0     48210    5m      10    it answered 401 \x1b[31mUnauthorized  remote_write  https://far.example  -                            2026-11-21T04:00:00.000000Z  567.4 KiB  17            5
        influx   ok       900   0        -       0     -                                     remote_write  https://far.example  2026-11-21T04:01:00.000000Z  -                            0 B        0             0
        new      untried  0     0        -       0     -                                     remote_write  https://far.example  -                            -                            0 B        0             0
        exit 0
    "#]].assert_eq(&run(&server, &["output", "ls", "-o", "wide"]).all());
    expect![[r#"
        central
        influx
        new
        exit 0
    "#]]
    .assert_eq(&run(&server, &["output", "ls", "-q"]).all());
}
