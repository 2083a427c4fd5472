//! `hostler template`.

mod columns;
mod deploy;
mod files;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use hostler_api::{Nothing, v1};
use hostler_client::{Answer, Client, Item, Terms};

use super::{DryRunArg, ListArgs, WatchArg, confirm};
use crate::app::App;
use crate::complete::Names;
use crate::failure::{Failure, Result};
use crate::resolve::by_name;
use crate::select::one_vm;

/// What can be done with templates.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List templates.
    #[command(visible_alias = "ls")]
    #[command(after_long_help = examples!(
        "hostler template list",
        "hostler template list --filter state=active -o wide"
    ))]
    List {
        #[command(flatten)]
        list: ListArgs,
        #[command(flatten)]
        watch: WatchArg,
    },
    /// Show a template and its versions, or one version with what it is.
    #[command(after_long_help = examples!(
        "hostler template show web",
        "hostler template show web@2 -o yaml"
    ))]
    Show {
        /// Its name or id, or NAME@VERSION.
        #[arg(add = Names::Template)]
        template: String,
    },
    /// Make a template, whose first version is a draft.
    ///
    /// The file is YAML or JSON: what a version is (spec, parameters, required_features,
    /// required_hardware, notes), or a whole template with that as its `version`.
    #[command(after_long_help = examples!(
        "hostler template create web --file web.yaml",
        "hostler template create web --from-vm web-1 --description 'as web-1 is'"
    ))]
    Create {
        /// Its name, unique within the project.
        name: String,
        #[command(flatten)]
        of: Of,
        /// The project it belongs to [default: the file's, else HOSTLER_PROJECT, else
        /// default].
        #[arg(long)]
        project: Option<String>,
        /// Free text.
        #[arg(long)]
        description: Option<String>,
        /// A label of the template, may be repeated.
        #[arg(short, long = "label", value_name = "KEY=VALUE")]
        labels: Vec<String>,
        #[command(flatten)]
        dry_run: DryRunArg,
    },
    /// Make a template from a VM: what was asked of it, without what is its own.
    ///
    /// Nothing of its disks is copied; what has to be replaced is told.
    #[command(after_long_help = examples!("hostler template from-vm web-1 web"))]
    FromVm {
        /// The VM's name or id.
        #[arg(add = Names::Vm)]
        vm: String,
        /// The template's name.
        name: String,
        #[command(flatten)]
        dry_run: DryRunArg,
    },
    /// Add a version, a draft.
    #[command(after_long_help = examples!(
        "hostler template version web --from-version 2",
        "hostler template version web --file web.yaml"
    ))]
    Version {
        /// The template's name or id.
        #[arg(add = Names::Template)]
        template: String,
        #[command(flatten)]
        of: OfVersion,
        #[command(flatten)]
        dry_run: DryRunArg,
    },
    /// Write a draft anew from a file.
    #[command(after_long_help = examples!(
        "hostler template edit web@3 --file web.yaml"
    ))]
    Edit {
        /// The draft: NAME@VERSION.
        #[arg(add = Names::Template)]
        template: String,
        /// The file, YAML or JSON; `-` reads stdin.
        #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
        file: PathBuf,
        #[command(flatten)]
        dry_run: DryRunArg,
    },
    /// Let a version be deployed; from then on it never changes.
    #[command(after_long_help = examples!("hostler template activate web@2"))]
    Activate(TurnArgs),
    /// Advise against a version; it can be deployed still.
    #[command(after_long_help = examples!("hostler template deprecate web@1"))]
    Deprecate(TurnArgs),
    /// Let a version be deployed no more, for good.
    #[command(after_long_help = examples!("hostler template archive web@1"))]
    Archive(TurnArgs),
    /// Show what would be asked for with these parameters; nothing is made.
    Preview(deploy::PreviewArgs),
    /// Make VMs from a template.
    Deploy(deploy::DeployArgs),
    /// Delete a template with all its versions; VMs made from it stay.
    #[command(after_long_help = examples!("hostler template delete web --yes --if-exists"))]
    Delete {
        /// Its name or id.
        #[arg(add = Names::Template)]
        template: String,
        /// Do not ask.
        #[arg(short, long)]
        yes: bool,
        /// That there is no such template is a success.
        #[arg(long)]
        if_exists: bool,
        #[command(flatten)]
        dry_run: DryRunArg,
    },
}

/// What a first version is.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Of {
    /// The file, YAML or JSON; `-` reads stdin.
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// What was asked of this VM, without what is its own.
    #[arg(long, value_name = "VM", add = Names::Vm)]
    from_vm: Option<String>,
}

