//! `hostler vm create`: from flags and a file to the request, then the wait.

mod devices;
mod document;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use hostler_api::{Nothing, v1};
use hostler_client::{Client, Terms};

use super::{ServerDryRunArg, hosts};
use crate::app::App;
use crate::complete::Names;
use crate::failure::{Failure, Result};
use crate::resolve::by_name;
use crate::text::parse_size;
use crate::work::{self, Target, WaitArgs, Words};

const EXAMPLES: &str = "\
Examples:
  hostler vm create web --image debian-13 --memory 2G --cpus 2 --disk 20G --network default
  hostler vm create db --image debian-13 --disk 20G --disk 100G,pool=fast,format=raw,bus=scsi
  hostler vm create win --uefi --secure-boot --tpm --graphics vnc --disk 60G --cdrom win-iso
  hostler vm create web --file web.yaml --memory 4G --dry-run

With --image the first --disk says size and place of the disk made from it; the others are
empty. Sizes: K, M, G, T are powers of 1024; KB, MB, GB, TB powers of 1000.";

/// What VM to make.
#[derive(Debug, Clone, Default, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct CreateArgs {
    /// Its name; needed unless the file has one.
    pub(crate) name: Option<String>,
    /// A description as JSON or YAML, `-` for stdin; flags go before it.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// Do not start it.
    #[arg(long)]
    pub(crate) no_start: bool,
    #[command(flatten)]
    pub(crate) dry_run: ServerDryRunArg,
    #[command(flatten)]
    pub(crate) size: SizeArgs,
    #[command(flatten)]
    pub(crate) devices: DeviceArgs,
    #[command(flatten)]
    pub(crate) guest: GuestArgs,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
}

/// Processors and memory.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Processors and memory")]
pub(crate) struct SizeArgs {
    /// Make it of this instance type, which sizes it: NAME, or NAMESPACE/NAME.
    #[arg(long, value_name = "TYPE", add = Names::InstanceType)]
    pub(crate) instance_type: Option<String>,
    /// Let its provider fill in what this preference says: NAME, or NAMESPACE/NAME.
    #[arg(long, value_name = "PREFERENCE", add = Names::Preference)]
    pub(crate) preference: Option<String>,
    /// Virtual processors [default: 1].
    #[arg(long, value_name = "COUNT")]
    pub(crate) cpus: Option<u32>,
    /// How many can be made online without a restart.
    #[arg(long, value_name = "COUNT")]
    pub(crate) max_cpus: Option<u32>,
    /// How they are arranged, for example sockets=1,cores=2,threads=2.
    #[arg(long, value_name = "COUNTS")]
    pub(crate) topology: Option<String>,
    /// default, host-passthrough, host-model, maximum, or a model's name.
    #[arg(long, value_name = "MODE")]
    pub(crate) cpu_mode: Option<String>,
    /// Guest memory, for example 2G [default: 1G].
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) memory: Option<u64>,
    /// Back it by huge pages of the host.
    #[arg(long)]
    pub(crate) hugepages: bool,
    /// auto, kvm or tcg.
    #[arg(long, value_name = "KIND")]
    pub(crate) accelerator: Option<String>,
    /// The machine type, for example q35.
    #[arg(long, value_name = "TYPE")]
    pub(crate) machine: Option<String>,
    /// The guest's architecture, for example x86_64.
    #[arg(long)]
    pub(crate) arch: Option<String>,
}

/// Disks, networks and the rest.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Devices")]
pub(crate) struct DeviceArgs {
    /// Make the first disk from this image.
    #[arg(long, add = Names::Image)]
    pub(crate) image: Option<String>,
    /// A disk: SIZE or volume=NAME,pool=POOL or image=NAME, then
    /// ,pool= bus= format= name= cache= discard serial= read-only.
    #[arg(long = "disk", value_name = "DISK")]
    pub(crate) disks: Vec<String>,
    /// A CD-ROM drive with this image; none for an empty drive.
    #[arg(long = "cdrom", value_name = "IMAGE", add = Names::Image)]
    pub(crate) cdroms: Vec<String>,
    /// A network: NAME, bridge=NAME, direct=NAME or user, then ,model= mac= link=down.
    #[arg(long = "network", value_name = "NETWORK", add = Names::Network)]
    pub(crate) networks: Vec<String>,
    /// The display.
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) graphics: Option<Graphics>,
    /// The video card: virtio, vga, qxl, bochs or none.
    #[arg(long, value_name = "MODEL")]
    pub(crate) video: Option<String>,
    /// Boot by UEFI.
    #[arg(long)]
    pub(crate) uefi: bool,
    /// Only signed boot loaders run; implies --uefi.
    #[arg(long)]
    pub(crate) secure_boot: bool,
    /// A virtual TPM 2.0: crb or tis.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "crb")]
    #[arg(value_name = "MODEL")]
    pub(crate) tpm: Option<String>,
    /// A watchdog: i6300esb, itco or ib700, then :reset, :shutdown, :poweroff, :pause or :none.
    #[arg(long, value_name = "MODEL:ACTION")]
    pub(crate) watchdog: Option<String>,
    /// What is tried at boot, in order, for example root,nic:0.
    #[arg(long, value_name = "DEVICES", value_delimiter = ',')]
    pub(crate) boot: Vec<String>,
}

