//! Finds operations that nobody drives and drives them: new ones at once, and
//! those that a crash or a lost lease left behind. Not a special case of start,
//! but the only way any operation is ever driven.

use std::sync::Arc;

use tracing::warn;

use crate::Inner;
use crate::operations::drive;

/// How many operations are read at once.
const UNFINISHED_MAX: u32 = 1024;

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
    let room = engine.pace.operations_max.saturating_sub(engine.driving.count());
    if room == 0 {
        return Ok(());
    }
    for row in engine.store.unfinished(UNFINISHED_MAX).await? {
        if engine.driving.count() >= engine.pace.operations_max {
            return Ok(());
        }
        let id = row.id;
        let Some(cancelled) = engine.driving.begin(id) else { continue };
        let driving = engine.clone();
        engine.spawn(async move {
            // Freed however the drive ends, a panic included.
            let _freed = Freed(&driving, id);
            drive(&driving, row, cancelled).await;
        });
    }
    Ok(())
}

struct Freed<'a>(&'a Arc<Inner>, hostler_core::id::OperationId);

impl Drop for Freed<'_> {
    fn drop(&mut self) {
        let was_full = self.0.driving.count() >= self.0.pace.operations_max;
        self.0.driving.end(self.1);
        self.0.promises.release(self.1, self.0.clock.now());
        if was_full {
            // There was no room for another until now. Otherwise the timer's pace
            // does: an operation that cannot be driven now must not be tried in a loop.
            self.0.recover.notify_one();
        }
    }
}
