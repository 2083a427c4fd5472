//! Keeps history bounded: old events, old operations, and the identities of
//! things that have not been there for long.

use std::sync::Arc;
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::id::ProviderId;
use hostler_store::{Error, ResourceKey};
use tokio::time::Instant;
use tracing::{info, warn};

use super::belief::Belief;
use crate::Inner;
use crate::alerting::CHANGES_KEEP;
use crate::fleet::absence::Rule;

/// How long a client may repeat a request by its key.
const REPLIES_KEEP: Duration = Duration::from_secs(24 * 3600);
/// Where the latest time that was believed is kept.
const BELIEVED: &str = "retention_believed_at";

/// Works until the engine stops.
pub(crate) async fn run(engine: Arc<Inner>) {
    let mut belief: Option<(Belief, Instant)> = None;
    loop {
        match believe(&engine, belief).await {
            Ok(believed) => {
                belief = Some((believed, Instant::now()));
                if let Err(error) = trim(&engine, believed.now(engine.clock.now())).await {
                    warn!(%error, "cannot trim the history");
                }
            }
            Err(error) => warn!(%error, "cannot read how late it was"),
        }
        for provider in engine.fleet.provider_ids() {
            if let Err(error) = forget(&engine, provider).await {
                warn!(%provider, %error, "cannot forget what is long gone");
            }
        }
        tokio::time::sleep(engine.pace.retention).await;
    }
}

/// The time to go by; see [`Belief`].
async fn believe(engine: &Inner, before: Option<(Belief, Instant)>) -> Result<Belief, Error> {
    let now = engine.clock.now();
    let belief = match before {
        Some((belief, at)) => belief.after(now, at.elapsed()),
        None => {
            let kept = engine.store.setting(BELIEVED).await?;
            Belief::start(kept.as_deref().and_then(Belief::from_bytes), now)
        }
    };
    engine.store.set_setting(BELIEVED, &belief.to_bytes()).await?;
    Ok(belief)
}

async fn trim(engine: &Inner, now: Timestamp) -> Result<(), Error> {
    // By number and not by age: no clock can make them old.
    engine.store.trim_events(engine.pace.events_keep).await?;
    engine.store.trim_alert_changes(CHANGES_KEEP).await?;
    engine.store.delete_operations_before(now.minus(engine.pace.operations_keep)).await?;
    engine.store.delete_migrations_before(now.minus(engine.pace.migrations_keep_for)).await?;
    engine.store.delete_replies_before(now.minus(REPLIES_KEEP)).await?;
    engine.store.delete_expired_sessions(now).await?;
    Ok(())
}

/// Notes for how long things of a provider have been missing, and forgets those
/// that have been for long.
async fn forget(engine: &Inner, provider: ProviderId) -> Result<(), Error> {
    let _one_at_a_time = engine.naming.lock().await;
    let unstored = engine.fleet.unstored_absences(provider);
    if !unstored.is_empty() {
        let rows: Vec<_> = unstored
            .iter()
            .map(|(kind, external_ref, absence)| {
                let external_ref = external_ref.clone();
                (ResourceKey { kind: *kind, provider, external_ref }, *absence)
            })
            .collect();
        engine.store.set_absences(&rows).await?;
        engine.fleet.absences_stored(provider, unstored);
    }
    let pace = &engine.pace;
    let rule = Rule { keep: pace.missing_keep, inventories: pace.missing_inventories };
    let leaving = engine.fleet.leave(provider, rule);
    if leaving.is_empty() {
        return Ok(());
    }
    let now = engine.clock.now();
    let wanted: Vec<_> = leaving.iter().map(|thing| thing.told(now)).collect();
    let forgotten = engine.store.forget_absent(&wanted).await;
    let gone = forgotten.as_deref().unwrap_or_default();
    engine.fleet.left(leaving, gone);
    if !gone.is_empty() {
        info!(%provider, count = gone.len(), "forgot what is long gone");
        engine.bus.poke();
    }
    forgotten.map(drop)
}
