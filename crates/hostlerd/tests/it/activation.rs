//! The program under systemd: sockets that were opened for it, and what it says.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use crate::client::{Client, connect, tls};
use crate::process::{PATIENCE, Process, hostlerd, text, until};

/// Sockets for the program's file descriptors 3 and 4.
struct Sockets {
    first: OwnedFd,
    second: OwnedFd,
    names: &'static str,
}

impl Sockets {
    /// The program with these, as systemd would start it; a shell moves them there,
    /// since what runs between fork and exec would have to be `unsafe`.
    fn command(self, data: &Path, listen: &str) -> Command {
        let plain = hostlerd();
        let mut command = Command::new("/bin/sh");
        let script = "exec 3<&0 4<&1 </dev/null >/dev/null; \
        LISTEN_PID=$$ LISTEN_FDS=2 exec \"$0\" \"$@\"";
        command
            .env_clear()
            .env("HOSTLER_METRICS_LISTEN", "off")
            .env("LISTEN_FDNAMES", self.names)
            .args(["-c", script])
            .arg(plain.get_program())
            .arg("--data-dir")
            .arg(data)
            .args(["--listen", listen])
            // Is not made: what was passed stands in its place.
            .args(["--socket", "/nonexistent/hostlerd.sock"])
            .stdin(Stdio::from(self.first))
            .stdout(Stdio::from(self.second))
            .stderr(Stdio::null());
        command
    }
}

/// An address that is nobody's (TEST-NET-1): binding it fails.
const NOWHERE: &str = "192.0.2.1:7443";

/// Waits until the server answers on a socket that was open before it was there.
async fn answers(client: &Client, path: &str) -> u16 {
    tokio::time::timeout(PATIENCE, client.get(path)).await.expect("it answers").status
}

#[tokio::test]
async fn it_serves_on_the_sockets_it_was_given_and_leaves_them_to_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let (data, path) = (directory.path().join("data"), directory.path().join("s"));
    let local = UnixListener::bind(&path).unwrap();
    let public = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = public.local_addr().unwrap();
    let start = || {
        let (first, second) = (local.try_clone().unwrap(), public.try_clone().unwrap());
        let given = Sockets { first: first.into(), second: second.into(), names: "local:https" };
        Process(given.command(&data, NOWHERE).spawn().unwrap())
    };
    let mut process = start();
    let client = Client::unix(&path);
    assert_eq!(answers(&client, "/livez").await, 200);
    let authority = client.get("/ca.pem").await.text();
    let stream = connect(address, &tls(&authority, &[b"http/1.1"])).await;
    assert!(stream.is_ok(), "HTTPS where the socket is: {:?}", stream.err());
    assert_eq!(answers(&Client::tls(address, &authority), "/livez").await, 200);
    process.signal(rustix::process::Signal::TERM);
    assert_eq!(process.ended().await.code(), Some(0));
    assert!(path.exists(), "what it did not make it does not remove");

    // Nobody serves now, and nobody is refused: the next server answers who came meanwhile.
    let waiting = Client::unix(&path);
    let asked = async { answers(&waiting, "/livez").await };
    let (status, _next) = futures_util::future::join(asked, async { start() }).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn a_socket_for_metrics_is_known_by_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let (local, metrics) =
        (UnixListener::bind(&path).unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let address = metrics.local_addr().unwrap();
    let given = Sockets { first: local.into(), second: metrics.into(), names: "local:metrics" };
    let mut command = given.command(directory.path(), "127.0.0.1:0");
    let _process = Process(command.spawn().unwrap());
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer));
    read.await.expect("it answers").unwrap();
    assert!(answer.contains("hostler_build_info"), "{answer}");
}

#[tokio::test]
async fn a_socket_that_nobody_can_listen_on_is_refused_by_its_number() {
    let directory = tempfile::tempdir().unwrap();
    let datagrams = UnixDatagram::unbound().unwrap();
    let public = TcpListener::bind("127.0.0.1:0").unwrap();
    let given = Sockets { first: public.into(), second: datagrams.into(), names: "" };
    let output = given.command(directory.path(), NOWHERE).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert!(told.contains("passed as number 2 cannot be used: it is neither"), "{told}");
}

/// What the program tells systemd.
struct Manager(UnixDatagram);

impl Manager {
    fn listen(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        Self(socket)
    }

    /// Waits for a message with this line; gives all of it.
    async fn hears(&self, line: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut bytes = [0; 4096];
            if let Ok(size) = self.0.recv(&mut bytes) {
                let told = text(&bytes[..size]);
                if told.lines().any(|one| one.starts_with(line)) {
                    return told;
                }
            }
            assert!(Instant::now() < deadline, "it says {line}");
        }
    }
}

#[tokio::test]
async fn systemd_is_told_of_every_turn_and_that_it_lives() {
    let directory = tempfile::tempdir().unwrap();
    let manager = Manager::listen(&directory.path().join("notify"));
    let file = directory.path().join("hostlerd.toml");
    std::fs::write(&file, "log_filter = \"info\"\n").unwrap();
    let log = directory.path().join("log");
    let child = hostlerd()
        .env("HOSTLER_METRICS_LISTEN", "off")
        .env("NOTIFY_SOCKET", directory.path().join("notify"))
        .env("WATCHDOG_USEC", "400000")
        .arg("--config")
        .arg(&file)
        .arg("--data-dir")
        .arg(directory.path())
        .args(["--listen", "127.0.0.1:0"])
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let mut process = Process(child);
    manager.hears("STATUS=looking at the providers").await;
    assert!(manager.hears("READY=1").await.contains("STATUS=https://localhost:"));
    manager.hears("WATCHDOG=1").await;
    let logged = |what: &str| std::fs::read_to_string(&log).unwrap().contains(what);

    std::fs::write(&file, "log_filter = \"debug\"\n[limits]\nconsoles = 1\n").unwrap();
    process.signal(rustix::process::Signal::HUP);
    assert!(manager.hears("RELOADING=1").await.contains("MONOTONIC_USEC="));
    manager.hears("READY=1").await;
    assert!(logged("takes effect at the next start") && logged("limits"), "what has to wait");
    assert!(logged("were read again"));
    // What is logged has changed: this request is told only in detail.
    let local = Client::unix(&directory.path().join("hostlerd.sock"));
    assert_eq!(local.get("/api/v1/vms").await.status, 200);
    assert!(logged("/api/v1/vms"));

    std::fs::write(&file, "log_filter = \"error\"\nconsoles = 1\n").unwrap();
    process.signal(rustix::process::Signal::HUP);
    manager.hears("RELOADING=1").await;
    manager.hears("READY=1").await;
    assert!(logged("everything stays as it was") && logged("hostlerd.toml:2"));
    assert_eq!(local.get("/api/v1/hosts").await.status, 200);
    assert!(logged("/api/v1/hosts"), "nothing of a wrong file is taken over");

    let told =
        |count| std::fs::read_to_string(&log).unwrap().matches("a signal set").count() >= count;
    for count in 1..=3 {
        process.signal(rustix::process::Signal::USR1);
        until("it logs by another filter", || told(count)).await;
    }
    let filters = std::fs::read_to_string(&log).unwrap();
    assert!(filters.contains("debug") && filters.contains("trace"), "{filters}");

    process.signal(rustix::process::Signal::TERM);
    manager.hears("STOPPING=1").await;
    assert_eq!(process.ended().await.code(), Some(0));
}
