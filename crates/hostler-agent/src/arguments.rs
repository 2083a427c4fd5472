//! The command line and the environment, which win over the file in this order.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;

use crate::config::{LogFormat, Switch};

/// Measures this machine, its containers and its VMs, and serves what it measured.
#[derive(Debug, Default, Clone, Parser)]
#[command(name = "hostler-agent", version)]
pub struct Flags {
    /// Read this configuration file [default: /etc/hostler/agent.toml, where it exists]
    #[arg(long, value_name = "FILE", env = "HOSTLER_AGENT_CONFIG")]
    pub config: Option<PathBuf>,
    /// Serve here; may be repeated [default: 127.0.0.1:9177]
    #[arg(long, value_name = "ADDRESS:PORT", env = "HOSTLER_AGENT_LISTEN", value_delimiter = ',')]
    pub listen: Vec<SocketAddr>,
    /// Serve only those who show the token in this file
    #[arg(long, value_name = "FILE", env = "HOSTLER_AGENT_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// Serve by TLS with the certificate in this PEM file, and those that signed it
    #[arg(long, value_name = "FILE", env = "HOSTLER_AGENT_TLS_CERTIFICATE")]
    pub tls_certificate: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", env = "HOSTLER_AGENT_TLS_KEY")]
    pub tls_key: Option<PathBuf>,
    /// Call this machine so [default: its own name]
    #[arg(long, value_name = "NAME", env = "HOSTLER_AGENT_HOST")]
    pub host: Option<String>,
    /// Measure the VMs of this libvirt, for example qemu:///system; or `off`
    #[arg(long, value_name = "URI", env = "HOSTLER_AGENT_LIBVIRT")]
    pub libvirt: Option<String>,
    /// Tell by what the VMs of KubeVirt on this node run, `on` or `off` [default: off]
    #[arg(long, value_name = "SWITCH", env = "HOSTLER_AGENT_KUBEVIRT")]
    pub kubevirt: Option<Switch>,
    /// Measure the containers of the Docker behind this socket; or `off`
    #[arg(long, value_name = "SOCKET", env = "HOSTLER_AGENT_DOCKER")]
    pub docker: Option<String>,
    /// Measure the containers of the Podman behind this socket; or `off`
    #[arg(long, value_name = "SOCKET", env = "HOSTLER_AGENT_PODMAN")]
    pub podman: Option<String>,
    /// Write logs as `text` or `json` [default: json under systemd, else text]
    #[arg(long, value_name = "FORMAT", env = "HOSTLER_AGENT_LOG")]
    pub log: Option<LogFormat>,
    /// Log this much: error, warn, info, debug, trace, or directives [default: info]
    #[arg(long, value_name = "FILTER", env = "HOSTLER_AGENT_LOG_FILTER")]
    pub log_filter: Option<String>,
    /// Say whether the configuration is right, and end
    #[arg(long)]
    pub check: bool,
    /// Print a configuration file with every key at its default, and end
    #[arg(long)]
    pub default_config: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Flags::command().debug_assert();
    }
}
