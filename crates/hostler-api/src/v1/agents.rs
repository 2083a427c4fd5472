//! Agents: programs on machines that measure them from within, and this server's own
//! machine, which needs none.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Measured, endpoint};
use crate::value::{Ref, Time};
use crate::{ListQuery, Page};

endpoint! {
    /// List agents.
    ///
    /// Those that are configured, and the server itself as `hostlerd` where it measures its own
    /// machine. Sorts and filters by `name`, `state`, `host`.
    AgentList {
        id: "agent_list", tag: "agents", GET "/api/v1/agents",
        needs: InfraRead,
        query: ListQuery,
        reply: Json Page<Agent>,
        errors: [QueryInvalid, CursorInvalid],
    }
}

endpoint! {
    /// Show what an agent last measured of its machine.
    ///
    /// Also where the machine is no host of a provider. Where it is one, the same values are
    /// among those of the host.
    AgentMetrics {
        id: "agent_metrics", tag: "agents", GET "/api/v1/agents/{agent}/metrics",
        needs: MetricsRead,
        path: AgentPath,
        reply: Json Measured,
        errors: [AgentNotFound],
    }
}

/// Names an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AgentPath {
    /// Its name.
    pub agent: String,
}

/// An agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Agent {
    /// Its name in the server's configuration; `hostlerd` for the server itself.
    pub name: String,
    /// `agent`, or `own` for the server's own machine.
    pub kind: String,
    /// Where it is asked.
    pub address: String,
    /// `connecting` (not asked yet), `ok`, `unreachable` (nobody answers), `untrusted` (its
    /// certificate), `refused` (our token), `incompatible` (older or newer than the server
    /// understands), `invalid` (what it says makes no sense) or `misconfigured` (it cannot be
    /// asked with what is configured).
    pub state: String,
    /// Why it is not ok, and what to do.
    pub reason: Option<String>,
    /// What its machine calls itself; null until it was heard.
    pub machine: Option<String>,
    /// The host that the machine is.
    pub host: Option<Ref>,
    /// `host`; `alone` when no provider has such a host, so that it is told by itself;
    /// `unclear` when that cannot be told, so that nothing of host and VMs is; `unknown`.
    pub joined: String,
    /// Why it is unclear, and what to do.
    pub joined_reason: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// When it started, by its machine's clock.
    pub started_at: Option<Time>,
    /// When it was last heard.
    pub heard_at: Option<Time>,
    /// How long ago that was, in seconds.
    pub age_seconds: Option<f64>,
    /// By how much its machine's clock is ahead of the server's, in seconds.
    pub clock_ahead_seconds: Option<f64>,
    /// The time from one question to the next, in seconds.
    pub interval_seconds: f64,
    /// How whom it asks answers.
    pub sources: Vec<AgentSource>,
    /// How much of what it said was left out, by reason: `too_many`, `invalid`, `twice`,
    /// `not_its_own`, `unknown`.
    pub left_out: BTreeMap<String, u64>,
}

/// One kind of pass that an agent makes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentSource {
    /// Whom it asks: `kernel`, `docker`, `podman`, `hypervisor`, `launchers`.
    pub source: String,
    /// For what: `state`, `stats`, `job`, `guest`.
    pub pass: String,
    /// How long ago that last succeeded, in seconds; null when it never did.
    pub age_seconds: Option<f64>,
    /// The time from one to the next, in seconds.
    pub interval_seconds: f64,
    /// Why the last failed.
    pub failure: Option<String>,
}
