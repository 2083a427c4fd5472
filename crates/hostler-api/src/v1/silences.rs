//! Silences: for how long nobody is to be told about what, and why.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::endpoint;
use crate::value::Time;
use crate::{ListQuery, Nothing, Page};

endpoint! {
    /// List silences, also those that are over.
    ///
    /// Filters and sorts by `state` (`pending`, `active`, `expired`), `created_by`, `starts_at`,
    /// `ends_at`. Those that are over are kept for 30 days.
    SilenceList {
        id: "silence_list", tag: "alerts", GET "/api/v1/silences",
        needs: AlertRead,
        query: ListQuery,
        reply: Json Page<Silence>,
        errors: [QueryInvalid, CursorInvalid],
    }
}

endpoint! {
    /// Make a silence.
    ///
    /// Alerts that fit all its matchers go on firing and are shown; they are not sent. That one is
    /// over which was sent before is sent all the same.
    SilenceCreate {
        id: "silence_create", tag: "alerts", POST "/api/v1/silences",
        needs: AlertManage,
        body: Json SilenceRequest,
        reply: Json Silence, status: CREATED,
        errors: [SpecInvalid, AlertNotFound, LimitExceeded],
    }
}

endpoint! {
    /// Show a silence.
    SilenceShow {
        id: "silence_show", tag: "alerts", GET "/api/v1/silences/{silence}",
        needs: AlertRead,
        path: SilencePath,
        reply: Json Silence,
        errors: [IdInvalid, SilenceNotFound],
    }
}

endpoint! {
    /// End a silence now.
    ///
    /// It stays in the list as a record. To end one that is over changes nothing.
    SilenceExpire {
        id: "silence_expire", tag: "alerts", DELETE "/api/v1/silences/{silence}",
        needs: AlertManage,
        path: SilencePath,
        reply: Empty Nothing, status: NO_CONTENT,
        errors: [IdInvalid, SilenceNotFound],
    }
}

/// Names a silence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SilencePath {
    /// The silence's id.
    pub silence: String,
}

/// A silence to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SilenceRequest {
    /// Which alerts: those that fit all, each like `severity="critical"` or `vm=~"web-.*"`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matchers: Vec<String>,
    /// Instead of matchers the id of an alert: exactly that one, by all its labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<String>,
    /// From when; from now on when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Time>,
    /// Until when. Either this or `duration_seconds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Time>,
    /// For how long, from its begin on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<u64>,
    /// Why; needed.
    pub comment: String,
}

/// A silence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Silence {
    /// Its id.
    pub id: String,
    /// `pending` before it begins, `active`, or `expired`.
    pub state: String,
    /// Which alerts: those that fit all.
    pub matchers: Vec<String>,
    /// From when.
    pub starts_at: Time,
    /// Until when.
    pub ends_at: Time,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Time,
    /// Why.
    pub comment: String,
    /// How many alerts it keeps from being sent now.
    pub silences: u64,
}
