//! What the server is told: flags, environment, files, defaults, in this order.
//!
//! ```text
//!  default < hostlerd.toml < hostlerd.d/*.toml by name < HOSTLER_… < flags
//!                     (`layers` puts them over each other and remembers who said what)
//! ```

mod agents;
mod alerting;
mod document;
mod history;
mod layers;
mod measuring;
mod outputs;
mod show;
mod sources;

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result};

pub use agents::ConfiguredAgent;
pub use alerting::{ConfiguredAlerting, ConfiguredReceiver};
pub use document::DEFAULT_TEXT;
pub use history::ConfiguredHistory;
pub use layers::Origins;
pub use measuring::{ConfiguredCustom, ConfiguredMetrics, OwnMachineSwitch, Profile};
pub use outputs::{ConfiguredOutput, OutputKind, OutputTls};
pub use sources::{Loaded, journal_reads, passed_socket_names, runtime_dir};

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
    /// How providers are measured.
    pub metrics: ConfiguredMetrics,
    /// Whether and for how long what was measured is kept.
    pub history: ConfiguredHistory,
    /// What is watched, and who is told.
    pub alerting: ConfiguredAlerting,
    /// Providers connected from the start.
    pub providers: Vec<ConfiguredProvider>,
    /// Agents that are asked.
    pub agents: Vec<ConfiguredAgent>,
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
    /// Clients of the live stream.
    pub live_clients: usize,
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
            live_clients: 1024,
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

impl Config {
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
        self.metrics.check()?;
        self.history.check()?;
        agents::check(&self.agents)?;
        self.alerting.check()?;
        crate::logging::check(&self.log_filter)?;
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

    /// The keys that a running server cannot take over from a configuration that was
    /// changed; of tables the table's.
    pub fn differs_from(&self, running: &Self) -> Vec<&'static str> {
        let Self {
            data_dir,
            listen,
            socket,
            base_url,
            metrics_listen,
            log,
            log_filter: _, // is taken over
            tls,
            limits,
            metrics, // most is taken over
            history,
            alerting: _, // is taken over
            providers,
            agents: _, // are taken over
        } = self;
        let is_other = [
            ("data_dir", *data_dir != running.data_dir),
            ("listen", *listen != running.listen),
            ("socket", *socket != running.socket),
            ("base_url", *base_url != running.base_url),
            ("metrics_listen", *metrics_listen != running.metrics_listen),
            ("log", *log != running.log),
            ("tls", *tls != running.tls),
            ("limits", *limits != running.limits),
            ("metrics.enabled", metrics.enabled != running.metrics.enabled),
            ("metrics.own_machine", metrics.own_machine != running.metrics.own_machine),
            (
                "metrics.node_interval_seconds",
                metrics.node_interval_seconds != running.metrics.node_interval_seconds,
            ),
            ("history", *history != running.history),
            ("provider", *providers != running.providers),
        ];
        is_other.into_iter().filter(|(_, is_other)| *is_other).map(|(key, _)| key).collect()
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

#[cfg(test)]
mod tests;
