//! Agents as they are asked over the network: what each answer is told as.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hostler_api::Time;
use hostler_core::clock::{Clock, SystemClock};
use hostlerd::config::{ConfiguredAgent, ConfiguredMetrics};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::fixture::Fixture;

fn metrics() -> ConfiguredMetrics {
    ConfiguredMetrics { interval_seconds: 1, ..ConfiguredMetrics::default() }
}

/// Something at a port that answers each request with the same.
struct Fake {
    url: String,
    answer: Arc<Mutex<(u16, String)>>,
    /// The `Authorization` of the latest request.
    shown: Arc<Mutex<Option<String>>>,
    _tasks: JoinSet<()>,
}

impl Fake {
    async fn start(status: u16, body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answer = Arc::new(Mutex::new((status, body.to_owned())));
        let shown = Arc::new(Mutex::new(None));
        let (answers, shows) = (Arc::clone(&answer), Arc::clone(&shown));
        let serving = async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = vec![0; 4096];
                let size = stream.read(&mut head).await.unwrap_or(0);
                let head = String::from_utf8_lossy(&head[..size]).into_owned();
                let line = head.lines().find(|line| line.to_lowercase().starts_with("authori"));
                *shows.lock().unwrap() = line.map(str::to_owned);
                let (status, body) = answers.lock().unwrap().clone();
                // New each time: what is told again is not measured again.
                let now = serde_json::to_value(Time(SystemClock.now())).unwrap();
                let body = body.replace("@NOW", now.as_str().unwrap());
                let reply = format!(
                    "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(reply.as_bytes()).await;
            }
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(serving);
        Self { url, answer, shown, _tasks: tasks }
    }

    fn say(&self, status: u16, body: &str) {
        *self.answer.lock().unwrap() = (status, body.to_owned());
    }
}

fn agent(url: &str) -> ConfiguredAgent {
    ConfiguredAgent {
        name: "a1".into(),
        url: url.into(),
        ca_file: None,
        token_file: None,
        interval_seconds: 1,
        host: None,
    }
}

/// A batch of a machine with some load and a container.
fn batch() -> Value {
    let pass = |source: &str, cost: &str, of: Value, points: Value| {
        json!({
            "source": source, "cost": cost, "interval_seconds": 1.0,
            "ended_at": "@NOW", "took_seconds": 0.01, "error": null, "silent": [],
            "measured": [{ "of": of, "at": "@NOW", "points": points }],
        })
    };
    let container = json!({ "kind": "container", "id": "c1", "name": "web", "engine": "docker" });
    json!({
        "host": "m1", "version": "0.9", "started_at": "2026-11-21T09:00:00Z",
        "now": "@NOW",
        "passes": [
            pass("node", "stats", json!({ "kind": "host", "name": "m1" }), json!([
                { "metric": "hostler_host_load", "labels": ["1m"], "value": 0.25 },
                { "metric": "hostler_vm_vcpus", "value": 1.0 },
            ])),
            pass("docker", "stats", container, json!([
                { "metric": "hostler_container_cpu_seconds_total", "value": 7.5 },
            ])),
        ],
    })
}

async fn told(fixture: &Fixture) -> Value {
    let list = fixture.local().get("/api/v1/agents").await.json();
    list["items"][0].clone()
}

