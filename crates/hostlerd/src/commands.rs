//! What the program's words do.

mod admin_link;
mod backup;
mod dashboards;
mod demo;
mod fleet;
mod furnished;
mod run;

use std::future::Future;
use std::path::PathBuf;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::arguments::{Arguments, Command, ConfigAction, ConfigFlags, RunFlags};
use crate::config::{DEFAULT_TEXT, Loaded};
use crate::failure::{Failure, Result};
use crate::listen::Passed;

/// Does what the command line says.
pub(crate) fn execute(arguments: Arguments) -> Result<()> {
    match arguments.command {
        None => serve(arguments.run),
        Some(Command::Run(flags)) => serve(flags),
        Some(Command::Demo(flags)) => in_runtime(demo::run(flags)),
        Some(Command::AdminLink(flags)) => in_runtime(admin_link::run(flags)),
        Some(Command::Backup(flags)) => in_runtime(backup::backup(flags)),
        Some(Command::Restore(flags)) => in_runtime(backup::restore(flags)),
        Some(Command::Dashboards(flags)) => dashboards::run(&flags),
        Some(Command::Openapi) => print(&crate::http::docs::text()),
        Some(Command::Config(flags)) => config(&flags),
    }
}

fn serve(flags: RunFlags) -> Result<()> {
    // Before there are threads: it changes the environment, so that no program that
    // is started later takes the sockets for its own.
    let passed = Passed::take(&crate::config::passed_socket_names())?;
    in_runtime(run::run(flags, passed))
}

fn config(flags: &ConfigFlags) -> Result<()> {
    match flags.action {
        ConfigAction::Default => print(DEFAULT_TEXT),
        ConfigAction::Check => {
            let config = Loaded::read(&flags.run)?.config;
            crate::tls::check(&config)?;
            run::check_providers(&config)?;
            crate::alerting::load(&config.alerting, None)?;
            print("ok\n")
        }
        ConfigAction::Show => {
            let loaded = Loaded::read(&flags.run)?;
            print(&loaded.config.show(&loaded.origins)?)
        }
    }
}

/// Lets the server hold as many connections as it is allowed: a shell gives 1,024 open files, fewer
/// than the clients that it takes by default.
fn open_many() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where that is refused, connections beyond are, and that is told when it happens.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

fn in_runtime(work: impl Future<Output = Result<()>>) -> Result<()> {
    open_many();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start: {error}")))?
        .block_on(work)
}

/// Writes to standard output what was asked for; everything else goes to the log.
fn print(text: &str) -> Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("cannot write: {error}")))
        }
        _ => Ok(()),
    }
}

/// The flags of a command that only has to find the server and its state.
fn place(data_dir: Option<PathBuf>, socket: Option<PathBuf>, config: Option<PathBuf>) -> RunFlags {
    RunFlags { data_dir, socket, config, ..RunFlags::default() }
}
