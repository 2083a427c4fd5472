//! `hostler cluster`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use hostler_api::v1::{self, ClusterListQuery};
use hostler_api::{Nothing, Secret};
use hostler_client::{Item, Terms};

use super::{DryRunArg, ListArgs, confirm};
use crate::app::App;
use crate::complete::Names;
use crate::failure::{Failure, Result};
use crate::output::{Cell, Column, Resource, View, age, list, opt, render, text};
use crate::resolve::by_name;
use crate::terminal::Tone;
use upgrades::Upgraded;

mod files;
mod upgrades;

/// What can be done with clusters.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List clusters: how each is, and what it lacks of what is required.
    #[command(visible_alias = "ls")]
    #[command(after_long_help = examples!(
        "hostler cluster list",
        "hostler cluster list --filter 'health!=healthy' -o wide",
        "hostler cluster list --features GPU,HotplugNICs --hardware kvm"
    ))]
    List {
        #[command(flatten)]
        list: ListArgs,
        #[command(flatten)]
        required: Required,
    },
    /// Show a cluster: how it is and why, and what it can.
    #[command(after_long_help = examples!(
        "hostler cluster show eu",
        "hostler cluster show eu -o json"
    ))]
    Show {
        /// Its name or id.
        #[arg(add = Names::Cluster)]
        cluster: String,
    },
    /// Add a cluster by its kubeconfig; it need not answer yet.
    ///
    /// The server keeps the kubeconfig sealed and never shows it again. It has to hold its
    /// credentials itself: `kubectl config view --raw --flatten --minify` makes such a one.
    #[command(visible_alias = "create")]
    #[command(after_long_help = examples!(
        "hostler cluster add eu --kubeconfig eu.kubeconfig",
        "kubectl config view --raw --flatten --minify | hostler cluster add eu --kubeconfig -"
    ))]
    Add {
        /// Its name, unique among providers.
        name: String,
        #[command(flatten)]
        by: By,
        #[command(flatten)]
        dry_run: DryRunArg,
    },
    /// Try a kubeconfig without keeping anything; fails where it cannot be used.
    #[command(after_long_help = examples!(
        "hostler cluster test --kubeconfig eu.kubeconfig",
        "hostler cluster test --kubeconfig - --context eu -o json < all.kubeconfig"
    ))]
    Test {
        #[command(flatten)]
        by: By,
    },
    /// Give a cluster another kubeconfig; it is tried first, and nothing changes if it fails.
    #[command(after_long_help = examples!(
        "hostler cluster rotate eu --kubeconfig fresh.kubeconfig"
    ))]
    Rotate {
        /// Its name or id.
        #[arg(add = Names::Cluster)]
        cluster: String,
        #[command(flatten)]
        by: By,
        #[command(flatten)]
        dry_run: DryRunArg,
    },
    /// Remove a cluster and forget its kubeconfig; nothing there is touched.
    #[command(visible_alias = "delete")]
    #[command(after_long_help = examples!(
        "hostler cluster remove eu",
        "hostler cluster remove eu --yes --if-exists"
    ))]
    Remove {
        /// Its name or id.
        #[arg(add = Names::Cluster)]
        cluster: String,
        /// Do not ask.
        #[arg(short, long)]
        yes: bool,
        /// That there is no such cluster is a success.
        #[arg(long)]
        if_exists: bool,
        #[command(flatten)]
        dry_run: DryRunArg,
    },
    /// List the features of a cluster, and why each is on or off.
    #[command(after_long_help = examples!(
        "hostler cluster features eu",
        "hostler cluster features eu -o json"
    ))]
    Features {
        /// Its name or id.
        #[arg(add = Names::Cluster)]
        cluster: String,
    },
}

/// What clusters are compared with.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Required {
    /// Features that are required, separated by commas.
    #[arg(long, value_name = "NAMES")]
    features: Option<String>,
    /// Hardware that is required, separated by commas.
    #[arg(long, value_name = "NAMES")]
    hardware: Option<String>,
}

/// A kubeconfig, and how it is to be used.
#[derive(Debug, Clone, Args)]
pub(crate) struct By {
    /// The file with the kubeconfig; `-` reads it from stdin.
    #[arg(long, value_name = "FILE")]
    kubeconfig: PathBuf,
    /// The context of it; its current one when not given.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// A namespace that is looked at, may be repeated; all when not given.
    #[arg(long = "namespace", value_name = "NAME")]
    namespaces: Vec<String>,
    /// Let the server run the command that the kubeconfig gets its credentials by; only for
    /// root and the server's own user, on its machine.
    #[arg(long)]
    allow_exec: bool,
}

