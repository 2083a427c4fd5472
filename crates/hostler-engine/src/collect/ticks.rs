//! Ticks: when something new was measured, for those who look all the time. A tick
//! only says where; what is there is read when somebody wants it, so that ticks
//! cost nothing while nobody does.

use std::sync::Arc;

use hostler_core::id::ProviderId;
use hostler_core::metrics::Cost;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::held::Origin;
use super::{Collected, Metrics};
use crate::Inner;

/// A pass ended, well or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tick {
    /// Over which provider.
    pub provider: ProviderId,
    /// Of which kind.
    pub pass: Cost,
}

/// Follows the passes that end.
pub struct Ticks {
    engine: Arc<Inner>,
    ended: broadcast::Receiver<(Origin, Cost)>,
}

impl Ticks {
    /// The next one; `None` when the engine stops. Dropping the future loses nothing.
    ///
    /// Whoever is very late misses some: the next tick tells what those would have,
    /// since what is read is always the newest.
    pub async fn next(&mut self) -> Option<Tick> {
        loop {
            let ended = tokio::select! {
                () = self.engine.stopping.cancelled() => return None,
                ended = self.ended.recv() => ended,
            };
            match ended {
                Ok((Origin::Provider(provider), pass)) => return Some(Tick { provider, pass }),
                // What machines tell of themselves is told with the provider's next pass.
                Ok((Origin::Machine(..), _)) => {}
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

impl Metrics<'_> {
    /// Follows passes from now on.
    pub fn ticks(&self) -> Ticks {
        Ticks { engine: self.engine().clone(), ended: self.engine().figures.ended() }
    }

    /// Everything that was measured at one provider, as it is told now, sorted by name.
    pub fn at(&self, provider: ProviderId) -> Collected {
        let mut some = self.collected_at(provider.into());
        some.sort();
        some
    }
}
