//! The command line, read by hand: a table says what each command takes.
//!
//! A parsing library would be compiled before the first word is said on a fresh machine, and the
//! grammar is small: words, `--switch`, `--option VALUE` or `--option=VALUE`, and `--`.

use std::collections::{BTreeMap, BTreeSet};

use hostler_lab::{Error, Result};

/// What a command takes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Grammar {
    /// Flags that stand alone, without the dashes.
    pub switches: &'static [&'static str],
    /// Flags that are followed by a value, without the dashes.
    pub options: &'static [&'static str],
    /// How many other words there may be; everything after that many is taken as it stands.
    pub words: Words,
}

/// How many words beside flags a command takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Words {
    /// None.
    #[default]
    None,
    /// At most this many.
    UpTo(usize),
    /// One, and then whatever follows, flags included, for another program.
    ThenAnything,
}

/// What was typed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    switches: BTreeSet<String>,
    options: BTreeMap<String, String>,
    words: Vec<String>,
}

impl Arguments {
    /// Reads `typed` by `grammar`.
    ///
    /// # Errors
    /// On a flag the command does not have, a missing value or a word too many.
    pub(crate) fn parse(typed: &[String], grammar: &Grammar) -> Result<Arguments> {
        let mut found = Arguments::default();
        let mut rest = typed.iter();
        while let Some(word) = rest.next() {
            if grammar.words == Words::ThenAnything && !found.words.is_empty() {
                // The rest is another program's, and a `--` before it only says so.
                let skip = usize::from(word == "--" && found.words.len() == 1);
                found.words.extend(std::iter::once(word).chain(rest).skip(skip).cloned());
                break;
            }
            let Some(flag) = word.strip_prefix("--") else {
                found.words.push(word.clone());
                continue;
            };
            if flag.is_empty() {
                found.words.extend(rest.by_ref().cloned());
                continue;
            }
            let (name, given) = match flag.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (flag, None),
            };
            if grammar.switches.contains(&name) && given.is_none() {
                found.switches.insert(name.to_owned());
            } else if grammar.options.contains(&name) {
                let value = given.or_else(|| rest.next().cloned());
                let value = value.ok_or_else(|| Error::new(format!("--{name} wants a value")))?;
                found.options.insert(name.to_owned(), value);
            } else {
                return Err(unknown(word, grammar));
            }
        }
        let most = match grammar.words {
            Words::None => 0,
            Words::UpTo(count) => count,
            Words::ThenAnything => usize::MAX,
        };
        match found.words.get(most) {
            Some(extra) => Err(Error::new(format!("{extra:?} is one word too many"))),
            None => Ok(found),
        }
    }

    /// Whether `--name` was given.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.switches.contains(name)
    }

    /// The value of `--name`, if it was given.
    pub(crate) fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }

    /// The words beside flags.
    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }

    /// The first word, if there is one.
    pub(crate) fn first(&self) -> Option<&str> {
        self.words.first().map(String::as_str)
    }
}

fn unknown(word: &str, grammar: &Grammar) -> Error {
    let mut known: Vec<String> = grammar.switches.iter().map(|name| format!("--{name}")).collect();
    known.extend(grammar.options.iter().map(|name| format!("--{name} VALUE")));
    let known = if known.is_empty() { "no flags".into() } else { known.join(", ") };
    Error::new(format!("there is no {word} here; this command takes {known}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRAMMAR: Grammar =
        Grammar { switches: &["fast"], options: &["dir"], words: Words::UpTo(1) };

    fn parse(line: &str, grammar: &Grammar) -> Result<Arguments> {
        let typed: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Arguments::parse(&typed, grammar)
    }

    #[test]
    fn flags_and_words_may_come_in_any_order() {
        for line in ["tidy --fast --dir x", "--dir=x tidy --fast", "--fast --dir x -- tidy"] {
            let found = parse(line, &GRAMMAR).unwrap();
            assert!(found.has("fast"), "{line}");
            assert_eq!((found.option("dir"), found.first()), (Some("x"), Some("tidy")), "{line}");
        }
    }

    #[test]
    fn what_the_command_does_not_take_is_refused_with_what_it_does() {
        let error = parse("--quick", &GRAMMAR).unwrap_err().to_string();
        assert_eq!(error, "there is no --quick here; this command takes --fast, --dir VALUE");
        assert!(parse("--fast=yes", &GRAMMAR).is_err(), "a switch takes no value");
        assert!(parse("a b", &GRAMMAR).is_err(), "one word too many");
        assert!(parse("--dir", &GRAMMAR).is_err(), "no value");
        assert!(parse("a", &Grammar::default()).is_err(), "no words at all");
    }

    #[test]
    fn flags_for_another_program_are_left_alone() {
        let grammar = Grammar { words: Words::ThenAnything, ..GRAMMAR };
        let found = parse("--dir x virsh list --all --fast", &grammar).unwrap();
        assert_eq!(found.words(), ["virsh", "list", "--all", "--fast"]);
        assert!(!found.has("fast"));
        assert_eq!(parse("sh -- ls -l", &grammar).unwrap().words(), ["sh", "ls", "-l"]);
    }
}
