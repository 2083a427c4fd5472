//! Who does not answer at present, so that nobody is asked again in vain with
//! every pass.
//!
//! ```text
//!               ┌────────── asked with others ◄─────────┐ answered
//!               ▼                                       │
//!            answers ── late ──► held by our call ──► asked apart
//!               │                                       ▲ │ in vain
//!               └─ held by somebody else ──► pause ─────┘ │ pause, doubled
//!                                              ▲──────────┘
//! ```
//!
//! One that a call of ours hangs on is asked again once that call has ended, and
//! never before: it is known that it does not answer.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hostler_libvirt_rpc::{Domain, Uuid};
use tokio::time::Instant;

/// The first pause before one is asked apart, and the longest.
const PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// A call of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct CallId(u64);

/// How one is to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Manner {
    /// With others.
    Together,
    /// Alone, since it did not answer before.
    Apart,
    /// Not now, for this reason.
    NotNow(String),
}

struct Entry {
    /// The domain's number then: another run has another hypervisor.
    id: i32,
    held: Option<CallId>,
    next: Instant,
    pause: Duration,
    since: Instant,
    reason: String,
}

#[derive(Default)]
struct State {
    silent: HashMap<Uuid, Entry>,
    /// Calls that have not ended.
    calls: HashSet<CallId>,
    last: u64,
}

/// Those of a host that do not answer.
#[derive(Default)]
pub(crate) struct Ledger(Mutex<State>);

impl Ledger {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call is about to be made; it ends when the second one is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> (CallId, Ending) {
        let mut state = self.lock();
        state.last += 1;
        let call = CallId(state.last);
        state.calls.insert(call);
        (call, Ending { ledger: self.clone(), call })
    }

    /// A call has ended: whoever was held by it can be asked again.
    fn end(&self, call: CallId) {
        let mut state = self.lock();
        state.calls.remove(&call);
        let now = Instant::now();
        for entry in state.silent.values_mut().filter(|entry| entry.held == Some(call)) {
            (entry.held, entry.next) = (None, now);
        }
    }

    /// How it is to be asked now.
    pub(crate) fn manner(&self, domain: &Domain) -> Manner {
        let mut state = self.lock();
        let now = Instant::now();
        match state.silent.get(&domain.uuid) {
            None => Manner::Together,
            Some(entry) if entry.id != domain.id => {
                state.silent.remove(&domain.uuid);
                Manner::Together
            }
            Some(entry) if entry.held.is_none() && entry.next <= now => Manner::Apart,
            Some(entry) => {
                let seconds = now.duration_since(entry.since).as_secs();
                Manner::NotNow(format!("{}; silent for {seconds} s", entry.reason))
            }
        }
    }

    /// It did not answer. `held`: a call of ours hangs on it.
    pub(crate) fn silent(&self, domain: &Domain, held: Option<CallId>, reason: &str) {
        let mut state = self.lock();
        let now = Instant::now();
        // It may have been answered between being given up and being told here.
        let ended = held.is_some_and(|call| !state.calls.contains(&call));
        let held = held.filter(|_| !ended);
        let entry = state.silent.entry(domain.uuid).or_insert_with(|| Entry {
            id: domain.id,
            held,
            next: now,
            pause: PAUSE / 2,
            since: now,
            reason: String::new(),
        });
        entry.pause = entry.pause.saturating_mul(2).min(LONGEST_PAUSE);
        entry.next = if ended { now } else { now + entry.pause };
        (entry.id, entry.held) = (domain.id, held);
        reason.clone_into(&mut entry.reason);
    }

    /// It answered.
    pub(crate) fn answered(&self, uuid: Uuid) {
        self.lock().silent.remove(&uuid);
    }

    /// Forgets those that are not there any more.
    pub(crate) fn retain(&self, present: &HashSet<Uuid>) {
        self.lock().silent.retain(|uuid, _| present.contains(uuid));
    }
}

/// Ends a call when it is dropped.
pub(crate) struct Ending {
    ledger: Arc<Ledger>,
    call: CallId,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.ledger.end(self.call);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(id: i32) -> Domain {
        Domain { name: "a".into(), id, ..Domain::by_uuid(Uuid([1; 16])) }
    }

    fn is_not_now(ledger: &Ledger) -> bool {
        matches!(ledger.manner(&domain(1)), Manner::NotNow(_))
    }

    #[tokio::test(start_paused = true)]
    async fn f7_one_that_holds_a_call_of_ours_is_asked_again_when_the_call_ends() {
        let ledger = Arc::new(Ledger::default());
        let ((call, ending), (_, other)) = (ledger.begin(), ledger.begin());
        ledger.silent(&domain(1), Some(call), "hangs");
        tokio::time::advance(100 * LONGEST_PAUSE).await;
        drop(other);
        let Manner::NotNow(why) = ledger.manner(&domain(1)) else { panic!("its call hangs") };
        assert_eq!(why, "hangs; silent for 30000 s");
        drop(ending);
        assert_eq!(ledger.manner(&domain(1)), Manner::Apart);
        ledger.answered(domain(1).uuid);
        assert_eq!(ledger.manner(&domain(1)), Manner::Together);
    }

    #[tokio::test(start_paused = true)]
    async fn f7_one_that_others_hold_is_asked_ever_more_seldom() {
        let ledger = Arc::new(Ledger::default());
        let mut pauses = Vec::new();
        for _ in 0..9 {
            ledger.silent(&domain(1), None, "busy");
            let since = Instant::now();
            while is_not_now(&ledger) {
                tokio::time::advance(PAUSE).await;
            }
            pauses.push(since.elapsed().as_secs());
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_ended_before_its_lateness_was_told_holds_nobody() {
        let ledger = Arc::new(Ledger::default());
        let (call, ending) = ledger.begin();
        drop(ending);
        ledger.silent(&domain(1), Some(call), "hangs");
        assert_eq!(ledger.manner(&domain(1)), Manner::Apart);
    }

    #[tokio::test(start_paused = true)]
    async fn another_run_of_a_vm_and_one_that_is_gone_begin_anew() {
        let ledger = Arc::new(Ledger::default());
        ledger.silent(&domain(1), None, "busy");
        assert_eq!(ledger.manner(&domain(2)), Manner::Together);
        assert_eq!(ledger.manner(&domain(1)), Manner::Together, "forgotten");
        ledger.silent(&domain(1), None, "busy");
        ledger.retain(&HashSet::from([domain(1).uuid]));
        assert!(is_not_now(&ledger));
        ledger.retain(&HashSet::new());
        assert_eq!(ledger.manner(&domain(1)), Manner::Together);
    }
}
