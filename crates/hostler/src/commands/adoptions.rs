//! `hostler adopt`: VMs that were made elsewhere, and what becomes of them. None of it
//! changes anything at the provider.

use std::collections::BTreeSet;

use clap::{Args, Subcommand};
use hostler_api::{ListQuery, Nothing, Time, v1};
use hostler_client::{Client, Item, Terms};

use super::{DryRunArg, ListArgs, WatchArg};
use crate::app::App;
use crate::complete::Names;
use crate::failure::{Failure, Result};
use crate::output::{Column, Resource, age, bytes, count, opt, reference, text};
use crate::select::{Selection, called, is_glob, one_vm};
use crate::terminal::Tone;
use crate::work;

/// What can be done about VMs that were made elsewhere.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List VMs that wait for a decision, or those that were decided about.
    #[command(visible_alias = "ls")]
    #[command(after_long_help = examples!(
        "hostler adopt list",
        "hostler adopt list --all -o wide",
        "hostler adopt list --status adopted",
        "hostler adopt list --filter 'origin=lost'"
    ))]
    List {
        #[command(flatten)]
        list: ListArgs,
        /// Also those that are left alone, and those that were adopted.
        #[arg(short, long, conflicts_with = "status")]
        all: bool,
        /// Which are listed.
        #[arg(long, value_enum, default_value_t = Status::Pending)]
        status: Status,
        #[command(flatten)]
        watch: WatchArg,
    },
    /// Show a VM that waits, and what to know before it is adopted; or what was decided.
    #[command(after_long_help = examples!("hostler adopt show web"))]
    Show {
        /// Its name or id.
        #[arg(add = Names::Vm)]
        vm: String,
    },
    /// Adopt VMs: Hostler manages them from now on, and nothing of them changes.
    #[command(visible_alias = "accept")]
    Take(TakeArgs),
    /// Leave VMs alone until somebody decides otherwise.
    #[command(after_long_help = examples!(
        "hostler adopt ignore router --reason 'belongs to the network team'"
    ))]
    Ignore {
        #[command(flatten)]
        selection: Selection,
        /// Why.
        #[arg(short, long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        dry_run: DryRunArg,
    },
    /// Let VMs that are left alone wait for a decision again.
    #[command(after_long_help = examples!("hostler adopt offer router"))]
    Offer {
        #[command(flatten)]
        selection: Selection,
        #[command(flatten)]
        dry_run: DryRunArg,
    },
    /// Let go of VMs that were adopted: Hostler only observes them again.
    #[command(after_long_help = examples!("hostler adopt release web"))]
    Release {
        #[command(flatten)]
        selection: Selection,
        #[command(flatten)]
        dry_run: DryRunArg,
    },
}

/// Which VMs to adopt, and how.
#[derive(Debug, Args)]
#[command(after_long_help = examples!(
    "hostler adopt take web --dry-run",
    "hostler adopt take 'web-*' --reason 'moved from virt-manager'",
    "hostler adopt take 'My VM' --name my-vm --read-only"
))]
pub(crate) struct TakeArgs {
    #[command(flatten)]
    selection: Selection,
    /// Under another name; the one at the provider stays.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// In which project.
    #[arg(long, value_name = "PROJECT")]
    project: Option<String>,
    /// Only look at them: nothing that changes them is offered.
    #[arg(long)]
    read_only: bool,
    /// Why, for the record.
    #[arg(short, long, value_name = "TEXT")]
    reason: Option<String>,
    /// Only show what would be written down, and what to know before.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(app: &App, verb: Verb) -> Result {
    match verb {
        Verb::List { mut list, all, status, watch } => {
            if !all {
                let status = status.word();
                list.filter = Some(match list.filter.filter(|filter| !filter.trim().is_empty()) {
                    Some(filter) => format!("status={status} AND {filter}"),
                    None => format!("status={status}"),
                });
            }
            super::list::<v1::AdoptionList, _>(app, Nothing {}, &list, watch).await
        }
        Verb::Show { vm } => show(app, &vm).await,
        Verb::Take(args) => take(app, args).await,
        Verb::Ignore { selection, reason, dry_run } => {
            ignore(app, &selection, reason, dry_run).await
        }
        Verb::Offer { selection, dry_run } => offer(app, &selection, dry_run).await,
        Verb::Release { selection, dry_run } => release(app, &selection, dry_run).await,
    }
}

async fn show(app: &App, vm: &str) -> Result {
    let client = app.client()?;
    let path = v1::VmPath { vm: one_vm(&client, vm).await?.value.id };
    let answer = client.show::<v1::AdoptionShow>(&path).await?;
    super::view_one(app, &Item { value: answer.value, json: answer.json })
}