impl By {
    fn read(self) -> Result<v1::ClusterKubeconfig> {
        let text = files::kubeconfig(&self.kubeconfig)?;
        Ok(v1::ClusterKubeconfig {
            kubeconfig: Secret::new(text),
            context: self.context,
            namespaces: (!self.namespaces.is_empty()).then_some(self.namespaces),
            allow_exec: self.allow_exec,
        })
    }
}

pub(crate) async fn run(app: &App, verb: Verb) -> Result {
    match verb {
        Verb::List { list, required } => show_list(app, &list, required).await,
        Verb::Show { cluster } => {
            let client = app.client()?;
            let found = by_name::<v1::ClusterList, _>(&client, &cluster, |_| None).await?;
            super::view_one(app, &found)
        }
        Verb::Add { name, by, dry_run } => add(app, name, by, &dry_run).await,
        Verb::Test { by } => test(app, by).await,
        Verb::Rotate { cluster, by, dry_run } => rotate(app, &cluster, by, &dry_run).await,
        Verb::Remove { cluster, yes, if_exists, dry_run } => {
            remove(app, &cluster, (yes, if_exists), &dry_run).await
        }
        Verb::Features { cluster } => features(app, &cluster).await,
    }
}

async fn show_list(app: &App, args: &ListArgs, required: Required) -> Result {
    let Required { features, hardware } = required;
    let query = ClusterListQuery { features, hardware, ..args.query().into() };
    let client = app.client()?;
    let page = client.pages::<v1::ClusterList, _>(Nothing {}, query).all(args.most()).await?;
    super::show_page(app, &page)
}

async fn add(app: &App, name: String, by: By, dry_run: &DryRunArg) -> Result {
    let v1::ClusterKubeconfig { kubeconfig, context, namespaces, allow_exec } = by.read()?;
    let called = format!("cluster \"{name}\"");
    if dry_run.tell(app, &[format!("+ {called}")])? {
        return Ok(());
    }
    let body = v1::ClusterRequest { name, kubeconfig, context, namespaces, allow_exec };
    let answer = app
        .client()?
        .ask::<v1::ClusterCreate>(&Nothing {}, &Nothing {}, &body, &Terms::default())
        .await
        .map_err(|error| Failure::from(error).during(format!("cannot add {called}")))?;
    app.say(format!("{called} added; `hostler cluster show` tells how it is"));
    let item = Item { value: answer.value, json: answer.json };
    if app.view()?.is_for_people() { Ok(()) } else { super::view_one(app, &item) }
}

async fn test(app: &App, by: By) -> Result {
    let body = by.read()?;
    let answer = app
        .client()?
        .ask::<v1::ClusterTest>(&Nothing {}, &Nothing {}, &body, &Terms::default())
        .await
        .map_err(|error| Failure::from(error).during("cannot try the kubeconfig"))?;
    let (tested, view) = (answer.value, app.view()?);
    if view.is_document() {
        view.document(&answer.json)?;
    } else {
        let version = tested.capabilities.as_ref().and_then(|it| it.version.as_deref());
        let version = version.map_or_else(String::new, |version| format!(", version {version}"));
        let line = format!(
            "{} (context {}) is {}{version}; it took {:.1} s\n",
            tested.server, tested.context, tested.health, tested.took_seconds
        );
        app.terminal.write(&crate::text::printable_lines(&line))?;
        tell_reasons(app, &tested.reasons);
    }
    match (tested.usable, tested.health.as_str()) {
        (true, _) => Ok(()),
        (false, "unreachable") => Err(Failure::new(8, "the cluster cannot be reached")),
        (false, _) => Err(Failure::new(3, "the cluster does not know these credentials")),
    }
}

fn tell_reasons(app: &App, reasons: &[v1::ClusterReason]) {
    for reason in reasons {
        let word = if reason.warning { "warning" } else { "reason" };
        app.say(format!("{word}: {} [{}]", reason.message, reason.code));
    }
}

