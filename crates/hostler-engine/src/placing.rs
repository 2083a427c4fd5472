//! Choosing a host, with memory that was promised to VMs still in the making
//! taken into account, so that two creations never share the same free memory
//! (I16).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use hostler_core::id::{HostId, OperationId, ProviderId};
use hostler_core::operation::Resource;
use hostler_core::placement::{self, Placement, Wish};
use hostler_core::vm::VmSpec;
use hostler_core::vm::devices::VolumeFormat;
use hostler_core::vm::status::Phase;
use hostler_core::{Code, Error, Result};
use hostler_provider::Stale;
use tokio::time::Instant;

use crate::Inner;
use crate::fleet::snapshot::candidates;
use crate::fleet::{Reach, State};
use crate::operations::vm_create::Place;

/// Memory promised to VMs that are being made, by operation.
#[derive(Default)]
pub(crate) struct Promises(Mutex<HashMap<OperationId, Promise>>);

/// Memory of a host that an operation is about to use.
struct Promise {
    host: HostId,
    bytes: u64,
    /// When the operation ended. The promise lasts until a look at the host that
    /// was begun after that, with the VM in its figures or without. By timers: a
    /// clock that is put back would hold the memory until it has caught up (I14).
    ended_at: Option<Instant>,
}

impl Promises {
    /// The operation ended.
    pub(crate) fn release(&self, operation: OperationId) {
        let mut promises = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(promise) = promises.get_mut(&operation) {
            promise.ended_at.get_or_insert_with(Instant::now);
        }
    }
}

impl Promise {
    fn holds(&self, state: &State) -> bool {
        let Some(ended_at) = self.ended_at else { return true };
        let hosts =
            state.providers.iter().filter_map(|(id, entry)| Some((id, entry.seen.as_ref()?)));
        let mut seen = hosts.flat_map(|(id, seen)| seen.hosts.keys().map(move |r| (id, seen, r)));
        let host = seen.find(|(id, _, r)| state.host_id(**id, r) == Some(self.host));
        host.is_none_or(|(_, seen, r)| seen.host_look_began(r) <= ended_at)
    }
}

impl Inner {
    /// Chooses a host and promises the memory to `operation`.
    pub(crate) async fn place(
        &self,
        operation: OperationId,
        spec: &VmSpec,
        wish: &Wish,
    ) -> Result<Place> {
        // One lock over looking and promising: nobody promises in between.
        let mut promises = self.promises.0.lock().unwrap_or_else(PoisonError::into_inner);
        promises.remove(&operation);
        let state = self.fleet.read();
        promises.retain(|_, promise| promise.holds(&state));
        let placed = choose(&state, &promises, spec, wish)?;
        let (host, bytes) = (placed.host, spec.memory.bytes);
        promises.insert(operation, Promise { host, bytes, ended_at: None });
        let host_ref = host_ref(&state, placed.provider, placed.host)?;
        Ok(Place {
            provider: placed.provider,
            host: placed.host,
            host_ref,
            pool: None,
            format: VolumeFormat::default(),
        })
    }

    /// Where the VM would go, without promising anything.
    pub(crate) fn would_place(&self, spec: &VmSpec, wish: &Wish) -> Result<(Placement, String)> {
        let promises = self.promises.0.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.fleet.read();
        let placed = choose(&state, &promises, spec, wish)?;
        let host_ref = host_ref(&state, placed.provider, placed.host)?;
        Ok((placed, host_ref))
    }
}

fn choose(
    state: &State,
    promises: &HashMap<OperationId, Promise>,
    spec: &VmSpec,
    wish: &Wish,
) -> Result<Placement> {
    let mut promised: HashMap<HostId, u64> = HashMap::new();
    for promise in promises.values().filter(|promise| promise.holds(state)) {
        *promised.entry(promise.host).or_default() += promise.bytes;
    }
    // After a restart the promises are gone from memory, and the rows remember.
    for row in state.rows.values().filter(|row| row.phase == Phase::Creating) {
        let operation = state.claims.get(&Resource::Vm(row.id));
        let is_promised = |o| promises.get(o).is_some_and(|promise| promise.holds(state));
        if let (Some(host), false) = (row.host, operation.is_some_and(is_promised)) {
            *promised.entry(host).or_default() += row.spec.memory.bytes;
        }
    }
    let placed = placement::place(spec, wish, &candidates(state, &promised));
    placed.map_err(|refused| match behind(state, wish) {
        Some(later) if refused.code() == Code::NoHostFits => later,
        _ => refused,
    })
}

/// Why it may fit later: a provider that the wish allows is known from an older picture
/// only, so nothing is made there now.
fn behind(state: &State, wish: &Wish) -> Option<Error> {
    let mut behind = state.providers.iter().filter_map(|(id, entry)| {
        let seen = entry.seen.as_ref().filter(|_| entry.reach == Reach::Answering)?;
        let stale = seen.stale.as_ref()?;
        let is_its = |host| seen.hosts.keys().any(|it| state.host_id(*id, it) == Some(host));
        let is_meant =
            wish.provider.is_none_or(|wished| wished == *id) && wish.host.is_none_or(is_its);
        is_meant.then(|| rebuilding(&entry.row.name, stale))
    });
    behind.next()
}

/// The refusal of a change at a provider of which only an older picture is known (E10).
pub(crate) fn rebuilding(provider: &str, stale: &Stale) -> Error {
    let Stale { since, reason } = stale;
    let message = format!(
        "nothing is changed at provider \"{provider}\" now: {reason}, and what is known is of \
         {since}; try again in a moment"
    );
    Error::new(Code::ClusterRebuilding, message)
}

fn host_ref(state: &State, provider: ProviderId, host: HostId) -> Result<String> {
    let seen = state.providers.get(&provider).and_then(|entry| entry.seen.as_ref());
    seen.into_iter()
        .flat_map(|seen| seen.hosts.keys())
        .find(|external_ref| state.host_id(provider, external_ref) == Some(host))
        .cloned()
        .ok_or_else(|| Error::bug("a host was chosen that is not in the fleet"))
}