/// What a further version is.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct OfVersion {
    /// The file, YAML or JSON; `-` reads stdin.
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// What this version of the same template is.
    #[arg(long, value_name = "NUMBER")]
    from_version: Option<u32>,
    /// What was asked of this VM, without what is its own.
    #[arg(long, value_name = "VM", add = Names::Vm)]
    from_vm: Option<String>,
}

/// A version whose state is changed.
#[derive(Debug, Args)]
pub(crate) struct TurnArgs {
    /// The version: NAME@VERSION.
    #[arg(add = Names::Template)]
    template: String,
    #[command(flatten)]
    dry_run: DryRunArg,
}

pub(crate) async fn run(app: &App, verb: Verb) -> Result {
    match verb {
        Verb::List { list, watch } => {
            super::list::<v1::TemplateList, _>(app, Nothing {}, &list, watch).await
        }
        Verb::Show { template } => show(app, &template).await,
        Verb::Create { name, of, project, description, labels, dry_run } => {
            let about = files::About { name, project, description, labels };
            create(app, about, of, dry_run).await
        }
        Verb::FromVm { vm, name, dry_run } => {
            let about = files::About { name, ..files::About::default() };
            create(app, about, Of { file: None, from_vm: Some(vm) }, dry_run).await
        }
        Verb::Version { template, of, dry_run } => version(app, &template, of, dry_run).await,
        Verb::Edit { template, file, dry_run } => edit(app, &template, &file, dry_run).await,
        Verb::Activate(args) => turn::<v1::TemplateVersionActivate>(app, args, "active").await,
        Verb::Deprecate(args) => {
            turn::<v1::TemplateVersionDeprecate>(app, args, "deprecated").await
        }
        Verb::Archive(args) => turn::<v1::TemplateVersionArchive>(app, args, "archived").await,
        Verb::Preview(args) => deploy::preview(app, args).await,
        Verb::Deploy(args) => deploy::deploy(app, args).await,
        Verb::Delete { template, yes, if_exists, dry_run } => {
            delete(app, &template, yes, if_exists, dry_run).await
        }
    }
}

/// The project that a template is told apart by.
pub(crate) fn project(template: &v1::Template) -> Option<String> {
    Some(template.project.clone())
}

/// The template that `wanted` names, and the version where it names one by `@`.
async fn named(client: &Client, wanted: &str) -> Result<(Item<v1::Template>, Option<u32>)> {
    let (name, version) = match wanted.split_once('@') {
        None => (wanted, None),
        Some((name, version)) => {
            let number = version.parse().map_err(|_| {
                Failure::usage(format!("`{version}` is no number of a version"))
                    .with_hint("versions are named as in web@2")
            })?;
            (name, Some(number))
        }
    };
    Ok((by_name::<v1::TemplateList, _>(client, name, project).await?, version))
}

/// The version that `wanted` names, which it has to.
async fn one_version(client: &Client, wanted: &str) -> Result<(Item<v1::Template>, u32)> {
    match named(client, wanted).await? {
        (template, Some(version)) => Ok((template, version)),
        (template, None) => Err(Failure::usage(format!("`{wanted}` names no version"))
            .with_hint(format!("as in {}@1", template.value.name))),
    }
}

/// The id, with the version where one is named, as the API takes them.
pub(crate) async fn reference(client: &Client, wanted: &str) -> Result<String> {
    let (template, version) = named(client, wanted).await?;
    let id = template.value.id;
    Ok(version.map_or_else(|| id.clone(), |version| format!("{id}@{version}")))
}

async fn show(app: &App, wanted: &str) -> Result {
    let client = app.client()?;
    let (template, version) = named(&client, wanted).await?;
    match version {
        Some(version) => {
            let path = path_of(&template.value, version);
            super::show::<v1::TemplateVersionShow, _>(app, &client, path, WatchArg::default()).await
        }
        None => super::view_one(app, &template),
    }
}

async fn create(app: &App, about: files::About, of: Of, dry_run: DryRunArg) -> Result {
    let client = app.client()?;
    let mut body = match &of.file {
        Some(file) => files::template(file)?,
        None => v1::TemplateRequest {
            project: app.environment.project.clone().unwrap_or_else(|| "default".into()),
            ..Default::default()
        },
    };
    about.onto(&mut body)?;
    if let Some(vm) = of.from_vm {
        body.from_vm = Some(one_vm(&client, &vm).await?.value.id);
    }
    let called = format!("template \"{}\"", body.name);
    if dry_run.tell(app, &[format!("+ {called}")])? {
        return Ok(());
    }
    let answer = client
        .ask::<v1::TemplateCreate>(&Nothing {}, &Nothing {}, &body, &Terms::default())
        .await
        .map_err(|error| Failure::from(error).during(format!("cannot make {called}")))?;
    app.say(format!("{called} made; its version 1 is a draft"));
    let path = path_of(&answer.value, 1);
    tell_draft(app, &client.show::<v1::TemplateVersionShow>(&path).await?.value);
    shown(app, answer)
}

