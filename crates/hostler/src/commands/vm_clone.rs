//! `hostler vm clone`.

use clap::Args;
use hostler_api::{Nothing, v1};
use hostler_client::Terms;

use super::{ServerDryRunArg, vm_actions};
use crate::app::App;
use crate::complete::Names;
use crate::failure::Result;
use crate::select::one_vm;
use crate::work::{self, Target, WaitArgs, Words};

/// What to clone, and whether to wait.
#[derive(Debug, Args)]
#[command(after_long_help = examples!(
    "hostler vm clone web web-2",
    "hostler vm clone web web-2 --snapshot before-upgrade --start",
    "hostler vm clone web web-2 --dry-run"
))]
pub(crate) struct CloneArgs {
    /// The VM's name or id.
    #[arg(add = Names::Vm)]
    vm: String,
    /// The clone's name.
    name: String,
    /// Clone this snapshot of the VM instead of what it is now: its name, or its reference,
    /// where several have the same name.
    #[arg(long)]
    snapshot: Option<String>,
    /// Start the clone.
    #[arg(long)]
    start: bool,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    dry_run: ServerDryRunArg,
}

pub(crate) async fn run(app: &App, args: CloneArgs) -> Result {
    let client = app.client()?;
    let source = one_vm(&client, &args.vm).await?;
    if args.dry_run.is_given() {
        return vm_actions::plan(app, &[source], "clone");
    }
    let (vm, called) = (source.value.id, format!("VM \"{}\" as \"{}\"", args.vm, args.name));
    let body = v1::VmCloneRequest { name: args.name, snapshot: args.snapshot, start: args.start };
    let words = Words { verb: "clone", done: "cloned" };
    let submit = |vm| {
        let (client, body) = (client.clone(), body.clone());
        async move {
            let path = v1::VmPath { vm };
            client.ask::<v1::VmClone>(&path, &Nothing {}, &body, &Terms::default()).await
        }
    };
    let target = Target { called, id: vm };
    work::run(app, &client, args.wait, words, vec![target], false, submit).await
}
