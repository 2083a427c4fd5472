//! What alerts come from and where they go: rules and receivers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::endpoint;
use crate::value::Time;
use crate::{ListQuery, Page};

endpoint! {
    /// List the rules that are evaluated, with how that went.
    ///
    /// Filters and sorts by `name`, `kind` (`alert`, `record`), `group`, `source`, `health`
    /// and `state`.
    AlertRuleList {
        id: "alert_rule_list", tag: "alerts", GET "/api/v1/alert-rules",
        needs: AlertRead,
        query: ListQuery,
        reply: Json Page<AlertRule>,
        errors: [QueryInvalid, CursorInvalid, CapabilityMissing],
    }
}

endpoint! {
    /// List the receivers of alerts, with how delivering goes.
    ///
    /// Filters and sorts by `name`, `kind` and `waiting`.
    AlertReceiverList {
        id: "alert_receiver_list", tag: "alerts", GET "/api/v1/alert-receivers",
        needs: AlertRead,
        query: ListQuery,
        reply: Json Page<AlertReceiver>,
        errors: [QueryInvalid, CursorInvalid],
    }
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AlertRule {
    /// Its id: the same as long as its source, group, name and labels are.
    pub id: String,
    /// `alert` or `record`.
    pub kind: String,
    /// The name of the alert, or of the series that it writes.
    pub name: String,
    /// Its group.
    pub group: String,
    /// `shipped`, `preset`, or the file it is from.
    pub source: String,
    /// The expression, in PromQL.
    pub expression: String,
    /// From one evaluation to the next, in seconds.
    pub interval_seconds: f64,
    /// How long the expression has to hold, in seconds; null for one that records.
    pub for_seconds: Option<f64>,
    /// How long the alert goes on firing afterwards, in seconds.
    pub keep_firing_for_seconds: Option<f64>,
    /// What happens without data: `keep`, `ok` or `firing`.
    pub no_data: Option<String>,
    /// Labels that it adds, as written.
    pub labels: BTreeMap<String, String>,
    /// Texts that its alerts bear, as written.
    pub annotations: BTreeMap<String, String>,
    /// `new` before the first evaluation, `ok`, `no_data` when there was nothing to compute with,
    /// or `failed`.
    pub health: String,
    /// Why it failed.
    pub reason: Option<String>,
    /// When it was last evaluated.
    pub evaluated_at: Option<Time>,
    /// How long that took, in seconds.
    pub took_seconds: Option<f64>,
    /// `inactive`, `pending` or `firing`; null for one that records.
    pub state: Option<String>,
    /// How many of its alerts are pending.
    pub pending: u64,
    /// How many of its alerts fire.
    pub firing: u64,
    /// How many series it wrote last; null for an alert.
    pub written: Option<u64>,
}

/// A receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlertReceiver {
    /// Its name.
    pub name: String,
    /// What it is: `webhook`, `slack`, `pagerduty`, `alertmanager` or `smtp`.
    pub kind: String,
    /// How many notices wait for it.
    pub waiting: u64,
    /// How many were delivered since the server started.
    pub delivered: u64,
    /// How many tries failed since the server started.
    pub failed: u64,
    /// How many notices were given up since the server started.
    pub lost: u64,
    /// When one was last delivered, since the server started.
    pub delivered_at: Option<Time>,
    /// When a try last failed, since the server started.
    pub failed_at: Option<Time>,
    /// Why the latest try failed; null when it did not.
    pub failure: Option<String>,
}
