//! `hostler disk`.

use clap::{Args, Subcommand, ValueEnum};
use hostler_api::{LIMIT_MAX, ListQuery, Nothing, v1};
use hostler_client::{Client, Item, Terms};
use hostler_core::{Code, Kind};

use super::volumes::VolumeFormat;
use super::{DryRun, ListArgs, WatchArg, confirm};
use crate::app::App;
use crate::complete::Names;
use crate::failure::{Failure, Result};
use crate::output::{Column, Resource, bytes, opt, text};
use crate::select::one_vm;
use crate::text::parse_size;
use crate::work::{self, Target, WaitArgs, Words};

/// What can be done with the disks of VMs that exist.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List the disks of a VM.
    #[command(visible_alias = "ls")]
    #[command(after_long_help = examples!(
        "hostler disk list web",
        "hostler disk list web -o wide"
    ))]
    List {
        /// The VM's name or id.
        #[arg(add = Names::Vm)]
        vm: String,
        #[command(flatten)]
        list: ListArgs,
        #[command(flatten)]
        watch: WatchArg,
    },
    /// Attach a disk to a VM, also while it runs.
    Attach(AttachArgs),
    /// Detach a disk from a VM, also while it runs; its volume stays.
    Detach(DetachArgs),
}

/// What to attach, and whether to wait.
#[derive(Debug, Args)]
#[command(after_long_help = examples!(
    "hostler disk attach web data --size 100G",
    "hostler disk attach web data --size 100G --pool fast --format raw --dry-run",
    "hostler disk attach web logs --volume default/logs.qcow2",
    "hostler disk attach web tools --image tools --read-only"
))]
#[command(group(clap::ArgGroup::new("source").required(true).multiple(true)
    .args(["size", "volume", "image"])))]
pub(crate) struct AttachArgs {
    /// The VM's name or id.
    #[arg(add = Names::Vm)]
    vm: String,
    /// The disk's name, unique among those of the VM.
    name: String,
    /// A new volume of this size, for example 20G; with --image, the size of the copy.
    #[arg(long, value_parser = parse_size, conflicts_with = "volume")]
    size: Option<u64>,
    /// A volume that exists, as POOL/VOLUME.
    #[arg(long, value_name = "POOL/VOLUME", value_parser = parse_volume)]
    volume: Option<(String, String)>,
    /// A new volume with a copy of this image.
    #[arg(long, value_name = "IMAGE", conflicts_with = "volume", add = Names::Image)]
    image: Option<String>,
    /// The pool to make a new volume in; the default one where not given.
    #[arg(long, conflicts_with = "volume", add = Names::Pool)]
    pool: Option<String>,
    /// How a new volume is stored; as the provider does by itself, or as the image is, where not
    /// given.
    #[arg(long, value_enum)]
    format: Option<VolumeFormat>,
    /// How the guest sees it attached; what the VM can have while it runs, where not given.
    #[arg(long, value_enum)]
    bus: Option<Bus>,
    /// The guest may only read.
    #[arg(long)]
    read_only: bool,
    /// The serial number the guest sees.
    #[arg(long)]
    serial: Option<String>,
    /// Only show what would be done: here, or checked by the server.
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "server", value_name = "WHERE")]
    dry_run: Option<DryRun>,
    #[command(flatten)]
    wait: WaitArgs,
}

/// Which disk, and whether to wait.
#[derive(Debug, Args)]
#[command(after_long_help = examples!(
    "hostler disk detach web data",
    "hostler disk detach web data --delete-volume --yes"
))]
pub(crate) struct DetachArgs {
    /// The VM's name or id.
    #[arg(add = Names::Vm)]
    vm: String,
    /// The disk's name; or its reference, where several have the same name.
    disk: String,
    /// Delete its volume too, with the data on it, where it was made for this VM.
    #[arg(long)]
    delete_volume: bool,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
    /// That there is no such disk is a success.
    #[arg(long)]
    if_exists: bool,
    /// Only say whether it is possible now, as the server sees it.
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "server", value_name = "WHERE")]
    dry_run: Option<DryRun>,
    #[command(flatten)]
    wait: WaitArgs,
}

/// How the guest sees a disk attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Bus {
    /// The paravirtual block device.
    Virtio,
    /// A paravirtual SCSI controller.
    Scsi,
    /// AHCI.
    Sata,
    /// USB storage.
    Usb,
}

impl From<Bus> for v1::DiskBus {
    fn from(bus: Bus) -> Self {
        match bus {
            Bus::Virtio => Self::Virtio,
            Bus::Scsi => Self::Scsi,
            Bus::Sata => Self::Sata,
            Bus::Usb => Self::Usb,
        }
    }
}

