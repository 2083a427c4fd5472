//! Metrics of one's own: what is sent, what is shown, and the exit code.

use expect_test::expect;
use hostler_client::testing::{Reply, Seen, TestServer};
use hostler_core::Code;
use serde_json::{Value, json};

use crate::rig::{id, run};

fn series(name: &str, quality: &str) -> Value {
    json!({
        "name": name, "kind": "gauge", "labels": {"queue": "ma\u{1b}il", "shift": "night"},
        "vm": {"id": id(1), "name": "web"}, "host": null, "simulated": false, "value": 17.5,
        "observed_at": "2026-11-21T04:00:00.000000Z", "age_seconds": 125.5, "quality": quality,
        "pushed_by": "token:ci", "of_a_later_version": 1,
    })
}

fn world(seen: &Seen) -> Reply {
    match seen.line().as_str() {
        "GET /api/v1/metrics/custom" => {
            Reply::page(vec![series("jobs_waiting", "ok"), series("jobs_seen", "stale")])
        }
        "POST /api/v1/metrics/custom" => {
            let pushed = json!({"accepted": 1, "kept": 1, "series": 3, "series_max": 1000});
            Reply::Json(200, pushed)
        }
        other => panic!("{other}"),
    }
}

#[test]
fn c25e_what_is_pushed_is_listed_with_its_age() {
    let server = TestServer::start(world);
    expect![[r#"
        NAME          LABELS                      VM   HOST  VALUE  AGE  QUALITY  BY
        jobs_waiting  queue=ma\x1bil,shift=night  web  -     17.5   2m   ok       token:ci
        jobs_seen     queue=ma\x1bil,shift=night  web  -     17.5   2m   stale    token:ci
        exit 0
    "#]]
    .assert_eq(&run(&server, &["metric", "list"]).all());
    expect![[r#"
        jobs_waiting{queue="ma\u{1b}il",shift="night"}
        jobs_seen{queue="ma\u{1b}il",shift="night"}
        exit 0
    "#]]
    .assert_eq(&run(&server, &["metric", "ls", "-q"]).all());
    expect![[r#"
        NAME          LABELS                      VM   HOST  VALUE  AGE  QUALITY  BY        KIND   OBSERVED
        jobs_waiting  queue=ma\x1bil,shift=night  web  -     17.5   2m   ok       token:ci  gauge  2026-11-21T04:00:00.000000Z
        jobs_seen     queue=ma\x1bil,shift=night  web  -     17.5   2m   stale    token:ci  gauge  2026-11-21T04:00:00.000000Z
        exit 0
    "#]].assert_eq(&run(&server, &["metric", "list", "--wide"]).all());
}

#[test]
fn c25e_a_value_is_pushed_with_its_labels_and_its_vm() {
    let server = TestServer::start(world);
    let line = ["metric", "push", "jobs_done_total", "17", "--label", "queue=a=b", "--vm", "web"];
    expect![[r#"
        jobs_done_total{queue="a=b"} of VM "web" pushed; you have 3 of 1000 series
        exit 0
    "#]]
    .assert_eq(&run(&server, &[&line[..], &["--kind", "counter"]].concat()).all());
    let wanted = json!({"samples": [{
        "name": "jobs_done_total", "kind": "counter", "labels": {"queue": "a=b"}, "value": 17.0,
        "vm": "web",
    }]});
    assert_eq!(server.seen().last().unwrap().json(), wanted);
    let line = ["metric", "push", "depth", "-1.5", "--time", "2026-11-21T04:00:00Z"];
    expect![[r#"
        depth pushed; you have 3 of 1000 series
        exit 0
    "#]]
    .assert_eq(&run(&server, &line).all());
    let wanted = json!({"samples": [
        {"name": "depth", "value": -1.5, "time": "2026-11-21T04:00:00.000000Z"},
    ]});
    assert_eq!(server.seen().last().unwrap().json(), wanted);
}

#[test]
fn what_cannot_be_pushed_is_told_before_anybody_is_asked() {
    let server = TestServer::start(|seen| panic!("{}", seen.line()));
    for (words, why) in [
        ("depth NaN", "NaN is no value that can be pushed"),
        ("depth inf", "inf is no value that can be pushed"),
        ("depth many", "invalid value 'many'"),
        ("depth 1 --label a", "`a` is no label; write KEY=VALUE"),
        ("depth 1 --label a=1 --label a=2", "the label `a` is given twice"),
        ("depth 1 --vm a --host b", "cannot be used with"),
        ("depth 1 --kind histogram", "invalid value 'histogram'"),
        ("depth 1 --time yesterday", "invalid value 'yesterday'"),
    ] {
        let words: Vec<&str> = ["metric", "push"].into_iter().chain(words.split(' ')).collect();
        let ended = run(&server, &words);
        assert_eq!(ended.code, 2, "{}", ended.all());
        assert!(ended.err.contains(why), "{}", ended.all());
    }
    let ended = run(&server, &["metric", "push", "depth", "1", "--host", "h1", "--dry-run"]);
    expect![[r#"
        + depth of host "h1" = 1
        nothing was done
        exit 0
    "#]]
    .assert_eq(&ended.all());
}

#[test]
fn a_limit_is_told_as_the_server_says_it() {
    let server = TestServer::start(|_| {
        Reply::problem(
            Code::LimitExceeded,
            "metrics.custom.max_series allows 10: there would be 11",
        )
    });
    expect![[r#"
        error: cannot push the metric: metrics.custom.max_series allows 10: there would be 11 [limit_exceeded] (request 0192d0c4-0000-7000-8000-000000000001)
        hint: The message names the limit.
        exit 6
    "#]].assert_eq(&run(&server, &["metric", "push", "depth", "1"]).all());
    let server = TestServer::start(|_| {
        let pushed = json!({"accepted": 1, "kept": 0, "series": 3, "series_max": 1000});
        Reply::Json(200, pushed)
    });
    expect![[r#"
        depth pushed; you have 3 of 1000 series
        note: it is not in the history, which had no room for it or has one of that time
        exit 0
    "#]]
    .assert_eq(&run(&server, &["metric", "push", "depth", "1"]).all());
}
