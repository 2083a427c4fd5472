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
