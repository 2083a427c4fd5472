//! Alerts: what is wrong now, since when, and who cares for it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::endpoint;
use crate::value::Time;
use crate::{ListQuery, Page};

endpoint! {
    /// List alerts that are pending or fire.
    ///
    /// Filters and sorts by `state`, `name`, `severity`, `rule`, `group`, `acknowledged`,
    /// `silenced`, `inhibited`, `active_since`, `firing_since`; filters also by `label.NAME`. Those
    /// that fire come first, the gravest before others, when no order is asked for. `stale` says
    /// that some rule could not be evaluated, so that alerts of it may be missing or old.
    AlertList {
        id: "alert_list", tag: "alerts", GET "/api/v1/alerts",
        needs: AlertRead,
        query: ListQuery,
        reply: Json Page<Alert>,
        errors: [QueryInvalid, CursorInvalid, CapabilityMissing],
    }
}

endpoint! {
    /// List what happened to alerts, newest first.
    ///
    /// Filters by `alert` (an id), `name` and `change` (`fired`, `resolved`, `acknowledged`,
    /// `unacknowledged`). The latest 100,000 lines are kept.
    AlertHistory {
        id: "alert_history", tag: "alerts", GET "/api/v1/alerts/history",
        needs: AlertRead,
        query: ListQuery,
        reply: Json Page<AlertEntry>,
        errors: [QueryInvalid, CursorInvalid],
    }
}

endpoint! {
    /// Show an alert that is pending or fires.
    AlertShow {
        id: "alert_show", tag: "alerts", GET "/api/v1/alerts/{alert}",
        needs: AlertRead,
        path: AlertPath,
        reply: Json Alert,
        errors: [IdInvalid, AlertNotFound, CapabilityMissing],
    }
}

endpoint! {
    /// Acknowledge an alert that fires.
    ///
    /// It is not sent again until it is over; that it is over is sent. When it fires again later,
    /// that is another episode, which nobody has acknowledged.
    AlertAcknowledge {
        id: "alert_acknowledge", tag: "alerts", POST "/api/v1/alerts/{alert}/acknowledge",
        needs: AlertManage,
        path: AlertPath,
        body: Json AcknowledgeRequest,
        reply: Json Alert,
        errors: [IdInvalid, SpecInvalid, AlertNotFound, AlertNotFiring, CapabilityMissing],
    }
}

endpoint! {
    /// Take back the acknowledgement of an alert.
    AlertUnacknowledge {
        id: "alert_unacknowledge", tag: "alerts", POST "/api/v1/alerts/{alert}/unacknowledge",
        needs: AlertManage,
        path: AlertPath,
        reply: Json Alert,
        errors: [IdInvalid, AlertNotFound, CapabilityMissing],
    }
}

/// Names an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlertPath {
    /// The alert's id.
    pub alert: String,
}

/// What is said with an acknowledgement.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgeRequest {
    /// Free text for people, at most 4096 bytes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
}

/// An alert that is pending or fires.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Alert {
    /// Its id: the same for the same labels, now and in other episodes.
    pub id: String,
    /// Its name, which is also a label.
    pub name: String,
    /// `pending` while the expression has not held for long enough; `firing`.
    pub state: String,
    /// Its label `severity`: mostly `critical`, `warning` or `info`; null where it has none.
    pub severity: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// One line about it; its name where its rule has none.
    pub summary: String,
    /// What is wrong, in sentences.
    pub description: Option<String>,
    /// What to do about it: an address, or for the shipped rules a file of the documentation.
    pub runbook_url: Option<String>,
    /// Its other texts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The value at which the expression last held; null where it is none that JSON has.
    pub value: Option<f64>,
    /// Since when the expression holds.
    pub active_since: Time,
    /// Since when it fires; null while it is pending.
    pub firing_since: Option<Time>,
    /// When the expression last held.
    pub held_at: Time,
    /// Since when the expression is known not to hold, while it goes on firing all the same.
    pub over_since: Option<Time>,
    /// Since when there is nothing to compute it with: nobody knows whether it is over.
    pub no_data_since: Option<Time>,
    /// The rule it comes from.
    pub rule: AlertRuleRef,
    /// Who cares for it; null: nobody.
    pub acknowledged: Option<Acknowledged>,
    /// Ids of the silences that keep it from being sent.
    pub silenced_by: Vec<String>,
    /// Id of an alert while which fires this one is not sent.
    pub inhibited_by: Option<String>,
    /// Receivers that it goes to by the present routes.
    pub receivers: Vec<String>,
}

/// A rule, shortly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlertRuleRef {
    /// The rule's id.
    pub id: String,
    /// Its group.
    pub group: String,
    /// `shipped`, `preset`, or the file it is from.
    pub source: String,
}

/// That somebody cares for an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Acknowledged {
    /// Who.
    pub by: String,
    /// Since when.
    pub at: Time,
    /// What they said.
    pub comment: String,
}

/// Something that happened to an alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AlertEntry {
    /// Grows by every line.
    pub seq: u64,
    /// When.
    pub at: Time,
    /// The alert's id.
    pub alert: String,
    /// The alert's name.
    pub name: String,
    /// `fired`, `resolved`, `acknowledged` or `unacknowledged`.
    pub change: String,
    /// Why it is over: `over`, `no_data` or `rule_gone`; null for other changes.
    pub cause: Option<String>,
    /// Who did it, where somebody did.
    pub by: Option<String>,
    /// What they said.
    pub comment: Option<String>,
    /// The alert's labels.
    pub labels: BTreeMap<String, String>,
    /// One line about the alert, as it was then.
    pub summary: String,
    /// The value at which the expression last held.
    pub value: Option<f64>,
    /// Since when it fired.
    pub firing_since: Option<Time>,
}
