//! What a world holds. Plain data; the rules of a guest's life are in
//! [`super::guest`], those of volumes in [`crate::storage`].

use std::collections::BTreeMap;
use std::time::Duration;

use hostler_core::Timestamp;
use hostler_core::fact::Fact;
use hostler_core::host::{GuestSupport, MachineIds, ObservedHost};
use hostler_core::id::VmId;
use hostler_core::network::ObservedNetwork;
use hostler_core::storage::{ObservedPool, ObservedVolume};
use hostler_core::vm::PowerState;
use hostler_core::vm::devices::VolumeFormat;
use hostler_provider::{Change, Error, Kind, Result, VmRef, VolumeRef};

use super::migration::Record;
use super::setup::{HostSetup, NetworkSetup, PoolSetup};
use super::vm::{Guest, Vm};
use super::watchers::Watchers;
use crate::instance_types::Offer;

/// The source of every fact of a simulated world.
pub(crate) const SOURCE: &str = "sim";

/// A host and a name on it.
pub(crate) type OnHost = (String, String);

#[derive(Default)]
pub(crate) struct State {
    pub(crate) hosts: BTreeMap<String, Host>,
    /// By external reference.
    pub(crate) vms: BTreeMap<String, Vm>,
    pub(crate) pools: BTreeMap<OnHost, Pool>,
    /// Pools of other hosts that a host reaches under the same name.
    pub(crate) shared: BTreeMap<OnHost, OnHost>,
    pub(crate) networks: BTreeMap<OnHost, Network>,
    /// The latest first.
    pub(crate) migrations: Vec<Record>,
    /// How long a migration takes.
    pub(crate) migration_takes: Duration,
    /// Whether VMs that are put back get other volumes.
    pub(crate) disks_move_on_revert: bool,
    pub(crate) watchers: Watchers,
    /// Sizes of VMs, and what is filled in.
    pub(crate) offer: Offer,
    /// What kind of guest a new VM gets.
    pub(crate) default_guest: Guest,
    /// Whose VMs somebody else meddles with: how their names begin, and who.
    pub(crate) meddler: Option<(String, String)>,
    /// Changes not yet told, drained by `World::change`.
    pub(crate) told: Vec<Change>,
    /// What begins now and comes true later, drained by `World::change`.
    pub(crate) due: Vec<Due>,
}

/// A change of state that takes its time.
pub(crate) struct Due {
    pub(crate) after: Duration,
    pub(crate) vm: String,
    /// The life it belongs to; void when something else happened meanwhile.
    pub(crate) turn: u64,
    pub(crate) becomes: PowerState,
    pub(crate) reason: &'static str,
    /// The migration that ends with it.
    pub(crate) migration: Option<String>,
}

impl State {
    pub(crate) fn vm(&self, vm: &VmRef) -> Result<&Vm> {
        self.vms.get(&vm.external_ref).ok_or_else(|| no_such_vm(vm))
    }

    pub(crate) fn vm_mut(&mut self, vm: &VmRef) -> Result<&mut Vm> {
        self.vms.get_mut(&vm.external_ref).ok_or_else(|| no_such_vm(vm))
    }

    pub(crate) fn tagged(&self, id: VmId) -> Option<&Vm> {
        self.vms.values().find(|vm| vm.tag == Some(id))
    }

    pub(crate) fn pool(&self, host: &str, pool: &str) -> Result<&Pool> {
        self.pools.get(&self.home(host, pool)).ok_or_else(|| no_such_pool(host, pool))
    }

    /// Where the pool is that a host reaches under this name.
    pub(crate) fn home(&self, host: &str, pool: &str) -> OnHost {
        let asked = on(host, pool);
        self.shared.get(&asked).cloned().unwrap_or(asked)
    }

    /// The same volume, named by where its pool is.
    pub(crate) fn at_home(&self, volume: &VolumeRef) -> VolumeRef {
        let (host_ref, pool) = self.home(&volume.host_ref, &volume.pool);
        VolumeRef { host_ref, pool, name: volume.name.clone() }
    }

    /// Every pool, once for each host that reaches it.
    pub(crate) fn reachable(&self) -> impl Iterator<Item = (&OnHost, &Pool)> {
        let own = self.pools.iter().filter(|(place, _)| !self.shared.contains_key(*place));
        let shared = self.shared.iter();
        own.chain(shared.filter_map(|(place, home)| Some((place, self.pools.get(home)?))))
    }

    pub(crate) fn pool_mut(&mut self, host: &str, pool: &str) -> Result<&mut Pool> {
        let home = self.home(host, pool);
        self.pools.get_mut(&home).ok_or_else(|| no_such_pool(host, pool))
    }

    pub(crate) fn volume_mut(&mut self, volume: &VolumeRef) -> Result<&mut Volume> {
        self.pool_mut(&volume.host_ref, &volume.pool)?
            .volumes
            .get_mut(&volume.name)
            .ok_or_else(|| Error::new(Kind::NotFound, format!("there is no volume {volume}")))
    }

    pub(crate) fn volume(&self, volume: &VolumeRef) -> Result<&Volume> {
        self.pool(&volume.host_ref, &volume.pool)?
            .volumes
            .get(&volume.name)
            .ok_or_else(|| Error::new(Kind::NotFound, format!("there is no volume {volume}")))
    }

