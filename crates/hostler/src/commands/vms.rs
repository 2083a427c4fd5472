//! `hostler vm`: the grammar of VMs, listing, showing and describing them.

use std::time::Duration;

use clap::{Args, Subcommand};
use hostler_api::{Nothing, v1};
use hostler_client::{Item, Terms};

use super::migrations::{self, MigrateArgs};
use super::outlook::OutlookArgs;
use super::vm_actions::{self, Power};
use super::vm_change::ChangeArgs;
use super::{
    DryRunArg, ServerDryRunArg, WatchArg, console, outlook, show_page, vm_change, vm_clone,
    vm_create, vm_edit,
};
use crate::app::App;
use crate::complete::Names;
use crate::failure::{Failure, Result};
use crate::output::Resource;
use crate::select::{Selection, called, one_vm};
use crate::text::{parse_duration, printable_lines};
use crate::watch;
use crate::work::WaitArgs;

/// What can be done with VMs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make a VM.
    Create(Box<vm_create::CreateArgs>),
    /// List VMs.
    #[command(visible_alias = "ls")]
    List(VmListArgs),
    /// Show a VM: what is asked of it and what was seen.
    #[command(after_long_help = examples!(
        "hostler vm show web",
        "hostler vm show web --watch",
        "hostler vm show web -o json"
    ))]
    Show {
        /// Its name or id.
        #[arg(add = Names::Vm)]
        vm: String,
        #[command(flatten)]
        watch: WatchArg,
    },
    /// Show what was last measured of a VM: processors, memory, disks, network.
    #[command(after_long_help = examples!(
        "hostler vm stats web",
        "hostler vm stats web --watch",
        "hostler vm stats web -o json"
    ))]
    Stats {
        /// Its name or id.
        #[arg(add = Names::Vm)]
        vm: String,
        /// Show the main figures each time they are measured, until Ctrl-C.
        #[arg(short, long)]
        watch: bool,
    },
    /// Show what will be of a VM: when it is full, what is unusual, whether its size fits.
    #[command(after_long_help = examples!(
        "hostler vm outlook web",
        "hostler vm outlook web --horizon 30d",
        "hostler vm outlook web -o json"
    ))]
    Outlook {
        /// Its name or id.
        #[arg(add = Names::Vm)]
        vm: String,
        #[command(flatten)]
        outlook: OutlookArgs,
    },
    /// Start VMs; saved ones resume.
    Start(StartArgs),
    /// Stop VMs: ask the guest, or cut the power.
    Stop(StopArgs),
    /// Ask guests to reboot.
    #[command(visible_alias = "reboot")]
    Restart(RestartArgs),
    /// Press the reset button of VMs; unwritten data is lost.
    #[command(after_long_help = examples!(
        "hostler vm reset web"
    ))]
    Reset(PowerArgs),
    /// Stop the processors of VMs.
    #[command(after_long_help = examples!(
        "hostler vm pause web",
        "hostler vm pause 'web-*'"
    ))]
    Pause(PowerArgs),
    /// Let the processors of paused VMs run again.
    #[command(after_long_help = examples!(
        "hostler vm resume web",
        "hostler vm resume --filter state=paused"
    ))]
    Resume(PowerArgs),
    /// Write the memory of VMs to disk and turn them off.
    #[command(after_long_help = examples!(
        "hostler vm save web"
    ))]
    Save(PowerArgs),
    /// Move running VMs to another host.
    Migrate(MigrateArgs),
    /// Make a VM of another one, or of one of its snapshots.
    Clone(vm_clone::CloneArgs),
    /// Delete VMs; their disks are kept unless --disks is given.
    #[command(visible_alias = "rm")]
    Delete(DeleteArgs),
    /// Open a VM's serial console; Ctrl-] leaves it.
    Console(ConsoleArgs),
    /// Change processors, memory, description or labels of VMs.
    Set(Box<SetArgs>),
    /// Change the description or labels of a VM in your editor.
    Edit(vm_edit::Args),
    /// Show the provider's own definition of a VM, unchanged.
    #[command(visible_alias = "definition")]
    #[command(after_long_help = examples!(
        "hostler vm xml web",
        "hostler vm xml web | xmllint --xpath //devices/disk -"
    ))]
    Xml {
        /// Its name or id.
        #[arg(add = Names::Vm)]
        vm: String,
    },
}

