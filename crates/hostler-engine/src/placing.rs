//! Choosing a host, with memory that was promised to VMs still in the making
//! taken into account, so that two creations never share the same free memory
//! (I16).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use hostler_core::id::{HostId, OperationId, ProviderId};
use hostler_core::operation::Resource;
use hostler_core::placement::{self, Placement, Wish};
use hostler_core::vm::VmSpec;
use hostler_core::vm::status::Phase;
use hostler_core::{Error, Result};

use crate::Inner;
use crate::fleet::State;
use crate::fleet::snapshot::candidates;
use crate::operations::vm_create::Place;

/// Memory promised to VMs that are being made, by operation.
#[derive(Default)]
pub(crate) struct Promises(Mutex<HashMap<OperationId, (HostId, u64)>>);

impl Promises {
    /// Gives back what was promised: the operation ended.
    pub(crate) fn keep(&self, operation: OperationId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&operation);
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
        let placed = choose(&state, &promises, spec, wish)?;
        promises.insert(operation, (placed.host, spec.memory.bytes));
        let host_ref = host_ref(&state, placed.provider, placed.host)?;
        Ok(Place { provider: placed.provider, host: placed.host, host_ref, pool: None })
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
    promises: &HashMap<OperationId, (HostId, u64)>,
    spec: &VmSpec,
    wish: &Wish,
) -> Result<Placement> {
    let mut promised: HashMap<HostId, u64> = HashMap::new();
    for (host, bytes) in promises.values() {
        *promised.entry(*host).or_default() += bytes;
    }
    // After a restart the promises are gone from memory, and the rows remember.
    for row in state.rows.values().filter(|row| row.phase == Phase::Creating) {
        let operation = state.claims.get(&Resource::Vm(row.id));
        if let (Some(host), false) = (row.host, operation.is_some_and(|o| promises.contains_key(o)))
        {
            *promised.entry(host).or_default() += row.spec.memory.bytes;
        }
    }
    placement::place(spec, wish, &candidates(state, &promised))
}

fn host_ref(state: &State, provider: ProviderId, host: HostId) -> Result<String> {
    let seen = state.providers.get(&provider).and_then(|entry| entry.seen.as_ref());
    seen.into_iter()
        .flat_map(|seen| seen.hosts.keys())
        .find(|external_ref| state.host_id(provider, external_ref) == Some(host))
        .cloned()
        .ok_or_else(|| Error::bug("a host was chosen that is not in the fleet"))
}
