//! Alertmanager itself, by its API version 2: alerts go there one by one, and its own
//! routes decide who is told.
//!
//! It keeps alerts in memory and ends each at its `endsAt`. So an alert that fires is
//! told again and again, each time with an end a little ahead:
//!
//! ```text
//!  told ──refresh──► told ──refresh──► told ──► over: endsAt = when it was
//!   └ endsAt = now + 4 × refresh                └ or nothing more is heard of us: it
//!                                                 ends by itself, and is not kept for ever
//! ```

use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::alert::LabelSet;
use hostler_core::alert::notice::{NoticeAlert, Undelivered};
use hostler_http::{Client, Request, Target};
use serde::Serialize;

use crate::http::deliver;
use crate::secret::Secret;

/// For how many refreshes an alert is kept without one: three may be lost.
const KEPT_FOR: u32 = 4;
/// The most alerts of one request.
const BATCH_MAX: usize = 200;

/// One Alertmanager, or the members of a cluster: each is told, since they tell each
/// other what was sent and not which alerts there are.
#[derive(Debug, Clone)]
pub(crate) struct Alertmanager {
    pub(crate) client: Client,
    pub(crate) targets: Vec<Target>,
    pub(crate) token: Option<Secret>,
    pub(crate) refresh: Duration,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Alert<'a> {
    labels: &'a LabelSet,
    annotations: &'a LabelSet,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL", skip_serializing_if = "Option::is_none")]
    generator_url: Option<&'a str>,
}

impl Alertmanager {
    /// Tells alerts, of which each member takes all or fails.
    ///
    /// # Errors
    /// Where none of the members took them.
    pub(crate) async fn tell(
        &self,
        alerts: &[NoticeAlert],
        now: Timestamp,
    ) -> Result<(), Undelivered> {
        let batches: Vec<Vec<u8>> =
            alerts.chunks(BATCH_MAX).map(|batch| body(batch, now, self.refresh)).collect();
        let mut taken = 0;
        let mut failures: Vec<Undelivered> = Vec::new();
        for target in &self.targets {
            match self.tell_one(target, &batches).await {
                Ok(()) => taken += 1,
                Err(failure) => failures.push(failure),
            }
        }
        for failure in failures.iter().filter(|_| taken > 0) {
            tracing::warn!(why = %failure, "one of several Alertmanagers was not told");
        }
        if taken > 0 {
            return Ok(());
        }
        // One that may come back decides: as long as there is one, there is hope.
        let hope = failures.iter().position(|failure| failure.is_retryable).unwrap_or(0);
        if failures.is_empty() {
            return Err(Undelivered::for_good("no Alertmanager is configured"));
        }
        Err(failures.swap_remove(hope))
    }

    async fn tell_one(&self, target: &Target, batches: &[Vec<u8>]) -> Result<(), Undelivered> {
        for batch in batches {
            let target = target.below(&["api", "v2", "alerts"], &[]);
            let mut request = Request::post(target, "application/json", batch.clone());
            if let Some(token) = &self.token {
                request = request
                    .authorized("Bearer", token.reveal())
                    .map_err(|error| Undelivered::for_good(error.to_string()))?;
            }
            deliver(&self.client, request, self.token.as_ref()).await?;
        }
        Ok(())
    }
}

/// The JSON.
pub(crate) fn body(alerts: &[NoticeAlert], now: Timestamp, refresh: Duration) -> Vec<u8> {
    let kept_until = now.plus(refresh.saturating_mul(KEPT_FOR));
    let alerts: Vec<Alert<'_>> = alerts
        .iter()
        .map(|alert| Alert {
            labels: &alert.labels,
            annotations: &alert.annotations,
            starts_at: alert.starts_at.to_string(),
            // An end before the start is refused, and a clock that went back makes one.
            ends_at: alert.ends_at.unwrap_or(kept_until).max(alert.starts_at).to_string(),
            generator_url: alert.link.as_deref(),
        })
        .collect();
    serde_json::to_vec(&alerts).expect("maps of strings are JSON")
}
