//! Metrics that users push: what is taken, what is told of it and for how long.

use std::time::Duration;

use hostler_core::access::Role;
use hostler_core::clock::Clock;
use hostlerd::config::{Config, ConfiguredCustom, ConfiguredMetrics};
use serde_json::{Value, json};

use crate::alerting;
use crate::client::{Answer, Client};
use crate::fixture::Fixture;
use crate::metrics::{ask, check, scrape, until};

const PATH: &str = "/api/v1/metrics/custom";
const OPEN: &str = "application/openmetrics-text;version=1.0.0";

/// A server that measures nothing, keeps a history and takes this much.
async fn taking(custom: ConfiguredCustom) -> Fixture {
    Fixture::measuring(metrics(custom)).await
}

fn metrics(custom: ConfiguredCustom) -> ConfiguredMetrics {
    ConfiguredMetrics { enabled: false, custom, ..ConfiguredMetrics::default() }
}

async fn push(client: &Client, samples: Value) -> Answer {
    client.post(PATH, &json!({ "samples": samples })).await
}

async fn text(client: &Client, query: &str, text: &str) -> Answer {
    let body = Some(("text/plain; version=0.0.4", text.to_owned().into()));
    client.send("POST", &format!("{PATH}/text{query}"), body).await
}

fn taken(answer: &Answer, accepted: u64) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["accepted"], accepted, "{}", answer.text());
}

/// What the server says of its own pushes, by name or name and reason.
async fn counted(fixture: &Fixture, series: &str) -> f64 {
    // Pages are made once in a second at most.
    tokio::time::sleep(Duration::from_millis(1001)).await;
    let page = scrape(fixture, "*/*").await;
    let line = page.lines().find(|line| line.starts_with(&format!("{series} ")));
    line.unwrap_or_else(|| panic!("{series}: {page}")).rsplit(' ').next().unwrap().parse().unwrap()
}

/// The values that a query finds now.
async fn found(fixture: &Fixture, query: &str) -> Vec<f64> {
    let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
    let answer = ask(fixture, &format!("query={query}")).await.json();
    let series = answer["series"].as_array().unwrap_or_else(|| panic!("{answer:#}"));
    series.iter().map(|it| it["samples"][0][1].as_f64().unwrap()).collect()
}

#[tokio::test]
async fn c25e_d22_what_is_pushed_is_told_with_the_labels_of_its_vm_and_answers_queries() {
    let fixture = taking(ConfiguredCustom::default()).await;
    let vm = fixture.make_vm("web").await;
    let pusher = fixture.token(Role::Pusher).await;
    let samples = json!([
        { "name": "app_queue_length", "value": 3, "vm": "web", "labels": { "queue": "a\"b\\c" } },
        { "name": "app_queue_length", "value": 4, "vm": vm, "labels": { "queue": "mail" } },
        { "name": "app_jobs_total", "kind": "counter", "value": 17.5, "host": "h1" },
        { "name": "room_celsius", "value": -3.5 },
    ]);
    let answer = push(&pusher, samples).await;
    taken(&answer, 4);
    let told = (&answer.json()["kept"], &answer.json()["series"], &answer.json()["series_max"]);
    assert_eq!(told, (&json!(4), &json!(4), &json!(1000)));

    let owner = format!(
        "vm=\"web\",vm_id=\"{vm}\",host=\"h1\",provider=\"lab\",project=\"default\",\
         simulated=\"true\""
    );
    for (accept, counter) in [("*/*", "app_jobs_total"), (OPEN, "app_jobs")] {
        let page = until(&fixture, accept, "room_celsius -3.5\n").await;
        check(&page);
        for wanted in [
            "# TYPE app_queue_length gauge\n".to_owned(),
            format!("app_queue_length{{{owner},queue=\"a\\\"b\\\\c\"}} 3\n"),
            format!("app_queue_length{{{owner},queue=\"mail\"}} 4\n"),
            format!("# TYPE {counter} counter\n"),
            "app_jobs_total{host=\"h1\",provider=\"lab\",simulated=\"true\"} 17.5\n".to_owned(),
        ] {
            assert!(page.contains(&wanted), "{wanted}: {page}");
        }
        assert_eq!(page.ends_with("# EOF\n"), accept == OPEN);
    }
    assert_eq!(found(&fixture, "sum(app_queue_length{vm='web'})").await, [7.0]);
    assert_eq!(found(&fixture, "app_jobs_total{host='h1'}").await, [17.5]);

    let reader = fixture.token(Role::Reader).await;
    assert_eq!(push(&reader, json!([])).await.code(), "permission_denied");
    let listed = reader.get(&format!("{PATH}?filter=vm=web&sort=-name")).await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 2, "{listed:#}");
    let first = &listed["items"][0];
    assert_eq!((&first["vm"]["id"], &first["simulated"]), (&json!(vm), &json!(true)));
    assert_eq!((&first["kind"], &first["quality"]), (&json!("gauge"), &json!("ok")));
    let mail = reader.get(&format!("{PATH}?filter=label.queue=mail")).await.json();
    assert_eq!((&mail["items"][0]["value"], &mail["items"][1]), (&json!(4.0), &Value::Null));
    // A VM that is gone has no values from that moment on (X22).
    fixture.act(&vm, "stop", Some(&json!({ "mode": "force" }))).await;
    let gone = fixture.local().header("prefer", "wait=30");
    let deleted = gone.delete(&format!("/api/v1/vms/{vm}?disks=true")).await.json();
    assert_eq!(deleted["state"], "succeeded", "{deleted:#}");
    let listed = reader.get(PATH).await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 2, "{listed:#}");
}

