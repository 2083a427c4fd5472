//! How the product's programs are called: the only place that knows their command lines.
//!
//! `run`, `demo`, `openapi` and the benches go through here, so that a changed flag is changed once.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hostler_lab::{Error, Result, poll_until, run, run_quietly, terminate};
use serde_json::Value;

use crate::paths;

/// Where the server listens unless that port is taken.
const PORT: u16 = 7443;
/// How many ports after it are tried.
const PORTS_TRIED: u16 = 20;
/// From start to `/readyz`: migrations and a first inventory, on a busy machine.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// The server's own limit for ending is 30 s; then it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(35);

/// How programs are compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quick to compile.
    Development,
    /// As users run them.
    Release,
}

/// How many VMs a demo has unless it is asked for more.
pub(crate) const DEMO_VMS: usize = 120;

/// The built programs.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    hostlerd: PathBuf,
    hostler: PathBuf,
}

impl Programs {
    /// Compiles the server and the command line, in the development profile: it is ready soonest.
    pub(crate) fn build() -> Result<Programs> {
        Programs::build_as(Profile::Development)
    }

    /// Compiles them in that profile.
    pub(crate) fn build_as(profile: Profile) -> Result<Programs> {
        // The agent too: stories are told of it, and it is built in little more time.
        let directory = built(&["-p", "hostler-agent"], profile)?;
        Ok(Programs { hostlerd: directory.join("hostlerd"), hostler: directory.join("hostler") })
    }

    /// Compiles an example program of a crate; where it is.
    pub(crate) fn example(package: &str, name: &str, profile: Profile) -> Result<PathBuf> {
        let directory = built(&["-p", package, "--example", name], profile)?;
        Ok(directory.join("examples").join(name))
    }

    /// Compiles the agent; where it is.
    pub(crate) fn agent(profile: Profile) -> Result<PathBuf> {
        Ok(built(&["-p", "hostler-agent"], profile)?.join("hostler-agent"))
    }

    /// The command line's program, for showing to the user.
    pub(crate) fn hostler(&self) -> &Path {
        &self.hostler
    }

    /// `hostlerd demo` with `arguments`, for the caller to run.
    pub(crate) fn demo(&self, arguments: &[String]) -> Command {
        let mut command = Command::new(&self.hostlerd);
        command.arg("demo").args(arguments);
        command
    }

    /// A demo with so many VMs that runs until it is dropped, on a port of its own.
    pub(crate) fn running_demo(&self, vms: usize) -> Result<Demo> {
        self.running_demo_with(&[format!("--vms={vms}")])
    }

    /// The same with any further `arguments`.
    pub(crate) fn running_demo_with(&self, arguments: &[String]) -> Result<Demo> {
        let port = free_port()?;
        let mut command = self.demo(&["--listen".to_owned(), format!("127.0.0.1:{port}")]);
        command.args(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::null()).stdin(Stdio::null());
        let mut process = command.spawn()?;
        let output = process.stdout.take();
        let mut demo = Demo { process, port, login: String::new() };
        let lines = output.map(|output| BufReader::new(output).lines()).into_iter().flatten();
        // The link is among the first lines, or the server ends and so do its lines.
        for line in lines.map_while(std::io::Result::ok) {
            if let Some(link) = line.split_whitespace().find(|word| word.contains("/login#")) {
                demo.login = link.to_owned();
                return Ok(demo);
            }
        }
        Err(Error::new("`hostlerd demo` printed no login link"))
    }

    /// The OpenAPI document of the server as compiled.
    pub(crate) fn openapi(&self) -> Result<String> {
        let output = run_quietly(Command::new(&self.hostlerd).arg("openapi"))?;
        String::from_utf8(output.stdout).map_err(|_| Error::new("the document is not UTF-8"))
    }
}

/// Compiles the programs, or what `words` select beside them; the folder they are in.
fn built(words: &[&str], profile: Profile) -> Result<PathBuf> {
    let mut command = paths::cargo();
    // Always both: another selection would give shared dependencies other features and compile
    // them again.
    command.args(["build", "-p", "hostlerd", "-p", "hostler"]).args(words);
    let below = match profile {
        Profile::Development => {
            // With what the tests' builds have on as well: they share every library then.
            command.args(["--features", "hostler-provider/conformance,hostler-client/testing"]);
            "debug"
        }
        Profile::Release => {
            command.arg("--release");
            "release"
        }
    };
    run(&mut command)?;
    let target = std::env::var_os("CARGO_TARGET_DIR");
    Ok(target.map_or_else(|| paths::root().join("target"), PathBuf::from).join(below))
}

/// A running demo; ended when dropped.
pub(crate) struct Demo {
    process: Child,
    port: u16,
    login: String,
}

