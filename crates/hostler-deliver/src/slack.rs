//! Slack, by an incoming webhook.
//!
//! Texts are written as blocks of plain and of rich text, in which nothing has a
//! meaning: a VM called `<!channel>` or `*x*` is shown as it is called. Only the line
//! of the notification is markup, and there what has a meaning is escaped.

use hostler_core::alert::notice::{Notice, NoticeAlert, Status, Undelivered};
use hostler_http::{Client, Request, Target};
use serde_json::{Value, json};

use crate::http::deliver;
use crate::secret::Secret;
use crate::text::{self, labels, line, title};

/// The most alerts of one message: 50 blocks are allowed, and nobody reads more.
const ALERTS_MAX: usize = 20;
/// The longest text of one block, in characters; 3000 are allowed.
const BLOCK_MAX: usize = 2500;

/// A channel.
#[derive(Debug, Clone)]
pub(crate) struct Slack {
    pub(crate) client: Client,
    pub(crate) target: Target,
    /// The URL.
    pub(crate) secret: Secret,
}

impl Slack {
    pub(crate) async fn send(&self, notice: &Notice) -> Result<(), Undelivered> {
        let body = body(notice).to_string();
        let request = Request::post(self.target.clone(), "application/json", body);
        deliver(&self.client, request, Some(&self.secret)).await.map(drop)
    }
}

/// The message.
pub(crate) fn body(notice: &Notice) -> Value {
    let title = title(notice);
    let heading = json!({
        "type": "header",
        "text": { "type": "plain_text", "text": title, "emoji": false },
    });
    let mut blocks = vec![heading];
    blocks.extend(notice.alerts.iter().take(ALERTS_MAX).map(block));
    let beyond = notice.alerts.iter().skip(ALERTS_MAX);
    let firing = beyond.clone().filter(|alert| alert.status == Status::Firing).count();
    let resolved = beyond.count() - firing;
    let more = text::left_off(
        firing.saturating_add(notice.more_firing),
        resolved.saturating_add(notice.more_resolved),
    );
    if let Some(more) = more {
        blocks.push(json!({
            "type": "context",
            "elements": [{ "type": "plain_text", "text": more, "emoji": false }],
        }));
    }
    json!({
        "text": escaped(&title),
        "unfurl_links": false,
        "unfurl_media": false,
        "attachments": [{ "color": color(notice), "fallback": escaped(&title), "blocks": blocks }],
    })
}

fn block(alert: &NoticeAlert) -> Value {
    let plain = |text: &str| json!({ "type": "text", "text": text });
    let (summary, description) = text::about(alert);
    let state = match alert.status {
        Status::Firing => "",
        Status::Resolved => "over: ",
    };
    let bold = json!({
        "type": "text",
        "text": line(&format!("{state}{summary}"), BLOCK_MAX),
        "style": { "bold": true },
    });
    let mut elements = vec![bold, plain("\n")];
    if let Some(description) = description {
        elements.extend([plain(&description), plain("\n")]);
    }
    let labels = labels(&alert.labels);
    // Slack refuses the whole message for one empty text.
    if !labels.is_empty() {
        elements.push(plain(&labels));
    }
    for (name, url) in text::links(alert) {
        elements.extend([plain("  "), json!({ "type": "link", "url": url, "text": name })]);
    }
    json!({
        "type": "rich_text",
        "elements": [{ "type": "rich_text_section", "elements": elements }],
    })
}

fn color(notice: &Notice) -> &'static str {
    let is = |word: &str| notice.firing().any(|alert| alert.severity() == word);
    match notice.status {
        Status::Resolved => "#2e8540",
        Status::Firing if is("critical") => "#b3261e",
        Status::Firing => "#c77700",
    }
}

/// The three characters that begin mentions, links and entities in Slack's markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
