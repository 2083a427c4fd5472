//! Tickets: secrets that open one console once, for one person, within 30 seconds.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use hostler_core::access::Actor;
use hostler_core::id::{IdSource, VmId};
use hostler_core::vm::observed::ConsoleKind;
use hostler_core::{Code, Error, Result};
use tokio::time::Instant;

use crate::auth::{Caller, secrets};

/// How long a ticket can be used.
pub(super) const LIFE: Duration = Duration::from_secs(30);
/// Tickets that can be unused at once, in all and by one actor.
const UNUSED_MAX: usize = 4096;
const UNUSED_MAX_EACH: usize = 64;

/// What a ticket opens, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) actor: Actor,
    pub(super) vm: VmId,
    pub(super) kind: ConsoleKind,
    pub(super) take_over: bool,
    /// The page that asked for it; `None` for programs.
    pub(super) origin: Option<String>,
}

/// Tickets that were not used yet, by the hash of their secret.
#[derive(Default)]
pub struct Tickets(Mutex<HashMap<[u8; 32], (Instant, Bound)>>);

impl Tickets {
    /// Makes a ticket.
    pub(super) fn issue(&self, ids: &IdSource, bound: Bound) -> Result<String> {
        let mut unused = self.0.lock().expect("nothing panics while it holds this lock");
        unused.retain(|_, (since, _)| since.elapsed() < LIFE);
        let own = unused.values().filter(|(_, other)| other.actor == bound.actor).count();
        if unused.len() >= UNUSED_MAX || own >= UNUSED_MAX_EACH {
            let message = "too many console tickets are waiting to be used";
            return Err(Error::new(Code::RateLimited, message));
        }
        let secret = secrets::encode(&ids.secret());
        unused.insert(secrets::hash(&secret), (Instant::now(), bound));
        Ok(secret)
    }

    /// Uses a ticket up, whether it opens anything or not. Everything that is wrong
    /// with one looks the same from outside.
    pub(super) fn redeem(
        &self,
        secret: &str,
        caller: &Caller,
        origin: Option<&str>,
    ) -> Result<Bound> {
        let taken = {
            let mut unused = self.0.lock().expect("nothing panics while it holds this lock");
            unused.remove(&secrets::hash(secret))
        };
        let is_good = |(since, bound): &(Instant, Bound)| {
            since.elapsed() < LIFE
                && bound.actor == caller.actor
                && bound.origin.as_deref() == origin
        };
        taken.filter(is_good).map(|(_, bound)| bound).ok_or_else(|| {
            Error::new(
                Code::TicketInvalid,
                "the ticket is unknown, used, expired or somebody else's",
            )
        })
    }
}

impl std::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tickets")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hostler_core::Timestamp;
    use hostler_core::access::Role;
    use hostler_core::clock::ManualClock;
    use hostler_core::id::SeededEntropy;

    use super::*;
    use crate::auth::Via;

    const OURS: Option<&str> = Some("https://h:7443");

    fn ids() -> IdSource {
        let clock = ManualClock::at(Timestamp::from_millis(1));
        IdSource::new(Arc::new(clock), Arc::new(SeededEntropy::new(7)))
    }

    fn caller(name: &str) -> Caller {
        let actor = Actor { name: name.to_owned(), role: Role::Admin };
        Caller { actor, via: Via::Socket }
    }

    fn bound(vm: u8, origin: Option<&str>) -> Bound {
        Bound {
            actor: caller("ada").actor,
            vm: VmId::new(Timestamp::from_millis(1), [vm; 10]),
            kind: ConsoleKind::Serial,
            take_over: false,
            origin: origin.map(str::to_owned),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a16_a_ticket_opens_its_own_vm_once() {
        let (tickets, ids) = (Tickets::default(), ids());
        let first = tickets.issue(&ids, bound(1, OURS)).unwrap();
        let second = tickets.issue(&ids, bound(2, OURS)).unwrap();
        assert_ne!(first, second);
        assert_eq!(tickets.redeem(&second, &caller("ada"), OURS).unwrap(), bound(2, OURS));
        assert_eq!(tickets.redeem(&first, &caller("ada"), OURS).unwrap(), bound(1, OURS));
        let again = tickets.redeem(&first, &caller("ada"), OURS).unwrap_err();
        assert_eq!(again.code(), Code::TicketInvalid);
    }

    #[tokio::test(start_paused = true)]
    async fn a16_a_ticket_is_no_use_to_anybody_else_and_is_gone_when_they_tried() {
        let (tickets, ids) = (Tickets::default(), ids());
        for (origin, thief, from) in [
            (OURS, "eve", OURS),
            (OURS, "ada", Some("https://evil.example")),
            (OURS, "ada", None),
            (None, "ada", OURS),
        ] {
            let ticket = tickets.issue(&ids, bound(1, origin)).unwrap();
            assert!(tickets.redeem(&ticket, &caller(thief), from).is_err());
            assert!(tickets.redeem(&ticket, &caller("ada"), origin).is_err());
        }
        let nobody = tickets.issue(&ids, bound(1, OURS)).unwrap();
        assert!(tickets.redeem(&nobody, &Caller::nobody(), OURS).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a16_a_ticket_ends_after_thirty_seconds() {
        let (tickets, ids) = (Tickets::default(), ids());
        let ticket = tickets.issue(&ids, bound(1, OURS)).unwrap();
        tokio::time::advance(LIFE).await;
        assert!(tickets.redeem(&ticket, &caller("ada"), OURS).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn tickets_are_bounded_and_come_back_by_time() {
        let (tickets, ids) = (Tickets::default(), ids());
        for _ in 0..UNUSED_MAX_EACH {
            tickets.issue(&ids, bound(1, OURS)).unwrap();
        }
        let error = tickets.issue(&ids, bound(1, OURS)).unwrap_err();
        assert_eq!(error.code(), Code::RateLimited);
        tokio::time::advance(LIFE).await;
        tickets.issue(&ids, bound(1, OURS)).unwrap();
    }
}
