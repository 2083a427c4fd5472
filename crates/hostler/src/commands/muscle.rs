//! What virsh users type by habit. `destroy` means "power off" there and
//! "delete" elsewhere, so it does neither and says what to type instead.

use clap::Subcommand;

use super::WatchArg;
use super::vms::{self, Verb};
use crate::app::App;
use crate::complete::Names;
use crate::failure::{Failure, Result};

/// Commands of virsh; none is shown in the help.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(hide = true)]
    List(vms::VmListArgs),
    #[command(hide = true)]
    Dominfo {
        #[arg(add = Names::Vm)]
        vm: String,
    },
    #[command(hide = true)]
    Domstate {
        #[arg(add = Names::Vm)]
        vm: String,
    },
    #[command(hide = true)]
    Domstats {
        #[arg(add = Names::Vm)]
        vm: String,
    },
    #[command(hide = true)]
    Domblklist {
        #[arg(add = Names::Vm)]
        vm: String,
    },
    #[command(hide = true)]
    Domiflist {
        #[arg(add = Names::Vm)]
        vm: String,
    },
    #[command(hide = true)]
    Dumpxml {
        #[arg(add = Names::Vm)]
        vm: String,
    },
    #[command(hide = true)]
    Shutdown(vms::StopArgs),
    #[command(hide = true)]
    Reboot(vms::RestartArgs),
    #[command(hide = true)]
    Reset(vms::PowerArgs),
    #[command(hide = true)]
    Suspend(vms::PowerArgs),
    #[command(hide = true, trailing_var_arg = true)]
    Destroy {
        #[arg(allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    #[command(hide = true, trailing_var_arg = true)]
    Undefine {
        #[arg(allow_hyphen_values = true)]
        rest: Vec<String>,
    },
}

pub(crate) async fn run(app: &App, command: Command) -> Result {
    let verb = match command {
        Command::List(args) => Verb::List(args),
        Command::Dominfo { vm } => Verb::Show { vm, watch: WatchArg::default() },
        Command::Domstate { vm } => {
            let client = app.client()?;
            let vm = crate::select::one_vm(&client, &vm).await?.value;
            return app.terminal.write(&format!("{}\n", crate::text::printable(&vm.status.state)));
        }
        Command::Domstats { vm } => Verb::Stats { vm, watch: false },
        Command::Domblklist { vm } => return vms::details(app, &vm, "Disks").await,
        Command::Domiflist { vm } => return vms::details(app, &vm, "Network interfaces").await,
        Command::Dumpxml { vm } => Verb::Xml { vm },
        Command::Shutdown(args) => Verb::Stop(args),
        Command::Reboot(args) => Verb::Restart(args),
        Command::Reset(args) => Verb::Reset(args),
        Command::Suspend(args) => Verb::Pause(args),
        Command::Destroy { rest } => return Err(unclear("destroy", &rest)),
        Command::Undefine { rest } => return Err(unclear("undefine", &rest)),
    };
    vms::run(app, verb).await
}

/// Says what to type instead of a word that means two things.
fn unclear(word: &str, rest: &[String]) -> Failure {
    let name = rest.iter().find(|word| !word.starts_with('-')).map_or("NAME", String::as_str);
    Failure::usage(format!("`{word}` means different things in different programs")).with_hint(
        format!("power off: `hostler vm stop --force {name}`; delete: `hostler vm delete {name}`"),
    )
}
