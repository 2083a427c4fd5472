//! What a receiver is told: everything that a message needs, as it was when the
//! notice was made. Stored until it is delivered, and the same at each try.
//!
//! ```text
//!  group::plan ──► group::Notice (which alerts) ──► Notice (their texts) ──► outbox
//!                                                                             │ at least once
//!                                              receiver ◄── integration ◄─────┘
//! ```

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::group::Why;
use super::{ALERT_NAME, LabelSet, label};
use crate::clock::Timestamp;

/// The most alerts that one notice tells in full.
pub const ALERTS_MAX: usize = 100;
/// The longest reason of [`Undelivered`] that is kept, in characters.
pub const TOLD_MAX: usize = 500;

/// A message for one receiver. Stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// The same when the same notice is delivered again, and of no other: for
    /// receivers that take an idempotency key.
    pub id: String,
    /// The same for all notices of the group, for ever: what an incident is opened
    /// and closed by. As long as the labels are; whoever has to be short hashes it.
    pub group_key: String,
    /// Who is told.
    pub receiver: String,
    /// Whether anything fires.
    pub status: Status,
    /// Why now.
    pub why: Why,
    /// When it was made.
    pub made_at: Timestamp,
    /// The labels that all alerts of the group share; may be empty.
    pub group_labels: LabelSet,
    /// The alerts: those that fire, then those that are over. At most [`ALERTS_MAX`].
    pub alerts: Vec<NoticeAlert>,
    /// How many alerts more there are that fire.
    pub more_firing: usize,
    /// How many alerts more there are that are over.
    pub more_resolved: usize,
    /// The server's own address as people reach it, without a slash at its end.
    pub server_url: Option<String>,
}

/// Whether an alert, or anything of a group, fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It fires.
    Firing,
    /// It was told to fire, and is over.
    Resolved,
}

impl Status {
    /// The word used on the wire, which is Alertmanager's.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

/// An alert as it is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticeAlert {
    /// Its id in the API: the same for ever for the same labels.
    pub id: String,
    /// Whether it fires.
    pub status: Status,
    /// Its labels, `alertname` among them, mostly `severity`.
    pub labels: LabelSet,
    /// Its texts for people: mostly `summary`, `description` and `runbook_url`.
    pub annotations: LabelSet,
    /// The value at which the expression last held.
    #[serde(with = "super::state::number")]
    pub value: f64,
    /// When it began to fire.
    pub starts_at: Timestamp,
    /// When it was over; `None` while it fires.
    pub ends_at: Option<Timestamp>,
    /// Its page in the user interface, where the server knows its own address.
    pub link: Option<String>,
}

impl NoticeAlert {
    /// Its name.
    pub fn name(&self) -> &str {
        label(&self.labels, ALERT_NAME)
    }

    /// How bad it is: the label `severity`, empty where there is none.
    pub fn severity(&self) -> &str {
        label(&self.labels, "severity")
    }

    /// One line about it: the annotation `summary`, or its name.
    pub fn summary(&self) -> &str {
        self.annotations.get("summary").map_or_else(|| self.name(), String::as_str)
    }
}

impl Notice {
    /// The alerts that fire.
    pub fn firing(&self) -> impl Iterator<Item = &NoticeAlert> {
        self.alerts.iter().filter(|alert| alert.status == Status::Firing)
    }

    /// The alerts that are over.
    pub fn resolved(&self) -> impl Iterator<Item = &NoticeAlert> {
        self.alerts.iter().filter(|alert| alert.status == Status::Resolved)
    }

    /// The labels in which all alerts agree.
    pub fn common_labels(&self) -> LabelSet {
        common(self.alerts.iter().map(|alert| &alert.labels))
    }

    /// The texts in which all alerts agree.
    pub fn common_annotations(&self) -> LabelSet {
        common(self.alerts.iter().map(|alert| &alert.annotations))
    }
}

fn common<'a>(mut sets: impl Iterator<Item = &'a LabelSet>) -> LabelSet {
    let mut common = sets.next().cloned().unwrap_or_default();
    for set in sets {
        common.retain(|name, value| set.get(name) == Some(value));
    }
    common
}

/// Why a notice was not delivered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{told}")]
pub struct Undelivered {
    /// Whether the same notice may be taken later. One that never will be is
    /// given up at once.
    pub is_retryable: bool,
    /// What went wrong, for people; holds no secret. Cut at [`TOLD_MAX`].
    pub told: String,
    /// How long the receiver asked to be left alone.
    pub retry_after: Option<Duration>,
}

impl Undelivered {
    /// It may be taken later.
    pub fn for_now(told: impl Into<String>) -> Self {
        Self { is_retryable: true, told: told.into(), retry_after: None }
    }

    /// It will never be taken as it is.
    pub fn for_good(told: impl Into<String>) -> Self {
        Self { is_retryable: false, told: told.into(), retry_after: None }
    }

    /// The receiver asked to be left alone so long.
    #[must_use]
    pub fn after(mut self, pause: Duration) -> Self {
        self.retry_after = Some(pause);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::tests_support::set;

    fn alert(name: &str, vm: &str, status: Status) -> NoticeAlert {
        NoticeAlert {
            id: format!("id-{vm}"),
            status,
            labels: set(&[("alertname", name), ("vm", vm), ("severity", "warning")]),
            annotations: set(&[("runbook_url", "docs/runbooks/Hot.md")]),
            value: f64::NAN,
            starts_at: Timestamp::from_millis(1000),
            ends_at: None,
            link: None,
        }
    }

    fn notice() -> Notice {
        let alerts = vec![alert("Hot", "a", Status::Firing), alert("Hot", "b", Status::Resolved)];
        Notice {
            id: "ops:{}:{}#0".into(),
            group_key: "ops:{}:{}".into(),
            receiver: "ops".into(),
            status: Status::Firing,
            why: Why::New,
            made_at: Timestamp::from_millis(2000),
            group_labels: LabelSet::new(),
            alerts,
            more_firing: 0,
            more_resolved: 0,
            server_url: Some("https://hostler.example".into()),
        }
    }

    #[test]
    fn what_is_stored_is_read_back_also_a_value_that_is_none() {
        let text = serde_json::to_string(&notice()).unwrap();
        let read: Notice = serde_json::from_str(&text).unwrap();
        assert!(read.alerts[0].value.is_nan());
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        assert!(text.contains(r#""status":"firing","why":"new""#), "{text}");
    }

    #[test]
    fn what_all_alerts_agree_in_is_common() {
        let notice = notice();
        assert_eq!(notice.common_labels(), set(&[("alertname", "Hot"), ("severity", "warning")]));
        assert_eq!(notice.common_annotations(), set(&[("runbook_url", "docs/runbooks/Hot.md")]));
        assert_eq!(notice.firing().count(), 1);
        let of: Vec<_> = notice.resolved().map(NoticeAlert::summary).collect();
        assert_eq!(of, ["Hot"], "its name, where there is no summary");
        assert_eq!(Notice { alerts: Vec::new(), ..notice }.common_labels(), LabelSet::new());
    }
}
