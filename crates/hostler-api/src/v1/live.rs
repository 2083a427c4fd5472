//! The live stream: what is measured and what happens, as it comes, for as many as
//! look. Nothing of it is kept: what was missed is told as missed, and read elsewhere.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Event, endpoint};
use crate::value::Time;

/// The version of the frames' shape; fields are added without a new one.
pub const LIVE_SCHEMA: u32 = 1;
/// The most topics in one message.
pub const LIVE_TOPICS_MAX: usize = 16;
/// The most ids, and the most projects, that a selection names.
pub const LIVE_ONLY_MAX: usize = 1024;

endpoint! {
    /// Follow what is live (server-sent events).
    ///
    /// Each message is a frame. `topics` has to be given and cannot be changed later; the
    /// WebSocket can. A `ping` comes every 30 seconds, `resync` where frames were lost.
    LiveStream {
        id: "live_stream", tag: "live", GET "/api/v1/live",
        needs: Authenticated,
        query: LiveQuery,
        reply: EventStream LiveFrame,
        errors: [QueryInvalid, PermissionDenied],
    }
}

endpoint! {
    /// Follow what is live (WebSocket).
    ///
    /// The same frames, one JSON text message each. What is wanted is said in the query or
    /// by messages, at any time: `{"type":"subscribe","data":{"topics":["vm:metrics"]}}`,
    /// `{"type":"unsubscribe","data":{"topics":[…]}}`, or `{"topics":[…]}` in place of all
    /// before. Subprotocol `hostler.live.v1`.
    LiveSocket {
        id: "live_socket", tag: "live", GET "/api/v1/live/socket",
        needs: Authenticated,
        query: LiveQuery,
        reply: WebSocket LiveFrame,
        errors: [QueryInvalid, PermissionDenied, OriginDenied],
    }
}

/// What is wanted from the beginning; lists are separated by commas.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LiveQuery {
    /// `vm:metrics`, `node:metrics`, `vm:status`, `vm:events`, `operations`, `alerts`,
    /// `migrations`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topics: Option<String>,
    /// Only what is of the things with these ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<String>,
    /// Only what is of things in these projects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projects: Option<String>,
}

/// What can be followed.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum LiveTopic {
    /// Figures of hosts, as often as they are measured.
    #[serde(rename = "node:metrics")]
    NodeMetrics,
    /// Figures of VMs, as often as they are measured.
    #[serde(rename = "vm:metrics")]
    VmMetrics,
    /// VMs that changed state.
    #[serde(rename = "vm:status")]
    VmStatus,
    /// Whatever else happened to VMs: made, found, changed, lost, deleted.
    #[serde(rename = "vm:events")]
    VmEvents,
    /// Operations that moved.
    #[serde(rename = "operations")]
    Operations,
    /// Alerts that began, changed, ended.
    #[serde(rename = "alerts")]
    Alerts,
    /// Migrations: what happened to them, and how far the jobs of VMs are.
    #[serde(rename = "migrations")]
    Migrations,
}

impl LiveTopic {
    /// Every topic.
    pub const ALL: &'static [Self] = &[
        Self::NodeMetrics,
        Self::VmMetrics,
        Self::VmStatus,
        Self::VmEvents,
        Self::Operations,
        Self::Alerts,
        Self::Migrations,
    ];

    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NodeMetrics => "node:metrics",
            Self::VmMetrics => "vm:metrics",
            Self::VmStatus => "vm:status",
            Self::VmEvents => "vm:events",
            Self::Operations => "operations",
            Self::Alerts => "alerts",
            Self::Migrations => "migrations",
        }
    }

    /// The topic of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|topic| topic.as_str() == name)
    }
}

/// What a client wants, or no longer wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LiveRequest {
    /// These topics, besides those it has; a topic it has is selected anew.
    Subscribe(LiveSelection),
    /// These no longer. Those it does not have change nothing.
    Unsubscribe(Vec<LiveTopic>),
    /// These in place of all others.
    Replace(LiveSelection),
}

/// Topics, and what is wanted of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LiveSelection {
    /// Which; each once, in order.
    pub topics: Vec<LiveTopic>,
    /// Only what is of the things with these ids; of all where it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only: Option<Vec<String>>,
    /// Only what is of things in these projects. What is in no project, a host for
    /// example, is in none of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub projects: Option<Vec<String>>,
}

/// A selection as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Selected {
    topics: Vec<String>,
    #[serde(default)]
    only: Option<Vec<String>>,
    #[serde(default)]
    projects: Option<Vec<String>>,
}

/// A message with its kind.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    #[serde(rename = "type")]
    kind: String,
    data: Selected,
}