async fn take(app: &App, args: TakeArgs) -> Result {
    let client = app.client()?;
    let TakeArgs { selection, name, project, read_only, reason, dry_run } = args;
    if name.is_some() && !selection.is_single() {
        return Err(Failure::usage("--name is for one VM").with_hint("name that one VM"));
    }
    let vms = fitting(app, &client, &selection, Status::Pending).await?;
    let body = v1::AdoptionRequest { name, project, read_only, reason };
    each(app, "adopt", vms, async |vm| {
        let path = v1::VmPath { vm: vm.id };
        if dry_run {
            return plan(app, &client, &path, &vm.name, &body).await;
        }
        let answer =
            client.ask::<v1::AdoptionAdopt>(&path, &Nothing {}, &body, &Terms::default()).await?;
        let name = &answer.value.summary.name;
        app.say(match read_only {
            true => format!("vm \"{name}\" is managed for reading only from now on"),
            false => format!("vm \"{name}\" is managed from now on"),
        });
        Ok(())
    })
    .await
}

/// What was decided about a VM that was made elsewhere.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Status {
    /// Those that wait for a decision.
    Pending,
    /// Those that are left alone.
    Ignored,
    /// Those that were adopted.
    Adopted,
}

impl Status {
    const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ignored => "ignored",
            Self::Adopted => "adopted",
        }
    }
}

/// The selected VMs. Who names one by one is told of each that it cannot be; of those that a
/// pattern fits or that are all there are, only those count that the verb is for.
async fn fitting(
    app: &App,
    client: &Client,
    selection: &Selection,
    fit: Status,
) -> Result<Vec<Item<v1::VmSummary>>> {
    let mut vms = selection.resolve(client).await?;
    let is_narrowed = selection.narrowing()?.is_some() || selection.all;
    if is_narrowed || selection.names.iter().any(|name| is_glob(name)) {
        let wanted = in_status(client, fit).await?;
        vms.retain(|vm| wanted.contains(&vm.value.id));
    }
    if vms.is_empty() {
        app.say("no VM fits");
    }
    Ok(vms)
}

/// The ids of the VMs in this status.
async fn in_status(client: &Client, status: Status) -> Result<BTreeSet<String>> {
    let query = ListQuery {
        filter: Some(format!("status={}", status.word())),
        limit: Some(hostler_api::LIMIT_MAX),
        ..ListQuery::default()
    };
    let found = client.pages::<v1::AdoptionList, _>(Nothing {}, query).all(None).await?;
    Ok(found.items.into_iter().map(|row| row.value.vm.id).collect())
}

/// Does it to each by itself: what is refused of one is told, and changes nothing for the
/// others.
async fn each(
    app: &App,
    verb: &str,
    vms: Vec<Item<v1::VmSummary>>,
    act: impl AsyncFn(v1::VmSummary) -> Result,
) -> Result {
    let total = vms.len();
    let mut failures = Vec::new();
    for Item { value: vm, .. } in vms {
        let what = format!("cannot {verb} {}", called(&vm));
        let Err(failure) = act(vm).await else { continue };
        let failure = failure.during(what);
        // The only one is told at the very end.
        if total > 1 {
            failure.print(&app.terminal);
        }
        failures.push(failure);
    }
    work::sum(failures, total)
}

async fn plan(
    app: &App,
    client: &Client,
    path: &v1::VmPath,
    name: &str,
    body: &v1::AdoptionRequest,
) -> Result {
    let answer = client.ask::<v1::AdoptionPlan>(path, &Nothing {}, body, &Terms::default()).await?;
    let view = app.view()?;
    if view.is_document() {
        return view.document(&answer.json);
    }
    let v1::AdoptionPlanned { adoptable, spec, risks } = answer.value;
    let mut lines = vec![match adoptable {
        true => format!("+ vm {} in project {}; nothing of it changes", spec.name, spec.project),
        false => format!("! vm {name} cannot be adopted so"),
    }];
    lines.extend(risks.iter().map(risk));
    lines.push(String::new());
    app.terminal.write(&lines.join("\n"))
}

fn risk(risk: &v1::AdoptionRisk) -> String {
    let mark = if risk.forbids { '!' } else { '~' };
    format!("  {mark} {}: {}", risk.code, crate::text::printable(&risk.detail))
}

