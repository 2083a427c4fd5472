//! Which features a cluster has: the version, and what its KubeVirt object says, by
//! the precedence of that version of KubeVirt.
//!
//! | version | first that holds decides |
//! |---|---|
//! | ≤ 1.7 | done → on · listed → on · off |
//! | 1.8 | done → on · listed → on · disabled → off · off |
//! | ≥ 1.9 | done → on · listed → on · disabled → off · beta → on · off |
//!
//! What was taken out is off whoever lists it. Of a version that is not told, or older
//! than the table, nothing is known; of a newer one, and of one before a release, it is
//! concluded from the nearest that is known, and told as inferred.

use std::collections::BTreeMap;

use hostler_core::cluster::{Feature, FeatureChange, Stage, Upgrade};

use super::gates::{self, BETA_IS_ON, CAN_DISABLE, Gate, MAJOR, NEWEST};
use crate::error::word;
use crate::health::Version;

/// Where gates are listed.
const LISTED: &str = "spec.configuration.developerConfiguration.featureGates";
/// Where gates are turned off.
const DISABLED: &str = "spec.configuration.developerConfiguration.disabledFeatureGates";
/// Names of an object's lists that are looked at; KubeVirt has some eighty gates.
const MAX_NAMES: usize = 500;

/// What a KubeVirt object says of gates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gates {
    /// Those that it opens.
    pub listed: Vec<String>,
    /// Those that it closes.
    pub disabled: Vec<String>,
}

impl Gates {
    fn lists(&self, name: &str) -> bool {
        self.listed.iter().take(MAX_NAMES).any(|listed| listed == name)
    }

    fn disables(&self, name: &str) -> bool {
        self.disabled.iter().take(MAX_NAMES).any(|disabled| disabled == name)
    }
}

/// Every feature that is known of, by name, and every other one that the object names.
/// Without `gates` it could not be read; without a version nothing is decided.
pub fn features(version: Option<&str>, gates: Option<&Gates>) -> Vec<Feature> {
    let release = Release::of(version);
    let mut all: BTreeMap<String, Feature> = BTreeMap::new();
    for gate in gates::all() {
        all.insert(gate.name.to_owned(), feature(gate, &release, gates));
    }
    for (name, list) in gates.into_iter().flat_map(unknown) {
        let name = word(name);
        all.entry(name.clone()).or_insert_with(|| Feature {
            why: format!(
                "the KubeVirt object names it in {list}, and {} is not known to have it",
                release.name()
            ),
            name,
            is_on: None,
            stage: Stage::Unknown,
            is_inferred: false,
            remedy: Some("check how it is spelt, and KubeVirt's release notes".to_owned()),
        });
    }
    all.into_values().collect()
}

/// What bringing KubeVirt from one version to another turns on and off, while the object
/// says the same. `None` where one of the versions is none that is known.
pub fn upgrade(from: &str, to: &str, gates: &Gates) -> Option<Vec<FeatureChange>> {
    let (from, to) = (Release::of(Some(from)), Release::of(Some(to)));
    if !matches!((&from, &to), (Release::Known { .. }, Release::Known { .. })) {
        return None;
    }
    let change = |gate: &Gate| {
        let before = feature(gate, &from, Some(gates));
        let after = feature(gate, &to, Some(gates));
        let is_inferred = before.is_inferred || after.is_inferred;
        match (before.is_on?, after.is_on?) {
            (was, is) if was == is => None,
            (_, turns_on) => {
                Some(FeatureChange { name: after.name, turns_on, why: after.why, is_inferred })
            }
        }
    };
    Some(gates::all().iter().filter_map(change).collect())
}

/// What each newer minor version that is known would change, the next one first; none where
/// this one is the newest.
///
/// # Errors
/// Why it cannot be told, for people.
pub fn upgrades(version: Option<&str>, gates: &Gates) -> Result<Vec<Upgrade>, String> {
    let text = version.unwrap_or_default();
    let version = match Release::of(version) {
        Release::Known { version, .. } => version,
        Release::Untold => return Err("the version of KubeVirt is not told".to_owned()),
        Release::Strange(word) => {
            return Err(format!("the version of KubeVirt, {word}, is none that can be compared"));
        }
        Release::Older(version) => {
            return Err(format!("KubeVirt {version} is older than all that is known here"));
        }
    };
    let all = (0..=NEWEST).map(|minor| Version { major: MAJOR, minor });
    let newer = all.filter(|newer| *newer > version).filter_map(|newer| {
        let version = newer.to_string();
        let changes = upgrade(text, &version, gates)?;
        Some(Upgrade { version, changes })
    });
    Ok(newer.collect())
}

