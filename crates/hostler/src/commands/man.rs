//! `hostler man`: manual pages, made from the same grammar as the help.

use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::app::App;
use crate::cli::Cli;
use crate::failure::{Failure, Result};

/// What precedes the examples in a help text.
const EXAMPLES: &str = "Examples:";

/// Which pages, and where to.
#[derive(Debug, Clone, ClapArgs)]
#[command(after_long_help = examples!(
    "hostler man vm create | man -l -",
    "hostler man --dir /usr/share/man/man1"
))]
pub(crate) struct Args {
    /// The command, for example vm create [default: hostler itself].
    #[arg(value_name = "COMMAND", conflicts_with = "dir")]
    command: Vec<String>,
    /// Write the pages of all commands into this folder.
    #[arg(long, value_name = "FOLDER", value_hint = clap::ValueHint::DirPath)]
    dir: Option<PathBuf>,
}

pub(crate) fn run(app: &App, args: &Args) -> Result {
    let root = grammar();
    if let Some(folder) = &args.dir {
        let pages = write_all(&root, None, folder)?;
        app.say(format!("{pages} pages written to {}", folder.display()));
        return Ok(());
    }
    let (mut command, mut parent) = (&root, None);
    for name in &args.command {
        parent = Some(command);
        command = command.find_subcommand(name).filter(|found| !found.is_hide_set()).ok_or_else(
            || {
                Failure::usage(format!("there is no command `{}`", args.command.join(" ")))
                    .with_hint("`hostler help` shows those there are")
            },
        )?;
    }
    app.terminal.write(&page(command, parent)?)
}

/// The grammar as the pages show it: with the text of every flag, also of those
/// that the short help leaves out.
fn grammar() -> Command {
    fn shown(command: Command) -> Command {
        command
            .disable_help_subcommand(true)
            .mut_args(|arg| arg.hide_short_help(false))
            .mut_subcommands(shown)
    }
    let mut root = shown(Cli::command());
    root.build();
    root
}

/// Writes the pages of `command` and of all commands in it; how many they were.
fn write_all(command: &Command, parent: Option<&Command>, folder: &Path) -> Result<usize> {
    let failed = |error: std::io::Error| {
        Failure::new(1, format!("cannot write to {}: {error}", folder.display()))
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let file = folder.join(format!("{}.1", title(command)));
    std::fs::write(file, page(command, parent)?).map_err(failed)?;
    let mut pages = 1;
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        pages += write_all(inner, Some(command), folder)?;
    }
    Ok(pages)
}

/// The name of a command's page, for example `hostler-vm-create`.
fn title(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

/// One page, as roff.
fn page(command: &Command, parent: Option<&Command>) -> Result<String> {
    let version = env!("CARGO_PKG_VERSION");
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim().to_owned();
    let man = Man::new(command.clone().override_usage(usage))
        .source(format!("hostler {version}"))
        .manual("Hostler");
    let mut bytes = Vec::new();
    let written = man
        .render_title(&mut bytes)
        .and_then(|()| man.render_name_section(&mut bytes))
        .and_then(|()| man.render_synopsis_section(&mut bytes))
        .and_then(|()| man.render_description_section(&mut bytes))
        .and_then(|()| man.render_options_section(&mut bytes))
        .and_then(|()| match command.has_subcommands() {
            true => man.render_subcommands_section(&mut bytes),
            false => Ok(()),
        })
        .and_then(|()| ending(command, parent).to_writer(&mut bytes));
    let failed = |error: String| Failure::new(70, format!("the page cannot be made: {error}"));
    written.map_err(|error| failed(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|error| failed(error.to_string()))?;
    // Every section brings the same beginning; a page needs it once.
    let beginning = Roff::new().render();
    Ok(beginning.clone() + &text.replace(&beginning, ""))
}

/// Examples, notes, and where to read on.
fn ending(command: &Command, parent: Option<&Command>) -> Roff {
    let mut roff = Roff::default();
    let text = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    let (examples, notes) = match text.strip_prefix(EXAMPLES) {
        Some(rest) => rest.split_once("\n\n").unwrap_or((rest, "")),
        None => ("", text.as_str()),
    };
    if !examples.trim().is_empty() {
        roff.control("SH", ["EXAMPLES"]).control("nf", []);
        for line in examples.lines().map(str::trim).filter(|line| !line.is_empty()) {
            roff.text([roman(line)]);
        }
        roff.control("fi", []);
    }
    if !notes.trim().is_empty() {
        roff.control("SH", ["NOTES"]);
        for line in notes.lines() {
            match line.trim() {
                "" => roff.control("PP", []),
                line => roff.text([roman(line)]),
            };
        }
    }
    if let Some(parent) = parent {
        roff.control("SH", ["SEE ALSO"]).text([roman(format!("{}(1)", title(parent)))]);
    }
    roff
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each(command: &Command, parent: Option<&Command>, check: &mut impl FnMut(&Command, &str)) {
        check(command, &page(command, parent).unwrap());
        for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
            each(inner, Some(command), check);
        }
    }

    #[test]
    fn every_command_has_a_page_with_an_example() {
        let mut pages = 0;
        each(&grammar(), None, &mut |command, text| {
            pages += 1;
            let name = title(command);
            for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS"] {
                assert!(text.contains(&format!(".SH {section}\n")), "{name}: {section}");
            }
            let has_example = text.contains(".SH EXAMPLES\n.nf\nhostler ");
            assert!(has_example || command.has_subcommands(), "{name}: {text}");
        });
        assert!(pages > 50, "{pages}");
    }

    #[test]
    fn a_page_tells_what_every_flag_does() {
        each(&grammar(), None, &mut |command, text| {
            for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
                let Some(help) = arg.get_help() else { panic!("{command}: {arg}") };
                let start: String = help.to_string().chars().take(12).collect();
                let start = start.replace('-', "\\-").replace('\'', "\\*(Aq");
                let start = start.trim_start_matches('.');
                assert!(text.contains(start), "{command}: {arg}: {start}");
            }
        });
    }
}