async fn ignore(app: &App, selection: &Selection, reason: String, dry_run: DryRunArg) -> Result {
    let client = app.client()?;
    let vms = fitting(app, &client, selection, Status::Pending).await?;
    let lines: Vec<_> = vms.iter().map(|vm| format!("- vm {} waits", vm.value.name)).collect();
    if dry_run.tell(app, &lines)? {
        return Ok(());
    }
    let body = v1::AdoptionIgnoreRequest { reason };
    each(app, "leave alone", vms, async |vm| {
        let path = v1::VmPath { vm: vm.id };
        client.ask::<v1::AdoptionIgnore>(&path, &Nothing {}, &body, &Terms::default()).await?;
        app.say(format!("vm \"{}\" is left alone", vm.name));
        Ok(())
    })
    .await
}

async fn offer(app: &App, selection: &Selection, dry_run: DryRunArg) -> Result {
    let client = app.client()?;
    let vms = fitting(app, &client, selection, Status::Ignored).await?;
    let lines: Vec<_> = vms.iter().map(|vm| format!("+ vm {} waits", vm.value.name)).collect();
    if dry_run.tell(app, &lines)? {
        return Ok(());
    }
    each(app, "offer", vms, async |vm| {
        let path = v1::VmPath { vm: vm.id };
        client.ask::<v1::AdoptionOffer>(&path, &Nothing {}, &Nothing {}, &Terms::default()).await?;
        app.say(format!("vm \"{}\" waits for a decision again", vm.name));
        Ok(())
    })
    .await
}

async fn release(app: &App, selection: &Selection, dry_run: DryRunArg) -> Result {
    let client = app.client()?;
    let vms = fitting(app, &client, selection, Status::Adopted).await?;
    let lines: Vec<_> = vms.iter().map(|vm| format!("- vm {} is managed", vm.value.name)).collect();
    if dry_run.tell(app, &lines)? {
        return Ok(());
    }
    each(app, "release", vms, async |vm| {
        let path = v1::VmPath { vm: vm.id };
        client.call::<v1::VmRelease>(&path, &Nothing {}, &Nothing {}).await?;
        app.say(format!("vm \"{}\" is only observed from now on", vm.name));
        Ok(())
    })
    .await
}

/// Who decided about it, when and why.
fn decision(row: &v1::PendingAdoption) -> Option<(&str, Time, Option<&str>)> {
    let ignored = row.ignored.as_ref().map(|it| (it.by.as_str(), it.at, Some(it.reason.as_str())));
    let adopted = row.adopted.as_ref().map(|it| (it.by.as_str(), it.at, it.reason.as_deref()));
    ignored.or(adopted)
}

const fn yes(is_so: bool) -> &'static str {
    if is_so { "yes" } else { "no" }
}

impl Resource for v1::PendingAdoption {
    const NOUN: &'static str = "vm";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("name", |row, _| text(row.vm.name.as_str())),
        Column::new("status", |row, _| {
            let tone = if row.status == "ignored" { Tone::Weak } else { Tone::Plain };
            text(row.status.as_str()).toned(tone)
        }),
        Column::new("origin", |row, _| text(row.origin.as_str())),
        Column::new("state", |row, _| text(row.state.as_str())),
        Column::new("host", |row, _| reference(row.host.as_ref())),
        Column::new("provider", |row, _| reference(row.provider.as_ref())),
        Column::new("cpus", |row, _| opt(row.cpu_count)),
        Column::new("memory", |row, _| bytes(row.memory_bytes)),
        Column::new("risks", |row, _| {
            if row.adopted.is_some() {
                return opt(None::<&str>); // it is decided
            }
            let tone = if row.adoptable { Tone::Plain } else { Tone::Bad };
            count(row.risks.len()).toned(tone)
        }),
        Column::new("seen", |row, now| age(Some(row.first_seen_at), now)),
        Column::wide("reason", |row, _| opt(decision(row).and_then(|(_, _, reason)| reason))),
        Column::wide("by", |row, _| opt(decision(row).map(|(by, ..)| by))),
        Column::wide("decided", |row, now| age(decision(row).map(|(_, at, _)| at), now)),
        Column::wide("read-only", |row, _| opt(row.adopted.as_ref().map(|it| yes(it.read_only)))),
        Column::wide("namespace", |row, _| opt(row.namespace.clone())),
        Column::wide("system", |row, _| opt(row.governance.system.clone())),
        Column::wide("service", |row, _| opt(row.governance.service.clone())),
        Column::wide("instance", |row, _| opt(row.governance.instance.clone())),
        Column::wide("external_ref", |row, _| opt(row.external_ref.clone())),
        Column::wide("id", |row, _| text(row.vm.id.as_str())),
    ];

    fn id(&self) -> String {
        self.vm.id.clone()
    }

    fn name(&self) -> String {
        self.vm.name.clone()
    }

    fn is_simulated(&self) -> bool {
        self.simulated
    }
}
