//! What was measured last. For scrapers there is `/metrics`, with the same values.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HostPath, VmPath, endpoint};
use crate::value::{Ref, Time};

endpoint! {
    /// Show what was last measured of a VM.
    ///
    /// Each kind of pass over its provider tells its age. Nothing is carried forward: what was
    /// never measured, or too long ago, is not there.
    VmMetrics {
        id: "vm_metrics", tag: "metrics", GET "/api/v1/vms/{vm}/metrics",
        needs: MetricsRead,
        path: VmPath,
        reply: Json Measured,
        errors: [IdInvalid, VmNotFound],
    }
}

endpoint! {
    /// Show what was last measured of a host.
    HostMetrics {
        id: "host_metrics", tag: "metrics", GET "/api/v1/hosts/{host}/metrics",
        needs: MetricsRead,
        path: HostPath,
        reply: Json Measured,
        errors: [IdInvalid, HostNotFound],
    }
}

/// What was last measured of something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Measured {
    /// Of what.
    pub of: Ref,
    /// Whether it is made up, because it belongs to a demo.
    pub simulated: bool,
    /// The newest of each kind of pass; none where it is not measured.
    pub passes: Vec<MeasuredPass>,
}

/// What one kind of pass measured last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MeasuredPass {
    /// `state`, `stats`, `job` or `guest`, from the cheapest to the dearest.
    pub pass: String,
    /// Who made it. Where several measured the same, its metrics are told of one of them.
    pub by: MeasuredBy,
    /// `ok`; `stale` when the latest pass has none of it or it is old; `unavailable` when
    /// there is nothing.
    pub quality: String,
    /// Why it is not ok.
    pub reason: Option<String>,
    /// When it was read, as the provider says.
    pub observed_at: Option<Time>,
    /// How long ago it arrived, in seconds.
    pub age_seconds: Option<f64>,
    /// The values.
    pub figures: Vec<Figure>,
}

/// Who measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MeasuredBy {
    /// `provider`, `agent`, or `own` for the server itself.
    pub kind: String,
    /// The provider's or agent's name.
    pub name: String,
}

/// A value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Figure {
    /// Its metric, as in `/metrics`; the unit is in the name.
    pub metric: String,
    /// The metric's own labels, for example the device.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: f64,
    /// What a counter grew by in a second since the pass before; null for others, and
    /// where there was nothing to compare with.
    pub per_second: Option<f64>,
}

endpoint! {
    /// Ask the history of what was measured, in PromQL.
    ///
    /// At one time (`at`, or now), or from `start` to `end` by `step_seconds`. The subset that is
    /// understood answers as Prometheus 2 does; what is not supported is refused by name.
    MetricsQuery {
        id: "metrics_query", tag: "metrics", GET "/api/v1/metrics/query",
        needs: MetricsRead,
        query: MetricsQueryTerms,
        reply: Json MetricsAnswer,
        errors: [QueryInvalid, LimitExceeded, CapabilityMissing],
    }
}

/// What is asked, and of when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricsQueryTerms {
    /// PromQL, for example `rate(hostler_vm_disk_read_bytes_total[5m])`.
    pub query: String,
    /// One time; now when nothing is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
    /// The first of several times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Time>,
    /// The last of them; now when only `start` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Time>,
    /// From one to the next, in seconds; so that there are at most 250 when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_seconds: Option<u32>,
}

/// What the history answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricsAnswer {
    /// `scalar`, `string`, `vector` (a value each), or `matrix` (values over time).
    pub kind: String,
    /// From one time to the next, in seconds; null at one time.
    pub step_seconds: Option<u32>,
    /// The longest time that was summed up to one value before the query was asked, in
    /// seconds; null where the answer is from samples as they were measured.
    #[serde(default)]
    pub resolution_seconds: Option<u32>,
    /// What whoever reads the answer has to know, for people: for example that samples of
    /// a part of the time are not kept any more.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// The series; a scalar is one without labels.
    pub series: Vec<AnsweredSeries>,
    /// The text, where it is one.
    pub text: Option<String>,
}

/// A series of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AnsweredSeries {
    /// Its labels; `__name__` is its name, where it still has one.
    pub labels: BTreeMap<String, String>,
    /// Its values, oldest first: milliseconds since 1970, and the value, null where it is
    /// none that JSON has (NaN, infinite). What is missing is missing.
    pub samples: Vec<(i64, Option<f64>)>,
}
