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

mod guest;
mod host;
mod hypervisor;
pub(crate) mod job;
mod ledger;
mod pools;
mod seats;
mod states;
pub(crate) mod stats;
mod usage;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hostler_core::metrics::Cost;
use hostler_libvirt_rpc::{Connection, Domain, Role, flags};
use hostler_provider::{Batch, Cx, Error, Kind, Metrics, Result};

use crate::Libvirt;
use crate::connection::SharedLink;
use crate::error::Intent;
use ledger::{CallId, Ending, Ledger};
use seats::{Seats, Told};

/// How long a call stays on the bench at most; longer than most connections live.
const LONGEST: Duration = Duration::from_secs(6 * 3600);

/// What is remembered from pass to pass. Not in the link, which calls own: what
/// ends them must not be owned by them.
pub(crate) struct Measuring {
    /// Calls that wait for hypervisors.
    hypervisors: Seats,
    /// Hypervisors that do not answer.
    silent: Arc<Ledger>,
    /// Calls that wait for guest agents.
    agents: Seats,
    guests: guest::Guests,
    pools: pools::Pools,
    detected: hypervisor::Detected,
    pages: host::Pages,
}

impl Measuring {
    /// Nothing measured yet. All seats together are the calls that
    /// [`crate::connection::MEASURERS`] connections can have under way.
    pub(crate) fn new() -> Self {
        Self {
            hypervisors: Seats::new(usage::AT_ONCE, usage::BENCH),
            silent: Arc::default(),
            agents: Seats::new(guest::AT_ONCE, guest::BENCH),
            guests: guest::Guests::default(),
            pools: pools::Pools::new(),
            detected: hypervisor::Detected::default(),
            pages: host::Pages::default(),
        }
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
        cx: &Cx,
        doing: String,
        call: impl FnOnce(Connection) -> F + Send + 'static,
    ) -> Result<(Told<Result<T>>, CallId)>
    where
        T: Send + 'static,
        F: Future<Output = hostler_libvirt_rpc::Result<T>> + Send + 'static,
    {
        let patience = self.link.config.patience.min(cx.remaining());
        let (id, ending) = self.measuring.silent.begin();
        let call = hanging(self.link.clone(), doing.clone(), Some(ending), call);
        tokio::select! {
            biased;
            told = self.measuring.hypervisors.ask(patience, call) => Ok((told, id)),
            () = cx.cancellation().cancelled() => {
                Err(Error::new(Kind::Cancelled, format!("{doing}: cancelled")))
            }
        }
    }
}

#[async_trait]
impl Metrics for Libvirt {
    fn passes(&self) -> &'static [Cost] {
        Cost::PASSES
    }

    async fn collect(&self, cx: &Cx, pass: Cost) -> Result<Batch> {
        match pass {
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
