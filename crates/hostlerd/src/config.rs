//! What the server is told: flags, environment, file, defaults, in this order.
//! The only file that reads the environment.

mod document;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::arguments::RunFlags;
use crate::failure::{Failure, Result};

pub use document::DEFAULT_TEXT;

/// Where the file is looked for when nobody says.
const FILE: &str = "/etc/hostler/hostlerd.toml";
/// Where a system's server keeps its state.
const DATA_DIR: &str = "/var/lib/hostler";
/// Where a system's server is reached by local users.
const SOCKET: &str = "/run/hostler/hostlerd.sock";
/// What the environment's variables begin with.
const PREFIX: &str = "HOSTLER_";

/// The configuration, complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Config {
    /// Where state is kept.
    pub data_dir: PathBuf,
    /// Where HTTPS is served.
    pub listen: Vec<SocketAddr>,
    /// Where local users are served.
    pub socket: PathBuf,
    /// How browsers reach the server; `None`: at the first address of `listen`.
    pub base_url: Option<String>,
    /// Where metrics are served without credentials; `None`: nowhere.
    pub metrics_listen: Option<SocketAddr>,
    /// How logs are written.
    pub log: LogFormat,
    /// What is logged, as `tracing` directives.
    pub log_filter: String,
    /// The certificate to show instead of a generated one.
    pub tls: TlsFiles,
    /// What connections and bodies may take.
    pub limits: ConfiguredLimits,
    /// Providers connected from the start.
    pub providers: Vec<ConfiguredProvider>,
}

/// How logs are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
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

/// A certificate that the operator brings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// The certificate and those that sign it, as PEM.
    #[serde(default)]
    pub certificate: Option<PathBuf>,
    /// Its private key, as PEM.
    #[serde(default)]
    pub key: Option<PathBuf>,
}

/// What connections and bodies may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConfiguredLimits {
    /// Connections in all.
    pub connections: usize,
    /// Connections from one address.
    pub connections_per_address: usize,
    /// The largest image that may be imported, in bytes.
    pub image_bytes: u64,
    /// Clients that follow events.
    pub event_subscribers: usize,
    /// Consoles open at once.
    pub consoles: usize,
}

impl Default for ConfiguredLimits {
    fn default() -> Self {
        Self {
            connections: 2048,
            connections_per_address: 256,
            image_bytes: 256 << 30,
            event_subscribers: 512,
            consoles: 256,
        }
    }
}

/// A provider connected from the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfiguredProvider {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub uri: String,
}

/// What one source says; everything may be left out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    data_dir: Option<PathBuf>,
    listen: Option<Vec<SocketAddr>>,
    socket: Option<PathBuf>,
    base_url: Option<String>,
    metrics_listen: Option<String>,
    log: Option<LogFormat>,
    log_filter: Option<String>,
    tls: Option<TlsFiles>,
    limits: Option<ConfiguredLimits>,
    #[serde(rename = "provider")]
    providers: Option<Vec<ConfiguredProvider>>,
}

impl Settings {
    /// What this says, else what `other` says.
    fn or(self, other: Self) -> Self {
        Self {
            data_dir: self.data_dir.or(other.data_dir),
            listen: self.listen.or(other.listen),
            socket: self.socket.or(other.socket),
            base_url: self.base_url.or(other.base_url),
            metrics_listen: self.metrics_listen.or(other.metrics_listen),
            log: self.log.or(other.log),
            log_filter: self.log_filter.or(other.log_filter),
            tls: self.tls.or(other.tls),
            limits: self.limits.or(other.limits),
            providers: self.providers.or(other.providers),
        }
    }

    fn complete(self) -> Result<Config> {
        let data_dir = self.data_dir.unwrap_or_else(|| PathBuf::from(DATA_DIR));
        // A system's server is found in /run; another one stays within its own directory.
        let socket = self.socket.unwrap_or_else(|| match data_dir == Path::new(DATA_DIR) {
            true => PathBuf::from(SOCKET),
            false => data_dir.join("hostlerd.sock"),
        });
        let metrics = self.metrics_listen.unwrap_or_else(|| "127.0.0.1:7444".to_owned());
        let config = Config {
            socket,
            data_dir,
            listen: self.listen.unwrap_or_else(|| vec![SocketAddr::from(([127, 0, 0, 1], 7443))]),
            base_url: self.base_url.map(|url| url.trim_end_matches('/').to_owned()),
            metrics_listen: match metrics.as_str() {
                "" | "off" => None,
                address => Some(parse("metrics_listen", address)?),
            },
            log: self.log.unwrap_or_default(),
            log_filter: self.log_filter.unwrap_or_else(|| "info".to_owned()),
            tls: self.tls.unwrap_or_default(),
            limits: self.limits.unwrap_or_default(),
            providers: self.providers.unwrap_or_default(),
        };
        config.check()?;
        Ok(config)
    }
}

impl Config {
    /// Reads every source.
    ///
    /// # Errors
    /// When one of them cannot be read or makes no sense, naming file and line.
    pub fn load(flags: &RunFlags) -> Result<Self> {
        Self::load_with(flags, environment())
    }

