//! Stores of time series that the history is sent to: Prometheus, VictoriaMetrics, InfluxDB and
//! PostgreSQL, from Debian's packages, each as a private server that can be stopped and started
//! again over the same data.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use crate::deadline::poll_until;
use crate::error::{Error, Result};
use crate::process::{is_root, run_quietly};
use crate::prometheus;
use crate::unpacked::Unpacked;

const PACKAGES: Unpacked = Unpacked {
    folder: "time-series",
    what: "InfluxDB and VictoriaMetrics",
    packages: &["influxdb", "victoria-metrics"],
    programs: &["influxd", "victoria-metrics"],
};

/// Within this time any of them has started, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Downloads and unpacks InfluxDB and VictoriaMetrics, or finds what an earlier call unpacked.
///
/// # Errors
/// When this is no Debian, or a step fails.
pub fn fetch(say: &mut dyn FnMut(&str)) -> Result<PathBuf> {
    PACKAGES.fetch(say)
}

/// What is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Takes remote write at `/api/v1/write`.
    Prometheus,
    /// The same, and Influx' lines at `/write`.
    VictoriaMetrics,
    /// InfluxDB 1, with the database `hostler`.
    InfluxDb,
    /// PostgreSQL: the user `postgres` with the password `secret`, by TCP and by a socket in the
    /// store's folder.
    PostgreSql,
}

/// A store: a folder, an address of this machine that is nobody else's, and at times a server.
#[derive(Debug)]
pub struct Store {
    kind: Kind,
    directory: PathBuf,
    ip: String,
    settings: Vec<String>,
    server: Option<Child>,
}

impl Store {
    /// Makes one in a folder that is empty, but for the `prometheus.yml` of a Prometheus that has
    /// one, and starts it. `settings` are more arguments of a PostgreSQL or Prometheus, for example
    /// `-c ssl=on`.
    ///
    /// # Panics
    /// When it cannot be made, or is missing.
    pub fn start(kind: Kind, directory: &Path, settings: &[&str]) -> Self {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        let [_, _, high, low] = std::process::id().to_be_bytes();
        // Each process of this machine has addresses of its own; every port of them is free.
        let ip = format!("127.{}.{high}.{low}", 100 + NEXT.fetch_add(1, Ordering::Relaxed) % 100);
        let settings = settings.iter().map(|it| (*it).to_owned()).collect();
        let mut store = Self { kind, directory: directory.into(), ip, settings, server: None };
        if kind == Kind::PostgreSql {
            store.make_cluster();
        }
        store.resume();
        if kind == Kind::InfluxDb {
            store.make_database();
        }
        store
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        let port = match self.kind {
            Kind::Prometheus => 9090,
            Kind::VictoriaMetrics => 8428,
            Kind::InfluxDb => 8086,
            Kind::PostgreSql => 5432,
        };
        format!("{}:{port}", self.ip)
    }