#[tokio::test]
async fn d22_prometheus_text_is_taken_line_by_line() {
    let fixture = taking(ConfiguredCustom::default()).await;
    let pusher = fixture.token(Role::Pusher).await;
    let now = fixture.clock.now().as_millis();
    let good = format!("# TYPE a_total counter\na_total{{x=\"1\"}} 5 {now}\nb 1e3\n# EOF\n");
    taken(&text(&pusher, "?host=h1", &good).await, 2);
    assert_eq!(found(&fixture, "a_total{host='h1',x='1'}").await, [5.0]);
    let bad = "b 1\nb{\nhostler_x 1\nc NaN\nd{vm=\"web\"} 1\nb 2\n";
    let answer = text(&pusher, "", bad).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "spec_invalid"));
    // What is no sample is told first; what is none that can be taken, when all are samples.
    assert_eq!(answer.json()["errors"][0]["pointer"], "line 2", "{}", answer.text());
    let answer = text(&pusher, "", &bad.replace("b{\n", "\n")).await.json();
    let pointers: Vec<_> = answer["errors"].as_array().unwrap().iter().collect();
    let told: Vec<_> = pointers.iter().map(|it| (&it["pointer"], &it["code"])).collect();
    let wanted = [
        (&json!("line 3"), &json!("reserved")),
        (&json!("line 4"), &json!("not_finite")),
        (&json!("line 5"), &json!("reserved")),
        (&json!("line 6"), &json!("twice")),
    ];
    assert_eq!(told, wanted, "{answer:#}");
    let unknown = text(&pusher, "?vm=nowhere", "b 1\n").await.json();
    assert_eq!(unknown["errors"][0]["detail"], "there is no VM \"nowhere\"", "{unknown:#}");
    let body = Some(("text/plain", bytes::Bytes::from_static(b"b 1\n\xff 2\n")));
    let broken = pusher.send("POST", &format!("{PATH}/text"), body).await;
    assert_eq!(
        (broken.code().as_str(), &broken.json()["errors"][0]["pointer"]),
        ("body_malformed", &json!("line 2"))
    );
    // A key stands for a push and its text.
    let keyed = fixture.token(Role::Pusher).await.header("idempotency-key", "k1");
    taken(&text(&keyed, "", "e 1\n").await, 1);
    assert_eq!(text(&keyed, "", "e 2\n").await.code(), "idempotency_mismatch");
}

/// Forms of other sites can send plain text without asking.
#[tokio::test]
async fn a22_what_another_sites_form_sends_by_cookie_is_not_taken() {
    let fixture = taking(ConfiguredCustom::default()).await;
    let cookie = fixture.log_in().await.header("set-cookie");
    let cookie = cookie.split(';').next().unwrap();
    let ours = fixture.client().header("cookie", cookie).header("origin", &fixture.origin());
    taken(&text(&ours, "", "a 1\n").await, 1);
    for origin in ["https://evil.example", "null"] {
        let theirs = fixture.client().header("cookie", cookie).header("origin", origin);
        assert_eq!(text(&theirs, "", "a 2\n").await.code(), "origin_denied");
    }
    let silent = fixture.client().header("cookie", cookie);
    assert_eq!(text(&silent, "", "a 2\n").await.code(), "origin_denied");
    assert_eq!(found(&fixture, "a").await, [1.0]);
}

