//! Clusters: many hosts under one authority, which has a health, a version and features
//! of its own (E13, E15, E16, X28, X29).
//!
//! ```text
//!   asked once a minute                       required by a template
//!   ─────────────────►  Report                features and hardware
//!                       ├─ health, reasons             │
//!                       ├─ how far behind we look      ▼
//!                       └─ Capabilities ──────► lacks(…) ──► nothing: it fits
//! ```
//!
//! How a cluster's answers become this is its driver's business; nothing here knows of a
//! product.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::fact::Fact;

/// The reason of a cluster that answers, and does not know us.
pub const AUTH_FAILED: &str = "AuthFailed";

/// Who says so where an administrator declared it.
pub const DECLARED: &str = "declared by an administrator";
/// The most hardware that is declared for one cluster.
pub const DECLARED_MAX: usize = 64;

/// How a cluster is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Health {
    /// It was not asked yet.
    #[default]
    Unknown,
    /// Everything that is needed is there.
    Healthy,
    /// It answers, and something is missing.
    Unhealthy,
    /// It does not answer.
    Unreachable,
}

impl Health {
    /// All of them.
    pub const ALL: &'static [Self] =
        &[Self::Unknown, Self::Healthy, Self::Unhealthy, Self::Unreachable];

    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::Unreachable => "unreachable",
        }
    }
}

/// Why a cluster is not healthy, or what is to be noticed although it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The word for machines: `AuthFailed`, `RightsMissing`.
    pub code: String,
    /// For people, with the remedy where there is one.
    pub message: String,
    /// Whether it is only to be noticed.
    pub is_warning: bool,
}

/// How far what we know of one kind of object may be behind the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchLag {
    /// The kind, as the cluster calls it: `virtualmachines`.
    pub kind: String,
    /// Since when nothing was heard of it; `None` when nothing ever was.
    pub silent: Option<Duration>,
    /// What is told of it comes from before this moment, while it is read anew;
    /// `None` while it is followed.
    pub stale_since: Option<Timestamp>,
}

/// A class of storage that claims may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageClass {
    /// Its name.
    pub name: String,
    /// Who provides it.
    pub provisioner: String,
    /// Whether a claim without a class gets it.
    pub is_default: bool,
    /// Whether volumes of it can grow; `None` where it is not told.
    pub can_grow: Option<bool>,
}

/// What a cluster told when it was asked last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The word.
    pub health: Health,
    /// Why; may hold warnings where the word is healthy.
    pub reasons: Vec<Reason>,
    /// How far behind we look, by kind.
    pub lags: Vec<WatchLag>,
    /// What it can; `None` where it could not be found out, and then
    /// [`Self::reasons`] says why.
    pub capabilities: Option<Capabilities>,
    /// Classes of storage, by name; `None` where they could not be read.
    pub storage_classes: Option<Vec<StorageClass>>,
}

/// What a cluster can, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// The version of what runs VMs there, without a `v`: `1.7.0`; `None` where it is
    /// not told.
    pub version: Option<String>,
    /// Every feature that is known of, by name.
    pub features: Vec<Feature>,
    /// Hardware for guests, by name.
    pub hardware: Vec<Hardware>,
    /// What newer versions would change, the next one first; empty where the cluster's is the
    /// newest that is known, and absent, with why, where that cannot be told.
    pub upgrades: Fact<Vec<Upgrade>>,
    /// When it was detected.
    pub detected_at: Timestamp,
}

/// A feature of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feature {
    /// Its name, as the product's documents call it: `HotplugNICs`.
    pub name: String,
    /// Whether it can be used; `None` where that cannot be told.
    pub is_on: Option<bool>,
    /// How far the product has brought it in this version.
    pub stage: Stage,
    /// Why it is on or off, for people.
    pub why: String,
    /// Whether it is concluded from an older version, because this one is newer than
    /// what we know.
    pub is_inferred: bool,
    /// What would change it, for people: an update, or a setting.
    pub remedy: Option<String>,
}

/// What a newer version would turn on and off, while all that is configured stays as it is
/// (E14).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upgrade {
    /// The newer version, without a `v`: `1.8`.
    pub version: String,
    /// What is otherwise then than now, by name.
    pub changes: Vec<FeatureChange>,
}

/// A feature that another version turns on or off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureChange {
    /// Its name.
    pub name: String,
    /// Whether it is on then, and was off; else it is the other way round.
    pub turns_on: bool,
    /// Why it is so then, for people.
    pub why: String,
    /// Whether that is concluded from another version than those two.
    pub is_inferred: bool,
}

/// How far a feature was brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// It is not in this version yet.
    NotYet,
    /// To be tried.
    Alpha,
    /// Nearly done.
    Beta,
    /// Done: it cannot be turned off.
    Ga,
    /// Still there, to be given up.
    Deprecated,
    /// Taken out: it cannot be turned on.
    Discontinued,
    /// We know nothing of it.
    Unknown,
}

