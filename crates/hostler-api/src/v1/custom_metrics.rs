//! Metrics that users measure themselves and push.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::endpoint;
use crate::value::{Ref, Time};
use crate::{ListQuery, Page};

endpoint! {
    /// List the series that are pushed, with their newest values.
    ///
    /// One that was not pushed for `metrics.custom.ttl_seconds` is `stale`: it is not on `/metrics`
    /// any more and has ended in the history. After twice that time it is not listed. Sorts and
    /// filters by `name`, `kind`, `vm`, `host`, `quality`, `pushed_by`.
    CustomMetricList {
        id: "custom_metric_list", tag: "metrics", GET "/api/v1/metrics/custom",
        needs: MetricsRead,
        query: ListQuery,
        reply: Json Page<CustomSeries>,
        errors: [QueryInvalid, CursorInvalid],
    }
}

endpoint! {
    /// Push samples of one's own.
    ///
    /// All of them are taken or none; when this is answered they are in the history, where one is
    /// kept. A token with the role `pusher` is enough, and may do nothing else.
    CustomMetricPush {
        id: "custom_metric_push", tag: "metrics", POST "/api/v1/metrics/custom",
        needs: MetricsWrite,
        body: Json CustomMetricRequest,
        reply: Json CustomMetricPushed,
        errors: [
            SpecInvalid, LimitExceeded, MetricConflict, CapabilityMissing, StoreFull, StoreUnavailable,
        ],
    }
}

endpoint! {
    /// Push samples of one's own, as Prometheus text.
    ///
    /// The classic text 0.0.4 with gauges and counters, as for node_exporter's textfile collector;
    /// all its samples are of the VM or host that the query names, or of none. Faults name lines.
    CustomMetricPushText {
        id: "custom_metric_push_text", tag: "metrics", POST "/api/v1/metrics/custom/text",
        needs: MetricsWrite,
        query: CustomMetricTextQuery,
        body: Text String,
        reply: Json CustomMetricPushed,
        errors: [
            QueryInvalid, SpecInvalid, LimitExceeded, MetricConflict, CapabilityMissing, StoreFull,
            StoreUnavailable,
        ],
    }
}

/// Of what the samples of a text are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomMetricTextQuery {
    /// Of which VM: its id, or its name where no other has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vm: Option<String>,
    /// Of which host, in the same way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// Samples to be pushed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomMetricRequest {
    /// The samples; no two of one series.
    pub samples: Vec<CustomMetricSample>,
}

/// A sample.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomMetricSample {
    /// The metric's name: `[a-zA-Z_][a-zA-Z0-9_]*`, and none that Hostler or Prometheus uses.
    pub name: String,
    /// `counter` or `gauge`. The name tells it, too: a counter's ends in `_total`, a gauge's does
    /// not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Labels. Those by which Hostler tells VMs and hosts apart are its own to say.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The value; of a counter 0 or more.
    pub value: f64,
    /// When it was so: at most 5 seconds ahead, not before what was pushed last, and not longer ago
    /// than it would be told. Now, when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// Of which VM: its id, or its name where no other has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vm: Option<String>,
    /// Of which host, in the same way. A sample is of one thing, or of none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// What became of a push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CustomMetricPushed {
    /// How many samples were taken.
    pub accepted: u64,
    /// How many of them are in the history; null where none is kept. Fewer where the history has no
    /// room for more series, a series came twice within a millisecond, or a sample is older than the
    /// newest of its series there, as after a restart or where two hosts of one name are one series.
    pub kept: Option<u64>,
    /// How many series are held of whoever pushed.
    pub series: u64,
    /// How many that may be: `metrics.custom.max_series_per_user`.
    pub series_max: u64,
}

/// A series that is pushed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CustomSeries {
    /// The metric's name.
    pub name: String,
    /// `counter` or `gauge`.
    pub kind: String,
    /// Its own labels, beside those of the VM or host.
    pub labels: BTreeMap<String, String>,
    /// Of which VM.
    pub vm: Option<Ref>,
    /// Of which host.
    pub host: Option<Ref>,
    /// Whether it is of something made up, because that belongs to a demo.
    pub simulated: bool,
    /// The newest value.
    pub value: f64,
    /// When it was so.
    pub observed_at: Time,
    /// How long ago that is.
    pub age_seconds: f64,
    /// `ok`, or `stale` where that is too long ago to be told as present.
    pub quality: String,
    /// Who pushed it last.
    pub pushed_by: String,
}
