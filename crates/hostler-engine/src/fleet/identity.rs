//! Which VM is which: from what a provider shows to our ids.
//!
//! A VM's identity is its provider and the provider's lasting name for it, never
//! its own name (X22). For VMs we make, our tag bridges the moment between
//! making them and noting the provider's name.

use std::collections::HashMap;

use hostler_core::Timestamp;
use hostler_core::id::{HostId, NetworkId, PoolId, ProviderId, VmId};
use hostler_core::vm::ObservedVm;
use hostler_store::{ResourceKey, ResourceRow, VmRow};
use uuid::Uuid;

use super::{Seen, State};

/// The kinds of things that providers show.
pub(crate) use hostler_store::ResourceKind as Kind;

/// What a thing is, for ever.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    pub(crate) kind: Kind,
    pub(crate) provider: ProviderId,
    pub(crate) external_ref: String,
}

impl Identity {
    pub(crate) fn new(kind: Kind, provider: ProviderId, external_ref: &str) -> Self {
        Self { kind, provider, external_ref: external_ref.to_owned() }
    }

    /// As it is stored.
    pub(crate) fn row(&self, id: Uuid, first_seen_at: Timestamp) -> ResourceRow {
        let (kind, provider, external_ref) = (self.kind, self.provider, self.external_ref.clone());
        ResourceRow {
            key: ResourceKey { kind, provider, external_ref },
            id,
            first_seen_at,
            absence: hostler_store::Absence::default(),
        }
    }
}

/// A thing's id, and when it was first seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) id: Uuid,
    pub(crate) first_seen_at: Timestamp,
}

/// What the things of one provider are, by the provider's lasting names.
#[derive(Debug, Default)]
pub(crate) struct Names {
    vms: HashMap<String, Known>,
    hosts: HashMap<String, Known>,
    pools: HashMap<String, Known>,
    networks: HashMap<String, Known>,
}

impl Names {
    pub(crate) fn of(&self, kind: Kind) -> &HashMap<String, Known> {
        match kind {
            Kind::Vm => &self.vms,
            Kind::Host => &self.hosts,
            Kind::Pool => &self.pools,
            Kind::Network => &self.networks,
        }
    }

    pub(crate) fn of_mut(&mut self, kind: Kind) -> &mut HashMap<String, Known> {
        match kind {
            Kind::Vm => &mut self.vms,
            Kind::Host => &mut self.hosts,
            Kind::Pool => &mut self.pools,
            Kind::Network => &mut self.networks,
        }
    }
}

impl State {
    /// What stands for a thing.
    pub(crate) fn known(
        &self,
        kind: Kind,
        provider: ProviderId,
        external_ref: &str,
    ) -> Option<Known> {
        self.identities.get(&provider)?.of(kind).get(external_ref).copied()
    }

    /// The id of a host.
    pub(crate) fn host_id(&self, provider: ProviderId, external_ref: &str) -> Option<HostId> {
        self.known(Kind::Host, provider, external_ref).map(|known| HostId::from_uuid(known.id))
    }

    /// The id of a pool.
    pub(crate) fn pool_id(&self, provider: ProviderId, external_ref: &str) -> Option<PoolId> {
        self.known(Kind::Pool, provider, external_ref).map(|known| PoolId::from_uuid(known.id))
    }

    /// The id of a network.
    pub(crate) fn network_id(&self, provider: ProviderId, external_ref: &str) -> Option<NetworkId> {
        self.known(Kind::Network, provider, external_ref)
            .map(|known| NetworkId::from_uuid(known.id))
    }

    /// The id of a VM that was seen, and when it was first seen or made.
    pub(crate) fn vm_id(&self, provider: ProviderId, vm: &ObservedVm) -> Option<VmId> {
        if let Some(id) = self.tagged(provider, vm) {
            return Some(id);
        }
        self.known(Kind::Vm, provider, &vm.external_ref).map(|known| VmId::from_uuid(known.id))
    }

    /// When the VM was first seen.
    pub(crate) fn first_seen_at(&self, provider: ProviderId, vm: &ObservedVm) -> Option<Timestamp> {
        self.first_seen_as(provider, &vm.external_ref)
    }

    /// When a VM of this lasting name was first seen.
    pub(crate) fn first_seen_as(&self, provider: ProviderId, name: &str) -> Option<Timestamp> {
        self.known(Kind::Vm, provider, name).map(|known| known.first_seen_at)
    }

    /// Whether a VM that was seen is to get an id now. One that could not be read may be
    /// one of ours in the making, since nobody knows whose mark it bears: it waits until
    /// it was read, or it would be listed twice.
    pub(crate) fn needs_id(&self, provider: ProviderId, vm: &ObservedVm) -> bool {
        let may_be_this = |row: &VmRow| {
            let may_be_here = row.provider.is_none_or(|p| p == provider);
            row.external_ref.is_none() && row.name == vm.name && may_be_here
        };
        let waits = || !vm.is_read() && self.rows.values().any(|row| may_be_this(row));
        self.vm_id(provider, vm).is_none() && !waits()
    }

    /// Whether somebody adopted the VM that bears the mark of `vm`, which is shown under
    /// another id since.
    pub(crate) fn is_adopted(&self, vm: VmId) -> bool {
        let mark = |row: &VmRow| row.adopted.as_ref().and_then(|adopted| adopted.mark);
        self.rows.values().any(|row| mark(row) == Some(vm))
    }

    /// The VM of ours that this is, by its tag. A copy of one of ours, tag and
    /// all, has another lasting name and is not it.
    fn tagged(&self, provider: ProviderId, vm: &ObservedVm) -> Option<VmId> {
        let tag = vm.tag.as_ref()?;
        let row = self.rows.get(&tag.vm)?;
        let here = row.provider.is_none_or(|p| p == provider);
        let same = row.external_ref.as_ref().is_none_or(|r| *r == vm.external_ref);
        (here && same).then_some(tag.vm)
    }
}

/// Things of `seen` that have no id yet.
pub(super) fn unidentified(state: &State, provider: ProviderId, seen: &Seen) -> Vec<Identity> {
    let vms = seen.vms.values().filter(|vm| state.needs_id(provider, vm));
    let mut missing: Vec<_> =
        vms.map(|vm| Identity::new(Kind::Vm, provider, &vm.external_ref)).collect();
    let others = seen
        .hosts
        .keys()
        .map(|r| (Kind::Host, r))
        .chain(seen.pools.keys().map(|r| (Kind::Pool, r)))
        .chain(seen.networks.keys().map(|r| (Kind::Network, r)));
    missing.extend(
        others
            .filter(|(kind, external_ref)| state.known(*kind, provider, external_ref).is_none())
            .map(|(kind, external_ref)| Identity::new(kind, provider, external_ref)),
    );
    missing
}
