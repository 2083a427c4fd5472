//! What a server does from time to time beside its work: forgets what has
//! ended, renews its certificate, tells systemd that it lives.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::app::App;
use crate::tls::Identity;

/// How often it cleans up.
const EVERY: Duration = Duration::from_secs(3600);
/// How long answers are kept for whoever asks again with the same key.
const REPLIES_KEPT: Duration = Duration::from_secs(25 * 3600);

/// Runs until the server drains.
pub(crate) async fn run(app: App, identity: Arc<Identity>) {
    let mut clean = tokio::time::interval(EVERY);
    let mut alive = tokio::time::interval(crate::notify::watchdog_interval());
    for interval in [&mut clean, &mut alive] {
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    }
    loop {
        tokio::select! {
            () = app.draining.cancelled() => return,
            _ = alive.tick() => crate::notify::alive(),
            _ = clean.tick() => {
                forget(&app).await;
                // Does nothing unless it is about to end.
                if let Err(error) = identity.reload(&*app.clock) {
                    tracing::warn!(%error, "the certificate could not be renewed");
                }
            }
        }
    }
}

async fn forget(app: &App) {
    let now = app.clock.now();
    if let Err(error) = app.store.delete_expired_sessions(now).await {
        tracing::warn!(%error, "ended sessions could not be forgotten");
    }
    if let Err(error) = app.store.delete_replies_before(now.minus(REPLIES_KEPT)).await {
        tracing::warn!(%error, "old answers could not be forgotten");
    }
}
