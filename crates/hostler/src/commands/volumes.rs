//! `hostler volume`.

use clap::{Args, Subcommand, ValueEnum};
use hostler_api::{LIMIT_MAX, ListQuery, Nothing, v1};
use hostler_client::{Client, Item, Terms};
use hostler_core::{Code, Kind};

use super::{DryRun, ListArgs, WatchArg, confirm, pools};
use crate::app::App;
use crate::complete::Names;
use crate::failure::{Failure, Result};
use crate::output::{Column, Resource, bytes, opt, reference, text};
use crate::resolve::by_name;
use crate::text::parse_size;
use crate::work::{self, Target, WaitArgs, Words};

/// What can be done with volumes.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List the volumes of a pool.
    #[command(visible_alias = "ls")]
    #[command(after_long_help = examples!(
        "hostler volume list default",
        "hostler volume list h1/default -o wide"
    ))]
    List {
        /// The pool's name, HOST/NAME or id.
        #[arg(add = Names::Pool)]
        pool: String,
        #[command(flatten)]
        list: ListArgs,
        #[command(flatten)]
        watch: WatchArg,
    },
    /// Make an empty volume.
    Create(CreateArgs),
    /// Delete a volume and the data on it.
    Delete(DeleteArgs),
}

/// What to make, and whether to wait.
#[derive(Debug, Args)]
#[command(after_long_help = examples!(
    "hostler volume create default data --size 100G",
    "hostler volume create h1/fast data --size 100G --format raw --dry-run"
))]
pub(crate) struct CreateArgs {
    /// The pool's name, HOST/NAME or id.
    #[arg(add = Names::Pool)]
    pool: String,
    /// The volume's name, unique within the pool.
    name: String,
    /// The size a guest sees, for example 20G.
    #[arg(long, value_parser = parse_size)]
    size: u64,
    /// How it is stored; as the provider does by itself, where not given.
    #[arg(long, value_enum)]
    format: Option<VolumeFormat>,
    /// Only show what would be done: here, or checked by the server.
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "server", value_name = "WHERE")]
    dry_run: Option<DryRun>,
    #[command(flatten)]
    wait: WaitArgs,
}

/// What to delete, and whether to wait.
#[derive(Debug, Args)]
#[command(after_long_help = examples!(
    "hostler volume delete default data.qcow2",
    "hostler volume delete default data.qcow2 --yes --if-exists"
))]
pub(crate) struct DeleteArgs {
    /// The pool's name, HOST/NAME or id.
    #[arg(add = Names::Pool)]
    pool: String,
    /// The volume's name.
    #[arg(add = Names::Volume)]
    name: String,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
    /// That there is no such volume is a success.
    #[arg(long)]
    if_exists: bool,
    /// Only say whether it is possible now, as the server sees it.
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "server", value_name = "WHERE")]
    dry_run: Option<DryRun>,
    #[command(flatten)]
    wait: WaitArgs,
}

/// How a volume or image is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum VolumeFormat {
    /// Grows with use, knows snapshots.
    Qcow2,
    /// The plain bytes.
    Raw,
}

impl From<VolumeFormat> for v1::VolumeFormat {
    fn from(format: VolumeFormat) -> Self {
        match format {
            VolumeFormat::Qcow2 => Self::Qcow2,
            VolumeFormat::Raw => Self::Raw,
        }
    }
}

pub(crate) async fn run(app: &App, verb: Verb) -> Result {
    let client = app.client()?;
    match verb {
        Verb::List { pool, list, watch } => {
            let path = find_pool(&client, &pool).await?;
            super::list::<v1::VolumeList, _>(app, path, &list, watch).await
        }
        Verb::Create(args) => create(app, &client, args).await,
        Verb::Delete(args) => delete(app, &client, args).await,
    }
}

async fn create(app: &App, client: &Client, args: CreateArgs) -> Result {
    let CreateArgs { pool, name, size, format, dry_run, wait } = args;
    let called = called(&pool, &name);
    let body = v1::VolumeRequest { name, capacity_bytes: size, format: format.map(Into::into) };
    if dry_run == Some(DryRun::Client) {
        let json = serde_json::to_value(&body)
            .map_err(|error| Failure::new(70, format!("the request cannot be shown: {error}")))?;
        return app.view()?.document(&json);
    }
    let path = find_pool(client, &pool).await?;
    if dry_run.is_some() {
        return plan(app, client, &path, &body, &called).await;
    }
    let words = Words { verb: "create", done: "created" };
    let target = Target { called, id: path.pool };
    let submit = |pool| {
        let (client, body) = (client.clone(), body.clone());
        async move {
            let path = v1::PoolPath { pool };
            client.ask::<v1::VolumeCreate>(&path, &Nothing {}, &body, &Terms::default()).await
        }
    };
    work::run(app, client, wait, words, vec![target], false, submit).await
}

