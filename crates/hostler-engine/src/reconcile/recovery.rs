//! Finds operations that nobody drives and drives them: new ones at once, and
//! those that a crash or a lost lease left behind. Not a special case of start,
//! but the only way any operation is ever driven.

use std::sync::Arc;

use hostler_core::id::OperationId;
use hostler_core::operation::OperationState;
use tracing::warn;

use crate::Inner;
use crate::operations::{BEGUN_PER_PROVIDER_MAX, Begin, drive};

/// How many operations of one provider are read at once: more than can have
/// begun there, on this server and another.
const TURNS_MAX: u32 = 4 * BEGUN_PER_PROVIDER_MAX as u32;
/// How many are read at once in all.
const QUEUED_MAX: u32 = 4096;

/// Works until the engine stops.
pub(crate) async fn run(engine: Arc<Inner>) {
    // The sender lives as long as the engine, so this cannot fail before it stops.
    let _ = engine.begun.subscribe().wait_for(|begun| *begun).await;
    // Not for ever: one provider that never answers must not hold all the others'.
    let patience = tokio::time::Instant::now() + engine.pace.inventory_deadline;
    while engine.fleet.is_connecting() && tokio::time::Instant::now() < patience {
        tokio::time::sleep(engine.pace.debounce).await;
    }
    loop {
        if let Err(error) = engine.reread().await {
            warn!(%error, "cannot read rows and claims again");
        }
        if let Err(error) = look(&engine).await {
            warn!(%error, "cannot look for operations to drive");
        }
        tokio::select! {
            () = engine.recover.notified() => {}
            () = tokio::time::sleep(engine.pace.recovery) => {}
        }
    }
}

async fn look(engine: &Arc<Inner>) -> Result<(), hostler_store::Error> {
    engine.driving.look(tokio::time::Instant::now());
    for row in engine.store.queued(TURNS_MAX, QUEUED_MAX).await? {
        let (id, is_cancelled) = (row.id, row.state == OperationState::Cancelling);
        let Begin::Begun(cancelled) = engine.driving.begin(id, row.provider, is_cancelled) else {
            continue;
        };
        let driving = engine.clone();
        engine.spawn(async move {
            // Freed however the drive ends, a panic included.
            let _freed = Freed(&driving, id);
            if !drive(&driving, row, cancelled).await {
                let until = tokio::time::Instant::now() + driving.pace.recovery;
                driving.driving.defer(id, until);
            }
        });
    }
    Ok(())
}

struct Freed<'a>(&'a Arc<Inner>, OperationId);

impl Drop for Freed<'_> {
    fn drop(&mut self) {
        self.0.promises.release(self.1);
        if self.0.driving.end(self.1) {
            // There was no room for another until now.
            self.0.recover.notify_one();
        }
    }
}