/// A version, as far as the table knows it.
enum Release {
    /// Not told.
    Untold,
    /// No version that can be compared.
    Strange(String),
    /// Older than all in the table.
    Older(Version),
    /// In the table, or concluded from what is.
    Known { version: Version, minor: u32, inferred: Option<String> },
}

impl Release {
    fn of(text: Option<&str>) -> Self {
        let Some(text) = text else { return Self::Untold };
        let Some(version) = Version::parse(text) else { return Self::Strange(word(text)) };
        if version.major < MAJOR {
            return Self::Older(version);
        }
        let newest = Version { major: MAJOR, minor: NEWEST };
        if version > newest {
            let inferred = format!(
                "KubeVirt {version} is newer than what is known here: concluded from {newest}"
            );
            return Self::Known { version, minor: NEWEST, inferred: Some(inferred) };
        }
        let inferred = is_before_release(text).then(|| {
            format!(
                "it runs a version before the release of KubeVirt {version}: concluded from that"
            )
        });
        Self::Known { version, minor: version.minor, inferred }
    }

    fn name(&self) -> String {
        match self {
            Self::Untold => "KubeVirt, which does not tell its version,".to_owned(),
            Self::Strange(text) => format!("KubeVirt `{text}`"),
            Self::Older(version) | Self::Known { version, .. } => format!("KubeVirt {version}"),
        }
    }

    /// Why nothing can be said, and what would help.
    fn silence(&self) -> Option<(String, &'static str)> {
        match self {
            Self::Untold => Some((
                "KubeVirt does not tell its version".to_owned(),
                "see the status of the KubeVirt object, and whether it may be read",
            )),
            Self::Strange(text) => Some((
                format!("KubeVirt's version, `{text}`, is none that can be compared"),
                "run a released version of KubeVirt",
            )),
            Self::Older(version) => Some((
                format!("KubeVirt {version} is older than 1.0, the oldest that is known here"),
                "update KubeVirt",
            )),
            Self::Known { .. } => None,
        }
    }
}

/// `v1.9.0-rc.1`; not the builds of those who package it, `v1.9.0-12-g1234`.
fn is_before_release(text: &str) -> bool {
    let after = text.split_once('-').map(|(_, after)| after);
    let stages = ["alpha", "beta", "rc"];
    after.is_some_and(|after| stages.iter().any(|stage| after.starts_with(stage)))
}

fn feature(gate: &Gate, release: &Release, gates: Option<&Gates>) -> Feature {
    let name = gate.name.to_owned();
    let Release::Known { minor, inferred, .. } = release else {
        let (why, remedy) = release.silence().unwrap_or_default();
        let remedy = Some(remedy.to_owned());
        return Feature {
            name,
            is_on: None,
            stage: Stage::Unknown,
            why,
            is_inferred: false,
            remedy,
        };
    };
    let stage = gate.stage(*minor);
    let decided = decide(gate, stage, *minor, gates);
    let why = match inferred {
        Some(inferred) => format!("{}; {inferred}", decided.why),
        None => decided.why,
    };
    let is_inferred = inferred.is_some();
    Feature { name, is_on: decided.is_on, stage, why, is_inferred, remedy: decided.remedy }
}

struct Decided {
    is_on: Option<bool>,
    why: String,
    remedy: Option<String>,
}

impl Decided {
    fn on(why: String) -> Self {
        Self { is_on: Some(true), why, remedy: None }
    }

    fn off(why: String, remedy: Option<String>) -> Self {
        Self { is_on: Some(false), why, remedy }
    }
}

