//! `cargo xtask openapi`: the API's description, as the compiled server gives it.
//!
//! `openapi/hostler-latest.json` is what the server says now. A release freezes it as
//! `openapi/hostler-VERSION.json`, which never changes again; what is latest must keep every
//! promise of the last frozen one.

mod compatible;

use std::fs;
use std::path::{Path, PathBuf};

use hostler_lab::{Error, Fingerprint, Result};
use serde_json::Value;

use crate::arguments::{Arguments, Grammar, Words};
use crate::product::Programs;
use crate::{needs, paths, say, ui};

/// `openapi [--check] [--freeze VERSION]`.
pub(crate) const GRAMMAR: Grammar =
    Grammar { switches: &["check"], options: &["freeze"], words: Words::None };

/// The frozen documents' fingerprints, so that a changed one is seen.
const FROZEN: &str = "frozen.txt";

/// Writes the document, checks it, or freezes it for a release.
///
/// # Errors
/// When the server cannot be built or a check fails.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    if arguments.has("check") {
        return check();
    }
    let text = current()?;
    fs::create_dir_all(directory())?;
    fs::write(latest(), &text)?;
    say::line(&format!("wrote {}", latest().display()));
    // The browser's types follow at once: a commit with one and without the other fails its checks.
    ui::generate_types()?;
    match arguments.option("freeze") {
        Some(version) => freeze(version, &text),
        None => Ok(()),
    }
}

/// Fails when latest is stale, a frozen document changed, or latest breaks the last frozen one.
///
/// # Errors
/// Says which.
pub(crate) fn check() -> Result<()> {
    let text = current()?;
    if fs::read_to_string(latest()).unwrap_or_default() != text {
        return Err(Error::new(
            "openapi/hostler-latest.json is not what the server says: run `cargo xtask openapi`, \
             and look at the difference as a client would",
        ));
    }
    let recorded = fs::read_to_string(directory().join(FROZEN)).unwrap_or_default();
    let mut last: Option<(Vec<u64>, PathBuf)> = None;
    for line in recorded.lines() {
        let (version, fingerprint) = line
            .split_once(' ')
            .ok_or_else(|| Error::new(format!("openapi/{FROZEN}: {line:?}")))?;
        let path = frozen(version);
        if fingerprint_of(&fs::read_to_string(&path)?) != fingerprint {
            return Err(Error::new(format!(
                "{} changed after its release: clients rely on it as it was; restore it",
                path.display()
            )));
        }
        let key = version.split('.').map(|part| part.parse().unwrap_or(0)).collect();
        if last.as_ref().is_none_or(|(newest, _)| *newest < key) {
            last = Some((key, path));
        }
    }
    let Some((_, path)) = last else { return Ok(()) };
    let broken = compatible::broken(&json(&path)?, &json(&latest())?);
    if broken.is_empty() {
        return Ok(());
    }
    Err(Error::new(format!(
        "a client of {} would fail: within /v1 only additions are allowed\n  {}",
        path.display(),
        broken.join("\n  ")
    )))
}

fn freeze(version: &str, text: &str) -> Result<()> {
    if version.split('.').any(|part| part.parse::<u64>().is_err()) {
        return Err(Error::new(format!("{version:?} is no version such as 1.4")));
    }
    let path = frozen(version);
    if path.exists() {
        return Err(Error::new(format!("{} is frozen already", path.display())));
    }
    fs::write(&path, text)?;
    let list = directory().join(FROZEN);
    let mut recorded = fs::read_to_string(&list).unwrap_or_default();
    recorded.push_str(&format!("{version} {}\n", fingerprint_of(text)));
    fs::write(list, recorded)?;
    say::line(&format!("froze {}", path.display()));
    Ok(())
}

/// What the server says, indented, with a line's end at the end.
fn current() -> Result<String> {
    needs::build()?;
    if ui::directory().join("package.json").is_file() {
        ui::build()?;
    }
    let document: Value = serde_json::from_str(&Programs::build()?.openapi()?)
        .map_err(|error| Error::new(format!("`hostlerd openapi`: {error}")))?;
    let text = serde_json::to_string_pretty(&document)
        .map_err(|error| Error::new(format!("cannot write the document: {error}")))?;
    Ok(text + "\n")
}

fn fingerprint_of(text: &str) -> String {
    Fingerprint::new().add(text).to_string()
}

fn json(path: &Path) -> Result<Value> {
    serde_json::from_str(&fs::read_to_string(path)?)
        .map_err(|error| Error::new(format!("{}: {error}", path.display())))
}

fn directory() -> PathBuf {
    paths::root().join("openapi")
}

fn latest() -> PathBuf {
    directory().join("hostler-latest.json")
}

fn frozen(version: &str) -> PathBuf {
    directory().join(format!("hostler-{version}.json"))
}