async fn version(app: &App, template: &str, of: OfVersion, dry_run: DryRunArg) -> Result {
    let client = app.client()?;
    let found = by_name::<v1::TemplateList, _>(&client, template, project).await?.value;
    let mut body = v1::TemplateVersionRequest {
        content: of.file.as_deref().map(files::content).transpose()?,
        from_version: of.from_version,
        ..Default::default()
    };
    if let Some(vm) = of.from_vm {
        body.from_vm = Some(one_vm(&client, &vm).await?.value.id);
    }
    let called = format!("template \"{}\"", found.name);
    if dry_run.tell(app, &[format!("+ version of {called}")])? {
        return Ok(());
    }
    let path = v1::TemplatePath { template: found.id };
    let answer = client
        .ask::<v1::TemplateVersionCreate>(&path, &Nothing {}, &body, &Terms::default())
        .await
        .map_err(|error| Failure::from(error).during(format!("cannot add to {called}")))?;
    app.say(format!("version {} of {called} made, a draft", answer.value.summary.number));
    tell_draft(app, &answer.value);
    shown(app, answer)
}

async fn edit(app: &App, wanted: &str, file: &std::path::Path, dry_run: DryRunArg) -> Result {
    let client = app.client()?;
    let (template, number) = one_version(&client, wanted).await?;
    let content = files::content(file)?;
    let called = format!("version {number} of template \"{}\"", template.value.name);
    if dry_run.tell(app, &[format!("~ {called}")])? {
        return Ok(());
    }
    let path = path_of(&template.value, number);
    let answer = client
        .ask::<v1::TemplateVersionWrite>(&path, &Nothing {}, &content, &Terms::default())
        .await
        .map_err(|error| Failure::from(error).during(format!("cannot write {called}")))?;
    app.say(format!("{called} written"));
    tell_draft(app, &answer.value);
    shown(app, answer)
}

async fn turn<E>(app: &App, args: TurnArgs, state: &str) -> Result
where
    E: hostler_api::Endpoint<
            Path = v1::TemplateVersionPath,
            Query = Nothing,
            Body = Nothing,
            Reply = v1::TemplateVersion,
        >,
{
    let client = app.client()?;
    let (template, number) = one_version(&client, &args.template).await?;
    let called = format!("version {number} of template \"{}\"", template.value.name);
    if args.dry_run.tell(app, &[format!("~ {called} becomes {state}")])? {
        return Ok(());
    }
    let path = path_of(&template.value, number);
    let answer = client
        .ask::<E>(&path, &Nothing {}, &Nothing {}, &Terms::default())
        .await
        .map_err(|error| Failure::from(error).during(format!("cannot make {called} {state}")))?;
    app.say(format!("{called} is {state}"));
    shown(app, answer)
}

async fn delete(app: &App, wanted: &str, yes: bool, if_exists: bool, dry_run: DryRunArg) -> Result {
    let client = app.client()?;
    let found = match by_name::<v1::TemplateList, _>(&client, wanted, project).await {
        Err(failure) if if_exists && failure.is_not_found() => {
            app.say(format!("there is no template \"{wanted}\""));
            return Ok(());
        }
        found => found?.value,
    };
    let called = format!("template \"{}\"", found.name);
    if dry_run.tell(app, &[format!("- {called}")])? {
        return Ok(());
    }
    let what = format!("{called} is deleted with its versions; VMs made from it stay");
    confirm(app, yes, &[what], None)?;
    let path = v1::TemplatePath { template: found.id };
    client
        .call::<v1::TemplateDelete>(&path, &Nothing {}, &Nothing {})
        .await
        .map_err(|error| Failure::from(error).during(format!("cannot delete {called}")))?;
    app.say(format!("{called} deleted"));
    Ok(())
}

/// Says what is missing in a draft, and what of a VM is not in it.
fn tell_draft(app: &App, version: &v1::TemplateVersion) {
    for left in version.made_from.iter().flat_map(|from| &from.left_out) {
        app.say(format!("note: {} {}", left.pointer, left.detail));
    }
    for fault in &version.faults {
        app.say(format!("to do: {} {}", fault.pointer, fault.detail));
    }
}

fn path_of(template: &v1::Template, version: u32) -> v1::TemplateVersionPath {
    v1::TemplateVersionPath { template: template.id.clone(), version: version.to_string() }
}

/// What was answered, for programs: people have been told.
fn shown<T: crate::output::Resource>(app: &App, answer: Answer<T>) -> Result {
    let item = Item { value: answer.value, json: answer.json };
    if app.view()?.is_for_people() { Ok(()) } else { super::view_one(app, &item) }
}