#[expect(clippy::too_many_lines, reason = "a table of what people may come upon")]
#[tokio::test]
async fn a7_hostile_samples_are_refused_with_their_place_and_nothing_of_them_is_taken() {
    let fixture = taking(ConfiguredCustom::default()).await;
    let pusher = fixture.token(Role::Pusher).await;
    let now = fixture.clock.now();
    let (ahead, old) = (now.plus(Duration::from_secs(6)), now.minus(Duration::from_secs(301)));
    let sound = json!({ "name": "sound", "value": 1 });
    for (sample, pointer, code) in [
        (json!({ "name": "a\n# TYPE b gauge\nb 1", "value": 1 }), "/samples/1/name", "not_a_name"),
        (json!({ "name": "", "value": 1 }), "/samples/1/name", "not_a_name"),
        (json!({ "name": "x".repeat(129), "value": 1 }), "/samples/1/name", "too_long"),
        (json!({ "name": "hostler_vm_vcpus", "value": 1 }), "/samples/1/name", "reserved"),
        (json!({ "name": "up", "value": 1 }), "/samples/1/name", "reserved"),
        (json!({ "name": "a", "kind": "counter", "value": 1 }), "/samples/1/kind", "kind_mismatch"),
        (json!({ "name": "a", "kind": "summary", "value": 1 }), "/samples/1/kind", "unknown"),
        (json!({ "name": "a_total", "value": -1 }), "/samples/1/value", "negative"),
        (
            json!({ "name": "a", "value": 1, "labels": { "b\"} 1\nc{d": "1" } }),
            "/samples/1/labels",
            "not_a_name",
        ),
        (
            json!({ "name": "a", "value": 1, "labels": { "b": "x".repeat(257) } }),
            "/samples/1/labels",
            "too_long",
        ),
        (
            json!({ "name": "a", "value": 1, "labels": { "vm_id": "1" } }),
            "/samples/1/labels",
            "reserved",
        ),
        (
            json!({ "name": "a", "value": 1, "labels": { "b": "c\nd" } }),
            "/samples/1/labels",
            "control_character",
        ),
        (json!({ "name": "sound", "value": 2, "labels": { "b": "" } }), "/samples/1", "twice"),
        (json!({ "name": "a", "value": 1, "vm": "nowhere" }), "/samples/1/vm", "unknown"),
        (
            json!({ "name": "a", "value": 1, "host": "x".repeat(9999) }),
            "/samples/1/host",
            "unknown",
        ),
        (
            json!({ "name": "a", "value": 1, "host": "h1", "vm": "web" }),
            "/samples/1/host",
            "ambiguous",
        ),
        (
            json!({ "name": "a", "value": 1, "time": ahead.to_string() }),
            "/samples/1/time",
            "too_far_ahead",
        ),
        (json!({ "name": "a", "value": 1, "time": old.to_string() }), "/samples/1/time", "too_old"),
    ] {
        let answer = push(&pusher, json!([sound, sample])).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "spec_invalid"), "{pointer}");
        let faults = answer.json()["errors"].clone();
        assert_eq!(
            (&faults[0]["pointer"], &faults[0]["code"]),
            (&json!(pointer), &json!(code)),
            "{faults:#}"
        );
        assert_eq!(faults.as_array().unwrap().len(), 1, "{faults:#}");
        assert!(answer.text().len() < 1024, "{}", answer.text());
    }
    // What JSON itself cannot say.
    for value in ["NaN", "1e999", "null", "\"1\""] {
        let body = format!("{{\"samples\":[{{\"name\":\"a\",\"value\":{value}}}]}}");
        let answer = pusher.send("POST", PATH, Some(("application/json", body.into()))).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "body_malformed"), "{value}");
    }
    let listed = fixture.local().get(PATH).await.json();
    assert_eq!(listed["items"], json!([]), "nothing is taken in part");
    let many: Vec<_> = (0..500).map(|n| json!({ "name": format!("{n}"), "value": 1 })).collect();
    let answer = push(&pusher, json!(many)).await.json();
    assert_eq!(answer["errors"].as_array().unwrap().len(), 20, "faults without end");
    // Eighteen pushes of two, and one of five hundred.
    let refused =
        counted(&fixture, "hostler_custom_samples_refused_total{reason=\"invalid\"}").await;
    assert_eq!(refused, 536.0);
    // Time goes on, and nobody tells what was before.
    taken(&push(&pusher, json!([{ "name": "a", "value": 1 }])).await, 1);
    let before = now.minus(Duration::from_secs(1)).to_string();
    let answer = push(&pusher, json!([{ "name": "a", "value": 2, "time": before }])).await.json();
    assert_eq!(answer["errors"][0]["code"], "out_of_order", "{answer:#}");
    assert_eq!(found(&fixture, "a").await, [1.0]);
}

