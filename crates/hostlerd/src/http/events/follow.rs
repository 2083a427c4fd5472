//! Following events, in whatever form: which, from where, and until when.

use std::time::Duration;

use axum::extract::ws::Utf8Bytes;
use hostler_api::EVENTS_PROTOCOL;
use hostler_api::v1::EventQuery;
use hostler_core::error::Fault;
use hostler_core::{Code, Error};
use hostler_engine::{Item, Subscription};
use hostler_store::StoredEvent;

use crate::app::App;
use crate::auth::Caller;
use crate::http::error::Result;
use crate::http::streams::{Follow, Guard, Said, Sign};

/// Something is said at least this often.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// The most kinds that a client can choose.
const TYPES_MAX: usize = 64;

/// A client that follows events.
pub(super) struct Follower {
    guard: Guard,
    /// What was signed and is not done yet.
    due: Option<Sign>,
    subscription: Subscription,
    types: Types,
}

impl Follower {
    /// Begins after `since`, or now.
    pub(super) async fn begin(
        app: App,
        caller: Caller,
        query: &EventQuery,
        since: Option<u64>,
    ) -> Result<Self> {
        let types = Types::parse(query.types.as_deref())?;
        let places = &app.streams.followers;
        let guard = Guard::admit(app.clone(), caller, places, "events", HEARTBEAT)?;
        let subscription = app.engine.events().subscribe(since).await?;
        Ok(Self { guard, due: None, subscription, types })
    }
}

impl Follow for Follower {
    const PROTOCOL: &'static str = EVENTS_PROTOCOL;
    // Clients have nothing to say but pongs.
    const MESSAGE_BYTES_MAX: usize = 4096;
    const IDLE_MAX: Duration = HEARTBEAT.saturating_mul(4);

    async fn next(&mut self) -> Said {
        loop {
            if let Some(sign) = self.due {
                if sign == Sign::Stopping {
                    return Said::STOPPING;
                }
                if !self.guard.may_stay().await {
                    return Said::THROWN_OUT;
                }
                self.due = None;
                if sign == Sign::Beat {
                    return Said::Alive;
                }
            }
            let item = tokio::select! {
                sign = self.guard.sign() => {
                    self.due = Some(sign);
                    continue;
                }
                item = self.subscription.next() => item,
            };
            match item {
                Some(Item::Event(event)) if self.types.take(&event.kind) => {
                    return message(&event);
                }
                Some(Item::Event(_)) => {}
                Some(Item::Resync) => return resync(),
                None => return Said::STOPPING,
            }
        }
    }

    fn hear(&mut self, _: &str) {}
}

fn message(event: &StoredEvent) -> Said {
    match serde_json::to_string(&super::told(event)) {
        Ok(text) => Said::Message { id: Some(event.seq), kind: None, text: text.into() },
        // Its documents came from JSON; what is none all the same is lost, and told so.
        Err(_) => resync(),
    }
}

fn resync() -> Said {
    let text = Utf8Bytes::from_static("{\"type\":\"resync\"}");
    Said::Message { id: None, kind: Some("resync"), text }
}

/// Which kinds of events.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Types(Vec<String>);

impl Types {
    fn parse(text: Option<&str>) -> Result<Self> {
        let words = text.unwrap_or_default().split(',').map(str::trim);
        let words: Vec<_> = words.filter(|word| !word.is_empty()).map(str::to_owned).collect();
        if words.len() > TYPES_MAX {
            let detail = format!("has more than {TYPES_MAX} kinds");
            let fault = Fault::new("types", "too_many", detail);
            return Err(Error::faults(Code::QueryInvalid, vec![fault]).into());
        }
        Ok(Self(words))
    }

    /// None are all; `vm.*` is every kind of that family.
    fn take(&self, kind: &str) -> bool {
        let fits = |word: &String| match word.strip_suffix(".*") {
            Some(family) => kind.strip_prefix(family).is_some_and(|rest| rest.starts_with('.')),
            None => word == kind,
        };
        self.0.is_empty() || self.0.iter().any(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_takes_its_own_kinds_only() {
        let take = |types, kind| Types::parse(Some(types)).unwrap().take(kind);
        assert!(take("vm.*, operation.changed", "vm.state"));
        assert!(take("vm.*,operation.changed", "operation.changed"));
        assert!(!take("vm.*", "vmware.added") && !take("vm.*", "vm"));
        assert!(!take("vm.state", "vm.created"));
        assert!(take("", "anything"));
        assert!(Types::parse(Some(&"a,".repeat(65))).is_err());
    }
}