fn decide(gate: &Gate, stage: Stage, minor: u32, gates: Option<&Gates>) -> Decided {
    let since = gate.since(minor).unwrap_or_default();
    match stage {
        Stage::Ga => return Decided::on(format!("done: always on from KubeVirt 1.{since} on")),
        Stage::Discontinued => {
            let remedy = gate.instead.map(|instead| format!("use {instead} instead"));
            return Decided::off(format!("taken out of KubeVirt 1.{since}"), remedy);
        }
        Stage::NotYet | Stage::Unknown => return not_yet(gate, minor, gates),
        Stage::Alpha | Stage::Beta | Stage::Deprecated => {}
    }
    let Some(gates) = gates else {
        let why = "the KubeVirt object, which may turn it on or off, could not be read";
        let remedy = "grant `list` of kubevirts.kubevirt.io";
        return Decided { is_on: None, why: why.to_owned(), remedy: Some(remedy.to_owned()) };
    };
    let disabled = minor >= CAN_DISABLE && gates.disables(gate.name);
    if gates.lists(gate.name) {
        return Decided::on(listed(gate, stage, disabled));
    }
    if disabled {
        let remedy = if stage == Stage::Beta && minor >= BETA_IS_ON {
            format!("take it out of {DISABLED} of the KubeVirt object")
        } else {
            opening(gate, minor)
        };
        return Decided::off(
            format!("turned off by {DISABLED} of the KubeVirt object"),
            Some(remedy),
        );
    }
    if stage == Stage::Beta && minor >= BETA_IS_ON {
        let why = format!("beta features are on by themselves from KubeVirt 1.{BETA_IS_ON} on");
        return Decided::on(why);
    }
    let what = if stage == Stage::Deprecated { "deprecated" } else { stage.as_str() };
    let why = format!("{what} in KubeVirt 1.{minor}, and not listed in {LISTED}");
    Decided::off(why, Some(opening(gate, minor)))
}

fn listed(gate: &Gate, stage: Stage, disabled: bool) -> String {
    let mut why = format!("listed in {LISTED} of the KubeVirt object");
    if disabled {
        why.push_str(", which counts more than that it is named in disabledFeatureGates, too");
    }
    match (stage, gate.instead) {
        (Stage::Deprecated, Some(instead)) => {
            why.push_str("; it is to be given up: use ");
            why.push_str(instead);
            why.push_str(" instead");
        }
        (Stage::Deprecated, None) => why.push_str("; it is to be given up"),
        _ => {}
    }
    why
}

fn not_yet(gate: &Gate, minor: u32, gates: Option<&Gates>) -> Decided {
    let Some(first) = gate.comes_with(minor) else {
        return Decided { is_on: None, why: "nothing is known of it".to_owned(), remedy: None };
    };
    let mut why = format!("not there before KubeVirt 1.{first}");
    if gates.is_some_and(|gates| gates.lists(gate.name)) {
        why.push_str("; that the KubeVirt object lists it has no effect yet");
    }
    let remedy = match gate.on_by_itself_after(minor) {
        Some(by_itself) if by_itself == first => format!("update to KubeVirt 1.{first} or newer"),
        _ => format!("update to KubeVirt 1.{first} or newer, and list it in {LISTED}"),
    };
    Decided::off(why, Some(remedy))
}

/// What turns a gate on that is off.
fn opening(gate: &Gate, minor: u32) -> String {
    let list = format!("list it in {LISTED} of the KubeVirt object");
    match (gate.on_by_itself_after(minor), gate.instead) {
        (Some(by_itself), _) => {
            format!("{list}, or update to KubeVirt 1.{by_itself}, where it is on by itself")
        }
        (None, Some(instead)) => format!("{list}, or use {instead} instead"),
        (None, None) => list,
    }
}

/// Names that no gate of the table has, and where they stand.
fn unknown(gates: &Gates) -> impl Iterator<Item = (&str, &'static str)> {
    let listed = gates.listed.iter().take(MAX_NAMES).map(|name| (name.as_str(), "featureGates"));
    let disabled = gates.disabled.iter().take(MAX_NAMES);
    let disabled = disabled.map(|name| (name.as_str(), "disabledFeatureGates"));
    let is_other = |(name, _): &(&str, &str)| !name.is_empty() && gates::find(name).is_none();
    listed.chain(disabled).filter(is_other)
}

#[cfg(test)]
mod tests;
