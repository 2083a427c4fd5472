//! PagerDuty, by Events API version 2: one incident for each group of alerts, opened by
//! the first notice and closed by the one that says that all is over.

use hostler_core::alert::ALERT_NAME;
use hostler_core::alert::notice::{Notice, NoticeAlert, Status, Undelivered};
use hostler_http::{Client, Request, Target};
use serde_json::{Value, json};

use crate::http::deliver;
use crate::secret::Secret;
use crate::text::{self, LABELS_MAX, digest, labels, line, title};

/// Where it takes events, unless told otherwise (there is another one in the EU).
pub(crate) const URL: &str = "https://events.pagerduty.com/v2/enqueue";

/// The longest summary that it takes, in characters.
const SUMMARY_MAX: usize = 1024;
/// The most alerts of which an incident tells: an event has 512 KiB at most.
const DETAILS_MAX: usize = 20;

/// A service at PagerDuty.
#[derive(Debug, Clone)]
pub(crate) struct PagerDuty {
    pub(crate) client: Client,
    pub(crate) target: Target,
    pub(crate) key: Secret,
}

impl PagerDuty {
    pub(crate) async fn send(&self, notice: &Notice) -> Result<(), Undelivered> {
        let body = body(notice, self.key.reveal()).to_string();
        let request = Request::post(self.target.clone(), "application/json", body);
        deliver(&self.client, request, Some(&self.key)).await.map(drop)
    }
}

/// The event.
pub(crate) fn body(notice: &Notice, key: &str) -> Value {
    // As long as labels are, and 255 characters are allowed.
    let incident = digest(&notice.group_key);
    if notice.status == Status::Resolved {
        return json!({ "routing_key": key, "event_action": "resolve", "dedup_key": incident });
    }
    let common = notice.common_labels();
    let of = |name: &str| common.get(name).map(|value| line(value, LABELS_MAX));
    let source = ["vm", "host", "provider"].into_iter().find_map(of);
    let since = notice.firing().map(|alert| alert.starts_at).min().unwrap_or(notice.made_at);
    let mut event = json!({
        "routing_key": key,
        "event_action": "trigger",
        "dedup_key": incident,
        "client": "Hostler",
        "payload": {
            "summary": line(&summary(notice), SUMMARY_MAX),
            "source": source.unwrap_or_else(|| "hostler".into()),
            "severity": severity(notice),
            "timestamp": since.to_string(),
            "class": of(ALERT_NAME),
            "group": labels(&notice.group_labels),
            "custom_details": details(notice),
        },
        "links": links(notice),
    });
    if let Some(url) = notice.server_url.as_deref().and_then(text::safe_url) {
        event["client_url"] = url.into();
    }
    event
}

/// The title, with what the alert itself says where there is one alone.
fn summary(notice: &Notice) -> String {
    match (notice.firing().next(), notice.firing().count(), notice.more_firing) {
        (Some(alert), 1, 0) if alert.annotations.contains_key("summary") => {
            format!("{}: {}", title(notice), alert.summary())
        }
        _ => title(notice),
    }
}

/// The worst of what fires, in PagerDuty's words. A word that it does not know is an
/// error, as with Alertmanager: somebody thought that it is worth a call.
fn severity(notice: &Notice) -> &'static str {
    const WORDS: [&str; 4] = ["info", "warning", "error", "critical"];
    let rank = |alert: &NoticeAlert| WORDS.iter().position(|word| *word == alert.severity());
    let worst = notice.firing().map(|alert| rank(alert).unwrap_or(2)).max();
    worst.and_then(|rank| WORDS.get(rank).copied()).unwrap_or("error")
}

fn details(notice: &Notice) -> Value {
    let told = |alerts: Vec<&NoticeAlert>| -> Vec<String> {
        let told = alerts.into_iter().take(DETAILS_MAX);
        told.map(|alert| format!("{} ({})", text::about(alert).0, labels(&alert.labels))).collect()
    };
    let (firing, resolved): (Vec<_>, Vec<_>) =
        (notice.firing().collect(), notice.resolved().collect());
    json!({
        "num_firing": firing.len().saturating_add(notice.more_firing),
        "num_resolved": resolved.len().saturating_add(notice.more_resolved),
        "firing": told(firing),
        "resolved": told(resolved),
    })
}

/// Each page once.
fn links(notice: &Notice) -> Value {
    let mut links: Vec<(&str, String)> = Vec::new();
    for link in notice.firing().flat_map(text::links) {
        if links.len() < DETAILS_MAX && !links.contains(&link) {
            links.push(link);
        }
    }
    links.into_iter().map(|(text, href)| json!({ "href": href, "text": text })).collect()
}
