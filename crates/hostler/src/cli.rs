//! The grammar: `hostler NOUN VERB [NAME…]`, and shortcuts for the daily verbs.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    adoptions, agents, alerts, api, clusters, contexts, custom_metrics, disks, events, explain,
    hosts, images, instance_types, man, migrations, muscle, networks, operations, outputs, pools,
    providers, silences, snapshots, templates, tokens, vms, volumes,
};
use crate::complete::{Names, Shell};
use crate::output::{Output, OutputParser};
use crate::terminal::Colour;

const EXAMPLES: &str = "\
Examples:
  hostler vm create web --image debian-13 --cpus 2 --memory 2G --disk 20G --network default
  hostler ls -l tier=web
  hostler restart 'web-*'
  hostler console web
  hostler vm list --filter 'state=running AND host=h1' -o json
  hostler ls -o 'template={{ name }} {{ status.state }}'
  hostler explain vm.disks.bus

Which server: --url or --socket, else --context, else HOSTLER_URL or HOSTLER_SOCKET,
else HOSTLER_CONTEXT, else the context in use, else the server of this machine.

Also read from the environment: HOSTLER_TOKEN_FILE, HOSTLER_CA_FILE, HOSTLER_OUTPUT (as -o takes
it), HOSTLER_PROJECT (of new VMs), HOSTLER_COMPLETE_SECONDS (how long Tab waits for names; 1),
VISUAL and EDITOR, NO_COLOR and FORCE_COLOR.

Exit codes: 0 done, 1 some of several failed, 2 usage, 3 not allowed, 4 not found,
5 conflict, 6 not supported, 7 no room, 8 unreachable or timed out, 9 cancelled,
70 a bug, 130 left by Ctrl-C while the operation goes on.";

const COMPLETION: &str = "\
Examples:
  hostler completion bash | sudo tee /etc/bash_completion.d/hostler
  hostler completion zsh > ~/.zfunc/_hostler
  hostler completion fish > ~/.config/fish/completions/hostler.fish

Names of VMs, hosts and the rest come from the server that the line names, else from the one
in use. One that does not answer within a second is not waited for.";

/// One truthful control plane for virtual machines, wherever they run.
#[derive(Debug, Parser)]
#[command(name = "hostler", version, after_long_help = EXAMPLES, propagate_version = false)]
#[command(disable_help_subcommand = false, arg_required_else_help = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Global {
    /// Use this context (see `hostler context`).
    #[arg(long, global = true, value_name = "NAME", help_heading = "Connection")]
    #[arg(hide_short_help = true, conflicts_with_all = ["url", "socket"], add = Names::Context)]
    pub(crate) context: Option<String>,
    /// The server's URL, for example https://server:7443.
    #[arg(long, global = true, value_name = "URL", help_heading = "Connection")]
    #[arg(hide_short_help = true, conflicts_with = "socket")]
    pub(crate) url: Option<String>,
    /// The server's Unix socket.
    #[arg(long, global = true, value_name = "PATH", help_heading = "Connection")]
    #[arg(hide_short_help = true, value_hint = clap::ValueHint::AnyPath)]
    pub(crate) socket: Option<PathBuf>,
    /// A file that holds the token, readable by its owner alone.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Connection")]
    #[arg(hide_short_help = true, value_hint = clap::ValueHint::FilePath)]
    pub(crate) token_file: Option<PathBuf>,
    /// The only authority whose certificates are accepted (PEM).
    #[arg(long, global = true, value_name = "FILE", help_heading = "Connection")]
    #[arg(hide_short_help = true, value_hint = clap::ValueHint::FilePath)]
    pub(crate) ca_file: Option<PathBuf>,
    /// Show the HTTP exchange on stderr, without its secrets.
    #[arg(long, global = true, help_heading = "Connection", hide_short_help = true)]
    pub(crate) debug: bool,

    /// How to show the result [default: table, or HOSTLER_OUTPUT].
    #[arg(short, long, global = true, value_parser = OutputParser, value_name = "FORMAT")]
    #[arg(help_heading = "Output", hide_short_help = true)]
    pub(crate) output: Option<Output>,
    /// Show more columns; the same as `-o wide`.
    #[arg(long, global = true, help_heading = "Output", conflicts_with = "output")]
    #[arg(hide_short_help = true)]
    pub(crate) wide: bool,
    /// Show these columns, separated by commas.
    #[arg(long, global = true, value_delimiter = ',', value_name = "NAMES")]
    #[arg(help_heading = "Output", hide_short_help = true)]
    pub(crate) columns: Vec<String>,
    /// Leave out the line of column names.
    #[arg(long, global = true, help_heading = "Output", hide_short_help = true)]
    pub(crate) no_headers: bool,
    /// Show ids only.
    #[arg(short, long, global = true, help_heading = "Output", hide_short_help = true)]
    #[arg(conflicts_with_all = ["output", "wide", "columns"])]
    pub(crate) quiet: bool,
    /// When to use colours.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    #[arg(help_heading = "Output", hide_short_help = true)]
    pub(crate) color: Colour,
}

