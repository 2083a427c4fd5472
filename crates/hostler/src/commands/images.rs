//! `hostler image`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use hostler_api::{ListQuery, Nothing, v1};
use hostler_client::{Client, Item};
use tokio::io::AsyncRead;

use super::{DryRunArg, ListArgs, WatchArg, confirm};
use crate::app::App;
use crate::complete::Names;
use crate::failure::{Failure, Result};
use crate::output::{Column, Resource, age, bytes, text};
use crate::resolve::{by_name, find};
use crate::select::{called, expand_stdin, is_glob};
use crate::text::glob;
use crate::work::upload_line;

/// What can be done with images.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List images.
    #[command(visible_alias = "ls")]
    #[command(after_long_help = examples!(
        "hostler image list",
        "hostler image list --filter name=debian-* -o wide"
    ))]
    List {
        #[command(flatten)]
        list: ListArgs,
        #[command(flatten)]
        watch: WatchArg,
    },
    /// Upload an image file.
    Import(ImportArgs),
    /// Show an image.
    #[command(after_long_help = examples!(
        "hostler image show debian-13",
        "hostler image show debian-13 -o json"
    ))]
    Show {
        /// Its name or id.
        #[arg(add = Names::Image)]
        image: String,
    },
    /// Delete images; VMs made from them stay.
    #[command(after_long_help = examples!(
        "hostler image delete debian-12",
        "hostler image delete 'debian-1*' --dry-run",
        "hostler image delete debian-12 --yes --if-exists"
    ))]
    Delete {
        /// Their names or ids, or patterns with `*`; `-` reads names from stdin.
        #[arg(required = true, value_name = "IMAGE", add = Names::Image)]
        images: Vec<String>,
        /// Do not ask.
        #[arg(short, long)]
        yes: bool,
        /// That there is no such image is a success.
        #[arg(long)]
        if_exists: bool,
        #[command(flatten)]
        dry_run: DryRunArg,
    },
}

/// What a file can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// QEMU's copy-on-write format.
    Qcow2,
    /// The plain bytes of a disk.
    Raw,
    /// What a CD holds.
    Iso,
    /// VMware's, in one file; the server converts it.
    Vmdk,
    /// `VirtualBox`'s; the server converts it.
    Vdi,
    /// Hyper-V's; the server converts it.
    Vhdx,
}

impl From<Format> for v1::ImageFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Qcow2 => Self::Qcow2,
            Format::Raw => Self::Raw,
            Format::Iso => Self::Iso,
            Format::Vmdk => Self::Vmdk,
            Format::Vdi => Self::Vdi,
            Format::Vhdx => Self::Vhdx,
        }
    }
}

/// What is uploaded, and as what.
#[derive(Debug, Args)]
#[command(after_long_help = examples!(
    "hostler image import debian-13.qcow2",
    "hostler image import disk.img --name old-server --format raw",
    "hostler image import appliance.vmdk --name appliance",
    "zcat disk.raw.gz | hostler image import - --name disk --format raw"
))]
pub(crate) struct ImportArgs {
    /// The file; `-` reads stdin.
    #[arg(value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// The image's name [default: the file's, without its ending].
    #[arg(long)]
    name: Option<String>,
    /// The file's format; needed unless the name ends in it.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Free text.
    #[arg(long, default_value = "")]
    description: String,
    /// The SHA-256 the file has to have, in hex.
    #[arg(long, value_name = "HEX")]
    sha256: Option<String>,
    #[command(flatten)]
    dry_run: DryRunArg,
}

pub(crate) async fn run(app: &App, verb: Verb) -> Result {
    match verb {
        Verb::List { list, watch } => {
            super::list::<v1::ImageList, _>(app, Nothing {}, &list, watch).await
        }
        Verb::Import(args) => import(app, args).await,
        Verb::Show { image } => {
            let client = app.client()?;
            let image = by_name::<v1::ImageList, _>(&client, &image, |_| None).await?.value.id;
            let path = v1::ImagePath { image };
            super::show::<v1::ImageShow, _>(app, &client, path, WatchArg::default()).await
        }
        Verb::Delete { images, yes, if_exists, dry_run } => {
            let Some(found) = chosen(app, &images, if_exists).await? else { return Ok(()) };
            let lines: Vec<String> =
                found.iter().map(|image| format!("- {}", called(&image.value))).collect();
            if dry_run.tell(app, &lines)? {
                return Ok(());
            }
            delete(app, found, yes).await
        }
    }
}

/// Uploads a file, or what comes on stdin.
async fn import(app: &App, args: ImportArgs) -> Result {
    let query = v1::ImageImportQuery {
        name: name_of(&args)?,
        description: args.description.clone(),
        format: format_of(&args)?.into(),
        sha256: args.sha256.clone(),
    };
    let line = format!("+ image \"{}\" from {}", query.name, args.file.display());
    if args.dry_run.tell(app, &[line])? {
        return Ok(());
    }
    let client = app.client()?;
    let failed = |error: std::io::Error| {
        Failure::usage(format!("cannot read {}: {error}", args.file.display()))
    };
    if args.file == Path::new("-") {
        return send(app, &client, &query, None, tokio::io::stdin()).await;
    }
    let file = tokio::fs::File::open(&args.file).await.map_err(failed)?;
    let about = file.metadata().await.map_err(failed)?;
    let length = about.is_file().then_some(about.len());
    send(app, &client, &query, length, file).await
}

