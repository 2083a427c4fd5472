//! A private libvirtd in session mode, in a directory of its own: it serves the test driver, QEMU
//! and storage without touching the machine's. Run as root, it is started as `nobody`, since a
//! root libvirtd would always be the system's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hostler_libvirt_rpc::{Connection, KeepAlive, Options};
use tempfile::TempDir;
use tokio::time::Instant;

/// How long anything of the outside world may take here.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// `nobody`, on every Linux.
const NOBODY: &str = "65534";

pub(crate) struct Daemon {
    child: Child,
    directory: TempDir,
}

impl Daemon {
    /// Starts a daemon and waits for its socket.
    pub(crate) async fn start() -> Self {
        Self::start_with("", &[]).await
    }

    /// Starts a daemon with further lines of configuration and further arguments. `{dir}` in the
    /// lines stands for its directory.
    pub(crate) async fn start_with(configuration: &str, arguments: &[&str]) -> Self {
        let directory = tempfile::Builder::new().prefix("lvrpc").tempdir().unwrap();
        let path = directory.path().to_owned();
        let text = format!(
            "auth_unix_rw = \"none\"\nlog_outputs = \"3:file:{{dir}}/log\"\n{configuration}"
        );
        fs::write(path.join("conf"), text.replace("{dir}", path.to_str().unwrap())).unwrap();
        for name in ["run", "config/libvirt", "cache", "data", "images"] {
            fs::create_dir_all(path.join(name)).unwrap();
        }
        // Without it libvirtd would start a virtlogd, which nobody would stop.
        fs::write(path.join("config/libvirt/qemu.conf"), "stdio_handler = \"file\"\n").unwrap();
        let mut command = as_nobody(&path, "libvirtd");
        command.args(["--timeout", "60", "-f"]).arg(path.join("conf")).args(arguments);
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("cannot start libvirtd ({error}): `cargo xtask test` installs it")
        });
        let mut daemon = Self { child, directory };
        daemon.wait_for_socket().await;
        daemon
    }

    async fn wait_for_socket(&mut self) {
        let (deadline, socket) = (Instant::now() + PATIENCE, self.socket());
        while tokio::net::UnixStream::connect(&socket).await.is_err() {
            if let Some(status) = self.child.try_wait().unwrap() {
                let log = fs::read_to_string(self.path().join("log")).unwrap_or_default();
                panic!("libvirtd ended with {status} (`cargo xtask test` installs it):\n{log}");
            }
            assert!(Instant::now() < deadline, "libvirtd has no socket");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn runtime_dir(&self) -> PathBuf {
        self.path().join("run")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.runtime_dir().join("libvirt/libvirt-sock")
    }

    /// The URI of a driver at this daemon, such as `test` and `/default`.
    pub(crate) fn uri(&self, driver: &str, path: &str) -> String {
        format!("{driver}+unix://{path}?socket={}", self.socket().display())
    }

    /// Opens a driver.
    pub(crate) async fn open(&self, driver: &str, path: &str, options: Options) -> Connection {
        Connection::open(&self.uri(driver, path).parse().unwrap(), options).await.unwrap()
    }

    /// Opens the test driver's default world, without keepalive.
    pub(crate) async fn open_test(&self) -> Connection {
        self.open("test", "/default", quiet()).await
    }

    /// Stops the daemon's process without ending it.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // QEMU processes outlive their daemon on purpose; a test's must not.
        let guests = fs::read_dir(self.runtime_dir().join("libvirt/qemu/run"));
        for entry in guests.into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "pid") {
                let pid = fs::read_to_string(path).unwrap_or_default();
                let _ = Command::new("kill").args(["-9", pid.trim()]).status();
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command that runs as `nobody` where this runs as root, with all its directories below `path`.
fn as_nobody(path: &Path, program: &str) -> Command {
    let mut command = if is_root() {
        let owner = format!("{NOBODY}:{NOBODY}");
        assert!(Command::new("chown").arg("-R").arg(owner).arg(path).status().unwrap().success());
        let mut command = Command::new("unshare");
        // Consoles are locked by files that bear the number of a terminal alone: one that a
        // daemon of another test left behind must not count for this one.
        let apart = "mkdir -p /run/lock && mount -t tmpfs -o mode=1777 tmpfs /run/lock && \
                     exec \"$@\"";
        command.args(["--mount", "sh", "-c", apart, "sh", "setpriv"]);
        let user = ["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"];
        // Whatever ends the test ends the daemon.
        command.args(user).args(["--pdeathsig", "KILL", program]);
        command
    } else {
        Command::new(program)
    };
    command.env_clear();
    command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    let places = [
        ("RUNTIME_DIR", "run"),
        ("CONFIG_HOME", "config"),
        ("CACHE_HOME", "cache"),
        ("DATA_HOME", "data"),
    ];
    for (name, place) in places {
        command.env(format!("XDG_{name}"), path.join(place));
    }
    command.env("HOME", path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

pub(crate) fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.trim_ascii() == b"0"
}

/// Options without keepalive, so that only what a test does ends a connection.
pub(crate) fn quiet() -> Options {
    Options {
        keepalive: None,
        connect_timeout: PATIENCE,
        call_timeout: PATIENCE,
        ..Options::default()
    }
}

/// Options with a quick keepalive.
pub(crate) fn watchful(interval_ms: u64, max_unanswered: u32) -> Options {
    let interval = Duration::from_millis(interval_ms);
    Options { keepalive: Some(KeepAlive { interval, max_unanswered }), ..quiet() }
}

/// Waits for an outside process to bring about what `is_so` asks for.
pub(crate) async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "never came true: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
