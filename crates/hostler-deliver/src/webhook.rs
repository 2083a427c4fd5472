//! A URL of the operator's own, told in the format of Alertmanager's webhooks,
//! version 4: whatever takes those takes ours.

use hostler_core::alert::LabelSet;
use hostler_core::alert::notice::{Notice, NoticeAlert, Undelivered};
use hostler_http::{Client, HeaderValue, Request, Target};
use serde::Serialize;

use crate::http::deliver;
use crate::secret::Secret;
use crate::text::digest;

/// How Go writes a time that is none.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// A webhook.
#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    pub(crate) client: Client,
    pub(crate) target: Target,
    /// The URL, where it is secret, or else the token.
    pub(crate) secret: Option<Secret>,
    pub(crate) token: Option<Secret>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    version: &'static str,
    group_key: &'a str,
    truncated_alerts: usize,
    status: &'static str,
    receiver: &'a str,
    group_labels: &'a LabelSet,
    common_labels: LabelSet,
    common_annotations: LabelSet,
    #[serde(rename = "externalURL")]
    external_url: &'a str,
    alerts: Vec<Alert<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Alert<'a> {
    status: &'static str,
    labels: &'a LabelSet,
    annotations: &'a LabelSet,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: &'a str,
    fingerprint: String,
}

impl Webhook {
    pub(crate) async fn send(&self, notice: &Notice) -> Result<(), Undelivered> {
        let mut request = Request::post(self.target.clone(), "application/json", body(notice));
        if let Some(token) = &self.token {
            request = request
                .authorized("Bearer", token.reveal())
                .map_err(|error| Undelivered::for_good(error.to_string()))?;
        }
        // A notice may come twice, and whoever must not act twice can go by this. Its id
        // is made of labels, which have no place in a header.
        if let Ok(key) = HeaderValue::from_str(&digest(&notice.id)) {
            request.headers.insert("idempotency-key", key);
        }
        let secret = self.token.as_ref().or(self.secret.as_ref());
        deliver(&self.client, request, secret).await.map(drop)
    }
}

/// The JSON.
pub(crate) fn body(notice: &Notice) -> Vec<u8> {
    let body = Body {
        version: "4",
        group_key: &notice.group_key,
        truncated_alerts: notice.more_firing.saturating_add(notice.more_resolved),
        status: notice.status.as_str(),
        receiver: &notice.receiver,
        group_labels: &notice.group_labels,
        common_labels: notice.common_labels(),
        common_annotations: notice.common_annotations(),
        external_url: notice.server_url.as_deref().unwrap_or_default(),
        alerts: notice.alerts.iter().map(alert).collect(),
    };
    serde_json::to_vec(&body).expect("maps of strings are JSON")
}

fn alert(alert: &NoticeAlert) -> Alert<'_> {
    Alert {
        status: alert.status.as_str(),
        labels: &alert.labels,
        annotations: &alert.annotations,
        starts_at: alert.starts_at.to_string(),
        ends_at: alert.ends_at.map_or_else(|| NEVER.into(), |at| at.to_string()),
        generator_url: alert.link.as_deref().unwrap_or_default(),
        fingerprint: fingerprint(&alert.labels),
    }
}

/// The same 16 digits that Prometheus and Alertmanager name these labels by: FNV-1a of
/// names and values in order, each ended by a byte that no text has.
pub(crate) fn fingerprint(labels: &LabelSet) -> String {
    let texts = labels.iter().flat_map(|(name, value)| [name, value]);
    let bytes = texts.flat_map(|text| text.bytes().chain([0xff]));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}
