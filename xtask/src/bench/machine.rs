//! Where figures were measured: without it nobody can judge them.

use std::fs;
use std::process::Command;

use hostler_lab::{Error, Result, find_program};

use crate::paths;

/// The machine, the programs on it and the day.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    /// The day, as in `2026-01-31`, UTC.
    pub(crate) date: String,
    /// What there is to know, named.
    pub(crate) facts: Vec<(&'static str, String)>,
}

/// Programs whose versions matter, with the words that make them tell it.
const PROGRAMS: &[(&str, &str)] = &[
    ("libvirtd", "--version"),
    ("qemu-system-x86_64", "--version"),
    ("virt-install", "--version"),
    ("nginx", "-v"),
    ("wrk", "-v"),
    ("rustc", "--version"),
];

impl Machine {
    /// This one, now. Call it before measuring: the load should be that of others.
    pub(crate) fn here() -> Result<Machine> {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let load = read("/proc/loadavg");
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let mut facts = vec![
            ("Hostler", commit()?),
            ("processor", of_list(&read("/proc/cpuinfo"), "model name", ':')),
            ("processors to run on", cores.to_string()),
            ("memory", gibibytes(&of_list(&read("/proc/meminfo"), "MemTotal", ':'))),
            ("system", of_list(&read("/etc/os-release"), "PRETTY_NAME", '=')),
            ("kernel", read("/proc/sys/kernel/osrelease").trim().to_owned()),
            ("load when it began", load.split(' ').next().unwrap_or_default().to_owned()),
        ];
        facts.retain(|(_, value)| !value.is_empty());
        Ok(Machine { date: said(Command::new("date").args(["-u", "+%F"]))?, facts })
    }

    /// The facts with the versions of programs that are installed now.
    pub(crate) fn with_versions(&self) -> Vec<(&'static str, String)> {
        let versions = PROGRAMS.iter().map(|(name, flag)| (*name, version(name, flag)));
        let versions = versions.filter(|(_, version)| !version.is_empty());
        self.facts.iter().cloned().chain(versions).collect()
    }

    /// As a table in Markdown.
    pub(crate) fn table(&self) -> String {
        let mut text = String::from("| | |\n|---|---|\n");
        for (name, value) in &self.facts {
            text.push_str(&format!("| {name} | {value} |\n"));
        }
        text
    }
}

/// The commit, and whether anything differed from it.
fn commit() -> Result<String> {
    let git = |words: &[&str]| said(Command::new("git").arg("-C").arg(paths::root()).args(words));
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    Ok(match git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty() {
        true => format!("commit {commit}, release build"),
        false => format!("commit {commit} with changes, release build"),
    })
}

/// What a program says of itself; nothing where it is not installed.
fn version(name: &str, flag: &str) -> String {
    let program =
        find_program(name).map_or_else(|| name.into(), std::path::PathBuf::into_os_string);
    // wrk tells its version and calls that a failure; nginx tells it on standard error.
    let Ok(output) = Command::new(program).arg(flag).output() else { return String::new() };
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned()
}

fn said(command: &mut Command) -> Result<String> {
    let output = hostler_lab::run_quietly(command)?;
    let text = String::from_utf8(output.stdout).map_err(|_| Error::new("not UTF-8"))?;
    Ok(text.trim().to_owned())
}

/// The first value of that name in a file of names and values.
fn of_list(text: &str, name: &str, between: char) -> String {
    let values = text.lines().filter_map(|line| line.split_once(between));
    let value = values.into_iter().find(|(found, _)| found.trim() == name);
    value.map_or_else(String::new, |(_, value)| value.trim().trim_matches('"').to_owned())
}

/// `16384000 kB` as people say it.
fn gibibytes(text: &str) -> String {
    let kibibytes = text.strip_suffix("kB").and_then(|number| number.trim().parse::<f64>().ok());
    kibibytes.map_or_else(String::new, |number| format!("{:.1} GiB", number / f64::from(1 << 20)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_their_whole_names() {
        let text = "model\t\t: 85\nmodel name\t: Xeon: 2\nmodel name\t: other\n";
        assert_eq!(of_list(text, "model name", ':'), "Xeon: 2");
        assert_eq!(of_list("A=1\nPRETTY_NAME=\"Debian 12\"\n", "PRETTY_NAME", '='), "Debian 12");
        assert_eq!(of_list("", "model name", ':'), "");
    }

    #[test]
    fn memory_is_told_in_gibibytes_or_not_at_all() {
        assert_eq!(gibibytes("8388608 kB"), "8.0 GiB");
        assert_eq!(gibibytes("much"), "");
    }

    #[test]
    fn a_program_that_is_not_there_has_no_version() {
        assert_eq!(version("no-such-program-here", "-v"), "");
        assert!(version("sh", "-c").contains("sh"), "a failure is read as well");
    }
}