const LIST_EXAMPLES: &str = "\
Examples:
  hostler vm list
  hostler vm list 'web-*' -l tier=web --sort -memory_bytes
  hostler vm list --filter 'state=running AND host=h1 AND memory_bytes>=1073741824'
  hostler vm list -o csv --columns name,state,memory

Filters compare name, state, host, provider, namespace, project, cpu_count, memory_bytes,
created_at, managed and label.KEY by = != >= <= > <; `*` in a text stands for anything.";

/// Which VMs to list, and how.
#[derive(Debug, Clone, Default, Args)]
#[command(after_long_help = LIST_EXAMPLES)]
pub(crate) struct VmListArgs {
    #[command(flatten)]
    pub(crate) list: super::ListArgs,
    /// Only those with this name; `*` stands for anything.
    #[arg(value_name = "NAME", add = Names::Vm)]
    pub(crate) name: Option<String>,
    /// Only those with this label; KEY!=VALUE for those without it.
    #[arg(short = 'l', long = "label-selector", value_name = "KEY=VALUE")]
    pub(crate) labels: Vec<String>,
    /// All of them, which is what is shown anyway.
    #[arg(long, hide = true)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) watch: WatchArg,
}

/// Which VMs, and whether to wait.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct PowerArgs {
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
    #[command(flatten)]
    pub(crate) dry_run: ServerDryRunArg,
    /// That nothing has to be done, because it is so already, is a failure.
    #[arg(long)]
    pub(crate) strict: bool,
}

impl PowerArgs {
    /// Whether to wait, and what counts as a failure.
    pub(crate) fn wait(&self) -> WaitArgs {
        WaitArgs { strict: self.strict, ..self.wait }
    }
}

/// Which VMs to start.
#[derive(Debug, Clone, Default, Args)]
#[command(after_long_help = examples!(
    "hostler vm start web",
    "hostler start 'web-*' db --no-wait",
    "hostler start -l tier=web --dry-run"
))]
pub(crate) struct StartArgs {
    #[command(flatten)]
    pub(crate) power: PowerArgs,
}

/// Which VMs to stop, and how.
#[derive(Debug, Clone, Default, Args)]
#[command(after_long_help = examples!(
    "hostler vm stop web",
    "hostler stop web --grace 5m --then-force",
    "hostler stop --force web"
))]
pub(crate) struct StopArgs {
    #[command(flatten)]
    pub(crate) power: PowerArgs,
    /// Cut the power now; unwritten data is lost.
    #[arg(short, long, conflicts_with_all = ["then_force", "grace"])]
    pub(crate) force: bool,
    /// Cut the power when the guest does not obey in time.
    #[arg(long)]
    pub(crate) then_force: bool,
    /// How long the guest has to obey.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "90s")]
    pub(crate) grace: Duration,
}

/// Which VMs to restart, and how.
#[derive(Debug, Clone, Default, Args)]
#[command(after_long_help = examples!(
    "hostler vm restart web",
    "hostler restart -l tier=web --timeout 5m",
    "hostler restart --reset web"
))]
pub(crate) struct RestartArgs {
    #[command(flatten)]
    pub(crate) power: PowerArgs,
    /// Press the reset button instead of asking the guest.
    #[arg(long, visible_alias = "force")]
    pub(crate) reset: bool,
}

/// Which VMs to delete, and what of them.
#[derive(Debug, Clone, Default, Args)]
#[command(after_long_help = examples!(
    "hostler vm delete web",
    "hostler rm web --disks",
    "hostler rm web --force --yes --if-exists",
    "hostler rm 'test-*' --dry-run"
))]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    pub(crate) power: PowerArgs,
    /// Delete the volumes made for it too, with the data on them.
    #[arg(long)]
    pub(crate) disks: bool,
    /// Cut the power first where it runs.
    #[arg(short, long)]
    pub(crate) force: bool,
    /// Do not ask.
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// That there is no such VM is a success.
    #[arg(long)]
    pub(crate) if_exists: bool,
}

