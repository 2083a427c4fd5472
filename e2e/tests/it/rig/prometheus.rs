//! A real Prometheus, from Debian's package: unpacked into `build/`, not installed, since the
//! installed one would begin to serve on this machine.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::Exchange;

/// The unpacked package.
#[derive(Debug)]
pub(crate) struct Prometheus(PathBuf);

impl Prometheus {
    /// Downloads and unpacks it, or finds what an earlier run unpacked.
    pub(crate) fn unpack() -> Self {
        Self(hostler_lab::prometheus::fetch(&mut |_| ()).unwrap())
    }

    /// A command for one of its programs.
    pub(crate) fn command(&self, name: &str) -> Command {
        Command::new(self.0.join("usr/bin").join(name))
    }

    /// Runs the server with this configuration, its data in `home`.
    pub(crate) fn run(&self, home: &Path, config: &str) -> Scraper {
        let file = home.join("prometheus.yml");
        fs::write(&file, config).unwrap();
        let log = home.join("prometheus.log");
        let output = File::create(&log).unwrap();
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(self.0.join("usr/bin/prometheus"))
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", home.join("tsdb").display()))
            .arg("--web.listen-address=127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output);
        Scraper { child: command.spawn().unwrap(), log }
    }
}

/// A running Prometheus; killed when dropped.
#[derive(Debug)]
pub(crate) struct Scraper {
    child: Child,
    log: PathBuf,
}

impl Scraper {
    /// What it answers to a query; null while it does not.
    pub(crate) fn query(&self, query: &str) -> Value {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        self.get(&format!("/api/v1/query?query={encoded}"))
    }

    /// What it scrapes, and why that fails.
    pub(crate) fn targets(&self) -> Value {
        self.get("/api/v1/targets")
    }

    fn get(&self, target: &str) -> Value {
        let Some(port) = self.port() else { return Value::Null };
        let asked = Exchange::plain(port).and_then(|it| it.ask("GET", target, &[], b""));
        // While it starts it answers in plain text that it is not ready.
        asked.ok().and_then(|it| serde_json::from_slice(&it.body).ok()).unwrap_or_default()
    }

    /// The port it chose, once it says so.
    fn port(&self) -> Option<u16> {
        port_in(&fs::read_to_string(&self.log).unwrap(), "msg=\"Listening on\"")
    }
}

impl Drop for Scraper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The port at the end of `address=…` in the log's line with these words. A port that is chosen
/// here may be somebody else's by the time it is used.
pub(super) fn port_in(log: &str, words: &str) -> Option<u16> {
    let line = log.lines().find(|line| line.contains(words))?;
    let address = line.split("address=").nth(1)?.split_whitespace().next()?;
    address.rsplit(':').next()?.parse().ok()
}
