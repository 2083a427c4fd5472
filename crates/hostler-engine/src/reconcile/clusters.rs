//! Asks one cluster how it is, once a minute (E12), from a random beginning, so that many are
//! not asked all at once. Each is asked by a task of its own, within a deadline of its own:
//! one that hangs delays nobody.
//!
//! ```text
//!   unknown ──asked──► healthy ◄──► unhealthy ◄──► unreachable     each change is an event
//!      asking itself failed: the last word stays and grows old, until it is told as stale
//! ```

use std::sync::Arc;

use hostler_core::cluster::{Health, Report};
use hostler_core::id::ProviderId;
use hostler_store::NewEvent;
use serde_json::json;
use tokio::time::Instant;
use tracing::{debug, info};

use crate::{Inner, clusters, collect};

/// Works until the provider is removed.
pub(crate) async fn run(engine: Arc<Inner>, id: ProviderId) {
    // Not the whole pace: whoever adds a cluster looks at it now.
    let first = engine.pace.cluster / 12;
    tokio::time::sleep(collect::jitter(&engine, first)).await;
    while let Some(provider) = engine.fleet.provider(id) {
        let began = Instant::now();
        let asked = clusters::ask(&engine, &provider).await;
        match asked {
            // Another connection took its place while it was asked: how this one is, and that
            // it failed, is of no interest any more.
            _ if !engine.fleet.is_connected_by(id, &provider) => {}
            Ok(report) => take(&engine, id, report).await,
            Err(error) => {
                debug!(provider = %id, %error, "the cluster was not asked to the end");
                engine.clusters.fail(id, error.message());
            }
        }
        drop(provider);
        tokio::time::sleep_until(began + engine.pace.cluster).await;
    }
}

/// Keeps what a cluster told, and tells whether its health changed.
pub(crate) async fn take(engine: &Inner, id: ProviderId, report: Report) {
    let now = engine.clock.now();
    let (health, reasons) = (report.health, report.reasons.clone());
    let Some(before) = engine.clusters.report(id, report, now) else { return };
    if before == health {
        return;
    }
    let Some(name) = engine.fleet.provider_name(id) else { return };
    info!(provider = %id, name, health = health.as_str(), "the health of a cluster changed");
    let grave: Vec<_> = reasons.iter().filter(|reason| !reason.is_warning).collect();
    let why: Vec<&str> = grave.iter().map(|reason| reason.message.as_str()).collect();
    let codes: Vec<&str> = grave.iter().map(|reason| reason.code.as_str()).collect();
    let message = match health {
        Health::Healthy => format!("cluster {name} is healthy"),
        _ => format!("cluster {name} is {}: {}", health.as_str(), why.join("; ")),
    };
    let event = NewEvent {
        at: now,
        kind: "cluster.health".into(),
        resource_kind: Some("provider".into()),
        resource_id: Some(id.to_string()),
        resource_name: Some(name),
        message,
        data: json!({ "health": health.as_str(), "before": before.as_str(), "reasons": codes }),
    };
    engine.publish(vec![event]).await;
}
