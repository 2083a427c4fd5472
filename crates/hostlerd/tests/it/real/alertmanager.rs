//! A real Alertmanager is told by the real server, as it is configured: what fires, that
//! it still does, and that it is over.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hostler_lab::prometheus::alertmanager;
use hostlerd::config::ConfiguredAlerting;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::fixture::Fixture;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running Alertmanager; killed when dropped.
struct Alertmanager {
    child: Child,
    port: u16,
    home: tempfile::TempDir,
}

impl Alertmanager {
    async fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let config = home.path().join("alertmanager.yml");
        fs::write(&config, "{ route: { receiver: nobody }, receivers: [{ name: nobody }] }")
            .unwrap();
        let output = File::create(home.path().join("log")).unwrap();
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .args(alertmanager())
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", home.path().join("data").display()))
            .args(["--web.listen-address=127.0.0.1:0", "--cluster.listen-address="])
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        let mut manager = Self { child, port: 0, home };
        manager.port = until("it says its port", async || {
            let log = fs::read_to_string(manager.home.path().join("log")).unwrap();
            let line = log.lines().find(|line| line.contains("msg=\"Listening on\""))?;
            let address = line.split("address=").nth(1)?.split_whitespace().next()?;
            address.rsplit(':').next()?.parse().ok()
        })
        .await;
        manager
    }

    /// The alerts that it believes to fire; `None` where it does not answer yet.
    async fn alerts(&self) -> Option<Vec<Value>> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.ok()?;
        let request = "GET /api/v2/alerts?active=true HTTP/1.0\r\n\r\n";
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        let (_, body) = answer.split_once("\r\n\r\n")?;
        serde_json::from_str::<Value>(body).ok()?.as_array().cloned()
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks again and again, until it is so.
async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn d22_alertmanager_hears_what_fires_that_it_still_does_and_that_it_is_over() {
    let manager = Alertmanager::start().await;
    let fixture = Fixture::remembering().await;
    let directory = tempfile::tempdir().unwrap();
    let rules = directory.path().join("rules.yaml");
    // One alert that fires, since nothing is as certain as one.
    let rule = "groups: [{ name: certain, interval: 1h, rules: [{ alert: Certain, \
                expr: vector(1), labels: { severity: warning, vm: 'a \"b\" <c>' }, \
                annotations: { summary: 'it is {{ $value }}' } }] }]\n";
    fs::write(&rules, rule).unwrap();
    let text = format!(
        "shipped_rules = false\nrule_files = ['{}']\n\
         route = {{ group_wait = '0s', group_interval = '1s' }}\n\
         [[receiver]]\nname = 'am'\nalertmanager = {{ urls = ['http://127.0.0.1:{}'], \
         refresh_seconds = 5 }}\n",
        rules.display(),
        manager.port
    );
    let configured: ConfiguredAlerting = toml::from_str(&text).unwrap();
    let engine = &fixture.server.app().engine;
    let take_over = async || {
        let config = hostlerd::alerting::load(&configured, None).unwrap();
        engine.alerts().configure(config).await.unwrap();
        engine.alerts().evaluate_now().await;
    };
    take_over().await;
    let only = until("it is told", async || {
        let alerts = manager.alerts().await?;
        (alerts.len() == 1).then(|| alerts[0].clone())
    })
    .await;
    assert_eq!(only["labels"]["alertname"], "Certain");
    assert_eq!(only["labels"]["vm"], "a \"b\" <c>");
    assert_eq!(only["annotations"]["summary"], "it is 1");
    let list = fixture.local().get("/api/v1/alert-receivers").await.json();
    assert_eq!(list["items"][0]["kind"], "alertmanager", "{list}");

    // Nothing new happens, and still it hears of it again.
    until("it is told again", async || {
        let alerts = manager.alerts().await?;
        let [alert] = &*alerts else { panic!("it is the same one: {alerts:?}") };
        (alert["updatedAt"] != only["updatedAt"]).then_some(())
    })
    .await;

    // The rule is taken away: the alert is over, and it is not kept to its end.
    fs::write(&rules, "groups: []\n").unwrap();
    fixture.clock.advance(Duration::from_secs(2));
    take_over().await;
    until("that it is over is delivered", async || {
        let list = fixture.local().get("/api/v1/alert-receivers").await.json();
        (list["items"][0]["delivered"] == 2).then_some(())
    })
    .await;
    until("it believes that it is over", async || manager.alerts().await?.is_empty().then_some(()))
        .await;
}