    /// The VM that a volume belongs to, if it belongs to one.
    pub(crate) fn user_of(&self, volume: &VolumeRef) -> Option<&Vm> {
        let asked = self.at_home(volume);
        self.vms.values().find(|vm| vm.volumes().any(|used| self.at_home(used) == asked))
    }

    /// Memory of a host in use by its live VMs, in bytes.
    pub(crate) fn live_memory(&self, host: &str) -> u64 {
        let live = self.vms.values().filter(|vm| vm.host == host && vm.power.is_live());
        live.map(|vm| vm.spec.memory.bytes).sum()
    }
}

pub(crate) fn on(host: &str, name: &str) -> OnHost {
    (host.to_owned(), name.to_owned())
}

pub(crate) fn no_such_vm(vm: &VmRef) -> Error {
    Error::new(Kind::NotFound, format!("there is no VM {vm}"))
}

fn no_such_pool(host: &str, pool: &str) -> Error {
    Error::new(Kind::NotFound, format!("host {host} has no pool \"{pool}\""))
}

pub(crate) struct Host {
    pub(crate) setup: HostSetup,
    /// Why it does not answer, if it does not.
    pub(crate) down: Option<String>,
    pub(crate) closed: Option<String>,
}

impl Host {
    pub(crate) fn observed(&self, name: &str, used: u64, now: Timestamp) -> ObservedHost {
        let setup = &self.setup;
        let guest = GuestSupport {
            arch: setup.arch.clone(),
            hypervisors: vec![SOURCE.to_owned()],
            machines: vec!["sim".to_owned()],
        };
        ObservedHost {
            external_ref: name.to_owned(),
            name: name.to_owned(),
            ids: MachineIds::default(),
            observed_at: now,
            arch: Fact::seen(setup.arch.clone(), SOURCE, now),
            cpu_model: Fact::seen("Simulated".to_owned(), SOURCE, now),
            cpu_count: Fact::seen(setup.cpu_count, SOURCE, now),
            memory_bytes: Fact::seen(setup.memory_bytes, SOURCE, now),
            memory_free_bytes: Fact::seen(setup.memory_bytes.saturating_sub(used), SOURCE, now),
            hypervisor: Fact::seen("Hostler simulator".to_owned(), SOURCE, now),
            guests: Fact::seen(vec![guest], SOURCE, now),
        }
    }
}

pub(crate) struct Pool {
    pub(crate) setup: PoolSetup,
    /// Bytes that something else than our volumes takes.
    pub(crate) foreign_bytes: u64,
    pub(crate) volumes: BTreeMap<String, Volume>,
}

impl Pool {
    pub(crate) fn available(&self) -> u64 {
        let used: u64 = self.volumes.values().map(|v| v.allocated_bytes).sum();
        self.setup.capacity_bytes.saturating_sub(used).saturating_sub(self.foreign_bytes)
    }

    pub(crate) fn observed(&self, host: &str, name: &str, now: Timestamp) -> ObservedPool {
        let (capacity, available) = (self.setup.capacity_bytes, self.available());
        ObservedPool {
            external_ref: format!("{host}/{name}"),
            host_ref: Some(host.to_owned()),
            name: name.to_owned(),
            kind: "dir".to_owned(),
            active: self.setup.active,
            observed_at: now,
            capacity_bytes: Fact::seen(capacity, SOURCE, now),
            allocated_bytes: Fact::seen(capacity - available, SOURCE, now),
            available_bytes: Fact::seen(available, SOURCE, now),
        }
    }
}

/// A volume. Its bytes are not kept, only their number and a checksum.
#[derive(Clone)]
pub(crate) struct Volume {
    pub(crate) format: VolumeFormat,
    pub(crate) capacity_bytes: u64,
    pub(crate) allocated_bytes: u64,
    pub(crate) checksum: u64,
    /// Whether filling it came to its end.
    pub(crate) complete: bool,
    /// Whether it was there before Hostler came.
    pub(crate) foreign: bool,
    /// Which filling it is of, so that a late one cannot write into a newer.
    pub(crate) filling: u64,
}

impl Volume {
    pub(crate) fn observed(&self, host: &str, pool: &str, name: &str) -> ObservedVolume {
        ObservedVolume {
            name: name.to_owned(),
            format: Some(self.format.as_str().to_owned()),
            capacity_bytes: self.capacity_bytes,
            allocated_bytes: self.allocated_bytes,
            path: Some(format!("/sim/{host}/{pool}/{name}")),
            backing: None,
        }
    }
}

pub(crate) struct Network {
    pub(crate) setup: NetworkSetup,
    /// Addresses given out so far.
    pub(crate) leases: u8,
}

impl Network {
    pub(crate) fn observed(&self, host: &str, name: &str, now: Timestamp) -> ObservedNetwork {
        let [a, b, c, _] = self.setup.subnet.octets();
        ObservedNetwork {
            external_ref: format!("{host}/{name}"),
            host_ref: Some(host.to_owned()),
            name: name.to_owned(),
            forward: "nat".to_owned(),
            bridge: Some(self.setup.bridge.clone()),
            active: true,
            autostart: true,
            subnets: vec![format!("{a}.{b}.{c}.0/24")],
            observed_at: now,
        }
    }
}