    /// The same with a given environment, as pairs of name and value.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_with(
        flags: &RunFlags,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self> {
        let mut named = None;
        let environment = of_environment(environment, &mut named)?;
        let path = flags.config.clone().or(named.map(PathBuf::from));
        let file = match path {
            Some(path) => document::read(&path)?,
            None if Path::new(FILE).exists() => document::read(Path::new(FILE))?,
            None => Settings::default(),
        };
        of_flags(flags)?.or(environment).or(file).complete()
    }

    fn check(&self) -> Result<()> {
        if self.tls.certificate.is_some() != self.tls.key.is_some() {
            return Err(Failure::usage("tls.certificate and tls.key belong together; give both"));
        }
        if let Some(url) = &self.base_url
            && !url.starts_with("https://")
        {
            return Err(Failure::usage(format!("base_url {url:?} does not begin with https://")));
        }
        if self.metrics_listen.is_some_and(|address| !address.ip().is_loopback()) {
            return Err(Failure::usage(
                "metrics_listen needs no credentials and so has to be a loopback address; \
                 from elsewhere scrape /metrics of the main address with a token",
            ));
        }
        let mut names: Vec<&str> = Vec::new();
        for provider in &self.providers {
            hostler_core::name::check(&provider.name).map_err(|fault| {
                Failure::usage(format!("provider name {:?} {fault}", provider.name))
            })?;
            if names.contains(&provider.name.as_str()) {
                return Err(Failure::usage(format!("two providers named {:?}", provider.name)));
            }
            names.push(&provider.name);
        }
        Ok(())
    }

    /// How browsers reach the server when nobody says otherwise.
    pub fn base_url_for(&self, bound: &[SocketAddr]) -> String {
        if let Some(url) = &self.base_url {
            return url.clone();
        }
        let Some(first) = bound.first() else { return "https://localhost:7443".to_owned() };
        // The certificate names localhost, and nobody likes to read 127.0.0.1.
        if first.ip().is_loopback() || first.ip().is_unspecified() {
            return format!("https://localhost:{}", first.port());
        }
        format!("https://{first}")
    }
}

fn of_flags(flags: &RunFlags) -> Result<Settings> {
    Ok(Settings {
        data_dir: flags.data_dir.clone(),
        listen: Some(flags.listen.clone()).filter(|list| !list.is_empty()),
        socket: flags.socket.clone(),
        providers: providers(flags.provider.iter().map(String::as_str))?,
        log: flags.log.as_deref().map(log_format).transpose()?,
        ..Settings::default()
    })
}

fn of_environment(
    environment: impl IntoIterator<Item = (String, String)>,
    file: &mut Option<String>,
) -> Result<Settings> {
    let mut settings = Settings::default();
    for (name, value) in environment {
        match name.strip_prefix(PREFIX) {
            Some("CONFIG") => *file = Some(value),
            Some("DATA_DIR") => settings.data_dir = Some(value.into()),
            Some("LISTEN") => {
                let listed = value.split(',').map(|one| parse("HOSTLER_LISTEN", one));
                settings.listen = Some(listed.collect::<Result<_>>()?);
            }
            Some("SOCKET") => settings.socket = Some(value.into()),
            Some("BASE_URL") => settings.base_url = Some(value),
            Some("METRICS_LISTEN") => settings.metrics_listen = Some(value),
            Some("LOG") => settings.log = Some(log_format(&value)?),
            Some("LOG_FILTER") => settings.log_filter = Some(value),
            Some("PROVIDERS") => settings.providers = providers(value.split(','))?,
            // Others belong to the command line, which shares the prefix.
            _ => {}
        }
    }
    Ok(settings)
}

fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Whether systemd's journal reads what is written to standard error.
pub fn journal_reads() -> bool {
    std::env::var_os("JOURNAL_STREAM").is_some()
}

/// Where the user's session daemons have their sockets.
pub fn runtime_dir() -> Option<PathBuf> {
    std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from)
}

fn providers<'a>(given: impl Iterator<Item = &'a str>) -> Result<Option<Vec<ConfiguredProvider>>> {
    let mut providers = Vec::new();
    for text in given.map(str::trim).filter(|text| !text.is_empty()) {
        let Some((name, uri)) = text.split_once('=') else {
            return Err(Failure::usage(format!(
                "provider {text:?} is not NAME=URI, for example local=qemu:///system"
            )));
        };
        providers.push(ConfiguredProvider { name: name.to_owned(), uri: uri.to_owned() });
    }
    Ok(Some(providers).filter(|list| !list.is_empty()))
}

fn log_format(text: &str) -> Result<LogFormat> {
    match text {
        "auto" => Ok(LogFormat::Auto),
        "json" => Ok(LogFormat::Json),
        "text" => Ok(LogFormat::Text),
        _ => Err(Failure::usage(format!("log format {text:?} is none of auto, json, text"))),
    }
}

fn parse(what: &str, text: &str) -> Result<SocketAddr> {
    text.trim().parse().map_err(|_| {
        Failure::usage(format!("{what}: {text:?} is not ADDRESS:PORT, for example 127.0.0.1:7443"))
    })
}

#[cfg(test)]
mod tests;