async fn rotate(app: &App, cluster: &str, by: By, dry_run: &DryRunArg) -> Result {
    let client = app.client()?;
    let found = by_name::<v1::ClusterList, _>(&client, cluster, |_| None).await?.value;
    let body = by.read()?;
    let called = format!("cluster \"{}\"", found.name);
    if dry_run.tell(app, &[format!("~ the kubeconfig of {called}")])? {
        return Ok(());
    }
    let path = v1::ClusterPath { cluster: found.id };
    let answer = client
        .ask::<v1::ClusterRotate>(&path, &Nothing {}, &body, &Terms::default())
        .await
        .map_err(|error| {
            Failure::from(error).during(format!("cannot use this kubeconfig for {called}"))
        })?;
    app.say(format!("{called} is reached by this kubeconfig now; it is {}", answer.value.health));
    let item = Item { value: answer.value, json: answer.json };
    if app.view()?.is_for_people() { Ok(()) } else { super::view_one(app, &item) }
}

async fn remove(
    app: &App,
    cluster: &str,
    (yes, if_exists): (bool, bool),
    dry_run: &DryRunArg,
) -> Result {
    let client = app.client()?;
    let found = match by_name::<v1::ClusterList, _>(&client, cluster, |_| None).await {
        Err(failure) if if_exists && failure.is_not_found() => {
            app.say(format!("there is no cluster \"{cluster}\""));
            return Ok(());
        }
        found => found?.value,
    };
    let called = format!("cluster \"{}\"", found.name);
    let what = format!(
        "{called} is forgotten with its kubeconfig and what was seen there; nothing there is touched"
    );
    if dry_run.tell(app, &[format!("- {what}")])? {
        return Ok(());
    }
    confirm(app, yes, &[what], None)?;
    let path = v1::ClusterPath { cluster: found.id };
    client
        .call::<v1::ClusterDelete>(&path, &Nothing {}, &Nothing {})
        .await
        .map_err(|error| Failure::from(error).during(format!("cannot remove {called}")))?;
    app.say(format!("{called} removed"));
    Ok(())
}

async fn features(app: &App, cluster: &str) -> Result {
    let client = app.client()?;
    let found = by_name::<v1::ClusterList, _>(&client, cluster, |_| None).await?;
    let Some(capabilities) = found.value.capabilities else {
        let why = found.value.reasons.iter().map(|reason| reason.message.as_str());
        let why: Vec<&str> = why.chain(found.value.failure.as_deref()).collect();
        let why = if why.is_empty() { "it was not asked yet".to_owned() } else { why.join("; ") };
        let message = format!("what cluster \"{}\" can is not known: {why}", found.value.name);
        return Err(Failure::new(8, message));
    };
    let jsons = found.json.pointer("/capabilities/features").and_then(|list| list.as_array());
    let jsons = jsons.into_iter().flatten().cloned();
    let items: Vec<Item<v1::ClusterFeature>> = capabilities
        .features
        .into_iter()
        .zip(jsons)
        .map(|(value, json)| Item { value, json })
        .collect();
    app.view()?.list(&items)
}

impl Resource for v1::Cluster {
    const NOUN: &'static str = "cluster";
    const STALE: &'static str = "note: a cluster was not heard of for long; part of this is old";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("name", |cluster, _| text(cluster.name.as_str())),
        Column::new("health", |cluster, _| health(cluster)),
        Column::new("version", |cluster, _| {
            opt(cluster.capabilities.as_ref().and_then(|it| it.version.as_ref()))
        }),
        Column::new("hosts", |cluster, _| opt(cluster.host_count)),
        Column::new("vms", |cluster, _| opt(cluster.vm_count)),
        Column::new("asked", |cluster, now| age(cluster.reported_at, now)),
        Column::new("lacks", |cluster, _| lacks(cluster)),
        Column::new("reason", |cluster, _| {
            opt(cluster.reasons.first().map(|reason| &reason.message).or(cluster.failure.as_ref()))
        }),
        Column::wide("kind", |cluster, _| text(cluster.kind.as_str())),
        Column::wide("source", |cluster, _| text(cluster.source.as_str())),
        Column::wide("features", |cluster, _| {
            cluster
                .capabilities
                .as_ref()
                .map_or_else(Cell::default, |it| list(&it.enabled_features))
        }),
        Column::wide("server", |cluster, _| opt(cluster.kubeconfig.as_ref().map(|it| &it.server))),
        Column::wide("context", |cluster, _| {
            opt(cluster.kubeconfig.as_ref().map(|it| &it.context))
        }),
        Column::wide("id", |cluster, _| text(cluster.id.as_str())),
    ];

    fn id(&self) -> String {
        self.id.clone()
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn is_simulated(&self) -> bool {
        self.simulated
    }

    fn details(&self, view: &View<'_>) -> Vec<(&'static str, String)> {
        let mut tables = Vec::new();
        let mut tell = |title, table: String| {
            if !table.is_empty() {
                tables.push((title, table));
            }
        };
        tell("Reasons", table(&self.reasons, view));
        tell("Watches", table(&self.watch_lags, view));
        if let Some(capabilities) = &self.capabilities {
            tell("Hardware", table(&capabilities.hardware, view));
            tell("Upgrades", table(&Upgraded::all(capabilities), view));
        }
        tell("Storage classes", table(self.storage_classes.as_deref().unwrap_or_default(), view));
        tables
    }
}

