//! `hostler template deploy`, and `preview`, which asks for the same and makes nothing.

use std::collections::BTreeMap;
use std::path::Path;

use clap::Args;
use hostler_api::{Nothing, v1};
use hostler_client::{Client, Terms};
use serde_json::Value;

use super::{files, named};
use crate::app::App;
use crate::commands::hosts;
use crate::complete::Names;
use crate::failure::{Failure, Result};
use crate::resolve::by_name;
use crate::text::printable_lines;
use crate::work::{self, Target, WaitArgs, Words};

/// Which VMs.
#[derive(Debug, Clone, Args)]
pub(crate) struct Which {
    /// The template: NAME, or NAME@VERSION.
    #[arg(add = Names::Template)]
    template: String,
    /// How the VMs are called: web, web-{n}, web-{n:03}.
    name: String,
    /// How many.
    #[arg(short = 'n', long, default_value_t = 1)]
    count: u32,
    /// The number of the first.
    #[arg(long, default_value_t = 1)]
    first: u32,
    /// A parameter, may be repeated. For secrets use --set-file.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// A parameter whose value is in a file, may be repeated; `-` reads stdin.
    #[arg(long = "set-file", value_name = "NAME=FILE")]
    set_file: Vec<String>,
    /// Their project [default: HOSTLER_PROJECT, else the template's].
    #[arg(long)]
    project: Option<String>,
}

/// What is previewed.
#[derive(Debug, Args)]
#[command(after_long_help = examples!(
    "hostler template preview web web-{n} -n 2 --set domain=example.org",
    "hostler template preview web@3 web -o json"
))]
pub(crate) struct PreviewArgs {
    #[command(flatten)]
    which: Which,
}

/// What is deployed, and where.
#[derive(Debug, Args)]
#[command(after_long_help = examples!(
    "hostler template deploy web web-{n} -n 3 --set domain=example.org",
    "hostler template deploy web@2 db --set-file password=secret.txt --provider eu",
    "hostler template deploy web web-{n:03} -n 10 --dry-run"
))]
pub(crate) struct DeployArgs {
    #[command(flatten)]
    which: Which,
    /// Only at this provider (name or id).
    #[arg(long, add = Names::Provider)]
    provider: Option<String>,
    /// Only on this host (name or id).
    #[arg(long, add = Names::Host)]
    host: Option<String>,
    /// Do not start them.
    #[arg(long)]
    no_start: bool,
    /// Only say what would be done, as the server plans it.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    wait: WaitArgs,
}

pub(super) async fn preview(app: &App, args: PreviewArgs) -> Result {
    let client = app.client()?;
    let (path, called, body) = request(app, &client, &args.which).await?;
    let answer = client
        .ask::<v1::TemplatePreview>(&path, &Nothing {}, &body, &Terms::default())
        .await
        .map_err(|error| Failure::from(error).during(format!("cannot preview {called}")))?;
    tell_warnings(app, &answer.value.warnings);
    let view = app.view()?;
    if view.is_document() {
        return view.document(&answer.json);
    }
    for vm in &answer.value.vms {
        let spec =
            serde_json::to_value(&vm.spec).map_err(|error| Failure::new(70, error.to_string()))?;
        let mut text = format!("--- {}\n{}\n", vm.spec.name, pretty(&spec));
        if let Some(seed) = &vm.cloud_init {
            text.push_str(&format!("--- {}: user-data\n{}\n", vm.spec.name, seed.user_data));
            text.push_str(&format!("--- {}: meta-data\n{}\n", vm.spec.name, seed.meta_data));
            if let Some(network) = &seed.network_config {
                text.push_str(&format!("--- {}: network-config\n{network}\n", vm.spec.name));
            }
        }
        app.terminal.write(&printable_lines(&text))?;
    }
    Ok(())
}