/// The display.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Graphics {
    /// VNC.
    Vnc,
    /// SPICE.
    Spice,
    /// No display.
    None,
}

/// First boot and description.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Guest")]
pub(crate) struct GuestArgs {
    /// A cloud-init user-data document.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) cloud_init: Option<PathBuf>,
    /// A cloud-init network-config document, version 2.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) network_config: Option<PathBuf>,
    /// A file of public SSH keys for the default user.
    #[arg(long = "ssh-key", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) ssh_keys: Vec<PathBuf>,
    /// The guest's host name [default: the VM's name].
    #[arg(long, value_name = "NAME")]
    pub(crate) hostname: Option<String>,
    /// A label; may be given several times.
    #[arg(long = "label", value_name = "KEY=VALUE")]
    pub(crate) labels: Vec<String>,
    /// Free text.
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// The project it belongs to [default: the file's, else HOSTLER_PROJECT, else
    /// "default"].
    #[arg(long)]
    pub(crate) project: Option<String>,
    /// Start it together with its host.
    #[arg(long)]
    pub(crate) autostart: bool,
}

/// Where it may go.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Place")]
pub(crate) struct PlaceArgs {
    /// Only on this host (name or id).
    #[arg(long, add = Names::Host)]
    pub(crate) host: Option<String>,
    /// Only at this provider (name or id).
    #[arg(long, add = Names::Provider)]
    pub(crate) provider: Option<String>,
}

pub(crate) async fn run(app: &App, mut args: CreateArgs) -> Result {
    if args.file.is_none() {
        // A file says itself where its VM belongs.
        args.guest.project = args.guest.project.or_else(|| app.environment.project.clone());
    }
    let mut request = document::build(&args)?;
    // All faults at once, before anything is sent; the server checks again.
    request.spec.to_core()?;
    if args.dry_run.is_client() {
        let json = serde_json::to_value(&request)
            .map_err(|error| Failure::new(70, format!("the request cannot be shown: {error}")))?;
        return app.view()?.document(&json);
    }
    let client = app.client()?;
    place(&client, &args.place, &mut request).await?;
    let called = format!("vm \"{}\"", request.spec.name);
    if args.dry_run.is_given() {
        return plan(app, &client, &request, &called).await;
    }
    let target = Target { called, id: String::new() };
    let words = Words {
        verb: "create",
        done: if request.start { "created and started" } else { "created" },
    };
    let submit = |_| {
        let (client, request) = (client.clone(), request.clone());
        async move {
            client.ask::<v1::VmCreate>(&Nothing {}, &Nothing {}, &request, &Terms::default()).await
        }
    };
    work::run(app, &client, args.wait, words, vec![target], false, submit).await
}

/// Turns the names of host and provider into the ids that the request needs.
async fn place(client: &Client, args: &PlaceArgs, request: &mut v1::VmRequest) -> Result {
    if let Some(host) = &args.host {
        let found = by_name::<v1::HostList, _>(client, host, hosts::place).await?;
        request.host = Some(found.value.id);
    }
    if let Some(provider) = &args.provider {
        let found = by_name::<v1::ProviderList, _>(client, provider, |_| None).await?;
        request.provider = Some(found.value.id);
    }
    Ok(())
}

async fn plan(app: &App, client: &Client, request: &v1::VmRequest, called: &str) -> Result {
    let answer = client
        .ask::<v1::VmPlan>(&Nothing {}, &Nothing {}, request, &Terms::default())
        .await
        .map_err(|error| Failure::from(error).during(format!("cannot create {called}")))?;
    let view = app.view()?;
    if !view.is_for_people() {
        return view.document(&answer.json);
    }
    let plan = answer.value;
    let mut lines = vec![format!(
        "{called} would go to host {} (provider {})",
        plan.host.name, plan.provider.name
    )];
    lines.extend(plan.changes.iter().map(|change| format!("  {change}")));
    lines.push(format!("steps: {}", plan.steps.join(", ")));
    if !plan.alternatives.is_empty() {
        let names: Vec<&str> = plan.alternatives.iter().map(|host| host.name.as_str()).collect();
        lines.push(format!("also possible: {}", names.join(", ")));
    }
    for refusal in &plan.refused {
        lines.push(format!("not {}: {}", refusal.host.name, refusal.reasons.join("; ")));
    }
    let text: String = lines.iter().map(|line| crate::text::printable(line) + "\n").collect();
    app.terminal.write(&text)?;
    app.say("nothing was done");
    Ok(())
}