/// A pool and a volume of it.
fn parse_volume(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('/') {
        Some((pool, volume)) if !pool.is_empty() && !volume.is_empty() => {
            Ok((pool.to_owned(), volume.to_owned()))
        }
        _ => Err("is not POOL/VOLUME; `hostler volume list POOL` shows those there are".into()),
    }
}

pub(crate) async fn run(app: &App, verb: Verb) -> Result {
    let client = app.client()?;
    match verb {
        Verb::List { vm, list, watch } => {
            let path = v1::VmPath { vm: one_vm(&client, &vm).await?.value.id };
            super::list::<v1::DiskList, _>(app, path, &list, watch).await
        }
        Verb::Attach(args) => attach(app, &client, args).await,
        Verb::Detach(args) => detach(app, &client, args).await,
    }
}

/// The disk that is asked for.
fn spec(args: &AttachArgs) -> v1::DiskSpec {
    let (pool, format) = (args.pool.clone(), args.format.map(Into::into));
    let source = match (&args.volume, &args.image) {
        (Some((pool, volume)), _) => {
            v1::DiskSource::Volume { pool: pool.clone(), volume: volume.clone() }
        }
        (None, Some(image)) => {
            v1::DiskSource::Image { image: image.clone(), size_bytes: args.size, pool, format }
        }
        (None, None) => {
            v1::DiskSource::Empty { size_bytes: args.size.unwrap_or_default(), pool, format }
        }
    };
    v1::DiskSpec {
        name: args.name.clone(),
        device: v1::DiskDevice::Disk,
        bus: args.bus.map(Into::into),
        source,
        read_only: args.read_only,
        cache: None,
        discard: false,
        serial: args.serial.clone(),
    }
}

async fn attach(app: &App, client: &Client, args: AttachArgs) -> Result {
    let (body, called) = (spec(&args), called(&args.vm, &args.name));
    if args.dry_run == Some(DryRun::Client) {
        let json = serde_json::to_value(&body)
            .map_err(|error| Failure::new(70, format!("the request cannot be shown: {error}")))?;
        return app.view()?.document(&json);
    }
    let vm = one_vm(client, &args.vm).await?.value.id;
    if args.dry_run.is_some() {
        return plan(app, client, v1::VmPath { vm }, &body, &called).await;
    }
    let words = Words { verb: "attach", done: "attached" };
    let target = Target { called, id: vm };
    let submit = |vm| {
        let (client, body) = (client.clone(), body.clone());
        async move {
            let path = v1::VmPath { vm };
            client.ask::<v1::DiskAttach>(&path, &Nothing {}, &body, &Terms::default()).await
        }
    };
    work::run(app, client, args.wait, words, vec![target], false, submit).await
}

/// Shows what the server would do.
async fn plan(
    app: &App,
    client: &Client,
    path: v1::VmPath,
    body: &v1::DiskSpec,
    called: &str,
) -> Result {
    let answer = client
        .ask::<v1::DiskPlan>(&path, &Nothing {}, body, &Terms::default())
        .await
        .map_err(|error| Failure::from(error).during(format!("cannot attach {called}")))?;
    let view = app.view()?;
    if !view.is_for_people() {
        return view.document(&answer.json);
    }
    let plan = answer.value;
    let mut lines = vec![format!("{called} would be attached")];
    lines.extend(plan.changes.iter().map(|change| format!("  {change}")));
    lines.push(format!("steps: {}", plan.steps.join(", ")));
    let text: String = lines.iter().map(|line| crate::text::printable(line) + "\n").collect();
    app.terminal.write(&text)?;
    app.say("nothing was done");
    Ok(())
}

async fn detach(app: &App, client: &Client, args: DetachArgs) -> Result {
    let vm = one_vm(client, &args.vm).await?.value.id;
    let called = called(&args.vm, &args.disk);
    let Some(disk) = find(client, &vm, &args.disk).await? else {
        if args.if_exists {
            app.say(format!("there is no {called}"));
            return Ok(());
        }
        let hint = format!("`hostler disk list {}` shows those there are", args.vm);
        return Err(Failure::not_found(format!("there is no {called}")).with_hint(hint));
    };
    let disk = disk.value;
    if args.dry_run.is_some() {
        return foresee(app, &disk, &called, args.delete_volume);
    }
    let (loss, typed) = match args.delete_volume {
        true => (format!("{called}, its volume and all data on it"), Some(&*args.disk)),
        false => (format!("{called}; its volume stays"), None),
    };
    confirm(app, args.yes, &[loss], typed)?;
    let words = Words { verb: "detach", done: "detached" };
    let target = Target { called, id: args.disk };
    let query = v1::DiskDetachQuery { delete_volume: args.delete_volume };
    let submit = |disk| {
        let (client, vm, query) = (client.clone(), vm.clone(), query.clone());
        async move {
            let path = v1::DiskPath { vm, disk };
            client.ask::<v1::DiskDetach>(&path, &query, &Nothing {}, &Terms::default()).await
        }
    };
    work::run(app, client, args.wait, words, vec![target], false, submit).await
}

