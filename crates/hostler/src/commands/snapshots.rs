//! `hostler snapshot`.

use clap::{Args, Subcommand, ValueEnum};
use hostler_api::{LIMIT_MAX, ListQuery, Nothing, v1};
use hostler_client::{Client, Item, Terms};
use hostler_core::{Code, Kind};

use super::{DryRunArg, ListArgs, WatchArg, confirm};
use crate::app::App;
use crate::complete::Names;
use crate::failure::{Failure, Result};
use crate::output::{Column, Resource, age, fact, list, opt, text};
use crate::select::one_vm;
use crate::work::{self, Target, WaitArgs, Words};

mod loss;

/// What can be done with snapshots.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List the snapshots of a VM.
    #[command(visible_alias = "ls")]
    #[command(after_long_help = examples!(
        "hostler snapshot list web",
        "hostler snapshot list web -o wide"
    ))]
    List {
        /// The VM's name or id.
        #[arg(add = Names::Vm)]
        vm: String,
        #[command(flatten)]
        list: ListArgs,
        #[command(flatten)]
        watch: WatchArg,
    },
    /// Take a snapshot of a VM.
    Create(CreateArgs),
    /// Put a VM back to a snapshot; what was written since is lost.
    #[command(after_long_help = examples!(
        "hostler snapshot revert web before-upgrade",
        "hostler snapshot revert web before-upgrade --dry-run"
    ))]
    Revert(OneArgs),
    /// Delete a snapshot; the VM stays as it is.
    #[command(after_long_help = examples!(
        "hostler snapshot delete web before-upgrade",
        "hostler snapshot delete web before-upgrade --yes --if-exists"
    ))]
    Delete {
        #[command(flatten)]
        one: OneArgs,
        /// That there is no such snapshot is a success.
        #[arg(long)]
        if_exists: bool,
    },
}

/// What to take, and whether to wait.
#[derive(Debug, Args)]
#[command(after_long_help = examples!(
    "hostler snapshot create web before-upgrade",
    "hostler snapshot create web nightly --quiesce required --description 'before the backup'",
    "hostler snapshot create web now --memory"
))]
pub(crate) struct CreateArgs {
    /// The VM's name or id.
    #[arg(add = Names::Vm)]
    vm: String,
    /// The snapshot's name, unique among those of the VM.
    name: String,
    /// Free text about it.
    #[arg(long, value_name = "TEXT", default_value = "")]
    description: String,
    /// Hold the memory, too: going back to it goes on where it was.
    #[arg(long)]
    memory: bool,
    /// Whether the guest has to be brought to rest.
    #[arg(long, value_enum, default_value = "wanted")]
    quiesce: Quiesce,
    #[command(flatten)]
    dry_run: DryRunArg,
    #[command(flatten)]
    wait: WaitArgs,
}

/// Which snapshot, and whether to wait.
#[derive(Debug, Args)]
pub(crate) struct OneArgs {
    /// The VM's name or id.
    #[arg(add = Names::Vm)]
    vm: String,
    /// The snapshot's name; or its reference, where several have the same name.
    snapshot: String,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    dry_run: DryRunArg,
    #[command(flatten)]
    wait: WaitArgs,
}

/// Whether the guest has to be brought to rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Quiesce {
    /// If it can be; what came of it is told.
    Wanted,
    /// It has to be: there is no snapshot otherwise.
    Required,
}

pub(crate) async fn run(app: &App, verb: Verb) -> Result {
    let client = app.client()?;
    match verb {
        Verb::List { vm, list, watch } => {
            let path = v1::VmPath { vm: one_vm(&client, &vm).await?.value.id };
            super::list::<v1::SnapshotList, _>(app, path, &list, watch).await
        }
        Verb::Create(args) => create(app, &client, args).await,
        Verb::Revert(args) => revert(app, &client, args).await,
        Verb::Delete { one, if_exists } => delete(app, &client, one, if_exists).await,
    }
}