impl LiveRequest {
    /// Reads a client's message; fails with what is wrong with it, as one line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let value: serde_json::Value = serde_json::from_str(text)
            .map_err(|error| format!("the message is no JSON: {error}"))?;
        let shape = |error: serde_json::Error| format!("the message has another shape: {error}");
        if value.get("type").is_none() {
            let selected: Selected = serde_json::from_value(value).map_err(shape)?;
            return selected.check().map(Self::Replace);
        }
        let message: Message = serde_json::from_value(value).map_err(shape)?;
        match message.kind.as_str() {
            "subscribe" => message.data.check().map(Self::Subscribe),
            "unsubscribe" if message.data.only.is_some() || message.data.projects.is_some() => {
                Err("`unsubscribe` takes topics only; subscribe again to select less".into())
            }
            "unsubscribe" => Ok(Self::Unsubscribe(topics(&message.data.topics)?)),
            other => Err(format!(
                "there is no message of type {:?}; there are `subscribe` and `unsubscribe`",
                other.chars().take(64).collect::<String>(),
            )),
        }
    }
}

impl Selected {
    fn check(self) -> Result<LiveSelection, String> {
        let topics = topics(&self.topics)?;
        for (name, list) in [("only", &self.only), ("projects", &self.projects)] {
            let count = list.as_ref().map_or(0, Vec::len);
            if count > LIVE_ONLY_MAX {
                return Err(format!("`{name}` names {count} things; {LIVE_ONLY_MAX} are allowed"));
            }
        }
        Ok(LiveSelection { topics, only: self.only, projects: self.projects })
    }
}

fn topics(names: &[String]) -> Result<Vec<LiveTopic>, String> {
    if names.len() > LIVE_TOPICS_MAX {
        return Err(format!("{} topics are named; {LIVE_TOPICS_MAX} are allowed", names.len()));
    }
    let mut found = Vec::new();
    for name in names {
        let Some(topic) = LiveTopic::parse(name) else {
            let known: Vec<_> = LiveTopic::ALL.iter().map(|topic| topic.as_str()).collect();
            let name: String = name.chars().take(64).collect();
            return Err(format!("there is no topic {name:?}; there are {}", known.join(", ")));
        };
        found.push(topic);
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

impl LiveQuery {
    /// What is wanted from the beginning; `None` where no topic is named.
    pub fn selection(&self) -> Result<Option<LiveSelection>, String> {
        let list = |text: &String| -> Vec<String> {
            let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
            words.map(str::to_owned).collect()
        };
        let names = self.topics.as_ref().map(list).unwrap_or_default();
        let (only, projects) = (self.only.as_ref().map(list), self.projects.as_ref().map(list));
        if names.is_empty() {
            return match (only, projects) {
                (None, None) => Ok(None),
                _ => Err("`only` and `projects` select of topics; name those, too".into()),
            };
        }
        Selected { topics: names, only, projects }.check().map(Some)
    }
}

/// What the server says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LiveFrame {
    /// What it is, and its content.
    #[serde(flatten)]
    pub told: LiveTold,
    /// Grows by one with each frame that this server makes for anybody; so whoever follows
    /// a part sees gaps that are none. For `subscribed`, `ping`, `resync` and `error`: all up
    /// to this one has been told on this connection, or told as lost.
    pub seq: u64,
    /// When it was made.
    pub ts: Time,
    /// The version of its shape.
    pub schema: u32,
}

/// The content of a frame, by its `type`. New ones come: leave out those you do not know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum LiveTold {
    /// Topic `vm:metrics`.
    VmMetrics(LiveVms),
    /// Topic `node:metrics`.
    NodeMetrics(LiveNodes),
    /// Topic `migrations`: how far jobs of VMs are.
    MigrationProgress(LiveJobs),
    /// Topic `migrations`: what happened.
    Migration(Event),
    /// Topic `vm:status`.
    VmStatus(Event),
    /// Topic `vm:events`.
    VmEvent(Event),
    /// Topic `operations`.
    Operation(Event),
    /// Topic `alerts`.
    Alert(Event),
    /// Which topics come from now on.
    Subscribed(LiveSubscribed),
    /// Nothing: the connection is alive.
    Ping(LivePing),
    /// Frames were lost, since you read more slowly than they came: read the lists again.
    Resync(LiveLost),
    /// A message of yours was refused; nothing has changed by it.
    Error(LiveError),
}

/// Figures of VMs of one provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LiveVms {
    /// The provider's name.
    pub provider: String,
    /// The pass that has just ended: `state`, `stats` or `guest`. What the others measured
    /// is told beside it.
    pub pass: String,
    /// Those that are measured; in several frames where they are many.
    pub vms: Vec<LiveVm>,
}

