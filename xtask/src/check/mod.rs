//! `cargo xtask check`: everything that must hold before a change goes in.
//!
//! Each check says what is wrong, why that matters and what to do; all of them run before the
//! command fails, so that one run shows everything.

mod deny;
mod deps;
mod docs;
mod exceptions;
mod manifests;
mod metrics;
mod tidy;

use hostler_lab::{Error, Result, run, timed};

use crate::arguments::{Arguments, Grammar, Words};
use crate::{codegen, needs, openapi, paths, say, ui};

/// `check [NAME] [--fast]`.
pub(crate) const GRAMMAR: Grammar =
    Grammar { switches: &["fast"], options: &[], words: Words::UpTo(1) };

/// One thing that a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Where: a path, with `:line` where that helps.
    pub(crate) place: String,
    /// What is wrong.
    pub(crate) what: String,
    /// Why it matters, and what to do.
    pub(crate) remedy: &'static str,
}

struct Check {
    name: &'static str,
    /// Left out with `--fast`, because it compiles the workspace.
    compiles: bool,
    run: fn() -> Result<()>,
}

const CHECKS: &[Check] = &[
    Check { name: "tidy", compiles: false, run: tidy::check },
    Check { name: "deps", compiles: false, run: deps::check },
    Check { name: "deny", compiles: false, run: deny::check },
    Check { name: "docs", compiles: false, run: docs::check },
    Check { name: "codegen", compiles: false, run: codegen::check },
    Check { name: "metrics", compiles: false, run: metrics::check },
    Check { name: "manifests", compiles: false, run: manifests::check },
    Check { name: "fmt", compiles: false, run: fmt },
    Check { name: "clippy", compiles: true, run: clippy },
    Check { name: "openapi", compiles: true, run: openapi::check },
    Check { name: "ui", compiles: true, run: ui::check },
];

/// Runs one check by name, or all.
///
/// # Errors
/// When a check fails.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    let wanted: Vec<&Check> = match arguments.first() {
        Some(name) => CHECKS.iter().filter(|check| check.name == name).collect(),
        None => CHECKS.iter().filter(|check| !(arguments.has("fast") && check.compiles)).collect(),
    };
    if wanted.is_empty() {
        let names: Vec<&str> = CHECKS.iter().map(|check| check.name).collect();
        return Err(Error::new(format!("there is no such check; there are {}", names.join(", "))));
    }
    let mut failed = Vec::new();
    for check in &wanted {
        let (outcome, duration) = timed(check.run);
        match outcome {
            Ok(()) => say::line(&format!("ok    {} ({:.1} s)", check.name, duration.as_secs_f32())),
            Err(error) => {
                say::line(&format!("FAIL  {}: {error}", check.name));
                failed.push(check.name);
            }
        }
    }
    // One line at the end that people and machines can read.
    say::line(&format!("{} passed, {} failed", wanted.len() - failed.len(), failed.len()));
    match failed.as_slice() {
        [] => Ok(()),
        names => Err(Error::new(format!("check failed: {}", names.join(", ")))),
    }
}

/// Turns findings into the outcome of a check.
fn outcome(findings: Vec<Finding>) -> Result<()> {
    if findings.is_empty() {
        return Ok(());
    }
    let mut text = format!("{} findings", findings.len());
    for finding in &findings {
        text.push_str(&format!("\n  {}: {}", finding.place, finding.what));
        text.push_str(&format!("\n      {}", finding.remedy));
    }
    Err(Error::new(text))
}

fn fmt() -> Result<()> {
    let outcome = run(paths::cargo().args(["fmt", "--all", "--check"]));
    outcome.map_err(|error| error.context("run `cargo fmt --all`"))
}

fn clippy() -> Result<()> {
    needs::build()?;
    // The server embeds the user interface, and does not compile without it.
    if ui::directory().join("package.json").is_file() {
        ui::build()?;
    }
    run(paths::cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ]))
}
