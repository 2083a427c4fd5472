//! `cargo xtask bench`: how long things take, beside what others need for the same.
//!
//! A bench is a function that measures and gives rows; this file runs the chosen ones and, with
//! `--write`, replaces their sections in `docs/reference/performance.md`. Rows are compared by
//! their ratio, which travels between machines; seconds do not.

mod boot;
mod report;

use std::fs;

use hostler_lab::{Error, Result};

use crate::arguments::{Arguments, Grammar, Words};
use crate::{paths, say};

pub(crate) use report::{Report, Row};

/// `bench [NAME…] [--write] [--runs N]`.
pub(crate) const GRAMMAR: Grammar =
    Grammar { switches: &["write"], options: &["runs"], words: Words::UpTo(16) };

/// How often each thing is measured unless `--runs` says otherwise.
const RUNS: usize = 5;
const DOCUMENT: &str = "docs/reference/performance.md";

/// One bench.
struct Bench {
    name: &'static str,
    measure: fn(runs: usize) -> Result<Report>,
}

/// Every bench; a new one is a module here and a line in this list.
const BENCHES: &[Bench] = &[Bench { name: "boot", measure: boot::measure }];

/// Runs the benches named, or all.
///
/// # Errors
/// When one of them cannot be run.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    let runs = match arguments.option("runs") {
        Some(text) => text.parse().ok().filter(|runs| *runs > 0),
        None => Some(RUNS),
    };
    let runs = runs.ok_or_else(|| Error::new("--runs wants a number from 1 on"))?;
    for name in arguments.words() {
        if !BENCHES.iter().any(|bench| bench.name == name) {
            let names: Vec<&str> = BENCHES.iter().map(|bench| bench.name).collect();
            return Err(Error::new(format!(
                "there is no bench {name:?}; there are {}",
                names.join(", ")
            )));
        }
    }
    let wanted = |bench: &&Bench| {
        arguments.words().is_empty() || arguments.words().iter().any(|name| name == bench.name)
    };
    for bench in BENCHES.iter().filter(wanted) {
        say::step(&format!("measuring {} ({runs} runs each)", bench.name));
        let section = (bench.measure)(runs)?.section(bench.name, runs);
        say::line(&section);
        if arguments.has("write") {
            let path = paths::root().join(DOCUMENT);
            let document = fs::read_to_string(&path).unwrap_or_default();
            fs::write(&path, report::with_section(&document, bench.name, &section))?;
        }
    }
    Ok(())
}
