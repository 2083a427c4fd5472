//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use hostler_sim::demo;

/// Runs Hostler: one control plane for virtual machines, wherever they run.
#[derive(Debug, Parser)]
#[command(name = "hostlerd", version, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    /// What to do; `run` when not given.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to run.
    #[command(flatten)]
    pub run: RunFlags,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server (the default)
    Run(RunFlags),
    /// Run a server on a simulated fleet; nothing in it is real, nothing of it stays
    Demo(DemoFlags),
    /// Print a link that logs an administrator in once, within 10 minutes
    AdminLink(AdminLinkFlags),
    /// Copy the database to a file, while the server runs or not
    Backup(BackupFlags),
    /// Replace the database by a backup; the server must not run
    Restore(BackupFlags),
    /// Print the OpenAPI document
    Openapi,
    /// Write the dashboards for Grafana that show this server's metrics
    Dashboards(DashboardsFlags),
    /// Show or check the configuration
    Config(ConfigFlags),
}

/// How to run the server. Flags win over the environment (`HOSTLER_…`), that
/// over the file, that over the defaults.
#[derive(Debug, Default, Clone, Args)]
pub struct RunFlags {
    /// Keep state here [default: /var/lib/hostler]
    #[arg(long, value_name = "DIRECTORY")]
    pub data_dir: Option<PathBuf>,
    /// Serve HTTPS here; may be repeated [default: 127.0.0.1:7443]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Vec<SocketAddr>,
    /// Serve local users on this unix socket
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Connect to this provider, for example `local=qemu:///system`; may be repeated
    #[arg(long, value_name = "NAME=URI")]
    pub provider: Vec<String>,
    /// Read this configuration file, and those in the directory beside it that is named alike
    /// with `.d` at its end [default: /etc/hostler/hostlerd.toml, where it exists]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Write logs as `text` or `json` [default: json under systemd, else text]
    #[arg(long, value_name = "FORMAT")]
    pub log: Option<String>,
    /// Freeze operations at this journal write, counted from 0: for tests that kill the server
    #[cfg(debug_assertions)]
    #[arg(long, hide = true, value_name = "WRITE:before|after", value_parser = freeze)]
    pub freeze_at_write: Option<(u64, hostler_engine::Side)>,
}

#[cfg(debug_assertions)]
fn freeze(text: &str) -> Result<(u64, hostler_engine::Side), String> {
    let (write, side) = text.split_once(':').ok_or("write a number, a colon, before or after")?;
    let side = match side {
        "before" => hostler_engine::Side::Before,
        "after" => hostler_engine::Side::After,
        _ => return Err(format!("`{side}` is neither before nor after")),
    };
    write.parse().map(|write| (write, side)).map_err(|error| format!("{write}: {error}"))
}

fn fleet_size(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 1..=demo::FLEET_MAX) => Ok(count),
        _ => Err(format!("a fleet has 1 to {} VMs", demo::FLEET_MAX)),
    }
}

/// How to run the demo.
#[derive(Debug, Clone, Args)]
pub struct DemoFlags {
    /// Serve HTTPS here
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7443")]
    pub listen: SocketAddr,
    /// The same seed gives the same fleet
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many VMs the fleet has, up to 20000
    #[arg(long, value_name = "NUMBER", default_value_t = demo::FLEET, value_parser = fleet_size)]
    pub vms: usize,
    /// Keep state here, where there is none yet, instead of in a temporary directory
    #[arg(long, value_name = "DIRECTORY")]
    pub data_dir: Option<PathBuf>,
    /// Serve local users on this unix socket [default: hostlerd.sock beside the state]
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Send what is measured to the configured outputs, all of it marked as simulated
    #[arg(long)]
    pub send: bool,
}

/// Where to make a login link.
#[derive(Debug, Clone, Args)]
pub struct AdminLinkFlags {
    /// Where the server keeps its state
    #[arg(long, value_name = "DIRECTORY")]
    pub data_dir: Option<PathBuf>,
    /// Where the running server's socket is [default: as configured]
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// How browsers reach the server [default: as the server says]
    #[arg(long, value_name = "URL")]
    pub base_url: Option<String>,
    /// Read this configuration file
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// What to copy where.
#[derive(Debug, Clone, Args)]
pub struct BackupFlags {
    /// Where the server keeps its state
    #[arg(long, value_name = "DIRECTORY")]
    pub data_dir: Option<PathBuf>,
    /// Where the running server's socket is [default: as configured]
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Read this configuration file
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The backup
    pub file: PathBuf,
}

/// Where to write dashboards.
#[derive(Debug, Clone, Args)]
pub struct DashboardsFlags {
    /// Write them into this folder, over those of an earlier version
    #[arg(long, value_name = "DIRECTORY")]
    pub out: PathBuf,
}

/// What about the configuration.
#[derive(Debug, Clone, Args)]
pub struct ConfigFlags {
    /// What to do
    #[command(subcommand)]
    pub action: ConfigAction,
    /// How the server would be run
    #[command(flatten)]
    pub run: RunFlags,
}

/// What to do about the configuration.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum ConfigAction {
    /// Print a configuration file with every key at its default
    Default,
    /// Say whether the configuration is right
    Check,
    /// Print the configuration as the server would use it, and where each value comes from
    #[command(alias = "dump")]
    Show,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_fleet_larger_than_the_simulator_can_make_is_refused() {
        let of = |count: &str| Arguments::try_parse_from(["hostlerd", "demo", "--vms", count]);
        assert!(of("10000").is_ok());
        for count in ["0", "20001", "-1", "many"] {
            assert!(of(count).is_err(), "{count}");
        }
    }

    #[test]
    fn run_is_what_happens_without_a_word() {
        let given = Arguments::try_parse_from([
            "hostlerd",
            "--data-dir",
            "/d",
            "--listen",
            "127.0.0.1:1",
            "--listen",
            "[::1]:2",
            "--provider",
            "local=qemu:///system",
        ])
        .unwrap();
        assert!(given.command.is_none());
        assert_eq!(given.run.listen.len(), 2);
        let spelled = Arguments::try_parse_from(["hostlerd", "run", "--data-dir", "/d"]).unwrap();
        assert!(matches!(spelled.command, Some(Command::Run(_))));
    }
}
