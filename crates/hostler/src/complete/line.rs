//! The line that is being completed, as far as it tells where the names are:
//! flags of the connection, and what was named before.
//!
//! The grammar's own reader wants a whole line; this one takes what is there.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Arg, Command};

use crate::cli::Global;

/// What a line says so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// Values of long flags by their names.
    flags: BTreeMap<String, String>,
    /// What was named after the command.
    pub(super) positionals: Vec<String>,
}

impl Line {
    /// Reads `words`, of which the first is the program. `command` is built.
    pub(super) fn read(command: &Command, words: &[String]) -> Self {
        let mut line = Self::default();
        let mut at = command;
        let mut words = words.iter().skip(1).map(String::as_str);
        let mut is_escaped = false;
        while let Some(word) = words.next() {
            if is_escaped {
                line.positionals.push(word.to_owned());
            } else if word == "--" {
                is_escaped = true;
            } else if let Some(flag) = word.strip_prefix("--") {
                let (name, value) =
                    flag.split_once('=').map_or((flag, None), |(n, v)| (n, Some(v)));
                let arg = at.get_arguments().find(|arg| arg.get_long() == Some(name));
                let value = match value {
                    Some(value) => Some(value),
                    None if arg.is_some_and(takes_next) => words.next(),
                    None => None,
                };
                if let Some(value) = value {
                    line.flags.insert(name.to_owned(), value.to_owned());
                }
            } else if word.len() > 1 && word.starts_with('-') {
                // `-q` has no value, `-ojson` has its own, `-o` takes the next word.
                let mut letters = word.chars().skip(1);
                let letter = letters.next();
                let arg = at.get_arguments().find(|arg| arg.get_short() == letter);
                if arg.is_some_and(takes_next) && letters.next().is_none() {
                    words.next();
                }
            } else if let (true, Some(inner)) =
                (line.positionals.is_empty(), at.find_subcommand(word))
            {
                at = inner;
            } else {
                line.positionals.push(word.to_owned());
            }
        }
        line
    }

    /// The flags that say which server is meant.
    pub(super) fn global(&self) -> Global {
        let text = |name: &str| self.flags.get(name).cloned();
        let path = |name: &str| self.flags.get(name).map(PathBuf::from);
        Global {
            context: text("context"),
            url: text("url"),
            socket: path("socket"),
            token_file: path("token-file"),
            ca_file: path("ca-file"),
            ..Global::default()
        }
    }
}

/// Whether the word after the flag is its value.
fn takes_next(arg: &Arg) -> bool {
    arg.get_num_args().is_some_and(|count| count.min_values() > 0) && !arg.is_require_equals_set()
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use clap::CommandFactory;
    use proptest::prelude::*;

    use super::*;
    use crate::cli::Cli;

    fn read(line: &str) -> Line {
        static BUILT: LazyLock<Command> = LazyLock::new(|| {
            let mut command = Cli::command();
            command.build();
            command
        });
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        Line::read(&BUILT, &words)
    }

    #[test]
    fn flags_and_names_are_told_apart() {
        let line = read("hostler --context lab -o json volume delete -y fast --if-exists a.q");
        assert_eq!(line.positionals, ["fast", "a.q"]);
        assert_eq!(line.global().context.as_deref(), Some("lab"));
        let line = read("hostler vm start --dry-run web --url=https://h1 --timeout 5m db -- --x");
        assert_eq!(line.positionals, ["web", "db", "--x"]);
        assert_eq!(line.global().url.as_deref(), Some("https://h1"));
        let line = read("hostler start start -lx=y --socket");
        assert_eq!(line.positionals, ["start"], "a VM may be called like a command");
        assert_eq!(line.global().socket, None);
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(line in "(hostler|vm|volume|-|--|=|[a-z]| ){0,20}") {
            let _ = read(&line);
        }
    }
}
