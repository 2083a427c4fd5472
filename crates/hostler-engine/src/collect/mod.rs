//! What is measured: passes over each provider at their own pace, and the
//! newest figures of each thing. Asking providers has nothing to do with being
//! asked: whoever reads gets a copy of what is there (A15, A16).
//!
//! ```text
//!  for each provider and pass                              readers
//!  schedule ──► Metrics::collect ──► Batch ──► Held ──────► Collected
//!   jittered, with a deadline,                 newest readings   joined with the
//!   slower where a pass is slow (X21)          and their rates   present picture
//! ```
//!
//! What users measure themselves is beside that: [`custom`].
//!
//! Machines may also be measured from within, by agents there ([`machines`]); who
//! of several tells a metric is decided in [`sharing`].
//!
//! Readings are kept by what the provider calls a thing, and joined with the
//! fleet's picture when somebody reads. So a thing that is gone has no figures
//! from that moment on, one that was renamed has its new name at once, and no
//! VM is told twice (X22, X35). Nothing is carried forward: a reading that has
//! become old is told with its age, then not at all (X17).

mod clustered;
mod custom;
mod gathering;
mod heard;
mod held;
mod labels;
mod machines;
mod query;
pub(crate) mod record;
mod rolled;
mod said;
mod schedule;
mod sent;
mod sharing;
mod ticks;
mod told;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::id::ProviderId;
use hostler_core::metrics::{Cost, Point};
use hostler_provider::Provider;
use tokio::time::Instant;

pub(crate) use custom::{Custom, Handover};
pub use custom::{CustomMetrics, CustomOf, CustomPush, CustomSample, CustomSettings, CustomView};
pub(crate) use held::{Held, PassNote};
pub use labels::ContainerView;
pub(crate) use machines::Machines;
pub use machines::{
    AgentJoin, AgentSettings, AgentSource, AgentState, AgentView, Agents, MachineView, OWN_MACHINE,
    OwnMachine, OwnSource,
};
pub(crate) use query::{
    AT_ONCE as QUERIES_AT_ONCE, Asking, Kept, SAMPLES_MAX as QUERY_SAMPLES_MAX,
    SERIES_MAX as QUERY_SERIES_MAX, archive as history, in_turn,
};
pub use query::{Answer, Answered, When};
pub use record::HistoryCounts;
pub(crate) use record::Recorded;
pub(crate) use said::Told;
pub use said::{Said, Stored};
pub(crate) use schedule::jitter;
pub use sharing::MeasuredBy;
pub use ticks::{Tick, Ticks};
pub use told::{
    Collected, ContainerFigures, Figures, Metrics, PassFigures, ProviderFigures, ProviderPass,
};

use crate::Inner;

/// How often is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectPace {
    /// Between two passes over hypervisors (D5: 10 s).
    pub interval: Duration,
    /// Between two passes over guest agents, which cost more.
    pub guests: Duration,
    /// For providers by name, instead of `interval`.
    pub of_provider: BTreeMap<String, Duration>,
    /// How many passes are under way at once, over all providers.
    pub at_once: usize,
}

impl Default for CollectPace {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            guests: Duration::from_secs(60),
            of_provider: BTreeMap::new(),
            at_once: 16,
        }
    }
}

impl CollectPace {
    /// The time between two passes of that kind over a provider of that name.
    pub fn interval_of(&self, provider: &str, pass: Cost) -> Duration {
        match (pass, self.of_provider.get(provider)) {
            (Cost::Guest, Some(own)) => (*own).max(self.guests),
            (Cost::Guest, None) => self.guests,
            (_, Some(own)) => *own,
            (_, None) => self.interval,
        }
    }
}

/// What one pass measured of one thing.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// When the values were read, by the provider's word.
    pub at: Timestamp,
    /// When they arrived here; ages are counted from this, whatever clocks do.
    pub(crate) arrived: Instant,
    /// The values.
    pub points: Vec<Point>,
    /// The growth in a second of each of `points` that is a counter, where there
    /// was one to compare with.
    pub rates: Vec<Option<f64>>,
    /// What was computed from them.
    pub own: Vec<Point>,
}

impl Reading {
    /// How long ago it arrived.
    pub fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.arrived)
    }
}

/// Starts what works for all providers together.
pub(crate) fn start(engine: &Arc<Inner>) {
    engine.supervise("pushed metrics", custom::tidy::run);
    if engine.history.is_some() {
        engine.supervise("history", record::run);
    }
}

/// Starts measuring a provider, if it can be measured and that is wanted.
pub(crate) fn watch_provider(engine: &Arc<Inner>, provider: ProviderId) {
    if engine.collect.is_none() {
        return;
    }
    let Some(live) = engine.fleet.provider(provider) else { return };
    for pass in passes(&live) {
        engine.supervise("measuring", move |engine| schedule::run(engine, provider, *pass));
    }
}

/// Whether [`watch_provider`] begins anything for such a connection.
pub(crate) fn has_passes(provider: &Arc<dyn Provider>) -> bool {
    !passes(provider).is_empty()
}

fn passes(provider: &Arc<dyn Provider>) -> &'static [Cost] {
    provider.metrics().map_or(&[], |metrics| metrics.passes())
}
