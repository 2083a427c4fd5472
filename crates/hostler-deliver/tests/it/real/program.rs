//! A program that runs beside a test and says on which port.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hostler_lab::poll_until;
use tempfile::TempDir;

/// How long it may take to start on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// A running program; killed when dropped, or when the test dies.
pub(super) struct Program {
    child: Child,
    log: PathBuf,
    pub(super) home: TempDir,
}

impl Program {
    /// Starts it.
    pub(super) fn start(command: &mut Command, home: TempDir) -> Self {
        let log = home.path().join("log");
        let output = File::create(&log).unwrap();
        let mut guarded = Command::new("setpriv");
        guarded.args(["--pdeathsig", "KILL", "--"]).arg(command.get_program());
        guarded.args(command.get_args());
        for (key, value) in command.get_envs() {
            guarded.env(key, value.unwrap());
        }
        let child = guarded
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        Self { child, log, home }
    }

    /// What it says that this finds, once it says it.
    pub(super) fn says<T>(&mut self, find: impl Fn(&str) -> Option<T>) -> T {
        let found = poll_until(PATIENCE, || {
            let said = fs::read_to_string(&self.log).unwrap();
            match (find(&said), self.child.try_wait().unwrap()) {
                (Some(found), _) => Ok(Ok(found)),
                (None, Some(_)) => Ok(Err(format!("it ended:\n{said}"))),
                (None, None) => Err(format!("it does not say it:\n{said}")),
            }
        });
        found.and_then(|found| found).unwrap_or_else(|why| panic!("{why}"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