/// Shows what the server would do.
async fn plan(
    app: &App,
    client: &Client,
    path: &v1::PoolPath,
    body: &v1::VolumeRequest,
    called: &str,
) -> Result {
    let answer = client
        .ask::<v1::VolumePlan>(path, &Nothing {}, body, &Terms::default())
        .await
        .map_err(|error| Failure::from(error).during(format!("cannot create {called}")))?;
    let view = app.view()?;
    if !view.is_for_people() {
        return view.document(&answer.json);
    }
    let plan = answer.value;
    let mut lines = vec![format!("{called} would be made at provider {}", plan.provider.name)];
    lines.extend(plan.changes.iter().map(|change| format!("  {change}")));
    lines.push(format!("steps: {}", plan.steps.join(", ")));
    let text: String = lines.iter().map(|line| crate::text::printable(line) + "\n").collect();
    app.terminal.write(&text)?;
    app.say("nothing was done");
    Ok(())
}

async fn delete(app: &App, client: &Client, args: DeleteArgs) -> Result {
    let path = find_pool(client, &args.pool).await?;
    let called = called(&args.pool, &args.name);
    let Some(volume) = find(client, &path, &args.name).await? else {
        if args.if_exists {
            app.say(format!("there is no {called}"));
            return Ok(());
        }
        let hint = format!("`hostler volume list {}` shows those there are", args.pool);
        return Err(Failure::not_found(format!("there is no {called}")).with_hint(hint));
    };
    if args.dry_run.is_some() {
        return foresee(app, &volume.value, &called);
    }
    let size = crate::text::show_size(volume.value.capacity_bytes);
    confirm(app, args.yes, &[format!("{called} ({size}) and all data on it")], Some(&args.name))?;
    let words = Words { verb: "delete", done: "deleted" };
    let target = Target { called, id: args.name };
    let submit = |volume| {
        let (client, pool) = (client.clone(), path.pool.clone());
        async move {
            let path = v1::VolumePath { pool, volume };
            client.ask::<v1::VolumeDelete>(&path, &Nothing {}, &Nothing {}, &Terms::default()).await
        }
    };
    work::run(app, client, args.wait, words, vec![target], false, submit).await
}

/// Says whether a volume could be deleted now. Nothing is done.
fn foresee(app: &App, volume: &v1::Volume, called: &str) -> Result {
    let user = volume.used_by.as_ref();
    let reason = user.map(|vm| format!("VM \"{}\" uses it", vm.name));
    // The code that doing it would end with.
    let exit = Kind::Conflict.exit_code();
    let view = app.view()?;
    if !view.is_for_people() {
        let code = reason.as_ref().map(|_| Code::VolumeInUse.as_str());
        view.document(&serde_json::json!({
            "name": volume.name, "action": "delete", "allowed": reason.is_none(),
            "code": code, "reason": reason,
        }))?;
        return if reason.is_none() { Ok(()) } else { Err(Failure::told(exit)) };
    }
    if let Some(reason) = reason {
        return Err(Failure::new(exit, format!("cannot delete {called}: {reason}")));
    }
    let size = crate::text::show_size(volume.capacity_bytes);
    app.terminal.write(&format!("- {} ({size})\n", crate::text::printable(called)))?;
    app.say("nothing was done");
    Ok(())
}

/// A volume for messages.
fn called(pool: &str, name: &str) -> String {
    format!("volume \"{name}\" of pool \"{pool}\"")
}

/// The volume of that name, if the pool has it.
async fn find(
    client: &Client,
    path: &v1::PoolPath,
    name: &str,
) -> Result<Option<Item<v1::Volume>>> {
    let query = ListQuery { limit: Some(LIMIT_MAX), ..ListQuery::default() };
    let all = client.pages::<v1::VolumeList, _>(path.clone(), query).all(None).await?;
    Ok(all.items.into_iter().find(|volume| volume.value.name == name))
}

async fn find_pool(client: &Client, pool: &str) -> Result<v1::PoolPath> {
    let found = by_name::<v1::PoolList, _>(client, pool, pools::place).await?;
    Ok(v1::PoolPath { pool: found.value.id })
}

impl Resource for v1::Volume {
    const NOUN: &'static str = "volume";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("name", |volume, _| text(volume.name.as_str())),
        Column::new("format", |volume, _| opt(volume.format.as_ref())),
        Column::new("size", |volume, _| bytes(Some(volume.capacity_bytes))),
        Column::new("used", |volume, _| bytes(Some(volume.allocated_bytes))),
        Column::new("used-by", |volume, _| reference(volume.used_by.as_ref())),
        Column::wide("backing", |volume, _| opt(volume.backing.as_ref())),
        Column::wide("path", |volume, _| opt(volume.path.as_ref())),
    ];

    fn id(&self) -> String {
        self.name.clone()
    }
}
