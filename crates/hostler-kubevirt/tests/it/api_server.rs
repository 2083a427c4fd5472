//! A real API server with an etcd of its own, where `KUBEBUILDER_ASSETS` names a folder that has
//! both programs: what the stand-in answers is only what somebody recorded, and this one may know
//! better. No controller, no KubeVirt and no node runs beside it: objects are kept, and nothing
//! comes of them.
//!
//! ```text
//!   KUBEBUILDER_ASSETS ─ not set ─► "skipped: …"
//!        │ etcd, kube-apiserver
//!        ▼
//!   etcd ─► answers its port ─► kube-apiserver ─► /readyz ─► definitions ─► nodes, class, KubeVirt
//!     └──────── ends, or is too slow: its name, how it ended, its last words ────────┘
//! ```
//!
//! Ports are free ones, data and keys are in a folder that goes with it, and both are killed when
//! it is dropped.

mod crds;
pub(crate) mod looks;
mod tests;

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hostler_kubevirt::config::{KubeVirtConfig, Source};
use hostler_kubevirt::connect::connect;
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::Instant;

/// Names the folder; the word that other test suites of Kubernetes use.
pub(crate) const ASSETS: &str = "KUBEBUILDER_ASSETS";
/// How long a program may take until it answers, on a busy machine.
const START_WITHIN: Duration = Duration::from_secs(120);
/// How many of its last lines are repeated of a program that failed.
const LAST_LINES: usize = 8;
/// An administrator's; the server is this test's alone.
const TOKEN: &str = "administrator-of-a-throwaway-server";

pub(crate) type Result<T> = std::result::Result<T, String>;

/// The folder with the programs.
#[derive(Debug)]
pub(crate) struct Assets(PathBuf);

impl Assets {
    /// What the variable's value names; nothing where it is not set.
    ///
    /// # Errors
    /// Where it is set, and a program is not there: that is a slip, and no reason to skip.
    fn of(value: Option<OsString>) -> Result<Option<Self>> {
        let Some(folder) = value.map(PathBuf::from) else { return Ok(None) };
        for program in ["etcd", "kube-apiserver"] {
            if !folder.join(program).is_file() {
                let folder = folder.display();
                return Err(format!(
                    "{ASSETS} names {folder}, which has no {program}: `setup-envtest use -p path` \
                     prints a folder that has"
                ));
            }
        }
        Ok(Some(Self(folder)))
    }

    /// The folder that the environment names; without, it is said that the test is skipped.
    pub(crate) fn find() -> Option<Self> {
        let found = Self::of(std::env::var_os(ASSETS)).unwrap();
        if found.is_none() {
            // Past what the test runner swallows of tests that pass.
            let _ = writeln!(std::io::stderr(), "skipped: {ASSETS} is not set");
        }
        found
    }

    fn program(&self, name: &str) -> Command {
        Command::new(self.0.join(name))
    }
}

/// The three ports that are listened on.
#[derive(Debug, Clone, Copy)]
struct Ports {
    etcd: u16,
    peers: u16,
    server: u16,
}

impl Ports {
    /// Free ones: each is held until all are known.
    fn free() -> Self {
        let held = [0; 3].map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap());
        let [etcd, peers, server] = held.map(|one| one.local_addr().unwrap().port());
        Self { etcd, peers, server }
    }
}

/// How etcd is called.
fn etcd_words(folder: &Path, ports: Ports) -> Vec<String> {
    let (here, peers) = (url("http", ports.etcd), url("http", ports.peers));
    vec![
        format!("--data-dir={}", folder.join("etcd").display()),
        format!("--listen-client-urls={here}"),
        format!("--advertise-client-urls={here}"),
        format!("--listen-peer-urls={peers}"),
        format!("--initial-advertise-peer-urls={peers}"),
        format!("--initial-cluster=default={peers}"),
        // Nothing of it has to outlive a power cut.
        "--unsafe-no-fsync".to_owned(),
    ]
}

/// How the API server is called. Left out is the admission of what only controllers bring about:
/// accounts for pods, taints that a node's health takes away, finalizers of claims.
fn server_words(folder: &Path, ports: Ports) -> Vec<String> {
    let file = |name: &str| folder.join(name).display().to_string();
    vec![
        format!("--etcd-servers={}", url("http", ports.etcd)),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--secure-port={}", ports.server),
        format!("--cert-dir={}", folder.display()),
        format!("--tls-cert-file={}", file("server.crt")),
        format!("--tls-private-key-file={}", file("server.key")),
        format!("--token-auth-file={}", file("tokens.csv")),
        "--authorization-mode=RBAC".to_owned(),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!("--service-account-key-file={}", file("server.crt")),
        format!("--service-account-signing-key-file={}", file("server.key")),
        "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
        "--endpoint-reconciler-type=none".to_owned(),
        "--disable-admission-plugins=ServiceAccount,StorageObjectInUseProtection,\
         TaintNodesByCondition"
            .to_owned(),
    ]
}

fn url(scheme: &str, port: u16) -> String {
    format!("{scheme}://127.0.0.1:{port}")
}

/// A program that runs until this is dropped.
#[derive(Debug)]
struct Daemon {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Daemon {
    fn start(name: &'static str, mut command: Command, folder: &Path) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log).unwrap();
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        let child = command.spawn().map_err(|error| format!("cannot start {name}: {error}"))?;
        Ok(Self { name, child, log })
    }

