//! Whether a cluster is well (E12, E13, X28): facts in, judgement out. Asking for
//! the facts is [`ask`]; judging them is [`judge`], and asks nothing.
//!
//! ```text
//!  not asked yet ──────────────────────────────► UNKNOWN
//!  the API server cannot be reached ───────────► UNREACHABLE
//!  it can, and anything is missing ────────────► UNHEALTHY, with every reason
//!  KubeVirt is Deployed, Available, not Degraded,
//!  new enough, virt-api answers, and we may do
//!  what everything depends on ─────────────────► HEALTHY
//! ```
//!
//! What our account may not do that one thing alone needs is told as a warning.
//!
//! An expired token is not an unreachable cluster, and a CRD that exists is not a
//! KubeVirt that works. What could not be found out is never held for good.

mod ask;
mod rights;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

pub use ask::{ask, needs};
pub use hostler_core::cluster::Health;

pub use crate::installation::Installation;

/// The oldest KubeVirt that this driver was written for: `kubevirt.io/v1` with the
/// subresources as they are now, and live migration without a gate.
pub const FLOOR: Version = Version { major: 1, minor: 0 };

/// How old the newest word of a followed kind may be: twice what a watch lasts, and
/// a little.
pub const MAX_LAG: Duration = Duration::from_secs(150);

/// Missing rights that are named one by one, of each thing that needs them.
const NAMED: usize = 10;

/// A version of KubeVirt, as far as it decides anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The first number.
    pub major: u32,
    /// The second.
    pub minor: u32,
}

impl Version {
    /// From `v1.6.0`, `1.6.0-rc.1`; `None` for what is none, such as a hash.
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.strip_prefix('v').unwrap_or(text).splitn(3, '.');
        let (major, minor) = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
        Some(Self { major, minor })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Something that was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found<T> {
    /// It is so.
    Yes(T),
    /// It is not there.
    Absent,
    /// It could not be found out, with the reason for people.
    NotKnown(String),
}

/// Whether the API server answers us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Api {
    /// It does, and is of this version.
    Answers(String),
    /// It does not know us, with the reason for people.
    AuthFailed(String),
    /// It does not, with the reason for people.
    Unreachable(String),
}

/// What a right is for: without it that does not work, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// VMs are made, changed and deleted.
    Making,
    /// VMs move to other nodes.
    Migrating,
    /// Screens and serial lines.
    Consoles,
    /// Snapshots, and going back to them.
    Snapshots,
    /// VMs that are made of others.
    Clones,
    /// Disks of VMs that exist, attached and detached.
    Disks,
    /// Which hypervisor runs a VM.
    Hypervisors,
    /// What agents of guests tell.
    Guests,
    /// Claims, and the classes that they are of.
    Volumes,
    /// Copies of volumes, by CDI.
    Copies,
    /// Networks besides that of the pods.
    Networks,
    /// Instance types and preferences: what is offered, and sizes of VMs that are off.
    Sizes,
    /// Documents of cloud-init, kept as secrets.
    CloudInit,
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Making => "making and deleting VMs",
            Self::Migrating => "migrating",
            Self::Consoles => "consoles",
            Self::Snapshots => "snapshots",
            Self::Clones => "clones",
            Self::Disks => "attaching and detaching disks",
            Self::Hypervisors => "which hypervisor runs a VM",
            Self::Guests => "what guests tell",
            Self::Volumes => "volumes",
            Self::Copies => "copies of volumes",
            Self::Networks => "networks",
            Self::Sizes => "instance types and preferences, and VMs of them",
            Self::CloudInit => "cloud-init",
        })
    }
}

/// Something that our account has to be allowed to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// `list`, `patch` …
    pub verb: &'static str,
    /// The API group.
    pub group: &'static str,
    /// The resource, with a subresource after a slash.
    pub resource: &'static str,
    /// In which namespace; `None` is in all.
    pub namespace: Option<String>,
    /// What alone it is for; `None` where everything depends on it.
    pub purpose: Option<Purpose>,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dot = if self.group.is_empty() { "" } else { "." };
        write!(f, "{} {}{dot}{}", self.verb, self.resource, self.group)?;
        match &self.namespace {
            Some(namespace) => write!(f, " in {namespace}"),
            None => Ok(()),
        }
    }
}

/// All that is known of a cluster's health.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Whether it answers.
    pub api: Api,
    /// What KubeVirt tells of itself.
    pub kubevirt: Found<Installation>,
    /// Whether KubeVirt's own server answers.
    pub virt_api: Found<()>,
    /// The version by KubeVirt's own server, asked for where its object does not tell.
    pub virt_api_version: Option<String>,
    /// What our account may not do of what it has to.
    pub gaps: Found<Vec<Need>>,
    /// How long ago each followed kind was last heard of: `None` for never.
    pub lags: Vec<(&'static str, Option<Duration>)>,
}

