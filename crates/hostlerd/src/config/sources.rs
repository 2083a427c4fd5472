//! Where settings come from: flags, the environment, files. The only file that
//! reads the environment.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::Table;

use super::layers::{Layer, Merged};
use super::{
    Config, ConfiguredAgent, ConfiguredAlerting, ConfiguredHistory, ConfiguredLimits,
    ConfiguredMetrics, ConfiguredProvider, LogFormat, Origins, TlsFiles, document,
};
use crate::arguments::RunFlags;
use crate::failure::{Failure, Result};

/// Where the file is looked for when nobody says.
const FILE: &str = "/etc/hostler/hostlerd.toml";
/// Where a system's server keeps its state.
const DATA_DIR: &str = "/var/lib/hostler";
/// Where a system's server is reached by local users.
const SOCKET: &str = "/run/hostler/hostlerd.sock";
/// What the environment's variables begin with.
const PREFIX: &str = "HOSTLER_";

/// What one source says; everything may be left out.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    data_dir: Option<PathBuf>,
    listen: Option<Vec<SocketAddr>>,
    socket: Option<PathBuf>,
    base_url: Option<String>,
    metrics_listen: Option<String>,
    log: Option<LogFormat>,
    log_filter: Option<String>,
    tls: Option<TlsFiles>,
    limits: Option<ConfiguredLimits>,
    metrics: Option<ConfiguredMetrics>,
    history: Option<ConfiguredHistory>,
    alerting: Option<ConfiguredAlerting>,
    #[serde(rename = "provider")]
    providers: Option<Vec<ConfiguredProvider>>,
    agents: Option<Vec<ConfiguredAgent>>,
}

/// The configuration, and who said what of it.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What the server is told.
    pub config: Config,
    /// By whom.
    pub origins: Origins,
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
        Loaded::read_with(flags, environment).map(|loaded| loaded.config)
    }
}

impl Loaded {
    /// Reads every source, and remembers who said what.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn read(flags: &RunFlags) -> Result<Self> {
        Self::read_with(flags, environment())
    }

    /// The same with a given environment, as pairs of name and value.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn read_with(
        flags: &RunFlags,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self> {
        let mut named = None;
        let environment = of_environment(environment, &mut named)?;
        let mut merged = Merged::default();
        for path in files(flags.config.clone().or(named.map(PathBuf::from)))? {
            let table = document::read(&path)?;
            let origin = path.display().to_string();
            merged.add(Layer { origin, table, adds_providers: true });
        }
        for (origin, settings) in environment.into_iter().chain(of_flags(flags)?) {
            let table = Table::try_from(&settings)
                .map_err(|error| Failure::usage(format!("{origin}: {error}")))?;
            merged.add(Layer { origin, table, adds_providers: false });
        }
        let settings: Settings = merged
            .table
            .try_into()
            .map_err(|error| Failure::usage(format!("the sources together: {error}")))?;
        Ok(Self { config: settings.complete()?, origins: merged.origins })
    }
}

impl Settings {
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
            metrics: self.metrics.unwrap_or_default(),
            history: self.history.unwrap_or_default(),
            alerting: self.alerting.unwrap_or_default(),
            providers: self.providers.unwrap_or_default(),
            agents: self.agents.unwrap_or_default(),
        };
        config.check()?;
        Ok(config)
    }
}

/// The files to read, in order: the one named or the system's, then those beside it.
fn files(named: Option<PathBuf>) -> Result<Vec<PathBuf>> {
    let is_named = named.is_some();
    let main = named.unwrap_or_else(|| PathBuf::from(FILE));
    let beside = document::beside(&main)?;
    // A file that was asked for has to be there; the system's may be missing.
    let main = Some(main).filter(|path| is_named || path.exists());
    Ok(main.into_iter().chain(beside).collect())
}

fn of_flags(flags: &RunFlags) -> Result<Vec<(String, Settings)>> {
    let none = Settings::default;
    let mut said = Vec::new();
    let mut say = |flag: &str, settings: Settings| said.push((flag.to_owned(), settings));
    if let Some(path) = flags.data_dir.clone() {
        say("--data-dir", Settings { data_dir: Some(path), ..none() });
    }
    if !flags.listen.is_empty() {
        say("--listen", Settings { listen: Some(flags.listen.clone()), ..none() });
    }
    if let Some(path) = flags.socket.clone() {
        say("--socket", Settings { socket: Some(path), ..none() });
    }
    if let Some(providers) = providers(flags.provider.iter().map(String::as_str))? {
        say("--provider", Settings { providers: Some(providers), ..none() });
    }
    if let Some(format) = flags.log.as_deref().map(log_format).transpose()? {
        say("--log", Settings { log: Some(format), ..none() });
    }
    Ok(said)
}

fn of_environment(
    environment: impl IntoIterator<Item = (String, String)>,
    file: &mut Option<String>,
) -> Result<Vec<(String, Settings)>> {
    let mut said = Vec::new();
    for (name, value) in environment {
        let mut settings = Settings::default();
        match name.strip_prefix(PREFIX) {
            Some("CONFIG") => {
                *file = Some(value);
                continue;
            }
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
            _ => continue,
        }
        said.push((name, settings));
    }
    Ok(said)
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

/// The names that systemd gave to the sockets it passed on, in their order
/// (`FileDescriptorName=`).
pub fn passed_socket_names() -> Vec<String> {
    let names = std::env::var_os("LISTEN_FDNAMES").unwrap_or_default();
    names.to_string_lossy().split(':').map(str::to_owned).collect()
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
