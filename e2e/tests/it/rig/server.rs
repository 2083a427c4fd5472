//! A running `hostlerd`.
//!
//! ```text
//!  Home ── launch() ─► Launch ── ready() ─► Server ── kill() | stop() | drop ─► gone
//!                                             │  ▲
//!                                     pause() └──┘ resume()
//! ```
//!
//! It is started through `setpriv --pdeathsig`, so that it ends with the test even when the test
//! is killed and nothing is dropped.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use hostler_lab::poll_until;
use rustix::process::{Pid, Signal, kill_process};

use super::http::Exchange;
use super::prometheus::port_in;
use super::{Home, PATIENCE, check, eventually, program};

/// How many lines of the log a failure repeats.
const LOG_LINES: usize = 25;

/// A server that is about to be started.
#[derive(Debug)]
pub(crate) struct Launch<'a> {
    home: &'a Home,
    words: Vec<String>,
    metrics: String,
}

impl<'a> Launch<'a> {
    pub(super) fn new(home: &'a Home) -> Self {
        Self { home, words: Vec::new(), metrics: "off".into() }
    }

    /// Connected to the provider `name` at `uri`.
    pub(crate) fn provider(mut self, name: &str, uri: &str) -> Self {
        self.words.extend(["--provider".into(), format!("{name}={uri}")]);
        self
    }

    /// Told by this file, too.
    pub(crate) fn config(mut self, path: &Path) -> Self {
        self.words.extend(["--config".into(), path.display().to_string()]);
        self
    }

    /// Freezing its operations before or after that journal write; `write` as in `3:before`.
    pub(crate) fn frozen_at(mut self, write: &str) -> Self {
        self.words.extend(["--freeze-at-write".into(), write.to_owned()]);
        self
    }

    /// Serving metrics without credentials on a port of the loopback interface.
    pub(crate) fn metrics(mut self) -> Self {
        self.metrics = "127.0.0.1:0".into();
        self
    }

    /// Starts it and waits until a provider has answered.
    #[track_caller]
    pub(crate) fn ready(self) -> Server {
        self.until("/readyz")
    }

    /// Starts it and waits until it serves, whether or not any provider answers.
    #[track_caller]
    pub(crate) fn alive(self) -> Server {
        self.until("/livez")
    }

    #[track_caller]
    fn until(self, path: &str) -> Server {
        let socket = self.home.socket();
        let mut server = self.start();
        eventually("the server serves", || {
            if let Some(status) = server.child.try_wait().unwrap() {
                panic!("hostlerd ended at once ({status})");
            }
            let answer = Exchange::local(&socket)
                .and_then(|exchange| exchange.ask("GET", path, &[], b""))
                .map_err(|error| error.to_string())?;
            check(answer.status == 200, || answer.text())
        });
        server
    }

    fn start(self) -> Server {
        let log = self.home.path().join("hostlerd.log");
        let file = File::options().create(true).append(true).open(&log).unwrap();
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program("hostlerd"))
            .arg("--data-dir")
            .arg(self.home.data())
            .args(["--listen", "127.0.0.1:0", "--log", "text"])
            .args(&self.words)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOSTLER_METRICS_LISTEN", &self.metrics)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file);
        // Only what is written from here on is this server's.
        let log_from = fs::metadata(&log).unwrap().len();
        Server { child: command.spawn().unwrap(), log, log_from }
    }
}

/// A running server; killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    log: PathBuf,
    log_from: u64,
}

impl Server {
    /// Kills it as a crash would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end and waits until it has.
    #[track_caller]
    pub(crate) fn stop(mut self) {
        hostler_lab::terminate(self.child.id()).unwrap();
        let ended = poll_until(PATIENCE, || self.child.try_wait().unwrap().ok_or(()));
        let status = ended.unwrap_or_else(|()| panic!("SIGTERM did not end the server"));
        assert!(status.success(), "asked to end, the server ended with {status}");
    }

    /// Freezes it: it hears and says nothing, and thinks that no time has passed.
    pub(crate) fn pause(&self) {
        kill_process(Pid::from_child(&self.child), Signal::STOP).unwrap();
    }

    /// Has it read its configuration again.
    pub(crate) fn hang_up(&self) {
        kill_process(Pid::from_child(&self.child), Signal::HUP).unwrap();
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).unwrap();
    }

    /// What it has written to its log.
    pub(crate) fn log(&self) -> String {
        let all = fs::read(&self.log).unwrap();
        let own = all.get(usize::try_from(self.log_from).unwrap()..).unwrap_or_default();
        String::from_utf8_lossy(own).into_owned()
    }

    /// The port of its metrics.
    #[track_caller]
    pub(crate) fn metrics_port(&self) -> u16 {
        eventually("the server says where its metrics are", || {
            let log = self.log();
            port_in(&log, "metrics are served without credentials").ok_or_else(|| tail(&log))
        })
    }

    /// Waits until its operations have come to the write at which they freeze.
    #[track_caller]
    pub(crate) fn until_frozen(&self) {
        eventually("the server freezes", || {
            let log = self.log();
            check(log.contains("frozen, as asked"), || tail(&log))
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the server's log, {}:\n{}", self.log.display(), tail(&self.log()));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines.get(lines.len().saturating_sub(LOG_LINES)..).unwrap_or_default().join("\n")
}
