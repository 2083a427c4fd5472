//! `hostler cluster`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use hostler_api::v1::{self, ClusterListQuery};
use hostler_api::{Nothing, Secret};
use hostler_client::{Item, Terms};

use super::forgetting::{Forgetting, forget};
use super::{DryRunArg, ListArgs};
use crate::app::App;
use crate::complete::Names;
use crate::failure::{Failure, Result};
use crate::resolve::by_name;

mod columns;
mod files;
mod hardware;
mod rotate;
mod upgrades;

/// What can be done with clusters.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List clusters: how each is, and what it lacks of what is required.
    #[command(visible_alias = "ls")]
    #[command(after_long_help = examples!(
        "hostler cluster list",
        "hostler cluster list --filter 'health!=healthy' -o wide",
        "hostler cluster list --features GPU,HotplugNICs --hardware kvm",
        "hostler cluster list --compatible-with-template web"
    ))]
    List {
        #[command(flatten)]
        list: ListArgs,
        #[command(flatten)]
        required: Required,
        /// Only clusters that have all that this template requires: NAME, or NAME@VERSION.
        #[arg(long, value_name = "TEMPLATE", add = Names::Template)]
        compatible_with_template: Option<String>,
    },
    /// Show a cluster: how it is and why, and what it can.
    #[command(after_long_help = examples!(
        "hostler cluster show eu",
        "hostler cluster show eu --template web@2",
        "hostler cluster show eu -o json"
    ))]
    Show {
        /// Its name or id.
        #[arg(add = Names::Cluster)]
        cluster: String,
        /// Tell what it lacks of what this template requires: NAME, or NAME@VERSION.
        #[arg(long, add = Names::Template)]
        template: Option<String>,
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
    ///
    /// The context and the namespaces that are looked at stay as they were, unless others are
    /// given.
    #[command(after_long_help = examples!(
        "hostler cluster rotate eu --kubeconfig fresh.kubeconfig",
        "hostler cluster rotate eu --kubeconfig fresh.kubeconfig --all-namespaces --dry-run"
    ))]
    Rotate {
        /// Its name or id.
        #[arg(add = Names::Cluster)]
        cluster: String,
        #[command(flatten)]
        fresh: rotate::Fresh,
        #[command(flatten)]
        dry_run: DryRunArg,
    },
    /// Say which hardware a cluster has or lacks, whatever its hosts tell.
    ///
    /// What was said before of other hardware stays.
    #[command(after_long_help = examples!(
        "hostler cluster declare eu fpga=there",
        "hostler cluster declare eu nvidia.com/TU104GL=absent kvm=detected --dry-run"
    ))]
    Declare {
        /// Its name or id.
        #[arg(add = Names::Cluster)]
        cluster: String,
        /// Hardware with `there`, `absent`, or `detected`: what its hosts tell counts again.
        #[arg(required = true, value_name = "NAME=WORD", value_parser = hardware::parse)]
        hardware: Vec<hardware::Said>,
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
    /// How many questions are put to the cluster at once, from 1 to 200; 20 when not given.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=200))]
    at_once: Option<u32>,
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
            at_once: self.at_once,
            allow_exec: self.allow_exec,
        })
    }
}

pub(crate) async fn run(app: &App, verb: Verb) -> Result {
    match verb {
        Verb::List { list, required, compatible_with_template } => {
            show_list(app, &list, required, compatible_with_template).await
        }
        Verb::Show { cluster, template: Some(template) } => {
            compared(app, &cluster, &template).await
        }
        Verb::Show { cluster, template: None } => {
            let client = app.client()?;
            let found = by_name::<v1::ClusterList, _>(&client, &cluster, |_| None).await?;
            super::view_one(app, &found)
        }
        Verb::Add { name, by, dry_run } => add(app, name, by, &dry_run).await,
        Verb::Test { by } => test(app, by).await,
        Verb::Rotate { cluster, fresh, dry_run } => {
            rotate::run(app, &cluster, fresh, dry_run).await
        }
        Verb::Declare { cluster, hardware, dry_run } => {
            hardware::declare(app, &cluster, &hardware, dry_run).await
        }
        Verb::Remove { cluster, yes, if_exists, dry_run } => {
            remove(app, &cluster, Forgetting { yes, if_exists, dry_run }).await
        }
        Verb::Features { cluster } => features(app, &cluster).await,
    }
}

/// A cluster with what it lacks of a template.
async fn compared(app: &App, cluster: &str, template: &str) -> Result {
    let client = app.client()?;
    let found = by_name::<v1::ClusterList, _>(&client, cluster, |_| None).await?;
    let path = v1::ClusterPath { cluster: found.value.id };
    let template = super::templates::reference(&client, template).await?;
    let query = v1::ClusterShowQuery { template: Some(template), ..Default::default() };
    let terms = Terms::default();
    let answer = client.ask::<v1::ClusterShow>(&path, &query, &Nothing {}, &terms).await?;
    super::view_one(app, &Item { value: answer.value, json: answer.json })
}

async fn show_list(
    app: &App,
    args: &ListArgs,
    required: Required,
    template: Option<String>,
) -> Result {
    let Required { features, hardware } = required;
    let client = app.client()?;
    let compatible_with_template = match template {
        Some(template) => Some(super::templates::reference(&client, &template).await?),
        None => None,
    };
    let query =
        ClusterListQuery { features, hardware, compatible_with_template, ..args.query().into() };
    let page = client.pages::<v1::ClusterList, _>(Nothing {}, query).all(args.most()).await?;
    super::show_page(app, &page)
}

async fn add(app: &App, name: String, by: By, dry_run: &DryRunArg) -> Result {
    let v1::ClusterKubeconfig { kubeconfig, context, namespaces, at_once, allow_exec } =
        by.read()?;
    let called = format!("cluster \"{name}\"");
    if dry_run.tell(app, &[format!("+ {called}")])? {
        return Ok(());
    }
    let body = v1::ClusterRequest { name, kubeconfig, context, namespaces, at_once, allow_exec };
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

async fn remove(app: &App, cluster: &str, how: Forgetting) -> Result {
    let client = app.client()?;
    let what = |_: &v1::Cluster| {
        "is forgotten with its kubeconfig and what was seen there; nothing there is touched"
            .to_owned()
    };
    forget::<v1::ClusterList, _>(app, (&client, cluster), how, what, async |cluster| {
        let path = v1::ClusterPath { cluster };
        client.call::<v1::ClusterDelete>(&path, &Nothing {}, &Nothing {}).await
    })
    .await
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