/// Waits until the agent is told with this state.
async fn until_state(fixture: &Fixture, state: &str) -> Value {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        let told = told(fixture).await;
        if told["state"] == state {
            return told;
        }
        assert!(tokio::time::Instant::now() < deadline, "it is never {state}: {told:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Scrapes until `wanted` is there.
async fn until_scraped(fixture: &Fixture, wanted: &str) -> String {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        let text = fixture.local().get("/metrics").await.text();
        if text.contains(wanted) {
            return text;
        }
        assert!(tokio::time::Instant::now() < deadline, "{wanted} is never there: {text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn d7_what_an_agent_tells_is_on_the_page_and_in_the_api() {
    let fixture = Fixture::measuring(metrics()).await;
    let fake = Fake::start(200, &batch().to_string()).await;
    fixture.ask_agents(&[agent(&fake.url)]).await;
    let told = until_state(&fixture, "ok").await;
    for (key, value) in [
        ("kind", json!("agent")),
        ("address", json!(fake.url)),
        ("machine", json!("m1")),
        ("version", json!("0.9")),
        ("joined", json!("alone")),
        ("host", Value::Null),
        ("reason", Value::Null),
    ] {
        assert_eq!(told[key], value, "{key}: {told:#}");
    }
    assert!(told["left_out"]["not_its_own"].as_u64().unwrap() >= 1, "{told:#}");
    let text = until_scraped(&fixture, "hostler_container_cpu_seconds_total{").await;
    for wanted in [
        "hostler_host_load{host=\"m1\",provider=\"a1\",window=\"1m\"} 0.25",
        "container=\"web\",container_id=\"c1\",host=\"m1\",engine=\"docker\"} 7.5",
        "hostler_agent_up{agent=\"a1\"} 1",
        "hostler_agent_info{agent=\"a1\",host=\"m1\",version=\"0.9\",state=\"ok\",joined=\"alone\"} 1",
        "hostler_agent_source_up{agent=\"a1\",source=\"kernel\",cost=\"stats\"} 1",
        "hostler_agent_left_out_total{agent=\"a1\",reason=\"not_its_own\"}",
        "hostler_series_dropped_total{reason=\"twice\"} 0",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    let measured = fixture.local().get("/api/v1/agents/a1/metrics").await.json();
    let pass = &measured["passes"][0];
    assert_eq!(pass["by"], json!({ "kind": "agent", "name": "a1" }), "{measured:#}");
    assert_eq!(pass["figures"][0]["value"], 0.25);
    // D3, X16: nothing of it is a VM.
    assert!(!text.contains("vm=\"web\""), "{text}");
    let missing = fixture.local().get("/api/v1/agents/nobody/metrics").await;
    assert_eq!((missing.status, missing.code().as_str()), (404, "agent_not_found"));
}

#[tokio::test]
async fn d10_each_way_of_not_being_heard_is_told_as_what_it_is() {
    let fixture = Fixture::measuring(metrics()).await;
    let fake = Fake::start(200, &batch().to_string()).await;
    fixture.ask_agents(&[agent(&fake.url)]).await;
    until_state(&fixture, "ok").await;
    let mut newer = batch();
    newer["schema"] = json!(99);
    newer["version"] = json!("7.0");
    for (status, body, state, why) in [
        (401, "no".to_owned(), "refused", "wants a token; set token_file"),
        (200, newer.to_string(), "incompatible", "update the server"),
        (200, "<html>".to_owned(), "invalid", "no batch of a hostler-agent"),
        (404, "nothing here".to_owned(), "invalid", "is no hostler-agent: 404"),
        (503, "later".to_owned(), "unreachable", "cannot answer now"),
        (302, String::new(), "invalid", "is no hostler-agent: 302"),
    ] {
        fake.say(status, &body);
        let told = until_state(&fixture, state).await;
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        let mut reason = told["reason"].as_str().unwrap_or_default().to_owned();
        while !reason.contains(why) {
            assert!(tokio::time::Instant::now() < deadline, "{why}: {reason}");
            tokio::time::sleep(Duration::from_millis(50)).await;
            reason = self::told(&fixture).await["reason"].as_str().unwrap_or_default().to_owned();
        }
    }
    let text = until_scraped(&fixture, "hostler_agent_up{agent=\"a1\"} 0").await;
    assert!(text.contains("state=\"invalid\""), "{text}");
    // X17: what it told is told with its age for a while, and never as something else.
    assert!(!text.contains("hostler_host_load{host=\"m1\",provider=\"a1\",window=\"1m\"} 0\n"));
}

#[tokio::test]
async fn d10_an_agent_that_is_not_there_or_not_trusted_is_told_with_the_way_out() {
    let fixture = Fixture::measuring(metrics()).await;
    // Nobody listens at a port that was just let go.
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    fixture.ask_agents(&[agent(&format!("http://{gone}"))]).await;
    let told = until_state(&fixture, "unreachable").await;
    assert!(told["reason"].as_str().unwrap().contains("cannot be reached"), "{told:#}");
    assert_eq!(told["machine"], Value::Null);
    // A server with a certificate of an authority that nobody trusts: our own.
    let here = format!("https://localhost:{}", fixture.server.addresses()[0].port());
    fixture.ask_agents(&[agent(&here)]).await;
    let told = until_state(&fixture, "untrusted").await;
    assert!(told["reason"].as_str().unwrap().contains("set ca_file"), "{told:#}");
    let directory = tempfile::tempdir().unwrap();
    let ca: PathBuf = directory.path().join("ca.pem");
    std::fs::write(&ca, &fixture.ca_pem).unwrap();
    let trusted = ConfiguredAgent { ca_file: Some(ca), ..agent(&here) };
    fixture.ask_agents(std::slice::from_ref(&trusted)).await;
    // It is trusted then, and is no agent.
    let told = until_state(&fixture, "invalid").await;
    let reason = told["reason"].as_str().unwrap();
    assert!(reason.contains("is no hostler-agent: 404"), "{told:#}");
    let nowhere = directory.path().join("missing.pem");
    let missing = ConfiguredAgent { ca_file: Some(nowhere), ..trusted };
    fixture.ask_agents(&[missing]).await;
    until_state(&fixture, "misconfigured").await;
    fixture.ask_agents(&[]).await;
    assert_eq!(self::told(&fixture).await, Value::Null);
}

#[tokio::test]
async fn a36_an_agent_is_shown_its_token_and_nobody_else_is() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::measuring(metrics()).await;
    let fake = Fake::start(200, &batch().to_string()).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    std::fs::write(&file, "correct-horse\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let given = ConfiguredAgent { token_file: Some(file.clone()), ..agent(&fake.url) };
    fixture.ask_agents(&[given]).await;
    let told = until_state(&fixture, "misconfigured").await;
    assert!(told["reason"].as_str().unwrap().contains("chmod 600"), "{told:#}");
    assert_eq!(*fake.shown.lock().unwrap(), None, "what others may read is no secret to send");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    until_state(&fixture, "ok").await;
    let shown = fake.shown.lock().unwrap().clone().unwrap();
    assert!(shown.ends_with(": Bearer correct-horse"), "{shown}");
    let list = fixture.local().get("/api/v1/agents").await.text();
    assert!(!list.contains("correct-horse"), "{list}");
}