impl Demo {
    /// The link that logs in once.
    pub(crate) fn login(&self) -> &str {
        &self.login
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        // The name that the login link has, too: a session is of one name only.
        format!("https://localhost:{}/", self.port)
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = terminate(self.process.id());
        let _ = self.process.wait();
    }
}

/// A running server with its state directory; stopped when dropped.
pub(crate) struct Server {
    programs: Programs,
    data: PathBuf,
    process: Child,
    port: u16,
}

impl Server {
    /// Starts a server on SQLite in `data`, connected to the provider `local` at `uri` if there is
    /// one, and waits until it is ready. Its own messages go to `data/hostlerd.log`.
    pub(crate) fn start(programs: Programs, data: &Path, uri: Option<&str>) -> Result<Server> {
        fs::create_dir_all(data)?;
        let socket = data.join("hostlerd.sock");
        if UnixStream::connect(&socket).is_ok() {
            return Err(Error::new(format!(
                "a server runs in {} already: use it, or stop it with Ctrl-C where it was started",
                data.display()
            )));
        }
        let port = free_port()?;
        let log_path = data.join("hostlerd.log");
        let log = fs::File::create(&log_path)?;
        let mut command = Command::new(&programs.hostlerd);
        command
            .arg("--data-dir")
            .arg(data)
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .arg("--socket")
            .arg(&socket)
            .args(uri.into_iter().flat_map(|uri| ["--provider".to_owned(), format!("local={uri}")]))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C is for us: we end it in order, and say what becomes of the guests.
            .process_group(0);
        let process = command.spawn()?;
        let mut server = Server { programs, data: data.to_owned(), process, port };
        let ready = poll_until(READY_LIMIT, || match server.process.try_wait() {
            Ok(Some(status)) => Ok(Err(Error::new(format!("hostlerd ended at once ({status})")))),
            _ => server.get("/readyz").map(Ok),
        });
        ready.and_then(|inner| inner).map_err(|error| {
            let said = fs::read_to_string(&log_path).unwrap_or_default();
            let last: Vec<&str> = said.lines().rev().take(15).collect();
            let last: Vec<&str> = last.into_iter().rev().collect();
            error.context(format!("hostlerd is not ready; it said\n{}\n", last.join("\n")))
        })?;
        Ok(server)
    }

