//! The program itself: its words, its signals.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use crate::world::until;

/// A running agent on a port of its own.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    log: Lines<BufReader<ChildStderr>>,
}

fn command(config: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hostler-agent"));
    command.env_clear().arg("--config").arg(config).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

impl Running {
    pub(crate) async fn start(config: &Path) -> Self {
        let mut child = command(config).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        loop {
            let line = log.next_line().await.unwrap().expect("it says where it serves");
            if let Some(address) = line.split("addresses=").nth(1) {
                let address = address.trim_matches('"').parse().unwrap();
                return Self { child, address, log };
            }
        }
    }

    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let sent = std::process::Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(sent.success());
    }

    /// What it logs until a line contains this.
    pub(crate) async fn logged(&mut self, wanted: &str) -> String {
        loop {
            let line = self.log.next_line().await.unwrap().expect("it goes on logging");
            if line.contains(wanted) {
                return line;
            }
        }
    }
}

const CONFIG: &str = "listen = [\"127.0.0.1:0\"]\nhost = \"here\"\nlog = \"json\"\n\
                      docker = \"off\"\npodman = \"off\"\n";

#[tokio::test]
async fn d8_d10_it_starts_without_libvirt_warns_once_reloads_and_ends_in_order() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let nowhere = "libvirt = \"qemu+unix:///system?socket=/nonexistent/sock\"\n";
    let text = CONFIG.replace("json", "text");
    std::fs::write(file.path(), format!("{text}{nowhere}")).unwrap();
    let mut agent = Running::start(file.path()).await;
    let warned = agent.logged("Failed to connect to libvirt").await;
    assert!(warned.contains("WARN") && warned.contains("/nonexistent/sock"), "{warned}");
    let address = agent.address;
    until(address, "/metrics", |reply| reply.text().contains("hostler_host_load{host=\"here\""))
        .await;

    let faster = "[interval_seconds]\nnode = 2\n";
    std::fs::write(file.path(), format!("{text}{nowhere}{faster}")).unwrap();
    agent.signal("-HUP");
    let wanted = "interval_seconds{provider=\"node\",cost=\"stats\"} 2\n";
    until(address, "/metrics", |reply| reply.text().contains(wanted)).await;
    // What makes no sense changes nothing.
    std::fs::write(file.path(), format!("{text}{nowhere}[interval_seconds]\nnode = 0\n")).unwrap();
    agent.signal("-HUP");
    agent.logged("everything stays as it was").await;
    until(address, "/metrics", |reply| reply.text().contains(wanted)).await;

    agent.signal("-TERM");
    assert!(agent.child.wait().await.unwrap().success());
}

#[tokio::test]
async fn x20_a_wrong_key_ends_it_with_line_and_hint() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "\nlisten_at = []\nhost = \"a\"\n").unwrap();
    let output = command(file.path()).arg("--check").output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(":2: unknown key `listen_at`; did you mean `listen`?"), "{said}");
    std::fs::write(file.path(), CONFIG).unwrap();
    let output = command(file.path()).arg("--check").output().await.unwrap();
    assert_eq!((output.status.success(), output.stdout.as_slice()), (true, b"ok\n".as_slice()));
}
