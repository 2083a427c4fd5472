//! `cargo xtask test`: every kind of test, each with what it needs installed first.
//!
//! | level | what | marked by |
//! |---|---|---|
//! | unit | rules, components, contracts: no root, no network | all tests but the others |
//! | real | real libvirtd and QEMU guests: root | a module named `real` |
//! | ui | vitest; Playwright in Chromium against the real server | `ui/` |
//! | e2e | the real programs from outside | the crate `e2e` |

use hostler_lab::{Error, Result, command_line, find_program, guest, is_root, run};

use crate::arguments::{Arguments, Grammar, Words};
use crate::product::Programs;
use crate::{needs, paths, say, ui};

/// `test [unit|real|ui|e2e]`.
pub(crate) const GRAMMAR: Grammar = Grammar { switches: &[], options: &[], words: Words::UpTo(1) };

/// Runs one level, or all in turn; the first that fails ends it.
///
/// # Errors
/// When a test fails or something needed cannot be installed.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    match arguments.first() {
        None => {
            // Everything is installed first: some unit tests start daemons of their own.
            prepare_real()?;
            unit()?;
            real()?;
            ui_tests()?;
            e2e()
        }
        Some("unit") => unit(),
        Some("real") => real(),
        Some("ui") => ui_tests(),
        Some("e2e") => e2e(),
        Some(other) => {
            Err(Error::new(format!("there is no level {other:?}; there are unit, real, ui, e2e")))
        }
    }
}

/// The stories told by the real programs.
///
/// # Errors
/// When one fails.
pub(crate) fn e2e() -> Result<()> {
    prepare_real()?;
    if !has_stories() {
        return Err(Error::new("e2e/Cargo.toml is missing: this checkout has no stories"));
    }
    // The stories start the programs as they are in target/debug.
    Programs::build()?;
    rust(Selection::EndToEnd)
}

fn unit() -> Result<()> {
    needs::build()?;
    built_ui()?;
    rust(Selection::Unit)
}

fn real() -> Result<()> {
    prepare_real()?;
    rust(Selection::Real)
}

fn ui_tests() -> Result<()> {
    needs::build()?;
    ui::build()?;
    ui::test(&Programs::build()?)
}

fn prepare_real() -> Result<()> {
    needs::build()?;
    needs::lab()?;
    needs::peers()?;
    built_ui()?;
    // Once, before the tests that need it wait for each other.
    guest::build(&guest::checkout_dir(), &mut |line| say::step(line)).map(drop)
}

/// The server embeds the user interface, so that must be built before anything that links it.
fn built_ui() -> Result<()> {
    ui::build().map(drop)
}

/// Which Rust tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Selection {
    Unit,
    Real,
    EndToEnd,
}

fn rust(selection: Selection) -> Result<()> {
    let with_nextest = find_cargo_nextest();
    if !with_nextest {
        say::step(
            "cargo-nextest is not installed: using cargo test, which shows less and is slower",
        );
    }
    let mut command = paths::cargo();
    if with_nextest {
        command.args(nextest_words(selection, has_stories()));
        command.arg(format!("--test-threads={}", tests_at_once(processors())));
    } else {
        command.args(test_words(selection, has_stories()));
    }
    if selection != Selection::Unit && !is_root() {
        // Compiled as ourselves, run as root: the lab makes namespaces.
        command.env(runner_variable(), "sudo -E");
        say::step("these tests make namespaces and run under sudo");
    }
    say::step(&command_line(&command));
    run(&mut command)
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// As many as keep the processors at work while others wait for what takes its time: a guest that
/// boots, a deadline that passes.
const fn tests_at_once(processors: usize) -> usize {
    processors + processors.div_ceil(2)
}

fn find_cargo_nextest() -> bool {
    let home = std::env::var_os("CARGO_HOME").map(std::path::PathBuf::from);
    let in_home = home.is_some_and(|home| home.join("bin/cargo-nextest").is_file());
    in_home || find_program("cargo-nextest").is_some()
}

/// Cargo refuses to leave out a crate that is not there.
fn has_stories() -> bool {
    paths::root().join("e2e/Cargo.toml").is_file()
}

/// The whole workspace each time, so that every level runs what the first one compiled: another
/// selection of packages would give shared dependencies other features and compile them again.
fn nextest_words(selection: Selection, has_stories: bool) -> Vec<&'static str> {
    let filter = match (selection, has_stories) {
        (Selection::Unit, true) => "not (test(/(^|::)real::/) or package(e2e))",
        (Selection::Unit, false) => "not test(/(^|::)real::/)",
        (Selection::Real, true) => "test(/(^|::)real::/) and not package(e2e)",
        (Selection::Real, false) => "test(/(^|::)real::/)",
        (Selection::EndToEnd, _) => "package(e2e)",
    };
    vec!["nextest", "run", "--workspace", "--no-fail-fast", "-E", filter]
}

fn test_words(selection: Selection, has_stories: bool) -> Vec<&'static str> {
    let mut words = match selection {
        Selection::Unit | Selection::Real => vec!["test", "--workspace", "--no-fail-fast"],
        Selection::EndToEnd => vec!["test", "-p", "e2e", "--no-fail-fast"],
    };
    if selection != Selection::EndToEnd && has_stories {
        words.extend(["--exclude", "e2e"]);
    }
    match selection {
        Selection::Unit => words.extend(["--", "--skip", "real::"]),
        // Each test has a daemon of its own; many at once would only wait for the processors.
        Selection::Real => {
            words.extend(["--lib", "--bins", "--tests", "--", "real::", "--test-threads", "2"]);
        }
        Selection::EndToEnd => words.extend(["--", "--test-threads", "1"]),
    }
    words
}

/// The variable by which cargo is told what to run test programs with, on this platform.
fn runner_variable() -> String {
    let target = format!("{}_unknown_linux_gnu", std::env::consts::ARCH).to_ascii_uppercase();
    format!("CARGO_TARGET_{target}_RUNNER")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_selects_the_same_tests_with_and_without_nextest() {
        let filter = |selection| nextest_words(selection, true).pop().unwrap_or_default();
        assert_eq!(filter(Selection::Unit), "not (test(/(^|::)real::/) or package(e2e))");
        assert_eq!(filter(Selection::Real), "test(/(^|::)real::/) and not package(e2e)");
        assert_eq!(filter(Selection::EndToEnd), "package(e2e)");
        let words = |selection| test_words(selection, true);
        assert!(words(Selection::Unit).ends_with(&["--", "--skip", "real::"]));
        assert!(words(Selection::Real).contains(&"real::"));
        assert!(words(Selection::EndToEnd).windows(2).any(|two| two == ["-p", "e2e"]));
    }

    #[test]
    fn more_tests_run_at_once_than_there_are_processors() {
        assert_eq!([1, 2, 3, 16].map(tests_at_once), [2, 3, 5, 24]);
    }

    #[test]
    fn the_stories_are_left_out_only_where_they_are() {
        assert!(test_words(Selection::Unit, true).contains(&"--exclude"));
        assert!(!test_words(Selection::Unit, false).contains(&"--exclude"));
        let filter = nextest_words(Selection::Unit, false).pop().unwrap_or_default();
        assert!(!filter.contains("e2e"), "a package that is not there cannot be named: {filter}");
    }

    #[test]
    fn an_unknown_level_is_named_with_those_there_are() {
        let typed = ["fast".to_owned()];
        let error = main(&Arguments::parse(&typed, &GRAMMAR).unwrap()).unwrap_err().to_string();
        assert_eq!(error, "there is no level \"fast\"; there are unit, real, ui, e2e");
    }
}