    /// Its address for a browser.
    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}/", self.port)
    }

    /// The socket for users of this machine.
    pub(crate) fn socket(&self) -> PathBuf {
        self.data.join("hostlerd.sock")
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The port it listens on, and whether that is the usual one.
    pub(crate) fn port(&self) -> (u16, bool) {
        (self.port, self.port == PORT)
    }

    /// A fresh link that logs an administrator in once.
    pub(crate) fn admin_link(&self) -> Result<String> {
        let mut command = Command::new(&self.programs.hostlerd);
        command.arg("admin-link").arg("--data-dir").arg(&self.data);
        let output = run_quietly(&mut command)?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// How a user calls the command line for this server.
    pub(crate) fn command_line(&self) -> String {
        let socket = self.socket();
        format!("{} --socket {}", self.programs.hostler().display(), socket.display())
    }

    /// A command line that is connected to this server.
    pub(crate) fn hostler(&self) -> Command {
        let mut command = Command::new(&self.programs.hostler);
        command.arg("--socket").arg(self.socket());
        command
    }

    /// Whether the server still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// Makes sure that there is an image `sample`, made from `file`.
    pub(crate) fn ensure_sample_image(&self, file: &Path) -> Result<()> {
        if self.shows(&["image", "show", "sample"])?.is_none() {
            run_quietly(self.hostler().args(["image", "import", "--name", "sample"]).arg(file))?;
        }
        Ok(())
    }

    /// Makes sure that there is a running VM `name` from the image `sample`.
    ///
    /// Emulated, and small: it has to start on every machine, with KVM or without.
    pub(crate) fn ensure_sample_vm(&self, name: &str) -> Result<()> {
        let Some(vm) = self.shows(&["vm", "show", name])? else {
            let words = ["vm", "create", name, "--image", "sample", "--memory", "192M"];
            let devices = ["--accelerator", "tcg", "--network", "default", "--graphics", "vnc"];
            return run_quietly(self.hostler().args(words).args(devices)).map(drop);
        };
        // It may have outlived an earlier run, in whatever state somebody left it.
        let verb = match vm.pointer("/status/state").and_then(Value::as_str) {
            Some("running") => return Ok(()),
            Some("paused") => "resume",
            _ => "start",
        };
        run_quietly(self.hostler().args(["vm", verb, name])).map(drop)
    }

    /// Opens the serial console of `name` until it shows `text`; gives what it showed.
    pub(crate) fn console_until(&self, name: &str, text: &str, limit: Duration) -> Result<String> {
        let mut command = self.hostler();
        command.args(["console", name]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut console = command.stderr(Stdio::null()).spawn()?;
        let shown = read_console(&mut console, text, limit);
        let _ = console.kill();
        let _ = console.wait();
        shown
    }

    /// What `hostler … -o json` prints, or none where it says that there is no such thing (4).
    fn shows(&self, words: &[&str]) -> Result<Option<Value>> {
        let output = self.hostler().args(words).args(["-o", "json"]).output()?;
        match output.status.code() {
            Some(0) => serde_json::from_slice(&output.stdout)
                .map(Some)
                .map_err(|error| Error::new(format!("`hostler {}`: {error}", words.join(" ")))),
            Some(4) => Ok(None),
            _ => Err(Error::new(String::from_utf8_lossy(&output.stderr).trim().to_owned())
                .context(format!("`hostler {}`", words.join(" ")))),
        }
    }

    /// Asks the server over its own socket; anything but 200 is an error.
    fn get(&self, path: &str) -> Result<()> {
        let mut stream = UnixStream::connect(self.socket())?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.take(64 << 10).read_to_end(&mut answer)?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        match answer.starts_with("HTTP/1.1 200 ") {
            true => Ok(()),
            false => Err(Error::new(format!("{path}: {}", answer.lines().next().unwrap_or("?")))),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.is_running() {
            let _ = terminate(self.process.id());
        }
        let ended = poll_until(STOP_LIMIT, || match self.process.try_wait() {
            Ok(None) => Err(()),
            _ => Ok(()),
        });
        if ended.is_err() {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}

/// Reads the console on a thread of its own, so that one which says nothing does not hold us.
fn read_console(console: &mut Child, text: &str, limit: Duration) -> Result<String> {
    let mut output =
        console.stdout.take().ok_or_else(|| Error::new("the console has no output"))?;
    let mut input = console.stdin.take().ok_or_else(|| Error::new("the console has no input"))?;
    let (sender, receiver) = std::sync::mpsc::sync_channel::<Vec<u8>>(64);
    let reader = std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count) = output.read(&mut buffer) {
            let part = buffer.get(..count).unwrap_or_default().to_vec();
            if count == 0 || sender.send(part).is_err() {
                break;
            }
        }
    });
    // The greeting of a guest that booted earlier has gone by: end its session, the next one greets.
    input.write_all(b"\x04")?;
    let mut shown = Vec::new();
    let found = poll_until(limit, || {
        shown.extend(receiver.try_iter().flatten());
        let so_far = String::from_utf8_lossy(&shown).into_owned();
        let ended = reader.is_finished();
        match so_far.split_once(text) {
            // The whole line, and what stands below it.
            Some((_, after)) if after.contains('\n') => Ok(Ok(so_far)),
            _ if ended => Ok(Err(Error::new("the console closed"))),
            _ => Err(Error::new(format!("the console did not show {text:?} but {so_far:?}"))),
        }
    });
    found?
}

/// A port that nobody listens on, the server's usual one if that is free.
///
/// # Errors
/// When many from that one on are taken.
pub(crate) fn free_port() -> Result<u16> {
    (PORT..PORT + PORTS_TRIED)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .ok_or_else(|| Error::new(format!("no port from {PORT} on is free")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    /// A program that stands where the console's client would.
    fn console(script: &str) -> Child {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.spawn().unwrap()
    }

    #[test]
    fn the_console_is_read_until_the_line_after_the_greeting_has_begun() {
        let mut child = console("printf 'boot\\nhello\\nsample, up\\n'; exec sleep 600");
        let shown = read_console(&mut child, "hello", LIMIT).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(shown.starts_with("boot\nhello\n"), "{shown}");
    }

    #[test]
    fn a_console_that_closes_is_an_error_and_not_waited_for() {
        let mut child = console("head -c 1 > /dev/null; echo bye");
        let error = read_console(&mut child, "hello", LIMIT).unwrap_err().to_string();
        child.wait().unwrap();
        assert_eq!(error, "the console closed");
    }

    #[test]
    fn a_late_reader_ends_the_session_to_be_greeted() {
        let mut child = console("head -c 1 | od -An -tx1; echo hello; echo more; exec sleep 600");
        let shown = read_console(&mut child, "hello", LIMIT).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(shown.contains("04"), "Ctrl-D was not sent: {shown}");
    }

    #[test]
    fn a_port_that_is_taken_is_passed_over() {
        let free = free_port().unwrap();
        let _taken = TcpListener::bind(("127.0.0.1", free)).unwrap();
        assert_ne!(free_port().unwrap(), free);
    }
}
