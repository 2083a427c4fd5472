//! Every developer command of Hostler: `cargo xtask COMMAND`.
//!
//! Needs Rust and nothing else; what a command needs beyond that it installs, saying so first.

mod arguments;
mod lab;
mod paths;
mod say;

use std::process::ExitCode;

use arguments::{Arguments, Grammar};
use hostler_lab::{Error, Result};

/// One developer command.
struct Entry {
    name: &'static str,
    usage: &'static str,
    summary: &'static str,
    grammar: Grammar,
    main: fn(&Arguments) -> Result<()>,
}

/// The commands, in the order in which a newcomer meets them.
const COMMANDS: &[Entry] = &[Entry {
    name: "lab",
    usage: "[start|stop|status|restart|sh [COMMAND…]|virsh ARGUMENTS…] [--name NAME] [--dir DIR]",
    summary: "a private libvirtd with real QEMU, beside the machine's own",
    grammar: lab::GRAMMAR,
    main: lab::main,
}];

fn main() -> ExitCode {
    let typed: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&typed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::step(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn dispatch(typed: &[String]) -> Result<()> {
    let (name, rest) = match typed.split_first() {
        Some((name, rest)) => (name.as_str(), rest),
        None => ("help", typed),
    };
    if ["help", "--help", "-h"].contains(&name) {
        say::line(&help());
        return Ok(());
    }
    let entry = COMMANDS.iter().find(|entry| entry.name == name).ok_or_else(|| {
        let names: Vec<&str> = COMMANDS.iter().map(|entry| entry.name).collect();
        Error::new(format!("there is no command {name:?}; there are {}", names.join(", ")))
    })?;
    if rest.iter().any(|word| word == "--help" || word == "-h") {
        say::line(&format!("cargo xtask {} {}\n\n{}", entry.name, entry.usage, entry.summary));
        return Ok(());
    }
    (entry.main)(&Arguments::parse(rest, &entry.grammar)?)
}

fn help() -> String {
    let mut text = String::from("cargo xtask COMMAND\n");
    for entry in COMMANDS {
        text.push_str(&format!("\n  {} {}\n      {}\n", entry.name, entry.usage, entry.summary));
    }
    text
}
