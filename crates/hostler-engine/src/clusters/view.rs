//! A cluster as it is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::cluster::{Capabilities, Health, Lack, Reason, Report, lacks_all};
use hostler_core::id::ProviderId;
use hostler_core::query::{Field, Row, Value};
use hostler_provider::Group;
use hostler_store::SealedSecret;
use tokio::time::Instant;

use super::known::Known;
use crate::fleet::snapshot::Snapshot;
use crate::twins::SeenTwice;
use crate::{Inner, ProviderView};

/// What clusters are compared with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Features that are required.
    pub features: Vec<String>,
    /// Hardware that is required.
    pub hardware: Vec<String>,
}

impl Wanted {
    /// What is wanted here and there, each name once.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        let both = [(&mut self.features, other.features), (&mut self.hardware, other.hardware)];
        for (names, more) in both {
            let new: Vec<String> = more.into_iter().filter(|name| !names.contains(name)).collect();
            names.extend(new);
        }
        self
    }

    fn is_nothing(&self) -> bool {
        self.features.is_empty() && self.hardware.is_empty()
    }
}

/// How a cluster was given to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClusterSource {
    /// By the server's configuration.
    Configuration,
    /// By an address.
    Address,
    /// By a secret, which is kept sealed.
    Secret,
}

impl ClusterSource {
    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Address => "address",
            Self::Secret => "kubeconfig",
        }
    }
}

/// Who gave a secret, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

impl From<&SealedSecret> for Given {
    fn from(secret: &SealedSecret) -> Self {
        Self { by: secret.given_by.clone(), at: secret.given_at }
    }
}

/// A cluster as it is told.
#[derive(Debug, Clone)]
pub struct ClusterView {
    /// The provider that it is.
    pub provider: Arc<ProviderView>,
    /// What it told last; `None`: it was not asked yet since the server started.
    pub report: Option<Arc<Report>>,
    /// When it told that.
    pub reported_at: Option<Timestamp>,
    /// How long ago that is.
    pub age: Option<Duration>,
    /// Whether that is too long ago to rely on.
    pub stale: bool,
    /// Why the latest attempt to ask it did not end well.
    pub failure: Option<String>,
    /// What it can, with what was declared; `None` where it could not be found out.
    pub capabilities: Option<Capabilities>,
    /// What administrators said of its hardware.
    pub declared: BTreeMap<String, bool>,
    /// Who gave the secret that it is reached by; `None` where there is none.
    pub given: Option<Given>,
    /// How many hosts it has.
    pub host_count: Option<usize>,
    /// What is to be noticed of it beside other providers: that one of them is the same place.
    pub beside: Vec<Reason>,
    /// What it lacks of what was wanted; `None` where nothing was.
    pub lacks: Option<Vec<Lack>>,
}

impl ClusterView {
    /// The fields that lists of clusters can be filtered and sorted by.
    pub const FIELDS: &'static [Field] = &[
        Field::text("name"),
        Field::text("id"),
        Field::text("kind"),
        Field::text("health"),
        Field::text("version"),
        Field::text("source"),
        Field::text("fits"),
    ];

    /// How it is, by its last word.
    pub fn health(&self) -> Health {
        self.report.as_ref().map_or(Health::Unknown, |report| report.health)
    }

    /// Why it is not healthy, and what is to be noticed although it is: by its own last word,
    /// and beside other providers.
    pub fn reasons(&self) -> impl Iterator<Item = &Reason> {
        self.report.iter().flat_map(|report| &report.reasons).chain(&self.beside)
    }

    /// How it was given to us.
    pub fn source(&self) -> ClusterSource {
        match (&self.given, self.provider.row.from_config) {
            (_, true) => ClusterSource::Configuration,
            (Some(_), false) => ClusterSource::Secret,
            (None, false) => ClusterSource::Address,
        }
    }

    /// Whether it has all that was wanted; `None` where nothing was.
    pub fn fits(&self) -> Option<bool> {
        self.lacks.as_ref().map(Vec::is_empty)
    }

    fn version(&self) -> Option<&str> {
        self.capabilities.as_ref()?.version.as_deref()
    }
}

