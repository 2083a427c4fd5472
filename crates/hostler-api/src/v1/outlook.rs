//! What will be of things, as far as their history says: time to full, trends, forecasts,
//! what is unusual, and sizes. Where the data does not carry an answer there is none, and
//! `missing` says why.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HostPath, PoolPath, VmPath, endpoint};
use crate::value::{Ref, Time};

endpoint! {
    /// Show what will be of a VM, as far as its history says.
    ///
    /// Computed from the history when asked. Each resource has a trend, the time until it is
    /// full, a forecast with its errors on the past, and what is unusual; whatever the data does
    /// not carry is null, and named in `missing` with what there is and what is needed.
    VmOutlook {
        id: "vm_outlook", tag: "metrics", GET "/api/v1/vms/{vm}/outlook",
        needs: MetricsRead,
        path: VmPath,
        query: OutlookTerms,
        reply: Json Outlook,
        errors: [IdInvalid, VmNotFound, QueryInvalid, LimitExceeded, CapabilityMissing],
    }
}

endpoint! {
    /// Show what will be of a host, as far as its history says.
    HostOutlook {
        id: "host_outlook", tag: "metrics", GET "/api/v1/hosts/{host}/outlook",
        needs: MetricsRead,
        path: HostPath,
        query: OutlookTerms,
        reply: Json Outlook,
        errors: [IdInvalid, HostNotFound, QueryInvalid, LimitExceeded, CapabilityMissing],
    }
}

endpoint! {
    /// Show what will be of a storage pool, as far as its history says.
    PoolOutlook {
        id: "pool_outlook", tag: "metrics", GET "/api/v1/pools/{pool}/outlook",
        needs: MetricsRead,
        path: PoolPath,
        query: OutlookTerms,
        reply: Json Outlook,
        errors: [IdInvalid, PoolNotFound, QueryInvalid, LimitExceeded, CapabilityMissing],
    }
}

/// How far ahead.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutlookTerms {
    /// How far ahead, in seconds: from 3600 (an hour) to 7776000 (90 days); a week when not
    /// given. The further ahead, the further back it has to look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub horizon_seconds: Option<u32>,
}

/// What will be of something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Outlook {
    /// Of what.
    pub of: Ref,
    /// Whether it is made up, because it belongs to a demo.
    pub simulated: bool,
    /// When it was computed.
    pub computed_at: Time,
    /// How far ahead it looks, in seconds.
    pub horizon_seconds: u32,
    /// Each thing that is used up or kept busy.
    pub resources: Vec<OutlookResource>,
    /// How many series are not in it, since there are too many.
    pub left_out: u32,
    /// Whether it has the right size; of VMs only.
    pub sizing: Vec<OutlookSize>,
}

/// What will be of one resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OutlookResource {
    /// VMs: `cpu`, `cpu_delay`, `memory`, `filesystem`, `disk_read`, `disk_written`,
    /// `network_received`, `network_sent`. Hosts: `cpu`, `memory`, `memory_assigned`,
    /// `vcpus_assigned`, `pressure_cpu`, `pressure_memory`, `pressure_io`. Pools: `pool`.
    pub resource: String,
    /// Which of several, for example the mount point.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// What its values are counted in: `ratio` (of 1), `bytes`, `bytes_per_second`, `count`.
    pub unit: String,
    /// The PromQL that its values are from, for `/api/v1/metrics/query`.
    pub query: String,
    /// The mean of the last quarter of an hour; null when nothing was measured then.
    pub recent: Option<f64>,
    /// What it is full at; null where it never is or that is not known.
    pub limit: Option<f64>,
    /// What was looked back at.
    pub history: OutlookHistory,
    /// Where it tends.
    pub trend: Option<OutlookTrend>,
    /// When it is full; null also where it has no limit, and then not in `missing`.
    pub time_to_full: Option<TimeToFull>,
    /// What is expected up to the horizon.
    pub forecast: Option<OutlookForecast>,
    /// What is unusual now.
    pub anomalies: Vec<Anomaly>,
    /// What of all this there is no answer to, and why.
    pub missing: Vec<OutlookMissing>,
}

/// What was looked back at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutlookHistory {
    /// How many values there are, each the mean of a step.
    pub values: u32,
    /// From when on.
    pub since: Option<Time>,
    /// Until when.
    pub until: Option<Time>,
    /// From one value to the next, in seconds.
    pub step_seconds: u32,
    /// The longest time that was summed up to one value before it was asked, in seconds; null
    /// where all is from samples as they were measured.
    pub resolution_seconds: Option<u32>,
}

/// Where something tends: a line through what there was, by medians.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OutlookTrend {
    /// How much it rises in a day.
    pub per_day: f64,
    /// The least that it rises, 95 times of 100.
    pub per_day_low: f64,
    /// The most that it rises, 95 times of 100.
    pub per_day_high: f64,
    /// How far values usually are from the line.
    pub spread: f64,
    /// How far back it looked, in seconds.
    pub looked_back_seconds: u32,
}