impl Facts {
    /// Of a cluster that gave nothing but this.
    pub fn nothing_but(api: Api) -> Self {
        let why = "the API server does not answer us";
        Self {
            api,
            kubevirt: Found::NotKnown(why.to_owned()),
            virt_api: Found::NotKnown(why.to_owned()),
            virt_api_version: None,
            gaps: Found::NotKnown(why.to_owned()),
            lags: Vec::new(),
        }
    }

    /// The version of KubeVirt, as far as anybody tells it (E14).
    pub fn version(&self) -> Option<&str> {
        let told = match &self.kubevirt {
            Found::Yes(installation) => installation.version.as_deref(),
            Found::Absent | Found::NotKnown(_) => None,
        };
        told.or(self.virt_api_version.as_deref())
    }
}

/// Why a cluster is not healthy, or what is to be noticed although it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The API server does not answer.
    Unreachable(String),
    /// The API server does not know us.
    AuthFailed(String),
    /// The cluster has no KubeVirt.
    NoKubeVirt,
    /// It could not be found out how KubeVirt is.
    KubeVirtNotKnown(String),
    /// There are several installations; which one counts may be seen nevertheless.
    Several {
        /// All of them, by namespace and name.
        places: Vec<String>,
        /// Whether only the first is deployed.
        is_clear: bool,
    },
    /// KubeVirt is not deployed, but in this phase.
    NotDeployed(String),
    /// KubeVirt is not available, or does not say so.
    NotAvailable,
    /// KubeVirt is degraded.
    Degraded,
    /// KubeVirt is older than [`FLOOR`].
    TooOld(Version),
    /// KubeVirt does not tell a version that can be read; only to be noticed.
    VersionNotKnown,
    /// KubeVirt's own server does not answer.
    VirtApiDown(String),
    /// Our account may not do these, on which everything depends.
    Gaps(Vec<Need>),
    /// Our account may not do these, each of which one thing needs; only to be noticed.
    Limits(Vec<Need>),
    /// It could not be found out what our account may do.
    GapsNotKnown(String),
    /// Kinds that have not been heard of for too long.
    Lagging(Vec<&'static str>),
}

impl Reason {
    /// Whether it is only to be noticed.
    pub const fn is_warning(&self) -> bool {
        matches!(
            self,
            Self::VersionNotKnown | Self::Several { is_clear: true, .. } | Self::Limits(_)
        )
    }

    /// The word for machines.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "Unreachable",
            Self::AuthFailed(_) => "AuthFailed",
            Self::NoKubeVirt => "NoKubeVirt",
            Self::KubeVirtNotKnown(_) => "KubeVirtNotKnown",
            Self::Several { .. } => "SeveralKubeVirts",
            Self::NotDeployed(_) => "NotDeployed",
            Self::NotAvailable => "NotAvailable",
            Self::Degraded => "Degraded",
            Self::TooOld(_) => "TooOld",
            Self::VersionNotKnown => "VersionNotKnown",
            Self::VirtApiDown(_) => "VirtApiDown",
            Self::Gaps(_) => "RightsMissing",
            Self::Limits(_) => "RightsLimited",
            Self::GapsNotKnown(_) => "RightsNotKnown",
            Self::Lagging(_) => "WatchLagging",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) | Self::AuthFailed(why) => f.write_str(why),
            Self::NoKubeVirt => f.write_str("the cluster has no KubeVirt; install it"),
            Self::KubeVirtNotKnown(why) => {
                write!(f, "it is not known whether KubeVirt works: {why}")
            }
            Self::Several { places, is_clear } => {
                let places = places.join(", ");
                write!(f, "there are several KubeVirt objects: {places}; ")?;
                f.write_str(match is_clear {
                    true => "only the first is deployed, and counts; remove the others",
                    false => "which one counts cannot be told; remove all but one",
                })
            }
            Self::NotDeployed(phase) if phase.is_empty() => {
                f.write_str("KubeVirt is not deployed yet")
            }
            Self::NotDeployed(phase) => write!(f, "KubeVirt is not deployed but {phase}"),
            Self::NotAvailable => {
                f.write_str("KubeVirt is not available; see the conditions of its KubeVirt object")
            }
            Self::Degraded => {
                f.write_str("KubeVirt is degraded; see the conditions of its KubeVirt object")
            }
            Self::TooOld(version) => {
                write!(f, "KubeVirt {version} is older than {FLOOR}; update it")
            }
            Self::VersionNotKnown => f.write_str("KubeVirt does not tell its version"),
            Self::VirtApiDown(why) => write!(f, "virt-api does not answer: {why}"),
            Self::Gaps(needs) => {
                let named: Vec<String> = needs.iter().map(ToString::to_string).collect();
                write!(f, "our account may not: {}", named.join(", "))
            }
            Self::Limits(needs) => {
                write!(f, "our account lacks rights for {}", limits(needs))
            }
            Self::GapsNotKnown(why) => write!(f, "our rights are not known: {why}"),
            Self::Lagging(kinds) => {
                write!(f, "nothing was heard for long of: {}", kinds.join(", "))
            }
        }
    }
}

