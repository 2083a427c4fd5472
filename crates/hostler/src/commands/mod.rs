//! One module for each noun, named as everywhere else.

pub(crate) mod adoptions;
pub(crate) mod agents;
pub(crate) mod alerts;
pub(crate) mod api;
pub(crate) mod clusters;
pub(crate) mod console;
pub(crate) mod contexts;
pub(crate) mod custom_metrics;
pub(crate) mod disks;
mod dry_run;
pub(crate) mod events;
pub(crate) mod explain;
mod forgetting;
pub(crate) mod hosts;
pub(crate) mod images;
pub(crate) mod instance_types;
mod live;
pub(crate) mod man;
pub(crate) mod migrations;
pub(crate) mod muscle;
pub(crate) mod networks;
pub(crate) mod operations;
pub(crate) mod outlook;
pub(crate) mod outputs;
pub(crate) mod pools;
pub(crate) mod providers;
pub(crate) mod silences;
pub(crate) mod snapshots;
mod stats;
pub(crate) mod templates;
pub(crate) mod tokens;
mod version;
pub(crate) mod vm_actions;
mod vm_change;
pub(crate) mod vm_clone;
mod vm_columns;
pub(crate) mod vm_create;
mod vm_edit;
pub(crate) mod vms;
pub(crate) mod volumes;

use clap::Args;
use hostler_api::{Endpoint, ListQuery, Nothing, Page, PageQuery, SilentSource};
use hostler_client::{Client, Item, ItemPage};
use serde::Serialize;

pub(crate) use dry_run::{DryRunArg, ServerDryRunArg};

use crate::app::App;
use crate::cli::Command;
use crate::complete;
use crate::failure::{Failure, Result};
use crate::output::Resource;
use crate::watch;

/// Does what the command line says.
pub(crate) async fn run(app: &App, command: Command) -> Result {
    match command {
        Command::Vm(verb) => vms::run(app, verb).await,
        Command::Host(verb) => hosts::run(app, verb).await,
        Command::Pool(verb) => pools::run(app, verb).await,
        Command::Volume(verb) => volumes::run(app, verb).await,
        Command::Migration(verb) => migrations::run(app, verb).await,
        Command::Disk(verb) => disks::run(app, verb).await,
        Command::Snapshot(verb) => snapshots::run(app, verb).await,
        Command::Image(verb) => images::run(app, verb).await,
        Command::Template(verb) => templates::run(app, verb).await,
        Command::InstanceType(verb) => instance_types::run(app, verb).await,
        Command::Preference(verb) => instance_types::run_preference(app, verb).await,
        Command::Network(verb) => networks::run(app, verb).await,
        Command::Op(verb) => operations::run(app, verb).await,
        Command::Event(verb) => events::run(app, verb).await,
        Command::Metric(verb) => custom_metrics::run(app, verb).await,
        Command::Agent(verb) => agents::run(app, verb).await,
        Command::Output(verb) => outputs::run(app, verb).await,
        Command::Alert(verb) => alerts::run(app, verb).await,
        Command::Adopt(verb) => adoptions::run(app, verb).await,
        Command::Silence(verb) => silences::run(app, verb).await,
        Command::Provider(verb) => providers::run(app, verb).await,
        Command::Cluster(verb) => clusters::run(app, verb).await,
        Command::Token(verb) => tokens::run(app, verb).await,
        Command::Context(verb) => contexts::run(app, verb),
        Command::Ls(args) => vms::run(app, vms::Verb::List(args)).await,
        Command::Start(args) => vms::run(app, vms::Verb::Start(args)).await,
        Command::Stop(args) => vms::run(app, vms::Verb::Stop(args)).await,
        Command::Restart(args) => vms::run(app, vms::Verb::Restart(args)).await,
        Command::Pause(args) => vms::run(app, vms::Verb::Pause(args)).await,
        Command::Resume(args) => vms::run(app, vms::Verb::Resume(args)).await,
        Command::Console(args) => vms::run(app, vms::Verb::Console(args)).await,
        Command::Rm(args) => vms::run(app, vms::Verb::Delete(args)).await,
        Command::Api(args) => api::run(app, args).await,
        Command::Version => version::run(app).await,
        Command::Explain(args) => explain::run(app, &args),
        Command::Completion { shell } => complete::write_script(app, shell),
        Command::Man(args) => man::run(app, &args),
        Command::Muscle(command) => muscle::run(app, command).await,
    }
}