    /// Starts it over its data, and waits until it answers.
    ///
    /// # Panics
    /// When it does not start.
    pub fn resume(&mut self) {
        let log = fs::File::create(self.directory.join("log")).expect("the folder is there");
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).current_dir("/");
        self.server = Some(command.spawn().expect("setpriv is there"));
        poll_until(PATIENCE, || self.answers()).unwrap_or_else(|error| {
            panic!("{:?} does not start: {error}\n{}", self.kind, self.log())
        });
    }

    /// Stops it in order, so that it keeps what it took.
    pub fn stop(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        let signal = match self.kind {
            // Without waiting for its clients.
            Kind::PostgreSql => rustix::process::Signal::INT,
            _ => rustix::process::Signal::TERM,
        };
        // One that has ended already needs no signal.
        let _ = rustix::process::kill_process(rustix::process::Pid::from_child(&server), signal);
        let _ = server.wait();
    }

    /// What it wrote about itself since it was started last.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    fn answers(&self) -> Result<()> {
        let path = match self.kind {
            Kind::Prometheus => "/-/ready",
            Kind::VictoriaMetrics => "/health",
            Kind::InfluxDb => "/ping",
            Kind::PostgreSql => return self.sql("SELECT 1").map(drop),
        };
        let (status, said) = self.ask("GET", path)?;
        match status {
            200..300 => Ok(()),
            _ => Err(Error::new(format!("{status}: {said}"))),
        }
    }

    /// Asks its HTTP: status and body.
    ///
    /// # Errors
    /// When nobody answers in HTTP.
    pub fn ask(&self, method: &str, path: &str) -> Result<(u16, String)> {
        self.send(method, path, &[], &[])
    }

    /// Sends it something by HTTP, with these headers: status and body.
    ///
    /// # Errors
    /// When nobody answers in HTTP.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        content: &[u8],
    ) -> Result<(u16, String)> {
        let failed = |error: std::io::Error| Error::new(format!("{}: {error}", self.address()));
        let mut stream = TcpStream::connect(self.address()).map_err(failed)?;
        // Version 1.0: the answer is not in pieces and ends with the connection.
        let mut request = format!("{method} {path} HTTP/1.0\r\nAccept: */*\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if !content.is_empty() {
            request.push_str(&format!("Content-Length: {}\r\n", content.len()));
        }
        let request = [request.as_bytes(), b"\r\n", content].concat();
        stream.write_all(&request).map_err(failed)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map_err(failed)?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| Error::new(format!("no HTTP: {head}")))?;
        Ok((status, body.to_owned()))
    }

    /// Runs SQL in a PostgreSQL; a row a line, columns split by `|`.
    ///
    /// # Errors
    /// What it said.
    pub fn sql(&self, script: &str) -> Result<String> {
        let mut psql = Command::new(postgres_programs().join("psql"));
        psql.env("PGPASSWORD", "secret")
            .arg("-h")
            .arg(&self.directory)
            .args(["-U", "postgres", "-d", "postgres", "-X", "-q", "-t", "-A"])
            .args(["-v", "ON_ERROR_STOP=1", "-c", script]);
        let output = run_quietly(&mut psql)?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn command(&self) -> Command {
        let data = self.directory.join("data");
        let data = data.display();
        let address = self.address();
        let (program, arguments) = match self.kind {
            Kind::Prometheus => {
                let config = self.directory.join("prometheus.yml");
                if !config.exists() {
                    fs::write(&config, "").expect("the folder is there");
                }
                let mut arguments = vec![
                    format!("--config.file={}", config.display()),
                    format!("--storage.tsdb.path={data}"),
                    format!("--web.listen-address={address}"),
                    "--web.enable-remote-write-receiver".to_owned(),
                ];
                arguments.extend(self.settings.iter().cloned());
                (prometheus::need("prometheus"), arguments)
            }
            Kind::VictoriaMetrics => {
                let arguments = vec![
                    format!("-storageDataPath={data}"),
                    format!("-httpListenAddr={address}"),
                    "-search.latencyOffset=0s".to_owned(),
                    "-retentionPeriod=100y".to_owned(),
                ];
                (PACKAGES.need("victoria-metrics"), arguments)
            }
            Kind::InfluxDb => {
                let config = self.directory.join("influxdb.conf");
                let text = format!(
                    "reporting-disabled = true\nbind-address = \"{}:8088\"\n\
                     [meta]\ndir = \"{data}/meta\"\n\
                     [data]\ndir = \"{data}/data\"\nwal-dir = \"{data}/wal\"\n\
                     [http]\nbind-address = \"{address}\"\nlog-enabled = false\n\
                     [monitor]\nstore-enabled = false\n",
                    self.ip
                );
                fs::write(&config, text).expect("the folder is there");
                let arguments = vec!["-config".to_owned(), config.display().to_string()];
                (PACKAGES.need("influxd"), arguments)
            }
            Kind::PostgreSql => {
                let folder = self.directory.display();
                let mut arguments = vec![
                    format!("-D{data}"),
                    format!("-k{folder}"),
                    format!("-clisten_addresses={}", self.ip),
                ];
                arguments.extend(self.settings.iter().cloned());
                (postgres_programs().join("postgres"), arguments)
            }
        };
        let mut command = Command::new("setpriv");
        command.arg("--pdeathsig=KILL");
        if self.kind == Kind::PostgreSql {
            command.args(postgres_user());
        }
        command.arg(program).args(arguments);
        command
    }

    fn make_cluster(&self) {
        let open = fs::Permissions::from_mode(0o777);
        fs::set_permissions(&self.directory, open).expect("the folder is ours");
        let password = self.directory.join("password");
        fs::write(&password, "secret\n").expect("the folder is there");
        let mut initdb = Command::new("setpriv");
        initdb
            .args(["--pdeathsig=KILL"])
            .args(postgres_user())
            .arg(postgres_programs().join("initdb"))
            .args(["--auth=scram-sha-256", "--username=postgres", "--no-sync", "--encoding=UTF8"])
            .arg(format!("--pwfile={}", password.display()))
            .arg("-D")
            .arg(self.directory.join("data"))
            .current_dir("/");
        run_quietly(&mut initdb).unwrap_or_else(|error| panic!("{error}"));
    }

    fn make_database(&self) {
        let made = self.ask("POST", "/query?q=CREATE%20DATABASE%20hostler");
        assert!(made.as_ref().is_ok_and(|(status, _)| *status == 200), "{made:?}");
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

/// The newest PostgreSQL that is installed: Debian's serves nobody by being there alone.
///
/// # Panics
/// When none is.
fn postgres_programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = versions.map(|entry| entry.path().join("bin")).collect();
    versions.retain(|bin| bin.join("initdb").is_file());
    versions.sort();
    versions.pop().expect("PostgreSQL is not installed: apt-get install postgresql")
}

/// PostgreSQL refuses to be root.
fn postgres_user() -> &'static [&'static str] {
    match is_root() {
        true => &["--reuid=postgres", "--regid=postgres", "--clear-groups"],
        false => &[],
    }
}