/// What does not work, and what is missing for it.
fn limits(needs: &[Need]) -> String {
    let mut by_purpose: BTreeMap<Purpose, Vec<&Need>> = BTreeMap::new();
    for (purpose, need) in needs.iter().filter_map(|need| Some((need.purpose?, need))) {
        by_purpose.entry(purpose).or_default().push(need);
    }
    let told = by_purpose.into_iter().map(|(purpose, needs)| {
        let named: Vec<String> = needs.iter().take(NAMED).map(ToString::to_string).collect();
        let more = match needs.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{purpose} ({}{more})", named.join(", "))
    });
    told.collect::<Vec<_>>().join("; ")
}

/// A judgement with all its reasons.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    /// The word.
    pub health: Health,
    /// Why; may hold warnings where the word is healthy.
    pub reasons: Vec<Reason>,
}

/// Judges. Without facts nothing is known.
pub fn judge(facts: Option<&Facts>) -> Judgement {
    let Some(facts) = facts else { return Judgement::default() };
    match &facts.api {
        Api::Unreachable(why) => {
            let reasons = vec![Reason::Unreachable(why.clone())];
            return Judgement { health: Health::Unreachable, reasons };
        }
        // Nothing else could be asked.
        Api::AuthFailed(why) => {
            let reasons = vec![Reason::AuthFailed(why.clone())];
            return Judgement { health: Health::Unhealthy, reasons };
        }
        Api::Answers(_) => {}
    }
    let mut reasons = Vec::new();
    match &facts.kubevirt {
        Found::Yes(installation) => of_installation(installation, facts.version(), &mut reasons),
        Found::Absent => reasons.push(Reason::NoKubeVirt),
        Found::NotKnown(why) => reasons.push(Reason::KubeVirtNotKnown(why.clone())),
    }
    match (&facts.virt_api, &facts.kubevirt) {
        // Told by the other already.
        (Found::Yes(()), _) | (_, Found::Absent) => {}
        (Found::Absent, _) => {
            reasons.push(Reason::VirtApiDown("its API is not registered".to_owned()));
        }
        (Found::NotKnown(why), _) => reasons.push(Reason::VirtApiDown(why.clone())),
    }
    match &facts.gaps {
        Found::Yes(gaps) => {
            let (limits, gaps): (Vec<_>, Vec<_>) =
                gaps.iter().cloned().partition(|need| need.purpose.is_some());
            if !gaps.is_empty() {
                reasons.push(Reason::Gaps(gaps));
            }
            if !limits.is_empty() {
                reasons.push(Reason::Limits(limits));
            }
        }
        Found::Absent => reasons.push(Reason::GapsNotKnown("the cluster cannot tell".to_owned())),
        Found::NotKnown(why) => reasons.push(Reason::GapsNotKnown(why.clone())),
    }
    let lagging = |lag: &Option<Duration>| lag.is_none_or(|lag| lag > MAX_LAG);
    let late: Vec<_> =
        facts.lags.iter().filter(|(_, lag)| lagging(lag)).map(|(kind, _)| *kind).collect();
    if !late.is_empty() {
        reasons.push(Reason::Lagging(late));
    }
    let fine = reasons.iter().all(Reason::is_warning);
    Judgement { health: if fine { Health::Healthy } else { Health::Unhealthy }, reasons }
}

fn of_installation(installation: &Installation, version: Option<&str>, reasons: &mut Vec<Reason>) {
    if !installation.others.is_empty() {
        let mut places = vec![installation.place.clone()];
        places.extend(installation.others.iter().cloned());
        reasons.push(Reason::Several { places, is_clear: !installation.is_ambiguous });
        if installation.is_ambiguous {
            return;
        }
    }
    if installation.phase != "Deployed" {
        reasons.push(Reason::NotDeployed(installation.phase.clone()));
    }
    if installation.available != Some(true) {
        reasons.push(Reason::NotAvailable);
    }
    if installation.degraded == Some(true) {
        reasons.push(Reason::Degraded);
    }
    match version.and_then(Version::parse) {
        Some(version) if version < FLOOR => reasons.push(Reason::TooOld(version)),
        Some(_) => {}
        None => reasons.push(Reason::VersionNotKnown),
    }
}
