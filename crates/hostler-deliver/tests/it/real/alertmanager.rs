//! Alertmanager takes alerts, keeps them, and hears that they are over.

use std::fs;
use std::process::Command;
use std::sync::Arc;

use hostler_core::alert::notice::{Notice, NoticeAlert, Status};
use hostler_core::clock::SystemClock;
use hostler_core::{Clock, Timestamp};
use hostler_deliver::Receiver;
use hostler_http::{Client, Options, Request};
use hostler_lab::prometheus::alertmanager;
use serde_json::Value;

use super::program::{PATIENCE, Program};
use crate::notices::{HOSTILE, alert, notice, set};
use crate::scripted::Scripted;

/// One that sends on at once what it hears, to this webhook.
struct Manager {
    _program: Program,
    port: u16,
}

impl Manager {
    fn start(webhook: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let config = home.path().join("alertmanager.yml");
        let text = format!(
            "route: {{ receiver: hook, group_by: ['...'], group_wait: 0s, group_interval: 1s }}\n\
             receivers: [{{ name: hook, webhook_configs: [{{ url: '{webhook}' }}] }}]\n"
        );
        fs::write(&config, text).unwrap();
        let words = alertmanager();
        let (program, rest) = words.split_first().unwrap();
        let mut command = Command::new(program);
        command
            .args(rest)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", home.path().join("data").display()))
            .args(["--web.listen-address=127.0.0.1:0", "--cluster.listen-address="]);
        let mut program = Program::start(&mut command, home);
        let port = program.says(|log| {
            let line = log.lines().find(|line| line.contains("msg=\"Listening on\""))?;
            let address = line.split("address=").nth(1)?.split_whitespace().next()?;
            address.rsplit(':').next()?.parse().ok()
        });
        Self { _program: program, port }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Our way to it, with the real clock.
    fn receiver(&self) -> Receiver {
        let toml =
            format!("alertmanager = {{ urls = ['{}/'], refresh_seconds = 600 }}", self.url());
        Receiver::new(&toml::from_str(&toml).unwrap()).unwrap().with_clock(Arc::new(SystemClock))
    }

    /// The alerts that it believes to fire.
    async fn alerts(&self) -> Vec<Value> {
        let client = Client::new(Options::default()).unwrap();
        let target = format!("{}/api/v2/alerts?active=true", self.url()).parse().unwrap();
        let answer = client.send(Request::get(target)).await.unwrap();
        let alerts: Value = serde_json::from_slice(&answer.body).unwrap();
        alerts.as_array().unwrap().clone()
    }
}

/// Looks again and again, until it is so.
async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let waiting = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{what}"))
}

fn since(now: Timestamp, mut one: NoticeAlert) -> NoticeAlert {
    one.starts_at = now.minus(std::time::Duration::from_secs(60));
    one
}

#[tokio::test]
async fn d22_alertmanager_takes_an_alert_and_hears_that_it_is_over() {
    let hook = Scripted::new(&["200 OK"; 20], "").await;
    let manager = Manager::start(&hook.url("/in"));
    let receiver = manager.receiver();
    let now = SystemClock.now();
    let web = since(now, alert(HOSTILE, Status::Firing));
    let db = since(now, alert("db", Status::Firing));
    receiver.deliver(&notice(vec![web.clone(), db.clone()])).await.unwrap();
    let taken = until("it takes both", async || {
        let alerts = manager.alerts().await;
        (alerts.len() == 2).then_some(alerts)
    })
    .await;
    let names: Vec<&str> = taken.iter().map(|it| it["labels"]["vm"].as_str().unwrap()).collect();
    assert!(names.contains(&HOSTILE) && names.contains(&"db"), "{names:?}");

    // What is told again is the same alert, and not another one.
    receiver.refresh(&[web.clone(), db.clone()]).await.unwrap();
    assert_eq!(manager.alerts().await.len(), 2);

    // One is over.
    let over = NoticeAlert { status: Status::Resolved, ends_at: Some(now), ..web.clone() };
    receiver.deliver(&notice(vec![over])).await.unwrap();
    let left = until("one is over", async || {
        let alerts = manager.alerts().await;
        (alerts.len() == 1).then_some(alerts)
    })
    .await;
    assert_eq!(left[0]["labels"]["vm"], "db");

    // It told its own webhook so; and names the alert by the same fingerprint and fields as
    // our webhook does.
    let theirs = until("it tells that it is over", async || {
        let sent = hook.sent();
        sent.iter().map(|it| it.json()).find(|body| body["status"] == "resolved")
    })
    .await;
    let ours = ours(&web).await;
    assert_eq!(theirs["alerts"][0]["fingerprint"], ours["alerts"][0]["fingerprint"]);
    let keys = |value: &Value| -> Vec<String> {
        let mut keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    assert_eq!(keys(&theirs), keys(&ours));
    assert_eq!(keys(&theirs["alerts"][0]), keys(&ours["alerts"][0]));
}

/// What our webhook says of an alert.
async fn ours(alert: &NoticeAlert) -> Value {
    let hook = Scripted::new(&["200 OK"], "").await;
    let receiver = crate::notices::receiver(&format!("webhook = {{ url = '{}' }}", hook.url("/")));
    receiver.deliver(&notice(vec![alert.clone()])).await.unwrap();
    hook.sent()[0].json()
}

#[tokio::test]
async fn what_alertmanager_refuses_is_given_up() {
    let hook = Scripted::new(&[], "").await;
    let manager = Manager::start(&hook.url("/in"));
    let mut bad = alert("web", Status::Firing);
    bad.labels = set(&[("not a name", "x")]);
    let notice = Notice { alerts: vec![bad], ..notice(Vec::new()) };
    let failure = manager.receiver().deliver(&notice).await.unwrap_err();
    assert!(!failure.is_retryable && failure.told.contains("answered 400"), "{failure}");
}
