//! Whether the server lives, and whether it can do its work.
//!
//! `/livez` depends on nothing but the server itself: whoever restarts it by that
//! answer must not do so because a database or a provider is away.

use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hostler_core::access::Permission;
use hostler_engine::Health;
use http::StatusCode;
use http::header::ACCEPT;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{admit, peer_of};
use crate::app::App;
use crate::listen::Peer;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/healthz", get(ready))
}

/// For how long a look at the store counts: it is a write that waits for the
/// disk, and strangers may ask for it as often as they like.
const FRESH: Duration = Duration::from_secs(1);

/// The latest look at the engine's health; one look at a time.
#[derive(Debug, Default)]
pub struct Checkup {
    latest: Mutex<Option<(Instant, Health)>>,
    /// What was said last in the log: why it is not ready; nothing when it is.
    told: std::sync::Mutex<String>,
}

impl Checkup {
    /// Writes a line when readiness changes. Probes ask every few seconds, and a line
    /// for each would bury the one that says why.
    fn tell_change(&self, checks: &[Check]) {
        let reasons = checks.iter().filter_map(|(name, check)| {
            check.as_ref().err().map(|reason| format!("{name}: {reason}"))
        });
        let reasons = reasons.collect::<Vec<_>>().join("; ");
        let mut told = self.told.lock().expect("nothing panics while it holds this lock");
        if *told == reasons {
            return;
        }
        match reasons.as_str() {
            "" => tracing::info!("ready again"),
            reasons => tracing::warn!(reasons, "not ready"),
        }
        *told = reasons;
    }

    async fn of(&self, app: &App) -> Health {
        let mut latest = self.latest.lock().await;
        if let Some((at, health)) = &*latest
            && at.elapsed() < FRESH
        {
            return health.clone();
        }
        let health = app.engine.health().await;
        *latest = Some((Instant::now(), health.clone()));
        health
    }
}

/// A check: its name, and what is wrong.
type Check = (&'static str, Result<(), String>);

async fn ready(State(app): State<App>, request: Request) -> Response {
    let health = app.checkup.of(&app).await;
    let mut checks = checks(&health, app.draining.is_cancelled());
    app.checkup.tell_change(&checks);
    let query = request.uri().query().unwrap_or_default();
    let asked: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    // A load balancer may well want a server whose providers are all away.
    let excluded = |name: &str| asked.iter().any(|(key, of)| key == "exclude" && of == name);
    checks.retain(|(name, _)| !excluded(name));
    let is_ready = checks.iter().all(|(_, check)| check.is_ok());
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let wants_all = asked.iter().any(|(key, _)| key == "verbose");
    let wants_json = request
        .headers()
        .get(ACCEPT)
        .is_some_and(|accept| accept.to_str().is_ok_and(|text| text.contains("application/json")));
    // To strangers it says only whether, never what or how many.
    let checks = match wants_all && may_see(&app, request).await {
        true => checks,
        false => Vec::new(),
    };
    match wants_json {
        true => (status, axum::Json(document(is_ready, checks))).into_response(),
        false => (status, text(is_ready, &checks)).into_response(),
    }
}

fn text(is_ready: bool, checks: &[Check]) -> String {
    let lines = checks.iter().map(|(name, check)| match check {
        Ok(()) => format!("[+] {name} ok\n"),
        Err(reason) => format!("[-] {name}: {reason}\n"),
    });
    let word = if is_ready { "ok\n" } else { "not ok\n" };
    lines.chain([word.to_owned()]).collect()
}

fn document(is_ready: bool, checks: Vec<Check>) -> Value {
    let checks = checks
        .into_iter()
        .map(|(name, check)| json!({ "name": name, "ok": check.is_ok(), "reason": check.err() }));
    json!({ "ok": is_ready, "checks": checks.collect::<Vec<_>>() })
}

/// Whoever may see how the server does, which a script that only pushes may not, and whoever
/// asks on the loopback interface.
async fn may_see(app: &App, request: Request) -> bool {
    let (parts, _) = request.into_parts();
    match peer_of(&parts) {
        Ok(Peer::Loopback(_)) => true,
        Ok(peer) => admit(app, &parts, peer, Permission::MetricsRead).await.is_ok(),
        Err(_) => false,
    }
}

fn checks(health: &Health, draining: bool) -> Vec<Check> {
    let (answering, total) = (health.providers_answering, health.providers_total);
    let providers = match (answering, total) {
        // A server to which nobody has added a provider yet is ready for that.
        (0, 1..) => Err(format!("none of {total} providers answers")),
        _ => Ok(()),
    };
    let serving = match draining || health.draining {
        true => Err("the server is stopping".to_owned()),
        false => Ok(()),
    };
    vec![("store", health.store.clone()), ("providers", providers), ("serving", serving)]
}
