//! What the agent is told: flags, environment, file, defaults, in this order.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hostler_core::settings;
use serde::Deserialize;

use crate::arguments::Flags;
use crate::failure::{Failure, Result};
use crate::logging;
use crate::tls::Identity;

/// Where the file is looked for when nobody says.
const FILE: &str = "/etc/hostler/agent.toml";
/// A file of settings that is larger than this is no file of settings.
const FILE_MAX: u64 = 1 << 20;
/// Where Docker has its socket.
const DOCKER: &str = "/run/docker.sock";
/// Where the system's Podman has its socket.
const PODMAN: &str = "/run/podman/podman.sock";
/// The longest time between two passes, in seconds.
const INTERVAL_MAX: u64 = 3600;
/// A token that is shorter is guessed.
const TOKEN_MIN: usize = 16;
/// The longest token that is read.
const TOKEN_MAX: u64 = 4096;

/// A file with every key at its default, for people to start from.
pub const DEFAULT_TEXT: &str = include_str!("default.toml");

/// The configuration, complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where it serves.
    pub listen: Vec<SocketAddr>,
    /// What clients have to show, if anything.
    pub token_file: Option<PathBuf>,
    /// The certificate and its key; `None`: no TLS.
    pub tls: Option<TlsFiles>,
    /// What the machine is called; `None`: as it calls itself.
    pub host: Option<String>,
    /// The libvirt whose VMs are measured.
    pub libvirt: Option<String>,
    /// Whether the processes of KubeVirt's VMs are looked at.
    pub kubevirt: Switch,
    /// Docker's socket.
    pub docker: Option<EngineSocket>,
    /// Podman's socket.
    pub podman: Option<EngineSocket>,
    /// How logs are written.
    pub log: LogFormat,
    /// What is logged, as `tracing` directives.
    pub log_filter: String,
    /// How often is measured.
    pub intervals: Intervals,
}

/// Where a certificate and its key are, as PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and those that signed it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// An engine's socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineSocket {
    /// Where it is.
    pub path: PathBuf,
    /// Whether somebody named it. One that nobody named and that is not there is
    /// no engine that fails, but none at all.
    pub is_named: bool,
}

/// Whether something is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    /// It is.
    On,
    /// It is not.
    #[default]
    Off,
}

/// How logs are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// As JSON where systemd's journal reads it, else as text.
    #[default]
    Auto,
    /// A JSON object a line.
    Json,
    /// For people.
    Text,
}

/// Time between two passes; longer where a pass takes long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intervals {
    /// Of the machine itself.
    pub node: Duration,
    /// Of its containers.
    pub containers: Duration,
    /// Of its VMs.
    pub vms: Duration,
}

impl Default for Intervals {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { node: seconds(5), containers: seconds(10), vms: seconds(10) }
    }
}

/// What the file says; everything may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    listen: Option<Vec<SocketAddr>>,
    token_file: Option<PathBuf>,
    tls_certificate: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    host: Option<String>,
    libvirt: Option<String>,
    kubevirt: Option<Switch>,
    docker: Option<String>,
    podman: Option<String>,
    log: Option<LogFormat>,
    log_filter: Option<String>,
    #[serde(default)]
    interval_seconds: IntervalSeconds,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct IntervalSeconds {
    node: Option<u64>,
    containers: Option<u64>,
    vms: Option<u64>,
}

impl Config {
    /// Reads every source.
    ///
    /// # Errors
    /// When one of them cannot be read or makes no sense, naming file and line.
    pub fn load(flags: &Flags) -> Result<Self> {
        let settings = match &flags.config {
            Some(path) => read(path)?,
            // A file that was asked for has to be there; the system's may be missing.
            None if Path::new(FILE).exists() => read(Path::new(FILE))?,
            None => Settings::default(),
        };
        let listen = Some(flags.listen.clone()).filter(|listen| !listen.is_empty());
        let is_on = |word: &String| !word.is_empty() && word != "off";
        let config = Self {
            listen: listen
                .or(settings.listen)
                .unwrap_or_else(|| vec![([127, 0, 0, 1], 9177).into()]),
            token_file: flags.token_file.clone().or(settings.token_file),
            tls: tls(
                flags.tls_certificate.clone().or(settings.tls_certificate),
                flags.tls_key.clone().or(settings.tls_key),
            )?,
            host: flags.host.clone().or(settings.host).filter(|host| !host.is_empty()),
            libvirt: flags.libvirt.clone().or(settings.libvirt).filter(is_on),
            kubevirt: flags.kubevirt.or(settings.kubevirt).unwrap_or_default(),
            docker: engine(flags.docker.clone().or(settings.docker), DOCKER),
            podman: engine(flags.podman.clone().or(settings.podman), PODMAN),
            log: flags.log.or(settings.log).unwrap_or_default(),
            log_filter: flags
                .log_filter
                .clone()
                .or(settings.log_filter)
                .unwrap_or_else(|| "info".to_owned()),
            intervals: settings.interval_seconds.complete()?,
        };
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<()> {
        if self.listen.is_empty() {
            return Err(usage("listen: name at least one address"));
        }
        let outside = self.listen.iter().find(|address| !address.ip().is_loopback());
        if let (Some(address), None) = (outside, &self.token_file) {
            return Err(usage(format!(
                "listen: {address} can be reached from elsewhere, so set token_file, and \
                 tls_certificate and tls_key, or others can read what is sent; or keep to \
                 127.0.0.1"
            )));
        }
        if let Some(uri) = &self.libvirt {
            hostler_libvirt::LibvirtConfig::new(uri)
                .check()
                .map_err(|error| usage(format!("libvirt: {error}")))?;
        }
        logging::check(&self.log_filter)
    }

    /// The token that clients have to show, where there is one.
    ///
    /// # Errors
    /// When it cannot be read, others could read it, or it is too short.
    pub fn token(&self) -> Result<Option<String>> {
        self.token_file.as_deref().map(token).transpose()
    }

    /// The certificate, where there is one.
    ///
    /// # Errors
    /// As [`Identity::read`].
    pub fn identity(&self) -> Result<Option<Arc<Identity>>> {
        self.tls.as_ref().map(|files| Identity::read(&files.certificate, &files.key)).transpose()
    }

    /// The keys that a running agent cannot take over from a configuration that was changed.
    pub fn differs_from(&self, running: &Self) -> Vec<&'static str> {
        let Self {
            listen,
            token_file,
            tls, // its files are read again; others are not
            host,
            libvirt,
            kubevirt,
            docker,
            podman,
            log,
            log_filter: _, // is taken over
            intervals: _,  // are taken over
        } = self;
        let is_other = [
            ("listen", *listen != running.listen),
            ("token_file", *token_file != running.token_file),
            ("tls_certificate, tls_key", *tls != running.tls),
            ("host", *host != running.host),
            ("libvirt", *libvirt != running.libvirt),
            ("kubevirt", *kubevirt != running.kubevirt),
            ("docker", *docker != running.docker),
            ("podman", *podman != running.podman),
            ("log", *log != running.log),
        ];
        is_other.into_iter().filter(|(_, is_other)| *is_other).map(|(key, _)| key).collect()
    }
}