/// A table of some parts; nothing where there are none.
fn table<T: Resource>(parts: &[T], view: &View<'_>) -> String {
    if parts.is_empty() {
        return String::new();
    }
    render(&T::COLUMNS.iter().collect::<Vec<_>>(), parts.iter(), view)
}

fn health(cluster: &v1::Cluster) -> Cell {
    let tone = match cluster.health.as_str() {
        "healthy" if !cluster.stale => Tone::Good,
        "unreachable" => Tone::Bad,
        _ => Tone::Warn,
    };
    let old = if cluster.stale { " (stale)" } else { "" };
    text(format!("{}{old}", cluster.health)).toned(tone)
}

fn lacks(cluster: &v1::Cluster) -> Cell {
    match &cluster.lacks {
        None => Cell::default(),
        Some(lacks) if lacks.is_empty() => text("nothing").toned(Tone::Good),
        Some(lacks) => {
            let names: Vec<&str> = lacks.iter().map(|lack| lack.name.as_str()).collect();
            list(&names).toned(Tone::Warn)
        }
    }
}

/// A part of a cluster, which has a name and no id.
macro_rules! part {
    ($type:ty, $noun:literal, $name:ident, [$($column:expr),* $(,)?]) => {
        impl Resource for $type {
            const NOUN: &'static str = $noun;
            const COLUMNS: &'static [Column<Self>] = &[$($column),*];

            fn id(&self) -> String {
                self.$name.clone()
            }
        }
    };
}

part!(
    v1::ClusterFeature,
    "feature",
    name,
    [
        Column::new("name", |feature, _| text(feature.name.as_str())),
        Column::new("enabled", |feature, _| yes_or_no(feature.enabled)),
        Column::new("stage", |feature, _| text(feature.stage.as_str())),
        Column::new("why", |feature, _| text(feature.why.as_str())),
        Column::new("remedy", |feature, _| opt(feature.remedy.as_ref())),
        Column::wide("inferred", |feature, _| text(feature.inferred.to_string())),
    ]
);

part!(
    v1::ClusterHardware,
    "hardware",
    name,
    [
        Column::new("name", |hardware, _| text(hardware.name.as_str())),
        Column::new("present", |hardware, _| yes_or_no(hardware.present)),
        Column::new("hosts", |hardware, _| opt(hardware.hosts)),
        Column::new("source", |hardware, _| text(hardware.source.as_str())),
    ]
);

part!(
    v1::ClusterReason,
    "reason",
    code,
    [
        Column::new("code", |reason, _| text(reason.code.as_str())),
        Column::new("warning", |reason, _| text(reason.warning.to_string())),
        Column::new("message", |reason, _| text(reason.message.as_str())),
    ]
);

part!(
    v1::ClusterStorageClass,
    "storage class",
    name,
    [
        Column::new("name", |class, _| text(class.name.as_str())),
        Column::new("default", |class, _| text(class.default.to_string())),
        Column::new("provisioner", |class, _| text(class.provisioner.as_str())),
        Column::new("can-grow", |class, _| yes_or_no(class.can_grow)),
    ]
);

part!(
    v1::ClusterWatchLag,
    "watch",
    kind,
    [
        Column::new("kind", |lag, _| text(lag.kind.as_str())),
        Column::new("silent", |lag, _| opt(lag.silent_seconds.map(|it| format!("{it:.0}s")))),
        Column::new("stale-since", |lag, _| opt(lag.stale_since)),
    ]
);

fn yes_or_no(value: Option<bool>) -> Cell {
    match value {
        Some(true) => text("yes").toned(Tone::Good),
        Some(false) => text("no"),
        None => text("unknown").toned(Tone::Warn),
    }
}
