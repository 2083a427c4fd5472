//! Agents as they are told: whether each is heard, which host it is on, and how
//! whom it asks answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::id::HostId;
use hostler_core::metrics::{Cost, OwnerLabel};
use hostler_core::query::{Field, Row, Value};
use hostler_provider::{AgentTrouble, Asked, LeftOut};
use tokio::time::Instant;

use super::{Joined, MachineKey, Place, Watched};
use crate::Inner;
use crate::collect::held::Origin;

/// Whether an agent is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AgentState {
    /// Nobody has asked it yet.
    Connecting,
    /// It answers.
    Ok,
    /// It does not.
    Trouble(AgentTrouble),
}

impl AgentState {
    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Ok => "ok",
            Self::Trouble(trouble) => trouble.as_str(),
        }
    }
}

/// Which host of the fleet an agent is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentJoin {
    /// It was never heard.
    Unknown,
    /// None: it is told under its own name.
    None,
    /// This one.
    Host(HostId, String),
    /// It cannot be told, or another speaks for it; nothing of host and VMs is told.
    Unclear(String),
}

/// An agent, or this server's own machine.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentView {
    /// Its name here.
    pub name: String,
    /// Whether it is no agent but the server itself.
    pub is_own: bool,
    /// Where it is.
    pub address: String,
    /// Whether it is heard.
    pub state: AgentState,
    /// Why it is not.
    pub reason: Option<String>,
    /// What the machine calls itself.
    pub machine: Option<String>,
    /// Which host that is.
    pub join: AgentJoin,
    /// Its version.
    pub version: Option<String>,
    /// When it started, by its machine's clock.
    pub started_at: Option<Timestamp>,
    /// When it was last heard.
    pub heard_at: Option<Timestamp>,
    /// How long ago that was.
    pub age: Option<Duration>,
    /// By how much its clock is ahead of the server's, in seconds.
    pub clock_ahead_seconds: Option<f64>,
    /// The time from one question to the next now.
    pub interval: Duration,
    /// How whom it asks answers.
    pub sources: Vec<AgentSource>,
    /// What it said and was left out, since it was configured.
    pub left_out: BTreeMap<LeftOut, u64>,
}

/// One kind of pass that an agent makes.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentSource {
    /// Whom it asks.
    pub asked: Asked,
    /// For what.
    pub pass: Cost,
    /// How long ago one last succeeded.
    pub age: Option<Duration>,
    /// The time from one to the next.
    pub interval: Duration,
    /// Why the last failed, if it did.
    pub failure: Option<String>,
}

impl AgentView {
    /// The fields that lists of agents can be filtered and sorted by.
    pub const FIELDS: &'static [Field] =
        &[Field::text("name"), Field::text("state"), Field::text("host")];

    /// The host's name: the fleet's, or the one that it has for itself.
    pub fn host_name(&self) -> Option<&str> {
        match &self.join {
            AgentJoin::Host(_, name) => Some(name),
            _ => self.machine.as_deref(),
        }
    }
}

impl Row for AgentView {
    fn id(&self) -> String {
        self.name.clone()
    }

    fn value(&self, field: &str) -> Value<'_> {
        match field {
            "name" => self.name.as_str().into(),
            "state" => self.state.as_str().into(),
            "host" => self.host_name().unwrap_or_default().into(),
            _ => Value::Absent,
        }
    }

    fn contains(&self, needle: &str) -> bool {
        self.name.to_lowercase().contains(needle)
            || self.host_name().is_some_and(|name| name.to_lowercase().contains(needle))
    }
}

/// A machine that is no host of the fleet, and is told all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineView {
    /// The agent's name, which takes the provider's place.
    pub agent: String,
    /// What the machine calls itself.
    pub host: String,
}

impl MachineView {
    /// Its labels, those of a host.
    pub fn metric_labels(&self) -> Vec<OwnerLabel<'_>> {
        vec![("host", self.host.as_str()), ("provider", self.agent.as_str())]
    }
}

/// All of them, by name.
pub(in crate::collect) fn all(engine: &Arc<Inner>) -> Vec<AgentView> {
    let snapshot = engine.fleet.snapshot();
    let joined = engine.machines.joined(&snapshot);
    let now = Instant::now();
    let machines = engine.machines.read().machines.clone();
    let views = machines.iter().map(|(key, watched)| view(engine, &joined, now, *key, watched));
    let mut views: Vec<AgentView> = views.collect();
    views.sort_by(|a, b| a.name.cmp(&b.name));
    views
}

fn view(
    engine: &Inner,
    joined: &Joined,
    now: Instant,
    key: MachineKey,
    watched: &Watched,
) -> AgentView {
    let heard = watched.identity.as_ref();
    let state = match (&watched.error, heard) {
        (Some(error), _) => AgentState::Trouble(error.trouble),
        (None, None) => AgentState::Connecting,
        (None, Some(_)) => AgentState::Ok,
    };
    let join = match joined.places.get(&key).map(|(_, place)| place) {
        None | Some(Place::Unheard) => AgentJoin::Unknown,
        Some(Place::Alone) => AgentJoin::None,
        Some(Place::Unclear(why) | Place::Taken(why)) => AgentJoin::Unclear(why.clone()),
        Some(Place::Hosts(hosts)) => match hosts.first() {
            Some(host) => AgentJoin::Host(host.id, host.name.clone()),
            None => AgentJoin::None,
        },
    };
    AgentView {
        name: watched.settings.name.clone(),
        is_own: watched.is_own,
        address: watched.settings.address.clone(),
        state,
        reason: watched.error.as_ref().map(|error| error.message.clone()).or_else(|| {
            let why = "it is not asked: measuring is switched off (metrics.enabled)";
            engine.collect.is_none().then(|| why.to_owned())
        }),
        machine: heard.map(|heard| heard.machine.name.clone()),
        join,
        version: heard.map(|heard| heard.version.clone()),
        started_at: heard.map(|heard| heard.started_at),
        heard_at: heard.map(|heard| heard.at),
        age: heard.map(|heard| now.saturating_duration_since(heard.arrived)),
        clock_ahead_seconds: heard.map(|heard| heard.ahead_seconds),
        interval: watched.interval,
        sources: sources(engine, now, key, watched),
        left_out: watched.left_out.clone(),
    }
}

fn sources(engine: &Inner, now: Instant, key: MachineKey, watched: &Watched) -> Vec<AgentSource> {
    let held = engine.figures.read();
    let mut sources = Vec::new();
    for asked in &watched.asked {
        let Some(of) = held.get(&Origin::Machine(key, *asked)) else { continue };
        sources.extend(of.passes.iter().map(|(pass, note)| AgentSource {
            asked: *asked,
            pass: *pass,
            age: note.succeeded.map(|at| now.saturating_duration_since(at)),
            interval: note.interval,
            failure: note.failure.clone(),
        }));
    }
    sources
}