async fn create(app: &App, client: &Client, args: CreateArgs) -> Result {
    let vm = one_vm(client, &args.vm).await?.value;
    let called = called(&args.vm, &args.name);
    if args.dry_run.is_given() {
        admitted(&vm, &["snapshot"], &format!("cannot take {called}"))?;
        if all(client, &vm.id).await?.iter().any(|one| one.value.name == args.name) {
            let message = format!("cannot take {called}: there is one already");
            return Err(Failure::new(Kind::Conflict.exit_code(), message));
        }
    }
    let body = v1::SnapshotRequest {
        name: args.name,
        description: args.description,
        content: match args.memory {
            true => v1::SnapshotContent::DisksAndMemory,
            false => v1::SnapshotContent::Disks,
        },
        quiesce: match args.quiesce {
            Quiesce::Wanted => v1::Quiesce::Wanted,
            Quiesce::Required => v1::Quiesce::Required,
        },
    };
    let rest = match (&body.content, &body.quiesce) {
        (v1::SnapshotContent::DisksAndMemory, _) => "",
        (_, v1::Quiesce::Wanted) => ", the guest at rest if it can be",
        (_, v1::Quiesce::Required) => ", the guest at rest",
    };
    let what = word(&body.content).replace('_', " ");
    if args.dry_run.tell(app, &[format!("+ {called}: {what}{rest}")])? {
        return Ok(());
    }
    let words = Words { verb: "create", done: "created" };
    let target = Target { called, id: vm.id };
    let submit = |vm| {
        let (client, body) = (client.clone(), body.clone());
        async move {
            let path = v1::VmPath { vm };
            client.ask::<v1::SnapshotCreate>(&path, &Nothing {}, &body, &Terms::default()).await
        }
    };
    work::run(app, client, args.wait, words, vec![target], false, submit).await
}

async fn revert(app: &App, client: &Client, args: OneArgs) -> Result {
    let summary = one_vm(client, &args.vm).await?.value;
    let Some(found) = find(client, &summary.id, &args).await? else {
        return Err(missing(&args));
    };
    let path = v1::VmPath { vm: summary.id.clone() };
    let vm = client.show::<v1::VmShow>(&path).await?.value;
    let losses = loss::losses(&vm, &args.vm, &found.value);
    let called = called(&args.vm, &found.value.name);
    let cannot = format!("cannot revert to {called}");
    if args.dry_run.is_given() {
        admitted(&summary, &["revert"], &cannot)?;
    }
    // By `--yes` the server decides; nobody is made to type a name for nothing, though.
    if loss::is_refused(&vm) && !args.yes {
        let message = format!("{cannot}: the VM is {}", vm.summary.status.state);
        let hint = format!("its provider puts back stopped VMs only: `hostler stop {}`", args.vm);
        return Err(Failure::new(Kind::Conflict.exit_code(), message).with_hint(hint));
    }
    let line = format!("~ VM \"{}\" goes back to snapshot {}", args.vm, told(&found.value));
    let indented = losses.iter().map(|loss| format!("  {loss}"));
    if args.dry_run.tell(app, &[vec![line], indented.collect()].concat())? {
        return Ok(());
    }
    confirm(app, args.yes, &losses, Some(&args.vm))?;
    let words = Words { verb: "revert to", done: "reverted to" };
    // What was told is what is done: by the word that was typed, another could be meant by then.
    let target = Target { called, id: found.value.reference };
    let submit = |snapshot| {
        let (client, vm) = (client.clone(), summary.id.clone());
        async move {
            let path = v1::SnapshotPath { vm, snapshot };
            let terms = Terms::default();
            client.ask::<v1::SnapshotRevert>(&path, &Nothing {}, &Nothing {}, &terms).await
        }
    };
    work::run(app, client, args.wait, words, vec![target], false, submit).await
}

async fn delete(app: &App, client: &Client, args: OneArgs, if_exists: bool) -> Result {
    let vm = one_vm(client, &args.vm).await?.value;
    let Some(found) = find(client, &vm.id, &args).await? else {
        if if_exists {
            app.say(format!("there is no {}", called(&args.vm, &args.snapshot)));
            return Ok(());
        }
        return Err(missing(&args));
    };
    let called = called(&args.vm, &found.value.name);
    if args.dry_run.is_given() {
        // Servers that know no verdict for it take it for any other change.
        admitted(&vm, &["delete_snapshot", "update"], &format!("cannot delete {called}"))?;
    }
    let line = format!("- snapshot {} of VM \"{}\"", told(&found.value), args.vm);
    if args.dry_run.tell(app, &[line])? {
        return Ok(());
    }
    let losses = [format!("{called}: there is no going back to it any more")];
    confirm(app, args.yes, &losses, None)?;
    let words = Words { verb: "delete", done: "deleted" };
    let target = Target { called, id: found.value.reference };
    let submit = |snapshot| {
        let (client, vm) = (client.clone(), vm.id.clone());
        async move {
            let path = v1::SnapshotPath { vm, snapshot };
            let terms = Terms::default();
            client.ask::<v1::SnapshotDelete>(&path, &Nothing {}, &Nothing {}, &terms).await
        }
    };
    work::run(app, client, args.wait, words, vec![target], false, submit).await
}