pub(super) async fn deploy(app: &App, args: DeployArgs) -> Result {
    let client = app.client()?;
    let (path, called, mut body) = request(app, &client, &args.which).await?;
    if let Some(provider) = &args.provider {
        let found = by_name::<v1::ProviderList, _>(&client, provider, |_| None).await?;
        body.provider = Some(found.value.id);
    }
    if let Some(host) = &args.host {
        let found = by_name::<v1::HostList, _>(&client, host, hosts::place).await?;
        body.host = Some(found.value.id);
    }
    body.start = !args.no_start;
    body.dry_run = args.dry_run;
    let answer = client
        .ask::<v1::TemplateDeploy>(&path, &Nothing {}, &body, &Terms::default())
        .await
        .map_err(|error| Failure::from(error).during(format!("cannot deploy {called}")))?;
    tell_warnings(app, &answer.value.warnings);
    if args.dry_run {
        return tell_plans(app, &answer.value, &answer.json);
    }
    let mut targets = Vec::new();
    let mut refused = Vec::new();
    for vm in answer.value.vms {
        match (vm.operation, vm.error) {
            (Some(operation), _) => {
                targets.push(Target { called: format!("VM \"{}\"", vm.name), id: operation.id });
            }
            (None, error) => {
                let why = error.map_or_else(|| "no reason is told".to_owned(), |it| it.detail);
                app.say(format!("VM \"{}\" is not made: {why}", vm.name));
                refused.push(vm.name);
            }
        }
    }
    let is_list = targets.len() + refused.len() > 1;
    let follow = |operation| {
        let client = client.clone();
        async move {
            // It was taken on already; this only looks how far it is.
            let path = v1::OperationPath { operation };
            let query = v1::OperationWait { wait: None };
            client.ask::<v1::OperationShow>(&path, &query, &Nothing {}, &Terms::default()).await
        }
    };
    let words = Words { verb: "make", done: "made" };
    work::run(app, &client, args.wait, words, targets, is_list, follow).await?;
    match refused.is_empty() {
        true => Ok(()),
        false => Err(Failure::new(1, format!("not made: {}", refused.join(", ")))),
    }
}

async fn request(
    app: &App,
    client: &Client,
    which: &Which,
) -> Result<(v1::TemplatePath, String, v1::TemplateDeployment)> {
    let (template, version) = named(client, &which.template).await?;
    let body = v1::TemplateDeployment {
        version,
        name: which.name.clone(),
        count: which.count,
        first: which.first,
        project: which.project.clone().or_else(|| app.environment.project.clone()),
        parameters: parameters(which)?,
        provider: None,
        host: None,
        start: true,
        dry_run: false,
    };
    let called = format!("template \"{}\"", template.value.name);
    Ok((v1::TemplatePath { template: template.value.id }, called, body))
}

/// Values are sent as texts; the server reads them by their kinds.
fn parameters(which: &Which) -> Result<BTreeMap<String, Value>> {
    let mut values = BTreeMap::new();
    for (flag, pair) in pairs(which) {
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| Failure::usage(format!("--{flag} {pair}: needs NAME=VALUE")))?;
        let value = match flag {
            "set-file" => files::value(Path::new(value))?,
            _ => value.to_owned(),
        };
        if values.insert(name.to_owned(), Value::String(value)).is_some() {
            return Err(Failure::usage(format!("`{name}` is given twice")));
        }
    }
    Ok(values)
}

fn pairs(which: &Which) -> impl Iterator<Item = (&'static str, &String)> {
    let set = which.set.iter().map(|pair| ("set", pair));
    set.chain(which.set_file.iter().map(|pair| ("set-file", pair)))
}

fn tell_warnings(app: &App, warnings: &[String]) {
    for warning in warnings {
        app.say(format!("warning: {warning}"));
    }
}

fn tell_plans(app: &App, deployed: &v1::TemplateDeployed, json: &Value) -> Result {
    let view = app.view()?;
    if view.is_document() {
        return view.document(json);
    }
    for vm in &deployed.vms {
        let Some(plan) = &vm.plan else { continue };
        let place = format!("{} (provider {})", plan.host.name, plan.provider.name);
        let changes = plan.changes.join("\n");
        let text = format!("VM \"{}\" would go to host {place}\n{changes}\n", vm.name);
        app.terminal.write(&printable_lines(&text))?;
    }
    app.say("nothing was done");
    Ok(())
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
