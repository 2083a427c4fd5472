//! Where what was measured is sent to, and how that goes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::endpoint;
use crate::value::Time;
use crate::{ListQuery, Page};

endpoint! {
    /// List where the history is sent to, and how that goes.
    ///
    /// Outputs are configured by `[[history.outputs]]`. Counts are since the server started;
    /// what waits, waits on the disk and survives restarts. Sorts and filters by `name`, `kind`,
    /// `state`.
    OutputList {
        id: "output_list", tag: "metrics", GET "/api/v1/outputs",
        needs: MetricsRead,
        query: ListQuery,
        reply: Json Page<OutputStatus>,
        errors: [QueryInvalid, CursorInvalid],
    }
}

/// A place that the history is sent to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OutputStatus {
    /// Its name.
    pub name: String,
    /// `remote_write`, `influx1`, `influx2` or `postgres`.
    pub kind: String,
    /// The server it is on, without path and credentials.
    pub target: String,
    /// `untried` before anything was sent; `ok` when what was sent last arrived or was refused
    /// for good; `failing` when it failed and is tried again.
    pub state: String,
    /// Why it is failing, or why nothing can be put into its queue.
    pub reason: Option<String>,
    /// Since when it is failing.
    pub failing_since: Option<Time>,
    /// When the next try begins.
    pub next_try_at: Option<Time>,
    /// When something last arrived there, since the server started.
    pub sent_at: Option<Time>,
    /// What waits.
    pub waiting: OutputWaiting,
    /// Samples that arrived.
    pub sent: u64,
    /// Tries (not samples) that failed and were made again.
    pub failed_tries: u64,
    /// Samples that will not arrive.
    pub dropped: OutputDropped,
    /// The latest samples that it refused for good.
    pub last_refusal: Option<OutputRefused>,
}

/// What waits for an output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OutputWaiting {
    /// Samples, with those being sent.
    pub samples: u64,
    /// The room they take on the disk, in bytes.
    pub bytes: u64,
    /// When the oldest of them was measured; null where none waits.
    pub oldest_at: Option<Time>,
    /// How long ago that was, in seconds.
    pub oldest_age_seconds: Option<f64>,
}

/// Samples that will not arrive, by reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutputDropped {
    /// More waited than there is room for; the oldest went first.
    pub full: u64,
    /// They waited too long.
    pub old: u64,
    /// The disk did not take them.
    pub disk: u64,
    /// The output will never take them; see `last_refusal`.
    pub refused: u64,
    /// Its protocol cannot tell them, infinite values for example.
    pub unsupported: u64,
}

/// Samples that an output refused for good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OutputRefused {
    /// When.
    pub at: Time,
    /// Why, in its words.
    pub reason: String,
    /// How many were refused together.
    pub samples: u64,
}
