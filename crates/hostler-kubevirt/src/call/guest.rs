//! Asks what a guest's agent told the node that runs it. The answer comes from the node, and
//! one that does not come says nothing of the API server: no breaker counts it.

use std::time::Duration;

use hostler_provider::Cx;
use serde_json::Value;

use super::{Caller, Class, Question, Result, Verb, document, ours, within};
use crate::resource::{ObjectKey, Resource};
use crate::versions;

impl Caller {
    /// `userlist`, `filesystemlist` or `guestosinfo` of an instance, whose node may take so long
    /// once it is asked: what waits for a turn is our own doing.
    ///
    /// # Errors
    /// See [`crate::error`]. Where no agent is connected it is [`crate::error::Cause::WrongState`].
    pub(crate) async fn guest(
        &self,
        cx: &Cx,
        patience: Duration,
        key: &ObjectKey,
        what: &str,
    ) -> Result<Value> {
        let doing = format!("cannot look at {what} of {key}");
        let version = self.version(cx, &versions::SUBRESOURCES, &doing).await?;
        let path = Resource::VMIS.subresource(version, key, what).map_err(ours)?;
        let _turn = self.turn(cx, &doing).await?;
        let leave = self.admit(Class::of(Verb::Read), &doing)?;
        let asked = self.exchange(Question::get(path), &doing);
        let answered = within(&cx.at_most(patience), Verb::Read, &doing, asked).await;
        if answered.is_ok() {
            leave.tell(&answered);
        }
        document(answered?, Verb::Read, &doing)
    }
}