impl Row for ClusterView {
    fn id(&self) -> String {
        self.provider.row.id.to_string()
    }

    fn value(&self, field: &str) -> Value<'_> {
        match field {
            "name" => self.provider.row.name.as_str().into(),
            "id" => self.provider.row.id.to_string().into(),
            "kind" => self.provider.kind.into(),
            "health" => self.health().as_str().into(),
            "version" => self.version().map_or(Value::Absent, Into::into),
            "source" => self.source().as_str().into(),
            "fits" => match self.fits() {
                Some(true) => "true".into(),
                Some(false) => "false".into(),
                None => Value::Absent,
            },
            _ => Value::Absent,
        }
    }

    fn contains(&self, needle: &str) -> bool {
        let row = &self.provider.row;
        let mut words = self.reasons().flat_map(|reason| [&reason.code, &reason.message]);
        row.name.to_lowercase().contains(needle)
            || row.uri.contains(needle)
            || words.any(|word| word.to_lowercase().contains(needle))
    }
}

/// All clusters, without what is to be noticed beside others: see [`beside`].
pub(crate) fn all(engine: &Inner, snapshot: &Snapshot, wanted: &Wanted) -> Vec<ClusterView> {
    let one = |id: &ProviderId| one(engine, snapshot, *id, wanted);
    snapshot.providers.keys().filter_map(one).collect()
}

/// Adds what is to be noticed of clusters beside others. All VMs are looked at for that, so it
/// is done for who is told it, and not for every round of measuring.
pub(super) fn beside(snapshot: &Snapshot, views: &mut [ClusterView]) {
    if views.is_empty() {
        return;
    }
    let twice = SeenTwice::of(snapshot);
    for view in views {
        view.beside = twice.reasons(snapshot, view.provider.row.id);
    }
}

/// One cluster, the same way; `None` for a provider that is none.
pub(super) fn one(
    engine: &Inner,
    snapshot: &Snapshot,
    id: ProviderId,
    wanted: &Wanted,
) -> Option<ClusterView> {
    let provider = snapshot.providers.get(&id)?.clone();
    let known = engine.clusters.of(id);
    // One whose secret cannot be opened tells nothing, and is a cluster all the same.
    if known.given.is_none() && !provider.groups.contains(&Group::Cluster) {
        return None;
    }
    let hosts = || snapshot.hosts.values().filter(|host| host.provider.0 == id).count();
    let host_count = provider.observed_at.map(|_| hosts());
    let patience = engine.pace.cluster * 2 + engine.pace.cluster_deadline;
    Some(view(provider, known, host_count, wanted, patience))
}

fn view(
    provider: Arc<ProviderView>,
    known: Known,
    host_count: Option<usize>,
    wanted: &Wanted,
    patience: Duration,
) -> ClusterView {
    let Known { told, failure, declared, given } = known;
    let report = told.as_ref().map(|told| told.report.clone());
    let age = told.as_ref().map(|told| Instant::now().saturating_duration_since(told.arrived));
    let detected = report.as_ref().and_then(|report| report.capabilities.clone());
    let capabilities = detected.map(|found| found.with_declared(&declared));
    let lacks = (!wanted.is_nothing()).then(|| match &capabilities {
        Some(capabilities) => capabilities.lacks(&wanted.features, &wanted.hardware),
        None => {
            let why = match &report {
                Some(_) => "the cluster did not tell what it can",
                None => "the cluster was not asked yet what it can",
            };
            lacks_all(&wanted.features, &wanted.hardware, why)
        }
    });
    ClusterView {
        provider,
        reported_at: told.as_ref().map(|told| told.at),
        report,
        age,
        stale: age.is_some_and(|age| age > patience),
        failure,
        capabilities,
        declared,
        given,
        host_count,
        beside: Vec::new(),
        lacks,
    }
}