/// Figures of a VM. What was not measured, or too long ago, is null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LiveVm {
    /// Its id.
    pub vm_id: String,
    /// Its name.
    pub name: String,
    /// Its project; null for VMs that are only observed.
    pub project: Option<String>,
    /// Its host's name.
    pub host: Option<String>,
    /// Whether it is made up, because it belongs to a demo.
    pub simulated: bool,
    /// `ok`; `partial` when a part is old or missing; `stale` when all of it is; `unavailable`
    /// when there is nothing.
    pub quality: String,
    /// Why it is not ok.
    pub reason: Option<String>,
    /// How long ago the oldest part of it arrived, in seconds.
    pub age_seconds: Option<f64>,
    /// Processor time taken, over the time that passed and the processors it has: 0 to 1.
    pub cpu_usage_ratio: Option<f64>,
    /// What it occupies in its host's memory.
    pub memory_host_resident_bytes: Option<f64>,
    /// What the balloon leaves it.
    pub memory_balloon_bytes: Option<f64>,
    /// The share of its memory that the guest uses, by the guest's own fresh word.
    pub memory_guest_used_ratio: Option<f64>,
    /// Read from all its disks.
    pub disk_read_bytes_per_second: Option<f64>,
    /// Written to all its disks.
    pub disk_written_bytes_per_second: Option<f64>,
    /// Requests to read.
    pub disk_reads_per_second: Option<f64>,
    /// Requests to write.
    pub disk_writes_per_second: Option<f64>,
    /// Received by all its interfaces.
    pub network_received_bytes_per_second: Option<f64>,
    /// Sent by all its interfaces.
    pub network_sent_bytes_per_second: Option<f64>,
}

/// Figures of hosts of one provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LiveNodes {
    /// The provider's name.
    pub provider: String,
    /// The pass that has just ended.
    pub pass: String,
    /// Those that are measured.
    pub nodes: Vec<LiveNode>,
}

/// Figures of a host. What was not measured, or too long ago, is null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LiveNode {
    /// Its id.
    pub node_id: String,
    /// Its name.
    pub name: String,
    /// Whether it is made up, because it belongs to a demo.
    pub simulated: bool,
    /// As of a VM.
    pub quality: String,
    /// Why it is not ok.
    pub reason: Option<String>,
    /// How long ago the oldest part of it arrived, in seconds.
    pub age_seconds: Option<f64>,
    /// The share of the time in which its processors were not idle: 0 to 1.
    pub cpu_usage_ratio: Option<f64>,
    /// Its memory.
    pub memory_total_bytes: Option<f64>,
    /// What of it can still be used without swapping.
    pub memory_available_bytes: Option<f64>,
    /// Load average over 1 minute.
    pub load_1m: Option<f64>,
    /// Over 5 minutes.
    pub load_5m: Option<f64>,
    /// Over 15 minutes.
    pub load_15m: Option<f64>,
}

/// How far jobs of VMs of one provider are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LiveJobs {
    /// The provider's name.
    pub provider: String,
    /// The VMs that have one.
    pub vms: Vec<LiveJob>,
}

/// How far a VM's job is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LiveJob {
    /// The VM's id.
    pub vm_id: String,
    /// Its name.
    pub name: String,
    /// Whether it is made up, because it belongs to a demo.
    pub simulated: bool,
    /// What the job does, in the hypervisor's word.
    pub operation: String,
    /// How long it has run.
    pub elapsed_seconds: Option<f64>,
    /// How long the hypervisor thinks it will still run.
    pub remaining_seconds: Option<f64>,
    /// What it has to carry, by part: `memory`, `disk`, `data`.
    pub total_bytes: BTreeMap<String, f64>,
    /// What it has carried.
    pub processed_bytes: BTreeMap<String, f64>,
    /// What it still has to carry.
    pub left_bytes: BTreeMap<String, f64>,
    /// How long the guest stands still for it.
    pub downtime_seconds: Option<f64>,
}

/// What a connection follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LiveSubscribed {
    /// All its topics.
    pub topics: Vec<LiveTopic>,
}

/// Nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LivePing {}

/// What was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LiveLost {
    /// The number of the first frame that was lost, of whatever topic.
    pub from: u64,
    /// And of the last.
    pub to: u64,
}

/// Why a message was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LiveError {
    /// A code of the list of errors, for example `query_invalid`.
    pub code: String,
    /// One line for people.
    pub message: String,
}

#[cfg(test)]
mod tests;