/// Says whether a disk could be detached now. Nothing is done.
fn foresee(app: &App, disk: &v1::VmDisk, called: &str, delete_volume: bool) -> Result {
    let keeps = delete_volume && !disk.own_volume;
    let not_own = (Code::VolumeNotItsOwn.as_str(), "its volume was not made for this VM");
    let refused = match &disk.detach {
        verdict if !verdict.allowed => {
            Some((verdict.code.as_deref().unwrap_or(""), verdict.reason.as_deref().unwrap_or("")))
        }
        _ => keeps.then_some(not_own),
    };
    // The code that doing it would end with.
    let code = refused.and_then(|(code, _)| Code::parse(code));
    let exit = code.map_or(Kind::Conflict, Code::kind).exit_code();
    let view = app.view()?;
    if !view.is_for_people() {
        view.document(&serde_json::json!({
            "name": disk.name, "action": "detach", "allowed": refused.is_none(),
            "code": refused.map(|(code, _)| code), "reason": refused.map(|(_, reason)| reason),
        }))?;
        return if refused.is_none() { Ok(()) } else { Err(Failure::told(exit)) };
    }
    if let Some((_, reason)) = refused {
        return Err(Failure::new(exit, format!("cannot detach {called}: {reason}")));
    }
    let volume = match (&disk.volume, delete_volume) {
        (Some(volume), true) => format!("- volume \"{volume}\" and all data on it\n"),
        (Some(volume), false) => format!("  volume \"{volume}\" stays\n"),
        (None, _) => String::new(),
    };
    let text = format!("- {}\n{}", crate::text::printable(called), crate::text::printable(&volume));
    app.terminal.write(&text)?;
    app.say("nothing was done");
    Ok(())
}

/// A disk for messages.
fn called(vm: &str, name: &str) -> String {
    format!("disk \"{name}\" of VM \"{vm}\"")
}

/// The disk of that name or reference, if the VM has it.
async fn find(client: &Client, vm: &str, wanted: &str) -> Result<Option<Item<v1::VmDisk>>> {
    let query = ListQuery { limit: Some(LIMIT_MAX), ..ListQuery::default() };
    let path = v1::VmPath { vm: vm.to_owned() };
    let all = client.pages::<v1::DiskList, _>(path, query).all(None).await?;
    let is_it = |one: &Item<v1::VmDisk>| {
        one.value.name == wanted || one.value.reference.as_deref() == Some(wanted)
    };
    Ok(all.items.into_iter().find(is_it))
}

impl Resource for v1::VmDisk {
    const NOUN: &'static str = "disk";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("name", |disk, _| text(disk.name.as_str())),
        Column::new("state", |disk, _| text(word(&disk.state))),
        Column::new("size", |disk, _| bytes(disk.capacity_bytes)),
        Column::new("bus", |disk, _| opt(disk.bus.as_ref())),
        Column::new("volume", |disk, _| opt(place(disk).as_ref())),
        Column::new("detach", |disk, _| text(if disk.detach.allowed { "yes" } else { "no" })),
        Column::wide("own-volume", |disk, _| text(if disk.own_volume { "yes" } else { "no" })),
        Column::wide("why-not", |disk, _| opt(disk.detach.reason.as_ref())),
        Column::wide("message", |disk, _| opt(disk.message.as_ref())),
        Column::wide("reference", |disk, _| opt(disk.reference.as_ref())),
    ];

    fn id(&self) -> String {
        self.reference.clone().unwrap_or_else(|| self.name.clone())
    }
}

/// Where the bytes of a disk are.
fn place(disk: &v1::VmDisk) -> Option<String> {
    let volume = disk.pool.as_ref().zip(disk.volume.as_ref());
    volume.map(|(pool, volume)| format!("{pool}/{volume}")).or_else(|| disk.source.clone())
}

/// The word that the API has for it.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
