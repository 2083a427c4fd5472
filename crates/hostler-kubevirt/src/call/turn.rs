//! How many questions are put to a cluster at once (F4): a queue of our own, so that a burst of
//! ours is no burst for its API server.

use hostler_provider::{Cx, Error, Kind};
use tokio::sync::SemaphorePermit;

use super::{Caller, Result, ours, within};
use crate::error::{Cause, Verb};

impl Caller {
    /// Waits until fewer questions are being answered than may be, within the deadline of the
    /// call; nothing was sent until then.
    pub(super) async fn turn(&self, cx: &Cx, doing: &str) -> Result<SemaphorePermit<'_>> {
        let waiting = format!("{doing}: waiting for other calls to the cluster to end");
        within(cx, Verb::Read, &waiting, async {
            self.turns.acquire().await.map_err(|error| {
                ours(Error::new(Kind::Bug, "calls have no turns any more").with_raw(error))
            })
        })
        .await
        .map_err(|failure| match failure.cause {
            // The cluster is not to blame.
            Cause::Transport => ours(failure.error),
            _ => failure,
        })
    }
}