/// Nouns, shortcuts, and a few commands without a noun.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Virtual machines.
    #[command(subcommand)]
    Vm(vms::Verb),
    /// VMs that were made elsewhere, and what becomes of them.
    #[command(subcommand, visible_alias = "adoption")]
    Adopt(adoptions::Verb),
    /// Machines that run VMs.
    #[command(subcommand)]
    Host(hosts::Verb),
    /// Places that hold volumes.
    #[command(subcommand)]
    Pool(pools::Verb),
    /// Volumes of a pool.
    #[command(subcommand)]
    Volume(volumes::Verb),
    /// Disks of VMs that exist: attached and detached.
    #[command(subcommand)]
    Disk(disks::Verb),
    /// Snapshots of VMs, and going back to them.
    #[command(subcommand)]
    Snapshot(snapshots::Verb),
    /// Moves of running VMs from host to host.
    #[command(subcommand)]
    Migration(migrations::Verb),
    /// What VMs are made from.
    #[command(subcommand)]
    Image(images::Verb),
    /// What several VMs are made from, in versions.
    #[command(subcommand)]
    Template(templates::Verb),
    /// Sizes that providers offer for VMs.
    #[command(subcommand)]
    InstanceType(instance_types::Verb),
    /// What providers fill in where a VM says nothing.
    #[command(subcommand)]
    Preference(instance_types::PreferenceVerb),
    /// Networks that VMs can be connected to.
    #[command(subcommand)]
    Network(networks::Verb),
    /// Operations: changes that take time.
    #[command(subcommand, visible_alias = "operation")]
    Op(operations::Verb),
    /// What happened.
    #[command(subcommand)]
    Event(events::Verb),
    /// What is wrong now, and who cares for it.
    #[command(subcommand)]
    Alert(alerts::Verb),
    /// For how long nobody is told about which alerts.
    #[command(subcommand)]
    Silence(silences::Verb),
    /// Connections to places where VMs run.
    #[command(subcommand)]
    Provider(providers::Verb),
    /// Clusters: providers that are many hosts under one authority.
    #[command(subcommand)]
    Cluster(clusters::Verb),
    /// Programs on machines that measure them from within.
    #[command(subcommand)]
    Agent(agents::Verb),
    /// Metrics that you measure yourself.
    #[command(subcommand)]
    Metric(custom_metrics::Verb),
    /// Places that the history of metrics is sent to.
    #[command(subcommand)]
    Output(outputs::Verb),
    /// API tokens.
    #[command(subcommand)]
    Token(tokens::Verb),
    /// Servers that this command line knows.
    #[command(subcommand)]
    Context(contexts::Verb),

    /// List VMs (vm list).
    Ls(vms::VmListArgs),
    /// Start VMs (vm start).
    Start(vms::StartArgs),
    /// Stop VMs (vm stop).
    Stop(vms::StopArgs),
    /// Restart VMs (vm restart).
    Restart(vms::RestartArgs),
    /// Pause VMs (vm pause).
    #[command(after_long_help = examples!("hostler pause web", "hostler pause 'web-*'"))]
    Pause(vms::PowerArgs),
    /// Resume VMs (vm resume).
    #[command(after_long_help = examples!("hostler resume web", "hostler resume --filter state=paused"))]
    Resume(vms::PowerArgs),
    /// Open a VM's serial console (vm console).
    Console(vms::ConsoleArgs),
    /// Delete VMs (vm delete).
    Rm(vms::DeleteArgs),

    /// Send a request to the API as it is.
    Api(api::Args),
    /// Tell what a field means, which values it takes and what is so by default.
    Explain(explain::Args),
    /// Show the versions of this program and of the server, and who you are there.
    #[command(after_long_help = examples!("hostler version", "hostler version -o json"))]
    Version,
    /// Print the script by which a shell completes commands, flags and names.
    #[command(alias = "completions", after_long_help = COMPLETION)]
    Completion {
        /// The shell.
        shell: Shell,
    },
    /// Print a manual page, or write all of them.
    #[command(hide = true)]
    Man(man::Args),

    /// What virsh users type by habit.
    #[command(flatten)]
    Muscle(muscle::Command),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_grammar_does_not_contradict_itself() {
        super::Cli::command().debug_assert();
    }
}
