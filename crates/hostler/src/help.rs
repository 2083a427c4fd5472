//! How help texts are written: every command ends with examples.

/// The text below a command's flags: examples, a line each.
///
/// ```text
/// #[command(after_long_help = examples!("hostler vm list", "hostler vm list -o json"))]
/// ```
macro_rules! examples {
    ($($line:literal),+ $(,)?) => {
        concat!("Examples:", $("\n  ", $line),+)
    };
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory, Parser};

    use crate::cli::Cli;

    /// Shortcuts, and what they are short for.
    const SHORT: &[(&str, &str)] = &[("ls", "list"), ("rm", "delete")];

    fn check(command: &Command, path: &[&str]) {
        let inner: Vec<&Command> =
            command.get_subcommands().filter(|inner| !inner.is_hide_set()).collect();
        if !inner.is_empty() {
            for inner in inner {
                check(inner, &[path, &[inner.get_name()]].concat());
            }
            return;
        }
        let name = path.join(" ");
        let text = command.get_after_long_help().unwrap_or_else(|| panic!("{name}: no examples"));
        let text = text.to_string();
        let lines: Vec<&str> = text
            .lines()
            .skip_while(|line| *line != "Examples:")
            .filter_map(|line| line.strip_prefix("  "))
            .filter(|line| line.contains("hostler "))
            .collect();
        assert!(!lines.is_empty(), "{name}: no examples in {text:?}");
        let mut is_about = false;
        for line in lines {
            // What is piped in or out is the shell's; the rest is ours.
            let own = line.split(" | ").find(|part| part.contains("hostler ")).unwrap();
            let own = &own[own.find("hostler ").unwrap()..];
            let words = shlex::split(own).unwrap_or_else(|| panic!("{name}: {line}"));
            let words: Vec<String> =
                words.into_iter().take_while(|word| word != "<" && word != ">").collect();
            if let Err(error) = Cli::try_parse_from(&words) {
                panic!("{name}: `{line}` is not understood: {error}");
            }
            let verb = path.last().unwrap();
            let long =
                SHORT.iter().find(|(short, _)| short == verb).map_or(*verb, |(_, long)| long);
            is_about |= words.iter().any(|word| word == verb || word == long);
        }
        assert!(is_about, "{name}: no example shows it");
    }

    #[test]
    fn every_command_has_examples_that_are_understood() {
        let mut root = Cli::command().disable_help_subcommand(true);
        root.build();
        for inner in root.get_subcommands().filter(|inner| !inner.is_hide_set()) {
            if inner.get_name() == "help" {
                continue;
            }
            check(inner, &[inner.get_name()]);
        }
        let text = root.get_after_long_help().unwrap().to_string();
        for line in text.lines().filter_map(|line| line.strip_prefix("  hostler ")) {
            let words = shlex::split(&format!("hostler {line}")).unwrap();
            Cli::try_parse_from(&words).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }
}
