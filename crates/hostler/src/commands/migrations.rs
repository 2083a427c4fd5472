//! `hostler migration`, and moving VMs by `hostler vm migrate`.

use clap::{Args, Subcommand};
use hostler_api::{Nothing, v1};
use hostler_client::Terms;

use super::vms::PowerArgs;
use super::{ListArgs, WatchArg, hosts, vm_actions};
use crate::app::App;
use crate::complete::Names;
use crate::failure::Result;
use crate::output::{Column, Resource, age, bytes, opt, reference, text};
use crate::resolve::by_name;
use crate::select::{narrowing, one_vm};
use crate::terminal::Tone;
use crate::work::{self, Words};

/// What can be done with migrations.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List migrations that providers remember, the latest first.
    #[command(visible_alias = "ls")]
    #[command(after_long_help = examples!(
        "hostler migration list",
        "hostler migration list --vm web --watch",
        "hostler migration list --filter phase=failed -o wide"
    ))]
    List {
        #[command(flatten)]
        list: ListArgs,
        /// Only those of this VM (name or id).
        #[arg(long, add = Names::Vm)]
        vm: Option<String>,
        #[command(flatten)]
        watch: WatchArg,
    },
}

/// Which VMs are to go where.
#[derive(Debug, Clone, Default, Args)]
#[command(after_long_help = examples!(
    "hostler vm migrate web",
    "hostler vm migrate web --host h2",
    "hostler vm migrate --filter host=h1 --dry-run"
))]
pub(crate) struct MigrateArgs {
    #[command(flatten)]
    pub(crate) power: PowerArgs,
    /// The host to go to (name or id); the provider chooses when it is not given.
    #[arg(long, add = Names::Host)]
    pub(crate) host: Option<String>,
}

pub(crate) async fn run(app: &App, verb: Verb) -> Result {
    match verb {
        Verb::List { mut list, vm, watch } => {
            if let Some(vm) = vm {
                let client = app.client()?;
                let mut terms = vec![format!("vm={}", one_vm(&client, &vm).await?.value.id)];
                terms.extend(narrowing(&[], list.filter.as_deref())?);
                list.filter = Some(terms.join(" AND "));
            }
            super::list::<v1::MigrationList, _>(app, Nothing {}, &list, watch).await
        }
    }
}

/// Moves the selected VMs.
pub(crate) async fn migrate(app: &App, args: MigrateArgs) -> Result {
    let client = app.client()?;
    let vms = args.power.selection.resolve(&client).await?;
    let host = match &args.host {
        Some(host) => Some(by_name::<v1::HostList, _>(&client, host, hosts::place).await?.value.id),
        None => None,
    };
    if args.power.dry_run.is_some() {
        return vm_actions::plan(app, &vms, "migrate");
    }
    if vms.is_empty() {
        app.say("no VM fits");
    }
    let body = v1::VmMigrateRequest { host };
    let submit = |vm| {
        let (client, body) = (client.clone(), body.clone());
        async move {
            let path = v1::VmPath { vm };
            client.ask::<v1::VmMigrate>(&path, &Nothing {}, &body, &Terms::default()).await
        }
    };
    let words = Words { verb: "migrate", done: "migrated" };
    let is_list = !args.power.selection.is_single();
    let targets = vm_actions::targets(&vms);
    work::run(app, &client, args.power.wait(), words, targets, is_list, submit).await
}

impl Resource for v1::Migration {
    const NOUN: &'static str = "migration";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("vm", |one, _| text(one.vm.name.as_str())),
        Column::new("phase", |one, _| {
            text(one.phase.as_str()).toned(match one.phase.as_str() {
                "succeeded" => Tone::Good,
                "failed" => Tone::Bad,
                _ => Tone::Plain,
            })
        }),
        Column::new("from", |one, _| reference(one.source.as_ref())),
        Column::new("to", |one, _| reference(one.target.as_ref())),
        Column::new("sent", |one, _| bytes(one.bytes_done.value)),
        Column::new("of", |one, _| bytes(one.bytes_total.value)),
        Column::new("began", |one, now| age(one.started_at.or(one.requested_at), now)),
        Column::new("ended", |one, now| age(one.ended_at, now)),
        Column::new("reason", |one, _| opt(one.reason.as_ref())),
        Column::wide("mode", |one, _| opt(one.mode.as_ref())),
        Column::wide("provider", |one, _| reference(Some(&one.provider))),
        Column::wide("operation", |one, _| opt(one.operation.as_ref())),
        Column::wide("id", |one, _| text(one.id.as_str())),
    ];

    fn id(&self) -> String {
        self.id.clone()
    }

    fn is_simulated(&self) -> bool {
        self.simulated
    }
}
