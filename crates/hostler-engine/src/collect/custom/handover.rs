//! Names that users push and recording rules compute from now on. A series has one source,
//! and that is the rule: whoever may push must not keep a configuration from being taken.
//!
//! ```text
//!  begin: no push goes on ──► what is held of these names ends in the history
//!                                                       │ the rules are taken over
//!  done:  it is held no more ◄──────────────────────────┘
//!         pushes go on, and those of these names are refused
//! ```

use std::sync::Arc;

use hostler_core::Result;
use tokio::sync::OwnedSemaphorePermit;
use tracing::warn;

use super::state::Series;
use crate::Inner;
use crate::alerting::Recorded;
use crate::collect::record;

/// Rules taking over names from those who pushed them. Nobody pushes while it is there.
pub(crate) struct Handover {
    /// `None` where rules write no such names.
    _turn: Option<OwnedSemaphorePermit>,
    /// What is pushed under these names, and for people where the rule is.
    series: Vec<(Series, String)>,
}

impl Handover {
    /// Waits for pushes that are under way, and ends what rules will write.
    ///
    /// A rule that evaluates what was so some time ago (`query_offset`) writes nothing of the
    /// time before: that is the pushed one's.
    ///
    /// # Errors
    /// Those of the history. What ended by then begins again with its next push.
    pub(crate) async fn begin(engine: &Arc<Inner>, recorded: &Recorded) -> Result<Self> {
        if recorded.is_empty() {
            return Ok(Self { _turn: None, series: Vec::new() });
        }
        let turn = engine.custom.turn_of_rules().await?;
        let (mut series, mut ended) = (Vec::new(), Vec::new());
        for (it, held) in engine.custom.state().all() {
            if let Some(rule) = recorded.get(it.key.name()) {
                series.push((it.clone(), rule.clone()));
                ended.extend(held.written.clone());
            }
        }
        if let Some(archive) = engine.history.clone().filter(|_| !ended.is_empty()) {
            let (serving, now) = (engine.clone(), engine.clock.now().as_millis());
            let work = move || record::keep(&serving, &archive, now, &[], &ended);
            let done = tokio::task::spawn_blocking(work).await;
            let bug = |error| hostler_core::Error::bug(format!("ending series failed: {error}"));
            done.map_err(bug)??;
        }
        Ok(Self { _turn: Some(turn), series })
    }

    /// The rules were taken over; pushes may go on.
    pub(crate) fn done(self, engine: &Inner) {
        let mut state = engine.custom.state();
        for (series, rule) in self.series {
            state.remove(&series);
            let name = series.key.name();
            warn!(name, rule, "what was pushed is computed by a recording rule now, and ended");
        }
    }
}
