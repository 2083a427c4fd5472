//! The program sends what it measures: who is away is told, and what waits for them
//! survives the server's death.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use tokio::time::Instant;

use crate::client::Client;
use crate::process::{Process, hostlerd, run, text, until_it_serves};

/// A demo that measures each second and sends that to these.
pub(crate) struct Sender {
    directory: tempfile::TempDir,
    outputs: String,
    process: Option<Process>,
}

impl Sender {
    /// `outputs`: for each its name, and the keys of its table.
    pub(crate) async fn start(outputs: &[(&str, String)]) -> Self {
        let mut text = "[metrics]\ninterval_seconds = 1\n".to_owned();
        for (name, keys) in outputs {
            write!(text, "[[history.outputs]]\nname = \"{name}\"\n{keys}\n").unwrap();
        }
        let directory = tempfile::tempdir().unwrap();
        let mut sender = Self { directory, outputs: text, process: None };
        sender.resume().await;
        sender
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    /// Starts it over what is there.
    pub(crate) async fn resume(&mut self) {
        let config = self.directory.path().join("hostlerd.toml");
        std::fs::write(&config, &self.outputs).unwrap();
        let child = hostlerd()
            .env("HOSTLER_CONFIG", config)
            .args(["demo", "--send", "--listen", "127.0.0.1:0", "--vms", "20", "--data-dir"])
            .arg(self.data_dir())
            .arg("--socket")
            .arg(self.socket())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.process = Some(Process(child));
        until_it_serves(&self.socket()).await;
    }

    /// `kill -9`.
    pub(crate) async fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.signal(Signal::KILL);
        process.ended().await;
        // A demo begins with a fleet of its own, which must not be there yet; what was measured
        // and what waits stays.
        for entry in std::fs::read_dir(self.data_dir()).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true if path.ends_with("history") || path.ends_with("outputs") => {}
                true => std::fs::remove_dir_all(path).unwrap(),
                false => std::fs::remove_file(path).unwrap(),
            }
        }
        std::fs::remove_file(self.socket()).unwrap();
    }

    /// What is told of an output.
    pub(crate) async fn told(&self, name: &str) -> Value {
        let told = Client::unix(&self.socket()).get("/api/v1/outputs").await;
        assert_eq!(told.status, 200, "{}", told.text());
        let told = told.json();
        let items = told["items"].as_array().unwrap();
        items.iter().find(|item| item["name"] == name).unwrap().clone()
    }

    /// Waits until what is told of an output is so.
    pub(crate) async fn until(&self, name: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let told = self.told(name).await;
            if is_so(&told) {
                return told;
            }
            assert!(Instant::now() < deadline, "{told:#}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test]
async fn d22_what_waits_for_somebody_away_is_told_and_survives_kill_9() {
    // Nobody listens on this machine's port 9, of which the system gives none away.
    let keys = "kind = \"remote_write\"\nurl = \"http://127.0.0.1:9/api/secret-path\"";
    let mut sender = Sender::start(&[("far", keys.to_owned())]).await;
    let waits = |told: &Value| {
        told["state"] == "failing" && told["waiting"]["samples"].as_u64().unwrap() > 1000
    };
    let told = sender.until("far", waits).await;
    assert_eq!(
        (&told["kind"], &told["target"]),
        (&"remote_write".into(), &"http://127.0.0.1:9".into())
    );
    let reason = told["reason"].as_str().unwrap();
    assert!(reason.contains("http://127.0.0.1:9 cannot be reached"), "{reason}");
    assert!(!told.to_string().contains("secret-path"));
    assert!(told["waiting"]["oldest_age_seconds"].as_f64().is_some());
    assert!(told["next_try_at"].is_string() && told["failing_since"].is_string());
    assert!(told["sent"] == 0 && told["failed_tries"].as_u64().unwrap() > 0);

    let page = Client::unix(&sender.socket()).get("/metrics").await.text();
    for line in [
        "hostler_output_failing{output=\"far\"} 1",
        "hostler_output_samples_sent_total{output=\"far\"} 0",
        "hostler_output_samples_dropped_total{output=\"far\",reason=\"refused\"} 0",
    ] {
        assert!(page.contains(line), "{line}: {page}");
    }
    for name in ["queue_samples", "queue_bytes", "oldest_age_seconds", "tries_failed_total"] {
        assert!(page.contains(&format!("hostler_output_{name}{{output=\"far\"}} ")), "{name}");
    }

    let before = sender.told("far").await["waiting"].clone();
    sender.kill().await;
    sender.resume().await;
    let after = sender.told("far").await["waiting"].clone();
    assert!(after["samples"].as_u64() >= before["samples"].as_u64(), "{before} {after}");
    assert_eq!(after["oldest_at"], before["oldest_at"]);
}

#[test]
fn an_output_that_cannot_be_is_told_before_the_server_starts() {
    let directory = tempfile::tempdir().unwrap();
    for (keys, told) in [
        ("kind = \"remote_write\"\nurl = \"http://u:hunter2@h/\"", "by a file"),
        ("kind = \"postgres\"\nurl = \"mysql://h/d\"", "postgresql://"),
        ("kind = \"influx1\"\nurl = \"http://h/\"", "needs `database`"),
        ("kind = \"remote_write\"\nurl = \"https://h/\"\nca_file = \"/none\"", "/none"),
        ("kind = \"graphite\"\nurl = \"http://h/\"", "graphite"),
    ] {
        let file = config(directory.path(), keys);
        let output = run(&["config", "--config", &file, "check"]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(told) && !said.contains("hunter2"), "{said}");
    }
    let file = config(directory.path(), "kind = \"remote_write\"\nurl = \"http://h/w\"");
    let shown = run(&["config", "--config", &file, "show"]);
    let shown = text(&shown.stdout);
    assert!(shown.contains("outputs = [") && shown.contains("http://h/w"), "{shown}");
}

fn config(directory: &Path, keys: &str) -> String {
    let file = directory.join("hostlerd.toml");
    std::fs::write(&file, format!("[[history.outputs]]\nname = \"far\"\n{keys}\n")).unwrap();
    file.to_str().unwrap().to_owned()
}
