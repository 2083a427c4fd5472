//! What the shell offers after Tab: commands and flags from the grammar, names
//! from the server.
//!
//! ```text
//! shell ─ HOSTLER_COMPLETE=zsh hostler -- words ─► line ─► candidates ─ fresh ─► cache
//!                                                              └ else ─► server, 1 s
//! ```
//!
//! Tab must never get in the way: a server that does not answer, a wrong
//! context or a missing token offer nothing, and say nothing.

mod cache;
mod line;
mod names;

use std::ffi::OsStr;
use std::sync::Arc;

use clap::builder::ArgExt;
use clap::{Command, CommandFactory};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::Shells;

use crate::app::App;
use crate::cli::Cli;
use crate::failure::{Failure, Result};
use line::Line;

/// The variable by which a shell says that it wants candidates.
const VARIABLE: &str = "HOSTLER_COMPLETE";

/// What an argument names; candidates for it are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Names {
    Vm,
    Host,
    Pool,
    /// A volume of the pool that was named before it.
    Volume,
    Image,
    Template,
    Network,
    InstanceType,
    Preference,
    Operation,
    Provider,
    Cluster,
    Token,
    Alert,
    Silence,
    Context,
    /// A field that `explain` knows.
    Field,
}

impl ArgExt for Names {}

/// The shells that scripts are made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Shell {
    /// bash, 4.4 or later.
    Bash,
    /// zsh.
    Zsh,
    /// fish.
    Fish,
    /// PowerShell.
    #[value(alias = "pwsh")]
    Powershell,
    /// elvish.
    Elvish,
}

impl Shell {
    fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
            Self::Powershell => "powershell",
            Self::Elvish => "elvish",
        }
    }
}

/// Writes the script that makes a shell ask this program.
pub(crate) fn write_script(app: &App, shell: Shell) -> Result {
    let shells = Shells::builtins();
    let unknown = || Failure::new(70, format!("there is no script for {}", shell.name()));
    let completer = shells.completer(shell.name()).ok_or_else(unknown)?;
    let mut script = Vec::new();
    completer
        .write_registration(VARIABLE, "hostler", "hostler", "hostler", &mut script)
        .map_err(|error| Failure::new(70, format!("the script cannot be made: {error}")))?;
    app.terminal.write_bytes(&script)
}

/// Answers the shell if it was the shell that started this; `true` then.
pub(crate) fn answer_shell() -> bool {
    let answered = CompleteEnv::with_factory(|| {
        let words = std::env::args_os().skip_while(|word| word != "--").skip(1);
        let words: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
        let mut built = Cli::command();
        built.build();
        with_candidates(Cli::command(), &Arc::new(Line::read(&built, &words)))
    })
    .var(VARIABLE)
    .try_complete(std::env::args_os(), std::env::current_dir().ok().as_deref());
    // A line without a candidate is no failure that anybody could act on.
    answered.unwrap_or(true)
}

/// `command` with something to ask for each argument that names something.
fn with_candidates(command: Command, line: &Arc<Line>) -> Command {
    let command = command.mut_args(|arg| match arg.get::<Names>().copied() {
        None => arg,
        Some(kind) => {
            let line = Arc::clone(line);
            arg.add(ArgValueCompleter::new(move |word: &OsStr| candidates(&line, kind, word)))
        }
    });
    command.mut_subcommands(|inner| with_candidates(inner, line))
}

fn candidates(line: &Line, kind: Names, word: &OsStr) -> Vec<CompletionCandidate> {
    let Some(word) = word.to_str() else { return Vec::new() };
    let found = names::find(line, kind, word).unwrap_or_default();
    found
        .into_iter()
        .filter(|candidate| candidate.name.starts_with(word))
        .map(|candidate| {
            let about = Some(candidate.about).filter(|about| !about.is_empty());
            CompletionCandidate::new(candidate.name).help(about.map(Into::into))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Arguments that name something of the server by what they are called.
    const NAMING: &[&str] = &[
        "vm",
        "host",
        "pool",
        "image",
        "images",
        "template",
        "network",
        "operation",
        "provider",
        "token",
        "alert",
        "alerts",
        "silence",
        "silences",
    ];
    /// Commands in which such an argument is something new and not there yet.
    const NEW: &[&str] = &["create", "add", "import"];

    fn check(command: &Command, path: &str, missing: &mut Vec<String>) {
        for arg in command.get_arguments() {
            let id = arg.get_id().as_str();
            let is_new = NEW.contains(&command.get_name()) && arg.is_positional() && id != "pool";
            let is_switch = !arg.get_action().takes_values();
            if NAMING.contains(&id) && !is_new && !is_switch && arg.get::<Names>().is_none() {
                missing.push(format!("{path} {id}"));
            }
        }
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
            check(inner, &format!("{path} {}", inner.get_name()), missing);
        }
    }

    #[test]
    fn whatever_names_something_has_candidates() {
        let mut missing = Vec::new();
        check(&Cli::command(), "hostler", &mut missing);
        assert_eq!(missing, Vec::<String>::new());
    }
}
