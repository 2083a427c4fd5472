//! The arrows of the architecture: which crate may know which.
//!
//! The compiler allows any arrow that a manifest draws; this table is what the design allows. The
//! picture is in ARCHITECTURE.md.

use std::collections::BTreeSet;

use hostler_lab::{Error, Result, run_quietly};
use serde_json::Value;

use super::{Finding, outcome};
use crate::paths;

/// A crate of the workspace, what its code may know, and what its tests may know beside that.
struct Row {
    name: &'static str,
    may_use: &'static [&'static str],
    tests_may_use: &'static [&'static str],
}

const fn row(
    name: &'static str,
    may_use: &'static [&'static str],
    tests_may_use: &'static [&'static str],
) -> Row {
    Row { name, may_use, tests_may_use }
}

const TABLE: &[Row] = &[
    row("hostler-core", &[], &["hostler-lab"]),
    row("hostler-provider", &["hostler-core"], &["hostler-sim"]),
    row("hostler-store", &["hostler-core"], &[]),
    row("hostler-promql", &["hostler-core"], &["hostler-lab"]),
    row("hostler-outputs", &["hostler-core", "hostler-http"], &["hostler-lab"]),
    row("hostler-api", &["hostler-core"], &[]),
    row(
        "hostler-engine",
        &["hostler-core", "hostler-promql", "hostler-provider", "hostler-store"],
        &["hostler-sim"],
    ),
    row("hostler-http", &[], &[]),
    row("hostler-deliver", &["hostler-core", "hostler-http"], &["hostler-lab"]),
    row("hostler-sim", &["hostler-core", "hostler-provider"], &[]),
    row("hostler-libvirt-rpc", &[], &["hostler-lab"]),
    row(
        "hostler-libvirt",
        &["hostler-core", "hostler-provider", "hostler-libvirt-rpc"],
        &["hostler-lab"],
    ),
    row("hostler-kubevirt", &["hostler-core", "hostler-provider"], &["hostler-kube-double"]),
    row("hostler-node", &["hostler-core", "hostler-provider"], &[]),
    row(
        "hostler-agent",
        &["hostler-api", "hostler-core", "hostler-libvirt", "hostler-node", "hostler-provider"],
        &["hostler-lab"],
    ),
    row("hostler-client", &["hostler-api", "hostler-core"], &[]),
    row(
        "hostlerd",
        &[
            "hostler-api",
            "hostler-core",
            "hostler-deliver",
            "hostler-engine",
            "hostler-http",
            "hostler-kubevirt",
            "hostler-libvirt",
            "hostler-node",
            "hostler-outputs",
            "hostler-provider",
            "hostler-sim",
            "hostler-store",
        ],
        &["hostler-client", "hostler-lab"],
    ),
    row("hostler", &["hostler-api", "hostler-client", "hostler-core"], &[]),
    row("hostler-kube-double", &[], &[]),
    row("hostler-lab", &[], &[]),
    row("xtask", &["hostler-lab"], &[]),
    row(
        "e2e",
        &["hostler-api", "hostler-client", "hostler-core", "hostler-kube-double", "hostler-lab"],
        &[],
    ),
];

/// A library from outside, and the only crates whose code may use it. `deny.toml` says the same
/// for what comes in through others.
const WRAPPERS: &[(&str, &[&str])] = &[
    ("axum", &["hostlerd"]),
    ("clap", &["hostlerd", "hostler", "hostler-agent"]),
    ("clap_complete", &["hostler"]),
    ("clap_mangen", &["hostler"]),
    ("comfy-table", &["hostler"]),
    ("fjall", &["hostler-store"]),
    ("k8s-openapi", &["hostler-kubevirt"]),
    ("kube", &["hostler-kubevirt"]),
    ("lettre", &["hostler-deliver"]),
    ("minijinja", &["hostler"]),
    ("prometheus-client", &["hostlerd"]),
    ("promql-parser", &["hostler-promql"]),
    ("quick-xml", &["hostler-libvirt"]),
    ("reqwest", &["hostler-http"]),
    ("roxmltree", &["hostler-libvirt"]),
    ("rust-embed", &["hostlerd"]),
    ("schemars", &["hostler-api", "hostlerd"]),
    ("signal-hook", &["xtask"]),
    ("snap", &["hostler-outputs"]),
    ("sqlx", &["hostler-store"]),
    ("tokio-postgres", &["hostler-outputs"]),
];

/// What the rules must not know: they do no I/O, wait for nothing and draw no lots.
const NOT_IN_CORE: &[&str] = &[
    "async-trait",
    "axum",
    "futures-util",
    "getrandom",
    "http",
    "hyper",
    "rustix",
    "sqlx",
    "tokio",
    "tokio-util",
    "tracing",
];

/// One arrow of a manifest.
#[derive(Debug, PartialEq, Eq)]
struct Arrow {
    from: String,
    to: String,
    only_tests: bool,
}

/// Checks the workspace as cargo describes it.
pub(super) fn check() -> Result<()> {
    let output =
        run_quietly(paths::cargo().args(["metadata", "--format-version", "1", "--no-deps"]))?;
    let metadata: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| Error::new(format!("cargo metadata: {error}")))?;
    outcome(findings(&metadata))
}

