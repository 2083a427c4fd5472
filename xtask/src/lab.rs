//! `cargo xtask lab`: a private libvirtd with real QEMU, beside the machine's own.

use std::path::PathBuf;
use std::process::Command;

use hostler_lab::{
    Error, Lab, LabOptions, NetworkState, Result, command_line, find_program, is_root, packages,
    run,
};

use crate::arguments::{Arguments, Grammar, Words};
use crate::say;

/// `lab [start|stop|status|restart|sh|virsh …]`.
pub(crate) const GRAMMAR: Grammar =
    Grammar { switches: &[], options: &["dir", "name"], words: Words::ThenAnything };

/// The lab of people at a terminal, and of `run`; tests have their own.
const DEFAULT_NAME: &str = "default";

/// Does what the first word says.
///
/// # Errors
/// When it cannot be done.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    let options = options(arguments);
    let rest = arguments.words().get(1..).unwrap_or_default();
    match arguments.first().unwrap_or("start") {
        "start" => start(&options).map(|lab| tell(&lab)),
        "stop" => stop(&options),
        "status" => status(&options),
        "restart" => {
            running(&options)?.restart_libvirtd()?;
            say::line("libvirtd restarted; guests went on");
            Ok(())
        }
        "sh" => {
            let lab = running(&options)?;
            let (program, arguments) =
                rest.split_first().map_or(("bash", rest), |(first, more)| (first.as_str(), more));
            run(lab.command_within(program).args(arguments))
        }
        "virsh" => run(running(&options)?.virsh_command().args(rest)),
        other => Err(Error::new(format!(
            "there is no `lab {other}`; it has start, stop, status, restart, sh and virsh"
        ))),
    }
}

/// The lab's options: its name, and where its state is kept.
fn options(arguments: &Arguments) -> LabOptions {
    let mut options = LabOptions::in_checkout(arguments.option("name").unwrap_or(DEFAULT_NAME));
    if let Some(dir) = arguments.option("dir") {
        options.dir = PathBuf::from(dir);
    }
    options
}

/// The options of the lab that `run` uses.
pub(crate) fn default_options() -> LabOptions {
    LabOptions::in_checkout(DEFAULT_NAME)
}

/// Installs what the lab needs and starts it, or finds it running.
///
/// Where we are not root this very program is started again with sudo, for that step only.
///
/// # Errors
/// When it does not come up.
pub(crate) fn start(options: &LabOptions) -> Result<Lab> {
    packages::ensure(packages::LAB, &mut |line| say::step(line))?;
    if is_root() {
        return Lab::start_detached(options);
    }
    if let Some(lab) = Lab::find(options)? {
        return Ok(lab);
    }
    as_root("start", options)?;
    running(options)
}

/// Stops the lab, with its guests.
///
/// # Errors
/// When it cannot be stopped.
pub(crate) fn stop(options: &LabOptions) -> Result<()> {
    if !is_root() {
        return as_root("stop", options);
    }
    match Lab::stop_detached(options)? {
        true => say::line("the lab is stopped, and its guests with it; their disks stay"),
        false => say::line("no lab of that name runs"),
    }
    Ok(())
}

fn as_root(word: &str, options: &LabOptions) -> Result<()> {
    if find_program("sudo").is_none() {
        return Err(Error::new(
            "the lab needs root, and there is no sudo here: run this command as root",
        ));
    }
    let own = std::env::current_exe().map_err(Error::from)?;
    let mut command = Command::new("sudo");
    command.arg(own).arg("lab").arg("--dir").arg(&options.dir);
    command.args(["--name", &options.name, word]);
    say::step(&format!("the lab needs root: {}", command_line(&command)));
    run(&mut command)
}

fn status(options: &LabOptions) -> Result<()> {
    match Lab::find(options)? {
        Some(lab) => {
            tell(&lab);
            run(lab.virsh_command().args(["list", "--all"]))
        }
        None => {
            say::line("no lab of that name runs; `cargo xtask lab start` starts it");
            Ok(())
        }
    }
}

fn running(options: &LabOptions) -> Result<Lab> {
    let found = Lab::find(options)?;
    found.ok_or_else(|| Error::new("no lab of that name runs; `cargo xtask lab start` starts it"))
}

fn tell(lab: &Lab) {
    say::line(&lab.uri());
    if let NetworkState::Failed(reason) = lab.network() {
        say::step(&format!("guests will have no network: {reason}"));
    }
}
