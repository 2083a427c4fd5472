//! `cargo xtask bench`: how long things take, beside what others need for the same.
//!
//! A bench is a module with a function that measures and gives comparisons; this file runs the
//! chosen ones and, with `--write`, makes `docs/reference/performance.md` of all of them. What is
//! compared is the ratio, which travels between machines; seconds do not.
//!
//! | bench | Hostler | beside |
//! |---|---|---|
//! | `boot` | not in it: the floor under `create` | |
//! | `create` | a VM through the API, to running | virt-install; virsh |
//! | `inventory` | every fact of a thousand domains | virsh |
//! | `list` | a page of ten thousand VMs under load | nginx with the same bytes |
//! | `scrape` | `/metrics` of real guests, some of them hung | Debian's exporter for libvirt; a limit |
//! | `agent` | the agent's processor and memory at a hundred guests | limits |
//! | `changes` | a thousand domains, ten of them changing a second | limits |
//! | `live` | frames to a thousand clients, some of them stalled | bare sockets; limits |
//! | `cluster` | ten thousand machines of a cluster, followed | a plain list-and-watch loop |
//! | `history` | samples written, bytes kept, questions | Prometheus with the same samples |

mod agent;
mod api;
mod boot;
mod changes;
mod cluster;
mod cpu;
mod create;
mod figures;
mod guests;
mod history;
mod inventory;
mod list;
mod live;
mod machine;
mod memory;
mod nginx;
mod report;
mod scrape;
mod virsh;
mod wrk;

use std::fs;
use std::path::{Path, PathBuf};

use hostler_lab::{Error, Result};

use crate::arguments::{Arguments, Grammar, Words};
use crate::product::{Profile, Programs};
use crate::{needs, paths, say, ui};
use figures::{Comparison, Sample, Unit};
use machine::Machine;
use report::Report;

/// `bench [NAME…] [--runs N] [--debug] [--write]`.
pub(crate) const GRAMMAR: Grammar =
    Grammar { switches: &["debug", "write"], options: &["runs"], words: Words::UpTo(16) };

/// How many rounds there are unless `--runs` says otherwise.
const RUNS: usize = 5;
const DOCUMENT: &str = "docs/reference/performance.md";

/// One bench.
struct Bench {
    name: &'static str,
    measure: fn(&Settings) -> Result<Report>,
}

/// Every bench; a new one is a module here and a line in this list.
const BENCHES: &[Bench] = &[
    Bench { name: "boot", measure: boot::measure },
    Bench { name: "create", measure: create::measure },
    Bench { name: "inventory", measure: inventory::measure },
    Bench { name: "list", measure: list::measure },
    Bench { name: "scrape", measure: scrape::measure },
    Bench { name: "agent", measure: agent::measure },
    Bench { name: "changes", measure: changes::measure },
    Bench { name: "live", measure: live::measure },
    Bench { name: "cluster", measure: cluster::measure },
    Bench { name: "history", measure: history::measure },
];

/// How to measure.
struct Settings {
    /// How many rounds.
    runs: usize,
    /// Development builds and small numbers: to try the benches, not the product.
    is_trial: bool,
}

impl Settings {
    /// Hostler's programs, compiled if they are not.
    fn programs(&self) -> Result<Programs> {
        needs::build()?;
        ui::build()?;
        let profile = if self.is_trial { Profile::Development } else { Profile::Release };
        say::step(&format!("building hostlerd and hostler ({profile:?})"));
        Programs::build_as(profile)
    }

    /// The number to measure with, or the smaller one for a trial.
    const fn sized(&self, full: usize, trial: usize) -> usize {
        if self.is_trial { trial } else { full }
    }
}

/// Runs the benches named, or all.
///
/// # Errors
/// When one of them cannot be run.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    let settings = settings(arguments)?;
    let benches = chosen(arguments.words())?;
    let machine = Machine::here()?;
    let mut reports = Vec::new();
    for bench in benches {
        say::step(&format!("measuring {} ({} rounds)", bench.name, settings.runs));
        let report = (bench.measure)(&settings).map_err(|error| error.context(bench.name))?;
        say::line(&report.text(bench.name));
        reports.push((bench.name, report));
    }
    if settings.is_trial {
        say::step("a trial: development builds and small numbers; these figures mean nothing");
    }
    if arguments.has("write") {
        // What needed installing was installed meanwhile, and has a version now.
        let machine = Machine { facts: machine.with_versions(), ..machine };
        for (document, reports) in documents(arguments.words().is_empty(), reports) {
            let page = report::document(&reports, &machine, settings.runs);
            fs::write(paths::root().join(&document), page)?;
            say::step(&format!("wrote {document}"));
        }
    }
    Ok(())
}