fn findings(metadata: &Value) -> Vec<Finding> {
    let (members, arrows) = read(metadata);
    let unknown = members.iter().filter(|name| row_of(name).is_none()).map(|name| Finding {
        place: "xtask/src/check/deps.rs".into(),
        what: format!("the crate {name} is not in the table"),
        remedy: "a new crate changes the architecture: say in an ADR why it exists, then add it \
                 to the table and to ARCHITECTURE.md",
    });
    let mut found: Vec<Finding> = unknown.collect();
    found.extend(arrows.iter().filter_map(|arrow| forbidden(arrow, &members)));
    found
}

fn forbidden(arrow: &Arrow, members: &BTreeSet<String>) -> Option<Finding> {
    let Arrow { from, to, only_tests } = arrow;
    let finding =
        |what: String, remedy| Some(Finding { place: format!("{from} → {to}"), what, remedy });
    if members.contains(to) {
        let row = row_of(from)?;
        let in_code = row.may_use.contains(&to.as_str());
        let in_tests = *only_tests && row.tests_may_use.contains(&to.as_str());
        // A crate may turn on its own test features by depending on itself.
        return match in_code || in_tests || from == to {
            true => None,
            false => finding(
                format!(
                    "{from} may not know {to}{}",
                    if *only_tests { ", even in tests" } else { "" }
                ),
                "the arrows keep each crate ignorant of what would tie it down: move the code to \
                 where both sides are known, or put a trait at the border",
            ),
        };
    }
    if from == "hostler-core" && !only_tests && NOT_IN_CORE.contains(&to.as_str()) {
        return finding(
            format!("the rules use {to}"),
            "the core does no I/O, waits for nothing and reads no clock, so that every rule can \
             be tried in microseconds: do it at the edge and pass in the result",
        );
    }
    let allowed = WRAPPERS.iter().find(|(name, _)| name == to)?.1;
    match *only_tests || allowed.contains(&from.as_str()) {
        true => None,
        false => finding(
            format!("{to} belongs to {} alone", allowed.join(", ")),
            "one crate wraps it, so that it can be replaced and its types stay out of ours: go \
             through that crate",
        ),
    }
}

fn row_of(name: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.name == name)
}

fn read(metadata: &Value) -> (BTreeSet<String>, Vec<Arrow>) {
    let text = |value: &Value, key: &str| {
        value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let list = |value: &Value, key: &str| {
        value.get(key).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let packages = list(metadata, "packages");
    let members = packages.iter().map(|package| text(package, "name")).collect();
    let arrows = packages.iter().flat_map(|package| {
        let from = text(package, "name");
        list(package, "dependencies").into_iter().map(move |dependency| Arrow {
            from: from.clone(),
            to: text(&dependency, "name"),
            only_tests: text(&dependency, "kind") == "dev",
        })
    });
    (members, arrows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Metadata of a workspace whose first crate has the dependencies given, and a few more crates.
    fn workspace(name: &str, dependencies: &[(&str, Option<&str>)]) -> Value {
        let dependencies: Vec<Value> =
            dependencies.iter().map(|(name, kind)| json!({ "name": name, "kind": kind })).collect();
        json!({ "packages": [
            { "name": name, "dependencies": dependencies },
            { "name": "hostler-provider", "dependencies": [] },
            { "name": "hostler-sim", "dependencies": [] },
            { "name": "hostler-store", "dependencies": [] },
        ] })
    }

    fn places(metadata: &Value) -> Vec<String> {
        findings(metadata).into_iter().map(|finding| finding.place).collect()
    }

    #[test]
    fn the_arrows_of_the_design_pass() {
        let engine = workspace(
            "hostler-engine",
            &[("hostler-provider", None), ("hostler-store", None), ("hostler-sim", Some("dev"))],
        );
        assert_eq!(places(&engine), Vec::<String>::new());
    }

    #[test]
    fn a_forbidden_arrow_is_found_in_code_and_in_tests() {
        let sim = workspace("hostler-sim", &[("hostler-store", None)]);
        assert_eq!(places(&sim), ["hostler-sim → hostler-store"]);
        let tests = workspace("hostler-sim", &[("hostler-store", Some("dev"))]);
        assert_eq!(places(&tests), ["hostler-sim → hostler-store"]);
        let engine = workspace("hostler-engine", &[("hostler-sim", None)]);
        assert_eq!(places(&engine), ["hostler-engine → hostler-sim"]);
    }

    #[test]
    fn the_core_stays_pure() {
        assert_eq!(
            places(&workspace("hostler-core", &[("tokio", None)])),
            ["hostler-core → tokio"]
        );
        assert!(places(&workspace("hostler-core", &[("tokio", Some("dev"))])).is_empty());
    }

    #[test]
    fn a_wrapped_library_stays_in_its_crate() {
        assert_eq!(
            places(&workspace("hostler-engine", &[("sqlx", None)])),
            ["hostler-engine → sqlx"]
        );
        assert!(places(&workspace("hostler-store", &[("sqlx", None)])).is_empty());
    }

    #[test]
    fn a_crate_that_the_table_does_not_know_is_found() {
        let findings = findings(&workspace("hostler-extra", &[]));
        assert_eq!(findings.len(), 1);
        assert!(findings.iter().all(|finding| finding.what.contains("hostler-extra")));
    }

    #[test]
    fn the_table_names_only_its_own_rows() {
        for row in TABLE {
            for name in row.may_use.iter().chain(row.tests_may_use) {
                assert!(row_of(name).is_some(), "{} → {name}", row.name);
            }
        }
    }
}