/// Which console, and how long.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = examples!(
    "hostler vm console web",
    "hostler console web --until 'login:' --for 2m < /dev/null"
))]
pub(crate) struct ConsoleArgs {
    /// The VM's name or id.
    #[arg(add = Names::Vm)]
    pub(crate) vm: String,
    /// Disconnect whoever is connected.
    #[arg(long)]
    pub(crate) take_over: bool,
    /// Leave after this time.
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) limit: Option<Duration>,
    /// Leave when this text has come; it is an error when it does not.
    #[arg(long, value_name = "TEXT")]
    pub(crate) until: Option<String>,
}

/// What to change of which VMs.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = examples!(
    "hostler vm set web --description 'the web server'",
    "hostler vm set 'web-*' --label tier=web --remove-label old",
    "hostler vm set web --cpus 4 --memory 8G --dry-run",
    "hostler vm set web --memory 8G --take-over --no-wait"
))]
pub(crate) struct SetArgs {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Free text; an empty one removes it.
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// Set this label; may be given several times.
    #[arg(long = "label", value_name = "KEY=VALUE")]
    pub(crate) set_labels: Vec<String>,
    /// Remove this label; may be given several times.
    #[arg(long = "remove-label", value_name = "KEY")]
    pub(crate) remove_labels: Vec<String>,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    #[command(flatten)]
    pub(crate) dry_run: DryRunArg,
}

pub(crate) async fn run(app: &App, verb: Verb) -> Result {
    match verb {
        Verb::Create(args) => vm_create::run(app, *args).await,
        Verb::List(args) => list(app, args).await,
        Verb::Show { vm, watch } => {
            let client = app.client()?;
            let vm = one_vm(&client, &vm).await?.value.id;
            super::show::<v1::VmShow, _>(app, &client, v1::VmPath { vm }, watch).await
        }
        Verb::Stats { vm, watch } => {
            let client = app.client()?;
            let vm = one_vm(&client, &vm).await?.value.id;
            if watch {
                return super::live::watch_vm(app, &client, vm).await;
            }
            let once = WatchArg::default();
            super::show::<v1::VmMetrics, _>(app, &client, v1::VmPath { vm }, once).await
        }
        Verb::Outlook { vm, outlook: args } => {
            let client = app.client()?;
            let vm = one_vm(&client, &vm).await?.value.id;
            outlook::show::<v1::VmOutlook>(app, &client, v1::VmPath { vm }, args).await
        }
        Verb::Start(args) => vm_actions::power(app, args.power, Power::Start).await,
        Verb::Stop(args) => {
            let timeout_seconds = u32::try_from(args.grace.as_secs()).unwrap_or(u32::MAX);
            let mode = match (args.force, args.then_force) {
                (true, _) => v1::VmStopMode::Force,
                (_, true) => v1::VmStopMode::GracefulThenForce,
                _ => v1::VmStopMode::Graceful,
            };
            let stop = v1::VmStopRequest { mode, timeout_seconds };
            vm_actions::power(app, args.power, Power::Stop(stop)).await
        }
        Verb::Restart(args) if args.reset => vm_actions::power(app, args.power, Power::Reset).await,
        Verb::Restart(args) => vm_actions::power(app, args.power, Power::Reboot).await,
        Verb::Reset(args) => vm_actions::power(app, args, Power::Reset).await,
        Verb::Pause(args) => vm_actions::power(app, args, Power::Pause).await,
        Verb::Resume(args) => vm_actions::power(app, args, Power::Resume).await,
        Verb::Save(args) => vm_actions::power(app, args, Power::Save).await,
        Verb::Migrate(args) => migrations::migrate(app, args).await,
        Verb::Clone(args) => vm_clone::run(app, args).await,
        Verb::Delete(args) => vm_actions::delete(app, args).await,
        Verb::Console(args) => console::run(app, args).await,
        Verb::Set(args) => set(app, *args).await,
        Verb::Edit(args) => vm_edit::run(app, args).await,
        Verb::Xml { vm } => {
            let client = app.client()?;
            let vm = one_vm(&client, &vm).await?.value.id;
            let text = client.show::<v1::VmDefinition>(&v1::VmPath { vm }).await?.value;
            let ends = text.ends_with('\n');
            // To a file or program it goes unchanged; a screen must not obey it.
            let text = if app.terminal.is_screen { printable_lines(&text) } else { text };
            app.terminal.write(&if ends { text } else { text + "\n" })
        }
    }
}