fn named(count: usize) -> Value {
    (0..count).map(|n| json!({ "name": format!("m{n}"), "value": n })).collect()
}

#[tokio::test]
async fn c25e_each_limit_is_told_with_its_key_and_can_be_changed_while_running() {
    let custom = ConfiguredCustom {
        max_series: 5,
        max_series_per_user: 3,
        max_samples_per_push: 4,
        ..ConfiguredCustom::default()
    };
    let fixture = taking(custom).await;
    let (ada, bob) = (fixture.token(Role::Pusher).await, fixture.token(Role::Pusher).await);
    let refused = |answer: Answer, key: &str, limit: &str| {
        assert_eq!((answer.status, answer.code().as_str()), (422, "limit_exceeded"), "{key}");
        let told = answer.json();
        let key = format!("metrics.custom.{key}");
        assert_eq!(
            (&told["details"]["key"], &told["details"]["limit"]),
            (&json!(key), &json!(limit))
        );
        let detail = told["detail"].as_str().unwrap();
        assert!(detail.starts_with(&format!("{key} allows {limit}: ")), "{detail}");
    };
    refused(push(&ada, named(5)).await, "max_samples_per_push", "4");
    refused(text(&ada, "", &"a 1\n".repeat(5)).await, "max_samples_per_push", "4");
    refused(push(&ada, named(4)).await, "max_series_per_user", "3");
    taken(&push(&ada, named(3)).await, 3);
    // The same ones go on.
    taken(&push(&ada, named(3)).await, 3);
    let others = json!([{ "name": "o1", "value": 1 }, { "name": "o2", "value": 1 }]);
    taken(&push(&bob, others).await, 2);
    refused(push(&bob, json!([{ "name": "o3", "value": 1 }])).await, "max_series", "5");
    // A series is whose it was pushed by last.
    taken(&push(&bob, json!([{ "name": "m0", "value": 1 }])).await, 1);
    refused(push(&bob, json!([{ "name": "m1", "value": 1 }])).await, "max_series_per_user", "3");
    assert_eq!(counted(&fixture, "hostler_custom_series").await, 5.0);
    assert_eq!(counted(&fixture, "hostler_custom_samples_total").await, 9.0);
    // Five, five, four, one and one.
    let series = "hostler_custom_samples_refused_total{reason=\"limit\"}";
    assert_eq!(counted(&fixture, series).await, 16.0);

    let told = |custom| Config { metrics: metrics(custom), ..fixture.config.clone() };
    let more = ConfiguredCustom { max_series: 6, ..custom };
    fixture.server.take_over(&told(more)).await.unwrap();
    taken(&push(&ada, json!([{ "name": "o3", "value": 1 }])).await, 1);
    let off = ConfiguredCustom { enabled: false, ..more };
    fixture.server.take_over(&told(off)).await.unwrap();
    let answer = push(&ada, named(1)).await;
    assert_eq!((answer.status, answer.code().as_str()), (422, "capability_missing"));
    assert!(answer.text().contains("metrics.custom.enabled"), "{}", answer.text());
}

#[tokio::test]
async fn c25e_no_family_is_of_two_kinds() {
    let fixture = taking(ConfiguredCustom::default()).await;
    let pusher = fixture.token(Role::Pusher).await;
    let both = json!([{ "name": "jobs", "value": 1 }, { "name": "jobs_total", "value": 1 }]);
    assert_eq!(push(&pusher, both).await.code(), "metric_conflict");
    taken(&push(&pusher, json!([{ "name": "jobs_total", "value": 1 }])).await, 1);
    let answer = push(&pusher, json!([{ "name": "jobs", "value": 1 }])).await;
    assert_eq!((answer.status, answer.code().as_str()), (409, "metric_conflict"));
    assert_eq!(answer.json()["details"]["kind"], "counter", "{}", answer.text());
    let page = until(&fixture, OPEN, "jobs_total 1\n").await;
    check(&page);
}