/// The pages: one of all that was measured together, or one for each bench that was named, since
/// what was measured at another time stands in no table with it.
fn documents(is_all: bool, reports: Vec<report::Named>) -> Vec<(String, Vec<report::Named>)> {
    if is_all {
        return vec![(DOCUMENT.to_owned(), reports)];
    }
    let named =
        |one: report::Named| (DOCUMENT.replace(".md", &format!("-{}.md", one.0)), vec![one]);
    reports.into_iter().map(named).collect()
}

fn settings(arguments: &Arguments) -> Result<Settings> {
    let runs = match arguments.option("runs") {
        Some(text) => text.parse().ok().filter(|runs| *runs > 0),
        None => Some(RUNS),
    };
    let runs = runs.ok_or_else(|| Error::new("--runs wants a number from 1 on"))?;
    let is_trial = arguments.has("debug");
    if arguments.has("write") && is_trial {
        return Err(Error::new("--write is for figures that mean something: without --debug"));
    }
    Ok(Settings { runs, is_trial })
}

fn chosen(names: &[String]) -> Result<Vec<&'static Bench>> {
    for name in names {
        if !BENCHES.iter().any(|bench| bench.name == name) {
            let known: Vec<&str> = BENCHES.iter().map(|bench| bench.name).collect();
            let known = known.join(", ");
            return Err(Error::new(format!("there is no bench {name:?}; there are {known}")));
        }
    }
    let wanted = |bench: &&Bench| names.is_empty() || names.iter().any(|name| name == bench.name);
    Ok(BENCHES.iter().filter(wanted).collect())
}

/// A directory of the bench's own, removed when dropped.
struct Scratch(PathBuf);

impl Scratch {
    /// An empty one, for the bench of that name.
    fn new(name: &str) -> Result<Scratch> {
        let own = format!("hostler-bench-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(own);
        fs::create_dir_all(&path)?;
        Ok(Scratch(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Arguments {
        let typed: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Arguments::parse(&typed, &GRAMMAR).unwrap()
    }

    #[test]
    fn a_page_is_never_written_of_a_trial() {
        assert!(settings(&parsed("--debug --write")).is_err());
        assert!(settings(&parsed("--write --runs 3")).is_ok());
    }

    #[test]
    fn what_was_measured_alone_has_a_page_of_its_own() {
        let reports = || {
            let report = |title: &str| Report {
                title: title.into(),
                comparisons: Vec::new(),
                notes: Vec::new(),
            };
            vec![("list", report("a")), ("live", report("b"))]
        };
        let pages = |is_all| documents(is_all, reports()).into_iter().map(|(page, _)| page);
        assert_eq!(pages(true).collect::<Vec<_>>(), [DOCUMENT]);
        assert_eq!(
            pages(false).collect::<Vec<_>>(),
            ["docs/reference/performance-list.md", "docs/reference/performance-live.md"]
        );
    }

    #[test]
    fn no_rounds_are_refused() {
        for line in ["--runs 0", "--runs many", "--runs -1"] {
            assert!(settings(&parsed(line)).is_err(), "{line}");
        }
        assert_eq!(settings(&parsed("")).unwrap().runs, RUNS);
    }

    #[test]
    fn benches_run_in_their_order_and_unknown_ones_are_named() {
        let names = |line: &str| -> Result<Vec<&str>> {
            Ok(chosen(parsed(line).words())?.into_iter().map(|bench| bench.name).collect())
        };
        assert_eq!(names("list create").unwrap(), ["create", "list"]);
        assert_eq!(names("").unwrap().len(), BENCHES.len());
        let error = names("lists").unwrap_err().to_string();
        assert!(error.contains("\"lists\"") && error.contains("inventory"), "{error}");
    }
}
