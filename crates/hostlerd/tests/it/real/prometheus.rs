//! A real Prometheus of a test's own, that scrapes what it is told to.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hostler_lab::prometheus::need;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// How long it may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running Prometheus; killed when dropped.
pub(super) struct Prometheus {
    child: Child,
    port: u16,
    home: tempfile::TempDir,
}

impl Prometheus {
    /// Starts one with this configuration.
    pub(super) async fn start(config: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("prometheus.yml");
        fs::write(&file, config).unwrap();
        let output = File::create(home.path().join("log")).unwrap();
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(need("prometheus"))
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", home.path().join("tsdb").display()))
            .args(["--web.listen-address=127.0.0.1:0", "--log.level=debug"])
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        let mut prometheus = Self { child, port: 0, home };
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = prometheus.log();
            prometheus.port = port_in(&log).unwrap_or(0);
            if prometheus.port != 0 && prometheus.get("/-/ready").await.is_ok() {
                return prometheus;
            }
            assert!(prometheus.child.try_wait().unwrap().is_none(), "Prometheus ended:\n{log}");
            assert!(Instant::now() < deadline, "Prometheus is not ready:\n{log}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What it wrote about itself.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("log")).unwrap()
    }

    /// The body of an answer, or what was wrong.
    pub(super) async fn get(&self, path: &str) -> Result<String, String> {
        let mut stream =
            TcpStream::connect(("127.0.0.1", self.port)).await.map_err(|it| it.to_string())?;
        // By HTTP 1.0, which ends the answer with the connection.
        let request = format!("GET {path} HTTP/1.0\r\n\r\n");
        stream.write_all(request.as_bytes()).await.map_err(|it| it.to_string())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.map_err(|it| it.to_string())?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        match head.split(' ').nth(1) {
            Some("200") => Ok(body.to_owned()),
            _ => Err(format!("{head}\n{body}")),
        }
    }

    /// The series that a query gives: `instant` now, else over the last minutes.
    pub(super) async fn ask(&self, query: &str, is_range: bool) -> Result<Vec<Value>, String> {
        let query: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let path = if is_range {
            let now = self.ask_now().await?;
            format!("query_range?query={query}&start={}&end={now}&step=5", now - 300.0)
        } else {
            format!("query?query={query}")
        };
        let answer = self.get(&format!("/api/v1/{path}")).await?;
        let answer: Value = serde_json::from_str(&answer).map_err(|it| it.to_string())?;
        Ok(answer["data"]["result"].as_array().cloned().unwrap_or_default())
    }

    /// The time of the Prometheus, in seconds.
    async fn ask_now(&self) -> Result<f64, String> {
        let answer = self.get("/api/v1/query?query=time()").await?;
        let answer: Value = serde_json::from_str(&answer).map_err(|it| it.to_string())?;
        answer["data"]["result"][0].as_f64().ok_or_else(|| answer.to_string())
    }

    /// The one number that a query gives.
    pub(super) async fn number(&self, query: &str) -> Option<f64> {
        let series = self.ask(query, false).await.unwrap();
        assert!(series.len() <= 1, "{query}: {series:?}");
        series.first()?["value"][1].as_str()?.parse().ok()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The port it chose, once it says so. One that is chosen here may be somebody else's by then.
fn port_in(log: &str) -> Option<u16> {
    let line = log.lines().find(|line| line.contains("msg=\"Listening on\""))?;
    let address = line.split("address=").nth(1)?.split_whitespace().next()?;
    address.rsplit(':').next()?.parse().ok()
}
