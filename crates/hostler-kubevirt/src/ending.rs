//! Deleting an object by its UID, and waiting until that one is gone: in one manner for all.
//!
//! ```text
//!   there ─┬─ deleted by UID ─► going ─┬─► gone, or another one of its name: done
//!          │                           ├─ no answer: looked at again
//!          │                           └─ any other answer, or no time left: of unknown effect
//!          └─ refused: as it was refused
//! ```

use std::time::Duration;

use hostler_provider::{Cx, Error, Kind, Result};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::call::Caller;
use crate::error::Cause;
use crate::link::Link;
use crate::resource::{ObjectKey, Resource};

/// How soon it is looked again whether it is gone, at first and at the latest.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// An object that is to be gone.
pub(crate) struct Ending<'a> {
    pub(crate) cx: &'a Cx,
    pub(crate) link: &'a Link,
    pub(crate) caller: &'a Caller,
    pub(crate) resource: Resource,
    pub(crate) key: &'a ObjectKey,
    /// Which one of that name; without, whichever bears it.
    pub(crate) uid: Option<&'a str>,
    /// What it is done for.
    pub(crate) doing: &'a str,
}

impl Ending<'_> {
    /// Deletes it, and waits until it is gone. Absent is success.
    ///
    /// # Errors
    /// As the deletion was refused; of unknown effect from then on.
    pub(crate) async fn delete(&self) -> Result<()> {
        match self.caller.delete(self.cx, self.resource, self.key, self.uid).await {
            Ok(()) => self.wait().await,
            Err(failure) if matches!(failure.cause, Cause::ObjectMissing | Cause::Changed) => {
                Ok(())
            }
            Err(failure) => Err(self.link.noted(failure).context(self.doing)),
        }
    }

    /// Waits until it is gone, after it was deleted.
    ///
    /// # Errors
    /// Of unknown effect, all of them.
    pub(crate) async fn wait(&self) -> Result<()> {
        let mut pause = LOOK_AGAIN.0;
        loop {
            match self.caller.get(self.cx, self.resource, self.key).await {
                Ok(found) if self.is_it(&found) => {}
                Ok(_) => return Ok(()),
                Err(failure)
                    if matches!(failure.cause, Cause::ObjectMissing | Cause::KindMissing) =>
                {
                    return Ok(());
                }
                // It passes by itself, unlike what was deleted.
                Err(failure) if failure.error.kind().is_transient() => {}
                Err(failure) => {
                    let error = self.link.noted(failure).context(self.doing);
                    return Err(error.with_unknown_effect());
                }
            }
            self.rest(&mut pause).await?;
        }
    }

    fn is_it(&self, found: &Value) -> bool {
        let uid = found.pointer("/metadata/uid").and_then(Value::as_str);
        self.uid.is_none() || self.uid == uid
    }

    async fn rest(&self, pause: &mut Duration) -> Result<()> {
        let what = format!("{} {} is being deleted", self.resource.full_name(), self.key);
        let now = Instant::now();
        if now >= self.cx.deadline() {
            let message = format!("{}: {what}, and the cluster is not done", self.doing);
            return Err(Error::new(Kind::Timeout, message).with_unknown_effect());
        }
        self.cx.progress(None, what);
        let nap = (*pause).min(self.cx.deadline() - now);
        *pause = (*pause * 2).min(LOOK_AGAIN.1);
        tokio::select! {
            () = sleep(nap) => Ok(()),
            () = self.cx.cancellation().cancelled() => {
                let message = format!("{}: cancelled", self.doing);
                Err(Error::new(Kind::Cancelled, message).with_unknown_effect())
            }
        }
    }
}
