//! Every developer command of Hostler: `cargo xtask COMMAND`.
//!
//! Needs Rust and nothing else; what a command needs beyond that it installs, saying so first.

mod agent;
mod arguments;
mod bench;
mod both;
mod check;
mod codegen;
mod coverage;
mod files;
mod lab;
mod needs;
mod node;
mod openapi;
mod paths;
mod product;
mod run;
mod say;
mod screenshots;
mod test;
mod ui;

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
const COMMANDS: &[Entry] = &[
    Entry {
        name: "run",
        usage: "[--once] [--keep] [--lab] [--provider URI]",
        summary: "install what is missing, build, start the server, boot a guest, open its console",
        grammar: run::GRAMMAR,
        main: run::main,
    },
    Entry {
        name: "demo",
        usage: "[--seed N] [--vms N] [--listen ADDRESS:PORT] [--data-dir DIRECTORY] [--socket PATH]",
        summary: "the same server on a simulated fleet: no libvirt, no root",
        grammar: run::DEMO_GRAMMAR,
        main: run::demo,
    },
    Entry {
        name: "test",
        usage: "[unit|real|ui|e2e]",
        summary: "all tests, or one level of them, with what they need installed first",
        grammar: test::GRAMMAR,
        main: test::main,
    },
    Entry {
        name: "check",
        usage: "[tidy|deps|deny|docs|codegen|fmt|clippy|openapi|ui] [--fast]",
        summary: "what must hold before a change goes in; --fast leaves out what compiles",
        grammar: check::GRAMMAR,
        main: check::main,
    },
    Entry {
        name: "agent",
        usage: "",
        summary: "the agent as one file without shared libraries, to be copied to machines",
        grammar: agent::GRAMMAR,
        main: agent::main,
    },
    Entry {
        name: "lab",
        usage: "[start|stop|status|restart|sh [COMMAND…]|virsh ARGUMENTS…] [--name NAME] [--dir DIR]",
        summary: "a private libvirtd with real QEMU, beside the machine's own",
        grammar: lab::GRAMMAR,
        main: lab::main,
    },
    Entry {
        name: "ui",
        usage: "[build|test|bench|lint|NPM ARGUMENTS…]",
        summary: "the web user interface, with a Node.js recent enough",
        grammar: ui::GRAMMAR,
        main: ui::main,
    },
    Entry {
        name: "screenshots",
        usage: "",
        summary: "the pictures in docs/images: of the demo, and of a real guest's console",
        grammar: screenshots::GRAMMAR,
        main: screenshots::main,
    },
    Entry {
        name: "codegen",
        usage: "[--check]",
        summary: "code and documents from the facts in catalog/",
        grammar: codegen::GRAMMAR,
        main: codegen::main,
    },
    Entry {
        name: "openapi",
        usage: "[--check] [--freeze VERSION]",
        summary: "the API's description from the compiled server; frozen at a release",
        grammar: openapi::GRAMMAR,
        main: openapi::main,
    },
    Entry {
        name: "e2e",
        usage: "",
        summary: "stories told by the real programs; the same as `test e2e`",
        grammar: Grammar { switches: &[], options: &[], words: arguments::Words::None },
        main: |_| test::e2e(),
    },
    Entry {
        name: "coverage",
        usage: "[--write]",
        summary: "which lines of KubeVirt's mapper its tests run; fails below 80 %; --write makes \
                  docs/reference/coverage.md",
        grammar: coverage::GRAMMAR,
        main: coverage::main,
    },
    Entry {
        name: "bench",
        usage: "[boot|create|inventory|list …] [--runs N] [--debug] [--write]",
        summary: "how long things take, beside what others need for the same; --write makes \
                  docs/reference/performance.md, or a page for each named; --debug only tries them",
        grammar: bench::GRAMMAR,
        main: bench::main,
    },
];

fn main() -> ExitCode {
    let typed: Vec<String> = std::env::args().skip(1).collect();
    if let Some(ended) = coverage::as_compiler(&typed) {
        return ended;
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_names_every_command() {
        let help = help();
        for entry in COMMANDS {
            assert!(help.contains(&format!("\n  {} ", entry.name)), "{} is missing", entry.name);
        }
    }

    #[test]
    fn an_unknown_command_is_answered_with_those_there_are() {
        let error = dispatch(&["biuld".to_owned()]).unwrap_err().to_string();
        assert!(
            error.starts_with("there is no command \"biuld\"; there are run, demo,"),
            "{error}"
        );
    }

    #[test]
    fn usage_names_every_flag_of_the_grammar() {
        for entry in COMMANDS {
            for flag in entry.grammar.switches.iter().chain(entry.grammar.options) {
                let flag = format!("--{flag}");
                assert!(entry.usage.contains(&flag), "{} does not tell of {flag}", entry.name);
            }
        }
    }
}
