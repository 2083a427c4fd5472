//! Measuring a libvirt host: passes by what they cost and by whom they wait for.
//!
//! | pass | asks | whom it waits for |
//! |---|---|---|
//! | state | one call for all VMs; pools; the host | the daemon; a pool that hangs costs itself |
//! | stats | batches of a few VMs; the host | hypervisors: one that hangs costs itself |
//! | job | VMs that have a job, and a few others in turn | the same |
//! | guest | VMs whose agent is connected | agents: one that hangs costs itself |
//!
//! Calls that may hang go over connections of their own ([`Role::Measure`]) and
//! have [`Seats`]; who hangs is in a [`Ledger`].

mod containers;
mod guest;
mod host;
mod hypervisor;
pub(crate) mod job;
mod ledger;
mod pools;
mod starts;
mod states;
pub(crate) mod stats;
mod usage;

use std::collections::HashSet;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hostler_core::metrics::Cost;
use hostler_libvirt_rpc::{Connection, Domain, Role, Uuid, flags};
use hostler_provider::{Batch, Cx, Error, Kind, Metrics, Result};

use crate::Libvirt;
use crate::connection::SharedLink;
use crate::error::Intent;
use crate::seats::{Seats, Told};
use ledger::{CallId, Ending, Ledger};

/// How long a call stays on the bench at most; longer than most connections live.
const LONGEST: Duration = Duration::from_secs(6 * 3600);

/// What is remembered from pass to pass. Not in the link, which calls own: what
/// ends them must not be owned by them.
pub(crate) struct Measuring {
    /// Calls that wait for hypervisors.
    hypervisors: Seats,
    /// Hypervisors that do not answer.
    silent: Arc<Ledger>,
    /// VMs that the last pass had no time to ask: the next one begins with them.
    waiting: Mutex<HashSet<Uuid>>,
    /// Calls that wait for guest agents.
    agents: Seats,
    guests: guest::Guests,
    pools: pools::Pools,
    detected: hypervisor::Detected,
    starts: starts::Starts,
    pages: host::Pages,
}

impl Measuring {
    /// Nothing measured yet. All seats together are the calls that
    /// [`crate::connection::MEASURERS`] connections can have under way.
    pub(crate) fn new() -> Self {
        Self {
            hypervisors: Seats::new(usage::AT_ONCE, usage::BENCH),
            silent: Arc::default(),
            waiting: Mutex::default(),
            agents: Seats::new(guest::AT_ONCE, guest::BENCH),
            guests: guest::Guests::default(),
            pools: pools::Pools::new(),
            detected: hypervisor::Detected::default(),
            starts: starts::Starts::default(),
            pages: host::Pages::default(),
        }
    }
}

/// One pass while it is made: when it has to come to an end, and how long each
/// call of it may take.
struct Turn {
    cx: Cx,
    patience: Duration,
}

impl Turn {
    /// What is left to be told is worth nothing after the deadline: so a pass
    /// ends a while before it, with what it has.
    fn new(cx: &Cx, patience: Duration) -> Self {
        let left = cx.remaining();
        Self { cx: cx.at_most(left.saturating_sub(left / 8)), patience: patience.min(left / 4) }
    }

    /// Whether a call can still be made, and be late for no fault of the pass.
    fn has_time(&self) -> bool {
        self.cx.remaining() >= self.patience
    }
}

/// A call that may hang, on a connection where only such calls are; `ending`
/// lives as long as it does.
async fn hanging<T, F>(
    link: SharedLink,
    doing: String,
    ending: Option<Ending>,
    call: impl FnOnce(Connection) -> F + Send,
) -> Result<T>
where
    F: Future<Output = hostler_libvirt_rpc::Result<T>> + Send,
{
    let cx = Cx::within(LONGEST).with_clock(link.config.clock.clone());
    let told = link.call(&cx, Role::Measure, Intent::Look, &doing, call).await;
    drop(ending);
    told
}

/// Whether an error is of the host, and not of what was asked about.
fn is_of_host(error: &Error) -> bool {
    matches!(error.kind(), Kind::Unavailable | Kind::Cancelled | Kind::Denied)
}

impl Libvirt {
    /// The VMs that run now.
    async fn active(&self, cx: &Cx) -> Result<Vec<Domain>> {
        let of = flags::list_domains::ACTIVE;
        self.link.look(cx, "cannot list VMs", |c| async move { c.list_all_domains(of).await }).await
    }

    /// Makes a call about VMs that may hang, and waits for it for a while.
    async fn ask<T, F>(
        &self,
        turn: &Turn,
        doing: String,
        call: impl FnOnce(Connection) -> F + Send + 'static,
    ) -> Result<(Told<Result<T>>, CallId)>
    where
        T: Send + 'static,
        F: Future<Output = hostler_libvirt_rpc::Result<T>> + Send + 'static,
    {
        let (id, ending) = self.measuring.silent.begin();
        if !turn.has_time() {
            return Ok((Told::NotAsked, id));
        }
        let call = hanging(self.link.clone(), doing.clone(), Some(ending), call);
        tokio::select! {
            biased;
            told = self.measuring.hypervisors.ask(turn.patience, call) => Ok((told, id)),
            () = turn.cx.cancellation().cancelled() => {
                Err(Error::new(Kind::Cancelled, format!("{doing}: cancelled")))
            }
        }
    }
}

#[async_trait]
impl Metrics for Libvirt {
    fn passes(&self) -> &'static [Cost] {
        match self.link.holds_containers {
            true => &[Cost::State, Cost::Stats],
            false => Cost::PASSES,
        }
    }

    async fn collect(&self, cx: &Cx, pass: Cost) -> Result<Batch> {
        match pass {
            Cost::State if self.link.holds_containers => self.measure_container_states(cx).await,
            Cost::Stats if self.link.holds_containers => self.measure_container_use(cx).await,
            Cost::State => self.measure_states(cx).await,
            Cost::Stats => self.measure_usage(cx).await,
            Cost::Job => self.measure_jobs(cx).await,
            Cost::Guest => self.measure_guests(cx).await,
            Cost::Own => {
                Err(Error::new(Kind::Invalid, "what is computed cannot be asked of a host"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn f7_a_pass_ends_before_its_deadline_and_begins_no_call_that_could_not() {
        let (patience, all) = (Duration::from_secs(2), Duration::from_secs(8));
        let cx = Cx::within(all);
        let turn = Turn::new(&cx, patience);
        assert!(turn.cx.deadline() < cx.deadline());
        assert_eq!(turn.patience, patience);
        tokio::time::advance(Duration::from_secs(5)).await;
        assert!(turn.has_time());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!turn.has_time());
        // However short, there is time for several calls one after the other.
        assert_eq!(Turn::new(&Cx::within(patience), patience).patience, patience / 4);
    }

    #[test]
    fn f7_every_call_that_may_hang_has_a_slot_and_most_of_the_daemons_workers_are_left() {
        let calls = usage::AT_ONCE + usage::BENCH + guest::AT_ONCE + guest::BENCH + pools::CALLS;
        let slots = hostler_libvirt_rpc::Options::default().max_in_flight;
        assert!(calls <= crate::connection::MEASURERS * slots, "{calls}");
        assert!(calls < 20 - 4, "libvirtd has 20 workers for all its clients");
    }
}