/// A series has one source: the rule, whoever came first.
#[tokio::test]
async fn c25e_what_a_recording_rule_computes_cannot_be_pushed_and_the_rule_wins() {
    let fixture = taking(ConfiguredCustom::default()).await;
    let pusher = fixture.token(Role::Pusher).await;
    let both = json!([{ "name": "room_celsius", "value": 20 }, { "name": "other", "value": 1 }]);
    taken(&push(&pusher, both.clone()).await, 2);
    assert_eq!(found(&fixture, "room_celsius").await, [20.0]);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("own.yaml");
    // With another label, so that nothing but its end keeps what was pushed from being found.
    let rule = "groups:\n- name: rooms\n  interval: 1h\n  rules:\n  - record: room_celsius\n    \
                expr: '42'\n    labels: {by: rule}\n";
    std::fs::write(&path, rule).unwrap();
    let configured = format!("shipped_rules = false\nrule_files = [{path:?}]\n");
    fixture.clock.advance(Duration::from_secs(1));
    alerting::reload(&fixture, &configured).await;
    assert_eq!(found(&fixture, "room_celsius").await, [42.0], "two sources of one name");
    let listed = fixture.local().get(PATH).await.json();
    let names: Vec<_> = listed["items"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(names, [&json!("other")]);
    let answer = push(&pusher, both.clone()).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "spec_invalid"));
    let fault = &answer.json()["errors"][0];
    assert_eq!(
        (&fault["pointer"], &fault["code"]),
        (&json!("/samples/0/name"), &json!("reserved"))
    );
    let wanted = format!(
        "\"room_celsius\" is computed by a recording rule: group \"rooms\" of {}",
        path.display()
    );
    assert_eq!(fault["detail"], json!(wanted));
    let answer = text(&pusher, "", "other 1\nroom_celsius 20\n").await.json();
    assert_eq!(answer["errors"][0]["pointer"], "line 2", "{answer:#}");
    // Without the rule it is free again.
    alerting::reload(&fixture, "shipped_rules = false\n").await;
    taken(&push(&pusher, both).await, 2);
}

#[tokio::test]
async fn x17_what_is_not_pushed_any_more_is_absent_and_ends_in_the_history() {
    let custom = ConfiguredCustom { ttl_seconds: 1, ..ConfiguredCustom::default() };
    let fixture = taking(custom).await;
    let pusher = fixture.token(Role::Pusher).await;
    taken(&push(&pusher, json!([{ "name": "depth", "value": 1 }])).await, 1);
    assert_eq!(found(&fixture, "depth").await, [1.0]);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    let mut was_stale = false;
    loop {
        let listed = fixture.local().get(PATH).await.json();
        match listed["items"][0]["quality"].as_str() {
            Some("stale") => was_stale = true,
            Some(_) => {}
            None => break,
        }
        // Ages are counted by the machine's steady clock, times of samples by this one.
        fixture.clock.advance(Duration::from_millis(20));
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(tokio::time::Instant::now() < deadline, "{listed:#}");
    }
    assert!(was_stale, "it is listed as stale before it is gone");
    // By the mark of its end: queries would look back for five minutes.
    assert_eq!(found(&fixture, "depth").await, [0.0; 0]);
    assert_eq!(found(&fixture, "count_over_time(depth[1h])").await, [1.0]);
    assert!(!scrape(&fixture, "*/*").await.contains("\ndepth "));
    assert_eq!(counted(&fixture, "hostler_custom_series").await, 0.0);
    // And begins anew.
    taken(&push(&pusher, json!([{ "name": "depth", "value": 2 }])).await, 1);
    assert_eq!(found(&fixture, "depth").await, [2.0]);
}

#[tokio::test]
async fn c25_an_alert_is_raised_by_what_is_pushed() {
    let fixture = taking(ConfiguredCustom::default()).await;
    fixture.make_vm("web").await;
    let pusher = fixture.token(Role::Pusher).await;
    let sample = json!([{ "name": "backup_age_seconds", "value": 90_000, "vm": "web" }]);
    taken(&push(&pusher, sample).await, 1);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("own.yaml");
    alerting::write(&path, "backup_age_seconds > 86400");
    let configured = format!("shipped_rules = false\nrule_files = [{path:?}]\n");
    alerting::reload(&fixture, &configured).await;
    let alerts = fixture.local().get("/api/v1/alerts").await.json();
    let alert = &alerts["items"][0];
    assert_eq!((&alert["name"], &alert["state"]), (&json!("Many"), &json!("firing")), "{alerts:#}");
    assert_eq!((&alert["labels"]["vm"], &alert["value"]), (&json!("web"), &json!(90_000.0)));
}
