//! Keeps history bounded: old events, old operations, files without a row.

use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use crate::Inner;

/// How long a client may repeat a request by its key.
const REPLIES_KEEP: Duration = Duration::from_secs(24 * 3600);

/// Works until the engine stops.
pub(crate) async fn run(engine: Arc<Inner>) {
    loop {
        if let Err(error) = trim(&engine).await {
            warn!(%error, "cannot trim the history");
        }
        tokio::time::sleep(engine.pace.retention).await;
    }
}

async fn trim(engine: &Inner) -> Result<(), hostler_store::Error> {
    let now = engine.clock.now();
    engine.store.trim_events(engine.pace.events_keep).await?;
    engine.store.delete_operations_before(now.minus(engine.pace.operations_keep)).await?;
    engine.store.delete_replies_before(now.minus(REPLIES_KEEP)).await?;
    engine.store.delete_expired_sessions(now).await?;
    Ok(())
}
