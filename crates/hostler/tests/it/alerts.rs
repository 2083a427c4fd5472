//! Alerts and silences: what is sent, what is shown, and the exit code.

use expect_test::expect;
use hostler_client::testing::{Reply, Seen, TestServer};
use hostler_core::Code;
use serde_json::{Value, json};

use crate::rig::{id, run};

/// The id of an alert.
pub(crate) fn alert_id(number: u32) -> String {
    format!("{number}abc0000000000000000000000000{number:03}")
}

/// An alert that fires.
pub(crate) fn alert(number: u32, name: &str) -> Value {
    json!({
        "id": alert_id(number), "name": name, "state": "firing", "severity": "critical",
        "labels": {"alertname": name, "host": "h1", "severity": "critical"},
        "summary": format!("host h{number} does not answer"),
        "description": "Nothing was heard of it for 5 minutes.",
        "runbook_url": "docs/runbooks/HostDown.md", "annotations": {},
        "value": 1.0, "active_since": "2026-11-21T04:00:00.000000Z",
        "firing_since": "2026-11-21T04:05:00.000000Z", "held_at": "2026-11-21T05:00:00.000000Z",
        "over_since": null, "no_data_since": null,
        "rule": {"id": "r1", "group": "hosts", "source": "shipped"},
        "acknowledged": null, "silenced_by": [], "inhibited_by": null, "receivers": ["ops"],
        "of_a_later_version": true,
    })
}

/// A silence of the host.
pub(crate) fn silence(number: u32, state: &str) -> Value {
    json!({
        "id": id(number), "state": state, "matchers": ["host=\"h1\"", "severity!=\"critical\""],
        "starts_at": "2020-01-01T00:00:00.000000Z", "ends_at": "2020-01-01T02:00:00.000000Z",
        "created_by": "local:root", "created_at": "2020-01-01T00:00:00.000000Z",
        "comment": "new memory", "silences": 2,
    })
}

/// One that fires, one that is cared for, one that is pending and silenced.
fn world(seen: &Seen) -> Reply {
    let mut seen_by_ada = alert(2, "Hot");
    seen_by_ada["severity"] = json!("warning");
    seen_by_ada["acknowledged"] = json!({
        "by": "ada", "at": "2026-11-21T04:30:00.000000Z", "comment": "on my way",
    });
    let mut waiting = alert(3, "Hot");
    (waiting["state"], waiting["firing_since"]) = (json!("pending"), Value::Null);
    (waiting["severity"], waiting["value"]) = (Value::Null, Value::Null);
    (waiting["silenced_by"], waiting["summary"]) = (json!([id(1)]), json!("a\u{1b}[31m\nb"));
    let all = vec![alert(1, "HostDown"), seen_by_ada, waiting];
    let shown = |number: usize| Reply::Json(200, all[number - 1].clone());
    match seen.line().as_str() {
        "GET /api/v1/alerts" => Reply::page(all),
        line if line == format!("GET /api/v1/alerts/{}", alert_id(2)) => shown(2),
        line if line.starts_with("POST /api/v1/alerts/") && line.contains(&alert_id(3)) => {
            Reply::problem(Code::AlertNotFiring, "it does not fire yet")
        }
        line if line.starts_with("POST /api/v1/alerts/") => shown(1),
        other => panic!("{other}"),
    }
}

/// What is shown without what depends on the day.
const STEADY: &str = "id,severity,state,name,muted,acknowledged,summary";