/// What lists take.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ListArgs {
    /// Only those for which this holds, for example 'state=running AND name=web-*'.
    #[arg(long, value_name = "FILTER")]
    pub(crate) filter: Option<String>,
    /// Only those in whose name or other shown text this occurs.
    #[arg(long, value_name = "TEXT")]
    pub(crate) search: Option<String>,
    /// Sort by these fields of the API, separated by commas; `-` before one for descending.
    #[arg(long, value_name = "FIELDS", allow_hyphen_values = true)]
    pub(crate) sort: Option<String>,
    /// Show at most this many.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,
}

impl ListArgs {
    /// The query of the first page.
    pub(crate) fn query(&self) -> ListQuery {
        let limit = self.limit.unwrap_or(hostler_api::LIMIT_MAX).min(hostler_api::LIMIT_MAX);
        ListQuery {
            limit: Some(limit),
            cursor: None,
            sort: self.sort.clone(),
            filter: self.filter.clone(),
            fields: None,
            search: self.search.clone(),
        }
    }

    /// How many items to show.
    pub(crate) fn most(&self) -> Option<usize> {
        self.limit.map(|limit| limit as usize)
    }
}

/// Whether to show again what changes.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct WatchArg {
    /// Show it again whenever it changes, until Ctrl-C.
    #[arg(short, long)]
    pub(crate) watch: bool,
}

/// Shows the list `L`.
pub(crate) async fn list<L, T>(app: &App, path: L::Path, args: &ListArgs, watch: WatchArg) -> Result
where
    L: Endpoint<Body = Nothing, Reply = Page<T>>,
    L::Query: PageQuery + Sync,
    L::Path: Clone + Sync,
    T: Resource + Serialize,
{
    let client = app.client()?;
    if watch.watch {
        let look = || async { Ok(read::<L, T>(&client, path.clone(), args).await?.items) };
        return watch::run(app, &client, look, |_| false).await;
    }
    let page = read::<L, T>(&client, path, args).await?;
    show_page(app, &page)
}

/// Shows a list that has been read, and says what is missing in it.
pub(crate) fn show_page<T: Resource>(app: &App, page: &ItemPage<T>) -> Result {
    let view = app.view()?;
    view.list(&page.items)?;
    for SilentSource { provider, reason } in &page.silent {
        let name = &provider.name;
        app.say(format!("note: provider \"{name}\" does not tell its {}s: {reason}", T::NOUN));
    }
    if page.stale && page.silent.is_empty() {
        app.say(T::STALE);
    }
    if page.has_more && view.is_for_people() {
        app.say(format!("note: there are more than these {}; see --limit", page.items.len()));
    }
    Ok(())
}

/// Reads the list `L`.
pub(crate) async fn read<L, T>(
    client: &Client,
    path: L::Path,
    args: &ListArgs,
) -> Result<ItemPage<T>>
where
    L: Endpoint<Body = Nothing, Reply = Page<T>>,
    L::Query: PageQuery + Sync,
    L::Path: Sync,
    T: Resource + Serialize,
{
    Ok(client.pages::<L, T>(path, args.query()).all(args.most()).await?)
}

/// Shows one resource, and again when it changes if that is wanted.
pub(crate) async fn show<S, T>(app: &App, client: &Client, path: S::Path, watch: WatchArg) -> Result
where
    S: Endpoint<Query = Nothing, Body = Nothing, Reply = T>,
    S::Path: Sync,
    T: Resource,
{
    let look = || async {
        let answer = client.show::<S>(&path).await?;
        Ok(vec![Item { value: answer.value, json: answer.json }])
    };
    if watch.watch {
        return watch::run(app, client, look, |_| false).await;
    }
    let items: Vec<Item<T>> = look().await?;
    items.iter().try_for_each(|item| view_one(app, item))
}

/// Shows one resource.
pub(crate) fn view_one<T: Resource>(app: &App, item: &Item<T>) -> Result {
    app.view()?.one(item)
}

/// Asks before something is lost. Where nobody can answer, `--yes` is needed.
///
/// With `type_name`, the name has to be typed, since data is lost.
pub(crate) fn confirm(app: &App, yes: bool, what: &[String], type_name: Option<&str>) -> Result {
    if yes {
        return Ok(());
    }
    for line in what {
        app.say(line);
    }
    if !app.terminal.is_interactive {
        return Err(Failure::usage("nobody can be asked here").with_hint("--yes does it unasked"));
    }
    let (question, wanted) = match type_name {
        Some(name) => (format!("Type {} to go on:", crate::text::printable(name)), name),
        None => ("Go on? [y/N]".to_owned(), "y"),
    };
    let answer = app.terminal.ask(&question)?;
    if answer == wanted || (type_name.is_none() && answer.eq_ignore_ascii_case("yes")) {
        return Ok(());
    }
    Err(Failure::new(9, "nothing was done"))
}
