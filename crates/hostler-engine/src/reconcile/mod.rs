//! What has to stay true, kept true: each reconciler is woken by a timer or a
//! signal, is given no input, looks for itself, and can run at any time.

mod belief;
mod clusters;
mod inventory;
pub(crate) mod leftovers;
mod migrations;
mod recovery;
mod retention;

use std::sync::Arc;

use hostler_core::id::ProviderId;

pub(crate) use clusters::take as cluster_told;
pub(crate) use leftovers::Leftovers;

use crate::{Inner, events};

/// Starts those that work for all providers together.
pub(crate) fn start(engine: &Arc<Inner>) {
    engine.supervise("delivery of events", events::deliver);
    engine.supervise("recovery of operations", recovery::run);
    engine.supervise("removal of leftovers", leftovers::run);
    engine.supervise("retention", retention::run);
}

/// Starts the one that keeps the picture of a provider fresh.
pub(crate) fn watch_provider(engine: &Arc<Inner>, provider: ProviderId) {
    engine.supervise("inventory", move |engine| inventory::run(engine, provider));
    let Some(live) = engine.fleet.provider(provider) else { return };
    if live.cluster().is_some() {
        engine.supervise("health of clusters", move |engine| clusters::run(engine, provider));
    }
    // What a provider can is known once it is open, which this one may not be yet.
    engine.supervise("history of migrations", move |engine| migrations::run(engine, provider));
}