/// A snapshot for messages.
fn called(vm: &str, name: &str) -> String {
    format!("snapshot \"{name}\" of VM \"{vm}\"")
}

/// The same for plans: which one of that name it is, and of when.
fn told(snapshot: &v1::Snapshot) -> String {
    let of = snapshot.taken_at.value.map_or_else(String::new, |at| format!(" of {}", at.0));
    format!("\"{}\"{of} ({})", snapshot.name, snapshot.reference)
}

fn missing(args: &OneArgs) -> Failure {
    let hint = format!("`hostler snapshot list {}` shows those there are", args.vm);
    let called = called(&args.vm, &args.snapshot);
    Failure::not_found(format!("there is no {called}")).with_hint(hint)
}

/// Fails with the server's reason where it would not take on the first of these actions that it
/// has a verdict for.
fn admitted(vm: &v1::VmSummary, actions: &[&str], cannot: &str) -> Result {
    let verdict = actions.iter().find_map(|action| vm.actions.get(*action));
    match verdict {
        Some(verdict) if !verdict.allowed => {
            let code = verdict.code.as_deref().and_then(Code::parse);
            let reason = verdict.reason.as_deref().unwrap_or("the server does not say why");
            let exit = code.map_or(Kind::Conflict, Code::kind).exit_code();
            Err(Failure::new(exit, format!("{cannot}: {reason}")))
        }
        _ => Ok(()),
    }
}

/// The snapshot of that reference, else the only one of that name, as the server decides it.
async fn find(client: &Client, vm: &str, args: &OneArgs) -> Result<Option<Item<v1::Snapshot>>> {
    let wanted = args.snapshot.as_str();
    let mut all = all(client, vm).await?;
    if let Some(exact) = all.iter().position(|one| one.value.reference == wanted) {
        return Ok(Some(all.swap_remove(exact)));
    }
    all.retain(|one| one.value.name == wanted);
    if all.len() > 1 {
        let which: Vec<String> = all.iter().map(|one| told(&one.value)).collect();
        let message = format!(
            "VM \"{}\" has {} snapshots \"{wanted}\": {}",
            args.vm,
            all.len(),
            which.join(", ")
        );
        let hint = "name it by its reference, which stands in brackets";
        return Err(Failure::new(Kind::Conflict.exit_code(), message).with_hint(hint));
    }
    Ok(all.pop())
}

/// All snapshots of a VM.
async fn all(client: &Client, vm: &str) -> Result<Vec<Item<v1::Snapshot>>> {
    let query = ListQuery { limit: Some(LIMIT_MAX), ..ListQuery::default() };
    let path = v1::VmPath { vm: vm.to_owned() };
    Ok(client.pages::<v1::SnapshotList, _>(path, query).all(None).await?.items)
}

impl Resource for v1::Snapshot {
    const NOUN: &'static str = "snapshot";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("name", |one, _| text(one.name.as_str())),
        Column::new("state", |one, _| text(word(&one.state))),
        Column::new("holds", |one, _| fact(&one.content, |content| text(word(content)))),
        Column::new("consistency", |one, _| fact(&one.consistency, |how| text(word(how)))),
        Column::new("age", |one, now| age(one.taken_at.value, now)),
        Column::new("current", |one, _| {
            fact(&one.is_current, |is| text(if *is { "yes" } else { "no" }))
        }),
        Column::wide("description", |one, _| opt(one.description.as_ref())),
        Column::wide("left-out", |one, _| fact(&one.disks_left_out, |disks| list(disks))),
        Column::wide("parent", |one, _| opt(one.parent.as_ref())),
        Column::wide("reference", |one, _| text(one.reference.as_str())),
    ];

    fn id(&self) -> String {
        self.reference.clone()
    }
}

/// The word that the API has for it.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
