//! What each receiver is sent, byte by byte.

use expect_test::expect_file;
use hostler_core::alert::notice::{Notice, Status};
use serde_json::{Map, Value};

use crate::notices::{Files, HOSTILE, alert, at, firing, many, notice, receiver, resolved, set};
use crate::scripted::{Scripted, Sent};

/// A kind of receiver that is reached at this URL.
struct Kind {
    name: &'static str,
    config: fn(&str, &Files) -> String,
}

const KINDS: [Kind; 4] = [
    Kind { name: "webhook", config: |url, _| format!("webhook = {{ url = '{url}' }}") },
    Kind {
        name: "slack",
        config: |url, files| {
            format!("slack = {{ url_file = '{}' }}", files.with("url", url).display())
        },
    },
    Kind {
        name: "pagerduty",
        config: |url, files| {
            let key = files.with("key", "0123456789abcdef0123456789abcdef\n");
            format!("pagerduty = {{ url = '{url}', key_file = '{}' }}", key.display())
        },
    },
    Kind {
        name: "alertmanager",
        config: |url, _| format!("alertmanager = {{ urls = ['{url}'] }}"),
    },
];

async fn sent(kind: &Kind, notice: &Notice) -> Sent {
    let server = Scripted::new(&["200 OK"], "ok").await;
    let files = Files::new();
    let receiver = receiver(&(kind.config)(&server.url("/in"), &files));
    receiver.deliver(notice).await.unwrap();
    let mut sent = server.sent();
    assert_eq!(sent.len(), 1);
    sent.remove(0)
}

/// With keys in order, whatever features the parser was built with.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut members: Vec<(String, Value)> =
                object.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            members.sort_by(|one, other| one.0.cmp(&other.0));
            Value::Object(Map::from_iter(members))
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        other => other,
    }
}

fn golden(name: &str) -> Golden {
    Golden(expect_file![format!("{}/tests/it/golden/{name}", env!("CARGO_MANIFEST_DIR"))])
}

/// A file in `golden/`.
struct Golden(expect_test::ExpectFile);

impl Golden {
    fn is(&self, text: &str) {
        self.0.assert_eq(text);
    }
}

#[tokio::test]
async fn d22_each_receiver_is_told_in_its_own_format() {
    for kind in &KINDS {
        for (what, notice) in [("firing", firing()), ("resolved", resolved()), ("many", many())] {
            let sent = sent(kind, &notice).await;
            assert_eq!(sent.header("content-type"), Some("application/json"), "{}", kind.name);
            let text = serde_json::to_string_pretty(&sorted(sent.json())).unwrap();
            golden(&format!("{}.{what}.json", kind.name)).is(&format!("{text}\n"));
        }
    }
}

#[tokio::test]
async fn a_name_is_data_and_nothing_else() {
    // In JSON it is the same text again.
    for kind in [&KINDS[0], &KINDS[3]] {
        let json = sent(kind, &many()).await.json();
        let first = json.pointer("/alerts/0").unwrap_or(&json[0]).clone();
        assert_eq!(first["labels"]["vm"], HOSTILE, "{}", kind.name);
    }
    // Where people read it, nothing in it mentions, links, breaks the line or turns it.
    let slack = sent(&KINDS[1], &notice(vec![alert(HOSTILE, Status::Firing)])).await.json();
    let title = slack["text"].as_str().unwrap();
    assert!(title.contains("&lt;!channel&gt;") && !title.contains(['<', '>', '\n']), "{title}");
    fn kinds<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(object) => {
                found.extend(object.get("type").and_then(Value::as_str));
                object.values().for_each(|value| kinds(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| kinds(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    kinds(&slack, &mut found);
    assert!(!found.contains(&"mrkdwn"), "{found:?}");
    let event = sent(&KINDS[2], &many()).await.json();
    let text = event.to_string();
    assert!(!text.contains("\\r") && !text.contains("\\n") && !text.contains('\u{202e}'), "{text}");
}

#[tokio::test]
async fn a_rule_cannot_link_to_anything_but_a_page() {
    let mut one = alert("web", Status::Firing);
    one.annotations = set(&[("runbook_url", "javascript:alert(1)"), ("summary", "x")]);
    one.link = None;
    for kind in &KINDS[1..3] {
        let body = sent(kind, &notice(vec![one.clone()])).await.json().to_string();
        assert!(!body.contains("javascript"), "{body}");
    }
}

#[tokio::test]
async fn incidents_are_opened_and_closed_by_the_same_key() {
    let opened = sent(&KINDS[2], &firing()).await.json();
    let closed = sent(&KINDS[2], &resolved()).await.json();
    assert_eq!(
        (&opened["event_action"], &closed["event_action"]),
        (&"trigger".into(), &"resolve".into())
    );
    assert_eq!(opened["dedup_key"], closed["dedup_key"]);
    let other = Notice { group_key: "ops:{}:{host=\"h2\"}".into(), ..firing() };
    assert_ne!(sent(&KINDS[2], &other).await.json()["dedup_key"], opened["dedup_key"]);
}

#[tokio::test]
async fn pagerduty_hears_the_worst_of_what_fires_in_its_own_words() {
    for (severities, word) in [
        (vec!["info", "warning"], "warning"),
        (vec!["warning", "page"], "error"),
        (vec!["critical", "info"], "critical"),
        (vec![""], "error"),
    ] {
        let alerts = severities.into_iter().map(|severity| {
            let mut one = alert("web", Status::Firing);
            one.labels.insert("severity".into(), severity.into());
            one
        });
        let event = sent(&KINDS[2], &notice(alerts.collect())).await.json();
        assert_eq!(event["payload"]["severity"], word);
    }
}

#[tokio::test]
async fn texts_are_as_long_as_a_receiver_takes_them() {
    let long = "ü".repeat(5000);
    let mut one = alert(&long, Status::Firing);
    one.annotations.insert("summary".into(), long.clone());
    let notice = Notice { group_labels: one.labels.clone(), ..notice(vec![one; 100]) };
    let slack = sent(&KINDS[1], &notice).await.json();
    let blocks = slack["attachments"][0]["blocks"].as_array().unwrap();
    assert!(blocks.len() <= 50);
    assert!(blocks[0]["text"]["text"].as_str().unwrap().chars().count() <= 150);
    let more = blocks.last().unwrap()["elements"][0]["text"].as_str().unwrap();
    assert_eq!(more, "and 80 more that fire");
    let event = sent(&KINDS[2], &notice).await;
    assert!(event.body.len() < 512 << 10);
    assert!(event.json()["payload"]["summary"].as_str().unwrap().chars().count() <= 1024);
}

#[tokio::test]
async fn alertmanager_is_told_again_what_fires_before_it_forgets_it() {
    let server = Scripted::new(&["200 OK", "200 OK"], "").await;
    let config =
        format!("alertmanager = {{ urls = ['{}'], refresh_seconds = 30 }}", server.url(""));
    let receiver = receiver(&config);
    assert_eq!(receiver.refresh_interval().unwrap().as_secs(), 30);
    receiver.refresh(&[]).await.unwrap();
    receiver.refresh(&[alert("web", Status::Firing)]).await.unwrap();
    let sent = server.sent();
    assert_eq!(sent.len(), 1, "of nothing there is nothing to tell");
    assert!(sent[0].head.starts_with("POST /api/v2/alerts HTTP/1.1"), "{}", sent[0].head);
    // The clock stands at 60: four times 30 seconds ahead.
    assert_eq!(sent[0].json()[0]["endsAt"], at(180).to_string());
}