/// When something is full, if it goes on along its line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimeToFull {
    /// `full` already, `filling`, or `not_within_horizon`.
    pub state: String,
    /// Hardly before; null unless it is filling.
    pub earliest: Option<Time>,
    /// Most likely; null unless it is filling.
    pub likely: Option<Time>,
    /// Hardly after; null also where it may as well not be full within the horizon.
    pub latest: Option<Time>,
    /// How good such lines were on the past; null where that could not be tried.
    pub back_test: Option<TrendTest>,
}

/// How good lines were on the past.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrendTest {
    /// From how many points of the past it was tried.
    pub trials: u32,
    /// How far ahead of these, in seconds.
    pub ahead_seconds: u32,
    /// How far the line was off there, on average.
    pub mean_error: f64,
    /// How far off it was to say that all stays as it is.
    pub naive_error: f64,
}

/// What is expected up to the horizon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OutlookForecast {
    /// What was best on the past: `line`, `day_ago`, `day` (the usual day on a line),
    /// `week_ago` or `week`.
    pub model: String,
    /// The last step's end.
    pub at: Time,
    /// What is expected in it.
    pub value: f64,
    /// The least that is expected in it.
    pub low: f64,
    /// The most that is expected in it.
    pub high: f64,
    /// Steps from now to then, at most 100 of them: milliseconds since 1970 at the end of the
    /// step, what is expected, the least, the most.
    pub steps: Vec<(i64, f64, f64, f64)>,
    /// How good that was on the past.
    pub back_test: ForecastTest,
}

/// How good a forecast was on the past, from points at which what came then is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ForecastTest {
    /// From how many points.
    pub trials: u32,
    /// How far it was off, on average.
    pub mean_error: f64,
    /// The same as a share of the values; null where some are 0 or nearly so.
    pub mean_share: Option<f64>,
    /// How often low and high held, from 0 to 1.
    pub held: f64,
    /// How often they are made to hold.
    pub held_wanted: f64,
    /// How far off it was to say that all stays as it is.
    pub naive_error: f64,
}

/// Something unusual.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Anomaly {
    /// `hour_of_day` (other than at this hour of other days) or `level` (it changed, and stayed).
    pub kind: String,
    /// What was seen: the last value, or the new level.
    pub seen: f64,
    /// The least that was to be expected.
    pub expected_low: f64,
    /// The most that was to be expected.
    pub expected_high: f64,
    /// Since when.
    pub since: Time,
    /// How many usual distances it is away.
    pub distance: f64,
    /// The reason, in words and figures.
    pub reason: String,
}

/// An answer that there is not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OutlookMissing {
    /// Of what: `trend`, `time_to_full`, `back_test` (of the time to full), `forecast`,
    /// `anomalies.hour_of_day`, `anomalies.level`, `sizing`.
    pub of: String,
    /// `not_enough_data`; `scattered` (too much to say either way), `turned` (the newest
    /// values have left their line), `constant`, `no_model` (on the past nothing was better than
    /// to expect no change); `not_measured`, `stale`, `returned` (measured again after a pause, and
    /// too little since), `no_limit` or `not_read`.
    pub why: String,
    /// How much there is, in `unit`; the error on the past where it is `no_model`.
    pub have: Option<f64>,
    /// How much is needed; the error of expecting no change where it is `no_model`.
    pub need: Option<f64>,
    /// `values`, `seconds`, `ratio` (of the steps), or null where it is that of the resource.
    pub unit: Option<String>,
    /// The same in words.
    pub reason: String,
}

/// Whether something has the right size. A hint: who runs the VM knows what it is for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OutlookSize {
    /// Of what: `cpu_count` or `memory_bytes`.
    pub of: String,
    /// What it has now; null when that was not measured just now.
    pub has: Option<u64>,
    /// `fits`, `change`, `host_short` (it waits for the host; more would wait as well) or `unknown`.
    pub verdict: String,
    /// What would fit, where it is another.
    pub suggested: Option<u64>,
    /// Why, in words and figures; null where it fits.
    pub reason: Option<String>,
    /// What that goes by.
    pub figures: Vec<SizeFigure>,
    /// Why it is not known.
    pub missing: Option<OutlookMissing>,
}

/// A figure that a size goes by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SizeFigure {
    /// `cpu_usage`, `cpu_delay`, `memory_used`, `swap_in` or `major_faults`.
    pub name: String,
    /// `ratio`, `bytes`, `bytes_per_second` or `count_per_second`.
    pub unit: String,
    /// What 95 % of the values are no more than.
    pub p95: f64,
    /// What 99 % of them are no more than.
    pub p99: f64,
    /// How many values there are, each the mean of a step.
    pub values: u32,
    /// From one to the next, in seconds.
    pub step_seconds: u32,
    /// How far back they reach, in seconds.
    pub looked_back_seconds: u32,
}
