//! `hostler migration`, and moving VMs by `hostler vm migrate`.

use clap::{Args, Subcommand};
use hostler_api::{Nothing, v1};
use hostler_client::{Client, Item, Terms};
use hostler_core::Code;

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
    /// List migrations, the latest first: what providers remember, and what was kept of it.
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
        Some(host) => Some(by_name::<v1::HostList, _>(&client, host, hosts::place).await?.value),
        None => None,
    };
    if args.power.dry_run.is_some() {
        return plan(app, &client, &vms, host.as_ref()).await;
    }
    let host = host.map(|host| host.id);
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

/// Shows what the server says of moving each VM, to `host` or to one that the provider chooses.
/// Nothing is done.
async fn plan(
    app: &App,
    client: &Client,
    vms: &[Item<v1::VmSummary>],
    host: Option<&v1::Host>,
) -> Result {
    let mut planned = vm_actions::verdicts(vms, "migrate");
    for (planned, vm) in planned.iter_mut().zip(vms) {
        // Where it may not be moved at all, where to makes no difference.
        if planned.allowed {
            let path = v1::VmPath { vm: vm.value.id.clone() };
            match client.show::<v1::VmDestinations>(&path).await {
                Ok(answer) => refuse(planned, &vm.value, &answer.value, host),
                Err(error) => {
                    match error.problem().and_then(|problem| Code::parse(&problem.code)) {
                        Some(code) => planned.refuse(code, error.to_string()),
                        None => return Err(error.into()),
                    }
                }
            }
        }
        planned.to = host.map(|host| host.name.clone());
    }
    vm_actions::show_plan(app, planned)
}

/// Notes why a VM cannot go there, if so: what the server would say as well.
fn refuse(
    planned: &mut vm_actions::Planned,
    vm: &v1::VmSummary,
    places: &v1::Destinations,
    host: Option<&v1::Host>,
) {
    let named = |place: &v1::Destination, why: &str| format!("{}: {why}", place.host.name);
    if let Some(host) = host
        && vm.host.as_ref().is_some_and(|here| here.id == host.id)
    {
        planned.reason = Some("it is there already".to_owned());
        return;
    }
    let (code, why) = match (&places.blocked, host) {
        (Some(why), _) => (Code::CapabilityMissing, why.clone()),
        (None, Some(host)) => match places.hosts.iter().find(|place| place.host.id == host.id) {
            Some(v1::Destination { refused: None, .. }) => return,
            Some(place) => {
                let why = place.refused.as_deref().unwrap_or_default();
                (Code::NoHostFits, named(place, why))
            }
            None if vm.provider.as_ref().is_some_and(|own| own.id != host.provider.id) => {
                let (name, of) = (&host.name, &host.provider.name);
                let why = format!("{name} is of provider {of}; a running VM stays with its own");
                (Code::CapabilityMissing, why)
            }
            None => {
                let why = format!("its provider names no host {} that it could go to", host.name);
                (Code::HostNotFound, why)
            }
        },
        (None, None) if !places.chosen_by_provider => {
            let why = "its provider chooses no host by itself; name one by --host";
            (Code::CapabilityMissing, why.to_owned())
        }
        (None, None) if places.hosts.iter().any(|place| place.refused.is_none()) => return,
        (None, None) if places.hosts.is_empty() => {
            (Code::NoHostFits, "its provider has no other host".to_owned())
        }
        (None, None) => {
            let whys = places
                .hosts
                .iter()
                .filter_map(|place| Some(named(place, place.refused.as_deref()?)));
            (Code::NoHostFits, whys.collect::<Vec<_>>().join("; "))
        }
    };
    planned.refuse(code, why);
}

impl Resource for v1::Migration {
    const NOUN: &'static str = "migration";
    const STALE: &'static str =
        "note: a provider does not answer; of its migrations there is what was kept";
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
        Column::wide("told-by", |one, _| text(one.told_by.as_str())),
        Column::wide("seen", |one, now| age(Some(one.observed_at), now)),
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