impl IntervalSeconds {
    fn complete(self) -> Result<Intervals> {
        let default = Intervals::default();
        let of = |key: &str, given: Option<u64>, default: Duration| match given {
            None => Ok(default),
            Some(seconds @ 1..=INTERVAL_MAX) => Ok(Duration::from_secs(seconds)),
            Some(other) => Err(usage(format!(
                "interval_seconds.{key}: {other} is not between 1 and {INTERVAL_MAX}"
            ))),
        };
        Ok(Intervals {
            node: of("node", self.node, default.node)?,
            containers: of("containers", self.containers, default.containers)?,
            vms: of("vms", self.vms, default.vms)?,
        })
    }
}

fn tls(certificate: Option<PathBuf>, key: Option<PathBuf>) -> Result<Option<TlsFiles>> {
    match (certificate, key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
        (Some(_), None) => Err(usage("tls_certificate is there without tls_key")),
        (None, Some(_)) => Err(usage("tls_key is there without tls_certificate")),
    }
}

fn engine(said: Option<String>, usual: &str) -> Option<EngineSocket> {
    match said.as_deref() {
        None => Some(EngineSocket { path: usual.into(), is_named: false }),
        Some("" | "off") => None,
        Some(path) => Some(EngineSocket { path: path.into(), is_named: true }),
    }
}

fn read(path: &Path) -> Result<Settings> {
    let name = path.display();
    parse(&text(path, FILE_MAX)?, &name.to_string())
}

fn parse(text: &str, name: &str) -> Result<Settings> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| settings::line_of(text, span.start));
        usage(format!("{name}:{line}: {}", settings::explain(error.message())))
    })
}

fn token(path: &Path) -> Result<String> {
    use std::os::unix::fs::MetadataExt;
    let name = path.display();
    let metadata =
        std::fs::metadata(path).map_err(|error| usage(format!("token_file {name}: {error}")))?;
    // Where nobody says who we are, only what is its owner's alone is private.
    let own = std::fs::metadata("/proc/self").map_or(0, |process| process.uid());
    if !settings::is_private(metadata.mode(), metadata.uid(), own) {
        return Err(usage(format!("token_file {name}: others may read it; chmod 600 it")));
    }
    let token = text(path, TOKEN_MAX)?.trim().to_owned();
    if token.len() < TOKEN_MIN {
        return Err(usage(format!("token_file {name}: holds less than {TOKEN_MIN} characters")));
    }
    Ok(token)
}

fn text(path: &Path, size_max: u64) -> Result<String> {
    use std::io::Read;
    let name = path.display();
    let told = |error: std::io::Error| usage(format!("{name}: {error}"));
    let file = std::fs::File::open(path).map_err(told)?;
    let mut text = String::new();
    let size = file.take(size_max + 1).read_to_string(&mut text).map_err(told)?;
    if u64::try_from(size).unwrap_or(u64::MAX) > size_max {
        return Err(usage(format!("{name}: is larger than {size_max} bytes")));
    }
    Ok(text)
}

/// Whether systemd's journal reads what is written to standard error.
pub(crate) fn journal_reads() -> bool {
    std::env::var_os("JOURNAL_STREAM").is_some()
}

/// Where the user's session daemons have their sockets.
pub(crate) fn runtime_dir() -> Option<PathBuf> {
    std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from)
}

fn usage(message: impl Into<String>) -> Failure {
    Failure::Usage(message.into())
}

#[cfg(test)]
mod tests;