#[test]
fn c25c_alerts_are_listed_with_who_cares_and_what_is_not_told() {
    let server = TestServer::start(world);
    expect![[r#"
        ID        SEVERITY  STATE    NAME      MUTED     ACKNOWLEDGED  SUMMARY
        1abc0000  critical  firing   HostDown  -         -             host h1 does not answer
        2abc0000  warning   firing   Hot       -         ada           host h2 does not answer
        3abc0000  -         pending  Hot       silenced  -             a\x1b[31m\nb
        exit 0
    "#]]
    .assert_eq(&run(&server, &["alert", "list", "--columns", STEADY]).all());
    let filter = "severity=critical AND label.host=h1";
    assert_eq!(run(&server, &["alert", "ls", "--filter", filter, "-o", "json"]).code, 0);
    assert_eq!(server.seen().last().unwrap().param("filter"), Some(filter));
    let ids = run(&server, &["alert", "list", "-q"]).out;
    assert_eq!(ids, format!("{}\n{}\n{}\n", alert_id(1), alert_id(2), alert_id(3)));
    let csv = run(&server, &["alert", "list", "-o", "csv", "--columns", "id,value"]).out;
    assert!(csv.contains(&format!("{},1", alert_id(1))), "{csv}");
    assert!(csv.contains(&format!("{},\r\n", alert_id(3))), "no value is no 0: {csv}");
}

#[test]
fn a_rule_that_could_not_be_evaluated_is_told() {
    let server = TestServer::start(|_| {
        Reply::Json(200, json!({"items": [], "next_cursor": null, "stale": true}))
    });
    let ended = run(&server, &["alert", "list"]);
    expect![[r#"
        there is no alert
        note: a rule could not be evaluated; alerts of it may be missing or old
        exit 0
    "#]]
    .assert_eq(&ended.all());
}

#[test]
fn an_alert_is_named_by_its_id_the_beginning_of_it_or_its_name() {
    let server = TestServer::start(world);
    for wanted in [alert_id(2).as_str(), "2abc", "2ABC0000"] {
        let ended = run(&server, &["alert", "show", wanted, "-o", "json"]);
        assert_eq!((ended.code, &ended.json()["id"]), (0, &json!(alert_id(2))), "{wanted}");
    }
    expect![[r#"
        error: `Hot` names several: 2abc0000 (host h2 does not answer), 3abc0000 (a\x1b[31m\nb)
        hint: name the alert by its id, or the beginning of it
        exit 2
    "#]]
    .assert_eq(&run(&server, &["alert", "show", "Hot"]).all());
    expect![[r#"
        error: there is no alert `HostDwn`
        hint: did you mean HostDown?
        exit 4
    "#]]
    .assert_eq(&run(&server, &["alert", "show", "HostDwn"]).all());
    assert_eq!(run(&server, &["alert", "show", "2ab"]).code, 4, "too short to mean an id");
}

#[test]
fn an_alert_is_shown_with_what_it_says_and_who_cares() {
    let server = TestServer::start(world);
    let shown = run(&server, &["alert", "show", "2abc"]);
    let (_, details) = shown.out.split_once("\n\n").unwrap();
    expect![[r#"
        What is wrong
          Nothing was heard of it for 5 minutes.

        What to do
          docs/runbooks/HostDown.md

        Labels
          alertname=Hot
          host=h1
          severity=critical

        Acknowledged
          by ada at 2026-11-21T04:30:00.000000Z
          on my way
    "#]]
    .assert_eq(details);
}

#[test]
fn c25c_alerts_are_acknowledged_one_or_several() {
    let server = TestServer::start(world);
    let line = ["alert", "ack", "HostDown", "2abc", "1abc", "--comment", "on it"];
    expect![[r#"
        alert "HostDown" (1abc0000): acknowledged
        alert "Hot" (2abc0000): acknowledged
        exit 0
    "#]]
    .assert_eq(&run(&server, &line).all());
    let last = server.seen().pop().unwrap();
    assert_eq!(last.line(), format!("POST /api/v1/alerts/{}/acknowledge", alert_id(2)));
    assert_eq!(last.json(), json!({"comment": "on it"}));

    let ended = run(&server, &["alert", "unacknowledge", "HostDown"]);
    assert_eq!(ended.all(), "alert \"HostDown\" (1abc0000): not acknowledged any more\nexit 0\n");
    let last = server.seen().pop().unwrap();
    assert_eq!(last.line(), format!("POST /api/v1/alerts/{}/unacknowledge", alert_id(1)));
}

#[test]
fn what_cannot_be_acknowledged_is_told_with_the_right_exit_code() {
    let server = TestServer::start(world);
    expect![[r#"
        error: alert "Hot" (3abc0000): it does not fire yet [alert_not_firing] (request 0192d0c4-0000-7000-8000-000000000001)
        hint: Wait until it fires: a pending alert is told to nobody.
        exit 5
    "#]]
    .assert_eq(&run(&server, &["alert", "ack", "3abc"]).all());
    expect![[r#"
        alert "HostDown" (1abc0000): acknowledged
        error: alert "Hot" (3abc0000): it does not fire yet [alert_not_firing] (request 0192d0c4-0000-7000-8000-000000000001)
        hint: Wait until it fires: a pending alert is told to nobody.
        error: 1 of 2 alerts could not be changed
        exit 1
    "#]]
    .assert_eq(&run(&server, &["alert", "ack", "1abc", "3abc"]).all());
    // A wrong name changes nothing at all.
    let before = server.seen().len();
    assert_eq!(run(&server, &["alert", "ack", "HostDown", "Nothing"]).code, 4);
    assert!(server.seen()[before..].iter().all(|seen| seen.method == "GET"));
    expect![[r#"
        ~ alert "HostDown" (1abc0000): acknowledged
        nothing was done
        exit 0
    "#]]
    .assert_eq(&run(&server, &["alert", "ack", "HostDown", "--dry-run"]).all());
    assert!(server.seen()[before..].iter().all(|seen| seen.method == "GET"));
}

#[test]
fn what_happened_to_alerts_is_listed_with_why() {
    let server = TestServer::start(|seen| {
        assert_eq!(seen.line(), "GET /api/v1/alerts/history");
        let entry = |seq: u32, change: &str, cause: Value, by: Value| {
            json!({
                "seq": seq, "at": "2026-11-21T04:05:00.000000Z", "alert": alert_id(1),
                "name": "HostDown", "change": change, "cause": cause, "by": by, "comment": null,
                "labels": {"host": "h1"}, "summary": "host h1 does not answer", "value": 1.0,
                "firing_since": null,
            })
        };
        Reply::page(vec![
            entry(3, "resolved", json!("no_data"), Value::Null),
            entry(2, "acknowledged", Value::Null, json!("ada")),
            entry(1, "resolved", json!("over"), Value::Null),
        ])
    });
    expect![[r#"
        AT                           CHANGE              NAME      BY   SUMMARY
        2026-11-21T04:05:00.000000Z  resolved (no data)  HostDown  -    host h1 does not answer
        2026-11-21T04:05:00.000000Z  acknowledged        HostDown  ada  host h1 does not answer
        2026-11-21T04:05:00.000000Z  resolved            HostDown  -    host h1 does not answer
        exit 0
    "#]]
    .assert_eq(&run(&server, &["alert", "history", "HostDown"]).all());
    let seen = server.seen().pop().unwrap();
    assert_eq!(seen.param("filter"), Some("name=\"HostDown\""));
    assert_eq!(seen.param("limit"), Some("100"));
}

#[test]
fn rules_and_receivers_are_listed_with_how_it_goes() {
    let server = TestServer::start(|seen| match seen.path.as_str() {
        "/api/v1/alert-rules" => Reply::page(vec![json!({
            "id": "r1", "kind": "alert", "name": "HostDown", "group": "hosts", "source": "shipped",
            "expression": "up == 0", "interval_seconds": 60.0, "for_seconds": 300.0,
            "keep_firing_for_seconds": 0.0, "no_data": "keep", "labels": {}, "annotations": {},
            "health": "failed", "reason": "no such function", "evaluated_at": null,
            "took_seconds": null, "state": "firing", "pending": 0, "firing": 2, "written": null,
        })]),
        "/api/v1/alert-receivers" => Reply::page(vec![json!({
            "name": "ops", "kind": "smtp", "waiting": 2, "delivered": 7, "failed": 3, "lost": 1,
            "delivered_at": null, "failed_at": null, "failure": "mail:25 cannot be reached",
        })]),
        other => panic!("{other}"),
    });
    expect![[r#"
        NAME      KIND   GROUP  HEALTH  STATE   FIRING  PENDING  EVALUATED  REASON
        HostDown  alert  hosts  failed  firing  2       0        -          no such function
        exit 0
    "#]]
    .assert_eq(&run(&server, &["alert", "rules"]).all());
    expect![[r#"
        NAME  KIND  WAITING  DELIVERED  FAILED  LOST  FAILURE
        ops   smtp  2        7          3       1     mail:25 cannot be reached
        exit 0
    "#]]
    .assert_eq(&run(&server, &["alert", "receivers"]).all());
}

fn silences(seen: &Seen) -> Reply {
    let path = |number: u32| format!("/api/v1/silences/{}", id(number));
    match (seen.method.as_str(), seen.path.as_str()) {
        ("GET", "/api/v1/alerts") => Reply::page(vec![alert(1, "HostDown")]),
        ("GET", "/api/v1/silences") => Reply::page(vec![silence(1, "active")]),
        ("POST", "/api/v1/silences") if seen.json()["comment"] == "wide" => {
            Reply::problem(Code::SpecInvalid, "one matcher has to ask for a label")
        }
        ("POST", "/api/v1/silences") => Reply::Json(201, silence(1, "active")),
        ("GET", at) if at == path(1) => Reply::Json(200, silence(1, "active")),
        ("GET", at) if at == path(2) => Reply::Json(200, silence(2, "expired")),
        ("GET", at) if at.starts_with("/api/v1/silences/") => {
            Reply::problem(Code::SilenceNotFound, "there is no such silence")
        }
        ("DELETE", at) if at.starts_with("/api/v1/silences/") => Reply::Text(204, String::new()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn silences_that_are_over_are_listed_when_asked_for() {
    let server = TestServer::start(silences);
    let columns = "state,matchers,silences,by,comment";
    expect![[r#"
        STATE   MATCHERS                         SILENCES  BY          COMMENT
        active  host="h1", severity!="critical"  2         local:root  new memory
        exit 0
    "#]]
    .assert_eq(&run(&server, &["silence", "list", "--columns", columns]).all());
    let asked =
        |server: &TestServer| server.seen().pop().unwrap().param("filter").map(|it| it.to_string());
    assert_eq!(asked(&server).as_deref(), Some("state!=expired"));
    run(&server, &["silence", "list", "--filter", "created_by=ada"]);
    assert_eq!(asked(&server).as_deref(), Some("state!=expired AND created_by=ada"));
    run(&server, &["silence", "ls", "--all"]);
    assert_eq!(asked(&server), None);
}

#[test]
fn c25c_a_silence_is_made_of_matchers_or_of_one_alert() {
    let server = TestServer::start(silences);
    let line =
        ["silence", "create", "host=h1", "severity!=critical", "--for", "2h", "-c", "new memory"];
    let ended = run(&server, &line);
    assert_eq!(ended.out, format!("{}\n", id(1)), "for scripts");
    expect![[r#"
        silence of host=h1, severity!=critical made until 2020-01-01T02:00:00.000000Z; 2 alerts fit it now
    "#]]
    .assert_eq(&ended.err);
    assert_eq!(
        server.seen().pop().unwrap().json(),
        json!({
            "matchers": ["host=h1", "severity!=critical"], "duration_seconds": 7200,
            "comment": "new memory",
        })
    );
    let until = "2026-12-24T08:00:00Z";
    let line = ["silence", "create", "--alert", "HostDown", "--until", until, "-c", "known"];
    assert_eq!(run(&server, &line).code, 0);
    assert_eq!(
        server.seen().pop().unwrap().json(),
        json!({
            "alert": alert_id(1), "ends_at": "2026-12-24T08:00:00.000000Z", "comment": "known",
        })
    );
}

#[test]
fn a_silence_without_end_reason_or_target_is_refused_before_anything_is_sent() {
    let server = TestServer::start(|seen| panic!("{}", seen.line()));
    for line in [
        &["silence", "create", "host=h1", "-c", "x"] as &[&str],
        &["silence", "create", "host=h1", "--for", "2h"],
        &["silence", "create", "--for", "2h", "-c", "x"],
        &[
            "silence",
            "create",
            "host=h1",
            "--for",
            "2h",
            "--until",
            "2026-12-24T08:00:00Z",
            "-c",
            "x",
        ],
        &["silence", "create", "host=h1", "--until", "tomorrow", "-c", "x"],
        &["silence", "create", "host=h1", "--alert", "A", "--for", "2h", "-c", "x"],
    ] {
        assert_eq!(run(&server, line).code, 2, "{line:?}");
    }
    let server = TestServer::start(silences);
    let ended = run(&server, &["silence", "create", "host=~.*", "--for", "2h", "-c", "wide"]);
    assert_eq!(ended.code, 2, "{}", ended.all());
    let line = ["silence", "create", "host=h1", "--for", "2h", "-c", "x", "--dry-run"];
    assert_eq!(
        run(&server, &line).all(),
        "+ silence of host=h1 for 2h: x\nnothing was done\nexit 0\n"
    );
}

#[test]
fn silences_are_ended_and_that_can_be_repeated() {
    let server = TestServer::start(silences);
    let ended = run(&server, &["silence", "expire", &id(1), &id(2)]);
    let expected = format!(
        "silence {} of host=\"h1\", severity!=\"critical\" ended\nsilence {} was over already\nexit 0\n",
        id(1),
        id(2)
    );
    assert_eq!(ended.all(), expected);
    let gone: Vec<String> =
        server.lines().into_iter().filter(|line| line.starts_with("DELETE")).collect();
    assert_eq!(gone.len(), 2);
    // One that is not there keeps the others as they are.
    let ended = run(&server, &["silence", "delete", &id(1), &id(9)]);
    assert_eq!(ended.code, 4, "{}", ended.all());
    let line = server.lines().into_iter().filter(|line| line.starts_with("DELETE")).count();
    assert_eq!(line, 2);
}
