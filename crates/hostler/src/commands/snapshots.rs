//! `hostler snapshot`.

use clap::{Args, Subcommand, ValueEnum};
use hostler_api::{LIMIT_MAX, ListQuery, Nothing, v1};
use hostler_client::{Client, Item, Terms};

use super::{ListArgs, WatchArg, confirm};
use crate::app::App;
use crate::complete::Names;
use crate::failure::{Failure, Result};
use crate::output::{Column, Resource, age, fact, list, opt, text};
use crate::select::one_vm;
use crate::work::{self, Target, WaitArgs, Words};

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
        "hostler snapshot revert web before-upgrade --yes"
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
    let vm = one_vm(client, &args.vm).await?.value.id;
    let called = called(&args.vm, &args.name);
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
    let words = Words { verb: "create", done: "created" };
    let target = Target { called, id: vm };
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
    let vm = one_vm(client, &args.vm).await?.value.id;
    let Some(found) = find(client, &vm, &args.snapshot).await? else {
        return Err(missing(&args));
    };
    let taken = found
        .value
        .taken_at
        .value
        .map_or_else(|| "it was taken".to_owned(), |at| format!("{}", at.0));
    let losses = [format!("VM \"{}\" loses all that was written since {taken}", args.vm)];
    confirm(app, args.yes, &losses, Some(&args.vm))?;
    let words = Words { verb: "revert to", done: "reverted to" };
    let target = Target { called: called(&args.vm, &args.snapshot), id: args.snapshot };
    let submit = |snapshot| {
        let (client, vm) = (client.clone(), vm.clone());
        async move {
            let path = v1::SnapshotPath { vm, snapshot };
            let terms = Terms::default();
            client.ask::<v1::SnapshotRevert>(&path, &Nothing {}, &Nothing {}, &terms).await
        }
    };
    work::run(app, client, args.wait, words, vec![target], false, submit).await
}

async fn delete(app: &App, client: &Client, args: OneArgs, if_exists: bool) -> Result {
    let vm = one_vm(client, &args.vm).await?.value.id;
    let called = called(&args.vm, &args.snapshot);
    if find(client, &vm, &args.snapshot).await?.is_none() {
        if if_exists {
            app.say(format!("there is no {called}"));
            return Ok(());
        }
        return Err(missing(&args));
    }
    let losses = [format!("{called}: there is no going back to it any more")];
    confirm(app, args.yes, &losses, None)?;
    let words = Words { verb: "delete", done: "deleted" };
    let target = Target { called, id: args.snapshot };
    let submit = |snapshot| {
        let (client, vm) = (client.clone(), vm.clone());
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

fn missing(args: &OneArgs) -> Failure {
    let hint = format!("`hostler snapshot list {}` shows those there are", args.vm);
    let called = called(&args.vm, &args.snapshot);
    Failure::not_found(format!("there is no {called}")).with_hint(hint)
}

/// A snapshot of that name or reference, if the VM has one.
async fn find(client: &Client, vm: &str, wanted: &str) -> Result<Option<Item<v1::Snapshot>>> {
    let query = ListQuery { limit: Some(LIMIT_MAX), ..ListQuery::default() };
    let path = v1::VmPath { vm: vm.to_owned() };
    let all = client.pages::<v1::SnapshotList, _>(path, query).all(None).await?;
    let is_it =
        |one: &Item<v1::Snapshot>| one.value.name == wanted || one.value.reference == wanted;
    Ok(all.items.into_iter().find(is_it))
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
