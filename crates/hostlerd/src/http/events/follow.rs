//! Following events, in whatever form: which, from where, and until when.

use hostler_api::v1::EventQuery;
use hostler_core::error::Fault;
use hostler_core::{Code, Error};
use hostler_engine::{Item, Subscription};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Interval, MissedTickBehavior};

use crate::app::App;
use crate::auth::Caller;
use crate::http::error::{Refusal, Result};

/// Something is said at least this often.
pub(super) const HEARTBEAT: std::time::Duration = std::time::Duration::from_secs(15);
/// The most kinds that a client can choose.
const TYPES_MAX: usize = 64;

/// A client that follows events.
pub(super) struct Follower {
    app: App,
    caller: Caller,
    subscription: Subscription,
    types: Types,
    beat: Interval,
    _permit: OwnedSemaphorePermit,
}

/// What a follower is told next.
pub(super) enum Told {
    /// An event.
    Event(Box<hostler_api::v1::Event>),
    /// Some were lost.
    Resync,
    /// Nothing happened for a while.
    Nothing,
    /// It is over.
    End,
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
        let permit = app.streams.followers.clone().try_acquire_owned().map_err(|_| {
            Refusal::new(Code::RateLimited, "too many clients follow events").retry_after(30)
        })?;
        let subscription = app.engine.events().subscribe(since).await?;
        let mut beat = tokio::time::interval(HEARTBEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beat.reset();
        Ok(Self { app, caller, subscription, types, beat, _permit: permit })
    }

    /// What comes next.
    pub(super) async fn next(&mut self) -> Told {
        loop {
            let item = tokio::select! {
                () = self.app.draining.cancelled() => return Told::End,
                item = self.subscription.next() => item,
                _ = self.beat.tick() => {
                    // Whoever was let in may have been thrown out since.
                    return match self.app.auth.is_still_valid(&self.caller).await {
                        true => Told::Nothing,
                        false => Told::End,
                    };
                }
            };
            match item {
                Some(Item::Event(event)) if self.types.take(&event.kind) => {
                    return Told::Event(Box::new(super::told(&event)));
                }
                Some(Item::Event(_)) => {}
                Some(Item::Resync) => return Told::Resync,
                None => return Told::End,
            }
        }
    }
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
