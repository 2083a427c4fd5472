//! Alerts as people and receivers meet them: from a file of rules and what a
//! simulated VM does to a webhook, and through the API.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use hostler_core::access::Role;
use hostlerd::config::{ConfiguredAlerting, ConfiguredMetrics};
use serde_json::{Value, json};

use crate::fixture::Fixture;

/// A webhook: what came, and what it answers first.
#[derive(Clone, Default)]
struct Hook {
    came: Arc<Mutex<Vec<(String, Value)>>>,
    answers: Arc<Mutex<VecDeque<StatusCode>>>,
}

impl Hook {
    async fn serve(&self) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", post(take)).with_state(self.clone());
        let mut serving = tokio::task::JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
        serving.detach_all();
        address
    }

    /// Waits until so many came.
    async fn came(&self, count: usize) -> Vec<(String, Value)> {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        loop {
            let came = self.came.lock().unwrap().clone();
            if came.len() >= count {
                return came;
            }
            assert!(tokio::time::Instant::now() < deadline, "only {came:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn take(State(hook): State<Hook>, headers: HeaderMap, body: String) -> StatusCode {
    let key = headers["idempotency-key"].to_str().unwrap().to_owned();
    hook.came.lock().unwrap().push((key, serde_json::from_str(&body).unwrap()));
    hook.answers.lock().unwrap().pop_front().unwrap_or(StatusCode::OK)
}

pub(crate) fn write(path: &Path, expression: &str) {
    let text = format!(
        "groups:\n- name: own\n  interval: 1h\n  rules:\n  - alert: Many\n    expr: {expression}\n    \
         labels: {{severity: critical}}\n    annotations: {{summary: 'it is {{{{ $value }}}}'}}\n"
    );
    std::fs::write(path, text).unwrap();
}

/// Tells the server what a file says now, as a signal would, and evaluates.
pub(crate) async fn reload(fixture: &Fixture, configured: &str) {
    let configured: ConfiguredAlerting = toml::from_str(configured).unwrap();
    let url = Some("https://hostler.example".to_owned());
    let config = hostlerd::alerting::load(&configured, url).unwrap();
    fixture.server.app().engine.alerts().configure(config).await.unwrap();
    fixture.server.app().engine.alerts().evaluate_now().await;
}

#[expect(clippy::too_many_lines, reason = "one story, told in its order")]
#[tokio::test]
async fn c25_an_alert_goes_from_a_rule_file_to_a_webhook_that_is_away_at_first() {
    let metrics = ConfiguredMetrics { interval_seconds: 1, ..ConfiguredMetrics::default() };
    let fixture = Fixture::measuring(metrics).await;
    fixture.make_vm("web").await;
    let hook = Hook::default();
    hook.answers.lock().unwrap().push_back(StatusCode::SERVICE_UNAVAILABLE);
    let address = hook.serve().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("own.yaml");
    let configured = format!(
        "shipped_rules = false\nrule_files = [{:?}]\n\
         [route]\ngroup_wait = \"0s\"\ngroup_interval = \"1ms\"\n\
         [[receiver]]\nname = \"ops\"\nwebhook = {{ url = \"http://{address}/\" }}\n",
        path.display().to_string()
    );
    write(&path, "hostler_vm_vcpus{vm='web'} >= 1");
    let local = fixture.local();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    let alert = loop {
        reload(&fixture, &configured).await;
        let alerts = local.get("/api/v1/alerts?filter=name=Many").await.json();
        if let Some(alert) = alerts["items"].get(0) {
            break alert.clone();
        }
        assert!(tokio::time::Instant::now() < deadline, "it is never measured");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!((&alert["state"], &alert["labels"]["vm"]), (&json!("firing"), &json!("web")));
    assert_eq!(alert["labels"]["simulated"], "true", "X17");
    assert_eq!((&alert["value"], &alert["receivers"]), (&json!(1.0), &json!(["ops"])));
    // Away, then told the same again.
    hook.came(1).await;
    // The next try is counted from when this one has failed.
    let waiting = loop {
        let receivers = local.get("/api/v1/alert-receivers").await.json();
        if receivers["items"][0]["failed"] == 1 {
            break receivers["items"][0]["waiting"].clone();
        }
        assert!(tokio::time::Instant::now() < deadline, "{receivers:#}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(waiting, 1);
    fixture.clock.advance(Duration::from_secs(6));
    let came = hook.came(2).await;
    assert_eq!(came[0], came[1]);
    assert_eq!((&came[0].1["status"], &came[0].1["receiver"]), (&json!("firing"), &json!("ops")));
    // Somebody cares, and a reader may not.
    let id = alert["id"].as_str().unwrap();
    let acknowledge = format!("/api/v1/alerts/{id}/acknowledge");
    let reader = fixture.token(Role::Reader).await;
    assert_eq!(reader.post(&acknowledge, &json!({})).await.status, 403);
    let seen = local.post(&acknowledge, &json!({ "comment": "on it" })).await.json();
    assert_eq!(seen["acknowledged"]["by"], json!(fixture.user().await));
    let silence = json!({ "alert": id, "duration_seconds": 60, "comment": "a new disk" });
    let made = local.post("/api/v1/silences", &silence).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let shown = reader.get(&format!("/api/v1/alerts/{id}")).await.json();
    assert_eq!(shown["silenced_by"], json!([made.json()["id"]]));
    // A file with a fault changes nothing.
    write(&path, "sum(");
    let broken: ConfiguredAlerting = toml::from_str(&configured).unwrap();
    let refused = hostlerd::alerting::load(&broken, None).unwrap_err().to_string();
    assert!(refused.contains("/groups/0/rules/0/expr (Many in group own)"), "{refused}");
    // Over, and told although it is silenced.
    write(&path, "hostler_vm_vcpus{vm='web'} >= 100");
    reload(&fixture, &configured).await;
    // Measured once more at least: a sample alone says nothing.
    while hook.came.lock().unwrap().len() < 3 {
        assert!(tokio::time::Instant::now() < deadline, "it is never over");
        fixture.clock.advance(Duration::from_secs(1));
        fixture.server.app().engine.alerts().evaluate_now().await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let came = hook.came(3).await;
    assert_eq!(came[2].1["status"], "resolved");
    assert_eq!(reader.get(&format!("/api/v1/alerts/{id}")).await.status, 404);
    let history = reader.get(&format!("/api/v1/alerts/history?filter=alert={id}")).await.json();
    let changes: Vec<_> =
        history["items"].as_array().unwrap().iter().map(|it| it["change"].clone()).collect();
    assert_eq!(changes, ["resolved", "acknowledged", "fired"]);
    let events = reader.get("/api/v1/events/history?filter=kind=alert.*").await.json();
    assert_eq!(events["items"].as_array().unwrap().len(), 3, "{events:#}");
    assert_eq!(events["items"][0]["type"], "alert.resolved");
}

#[tokio::test]
async fn where_no_history_is_kept_alerts_are_refused_and_not_told_to_be_none() {
    let fixture = Fixture::start().await;
    for path in ["/api/v1/alerts", "/api/v1/alert-rules"] {
        let answer = fixture.local().get(path).await;
        assert_eq!((answer.status, answer.code().as_str()), (422, "capability_missing"), "{path}");
    }
}

#[tokio::test]
async fn what_a_silence_lacks_is_told_all_at_once() {
    let fixture = Fixture::start().await;
    let local = fixture.local();
    let bad = json!({ "matchers": ["nothing"], "comment": "x" });
    let answer = local.post("/api/v1/silences", &bad).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "spec_invalid"), "{}", answer.text());
    let faults = answer.json()["errors"].as_array().unwrap().len();
    assert_eq!(faults, 2, "{}", answer.text());
    let wide = json!({ "matchers": ["vm=~\".*\""], "duration_seconds": 60, "comment": "x" });
    assert_eq!(local.post("/api/v1/silences", &wide).await.code(), "spec_invalid");
    let none = "/api/v1/silences/0192d0c4-7d5a-7bc0-9a3e-5f6a7b8c9d0e";
    assert_eq!(local.get(none).await.code(), "silence_not_found");
}