/// Uploads and shows how far it is.
async fn send(
    app: &App,
    client: &Client,
    query: &v1::ImageImportQuery,
    length: Option<u64>,
    reader: impl AsyncRead + Unpin + Send + 'static,
) -> Result {
    // The upload runs elsewhere than the screen, so the count comes by channel.
    let (sender, mut counts) = tokio::sync::watch::channel(0_u64);
    let tell = move |count| {
        sender.send_replace(count);
    };
    let upload = client.import_image(query, length, reader, tell);
    tokio::pin!(upload);
    let answer = loop {
        tokio::select! {
            answer = &mut upload => break answer,
            Ok(()) = counts.changed() => upload_line(app, *counts.borrow_and_update(), length),
        }
    };
    app.terminal.redraw("");
    let answer = answer.map_err(|error| {
        Failure::from(error).during(format!("cannot import \"{}\"", query.name))
    })?;
    app.say(format!("image \"{}\" imported", query.name));
    let item = Item { value: answer.value, json: answer.json };
    if app.view()?.is_for_people() { Ok(()) } else { super::view_one(app, &item) }
}

fn name_of(args: &ImportArgs) -> Result<String> {
    let stem = || Some(args.file.file_stem()?.to_str()?.to_owned());
    match args.name.clone() {
        Some(name) => Ok(name),
        None if args.file == Path::new("-") => {
            Err(Failure::usage("what comes from stdin has no name").with_hint("give --name"))
        }
        None => stem().ok_or_else(|| {
            Failure::usage("the file's name cannot be the image's").with_hint("give --name")
        }),
    }
}

/// The format is told, never guessed from the bytes: a raw disk may hold what
/// looks like another format (A6).
fn format_of(args: &ImportArgs) -> Result<Format> {
    let ending = args.file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let by_name = || Format::from_str(ending, true).ok();
    args.format.or_else(by_name).ok_or_else(|| {
        let message = format!("the name of {} does not tell its format", args.file.display());
        Failure::usage(message)
            .with_hint("give --format qcow2 or --format raw; `qemu-img info` tells which")
    })
}

/// The images that the names and patterns stand for; all of them are found
/// before the first is touched. Nothing when none is left to be deleted.
async fn chosen(
    app: &App,
    names: &[String],
    if_exists: bool,
) -> Result<Option<Vec<Item<v1::Image>>>> {
    let client = app.client()?;
    let query = ListQuery { limit: Some(hostler_api::LIMIT_MAX), ..ListQuery::default() };
    let all = client.pages::<v1::ImageList, _>(Nothing {}, query).all(None).await?.items;
    let names = expand_stdin(names)?;
    let mut wanted: BTreeSet<String> = BTreeSet::new();
    for name in &names {
        let found = if is_glob(name) {
            let fits = |image: &&Item<v1::Image>| glob(name, &image.value.name);
            let found: Vec<String> =
                all.iter().filter(fits).map(|image| image.value.id.clone()).collect();
            match found.is_empty() {
                true => Err(Failure::not_found(format!("no image fits `{name}`"))
                    .with_hint("`hostler image list` shows those there are")),
                false => Ok(found),
            }
        } else {
            find(&all, name, |_| None).map(|image| vec![image.value.id.clone()])
        };
        match found {
            Ok(ids) => wanted.extend(ids),
            Err(failure) if if_exists && failure.is_not_found() => {
                app.say(format!("there is no image \"{name}\""));
            }
            Err(failure) => return Err(failure),
        }
    }
    let chosen: Vec<Item<v1::Image>> =
        all.into_iter().filter(|image| wanted.contains(&image.value.id)).collect();
    Ok(Some(chosen).filter(|chosen| !chosen.is_empty()))
}

async fn delete(app: &App, images: Vec<Item<v1::Image>>, yes: bool) -> Result {
    let what: Vec<String> =
        images.iter().map(|image| format!("{} is deleted", called(&image.value))).collect();
    confirm(app, yes, &what, None)?;
    let client = app.client()?;
    for image in images {
        let path = v1::ImagePath { image: image.value.id.clone() };
        client.call::<v1::ImageDelete>(&path, &Nothing {}, &Nothing {}).await.map_err(|error| {
            Failure::from(error).during(format!("cannot delete {}", called(&image.value)))
        })?;
        app.say(format!("{} deleted", called(&image.value)));
    }
    Ok(())
}

impl Resource for v1::Image {
    const NOUN: &'static str = "image";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("name", |image, _| text(image.name.as_str())),
        Column::new("format", |image, _| text(word(image.format))),
        Column::new("size", |image, _| bytes(Some(image.virtual_bytes))),
        Column::new("file", |image, _| bytes(Some(image.file_bytes))),
        Column::new("age", |image, now| age(Some(image.created_at), now)),
        Column::new("description", |image, _| text(image.description.as_str())),
        Column::wide("sha256", |image, _| text(image.sha256.as_str())),
        Column::wide("id", |image, _| text(image.id.as_str())),
    ];

    fn id(&self) -> String {
        self.id.clone()
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

fn word(format: v1::VolumeFormat) -> &'static str {
    match format {
        v1::VolumeFormat::Qcow2 => "qcow2",
        v1::VolumeFormat::Raw => "raw",
    }
}