    /// Waits until it answers.
    async fn until(&mut self, within: Duration, answers: impl AsyncFn() -> bool) -> Result<()> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                let what = format!("{} ended with {status} before it answered", self.name);
                return Err(format!("{what}:\n{}", self.last_words()));
            }
            if answers().await {
                return Ok(());
            }
            if begun.elapsed() > within {
                let what = format!("{} did not answer within {within:?}", self.name);
                return Err(format!("{what}:\n{}", self.last_words()));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn last_words(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(LAST_LINES)..).unwrap_or_default().join("\n")
    }

    fn signal(&self, name: &str) {
        let words = [format!("-{name}"), self.child.id().to_string()];
        assert!(Command::new("kill").args(words).status().unwrap().success());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself; there is nothing of it to save.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A real API server.
pub(crate) struct ApiServer {
    // In the order in which they are dropped: who asks goes before who is asked.
    server: Daemon,
    _etcd: Daemon,
    assets: Assets,
    ports: Ports,
    client: kube::Client,
    kubeconfig: String,
    folder: TempDir,
}

impl ApiServer {
    /// Starts one, with KubeVirt's kinds and what a cluster has to have for its driver.
    ///
    /// # Errors
    /// When a program cannot be started, ends or does not answer; with its last words.
    pub(crate) async fn start(assets: Assets) -> Result<Self> {
        let (folder, ports) = (TempDir::new().unwrap(), Ports::free());
        let authority = write_secrets(folder.path());
        let kubeconfig = kubeconfig(ports.server, &authority);
        let config = KubeVirtConfig::new(Source::Text(kubeconfig.clone()));
        let client = connect(&config).await.map_err(|error| error.to_string())?;

        let mut etcd = assets.program("etcd");
        etcd.args(etcd_words(folder.path(), ports));
        let mut etcd = Daemon::start("etcd", etcd, folder.path())?;
        let listens = async || TcpStream::connect((Ipv4Addr::LOCALHOST, ports.etcd)).is_ok();
        etcd.until(START_WITHIN, listens).await?;
        let server = serve(&assets, folder.path(), ports, &client).await?;
        let it = Self { server, _etcd: etcd, assets, ports, client, kubeconfig, folder };
        crds::furnish(&it).await?;
        Ok(it)
    }

    /// Kills the API server and starts it again: what it remembered of changes is gone, and what
    /// etcd has stays.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        self.server.child.kill().unwrap();
        self.server.child.wait().unwrap();
        self.server = serve(&self.assets, self.folder.path(), self.ports, &self.client).await?;
        Ok(())
    }

    /// Lets it stop answering with its connections open, or answer again.
    pub(crate) fn hang(&self, hung: bool) {
        self.server.signal(if hung { "STOP" } else { "CONT" });
    }

    pub(crate) fn kubeconfig(&self) -> String {
        self.kubeconfig.clone()
    }

    /// Asks it for something past the driver.
    ///
    /// # Errors
    /// Its refusal.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        ask(&self.client, method, path, body).await
    }

    /// Forgets all that was before now, as etcd does every five minutes in a cluster.
    pub(crate) async fn compact(&self) {
        let status = etcd_asked(self.ports.etcd, "maintenance/status", "{}");
        let revision = status["header"]["revision"].as_str().unwrap().to_owned();
        let what = format!(r#"{{"revision":"{revision}","physical":true}}"#);
        etcd_asked(self.ports.etcd, "kv/compaction", &what);
    }
}

/// Asks a server for something past the driver.
async fn ask(client: &kube::Client, method: &str, path: &str, body: &Value) -> Result<Value> {
    let media = match method {
        "PATCH" => "application/merge-patch+json",
        _ => "application/json",
    };
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let request = http::Request::builder().method(method).uri(path);
    let request = request.header("content-type", media).body(body).unwrap();
    let answer = client.request::<Value>(request).await;
    answer.map_err(|error| format!("{method} {path}: {error}"))
}

async fn serve(
    assets: &Assets,
    folder: &Path,
    ports: Ports,
    client: &kube::Client,
) -> Result<Daemon> {
    let mut command = assets.program("kube-apiserver");
    command.args(server_words(folder, ports));
    let mut server = Daemon::start("kube-apiserver", command, folder)?;
    let is_ready = async || {
        let ready = http::Request::get("/readyz").body(Vec::new()).unwrap();
        client.request_text(ready).await.is_ok_and(|text| text == "ok")
    };
    server.until(START_WITHIN, is_ready).await?;
    Ok(server)
}

/// The certificate to be believed, which with its key and the token's file is in the folder.
fn write_secrets(folder: &Path) -> String {
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    write("server.crt", &made.cert.pem());
    write("server.key", &made.signing_key.serialize_pem());
    write("tokens.csv", &format!("{TOKEN},admin,admin,\"system:masters\"\n"));
    made.cert.pem()
}

fn kubeconfig(port: u16, authority: &str) -> String {
    let (server, authority) = (url("https", port), STANDARD.encode(authority));
    format!(
        "{{apiVersion: v1, kind: Config, current-context: real, \
         clusters: [{{name: real, cluster: {{server: '{server}', \
         certificate-authority-data: {authority}}}}}], \
         contexts: [{{name: real, context: {{cluster: real, user: admin, namespace: default}}}}], \
         users: [{{name: admin, user: {{token: {TOKEN}}}}}]}}"
    )
}

/// Asks etcd by the JSON that it speaks beside gRPC.
fn etcd_asked(port: u16, what: &str, body: &str) -> Value {
    use std::io::Read;
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let length = body.len();
    let head = format!("POST /v3/{what} HTTP/1.0\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(" 200 "), "{answer}");
    serde_json::from_str(body).unwrap()
}