/// Lists VMs by name; the server filters and sorts.
async fn list(app: &App, args: VmListArgs) -> Result {
    let mut terms: Vec<String> =
        args.name.iter().map(|name| format!("name={}", crate::select::quote(name))).collect();
    terms.extend(crate::select::narrowing(&args.labels, args.list.filter.as_deref())?);
    let filter = (!terms.is_empty()).then(|| terms.join(" AND "));
    let sort = args.list.sort.clone().or_else(|| Some("name".into()));
    let list = super::ListArgs { filter, sort, ..args.list };
    let client = app.client()?;
    let read = || super::read::<v1::VmList, v1::VmSummary>(&client, Nothing {}, &list);
    if args.watch.watch {
        let look = || async { Ok(read().await?.items) };
        return watch::run(app, &client, look, |_| false).await;
    }
    show_page(app, &read().await?)
}

/// Changes description and labels, one VM after another.
async fn set(app: &App, args: SetArgs) -> Result {
    let mut patch = v1::VmPatch { description: args.description, ..v1::VmPatch::default() };
    for label in &args.set_labels {
        let (key, value) = label
            .split_once('=')
            .ok_or_else(|| Failure::usage(format!("`{label}` is no label; write KEY=VALUE")))?;
        patch.labels.insert(key.to_owned(), Some(value.to_owned()));
    }
    for key in &args.remove_labels {
        if patch.labels.insert(key.clone(), None).is_some() {
            return Err(Failure::usage(format!("label `{key}` is both set and removed")));
        }
    }
    if patch == v1::VmPatch::default() && !args.change.is_given() {
        return Err(Failure::usage("nothing is to be changed")
            .with_hint("give --cpus, --memory, --description, --label or --remove-label"));
    }
    let client = app.client()?;
    let is_list = !args.selection.is_single();
    let mut changed: Vec<Item<v1::Vm>> = Vec::new();
    let vms = args.selection.resolve(&client).await?;
    if args.change.is_given() {
        let how = (is_list, args.dry_run.is_given());
        return vm_change::run(app, &client, vms, (args.change, patch), how).await;
    }
    let lines: Vec<String> =
        vms.iter().map(|vm| format!("~ {}: {}", called(&vm.value), told(&patch))).collect();
    if args.dry_run.tell(app, &lines)? {
        return Ok(());
    }
    for vm in vms {
        let path = v1::VmPath { vm: vm.value.id.clone() };
        let failed =
            |error| Failure::from(error).during(format!("cannot change {}", called(&vm.value)));
        let shown = client.show::<v1::VmShow>(&path).await.map_err(failed)?;
        // Nobody's change in between is overwritten.
        let if_match = shown.etag().map(str::to_owned);
        let terms = Terms { if_match, ..Terms::default() };
        let answer =
            client.ask::<v1::VmUpdate>(&path, &Nothing {}, &patch, &terms).await.map_err(failed)?;
        app.say(format!("{} changed", called(&vm.value)));
        changed.push(Item { value: answer.value, json: answer.json });
    }
    let view = app.view()?;
    match (view.is_for_people(), is_list, changed.as_slice()) {
        (true, ..) => Ok(()),
        (false, false, [only]) => view.one(only),
        (false, ..) => view.list(&changed),
    }
}

/// What a patch changes, in words.
fn told(patch: &v1::VmPatch) -> String {
    let description = patch.description.iter().map(|text| format!("description \"{text}\""));
    let labels = patch.labels.iter().map(|(key, value)| match value {
        Some(value) => format!("label {key}={value}"),
        None => format!("no label {key}"),
    });
    description.chain(labels).collect::<Vec<_>>().join(", ")
}

/// The disks of a VM, as `virsh domblklist` shows them.
pub(crate) async fn details(app: &App, vm: &str, title: &str) -> Result {
    let client = app.client()?;
    let vm = one_vm(&client, vm).await?.value.id;
    let vm = client.show::<v1::VmShow>(&v1::VmPath { vm }).await?.value;
    let view = app.view()?;
    let table = vm.details(&view).into_iter().find(|(name, _)| *name == title);
    match table {
        Some((_, text)) => app.terminal.write(&text),
        None => {
            app.say("nothing of it is known");
            Ok(())
        }
    }
}
