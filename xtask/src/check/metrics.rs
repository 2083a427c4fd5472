//! Each metric of the catalogue has somebody who measures it. One that nobody does would
//! be a promise in the documentation, and alerts on it would never fire.

use hostler_lab::Result;

use crate::files::{self, SourceFile};
use crate::{codegen, paths};

use super::{Finding, outcome};

/// Where metrics are made. Neither those who only pass them on nor the simulator, which
/// makes figures up, are among these.
const PRODUCERS: &[&str] = &[
    "crates/hostler-core/src/metrics/own.rs",
    "crates/hostler-core/src/metrics/states.rs",
    "crates/hostler-engine/src/alerting/figures.rs",
    "crates/hostler-engine/src/collect/",
    "crates/hostler-kubevirt/src/metrics/",
    "crates/hostler-libvirt/src/",
    "crates/hostler-node/src/",
    "crates/hostlerd/src/http/metrics",
];

/// Metrics whose source comes later, each with the reason.
const LATER: &[(&str, &str)] = &[];

/// Checks the whole catalogue.
pub(super) fn check() -> Result<()> {
    let root = paths::root();
    outcome(findings(&codegen::metric_variants(&root)?, &files::all(&root)?))
}

fn findings(metrics: &[(String, String)], files: &[SourceFile]) -> Vec<Finding> {
    let producers: Vec<&str> = files.iter().filter(|file| is_producer(file)).map(code).collect();
    let mut found = Vec::new();
    for (name, variant) in metrics {
        let is_made = producers.iter().any(|text| has_word(text, variant));
        let is_later = LATER.iter().any(|(later, _)| later == name);
        let what = match (is_made, is_later) {
            (true, false) | (false, true) => continue,
            (false, false) => format!("{name}: nobody measures it"),
            (true, true) => format!("{name}: it is measured, and listed as coming later"),
        };
        found.push(Finding {
            place: "catalog/metrics".into(),
            what,
            remedy: "what is in the catalogue is promised to users and rules: measure it, take it \
                     out, or list in xtask/src/check/metrics.rs why it comes later",
        });
    }
    found
}

fn is_producer(file: &SourceFile) -> bool {
    let is_test = file.path.ends_with("tests.rs");
    file.has_extension("rs") && !is_test && PRODUCERS.iter().any(|at| file.path.starts_with(at))
}

/// Up to the tests, which measure nothing.
fn code(file: &SourceFile) -> &str {
    file.text.split("#[cfg(test)]\nmod ").next().unwrap_or_default()
}

fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile { path: path.into(), text: text.into() }
    }

    #[test]
    fn x17_a_metric_that_only_tests_or_the_simulator_make_is_found() {
        let metric = |name: &str| (format!("hostler_{}", name.to_lowercase()), name.to_owned());
        let metrics = ["HostCpus", "VmVcpus", "VmVcpusMaximum", "HostLoad"].map(metric);
        let files = [
            file("crates/hostler-node/src/host.rs", "Metric::HostCpus, \"x\""),
            file("crates/hostler-sim/src/metrics.rs", "Metric::VmVcpus"),
            file("crates/hostler-libvirt/src/a.rs", "X\n#[cfg(test)]\nmod tests { HostLoad }"),
            file("crates/hostler-libvirt/src/b.rs", "(VmVcpusMaximum)"),
        ];
        let found: Vec<String> = findings(&metrics, &files).into_iter().map(|it| it.what).collect();
        let wanted =
            ["hostler_vmvcpus: nobody measures it", "hostler_hostload: nobody measures it"];
        assert_eq!(found, wanted);
    }
}
