//! Libraries that must not come in, by whatever way: `deny.toml` against `Cargo.lock`.
//!
//! cargo-deny reads the same file and does more (advisories, licences, sources); it takes minutes
//! to compile, so a fresh machine has the part that needs nothing, and is told of the rest.

use std::fs;

use hostler_lab::{Error, Result, find_program, run};
use toml::{Table, Value};

use crate::{paths, say};

use super::{Finding, outcome};

/// A library that `deny.toml` bans, below a version or altogether.
#[derive(Debug, PartialEq, Eq)]
struct Ban {
    name: String,
    /// Versions from this on are fine; none: no version is.
    fixed_in: Option<Version>,
    reason: String,
}

type Version = (u64, u64, u64);

/// Checks the lock file, and runs cargo-deny where it is installed.
pub(super) fn check() -> Result<()> {
    let root = paths::root();
    let bans = bans(&table(&fs::read_to_string(root.join("deny.toml"))?)?)?;
    let lock = table(&fs::read_to_string(root.join("Cargo.lock"))?)?;
    outcome(findings(&bans, &lock))?;
    if find_program("cargo-deny").is_none() {
        say::step(
            "cargo-deny is not installed: bans are checked, advisories, licences and sources are \
             not; `cargo install --locked cargo-deny` brings it",
        );
        return Ok(());
    }
    // Advisories come over the network, which a check must not depend on.
    run(paths::cargo().args(["deny", "--offline", "check", "bans", "licenses", "sources"]))
}

fn table(text: &str) -> Result<Table> {
    text.parse().map_err(|error| Error::new(format!("not TOML: {error}")))
}

/// The bans of `[bans] deny`: `{ crate = "NAME" }` or `{ crate = "NAME@<VERSION" }`.
fn bans(deny: &Table) -> Result<Vec<Ban>> {
    let list = deny.get("bans").and_then(|bans| bans.get("deny")).and_then(Value::as_array);
    let list = list.ok_or_else(|| Error::new("deny.toml has no [bans] deny"))?;
    // A wrapped library is not banned; the arrows' table sees to who may use it.
    let list = list.iter().filter(|entry| entry.get("wrappers").is_none());
    list.map(|entry| {
        let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
        let spec = text("crate");
        let (name, fixed_in) = match spec.split_once("@<") {
            Some((name, version)) => (name, Some(version)),
            None => (spec, None),
        };
        let bad = || Error::new(format!("deny.toml: cannot read the ban {entry}"));
        let fixed_in = fixed_in.map(|text| version(text).ok_or_else(bad)).transpose()?;
        if name.is_empty() || name.contains('@') || text("reason").is_empty() {
            return Err(bad());
        }
        Ok(Ban { name: name.into(), fixed_in, reason: text("reason").into() })
    })
    .collect()
}

fn findings(bans: &[Ban], lock: &Table) -> Vec<Finding> {
    let packages = lock.get("package").and_then(Value::as_array).into_iter().flatten();
    let mut found = Vec::new();
    for package in packages {
        let text = |key: &str| package.get(key).and_then(Value::as_str).unwrap_or_default();
        let (name, found_version) = (text("name"), text("version"));
        let hits = bans.iter().filter(|ban| ban.name == name).filter(|ban| match ban.fixed_in {
            // What cannot be read is not known to be fixed.
            Some(fixed_in) => version(found_version).is_none_or(|here| here < fixed_in),
            None => true,
        });
        found.extend(hits.map(|ban| Finding {
            place: "Cargo.lock".into(),
            what: format!("{name} {found_version} is banned: {}", ban.reason),
            remedy: "`cargo tree -i NAME` shows who brings it: turn off the feature that does, or \
                     choose another library",
        }));
    }
    found
}

/// `1.2.3-beta+build` is (1, 2, 3); missing parts are 0.
fn version(text: &str) -> Option<Version> {
    let plain = text.split(['-', '+']).next()?;
    let mut parts = plain.split('.').map(|part| part.parse().ok());
    let mut next = || parts.next().unwrap_or(Some(0));
    Some((next()?, next()?, next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DENY: &str = r#"
        [bans]
        deny = [
            { crate = "openssl-sys", reason = "TLS is rustls" },
            { crate = "bytes@<1.11.1", reason = "overflow" },
            { crate = "axum", wrappers = ["hostlerd"], reason = "arrows" },
        ]
    "#;

    fn banned(lock: &str) -> Vec<String> {
        let bans = bans(&table(DENY).unwrap()).unwrap();
        findings(&bans, &table(lock).unwrap()).into_iter().map(|finding| finding.what).collect()
    }

    fn lock(name: &str, version: &str) -> String {
        format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n")
    }

    #[test]
    fn a_banned_library_is_found_in_any_version() {
        assert_eq!(
            banned(&lock("openssl-sys", "9.9.9")),
            ["openssl-sys 9.9.9 is banned: TLS is rustls"]
        );
    }

    #[test]
    fn a_library_banned_below_a_version_is_fine_from_it_on() {
        assert_eq!(banned(&lock("bytes", "1.11.0")).len(), 1);
        assert_eq!(banned(&lock("bytes", "1.9.9")).len(), 1);
        assert!(banned(&lock("bytes", "1.11.1")).is_empty());
        assert!(banned(&lock("bytes", "2.0.0")).is_empty());
    }

    #[test]
    fn wrapped_and_unnamed_libraries_pass() {
        assert!(banned(&lock("axum", "0.8.9")).is_empty());
        assert!(banned(&lock("serde", "1.0.0")).is_empty());
    }

    #[test]
    fn a_ban_needs_a_reason_and_a_version_we_can_read() {
        for entry in [r#"{ crate = "x" }"#, r#"{ crate = "x@=1", reason = "r" }"#] {
            let deny = table(&format!("[bans]\ndeny = [{entry}]")).unwrap();
            assert!(bans(&deny).is_err(), "{entry}");
        }
    }

    #[test]
    fn the_checkouts_own_list_can_be_read() {
        let text = fs::read_to_string(paths::root().join("deny.toml")).unwrap();
        let bans = bans(&table(&text).unwrap()).unwrap();
        assert!(bans.iter().any(|ban| ban.name == "aws-lc-rs" && ban.fixed_in.is_none()));
    }
}