impl Stage {
    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotYet => "not_yet",
            Self::Alpha => "alpha",
            Self::Beta => "beta",
            Self::Ga => "ga",
            Self::Deprecated => "deprecated",
            Self::Discontinued => "discontinued",
            Self::Unknown => "unknown",
        }
    }
}

/// Hardware that guests may be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hardware {
    /// Its name: `kvm`, `hugepages-1Gi`, `nvidia.com/TU104GL`.
    pub name: String,
    /// Whether it is there; `None` where that cannot be told.
    pub is_there: Option<bool>,
    /// On how many hosts it was seen; `None` where an administrator says so and
    /// nobody looked.
    pub hosts: Option<u32>,
    /// Who says so, for people: `allocatable of 3 nodes`, `declared by an administrator`.
    pub source: String,
}

/// Something a template requires, and a cluster does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// The name of the feature or the hardware.
    pub name: String,
    /// Whether it is hardware, rather than a feature.
    pub is_hardware: bool,
    /// Why it does not count as there, for people.
    pub why: String,
    /// What would change it, for people.
    pub remedy: Option<String>,
}

impl Report {
    /// Whether the cluster answered us as somebody it knows: anything else that is missing
    /// there, other credentials do not mend.
    ///
    /// # Errors
    /// With the reasons why not.
    pub fn lets_us_in(&self) -> Result<(), &[Reason]> {
        let is_unknown = self.reasons.iter().any(|reason| reason.code == AUTH_FAILED);
        match self.health {
            Health::Unknown | Health::Unreachable => Err(&self.reasons),
            Health::Healthy | Health::Unhealthy if is_unknown => Err(&self.reasons),
            Health::Healthy | Health::Unhealthy => Ok(()),
        }
    }
}

/// What a cluster of which nothing is known lacks: all that is asked for.
pub fn lacks_all(features: &[String], hardware: &[String], why: &str) -> Vec<Lack> {
    let lack = |name: &String, is_hardware| Lack {
        name: name.clone(),
        is_hardware,
        why: why.to_owned(),
        remedy: None,
    };
    let of_features = features.iter().map(|name| lack(name, false));
    of_features.chain(hardware.iter().map(|name| lack(name, true))).collect()
}

impl Capabilities {
    /// The same with what an administrator says of the hardware, which counts whatever the
    /// hosts tell (E15).
    #[must_use]
    pub fn with_declared(mut self, declared: &BTreeMap<String, bool>) -> Self {
        for (name, is_there) in declared {
            match self.hardware.iter_mut().find(|hardware| hardware.name == *name) {
                Some(hardware) => {
                    hardware.is_there = Some(*is_there);
                    hardware.source = format!("{DECLARED}; detected: {}", hardware.source);
                }
                None => self.hardware.push(Hardware {
                    name: name.clone(),
                    is_there: Some(*is_there),
                    hosts: None,
                    source: DECLARED.to_owned(),
                }),
            }
        }
        self.hardware.sort_by(|a, b| a.name.cmp(&b.name));
        self
    }

    /// What is missing of what a template requires: nothing, where the cluster has all
    /// the features and all the hardware (E16). What cannot be told counts as missing,
    /// and says so.
    pub fn lacks(&self, features: &[String], hardware: &[String]) -> Vec<Lack> {
        let of_features = features.iter().filter_map(|name| self.lacks_feature(name));
        let of_hardware = hardware.iter().filter_map(|name| self.lacks_hardware(name));
        of_features.chain(of_hardware).collect()
    }

    fn lacks_feature(&self, name: &str) -> Option<Lack> {
        let feature = self.features.iter().find(|feature| feature.name == name);
        let (why, remedy) = match feature {
            Some(Feature { is_on: Some(true), .. }) => return None,
            Some(feature) => (feature.why.clone(), feature.remedy.clone()),
            None => ("the cluster does not know a feature of that name".to_owned(), None),
        };
        Some(Lack { name: name.to_owned(), is_hardware: false, why, remedy })
    }

    fn lacks_hardware(&self, name: &str) -> Option<Lack> {
        let hardware = self.hardware.iter().find(|hardware| hardware.name == name);
        let why = match hardware {
            Some(Hardware { is_there: Some(true), .. }) => return None,
            Some(Hardware { is_there: Some(false), source, .. }) => {
                format!("not there by {source}")
            }
            Some(Hardware { source, .. }) => format!("not known: {source}"),
            None => "no host tells of such hardware".to_owned(),
        };
        Some(Lack { name: name.to_owned(), is_hardware: true, why, remedy: None })
    }
}

#[cfg(test)]
mod tests;
