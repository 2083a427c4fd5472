//! A real Prometheus of a test's own, that scrapes what it is told to.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use hostler_lab::prometheus::need;
use hostler_lab::time_series::{Kind, Store};
use serde_json::Value;

/// A running Prometheus; killed when dropped.
pub(super) struct Prometheus {
    store: Store,
    _home: tempfile::TempDir,
}

impl Prometheus {
    /// Starts one with this configuration.
    pub(super) fn start(config: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("prometheus.yml"), config).unwrap();
        let store = Store::start(Kind::Prometheus, home.path(), &["--log.level=debug"]);
        Self { store, _home: home }
    }

    /// What it wrote about itself.
    pub(super) fn log(&self) -> String {
        self.store.log()
    }

    /// The body of an answer, or what was wrong.
    pub(super) fn get(&self, path: &str) -> Result<String, String> {
        match self.store.ask("GET", path).map_err(|error| error.to_string())? {
            (200, body) => Ok(body),
            (status, body) => Err(format!("{status}: {body}")),
        }
    }

    /// The series that a query gives: `instant` now, else over the last minutes.
    pub(super) fn ask(&self, query: &str, is_range: bool) -> Result<Vec<Value>, String> {
        let query: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let path = if is_range {
            let now = self.ask_now()?;
            format!("query_range?query={query}&start={}&end={now}&step=5", now - 300.0)
        } else {
            format!("query?query={query}")
        };
        let answer = self.get(&format!("/api/v1/{path}"))?;
        let answer: Value = serde_json::from_str(&answer).map_err(|it| it.to_string())?;
        Ok(answer["data"]["result"].as_array().cloned().unwrap_or_default())
    }

    /// The time of the Prometheus, in seconds.
    fn ask_now(&self) -> Result<f64, String> {
        let answer = self.get("/api/v1/query?query=time()")?;
        let answer: Value = serde_json::from_str(&answer).map_err(|it| it.to_string())?;
        answer["data"]["result"][0].as_f64().ok_or_else(|| answer.to_string())
    }

    /// The one number that a query gives.
    pub(super) fn number(&self, query: &str) -> Option<f64> {
        let series = self.ask(query, false).unwrap();
        assert!(series.len() <= 1, "{query}: {series:?}");
        series.first()?["value"][1].as_str()?.parse().ok()
    }
}

/// What promtool says of a page; it knows the classic text alone.
pub(super) fn judged(page: &str) -> String {
    let mut promtool = Command::new(need("promtool"))
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    format!(
        "{}{}",
        if output.status.success() { "" } else { "failed: " },
        String::from_utf8_lossy(&said)
    )
}
