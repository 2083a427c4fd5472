//! A directory that holds all that one story leaves on disk, and the command line used from it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use hostler_client::{Address, Options};
use serde_json::Value;
use tempfile::TempDir;

use super::server::Launch;
use super::{Api, Server, program};

/// When the command line counts as hung. Its own limits are shorter.
const KILL_AFTER: &str = "300";

/// A server's state, the command line's settings, logs. Deleted when dropped.
#[derive(Debug)]
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        // Short: a unix socket's path has at most 107 characters.
        Self(tempfile::Builder::new().prefix("hostler-e2e-").tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Where the server keeps its state.
    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// Where local users reach the server.
    pub(crate) fn socket(&self) -> PathBuf {
        self.data().join("hostlerd.sock")
    }

    /// A server of this home that is about to be started.
    pub(crate) fn launch(&self) -> Launch<'_> {
        Launch::new(self)
    }

    /// Starts a server on these providers (name and URI) and waits until it is ready.
    pub(crate) fn serve(&self, providers: &[(&str, String)]) -> Server {
        let launch = self.launch();
        providers.iter().fold(launch, |launch, (name, uri)| launch.provider(name, uri)).ready()
    }

    /// A client on the server's socket: this machine's administrator.
    pub(crate) fn api(&self) -> Api {
        Api::new(Options::new(Address::Socket(self.socket())))
    }

    /// `hostlerd` with `words`, for this home's state.
    pub(crate) fn hostlerd(&self, words: &[&str]) -> Ended {
        let mut command = self.clean(&program("hostlerd"));
        command.args(words).arg("--data-dir").arg(self.data()).stdin(Stdio::null());
        Ended::new(&command.output().unwrap())
    }

    /// `hostler` with `words`, on the server's socket, with nothing of the tester's environment.
    pub(crate) fn command_line(&self, words: &[&str]) -> Command {
        let mut command = self.clean(Path::new("timeout"));
        command.args(["--signal=KILL", KILL_AFTER]).arg(program("hostler")).args(words);
        command.env("HOSTLER_SOCKET", self.socket()).stdin(Stdio::null());
        command
    }

    /// Runs `hostler`, its streams being pipes.
    pub(crate) fn hostler(&self, words: &[&str]) -> Ended {
        Ended::new(&self.command_line(words).output().unwrap())
    }

    /// The same with `input` on stdin, which then ends.
    pub(crate) fn hostler_with(&self, words: &[&str], input: &[u8]) -> Ended {
        let mut command = self.command_line(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // It may end without reading all of it.
        let _ = child.stdin.take().unwrap().write_all(input);
        Ended::new(&child.wait_with_output().unwrap())
    }

    /// Runs `hostler`, which must succeed; gives its stdout.
    #[track_caller]
    pub(crate) fn done(&self, words: &[&str]) -> String {
        let ended = self.hostler(words);
        assert_eq!(ended.code, 0, "hostler {}: {}", words.join(" "), ended.all());
        ended.out
    }

    /// Runs `hostler … -o json`, which must succeed; gives the document.
    #[track_caller]
    pub(crate) fn json(&self, words: &[&str]) -> Value {
        let ended = self.hostler(&[words, &["-o", "json"]].concat());
        assert_eq!(ended.code, 0, "hostler {}: {}", words.join(" "), ended.all());
        serde_json::from_str(&ended.out).unwrap()
    }

    fn clean(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env_clear().env("PATH", path).env("LANG", "C.UTF-8");
        command.env("XDG_CONFIG_HOME", self.path()).current_dir(self.path());
        command
    }
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    fn new(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Everything about it.
    pub(crate) fn all(&self) -> String {
        format!("{}{}exit {}\n", self.out, self.err, self.code)
    }
}
